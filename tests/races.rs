//! Many at once, one winner: whatever the order, the rules of one account hold.

mod support;

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::{Value, json};
use support::{PASSWORD, TestServer, confirmation_key, reset_link};

const AT_ONCE: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_registrations_of_one_name_in_any_case_one_wins() {
    let server = TestServer::start().await;
    let spellings = ["racer", "Racer", "RACER", "rAcEr"];
    let racing = (0..AT_ONCE).map(|n| {
        let body = json!({ "username": spellings[n % 4], "password1": PASSWORD, "password2": PASSWORD });
        server.post("registration/", &[], body)
    });
    let answers = join_all(racing).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json(), json!({ "username": ["A user with that username already exists."] }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_owners_of_one_address_one_can_verify_it() {
    let server = TestServer::start().await;
    let mut tokens = Vec::new();
    for n in 0..8 {
        tokens.push(server.register(&format!("owner{n}"), "shared@example.com").await);
    }
    let keys: Vec<String> = server.take_mails(8).await.iter().map(confirmation_key).collect();
    let racing = (0..AT_ONCE).map(|n| server.post("registration/verify-email/", &[], json!({ "key": keys[n % 8] })));
    let answers = join_all(racing).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 404)));
    let mut verified = 0;
    for token in &tokens {
        let rows = server.get("emails/", &[("authorization", token)]).await.json();
        verified += rows["results"].as_array().unwrap().iter().filter(|row| row["verified"] == true).count();
    }
    assert_eq!(verified, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_for_a_primary_address_one_stands() {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy0@example.com").await;
    let auth = [("authorization", token.as_str())];
    let user = server.get("user/", &auth).await.json()["pk"].clone();
    let key = confirmation_key(&server.take_mails(1).await[0]);
    server.post("registration/verify-email/", &[], json!({ "key": key })).await;
    let mut rows = vec![server.get("emails/", &auth).await.json()["results"][0]["id"].clone()];
    for n in 1..4 {
        let body = json!({ "email": format!("amy{n}@example.com"), "user": user });
        let row = server.post("emails/", &auth, body).await.json()["id"].clone();
        server.post(&format!("emails/{row}/verify/"), &auth, Value::Null).await;
        let key = confirmation_key(&server.take_mails(1).await[0]);
        assert_eq!(server.post("registration/verify-email/", &[], json!({ "key": key })).await.status, 200);
        rows.push(row);
    }
    let paths: Vec<String> = (0..AT_ONCE).map(|n| format!("emails/{}/primary/", rows[n % 4])).collect();
    let answers = join_all(paths.iter().map(|path| server.post(path, &auth, Value::Null))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let list = server.get("emails/", &auth).await.json();
    let primary: Vec<&Value> = list["results"].as_array().unwrap().iter().filter(|r| r["primary"] == true).collect();
    assert_eq!(primary.len(), 1);
    assert_eq!(server.get("user/", &auth).await.json()["email"], primary[0]["email"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_uses_of_one_reset_link_one_works() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    let (uid, token) = reset_link(&server.take_mails(1).await[0]);
    let passwords: Vec<String> = (0..AT_ONCE).map(|n| format!("Quartz-Zebra-{n}")).collect();
    let answers = join_all(passwords.iter().map(|password| {
        let body = json!({ "uid": uid, "token": token, "new_password1": password, "new_password2": password });
        server.post("password/reset/confirm/", &[], body)
    }))
    .await;
    let mut by_status: BTreeMap<u16, usize> = BTreeMap::new();
    answers.iter().for_each(|answer| *by_status.entry(answer.status).or_default() += 1);
    assert_eq!(by_status, BTreeMap::from([(200, 1), (400, AT_ONCE - 1)]));
    let winner = answers.iter().position(|answer| answer.status == 200).unwrap();
    assert_eq!(server.log_in("amy", &passwords[winner]).await.status, 200);
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_guesses_cannot_pass_the_limit() {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    server.register("amy", "").await;
    let answers = join_all((0..AT_ONCE).map(|_| server.log_in("amy", "wrong"))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 400).count(), 10);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), AT_ONCE - 10);
}
