//! Addresses confirmed, made primary and removed.

use super::*;

#[tokio::test]
async fn verify_emails_an_unverified_address() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let id = amy.add("New@example.com").await;
    let response = amy.act(id, "verify").await;
    assert_eq!((response.status, response.json()), (200, amy.row(id).await));
    let mail = &server.take_mails(1).await[0];
    assert_eq!(
        (mail.to.as_str(), mail.subject.as_str()),
        ("new@example.com", "[InvenTree] Please Confirm Your Email Address")
    );
    assert!(mail.text.contains("http://auth.example.com/accounts/confirm-email/"), "{}", mail.text);
    assert_eq!(amy.row(id).await["verified"], false);
}

#[tokio::test]
async fn verify_sends_no_email_to_a_verified_address() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    let proved = amy.rows().await[0].clone();
    let response = amy.act(proved["id"].as_i64().unwrap(), "verify").await;
    assert_eq!((response.status, response.json()), (200, proved));
    let other = amy.add("other@example.com").await;
    amy.act(other, "verify").await;
    assert_eq!(server.take_mails(1).await[0].to, "other@example.com");
}

#[tokio::test]
async fn unproved_address_cannot_become_primary() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    let id = amy.add("other@example.com").await;
    let response = amy.act(id, "primary").await;
    assert_eq!((response.status, response.json()), (400, json!({ "detail": UNVERIFIED_PRIMARY })));
    assert_eq!(amy.row(id).await["primary"], false);
    assert_eq!(amy.email().await, "amy@example.com");
}

#[tokio::test]
async fn own_address_follows_the_primary_row() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    let first = amy.rows().await[0]["id"].as_i64().unwrap();
    let second = amy.add_proved("second@example.com").await;
    assert_eq!(amy.email().await, "amy@example.com");
    let response = amy.act(second, "primary").await;
    assert_eq!((response.status, response.json()), (200, amy.row(second).await));
    assert_eq!(amy.row(second).await["primary"], true);
    assert_eq!(amy.row(first).await["primary"], false);
    assert_eq!(amy.email().await, "second@example.com");
    // A repetition changes nothing.
    assert_eq!(amy.act(second, "primary").await.status, 200);
    assert_eq!(amy.email().await, "second@example.com");
}

#[tokio::test]
async fn first_proved_address_becomes_primary_by_itself() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "").await;
    let id = amy.add_proved("amy@example.com").await;
    let row = amy.row(id).await;
    assert_eq!((&row["verified"], &row["primary"]), (&json!(true), &json!(true)));
    assert_eq!(amy.email().await, "amy@example.com");
}

#[tokio::test]
async fn primary_address_stays_while_there_are_others() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    let first = amy.rows().await[0]["id"].as_i64().unwrap();
    let second = amy.add("second@example.com").await;
    let refused = amy.act(first, "remove").await;
    assert_eq!((refused.status, refused.json()), (400, json!({ "detail": PRIMARY_AMONG_OTHERS })));
    assert_eq!(amy.rows().await.len(), 2);

    let row = amy.row(second).await;
    let removed = amy.act(second, "remove").await;
    assert_eq!((removed.status, removed.json()), (200, row));
    assert_eq!(removed.json()["id"], second);
    assert_eq!(amy.email().await, "amy@example.com");
}

#[tokio::test]
async fn account_email_is_cleared_with_the_last_address() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    let row = amy.rows().await[0].clone();
    let removed = amy.act(row["id"].as_i64().unwrap(), "remove").await;
    assert_eq!((removed.status, removed.json()), (200, row));
    assert!(amy.rows().await.is_empty());
    assert_eq!(amy.email().await, "");
}

#[tokio::test]
async fn addresses_of_other_accounts_are_not_found() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "").await;
    let bob = Person::proved(&server, "bob", "bob@example.com").await;
    let other = bob.add_proved("other@example.com").await;
    let before = bob.rows().await;
    for id in [
        other.to_string(),
        "0".to_owned(),
        "99999".to_owned(),
        "123456789012345678901234".to_owned(),
    ] {
        for action in ["verify", "primary", "remove"] {
            let response = amy.post(&format!("emails/{id}/{action}/"), Value::Null).await;
            assert_eq!(
                (response.status, response.json()),
                (404, json!({ "detail": "Not found." })),
                "{id} {action}"
            );
        }
    }
    assert_eq!(bob.rows().await, before);
}

#[tokio::test]
async fn addresses_require_authentication() {
    let server = TestServer::start().await;
    for (method, path) in [
        (Method::GET, "emails/"),
        (Method::POST, "emails/"),
        (Method::POST, "emails/1/verify/"),
        (Method::POST, "emails/1/primary/"),
        (Method::POST, "emails/1/remove/"),
    ] {
        let response = server.send(method, path, &[], Value::Null).await;
        assert_eq!(response.status, 401, "{path}");
        assert_eq!(
            response.json(),
            json!({ "detail": "Authentication credentials were not provided." })
        );
    }
}

#[tokio::test]
async fn number_of_addresses_is_limited_by_the_setting() {
    let server = TestServer::with(&[("MAX_EMAIL_ADDRESSES", "3")]).await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let second = amy.add("b@example.com").await;
    amy.add("c@example.com").await;
    let add =
        async |email: &str| amy.post("emails/", json!({ "email": email, "user": amy.pk })).await;
    let full =
        json!({ "non_field_errors": ["An account can have no more than 3 email addresses."] });
    let response = add("d@example.com").await;
    assert_eq!((response.status, response.json()), (400, full));
    // A duplicate gets its usual error, and a removed address makes room.
    let twice = json!({ "non_field_errors": ["The fields user, email must make a unique set."] });
    assert_eq!(add("b@example.com").await.json(), twice);
    assert_eq!(amy.act(second, "remove").await.status, 200);
    assert_eq!(add("d@example.com").await.status, 201);
}

#[tokio::test]
async fn account_of_an_earlier_version_with_many_addresses_is_listed_in_pages() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let pk = amy.pk;
    let fill = server.app().store.write(move |w| {
        (0..1500).try_for_each(|n| {
            w.email_address_insert(pk, &format!("{n}@example.com"), false, false).map(|_| ())
        })
    });
    fill.await.map_err(|e: inventree_auth::store::StoreError| e.to_string()).unwrap();
    for path in ["emails/", "emails/?limit=5000"] {
        let page = amy.get(path).await.json();
        assert_eq!(
            (&page["count"], emails(&page["results"]).len()),
            (&json!(1501), 1000),
            "{path}"
        );
        assert_eq!(page["next"], "http://auth.example.com/api/auth/emails/?limit=1000&offset=1000");
    }
    let last = amy.get("emails/?limit=1000&offset=1000").await.json();
    assert_eq!((emails(&last["results"]).len(), &last["next"]), (501, &json!(null)));
}

#[tokio::test]
async fn address_of_a_closed_account_is_not_confirmed() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let pk = amy.pk;
    let set = |is_active| server.app().store.write(move |w| w.account_set_active(pk, is_active));
    set(false).await.unwrap();
    assert_eq!(confirm(&server, amy.key.as_deref().unwrap()).await.status, 404);
    set(true).await.unwrap();
    assert_eq!(confirm(&server, amy.key.as_deref().unwrap()).await.status, 200);
}

#[tokio::test]
async fn verified_addresses_are_notified_of_a_new_one() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    amy.add_proved("second@example.com").await;
    let mail = server.take_mails(1).await.remove(0);
    assert_eq!(
        (mail.to.as_str(), mail.subject.as_str()),
        ("amy@example.com", "[InvenTree] An email address was added")
    );
    for line in [
        "    amy",
        "    second@example.com",
        "    Time: 2026-03-01 12:00 UTC",
        "    Network: 127.0.0.1",
    ] {
        assert!(mail.text.lines().any(|found| found == line), "{line}: {}", mail.text);
    }
    // No link with a key, only the account page.
    let links: Vec<&str> = mail.text.lines().filter(|line| line.contains("http")).collect();
    assert_eq!(links, ["http://auth.example.com/platform/"]);
}
