//! Account pages: sign in, register, reset a password, open an emailed link, manage the account.
//!
//! They are a client of the documented API in the browser, with session cookie and CSRF token; the
//! server sends the same content to every user. A GET changes nothing: an emailed link acts when
//! its button is pressed, so that no scanner consumes it. All assets are in the binary; pages have
//! no inline script or style, and load nothing from another origin. All texts are in
//! `people/texts.json`.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, VARY};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};

use super::file::{Compressed, FOREVER, PageError, REVALIDATE};
use super::{Page, PageRequest};
use crate::http::{AppState, Settings};
use specbound::negotiation::{self, Offer};
use specbound::{ApiError, Response};

const TEXTS: &str = include_str!("people/texts.json");
const STYLE: &str = include_str!("people/style.css");
const SCRIPT: &str = include_str!("people/script.js");
const FACTORS: &str = include_str!("people/factors.js");
const TOKENS: &str = include_str!("people/tokens.js");
const SHELL: &str = include_str!("people/shell.html");
const NO_SCRIPT: &str = include_str!("people/noscript.html");

const STYLE_PATH: &str = "/platform/style.css";
const SCRIPT_PATH: &str = "/platform/script.js";
const FACTORS_PATH: &str = "/platform/factors.js";
const TOKENS_PATH: &str = "/platform/tokens.js";
const TEXTS_PATH: &str = "/platform/texts.js";

/// Where people begin.
pub const HOME: &str = "/platform/";

/// The second step of a sign-in.
pub const SECOND_FACTOR: &str = "/platform/second-factor";

/// Path, name of the page's own title, content. The paths are InvenTree's where it has one, and
/// those of mailed links.
const PAGES: [(&str, &str, &str); 8] = [
    (HOME, "home.title", include_str!("people/home.html")),
    ("/platform/login", "login.title", include_str!("people/login.html")),
    (SECOND_FACTOR, "second.title", include_str!("people/second-factor.html")),
    ("/platform/factors", "factors.title", include_str!("people/factors.html")),
    ("/platform/register", "register.title", include_str!("people/register.html")),
    ("/platform/reset-password", "forgot.title", include_str!("people/reset-password.html")),
    ("/platform/set-password", "reset.title", include_str!("people/set-password.html")),
    ("/accounts/confirm-email/{key}/", "confirm.title", include_str!("people/confirm-email.html")),
];

/// Other spellings of a path, and the canonical one with the same variables.
const ELSEWHERE: [(&str, &str); 9] = [
    ("/platform/second-factor/", SECOND_FACTOR),
    ("/platform/factors/", "/platform/factors"),
    ("/platform", HOME),
    ("/platform/login/", "/platform/login"),
    ("/platform/register/", "/platform/register"),
    ("/platform/reset-password/", "/platform/reset-password"),
    ("/platform/set-password/", "/platform/set-password"),
    ("/accounts/login/", "/platform/login"),
    ("/accounts/confirm-email/{key}", "/accounts/confirm-email/{key}/"),
];

/// No inline code, no other origin, no frame; forms post here alone.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' \
    data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

type Texts = BTreeMap<String, String>;

/// # Errors
///
/// A text that a page names and `texts.json` has not: a mistake of this build.
pub fn pages(settings: &Settings) -> Result<Vec<Box<dyn Page<AppState>>>, PageError> {
    let texts = texts()?;
    let script_type = "text/javascript; charset=utf-8";
    let texts_module = format!("export default {};\n", serde_json::to_string(&texts)?);
    let words = StaticAsset::new(TEXTS_PATH, script_type, texts_module)?;
    let factors = StaticAsset::new(FACTORS_PATH, script_type, words.versioned(FACTORS))?;
    let tokens = StaticAsset::new(TOKENS_PATH, script_type, words.versioned(TOKENS))?;
    let script = tokens.versioned(&factors.versioned(&words.versioned(SCRIPT)));
    let script = StaticAsset::new(SCRIPT_PATH, script_type, script)?;
    let style = StaticAsset::new(STYLE_PATH, "text/css; charset=utf-8", STYLE)?;
    let mut pages: Vec<Box<dyn Page<AppState>>> = Vec::new();
    for (path, title, content) in PAGES {
        let loads = format!("<script type=\"module\" src=\"{SCRIPT_PATH}\"></script>");
        let title = texts.get(title).ok_or_else(|| PageError::MissingText(title.to_owned()))?;
        let page = fill(&around(title, &loads, content, settings), &texts)?;
        let page = style.versioned(&script.versioned(&page));
        pages.push(Box::new(StaticAsset::new(path, "text/html; charset=utf-8", page)?));
    }
    pages.extend(
        [words, factors, tokens, script, style]
            .map(|sheet| Box::new(sheet) as Box<dyn Page<AppState>>),
    );
    pages.extend(
        ELSEWHERE
            .map(|(path, target)| Box::new(Redirect { path, target }) as Box<dyn Page<AppState>>),
    );
    Ok(pages)
}

/// A page without a script, in the style of the others, for pages that the server renders. The
/// title is a key of `texts.json`; `head` and `body` are markup that may contain keys, and in which
/// everything else is [`escaped`].
pub fn shell(title: &str, head: &str, body: &str, settings: &Settings) -> String {
    let texts = texts().unwrap_or_default();
    let title = format!("{{{{{title}}}}}");
    fill(&around(&title, head, body, settings), &texts).unwrap_or_default()
}

/// For HTML, inside and outside quoted attributes; also for `{{`, which would be looked up.
pub fn escaped(text: &str) -> String {
    crate::mail::texts::escaped(text).replace('{', "&#123;")
}

fn texts() -> Result<Texts, PageError> {
    Ok(serde_json::from_str(TEXTS)?)
}

fn around(title: &str, head: &str, body: &str, settings: &Settings) -> String {
    let banner = match settings.mailbox {
        Some(_) => "<p class=\"banner\">{{demo}} <a href=\"{{demo.mails}}\">{{demo.mails}}</a></p>",
        None => "",
    };
    // A browser that is told "optional" by its page and "required" by the server trusts neither.
    let optional = match settings.mail_required {
        true => "",
        false => "<span class=\"hint\">({{field.optional}})</span>",
    };
    let parts = [
        ("title", title),
        ("head", head),
        ("banner", banner),
        ("body", body),
        ("optional", optional),
    ];
    parts
        .iter()
        .fold(SHELL.to_owned(), |page, (name, text)| page.replace(&format!("{{{{{name}}}}}"), text))
}

/// Replaces each `{{name}}` by its text; `{{noscript:page}}` is the note for a browser without
/// JavaScript, with the input that the page needs and the request that it sends.
fn fill(page: &str, texts: &Texts) -> Result<String, PageError> {
    let mut filled = String::with_capacity(page.len());
    let mut rest = page;
    while let Some((before, named)) = rest.split_once("{{") {
        let (name, after) = named.split_once("}}").ok_or(PageError::UnclosedPlaceholder)?;
        filled.push_str(before);
        match name.strip_prefix("noscript:") {
            Some(page) => filled.push_str(&fill(&NO_SCRIPT.replace("PAGE", page), texts)?),
            None => {
                let missing = || PageError::MissingText(name.to_owned());
                filled.push_str(texts.get(name).ok_or_else(missing)?);
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A page, a style or a script: the same for every user.
struct StaticAsset {
    path: &'static str,
    media_type: &'static str,
    content: Compressed,
}

impl StaticAsset {
    fn new(
        path: &'static str,
        media_type: &'static str,
        content: impl Into<Bytes>,
    ) -> Result<StaticAsset, PageError> {
        let headers = [(CONTENT_TYPE, media_type), (CONTENT_SECURITY_POLICY, POLICY)];
        Ok(StaticAsset { path, media_type, content: Compressed::new(content, &headers)? })
    }

    /// `text`, in which this sheet is named with its version: a browser keeps it for good, and a
    /// new binary is seen at once.
    fn versioned(&self, text: &str) -> String {
        let named = format!("\"{}\"", self.path);
        text.replace(&named, &format!("\"{}?v={}\"", self.path, self.content.version()))
    }
}

#[async_trait::async_trait]
impl Page<AppState> for StaticAsset {
    fn path(&self) -> &'static str {
        self.path
    }

    fn description(&self) -> &'static str {
        "A page for people."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec![self.media_type]
    }

    async fn answer(
        &self,
        _: &AppState,
        PageRequest { request, .. }: PageRequest,
    ) -> Result<Response, ApiError> {
        let version = request.uri.query().and_then(|query| query.strip_prefix("v="));
        let lifetime = if version == Some(self.content.version()) { FOREVER } else { REVALIDATE };
        let mut response = self.content.answer(&request.headers, lifetime);
        response.headers_mut().insert(VARY, HeaderValue::from_static("origin, Accept-Encoding"));
        Ok(response)
    }
}

/// Another spelling of a path.
struct Redirect {
    path: &'static str,
    target: &'static str,
}

#[async_trait::async_trait]
impl Page<AppState> for Redirect {
    fn path(&self) -> &'static str {
        self.path
    }

    fn description(&self) -> &'static str {
        "The way to a page for people."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["text/html"]
    }

    async fn answer(
        &self,
        _: &AppState,
        PageRequest { request, .. }: PageRequest,
    ) -> Result<Response, ApiError> {
        // The query of a link is preserved.
        let target = match self.path.split_once('{') {
            Some((before, _)) => {
                let key =
                    request.uri.path().strip_prefix(before).ok_or_else(ApiError::not_found)?;
                self.target.replace("{key}", key)
            }
            None => self.target.to_owned(),
        };
        match request.uri.query() {
            Some(query) => redirect(&format!("{target}?{query}")),
            None => redirect(&target),
        }
    }
}

/// `/` leads a browser to its account. To a program it is as unknown as it is to the reference.
pub fn redirect_root(request: &Request<dropshot::Body>) -> Option<Response> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_asked =
        is_read && request.uri().path() == "/" && is_browser(request.headers(), request.uri());
    is_asked.then(|| redirect(HOME).ok()).flatten()
}

/// Whether the client prefers HTML to JSON. No preference defaults to JSON.
pub fn is_browser(headers: &HeaderMap, uri: &Uri) -> bool {
    const OFFERS: [Offer; 2] = [
        Offer { media_type: "application/json", format: "json" },
        Offer { media_type: "text/html", format: "html" },
    ];
    negotiation::choose(headers, uri, &OFFERS).is_ok_and(|chosen| chosen == 1)
}

pub fn redirect(target: &str) -> Result<Response, ApiError> {
    let location = HeaderValue::from_str(target).map_err(|_| ApiError::not_found())?;
    let mut response = Response::new(dropshot::Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}
