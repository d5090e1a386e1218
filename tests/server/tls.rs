//! TLS: the binary, PEM files on disk, real handshakes.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::PROGRAM;

/// A self-signed certificate for `localhost`.
struct Certificate {
    pem: String,
    key: String,
    der: CertificateDer<'static>,
}

impl Certificate {
    fn new() -> Certificate {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        Certificate { pem: cert.pem(), key: signing_key.serialize_pem(), der: cert.der().clone() }
    }
}

/// The PEM files, and the binary that serves them.
struct Server {
    folder: tempfile::TempDir,
    process: Child,
    address: SocketAddr,
    log: BufReader<std::process::ChildStderr>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn files(folder: &Path) -> [PathBuf; 2] {
    [folder.join("fullchain.pem"), folder.join("privkey.pem")]
}

/// Replaces each file atomically, as certbot does.
fn put(folder: &Path, pem: &str, key: &str) {
    for (file, text) in files(folder).iter().zip([pem, key]) {
        let new = file.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, file).unwrap();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let [certificate, key] = files(folder);
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .env("INVENTREE_TLS_CERTIFICATE", certificate)
        .env("INVENTREE_TLS_KEY", key);
    command
        .env("INVENTREE_SITE_URL", "https://localhost")
        .env("INVENTREE_DB_NAME", folder.join("auth.sqlite3"));
    command.env("INVENTREE_JSON_LOG", "true");
    command
}

impl Server {
    fn start(certificate: &Certificate) -> Server {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &certificate.pem, &certificate.key);
        let mut command = command(folder.path(), &["serve", "--bind", "127.0.0.1:0"]);
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Server { folder, process, address: any, log };
        let listening = server.wait_for("listening");
        server.address = listening["address"].as_str().unwrap().parse().unwrap();
        server
    }

    /// Reads the log up to a line with this message.
    fn wait_for(&mut self, message: &str) -> serde_json::Value {
        let mut line = String::new();
        while self.log.read_line(&mut line).unwrap() > 0 {
            let read: serde_json::Value = serde_json::from_str(&line).unwrap();
            if read["msg"] == message {
                return read;
            }
            line.clear();
        }
        panic!("the log ends without `{message}`");
    }

    fn hang_up(&self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }

    async fn connect(
        &self,
        trusted: &Certificate,
        version: &'static SupportedProtocolVersion,
    ) -> std::io::Result<Talk> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.der.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config =
            config.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots);
        let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
        let socket = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        Ok(Talk(connector.connect(name, socket).await?))
    }
}

/// A connection.
struct Talk(TlsStream<TcpStream>);

impl Talk {
    async fn ask(&mut self) -> String {
        self.0.write_all(b"GET /api/auth/user/ HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"}") {
            assert_ne!(self.0.read_buf(&mut read).await.unwrap(), 0);
        }
        String::from_utf8(read).unwrap()
    }

    fn is_served_with(&self, certificate: &Certificate) -> bool {
        self.0.get_ref().1.peer_certificates() == Some(std::slice::from_ref(&certificate.der))
    }
}

#[tokio::test]
async fn api_is_served_over_tls_1_2_and_1_3_only() {
    let certificate = Certificate::new();
    let server = Server::start(&certificate);
    for version in [&TLS12, &TLS13] {
        let mut talk = server.connect(&certificate, version).await.unwrap();
        assert!(talk.ask().await.starts_with("HTTP/1.1 401"));
    }
    // A plaintext client gets no response and affects no other.
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET /api/auth/user/ HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut read = Vec::new();
    let _ = plain.read_to_end(&mut read).await;
    assert!(!read.starts_with(b"HTTP"), "{read:?}");
    assert!(
        server.connect(&certificate, &TLS13).await.unwrap().ask().await.contains("credentials")
    );
}

#[tokio::test]
async fn hsts_is_sent_where_the_server_terminates_tls() {
    let certificate = Certificate::new();
    let server = Server::start(&certificate);
    let response =
        server.connect(&certificate, &TLS13).await.unwrap().ask().await.to_ascii_lowercase();
    assert!(response.contains("\r\nstrict-transport-security: max-age=31536000\r\n"), "{response}");
}

#[tokio::test]
async fn certificate_is_reloaded_on_sighup_without_closing_connections() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let mut server = Server::start(&old);
    let mut talk = server.connect(&old, &TLS13).await.unwrap();
    talk.ask().await;
    put(server.folder.path(), &new.pem, &new.key);
    server.hang_up();
    server.wait_for("TLS certificate reloaded");
    assert!(server.connect(&new, &TLS13).await.unwrap().is_served_with(&new));
    assert!(server.connect(&old, &TLS13).await.is_err());
    assert!(talk.ask().await.starts_with("HTTP/1.1 401"));
}

#[tokio::test]
async fn invalid_certificate_keeps_the_previous_one() {
    let (old, other) = (Certificate::new(), Certificate::new());
    let mut server = Server::start(&old);
    for (pem, key) in [(other.pem.as_str(), old.key.as_str()), ("", ""), (&old.pem, "no key")] {
        put(server.folder.path(), pem, key);
        server.hang_up();
        let line = server.wait_for("TLS certificate reload failed, keeping the previous one");
        assert!(line["why"].as_str().unwrap().starts_with("INVENTREE_TLS_"), "{line}");
        assert!(server.connect(&old, &TLS13).await.unwrap().is_served_with(&old));
    }
    put(server.folder.path(), &other.pem, &other.key);
    server.hang_up();
    server.wait_for("TLS certificate reloaded");
    assert!(server.connect(&other, &TLS13).await.unwrap().is_served_with(&other));
}

#[test]
fn invalid_tls_file_fails_startup_with_one_line_that_names_the_setting() {
    let (one, two) = (Certificate::new(), Certificate::new());
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let refusal = |arguments: &[&str]| {
        let Output { status, stdout, stderr } = command(folder, arguments).output().unwrap();
        let printed = String::from_utf8(stderr).unwrap();
        assert_eq!((status.code(), stdout.as_slice()), (Some(1), &b""[..]), "{printed}");
        printed.lines().find_map(|line| line.strip_prefix("inventree-auth: ")).unwrap().to_owned()
    };
    let encrypted = one.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (pem, key, says) in [
        (one.pem.as_str(), two.key.as_str(), "INVENTREE_TLS_KEY"),
        ("", one.key.as_str(), "INVENTREE_TLS_CERTIFICATE"),
        ("rubbish", one.key.as_str(), "it contains no certificate"),
        (&one.pem, &encrypted, "or an encrypted one"),
    ] {
        put(folder, pem, key);
        let checked = refusal(&["check-config"]);
        assert!(checked.contains(says), "{checked}");
        assert_eq!(refusal(&["serve", "--bind", "127.0.0.1:0"]), checked);
    }
    std::fs::remove_file(&files(folder)[0]).unwrap();
    assert!(refusal(&["check-config"]).starts_with("INVENTREE_TLS_CERTIFICATE: "));
    put(folder, &one.pem, &one.key);
    let mut alone = command(folder, &["check-config"]);
    let printed = alone.env_remove("INVENTREE_TLS_KEY").output().unwrap().stderr;
    assert!(
        String::from_utf8(printed)
            .unwrap()
            .contains("INVENTREE_TLS_CERTIFICATE and INVENTREE_TLS_KEY must be set together")
    );
    assert!(command(folder, &["check-config"]).output().unwrap().status.success());
}

#[tokio::test]
async fn sighup_does_not_stop_the_server() {
    let certificate = Certificate::new();
    let mut server = Server::start(&certificate);
    for _ in 0..3 {
        server.hang_up();
        server.wait_for("TLS certificate reloaded");
    }
    assert!(server.process.try_wait().unwrap().is_none());
    let answered =
        tokio::time::timeout(Duration::from_secs(10), server.connect(&certificate, &TLS12));
    assert!(answered.await.unwrap().is_ok());
}
