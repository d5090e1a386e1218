//! Rate-limit buckets: one row for each limited key.
//!
//! Servers that share a database count here. A server with its own file counts in memory and saves
//! its buckets here. Keys are digests; this file knows neither their meaning nor the limits.

use chrono::{DateTime, Utc};

use super::values::{Row, Time, params};
use super::{Reader, StoreError, Writer};

/// A bucket: its level in millionths of an attempt, at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    pub level: i64,
    pub at: DateTime<Utc>,
}

/// A bucket with the digest of its key and the time when it is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedAttempts {
    pub key_digest: [u8; 32],
    pub attempts: Attempts,
    pub empty_at: DateTime<Utc>,
}

fn record(row: &Row<'_>) -> Result<Attempts, StoreError> {
    Ok(Attempts { level: row.get(0)?, at: row.get::<Time>(1)?.0 })
}

fn counted(row: &Row<'_>) -> Result<CountedAttempts, StoreError> {
    let key_digest = row.get::<Vec<u8>>(3)?.try_into();
    let key_digest = key_digest
        .map_err(|_| StoreError::Other("a key digest is not 32 bytes long".to_owned()))?;
    Ok(CountedAttempts { key_digest, attempts: record(row)?, empty_at: row.get::<Time>(2)?.0 })
}

impl Reader<'_> {
    pub fn attempts_find(&self, key_digest: &[u8; 32]) -> Result<Option<Attempts>, StoreError> {
        self.find(
            "SELECT level, at FROM attempts WHERE key_digest = $1",
            params![key_digest],
            record,
        )
    }

    /// Buckets that are not empty, the last to empty first.
    pub fn attempts_list(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<CountedAttempts>, StoreError> {
        self.list(
            "SELECT level, at, empty_at, key_digest FROM attempts WHERE empty_at > $1 ORDER BY \
             empty_at DESC LIMIT $2",
            params![Time(now), limit],
            counted,
        )
    }
}

impl Writer<'_> {
    pub fn attempts_upsert(&self, counted: &CountedAttempts) -> Result<(), StoreError> {
        let CountedAttempts { key_digest, attempts, empty_at } = counted;
        self.execute(
            "INSERT INTO attempts (key_digest, level, at, empty_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (key_digest) DO UPDATE SET level = $2, at = $3, empty_at = $4",
            params![key_digest, attempts.level, Time(attempts.at), Time(*empty_at)],
        )?;
        Ok(())
    }

    pub fn attempts_lower(&self, key_digest: &[u8; 32], by: i64) -> Result<(), StoreError> {
        self.execute(
            "UPDATE attempts SET level = CASE WHEN level > $1 THEN level - $1 ELSE 0 END WHERE \
             key_digest = $2",
            params![by, key_digest],
        )?;
        Ok(())
    }

    /// Deletes empty buckets, at most `limit`.
    pub fn attempts_delete_empty(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<usize, StoreError> {
        self.execute(
            "DELETE FROM attempts WHERE key_digest IN (
                 SELECT key_digest FROM attempts WHERE empty_at <= $1 ORDER BY empty_at LIMIT $2
             )",
            params![Time(now), limit],
        )
    }
}
