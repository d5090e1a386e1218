//! Concurrent requests: one succeeds, the others get the usual refusal, and none a 5xx.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::{Value, json};
use test_support::{PASSWORD, TestServer, confirmation_key, count_by_status, reset_link, spelling};

async fn rows(server: &TestServer, token: &str) -> Vec<Value> {
    server.get("emails/", &[("authorization", token)]).await.json()["results"]
        .as_array()
        .unwrap()
        .clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_name_in_64_spellings_is_registered_once() {
    let server = TestServer::start().await;
    let responses = join_all((0..64).map(|n| {
        let body = json!({
            "username": spelling("racers", n), "password1": PASSWORD, "password2": PASSWORD,
        });
        server.post("registration/", &[], body)
    }))
    .await;
    assert_eq!(count_by_status(&responses), BTreeMap::from([(201, 1), (400, 63)]));
    for refused in responses.iter().filter(|response| response.status == 400) {
        assert_eq!(
            refused.json(),
            json!({ "username": ["A user with that username already exists."] })
        );
        assert!(!refused.headers.contains_key("set-cookie"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_registrations_make_an_address_primary_once() {
    let server = TestServer::start().await;
    let names: Vec<String> = (0..32).map(|n| format!("racer{n}")).collect();
    let tokens = join_all(names.iter().map(|name| server.register(name, "same@example.com"))).await;
    let mut primaries = 0;
    for token in tokens {
        primaries +=
            rows(&server, &token).await.iter().filter(|row| row["primary"] == true).count();
    }
    assert_eq!(primaries, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn address_on_eight_accounts_is_verified_by_one() {
    let server = TestServer::start().await;
    let (mut tokens, mut keys) = (Vec::new(), Vec::new());
    for n in 0..8 {
        tokens.push(server.register(&format!("owner{n}"), "same@example.com").await);
        keys.push(confirmation_key(&server.take_mails(1).await[0]));
    }
    let responses =
        join_all((0..64).map(|n| {
            server.post("registration/verify-email/", &[], json!({ "key": keys[n % 8] }))
        }))
        .await;
    assert_eq!(count_by_status(&responses), BTreeMap::from([(200, 1), (404, 63)]));
    let mut owners = 0;
    for token in &tokens {
        owners += rows(&server, token).await.iter().filter(|row| row["verified"] == true).count();
    }
    assert_eq!(owners, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_address_is_added_once() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let headers = [("authorization", token.as_str())];
    let pk = server.get("user/", &headers).await.json()["pk"].clone();
    let responses = join_all((0..32).map(|n| {
        let email = format!("{}@example.com", spelling("racers", n));
        server.post("emails/", &headers, json!({ "email": email, "user": pk }))
    }))
    .await;
    assert_eq!(count_by_status(&responses), BTreeMap::from([(201, 1), (400, 31)]));
    assert_eq!(rows(&server, &token).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_primary_changes_leave_one_primary() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let headers = [("authorization", token.as_str())];
    let pk = server.get("user/", &headers).await.json()["pk"].clone();
    let mut ids = Vec::new();
    for n in 0..4 {
        let added = server
            .post("emails/", &headers, json!({ "email": format!("a{n}@example.com"), "user": pk }))
            .await;
        let id = added.json()["id"].as_i64().unwrap();
        server.post(&format!("emails/{id}/verify/"), &headers, Value::Null).await;
        let key = confirmation_key(&server.take_mail_to(&format!("a{n}@example.com")).await);
        assert_eq!(
            server.post("registration/verify-email/", &[], json!({ "key": key })).await.status,
            200
        );
        ids.push(id);
    }
    let paths: Vec<String> = (0..64).map(|n| format!("emails/{}/primary/", ids[n % 4])).collect();
    let responses =
        join_all(paths.iter().map(|path| server.post(path, &headers, Value::Null))).await;
    assert_eq!(count_by_status(&responses), BTreeMap::from([(200, 64)]));
    let primary: Vec<Value> =
        rows(&server, &token).await.into_iter().filter(|row| row["primary"] == true).collect();
    assert_eq!(primary.len(), 1);
    assert_eq!(server.get("user/", &headers).await.json()["email"], primary[0]["email"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reset_link_used_concurrently_works_once() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    let (uid, token) = reset_link(&server.take_mails(1).await[0]);
    let passwords: Vec<String> = (0..16).map(|n| format!("Violet-Anchor-{n}")).collect();
    let responses = join_all(passwords.iter().map(|password| {
        let body = json!({
            "uid": uid, "token": token, "new_password1": password, "new_password2": password,
        });
        server.post("password/reset/confirm/", &[], body)
    }))
    .await;
    assert_eq!(count_by_status(&responses), BTreeMap::from([(200, 1), (400, 15)]));
    for (password, response) in passwords.iter().zip(&responses) {
        if response.status == 400 {
            assert_eq!(response.json(), json!({ "token": ["Invalid value"] }));
        }
        assert_eq!(server.log_in("amy", password).await.status, response.status, "{password}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_password_changes_leave_one_password() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let headers = [("authorization", token.as_str())];
    let passwords: Vec<String> = (0..16).map(|n| format!("Violet-Anchor-{n}")).collect();
    let responses = join_all(passwords.iter().map(|password| {
        server.post(
            "password/change/",
            &headers,
            json!({ "new_password1": password, "new_password2": password }),
        )
    }))
    .await;
    assert!(
        responses.iter().all(|response| matches!(response.status, 200 | 400)),
        "{:?}",
        count_by_status(&responses)
    );
    let mut opening = Vec::new();
    for (password, response) in passwords.iter().zip(&responses) {
        if server.log_in("amy", password).await.status == 200 {
            opening.push(response.status);
        }
    }
    assert_eq!(opening, [200]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_wrong_logins_cannot_pass_the_limit_together() {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    server.register("amy", "").await;
    let names: Vec<String> = (0..64).map(|n| spelling("amy", n)).collect();
    let responses = join_all(names.iter().map(|name| server.log_in(name, "wrong"))).await;
    assert_eq!(count_by_status(&responses), BTreeMap::from([(400, 10), (429, 54)]));
}
