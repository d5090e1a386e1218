//! Emails that tell an account's owner what changed and who signed in, and the proof that a session
//! needs before it changes anything.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use serde_json::{Value, json};
use test_support::{PASSWORD, TestServer, confirmation_key};

use super::second_factor::Browser;

/// Amy with a proved address, signed in.
async fn amy(server: &TestServer) -> Browser<'_> {
    server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    let body = json!({ "key": key });
    assert_eq!(server.post("registration/verify-email/", &[], body).await.status, 200);
    let mut browser = Browser::new(server);
    assert_eq!(browser.password().await.status, 200);
    browser
}

async fn api(browser: &mut Browser<'_>, path: &str, body: Value) -> u16 {
    let url = format!("{}/api/auth/{path}", browser.server.base);
    let request = browser.server.http.post(url).header("Content-Type", "application/json");
    browser.send(request.body(body.to_string())).await.status
}

/// Proves a second address of amy; its row id.
async fn second_address(browser: &mut Browser<'_>) -> i64 {
    let server = browser.server;
    let body = json!({ "email": "two@example.com", "user": 1 });
    assert_eq!(api(browser, "emails/", body).await, 201);
    let id = server.database.number("SELECT MAX(id) FROM email_addresses");
    assert_eq!(api(browser, &format!("emails/{id}/verify/"), json!({})).await, 200);
    let key = confirmation_key(&server.take_mail_about("Please Confirm").await);
    let body = json!({ "key": key });
    assert_eq!(server.post("registration/verify-email/", &[], body).await.status, 200);
    server.take_mail_about("address was added").await;
    id
}

#[tokio::test]
async fn every_verified_address_is_notified_of_each_change_without_a_live_link() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    server.take_mail_about("new sign-in").await;
    let id = second_address(&mut browser).await;
    assert_eq!(api(&mut browser, &format!("emails/{id}/primary/"), json!({})).await, 200);
    let first = server.take_mail_about("primary email address was changed").await;
    let second = server.take_mail_about("primary email address was changed").await;
    assert_ne!(first.to, second.to);
    assert!(first.text.contains("two@example.com") && first.text.contains("Network: 127.0.0.1"));
    let links: Vec<&str> = first.text.lines().filter(|line| line.contains("://")).collect();
    assert_eq!(links, ["http://auth.example.com/platform/"]);
    let first = server.database.number("SELECT MIN(id) FROM email_addresses");
    assert_eq!(api(&mut browser, &format!("emails/{first}/remove/"), json!({})).await, 200);
    let told = server.take_mail_about("address was removed").await;
    assert_eq!(told.to, "amy@example.com", "the address that goes is told too");
    let body = json!({
        "old_password": PASSWORD, "new_password1": "Quagga-Topaz-88",
        "new_password2": "Quagga-Topaz-88",
    });
    assert_eq!(browser.post("password/", body).await.status, 200);
    assert_eq!(server.take_mail_about("password was changed").await.to, "two@example.com");
}

#[tokio::test]
async fn new_name_and_new_recovery_codes_are_notified() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    browser.add_device().await;
    assert_eq!(browser.post("recovery-codes/", json!({})).await.status, 200);
    let told = server.take_mail_about("recovery codes were created").await;
    assert_eq!(told.to, "amy@example.com");
    let request = server.http.patch(format!("{}/api/auth/user/", server.base));
    let renamed = browser.send(request.json(&json!({ "username": "thief" }))).await;
    assert_eq!(renamed.status, 200, "{renamed:?}");
    let told = server.take_mail_about("user name was changed").await;
    assert!(told.text.contains("amy") && told.text.contains("thief"), "{}", told.text);
}

/// A request with the password makes its network known: that must not go unnoticed, or a thief's
/// login from there would.
#[tokio::test]
async fn password_from_an_unknown_network_is_notified_in_a_request_as_in_a_login() {
    let server =
        TestServer::with(&[("USE_X_FORWARDED_FOR", "true"), ("TRUSTED_PROXIES", "127.0.0.1")])
            .await;
    amy(&server).await;
    server.take_mail_about("new sign-in").await;
    let basic = format!("Basic {}", STANDARD.encode(format!("amy:{PASSWORD}")));
    for address in ["203.0.113.9", "203.0.113.9", "203.0.113.10"] {
        server.clock.advance(Duration::minutes(2));
        let headers = [("authorization", basic.as_str()), ("x-forwarded-for", address)];
        assert_eq!(server.get("user/", &headers).await.status, 200);
        server.flush_deferred().await;
    }
    for address in ["203.0.113.9", "203.0.113.10"] {
        let told = server.take_mail_about("new sign-in").await;
        assert!(told.text.contains(&format!("Network: {address}")), "{}", told.text);
    }
}

#[tokio::test]
async fn one_event_is_notified_once_a_minute() {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    let mut browser = amy(&server).await;
    server.take_mail_about("new sign-in").await;
    for (name, wait) in [("one", 0), ("two", 30), ("three", 60)] {
        server.clock.advance(Duration::seconds(wait));
        let body = json!({ "name": name, "days": 1 });
        assert_eq!(browser.post("tokens/", body).await.status, 200);
    }
    assert!(server.take_mail_about("token was created").await.text.contains("one"));
    assert!(server.take_mail_about("token was created").await.text.contains("three"));
}

#[tokio::test]
async fn sign_in_notice_is_sent_for_new_browsers_only() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    let note = server.take_mail_about("new sign-in").await;
    assert!(note.text.contains("not seen before"), "{}", note.text);
    server.clock.advance(Duration::minutes(2));
    assert_eq!(browser.password().await.status, 200);
    // Email is sent in order: a note about the known browser would come first.
    server.clock.advance(Duration::minutes(2));
    let body = json!({ "name": "marker", "days": 1 });
    assert_eq!(browser.post("tokens/", body).await.status, 200);
    assert!(server.take_mails(1).await[0].subject.contains("token"));
    server.clock.advance(Duration::minutes(2));
    assert_eq!(Browser::new(&server).password().await.status, 200);
    assert!(server.take_mails(1).await[0].subject.contains("new sign-in"));
}

#[tokio::test]
async fn sign_in_notices_can_be_disabled() {
    let server = TestServer::with(&[("LOGIN_NOTICES", "false")]).await;
    let mut browser = amy(&server).await;
    let body = json!({ "name": "marker", "days": 1 });
    assert_eq!(browser.post("tokens/", body).await.status, 200);
    assert!(server.take_mails(1).await[0].subject.contains("token"));
}

#[tokio::test]
async fn changes_need_recent_auth() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    let id = second_address(&mut browser).await;
    server.clock.advance(Duration::minutes(11));
    let passwords =
        json!({ "new_password1": "Quagga-Topaz-88", "new_password2": "Quagga-Topaz-88" });
    let with_old = |old: &str| {
        let mut body = passwords.clone();
        body["old_password"] = json!(old);
        body
    };
    for path in ["primary", "remove"] {
        let path = format!("emails/{id}/{path}/");
        assert_eq!(api(&mut browser, &path, json!({})).await, 403, "{path}");
    }
    assert_eq!(api(&mut browser, "social/1/disconnect/", json!({})).await, 403);
    assert_eq!(api(&mut browser, "password/change/", passwords.clone()).await, 403);
    assert_eq!(browser.post("tokens/", json!({})).await.status, 403);
    assert_eq!(browser.post("tokens/revoke-all/", json!({})).await.status, 200, "the safe way");
    // The page needs the current password, which is a proof itself.
    let refused = browser.post("password/", passwords.clone()).await;
    assert_eq!((refused.status, refused.json().get("old_password").is_some()), (400, true));
    assert_eq!(browser.post("password/", with_old("wrong")).await.status, 400);
    assert_eq!(browser.post("password/", with_old(PASSWORD)).await.status, 200);
    // A token is its own proof, as before.
    let made = browser.post("tokens/", json!({ "name": "program", "days": 1 })).await.json();
    let token = format!("Token {}", made["key"].as_str().unwrap());
    server.clock.advance(Duration::minutes(11));
    let headers = [("authorization", token.as_str())];
    let response = server.post(&format!("emails/{id}/primary/"), &headers, Value::Null).await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn account_without_a_password_sets_one_and_creates_a_token() {
    let server = TestServer::with(&[("OLD_PASSWORD_REQUIRED", "true")]).await;
    let mut browser = amy(&server).await;
    server.database.execute("UPDATE accounts SET password = '!' WHERE id = 1");
    assert_eq!(browser.post("tokens/", json!({ "name": "program", "days": 1 })).await.status, 200);
    let body = json!({ "new_password1": "Quagga-Topaz-88", "new_password2": "Quagga-Topaz-88" });
    assert_eq!(browser.post("password/", body).await.status, 200);
    assert_eq!(server.log_in("amy", "Quagga-Topaz-88").await.status, 200);
}
