//! `backup`: a copy of the database beside a server that runs, and what else has to be kept.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, failure, load, print};
use crate::{server, store};

#[derive(Args)]
pub(super) struct Backup {
    /// The copy to write; there must be no such file yet.
    file: PathBuf,
    /// The SQLite file.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// A YAML or TOML file of settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(backup: &Backup) -> Result<(), Failure> {
    let mut config = load(backup.config.as_deref())?;
    if let Some(database) = &backup.database {
        config.database.clone_from(database);
    }
    let bytes = store::back_up(&config.database, &backup.file).map_err(failure)?;
    let key = match config.secret_key {
        Some(_) => "the secret key of the settings".to_owned(),
        None => server::secret_path(&config.database).display().to_string(),
    };
    print(&format!(
        "{} holds {} as it is now, {bytes} bytes.\n\
         Keep {key} too: without it, mailed links and waiting mails are void.\n",
        backup.file.display(),
        config.database.display(),
    ))
}
