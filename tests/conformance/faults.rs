//! Exchanges with a fault, which the checker must see.

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::encode;
use test_support::contract::{self, Cell, DOCUMENT, FORM, JSON, MULTIPART, Reply, Request};

impl Exchange {
    pub(super) fn new(method: &str, path: &str, sent: Value, status: u16, came: Value) -> Exchange {
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

    pub(super) fn with(&self, change: impl FnOnce(&mut Exchange)) -> Exchange {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    pub(super) fn examine(&self) -> Result<Option<Cell>, String> {
        let reply = Reply { status: self.status, headers: &self.headers, body: &self.body };
        DOCUMENT.examine(&self.request, &reply)
    }

    pub(super) fn fault(&self) -> String {
        self.examine().expect_err("this is against the contract")
    }
}

/// A valid exchange, in which a test changes one thing.
#[derive(Clone)]
pub(super) struct Exchange {
    pub request: Request,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

pub(super) fn user() -> Value {
    json!({
        "pk": 1, "username": "Änne", "email": "amy@example.com", "first_name": "", "last_name": "",
    })
}

pub(super) fn user_with(name: &str, value: Value) -> Exchange {
    let mut body = user();
    body[name] = value;
    Exchange::new("GET", "user/", Value::Null, 200, body)
}

#[test]
pub(super) fn valid_reply_names_its_cell() {
    let cell = user_with("email", json!("")).examine().unwrap().unwrap();
    assert_eq!(cell.to_string(), "auth_user_retrieve | no body | tokenAuth | 200");
    assert_eq!(cell.to_string().parse(), Ok(cell));
}

#[test]
pub(super) fn invalid_reply_body_is_detected() {
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
pub(super) fn invalid_reply_status_or_header_is_detected() {
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
pub(super) fn invalid_refusal_is_detected() {
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
pub(super) fn wrongly_accepted_request_is_detected() {
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
pub(super) fn form_values_are_typed_by_the_schema() {
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
