//! `backup`: a server starts from the copy, regardless of concurrent writes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use test_support::{PASSWORD, TestServer, confirmation_key};

use crate::PROGRAM;

fn database(server: &TestServer) -> PathBuf {
    server.directory.path().join("auth.sqlite3")
}

fn key_beside(database: &Path) -> PathBuf {
    PathBuf::from(format!("{}.secret_key", database.display()))
}

/// The exit code, stdout and stderr.
fn back_up(database: &Path, to: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(PROGRAM);
    let output = command.arg("backup").arg(to).arg("--database").arg(database).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn is_refused(database: &Path, to: &Path, why: &str) {
    let (code, out, err) = back_up(database, to);
    assert_eq!((code, out.as_str(), err.lines().count()), (Some(1), "", 1), "{err}");
    assert!(err.contains(why), "{err}");
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A server on a copy of the backup, with the original key.
async fn restored(copy: &Path, key: &Path) -> (TestServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.sqlite3");
    std::fs::copy(copy, &file).unwrap();
    std::fs::copy(key, key_beside(&file)).unwrap();
    (TestServer::with(&[("DB_NAME", file.to_str().unwrap())]).await, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_under_load_contains_every_acknowledged_write() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let copies = tempfile::tempdir().unwrap();
    let (source, is_over) = (database(&server), AtomicBool::new(false));
    let load = async {
        let mut registered = 0;
        while !is_over.load(Ordering::Relaxed) {
            server.register(&format!("user{registered}"), "").await;
            registered += 1;
        }
        registered
    };
    let backups = async {
        let mut taken = Vec::new();
        for number in 0..5 {
            let before = format!("before{number}");
            server.register(&before, "").await;
            let (source, to) = (source.clone(), copies.path().join(&before));
            let (code, _, err) = tokio::task::spawn_blocking({
                let to = to.clone();
                move || back_up(&source, &to)
            })
            .await
            .unwrap();
            assert_eq!(code, Some(0), "{err}");
            taken.push((before, to));
        }
        is_over.store(true, Ordering::Relaxed);
        taken
    };
    let (registered, taken) = tokio::join!(load, backups);
    assert!(registered > 0, "there was no load");
    for (before, copy) in taken {
        let file = rusqlite::Connection::open(&copy).unwrap();
        let check: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        drop(file);
        let (restored, _folder) = restored(&copy, &key_beside(&source)).await;
        assert_eq!(restored.log_in(&before, PASSWORD).await.status, 200, "{before}");
        assert_eq!(restored.get("user/", &[("authorization", &token)]).await.status, 200);
    }
}

#[tokio::test]
async fn emailed_link_works_on_a_restored_backup_with_its_key() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    let key = json!({ "key": confirmation_key(&server.take_mails(1).await[0]) });
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("copy");
    assert_eq!(back_up(&database(&server), &copy).0, Some(0));
    let (with_its_key, _folder) = restored(&copy, &key_beside(&database(&server))).await;
    assert_eq!(with_its_key.post("registration/verify-email/", &[], key.clone()).await.status, 200);
    let other = copies.path().join("other key");
    std::fs::write(&other, "0".repeat(64)).unwrap();
    let (with_another, _folder) = restored(&copy, &other).await;
    assert_eq!(with_another.post("registration/verify-email/", &[], key).await.status, 404);
}

#[tokio::test]
async fn backup_names_its_secret_key() {
    let server = TestServer::start().await;
    let copies = tempfile::tempdir().unwrap();
    let (code, out, err) = back_up(&database(&server), &copies.path().join("copy"));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains(key_beside(&database(&server)).to_str().unwrap()), "{out}");
}

#[tokio::test]
async fn backup_overwrites_nothing() {
    let server = TestServer::start().await;
    let copies = tempfile::tempdir().unwrap();
    let there = copies.path().join("there");
    std::fs::write(&there, "").unwrap();
    is_refused(&database(&server), &there, "not overwritten");
    assert_eq!(std::fs::read(&there).unwrap(), b"");
    is_refused(&database(&server), &database(&server), "not overwritten");
    assert_eq!(files(copies.path()), ["there"]);
    server.register("amy", "").await;
}

#[cfg(unix)]
#[tokio::test]
async fn backup_is_private_and_follows_no_link() {
    use std::os::unix::fs::PermissionsExt;
    let server = TestServer::start().await;
    let copies = tempfile::tempdir().unwrap();
    let (copy, link) = (copies.path().join("copy"), copies.path().join("link"));
    let mut command = Command::new("bash");
    command.args(["-c", "umask 000; \"$0\" backup \"$1\" --database \"$2\"", PROGRAM]);
    assert!(command.arg(&copy).arg(database(&server)).output().unwrap().status.success());
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::os::unix::fs::symlink(copies.path().join("elsewhere"), &link).unwrap();
    is_refused(&database(&server), &link, "not overwritten");
    assert_eq!(files(copies.path()), ["copy", "link"]);
}

#[test]
fn backup_of_another_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (foreign, text, to) = (
        folder.path().join("foreign"),
        folder.path().join("text"),
        folder.path().join("copies").join("copy"),
    );
    std::fs::create_dir(folder.path().join("copies")).unwrap();
    rusqlite::Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE part_part (id INTEGER)")
        .unwrap();
    std::fs::write(&text, "no database").unwrap();
    is_refused(&foreign, &to, "not a database of this server");
    is_refused(&text, &to, "not a database");
    is_refused(&folder.path().join("missing"), &to, "missing");
    assert!(files(&folder.path().join("copies")).is_empty());
    assert_eq!(files(folder.path()), ["copies", "foreign", "text"]);
}

#[tokio::test]
async fn backup_into_a_missing_folder_is_refused_in_one_line() {
    let server = TestServer::start().await;
    is_refused(
        &database(&server),
        &server.directory.path().join("no").join("copy"),
        "No such file or directory",
    );
}

#[tokio::test]
async fn backup_of_an_earlier_version_leaves_both_at_that_version() {
    let mut server = TestServer::start().await;
    let source = database(&server);
    server.stop().await;
    let version = |path: &Path| -> i64 {
        let file = rusqlite::Connection::open(path).unwrap();
        file.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).unwrap()
    };
    rusqlite::Connection::open(&source)
        .unwrap()
        .execute("UPDATE schema_version SET version = 1", [])
        .unwrap();
    let copy = server.directory.path().join("copy");
    let (code, _, err) = back_up(&source, &copy);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!((version(&source), version(&copy)), (1, 1));
}
