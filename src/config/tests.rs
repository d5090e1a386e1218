//! Settings that are accepted, refused and redacted.

use super::{Config, ConfigError};

fn load(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(None, pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

#[test]
fn registration_and_cross_origin_requests_are_disabled_by_default() {
    let config = load(&[("PATH", "/bin")]).unwrap();
    assert!(
        !config.rules.registration_enabled
            && config.rate_limits
            && config.http.cors_origins.is_empty()
    );
}

#[test]
fn invalid_value_names_its_setting_and_the_accepted_values() {
    let cases = [
        (
            "INVENTREE_LOGIN_ENABLE_REG",
            "maybe",
            "INVENTREE_LOGIN_ENABLE_REG: expected true or false",
        ),
        ("INVENTREE_EMAIL_PORT", "99999", "INVENTREE_EMAIL_PORT: expected a port number"),
        (
            "INVENTREE_LOGIN_CONFIRM_DAYS",
            "0",
            "INVENTREE_LOGIN_CONFIRM_DAYS: expected a number of days, 1 or more",
        ),
        ("INVENTREE_DB_ENGINE", "oracle", "INVENTREE_DB_ENGINE: expected sqlite3 or postgresql"),
    ];
    for (key, value, says) in cases {
        assert_eq!(load(&[(key, value)]).unwrap_err().to_string(), says);
    }
    let unknown = load(&[("INVENTREE_LOGIN_ENABLE_REGISTRATION", "true")]).unwrap_err().to_string();
    assert!(
        unknown.starts_with("INVENTREE_LOGIN_ENABLE_REGISTRATION: unknown setting"),
        "{unknown}"
    );
}

#[test]
fn postgresql_requires_a_host_and_an_explicit_secret_key() {
    let all = [
        ("INVENTREE_DB_ENGINE", "postgresql"),
        ("INVENTREE_DB_HOST", "db.example.com"),
        ("INVENTREE_DB_NAME", "auth"),
        ("INVENTREE_DB_USER", "inventree"),
        ("INVENTREE_SECRET_KEY", "a key that every one of the servers has"),
    ];
    for missing in 1..all.len() {
        let rest: Vec<_> =
            all.iter().enumerate().filter(|(n, _)| *n != missing).map(|(_, pair)| *pair).collect();
        let message = load(&rest).unwrap_err().to_string();
        let (key, _) = all[missing];
        assert!(
            message.starts_with(&format!("INVENTREE_DB_ENGINE=postgresql requires {key}")),
            "{message}"
        );
    }
    let password = ("INVENTREE_DB_PASSWORD", "hunter2-and-more");
    let config = load(&[&all[..], &[password]].concat()).unwrap();
    assert_eq!(config.database.to_string(), "postgresql://inventree@db.example.com/auth");
    assert!(!format!("{config:?} {}", config.database).contains("hunter2"));
    let port =
        load(&[&all[..], &[("INVENTREE_DB_PORT", "many")]].concat()).unwrap_err().to_string();
    assert_eq!(port, "INVENTREE_DB_PORT: expected a port number");
}

#[test]
fn secret_key_of_fewer_than_32_characters_is_refused() {
    let message = load(&[("INVENTREE_SECRET_KEY", &"x".repeat(31))]).unwrap_err().to_string();
    assert!(
        message
            .starts_with("INVENTREE_SECRET_KEY: expected a random text of 32 characters or more"),
        "{message}"
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
fn admin_password_must_pass_the_password_rules() {
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
    let config = with(" inventree-test-1 ").unwrap();
    assert_eq!(config.admin.unwrap().password.expose(), " inventree-test-1 ", "as it is typed");
}

#[test]
fn postgresql_settings_are_refused_with_an_sqlite_file() {
    for key in ["INVENTREE_DB_HOST", "INVENTREE_DB_USER", "INVENTREE_DB_PORT", "INVENTREE_DB_TLS"] {
        let message = load(&[(key, "1")]).unwrap_err().to_string();
        assert_eq!(message, format!("{key} requires INVENTREE_DB_ENGINE=postgresql"));
    }
}

#[test]
fn named_provider_has_its_own_settings() {
    let id = ("INVENTREE_SSO_MY_COMPANY_CLIENT_ID", "inventree");
    let unknown = load(&[id]).unwrap_err().to_string();
    assert!(
        unknown.starts_with("INVENTREE_SSO_MY_COMPANY_CLIENT_ID: unknown setting"),
        "{unknown}"
    );
    let secret = ("INVENTREE_SSO_MY_COMPANY_CLIENT_SECRET", "hunter2-and-more");
    let config = load(&[("INVENTREE_SSO_PROVIDERS", "my-company"), id, secret]).unwrap();
    assert_eq!(config.providers[0].client_id.as_deref(), Some("inventree"));
    assert!(!format!("{config:?}").contains("hunter2"));
    for ids in ["My", "a b", "a/b", "42", "a,a", "a_b"] {
        let refused = load(&[("INVENTREE_SSO_PROVIDERS", ids)]).unwrap_err().to_string();
        assert!(refused.starts_with("INVENTREE_SSO_PROVIDERS: expected"), "{ids}: {refused}");
    }
}

#[test]
fn inventree_settings_are_accepted_and_unknown_ones_reported_once() {
    let file = [
        ("INVENTREE_SITE_URL", "HTTPS://Auth.Example.com:443/"),
        ("INVENTREE_COOKIE_SAMESITE", "False"),
        ("INVENTREE_LOG_LEVEL", "WARNING"),
        ("INVENTREE_TRUSTED_ORIGINS", r#"["https://a.example.com", "https://b.example.com"]"#),
        ("INVENTREE_CORS_ORIGIN_WHITELIST", "https://a.example.com, https://b.example.com"),
        ("INVENTREE_DEBUG", "False"),
        ("INVENTREE_PLUGINS_ENABLED", "True"),
        ("INVENTREE_CACHE_HOST", "inventree-cache"),
        ("INVENTREE_GUNICORN_TIMEOUT", "90"),
        ("INVENTREE_WEB_PORT", "8000"),
    ];
    let config = load(&file).unwrap();
    assert_eq!(config.rules.site_url, "https://auth.example.com");
    assert_eq!(config.http.cookie_same_site, "Lax");
    assert_eq!(config.http.trusted_origins, ["https://a.example.com", "https://b.example.com"]);
    assert_eq!(config.http.cors_origins, config.http.trusted_origins);
    let message = config.warnings();
    let ignored = "settings of InvenTree that mean nothing here are ignored: \
        INVENTREE_CACHE_HOST, INVENTREE_DEBUG, INVENTREE_GUNICORN_TIMEOUT, \
        INVENTREE_PLUGINS_ENABLED, INVENTREE_WEB_PORT";
    assert_eq!(message, [ignored]);
}

#[test]
fn all_unknown_names_and_invalid_values_are_reported_at_once() {
    let message = load(&[
        ("INVENTREE_LOGIN_ENABLE_REGISTRATION", "true"),
        ("INVENTREE_SITEURL", "https://auth.example.com"),
        ("INVENTREE_JSON_LOG", "maybe"),
        ("INVENTREE_EMAIL_PORT", "many"),
        ("INVENTREE_AUDIT_DAYS", "1"),
        ("INVENTREE_DEBUG", "true"),
        ("INVENTREE_SITE_URL", "auth.example.com"),
        ("INVENTREE_COOKIE_DOMAIN", "example.com"),
        ("INVENTREE_LOG_LEVEL", "loud"),
        ("INVENTREE_EMAIL_BACKEND", "pigeon"),
        ("INVENTREE_EMAIL_SENDER", "stock"),
        ("INVENTREE_COOKIE_SAMESITE", "Perhaps"),
        ("INVENTREE_TRUSTED_ORIGINS", "app.example.com"),
        ("INVENTREE_TRUSTED_PROXIES", "10.0.0.0/99"),
        ("INVENTREE_METRICS_BIND", "9000"),
        ("INVENTREE_TLS_KEY", "key.pem"),
        ("INVENTREE_ADMIN_USER", "root"),
        ("INVENTREE_DB_HOST", "db.example.com"),
        ("INVENTREE_SSO_PROVIDERS", "company"),
        ("INVENTREE_SSO_COMPANY_ISSUER", "id.example.com"),
        ("INVENTREE_FORWARD_AUTH_OPEN_PATHS", "static"),
        ("INVENTREE_FORWARD_AUTH_ALLOW", "admins"),
    ]);
    let message = message.unwrap_err().to_string();
    let begin = |line: &str| line.split([':', ' ']).next().unwrap().to_owned();
    let mut names: Vec<String> = message.lines().map(begin).collect();
    names.sort();
    let expected = [
        "INVENTREE_ADMIN_USER",
        "INVENTREE_AUDIT_DAYS",
        "INVENTREE_COOKIE_SAMESITE",
        "INVENTREE_DB_HOST",
        "INVENTREE_EMAIL_BACKEND",
        "INVENTREE_EMAIL_PORT",
        "INVENTREE_EMAIL_SENDER",
        "INVENTREE_FORWARD_AUTH_ALLOW",
        "INVENTREE_FORWARD_AUTH_OPEN_PATHS",
        "INVENTREE_JSON_LOG",
        "INVENTREE_LOGIN_ENABLE_REGISTRATION",
        "INVENTREE_LOG_LEVEL",
        "INVENTREE_METRICS_BIND",
        "INVENTREE_SITEURL",
        "INVENTREE_SITE_URL",
        "INVENTREE_SSO_COMPANY_ISSUER",
        "INVENTREE_TLS_CERTIFICATE",
        "INVENTREE_TRUSTED_ORIGINS",
        "INVENTREE_TRUSTED_PROXIES",
    ];
    assert_eq!(names, expected, "{message}");
}

#[test]
fn every_missing_setting_of_a_database_server_is_reported_at_once() {
    let message = load(&[("INVENTREE_DB_ENGINE", "postgresql")]).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 4, "{message}");
    assert!(
        message.lines().all(|line| line.starts_with("INVENTREE_DB_ENGINE=postgresql requires"))
    );
}

#[test]
fn invalid_provider_id_leaves_provider_settings_known() {
    let client = ("INVENTREE_SSO_COMPANY_CLIENT_ID", "inventree");
    let message =
        load(&[("INVENTREE_SSO_PROVIDERS", "company,A_B"), client]).unwrap_err().to_string();
    assert!(message.starts_with("INVENTREE_SSO_PROVIDERS: expected"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn own_settings_are_not_in_the_ignored_list() {
    for setting in super::settings() {
        assert!(!super::inventree::is_setting(&setting.name), "{}", setting.name);
    }
}

#[test]
fn site_url_is_normalised_and_a_path_refused() {
    for (given, taken) in [
        ("http://localhost:80", "http://localhost"),
        ("http://LOCALHOST:8000/", "http://localhost:8000"),
        ("https://auth.example.com:80", "https://auth.example.com:80"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ] {
        assert_eq!(
            load(&[("INVENTREE_SITE_URL", given)]).unwrap().rules.site_url,
            taken,
            "{given}"
        );
    }
    let message =
        load(&[("INVENTREE_SITE_URL", "https://example.com/auth")]).unwrap_err().to_string();
    assert!(message.starts_with("INVENTREE_SITE_URL: a path is not supported"), "{message}");
    assert_eq!(message.lines().count(), 1);
}

/// The form of the file that InvenTree's installation with Docker begins with.
#[test]
fn inventree_env_file_is_accepted_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let text = "# InvenTree environment variables for docker compose deployment\r\n\
        COMPOSE_PROJECT_NAME=inventree\r\n\r\nINVENTREE_TAG=stable\r\n\
        INVENTREE_SITE_URL=\"HTTP://inventree.localhost:80/\"\r\n\
        #INVENTREE_SITE_URL=\"http://192.168.1.2\"\r\nexport INVENTREE_AUTO_UPDATE=True\r\n\
        INVENTREE_LOGIN_ENABLE_REG='True' # for now\r\nINVENTREE_COOKIE_SAMESITE=False\r\n\
        INVENTREE_TRUSTED_ORIGINS=[\"http://a.example\", \"http://b.example\"]\r\n";
    for name in [".env", "inventree.env"] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let config = Config::load(Some(&path), std::iter::empty()).unwrap();
        assert_eq!(config.rules.site_url, "http://inventree.localhost");
        assert!(config.rules.registration_enabled);
        assert_eq!(config.http.cookie_same_site, "Lax");
        assert_eq!(config.http.trusted_origins, ["http://a.example", "http://b.example"]);
        let warnings = config.warnings();
        assert!(warnings[0].ends_with(": INVENTREE_AUTO_UPDATE, INVENTREE_TAG"), "{warnings:?}");
        std::fs::write(&path, format!("{text}INVENTREE_SECRET_KEY='s3cret")).unwrap();
        let message = Config::load(Some(&path), std::iter::empty()).unwrap_err().to_string();
        assert!(message.contains("line 11: the quotation mark is not closed"), "{message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
}

#[test]
fn environment_wins_over_the_file() {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    let text = "INVENTREE_LOGIN_ENABLE_REG: true\nINVENTREE_LOGIN_CONFIRM_DAYS: 5\n";
    std::fs::write(file.path(), text).unwrap();
    let environment = [("INVENTREE_LOGIN_CONFIRM_DAYS".to_owned(), "7".to_owned())];
    let config = Config::load(Some(file.path()), environment.into_iter()).unwrap();
    assert!(config.rules.registration_enabled);
    assert_eq!(config.rules.confirm_days, 7);
}

#[test]
fn secrets_are_read_from_files_and_redacted_in_debug_output() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter2-and-more\n").unwrap();
    let path = file.path().to_str().unwrap();
    let config =
        load(&[("INVENTREE_ADMIN_USER", "admin"), ("INVENTREE_ADMIN_PASSWORD_FILE", path)])
            .unwrap();
    assert_eq!(config.admin.as_ref().unwrap().password.expose(), "hunter2-and-more");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn subjects_begin_with_the_product_name_unless_a_prefix_is_set() {
    let name = ("INVENTREE_PRODUCT_NAME", "Stock");
    assert_eq!(load(&[]).unwrap().email.prefix, "[InvenTree] ");
    assert_eq!(load(&[name]).unwrap().email.prefix, "[Stock] ");
    assert_eq!(load(&[name, ("INVENTREE_EMAIL_PREFIX", "")]).unwrap().email.prefix, "");
}

#[test]
fn support_contact_is_an_address_or_a_url() {
    let message = load(&[("INVENTREE_SUPPORT_CONTACT", "ask around")]).unwrap_err().to_string();
    assert!(
        message.starts_with("INVENTREE_SUPPORT_CONTACT: expected an email address"),
        "{message}"
    );
    let config = load(&[("INVENTREE_SUPPORT_CONTACT", "help@example.org")]).unwrap();
    assert_eq!(config.branding.contact.unwrap().to_string(), "help@example.org");
}

#[test]
fn sender_defaults_to_the_smtp_user_name() {
    let site = ("INVENTREE_SITE_URL", "https://auth.example.com:8443");
    let password = ("INVENTREE_EMAIL_PASSWORD", "hunter2-and-more");
    let sender = |pairs: &[(&str, &str)]| load(pairs).unwrap().email.sender;
    assert_eq!(sender(&[]), "inventree@localhost");
    assert_eq!(sender(&[site]), "inventree@auth.example.com");
    assert_eq!(sender(&[("INVENTREE_SITE_URL", "http://192.0.2.1")]), "inventree@localhost");
    for (name, expected) in
        [("stock@example.org", "stock@example.org"), ("stock", "inventree@auth.example.com")]
    {
        assert_eq!(sender(&[site, password, ("INVENTREE_EMAIL_USERNAME", name)]), expected);
    }
    let named = [password, ("INVENTREE_EMAIL_USERNAME", "stock@example.org")];
    assert_eq!(
        sender(&[&named[..], &[("INVENTREE_EMAIL_SENDER", "a@b.example")]].concat()),
        "a@b.example"
    );
    assert!(load(&[("INVENTREE_EMAIL_SENDER", "stock")]).is_err());
    let name = |pairs: &[(&str, &str)]| load(pairs).unwrap().email.sender_name;
    assert_eq!(name(&[("INVENTREE_PRODUCT_NAME", "Stock")]), "Stock");
    assert_eq!(name(&[("INVENTREE_EMAIL_SENDER_NAME", "Lager")]), "Lager");
}

#[test]
fn smtp_root_certificates_need_a_valid_file_and_tls() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let roots = ("INVENTREE_EMAIL_TLS_ROOTS", file.path().to_str().unwrap());
    let all =
        [("INVENTREE_EMAIL_HOST", "mail.example.com"), ("INVENTREE_EMAIL_TLS", "true"), roots];
    let message = load(&all).unwrap_err().to_string();
    assert!(
        message.starts_with("INVENTREE_EMAIL_TLS_ROOTS: ") && message.ends_with("PEM"),
        "{message}"
    );
    std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----\n").unwrap();
    assert!(load(&all).is_ok());
    let message = load(&[all[0], roots]).unwrap_err().to_string();
    assert!(
        message.starts_with("INVENTREE_EMAIL_TLS_ROOTS requires INVENTREE_EMAIL_TLS"),
        "{message}"
    );
}
