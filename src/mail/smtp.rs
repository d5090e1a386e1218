//! Sends one email over SMTP: connect, authenticate, deliver, quit.
//!
//! Uses lettre's connection rather than its transport, which does not report the step that failed
//! and has no timeouts after connecting. The step matters: a rejected login must not lose an email,
//! and a rejected recipient must not block the next email. Errors never contain the server's text,
//! which may repeat the address.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Url};

use super::Message;
use super::error::TransportError;
use crate::secret::Secret;

#[derive(Debug, Clone)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// STARTTLS is required.
    pub tls: bool,
    /// Implicit TLS.
    pub ssl: bool,
    /// An address, or a name and an address.
    pub sender: String,
    /// The display name of a sender that has none.
    pub sender_name: String,
    pub reply_to: Option<String>,
    /// Its host is the name of this server to the mail server.
    pub site_url: String,
    /// Root certificates in PEM, in place of the system's.
    pub roots: Option<String>,
}

/// Timeout of each SMTP exchange.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(20);
/// Divides the connect timeout between the addresses of a host, so that a second one is tried.
const MAX_ADDRESSES: u32 = 2;
/// Timeout of the response to DATA. Content filters take long, and giving up after the server has
/// accepted the email would send it twice.
const DATA_TIMEOUT: Duration = Duration::from_secs(120);
/// Timeout of QUIT. The email has been accepted or rejected by then.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// An SMTP client for one mail server.
pub struct Smtp {
    host: String,
    port: u16,
    client_id: ClientId,
    encryption: Encryption,
    credentials: Option<Credentials>,
    sender: Mailbox,
    reply_to: Option<Mailbox>,
    command_timeout: Duration,
}

enum Encryption {
    None,
    StartTls(TlsParameters),
    Implicit(TlsParameters),
}

/// Why the settings of SMTP are unusable: one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("INVENTREE_EMAIL_SENDER is not an email address")]
    Sender,
    #[error("INVENTREE_EMAIL_SENDER must be ASCII before its @")]
    SenderNotAscii,
    #[error("INVENTREE_EMAIL_REPLY_TO is not an email address")]
    ReplyTo,
    #[error(transparent)]
    Tls(#[from] Error),
}

/// Why an SMTP step failed.
enum StepError {
    Timeout,
    Smtp(Error),
}

impl Smtp {
    /// # Errors
    ///
    /// [`SetupError`], at start.
    pub fn new(settings: SmtpSettings) -> Result<Smtp, SetupError> {
        let mut sender = mailbox(&settings.sender).ok_or(SetupError::Sender)?;
        // Otherwise every email would need SMTPUTF8.
        if !sender.email.to_string().is_ascii() {
            return Err(SetupError::SenderNotAscii);
        }
        let name = Some(settings.sender_name.clone()).filter(|name| !name.is_empty());
        sender.name = sender.name.or(name);
        let reply_to = settings.reply_to.as_deref();
        let reply_to = reply_to.map(|text| mailbox(text).ok_or(SetupError::ReplyTo)).transpose()?;
        let encryption = match (settings.ssl, settings.tls) {
            (true, _) => Encryption::Implicit(tls_parameters(&settings)?),
            (false, true) => Encryption::StartTls(tls_parameters(&settings)?),
            (false, false) => Encryption::None,
        };
        let credentials = settings.username.zip(settings.password);
        Ok(Smtp {
            host: settings.host,
            port: settings.port,
            client_id: client_id(&settings.site_url),
            encryption,
            credentials: credentials
                .map(|(name, password)| Credentials::new(name, password.expose().to_owned())),
            sender,
            reply_to,
            command_timeout: COMMAND_TIMEOUT,
        })
    }

    /// Host and port.
    pub fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// # Errors
    ///
    /// [`TransportError`], which says whether to retry.
    pub async fn send(&self, message: &Message) -> Result<(), TransportError> {
        let mail = self.compose(message)?;
        let mut connection = self.connect().await?;
        let outcome = self.deliver(&mut connection, &mail).await;
        let _ = timeout(QUIT_TIMEOUT, connection.abort()).await;
        outcome
    }

    fn compose(&self, message: &Message) -> Result<lettre::Message, TransportError> {
        let unusable =
            || TransportError::Refused("the address cannot be used in an email header".to_owned());
        let to = address(&message.to).ok_or_else(unusable)?;
        let envelope = Envelope::new(Some(self.sender.email.clone()), vec![to.clone()])
            .map_err(|_| unusable())?;
        // Suppresses automatic replies (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let mut builder = lettre::Message::builder()
            .from(self.sender.clone())
            .to(Mailbox::new(None, to))
            .envelope(envelope)
            .subject(message.subject.clone())
            .date(message.date.into())
            .message_id(Some(self.message_id(message)))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(reply_to.clone());
        }
        if !message.language.is_empty() {
            let name = HeaderName::new_from_ascii_str("Content-Language");
            builder = builder.raw_header(HeaderValue::new(name, message.language.clone()));
        }
        builder
            .multipart(MultiPart::alternative_plain_html(
                message.text.clone(),
                message.html.clone(),
            ))
            .map_err(|_| TransportError::Refused("the message cannot be formatted".to_owned()))
    }

    /// Unique, and the same for each attempt, so that recipients can detect a duplicate (after a
    /// crash or a lost response).
    fn message_id(&self, message: &Message) -> String {
        format!("<{}@{}>", message.id, self.sender.email.domain())
    }

    /// Connects and authenticates. A failure here affects every email.
    async fn connect(&self) -> Result<AsyncSmtpConnection, TransportError> {
        let mut connection = match &self.encryption {
            Encryption::Implicit(parameters) => {
                let (server, parameters) =
                    ((self.host.as_str(), self.port), Some(parameters.clone()));
                let per_address = Some(self.command_timeout / MAX_ADDRESSES);
                let connecting = AsyncSmtpConnection::connect_tokio1(
                    server,
                    per_address,
                    &self.client_id,
                    parameters,
                    None,
                );
                self.step(connecting).await
            }
            _ => {
                let unreachable = |e| TransportError::Unreachable(format!("connecting: {e}"));
                let stream = timeout(self.command_timeout, self.stream()).await;
                let stream = stream
                    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                    .map_err(unreachable)?;
                self.step(AsyncSmtpConnection::connect_with_transport(
                    Box::new(stream),
                    &self.client_id,
                ))
                .await
            }
        }
        .map_err(|error| error.of_server("connecting"))?;
        if let Encryption::StartTls(parameters) = &self.encryption {
            let upgrading = connection.starttls(parameters.clone(), &self.client_id);
            self.step(upgrading).await.map_err(|error| error.of_server("STARTTLS"))?;
        }
        if let Some(credentials) = &self.credentials {
            let logging_in = connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials);
            self.step(logging_in).await.map_err(|error| error.of_server("AUTH"))?;
        }
        Ok(connection)
    }

    /// Connects with TCP_NODELAY, which lettre does not set: Nagle's algorithm and delayed
    /// acknowledgements add 40 ms to each email.
    async fn stream(&self) -> io::Result<TcpStream> {
        let mut outcome = Err(io::Error::other("the host has no address"));
        for address in tokio::net::lookup_host((self.host.as_str(), self.port)).await? {
            outcome =
                match timeout(self.command_timeout / MAX_ADDRESSES, TcpStream::connect(address))
                    .await
                {
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

    async fn deliver(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &lettre::Message,
    ) -> Result<(), TransportError> {
        let [to] = mail.envelope().to() else {
            return Err(TransportError::Refused(
                "the message does not have exactly one recipient".to_owned(),
            ));
        };
        let bytes = mail.formatted();
        let mut parameters = Vec::new();
        // The body is ASCII, so only the address can need this.
        if !bytes.is_ascii() || !to.to_string().is_ascii() {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                let why = "the address is not ASCII, and the mail server does not offer SMTPUTF8";
                // The server may support it later.
                return Err(TransportError::Deferred(why.to_owned()));
            }
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let from = Mail::new(Some(self.sender.email.clone()), parameters);
        // All emails have the same sender, so a failure here is not specific to this one.
        self.step(connection.command(from)).await.map_err(|error| error.of_server("MAIL"))?;
        let rcpt = Rcpt::new(to.clone(), Vec::new());
        self.step(connection.command(rcpt)).await.map_err(StepError::of_recipient)?;
        self.step(connection.command(Data)).await.map_err(|error| error.of_mail("DATA"))?;
        let limit = self.command_timeout.max(DATA_TIMEOUT);
        within(limit, connection.message(&bytes))
            .await
            .map_err(|error| error.of_mail("message"))?;
        Ok(())
    }

    async fn step<T>(
        &self,
        exchange: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StepError> {
        within(self.command_timeout, exchange).await
    }
}

async fn within<T>(
    limit: Duration,
    exchange: impl Future<Output = Result<T, Error>>,
) -> Result<T, StepError> {
    timeout(limit, exchange).await.map_err(|_| StepError::Timeout)?.map_err(StepError::Smtp)
}

/// The name of this server to the mail server: the host of the site. A literal stands for a host
/// without a name (RFC 5321, 4.1.4).
fn client_id(site_url: &str) -> ClientId {
    let url = Url::parse(site_url).ok();
    match url.as_ref().and_then(Url::host) {
        Some(Host::Ipv4(address)) => ClientId::Ipv4(address),
        Some(Host::Ipv6(address)) => ClientId::Ipv6(address),
        Some(Host::Domain(name)) if name != "localhost" => ClientId::Domain(name.to_owned()),
        _ => ClientId::Ipv4(Ipv4Addr::LOCALHOST),
    }
}

/// A domain in ASCII (RFC 5890). IDNA maps some characters to similar ones: such a domain is
/// refused, because the email would go to another one than the one that was checked.
fn a_labels(domain: &str) -> Option<String> {
    if domain.is_ascii() {
        return Some(domain.to_owned());
    }
    let ascii = idna::domain_to_ascii(domain).ok()?;
    let (unicode, valid) = idna::domain_to_unicode(&ascii);
    (valid.is_ok() && unicode == domain.to_ascii_lowercase()).then_some(ascii)
}

fn mailbox(text: &str) -> Option<Mailbox> {
    let Mailbox { name, email } = text.parse().ok()?;
    Some(Mailbox { name, email: address(email.as_ref())? })
}

/// With the domain in ASCII. lettre rejects quoted local parts with spaces, which RFC 5321 allows.
/// No line break gets through.
fn address(text: &str) -> Option<Address> {
    let (local, domain) = text.rsplit_once('@')?;
    let domain = a_labels(domain)?;
    let quoted = || {
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
    format!("{local}@{domain}").parse().ok().or_else(quoted)
}

fn tls_parameters(settings: &SmtpSettings) -> Result<TlsParameters, Error> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.roots {
        let roots = Certificate::from_pem(pem.as_bytes())?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(roots);
    }
    builder.build()
}

impl StepError {
    /// A problem of the server or the settings: once it is fixed, every email can be sent.
    fn of_server(self, step: &str) -> TransportError {
        TransportError::Unreachable(format!("{step}: {self}"))
    }

    /// A server that denies relaying rejects recipients: a problem of our settings, not of the
    /// email. Some servers use the same codes for the recipient itself, so other emails are tried
    /// in the meantime.
    fn of_recipient(self) -> TransportError {
        if self.code() == Some(554) || self.enhanced_code().starts_with("5.7.") {
            return TransportError::Deferred(format!("RCPT: {self}"));
        }
        self.of_mail("RCPT")
    }

    /// A broken connection is deferred like a busy server: this email may have caused it.
    fn of_mail(self, step: &str) -> TransportError {
        let why = format!("{step}: {self}");
        match self.code() {
            // Bad command sequence, or missing or weak authentication (RFC 4954).
            Some(500 | 502 | 503 | 504 | 530 | 534 | 535 | 538) => TransportError::Deferred(why),
            Some(500..=599) => TransportError::Refused(why),
            _ => TransportError::Deferred(why),
        }
    }

    fn code(&self) -> Option<u16> {
        match self {
            StepError::Timeout => None,
            StepError::Smtp(error) => error.status().map(u16::from),
        }
    }

    /// The enhanced status code, such as `5.7.1`, or an empty string (RFC 3463).
    fn enhanced_code(&self) -> String {
        let StepError::Smtp(error) = self else { return String::new() };
        let sentence = error.source().map(ToString::to_string).unwrap_or_default();
        let word = sentence.split_ascii_whitespace().next().unwrap_or_default();
        let is_number = |part: &str| {
            (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if word.split('.').count() == 3 && word.split('.').all(is_number) {
            word.to_owned()
        } else {
            String::new()
        }
    }
}

impl std::fmt::Display for StepError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self, self.code()) {
            (StepError::Timeout, _) => f.write_str("the mail server timed out"),
            (_, Some(code)) => {
                write!(f, "the mail server replied {code}")?;
                let enhanced = self.enhanced_code();
                if enhanced.is_empty() { Ok(()) } else { write!(f, " {enhanced}") }
            }
            // lettre's text quotes the server's response.
            (StepError::Smtp(error), None) if error.is_response() => {
                f.write_str("the mail server closed the connection or does not speak SMTP")
            }
            (StepError::Smtp(error), None) => write!(f, "{error}"),
        }
    }
}

#[cfg(test)]
mod tests;
