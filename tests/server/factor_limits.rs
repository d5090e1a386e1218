//! Second factors under attack: by strangers who fill limits, and by holders of the password alone.

use chrono::Duration;
use serde_json::json;
use test_support::{PASSWORD, TestServer};

use crate::second_factor::{Browser, amy, now};

const BEHIND_A_PROXY: [(&str, &str); 3] =
    [("RATE_LIMITS", "on"), ("USE_X_FORWARDED_FOR", "true"), ("TRUSTED_PROXIES", "127.0.0.0/8")];

/// Posts to the pages from this address.
async fn post_from(
    browser: &mut Browser<'_>,
    address: &str,
    path: &str,
    body: serde_json::Value,
) -> u16 {
    let url = format!("{}/platform/api/{path}", browser.server.base);
    let request = browser.server.http.post(url).header("X-Forwarded-For", address).json(&body);
    browser.send(request).await.status
}

/// Names that nobody has must not share a bucket with the codes of an account.
#[tokio::test]
async fn strangers_cannot_use_up_the_codes_of_an_account() {
    let server = TestServer::with(&BEHIND_A_PROXY).await;
    let (secret, _) = amy(&server).await.add_device().await;
    for name in ["code 1", "codes 1", "1", "factor 1"] {
        for n in 0..30 {
            let address = format!("203.0.113.{}", n / 8);
            let body = json!({ "username": name, "password": "wrong" });
            let headers = [("x-forwarded-for", address.as_str())];
            assert_eq!(server.post("login/", &headers, body).await.status, 400);
        }
    }
    let mut owner = Browser::new(&server);
    let password = json!({ "username": "amy", "password": PASSWORD });
    assert_eq!(post_from(&mut owner, "192.0.2.7", "login/", password).await, 200);
    let code = json!({ "code": now(&server, &secret) });
    assert_eq!(post_from(&mut owner, "192.0.2.7", "second-factor/", code).await, 200);
}

/// A thief of the password signs in from many browsers before its owner sets up a second factor.
#[tokio::test]
async fn many_known_browsers_share_a_limit_of_codes() {
    let server = TestServer::with(&BEHIND_A_PROXY).await;
    let mut owner = amy(&server).await;
    let password = json!({ "username": "amy", "password": PASSWORD });
    let mut browsers = Vec::new();
    for n in 0..12 {
        let mut browser = Browser::new(&server);
        let address = format!("203.0.113.{n}");
        assert_eq!(post_from(&mut browser, &address, "login/", password.clone()).await, 200);
        browsers.push((address, browser));
    }
    let (secret, _) = owner.add_device().await;
    let mut tried = 0;
    for (address, browser) in &mut browsers {
        post_from(browser, address, "login/", password.clone()).await;
        for _ in 0..20 {
            let body = json!({ "code": "no code at all" });
            let status = post_from(browser, address, "second-factor/", body).await;
            tried += usize::from(status == 400);
        }
    }
    // Twenty of unknown browsers, and thirty of known ones.
    assert_eq!(tried, 50);
    server.clock.advance(Duration::minutes(2));
    owner.password().await;
    assert_eq!(owner.code(&now(&server, &secret)).await.status, 200, "one each two minutes");
}

/// Sessions of the password alone end when the account gets a second factor.
#[tokio::test]
async fn first_factor_ends_other_sessions() {
    for settings in [&[("LOGIN_ENFORCE_MFA", "true")][..], &[]] {
        let server = TestServer::start().await;
        server.register("amy", "amy@example.com").await;
        let server = TestServer::at_with(&server.database, settings).await;
        let (mut owner, mut thief) = (Browser::new(&server), Browser::new(&server));
        thief.password().await;
        owner.password().await;
        let (secret, _) = owner.add_device().await;
        assert_eq!((owner.user().await, thief.user().await), (200, 401), "{settings:?}");
        // Further factors end none: each session has proved the first one.
        let mut second = Browser::new(&server);
        second.password().await;
        assert_eq!(second.code(&now(&server, &secret)).await.status, 200);
        owner.add_device().await;
        assert_eq!((owner.user().await, second.user().await), (200, 200), "{settings:?}");
    }
}
