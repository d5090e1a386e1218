//! The engine for several servers on one database: PostgreSQL, or whatever speaks its protocol.
//!
//! A closure waits for its answers on the thread it runs on, as with the embedded engine ([`reading`], [`writing`]), and
//! [`elsewhere`] keeps that from holding up the async runtime. What nearly every request asks goes over [`lines`] and
//! waits on no thread. What is read may be asked twice, so a read survives a lost connection; what was written is never
//! sent again once the server may have seen it.
//!
//! Must rely on nothing but row locks to keep writers apart, as not every engine of this protocol has advisory ones, and
//! must wait for no answer without an end: a server that has frozen says nothing, and its machine goes on to acknowledge.

pub(super) mod lines;
mod reading;
mod waiting;
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
pub(super) use writing::{Forgiving, Writing};

use super::database::Postgres;
use super::{Conflict, StoreError};

/// How long a server may take to let somebody in.
const PATIENCE_TO_CONNECT: Duration = Duration::from_secs(3);

/// What a connection is good for, in the server's settings, and how long its user waits for an answer: longer than the
/// server itself lets a statement run.
struct Terms {
    settings: &'static str,
    patience: Option<Duration>,
}

/// None of its statements writes.
const READS: Terms = Terms {
    settings: "SET statement_timeout = '5s'; SET default_transaction_read_only = on",
    patience: Some(Duration::from_secs(7)),
};

/// The wait for other writers has an end too. One that falls silent must not keep the others waiting: the server ends its
/// transaction.
const WRITES: Terms = Terms {
    settings: "SET statement_timeout = '10s'; SET lock_timeout = '2s'; SET idle_in_transaction_session_timeout = '5s'; \
               SET synchronous_commit = on",
    patience: Some(Duration::from_secs(12)),
};

/// For an operator's command, which moves a whole database.
const MOVES: Terms = Terms {
    settings: "SET statement_timeout = 0; SET lock_timeout = '2s'; SET synchronous_commit = on",
    patience: None,
};

/// Tables are those of `public` where it has ours: a schema that a role of few rights can make, or a search path that it
/// sets for itself, leads to no others.
const FIX_SEARCH_PATH: &str = "SELECT pg_catalog.set_config('search_path', 'public, pg_temp', false)
                               WHERE pg_catalog.to_regclass('public.schema_version') IS NOT NULL";

/// How to connect.
#[derive(Clone)]
pub(super) struct Connector {
    server: Arc<Postgres>,
    /// Made once: certificates take milliseconds to read.
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    pub(super) fn new(server: &Postgres) -> Result<Connector, StoreError> {
        let tls = (server.config.get_ssl_mode() != SslMode::Disable).then(|| tls(server)).transpose()?;
        Ok(Connector { server: Arc::new(server.clone()), tls })
    }

    /// On the runtime it is called on, which drives the connection until its client is dropped.
    async fn connect(&self, terms: &Terms) -> Result<Client, Fault> {
        let config = &self.server.config;
        let connected = timeout(PATIENCE_TO_CONNECT, async {
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
            client.batch_execute(&format!("{}; {FIX_SEARCH_PATH}", terms.settings)).await?;
            Ok(client)
        });
        connected.await.unwrap_or(Err(Fault::Silence))
    }
}

fn tls(server: &Postgres) -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = RootCertStore::empty();
    match &server.root_certificates {
        Some(path) => {
            let failed = |why: &dyn fmt::Display| {
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

/// Runs what waits on its thread where it may: not on one that drives other tasks.
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

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    Said(tokio_postgres::Error),
    /// Nothing was said for as long as somebody had patience.
    Silence,
}

impl Fault {
    fn code(&self) -> Option<&SqlState> {
        match self {
            Fault::Said(error) => error.code(),
            Fault::Silence => None,
        }
    }

    /// Two transactions stood in each other's way, and this is the one that was undone.
    fn is_of_another(&self) -> bool {
        self.code()
            .is_some_and(|code| [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code))
    }

    /// The server ends the connection, though it may not have done so yet.
    fn is_end(&self) -> bool {
        self.code().is_some_and(|code| {
            [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(code)
        })
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Fault::Said(error)
    }
}

impl fmt::Display for Fault {
    /// What the server said, without the detail: that repeats values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault::Said(error) = self else { return f.write_str("the database does not answer") };
        match (error.as_db_error(), std::error::Error::source(error)) {
            (Some(told), _) => write!(f, "{} ({})", told.message(), told.code().code()),
            (None, Some(cause)) => write!(f, "{error}: {cause}"),
            (None, None) => error.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        Fault::Said(error).into()
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        let why = fault.to_string();
        let Fault::Said(error) = fault else { return StoreError::Unavailable(why) };
        let Some(told) = error.as_db_error() else {
            // Of the connection, unless a column takes or gives no such value. The crate tells them apart in words alone.
            let is_of_values = ["error serializing", "error deserializing", "invalid column"];
            let is_of_values = is_of_values.iter().any(|begins| why.starts_with(begins));
            return if is_of_values { StoreError::Other(why) } else { StoreError::Unavailable(why) };
        };
        match told.constraint().and_then(conflict) {
            Some(conflict) => StoreError::Conflict(conflict),
            None if is_passing(told.code()) => StoreError::Unavailable(why),
            None => StoreError::Other(why),
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
