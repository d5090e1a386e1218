//! Second factors: setting one up, signing in with it at the pages, and the operations that need
//! one.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use inventree_auth::domain::factors::totp;
use inventree_auth::store::AuditFilter;
use serde_json::{Value, json};
use test_support::{PASSWORD, Response, TestServer, confirmation_key};

const MFA_REQUIRED: &str = "MFA required for this user";

/// A browser with its cookies.
#[derive(Clone)]
pub struct Browser<'s> {
    pub server: &'s TestServer,
    pub cookies: BTreeMap<String, String>,
}

impl<'s> Browser<'s> {
    pub fn new(server: &'s TestServer) -> Browser<'s> {
        let cookies = [("csrftoken".to_owned(), "a".repeat(32))].into();
        Browser { server, cookies }
    }

    pub async fn send(&mut self, request: reqwest::RequestBuilder) -> Response {
        let pairs: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request
            .header("Cookie", pairs.join("; "))
            .header("X-CSRFToken", &self.cookies["csrftoken"]);
        let response = self.server.run(request).await;
        for line in response.headers.get_all("set-cookie") {
            let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        response
    }

    pub async fn get(&mut self, path: &str) -> Response {
        self.send(self.server.http.get(format!("{}/platform/api/{path}", self.server.base))).await
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Response {
        let request = self.server.http.post(format!("{}/platform/api/{path}", self.server.base));
        let request = request.header("Content-Type", "application/json").body(body.to_string());
        self.send(request).await
    }

    /// The first step.
    pub async fn password(&mut self) -> Response {
        self.post("login/", json!({ "username": "amy", "password": PASSWORD })).await
    }

    /// The second step.
    pub async fn code(&mut self, code: &str) -> Response {
        self.post("second-factor/", json!({ "code": code })).await
    }

    pub async fn user(&mut self) -> u16 {
        let request = self.server.http.get(format!("{}/api/auth/user/", self.server.base));
        self.send(request).await.status
    }

    /// Starts to set up a device: the response, and the secret.
    async fn begin(&mut self) -> (String, Vec<u8>) {
        let response = self.post("factors/totp/", json!({})).await;
        assert_eq!(response.status, 200, "{response:?}");
        let made = response.json();
        let secret =
            data_encoding::BASE32_NOPAD.decode(made["secret"].as_str().unwrap().as_bytes());
        (made["setup"].as_str().unwrap().to_owned(), secret.unwrap())
    }

    /// Sets up a device, and moves the clock on by two steps so that its next code is a new one.
    pub async fn add_device(&mut self) -> (Vec<u8>, Vec<String>) {
        let (setup, secret) = self.begin().await;
        let body = json!({ "setup": setup, "name": "phone", "code": now(self.server, &secret) });
        let response = self.post("factors/totp/confirm/", body).await;
        assert_eq!(response.status, 200, "{response:?}");
        self.server.clock.advance(Duration::seconds(60));
        let codes = response.json()["recovery_codes"].as_array().unwrap().clone();
        (secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
    }
}

/// The code of a device so many steps from now.
fn at(server: &TestServer, secret: &[u8], steps: i64) -> String {
    totp::code(secret, server.clock.stamp() / 30 + steps, totp::DIGITS)
}

pub fn now(server: &TestServer, secret: &[u8]) -> String {
    at(server, secret, 0)
}

/// Amy's server, and a browser in which she is signed in.
pub async fn amy(server: &TestServer) -> Browser<'_> {
    server.register("amy", "amy@example.com").await;
    let mut browser = Browser::new(server);
    assert_eq!(browser.password().await.status, 200);
    browser
}

fn basic() -> String {
    format!("Basic {}", STANDARD.encode(format!("amy:{PASSWORD}")))
}

pub async fn events(server: &TestServer) -> Vec<(String, String)> {
    server.flush_deferred().await;
    let all = server.app().store.read(|r| r.audit_list(&AuditFilter::default(), None)).await;
    all.unwrap().into_iter().map(|entry| (entry.event, entry.detail)).collect()
}

#[tokio::test]
async fn device_is_active_after_its_first_code() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    let (setup, secret) = browser.begin().await;
    let wrong = at(&server, &secret, 5);
    let response =
        browser.post("factors/totp/confirm/", json!({ "setup": setup, "code": wrong })).await;
    assert_eq!(response.status, 400);
    assert!(response.json()["code"][0].as_str().unwrap().contains("does not match"));
    assert_eq!(server.database.number("SELECT COUNT(*) FROM totp_devices"), 0);
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);

    let body = json!({ "setup": setup, "name": "phone", "code": now(&server, &secret) });
    let response = browser.post("factors/totp/confirm/", body.clone()).await;
    assert_eq!(response.json()["recovery_codes"].as_array().unwrap().len(), 10);
    let again = browser.post("factors/totp/confirm/", body).await;
    assert_eq!(again.status, 400, "one secret is one device");
    let listed = browser.get("factors/").await.json();
    assert_eq!(
        (&listed["factors"][0]["name"], &listed["recovery_codes"]),
        (&json!("phone"), &json!(10))
    );
    assert!(events(&server).await.contains(&("factor_added".to_owned(), "phone".to_owned())));
}

#[tokio::test]
async fn expired_or_foreign_factor_setup_is_refused() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    let (setup, secret) = browser.begin().await;
    server.register("bob", "").await;
    let mut other = Browser::new(&server);
    other.post("login/", json!({ "username": "bob", "password": PASSWORD })).await;
    let body = json!({ "setup": setup, "code": now(&server, &secret) });
    assert_eq!(other.post("factors/totp/confirm/", body).await.status, 400);
    server.clock.advance(Duration::minutes(16));
    browser.post("reauthenticate/", json!({ "password": PASSWORD })).await;
    let body = json!({ "setup": setup, "code": now(&server, &secret) });
    assert_eq!(browser.post("factors/totp/confirm/", body).await.status, 400);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM totp_devices"), 0);
}

#[tokio::test]
async fn factor_change_needs_recent_auth() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    let (secret, _) = browser.add_device().await;
    server.clock.advance(Duration::minutes(11));
    for path in ["factors/totp/", "factors/totp/confirm/", "factors/1/remove/", "recovery-codes/"] {
        let response = browser.post(path, json!({})).await;
        assert_eq!(response.status, 403, "{path}");
        assert!(response.header("www-authenticate").contains("insufficient_user_authentication"));
    }
    assert_eq!(browser.get("reauthenticate/").await.json()["code"], true);
    let code = now(&server, &secret);
    assert_eq!(browser.post("reauthenticate/", json!({ "code": "000000" })).await.status, 400);
    assert_eq!(browser.post("reauthenticate/", json!({ "code": code })).await.status, 200);
    assert_eq!(browser.post("recovery-codes/", json!({})).await.status, 200);
    assert!(events(&server).await.contains(&("reauthenticated".to_owned(), "totp".to_owned())));
}

#[tokio::test]
async fn second_factor_is_required_after_the_password() {
    let server = TestServer::start().await;
    let mut setup = amy(&server).await;
    let (secret, _) = setup.add_device().await;
    let mut browser = Browser::new(&server);
    let first = browser.password().await;
    assert_eq!((first.status, first.json()), (200, json!({ "second_factor": true })));
    assert!(first.cookie("sessionid").is_none() && first.cookie("device").is_none());
    assert_eq!(browser.user().await, 401);
    assert_eq!(
        browser.get("second-factor/").await.json(),
        json!({ "remember": false, "device": true, "passkey": null })
    );
    let wrong = browser.code(&at(&server, &secret, 9)).await;
    assert_eq!((wrong.status, wrong.json().get("code").is_some()), (400, true));
    assert_eq!(browser.user().await, 401);
    let spaced = now(&server, &secret);
    assert_eq!(browser.code(&format!("{} {}", &spaced[..3], &spaced[3..])).await.status, 200);
    assert_eq!(browser.user().await, 200);
    let events = events(&server).await;
    for event in ["second_factor_missing", "second_factor_failed"] {
        assert!(events.iter().any(|(name, _)| name == event), "{events:?}");
    }
    assert!(events.contains(&("login".to_owned(), "totp".to_owned())));
}

#[tokio::test]
async fn second_step_without_the_first_is_404() {
    let server = TestServer::start().await;
    let mut setup = amy(&server).await;
    let (secret, _) = setup.add_device().await;
    let mut browser = Browser::new(&server);
    assert_eq!(browser.code(&now(&server, &secret)).await.status, 404);
    browser.password().await;
    let mut forged = browser.clone();
    let cookie = forged.cookies.get_mut("second_factor").unwrap();
    let last = if cookie.ends_with('A') { 'B' } else { 'A' };
    cookie.replace_range(10..11, &last.to_string());
    assert_eq!(forged.code(&now(&server, &secret)).await.status, 404);
    let request = server.http.post(format!("{}/platform/api/second-factor/", server.base));
    let cookie = format!("second_factor={}", browser.cookies["second_factor"]);
    let body = json!({ "code": now(&server, &secret) }).to_string();
    let request = request.header("Cookie", cookie).header("Content-Type", "application/json");
    assert_eq!(server.run(request.body(body)).await.status, 403, "without its CSRF token");
    server.clock.advance(Duration::seconds(301));
    assert_eq!(browser.code(&now(&server, &secret)).await.status, 404, "after five minutes");
    browser.password().await;
    server.database.execute("UPDATE accounts SET password = '!' WHERE id = 1");
    assert_eq!(browser.code(&now(&server, &secret)).await.status, 404, "after a new password");
}

#[tokio::test]
async fn totp_code_works_once() {
    let server = TestServer::start().await;
    let mut setup = amy(&server).await;
    let (secret, _) = setup.add_device().await;
    let mut browser = Browser::new(&server);
    for (steps, status) in [(2, 400), (-2, 400), (0, 200), (0, 400), (-1, 400), (1, 200), (1, 400)]
    {
        browser.password().await;
        assert_eq!(browser.code(&at(&server, &secret, steps)).await.status, status, "{steps}");
    }
    // The clock went back: a used code stays used.
    let used = now(&server, &secret);
    server.clock.advance(Duration::seconds(-30));
    browser.password().await;
    assert_eq!(browser.code(&used).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_code_is_accepted_once_across_servers() {
    let server = TestServer::start().await;
    let mut setup = amy(&server).await;
    let (secret, recovery) = setup.add_device().await;
    let second = TestServer::at(&server.database).await;
    second.clock.advance(Duration::seconds(server.clock.stamp() - second.clock.stamp()));
    for code in [now(&server, &secret), recovery[0].clone()] {
        let mut browsers = Vec::new();
        for n in 0..16 {
            let mut browser = Browser::new(if n % 2 == 0 { &server } else { &second });
            browser.password().await;
            browsers.push(browser);
        }
        let codes = browsers.iter_mut().map(|browser| browser.code(&code));
        let responses = futures::future::join_all(codes).await;
        assert_eq!(
            test_support::count_by_status(&responses),
            BTreeMap::from([(200, 1), (400, 15)])
        );
    }
}

#[tokio::test]
async fn recovery_code_works_once_and_new_codes_replace_the_old() {
    let server = TestServer::start().await;
    let mut setup = amy(&server).await;
    let (_, codes) = setup.add_device().await;
    let mut browser = Browser::new(&server);
    for (code, status) in [
        (codes[0].clone(), 200),
        (codes[0].clone(), 400),
        (codes[1].to_uppercase().replace('-', " "), 200),
    ] {
        browser.password().await;
        assert_eq!(browser.code(&code).await.status, status, "{code}");
    }
    assert_eq!(browser.get("factors/").await.json()["recovery_codes"], 8);
    let renewed = browser.post("recovery-codes/", json!({})).await.json();
    assert_eq!(renewed["recovery_codes"].as_array().unwrap().len(), 10);
    browser.password().await;
    assert_eq!(browser.code(&codes[2]).await.status, 400);
    assert_eq!(browser.code(renewed["recovery_codes"][0].as_str().unwrap()).await.status, 200);
    let events = events(&server).await;
    assert!(events.contains(&("login".to_owned(), "recovery code".to_owned())), "{events:?}");
    assert!(events.contains(&("recovery_code_used".to_owned(), String::new())), "{events:?}");
}

#[tokio::test]
async fn removing_the_last_factor_deletes_recovery_codes() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    browser.add_device().await;
    let id = browser.get("factors/").await.json()["factors"][0]["id"].clone();
    server.register("bob", "").await;
    let mut other = Browser::new(&server);
    other.post("login/", json!({ "username": "bob", "password": PASSWORD })).await;
    assert_eq!(other.post(&format!("factors/{id}/remove/"), json!({})).await.status, 404);
    assert_eq!(browser.post(&format!("factors/{id}/remove/"), json!({})).await.status, 200);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM recovery_codes"), 0);
    assert_eq!(browser.post("recovery-codes/", json!({})).await.status, 400);
    assert_eq!(Browser::new(&server).password().await.json(), json!({}));
}

#[tokio::test]
async fn api_refuses_the_password_of_an_account_with_a_second_factor() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    let token = server.log_in("amy", PASSWORD).await.json()["key"].as_str().unwrap().to_owned();
    browser.add_device().await;
    let response = server.log_in("amy", PASSWORD).await;
    assert_eq!((response.status, response.json()), (403, json!({ "detail": MFA_REQUIRED })));
    assert_eq!(server.log_in("amy", "Wrong-Quartz-77").await.status, 400);
    assert_eq!(server.get("user/", &[("Authorization", &basic())]).await.status, 403);
    let token = format!("Token {token}");
    assert_eq!(server.get("user/", &[("Authorization", &token)]).await.status, 200);
}

#[tokio::test]
async fn browser_is_remembered_if_the_operator_allows_it() {
    let plain = TestServer::start().await;
    let mut browser = amy(&plain).await;
    let (secret, _) = browser.add_device().await;
    browser.password().await;
    let body = json!({ "code": now(&plain, &secret), "remember": "yes" });
    browser.post("second-factor/", body).await;
    assert!(!browser.cookies.contains_key("remembered"), "off by default");

    let server = TestServer::with(&[("LOGIN_MFA_REMEMBER", "true")]).await;
    let mut setup = amy(&server).await;
    let (secret, _) = setup.add_device().await;
    let mut browser = Browser::new(&server);
    browser.password().await;
    assert_eq!(browser.get("second-factor/").await.json()["remember"], true);
    let body = json!({ "code": now(&server, &secret), "remember": "yes" });
    browser.post("second-factor/", body).await;
    assert_eq!(browser.password().await.json(), json!({}));
    assert_eq!(Browser::new(&server).password().await.json(), json!({ "second_factor": true }));
    // Another factor, another password and the end of the month end it.
    let mut changed = browser.clone();
    setup.add_device().await;
    assert_eq!(changed.password().await.json(), json!({ "second_factor": true }));
    setup.post("factors/2/remove/", json!({})).await;
    assert_eq!(changed.password().await.json(), json!({}));
    server.clock.advance(Duration::days(30));
    assert_eq!(changed.password().await.json(), json!({ "second_factor": true }));
}

#[tokio::test]
async fn enforced_factor_must_be_set_up_first() {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    let server = TestServer::at_with(&server.database, &[("LOGIN_ENFORCE_MFA", "true")]).await;
    let authorization = [("Authorization", token.as_str())];
    assert_eq!(server.get("user/", &authorization).await.status, 403);
    let mut browser = Browser::new(&server);
    assert_eq!(browser.password().await.json(), json!({}));
    assert_eq!(browser.user().await, 403);
    for path in ["sessions/", "tokens/"] {
        assert_eq!(browser.get(path).await.json(), json!({ "detail": MFA_REQUIRED }), "{path}");
    }
    let mine = browser.get("factors/").await.json();
    assert_eq!((&mine["required"], &mine["factors"]), (&json!(true), &json!([])));
    let (secret, _) = browser.add_device().await;
    assert_eq!(browser.user().await, 200);
    assert_eq!(server.get("user/", &authorization).await.status, 200);
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 403);
    let mut again = Browser::new(&server);
    again.password().await;
    assert_eq!(again.code(&now(&server, &secret)).await.status, 200);
    assert_eq!(again.user().await, 200);
    let removed = again.post("factors/1/remove/", json!({})).await;
    assert_eq!(removed.status, 400, "the last one stays");
}

#[tokio::test]
async fn registration_page_under_enforcement_leads_to_factor_setup() {
    let server = TestServer::with(&[("LOGIN_ENFORCE_MFA", "true")]).await;
    let mut browser = Browser::new(&server);
    let body = json!({ "username": "amy", "password1": PASSWORD, "password2": PASSWORD });
    assert_eq!(browser.post("register/", body).await.status, 201);
    assert_eq!((browser.user().await, browser.get("factors/").await.status), (403, 200));
    let out = server.http.post(format!("{}/api/auth/logout/", server.base));
    assert_eq!(browser.send(out).await.status, 200);
    assert_eq!(browser.get("factors/").await.status, 403);
    assert!(!browser.cookies.contains_key("sessionid"));
}

#[tokio::test]
async fn codes_are_counted_per_account_and_client_like_passwords() {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    let mut setup = amy(&server).await;
    let (secret, _) = setup.add_device().await;
    let mut stranger = Browser::new(&server);
    stranger.password().await;
    let wrong = at(&server, &secret, 7);
    for _ in 0..10 {
        assert_eq!(stranger.code(&wrong).await.status, 400);
    }
    let refused = stranger.code(&now(&server, &secret)).await;
    assert_eq!(refused.status, 429);
    assert!(!refused.header("retry-after").is_empty());
    // A browser that has signed in before is counted by itself.
    setup.password().await;
    assert_eq!(setup.code(&now(&server, &secret)).await.status, 200);
}

#[tokio::test]
async fn secrets_and_recovery_codes_are_not_stored_in_clear() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    let (secret, codes) = browser.add_device().await;
    let hex = data_encoding::HEXLOWER.encode(&secret);
    let base32 = data_encoding::BASE32_NOPAD.encode(&secret);
    let texts = [hex, base32, codes[0].clone(), codes[0].replace('-', "")];
    let bytes = server.database.bytes();
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(holds(b"amy@example.com") && !holds(&secret));
    for text in texts {
        assert!(!holds(text.as_bytes()), "{text}");
    }
}

#[tokio::test]
async fn verified_addresses_are_notified_of_factors_recovery_codes_and_tokens() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    let proved = server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    assert_eq!(proved.status, 200);
    let told = async |subject: &str, line: &str| {
        let mail = server.take_mails(1).await.remove(0);
        let subject = format!("[InvenTree] {subject}");
        assert_eq!((mail.to.as_str(), mail.subject), ("amy@example.com", subject));
        assert!(mail.text.lines().any(|found| found.trim() == line), "{line}: {}", mail.text);
        let links: Vec<&str> = mail.text.lines().filter(|line| line.contains("http")).collect();
        assert_eq!(links, ["http://auth.example.com/platform/"]);
    };
    let mut browser_again = {
        browser.password().await;
        browser.clone()
    };
    let (_, codes) = browser_again.add_device().await;
    told("A second factor was added", "phone").await;
    browser.password().await;
    assert_eq!(browser.code(&codes[0]).await.status, 200);
    told("A recovery code was used", "Network: 127.0.0.1").await;
    let made = browser.post("tokens/", json!({ "name": "backup", "days": 30 })).await;
    assert_eq!(made.status, 200, "{made:?}");
    told("An API token was created", "backup").await;
    assert_eq!(browser.post("factors/1/remove/", json!({})).await.status, 200);
    told("A second factor was removed", "phone").await;
}
