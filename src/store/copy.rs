//! Copies a database to another engine: every row, each one compared, or nothing.
//!
//! The source is locked against writes meanwhile, so that the copy is complete. At most one page
//! of rows is in memory, and no message shows the content of a row.

use super::engine::WritingConnection;
use super::sqlite::{create_private, is_latest, open_flags, prepare_writer};
use super::values::{Row, Value};
use super::{Database, Reader, StoreError, Writer, migrations, postgres, sqlite};

/// Rows per page.
const PAGE: i64 = 500;

/// One value of a row.
#[derive(PartialEq)]
enum Cell {
    Null,
    Bool(bool),
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    /// `kind` is a letter of [`Table::kinds`].
    fn read(row: &Row<'_>, column: usize, kind: u8) -> Result<Cell, StoreError> {
        Ok(match kind {
            b'b' => row.get::<Option<bool>>(column)?.map_or(Cell::Null, Cell::Bool),
            b'i' => row.get::<Option<i64>>(column)?.map_or(Cell::Null, Cell::Integer),
            b't' => row.get::<Option<String>>(column)?.map_or(Cell::Null, Cell::Text),
            _ => row.get::<Option<Vec<u8>>>(column)?.map_or(Cell::Null, Cell::Bytes),
        })
    }

    fn value(&self) -> Value<'_> {
        match self {
            Cell::Null => Value::Null,
            Cell::Bool(value) => (*value).into(),
            Cell::Integer(value) => (*value).into(),
            Cell::Text(value) => value.into(),
            Cell::Bytes(value) => value.as_slice().into(),
        }
    }
}

struct Table {
    name: &'static str,
    /// A letter for each column: boolean, integer, text, or bytes (`x`). The first column is the
    /// key.
    kinds: &'static [u8],
    count: &'static str,
    page: &'static str,
    insert: &'static str,
}

macro_rules! table {
    ($name:literal, $key:literal, $columns:literal, $kinds:literal, $values:literal) => {
        Table {
            name: $name,
            kinds: $kinds,
            count: concat!("SELECT COUNT(*) FROM ", $name),
            page: concat!(
                "SELECT ",
                $key,
                ", ",
                $columns,
                " FROM ",
                $name,
                " WHERE ",
                $key,
                " > $1 ORDER BY ",
                $key,
                " LIMIT $2"
            ),
            insert: concat!(
                "INSERT INTO ",
                $name,
                " (",
                $key,
                ", ",
                $columns,
                ") VALUES (",
                $values,
                ")"
            ),
        }
    };
}

/// All tables but the rate-limit buckets, which expire within minutes. Referenced tables come
/// first.
const TABLES: [Table; 8] = [
    table!(
        "accounts",
        "id",
        "username, username_key, email, first_name, last_name, password, is_active, is_superuser, \
         last_login, date_joined, \
         confirm_by, username_skeleton",
        b"ittttttbbiiit",
        "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13"
    ),
    table!(
        "email_addresses",
        "id",
        "account_id, email, verified, is_primary, proved_otherwise",
        b"iitbbb",
        "$1, $2, $3, $4, $5, $6"
    ),
    table!(
        "sessions",
        "id",
        "digest, account_id, created, expires, user_agent, auth_time",
        b"ixiiiti",
        "$1, $2, $3, $4, $5, $6, $7"
    ),
    table!(
        "tokens",
        "id",
        "digest, account_id, name, created, expiry, revoked, last_seen",
        b"ixititbt",
        "$1, $2, $3, $4, $5, $6, $7, $8"
    ),
    table!(
        "social_accounts",
        "id",
        "account_id, provider, uid, last_login, date_joined, extra_data",
        b"iittiit",
        "$1, $2, $3, $4, $5, $6, $7"
    ),
    table!(
        "totp_devices",
        "id",
        "account_id, name, confirmed, secret, created",
        b"iitbxi",
        "$1, $2, $3, $4, $5, $6"
    ),
    table!(
        "outbox",
        "id",
        "sealed, created, next_attempt, attempts, expires",
        b"ixiiii",
        "$1, $2, $3, $4, $5, $6"
    ),
    table!(
        "audit",
        "id",
        "at, event, account_id, client, detail, count, last_at",
        b"iitittii",
        "$1, $2, $3, $4, $5, $6, $7, $8"
    ),
];

/// Tables keyed by a digest, which have no id to paginate by.
const KEYED_BY_DIGEST: [Table; 3] = [
    table!("social_spent", "digest", "expires", b"xi", "$1, $2"),
    table!("known_networks", "digest", "account_id, last_used", b"xii", "$1, $2, $3"),
    table!("secret_keys", "fingerprint", "first_used", b"xi", "$1, $2"),
];

fn tables() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().chain(&KEYED_BY_DIGEST)
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
            Box::new(postgres::Writing::connect_bulk(&postgres::Connector::new(server)?)?)
        }
    })
}

fn copy_within(
    source: &dyn WritingConnection,
    target: &dyn WritingConnection,
    to: &Database,
    progress: &mut impl Progress,
) -> Result<Copied, StoreError> {
    migrations::bring_up_to_date(target)?;
    let (reader, writer) = (Reader::new(source), Writer::new(target));
    let mut rows = 0;
    for table in tables() {
        rows += reader.value::<i64>(table.count, &[])?.unsigned_abs();
        if writer.value::<i64>(table.count, &[])? > 0 {
            return Err(StoreError::Other(format!("{to} is not empty: {} has rows", table.name)));
        }
    }
    progress.begin(2 * rows);
    let mut copied = Copied::new();
    for table in tables() {
        let mut done = 0;
        let mut pages = Pages::of(table);
        while let Some(page) = pages.next(&reader)? {
            for cells in &page {
                let values: Vec<Value<'_>> = cells.iter().map(Cell::value).collect();
                writer.execute(table.insert, &values)?;
                done += 1;
                progress.row();
            }
        }
        copied.push((table.name, done));
    }
    for table in &TABLES {
        target.set_last_id(table.name, source.last_id(table.name)?)?;
    }
    for table in tables() {
        let (mut here, mut there) = (Pages::of(table), Pages::of(table));
        loop {
            let (read, written) = (here.next(&reader)?, there.next(&writer)?);
            if read != written {
                return Err(StoreError::Other(format!(
                    "a row of {} did not arrive as it was",
                    table.name
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
    table: &'static Table,
    after: Option<Cell>,
}

impl Pages {
    fn of(table: &'static Table) -> Pages {
        let before_all =
            if table.kinds[0] == b'i' { Cell::Integer(i64::MIN) } else { Cell::Bytes(Vec::new()) };
        Pages { table, after: Some(before_all) }
    }

    fn next(&mut self, reader: &Reader<'_>) -> Result<Option<Vec<Vec<Cell>>>, StoreError> {
        let Some(after) = &self.after else { return Ok(None) };
        let kinds = self.table.kinds;
        let page =
            reader.list_by(self.table.page, &[after.value(), Value::Integer(PAGE)], |row| {
                kinds
                    .iter()
                    .enumerate()
                    .map(|(column, kind)| Cell::read(row, column, *kind))
                    .collect::<Result<Vec<_>, _>>()
            })?;
        self.after = page.last().and_then(|cells| match cells.first()? {
            Cell::Integer(key) => Some(Cell::Integer(*key)),
            Cell::Bytes(key) => Some(Cell::Bytes(key.clone())),
            _ => None,
        });
        Ok((!page.is_empty()).then_some(page))
    }
}
