//! Requests that another site, another app on the host or a stolen session causes a browser to
//! send.

use chrono::Duration;
use inventree_auth::store::AuditFilter;
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{basic, pk};
use test_support::{PASSWORD, Response, TestServer};

/// Headers of a browser on cross-site requests.
const FOREIGN: [(&str, &str); 5] = [
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-site", "same-site"),
    ("sec-fetch-site", "nonsense"),
    ("origin", "https://evil.example.net"),
    ("origin", "null"),
];

/// A browser logged in through the API.
struct Browser {
    session: String,
    csrf: String,
}

impl Browser {
    async fn sign_in(server: &TestServer, username: &str) -> Browser {
        let response = server.log_in(username, PASSWORD).await;
        Browser {
            session: response.cookie_value("sessionid"),
            csrf: response.cookie_value("csrftoken"),
        }
    }

    fn cookies(&self) -> String {
        format!("sessionid={}; csrftoken={}", self.session, self.csrf)
    }

    async fn post(&self, server: &TestServer, path: &str, body: Value) -> Response {
        let request = server.http.post(format!("{}{path}", server.base));
        let request = request.header("cookie", self.cookies()).header("x-csrftoken", &self.csrf);
        server.run(with_json(request, &body)).await
    }

    async fn add_address(&self, server: &TestServer, email: &str) -> Response {
        self.post(server, "/api/auth/emails/", json!({ "email": email, "user": 1 })).await
    }

    async fn reauthenticate(&self, server: &TestServer, password: &str) -> Response {
        self.post(server, "/platform/api/reauthenticate/", json!({ "password": password })).await
    }
}

fn with_json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    if body.is_null() {
        request
    } else {
        request.header("content-type", "application/json").body(body.to_string())
    }
}

async fn with_cookies(server: &TestServer, cookies: &[u8]) -> Response {
    let request = server.http.get(format!("{}/api/auth/user/", server.base));
    server.run(request.header("cookie", HeaderValue::from_bytes(cookies).unwrap())).await
}

fn rows(server: &TestServer, table: &str) -> i64 {
    server.database.number(&format!("SELECT COUNT(*) FROM {table}"))
}

fn credentials() -> Value {
    json!({ "username": "amy", "password": PASSWORD })
}

fn registration(username: &str) -> Value {
    json!({ "username": username, "password1": PASSWORD, "password2": PASSWORD })
}

/// The client of the last failed login.
async fn last_failed_client(server: &TestServer) -> String {
    server.flush_deferred().await;
    let all =
        server.app().store.read(|r| r.audit_list(&AuditFilter::default(), None)).await.unwrap();
    all.into_iter().find(|entry| entry.event == "login_failed").unwrap().client
}

#[tokio::test]
async fn cross_site_login_gets_a_token_and_no_session() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    for mark in FOREIGN {
        let before = (rows(&server, "sessions"), rows(&server, "tokens"));
        let response = server.post("login/", &[mark], credentials()).await;
        assert_eq!(response.status, 200, "{mark:?}");
        assert!(!response.headers.contains_key("set-cookie"), "{mark:?}: {response:?}");
        assert_eq!(
            (rows(&server, "sessions"), rows(&server, "tokens")),
            (before.0, before.1 + 1),
            "{mark:?}"
        );
        let token = format!("Token {}", response.json()["key"].as_str().unwrap());
        assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200, "{mark:?}");
    }
}

#[tokio::test]
async fn cross_site_registration_gets_a_token_and_no_session() {
    let server = TestServer::start().await;
    for (n, mark) in FOREIGN.into_iter().enumerate() {
        let response =
            server.post("registration/", &[mark], registration(&format!("person{n}"))).await;
        assert_eq!(response.status, 201, "{mark:?}");
        assert!(
            response.json()["key"].is_string() && !response.headers.contains_key("set-cookie"),
            "{response:?}"
        );
        assert_eq!(rows(&server, "sessions"), 0, "{mark:?}");
    }
}

#[tokio::test]
async fn login_from_this_site_a_trusted_origin_or_a_program_opens_a_session() {
    let server = TestServer::with(&[("TRUSTED_ORIGINS", "https://app.example.com")]).await;
    server.register("amy", "").await;
    for marks in [
        vec![],
        vec![("sec-fetch-site", "same-origin")],
        vec![("sec-fetch-site", "none")],
        vec![("origin", "http://auth.example.com")],
        vec![("origin", "https://app.example.com"), ("sec-fetch-site", "cross-site")],
    ] {
        let response = server.post("login/", &marks, credentials()).await;
        let session = response.cookie_value("sessionid");
        let opened = server.get("user/", &[("cookie", &format!("sessionid={session}"))]).await;
        assert_eq!((response.status, opened.status), (200, 200), "{marks:?}");
    }
}

#[tokio::test]
async fn sign_in_page_requires_a_csrf_token_from_the_same_site() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let csrf = "a".repeat(32);
    let before = rows(&server, "sessions");
    for (path, body) in [("login", credentials()), ("register", registration("bob"))] {
        let post =
            || with_json(server.http.post(format!("{}/platform/api/{path}/", server.base)), &body);
        let with_token =
            || post().header("cookie", format!("csrftoken={csrf}")).header("x-csrftoken", &csrf);
        assert_eq!(server.run(post()).await.status, 403, "{path}");
        for (name, value) in FOREIGN {
            assert_eq!(
                server.run(with_token().header(name, value)).await.status,
                403,
                "{path} {name}: {value}"
            );
        }
    }
    assert_eq!((rows(&server, "sessions"), rows(&server, "accounts")), (before, 1));
}

#[tokio::test]
async fn malformed_x_forwarded_for_hop_falls_back_to_the_last_valid_one() {
    let server =
        TestServer::with(&[("USE_X_FORWARDED_FOR", "true"), ("TRUSTED_PROXIES", "127.0.0.0/8")])
            .await;
    for (lines, client) in [
        (vec![b"\xff, 203.0.113.7".as_slice()], "203.0.113.7"),
        (vec![b"198.51.100.1, \xc3\xa9, 203.0.113.7"], "203.0.113.7"),
        (vec![b"\xff", b"203.0.113.7"], "203.0.113.7"),
        (vec![b"203.0.113.7, "], "203.0.113.7"),
        (vec![b"203.0.113.7", b"\xff, 127.0.0.9"], "127.0.0.9"),
        (vec![b"203.0.113.7, \xff"], "127.0.0.1"),
    ] {
        let mut request = server.http.post(format!("{}/api/auth/login/", server.base));
        for line in &lines {
            request = request.header("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
        }
        let body = json!({ "username": "nobody", "password": "x" });
        assert_eq!(server.run(with_json(request, &body)).await.status, 400);
        assert_eq!(last_failed_client(&server).await, client, "{lines:?}");
    }
}

#[tokio::test]
async fn foreign_session_cookie_does_not_hide_ours() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let amy = Browser::sign_in(&server, "amy").await;
    let own = amy.cookies().into_bytes();
    for cookies in [
        [b"other=\xff\xfe; ".as_slice(), &own].concat(),
        [&own, b"; other=\xc3\xa9".as_slice()].concat(),
        [b"sessionid=\xff; ".as_slice(), &own].concat(),
    ] {
        let response = with_cookies(&server, &cookies).await;
        assert_eq!(response.status, 200, "{cookies:?}");
        assert!(!response.headers.contains_key("set-cookie"), "{response:?}");
    }
}

#[tokio::test]
async fn every_session_cookie_is_tried_and_cleared_only_when_none_is_valid() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let amy = Browser::sign_in(&server, "amy").await;
    let (good, dead) =
        (format!("sessionid={}", amy.session), "sessionid=0123456789abcdefghijklmnopqrstuv");
    let many = [dead; 8].join("; ");
    for (cookies, status, is_cleared) in [
        (format!("{dead}; {good}"), 200, false),
        (format!("{good}; {dead}"), 200, false),
        (format!("{dead}; {dead}"), 401, true),
        (format!("{dead}; {dead}; {dead}; {good}"), 200, false),
        // At most eight cookies are tried; the valid one may be the ninth.
        (format!("{many}; {good}"), 401, false),
    ] {
        let response = with_cookies(&server, cookies.as_bytes()).await;
        assert_eq!(
            (response.status, response.headers.contains_key("set-cookie")),
            (status, is_cleared),
            "{cookies}"
        );
    }
    // A second CSRF cookie does not invalidate the right one.
    let cookies = format!("csrftoken={}; {}", "x".repeat(32), amy.cookies());
    let headers = [("cookie", cookies.as_str()), ("x-csrftoken", &amy.csrf)];
    assert_eq!(server.send(Method::PATCH, "user/", &headers, json!({})).await.status, 200);
}

#[tokio::test]
async fn sign_out_ends_every_session_that_was_sent() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let (one, two) =
        (Browser::sign_in(&server, "amy").await, Browser::sign_in(&server, "amy").await);
    let other = Browser::sign_in(&server, "amy").await;
    let both = format!("sessionid={}; {}", one.session, two.cookies());
    let headers = [("cookie", both.as_str()), ("x-csrftoken", &two.csrf)];
    let response = server.post("logout/", &headers, Value::Null).await;
    assert!(response.cookie("sessionid").unwrap().contains("Max-Age=0"));
    for (browser, status) in [(one, 401), (two, 401), (other, 200)] {
        assert_eq!(with_cookies(&server, browser.cookies().as_bytes()).await.status, status);
    }
}

#[tokio::test]
async fn adding_an_address_needs_recent_auth() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let amy = Browser::sign_in(&server, "amy").await;
    server.clock.advance(Duration::minutes(10));
    assert_eq!(amy.add_address(&server, "one@example.com").await.status, 201);
    server.clock.advance(Duration::seconds(1));
    let refused = amy.add_address(&server, "two@example.com").await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.json()["detail"].as_str().unwrap().contains("Enter your password again"),
        "{refused:?}"
    );
    assert!(refused.header("www-authenticate").contains("insufficient_user_authentication"));
    assert_eq!(rows(&server, "email_addresses"), 1);

    let wrong = amy.reauthenticate(&server, "wrong").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.json()["password"][0].is_string(), "{wrong:?}");
    assert_eq!(
        amy.reauthenticate(&server, "").await.json()["password"][0],
        "This field is required."
    );
    assert_eq!(amy.add_address(&server, "two@example.com").await.status, 403);

    assert_eq!(amy.reauthenticate(&server, PASSWORD).await.status, 200);
    assert_eq!(amy.add_address(&server, "two@example.com").await.status, 201);
    // Other sessions of the account are not reauthenticated.
    let cookie = amy.cookies();
    let state = server
        .http
        .get(format!("{}/platform/api/reauthenticate/", server.base))
        .header("cookie", &cookie);
    assert_eq!(
        server.run(state).await.json(),
        json!({ "recent": true, "password": true, "code": false, "passkey": null })
    );
    server.flush_deferred().await;
    let all =
        server.app().store.read(|r| r.audit_list(&AuditFilter::default(), None)).await.unwrap();
    assert_eq!(all.iter().filter(|entry| entry.event == "reauthenticated").count(), 1);
}

#[tokio::test]
async fn reauthentication_is_per_session() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let (proved, stolen) =
        (Browser::sign_in(&server, "amy").await, Browser::sign_in(&server, "amy").await);
    server.clock.advance(Duration::minutes(11));
    assert_eq!(proved.reauthenticate(&server, PASSWORD).await.status, 200);
    assert_eq!(stolen.add_address(&server, "evil@example.com").await.status, 403);
    assert_eq!(proved.add_address(&server, "amy@example.com").await.status, 201);
}

#[tokio::test]
async fn session_from_an_earlier_schema_is_not_recent() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let amy = Browser::sign_in(&server, "amy").await;
    server.database.execute("UPDATE sessions SET auth_time = 0");
    assert_eq!(amy.add_address(&server, "amy@example.com").await.status, 403);
}

#[tokio::test]
async fn token_and_basic_callers_need_no_reauthentication() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let user = pk(&server, &token).await;
    server.clock.advance(Duration::days(3));
    for (n, authorization) in [token, basic("amy", PASSWORD)].into_iter().enumerate() {
        let body = json!({ "email": format!("amy{n}@example.com"), "user": user });
        assert_eq!(
            server.post("emails/", &[("authorization", &authorization)], body).await.status,
            201
        );
    }
}

#[tokio::test]
async fn reauthentication_shares_the_login_limit() {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    server.register("amy", "").await;
    let amy = Browser::sign_in(&server, "amy").await;
    for _ in 0..10 {
        assert_eq!(amy.reauthenticate(&server, "wrong").await.status, 400);
    }
    assert_eq!(amy.reauthenticate(&server, PASSWORD).await.status, 429);
}

#[tokio::test]
async fn reauthentication_requires_session_and_csrf_token() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let amy = Browser::sign_in(&server, "amy").await;
    let post = || {
        let request = server.http.post(format!("{}/platform/api/reauthenticate/", server.base));
        with_json(request, &json!({ "password": PASSWORD }))
    };
    assert_eq!(server.run(post()).await.status, 403);
    assert_eq!(server.run(post().header("authorization", &token)).await.status, 403);
    assert_eq!(server.run(post().header("cookie", amy.cookies())).await.status, 403);
}

#[tokio::test]
async fn correct_password_without_second_factor_is_audited() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let device = "INSERT INTO totp_devices (account_id, name, confirmed, secret, created) VALUES \
        (1, '', TRUE, '', 0)";
    server.database.execute(device);
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 403);
    assert_eq!(
        server.get("user/", &[("authorization", &basic("amy", PASSWORD))]).await.status,
        403
    );
    server.flush_deferred().await;
    let all =
        server.app().store.read(|r| r.audit_list(&AuditFilter::default(), None)).await.unwrap();
    let found = all.iter().find(|entry| entry.event == "second_factor_missing").unwrap();
    assert_eq!(
        (found.account_id, found.client.as_str(), found.count),
        (Some(1), "127.0.0.1", 2),
        "{all:?}"
    );
}

#[tokio::test]
async fn sign_in_ends_the_session_that_it_replaces() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let session = || async { server.log_in("amy", PASSWORD).await.cookie_value("sessionid") };
    let [first, other] = [session().await, session().await];
    let is_open = |id: &str| {
        let cookie = format!("sessionid={id}");
        let server = &server;
        async move { server.get("user/", &[("cookie", &cookie)]).await.status == 200 }
    };
    let cookie = format!("sessionid={first}");
    let body = json!({ "username": "amy", "password": PASSWORD });
    // No other site may end it.
    let foreign = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    assert_eq!(server.post("login/", &foreign, body.clone()).await.status, 200);
    let wrong = json!({ "username": "amy", "password": "Wrong-Quartz-77" });
    assert_eq!(server.post("login/", &[("cookie", &cookie)], wrong).await.status, 400);
    assert!(is_open(&first).await);
    let second =
        server.post("login/", &[("cookie", &cookie)], body).await.cookie_value("sessionid");
    assert!(!is_open(&first).await && is_open(&second).await && is_open(&other).await);
    // Another person at the same browser.
    let csrf = "0123456789abcdefghijklmnopqrstuv";
    let cookie = format!("sessionid={second}; csrftoken={csrf}");
    let form = json!({ "username": "bob", "password1": PASSWORD, "password2": PASSWORD });
    let headers = [("cookie", cookie.as_str()), ("x-csrftoken", csrf)];
    assert_eq!(server.post("registration/", &headers, form).await.status, 201);
    assert!(!is_open(&second).await && is_open(&other).await);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
}
