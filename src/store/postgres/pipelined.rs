//! Pipelined connections for the token and session lookups of nearly every request.
//!
//! A blocked thread per lookup would cost more than the lookup. Only single, read-only statements
//! go here, because a statement is retried if its connection is lost.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::super::values::Row;
use super::{Connector, PostgresError, READS, StoreError};

/// Maximum number of attempts of a lookup.
const MAX_ATTEMPTS: usize = 3;

/// A statement that finds one record by a digest, its only parameter.
pub(in crate::store) struct ByDigest<T> {
    pub(in crate::store) sql: &'static str,
    pub(in crate::store) record: fn(&Row<'_>) -> Result<T, StoreError>,
}

/// A statement that finds one record by an id, its only parameter.
pub(in crate::store) struct ByKey<T> {
    pub(in crate::store) sql: &'static str,
    pub(in crate::store) record: fn(&Row<'_>) -> Result<T, StoreError>,
}

type Parameter<'a> = &'a (dyn ToSql + Sync);

pub(in crate::store) struct PipelinedPool {
    connector: Connector,
    slots: Box<[PipelinedSlot]>,
    next: AtomicUsize,
}

#[derive(Default)]
struct PipelinedSlot {
    open: RwLock<Option<Arc<PipelinedConnection>>>,
    /// Held while connecting, so that there is one attempt at a time.
    opening: tokio::sync::Mutex<()>,
}

struct PipelinedConnection {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
}

impl PipelinedPool {
    /// Connects lazily, since connecting requires a runtime.
    pub(in crate::store) fn new(connector: &Connector) -> PipelinedPool {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let slots = (0..cores.clamp(2, 8)).map(|_| PipelinedSlot::default()).collect();
        PipelinedPool { connector: connector.clone(), slots, next: AtomicUsize::new(0) }
    }

    pub(in crate::store) async fn find<T>(
        &self,
        query: &ByDigest<T>,
        digest: &[u8; 32],
    ) -> Result<Option<T>, StoreError> {
        self.find_by(query.sql, query.record, &digest.as_slice()).await
    }

    pub(in crate::store) async fn find_by_key<T>(
        &self,
        query: &ByKey<T>,
        id: i64,
    ) -> Result<Option<T>, StoreError> {
        self.find_by(query.sql, query.record, &id).await
    }

    async fn find_by<T>(
        &self,
        sql: &'static str,
        record: fn(&Row<'_>) -> Result<T, StoreError>,
        parameter: Parameter<'_>,
    ) -> Result<Option<T>, StoreError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        let slot = &self.slots[number];
        let mut lost = 0;
        loop {
            let open = slot.open(&self.connector).await?;
            let fault = match open.ask(sql, parameter).await {
                Ok(row) => return row.map(|row| record(&Row::Postgres(&row))).transpose(),
                Err(fault) => fault,
            };
            let is_timeout = matches!(fault, PostgresError::Timeout);
            let is_lost = is_timeout || open.client.is_closed() || fault.closes_connection();
            if is_lost {
                slot.forget(&open);
            }
            lost += 1;
            // Don't retry after a timeout.
            if !is_lost || is_timeout || lost == MAX_ATTEMPTS {
                return Err(fault.into());
            }
        }
    }
}

impl PipelinedSlot {
    fn get(&self) -> Option<Arc<PipelinedConnection>> {
        self.open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .filter(|open| !open.client.is_closed())
    }

    async fn open(&self, connector: &Connector) -> Result<Arc<PipelinedConnection>, StoreError> {
        if let Some(open) = self.get() {
            return Ok(open);
        }
        let _alone = self.opening.lock().await;
        if let Some(open) = self.get() {
            return Ok(open);
        }
        // Boxed: a handshake is rare and its future is large.
        let open = Arc::new(Box::pin(PipelinedConnection::connect(connector)).await?);
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&open));
        Ok(open)
    }

    fn forget(&self, lost: &Arc<PipelinedConnection>) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.take_if(|open| Arc::ptr_eq(open, lost));
    }
}

impl PipelinedConnection {
    async fn connect(connector: &Connector) -> Result<PipelinedConnection, PostgresError> {
        Ok(PipelinedConnection {
            client: connector.connect(&READS).await?,
            statements: Mutex::default(),
        })
    }

    async fn ask(
        &self,
        sql: &'static str,
        parameter: Parameter<'_>,
    ) -> Result<Option<tokio_postgres::Row>, PostgresError> {
        let reply = async {
            let statement = self.statement(sql).await?;
            self.client.query_opt(&statement, &[parameter]).await
        };
        match READS.timeout {
            Some(limit) => timeout(limit, reply)
                .await
                .map_err(|_| PostgresError::Timeout)?
                .map_err(PostgresError::Driver),
            None => reply.await.map_err(PostgresError::Driver),
        }
    }

    async fn statement(&self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        let known =
            self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(sql, statement.clone());
        Ok(statement)
    }
}
