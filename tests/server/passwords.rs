//! Password change and reset: validation, refusals, and the revocation of sessions and tokens.

use inventree_auth::store::StoreError;
use reqwest::Method;
use serde_json::{Value, json};
use test_support::{PASSWORD, Response, TestServer, confirmation_key, reset_link};

use crate::second_factor::Browser;

pub(super) const NEW: &str = "Violet-Anchor-58";

/// The cookies of a browser after a login.
pub(super) struct Session {
    pub(super) cookie: String,
    pub(super) csrf: String,
}

impl Session {
    pub(super) async fn open(server: &TestServer, username: &str) -> Session {
        let response = server.log_in(username, PASSWORD).await;
        assert_eq!(response.status, 200, "{response:?}");
        let csrf = response.cookie_value("csrftoken");
        Session {
            cookie: format!("sessionid={}; csrftoken={csrf}", response.cookie_value("sessionid")),
            csrf,
        }
    }

    pub(super) async fn status(&self, server: &TestServer) -> u16 {
        server.get("user/", &[("cookie", &self.cookie)]).await.status
    }
}

pub(super) async fn token_status(server: &TestServer, token: &str) -> u16 {
    server.get("user/", &[("authorization", token)]).await.status
}

async fn fresh_token(server: &TestServer, username: &str) -> String {
    token_by(&server.log_in(username, PASSWORD).await)
}

fn token_by(login: &Response) -> String {
    format!("Token {}", login.json()["key"].as_str().unwrap())
}

pub(super) async fn change(
    server: &TestServer,
    token: &str,
    first: &str,
    second: &str,
) -> Response {
    let body = json!({ "new_password1": first, "new_password2": second });
    server.post("password/change/", &[("authorization", token)], body).await
}

pub(super) async fn ask(server: &TestServer, email: &str) -> Response {
    server.post("password/reset/", &[], json!({ "email": email })).await
}

/// Requests a reset and returns the link.
pub(super) async fn link(server: &TestServer, email: &str) -> (String, String) {
    assert_eq!(ask(server, email).await.status, 200);
    reset_link(&server.take_mail_about("Password Reset").await)
}

pub(super) async fn reset(
    server: &TestServer,
    (uid, token): &(String, String),
    password: &str,
) -> Response {
    let body =
        json!({ "uid": uid, "token": token, "new_password1": password, "new_password2": password });
    server.post("password/reset/confirm/", &[], body).await
}

/// Registers with an address and returns the token and the emailed confirmation key.
pub(super) async fn register(server: &TestServer, username: &str) -> (String, String) {
    let token = server.register(username, &format!("{username}@example.com")).await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    (token, key)
}

pub(super) async fn confirm(server: &TestServer, key: &str) {
    assert_eq!(
        server.post("registration/verify-email/", &[], json!({ "key": key })).await.status,
        200
    );
}

pub(super) async fn pk(server: &TestServer, token: &str) -> i64 {
    server.get("user/", &[("authorization", token)]).await.json()["pk"].as_i64().unwrap()
}

pub(super) async fn add_address(server: &TestServer, token: &str, email: &str) -> i64 {
    let body = json!({ "email": email, "user": pk(server, token).await });
    let response = server.post("emails/", &[("authorization", token)], body).await;
    assert_eq!(response.status, 201, "{response:?}");
    response.json()["id"].as_i64().unwrap()
}

/// Adds and confirms an address. The existing confirmed address of the account gets a notice.
pub(super) async fn add_proved(server: &TestServer, token: &str, email: &str) -> i64 {
    let id = add_address(server, token, email).await;
    server.post(&format!("emails/{id}/verify/"), &[("authorization", token)], Value::Null).await;
    confirm(server, &confirmation_key(&server.take_mails(1).await[0])).await;
    let notice = &server.take_mails(1).await[0];
    assert!(notice.subject.ends_with("An email address was added"), "{notice:?}");
    id
}

pub(super) async fn deactivate(server: &TestServer, id: i64) {
    server
        .app()
        .store
        .write::<_, StoreError>(move |w| w.account_set_active(id, false))
        .await
        .unwrap();
}

pub(super) fn invalid_token() -> Value {
    json!({ "token": ["Invalid value"] })
}

#[tokio::test]
async fn password_change_replaces_the_old_password() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let response = change(&server, &token, NEW, NEW).await;
    assert_eq!(
        (response.status, response.json()),
        (200, json!({ "detail": "New password has been saved." }))
    );
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 400);
    assert_eq!(server.log_in("amy", NEW).await.status, 200);
}

#[tokio::test]
async fn unchanged_password_is_accepted() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    assert_eq!(change(&server, &token, PASSWORD, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn mismatch_is_reported_under_the_second_field() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let response = change(&server, &token, NEW, "Violet-Anchor-59").await;
    let message = json!({ "new_password2": ["The two password fields didn’t match."] });
    assert_eq!((response.status, response.json()), (400, message));
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn every_weakness_is_reported_in_order() {
    let server = TestServer::start().await;
    let token = server.register("123456", "").await;
    let response = change(&server, &token, "123456", "123456").await;
    let messages = json!({ "new_password2": [
        "The password is too similar to the username.",
        "This password is too short. It must contain at least 8 characters.",
        "This password is too common.",
        "This password is entirely numeric.",
    ]});
    assert_eq!((response.status, response.json()), (400, messages));
    assert_eq!(server.log_in("123456", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn each_weakness_is_reported_alone() {
    let server = TestServer::start().await;
    let token = server.register("maximilian", "wilhelmina@example.com").await;
    let names = json!({ "first_name": "Bartholomew", "last_name": "Featherstone" });
    server.send(Method::PATCH, "user/", &[("authorization", &token)], names).await;
    for (password, message) in [
        ("Maximilian1", "The password is too similar to the username."),
        ("wilhelmina7", "The password is too similar to the email address."),
        ("bartholomew!", "The password is too similar to the first name."),
        ("Featherstone9", "The password is too similar to the last name."),
        ("q7!Zx", "This password is too short. It must contain at least 8 characters."),
        ("PassWord1", "This password is too common."),
        ("8402957316402", "This password is entirely numeric."),
    ] {
        let response = change(&server, &token, password, password).await;
        assert_eq!(
            (response.status, response.json()),
            (400, json!({ "new_password2": [message] })),
            "{password}"
        );
    }
    assert_eq!(server.log_in("maximilian", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn missing_and_overlong_fields_are_all_named() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let missing = server.post("password/change/", &[("authorization", &token)], json!({})).await;
    let required = json!({ "new_password1": ["This field is required."], "new_password2": ["This \
        field is required."] });
    assert_eq!((missing.status, missing.json()), (400, required));
    let long = "aZ9-".repeat(32) + "x";
    let response = change(&server, &token, &long, &long).await;
    let message = "Ensure this field has no more than 128 characters.";
    assert_eq!(
        (response.status, response.json()),
        (400, json!({ "new_password1": [message], "new_password2": [message] }))
    );
}

#[tokio::test]
async fn change_by_token_keeps_that_token_and_ends_everything_else() {
    let server = TestServer::start().await;
    let used = server.register("amy", "").await;
    let other = fresh_token(&server, "amy").await;
    let session = Session::open(&server, "amy").await;
    let bob = server.register("bob", "").await;
    let response = change(&server, &used, NEW, NEW).await;
    assert_eq!((response.status, response.cookie("sessionid")), (200, None));
    assert_eq!(token_status(&server, &used).await, 200);
    assert_eq!(token_status(&server, &other).await, 401);
    assert_eq!(session.status(&server).await, 401);
    assert_eq!(token_status(&server, &bob).await, 200);
}

#[tokio::test]
async fn change_in_a_session_cycles_it_and_ends_everything_else() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let (used, other) = (Session::open(&server, "amy").await, Session::open(&server, "amy").await);
    let body = json!({ "new_password1": NEW, "new_password2": NEW });
    let headers = [("cookie", used.cookie.as_str()), ("x-csrftoken", used.csrf.as_str())];
    let response = server.post("password/change/", &headers, body).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!((used.status(&server).await, other.status(&server).await), (401, 401));
    assert_eq!(token_status(&server, &token).await, 401);
    let cycled = format!("sessionid={}", response.cookie_value("sessionid"));
    assert_eq!(server.get("user/", &[("cookie", &cycled)]).await.status, 200);
}

#[tokio::test]
async fn change_by_password_ends_every_token_and_session() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let session = Session::open(&server, "amy").await;
    let body = json!({ "new_password1": NEW, "new_password2": NEW });
    let request = server.http.post(format!("{}/api/auth/password/change/", server.base));
    let response = server.run(request.basic_auth("amy", Some(PASSWORD)).json(&body)).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!((token_status(&server, &token).await, session.status(&server).await), (401, 401));
}

#[tokio::test]
async fn change_sends_no_email() {
    let server = TestServer::start().await;
    let (token, _) = register(&server, "amy").await;
    assert_eq!(change(&server, &token, NEW, NEW).await.status, 200);
    register(&server, "bob").await;
    assert!(server.mails.lock().unwrap().is_empty());
}

#[tokio::test]
async fn old_password_is_checked_when_it_is_sent() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let body =
        |old: Value| json!({ "old_password": old, "new_password1": NEW, "new_password2": NEW });
    for wrong in [
        json!("wrong"),
        json!(""),
        json!(17),
        json!(true),
        json!([PASSWORD]),
        json!({ "a": PASSWORD }),
    ] {
        let response = server
            .post("password/change/", &[("authorization", &token)], body(wrong.clone()))
            .await;
        let message = "Your old password was entered incorrectly. Please enter it again.";
        assert_eq!(
            (response.status, response.json()),
            (400, json!({ "old_password": [message] })),
            "{wrong}"
        );
        assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
    }
    let response =
        server.post("password/change/", &[("authorization", &token)], body(json!(PASSWORD))).await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn old_password_can_be_made_required() {
    let server = TestServer::with(&[("OLD_PASSWORD_REQUIRED", "true")]).await;
    let token = server.register("amy", "").await;
    let refused = change(&server, &token, NEW, NEW).await;
    assert_eq!(
        (refused.status, refused.json()),
        (400, json!({ "old_password": ["This field is required."] }))
    );
    let body = json!({ "old_password": null, "new_password1": NEW, "new_password2": NEW });
    assert_eq!(
        server.post("password/change/", &[("authorization", &token)], body).await.status,
        400
    );
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
    let body = json!({ "old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW });
    assert_eq!(
        server.post("password/change/", &[("authorization", &token)], body).await.status,
        200
    );
}

#[tokio::test]
async fn password_is_normalised_to_nfc() {
    const COMPOSED: &str = "Z\u{e9}bra-Qu\u{e4}rtz-77";
    const DECOMPOSED: &str = "Ze\u{301}bra-Qua\u{308}rtz-77";
    let server = TestServer::start().await;
    for (name, registered) in [("amy", COMPOSED), ("bob", DECOMPOSED)] {
        let body = serde_json::json!({
            "username": name, "password1": registered, "password2": registered,
        });
        assert_eq!(server.post("registration/", &[], body).await.status, 201);
        for typed in [COMPOSED, DECOMPOSED] {
            assert_eq!(server.log_in(name, typed).await.status, 200, "{name} {typed:?}");
            let basic = crate::protocol::basic(name, typed);
            assert_eq!(server.get("user/", &[("authorization", &basic)]).await.status, 200);
        }
        // An accent more is another password.
        assert_eq!(server.log_in(name, "Zebra-Qu\u{e4}rtz-77").await.status, 400);
    }
}

#[tokio::test]
async fn either_normalisation_of_a_password_verifies() {
    use inventree_auth::domain::passwords::Password;
    let forms = |text: &str| {
        let forms = Password::new(text.to_owned()).forms();
        forms.iter().map(|form| form.expose().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(forms("Zebra"), ["Zebra"]);
    let (composed, decomposed) = ("\u{e9}\u{e4}", "e\u{301}a\u{308}");
    assert_eq!(forms(composed), [composed, decomposed]);
    assert_eq!(forms(decomposed), [composed, decomposed]);
    let mixed = "\u{e9}a\u{308}";
    assert_eq!(forms(mixed), [composed, decomposed, mixed]);
    assert_eq!(forms(" Zebra\u{3000}"), [" Zebra\u{3000}", "Zebra"]);
    assert_eq!(forms(&format!(" {mixed}")).len(), 6, "the most there can be");
}

/// The statuses of this password by login, Basic and the pages.
async fn sign_ins(server: &TestServer, password: &str) -> [u16; 3] {
    let basic = crate::protocol::basic("amy", password);
    let body = json!({ "username": "amy", "password": password });
    [
        server.log_in("amy", password).await.status,
        server.get("user/", &[("authorization", &basic)]).await.status,
        Browser::new(server).post("login/", body).await.status,
    ]
}

#[tokio::test]
async fn password_is_not_trimmed_by_any_endpoint() {
    const TYPED: &str = "  Zebra-Quartz-77 ";
    let server = TestServer::start().await;
    let twice =
        |name, password| json!({ "username": name, "password1": password, "password2": password });
    assert_eq!(server.post("registration/", &[], twice("amy", TYPED)).await.status, 201);
    assert_eq!(sign_ins(&server, TYPED).await, [200; 3]);
    for other in [TYPED.trim(), TYPED.trim_start(), "   Zebra-Quartz-77  "] {
        assert_eq!(sign_ins(&server, other).await, [400, 401, 400], "{other:?}");
    }
    // A change, where the old one is as typed too.
    let token = token_by(&server.log_in("amy", TYPED).await);
    let typed = format!(" {NEW}\u{a0}");
    let change = async |old: &str| {
        let body = json!({ "old_password": old, "new_password1": typed, "new_password2": typed });
        server.post("password/change/", &[("authorization", &token)], body).await
    };
    assert_eq!(change(TYPED.trim()).await.status, 400);
    assert_eq!(change(TYPED).await.status, 200);
    assert_eq!(sign_ins(&server, &typed).await, [200; 3]);
    assert_eq!(sign_ins(&server, NEW).await, [400, 401, 400]);
    // Blanks alone are none.
    let blank = server.post("registration/", &[], twice("bob", "          ")).await;
    assert_eq!(blank.json()["password1"], json!(["This field may not be blank."]));
}

#[tokio::test]
async fn reset_takes_the_password_as_typed() {
    let server = TestServer::start().await;
    register(&server, "amy").await;
    let typed = format!("{NEW} ");
    assert_eq!(reset(&server, &link(&server, "amy@example.com").await, &typed).await.status, 200);
    assert_eq!(sign_ins(&server, &typed).await, [200; 3]);
    assert_eq!(sign_ins(&server, NEW).await, [400, 401, 400]);
}

/// The reference trims a password before it hashes it, and so did this server.
#[tokio::test]
async fn trimmed_password_hash_accepts_the_typed_password() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    for typed in [PASSWORD.to_owned(), format!(" {PASSWORD}\t"), format!("{PASSWORD}\u{2003}")] {
        assert_eq!(sign_ins(&server, &typed).await, [200; 3], "{typed:?}");
    }
    // Two entries that differ in the blanks around them are one without them, as recorded.
    assert_eq!(change(&server, &token, &format!(" {NEW} "), &format!(" {NEW}")).await.status, 200);
    assert_eq!(sign_ins(&server, NEW).await, [200; 3]);
    assert_eq!(change(&server, &token, NEW, &format!("{NEW}x")).await.status, 400);
}
