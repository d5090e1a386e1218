//! Online backup of the database: a consistent copy, taken while servers use it.
//!
//! The database, including its schema, is not modified, so that a newer program can back up the
//! database of an older server. The copy gets its name once it is complete and durable, and never
//! replaces an existing file.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::Builder;

use super::StoreError;
use super::sqlite::{BUSY_TIMEOUT, cannot_open, is_latest, open_flags};

/// Backs up the database and returns the size of the copy in bytes. Does not block writers.
///
/// # Errors
///
/// One line for the operator. No partial copy is left behind.
pub fn back_up(database: &Path, to: &Path) -> Result<u64, StoreError> {
    let failed =
        |error: &dyn std::fmt::Display| StoreError::Other(format!("{}: {error}", to.display()));
    let database = database.canonicalize().map_err(|error| cannot_open(database, &error))?;
    let connection = Connection::open_with_flags(&database, open_flags())?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let known = is_latest(&connection).map_err(|error| cannot_open(&database, &error))?;
    known.ok_or_else(|| cannot_open(&database, &"it is not a database of this server"))?;
    // Fail early; the check that prevents the race follows at the end.
    if to.symlink_metadata().is_ok() {
        return Err(failed(&ALREADY_THERE));
    }
    let folder = folder_of(to).canonicalize().map_err(|error| failed(&error))?;
    let copy =
        Builder::new().prefix(".backup-").tempfile_in(&folder).map_err(|error| failed(&error))?;
    let path =
        copy.path().to_str().ok_or_else(|| failed(&"the name of its folder is not Unicode"))?;
    connection.execute("VACUUM INTO $1", [path]).map_err(|error| failed(&error))?;
    let file = copy.as_file();
    let bytes =
        file.sync_all().and_then(|()| file.metadata()).map_err(|error| failed(&error))?.len();
    copy.persist_noclobber(to).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => failed(&ALREADY_THERE),
        _ => failed(&error.error),
    })?;
    // A new name is durable once its directory is synced.
    #[cfg(unix)]
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(&error))?;
    Ok(bytes)
}

const ALREADY_THERE: &str = "it is there already, and is not overwritten";

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
