//! Accounts and their names, by id, folded name and skeleton.
//!
//! Usernames are compared by the folded key and skeleton that the caller passes, email addresses
//! as given. This file folds neither, and `Debug` never shows a password hash.

use std::fmt;

use chrono::{DateTime, Utc};

use super::record::{insert, record};
use super::values::{Time, containing, params, row_limit};
use super::{Reader, StoreError, Writer};

record! {
    #[derive(Clone, PartialEq, Eq)]
    pub struct Account: account_columns with prefix "a." {
        pub id: i64,
        pub username: String,
        pub email: String,
        pub first_name: String,
        pub last_name: String,
        /// A PHC string, an imported Django hash, or a text that begins with `!` and matches no
        /// password.
        pub password: String,
        pub is_active: bool,
        pub is_superuser: bool,
        pub last_login: Option<DateTime<Utc>>,
        pub date_joined: DateTime<Utc>,
        /// Deadline to confirm the sign-up address; `None` if confirmed or not required.
        pub confirm_by: Option<DateTime<Utc>>,
        /// The tag of the owner's language; empty while it is unknown.
        pub language: String,
    }
}
pub(super) use account_columns;

#[derive(Clone)]
pub struct NewAccount {
    pub username: String,
    pub username_key: String,
    pub username_skeleton: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub password: String,
    pub is_superuser: bool,
    pub date_joined: DateTime<Utc>,
    pub confirm_by: Option<DateTime<Utc>>,
    /// The tag of the owner's language; empty while it is unknown.
    pub language: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("username", &self.username)
            .field("is_active", &self.is_active)
            .field("is_superuser", &self.is_superuser)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAccount")
            .field("username", &self.username)
            .field("is_superuser", &self.is_superuser)
            .finish_non_exhaustive()
    }
}

pub(super) const ACCOUNT_BY_VERIFIED_EMAIL: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM email_addresses e JOIN accounts a ON a.id = e.account_id
      WHERE e.email = $1 AND e.verified AND a.is_active"
);

pub(super) const ACCOUNTS_BY_EMAIL: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM accounts a WHERE a.email = $1 AND a.is_active ORDER BY a.id LIMIT $2"
);

pub(super) const WITHOUT_SKELETON: &str =
    "SELECT id, username_key FROM accounts WHERE username_skeleton = '' LIMIT $1";

pub(super) const UNCONFIRMED: &str =
    "SELECT id FROM accounts WHERE confirm_by <= $1 AND is_active ORDER BY confirm_by LIMIT $2";

impl Reader<'_> {
    pub fn account_find(&self, id: i64) -> Result<Option<Account>, StoreError> {
        self.find(
            concat!("SELECT ", account_columns!(), " FROM accounts a WHERE a.id = $1"),
            params![id],
            Account::read,
        )
    }

    pub fn account_find_by_username_key(&self, key: &str) -> Result<Option<Account>, StoreError> {
        // PostgreSQL rejects NUL in a text parameter.
        if key.contains('\0') {
            return Ok(None);
        }
        self.find(
            concat!("SELECT ", account_columns!(), " FROM accounts a WHERE a.username_key = $1"),
            params![key],
            Account::read,
        )
    }

    /// Active accounts that have verified this address or carry it, at most `limit`: first the
    /// account that has verified it, then the others by id.
    pub fn account_list_by_email(
        &self,
        email_lower: &str,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        // Accounts without an address store an empty one, which identifies none of them.
        if email_lower.is_empty() {
            return Ok(Vec::new());
        }
        let holder = self.find(ACCOUNT_BY_VERIFIED_EMAIL, params![email_lower], Account::read)?;
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let carrying = self.list(ACCOUNTS_BY_EMAIL, params![email_lower, most], Account::read)?;
        let holder_id = holder.as_ref().map(|holder| holder.id);
        let others = carrying.into_iter().filter(|account| Some(account.id) != holder_id);
        Ok(holder.into_iter().chain(others).take(limit).collect())
    }

    /// Returns whether an account other than `own` has a username with this skeleton.
    pub fn account_exists_with_skeleton(
        &self,
        skeleton: &str,
        own: Option<i64>,
    ) -> Result<bool, StoreError> {
        // PostgreSQL rejects NUL in a text parameter.
        if skeleton.contains('\0') {
            return Ok(false);
        }
        // Ids start at 1.
        self.value(
            "SELECT EXISTS (SELECT 1 FROM accounts WHERE username_skeleton = $1 AND id <> $2)",
            params![skeleton, own.unwrap_or(0)],
        )
    }

    /// Ids and folded usernames of accounts whose skeleton is not computed yet, at most `limit`.
    pub fn account_list_without_skeleton(
        &self,
        limit: i64,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        self.list(WITHOUT_SKELETON, params![limit], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Active accounts whose confirmation deadline has passed, at most `limit`.
    pub fn account_list_unconfirmed(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        self.list(UNCONFIRMED, params![Time(now), limit], |row| row.get(0))
    }

    /// Accounts by name whose folded username or address contains `part`.
    pub fn account_list(&self, part: &str, limit: Option<i64>) -> Result<Vec<Account>, StoreError> {
        self.list(
            concat!(
                "SELECT ",
                account_columns!(),
                " FROM accounts a WHERE a.username_key LIKE $1 ESCAPE '\\' OR a.email LIKE $1 \
                 ESCAPE '\\'
                  ORDER BY a.username_key LIMIT $2"
            ),
            params![&containing(part), row_limit(limit)],
            Account::read,
        )
    }

    pub fn account_exists_any(&self) -> Result<bool, StoreError> {
        self.value("SELECT EXISTS (SELECT 1 FROM accounts)", &[])
    }

    pub fn account_count(&self) -> Result<i64, StoreError> {
        self.value("SELECT COUNT(*) FROM accounts", &[])
    }
}

impl Writer<'_> {
    pub fn account_insert(&self, new: &NewAccount) -> Result<i64, StoreError> {
        insert!(self.value into "accounts" {
            username: &new.username,
            username_key: &new.username_key,
            username_skeleton: &new.username_skeleton,
            email: &new.email,
            first_name: &new.first_name,
            last_name: &new.last_name,
            password: &new.password,
            is_active: true,
            is_superuser: new.is_superuser,
            date_joined: Time(new.date_joined),
            confirm_by: new.confirm_by.map(Time),
            language: &new.language,
        } "RETURNING id")
    }

    pub fn account_update_names(
        &self,
        id: i64,
        username: &str,
        username_key: &str,
        username_skeleton: &str,
        first_name: &str,
        last_name: &str,
    ) -> Result<(), StoreError> {
        self.execute(
            "UPDATE accounts
             SET username = $1, username_key = $2, username_skeleton = $3, first_name = $4, \
             last_name = $5
             WHERE id = $6",
            params![username, username_key, username_skeleton, first_name, last_name, id],
        )?;
        Ok(())
    }

    /// Like `account_update_names` without the username, so that its indexes are not written.
    pub fn account_update_full_name(
        &self,
        id: i64,
        first_name: &str,
        last_name: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE accounts SET first_name = $1, last_name = $2 WHERE id = $3";
        self.execute(sql, params![first_name, last_name, id])?;
        Ok(())
    }

    pub fn account_set_password(&self, id: i64, password: &str) -> Result<(), StoreError> {
        self.execute("UPDATE accounts SET password = $1 WHERE id = $2", params![password, id])?;
        Ok(())
    }

    /// Replaces a password hash if it is still `old`; returns whether it was.
    pub fn account_replace_password(
        &self,
        id: i64,
        old: &str,
        new: &str,
    ) -> Result<bool, StoreError> {
        let changed = self.execute(
            "UPDATE accounts SET password = $1 WHERE id = $2 AND password = $3",
            params![new, id, old],
        )?;
        Ok(changed > 0)
    }

    pub fn account_set_email(&self, id: i64, email: &str) -> Result<(), StoreError> {
        self.execute("UPDATE accounts SET email = $1 WHERE id = $2", params![email, id])?;
        Ok(())
    }

    /// Stores the skeleton of a username, unless the username has changed since it was read.
    pub fn account_set_skeleton(
        &self,
        id: i64,
        username_key: &str,
        skeleton: &str,
    ) -> Result<(), StoreError> {
        self.execute(
            "UPDATE accounts SET username_skeleton = $1 WHERE id = $2 AND username_key = $3",
            params![skeleton, id, username_key],
        )?;
        Ok(())
    }

    pub fn account_set_language(&self, id: i64, language: &str) -> Result<(), StoreError> {
        self.execute("UPDATE accounts SET language = $1 WHERE id = $2", params![language, id])?;
        Ok(())
    }

    /// Clears the confirmation deadline.
    pub fn account_clear_confirm_by(&self, id: i64) -> Result<(), StoreError> {
        self.execute(
            "UPDATE accounts SET confirm_by = NULL WHERE id = $1 AND confirm_by IS NOT NULL",
            params![id],
        )?;
        Ok(())
    }

    pub fn account_touch_login(&self, id: i64, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.execute("UPDATE accounts SET last_login = $1 WHERE id = $2", params![Time(at), id])?;
        Ok(())
    }

    pub fn account_set_active(&self, id: i64, is_active: bool) -> Result<(), StoreError> {
        self.execute("UPDATE accounts SET is_active = $1 WHERE id = $2", params![is_active, id])?;
        Ok(())
    }

    pub fn account_set_superuser(&self, id: i64, is_superuser: bool) -> Result<(), StoreError> {
        self.execute(
            "UPDATE accounts SET is_superuser = $1 WHERE id = $2",
            params![is_superuser, id],
        )?;
        Ok(())
    }
}
