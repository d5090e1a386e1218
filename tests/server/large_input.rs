//! Bodies with too many bytes, fields or characters: refused, and nothing changes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use http::{HeaderMap, HeaderName};
use reqwest::Method;
use serde_json::{Value, json};
use test_support::{PASSWORD, contract};

use super::bad_input::{FORM, Fixture, JSON, assert_documented, detail, operations};

#[tokio::test]
async fn form_of_more_than_a_thousand_fields_is_refused() {
    let fixture = Fixture::new().await;
    let body = "a=1&".repeat(1001);
    for operation in operations() {
        let response = fixture.send(&operation, Some(FORM), body.clone()).await;
        assert_documented(&response, &operation.name());
        assert_eq!(
            (response.status, detail(&response).as_str()),
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
            let response = fixture.send(&operation, Some(JSON), body.clone()).await;
            assert_documented(&response, &operation.name());
            assert_eq!(
                (response.status, detail(&response).as_str()),
                (400, "The number of JSON values exceeds 1000.")
            );
        }
    }
    fixture.assert_untouched("too many values").await;
}

#[tokio::test]
async fn names_have_150_characters_at_most() {
    let fixture = Fixture::new().await;
    let headers = [("authorization", fixture.token.as_str())];
    let (longest, longer) = ("é".repeat(150), "é".repeat(151));
    let message = json!(["Ensure this field has no more than 150 characters."]);
    let bad = json!({ "username": longer, "first_name": longer, "last_name": longer });
    for method in [Method::PUT, Method::PATCH] {
        let response = fixture.server.send(method, "user/", &headers, bad.clone()).await;
        let expected = json!({ "username": message, "first_name": message, "last_name": message });
        assert_eq!((response.status, response.json()), (400, expected));
    }
    let registration = json!({ "username": longer, "password1": PASSWORD, "password2": PASSWORD });
    let response = fixture.server.post("registration/", &[], registration).await;
    assert_eq!((response.status, response.json()), (400, json!({ "username": message })));
    fixture.assert_untouched("long names").await;

    let good = json!({ "username": longest, "first_name": longest, "last_name": longest });
    let response = fixture.server.send(Method::PUT, "user/", &headers, good).await;
    assert_eq!((response.status, &response.json()["username"]), (200, &json!(longest)));
}

#[tokio::test]
async fn endless_texts_in_every_field_are_refused_or_unknown() {
    let fixture = Fixture::new().await;
    let long = "a1B-".repeat(100_000);
    for operation in operations() {
        let body: Value =
            operation.fields.iter().map(|(name, _)| ((*name).to_owned(), json!(long))).collect();
        let response = fixture.send(&operation, Some(JSON), body.to_string()).await;
        assert_documented(&response, &operation.name());
    }
    fixture.assert_untouched("endless texts").await;
}

/// Sends a request head and as much of the body as the server accepts, and reads the response.
async fn raw(address: SocketAddr, head: String, body: Vec<u8>) -> String {
    let request = request_of(&head);
    let response = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut sending = stream.try_clone().unwrap();
        // The server may close the connection before the end of the body.
        let sender = std::thread::spawn(move || drop(sending.write_all(&body)));
        let (mut response, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            response.extend_from_slice(&buffer[..read]);
            if response.ends_with(b"}") {
                break;
            }
        }
        drop(stream.shutdown(std::net::Shutdown::Both));
        sender.join().unwrap();
        String::from_utf8_lossy(&response).into_owned()
    })
    .await
    .unwrap();
    let (head, body) = response.split_once("\r\n\r\n").expect("a response");
    let (status, headers) = first_line_and_headers(head);
    let status = status.split(' ').nth(1).unwrap().parse().unwrap();
    contract::check(
        &request,
        &contract::Reply { status, headers: &headers, body: body.as_bytes() },
    );
    response
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

fn assert_too_large(response: &str, what: &str) {
    assert!(response.starts_with("HTTP/1.1 413 "), "{what}: {response}");
    let body = response.split_once("\r\n\r\n").unwrap().1;
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
