//! Files for what runs around the server, carried by the binary so that they belong to its version. They are printed as
//! they are: what an installation must change stands at their top.

use clap::ValueEnum;

#[derive(Clone, Copy, ValueEnum)]
pub enum Around {
    /// A systemd unit with a user of its own and nothing else that it may do.
    Systemd,
    /// A site for nginx, which ends TLS.
    Nginx,
    /// The same for Caddy.
    Caddy,
    /// SQL for PostgreSQL: the rights of a role that serves and owns nothing.
    Grants,
}

impl Around {
    pub fn text(self) -> &'static str {
        match self {
            Around::Systemd => include_str!("print/inventree-auth.service"),
            Around::Nginx => include_str!("print/nginx.conf"),
            Around::Caddy => include_str!("print/Caddyfile"),
            Around::Grants => include_str!("print/grants.sql"),
        }
    }
}
