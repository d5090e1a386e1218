//! A body that stops coming, and a fault of our own. What cannot be read is in tests/bad_input.rs and tests/fuzz.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Answer, PASSWORD, TestServer};

/// Reads until the answer is whole, or says that none has come.
async fn answer(stream: &mut TcpStream) -> Option<String> {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.ends_with(b"}") {
        let read = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut buffer)).await.ok()?.unwrap();
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    Some(String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn body_that_stops_coming_is_given_up() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    for length in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = format!(
            "PATCH /api/auth/user/ HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\
             Content-Type: application/json\r\n{length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(if length.starts_with('T') { b"5\r\n{\"fir\r\n" } else { b"{\"fir" }).await.unwrap();
        assert_eq!(answer(&mut stream).await, None, "there is time");
        let mut came = None;
        for _ in 0..100 {
            // Not before the body's patience began, so it may take more than one leap.
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(31)).await;
            tokio::time::resume();
            came = answer(&mut stream).await;
            if came.is_some() {
                break;
            }
        }
        let came = came.expect("an answer");
        assert!(came.starts_with("HTTP/1.1 408 "), "{came}");
        assert!(came.ends_with("{\"detail\":\"The request body did not arrive in time.\"}"), "{came}");
    }
    let user = server.get("user/", &[("authorization", &token)]).await;
    assert_eq!((user.status, user.json()["first_name"].as_str()), (200, Some("")));
}

/// The clock is what a test replaces in any case: one that breaks once is a fault in the middle of a handler.
#[tokio::test]
async fn panic_of_a_handler_is_an_answer_and_the_server_goes_on() {
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
        let broken: Answer = ask(name, value.clone()).await;
        assert_eq!((broken.status, broken.json()), (500, json!({ "detail": "Internal server error." })));
        for header in ["cache-control", "x-content-type-options", "x-frame-options"] {
            assert!(!broken.header(header).is_empty(), "{header}");
        }
        assert_eq!(ask(name, value.clone()).await.status, 200);
    }
    // Writes go on as well.
    server.register("bob", "bob@example.com").await;
    assert_eq!(server.take_mails(1).await.len(), 1);
}
