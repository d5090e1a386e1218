//! What fails around the server: another process holds the database, the clock jumps. Each is met by a documented
//! answer, and passes without a restart.
//!
//! A mail server that is away is in `tests/mail.rs`, `kill -9` in `tests/crash`.

mod support;

use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Answer, PASSWORD, TestServer};

fn assert_unavailable(answer: &Answer) {
    assert_eq!((answer.status, answer.header("retry-after")), (503, "2"), "{answer:?}");
    assert_eq!(answer.json(), json!({ "detail": "The database is not available just now. Please try again." }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn database_locked_by_another_process_refuses_writes_reads_go_on_and_it_recovers() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let headers = [("authorization", token.as_str())];
    // Around the contract's check: the document has no 503.
    let user = format!("{}/api/auth/user/", server.base);
    let rename = |name: &str| {
        let request = server.http.patch(&user).header("authorization", &token);
        server.page(request.json(&json!({ "first_name": name })))
    };
    // The day's first use of a token is noted, which is a write.
    server.clock.advance(chrono::Duration::days(1));

    let other = Connection::open(server.directory.path().join("auth.sqlite3")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let read = server.get("user/", &headers).await;
    assert_eq!((read.status, &read.json()["username"]), (200, &json!("amy")), "{read:?}");
    assert_unavailable(&rename("lost").await);
    let login = server.http.post(format!("{}/api/auth/login/", server.base));
    let login = login.json(&json!({ "username": "amy", "password": PASSWORD }));
    assert_unavailable(&server.page(login).await);
    other.execute_batch("ROLLBACK").unwrap();

    assert_eq!(server.get("user/", &headers).await.json()["first_name"], Value::from(""));
    assert_eq!(rename("kept").await.status, 200);
    assert_eq!(server.get("user/", &headers).await.json()["first_name"], "kept");
}

#[tokio::test]
async fn clock_that_jumps_ahead_and_back_locks_nobody_out_for_longer_than_the_limit() {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    let token = server.register("amy", "").await;
    server.clock.advance(chrono::Duration::days(1));
    while server.log_in("amy", "wrong").await.status == 400 {}
    server.clock.advance(chrono::Duration::days(-1) - chrono::Duration::hours(1));
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 429);
    server.clock.advance(chrono::Duration::minutes(10));
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
}
