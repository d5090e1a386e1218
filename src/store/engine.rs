//! What an engine does for the store. Two do it: an embedded SQLite, and whatever speaks PostgreSQL's protocol.
//!
//! Statements are written once, in the SQL that both understand, with parameters `$1`, `$2`… that first appear in order.
//! Where no such text exists, the two variants stand side by side with the reason.

use std::ops::ControlFlow;

use super::StoreError;
use super::migrations::Step;
use super::values::{Row, Value};

/// What is told of each row, and whether there may be more.
pub(super) type EachRow<'f> = &'f mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>;

/// Runs statements. Each is prepared once and kept, so a text must not be made at run time.
pub(super) trait Connection {
    fn query(&self, sql: &'static str, params: &[Value<'_>], each: EachRow<'_>) -> Result<(), StoreError>;

    /// Answers the number of rows changed.
    fn execute(&self, sql: &'static str, params: &[Value<'_>]) -> Result<usize, StoreError>;
}

/// A connection that writes.
///
/// Between [`begin`](WritingConnection::begin) and the end of the transaction no other writer's transaction runs, of this
/// process or of another: what a rule has read stays true until it has written.
pub(super) trait WritingConnection: Connection + Send {
    /// May wait for other writers, and connect anew; nothing has been done when it fails.
    fn begin(&self) -> Result<(), StoreError>;

    /// The same where there may be no tables yet.
    fn begin_migration(&self) -> Result<(), StoreError>;

    /// From here on the promise of [`begin`](WritingConnection::begin) holds in a migration too: once there is what to
    /// take turns by.
    fn take_turns(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn is_in_transaction(&self) -> bool;

    /// Whether the last transaction was undone through no fault of its statements, for certain: it stood against another,
    /// or its connection was lost before its commit was asked for. The same may be done again.
    fn was_undone(&self) -> bool {
        false
    }

    /// After an error nobody knows whether it was written.
    fn commit(&self) -> Result<(), StoreError>;

    fn rollback(&self) -> Result<(), StoreError>;

    /// Keeps what one caller wrote, and begins what the next one writes.
    fn next_savepoint(&self) -> Result<(), StoreError> {
        self.run("RELEASE SAVEPOINT job")?;
        self.run("SAVEPOINT job")
    }

    /// A statement without parameters and without an answer.
    fn run(&self, sql: &'static str) -> Result<(), StoreError>;

    /// A step towards today's schema.
    fn migrate(&self, step: &Step) -> Result<(), StoreError>;

    /// The last id that a row of this table was given; 0 before the first. Its row may be gone: ids are never used twice.
    fn last_id(&self, table: &'static str) -> Result<i64, StoreError>;

    fn set_last_id(&self, table: &'static str, id: i64) -> Result<(), StoreError>;

    /// What is tidy before the last connection closes.
    fn tidy(&self) {}
}
