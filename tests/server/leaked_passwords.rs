//! Passwords of data leaks: refused as new ones, and told of at a sign-in.

use serde_json::{Value, json};
use test_support::{PASSWORD, TestServer, reset_link};

use super::second_factor::{Browser, now};

/// In the list of the program, and good by every other rule.
const LEAKED: &str = "Leonard1995";
const TOO_COMMON: &str = "This password is too common.";

fn registration(name: &str, password: &str) -> Value {
    json!({ "username": name, "email": format!("{name}@example.com"), "password1": password,
        "password2": password })
}

fn both(password: &str) -> Value {
    json!({ "new_password1": password, "new_password2": password })
}

/// Amy, whose password has leaked since she chose it.
async fn amy(settings: &[(&str, &str)]) -> TestServer {
    let mut all = vec![("LEAKED_PASSWORDS", "off")];
    all.extend_from_slice(settings);
    let server = TestServer::with(&all).await;
    let answer = server.post("registration/", &[], registration("amy", LEAKED)).await;
    assert_eq!(answer.status, 201, "off: {}", answer.json());
    server
}

#[tokio::test]
async fn leaked_password_is_refused_as_common_at_registration_change_and_reset() {
    let server = TestServer::start().await;
    let answer = server.post("registration/", &[], registration("ben", LEAKED)).await;
    assert_eq!((answer.status, answer.json()), (400, json!({ "password1": [TOO_COMMON] })));
    let token = server.register("amy", "amy@example.com").await;
    let headers = [("Authorization", token.as_str())];
    let refusal = json!({ "new_password2": [TOO_COMMON] });
    let answer = server.post("password/change/", &headers, both(LEAKED)).await;
    assert_eq!((answer.status, answer.json()), (400, refusal.clone()));
    server.take_mails(1).await;
    server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    let (uid, token) = reset_link(&server.take_mails(1).await[0]);
    let mut body = both(LEAKED);
    body["uid"] = json!(uid);
    body["token"] = json!(token);
    let answer = server.post("password/reset/confirm/", &[], body).await;
    assert_eq!((answer.status, answer.json()), (400, refusal));
    let body = json!({ "password": LEAKED.to_lowercase() });
    let strength = Browser::new(&server).post("strength/", body).await.json();
    assert_eq!(strength, json!({ "score": 0, "broken": ["common"] }));
}

#[tokio::test]
async fn sign_in_at_the_pages_with_a_leaked_password_succeeds_and_says_so() {
    let server = amy(&[]).await;
    let server = TestServer::at_with(&server.database, &[("LEAKED_PASSWORDS", "builtin")]).await;
    let mut browser = Browser::new(&server);
    let body = json!({ "username": "amy", "password": LEAKED });
    let answer = browser.post("login/", body.clone()).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "leaked": true })));
    // With a second factor the page says so behind it, and the API never.
    let (secret, _) = browser.add_device().await;
    let mut again = Browser::new(&server);
    let answer = again.post("login/", body.clone()).await;
    assert_eq!(answer.json(), json!({ "second_factor": true }));
    let answer = again.code(&now(&server, &secret)).await;
    assert_eq!(answer.json()["leaked"], true, "{}", answer.json());
    server.register("ben", "").await;
    let answer = server.log_in("ben", PASSWORD).await;
    assert_eq!(answer.json().as_object().unwrap().len(), 1);
    let body = json!({ "username": "ben", "password": PASSWORD });
    assert_eq!(Browser::new(&server).post("login/", body).await.json(), json!({}));
}

#[tokio::test]
async fn filter_of_the_operator_takes_the_place_of_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leaked.bin");
    let line = "0155E4EA172019407848299B52DCC9BD9EB60479:7\n";
    let file = std::fs::File::create(&path).unwrap();
    inventree_auth::domain::leaked_passwords::make(line.as_bytes(), file, 1).unwrap();
    let server = TestServer::with(&[("LEAKED_PASSWORDS", path.to_str().unwrap())]).await;
    let answer = server.post("registration/", &[], registration("amy", "Sphinx-Opal-52")).await;
    assert_eq!((answer.status, answer.json()), (400, json!({ "password1": [TOO_COMMON] })));
    let answer = server.post("registration/", &[], registration("ben", LEAKED)).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
}
