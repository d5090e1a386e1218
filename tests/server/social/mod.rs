//! Sign-in through a provider: start, callback, the resulting account, and every check in between.

mod browsers;
mod connecting;
mod documented;
mod edge_cases;
mod refusals;
mod sign_in;
mod sign_up;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::TimeZone;
use inventree_auth::store::AuditFilter;
use reqwest::Method;
use serde_json::{Value, json};
use slog::Drain;
use test_support::provider::{CLIENT_ID, CLIENT_SECRET, Provider, Spoil, Who};
use test_support::{PASSWORD, Response, Setup, TestServer, confirmation_key};

const SITE: &str = "http://auth.example.com";

/// The log lines of the server.
#[derive(Clone, Default)]
pub(super) struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl LogBuffer {
    pub(super) fn logger(&self) -> slog::Logger {
        let drain = slog_bunyan::with_name("test", self.clone()).build();
        slog::Logger::root(Mutex::new(drain).fuse(), slog::o!())
    }

    pub(super) fn text(&self) -> String {
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
    pub(super) lines: LogBuffer,
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
        let lines = LogBuffer::default();
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
            .map(|table| self.server.database.number(&format!("SELECT COUNT(*) FROM {table}")))
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
    pub(super) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> Response {
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
        let response = server.page(request).await;
        for (name, kept) in [
            ("sessionid", &mut self.session),
            ("csrftoken", &mut self.csrf),
            ("signin_ticket", &mut self.ticket),
        ] {
            if response.cookie(name).is_some() {
                *kept = response.cookie_value(name);
            }
        }
        response
    }

    /// Submits the button and returns the provider URL of the resulting page.
    async fn leave(&mut self, way: &str) -> String {
        let response =
            self.ask(Method::POST, &format!("/api/auth/social/company/{way}/"), &[]).await;
        assert_eq!(response.status, 200, "{}", text(&response));
        leads_to(&response)
    }

    /// Visits the provider and returns the callback URL without following it.
    async fn go(&mut self, way: &str, who: &Who) -> String {
        let there = self.leave(way).await;
        let back = self.fixture.provider.sign_in(&there, who);
        format!("{}?{}", back.path(), back.query().unwrap())
    }

    pub(super) async fn through(&mut self, way: &str, who: &Who) -> Response {
        let back = self.go(way, who).await;
        self.ask(Method::GET, &back, &[]).await
    }

    async fn api(&self, path: &str) -> Value {
        let cookie = format!("sessionid={}", self.session);
        let response = self.fixture.server.get(path, &[("Cookie", &cookie)]).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    }

    async fn log_in(&mut self, username: &str) {
        let response = self.fixture.server.log_in(username, PASSWORD).await;
        self.session = response.cookie_value("sessionid");
        self.csrf = response.cookie_value("csrftoken");
    }

    async fn disconnect(&self, id: i64) -> Response {
        let cookie = format!("sessionid={}; csrftoken={}", self.session, self.csrf);
        let headers = [("Cookie", cookie.as_str()), ("X-CSRFToken", &self.csrf)];
        self.fixture.server.post(&format!("social/{id}/disconnect/"), &headers, Value::Null).await
    }
}

fn text(response: &Response) -> String {
    String::from_utf8(response.body.clone()).unwrap()
}

/// The redirect target of the page.
fn leads_to(response: &Response) -> String {
    let page = text(response);
    let (_, rest) =
        page.split_once("<meta http-equiv=\"refresh\" content=\"0; url=").expect("a refresh");
    rest.split_once('"').unwrap().0.replace("&#38;", "&")
}

/// Asserts that the response is a page with this text and status.
pub(super) fn assert_page(response: &Response, status: u16, says: &str) {
    let page = text(response);
    assert_eq!(response.status, status, "{page}");
    assert!(response.header("content-type").starts_with("text/html"), "{response:?}");
    assert_eq!(response.header("cache-control"), "no-store");
    let policy = response.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert_eq!(
        (response.header("x-frame-options"), response.header("referrer-policy")),
        ("DENY", "same-origin")
    );
    assert!(page.contains(says), "{page}");
}

pub(super) fn assert_at(response: &Response, target: &str) {
    assert_eq!((response.status, response.header("location")), (302, target), "{}", text(response));
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
