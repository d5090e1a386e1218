//! Accounts: who may log in.
//!
//! Usernames are compared by the folded key the caller passes, e-mail addresses as given; this
//! file must never fold either itself, nor show a password hash in `Debug`.

use std::fmt;

use chrono::{DateTime, Utc};

use super::values::{Row, Time, containing, params, row_limit};
use super::{Reader, StoreError, Writer};

#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    pub id: i64,
    pub username: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    /// A PHC string, a hash of Django's that was imported, or a text that begins with `!` and matches no password.
    pub password: String,
    pub is_active: bool,
    pub is_superuser: bool,
    pub last_login: Option<DateTime<Utc>>,
    pub date_joined: DateTime<Utc>,
}

#[derive(Clone)]
pub struct NewAccount {
    pub username: String,
    pub username_key: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub password: String,
    pub is_superuser: bool,
    pub date_joined: DateTime<Utc>,
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

/// The columns of `accounts a` that make an [`Account`]. A join selects them first, so that
/// [`record`] finds them at the same places, and its own from [`ACCOUNT_WIDTH`] on.
macro_rules! account_columns {
    () => {
        "a.id, a.username, a.email, a.first_name, a.last_name, a.password, a.is_active, \
         a.is_superuser, a.last_login, a.date_joined"
    };
}
pub(super) use account_columns;

pub(super) const ACCOUNT_WIDTH: usize = 10;

pub(super) fn record(row: &Row<'_>) -> Result<Account, StoreError> {
    Ok(Account {
        id: row.get(0)?,
        username: row.get(1)?,
        email: row.get(2)?,
        first_name: row.get(3)?,
        last_name: row.get(4)?,
        password: row.get(5)?,
        is_active: row.get(6)?,
        is_superuser: row.get(7)?,
        last_login: row.get::<Option<Time>>(8)?.map(|time| time.0),
        date_joined: row.get::<Time>(9)?.0,
    })
}

impl Reader<'_> {
    pub fn account_find(&self, id: i64) -> Result<Option<Account>, StoreError> {
        self.find(concat!("SELECT ", account_columns!(), " FROM accounts a WHERE a.id = $1"), params![id], record)
    }

    pub fn account_find_by_username_key(&self, key: &str) -> Result<Option<Account>, StoreError> {
        // PostgreSQL's text has none, not even to ask for.
        if key.contains('\0') {
            return Ok(None);
        }
        self.find(
            concat!("SELECT ", account_columns!(), " FROM accounts a WHERE a.username_key = $1"),
            params![key],
            record,
        )
    }

    /// Accounts, active or not, that carry this address or have verified it, by id.
    pub fn account_list_by_email(&self, email_lower: &str) -> Result<Vec<Account>, StoreError> {
        // Accounts without an address store an empty one, which must not make them all one person.
        if email_lower.is_empty() {
            return Ok(Vec::new());
        }
        self.list(
            concat!(
                "SELECT ",
                account_columns!(),
                " FROM accounts a WHERE a.id IN (
                      SELECT id FROM accounts WHERE email = $1
                      UNION
                      SELECT account_id FROM email_addresses WHERE email = $1 AND verified
                  ) ORDER BY a.id"
            ),
            params![email_lower],
            record,
        )
    }

    /// By name; those whose folded name or address has `part` in it, all for an empty one.
    pub fn account_list(&self, part: &str, limit: Option<i64>) -> Result<Vec<Account>, StoreError> {
        self.list(
            concat!(
                "SELECT ",
                account_columns!(),
                " FROM accounts a WHERE a.username_key LIKE $1 ESCAPE '\\' OR a.email LIKE $1 ESCAPE '\\'
                  ORDER BY a.username_key LIMIT $2"
            ),
            params![&containing(part), row_limit(limit)],
            record,
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
        self.value(
            "INSERT INTO accounts (username, username_key, email, first_name, last_name, password,
                                   is_active, is_superuser, date_joined)
             VALUES ($1, $2, $3, $4, $5, $6, TRUE, $7, $8) RETURNING id",
            params![
                &new.username,
                &new.username_key,
                &new.email,
                &new.first_name,
                &new.last_name,
                &new.password,
                new.is_superuser,
                Time(new.date_joined),
            ],
        )
    }

    pub fn account_update_names(
        &self,
        id: i64,
        username: &str,
        username_key: &str,
        first_name: &str,
        last_name: &str,
    ) -> Result<(), StoreError> {
        self.execute(
            "UPDATE accounts
             SET username = $1, username_key = $2, first_name = $3, last_name = $4
             WHERE id = $5",
            params![username, username_key, first_name, last_name, id],
        )?;
        Ok(())
    }

    pub fn account_set_password(&self, id: i64, password: &str) -> Result<(), StoreError> {
        self.execute("UPDATE accounts SET password = $1 WHERE id = $2", params![password, id])?;
        Ok(())
    }

    /// Puts one hash of a password in place of another; false when the password is no longer that one.
    pub fn account_replace_password(&self, id: i64, old: &str, new: &str) -> Result<bool, StoreError> {
        let changed =
            self.execute("UPDATE accounts SET password = $1 WHERE id = $2 AND password = $3", params![new, id, old])?;
        Ok(changed > 0)
    }

    pub fn account_set_email(&self, id: i64, email: &str) -> Result<(), StoreError> {
        self.execute("UPDATE accounts SET email = $1 WHERE id = $2", params![email, id])?;
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
        self.execute("UPDATE accounts SET is_superuser = $1 WHERE id = $2", params![is_superuser, id])?;
        Ok(())
    }
}
