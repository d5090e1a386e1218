//! The memory of forms that arrive slowly. Alone in its process, whose peak it reads.

#![cfg(target_os = "linux")]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Of this process, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn slow_uploads_are_not_held_in_memory() {
    const UPLOADS: usize = 20;
    const PIECES: usize = 64;
    let connections = workshop::start().await.unwrap();
    let piece = vec![b'x'; 0x10000];
    let head = "POST /photos HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                Content-Type: multipart/form-data; boundary=b\r\n";
    let start = "--b\r\nContent-Disposition: form-data; name=photos; filename=p\r\n\r\n";
    let length = start.len() + PIECES * piece.len() + "\r\n--b--\r\n".len();
    let mut streams = Vec::new();
    let before = peak();
    for _ in 0..UPLOADS {
        let mut stream = TcpStream::connect(connections.address()).await.unwrap();
        let head = format!("{head}Content-Length: {length}\r\n\r\n{start}");
        stream.write_all(head.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    for _ in 0..PIECES {
        for stream in &mut streams {
            stream.write_all(&piece).await.unwrap();
        }
    }
    let grown = peak() - before;
    for mut stream in streams {
        stream.write_all(b"\r\n--b--\r\n").await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        let told = format!("[\"photos\",[{}]]", PIECES * piece.len());
        assert!(response.ends_with(&told), "{response}");
    }
    // 80 MiB were sent by then.
    assert!(grown < 24 << 10, "{UPLOADS} uploads took {grown} kB");
    connections.stop().await.unwrap();
}
