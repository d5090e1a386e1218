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
    pub verified: bool,
    pub primary: bool,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, account_id, email, verified, is_primary FROM email_addresses ", $rest)
    };
}

fn record(row: &Row<'_>) -> Result<EmailAddress, StoreError> {
    Ok(EmailAddress {
        id: row.get(0)?,
        account_id: row.get(1)?,
        email: row.get(2)?,
        verified: row.get(3)?,
        primary: row.get(4)?,
    })
}

impl Reader<'_> {
    pub fn email_address_list(
        &self,
        account_id: i64,
        limit: Option<i64>,
        offset: i64,
    ) -> Result<Vec<EmailAddress>, StoreError> {
        self.list(
            select!("WHERE account_id = $1 ORDER BY id LIMIT $2 OFFSET $3"),
            params![account_id, row_limit(limit), offset],
            record,
        )
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

    /// On any account, verified or not.
    pub fn email_address_list_for_email(&self, email: &str) -> Result<Vec<EmailAddress>, StoreError> {
        self.list(select!("WHERE email = $1 ORDER BY id"), params![email], record)
    }

    pub fn email_address_list_unverified_by_email(&self, email: &str) -> Result<Vec<EmailAddress>, StoreError> {
        self.list(select!("WHERE email = $1 AND NOT verified ORDER BY id"), params![email], record)
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
