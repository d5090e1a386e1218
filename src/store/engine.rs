//! The interface of a database engine. There are two: embedded SQLite and the PostgreSQL protocol.
//!
//! Statements are written once, in the SQL common to both, with parameters `$1`, `$2`… that first
//! appear in order. Where no common statement exists, both variants stand side by side with the
//! reason.

use std::ops::ControlFlow;

use super::StoreError;
use super::values::{Row, Value};

/// Called with each row; `Break` ends the query.
pub(super) type RowVisitor<'f> = &'f mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>;

/// One migration step, in SQLite's dialect.
pub(super) struct Step {
    pub(super) both: &'static str,
    /// Statements for one engine only.
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

/// Runs statements. Each is prepared once and cached, so its text must be static.
pub(super) trait Connection {
    fn query(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        each: RowVisitor<'_>,
    ) -> Result<(), StoreError>;

    /// Returns the number of rows changed.
    fn execute(&self, sql: &'static str, params: &[Value<'_>]) -> Result<usize, StoreError>;

    /// Inserts all rows in one go, where an engine has a faster way for many. Returns whether it
    /// did: if not, or if a row violates a constraint, none is inserted, and the caller inserts
    /// them one by one.
    fn insert_all(
        &self,
        _table: &str,
        _columns: &str,
        _rows: &[Vec<Value<'_>>],
    ) -> Result<bool, StoreError> {
        Ok(false)
    }
}

/// A connection that writes.
///
/// From [`begin`](WritingConnection::begin) to the end of the transaction, no other write
/// transaction runs, in this process or another: rows that a rule has read do not change before it
/// writes.
pub(super) trait WritingConnection: Connection + Send {
    /// Waits for other writers and reconnects if necessary. On failure, nothing has been written.
    fn begin(&self) -> Result<(), StoreError>;

    /// Like `begin`, for a database that may have no tables yet.
    fn begin_migration(&self) -> Result<(), StoreError>;

    /// Excludes other writers, as [`begin`](WritingConnection::begin) does, in a migration. To be
    /// called once the table that carries the lock exists.
    fn lock_writers(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn is_in_transaction(&self) -> bool;

    /// Returns whether the last transaction was certainly rolled back for a reason outside its
    /// statements: a serialization failure, or a connection lost before COMMIT was sent. It can be
    /// retried.
    fn was_rolled_back(&self) -> bool {
        false
    }

    /// If it fails, the outcome is unknown.
    fn commit(&self) -> Result<(), StoreError>;

    fn rollback(&self) -> Result<(), StoreError>;

    /// Releases the savepoint of one job and begins the next.
    fn next_savepoint(&self) -> Result<(), StoreError> {
        self.run("RELEASE SAVEPOINT job")?;
        self.run("SAVEPOINT job")
    }

    /// Runs a statement that has neither parameters nor rows.
    fn run(&self, sql: &'static str) -> Result<(), StoreError>;

    /// Applies a migration step.
    fn migrate(&self, step: &Step) -> Result<(), StoreError>;

    /// The last id assigned in this table, 0 before the first. Its row may have been deleted; ids
    /// are never reused.
    fn last_id(&self, table: &'static str) -> Result<i64, StoreError>;

    fn set_last_id(&self, table: &'static str, id: i64) -> Result<(), StoreError>;

    /// Checkpoints before the last connection closes.
    fn checkpoint(&self) {}
}
