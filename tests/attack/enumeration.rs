//! Responses do not reveal which accounts exist. benches/src/bin/timing.rs measures their timing.

use serde_json::{Value, json};

use super::{basic, deactivate, pk, take_password};
use test_support::smtp::{Encryption, Sink};
use test_support::{PASSWORD, Response, TestServer};

const NAMES: [&str; 4] = ["known", "inactive", "passwordless", "unknown"];

/// The response as a client sees it, without its random parts.
fn seen(response: &Response) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<(String, String)> = response
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (response.status, headers, String::from_utf8(response.body.clone()).unwrap())
}

/// Creates every kind of account, each with a confirmed or an unconfirmed address.
async fn fill(server: &TestServer) {
    for name in &NAMES[..3] {
        let token = server.register(name, &format!("{name}@example.com")).await;
        let id = pk(server, &token).await;
        match *name {
            "inactive" => deactivate(server, id).await,
            "passwordless" => take_password(server, id).await,
            _ => {}
        }
    }
}

async fn assert_alike(server: &TestServer) {
    let email = |name: &str| json!({ "email": format!("{name}@example.com") });
    type Asks<'a> = (&'a str, Box<dyn Fn(&str) -> Value + 'a>);
    let asks: [Asks<'_>; 4] = [
        ("login/", Box::new(|name| json!({ "username": name, "password": "wrong" }))),
        ("password/reset/", Box::new(email)),
        ("registration/resend-email/", Box::new(email)),
        // A login by address alone always fails.
        (
            "login/",
            Box::new(
                |name| json!({ "email": format!("{name}@example.com"), "password": PASSWORD }),
            ),
        ),
    ];
    for (path, body) in asks {
        let mut responses = Vec::new();
        for name in NAMES {
            responses.push(seen(&server.post(path, &[], body(name)).await));
        }
        for (name, response) in NAMES.iter().zip(&responses) {
            assert_eq!(response, &responses[3], "{path} {name}");
        }
    }
    let mut responses = Vec::new();
    for name in NAMES {
        responses
            .push(seen(&server.get("user/", &[("authorization", &basic(name, "wrong"))]).await));
    }
    for (name, response) in NAMES.iter().zip(&responses) {
        assert_eq!(response, &responses[3], "Basic {name}");
    }
}

#[tokio::test]
async fn responses_are_the_same_for_every_kind_of_account() {
    let server = TestServer::start().await;
    fill(&server).await;
    assert_alike(&server).await;
}

#[tokio::test]
async fn responses_are_the_same_for_every_kind_of_account_with_smtp_down() {
    let sink = Sink::reserve(Encryption::None, None);
    let server = TestServer::with_transport(&[], Some(sink.transport())).await;
    fill(&server).await;
    assert_alike(&server).await;
    assert!(sink.delivered().is_empty());
}

/// The right password of a deactivated account reveals no more than a wrong one.
#[tokio::test]
async fn deactivated_account_is_indistinguishable_from_a_wrong_password() {
    let server = TestServer::start().await;
    fill(&server).await;
    let right = server.log_in("inactive", PASSWORD).await;
    assert_eq!(seen(&right), seen(&server.log_in("unknown", PASSWORD).await));
    let right = server.get("user/", &[("authorization", &basic("inactive", PASSWORD))]).await;
    let unknown = server.get("user/", &[("authorization", &basic("unknown", PASSWORD))]).await;
    assert_eq!(seen(&right), seen(&unknown));
}
