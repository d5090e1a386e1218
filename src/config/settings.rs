//! Every setting, declared once: name, type, default and help.
//!
//! The parser, `check-config --list`, docs/settings.md and the man page come from this table.
//! `REFRESH_GENERATED=1 cargo test --test docs settings` writes the page after a change.

use std::fmt;

use DefaultValue::{Described, Unset, Value};
use Kind::{Choice, Count, Flag, List, Port, Secret, Text};

use crate::http::DEFAULT_SITE_URL;

pub(super) const PREFIX: &str = "INVENTREE_";

pub(super) const PROVIDER_PREFIX: &str = "INVENTREE_SSO_";

/// The part of a provider's settings that its id replaces.
const PROVIDER: &str = "<PROVIDER>";

/// A shorter key could be brute-forced from a single emailed link.
pub(crate) const MIN_SECRET_KEY_CHARACTERS: usize = 32;

#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub name: &'static str,
    pub kind: Kind,
    pub default: DefaultValue,
    pub help: &'static str,
}

/// The type of a setting. A text describes the accepted values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Flag,
    Port,
    Count {
        unit: &'static str,
        min: i64,
        max: i64,
    },
    Choice(&'static [&'static str]),
    Text(&'static str),
    /// Separated by commas.
    List(&'static str),
    /// Given by value, or by the path of a file in the setting `…_FILE`. Redacted in `Debug`.
    Secret(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum DefaultValue {
    Unset,
    Value(&'static str),
    /// Depends on other settings.
    Described(&'static str),
}

/// Settings under one heading of the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    pub title: &'static str,
    pub intro: &'static str,
    pub settings: &'static [Setting],
}

impl Setting {
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Secret(_))
    }

    /// The setting's name for one provider; of another setting, its name.
    pub fn name_for(&self, provider_id: &str) -> String {
        self.name.replace(PROVIDER, &provider_id.to_ascii_uppercase().replace('-', "_"))
    }

    pub fn is_of_provider(&self) -> bool {
        self.name.contains(PROVIDER)
    }
}

/// The setting that names a file with the value of a secret.
pub(super) fn file_name(secret: &str) -> String {
    format!("{secret}_FILE")
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flag => f.write_str("true or false"),
            Port => f.write_str("a port number"),
            Count { unit, min, max: i64::MAX } => write!(f, "a number of {unit}, {min} or more"),
            Count { unit, min, max } => write!(f, "a number of {unit}, {min} to {max}"),
            Choice([first @ .., last]) => write!(f, "{} or {last}", first.join(", ")),
            Choice([]) => Ok(()),
            Text(accepted) | List(accepted) | Secret(accepted) => f.write_str(accepted),
        }
    }
}

impl fmt::Display for DefaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unset => f.write_str("none"),
            Value(text) | Described(text) => f.write_str(text),
        }
    }
}

/// Declares a constant for each setting, and all of them as `SECTIONS`.
macro_rules! settings {
    ($($title:literal, $prefix:literal, $intro:literal {
        $($name:ident: $kind:expr, $default:expr, $help:literal;)*
    })*) => {
        $($(pub(super) const $name: Setting = Setting {
            name: concat!("INVENTREE_", $prefix, stringify!($name)),
            kind: $kind,
            default: $default,
            help: $help,
        };)*)*

        pub(super) const SECTIONS: &[Section] = &[$(Section {
            title: $title,
            intro: $intro,
            settings: &[$($name),*],
        }),*];
    };
}

settings! {
    "Server", "", "" {
        SITE_URL: Text("the public URL of this server, such as https://auth.example.com"),
            Value(DEFAULT_SITE_URL), "base of every link; `https://` makes cookies `Secure`";
        SECRET_KEY: Secret(
                "a random text of 32 characters or more, such as of `openssl rand -hex 32`"
            ),
            Described("generated at the first start, kept in `<database>.secret_key`"),
            "signs emailed links, encrypts queued email";
        ADMIN_USER: Text("a user name"), Unset,
            "superuser that is created at start if missing; requires a password";
        ADMIN_PASSWORD: Secret("a password"), Unset, "must pass the password rules";
        ADMIN_EMAIL: Text("an email address"), Unset, "";
        PRODUCT_NAME: Text("a text"), Value("InvenTree"),
            "the name of this site in pages and emails";
        SUPPORT_CONTACT: Text("an email address or a URL, such as https://example.com/help"),
            Unset, "where people can ask, in pages and emails";
        BRAND_COLOR: Text("a colour as #rrggbb"), Described("blue"),
            "of buttons and links, in the nearest shades that are legible";
        FOOTER: List("texts, or LABEL=URL for a link, such as Example Ltd,Terms=/terms"), Unset,
            "at the foot of each page";
        CUSTOMIZE_DIR: Text("the path of a folder"), Unset,
            "logo, icon, languages and sentences: see [Branding](branding.md)";
        LOG_LEVEL: Choice(&["debug", "info", "warning", "error"]), Value("info"),
            "logs go to standard error";
        JSON_LOG: Flag, Value("false"), "one JSON object a line";
        METRICS_BIND: Text("an address and port, such as 127.0.0.1:9000"), Unset,
            "serves `/healthz`, `/readyz` and `/metrics` there";
        AUDIT_DAYS: Count { unit: "days", min: 30, max: i64::MAX }, Value("365"),
            "retention of the audit trail";
    }
    "Database", "", "PostgreSQL is described in [Many machines](many-machines.md)." {
        DB_ENGINE: Choice(&["sqlite3", "postgresql"]), Value("sqlite3"), "";
        DB_NAME: Text("the path of the database file; for postgresql, the name of the database"),
            Value("inventree-auth.sqlite3"), "`serve --database` sets the path too";
        DB_HOST: Text(
                "the name of a postgresql server, several separated by commas, or the directory \
                 of its socket"
            ),
            Unset, "";
        DB_PORT: Port, Value("5432"), "";
        DB_USER: Text("a user name"), Unset, "";
        DB_PASSWORD: Secret("a password"), Unset, "";
        DB_TLS: Flag, Described("`true`, except on this machine"),
            "TLS to PostgreSQL, always verified";
        DB_TLS_ROOTS: Text("the path of a PEM file with root certificates"),
            Described("public roots"), "";
    }
    "Email", "", "" {
        EMAIL_BACKEND: Choice(&["smtp", "console"]), Value("smtp"),
            "`console` prints email to the terminal";
        EMAIL_HOST: Text("the name of a mail server"), Unset,
            "without a host, email waits in the outbox";
        EMAIL_PORT: Port, Described("25; 587 with `_TLS`, 465 with `_SSL`"), "";
        EMAIL_USERNAME: Text("a user name"), Unset, "";
        EMAIL_PASSWORD: Secret("a password"), Unset, "";
        EMAIL_TLS: Flag, Value("false"), "STARTTLS";
        EMAIL_SSL: Flag, Value("false"), "TLS from the first byte";
        EMAIL_TLS_ROOTS: Text("the path of a PEM file with root certificates"),
            Described("those of the system"), "trusted for the mail server, and no others";
        EMAIL_SENDER: Text("an email address"),
            Described("the user name if it is an address, or else `inventree@` the site's host"),
            "";
        EMAIL_SENDER_NAME: Text("a text"), Described("the product name"),
            "shown beside the sender's address";
        EMAIL_REPLY_TO: Text("an email address"), Unset, "where replies to an email go";
        EMAIL_PREFIX: Text("a text"), Described("the product name, such as `[InvenTree] `"),
            "start of every subject";
    }
    "Registration and login", "", "" {
        LOGIN_ENABLE_REG: Flag, Value("false"), "open registration";
        LOGIN_MAIL_REQUIRED: Flag, Value("false"), "registration requires an email address";
        LOGIN_SIGNUP_MAIL_RESTRICTION: List("email domains, such as @example.com,@example.org"),
            Described("any"),
            "domains that may register; an address of them is then required, must be confirmed \
             in time, and stays the primary one";
        LOGIN_CONFIRM_FIRST: Flag, Value("false"),
            "a new account cannot be used until its address is confirmed";
        LOGIN_ENFORCE_MFA: Flag, Value("false"),
            "an account without a [second factor](second-factor.md) can only set one up";
        LOGIN_MFA_AFTER_SSO: Flag, Value("true"),
            "asks for the second factor after a sign-in provider too";
        LOGIN_MFA_REMEMBER: Flag, Value("false"),
            "lets owners skip the second factor in a browser for 30 days";
        LOGIN_NOTICES: Flag, Value("true"),
            "emails the owner of an account after a sign-in from a new browser or network";
        LOGIN_ENABLE_PWD_FORGOT: Flag, Value("true"),
            "`password_forgotten_enabled` in the provider list; does not disable password reset";
        LOGIN_CONFIRM_DAYS: Count { unit: "days", min: 1, max: i64::MAX }, Value("3"),
            "lifetime of a confirmation key";
        MAX_EMAIL_ADDRESSES: Count { unit: "addresses", min: 1, max: 1000 }, Value("20"),
            "addresses of one account";
        OLD_PASSWORD_REQUIRED: Flag, Value("false"), "a password change requires `old_password`";
        LEAKED_PASSWORDS: Text("`builtin`, `off`, or the path of a filter"), Value("builtin"),
            "refuses new passwords that are in data leaks: see \
             [Leaked passwords](leaked-passwords.md)";
        RATE_LIMITS: Flag, Value("true"), "`false` for tests and benchmarks only";
    }
    "Sign-in providers", "", "See [Sign-in providers](providers.md)." {
        LOGIN_ENABLE_SSO: Flag, Value("false"), "sign in through a provider";
        LOGIN_ENABLE_SSO_REG: Flag, Value("false"), "create accounts through a provider";
        LOGIN_SIGNUP_SSO_AUTO: Flag, Value("true"),
            "create them without a form, if the claims suffice";
        LOGIN_ENABLE_SSO_GROUP_SYNC: Flag, Value("false"),
            "groups follow the claims of providers";
        SSO_GROUP_KEY: Text("the name of a claim"), Value("groups"), "the claim with the groups";
        SSO_GROUP_PROVIDERS: List("ids of INVENTREE_SSO_PROVIDERS"), Unset,
            "providers whose groups count; required if there are several";
        SSO_GROUP_MAP: Text("a JSON object, such as {\"/stock\": \"Stock keepers\"}"), Unset,
            "maps claimed groups to local groups; other groups are ignored";
        SSO_REMOVE_GROUPS: Flag, Value("true"),
            "removes mapped groups that the claim lacks at sign-in";
        SSO_PROVIDERS: List("ids such as google,github,company: lower-case letters, digits and -"),
            Unset, "";
        SSO_PRIVATE_NETWORKS: List("addresses or ranges, such as 10.0.0.0/8"), Unset,
            "private addresses that providers may use";
        SSO_TLS_ROOTS: Text("the path of a PEM file with root certificates"), Unset,
            "trusted for providers in addition to the public roots";
    }
    "Each sign-in provider", "SSO_<PROVIDER>_",
    "`<PROVIDER>` is the provider's id in capitals, its `-` written `_`." {
        CLIENT_ID: Text("a text"), Unset, "client id at the provider";
        CLIENT_SECRET: Secret("a text"), Unset, "without it, a public client";
        ISSUER: Text("a URL, such as https://id.example.com"), Described("preset"), "";
        NAME: Text("a text"), Described("preset"), "display name";
        TRUSTED_AUDIENCES: List("client ids"), Unset,
            "audiences to accept in ID tokens in addition to this client";
    }
    "Browsers, proxies and TLS", "", "" {
        SESSION_COOKIE_SECURE: Flag, Described("`true` with an `https://` site URL"), "";
        SESSION_COOKIE_NAME: Text("a cookie name"), Value("sessionid"),
            "change it if a Django service runs on the same host";
        COOKIE_DOMAIN: Text(
                "a domain that holds the site and every host of INVENTREE_FORWARD_AUTH_HOSTS, such \
                 as example.com"
            ),
            Described("the site's host alone"),
            "all its hosts receive the session cookie, so all must be yours";
        COOKIE_SAMESITE: Choice(&["Lax", "Strict", "None"]), Value("Lax"), "";
        TRUSTED_ORIGINS: List("origins, such as https://app.example.com"), Unset,
            "origins whose pages may use a session";
        CORS_ORIGIN_WHITELIST: List("origins, such as https://app.example.com"), Unset,
            "origins whose scripts may read responses";
        USE_X_FORWARDED_FOR: Flag, Value("false"), "requires `INVENTREE_TRUSTED_PROXIES`";
        TRUSTED_PROXIES: List("addresses or ranges, such as 10.0.0.0/8"), Unset,
            "proxies whose `X-Forwarded-For` counts";
        TLS_CERTIFICATE: Text("the path of a PEM file with the certificate and its chain"), Unset,
            "reloaded when it changes";
        TLS_KEY: Text("the path of a PEM file with the certificate's private key"), Unset, "";
    }
    "Forward authentication", "",
    "For services behind a reverse proxy: see [Forward authentication](front-door.md)." {
        FORWARD_AUTH_HOSTS: List("host names, such as stock.example.com,wiki.example.com:8443"),
            Described("the site's host"),
            "hosts to authenticate; hosts other than the site's require \
             `INVENTREE_COOKIE_DOMAIN`";
        FORWARD_AUTH_OPEN_PATHS: List("paths, such as /static/*,/robots.txt"), Unset,
            "paths that need no sign-in; a trailing `/*` matches everything below";
        FORWARD_AUTH_ALLOW: List("everyone, superusers, or group:NAME"), Value("everyone"),
            "who has access; one match suffices";
    }
}
