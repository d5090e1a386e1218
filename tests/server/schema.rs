//! The OpenAPI document as served, and its page.

use std::io::Read;

use inventree_auth::contract::{self, SOURCE};
use reqwest::Method;
use serde_json::{Value, json};
use test_support::{PASSWORD, Response, TestServer};

const SCHEMA: &str = "/api/schema/";
const REFERENCE: &str = "/api-doc/";
const YAML: &str = "application/vnd.oai.openapi; charset=utf-8";
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";

async fn ask(
    server: &TestServer,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> Response {
    let mut request = server.http.request(method, format!("{}{path}", server.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.run(request).await
}

async fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Response {
    ask(server, Method::GET, path, headers).await
}

fn detail(text: &str) -> Value {
    json!({ "detail": text })
}

/// The assets that the page loads.
fn assets(shell: &str) -> Vec<&str> {
    let attributes = shell.split(['<', ' ', '>']).filter_map(|part| part.split_once('='));
    let urls = attributes
        .filter(|(name, _)| ["href", "src"].contains(name))
        .map(|(_, url)| url.trim_matches('"'));
    urls.filter(|url| !url.starts_with("data:") && ![SCHEMA, "/platform/"].contains(url)).collect()
}

async fn shell(server: &TestServer) -> String {
    String::from_utf8(get(server, REFERENCE, &[]).await.body).unwrap()
}

fn gunzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn document_is_served_byte_for_byte() {
    let server = TestServer::start().await;
    let checked_in = std::fs::read("spec/inventree-auth-v291.yaml").unwrap();
    let response = get(&server, SCHEMA, &[]).await;
    assert_eq!((response.status, response.header("content-type")), (200, YAML));
    assert_eq!(response.body, checked_in);
    assert_eq!(
        response.header("content-disposition"),
        "inline; filename=\"InvenTree API (291).yaml\""
    );
    assert_eq!(response.header("content-length"), checked_in.len().to_string());
}

#[tokio::test]
async fn second_document_is_served_beside_the_first() {
    let server = TestServer::start().await;
    let checked_in = std::fs::read_to_string("spec/inventree-user-v291.yaml").unwrap();
    let response = get(&server, "/api/schema/user/", &[]).await;
    assert_eq!((response.status, response.header("content-type")), (200, YAML));
    assert_eq!(response.body, checked_in.as_bytes());
    let response = get(&server, "/api/schema/user/?format=json", &[]).await;
    assert_eq!(response.json(), contract::parse(&checked_in).unwrap());
}

#[tokio::test]
async fn document_as_json_is_the_same_in_the_same_order() {
    let server = TestServer::start().await;
    let response = get(&server, "/api/schema/?format=json", &[]).await;
    assert_eq!(
        (response.status, response.header("content-type")),
        (200, "application/vnd.oai.openapi+json")
    );
    assert_eq!(
        response.header("content-disposition"),
        "inline; filename=\"InvenTree API (291).json\""
    );
    assert_eq!(response.json(), contract::parse(SOURCE).unwrap());
    // JSON is YAML, and this parser keeps the order of keys.
    let in_order = |text: &str| {
        serde_yaml_ng::to_string(&serde_yaml_ng::from_str::<serde_yaml_ng::Value>(text).unwrap())
    };
    let text = String::from_utf8(response.body).unwrap();
    assert_eq!(in_order(&text).unwrap(), in_order(SOURCE).unwrap());
}

#[tokio::test]
async fn accept_and_format_select_the_content_type() {
    let server = TestServer::start().await;
    let (plain_yaml, json) = ("application/yaml; charset=utf-8", "application/json");
    let openapi_json = "application/vnd.oai.openapi+json";
    for (query, accept, content_type) in [
        ("", "*/*", YAML),
        ("", "", YAML),
        ("", BROWSER, YAML),
        ("", "application/*", YAML),
        ("", "application/vnd.oai.openapi", YAML),
        ("", "application/yaml", plain_yaml),
        ("", "Application/YAML; charset=utf-8", plain_yaml),
        ("", "application/json", json),
        ("", "application/vnd.oai.openapi+json", openapi_json),
        ("", "text/html, application/json", json),
        // More specific before wider, then by quality, then by the server's preference.
        ("", "application/json, text/plain, */*", json),
        ("", "application/json, application/yaml", plain_yaml),
        ("", "application/yaml;q=0.5, application/json", json),
        ("", "application/json;q=0.1, */*", YAML),
        ("", "application/vnd.oai.openapi;q=0, */*", plain_yaml),
        ("?format=yaml", "*/*", YAML),
        ("?format=json", "*/*", openapi_json),
        ("?format=json", "application/json, */*;q=0.1", json),
        ("?format=json", "application/*", openapi_json),
        ("?format=xml&format=json", "*/*", openapi_json),
    ] {
        let response = get(&server, &format!("{SCHEMA}{query}"), &[("accept", accept)]).await;
        assert_eq!(
            (response.status, response.header("content-type")),
            (200, content_type),
            "{query} {accept}"
        );
        assert!(response.header("vary").contains("Accept,"), "{response:?}");
        assert_eq!(response.body.starts_with(b"{"), content_type.contains("json"), "{accept}");
    }
}

#[tokio::test]
async fn unknown_response_format_is_refused_before_authentication() {
    let server = TestServer::start().await;
    let bad = ("authorization", "Token nonsense");
    for format in ["xml", "api", "JSON", ""] {
        let response = get(&server, &format!("/api/schema/?format={format}"), &[bad]).await;
        assert_eq!((response.status, response.json()), (404, detail("Not found.")), "{format}");
    }
    let words = detail("Could not satisfy the request Accept header.");
    for (query, accept) in [
        ("", "text/html"),
        ("", "application/xml, image/*"),
        ("", "application/*;q=0"),
        ("", "application/openapi"),
        ("?format=json", "application/yaml"),
        ("?format=yaml", "application/json"),
    ] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let response =
                ask(&server, method, &format!("{SCHEMA}{query}"), &[("accept", accept), bad]).await;
            assert_eq!(
                (response.status, response.json()),
                (406, words.clone()),
                "{query} {accept}"
            );
        }
    }
}

#[tokio::test]
async fn document_is_public_but_refuses_invalid_credentials() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    for headers in
        [vec![], vec![("authorization", token.as_str())], vec![("authorization", "Bearer x")]]
    {
        assert_eq!(get(&server, SCHEMA, &headers).await.status, 200, "{headers:?}");
    }
    let response = get(&server, SCHEMA, &[("authorization", "Token inv-nonsense")]).await;
    assert_eq!((response.status, response.json()), (401, detail("Invalid token.")));
    assert_eq!(response.header("www-authenticate"), "Token");
    assert_eq!(response.header("cache-control"), "no-store");
}

#[tokio::test]
async fn head_is_a_get_of_a_page_without_its_body() {
    let server = TestServer::start().await;
    for path in [SCHEMA, "/api/schema/?format=json", REFERENCE, "/api-doc/swagger-ui.css"] {
        let (whole, head) =
            (get(&server, path, &[]).await, ask(&server, Method::HEAD, path, &[]).await);
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert!(!whole.body.is_empty());
        for name in ["content-type", "content-length", "etag", "cache-control", "allow"] {
            assert_eq!(head.header(name), whole.header(name), "{path} {name}");
            assert!(!head.header(name).is_empty(), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn unchanged_content_is_304() {
    let server = TestServer::start().await;
    let (yaml, json) =
        (get(&server, SCHEMA, &[]).await, get(&server, "/api/schema/?format=json", &[]).await);
    let tag = yaml.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 16, "{tag}");
    assert_ne!(tag, json.header("etag"));
    assert_eq!(yaml.header("cache-control"), "no-cache");
    let listed = format!("\"other\", W/{tag}");
    for known in [tag.as_str(), &listed, "*"] {
        for method in [Method::GET, Method::HEAD] {
            let response = ask(&server, method, SCHEMA, &[("if-none-match", known)]).await;
            assert_eq!((response.status, response.body.len()), (304, 0), "{known}");
            assert_eq!(
                (response.header("etag"), response.header("cache-control")),
                (tag.as_str(), "no-cache")
            );
            assert!(response.header("vary").contains("Accept,"), "{response:?}");
        }
    }
    for unknown in ["\"other\"", tag.trim_matches('"'), json.header("etag"), ""] {
        assert_eq!(
            get(&server, SCHEMA, &[("if-none-match", unknown)]).await.status,
            200,
            "{unknown}"
        );
    }
    let again = TestServer::start().await;
    assert_eq!(get(&again, SCHEMA, &[("if-none-match", &tag)]).await.status, 304);
}

#[tokio::test]
async fn pages_accept_get_only() {
    let server = TestServer::start().await;
    for path in [SCHEMA, REFERENCE, "/api-doc/reference.js"] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let response = ask(&server, method.clone(), path, &[]).await;
            let words = format!("Method \"{method}\" not allowed.");
            assert_eq!((response.status, response.json()), (405, detail(&words)), "{path}");
            assert_eq!(response.header("allow"), "GET, HEAD, OPTIONS");
            assert_eq!(response.header("cache-control"), "no-store");
        }
    }
}

#[tokio::test]
async fn options_lists_the_content_types_of_a_page() {
    let server = TestServer::start().await;
    let response = ask(&server, Method::OPTIONS, SCHEMA, &[]).await;
    assert_eq!((response.status, response.header("allow")), (200, "GET, HEAD, OPTIONS"));
    let forms = [
        "application/vnd.oai.openapi",
        "application/yaml",
        "application/vnd.oai.openapi+json",
        "application/json",
    ];
    assert_eq!(response.json()["renders"], json!(forms));
    assert_eq!(response.json()["parses"], json!([]));
    let response = ask(&server, Method::OPTIONS, REFERENCE, &[]).await;
    assert_eq!(response.json()["renders"], json!(["text/html; charset=utf-8"]));
    let refused =
        ask(&server, Method::OPTIONS, SCHEMA, &[("authorization", "Token nonsense")]).await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn page_paths_match_exactly() {
    let server = TestServer::start().await;
    for path in [
        "/api/schema",
        "/api/Schema/",
        "/API/schema/",
        "/api//schema/",
        "/api/schema//",
        "/api/schema/x",
        "/api/schema.yaml",
        "/api-doc/index.html",
        "/api-doc/x",
        "/api-doc/swagger-ui-bundle.js/",
        "/Api-doc/",
    ] {
        let response = get(&server, path, &[]).await;
        assert_eq!(
            (response.status, &response.json()["detail"]),
            (404, &json!("API endpoint not found")),
            "{path}"
        );
        assert_eq!(response.header("content-type"), "application/json", "{path}");
    }
}

#[tokio::test]
async fn pages_are_not_in_the_contract() {
    let exported = contract::export().unwrap();
    let paths: Vec<&String> = exported["paths"].as_object().unwrap().keys().collect();
    assert!(paths.iter().all(|path| path.starts_with("/api/auth/")), "{paths:?}");
    assert!(!SOURCE.contains(SCHEMA) && !SOURCE.contains(REFERENCE));
}

#[tokio::test]
async fn pages_have_the_security_headers() {
    let server = TestServer::start().await;
    let shell = shell(&server).await;
    for path in [SCHEMA, REFERENCE].into_iter().chain(assets(&shell)) {
        let response = get(&server, path, &[]).await;
        assert_eq!(response.status, 200, "{path}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(response.header(name), value, "{path}");
        }
        assert!(response.header("vary").contains("origin"), "{path}");
        assert!(!response.header("x-request-id").is_empty());
        assert!(!response.headers.contains_key("set-cookie"));
    }
}

#[tokio::test]
async fn reference_allows_no_inline_code_and_no_other_origin() {
    let server = TestServer::start().await;
    let response = get(&server, REFERENCE, &[]).await;
    assert_eq!(
        (response.status, response.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    let policy = response.header("content-security-policy");
    let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
    for needed in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(directives.contains(&needed), "{needed}: {policy}");
    }
    assert_eq!(directives.len(), 8, "{policy}");
    let shell = String::from_utf8(response.body).unwrap();
    for foreign in ["http:", "https:", "\"//", "style=", "<style", "onload", "javascript:"] {
        assert!(!shell.contains(foreign), "{foreign}: {shell}");
    }
    let scripts: Vec<&str> = shell.split("<script").skip(1).collect();
    assert_eq!(scripts.len(), 2);
    assert!(
        scripts
            .iter()
            .all(|script| script.contains("src=\"/api-doc/") && script.contains("\"></script>"))
    );
}

#[tokio::test]
async fn reference_loads_only_own_assets() {
    let server = TestServer::start().await;
    let shell = shell(&server).await;
    let assets = assets(&shell);
    assert_eq!(assets.len(), 4, "{shell}");
    for (name, content_type, says) in [
        ("swagger-ui.css", "text/css; charset=utf-8", ".swagger-ui"),
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8", "SwaggerUIBundle"),
        ("reference.js", "text/javascript; charset=utf-8", "/api/schema/"),
        ("reference.css", "text/css; charset=utf-8", "prefers-color-scheme"),
    ] {
        let url =
            assets.iter().find(|url| url.starts_with(&format!("/api-doc/{name}?v="))).expect(name);
        let response = get(&server, url, &[]).await;
        assert_eq!(
            (response.status, response.header("content-type")),
            (200, content_type),
            "{name}"
        );
        let text = match response.header("content-encoding") {
            "gzip" => gunzip(&response.body),
            _ => String::from_utf8(response.body).unwrap(),
        };
        assert!(text.contains(says), "{name}");
    }
}

#[tokio::test]
async fn only_versioned_asset_urls_are_immutable() {
    let server = TestServer::start().await;
    for url in assets(&shell(&server).await) {
        let response = get(&server, url, &[]).await;
        assert_eq!(
            response.header("cache-control"),
            "public, max-age=31536000, immutable",
            "{url}"
        );
        assert_eq!(response.header("vary"), "origin, Accept-Encoding");
        let (path, version) = url.split_once("?v=").unwrap();
        assert_eq!(response.header("etag"), format!("\"{version}\""));
        let known = get(&server, url, &[("if-none-match", response.header("etag"))]).await;
        assert_eq!((known.status, known.body.len()), (304, 0));
        for other in
            [path.to_owned(), format!("{path}?v=0"), format!("{path}?v="), format!("{url}&x=1")]
        {
            assert_eq!(
                get(&server, &other, &[]).await.header("cache-control"),
                "no-cache",
                "{other}"
            );
        }
    }
    assert_eq!(get(&server, REFERENCE, &[]).await.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn client_that_refuses_gzip_gets_406() {
    let server = TestServer::start().await;
    let path = "/api-doc/swagger-ui.css";
    for takes in ["gzip", "gzip, deflate, br", "br, *;q=0.1", "x-gzip", "GZIP;q=0.5"] {
        let response = get(&server, path, &[("accept-encoding", takes)]).await;
        assert_eq!(
            (response.status, response.header("content-encoding")),
            (200, "gzip"),
            "{takes}"
        );
    }
    for takes in ["identity", "br", "gzip;q=0", "gzip; q=0.0, deflate", ""] {
        let response = get(&server, path, &[("accept-encoding", takes)]).await;
        assert_eq!(
            (response.status, response.json()),
            (406, detail("This file is sent as gzip only.")),
            "{takes}"
        );
    }
    assert_eq!(
        get(&server, "/api-doc/reference.js", &[("accept-encoding", "identity")]).await.status,
        200
    );
}

#[tokio::test]
async fn reference_asks_for_no_credential() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let login = server.log_in("amy", PASSWORD).await;
    let cookies = format!("sessionid={}", login.cookie_value("sessionid"));
    for headers in [("authorization", "Token nonsense"), ("cookie", cookies.as_str())] {
        assert_eq!(get(&server, REFERENCE, &[headers]).await.status, 200, "{headers:?}");
    }
    // Requests for pages neither extend nor end a session.
    assert_eq!(server.get("user/", &[("cookie", &cookies)]).await.status, 200);
}

#[tokio::test]
async fn cacheable_response_clears_no_cookie() {
    let server = TestServer::start().await;
    let dead = [("cookie", "sessionid=abcdefghijklmnopqrstuvwxyz012345")];
    assert!(server.get("providers/", &dead).await.cookie("sessionid").is_some());
    let shell = shell(&server).await;
    for path in [SCHEMA, REFERENCE].into_iter().chain(assets(&shell)) {
        let response = get(&server, path, &dead).await;
        assert_eq!((response.status, response.cookie("sessionid")), (200, None), "{path}");
    }
}

#[tokio::test]
async fn listed_origin_may_read_the_document() {
    let server = TestServer::with(&[("CORS_ORIGIN_WHITELIST", "https://app.example.com")]).await;
    let response = get(&server, SCHEMA, &[("origin", "https://app.example.com")]).await;
    assert_eq!(response.header("access-control-allow-origin"), "https://app.example.com");
    let other = get(&server, SCHEMA, &[("origin", "https://evil.example.com")]).await;
    assert_eq!((other.status, other.header("access-control-allow-origin")), (200, ""));
}
