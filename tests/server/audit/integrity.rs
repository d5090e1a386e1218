//! Entries are never changed, lost or kept for too long.

use super::*;

/// Users type passwords into the username field.
#[tokio::test]
async fn audit_entries_contain_no_secret_and_no_unknown_username() {
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
async fn audit_entries_cannot_be_changed_replaced_or_deleted() {
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
    let own = match &server.database {
        TestDatabase::File(_) => &sqlite_only[..],
        TestDatabase::Server { .. } => &["TRUNCATE audit"],
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
        let refused = server.database.try_execute(sql).unwrap_err();
        assert!(refused.contains("the audit trail is append-only"), "{sql}: {refused}");
    }
    assert_eq!(entries(&server).await, before);
    // An entry in the far future does not make them deletable.
    server.database.execute(
        "INSERT INTO audit (at, event, client, detail) VALUES (9000000000000000, 'login', '', '')",
    );
    let refused = server.database.try_execute("DELETE FROM audit WHERE id <= 2").unwrap_err();
    assert!(refused.contains("the audit trail is append-only"), "{refused}");
    assert_eq!(entries(&server).await[..before.len()], before);
}

/// The entry is written in the transaction of its event.
#[tokio::test]
async fn change_without_its_audit_entry_is_rolled_back() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    server.database.execute(match &server.database {
        TestDatabase::File(_) => {
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no more'); END"
        }
        TestDatabase::Server { .. } => {
            "ALTER TABLE audit ADD CONSTRAINT is_full CHECK (id < 0) NOT VALID"
        }
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
async fn failed_login_gets_its_response_while_writes_fail() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let lock = server.database.lock();
    assert_eq!(server.log_in("amy", "wrong").await.status, 400);
    drop(lock);
    assert_eq!(since(&server, 1).await, [happened(Event::LoginFailed, 1, "")]);
}

#[tokio::test]
async fn expired_audit_entries_are_deleted_and_the_deletion_is_audited() {
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
async fn cleanup_deletes_more_than_one_batch() {
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
async fn operator_filters_audit_entries_by_account_event_client_and_time() {
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
        serde_json::from_str(&printed(&operator(&server, &all))).unwrap()
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
    let table = printed(&operator(&server, &["audit", "amy", "--limit", "1"]));
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
        (&["nobody"][..], "user nobody not found"),
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
