//! `import`: imports accounts, with a progress bar and a summary.

use std::fmt;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::{Failure, failure, load, named_database, print};
use crate::config::Config;
use crate::domain::keys::SecretKey;
use crate::domain::{Clock, Entropy, SystemClock, SystemEntropy, import};
use crate::secret_key;
use crate::store::{Commit, Database, InvenTree, Reader};

#[derive(Subcommand)]
pub(super) enum Import {
    /// Import accounts, addresses, social accounts, API tokens and TOTP devices from InvenTree
    /// (API version 291), all or nothing. Rows of an earlier import are left unchanged.
    Inventree(Inventree),
}

#[derive(Args)]
pub(super) struct Inventree {
    /// InvenTree's SQLite file, postgresql://user@host/name, or a file that mysqldump wrote. A
    /// database is only read, and may be in use.
    #[arg(long, value_name = "SOURCE")]
    from: String,
    /// A file with the password of InvenTree's database server, which an address on the command
    /// line would show to other users of this machine.
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// The SQLite file of this server, created if missing, or postgresql://user@host/name. Stop
    /// the server first: the import locks out its writes.
    #[arg(long, value_name = "DATABASE")]
    database: Option<String>,
    /// A YAML, TOML or .env file of settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Roll back at the end: only report the rows to import, or the conflicts.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(Import::Inventree(import): &Import) -> Result<(), Failure> {
    let mut config = load(import.config.as_deref())?;
    if let Some(database) = &import.database {
        config.database = named_database(database, &config)?;
    }
    let from = source(import, &config)?;
    let source = InvenTree::open(&from).map_err(failure)?;
    let bar = progress_bar(source.count().map_err(failure)?);
    let (commit, entropy) =
        (if import.dry_run { Commit::DryRun } else { Commit::Yes }, SystemEntropy);
    let secret = |r: &Reader<'_>| match commit {
        Commit::Yes => {
            let had_one = r.secret_key_exists()?;
            secret_key::load(&config, had_one, &entropy)
        }
        // A dry run creates no key; data encrypted with this one is discarded.
        Commit::DryRun => Ok(SecretKey::new(&random::<32>(&entropy))),
    };
    let done = import::run(
        &source,
        &config.database,
        commit,
        secret,
        || random(&entropy),
        || bar.inc(1),
        SystemClock.now(),
    );
    bar.finish_and_clear();
    let report = done.map_err(failure)?;
    let outcome = match (report.is_noop(), import.dry_run) {
        (true, _) => "Nothing to import: all rows exist already.",
        (false, true) => "Dry run: nothing was written.",
        (false, false) => {
            "Imported. Passwords and unexpired tokens stay valid; all users must log in again."
        }
    };
    print(&format!("{report}{outcome}\n"))
}

/// The source, with the password of its own file alone: that of this server's database is not sent
/// to another server.
fn source(import: &Inventree, config: &Config) -> Result<Database, Failure> {
    if ["mysql://", "mariadb://"].iter().any(|scheme| import.from.starts_with(scheme)) {
        // The URL may contain a password, so it is not repeated.
        return Err(failure(
            "MySQL and MariaDB are read from a dump: mysqldump --single-transaction DATABASE > \
             inventree.sql, then import --from inventree.sql",
        ));
    }
    let password = match &import.from_password_file {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            Some(text.map_err(|error| failure(format!("{}: {error}", path.display())))?)
        }
        None => None,
    };
    let password = password.as_deref().map(|text| text.trim_end_matches(['\r', '\n']));
    match import.from.parse().map_err(failure)? {
        Database::Postgres(server) => Ok(Database::Postgres(Box::new(
            server.or_password(password).or_root_certificates(config.database_roots.clone()),
        ))),
        file => Ok(file),
    }
}

fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// Shown on terminals only, so that log files get just the summary.
pub(super) fn progress_bar(rows: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(rows), ProgressDrawTarget::stderr_with_hz(10));
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} rows, {rate}/s, {eta} left");
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = write!(out, "{:.0}", state.per_sec());
    };
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("rate", rate));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
