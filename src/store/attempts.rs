//! How much has been tried lately, where several servers count together: one row for each thing that is counted.
//!
//! Must never know what is counted, which it sees as a digest, nor what is too much.

use chrono::{DateTime, Utc};

use super::values::{Row, Time, params};
use super::{Reader, StoreError, Writer};

/// Attempts in millionths, and when there were so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    pub level: i64,
    pub at: DateTime<Utc>,
}

fn record(row: &Row<'_>) -> Result<Attempts, StoreError> {
    Ok(Attempts { level: row.get(0)?, at: row.get::<Time>(1)?.0 })
}

impl Reader<'_> {
    pub fn attempts_find(&self, counted: &[u8; 32]) -> Result<Option<Attempts>, StoreError> {
        self.find("SELECT level, at FROM attempts WHERE counted = $1", params![counted], record)
    }
}

impl Writer<'_> {
    /// Until `empty_at` it makes a difference.
    pub fn attempts_keep(
        &self,
        counted: &[u8; 32],
        attempts: Attempts,
        empty_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO attempts (counted, level, at, empty_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (counted) DO UPDATE SET level = $2, at = $3, empty_at = $4",
            params![counted, attempts.level, Time(attempts.at), Time(empty_at)],
        )?;
        Ok(())
    }

    pub fn attempts_lower(&self, counted: &[u8; 32], by: i64) -> Result<(), StoreError> {
        self.execute(
            "UPDATE attempts SET level = CASE WHEN level > $1 THEN level - $1 ELSE 0 END WHERE counted = $2",
            params![by, counted],
        )?;
        Ok(())
    }

    /// Deletes what makes no difference any more, at most `limit` rows.
    pub fn attempts_delete_empty(&self, now: DateTime<Utc>, limit: i64) -> Result<usize, StoreError> {
        self.execute(
            "DELETE FROM attempts WHERE counted IN (
                 SELECT counted FROM attempts WHERE empty_at <= $1 ORDER BY empty_at LIMIT $2
             )",
            params![Time(now), limit],
        )
    }
}
