//! Keys that confirm an email address, and their resending.

use reqwest::Method;
use serde_json::json;
use test_support::{TestServer, confirmation_key};

use super::email_addresses::{Person, confirm, resend};

#[tokio::test]
async fn confirmation_key_works_once() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let key = amy.key.clone().unwrap();
    let response = confirm(&server, &key).await;
    assert_eq!((response.status, response.json()), (200, json!({ "detail": "ok" })));
    assert_eq!(amy.rows().await[0]["verified"], true);
    let again = confirm(&server, &key).await;
    assert_eq!((again.status, again.json()), (404, json!({ "detail": "Not found." })));
}

#[tokio::test]
async fn confirmation_keys_are_valid_until_one_is_used() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    server.clock.advance(chrono::Duration::hours(1));
    let id = amy.rows().await[0]["id"].as_i64().unwrap();
    let newer = amy.key_for(id).await;
    let older = amy.key.clone().unwrap();
    assert_ne!(older, newer);
    assert_eq!(confirm(&server, &older).await.status, 200);
    assert_eq!(confirm(&server, &newer).await.status, 404);
}

#[tokio::test]
async fn confirmation_key_is_void_after_its_address_is_removed() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    let id = amy.add("gone@example.com").await;
    let key = amy.key_for(id).await;
    assert_eq!(amy.act(id, "remove").await.status, 200);
    assert_eq!(confirm(&server, &key).await.status, 404);
    let again = amy.add("gone@example.com").await;
    assert_ne!(again, id);
    assert_eq!(confirm(&server, &key).await.status, 404);
    assert_eq!(amy.row(again).await["verified"], false);
}

#[tokio::test]
async fn confirmation_key_expires_after_three_days() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let bob = Person::new(&server, "bob", "bob@example.com").await;
    server.clock.advance(chrono::Duration::days(3));
    assert_eq!(confirm(&server, amy.key.as_deref().unwrap()).await.status, 200);
    server.clock.advance(chrono::Duration::seconds(1));
    assert_eq!(confirm(&server, bob.key.as_deref().unwrap()).await.status, 404);
}

#[tokio::test]
async fn forged_confirmation_key_is_refused() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let bob = Person::new(&server, "bob", "bob@example.com").await;
    let key = amy.key.clone().unwrap();
    let parts: Vec<&str> = key.split(':').collect();
    let foreign = bob.key.clone().unwrap();
    let bobs: Vec<&str> = foreign.split(':').collect();
    let (head, last) = key.split_at(key.len() - 1);
    let (head, last) = (head.to_owned(), if last == "A" { "E" } else { "A" });
    for forged in [
        format!("{head}{last}"),
        head.clone(),
        format!("{key}A"),
        format!("{key}="),
        format!("{key}:"),
        format!("{}:{}:{}", bobs[0], parts[1], parts[2]),
        format!("{}:zzzzzz:{}", parts[0], parts[2]),
        format!("{}:-{}:{}", parts[0], parts[1], parts[2]),
        format!("{}:{}:", parts[0], parts[1]),
        format!("{}:{}", parts[0], parts[1]),
        "::".to_owned(),
        "é".repeat(5000),
    ] {
        let response = confirm(&server, &forged).await;
        assert_eq!(
            (response.status, response.json()),
            (404, json!({ "detail": "Not found." })),
            "{forged}"
        );
    }
    assert_eq!(amy.rows().await[0]["verified"], false);
    assert_eq!(confirm(&server, &key).await.status, 200);
    assert_eq!(bob.rows().await[0]["verified"], false);
}

#[tokio::test]
async fn opening_an_emailed_link_changes_nothing() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let key = amy.key.clone().unwrap();
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        for path in [
            format!("/accounts/confirm-email/{key}/"),
            format!("/api/auth/registration/account-confirm-email/{key}/"),
            format!("/api/auth/registration/verify-email/?key={key}"),
        ] {
            let response = server
                .run(server.http.request(method.clone(), format!("{}{path}", server.base)))
                .await;
            assert!(response.status < 500, "{method} {path}");
        }
    }
    assert_eq!(amy.rows().await[0]["verified"], false);
    assert_eq!(confirm(&server, &key).await.status, 200);
}

#[tokio::test]
async fn confirmation_key_is_void_once_another_account_verified_the_address() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "same@example.com").await;
    let bob = Person::new(&server, "bob", "same@example.com").await;
    assert_eq!(confirm(&server, bob.key.as_deref().unwrap()).await.status, 200);
    assert_eq!(confirm(&server, amy.key.as_deref().unwrap()).await.status, 404);
    assert_eq!(amy.rows().await[0]["verified"], false);
}

#[tokio::test]
async fn resend_responds_uniformly_and_emails_only_unverified_addresses() {
    let server = TestServer::start().await;
    Person::proved(&server, "bob", "bob@example.com").await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    for email in ["nobody@example.com", "bob@example.com", "AMY@Example.com"] {
        let response = resend(&server, email).await;
        assert_eq!((response.status, response.json()), (201, json!({ "detail": "ok" })), "{email}");
    }
    // Email is sent in order: amy's is the first and the only one.
    let mails = server.take_mails(1).await;
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "amy@example.com"));
    assert_eq!(confirm(&server, &confirmation_key(&mails[0])).await.status, 200);
    assert_eq!(amy.rows().await[0]["verified"], true);
}

#[tokio::test]
async fn resend_without_an_address_sends_no_email() {
    let server = TestServer::start().await;
    Person::new(&server, "amy", "amy@example.com").await;
    let response = server.post("registration/resend-email/", &[], json!({})).await;
    assert_eq!(
        (response.status, response.json()),
        (400, json!({ "email": ["This field is required."] }))
    );
    Person::new(&server, "bob", "bob@example.com").await;
    assert!(server.mails.lock().unwrap().is_empty());
}
