//! A small SMTP server on a loopback port that stores messages and rejects them on demand.
//!
//! The port is reserved before the server starts, so that a test can stop and restart it on the
//! same port.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use inventree_auth::mail::transport::{SmtpSettings, Transport};
use inventree_auth::secret::Secret;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

pub const SENDER: &str = "InvenTree <stock@example.org>";

#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption {
    #[default]
    None,
    /// Required before AUTH and MAIL.
    StartTls,
    Implicit,
}

/// The credentials that the server requires.
#[derive(Clone)]
pub struct Login {
    /// The mechanisms offered after EHLO: `PLAIN`, `LOGIN` or both.
    pub mechanisms: &'static str,
    pub username: &'static str,
    pub password: &'static str,
}

/// An accepted message.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub from: String,
    pub to: Vec<String>,
    pub data: String,
    pub encrypted: bool,
    pub user: Option<String>,
}

pub struct Sink {
    port: u16,
    /// Bound but not listening while the server is down: connections are refused, and the port
    /// stays taken.
    reserved: Option<TcpSocket>,
    task: Option<JoinHandle<()>>,
    pub root_pem: String,
    shared: Arc<Shared>,
}

struct Shared {
    encryption: Encryption,
    login: Option<Login>,
    tls: TlsAcceptor,
    /// By recipient, as in `RCPT TO`.
    refusals: Mutex<BTreeMap<String, String>>,
    delivered: Mutex<Vec<Delivered>>,
    /// Locked by a test to withhold replies to messages.
    replies: tokio::sync::Mutex<()>,
}

impl Sink {
    /// Reserves an address without listening.
    pub fn reserve(encryption: Encryption, login: Option<Login>) -> Sink {
        let (tls, root_pem) = certificate();
        let reserved = bind(0);
        let shared = Shared {
            encryption,
            login,
            tls,
            refusals: Mutex::default(),
            delivered: Mutex::default(),
            replies: tokio::sync::Mutex::default(),
        };
        let port = reserved.local_addr().unwrap().port();
        Sink { port, reserved: Some(reserved), task: None, root_pem, shared: Arc::new(shared) }
    }

    pub fn running(encryption: Encryption, login: Option<Login>) -> Sink {
        let mut sink = Sink::reserve(encryption, login);
        sink.start();
        sink
    }

    pub fn plain() -> Sink {
        Sink::running(Encryption::None, None)
    }

    pub fn start(&mut self) {
        let listener = self.reserved.take().expect("a server that is away").listen(64).unwrap();
        self.task = Some(tokio::spawn(accept(listener, Arc::clone(&self.shared))));
    }

    /// Drops every connection too.
    pub async fn stop(&mut self) {
        let task = self.task.take().expect("a server that runs");
        task.abort();
        let _ = task.await;
        self.reserved = Some(bind(self.port));
    }

    /// Valid settings for this server.
    pub fn settings(&self) -> SmtpSettings {
        let login = self.shared.login.as_ref();
        SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            username: login.map(|login| login.username.to_owned()),
            password: login.map(|login| Secret::new(login.password.to_owned())),
            tls: self.shared.encryption == Encryption::StartTls,
            ssl: self.shared.encryption == Encryption::Implicit,
            sender: SENDER.to_owned(),
            sender_name: String::new(),
            reply_to: None,
            site_url: "http://auth.example.com".to_owned(),
            roots: (self.shared.encryption != Encryption::None).then(|| self.root_pem.clone()),
        }
    }

    pub fn transport(&self) -> Transport {
        Transport::smtp(self.settings()).unwrap()
    }

    /// Replies to `RCPT TO` this address with the given line from now on.
    pub fn refuse(&self, address: &str, reply: &str) {
        self.shared.refusals.lock().unwrap().insert(address.to_owned(), reply.to_owned());
    }

    pub fn accept(&self, address: &str) {
        self.shared.refusals.lock().unwrap().remove(address);
    }

    pub fn delivered(&self) -> Vec<Delivered> {
        self.shared.delivered.lock().unwrap().clone()
    }

    /// First recipients, in order of arrival.
    pub fn recipients(&self) -> Vec<String> {
        self.delivered().into_iter().map(|mail| mail.to[0].clone()).collect()
    }

    pub async fn wait_for(&self, count: usize) -> Vec<Delivered> {
        for _ in 0..500 {
            let delivered = self.delivered();
            if delivered.len() >= count {
                return delivered;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{count} mails were expected, {} came", self.delivered().len());
    }

    /// Stores messages without replying while the guard lives.
    pub async fn keep_silent(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.shared.replies.lock().await
    }
}

impl Delivered {
    /// A header of the whole message, unfolded.
    pub fn header(&self, name: &str) -> String {
        header(self.data.split_once("\n\n").unwrap().0, name)
    }

    /// The same with its encoded words (RFC 2047) decoded.
    pub fn decoded_header(&self, name: &str) -> String {
        let raw = self.header(name).replace("?= =?", "?==?");
        let (mut text, mut rest) = (String::new(), raw.as_str());
        while let Some((before, word)) = rest.split_once("=?utf-8?b?") {
            let (data, after) = word.split_once("?=").unwrap();
            text.push_str(before);
            text.push_str(&String::from_utf8(BASE64.decode(data).unwrap()).unwrap());
            rest = after;
        }
        text + rest
    }

    /// The decoded part of this type, such as `text/plain`.
    pub fn part(&self, kind: &str) -> String {
        let content_type = self.header("Content-Type");
        let boundary = content_type.split_once("boundary=\"").unwrap().1.split('"').next().unwrap();
        let delimiter = format!("--{boundary}");
        let (head, body) = self
            .data
            .split(&delimiter)
            .skip(1)
            .filter_map(|part| part.trim_start().split_once("\n\n"))
            .find(|(head, _)| header(head, "Content-Type").starts_with(kind))
            .expect("a part of this type");
        match header(head, "Content-Transfer-Encoding").as_str() {
            "quoted-printable" => quoted_printable(body),
            "base64" => String::from_utf8(BASE64.decode(body.replace('\n', "")).unwrap()).unwrap(),
            "7bit" | "8bit" => body.to_owned(),
            other => panic!("an unknown encoding: {other}"),
        }
    }
}

fn header(head: &str, name: &str) -> String {
    let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
    let found = unfolded
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_owned()).unwrap_or_default()
}

fn quoted_printable(body: &str) -> String {
    let joined = body.replace("=\n", "");
    let mut pieces = joined.split('=');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

fn bind(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).unwrap();
    socket
}

fn certificate() -> (TlsAcceptor, String) {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), cert.pem())
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    if shared.encryption == Encryption::Implicit {
        let mut session = Session::new(shared.tls.accept(stream).await?, &shared, true);
        session.reply("220 sink").await?;
        return session.talk().await.map(|_| ());
    }
    let mut session = Session::new(stream, &shared, false);
    session.reply("220 sink").await?;
    if session.talk().await? == End::StartTls {
        let stream = shared.tls.accept(session.wire.into_inner()).await?;
        Session::new(stream, &shared, true).talk().await?;
    }
    Ok(())
}

#[derive(PartialEq, Eq)]
enum End {
    Quit,
    StartTls,
}

struct Session<'a, S> {
    wire: BufReader<S>,
    shared: &'a Shared,
    encrypted: bool,
    user: Option<String>,
    from: String,
    to: Vec<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    fn new(stream: S, shared: &Shared, encrypted: bool) -> Session<'_, S> {
        Session {
            wire: BufReader::new(stream),
            shared,
            encrypted,
            user: None,
            from: String::new(),
            to: Vec::new(),
        }
    }

    async fn reply(&mut self, line: &str) -> io::Result<()> {
        self.wire.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.wire.flush().await
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.wire.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    async fn talk(&mut self) -> io::Result<End> {
        loop {
            let line = self.line().await?;
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let reply = match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.greeting(),
                "STARTTLS" if self.may_start_tls() => {
                    self.reply("220 go on").await?;
                    return Ok(End::StartTls);
                }
                "AUTH" => self.log_in(rest).await?,
                "MAIL" | "RCPT" | "DATA" if self.may_start_tls() => {
                    "530 5.7.0 STARTTLS first".to_owned()
                }
                "MAIL" | "RCPT" | "DATA" if self.needs_login() => {
                    "530 5.7.0 Authentication required".to_owned()
                }
                "MAIL" => {
                    (self.from, self.to) = (path(rest), Vec::new());
                    "250 2.1.0 Ok".to_owned()
                }
                "RCPT" => self.recipient(&path(rest)),
                "DATA" if self.to.is_empty() => "503 5.5.1 No recipient".to_owned(),
                "DATA" => self.data().await?,
                "NOOP" | "RSET" => "250 2.0.0 Ok".to_owned(),
                "QUIT" => {
                    self.reply("221 2.0.0 Bye").await?;
                    return Ok(End::Quit);
                }
                _ => "502 5.5.2 Unknown".to_owned(),
            };
            self.reply(&reply).await?;
        }
    }

    fn may_start_tls(&self) -> bool {
        self.shared.encryption == Encryption::StartTls && !self.encrypted
    }

    fn needs_login(&self) -> bool {
        self.shared.login.is_some() && self.user.is_none()
    }

    fn greeting(&self) -> String {
        let mut lines = vec!["sink".to_owned()];
        if self.may_start_tls() {
            lines.push("STARTTLS".to_owned());
        } else if let Some(login) = &self.shared.login {
            lines.push(format!("AUTH {}", login.mechanisms));
        }
        lines.push("8BITMIME".to_owned());
        let last = lines.pop().unwrap();
        lines.iter().map(|line| format!("250-{line}\r\n")).collect::<String>()
            + &format!("250 {last}")
    }

    fn recipient(&mut self, address: &str) -> String {
        if let Some(refusal) = self.shared.refusals.lock().unwrap().get(address) {
            return refusal.clone();
        }
        self.to.push(address.to_owned());
        "250 2.1.5 Ok".to_owned()
    }

    async fn log_in(&mut self, rest: &str) -> io::Result<String> {
        let Some(login) = self.shared.login.clone() else {
            return Ok("503 5.5.1 No login here".to_owned());
        };
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let (username, password) = match mechanism {
            _ if !login.mechanisms.split(' ').any(|offered| offered == mechanism) => {
                return Ok("504 5.5.4 Unknown mechanism".to_owned());
            }
            "PLAIN" => {
                let fields = decoded(initial);
                let mut fields = fields.splitn(3, '\0').skip(1).map(str::to_owned);
                (fields.next().unwrap_or_default(), fields.next().unwrap_or_default())
            }
            _ => (self.ask("Username:").await?, self.ask("Password:").await?),
        };
        if (username.as_str(), password.as_str()) != (login.username, login.password) {
            return Ok("535 5.7.8 Authentication credentials invalid".to_owned());
        }
        self.user = Some(username);
        Ok("235 2.7.0 Welcome".to_owned())
    }

    async fn ask(&mut self, question: &str) -> io::Result<String> {
        self.reply(&format!("334 {}", BASE64.encode(question))).await?;
        self.line().await.map(|line| decoded(&line))
    }

    async fn data(&mut self) -> io::Result<String> {
        self.reply("354 Go on").await?;
        let mut data = String::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                break;
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push('\n');
        }
        let mail = Delivered {
            from: std::mem::take(&mut self.from),
            to: std::mem::take(&mut self.to),
            data,
            encrypted: self.encrypted,
            user: self.user.clone(),
        };
        self.shared.delivered.lock().unwrap().push(mail);
        drop(self.shared.replies.lock().await);
        Ok("250 2.0.0 Taken".to_owned())
    }
}

/// The address in `FROM:<a@example.org> BODY=8BITMIME`.
fn path(rest: &str) -> String {
    let inner = rest.split_once('<').map_or(rest, |(_, inner)| inner);
    inner.rsplit_once('>').map_or(inner, |(address, _)| address).to_owned()
}

fn decoded(text: &str) -> String {
    BASE64.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}
