//! One's own account as a whole: sessions with their origin, activity, a copy of all data,
//! deletion.

use chrono::Duration;
use inventree_auth::domain::housekeeping;
use serde_json::json;
use test_support::{PASSWORD, TestServer, confirmation_key};

use super::second_factor::{Browser, amy, events};

#[tokio::test]
async fn sessions_show_their_origin_and_last_use_this_one_first() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    server.clock.advance(Duration::minutes(5));
    let mut other = Browser::new(&server);
    assert_eq!(other.password().await.status, 200);
    server.clock.advance(Duration::hours(2));
    assert_eq!(other.user().await, 200);
    server.flush_deferred().await;
    let listed = browser.get("sessions/").await.json();
    assert_eq!((&listed[0]["current"], &listed[0]["client"]), (&json!(true), &json!("127.0.0.1")));
    let seen = |row: usize| listed[row]["last_seen"].as_str().unwrap().to_owned();
    assert!(seen(1).as_str() > listed[1]["created"].as_str().unwrap(), "{listed}");
    assert!(seen(1) > seen(2), "{listed}");
}

#[tokio::test]
async fn activity_shows_ninety_days_of_the_callers_entries() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    server.register("bob", "").await;
    let mine = browser.get("activity/").await.json();
    let of = |rows: &serde_json::Value| -> Vec<String> {
        rows.as_array().unwrap().iter().map(|r| r["event"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of(&mine), ["login", "registered"]);
    server.clock.advance(Duration::days(91));
    browser.password().await;
    assert_eq!(of(&browser.get("activity/").await.json()), ["login"]);
}

#[tokio::test]
async fn data_export_needs_recent_auth_and_has_no_secret() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    let (_, codes) = browser.add_device().await;
    let made = browser.post("tokens/", json!({ "name": "program", "days": 9 })).await.json();
    let response = browser.get("export/").await;
    assert_eq!(response.status, 200);
    assert!(response.header("content-disposition").contains("account.json"));
    let data = response.json();
    assert_eq!(data["account"]["username"], "amy");
    assert_eq!(data["addresses"][0]["email"], "amy@example.com");
    assert_eq!(
        (&data["factors"][0]["kind"], &data["recovery_codes"]),
        (&json!("totp"), &json!(10))
    );
    let text = data.to_string();
    let key = made["key"].as_str().unwrap();
    assert!(!text.contains(key) && !codes.iter().any(|code| text.contains(code.as_str())));
    assert!(!text.contains("argon2") && !text.contains(&browser.cookies["sessionid"]));
    server.clock.advance(Duration::minutes(11));
    assert_eq!(browser.get("export/").await.status, 403);
}

#[tokio::test]
async fn deleted_account_is_signed_out_and_removed_after_a_week() {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    let mut browser = Browser::new(&server);
    browser.password().await;
    server.clock.advance(Duration::minutes(11));
    assert_eq!(browser.post("delete/", json!({})).await.status, 403, "without a proof");
    browser.post("reauthenticate/", json!({ "password": PASSWORD })).await;
    assert_eq!(browser.post("delete/", json!({})).await.status, 200);
    assert!(server.take_mail_about("will be deleted").await.text.contains("sign in before"));
    assert_eq!(browser.user().await, 401);
    let headers = [("authorization", token.as_str())];
    assert_eq!(server.get("user/", &headers).await.status, 401);
    server.clock.advance(Duration::days(6));
    housekeeping::clear_expired(server.app()).await.unwrap();
    assert_eq!(server.database.number("SELECT COUNT(*) FROM accounts"), 1);
    server.clock.advance(Duration::days(2));
    housekeeping::clear_expired(server.app()).await.unwrap();
    for table in ["accounts", "email_addresses", "sessions", "tokens", "closing_accounts"] {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(server.database.number(&sql), 0, "{table}");
    }
    let events = events(&server).await;
    assert!(events.contains(&("deleted".to_owned(), "by its owner".to_owned())), "{events:?}");
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 400);
    server.register("amy", "").await;
}

#[tokio::test]
async fn sign_in_cancels_a_pending_deletion() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    assert_eq!(browser.post("delete/", json!({})).await.status, 200);
    server.clock.advance(Duration::days(3));
    assert_eq!(browser.password().await.status, 200);
    server.clock.advance(Duration::days(9));
    housekeeping::clear_expired(server.app()).await.unwrap();
    assert_eq!(server.database.number("SELECT COUNT(*) FROM accounts"), 1);
    let events = events(&server).await;
    assert!(events.iter().any(|(event, _)| event == "deletion_taken_back"), "{events:?}");
}

#[tokio::test]
async fn activity_details_are_in_the_users_language() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    browser.add_device().await;
    assert_eq!(
        browser.post("tokens/", json!({ "name": "my laptop", "days": 1 })).await.status,
        200
    );
    browser.cookies.insert("django_language".to_owned(), "de".to_owned());
    let shown = browser.get("activity/").await.json();
    let of = |event: &str| {
        let rows = shown.as_array().unwrap();
        rows.iter().find(|row| row["event"] == event).unwrap()["detail"].clone()
    };
    assert_eq!(of("token_made"), "my laptop");
    assert_eq!(of("factor_added"), "phone");
    let mut other = Browser::new(&server);
    assert_eq!(other.password().await.json()["second_factor"], true);
}
