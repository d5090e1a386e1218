//! Guessing passwords from many places, under many spellings, all at once.

use chrono::Duration;
use serde_json::json;

use super::basic;
use super::support::{Answer, PASSWORD, TestServer, reset_link};

/// Limits on, and every connection comes through a proxy that is trusted.
async fn behind_a_proxy() -> TestServer {
    TestServer::with(&[("RATE_LIMITS", "on"), ("USE_X_FORWARDED_FOR", "true"), ("TRUSTED_PROXIES", "127.0.0.0/8")])
        .await
}

async fn log_in_from(server: &TestServer, forwarded: &str, username: &str, password: &str) -> Answer {
    let body = json!({ "username": username, "password": password });
    server.post("login/", &[("x-forwarded-for", forwarded)], body).await
}

#[tokio::test]
async fn forwarded_addresses_count_for_nothing_from_a_stranger() {
    let server =
        TestServer::with(&[("RATE_LIMITS", "on"), ("USE_X_FORWARDED_FOR", "true"), ("TRUSTED_PROXIES", "192.0.2.1")])
            .await;
    server.register("amy", "").await;
    for n in 0..10 {
        assert_eq!(log_in_from(&server, &format!("203.0.113.{n}"), "amy", "wrong").await.status, 400);
    }
    assert_eq!(log_in_from(&server, "203.0.113.99", "amy", PASSWORD).await.status, 429);
    let headers = [("forwarded", "for=203.0.113.99"), ("x-real-ip", "203.0.113.99"), ("client-ip", "203.0.113.99")];
    let body = json!({ "username": "amy", "password": PASSWORD });
    assert_eq!(server.post("login/", &headers, body).await.status, 429);
}

#[tokio::test]
async fn everybody_behind_a_trusted_proxy_has_limits_of_their_own() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    for n in 0..100 {
        assert_eq!(log_in_from(&server, "203.0.113.7", &format!("name{n}"), "wrong").await.status, 400);
    }
    assert_eq!(log_in_from(&server, "203.0.113.7", "amy", PASSWORD).await.status, 429);
    assert_eq!(log_in_from(&server, "203.0.113.8", "amy", PASSWORD).await.status, 200);
    // What stands before the proxy's own entry was written by the client.
    assert_eq!(log_in_from(&server, "198.51.100.1, 203.0.113.7", "amy", PASSWORD).await.status, 429);
    // A second trusted proxy on the way is passed over.
    assert_eq!(log_in_from(&server, "203.0.113.7, 127.0.0.9", "amy", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn whole_64_of_ipv6_is_one_client() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    for n in 0..10 {
        assert_eq!(log_in_from(&server, &format!("2001:db8:0:1:{n}::{n}"), "amy", "wrong").await.status, 400);
    }
    assert_eq!(log_in_from(&server, "2001:db8:0:1:ffff::1", "amy", PASSWORD).await.status, 429);
    assert_eq!(log_in_from(&server, "2001:db8:0:2::1", "amy", PASSWORD).await.status, 200);
    // One address has one name, however it is written.
    for _ in 0..10 {
        assert_eq!(log_in_from(&server, "::ffff:203.0.113.7", "amy", "wrong").await.status, 400);
    }
    assert_eq!(log_in_from(&server, "203.0.113.7", "amy", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn owner_under_attack_from_everywhere_is_never_locked_out_for_good() {
    let server = behind_a_proxy().await;
    let token = server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    let session = log_in_from(&server, "198.51.100.1", "amy", PASSWORD).await.cookie_value("sessionid");
    let session = format!("sessionid={session}");
    let mut attackers = 0;
    while log_in_from(&server, &format!("203.0.113.{attackers}"), "amy", "wrong").await.status != 429 {
        for _ in 1..10 {
            log_in_from(&server, &format!("203.0.113.{attackers}"), "amy", "wrong").await;
        }
        attackers += 1;
    }
    assert_eq!(attackers, 10, "a hundred guesses from all clients together");
    // The owner waits for seconds, told how many, and is in.
    let waits = log_in_from(&server, "198.51.100.1", "amy", PASSWORD).await;
    assert_eq!((waits.status, waits.header("retry-after")), (429, "6"));
    // What the owner has goes on meanwhile, and so does a mailed link.
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
    assert_eq!(server.get("user/", &[("cookie", &session)]).await.status, 200);
    server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    let (uid, reset) = reset_link(&server.take_mails(1).await[0]);
    let body =
        json!({ "uid": uid, "token": reset, "new_password1": "Violet-Anchor-58", "new_password2": "Violet-Anchor-58" });
    assert_eq!(server.post("password/reset/confirm/", &[], body).await.status, 200);
    server.clock.advance(Duration::seconds(6));
    assert_eq!(log_in_from(&server, "198.51.100.1", "amy", "Violet-Anchor-58").await.status, 200);
}

#[tokio::test]
async fn success_elsewhere_clears_nothing() {
    let server = behind_a_proxy().await;
    let (attacker, home) = ("203.0.113.7", "198.51.100.1");
    server.register("amy", "amy@example.com").await;
    server.register("mallory", "").await;
    for _ in 0..9 {
        assert_eq!(log_in_from(&server, attacker, "amy", "wrong").await.status, 400);
    }
    // The attacker's own account, the owner's login from elsewhere, the owner's new password.
    assert_eq!(log_in_from(&server, attacker, "mallory", PASSWORD).await.status, 200);
    let owner = log_in_from(&server, home, "amy", PASSWORD).await.json()["key"].as_str().unwrap().to_owned();
    let owner = format!("Token {owner}");
    let body =
        json!({ "old_password": PASSWORD, "new_password1": "Violet-Anchor-58", "new_password2": "Violet-Anchor-58" });
    let changed = server.post("password/change/", &[("authorization", &owner), ("x-forwarded-for", home)], body).await;
    assert_eq!(changed.status, 200);
    assert_eq!(log_in_from(&server, attacker, "amy", "wrong").await.status, 400);
    assert_eq!(log_in_from(&server, attacker, "amy", "wrong").await.status, 429);
}

#[tokio::test]
async fn parallel_guesses_by_every_way_cannot_pass_the_limit_together() {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    server.register("amy", "").await;
    let guesses = (0..60).map(|n| {
        let server = &server;
        // Each in a spelling of its own.
        let name: String =
            "amy".chars().enumerate().map(|(i, c)| if n >> i & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect();
        async move {
            match n % 2 {
                0 => server.log_in(&name, "wrong").await.status,
                _ => server.get("user/", &[("authorization", &basic(&name, "wrong"))]).await.status,
            }
        }
    });
    let statuses = futures::future::join_all(guesses).await;
    let tried = statuses.iter().filter(|status| matches!(status, 400 | 401)).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((tried, refused), (10, 50));
}

#[tokio::test]
async fn no_key_that_a_mail_carries_can_be_guessed_without_end() {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    let mut tried = 0;
    loop {
        let (path, body) = match tried % 2 {
            0 => ("registration/verify-email/", json!({ "key": "MQ:1abc:forged" })),
            _ => (
                "password/reset/confirm/",
                json!({ "uid": "1", "token": "x-y", "new_password1": PASSWORD, "new_password2": PASSWORD }),
            ),
        };
        let answer = server.post(path, &[], body).await;
        if answer.status == 429 {
            break;
        }
        assert!(matches!(answer.status, 400 | 404), "{answer:?}");
        tried += 1;
    }
    assert_eq!(tried, 60);
}
