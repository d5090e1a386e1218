//! Settings that are valid and insecure, or ignored.

use std::net::IpAddr;

use super::{Backend, Config};
use crate::store::Database;

impl Config {
    /// A line for each setting that the operator should reconsider; they are logged at start and
    /// by `check-config`.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Backend::Smtp { host, credentials, starttls: false, tls: false, .. } =
            &self.email.backend
            && !is_loopback(host)
        {
            let sent = if credentials.is_some() {
                "the mail server's password and live links"
            } else {
                "live links"
            };
            warnings.push(format!(
                "{sent} are sent to INVENTREE_EMAIL_HOST ({host}) unencrypted: set \
                 INVENTREE_EMAIL_TLS or \
                 INVENTREE_EMAIL_SSL"
            ));
        }
        if let Database::Postgres(server) = &self.database
            && let Some(sent) = server.sends_unencrypted()
        {
            warnings.push(format!(
                "{sent} to PostgreSQL ({server}) unencrypted: set INVENTREE_DB_TLS=true"
            ));
        }
        if self.rules.mfa_enforced {
            warnings.push(
                "INVENTREE_LOGIN_ENFORCE_MFA: accounts without a second factor have no access \
                 until they set one up, and their API tokens are rejected"
                    .to_owned(),
            );
        }
        if !self.ignored.is_empty() {
            warnings.push(format!(
                "settings of InvenTree that mean nothing here are ignored: {}",
                self.ignored.join(", ")
            ));
        }
        warnings
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(pairs: &[(&str, &str)]) -> Vec<String> {
        let pairs =
            pairs.iter().map(|(key, value)| (format!("INVENTREE_{key}"), (*value).to_owned()));
        Config::load(None, pairs).unwrap().warnings()
    }

    #[test]
    fn remote_smtp_without_tls_logs_a_warning() {
        let login = [("EMAIL_USERNAME", "stock"), ("EMAIL_PASSWORD", "hunter2-and-more")];
        let other = ("EMAIL_HOST", "mail.example.com");
        let message = warnings(&[&[other], &login[..]].concat());
        assert!(
            message.len() == 1
                && message[0].starts_with("the mail server's password and live links"),
            "{message:?}"
        );
        assert!(!message[0].contains("hunter2"));
        let message = warnings(&[other]);
        assert!(
            message.len() == 1
                && message[0].starts_with("live links are sent to INVENTREE_EMAIL_HOST"),
            "{message:?}"
        );
        for good in [
            &[other, ("EMAIL_TLS", "true")][..],
            &[other, ("EMAIL_SSL", "true")],
            &[("EMAIL_HOST", "localhost"), login[0], login[1]],
            &[("EMAIL_HOST", "127.0.0.1")],
            &[("EMAIL_HOST", "::1")],
            &[("EMAIL_BACKEND", "console"), other],
            &[],
        ] {
            assert_eq!(warnings(good), [""; 0], "{good:?}");
        }
    }

    #[test]
    fn postgresql_password_without_tls_logs_a_warning() {
        let server = [
            ("DB_ENGINE", "postgresql"),
            ("DB_NAME", "auth"),
            ("DB_USER", "inventree"),
            ("SECRET_KEY", "a key that every one of the servers has"),
        ];
        let password = ("DB_PASSWORD", "hunter2-and-more");
        let message = warnings(&[&server[..], &[("DB_HOST", "localhost"), password]].concat());
        assert!(
            message.len() == 1 && message[0].starts_with("the password may be sent to PostgreSQL"),
            "{message:?}"
        );
        assert!(!message[0].contains("hunter2"));
        let elsewhere = [("DB_HOST", "db.example.com"), ("DB_TLS", "false")];
        let message = warnings(&[&server[..], &elsewhere].concat());
        assert!(
            message.len() == 1 && message[0].starts_with("all rows are sent to PostgreSQL"),
            "{message:?}"
        );
        for good in [
            &[("DB_HOST", "localhost"), password, ("DB_TLS", "true")][..],
            &[("DB_HOST", "db.example.com"), password],
            &[("DB_HOST", "localhost")],
            &[("DB_HOST", "/run/postgresql"), password],
        ] {
            assert_eq!(warnings(&[&server[..], good].concat()), [""; 0], "{good:?}");
        }
    }
}
