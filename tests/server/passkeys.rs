//! Passkeys: adding one, signing in with it beside the password and alone, and responses of which
//! each field is spoilt in turn.

use chrono::Duration;
use serde_json::{Value, json};
use test_support::authenticator::Authenticator;
use test_support::{Response, TestServer};

use super::second_factor::{Browser, amy, events};

const SITE: &str = "http://auth.example.com";

/// Adds a passkey in a signed-in browser; the response to the last request.
async fn try_to_add(browser: &mut Browser<'_>, authenticator: &mut Authenticator) -> Response {
    let options = browser.post("factors/passkeys/", json!({})).await;
    assert_eq!(options.status, 200, "{options:?}");
    let body = authenticator.create(&options.json(), "laptop");
    browser.post("factors/passkeys/confirm/", body).await
}

async fn add(browser: &mut Browser<'_>) -> (Authenticator, Vec<String>) {
    let mut authenticator = Authenticator::new(SITE);
    let added = try_to_add(browser, &mut authenticator).await;
    assert_eq!(added.status, 200, "{added:?}");
    let codes = added.json()["recovery_codes"].as_array().unwrap().clone();
    (authenticator, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

/// The response to a challenge for anyone.
async fn assertion(browser: &mut Browser<'_>, authenticator: &mut Authenticator) -> Value {
    let options = browser.get("passkey/").await.json();
    authenticator.get(&options)
}

/// Rows that a refused response must leave alone: sessions, used challenges and the passkey itself.
fn rows(server: &TestServer) -> [i64; 4] {
    [
        "SELECT COUNT(*) FROM sessions",
        "SELECT COUNT(*) FROM used_tickets",
        "SELECT COALESCE(MAX(sign_count), -1) FROM passkeys",
        "SELECT COUNT(*) FROM passkeys",
    ]
    .map(|sql| server.database.number(sql))
}

/// The details of refused second factors, in order.
async fn refusals(server: &TestServer) -> Vec<String> {
    let all = events(server).await.into_iter();
    let mut failed: Vec<_> =
        all.filter(|(event, _)| event == "second_factor_failed").map(|(_, d)| d).collect();
    failed.sort();
    failed
}

#[tokio::test]
async fn passkey_alone_signs_its_owner_in() {
    let server = TestServer::start().await;
    let mut setup = amy(&server).await;
    let (mut authenticator, codes) = add(&mut setup).await;
    assert_eq!(codes.len(), 10, "the first factor comes with recovery codes");
    server.clock.advance(Duration::seconds(60));
    let mut browser = Browser::new(&server);
    let body = assertion(&mut browser, &mut authenticator).await;
    assert_eq!(browser.post("passkey/", body).await.status, 200);
    assert_eq!(browser.user().await, 200);
    let listed = browser.get("factors/").await.json();
    assert_eq!(listed["passkeys"][0]["name"], "laptop");
    assert!(listed["passkeys"][0]["last_used"].is_string(), "{listed}");
    assert_eq!(listed["factors"], json!([]));
    assert!(events(&server).await.contains(&("login".to_owned(), "passkey".to_owned())));
}

#[tokio::test]
async fn passkey_is_the_second_step_after_the_password() {
    let server = TestServer::start().await;
    let mut setup = amy(&server).await;
    let (mut authenticator, codes) = add(&mut setup).await;
    assert_eq!(server.log_in("amy", test_support::PASSWORD).await.status, 403);
    let mut browser = Browser::new(&server);
    assert_eq!(browser.password().await.json(), json!({ "second_factor": true }));
    let step = browser.get("second-factor/").await.json();
    assert_eq!(
        (&step["device"], step["passkey"]["credentials"].as_array().unwrap().len()),
        (&json!(false), 1)
    );
    let body = authenticator.get(&step["passkey"]);
    assert_eq!(browser.post("second-factor/", body).await.status, 200);
    assert_eq!(browser.user().await, 200);
    // The passkey is lost.
    let mut other = Browser::new(&server);
    other.password().await;
    assert_eq!(other.code(&codes[0]).await.status, 200);
}

#[tokio::test]
async fn passkey_reauthenticates() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    let (mut authenticator, _) = add(&mut browser).await;
    server.clock.advance(Duration::minutes(11));
    assert_eq!(browser.post("recovery-codes/", json!({})).await.status, 403);
    let state = browser.get("reauthenticate/").await.json();
    let body = authenticator.get(&state["passkey"]);
    assert_eq!(browser.post("reauthenticate/", body.clone()).await.status, 200);
    assert_eq!(browser.post("recovery-codes/", json!({})).await.status, 200);
    assert_eq!(browser.post("reauthenticate/", body).await.status, 400, "once");
}

#[tokio::test]
async fn account_has_several_passkeys_and_removes_one() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    let (mut first, _) = add(&mut browser).await;
    let (mut second, codes) = add(&mut browser).await;
    assert!(codes.is_empty(), "later factors come without recovery codes");
    assert_eq!(browser.post("factors/passkeys/1/remove/", json!({})).await.status, 200);
    let mut other = Browser::new(&server);
    let body = assertion(&mut other, &mut first).await;
    assert_eq!(other.post("passkey/", body).await.status, 400);
    let body = assertion(&mut other, &mut second).await;
    assert_eq!(other.post("passkey/", body).await.status, 200);
    assert_eq!(browser.post("factors/passkeys/2/remove/", json!({})).await.status, 200);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM recovery_codes"), 0);
    assert_eq!(server.log_in("amy", test_support::PASSWORD).await.status, 200);
    // Neither can another account remove one.
    server.register("bob", "").await;
    let (_, _) = add(&mut browser).await;
    let mut bob = Browser::new(&server);
    bob.post("login/", json!({ "username": "bob", "password": test_support::PASSWORD })).await;
    assert_eq!(bob.post("factors/passkeys/3/remove/", json!({})).await.status, 404);
}

#[tokio::test]
async fn invalid_passkey_registrations_are_refused_and_logged_once() {
    let server = TestServer::start().await;
    let mut browser = amy(&server).await;
    let before = rows(&server);
    type Spoil = fn(&mut Authenticator);
    let spoils: [(&str, Spoil); 8] = [
        ("type", |a| a.kind = Some("webauthn.get".to_owned())),
        ("challenge", |a| a.challenge = Some("A".repeat(43))),
        ("origin", |a| a.origin = "https://auth.example.com".to_owned()),
        ("origin", |a| a.cross_origin = true),
        ("RP id", |a| a.rp_id = Some("example.com".to_owned())),
        ("user not present", |a| a.flags = 0x04),
        ("user not verified", |a| a.flags = 0x01),
        ("malformed", |a| a.flags = 0x15),
    ];
    let mut expected = Vec::new();
    for (why, spoil) in spoils {
        let mut authenticator = Authenticator::new(SITE);
        spoil(&mut authenticator);
        assert_eq!(try_to_add(&mut browser, &mut authenticator).await.status, 400, "{why}");
        expected.push(format!("new passkey, {why}"));
    }
    let options = browser.post("factors/passkeys/", json!({})).await.json();
    for (field, value, why) in [
        ("id", "AAAA", "credential"),
        ("authenticator_data", "AAAA", "malformed"),
        ("client_data", "!", "malformed"),
        ("state", "AAAA", "challenge"),
    ] {
        let mut body = Authenticator::new(SITE).create(&options, "");
        body[field] = json!(value);
        assert_eq!(browser.post("factors/passkeys/confirm/", body).await.status, 400, "{field}");
        expected.push(format!("new passkey, {why}"));
    }
    server.clock.advance(Duration::seconds(301));
    let late = Authenticator::new(SITE).create(&options, "");
    assert_eq!(browser.post("factors/passkeys/confirm/", late).await.status, 400);
    expected.push("new passkey, challenge".to_owned());
    assert_eq!(rows(&server), before);
    assert_counted(&server, expected).await;
}

/// Each refusal is in the audit trail, repeats within a minute counted on one row.
async fn assert_counted(server: &TestServer, mut expected: Vec<String>) {
    let total = expected.len();
    expected.sort();
    expected.dedup();
    let mut seen = refusals(server).await;
    seen.dedup();
    assert_eq!(seen, expected);
    let counted = server.database.number(
        "SELECT CAST(SUM(count) AS INTEGER) FROM audit WHERE event = 'second_factor_failed'",
    );
    assert_eq!(usize::try_from(counted).unwrap(), total);
}

#[tokio::test]
async fn invalid_passkey_responses_are_refused_and_logged_once() {
    let server = TestServer::start().await;
    let mut setup = amy(&server).await;
    let (mut authenticator, _) = add(&mut setup).await;
    let mut browser = Browser::new(&server);
    let body = assertion(&mut browser, &mut authenticator).await;
    assert_eq!(browser.post("passkey/", body).await.status, 200);
    let before = rows(&server);
    type Spoil = fn(&mut Authenticator);
    let spoils: [(&str, Spoil); 10] = [
        ("type", |a| a.kind = Some("webauthn.create".to_owned())),
        ("challenge", |a| a.challenge = Some("A".repeat(43))),
        ("challenge", |a| a.challenge = Some(String::new())),
        ("origin", |a| a.origin = "http://auth.example.com:8001".to_owned()),
        ("origin", |a| a.cross_origin = true),
        ("RP id", |a| a.rp_id = Some("example.com".to_owned())),
        ("user not present", |a| a.flags = 0x04),
        ("user not verified", |a| a.flags = 0x01),
        ("sign counter", |a| a.counter = 2),
        ("sign counter", |a| a.counter = 0),
    ];
    let mut expected = Vec::new();
    for (why, spoil) in spoils {
        let good = authenticator.counter;
        spoil(&mut authenticator);
        let mut browser = Browser::new(&server);
        let body = assertion(&mut browser, &mut authenticator).await;
        let refused = browser.post("passkey/", body).await;
        assert_eq!(refused.status, 400, "{why}: {refused:?}");
        assert!(refused.cookie("sessionid").is_none());
        expected.push(format!("passkey, {why}"));
        (authenticator.kind, authenticator.challenge, authenticator.rp_id) = (None, None, None);
        (authenticator.flags, authenticator.cross_origin) = (0x05, false);
        (authenticator.origin, authenticator.counter) = (SITE.to_owned(), good);
        server.clock.advance(Duration::minutes(5));
    }
    let mut stranger = Authenticator::new(SITE);
    for (field, value, why) in [
        ("signature", "AAAA".to_owned(), "signature"),
        ("user_handle", "AAAA".to_owned(), "user handle"),
        ("user_handle", String::new(), "user handle"),
        ("state", "AAAA".to_owned(), "challenge"),
        ("id", "AAAA".to_owned(), "credential"),
        ("authenticator_data", "AAAA".to_owned(), "malformed"),
        ("client_data", "e30".to_owned(), "malformed"),
        // Signed by another key.
        ("", String::new(), "signature"),
    ] {
        let mut browser = Browser::new(&server);
        let mut body = assertion(&mut browser, &mut authenticator).await;
        match field {
            "" => {
                let forged = assertion(&mut browser, &mut stranger).await;
                for taken in ["state", "client_data", "authenticator_data", "signature"] {
                    body[taken] = forged[taken].clone();
                }
            }
            field => body[field] = json!(value),
        }
        assert_eq!(browser.post("passkey/", body).await.status, 400, "{field}");
        expected.push(format!("passkey, {why}"));
        server.clock.advance(Duration::minutes(5));
    }
    assert_eq!(rows(&server), before);
    assert_counted(&server, expected).await;
}

#[tokio::test]
async fn challenge_is_for_one_purpose_and_account_and_five_minutes() {
    let server = TestServer::start().await;
    let mut setup = amy(&server).await;
    let (mut authenticator, _) = add(&mut setup).await;
    let mut browser = Browser::new(&server);
    let mut body = assertion(&mut browser, &mut authenticator).await;
    // A challenge for anyone is none for the second step, and the other way round.
    browser.password().await;
    assert_eq!(browser.post("second-factor/", body.clone()).await.status, 400);
    let step = browser.get("second-factor/").await.json();
    let second = authenticator.get(&step["passkey"]);
    assert_eq!(browser.post("passkey/", second).await.status, 400);
    server.clock.advance(Duration::seconds(301));
    assert_eq!(browser.post("passkey/", body.take()).await.status, 400, "after five minutes");
    // The clock went back: a used challenge stays used.
    let body = assertion(&mut browser, &mut authenticator).await;
    assert_eq!(browser.post("passkey/", body.clone()).await.status, 200);
    server.clock.advance(Duration::seconds(-60));
    assert_eq!(browser.post("passkey/", body).await.status, 400, "used before");
}

#[tokio::test(flavor = "multi_thread")]
async fn response_sent_many_times_at_once_and_to_two_servers_signs_in_once() {
    let server = TestServer::start().await;
    let second = TestServer::at(&server.database).await;
    let mut setup = amy(&server).await;
    let mut authenticator = Authenticator::new(SITE);
    // Without a counter the challenge alone is what is used up.
    authenticator.counter = 0;
    assert_eq!(try_to_add(&mut setup, &mut authenticator).await.status, 200);
    let mut browser = Browser::new(&server);
    let body = assertion(&mut browser, &mut authenticator).await;
    let before = server.database.number("SELECT COUNT(*) FROM sessions");
    let tries = (0..16).map(|n| {
        let (browser, body) = (browser.clone(), body.clone());
        let server = if n % 2 == 0 { &server } else { &second };
        async move { Browser { server, ..browser }.post("passkey/", body).await.status }
    });
    let statuses = futures::future::join_all(tries).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions"), before + 1);
}

#[tokio::test]
async fn enforcement_is_met_by_a_passkey() {
    let server = TestServer::with(&[("LOGIN_ENFORCE_MFA", "true")]).await;
    let mut browser = Browser::new(&server);
    let password = test_support::PASSWORD;
    let body = json!({ "username": "amy", "password1": password, "password2": password });
    assert_eq!(browser.post("register/", body).await.status, 201);
    assert_eq!(browser.user().await, 403);
    let (_, _) = add(&mut browser).await;
    assert_eq!(browser.user().await, 200);
    assert_eq!(
        browser.post("factors/passkeys/1/remove/", json!({})).await.status,
        400,
        "the last one stays"
    );
}

#[tokio::test]
async fn site_without_a_domain_name_offers_no_passkeys() {
    let server = TestServer::with(&[("SITE_URL", "http://127.0.0.1:8000")]).await;
    let mut browser = amy(&server).await;
    assert_eq!(browser.get("passkey/").await.json(), json!({}));
    let refused = browser.post("factors/passkeys/", json!({})).await;
    assert_eq!(refused.status, 400);
    assert!(refused.json().to_string().contains("domain name"), "{refused:?}");
}

#[tokio::test]
async fn remembered_browser_asks_again_after_a_new_passkey() {
    let server = TestServer::with(&[("LOGIN_MFA_REMEMBER", "true")]).await;
    let mut browser = amy(&server).await;
    let (mut authenticator, _) = add(&mut browser).await;
    browser.password().await;
    let step = browser.get("second-factor/").await.json();
    let mut body = authenticator.get(&step["passkey"]);
    body["remember"] = json!("yes");
    assert_eq!(browser.post("second-factor/", body).await.status, 200);
    assert_eq!(browser.password().await.json(), json!({}));
    let (_, _) = add(&mut browser).await;
    assert_eq!(browser.password().await.json(), json!({ "second_factor": true }));
}

#[tokio::test]
async fn second_factor_challenge_redirects_browsers_and_returns_json_to_programs() {
    let server = TestServer::start().await;
    let mut setup = amy(&server).await;
    let (_, codes) = add(&mut setup).await;
    let body = json!({ "username": "amy", "password": test_support::PASSWORD, "mfa": true });
    let post = |accept: &'static str, origin: &'static str| {
        let request = server.http.post(format!("{}/api/auth/login/", server.base));
        let request = request.header("Content-Type", "application/json").header("Accept", accept);
        request.header("Origin", origin).body(body.to_string())
    };
    let mut browser = Browser::new(&server);
    let sent = browser.send(post("text/html,*/*;q=0.8", SITE)).await;
    assert_eq!((sent.status, sent.header("location")), (302, "/accounts/authenticate/"));
    assert!(sent.cookie("sessionid").is_none());
    let page = server.http.get(format!("{}/accounts/authenticate/", server.base));
    assert_eq!(server.run(page).await.header("location"), "/platform/second-factor");
    assert_eq!(browser.code(&codes[0]).await.status, 200);
    assert_eq!(browser.user().await, 200);
    let program = server.run(post("application/json", SITE)).await;
    assert_eq!(
        (program.status, program.json()),
        (403, json!({ "detail": "MFA required for this user" }))
    );
    // A form on another site starts no sign-in (login CSRF).
    let foreign = server.run(post("text/html,*/*;q=0.8", "https://evil.example.net")).await;
    assert_eq!((foreign.status, foreign.cookie("second_factor")), (403, None));
}
