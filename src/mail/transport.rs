//! Email transports: SMTP, the terminal, or memory for tests and demonstrations.
//!
//! Errors say whether to retry. They go to the log, so they never name a recipient.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use super::Message;
use super::error::TransportError;
use super::smtp::{SetupError, Smtp};
use crate::text;

pub use super::smtp::SmtpSettings;

/// Emails kept in memory, for tests and demonstrations.
pub type Mailbox = Arc<Mutex<Vec<Message>>>;

/// Bounds the memory of a long demonstration; the oldest email is dropped.
const MAX_MAILBOX_MESSAGES: usize = 1000;

#[derive(Clone)]
pub enum Transport {
    Smtp(Arc<Smtp>),
    Console,
    Memory(Mailbox),
}

impl Transport {
    /// # Errors
    ///
    /// [`SetupError`], at start.
    pub fn smtp(settings: SmtpSettings) -> Result<Transport, SetupError> {
        Smtp::new(settings).map(|smtp| Transport::Smtp(Arc::new(smtp)))
    }

    /// The destination, for the log.
    pub fn server(&self) -> String {
        match self {
            Transport::Smtp(smtp) => smtp.server(),
            Transport::Console => "stdout".to_owned(),
            Transport::Memory(_) => "memory".to_owned(),
        }
    }

    /// # Errors
    ///
    /// [`TransportError`], which says whether to retry.
    pub async fn send(&self, message: &Message) -> Result<(), TransportError> {
        match self {
            Transport::Smtp(smtp) => smtp.send(message).await,
            Transport::Console => print(message),
            Transport::Memory(kept) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() >= MAX_MAILBOX_MESSAGES {
                    kept.remove(0);
                }
                kept.push(message.clone());
                Ok(())
            }
        }
    }
}

/// INVENTREE_EMAIL_BACKEND=console. The links are live, so this is never the log.
fn print(message: &Message) -> Result<(), TransportError> {
    let mut out = std::io::stdout().lock();
    out.write_all(shown(message).as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| TransportError::Unreachable(format!("writing to stdout: {e}")))
}

fn shown(message: &Message) -> String {
    let frame = "-".repeat(72);
    let (to, subject) = (text::one_line(&message.to), text::one_line(&message.subject));
    let text = text::lines(message.text.trim_end());
    format!("{frame}\nTo: {to}\nSubject: {subject}\n\n{text}\n{frame}\n")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn console_email_has_no_control_characters() {
        let hostile = "a\u{1b}[2J\u{9b}2J\u{202e}b";
        let [to, subject] = [hostile; 2].map(str::to_owned);
        let message = Message {
            to,
            subject,
            text: format!("Hello,\n\n    {hostile}"),
            html: String::new(),
            language: String::new(),
            date: DateTime::UNIX_EPOCH,
            id: String::new(),
        };
        let shown = shown(&message);
        assert!(!shown.replace('\n', "").contains(text::is_unprintable), "{shown:?}");
        assert!(shown.contains("\n\nHello,\n\n    a"), "{shown:?}");
        assert!(shown.ends_with(&format!("b\n{}\n", "-".repeat(72))), "{shown:?}");
    }
}
