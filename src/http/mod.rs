//! HTTP: the one implementation of the generated trait, and everything that knows a status, a header or a cookie.
//!
//! A request goes straight through:
//!
//! ```text
//! connections.rs ─► front.rs    any path, any method: negotiation, 404, 405, OPTIONS, headers, panics, the log line
//!   (hyper)           ├─► dropshot's router and handlers, from the generated trait
//!                     │     └─► typed.rs  admit: who calls (caller.rs), may they, what do they say (body.rs, fields.rs)
//!                     │           └─► operations.rs ─► login.rs, …   5 to 15 lines each: unwrap, call domain, wrap
//!                     └─► pages/  what is answered beside the document
//! ```
//!
//! Rules live in `domain`; a handler that decides more than a status belongs there. `error.rs` is the only place that
//! turns a refusal into a status and a body.

pub mod body;
pub mod caller;
pub mod client;
pub mod connections;
mod contexts;
pub mod cookies;
mod emails;
pub mod error;
pub mod fields;
mod framing;
pub mod front;
mod headers;
mod host;
mod json;
mod lazy_body;
mod login;
mod logout;
pub mod negotiation;
mod operations;
pub mod origin;
mod pages;
mod pagination;
mod password;
mod providers;
mod registration;
mod social;
pub mod typed;
mod user;

use std::sync::Arc;

use dropshot::ApiDescription;

use crate::domain::Domain;
use crate::mail::transport::Mailbox;
use crate::metrics;
use crate::network::Network;

pub use caller::TOKEN_HEADER;
pub use cookies::{CSRF_COOKIE, SESSION_COOKIE};
pub use operations::Implementation;

/// Where people reach this server unless it is told otherwise, and so the server that its document names.
pub const DEFAULT_SITE_URL: &str = "http://localhost:8000";

/// What every handler can reach.
pub struct Server {
    pub domain: Domain,
    pub settings: Settings,
    pub metrics: metrics::Http,
    routes: front::Routes,
    log: slog::Logger,
}

/// What the operator decides about HTTP.
#[derive(Debug, Clone)]
pub struct Settings {
    /// INVENTREE_SITE_URL, without its last slash.
    pub site_url: String,
    pub session_cookie_secure: bool,
    /// `SameSite` of both cookies: Lax, Strict or None.
    pub cookie_same_site: String,
    /// INVENTREE_TRUSTED_ORIGINS: origins whose pages may send our cookies along.
    pub trusted_origins: Vec<String>,
    /// INVENTREE_CORS_ORIGIN_WHITELIST: origins whose scripts may read our answers.
    pub cors_origins: Vec<String>,
    /// INVENTREE_TRUSTED_PROXIES: whose X-Forwarded-For counts; empty for nobody's.
    pub trusted_proxies: Vec<Network>,
    /// INVENTREE_LOGIN_MAIL_REQUIRED, for what the page says of the field.
    pub mail_required: bool,
    /// Ids of the sign-in providers.
    pub providers: Vec<String>,
    /// This server ends TLS itself: browsers shall come by https alone from then on (RFC 6797).
    pub ends_tls: bool,
    /// A demonstration's mails, for its page; `None` for every other server.
    pub mailbox: Option<Mailbox>,
}

impl Server {
    pub fn new(domain: Domain, settings: Settings, log: slog::Logger) -> Result<Server, String> {
        let routes = front::Routes::build(&settings)?;
        Ok(Server { domain, settings, metrics: metrics::Http::default(), routes, log })
    }

    fn cookies(&self) -> cookies::Jar<'_> {
        cookies::Jar::new(self)
    }
}

/// The documented API, from the generated trait and its implementation: what is routed, and what is exported.
///
/// # Errors
///
/// dropshot's words, when it refuses a route of the document.
pub fn documented_api() -> Result<ApiDescription<Arc<Server>>, String> {
    crate::api::auth_api_mod::api_description::<Implementation>().map_err(|e| e.to_string())
}
