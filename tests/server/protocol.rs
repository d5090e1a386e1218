//! Rules for every path: negotiation, authentication, CSRF, methods, headers and the lifetime of a
//! login.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Method;
use serde_json::{Value, json};
use test_support::{Answer, PASSWORD, TestServer, contract};

const NOT_PROVIDED: &str = "Authentication credentials were not provided.";

/// The cookies of a browser after a login.
struct Session {
    id: String,
    csrf: String,
}

impl Session {
    /// Registers and logs in.
    async fn open(server: &TestServer) -> Session {
        server.register("amy", "").await;
        let answer = server.log_in("amy", PASSWORD).await;
        Session { id: answer.cookie_value("sessionid"), csrf: answer.cookie_value("csrftoken") }
    }

    fn cookies(&self) -> String {
        format!("sessionid={}; csrftoken={}", self.id, self.csrf)
    }

    async fn is_open(&self, server: &TestServer) -> bool {
        server.get("user/", &[("cookie", &self.cookies())]).await.status == 200
    }
}

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{username}:{password}")))
}

/// A request to a full path.
async fn at(server: &TestServer, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = server.http.request(method, format!("{}{path}", server.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.run(request).await
}

fn detail(text: &str) -> Value {
    json!({ "detail": text })
}

#[tokio::test]
async fn unknown_path_answers_with_its_own_url() {
    let server = TestServer::start().await;
    for method in
        [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
    {
        let answer = at(&server, method.clone(), "/api/auth/nothing/?x=1", &[]).await;
        assert_eq!(answer.status, 404, "{method}");
        assert_eq!(
            String::from_utf8(answer.body).unwrap(),
            concat!(
                r#"{"detail": "API endpoint not found", "#,
                r#""url": "http://auth.example.com/api/auth/nothing/?x=1"}"#,
            )
        );
    }
}

#[tokio::test]
async fn paths_match_to_the_letter() {
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
            let answer = at(&server, method.clone(), path, &[("authorization", &token)]).await;
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
            assert_eq!(answer.json()["detail"], "API endpoint not found", "{path}");
            assert!(!answer.headers.contains_key("location"));
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
            let answer = server.send(method, path, &headers, Value::Null).await;
            assert_eq!((answer.status, answer.json()), (401, detail("Invalid token.")), "{path}");
            assert_eq!(answer.header("www-authenticate"), "Token");
        }
    }
    let answer = server.post("nothing/", &[("cookie", &session.cookies())], Value::Null).await;
    assert_eq!((answer.status, answer.json()), (403, detail("CSRF Failed: CSRF token missing.")));
}

#[tokio::test]
async fn each_fault_of_a_credential_has_its_words() {
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
        let answer = server.get("user/", &[("authorization", header)]).await;
        assert_eq!((answer.status, answer.json()), (401, detail(words)), "{header}");
        assert_eq!(answer.header("www-authenticate"), "Token", "{header}");
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
async fn login_knows_basic_only() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let body = json!({ "username": "amy", "password": PASSWORD });
    let answer = server.post("login/", &[("authorization", "Token nonsense")], body.clone()).await;
    assert_eq!(answer.status, 200);
    let answer = server.post("login/", &[("authorization", &basic("amy", "wrong"))], body).await;
    assert_eq!((answer.status, answer.json()), (401, detail("Invalid username/password.")));
    assert_eq!(answer.header("www-authenticate"), "Basic realm=\"api\"");
}

#[tokio::test]
async fn wrong_method_is_told_after_authentication() {
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
        let answer = server.send(method.clone(), path, &[], Value::Null).await;
        assert_eq!((answer.status, answer.json()), (401, detail(NOT_PROVIDED)), "{method} {path}");
        let answer =
            server.send(method.clone(), path, &[("authorization", &token)], Value::Null).await;
        let words = format!("Method \"{method}\" not allowed.");
        assert_eq!((answer.status, answer.json()), (405, detail(&words)), "{path}");
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
    for (method, path, allow) in [
        (Method::PUT, "login/", "POST, OPTIONS"),
        (Method::DELETE, "logout/", "GET, POST, HEAD, OPTIONS"),
        (Method::POST, "providers/", "GET, HEAD, OPTIONS"),
        (Method::GET, "registration/", "POST, OPTIONS"),
        (Method::HEAD, "password/reset/", "POST, OPTIONS"),
    ] {
        let answer = server.send(method.clone(), path, &[], Value::Null).await;
        assert_eq!((answer.status, answer.header("allow")), (405, allow), "{method} {path}");
    }
}

#[tokio::test]
async fn wrong_method_in_a_session_needs_the_csrf_token_first() {
    let server = TestServer::start().await;
    let session = Session::open(&server).await;
    let cookies = session.cookies();
    let answer = server.send(Method::DELETE, "user/", &[("cookie", &cookies)], Value::Null).await;
    assert_eq!(answer.status, 403);
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
        let answer = server.send(Method::OPTIONS, path, &headers, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}");
        let told = answer.json();
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
        let answer = server.send(Method::HEAD, path, &headers, Value::Null).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
        assert_eq!(answer.header("content-type"), "application/json");
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
        let answer = server.get("user/", &bad).await;
        let words = detail("Could not satisfy the request Accept header.");
        assert_eq!((answer.status, answer.json()), (406, words), "{accept}");
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
        let answer = server.get("user/", &[("accept", accept), ("authorization", &token)]).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
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
        let answer = server.get(path, &[("authorization", "Token nonsense")]).await;
        assert_eq!((answer.status, answer.json()), (404, detail("Not found.")), "{path}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = TestServer::start().await;
    for (method, path, status) in [
        (Method::GET, "providers/", 200),
        (Method::POST, "login/", 400),
        (Method::GET, "user/", 401),
        (Method::GET, "nothing/", 404),
        (Method::PUT, "login/", 405),
        (Method::OPTIONS, "login/", 200),
    ] {
        let answer = server.send(method, path, &[], Value::Null).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; frame-ancestors 'none'"
        );
        assert_eq!(answer.header("strict-transport-security"), "", "this server does not end TLS");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.header("content-language"), "en");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!answer.header("x-request-id").is_empty());
        let vary = answer.header("vary").to_ascii_lowercase();
        assert!(
            ["origin", "cookie", "accept-language"].iter().all(|name| vary.contains(name)),
            "{vary}"
        );
    }
}

#[tokio::test]
async fn no_origin_may_read_unless_listed() {
    let server = TestServer::start().await;
    for origin in ["https://app.example.com", "http://auth.example.com", "null"] {
        for answer in [
            server.get("providers/", &[("origin", origin)]).await,
            preflight(&server, origin).await,
            server.get("nothing/", &[("origin", origin)]).await,
        ] {
            assert!(
                !answer.headers.keys().any(|name| name.as_str().starts_with("access-control")),
                "{answer:?}"
            );
        }
    }
}

async fn preflight(server: &TestServer, origin: &str) -> Answer {
    let headers = [("origin", origin), ("access-control-request-method", "POST")];
    server.send(Method::OPTIONS, "login/", &headers, Value::Null).await
}

#[tokio::test]
async fn listed_origin_may_read_with_credentials() {
    let listed = "https://app.example.com";
    let server = TestServer::with(&[(
        "CORS_ORIGIN_WHITELIST",
        "https://one.example.com,https://app.example.com",
    )])
    .await;
    for (path, status) in [("providers/", 200), ("user/", 401), ("nothing/", 404)] {
        let answer = server.get(path, &[("origin", listed)]).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), listed, "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
    }
    let asked = preflight(&server, listed).await;
    assert_eq!((asked.status, asked.body.len()), (200, 0));
    assert_eq!(asked.header("access-control-allow-origin"), listed);
    assert_eq!(asked.header("access-control-allow-methods"), "POST, OPTIONS");
    assert!(asked.header("access-control-allow-headers").contains("x-csrftoken"));
    for other in [
        "https://app.example.com.evil.net",
        "http://app.example.com",
        "https://app.example.com:444",
        "null",
    ] {
        let answer = server.get("providers/", &[("origin", other)]).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{other}");
        assert_eq!(preflight(&server, other).await.header("access-control-allow-origin"), "");
    }
}

/// Masks a secret as Django does: 32 mask letters, then each letter shifted by its mask letter.
fn masked(secret: &str) -> String {
    const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let place = |byte: u8| ALPHABET.iter().position(|letter| *letter == byte).unwrap();
    let mask: Vec<u8> = (0..32).map(|n| ALPHABET[(n * 7 + 3) % 62]).collect();
    let moved = secret.bytes().zip(&mask).map(|(s, m)| ALPHABET[(place(s) + place(*m)) % 62]);
    String::from_utf8(mask.iter().copied().chain(moved).collect()).unwrap()
}

#[tokio::test]
async fn session_needs_its_csrf_token_and_each_fault_has_its_words() {
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
        let answer =
            server.send(Method::PATCH, "user/", &all, json!({ "first_name": "Eve" })).await;
        assert_eq!((answer.status, answer.json()), (403, detail(&format!("CSRF Failed: {words}"))));
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
        let answer =
            server.send(Method::PATCH, "user/", &all, json!({ "first_name": "Amy" })).await;
        assert_eq!(answer.status, 200, "{all:?}");
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
async fn https_site_wants_a_referer_where_there_is_no_origin() {
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
        let answer = server.get("logout/", &[("cookie", &cookies), header]).await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, detail("Successfully logged out.")),
            "{header:?}"
        );
        assert!(session.is_open(&server).await, "{header:?}");
    }
}

#[tokio::test]
async fn own_get_logout_ends_the_session() {
    for header in [
        ("accept", "*/*"),
        ("host", "localhost:8000"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
        ("referer", "http://auth.example.com/platform/"),
    ] {
        let server = TestServer::start().await;
        let session = Session::open(&server).await;
        let answer = server.get("logout/", &[("cookie", &session.cookies()), header]).await;
        assert_eq!(answer.status, 200);
        assert!(answer.cookie("sessionid").unwrap().contains("Max-Age=0"), "{header:?}");
        assert!(!session.is_open(&server).await, "{header:?}");
    }
}

#[tokio::test]
async fn unmarked_get_logout_over_https_ends_the_session() {
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
async fn logout_ends_what_was_used_and_no_more() {
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
        let answer = server.send(method, "logout/", &[], Value::Null).await;
        assert_eq!((answer.status, answer.json()), (200, detail("Successfully logged out.")));
        assert!(!answer.headers.contains_key("set-cookie"));
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
        let answer = server.send(method, path, &dead, Value::Null).await;
        assert_eq!(answer.status, status, "{path}");
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies.len(), 1, "{path}: {cookies:?}");
        assert!(answer.cookie("sessionid").unwrap().starts_with("; "), "{path}");
        assert!(answer.cookie("sessionid").unwrap().contains("Max-Age=0"));
    }
    // An invalid session needs no CSRF token.
    let body = json!({ "username": "amy", "password": "x" });
    assert_eq!(server.post("login/", &dead, body).await.status, 400);
}

#[tokio::test]
async fn strange_methods_are_refused_without_an_echo() {
    let server = TestServer::start().await;
    for method in ["TRACE", "CONNECTED", "PROPFIND", "get"] {
        for path in ["/api/auth/user/", "/api/auth/nothing/"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer =
                at(&server, method.clone(), path, &[("cookie", "sessionid=secret-in-a-header")])
                    .await;
            assert!((400..500).contains(&answer.status), "{method} {path}: {answer:?}");
            assert!(!String::from_utf8_lossy(&answer.body).contains("secret-in-a-header"));
        }
    }
}

#[tokio::test]
async fn strange_paths_and_headers_never_break_the_server() {
    let server = TestServer::start().await;
    for path in [
        "/%ff",
        "/api/auth/%2e%2e/user/",
        "/api/auth/user/%2F",
        "/api/auth/emails/%00/verify/",
        "/%",
        "/%zz",
    ] {
        let answer = at(&server, Method::GET, path, &[]).await;
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
    }
    let long = "a".repeat(7000);
    for headers in [
        [("authorization", "Token \t"), ("cookie", "sessionid; ;=;sessionid=\"\"")],
        [("authorization", "Basic ////"), ("cookie", "a=b")],
        [("authorization", "Basic ="), ("cookie", "sessionid=\u{e9}")],
        [("authorization", long.as_str()), ("cookie", long.as_str())],
    ] {
        let answer = server.get("user/", &headers).await;
        assert!((400..500).contains(&answer.status), "{headers:?}: {answer:?}");
    }
    let query = format!("providers/?limit={long}&offset=%ff&&=&limit");
    let answer =
        contract::lenient("a limit that is no number is none", server.get(&query, &[])).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn token_is_good_through_its_365th_day() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    // Created on 2026-03-01 at noon.
    server.clock.advance(
        chrono::Duration::days(365) + chrono::Duration::hours(12) - chrono::Duration::seconds(1),
    );
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
    server.clock.advance(chrono::Duration::seconds(1));
    let answer = server.get("user/", &[("authorization", &token)]).await;
    assert_eq!((answer.status, answer.json()), (401, detail("Token has expired")));
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
    let answer = server.get("user/", &[("cookie", &session.cookies())]).await;
    assert!(answer.cookie("sessionid").unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn every_login_has_a_key_and_a_session_of_its_own() {
    let server = TestServer::start().await;
    let first = server.register("amy", "").await;
    let (a, b) = (server.log_in("amy", PASSWORD).await, server.log_in("amy", PASSWORD).await);
    assert_ne!(a.json(), b.json());
    assert_ne!(a.cookie_value("sessionid"), b.cookie_value("sessionid"));
    assert_eq!(server.get("user/", &[("authorization", &first)]).await.status, 200);
}

#[tokio::test]
async fn login_draws_a_new_session_id_whatever_was_sent() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let planted = "0123456789abcdefghijklmnopqrstuv";
    let cookie = format!("sessionid={planted}");
    let body = json!({ "username": "amy", "password": PASSWORD });
    let answer = server.post("login/", &[("cookie", &cookie)], body).await;
    assert_ne!(answer.cookie_value("sessionid"), planted);
    assert_eq!(server.get("user/", &[("cookie", &cookie)]).await.status, 401);
}

#[tokio::test]
async fn escaped_path_is_the_path_it_stands_for() {
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
    let database = server.place.bytes();
    for secret in secrets {
        assert!(!database.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}
