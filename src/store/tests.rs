//! Tests of the store through its public handles.
//!
//! They run SQL directly only where no handle offers the operation.

mod conflicts;
mod lookup_cache;
mod lost;
mod records;

use std::collections::HashSet;
use std::sync::mpsc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use tempfile::TempDir;
use test_support::postgres as server;

use super::writer::QUEUE_LENGTH;
use super::*;

pub(super) fn new_account(username: &str) -> NewAccount {
    NewAccount {
        username: username.to_owned(),
        username_key: username.to_lowercase(),
        username_skeleton: username.to_lowercase(),
        email: format!("{}@example.org", username.to_lowercase()),
        first_name: "First".to_owned(),
        last_name: "Last".to_owned(),
        password: "$argon2id$secret-hash".to_owned(),
        is_superuser: false,
        date_joined: noon(),
        confirm_by: None,
        language: String::new(),
    }
}

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 123_456_000).unwrap()
}

fn hour() -> TimeDelta {
    TimeDelta::hours(1)
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A new database on the test server, if there is one.
pub(super) fn fresh_server() -> Option<Database> {
    let (name, port) = server::fresh_database()?;
    Some(server::url(port, &name).parse().unwrap())
}

/// A store on the engine under test.
fn open() -> (TempDir, Store) {
    match fresh_server() {
        Some(server) => (tempfile::tempdir().unwrap(), Store::open(&server).unwrap()),
        None => open_file(),
    }
}

fn open_file() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("db").into()).unwrap();
    (folder, store)
}

type Done<T> = Result<T, StoreError>;

async fn write<T: Send + 'static>(
    store: &Store,
    f: impl Fn(&Writer<'_>) -> Done<T> + Send + 'static,
) -> Done<T> {
    store.write(f).await
}

/// Runs the closure after accounts "one" and "two" have been created.
async fn with_two_accounts<T: Send + 'static>(
    f: impl Fn(&Writer<'_>, i64, i64) -> Done<T> + Send + 'static,
) -> Done<T> {
    let (_folder, store) = open();
    write(&store, move |w| {
        let one = w.account_insert(&new_account("one"))?;
        let two = w.account_insert(&new_account("two"))?;
        f(w, one, two)
    })
    .await
}

fn conflict<T>(conflict: Conflict) -> Done<T> {
    Err(StoreError::Conflict(conflict))
}

fn new_social_account(account_id: i64) -> NewSocialAccount {
    NewSocialAccount {
        issuer: String::new(),
        account_id,
        provider: "github".to_owned(),
        uid: "7".to_owned(),
        date_joined: noon(),
        extra_data: "{\"secret-key\":1}".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_inserts_of_a_username_leave_one_account() {
    let (_folder, store) = open();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(
                async move { write(&store, |w| w.account_insert(&new_account("racer"))).await },
            )
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            other => assert_eq!(other, conflict(Conflict::Username)),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn committed_write_is_visible_at_once_and_after_reopening() {
    let (folder, store) = open_file();
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let new = new_account(&format!("user{n}"));
                let id = write(&store, move |w| w.account_insert(&new)).await?;
                let found = store.read(|r| r.account_find(id)).await?;
                assert!(found.is_some(), "a write was not seen by the next read");
                Ok::<_, StoreError>(id)
            })
        })
        .collect();
    let mut ids = HashSet::new();
    for task in tasks {
        ids.insert(task.await.unwrap().unwrap());
    }
    assert_eq!(ids.len(), 200);
    store.close();

    let reopened = Store::open(&folder.path().join("db").into()).unwrap();
    let count = reopened.read(|r| r.account_count()).await;
    assert_eq!(count, Ok(200));
}

#[tokio::test]
async fn panic_in_a_write_leaves_the_store_working() {
    let (_folder, store) = open();
    let outcome: Done<()> = write(&store, |_| panic!("as the test wants")).await;
    assert!(matches!(outcome, Err(StoreError::Other(_))));
    let next = write(&store, |w| w.account_insert(&new_account("one"))).await;
    assert!(next.is_ok());
}

#[tokio::test]
async fn full_queue_rejects_writes_and_drains() {
    let (_folder, store) = open();
    let (started, has_started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let spawn = |f: Box<dyn Fn() + Send>| {
        let store = store.clone();
        tokio::spawn(async move {
            write(&store, move |_| {
                f();
                Ok(())
            })
            .await
        })
    };
    let blocker = spawn(Box::new(move || {
        started.send(()).unwrap();
        released.recv().unwrap();
    }));
    tokio::task::yield_now().await;
    has_started.recv().unwrap();

    let waiting: Vec<_> = (0..QUEUE_LENGTH).map(|_| spawn(Box::new(|| ()))).collect();
    let turned_away = spawn(Box::new(|| ())).await.unwrap();
    assert!(matches!(turned_away, Err(StoreError::Unavailable(_))));

    release.send(()).unwrap();
    assert_eq!(blocker.await.unwrap(), Ok(()));
    for task in waiting {
        assert_eq!(task.await.unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn closed_store_reads_but_does_not_write() {
    let (folder, store) = open_file();
    store.close();
    store.close();
    let outcome = write(&store, |w| w.account_insert(&new_account("one"))).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
    assert_eq!(store.read(|r| r.account_count()).await, Ok(0));
    let log = folder.path().join("db-wal");
    assert!(log.metadata().map_or(0, |m| m.len()) == 0);
}

#[tokio::test]
async fn readers_cannot_write() {
    let (_folder, store) = open();
    let insert = |r: &Reader<'_>| -> Done<i64> {
        r.value("INSERT INTO schema_version VALUES (9) RETURNING CAST(1 AS BIGINT)", &[])
    };
    assert!(store.read(insert).await.is_err());
    let rows = store
        .read::<i64, StoreError>(|r| r.value("SELECT COUNT(*) FROM schema_version", &[]))
        .await;
    assert_eq!(rows, Ok(1));
}

#[cfg(unix)]
#[test]
fn database_file_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, _store) = open_file();
    for entry in folder.path().read_dir().unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn missing_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("db");
    assert!(matches!(Store::open(&path.into()), Err(StoreError::Other(_))));
}

/// Many uses of a token while the writer is blocked do not fill its queue.
#[tokio::test]
async fn deferred_touches_leave_room_for_writes() {
    let (_folder, store) = open();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    store.write_deferred(move |_| {
        let _ = held.lock().map(|held| held.recv());
        Ok(())
    });
    for _ in 0..2 * QUEUE_LENGTH {
        store.touch(|_| Ok(()));
    }
    let mut write = Box::pin(store.write(|_| Ok::<_, StoreError>(())));
    assert!(futures::poll!(&mut write).is_pending(), "the queue is full");
    drop(release);
    write.await.unwrap();
    // Written touches make room for new ones.
    assert_eq!(std::sync::Arc::strong_count(&store.inner.touches), 1);
}
