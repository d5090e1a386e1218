//! The pages as one site: the way in, the way on, and paths that lead nowhere.

use serde_json::json;
use test_support::{PASSWORD, Response, TestServer, confirmation_key};

use crate::second_factor::Browser;

const ADDRESS: &str = "amy@example.com";
const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// Amy's server. Her address is verified, and Bob's is not.
async fn server() -> TestServer {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    server.register("amy", ADDRESS).await;
    let key = confirmation_key(&server.take_mail_to(ADDRESS).await);
    let verified = server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    assert_eq!(verified.status, 200, "{verified:?}");
    server.register("bob", "bob@example.com").await;
    server
}

async fn sign_in(server: &TestServer, name: &str, password: &str) -> Response {
    let body = json!({ "username": name, "password": password });
    Browser::new(server).post("login/", body).await
}

async fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = server.http.get(format!("{}{path}", server.base));
    let with = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    server.page(headers.iter().fold(request, with)).await
}

fn text(response: &Response) -> String {
    String::from_utf8(response.body.clone()).unwrap()
}

#[tokio::test]
async fn verified_address_signs_in_on_pages_only() {
    let server = server().await;
    for name in [ADDRESS, " Amy@Example.COM ", "amy"] {
        let response = sign_in(&server, name, PASSWORD).await;
        assert_eq!((response.status, response.json()), (200, json!({})), "{name}");
        assert!(response.cookie("sessionid").is_some(), "{name}");
    }
    for body in [
        json!({ "username": ADDRESS, "password": PASSWORD }),
        json!({ "email": ADDRESS, "password": PASSWORD }),
    ] {
        assert_eq!(server.post("login/", &[], body).await.status, 400);
    }
}

#[tokio::test]
async fn sign_in_by_address_reveals_no_account() {
    let server = server().await;
    // An account with this name, too.
    server.register("carl@example.com", "").await;
    let seen = |response: Response| (response.status, response.json());
    let unknown = seen(sign_in(&server, "nobody@example.com", "wrong").await);
    assert_eq!(unknown.0, 400);
    for (name, password) in
        [(ADDRESS, "wrong"), ("bob@example.com", PASSWORD), ("carl@example.com", "wrong")]
    {
        assert_eq!(seen(sign_in(&server, name, password).await), unknown, "{name}");
    }
}

#[tokio::test]
async fn name_of_another_account_captures_no_sign_in_by_address() {
    let server = TestServer::start().await;
    // A stranger takes the address for a name before its owner proves it.
    let stranger = server.register(ADDRESS, "").await;
    server.register("amy", ADDRESS).await;
    let key = confirmation_key(&server.take_mail_to(ADDRESS).await);
    server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    let response = sign_in(&server, ADDRESS, PASSWORD).await;
    let cookie = format!("sessionid={}", response.cookie_value("sessionid"));
    let user = server.get("user/", &[("Cookie", &cookie)]).await.json();
    assert_eq!(user["username"], "amy");
    // Afterwards it is no name for any other account.
    let taken = json!(["A user with that username already exists."]);
    for name in ["Amy@Example.com", ADDRESS] {
        let body = json!({ "username": name, "password1": PASSWORD, "password2": PASSWORD });
        let refused = server.post("registration/", &[], body).await;
        assert_eq!((refused.status, &refused.json()["username"]), (400, &taken), "{name}");
    }
    let bob = server.register("bob", "").await;
    let change = async |who: &str, name: &str| {
        let headers = [("authorization", who)];
        let body = json!({ "username": name });
        server.send(reqwest::Method::PATCH, "user/", &headers, body).await.status
    };
    assert_eq!(change(&bob, ADDRESS).await, 400);
    assert_eq!(change(&stranger, "carl").await, 200);
    let amy = server.log_in("amy", PASSWORD).await.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(change(&format!("Token {amy}"), ADDRESS).await, 200, "its owner may");
}

#[tokio::test]
async fn attempts_by_address_count_for_its_account() {
    let server = server().await;
    for _ in 0..5 {
        assert_eq!(sign_in(&server, ADDRESS, "wrong").await.status, 400);
        assert_eq!(sign_in(&server, "amy", "wrong").await.status, 400);
    }
    for name in [ADDRESS, "amy"] {
        assert_eq!(sign_in(&server, name, PASSWORD).await.status, 429, "{name}");
    }
    // Another account, and an address without one, have attempts of their own.
    assert_eq!(sign_in(&server, "bob", PASSWORD).await.status, 200);
    assert_eq!(sign_in(&server, "nobody@example.com", "wrong").await.status, 400);
}

#[tokio::test]
async fn signed_in_browser_is_redirected_from_sign_in_pages() {
    let server = server().await;
    let session = sign_in(&server, "amy", PASSWORD).await.cookie_value("sessionid");
    let cookie = format!("sessionid={session}");
    for (query, target) in [
        ("", "/platform/"),
        ("?next=/platform/factors", "/platform/factors"),
        ("?done=reset&next=%2Fplatform%2Ffactors", "/platform/factors"),
        ("?next=", "/platform/"),
        ("?next=//evil.example.net/", "/platform/"),
        ("?next=https://evil.example.net/", "/platform/"),
        ("?next=/%0d%0aSet-Cookie:x", "/platform/"),
    ] {
        for page in ["/platform/login", "/platform/register"] {
            let path = format!("{page}{query}");
            let response = get(&server, &path, &[("Cookie", &cookie)]).await;
            assert_eq!((response.status, response.header("location")), (302, target), "{path}");
            assert_eq!(response.header("cache-control"), "no-store");
            assert_eq!(get(&server, &path, &[]).await.status, 200, "{path}");
            let stale = [("Cookie", "sessionid=of-another-time")];
            assert_eq!(get(&server, &path, &stale).await.status, 200, "{path}");
        }
    }
    // A service that did not receive the session would lead back here for ever.
    let path = "/platform/login?next=/platform/return?to=aHR0cHM6Ly9hLmV4YW1wbGUv";
    assert_eq!(get(&server, path, &[("Cookie", &cookie)]).await.status, 200);
}

#[tokio::test]
async fn registration_page_reports_that_confirmation_is_required() {
    for (settings, printed) in [
        (&[][..], json!({})),
        (&[("LOGIN_CONFIRM_FIRST", "true")][..], json!({ "unconfirmed": true })),
    ] {
        let server = TestServer::with(settings).await;
        let body = json!({
            "username": "amy", "email": ADDRESS, "password1": PASSWORD, "password2": PASSWORD,
        });
        let response = Browser::new(&server).post("register/", body).await;
        assert_eq!(response.status, 201, "{response:?}");
        assert_eq!(response.json(), printed);
    }
}

#[tokio::test]
async fn page_redirects_a_wrong_trailing_slash() {
    let server = TestServer::start().await;
    for (path, target) in [
        ("/platform", "/platform/"),
        ("//platform//", "/platform/"),
        ("/platform/login/", "/platform/login"),
        ("/platform//register?next=/platform/", "/platform/register?next=/platform/"),
        ("/platform/factors/", "/platform/factors"),
        ("/platform/set-password/?uid=1&token=2", "/platform/set-password?uid=1&token=2"),
        ("/accounts/login", "/accounts/login/"),
        ("/accounts/confirm-email/MQ:1abc:x_y", "/accounts/confirm-email/MQ:1abc:x_y/"),
        ("/accounts/confirm-email/a%0d%0ab?x=%0a", "/accounts/confirm-email/a%0d%0ab/?x=%0a"),
        ("/api-doc", "/api-doc/"),
    ] {
        let response = get(&server, path, &[]).await;
        assert_eq!((response.status, response.header("location")), (302, target), "{path}");
    }
    // Paths of the API are exact, and another host is none of a page's segments.
    for path in ["/api/schema", "/api/auth/user", "//evil.example.net/platform/", "/Platform"] {
        let response = get(&server, path, &[]).await;
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.json()["detail"], "API endpoint not found", "{path}");
    }
}

#[tokio::test]
async fn unknown_path_is_a_page_to_a_browser_and_json_to_a_program() {
    let server = TestServer::start().await;
    for path in ["/platform/no-such-page", "/no/such/page?a=b", "/accounts/confirm-email/a/b/"] {
        let german = [("Accept", HTML), ("Accept-Language", "de")];
        let page = get(&server, path, &german).await;
        assert_eq!((page.status, page.header("content-language")), (404, "de"), "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        let page = text(&page);
        assert!(page.contains("<h1>Seite nicht gefunden</h1>"), "{page}");
        assert!(page.contains("<a href=\"/platform/\">Zu Ihrem Konto</a>"), "{page}");
        for accept in ["*/*", "application/json"] {
            let program = get(&server, path, &[("Accept", accept)]).await;
            assert_eq!((program.status, program.json()["detail"].as_str()), JSON, "{path}");
        }
        let posted = server.http.post(format!("{}{path}", server.base)).header("Accept", HTML);
        let posted = server.page(posted).await;
        assert_eq!((posted.status, posted.json()["detail"].as_str()), JSON, "{path}");
    }
    let api = get(&server, "/api/auth/no-such-operation/", &[("Accept", HTML)]).await;
    assert_eq!((api.status, api.json()["detail"].as_str()), JSON);
}

const JSON: (u16, Option<&str>) = (404, Some("API endpoint not found"));

#[tokio::test]
async fn site_has_the_name_color_contact_footer_and_pictures_of_its_operator() {
    let folder = tempfile::tempdir().unwrap();
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    std::fs::write(folder.path().join("logo.svg"), svg).unwrap();
    std::fs::write(folder.path().join("favicon.ico"), [0, 0, 1, 0, 1, 0]).unwrap();
    let server = TestServer::with(&[
        ("PRODUCT_NAME", "Stock <&> More"),
        ("SUPPORT_CONTACT", "help@example.org"),
        ("BRAND_COLOR", "#ff8800"),
        ("FOOTER", "Example & Co,Imprint=https://example.org/imprint"),
        ("CUSTOMIZE_DIR", folder.path().to_str().unwrap()),
    ])
    .await;
    for path in ["/platform/login", "/platform/", "/no-such-page"] {
        let page = text(&get(&server, path, &[("Accept", HTML)]).await);
        for part in [
            "· Stock &#60;&#38;&#62; More accounts</title>",
            "<li>Help: <a href=\"mailto:help@example.org\">help@example.org</a></li>",
            "<li>Example &#38; Co</li>",
            "<li><a href=\"https://example.org/imprint\">Imprint</a></li>",
            "<link rel=\"icon\" href=\"/platform/favicon.ico?v=",
            "<img class=\"logo\" src=\"/platform/logo.svg?v=",
        ] {
            assert!(page.contains(part), "{path}: {part}: {page}");
        }
    }
    let page = text(&get(&server, "/platform/login", &[]).await);
    let url = |start: &str| {
        let rest = page.split('"').find(|part| part.starts_with(start));
        rest.unwrap_or_else(|| panic!("{page}")).to_owned()
    };
    let style = text(&get(&server, &url("/platform/style.css?v="), &[]).await);
    assert!(style.contains("{ --accent: #ff8800; --on-accent: #000000; }"), "{style}");
    let logo = get(&server, &url("/platform/logo.svg?v="), &[]).await;
    assert_eq!((logo.status, text(&logo).as_str()), (200, svg));
    assert_eq!(logo.header("content-type"), "image/svg+xml");
    assert_eq!(logo.header("cache-control"), "public, max-age=31536000, immutable");
    let policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
    assert_eq!(logo.header("content-security-policy"), policy);
    let known = [("If-None-Match", logo.header("etag"))];
    assert_eq!(get(&server, "/platform/logo.svg", &known).await.status, 304);
    // Without them, nothing of it is there.
    let plain = TestServer::start().await;
    let page = text(&get(&plain, "/platform/login", &[]).await);
    assert!(page.contains("<link rel=\"icon\" href=\"data:,\">"), "{page}");
    assert!(!page.contains("class=\"foot\"") && !page.contains("<img"), "{page}");
}

#[test]
fn invalid_branding_fails_startup() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("logo.png"), "no picture").unwrap();
    let folder = folder.path().to_str().unwrap();
    for (name, value, says) in [
        ("INVENTREE_BRAND_COLOR", "orange", "INVENTREE_BRAND_COLOR: expected a colour as #rrggbb"),
        ("INVENTREE_FOOTER", "a=javascript:b", "INVENTREE_FOOTER: expected texts, or LABEL=URL"),
        ("INVENTREE_CUSTOMIZE_DIR", folder, "logo.png: expected image/png of at most 100 kB"),
    ] {
        let mut command = std::process::Command::new(crate::PROGRAM);
        let output = command.arg("check-config").env(name, value).output().unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && printed.contains(says), "{printed}");
    }
}
