//! Requests on raw connections, which a server may refuse at any byte, and their times.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Fails with the first response that is no 200.
pub fn all_accepted(when: &str, answers: &[Answer]) -> Result<(), Failure> {
    let refused = answers.iter().filter(|answer| answer.status != 200);
    match refused.clone().next() {
        None => Ok(()),
        Some(first) => {
            let (many, of) = (refused.count(), answers.len());
            Err(format!(
                "{when}: {many} of {of} refused, the first with {}: {}",
                first.status, first.text
            )
            .into())
        }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
    pub took: Duration,
}

/// Sends a request on a connection of its own and reads the response to its end.
pub async fn ask(port: u16, request: &[u8]) -> Result<Answer, Failure> {
    let started = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut answer = Vec::new();
    let written = stream.write_all(request).await;
    // The server may refuse the request before reading it completely.
    let read = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let Some(status) = text.split(' ').nth(1).and_then(|status| status.parse().ok()) else {
        return Err(format!("no answer: {written:?} {read:?} {text:?}").into());
    };
    Ok(Answer { status, text, took: started.elapsed() })
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

pub fn median(answers: &[Answer]) -> Duration {
    let mut took: Vec<Duration> = answers.iter().map(|answer| answer.took).collect();
    took.sort();
    took.get(took.len() / 2).copied().unwrap_or_default()
}

pub fn times(answers: &[Answer]) -> String {
    let mut took: Vec<Duration> = answers.iter().map(|answer| answer.took).collect();
    took.sort();
    let at = |part: usize| {
        took.get((took.len() * part / 100).min(took.len().saturating_sub(1))).copied()
    };
    let ms = |part| at(part).unwrap_or_default().as_secs_f64() * 1000.0;
    format!("p50 {:.1} ms, p99 {:.1} ms", ms(50), ms(99))
}
