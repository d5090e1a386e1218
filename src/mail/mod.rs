//! Email: rendered and encrypted in the request, queued in its transaction, sent later.
//!
//! Sending must never delay a response, and a queued email is kept until it is sent, refused or
//! expired. Queued email contains live links, so it is encrypted under a key derived from the
//! server's secret.

mod error;
mod notice;
pub mod smtp;
mod templates;
pub mod transport;
pub mod worker;

use std::sync::Arc;

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::metrics;
use crate::store::{OutboxMail, StoreError, Writer};
pub use notice::Notice;
use templates::{AccountLink, LinkPurpose};
pub use templates::{Request, Site};

/// An email. Debug output omits the text, which contains live links.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq)]
pub struct Message {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// A BCP 47 tag; empty in rows of earlier versions.
    #[serde(default)]
    pub language: String,
    /// The time when it was queued.
    #[serde(skip)]
    pub date: DateTime<Utc>,
    /// Random, and the same for each attempt to send it.
    #[serde(skip)]
    pub id: String,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// How long an email is retried: the lifetime of the shortest-lived link in any email.
const RETENTION_DAYS: i64 = 3;

const NONCE_BYTES: usize = 24;

/// The outbox, shared by all senders.
#[derive(Clone)]
pub struct Outbox {
    cipher: XChaCha20Poly1305,
    site: Arc<Site>,
    arrived: Arc<Notify>,
    metrics: metrics::Mail,
}

impl Outbox {
    pub fn new(key: &[u8; 32], site: Site) -> Outbox {
        Outbox {
            cipher: XChaCha20Poly1305::new(key.into()),
            site: Arc::new(site),
            arrived: Arc::default(),
            metrics: metrics::Mail::default(),
        }
    }

    pub fn metrics(&self) -> &metrics::Mail {
        &self.metrics
    }

    /// Encrypts an email for the queue. The nonce must be random: 24 bytes do not collide.
    pub fn seal(&self, message: &Message, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let plain = serde_json::to_vec(message).unwrap_or_default();
        let mut sealed = nonce.to_vec();
        // Encryption only fails beyond 256 GiB.
        sealed.extend(self.cipher.encrypt(&nonce.into(), plain.as_slice()).unwrap_or_default());
        sealed
    }

    /// Decrypts an email; `None` if the key differs or the data was modified.
    pub fn open(&self, mail: &OutboxMail) -> Option<Message> {
        let (nonce, sealed) = mail.sealed.split_first_chunk::<NONCE_BYTES>()?;
        let plain = self.cipher.decrypt(nonce.into(), sealed).ok()?;
        let message: Message = serde_json::from_slice(&plain).ok()?;
        let id = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Message { date: mail.created, id, ..message })
    }

    /// Queues an email in the caller's transaction.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn queue(
        &self,
        w: &Writer<'_>,
        sealed: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        w.outbox_insert(sealed, now, now + Duration::days(RETENTION_DAYS))?;
        Ok(())
    }

    /// Does the work of [`Outbox::queue`] without sending anything, so that the response takes as
    /// long whether or not an account exists: it writes a row of the same size and commits.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn queue_decoy(
        &self,
        w: &Writer<'_>,
        sealed: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let id = w.outbox_insert(sealed, now, now)?;
        w.outbox_delete(id)?;
        Ok(())
    }

    /// Wakes the worker after a commit that queued an email.
    pub fn wake(&self) {
        self.arrived.notify_one();
    }

    /// Waits for [`Outbox::wake`].
    pub async fn wait_for_wake(&self) {
        self.arrived.notified().await;
    }

    /// One email for all accounts with this address: the username and confirmation key of each.
    pub fn confirm_address(
        &self,
        to: &str,
        accounts: &[(String, String)],
        days: i64,
        request: &Request<'_>,
    ) -> Message {
        let link = |key: &str| format!("{}/accounts/confirm-email/{key}/", self.site.url);
        let entries: Vec<_> = accounts
            .iter()
            .map(|(username, key)| AccountLink { username, link: link(key) })
            .collect();
        templates::with_links(&self.site, to, LinkPurpose::ConfirmAddress, &entries, days, request)
    }

    /// One email for all accounts with this address: the username of each, with `uid` and token of
    /// its link. `next` is where the links lead on to, sealed; it may be empty.
    pub fn password_reset(
        &self,
        to: &str,
        accounts: &[(String, (String, String))],
        next: &str,
        days: i64,
        request: &Request<'_>,
    ) -> Message {
        let link = |(uid, token): &(String, String)| {
            let next = if next.is_empty() { String::new() } else { format!("&next={next}") };
            format!("{}/platform/set-password?uid={uid}&token={token}{next}", self.site.url)
        };
        let entries: Vec<_> = accounts
            .iter()
            .map(|(username, key)| AccountLink { username, link: link(key) })
            .collect();
        templates::with_links(&self.site, to, LinkPurpose::ResetPassword, &entries, days, request)
    }

    /// Security notice. Its only link leads to the account page.
    pub fn notice(
        &self,
        to: &str,
        username: &str,
        notice: Notice<'_>,
        request: &Request<'_>,
    ) -> Message {
        let account = AccountLink { username, link: format!("{}/platform/", self.site.url) };
        templates::notice(&self.site, to, account, notice, request)
    }
}
