//! The two handles that closures get, and the few ways in which nouns may run a statement.
//!
//! What is `pub(super)` here speaks the engine's types and must never become `pub`.

use std::cell::OnceCell;
use std::ops::Deref;

use r2d2::{Pool, PooledConnection};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::types::FromSql;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};

use super::StoreError;
use super::recent::Recent;

/// Reads. Each noun's file adds its own methods.
pub struct Reader<'c> {
    source: Source<'c>,
    /// Out of the pool, from the first statement on: what was found lately needs none.
    taken: OnceCell<PooledConnection<SqliteConnectionManager>>,
    recent: Option<&'c Recent>,
}

enum Source<'c> {
    Connection(&'c Connection),
    Pool(&'c Pool<SqliteConnectionManager>),
}

/// Writes, and reads that see them before they are committed.
pub struct Writer<'c> {
    reader: Reader<'c>,
}

impl<'c> Reader<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Reader { source: Source::Connection(connection), taken: OnceCell::new(), recent: None }
    }

    pub(super) fn pooled(readers: &'c Pool<SqliteConnectionManager>, recent: Option<&'c Recent>) -> Self {
        Reader { source: Source::Pool(readers), taken: OnceCell::new(), recent }
    }

    /// None inside a transaction, which may yet be undone.
    pub(super) fn recent(&self) -> Option<&'c Recent> {
        self.recent
    }

    fn connection(&self) -> Result<&Connection, StoreError> {
        match (&self.source, self.taken.get()) {
            (Source::Connection(connection), _) => Ok(connection),
            (Source::Pool(_), Some(connection)) => Ok(connection),
            (Source::Pool(pool), None) => {
                let connection = pool.get()?;
                Ok(self.taken.get_or_init(|| connection))
            }
        }
    }

    /// Statements number their parameters `$1`, `$2`… as every engine understands. SQLite takes
    /// these for names and counts them as they appear, so they must first appear in order.
    fn statement(&self, sql: &'static str) -> Result<CachedStatement<'_>, StoreError> {
        let statement = self.connection()?.prepare_cached(sql)?;
        debug_assert!(
            (1..=statement.parameter_count()).all(|n| statement.parameter_name(n) == Some(format!("${n}").as_str())),
            "parameters out of order: {sql}"
        );
        Ok(statement)
    }

    pub(super) fn find<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        record: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.statement(sql)?;
        Ok(statement.query_row(params, record).optional()?)
    }

    pub(super) fn list<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        record: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.statement(sql)?;
        let rows = statement.query_map(params, record)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The single column of a statement that always yields one row.
    pub(super) fn value<T: FromSql>(&self, sql: &'static str, params: impl Params) -> Result<T, StoreError> {
        let mut statement = self.statement(sql)?;
        Ok(statement.query_row(params, |row| row.get(0))?)
    }
}

impl<'c> Writer<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Writer { reader: Reader::new(connection) }
    }

    /// Answers the number of rows changed.
    pub(super) fn execute(&self, sql: &'static str, params: impl Params) -> Result<usize, StoreError> {
        Ok(self.statement(sql)?.execute(params)?)
    }
}

impl<'c> Deref for Writer<'c> {
    type Target = Reader<'c>;

    fn deref(&self) -> &Reader<'c> {
        &self.reader
    }
}
