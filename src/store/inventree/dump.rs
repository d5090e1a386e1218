//! InvenTree on MySQL or MariaDB: a dump of its database, loaded into a temporary SQLite database.
//!
//! A dump is text of known form: `CREATE TABLE` with a column on each line, then `INSERT` with
//! escaped literals, so that no line ends within a literal. Every other form is refused. SQLite
//! deletes the temporary database on its own, even after a crash.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{SourceEngine, TABLES};

/// Tables that are read if they are there, beside those that must be.
const OPTIONAL_TABLES: [&str; 6] = [
    "auth_group",
    "auth_user_groups",
    "django_migrations",
    "mfa_authenticator",
    "otp_static_staticdevice",
    "otp_static_statictoken",
];

/// A file is a dump if one of these is in its first lines.
const HEADERS: [&[u8]; 2] = [b"-- MySQL dump ", b"-- MariaDB dump "];
/// The last line, unless writing the dump was interrupted.
const LAST_LINE: &[u8] = b"-- Dump completed";

pub(super) fn is_dump(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = reader(path).and_then(|reader| reader.take(256).read_to_end(&mut start));
    read.is_ok()
        && HEADERS
            .iter()
            .any(|head| start.split(|byte| *byte == b'\n').any(|line| line.starts_with(head)))
}

pub(super) fn open(path: &Path) -> Result<Box<dyn SourceEngine>, String> {
    let cannot_load = |error: rusqlite::Error| format!("cannot be loaded: {error}");
    // An unnamed temporary file, which only this process can open.
    let connection = Connection::open("").map_err(cannot_load)?;
    connection.execute_batch("PRAGMA journal_mode = OFF; BEGIN").map_err(cannot_load)?;
    let mut dump = Dump { connection: &connection, tables: Vec::new(), state: State::Between };
    let mut lines = reader(path).map_err(|error| error.to_string())?;
    let (mut line, mut number, mut is_whole) = (Vec::new(), 0_u64, false);
    loop {
        line.clear();
        let length = lines.read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
        if length == 0 {
            break;
        }
        number += 1;
        let text = line.trim_ascii_end();
        dump.line(text).map_err(|why| format!("line {number}: {why}"))?;
        is_whole = text.starts_with(LAST_LINE) || is_whole && text.is_empty();
    }
    if !is_whole {
        return Err("half-written: it does not end with `-- Dump completed`".to_owned());
    }
    connection.execute_batch("COMMIT").map_err(cannot_load)?;
    Ok(Box::new(connection))
}

/// Unpacks a file that is compressed with gzip.
fn reader(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    Ok(match file.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        _ => Box::new(file),
    })
}

/// A dump being loaded.
struct Dump<'c> {
    connection: &'c Connection,
    /// The tables that are loaded, with their columns.
    tables: Vec<(String, Vec<String>)>,
    state: State,
}

/// Parser state at the end of the previous line.
enum State {
    Between,
    /// Within `CREATE TABLE`.
    Creating(String, Vec<String>),
    /// Within the rows of a table that is loaded.
    Inserting {
        sql: String,
        columns: usize,
    },
    /// Within a trigger or a function.
    Routine,
}

impl Dump<'_> {
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        match std::mem::replace(&mut self.state, State::Between) {
            State::Between => self.statement(line),
            State::Creating(table, columns) => self.column(table, columns, line),
            State::Inserting { sql, columns } => self.rows(sql, columns, line),
            State::Routine => {
                if line != b"DELIMITER ;" {
                    self.state = State::Routine;
                }
                Ok(())
            }
        }
    }

    fn statement(&mut self, line: &[u8]) -> Result<(), String> {
        if let Some(name) = after(line, b"CREATE TABLE ") {
            let name = after(name, b"IF NOT EXISTS ").unwrap_or(name);
            let (table, _) = quoted(name).ok_or("it names no table")?;
            if is_wanted(&table) {
                if self.columns_of(&table).is_some() {
                    return Err(format!("it holds two tables {table}: dump InvenTree's alone"));
                }
                self.state = State::Creating(table, Vec::new());
            }
        } else if let Some(rest) = after(line, b"INSERT INTO ") {
            let (table, rest) = quoted(rest).ok_or("it names no table")?;
            if is_wanted(&table) {
                return self.insert(&table, rest);
            }
        } else if line.starts_with(b"INSERT ") || line.starts_with(b"REPLACE ") {
            return Err("dump without --insert-ignore and --replace".to_owned());
        } else if line.starts_with(b"DELIMITER ;;") {
            self.state = State::Routine;
        } else if line.starts_with(b"/*!")
            && let Some(names) = find(line, b"SET NAMES ")
            && ![&b"utf8mb4"[..], b"binary"].iter().any(|known| names.starts_with(known))
        {
            return Err("dump with --default-character-set=utf8mb4".to_owned());
        }
        Ok(())
    }

    /// A line of `CREATE TABLE`: a column, a key or the end.
    fn column(
        &mut self,
        table: String,
        mut columns: Vec<String>,
        line: &[u8],
    ) -> Result<(), String> {
        if line.starts_with(b")") {
            let list: Vec<String> = columns
                .iter()
                // In the order of the ids, and without a type that changes a value.
                .map(
                    |name| {
                        if name == "id" { "id INTEGER PRIMARY KEY".into() } else { name_of(name) }
                    },
                )
                .collect();
            let sql = format!("CREATE TABLE {} ({})", name_of(&table), list.join(", "));
            self.connection.execute_batch(&sql).map_err(|_| "its columns cannot be read")?;
            self.tables.push((table, columns));
            return Ok(());
        }
        if let Some((name, _)) = quoted(line.trim_ascii_start()) {
            columns.push(name);
        }
        self.state = State::Creating(table, columns);
        Ok(())
    }

    /// The start of `INSERT`, after the name of its table.
    fn insert(&mut self, table: &str, rest: &[u8]) -> Result<(), String> {
        let (names, rest) = match after(rest.trim_ascii_start(), b"(") {
            Some(list) => {
                let end = list.iter().position(|byte| *byte == b')').ok_or("its list is open")?;
                let names = list[..end].split(|byte| *byte == b',');
                let names: Option<Vec<String>> =
                    names.map(|name| Some(quoted(name.trim_ascii())?.0)).collect();
                (names.ok_or("its columns cannot be read")?, &list[end + 1..])
            }
            None => {
                let columns = self.columns_of(table);
                (columns.ok_or("dump without --no-create-info")?.to_vec(), rest)
            }
        };
        let rows = after(rest.trim_ascii_start(), b"VALUES").ok_or("it has no values")?;
        let list: Vec<String> = names.iter().map(|name| name_of(name)).collect();
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!("INSERT INTO {} ({}) VALUES ({marks})", name_of(table), list.join(", "));
        self.rows(sql, names.len(), rows)
    }

    /// Rows up to the end of the line or of the statement.
    fn rows(&mut self, sql: String, columns: usize, line: &[u8]) -> Result<(), String> {
        let mut insert =
            self.connection.prepare_cached(&sql).map_err(|_| "its table is not in the dump")?;
        let mut literals = Literals(line.trim_ascii());
        loop {
            match literals.0 {
                [] => break,
                [b';'] => return Ok(()),
                _ => {}
            }
            let row = literals.row().ok_or("a row cannot be read")?;
            if row.len() != columns {
                return Err("a row has another number of columns".to_owned());
            }
            // The message of SQLite has no value.
            insert.execute(params_from_iter(row)).map_err(|error| error.to_string())?;
            literals.skip(b",");
        }
        self.state = State::Inserting { sql, columns };
        Ok(())
    }

    fn columns_of(&self, table: &str) -> Option<&[String]> {
        self.tables.iter().find(|(name, _)| name == table).map(|(_, columns)| columns.as_slice())
    }
}

fn is_wanted(table: &str) -> bool {
    TABLES.iter().any(|(name, _)| *name == table) || OPTIONAL_TABLES.contains(&table)
}

fn after<'l>(line: &'l [u8], start: &[u8]) -> Option<&'l [u8]> {
    line.strip_prefix(start)
}

/// The rest of a line after a text in it.
fn find<'l>(line: &'l [u8], text: &[u8]) -> Option<&'l [u8]> {
    let at = line.windows(text.len()).position(|window| window == text)?;
    Some(&line[at + text.len()..])
}

/// A name between backticks, and the rest.
fn quoted(text: &[u8]) -> Option<(String, &[u8])> {
    let text = text.strip_prefix(b"`")?;
    let end = text.iter().position(|byte| *byte == b'`')?;
    Some((String::from_utf8(text[..end].to_vec()).ok()?, &text[end + 1..]))
}

/// A name for SQLite.
fn name_of(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The unread part of a line of rows.
struct Literals<'l>(&'l [u8]);

impl Literals<'_> {
    /// `(1,'text',NULL)`
    fn row(&mut self) -> Option<Vec<Value>> {
        let mut row = Vec::new();
        if !self.skip(b"(") {
            return None;
        }
        loop {
            row.push(self.value()?);
            if self.skip(b")") {
                return Some(row);
            }
            if !self.skip(b",") {
                return None;
            }
        }
    }

    fn value(&mut self) -> Option<Value> {
        if self.skip(b"NULL") {
            return Some(Value::Null);
        }
        self.skip(b"_binary ");
        if self.skip(b"'") {
            return self.text().map(Value::Text);
        }
        let end = self.0.iter().position(|byte| !b"+-.0123456789eE".contains(byte))?;
        let (number, rest) = self.0.split_at(end);
        self.0 = rest;
        let number = std::str::from_utf8(number).ok().filter(|text| !text.is_empty())?;
        Some(number.parse().map_or_else(|_| Value::Text(number.to_owned()), Value::Integer))
    }

    /// After the opening quote.
    fn text(&mut self) -> Option<String> {
        let mut text = Vec::new();
        loop {
            let end = memchr::memchr2(b'\'', b'\\', self.0)?;
            text.extend_from_slice(&self.0[..end]);
            let (stop, rest) = self.0[end..].split_first()?;
            self.0 = rest;
            if *stop == b'\'' {
                if !self.skip(b"'") {
                    return String::from_utf8(text).ok();
                }
                text.push(b'\'');
                continue;
            }
            let (escaped, rest) = self.0.split_first()?;
            self.0 = rest;
            text.push(match escaped {
                b'0' => 0,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 8,
                b'Z' => 26,
                other => *other,
            });
        }
    }

    fn skip(&mut self, text: &[u8]) -> bool {
        match self.0.strip_prefix(text) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_literals_are_parsed() {
        let text = |text: &str| Value::Text(text.to_owned());
        let line = br"(-7,NULL,'','it''s \'a\' \\ \n\r\0\Z\t;),(',_binary 'x',1.5e3,'\xc3\xa9')";
        let line = String::from_utf8(line.to_vec()).unwrap().replace(r"\xc3\xa9", "é");
        let mut literals = Literals(line.as_bytes());
        let row = literals.row().unwrap();
        let expected = [
            Value::Integer(-7),
            Value::Null,
            text(""),
            text("it's 'a' \\ \n\r\0\u{1a}\t;),("),
            text("x"),
            text("1.5e3"),
            text("é"),
        ];
        assert_eq!(row, expected);
        assert!(literals.0.is_empty());
    }

    #[test]
    fn malformed_rows_are_rejected() {
        for line in
            ["", "1", "(", "()", "(1", "('", "('a", "('a'", "(1 2)", "(x)", r"('\", "(0x41)"]
        {
            assert!(Literals(line.as_bytes()).row().is_none(), "{line}");
        }
        assert!(Literals(b"('\xff')").row().is_none());
    }
}
