//! Failures around the server: a database locked by another process, a clock that jumps. Each has
//! a documented response and passes without a restart.
//!
//! For an unavailable mail server see `tests/server/mail/mod.rs`, for `kill -9`
//! `tools/src/bin/crash.rs`, for a full disk `tests/full_disk`.

#[cfg(target_os = "linux")]
use inventree_auth::store::{NewAccount, StoreError};
use rusqlite::Connection;
use serde_json::{Value, json};
use test_support::binary::Binary;
use test_support::{PASSWORD, Response, Setup, TestServer};

use crate::PROGRAM;
use crate::social::LogBuffer;

fn assert_unavailable(response: &Response) {
    assert_eq!((response.status, response.header("retry-after")), (503, "2"), "{response:?}");
    assert_eq!(
        response.json(),
        json!({ "detail": "The database is temporarily unavailable. Please try again." })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn locked_database_refuses_writes_and_recovers() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let headers = [("authorization", token.as_str())];
    // Bypasses the contract check: the document has no 503.
    let user = format!("{}/api/auth/user/", server.base);
    let rename = |name: &str| {
        let request = server.http.patch(&user).header("authorization", &token);
        server.page(request.json(&json!({ "first_name": name })))
    };
    // The first use of a token on a day is recorded, which is a write.
    server.clock.advance(chrono::Duration::days(1));

    let lock = server.database.lock();
    let read = server.get("user/", &headers).await;
    assert_eq!((read.status, &read.json()["username"]), (200, &json!("amy")), "{read:?}");
    assert_unavailable(&rename("lost").await);
    let login = server.http.post(format!("{}/api/auth/login/", server.base));
    let login = login.json(&json!({ "username": "amy", "password": PASSWORD }));
    assert_unavailable(&server.page(login).await);
    drop(lock);

    assert_eq!(server.get("user/", &headers).await.json()["first_name"], Value::from(""));
    assert_eq!(rename("kept").await.status, 200);
    assert_eq!(server.get("user/", &headers).await.json()["first_name"], "kept");
}

/// In a release the types of responses hold them alone.
#[tokio::test]
async fn response_that_contradicts_the_document_is_500_with_a_log_line_in_debug_builds() {
    let lines = LogBuffer::default();
    let setup = Setup { log: lines.logger(), ..Setup::default() };
    let server = TestServer::with_setup(&[], setup).await;
    let token = server.register("amy", "").await;
    server.database.execute("UPDATE accounts SET email = 'nonsense' WHERE id = 1");
    let user = server.http.get(format!("{}/api/auth/user/", server.base));
    let response = server.page(user.header("authorization", &token)).await;
    let why = "the response of auth_user_retrieve contradicts the document: email: Enter a valid \
               email address.";
    let is_checked = cfg!(debug_assertions);
    assert_eq!(response.status, if is_checked { 500 } else { 200 }, "{response:?}");
    assert_eq!(lines.text().contains(why), is_checked, "{}", lines.text());
}

/// The writer is blocked indefinitely: a read that waited for it would never be answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reads_do_not_wait_for_deferred_writes() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let session = server.log_in("amy", PASSWORD).await.cookie_value("sessionid");
    let session = format!("sessionid={session}");
    server.clock.advance(chrono::Duration::days(2));

    let (release, held) = std::sync::mpsc::channel::<()>();
    let store = server.app().store.clone();
    let writer = tokio::spawn(async move {
        let wait = store.write(move |_| held.recv().map_err(|e| StoreError::Other(e.to_string())));
        wait.await
    });
    for header in [("authorization", token.as_str()), ("cookie", session.as_str())] {
        let headers = [header];
        let read =
            tokio::time::timeout(std::time::Duration::from_secs(30), server.get("user/", &headers))
                .await;
        assert_eq!(
            read.expect("a response while nothing can be written").status,
            200,
            "{}",
            header.0
        );
    }
    release.send(()).unwrap();
    writer.await.unwrap().unwrap();
    // Both uses were recorded.
    server.flush_deferred().await;
    let account =
        server.app().store.read(|r| Ok::<_, StoreError>((r.token_list(1)?, r.session_list(1)?)));
    let (tokens, sessions) = account.await.unwrap();
    assert!(
        tokens.iter().any(|t| t.last_seen.is_some())
            && sessions.iter().any(|s| s.expires > s.created + chrono::Duration::days(7))
    );
}

#[tokio::test]
async fn clock_jumps_do_not_extend_a_lockout() {
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

/// A limit on file sizes: like a full disk or a quota, but without root.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn full_disk_refuses_writes_and_recovers() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    // SIGXFSZ would terminate the shell.
    let server = Binary::start(PROGRAM, "trap '' XFSZ");
    let pid = Pid::from_raw(server.process.id().try_into().unwrap());
    let writes_up_to = |bytes: Option<u64>| {
        prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    };
    let http = reqwest::Client::new();
    let account = json!({
        "username": "amy", "email": "amy@example.com", "password1": PASSWORD, "password2": PASSWORD,
    });
    let made = http.post(server.url("registration/")).json(&account).send().await.unwrap();
    let token = format!("Token {}", made.json::<Value>().await.unwrap()["key"].as_str().unwrap());
    let read = async || {
        let user =
            http.get(server.url("user/")).header("authorization", &token).send().await.unwrap();
        assert_eq!(user.status(), 200);
        user.json::<Value>().await.unwrap()["first_name"].as_str().unwrap().to_owned()
    };
    let rename = async |name: &str| {
        let request = http.patch(server.url("user/")).header("authorization", &token);
        request.json(&json!({ "first_name": name })).send().await.unwrap()
    };
    for round in ["first", "second"] {
        writes_up_to(Some(4096));
        let login = json!({"username": "amy", "password": PASSWORD});
        let refused = [
            rename("lost").await,
            http.post(server.url("login/")).json(&login).send().await.unwrap(),
        ];
        for response in refused {
            assert_eq!(
                (response.status().as_u16(), &response.headers()["retry-after"]),
                (503, &"2".parse().unwrap())
            );
            let detail = "The database is temporarily unavailable. Please try again.";
            assert_eq!(response.json::<Value>().await.unwrap(), json!({ "detail": detail }));
        }
        assert_ne!(read().await, "lost");
        writes_up_to(None);
        assert_eq!(rename(round).await.status(), 200);
        assert_eq!(read().await, round);
        assert_eq!(
            http.post(server.url("login/")).json(&login).send().await.unwrap().status(),
            200
        );
    }
    let file = Connection::open(server.folder.path().join("auth.sqlite3")).unwrap();
    let whole: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
}

/// Statement journals stay in memory: a container may have no temporary directory.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_write_needs_a_temporary_file() {
    let server = TestServer::start().await;
    let now = server.app().now();
    let store = &server.app().store;
    let account = move |number: usize| NewAccount {
        username: format!("user{number}"),
        username_key: format!("user{number}"),
        username_skeleton: format!("user{number}"),
        email: String::new(),
        first_name: "x".repeat(150),
        last_name: "x".repeat(150),
        password: "!".to_owned(),
        is_superuser: false,
        date_joined: now,
        confirm_by: None,
        language: String::new(),
    };
    let fill = store.write(move |w| {
        (0..2000).try_for_each(|number| w.account_insert(&account(number)).map(|_| ()))
    });
    fill.await.unwrap();
    // Updates some two hundred existing pages.
    let open = store.write(|w| {
        (1..=2000).try_for_each(|id| w.account_set_email(id, "amy@example.com"))?;
        let files = std::fs::read_dir("/proc/self/fd").unwrap();
        let names = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
        Ok::<_, StoreError>(
            names.map(|name| name.to_string_lossy().into_owned()).collect::<Vec<_>>(),
        )
    });
    let open = open.await.unwrap();
    assert!(open.iter().any(|name| name.ends_with("auth.sqlite3")), "{open:?}");
    // The names of SQLite's temporary files.
    assert!(!open.iter().any(|name| name.contains("etilqs_")), "{open:?}");
}
