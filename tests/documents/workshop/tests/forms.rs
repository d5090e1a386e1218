//! Forms with files, asked by raw requests.

use serde_json::{Value, json};
use specbound::connections::Connections;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BOUNDARY: &str = "b0undary";
const KIND: &str = "multipart/form-data; boundary=b0undary";

async fn start() -> (Connections, String) {
    let connections = workshop::start().await.unwrap();
    let base = format!("http://{}", connections.address());
    (connections, base)
}

/// A part with these headers behind `form-data; `.
fn part(headers: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {headers}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), format!("--{BOUNDARY}--\r\n").into_bytes()].concat()
}

async fn post(url: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    post_with(url, &[("badge", "b")], body).await
}

async fn post_with(
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> (u16, Value) {
    let request = reqwest::Client::new().post(url);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.header("content-type", KIND).body(body).send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn title() -> Vec<u8> {
    part("name=title", b"Shed")
}

fn size() -> Vec<u8> {
    part("name=size\r\nContent-Type: application/json", br#"{"width": 3}"#)
}

fn drawing(content: &[u8]) -> Vec<u8> {
    part("name=\"drawing\"; filename=\"/tmp/a.png\"\r\nContent-Type: image/png", content)
}

#[tokio::test]
async fn files_reach_the_handler_with_name_content_type_and_bytes() {
    let (connections, base) = start().await;
    let large = [vec![b'a'; 90_000], vec![b'z']].concat();
    let parts = [
        title(),
        part("name=notes; filename=one.txt", b"1"),
        size(),
        drawing(&large),
        part("name=tags", b"oak"),
        part("name=notes", b"22"),
        part("name=tags", b"pine"),
        part("name=stamp; filename=s", b"stamp"),
        part("name=other; filename=dropped", b"no place in the document"),
    ];
    let (status, told) = post(&format!("{base}/plans"), form(&parts)).await;
    let expected = json!(["plan", [
        {"size": {"width": 3}, "tags": ["oak", "pine"], "title": "Shed"},
        ["a.png", "image/png", 90_001, 122],
        [["one.txt", null, 1, 49], [null, null, 2, 50]],
        5,
    ]]);
    assert_eq!((status, told), (200, expected));
    connections.stop().await.unwrap();
}

#[tokio::test]
async fn every_field_and_file_error_is_reported_at_once() {
    let (connections, base) = start().await;
    let parts = [
        part("name=title", b"Far too long"),
        part("name=size", br#"{"width": 0}"#),
        part("name=drawing; filename=a.gif\r\nContent-Type: image/gif", b"GIF"),
        part("name=notes; filename=one", b"1"),
        part("name=stamp", b"1"),
        part("name=stamp", b"2"),
        part("name=tags\r\nContent-Type: text/plain; charset=latin1", b"x"),
    ];
    let (status, told) = post(&format!("{base}/plans"), form(&parts)).await;
    let expected = json!({
        "title": ["Ensure this field has no more than 8 characters."],
        "size": ["width: Ensure this value is greater than or equal to 1."],
        "drawing": [
            "Unsupported media type \"image/gif\". Allowed are: image/png, image/svg+xml."
        ],
        "notes": ["Ensure this field has at least 2 elements."],
        "stamp": ["Expected one file, but got 2."],
        "tags": ["The text must be UTF-8."],
    });
    assert_eq!((status, told), (400, expected));

    let (status, told) = post(&format!("{base}/plans"), form(&[title(), size()])).await;
    assert_eq!((status, told), (400, json!({"drawing": ["This field is required."]})));

    let parts = [title(), size(), drawing(&[0; 100_001])];
    let (status, told) = post(&format!("{base}/plans"), form(&parts)).await;
    let long = json!({"drawing": ["Ensure this file has no more than 100000 bytes."]});
    assert_eq!((status, told), (400, long));
    connections.stop().await.unwrap();
}

#[tokio::test]
async fn empty_file_inputs_count_as_absent() {
    let (connections, base) = start().await;
    let unfilled =
        part("name=photos; filename=\"\"\r\nContent-Type: application/octet-stream", b"");
    let told = post(&format!("{base}/photos"), form(&[unfilled])).await;
    assert_eq!(told, (200, json!(["photos", []])));
    // An empty file is a file.
    let empty = part("name=photos; filename=\"empty\"", b"");
    assert_eq!(post(&format!("{base}/photos"), form(&[empty])).await.1, json!(["photos", [0]]));
    // The body is optional.
    assert_eq!(post(&format!("{base}/photos"), "").await.1, json!(["photos", []]));
    connections.stop().await.unwrap();
}

#[tokio::test]
async fn json_is_accepted_beside_a_form_with_files() {
    let (connections, base) = start().await;
    let request = reqwest::Client::new().post(format!("{base}/plans")).header("badge", "b");
    let response = request.json(&json!({})).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let request = reqwest::Client::new().post(format!("{base}/plans")).header("badge", "b");
    let response = request.header("content-type", "text/plain").body("x").send().await.unwrap();
    assert_eq!(response.status(), 415);
    connections.stop().await.unwrap();
}

#[tokio::test]
async fn malformed_forms_are_refused() {
    let (connections, base) = start().await;
    for bad in [
        &b"no delimiter"[..],
        b"--b0undary\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b0undary--\r\n",
        b"--b0undary\r\nContent-Type: text/plain\r\n\r\nx\r\n--b0undary--\r\n",
        b"--b0undary\r\nContent-Disposition: form-data; name=photos\r\n\r\nno end",
        b"--b0undary\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\nx\r\n--b0undary--\r\n",
    ] {
        let (status, told) = post(&format!("{base}/photos"), bad).await;
        let detail = told["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && detail.starts_with("Multipart form parse error"), "{told}");
    }
    connections.stop().await.unwrap();
}

#[tokio::test]
async fn parts_files_and_bytes_have_limits() {
    let (connections, base) = start().await;
    let photos = format!("{base}/photos");
    let photo = part("name=photos; filename=p", b"p");
    let four = [photo.clone(), photo.clone(), photo.clone(), photo.clone()];
    let (status, told) = post(&photos, form(&four)).await;
    let many = json!({"photos": ["Ensure this field has no more than 3 elements."]});
    assert_eq!((status, told), (400, many));
    let six = vec![photo; 6];
    let (status, told) = post(&photos, form(&six)).await;
    assert_eq!((status, told), (400, json!({"detail": "The number of files exceeds 5."})));
    let fields = vec![part("name=x", b"x"); 41];
    let (status, told) = post(&photos, form(&fields)).await;
    assert_eq!((status, told), (400, json!({"detail": "The number of form fields exceeds 40."})));
    let text = part("name=x", &[b'x'; 4097]);
    assert_eq!(post(&photos, form(&[text])).await.0, 413);
    // Names count as well as texts.
    let long = "x".repeat(1000);
    let named = part(&format!("name={long}"), b"");
    assert_eq!(post(&photos, form(&vec![named; 5])).await.0, 413);
    let large = part("name=photos; filename=p", &vec![0; (6 << 20) + 1]);
    let (status, told) = post(&photos, form(&[large])).await;
    let detail = "The file \"photos\" is larger than 6291456 bytes.";
    assert_eq!((status, told), (413, json!({ "detail": detail })));
    let half = part("name=photos; filename=p", &vec![0; 5 << 20]);
    let (status, told) = post(&photos, form(&[half.clone(), half])).await;
    let detail = "The request body is larger than 8388608 bytes.";
    assert_eq!((status, told), (413, json!({ "detail": detail })));
    connections.stop().await.unwrap();
}

/// The scheme is refused without the field, and takes nothing from the form.
#[tokio::test]
async fn security_scheme_may_read_a_field_of_a_form_with_files() {
    let (connections, base) = start().await;
    let plans = format!("{base}/plans");
    let csrf = |token: &str| part("name=csrf", token.as_bytes());
    let large = [vec![b'a'; 90_000], vec![b'z']].concat();
    let read = json!(["plan", [
        {"size": {"width": 3}, "tags": [], "title": "Shed"},
        ["a.png", "image/png", 90_001, 122], [], null,
    ]]);
    let sent = form(&[title(), csrf("7"), size(), drawing(&large)]);
    assert_eq!(post_with(&plans, &[("cookie", "desk=7")], sent).await, (200, read.clone()));
    for parts in [
        vec![title(), csrf("8"), size(), drawing(&large)],
        vec![title(), size(), drawing(&large)],
        // Behind more than the limit of a form without files.
        vec![title(), size(), drawing(&large), csrf("7")],
    ] {
        let sent = form(&parts);
        assert_eq!(post_with(&plans, &[("cookie", "desk=7")], sent.clone()).await.0, 403);
        let both = [("cookie", "desk=7"), ("badge", "b")];
        assert_eq!(post_with(&plans, &both, sent).await, (200, read.clone()));
    }
    connections.stop().await.unwrap();
}

/// No other body is touched by a scheme that looks for a field.
#[tokio::test]
async fn security_scheme_leaves_json_to_the_handler() {
    let (connections, base) = start().await;
    let request = reqwest::Client::new().post(format!("{base}/plans"));
    let request = request.header("badge", "b").header("cookie", "desk=7");
    let response = request.json(&json!({"item": "nail", "count": 6})).send().await.unwrap();
    assert_eq!(response.status(), 200);
    connections.stop().await.unwrap();
}

async fn connect(connections: &Connections, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(connections.address()).await.unwrap();
    let head = format!("{head}\r\nHost: x\r\nContent-Type: {KIND}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn status(stream: &mut TcpStream) -> String {
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    String::from_utf8(line.to_vec()).unwrap()
}

#[tokio::test]
async fn security_is_checked_before_any_byte_of_a_form_is_read() {
    let (connections, _) = start().await;
    let mut stream = connect(&connections, "POST /plans HTTP/1.1").await;
    stream.write_all(b"Content-Length: 1000\r\n\r\n").await.unwrap();
    assert_eq!(status(&mut stream).await, "HTTP/1.1 403");
    drop(stream);
    connections.stop().await.unwrap();
}

/// Both the declared gigabyte and the one that comes in chunks.
#[tokio::test]
async fn gigabyte_body_is_refused_at_the_limit() {
    let (connections, _) = start().await;
    let mut stream = connect(&connections, "POST /photos HTTP/1.1").await;
    stream.write_all(b"Content-Length: 1073741824\r\n\r\n").await.unwrap();
    assert_eq!(status(&mut stream).await, "HTTP/1.1 413");

    let stream = connect(&connections, "POST /photos HTTP/1.1").await;
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(b"Transfer-Encoding: chunked\r\n\r\n").await.unwrap();
    let sending = tokio::spawn(async move {
        let start = part("name=photos; filename=p", b"");
        let start = [format!("{:x}\r\n", start.len()).as_bytes(), &start, b"\r\n"].concat();
        let piece = [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat();
        let mut sent = 0_u64;
        if writer.write_all(&start).await.is_ok() {
            while sent < 1 << 30 && writer.write_all(&piece).await.is_ok() {
                sent += 0x10000;
            }
        }
        sent
    });
    let mut line = [0; 12];
    reader.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 413");
    drop(reader);
    let sent = sending.await.unwrap();
    assert!(sent < 64 << 20, "{sent} bytes were taken");
    connections.stop().await.unwrap();
}
