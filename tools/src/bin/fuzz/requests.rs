//! Whole requests, mutated, to a server in this process: no 5xx and no panic.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use inventree_auth::config::Config;
use inventree_auth::domain::accounts::Grant;
use inventree_auth::domain::client::Client;
use inventree_auth::domain::hashing::Cost;
use inventree_auth::domain::operation::{Actor, Operation};
use inventree_auth::domain::passwords::Password;
use inventree_auth::domain::registration::{Registration, register};
use inventree_auth::domain::sessions::SessionId;
use inventree_auth::domain::tokens::TokenKey;
use inventree_auth::mail::transport::Transport;
use inventree_auth::server::{self, Dependencies};
use inventree_auth::store::Database;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::mutation::Mutator;

/// Requests per round. Revoked sessions, tokens and passwords are replaced for the next round.
const ROUND: u64 = 4000;
/// Concurrent connections; more would overflow the hashing queue.
const MAX_CONNECTIONS: usize = 8;
/// A request without a response by then is incomplete, and the server still waits for its end.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(30);

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=x";
const PASSWORDS: &str =
    r#"{"new_password1":"Violet-Anchor-58","new_password2":"Violet-Anchor-58"}"#;

/// Method, path, content type, body: every operation, and pages of every kind.
const TEMPLATES: &[(&str, &str, &str, &str)] = &[
    ("POST", "/api/auth/login/", JSON, r#"{"username":"NAME","password":"Zebra-Quartz-77"}"#),
    (
        "POST",
        "/api/auth/login/",
        MULTIPART,
        "--x\r\nContent-Disposition: form-data; \
         name=\"username\"\r\n\r\nNAME\r\n--x\r\nContent-Disposition: form-data; \
         name=\"password\"\r\n\r\nZebra-Quartz-77\r\n--x--\r\n",
    ),
    ("POST", "/platform/api/login/", JSON, r#"{"username":"NAME","password":"Zebra-Quartz-77"}"#),
    ("POST", "/platform/api/reauthenticate/", JSON, r#"{"password":"Zebra-Quartz-77"}"#),
    ("POST", "/api/auth/logout/", "", ""),
    ("GET", "/api/auth/logout/", "", ""),
    ("POST", "/api/auth/password/change/", JSON, PASSWORDS),
    ("POST", "/api/auth/password/reset/", FORM, "email=NAME%40example.com"),
    (
        "POST",
        "/api/auth/password/reset/confirm/",
        JSON,
        r#"{"uid":"1","token":"c8-0a","new_password1":"Violet-1-x","new_password2":"Violet-1-x"}"#,
    ),
    ("GET", "/api/auth/providers/", "", ""),
    (
        "POST",
        "/api/auth/registration/",
        JSON,
        concat!(
            r#"{"username":"NAMEx","email":"NAMEx@example.com","#,
            r#""password1":"Zebra-Quartz-77","password2":"Zebra-Quartz-77"}"#,
        ),
    ),
    (
        "POST",
        "/api/auth/registration/",
        FORM,
        "username=NAMEy&password1=Zebra-Quartz-77&password2=Zebra-Quartz-77",
    ),
    ("POST", "/api/auth/registration/resend-email/", JSON, r#"{"email":"NAME@example.com"}"#),
    ("POST", "/api/auth/registration/verify-email/", JSON, r#"{"key":"MQ:1abc:AAAA"}"#),
    ("GET", "/api/auth/registration/account-confirm-email/MQ:1abc:AAAA/", "", ""),
    ("GET", "/api/auth/emails/?limit=1&offset=1&search=a", "", ""),
    (
        "POST",
        "/api/auth/emails/",
        JSON,
        r#"{"email":"NAMEz@example.com","user":1,"verified":true,"primary":false}"#,
    ),
    ("POST", "/api/auth/emails/1/verify/", "", ""),
    ("POST", "/api/auth/emails/1/primary/", "", ""),
    ("POST", "/api/auth/emails/1/remove/", "", ""),
    ("GET", "/api/auth/social/?limit=2", "", ""),
    ("POST", "/api/auth/social/1/disconnect/", "", ""),
    ("GET", "/api/auth/user/?format=json", "", ""),
    ("PUT", "/api/auth/user/", JSON, r#"{"username":"NAME","first_name":"A","last_name":"B"}"#),
    ("PATCH", "/api/auth/user/", FORM, "first_name=%C3%A4"),
    ("OPTIONS", "/api/auth/user/", "", ""),
    ("HEAD", "/api/auth/emails/", "", ""),
    ("GET", "/api/schema/?format=yaml", "", ""),
    ("GET", "/api-doc/", "", ""),
    ("GET", "/platform/", "", ""),
    ("GET", "/platform/set-password?uid=1&token=c8-0a", "", ""),
    ("GET", "/accounts/confirm-email/MQ:1abc:AAAA/", "", ""),
    ("GET", "/platform/api/sessions/", "", ""),
    ("POST", "/platform/api/sessions/1/end/", "", ""),
    ("GET", "/platform/api/tokens/", "", ""),
    ("GET", "/api/auth/social/github/login/?next=/platform/", "", ""),
    ("POST", "/api/auth/social/github/connect/", FORM, "next=/platform/%3Fdone=x"),
    ("GET", "/accounts/github/login/callback/?state=a&code=b", "", ""),
    (
        "POST",
        "/accounts/social/signup/",
        FORM,
        "csrfmiddlewaretoken=x&username=NAME&email=NAME@example.com",
    ),
];

/// # Errors
///
/// A request that caused a 5xx.
pub async fn run(
    executions: u64,
    seed: u64,
    on: Option<Database>,
) -> Result<BTreeMap<u16, u64>, String> {
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let database = directory.path().join("auth.sqlite3");
    let database = database.to_string_lossy();
    let settings = [
        ("LOGIN_ENABLE_REG", "true"),
        ("RATE_LIMITS", "off"),
        ("SITE_URL", "http://auth.example.com"),
        ("DB_NAME", &database),
        ("SECRET_KEY", "a secret key of no importance, long enough"),
        ("LOGIN_ENABLE_SSO", "true"),
        ("SSO_PROVIDERS", "github"),
        ("SSO_GITHUB_CLIENT_ID", "fuzz"),
        ("SSO_GITHUB_CLIENT_SECRET", "fuzz"),
    ];
    let settings =
        settings.into_iter().map(|(key, value)| (format!("INVENTREE_{key}"), value.to_owned()));
    let mut config = Config::load(None, settings).map_err(|e| e.to_string())?;
    config.database = on.unwrap_or(config.database);
    // Email is discarded.
    let dependencies = Dependencies {
        hash_cost: Cost::CHEAP,
        transport: Some(Transport::Memory(Default::default())),
        ..Default::default()
    };
    let running =
        server::start(&config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &log, dependencies)
            .await
            .map_err(|e| e.to_string())?;
    let address = running.address();
    let mut statuses = BTreeMap::new();
    let mut done = 0;
    let by = Operation::of_request(running.app(), Actor::Anonymous, Client::default(), "");
    for round in 0.. {
        if done >= executions {
            break;
        }
        let mut corpus = Vec::new();
        for (n, template) in TEMPLATES.iter().enumerate() {
            let name = format!("f{round}n{n}");
            let registration = Registration {
                username: name.clone(),
                email: format!("{name}@example.com"),
                password1: Password::new("Zebra-Quartz-77".to_owned()),
                password2: Password::new("Zebra-Quartz-77".to_owned()),
                grant: Grant::TokenAndSession,
            };
            let opened = register(&by, registration).await.map_err(|e| format!("{e:?}"))?;
            let token = format!(
                "Authorization: Token {}\r\n",
                opened.token.as_ref().map_or("", TokenKey::expose)
            );
            let csrf = "a".repeat(32);
            let session = opened.session.as_ref().map_or("", SessionId::expose);
            let session = format!(
                "Cookie: sessionid={session}; csrftoken={csrf}; signin_ticket=AAAA\r\nX-CSRFToken: \
                 {csrf}\r\n"
            );
            for credential in ["", &token, &session] {
                corpus.push(request(template, &name, credential).into_bytes());
            }
        }
        let mut mutator = Mutator::new(seed.wrapping_add(round), "requests", corpus);
        let inputs: Vec<Vec<u8>> =
            (0..ROUND.min(executions - done)).map(|_| with_its_length(mutator.next(3))).collect();
        done += inputs.len() as u64;
        let mut asking = tokio::task::JoinSet::new();
        for part in inputs.chunks(inputs.len().div_ceil(MAX_CONNECTIONS)).map(<[Vec<u8>]>::to_vec) {
            asking.spawn(async move {
                let mut responses = Vec::new();
                for input in part {
                    responses.push((ask(address, &input).await, input));
                }
                responses
            });
        }
        while let Some(responses) = asking.join_next().await {
            for (status, input) in responses.map_err(|e| e.to_string())? {
                if status >= 500 {
                    return Err(format!("{status} for {}", input.escape_ascii()));
                }
                *statuses.entry(status).or_default() += 1;
            }
        }
    }
    running.stop().await.map_err(|e| format!("{e:?}"))?;
    Ok(statuses)
}

fn request(
    (method, path, kind, body): &(&str, &str, &str, &str),
    name: &str,
    credential: &str,
) -> String {
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    let body = body.replace("NAME", name);
    format!(
        "{method} {path} HTTP/1.1\r\nHost: auth.example.com\r\nAccept: \
         */*\r\n{credential}{kind}Origin: \
         http://auth.example.com\r\nX-Forwarded-For: 203.0.113.7\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Corrects Content-Length, so that the server does not wait for more.
fn with_its_length(mut input: Vec<u8>) -> Vec<u8> {
    let end = |input: &[u8]| input.windows(4).position(|window| window == b"\r\n\r\n");
    let at = end(&input).unwrap_or_else(|| {
        input.extend_from_slice(b"\r\n\r\n");
        input.len() - 4
    });
    let (head, body) = input.split_at(at);
    let length = format!("\r\nContent-Length: {}", body.len() - 4);
    [head, length.as_bytes(), body].concat()
}

/// The status of the response; 0 for none.
async fn ask(address: SocketAddr, input: &[u8]) -> u16 {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(input).await.ok()?;
        let mut start = [0; 16];
        stream.read_exact(&mut start).await.ok()?;
        std::str::from_utf8(start.get(9..12)?).ok()?.parse().ok()
    };
    tokio::time::timeout(RESPONSE_TIMEOUT, exchange).await.ok().flatten().unwrap_or(0)
}
