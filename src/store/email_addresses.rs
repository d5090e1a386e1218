//! E-mail addresses of accounts: which are proven, and which one is written to.
//!
//! The database itself keeps a verified address unique and a primary one single; this file must
//! never check either beforehand, as a check and its write can be parted by another's write.

use super::values::{Row, params, row_limit};
use super::{Reader, StoreError, Writer};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress {
    pub id: i64,
    pub account_id: i64,
    pub email: String,
    /// Confirmed by the key of a mail.
    pub verified: bool,
    pub primary: bool,
    /// Its holder has used a reset link that was mailed to it, or the operator gave it.
    pub proved_otherwise: bool,
}

impl EmailAddress {
    /// Whether somebody has shown that they get the mail of this address.
    pub fn is_proved(&self) -> bool {
        self.verified || self.proved_otherwise
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, account_id, email, verified, is_primary, proved_otherwise FROM email_addresses ", $rest)
    };
}

pub(super) const LIST: &str = select!("WHERE account_id = $1 ORDER BY id LIMIT $2 OFFSET $3");
pub(super) const LIST_UNVERIFIED: &str = select!("WHERE email = $1 AND NOT verified ORDER BY id DESC LIMIT $2");
pub(super) const FIND_FIRST: &str = select!("WHERE account_id = $1 ORDER BY id LIMIT 1");
pub(super) const LAST_ID: &str = "SELECT id FROM email_addresses WHERE account_id = $1 ORDER BY id DESC LIMIT 1";
pub(super) const EXISTS_OTHER: &str =
    "SELECT EXISTS (SELECT 1 FROM email_addresses WHERE account_id = $1 AND id <> $2)";
pub(super) const EXISTS_VERIFIED: &str =
    "SELECT EXISTS (SELECT 1 FROM email_addresses WHERE account_id = $1 AND verified)";
pub(super) const EXISTS_BEYOND: &str =
    "SELECT EXISTS (SELECT 1 FROM email_addresses WHERE account_id = $1 ORDER BY id LIMIT 1 OFFSET $2)";
pub(super) const DELETE_OTHERS: &str = "DELETE FROM email_addresses WHERE id IN (
    SELECT id FROM email_addresses WHERE account_id = $1 AND id <> $2 AND id <= $3 ORDER BY id LIMIT $4)";
pub(super) const DELETE_UNPROVED: &str = "DELETE FROM email_addresses WHERE id IN (
    SELECT id FROM email_addresses WHERE account_id = $1 AND id <> $2 AND id <= $3
       AND NOT verified AND NOT proved_otherwise AND NOT is_primary ORDER BY id LIMIT $4)";

fn record(row: &Row<'_>) -> Result<EmailAddress, StoreError> {
    Ok(EmailAddress {
        id: row.get(0)?,
        account_id: row.get(1)?,
        email: row.get(2)?,
        verified: row.get(3)?,
        primary: row.get(4)?,
        proved_otherwise: row.get(5)?,
    })
}

impl Reader<'_> {
    pub fn email_address_list(
        &self,
        account_id: i64,
        limit: Option<i64>,
        offset: i64,
    ) -> Result<Vec<EmailAddress>, StoreError> {
        self.list(LIST, params![account_id, row_limit(limit), offset], record)
    }

    pub fn email_address_count(&self, account_id: i64) -> Result<i64, StoreError> {
        self.value("SELECT COUNT(*) FROM email_addresses WHERE account_id = $1", params![account_id])
    }

    pub fn email_address_find(&self, account_id: i64, id: i64) -> Result<Option<EmailAddress>, StoreError> {
        self.find(select!("WHERE account_id = $1 AND id = $2"), params![account_id, id], record)
    }

    pub fn email_address_find_by_id(&self, id: i64) -> Result<Option<EmailAddress>, StoreError> {
        self.find(select!("WHERE id = $1"), params![id], record)
    }

    pub fn email_address_find_primary(&self, account_id: i64) -> Result<Option<EmailAddress>, StoreError> {
        self.find(select!("WHERE account_id = $1 AND is_primary"), params![account_id], record)
    }

    /// The account's own row of an address.
    pub fn email_address_find_by_email(
        &self,
        account_id: i64,
        email: &str,
    ) -> Result<Option<EmailAddress>, StoreError> {
        self.find(select!("WHERE account_id = $1 AND email = $2"), params![account_id, email], record)
    }

    /// The row that the account has had for longest: ids are never used twice.
    pub fn email_address_find_first(&self, account_id: i64) -> Result<Option<EmailAddress>, StoreError> {
        self.find(FIND_FIRST, params![account_id], record)
    }

    /// The id of the newest row; 0 when there is none.
    pub fn email_address_last_id(&self, account_id: i64) -> Result<i64, StoreError> {
        Ok(self.find(LAST_ID, params![account_id], |row| row.get(0))?.unwrap_or(0))
    }

    /// Whether the account has a row besides this one.
    pub fn email_address_exists_other(&self, account_id: i64, id: i64) -> Result<bool, StoreError> {
        self.value(EXISTS_OTHER, params![account_id, id])
    }

    /// Whether the account has more than so many rows.
    pub fn email_address_exists_beyond(&self, account_id: i64, rows: i64) -> Result<bool, StoreError> {
        self.value(EXISTS_BEYOND, params![account_id, rows])
    }

    pub fn email_address_exists_verified(&self, account_id: i64) -> Result<bool, StoreError> {
        self.value(EXISTS_VERIFIED, params![account_id])
    }

    /// On any account, verified or not.
    pub fn email_address_exists(&self, email: &str) -> Result<bool, StoreError> {
        self.value("SELECT EXISTS (SELECT 1 FROM email_addresses WHERE email = $1)", params![email])
    }

    /// The row that holds this address verified, on any account.
    pub fn email_address_find_verified(&self, email: &str) -> Result<Option<EmailAddress>, StoreError> {
        self.find(select!("WHERE email = $1 AND verified"), params![email], record)
    }

    /// Unverified rows of this address on any account, the newest first.
    pub fn email_address_list_unverified_by_email(
        &self,
        email: &str,
        limit: usize,
    ) -> Result<Vec<EmailAddress>, StoreError> {
        self.list(LIST_UNVERIFIED, params![email, i64::try_from(limit).unwrap_or(i64::MAX)], record)
    }

    /// On any account.
    pub fn email_address_is_verified(&self, email: &str) -> Result<bool, StoreError> {
        self.value("SELECT EXISTS (SELECT 1 FROM email_addresses WHERE email = $1 AND verified)", params![email])
    }
}

impl Writer<'_> {
    pub fn email_address_insert(
        &self,
        account_id: i64,
        email: &str,
        verified: bool,
        primary: bool,
    ) -> Result<i64, StoreError> {
        self.value(
            "INSERT INTO email_addresses (account_id, email, verified, is_primary)
             VALUES ($1, $2, $3, $4) RETURNING id",
            params![account_id, email, verified, primary],
        )
    }

    pub fn email_address_set_verified(&self, id: i64) -> Result<(), StoreError> {
        self.execute("UPDATE email_addresses SET verified = TRUE WHERE id = $1", params![id])?;
        Ok(())
    }

    pub fn email_address_set_proved_otherwise(&self, id: i64) -> Result<(), StoreError> {
        self.execute("UPDATE email_addresses SET proved_otherwise = TRUE WHERE id = $1", params![id])?;
        Ok(())
    }

    /// Deletes the account's rows up to the id `last` but the one to keep, at most `limit`.
    pub fn email_address_delete_others(
        &self,
        account_id: i64,
        keep: i64,
        last: i64,
        limit: i64,
    ) -> Result<usize, StoreError> {
        self.execute(DELETE_OTHERS, params![account_id, keep, last, limit])
    }

    /// The same for those that are neither proved nor primary.
    pub fn email_address_delete_unproved(
        &self,
        account_id: i64,
        keep: i64,
        last: i64,
        limit: i64,
    ) -> Result<usize, StoreError> {
        self.execute(DELETE_UNPROVED, params![account_id, keep, last, limit])
    }

    /// Moves the flag to this address. Does nothing if it is not the account's.
    pub fn email_address_set_primary(&self, account_id: i64, id: i64) -> Result<(), StoreError> {
        // Two statements: within one, a unique index may see the new flag before the old is gone.
        self.execute(
            "UPDATE email_addresses SET is_primary = FALSE
             WHERE account_id = $1 AND is_primary AND id <> $2
               AND EXISTS (SELECT 1 FROM email_addresses WHERE account_id = $1 AND id = $2)",
            params![account_id, id],
        )?;
        self.execute(
            "UPDATE email_addresses SET is_primary = TRUE WHERE account_id = $1 AND id = $2",
            params![account_id, id],
        )?;
        Ok(())
    }

    pub fn email_address_delete(&self, id: i64) -> Result<bool, StoreError> {
        Ok(self.execute("DELETE FROM email_addresses WHERE id = $1", params![id])? > 0)
    }
}
