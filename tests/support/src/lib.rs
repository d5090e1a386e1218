//! A real server in this process: port 0, a temporary database, email kept in memory, a manual
//! clock.
//!
//! Tests use the generated client or raw requests, not internals. All traffic is checked against
//! the document ([`contract`]).

pub mod authenticator;
pub mod binary;
pub mod contract;
pub mod database;
pub mod inventree;
pub mod mariadb;
pub mod package;
pub mod postgres;
mod private_ca;
pub mod provider;
mod relay;
pub mod smtp;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use database::TestDatabase;
use http_body_util::BodyExt;
use inventree_auth::config::Config;
use inventree_auth::domain::hashing::Cost;
use inventree_auth::domain::{App, Clock};
use inventree_auth::mail::Message;
use inventree_auth::mail::transport::Transport;
use inventree_auth::server::{self, Dependencies, Running};
use inventree_auth::store::StoreError;
use inventree_auth_client::{Client, Credentials, connect};
use reqwest::Method;
use serde_json::{Value, json};

/// Valid under every rule.
pub const PASSWORD: &str = "Zebra-Quartz-77";

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// `target/<profile>` of a test; `None` for any other program, which is not in `deps`.
pub fn profile_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?;
    folder.ends_with("deps").then(|| folder.parent().map(Path::to_owned))?
}

/// The folder for files of tests in the target folder, as in `CARGO_TARGET_TMPDIR`.
pub fn temporary_folder() -> Option<PathBuf> {
    Some(profile_folder()?.parent()?.join("tmp"))
}

/// A clock that only a test advances.
pub struct TestClock(Mutex<DateTime<Utc>>, AtomicBool);

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        assert!(!self.1.swap(false, Ordering::SeqCst), "the clock broke, as a test wanted");
        *self.0.lock().unwrap()
    }
}

impl TestClock {
    /// The next read of the clock panics.
    pub fn break_once(&self) {
        self.1.store(true, Ordering::SeqCst);
    }

    /// Unix time in seconds.
    pub fn stamp(&self) -> i64 {
        self.0.lock().unwrap().timestamp()
    }

    pub fn advance(&self, by: chrono::Duration) {
        *self.0.lock().unwrap() += by;
    }
}

/// Rarely changed settings.
pub struct Setup {
    pub transport: Option<Transport>,
    pub log: slog::Logger,
    pub provider_timeout: Duration,
}

impl Default for Setup {
    fn default() -> Setup {
        let log = slog::Logger::root(slog::Discard, slog::o!());
        Setup { transport: None, log, provider_timeout: inventree_auth::providers::STEP_TIMEOUT }
    }
}

pub struct TestServer {
    running: Option<Running>,
    pub base: String,
    pub clock: Arc<TestClock>,
    pub mails: Arc<Mutex<Vec<Message>>>,
    pub http: reqwest::Client,
    pub directory: tempfile::TempDir,
    pub database: TestDatabase,
    /// Violations found by the relay, which fail the test at its end.
    pub faults: relay::Faults,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let faults = self.faults.lock().unwrap();
        assert!(faults.is_empty() || std::thread::panicking(), "{}", faults.join("\n"));
    }
}

/// A complete response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
    /// Its cell in the coverage table.
    pub cell: Option<contract::Cell>,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The `Set-Cookie` lines of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
        lines
            .filter_map(|line| line.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, rest)| rest.to_owned())
    }

    pub fn cookie_value(&self, name: &str) -> String {
        self.cookie(name).unwrap_or_default().split(';').next().unwrap_or_default().to_owned()
    }
}

impl TestServer {
    /// Registration enabled, rate limits disabled, otherwise the defaults.
    pub async fn start() -> TestServer {
        TestServer::with(&[]).await
    }

    /// With these settings, named without their prefix.
    pub async fn with(settings: &[(&str, &str)]) -> TestServer {
        TestServer::with_transport(settings, None).await
    }

    /// With another transport for email.
    pub async fn with_transport(
        settings: &[(&str, &str)],
        transport: Option<Transport>,
    ) -> TestServer {
        TestServer::with_setup(settings, Setup { transport, ..Setup::default() }).await
    }

    pub async fn with_setup(settings: &[(&str, &str)], setup: Setup) -> TestServer {
        let directory = tempfile::tempdir().unwrap();
        let database = TestDatabase::new(directory.path());
        TestServer::launch(settings, setup, directory, database).await
    }

    /// On an existing database.
    pub async fn at(database: &TestDatabase) -> TestServer {
        TestServer::at_with(database, &[]).await
    }

    pub async fn at_with(database: &TestDatabase, settings: &[(&str, &str)]) -> TestServer {
        TestServer::launch(
            settings,
            Setup::default(),
            tempfile::tempdir().unwrap(),
            database.clone(),
        )
        .await
    }

    async fn launch(
        settings: &[(&str, &str)],
        setup: Setup,
        directory: tempfile::TempDir,
        database: TestDatabase,
    ) -> TestServer {
        let Setup { transport, log, provider_timeout } = setup;
        let of_database = database.settings();
        let mut values: BTreeMap<String, String> = [
            ("LOGIN_ENABLE_REG", "true"),
            ("RATE_LIMITS", "off"),
            ("SITE_URL", "http://auth.example.com"),
        ]
        .into_iter()
        .chain(of_database.iter().map(|(key, value)| (*key, value.as_str())))
        .chain(settings.iter().copied())
        .map(|(key, value)| (format!("INVENTREE_{key}"), value.to_owned()))
        .collect();
        values.retain(|_, value| !value.is_empty());
        let config = Config::load(None, values.into_iter()).unwrap();
        let clock = Arc::new(TestClock(
            Mutex::new(Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap()),
            AtomicBool::new(false),
        ));
        let mails = Arc::new(Mutex::new(Vec::new()));
        let dependencies = Dependencies {
            clock: clock.clone(),
            hash_cost: Cost::CHEAP,
            transport: Some(transport.unwrap_or_else(|| Transport::Memory(Arc::clone(&mails)))),
            provider_timeout,
            ..Dependencies::default()
        };
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let running = server::start(&config, any_port, &log, dependencies).await.unwrap();
        let base = format!("http://{}", running.address());
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        TestServer {
            running: Some(running),
            base,
            clock,
            mails,
            http,
            directory,
            database,
            faults: relay::Faults::default(),
        }
    }

    pub fn app(&self) -> &App {
        self.running.as_ref().unwrap().app()
    }

    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().address()
    }

    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.running.as_ref().unwrap().admin_address()
    }

    /// A request to the admin server.
    pub async fn admin(&self, path: &str) -> Response {
        let address = self.admin_address().unwrap();
        self.page(self.http.get(format!("http://{address}{path}"))).await
    }

    /// A request outside the contract, which is not checked against it.
    pub async fn page(&self, request: reqwest::RequestBuilder) -> Response {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Response { status, headers, body: response.bytes().await.unwrap().to_vec(), cell: None }
    }

    pub async fn stop(&mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }

    /// Waits until all deferred writes are done, by a write queued after them.
    pub async fn flush_deferred(&self) {
        self.app().store.write(|_| Ok::<_, StoreError>(())).await.unwrap();
    }

    /// The generated client, through a relay that checks its traffic.
    pub fn client(&self, credentials: &Credentials) -> Client {
        connect(
            &relay::start(self.http.clone(), self.base.clone(), Arc::clone(&self.faults)),
            credentials,
        )
        .unwrap()
    }

    /// A request to `/api/auth/<path>`; `null` for no body.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Response {
        let mut request = self.http.request(method, format!("{}/api/auth/{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.run(request).await
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.send(Method::GET, path, headers, Value::Null).await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Response {
        self.send(Method::POST, path, headers, body).await
    }

    pub async fn run(&self, request: reqwest::RequestBuilder) -> Response {
        exchange(request).await
    }

    /// Registers and returns the value of the Authorization header.
    pub async fn register(&self, username: &str, email: &str) -> String {
        let mut body =
            json!({ "username": username, "password1": PASSWORD, "password2": PASSWORD });
        if !email.is_empty() {
            body["email"] = json!(email);
        }
        let response = self.post("registration/", &[], body).await;
        assert_eq!(response.status, 201, "{response:?}");
        format!("Token {}", response.json()["key"].as_str().unwrap())
    }

    pub async fn log_in(&self, username: &str, password: &str) -> Response {
        self.post("login/", &[], json!({ "username": username, "password": password })).await
    }

    /// The next email to this address; earlier ones to others are dropped.
    pub async fn take_mail_to(&self, address: &str) -> Message {
        loop {
            if let Some(mail) = self.take_mails(1).await.into_iter().find(|mail| mail.to == address)
            {
                return mail;
            }
        }
    }

    /// The next email with this in its subject; earlier ones are dropped.
    pub async fn take_mail_about(&self, subject: &str) -> Message {
        loop {
            let mut mails = self.take_mails(1).await;
            if let Some(at) = mails.iter().position(|mail| mail.subject.contains(subject)) {
                let rest = mails.split_off(at + 1);
                self.mails.lock().unwrap().splice(0..0, rest);
                return mails.remove(at);
            }
        }
    }

    /// Waits for `count` emails in all, and takes them.
    pub async fn take_mails(&self, count: usize) -> Vec<Message> {
        for _ in 0..500 {
            if self.mails.lock().unwrap().len() >= count {
                return std::mem::take(&mut *self.mails.lock().unwrap());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{count} mails were expected, {} came", self.mails.lock().unwrap().len());
    }
}

/// Sends a request and checks both messages against the contract.
async fn exchange(request: reqwest::RequestBuilder) -> Response {
    let (client, request) = request.build_split();
    let mut request = request.unwrap();
    // Reads the body, which may be a stream, and puts it back.
    let body = match request.body_mut().take() {
        Some(body) => Some(body.collect().await.unwrap().to_bytes()),
        None => None,
    };
    *request.body_mut() = body.clone().map(Into::into);
    let (url, query) = (request.url(), request.url().query().map(|query| format!("?{query}")));
    let sent = contract::Request {
        method: request.method().to_string(),
        target: format!("{}{}", url.path(), query.unwrap_or_default()),
        headers: request.headers().clone(),
        body: body.unwrap_or_default().to_vec(),
    };
    let response = client.execute(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.unwrap().to_vec();
    let cell = contract::check(&sent, &contract::Reply { status, headers: &headers, body: &body });
    Response { status, headers, body, cell }
}

/// The key in a confirmation email.
pub fn confirmation_key(mail: &Message) -> String {
    let rest = mail.text.split_once("/accounts/confirm-email/").expect("a confirmation link").1;
    rest.split_once('/').unwrap().0.to_owned()
}

/// `uid` and `token` in a reset email.
pub fn reset_link(mail: &Message) -> (String, String) {
    let rest = mail.text.split_once("/platform/set-password?uid=").expect("a reset link").1;
    let (uid, rest) = rest.split_once("&token=").unwrap();
    (uid.to_owned(), rest.lines().next().unwrap().trim().to_owned())
}

/// Number of responses by status.
pub fn count_by_status(responses: &[Response]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for response in responses {
        *counts.entry(response.status).or_default() += 1;
    }
    counts
}

/// The n-th spelling of a name: each bit makes one letter upper-case.
pub fn spelling(name: &str, n: usize) -> String {
    let letters = name.chars().enumerate();
    letters.map(|(bit, c)| if n >> bit & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect()
}
