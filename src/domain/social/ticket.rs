//! The state of a sign-in, encrypted in the browser. The server stores only which tickets were
//! used.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::SocialError;
use crate::domain::{App, keys};
use crate::providers::{Challenge, ExternalIdentity};
use crate::store::Writer;

/// Lifetime of a ticket: the time at the provider, and again the time at the sign-up form.
pub const TICKET_SECONDS: i64 = 600;

/// Encrypted state of a sign-in, kept in a cookie. The browser can neither read nor modify it.
#[derive(Clone)]
pub struct Ticket(String);

impl Ticket {
    pub fn new(text: &str) -> Ticket {
        Ticket(text.to_owned())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// The purpose of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignInPurpose {
    SignIn,
    /// Connects the provider to the account of this session.
    Connect {
        session: [u8; 32],
    },
}

/// The plaintext of a [`Ticket`].
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketState {
    /// Random; state, nonce and PKCE verifier are derived from it.
    pub root: [u8; 32],
    pub provider: String,
    pub purpose: SignInPurpose,
    pub next: String,
    pub expires: DateTime<Utc>,
    /// The identity, once the provider has asserted it.
    pub identity: Option<ExternalIdentity>,
}

impl TicketState {
    fn derive(&self, label: &str) -> [u8; 32] {
        keys::mac(&self.root, &[label.as_bytes()])
    }

    pub fn challenge(&self) -> Challenge {
        // 43 characters each, the minimum for a verifier (RFC 7636).
        let text = |label| URL_SAFE_NO_PAD.encode(self.derive(label));
        Challenge { state: text("state"), nonce: text("nonce"), verifier: text("verifier") }
    }

    pub fn seal(&self, app: &App) -> Ticket {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        Ticket(URL_SAFE_NO_PAD.encode(keys::seal(&app.secret, TICKET, &plain, app.random())))
    }

    pub fn open(app: &App, ticket: Option<&Ticket>) -> Result<TicketState, SocialError> {
        let flow = TicketState::unseal(app, ticket)?;
        if flow.expires <= app.now() {
            Err(SocialError::InvalidState("expired ticket"))
        } else {
            Ok(flow)
        }
    }

    /// Like [`TicketState::open`], and for an expired one too.
    pub fn unseal(app: &App, ticket: Option<&Ticket>) -> Result<TicketState, SocialError> {
        let ticket = ticket.ok_or(SocialError::InvalidState("no ticket"))?;
        let sealed = URL_SAFE_NO_PAD
            .decode(&ticket.0)
            .map_err(|_| SocialError::InvalidState("malformed ticket"))?;
        let plain = keys::open(&app.secret, TICKET, &sealed)
            .ok_or(SocialError::InvalidState("ticket was not sealed by this server"))?;
        serde_json::from_slice(&plain)
            .map_err(|_| SocialError::InvalidState("ticket of another version"))
    }

    /// A ticket is accepted once with a code and once with a form.
    pub fn consume(&self, w: &Writer<'_>, label: &str) -> Result<(), SocialError> {
        let is_first = w.ticket_consume(&self.derive(label), self.expires)?;
        if is_first { Ok(()) } else { Err(SocialError::InvalidState("ticket already used")) }
    }
}

const TICKET: &str = "sign-in-ticket";
