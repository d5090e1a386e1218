//! Migrates a database to the schema of this program.
//!
//! A released step is never edited; add the next one. A database with a newer schema is left
//! untouched.

use super::engine::{Step, WritingConnection};
use super::values::params;
use super::{Reader, StoreError, Writer};

const fn step(both: &'static str) -> Step {
    Step { both, sqlite: "", postgres: "" }
}

/// Step n migrates version n to n + 1.
pub(super) const STEPS: &[Step] = &[
    Step {
        both: include_str!("migrations/0001.sql"),
        sqlite: "",
        // If several constraints are violated, SQLite reports the newest index and PostgreSQL the
        // oldest.
        postgres: "DROP INDEX email_addresses_verified;
                   DROP INDEX email_addresses_primary;
                   CREATE UNIQUE INDEX email_addresses_verified ON email_addresses (email) WHERE \
                   verified;
                   CREATE UNIQUE INDEX email_addresses_primary ON email_addresses (account_id) \
                   WHERE is_primary",
    },
    step(include_str!("migrations/0002.sql")),
    step(include_str!("migrations/0003.sql")),
    step(include_str!("migrations/0004.sql")),
    Step {
        both: include_str!("migrations/0005.sql"),
        sqlite: include_str!("migrations/0005.sqlite.sql"),
        postgres: include_str!("migrations/0005.postgres.sql"),
    },
    step(include_str!("migrations/0006.sql")),
    Step {
        both: include_str!("migrations/0007.sql"),
        sqlite: include_str!("migrations/0007.sqlite.sql"),
        postgres: include_str!("migrations/0007.postgres.sql"),
    },
    step(include_str!("migrations/0008.sql")),
    step(include_str!("migrations/0009.sql")),
    Step {
        both: include_str!("migrations/0010.sql"),
        sqlite: include_str!("migrations/0010.sqlite.sql"),
        postgres: include_str!("migrations/0010.postgres.sql"),
    },
    step(include_str!("migrations/0011.sql")),
    step(include_str!("migrations/0012.sql")),
    step(include_str!("migrations/0013.sql")),
    step(include_str!("migrations/0014.sql")),
    step(include_str!("migrations/0015.sql")),
    step(include_str!("migrations/0016.sql")),
    step(include_str!("migrations/0017.sql")),
];
pub(super) const LATEST: i64 = STEPS.len() as i64;

/// Runs all steps in one transaction: a half-migrated database is never visible, and when several
/// programs start at once, one migrates and the others find nothing left to do.
pub(super) fn run(connection: &dyn WritingConnection) -> Result<(), StoreError> {
    connection.begin_migration()?;
    let done = migrate_within(connection).and_then(|()| connection.commit());
    if done.is_err() && connection.is_in_transaction() {
        // Report the first error.
        let _ = connection.rollback();
    }
    done
}

/// Like `run`, within a larger transaction.
pub(super) fn migrate_within(connection: &dyn WritingConnection) -> Result<(), StoreError> {
    connection.run("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")?;
    connection.lock_writers()?;
    let writer = Writer::new(connection);
    let stored = writer.schema_version()?;
    let missing =
        usize::try_from(stored.unwrap_or(0)).ok().and_then(|version| STEPS.get(version..));
    let Some(missing) = missing else { return Err(too_new(stored.unwrap_or(0))) };
    for step in missing {
        connection.migrate(step)?;
    }
    if !missing.is_empty() {
        let note = match stored {
            Some(_) => "UPDATE schema_version SET version = $1",
            None => "INSERT INTO schema_version (version) VALUES ($1)",
        };
        writer.execute(note, params![LATEST])?;
    }
    Ok(())
}

/// The error for a database with a newer schema.
pub(super) fn too_new(version: i64) -> StoreError {
    StoreError::Other(format!(
        "the database has schema version {version}, but this program knows versions up to {LATEST} \
         only: run the newer \
         program"
    ))
}

impl Reader<'_> {
    /// `None` in a new database.
    pub(super) fn schema_version(&self) -> Result<Option<i64>, StoreError> {
        self.find("SELECT version FROM schema_version", &[], |row| row.get(0))
    }
}

impl Writer<'_> {
    /// Rewrites existing data, to check that the database accepts writes.
    pub fn probe_writable(&self) -> Result<(), StoreError> {
        self.execute("UPDATE schema_version SET version = version", &[])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::fresh_server;
    use super::super::{Database, Store, StoreError, schema};
    use super::{LATEST, STEPS};
    use crate::store::engine::Step;
    use rusqlite::Connection;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn newer_schema_is_refused_in_one_line_and_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        Store::open(&path.as_path().into()).unwrap().close();
        let newer = LATEST + 1;
        let file = Connection::open(&path).unwrap();
        file.execute("UPDATE schema_version SET version = $1", [newer]).unwrap();

        let Err(StoreError::Other(message)) = Store::open(&path.as_path().into()) else {
            panic!("opened a newer schema");
        };

        assert!(message.contains(&format!("version {newer}")), "{message}");
        assert!(!message.contains('\n'), "{message}");
        let stored: i64 =
            file.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).unwrap();
        assert_eq!(stored, newer);
    }

    /// A database as a program of that version left it: the steps up to the version, and a
    /// session.
    fn earlier(path: &Path, version: usize) -> Connection {
        let file = Connection::open(path).unwrap();
        file.execute_batch("CREATE TABLE schema_version (version INTEGER NOT NULL)").unwrap();
        for step in &STEPS[..version] {
            let Step { both, sqlite, .. } = step;
            file.execute_batch(&format!("{both}{sqlite}")).unwrap();
        }
        file.execute("INSERT INTO schema_version (version) VALUES ($1)", [version as i64]).unwrap();
        file.execute_batch(
            "INSERT INTO accounts (username, username_key, email, first_name, last_name, password, \
             is_active,
                                   is_superuser, date_joined)
             VALUES ('amy', 'amy', '', '', '', '!', TRUE, FALSE, 0);
             INSERT INTO sessions (digest, account_id, created, expires) VALUES (x'00', 1, 0, 9);",
        )
        .unwrap();
        file
    }

    #[tokio::test]
    async fn each_earlier_schema_migrates_with_its_data() {
        for version in 1..STEPS.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("db");
            let file = earlier(&path, version);
            let store = Store::open_existing(&path.as_path().into()).unwrap();
            let sessions = store.read::<_, StoreError>(|r| r.session_list(1)).await.unwrap();
            assert_eq!(sessions.len(), 1, "from version {version}");
            store.close();
            let stored: i64 =
                file.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).unwrap();
            assert_eq!(stored, LATEST);
        }
    }

    #[test]
    fn command_refuses_a_newer_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        Store::open(&path.as_path().into()).unwrap().close();
        let file = Connection::open(&path).unwrap();
        file.execute("UPDATE schema_version SET version = $1", [LATEST + 1]).unwrap();
        assert!(Store::open_existing(&path.as_path().into()).is_err());
        let stored: i64 =
            file.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).unwrap();
        assert_eq!(stored, LATEST + 1);
    }

    #[test]
    fn printed_grants_name_every_table() {
        let grants = include_str!("../cli/print/grants.sql");
        let words = |text: &str| -> BTreeSet<String> {
            text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect()
        };
        let granted = words(grants);
        for table in schema::tables().unwrap() {
            assert!(granted.contains(&table.name), "{}", table.name);
        }
    }

    #[test]
    fn second_open_has_no_pending_migrations() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let first = Store::open(&path.as_path().into()).unwrap();
        let second = Store::open(&path.as_path().into()).unwrap();
        first.close();
        second.close();
    }

    /// The schema in a notation common to both engines: `table column not-null`, and `index table
    /// columns` with uniqueness and condition.
    #[test]
    #[ignore = "needs PostgreSQL: cargo test --test postgresql"]
    fn both_engines_have_the_same_tables_and_indexes() {
        let server = fresh_server().expect("a server");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        Store::open(&path.as_path().into()).unwrap().close();
        let file = Connection::open(&path).unwrap();
        let of_file = |sql: &str| -> BTreeSet<String> {
            let mut statement = file.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let Database::Postgres(server) = server else { panic!("no server") };
        Store::open(&Database::Postgres(server.clone())).unwrap().close();
        let mut client = server.blocking().connect(postgres::NoTls).unwrap();
        let mut open_postgres = |sql: &str| -> BTreeSet<String> {
            client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
        };

        let columns = of_file(
            "SELECT t.name || ' ' || c.name || ' ' || CASE c.type WHEN 'INTEGER' THEN 'BIGINT' \
             WHEN 'BLOB' THEN 'BYTEA' ELSE c.type END
                    || CASE WHEN c.\"notnull\" OR c.pk THEN ' NOT NULL' ELSE '' END || COALESCE(' \
                    ' || LOWER(c.dflt_value), '')
             FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND \
             t.name NOT LIKE 'sqlite%'",
        );
        let same = open_postgres(
            "SELECT table_name || ' ' || column_name || ' ' || UPPER(data_type)
                    || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END
                    || COALESCE(' ' || REPLACE(column_default, '::text', ''), '')
             FROM information_schema.columns WHERE table_schema = 'public'",
        );
        assert_eq!(columns, same);
        assert!(columns.contains("accounts username_key TEXT NOT NULL"), "{columns:?}");

        // The condition of a partial index is a bare column in this schema.
        let indexes = of_file(
            "SELECT i.name || ' ' || m.tbl_name || ' ' || i.\"unique\" || ' '
                    || (SELECT GROUP_CONCAT(name, ', ') FROM (SELECT name FROM \
                    pragma_index_info(i.name) ORDER BY seqno))
                    || CASE WHEN INSTR(m.sql, ' WHERE ') THEN SUBSTR(m.sql, INSTR(m.sql, ' WHERE \
                    ')) ELSE '' END
             FROM sqlite_master m JOIN pragma_index_list(m.tbl_name) i ON i.name = m.name WHERE \
             m.type = 'index' AND m.sql IS NOT NULL",
        );
        let same = open_postgres(
            "SELECT c.relname || ' ' || t.relname || ' ' || i.indisunique::int || ' '
                    || (SELECT STRING_AGG(pg_get_indexdef(i.indexrelid, n::int, true), ', ' ORDER \
                    BY n)
                        FROM generate_series(1, i.indnkeyatts) n)
                    || COALESCE(' WHERE ' || pg_get_expr(i.indpred, i.indrelid), '')
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = \
             i.indrelid
                  JOIN pg_namespace s ON s.oid = c.relnamespace
             WHERE s.nspname = 'public' AND NOT i.indisprimary",
        );
        assert_eq!(indexes, same);
        assert!(
            indexes.contains("email_addresses_verified email_addresses 1 email WHERE verified"),
            "{indexes:?}"
        );
    }

    #[test]
    #[ignore = "needs PostgreSQL: cargo test --test postgresql"]
    fn concurrent_starts_migrate_once() {
        let server = fresh_server().expect("a server");
        std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| Store::open(&server).map(|store| store.close())))
                .collect();
            for start in starts {
                start.join().unwrap().unwrap();
            }
        });
    }

    #[test]
    #[ignore = "needs PostgreSQL: cargo test --test postgresql"]
    fn server_stops_writing_after_a_newer_version_migrated() {
        let server = fresh_server().expect("a server");
        let store = Store::open(&server).unwrap();
        let Database::Postgres(server) = server else { panic!("no server") };
        let mut client = server.blocking().connect(postgres::NoTls).unwrap();
        client.execute("UPDATE schema_version SET version = version + 1", &[]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let written = runtime.block_on(store.write(|w| w.probe_writable()));
        assert!(
            matches!(&written, Err(StoreError::Unavailable(why)) if why.contains("newer program")),
            "{written:?}"
        );
        assert!(runtime.block_on(store.read(|r| r.account_count())).is_ok());
        assert!(Store::open(&Database::Postgres(server)).is_err());
    }
}
