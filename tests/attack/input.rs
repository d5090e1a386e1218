//! Stalled bodies, ambiguous message framing and panics. For invalid content see
//! tests/server/bad_input.rs and tools/src/bin/fuzz.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use test_support::{PASSWORD, Response, TestServer};

/// Reads a complete response; `None` if there is none.
async fn response(stream: &mut TcpStream) -> Option<String> {
    let mut response = Vec::new();
    let mut buffer = [0; 4096];
    while !response.ends_with(b"}") {
        let read = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut buffer))
            .await
            .ok()?
            .unwrap();
        if read == 0 {
            break;
        }
        response.extend_from_slice(&buffer[..read]);
    }
    Some(String::from_utf8(response).unwrap())
}

#[tokio::test]
async fn stalled_body_times_out() {
    let server = TestServer::start().await;
    // A sign-up asks no database before its body: the clock that is moved below belongs to that
    // too.
    for length in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = format!(
            "POST /api/auth/registration/ HTTP/1.1\r\nHost: x\r\n\
             Content-Type: application/json\r\n{length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
            .write_all(if length.starts_with('T') { b"5\r\n{\"use\r\n" } else { b"{\"use" })
            .await
            .unwrap();
        assert_eq!(response(&mut stream).await, None, "there is time");
        let mut came = None;
        for _ in 0..100 {
            // The body timeout may start later, so it may take more than one step.
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(31)).await;
            tokio::time::resume();
            came = response(&mut stream).await;
            if came.is_some() {
                break;
            }
        }
        let came = came.expect("a response");
        assert!(came.starts_with("HTTP/1.1 408 "), "{came}");
        assert!(
            came.ends_with("{\"detail\":\"The request body did not arrive in time.\"}"),
            "{came}"
        );
    }
    server.register("amy", "").await;
}

/// A clock that panics once causes a panic inside a handler.
#[tokio::test]
async fn panic_in_a_handler_is_500_and_the_server_continues() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let login = server.log_in("amy", PASSWORD).await;
    let cookie = format!("sessionid={}", login.cookie_value("sessionid"));
    let ask = |name: &'static str, value: String| {
        let url = format!("{}/api/auth/user/", server.base);
        let request = server.http.get(url).header(name, value);
        server.page(request)
    };
    for (name, value) in [("authorization", &token), ("cookie", &cookie)] {
        Arc::clone(&server.clock).break_once();
        let broken: Response = ask(name, value.clone()).await;
        assert_eq!(
            (broken.status, broken.json()),
            (500, json!({ "detail": "Internal server error." }))
        );
        for header in ["cache-control", "x-content-type-options", "x-frame-options"] {
            assert!(!broken.header(header).is_empty(), "{header}");
        }
        assert_eq!(ask(name, value.clone()).await.status, 200);
    }
    // Writes work too.
    server.register("bob", "bob@example.com").await;
    assert_eq!(server.take_mails(1).await.len(), 1);
}

/// All bytes until the server closes.
async fn exchange(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut came = Vec::new();
    let reading = stream.read_to_end(&mut came);
    // Unread data turns the close into a reset.
    let _ = tokio::time::timeout(Duration::from_secs(10), reading)
        .await
        .expect("the connection is closed");
    String::from_utf8(came).unwrap()
}

fn statuses(responses: &str) -> Vec<&str> {
    responses.split("HTTP/1.1 ").skip(1).filter_map(|response| response.get(..3)).collect()
}

/// One response, 400, regardless of the rest; the bytes after it are not read as a request.
#[tokio::test]
async fn ambiguously_framed_requests_are_refused_and_smuggle_nothing() {
    let server = TestServer::start().await;
    let next = "GET /api/auth/providers/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let post = |lines: &str, body: &str| {
        format!(
            "POST /api/auth/login/ HTTP/1.1\r\nHost: x\r\nContent-Type: \
             application/json\r\n{lines}\r\n{body}"
        )
    };
    for request in [
        post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
        post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"),
        post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
        post("Content-Length: +2\r\n", "{}"),
        post("Content-Length: 2,2\r\n", "{}"),
        post("Content-Length: 2\n", "{}"),
        post("X: a\nContent-Length: 2\r\n", "{}"),
        post("X: a\rContent-Length: 2\r\n", "{}"),
        post("", "").replace("\r\n", "\n"),
        post("", "").replace("HTTP/1.1\r\n", "HTTP/1.1\n"),
        format!("\n{}", post("", "")),
        post("Transfer-Encoding: chunked\r\n", "0\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "2\n{}\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "2;a=\nb\r\n{}\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "0x2\r\n{}\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "2\r\n{}xx\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\nX: a\n\r\n"),
    ] {
        for whole in [true, false] {
            let bytes = format!("{request}{next}");
            let came = match whole {
                true => exchange(&server, bytes.as_bytes()).await,
                // In two writes, so that hyper parses half a head first.
                false => {
                    let mut stream = TcpStream::connect(server.address()).await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    stream.write_all(&bytes.as_bytes()[..30]).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    let _ = stream.write_all(&bytes.as_bytes()[30..]).await;
                    let mut came = Vec::new();
                    let reading = stream.read_to_end(&mut came);
                    let _ = tokio::time::timeout(Duration::from_secs(10), reading)
                        .await
                        .expect("it is closed");
                    String::from_utf8(came).unwrap()
                }
            };
            assert_eq!(statuses(&came), ["400"], "{request:?} {whole}: {came}");
        }
    }
    // Valid framings are accepted.
    for request in [
        post("Content-Length: 2\r\n", "{}"),
        post("content-length:2 \r\n", "\n\n"),
        post("Transfer-Encoding: Chunked\r\n", "2;a=b\r\n{}\r\n0\r\nX: a\r\n\r\n"),
        format!("\r\n{}", post("", "")),
    ] {
        let came = exchange(&server, format!("{request}{next}").as_bytes()).await;
        assert_eq!(statuses(&came), ["400", "200"], "{request:?}: {came}");
        assert!(
            came.contains("{\"detail\":") || came.contains("This field is required."),
            "{came}"
        );
    }
}

#[tokio::test]
async fn request_must_have_exactly_one_host() {
    let server = TestServer::start().await;
    let get = |version: &str, lines: &str| {
        format!("GET /api/auth/providers/ HTTP/{version}\r\n{lines}Connection: close\r\n\r\n")
    };
    for (lines, why) in [
        ("", "The request has no Host header."),
        ("Host: x\r\nHost: x\r\n", "The request has more than one Host header."),
        ("Host: x\r\nhost: y\r\n", "The request has more than one Host header."),
        ("Host: x y\r\n", "The Host header is invalid."),
        ("Host: a@x\r\n", "The Host header is invalid."),
        ("Host: x/\r\n", "The Host header is invalid."),
    ] {
        let came = exchange(&server, get("1.1", lines).as_bytes()).await;
        assert!(came.starts_with("HTTP/1.1 400 "), "{lines:?}: {came}");
        assert!(came.ends_with(&json!({ "detail": why }).to_string()), "{lines:?}: {came}");
    }
    let came = exchange(&server, get("1.0", "Host: x\r\nHost: x\r\n").as_bytes()).await;
    assert!(came.starts_with("HTTP/1.0 400 "), "{came}");
    for (version, lines) in
        [("1.1", "Host: x:80\r\n"), ("1.1", "Host: [::1]\r\n"), ("1.0", ""), ("1.0", "Host: x\r\n")]
    {
        let came = exchange(&server, get(version, lines).as_bytes()).await;
        assert!(came.starts_with(&format!("HTTP/{version} 200 ")), "{version} {lines:?}: {came}");
    }
}

/// Percent-encodes every byte of every path: the same path, or 404. An encoded slash is no
/// separator.
#[tokio::test]
async fn percent_encoded_path_is_the_same_path_or_not_found() {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    let row = server.get("emails/", &[("authorization", &token)]).await.json()["results"][0]["id"]
        .as_i64()
        .unwrap();
    let ask = async |method: reqwest::Method, path: &str| {
        let request = server.http.request(method, format!("{}{path}", server.base));
        server.page(request.header("authorization", &token)).await.status
    };
    let paths = [
        (reqwest::Method::GET, "/api/auth/user/".to_owned()),
        (reqwest::Method::POST, format!("/api/auth/emails/{row}/verify/")),
        (reqwest::Method::POST, "/api/auth/social/4711/disconnect/".to_owned()),
        (reqwest::Method::GET, "/platform/login".to_owned()),
        (reqwest::Method::GET, "/accounts/confirm-email/MQ:1abc:x/".to_owned()),
        (
            reqwest::Method::GET,
            "/api/auth/registration/account-confirm-email/MQ:1abc:x/".to_owned(),
        ),
        (reqwest::Method::POST, "/platform/api/sessions/1/end/".to_owned()),
    ];
    for (method, path) in paths {
        let plain = ask(method.clone(), &path).await;
        for (at, byte) in path.bytes().enumerate().skip(1) {
            for escape in [format!("%{byte:02X}"), format!("%{byte:02x}")] {
                let escaped = format!("{}{escape}{}", &path[..at], &path[at + 1..]);
                let status = ask(method.clone(), &escaped).await;
                let is_known =
                    if byte == b'/' { status == 404 } else { status == plain || status == 404 };
                assert!(is_known, "{method} {escaped}: {status}, {plain} for {path}");
            }
        }
        for escape in [
            "%", "%2", "%zz", "%00", "%ff", "%2e", "%2e%2e", "%25", "%252F", "%2F%2F", "%5c",
            "%0d%0a",
        ] {
            for (at, _) in path.match_indices('/').skip(1) {
                let escaped = format!("{}{escape}{}", &path[..at], &path[at..]);
                let status = ask(method.clone(), &escaped).await;
                assert!(status < 500, "{method} {escaped}: {status}");
            }
        }
    }
    let url = format!("{}/api/auth/emails%2F{row}%2Fverify/", server.base);
    let response = server.page(server.http.post(url).header("authorization", &token)).await;
    assert_eq!(
        (response.status, response.json()["detail"].as_str()),
        (404, Some("API endpoint not found"))
    );
}

/// Elements of a list are looked at one by one, and a head has room for 30,000.
#[tokio::test]
async fn long_header_lists_take_linear_time() {
    let server = TestServer::start().await;
    let commas = ",".repeat(30_000);
    for header in [
        "accept",
        "accept-language",
        "accept-encoding",
        "if-none-match",
        "x-forwarded-for",
        "cookie",
    ] {
        for path in ["/api/auth/providers/", "/api/schema/", "/platform/", "/platform/account.js"] {
            let began = std::time::Instant::now();
            let request = server.http.get(format!("{}{path}", server.base)).header(header, &commas);
            let response = server.page(request).await;
            assert!(response.status < 500, "{header} {path}: {response:?}");
            // Some milliseconds in a debug build; seconds if each element were compared with each
            // other one.
            assert!(
                began.elapsed() < Duration::from_secs(1),
                "{header} {path}: {:?}",
                began.elapsed()
            );
        }
    }
}
