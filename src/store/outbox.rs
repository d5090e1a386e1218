//! The outbox: messages queued in the transaction of the event that they report.
//!
//! Messages arrive encrypted, since they contain keys. This file never sees the plain text, and
//! `Debug` never shows the ciphertext.

use std::fmt;

use chrono::{DateTime, Utc};

use super::record::{insert, record};
use super::values::{Time, params};
use super::{Reader, StoreError, Writer};

record! {
    #[derive(Clone, PartialEq, Eq)]
    pub struct OutboxMail: mail_columns with prefix "" {
        pub id: i64,
        pub sealed: Vec<u8>,
        pub created: DateTime<Utc>,
        pub next_attempt: DateTime<Utc>,
        pub attempts: i64,
        pub expires: DateTime<Utc>,
    }
}

impl fmt::Debug for OutboxMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxMail")
            .field("id", &self.id)
            .field("created", &self.created)
            .field("next_attempt", &self.next_attempt)
            .field("attempts", &self.attempts)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Reader<'_> {
    /// Messages that are due, the longest due first. May include expired ones that the cleanup has
    /// not deleted yet.
    pub fn outbox_due(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<OutboxMail>, StoreError> {
        self.list(
            concat!(
                "SELECT ",
                mail_columns!(),
                " FROM outbox WHERE next_attempt <= $1 ORDER BY next_attempt, id LIMIT $2"
            ),
            params![Time(now), limit],
            OutboxMail::read,
        )
    }

    pub fn outbox_next_attempt(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let next: Option<Time> = self.value("SELECT MIN(next_attempt) FROM outbox", &[])?;
        Ok(next.map(|time| time.0))
    }

    /// When the oldest message was queued.
    pub fn outbox_oldest(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let oldest: Option<Time> = self.value("SELECT MIN(created) FROM outbox", &[])?;
        Ok(oldest.map(|time| time.0))
    }

    pub fn outbox_count(&self) -> Result<i64, StoreError> {
        self.value("SELECT COUNT(*) FROM outbox", &[])
    }
}

impl Writer<'_> {
    /// Queues a message that is due at once.
    pub fn outbox_insert(
        &self,
        sealed: &[u8],
        created: DateTime<Utc>,
        expires: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        insert!(self.value into "outbox" {
            sealed: sealed,
            created: Time(created),
            next_attempt: Time(created),
            expires: Time(expires),
        } "RETURNING id")
    }

    /// Claims the message that has been due longest: no other server takes it before `until`.
    pub fn outbox_claim(
        &self,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<OutboxMail>, StoreError> {
        // PostgreSQL only: an SQLite file has a single server.
        self.find(
            concat!(
                "UPDATE outbox SET next_attempt = $1 WHERE id = (
                     SELECT id FROM outbox WHERE next_attempt <= $2 ORDER BY next_attempt, id \
                 LIMIT 1 FOR UPDATE SKIP LOCKED
                 ) RETURNING ",
                mail_columns!()
            ),
            params![Time(until), Time(now)],
            OutboxMail::read,
        )
    }

    /// Reschedules without counting an attempt.
    pub fn outbox_set_next_attempt(
        &self,
        id: i64,
        next_attempt: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.execute(
            "UPDATE outbox SET next_attempt = $1 WHERE id = $2",
            params![Time(next_attempt), id],
        )?;
        Ok(())
    }

    pub fn outbox_delete(&self, id: i64) -> Result<bool, StoreError> {
        Ok(self.execute("DELETE FROM outbox WHERE id = $1", params![id])? > 0)
    }

    /// Counts a failed attempt and reschedules.
    pub fn outbox_postpone(&self, id: i64, next_attempt: DateTime<Utc>) -> Result<(), StoreError> {
        self.execute(
            "UPDATE outbox SET next_attempt = $1, attempts = attempts + 1 WHERE id = $2",
            params![Time(next_attempt), id],
        )?;
        Ok(())
    }

    pub fn outbox_delete_expired(&self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        self.execute("DELETE FROM outbox WHERE expires <= $1", params![Time(now)])
    }
}
