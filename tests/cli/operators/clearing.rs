//! Expired sessions and tokens are deleted.

use super::*;

/// Commands use the clock of the machine, so expired rows are created in the past and the others
/// in the future.
#[tokio::test]
async fn clear_deletes_expired_rows_only() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.clock.advance(Duration::days(-5000));
    server.register("amy", "").await;
    server.clock.advance(Duration::days(30_000));
    log_in(&server, "amy").await;
    let states = |of: &str| {
        let listed = operator.json(&[of, "list", "amy"]);
        listed.as_array().unwrap().iter().map(|row| row["state"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (states("session"), states("token")),
        (vec![json!("expired"), json!("live")], vec![json!("expired"), json!("live")])
    );
    assert_eq!(operator.json(&["sessions", "clear"]), json!({"sessions": 1, "tokens": 1}));
    assert_eq!((states("session"), states("token")), (vec![json!("live")], vec![json!("live")]));
    assert_eq!(operator.json(&["sessions", "clear"]), json!({"sessions": 0, "tokens": 0}));
}

#[tokio::test]
async fn server_deletes_expired_rows_once_a_day() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let mut cleanup = CleanupJob::new(server.app().clone());
    let nothing = Some(Revoked { sessions: 0, tokens: 0 });
    assert_eq!(cleanup.run_if_due().await.unwrap(), nothing);
    assert_eq!(cleanup.run_if_due().await.unwrap(), None);
    server.clock.advance(Duration::days(7) - Duration::seconds(1));
    assert_eq!(cleanup.run_if_due().await.unwrap(), nothing);
    server.clock.advance(Duration::hours(23));
    assert_eq!(cleanup.run_if_due().await.unwrap(), None);
    server.clock.advance(Duration::hours(1));
    assert_eq!(cleanup.run_if_due().await.unwrap(), Some(Revoked { sessions: 1, tokens: 0 }));
}

#[tokio::test]
async fn failed_cleanup_stays_due() {
    let server = TestServer::start().await;
    let mut cleanup = CleanupJob::new(server.app().clone());
    server.app().store.close();
    for _ in 0..2 {
        assert!(cleanup.run_if_due().await.is_err());
    }
}

#[tokio::test]
async fn expired_token_is_reported_for_a_month() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let mut cleanup = CleanupJob::new(server.app().clone());
    for (days, detail) in [(365 + 30, "Token has expired"), (1, "Invalid token.")] {
        server.clock.advance(Duration::days(days));
        cleanup.run_if_due().await.unwrap();
        assert_eq!(server.get("user/", &token_of(&token)).await.json(), json!({"detail": detail}));
    }
}

#[tokio::test]
async fn cleanup_clears_more_than_one_batch() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let old = server.clock.now() - Duration::days(1);
    let insert = server.app().store.write(move |w| {
        for number in 0..1200 {
            w.session_insert(&digest(&number.to_string()), 1, old, old, "", "")?;
        }
        Ok::<_, inventree_auth::store::StoreError>(())
    });
    insert.await.unwrap();
    let ended = CleanupJob::new(server.app().clone()).run_if_due().await.unwrap();
    assert_eq!(ended, Some(Revoked { sessions: 1200, tokens: 0 }));
}

#[tokio::test]
async fn server_deletes_expired_rows_at_start() {
    let mut first = TestServer::start().await;
    first.clock.advance(Duration::days(-15));
    first.register("amy", "").await;
    let operator = Operator::of(&first);
    first.stop().await;
    assert_eq!(operator.json(&["session", "list"]).as_array().unwrap().len(), 1);
    let second = TestServer::at(&operator.database).await;
    for _ in 0..500 {
        if second.app().store.read(|r| r.session_list(1)).await.unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the expired session is still there");
}
