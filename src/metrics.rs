//! Metrics: names, units and help texts.
//!
//! Each layer owns its metrics and updates them; [`registry`] collects them for the admin server
//! (`admin_server.rs`). Updates never block, fail or cost more than the measured work. A label
//! never contains client input, since each label set lives as long as the process.

mod process;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use specbound::metrics::{Http, SECONDS};

use self::process::ProcessCollector;

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// The password hashing queue.
#[derive(Clone, Debug)]
pub struct Hashing {
    pub waiting: Gauge,
    pub seconds: Histogram,
    pub rejected: Counter,
}

impl Default for Hashing {
    fn default() -> Hashing {
        Hashing { waiting: Gauge::default(), seconds: seconds(), rejected: Counter::default() }
    }
}

/// The writer thread.
#[derive(Clone, Debug)]
pub struct Writing {
    pub waiting: Gauge,
    /// Number of writes per transaction.
    pub batch: Histogram,
    /// From BEGIN until the commit is durable.
    pub seconds: Histogram,
    pub failed: Counter,
}

impl Default for Writing {
    fn default() -> Writing {
        let batch = Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]);
        Writing { waiting: Gauge::default(), batch, seconds: seconds(), failed: Counter::default() }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Mail {
    pub sent: Counter,
    /// Delivery attempts that the mail server did not accept, even if a later one succeeds.
    pub deferred: Counter,
    /// Messages given up: rejected permanently, expired, or encrypted with another key.
    pub dropped: Counter,
}

/// Metrics of the log itself.
#[derive(Clone, Debug, Default)]
pub struct Logging {
    /// Lines dropped because the queue was full.
    pub dropped: Counter,
}

/// Results of one kind of operation, by the label `outcome`. Every outcome is exported from the
/// start, so that a rate has a value before the first event.
#[derive(Clone, Debug)]
pub struct Outcomes(Family<[(&'static str, &'static str); 1], Counter>);

impl Outcomes {
    fn new(outcomes: &[&'static str]) -> Outcomes {
        let family = Outcomes(Family::default());
        for outcome in outcomes {
            let _ = family.0.get_or_create(&[("outcome", *outcome)]);
        }
        family
    }

    pub fn count(&self, outcome: &'static str) {
        self.0.get_or_create(&[("outcome", outcome)]).inc();
    }
}

/// Refused attempts by the label `purpose`.
#[derive(Clone, Debug, Default)]
pub struct Throttled(Family<[(&'static str, &'static str); 1], Counter>);

impl Throttled {
    pub fn count(&self, purpose: &'static str) {
        self.0.get_or_create(&[("purpose", purpose)]).inc();
    }
}

/// Outcomes of the rules.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub logins: Outcomes,
    pub registrations: Outcomes,
    pub password_resets: Outcomes,
    /// By provider and reason.
    pub provider_errors: Family<[(&'static str, String); 2], Counter>,
}

impl Default for Accounts {
    fn default() -> Accounts {
        const FAILURES: [&str; 3] = ["rejected", "throttled", "failed"];
        Accounts {
            logins: Outcomes::new(
                &[&["success", "second_factor_required"], &FAILURES[..]].concat(),
            ),
            registrations: Outcomes::new(&[&["success"], &FAILURES[..]].concat()),
            password_resets: Outcomes::new(&[&["requested", "success"], &FAILURES[..]].concat()),
            provider_errors: Family::default(),
        }
    }
}

impl Accounts {
    pub fn provider_failed(&self, provider: &str, reason: &'static str) {
        let labels = [("provider", provider.to_owned()), ("reason", reason.to_owned())];
        self.provider_errors.get_or_create(&labels).inc();
    }
}

/// The certificate in use.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// In seconds since the Unix epoch.
    pub certificate_expiry: Gauge,
}

/// Gauges sampled for each scrape.
#[derive(Clone, Debug, Default)]
pub struct SampledGauges {
    pub mails_waiting: Gauge,
    pub oldest_mail_seconds: Gauge,
    pub database_bytes: Gauge,
    pub log_bytes: Gauge,
    pub free_bytes: Gauge,
}

/// The metrics of each part of the server.
pub struct Sources<'a> {
    pub http: &'a Http,
    pub hashing: &'a Hashing,
    pub writing: &'a Writing,
    pub mail: &'a Mail,
    pub logging: &'a Logging,
    pub accounts: &'a Accounts,
    pub throttled: &'a Throttled,
    pub gauges: &'a SampledGauges,
    /// `None` unless this server terminates TLS.
    pub tls: Option<&'a Tls>,
    /// Whether the database is an SQLite file.
    pub has_file: bool,
}

/// Names follow the Prometheus conventions: base units, and the plural of the counted thing.
pub fn registry(sources: Sources<'_>) -> Registry {
    let Sources {
        http,
        hashing,
        writing,
        mail,
        logging,
        accounts,
        throttled,
        gauges,
        tls,
        has_file,
    } = sources;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(ProcessCollector::new()));
    let all = registry.sub_registry_with_prefix("inventree_auth");
    let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    all.register("build", "The program", build);

    http.register(all);

    let help = "Sign-ins with a password, a passkey or a provider, by outcome";
    all.register("logins", help, accounts.logins.0.clone());
    let help = "Registrations whose fields were well formed, by outcome";
    all.register("registrations", help, accounts.registrations.0.clone());
    let help = "Password resets requested and completed, by outcome";
    all.register("password_resets", help, accounts.password_resets.0.clone());
    let help = "Attempts refused by a rate limit, by purpose";
    all.register("throttled", help, throttled.0.clone());
    let help = "Sign-ins that failed at a provider, by provider and reason";
    all.register("provider_errors", help, accounts.provider_errors.clone());

    all.register(
        "hashes_waiting",
        "Password checks waiting for a hashing thread",
        hashing.waiting.clone(),
    );
    let help = "Time to hash or verify a password, without the queue";
    all.register_with_unit("hash_duration", help, Unit::Seconds, hashing.seconds.clone());
    let help = "Password checks rejected with 503 because the queue was full";
    all.register("password_hashes_rejected", help, hashing.rejected.clone());

    all.register("writes_waiting", "Writes waiting for the writer", writing.waiting.clone());
    all.register("write_batch_size", "Writes per transaction", writing.batch.clone());
    let help = "Time from the start of a write transaction to its durable commit";
    all.register_with_unit(
        "write_transaction_duration",
        help,
        Unit::Seconds,
        writing.seconds.clone(),
    );
    all.register(
        "write_transactions_failed",
        "Write transactions that failed (503)",
        writing.failed.clone(),
    );

    all.register("emails_sent", "Emails that a mail server accepted", mail.sent.clone());
    all.register(
        "emails_deferred",
        "Delivery attempts that failed and will be retried",
        mail.deferred.clone(),
    );
    let help = "Emails dropped: permanently rejected, expired, or encrypted with another key";
    all.register("emails_dropped", help, mail.dropped.clone());
    all.register("emails_waiting", "Emails in the outbox", gauges.mails_waiting.clone());
    let help = "Age of the oldest email in the outbox";
    all.register_with_unit(
        "email_oldest_age",
        help,
        Unit::Seconds,
        gauges.oldest_mail_seconds.clone(),
    );

    let help = "Log lines dropped because the queue was full";
    all.register("log_lines_dropped", help, logging.dropped.clone());

    if let Some(tls) = tls {
        register_tls(all, tls);
    }
    if has_file {
        register_file(all, gauges);
    }
    registry
}

/// Metrics of a server that terminates TLS itself.
fn register_tls(all: &mut Registry, tls: &Tls) {
    let help = "Expiry of the certificate in use, since the Unix epoch";
    let gauge = tls.certificate_expiry.clone();
    all.register_with_unit("tls_certificate_expiry_timestamp", help, Unit::Seconds, gauge);
}

/// Metrics of an SQLite file. PostgreSQL has separate exporters.
fn register_file(all: &mut Registry, gauges: &SampledGauges) {
    let help = "Size of the database file";
    all.register_with_unit("database_size", help, Unit::Bytes, gauges.database_bytes.clone());
    let help = "Size of the write-ahead log";
    all.register_with_unit("database_log_size", help, Unit::Bytes, gauges.log_bytes.clone());
    let help = "Free space on the file system of the database";
    all.register_with_unit("disk_free", help, Unit::Bytes, gauges.free_bytes.clone());
}
