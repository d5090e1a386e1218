//! How often somebody may try, with the limits on as they are shipped.

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::Duration;
use inventree_auth::domain::passwords::Password;
use serde_json::{Value, json};
use support::{Answer, PASSWORD, TestServer, confirmation_key};

async fn limited() -> TestServer {
    TestServer::with(&[("RATE_LIMITS", "on")]).await
}

async fn basic(server: &TestServer, username: &str, password: &str) -> Answer {
    let header = format!("Basic {}", BASE64.encode(format!("{username}:{password}")));
    server.get("user/", &[("authorization", &header)]).await
}

async fn reset(server: &TestServer, email: &str) -> Answer {
    server.post("password/reset/", &[], json!({ "email": email })).await
}

async fn resend(server: &TestServer, email: &str) -> Answer {
    server.post("registration/resend-email/", &[], json!({ "email": email })).await
}

fn assert_throttled(answer: &Answer, seconds: u64) {
    let text = format!("Request was throttled. Expected available in {seconds} seconds.");
    assert_eq!((answer.status, answer.json()), (429, json!({ "detail": text })));
    assert_eq!(answer.header("retry-after"), seconds.to_string());
}

#[tokio::test]
async fn eleventh_wrong_password_is_throttled_until_time_passes() {
    let server = limited().await;
    server.register("amy", "").await;
    for _ in 0..10 {
        let answer = server.log_in("amy", "wrong").await;
        let words = json!({ "non_field_errors": ["Unable to log in with provided credentials."] });
        assert_eq!((answer.status, answer.json()), (400, words));
    }
    assert_throttled(&server.log_in("amy", "wrong").await, 30);
    // The right one waits too, or the wait would tell it from the others.
    assert_throttled(&server.log_in("amy", PASSWORD).await, 30);
    server.clock.advance(Duration::seconds(15));
    assert_throttled(&server.log_in("amy", PASSWORD).await, 15);
    server.clock.advance(Duration::seconds(15));
    assert_eq!(server.log_in("amy", "wrong").await.status, 400);
    assert_throttled(&server.log_in("amy", "wrong").await, 30);
    server.clock.advance(Duration::minutes(5));
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn every_way_to_try_a_password_shares_one_limit() {
    let server = limited().await;
    let token = server.register("amy", "").await;
    for _ in 0..4 {
        assert_eq!(server.log_in("amy", "wrong").await.status, 400);
        assert_eq!(basic(&server, "amy", "wrong").await.status, 401);
    }
    let body = json!({ "old_password": "wrong", "new_password1": "Violet-1-x", "new_password2": "Violet-1-x" });
    for _ in 0..2 {
        assert_eq!(server.post("password/change/", &[("authorization", &token)], body.clone()).await.status, 400);
    }
    assert_throttled(&server.log_in("amy", PASSWORD).await, 30);
    assert_throttled(&basic(&server, "amy", PASSWORD).await, 30);
    assert_throttled(&server.post("password/change/", &[("authorization", &token)], body).await, 30);
    // Tokens are no guesses.
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
}

/// As many passwords wait as may, behind hashes that take seconds: nothing is tried, and so nothing is counted.
#[tokio::test]
async fn login_that_was_not_tried_is_not_counted() {
    let server = limited().await;
    server.register("amy", "").await;
    let hasher = server.domain().hasher.clone();
    let threads = std::thread::available_parallelism().unwrap().get();
    // A hash of Django's takes as long as it says.
    let rounds = if cfg!(debug_assertions) { 200_000 } else { 8_000_000 };
    let slow = format!("pbkdf2_sha256${rounds}$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let verify = |stored| Box::pin(hasher.verify(Password::new("x".to_owned()), stored));
    let mut waiting = Vec::new();
    for stored in std::iter::repeat_n(Some(slow.as_str()), threads) {
        waiting.push(verify(stored));
        assert!(futures::poll!(waiting.last_mut().unwrap()).is_pending());
    }
    while hasher.metrics().waiting.get() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    while !hasher.is_full() {
        waiting.push(verify(None));
        assert!(futures::poll!(waiting.last_mut().unwrap()).is_pending());
    }
    let login = format!("{}/api/auth/login/", server.base);
    for _ in 0..20 {
        // Around the contract's check: the document has no 503.
        let wrong = server.http.post(&login).json(&json!({ "username": "amy", "password": "wrong" }));
        let answer = server.page(wrong).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "2"), "{answer:?}");
    }
    assert!(hasher.is_full(), "the hashes were too quick");
    futures::future::join_all(waiting).await;
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn spellings_of_a_name_share_one_limit() {
    let server = limited().await;
    server.register("änne", "").await;
    for name in ["änne", "ÄNNE", "Änne", " änne ", "änNE"] {
        assert_eq!(server.log_in(name, "wrong").await.status, 400);
        assert_eq!(basic(&server, name, "wrong").await.status, 401);
    }
    assert_throttled(&server.log_in("ÄnNe", "wrong").await, 30);
}

#[tokio::test]
async fn unknown_names_are_limited_alike() {
    let server = limited().await;
    for _ in 0..10 {
        assert_eq!(server.log_in("nobody", "wrong").await.status, 400);
    }
    assert_throttled(&server.log_in("nobody", "wrong").await, 30);
}

#[tokio::test]
async fn one_account_throttled_leaves_the_others_open() {
    let server = limited().await;
    server.register("amy", "").await;
    server.register("bob", "").await;
    while server.log_in("amy", "wrong").await.status != 429 {}
    assert_eq!(server.log_in("bob", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn good_logins_are_not_limited_and_clear_nothing() {
    let server = limited().await;
    server.register("amy", "").await;
    for _ in 0..9 {
        assert_eq!(server.log_in("amy", "wrong").await.status, 400);
    }
    for _ in 0..30 {
        assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
        assert_eq!(basic(&server, "amy", PASSWORD).await.status, 200);
    }
    assert_eq!(server.log_in("amy", "wrong").await.status, 400);
    assert_throttled(&server.log_in("amy", PASSWORD).await, 30);
}

/// No database's text need hold such a name.
#[tokio::test]
async fn name_with_a_null_character_is_a_wrong_one() {
    let server = TestServer::start().await;
    server.register("a", "").await;
    assert_eq!(basic(&server, "a\0b", PASSWORD).await.status, 401);
    assert_eq!(basic(&server, "a\0", PASSWORD).await.status, 401);
    assert_eq!(basic(&server, "a", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn one_client_cannot_try_one_password_on_many_names() {
    let server = limited().await;
    for n in 0..100 {
        assert_eq!(server.log_in(&format!("name{n}"), "wrong").await.status, 400);
    }
    assert_throttled(&server.log_in("another", "wrong").await, 3);
}

#[tokio::test]
async fn mails_to_one_address_are_limited() {
    let server = limited().await;
    server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    for email in ["amy@example.com", "AMY@example.com", "amy@EXAMPLE.com"] {
        assert_eq!(reset(&server, email).await.status, 200);
    }
    for email in ["amy@example.com", "Amy@example.com"] {
        assert_eq!(resend(&server, email).await.status, 201);
    }
    assert_throttled(&reset(&server, "amy@example.com").await, 600);
    assert_throttled(&resend(&server, "AMY@example.com").await, 600);
    assert_eq!(server.take_mails(5).await.len(), 5);
    assert_eq!(reset(&server, "bob@example.com").await.status, 200);
    server.clock.advance(Duration::minutes(10));
    assert_eq!(reset(&server, "amy@example.com").await.status, 200);
    assert_throttled(&reset(&server, "amy@example.com").await, 600);
}

#[tokio::test]
async fn mails_to_an_unknown_address_are_limited_alike() {
    let server = limited().await;
    for _ in 0..5 {
        assert_eq!(reset(&server, "nobody@example.com").await.status, 200);
    }
    assert_throttled(&reset(&server, "nobody@example.com").await, 600);
}

#[tokio::test]
async fn confirmation_mails_asked_for_by_the_owner_are_limited() {
    let server = limited().await;
    let token = server.register("amy", "").await;
    let headers = [("authorization", token.as_str())];
    let pk = server.get("user/", &headers).await.json()["pk"].clone();
    let added = server.post("emails/", &headers, json!({ "email": "victim@example.com", "user": pk })).await;
    let path = format!("emails/{}/verify/", added.json()["id"]);
    for _ in 0..5 {
        assert_eq!(server.post(&path, &headers, Value::Null).await.status, 200);
    }
    assert_throttled(&server.post(&path, &headers, Value::Null).await, 600);
}

#[tokio::test]
async fn trials_of_mailed_keys_are_limited() {
    let server = limited().await;
    for n in 0..30 {
        let key = json!({ "key": format!("MQ:1:{n}") });
        assert_eq!(server.post("registration/verify-email/", &[], key).await.status, 404);
        let link =
            json!({ "uid": "1", "token": format!("1-{n}"), "new_password1": PASSWORD, "new_password2": PASSWORD });
        assert_eq!(server.post("password/reset/confirm/", &[], link).await.status, 400);
    }
    let key = json!({ "key": "MQ:1:x" });
    assert_throttled(&server.post("registration/verify-email/", &[], key.clone()).await, 10);
    server.clock.advance(Duration::seconds(10));
    assert_eq!(server.post("registration/verify-email/", &[], key).await.status, 404);
}

#[tokio::test]
async fn registrations_are_limited() {
    let server = limited().await;
    let body = |n: usize| json!({ "username": format!("name{n}"), "password1": PASSWORD, "password2": PASSWORD });
    for n in 0..60 {
        assert_eq!(server.post("registration/", &[], body(n)).await.status, 201);
    }
    assert_throttled(&server.post("registration/", &[], body(60)).await, 10);
}

#[tokio::test]
async fn registration_cannot_be_asked_without_end_who_has_an_account() {
    let server = limited().await;
    server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    assert_eq!(server.post("registration/verify-email/", &[], json!({ "key": key })).await.status, 200);
    let body = json!({
        "username": "bob", "email": "amy@example.com", "password1": PASSWORD, "password2": PASSWORD,
    });
    let mut refused = 0;
    while server.post("registration/", &[], body.clone()).await.status == 400 {
        refused += 1;
        assert!(refused < 100, "nobody stops a client that tries addresses");
    }
    assert_eq!(server.post("registration/", &[], body).await.status, 429);
}
