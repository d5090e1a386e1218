//! Writes over a single connection, which reconnects between transactions and never within one.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use tokio_postgres::SimpleQueryMessage;

use super::super::engine::{Connection, RowVisitor, Step, WritingConnection};
use super::super::migrations::{LATEST, too_new};
use super::super::values::{Column, Value};
use super::blocking::BlockingConnection;
use super::reading::each_of;
use super::{BULK, Connector, PostgresError, SessionProfile, StoreError, WRITES, copy_text};

/// An arbitrary number that identifies the migration lock.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(4829107734521)";

/// Whether the schema that tables are made in has InvenTree's accounts and not ours.
const IS_INVENTREE: &str = "SELECT EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = current_schema() AND table_name = 'auth_user')
    AND to_regclass('schema_version') IS NULL";

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Serializes writers across processes, so that rows read afterwards do not change before the
/// commit; each statement sees all earlier commits. Every engine of this protocol has row locks,
/// and the version in this row keeps an old program from writing into a newer schema.
const LOCK_WRITERS: &str = "SELECT version FROM schema_version FOR UPDATE";

pub(in crate::store) struct Writing {
    connector: Connector,
    profile: &'static SessionProfile,
    open: RefCell<BlockingConnection>,
    is_in_transaction: Cell<bool>,
    was_rolled_back: Cell<bool>,
}

impl Writing {
    pub(in crate::store) fn connect(connector: &Connector) -> Result<Writing, StoreError> {
        Writing::on(connector, &WRITES)
    }

    /// For commands that copy a whole database.
    pub(in crate::store) fn connect_bulk(connector: &Connector) -> Result<Writing, StoreError> {
        Writing::on(connector, &BULK)
    }

    fn on(connector: &Connector, profile: &'static SessionProfile) -> Result<Writing, StoreError> {
        let open = BlockingConnection::connect(connector, profile).map_err(|error| {
            let (StoreError::Unavailable(why) | StoreError::Other(why)) = error else {
                return error;
            };
            StoreError::Other(format!("cannot open the database {}: {why}", connector.server))
        })?;
        Ok(Writing {
            connector: connector.clone(),
            profile,
            open: RefCell::new(open),
            is_in_transaction: Cell::new(false),
            was_rolled_back: Cell::new(false),
        })
    }

    /// Returns whether the schema is current; `None` for a foreign database.
    pub(in crate::store) fn is_latest(&self) -> Result<Option<bool>, StoreError> {
        if !self.value("SELECT to_regclass('schema_version') IS NOT NULL")?.unwrap_or(false) {
            return Ok(None);
        }
        Ok(self
            .value::<i64>("SELECT version FROM schema_version")?
            .map(|version| version == LATEST))
    }

    /// # Errors
    ///
    /// For InvenTree's own database, which is only read.
    pub(in crate::store) fn refuse_inventree(&self) -> Result<(), StoreError> {
        match self.value(IS_INVENTREE)? {
            Some(true) => Err(StoreError::inventree_database(&self.connector.server)),
            _ => Ok(()),
        }
    }

    /// The first column of the first row.
    fn value<T: Column>(&self, sql: &'static str) -> Result<Option<T>, StoreError> {
        let mut value = None;
        self.query(sql, &[], &mut |row| {
            value = Some(row.get(0)?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(value)
    }

    /// Runs a call and records whether its failure has rolled back the transaction.
    fn ask<T>(
        &self,
        ask: impl FnOnce(&mut BlockingConnection) -> Result<T, PostgresError>,
    ) -> Result<T, StoreError> {
        let mut open = self.open.borrow_mut();
        let outcome = ask(&mut open);
        if let Err(fault) = &outcome
            && self.is_in_transaction.get()
        {
            // Don't retry after a timeout.
            let is_lost = open.is_lost() && !matches!(fault, PostgresError::Timeout);
            self.was_rolled_back
                .set(self.was_rolled_back.get() || is_lost || fault.is_serialization_failure());
        }
        Ok(outcome?)
    }

    /// Begins a transaction. Nothing has been written yet, so a lost connection is reopened once.
    fn begin_with(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, StoreError> {
        if self.is_in_transaction.get() {
            // Left over from a failed transaction, unless its connection is gone.
            let _ = self.rollback();
        }
        self.was_rolled_back.set(false);
        let mut open = self.open.borrow_mut();
        if open.is_lost() {
            *open = BlockingConnection::connect(&self.connector, self.profile)?;
        }
        let started = match open.run(sql) {
            Err(PostgresError::Driver(_)) if open.is_lost() => {
                *open = BlockingConnection::connect(&self.connector, self.profile)?;
                open.run(sql)
            }
            started => started,
        };
        if let Err(fault) = &started {
            self.was_rolled_back.set(fault.is_serialization_failure());
            if !open.is_lost() {
                // BEGIN may have succeeded before a later statement failed.
                let _ = open.run("ROLLBACK");
            }
        }
        let started = started?;
        self.is_in_transaction.set(true);
        Ok(started)
    }
}

impl Connection for Writing {
    fn query(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        each: RowVisitor<'_>,
    ) -> Result<(), StoreError> {
        let rows = self.ask(|open| open.rows(sql, params))?;
        each_of(&rows, each)
    }

    fn execute(&self, sql: &'static str, params: &[Value<'_>]) -> Result<usize, StoreError> {
        let changed = self.ask(|open| open.execute(sql, params))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// By `COPY`, which needs one round trip for all rows.
    fn insert_all(
        &self,
        table: &str,
        columns: &str,
        rows: &[Vec<Value<'_>>],
    ) -> Result<bool, StoreError> {
        self.run("SAVEPOINT rows")?;
        let sql = format!("COPY {table} ({columns}) FROM STDIN");
        let inserted = self.ask(|open| match open.copy_in(&sql, copy_text::lines(rows)) {
            Err(fault) if fault.is_of_row() => Ok(false),
            done => done.map(|()| true),
        })?;
        self.run(match inserted {
            true => "RELEASE SAVEPOINT rows",
            false => "ROLLBACK TO SAVEPOINT rows; RELEASE SAVEPOINT rows",
        })?;
        Ok(inserted)
    }
}

impl WritingConnection for Writing {
    fn begin(&self) -> Result<(), StoreError> {
        let started = self.begin_with(&format!("{BEGIN}; {LOCK_WRITERS}"))?;
        let version = started.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse::<i64>().ok(),
            _ => None,
        });
        if version.is_some_and(|version| version <= LATEST) {
            return Ok(());
        }
        let _ = self.rollback();
        Err(version
            .map_or_else(|| StoreError::Other("the database has no schema".to_owned()), too_new))
    }

    fn begin_migration(&self) -> Result<(), StoreError> {
        self.begin_with(BEGIN)?;
        self.run(MIGRATION_LOCK)
    }

    fn lock_writers(&self) -> Result<(), StoreError> {
        self.run(LOCK_WRITERS)
    }

    fn is_in_transaction(&self) -> bool {
        self.is_in_transaction.get()
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.is_in_transaction.set(false);
        let mut open = self.open.borrow_mut();
        // COMMIT of an aborted transaction succeeds with the tag ROLLBACK.
        let committed = open.run("SELECT 1; COMMIT");
        if let Err(fault) = &committed {
            // If the connection is lost here, the outcome is unknown.
            self.was_rolled_back.set(fault.is_serialization_failure());
            if !open.is_lost() {
                let _ = open.run("ROLLBACK");
            }
        }
        committed?;
        Ok(())
    }

    fn rollback(&self) -> Result<(), StoreError> {
        self.is_in_transaction.set(false);
        self.run("ROLLBACK")
    }

    fn run(&self, sql: &'static str) -> Result<(), StoreError> {
        self.ask(|open| open.run(sql))?;
        Ok(())
    }

    fn next_savepoint(&self) -> Result<(), StoreError> {
        // One round trip.
        self.run("RELEASE SAVEPOINT job; SAVEPOINT job")
    }

    fn was_rolled_back(&self) -> bool {
        self.was_rolled_back.get()
    }

    fn migrate(&self, step: &Step) -> Result<(), StoreError> {
        let mut open = self.open.borrow_mut();
        open.run(&to_postgres_ddl(step.both))?;
        open.run(step.postgres)?;
        Ok(())
    }

    fn last_id(&self, table: &'static str) -> Result<i64, StoreError> {
        let sql = format!(
            "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {table}_id_seq"
        );
        let messages = self.open.borrow_mut().run(&sql)?;
        let id = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        });
        id.ok_or_else(|| StoreError::Other(format!("no sequence of {table}")))
    }

    fn set_last_id(&self, table: &'static str, id: i64) -> Result<(), StoreError> {
        self.open.borrow_mut().run(&format!(
            "SELECT setval('{table}_id_seq', {}, {})",
            id.max(1),
            id > 0
        ))?;
        Ok(())
    }
}

/// Translates a migration step to PostgreSQL DDL. Text compares bytewise, as in SQLite.
fn to_postgres_ddl(step: &str) -> String {
    step.replace(
        "INTEGER PRIMARY KEY AUTOINCREMENT",
        "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    )
    .replace("INTEGER", "BIGINT")
    .replace("BLOB", "BYTEA")
    .replace("TEXT", "TEXT COLLATE \"C\"")
    .replace(" WITHOUT ROWID", "")
}

/// A writer with a savepoint per statement, so that it can continue after a failed statement, as
/// with SQLite.
pub(in crate::store) struct SavepointPerStatement<'w>(pub(in crate::store) &'w Writing);

impl SavepointPerStatement<'_> {
    fn in_savepoint<T>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.0.run("SAVEPOINT statement")?;
        let done = work();
        self.0.run(match done {
            Ok(_) => "RELEASE SAVEPOINT statement",
            Err(_) => "ROLLBACK TO SAVEPOINT statement; RELEASE SAVEPOINT statement",
        })?;
        done
    }
}

impl Connection for SavepointPerStatement<'_> {
    fn query(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        each: RowVisitor<'_>,
    ) -> Result<(), StoreError> {
        if sql.starts_with("SELECT") {
            // If a read fails, so does the whole transaction.
            return self.0.query(sql, params, each);
        }
        self.in_savepoint(|| self.0.query(sql, params, each))
    }

    fn execute(&self, sql: &'static str, params: &[Value<'_>]) -> Result<usize, StoreError> {
        self.in_savepoint(|| self.0.execute(sql, params))
    }

    fn insert_all(
        &self,
        table: &str,
        columns: &str,
        rows: &[Vec<Value<'_>>],
    ) -> Result<bool, StoreError> {
        self.0.insert_all(table, columns, rows)
    }
}
