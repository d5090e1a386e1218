//! Requests on raw connections, which a server may refuse at any byte, and their times.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Fails with the first response that is no 200.
pub fn all_accepted(when: &str, responses: &[Response]) -> Result<(), Failure> {
    let refused = responses.iter().filter(|response| response.status != 200);
    match refused.clone().next() {
        None => Ok(()),
        Some(first) => {
            let (many, of) = (refused.count(), responses.len());
            Err(format!(
                "{when}: {many} of {of} refused, the first with {}: {}",
                first.status, first.text
            )
            .into())
        }
    }
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub text: String,
    pub took: Duration,
}

/// Sends a request on a connection of its own and reads the response to its end.
pub async fn ask(port: u16, request: &[u8]) -> Result<Response, Failure> {
    let started = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut response = Vec::new();
    let written = stream.write_all(request).await;
    // The server may refuse the request before reading it completely.
    let read = stream.read_to_end(&mut response).await;
    let text = String::from_utf8_lossy(&response).into_owned();
    let Some(status) = text.split(' ').nth(1).and_then(|status| status.parse().ok()) else {
        return Err(format!("no response: {written:?} {read:?} {text:?}").into());
    };
    Ok(Response { status, text, took: started.elapsed() })
}

pub fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /api/auth/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: \
         application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

pub fn median(responses: &[Response]) -> Duration {
    let mut took: Vec<Duration> = responses.iter().map(|response| response.took).collect();
    took.sort();
    took.get(took.len() / 2).copied().unwrap_or_default()
}

pub fn times(responses: &[Response]) -> String {
    let mut took: Vec<Duration> = responses.iter().map(|response| response.took).collect();
    took.sort();
    let at = |part: usize| {
        took.get((took.len() * part / 100).min(took.len().saturating_sub(1))).copied()
    };
    let ms = |part| at(part).unwrap_or_default().as_secs_f64() * 1000.0;
    format!("p50 {:.1} ms, p99 {:.1} ms", ms(50), ms(99))
}
