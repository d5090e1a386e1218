//! Reads an InvenTree database (API version 291, SQLite) for an import.
//!
//! The source is opened read-only, as it may be in use, and read row by row in one transaction: a
//! consistent snapshot in constant memory. No message contains the content of a row, which may be
//! a secret.

use std::fmt;
use std::path::Path;

use chrono::{DateTime, NaiveDateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row};

use super::values::Day;
use super::{Account, EmailAddress, SocialAccount, Token};

/// The source cannot be imported: one line that names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(String);

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
    connection: Connection,
    /// The path as given by the operator.
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

const PATH_IN_URI: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

impl InvenTree {
    /// Opens the file and checks that it is complete, belongs to InvenTree and is not newer than
    /// version 291.
    ///
    /// # Errors
    ///
    /// [`SourceError`]
    pub fn open(path: &Path) -> Result<InvenTree, SourceError> {
        let name = path.display().to_string();
        let unreadable = |why: &dyn fmt::Display| SourceError(format!("{name}: {why}"));
        // Absolute, so that SQLite does not interpret a special name.
        let absolute = path.canonicalize().map_err(|e| unreadable(&e))?;
        let metadata = absolute.metadata().map_err(|e| unreadable(&e))?;
        if !metadata.is_file() || metadata.len() == 0 {
            return Err(unreadable(&"not a database: not a regular file, or empty"));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match begin(Connection::open_with_flags(&absolute, flags)) {
            // A read-only directory cannot hold shared memory for the log. Without a log there is
            // no writer.
            Err(e)
                if e.sqlite_error_code() == Some(ErrorCode::CannotOpen) && !has_log(&absolute) =>
            {
                let path = absolute.to_string_lossy();
                let uri = format!("file:{}?immutable=1", utf8_percent_encode(&path, PATH_IN_URI));
                begin(Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI))
            }
            other => other,
        };
        let source =
            InvenTree { connection: connection.map_err(|e| unreadable(&explain(&e)))?, name };
        source.check_length(&absolute)?;
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
            let rows: i64 = self.value(&format!("SELECT COUNT(*) FROM {table}"))?;
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
                    id: row.get(0)?,
                    username: row.get(1)?,
                    email: row.get(2)?,
                    first_name: row.get(3)?,
                    last_name: row.get(4)?,
                    password: row.get(5)?,
                    is_active: row.get(6)?,
                    is_superuser: row.get(7)?,
                    last_login: row.get::<_, Option<DjangoTime>>(8)?.map(|time| time.0),
                    date_joined: row.get::<_, DjangoTime>(9)?.0,
                    confirm_by: None,
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
                    id: row.get(0)?,
                    account_id: row.get(1)?,
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
                    id: row.get(0)?,
                    account_id: row.get(1)?,
                    name: row.get(2)?,
                    created: row.get::<_, DjangoTime>(3)?.0,
                    expiry: row.get::<_, Day>(4)?.0,
                    revoked: row.get(5)?,
                    last_seen: row.get::<_, Option<Day>>(6)?.map(|day| day.0),
                };
                Ok((token, row.get::<_, String>(7)?))
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
                    id: row.get(0)?,
                    account_id: row.get(1)?,
                    provider: row.get(2)?,
                    uid: row.get(3)?,
                    last_login: row.get::<_, DjangoTime>(4)?.0,
                    date_joined: row.get::<_, DjangoTime>(5)?.0,
                    extra_data: row.get(6)?,
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
    pub fn has_totp_devices(&self) -> Result<bool, SourceError> {
        self.value("SELECT EXISTS (SELECT 1 FROM otp_totp_totpdevice)")
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
                    id: row.get(0)?,
                    account_id: row.get(1)?,
                    name: row.get(2)?,
                    confirmed: row.get(3)?,
                    key: row.get(4)?,
                    created: row.get::<_, Option<DjangoTime>>(5)?.map(|time| time.0),
                })
            },
            f,
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
            |row| Ok((row.get::<_, i64>(1)?, row.get::<_, String>(2)?)),
            |(account_id, name)| f(account_id, &name),
        )
    }

    /// Detects a truncated file: SQLite reads a truncated last page as one that ends in zeros.
    fn check_length(&self, path: &Path) -> Result<(), SourceError> {
        if has_log(path) {
            // Some pages may be in the log only.
            return Ok(());
        }
        let pages: i64 = self.value("PRAGMA page_count")?;
        let size: i64 = self.value("PRAGMA page_size")?;
        let length = path.metadata().map_err(|e| self.unreadable(&e.to_string()))?.len();
        if length < pages.saturating_mul(size).unsigned_abs() {
            return Err(self.unreadable("damaged or half-written: copy it again"));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), SourceError> {
        if self.has_table("mfa_authenticator")? {
            return Err(self.unreadable(
                "this InvenTree is newer than API version 291: import from a copy of that version",
            ));
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
                let found: bool = self.value(&format!(
                    "SELECT EXISTS (SELECT 1 FROM pragma_table_info('{table}') WHERE name = \
                     '{column}')"
                ))?;
                if !found {
                    let why = format!(
                        "not an InvenTree database of API version 291: its table {table} has no \
                         column {column}"
                    );
                    return Err(self.unreadable(&why));
                }
            }
        }
        for (table, _) in TABLES {
            let found: String = self.value(&format!("PRAGMA quick_check({table})"))?;
            if found != "ok" {
                return Err(self.unreadable(&format!(
                    "damaged or half-written: table {table} is not readable"
                )));
            }
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
                let why = "this InvenTree is newer than API version 291: import from a copy of \
                    that version";
                return Err(self.unreadable(why));
            }
        }
        Ok(())
    }

    fn has_table(&self, table: &str) -> Result<bool, SourceError> {
        self.value(&format!(
            "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{table}')"
        ))
    }

    /// The first column of the first row. `sql` consists of constants of this file.
    fn value<T: FromSql>(&self, sql: &str) -> Result<T, SourceError> {
        let found = self.connection.query_row(sql, [], |row| row.get(0)).optional();
        found
            .map_err(|e| self.unreadable(&explain(&e)))?
            .ok_or_else(|| self.unreadable("damaged or half-written"))
    }

    fn each<T, E: From<SourceError>>(
        &self,
        table: &str,
        sql: &str,
        record: fn(&Row<'_>) -> rusqlite::Result<T>,
        mut f: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |e: rusqlite::Error| self.unreadable(&explain(&e));
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let record = record(row).map_err(|e| {
                let id = row
                    .get::<_, i64>(0)
                    .map_or_else(|_| "of no id".to_owned(), |id| id.to_string());
                self.unreadable(&format!("table {table}, row {id}: {}", explain(&e)))
            })?;
            f(record)?;
        }
        Ok(())
    }

    fn unreadable(&self, why: &str) -> SourceError {
        SourceError(format!("{}: {why}", self.name))
    }
}

fn begin(connection: rusqlite::Result<Connection>) -> rusqlite::Result<Connection> {
    let connection = connection?;
    connection.busy_timeout(super::sqlite::BUSY_TIMEOUT)?;
    // The first read fixes the snapshot.
    connection.execute_batch("BEGIN; SELECT COUNT(*) FROM sqlite_master")?;
    Ok(connection)
}

fn has_log(path: &Path) -> bool {
    ["-wal", "-journal"].iter().any(|suffix| {
        let mut log = path.as_os_str().to_owned();
        log.push(suffix);
        Path::new(&log).metadata().is_ok_and(|log| log.len() > 0)
    })
}

/// An error of SQLite for people, without any value of a row.
fn explain(error: &rusqlite::Error) -> String {
    if let rusqlite::Error::SqliteFailure(failure, _) = error {
        match failure.code {
            ErrorCode::NotADatabase => return "not an SQLite database".to_owned(),
            ErrorCode::DatabaseCorrupt => {
                return "damaged or half-written: copy it again".to_owned();
            }
            ErrorCode::ReadOnly => {
                return "half-written (there is a journal beside it): let InvenTree open it once, \
                    then import"
                    .to_owned();
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                return "locked by another program: try again, or import from a copy".to_owned();
            }
            _ => {}
        }
    }
    match error {
        rusqlite::Error::InvalidColumnType(_, column, found) => {
            format!("column {column} holds a {found}")
        }
        rusqlite::Error::FromSqlConversionFailure(column, _, _) => {
            format!("its value number {} cannot be read", column + 1)
        }
        other => other.to_string().replace('\n', " "),
    }
}

/// A time as Django stores it in SQLite: UTC, `2026-11-23 21:40:22.301802`, with an optional
/// fraction.
struct DjangoTime(DateTime<Utc>);

impl FromSql for DjangoTime {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        let text = text.strip_suffix("+00:00").unwrap_or(text);
        let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")
            .map_err(FromSqlError::other)?;
        Ok(DjangoTime(time.and_utc()))
    }
}
