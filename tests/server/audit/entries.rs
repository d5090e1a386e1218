//! Recorded events, and the count of repeats.

use super::*;

#[tokio::test]
async fn every_user_action_is_audited_once() {
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
    let id = |table: &str| server.database.last_id(table);
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
async fn flood_from_one_account_adds_21_rows_an_hour() {
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
async fn flood_from_many_networks_adds_201_rows_an_hour() {
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
async fn operator_actions_are_audited_as_operator() {
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
        printed(&operator(&server, arguments));
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
async fn import_is_audited_once_and_only_when_it_changes_something() {
    let server = TestServer::start().await;
    let source = test_support::inventree::Source::new(server.directory.path());
    source.account(1, "amy", "!");
    source.account(2, "bob", "!");
    for _ in 0..2 {
        let from = source.path.to_str().unwrap();
        printed(&operator(&server, &["import", "inventree", "--from", from]));
        assert_eq!(
            since(&server, 0).await,
            [("imported".to_owned(), None, "2 accounts".to_owned())]
        );
    }
}
