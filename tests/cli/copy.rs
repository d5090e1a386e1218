//! `copy`: complete and identical, or not at all.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use chrono::Duration;
use inventree_auth::store::NewSocialAccount;
use test_support::database::TestDatabase;
use test_support::{PASSWORD, TestServer};

use crate::PROGRAM;

const TABLES: [&str; 14] = [
    "accounts",
    "email_addresses",
    "sessions",
    "tokens",
    "social_accounts",
    "totp_devices",
    "outbox",
    "audit",
    "used_tickets",
    "known_networks",
    "secret_keys",
    "groups",
    "group_members",
    "provider_issuers",
];

/// The copy has no key file beside it: the original key is passed on.
const KEY: (&str, &str) = ("SECRET_KEY", "the secret key of every test on a server");

fn copy(from: &TestDatabase, to: &TestDatabase) -> Output {
    let mut command = Command::new(PROGRAM);
    command
        .args(["copy", "--from", &from.argument(), "--to", &to.argument()])
        .env_clear()
        .output()
        .unwrap()
}

/// The one-line error.
fn refused(output: &Output) -> String {
    let printed = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(
        (output.status.code(), printed.trim_end().lines().count()),
        (Some(1), 1),
        "{printed}"
    );
    assert!(output.stdout.is_empty(), "{output:?}");
    printed
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The database of a stopped server, with rows in every table, gaps in the ids, and values at the
/// limits of their types.
async fn filled() -> (TestServer, String) {
    let mut server = TestServer::with(&[("EMAIL_HOST", "")]).await;
    let token = server.register("amy", "amy@example.com").await;
    server.register("zoë", "zoe@example.com").await;
    server.log_in("amy", PASSWORD).await;
    server.take_mails(2).await;
    let store = &server.app().store;
    let now = server.app().now();
    store
        .write(move |w| {
            w.totp_device_insert(1, "a device", true, &[0, 255, 128], now)?;
            w.social_account_insert(&NewSocialAccount {
                issuer: "https://id.example.com".to_owned(),
                account_id: 1,
                provider: "company".to_owned(),
                uid: "ünï'; --".to_owned(),
                date_joined: now,
                extra_data: "{\"quoted\": \"\\\"\"}".to_owned(),
            })?;
            w.group_insert("Stock, keepers")?;
            w.group_join(1, w.group_find("Stock, keepers")?.unwrap())?;
            w.provider_issuer_insert("company", "https://id.example.com")?;
            w.ticket_consume(&[255; 32], now + Duration::hours(1))?;
            w.ticket_consume(&[0; 32], now + Duration::hours(1))?;
            w.outbox_insert(
                b"sealed \x00 bytes",
                now + Duration::days(1),
                now + Duration::days(3),
            )?;
            w.account_touch_login(1, now - Duration::days(20_000))?;
            Ok::<_, inventree_auth::store::StoreError>(())
        })
        .await
        .unwrap();
    // The last account is deleted; its id must not be reused.
    server.register("gone", "").await;
    server.database.execute("DELETE FROM accounts WHERE username = 'gone'");
    server.stop().await;
    (server, token)
}

/// Every value of every row of a file, as text.
fn dump(file: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(file).unwrap();
    let mut rows = Vec::new();
    for table in TABLES {
        let columns: Vec<String> = {
            let mut statement = connection
                .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
                .unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let values: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
        let sql =
            format!("SELECT '{table} ' || {} FROM {table} ORDER BY 1", values.join(" || ',' || "));
        let mut statement = connection.prepare(&sql).unwrap();
        rows.extend(
            statement.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap),
        );
        assert!(rows.last().is_some_and(|row| row.starts_with(table)), "{table} has no row");
    }
    rows
}

#[tokio::test]
async fn copied_database_serves_and_continues_ids() {
    let (original, token) = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let copied = TestDatabase::new(folder.path());
    let printed = done(&copy(&original.database, &copied));
    assert!(printed.contains("accounts                  2\n"), "{printed}");
    assert!(printed.contains("All rows were compared and are identical."), "{printed}");
    assert!(printed.contains("INVENTREE_SECRET_KEY"), "{printed}");
    let server = TestServer::at_with(&copied, &[KEY]).await;
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.json()["username"], "amy");
    assert_eq!(server.log_in("zoë", PASSWORD).await.status, 200);
    let new = server.register("new", "").await;
    // Ids of deleted accounts are not reused.
    assert_eq!(server.get("user/", &[("authorization", &new)]).await.json()["pk"], 4);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn copy_to_postgresql_and_back_preserves_every_value() {
    let (original, _) = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let [first, last] = ["first", "last"].map(|name| folder.path().join(name));
    let server = TestDatabase::new(folder.path());
    assert!(matches!(server, TestDatabase::Server { .. }));
    done(&copy(&original.database, &TestDatabase::File(first.clone())));
    done(&copy(&TestDatabase::File(first.clone()), &server));
    done(&copy(&server, &TestDatabase::File(last.clone())));
    assert_eq!(dump(&first), dump(&last));
    let last_ids = |file: &Path| {
        TestDatabase::File(file.to_owned())
            .texts("SELECT name || seq FROM sqlite_sequence ORDER BY name")
    };
    assert_eq!(last_ids(&first), last_ids(&last));
    assert_eq!(server.last_id("accounts"), 3);
}

#[tokio::test]
async fn non_empty_target_is_refused_and_unchanged() {
    let (original, _) = filled().await;
    let (other, _) = filled().await;
    let before = other.database.content();
    assert!(
        refused(&copy(&original.database, &other.database))
            .contains("is not empty: accounts has rows")
    );
    assert!(other.database.content() == before);
}

#[tokio::test]
async fn failed_copy_leaves_no_target() {
    let folder = tempfile::tempdir().unwrap();
    let target = TestDatabase::File(folder.path().join("target"));
    let missing = TestDatabase::File(folder.path().join("missing"));
    assert!(refused(&copy(&missing, &target)).contains("No such file"));
    let foreign = TestDatabase::File(folder.path().join("foreign"));
    foreign.execute("CREATE TABLE auth_user (id INTEGER)");
    assert!(refused(&copy(&foreign, &target)).contains("is not a database of this server"));
    let (newer, _) = filled().await;
    newer.database.execute("UPDATE schema_version SET version = version + 1");
    assert!(refused(&copy(&newer.database, &target)).contains("run the newer program"));
    let (earlier, _) = filled().await;
    earlier.database.execute("UPDATE schema_version SET version = version - 1");
    assert!(refused(&copy(&earlier.database, &target)).contains("an earlier schema"));
    let (used, _) = filled().await;
    let lock = used.database.lock();
    refused(&copy(&used.database, &target));
    drop(lock);
    let TestDatabase::File(file) = &target else { return };
    assert!(!file.exists());
}

#[tokio::test]
async fn unreachable_server_fails_with_one_line_without_its_password() {
    let (original, _) = filled().await;
    for to in [
        "postgresql://amy:s3cret-word@127.0.0.1:1/auth",
        "postgresql://amy:s3cret-word@",
        "postgresql://:s3cret-word",
    ] {
        let mut command = Command::new(PROGRAM);
        let printed = command
            .args(["copy", "--from", &original.database.argument(), "--to", to])
            .env_clear()
            .output()
            .unwrap();
        let printed = refused(&printed);
        assert!(!printed.contains("s3cret-word"), "{printed}");
    }
}

/// The source is locked while it is copied, so that no write can be missed. A lock on the target
/// holds the copy up.
#[tokio::test]
async fn writes_are_locked_during_a_copy() {
    let (original, token) = filled().await;
    let server = TestServer::at(&original.database).await;
    let folder = tempfile::tempdir().unwrap();
    let target = TestDatabase::File(folder.path().join("target"));
    inventree_auth::store::Store::open(&target.database()).unwrap().close();
    let lock = target.lock();
    let mut command = Command::new(PROGRAM);
    command
        .args(["copy", "--from", &original.database.argument(), "--to", &target.argument()])
        .env_clear();
    let copying = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !original.database.is_locked() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let request = server
        .http
        .patch(format!("{}/api/auth/user/", server.base))
        .header("authorization", &token);
    let request = request.json(&serde_json::json!({ "first_name": "late" })).send();
    let late = tokio::spawn(async move { request.await.unwrap().status().as_u16() });
    drop(lock);
    assert!(done(&copying.wait_with_output().unwrap()).contains("All rows were compared"));
    // Refused, or done after the copy, but not during it.
    assert!([200, 503].contains(&late.await.unwrap()));
    assert_eq!(target.number("SELECT COUNT(*) FROM accounts WHERE first_name = 'late'"), 0);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
}
