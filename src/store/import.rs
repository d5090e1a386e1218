//! Imports the rows of another database in one transaction.
//!
//! No server needs to run in the meantime. Files of other programs are never modified: the two
//! arguments of an import are easily swapped.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rusqlite::Connection as Sqlite;

use super::engine::{Connection, WritingConnection};
use super::record::insert_into;
use super::sqlite::{create_private, open_flags, prepare_writer};
use super::values::{Day, Time, Value, params};
use super::{Account, EmailAddress, SocialAccount, StoreError, Token, TotpDevice, Writer};
use super::{Database, Postgres, migrations, postgres};

/// Enough for the upper levels of every index. Connections of the server use less.
const CACHE_KIB: i64 = 64 * 1024;

/// Whether the transaction is committed once the closure has succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    Yes,
    /// Roll back and create no file: for a dry run.
    DryRun,
}

/// Runs the closure in one transaction and creates a missing database. Blocks the calling
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

/// An account with the two names that make it unique.
pub struct NamedAccount {
    pub account: Account,
    pub username_key: String,
    pub username_skeleton: String,
}

/// The columns of imported rows, the statement that inserts one row, and the values of a row.
macro_rules! imported {
    ($columns:ident, $insert:ident, $row:ident: $table:literal, $value:pat = $type:ty {
        $first:ident: $first_value:expr,
        $($column:ident: $column_value:expr,)*
    }) => {
        const $columns: &str = concat!(stringify!($first) $(, ", ", stringify!($column))*);
        static $insert: LazyLock<String> = LazyLock::new(|| insert_into($table, $columns, ""));

        fn $row($value: &$type) -> Vec<Value<'_>> {
            let values: &[Value<'_>] = params![$first_value $(, $column_value)*];
            values.to_vec()
        }
    };
}

imported!(ACCOUNT_COLUMNS, INSERT_ACCOUNT, account_row: "accounts", row = NamedAccount {
    id: row.account.id,
    username: &row.account.username,
    username_key: &row.username_key,
    username_skeleton: &row.username_skeleton,
    email: &row.account.email,
    first_name: &row.account.first_name,
    last_name: &row.account.last_name,
    password: &row.account.password,
    is_active: row.account.is_active,
    is_superuser: row.account.is_superuser,
    last_login: row.account.last_login.map(Time),
    date_joined: Time(row.account.date_joined),
});

imported!(ADDRESS_COLUMNS, INSERT_ADDRESS, address_row: "email_addresses", row = EmailAddress {
    id: row.id,
    account_id: row.account_id,
    email: &row.email,
    verified: row.verified,
    is_primary: row.primary,
});

imported!(TOKEN_COLUMNS, INSERT_TOKEN, token_row: "tokens", (token, digest) = (Token, [u8; 32]) {
    digest: digest,
    account_id: token.account_id,
    name: &token.name,
    created: Time(token.created),
    expiry: Day(token.expiry),
    revoked: token.revoked,
    last_seen: token.last_seen.map(Day),
});

imported!(LINK_COLUMNS, INSERT_LINK, link_row: "social_accounts", link = SocialAccount {
    id: link.id,
    account_id: link.account_id,
    provider: &link.provider,
    uid: &link.uid,
    last_login: Time(link.last_login),
    date_joined: Time(link.date_joined),
    extra_data: &link.extra_data,
});

/// Like `INSERT_LINK`, without the id, which is the first column.
static INSERT_LINK_WITH_NEW_ID: LazyLock<String> = LazyLock::new(|| {
    let columns = LINK_COLUMNS.trim_start_matches("id, ");
    insert_into("social_accounts", columns, "")
});

imported!(DEVICE_COLUMNS, INSERT_DEVICE, device_row: "totp_devices", (device, sealed) =
    (TotpDevice, Vec<u8>) {
    account_id: device.account_id,
    name: &device.name,
    confirmed: device.confirmed,
    secret: sealed.as_slice(),
    created: Time(device.created.unwrap_or_default()),
});

fn rows_of<'r, T>(rows: &'r [T], row: fn(&'r T) -> Vec<Value<'r>>) -> Vec<Vec<Value<'r>>> {
    rows.iter().map(row).collect()
}

/// Ids are preserved, as clients store them; of addresses and links unless they are taken.
///
/// A method for many rows returns whether it has inserted all. If not, it has inserted none, and
/// the caller inserts them one by one, to learn which one is refused.
impl Writer<'_> {
    /// Returns whether an account has one of these ids.
    pub fn import_knows_accounts(&self, first: i64, last: i64) -> Result<bool, StoreError> {
        self.value(
            "SELECT EXISTS (SELECT 1 FROM accounts WHERE id BETWEEN $1 AND $2)",
            params![first, last],
        )
    }

    pub fn import_accounts(&self, rows: &[NamedAccount]) -> Result<bool, StoreError> {
        self.insert_all("accounts", ACCOUNT_COLUMNS, &rows_of(rows, account_row))
    }

    pub fn import_account(&self, row: &NamedAccount) -> Result<(), StoreError> {
        self.execute(&INSERT_ACCOUNT, &account_row(row))?;
        Ok(())
    }

    pub fn import_email_addresses(&self, rows: &[EmailAddress]) -> Result<bool, StoreError> {
        self.insert_all("email_addresses", ADDRESS_COLUMNS, &rows_of(rows, address_row))
    }

    pub fn import_email_address(&self, address: &EmailAddress) -> Result<(), StoreError> {
        let EmailAddress { id, account_id, email, verified, primary, .. } = address;
        if self
            .value("SELECT EXISTS (SELECT 1 FROM email_addresses WHERE id = $1)", params![*id])?
        {
            return self.email_address_insert(*account_id, email, *verified, *primary).map(|_| ());
        }
        self.execute(&INSERT_ADDRESS, &address_row(address))?;
        Ok(())
    }

    /// Tokens get new ids.
    pub fn import_tokens(&self, rows: &[(Token, [u8; 32])]) -> Result<bool, StoreError> {
        self.insert_all("tokens", TOKEN_COLUMNS, &rows_of(rows, token_row))
    }

    pub fn import_token(&self, row: &(Token, [u8; 32])) -> Result<(), StoreError> {
        self.execute(&INSERT_TOKEN, &token_row(row))?;
        Ok(())
    }

    pub fn import_social_accounts(&self, rows: &[SocialAccount]) -> Result<bool, StoreError> {
        self.insert_all("social_accounts", LINK_COLUMNS, &rows_of(rows, link_row))
    }

    pub fn import_social_account(&self, link: &SocialAccount) -> Result<(), StoreError> {
        let values = link_row(link);
        if self
            .value("SELECT EXISTS (SELECT 1 FROM social_accounts WHERE id = $1)", &values[..1])?
        {
            self.execute(&INSERT_LINK_WITH_NEW_ID, &values[1..])?;
            return Ok(());
        }
        self.execute(&INSERT_LINK, &values)?;
        Ok(())
    }

    /// Devices with their sealed secrets; they get new ids.
    pub fn import_totp_devices(&self, rows: &[(TotpDevice, Vec<u8>)]) -> Result<bool, StoreError> {
        self.insert_all("totp_devices", DEVICE_COLUMNS, &rows_of(rows, device_row))
    }

    pub fn import_totp_device(&self, row: &(TotpDevice, Vec<u8>)) -> Result<(), StoreError> {
        self.execute(&INSERT_DEVICE, &device_row(row))?;
        Ok(())
    }

    /// Each is an account and the digest of a code.
    pub fn import_recovery_codes(&self, rows: &[(i64, [u8; 32])]) -> Result<bool, StoreError> {
        fn row((account_id, digest): &(i64, [u8; 32])) -> Vec<Value<'_>> {
            let values: &[Value<'_>] = params![*account_id, digest];
            values.to_vec()
        }
        self.insert_all("recovery_codes", "account_id, digest", &rows_of(rows, row))
    }

    /// Each is an account and a group.
    pub fn import_memberships(&self, rows: &[(i64, i64)]) -> Result<bool, StoreError> {
        let row = |(account, group): &(i64, i64)| vec![(*account).into(), (*group).into()];
        let rows: Vec<Vec<Value<'_>>> = rows.iter().map(row).collect();
        self.insert_all("group_members", "account_id, group_id", &rows)
    }
}
