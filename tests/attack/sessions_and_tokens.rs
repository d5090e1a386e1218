//! Sessions and tokens, and their traces on disk.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{deactivate, pk};
use test_support::{PASSWORD, Response, TestServer, confirmation_key, reset_link};

const NEW: &str = "Violet-Anchor-58";

fn cookie(response: &Response) -> String {
    format!(
        "sessionid={}; csrftoken={}",
        response.cookie_value("sessionid"),
        response.cookie_value("csrftoken")
    )
}

fn token(response: &Response) -> String {
    format!("Token {}", response.json()["key"].as_str().unwrap())
}

async fn status(server: &TestServer, header: (&str, &str)) -> u16 {
    server.get("user/", &[header]).await.status
}

/// A new process on the same database.
async fn restarted(server: &mut TestServer) -> TestServer {
    server.stop().await;
    TestServer::at(&server.database).await
}

#[tokio::test]
async fn every_key_has_128_random_bits() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let response = server.log_in("amy", PASSWORD).await;
        let key = response.json()["key"].as_str().unwrap().to_owned();
        let random = key.strip_prefix("inv-").unwrap().split('-').next().unwrap().to_owned();
        assert!(
            random.len() == 40 && random.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
            "160 bits"
        );
        for name in ["sessionid", "csrftoken"] {
            let value = response.cookie_value(name);
            assert!(
                value.len() == 32 && value.bytes().all(|b| b.is_ascii_alphanumeric()),
                "32 of 62 letters, 190 bits"
            );
            assert!(seen.insert(value));
        }
        assert!(seen.insert(random));
    }
    // A letter that never varies would reveal a position that is not random.
    for length in [32, 40] {
        let keys: Vec<&String> = seen.iter().filter(|key| key.len() == length).collect();
        for position in 0..length {
            let letters: BTreeSet<u8> = keys.iter().map(|key| key.as_bytes()[position]).collect();
            assert!(letters.len() > 8, "position {position} of {length}");
        }
    }
}

/// Session fixation: a login never keeps a session that the browser brought.
#[tokio::test]
async fn session_fixation_is_prevented_at_login() {
    let server = TestServer::start().await;
    server.register("mallory", "").await;
    server.register("amy", "").await;
    let plant = || async {
        let planted = server.log_in("mallory", PASSWORD).await;
        (planted.cookie_value("sessionid"), cookie(&planted))
    };
    let (planted_id, planted) = plant().await;
    let name = |response: Response| response.json()["username"].as_str().unwrap().to_owned();

    let body = json!({ "username": "amy", "password": PASSWORD });
    let response = server.post("login/", &[("cookie", &planted)], body).await;
    assert_eq!(response.status, 200);
    assert_ne!(response.cookie_value("sessionid"), planted_id);
    assert_eq!(name(server.get("user/", &[("cookie", &cookie(&response))]).await), "amy");
    assert_eq!(server.get("user/", &[("cookie", &planted)]).await.status, 401);

    let (planted_id, planted) = plant().await;
    // Registration requires the CSRF token of a session, like any other POST.
    let csrf = planted.split_once("csrftoken=").unwrap().1.to_owned();
    let body = json!({ "username": "bob", "password1": PASSWORD, "password2": PASSWORD });
    let response =
        server.post("registration/", &[("cookie", &planted), ("x-csrftoken", &csrf)], body).await;
    assert_eq!(response.status, 201, "{response:?}");
    assert_ne!(response.cookie_value("sessionid"), planted_id);
    assert_eq!(server.get("user/", &[("cookie", &planted)]).await.status, 401);

    // A new password gets a new session id, and the old one is invalid.
    let (planted_id, planted) = plant().await;
    let csrf = planted.split_once("csrftoken=").unwrap().1.to_owned();
    let body = json!({ "new_password1": NEW, "new_password2": NEW });
    let response = server
        .post("password/change/", &[("cookie", &planted), ("x-csrftoken", &csrf)], body)
        .await;
    assert_eq!(response.status, 200);
    assert!(!["", planted_id.as_str()].contains(&response.cookie_value("sessionid").as_str()));
    assert_eq!(status(&server, ("cookie", &planted)).await, 401);
}

#[tokio::test]
async fn database_dump_contains_no_usable_credential() {
    let mut server = TestServer::start().await;
    let registered = server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    let login = server.log_in("amy", PASSWORD).await;
    let body = json!({ "new_password1": NEW, "new_password2": NEW });
    let headers = [("cookie", cookie(&login)), ("x-csrftoken", login.cookie_value("csrftoken"))];
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let cycled = server.post("password/change/", &headers, body).await.cookie_value("sessionid");
    server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    let (_, reset) = reset_link(&server.take_mails(1).await[0]);
    let plain = |token: &str| token.trim_start_matches("Token ").to_owned();
    let hex = |token: &str| plain(token).split('-').nth(1).unwrap().to_owned();
    let raw = |hex: &str| -> Vec<u8> {
        (0..hex.len() / 2)
            .map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap())
            .collect()
    };
    let (first, second) = (registered, token(&login));
    let mut secrets: Vec<(&str, Vec<u8>)> = Vec::new();
    for (what, text) in [
        ("password", PASSWORD.to_owned()),
        ("new password", NEW.to_owned()),
        ("token", hex(&first)),
        ("token", hex(&second)),
        ("session", login.cookie_value("sessionid")),
        ("cycled session", cycled.clone()),
        ("CSRF token", login.cookie_value("csrftoken")),
        ("confirmation key", key.clone()),
        ("its signature", key.rsplit(':').next().unwrap().to_owned()),
        ("reset token", reset.clone()),
        ("its signature", reset.split('-').nth(1).unwrap().to_owned()),
        ("link", "/platform/set-password".to_owned()),
        ("link", "/accounts/confirm-email".to_owned()),
    ] {
        assert!(text.len() >= 8, "{what} is too short to be looked for: {text}");
        secrets.push((what, text.into_bytes()));
    }
    secrets.push(("bytes of a token", raw(&hex(&first))));
    secrets.push(("bytes of a signature", raw(reset.split('-').nth(1).unwrap())));

    let running = server.database.bytes();
    let digests: Vec<[u8; 32]> = {
        let store = &server.app().store;
        let tokens = store.read(|r| r.token_list(1)).await.unwrap();
        assert_eq!(tokens.len(), 0, "a change in a session ends every token");
        [cycled.as_str()].map(inventree_auth::domain::keys::digest).to_vec()
    };
    server.stop().await;
    let stopped = server.database.bytes();
    let holds = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    for bytes in [&running, &stopped] {
        assert!(holds(bytes, b"amy@example.com"), "these are not the bytes that matter");
        for (what, secret) in &secrets {
            assert!(!holds(bytes, secret), "{what} lies open");
        }
    }
    // The stored digest is no credential.
    let server = restarted_from(&server).await;
    for digest in digests {
        assert!(holds(&stopped, &digest));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(status(&server, ("cookie", &format!("sessionid={hex}"))).await, 401);
        assert_eq!(status(&server, ("authorization", &format!("Token {hex}"))).await, 401);
    }
    assert_eq!(status(&server, ("cookie", &format!("sessionid={cycled}"))).await, 200);
}

async fn restarted_from(stopped: &TestServer) -> TestServer {
    TestServer::at(&stopped.database).await
}

#[tokio::test]
async fn revocations_and_live_credentials_survive_a_restart() {
    let mut first = TestServer::start().await;
    let registered = first.register("amy", "").await;
    let [kept, logged_out] =
        [first.log_in("amy", PASSWORD).await, first.log_in("amy", PASSWORD).await];
    let csrf = logged_out.cookie_value("csrftoken");
    let ended = [("cookie", cookie(&logged_out)), ("authorization", token(&logged_out))];
    let alive =
        [("cookie", cookie(&kept)), ("authorization", token(&kept)), ("authorization", registered)];
    let response = first
        .post("logout/", &[("cookie", &ended[0].1), ("x-csrftoken", &csrf)], Value::Null)
        .await;
    assert_eq!(response.status, 200);
    assert_eq!(
        first.post("logout/", &[("authorization", &ended[1].1)], Value::Null).await.status,
        200
    );
    for (name, value) in &ended {
        assert_eq!(status(&first, (name, value)).await, 401, "the next request");
    }
    let second = restarted(&mut first).await;
    for (name, value) in &ended {
        assert_eq!(status(&second, (name, value)).await, 401, "{name} after a restart");
    }
    for (name, value) in &alive {
        assert_eq!(status(&second, (name, value)).await, 200, "{name} after a restart");
    }
}

#[tokio::test]
async fn deactivation_revokes_everything_at_once_and_across_restarts() {
    let mut first = TestServer::start().await;
    let registered = first.register("amy", "amy@example.com").await;
    let key = confirmation_key(&first.take_mails(1).await[0]);
    first.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await;
    let (uid, reset) = reset_link(&first.take_mails(1).await[0]);
    let login = first.log_in("amy", PASSWORD).await;
    let id = pk(&first, &registered).await;
    let held = [
        ("authorization", registered),
        ("authorization", token(&login)),
        ("cookie", cookie(&login)),
        ("authorization", super::basic("amy", PASSWORD)),
    ];
    for (name, value) in &held {
        assert_eq!(status(&first, (name, value)).await, 200);
    }
    deactivate(&first, id).await;
    for (name, value) in &held {
        assert_eq!(status(&first, (name, value)).await, 401, "{value}");
    }
    assert_eq!(first.log_in("amy", PASSWORD).await.status, 400);
    let body = json!({ "uid": uid, "token": reset, "new_password1": NEW, "new_password2": NEW });
    assert_eq!(first.post("password/reset/confirm/", &[], body).await.status, 400);
    let second = restarted(&mut first).await;
    for (name, value) in &held {
        assert_eq!(status(&second, (name, value)).await, 401, "{value} after a restart");
    }
    // The address may be confirmed meanwhile, which grants no access.
    let _ = second.post("registration/verify-email/", &[], json!({ "key": key })).await;
    assert_eq!(second.log_in("amy", PASSWORD).await.status, 400);
}

#[tokio::test]
async fn session_expires_after_a_week_without_use_and_at_its_absolute_lifetime() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let open = async || cookie(&server.log_in("amy", PASSWORD).await);
    let (unused, used, last) = (open().await, open().await, open().await);
    let (day, second) = (chrono::Duration::days(1), chrono::Duration::seconds(1));
    server.clock.advance(day * 7 - second);
    assert_eq!(status(&server, ("cookie", &used)).await, 200);
    assert_eq!(status(&server, ("cookie", &last)).await, 200);
    server.flush_deferred().await;
    server.clock.advance(second);
    let over = server.get("user/", &[("cookie", &unused)]).await;
    assert_eq!(over.status, 401);
    assert!(over.cookie("sessionid").unwrap().contains("Max-Age=0"));
    // Used until a second before the idle timeout: valid until the absolute timeout, and no
    // longer.
    server.clock.advance(day * 6);
    assert_eq!(status(&server, ("cookie", &used)).await, 200);
    server.flush_deferred().await;
    server.clock.advance(day - second);
    assert_eq!(status(&server, ("cookie", &used)).await, 200);
    // The other one has been unused for a week less a second.
    assert_eq!(status(&server, ("cookie", &last)).await, 401);
    server.clock.advance(second);
    assert_eq!(status(&server, ("cookie", &used)).await, 401);
}

/// Recording a use may fail without failing the request.
#[tokio::test]
async fn credentials_work_while_the_database_accepts_no_writes() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let login = server.log_in("amy", PASSWORD).await;
    server.clock.advance(chrono::Duration::days(2));
    server.app().store.close();
    assert_eq!(status(&server, ("cookie", &cookie(&login))).await, 200);
    assert_eq!(status(&server, ("authorization", &token(&login))).await, 200);
}

/// Regardless of use.
#[tokio::test]
async fn session_and_token_expire_regardless_of_use() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let login = server.log_in("amy", PASSWORD).await;
    let (cookie, token) = (cookie(&login), token(&login));
    for day in 0..366 {
        assert_eq!(
            status(&server, ("cookie", &cookie)).await == 200,
            day < 14,
            "session, day {day}"
        );
        assert_eq!(status(&server, ("authorization", &token)).await, 200, "token, day {day}");
        server.flush_deferred().await;
        server.clock.advance(chrono::Duration::days(1));
    }
    assert_eq!(status(&server, ("authorization", &token)).await, 401);
}

/// The head of a request comes while its credential is live, and the body after its end.
#[tokio::test]
async fn request_in_flight_writes_nothing_once_its_credential_has_ended() {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    let pk = pk(&server, &token).await;
    let login = server.log_in("amy", PASSWORD).await;
    let (session, csrf) = (login.cookie_value("sessionid"), login.cookie_value("csrftoken"));
    let by_session =
        format!("Cookie: sessionid={session}; csrftoken={csrf}\r\nX-CSRFToken: {csrf}\r\n");
    let by_token = format!("Authorization: {token}\r\n");
    let (named, address) = (
        json!({ "name": "thief", "days": 365 }).to_string(),
        json!({ "email": "thief@example.com", "user": pk }).to_string(),
    );
    let counts = || {
        ["tokens", "email_addresses"]
            .map(|table| server.database.number(&format!("SELECT COUNT(*) FROM {table}")))
    };
    let first = begin(&server, "/platform/api/tokens/", &by_session, &named).await;
    let second = begin(&server, "/api/auth/emails/", &by_session, &address).await;
    let third = begin(&server, "/api/auth/emails/", &by_token, &address).await;
    let cookies = format!("sessionid={session}; csrftoken={csrf}");
    let out = [("cookie", cookies.as_str()), ("x-csrftoken", &csrf)];
    assert_eq!(server.post("logout/", &out, Value::Null).await.status, 200);
    let out = [("authorization", token.as_str())];
    assert_eq!(server.post("logout/", &out, Value::Null).await.status, 200);
    let before = counts();
    for (stream, body) in [(first, &named), (second, &address), (third, &address)] {
        let response = finish(stream, body).await;
        assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
    }
    assert_eq!(counts(), before);
}

/// Sends a request but for the last byte of its body, and gives the server time to authenticate it.
async fn begin(server: &TestServer, path: &str, credential: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{credential}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        body.len(),
        &body[..body.len() - 1]
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    stream
}

async fn finish(mut stream: TcpStream, body: &str) -> String {
    stream.write_all(&body.as_bytes()[body.len() - 1..]).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}
