//! Email addresses of accounts.
//!
//! Unique indexes keep a verified address unique and a primary one single. This file never checks
//! either beforehand, since another write can come between a check and its write.

use super::record::{insert, record};
use super::values::{params, row_limit};
use super::{Reader, StoreError, Writer};

record! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct EmailAddress: address_columns with prefix "" {
        pub id: i64,
        pub account_id: i64,
        pub email: String,
        /// Confirmed by the key in a message.
        pub verified: bool,
        pub primary: bool = "is_primary",
        /// The holder has used a reset link sent to it, or an operator set it.
        pub proved_otherwise: bool,
    }
}

impl EmailAddress {
    /// Returns whether the holder is known to receive messages at this address.
    pub fn is_proved(&self) -> bool {
        self.verified || self.proved_otherwise
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", address_columns!(), " FROM email_addresses ", $rest)
    };
}

pub(super) const LIST: &str = select!("WHERE account_id = $1 ORDER BY id LIMIT $2 OFFSET $3");
pub(super) const LIST_UNVERIFIED: &str =
    select!("WHERE email = $1 AND NOT verified ORDER BY id DESC LIMIT $2");
pub(super) const FIND_FIRST: &str = select!("WHERE account_id = $1 ORDER BY id LIMIT 1");
pub(super) const LAST_ID: &str =
    "SELECT id FROM email_addresses WHERE account_id = $1 ORDER BY id DESC LIMIT 1";
pub(super) const EXISTS_OTHER: &str =
    "SELECT EXISTS (SELECT 1 FROM email_addresses WHERE account_id = $1 AND id <> $2)";
pub(super) const EXISTS_VERIFIED: &str =
    "SELECT EXISTS (SELECT 1 FROM email_addresses WHERE account_id = $1 AND verified)";
pub(super) const EXISTS_BEYOND: &str = "SELECT EXISTS (SELECT 1 FROM email_addresses WHERE \
    account_id = $1 ORDER BY id LIMIT 1 OFFSET $2)";
pub(super) const DELETE_OTHERS: &str = "DELETE FROM email_addresses WHERE id IN (
    SELECT id FROM email_addresses WHERE account_id = $1 AND id <> $2 AND id <= $3 ORDER BY id \
    LIMIT $4)";
pub(super) const DELETE_UNPROVED: &str = "DELETE FROM email_addresses WHERE id IN (
    SELECT id FROM email_addresses WHERE account_id = $1 AND id <> $2 AND id <= $3
       AND NOT verified AND NOT proved_otherwise AND NOT is_primary ORDER BY id LIMIT $4)";

impl Reader<'_> {
    pub fn email_address_list(
        &self,
        account_id: i64,
        limit: Option<i64>,
        offset: i64,
    ) -> Result<Vec<EmailAddress>, StoreError> {
        self.list(LIST, params![account_id, row_limit(limit), offset], EmailAddress::read)
    }

    pub fn email_address_count(&self, account_id: i64) -> Result<i64, StoreError> {
        self.value(
            "SELECT COUNT(*) FROM email_addresses WHERE account_id = $1",
            params![account_id],
        )
    }

    pub fn email_address_find(
        &self,
        account_id: i64,
        id: i64,
    ) -> Result<Option<EmailAddress>, StoreError> {
        self.find(
            select!("WHERE account_id = $1 AND id = $2"),
            params![account_id, id],
            EmailAddress::read,
        )
    }

    pub fn email_address_find_by_id(&self, id: i64) -> Result<Option<EmailAddress>, StoreError> {
        self.find(select!("WHERE id = $1"), params![id], EmailAddress::read)
    }

    pub fn email_address_find_primary(
        &self,
        account_id: i64,
    ) -> Result<Option<EmailAddress>, StoreError> {
        self.find(
            select!("WHERE account_id = $1 AND is_primary"),
            params![account_id],
            EmailAddress::read,
        )
    }

    /// Finds an address of the account.
    pub fn email_address_find_by_email(
        &self,
        account_id: i64,
        email: &str,
    ) -> Result<Option<EmailAddress>, StoreError> {
        self.find(
            select!("WHERE account_id = $1 AND email = $2"),
            params![account_id, email],
            EmailAddress::read,
        )
    }

    /// The oldest row of the account: ids are never reused.
    pub fn email_address_find_first(
        &self,
        account_id: i64,
    ) -> Result<Option<EmailAddress>, StoreError> {
        self.find(FIND_FIRST, params![account_id], EmailAddress::read)
    }

    /// The id of the newest row, or 0.
    pub fn email_address_last_id(&self, account_id: i64) -> Result<i64, StoreError> {
        Ok(self.find(LAST_ID, params![account_id], |row| row.get(0))?.unwrap_or(0))
    }

    /// Returns whether the account has another row.
    pub fn email_address_exists_other(&self, account_id: i64, id: i64) -> Result<bool, StoreError> {
        self.value(EXISTS_OTHER, params![account_id, id])
    }

    /// Returns whether the account has more than `rows` rows.
    pub fn email_address_exists_beyond(
        &self,
        account_id: i64,
        rows: i64,
    ) -> Result<bool, StoreError> {
        self.value(EXISTS_BEYOND, params![account_id, rows])
    }

    pub fn email_address_exists_verified(&self, account_id: i64) -> Result<bool, StoreError> {
        self.value(EXISTS_VERIFIED, params![account_id])
    }

    /// Returns whether any account has the address, verified or not.
    pub fn email_address_exists(&self, email: &str) -> Result<bool, StoreError> {
        self.value("SELECT EXISTS (SELECT 1 FROM email_addresses WHERE email = $1)", params![email])
    }

    /// The row of any account that has verified this address.
    pub fn email_address_find_verified(
        &self,
        email: &str,
    ) -> Result<Option<EmailAddress>, StoreError> {
        self.find(select!("WHERE email = $1 AND verified"), params![email], EmailAddress::read)
    }

    /// Unverified rows of this address on any account, newest first.
    pub fn email_address_list_unverified_by_email(
        &self,
        email: &str,
        limit: usize,
    ) -> Result<Vec<EmailAddress>, StoreError> {
        self.list(
            LIST_UNVERIFIED,
            params![email, i64::try_from(limit).unwrap_or(i64::MAX)],
            EmailAddress::read,
        )
    }

    /// Returns whether any account has verified the address.
    pub fn email_address_is_verified(&self, email: &str) -> Result<bool, StoreError> {
        self.value(
            "SELECT EXISTS (SELECT 1 FROM email_addresses WHERE email = $1 AND verified)",
            params![email],
        )
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
        insert!(self.value into "email_addresses" {
            account_id: account_id,
            email: email,
            verified: verified,
            is_primary: primary,
        } "RETURNING id")
    }

    pub fn email_address_set_verified(&self, id: i64) -> Result<(), StoreError> {
        self.execute("UPDATE email_addresses SET verified = TRUE WHERE id = $1", params![id])?;
        Ok(())
    }

    pub fn email_address_set_proved_otherwise(&self, id: i64) -> Result<(), StoreError> {
        self.execute(
            "UPDATE email_addresses SET proved_otherwise = TRUE WHERE id = $1",
            params![id],
        )?;
        Ok(())
    }

    /// Deletes the rows of the account up to the id `last`, except the row to keep, at most
    /// `limit`.
    pub fn email_address_delete_others(
        &self,
        account_id: i64,
        keep: i64,
        last: i64,
        limit: i64,
    ) -> Result<usize, StoreError> {
        self.execute(DELETE_OTHERS, params![account_id, keep, last, limit])
    }

    /// Like `email_address_delete_others`, for rows that are neither proved nor primary.
    pub fn email_address_delete_unproved(
        &self,
        account_id: i64,
        keep: i64,
        last: i64,
        limit: i64,
    ) -> Result<usize, StoreError> {
        self.execute(DELETE_UNPROVED, params![account_id, keep, last, limit])
    }

    /// Makes this address the primary one. Does nothing if it belongs to another account.
    pub fn email_address_set_primary(&self, account_id: i64, id: i64) -> Result<(), StoreError> {
        // Two statements: within one, a unique index may see the new flag before the old is
        // cleared.
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
