//! InvenTree on PostgreSQL: its database, which may be in use.

use super::super::database::Postgres;
use super::super::postgres::{Connector, Snapshot};
use super::{RowVisitor, SourceEngine, text};

pub(super) fn open(server: &Postgres) -> Result<Box<dyn SourceEngine>, String> {
    let connector = Connector::new(&server.for_reads()).map_err(|error| text(&error))?;
    Ok(Box::new(Snapshot::open(&connector).map_err(|error| text(&error))?))
}

impl SourceEngine for Snapshot {
    fn query(&self, sql: &str, each: RowVisitor<'_>) -> Result<(), String> {
        self.each(sql, each).map_err(|error| text(&error))
    }

    fn has_table(&self, table: &str) -> Result<bool, String> {
        let sql = format!("SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass('{table}')");
        self.has(&sql).map_err(|error| text(&error))
    }

    fn has_column(&self, table: &str, column: &str) -> Result<bool, String> {
        let sql = format!(
            "SELECT 1 FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass('{table}') AND \
             attname = '{column}' AND NOT attisdropped"
        );
        self.has(&sql).map_err(|error| text(&error))
    }
}
