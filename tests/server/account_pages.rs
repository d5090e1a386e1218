//! Endpoints behind the pages alone: emailed links looked at, the address that stays, the strength
//! of a password, the words of the activity.

use chrono::Duration;
use inventree_auth::domain::audit::Event;
use serde_json::{Value, json};
use test_support::{TestServer, confirmation_key, reset_link};

use super::second_factor::Browser;

async fn state(browser: &mut Browser<'_>, link: &str) -> String {
    let response = browser.get(&format!("links/{link}")).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn confirmation_link_is_consumed_only_by_submitting() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    let mut visitor = Browser::new(&server);
    let link = format!("confirm/?key={key}");
    for _ in 0..2 {
        assert_eq!(state(&mut visitor, &link).await, "good");
    }
    for bad in ["confirm/", "confirm/?key=", "confirm/?key=MQ:1abc:x_y", "confirm/?key=100%25"] {
        assert_eq!(state(&mut visitor, bad).await, "bad", "{bad}");
    }
    let confirmed = server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    assert_eq!(confirmed.status, 200);
    assert_eq!(state(&mut visitor, &link).await, "used");
    // It stays a success, however late, and only the whole link tells it.
    server.clock.advance(Duration::days(30));
    assert_eq!(state(&mut visitor, &link).await, "used");
    assert_eq!(state(&mut visitor, &link[..link.len() - 1]).await, "bad");
}

#[tokio::test]
async fn expired_confirmation_link_is_invalid() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    server.clock.advance(Duration::days(4));
    assert_eq!(state(&mut Browser::new(&server), &format!("confirm/?key={key}")).await, "bad");
}

#[tokio::test]
async fn reset_link_is_consumed_only_by_submitting() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    let (uid, token) = reset_link(&server.take_mails(1).await[0]);
    let mut visitor = Browser::new(&server);
    let link = format!("reset/?uid={uid}&token={token}");
    for _ in 0..2 {
        assert_eq!(state(&mut visitor, &link).await, "good");
    }
    for bad in ["reset/", "reset/?uid=zz&token=1", &format!("reset/?uid={uid}&token=1-2")] {
        assert_eq!(state(&mut visitor, bad).await, "bad", "{bad}");
    }
    let new = "Quagga-Topaz-88";
    let body = json!({ "uid": uid, "token": token, "new_password1": new, "new_password2": new });
    assert_eq!(server.post("password/reset/confirm/", &[], body).await.status, 200);
    assert_eq!(state(&mut visitor, &link).await, "bad");
}

#[tokio::test]
async fn opening_bad_links_counts_against_the_key_limit() {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    let mut visitor = Browser::new(&server);
    for _ in 0..60 {
        assert_eq!(state(&mut visitor, "confirm/?key=a").await, "bad");
    }
    assert_eq!(visitor.get("links/confirm/?key=a").await.status, 429);
    let used = server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    assert_eq!(used.status, 429);
}

#[tokio::test]
async fn pages_keep_the_last_confirmed_address() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    let mut browser = Browser::new(&server);
    browser.password().await;
    let id = server.database.last_id("email_addresses");
    let remove = format!("emails/{id}/remove/");
    let refused = browser.post(&remove, json!({})).await;
    let detail = "The last confirmed address cannot be removed.";
    assert_eq!((refused.status, refused.json()), (400, json!({ "detail": detail })));
    let mut stranger = Browser::new(&server);
    assert_eq!(stranger.post(&remove, json!({})).await.status, 403);
    server.clock.advance(Duration::minutes(11));
    assert_eq!(browser.post(&remove, json!({})).await.status, 403, "without a recent proof");
}

#[tokio::test]
async fn pages_remove_an_unconfirmed_address() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    let mut browser = Browser::new(&server);
    browser.password().await;
    let id = server.database.last_id("email_addresses");
    assert_eq!(browser.post(&format!("emails/{id}/remove/"), json!({})).await.status, 200);
    assert_eq!(server.database.number("SELECT count(*) FROM email_addresses"), 0);
    assert_eq!(browser.post(&format!("emails/{id}/remove/"), json!({})).await.status, 404);
}

#[tokio::test]
async fn strength_endpoint_uses_the_password_rules() {
    let server = TestServer::start().await;
    let mut visitor = Browser::new(&server);
    for (password, score, broken) in [
        ("Zebra-Quartz-77", 4, json!([])),
        ("sunshine", 0, json!(["common"])),
        ("8236459127", 0, json!(["digits"])),
        ("1234567", 0, json!(["length", "common", "digits"])),
        ("example77", 0, json!(["similar"])),
        ("asdfqwertyuiop", 1, json!([])),
        ("", 0, json!(["length"])),
    ] {
        let body = json!({ "password": password, "email": "amy@example.com" });
        let response = visitor.post("strength/", body).await;
        let expected = json!({ "score": score, "broken": broken });
        assert_eq!((response.status, response.json()), (200, expected), "{password}");
    }
    let long = visitor.post("strength/", json!({ "password": "é".repeat(1025) })).await;
    assert_eq!(long.status, 400);
    let nameless = visitor.post("strength/", json!({ "password": ["a"], "email": {} })).await;
    assert_eq!(nameless.json()["broken"], json!(["length"]));
}

#[tokio::test]
async fn strength_endpoint_is_same_origin_and_limited() {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    let mut foreign = Browser::new(&server);
    let request = server.http.post(format!("{}/platform/api/strength/", server.base));
    let request = request.header("Origin", "https://evil.example").body("{}");
    assert_eq!(foreign.send(request).await.status, 403);
    let mut visitor = Browser::new(&server);
    for _ in 0..60 {
        visitor.post("strength/", json!({ "password": "a" })).await;
    }
    assert_eq!(visitor.post("strength/", json!({ "password": "a" })).await.status, 429);
}

#[test]
fn every_account_event_has_a_text() {
    let english: Value = serde_json::from_str(include_str!("../../locales/en.json")).unwrap();
    // These are of no account, or of one that is gone.
    let others = ["imported", "group_added", "group_removed", "deleted", "audit_trimmed"];
    for event in Event::ALL.iter().map(|event| event.name()) {
        let has_words = english[format!("event.{event}")].is_string();
        assert_eq!(has_words, !others.contains(&event), "{event}");
    }
}
