//! `copy`: copies a database to another one, and names the files to keep with it.

use clap::Args;
use indicatif::ProgressBar;

use super::import::progress_bar;
use super::{Failure, failure, load, named_database, print};
use crate::secret_key;
use crate::store::{self, Database, Progress};

#[derive(Args)]
pub(super) struct Copy {
    /// The target: a new SQLite file, or postgresql://user@host/name, a new or empty database.
    /// INVENTREE_DB_PASSWORD sets its password and INVENTREE_DB_TLS_ROOTS its CA certificates.
    #[arg(long, value_name = "DATABASE")]
    to: String,
    /// The source, by default the database of the settings. It is locked against writes meanwhile.
    #[arg(long, value_name = "DATABASE")]
    from: Option<String>,
    /// A YAML, TOML or .env file of settings.
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
}

struct CopyProgress(ProgressBar);

impl Progress for CopyProgress {
    fn begin(&mut self, rows: u64) {
        self.0 = progress_bar(rows);
    }

    fn row(&mut self) {
        self.0.inc(1);
    }
}

pub(super) fn run(copy: &Copy) -> Result<(), Failure> {
    let config = load(copy.config.as_deref())?;
    let from = copy.from.as_deref().map(|name| named_database(name, &config)).transpose()?;
    let from = from.unwrap_or_else(|| config.database.clone());
    let to = named_database(&copy.to, &config)?;
    let mut bar = CopyProgress(ProgressBar::hidden());
    let copied = store::copy(&from, &to, &mut bar);
    bar.0.finish_and_clear();
    let copied = copied.map_err(failure)?;
    let rows: String =
        copied.iter().map(|(table, rows)| format!("{table:<16} {rows:>10}\n")).collect();
    let key = match (&from, &to) {
        (Database::Sqlite(file), _) if config.secret_key.is_none() => format!(
            "Set INVENTREE_SECRET_KEY_FILE to {} or a copy of it: without that key, emailed links \
             and queued email are void.\n",
            secret_key::path(file).display()
        ),
        _ => {
            "Keep INVENTREE_SECRET_KEY as it is: without that key, emailed links and queued email \
            are void.\n"
                .to_owned()
        }
    };
    print(&format!("{rows}All rows were compared and are identical.\n{key}"))
}
