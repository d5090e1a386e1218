//! Copies a database to another engine: every row, each one compared, or nothing.
//!
//! The source is locked against writes meanwhile, so that the copy is complete. At most one page
//! of rows is in memory, and no message shows the content of a row.

use std::sync::OnceLock;

use super::engine::WritingConnection;
use super::schema::{self, Kind, Table};
use super::sqlite::{create_private, is_latest, open_flags, prepare_writer};
use super::values::{Row, Value};
use super::{Database, Reader, StoreError, Writer, migrations, postgres, sqlite};

/// Rows per page.
const PAGE: i64 = 500;

/// One value of a row.
#[derive(PartialEq)]
enum CellValue {
    Null,
    Bool(bool),
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl CellValue {
    fn read(row: &Row<'_>, column: usize, kind: Kind) -> Result<CellValue, StoreError> {
        Ok(match kind {
            Kind::Bool => row.get::<Option<bool>>(column)?.map_or(CellValue::Null, CellValue::Bool),
            Kind::Integer => {
                row.get::<Option<i64>>(column)?.map_or(CellValue::Null, CellValue::Integer)
            }
            Kind::Text => {
                row.get::<Option<String>>(column)?.map_or(CellValue::Null, CellValue::Text)
            }
            Kind::Bytes => {
                row.get::<Option<Vec<u8>>>(column)?.map_or(CellValue::Null, CellValue::Bytes)
            }
        })
    }

    fn value(&self) -> Value<'_> {
        match self {
            CellValue::Null => Value::Null,
            CellValue::Bool(value) => (*value).into(),
            CellValue::Integer(value) => (*value).into(),
            CellValue::Text(value) => value.into(),
            CellValue::Bytes(value) => value.as_slice().into(),
        }
    }
}

/// The statements that copy a table.
struct Statements {
    table: &'static Table,
    count: String,
    page: String,
    columns: String,
    insert: String,
}

/// Rate-limit buckets expire within minutes; the target has the version of its own schema.
const NOT_COPIED: [&str; 2] = ["attempts", "schema_version"];

/// Prepared statements are cached by their text, which must be static.
fn statements() -> Result<&'static [Statements], StoreError> {
    static STATEMENTS: OnceLock<Vec<Statements>> = OnceLock::new();
    let tables = schema::tables()?.iter().filter(|t| !NOT_COPIED.contains(&t.name.as_str()));
    Ok(STATEMENTS.get_or_init(|| tables.map(Statements::of).collect()))
}

impl Statements {
    fn of(table: &'static Table) -> Statements {
        let Table { name, columns } = table;
        let key = &columns[0].name;
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let names = names.join(", ");
        let values: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
        let values = values.join(", ");
        Statements {
            table,
            count: format!("SELECT COUNT(*) FROM {name}"),
            page: format!("SELECT {names} FROM {name} WHERE {key} > $1 ORDER BY {key} LIMIT $2"),
            insert: format!("INSERT INTO {name} ({names}) VALUES ({values})"),
            columns: names,
        }
    }
}

/// Number of rows of each table, in the order of the copy.
pub type Copied = Vec<(&'static str, u64)>;

/// Receives the number of rows of both passes, then a call for each processed row.
pub trait Progress {
    fn begin(&mut self, rows: u64);
    fn row(&mut self);
}

/// Copies every row of `from` to `to`, which must be new or empty, then reads both again and
/// compares. Blocks the calling thread, so it must not run on an async runtime.
///
/// # Errors
///
/// One line for the operator. Nothing was written then.
pub fn copy(
    from: &Database,
    to: &Database,
    progress: &mut impl Progress,
) -> Result<Copied, StoreError> {
    let source = open_source(from)?;
    source.begin()?;
    let is_new_file = to.file().is_some_and(|file| !file.exists());
    let copied = open_target(to).and_then(|target| {
        target.begin_migration()?;
        let copied = copy_within(&*source, &*target, to, progress).and_then(|copied| {
            target.commit()?;
            target.checkpoint();
            Ok(copied)
        });
        if copied.is_err() && target.is_in_transaction() {
            // Report the first error.
            let _ = target.rollback();
        }
        copied
    });
    if let (Err(_), true, Some(file)) = (&copied, is_new_file, to.file()) {
        super::import::remove(file);
    }
    source.rollback()?;
    copied
}

fn open_source(database: &Database) -> Result<Box<dyn WritingConnection>, StoreError> {
    let not_ours = || StoreError::Other(format!("{database} is not a database of this server"));
    let source: Box<dyn WritingConnection> = match database {
        Database::Sqlite(path) => {
            let path = path.canonicalize().map_err(|error| sqlite::cannot_open(path, &error))?;
            let connection = rusqlite::Connection::open_with_flags(&path, open_flags())?;
            connection.busy_timeout(sqlite::BUSY_TIMEOUT)?;
            is_latest(&connection).map_err(|_| not_ours())?.ok_or_else(not_ours)?;
            Box::new(connection)
        }
        Database::Postgres(server) => {
            let connection = postgres::Writing::connect_bulk(&postgres::Connector::new(server)?)?;
            connection.is_latest()?.ok_or_else(not_ours)?;
            Box::new(connection)
        }
    };
    let version = Reader::new(&*source).schema_version()?.unwrap_or(0);
    if version > migrations::LATEST {
        return Err(migrations::too_new(version));
    }
    if version < migrations::LATEST {
        return Err(StoreError::Other(format!(
            "{database} has an earlier schema: start this server on it once"
        )));
    }
    Ok(source)
}

fn open_target(database: &Database) -> Result<Box<dyn WritingConnection>, StoreError> {
    Ok(match database {
        Database::Sqlite(path) => {
            let connection = super::import::open_own(&create_private(path)?)?;
            prepare_writer(&connection)?;
            Box::new(connection)
        }
        Database::Postgres(server) => {
            let connection = postgres::Writing::connect_bulk(&postgres::Connector::new(server)?)?;
            connection.refuse_inventree()?;
            Box::new(connection)
        }
    })
}

fn copy_within(
    source: &dyn WritingConnection,
    target: &dyn WritingConnection,
    to: &Database,
    progress: &mut impl Progress,
) -> Result<Copied, StoreError> {
    migrations::migrate_within(target)?;
    let (reader, writer) = (Reader::new(source), Writer::new(target));
    let all = statements()?;
    let mut rows = 0;
    for Statements { table, count, .. } in all {
        rows += reader.value::<i64>(count, &[])?.unsigned_abs();
        if writer.value::<i64>(count, &[])? > 0 {
            return Err(StoreError::Other(format!("{to} is not empty: {} has rows", table.name)));
        }
    }
    progress.begin(2 * rows);
    let mut copied = Copied::new();
    for statements in all {
        let mut done = 0;
        let mut pages = Pages::of(statements);
        while let Some(page) = pages.next(&reader)? {
            let rows: Vec<Vec<Value<'_>>> =
                page.iter().map(|cells| cells.iter().map(CellValue::value).collect()).collect();
            if !writer.insert_all(&statements.table.name, &statements.columns, &rows)? {
                for row in &rows {
                    writer.execute(&statements.insert, row)?;
                }
            }
            done += rows.len() as u64;
            rows.iter().for_each(|_| progress.row());
        }
        copied.push((statements.table.name.as_str(), done));
    }
    for Statements { table, .. } in all.iter().filter(|statements| statements.table.has_ids()) {
        target.set_last_id(&table.name, source.last_id(&table.name)?)?;
    }
    for statements in all {
        let (mut here, mut there) = (Pages::of(statements), Pages::of(statements));
        loop {
            let (read, written) = (here.next(&reader)?, there.next(&writer)?);
            if read != written {
                return Err(StoreError::Other(format!(
                    "rows of {} differ between source and copy",
                    statements.table.name
                )));
            }
            let Some(read) = read else { break };
            read.iter().for_each(|_| progress.row());
        }
    }
    Ok(copied)
}

/// Reads a table page by page in the order of its key.
struct Pages {
    statements: &'static Statements,
    after: Option<CellValue>,
}

impl Pages {
    fn of(statements: &'static Statements) -> Pages {
        let before_all = match statements.table.columns[0].kind {
            Kind::Integer => CellValue::Integer(i64::MIN),
            _ => CellValue::Bytes(Vec::new()),
        };
        Pages { statements, after: Some(before_all) }
    }

    fn next(&mut self, reader: &Reader<'_>) -> Result<Option<Vec<Vec<CellValue>>>, StoreError> {
        let Some(after) = &self.after else { return Ok(None) };
        let Statements { table, page, .. } = self.statements;
        let page = reader.list_by(page, &[after.value(), Value::Integer(PAGE)], |row| {
            let cells = table.columns.iter().enumerate();
            cells
                .map(|(n, column)| CellValue::read(row, n, column.kind))
                .collect::<Result<Vec<_>, _>>()
        })?;
        self.after = page.last().and_then(|cells| match cells.first()? {
            CellValue::Integer(key) => Some(CellValue::Integer(*key)),
            CellValue::Bytes(key) => Some(CellValue::Bytes(key.clone())),
            _ => None,
        });
        Ok((!page.is_empty()).then_some(page))
    }
}
