//! HTTP: the one implementation of the generated trait, and everything that knows a status, a
//! header or a cookie.
//!
//! The runtime (`specbound`) accepts the connection, finds the operation or page, authenticates by
//! [`host`], reads and checks the body, and calls:
//!
//! ```text
//! operations.rs ─► login.rs, …   5 to 15 lines each: unwrap, call domain, wrap
//! pages/           what is served beside the document
//! ```
//!
//! Rules live in `domain`; a handler that decides more than a status belongs there. `error.rs` is
//! the only place that turns a failure of the domain into a status and a body.

pub mod caller;
pub mod client;
pub mod cookies;
mod emails;
mod error;
mod host;
mod language;
mod login;
mod logout;
mod operations;
pub mod origin;
pub mod pages;
mod pagination;
mod password;
mod providers;
mod registration;
mod signed_in;
mod social;
mod user;
mod user_api;

use std::sync::Arc;

use dropshot::{ApiDescription, ApiDescriptionBuildErrors};

use crate::branding::{Branding, Pictures};
use crate::domain::App;
use crate::languages::Languages;
use crate::mail::transport::Mailbox;
use crate::network::Network;
use pages::forward_auth::ForwardAuth;

pub use caller::TOKEN_HEADER;
pub use cookies::{CSRF_COOKIE, SESSION_COOKIE};
pub use operations::Implementation;

/// The default address of this server, and so the server that its document names.
pub const DEFAULT_SITE_URL: &str = "http://localhost:8000";

/// dropshot's context of a request to this server.
pub type Context = specbound::Context<AppState>;

/// A request for a page of this server.
pub type PageRequest = specbound::PageRequest<AppState>;

/// State that every handler can reach.
pub struct AppState {
    pub app: App,
    pub settings: Settings,
    ui: Arc<pages::Ui>,
}

/// The operator's settings that this layer alone reads.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    pub session_cookie_secure: bool,
    /// INVENTREE_SESSION_COOKIE_NAME.
    pub session_cookie: String,
    /// INVENTREE_COOKIE_DOMAIN: hosts below it receive the session and CSRF cookies too.
    pub cookie_domain: Option<String>,
    pub forward_auth: ForwardAuth,
    /// `SameSite` of both cookies: Lax, Strict or None.
    pub cookie_same_site: String,
    /// INVENTREE_TRUSTED_ORIGINS: origins whose pages may send our cookies along.
    pub trusted_origins: Vec<String>,
    /// INVENTREE_CORS_ORIGIN_WHITELIST: origins whose scripts may read our responses.
    pub cors_origins: Vec<String>,
    /// INVENTREE_TRUSTED_PROXIES: their X-Forwarded-For counts. Empty unless USE_X_FORWARDED_FOR is
    /// on.
    pub trusted_proxies: Vec<Network>,
}

/// The operator's settings, and what follows from them for the pages.
#[derive(Debug, Clone)]
pub struct Settings {
    /// INVENTREE_SITE_URL, without its last slash.
    pub site_url: String,
    pub http: HttpSettings,
    /// INVENTREE_LOGIN_MAIL_REQUIRED, for the field's label on the page.
    pub mail_required: bool,
    /// Email is sent, or printed.
    pub email_configured: bool,
    /// Ids of the sign-in providers.
    pub providers: Vec<String>,
    /// This server ends TLS itself: browsers shall come by https alone from then on (RFC 6797).
    pub ends_tls: bool,
    /// Of pages and messages.
    pub languages: Arc<Languages>,
    pub branding: Branding,
    pub pictures: Pictures,
    /// The sender of emails.
    pub email_sender: String,
    /// A demonstration's mails, for its page; `None` for every other server.
    pub mailbox: Option<Mailbox>,
}

impl AppState {
    /// # Errors
    ///
    /// [`PageError`](pages::PageError): a mistake of this build.
    pub fn new(app: App, settings: Settings) -> Result<AppState, pages::PageError> {
        let ui = Arc::new(pages::Ui::new(&settings)?);
        Ok(AppState { app, settings, ui })
    }

    fn cookies(&self) -> cookies::Jar<'_> {
        cookies::Jar::new(self)
    }
}

/// The documented API, from the generated trait and its implementation, as it is routed and
/// exported.
///
/// # Errors
///
/// dropshot's error if a route is rejected.
pub fn documented_api() -> Result<ApiDescription<Arc<AppState>>, ApiDescriptionBuildErrors> {
    crate::api::auth_api_mod::api_description::<Implementation>()
}

/// The API of the second document.
///
/// # Errors
///
/// dropshot's error if a route is rejected.
pub fn documented_user_api() -> Result<ApiDescription<Arc<AppState>>, ApiDescriptionBuildErrors> {
    crate::api::user::user_api_mod::api_description::<Implementation>()
}
