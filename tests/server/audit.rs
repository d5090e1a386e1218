//! The audit trail: recorded events, omitted ones, immutability, and the operator's queries.

use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{Duration, Utc};
use inventree_auth::domain::audit::Event;
use inventree_auth::domain::housekeeping::CleanupJob;
use inventree_auth::store::{AuditEntry, AuditFilter, NewAuditEntry};
use serde_json::{Value, json};
use test_support::place::Place;
use test_support::{PASSWORD, TestServer, confirmation_key, reset_link};

use crate::PROGRAM;

const NEW: &str = "Quagga-Topaz-88";

/// All entries, oldest first.
async fn entries(server: &TestServer) -> Vec<AuditEntry> {
    server.flush_deferred().await;
    let mut all =
        server.app().store.read(|r| r.audit_list(&AuditFilter::default(), None)).await.unwrap();
    all.reverse();
    all
}

/// The events after the first `seen` entries: event, account, detail.
async fn since(server: &TestServer, seen: usize) -> Vec<(String, Option<i64>, String)> {
    entries(server)
        .await
        .into_iter()
        .skip(seen)
        .map(|e| (e.event, e.account_id, e.detail))
        .collect()
}

fn happened(event: Event, account: i64, detail: &str) -> (String, Option<i64>, String) {
    (event.name().to_owned(), Some(account), detail.to_owned())
}

fn operator(server: &TestServer, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).arg("--database").arg(server.place.argument()).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn every_change_that_a_person_makes_is_written_down_once() {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    let headers = [("authorization", token.as_str())];
    let key = confirmation_key(&server.take_mails(1).await[0]);
    let mut seen = 0;
    macro_rules! expect {
        ($($expected:expr),*) => {
            let came = since(&server, seen).await;
            let expected: Vec<(String, Option<i64>, String)> = vec![$($expected),*];
            assert_eq!(came, expected);
            seen += came.len();
            // Later events do not repeat these.
            server.clock.advance(Duration::seconds(61));
        };
    }
    expect!(happened(Event::Registered, 1, ""));
    server.log_in("amy", PASSWORD).await;
    expect!(happened(Event::Login, 1, ""));
    // A wrong password, in each of the three ways to send one.
    server.log_in("AMY", "wrong").await;
    let basic = format!("Basic {}", STANDARD.encode("amy:wrong"));
    server.get("user/", &[("authorization", &basic)]).await;
    let wrong = json!({ "old_password": "wrong", "new_password1": NEW, "new_password2": NEW });
    assert_eq!(server.post("password/change/", &headers, wrong).await.status, 400);
    let failed = || happened(Event::LoginFailed, 1, "");
    expect!(failed());
    assert_eq!(entries(&server).await[seen - 1].count, 3);
    server.log_in("my-Secret-Password-1", "amy").await;
    expect!((Event::LoginFailed.name().to_owned(), None, String::new()));

    assert_eq!(
        server.post("registration/verify-email/", &[], json!({ "key": key })).await.status,
        200
    );
    expect!(happened(Event::AddressConfirmed, 1, "amy@example.com"));
    assert_eq!(
        server
            .post("emails/", &headers, json!({ "email": "amy@example.org", "user": 1 }))
            .await
            .status,
        201
    );
    expect!(happened(Event::AddressAdded, 1, "amy@example.org"));
    server.post("emails/2/verify/", &headers, Value::Null).await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    server.take_mails(1).await; // the notice to the first address
    server.post("emails/2/primary/", &headers, Value::Null).await;
    server.post("emails/1/remove/", &headers, Value::Null).await;
    expect!(
        happened(Event::AddressConfirmed, 1, "amy@example.org"),
        happened(Event::AddressMadePrimary, 1, "amy@example.org"),
        happened(Event::AddressRemoved, 1, "amy@example.com")
    );
    // A PATCH without changes, or of personal names, is not an event.
    server
        .send(
            reqwest::Method::PATCH,
            "user/",
            &headers,
            json!({ "username": "amy", "first_name": "A" }),
        )
        .await;
    server.post("emails/2/primary/", &headers, Value::Null).await;
    expect!();
    server.send(reqwest::Method::PATCH, "user/", &headers, json!({ "username": "amelia" })).await;
    expect!(happened(Event::UsernameChanged, 1, "amy -> amelia"));

    let change = json!({ "new_password1": NEW, "new_password2": NEW });
    assert_eq!(server.post("password/change/", &headers, change).await.status, 200);
    expect!(happened(Event::PasswordChanged, 1, ""));
    for email in ["amy@example.org", "nobody@example.org"] {
        server.post("password/reset/", &[], json!({ "email": email })).await;
    }
    expect!(
        happened(Event::ResetAsked, 1, ""),
        (Event::ResetAsked.name().to_owned(), None, String::new())
    );
    let (uid, reset) = reset_link(&server.take_mail_about("Password Reset").await);
    let body =
        json!({ "uid": uid, "token": reset, "new_password1": PASSWORD, "new_password2": PASSWORD });
    assert_eq!(server.post("password/reset/confirm/", &[], body.clone()).await.status, 200);
    expect!(happened(Event::PasswordReset, 1, ""));
    // Refused, so nothing happened.
    assert_eq!(server.post("password/reset/confirm/", &[], body).await.status, 400);
    expect!();

    let login = server.log_in("amelia", PASSWORD).await;
    let token = format!("Token {}", login.json()["key"].as_str().unwrap());
    let cookie = format!(
        "sessionid={}; csrftoken={}",
        login.cookie_value("sessionid"),
        login.cookie_value("csrftoken")
    );
    let browser = [("cookie", cookie.as_str()), ("x-csrftoken", &login.cookie_value("csrftoken"))];
    let page = |path: &str| {
        let mut request = server.http.post(format!("{}/platform/api/{path}", server.base));
        for (name, value) in browser {
            request = request.header(name, value);
        }
        server.page(request)
    };
    let id = |table: &str| server.place.last_id(table);
    server.log_in("amelia", PASSWORD).await;
    let other = id("tokens");
    assert_eq!(page(&format!("tokens/{other}/revoke/")).await.status, 200);
    assert_eq!(page("sessions/end-others/").await.status, 200);
    server.post("logout/", &[("authorization", &token)], Value::Null).await;
    server.post("logout/", &browser, Value::Null).await;
    let session = id("sessions");
    expect!(
        happened(Event::Login, 1, ""),
        happened(Event::TokenEnded, 1, &format!("token {other}")),
        happened(Event::SessionsEnded, 1, "1 session"),
        happened(Event::Logout, 1, &format!("token {}", other - 1)),
        happened(Event::Logout, 1, &format!("session {}", session - 1))
    );
    let all = entries(&server).await;
    assert!(all.iter().all(|entry| entry.client == "127.0.0.1"));
    assert_eq!(all.len(), seen);
}

#[tokio::test]
async fn repeats_within_a_minute_are_one_row_with_a_count() {
    let server = TestServer::with(&[("RATE_LIMITS", "off")]).await;
    server.register("amy", "").await;
    let started = server.app().now();
    for _ in 0..5 {
        server.log_in("amy", "wrong").await;
        server.log_in("nobody", "wrong").await;
        server.clock.advance(Duration::seconds(12));
    }
    server.log_in("amy", "wrong").await;
    let counted = |entries: Vec<AuditEntry>| {
        let of =
            |e: AuditEntry| (e.event, e.account_id, e.count, (e.at - started, e.last_at - started));
        entries.into_iter().map(of).collect::<Vec<_>>()
    };
    let [start, repeated, minute] = [0, 48, 60].map(Duration::seconds);
    let failed = |whose, count, times| ("login_failed".to_owned(), whose, count, times);
    let expected = [
        ("registered".to_owned(), Some(1), 1, (start, start)),
        failed(Some(1), 5, (start, repeated)),
        failed(None, 5, (start, repeated)),
        failed(Some(1), 1, (minute, minute)),
    ];
    assert_eq!(counted(entries(&server).await), expected);
    // A clock that goes backwards neither counts twice nor fails.
    server.clock.advance(Duration::seconds(-120));
    server.log_in("amy", "wrong").await;
    assert_eq!(entries(&server).await.len(), expected.len() + 1);
}

/// Changes by one client to one account: twenty per hour in detail, all of them counted.
#[tokio::test]
async fn flood_of_one_person_takes_21_rows_an_hour() {
    let server = TestServer::with(&[("RATE_LIMITS", "off")]).await;
    let token = server.register("amy", "").await;
    let headers = [("authorization", token.as_str())];
    let of_renames = |entries: Vec<AuditEntry>| -> Vec<AuditEntry> {
        entries.into_iter().filter(|entry| entry.event == "username_changed").collect()
    };
    for hour in 1..=2 {
        for n in 0..100 {
            let name = json!({ "username": format!("amy{hour}_{n}") });
            assert_eq!(
                server.send(reqwest::Method::PATCH, "user/", &headers, name).await.status,
                200
            );
        }
        let renames = of_renames(entries(&server).await);
        assert_eq!(renames.len(), 21 * hour);
        assert_eq!(renames.iter().map(|entry| entry.count).sum::<i64>() as usize, 100 * hour);
        let last = renames.last().unwrap();
        assert_eq!(
            (last.detail.as_str(), last.client.as_str(), last.count),
            ("aggregated", "127.0.0.1", 80)
        );
        // Other events of the account keep their details.
        server.log_in("amy", "wrong").await;
        assert_eq!(entries(&server).await.last().unwrap().detail, "");
        server.clock.advance(Duration::hours(1));
    }
}

#[tokio::test]
async fn flood_of_many_networks_takes_201_rows_an_hour() {
    let proxy =
        [("USE_X_FORWARDED_FOR", "true"), ("TRUSTED_PROXIES", "127.0.0.1"), ("RATE_LIMITS", "off")];
    let server = TestServer::with(&proxy).await;
    server.register("amy", "").await;
    for n in 0..300 {
        let client = format!("203.0.{}.{}", n / 100, n % 100);
        for name in ["amy", "nobody"] {
            let body = json!({ "username": name, "password": "wrong" });
            server.post("login/", &[("x-forwarded-for", &client)], body).await;
        }
    }
    let all = entries(&server).await;
    for whose in [Some(1), None] {
        let failed: Vec<_> =
            all.iter().filter(|e| e.event == "login_failed" && e.account_id == whose).collect();
        assert_eq!(failed.len(), 201, "{whose:?}");
        assert_eq!(failed.iter().map(|entry| entry.count).sum::<i64>(), 300);
        let last = failed.last().unwrap();
        assert_eq!(
            (last.client.as_str(), last.detail.as_str(), last.count),
            ("", "aggregated", 100)
        );
    }
    // A login is another event, so its client is recorded.
    server
        .post(
            "login/",
            &[("x-forwarded-for", "198.51.100.7")],
            json!({ "username": "amy", "password": PASSWORD }),
        )
        .await;
    let login = entries(&server).await.pop().unwrap();
    assert_eq!((login.event.as_str(), login.client.as_str()), ("login", "198.51.100.7"));
}

#[tokio::test]
async fn what_the_operator_does_is_written_down_as_theirs() {
    let server = TestServer::with(&[("ADMIN_USER", "root"), ("ADMIN_PASSWORD", PASSWORD)]).await;
    server.register("amy", "").await;
    let password = server.directory.path().join("password");
    std::fs::write(&password, NEW).unwrap();
    let password = password.to_str().unwrap();
    for arguments in [
        &["user", "add", "bob", "--password-file", password][..],
        &["user", "make-admin", "amy"],
        &["user", "remove-admin", "amy"],
        &["token", "revoke", "1"],
        &["session", "end", "1"],
        &["user", "deactivate", "amy"],
        &["user", "activate", "amy"],
        &["user", "set-password", "amy", "--password-file", password],
        &["user", "reset-factors", "amy"],
        &["token", "create", "amy", "--for", "backup"],
    ] {
        said(&operator(&server, arguments));
    }
    let came = entries(&server)
        .await
        .into_iter()
        .map(|e| (e.event, e.account_id.unwrap(), e.client, e.detail));
    let expected = [
        (Event::Made, 1, "operator", ""),
        (Event::Registered, 2, "127.0.0.1", ""),
        (Event::Made, 3, "operator", ""),
        (Event::AdminGiven, 2, "operator", ""),
        (Event::AdminTaken, 2, "operator", ""),
        (Event::TokenRevoked, 2, "operator", "token 1"),
        (Event::SessionsEnded, 2, "operator", "session 1"),
        (Event::Deactivated, 2, "operator", ""),
        (Event::Activated, 2, "operator", ""),
        (Event::PasswordSet, 2, "operator", ""),
        (Event::FactorsReset, 2, "operator", "0 second factors"),
        (Event::TokenMade, 2, "operator", "token 2, backup"),
    ];
    let expected = expected.map(|(event, account, client, detail)| {
        (event.name().to_owned(), account, client.to_owned(), detail.to_owned())
    });
    assert_eq!(came.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn import_is_one_entry_and_a_second_one_that_changes_nothing_is_none() {
    let server = TestServer::start().await;
    let source = test_support::inventree::Source::new(server.directory.path());
    source.account(1, "amy", "!");
    source.account(2, "bob", "!");
    for _ in 0..2 {
        let from = source.path.to_str().unwrap();
        said(&operator(&server, &["import", "inventree", "--from", from]));
        assert_eq!(
            since(&server, 0).await,
            [("imported".to_owned(), None, "2 accounts".to_owned())]
        );
    }
}

/// Users type passwords into the username field.
#[tokio::test]
async fn no_entry_has_a_secret_or_a_name_that_nobody_has() {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    let login = server.log_in("amy", PASSWORD).await;
    let secrets = [
        token.trim_start_matches("Token ").to_owned(),
        login.json()["key"].as_str().unwrap().to_owned(),
        login.cookie_value("sessionid"),
        confirmation_key(&server.take_mails(1).await[0]),
        PASSWORD.to_owned(),
        "a-Password-in-the-wrong-field".to_owned(),
        "another-wrong-one".to_owned(),
    ];
    server.log_in("a-Password-in-the-wrong-field", "another-wrong-one").await;
    server.log_in("amy", "another-wrong-one").await;
    server
        .post(
            "password/reset/",
            &[],
            json!({ "email": "a-Password-in-the-wrong-field@example.com" }),
        )
        .await;
    server.post("logout/", &[("authorization", &token)], Value::Null).await;
    let written = format!("{:?}", entries(&server).await).to_lowercase();
    for secret in secrets {
        assert!(!written.contains(&secret.to_lowercase()), "{secret}: {written}");
    }
    assert!(written.contains("login_failed") && written.contains("logout"));
}

#[tokio::test]
async fn no_entry_is_changed_replaced_or_deleted_by_whoever_writes() {
    let server = TestServer::start().await;
    // Entries dated by the clock of the machine.
    server.clock.advance(Utc::now() - server.app().now());
    server.register("amy", "").await;
    server.log_in("amy", PASSWORD).await;
    let before = entries(&server).await;
    let sqlite_only = [
        "INSERT OR REPLACE INTO audit (id, at, event, client, detail) VALUES (1, 0, 'login', '', \
         '')",
        "REPLACE INTO audit (id, at, event, client, detail) VALUES (2, 0, 'login', '', '')",
    ];
    let own = match &server.place {
        Place::File(_) => &sqlite_only[..],
        Place::Server { .. } => &["TRUNCATE audit"],
    };
    let both = [
        "UPDATE audit SET client = '203.0.113.9'",
        "UPDATE audit SET client = '203.0.113.9', count = count + 1, last_at = at",
        "UPDATE audit SET account_id = NULL, count = count + 1, last_at = at",
        "UPDATE audit SET count = count + 1",
        "UPDATE audit SET count = count + 2, last_at = at",
        "UPDATE audit SET count = count - 1, last_at = at",
        "UPDATE audit SET count = count + 1, last_at = at - 1",
        "UPDATE audit SET count = count + 1, last_at = at + 3600000001",
        "UPDATE audit SET last_at = at",
        "DELETE FROM audit WHERE id = 1",
        "DELETE FROM audit",
        "INSERT INTO audit (id, at, event, client, detail) VALUES (1, 0, 'login', '', '')
         ON CONFLICT (id) DO UPDATE SET client = ''",
    ];
    for sql in both.iter().chain(own) {
        let refused = server.place.try_execute(sql).unwrap_err();
        assert!(refused.contains("the audit trail is append-only"), "{sql}: {refused}");
    }
    assert_eq!(entries(&server).await, before);
    // An entry in the far future does not make them deletable.
    server.place.execute(
        "INSERT INTO audit (at, event, client, detail) VALUES (9000000000000000, 'login', '', '')",
    );
    let refused = server.place.try_execute("DELETE FROM audit WHERE id <= 2").unwrap_err();
    assert!(refused.contains("the audit trail is append-only"), "{refused}");
    assert_eq!(entries(&server).await[..before.len()], before);
}

/// The entry is written in the transaction of its event.
#[tokio::test]
async fn nothing_is_changed_that_cannot_be_written_down() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    server.place.execute(match &server.place {
        Place::File(_) => {
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no more'); END"
        }
        Place::Server { .. } => "ALTER TABLE audit ADD CONSTRAINT is_full CHECK (id < 0) NOT VALID",
    });
    // Around the contract's check: the document has no 500.
    let user = format!("{}/api/auth/user/", server.base);
    let rename = server
        .http
        .patch(&user)
        .header("authorization", &token)
        .json(&json!({ "username": "amelia" }));
    assert_eq!(server.page(rename).await.status, 500);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.json()["username"], "amy");
    let end = server
        .http
        .post(format!("{}/api/auth/logout/", server.base))
        .header("authorization", &token);
    assert_eq!(server.page(end).await.status, 500);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
}

/// The entry of a failed login is written without waiting.
#[tokio::test]
async fn failed_login_is_answered_while_nothing_can_be_written() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let lock = server.place.lock();
    assert_eq!(server.log_in("amy", "wrong").await.status, 400);
    drop(lock);
    assert_eq!(since(&server, 1).await, [happened(Event::LoginFailed, 1, "")]);
}

#[tokio::test]
async fn what_is_older_than_the_settings_say_goes_and_that_is_an_entry_too() {
    let server = TestServer::with(&[("AUDIT_DAYS", "90")]).await;
    server.register("amy", "").await;
    server.clock.advance(Duration::days(60));
    server.log_in("amy", PASSWORD).await;
    let mut cleanup = CleanupJob::new(server.app().clone());
    server.clock.advance(Duration::days(30));
    cleanup.run_if_due().await.unwrap();
    assert_eq!(entries(&server).await.len(), 2);
    // A month without events, then more.
    server.clock.advance(Duration::days(1));
    cleanup.run_if_due().await.unwrap();
    let trimmed = ("audit_trimmed".to_owned(), None, "before 2026-03-02".to_owned());
    assert_eq!(since(&server, 0).await, [happened(Event::Login, 1, ""), trimmed]);
    cleanup.run_if_due().await.unwrap();
    assert_eq!(entries(&server).await.len(), 2);
}

#[tokio::test]
async fn more_than_a_batch_of_old_entries_goes_in_one_sweep() {
    let server = TestServer::start().await;
    let old = server.app().now();
    let insert = server.app().store.write(move |w| {
        for _ in 0..1200 {
            let (event, client) = (Event::LoginFailed.name(), "203.0.113.9");
            w.audit_insert(&NewAuditEntry {
                at: old,
                event,
                account_id: None,
                client,
                detail: "",
            })?;
        }
        Ok::<_, inventree_auth::store::StoreError>(())
    });
    insert.await.unwrap();
    server.clock.advance(Duration::days(366));
    CleanupJob::new(server.app().clone()).run_if_due().await.unwrap();
    // The server's own cleanup may have deleted some of them.
    let left = since(&server, 0).await;
    assert!(
        !left.is_empty() && left.iter().all(|(event, ..)| event == "audit_trimmed"),
        "{left:?}"
    );
}

#[tokio::test]
async fn operator_reads_it_by_account_event_client_and_time() {
    let server =
        TestServer::with(&[("USE_X_FORWARDED_FOR", "true"), ("TRUSTED_PROXIES", "127.0.0.1")])
            .await;
    server.register("amy", "").await;
    server.register("bob", "").await;
    server.clock.advance(Duration::days(2));
    for client in ["203.0.113.9", "2001:db8::1"] {
        let body = json!({ "username": "amy", "password": "wrong" });
        server.post("login/", &[("x-forwarded-for", client)], body).await;
    }
    server.flush_deferred().await;
    let read = |arguments: &[&str]| -> Value {
        let all = [&["audit"], arguments, &["--format", "json"]].concat();
        serde_json::from_str(&said(&operator(&server, &all))).unwrap()
    };
    let first = json!({
        "id": 1, "at": "2026-03-01T12:00:00Z", "event": "registered", "account_id": 1,
        "username": "amy",
        "client": "127.0.0.1", "detail": "", "count": 1, "last_at": "2026-03-01T12:00:00Z",
    });
    assert_eq!(read(&[])[3], first);
    for (arguments, ids) in [
        (&["amy"][..], json!([4, 3, 1])),
        (&["--event", "registered"], json!([2, 1])),
        (&["--client", "203.0.113.9"], json!([3])),
        (&["--client", "2001:db8::/64"], json!([4])),
        (&["--since", "2026-03-02"], json!([4, 3])),
        (&["--since", "2026-03-01T12:00:00+00:00"], json!([4, 3, 2, 1])),
        (&["bob", "--since", "2026-03-02"], json!([])),
        (&["--limit", "1"], json!([4])),
    ] {
        let found = read(arguments);
        let found: Vec<&Value> = found.as_array().unwrap().iter().map(|row| &row["id"]).collect();
        assert_eq!(json!(found), ids, "{arguments:?}");
    }
    let table = said(&operator(&server, &["audit", "amy", "--limit", "1"]));
    let mut lines = table.lines();
    assert_eq!(
        lines.next().unwrap().split_whitespace().collect::<Vec<_>>(),
        ["TIME", "EVENT", "COUNT", "USERNAME", "CLIENT", "DETAIL"]
    );
    assert_eq!(
        lines.next().unwrap().split_whitespace().collect::<Vec<_>>(),
        ["2026-03-03T12:00:00Z", "login_failed", "1", "amy", "2001:db8::/64"]
    );
    for (arguments, why) in [
        (&["nobody"][..], "there is no user nobody"),
        (
            &["--since", "yesterday"],
            "--since takes a day (2026-11-25), a time (RFC 3339), or so long ago (7d, 12h, 30m)",
        ),
        (&["--since", "9999999999999999d"], "--since takes"),
        (&["--since=-1d"], "--since takes"),
        (&["--since", "é"], "--since takes"),
    ] {
        let refused = operator(&server, &[&["audit"], arguments].concat());
        let line = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(1) && line.contains(why), "{arguments:?}: {line}");
    }
}
