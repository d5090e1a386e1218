//! TOTP devices, the second factor of an account. Their secrets arrive encrypted.

use chrono::{DateTime, Utc};

use super::values::{Time, params};
use super::{Reader, StoreError, Writer};

impl Reader<'_> {
    /// Returns whether the account has a confirmed device: only those are a second factor.
    pub fn totp_device_exists(&self, account_id: i64) -> Result<bool, StoreError> {
        self.value(
            "SELECT EXISTS (SELECT 1 FROM totp_devices WHERE account_id = $1 AND confirmed)",
            params![account_id],
        )
    }
}

impl Writer<'_> {
    /// Deletes all devices of the account and returns their number.
    pub fn totp_device_delete_all(&self, account_id: i64) -> Result<usize, StoreError> {
        self.execute("DELETE FROM totp_devices WHERE account_id = $1", params![account_id])
    }

    pub fn totp_device_insert(
        &self,
        account_id: i64,
        name: &str,
        confirmed: bool,
        sealed_secret: &[u8],
        created: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        self.value(
            "INSERT INTO totp_devices (account_id, name, confirmed, secret, created)
             VALUES ($1, $2, $3, $4, $5) RETURNING id",
            params![account_id, name, confirmed, sealed_secret, Time(created)],
        )
    }
}
