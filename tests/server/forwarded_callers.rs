//! Forward authentication: which accounts, tokens and passwords pass, what their names are sent on
//! as, and whom wrong passwords hold up.

use chrono::Duration;
use inventree_auth::domain::{administration, groups};
use reqwest::Method;
use serde_json::json;
use test_support::{PASSWORD, TestServer};

use crate::forward_auth::{ask, has_no_identity, operator, remote, server};
use crate::protocol::{Session, basic};
use crate::second_factor;

/// The status for a GET with this `Authorization`.
async fn status(server: &TestServer, authorization: &str) -> u16 {
    let response = ask(server, "GET", "/", &[("authorization", authorization)]).await;
    if response.status != 200 {
        has_no_identity(&response);
    }
    response.status
}

async fn register(server: &TestServer, username: &str, password: &str) -> String {
    let body = json!({ "username": username, "password1": password, "password2": password });
    let response = server.post("registration/", &[], body).await;
    assert_eq!(response.status, 201, "{response:?}");
    format!("Token {}", response.json()["key"].as_str().unwrap())
}

#[tokio::test]
async fn forward_auth_refuses_deactivated_and_deleted_accounts() {
    let server = server(&[]).await;
    for is_deleted in [false, true] {
        let session = Session::open(&server).await;
        let cookies = session.cookies();
        let key = server.log_in("amy", PASSWORD).await.json()["key"].as_str().unwrap().to_owned();
        let token = format!("Token {key}");
        assert_eq!(status(&server, &token).await, 200);
        let op = operator(&server);
        let id = administration::find(&op, "amy").await.unwrap().id;
        if is_deleted {
            administration::delete(&op, id).await.unwrap();
        } else {
            administration::deactivate(&op, id).await.unwrap();
        }
        assert_eq!(status(&server, &token).await, 401);
        assert_eq!(status(&server, &basic("amy", PASSWORD)).await, 401);
        let response = ask(&server, "GET", "/", &[("cookie", &cookies)]).await;
        assert_eq!(response.status, 401, "{response:?}");
        has_no_identity(&response);
        if !is_deleted {
            administration::delete(&op, id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn forward_auth_refuses_expired_tokens_and_sessions() {
    let server = server(&[]).await;
    let session = Session::open(&server).await;
    let cookies = session.cookies();
    let token = register(&server, "bob", PASSWORD).await;
    server.clock.advance(Duration::days(15));
    assert_eq!(ask(&server, "GET", "/", &[("cookie", &cookies)]).await.status, 401);
    assert_eq!(status(&server, &token).await, 200);
    server.clock.advance(Duration::days(400));
    assert_eq!(status(&server, &token).await, 401);
}

#[tokio::test]
async fn account_with_a_second_factor_passes_by_session_and_token_and_not_by_password() {
    let server = server(&[]).await;
    let mut browser = second_factor::amy(&server).await;
    let key = server.log_in("amy", PASSWORD).await.json()["key"].as_str().unwrap().to_owned();
    let (secret, _) = browser.add_device().await;
    assert_eq!(status(&server, &format!("Token {key}")).await, 200);
    assert_eq!(status(&server, &basic("amy", PASSWORD)).await, 403);
    // Between the two steps nothing is signed in.
    let mut other = second_factor::Browser::new(&server);
    other.password().await;
    for expected in [401, 200] {
        let pairs = other.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = pairs.collect::<Vec<_>>().join("; ");
        let response = ask(&server, "GET", "/", &[("cookie", &cookies)]).await;
        assert_eq!(response.status, expected);
        other.code(&second_factor::now(&server, &secret)).await;
    }
}

#[tokio::test]
async fn basic_password_is_not_trimmed() {
    let server = server(&[]).await;
    const COLONS: &str = ":Zebra:Quartz:77: ";
    const COMPOSED: &str = "Z\u{e9}bra-Quartz-77";
    register(&server, "amy", COLONS).await;
    register(&server, "bob", COMPOSED).await;
    for (name, password, expected) in [
        ("amy", COLONS, 200),
        ("amy", COLONS.trim(), 401),
        ("amy", "", 401),
        ("", "", 401),
        ("bob", COMPOSED, 200),
        ("bob", "Ze\u{301}bra-Quartz-77", 200),
        ("bob", "Zebra-Quartz-77", 401),
    ] {
        assert_eq!(status(&server, &basic(name, password)).await, expected, "{name} {password:?}");
    }
    for broken in ["Basic", "Basic !!!", "Basic YW15", "Basic a b"] {
        assert_eq!(status(&server, broken).await, 401, "{broken}");
    }
}

#[tokio::test]
async fn names_are_forwarded_as_stored_and_percent_encoded() {
    let server = server(&[]).await;
    register(&server, "amy", PASSWORD).await;
    register(&server, "\u{c4}nne", PASSWORD).await;
    let op = operator(&server);
    let id = administration::find(&op, "\u{c4}nne").await.unwrap().id;
    for group in ["Lager, S\u{fc}d", "100 %"] {
        groups::add(&op, group).await.unwrap();
        groups::change(&op, id, vec![group.to_owned()], Vec::new()).await.unwrap();
    }
    for (typed, expected) in
        [("AMY", ["amy", ""]), ("\u{c4}nne", ["%C3%84nne", "100 %25,Lager%2C S%C3%BCd"])]
    {
        let response =
            ask(&server, "GET", "/", &[("authorization", &basic(typed, PASSWORD))]).await;
        let [user, _, _, groups] = remote(&response);
        assert_eq!([user, groups], expected);
    }
}

#[tokio::test]
async fn wrong_passwords_throttle_only_the_client_behind_the_proxy() {
    let server = server(&[("RATE_LIMITS", "on")]).await;
    register(&server, "amy", PASSWORD).await;
    // A client writes the entries before the last itself.
    let guess = async |client: &str, password: &str| {
        let credential = basic("amy", password);
        let sent = [("x-forwarded-for", client), ("authorization", credential.as_str())];
        ask(&server, "GET", "/", &sent).await.status
    };
    for n in 0..10 {
        assert_eq!(guess(&format!("192.0.2.{n}, 203.0.113.9"), "wrong").await, 401);
    }
    assert_eq!(guess("203.0.113.9", PASSWORD).await, 429);
    assert_eq!(guess("192.0.2.1, 203.0.113.9", PASSWORD).await, 429);
    assert_eq!(guess("203.0.113.10", PASSWORD).await, 200);
    // nginx takes any other refusal for a failure of the server.
    let passed = [
        ("x-forwarded-host", "auth.example.com"),
        ("x-forwarded-method", "GET"),
        ("x-forwarded-uri", "/"),
        ("x-forwarded-for", "203.0.113.9"),
        ("authorization", &basic("amy", PASSWORD)),
    ];
    let nginx = crate::forward_auth::at(&server, Method::GET, "/platform/auth/nginx/", &passed);
    assert_eq!(nginx.await.status, 403);
}

#[tokio::test]
async fn forward_auth_responses_are_not_cacheable() {
    let server = server(&[("FORWARD_AUTH_OPEN_PATHS", "/static/*")]).await;
    let token = register(&server, "amy", PASSWORD).await;
    let page = ("accept", "text/html");
    for (uri, headers, expected) in [
        ("/static/a.css", vec![], 200),
        ("/", vec![("authorization", token.as_str())], 200),
        ("/", vec![], 401),
        ("/", vec![page], 302),
        ("/", vec![("x-original-uri", "/static/")], 403),
    ] {
        let response = ask(&server, "GET", uri, &headers).await;
        assert_eq!(response.status, expected);
        assert_eq!(response.header("cache-control"), "no-store", "{uri} {headers:?}");
        assert!(!response.headers.contains_key("set-cookie"), "{response:?}");
    }
}
