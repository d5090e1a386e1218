//! What stands around the operations: paths, methods, negotiation, headers, credentials, CSRF, CORS.

mod support;

use chrono::Duration;
use reqwest::Method;
use serde_json::{Value, json};
use support::{Answer, PASSWORD, TestServer};

const USER: &str = "/api/auth/user/";

async fn at(server: &TestServer, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = server.http.request(method, format!("{}{path}", server.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.run(request).await
}

#[tokio::test]
async fn only_the_exact_path_is_found() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let auth = ("authorization", token.as_str());
    for path in [
        "/api/auth/user",
        "/api/auth//user/",
        "/api/auth/USER/",
        "/api/auth/nope/",
        "/api/auth/",
        "/",
        "/api/auth/emails/-1/verify/",
    ] {
        let answer = at(&server, "GET", path, &[auth]).await;
        let body = format!("{{\"detail\": \"API endpoint not found\", \"url\": \"http://auth.example.com{path}\"}}");
        assert_eq!((answer.status, String::from_utf8(answer.body).unwrap()), (404, body));
    }
    assert_eq!(at(&server, "GET", "/api/auth/%75ser/", &[auth]).await.status, 200);
    let answer = at(&server, "POST", "/api/auth/emails/99999999999999999999999/verify/", &[auth]).await;
    assert_eq!((answer.status, answer.json()), (404, json!({ "detail": "Not found." })));
}

#[tokio::test]
async fn bad_credential_is_401_even_where_nothing_is() {
    let server = TestServer::start().await;
    for path in ["/api/auth/nope/", "/api/auth/providers/", USER] {
        let answer = at(&server, "GET", path, &[("authorization", "Token nonsense")]).await;
        assert_eq!((answer.status, answer.json()), (401, json!({ "detail": "Invalid token." })), "{path}");
        assert_eq!(answer.header("www-authenticate"), "Token");
    }
}

#[tokio::test]
async fn wrong_method_is_405_after_authentication_and_names_the_right_ones() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    assert_eq!(at(&server, "GET", "/api/auth/password/change/", &[]).await.status, 401);
    let answer = at(&server, "DELETE", USER, &[("authorization", &token)]).await;
    assert_eq!((answer.status, answer.json()), (405, json!({ "detail": "Method \"DELETE\" not allowed." })));
    assert_eq!(answer.header("allow"), "GET, PUT, PATCH, HEAD, OPTIONS");
    assert_eq!(at(&server, "GET", "/api/auth/login/", &[]).await.header("allow"), "POST, OPTIONS");
    for method in ["TRACE", "FROB"] {
        assert!((400..500).contains(&at(&server, method, USER, &[]).await.status), "{method}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body_and_options_describes() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let answer = at(&server, "HEAD", USER, &[("authorization", &token)]).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    let answer = at(&server, "OPTIONS", "/api/auth/login/", &[]).await;
    assert_eq!((answer.status, &answer.json()["renders"]), (200, &json!(["application/json"])));
    assert_eq!(at(&server, "OPTIONS", USER, &[]).await.status, 401);
}

#[tokio::test]
async fn only_json_is_produced() {
    let server = TestServer::start().await;
    for accept in ["text/html", "application/xml"] {
        let answer = at(&server, "GET", USER, &[("accept", accept)]).await;
        let said = json!({ "detail": "Could not satisfy the request Accept header." });
        assert_eq!((answer.status, answer.json()), (406, said), "negotiation comes before authentication");
    }
    for accept in ["application/json; indent=4", "text/html,*/*;q=0.8", "application/*"] {
        assert_eq!(at(&server, "GET", "/api/auth/providers/", &[("accept", accept)]).await.status, 200, "{accept}");
    }
    assert_eq!(at(&server, "GET", "/api/auth/providers/?format=json", &[]).await.status, 200);
    assert_eq!(at(&server, "GET", "/api/auth/providers/?format=xml", &[]).await.status, 404);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = TestServer::start().await;
    for (method, path) in
        [("GET", "/api/auth/providers/"), ("GET", "/nope"), ("DELETE", "/api/auth/login/"), ("GET", USER)]
    {
        let answer = at(&server, method, path, &[]).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{method} {path}");
        }
        assert!(!answer.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn only_listed_origins_may_read_answers() {
    let server = TestServer::with(&[("CORS_ORIGIN_WHITELIST", "https://app.example.com")]).await;
    let path = "/api/auth/providers/";
    let foreign = at(&server, "GET", path, &[("origin", "https://evil.example")]).await;
    assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (200, ""));
    let listed = at(&server, "GET", path, &[("origin", "https://app.example.com")]).await;
    assert_eq!(listed.header("access-control-allow-origin"), "https://app.example.com");
    let asked = [("origin", "https://app.example.com"), ("access-control-request-method", "PATCH")];
    let preflight = at(&server, "OPTIONS", USER, &asked).await;
    assert_eq!((preflight.status, preflight.body.len()), (200, 0));
    assert!(preflight.header("access-control-allow-methods").contains("PATCH"));
}

/// 64 characters: the first half masks the second, as Django's templates send it.
fn masked(token: &str) -> String {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let shift = |letter: char| LETTERS.chars().nth((LETTERS.find(letter).unwrap() + 1) % 62).unwrap();
    "b".repeat(32) + &token.chars().map(shift).collect::<String>()
}

#[tokio::test]
async fn session_needs_its_csrf_token_to_write() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let login = server.log_in("amy", PASSWORD).await;
    let (session, csrf) = (login.cookie_value("sessionid"), login.cookie_value("csrftoken"));
    let both = format!("sessionid={session}; csrftoken={csrf}");
    let alone = format!("sessionid={session}");
    let wrong = "x".repeat(32);
    let patch = async |headers: &[(&str, &str)]| {
        server.send(Method::PATCH, "user/", headers, json!({ "first_name": "A" })).await
    };
    for (headers, reason) in [
        (vec![("cookie", alone.as_str())], "CSRF cookie not set."),
        (vec![("cookie", &both)], "CSRF token missing."),
        (vec![("cookie", &both), ("x-csrftoken", &wrong)], "CSRF token from the 'X-Csrftoken' HTTP header incorrect."),
        (
            vec![("cookie", &both), ("x-csrftoken", "short")],
            "CSRF token from the 'X-Csrftoken' HTTP header has incorrect length.",
        ),
        (
            vec![("cookie", &both), ("x-csrftoken", &csrf), ("origin", "https://evil.example")],
            "Origin checking failed - https://evil.example does not match any trusted origins.",
        ),
        (
            vec![("cookie", &both), ("x-csrftoken", &csrf), ("origin", "null")],
            "Origin checking failed - null does not match any trusted origins.",
        ),
    ] {
        let answer = patch(&headers).await;
        assert_eq!((answer.status, answer.json()), (403, json!({ "detail": format!("CSRF Failed: {reason}") })));
    }
    assert_eq!(patch(&[("cookie", &both), ("x-csrftoken", &csrf)]).await.status, 200);
    assert_eq!(patch(&[("cookie", &both), ("x-csrftoken", &masked(&csrf))]).await.status, 200);
    assert_eq!(patch(&[("cookie", &both), ("x-csrftoken", &csrf), ("origin", &server.base)]).await.status, 200);
    assert_eq!(server.get("user/", &[("cookie", &alone)]).await.status, 200, "reading needs none");

    let form = format!("csrfmiddlewaretoken={csrf}");
    let request = server.http.post(format!("{}/api/auth/logout/", server.base)).header("cookie", &both);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    assert_eq!(server.run(request).await.status, 200);
    assert_eq!(server.get("user/", &[("cookie", &alone)]).await.status, 401);
}

#[tokio::test]
async fn link_on_another_site_logs_nobody_out() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let login = server.log_in("amy", PASSWORD).await;
    let cookie = format!("sessionid={}", login.cookie_value("sessionid"));
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("referer", "https://evil.example/x")]
    {
        assert_eq!(server.get("logout/", &[("cookie", &cookie), (name, value)]).await.status, 200);
        assert_eq!(server.get("user/", &[("cookie", &cookie)]).await.status, 200, "{name}");
    }
    assert_eq!(at(&server, "HEAD", "/api/auth/logout/", &[("cookie", &cookie)]).await.status, 200);
    assert_eq!(server.get("user/", &[("cookie", &cookie)]).await.status, 200, "HEAD looks only");
    assert_eq!(server.get("logout/", &[("cookie", &cookie), ("sec-fetch-site", "same-origin")]).await.status, 200);
    assert_eq!(server.get("user/", &[("cookie", &cookie)]).await.status, 401);
}

#[tokio::test]
async fn dead_session_cookie_is_cleared_and_nothing_is_made() {
    let server = TestServer::start().await;
    for path in ["providers/", "logout/"] {
        let answer = server.get(path, &[("cookie", "sessionid=zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz")]).await;
        let cookie = answer.cookie("sessionid").unwrap();
        assert!(cookie.starts_with("; ") && cookie.contains("Max-Age=0"), "{cookie}");
    }
    assert!(server.post("logout/", &[], Value::Null).await.cookie("sessionid").is_none());
}

#[tokio::test]
async fn cookies_are_secure_where_the_site_is() {
    for (site, secure) in [("https://auth.example.com", true), ("http://auth.example.com", false)] {
        let server = TestServer::with(&[("SITE_URL", site)]).await;
        server.register("amy", "").await;
        let login = server.log_in("amy", PASSWORD).await;
        let (session, csrf) = (login.cookie("sessionid").unwrap(), login.cookie("csrftoken").unwrap());
        assert!(
            session.contains("HttpOnly") && session.contains("Max-Age=1209600") && session.contains("SameSite=Lax")
        );
        assert!(!csrf.contains("HttpOnly") && csrf.contains("Max-Age=31449600"));
        assert_eq!((session.contains("Secure"), csrf.contains("Secure")), (secure, secure));
    }
}

#[tokio::test]
async fn token_lives_a_year_and_a_session_two_weeks() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let login = server.log_in("amy", PASSWORD).await;
    let cookie = format!("sessionid={}", login.cookie_value("sessionid"));
    server.clock.advance(Duration::days(14) - Duration::seconds(1));
    assert_eq!(server.get("user/", &[("cookie", &cookie)]).await.status, 200);
    server.clock.advance(Duration::seconds(1));
    assert_eq!(server.get("user/", &[("cookie", &cookie)]).await.status, 401);
    server.clock.advance(Duration::days(365 - 14));
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200, "its last day");
    server.clock.advance(Duration::days(1));
    let answer = server.get("user/", &[("authorization", &token)]).await;
    assert_eq!((answer.status, answer.json()), (401, json!({ "detail": "Token has expired" })));
}

#[tokio::test]
async fn server_remembers_accounts_tokens_and_sessions_as_digests_only() {
    let mut server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    let login = server.log_in("amy", PASSWORD).await;
    let secrets = [token.trim_start_matches("Token ").to_owned(), login.cookie_value("sessionid"), PASSWORD.to_owned()];
    server.stop().await;
    let database = std::fs::read(server.directory.path().join("auth.sqlite3")).unwrap();
    for secret in secrets {
        assert!(!database.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}
