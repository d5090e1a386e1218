//! One mail over SMTP: connect, log in, hand it over, leave.
//!
//! It drives lettre's connection itself, since only that tells at which step a server said no: a refused login must
//! never lose a mail, and a refused recipient must never hold up the next one. Each step has its own time limit, which
//! lettre's transport lacks after connecting. No server's sentence may reach an error: it may repeat the address.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::time::Duration;

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Message;
use super::transport::TransportError;
use crate::secret::Secret;

#[derive(Debug, Clone)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// STARTTLS, required.
    pub tls: bool,
    /// TLS from the first byte.
    pub ssl: bool,
    pub sender: String,
    /// A certificate authority beside the public ones.
    pub extra_root_pem: Option<Vec<u8>>,
}

/// For each exchange with the mail server.
const PATIENCE: Duration = Duration::from_secs(20);
/// Into which one patience is divided, so that a second address of a host has its chance.
const ADDRESSES: u32 = 2;
/// For the answer to a whole mail. Servers that look into it take long, and giving up on one that has taken the mail
/// means to send it twice.
const PATIENCE_AT_THE_END: Duration = Duration::from_secs(120);
/// For a polite end: the mail is through by then, or is not.
const PATIENCE_TO_QUIT: Duration = Duration::from_secs(2);

/// A mail server, and how to talk to it.
pub struct Smtp {
    host: String,
    port: u16,
    hello: ClientId,
    encryption: Encryption,
    credentials: Option<Credentials>,
    sender: Mailbox,
    patience: Duration,
}

enum Encryption {
    None,
    StartTls(TlsParameters),
    FromTheStart(TlsParameters),
}

/// Why a step of the conversation failed.
enum Failure {
    Silence,
    Said(Error),
}

impl Smtp {
    /// # Errors
    ///
    /// One line for the operator, at start.
    pub fn new(settings: SmtpSettings) -> Result<Smtp, String> {
        let sender: Mailbox =
            settings.sender.parse().map_err(|_| "INVENTREE_EMAIL_SENDER is no email address".to_owned())?;
        // It would make every mail depend on an extension of the server.
        if !sender.email.to_string().is_ascii() {
            return Err("INVENTREE_EMAIL_SENDER must be an ASCII address (write its domain in Punycode)".to_owned());
        }
        let encryption = match (settings.ssl, settings.tls) {
            (true, _) => Encryption::FromTheStart(tls_parameters(&settings)?),
            (false, true) => Encryption::StartTls(tls_parameters(&settings)?),
            (false, false) => Encryption::None,
        };
        let credentials = settings.username.zip(settings.password);
        Ok(Smtp {
            host: settings.host,
            port: settings.port,
            hello: ClientId::default(),
            encryption,
            credentials: credentials.map(|(name, password)| Credentials::new(name, password.expose().to_owned())),
            sender,
            patience: PATIENCE,
        })
    }

    /// # Errors
    ///
    /// [`TransportError`] by what to do next.
    pub async fn send(&self, message: &Message) -> Result<(), TransportError> {
        let mail = self.compose(message)?;
        let mut connection = self.connect().await?;
        let outcome = self.hand_over(&mut connection, &mail).await;
        let _ = timeout(PATIENCE_TO_QUIT, connection.abort()).await;
        outcome
    }

    fn compose(&self, message: &Message) -> Result<lettre::Message, TransportError> {
        let unusable = || TransportError::Refused("the address cannot be written in a mail".to_owned());
        let to = address(&message.to).ok_or_else(unusable)?;
        let envelope = Envelope::new(Some(self.sender.email.clone()), vec![to.clone()]).map_err(|_| unusable())?;
        // Answering machines should not answer this (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        lettre::Message::builder()
            .from(self.sender.clone())
            .to(Mailbox::new(None, to))
            .envelope(envelope)
            .subject(message.subject.clone())
            .message_id(Some(self.message_id(message)))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .multipart(MultiPart::alternative_plain_html(message.text.clone(), message.html.clone()))
            .map_err(|_| TransportError::Refused("the mail cannot be written".to_owned()))
    }

    /// The same for each try at one mail, so that whoever gets it twice (we crashed, or an answer got lost) can tell.
    fn message_id(&self, message: &Message) -> String {
        let mut digest = Sha256::new();
        for part in [&message.to, &message.subject, &message.text] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let id: String = digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("<{id}@{}>", self.sender.email.domain())
    }

    /// What fails here fails for every mail.
    async fn connect(&self) -> Result<AsyncSmtpConnection, TransportError> {
        let mut connection = match &self.encryption {
            Encryption::FromTheStart(parameters) => {
                let (server, parameters) = ((self.host.as_str(), self.port), Some(parameters.clone()));
                let per_address = Some(self.patience / ADDRESSES);
                let connecting =
                    AsyncSmtpConnection::connect_tokio1(server, per_address, &self.hello, parameters, None);
                self.step(connecting).await
            }
            _ => {
                let unreachable = |e| TransportError::Unreachable(format!("connecting: {e}"));
                let stream = timeout(self.patience, self.stream()).await;
                let stream = stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(unreachable)?;
                self.step(AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello)).await
            }
        }
        .map_err(|failure| failure.of_server("connecting"))?;
        if let Encryption::StartTls(parameters) = &self.encryption {
            let upgrading = connection.starttls(parameters.clone(), &self.hello);
            self.step(upgrading).await.map_err(|failure| failure.of_server("STARTTLS"))?;
        }
        if let Some(credentials) = &self.credentials {
            let logging_in = connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials);
            self.step(logging_in).await.map_err(|failure| failure.of_server("AUTH"))?;
        }
        Ok(connection)
    }

    /// Without Nagle's delay, which lettre leaves on: it and the other side's delayed acknowledgement would hold up the
    /// end of each mail by 40 ms.
    async fn stream(&self) -> io::Result<TcpStream> {
        let mut outcome = Err(io::Error::other("the host has no address"));
        for address in tokio::net::lookup_host((self.host.as_str(), self.port)).await? {
            outcome = match timeout(self.patience / ADDRESSES, TcpStream::connect(address)).await {
                Ok(connected) => connected,
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            };
            if outcome.is_ok() {
                break;
            }
        }
        let stream = outcome?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &lettre::Message,
    ) -> Result<(), TransportError> {
        let [to] = mail.envelope().to() else {
            return Err(TransportError::Refused("the mail has not one recipient".to_owned()));
        };
        let bytes = mail.formatted();
        let mut parameters = Vec::new();
        // Our own parts are encoded in ASCII; this is about the address.
        if !bytes.is_ascii() || !to.to_string().is_ascii() {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                let why = "the address is not ASCII, and the mail server does not offer SMTPUTF8";
                // The server may learn it.
                return Err(TransportError::Deferred(why.to_owned()));
            }
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let from = Mail::new(Some(self.sender.email.clone()), parameters);
        // Says nothing of the mail: all have the same sender.
        self.step(connection.command(from)).await.map_err(|failure| failure.of_server("MAIL"))?;
        let rcpt = Rcpt::new(to.clone(), Vec::new());
        self.step(connection.command(rcpt)).await.map_err(Failure::of_recipient)?;
        self.step(connection.command(Data)).await.map_err(|failure| failure.of_mail("DATA"))?;
        let patience = self.patience.max(PATIENCE_AT_THE_END);
        within(patience, connection.message(&bytes)).await.map_err(|failure| failure.of_mail("the text"))?;
        Ok(())
    }

    async fn step<T>(&self, exchange: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
        within(self.patience, exchange).await
    }
}

async fn within<T>(patience: Duration, exchange: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    timeout(patience, exchange).await.map_err(|_| Failure::Silence)?.map_err(Failure::Said)
}

/// Lettre knows no blanks between quotes, which are rare but right (RFC 5321). Nothing that ends a line gets through.
fn address(text: &str) -> Option<Address> {
    let quoted = || {
        let (local, domain) = text.rsplit_once('@')?;
        let mut inner = local.strip_prefix('"')?.strip_suffix('"')?.chars();
        while let Some(c) = inner.next() {
            let is_literal = (' '..='~').contains(&c) && c != '"';
            let is_whole = c != '\\' || inner.next().is_some_and(|c| (' '..='~').contains(&c));
            if !is_literal || !is_whole {
                return None;
            }
        }
        let domain: Address = format!("x@{domain}").parse().ok()?;
        Some(Address::new_dangerous(local, domain.domain()))
    };
    text.parse().ok().or_else(quoted)
}

fn tls_parameters(settings: &SmtpSettings) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.extra_root_pem {
        builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(|e| e.to_string())?);
    }
    builder.build().map_err(|e| e.to_string())
}

impl Failure {
    /// Whoever mends the server or the settings gets all mails sent.
    fn of_server(self, step: &str) -> TransportError {
        TransportError::Unreachable(format!("{step}: {self}"))
    }

    /// A server that relays for nobody it does not know refuses recipients. That is our settings' fault, not theirs, and
    /// no reason to lose the mail; but as some servers mean the recipient by it, other mails are tried meanwhile.
    fn of_recipient(self) -> TransportError {
        if self.code() == Some(554) || self.enhanced_code().starts_with("5.7.") {
            return TransportError::Deferred(format!("RCPT: {self}"));
        }
        self.of_mail("RCPT")
    }

    /// A broken connection is put off like a busy server: perhaps it was this mail that broke it.
    fn of_mail(self, step: &str) -> TransportError {
        let why = format!("{step}: {self}");
        match self.code() {
            // Commands out of place, and logins that are missing or too weak (RFC 4954).
            Some(500 | 502 | 503 | 504 | 530 | 534 | 535 | 538) => TransportError::Deferred(why),
            Some(500..=599) => TransportError::Refused(why),
            _ => TransportError::Deferred(why),
        }
    }

    fn code(&self) -> Option<u16> {
        match self {
            Failure::Silence => None,
            Failure::Said(error) => error.status().map(u16::from),
        }
    }

    /// Such as `5.7.1`, in front of the server's sentence; else empty (RFC 3463).
    fn enhanced_code(&self) -> String {
        let Failure::Said(error) = self else { return String::new() };
        let sentence = error.source().map(ToString::to_string).unwrap_or_default();
        let word = sentence.split_ascii_whitespace().next().unwrap_or_default();
        let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if word.split('.').count() == 3 && word.split('.').all(is_number) { word.to_owned() } else { String::new() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self, self.code()) {
            (Failure::Silence, _) => f.write_str("the mail server stays silent"),
            (_, Some(code)) => {
                write!(f, "the mail server answered {code}")?;
                let enhanced = self.enhanced_code();
                if enhanced.is_empty() { Ok(()) } else { write!(f, " {enhanced}") }
            }
            // Its text quotes what the server sent.
            (Failure::Said(error), None) if error.is_response() => {
                f.write_str("the mail server hung up, or does not speak SMTP")
            }
            (Failure::Said(error), None) => write!(f, "{error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};

    use super::*;

    fn settings(port: u16) -> SmtpSettings {
        SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port,
            username: None,
            password: None,
            tls: false,
            ssl: false,
            sender: "Stock <stock@example.org>".to_owned(),
            extra_root_pem: None,
        }
    }

    fn message(to: &str) -> Message {
        Message {
            to: to.to_owned(),
            subject: "[X] Hello".to_owned(),
            text: "https://x.example/?a=1\n".to_owned(),
            html: "<p>hi</p>".to_owned(),
        }
    }

    fn smtp() -> Smtp {
        Smtp::new(settings(25)).unwrap()
    }

    #[tokio::test]
    async fn silent_server_is_given_up_and_loses_no_mail() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut smtp = Smtp::new(settings(listener.local_addr().unwrap().port())).unwrap();
        smtp.patience = Duration::from_millis(20);
        let outcome = smtp.send(&message("amy@example.org")).await;
        assert_eq!(outcome, Err(TransportError::Unreachable("connecting: the mail server stays silent".to_owned())));
    }

    #[tokio::test]
    async fn unusable_address_is_refused_without_asking_a_server() {
        for address in [
            "",
            "amy",
            "amy@",
            "amy@example.org\r\nBcc: eve@example.org",
            "\"a\r\n\"@b.example",
            "\"a\"b c\"@d.example",
            "a@b.example, c@d.example",
        ] {
            let outcome = smtp().send(&message(address)).await;
            assert!(matches!(outcome, Err(TransportError::Refused(_))), "{address}: {outcome:?}");
        }
    }

    /// A server that answers each command as told, or hangs up at `""`. It ends with its first connection.
    fn server(answer: impl Fn(&str) -> &'static str + Send + 'static) -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut is_text = false;
            for line in std::iter::once(Ok("HELLO".to_owned())).chain(lines) {
                let Ok(line) = line else { return };
                if is_text && line != "." {
                    continue;
                }
                let reply = answer(&line);
                is_text = reply.starts_with("354");
                if reply.is_empty() || write!(stream, "{reply}\r\n").is_err() {
                    return;
                }
            }
        });
        port
    }

    /// What comes of a mail when the command that begins so is answered so, and every other one well.
    async fn outcome(command: &'static str, reply: &'static str) -> Result<(), TransportError> {
        let port = server(move |line| match line {
            line if line.starts_with(command) => reply,
            "HELLO" => "220 here",
            "DATA" => "354 go on",
            _ => "250 fine",
        });
        Smtp::new(settings(port)).unwrap().send(&message("amy@example.org")).await
    }

    #[tokio::test]
    async fn answers_that_concern_every_mail_lose_none() {
        for (command, reply) in [
            ("HELLO", "554 no"),
            ("HELLO", "421 busy"),
            ("EHLO", "550 no"),
            ("MAIL", "550 5.1.8 <stock@example.org>: no such sender"),
            ("MAIL", "452 4.3.1 full"),
            ("MAIL", ""),
        ] {
            let outcome = outcome(command, reply).await;
            assert!(matches!(outcome, Err(TransportError::Unreachable(_))), "{command} {reply}: {outcome:?}");
        }
    }

    #[tokio::test]
    async fn answers_that_may_change_put_one_mail_off() {
        for (command, reply) in [
            ("RCPT", "451 4.7.1 greylisted"),
            ("RCPT", "550 5.7.1 relaying denied"),
            ("RCPT", "554 relaying denied"),
            ("RCPT", "530 log in first"),
            ("RCPT", ""),
            ("DATA", "421 going away"),
            (".", "452 4.3.1 full"),
            (".", ""),
        ] {
            let outcome = outcome(command, reply).await;
            assert!(matches!(outcome, Err(TransportError::Deferred(_))), "{command} {reply}: {outcome:?}");
        }
    }

    #[tokio::test]
    async fn refusals_of_one_mail_are_for_good_and_do_not_repeat_the_servers_words() {
        for (command, reply, told) in [
            ("RCPT", "550 5.1.1 <amy@example.org>: unknown", "RCPT: the mail server answered 550 5.1.1"),
            ("RCPT", "553 amy@example.org unknown", "RCPT: the mail server answered 553"),
            (".", "554 5.6.0 no", "the text: the mail server answered 554 5.6.0"),
        ] {
            assert_eq!(outcome(command, reply).await, Err(TransportError::Refused(told.to_owned())));
        }
    }

    #[tokio::test]
    async fn mail_that_was_taken_is_sent_whatever_follows() {
        assert_eq!(outcome("QUIT", "").await, Ok(()));
    }

    #[test]
    fn mail_has_both_parts_and_the_headers_it_needs() {
        let mail = String::from_utf8(smtp().compose(&message("amy@example.org")).unwrap().formatted()).unwrap();
        for expected in [
            "From: Stock <stock@example.org>\r\n",
            "To: amy@example.org\r\n",
            "Subject: [X] Hello\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
            "\r\nDate: ",
            "\r\nhttps://x.example/?a=1\r\n",
        ] {
            assert!(mail.contains(expected), "{expected} in {mail}");
        }
    }

    #[test]
    fn quoted_address_is_written_as_it_is() {
        let mail = smtp().compose(&message("\"a \\\" b\"@example.org")).unwrap();
        assert!(String::from_utf8(mail.formatted()).unwrap().contains("To: \"a \\\" b\"@example.org\r\n"));
    }

    #[test]
    fn message_id_is_the_senders_and_the_same_for_each_try() {
        let (first, second) = (message("amy@example.org"), message("bob@example.org"));
        let id = smtp().message_id(&first);
        assert!(id.ends_with("@example.org>") && id.len() > 40, "{id}");
        assert_eq!(id, smtp().message_id(&first));
        assert_ne!(id, smtp().message_id(&second));
    }

    #[test]
    fn sender_must_be_one_ascii_address() {
        for sender in ["", "stock", "stöck@example.org", "stock@bücher.example"] {
            assert!(Smtp::new(SmtpSettings { sender: sender.to_owned(), ..settings(25) }).is_err(), "{sender}");
        }
    }
}
