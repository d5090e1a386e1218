//! Reads an InvenTree database (API version 291) for an import.
//!
//! The statements and records are the same for every engine; a [`SourceEngine`] runs them. The
//! source is only read, row by row in one transaction: a consistent snapshot in constant memory. No
//! message contains the content of a row, which may be a secret, or the password of a server.

mod columns;
mod dump;
mod server;
mod sqlite;

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};

use super::values::{Column, Row};
use super::{Account, Database, EmailAddress, SocialAccount, StoreError, Token};
use columns::{DjangoDay, DjangoTime, Id, JsonText};

/// The source cannot be imported: one line that names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(String);

/// Called with each row; `Break` ends the query.
type RowVisitor<'f> = &'f mut dyn FnMut(&Row<'_>) -> ControlFlow<()>;

/// Runs statements on a source, in one read-only transaction. A failure is explained without the
/// source's name, and without any value of a row.
trait SourceEngine {
    fn query(&self, sql: &str, each: RowVisitor<'_>) -> Result<(), String>;

    fn has_table(&self, table: &str) -> Result<bool, String>;

    fn has_column(&self, table: &str, column: &str) -> Result<bool, String>;

    /// Checks that a table can be read to its end, where it may be damaged.
    fn check(&self, _table: &str) -> Result<(), String> {
        Ok(())
    }
}

/// A TOTP device of InvenTree. Its key is a secret, so it has no `Debug`.
pub struct TotpDevice {
    pub id: i64,
    pub account_id: i64,
    pub name: String,
    pub confirmed: bool,
    /// In hexadecimal.
    pub key: String,
    pub created: Option<DateTime<Utc>>,
}

/// An open source.
pub struct InvenTree {
    engine: Box<dyn SourceEngine>,
    /// As given by the operator, without a password.
    name: String,
}

/// Every table that is read, with its columns.
const TABLES: &[(&str, &[&str])] = &[
    (
        "auth_user",
        &[
            "id",
            "username",
            "email",
            "first_name",
            "last_name",
            "password",
            "is_active",
            "is_superuser",
            "last_login",
            "date_joined",
        ],
    ),
    ("account_emailaddress", &["id", "user_id", "email", "verified", "primary"]),
    (
        "users_apitoken",
        &["id", "user_id", "name", "created", "expiry", "revoked", "last_seen", "key"],
    ),
    (
        "socialaccount_socialaccount",
        &["id", "user_id", "provider", "uid", "last_login", "date_joined", "extra_data"],
    ),
    ("otp_totp_totpdevice", &["id", "user_id", "name", "confirmed", "key", "created_at"]),
];

/// For each domain whose tables are read, the last migration of API version 291.
const LAST_MIGRATIONS: &[(&str, u32)] =
    &[("auth", 12), ("account", 9), ("users", 12), ("socialaccount", 6), ("otp_totp", 3)];

const NEWER: &str =
    "this InvenTree is newer than API version 291: import from a copy of that version";

impl InvenTree {
    /// Opens the source and checks that it is complete, belongs to InvenTree and is not newer than
    /// version 291.
    ///
    /// # Errors
    ///
    /// [`SourceError`]
    pub fn open(from: &Database) -> Result<InvenTree, SourceError> {
        let name = from.to_string();
        let engine: Result<Box<dyn SourceEngine>, String> = match from {
            Database::Sqlite(path) if dump::is_dump(path) => dump::open(path),
            Database::Sqlite(path) => sqlite::open(path),
            Database::Postgres(server) => server::open(server),
        };
        let engine = engine.map_err(|why| SourceError(format!("{name}: {why}")))?;
        let source = InvenTree { engine, name };
        source.check()?;
        Ok(source)
    }

    /// The number of rows of all tables.
    ///
    /// # Errors
    ///
    /// [`SourceError`]
    pub fn count(&self) -> Result<u64, SourceError> {
        TABLES.iter().try_fold(0, |sum, (table, _)| {
            let Id(rows) = self.value(&format!("SELECT COUNT(*) FROM {table}"))?;
            Ok(sum + rows.unsigned_abs())
        })
    }

    /// Calls `f` with each account, by id, as do the methods below.
    ///
    /// # Errors
    ///
    /// Those of the callback, and [`SourceError`].
    pub fn accounts<E: From<SourceError>>(
        &self,
        f: impl FnMut(Account) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each(
            "auth_user",
            "SELECT id, username, email, first_name, last_name, password, is_active, is_superuser, \
             last_login,
                    date_joined
             FROM auth_user ORDER BY id",
            |row| {
                Ok(Account {
                    id: row.get::<Id>(0)?.0,
                    username: row.get(1)?,
                    email: row.get(2)?,
                    first_name: row.get(3)?,
                    last_name: row.get(4)?,
                    password: row.get(5)?,
                    is_active: row.get(6)?,
                    is_superuser: row.get(7)?,
                    last_login: row.get::<Option<DjangoTime>>(8)?.map(|time| time.0),
                    date_joined: row.get::<DjangoTime>(9)?.0,
                    confirm_by: None,
                    language: String::new(),
                })
            },
            f,
        )
    }

    /// # Errors
    ///
    /// Those of the callback, and [`SourceError`].
    pub fn email_addresses<E: From<SourceError>>(
        &self,
        f: impl FnMut(EmailAddress) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each(
            "account_emailaddress",
            "SELECT id, user_id, email, verified, \"primary\" FROM account_emailaddress ORDER BY \
             id",
            |row| {
                Ok(EmailAddress {
                    id: row.get::<Id>(0)?.0,
                    account_id: row.get::<Id>(1)?.0,
                    email: row.get(2)?,
                    verified: row.get(3)?,
                    primary: row.get(4)?,
                    proved_otherwise: false,
                })
            },
            f,
        )
    }

    /// Tokens with their keys in clear, as InvenTree stores them.
    ///
    /// # Errors
    ///
    /// Those of the callback, and [`SourceError`].
    pub fn tokens<E: From<SourceError>>(
        &self,
        mut f: impl FnMut(Token, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each(
            "users_apitoken",
            "SELECT id, user_id, name, created, expiry, revoked, last_seen, key FROM \
             users_apitoken ORDER BY id",
            |row| {
                let token = Token {
                    id: row.get::<Id>(0)?.0,
                    account_id: row.get::<Id>(1)?.0,
                    name: row.get(2)?,
                    created: row.get::<DjangoTime>(3)?.0,
                    expiry: row.get::<DjangoDay>(4)?.0,
                    revoked: row.get(5)?,
                    last_seen: row.get::<Option<DjangoDay>>(6)?.map(|day| day.0),
                };
                Ok((token, row.get::<String>(7)?))
            },
            |(token, key)| f(token, &key),
        )
    }

    /// # Errors
    ///
    /// Those of the callback, and [`SourceError`].
    pub fn social_accounts<E: From<SourceError>>(
        &self,
        f: impl FnMut(SocialAccount) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each(
            "socialaccount_socialaccount",
            "SELECT id, user_id, provider, uid, last_login, date_joined, extra_data
             FROM socialaccount_socialaccount ORDER BY id",
            |row| {
                Ok(SocialAccount {
                    id: row.get::<Id>(0)?.0,
                    account_id: row.get::<Id>(1)?.0,
                    provider: row.get(2)?,
                    uid: row.get(3)?,
                    last_login: row.get::<DjangoTime>(4)?.0,
                    date_joined: row.get::<DjangoTime>(5)?.0,
                    extra_data: row.get::<JsonText>(6)?.0,
                    // Learnt at the first sign-in here.
                    issuer: String::new(),
                })
            },
            f,
        )
    }

    /// # Errors
    ///
    /// [`SourceError`]
    pub fn has_second_factors(&self) -> Result<bool, SourceError> {
        Ok(self.value("SELECT EXISTS (SELECT 1 FROM otp_totp_totpdevice)")?
            || self.has_static_tokens()?
                && self.value("SELECT EXISTS (SELECT 1 FROM otp_static_statictoken)")?)
    }

    fn has_static_tokens(&self) -> Result<bool, SourceError> {
        Ok(self.has_table("otp_static_staticdevice")?
            && self.has_table("otp_static_statictoken")?)
    }

    /// # Errors
    ///
    /// Those of the callback, and [`SourceError`].
    pub fn totp_devices<E: From<SourceError>>(
        &self,
        f: impl FnMut(TotpDevice) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each(
            "otp_totp_totpdevice",
            "SELECT id, user_id, name, confirmed, key, created_at FROM otp_totp_totpdevice ORDER \
             BY id",
            |row| {
                Ok(TotpDevice {
                    id: row.get::<Id>(0)?.0,
                    account_id: row.get::<Id>(1)?.0,
                    name: row.get(2)?,
                    confirmed: row.get(3)?,
                    key: row.get(4)?,
                    created: row.get::<Option<DjangoTime>>(5)?.map(|time| time.0),
                })
            },
            f,
        )
    }

    /// The codes for the day that a device is lost: id, account and, in clear, the code. A source
    /// without django-otp's static devices has none.
    ///
    /// # Errors
    ///
    /// Those of the callback, and [`SourceError`].
    pub fn static_tokens<E: From<SourceError>>(
        &self,
        mut f: impl FnMut(i64, i64, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.has_static_tokens()? {
            return Ok(());
        }
        self.each(
            "otp_static_statictoken",
            "SELECT t.id, d.user_id, t.token FROM otp_static_statictoken t
             JOIN otp_static_staticdevice d ON d.id = t.device_id WHERE d.confirmed ORDER BY t.id",
            |row| Ok((row.get::<Id>(0)?.0, row.get::<Id>(1)?.0, row.get::<String>(2)?)),
            |(id, account_id, code)| f(id, account_id, &code),
        )
    }

    /// The account of each membership, with the name of its group. A source without groups has
    /// none.
    ///
    /// # Errors
    ///
    /// Those of the callback, and [`SourceError`].
    pub fn memberships<E: From<SourceError>>(
        &self,
        mut f: impl FnMut(i64, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.has_table("auth_group")? || !self.has_table("auth_user_groups")? {
            return Ok(());
        }
        self.each(
            "auth_user_groups",
            "SELECT m.id, m.user_id, g.name FROM auth_user_groups m
             JOIN auth_group g ON g.id = m.group_id ORDER BY m.id",
            |row| Ok((row.get::<Id>(1)?.0, row.get::<String>(2)?)),
            |(account_id, name)| f(account_id, &name),
        )
    }

    fn check(&self) -> Result<(), SourceError> {
        if self.has_table("mfa_authenticator")? {
            return Err(self.unreadable(NEWER));
        }
        self.check_migrations()?;
        for (table, columns) in TABLES {
            if !self.has_table(table)? {
                let why = format!(
                    "not an InvenTree database of API version 291: it has no table {table}"
                );
                return Err(self.unreadable(&why));
            }
            for column in *columns {
                let found = self.engine.has_column(table, column);
                if !found.map_err(|why| self.unreadable(&why))? {
                    let why = format!(
                        "not an InvenTree database of API version 291: its table {table} has no \
                         column {column}"
                    );
                    return Err(self.unreadable(&why));
                }
            }
        }
        for (table, _) in TABLES {
            self.engine.check(table).map_err(|why| self.unreadable(&why))?;
        }
        Ok(())
    }

    /// A file reduced to the account tables has no migrations table; its columns decide.
    fn check_migrations(&self) -> Result<(), SourceError> {
        if !self.has_table("django_migrations")? {
            return Ok(());
        }
        for (app, last) in LAST_MIGRATIONS {
            // Migration names begin with a four-digit number.
            let newest: Option<String> = self
                .value(&format!("SELECT MAX(name) FROM django_migrations WHERE app = '{app}'"))?;
            let number = newest.as_deref().and_then(|name| name.get(..4)?.parse::<u32>().ok());
            if number.is_some_and(|number| number > *last) {
                return Err(self.unreadable(NEWER));
            }
        }
        Ok(())
    }

    fn has_table(&self, table: &str) -> Result<bool, SourceError> {
        self.engine.has_table(table).map_err(|why| self.unreadable(&why))
    }

    /// The first column of the only row. `sql` consists of constants of this file.
    fn value<T: Column>(&self, sql: &str) -> Result<T, SourceError> {
        let mut value = None;
        self.rows(
            sql,
            |row| row.get(0),
            |found| {
                value = Some(found);
                Ok::<_, SourceError>(())
            },
        )?;
        value.ok_or_else(|| self.unreadable("damaged or half-written"))
    }

    /// Calls `f` with the record of each row; the first column is its id.
    fn each<T, E: From<SourceError>>(
        &self,
        table: &str,
        sql: &str,
        record: fn(&Row<'_>) -> Result<T, StoreError>,
        f: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let named = |row: &Row<'_>| {
            record(row).map_err(|error| {
                let id = row.get::<Id>(0).map_or("of no id".to_owned(), |Id(id)| id.to_string());
                StoreError::Other(format!("table {table}, row {id}: {}", text(&error)))
            })
        };
        self.rows(sql, named, f)
    }

    fn rows<T, E: From<SourceError>>(
        &self,
        sql: &str,
        record: impl Fn(&Row<'_>) -> Result<T, StoreError>,
        mut f: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut failed = None;
        let read = self.engine.query(sql, &mut |row| {
            let done =
                record(row).map_err(|error| self.unreadable(&text(&error)).into()).and_then(&mut f);
            match done {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        match failed {
            Some(error) => Err(error),
            None => read.map_err(|why| self.unreadable(&why).into()),
        }
    }

    fn unreadable(&self, why: &str) -> SourceError {
        SourceError(format!("{}: {why}", self.name))
    }
}

/// Without the prefix of the log.
fn text(error: &StoreError) -> String {
    match error {
        StoreError::Other(why) | StoreError::Unavailable(why) => why.clone(),
        error => error.to_string(),
    }
}
