//! Settings, with InvenTree's names: from the environment, then from a YAML or TOML file.
//!
//! An unknown key or an invalid value fails at start, with one line that names the key and its
//! accepted values. A secret is given as a value or a file (`…_FILE`), and is redacted in `Debug`.
//! No other module reads the environment.

mod warnings;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::Value;

use crate::domain::passwords::{self, UserAttributes};
use crate::http::DEFAULT_SITE_URL;
use crate::mail::transport::Mailbox;
use crate::network::Network;
use crate::providers::ProviderSettings;
use crate::secret::Secret;
use crate::store::{Database, Postgres, PostgresParts};

const PREFIX: &str = "INVENTREE_";

/// A shorter key could be brute-forced from a single emailed link.
pub(crate) const MIN_SECRET_KEY_CHARACTERS: usize = 32;

/// Every key without its prefix, with its accepted values.
const KEYS: &[(&str, &str)] = &[
    ("SITE_URL", "the public URL of this server, such as https://auth.example.com"),
    ("DB_ENGINE", "sqlite3 or postgresql"),
    ("DB_NAME", "the path of the database file; for postgresql, the name of the database"),
    ("DB_USER", "a user name, for postgresql"),
    ("DB_PASSWORD", "a password"),
    ("DB_PASSWORD_FILE", "the path of a file that holds a password"),
    (
        "DB_HOST",
        "the name of a postgresql server, several separated by commas, or the folder of its socket",
    ),
    ("DB_PORT", "a port number"),
    ("DB_TLS", "true or false; by default true, except for a server on this machine"),
    ("DB_TLS_ROOTS", "the path of a PEM file with the CA certificates of the postgresql server"),
    ("SECRET_KEY", "a random text of 32 characters or more, such as of `openssl rand -hex 32`"),
    ("SECRET_KEY_FILE", "the path of a file that holds a secret key of 32 characters or more"),
    ("ADMIN_USER", "a user name"),
    ("ADMIN_PASSWORD", "a password"),
    ("ADMIN_PASSWORD_FILE", "the path of a file that holds a password"),
    ("ADMIN_EMAIL", "an email address"),
    ("EMAIL_BACKEND", "smtp or console"),
    ("EMAIL_HOST", "the name of a mail server"),
    ("EMAIL_PORT", "a port number"),
    ("EMAIL_USERNAME", "a user name"),
    ("EMAIL_PASSWORD", "a password"),
    ("EMAIL_PASSWORD_FILE", "the path of a file that holds a password"),
    ("EMAIL_TLS", "true or false (STARTTLS)"),
    ("EMAIL_SSL", "true or false (TLS from the first byte)"),
    ("EMAIL_SENDER", "an email address"),
    ("EMAIL_PREFIX", "the text in front of every subject"),
    ("LOGIN_ENABLE_REG", "true or false"),
    ("LOGIN_MAIL_REQUIRED", "true or false"),
    ("LOGIN_ENFORCE_MFA", "true or false"),
    ("LOGIN_SIGNUP_MAIL_RESTRICTION", "mail domains, such as @example.com,@example.org"),
    (
        "LOGIN_CONFIRM_FIRST",
        "true or false; true: a new account cannot be used until its address is confirmed",
    ),
    ("LOGIN_ENABLE_PWD_FORGOT", "true or false"),
    ("LOGIN_ENABLE_SSO", "true or false"),
    ("LOGIN_ENABLE_SSO_REG", "true or false"),
    ("LOGIN_SIGNUP_SSO_AUTO", "true or false"),
    ("SSO_PROVIDERS", "sign-in providers, such as google,github,company: letters, digits and -"),
    (
        "SSO_PRIVATE_NETWORKS",
        "private addresses or ranges of sign-in providers, such as 10.0.0.0/8, separated by commas",
    ),
    ("LOGIN_CONFIRM_DAYS", "a number of days, 1 or more"),
    ("MAX_EMAIL_ADDRESSES", "a number of addresses an account may have, 1 to 1000"),
    ("AUDIT_DAYS", "a number of days, 30 or more"),
    ("OLD_PASSWORD_REQUIRED", "true or false"),
    ("SESSION_COOKIE_SECURE", "true or false"),
    ("COOKIE_SAMESITE", "Lax, Strict or None"),
    ("TRUSTED_ORIGINS", "origins, such as https://app.example.com, separated by commas"),
    ("CORS_ORIGIN_WHITELIST", "origins, such as https://app.example.com, separated by commas"),
    ("USE_X_FORWARDED_FOR", "true or false"),
    ("TRUSTED_PROXIES", "addresses or ranges, such as 10.0.0.0/8, separated by commas"),
    ("RATE_LIMITS", "on or off"),
    ("METRICS_BIND", "an address and port for health and metrics, such as 127.0.0.1:9000"),
    ("TLS_CERTIFICATE", "the path of a PEM file with the certificate and its chain"),
    ("TLS_KEY", "the path of a PEM file with the certificate's private key"),
    ("LOG_LEVEL", "debug, info, warning or error"),
    ("JSON_LOG", "true or false"),
];

/// Keys of each sign-in provider: `SSO_<PROVIDER>_<KEY>`, with `-` in the provider written as `_`.
const PROVIDER_KEYS: &[(&str, &str)] = &[
    ("CLIENT_ID", "the client id at the provider"),
    ("CLIENT_SECRET", "the client secret at the provider"),
    ("CLIENT_SECRET_FILE", "the path of a file that holds the client secret"),
    ("ISSUER", "the provider's issuer URL, such as https://id.example.com"),
    ("NAME", "the name shown for the provider"),
];

#[derive(Debug, Clone)]
pub struct Config {
    /// Without a trailing slash.
    pub site_url: String,
    pub database: Database,
    /// For a server that a command names without a password.
    pub database_password: Option<Secret>,
    pub database_roots: Option<PathBuf>,
    /// `None`: generated at the first start and stored beside the database.
    pub secret_key: Option<Secret>,
    pub admin: Option<Admin>,
    pub email: Email,
    pub registration_enabled: bool,
    pub mail_required: bool,
    pub mfa_enforced: bool,
    pub signup_domains: Vec<String>,
    pub confirm_first: bool,
    pub password_forgotten_enabled: bool,
    pub sso_enabled: bool,
    pub sso_registration: bool,
    /// LOGIN_SIGNUP_SSO_AUTO: creates an account from the provider's data, without a form.
    pub sso_auto: bool,
    pub providers: Vec<ProviderSettings>,
    /// Private addresses that a provider may have.
    pub provider_networks: Vec<Network>,
    pub confirm_days: i64,
    pub max_email_addresses: i64,
    pub audit_days: u64,
    pub old_password_required: bool,
    pub session_cookie_secure: bool,
    pub cookie_same_site: String,
    pub trusted_origins: Vec<String>,
    pub cors_origins: Vec<String>,
    /// Empty unless USE_X_FORWARDED_FOR is on.
    pub trusted_proxies: Vec<Network>,
    pub rate_limits: bool,
    /// The address of health checks and metrics; `None` disables them.
    pub metrics_bind: Option<SocketAddr>,
    pub tls: Option<PemFiles>,
    /// Keeps email for a page to show. Set by `--demo` only, not by a setting.
    pub mailbox: Option<Mailbox>,
    pub log_level: slog::Level,
    pub json_log: bool,
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
    },
}

/// One line that names the key and its accepted values.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// # Errors
    ///
    /// [`ConfigError`] for the first unknown key or invalid value.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let mut values = match file {
            Some(path) => read_file(path)?,
            None => BTreeMap::new(),
        };
        for (key, value) in environment.filter(|(key, _)| key.starts_with(PREFIX)) {
            values.insert(key, value);
        }
        let values = Values(values);
        let known: Vec<String> =
            values.provider_ids()?.iter().flat_map(|id| provider_keys(id)).collect();
        for key in values.0.keys() {
            let name = key.strip_prefix(PREFIX).unwrap_or_default();
            if !KEYS.iter().any(|(known, _)| *known == name)
                && !known.iter().any(|known| known == name)
            {
                return Err(ConfigError(format!(
                    "{key}: there is no such setting; `inventree-auth check-config --list` lists \
                     all"
                )));
            }
        }
        values.config()
    }
}

/// Every setting with its accepted values.
pub fn settings() -> impl Iterator<Item = (String, &'static str)> {
    let of_server = KEYS.iter().map(|(key, takes)| (format!("{PREFIX}{key}"), *takes));
    of_server.chain(
        PROVIDER_KEYS.iter().map(|(key, takes)| (format!("{PREFIX}SSO_<PROVIDER>_{key}"), *takes)),
    )
}

/// The keys of one provider, without the prefix.
fn provider_keys(id: &str) -> impl Iterator<Item = String> {
    PROVIDER_KEYS.iter().map(move |(key, _)| provider_key(id, key))
}

fn provider_key(id: &str, key: &str) -> String {
    format!("SSO_{}_{key}", id.to_ascii_uppercase().replace('-', "_"))
}

/// The settings as text, for `check-config --list`.
pub fn describe() -> String {
    settings().map(|(key, takes)| format!("{key}: {takes}\n")).collect()
}

fn read_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let failed = |why: &dyn fmt::Display| ConfigError(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| failed(&e))?;
    let is_toml = path.extension().is_some_and(|extension| extension == "toml");
    let value: Value = if is_toml {
        toml::from_str(&text).map_err(|e| failed(&e.message()))?
    } else {
        serde_yaml_ng::from_str(&text).map_err(|e| failed(&e))?
    };
    let members = match value {
        Value::Object(members) => members,
        Value::Null => return Ok(BTreeMap::new()),
        _ => return Err(failed(&"settings are written `KEY: value`, one a line")),
    };
    members
        .into_iter()
        .map(|(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            Value::Bool(flag) => Ok((key, flag.to_string())),
            Value::Number(number) => Ok((key, number.to_string())),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                Ok((key, items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")))
            }
            _ => Err(wrong(&key)),
        })
        .collect()
}

fn wrong(key: &str) -> ConfigError {
    let name = key.strip_prefix(PREFIX).unwrap_or(key);
    let takes =
        KEYS.iter().find(|(known, _)| *known == name).map_or("no such setting", |(_, takes)| takes);
    ConfigError(format!("{PREFIX}{name} takes {takes}"))
}

struct Values(BTreeMap<String, String>);

impl Values {
    /// An empty value counts as unset.
    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(&format!("{PREFIX}{name}"))
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, ConfigError> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(default),
            Some("true" | "1" | "yes" | "on" | "y" | "t") => Ok(true),
            Some("false" | "0" | "no" | "off" | "n" | "f") => Ok(false),
            Some(_) => Err(wrong(name)),
        }
    }

    fn parsed<T: FromStr>(&self, name: &str, default: T) -> Result<T, ConfigError> {
        self.get(name).map_or(Ok(default), |text| text.parse().map_err(|_| wrong(name)))
    }

    fn list(&self, name: &str) -> Vec<String> {
        let items = self.get(name).unwrap_or_default().split(',');
        items.map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    fn origins(&self, name: &str) -> Result<Vec<String>, ConfigError> {
        let list = self.list(name);
        let is_origin = |text: &String| {
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            host.is_some_and(|host| {
                !host.is_empty() && !host.contains(['/', '*', '@', '?', '#', ' '])
            })
        };
        if list.iter().all(is_origin) { Ok(list) } else { Err(wrong(name)) }
    }

    fn secret(&self, name: &str) -> Result<Option<Secret>, ConfigError> {
        let file_key = format!("{name}_FILE");
        match (self.get(name), self.get(&file_key)) {
            (Some(_), Some(_)) => Err(ConfigError(format!(
                "{PREFIX}{name} and {PREFIX}{file_key} exclude each other"
            ))),
            (Some(text), None) => Ok(Some(Secret::new(text.to_owned()))),
            (None, Some(path)) => {
                let read = std::fs::read_to_string(path);
                let text =
                    read.map_err(|e| ConfigError(format!("{PREFIX}{file_key}: {path}: {e}")))?;
                Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned())))
            }
            (None, None) => Ok(None),
        }
    }

    fn database(
        &self,
        password: Option<&Secret>,
        roots: Option<&PathBuf>,
    ) -> Result<Database, ConfigError> {
        const OF_SERVERS: [&str; 4] = ["DB_USER", "DB_HOST", "DB_PORT", "DB_TLS"];
        match self.get("DB_ENGINE") {
            None | Some("sqlite3" | "sqlite") => {
                if let Some(key) = OF_SERVERS.iter().find(|key| self.get(key).is_some()) {
                    return Err(ConfigError(format!(
                        "{PREFIX}{key} is for {PREFIX}DB_ENGINE=postgresql"
                    )));
                }
                Ok(Database::Sqlite(PathBuf::from(
                    self.get("DB_NAME").unwrap_or("inventree-auth.sqlite3"),
                )))
            }
            Some("postgresql") => {
                let needed = |key: &str| {
                    let missing =
                        || ConfigError(format!("{PREFIX}DB_ENGINE=postgresql needs {PREFIX}{key}"));
                    self.get(key).ok_or_else(missing)
                };
                if self.get("SECRET_KEY").is_none() && self.get("SECRET_KEY_FILE").is_none() {
                    // A key file beside the database could not be shared.
                    return Err(ConfigError(format!(
                        "{PREFIX}DB_ENGINE=postgresql needs {PREFIX}SECRET_KEY, the same on every \
                         server"
                    )));
                }
                Ok(Database::Postgres(Box::new(Postgres::new(PostgresParts {
                    host: needed("DB_HOST")?,
                    port: self.parsed("DB_PORT", 5432)?,
                    name: needed("DB_NAME")?,
                    user: needed("DB_USER")?,
                    password,
                    tls: self.get("DB_TLS").map(|_| self.flag("DB_TLS", true)).transpose()?,
                    root_certificates: roots.cloned(),
                }))))
            }
            Some(_) => Err(wrong("DB_ENGINE")),
        }
    }

    fn networks(&self, name: &str) -> Result<Vec<Network>, ConfigError> {
        let networks: Result<Vec<Network>, _> =
            self.list(name).iter().map(|range| range.parse()).collect();
        networks.map_err(|_| wrong(name))
    }

    /// Distinct provider ids.
    fn provider_ids(&self) -> Result<Vec<String>, ConfigError> {
        let ids = self.list("SSO_PROVIDERS");
        let is_id = |id: &String| {
            id.len() <= 30
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                && id.bytes().any(|byte| byte.is_ascii_lowercase())
        };
        let is_double = ids.iter().enumerate().any(|(n, id)| ids[..n].contains(id));
        if is_double || !ids.iter().all(is_id) { Err(wrong("SSO_PROVIDERS")) } else { Ok(ids) }
    }

    fn providers(&self) -> Result<Vec<ProviderSettings>, ConfigError> {
        let text = |id: &str, key: &str| self.get(&provider_key(id, key)).map(str::to_owned);
        let provider = |id: String| {
            Ok(ProviderSettings {
                name: text(&id, "NAME"),
                client_id: text(&id, "CLIENT_ID"),
                client_secret: self.secret(&provider_key(&id, "CLIENT_SECRET"))?,
                issuer: text(&id, "ISSUER"),
                id,
            })
        };
        self.provider_ids()?.into_iter().map(provider).collect()
    }

    fn config(&self) -> Result<Config, ConfigError> {
        let site_url =
            self.get("SITE_URL").unwrap_or(DEFAULT_SITE_URL).trim_end_matches('/').to_owned();
        let host = site_url.strip_prefix("https://").or_else(|| site_url.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.contains(['?', '#', '@', ' '])) {
            return Err(wrong("SITE_URL"));
        }
        let same_site = self.get("COOKIE_SAMESITE").unwrap_or("Lax");
        let same_site = ["Lax", "Strict", "None"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(same_site));
        let confirm_days = self.parsed("LOGIN_CONFIRM_DAYS", 3)?;
        if confirm_days < 1 {
            return Err(wrong("LOGIN_CONFIRM_DAYS"));
        }
        let max_email_addresses = self.parsed("MAX_EMAIL_ADDRESSES", 20)?;
        if !(1..=1000).contains(&max_email_addresses) {
            return Err(wrong("MAX_EMAIL_ADDRESSES"));
        }
        let audit_days = self.parsed("AUDIT_DAYS", 365)?;
        if audit_days < 30 {
            // A database trigger prevents deleting younger entries.
            return Err(wrong("AUDIT_DAYS"));
        }
        let proxies = self.networks("TRUSTED_PROXIES")?;
        let uses_forwarded = self.flag("USE_X_FORWARDED_FOR", false)?;
        if uses_forwarded && proxies.is_empty() {
            let why = "INVENTREE_USE_X_FORWARDED_FOR needs INVENTREE_TRUSTED_PROXIES: whose header \
                counts";
            return Err(ConfigError(why.to_owned()));
        }
        let session_cookie_secure =
            self.flag("SESSION_COOKIE_SECURE", site_url.starts_with("https://"))?;
        let database_password = self.secret("DB_PASSWORD")?;
        let database_roots = self.get("DB_TLS_ROOTS").map(PathBuf::from);
        Ok(Config {
            session_cookie_secure,
            database: self.database(database_password.as_ref(), database_roots.as_ref())?,
            database_password,
            database_roots,
            secret_key: self.secret_key()?,
            admin: self.admin()?,
            email: self.email()?,
            registration_enabled: self.flag("LOGIN_ENABLE_REG", false)?,
            mail_required: self.flag("LOGIN_MAIL_REQUIRED", false)?,
            mfa_enforced: self.flag("LOGIN_ENFORCE_MFA", false)?,
            signup_domains: self.list("LOGIN_SIGNUP_MAIL_RESTRICTION"),
            confirm_first: self.flag("LOGIN_CONFIRM_FIRST", false)?,
            password_forgotten_enabled: self.flag("LOGIN_ENABLE_PWD_FORGOT", true)?,
            sso_enabled: self.flag("LOGIN_ENABLE_SSO", false)?,
            sso_registration: self.flag("LOGIN_ENABLE_SSO_REG", false)?,
            sso_auto: self.flag("LOGIN_SIGNUP_SSO_AUTO", true)?,
            providers: self.providers()?,
            provider_networks: self.networks("SSO_PRIVATE_NETWORKS")?,
            confirm_days,
            max_email_addresses,
            audit_days,
            old_password_required: self.flag("OLD_PASSWORD_REQUIRED", false)?,
            cookie_same_site: same_site.ok_or_else(|| wrong("COOKIE_SAMESITE"))?.to_owned(),
            trusted_origins: self.origins("TRUSTED_ORIGINS")?,
            cors_origins: self.origins("CORS_ORIGIN_WHITELIST")?,
            trusted_proxies: if uses_forwarded { proxies } else { Vec::new() },
            rate_limits: self.flag("RATE_LIMITS", true)?,
            metrics_bind: self.metrics_bind()?,
            tls: self.tls()?,
            mailbox: None,
            log_level: self.log_level()?,
            json_log: self.flag("JSON_LOG", false)?,
            site_url,
        })
    }

    fn metrics_bind(&self) -> Result<Option<SocketAddr>, ConfigError> {
        self.get("METRICS_BIND")
            .map(|text| text.parse().map_err(|_| wrong("METRICS_BIND")))
            .transpose()
    }

    fn tls(&self) -> Result<Option<PemFiles>, ConfigError> {
        match (self.get("TLS_CERTIFICATE"), self.get("TLS_KEY")) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                Ok(Some(PemFiles { certificate: certificate.into(), key: key.into() }))
            }
            _ => Err(ConfigError(
                "INVENTREE_TLS_CERTIFICATE and INVENTREE_TLS_KEY go together".to_owned(),
            )),
        }
    }

    fn secret_key(&self) -> Result<Option<Secret>, ConfigError> {
        let secret = self.secret("SECRET_KEY")?;
        if secret
            .as_ref()
            .is_some_and(|key| key.expose().chars().count() < MIN_SECRET_KEY_CHARACTERS)
        {
            return Err(wrong(if self.get("SECRET_KEY").is_some() {
                "SECRET_KEY"
            } else {
                "SECRET_KEY_FILE"
            }));
        }
        Ok(secret)
    }

    fn admin(&self) -> Result<Option<Admin>, ConfigError> {
        match (self.get("ADMIN_USER"), self.secret("ADMIN_PASSWORD")?) {
            (None, None) => Ok(None),
            (Some(username), Some(password)) => {
                let email = self.get("ADMIN_EMAIL").unwrap_or_default().to_owned();
                let about = UserAttributes { username, email: &email, ..UserAttributes::default() };
                let problems = passwords::problems(password.expose(), &about);
                if !problems.is_empty() {
                    return Err(ConfigError(format!(
                        "{PREFIX}ADMIN_PASSWORD: {}",
                        problems.join(" ")
                    )));
                }
                Ok(Some(Admin { username: username.to_owned(), password, email }))
            }
            _ => Err(ConfigError(
                "INVENTREE_ADMIN_USER and INVENTREE_ADMIN_PASSWORD go together".to_owned(),
            )),
        }
    }

    fn email(&self) -> Result<Email, ConfigError> {
        let host = self.get("EMAIL_HOST");
        let (starttls, tls) = (self.flag("EMAIL_TLS", false)?, self.flag("EMAIL_SSL", false)?);
        if starttls && tls {
            return Err(ConfigError(
                "INVENTREE_EMAIL_TLS and INVENTREE_EMAIL_SSL exclude each other".to_owned(),
            ));
        }
        let default_port = if tls {
            465
        } else if starttls {
            587
        } else {
            25
        };
        let port = self.parsed("EMAIL_PORT", default_port)?;
        let credentials = match (self.get("EMAIL_USERNAME"), self.secret("EMAIL_PASSWORD")?) {
            (Some(username), Some(password)) => Some((username.to_owned(), password)),
            (None, None) => None,
            _ => {
                let why = "INVENTREE_EMAIL_USERNAME and INVENTREE_EMAIL_PASSWORD go together";
                return Err(ConfigError(why.to_owned()));
            }
        };
        let backend = match (self.get("EMAIL_BACKEND").unwrap_or("smtp"), host) {
            ("console", _) => Backend::Console,
            ("smtp", None) => Backend::None,
            ("smtp", Some(host)) => {
                Backend::Smtp { host: host.to_owned(), port, credentials, starttls, tls }
            }
            _ => return Err(wrong("EMAIL_BACKEND")),
        };
        // Not trimmed: the blank after the bracket is part of the prefix.
        let prefix =
            self.0.get("INVENTREE_EMAIL_PREFIX").map_or("[InvenTree] ", String::as_str).to_owned();
        let sender = self.get("EMAIL_SENDER").unwrap_or("inventree@localhost").to_owned();
        if !sender.contains('@') {
            return Err(wrong("EMAIL_SENDER"));
        }
        Ok(Email { backend, sender, prefix })
    }

    fn log_level(&self) -> Result<slog::Level, ConfigError> {
        match self.get("LOG_LEVEL").unwrap_or("info").to_ascii_lowercase().as_str() {
            "debug" => Ok(slog::Level::Debug),
            "info" => Ok(slog::Level::Info),
            "warning" | "warn" => Ok(slog::Level::Warning),
            "error" => Ok(slog::Level::Error),
            _ => Err(wrong("LOG_LEVEL")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::load(None, pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn defaults_are_closed() {
        let config = load(&[("PATH", "/bin")]).unwrap();
        assert!(
            !config.registration_enabled && config.rate_limits && config.cors_origins.is_empty()
        );
    }

    #[test]
    fn wrong_or_unknown_value_names_its_key_and_what_it_takes() {
        let cases = [
            (
                "INVENTREE_LOGIN_ENABLE_REG",
                "maybe",
                "INVENTREE_LOGIN_ENABLE_REG takes true or false",
            ),
            ("INVENTREE_EMAIL_PORT", "99999", "INVENTREE_EMAIL_PORT takes a port number"),
            (
                "INVENTREE_LOGIN_CONFIRM_DAYS",
                "0",
                "INVENTREE_LOGIN_CONFIRM_DAYS takes a number of days, 1 or more",
            ),
            ("INVENTREE_DB_ENGINE", "oracle", "INVENTREE_DB_ENGINE takes sqlite3 or postgresql"),
        ];
        for (key, value, says) in cases {
            assert_eq!(load(&[(key, value)]).unwrap_err().to_string(), says);
        }
        let unknown =
            load(&[("INVENTREE_LOGIN_ENABLE_REGISTRATION", "true")]).unwrap_err().to_string();
        assert!(
            unknown.starts_with("INVENTREE_LOGIN_ENABLE_REGISTRATION: there is no such setting"),
            "{unknown}"
        );
    }

    #[test]
    fn postgresql_needs_its_server_and_a_secret_key_that_can_be_shared() {
        let all = [
            ("INVENTREE_DB_ENGINE", "postgresql"),
            ("INVENTREE_DB_HOST", "db.example.com"),
            ("INVENTREE_DB_NAME", "auth"),
            ("INVENTREE_DB_USER", "inventree"),
            ("INVENTREE_SECRET_KEY", "a key that every one of the servers has"),
        ];
        for missing in 1..all.len() {
            let rest: Vec<_> = all
                .iter()
                .enumerate()
                .filter(|(n, _)| *n != missing)
                .map(|(_, pair)| *pair)
                .collect();
            let said = load(&rest).unwrap_err().to_string();
            let (key, _) = all[missing];
            assert!(
                said.starts_with(&format!("INVENTREE_DB_ENGINE=postgresql needs {key}")),
                "{said}"
            );
        }
        let password = ("INVENTREE_DB_PASSWORD", "hunter2-and-more");
        let config = load(&[&all[..], &[password]].concat()).unwrap();
        assert_eq!(config.database.to_string(), "postgresql://inventree@db.example.com/auth");
        assert!(!format!("{config:?} {}", config.database).contains("hunter2"));
        let port =
            load(&[&all[..], &[("INVENTREE_DB_PORT", "many")]].concat()).unwrap_err().to_string();
        assert_eq!(port, "INVENTREE_DB_PORT takes a port number");
    }

    #[test]
    fn secret_key_of_fewer_than_32_characters_is_refused() {
        let said = load(&[("INVENTREE_SECRET_KEY", &"x".repeat(31))]).unwrap_err().to_string();
        assert!(
            said.starts_with("INVENTREE_SECRET_KEY takes a random text of 32 characters or more"),
            "{said}"
        );
        assert!(load(&[("INVENTREE_SECRET_KEY", &"x".repeat(32))]).is_ok());
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        for short in ["", "\n", "31 characters and a line break..\n"] {
            std::fs::write(file.path(), short).unwrap();
            let loaded =
                load(&[("INVENTREE_SECRET_KEY_FILE", path)]).map(|_| ()).map_err(|e| e.to_string());
            let is_long = short.trim_end().chars().count() >= 32;
            assert_eq!(loaded.is_ok(), is_long, "{short:?}: {loaded:?}");
        }
    }

    #[test]
    fn admin_password_that_the_rules_refuse_is_refused() {
        let with = |password: &str| {
            let pairs = [
                ("ADMIN_USER", "rootuser"),
                ("ADMIN_EMAIL", "quagga@example.com"),
                ("ADMIN_PASSWORD", password),
            ];
            load(
                &pairs
                    .map(|(key, value)| (format!("INVENTREE_{key}"), value))
                    .each_ref()
                    .map(|(k, v)| (k.as_str(), *v)),
            )
        };
        for (password, why) in [
            (
                "qz7",
                "INVENTREE_ADMIN_PASSWORD: This password is too short. It must contain at least 8 \
                 characters.",
            ),
            ("password1", "INVENTREE_ADMIN_PASSWORD: This password is too common."),
            ("8472916350", "INVENTREE_ADMIN_PASSWORD: This password is entirely numeric."),
            ("rootuser1", "INVENTREE_ADMIN_PASSWORD: The password is too similar to the username."),
            (
                "quagga@example",
                "INVENTREE_ADMIN_PASSWORD: The password is too similar to the email address.",
            ),
        ] {
            assert_eq!(with(password).unwrap_err().to_string(), why, "{password}");
        }
        assert!(with("inventree-test-1").is_ok());
    }

    #[test]
    fn settings_of_a_database_server_are_no_good_for_a_file() {
        for key in
            ["INVENTREE_DB_HOST", "INVENTREE_DB_USER", "INVENTREE_DB_PORT", "INVENTREE_DB_TLS"]
        {
            let said = load(&[(key, "1")]).unwrap_err().to_string();
            assert_eq!(said, format!("{key} is for INVENTREE_DB_ENGINE=postgresql"));
        }
    }

    #[test]
    fn provider_has_settings_of_its_own_once_it_is_named() {
        let id = ("INVENTREE_SSO_MY_COMPANY_CLIENT_ID", "inventree");
        let unknown = load(&[id]).unwrap_err().to_string();
        assert!(
            unknown.starts_with("INVENTREE_SSO_MY_COMPANY_CLIENT_ID: there is no such setting"),
            "{unknown}"
        );
        let secret = ("INVENTREE_SSO_MY_COMPANY_CLIENT_SECRET", "hunter2-and-more");
        let config = load(&[("INVENTREE_SSO_PROVIDERS", "my-company"), id, secret]).unwrap();
        assert_eq!(config.providers[0].client_id.as_deref(), Some("inventree"));
        assert!(!format!("{config:?}").contains("hunter2"));
        for ids in ["My", "a b", "a/b", "42", "a,a", "a_b"] {
            let refused = load(&[("INVENTREE_SSO_PROVIDERS", ids)]).unwrap_err().to_string();
            assert!(refused.starts_with("INVENTREE_SSO_PROVIDERS takes"), "{ids}: {refused}");
        }
    }

    #[test]
    fn environment_wins_over_the_file() {
        let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
        let text = "INVENTREE_LOGIN_ENABLE_REG: true\nINVENTREE_LOGIN_CONFIRM_DAYS: 5\n";
        std::fs::write(file.path(), text).unwrap();
        let environment = [("INVENTREE_LOGIN_CONFIRM_DAYS".to_owned(), "7".to_owned())];
        let config = Config::load(Some(file.path()), environment.into_iter()).unwrap();
        assert!(config.registration_enabled);
        assert_eq!(config.confirm_days, 7);
    }

    #[test]
    fn secrets_come_from_files_and_stay_out_of_debug() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2-and-more\n").unwrap();
        let path = file.path().to_str().unwrap();
        let config =
            load(&[("INVENTREE_ADMIN_USER", "admin"), ("INVENTREE_ADMIN_PASSWORD_FILE", path)])
                .unwrap();
        assert_eq!(config.admin.as_ref().unwrap().password.expose(), "hunter2-and-more");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
