//! A server that responds to each request in the same way, and keeps it.
#![allow(dead_code)]

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Method and target.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let found = self.headers.iter().filter(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// The only value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name}: {all:?}");
        all.first().copied()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

pub struct Recorder {
    pub url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Recorder {
    /// Returns 204.
    pub async fn start() -> Recorder {
        Recorder::with_response("HTTP/1.1 204 No Content\r\n\r\n").await
    }

    pub async fn with_response(response: &str) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (kept, response) = (seen.clone(), response.to_owned());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                if let Some(request) = read(&mut stream).await {
                    kept.lock().unwrap().push(request);
                }
                let _ = stream.write_all(response.as_bytes()).await;
            }
        });
        Recorder { url, seen }
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// The one request that came since the last call.
    pub fn only(&self) -> Request {
        let mut seen = self.seen.lock().unwrap();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut sent = Vec::new();
    let end = loop {
        if let Some(end) = sent.windows(4).position(|part| part == b"\r\n\r\n") {
            break end;
        }
        more(stream, &mut sent).await?;
    };
    let head = String::from_utf8(sent[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let mut request = Request { line, headers: lines.map(header).collect(), body: Vec::new() };
    let mut body = sent.split_off(end + 4);
    if request.header("transfer-encoding") == Some("chunked") {
        while !body.ends_with(b"0\r\n\r\n") {
            more(stream, &mut body).await?;
        }
    } else {
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        while body.len() < length {
            more(stream, &mut body).await?;
        }
    }
    request.body = body;
    Some(request)
}

async fn more(stream: &mut TcpStream, sent: &mut Vec<u8>) -> Option<()> {
    let mut part = [0; 4096];
    let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
    sent.extend(&part[..count]);
    Some(())
}
