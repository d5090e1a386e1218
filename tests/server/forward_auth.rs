//! Forward authentication: a reverse proxy asks about each request of a service behind it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inventree_auth::domain::operation::Operation;
use inventree_auth::domain::{administration, groups, passwords};
use reqwest::Method;
use test_support::{PASSWORD, Response, TestServer, confirmation_key};

use crate::protocol::{Session, basic};

const ASK: &str = "/platform/auth/";
const NGINX: &str = "/platform/auth/nginx/";
const HOST: (&str, &str) = ("x-forwarded-host", "auth.example.com");
const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// A server behind a proxy on this machine.
pub async fn server(settings: &[(&str, &str)]) -> TestServer {
    let proxy = [("USE_X_FORWARDED_FOR", "true"), ("TRUSTED_PROXIES", "127.0.0.1")];
    TestServer::with(&[&proxy, settings].concat()).await
}

pub async fn at(
    server: &TestServer,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> Response {
    let request = server.http.request(method, format!("{}{path}", server.base));
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    server.page(request).await
}

/// Asks as Caddy does, about a request with this method and URI.
pub async fn ask(
    server: &TestServer,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
) -> Response {
    let passed = [HOST, ("x-forwarded-method", method), ("x-forwarded-uri", uri)];
    at(server, Method::GET, ASK, &[&passed, headers].concat()).await
}

pub fn remote(response: &Response) -> [&str; 4] {
    ["remote-user", "remote-email", "remote-name", "remote-groups"].map(|name| {
        assert!(response.headers.contains_key(name), "{name}: {response:?}");
        response.header(name)
    })
}

pub fn has_no_identity(response: &Response) {
    assert!(
        !response.headers.keys().any(|name| name.as_str().starts_with("remote-")),
        "{response:?}"
    );
    assert_eq!(response.header("cache-control"), "no-store");
}

pub fn operator(server: &TestServer) -> Operation {
    Operation::of_operator(server.app())
}

async fn join(server: &TestServer, username: &str, group: &str) {
    let op = operator(server);
    groups::add(&op, group).await.unwrap();
    let account = administration::find(&op, username).await.unwrap();
    groups::change(&op, account.id, vec![group.to_owned()], Vec::new()).await.unwrap();
}

#[tokio::test]
async fn forward_auth_passes_the_callers_name_for_token_basic_and_session() {
    let server = server(&[]).await;
    let session = Session::open(&server).await;
    let token = server.log_in("amy", PASSWORD).await.json()["key"].as_str().unwrap().to_owned();
    let token = format!("Token {token}");
    let name = serde_json::json!({ "first_name": "Amy", "last_name": "\u{c9}luard" });
    server.send(Method::PATCH, "user/", &[("authorization", &token)], name).await;
    join(&server, "amy", "Stock, keepers").await;
    join(&server, "amy", "Admins").await;
    for credential in [
        ("authorization", token.as_str()),
        ("authorization", &basic("amy", PASSWORD)),
        ("cookie", &session.cookies()),
    ] {
        for method in ["GET", "HEAD", "OPTIONS"] {
            let response = ask(&server, method, "/api/part/?limit=1", &[credential]).await;
            assert_eq!(response.status, 200, "{response:?}");
            let expected = ["amy", "", "Amy %C3%89luard", "Admins,Stock%2C keepers"];
            assert_eq!(remote(&response), expected);
            assert_eq!((response.body.len(), response.header("cache-control")), (0, "no-store"));
        }
    }
}

#[tokio::test]
async fn only_responses_that_reach_a_browser_have_headers_for_browsers() {
    let server = server(&[]).await;
    let token = server.register("amy", "").await;
    let names = |response: &Response| {
        let mut names: Vec<_> =
            response.headers.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort_unstable();
        names
    };
    let passes = ask(&server, "GET", "/", &[("authorization", &token)]).await;
    let expected = "allow cache-control content-length date remote-email remote-groups \
                    remote-name remote-user x-request-id";
    assert_eq!(names(&passes), expected.split(' ').collect::<Vec<_>>());
    for refused in [vec![], vec![BROWSER], vec![("authorization", "Token no")]] {
        let response = ask(&server, "GET", "/", &refused).await;
        for name in ["content-security-policy", "x-content-type-options", "vary"] {
            assert!(response.headers.contains_key(name), "{name}: {response:?}");
        }
    }
}

#[tokio::test]
async fn forward_auth_passes_verified_addresses_only() {
    let server = server(&[]).await;
    let token = server.register("amy", "amy@example.com").await;
    let mail = server.take_mail_to("amy@example.com").await;
    let credential = [("authorization", token.as_str())];
    assert_eq!(remote(&ask(&server, "GET", "/", &credential).await)[1], "");
    let key = serde_json::json!({ "key": confirmation_key(&mail) });
    assert_eq!(server.post("registration/verify-email/", &[], key).await.status, 200);
    // The proof ends the token of before.
    let token = server.log_in("amy", PASSWORD).await.json()["key"].as_str().unwrap().to_owned();
    let response = ask(&server, "GET", "/", &[("authorization", &format!("Token {token}"))]).await;
    assert_eq!(remote(&response)[1], "amy@example.com");
}

#[tokio::test]
async fn invalid_credentials_are_401_and_only_anonymous_browsers_are_redirected() {
    let server = server(&[]).await;
    let token = server.register("amy", "").await;
    assert_eq!(ask(&server, "GET", "/", &[("authorization", &token)]).await.status, 200);
    server.post("logout/", &[("authorization", &token)], serde_json::Value::Null).await;
    for credential in [
        vec![],
        vec![("authorization", token.as_str())],
        vec![("authorization", "Token no"), BROWSER],
        vec![("authorization", "Bearer no"), BROWSER],
        vec![("authorization", &basic("amy", "wrong"))],
        vec![("cookie", "sessionid=no")],
        vec![BROWSER, ("sec-fetch-mode", "cors")],
        vec![BROWSER, ("sec-fetch-mode", "websocket")],
    ] {
        let response = ask(&server, "GET", "/", &credential).await;
        assert_eq!(response.status, 401, "{credential:?}");
        has_no_identity(&response);
    }
    assert_eq!(ask(&server, "POST", "/", &[BROWSER]).await.status, 401);
    let response = ask(&server, "GET", "/", &[BROWSER]).await;
    assert_eq!(response.status, 302);
    has_no_identity(&response);
    let dead = ask(&server, "GET", "/", &[BROWSER, ("cookie", "sessionid=no")]).await;
    assert_eq!(dead.status, 302);
}

#[tokio::test]
async fn browser_returns_to_configured_hosts_only() {
    let server = server(&[
        ("SITE_URL", "https://auth.example.com"),
        ("FORWARD_AUTH_HOSTS", "stock.example.com"),
        ("COOKIE_DOMAIN", "example.com"),
    ])
    .await;
    let uri = "/part/1/?q=%C3%A4&next=//evil.example/#x";
    let passed = [
        ("x-forwarded-host", "stock.example.com"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-method", "GET"),
        ("x-forwarded-uri", uri),
        BROWSER,
    ];
    let response = at(&server, Method::GET, ASK, &passed).await;
    let to = response.header("location").to_owned();
    let next = to.strip_prefix("https://auth.example.com/platform/login?next=").unwrap();
    // The pages follow such a path and no other.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./?=&".contains(&byte);
    assert!(next.starts_with("/platform/return?to=") && next.bytes().all(is_plain), "{next}");
    let back = at(&server, Method::GET, next, &[]).await;
    let expected = format!("https://stock.example.com{uri}");
    assert_eq!((back.status, back.header("location")), (302, expected.as_str()));
    let nginx = at(&server, Method::GET, NGINX, &passed).await;
    assert_eq!((nginx.status, nginx.header("location")), (401, to.as_str()));

    for elsewhere in [
        "https://evil.example/",
        "https://stock.example.com.evil.example/",
        "https://stock.example.com@evil.example/",
        "https://stock.example.com\\@evil.example/",
        "https://evil.example\\.stock.example.com/",
        "https://stock.example.com%2f@evil.example/",
        "https://stock.example.com/\\evil.example",
        "https://amy:b@stock.example.com/",
        "https://STOCK.example.com/",
        "https://stock.example.com./",
        "https://stock.example.com:443/",
        "https://stock\u{3002}example.com/",
        "https://xn--stck-5qa.example.com/",
        "https:/stock.example.com/",
        "https:///stock.example.com/",
        " https://stock.example.com/",
        "https://stock.example.com:8443/",
        "https://auth.example.com/",
        "http://stock.example.com/",
        "javascript://stock.example.com/%0aalert(1)",
        "//stock.example.com/",
        "https://stock.example.com/\r\nSet-Cookie: a=b",
        "https://stock.example.com",
        "",
    ] {
        let path = format!("/platform/return?to={}", URL_SAFE_NO_PAD.encode(elsewhere));
        let response = at(&server, Method::GET, &path, &[]).await;
        assert_eq!(response.header("location"), "/platform/", "{elsewhere}");
    }
    for path in ["/platform/return", "/platform/return?to=%", "/platform/return?x=1"] {
        let response = at(&server, Method::GET, path, &[]).await;
        assert_eq!(response.header("location"), "/platform/", "{path}");
    }
    let long = format!("/{}", "a".repeat(2000));
    let mut longer = passed;
    longer[3].1 = &long;
    let response = at(&server, Method::GET, ASK, &longer).await;
    let encoded = response.header("location").rsplit_once('=').unwrap().1;
    assert_eq!(URL_SAFE_NO_PAD.decode(encoded).unwrap(), b"https://stock.example.com/");
}

#[tokio::test]
async fn cookies_use_the_configured_domain_and_name() {
    let server = server(&[
        ("SITE_URL", "https://auth.example.com"),
        ("FORWARD_AUTH_HOSTS", "stock.example.com"),
        ("COOKIE_DOMAIN", "example.com"),
        ("SESSION_COOKIE_NAME", "auth_session"),
    ])
    .await;
    server.register("amy", "").await;
    let response = server.log_in("amy", PASSWORD).await;
    for name in ["auth_session", "csrftoken"] {
        let cookie = response.cookie(name).unwrap();
        assert!(cookie.contains("; Domain=example.com"), "{cookie}");
    }
    assert!(!response.cookie("device").unwrap().contains("Domain="));
    assert_eq!(response.cookie("sessionid"), None);
    let cookie = format!("auth_session={}", response.cookie_value("auth_session"));
    let host = [("x-forwarded-host", "stock.example.com"), ("cookie", &cookie)];
    let passed = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/")];
    let response = at(&server, Method::GET, ASK, &[&passed[..], &host].concat()).await;
    assert_eq!(remote(&response)[0], "amy");
    let out = server.post("logout/", &[("cookie", &cookie), ("origin", "null")], "".into()).await;
    assert_eq!(out.status, 403);
}

#[tokio::test]
async fn unconfigured_hosts_are_refused() {
    let server = server(&[]).await;
    let token = server.register("amy", "").await;
    for host in ["evil.example", "auth.example.com.evil.example", "auth.example.com:8443", ""] {
        let passed = [
            ("x-forwarded-host", host),
            ("x-forwarded-method", "GET"),
            ("x-forwarded-uri", "/"),
            ("authorization", token.as_str()),
        ];
        assert_eq!(at(&server, Method::GET, ASK, &passed).await.status, 403, "{host}");
    }
    let upper = ask(&server, "GET", "/", &[("authorization", &token)]).await;
    assert_eq!(upper.status, 200);
}

#[tokio::test]
async fn forward_auth_requires_a_trusted_proxy() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    for path in [ASK, NGINX, "/platform/auth/envoy/"] {
        let passed = [
            HOST,
            ("x-forwarded-method", "GET"),
            ("x-forwarded-uri", "/"),
            ("authorization", token.as_str()),
        ];
        let response = at(&server, Method::GET, path, &passed).await;
        assert_eq!(response.status, 403, "{path}");
        has_no_identity(&response);
    }
}

#[tokio::test]
async fn original_request_must_be_stated_once() {
    let server = server(&[("FORWARD_AUTH_OPEN_PATHS", "/static/*")]).await;
    let session = Session::open(&server).await;
    let cookie = ("cookie", session.cookies());
    let cookie = (cookie.0, cookie.1.as_str());
    for trick in [
        ("x-original-method", "GET"),
        ("x-forwarded-method", "GET"),
        ("x-original-uri", "/static/"),
        ("x-forwarded-uri", "/static/"),
        ("x-original-url", "http://auth.example.com/static/"),
        ("x-original-host", "evil.example"),
        ("x-forwarded-proto", "https, http"),
    ] {
        let response = ask(&server, "DELETE", "/api/part/1/", &[cookie, trick]).await;
        assert_eq!(response.status, 403, "{trick:?}");
        has_no_identity(&response);
    }
    // Neither the method nor the URI of the question stands in for the original one.
    for passed in [vec![HOST, ("x-forwarded-uri", "/")], vec![HOST, ("x-forwarded-method", "GET")]]
    {
        let response = at(&server, Method::GET, ASK, &[&passed[..], &[cookie]].concat()).await;
        assert_eq!(response.status, 403, "{passed:?}");
    }
}

#[tokio::test]
async fn unsafe_cross_origin_request_with_a_session_is_refused() {
    let server = server(&[("TRUSTED_ORIGINS", "http://app.example.com")]).await;
    let session = Session::open(&server).await;
    let cookies = session.cookies();
    let cookie = ("cookie", cookies.as_str());
    for method in ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"] {
        for foreign in [
            vec![],
            vec![("origin", "http://evil.example")],
            vec![("origin", "null")],
            vec![("referer", "http://evil.example/")],
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site"), ("origin", "http://auth.example.com")],
            vec![("x-csrftoken", "b123456789012345678901234567890b")],
            // A token does not outweigh the marks of the browser.
            vec![("origin", "http://evil.example"), ("x-csrftoken", &session.csrf)],
        ] {
            let response = ask(&server, method, "/", &[&foreign[..], &[cookie]].concat()).await;
            assert_eq!(response.status, 403, "{method} {foreign:?}");
            has_no_identity(&response);
        }
        for own in [
            ("origin", "http://auth.example.com"),
            ("origin", "http://app.example.com"),
            ("referer", "http://auth.example.com/part/"),
            ("sec-fetch-site", "same-origin"),
            ("x-csrftoken", &session.csrf),
        ] {
            let response = ask(&server, method, "/", &[own, cookie]).await;
            assert_eq!(response.status, 200, "{method} {own:?}");
        }
    }
    let token = server.log_in("amy", PASSWORD).await.json()["key"].as_str().unwrap().to_owned();
    let response = ask(&server, "POST", "/", &[("authorization", &format!("Token {token}"))]).await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn web_socket_from_another_origin_is_refused() {
    let server = server(&[]).await;
    let session = Session::open(&server).await;
    let cookies = session.cookies();
    let cookie = ("cookie", cookies.as_str());
    // A proxy may keep some of these for itself.
    for mark in [
        ("upgrade", "WebSocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
        ("sec-fetch-mode", "websocket"),
    ] {
        for (origin, expected) in [
            (("origin", "http://evil.example"), 403),
            (("origin", "null"), 403),
            (("origin", ""), 403),
            (("origin", "https://auth.example.com"), 403),
            (("origin", "http://auth.example.com:8080"), 403),
            (("origin", "http://auth.example.com.evil.example"), 403),
            (("origin", "HTTP://AUTH.example.com"), 403),
            (("x-none", ""), 403),
            (("origin", "http://auth.example.com"), 200),
        ] {
            let response = ask(&server, "GET", "/ws/", &[mark, origin, cookie]).await;
            assert_eq!(response.status, expected, "{mark:?} {origin:?}");
        }
    }
    let foreign = [("sec-websocket-version", "13"), ("origin", "http://evil.example")];
    let basic = basic("amy", PASSWORD);
    let response =
        ask(&server, "GET", "/ws/", &[&foreign[..], &[("authorization", &basic)]].concat()).await;
    assert_eq!(response.status, 403);
    let response =
        ask(&server, "GET", "/ws/", &[foreign[0], ("authorization", basic.as_str())]).await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn open_paths_need_no_sign_in_and_name_no_caller() {
    let server = server(&[("FORWARD_AUTH_OPEN_PATHS", "/static/*,/robots.txt")]).await;
    let token = server.register("amy", "").await;
    for open in ["/static/web/a.js", "/robots.txt?x=/../"] {
        for credential in [vec![], vec![("authorization", token.as_str())]] {
            let response = ask(&server, "GET", open, &credential).await;
            assert_eq!((response.status, remote(&response)), (200, [""; 4]), "{open}");
        }
    }
    for closed in [
        "/static/../api/part/",
        "/static/%2e%2e/api/part/",
        "/static/..%2fapi/part/",
        "/static//api/",
        "/static/..;/api/",
        "/static/..\\api/",
        "/static/#/../api/",
        "/static/..",
        "/static/./",
        "/static",
        "/STATIC/web/a.js",
        "//static/",
        "/robots.txt#/../api/",
        "/robots.txt.",
        "/ROBOTS.TXT",
        "/robots.txt/",
        "/?/static/",
    ] {
        assert_eq!(ask(&server, "GET", closed, &[]).await.status, 401, "{closed}");
    }
}

#[tokio::test]
async fn forward_auth_allows_configured_superusers_and_groups() {
    let setting = [("FORWARD_AUTH_ALLOW", "superusers,group:Stock keepers")];
    let server = server(&setting).await;
    let mut tokens = Vec::new();
    for name in ["amy", "bob", "eve"] {
        tokens.push(server.register(name, "").await);
    }
    join(&server, "amy", "Stock keepers").await;
    join(&server, "eve", "stock keepers").await;
    let bob = administration::find(&operator(&server), "bob").await.unwrap();
    administration::set_superuser(&operator(&server), bob.id, true).await.unwrap();
    for (token, expected) in tokens.iter().zip([200, 200, 403]) {
        let response = ask(&server, "GET", "/", &[("authorization", token)]).await;
        assert_eq!(response.status, expected);
    }
    let amy = administration::find(&operator(&server), "amy").await.unwrap();
    let leave = vec!["Stock keepers".to_owned()];
    groups::change(&operator(&server), amy.id, Vec::new(), leave).await.unwrap();
    // At once.
    assert_eq!(ask(&server, "GET", "/", &[("authorization", &tokens[0])]).await.status, 403);
}

#[tokio::test]
async fn envoy_sends_the_original_request() {
    let server = server(&[("FORWARD_AUTH_OPEN_PATHS", "/static/*")]).await;
    let session = Session::open(&server).await;
    let cookies = session.cookies();
    let (host, cookie) = (("host", "auth.example.com"), ("cookie", cookies.as_str()));
    let envoy = "/platform/auth/envoy";
    let part = format!("{envoy}/api/part/?q=1");
    for (method, headers, expected) in [
        (Method::GET, vec![host, cookie], 200),
        (Method::HEAD, vec![host, cookie], 200),
        (Method::OPTIONS, vec![host, cookie], 200),
        (Method::GET, vec![host], 401),
        (Method::GET, vec![host, BROWSER], 302),
        (Method::OPTIONS, vec![host], 401),
        (Method::OPTIONS, vec![host, ("access-control-request-method", "PUT")], 401),
        (Method::POST, vec![host, cookie], 403),
        (Method::DELETE, vec![host, cookie, ("x-forwarded-method", "GET")], 403),
        (Method::POST, vec![host, cookie, ("origin", "http://auth.example.com")], 200),
    ] {
        let response = at(&server, method.clone(), &part, &headers).await;
        assert_eq!(response.status, expected, "{method} {headers:?}");
    }
    let open = at(&server, Method::GET, &format!("{envoy}/static/a.js"), &[host]).await;
    assert_eq!(open.status, 200);
    for closed in ["/static/%2e%2e/api/", "//static/a.js", "///static/a.js", "/", ""] {
        let response = at(&server, Method::GET, &format!("{envoy}{closed}"), &[host]).await;
        assert!(!response.status.to_string().starts_with('2'), "{closed}: {response:?}");
        assert!(!response.headers.contains_key("remote-user"), "{closed}");
    }
}

#[tokio::test]
async fn forward_auth_enforces_the_second_factor() {
    let server = server(&[("LOGIN_ENFORCE_MFA", "true")]).await;
    let account = administration::NewUser {
        username: "amy".to_owned(),
        email: String::new(),
        first_name: String::new(),
        last_name: String::new(),
        password: passwords::Password::new(PASSWORD.to_owned()),
        is_superuser: false,
    };
    administration::create(&operator(&server), account).await.unwrap();
    let response = ask(&server, "GET", "/", &[("authorization", &basic("amy", PASSWORD))]).await;
    assert_eq!(response.status, 403, "{response:?}");
    has_no_identity(&response);
}
