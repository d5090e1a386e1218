//! One line that names the setting and its accepted values. It never shows the value, which may be
//! a secret.

use super::settings::Setting;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("{0}: unknown setting; `inventree-auth check-config --list` lists all settings")]
    Unknown(String),
    /// Several settings, a line for each.
    #[error("{}", lines(.0))]
    Several(Vec<ConfigError>),
    #[error(
        "INVENTREE_SITE_URL: a path is not supported: this server needs a host of its own, or \
             a proxy that passes its paths on unchanged"
    )]
    SitePath,
    #[error("{name}: expected {accepts}")]
    Invalid { name: String, accepts: String },
    /// A file, with the setting that names it.
    #[error("{0}: {1}")]
    Unreadable(String, String),
    #[error("{0} and {1} are mutually exclusive")]
    Exclusive(String, String),
    #[error("{0} and {1} must be set together")]
    Incomplete(&'static str, &'static str),
    #[error("{0} requires {1}")]
    Missing(&'static str, String),
    #[error("{0} requires INVENTREE_DB_ENGINE=postgresql")]
    PostgresOnly(&'static str),
    #[error("INVENTREE_ADMIN_PASSWORD: {}", .0.join(" "))]
    AdminPassword(Vec<String>),
}

fn lines(errors: &[ConfigError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

impl ConfigError {
    pub(super) fn invalid(setting: &Setting) -> ConfigError {
        ConfigError::Invalid { name: setting.name.to_owned(), accepts: setting.kind.to_string() }
    }
}

/// The errors of a configuration, each once.
#[derive(Default)]
pub(super) struct Errors(pub Vec<ConfigError>);

impl Errors {
    pub fn add(&mut self, error: ConfigError) {
        if !self.0.contains(&error) {
            self.0.push(error);
        }
    }

    /// The value, or `None` once its error is noted.
    pub fn keep<T>(&mut self, read: Result<T, ConfigError>) -> Option<T> {
        read.map_err(|error| self.add(error)).ok()
    }

    /// As [`Errors::keep`], with a default that no server starts with.
    pub fn or_default<T: Default>(&mut self, read: Result<T, ConfigError>) -> T {
        self.keep(read).unwrap_or_default()
    }

    /// All of them, if there are any.
    pub fn into_error(mut self) -> Option<ConfigError> {
        match self.0.len() {
            0 | 1 => self.0.pop(),
            _ => Some(ConfigError::Several(self.0)),
        }
    }
}
