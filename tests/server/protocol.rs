//! Rules for every path: negotiation, authentication, CSRF, methods, headers and the lifetime of a
//! login.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Method;
use serde_json::{Value, json};
use test_support::{PASSWORD, Response, TestServer, contract};

const NOT_PROVIDED: &str = "Authentication credentials were not provided.";

/// The cookies of a browser after a login.
pub(super) struct Session {
    pub(super) id: String,
    pub(super) csrf: String,
}

impl Session {
    /// Registers and logs in.
    pub(super) async fn open(server: &TestServer) -> Session {
        server.register("amy", "").await;
        let response = server.log_in("amy", PASSWORD).await;
        Session { id: response.cookie_value("sessionid"), csrf: response.cookie_value("csrftoken") }
    }

    pub(super) fn cookies(&self) -> String {
        format!("sessionid={}; csrftoken={}", self.id, self.csrf)
    }

    pub(super) async fn is_open(&self, server: &TestServer) -> bool {
        server.get("user/", &[("cookie", &self.cookies())]).await.status == 200
    }
}

pub(super) fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{username}:{password}")))
}

/// A request to a full path.
async fn at(server: &TestServer, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = server.http.request(method, format!("{}{path}", server.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.run(request).await
}

pub(super) fn detail(text: &str) -> Value {
    json!({ "detail": text })
}

#[tokio::test]
async fn unknown_path_is_404_with_its_url() {
    let server = TestServer::start().await;
    for method in
        [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
    {
        let response = at(&server, method.clone(), "/api/auth/nothing/?x=1", &[]).await;
        assert_eq!(response.status, 404, "{method}");
        assert_eq!(
            String::from_utf8(response.body).unwrap(),
            concat!(
                r#"{"detail": "API endpoint not found", "#,
                r#""url": "http://auth.example.com/api/auth/nothing/?x=1"}"#,
            )
        );
    }
}

#[tokio::test]
async fn paths_match_exactly() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    for path in [
        "/",
        "/api/auth/user",
        "/api/auth//user/",
        "//api/auth/user/",
        "/api/auth/user//",
        "/api/auth/User/",
        "/API/auth/user/",
        "/api/auth/emails/1/Verify/",
        "/api/auth/emails/x/verify/",
        "/api/auth/emails/-1/verify/",
        "/api/auth/emails/1/verify",
        "/api/auth/emails//verify/",
        "/api/auth/emails/1.0/verify/",
        "/api/auth/emails/%D9%A1/verify/",
        "/api/auth/user/%00",
        "/nowhere",
    ] {
        for method in [Method::GET, Method::POST] {
            let response = at(&server, method.clone(), path, &[("authorization", &token)]).await;
            assert_eq!(response.status, 404, "{method} {path}: {response:?}");
            assert_eq!(response.json()["detail"], "API endpoint not found", "{path}");
            assert!(!response.headers.contains_key("location"));
        }
    }
}

#[tokio::test]
async fn bad_credential_is_refused_on_every_path() {
    let server = TestServer::start().await;
    let session = Session::open(&server).await;
    for path in ["nothing/", "user/", "providers/", "registration/", "user"] {
        for method in [Method::GET, Method::POST] {
            let headers = [("authorization", "Token inv-nonsense"), ("cookie", &session.cookies())];
            let response = server.send(method, path, &headers, Value::Null).await;
            assert_eq!(
                (response.status, response.json()),
                (401, detail("Invalid token.")),
                "{path}"
            );
            assert_eq!(response.header("www-authenticate"), "Token");
        }
    }
    let response = server.post("nothing/", &[("cookie", &session.cookies())], Value::Null).await;
    assert_eq!(
        (response.status, response.json()),
        (403, detail("CSRF Failed: CSRF token missing."))
    );
}

#[tokio::test]
async fn each_credential_error_has_its_message() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let (spaced, bad) = (format!("{token} x"), basic("amy", "wrong"));
    for (header, words) in [
        ("Token", "Invalid token header. No credentials provided."),
        (spaced.as_str(), "Invalid token header. Token string should not contain spaces."),
        ("Token x", "Invalid token."),
        (&token.to_uppercase(), "Invalid token."),
        ("Basic", "Invalid basic header. No credentials provided."),
        ("Basic YQ== YQ==", "Invalid basic header. Credentials string should not contain spaces."),
        ("Basic YW15", "Invalid username/password."),
        (&bad, "Invalid username/password."),
        ("", NOT_PROVIDED),
        ("Bearer x", NOT_PROVIDED),
    ] {
        let response = server.get("user/", &[("authorization", header)]).await;
        assert_eq!((response.status, response.json()), (401, detail(words)), "{header}");
        assert_eq!(response.header("www-authenticate"), "Token", "{header}");
    }
}

#[tokio::test]
async fn credentials_are_read_leniently() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let key = token.strip_prefix("Token ").unwrap();
    for header in [
        format!("token {key}"),
        format!("TOKEN   {key} "),
        basic("AMY", PASSWORD),
        basic(" amy ", PASSWORD),
    ] {
        assert_eq!(
            server.get("user/", &[("authorization", &header)]).await.status,
            200,
            "{header}"
        );
    }
}

#[tokio::test]
async fn login_accepts_basic_auth_only() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let body = json!({ "username": "amy", "password": PASSWORD });
    let response =
        server.post("login/", &[("authorization", "Token nonsense")], body.clone()).await;
    assert_eq!(response.status, 200);
    let response = server.post("login/", &[("authorization", &basic("amy", "wrong"))], body).await;
    assert_eq!((response.status, response.json()), (401, detail("Invalid username/password.")));
    assert_eq!(response.header("www-authenticate"), "Basic realm=\"api\"");
}

#[tokio::test]
async fn wrong_method_is_405_only_after_authentication() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    for (method, path, allow) in [
        (Method::GET, "password/change/", "POST, OPTIONS"),
        (Method::DELETE, "user/", "GET, PUT, PATCH, HEAD, OPTIONS"),
        (Method::POST, "user/", "GET, PUT, PATCH, HEAD, OPTIONS"),
        (Method::PUT, "emails/", "GET, POST, HEAD, OPTIONS"),
        (Method::GET, "emails/1/verify/", "POST, OPTIONS"),
        (Method::POST, "social/", "GET, HEAD, OPTIONS"),
    ] {
        let response = server.send(method.clone(), path, &[], Value::Null).await;
        assert_eq!(
            (response.status, response.json()),
            (401, detail(NOT_PROVIDED)),
            "{method} {path}"
        );
        let response =
            server.send(method.clone(), path, &[("authorization", &token)], Value::Null).await;
        let words = format!("Method \"{method}\" not allowed.");
        assert_eq!((response.status, response.json()), (405, detail(&words)), "{path}");
        assert_eq!(response.header("allow"), allow, "{path}");
    }
    for (method, path, allow) in [
        (Method::PUT, "login/", "POST, OPTIONS"),
        (Method::DELETE, "logout/", "GET, POST, HEAD, OPTIONS"),
        (Method::POST, "providers/", "GET, HEAD, OPTIONS"),
        (Method::GET, "registration/", "POST, OPTIONS"),
        (Method::HEAD, "password/reset/", "POST, OPTIONS"),
    ] {
        let response = server.send(method.clone(), path, &[], Value::Null).await;
        assert_eq!((response.status, response.header("allow")), (405, allow), "{method} {path}");
    }
}

#[tokio::test]
async fn wrong_method_in_a_session_needs_the_csrf_token_first() {
    let server = TestServer::start().await;
    let session = Session::open(&server).await;
    let cookies = session.cookies();
    let response = server.send(Method::DELETE, "user/", &[("cookie", &cookies)], Value::Null).await;
    assert_eq!(response.status, 403);
    let headers = [("cookie", cookies.as_str()), ("x-csrftoken", session.csrf.as_str())];
    assert_eq!(server.send(Method::DELETE, "user/", &headers, Value::Null).await.status, 405);
}

#[tokio::test]
async fn options_describes_the_path() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let anonymous = server.send(Method::OPTIONS, "user/", &[], Value::Null).await;
    assert_eq!((anonymous.status, anonymous.json()), (401, detail(NOT_PROVIDED)));
    for (path, headers) in
        [("user/", vec![("authorization", token.as_str())]), ("login/", Vec::new())]
    {
        let response = server.send(Method::OPTIONS, path, &headers, Value::Null).await;
        assert_eq!(response.status, 200, "{path}");
        let told = response.json();
        assert!(told["name"].is_string() && told["description"].is_string(), "{told}");
        assert_eq!(told["renders"], json!(["application/json"]));
        assert!(told["parses"].as_array().unwrap().contains(&json!("application/json")), "{told}");
        assert_eq!(told["actions"], json!({}));
    }
}

#[tokio::test]
async fn head_is_a_get_without_its_body() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let headers = [("authorization", token.as_str())];
    for path in ["user/", "emails/", "social/", "providers/"] {
        let response = server.send(Method::HEAD, path, &headers, Value::Null).await;
        assert_eq!((response.status, response.body.len()), (200, 0), "{path}");
        assert_eq!(response.header("content-type"), "application/json");
    }
    assert_eq!(server.send(Method::HEAD, "user/", &[], Value::Null).await.status, 401);
    assert_eq!(server.send(Method::HEAD, "logout/", &headers, Value::Null).await.status, 200);
    assert_eq!(server.get("user/", &headers).await.status, 200);
}

#[tokio::test]
async fn only_json_is_produced() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    for accept in ["text/html", "application/xml", "text/*, image/png;q=0.9"] {
        let bad = [("accept", accept), ("authorization", "Token nonsense")];
        let response = server.get("user/", &bad).await;
        let words = detail("Could not satisfy the request Accept header.");
        assert_eq!((response.status, response.json()), (406, words), "{accept}");
        let post = server.post("password/change/", &bad, json!({})).await;
        assert_eq!(post.status, 406);
    }
    for accept in [
        "*/*",
        "application/json",
        "text/html, application/json;q=0.1",
        "application/*",
        "APPLICATION/JSON",
    ] {
        let response = server.get("user/", &[("accept", accept), ("authorization", &token)]).await;
        assert_eq!(
            (response.status, response.header("content-type")),
            (200, "application/json"),
            "{accept}"
        );
    }
}

#[tokio::test]
async fn format_parameter_takes_json_only() {
    let server = TestServer::start().await;
    assert_eq!(server.get("providers/?format=json", &[]).await.status, 200);
    for path in ["providers/?format=xml", "user/?format=api"] {
        let response = server.get(path, &[("authorization", "Token nonsense")]).await;
        assert_eq!((response.status, response.json()), (404, detail("Not found.")), "{path}");
    }
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let server = TestServer::start().await;
    for (method, path, status) in [
        (Method::GET, "providers/", 200),
        (Method::POST, "login/", 400),
        (Method::GET, "user/", 401),
        (Method::GET, "nothing/", 404),
        (Method::PUT, "login/", 405),
        (Method::OPTIONS, "login/", 200),
    ] {
        let response = server.send(method, path, &[], Value::Null).await;
        assert_eq!(response.status, status, "{path}");
        assert_eq!(response.header("x-content-type-options"), "nosniff");
        assert_eq!(response.header("x-frame-options"), "DENY");
        assert_eq!(
            response.header("content-security-policy"),
            "default-src 'none'; frame-ancestors 'none'"
        );
        assert_eq!(
            response.header("strict-transport-security"),
            "",
            "this server does not end TLS"
        );
        assert_eq!(response.header("referrer-policy"), "same-origin");
        assert_eq!(response.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(response.header("content-language"), "en");
        assert_eq!(response.header("cache-control"), "no-store");
        assert!(!response.header("x-request-id").is_empty());
        let vary = response.header("vary").to_ascii_lowercase();
        assert!(
            ["origin", "cookie", "accept-language"].iter().all(|name| vary.contains(name)),
            "{vary}"
        );
    }
}

#[tokio::test]
async fn unknown_methods_are_refused_without_an_echo() {
    let server = TestServer::start().await;
    for method in ["TRACE", "CONNECTED", "PROPFIND", "get"] {
        for path in ["/api/auth/user/", "/api/auth/nothing/"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let response =
                at(&server, method.clone(), path, &[("cookie", "sessionid=secret-in-a-header")])
                    .await;
            assert!((400..500).contains(&response.status), "{method} {path}: {response:?}");
            assert!(!String::from_utf8_lossy(&response.body).contains("secret-in-a-header"));
        }
    }
}

#[tokio::test]
async fn malformed_paths_and_headers_are_client_errors() {
    let server = TestServer::start().await;
    for path in [
        "/%ff",
        "/api/auth/%2e%2e/user/",
        "/api/auth/user/%2F",
        "/api/auth/emails/%00/verify/",
        "/%",
        "/%zz",
    ] {
        let response = at(&server, Method::GET, path, &[]).await;
        assert!((400..500).contains(&response.status), "{path}: {response:?}");
    }
    let long = "a".repeat(7000);
    for headers in [
        [("authorization", "Token \t"), ("cookie", "sessionid; ;=;sessionid=\"\"")],
        [("authorization", "Basic ////"), ("cookie", "a=b")],
        [("authorization", "Basic ="), ("cookie", "sessionid=\u{e9}")],
        [("authorization", long.as_str()), ("cookie", long.as_str())],
    ] {
        let response = server.get("user/", &headers).await;
        assert!((400..500).contains(&response.status), "{headers:?}: {response:?}");
    }
    let query = format!("providers/?limit={long}&offset=%ff&&=&limit");
    let response =
        contract::lenient("a limit that is no number is none", server.get(&query, &[])).await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn token_expires_after_365_days() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    // Created on 2026-03-01 at noon.
    server.clock.advance(
        chrono::Duration::days(365) + chrono::Duration::hours(12) - chrono::Duration::seconds(1),
    );
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
    server.clock.advance(chrono::Duration::seconds(1));
    let response = server.get("user/", &[("authorization", &token)]).await;
    assert_eq!((response.status, response.json()), (401, detail("Token has expired")));
}

#[tokio::test]
async fn session_ends_after_14_days_of_use() {
    let server = TestServer::start().await;
    let session = Session::open(&server).await;
    for _ in 0..13 {
        server.clock.advance(chrono::Duration::days(1));
        assert!(session.is_open(&server).await);
        server.flush_deferred().await;
    }
    server.clock.advance(chrono::Duration::days(1) - chrono::Duration::seconds(1));
    assert!(session.is_open(&server).await);
    server.clock.advance(chrono::Duration::seconds(1));
    assert!(!session.is_open(&server).await);
    let response = server.get("user/", &[("cookie", &session.cookies())]).await;
    assert!(response.cookie("sessionid").unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn every_login_issues_a_new_token_and_session() {
    let server = TestServer::start().await;
    let first = server.register("amy", "").await;
    let (a, b) = (server.log_in("amy", PASSWORD).await, server.log_in("amy", PASSWORD).await);
    assert_ne!(a.json(), b.json());
    assert_ne!(a.cookie_value("sessionid"), b.cookie_value("sessionid"));
    assert_eq!(server.get("user/", &[("authorization", &first)]).await.status, 200);
}

#[tokio::test]
async fn login_generates_a_new_session_id() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let planted = "0123456789abcdefghijklmnopqrstuv";
    let cookie = format!("sessionid={planted}");
    let body = json!({ "username": "amy", "password": PASSWORD });
    let response = server.post("login/", &[("cookie", &cookie)], body).await;
    assert_ne!(response.cookie_value("sessionid"), planted);
    assert_eq!(server.get("user/", &[("cookie", &cookie)]).await.status, 401);
}

#[tokio::test]
async fn percent_encoded_path_is_decoded() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    assert_eq!(
        at(&server, Method::GET, "/api/auth/%75ser/", &[("authorization", &token)]).await.status,
        200
    );
}

#[tokio::test]
async fn database_holds_passwords_tokens_and_sessions_as_digests_only() {
    let mut server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    let login = server.log_in("amy", PASSWORD).await;
    let secrets = [
        token.trim_start_matches("Token ").to_owned(),
        login.cookie_value("sessionid"),
        PASSWORD.to_owned(),
    ];
    server.stop().await;
    let database = server.database.bytes();
    for secret in secrets {
        assert!(!database.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}
