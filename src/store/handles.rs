//! The handles passed to closures, and the primitives by which other files of the store run
//! statements.
//!
//! The `pub(super)` methods must never become `pub`: callers use named queries, not SQL.

use std::ops::{ControlFlow, Deref};

use super::StoreError;
use super::engine::Connection;
use super::values::{Column, Row, Value};

/// Reads. Each table's file adds methods.
pub struct Reader<'c> {
    connection: &'c dyn Connection,
}

/// Writes, and reads that see the uncommitted writes.
pub struct Writer<'c> {
    reader: Reader<'c>,
}

impl<'c> Reader<'c> {
    pub(super) fn new(connection: &'c dyn Connection) -> Self {
        Reader { connection }
    }

    pub(super) fn find<T>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        record: fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut found = None;
        self.connection.query(sql, params, &mut |row| {
            found = Some(record(row)?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    pub(super) fn list<T>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        record: fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.list_by(sql, params, record)
    }

    /// Like `list`, with a closure that captures state.
    pub(super) fn list_by<T>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        record: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.connection.query(sql, params, &mut |row| {
            found.push(record(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// The single column of a statement that always returns one row.
    pub(super) fn value<T: Column>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<T, StoreError> {
        let found = self.find(sql, params, |row| row.get(0))?;
        found.ok_or_else(|| StoreError::Other(format!("no row from: {sql}")))
    }
}

impl<'c> Writer<'c> {
    pub(super) fn new(connection: &'c dyn Connection) -> Self {
        Writer { reader: Reader::new(connection) }
    }

    /// Returns the number of rows changed.
    pub(super) fn execute(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<usize, StoreError> {
        self.connection.execute(sql, params)
    }

    /// Returns whether all rows have been inserted, or none: then insert them one by one.
    pub(super) fn insert_all(
        &self,
        table: &str,
        columns: &str,
        rows: &[Vec<Value<'_>>],
    ) -> Result<bool, StoreError> {
        self.connection.insert_all(table, columns, rows)
    }
}

impl<'c> Deref for Writer<'c> {
    type Target = Reader<'c>;

    fn deref(&self) -> &Reader<'c> {
        &self.reader
    }
}
