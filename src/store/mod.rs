//! Everything the server remembers, in one database: a file of its own, or a PostgreSQL server that several share.
//!
//! Callers hand in closures over [`Reader`] and [`Writer`]; the records they get back are plain
//! data. No SQL, no engine's name and no engine's error type may leave this folder, and nothing
//! in here may know of HTTP.

mod accounts;
mod attempts;
mod audit;
mod backup;
mod copy;
mod database;
mod email_addresses;
mod engine;
mod error;
mod handles;
mod import;
mod inventree;
mod known_networks;
mod migrations;
mod outbox;
#[cfg(test)]
mod plans;
mod postgres;
mod recent;
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
pub use handles::{Reader, Writer};
pub use import::{Keep, write_all_or_nothing};
pub use inventree::{InvenTree, TotpDevice, Unreadable};
pub use outbox::OutboxMail;
pub use sessions::Session;
pub use social_accounts::{NewSocialAccount, SocialAccount};
pub use tokens::Token;

use engine::WritingConnection;
use postgres::lines::ByDigest;
use recent::{Kept, Recent};
use values::params;
use writer::WriterThread;

use crate::metrics::Writing;

/// A cheap handle to the database; clones share the connections and the writer thread.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// A quarter of the writer's queue.
const MAX_TOUCHES: usize = writer::QUEUE_LENGTH / 4;

struct Inner {
    readers: Readers,
    writer: WriterThread,
    /// Has a reference for each [touch](Store::touch) that is queued.
    touches: Arc<()>,
}

/// The engine that reads; the writer thread has the one that writes.
enum Readers {
    Sqlite(Box<sqlite::Readers>),
    Postgres(postgres::Server),
}

impl Store {
    /// Opens the database, creating its file (but neither its folder nor its server) and bringing its schema up to
    /// date. Refuses a schema newer than this program.
    pub fn open(database: &Database) -> Result<Store, StoreError> {
        match database {
            Database::Sqlite(path) => Store::of_file(sqlite::open(path)?),
            Database::Postgres(server) => Store::of_server(server, false),
        }
    }

    /// Opens a database that [`Store::open`] made: neither makes a file nor changes one of somebody else's. While the
    /// schema is up to date it waits for no writer.
    pub fn open_existing(database: &Database) -> Result<Store, StoreError> {
        match database {
            Database::Sqlite(path) => Store::of_file(sqlite::open_existing(path)?),
            Database::Postgres(server) => Store::of_server(server, true),
        }
    }

    /// Whether there is something to open.
    pub fn is_made(database: &Database) -> Result<bool, StoreError> {
        match database {
            Database::Sqlite(path) => Ok(path.exists()),
            Database::Postgres(server) => {
                let connector = postgres::Connector::new(server)?;
                postgres::elsewhere(|| Ok(postgres::Writing::connect(&connector)?.is_latest()?.is_some()))
            }
        }
    }

    fn of_file((path, connection): (PathBuf, rusqlite::Connection)) -> Result<Store, StoreError> {
        Store::start(Readers::Sqlite(Box::new(sqlite::Readers::open(&path)?)), Box::new(connection))
    }

    /// While the schema is up to date, nothing is written and nobody waited for.
    fn of_server(server: &Postgres, must_be_ours: bool) -> Result<Store, StoreError> {
        let connector = postgres::Connector::new(server)?;
        let (readers, writer) = postgres::elsewhere(|| {
            let writer = postgres::Writing::connect(&connector)?;
            match writer.is_latest()? {
                None if must_be_ours => {
                    return Err(StoreError::Other(format!("the database {server} is not one of this server")));
                }
                Some(true) => {}
                _ => migrations::run(&writer)?,
            }
            Ok::<_, StoreError>((postgres::Server::open(&connector)?, writer))
        })?;
        Store::start(Readers::Postgres(readers), Box::new(writer))
    }

    fn start(readers: Readers, writer: Box<dyn WritingConnection>) -> Result<Store, StoreError> {
        Ok(Store { inner: Arc::new(Inner { readers, writer: WriterThread::start(writer)?, touches: Arc::default() }) })
    }

    /// Whether other servers may work on the same rows at this moment.
    pub fn is_shared(&self) -> bool {
        matches!(self.inner.readers, Readers::Postgres(_))
    }

    /// Runs the closure on the caller's thread: an indexed read of a file takes microseconds, and while a server is
    /// asked, other threads go on with what else is to do. Each statement sees its own snapshot.
    pub async fn read<T: Send, E: From<StoreError> + Send>(
        &self,
        f: impl FnOnce(&Reader<'_>) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        match &self.inner.readers {
            Readers::Sqlite(readers) => f(&Reader::new(&readers.reading())),
            Readers::Postgres(server) => server.wait(|reading| f(&Reader::new(reading))),
        }
    }

    /// What nearly every request asks: one statement at most. `kept` is where answers found lately are.
    async fn find_by_digest<T: Clone>(
        &self,
        what: &'static ByDigest<T>,
        kept: fn(&Recent) -> &Kept<T>,
        digest: &[u8; 32],
    ) -> Result<Option<T>, StoreError> {
        match &self.inner.readers {
            Readers::Sqlite(readers) => {
                let read = || Reader::new(&readers.reading()).find(what.sql, params![digest], what.record);
                match &readers.recent {
                    Some(recent) => recent.find(kept, digest, read),
                    None => read(),
                }
            }
            // In a box of its own: each request of the other engine would carry the room that this one takes.
            Readers::Postgres(server) => Box::pin(server.lines.find(what, digest)).await,
        }
    }

    /// Queues the closure to the writer thread and answers only after its transaction is durable.
    ///
    /// An error or a panic undoes what this closure wrote and nothing else. Once queued, the
    /// closure runs even if the caller stops waiting. It may run again, from its beginning, when a
    /// server undid what it did: it must do nothing that counts but through its writer.
    pub async fn write<T, E>(&self, f: impl Fn(&Writer<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
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
    pub fn note(&self, f: impl Fn(&Writer<'_>) -> Result<(), StoreError> + Send + 'static) {
        let (reply, _) = oneshot::channel();
        // What is lost is noted again at the next use.
        let _ = self.inner.writer.submit(writer::job(f, reply));
    }

    /// As [`note`](Store::note), for what the next use writes again, such as a last use: while [`MAX_TOUCHES`] of them
    /// wait, the next is dropped, so that requests that read cannot fill the queue of those that write.
    pub fn touch(&self, f: impl Fn(&Writer<'_>) -> Result<(), StoreError> + Send + 'static) {
        // The closure holds one reference more while it is queued.
        let queued = Arc::clone(&self.inner.touches);
        if Arc::strong_count(&queued) <= MAX_TOUCHES {
            self.note(move |w| {
                let _queued = &queued;
                f(w)
            });
        }
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
