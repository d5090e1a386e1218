//! `backup`: copies the database of a running server, and names the files to keep with the copy.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, failure, load, named_database, print};
use crate::{secret_key, store};

#[derive(Args)]
pub(super) struct Backup {
    /// The file to write; it must not exist.
    file: PathBuf,
    /// The SQLite file.
    #[arg(long, value_name = "FILE")]
    database: Option<String>,
    /// A YAML, TOML or .env file of settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(backup: &Backup) -> Result<(), Failure> {
    let mut config = load(backup.config.as_deref())?;
    if let Some(database) = &backup.database {
        config.database = named_database(database, &config)?;
    }
    let Some(file) = config.database.file() else {
        return Err(failure(
            "back up PostgreSQL with its own tools, such as pg_dump, or `copy` it to an SQLite \
             file",
        ));
    };
    let bytes = store::back_up(file, &backup.file).map_err(failure)?;
    let key = match config.secret_key {
        Some(_) => "the secret key of the settings".to_owned(),
        None => secret_key::path(file).display().to_string(),
    };
    print(&format!(
        "{} is a backup of {}, {bytes} bytes.\n\
         Keep {key} too: without it, emailed links and queued email are void.\n",
        backup.file.display(),
        config.database,
    ))
}
