//! A consistent snapshot of a database of another program, which is only read.

use std::cell::RefCell;
use std::ops::ControlFlow;

use super::super::values::Row;
use super::blocking::BlockingConnection;
use super::{BULK, Connector, StoreError};

/// Each statement sees the database as of the first one, and can write nothing.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Rows in memory at once.
const FETCH: &str = "FETCH 2000 FROM snapshot_rows";

pub(in crate::store) struct Snapshot(RefCell<BlockingConnection>);

impl Snapshot {
    pub(in crate::store) fn open(connector: &Connector) -> Result<Snapshot, StoreError> {
        let mut open = BlockingConnection::connect(connector, &BULK)?;
        open.run(BEGIN)?;
        Ok(Snapshot(RefCell::new(open)))
    }

    /// Calls `f` with each row. `sql` is a query without parameters.
    pub(in crate::store) fn each(
        &self,
        sql: &str,
        f: &mut dyn FnMut(&Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut open = self.0.borrow_mut();
        open.run(&format!("DECLARE snapshot_rows NO SCROLL CURSOR FOR {sql}"))?;
        'rows: loop {
            let rows = open.rows_unprepared(FETCH)?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                if f(&Row::Postgres(row)) == ControlFlow::Break(()) {
                    break 'rows;
                }
            }
        }
        open.run("CLOSE snapshot_rows")?;
        Ok(())
    }

    /// Returns whether the query has a row.
    pub(in crate::store) fn has(&self, sql: &str) -> Result<bool, StoreError> {
        Ok(!self.0.borrow_mut().rows_unprepared(sql)?.is_empty())
    }
}
