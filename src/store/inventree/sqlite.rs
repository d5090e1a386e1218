//! InvenTree on SQLite: its file, which may be in use.

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::types::FromSql;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::super::sqlite::BUSY_TIMEOUT;
use super::super::values::Row;
use super::{RowVisitor, SourceEngine};

const PATH_IN_URI: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

pub(super) fn open(path: &Path) -> Result<Box<dyn SourceEngine>, String> {
    let unreadable = |why: &dyn fmt::Display| why.to_string();
    // Absolute, so that SQLite does not interpret a special name.
    let absolute = path.canonicalize().map_err(|e| unreadable(&e))?;
    let metadata = absolute.metadata().map_err(|e| unreadable(&e))?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Err("not a database: not a regular file, or empty".to_owned());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match begin(Connection::open_with_flags(&absolute, flags)) {
        // A read-only directory cannot hold shared memory for the log. Without a log there is
        // no writer.
        Err(e) if e.sqlite_error_code() == Some(ErrorCode::CannotOpen) && !has_log(&absolute) => {
            let path = absolute.to_string_lossy();
            let uri = format!("file:{}?immutable=1", utf8_percent_encode(&path, PATH_IN_URI));
            begin(Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI))
        }
        other => other,
    };
    let connection = connection.map_err(|e| explain(&e))?;
    check_length(&connection, &absolute)?;
    Ok(Box::new(connection))
}

impl SourceEngine for Connection {
    fn query(&self, sql: &str, each: RowVisitor<'_>) -> Result<(), String> {
        let failed = |e: rusqlite::Error| explain(&e);
        let mut statement = self.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            if each(&Row::Sqlite(row)) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn has_table(&self, table: &str) -> Result<bool, String> {
        value(
            self,
            &format!(
                "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = \
                 '{table}')"
            ),
        )
    }

    fn has_column(&self, table: &str, column: &str) -> Result<bool, String> {
        value(
            self,
            &format!(
                "SELECT EXISTS (SELECT 1 FROM pragma_table_info('{table}') WHERE name = \
                 '{column}')"
            ),
        )
    }

    fn check(&self, table: &str) -> Result<(), String> {
        match value::<String>(self, &format!("PRAGMA quick_check({table})"))?.as_str() {
            "ok" => Ok(()),
            _ => Err(format!("damaged or half-written: table {table} is not readable")),
        }
    }
}

/// The first column of the first row.
fn value<T: FromSql>(connection: &Connection, sql: &str) -> Result<T, String> {
    let found = connection.query_row(sql, [], |row| row.get(0)).optional();
    found.map_err(|e| explain(&e))?.ok_or_else(|| "damaged or half-written".to_owned())
}

fn begin(connection: rusqlite::Result<Connection>) -> rusqlite::Result<Connection> {
    let connection = connection?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // The first read fixes the snapshot.
    connection.execute_batch("BEGIN; SELECT COUNT(*) FROM sqlite_master")?;
    Ok(connection)
}

/// Detects a truncated file: SQLite reads a truncated last page as one that ends in zeros.
fn check_length(connection: &Connection, path: &Path) -> Result<(), String> {
    if has_log(path) {
        // Some pages may be in the log only.
        return Ok(());
    }
    let pages: i64 = value(connection, "PRAGMA page_count")?;
    let size: i64 = value(connection, "PRAGMA page_size")?;
    let length = path.metadata().map_err(|e| e.to_string())?.len();
    if length < pages.saturating_mul(size).unsigned_abs() {
        return Err("damaged or half-written: copy it again".to_owned());
    }
    Ok(())
}

fn has_log(path: &Path) -> bool {
    ["-wal", "-journal"].iter().any(|suffix| {
        let mut log = path.as_os_str().to_owned();
        log.push(suffix);
        Path::new(&log).metadata().is_ok_and(|log| log.len() > 0)
    })
}

/// An error of SQLite for people, without any value of a row.
fn explain(error: &rusqlite::Error) -> String {
    if let rusqlite::Error::SqliteFailure(failure, _) = error {
        match failure.code {
            ErrorCode::NotADatabase => return "not an SQLite database".to_owned(),
            ErrorCode::DatabaseCorrupt => {
                return "damaged or half-written: copy it again".to_owned();
            }
            ErrorCode::ReadOnly => {
                return "half-written (there is a journal beside it): let InvenTree open it once, \
                    then import"
                    .to_owned();
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                return "locked by another program: try again, or import from a copy".to_owned();
            }
            _ => {}
        }
    }
    match error {
        rusqlite::Error::InvalidColumnType(_, column, found) => {
            format!("column {column} holds a {found}")
        }
        rusqlite::Error::FromSqlConversionFailure(column, _, _) => {
            format!("its value number {} cannot be read", column + 1)
        }
        other => other.to_string().replace('\n', " "),
    }
}
