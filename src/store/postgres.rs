//! The engine for several servers on one database: PostgreSQL, or whatever speaks its protocol.
//!
//! Each call waits for its answer on the thread it is made on, as with the embedded engine; [`Server::wait`] keeps that
//! from holding up the async runtime. What nearly every request asks goes over [`lines`](super::lines) and waits nowhere. What is read twice may be asked twice, so a read survives a lost connection; what
//! was written is never sent again once the server may have seen it.
//!
//! Must rely on nothing but row locks to keep writers apart: not every engine of this protocol has advisory ones.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::ToSql;
use postgres::{Client, NoTls, SimpleQueryMessage, Statement};
use r2d2::{ManageConnection, Pool, PooledConnection};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::database::Postgres;
use super::engine::{Connection, EachRow, WritingConnection};
use super::lines::Lines;
use super::migrations::{LATEST, Step, too_new};
use super::values::{Row, Value};
use super::{Conflict, StoreError};

/// Of one server process. A reader holds a connection while it waits for one answer.
const MOST_READERS: u32 = 16;

/// How long a request waits for a connection, a new one among them.
const POOL_TIMEOUT: Duration = Duration::from_secs(2);

/// A statement that takes longer is given up, and none of them writes.
pub(super) const READ_LIMITS: &str = "SET statement_timeout = '5s'; SET default_transaction_read_only = on";

/// The wait for other writers has an end too. One that falls silent must not keep the others waiting: the server ends its
/// transaction.
const WRITE_LIMITS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '2s'; \
                            SET idle_in_transaction_session_timeout = '5s'; SET synchronous_commit = on";

/// The import of a whole database takes its time.
const NO_LIMITS: &str = "SET statement_timeout = 0; SET lock_timeout = '2s'; SET synchronous_commit = on";

/// Any number of its own: of a migration.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(4829107734521)";

/// A rule may read what it likes after this and it stays true: writers pass here one after the other, whichever process
/// they belong to, and each statement sees what was committed before it. The row lock is the one that every engine of
/// this protocol has, and the version in it keeps an old program from writing into a schema it does not know.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT version FROM schema_version FOR UPDATE";

/// How to connect.
#[derive(Clone)]
pub(super) struct Connector {
    server: Arc<Postgres>,
    /// Made once: certificates take milliseconds to read.
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    pub(super) fn new(server: &Postgres) -> Result<Connector, StoreError> {
        let wants_tls = server.config.get_ssl_mode() != postgres::config::SslMode::Disable;
        let tls = wants_tls.then(|| tls(server)).transpose()?;
        Ok(Connector { server: Arc::new(server.clone()), tls })
    }

    pub(super) fn config(&self) -> &tokio_postgres::Config {
        &self.server.config
    }

    pub(super) fn tls(&self) -> Option<MakeRustlsConnect> {
        self.tls.clone()
    }

    fn connect(&self, limits: &str) -> Result<Open, postgres::Error> {
        let config = self.server.blocking();
        let mut client = match &self.tls {
            Some(tls) => config.connect(tls.clone())?,
            None => config.connect(NoTls)?,
        };
        client.batch_execute(limits)?;
        Ok(Open { client, statements: HashMap::new(), is_ended: false })
    }
}

fn tls(server: &Postgres) -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = RootCertStore::empty();
    match &server.root_certificates {
        Some(path) => {
            let failed = |why: &dyn std::fmt::Display| {
                StoreError::Other(format!("the certificates of the database in {}: {why}", path.display()))
            };
            let certificates = CertificateDer::pem_file_iter(path).map_err(|e| failed(&e))?;
            for certificate in certificates {
                roots.add(certificate.map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
            }
            if roots.is_empty() {
                return Err(failed(&"there is none"));
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|e| StoreError::Other(e.to_string()))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// An open connection and what has been prepared on it.
pub(super) struct Open {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// The server has said that it ends it.
    is_ended: bool,
}

impl Open {
    fn is_lost(&self) -> bool {
        self.is_ended || self.client.is_closed()
    }

    fn statement(&mut self, sql: &'static str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn rows(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<postgres::Row>, postgres::Error> {
        let rows = self.statement(sql).and_then(|statement| self.client.query_raw(&statement, params)?.collect());
        self.note_end(rows)
    }

    fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, postgres::Error> {
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
        let changed = self.statement(sql).and_then(|statement| self.client.execute(&statement, &params));
        self.note_end(changed)
    }

    fn run(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>, postgres::Error> {
        let done = self.client.simple_query(sql);
        self.note_end(done)
    }

    fn note_end<T>(&mut self, outcome: Result<T, postgres::Error>) -> Result<T, postgres::Error> {
        if let Err(error) = &outcome {
            self.is_ended |= error.code().is_some_and(is_end) || self.client.is_closed();
        }
        outcome
    }
}

pub(super) fn is_end(code: &SqlState) -> bool {
    [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(code)
}

/// Two transactions stood in each other's way, and this is the one that was undone.
fn is_in_the_way(code: &SqlState) -> bool {
    [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code)
}

fn each_of(rows: &[postgres::Row], each: EachRow<'_>) -> Result<(), StoreError> {
    for row in rows {
        if each(&Row::Postgres(row))? == ControlFlow::Break(()) {
            break;
        }
    }
    Ok(())
}

/// A server that is read from.
pub(super) struct Server {
    /// Taken when it is dropped.
    pool: Option<Pool<Connector>>,
    pub(super) lines: Lines,
}

impl Server {
    pub(super) fn open(connector: &Connector) -> Result<Server, StoreError> {
        let pool = Pool::builder()
            .max_size(MOST_READERS)
            .min_idle(Some(1))
            .connection_timeout(POOL_TIMEOUT)
            // What is lost is noticed at its use, and asked again over another.
            .test_on_check_out(false)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build(connector.clone())?;
        Ok(Server { pool: Some(pool), lines: Lines::new(connector) })
    }

    /// Runs what waits for answers where it may wait.
    pub(super) fn wait<T: Send>(&self, f: impl FnOnce(&Reading<'_>) -> T + Send) -> T {
        let work = || {
            let pool = self.pool.as_ref().unwrap_or_else(|| unreachable!("taken by drop alone"));
            f(&Reading { pool, taken: RefCell::new(None) })
        };
        elsewhere(work)
    }
}

/// A client of this crate runs a runtime of its own for each answer, which must not happen on a thread that runs another.
pub(super) fn elsewhere<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Err(_) => work(),
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        // Only tests have the other kind.
        Ok(_) => std::thread::scope(|scope| match scope.spawn(work).join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }),
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Connections say goodbye, and wait for it.
        let pool = self.pool.take();
        elsewhere(move || drop(pool));
    }
}

impl ManageConnection for Connector {
    type Connection = Open;
    type Error = postgres::Error;

    fn connect(&self) -> Result<Open, postgres::Error> {
        Connector::connect(self, READ_LIMITS)
    }

    fn is_valid(&self, open: &mut Open) -> Result<(), postgres::Error> {
        open.client.is_valid(POOL_TIMEOUT)
    }

    fn has_broken(&self, open: &mut Open) -> bool {
        open.is_lost()
    }
}

/// One reader's connection, out of the pool from the first statement on.
pub(super) struct Reading<'p> {
    pool: &'p Pool<Connector>,
    taken: RefCell<Option<PooledConnection<Connector>>>,
}

impl Reading<'_> {
    /// Asks again over other connections while they turn out to be lost: each statement stands for itself.
    fn ask<T>(&self, ask: impl Fn(&mut Open) -> Result<T, postgres::Error>) -> Result<T, StoreError> {
        let mut lost = 0;
        loop {
            let mut taken = self.taken.borrow_mut();
            let open = match &mut *taken {
                Some(open) => open,
                none => none.insert(self.pool.get()?),
            };
            match ask(open) {
                Err(_) if open.is_lost() && lost <= self.pool.max_size() => {
                    lost += 1;
                    *taken = None;
                }
                outcome => return Ok(outcome?),
            }
        }
    }
}

impl Connection for Reading<'_> {
    fn query(&self, sql: &'static str, params: &[Value<'_>], each: EachRow<'_>) -> Result<(), StoreError> {
        each_of(&self.ask(|open| open.rows(sql, params))?, each)
    }

    fn execute(&self, sql: &'static str, _: &[Value<'_>]) -> Result<usize, StoreError> {
        Err(StoreError::Other(format!("a reader was asked to write: {sql}")))
    }
}

/// The connection of a writer. Connects anew at the beginning of a transaction, and never within one.
pub(super) struct Writing {
    connector: Connector,
    limits: &'static str,
    open: RefCell<Open>,
    is_in_transaction: Cell<bool>,
    was_undone: Cell<bool>,
}

impl Writing {
    pub(super) fn connect(connector: &Connector) -> Result<Writing, StoreError> {
        Writing::with_limits(connector, WRITE_LIMITS)
    }

    pub(super) fn without_limits(connector: &Connector) -> Result<Writing, StoreError> {
        Writing::with_limits(connector, NO_LIMITS)
    }

    fn with_limits(connector: &Connector, limits: &'static str) -> Result<Writing, StoreError> {
        let open = connector.connect(limits).map_err(|error| {
            StoreError::Other(format!("cannot open the database {}: {}", connector.server, in_words(&error)))
        })?;
        Ok(Writing {
            connector: connector.clone(),
            limits,
            open: RefCell::new(open),
            is_in_transaction: Cell::new(false),
            was_undone: Cell::new(false),
        })
    }

    /// Notes when the transaction is over by this.
    fn noting<T>(&self, ask: impl FnOnce(&mut Open) -> Result<T, postgres::Error>) -> Result<T, StoreError> {
        let mut open = self.open.borrow_mut();
        let outcome = ask(&mut open);
        if let Err(error) = &outcome
            && self.is_in_transaction.get()
            && (open.is_lost() || error.code().is_some_and(is_in_the_way))
        {
            self.was_undone.set(true);
        }
        Ok(outcome?)
    }

    /// Whether the schema is one of this server, of whatever version.
    pub(super) fn is_known(&self) -> Result<bool, StoreError> {
        let mut known = false;
        self.query("SELECT to_regclass('schema_version') IS NOT NULL", &[], &mut |row| {
            known = row.get(0)?;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(known)
    }

    /// Nothing has been done yet: what was lost before may be opened again, once.
    fn begin_with(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, StoreError> {
        if self.is_in_transaction.get() {
            // Of a transaction that failed: over with its connection, if not by this.
            let _ = self.rollback();
        }
        self.was_undone.set(false);
        let mut open = self.open.borrow_mut();
        let begun = match open.run(sql) {
            Err(_) if open.is_lost() => {
                *open = self.connector.connect(self.limits)?;
                open.run(sql)
            }
            begun => begun,
        };
        if begun.is_err() {
            // It may have begun and failed behind that.
            let _ = open.run("ROLLBACK");
        }
        let begun = begun?;
        self.is_in_transaction.set(true);
        Ok(begun)
    }
}

impl Connection for Writing {
    fn query(&self, sql: &'static str, params: &[Value<'_>], each: EachRow<'_>) -> Result<(), StoreError> {
        let rows = self.noting(|open| open.rows(sql, params))?;
        each_of(&rows, each)
    }

    fn execute(&self, sql: &'static str, params: &[Value<'_>]) -> Result<usize, StoreError> {
        let changed = self.noting(|open| open.execute(sql, params))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }
}

/// A writer that goes on after a statement that failed, as the embedded engine lets it: each has a savepoint.
pub(super) struct Forgiving<'w>(pub(super) &'w Writing);

impl Forgiving<'_> {
    fn undoing<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.0.run("SAVEPOINT statement")?;
        let done = work();
        self.0.run(match done {
            Ok(_) => "RELEASE SAVEPOINT statement",
            Err(_) => "ROLLBACK TO SAVEPOINT statement; RELEASE SAVEPOINT statement",
        })?;
        done
    }
}

impl Connection for Forgiving<'_> {
    fn query(&self, sql: &'static str, params: &[Value<'_>], each: EachRow<'_>) -> Result<(), StoreError> {
        self.undoing(|| self.0.query(sql, params, each))
    }

    fn execute(&self, sql: &'static str, params: &[Value<'_>]) -> Result<usize, StoreError> {
        self.undoing(|| self.0.execute(sql, params))
    }
}

impl WritingConnection for Writing {
    fn begin(&self) -> Result<(), StoreError> {
        let begun = self.begin_with(BEGIN)?;
        let version = begun.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse::<i64>().ok(),
            _ => None,
        });
        match version {
            Some(version) if version <= LATEST => Ok(()),
            // None: a migration has just put another in its place.
            version => {
                let _ = self.rollback();
                Err(version.map_or_else(|| StoreError::Unavailable("the schema is changing".to_owned()), too_new))
            }
        }
    }

    fn begin_migration(&self) -> Result<(), StoreError> {
        self.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED")?;
        self.run(MIGRATION_LOCK)
    }

    fn is_in_transaction(&self) -> bool {
        self.is_in_transaction.get()
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.is_in_transaction.set(false);
        // An aborted transaction answers COMMIT alone with ROLLBACK, and without an error.
        let mut open = self.open.borrow_mut();
        let committed = open.run("SELECT 1; COMMIT");
        // A connection that was lost here leaves open what became of it.
        self.was_undone.set(committed.as_ref().err().and_then(postgres::Error::code).is_some_and(is_in_the_way));
        if committed.is_err() {
            // Aborted or not, it is over.
            let _ = open.run("ROLLBACK");
        }
        committed?;
        Ok(())
    }

    fn rollback(&self) -> Result<(), StoreError> {
        self.is_in_transaction.set(false);
        self.run("ROLLBACK")
    }

    fn run(&self, sql: &'static str) -> Result<(), StoreError> {
        self.noting(|open| open.run(sql))?;
        Ok(())
    }

    fn next_savepoint(&self) -> Result<(), StoreError> {
        // One way there and back.
        self.run("RELEASE SAVEPOINT job; SAVEPOINT job")
    }

    fn was_undone(&self) -> bool {
        self.was_undone.get()
    }

    fn migrate(&self, step: &Step) -> Result<(), StoreError> {
        let mut open = self.open.borrow_mut();
        open.run(&in_its_words(step.both))?;
        open.run(step.postgres)?;
        Ok(())
    }

    fn continue_ids(&self, table: &'static str) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', 'id'), GREATEST(
                 (SELECT COALESCE(MAX(id), 0) FROM {table}) + 1, nextval(pg_get_serial_sequence('{table}', 'id'))), false)"
        );
        self.open.borrow_mut().run(&sql)?;
        Ok(())
    }

    fn last_id(&self, table: &'static str) -> Result<i64, StoreError> {
        let sql = format!("SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {table}_id_seq");
        Ok(self.open.borrow_mut().client.query_one(&sql, &[])?.try_get(0)?)
    }

    fn set_last_id(&self, table: &'static str, id: i64) -> Result<(), StoreError> {
        self.open.borrow_mut().run(&format!("SELECT setval('{table}_id_seq', {}, {})", id.max(1), id > 0))?;
        Ok(())
    }
}

/// A step of the schema as this engine writes it. Text is compared by its bytes, as SQLite does.
fn in_its_words(step: &str) -> String {
    step.replace("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY")
        .replace("INTEGER", "BIGINT")
        .replace("BLOB", "BYTEA")
        .replace("TEXT", "TEXT COLLATE \"C\"")
        .replace(" WITHOUT ROWID", "")
}

impl From<postgres::Error> for StoreError {
    fn from(error: postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else {
            // Of the connection, unless a column takes or gives no such value. The crate tells them apart in words alone.
            let said = error.to_string();
            let is_of_values = ["error serializing", "error deserializing", "invalid column"];
            let is_of_values = is_of_values.iter().any(|begins| said.starts_with(begins));
            let why = in_words(&error);
            return if is_of_values { StoreError::Other(why) } else { StoreError::Unavailable(why) };
        };
        if let Some(conflict) = told.constraint().and_then(conflict) {
            return StoreError::Conflict(conflict);
        }
        if is_passing(told.code()) {
            return StoreError::Unavailable(in_words(&error));
        }
        StoreError::Other(in_words(&error))
    }
}

/// What the server said, without the detail: that repeats values.
fn in_words(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(told) => format!("{} ({})", told.message(), told.code().code()),
        None => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        }
    }
}

/// By class: the connection, a transaction that another's stood against, resources, an operator, the system.
fn is_passing(code: &SqlState) -> bool {
    let class = code.code().get(..2).unwrap_or_default();
    ["08", "40", "53", "55", "57", "58"].contains(&class)
        || [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::IN_FAILED_SQL_TRANSACTION].contains(code)
}

/// By the name of the index.
fn conflict(index: &str) -> Option<Conflict> {
    match index {
        "accounts_username_key" => Some(Conflict::Username),
        "email_addresses_account_email" => Some(Conflict::AccountEmail),
        "email_addresses_verified" => Some(Conflict::VerifiedEmail),
        "email_addresses_primary" => Some(Conflict::PrimaryEmail),
        "sessions_digest" => Some(Conflict::Session),
        "tokens_digest" => Some(Conflict::Token),
        "social_accounts_provider_uid" => Some(Conflict::SocialAccount),
        _ => None,
    }
}
