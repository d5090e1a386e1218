//! Why an email was not sent. Goes to the log, so it never names a recipient.

/// Why an email was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The mail server is down, busy or rejects this server. Every email would fail; none is lost.
    #[error("{0}")]
    Unreachable(String),
    /// This email was deferred; others may succeed.
    #[error("{0}")]
    Deferred(String),
    /// This email was permanently rejected.
    #[error("{0}")]
    Refused(String),
}
