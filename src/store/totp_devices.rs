//! TOTP devices, the second factor of an account. Their secrets arrive encrypted.

use chrono::{DateTime, Utc};

use super::record::{insert, record};
use super::values::{Time, params};
use super::{Reader, StoreError, Writer};

record! {
    /// A confirmed device. Its secret is encrypted, and has no `Debug`.
    pub struct TotpFactor: device_columns with prefix "" {
        pub id: i64,
        pub name: String,
        pub sealed_secret: Vec<u8> = "secret",
        pub created: DateTime<Utc>,
        pub last_used: Option<DateTime<Utc>>,
    }
}

impl Reader<'_> {
    /// The confirmed devices of the account, oldest first.
    pub fn totp_device_list(&self, account_id: i64) -> Result<Vec<TotpFactor>, StoreError> {
        self.list(
            concat!(
                "SELECT ",
                device_columns!(),
                " FROM totp_devices WHERE account_id = $1 AND confirmed ORDER BY id"
            ),
            params![account_id],
            TotpFactor::read,
        )
    }
}

impl Writer<'_> {
    /// Deletes all devices of the account and returns their number.
    pub fn totp_device_delete_all(&self, account_id: i64) -> Result<usize, StoreError> {
        self.execute("DELETE FROM totp_devices WHERE account_id = $1", params![account_id])
    }

    /// Deletes a confirmed device only if it belongs to the account; returns its name.
    pub fn totp_device_delete_own(
        &self,
        account_id: i64,
        id: i64,
    ) -> Result<Option<String>, StoreError> {
        self.find(
            "DELETE FROM totp_devices WHERE account_id = $1 AND id = $2 AND confirmed
             RETURNING name",
            params![account_id, id],
            |row| row.get(0),
        )
    }

    pub fn totp_device_insert(
        &self,
        account_id: i64,
        name: &str,
        confirmed: bool,
        sealed_secret: &[u8],
        created: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        insert!(self.value into "totp_devices" {
            account_id: account_id,
            name: name,
            confirmed: confirmed,
            secret: sealed_secret,
            created: Time(created),
        } "RETURNING id")
    }

    /// Uses a time step of a device; false if it or a later one was used before, or the device is
    /// gone.
    pub fn totp_device_use_step(
        &self,
        account_id: i64,
        id: i64,
        step: i64,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        Ok(self.execute(
            "UPDATE totp_devices SET last_step = $1, last_used = $2
             WHERE id = $3 AND account_id = $4 AND confirmed AND last_step < $5",
            params![step, Time(now), id, account_id, step],
        )? > 0)
    }
}
