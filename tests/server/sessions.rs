//! An account's sessions and tokens, on the endpoints of the pages: session and CSRF token
//! required.

use inventree_auth::store::StoreError;
use reqwest::Method;
use serde_json::{Value, json};
use test_support::{PASSWORD, Response, TestServer};

/// A browser that has logged in.
struct Browser<'s> {
    server: &'s TestServer,
    cookie: String,
    csrf: String,
    token: String,
}

impl<'s> Browser<'s> {
    async fn of(server: &'s TestServer, username: &str, user_agent: &str) -> Browser<'s> {
        let body = json!({ "username": username, "password": PASSWORD });
        let response = server.post("login/", &[("User-Agent", user_agent)], body).await;
        assert_eq!(response.status, 200, "{response:?}");
        let (session, csrf) =
            (response.cookie_value("sessionid"), response.cookie_value("csrftoken"));
        let token = response.json()["key"].as_str().unwrap().to_owned();
        Browser { server, cookie: format!("sessionid={session}; csrftoken={csrf}"), csrf, token }
    }

    async fn get(&self, path: &str) -> Response {
        let url = format!("{}/platform/api/{path}", self.server.base);
        self.server.run(self.server.http.get(url).header("Cookie", &self.cookie)).await
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        let response = self.get(path).await;
        assert_eq!(
            (response.status, response.header("cache-control")),
            (200, "no-store"),
            "{response:?}"
        );
        response.json().as_array().unwrap().clone()
    }

    async fn post(&self, path: &str) -> Response {
        let url = format!("{}/platform/api/{path}", self.server.base);
        let request = self
            .server
            .http
            .post(url)
            .header("Cookie", &self.cookie)
            .header("X-CSRFToken", &self.csrf);
        self.server.run(request).await
    }

    async fn make_token(&self, name: &str, days: &str) -> Response {
        let url = format!("{}/platform/api/tokens/", self.server.base);
        let request = self
            .server
            .http
            .post(url)
            .header("Cookie", &self.cookie)
            .header("X-CSRFToken", &self.csrf)
            .header("Content-Type", "application/json")
            .body(json!({ "name": name, "days": days }).to_string());
        self.server.run(request).await
    }

    async fn is_signed_in(&self) -> bool {
        self.server.get("user/", &[("Cookie", &self.cookie)]).await.status == 200
    }
}

/// A form of the pages, sent as their script does.
async fn at_the_pages(server: &TestServer, path: &str, body: Value) -> Response {
    let csrf = "a".repeat(32);
    let request = server.http.post(format!("{}/platform/api/{path}/", server.base));
    let request = request.header("Cookie", format!("csrftoken={csrf}")).header("X-CSRFToken", csrf);
    server.run(request.header("Content-Type", "application/json").body(body.to_string())).await
}

/// Amy, who has a session and a token from registering, and Bob.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    server.register("bob", "bob@example.com").await;
    server
}

#[tokio::test]
async fn sign_in_page_opens_a_session_and_creates_no_token() {
    let server = TestServer::start().await;
    let body = json!({ "username": "amy", "password1": PASSWORD, "password2": PASSWORD });
    let registered = at_the_pages(&server, "register", body).await;
    let signed_in =
        at_the_pages(&server, "login", json!({ "username": "amy", "password": PASSWORD })).await;
    for (response, status) in [(registered, 201), (signed_in, 200)] {
        assert_eq!((response.status, response.json()), (status, json!({})));
        let cookie = format!("sessionid={}", response.cookie_value("sessionid"));
        assert!(response.cookie("csrftoken").is_some());
        assert_eq!(server.get("user/", &[("Cookie", &cookie)]).await.status, 200);
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM tokens"), 0);
}

#[tokio::test]
async fn sign_in_page_returns_the_errors_of_the_api() {
    let server = TestServer::with(&[("LOGIN_ENABLE_REG", "false")]).await;
    let bad = "Unable to log in with provided credentials.";
    for (path, body, refusal) in [
        (
            "login",
            json!({ "username": "amy", "password": "x" }),
            json!({ "non_field_errors": [bad] }),
        ),
        ("login", json!({ "username": "amy" }), json!({ "password": ["This field is required."] })),
        (
            "register",
            json!({ "username": "amy", "password1": PASSWORD, "password2": PASSWORD }),
            json!({ "non_field_errors": ["Registration is disabled."] }),
        ),
    ] {
        let response = at_the_pages(&server, path, body).await;
        assert_eq!((response.status, response.json()), (400, refusal), "{path}");
        assert!(!response.headers.contains_key("set-cookie"));
    }
}

#[tokio::test]
async fn account_lists_its_own_live_sessions_newest_first() {
    let server = server().await;
    let amy = Browser::of(&server, "amy", "Firefox on a laptop").await;
    let _bob = Browser::of(&server, "bob", "Bob's").await;
    let sessions = amy.list("sessions/").await;
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    assert_eq!(sessions[0]["user_agent"], "Firefox on a laptop");
    assert_eq!((&sessions[0]["current"], &sessions[1]["current"]), (&json!(true), &json!(false)));
    assert_eq!(sessions[0]["created"], "2026-03-01T12:00:00Z");
    // A week after the last use.
    assert_eq!(sessions[0]["expires"], "2026-03-08T12:00:00Z");
    let members: Vec<&String> = sessions[0].as_object().unwrap().keys().collect();
    let expected =
        ["browser", "client", "created", "current", "expires", "id", "last_seen", "user_agent"];
    assert_eq!(members, expected);
    server.clock.advance(chrono::Duration::days(6));
    let later = Browser::of(&server, "amy", "").await;
    server.clock.advance(chrono::Duration::days(1));
    assert_eq!(later.list("sessions/").await.len(), 1);
}

#[tokio::test]
async fn account_lists_its_own_tokens_without_keys() {
    let server = server().await;
    let amy = Browser::of(&server, "amy", "").await;
    let tokens = amy.list("tokens/").await;
    assert_eq!(tokens.len(), 2, "{tokens:?}");
    let members: Vec<&String> = tokens[0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["created", "expires", "id", "last_seen", "name"]);
    assert_eq!(tokens[0]["last_seen"], Value::Null);
    server.get("user/", &[("Authorization", &format!("Token {}", amy.token))]).await;
    server.flush_deferred().await;
    assert_eq!(amy.list("tokens/").await[0]["last_seen"], "2026-03-01");
}

#[tokio::test]
async fn ended_session_and_revoked_token_are_refused_from_the_next_request() {
    let server = server().await;
    let (amy, other) =
        (Browser::of(&server, "amy", "one").await, Browser::of(&server, "amy", "two").await);
    let sessions = amy.list("sessions/").await;
    let id = sessions.iter().find(|session| session["user_agent"] == "two").unwrap()["id"]
        .as_i64()
        .unwrap();
    assert!(other.is_signed_in().await);
    let response = amy.post(&format!("sessions/{id}/end/")).await;
    assert_eq!((response.status, response.json()), (200, json!({})));
    assert!(!other.is_signed_in().await && amy.is_signed_in().await);
    assert_eq!(amy.post(&format!("sessions/{id}/end/")).await.status, 404);

    let header = format!("Token {}", other.token);
    assert_eq!(server.get("user/", &[("Authorization", &header)]).await.status, 200);
    let token = amy.list("tokens/").await[0]["id"].as_i64().unwrap();
    assert_eq!(amy.post(&format!("tokens/{token}/revoke/")).await.status, 200);
    assert_eq!(server.get("user/", &[("Authorization", &header)]).await.status, 401);
}

#[tokio::test]
async fn ending_the_current_session_signs_out() {
    let server = server().await;
    let amy = Browser::of(&server, "amy", "").await;
    let id = amy.list("sessions/").await[0]["id"].as_i64().unwrap();
    let response = amy.post(&format!("sessions/{id}/end/")).await;
    assert_eq!(response.status, 200);
    assert!(response.cookie("sessionid").unwrap().contains("Max-Age=0"));
    assert!(!amy.is_signed_in().await);
}

#[tokio::test]
async fn all_other_sessions_end_at_once() {
    let server = server().await;
    let amy = Browser::of(&server, "amy", "").await;
    let (other, bob) =
        (Browser::of(&server, "amy", "").await, Browser::of(&server, "bob", "").await);
    let response = amy.post("sessions/end-others/").await;
    assert_eq!((response.status, response.json()), (200, json!({ "ended": 2 })));
    assert!(amy.is_signed_in().await && !other.is_signed_in().await && bob.is_signed_in().await);
}

#[tokio::test]
async fn objects_of_other_accounts_are_404_and_unchanged() {
    let server = server().await;
    let (amy, bob) = (Browser::of(&server, "amy", "").await, Browser::of(&server, "bob", "").await);
    let session = bob.list("sessions/").await[0]["id"].as_i64().unwrap();
    let token = bob.list("tokens/").await[0]["id"].as_i64().unwrap();
    let far = "123456789012345678901234";
    for path in [
        format!("sessions/{session}/end/"),
        format!("tokens/{token}/revoke/"),
        "sessions/0/end/".to_owned(),
        format!("sessions/{far}/end/"),
        "tokens/x/revoke/".to_owned(),
    ] {
        let response = amy.post(&path).await;
        assert_eq!(response.status, 404, "{path}");
        assert!(response.json()["detail"].is_string(), "{response:?}");
    }
    assert!(bob.is_signed_in().await);
    assert_eq!(bob.list("tokens/").await.len(), 2);
}

#[tokio::test]
async fn session_endpoints_require_a_session_and_csrf_token() {
    let server = server().await;
    let amy = Browser::of(&server, "amy", "").await;
    let header = format!("Token {}", amy.token);
    for path in ["sessions/", "tokens/"] {
        let url = format!("{}/platform/api/{path}", server.base);
        let by_token = server.run(server.http.get(&url).header("Authorization", &header)).await;
        assert_eq!(by_token.status, 403, "{by_token:?}");
        assert_eq!(server.run(server.http.get(&url)).await.status, 403);
        assert_eq!(
            server.run(server.http.post(&url).header("Cookie", &amy.cookie)).await.status,
            403
        );
    }
    let id = amy.list("sessions/").await[0]["id"].as_i64().unwrap();
    for path in [
        format!("sessions/{id}/end/"),
        "sessions/end-others/".to_owned(),
        "tokens/1/revoke/".to_owned(),
    ] {
        let url = format!("{}/platform/api/{path}", server.base);
        let response = server.run(server.http.post(&url).header("Cookie", &amy.cookie)).await;
        assert_eq!(response.status, 403, "{path}");
        assert!(response.json()["detail"].as_str().unwrap().starts_with("CSRF Failed"));
        let read =
            server.run(server.http.request(Method::GET, &url).header("Cookie", &amy.cookie)).await;
        assert_eq!((read.status, read.header("allow")), (405, "POST, OPTIONS"));
    }
    assert_eq!(amy.list("sessions/").await.len(), 2);
    assert_eq!(amy.list("tokens/").await.len(), 2);
}

#[tokio::test]
async fn browser_name_is_truncated_and_sanitized() {
    let server = server().await;
    let amy = Browser::of(&server, "amy", &format!("a\tb{}", "x".repeat(5000))).await;
    let kept = amy.list("sessions/").await[0]["user_agent"].as_str().unwrap().to_owned();
    assert_eq!(kept, format!("ab{}", "x".repeat(198)));
}

#[tokio::test]
async fn oldest_sessions_and_tokens_are_deleted_at_the_limit() {
    let server = TestServer::start().await;
    let first = server.register("amy", "").await;
    let now = server.app().now();
    let fill = server.app().store.write(move |w| {
        for n in 0..1100_u32 {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&n.to_be_bytes());
            w.token_insert(&digest, 1, "", now, now.date_naive())?;
            w.session_insert(&digest, 1, now, now + chrono::Duration::days(1), "", "")?;
        }
        Ok::<_, inventree_auth::store::StoreError>(())
    });
    fill.await.unwrap();
    for _ in 0..11 {
        assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
    }
    let read = server.app().store.read(|r| {
        Ok::<_, inventree_auth::store::StoreError>((
            r.session_list(1)?.len(),
            r.token_list(1)?.len(),
        ))
    });
    assert_eq!(read.await.unwrap(), (100, 1000));
    assert_eq!(server.get("user/", &[("authorization", &first)]).await.status, 401);
}

async fn opens(server: &TestServer, key: &str) -> bool {
    let authorization = format!("Token {key}");
    server.get("user/", &[("Authorization", &authorization)]).await.status == 200
}

#[tokio::test]
async fn named_token_is_shown_once_and_works_until_it_expires_or_is_revoked() {
    let server = server().await;
    let amy = Browser::of(&server, "amy", "").await;
    let made = amy.make_token("backup", "30").await;
    assert_eq!((made.status, &made.json()["expires"]), (200, &json!("2026-03-31")), "{made:?}");
    let key = made.json()["key"].as_str().unwrap().to_owned();
    assert!(opens(&server, &key).await);
    let rows = amy.list("tokens/").await;
    let row = rows.iter().find(|row| row["name"] == "backup").unwrap();
    assert!(!row.to_string().contains(&key[4..]), "{row}");
    let other = amy.make_token("another", "365").await.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(amy.post(&format!("tokens/{}/revoke/", row["id"])).await.status, 200);
    assert!(!opens(&server, &key).await && opens(&server, &other).await);
    let brief = amy.make_token("brief", "1").await.json()["key"].as_str().unwrap().to_owned();
    server.clock.advance(chrono::Duration::days(2));
    assert!(!opens(&server, &brief).await && opens(&server, &other).await);
    let all = Browser::of(&server, "amy", "").await.post("tokens/revoke-all/").await;
    assert!(all.json()["ended"].as_u64().unwrap() > 1, "{all:?}");
    assert!(!opens(&server, &other).await && !opens(&server, &amy.token).await);
}

#[tokio::test]
async fn token_needs_recent_auth_a_name_and_a_lifetime_of_at_most_a_year() {
    let server = server().await;
    let amy = Browser::of(&server, "amy", "").await;
    for (name, days, field) in
        [("", "30", "name"), ("a", "0", "days"), ("a", "366", "days"), ("a", "x", "days")]
    {
        let response = amy.make_token(name, days).await;
        assert_eq!(
            (response.status, response.json().get(field).is_some()),
            (400, true),
            "{response:?}"
        );
    }
    assert_eq!(amy.make_token(&"x".repeat(101), "30").await.status, 400);
    server.clock.advance(chrono::Duration::minutes(11));
    let late = amy.make_token("late", "30").await;
    assert!(late.status == 403 && late.header("www-authenticate").contains("insufficient"));
    assert_eq!(amy.list("tokens/").await.iter().filter(|row| row["name"] != "").count(), 0);
}

#[tokio::test]
async fn login_does_not_end_named_tokens() {
    let server = server().await;
    let amy = Browser::of(&server, "amy", "").await;
    let made = amy.make_token("backup", "365").await.json();
    let now = server.app().now();
    let id = server.database.number("SELECT id FROM accounts WHERE username = 'amy'");
    let write = server.app().store.write(move |w| {
        (0..1000_u32).try_for_each(|n| {
            let digest = inventree_auth::domain::keys::digest(&n.to_string());
            w.token_insert(&digest, id, "", now, now.date_naive()).map(|_| ())
        })
    });
    write.await.map_err(|e: StoreError| e).unwrap();
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
    assert!(opens(&server, made["key"].as_str().unwrap()).await);
    assert!(!opens(&server, &amy.token).await, "the oldest unnamed ones make room");
}
