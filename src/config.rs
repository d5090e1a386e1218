//! Settings, with InvenTree's names: from the environment, then from a YAML, TOML or `.env` file.
//!
//! An unknown name or an invalid value fails at start, with one line that names the setting and its
//! accepted values. InvenTree's other settings are ignored and reported. A secret is given as a
//! value or a file (`…_FILE`), and is redacted in `Debug`. No other module reads the environment.

mod env_file;
mod error;
mod forward_auth;
mod inventree;
mod listing;
mod parse;
mod settings;
#[cfg(test)]
mod tests;
mod values;
mod warnings;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::branding::Branding;
use crate::domain::Rules;
use crate::domain::leaked_passwords;
use crate::http::HttpSettings;
use crate::mail::transport::Mailbox;
use crate::network::Network;
use crate::providers::ProviderSettings;
use crate::secret::Secret;
use crate::store::Database;

pub use error::ConfigError;
pub use listing::{ListedSetting, describe, page, settings};
pub(crate) use settings::MIN_SECRET_KEY_CHARACTERS;

#[derive(Debug, Clone)]
pub struct Config {
    /// Settings that the rules read themselves; the URL of this site is one of them.
    pub rules: Rules,
    pub database: Database,
    /// For a server that a command names without a password.
    pub database_password: Option<Secret>,
    pub database_roots: Option<PathBuf>,
    /// `None`: generated at the first start and stored beside the database.
    pub secret_key: Option<Secret>,
    pub admin: Option<Admin>,
    pub branding: Branding,
    pub email: Email,
    /// The claim with the groups of a user.
    pub groups_claim: String,
    /// Ids of the providers whose groups are followed.
    pub group_providers: Vec<String>,
    pub providers: Vec<ProviderSettings>,
    /// Root certificates of providers, beside the public ones.
    pub provider_roots: Option<PathBuf>,
    /// Private addresses that a provider may have.
    pub provider_networks: Vec<Network>,
    pub leaked_passwords: leaked_passwords::Choice,
    /// Settings that the HTTP layer reads itself.
    pub http: HttpSettings,
    pub rate_limits: bool,
    /// The address of health checks and metrics; `None` disables them.
    pub metrics_bind: Option<SocketAddr>,
    pub tls: Option<PemFiles>,
    /// Keeps email for a page to show. Set by `--demo` only, not by a setting.
    pub mailbox: Option<Mailbox>,
    /// INVENTREE_CUSTOMIZE_DIR, which exists.
    pub customize_dir: Option<PathBuf>,
    pub log_level: slog::Level,
    pub json_log: bool,
    /// Names of InvenTree's settings that are set and mean nothing here.
    pub ignored: Vec<String>,
}

/// A certificate chain and its private key.
#[derive(Debug, Clone)]
pub struct PemFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The administrator account, created at start if missing.
#[derive(Debug, Clone)]
pub struct Admin {
    pub username: String,
    pub password: Secret,
    pub email: String,
}

#[derive(Debug, Clone)]
pub struct Email {
    pub backend: Backend,
    pub sender: String,
    pub sender_name: String,
    pub reply_to: Option<String>,
    pub prefix: String,
}

#[derive(Debug, Clone)]
pub enum Backend {
    /// No mail server: messages stay in the outbox.
    None,
    Console,
    Smtp {
        host: String,
        port: u16,
        credentials: Option<(String, Secret)>,
        starttls: bool,
        tls: bool,
        /// Root certificates in PEM; `None`: those of the system.
        roots: Option<String>,
    },
}

impl Config {
    /// # Errors
    ///
    /// [`ConfigError`]: all unknown names, invalid values and contradictions, a line for each.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        parse::config(values::Values::read(file, environment)?)
    }
}
