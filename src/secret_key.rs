//! The server's secret key: of the settings, or of a file beside the database that is made for a
//! new database.
//!
//! The database keeps a fingerprint of each key that it was used with, so that a lost key is not
//! replaced unnoticed: emailed links, queued emails and second factors are void without it. Must
//! never show a key.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use slog::{Logger, warn};

use crate::config::{Config, MIN_SECRET_KEY_CHARACTERS};
use crate::domain::Entropy;
use crate::domain::keys::{SecretKey, hex};
use crate::secret::Secret;
use crate::store::{Store, StoreError};

const GENERATED_BYTES: usize = 32;

/// One line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SecretKeyError {
    #[error("INVENTREE_SECRET_KEY is required: servers cannot share a key file")]
    Required,
    #[error(
        "{file} is missing, and this database was used with a secret key: restore the file, or set \
         INVENTREE_SECRET_KEY to that key; if it is lost, `openssl rand -hex 32 > {file}` makes a \
         new one, and voids emailed links, queued emails and second factors",
        file = .0.display()
    )]
    Lost(PathBuf),
    #[error(
        "{} contains no secret key of at least {MIN_SECRET_KEY_CHARACTERS} characters",
        .0.display()
    )]
    Short(PathBuf),
    #[error("{}: {reason}", .file.display())]
    File { file: PathBuf, reason: std::io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The secret key of a server on this database.
///
/// # Errors
///
/// One line for the operator: the key is unreadable, too short, or lost.
pub(crate) async fn of_server(
    config: &Config,
    store: &Store,
    entropy: &dyn Entropy,
    now: DateTime<Utc>,
    log: &Logger,
) -> Result<SecretKey, SecretKeyError> {
    let had_one = store.read(|r| r.secret_key_exists()).await?;
    let secret = load(config, had_one, entropy)?;
    let fingerprint = secret.fingerprint();
    let known = store.read(|r| {
        Ok::<_, StoreError>((
            r.secret_key_is_known(&fingerprint)?,
            r.secret_key_exists_other(&fingerprint)?,
        ))
    });
    let (is_known, exists_other) = known.await?;
    if !is_known {
        if exists_other {
            warn!(
                log,
                "the secret key differs from the one that this database was used with: emailed \
                 links, queued emails and stored second factors are void"
            );
        }
        store.write(move |w| w.secret_key_insert(&fingerprint, now)).await?;
    }
    Ok(secret)
}

/// The configured secret key, or the one beside the database, which is made unless the database had
/// one.
pub(crate) fn load(
    config: &Config,
    had_one: bool,
    entropy: &dyn Entropy,
) -> Result<SecretKey, SecretKeyError> {
    if let Some(secret) = &config.secret_key {
        return Ok(SecretKey::new(secret.expose().as_bytes()));
    }
    let path = path(config.database.file().ok_or(SecretKeyError::Required)?);
    let failed = |reason| SecretKeyError::File { file: path.clone(), reason };
    let secret = match std::fs::read_to_string(&path) {
        Ok(text) => Secret::new(text.trim().to_owned()),
        Err(e) if e.kind() == ErrorKind::NotFound && had_one => {
            return Err(SecretKeyError::Lost(path));
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let mut bytes = [0; GENERATED_BYTES];
            entropy.fill(&mut bytes);
            let text = hex(&bytes);
            write_private(&path, &text).map_err(failed)?;
            Secret::new(text)
        }
        Err(e) => return Err(failed(e)),
    };
    if secret.expose().chars().count() < MIN_SECRET_KEY_CHARACTERS {
        return Err(SecretKeyError::Short(path));
    }
    Ok(SecretKey::new(secret.expose().as_bytes()))
}

/// The file beside this database.
pub(crate) fn path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".secret_key");
    PathBuf::from(name)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
