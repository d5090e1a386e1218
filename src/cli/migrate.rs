//! `migrate`: migrates the schema without serving, for servers whose role may not change it.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, failure, load, named_database, print};
use crate::store::Store;

#[derive(Args)]
pub(super) struct Migrate {
    /// The SQLite file, or postgresql://user@host/name.
    #[arg(long, value_name = "DATABASE")]
    database: Option<String>,
    /// A YAML, TOML or .env file of settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(migrate: &Migrate) -> Result<(), Failure> {
    let mut config = load(migrate.config.as_deref())?;
    if let Some(database) = &migrate.database {
        config.database = named_database(database, &config)?;
    }
    Store::open(&config.database).map_err(failure)?.close();
    print(&format!("The schema of {} is up to date.\n", config.database))
}
