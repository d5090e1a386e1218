//! Fingerprints of the secret keys used with this database. The keys themselves are never stored.

use chrono::{DateTime, Utc};

use super::values::{Time, params};
use super::{Reader, StoreError, Writer};

impl Reader<'_> {
    pub fn secret_key_exists(&self) -> Result<bool, StoreError> {
        self.value("SELECT EXISTS (SELECT 1 FROM secret_keys)", &[])
    }

    pub fn secret_key_is_known(&self, fingerprint: &[u8; 32]) -> Result<bool, StoreError> {
        self.value(
            "SELECT EXISTS (SELECT 1 FROM secret_keys WHERE fingerprint = $1)",
            params![fingerprint],
        )
    }

    /// Returns whether another key was used. Databases from before fingerprints hold a shorter
    /// marker.
    pub fn secret_key_exists_other(&self, fingerprint: &[u8; 32]) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM secret_keys WHERE fingerprint <> $1 AND \
            LENGTH(fingerprint) = 32)";
        self.value(sql, params![fingerprint])
    }
}

impl Writer<'_> {
    pub fn secret_key_insert(
        &self,
        fingerprint: &[u8; 32],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO secret_keys (fingerprint, first_used) VALUES ($1, $2) ON CONFLICT \
             (fingerprint) DO NOTHING",
            params![fingerprint, Time(now)],
        )?;
        Ok(())
    }
}
