//! Password guessing from many networks, in many spellings, concurrently.

mod bounds;
mod clients;
mod owners;

use chrono::Duration;
use inventree_auth::domain::client::Client;
use inventree_auth::domain::hashing::Requester;
use inventree_auth::domain::passwords::Password;
use serde_json::json;

use super::basic;
use test_support::{PASSWORD, Response, TestServer, confirmation_key, reset_link};

/// Rate limits enabled, behind a trusted proxy.
async fn behind_a_proxy() -> TestServer {
    TestServer::with(&[
        ("RATE_LIMITS", "on"),
        ("USE_X_FORWARDED_FOR", "true"),
        ("TRUSTED_PROXIES", "127.0.0.0/8"),
    ])
    .await
}

async fn log_in_from(
    server: &TestServer,
    forwarded: &str,
    username: &str,
    password: &str,
) -> Response {
    let body = json!({ "username": username, "password": password });
    server.post("login/", &[("x-forwarded-for", forwarded)], body).await
}

/// A hundred guesses from ten addresses, which fill the bucket of the account.
async fn attack(server: &TestServer, username: &str) {
    for attacker in 0..10 {
        for _ in 0..10 {
            let response =
                log_in_from(server, &format!("203.0.113.{attacker}"), username, "wrong").await;
            assert_eq!(response.status, 400);
        }
    }
    assert_eq!(log_in_from(server, "203.0.113.99", username, "wrong").await.status, 429);
}

/// One step of 14 addresses that guess and one that requests email.
async fn attack_on(server: &TestServer, username: &str, email: &str) {
    for attacker in 0..14 {
        log_in_from(server, &format!("203.0.113.{attacker}"), username, "wrong").await;
    }
    let headers = [("x-forwarded-for", "203.0.113.200")];
    server.post("registration/resend-email/", &headers, json!({ "email": email })).await;
}
