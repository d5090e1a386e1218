//! Passkeys: the public halves of WebAuthn credentials, found by credential id.

use chrono::{DateTime, Utc};

use super::record::{insert, record};
use super::values::{Time, params};
use super::{Reader, StoreError, Writer};

record! {
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Passkey: passkey_columns with prefix "" {
        pub id: i64,
        pub account_id: i64,
        pub credential_id: Vec<u8>,
        /// A COSE key.
        pub public_key: Vec<u8>,
        pub sign_count: i64,
        pub name: String,
        pub created: DateTime<Utc>,
        pub last_used: Option<DateTime<Utc>>,
    }
}

/// A passkey without its row.
#[derive(Debug, Clone)]
pub struct NewPasskey {
    pub account_id: i64,
    pub credential_id: Vec<u8>,
    pub public_key: Vec<u8>,
    pub sign_count: i64,
    pub name: String,
    pub created: DateTime<Utc>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", passkey_columns!(), " FROM passkeys ", $rest)
    };
}

impl Reader<'_> {
    /// Returns whether the account has a second factor: a confirmed TOTP device or a passkey.
    pub fn second_factor_exists(&self, account_id: i64) -> Result<bool, StoreError> {
        self.value(
            "SELECT EXISTS (SELECT 1 FROM totp_devices WHERE account_id = $1 AND confirmed)
                 OR EXISTS (SELECT 1 FROM passkeys WHERE account_id = $1)",
            params![account_id],
        )
    }

    /// The passkeys of the account, oldest first.
    pub fn passkey_list(&self, account_id: i64) -> Result<Vec<Passkey>, StoreError> {
        self.list(select!("WHERE account_id = $1 ORDER BY id"), params![account_id], Passkey::read)
    }

    pub fn passkey_find(&self, credential_id: &[u8]) -> Result<Option<Passkey>, StoreError> {
        self.find(select!("WHERE credential_id = $1"), params![credential_id], Passkey::read)
    }
}

impl Writer<'_> {
    /// `None` if an account has the credential.
    pub fn passkey_insert(&self, new: &NewPasskey) -> Result<Option<i64>, StoreError> {
        insert!(self.find into "passkeys" {
            account_id: new.account_id,
            credential_id: new.credential_id.as_slice(),
            public_key: new.public_key.as_slice(),
            sign_count: new.sign_count,
            name: &new.name,
            created: Time(new.created),
        } "ON CONFLICT (credential_id) DO NOTHING RETURNING id", |row| row.get(0))
    }

    /// Raises the sign counter; false if it does not rise, or the passkey is gone. An authenticator
    /// without a counter sends 0 each time.
    pub fn passkey_use(
        &self,
        account_id: i64,
        id: i64,
        sign_count: i64,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        Ok(self.execute(
            "UPDATE passkeys SET sign_count = $1, last_used = $2
             WHERE id = $3 AND account_id = $4
               AND (sign_count < $5 OR (sign_count = 0 AND $6))",
            params![sign_count, Time(now), id, account_id, sign_count, sign_count == 0],
        )? > 0)
    }

    /// Deletes a passkey only if it belongs to the account; returns its name.
    pub fn passkey_delete_own(
        &self,
        account_id: i64,
        id: i64,
    ) -> Result<Option<String>, StoreError> {
        self.find(
            "DELETE FROM passkeys WHERE account_id = $1 AND id = $2 RETURNING name",
            params![account_id, id],
            |row| row.get(0),
        )
    }

    /// Deletes all passkeys of the account and returns their number.
    pub fn passkey_delete_all(&self, account_id: i64) -> Result<usize, StoreError> {
        self.execute("DELETE FROM passkeys WHERE account_id = $1", params![account_id])
    }
}
