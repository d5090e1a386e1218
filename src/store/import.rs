//! Imports the rows of another database in one transaction.
//!
//! No server needs to run meanwhile. A file that belongs to another program is never modified: the
//! two arguments of an import are easily swapped.

use std::path::{Path, PathBuf};

use rusqlite::Connection as Sqlite;

use super::engine::{Connection, WritingConnection};
use super::sqlite::{create_private, open_flags, prepare_writer};
use super::values::{Day, Time, params};
use super::{Account, EmailAddress, SocialAccount, StoreError, Token, Writer};
use super::{Database, Postgres, migrations, postgres};

/// Enough for the upper levels of every index. Connections of the server use less.
const CACHE_KIB: i64 = 64 * 1024;

/// With the id of the row as the first column, or without it.
macro_rules! insert_social_account {
    ($id:literal, $values:literal) => {
        concat!(
            "INSERT INTO social_accounts (",
            $id,
            "account_id, provider, uid, last_login, date_joined, extra_data) VALUES (",
            $values,
            ")"
        )
    };
}

/// Whether the transaction is committed once the closure has succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    Yes,
    /// Roll back and create no file: for a dry run.
    DryRun,
}

/// Runs the closure in a transaction of its own and creates a missing database. Blocks the calling
/// thread, so it must not run on an async runtime.
///
/// # Errors
///
/// Those of the closure and the store. Nothing was written then.
pub fn write_all_or_nothing<T, E: From<StoreError>>(
    database: &Database,
    commit: Commit,
    f: impl FnOnce(&Writer<'_>) -> Result<T, E>,
) -> Result<T, E> {
    match database {
        Database::Sqlite(path) => into_file(path, commit, f),
        Database::Postgres(server) => into_server(server, commit, f),
    }
}

fn into_file<T, E: From<StoreError>>(
    path: &Path,
    commit: Commit,
    f: impl FnOnce(&Writer<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let is_new = !path.exists();
    let run = |connection: Sqlite| {
        connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(StoreError::from)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(StoreError::from)?;
        run(&connection, &connection, commit, f)
    };
    if is_new && commit == Commit::DryRun {
        // An unnamed temporary file of SQLite, so that a large dry run does not have to fit into
        // memory.
        return run(Sqlite::open("").map_err(StoreError::from)?);
    }
    let made = create_private(path)?;
    let outcome = open_own(&made).map_err(E::from).and_then(run);
    if outcome.is_err() && is_new {
        remove(&made);
    }
    outcome
}

fn into_server<T, E: From<StoreError>>(
    server: &Postgres,
    commit: Commit,
    f: impl FnOnce(&Writer<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let connector = postgres::Connector::new(server)?;
    let connection = postgres::Writing::connect_bulk(&connector)?;
    connection.refuse_inventree()?;
    run(&connection, &postgres::SavepointPerStatement(&connection), commit, f)
}

pub(super) fn open_own(path: &Path) -> Result<Sqlite, StoreError> {
    let connection = Sqlite::open_with_flags(path, open_flags())?;
    let (tables, own): (i64, bool) = connection
        .query_row(
            "SELECT COUNT(*), COUNT(CASE WHEN name = 'schema_version' THEN 1 END) FROM \
             sqlite_master",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(|_| {
            StoreError::Other(format!(
                "{} is not a database of this \
            server",
                path.display()
            ))
        })?;
    if tables > 0 && !own {
        return Err(StoreError::Other(format!(
            "{} is not a database of this server",
            path.display()
        )));
    }
    prepare_writer(&connection)?;
    Ok(connection)
}

/// `written` is the connection that the closure writes through.
fn run<T, E: From<StoreError>>(
    connection: &dyn WritingConnection,
    written: &dyn Connection,
    commit: Commit,
    f: impl FnOnce(&Writer<'_>) -> Result<T, E>,
) -> Result<T, E> {
    connection.begin_migration()?;
    let done = migrations::migrate_within(connection).map_err(E::from).and_then(|()| {
        let done = f(&Writer::new(written))?;
        for (table, last) in LAST_IDS {
            // New ids continue after the imported ones.
            let last: i64 = Writer::new(connection).value(last, &[])?;
            connection.set_last_id(table, last.max(connection.last_id(table)?))?;
        }
        if commit == Commit::Yes {
            connection.commit()?;
        }
        Ok(done)
    });
    if connection.is_in_transaction() {
        let undone = connection.rollback().map_err(E::from);
        return done.and_then(|done| undone.map(|()| done));
    }
    connection.checkpoint();
    done
}

/// Tables whose rows may be imported with their ids.
const LAST_IDS: [(&str, &str); 3] = [
    ("accounts", "SELECT COALESCE(MAX(id), 0) FROM accounts"),
    ("email_addresses", "SELECT COALESCE(MAX(id), 0) FROM email_addresses"),
    ("social_accounts", "SELECT COALESCE(MAX(id), 0) FROM social_accounts"),
];

/// Deletes the files that [`create_private`] and the engine created.
pub(super) fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
}

impl Writer<'_> {
    /// Preserves the id, which clients store.
    pub fn import_account(
        &self,
        account: &Account,
        username_key: &str,
        username_skeleton: &str,
    ) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO accounts (id, username, username_key, email, first_name, last_name, \
             password, is_active,
                                   is_superuser, last_login, date_joined, username_skeleton)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            params![
                account.id,
                &account.username,
                username_key,
                &account.email,
                &account.first_name,
                &account.last_name,
                &account.password,
                account.is_active,
                account.is_superuser,
                account.last_login.map(Time),
                Time(account.date_joined),
                username_skeleton,
            ],
        )?;
        Ok(())
    }

    /// Preserves the id unless it is taken.
    pub fn import_email_address(&self, address: &EmailAddress) -> Result<(), StoreError> {
        let EmailAddress { id, account_id, email, verified, primary, .. } = address;
        if self
            .value("SELECT EXISTS (SELECT 1 FROM email_addresses WHERE id = $1)", params![*id])?
        {
            return self.email_address_insert(*account_id, email, *verified, *primary).map(|_| ());
        }
        self.execute(
            "INSERT INTO email_addresses (id, account_id, email, verified, is_primary) VALUES ($1, \
             $2, $3, $4, $5)",
            params![*id, *account_id, email, *verified, *primary],
        )?;
        Ok(())
    }

    /// The id is not preserved.
    pub fn import_token(&self, token: &Token, digest: &[u8; 32]) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO tokens (digest, account_id, name, created, expiry, revoked, last_seen)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            params![
                digest,
                token.account_id,
                &token.name,
                Time(token.created),
                Day(token.expiry),
                token.revoked,
                token.last_seen.map(Day),
            ],
        )?;
        Ok(())
    }

    /// Preserves the id unless it is taken.
    pub fn import_social_account(&self, link: &SocialAccount) -> Result<(), StoreError> {
        let values = params![
            link.id,
            link.account_id,
            &link.provider,
            &link.uid,
            Time(link.last_login),
            Time(link.date_joined),
            &link.extra_data,
        ];
        if self
            .value("SELECT EXISTS (SELECT 1 FROM social_accounts WHERE id = $1)", &values[..1])?
        {
            self.execute(insert_social_account!("", "$1, $2, $3, $4, $5, $6"), &values[1..])?;
            return Ok(());
        }
        self.execute(insert_social_account!("id, ", "$1, $2, $3, $4, $5, $6, $7"), values)?;
        Ok(())
    }
}
