//! How a mail leaves: over SMTP, onto the terminal, or into a test's memory.
//!
//! It says whether another try makes sense and never names a recipient in an error: errors go to the log.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::Message;
use crate::secret::Secret;

/// Why a mail did not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// The server is away, busy, or refuses us: every mail would fail now, none is lost.
    Unreachable(String),
    /// This mail was put off; others may pass.
    Deferred(String),
    /// This mail will never be taken.
    Refused(String),
}

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

/// A mail server, and who we are to it.
pub struct Smtp {
    client: AsyncSmtpTransport<Tokio1Executor>,
    sender: Mailbox,
}

#[derive(Clone)]
pub enum Transport {
    Smtp(Arc<Smtp>),
    Console,
    Memory(Arc<Mutex<Vec<Message>>>),
}

/// For each exchange with the mail server.
const PATIENCE: Duration = Duration::from_secs(20);

impl Transport {
    /// # Errors
    ///
    /// One line for the operator, at start.
    pub fn smtp(settings: SmtpSettings) -> Result<Transport, String> {
        let sender = settings.sender.parse().map_err(|_| "INVENTREE_EMAIL_SENDER is no email address".to_owned())?;
        let mut parameters = TlsParameters::builder(settings.host.clone());
        if let Some(pem) = &settings.extra_root_pem {
            parameters = parameters.add_root_certificate(Certificate::from_pem(pem).map_err(|e| e.to_string())?);
        }
        let tls = match (settings.ssl, settings.tls) {
            (true, _) => Tls::Wrapper(parameters.build().map_err(|e| e.to_string())?),
            (false, true) => Tls::Required(parameters.build().map_err(|e| e.to_string())?),
            (false, false) => Tls::None,
        };
        let mut client = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host)
            .port(settings.port)
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let (Some(username), Some(password)) = (settings.username, settings.password) {
            client = client.credentials(Credentials::new(username, password.expose().to_owned()));
        }
        Ok(Transport::Smtp(Arc::new(Smtp { client: client.build(), sender })))
    }

    /// # Errors
    ///
    /// [`TransportError`] by what to do next.
    pub async fn send(&self, message: &Message) -> Result<(), TransportError> {
        match self {
            Transport::Smtp(smtp) => send_smtp(&smtp.client, &smtp.sender, message).await,
            Transport::Console => print(message),
            Transport::Memory(kept) => {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
                Ok(())
            }
        }
    }
}

async fn send_smtp(
    client: &AsyncSmtpTransport<Tokio1Executor>,
    sender: &Mailbox,
    message: &Message,
) -> Result<(), TransportError> {
    let unusable = |_| TransportError::Refused("the address cannot be written in a mail".to_owned());
    let to: Mailbox = message.to.parse().map_err(unusable)?;
    let parts = MultiPart::alternative_plain_html(message.text.clone(), message.html.clone());
    let mail = lettre::Message::builder()
        .from(sender.clone())
        .to(to)
        .subject(message.subject.clone())
        .message_id(None)
        .multipart(parts)
        .map_err(|e| TransportError::Refused(e.to_string()))?;
    client.send(mail).await.map(|_| ()).map_err(|error| {
        // The server's sentence may repeat the address; its code does not.
        let code = error.status().map(|code| code.to_string()).unwrap_or_default();
        if error.is_client() && !message.to.is_ascii() {
            TransportError::Deferred("the mail server takes no addresses beyond ASCII".to_owned())
        } else if error.is_transient() || code == UNCLEAR {
            TransportError::Deferred(format!("the mail server answered {code}"))
        } else if error.is_permanent() && !concerns_us(&code) {
            TransportError::Refused(format!("the mail server answered {code}"))
        } else if error.is_permanent() {
            TransportError::Unreachable(format!("the mail server refused us: {code}"))
        } else {
            TransportError::Unreachable("the mail server cannot be reached".to_owned())
        }
    })
}

/// Codes about the connection or the login (RFC 4954 and 5321): whoever mends the settings gets the mails sent.
fn concerns_us(code: &str) -> bool {
    matches!(code, "500" | "502" | "503" | "504" | "521" | "530" | "534" | "535" | "538")
}

/// Said of us as well as of one recipient (a relay denied, a blocked domain): no mail is lost, and none holds up another.
const UNCLEAR: &str = "554";

/// INVENTREE_EMAIL_BACKEND=console: for a first try. Links are live, so this is never the log.
fn print(message: &Message) -> Result<(), TransportError> {
    let frame = "-".repeat(72);
    let shown = format!("{frame}\nTo: {}\nSubject: {}\n\n{}{frame}\n", message.to, message.subject, message.text);
    let mut out = std::io::stdout().lock();
    out.write_all(shown.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| TransportError::Unreachable(format!("the terminal: {e}")))
}
