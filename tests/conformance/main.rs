//! Every operation x content type x security alternative of the document reaches its documented
//! success.
//!
//! The cells come from the document. Only the valid requests are written by hand; each uses a new
//! account. `coverage.rs` reports the cells that all tests reach, including errors. The checker
//! itself is tested too: it must detect violations.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderValue};
use inventree_auth::mail::Message;
use inventree_auth::store::{NewSocialAccount, StoreError};
use inventree_auth_client::{Credentials, types};
use serde_json::{Value, json};
use test_support::contract::{
    self, ANONYMOUS, Cell, DOCUMENT, FORM, JSON, MULTIPART, NO_BODY, Reply, Request,
};
use test_support::{Answer, PASSWORD, TestServer, confirmation_key, reset_link};

const NEW: &str = "Violet-Anchor-58";

/// Number of lines of `uncovered.txt`. It may only decrease.
const UNCOVERED: usize = 4;

/// A new account with an unconfirmed primary address.
struct Person {
    username: String,
    email: String,
    pk: i64,
    authorization: String,
    session: String,
    csrf: String,
    confirmation_key: String,
}

impl Person {
    async fn register(server: &TestServer, username: String) -> Person {
        let email = format!("{username}@example.com");
        let body = json!({
            "username": username, "email": email, "password1": PASSWORD, "password2": PASSWORD,
        });
        let answer = server.post("registration/", &[], body).await;
        let authorization = format!("Token {}", answer.json()["key"].as_str().unwrap());
        let me = server.get("user/", &[("authorization", &authorization)]).await.json();
        Person {
            pk: me["pk"].as_i64().unwrap(),
            authorization,
            session: answer.cookie_value("sessionid"),
            csrf: answer.cookie_value("csrftoken"),
            confirmation_key: confirmation_key(&mail_to(server, &email).await),
            username,
            email,
        }
    }

    fn headers(&self, scheme: &str) -> Vec<(&'static str, String)> {
        match scheme {
            "tokenAuth" => vec![("authorization", self.authorization.clone())],
            "basicAuth" => {
                let pair = BASE64.encode(format!("{}:{PASSWORD}", self.username));
                vec![("authorization", format!("Basic {pair}"))]
            }
            "cookieAuth" => vec![
                ("cookie", format!("sessionid={}; csrftoken={}", self.session, self.csrf)),
                ("x-csrftoken", self.csrf.clone()),
            ],
            ANONYMOUS => Vec::new(),
            other => panic!("how does one show {other}?"),
        }
    }

    async fn row(&self, server: &TestServer) -> i64 {
        let rows = server.get("emails/", &[("authorization", &self.authorization)]).await.json();
        rows["results"][0]["id"].as_i64().unwrap()
    }

    async fn confirm(&self, server: &TestServer) {
        let answer = server
            .post("registration/verify-email/", &[], json!({ "key": self.confirmation_key }))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Links a provider account, which no operation does.
    async fn link(&self, server: &TestServer) -> i64 {
        let row = NewSocialAccount {
            issuer: String::new(),
            account_id: self.pk,
            provider: "github".to_owned(),
            uid: self.username.clone(),
            date_joined: server.app().clock.now(),
            extra_data: "{}".to_owned(),
        };
        server
            .app()
            .store
            .write::<_, StoreError>(move |w| w.social_account_insert(&row))
            .await
            .unwrap()
    }
}

/// The next email to this address. Earlier ones to others are dropped.
async fn mail_to(server: &TestServer, address: &str) -> Message {
    loop {
        if let Some(mail) = server.take_mails(1).await.into_iter().find(|mail| mail.to == address) {
            return mail;
        }
    }
}

/// The parts of a valid request: the path variable and the fields.
async fn good_request(server: &TestServer, operation: &str, person: &Person) -> (i64, Value) {
    let (username, email) = (&person.username, &person.email);
    match operation {
        "auth_emails_list"
        | "auth_logout_retrieve"
        | "auth_logout_create"
        | "auth_providers_list"
        | "auth_user_retrieve" => (0, json!({})),
        "auth_emails_create" => {
            (0, json!({ "email": format!("second-{email}"), "user": person.pk }))
        }
        "auth_emails_verify_create" | "auth_emails_remove_create" => {
            (person.row(server).await, json!({}))
        }
        "auth_emails_primary_create" => {
            person.confirm(server).await;
            (person.row(server).await, json!({}))
        }
        "auth_login_create" => (0, json!({ "username": username, "password": PASSWORD })),
        "auth_password_change_create" => (0, json!({ "new_password1": NEW, "new_password2": NEW })),
        "auth_password_reset_create" | "auth_registration_resend_email_create" => {
            (0, json!({ "email": email }))
        }
        "auth_password_reset_confirm_create" => {
            server.post("password/reset/", &[], json!({ "email": email })).await;
            let (uid, token) = reset_link(&mail_to(server, email).await);
            (0, json!({ "uid": uid, "token": token, "new_password1": NEW, "new_password2": NEW }))
        }
        "auth_registration_create" => {
            let (username, email) = (format!("friend-of-{username}"), format!("friend-of-{email}"));
            (
                0,
                json!({
                    "username": username, "email": email, "password1": PASSWORD,
                    "password2": PASSWORD,
                }),
            )
        }
        "auth_registration_verify_email_create" => (0, json!({ "key": person.confirmation_key })),
        "auth_social_list" => {
            person.link(server).await;
            (0, json!({}))
        }
        "auth_social_disconnect_create" => {
            (person.link(server).await, json!({ "access_token": "x" }))
        }
        "auth_user_update" | "auth_user_partial_update" => (
            0,
            json!({ "username": format!("{username}-2"), "first_name": "Änne", "last_name": "" }),
        ),
        other => panic!("how does one make a good request for {other}?"),
    }
}

/// Encodes fields as a `Content-Type` and a body.
fn encode(content_type: &str, fields: &Value) -> (String, Vec<u8>) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs = fields.as_object().unwrap().iter().map(|(name, value)| (name, text(value)));
    match content_type {
        JSON => (JSON.to_owned(), fields.to_string().into_bytes()),
        FORM => {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            (FORM.to_owned(), form.into_bytes())
        }
        MULTIPART => {
            let part = |(name, value): (&String, String)| {
                format!(
                    "--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                )
            };
            let parts: String = pairs.map(part).collect();
            (format!("{MULTIPART}; boundary=edge"), format!("{parts}--edge--\r\n").into_bytes())
        }
        other => panic!("how does one write {other}?"),
    }
}

async fn visit(server: &TestServer, cell: &Cell, username: String) -> Answer {
    let operation =
        DOCUMENT.operations.iter().find(|operation| operation.id == cell.operation).unwrap();
    let person = Person::register(server, username).await;
    let (id, fields) = good_request(server, &cell.operation, &person).await;
    let headers = person.headers(&cell.security);
    if cell.security != ANONYMOUS {
        // Where anonymous calls are allowed, an invalid credential could pass for an anonymous
        // one.
        let pairs: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let me = server.get("user/", &pairs).await;
        assert_eq!(me.json()["username"], person.username, "{cell}");
    }
    let url = format!("{}{}", server.base, operation.path.replace("{id}", &id.to_string()));
    let mut request = server.http.request(operation.method.parse().unwrap(), url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if cell.content_type != NO_BODY {
        let (content_type, body) = encode(&cell.content_type, &fields);
        request = request.header("content-type", content_type).body(body);
    }
    server.run(request).await
}

#[tokio::test]
async fn every_square_of_the_table_is_visited_but_the_listed_ones() {
    let server = TestServer::start().await;
    let mut missed = BTreeSet::new();
    for (n, cell) in DOCUMENT.cells().into_iter().enumerate() {
        let answer = visit(&server, &cell, format!("p{n}")).await;
        if answer.status == cell.status {
            assert_eq!(answer.cell, Some(cell), "visited another square");
        } else {
            eprintln!("{cell}: {answer:?}");
            missed.insert(cell);
        }
    }
    let listed = contract::uncovered();
    assert_eq!(
        listed.len(),
        UNCOVERED,
        "write the new number down if it is less, and visit the squares if it is more"
    );
    let new: Vec<_> = missed.difference(&listed).map(Cell::to_string).collect();
    assert!(new.is_empty(), "not visited, and not in uncovered.txt:\n{}", new.join("\n"));
    let old: Vec<_> = listed.difference(&missed).map(Cell::to_string).collect();
    assert!(
        old.is_empty(),
        "visited now, or no square any more: take them out of uncovered.txt:\n{}",
        old.join("\n")
    );
}

#[test]
fn table_has_three_content_types_wherever_a_body_is_read() {
    let reading: Vec<_> =
        DOCUMENT.operations.iter().filter(|o| o.content_types() != [NO_BODY]).collect();
    assert_eq!((DOCUMENT.operations.len(), reading.len()), (20, 11));
    for operation in reading {
        assert_eq!(operation.content_types()[..3], [JSON, FORM, MULTIPART], "{}", operation.id);
    }
    let alternatives: BTreeSet<&str> =
        DOCUMENT.operations.iter().flat_map(|o| &o.security).map(String::as_str).collect();
    assert_eq!(alternatives, BTreeSet::from(["tokenAuth", "basicAuth", "cookieAuth", ANONYMOUS]));
}

/// A valid exchange, in which a test changes one thing.
#[derive(Clone)]
struct Exchange {
    request: Request,
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Exchange {
    fn new(method: &str, path: &str, sent: Value, status: u16, came: Value) -> Exchange {
        let mut exchange = Exchange {
            request: Request {
                method: method.to_owned(),
                target: format!("/api/auth/{path}"),
                headers: HeaderMap::new(),
                body: if sent.is_null() { Vec::new() } else { sent.to_string().into_bytes() },
            },
            status,
            headers: HeaderMap::new(),
            body: came.to_string().into_bytes(),
        };
        for (name, value) in [("authorization", "Token x"), ("content-type", JSON)] {
            exchange.request.headers.insert(name, HeaderValue::from_static(value));
        }
        for (name, value) in [
            ("content-type", JSON),
            ("content-language", "en"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("vary", "origin"),
            ("cache-control", "no-store"),
            ("x-request-id", "1"),
        ] {
            exchange.headers.insert(name, HeaderValue::from_static(value));
        }
        let path = exchange.request.target.split('?').next().unwrap_or_default();
        let methods = contract::DOCUMENT.methods(path).into_iter().collect::<Vec<_>>().join(", ");
        exchange.headers.insert("allow", HeaderValue::from_str(&methods).unwrap());
        exchange
    }

    fn with(&self, change: impl FnOnce(&mut Exchange)) -> Exchange {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    fn examine(&self) -> Result<Option<Cell>, String> {
        let reply = Reply { status: self.status, headers: &self.headers, body: &self.body };
        DOCUMENT.examine(&self.request, &reply)
    }

    fn fault(&self) -> String {
        self.examine().expect_err("this is against the contract")
    }
}

fn user() -> Value {
    json!({
        "pk": 1, "username": "Änne", "email": "amy@example.com", "first_name": "", "last_name": "",
    })
}

fn user_with(name: &str, value: Value) -> Exchange {
    let mut body = user();
    body[name] = value;
    Exchange::new("GET", "user/", Value::Null, 200, body)
}

#[test]
fn good_reply_has_its_cell() {
    let cell = user_with("email", json!("")).examine().unwrap().unwrap();
    assert_eq!(cell.to_string(), "auth_user_retrieve | no body | tokenAuth | 200");
    assert_eq!(cell.to_string().parse(), Ok(cell));
}

#[test]
fn wrong_body_of_a_reply_is_seen() {
    for (name, value, why) in [
        ("is_staff", json!(true), "is_staff"),
        ("first_name", Value::Null, "/first_name: null"),
        ("pk", json!("1"), "/pk"),
        ("email", json!("amy"), "/email"),
        ("username", json!("a b"), "/username"),
        ("last_name", json!("x".repeat(151)), "/last_name"),
    ] {
        let fault = user_with(name, value).fault();
        assert!(
            fault.starts_with("the reply is not as documented") && fault.contains(why),
            "{fault}"
        );
    }
    let mut without = user();
    without.as_object_mut().unwrap().remove("email");
    assert!(Exchange::new("GET", "user/", Value::Null, 200, without).fault().contains("required"));
    let list = |next: Value, row: Value| {
        let body = json!({ "count": 1, "next": next, "previous": null, "results": [row] });
        Exchange::new("GET", "social/", Value::Null, 200, body)
    };
    let row = |at: &str| {
        json!({
            "id": 1, "provider": "x", "uid": "1", "last_login": at, "date_joined": at,
        })
    };
    let (good, bad) = (row("2026-03-01T12:00:00Z"), row("2026-03-01 12:00"));
    list(Value::Null, good.clone()).examine().unwrap();
    assert!(list(Value::Null, bad).fault().contains("date-time"));
    assert!(list(json!("no link"), good).fault().contains("/next"));
}

#[test]
fn wrong_status_or_header_of_a_reply_is_seen() {
    let good = user_with("pk", json!(1));
    for (changed, why) in [
        (good.with(|e| e.status = 201), "the status is 201"),
        (good.with(|e| e.status = 204), "the status is 204"),
        (good.with(|e| e.status = 302), "the status is 302"),
        (good.with(|e| e.status = 500), "the server failed"),
        (good.with(|e| drop(e.headers.remove("content-type"))), "the content type is"),
        (
            good.with(|e| {
                drop(e.headers.insert("content-type", HeaderValue::from_static("text/html")))
            }),
            "content type",
        ),
        (good.with(|e| drop(e.headers.remove("x-frame-options"))), "x-frame-options"),
        (good.with(|e| drop(e.headers.remove("x-request-id"))), "x-request-id is missing"),
        (
            good.with(|e| {
                drop(e.headers.insert("cache-control", HeaderValue::from_static("public")))
            }),
            "stored",
        ),
        (good.with(|e| e.body = b"nonsense".to_vec()), "no JSON"),
        (good.with(|e| e.request.target = "/api/auth/secret/".to_owned()), "not documented"),
        (good.with(|e| e.request.method = "DELETE".to_owned()), "not documented"),
        (good.with(|e| e.request.method = "HEAD".to_owned()), "HEAD has no body"),
    ] {
        assert!(changed.fault().contains(why), "{why}: {}", changed.fault());
    }
}

#[test]
fn wrong_refusal_is_seen() {
    let refusal = |status: u16, body: Value| {
        Exchange::new("POST", "login/", json!({ "password": "x" }), status, body)
    };
    let words = json!({ "detail": "No." });
    for (status, body) in [
        (400, words.clone()),
        (400, json!({ "username": ["No."], "non_field_errors": ["No.", "Never."] })),
        (404, words.clone()),
    ] {
        refusal(status, body).examine().unwrap();
    }
    for status in [402, 405, 409, 418] {
        assert!(
            refusal(status, words.clone()).fault().contains("no refusal of this API"),
            "{status}"
        );
    }
    for (status, name) in [(401, "www-authenticate"), (429, "retry-after")] {
        let complete = refusal(status, words.clone())
            .with(|e| drop(e.headers.insert(name, HeaderValue::from_static("x"))));
        complete.examine().unwrap();
        assert!(complete.with(|e| drop(e.headers.remove(name))).fault().contains(name), "{status}");
    }
    for (status, body) in [
        (400, json!({})),
        (400, json!([])),
        (400, json!({ "detail": ["No."], "code": "x" })),
        (400, json!({ "username": [] })),
        (400, json!({ "username": "No." })),
        (400, json!({ "username": [1] })),
        (403, json!({ "username": ["No."] })),
        (404, json!({ "detail": "No.", "url": "x" })),
    ] {
        assert!(
            refusal(status, body.clone()).fault().contains("none of the shapes"),
            "{status} {body}"
        );
    }
    let html = |sent: Value| {
        Exchange::new("POST", "login/", sent, 401, Value::Null).with(|e| {
            e.body.clear();
            e.headers.insert("content-type", HeaderValue::from_static("text/html; charset=utf-8"));
        })
    };
    html(json!({ "password": "x", "mfa": "1" })).examine().unwrap();
    html(json!({ "password": "x" })).fault();
}

#[test]
fn request_that_should_not_have_been_taken_is_seen() {
    let detail = json!({ "detail": "ok" });
    let change = |sent: Value| Exchange::new("POST", "password/change/", sent, 200, detail.clone());
    let good = change(json!({ "new_password1": "x", "new_password2": "x" }));
    assert_eq!(good.examine().unwrap().unwrap().content_type, JSON);
    for (changed, why) in [
        (change(json!({ "new_password1": "x" })), "new_password2"),
        (change(json!({ "new_password1": 1, "new_password2": "1" })), "/new_password1"),
        (
            change(json!({ "new_password1": "x".repeat(129), "new_password2": "x" })),
            "/new_password1",
        ),
        (change(Value::Null), "the body is missing"),
        (good.with(|e| drop(e.request.headers.remove("authorization"))), "it shows none of"),
        (good.with(|e| drop(e.request.headers.remove("content-type"))), "no content type"),
        (
            good.with(|e| {
                drop(
                    e.request
                        .headers
                        .insert("content-type", HeaderValue::from_static("text/plain")),
                )
            }),
            "text/plain is not documented",
        ),
        (
            user_with("pk", json!(1))
                .with(|e| e.request.target = "/api/auth/user/".to_owned() + "x"),
            "not documented",
        ),
    ] {
        assert!(changed.fault().contains(why), "{why}: {}", changed.fault());
    }
    let list = json!({ "count": 0, "next": null, "previous": null, "results": [] });
    let page = |query: &str| {
        Exchange::new("GET", &format!("emails/?{query}"), Value::Null, 200, list.clone())
    };
    page("limit=1&offset=2&zoo=x").examine().unwrap();
    assert!(page("limit=many").fault().contains("limit"));
}

#[test]
fn forms_are_read_by_the_schema() {
    let row = json!({
        "id": 1, "email": "a@example.com", "verified": false, "primary": false, "user": 7,
    });
    for (content_type, user, is_good) in [
        (FORM, "7", true),
        (MULTIPART, "7", true),
        (FORM, "x", false),
        (MULTIPART, "", false),
        (JSON, "7", false),
    ] {
        let sent = json!({ "email": "a@example.com", "verified": "true", "user": user });
        let (header, body) = encode(content_type, &sent);
        let exchange = Exchange::new("POST", "emails/", Value::Null, 201, row.clone()).with(|e| {
            e.request.headers.insert("content-type", header.parse().unwrap());
            e.request.body = body;
        });
        assert_eq!(
            exchange.examine().is_ok(),
            is_good,
            "{content_type} {user}: {:?}",
            exchange.examine()
        );
    }
}

#[tokio::test]
async fn generated_client_is_watched_too() {
    let server = TestServer::start().await;
    let person = Person::register(&server, "amy".to_owned()).await;
    let key = person.authorization.trim_start_matches("Token ").to_owned();
    let client = server.client(&Credentials::Token(key));
    client.auth_user_retrieve().await.unwrap();
    assert_eq!(*server.faults.lock().unwrap(), [""; 0]);
    let address = types::EmailAddressRequest {
        email: " blanks@example.com".to_owned(),
        user: person.pk,
        primary: None,
        verified: None,
    };
    client.auth_emails_create(&address).await.unwrap_err();
    let faults = std::mem::take(&mut *server.faults.lock().unwrap());
    assert!(faults.len() == 1 && faults[0].contains("this was taken, although"), "{faults:?}");
}

#[tokio::test]
#[should_panic(expected = "there is nothing to be lenient about")]
async fn needless_lenience_is_seen() {
    let server = TestServer::start().await;
    contract::lenient("for nothing", server.get("providers/", &[])).await;
}

#[tokio::test]
async fn lenience_forgives_the_request_alone() {
    let good =
        Exchange::new("GET", "providers/?limit=many", Value::Null, 200, json!({ "count": 0 }));
    good.fault();
    let bad = good.with(|e| e.body = br#"{ "count": "0" }"#.to_vec());
    contract::lenient("a limit that is no number is none", async {
        good.examine().unwrap();
        bad.fault();
        // It grants no access either.
        let stranger = Exchange::new(
            "GET",
            "social/?limit=many",
            Value::Null,
            200,
            json!({ "count": 0, "results": [] }),
        );
        assert!(stranger.with(|e| e.request.headers.clear()).fault().contains("shows none of"));
    })
    .await;
}
