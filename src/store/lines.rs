//! What nearly every request asks of a server: connections over which many questions are under way at once.
//!
//! A thread that waited for each answer would cost more than the answer. Must ask nothing but one statement at a time that
//! reads and stands for itself, since a question whose connection was lost is asked again.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, Statement};

use super::StoreError;
use super::postgres::{Connector, READ_LIMITS, is_end};
use super::values::Row;

/// Longer than a statement may take: whoever says nothing by then is gone.
const PATIENCE: Duration = Duration::from_secs(7);
/// A question is asked so often at most.
const TRIES: usize = 3;

/// A statement that finds one record by a digest, its only parameter.
pub(super) struct ByDigest<T> {
    pub(super) sql: &'static str,
    pub(super) record: fn(&Row<'_>) -> Result<T, StoreError>,
}

pub(super) struct Lines {
    connector: Connector,
    lines: Box<[Line]>,
    next: AtomicUsize,
}

#[derive(Default)]
struct Line {
    open: RwLock<Option<Arc<Open>>>,
    /// Held while it is being opened, so that it is opened once.
    opening: tokio::sync::Mutex<()>,
}

struct Open {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
    driver: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Lines {
    /// Opens none yet: that takes a runtime.
    pub(super) fn new(connector: &Connector) -> Lines {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let lines = (0..cores.clamp(2, 8)).map(|_| Line::default()).collect();
        Lines { connector: connector.clone(), lines, next: AtomicUsize::new(0) }
    }

    pub(super) async fn find<T>(&self, what: &ByDigest<T>, digest: &[u8; 32]) -> Result<Option<T>, StoreError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.lines.len();
        let line = &self.lines[number];
        let mut lost = 0;
        loop {
            let open = line.open(&self.connector).await?;
            let error = match timeout(PATIENCE, open.ask(what.sql, digest)).await {
                Ok(Ok(row)) => return row.map(|row| (what.record)(&Row::Postgres(&row))).transpose(),
                Ok(Err(error)) if open.client.is_closed() || error.code().is_some_and(is_end) => error.into(),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => StoreError::Unavailable("the database does not answer".to_owned()),
            };
            line.forget(&open);
            lost += 1;
            if lost == TRIES {
                return Err(error);
            }
        }
    }
}

impl Line {
    fn get(&self) -> Option<Arc<Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone().filter(|open| !open.client.is_closed())
    }

    async fn open(&self, connector: &Connector) -> Result<Arc<Open>, StoreError> {
        if let Some(open) = self.get() {
            return Ok(open);
        }
        let _alone = self.opening.lock().await;
        if let Some(open) = self.get() {
            return Ok(open);
        }
        let open = Arc::new(Open::connect(connector).await?);
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&open));
        Ok(open)
    }

    fn forget(&self, lost: &Arc<Open>) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.take_if(|open| Arc::ptr_eq(open, lost));
    }
}

impl Open {
    async fn connect(connector: &Connector) -> Result<Open, StoreError> {
        let config = connector.config();
        let (client, driver) = match connector.tls() {
            Some(tls) => {
                let (client, connection) = config.connect(tls).await?;
                (client, tokio::spawn(connection).abort_handle())
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                (client, tokio::spawn(connection).abort_handle())
            }
        };
        let open = Open { client, statements: Mutex::default(), driver };
        open.client.batch_execute(READ_LIMITS).await?;
        Ok(open)
    }

    async fn ask(
        &self,
        sql: &'static str,
        digest: &[u8; 32],
    ) -> Result<Option<tokio_postgres::Row>, tokio_postgres::Error> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        let statement = match known {
            Some(statement) => statement,
            None => {
                let statement = self.client.prepare(sql).await?;
                self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, statement.clone());
                statement
            }
        };
        self.client.query_opt(&statement, &[&digest.as_slice()]).await
    }
}
