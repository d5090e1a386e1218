//! Cross-origin requests: only scripts of listed origins may read responses.

use reqwest::Method;
use serde_json::Value;
use test_support::{Response, TestServer};

#[tokio::test]
async fn unlisted_origin_gets_no_cors_headers() {
    let server = TestServer::start().await;
    for origin in ["https://app.example.com", "http://auth.example.com", "null"] {
        for response in [
            server.get("providers/", &[("origin", origin)]).await,
            preflight(&server, origin).await,
            server.get("nothing/", &[("origin", origin)]).await,
        ] {
            assert!(
                !response.headers.keys().any(|name| name.as_str().starts_with("access-control")),
                "{response:?}"
            );
        }
    }
}

async fn preflight(server: &TestServer, origin: &str) -> Response {
    let headers = [("origin", origin), ("access-control-request-method", "POST")];
    server.send(Method::OPTIONS, "login/", &headers, Value::Null).await
}

#[tokio::test]
async fn listed_origin_gets_cors_headers_with_credentials() {
    let listed = "https://app.example.com";
    let server = TestServer::with(&[(
        "CORS_ORIGIN_WHITELIST",
        "https://one.example.com,https://app.example.com",
    )])
    .await;
    for (path, status) in [("providers/", 200), ("user/", 401), ("nothing/", 404)] {
        let response = server.get(path, &[("origin", listed)]).await;
        assert_eq!(response.status, status);
        assert_eq!(response.header("access-control-allow-origin"), listed, "{path}");
        assert_eq!(response.header("access-control-allow-credentials"), "true");
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
        let response = server.get("providers/", &[("origin", other)]).await;
        assert_eq!(response.header("access-control-allow-origin"), "", "{other}");
        assert_eq!(preflight(&server, other).await.header("access-control-allow-origin"), "");
    }
}
