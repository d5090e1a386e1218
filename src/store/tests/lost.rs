//! Which work is retried after a rollback or a lost connection. PostgreSQL only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::values::params;
use super::*;

/// Terminates the connection that runs it.
const END_CONNECTION: &str = "SELECT pg_terminate_backend(pg_backend_pid())";

fn open_server() -> (Store, Database) {
    let server = fresh_server().expect("a server");
    (Store::open(&server).unwrap(), server)
}

/// A write that fails in this way the first time. Returns its outcome and the number of runs.
async fn failing_once(store: &Store, failure: &'static str) -> (Done<i64>, usize) {
    let times = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&times);
    let outcome = write(store, move |w| {
        let id = w.account_insert(&new_account("one"))?;
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            w.execute(failure, params![])?;
        }
        Ok(id)
    });
    (outcome.await, times.load(Ordering::SeqCst))
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn write_is_retried_after_a_serialization_failure() {
    for code in ["40001", "40P01"] {
        let (store, _) = open_server();
        let failure = format!(
            "DO $$ BEGIN RAISE EXCEPTION 'as the test wants' USING ERRCODE = '{code}'; END $$"
        );
        let (outcome, times) = failing_once(&store, failure.leak()).await;
        assert!(outcome.is_ok(), "{outcome:?}");
        assert_eq!(times, 2);
        assert_eq!(store.read(|r| r.account_count()).await, Ok(1));
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn write_is_retried_after_a_connection_lost_before_commit() {
    let (store, _) = open_server();
    let (outcome, times) = failing_once(&store, END_CONNECTION).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(times, 2);
    assert_eq!(store.read(|r| r.account_count()).await, Ok(1));
}

/// The outcome of the commit is unknown: a retry could write twice.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn write_is_not_retried_after_a_lost_commit() {
    let (store, server) = open_server();
    let Database::Postgres(server) = server else { panic!("no server") };
    let lose = "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN \
                NULL; END $$;
                CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON accounts DEFERRABLE INITIALLY \
                DEFERRED
                FOR EACH ROW EXECUTE FUNCTION lose()";
    let change = move |sql: &'static str| {
        let config = server.blocking();
        std::thread::spawn(move || {
            config.connect(::postgres::NoTls).unwrap().batch_execute(sql).unwrap()
        })
        .join()
        .unwrap();
    };
    change(lose);
    let times = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&times);
    let outcome = write(&store, move |w| {
        counted.fetch_add(1, Ordering::SeqCst);
        w.account_insert(&new_account("one"))
    });
    let outcome = outcome.await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert_eq!(times.load(Ordering::SeqCst), 1);
    change("DROP TRIGGER lose ON accounts");
    assert!(
        write(&store, |w| w.account_insert(&new_account("one"))).await.is_ok(),
        "the next one works"
    );
}

/// Conflicts and errors of the closure are outcomes, not failures to retry.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn write_is_not_retried_after_its_own_error() {
    let (store, _) = open_server();
    let (outcome, times) = failing_once(&store, "INSERT INTO nowhere VALUES (1)").await;
    assert!(matches!(outcome, Err(StoreError::Other(_))), "{outcome:?}");
    assert_eq!(times, 1);
    assert_eq!(store.read(|r| r.account_count()).await, Ok(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn reads_and_writes_survive_the_loss_of_every_connection() {
    let (store, server) = open_server();
    let id = write(&store, |w| w.account_insert(&new_account("one"))).await.unwrap();
    let Database::Postgres(server) = server else { panic!("no server") };
    for _ in 0..5 {
        // As many as the pool can hold.
        let reads: Vec<_> = (0..32)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.read(|r| r.account_find(id)).await })
            })
            .collect();
        for read in reads {
            assert!(read.await.unwrap().unwrap().is_some());
        }
        let config = server.blocking();
        let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
        std::thread::spawn(move || {
            config.connect(::postgres::NoTls).unwrap().batch_execute(end_all).unwrap()
        })
        .join()
        .unwrap();
        assert!(store.read(|r| r.account_find(id)).await.unwrap().is_some());
        write(&store, move |w| w.account_set_active(id, true)).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn no_error_shows_a_value() {
    let (store, _) = open_server();
    write(&store, |w| w.account_insert(&new_account("one"))).await.unwrap();
    // The detail of the server's error would reveal the value.
    let outcome = write(&store, |w| {
        w.execute("CREATE UNIQUE INDEX of_a_test ON accounts (password)", params![])?;
        w.account_insert(&NewAccount { username_key: "two".to_owned(), ..new_account("two") })
    });
    let message = format!("{:?}", outcome.await);
    assert!(message.contains("of_a_test") && !message.contains("secret-hash"), "{message}");
}
