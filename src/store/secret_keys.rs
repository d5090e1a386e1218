//! Fingerprints of the secret keys that this database was used with.
//!
//! Must never see a key.

use chrono::{DateTime, Utc};

use super::values::{Time, params};
use super::{Reader, StoreError, Writer};

impl Reader<'_> {
    pub fn secret_key_exists(&self) -> Result<bool, StoreError> {
        self.value("SELECT EXISTS (SELECT 1 FROM secret_keys)", &[])
    }

    pub fn secret_key_is_known(&self, fingerprint: &[u8; 32]) -> Result<bool, StoreError> {
        self.value("SELECT EXISTS (SELECT 1 FROM secret_keys WHERE fingerprint = $1)", params![fingerprint])
    }

    /// Another key than this one; a database that was used before fingerprints were kept has a shorter mark.
    pub fn secret_key_exists_other(&self, fingerprint: &[u8; 32]) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM secret_keys WHERE fingerprint <> $1 AND LENGTH(fingerprint) = 32)";
        self.value(sql, params![fingerprint])
    }
}

impl Writer<'_> {
    pub fn secret_key_insert(&self, fingerprint: &[u8; 32], now: DateTime<Utc>) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO secret_keys (fingerprint, first_used) VALUES ($1, $2) ON CONFLICT (fingerprint) DO NOTHING",
            params![fingerprint, Time(now)],
        )?;
        Ok(())
    }
}
