//! Email addresses: list, add, make primary, remove.

mod changes;
mod rows;

use reqwest::Method;
use serde_json::{Value, json};
use test_support::{Response, TestServer, confirmation_key, contract};

const UNVERIFIED_PRIMARY: &str =
    "An unverified email address cannot become the primary one. Verify it first.";

const PRIMARY_AMONG_OTHERS: &str = "The primary email address cannot be removed while there are \
    others. Make another one primary first.";

/// A user with a token.
pub(super) struct Person<'a> {
    pub(super) server: &'a TestServer,
    pub(super) token: String,
    pub(super) pk: i64,
    /// From the email of the registration, if any.
    pub(super) key: Option<String>,
}

impl<'a> Person<'a> {
    pub(super) async fn new(server: &'a TestServer, username: &str, email: &str) -> Person<'a> {
        let token = server.register(username, email).await;
        let key = if email.is_empty() {
            None
        } else {
            Some(confirmation_key(&server.take_mails(1).await[0]))
        };
        let mut person = Person { server, token, pk: 0, key };
        person.pk = person.get("user/").await.json()["pk"].as_i64().unwrap();
        person
    }

    /// A user whose primary address is confirmed.
    pub(super) async fn proved(server: &'a TestServer, username: &str, email: &str) -> Person<'a> {
        let person = Person::new(server, username, email).await;
        assert_eq!(confirm(server, person.key.as_deref().unwrap()).await.status, 200);
        person
    }

    pub(super) async fn get(&self, path: &str) -> Response {
        self.server.get(path, &[("authorization", &self.token)]).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Response {
        self.server.post(path, &[("authorization", &self.token)], body).await
    }

    pub(super) async fn add(&self, email: &str) -> i64 {
        let response = self.post("emails/", json!({ "email": email, "user": self.pk })).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()["id"].as_i64().unwrap()
    }

    /// `verify`, `primary` or `remove`.
    pub(super) async fn act(&self, id: i64, action: &str) -> Response {
        self.post(&format!("emails/{id}/{action}/"), Value::Null).await
    }

    /// Requests a new key for this row.
    pub(super) async fn key_for(&self, id: i64) -> String {
        assert_eq!(self.act(id, "verify").await.status, 200);
        confirmation_key(&self.server.take_mails(1).await[0])
    }

    pub(super) async fn add_proved(&self, email: &str) -> i64 {
        let id = self.add(email).await;
        let key = self.key_for(id).await;
        assert_eq!(confirm(self.server, &key).await.status, 200);
        id
    }

    pub(super) async fn rows(&self) -> Vec<Value> {
        self.get("emails/").await.json()["results"].as_array().unwrap().clone()
    }

    pub(super) async fn row(&self, id: i64) -> Value {
        self.rows().await.into_iter().find(|row| row["id"] == id).unwrap()
    }

    pub(super) async fn email(&self) -> String {
        self.get("user/").await.json()["email"].as_str().unwrap().to_owned()
    }
}

pub(super) async fn confirm(server: &TestServer, key: &str) -> Response {
    server.post("registration/verify-email/", &[], json!({ "key": key })).await
}

pub(super) async fn resend(server: &TestServer, email: &str) -> Response {
    server.post("registration/resend-email/", &[], json!({ "email": email })).await
}

fn emails(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["email"].as_str().unwrap()).collect()
}
