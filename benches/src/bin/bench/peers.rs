//! The same operations on other servers, installed from their registries according to their
//! documentation (`benches/peers`), in turns with this one.
//!
//! Each runs twice: with its default password hash, and with argon2id at our parameters.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::load::{Clients, Expect, Load, Numbers, Request, run as load};
use crate::requests::{by_token, log_in};
use crate::servers::serve;
use crate::table::{Table, machine, median, number};
use benches::filling::{PASSWORD, fill};
use benches::process::Process;

const ROUNDS: u32 = 3;
const SECONDS: u32 = 3;
const READERS: u32 = 32;
const HASHERS: u32 = 8;
/// Pause before memory is measured.
const IDLE_PAUSE: std::time::Duration = std::time::Duration::from_secs(3);
const NAME: &str = "amy";
const EMAIL: &str = "amy@example.com";

/// The target folder of `benches/peers/install`.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench-peers");
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

struct Peer {
    name: &'static str,
    /// Its default hash.
    hash: &'static str,
    /// Creates the tables, if the start does not.
    prepare: Option<&'static str>,
    serve: fn(u16) -> Command,
    alive: &'static str,
    register: fn() -> Request,
    log_in: fn() -> Request,
    /// The token's member in the login response.
    token: &'static str,
    scheme: &'static str,
    who: &'static str,
}

const PEERS: [Peer; 3] = [
    Peer {
        name: "dj-rest-auth 7.2 + allauth 65.21, gunicorn, 2 workers",
        hash: "PBKDF2, 1,000,000 rounds",
        prepare: Some("django_server.py"),
        serve: |port| {
            let mut command = Command::new(format!("{INSTALLED}/venv/bin/gunicorn"));
            command.args([
                "--workers",
                "2",
                "--chdir",
                SOURCES,
                "--bind",
                &format!("127.0.0.1:{port}"),
            ]);
            command.args(["--log-level", "warning", "django_server:application"]);
            command
        },
        alive: "/user/",
        register: || {
            let body = json!({
                "username": NAME, "email": EMAIL, "password1": PASSWORD, "password2": PASSWORD,
            });
            Request::post("/registration/", &body)
        },
        log_in: || Request::post("/login/", &json!({ "username": NAME, "password": PASSWORD })),
        token: "key",
        scheme: "Token",
        who: "/user/",
    },
    Peer {
        name: "fastapi-users 15, uvicorn, 2 workers",
        hash: "argon2id, 64 MiB, 3 passes",
        prepare: Some("fastapi_server.py"),
        serve: |port| {
            let mut command = Command::new(format!("{INSTALLED}/venv/bin/uvicorn"));
            command.args(["--workers", "2", "--app-dir", SOURCES, "--port", &port.to_string()]);
            command.args(["--log-level", "warning", "--no-access-log", "fastapi_server:app"]);
            command
        },
        alive: "/users/me",
        register: || {
            Request::post("/auth/register", &json!({ "email": EMAIL, "password": PASSWORD }))
        },
        log_in: || {
            Request::form(
                "/auth/login",
                &format!("username={}&password={PASSWORD}", EMAIL.replace('@', "%40")),
            )
        },
        token: "access_token",
        scheme: "Bearer",
        who: "/users/me",
    },
    Peer {
        name: "better-auth 1.7, Node, better-sqlite3",
        hash: "scrypt, 16 MiB",
        prepare: None,
        serve: |port| {
            let mut command = Command::new("node");
            command.args([&format!("{INSTALLED}/better_auth_server.mjs"), &port.to_string()]);
            command
        },
        alive: "/api/auth/ok",
        register: || {
            let body = json!({ "email": EMAIL, "password": PASSWORD, "name": NAME });
            Request::post("/api/auth/sign-up/email", &body)
        },
        log_in: || {
            Request::post(
                "/api/auth/sign-in/email",
                &json!({ "email": EMAIL, "password": PASSWORD }),
            )
        },
        token: "token",
        scheme: "Bearer",
        who: "/api/auth/get-session",
    },
];

pub fn run() -> Result<(), Box<dyn Error>> {
    let machine = machine();
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("ours.sqlite3");
    fill(&database.as_path().into(), 1000)?;
    let headings = &[
        "server",
        "who-am-i per s",
        "ours",
        "logins per s",
        "ours",
        "PSS MiB",
        "ours",
        "start ms",
        "ours",
    ];
    let mut table = Table::new(headings);
    for peer in &PEERS {
        for hash in ["default", "argon2id"] {
            let named = if hash == "default" { peer.hash } else { "argon2id at our parameters" };
            eprintln!("{}, {named}", peer.name);
            let cells = compare(peer, hash, &database, folder.path())?;
            table.add([vec![format!("{}; {named}", peer.name)], cells].concat());
        }
    }
    println!("{machine}; medians of {ROUNDS} rounds of {SECONDS} s\n");
    table.print();
    Ok(())
}

fn compare(
    peer: &Peer,
    hash: &str,
    database: &Path,
    folder: &Path,
) -> Result<Vec<String>, Box<dyn Error>> {
    let theirs = folder.join(format!("{}-{hash}.sqlite3", peer.token));
    let environment = [("PEER_DATABASE", theirs.as_os_str()), ("PEER_HASH", hash.as_ref())];
    if let Some(program) = peer.prepare {
        let python = format!("{INSTALLED}/venv/bin/python");
        let status =
            Command::new(python).arg(format!("{SOURCES}/{program}")).envs(environment).status()?;
        if !status.success() {
            return Err(format!(
                "{program} cannot make its tables: is benches/peers/install done?"
            )
            .into());
        }
    }
    let start = |log: &str| {
        Process::start(peer.alive, &folder.join(log), |port| {
            let mut command = (peer.serve)(port);
            command.envs(environment);
            command
        })
    };
    let started =
        [start("first.log")?, start("second.log")?, start("third.log")?].map(|p| p.started_in);
    let server = start("peer.log")?;
    request(server.port, &(peer.register)())?;
    let token = request(server.port, &(peer.log_in)())?;
    let token = token[peer.token].as_str().ok_or("no token in the response to a login")?.to_owned();
    let who = Request::get(peer.who).header(format!("Authorization: {} {token}", peer.scheme));
    let output = request(server.port, &who)?.to_string();
    if !output.contains(EMAIL) {
        return Err(format!("who-am-i says {output}").into());
    }

    let ours_started = [serve(database)?, serve(database)?, serve(database)?].map(|p| p.started_in);
    let ours = serve(database)?;
    let turns =
        |ours_ask: Request, their_ask: Request, connections| -> Result<(f64, f64, f64), String> {
            let clients = Clients { connections, seconds: SECONDS };
            let (mut at_ours, mut at_theirs): (Vec<Load>, Vec<Load>) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let run = |port, request| {
                    load(
                        port,
                        std::slice::from_ref(request),
                        Numbers::Any(1000),
                        clients,
                        Expect::Success,
                    )
                };
                at_ours.push(run(ours.port, &ours_ask)?);
                at_theirs.push(run(server.port, &their_ask)?);
            }
            let ratio =
                median(at_ours.iter().zip(&at_theirs).map(|(a, b)| a.per_second / b.per_second));
            let middle = |loads: &[Load]| median(loads.iter().map(|l| l.per_second));
            Ok((middle(&at_theirs), middle(&at_ours), ratio))
        };
    let mut cells = Vec::new();
    for (ours_ask, their_ask, connections) in
        [(by_token(), who, READERS), (log_in(), (peer.log_in)(), HASHERS)]
    {
        let (theirs, ours, ratio) = turns(ours_ask, their_ask, connections)?;
        cells.extend([number(theirs), format!("{} ({ratio:.1} x)", number(ours))]);
    }
    // Idle, as most of the time.
    std::thread::sleep(IDLE_PAUSE);
    let (their_memory, our_memory) = (server.memory_mib(), ours.memory_mib());
    cells.extend([
        format!("{their_memory:.0}"),
        format!("{our_memory:.0} (1/{:.1})", their_memory / our_memory),
    ]);
    let millis =
        |times: [std::time::Duration; 3]| median(times.iter().map(|t| t.as_secs_f64() * 1000.0));
    let (their_start, our_start) = (millis(started), millis(ours_started));
    cells.extend([
        format!("{their_start:.0}"),
        format!("{our_start:.0} (1/{:.0})", their_start / our_start),
    ]);
    Ok(cells)
}

/// Sends one request and returns the JSON of its response.
fn request(port: u16, request: &Request) -> Result<Value, Box<dyn Error>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(request.text(port).as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let is_good = response.starts_with("HTTP/1.1 2");
    let body = response.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    // Works with and without chunks: the object is between the outermost braces.
    let object = body.find('{').zip(body.rfind('}')).map(|(from, to)| &body[from..=to]);
    match object {
        Some(object) if is_good => Ok(serde_json::from_str(object)?),
        _ => Err(format!("not the response that was expected: {response}").into()),
    }
}
