//! From the texts to [`Config`]: the rules between settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::ConfigError;
use super::forward_auth;
use super::settings::*;
use super::values::Values;
use super::{Admin, Backend, Config, Email, PemFiles};
use crate::domain::groups::{self, GroupSync};
use crate::domain::passwords::{self, UserAttributes};
use crate::providers::ProviderSettings;
use crate::secret::Secret;
use crate::store::{Database, Postgres, PostgresParts};

pub(super) fn config(values: &Values) -> Result<Config, ConfigError> {
    let site_url = site_url(values)?;
    let proxies = values.networks(&TRUSTED_PROXIES)?;
    let uses_forwarded = values.flag(&USE_X_FORWARDED_FOR)?;
    if uses_forwarded && proxies.is_empty() {
        return Err(ConfigError::Missing(
            USE_X_FORWARDED_FOR.name,
            TRUSTED_PROXIES.name.to_owned(),
        ));
    }
    let database_password = values.secret(&DB_PASSWORD)?;
    let database_roots = values.explicit(DB_TLS_ROOTS.name).map(PathBuf::from);
    Ok(Config {
        session_cookie_secure: values
            .optional_flag(&SESSION_COOKIE_SECURE)?
            .unwrap_or(site_url.starts_with("https://")),
        database: database(values, database_password.as_ref(), database_roots.as_ref())?,
        database_password,
        database_roots,
        secret_key: secret_key(values)?,
        admin: admin(values)?,
        email: email(values)?,
        registration_enabled: values.flag(&LOGIN_ENABLE_REG)?,
        mail_required: values.flag(&LOGIN_MAIL_REQUIRED)?,
        mfa_enforced: values.flag(&LOGIN_ENFORCE_MFA)?,
        mfa_remember: values.flag(&LOGIN_MFA_REMEMBER)?,
        sign_in_notices: values.flag(&LOGIN_NOTICES)?,
        mfa_after_sso: values.flag(&LOGIN_MFA_AFTER_SSO)?,
        signup_domains: values.list(&LOGIN_SIGNUP_MAIL_RESTRICTION),
        confirm_first: values.flag(&LOGIN_CONFIRM_FIRST)?,
        password_forgotten_enabled: values.flag(&LOGIN_ENABLE_PWD_FORGOT)?,
        sso_enabled: values.flag(&LOGIN_ENABLE_SSO)?,
        sso_registration: values.flag(&LOGIN_ENABLE_SSO_REG)?,
        sso_auto: values.flag(&LOGIN_SIGNUP_SSO_AUTO)?,
        group_sync: group_sync(values)?,
        providers: providers(values)?,
        provider_roots: values.get(&SSO_TLS_ROOTS).map(PathBuf::from),
        provider_networks: values.networks(&SSO_PRIVATE_NETWORKS)?,
        confirm_days: values.count(&LOGIN_CONFIRM_DAYS)?,
        max_email_addresses: values.count(&MAX_EMAIL_ADDRESSES)?,
        audit_days: values.count(&AUDIT_DAYS)?,
        old_password_required: values.flag(&OLD_PASSWORD_REQUIRED)?,
        session_cookie: forward_auth::session_cookie(values)?,
        cookie_domain: forward_auth::cookie_domain(values, &site_url)?,
        forward_auth: forward_auth::settings(values, &site_url)?,
        cookie_same_site: same_site(values)?,
        trusted_origins: values.origins(&TRUSTED_ORIGINS)?,
        cors_origins: values.origins(&CORS_ORIGIN_WHITELIST)?,
        trusted_proxies: if uses_forwarded { proxies } else { Vec::new() },
        rate_limits: values.flag(&RATE_LIMITS)?,
        metrics_bind: values.parsed(&METRICS_BIND)?,
        tls: tls(values)?,
        customize_dir: customize_dir(values)?,
        mailbox: None,
        log_level: log_level(values)?,
        json_log: values.flag(&JSON_LOG)?,
        ignored: values.ignored.clone(),
        site_url,
    })
}

/// In lower case and without a default port, as browsers send it in `Origin`.
fn site_url(values: &Values) -> Result<String, ConfigError> {
    let invalid = || ConfigError::invalid(&SITE_URL);
    let url = values.text(&SITE_URL).trim_end_matches('/').to_ascii_lowercase();
    let (scheme, host) = url.split_once("://").ok_or_else(invalid)?;
    let default_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return Err(invalid()),
    };
    let host = host.strip_suffix(default_port).unwrap_or(host);
    if host.is_empty() || host.contains(['?', '#', '@', ' ']) {
        return Err(invalid());
    }
    if host.contains('/') {
        return Err(ConfigError::SitePath);
    }
    Ok(format!("{scheme}://{host}"))
}

/// A folder that is not there is a mistake in its name.
fn customize_dir(values: &Values) -> Result<Option<PathBuf>, ConfigError> {
    let folder = values.get(&CUSTOMIZE_DIR).map(PathBuf::from);
    match folder {
        Some(folder) if !folder.is_dir() => Err(ConfigError::invalid(&CUSTOMIZE_DIR)),
        folder => Ok(folder),
    }
}

fn same_site(values: &Values) -> Result<String, ConfigError> {
    let text = values.text(&COOKIE_SAMESITE);
    if text.eq_ignore_ascii_case("false") {
        // InvenTree's cookies have no attribute then, which browsers take for Lax.
        return Ok("Lax".to_owned());
    }
    let known = ["Lax", "Strict", "None"].into_iter().find(|one| one.eq_ignore_ascii_case(&text));
    known.map(str::to_owned).ok_or_else(|| ConfigError::invalid(&COOKIE_SAMESITE))
}

fn database(
    values: &Values,
    password: Option<&Secret>,
    roots: Option<&PathBuf>,
) -> Result<Database, ConfigError> {
    match values.text(&DB_ENGINE).as_str() {
        "sqlite3" | "sqlite" => {
            let of_servers = [DB_USER, DB_HOST, DB_PORT, DB_TLS].map(|setting| setting.name);
            if let Some(name) = of_servers.into_iter().find(|n| values.explicit(n).is_some()) {
                return Err(ConfigError::PostgresOnly(name));
            }
            Ok(Database::Sqlite(PathBuf::from(values.text(&DB_NAME))))
        }
        "postgresql" => {
            const ENGINE: &str = "INVENTREE_DB_ENGINE=postgresql";
            let needed = |setting: &Setting| {
                let missing = || ConfigError::Missing(ENGINE, setting.name.to_owned());
                values.explicit(setting.name).ok_or_else(missing)
            };
            if values.secret(&SECRET_KEY)?.is_none() {
                // A key file beside the database could not be shared.
                let shared = format!("{}, the same on every server", SECRET_KEY.name);
                return Err(ConfigError::Missing(ENGINE, shared));
            }
            Ok(Database::Postgres(Box::new(Postgres::new(PostgresParts {
                host: needed(&DB_HOST)?,
                port: values.parsed(&DB_PORT)?.ok_or_else(|| ConfigError::invalid(&DB_PORT))?,
                name: needed(&DB_NAME)?,
                user: needed(&DB_USER)?,
                password,
                tls: values.optional_flag(&DB_TLS)?,
                root_certificates: roots.cloned(),
            }))))
        }
        _ => Err(ConfigError::invalid(&DB_ENGINE)),
    }
}

fn providers(values: &Values) -> Result<Vec<ProviderSettings>, ConfigError> {
    let text =
        |setting: &Setting, id: &str| values.explicit(&setting.name_for(id)).map(str::to_owned);
    let provider = |id: String| {
        Ok(ProviderSettings {
            name: text(&NAME, &id),
            client_id: text(&CLIENT_ID, &id),
            client_secret: values.secret_named(&CLIENT_SECRET.name_for(&id))?,
            issuer: text(&ISSUER, &id),
            trusted_audiences: values.list_named(&TRUSTED_AUDIENCES.name_for(&id)),
            id,
        })
    };
    values.provider_ids()?.into_iter().map(provider).collect()
}

fn group_sync(values: &Values) -> Result<Option<(String, GroupSync)>, ConfigError> {
    if !values.flag(&LOGIN_ENABLE_SSO_GROUP_SYNC)? {
        return Ok(None);
    }
    let invalid = || ConfigError::invalid(&SSO_GROUP_MAP);
    let text = values.get(&SSO_GROUP_MAP).unwrap_or("{}");
    let map: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| invalid())?;
    if !map.values().all(|name| groups::is_name(name)) {
        return Err(invalid());
    }
    let removes = values.flag(&SSO_REMOVE_GROUPS)?;
    Ok(Some((values.text(&SSO_GROUP_KEY), GroupSync { map, removes })))
}

fn tls(values: &Values) -> Result<Option<PemFiles>, ConfigError> {
    match (values.get(&TLS_CERTIFICATE), values.get(&TLS_KEY)) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            Ok(Some(PemFiles { certificate: certificate.into(), key: key.into() }))
        }
        _ => Err(ConfigError::Incomplete(TLS_CERTIFICATE.name, TLS_KEY.name)),
    }
}

fn secret_key(values: &Values) -> Result<Option<Secret>, ConfigError> {
    let key = values.secret(&SECRET_KEY)?;
    let is_short = |key: &Secret| key.expose().chars().count() < MIN_SECRET_KEY_CHARACTERS;
    if key.as_ref().is_some_and(is_short) {
        return Err(ConfigError::invalid(&SECRET_KEY));
    }
    Ok(key)
}

fn admin(values: &Values) -> Result<Option<Admin>, ConfigError> {
    match (values.get(&ADMIN_USER), values.secret(&ADMIN_PASSWORD)?) {
        (None, None) => Ok(None),
        (Some(username), Some(password)) => {
            let email = values.text(&ADMIN_EMAIL);
            let about = UserAttributes { username, email: &email, ..UserAttributes::default() };
            let problems = passwords::problems(password.expose(), &about);
            if !problems.is_empty() {
                return Err(ConfigError::AdminPassword(problems));
            }
            Ok(Some(Admin { username: username.to_owned(), password, email }))
        }
        _ => Err(ConfigError::Incomplete(ADMIN_USER.name, ADMIN_PASSWORD.name)),
    }
}

fn email(values: &Values) -> Result<Email, ConfigError> {
    let (starttls, tls) = (values.flag(&EMAIL_TLS)?, values.flag(&EMAIL_SSL)?);
    if starttls && tls {
        return Err(ConfigError::Exclusive(EMAIL_TLS.name.to_owned(), EMAIL_SSL.name.to_owned()));
    }
    let default_port = if tls {
        465
    } else if starttls {
        587
    } else {
        25
    };
    let port = values.parsed(&EMAIL_PORT)?.unwrap_or(default_port);
    let credentials = match (values.get(&EMAIL_USERNAME), values.secret(&EMAIL_PASSWORD)?) {
        (Some(username), Some(password)) => Some((username.to_owned(), password)),
        (None, None) => None,
        _ => return Err(ConfigError::Incomplete(EMAIL_USERNAME.name, EMAIL_PASSWORD.name)),
    };
    let backend = match (values.text(&EMAIL_BACKEND).as_str(), values.get(&EMAIL_HOST)) {
        ("console", _) => Backend::Console,
        ("smtp", None) => Backend::None,
        ("smtp", Some(host)) => {
            Backend::Smtp { host: host.to_owned(), port, credentials, starttls, tls }
        }
        _ => return Err(ConfigError::invalid(&EMAIL_BACKEND)),
    };
    // The blank after the bracket is part of the prefix.
    let prefix = values.verbatim(&EMAIL_PREFIX);
    let sender = values.text(&EMAIL_SENDER);
    if !sender.contains('@') {
        return Err(ConfigError::invalid(&EMAIL_SENDER));
    }
    Ok(Email { backend, sender, prefix })
}

fn log_level(values: &Values) -> Result<slog::Level, ConfigError> {
    match values.text(&LOG_LEVEL).to_ascii_lowercase().as_str() {
        "debug" => Ok(slog::Level::Debug),
        "info" => Ok(slog::Level::Info),
        "warning" | "warn" => Ok(slog::Level::Warning),
        "error" => Ok(slog::Level::Error),
        "critical" => Ok(slog::Level::Critical),
        _ => Err(ConfigError::invalid(&LOG_LEVEL)),
    }
}
