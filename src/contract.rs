//! The contract of this server: the OpenAPI document that it exports, to be compared with the
//! source document.
//!
//! [`specbound::export`] makes it; here are the parts that this server states itself.

use std::sync::Arc;

use dropshot::{ApiDescription, ApiDescriptionBuildErrors};
use serde_json::{Value, json};
use specbound::Operation;
use specbound::export::{self, ResponseGuarantee, ServerInfo};
use specbound_contract::ParseError;
pub use specbound_contract::{ReadOptions, compatibility, diff, keep_content_type, parse, report};
use thiserror::Error;

pub use crate::api::SOURCE;
use crate::api::{OPERATIONS, TITLE, VERSION, user};
use crate::http::{
    AppState, DEFAULT_SITE_URL, SESSION_COOKIE, TOKEN_HEADER, documented_api, documented_user_api,
};

/// Why the registered API yields no document.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The source document cannot be parsed.
    #[error(transparent)]
    Source(#[from] ParseError),
    /// dropshot refuses a route of the API.
    #[error(transparent)]
    Registration(#[from] ApiDescriptionBuildErrors),
    /// The API does not hold as it is registered.
    #[error(transparent)]
    Export(#[from] export::ExportError),
}

/// Keywords that hold in responses because of the code named beside them. A change of that code
/// must update its line.
pub const GUARANTEES: &[ResponseGuarantee] = &[
    // http/pagination.rs: absolute links.
    ResponseGuarantee::text("PaginatedEmailAddressList", "next", "format", "uri"),
    ResponseGuarantee::text("PaginatedEmailAddressList", "previous", "format", "uri"),
    ResponseGuarantee::text("PaginatedSocialAccountList", "next", "format", "uri"),
    ResponseGuarantee::text("PaginatedSocialAccountList", "previous", "format", "uri"),
    ResponseGuarantee::text("PaginatedSocialProviderListResponseList", "next", "format", "uri"),
    ResponseGuarantee::text("PaginatedSocialProviderListResponseList", "previous", "format", "uri"),
    // Checked when an address is stored.
    ResponseGuarantee::text("PatchedUserDetails", "email", "format", "email"),
    ResponseGuarantee::text("UserDetails", "email", "format", "email"),
    // Columns of the reference database, from which rows are imported.
    ResponseGuarantee::count("SocialAccount", "provider", "maxLength", 200),
    ResponseGuarantee::count("SocialAccount", "uid", "maxLength", 191),
    ResponseGuarantee::text("SocialProvider", "connect", "format", "uri"),
    ResponseGuarantee::text("SocialProvider", "login", "format", "uri"),
    // domain/tokens.rs
    ResponseGuarantee::count("Token", "key", "maxLength", 100),
    ResponseGuarantee::count("Token", "key", "minLength", 50),
];

/// A document that this server implements.
pub struct Document {
    /// The text it was built from.
    pub source: &'static str,
    title: &'static str,
    version: &'static str,
    operations: &'static [Operation],
    guarantees: &'static [ResponseGuarantee],
    api: fn() -> Result<ApiDescription<Arc<AppState>>, ApiDescriptionBuildErrors>,
}

/// The authentication API.
pub const AUTH: Document = Document {
    source: SOURCE,
    title: TITLE,
    version: VERSION,
    operations: OPERATIONS,
    guarantees: GUARANTEES,
    api: documented_api,
};

/// The calls beside it with which InvenTree's clients begin.
pub const USER: Document = Document {
    source: user::SOURCE,
    title: user::TITLE,
    version: user::VERSION,
    operations: user::OPERATIONS,
    guarantees: USER_GUARANTEES,
    api: documented_user_api,
};

impl Document {
    /// Exports the document of the registered API.
    ///
    /// # Errors
    ///
    /// [`ExportError`] if the registered API yields no document.
    pub fn export(&self) -> Result<Value, ExportError> {
        self.export_with_source(&parse(self.source)?)
    }

    /// As [`Document::export`], with the descriptions of another source document.
    ///
    /// # Errors
    ///
    /// As [`Document::export`].
    pub fn export_with_source(&self, source: &Value) -> Result<Value, ExportError> {
        let info = ServerInfo {
            title: self.title,
            version: self.version,
            servers: json!([{ "url": DEFAULT_SITE_URL }]),
            // The credentials that `http::caller` checks.
            security_schemes: json!({
                "basicAuth": { "type": "http", "scheme": "basic" },
                "cookieAuth": { "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE },
                "tokenAuth": { "type": "apiKey", "in": "header", "name": TOKEN_HEADER },
            }),
            guarantees: self.guarantees,
        };
        Ok(export::document(&(self.api)()?, self.operations, &info, source)?)
    }
}

/// Exports the document of this server.
///
/// # Errors
///
/// [`ExportError`] if the registered API yields no document.
pub fn export() -> Result<Value, ExportError> {
    AUTH.export()
}

/// As [`export`], with the descriptions of another source document.
///
/// # Errors
///
/// As [`export`].
pub fn export_with_source(source: &Value) -> Result<Value, ExportError> {
    AUTH.export_with_source(source)
}

/// Keywords of the second document that responses are guaranteed to satisfy.
pub const USER_GUARANTEES: &[ResponseGuarantee] = &[
    ResponseGuarantee::count("ApiToken", "name", "maxLength", 100),
    ResponseGuarantee::count("Group", "name", "maxLength", 150),
    ResponseGuarantee::text("MeUser", "email", "format", "email"),
    ResponseGuarantee::text("PaginatedApiTokenList", "next", "format", "uri"),
    ResponseGuarantee::text("PaginatedApiTokenList", "previous", "format", "uri"),
    ResponseGuarantee::count("Role", "username", "maxLength", 150),
    ResponseGuarantee::text("Role", "username", "pattern", r"^[\w.@+-]+$"),
];
