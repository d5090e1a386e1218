//! Everything the server remembers: one database file, read by many and written by one thread.
//!
//! Callers hand in closures over [`Reader`] and [`Writer`]; the records they get back are plain
//! data. No SQL, no engine's name and no engine's error type may leave this folder, and nothing
//! in here may know of HTTP, so that a second engine can stand behind the same two closures.

mod accounts;
mod audit;
mod backup;
mod columns;
mod email_addresses;
mod error;
mod handles;
mod import;
mod inventree;
mod migrations;
mod outbox;
mod recent;
mod sessions;
mod social_accounts;
#[cfg(test)]
mod tests;
mod tokens;
mod totp_devices;
mod writer;

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use r2d2::Pool;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

pub use accounts::{Account, NewAccount};
pub use audit::{AuditEntry, AuditFilter};
pub use backup::back_up;
pub use email_addresses::EmailAddress;
pub use error::{Conflict, StoreError};
pub use handles::{Reader, Writer};
pub use import::{Keep, write_all_or_nothing};
pub use inventree::{InvenTree, TotpDevice, Unreadable};
pub use outbox::OutboxMail;
pub use sessions::Session;
pub use social_accounts::{NewSocialAccount, SocialAccount};
pub use tokens::Token;

use recent::Recent;
use writer::WriterThread;

use crate::metrics::Writing;

const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads run inline and never wait for anything while they hold a connection, so a pool that
/// stays empty for this long means the server is overloaded: better to say so than to queue.
const POOL_TIMEOUT: Duration = Duration::from_millis(250);

/// Above the number of distinct statements in this folder, so that none is ever prepared twice.
const STATEMENT_CACHE: usize = 128;

/// A cheap handle to the database; clones share the pool and the writer thread.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    readers: Pool<SqliteConnectionManager>,
    recent: Option<Recent>,
    writer: WriterThread,
}

impl Store {
    /// Opens the database, creating the file (but not its folder) and bringing its schema up to
    /// date. Refuses a schema newer than this program.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        let path = create_private(path)?;
        let opened = Connection::open_with_flags(&path, open_flags()).map_err(StoreError::from);
        let opened = opened.and_then(|mut connection| {
            prepare_writer(&connection)?;
            migrations::run(&mut connection)?;
            Store::start(&path, connection)
        });
        opened.map_err(|error| match error {
            // Just now, or as this process: nobody knows which file that would be.
            StoreError::Unavailable(why) => cannot_open(&path, &why),
            other => other,
        })
    }

    /// Opens a database that [`Store::open`] made: neither makes a file nor changes one of somebody else's. While the
    /// schema is up to date it waits for no writer.
    pub fn open_existing(path: &Path) -> Result<Store, StoreError> {
        let path = path.canonicalize().map_err(|error| cannot_open(path, &error))?;
        let mut connection = Connection::open_with_flags(&path, open_flags())?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let is_latest = migrations::is_latest(&connection).map_err(|error| cannot_open(&path, &error))?;
        let is_latest = is_latest.ok_or_else(|| cannot_open(&path, &"it is not one of this server"))?;
        prepare_writer(&connection)?;
        if !is_latest {
            migrations::run(&mut connection)?;
        }
        Store::start(&path, connection)
    }

    fn start(path: &Path, connection: Connection) -> Result<Store, StoreError> {
        let readers = open_readers(path)?;
        let recent = Recent::new(Connection::open_with_flags(path, open_flags())?)?;
        let writer = WriterThread::start(connection)?;
        Ok(Store { inner: Arc::new(Inner { readers, recent, writer }) })
    }

    /// Runs the closure on the caller's thread: an indexed read takes microseconds. It is async
    /// only so that another engine may wait. Each statement sees its own snapshot.
    pub async fn read<T, E: From<StoreError>>(&self, f: impl FnOnce(&Reader<'_>) -> Result<T, E>) -> Result<T, E> {
        f(&Reader::pooled(&self.inner.readers, self.inner.recent.as_ref()))
    }

    /// Queues the closure to the writer thread and answers only after its transaction is durable.
    ///
    /// An error or a panic undoes what this closure wrote and nothing else. Once queued, the
    /// closure runs even if the caller stops waiting.
    pub async fn write<T, E>(&self, f: impl FnOnce(&Writer<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.inner.writer.submit(writer::job(f, reply))?;
        match answer.await {
            Ok(outcome) => outcome,
            Err(_) => Err(StoreError::Unavailable("the writer stopped".to_owned()).into()),
        }
    }

    /// Queues what no answer depends on, such as when something was used last, and waits for nothing: a database that
    /// takes no writes just now can still be read. It is durable before any write that is queued later.
    pub fn note(&self, f: impl FnOnce(&Writer<'_>) -> Result<(), StoreError> + Send + 'static) {
        let (reply, _) = oneshot::channel();
        // What is lost is noted again at the next use.
        let _ = self.inner.writer.submit(writer::job(f, reply));
    }

    pub fn metrics(&self) -> &Writing {
        self.inner.writer.metrics()
    }

    /// Takes no more writes, finishes those already queued and folds the log into the file.
    /// Blocks until that is done. Must not be called from inside a write.
    pub fn close(&self) {
        self.inner.writer.close();
    }
}

/// Makes the file before the engine would, because the engine would leave its mode to the umask.
/// The engine copies the mode to the files it puts beside it.
fn create_private(path: &Path) -> Result<PathBuf, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // An existing file is not opened here: closing any handle to it would drop the locks that
    // another Store of this process holds on it.
    match options.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(cannot_open(path, &error));
        }
        _ => {}
    }
    // Absolute, so that no name is taken for one of the engine's special ones (":memory:").
    path.canonicalize().map_err(|error| cannot_open(path, &error))
}

fn cannot_open(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Other(format!("cannot open the database {}: {error}", path.display()))
}

fn open_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn prepare_writer(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(StoreError::from)?;
    if mode != "wal" {
        return Err(StoreError::Other(format!(
            "the database cannot keep a write-ahead log here (journal mode is {mode})"
        )));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What a savepoint may have to undo: beyond 64 KiB it would lie in a temporary file, and where a container has no
    // folder for one, the write would fail.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(())
}

fn open_readers(path: &Path) -> Result<Pool<SqliteConnectionManager>, StoreError> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let size = u32::try_from(cores.saturating_mul(2)).unwrap_or(u32::MAX);
    let manager = SqliteConnectionManager::file(path).with_flags(open_flags()).with_init(|connection| {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "query_only", true)
    });
    // A local file does not go stale: connections are neither tested nor retired, which would
    // only cost the hot path its prepared statements.
    Pool::builder()
        .max_size(size.clamp(4, 64))
        .connection_timeout(POOL_TIMEOUT)
        .test_on_check_out(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .error_handler(Box::new(r2d2::NopErrorHandler))
        .build(manager)
        .map_err(StoreError::from)
}
