//! Sign-in through a provider: start, callback, the resulting account, and every check in between.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::TimeZone;
use inventree_auth::store::AuditFilter;
use reqwest::Method;
use serde_json::{Value, json};
use slog::Drain;
use test_support::provider::{CLIENT_ID, CLIENT_SECRET, Provider, Spoil, Who};
use test_support::{Answer, PASSWORD, Setup, TestServer, confirmation_key};

const SITE: &str = "http://auth.example.com";

/// The log lines of the server.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn logger(&self) -> slog::Logger {
        let drain = slog_bunyan::with_name("test", self.clone()).build();
        slog::Logger::root(Mutex::new(drain).fuse(), slog::o!())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Takes the lines and returns the reasons of refusals.
    pub(super) fn take_refusals(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter_map(|line| line["why"].as_str().map(str::to_owned)).collect()
    }
}

/// A server with the provider `company`.
pub(super) struct Fixture {
    pub(super) server: TestServer,
    pub(super) provider: Provider,
    pub(super) lines: Lines,
    /// Directories of servers that were stopped.
    pub(super) kept: Vec<tempfile::TempDir>,
}

impl Fixture {
    pub(super) async fn start() -> Fixture {
        Fixture::with(&[]).await
    }

    pub(super) async fn with(settings: &[(&str, &str)]) -> Fixture {
        let now = chrono::Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap().timestamp();
        let provider = Provider::start(now).await;
        let lines = Lines::default();
        let mut all = vec![
            ("LOGIN_ENABLE_SSO", "true"),
            ("LOGIN_ENABLE_SSO_REG", "true"),
            ("SSO_PRIVATE_NETWORKS", "127.0.0.1"),
            ("SSO_PROVIDERS", "company"),
            ("SSO_COMPANY_NAME", "The <Company>"),
            ("SSO_COMPANY_ISSUER", provider.issuer.as_str()),
            ("SSO_COMPANY_CLIENT_ID", CLIENT_ID),
            ("SSO_COMPANY_CLIENT_SECRET", CLIENT_SECRET),
        ];
        all.extend_from_slice(settings);
        let setup = Setup {
            log: lines.logger(),
            provider_timeout: Duration::from_secs(2),
            ..Setup::default()
        };
        let server = TestServer::with_setup(&all, setup).await;
        Fixture { server, provider, lines, kept: Vec::new() }
    }

    fn later(&self, seconds: i64) {
        self.server.clock.advance(chrono::Duration::seconds(seconds));
        self.provider.at(self.server.app().now().timestamp());
    }

    pub(super) fn browser(&self) -> Browser<'_> {
        Browser {
            fixture: self,
            session: String::new(),
            csrf: "a".repeat(32),
            ticket: String::new(),
        }
    }

    /// Row counts of every table that a sign-in can write.
    fn rows(&self) -> Vec<i64> {
        ["accounts", "email_addresses", "social_accounts", "sessions", "tokens", "outbox"]
            .iter()
            .map(|table| self.server.place.number(&format!("SELECT COUNT(*) FROM {table}")))
            .collect()
    }
}

/// A browser: its cookies and the actions of its user.
#[derive(Clone)]
pub(super) struct Browser<'w> {
    fixture: &'w Fixture,
    session: String,
    csrf: String,
    ticket: String,
}

impl Browser<'_> {
    async fn ask(&mut self, method: Method, path: &str, form: &[(&str, &str)]) -> Answer {
        let server = &self.fixture.server;
        let mut cookies = format!("csrftoken={}", self.csrf);
        for (name, value) in [("sessionid", &self.session), ("signin_ticket", &self.ticket)] {
            if !value.is_empty() {
                cookies.push_str(&format!("; {name}={value}"));
            }
        }
        let mut request = server
            .http
            .request(method.clone(), format!("{}{path}", server.base))
            .header("Cookie", cookies);
        if method == Method::POST {
            let mut sent = form_urlencoded::Serializer::new(String::new());
            sent.append_pair("csrfmiddlewaretoken", &self.csrf).extend_pairs(form);
            request = request
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(sent.finish());
        }
        let answer = server.page(request).await;
        for (name, kept) in [
            ("sessionid", &mut self.session),
            ("csrftoken", &mut self.csrf),
            ("signin_ticket", &mut self.ticket),
        ] {
            if answer.cookie(name).is_some() {
                *kept = answer.cookie_value(name);
            }
        }
        answer
    }

    /// Submits the button and returns the provider URL of the resulting page.
    async fn leave(&mut self, way: &str) -> String {
        let answer = self.ask(Method::POST, &format!("/api/auth/social/company/{way}/"), &[]).await;
        assert_eq!(answer.status, 200, "{}", text(&answer));
        leads_to(&answer)
    }

    /// Visits the provider and returns the callback URL without following it.
    async fn go(&mut self, way: &str, who: &Who) -> String {
        let there = self.leave(way).await;
        let back = self.fixture.provider.sign_in(&there, who);
        format!("{}?{}", back.path(), back.query().unwrap())
    }

    pub(super) async fn through(&mut self, way: &str, who: &Who) -> Answer {
        let back = self.go(way, who).await;
        self.ask(Method::GET, &back, &[]).await
    }

    async fn api(&self, path: &str) -> Value {
        let cookie = format!("sessionid={}", self.session);
        let answer = self.fixture.server.get(path, &[("Cookie", &cookie)]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn log_in(&mut self, username: &str) {
        let answer = self.fixture.server.log_in(username, PASSWORD).await;
        self.session = answer.cookie_value("sessionid");
        self.csrf = answer.cookie_value("csrftoken");
    }

    async fn disconnect(&self, id: i64) -> Answer {
        let cookie = format!("sessionid={}; csrftoken={}", self.session, self.csrf);
        let headers = [("Cookie", cookie.as_str()), ("X-CSRFToken", &self.csrf)];
        self.fixture.server.post(&format!("social/{id}/disconnect/"), &headers, Value::Null).await
    }
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// The redirect target of the page.
fn leads_to(answer: &Answer) -> String {
    let page = text(answer);
    let (_, rest) =
        page.split_once("<meta http-equiv=\"refresh\" content=\"0; url=").expect("a refresh");
    rest.split_once('"').unwrap().0.replace("&#38;", "&")
}

/// Asserts that the response is a page with this text and status.
pub(super) fn assert_page(answer: &Answer, status: u16, says: &str) {
    let page = text(answer);
    assert_eq!(answer.status, status, "{page}");
    assert!(answer.header("content-type").starts_with("text/html"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let policy = answer.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert_eq!(
        (answer.header("x-frame-options"), answer.header("referrer-policy")),
        ("DENY", "same-origin")
    );
    assert!(page.contains(says), "{page}");
}

pub(super) fn assert_at(answer: &Answer, target: &str) {
    assert_eq!((answer.status, answer.header("location")), (302, target), "{}", text(answer));
}

pub(super) fn amy() -> Who {
    Who::new(
        "amy-1",
        json!({
            "email": "Amy@Example.com", "email_verified": true, "preferred_username": "amy",
            "given_name": "Amy", "family_name": "Pond",
        }),
    )
}

#[tokio::test]
async fn providers_are_listed_as_they_are_configured() {
    let fixture = Fixture::with(&[("SSO_PROVIDERS", "company,google")]).await;
    let about = fixture.server.get("providers/", &[]).await.json()["results"][0].clone();
    assert_eq!((&about["sso_enabled"], &about["sso_registration"]), (&json!(true), &json!(true)));
    let way = |id: &str, what: &str| format!("{SITE}/api/auth/social/{id}/{what}/");
    let entry = |id: &str, name: &str, configured: bool| {
        json!({
            "id": id, "name": name, "configured": configured, "login": way(id, "login"),
            "connect": way(id, "connect"), "display_name": name,
        })
    };
    assert_eq!(
        about["providers"],
        json!([entry("company", "The <Company>", true), entry("google", "Google", false)])
    );
}

#[tokio::test]
async fn get_of_a_way_shows_its_page_and_opens_nothing() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let answer =
        browser.ask(Method::GET, "/api/auth/social/company/login/?next=/platform/", &[]).await;
    assert_page(&answer, 200, "Sign in with The &#60;Company&#62;");
    assert!(answer.cookie("csrftoken").is_some() && answer.cookie("signin_ticket").is_none());
    let connect = browser.ask(Method::GET, "/api/auth/social/company/connect/", &[]).await;
    assert_at(&connect, "/platform/login?next=/api/auth/social/company/connect/");
    assert_eq!(fixture.provider.asked("/.well-known/openid-configuration"), 0);
}

#[tokio::test]
async fn unknown_provider_is_as_unknown_as_any_path() {
    let fixture = Fixture::start().await;
    for path in [
        "social/other/login/",
        "social/other/connect/",
        "social/company/login",
        "social/COMPANY/login/",
    ] {
        assert_eq!(
            fixture.server.get(path, &[]).await.json()["detail"],
            "API endpoint not found",
            "{path}"
        );
    }
}

#[tokio::test]
async fn way_out_is_opened_only_by_a_page_of_this_site() {
    let fixture = Fixture::start().await;
    fixture.server.register("amy", "").await;
    let mut signed_in = fixture.browser();
    signed_in.log_in("amy").await;
    for (way, mut browser) in [("login", fixture.browser()), ("connect", signed_in)] {
        let url = format!("{}/api/auth/social/company/{way}/", fixture.server.base);
        let cookie = format!("sessionid={}; csrftoken={}", browser.session, browser.csrf);
        let request = fixture.server.http.post(&url).header("Cookie", &cookie);
        assert_page(&fixture.server.page(request).await, 403, "CSRF Failed: CSRF token missing.");
        let form = format!("csrfmiddlewaretoken={}", browser.csrf);
        let foreign = fixture
            .server
            .http
            .post(&url)
            .header("Cookie", &cookie)
            .header("Origin", "https://evil.example");
        let foreign =
            foreign.header("Content-Type", "application/x-www-form-urlencoded").body(form);
        assert_page(
            &fixture.server.page(foreign).await,
            403,
            "CSRF Failed: Origin checking failed",
        );
        assert!(browser.leave(way).await.starts_with(&fixture.provider.issuer));
    }
    let mut nobody = fixture.browser();
    let answer = nobody.ask(Method::POST, "/api/auth/social/company/connect/", &[]).await;
    assert_page(&answer, 403, "Authentication credentials were not provided.");
}

#[tokio::test]
async fn somebody_new_gets_an_account_and_the_same_one_again() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let answer = browser.through("login", &amy()).await;
    assert_at(&answer, "/platform/");
    let session = answer.cookie("sessionid").unwrap();
    assert!(session.contains("HttpOnly") && session.contains("SameSite=Lax"), "{session}");
    assert!(answer.cookie("signin_ticket").unwrap().contains("Max-Age=0"));
    let user = browser.api("user/").await;
    assert_eq!(
        user,
        json!({
            "pk": 1, "username": "amy", "email": "amy@example.com", "first_name": "Amy",
            "last_name": "Pond",
        })
    );
    let email = &browser.api("emails/").await["results"][0];
    assert_eq!((&email["verified"], &email["primary"]), (&json!(true), &json!(true)));
    let link = browser.api("social/").await["results"][0].clone();
    assert_eq!((&link["provider"], &link["uid"]), (&json!("company"), &json!("amy-1")));
    assert!(fixture.server.mails.lock().unwrap().is_empty());
    // No password works.
    assert_eq!(fixture.server.log_in("amy", "").await.status, 400);

    fixture.server.clock.advance(chrono::Duration::minutes(4));
    let mut other = fixture.browser();
    let renamed =
        Who::new("amy-1", json!({ "email": "new@example.com", "preferred_username": "doctor" }));
    assert_at(&other.through("login", &renamed).await, "/platform/");
    assert_eq!(other.api("user/").await, user);
    let seen = &other.api("social/").await["results"][0];
    assert_eq!(seen["date_joined"], link["date_joined"]);
    assert_ne!(seen["last_login"], link["last_login"]);
}

#[tokio::test]
async fn name_and_address_of_somebody_else_open_nothing() {
    let fixture = Fixture::start().await;
    fixture.server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&fixture.server.take_mails(1).await[0]);
    fixture.server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    // The same address, verified by the provider or not: no sign-in to the existing account, and
    // no second account.
    for is_verified in [true, false] {
        let before = fixture.rows();
        let mut claims = amy().claims;
        claims["email_verified"] = json!(is_verified);
        let mut browser = fixture.browser();
        let answer = browser.through("login", &Who::new("mallory", claims)).await;
        assert_page(&answer, 409, "An account with this email address already exists.");
        assert!(browser.session.is_empty());
        assert_eq!(fixture.rows(), before);
    }
    // The same username: another account.
    let mut browser = fixture.browser();
    browser.through("login", &Who::new("mallory", json!({ "preferred_username": "AMY" }))).await;
    assert_eq!(browser.api("user/").await["username"], "AMY2");
}

#[tokio::test]
async fn address_that_the_provider_has_not_verified_is_proved_by_mail() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let who = Who::new("amy-1", json!({ "email": "amy@example.com", "preferred_username": "amy" }));
    browser.through("login", &who).await;
    assert_eq!(browser.api("emails/").await["results"][0]["verified"], json!(false));
    let key = confirmation_key(&fixture.server.take_mails(1).await[0]);
    fixture.server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    assert_eq!(browser.api("emails/").await["results"][0]["verified"], json!(true));
}

#[tokio::test]
async fn address_that_is_none_is_left_out() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let claims =
        json!({ "email": "amy@example.com\r\nBcc: all@example.com", "email_verified": true });
    browser.through("login", &Who::new("amy-1", claims)).await;
    assert_eq!(browser.api("user/").await["email"], "");
    assert_eq!(browser.api("emails/").await["count"], 0);
}

#[tokio::test]
async fn claims_that_only_the_user_info_has_count_too() {
    let fixture = Fixture::start().await;
    fixture.provider.lean();
    let mut browser = fixture.browser();
    browser.through("login", &amy()).await;
    let user = browser.api("user/").await;
    assert_eq!((&user["username"], &user["email"]), (&json!("amy"), &json!("amy@example.com")));
    assert_eq!(browser.api("emails/").await["results"][0]["verified"], json!(true));
}

#[tokio::test]
async fn signed_in_person_connects_lists_disconnects_and_connects_again() {
    let fixture = Fixture::start().await;
    fixture.server.register("rory", "amy@example.com").await;
    let mut browser = fixture.browser();
    browser.log_in("rory").await;
    for _ in 0..2 {
        assert_at(&browser.through("connect", &amy()).await, "/platform/?done=connect");
        // A repetition changes nothing.
        assert_at(&browser.through("connect", &amy()).await, "/platform/?done=connect");
        let links = browser.api("social/").await;
        assert_eq!(links["count"], 1);
        let mut elsewhere = fixture.browser();
        assert_at(&elsewhere.through("login", &amy()).await, "/platform/");
        assert_eq!(elsewhere.api("user/").await["username"], "rory");
        let gone = browser.disconnect(links["results"][0]["id"].as_i64().unwrap()).await;
        assert_eq!((gone.status, gone.json()), (200, json!({})));
        assert_eq!(browser.api("social/").await["count"], 0);
    }
    let written = fixture
        .server
        .app()
        .store
        .read(|r| r.audit_list(&AuditFilter::default(), None))
        .await
        .unwrap();
    let written = written
        .iter()
        .rev()
        .map(|entry| (entry.event.as_str(), entry.detail.as_str(), entry.count));
    // Within a minute: repeats increment the counter of the first rows.
    let expected = [
        ("registered", "", 1),
        ("login", "", 1),
        ("provider_connected", "company", 2),
        ("login", "company", 2),
        ("provider_disconnected", "company", 2),
    ];
    assert_eq!(written.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn proved_addresses_are_told_of_a_connected_provider() {
    let fixture = Fixture::start().await;
    fixture.server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&fixture.server.take_mails(1).await[0]);
    fixture.server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    let mut browser = fixture.browser();
    browser.log_in("amy").await;
    browser.through("connect", &Who::new("amy-1", json!({}))).await;
    let mail = fixture.server.take_mails(1).await.remove(0);
    let subject = "[InvenTree] A Sign-in Provider Was Connected";
    assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("amy@example.com", subject));
    assert!(
        mail.text.lines().any(|line| line == "    amy") && mail.text.contains("UTC"),
        "{}",
        mail.text
    );
}

#[tokio::test]
async fn account_has_twenty_links_at_most() {
    let fixture = Fixture::start().await;
    fixture.server.register("rory", "").await;
    let mut browser = fixture.browser();
    browser.log_in("rory").await;
    for n in 0..20 {
        fixture.server.place.execute(&format!(
            "INSERT INTO social_accounts (account_id, provider, uid, last_login, date_joined, \
             extra_data)
             VALUES (1, 'company', 'rory-{n}', 0, 0, '{{}}')"
        ));
    }
    assert_page(&browser.through("connect", &amy()).await, 409, "the maximum number of providers");
    // One that is there already is no new one.
    assert_at(
        &browser.through("connect", &Who::new("rory-1", json!({}))).await,
        "/platform/?done=connect",
    );
    assert_eq!(browser.disconnect(1).await.status, 200);
    assert_at(&browser.through("connect", &amy()).await, "/platform/?done=connect");
}

#[tokio::test]
async fn last_way_in_stays() {
    let fixture = Fixture::with(&[("SSO_PROVIDERS", "company,keycloak")]).await;
    let mut browser = fixture.browser();
    browser.through("login", &amy()).await;
    let refused = browser.disconnect(1).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .starts_with("Your account has no password set up.")
    );
    // A link through a provider that is not enabled does not count as a login method.
    let link = "INSERT INTO social_accounts (account_id, provider, uid, last_login, date_joined, \
        extra_data)
                VALUES (1, 'keycloak', 'x', 0, 0, '{}')";
    fixture.server.place.execute(link);
    assert_eq!(browser.disconnect(1).await.status, 400);
    // A second link of an enabled provider does.
    browser.through("connect", &Who::new("amy-2", json!({}))).await;
    assert_eq!(browser.disconnect(1).await.status, 200);
    assert_eq!(browser.disconnect(3).await.status, 400);
}

#[tokio::test]
async fn link_of_another_account_is_not_taken_over() {
    let fixture = Fixture::start().await;
    fixture.browser().through("login", &amy()).await;
    fixture.server.register("rory", "").await;
    let mut rory = fixture.browser();
    rory.log_in("rory").await;
    let before = fixture.rows();
    assert_page(&rory.through("connect", &amy()).await, 409, "connected to another account here");
    assert_eq!(fixture.rows(), before);
}

#[tokio::test]
async fn provider_is_connected_in_the_browser_of_its_session_alone() {
    let fixture = Fixture::start().await;
    for name in ["mallory", "rory"] {
        fixture.server.register(name, "").await;
    }
    let mut mallory = fixture.browser();
    mallory.log_in("mallory").await;
    // Rory is signed in at the provider; his browser follows the callback of Mallory's sign-in.
    let back = mallory.go("connect", &amy()).await;
    let mut rory = fixture.browser();
    rory.log_in("rory").await;
    rory.ticket = mallory.ticket.clone();
    let mut nobody = fixture.browser();
    nobody.ticket = mallory.ticket.clone();
    fixture.lines.take_refusals();
    assert_page(
        &rory.ask(Method::GET, &back, &[]).await,
        400,
        "This sign-in was not started in this browser",
    );
    assert_eq!(fixture.lines.take_refusals(), ["invalid sign-in state: session mismatch"]);
    assert_page(&nobody.ask(Method::GET, &back, &[]).await, 403, "Your session has ended.");
    assert_eq!((fixture.rows()[2], fixture.provider.asked("/token")), (0, 0));
    assert_at(&mallory.ask(Method::GET, &back, &[]).await, "/platform/?done=connect");
}

/// A Strict session cookie is not sent with a redirect from the provider's site.
#[tokio::test]
async fn provider_is_connected_where_session_cookies_are_strict() {
    let fixture = Fixture::with(&[("COOKIE_SAMESITE", "Strict")]).await;
    fixture.server.register("rory", "").await;
    let mut browser = fixture.browser();
    browser.log_in("rory").await;
    let back = browser.go("connect", &amy()).await;
    let session = std::mem::take(&mut browser.session);
    let hop = browser.ask(Method::GET, &back, &[]).await;
    assert_page(&hop, 200, "Coming back from the provider");
    let again = leads_to(&hop);
    assert_eq!(again, format!("{back}&own=1"));
    assert_page(
        &browser.clone().ask(Method::GET, &again, &[]).await,
        403,
        "Your session has ended.",
    );
    browser.session = session;
    assert_at(&browser.ask(Method::GET, &again, &[]).await, "/platform/?done=connect");
}

#[tokio::test]
async fn old_session_connects_no_provider_without_its_password() {
    let fixture = Fixture::start().await;
    fixture.server.register("rory", "").await;
    let mut browser = fixture.browser();
    browser.log_in("rory").await;
    fixture.later(601);
    let refused = browser.ask(Method::POST, "/api/auth/social/company/connect/", &[]).await;
    assert_page(&refused, 403, "Enter your password again");
    assert!(browser.ticket.is_empty());
    let form = [("password", PASSWORD)];
    assert_eq!(browser.ask(Method::POST, "/platform/api/reauthenticate/", &form).await.status, 200);
    assert_at(&browser.through("connect", &amy()).await, "/platform/?done=connect");
}

#[tokio::test]
async fn account_without_a_password_proves_itself_through_its_provider() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    browser.through("login", &amy()).await;
    fixture.later(601);
    let state = browser.ask(Method::GET, "/platform/api/reauthenticate/", &[]).await;
    assert_eq!(
        state.json(),
        json!({ "recent": false, "password": false, "code": false, "passkey": null })
    );
    let refused = browser.ask(Method::POST, "/api/auth/social/company/connect/", &[]).await;
    assert_page(&refused, 403, "sign in again");
    assert_at(&browser.through("login", &amy()).await, "/platform/");
    assert_at(
        &browser.through("connect", &Who::new("amy-2", json!({}))).await,
        "/platform/?done=connect",
    );
}

#[tokio::test]
async fn form_of_a_new_account_is_posted_by_this_site_alone() {
    let fixture = Fixture::with(&[("LOGIN_SIGNUP_SSO_AUTO", "false")]).await;
    let mut browser = fixture.browser();
    browser.through("login", &amy()).await;
    let before = fixture.rows();
    let path = format!("{}/accounts/social/signup/", fixture.server.base);
    for (name, value) in
        [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example"), ("Origin", "null")]
    {
        let request = fixture.server.http.post(&path).header(name, value);
        let cookie = format!("csrftoken={}; signin_ticket={}", browser.csrf, browser.ticket);
        let form = format!("csrfmiddlewaretoken={}&username=eve", browser.csrf);
        let request = request
            .header("Cookie", cookie)
            .header("Content-Type", "application/x-www-form-urlencoded");
        let answer = fixture.server.page(request.body(form)).await;
        assert_page(&answer, 403, "CSRF Failed: Origin checking failed");
        assert!(answer.cookie("sessionid").is_none());
    }
    assert_eq!(fixture.rows(), before);
}

#[tokio::test]
async fn ticket_is_the_hosts_alone_on_https() {
    let fixture = Fixture::with(&[("SITE_URL", "https://auth.example.com")]).await;
    let csrf = "a".repeat(32);
    let request =
        fixture.server.http.post(format!("{}/api/auth/social/company/login/", fixture.server.base));
    let request = request
        .header("Cookie", format!("csrftoken={csrf}"))
        .header("Origin", "https://auth.example.com");
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    let answer = fixture.server.page(request.body(format!("csrfmiddlewaretoken={csrf}"))).await;
    let cookie = answer.cookie("__Host-signin_ticket").unwrap();
    let (ticket, flags) = cookie.split_once(';').unwrap();
    assert_eq!(flags, " Max-Age=600; HttpOnly; Path=/; SameSite=Lax; Secure");
    let back = fixture.provider.sign_in(&leads_to(&answer), &amy());
    let back = format!("{}{}?{}", fixture.server.base, back.path(), back.query().unwrap());
    // A sibling host can set the unprefixed name; that cookie is ignored.
    let plain = fixture.server.http.get(&back).header("Cookie", format!("signin_ticket={ticket}"));
    assert_page(
        &fixture.server.page(plain).await,
        400,
        "This sign-in was not started in this browser",
    );
    let own =
        fixture.server.http.get(&back).header("Cookie", format!("__Host-signin_ticket={ticket}"));
    let done = fixture.server.page(own).await;
    assert_at(&done, "/platform/");
    assert!(done.cookie("__Host-signin_ticket").unwrap().contains("Max-Age=0"), "{done:?}");
}

#[tokio::test]
async fn session_that_ended_meanwhile_connects_nothing() {
    let fixture = Fixture::start().await;
    fixture.server.register("rory", "").await;
    let mut browser = fixture.browser();
    browser.log_in("rory").await;
    let back = browser.go("connect", &amy()).await;
    let cookie = format!("sessionid={}; csrftoken={}", browser.session, browser.csrf);
    let headers = [("Cookie", cookie.as_str()), ("X-CSRFToken", &browser.csrf)];
    assert_eq!(fixture.server.post("logout/", &headers, Value::Null).await.status, 200);
    assert_page(&browser.ask(Method::GET, &back, &[]).await, 403, "Your session has ended.");
    assert_eq!(fixture.rows()[2], 0);
}

#[tokio::test]
async fn settings_close_what_they_name_and_nothing_is_written() {
    for (setting, says) in [
        (("LOGIN_ENABLE_SSO", "false"), "Sign-in through this provider is disabled."),
        (("SSO_COMPANY_CLIENT_ID", ""), "Sign-in through this provider is disabled."),
    ] {
        let fixture = Fixture::with(&[setting]).await;
        let answer =
            fixture.browser().ask(Method::POST, "/api/auth/social/company/login/", &[]).await;
        assert_page(&answer, 403, says);
        assert_eq!(fixture.provider.asked("/.well-known/openid-configuration"), 0);
    }
    let fixture = Fixture::with(&[("LOGIN_ENABLE_SSO_REG", "false")]).await;
    let before = fixture.rows();
    let says = "This server does not create accounts through a provider.";
    assert_page(&fixture.browser().through("login", &amy()).await, 403, says);
    assert_eq!(fixture.rows(), before);
}

#[tokio::test]
async fn account_that_no_password_opens_is_not_opened_by_a_provider_either() {
    let fixture = Fixture::start().await;
    fixture.browser().through("login", &amy()).await;
    let device = "INSERT INTO totp_devices (account_id, name, confirmed, secret, created) VALUES \
        (1, '', TRUE, '', 0)";
    fixture.server.place.execute(device);
    let asked = fixture.browser().through("login", &amy()).await;
    assert_eq!(asked.header("location"), "/platform/second-factor?next=%2Fplatform%2F");
    assert!(asked.cookie("sessionid").is_none() && asked.cookie("second_factor").is_some());
    fixture.server.place.execute("DELETE FROM totp_devices");
    fixture.server.place.execute("UPDATE accounts SET is_active = FALSE");
    assert_page(
        &fixture.browser().through("login", &amy()).await,
        403,
        "This account is inactive.",
    );
}

#[tokio::test]
async fn form_asks_what_the_provider_did_not_say() {
    let fixture = Fixture::with(&[("LOGIN_MAIL_REQUIRED", "true")]).await;
    fixture.server.register("taken", "taken@example.com").await;
    fixture.server.take_mails(1).await;
    while fixture.rows()[5] > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = fixture.rows();
    let mut browser = fixture.browser();
    let nameless = Who::new("amy-1", json!({ "preferred_username": "taken", "given_name": "Amy" }));
    assert_at(&browser.through("login", &nameless).await, "/accounts/social/signup/");
    let page = browser.ask(Method::GET, "/accounts/social/signup/", &[]).await;
    assert_page(&page, 200, "name=\"username\"");
    assert!(text(&page).contains("value=\"taken2\""), "{}", text(&page));
    for (username, email, says) in [
        ("taken", "amy@example.com", "A user with that username already exists."),
        ("", "amy@example.com", "This field may not be blank."),
        ("a b", "amy@example.com", "Enter a valid username."),
        (&"a".repeat(151), "amy@example.com", "Ensure this field has no more than 150 characters."),
        ("amy", "", "This field may not be blank."),
        ("amy", "amy@", "Enter a valid email address."),
    ] {
        let form = [("username", username), ("email", email)];
        assert_page(&browser.ask(Method::POST, "/accounts/social/signup/", &form).await, 400, says);
    }
    assert_eq!(fixture.rows(), before);
    let form = [("username", "amy"), ("email", "Amy@Example.com")];
    let (mut again, answer) =
        (browser.clone(), browser.ask(Method::POST, "/accounts/social/signup/", &form).await);
    assert_eq!((answer.status, answer.header("location")), (303, "/platform/"));
    let user = browser.api("user/").await;
    assert_eq!((&user["username"], &user["first_name"]), (&json!("amy"), &json!("Amy")));
    assert_eq!(browser.api("emails/").await["results"][0]["verified"], json!(false));
    assert_eq!(fixture.server.take_mails(1).await[0].to, "amy@example.com");
    let other = [("username", "amy-too"), ("email", "a@example.com")];
    assert_page(
        &again.ask(Method::POST, "/accounts/social/signup/", &other).await,
        400,
        "was already used",
    );
}

#[tokio::test]
async fn form_is_shown_where_accounts_are_not_made_by_themselves_and_keeps_what_is_proved() {
    let fixture = Fixture::with(&[("LOGIN_SIGNUP_SSO_AUTO", "false")]).await;
    for (subject, email, is_verified) in
        [("1", "amy@example.com", true), ("2", "else@example.com", false)]
    {
        let mut browser = fixture.browser();
        let mut claims = amy().claims;
        claims["email"] = json!(if subject == "1" { "amy@example.com" } else { "two@example.com" });
        assert_at(
            &browser.through("login", &Who::new(subject, claims)).await,
            "/accounts/social/signup/",
        );
        let name = format!("person{subject}");
        let form = [("username", name.as_str()), ("email", email)];
        assert_eq!(browser.ask(Method::POST, "/accounts/social/signup/", &form).await.status, 303);
        let row = &browser.api("emails/").await["results"][0];
        assert_eq!((&row["email"], &row["verified"]), (&json!(email), &json!(is_verified)));
    }
}

#[tokio::test]
async fn address_of_another_domain_makes_no_account_by_itself() {
    let fixture = Fixture::with(&[("LOGIN_SIGNUP_MAIL_RESTRICTION", "@company.example")]).await;
    let mut browser = fixture.browser();
    assert_at(&browser.through("login", &amy()).await, "/accounts/social/signup/");
    let form = [("username", "amy"), ("email", "amy@example.com")];
    let answer = browser.ask(Method::POST, "/accounts/social/signup/", &form).await;
    assert_page(&answer, 400, "The provided email domain is not approved.");
}

/// Each check on its own: without it, the sign-in would succeed.
#[tokio::test]
async fn each_spoilt_answer_is_refused_logged_once_and_writes_nothing() {
    let fixture = Fixture::start().await;
    fixture.browser().through("login", &Who::new("first", json!({}))).await;
    let before = fixture.rows();
    fixture.lines.take_refusals();
    for (spoil, status, why) in [
        (Spoil::Nonce, 403, "nonce"),
        (Spoil::NoNonce, 403, "nonce"),
        (Spoil::Issuer, 403, "issuer"),
        (Spoil::Audience, 403, "audience"),
        (Spoil::AuthorizedParty, 403, "another client"),
        (Spoil::AlgNone, 403, "algorithm"),
        (Spoil::AlgShared, 403, "algorithm"),
        (Spoil::Expired, 403, "expired"),
        (Spoil::IssuedLater, 403, "future"),
        (Spoil::NotYet, 403, "not valid yet"),
        (Spoil::NotBeforeGarbage, 403, "nbf"),
        (Spoil::WrongKey, 403, "signature"),
        (Spoil::KeyInHeader, 403, "signature"),
        (Spoil::ChangedClaims, 403, "signature"),
        (Spoil::AccessTokenHash, 403, "at_hash"),
        (Spoil::NoSubject, 403, "subject of 0"),
        (Spoil::LongSubject, 403, "subject of 256"),
        (Spoil::NullInSubject, 403, "null character"),
        (Spoil::NoIdToken, 403, "no ID token"),
        (Spoil::TokenGarbage, 502, "token endpoint"),
        (Spoil::TokenStatus, 502, ""),
        (Spoil::TokenRedirect, 502, ""),
        (Spoil::TokenHuge, 502, "more than"),
        (Spoil::Slow, 502, "no answer"),
        (Spoil::Down, 502, ""),
    ] {
        let mut browser = fixture.browser();
        let back = browser.go("login", &amy()).await;
        fixture.provider.spoil(spoil);
        let answer = browser.ask(Method::GET, &back, &[]).await;
        fixture.provider.spoil(Spoil::Nothing);
        assert_page(&answer, status, "role=\"alert\"");
        assert!(browser.session.is_empty() && browser.ticket.is_empty(), "{spoil:?}");
        assert_eq!(fixture.rows(), before, "{spoil:?}");
        let refusals = fixture.lines.take_refusals();
        assert_eq!(refusals.len(), 1, "{spoil:?}: {refusals:?}");
        assert!(
            refusals[0].to_lowercase().contains(&why.to_lowercase()),
            "{spoil:?}: {refusals:?}"
        );
    }
    // The same browser and user without the manipulation.
    assert_at(&fixture.browser().through("login", &amy()).await, "/platform/");
}

const SILENT: &str = "The &#60;Company&#62; isn&#39;t responding.";
const INVALID: &str = "The &#60;Company&#62; sent an invalid response.";

#[tokio::test]
async fn spoilt_document_opens_no_way_and_is_asked_for_again_later() {
    for (spoil, text, why) in [
        (Spoil::DocumentGarbage, INVALID, "provider metadata"),
        (Spoil::DocumentIssuer, INVALID, "unexpected issuer"),
        (Spoil::DocumentKeysAt, INVALID, "not a public address"),
        (Spoil::Slow, SILENT, "no answer"),
        (Spoil::Down, SILENT, "openid-configuration"),
    ] {
        let fixture = Fixture::start().await;
        fixture.provider.spoil(spoil);
        let started = Instant::now();
        let path = "/api/auth/social/company/login/";
        let answer = fixture.browser().ask(Method::POST, path, &[]).await;
        assert_page(&answer, 502, text);
        assert!(started.elapsed() < Duration::from_secs(5), "{spoil:?}");
        let refusals = fixture.lines.take_refusals();
        assert!(refusals.len() == 1 && refusals[0].contains(why), "{refusals:?}");
        fixture.provider.spoil(Spoil::Nothing);
        fixture.server.clock.advance(chrono::Duration::seconds(6));
        assert!(fixture.browser().leave("login").await.starts_with(&fixture.provider.issuer));
    }
}

#[tokio::test]
async fn provider_that_is_slow_holds_up_nobody_else() {
    let fixture = Fixture::start().await;
    let token = fixture.server.register("rory", "").await;
    fixture.provider.spoil(Spoil::Slow);
    let waiting =
        async { fixture.browser().ask(Method::POST, "/api/auth/social/company/login/", &[]).await };
    let others = async {
        for _ in 0..20 {
            assert_eq!(fixture.server.get("user/", &[("Authorization", &token)]).await.status, 200);
        }
        Instant::now()
    };
    let (answer, others_done) = tokio::join!(
        async {
            let answer = waiting.await;
            (answer, Instant::now())
        },
        others
    );
    assert_page(&answer.0, 502, SILENT);
    assert!(others_done < answer.1);
}

#[tokio::test]
async fn answer_belongs_to_one_browser_one_time_and_one_provider() {
    let fixture = Fixture::with(&[
        ("SSO_PROVIDERS", "company,other"),
        ("SSO_OTHER_ISSUER", "https://id.example.com"),
        ("SSO_OTHER_CLIENT_ID", CLIENT_ID),
    ])
    .await;
    let before = fixture.rows();
    let refused = async |browser: &mut Browser<'_>, path: &str, why: &str| {
        let answer = browser.ask(Method::GET, path, &[]).await;
        assert_page(&answer, 400, "This sign-in was not started in this browser");
        let refusals = fixture.lines.take_refusals();
        assert_eq!(refusals, [format!("invalid sign-in state: {why}")]);
        assert!(browser.session.is_empty());
    };
    let mut browser = fixture.browser();
    let back = browser.go("login", &amy()).await;
    fixture.lines.take_refusals();
    // Another browser: without a ticket, and with its own.
    refused(&mut fixture.browser(), &back, "no ticket").await;
    let mut mallory = fixture.browser();
    mallory.leave("login").await;
    refused(&mut mallory.clone(), &back, "state mismatch").await;
    // A state that is changed, sent twice, or missing.
    let (path, query) = back.split_once('?').unwrap();
    let without: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("state=")).collect();
    refused(&mut browser.clone(), &format!("{path}?{}", without.join("&")), "state mismatch").await;
    refused(&mut browser.clone(), &format!("{path}?state=x&{query}"), "state mismatch").await;
    refused(&mut browser.clone(), &format!("{back}x"), "state mismatch").await;
    // A changed ticket.
    let mut changed = browser.clone();
    changed.ticket.replace_range(50..51, if &changed.ticket[50..51] == "A" { "B" } else { "A" });
    refused(&mut changed, &back, "ticket was not sealed by this server").await;
    // The callback of another provider.
    let mixed_up = back.replace("/accounts/company/", "/accounts/other/");
    refused(&mut browser.clone(), &mixed_up, "ticket for another provider").await;
    // Expired.
    let mut late = fixture.browser();
    let back_late = late.go("login", &amy()).await;
    assert_eq!(fixture.rows(), before);

    // Single use, for both the ticket and the code.
    let mut kept = browser.clone();
    assert_at(&browser.ask(Method::GET, &back, &[]).await, "/platform/");
    fixture.lines.take_refusals();
    refused(&mut kept, &back, "ticket already used").await;
    let after = fixture.rows();
    let mut other = fixture.browser();
    let fresh = other.go("login", &amy()).await;
    let state = fresh.split('&').find(|pair| pair.starts_with("state=")).unwrap();
    let code = query.split('&').find(|pair| pair.starts_with("code=")).unwrap();
    let answer = other.ask(Method::GET, &format!("{path}?{code}&{state}"), &[]).await;
    assert_page(&answer, 400, "The &#60;Company&#62; rejected this sign-in.");
    assert!(fixture.lines.take_refusals()[0].contains("invalid_grant"));
    assert_eq!(fixture.rows(), after);

    fixture.server.clock.advance(chrono::Duration::seconds(600));
    refused(&mut late, &back_late, "expired ticket").await;
}

#[tokio::test]
async fn code_of_another_sign_in_fails_by_its_verifier() {
    let fixture = Fixture::start().await;
    let (mut victim, mut thief) = (fixture.browser(), fixture.browser());
    let stolen = victim.go("login", &amy()).await;
    let own = thief.go("login", &Who::new("thief", json!({}))).await;
    let code = stolen.split(['?', '&']).find(|pair| pair.starts_with("code=")).unwrap();
    let state = own.split(['?', '&']).find(|pair| pair.starts_with("state=")).unwrap();
    let before = fixture.rows();
    fixture.lines.take_refusals();
    let injected = format!("/accounts/company/login/callback/?{code}&{state}");
    assert_page(
        &thief.ask(Method::GET, &injected, &[]).await,
        400,
        "The &#60;Company&#62; rejected this sign-in.",
    );
    assert_eq!(fixture.lines.take_refusals().len(), 1);
    assert_eq!(fixture.rows(), before);
}

#[tokio::test]
async fn provider_errors_are_counted_by_provider_and_reason() {
    let fixture = Fixture::with(&[("METRICS_BIND", "127.0.0.1:0")]).await;
    let (mut victim, mut thief) = (fixture.browser(), fixture.browser());
    let stolen = victim.go("login", &amy()).await;
    let own = thief.go("login", &Who::new("thief", json!({}))).await;
    let code = stolen.split(['?', '&']).find(|pair| pair.starts_with("code=")).unwrap();
    let state = own.split(['?', '&']).find(|pair| pair.starts_with("state=")).unwrap();
    let injected = format!("/accounts/company/login/callback/?{code}&{state}");
    assert_eq!(thief.ask(Method::GET, &injected, &[]).await.status, 400);
    let metrics = String::from_utf8(fixture.server.admin("/metrics").await.body).unwrap();
    let sample =
        "inventree_auth_provider_errors_total{provider=\"company\",reason=\"refused\"} 1\n";
    assert!(metrics.contains(sample), "{metrics}");
}

#[tokio::test]
async fn answer_names_its_issuer_where_the_provider_does() {
    let fixture = Fixture::start().await;
    fixture.provider.names_itself();
    let mut browser = fixture.browser();
    assert_at(&browser.through("login", &amy()).await, "/platform/");
    for spoil in [true, false] {
        let mut browser = fixture.browser();
        let back = browser.go("login", &amy()).await;
        let (rest, _) = back.split_once("&iss=").unwrap();
        let spoilt = if spoil {
            format!("{rest}&iss=https%3A%2F%2Fother.example.com")
        } else {
            rest.to_owned()
        };
        let before = fixture.rows();
        assert_page(
            &browser.ask(Method::GET, &spoilt, &[]).await,
            403,
            "The response of The &#60;Company&#62; failed verification.",
        );
        assert_eq!(fixture.rows(), before);
    }
}

#[tokio::test]
async fn next_leads_to_no_other_site() {
    let fixture = Fixture::start().await;
    for next in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "evil@evil.example",
        "/@evil.example:x",
        "/%2f/evil.example",
        " /platform/",
        &format!("/{}", "a".repeat(500)),
    ] {
        let mut browser = fixture.browser();
        let form = [("next", next)];
        fixture.lines.take_refusals();
        let answer = browser.ask(Method::POST, "/api/auth/social/company/login/", &form).await;
        assert_page(&answer, 400, "must be a path of this site");
        assert_eq!(fixture.lines.take_refusals(), ["next to another site"], "{next}");
        assert!(browser.ticket.is_empty());
    }
    let mut browser = fixture.browser();
    let form = [("next", "/api-doc/?q=user")];
    let there =
        leads_to(&browser.ask(Method::POST, "/api/auth/social/company/login/", &form).await);
    let back = fixture.provider.sign_in(&there, &amy());
    let back = format!("{}?{}", back.path(), back.query().unwrap());
    assert_at(&browser.ask(Method::GET, &back, &[]).await, "/api-doc/?q=user");
}

#[tokio::test]
async fn person_who_declines_is_told_so_and_stays_out() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let back = browser.go("login", &amy()).await;
    let state = back.split('&').find(|pair| pair.starts_with("state=")).unwrap();
    let path = format!(
        "/accounts/company/login/callback/?error=access_denied&error_description=%3Cb%3E&{state}"
    );
    let answer = browser.ask(Method::GET, &path, &[]).await;
    assert_page(&answer, 403, "The provider ended the sign-in (access_denied).");
    assert!(!text(&answer).contains("<b>"));
    assert!(browser.session.is_empty());
}

#[tokio::test]
async fn head_of_the_way_back_uses_nothing_up() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let back = browser.go("login", &amy()).await;
    assert_eq!(browser.ask(Method::HEAD, &back, &[]).await.status, 200);
    assert_at(&browser.ask(Method::GET, &back, &[]).await, "/platform/");
}

#[tokio::test]
async fn new_key_of_the_provider_is_found_and_its_document_is_kept() {
    let fixture = Fixture::start().await;
    fixture.browser().through("login", &amy()).await;
    fixture.browser().through("login", &amy()).await;
    assert_eq!(fixture.provider.asked("/.well-known/openid-configuration"), 1);
    fixture.provider.rotate_key();
    fixture.server.clock.advance(chrono::Duration::seconds(31));
    assert_at(&fixture.browser().through("login", &amy()).await, "/platform/");
    assert_eq!(fixture.provider.asked("/.well-known/openid-configuration"), 2);
}

#[tokio::test]
async fn github_says_who_somebody_is_by_its_api() {
    let company = Provider::start(0).await;
    let fixture = Fixture::with(&[
        ("SSO_PROVIDERS", "github"),
        ("SSO_COMPANY_NAME", ""),
        ("SSO_COMPANY_ISSUER", ""),
        ("SSO_COMPANY_CLIENT_ID", ""),
        ("SSO_COMPANY_CLIENT_SECRET", ""),
        ("SSO_GITHUB_ISSUER", &company.issuer),
        ("SSO_GITHUB_CLIENT_ID", CLIENT_ID),
        ("SSO_GITHUB_CLIENT_SECRET", CLIENT_SECRET),
    ])
    .await;
    let who = Who::new(
        "",
        json!({
            "user": { "id": 583_231, "login": "octocat", "name": "Mona Lisa Octocat" },
            "emails": [
                { "email": "spam@example.com", "primary": false, "verified": true },
                { "email": "mona@example.com", "primary": true, "verified": true },
            ],
        }),
    );
    for _ in 0..2 {
        let mut browser = fixture.browser();
        let answer = browser.ask(Method::POST, "/api/auth/social/github/login/", &[]).await;
        let back = company.sign_in(&leads_to(&answer), &who);
        let back = format!("{}?{}", back.path(), back.query().unwrap());
        assert_at(&browser.ask(Method::GET, &back, &[]).await, "/platform/");
        assert_eq!(
            browser.api("user/").await,
            json!({
                "pk": 1, "username": "octocat", "email": "mona@example.com", "first_name": "Mona",
                "last_name": "Lisa Octocat",
            })
        );
        assert_eq!(browser.api("social/").await["results"][0]["uid"], "583231");
    }
    let mut browser = fixture.browser();
    let answer = browser.ask(Method::POST, "/api/auth/social/github/login/", &[]).await;
    let back = company.sign_in(&leads_to(&answer), &who);
    company.spoil(Spoil::Down);
    let back = format!("{}?{}", back.path(), back.query().unwrap());
    assert_page(&browser.ask(Method::GET, &back, &[]).await, 502, "GitHub isn&#39;t responding.");
}

#[tokio::test]
async fn what_is_secret_is_in_no_log_and_no_row() {
    let fixture = Fixture::start().await;
    let mut browser = fixture.browser();
    let back = browser.go("login", &amy()).await;
    let ticket = browser.ticket.clone();
    browser.ask(Method::GET, &back, &[]).await;
    let code =
        back.split(['?', '&']).find_map(|pair| pair.strip_prefix("code=")).unwrap().to_owned();
    let state =
        back.split(['?', '&']).find_map(|pair| pair.strip_prefix("state=")).unwrap().to_owned();
    let mut kept = fixture.lines.text().into_bytes();
    kept.extend(fixture.server.place.bytes());
    let access = format!("access-{code}");
    for secret in [CLIENT_SECRET, &code, &state, &ticket, &access, &browser.session] {
        let found = kept.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret}");
    }
}

#[tokio::test]
async fn ticket_is_only_for_the_way_back() {
    let fixture =
        Fixture::with(&[("COOKIE_SAMESITE", "Strict"), ("SESSION_COOKIE_SECURE", "true")]).await;
    let mut browser = fixture.browser();
    let answer = browser.ask(Method::POST, "/api/auth/social/company/login/", &[]).await;
    let ticket = answer.cookie("signin_ticket").unwrap();
    let (_, flags) = ticket.split_once(';').unwrap();
    // Strict would not be sent with the redirect from the provider.
    assert_eq!(flags, " Max-Age=600; HttpOnly; Path=/accounts/; SameSite=Lax; Secure");
    assert!(ticket.len() < 1500, "{}", ticket.len());
}

#[tokio::test]
async fn sign_ins_that_succeed_are_not_limited() {
    let fixture = Fixture::with(&[("RATE_LIMITS", "on")]).await;
    for _ in 0..70 {
        let mut browser = fixture.browser();
        assert_at(&browser.through("login", &amy()).await, "/platform/");
    }
    let mut failed = 0;
    let mut browser = fixture.browser();
    while browser
        .ask(Method::GET, "/accounts/company/login/callback/?state=x&code=y", &[])
        .await
        .status
        != 429
    {
        failed += 1;
        assert!(failed <= 60);
    }
    assert_eq!(failed, 60);
    // Starting a sign-in still works, as does the rest of the API.
    browser.leave("login").await;
    fixture.server.register("bob", "").await;
}

/// The members that a provider documents for its responses, in the shapes that it sends.
struct Documented {
    provider: &'static str,
    metadata: Value,
    tokens: Value,
    /// Beside the standard claims, which it can replace.
    id_token: Value,
    user_info: Value,
    /// The username, the address with its proof, and the name of the new account.
    account: (&'static str, &'static str, bool, &'static str),
}

fn documented() -> Vec<Documented> {
    let named = json!({ "given_name": "Amy", "family_name": "Pond", "name": "Amy Pond" });
    let provider = |provider, id_token: Value, account| Documented {
        provider,
        metadata: json!({}),
        tokens: json!({ "scope": "openid email profile" }),
        id_token: merged(named.clone(), &id_token),
        user_info: json!({}),
        account,
    };
    let proved = ("amy", "amy@example.com", true, "Amy Pond");
    let nothing = Value::Null;
    vec![
        provider(
            "Google",
            json!({ "azp": CLIENT_ID, "hd": "example.com", "email": "amy@example.com",
                "email_verified": true, "picture": "https://example.com/a.png", "jti": "1" }),
            proved,
        ),
        Documented {
            tokens: json!({ "ext_expires_in": 3600, "refresh_token": "r", "foci": "1" }),
            ..provider(
                "Microsoft 2.0",
                json!({ "ver": "2.0", "oid": "o", "tid": "t", "uti": "u", "rh": "0.AA",
                    "email": "amy@example.com", "preferred_username": "amy@example.com",
                    "xms_edov": "1", "at_hash": nothing }),
                ("amy@example.com", "amy@example.com", false, "Amy Pond"),
            )
        },
        Documented {
            tokens: json!({ "expires_in": "3600", "ext_expires_in": "3600", "expires_on": "1",
                "not_before": "1", "resource": "00000002" }),
            ..provider(
                "Microsoft 1.0",
                json!({ "ver": "1.0", "amr": "[\"pwd\"]", "ipaddr": "192.0.2.1", "upn": "amy@example.com",
                    "unique_name": "amy@example.com", "email": "amy@example.com",
                    "auth_time": "1700000000", "at_hash": nothing }),
                ("amy", "amy@example.com", false, "Amy Pond"),
            )
        },
        provider(
            "Okta",
            json!({ "ver": 1, "jti": "ID.1", "amr": ["mfa", "pwd"], "idp": "00o", "auth_time": 1,
                "preferred_username": "amy", "email": "amy@example.com", "email_verified": true,
                "updated_at": 1, "zoneinfo": "Europe/London", "locale": "en-GB" }),
            proved,
        ),
        provider(
            "Auth0",
            json!({ "nickname": "amy", "updated_at": "2026-03-01T12:00:00.000Z",
                "email": "amy@example.com", "email_verified": true, "sid": "s",
                "https://example.com/roles": ["a"] }),
            proved,
        ),
        Documented {
            user_info: json!({ "username": "amy", "email_verified": "true",
                "phone_number_verified": "false", "email": "amy@example.com" }),
            ..provider(
                "Amazon Cognito",
                json!({ "cognito:username": "amy", "cognito:groups": ["a"], "token_use": "id",
                    "event_id": "e", "identities": [{ "userId": "1", "primary": "true" }],
                    "email_verified": "true", "address": "1 Main Street" }),
                proved,
            )
        },
        provider(
            "Keycloak",
            json!({ "azp": CLIENT_ID, "typ": "ID", "acr": "1", "sid": "s", "session_state": "s",
                "preferred_username": "amy", "email": "amy@example.com", "email_verified": true,
                "realm_access": { "roles": [] }, "address": {} }),
            proved,
        ),
        provider(
            "Zitadel",
            json!({ "aud": [CLIENT_ID, "another-client", "project"], "azp": CLIENT_ID,
                "amr": ["pwd", "mfa", "otp"], "client_id": CLIENT_ID, "c_hash": "x",
                "preferred_username": "amy", "email": "amy@example.com", "email_verified": true,
                "urn:zitadel:iam:org:project:roles": { "admin": {} }, "updated_at": 1 }),
            proved,
        ),
        provider(
            "Authentik",
            json!({ "acr": "goauthentik.io/providers/oauth2/default", "amr": ["pwd"], "uid": "u",
                "nickname": "amy", "preferred_username": "amy", "groups": ["authentik Admins"],
                "email": "amy@example.com", "email_verified": true }),
            proved,
        ),
        Documented {
            user_info: json!({ "preferred_username": "amy", "email": "amy@example.com",
                "email_verified": true, "alt_emails": ["a@example.com"], "groups": ["dev"],
                "rat": 1, "updated_at": 1 }),
            ..provider(
                "Authelia",
                json!({ "aud": [CLIENT_ID], "azp": CLIENT_ID, "amr": ["pwd"], "jti": "j", "rat": 1 }),
                proved,
            )
        },
        provider(
            "GitLab",
            json!({ "sub_legacy": "x", "nickname": "amy", "preferred_username": "amy",
                "email": "amy@example.com", "email_verified": true, "groups_direct": ["a/b"],
                "profile": "https://example.com/amy", "auth_time": 1 }),
            proved,
        ),
        Documented {
            metadata: json!({ "scopes_supported": "openid", "claims_supported": null,
                "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"],
                "response_types_supported": { "code": true }, "ui_locales_supported": 1 }),
            tokens: json!({ "token_type": 1, "expires_in": "soon", "scope": ["openid"] }),
            ..provider(
                "odd shapes everywhere else",
                json!({ "preferred_username": "amy", "email": "amy@example.com",
                    "email_verified": true, "amr": "pwd", "auth_time": "yesterday",
                    "address": "here", "phone_number_verified": "no", "locale": ["en"],
                    "updated_at": null, "zoneinfo": 5, "birthdate": 1990 }),
                proved,
            )
        },
    ]
}

/// `more` over `value`; null removes a member.
pub(super) fn merged(mut value: Value, more: &Value) -> Value {
    for (name, member) in more.as_object().unwrap() {
        let members = value.as_object_mut().unwrap();
        match member {
            Value::Null => drop(members.remove(name)),
            member => drop(members.insert(name.clone(), member.clone())),
        }
    }
    value
}

#[tokio::test]
async fn responses_as_providers_document_them_sign_their_users_in() {
    for (number, documented) in documented().into_iter().enumerate() {
        let fixture = Fixture::start().await;
        let Documented { provider, metadata, tokens, id_token, user_info, account } = documented;
        fixture.provider.change(Box::new(move |path, text| {
            let more = match path {
                "/.well-known/openid-configuration" => &metadata,
                "/token" => &tokens,
                "/claims" => &id_token,
                "/userinfo" => &user_info,
                _ => return text.into_bytes(),
            };
            merged(serde_json::from_str(&text).unwrap(), more).to_string().into_bytes()
        }));
        let mut browser = fixture.browser();
        let answer = browser.through("login", &Who::new(&format!("s-{number}"), json!({}))).await;
        assert!(
            browser.session.len() > 9,
            "{provider}: {} {}",
            text(&answer),
            fixture.lines.text()
        );
        let (username, email, is_proved, name) = account;
        let user = browser.api("user/").await;
        assert_eq!(user["username"], username, "{provider}");
        let full_name = format!("{} {}", user["first_name"], user["last_name"]).replace('"', "");
        assert_eq!(full_name, name, "{provider}");
        let addresses = browser.api("emails/").await;
        assert_eq!(addresses["results"][0]["email"], email, "{provider}");
        assert_eq!(addresses["results"][0]["verified"], is_proved, "{provider}");
    }
}

#[tokio::test]
async fn further_audiences_need_an_authorized_party() {
    let fixture = Fixture::start().await;
    for (claims, why) in [
        (json!({ "aud": [CLIENT_ID, "another"] }), "no azp"),
        (json!({ "aud": [CLIENT_ID, "another"], "azp": "another" }), "azp"),
        (json!({ "aud": ["another"], "azp": CLIENT_ID }), "aud"),
        (json!({ "aud": { "a": CLIENT_ID } }), "aud"),
        (json!({ "azp": [CLIENT_ID] }), "azp"),
        (json!({ "exp": "99999999999" }), "exp is not a number"),
        (json!({ "exp": null }), "exp is missing"),
        (json!({ "iss": null }), "iss"),
        (json!({ "sub": 5 }), "subject of 0"),
        (json!({ "nonce": ["a"] }), "nonce"),
        (json!({ "at_hash": 5 }), "at_hash"),
    ] {
        let more = claims.clone();
        fixture.provider.change(Box::new(move |path, text| match path {
            "/claims" => merged(serde_json::from_str(&text).unwrap(), &more).to_string().into(),
            _ => text.into_bytes(),
        }));
        let answer = fixture.browser().through("login", &amy()).await;
        assert_page(&answer, 403, "role=\"alert\"");
        let refusals = fixture.lines.take_refusals();
        assert!(refusals.len() == 1 && refusals[0].contains(why), "{claims}: {refusals:?}");
    }
}
