//! `leaked-passwords`: makes a filter of leaked passwords, for INVENTREE_LEAKED_PASSWORDS.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, failure, print};
use crate::domain::leaked_passwords;

#[derive(Args)]
pub(super) struct Make {
    /// Lines `HASH:COUNT` of SHA-1 hashes in their order, as Have I Been Pwned has them. `-` is
    /// standard input.
    hashes: PathBuf,
    /// The file to write; it must not exist.
    filter: PathBuf,
    /// Leave out passwords that were seen less often.
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_count: u64,
}

pub(super) fn run(make: &Make) -> Result<(), Failure> {
    let at = |path: &Path| {
        let path = path.display().to_string();
        move |reason: io::Error| failure(format!("{path}: {reason}"))
    };
    let hashes: Box<dyn BufRead> = match make.hashes.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(BufReader::new(File::open(&make.hashes).map_err(at(&make.hashes))?)),
    };
    let file = File::create_new(&make.filter).map_err(at(&make.filter))?;
    let made = leaked_passwords::make(hashes, BufWriter::new(file), make.min_count);
    let made = made.map_err(|error| {
        // Half a filter must not be used. The first error is reported.
        let _ = fs::remove_file(&make.filter);
        failure(format!("{}: {error}", make.hashes.display()))
    })?;
    let bytes = fs::metadata(&make.filter).map_err(at(&make.filter))?.len();
    let filter = make.filter.display();
    print(&format!("{filter} is a filter of {made} leaked passwords, {bytes} bytes.\n"))
}
