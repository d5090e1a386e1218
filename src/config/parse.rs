//! From the texts to [`Config`]: the rules between settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use super::error::{ConfigError, Errors};
use super::forward_auth;
use super::settings::*;
use super::values::Values;
use super::{Admin, Backend, Config, Email, PemFiles};
use crate::branding::Branding;
use crate::domain::Rules;
use crate::domain::groups::{self, GroupSync};
use crate::domain::leaked_passwords;
use crate::domain::passwords::{self, UserAttributes};
use crate::http::HttpSettings;
use crate::providers::ProviderSettings;
use crate::secret::Secret;
use crate::store::{Database, Postgres, PostgresParts};

/// # Errors
///
/// Every unknown name, invalid value and contradiction.
pub(super) fn config(mut values: Values) -> Result<Config, ConfigError> {
    let mut errors = std::mem::take(&mut values.errors);
    let ignored = std::mem::take(&mut values.ignored);
    let (values, all) = (&values, &mut errors);
    let site_url = all.keep(site_url(values));
    let secret_key = all.or_default(secret_key(values));
    let database_password = all.or_default(values.secret(&DB_PASSWORD));
    let database_roots = values.explicit(DB_TLS_ROOTS.name).map(PathBuf::from);
    let database = database(values, database_password.as_ref(), database_roots.as_ref(), all);
    let branding = branding(values, all);
    let email = email(values, &branding, site_url.as_deref().unwrap_or_default(), all);
    let http = http(values, site_url.as_deref(), all);
    let rules = rules(values, site_url.as_deref(), all);
    let providers = providers(values, all);
    let group_providers = match rules.group_sync.is_some() {
        true => all.or_default(group_providers(values, &providers)),
        false => Vec::new(),
    };
    let config = Config {
        database,
        database_password,
        database_roots,
        secret_key,
        admin: all.or_default(admin(values)),
        branding,
        email,
        groups_claim: values.text(&SSO_GROUP_KEY),
        group_providers,
        providers,
        provider_roots: values.get(&SSO_TLS_ROOTS).map(PathBuf::from),
        provider_networks: all.or_default(values.networks(&SSO_PRIVATE_NETWORKS)),
        leaked_passwords: leaked_passwords(values),
        http,
        rate_limits: values.flag(&RATE_LIMITS),
        metrics_bind: all.or_default(parsed(values, &METRICS_BIND)),
        tls: all.or_default(tls(values)),
        customize_dir: all.or_default(customize_dir(values)),
        mailbox: None,
        log_level: all.keep(log_level(values)).unwrap_or(slog::Level::Info),
        json_log: values.flag(&JSON_LOG),
        ignored,
        rules,
    };
    errors.into_error().map_or(Ok(config), Err)
}

fn rules(values: &Values, site_url: Option<&str>, errors: &mut Errors) -> Rules {
    Rules {
        registration_enabled: values.flag(&LOGIN_ENABLE_REG),
        mail_required: values.flag(&LOGIN_MAIL_REQUIRED),
        mfa_enforced: values.flag(&LOGIN_ENFORCE_MFA),
        mfa_remember: values.flag(&LOGIN_MFA_REMEMBER),
        sign_in_notices: values.flag(&LOGIN_NOTICES),
        mfa_after_sso: values.flag(&LOGIN_MFA_AFTER_SSO),
        signup_domains: values.list(&LOGIN_SIGNUP_MAIL_RESTRICTION),
        confirm_first: values.flag(&LOGIN_CONFIRM_FIRST),
        password_forgotten_enabled: values.flag(&LOGIN_ENABLE_PWD_FORGOT),
        sso_enabled: values.flag(&LOGIN_ENABLE_SSO),
        sso_registration: values.flag(&LOGIN_ENABLE_SSO_REG),
        sso_auto: values.flag(&LOGIN_SIGNUP_SSO_AUTO),
        group_sync: errors.or_default(group_sync(values)),
        confirm_days: values.count(&LOGIN_CONFIRM_DAYS),
        max_email_addresses: values.count(&MAX_EMAIL_ADDRESSES),
        audit_days: values.count(&AUDIT_DAYS),
        old_password_required: values.flag(&OLD_PASSWORD_REQUIRED),
        site_url: site_url.unwrap_or_default().to_owned(),
    }
}

fn http(values: &Values, site_url: Option<&str>, errors: &mut Errors) -> HttpSettings {
    let proxies = errors.or_default(values.networks(&TRUSTED_PROXIES));
    let uses_forwarded = values.flag(&USE_X_FORWARDED_FOR);
    if uses_forwarded && values.list(&TRUSTED_PROXIES).is_empty() {
        let needed = TRUSTED_PROXIES.name.to_owned();
        errors.add(ConfigError::Missing(USE_X_FORWARDED_FOR.name, needed));
    }
    let cookie_domain = site_url.map_or(Ok(None), |url| forward_auth::cookie_domain(values, url));
    HttpSettings {
        session_cookie_secure: values
            .optional_flag(&SESSION_COOKIE_SECURE)
            .unwrap_or(site_url.is_some_and(|url| url.starts_with("https://"))),
        session_cookie: errors.or_default(forward_auth::session_cookie(values)),
        cookie_domain: errors.or_default(cookie_domain),
        forward_auth: forward_auth::settings(values, site_url, errors),
        cookie_same_site: errors.or_default(same_site(values)),
        trusted_origins: errors.or_default(values.origins(&TRUSTED_ORIGINS)),
        cors_origins: errors.or_default(values.origins(&CORS_ORIGIN_WHITELIST)),
        trusted_proxies: if uses_forwarded { proxies } else { Vec::new() },
    }
}

fn parsed<T: FromStr>(values: &Values, setting: &Setting) -> Result<Option<T>, ConfigError> {
    let parse = |text: &str| text.parse().map_err(|_| ConfigError::invalid(setting));
    values.get(setting).map(parse).transpose()
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

fn branding(values: &Values, errors: &mut Errors) -> Branding {
    let footer = values.list(&FOOTER).iter().map(|item| item.parse()).collect();
    Branding {
        product: values.text(&PRODUCT_NAME),
        contact: errors.or_default(parsed(values, &SUPPORT_CONTACT)),
        color: errors.or_default(parsed(values, &BRAND_COLOR)),
        footer: errors.or_default(Result::map_err(footer, |()| ConfigError::invalid(&FOOTER))),
    }
}

fn leaked_passwords(values: &Values) -> leaked_passwords::Choice {
    match values.text(&LEAKED_PASSWORDS).as_ref() {
        "builtin" => leaked_passwords::Choice::Builtin,
        "off" | "false" => leaked_passwords::Choice::Off,
        path => leaked_passwords::Choice::File(PathBuf::from(path)),
    }
}

/// A missing folder is an error: its name is probably misspelt.
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

/// Missing settings of a database server are reported, and empty in the result.
fn database(
    values: &Values,
    password: Option<&Secret>,
    roots: Option<&PathBuf>,
    errors: &mut Errors,
) -> Database {
    match values.text(&DB_ENGINE).as_str() {
        "postgresql" => {
            const ENGINE: &str = "INVENTREE_DB_ENGINE=postgresql";
            let mut needed = |setting: &Setting| {
                let missing = || ConfigError::Missing(ENGINE, setting.name.to_owned());
                let found = values.explicit(setting.name).ok_or_else(missing);
                errors.or_default(found)
            };
            let (host, name, user) = (needed(&DB_HOST), needed(&DB_NAME), needed(&DB_USER));
            if let Ok(None) = values.secret(&SECRET_KEY) {
                // A key file beside the database could not be shared.
                let shared = format!("{}, the same on every server", SECRET_KEY.name);
                errors.add(ConfigError::Missing(ENGINE, shared));
            }
            Database::Postgres(Box::new(Postgres::new(PostgresParts {
                host,
                port: values.port(&DB_PORT).unwrap_or_default(),
                name,
                user,
                password,
                tls: values.optional_flag(&DB_TLS),
                root_certificates: roots.cloned(),
            })))
        }
        engine => {
            if !matches!(engine, "sqlite3" | "sqlite") {
                errors.add(ConfigError::invalid(&DB_ENGINE));
            } else if let Some(setting) = [DB_USER, DB_HOST, DB_PORT, DB_TLS]
                .into_iter()
                .find(|setting| values.explicit(setting.name).is_some())
            {
                errors.add(ConfigError::PostgresOnly(setting.name));
            }
            Database::Sqlite(PathBuf::from(values.text(&DB_NAME)))
        }
    }
}

fn providers(values: &Values, errors: &mut Errors) -> Vec<ProviderSettings> {
    let text =
        |setting: &Setting, id: &str| values.explicit(&setting.name_for(id)).map(str::to_owned);
    let is_url =
        |text: &String| Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
    let ids = errors.or_default(values.provider_ids());
    let provider = |id: String| {
        let issuer = text(&ISSUER, &id);
        if issuer.as_ref().is_some_and(|issuer| !is_url(issuer)) {
            let accepts = ISSUER.kind.to_string();
            errors.add(ConfigError::Invalid { name: ISSUER.name_for(&id), accepts });
        }
        ProviderSettings {
            name: text(&NAME, &id),
            client_id: text(&CLIENT_ID, &id),
            client_secret: errors.or_default(values.secret_named(&CLIENT_SECRET.name_for(&id))),
            issuer,
            trusted_audiences: values.list_named(&TRUSTED_AUDIENCES.name_for(&id)),
            id,
        }
    };
    ids.into_iter().map(provider).collect()
}

/// The providers whose groups count. At a public one, anyone can make a group of any name.
fn group_providers(
    values: &Values,
    providers: &[ProviderSettings],
) -> Result<Vec<String>, ConfigError> {
    let named = values.list(&SSO_GROUP_PROVIDERS);
    let ids: Vec<String> = providers.iter().map(|provider| provider.id.clone()).collect();
    match (named.is_empty(), ids.len()) {
        (true, 0 | 1) => Ok(ids),
        (true, _) => Err(ConfigError::Missing(
            "INVENTREE_LOGIN_ENABLE_SSO_GROUP_SYNC with several providers",
            SSO_GROUP_PROVIDERS.name.to_owned(),
        )),
        (false, _) if named.iter().all(|id| ids.contains(id)) => Ok(named),
        (false, _) => Err(ConfigError::invalid(&SSO_GROUP_PROVIDERS)),
    }
}

fn group_sync(values: &Values) -> Result<Option<GroupSync>, ConfigError> {
    if !values.flag(&LOGIN_ENABLE_SSO_GROUP_SYNC) {
        return Ok(None);
    }
    let invalid = || ConfigError::invalid(&SSO_GROUP_MAP);
    let text = values.get(&SSO_GROUP_MAP).unwrap_or("{}");
    let map: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| invalid())?;
    if !map.values().all(|name| groups::is_name(name)) {
        return Err(invalid());
    }
    let removes = values.flag(&SSO_REMOVE_GROUPS);
    Ok(Some(GroupSync { map, removes }))
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
    match (values.get(&ADMIN_USER), values.password(&ADMIN_PASSWORD)?) {
        (None, None) => Ok(None),
        (Some(username), Some(password)) => {
            let email = values.text(&ADMIN_EMAIL);
            let about = UserAttributes { username, email: &email, ..UserAttributes::default() };
            // The list of leaked passwords is not open yet.
            let problems = passwords::violated_rules_without_list(password.expose(), &about);
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            if !problems.is_empty() {
                return Err(ConfigError::AdminPassword(problems));
            }
            Ok(Some(Admin { username: username.to_owned(), password, email }))
        }
        _ => Err(ConfigError::Incomplete(ADMIN_USER.name, ADMIN_PASSWORD.name)),
    }
}

fn email(values: &Values, branding: &Branding, site_url: &str, errors: &mut Errors) -> Email {
    let (starttls, tls) = (values.flag(&EMAIL_TLS), values.flag(&EMAIL_SSL));
    if starttls && tls {
        let (one, other) = (EMAIL_TLS.name.to_owned(), EMAIL_SSL.name.to_owned());
        errors.add(ConfigError::Exclusive(one, other));
    }
    let default_port = if tls {
        465
    } else if starttls {
        587
    } else {
        25
    };
    let port = values.port(&EMAIL_PORT).unwrap_or(default_port);
    let credentials = match (values.get(&EMAIL_USERNAME), values.secret(&EMAIL_PASSWORD)) {
        (Some(username), Ok(Some(password))) => Ok(Some((username.to_owned(), password))),
        (None, Ok(None)) => Ok(None),
        (_, Err(unreadable)) => Err(unreadable),
        _ => Err(ConfigError::Incomplete(EMAIL_USERNAME.name, EMAIL_PASSWORD.name)),
    };
    let credentials = errors.or_default(credentials);
    let roots = errors.or_default(values.get(&EMAIL_TLS_ROOTS).map(mail_roots).transpose());
    if values.get(&EMAIL_TLS_ROOTS).is_some() && !starttls && !tls {
        let needed = format!("{} or {}", EMAIL_TLS.name, EMAIL_SSL.name);
        errors.add(ConfigError::Missing(EMAIL_TLS_ROOTS.name, needed));
    }
    let sender = match values.get(&EMAIL_SENDER).or(values.get(&EMAIL_USERNAME)) {
        Some(sender) if sender.contains('@') => sender.to_owned(),
        _ => {
            if values.get(&EMAIL_SENDER).is_some() {
                errors.add(ConfigError::invalid(&EMAIL_SENDER));
            }
            format!("inventree@{}", domain_of(site_url))
        }
    };
    let backend = match (values.text(&EMAIL_BACKEND).as_str(), values.get(&EMAIL_HOST)) {
        ("console", _) => Backend::Console,
        ("smtp", None) => Backend::None,
        ("smtp", Some(host)) => {
            Backend::Smtp { host: host.to_owned(), port, credentials, starttls, tls, roots }
        }
        _ => {
            errors.add(ConfigError::invalid(&EMAIL_BACKEND));
            Backend::None
        }
    };
    // The blank after the bracket is part of the prefix.
    let prefix = values.verbatim(&EMAIL_PREFIX);
    let prefix = prefix.unwrap_or_else(|| format!("[{}] ", branding.product));
    Email {
        backend,
        sender,
        sender_name: values.get(&EMAIL_SENDER_NAME).unwrap_or(&branding.product).to_owned(),
        reply_to: values.get(&EMAIL_REPLY_TO).map(str::to_owned),
        prefix,
    }
}

fn mail_roots(path: &str) -> Result<String, ConfigError> {
    let unreadable =
        |why: String| ConfigError::Unreadable(format!("{}: {path}", EMAIL_TLS_ROOTS.name), why);
    let pem = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
    match pem.contains("-----BEGIN CERTIFICATE-----") {
        true => Ok(pem),
        false => Err(unreadable("no certificate in PEM".to_owned())),
    }
}

/// The host of the site if it is a name.
fn domain_of(site_url: &str) -> String {
    let url = Url::parse(site_url).ok();
    url.as_ref().and_then(Url::domain).unwrap_or("localhost").to_owned()
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
