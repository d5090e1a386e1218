//! Load generation with wrk: requests, number of clients, duration and results.
//!
//! An unexpected response invalidates the figure, so it aborts the run.

use std::process::{Child, Command, Output, Stdio};

/// Debian's 4.1.0, used for the figures in the documents.
pub const WRK_VERSION: &str = "4.1.0";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/load.lua");

/// Placeholder for a number of eight digits.
pub const NUMBER: &str = "########";

/// A kind of request.
#[derive(Clone)]
pub struct Request {
    weight: u32,
    method: &'static str,
    path: String,
    headers: Vec<String>,
    body: String,
}

impl Request {
    pub fn get(path: &str) -> Request {
        Request {
            weight: 1,
            method: "GET",
            path: path.to_owned(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub fn post(path: &str, json: &serde_json::Value) -> Request {
        Request { method: "POST", body: json.to_string(), ..Request::get(path) }
            .header("content-type: application/json")
    }

    pub fn form(path: &str, body: &str) -> Request {
        let request = Request { method: "POST", body: body.to_owned(), ..Request::get(path) };
        request.header("content-type: application/x-www-form-urlencoded")
    }

    pub fn patch(path: &str, json: &serde_json::Value) -> Request {
        Request { method: "PATCH", ..Request::post(path, json) }
    }

    pub fn at(mut self, path: &str) -> Request {
        path.clone_into(&mut self.path);
        self
    }

    pub fn header(mut self, line: impl Into<String>) -> Request {
        self.headers.push(line.into());
        self
    }

    pub fn weight(mut self, weight: u32) -> Request {
        self.weight = weight;
        self
    }
}

impl Request {
    /// The request as sent, on a connection of its own.
    pub fn text(&self, port: u16) -> String {
        let Request { method, path, headers, body, .. } = self;
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: \
             close\r\n{headers}Content-Length: \
             {length}\r\n\r\n{body}"
        )
    }
}

/// The numbers in the requests.
#[derive(Clone, Copy)]
pub enum Numbers {
    /// Random, up to this one.
    Any(u32),
    /// Ascending from this one.
    EachFrom(u32),
}

#[derive(Clone, Copy)]
pub struct Clients {
    pub connections: u32,
    pub seconds: u32,
}

#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub requests: u64,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// The expected responses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    Success,
    /// Only 4xx.
    Unauthorized,
    /// Some 2xx and some 4xx.
    Both,
}

/// A running load.
pub struct RunningLoad {
    wrk: Child,
    expect: Expect,
}

pub fn start(
    port: u16,
    requests: &[Request],
    numbers: Numbers,
    clients: Clients,
    expect: Expect,
) -> Result<RunningLoad, String> {
    let mut command = Command::new("wrk");
    command.args([
        "-t1",
        "-c",
        &clients.connections.to_string(),
        "-d",
        &format!("{}s", clients.seconds),
    ]);
    command.args(["--timeout", "30s", "-s", SCRIPT, &format!("http://127.0.0.1:{port}"), "--"]);
    match numbers {
        Numbers::Any(last) => command.args(["any", "1", &last.to_string()]),
        Numbers::EachFrom(first) => command.args(["each", &first.to_string(), "0"]),
    };
    for request in requests {
        command.args([
            &request.weight.to_string(),
            request.method,
            &request.path,
            &request.headers.join("\n"),
            &request.body,
        ]);
    }
    let wrk = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let wrk = wrk.map_err(|e| format!("wrk: {e}; apt-get install wrk"))?;
    Ok(RunningLoad { wrk, expect })
}

impl RunningLoad {
    pub fn finish(self) -> Result<Load, String> {
        let output = self.wrk.wait_with_output().map_err(|e| e.to_string())?;
        read(&output, self.expect).ok_or_else(|| {
            let printed = [output.stdout, output.stderr]
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            format!("not the responses that were expected: {}", printed.concat())
        })
    }
}

pub fn run(
    port: u16,
    requests: &[Request],
    numbers: Numbers,
    clients: Clients,
    expect: Expect,
) -> Result<Load, String> {
    start(port, requests, numbers, clients, expect)?.finish()
}

fn read(output: &Output, expect: Expect) -> Option<Load> {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let figures: Vec<u64> = line.split(' ').map_while(|word| word.parse().ok()).collect();
    let &[requests, micros, p50, p99, refused, broken] = figures.as_slice() else { return None };
    let is_good = match expect {
        Expect::Success => refused == 0,
        Expect::Unauthorized => refused == requests,
        Expect::Both => true,
    };
    (is_good && broken == 0 && requests > 0).then(|| Load {
        requests,
        per_second: requests as f64 * 1e6 / micros as f64,
        p50_ms: p50 as f64 / 1000.0,
        p99_ms: p99 as f64 / 1000.0,
    })
}

/// # Errors
///
/// If wrk is missing or has another version.
pub fn check_wrk() -> Result<(), String> {
    let output = Command::new("wrk")
        .arg("-v")
        .output()
        .map_err(|e| format!("wrk: {e}; apt-get install wrk"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let is_known = printed.contains(WRK_VERSION);
    if is_known { Ok(()) } else { Err(format!("wrk {WRK_VERSION} is needed; this is {printed}")) }
}
