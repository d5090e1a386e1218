//! The frame of every page: its texts, its assets, and the settings that it shows.
//!
//! Pages are askama templates in `templates/pages/`. They escape all values, so that no text of a
//! user or a provider becomes markup.

use std::sync::Arc;

use askama::Template;
use http::header::{CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use url::Url;

use super::assets::Assets;
use super::file::{POLICY, PageError};
use crate::branding::{Branding, Contact, FooterItem};
use crate::domain::factors::webauthn::RelyingParty;
use crate::http::{DEFAULT_SITE_URL, Settings, language};
use crate::languages::{ENGLISH, Languages, Texts};
use specbound::{ApiError, Response};

/// Path prefix of the documented API.
pub const API: &str = "/api/";

/// Paths that a page leads to are never longer.
const MAX_NEXT_BYTES: usize = 500;

/// Shared by all pages of this server.
pub struct Ui {
    pub languages: Arc<Languages>,
    pub assets: Assets,
    branding: Branding,
    /// Paths.
    logo: Option<String>,
    icon: Option<String>,
    is_demo: bool,
    email_required: bool,
    has_passkeys: bool,
}

impl Ui {
    /// # Errors
    ///
    /// [`PageError`]: a mistake of this build.
    pub fn new(settings: &Settings) -> Result<Ui, PageError> {
        let languages = Arc::clone(&settings.languages);
        Ok(Ui {
            assets: Assets::new(settings)?,
            languages,
            branding: settings.branding.clone(),
            logo: settings.pictures.logo.as_ref().map(|logo| Assets::picture_path(logo.name)),
            icon: settings.pictures.icon.as_ref().map(|icon| Assets::picture_path(icon.name)),
            is_demo: settings.mailbox.is_some(),
            email_required: settings.mail_required,
            has_passkeys: RelyingParty::of_site(&settings.site_url).is_some(),
        })
    }

    /// The layout of the page at `path`, in the language of the request.
    pub fn layout<'a>(&'a self, request: &HeaderMap, path: &'a str) -> Layout<'a> {
        self.layout_in(language::for_pages(&self.languages, request), path)
    }

    /// `path` is where a choice of another language leads back to.
    pub fn layout_in<'a>(&'a self, texts: &'a Texts, path: &'a str) -> Layout<'a> {
        Layout {
            ui: self,
            texts,
            path: if own_path(path).is_ok() { path } else { "" },
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
    texts: &'a Texts,
    pub path: &'a str,
    pub is_demo: bool,
    /// A form calls the address optional only if the server does not require it.
    pub email_required: bool,
    /// The site has a domain name, which passkeys need.
    pub has_passkeys: bool,
}

impl Layout<'_> {
    /// A BCP 47 tag, for `lang`.
    pub fn language(&self) -> &str {
        &self.texts.tag
    }

    pub fn direction(&self) -> &'static str {
        self.texts.direction()
    }

    /// All languages, each with its own name for itself.
    pub fn languages(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.ui.languages.all().iter();
        all.map(|texts| (texts.tag.as_str(), texts.get("language.name").unwrap_or(&texts.tag)))
    }

    /// # Errors
    ///
    /// [`PageError::MissingText`], as the template's error.
    pub fn text(&self, key: &str) -> askama::Result<&str> {
        let missing = || askama::Error::custom(PageError::MissingText(key.to_owned()));
        self.texts.get(key).ok_or_else(missing)
    }

    /// The text with `name` in its place.
    ///
    /// # Errors
    ///
    /// As [`Layout::text`].
    pub fn fill(&self, key: &str, name: &str) -> askama::Result<String> {
        Ok(self.text(key)?.replace("{name}", name))
    }

    /// Messages of the API as a page shows them.
    pub fn messages(&self, english: &[String]) -> String {
        let word =
            |english: &String| self.texts.page_message(english).unwrap_or_else(|| english.clone());
        english.iter().map(word).collect::<Vec<_>>().join("\n")
    }

    /// The URL of the operator's logo.
    pub fn logo(&self) -> Option<String> {
        self.ui.logo.as_deref().map(|path| self.asset(path))
    }

    /// The URL of the operator's icon, or else of the logo, or an empty one: without any, browsers
    /// ask for `/favicon.ico`.
    pub fn icon(&self) -> String {
        let path = self.ui.icon.as_deref().or(self.ui.logo.as_deref());
        path.map_or_else(|| "data:,".to_owned(), |path| self.asset(path))
    }

    pub fn contact(&self) -> Option<&Contact> {
        self.ui.branding.contact.as_ref()
    }

    pub fn footer(&self) -> &[FooterItem] {
        &self.ui.branding.footer
    }

    /// For the header.
    pub fn content_language(&self) -> HeaderValue {
        HeaderValue::from_str(self.language()).unwrap_or(HeaderValue::from_static(ENGLISH))
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
pub fn render(
    status: StatusCode,
    page: Layout<'_>,
    template: &impl Template,
) -> Result<Response, ApiError> {
    let rendered = template.render().map_err(|e| ApiError::internal(format!("page: {e}")))?;
    let mut response = html(status, rendered);
    response.headers_mut().insert(CONTENT_LANGUAGE, page.content_language());
    Ok(response)
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

/// A path of a page of this site or nothing. Browsers read `//host`, `/\host` and their encodings
/// as other sites.
///
/// # Errors
///
/// 400 for every other text.
pub fn own_path(next: &str) -> Result<(), ApiError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./?=&".contains(&byte);
    let is_own = next.starts_with('/') && !next.starts_with("//") && next.bytes().all(is_plain);
    match next.is_empty() || (is_own && next.len() <= MAX_NEXT_BYTES && is_page(next)) {
        true => Ok(()),
        false => {
            Err(ApiError::refused("`next` must be a path of this site.", "next to another site"))
        }
    }
}

/// Below `/api/`, only the pages of providers: a browser would follow a redirect to other GETs as a
/// same-site request, and one of them creates a token.
fn is_page(path: &str) -> bool {
    // Resolves dots, as browsers do.
    let resolved = Url::parse(DEFAULT_SITE_URL).and_then(|site| site.join(path));
    resolved.is_ok_and(|url| {
        url.path().starts_with("/api/auth/social/") || !url.path().starts_with(API)
    })
}
