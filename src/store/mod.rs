//! All persistent state, in one database: an SQLite file, or a PostgreSQL server that several
//! processes share.
//!
//! Callers pass closures over [`Reader`] and [`Writer`] and get plain records. No SQL, engine name
//! or engine error type leaves this module, and nothing in it knows about HTTP.

mod account_deletions;
mod accounts;
mod attempts;
mod audit;
mod backup;
mod copy;
mod database;
mod email_addresses;
mod engine;
mod error;
mod groups;
mod handles;
mod import;
mod inventree;
mod known_networks;
mod lookup_cache;
mod migrations;
mod outbox;
mod passkeys;
#[cfg(test)]
mod plans;
mod postgres;
mod record;
mod recovery_codes;
mod schema;
mod secret_keys;
mod sessions;
mod social_accounts;
mod sqlite;
#[cfg(test)]
mod tests;
mod tokens;
mod totp_devices;
mod values;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;

pub use accounts::{Account, NewAccount};
pub use attempts::{Attempts, CountedAttempts};
pub use audit::{AuditBudget, AuditEntry, AuditFilter, NewAuditEntry};
pub use backup::back_up;
pub use copy::{Copied, Progress, copy};
pub use database::{Database, Postgres, PostgresParts};
pub use email_addresses::EmailAddress;
pub use error::{Conflict, StoreError};
pub use groups::{AccountFacts, Group};
pub use handles::{Reader, Writer};
pub use import::{Commit, NamedAccount, write_all_or_nothing};
pub use inventree::{InvenTree, SourceError, TotpDevice};
pub use outbox::OutboxMail;
pub use passkeys::{NewPasskey, Passkey};
pub use sessions::Session;
pub use social_accounts::{NewSocialAccount, SocialAccount};
pub use tokens::Token;
pub use totp_devices::TotpFactor;

use engine::WritingConnection;
use lookup_cache::{Entries, LookupCache};
use postgres::pipelined::{ByDigest, ByKey};
use values::params;
use writer::WriterThread;

use crate::metrics::Writing;

/// A handle to the database. Clones are cheap and share the connections and the writer thread.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// A quarter of the writer's queue.
const MAX_TOUCHES: usize = writer::QUEUE_LENGTH / 4;

struct Inner {
    readers: Readers,
    writer: WriterThread,
    /// Cloned once for each queued [touch](Store::touch), so that its reference count is their
    /// number.
    touches: Arc<()>,
}

/// Read connections. The writer thread owns the connection that writes.
enum Readers {
    Sqlite(Box<sqlite::Readers>),
    Postgres(postgres::Server),
}

impl Store {
    /// Opens the database and migrates its schema. Creates a missing SQLite file, but not its
    /// folder. Fails if the schema is newer than this program.
    pub fn open(database: &Database) -> Result<Store, StoreError> {
        match database {
            Database::Sqlite(path) => Store::with_sqlite(sqlite::open(path)?),
            Database::Postgres(server) => Store::with_postgres(server, false),
        }
    }

    /// Opens a database that [`Store::open`] created. Creates no file and does not modify a
    /// foreign database. Takes no write lock if the schema is current.
    pub fn open_existing(database: &Database) -> Result<Store, StoreError> {
        match database {
            Database::Sqlite(path) => Store::with_sqlite(sqlite::open_existing(path)?),
            Database::Postgres(server) => Store::with_postgres(server, true),
        }
    }

    /// Returns whether the database exists.
    pub fn exists(database: &Database) -> Result<bool, StoreError> {
        match database {
            Database::Sqlite(path) => Ok(path.exists()),
            Database::Postgres(server) => {
                let connector = postgres::Connector::new(server)?;
                postgres::block_in_place(|| {
                    Ok(postgres::Writing::connect(&connector)?.is_latest()?.is_some())
                })
            }
        }
    }

    fn with_sqlite(
        (path, connection): (PathBuf, rusqlite::Connection),
    ) -> Result<Store, StoreError> {
        Store::start(Readers::Sqlite(Box::new(sqlite::Readers::open(&path)?)), Box::new(connection))
    }

    /// Neither writes nor locks if the schema is current.
    fn with_postgres(server: &Postgres, must_exist: bool) -> Result<Store, StoreError> {
        let connector = postgres::Connector::new(server)?;
        let (readers, writer) = postgres::block_in_place(|| {
            let writer = postgres::Writing::connect(&connector)?;
            writer.refuse_inventree()?;
            match writer.is_latest()? {
                None if must_exist => {
                    return Err(StoreError::Other(format!(
                        "{server} is not a database of this server"
                    )));
                }
                Some(true) => {}
                _ => migrations::run(&writer)?,
            }
            Ok::<_, StoreError>((postgres::Server::open(&connector)?, writer))
        })?;
        Store::start(Readers::Postgres(readers), Box::new(writer))
    }

    fn start(readers: Readers, writer: Box<dyn WritingConnection>) -> Result<Store, StoreError> {
        Ok(Store {
            inner: Arc::new(Inner {
                readers,
                writer: WriterThread::start(writer)?,
                touches: Arc::default(),
            }),
        })
    }

    /// Returns whether other processes may use the same rows at this moment.
    pub fn is_shared(&self) -> bool {
        matches!(self.inner.readers, Readers::Postgres(_))
    }

    /// Runs the closure on the caller's thread. An indexed read of a file takes microseconds; a
    /// read from a server runs in `block_in_place`, so that other tasks proceed. Each statement
    /// sees its own snapshot.
    pub async fn read<T: Send, E: From<StoreError> + Send>(
        &self,
        f: impl FnOnce(&Reader<'_>) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        match &self.inner.readers {
            Readers::Sqlite(readers) => f(&Reader::new(&readers.reading())),
            Readers::Postgres(server) => server.wait(|reading| f(&Reader::new(reading))),
        }
    }

    /// Looks up a token or session, as nearly every request does, in at most one statement. `kept`
    /// selects the cache.
    async fn find_by_digest<T: Clone>(
        &self,
        query: &'static ByDigest<T>,
        entries: fn(&LookupCache) -> &Entries<T>,
        digest: &[u8; 32],
    ) -> Result<Option<T>, StoreError> {
        match &self.inner.readers {
            Readers::Sqlite(readers) => {
                let read = || {
                    Reader::new(&readers.reading()).find(query.sql, params![digest], query.record)
                };
                match &readers.cache {
                    Some(cache) => cache.find(entries, digest, read),
                    None => read(),
                }
            }
            // Boxed, so that SQLite requests do not carry the size of this future.
            Readers::Postgres(server) => Box::pin(server.pipelined.find(query, digest)).await,
        }
    }

    /// As `find_by_digest`, for a record that is found by id. `key` is the key of the cache.
    async fn find_by_key<T: Clone>(
        &self,
        query: &'static ByKey<T>,
        entries: fn(&LookupCache) -> &Entries<T>,
        key: [u8; 32],
        id: i64,
    ) -> Result<Option<T>, StoreError> {
        match &self.inner.readers {
            Readers::Sqlite(readers) => {
                let read =
                    || Reader::new(&readers.reading()).find(query.sql, params![id], query.record);
                match &readers.cache {
                    Some(cache) => cache.find(entries, &key, read),
                    None => read(),
                }
            }
            Readers::Postgres(server) => Box::pin(server.pipelined.find_by_key(query, id)).await,
        }
    }

    /// Queues the closure for the writer thread and returns after its transaction is durable.
    ///
    /// An error or a panic rolls back only the writes of this closure. Once queued, the closure
    /// runs even if the caller stops waiting. It may run again from the start if the server rolls
    /// back the transaction, so all its side effects must go through the [`Writer`].
    pub async fn write<T, E>(
        &self,
        f: impl Fn(&Writer<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        self.inner.writer.submit(writer::job(f, reply))?;
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) => Err(StoreError::Unavailable("the writer stopped".to_owned()).into()),
        }
    }

    /// Queues a write and does not wait for it: for bookkeeping that no response depends on, so
    /// that requests succeed while the database is read-only. It is durable before any write that
    /// is queued later.
    pub fn write_deferred(
        &self,
        f: impl Fn(&Writer<'_>) -> Result<(), StoreError> + Send + 'static,
    ) {
        let (reply, _) = oneshot::channel();
        // If it is lost, the next use records it again.
        let _ = self.inner.writer.submit(writer::job(f, reply));
    }

    /// Like [`write_deferred`](Store::write_deferred), for writes that the next use repeats, such
    /// as a last-used time. Drops the write if [`MAX_TOUCHES`] are queued already, so that reads
    /// cannot fill the write queue.
    pub fn touch(&self, f: impl Fn(&Writer<'_>) -> Result<(), StoreError> + Send + 'static) {
        // The closure owns this reference while it is queued.
        let queued = Arc::clone(&self.inner.touches);
        if Arc::strong_count(&queued) <= MAX_TOUCHES {
            self.write_deferred(move |w| {
                let _queued = &queued;
                f(w)
            });
        }
    }

    pub fn metrics(&self) -> &Writing {
        self.inner.writer.metrics()
    }

    /// Rejects further writes, completes the queued ones and checkpoints the log. Blocks until
    /// done. Must not be called inside a write.
    pub fn close(&self) {
        self.inner.writer.close();
    }
}
