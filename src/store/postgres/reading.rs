//! Reads over a pool of blocking connections.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::time::Duration;

use r2d2::{ManageConnection, Pool, PooledConnection};

use super::super::engine::{Connection, RowVisitor};
use super::super::values::{Row, Value};
use super::blocking::BlockingConnection;
use super::pipelined::PipelinedPool;
use super::{Connector, PostgresError, READS, StoreError, block_in_place};

/// Per process. A reader holds a connection while it waits for a result.
const MAX_READERS: u32 = 16;

/// How long a request waits for a connection, including a new one.
const POOL_TIMEOUT: Duration = Duration::from_secs(2);

/// For the first connection at start, when the machine may be busy with other programs.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// The readers of a server.
pub(in crate::store) struct Server {
    pool: Pool<Connector>,
    pub(in crate::store) pipelined: PipelinedPool,
}

impl Server {
    pub(in crate::store) fn open(connector: &Connector) -> Result<Server, StoreError> {
        let pool = Pool::builder()
            .max_size(MAX_READERS)
            .min_idle(Some(1))
            .connection_timeout(POOL_TIMEOUT)
            // A lost connection is detected when used; the read is retried on another.
            .test_on_check_out(false)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(connector.clone());
        pool.get_timeout(OPEN_TIMEOUT)?;
        Ok(Server { pool, pipelined: PipelinedPool::new(connector) })
    }

    /// Runs blocking reads without blocking other tasks.
    pub(in crate::store) fn wait<T: Send>(
        &self,
        f: impl FnOnce(&ReadingConnection<'_>) -> T + Send,
    ) -> T {
        block_in_place(|| f(&ReadingConnection { pool: &self.pool, taken: RefCell::new(None) }))
    }
}

impl ManageConnection for Connector {
    type Connection = BlockingConnection;
    type Error = StoreError;

    fn connect(&self) -> Result<BlockingConnection, StoreError> {
        BlockingConnection::connect(self, &READS)
    }

    fn is_valid(&self, open: &mut BlockingConnection) -> Result<(), StoreError> {
        open.run("")?;
        Ok(())
    }

    fn has_broken(&self, open: &mut BlockingConnection) -> bool {
        open.is_lost()
    }
}

/// A connection of one reader, taken from the pool by the first statement.
pub(in crate::store) struct ReadingConnection<'p> {
    pool: &'p Pool<Connector>,
    taken: RefCell<Option<PooledConnection<Connector>>>,
}

impl Connection for ReadingConnection<'_> {
    /// Retries on other connections while they turn out to be lost; each statement is independent.
    fn query(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        each: RowVisitor<'_>,
    ) -> Result<(), StoreError> {
        let mut lost = 0;
        let rows = loop {
            let mut taken = self.taken.borrow_mut();
            let open = match &mut *taken {
                Some(open) => open,
                none => none.insert(self.pool.get()?),
            };
            match open.rows(sql, params) {
                // Don't retry after a timeout.
                Err(PostgresError::Driver(_)) if open.is_lost() && lost <= self.pool.max_size() => {
                    lost += 1;
                    *taken = None;
                }
                outcome => break outcome?,
            }
        };
        each_of(&rows, each)
    }

    fn execute(&self, sql: &'static str, _: &[Value<'_>]) -> Result<usize, StoreError> {
        Err(StoreError::Other(format!("a reader was asked to write: {sql}")))
    }
}

pub(super) fn each_of(
    rows: &[tokio_postgres::Row],
    each: RowVisitor<'_>,
) -> Result<(), StoreError> {
    for row in rows {
        if each(&Row::Postgres(row))? == ControlFlow::Break(()) {
            break;
        }
    }
    Ok(())
}
