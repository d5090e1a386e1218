//! Accounts whose owner asked for their deletion, with the time that it is due.

use chrono::{DateTime, Utc};

use super::values::{Time, params};
use super::{StoreError, Writer};

impl Writer<'_> {
    /// Keeps the earlier time if the account is scheduled already.
    pub fn deletion_insert(&self, account_id: i64, due: DateTime<Utc>) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO closing_accounts (account_id, due) VALUES ($1, $2)
             ON CONFLICT (account_id) DO NOTHING",
            params![account_id, Time(due)],
        )?;
        Ok(())
    }

    /// Returns whether the account was scheduled.
    pub fn deletion_remove(&self, account_id: i64) -> Result<bool, StoreError> {
        Ok(self
            .execute("DELETE FROM closing_accounts WHERE account_id = $1", params![account_id])?
            > 0)
    }

    /// Accounts that are due, the earliest first.
    pub fn deletion_list_due(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        self.list(
            "SELECT account_id FROM closing_accounts WHERE due <= $1 ORDER BY due LIMIT $2",
            params![Time(now), limit],
            |row| row.get(0),
        )
    }

    /// Deletes an account with all that it owns. The audit trail stays.
    pub fn account_delete(&self, id: i64) -> Result<bool, StoreError> {
        Ok(self.execute("DELETE FROM accounts WHERE id = $1", params![id])? > 0)
    }
}
