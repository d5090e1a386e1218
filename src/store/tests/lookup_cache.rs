//! Cached lookups are reused, and never outlive a commit.
//!
//! A second connection stands for another process: SQLite treats them alike.

use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;

use super::*;

const DIGEST: [u8; 32] = [7; 32];

/// A store with one account that has a token and a session of the same digest.
async fn with_token() -> (TempDir, Store, i64) {
    let (folder, store) = open_file();
    let made = write(&store, |w| {
        let account = w.account_insert(&new_account("one"))?;
        w.session_insert(&DIGEST, account, noon(), noon() + hour(), "", "")?;
        w.token_insert(&DIGEST, account, "", noon(), day("2030-01-01"))
    });
    let id = made.await.unwrap();
    (folder, store, id)
}

async fn token(store: &Store) -> Option<(Token, Account)> {
    store.token_find(&DIGEST).await.unwrap()
}

async fn session(store: &Store) -> Option<(Session, Account)> {
    store.session_find(&DIGEST).await.unwrap()
}

#[tokio::test]
async fn cached_token_needs_no_connection() {
    let (_folder, store, id) = with_token().await;
    assert_eq!(token(&store).await.unwrap().0.id, id);
    assert!(session(&store).await.is_some());
    let Readers::Sqlite(readers) = &store.inner.readers else { panic!("no file") };
    let taken: Vec<_> = (0..readers.pool.max_size()).map(|_| readers.pool.get().unwrap()).collect();
    assert_eq!(token(&store).await.unwrap().0.id, id);
    assert!(session(&store).await.is_some());
    let unknown = store.token_find(&[8; 32]).await;
    assert!(matches!(unknown, Err(StoreError::Unavailable(_))), "{unknown:?}");
    drop(taken);
}

#[tokio::test]
async fn read_sees_the_preceding_write() {
    let (_folder, store, id) = with_token().await;
    assert!(!token(&store).await.unwrap().0.revoked);
    write(&store, move |w| w.token_revoke(id)).await.unwrap();
    assert!(token(&store).await.unwrap().0.revoked);
    write(&store, |w| w.account_set_active(1, false)).await.unwrap();
    assert!(!token(&store).await.unwrap().1.is_active);
    assert!(!session(&store).await.unwrap().1.is_active);
    write(&store, |w| w.session_delete(&DIGEST)).await.unwrap();
    assert_eq!(session(&store).await, None);
    write(&store, move |w| w.token_delete(id)).await.unwrap();
    assert_eq!(token(&store).await, None);
    // The absence of a record is cached too.
    write(&store, |w| w.token_insert(&DIGEST, 1, "", noon(), day("2030-01-01"))).await.unwrap();
    assert!(token(&store).await.is_some());
}

#[tokio::test]
async fn read_sees_a_write_of_another_process() {
    let (folder, store, _) = with_token().await;
    let other = Connection::open(folder.path().join("db")).unwrap();
    for round in 0..50 {
        let revoked = round % 2 == 0;
        assert_eq!(token(&store).await.unwrap().0.revoked, !revoked && round > 0);
        other.execute("UPDATE tokens SET revoked = ?1", [revoked]).unwrap();
        assert_eq!(token(&store).await.unwrap().0.revoked, revoked);
        if round % 10 == 0 {
            // The log restarts with a new header.
            other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
            assert_eq!(token(&store).await.unwrap().0.revoked, revoked);
        }
    }
}

#[tokio::test]
async fn rolled_back_write_is_never_read() {
    let (_folder, store, id) = with_token().await;
    let undone = write(&store, move |w| {
        w.token_revoke(id)?;
        assert!(w.token_find(&DIGEST)?.unwrap().0.revoked);
        conflict::<()>(Conflict::Username)
    });
    assert!(undone.await.is_err());
    assert!(!token(&store).await.unwrap().0.revoked);
}

/// Concurrent readers and a writer: a read sees every write acknowledged before the read began.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_older_than_the_last_acknowledged_write() {
    const WRITES: i64 = 500;
    let (_folder, store, id) = with_token().await;
    let acknowledged = Arc::new(AtomicI64::new(0));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, acknowledged) = (store.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let mut before = 0;
                while before < WRITES {
                    before = acknowledged.load(Ordering::SeqCst);
                    let last_seen = token(&store).await.unwrap().0.last_seen;
                    let seen = last_seen.map_or(0, |seen| (seen - day("2000-01-01")).num_days());
                    assert!(seen >= before, "{before} was acknowledged, {seen} was read");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for n in 1..=WRITES {
        write(&store, move |w| w.token_touch(id, day("2000-01-01") + TimeDelta::days(n)))
            .await
            .unwrap();
        acknowledged.store(n, Ordering::SeqCst);
    }
    for reader in readers {
        reader.await.unwrap();
    }
}
