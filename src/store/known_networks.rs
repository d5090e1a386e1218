//! Networks from which the password of an account was entered.
//!
//! A network is stored only as a digest, together with its account.

use chrono::{DateTime, Utc};

use super::values::{Time, params};
use super::{Reader, StoreError, Writer};

impl Reader<'_> {
    /// When the network was last recorded for the account.
    pub fn known_network_find(
        &self,
        digest: &[u8; 32],
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let sql = "SELECT last_used FROM known_networks WHERE digest = $1";
        self.find(sql, params![digest], |row| Ok(row.get::<Time>(0)?.0))
    }
}

impl Writer<'_> {
    /// Keeps the `limit` most recently used networks of the account, including this one.
    pub fn known_network_remember(
        &self,
        digest: &[u8; 32],
        account_id: i64,
        last_used: DateTime<Utc>,
        limit: i64,
    ) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO known_networks (digest, account_id, last_used) VALUES ($1, $2, $3)
             ON CONFLICT (digest) DO UPDATE SET last_used = $3",
            params![digest, account_id, Time(last_used)],
        )?;
        self.execute(
            "DELETE FROM known_networks WHERE account_id = $1 AND digest NOT IN (
                 SELECT digest FROM known_networks WHERE account_id = $1 ORDER BY last_used DESC, \
                 digest LIMIT $2
             )",
            params![account_id, limit],
        )?;
        Ok(())
    }

    pub fn known_network_delete_all(&self, account_id: i64) -> Result<usize, StoreError> {
        self.execute("DELETE FROM known_networks WHERE account_id = $1", params![account_id])
    }
}
