//! The engine for databases shared by several servers, over the PostgreSQL protocol.
//!
//! Closures block their thread on each statement ([`reading`], [`writing`]); [`block_in_place`]
//! keeps them from blocking the async runtime. Token and session lookups are async, over
//! [`pipelined`]. Reads are retried after a lost connection. A write is never repeated once the
//! server may have committed it.
//!
//! Only row locks exclude writers, since not every engine of this protocol has advisory locks.
//! Every wait has a timeout: a frozen server sends nothing while its kernel still acknowledges.

mod blocking;
mod copy_text;
pub(super) mod pipelined;
mod reading;
mod snapshot;
mod writing;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

pub(super) use reading::Server;
pub(super) use snapshot::Snapshot;
pub(super) use writing::{SavepointPerStatement, Writing};

use super::database::Postgres;
use super::{Conflict, StoreError};

/// Timeout for connecting and authenticating.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Session settings of a connection, and the client's timeout for a statement, which exceeds the
/// server's `statement_timeout`.
struct SessionProfile {
    settings: &'static str,
    timeout: Option<Duration>,
}

/// Sessions that only read.
const READS: SessionProfile = SessionProfile {
    settings: "SET statement_timeout = '5s'; SET default_transaction_read_only = on",
    timeout: Some(Duration::from_secs(7)),
};

/// Sessions that write. Waiting for other writers is bounded, and the server ends the transaction
/// of a client that falls silent.
const WRITES: SessionProfile = SessionProfile {
    settings: "SET statement_timeout = '10s'; SET lock_timeout = '2s'; SET \
        idle_in_transaction_session_timeout = '5s'; SET synchronous_commit = on",
    timeout: Some(Duration::from_secs(12)),
};

/// Sessions of commands that copy a whole database.
const BULK: SessionProfile = SessionProfile {
    settings: "SET statement_timeout = 0; SET lock_timeout = '2s'; SET synchronous_commit = on",
    timeout: None,
};

/// Pins the search path to `public` if that schema has our tables, so that a schema created by a
/// less privileged role, or a search path that the role sets, cannot shadow them.
const FIX_SEARCH_PATH: &str =
    "SELECT pg_catalog.set_config('search_path', 'public, pg_temp', false)
                               WHERE pg_catalog.to_regclass('public.schema_version') IS NOT NULL";

/// Opens connections.
#[derive(Clone)]
pub(super) struct Connector {
    server: Arc<Postgres>,
    /// Built once: parsing certificates takes milliseconds.
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    pub(super) fn new(server: &Postgres) -> Result<Connector, StoreError> {
        let tls =
            (server.config.get_ssl_mode() != SslMode::Disable).then(|| tls(server)).transpose()?;
        Ok(Connector { server: Arc::new(server.clone()), tls })
    }

    /// Connects on the current runtime, which drives the connection until the client is dropped.
    async fn connect(&self, profile: &SessionProfile) -> Result<Client, PostgresError> {
        let config = &self.server.config;
        let connected = timeout(CONNECT_TIMEOUT, async {
            let client = match &self.tls {
                Some(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    tokio::spawn(connection);
                    client
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    tokio::spawn(connection);
                    client
                }
            };
            client.batch_execute(&format!("{}; {FIX_SEARCH_PATH}", profile.settings)).await?;
            Ok(client)
        });
        connected.await.unwrap_or(Err(PostgresError::Timeout))
    }
}

fn tls(server: &Postgres) -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = RootCertStore::empty();
    match &server.root_certificates {
        Some(path) => {
            let failed = |why: &dyn fmt::Display| {
                StoreError::Other(format!(
                    "CA certificates of the database in {}: {why}",
                    path.display()
                ))
            };
            let certificates = CertificateDer::pem_file_iter(path).map_err(|e| failed(&e))?;
            for certificate in certificates {
                roots.add(certificate.map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
            }
            if roots.is_empty() {
                return Err(failed(&"no certificate found"));
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|e| StoreError::Other(e.to_string()))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Runs blocking work without blocking other tasks of the runtime.
pub(super) fn block_in_place<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Err(_) => work(),
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        // Only tests use a current-thread runtime.
        Ok(_) => std::thread::scope(|scope| match scope.spawn(work).join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }),
    }
}

/// Why a statement has no result.
#[derive(Debug)]
pub(super) enum PostgresError {
    Driver(tokio_postgres::Error),
    /// No reply within the timeout.
    Timeout,
}

impl PostgresError {
    fn code(&self) -> Option<&SqlState> {
        match self {
            PostgresError::Driver(error) => error.code(),
            PostgresError::Timeout => None,
        }
    }

    /// A serialization failure or deadlock: this transaction was rolled back in favour of another.
    fn is_serialization_failure(&self) -> bool {
        self.code().is_some_and(|code| {
            [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code)
        })
    }

    /// A row violates a constraint, or has a value that its column cannot hold.
    fn is_of_row(&self) -> bool {
        self.code().is_some_and(|code| ["22", "23"].iter().any(|c| code.code().starts_with(c)))
    }

    /// The server is about to close the connection.
    fn closes_connection(&self) -> bool {
        self.code().is_some_and(|code| {
            [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW]
                .contains(code)
        })
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        PostgresError::Driver(error)
    }
}

impl fmt::Display for PostgresError {
    /// The server's message without its detail, which repeats values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PostgresError::Driver(error) = self else {
            return f.write_str("the database did not respond in time");
        };
        match (error.as_db_error(), std::error::Error::source(error)) {
            (Some(told), _) => write!(f, "{} ({})", told.message(), told.code().code()),
            (None, Some(cause)) => write!(f, "{error}: {cause}"),
            (None, None) => error.fmt(f),
        }
    }
}

impl std::error::Error for PostgresError {}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        PostgresError::Driver(error).into()
    }
}

impl From<PostgresError> for StoreError {
    fn from(fault: PostgresError) -> Self {
        let why = fault.to_string();
        let PostgresError::Driver(error) = fault else { return StoreError::Unavailable(why) };
        let Some(told) = error.as_db_error() else {
            // tokio_postgres distinguishes conversion errors from connection errors only in its
            // messages.
            let is_of_values = ["error serializing", "error deserializing", "invalid column"];
            let is_of_values = is_of_values.iter().any(|begins| why.starts_with(begins));
            return if is_of_values {
                StoreError::Other(why)
            } else {
                StoreError::Unavailable(why)
            };
        };
        match told.constraint().and_then(conflict) {
            Some(conflict) => StoreError::Conflict(conflict),
            None if is_transient(told.code()) => StoreError::Unavailable(why),
            None => StoreError::Other(why),
        }
    }
}

/// By SQLSTATE class: connection, transaction rollback, resources, object state, operator
/// intervention, system.
fn is_transient(code: &SqlState) -> bool {
    let class = code.code().get(..2).unwrap_or_default();
    ["08", "40", "53", "55", "57", "58"].contains(&class)
        || [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::IN_FAILED_SQL_TRANSACTION].contains(code)
}

/// Maps a violated unique index to its conflict.
fn conflict(index: &str) -> Option<Conflict> {
    match index {
        "accounts_username_key" => Some(Conflict::Username),
        "email_addresses_account_email" => Some(Conflict::AccountEmail),
        "email_addresses_verified" => Some(Conflict::VerifiedEmail),
        "email_addresses_primary" => Some(Conflict::PrimaryEmail),
        "sessions_digest" => Some(Conflict::Session),
        "tokens_digest" => Some(Conflict::Token),
        "social_accounts_identity" => Some(Conflict::SocialAccount),
        _ => None,
    }
}
