//! Configuration files for the environment of the server, embedded in the binary to match its
//! version. They are printed unchanged; the lines to adapt are at their top.

use clap::ValueEnum;

#[derive(Clone, Copy, ValueEnum)]
pub enum Template {
    /// A systemd unit with a dedicated user and a sandbox.
    Systemd,
    /// An nginx site that terminates TLS.
    Nginx,
    /// A Caddy site that terminates TLS.
    Caddy,
    /// SQL for PostgreSQL: grants for a server role that owns nothing.
    Grants,
}

impl Template {
    pub fn text(self) -> &'static str {
        match self {
            Template::Systemd => include_str!("print/inventree-auth.service"),
            Template::Nginx => include_str!("print/nginx.conf"),
            Template::Caddy => include_str!("print/Caddyfile"),
            Template::Grants => include_str!("print/grants.sql"),
        }
    }
}
