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
use crate::store::Store;

const GENERATED_BYTES: usize = 32;

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
) -> Result<SecretKey, String> {
    let had_one = store.read(|r| r.secret_key_exists()).await.map_err(|e| e.to_string())?;
    let secret = load(config, had_one, entropy)?;
    let fingerprint = secret.fingerprint();
    let known = store.read(|r| {
        Ok::<_, crate::store::StoreError>((
            r.secret_key_is_known(&fingerprint)?,
            r.secret_key_exists_other(&fingerprint)?,
        ))
    });
    let (is_known, exists_other) = known.await.map_err(|e| e.to_string())?;
    if !is_known {
        if exists_other {
            warn!(
                log,
                "the secret key is not the one that this database was used with: links emailed, \
                 emails queued and second factors stored under that one are void"
            );
        }
        store
            .write(move |w| w.secret_key_insert(&fingerprint, now))
            .await
            .map_err(|e| e.to_string())?;
    }
    Ok(secret)
}

/// The configured secret key, or the one beside the database, which is made unless the database had
/// one.
pub(crate) fn load(
    config: &Config,
    had_one: bool,
    entropy: &dyn Entropy,
) -> Result<SecretKey, String> {
    if let Some(secret) = &config.secret_key {
        return Ok(SecretKey::new(secret.expose().as_bytes()));
    }
    let path = match config.database.file() {
        Some(file) => path(file),
        None => {
            return Err(
                "INVENTREE_SECRET_KEY is needed: no file beside the database could be shared"
                    .to_owned(),
            );
        }
    };
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    let secret = match std::fs::read_to_string(&path) {
        Ok(text) => Secret::new(text.trim().to_owned()),
        Err(e) if e.kind() == ErrorKind::NotFound && had_one => {
            return Err(format!(
                "{0} is missing, and this database was used with a secret key: restore the file, \
                 or set \
                 INVENTREE_SECRET_KEY to that key; if it is lost, `openssl rand -hex 32 > {0}` \
                 makes a new one, and voids \
                 emailed links, queued emails and second factors",
                path.display()
            ));
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
        return Err(format!(
            "{} holds no secret key: it must have {MIN_SECRET_KEY_CHARACTERS} characters at least",
            path.display()
        ));
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
