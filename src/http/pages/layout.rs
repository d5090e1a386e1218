//! The frame of every page: its texts, its assets, and the settings that it shows.
//!
//! Pages are askama templates in `templates/pages/`. They escape all values, so that no text of a
//! user or a provider becomes markup.

use askama::Template;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::assets::Assets;
use super::file::PageError;
use super::texts::Texts;
use crate::domain::factors::webauthn::RelyingParty;
use crate::http::Settings;
use specbound::{ApiError, Response};

/// No inline code, no other origin, no frame; forms post here alone.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' \
    data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Shared by all pages of this server.
pub struct Ui {
    texts: Texts,
    pub assets: Assets,
    is_demo: bool,
    email_required: bool,
    has_passkeys: bool,
}

impl Ui {
    /// # Errors
    ///
    /// [`PageError`]: a mistake of this build.
    pub fn new(settings: &Settings) -> Result<Ui, PageError> {
        let texts = Texts::english()?;
        Ok(Ui {
            assets: Assets::new(&texts)?,
            texts,
            is_demo: settings.mailbox.is_some(),
            email_required: settings.mail_required,
            has_passkeys: RelyingParty::of_site(&settings.site_url).is_some(),
        })
    }

    pub fn layout(&self) -> Layout<'_> {
        Layout {
            ui: self,
            is_demo: self.is_demo,
            email_required: self.email_required,
            has_passkeys: self.has_passkeys,
        }
    }
}

/// The layout of one page, as its template reads it.
#[derive(Clone, Copy)]
pub struct Layout<'a> {
    ui: &'a Ui,
    pub is_demo: bool,
    /// A form calls the address optional only if the server does not require it.
    pub email_required: bool,
    /// The site has a domain name, which passkeys need.
    pub has_passkeys: bool,
}

impl Layout<'_> {
    pub fn language(&self) -> &str {
        self.ui.texts.language
    }

    /// # Errors
    ///
    /// As [`Texts::get`].
    pub fn text(&self, key: &str) -> askama::Result<&str> {
        self.ui.texts.get(key)
    }

    /// The text with `name` in its place.
    ///
    /// # Errors
    ///
    /// As [`Texts::get`].
    pub fn fill(&self, key: &str, name: &str) -> askama::Result<String> {
        Ok(self.text(key)?.replace("{name}", name))
    }

    /// The URL of this language's texts.
    pub fn texts(&self) -> String {
        self.asset(&Assets::texts_path(self.language()))
    }

    /// The URL of an asset, with its version.
    pub fn asset(&self, path: &str) -> String {
        self.ui.assets.versioned(path)
    }
}

/// A page that is rendered for one request.
///
/// # Errors
///
/// 500 for a key that the texts lack.
pub fn render(status: StatusCode, template: &impl Template) -> Result<Response, ApiError> {
    let page = template.render().map_err(|e| ApiError::internal(format!("page: {e}")))?;
    Ok(html(status, page))
}

/// A response with this HTML.
pub fn html(status: StatusCode, page: String) -> Response {
    let mut response = Response::new(dropshot::Body::from(page));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
