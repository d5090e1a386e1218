//! Invalid bodies for every operation that reads one: a documented 4xx, and no change.

use reqwest::Method;
use serde_json::{Value, json};
use test_support::{PASSWORD, Response, TestServer};

pub(super) const FORM: &str = "application/x-www-form-urlencoded";

pub(super) const JSON: &str = "application/json";

/// An operation that reads a body, with valid values for its fields.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) fields: &'static [(&'static str, &'static str)],
    /// Whether an empty body is refused.
    pub(super) needs_fields: bool,
}

pub(super) fn operations() -> Vec<Operation> {
    let (post, put, patch) = (Method::POST, Method::PUT, Method::PATCH);
    let passwords = &[("new_password1", "Violet-Anchor-58"), ("new_password2", "Violet-Anchor-58")];
    let names = &[("username", "amy2"), ("first_name", "A"), ("last_name", "B")];
    [
        (
            &post,
            "login/",
            &[("username", "amy"), ("email", "a@example.com"), ("password", PASSWORD)][..],
            true,
        ),
        (&post, "password/change/", passwords, true),
        (&post, "password/reset/", &[("email", "other@example.com")], true),
        (
            &post,
            "password/reset/confirm/",
            &[
                ("new_password1", "Violet-Anchor-58"),
                ("new_password2", "Violet-Anchor-58"),
                ("uid", "1"),
                ("token", "x-y"),
            ],
            true,
        ),
        (
            &post,
            "registration/",
            &[
                ("username", "bob"),
                ("email", "b@example.com"),
                ("password1", PASSWORD),
                ("password2", PASSWORD),
            ],
            true,
        ),
        (&post, "registration/resend-email/", &[("email", "other@example.com")], true),
        (&post, "registration/verify-email/", &[("key", "MQ:1:x")], true),
        (
            &post,
            "emails/",
            &[("email", "c@example.com"), ("user", "1"), ("verified", "true"), ("primary", "true")],
            true,
        ),
        (&put, "user/", names, true),
        (&patch, "user/", names, false),
    ]
    .into_iter()
    .map(|(method, path, fields, needs_fields)| Operation {
        method: method.clone(),
        path,
        fields,
        needs_fields,
    })
    .collect()
}

impl Operation {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A server with one account, and its initial state.
pub(super) struct Fixture {
    pub(super) server: TestServer,
    pub(super) token: String,
    pub(super) before: Value,
}

impl Fixture {
    pub(super) async fn new() -> Fixture {
        let server = TestServer::start().await;
        let token = server.register("amy", "amy@example.com").await;
        server.take_mails(1).await;
        let before = snapshot(&server, &token).await;
        Fixture { server, token, before }
    }

    pub(super) async fn send(
        &self,
        operation: &Operation,
        kind: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let url = format!("{}/api/auth/{}", self.server.base, operation.path);
        let mut request = self
            .server
            .http
            .request(operation.method.clone(), url)
            .header("authorization", &self.token);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        self.server.run(request.body(body)).await
    }

    pub(super) async fn assert_untouched(&self, what: &str) {
        assert_eq!(snapshot(&self.server, &self.token).await, self.before, "{what}");
        assert_eq!(self.server.log_in("amy", PASSWORD).await.status, 200, "{what}");
        assert_eq!(self.server.log_in("bob", PASSWORD).await.status, 400, "{what}");
        assert!(self.server.mails.lock().unwrap().is_empty(), "{what}");
    }
}

async fn snapshot(server: &TestServer, token: &str) -> Value {
    let headers = [("authorization", token)];
    json!([
        server.get("user/", &headers).await.json(),
        server.get("emails/", &headers).await.json()
    ])
}

/// `{"detail": "…"}`, or a list of messages under each name.
pub(super) fn assert_documented(response: &Response, what: &str) {
    assert!((400..500).contains(&response.status), "{what}: {response:?}");
    assert_eq!(response.header("content-type"), "application/json", "{what}");
    let body = response.json();
    let members = body.as_object().unwrap_or_else(|| panic!("{what}: {body}"));
    let is_detail = members.len() == 1 && members.get("detail").is_some_and(Value::is_string);
    let is_message_list = |value: &Value| {
        value
            .as_array()
            .is_some_and(|list| !list.is_empty() && list.iter().all(|message| message.is_string()))
    };
    assert!(
        is_detail || (!members.is_empty() && members.values().all(is_message_list)),
        "{what}: {body}"
    );
}

pub(super) fn detail(response: &Response) -> String {
    response.json()["detail"].as_str().unwrap_or_else(|| panic!("{response:?}")).to_owned()
}

#[tokio::test]
async fn missing_body_counts_as_an_empty_one() {
    let fixture = Fixture::new().await;
    for operation in operations() {
        for kind in [
            None,
            Some(JSON),
            Some(FORM),
            Some("multipart/form-data; boundary=x"),
            Some("text/plain"),
        ] {
            let response = fixture.send(&operation, kind, "").await;
            let what = format!("{} {kind:?}", operation.name());
            if operation.needs_fields {
                assert_documented(&response, &what);
                assert_eq!(response.status, 400, "{what}");
                let text = String::from_utf8_lossy(&response.body).into_owned();
                assert!(text.contains("This field is required."), "{what}: {text}");
            } else {
                assert_eq!(response.status, 200, "{what}");
            }
        }
    }
    fixture.assert_untouched("missing bodies").await;
}

#[tokio::test]
async fn every_field_of_a_wrong_type_is_named() {
    let fixture = Fixture::new().await;
    for operation in operations() {
        for wrong in [json!(["x"]), json!({ "a": 1 })] {
            let body: Value = operation
                .fields
                .iter()
                .map(|(name, _)| ((*name).to_owned(), wrong.clone()))
                .collect();
            let response = fixture.send(&operation, Some(JSON), body.to_string()).await;
            assert_documented(&response, &operation.name());
            assert_eq!(response.status, 400);
            let names: Vec<String> = response.json().as_object().unwrap().keys().cloned().collect();
            let expected: Vec<&str> = operation.fields.iter().map(|(name, _)| *name).collect();
            assert!(
                expected.iter().all(|name| names.iter().any(|n| n == name)),
                "{}: {names:?}",
                operation.name()
            );
        }
    }
    fixture.assert_untouched("wrong types").await;
}

#[tokio::test]
async fn json_syntax_error_has_its_position() {
    let fixture = Fixture::new().await;
    let deep = "[".repeat(200_000);
    let bodies: Vec<&[u8]> = vec![
        b"{",
        b"{\"a\":",
        b"{\"a\" 1}",
        b"nonsense",
        b"{\"a\": 1} x",
        b"{\"a\": NaN}",
        b"{\"a\": -Infinity}",
        b"\xef\xbb\xbf{}",
        b"{\"a\": \"\xff\"}",
        b"{\"a\": \"\n\"}",
        deep.as_bytes(),
    ];
    for operation in operations() {
        for body in &bodies {
            let response = fixture.send(&operation, Some(JSON), body.to_vec()).await;
            assert_documented(&response, &operation.name());
            assert_eq!(response.status, 400);
            assert!(detail(&response).starts_with("JSON parse error - "), "{response:?}");
        }
    }
    fixture.assert_untouched("broken JSON").await;
}

#[tokio::test]
async fn json_that_is_no_object_is_refused() {
    let fixture = Fixture::new().await;
    for operation in operations() {
        for (body, kind) in [
            ("[]", "list"),
            ("[{\"a\":1}]", "list"),
            ("\"x\"", "str"),
            ("1", "int"),
            ("true", "bool"),
        ] {
            let response = fixture.send(&operation, Some(JSON), body).await;
            let message = format!("Invalid data. Expected a dictionary, but got {kind}.");
            let expected = json!({ "non_field_errors": [message] });
            assert_eq!(
                (response.status, response.json()),
                (400, expected),
                "{} {body}",
                operation.name()
            );
        }
        let null = fixture.send(&operation, Some(JSON), "null").await;
        assert_documented(&null, &operation.name());
    }
    fixture.assert_untouched("no objects").await;
}

#[tokio::test]
async fn broken_multipart_is_refused() {
    let fixture = Fixture::new().await;
    let cut = "--x\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nevil";
    let cases = [
        ("multipart/form-data", "--x--\r\n"),
        ("multipart/form-data; boundary=", "--x--\r\n"),
        ("multipart/form-data; boundary=x", cut),
        ("multipart/form-data; boundary=x", "--x\r\nnonsense"),
    ];
    for operation in operations() {
        for (kind, body) in cases {
            let response = fixture.send(&operation, Some(kind), body).await;
            let what = format!("{} {kind} {body:?}", operation.name());
            assert_documented(&response, &what);
            assert_eq!(response.status, 400, "{what}");
            assert!(
                detail(&response).starts_with("Multipart form parse error - "),
                "{what}: {response:?}"
            );
        }
    }
    fixture.assert_untouched("broken multipart").await;
}

#[tokio::test]
async fn other_content_types_are_unsupported() {
    let fixture = Fixture::new().await;
    for operation in operations() {
        let body: Value =
            operation.fields.iter().map(|(name, good)| ((*name).to_owned(), json!(good))).collect();
        for kind in [Some("text/plain"), Some("application/xml"), Some("nonsense"), None] {
            let response = fixture.send(&operation, kind, body.to_string()).await;
            let expected =
                format!("Unsupported media type \"{}\" in request.", kind.unwrap_or_default());
            assert_eq!(
                (response.status, response.json()),
                (415, json!({ "detail": expected })),
                "{}",
                operation.name()
            );
        }
    }
    fixture.assert_untouched("other content types").await;
}

#[tokio::test]
async fn null_bytes_are_not_allowed() {
    let fixture = Fixture::new().await;
    for operation in operations() {
        // Control characters in addresses are removed, as in the reference.
        if operation.path == "emails/" {
            continue;
        }
        for (poisoned, _) in operation.fields {
            let body: Value = operation
                .fields
                .iter()
                .map(|(name, good)| {
                    (
                        (*name).to_owned(),
                        if name == poisoned { json!(format!("a\0{good}")) } else { json!(good) },
                    )
                })
                .collect();
            let response = fixture.send(&operation, Some(JSON), body.to_string()).await;
            let what = format!("{} {poisoned}", operation.name());
            assert_documented(&response, &what);
            assert_eq!(response.status, 400, "{what}");
            assert!(response.json()[poisoned].is_array(), "{what}: {response:?}");
        }
    }
    fixture.assert_untouched("null bytes").await;
}

#[tokio::test]
async fn operations_without_a_body_ignore_it() {
    let fixture = Fixture::new().await;
    let row = fixture.before[1]["results"][0]["id"].clone();
    let verify = format!("emails/{row}/verify/");
    let primary = format!("emails/{row}/primary/");
    for (path, status) in
        [(verify.as_str(), 200), (&primary, 200), ("social/1/disconnect/", 404), ("logout/", 200)]
    {
        for (kind, body) in
            [(JSON, "{"), (JSON, "[]"), ("text/plain", "x"), ("multipart/form-data", "x")]
        {
            let url = format!("{}/api/auth/{path}", fixture.server.base);
            let token = fixture.server.log_in("amy", PASSWORD).await.json()["key"]
                .as_str()
                .unwrap()
                .to_owned();
            let request =
                fixture.server.http.post(url).header("authorization", format!("Token {token}"));
            let response =
                fixture.server.run(request.header("content-type", kind).body(body)).await;
            assert_eq!(response.status, status, "{path} {kind} {body}: {response:?}");
        }
    }
}

#[tokio::test]
async fn undocumented_and_read_only_fields_change_nothing() {
    let fixture = Fixture::new().await;
    let headers = [("authorization", fixture.token.as_str())];
    let body = json!({
        "pk": 99, "email": "evil@example.com", "is_superuser": true, "is_staff": true,
        "password": "x",
    });
    let response = fixture.server.send(Method::PATCH, "user/", &headers, body).await;
    assert_eq!((response.status, response.json()), (200, fixture.before[0].clone()));
    fixture.assert_untouched("read-only fields").await;
}

#[tokio::test]
async fn names_cannot_reorder_the_text_around_them() {
    let fixture = Fixture::new().await;
    let headers = [("authorization", fixture.token.as_str())];
    let message = json!(["Characters that change the direction of text are not allowed."]);
    for name in ["amy\u{202e}txt", "\u{2067}amy", "amy\u{202a}"] {
        for field in ["first_name", "last_name"] {
            let body = json!({ field: name });
            let response = fixture.server.send(Method::PATCH, "user/", &headers, body).await;
            assert_eq!((response.status, response.json()), (400, json!({ field: message })));
        }
        let body = json!({ "username": name });
        let response = fixture.server.send(Method::PATCH, "user/", &headers, body).await;
        assert_eq!(response.status, 400, "{name:?}");
    }
    fixture.assert_untouched("names that reorder text").await;
    let body = json!({ "first_name": "ליאור" });
    let response = fixture.server.send(Method::PATCH, "user/", &headers, body).await;
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn names_may_be_blank_but_not_null() {
    let fixture = Fixture::new().await;
    let headers = [("authorization", fixture.token.as_str())];
    let nulls = json!({ "username": null, "first_name": null, "last_name": null });
    let message = json!(["This field may not be null."]);
    let response = fixture.server.send(Method::PATCH, "user/", &headers, nulls).await;
    let expected = json!({ "username": message, "first_name": message, "last_name": message });
    assert_eq!((response.status, response.json()), (400, expected));
    let blanks = json!({ "username": " ", "first_name": "", "last_name": " " });
    let response = fixture.server.send(Method::PUT, "user/", &headers, blanks).await;
    assert_eq!(
        (response.status, response.json()),
        (400, json!({ "username": ["This field may not be blank."] }))
    );
    let response = fixture
        .server
        .send(Method::PATCH, "user/", &headers, json!({ "first_name": "", "last_name": " " }))
        .await;
    assert_eq!(response.status, 200);
    for form in ["username=", "username=+", "username=&first_name=A"] {
        let request =
            fixture.server.http.patch(format!("{}/api/auth/user/", fixture.server.base)).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response =
            fixture.server.run(request.header("authorization", fixture.token.as_str())).await;
        assert_eq!(
            (response.status, response.json()),
            (400, json!({ "username": ["This field may not be blank."] }))
        );
    }
    fixture.assert_untouched("blank names").await;
}

#[tokio::test]
async fn malformed_forms_are_read_leniently() {
    let fixture = Fixture::new().await;
    for operation in operations() {
        for body in ["%", "%zz=%&&&===", "a=%ff%00", "username=%00", "=&=", "&"] {
            let response = fixture.send(&operation, Some(FORM), body).await;
            if operation.needs_fields || response.status != 200 {
                assert_documented(&response, &format!("{} {body}", operation.name()));
            }
        }
    }
    fixture.assert_untouched("broken forms").await;
}

/// Also where the document makes the only field optional: a resend without an address would go to
/// a stranger.
#[tokio::test]
async fn missing_body_names_every_required_field() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    for (method, path, fields) in [
        (Method::POST, "emails/", &["email", "user"][..]),
        (Method::POST, "login/", &["password"]),
        (Method::POST, "password/change/", &["new_password1", "new_password2"]),
        (Method::POST, "password/reset/", &["email"]),
        (
            Method::POST,
            "password/reset/confirm/",
            &["new_password1", "new_password2", "uid", "token"],
        ),
        (Method::POST, "registration/", &["username", "password1", "password2"]),
        (Method::POST, "registration/resend-email/", &["email"]),
        (Method::POST, "registration/verify-email/", &["key"]),
        (Method::PUT, "user/", &["username"]),
    ] {
        let response = server.send(method, path, &[("authorization", &token)], Value::Null).await;
        let named: Value =
            fields.iter().map(|f| ((*f).to_owned(), json!(["This field is required."]))).collect();
        assert_eq!((response.status, response.json()), (400, named), "{path}");
    }
}
