//! The SQLite engine: one file, many readers, one writer thread.
//!
//! Besides [`lookup_cache`](super::lookup_cache), this is the only part of the running store that
//! knows SQLite. Import and backup open separate files.

use std::cell::OnceCell;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use r2d2::{Pool, PooledConnection};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{
    CachedStatement, Connection as Sqlite, ErrorCode, OpenFlags, OptionalExtension,
    params_from_iter,
};

use super::engine::{Connection, RowVisitor, Step, WritingConnection};
use super::lookup_cache::LookupCache;
use super::migrations::{self, LATEST};
use super::values::{Row, Value};
use super::{Conflict, StoreError};

pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads never wait while they hold a connection, so a pool that stays empty for this long means
/// overload. Failing is better than queueing.
const POOL_TIMEOUT: Duration = Duration::from_millis(250);

/// For each connection at start, when the machine may be busy with other programs.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Larger than the number of distinct statements, so that none is prepared twice.
const STATEMENT_CACHE: usize = 128;

/// The readers of one file.
pub(super) struct Readers {
    pub(super) pool: Pool<SqliteConnectionManager>,
    pub(super) cache: Option<LookupCache>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Readers, StoreError> {
        let pool = open_pool(path)?;
        Ok(Readers { pool, cache: LookupCache::new(Sqlite::open_with_flags(path, open_flags())?)? })
    }

    pub(super) fn reading(&self) -> ReadingConnection<'_> {
        ReadingConnection { pool: &self.pool, taken: OnceCell::new() }
    }
}

/// A connection of one reader, taken from the pool by the first statement: a cache hit needs none.
pub(super) struct ReadingConnection<'p> {
    pool: &'p Pool<SqliteConnectionManager>,
    taken: OnceCell<PooledConnection<SqliteConnectionManager>>,
}

impl ReadingConnection<'_> {
    fn connection(&self) -> Result<&Sqlite, StoreError> {
        if let Some(taken) = self.taken.get() {
            return Ok(taken);
        }
        let connection = self.pool.get()?;
        Ok(self.taken.get_or_init(|| connection))
    }
}

impl Connection for ReadingConnection<'_> {
    fn query(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        each: RowVisitor<'_>,
    ) -> Result<(), StoreError> {
        self.connection()?.query(sql, params, each)
    }

    fn execute(&self, sql: &'static str, params: &[Value<'_>]) -> Result<usize, StoreError> {
        Connection::execute(self.connection()?, sql, params)
    }
}

impl Connection for Sqlite {
    fn query(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        each: RowVisitor<'_>,
    ) -> Result<(), StoreError> {
        let mut statement = statement(self, sql)?;
        let mut rows = statement.query(params_from_iter(params))?;
        while let Some(row) = rows.next()? {
            if each(&Row::Sqlite(row))? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn execute(&self, sql: &'static str, params: &[Value<'_>]) -> Result<usize, StoreError> {
        Ok(statement(self, sql)?.execute(params_from_iter(params))?)
    }
}

/// SQLite treats `$1`, `$2`… as names and numbers them as they appear, so they must first appear
/// in order.
fn statement<'c>(
    connection: &'c Sqlite,
    sql: &'static str,
) -> Result<CachedStatement<'c>, StoreError> {
    let statement = connection.prepare_cached(sql)?;
    debug_assert!(
        (1..=statement.parameter_count())
            .all(|n| statement.parameter_name(n) == Some(format!("${n}").as_str())),
        "parameters out of order: {sql}"
    );
    Ok(statement)
}

impl WritingConnection for Sqlite {
    fn begin(&self) -> Result<(), StoreError> {
        if !self.is_autocommit() {
            self.rollback()?;
        }
        self.run("BEGIN IMMEDIATE")
    }

    fn begin_migration(&self) -> Result<(), StoreError> {
        self.begin()
    }

    fn is_in_transaction(&self) -> bool {
        !self.is_autocommit()
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.run("COMMIT")
    }

    fn rollback(&self) -> Result<(), StoreError> {
        self.run("ROLLBACK")
    }

    fn run(&self, sql: &'static str) -> Result<(), StoreError> {
        self.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    fn migrate(&self, step: &Step) -> Result<(), StoreError> {
        self.execute_batch(step.both)?;
        Ok(self.execute_batch(step.sqlite)?)
    }

    fn last_id(&self, table: &'static str) -> Result<i64, StoreError> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = $1";
        Ok(self.query_row(sql, [table], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    fn set_last_id(&self, table: &'static str, id: i64) -> Result<(), StoreError> {
        // This internal table of SQLite has no unique index.
        let changed = Sqlite::execute(
            self,
            "UPDATE sqlite_sequence SET seq = $1 WHERE name = $2",
            (id, table),
        )?;
        if changed == 0 {
            Sqlite::execute(
                self,
                "INSERT INTO sqlite_sequence (seq, name) VALUES ($1, $2)",
                (id, table),
            )?;
        }
        Ok(())
    }

    fn checkpoint(&self) {
        // A log left behind would be replayed at the next start.
        let _ = self.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

/// Opens the file for writing, creates a missing file (but not its directory) and migrates its
/// schema.
pub(super) fn open(path: &Path) -> Result<(PathBuf, Sqlite), StoreError> {
    let path = create_private(path)?;
    let opened = Sqlite::open_with_flags(&path, open_flags()).map_err(StoreError::from).and_then(
        |connection| {
            refuse_inventree(&connection, &path)?;
            prepare_writer(&connection)?;
            migrations::run(&connection)?;
            Ok(connection)
        },
    );
    match opened {
        Ok(connection) => Ok((path, connection)),
        // At this moment or for this process. Name the file in the message.
        Err(StoreError::Unavailable(why)) => Err(cannot_open(&path, &why)),
        Err(other) => Err(other),
    }
}

/// # Errors
///
/// For InvenTree's own database, which is only read: nothing has been written to it.
fn refuse_inventree(connection: &Sqlite, path: &Path) -> Result<(), StoreError> {
    let known = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'auth_user')
                 AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'schema_version')";
    // A file that cannot be read is refused with its reason below.
    match connection.query_row(known, [], |row| row.get(0)) {
        Ok(true) => Err(StoreError::inventree_database(&path.display())),
        _ => Ok(()),
    }
}

/// Like `open`, for a file that [`open`] created: creates no file and does not modify a foreign
/// one. Takes no write lock if the schema is current.
pub(super) fn open_existing(path: &Path) -> Result<(PathBuf, Sqlite), StoreError> {
    let path = path.canonicalize().map_err(|error| cannot_open(path, &error))?;
    let connection = Sqlite::open_with_flags(&path, open_flags())?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let is_latest = is_latest(&connection).map_err(|error| cannot_open(&path, &error))?;
    let is_latest =
        is_latest.ok_or_else(|| cannot_open(&path, &"it is not a database of this server"))?;
    prepare_writer(&connection)?;
    if !is_latest {
        migrations::run(&connection)?;
    }
    Ok((path, connection))
}

/// Returns whether the schema is current; `None` for a foreign database.
pub(super) fn is_latest(connection: &Sqlite) -> Result<Option<bool>, StoreError> {
    let known = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = \
        'schema_version')";
    if !connection.query_row(known, [], |row| row.get(0))? {
        return Ok(None);
    }
    let version: Option<i64> = connection
        .query_row("SELECT version FROM schema_version", [], |row| row.get(0))
        .optional()?;
    Ok(version.map(|version| version == LATEST))
}

/// Creates the file with mode 0600 before SQLite would create it with the umask. SQLite gives the
/// same mode to the files beside it.
pub(super) fn create_private(path: &Path) -> Result<PathBuf, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // An existing file is not opened here: closing any handle to it would release the POSIX locks
    // that another Store of this process holds on it.
    match options.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(cannot_open(path, &error));
        }
        _ => {}
    }
    // Absolute, so that SQLite does not interpret a special name (":memory:").
    path.canonicalize().map_err(|error| cannot_open(path, &error))
}

pub(super) fn cannot_open(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Other(format!("cannot open the database {}: {error}", path.display()))
}

pub(super) fn open_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

pub(super) fn prepare_writer(connection: &Sqlite) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(StoreError::from)?;
    if mode != "wal" {
        return Err(StoreError::Other(format!(
            "the database cannot keep a write-ahead log here (journal mode is {mode})"
        )));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Statement journals beyond 64 KiB would go to a temporary file. In a container without a
    // temporary directory the write would fail.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

fn open_pool(path: &Path) -> Result<Pool<SqliteConnectionManager>, StoreError> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let size = u32::try_from(cores.saturating_mul(2)).unwrap_or(u32::MAX).clamp(4, 64);
    let manager =
        SqliteConnectionManager::file(path).with_flags(open_flags()).with_init(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
            connection.pragma_update(None, "temp_store", "MEMORY")?;
            connection.pragma_update(None, "query_only", true)
        });
    // Connections to a local file do not go stale, so they are neither tested nor retired, which
    // would cost prepared statements.
    let pool = Pool::builder()
        .max_size(size)
        .connection_timeout(POOL_TIMEOUT)
        .test_on_check_out(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .error_handler(Box::new(r2d2::NopErrorHandler))
        .build_unchecked(manager);
    // All are open before the first request.
    (0..size).map(|_| pool.get_timeout(OPEN_TIMEOUT)).collect::<Result<Vec<_>, _>>()?;
    Ok(pool)
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if let rusqlite::Error::SqliteFailure(failure, text) = &error {
            if let Some(conflict) = text.as_deref().and_then(conflict) {
                return StoreError::Conflict(conflict);
            }
            if is_transient(failure.code) {
                return StoreError::Unavailable(error.to_string());
            }
        }
        StoreError::Other(error.to_string())
    }
}

fn is_transient(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::FileLockingProtocolFailed
    )
}

/// SQLite names the columns of the violated unique index, not the index. Each index in
/// `migrations/` therefore covers a distinct list of columns.
fn conflict(text: &str) -> Option<Conflict> {
    match text.strip_prefix("UNIQUE constraint failed: ")? {
        "accounts.username_key" => Some(Conflict::Username),
        "email_addresses.account_id, email_addresses.email" => Some(Conflict::AccountEmail),
        "email_addresses.email" => Some(Conflict::VerifiedEmail),
        "email_addresses.account_id" => Some(Conflict::PrimaryEmail),
        "sessions.digest" => Some(Conflict::Session),
        "tokens.digest" => Some(Conflict::Token),
        "social_accounts.provider, social_accounts.issuer, social_accounts.uid" => {
            Some(Conflict::SocialAccount)
        }
        _ => None,
    }
}
