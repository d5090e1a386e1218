//! Database connection settings: an SQLite file, or a server that speaks the PostgreSQL protocol.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::secret::Secret;

/// Timeout for the TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// TCP user timeout: how long sent data may stay unacknowledged.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres(Box<Postgres>),
}

/// Connection settings of a server. Neither `Debug` nor `Display` shows the password.
#[derive(Clone, Debug)]
pub struct Postgres {
    pub(super) config: tokio_postgres::Config,
    /// CA certificates to trust in place of the public ones.
    pub(super) root_certificates: Option<PathBuf>,
}

/// The parts of the address of a server, as in the settings.
#[derive(Debug, Default)]
pub struct PostgresParts<'a> {
    /// A host name, an IP address or the directory of a Unix socket. Of several, separated by
    /// commas, the first that accepts writes is used.
    pub host: &'a str,
    pub port: u16,
    pub name: &'a str,
    pub user: &'a str,
    pub password: Option<&'a Secret>,
    /// `None` requires TLS unless the server is on this machine.
    pub tls: Option<bool>,
    pub root_certificates: Option<PathBuf>,
}

impl Postgres {
    pub fn new(parts: PostgresParts<'_>) -> Postgres {
        let mut config = tokio_postgres::Config::new();
        for host in parts.host.split(',') {
            config.host(host.trim());
        }
        config.port(parts.port).dbname(parts.name).user(parts.user);
        if let Some(password) = parts.password {
            config.password(password.expose());
        }
        if let Some(tls) = parts.tls {
            config.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
        }
        Postgres::of(config, parts.root_certificates)
    }

    fn of(mut config: tokio_postgres::Config, root_certificates: Option<PathBuf>) -> Postgres {
        config
            .application_name("inventree-auth")
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(TCP_USER_TIMEOUT);
        config
            .keepalives_idle(TCP_USER_TIMEOUT)
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_ssl_mode() == SslMode::Prefer {
            // Opportunistic TLS is no protection: an active attacker can disable it.
            let is_here = config.get_hosts().iter().all(is_this_machine);
            config.ssl_mode(if is_here { SslMode::Disable } else { SslMode::Require });
        }
        Postgres { config, root_certificates }
    }

    /// The data that a connection without TLS exposes, for the operator. The server chooses how a
    /// password is sent.
    pub fn sends_unencrypted(&self) -> Option<&'static str> {
        let hosts = self.config.get_hosts();
        if self.config.get_ssl_mode() != SslMode::Disable
            || !hosts.iter().any(|host| matches!(host, Host::Tcp(_)))
        {
            return None;
        }
        if !hosts.iter().all(is_this_machine) {
            return Some("all rows are sent");
        }
        // Another program on this machine may have taken the port.
        self.config.get_password().map(|_| "the password may be sent")
    }

    /// The same server for reads only, which may go to a standby.
    pub(super) fn for_reads(&self) -> Postgres {
        let mut server = self.clone();
        server.config.target_session_attrs(TargetSessionAttrs::Any);
        server
    }

    /// A blocking client configuration, for tests.
    #[cfg(test)]
    pub(super) fn blocking(&self) -> postgres::Config {
        self.config.clone().into()
    }

    /// Sets the password unless there is one.
    #[must_use]
    pub fn or_password(mut self, password: Option<&str>) -> Postgres {
        if let (None, Some(password)) = (self.config.get_password(), password) {
            self.config.password(password);
        }
        self
    }

    #[must_use]
    pub fn or_root_certificates(mut self, file: Option<PathBuf>) -> Postgres {
        self.root_certificates = self.root_certificates.or(file);
        self
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

impl fmt::Display for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Postgres { config, .. } = self;
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(folder) => folder.display().to_string(),
        });
        let (user, hosts) =
            (config.get_user().unwrap_or_default(), hosts.collect::<Vec<_>>().join(","));
        write!(f, "postgresql://{user}@{hosts}/{}", config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Sqlite(path) => path.display().fmt(f),
            Database::Postgres(server) => server.fmt(f),
        }
    }
}

impl From<&Path> for Database {
    fn from(path: &Path) -> Self {
        Database::Sqlite(path.to_owned())
    }
}

impl From<PathBuf> for Database {
    fn from(path: PathBuf) -> Self {
        Database::Sqlite(path)
    }
}

impl FromStr for Database {
    type Err = String;

    /// Parses `postgresql://user:password@host:port/name`, with optional `?sslmode=disable` or
    /// `require`. Any other text is a file path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.starts_with("postgresql://") && !text.starts_with("postgres://") {
            return Ok(Database::Sqlite(PathBuf::from(text)));
        }
        // The error of the parser may repeat its input, which includes the password.
        let config = text.parse::<tokio_postgres::Config>();
        let config = config.map_err(|_| {
            "the address of a server is postgresql://user@host:port/name".to_owned()
        })?;
        if config.get_hosts().is_empty()
            || config.get_dbname().is_none()
            || config.get_user().is_none()
        {
            return Err("the address of a server is postgresql://user@host:port/name".to_owned());
        }
        Ok(Database::Postgres(Box::new(Postgres::of(config, None))))
    }
}

impl Database {
    /// The path of an SQLite file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Database::Sqlite(path) => Some(path),
            Database::Postgres(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, tls: Option<bool>) -> SslMode {
        let parts = PostgresParts {
            host,
            port: 5432,
            name: "auth",
            user: "amy",
            tls,
            ..PostgresParts::default()
        };
        Postgres::new(parts).config.get_ssl_mode()
    }

    #[test]
    fn tls_is_optional_for_loopback_only() {
        for here in ["localhost", "127.0.0.1", "::1", "/run/postgresql"] {
            assert_eq!(server(here, None), SslMode::Disable, "{here}");
            assert_eq!(server(here, Some(true)), SslMode::Require, "{here}");
        }
        for elsewhere in ["db.example.com", "10.0.0.7", "localhost,db.example.com"] {
            assert_eq!(server(elsewhere, None), SslMode::Require, "{elsewhere}");
            assert_eq!(server(elsewhere, Some(false)), SslMode::Disable, "{elsewhere}");
        }
        let by_url: Database = "postgresql://amy@db.example.com/auth".parse().unwrap();
        let Database::Postgres(by_url) = by_url else { panic!("a file") };
        assert_eq!(by_url.config.get_ssl_mode(), SslMode::Require);
    }

    #[test]
    fn database_url_is_refused_without_quoting_it() {
        assert_eq!(
            "auth.sqlite3".parse::<Database>().unwrap().file(),
            Some(Path::new("auth.sqlite3"))
        );
        for wrong in [
            "postgresql://",
            "postgresql:///auth",
            "postgresql://amy:s3cret@",
            "postgres://amy:s3cret@host:many/auth",
        ] {
            let message = wrong.parse::<Database>().unwrap_err();
            assert!(
                message.starts_with("the address of a server is postgresql://")
                    && !message.contains("s3cret"),
                "{message}"
            );
        }
    }
}
