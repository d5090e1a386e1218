//! Tables and columns, read from the migrations, so that no other list of them must be kept.

use std::sync::OnceLock;

use rusqlite::Connection as Sqlite;

use super::StoreError;
use super::migrations::migrate_within;

/// A table of the latest schema. Its first column is the key.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Integer,
    Text,
    Bytes,
}

impl Table {
    /// Whether its rows have ids that the database assigns, and that are never reused.
    pub(super) fn has_ids(&self) -> bool {
        self.columns[0].kind == Kind::Integer && self.columns[0].name == "id"
    }
}

/// In the order of their creation: referenced tables come first.
pub(super) fn tables() -> Result<&'static [Table], StoreError> {
    static TABLES: OnceLock<Vec<Table>> = OnceLock::new();
    match TABLES.get() {
        Some(tables) => Ok(tables),
        None => read().map(|tables| TABLES.get_or_init(|| tables).as_slice()),
    }
}

fn read() -> Result<Vec<Table>, StoreError> {
    let database = Sqlite::open_in_memory()?;
    migrate_within(&database)?;
    let mut statement = database.prepare(
        "SELECT t.name, c.name, c.type FROM sqlite_master t JOIN pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.rowid, c.cid",
    )?;
    let mut rows = statement.query([])?;
    let mut tables: Vec<Table> = Vec::new();
    while let Some(row) = rows.next()? {
        let (table, column, kind): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let kind = match kind.as_str() {
            "BOOLEAN" => Kind::Bool,
            "INTEGER" | "BIGINT" => Kind::Integer,
            "TEXT" => Kind::Text,
            _ => Kind::Bytes,
        };
        if tables.last().is_none_or(|last| last.name != table) {
            tables.push(Table { name: table, columns: Vec::new() });
        }
        if let Some(last) = tables.last_mut() {
            last.columns.push(Column { name: column, kind });
        }
    }
    Ok(tables)
}
