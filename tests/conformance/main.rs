//! Every operation x content type x security alternative of the document reaches its documented
//! success.
//!
//! The cells come from the document. Only the valid requests are written by hand; each uses a new
//! account. `coverage.rs` reports the cells that all tests reach, including errors. The checker
//! itself is tested too: it must detect violations.

mod faults;

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use faults::Exchange;
use inventree_auth::mail::Message;
use inventree_auth::store::{NewSocialAccount, StoreError};
use inventree_auth_client::{Credentials, types};
use serde_json::{Value, json};
use test_support::contract::{self, ANONYMOUS, Cell, DOCUMENT, FORM, JSON, MULTIPART, NO_BODY};
use test_support::{PASSWORD, Response, TestServer, confirmation_key, reset_link};

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
        let response = server.post("registration/", &[], body).await;
        let authorization = format!("Token {}", response.json()["key"].as_str().unwrap());
        let me = server.get("user/", &[("authorization", &authorization)]).await.json();
        Person {
            pk: me["pk"].as_i64().unwrap(),
            authorization,
            session: response.cookie_value("sessionid"),
            csrf: response.cookie_value("csrftoken"),
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
        let response = server
            .post("registration/verify-email/", &[], json!({ "key": self.confirmation_key }))
            .await;
        assert_eq!(response.status, 200, "{response:?}");
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

async fn visit(server: &TestServer, cell: &Cell, username: String) -> Response {
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
async fn every_cell_of_the_matrix_is_tested() {
    let server = TestServer::start().await;
    let mut missed = BTreeSet::new();
    for (n, cell) in DOCUMENT.cells().into_iter().enumerate() {
        let response = visit(&server, &cell, format!("p{n}")).await;
        if response.status == cell.status {
            assert_eq!(response.cell, Some(cell), "visited another square");
        } else {
            eprintln!("{cell}: {response:?}");
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

#[tokio::test]
async fn stale_generated_client_is_detected() {
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
async fn unused_leniency_is_reported() {
    let server = TestServer::start().await;
    contract::lenient("for nothing", server.get("providers/", &[])).await;
}

#[tokio::test]
async fn leniency_applies_to_requests_only() {
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
