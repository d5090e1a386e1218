//! Configuration files for the environment of the server, embedded in the binary to match its
//! version. They are printed unchanged; the lines to adapt are at their top.

use clap::ValueEnum;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// A systemd unit with a dedicated user and a sandbox.
    Systemd,
    /// An nginx site that terminates TLS.
    Nginx,
    /// A Caddy site that terminates TLS.
    Caddy,
    /// A Traefik configuration, with `--for`.
    Traefik,
    /// An Envoy configuration, with `--for`.
    Envoy,
    /// SQL for PostgreSQL: grants for a server role that owns nothing.
    Grants,
}

/// A service behind this server.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProxiedService {
    /// InvenTree, with remote-user login from the proxy.
    Inventree,
}

/// There is no such file.
#[derive(Debug, thiserror::Error)]
pub enum NoTemplate {
    #[error("the {0} configuration needs --for inventree")]
    ServiceNeeded(&'static str),
    #[error("--for requires nginx, caddy, traefik or envoy")]
    NotForServices,
}

impl Template {
    /// # Errors
    ///
    /// [`NoTemplate`]
    pub fn text(self, service: Option<ProxiedService>) -> Result<&'static str, NoTemplate> {
        match (self, service) {
            (Template::Systemd, None) => Ok(include_str!("print/inventree-auth.service")),
            (Template::Nginx, None) => Ok(include_str!("print/nginx.conf")),
            (Template::Caddy, None) => Ok(include_str!("print/Caddyfile")),
            (Template::Grants, None) => Ok(include_str!("print/grants.sql")),
            (Template::Traefik, None) => Err(NoTemplate::ServiceNeeded("Traefik")),
            (Template::Envoy, None) => Err(NoTemplate::ServiceNeeded("Envoy")),
            (Template::Nginx, Some(ProxiedService::Inventree)) => {
                Ok(include_str!("print/inventree/nginx.conf"))
            }
            (Template::Caddy, Some(ProxiedService::Inventree)) => {
                Ok(include_str!("print/inventree/Caddyfile"))
            }
            (Template::Traefik, Some(ProxiedService::Inventree)) => {
                Ok(include_str!("print/inventree/traefik.yaml"))
            }
            (Template::Envoy, Some(ProxiedService::Inventree)) => {
                Ok(include_str!("print/inventree/envoy.yaml"))
            }
            (Template::Systemd | Template::Grants, Some(_)) => Err(NoTemplate::NotForServices),
        }
    }
}
