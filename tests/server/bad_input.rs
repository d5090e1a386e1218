//! Invalid bodies for every operation that reads one: a documented 4xx, and no change.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use http::{HeaderMap, HeaderName};
use reqwest::Method;
use serde_json::{Value, json};
use test_support::{Answer, PASSWORD, TestServer, contract};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// An operation that reads a body, with valid values for its fields.
struct Operation {
    method: Method,
    path: &'static str,
    fields: &'static [(&'static str, &'static str)],
    /// Whether an empty body is refused.
    needs_fields: bool,
}

fn operations() -> Vec<Operation> {
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
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A server with one account, and its initial state.
struct Fixture {
    server: TestServer,
    token: String,
    before: Value,
}

impl Fixture {
    async fn new() -> Fixture {
        let server = TestServer::start().await;
        let token = server.register("amy", "amy@example.com").await;
        server.take_mails(1).await;
        let before = snapshot(&server, &token).await;
        Fixture { server, token, before }
    }

    async fn send(
        &self,
        operation: &Operation,
        kind: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
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

    async fn assert_untouched(&self, what: &str) {
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
fn assert_documented(answer: &Answer, what: &str) {
    assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
    assert_eq!(answer.header("content-type"), "application/json", "{what}");
    let body = answer.json();
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

fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

#[tokio::test]
async fn missing_body_is_a_body_without_fields() {
    let fixture = Fixture::new().await;
    for operation in operations() {
        for kind in [
            None,
            Some(JSON),
            Some(FORM),
            Some("multipart/form-data; boundary=x"),
            Some("text/plain"),
        ] {
            let answer = fixture.send(&operation, kind, "").await;
            let what = format!("{} {kind:?}", operation.name());
            if operation.needs_fields {
                assert_documented(&answer, &what);
                assert_eq!(answer.status, 400, "{what}");
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                assert!(text.contains("This field is required."), "{what}: {text}");
            } else {
                assert_eq!(answer.status, 200, "{what}");
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
            let answer = fixture.send(&operation, Some(JSON), body.to_string()).await;
            assert_documented(&answer, &operation.name());
            assert_eq!(answer.status, 400);
            let names: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
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
async fn broken_json_is_told_with_its_place() {
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
            let answer = fixture.send(&operation, Some(JSON), body.to_vec()).await;
            assert_documented(&answer, &operation.name());
            assert_eq!(answer.status, 400);
            assert!(detail(&answer).starts_with("JSON parse error - "), "{answer:?}");
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
            let answer = fixture.send(&operation, Some(JSON), body).await;
            let message = format!("Invalid data. Expected a dictionary, but got {kind}.");
            let expected = json!({ "non_field_errors": [message] });
            assert_eq!(
                (answer.status, answer.json()),
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
            let answer = fixture.send(&operation, Some(kind), body).await;
            let what = format!("{} {kind} {body:?}", operation.name());
            assert_documented(&answer, &what);
            assert_eq!(answer.status, 400, "{what}");
            assert!(
                detail(&answer).starts_with("Multipart form parse error - "),
                "{what}: {answer:?}"
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
            let answer = fixture.send(&operation, kind, body.to_string()).await;
            let expected =
                format!("Unsupported media type \"{}\" in request.", kind.unwrap_or_default());
            assert_eq!(
                (answer.status, answer.json()),
                (415, json!({ "detail": expected })),
                "{}",
                operation.name()
            );
        }
    }
    fixture.assert_untouched("other content types").await;
}

#[tokio::test]
async fn form_of_more_than_a_thousand_fields_is_refused() {
    let fixture = Fixture::new().await;
    let body = "a=1&".repeat(1001);
    for operation in operations() {
        let answer = fixture.send(&operation, Some(FORM), body.clone()).await;
        assert_documented(&answer, &operation.name());
        assert_eq!(
            (answer.status, detail(&answer).as_str()),
            (400, "The number of form fields exceeds 1000.")
        );
    }
    fixture.assert_untouched("too many fields").await;
}

#[tokio::test]
async fn json_of_more_than_a_thousand_values_is_refused() {
    let fixture = Fixture::new().await;
    let bodies = [
        format!("[{}]", vec!["{\"\":0}"; 501].join(",")),
        format!("{{\"username\":[{}]}}", vec!["0"; 1000].join(",")),
        format!("{{{}}}", vec!["\"a\":0"; 1001].join(",")),
        format!("{{{}}}", (0..1001).map(|n| format!("\"{n}\":[]")).collect::<Vec<_>>().join(",")),
    ];
    for operation in operations() {
        for body in &bodies {
            let answer = fixture.send(&operation, Some(JSON), body.clone()).await;
            assert_documented(&answer, &operation.name());
            assert_eq!(
                (answer.status, detail(&answer).as_str()),
                (400, "The number of JSON values exceeds 1000.")
            );
        }
    }
    fixture.assert_untouched("too many values").await;
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
            let answer = fixture.send(&operation, Some(JSON), body.to_string()).await;
            let what = format!("{} {poisoned}", operation.name());
            assert_documented(&answer, &what);
            assert_eq!(answer.status, 400, "{what}");
            assert!(answer.json()[poisoned].is_array(), "{what}: {answer:?}");
        }
    }
    fixture.assert_untouched("null bytes").await;
}

#[tokio::test]
async fn names_have_150_characters_at_most() {
    let fixture = Fixture::new().await;
    let headers = [("authorization", fixture.token.as_str())];
    let (longest, longer) = ("é".repeat(150), "é".repeat(151));
    let message = json!(["Ensure this field has no more than 150 characters."]);
    let bad = json!({ "username": longer, "first_name": longer, "last_name": longer });
    for method in [Method::PUT, Method::PATCH] {
        let answer = fixture.server.send(method, "user/", &headers, bad.clone()).await;
        let expected = json!({ "username": message, "first_name": message, "last_name": message });
        assert_eq!((answer.status, answer.json()), (400, expected));
    }
    let registration = json!({ "username": longer, "password1": PASSWORD, "password2": PASSWORD });
    let answer = fixture.server.post("registration/", &[], registration).await;
    assert_eq!((answer.status, answer.json()), (400, json!({ "username": message })));
    fixture.assert_untouched("long names").await;

    let good = json!({ "username": longest, "first_name": longest, "last_name": longest });
    let answer = fixture.server.send(Method::PUT, "user/", &headers, good).await;
    assert_eq!((answer.status, &answer.json()["username"]), (200, &json!(longest)));
}

#[tokio::test]
async fn endless_texts_in_every_field_are_refused_or_unknown() {
    let fixture = Fixture::new().await;
    let long = "a1B-".repeat(100_000);
    for operation in operations() {
        let body: Value =
            operation.fields.iter().map(|(name, _)| ((*name).to_owned(), json!(long))).collect();
        let answer = fixture.send(&operation, Some(JSON), body.to_string()).await;
        assert_documented(&answer, &operation.name());
    }
    fixture.assert_untouched("endless texts").await;
}

/// Sends a request head and as much of the body as the server accepts, and reads the response.
async fn raw(address: SocketAddr, head: String, body: Vec<u8>) -> String {
    let request = request_of(&head);
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut sending = stream.try_clone().unwrap();
        // The server may close the connection before the end of the body.
        let sender = std::thread::spawn(move || drop(sending.write_all(&body)));
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            answer.extend_from_slice(&buffer[..read]);
            if answer.ends_with(b"}") {
                break;
            }
        }
        drop(stream.shutdown(std::net::Shutdown::Both));
        sender.join().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
    .unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let (status, headers) = first_line_and_headers(head);
    let status = status.split(' ').nth(1).unwrap().parse().unwrap();
    contract::check(
        &request,
        &contract::Reply { status, headers: &headers, body: body.as_bytes() },
    );
    answer
}

/// A stand-in for the body, which is too large for the server to read to its end.
fn request_of(head: &str) -> contract::Request {
    let (line, headers) = first_line_and_headers(head.trim_end());
    let [method, target, _] = line.split(' ').collect::<Vec<_>>()[..] else {
        panic!("no request: {line}")
    };
    contract::Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: vec![b' '],
    }
}

fn first_line_and_headers(head: &str) -> (&str, HeaderMap) {
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    (
        first,
        headers
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect(),
    )
}

fn assert_too_large(answer: &str, what: &str) {
    assert!(answer.starts_with("HTTP/1.1 413 "), "{what}: {answer}");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let body: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{what}: {e}: {body}"));
    assert_eq!(
        body,
        json!({ "detail": "The request body is larger than 2621440 bytes." }),
        "{what}"
    );
}

#[tokio::test]
async fn body_of_ten_megabytes_is_too_large() {
    let fixture = Fixture::new().await;
    let address = fixture.server.address();
    let size = 10 * 1024 * 1024;
    for operation in operations() {
        let head = |length: &str| {
            format!(
                "{} /api/auth/{} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: \
                 {JSON}\r\n{length}\r\n\r\n",
                operation.method, operation.path, fixture.token
            )
        };
        let declared =
            raw(address, head(&format!("Content-Length: {size}")), vec![b' '; size]).await;
        assert_too_large(&declared, &operation.name());
        // A chunked body without a declared length.
        let mut chunks = Vec::new();
        for _ in 0..size / 65_536 {
            chunks.extend_from_slice(b"10000\r\n");
            chunks.extend(std::iter::repeat_n(b' ', 65_536));
            chunks.extend_from_slice(b"\r\n");
        }
        let chunked = raw(address, head("Transfer-Encoding: chunked"), chunks).await;
        assert_too_large(&chunked, &operation.name());
    }
    fixture.assert_untouched("large bodies").await;
}

#[tokio::test]
async fn declared_hundred_megabytes_are_refused_before_they_are_sent() {
    let fixture = Fixture::new().await;
    for operation in operations() {
        let head = format!(
            "{} /api/auth/{} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: {JSON}\r\n\
             Content-Length: 104857600\r\n\r\n",
            operation.method, operation.path, fixture.token
        );
        assert_too_large(&raw(fixture.server.address(), head, Vec::new()).await, &operation.name());
    }
    fixture.assert_untouched("declared lengths").await;
}

#[tokio::test]
async fn operations_that_read_no_body_take_any() {
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
            let answer = fixture.server.run(request.header("content-type", kind).body(body)).await;
            assert_eq!(answer.status, status, "{path} {kind} {body}: {answer:?}");
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
    let answer = fixture.server.send(Method::PATCH, "user/", &headers, body).await;
    assert_eq!((answer.status, answer.json()), (200, fixture.before[0].clone()));
    fixture.assert_untouched("read-only fields").await;
}

#[tokio::test]
async fn names_may_be_blank_but_not_null() {
    let fixture = Fixture::new().await;
    let headers = [("authorization", fixture.token.as_str())];
    let nulls = json!({ "username": null, "first_name": null, "last_name": null });
    let message = json!(["This field may not be null."]);
    let answer = fixture.server.send(Method::PATCH, "user/", &headers, nulls).await;
    let expected = json!({ "username": message, "first_name": message, "last_name": message });
    assert_eq!((answer.status, answer.json()), (400, expected));
    let blanks = json!({ "username": " ", "first_name": "", "last_name": " " });
    let answer = fixture.server.send(Method::PUT, "user/", &headers, blanks).await;
    assert_eq!(
        (answer.status, answer.json()),
        (400, json!({ "username": ["This field may not be blank."] }))
    );
    let answer = fixture
        .server
        .send(Method::PATCH, "user/", &headers, json!({ "first_name": "", "last_name": " " }))
        .await;
    assert_eq!(answer.status, 200);
    for form in ["username=", "username=+", "username=&first_name=A"] {
        let request =
            fixture.server.http.patch(format!("{}/api/auth/user/", fixture.server.base)).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer =
            fixture.server.run(request.header("authorization", fixture.token.as_str())).await;
        assert_eq!(
            (answer.status, answer.json()),
            (400, json!({ "username": ["This field may not be blank."] }))
        );
    }
    fixture.assert_untouched("blank names").await;
}

#[tokio::test]
async fn broken_forms_are_read_as_far_as_they_go() {
    let fixture = Fixture::new().await;
    for operation in operations() {
        for body in ["%", "%zz=%&&&===", "a=%ff%00", "username=%00", "=&=", "&"] {
            let answer = fixture.send(&operation, Some(FORM), body).await;
            if operation.needs_fields || answer.status != 200 {
                assert_documented(&answer, &format!("{} {body}", operation.name()));
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
        let answer = server.send(method, path, &[("authorization", &token)], Value::Null).await;
        let named: Value =
            fields.iter().map(|f| ((*f).to_owned(), json!(["This field is required."]))).collect();
        assert_eq!((answer.status, answer.json()), (400, named), "{path}");
    }
}
