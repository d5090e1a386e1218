//! Clients whose attempts are counted together.

use super::*;

#[tokio::test]
async fn forwarded_headers_of_untrusted_clients_are_ignored() {
    let server = TestServer::with(&[
        ("RATE_LIMITS", "on"),
        ("USE_X_FORWARDED_FOR", "true"),
        ("TRUSTED_PROXIES", "192.0.2.1"),
    ])
    .await;
    server.register("amy", "").await;
    for n in 0..10 {
        assert_eq!(
            log_in_from(&server, &format!("203.0.113.{n}"), "amy", "wrong").await.status,
            400
        );
    }
    assert_eq!(log_in_from(&server, "203.0.113.99", "amy", PASSWORD).await.status, 429);
    let headers = [
        ("forwarded", "for=203.0.113.99"),
        ("x-real-ip", "203.0.113.99"),
        ("client-ip", "203.0.113.99"),
    ];
    let body = json!({ "username": "amy", "password": PASSWORD });
    assert_eq!(server.post("login/", &headers, body).await.status, 429);
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_have_separate_limits() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    for n in 0..100 {
        assert_eq!(
            log_in_from(&server, "203.0.113.7", &format!("name{n}"), "wrong").await.status,
            400
        );
    }
    assert_eq!(log_in_from(&server, "203.0.113.7", "amy", PASSWORD).await.status, 429);
    assert_eq!(log_in_from(&server, "203.0.113.8", "amy", PASSWORD).await.status, 200);
    // Entries before the proxy's own come from the client.
    assert_eq!(
        log_in_from(&server, "198.51.100.1, 203.0.113.7", "amy", PASSWORD).await.status,
        429
    );
    // A second trusted proxy is skipped.
    assert_eq!(log_in_from(&server, "203.0.113.7, 127.0.0.9", "amy", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn ipv6_64_is_one_client() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    for n in 0..10 {
        assert_eq!(
            log_in_from(&server, &format!("2001:db8:0:1:{n}::{n}"), "amy", "wrong").await.status,
            400
        );
    }
    assert_eq!(log_in_from(&server, "2001:db8:0:1:ffff::1", "amy", PASSWORD).await.status, 429);
    assert_eq!(log_in_from(&server, "2001:db8:0:2::1", "amy", PASSWORD).await.status, 200);
    // All notations of an address are one client.
    for _ in 0..10 {
        assert_eq!(log_in_from(&server, "::ffff:203.0.113.7", "amy", "wrong").await.status, 400);
    }
    assert_eq!(log_in_from(&server, "203.0.113.7", "amy", PASSWORD).await.status, 429);
}
