//! Rate limits, with the default settings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::Duration;
use inventree_auth::domain::client::Client;
use inventree_auth::domain::hashing::Requester;
use inventree_auth::domain::limits::SAVE_INTERVAL;
use inventree_auth::domain::passwords::Password;
use inventree_auth::mail::Message;
use reqwest::Method;
use serde_json::{Value, json};
use test_support::{PASSWORD, Response, TestServer, confirmation_key};

async fn limited() -> TestServer {
    TestServer::with(&[("RATE_LIMITS", "on")]).await
}

async fn basic(server: &TestServer, username: &str, password: &str) -> Response {
    let header = format!("Basic {}", BASE64.encode(format!("{username}:{password}")));
    server.get("user/", &[("authorization", &header)]).await
}

async fn reset(server: &TestServer, email: &str) -> Response {
    server.post("password/reset/", &[], json!({ "email": email })).await
}

async fn resend(server: &TestServer, email: &str) -> Response {
    server.post("registration/resend-email/", &[], json!({ "email": email })).await
}

fn assert_throttled(response: &Response, seconds: u64) {
    let text = format!("Request was throttled. Expected available in {seconds} seconds.");
    assert_eq!((response.status, response.json()), (429, json!({ "detail": text })));
    assert_eq!(response.header("retry-after"), seconds.to_string());
}

#[tokio::test]
async fn eleventh_wrong_password_is_throttled_until_time_passes() {
    let server = limited().await;
    server.register("amy", "").await;
    for _ in 0..10 {
        let response = server.log_in("amy", "wrong").await;
        let words = json!({ "non_field_errors": ["Unable to log in with provided credentials."] });
        assert_eq!((response.status, response.json()), (400, words));
    }
    // An attempt before the time is up counts too.
    assert_throttled(&server.log_in("amy", "wrong").await, 60);
    server.clock.advance(Duration::seconds(45));
    // The right password waits too; otherwise the delay would identify it.
    assert_throttled(&server.log_in("amy", PASSWORD).await, 45);
    server.clock.advance(Duration::seconds(45));
    assert_eq!(server.log_in("amy", "wrong").await.status, 400);
    server.clock.advance(Duration::seconds(30));
    assert_eq!(server.log_in("amy", "wrong").await.status, 400);
    assert_throttled(&server.log_in("amy", "wrong").await, 60);
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
    let body = json!({
        "old_password": "wrong", "new_password1": "Violet-1-x", "new_password2": "Violet-1-x",
    });
    for _ in 0..2 {
        assert_eq!(
            server
                .post("password/change/", &[("authorization", &token)], body.clone())
                .await
                .status,
            400
        );
    }
    assert_throttled(&server.log_in("amy", PASSWORD).await, 60);
    assert_throttled(&basic(&server, "amy", PASSWORD).await, 90);
    assert_throttled(
        &server.post("password/change/", &[("authorization", &token)], body).await,
        120,
    );
    // Tokens are not rate-limited.
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
}

/// The hashing queue is full of slow hashes: a login that is not attempted is not counted.
#[tokio::test]
async fn unverified_login_attempt_is_not_counted() {
    let server = limited().await;
    server.register("amy", "").await;
    let hasher = server.app().hasher.clone();
    let threads = std::thread::available_parallelism().unwrap().get();
    // A Django hash takes as long as its number of iterations.
    let worker = if cfg!(debug_assertions) { 200_000 } else { 8_000_000 };
    let slow = format!("pbkdf2_sha256${worker}$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let requester =
        Requester::new(&Client { address: "127.0.0.1".to_owned(), ..Client::default() }, None);
    let verify =
        |stored| Box::pin(hasher.verify(requester.clone(), Password::new("x".to_owned()), stored));
    let mut waiting = Vec::new();
    for stored in std::iter::repeat_n(Some(slow.as_str()), threads) {
        waiting.push(verify(stored));
        assert!(futures::poll!(waiting.last_mut().unwrap()).is_pending());
    }
    while hasher.metrics().waiting.get() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    while !hasher.is_busy(&requester) {
        waiting.push(verify(None));
        assert!(futures::poll!(waiting.last_mut().unwrap()).is_pending());
    }
    let login = format!("{}/api/auth/login/", server.base);
    for _ in 0..20 {
        // Bypasses the contract check: the document has no 503.
        let wrong =
            server.http.post(&login).json(&json!({ "username": "amy", "password": "wrong" }));
        let response = server.page(wrong).await;
        assert_eq!((response.status, response.header("retry-after")), (503, "2"), "{response:?}");
    }
    assert!(hasher.is_busy(&requester), "the hashes were too quick");
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
    assert_throttled(&server.log_in("ÄnNe", "wrong").await, 60);
}

#[tokio::test]
async fn unknown_names_are_limited_like_known_ones() {
    let server = limited().await;
    for _ in 0..10 {
        assert_eq!(server.log_in("nobody", "wrong").await.status, 400);
    }
    assert_throttled(&server.log_in("nobody", "wrong").await, 60);
}

#[tokio::test]
async fn throttled_account_does_not_affect_others() {
    let server = limited().await;
    server.register("amy", "").await;
    server.register("bob", "").await;
    while server.log_in("amy", "wrong").await.status != 429 {}
    assert_eq!(server.log_in("bob", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn successful_logins_are_not_limited_and_reset_nothing() {
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
    assert_throttled(&server.log_in("amy", PASSWORD).await, 60);
}

/// PostgreSQL text cannot hold such a name.
#[tokio::test]
async fn name_with_a_null_character_is_a_failed_login() {
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
    assert_throttled(&server.log_in("another", "wrong").await, 6);
}

/// The response is the same as if the email had been sent: earlier ones stay valid, and strangers
/// learn nothing.
#[tokio::test]
async fn emails_to_one_address_are_limited() {
    let server = limited().await;
    server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    for email in ["amy@example.com", "AMY@example.com", "amy@EXAMPLE.com", "amy@example.com"] {
        assert_eq!(reset(&server, email).await.status, 200);
        assert_eq!(resend(&server, email).await.status, 201);
    }
    assert_eq!(
        mails_in_all(&server).await,
        3,
        "two for each purpose, and the registration had one of them"
    );
    assert_eq!(reset(&server, "bob@example.com").await.status, 200);
    server.clock.advance(Duration::minutes(30));
    for _ in 0..3 {
        assert_eq!(reset(&server, "amy@example.com").await.status, 200);
    }
    assert_eq!(mails_in_all(&server).await, 1);
}

/// Takes the email received before a marker message that goes to a new address.
async fn mails_in_all(server: &TestServer) -> usize {
    let token = server.log_in("marker", PASSWORD).await;
    let token = match token.status {
        200 => format!("Token {}", token.json()["key"].as_str().unwrap()),
        _ => server.register("marker", "").await,
    };
    let headers = [("authorization", token.as_str())];
    let pk = server.get("user/", &headers).await.json()["pk"].clone();
    let email = format!("marker{}@example.com", server.clock.stamp());
    let added = server.post("emails/", &headers, json!({ "email": email, "user": pk })).await;
    let path = format!("emails/{}/verify/", added.json()["id"]);
    assert_eq!(server.post(&path, &headers, Value::Null).await.status, 200);
    for _ in 0..500 {
        if let Some(count) = take_once_marked(&server.mails, &email) {
            return count;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the marker did not come");
}

/// Takes all emails once the marker is among them, and counts the others.
fn take_once_marked(mails: &std::sync::Mutex<Vec<Message>>, marker: &str) -> Option<usize> {
    let mut mails = mails.lock().unwrap();
    let is_marked = mails.iter().any(|mail| mail.to == marker);
    is_marked.then(|| std::mem::take(&mut *mails).len() - 1)
}

#[tokio::test]
async fn email_requests_of_one_client_are_limited() {
    let server = limited().await;
    for n in 0..60 {
        assert_eq!(reset(&server, &format!("nobody{n}@example.com")).await.status, 200);
    }
    assert_throttled(&reset(&server, "another@example.com").await, 20);
    // Other kinds of email, keys and registrations of the client are counted separately.
    assert_eq!(resend(&server, "another@example.com").await.status, 201);
    server.register("amy", "").await;
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn confirmation_emails_requested_by_the_owner_are_limited() {
    let server = limited().await;
    let token = server.register("amy", "").await;
    let headers = [("authorization", token.as_str())];
    let pk = server.get("user/", &headers).await.json()["pk"].clone();
    let added = server
        .post("emails/", &headers, json!({ "email": "victim@example.com", "user": pk }))
        .await;
    let path = format!("emails/{}/verify/", added.json()["id"]);
    for _ in 0..5 {
        assert_eq!(server.post(&path, &headers, Value::Null).await.status, 200);
    }
    assert_eq!(mails_in_all(&server).await, 2);
}

#[tokio::test]
async fn attempts_at_emailed_keys_are_limited() {
    let server = limited().await;
    for n in 0..60 {
        let key = json!({ "key": format!("MQ:1:{n}") });
        assert_eq!(server.post("registration/verify-email/", &[], key).await.status, 404);
        let link = json!({
            "uid": "1", "token": format!("1-{n}"), "new_password1": PASSWORD,
            "new_password2": PASSWORD,
        });
        assert_eq!(server.post("password/reset/confirm/", &[], link).await.status, 400);
    }
    let key = json!({ "key": "MQ:1:x" });
    assert_throttled(&server.post("registration/verify-email/", &[], key.clone()).await, 20);
    let link =
        json!({ "uid": "1", "token": "1-x", "new_password1": PASSWORD, "new_password2": PASSWORD });
    assert_throttled(&server.post("password/reset/confirm/", &[], link).await, 20);
    server.clock.advance(Duration::seconds(20));
    assert_eq!(server.post("registration/verify-email/", &[], key).await.status, 404);
}

#[tokio::test]
async fn good_keys_are_refunded() {
    let server = limited().await;
    for n in 0..61 {
        let email = format!("amy{n}@example.com");
        server.register(&format!("amy{n}"), &email).await;
        let key = confirmation_key(&server.take_mails(1).await[0]);
        assert_eq!(
            server.post("registration/verify-email/", &[], json!({ "key": key })).await.status,
            200
        );
        // Registrations count whether they succeed or not.
        server.clock.advance(Duration::seconds(10));
    }
    let key = json!({ "key": "MQ:1:x" });
    assert_eq!(server.post("registration/verify-email/", &[], key).await.status, 404);
}

#[tokio::test]
async fn registrations_are_limited() {
    let server = limited().await;
    let body = |n: usize| {
        json!({
            "username": format!("name{n}"), "password1": PASSWORD, "password2": PASSWORD,
        })
    };
    for n in 0..60 {
        assert_eq!(server.post("registration/", &[], body(n)).await.status, 201);
    }
    assert_throttled(&server.post("registration/", &[], body(60)).await, 20);
}

#[tokio::test]
async fn registration_probes_are_limited() {
    let server = limited().await;
    server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    assert_eq!(
        server.post("registration/verify-email/", &[], json!({ "key": key })).await.status,
        200
    );
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

#[tokio::test]
async fn address_probes_of_an_account_are_limited() {
    let server = limited().await;
    server.register("victim", "victim@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    assert_eq!(
        server.post("registration/verify-email/", &[], json!({ "key": key })).await.status,
        200
    );
    let token = server.register("mallory", "").await;
    let headers = [("authorization", token.as_str())];
    let pk = server.get("user/", &headers).await.json()["pk"].clone();
    let mut responses = Vec::new();
    for n in 0..400 {
        let email = if n % 2 == 0 {
            "victim@example.com".to_owned()
        } else {
            format!("free{n}@example.com")
        };
        responses.push(
            server.post("emails/", &headers, json!({ "email": email, "user": pk })).await.status,
        );
    }
    assert_eq!(responses.iter().filter(|status| **status != 429).count(), 30, "{responses:?}");
    assert!(responses[30..].iter().all(|status| *status == 429));
    server.clock.advance(Duration::hours(2));
    let email = json!({ "email": "mallory@example.com", "user": pk });
    assert_eq!(server.post("emails/", &headers, email).await.status, 201);
}

#[tokio::test]
async fn username_probes_of_an_account_are_limited() {
    let server = limited().await;
    server.register("victim", "").await;
    let token = server.register("mallory", "").await;
    let headers = [("authorization", token.as_str())];
    // One's own name in any spelling, and other fields, reveal nothing and are not counted.
    for name in ["mallory", "Mallory"].into_iter().cycle().take(100) {
        let body = json!({ "username": name, "first_name": "M" });
        assert_eq!(server.send(Method::PUT, "user/", &headers, body).await.status, 200);
    }
    let mut told = 0;
    for n in 0..400 {
        let name = if n % 2 == 0 { "victim".to_owned() } else { format!("mallory{n}") };
        let response =
            server.send(Method::PATCH, "user/", &headers, json!({ "username": name })).await;
        told += usize::from(response.status != 429);
    }
    assert_eq!(told, 30);
}

/// Accounts are cheap, so those of a client share a bucket.
#[tokio::test]
async fn probes_by_accounts_of_one_client_share_a_limit() {
    let server = limited().await;
    let mut told = 0;
    for account in 0..5 {
        let token = server.register(&format!("mallory{account}"), "").await;
        let headers = [("authorization", token.as_str())];
        for _ in 0..30 {
            let response = server
                .send(Method::PATCH, "user/", &headers, json!({ "username": "mallory0" }))
                .await;
            told += usize::from(response.status != 429);
        }
    }
    assert!((60..=90).contains(&told), "{told}");
}

#[tokio::test]
async fn counted_guesses_survive_a_restart() {
    let mut server = limited().await;
    server.register("amy", "").await;
    for _ in 0..10 {
        assert_eq!(server.log_in("amy", "wrong").await.status, 400);
    }
    server.stop().await;
    let again = TestServer::at_with(&server.database, &[("RATE_LIMITS", "on")]).await;
    assert_eq!(again.log_in("amy", PASSWORD).await.status, 429);
    again.clock.advance(Duration::minutes(10));
    assert_eq!(again.log_in("amy", PASSWORD).await.status, 200);
}

/// Simulates `kill -9`: the first server is never shut down.
#[tokio::test]
async fn killed_server_loses_only_the_last_second_of_guesses() {
    let server = limited().await;
    server.register("amy", "").await;
    for _ in 0..10 {
        assert_eq!(server.log_in("amy", "wrong").await.status, 400);
    }
    tokio::time::sleep(SAVE_INTERVAL + std::time::Duration::from_millis(500)).await;
    let again = TestServer::at_with(&server.database, &[("RATE_LIMITS", "on")]).await;
    assert_eq!(again.log_in("amy", PASSWORD).await.status, 429);
}

/// A refunded attempt needs no row, so a successful login writes none.
#[tokio::test]
async fn successful_logins_leave_nothing_to_save() {
    let mut server = limited().await;
    server.register("amy", "").await;
    server.clock.advance(Duration::hours(1));
    for _ in 0..20 {
        assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
    }
    server.stop().await;
    assert_eq!(server.database.number("SELECT COUNT(*) FROM attempts WHERE level > 2000000"), 0);
}
