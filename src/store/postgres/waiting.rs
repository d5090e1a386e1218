//! Blocking PostgreSQL connection.

use std::collections::HashMap;
use std::time::Duration;

use futures::TryStreamExt;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::{Client, Row, SimpleQueryMessage, Statement};

use super::super::values::Value;
use super::{Connector, Fault, StoreError, Terms};

/// An open connection and its prepared statements.
pub(in crate::store) struct Open {
    client: Client,
    /// Drives the connection during a call; taken on drop.
    runtime: Option<Runtime>,
    statements: HashMap<&'static str, Statement>,
    patience: Option<Duration>,
    is_ended: bool,
}

impl Open {
    pub(super) fn connect(connector: &Connector, terms: &Terms) -> Result<Open, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let client = runtime.block_on(connector.connect(terms))?;
        let statements = HashMap::new();
        Ok(Open { client, runtime: Some(runtime), statements, patience: terms.patience, is_ended: false })
    }

    /// Returns whether the connection can no longer be used.
    pub(super) fn is_lost(&self) -> bool {
        self.is_ended || self.client.is_closed()
    }

    pub(super) fn rows(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        let statement = self.statement(sql)?;
        self.wait(async |client| client.query_raw(&statement, params).await?.try_collect().await)
    }

    /// Returns the number of rows changed.
    pub(super) fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, Fault> {
        let statement = self.statement(sql)?;
        self.wait(async |client| client.execute_raw(&statement, params).await)
    }

    /// Runs statements without parameters in one round trip.
    pub(super) fn run(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Fault> {
        self.wait(async |client| client.simple_query(sql).await)
    }

    fn statement(&mut self, sql: &'static str) -> Result<Statement, Fault> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(async |client| client.prepare(sql).await)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn wait<T>(&mut self, ask: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>) -> Result<T, Fault> {
        let Some(runtime) = &self.runtime else { return Err(Fault::Silence) };
        let outcome = runtime.block_on(async {
            let answer = ask(&self.client);
            match self.patience {
                Some(patience) => timeout(patience, answer).await.map_err(|_| Fault::Silence)?.map_err(Fault::Said),
                None => answer.await.map_err(Fault::Said),
            }
        });
        if let Err(fault) = &outcome {
            // After a timeout, a late answer would be taken for that of the next statement.
            self.is_ended |= matches!(fault, Fault::Silence) || fault.is_end() || self.client.is_closed();
        }
        outcome
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Does not block: the connection may be dropped on any thread.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
