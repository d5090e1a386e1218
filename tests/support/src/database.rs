//! The database of a test: a file, or a database of the test's PostgreSQL server.
//!
//! Reads and modifies it from outside the running server.

use std::path::{Path, PathBuf};

use super::postgres;

#[derive(Clone, Debug)]
pub enum TestDatabase {
    File(PathBuf),
    Server { name: String, port: u16 },
}

impl TestDatabase {
    /// A new one: a file to be created, or a database without tables.
    pub fn new(folder: &Path) -> TestDatabase {
        match postgres::fresh_database() {
            Some((name, port)) => TestDatabase::Server { name, port },
            None => TestDatabase::File(folder.join("auth.sqlite3")),
        }
    }

    /// The settings for a server on it, named without their prefix.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        match self {
            TestDatabase::File(path) => vec![("DB_NAME", path.to_str().unwrap().to_owned())],
            TestDatabase::Server { name, port } => vec![
                ("DB_ENGINE", "postgresql".to_owned()),
                ("DB_HOST", "127.0.0.1".to_owned()),
                ("DB_PORT", port.to_string()),
                ("DB_USER", postgres::USER.to_owned()),
                ("DB_NAME", name.clone()),
                ("SECRET_KEY", "the secret key of every test on a server".to_owned()),
            ],
        }
    }

    /// The value for `--database`.
    pub fn argument(&self) -> String {
        match self {
            TestDatabase::File(path) => path.to_str().unwrap().to_owned(),
            TestDatabase::Server { name, port } => postgres::url(*port, name),
        }
    }

    pub fn database(&self) -> inventree_auth::store::Database {
        self.argument().parse().unwrap()
    }

    /// Returns whether it has been created.
    pub fn exists(&self) -> bool {
        match self {
            TestDatabase::File(path) => path.exists(),
            TestDatabase::Server { .. } => !self.tables().is_empty(),
        }
    }

    fn tables(&self) -> Vec<String> {
        self.texts(match self {
            TestDatabase::File(_) => "SELECT name FROM sqlite_master WHERE type = 'table'",
            TestDatabase::Server { .. } => {
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
            }
        })
    }

    /// # Panics
    ///
    /// If a statement fails.
    pub fn execute(&self, sql: &str) {
        self.try_execute(sql).unwrap();
    }

    /// # Errors
    ///
    /// The message of the engine.
    pub fn try_execute(&self, sql: &str) -> Result<(), String> {
        match self {
            TestDatabase::File(path) => rusqlite::Connection::open(path)
                .unwrap()
                .execute_batch(sql)
                .map_err(|e| e.to_string()),
            TestDatabase::Server { name, port } => postgres::try_execute(*port, name, sql),
        }
    }

    /// The first column of the result, as texts.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        match self {
            TestDatabase::File(path) => {
                let file = rusqlite::Connection::open(path).unwrap();
                let mut statement = file.prepare(sql).unwrap();
                let rows = statement.query_map([], |row| {
                    Ok(match row.get_ref(0)? {
                        rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                        other => other.as_str().unwrap_or_default().to_owned(),
                    })
                });
                rows.unwrap().map(Result::unwrap).collect()
            }
            TestDatabase::Server { name, port } => postgres::texts(*port, name, sql),
        }
    }

    pub fn number(&self, sql: &str) -> i64 {
        self.texts(sql)[0].parse().unwrap()
    }

    /// The last id assigned, even if its row is deleted.
    pub fn last_id(&self, table: &str) -> i64 {
        self.number(&match self {
            TestDatabase::File(_) => {
                format!("SELECT seq FROM sqlite_sequence WHERE name = '{table}'")
            }
            TestDatabase::Server { .. } => format!("SELECT last_value FROM {table}_id_seq"),
        })
    }

    /// Blocks all writers until dropped.
    pub fn lock(&self) -> Lock {
        match self {
            TestDatabase::File(path) => {
                let other = rusqlite::Connection::open(path).unwrap();
                other.execute_batch("BEGIN IMMEDIATE").unwrap();
                Lock::File(other)
            }
            TestDatabase::Server { name, port } => Lock::Server(Some(postgres::begin(
                *port,
                name,
                "BEGIN; SELECT version FROM schema_version FOR UPDATE",
            ))),
        }
    }

    /// Returns whether another connection blocks writers.
    pub fn is_locked(&self) -> bool {
        match self {
            TestDatabase::File(path) => {
                let other = rusqlite::Connection::open(path).unwrap();
                other.busy_timeout(std::time::Duration::ZERO).unwrap();
                other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err()
            }
            TestDatabase::Server { .. } => self
                .try_execute(
                    "BEGIN; SELECT version FROM schema_version FOR UPDATE NOWAIT; ROLLBACK",
                )
                .is_err(),
        }
    }

    /// The rows of a table as texts, without the columns that an import fills at random.
    pub fn rows(&self, table: &str) -> Vec<String> {
        let columns = match self {
            TestDatabase::File(_) => format!("SELECT name FROM pragma_table_info('{table}')"),
            TestDatabase::Server { .. } => format!(
                "SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
            ),
        };
        let mut columns = self.texts(&columns);
        // Of a recovery code too, which is found by an HMAC under the secret key.
        columns.retain(|name| name != "secret" && (table != "recovery_codes" || name != "digest"));
        columns.sort();
        let cells: Vec<String> = columns
            .iter()
            .map(|name| match self {
                TestDatabase::File(_) => format!("quote({name})"),
                TestDatabase::Server { .. } => format!("COALESCE({name}::text, 'NULL')"),
            })
            .collect();
        self.texts(&format!("SELECT {} FROM {table} ORDER BY 1", cells.join(" || '|' || ")))
    }

    /// All bytes at rest, in every file of the engine, except the secret key's.
    pub fn bytes(&self) -> Vec<u8> {
        let files = match self {
            TestDatabase::File(path) => {
                let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
                vec![path.clone(), beside("-wal"), beside("-shm")]
            }
            TestDatabase::Server { .. } => {
                self.execute("CHECKPOINT");
                let data = PathBuf::from(std::env::var(postgres::DATA).unwrap());
                let files = "SELECT pg_relation_filepath(c.oid) FROM pg_class c
                             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', \
                             'i', 'S')
                                OR c.oid IN (SELECT reltoastrelid FROM pg_class WHERE relnamespace \
                                = 'public'::regnamespace)";
                self.texts(files).iter().map(|file| data.join(file)).collect()
            }
        };
        files.iter().flat_map(|file| std::fs::read(file).unwrap_or_default()).collect()
    }

    /// Every row of every table as text, by id: equal if nothing has changed.
    pub fn content(&self) -> Vec<String> {
        match self {
            TestDatabase::File(path) => vec![format!("{:?}", std::fs::read(path).ok())],
            TestDatabase::Server { .. } => {
                let tables = self.tables();
                tables
                    .iter()
                    .flat_map(|table| {
                        self.texts(&format!("SELECT t::text FROM {table} t ORDER BY 1"))
                    })
                    .collect()
            }
        }
    }
}

pub enum Lock {
    File(rusqlite::Connection),
    Server(Option<::postgres::Client>),
}

impl Drop for Lock {
    fn drop(&mut self) {
        match self {
            Lock::File(other) => other.execute_batch("ROLLBACK").unwrap(),
            Lock::Server(client) => {
                let client = client.take();
                std::thread::spawn(move || drop(client)).join().unwrap();
            }
        }
    }
}
