//! Bad input: a clear error in the documented shape, every bad field named, nothing changed, never a 5xx.

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Answer, PASSWORD, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Every operation that reads a body.
const READS: &[(&str, &str)] = &[
    ("POST", "emails/"),
    ("POST", "login/"),
    ("POST", "password/change/"),
    ("POST", "password/reset/"),
    ("POST", "password/reset/confirm/"),
    ("POST", "registration/"),
    ("POST", "registration/resend-email/"),
    ("POST", "registration/verify-email/"),
    ("PUT", "user/"),
    ("PATCH", "user/"),
];

async fn with_amy() -> (TestServer, String) {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    (server, token)
}

async fn raw(server: &TestServer, token: &str, (method, path): (&str, &str), kind: &str, body: Vec<u8>) -> Answer {
    let url = format!("{}/api/auth/{path}", server.base);
    let request = server.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url).body(body);
    let request = if path == "login/" { request } else { request.header("authorization", token) };
    server.run(request.header("content-type", kind)).await
}

/// `{"detail": "…"}`, or lists of sentences by field.
fn is_documented(answer: &Answer) -> bool {
    let body = answer.json();
    let lists = |members: &serde_json::Map<String, Value>| {
        members.values().all(|list| list.as_array().is_some_and(|items| items.iter().all(Value::is_string)))
    };
    answer.header("content-type") == "application/json"
        && (body["detail"].is_string() || body.as_object().is_some_and(lists))
}

async fn nothing_changed(server: &TestServer, token: &str) {
    let me = server.get("user/", &[("authorization", token)]).await.json();
    let expected =
        json!({ "pk": me["pk"], "username": "amy", "email": "amy@example.com", "first_name": "", "last_name": "" });
    assert_eq!(me, expected);
    assert_eq!(server.get("emails/", &[("authorization", token)]).await.json()["count"], 1);
    assert_eq!(server.domain().store.read(|r| r.account_count()).await.unwrap(), 1);
}

#[tokio::test]
async fn unreadable_bodies_are_4xx_in_the_documented_shape() {
    let (server, token) = with_amy().await;
    let json = "application/json";
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        (json, b"{".to_vec(), 400),
        (json, b"[1]".to_vec(), 400),
        (json, b"null".to_vec(), 400),
        (json, b"\"text\"".to_vec(), 400),
        (json, b"\xff\xfe".to_vec(), 400),
        (json, b"{\"a\": NaN}".to_vec(), 400),
        (json, [b"[".repeat(100_000), b"]".repeat(100_000)].concat(), 400),
        ("multipart/form-data", b"x".to_vec(), 400),
        ("text/plain", b"x".to_vec(), 415),
        ("application/xml", b"<a/>".to_vec(), 415),
        ("", b"{}".to_vec(), 415),
        (json, vec![b' '; 10 * 1024 * 1024], 413),
    ];
    for operation in READS {
        for (kind, body, status) in &cases {
            let answer = raw(&server, &token, *operation, kind, body.clone()).await;
            assert_eq!(answer.status, *status, "{operation:?} {kind}: {answer:?}");
            assert!(is_documented(&answer), "{operation:?} {kind}: {answer:?}");
        }
    }
    nothing_changed(&server, &token).await;
}

#[tokio::test]
async fn missing_body_names_every_required_field() {
    let (server, token) = with_amy().await;
    let required = [
        ("POST", "emails/", vec!["email", "user"]),
        ("POST", "login/", vec!["password"]),
        ("POST", "password/change/", vec!["new_password1", "new_password2"]),
        ("POST", "password/reset/", vec!["email"]),
        ("POST", "password/reset/confirm/", vec!["new_password1", "new_password2", "uid", "token"]),
        ("POST", "registration/", vec!["username", "password1", "password2"]),
        ("POST", "registration/resend-email/", vec!["email"]),
        ("POST", "registration/verify-email/", vec!["key"]),
        ("PUT", "user/", vec!["username"]),
    ];
    for (method, path, fields) in required {
        let answer = raw(&server, &token, (method, path), "application/json", Vec::new()).await;
        let named: Value = fields.iter().map(|f| ((*f).to_owned(), json!(["This field is required."]))).collect();
        assert_eq!((answer.status, answer.json()), (400, named), "{method} {path}");
    }
    nothing_changed(&server, &token).await;
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let (server, token) = with_amy().await;
    let body = json!({ "username": "AMY", "email": "nonsense", "password1": "short", "password2": ["x"] });
    let answer = server.post("registration/", &[], body).await;
    let said = json!({
        "username": ["A user with that username already exists."],
        "email": ["Enter a valid email address."],
        "password1": ["This password is too short. It must contain at least 8 characters."],
        "password2": ["Not a valid string."],
    });
    assert_eq!((answer.status, answer.json()), (400, said));
    let long = "x".repeat(151);
    let body = json!({ "username": long, "first_name": "a\u{0}b", "last_name": null });
    let answer = server.send(Method::PATCH, "user/", &[("authorization", &token)], body).await;
    let said = json!({
        "username": ["Ensure this field has no more than 150 characters."],
        "first_name": ["Null characters are not allowed."],
        "last_name": ["This field may not be null."],
    });
    assert_eq!((answer.status, answer.json()), (400, said));
    nothing_changed(&server, &token).await;
}

#[tokio::test]
async fn names_of_150_characters_of_any_script_are_kept() {
    let (server, token) = with_amy().await;
    let name = "山".repeat(150);
    let body = json!({ "username": name, "first_name": name });
    let answer = server.send(Method::PATCH, "user/", &[("authorization", &token)], body).await;
    assert_eq!((answer.status, answer.json()["username"].as_str()), (200, Some(name.as_str())));
}

#[tokio::test]
async fn password_of_more_than_1024_characters_is_refused_at_registration() {
    let server = TestServer::start().await;
    for (length, status) in [(1024, 201), (1025, 400), (1_000_000, 400)] {
        let password = "aB3-".repeat(length / 4) + &"x".repeat(length % 4);
        let body = json!({ "username": format!("n{length}"), "password1": password, "password2": password });
        let answer = server.post("registration/", &[], body).await;
        assert_eq!(answer.status, status, "{length}");
        if status == 400 {
            assert_eq!(answer.json()["password1"], json!(["Ensure this field has no more than 1024 characters."]));
        }
    }
}

#[tokio::test]
async fn fields_that_are_not_for_clients_change_nothing() {
    let (server, token) = with_amy().await;
    let body = json!({ "pk": 9, "email": "eve@example.com", "is_superuser": true, "is_staff": true, "password": "x" });
    let answer = server.send(Method::PATCH, "user/", &[("authorization", &token)], body).await;
    assert_eq!(answer.status, 200);
    nothing_changed(&server, &token).await;
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
}

/// What is announced as too large is refused before a byte of it is read.
#[tokio::test]
async fn announced_100_megabytes_are_refused_at_once() {
    let server = TestServer::start().await;
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let head = "POST /api/auth/login/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 16];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
}
