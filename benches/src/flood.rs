//! Clients that only send bodies of the maximum size that are slow to parse.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const BODY_BYTES: usize = 2_500_000;

pub struct Flood {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Result<u64, String>>>,
}

impl Flood {
    /// Starts `clients` clients, each on one connection.
    pub fn start(port: u16, clients: usize) -> Flood {
        let is_over = Arc::new(AtomicBool::new(false));
        let requests: Arc<Vec<Vec<u8>>> = Arc::new(bodies().iter().map(request).collect());
        let clients = (0..clients).map(|number| {
            let (is_over, requests) = (Arc::clone(&is_over), Arc::clone(&requests));
            std::thread::spawn(move || send(port, &requests, number, &is_over))
        });
        Flood { clients: clients.collect(), is_over }
    }

    /// Stops the clients and returns the number of refused bodies.
    ///
    /// # Errors
    ///
    /// An unexpected response, or no refusal at all.
    pub fn stop(self) -> Result<u64, String> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut refused = 0;
        for client in self.clients {
            refused += client.join().map_err(|_| "a client of the flood broke")??;
        }
        if refused == 0 { Err("the flood brought nothing".to_owned()) } else { Ok(refused) }
    }
}

/// Media type and content.
fn bodies() -> [(&'static str, String); 6] {
    const JSON: &str = "application/json";
    let long = |text: &str| text.repeat(BODY_BYTES / text.len());
    let login = |text: &str| format!("{{\"username\":\"{}\",\"password\":\"x\"}}", long(text));
    [
        (JSON, format!("[{}]", long("{\"\":0},"))),
        (JSON, login("\\u00e4")),
        (JSON, login(" ")),
        (JSON, format!("{{{}}}", long("\"a\":[],"))),
        ("application/x-www-form-urlencoded", format!("username={}&password=x", long("%ff"))),
        (
            "multipart/form-data; boundary=x",
            long("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n"),
        ),
    ]
}

fn request((kind, body): &(&str, String)) -> Vec<u8> {
    let length = body.len();
    let head = "POST /api/auth/login/ HTTP/1.1\r\nHost: x";
    format!("{head}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

fn send(
    port: u16,
    requests: &[Vec<u8>],
    first: usize,
    is_over: &AtomicBool,
) -> Result<u64, String> {
    let connect = || {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(|e| e.to_string())?;
        Ok::<_, String>(stream)
    };
    let mut stream = connect()?;
    let mut refused = 0;
    for request in requests.iter().cycle().skip(first) {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let mut response = [0; 4096];
        let read = stream.write_all(request).and_then(|()| stream.read(&mut response));
        let response = response.get(..read.unwrap_or(0)).unwrap_or_default();
        match response.get(..12) {
            // 503 while other large bodies use up the memory limit.
            Some(b"HTTP/1.1 400" | b"HTTP/1.1 503") => refused += 1,
            Some(_) => {
                return Err(format!(
                    "a large body was answered {}",
                    String::from_utf8_lossy(response)
                ));
            }
            // A refusal before the end of the body closes with a reset, which may discard the
            // response.
            None => stream = connect()?,
        }
    }
    Ok(refused)
}
