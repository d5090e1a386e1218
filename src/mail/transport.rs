//! How a mail leaves: over SMTP, onto the terminal, or into a test's memory.
//!
//! It says whether another try makes sense and never names a recipient in an error: errors go to the log.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use super::Message;
use super::smtp::Smtp;
use crate::text;

pub use super::smtp::SmtpSettings;

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

/// Mails that stay in this process: a test's, a demonstration's.
pub type Mailbox = Arc<Mutex<Vec<Message>>>;

/// A demonstration that nobody stops must not grow for ever; then its oldest mail goes.
const MOST_KEPT: usize = 1000;

#[derive(Clone)]
pub enum Transport {
    Smtp(Arc<Smtp>),
    Console,
    Memory(Mailbox),
}

impl Transport {
    /// # Errors
    ///
    /// One line for the operator, at start.
    pub fn smtp(settings: SmtpSettings) -> Result<Transport, String> {
        Smtp::new(settings).map(|smtp| Transport::Smtp(Arc::new(smtp)))
    }

    /// # Errors
    ///
    /// [`TransportError`] by what to do next.
    pub async fn send(&self, message: &Message) -> Result<(), TransportError> {
        match self {
            Transport::Smtp(smtp) => smtp.send(message).await,
            Transport::Console => print(message),
            Transport::Memory(kept) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() >= MOST_KEPT {
                    kept.remove(0);
                }
                kept.push(message.clone());
                Ok(())
            }
        }
    }
}

/// INVENTREE_EMAIL_BACKEND=console: for a first try. Links are live, so this is never the log.
fn print(message: &Message) -> Result<(), TransportError> {
    let mut out = std::io::stdout().lock();
    out.write_all(shown(message).as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| TransportError::Unreachable(format!("the terminal: {e}")))
}

fn shown(message: &Message) -> String {
    let frame = "-".repeat(72);
    let (to, subject) = (text::one_line(&message.to), text::one_line(&message.subject));
    format!("{frame}\nTo: {to}\nSubject: {subject}\n\n{}{frame}\n", text::lines(&message.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_on_the_console_does_not_move_its_cursor() {
        let hostile = "a\u{1b}[2J\u{9b}2J\u{202e}b";
        let [to, subject] = [hostile; 2].map(str::to_owned);
        let message = Message { to, subject, text: format!("Hello,\n\n    {hostile}\n"), html: String::new() };
        let shown = shown(&message);
        assert!(!shown.replace('\n', "").contains(text::is_unprintable), "{shown:?}");
        assert!(shown.contains("\n\nHello,\n\n    a"), "{shown:?}");
    }
}
