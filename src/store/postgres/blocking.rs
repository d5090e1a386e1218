//! Blocking PostgreSQL connection.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, TryStreamExt};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::{Client, Row, SimpleQueryMessage, Statement};

use super::super::values::Value;
use super::{Connector, PostgresError, SessionProfile, StoreError};

/// An open connection and its prepared statements.
pub(in crate::store) struct BlockingConnection {
    client: Client,
    /// Drives the connection during a call; taken on drop.
    runtime: Option<Runtime>,
    statements: HashMap<&'static str, Statement>,
    timeout: Option<Duration>,
    is_broken: bool,
}

impl BlockingConnection {
    pub(super) fn connect(
        connector: &Connector,
        profile: &SessionProfile,
    ) -> Result<BlockingConnection, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let client = runtime.block_on(connector.connect(profile))?;
        let statements = HashMap::new();
        Ok(BlockingConnection {
            client,
            runtime: Some(runtime),
            statements,
            timeout: profile.timeout,
            is_broken: false,
        })
    }

    /// Returns whether the connection can no longer be used.
    pub(super) fn is_lost(&self) -> bool {
        self.is_broken || self.client.is_closed()
    }

    pub(super) fn rows(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, PostgresError> {
        let statement = self.statement(sql)?;
        self.wait(async |client| client.query_raw(&statement, params).await?.try_collect().await)
    }

    /// Like `rows`, for a statement whose text is not worth keeping.
    pub(super) fn rows_unprepared(&mut self, sql: &str) -> Result<Vec<Row>, PostgresError> {
        self.wait(async |client| client.query(sql, &[]).await)
    }

    /// Returns the number of rows changed.
    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<u64, PostgresError> {
        let statement = self.statement(sql)?;
        self.wait(async |client| client.execute_raw(&statement, params).await)
    }

    /// Sends the rows of a `COPY … FROM STDIN`.
    pub(super) fn copy_in(&mut self, sql: &str, rows: Bytes) -> Result<(), PostgresError> {
        self.wait(async |client| {
            let mut sink = pin!(client.copy_in::<_, Bytes>(sql).await?);
            sink.send(rows).await?;
            sink.finish().await?;
            Ok(())
        })
    }

    /// Runs statements without parameters in one round trip.
    pub(super) fn run(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>, PostgresError> {
        self.wait(async |client| client.simple_query(sql).await)
    }

    fn statement(&mut self, sql: &'static str) -> Result<Statement, PostgresError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(async |client| client.prepare(sql).await)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn wait<T>(
        &mut self,
        ask: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, PostgresError> {
        let Some(runtime) = &self.runtime else { return Err(PostgresError::Timeout) };
        let outcome = runtime.block_on(async {
            let reply = ask(&self.client);
            match self.timeout {
                Some(limit) => timeout(limit, reply)
                    .await
                    .map_err(|_| PostgresError::Timeout)?
                    .map_err(PostgresError::Driver),
                None => reply.await.map_err(PostgresError::Driver),
            }
        });
        if let Err(fault) = &outcome {
            // After a timeout, a late reply would be read as that of the next statement.
            self.is_broken |= matches!(fault, PostgresError::Timeout)
                || fault.closes_connection()
                || self.client.is_closed();
        }
        outcome
    }
}

impl Drop for BlockingConnection {
    fn drop(&mut self) {
        // Does not block: the connection may be dropped on any thread.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
