//! Silent and slow clients: their connections time out and never block other clients.
//!
//! `benches/src/bin/overload.rs` does this with ten thousand connections.

#[cfg(target_os = "linux")]
use std::time::Duration;

#[cfg(target_os = "linux")]
use serde_json::json;
use test_support::TestServer;
use test_support::binary::Binary;

use crate::PROGRAM;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const REQUEST: &[u8] =
    b"GET /api/auth/providers/ HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n";
/// The HTTP/2 preface with an empty SETTINGS frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Reads until the peer closes; `None` if it does not.
async fn rest(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut came = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match tokio::time::timeout(Duration::from_millis(50), stream.read(&mut buffer)).await {
            Err(_) => return None,
            // Unread data turns the close into a reset.
            Ok(Err(_) | Ok(0)) => return Some(came),
            Ok(Ok(read)) => came.extend_from_slice(&buffer[..read]),
        }
    }
}

async fn connect(server: &TestServer, says: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(says).await.unwrap();
    stream
}

async fn leap(seconds: u64) {
    // Advances tokio's clock, so that the server's timeouts fire.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn idle_connection_closes_after_75_seconds() {
    let server = TestServer::start().await;
    for (what, says) in [
        ("nothing", &b""[..]),
        ("a line", b"GET / HTTP/1.1\r\n"),
        ("half a preface of HTTP/2", &PREFACE[..10]),
        ("nothing in HTTP/2", PREFACE),
        ("one request and no other", REQUEST),
    ] {
        let mut stream = connect(&server, says).await;
        is_closed_in_time(what, &mut stream).await;
    }
    assert_eq!(server.get("providers/", &[]).await.status, 200);
}

async fn is_closed_in_time(what: &str, stream: &mut TcpStream) {
    assert_eq!(rest(stream).await, None, "{what}: there is time");
    leap(60).await;
    assert_eq!(rest(stream).await, None, "{what}: proxies keep a connection for a minute");
    for _ in 0..20 {
        leap(16).await;
        if rest(stream).await.is_some() {
            return;
        }
    }
    panic!("{what}: it is never closed");
}

#[tokio::test]
async fn stalled_handshake_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = |name: &str, text: String| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let certificate = file("fullchain.pem", made.cert.pem());
    let key = file("privkey.pem", made.signing_key.serialize_pem());
    let server = TestServer::with(&[("TLS_CERTIFICATE", &certificate), ("TLS_KEY", &key)]).await;
    // Nothing, and a truncated ClientHello.
    for says in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = connect(&server, says).await;
        is_closed_in_time("a handshake", &mut stream).await;
    }
}

#[tokio::test]
async fn active_connection_stays_open() {
    let server = TestServer::start().await;
    let mut stream = connect(&server, REQUEST).await;
    for _ in 0..5 {
        assert_eq!(rest(&mut stream).await, None);
        leap(60).await;
        stream.write_all(REQUEST).await.unwrap();
    }
    assert_eq!(rest(&mut stream).await, None);
}

/// An HTTP/2 frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `GET /api/auth/providers/` for host `x`, in HPACK.
fn request() -> Vec<u8> {
    let path = b"/api/auth/providers/";
    [&b"\x82\x86\x41\x01x\x04"[..], &[u8::try_from(path.len()).unwrap()], path].concat()
}

/// Writes frames until the server stops reading. Returns whether all were written, and the
/// response.
async fn flood(server: &TestServer, frames: impl Iterator<Item = Vec<u8>>) -> (bool, Vec<u8>) {
    let stream = connect(server, PREFACE).await;
    let (mut reading, mut writing) = stream.into_split();
    let came = tokio::spawn(async move {
        let mut came = Vec::new();
        let _ = reading.read_to_end(&mut came).await;
        came
    });
    let mut is_taken = true;
    for frame in frames {
        is_taken = writing.write_all(&frame).await.is_ok();
        if !is_taken {
            break;
        }
    }
    let _ = writing.shutdown().await;
    (
        is_taken,
        tokio::time::timeout(Duration::from_secs(30), came).await.expect("it is closed").unwrap(),
    )
}

/// The types of the frames of a peer.
fn kinds(mut frames: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let Some(head) = frames.first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        kinds.push(head[3]);
        frames = frames.get(9 + length..).unwrap_or_default();
    }
    kinds
}

/// A single request in the same frames as the floods below.
#[tokio::test]
async fn http_2_request_gets_a_response() {
    let server = TestServer::start().await;
    let (_, came) =
        flood(&server, [frame(HEADERS, END_STREAM | END_HEADERS, 1, &request())].into_iter()).await;
    assert!(kinds(&came).contains(&HEADERS), "{:?}", kinds(&came));
    assert!(String::from_utf8_lossy(&came).contains("\"sso_enabled\""));
}

/// `:authority` and Host must agree.
#[tokio::test]
async fn http_2_request_must_have_exactly_one_host() {
    let server = TestServer::start().await;
    let host = |value: &[u8]| [&b"\x66"[..], &[u8::try_from(value.len()).unwrap()], value].concat();
    let path = b"/api/auth/providers/";
    let unnamed = [&b"\x82\x86\x04"[..], &[u8::try_from(path.len()).unwrap()], path].concat();
    let ask = async |head: Vec<u8>| {
        let (_, came) =
            flood(&server, [frame(HEADERS, END_STREAM | END_HEADERS, 1, &head)].into_iter()).await;
        String::from_utf8_lossy(&came).into_owned()
    };
    for good in
        [request(), [request(), host(b"x")].concat(), [unnamed.clone(), host(b"x")].concat()]
    {
        let came = ask(good).await;
        assert!(came.contains("\"sso_enabled\""), "{came}");
    }
    for bad in [
        unnamed.clone(),
        [request(), host(b"y")].concat(),
        [unnamed, host(b"x"), host(b"x")].concat(),
    ] {
        let came = ask(bad).await;
        assert!(came.contains("{\"detail\":\"The ") && !came.contains("sso_enabled"), "{came}");
    }
}

#[tokio::test]
async fn http_2_floods_are_disconnected() {
    let server = TestServer::with(&[("METRICS_BIND", "127.0.0.1:0")]).await;
    let reset = |number: u32| {
        let stream = 2 * number + 1;
        let started = frame(HEADERS, END_STREAM | END_HEADERS, stream, &request());
        [started, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    let (_, came) = flood(&server, (0..20_000).map(reset)).await;
    assert!(kinds(&came).contains(&GOAWAY), "resets go on: {:?}", kinds(&came));
    // A header block without an end.
    let started = frame(HEADERS, END_STREAM, 1, &request());
    let header = [&b"\x00\x01a\x7f\x81\x01"[..], &[b'x'; 256]].concat();
    let more = frame(CONTINUATION, 0, 1, &header.repeat(60));
    let sent = 64 << 20;
    let (is_taken, came) = flood(
        &server,
        std::iter::once(started).chain(std::iter::repeat_n(more.clone(), sent / more.len())),
    )
    .await;
    let answered = String::from_utf8_lossy(&came).contains("\"sso_enabled\"");
    assert!(!is_taken && !answered, "{:?}", kinds(&came));

    assert_eq!(server.get("providers/", &[]).await.status, 200);
    for _ in 0..500 {
        let metrics = String::from_utf8(server.admin("/metrics").await.body).unwrap();
        if metrics.contains("http_requests_in_flight 0\n") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("requests are still in flight");
}

const DATA: u8 = 0;

/// `POST /api/auth/login/` with JSON for host `x`, in HPACK, without the body.
fn login() -> Vec<u8> {
    let field =
        |index: u8, value: &[u8]| [&[index, u8::try_from(value.len()).unwrap()], value].concat();
    let named =
        |name: &[u8], value: &[u8]| [field(0, name), field(0, value)[1..].to_vec()].concat();
    [
        b"\x83\x86\x41\x01x".to_vec(),
        field(4, b"/api/auth/login/"),
        named(b"content-type", b"application/json"),
    ]
    .concat()
}

/// 4,480 concurrent requests on 140 connections, each with half a body: more than are admitted at
/// a time.
#[tokio::test]
async fn incomplete_http_2_bodies_do_not_block_other_clients() {
    let server = TestServer::with(&[("METRICS_BIND", "127.0.0.1:0")]).await;
    let in_flight = async || -> u32 {
        let metrics = String::from_utf8(server.admin("/metrics").await.body).unwrap();
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("inventree_auth_http_requests_in_flight "));
        line.unwrap().parse().unwrap()
    };
    let half = |stream: u32| {
        [frame(HEADERS, END_HEADERS, stream, &login()), frame(DATA, 0, stream, b"{")].concat()
    };
    let all: Vec<u8> = (0..32).flat_map(|number| half(2 * number + 1)).collect();
    let mut held = Vec::new();
    let mut most = 0;
    for _ in 0..140 {
        let mut stream = connect(&server, PREFACE).await;
        let _ = stream.write_all(&all).await;
        held.push(stream);
        most = most.max(in_flight().await);
    }
    for _ in 0..20 {
        assert_eq!(server.get("providers/", &[]).await.status, 200);
        most = most.max(in_flight().await);
    }
    // Requests beyond the limit are refused; connections take a moment to close.
    assert!((4000..4096 + 256).contains(&most), "{most} requests under way");
    let rests = futures::future::join_all(held.iter_mut().map(rest)).await;
    let closed = rests.iter().flatten().count();
    assert!((12..64).contains(&closed), "{closed} of 140 closed");
}

/// 16 MiB of large bodies at a time. Small bodies are always read.
#[tokio::test]
async fn large_bodies_wait_for_memory_and_small_ones_do_not() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let head = "POST /api/auth/login/ HTTP/1.1\r\nHost: x\r\nContent-Type: \
        application/json\r\nContent-Length: 2600000\r\n\r\n";
    let most = [head.as_bytes(), &vec![b' '; 2_500_000]].concat();
    let mut refused = 0;
    let mut held = Vec::new();
    for _ in 0..12 {
        let mut stream = connect(&server, b"").await;
        // A refusal may come before the end of the body.
        let _ = stream.write_all(&most).await;
        held.push(stream);
    }
    for rest in futures::future::join_all(held.iter_mut().map(some)).await.iter().flatten() {
        assert!(rest.starts_with(b"HTTP/1.1 503 "), "{}", String::from_utf8_lossy(rest));
        refused += 1;
    }
    // A request is refused only if there is no room at all, so six are admitted and a seventh does
    // not fit.
    assert_eq!(refused, 6, "of 12");
    assert_eq!(server.log_in("amy", test_support::PASSWORD).await.status, 200);
    drop(held);
    let large = || async {
        let body = [&vec![b' '; 2_000_000][..], b"{}"].concat();
        let url = format!("{}/api/auth/login/", server.base);
        let request = server.http.post(url).header("content-type", "application/json").body(body);
        server.page(request).await.status
    };
    for _ in 0..100 {
        if large().await == 400 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the room is not given back");
}

/// Bodies whose parsing once took a hundred times their size, from four concurrent clients.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn large_bodies_release_their_memory() {
    const SIZE: usize = 2_500_000;
    let server = Binary::start(PROGRAM, "true");
    let mib = |what: &str| -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    };
    let http = reqwest::Client::new();
    let send = async |kind: &'static str, body: String| {
        let request = http.post(server.url("login/")).header("content-type", kind).body(body);
        // 503 without room.
        let status = request.send().await.unwrap().status().as_u16();
        assert!([400, 503].contains(&status), "{status}");
        status
    };
    let long = |text: &str| text.repeat(SIZE / text.len());
    let (json, form) = ("application/json", "application/x-www-form-urlencoded");
    send(json, "{}".to_owned()).await;
    let before = mib("VmRSS:");
    for (kind, body) in [
        (json, format!("[{}]", long("{\"\":0},"))),
        (json, format!("[{}]", long("[],"))),
        (json, format!("{{{}}}", long("\"a\":0,"))),
        (json, format!("{{\"username\":\"{}\",\"password\":\"x\"}}", long("\\u00e4"))),
        (form, long("a=&")),
        (form, format!("username={}&password=x", long("%ff"))),
    ] {
        for _ in 0..4 {
            futures::future::join_all((0..4).map(|_| send(kind, body.clone()))).await;
        }
    }
    let peak = mib("VmHWM:");
    println!("{before:.0} MiB before, {peak:.0} at most, {:.0} after", mib("VmRSS:"));
    assert!(peak - before < 64.0, "{before} MiB before, {peak} at most");
    for _ in 0..100 {
        if mib("VmRSS:") - before < 24.0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{before} MiB before, {} after", mib("VmRSS:"));
}

/// Bytes received within a second, if any.
async fn some(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 4096];
    let read =
        tokio::time::timeout(Duration::from_secs(1), stream.read(&mut buffer)).await.ok()?.ok()?;
    buffer.truncate(read);
    Some(buffer)
}

#[tokio::test]
async fn idle_connections_do_not_delay_shutdown() {
    let mut server = TestServer::start().await;
    let mut streams = Vec::new();
    for says in [&b""[..], b"GET / HTTP/1.1\r\n", PREFACE, REQUEST] {
        streams.push(connect(&server, says).await);
    }
    for stream in &mut streams {
        assert_eq!(rest(stream).await, None);
    }
    let stopping = tokio::spawn(async move {
        server.stop().await;
        server
    });
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if stopping.is_finished() {
            return;
        }
        leap(2).await;
    }
    panic!("it still runs");
}

#[tokio::test]
async fn head_of_more_than_32_kib_is_431_and_the_next_client_is_served() {
    let server = TestServer::start().await;
    for head in [format!("X-Long: {}", "x".repeat(1 << 20)), "X-Many: x\r\n".repeat(100_000)] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = format!("GET /api/auth/providers/ HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n");
        // The server may close before the end of the head.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut came = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut came))
            .await
            .unwrap();
        // A reset may have discarded the response.
        assert!(
            came.is_empty() || came.starts_with(b"HTTP/1.1 431 "),
            "{}",
            String::from_utf8_lossy(&came)
        );
        assert_eq!(server.get("providers/", &[]).await.status, 200);
    }
    let mut stream = connect(
        &server,
        b"GET /api/auth/providers/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: ",
    )
    .await;
    stream.write_all(&[b'x'; 30_000]).await.unwrap();
    stream.write_all(b"\r\n\r\n").await.unwrap();
    let mut came = Vec::new();
    stream.read_to_end(&mut came).await.unwrap();
    assert!(came.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&came));
}

/// 128 slots, and 700 clients that send nothing, half a request or half a body.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn idle_clients_are_evicted_for_new_ones() {
    let server = Binary::start(PROGRAM, "ulimit -n 256");
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let password = "Zebra-Quartz-77";
    let account = json!({
        "username": "amy", "email": "amy@example.com", "password1": password, "password2": password,
    });
    assert_eq!(
        http.post(server.url("registration/")).json(&account).send().await.unwrap().status(),
        201
    );
    let mut silent = Vec::new();
    let half_a_body = b"POST /api/auth/login/ HTTP/1.1\r\nHost: x\r\nContent-Type: \
            application/json\r\nContent-Length: 99\r\n\r\n{";
    for round in 0..7 {
        for number in 0..100 {
            let says = [&b""[..], b"GET / HTTP/1.1\r\nX: ", half_a_body, PREFACE][number % 4];
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            // The connection may have been closed already to make room.
            let _ = stream.write_all(says).await;
            silent.push(stream);
        }
        let login = json!({"username": "amy", "password": password});
        let login = http.post(server.url("login/")).json(&login).send().await.unwrap();
        assert_eq!(login.status(), 200, "round {round}");
        let open_files =
            std::fs::read_dir(format!("/proc/{}/fd", server.process.id())).unwrap().count();
        assert!(open_files < 256, "{open_files} files");
    }
    // The first ones have been closed.
    let rests = futures::future::join_all(silent.iter_mut().map(rest)).await;
    let closed = rests.iter().flatten().count();
    assert!((572..700).contains(&closed), "{closed} of 700 closed");
}
