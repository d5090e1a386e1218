//! Changing and resetting a password: what is refused in which words, what a link is good for, what ends.

mod support;

use chrono::Duration;
use serde_json::{Value, json};
use support::{PASSWORD, TestServer, confirmation_key, reset_link};

const NEW: &str = "Quartz-Zebra-88";

fn pair(password: &str) -> Value {
    json!({ "new_password1": password, "new_password2": password })
}

fn confirm(link: &(String, String), password: &str) -> Value {
    json!({ "uid": link.0, "token": link.1, "new_password1": password, "new_password2": password })
}

async fn reset_mail(server: &TestServer, email: &str) -> (String, String) {
    let answer = server.post("password/reset/", &[], json!({ "email": email })).await;
    assert_eq!((answer.status, &answer.json()["detail"]), (200, &json!("Password reset e-mail has been sent.")));
    reset_link(&server.take_mails(1).await[0])
}

async fn with_amy() -> (TestServer, String) {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    (server, token)
}

#[tokio::test]
async fn refusals_sit_under_new_password2_in_djangos_order() {
    let (server, token) = with_amy().await;
    let auth = [("authorization", token.as_str())];
    let two = json!({ "new_password1": NEW, "new_password2": PASSWORD });
    let answer = server.post("password/change/", &auth, two).await;
    assert_eq!(answer.json(), json!({ "new_password2": ["The two password fields didn’t match."] }));
    let answer = server.post("password/change/", &auth, pair("123456")).await;
    let short = "This password is too short. It must contain at least 8 characters.";
    let said =
        json!({ "new_password2": [short, "This password is too common.", "This password is entirely numeric."] });
    assert_eq!((answer.status, answer.json()), (400, said));
    let answer = server.post("password/change/", &auth, pair("amy@example.c")).await;
    assert_eq!(answer.json()["new_password2"][0], "The password is too similar to the email address.");
}

#[tokio::test]
async fn change_keeps_the_token_in_use_and_ends_all_else() {
    let (server, token) = with_amy().await;
    let login = server.log_in("amy", PASSWORD).await;
    let other = format!("Token {}", login.json()["key"].as_str().unwrap());
    let session = format!("sessionid={}", login.cookie_value("sessionid"));
    assert_eq!(server.post("password/change/", &[("authorization", &token)], pair(NEW)).await.status, 200);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
    assert_eq!(server.get("user/", &[("authorization", &other)]).await.status, 401);
    assert_eq!(server.get("user/", &[("cookie", &session)]).await.status, 401);
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 400);
    assert_eq!(server.log_in("amy", NEW).await.status, 200);
}

#[tokio::test]
async fn change_in_a_session_cycles_its_id() {
    let (server, token) = with_amy().await;
    let login = server.log_in("amy", PASSWORD).await;
    let csrf = login.cookie_value("csrftoken");
    let old = format!("sessionid={}; csrftoken={csrf}", login.cookie_value("sessionid"));
    let answer = server.post("password/change/", &[("cookie", &old), ("x-csrftoken", &csrf)], pair(NEW)).await;
    let new = format!("sessionid={}", answer.cookie_value("sessionid"));
    assert_eq!(server.get("user/", &[("cookie", &old)]).await.status, 401);
    assert_eq!(server.get("user/", &[("cookie", &new)]).await.status, 200);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 401);
}

#[tokio::test]
async fn old_password_is_checked_when_it_is_sent_and_can_be_required() {
    let (server, token) = with_amy().await;
    let auth = [("authorization", token.as_str())];
    let with = |old: &str| json!({ "old_password": old, "new_password1": NEW, "new_password2": NEW });
    let answer = server.post("password/change/", &auth, with("wrong")).await;
    assert!(answer.status == 400 && answer.json()["old_password"].is_array());
    assert_eq!(server.post("password/change/", &auth, with(PASSWORD)).await.status, 200);

    let strict = TestServer::with(&[("OLD_PASSWORD_REQUIRED", "true")]).await;
    let token = strict.register("amy", "").await;
    let answer = strict.post("password/change/", &[("authorization", &token)], pair(NEW)).await;
    assert_eq!(answer.json(), json!({ "old_password": ["This field is required."] }));
}

#[tokio::test]
async fn reset_link_works_once_and_ends_every_session_and_token() {
    let (server, token) = with_amy().await;
    let login = server.log_in("amy", PASSWORD).await;
    let session = format!("sessionid={}", login.cookie_value("sessionid"));
    let link = reset_mail(&server, "AMY@example.com").await;
    let bad = server.post("password/reset/confirm/", &[], confirm(&link, "short")).await;
    assert_eq!(bad.status, 400, "a failure does not use the link up");
    let answer = server.post("password/reset/confirm/", &[], confirm(&link, NEW)).await;
    assert_eq!(answer.json(), json!({ "detail": "Password has been reset with the new password." }));
    assert!(answer.cookie("sessionid").is_none());
    let again = server.post("password/reset/confirm/", &[], confirm(&link, "Another-Zebra-9")).await;
    assert_eq!(again.json(), json!({ "token": ["Invalid value"] }));
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 401);
    assert_eq!(server.get("user/", &[("cookie", &session)]).await.status, 401);
    assert_eq!(server.log_in("amy", NEW).await.status, 200);
}

#[tokio::test]
async fn reset_link_is_void_after_login_password_change_or_address_change() {
    let (server, token) = with_amy().await;
    let auth = [("authorization", token.as_str())];
    let user = server.get("user/", &auth).await.json()["pk"].clone();
    let is_void = async |link: &(String, String)| {
        let answer = server.post("password/reset/confirm/", &[], confirm(link, "Void-Zebra-11")).await;
        assert_eq!(answer.json(), json!({ "token": ["Invalid value"] }));
    };
    let link = reset_mail(&server, "amy@example.com").await;
    server.clock.advance(Duration::seconds(1));
    server.log_in("amy", PASSWORD).await;
    is_void(&link).await;

    let link = reset_mail(&server, "amy@example.com").await;
    server.post("emails/", &auth, json!({ "email": "amy2@example.com", "user": user })).await;
    is_void(&link).await;

    let link = reset_mail(&server, "amy@example.com").await;
    server.post("password/change/", &auth, pair(NEW)).await;
    is_void(&link).await;
}

#[tokio::test]
async fn reset_link_lives_three_days_and_several_live_side_by_side() {
    let (server, _) = with_amy().await;
    let first = reset_mail(&server, "amy@example.com").await;
    server.clock.advance(Duration::days(1));
    let second = reset_mail(&server, "amy@example.com").await;
    server.clock.advance(Duration::days(2) + Duration::seconds(1));
    assert_eq!(server.post("password/reset/confirm/", &[], confirm(&first, NEW)).await.status, 400);
    assert_eq!(server.post("password/reset/confirm/", &[], confirm(&second, NEW)).await.status, 200);
}

#[tokio::test]
async fn reset_answers_alike_for_everybody_and_mails_owners_only() {
    let (server, _) = with_amy().await;
    for email in ["nobody@example.com", "a\u{43c}y@example.com", "\u{212a}elvin@example.com"] {
        let answer = server.post("password/reset/", &[], json!({ "email": email })).await;
        assert!(answer.status == 200 || answer.json()["email"].is_array(), "{answer:?}");
    }
    server.register("kelvin", "kelvin@example.com").await;
    assert_eq!(server.take_mails(1).await[0].to, "kelvin@example.com");
    server.post("password/reset/", &[], json!({ "email": "\u{212a}elvin@example.com" })).await;
    // The next mail is the one for amy: the look-alike got none.
    server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    assert_eq!(server.take_mails(1).await[0].to, "amy@example.com");
}

#[tokio::test]
async fn reset_does_not_reach_an_address_that_another_account_merely_claims() {
    let (server, _) = with_amy().await;
    let token = server.register("eve", "").await;
    let user = server.get("user/", &[("authorization", &token)]).await.json()["pk"].clone();
    let claim = json!({ "email": "amy@example.com", "user": user, "verified": true, "primary": true });
    let row = server.post("emails/", &[("authorization", &token)], claim).await.json();
    assert_eq!((&row["verified"], &row["primary"]), (&json!(false), &json!(false)));
    let (uid, _) = reset_mail(&server, "amy@example.com").await;
    assert_eq!(uid, "1", "the link is for amy");
}

#[tokio::test]
async fn looking_at_a_link_uses_nothing_up() {
    let (server, _) = with_amy().await;
    let (uid, token) = reset_mail(&server, "amy@example.com").await;
    server.http.get(format!("{}/platform/set-password?uid={uid}&token={token}", server.base)).send().await.unwrap();
    server.http.head(format!("{}/platform/set-password?uid={uid}&token={token}", server.base)).send().await.unwrap();
    assert_eq!(server.post("password/reset/confirm/", &[], confirm(&(uid, token), NEW)).await.status, 200);
}

#[tokio::test]
async fn confirmation_key_works_once_for_three_days_and_dies_with_its_row() {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    let auth = [("authorization", token.as_str())];
    let key = confirmation_key(&server.take_mails(1).await[0]);
    let verify = async |key: &str| server.post("registration/verify-email/", &[], json!({ "key": key })).await.status;
    server.http.get(format!("{}/accounts/confirm-email/{key}/", server.base)).send().await.unwrap();
    assert_eq!(verify(&format!("{key}x")).await, 404);
    assert_eq!(verify(&key).await, 200);
    assert_eq!(verify(&key).await, 404);

    let user = server.get("user/", &auth).await.json()["pk"].clone();
    let add = async |email: &str| {
        let row = server.post("emails/", &auth, json!({ "email": email, "user": user })).await.json()["id"].clone();
        server.post(&format!("emails/{row}/verify/"), &auth, Value::Null).await;
        (row, confirmation_key(&server.take_mails(1).await[0]))
    };
    let (row, key) = add("amy2@example.com").await;
    assert_eq!(server.post(&format!("emails/{row}/remove/"), &auth, Value::Null).await.status, 200);
    assert_eq!(verify(&key).await, 404);
    let (_, key) = add("amy3@example.com").await;
    server.clock.advance(Duration::days(3) + Duration::seconds(1));
    assert_eq!(verify(&key).await, 404);
}
