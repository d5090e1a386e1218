//! CSRF tokens, trusted origins, and logout.

use reqwest::Method;
use serde_json::{Value, json};
use test_support::{PASSWORD, TestServer};

use super::protocol::{Session, basic, detail};

/// Masks a secret as Django does: 32 mask letters, then each letter shifted by its mask letter.
fn masked(secret: &str) -> String {
    const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let digit_value = |byte: u8| ALPHABET.iter().position(|letter| *letter == byte).unwrap();
    let mask: Vec<u8> = (0..32).map(|n| ALPHABET[(n * 7 + 3) % 62]).collect();
    let moved =
        secret.bytes().zip(&mask).map(|(s, m)| ALPHABET[(digit_value(s) + digit_value(*m)) % 62]);
    String::from_utf8(mask.iter().copied().chain(moved).collect()).unwrap()
}

#[tokio::test]
async fn each_csrf_failure_has_its_message() {
    let server = TestServer::start().await;
    let session = Session::open(&server).await;
    let bare = format!("sessionid={}", session.id);
    let cookies = session.cookies();
    let csrf = session.csrf.as_str();
    let (other, own) = ("x".repeat(32), server.base.clone());
    let wrong_mask = masked(&other);
    for (cookie, headers, words) in [
        (&bare, vec![("x-csrftoken", csrf)], "CSRF cookie not set."),
        (&cookies, vec![], "CSRF token missing."),
        (&cookies, vec![("x-csrftoken", "")], "CSRF token missing."),
        (
            &cookies,
            vec![("x-csrftoken", "abc")],
            "CSRF token from the 'X-Csrftoken' HTTP header has incorrect length.",
        ),
        (
            &cookies,
            vec![("x-csrftoken", &other)],
            "CSRF token from the 'X-Csrftoken' HTTP header incorrect.",
        ),
        (
            &cookies,
            vec![("x-csrftoken", &wrong_mask)],
            "CSRF token from the 'X-Csrftoken' HTTP header incorrect.",
        ),
        (
            &cookies,
            vec![("x-csrftoken", csrf), ("origin", "https://evil.example.net")],
            "Origin checking failed - https://evil.example.net does not match any trusted origins.",
        ),
        (
            &cookies,
            vec![("x-csrftoken", csrf), ("origin", "null")],
            "Origin checking failed - null does not match any trusted origins.",
        ),
    ] {
        let mut all = vec![("cookie", cookie.as_str())];
        all.extend(headers);
        let response =
            server.send(Method::PATCH, "user/", &all, json!({ "first_name": "Eve" })).await;
        assert_eq!(
            (response.status, response.json()),
            (403, detail(&format!("CSRF Failed: {words}")))
        );
    }
    let untouched = server.get("user/", &[("cookie", &cookies)]).await;
    assert_eq!(untouched.json()["first_name"], "");
    let good_mask = masked(csrf);
    for headers in [
        vec![("x-csrftoken", csrf)],
        vec![("x-csrftoken", &good_mask)],
        vec![("x-csrftoken", csrf), ("origin", &own)],
        vec![("x-csrftoken", csrf), ("origin", "http://auth.example.com")],
        vec![("x-csrftoken", csrf), ("referer", "https://evil.example.net/")],
    ] {
        let mut all = vec![("cookie", cookies.as_str())];
        all.extend(headers);
        let response =
            server.send(Method::PATCH, "user/", &all, json!({ "first_name": "Amy" })).await;
        assert_eq!(response.status, 200, "{all:?}");
    }
}

#[tokio::test]
async fn csrf_token_may_be_a_form_field_of_a_post() {
    let server = TestServer::start().await;
    let session = Session::open(&server).await;
    let cookies = session.cookies();
    let send = |kind: &'static str, body: String| {
        let request = server.http.post(format!("{}/api/auth/password/change/", server.base));
        server.run(request.header("cookie", &cookies).header("content-type", kind).body(body))
    };
    let form = "application/x-www-form-urlencoded";
    let wrong = send(form, format!("csrfmiddlewaretoken={}", "x".repeat(32))).await;
    assert_eq!(
        (wrong.status, wrong.json()),
        (403, detail("CSRF Failed: CSRF token from POST incorrect."))
    );
    // In a JSON body it is ignored.
    let json =
        send("application/json", json!({ "csrfmiddlewaretoken": session.csrf }).to_string()).await;
    assert_eq!((json.status, json.json()), (403, detail("CSRF Failed: CSRF token missing.")));
    let new = "Violet-Anchor-58";
    let body = format!(
        "csrfmiddlewaretoken={}&new_password1={new}&new_password2={new}",
        masked(&session.csrf)
    );
    let good = send(form, body).await;
    assert_eq!(good.status, 200, "{good:?}");
}

#[tokio::test]
async fn trusted_origin_may_post() {
    let server = TestServer::with(&[("TRUSTED_ORIGINS", "https://app.example.com")]).await;
    let session = Session::open(&server).await;
    let cookies = session.cookies();
    for (origin, status) in [("https://app.example.com", 200), ("http://app.example.com", 403)] {
        let headers =
            [("cookie", cookies.as_str()), ("x-csrftoken", &session.csrf), ("origin", origin)];
        assert_eq!(
            server.send(Method::PATCH, "user/", &headers, json!({})).await.status,
            status,
            "{origin}"
        );
    }
}

#[tokio::test]
async fn https_request_without_origin_needs_a_referer() {
    let server = TestServer::with(&[("SITE_URL", "https://auth.example.com")]).await;
    let session = Session::open(&server).await;
    let cookies = session.cookies();
    let own = "https://auth.example.com/settings";
    let foreign = "https://auth.example.com.evil.net/";
    for (referer, status) in [(None, 403), (Some(foreign), 403), (Some(own), 200)] {
        let mut headers =
            vec![("cookie", cookies.as_str()), ("x-csrftoken", session.csrf.as_str())];
        headers.extend(referer.map(|referer| ("referer", referer)));
        assert_eq!(
            server.send(Method::PATCH, "user/", &headers, json!({})).await.status,
            status,
            "{referer:?}"
        );
    }
}

#[tokio::test]
async fn token_needs_no_csrf_even_beside_a_session() {
    let server = TestServer::start().await;
    let session = Session::open(&server).await;
    let cookies = session.cookies();
    for authorization in [server.register("bob", "").await, basic("amy", PASSWORD)] {
        let headers = [
            ("cookie", cookies.as_str()),
            ("authorization", &authorization),
            ("origin", "https://evil.example.net"),
        ];
        assert_eq!(server.send(Method::PATCH, "user/", &headers, json!({})).await.status, 200);
    }
}

#[tokio::test]
async fn cross_site_get_logout_ends_nothing() {
    // Without Fetch Metadata, which browsers do not send over plain http, a GET is not
    // recognisable as cross-site.
    let plain = ("host", "auth.example.com");
    let server = TestServer::start().await;
    let session = Session::open(&server).await;
    let cookies = session.cookies();
    for header in [
        plain,
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "nonsense"),
        ("origin", "https://evil.example.net"),
        ("origin", "null"),
        ("referer", "https://evil.example.net/page"),
        ("referer", "http://auth.example.com.evil.net/"),
        ("referer", "nonsense"),
    ] {
        let response = server.get("logout/", &[("cookie", &cookies), header]).await;
        assert_eq!(
            (response.status, response.json()),
            (200, detail("Successfully logged out.")),
            "{header:?}"
        );
        assert!(session.is_open(&server).await, "{header:?}");
    }
}

#[tokio::test]
async fn same_origin_get_logout_ends_the_session() {
    for header in [
        ("accept", "*/*"),
        ("host", "localhost:8000"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
        ("referer", "http://auth.example.com/platform/"),
    ] {
        let server = TestServer::start().await;
        let session = Session::open(&server).await;
        let response = server.get("logout/", &[("cookie", &session.cookies()), header]).await;
        assert_eq!(response.status, 200);
        assert!(response.cookie("sessionid").unwrap().contains("Max-Age=0"), "{header:?}");
        assert!(!session.is_open(&server).await, "{header:?}");
    }
}

#[tokio::test]
async fn get_logout_without_a_referer_over_https_ends_the_session() {
    let server = TestServer::with(&[("SITE_URL", "https://auth.example.com")]).await;
    let session = Session::open(&server).await;
    let (cookies, host) = (session.cookies(), ("host", "auth.example.com"));
    server
        .get("logout/", &[("cookie", &cookies), host, ("referer", "https://evil.example.net/")])
        .await;
    assert!(session.is_open(&server).await);
    server.get("logout/", &[("cookie", &cookies), host]).await;
    assert!(!session.is_open(&server).await);
}

#[tokio::test]
async fn cross_site_get_logout_with_a_token_ends_the_token() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let headers = [("authorization", token.as_str()), ("sec-fetch-site", "cross-site")];
    assert_eq!(server.get("logout/", &headers).await.status, 200);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 401);
}

#[tokio::test]
async fn logout_revokes_only_the_credentials_used() {
    let server = TestServer::start().await;
    let session = Session::open(&server).await;
    let token =
        format!("Token {}", server.log_in("amy", PASSWORD).await.json()["key"].as_str().unwrap());
    let basic = basic("amy", PASSWORD);
    assert_eq!(server.post("logout/", &[("authorization", &basic)], Value::Null).await.status, 200);
    assert!(session.is_open(&server).await);
    let cookies = session.cookies();
    let headers = [("cookie", cookies.as_str()), ("x-csrftoken", session.csrf.as_str())];
    assert_eq!(server.post("logout/", &headers, Value::Null).await.status, 200);
    assert!(!session.is_open(&server).await);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
    assert_eq!(server.post("logout/", &[("authorization", &token)], Value::Null).await.status, 200);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 401);
}

#[tokio::test]
async fn anonymous_logout_creates_nothing() {
    let server = TestServer::start().await;
    for method in [Method::GET, Method::POST] {
        let response = server.send(method, "logout/", &[], Value::Null).await;
        assert_eq!((response.status, response.json()), (200, detail("Successfully logged out.")));
        assert!(!response.headers.contains_key("set-cookie"));
    }
}

#[tokio::test]
async fn dead_session_cookie_is_cleared_and_nothing_is_created() {
    let server = TestServer::start().await;
    let dead = [("cookie", "sessionid=0123456789abcdefghijklmnopqrstuv")];
    for (method, path, status) in [
        (Method::GET, "user/", 401),
        (Method::GET, "providers/", 200),
        (Method::GET, "nothing/", 404),
        (Method::POST, "logout/", 200),
        (Method::PUT, "login/", 405),
    ] {
        let response = server.send(method, path, &dead, Value::Null).await;
        assert_eq!(response.status, status, "{path}");
        let cookies: Vec<_> = response.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies.len(), 1, "{path}: {cookies:?}");
        assert!(response.cookie("sessionid").unwrap().starts_with("; "), "{path}");
        assert!(response.cookie("sessionid").unwrap().contains("Max-Age=0"));
    }
    // An invalid session needs no CSRF token.
    let body = json!({ "username": "amy", "password": "x" });
    assert_eq!(server.post("login/", &dead, body).await.status, 400);
}
