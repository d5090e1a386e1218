//! Mails that were promised in the same transaction as what they tell of, and wait to be sent.
//!
//! Mails come in sealed, as they hold keys; this file must never see an open one, nor show the
//! sealed text in `Debug`.

use std::fmt;

use chrono::{DateTime, Utc};

use super::values::{Row, Time, params};
use super::{Reader, StoreError, Writer};

#[derive(Clone, PartialEq, Eq)]
pub struct OutboxMail {
    pub id: i64,
    pub sealed: Vec<u8>,
    pub created: DateTime<Utc>,
    pub next_attempt: DateTime<Utc>,
    pub attempts: i64,
    pub expires: DateTime<Utc>,
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

fn record(row: &Row<'_>) -> Result<OutboxMail, StoreError> {
    Ok(OutboxMail {
        id: row.get(0)?,
        sealed: row.get(1)?,
        created: row.get::<Time>(2)?.0,
        next_attempt: row.get::<Time>(3)?.0,
        attempts: row.get(4)?,
        expires: row.get::<Time>(5)?.0,
    })
}

impl Reader<'_> {
    /// Longest due first. May include expired mails that no sweep has deleted yet.
    pub fn outbox_due(&self, now: DateTime<Utc>, limit: i64) -> Result<Vec<OutboxMail>, StoreError> {
        self.list(
            "SELECT id, sealed, created, next_attempt, attempts, expires FROM outbox
             WHERE next_attempt <= $1 ORDER BY next_attempt, id LIMIT $2",
            params![Time(now), limit],
            record,
        )
    }

    pub fn outbox_next_attempt(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let next: Option<Time> = self.value("SELECT MIN(next_attempt) FROM outbox", &[])?;
        Ok(next.map(|time| time.0))
    }

    /// When the mail that waits longest was queued.
    pub fn outbox_oldest(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let oldest: Option<Time> = self.value("SELECT MIN(created) FROM outbox", &[])?;
        Ok(oldest.map(|time| time.0))
    }

    pub fn outbox_count(&self) -> Result<i64, StoreError> {
        self.value("SELECT COUNT(*) FROM outbox", &[])
    }
}

impl Writer<'_> {
    /// Due at once.
    pub fn outbox_insert(
        &self,
        sealed: &[u8],
        created: DateTime<Utc>,
        expires: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        self.value(
            "INSERT INTO outbox (sealed, created, next_attempt, expires)
             VALUES ($1, $2, $2, $3) RETURNING id",
            params![sealed, Time(created), Time(expires)],
        )
    }

    /// Takes the mail that has been due longest, so that no other server takes it before `until`.
    pub fn outbox_claim(&self, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<Option<OutboxMail>, StoreError> {
        // Of the shared engine alone: with the other there is nobody to take it.
        self.find(
            "UPDATE outbox SET next_attempt = $1 WHERE id = (
                 SELECT id FROM outbox WHERE next_attempt <= $2 ORDER BY next_attempt, id LIMIT 1 FOR UPDATE SKIP LOCKED
             ) RETURNING id, sealed, created, next_attempt, attempts, expires",
            params![Time(until), Time(now)],
            record,
        )
    }

    /// Sets when it is due without counting an attempt.
    pub fn outbox_set_next_attempt(&self, id: i64, next_attempt: DateTime<Utc>) -> Result<(), StoreError> {
        self.execute("UPDATE outbox SET next_attempt = $1 WHERE id = $2", params![Time(next_attempt), id])?;
        Ok(())
    }

    pub fn outbox_delete(&self, id: i64) -> Result<bool, StoreError> {
        Ok(self.execute("DELETE FROM outbox WHERE id = $1", params![id])? > 0)
    }

    /// Counts a failed attempt and sets the time of the next.
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
