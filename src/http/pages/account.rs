//! Account pages: sign in, register, reset a password, open an emailed link, manage the account.
//!
//! They are a client of the documented API in the browser, with session cookie and CSRF token; the
//! server sends the same content to every user. A GET changes nothing: an emailed link acts when
//! its button is pressed, so that no scanner consumes it. All assets are in the binary; pages have
//! no inline script or style, and load nothing from another origin.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use http::header::{CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, VARY};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use super::file::{Compressed, POLICY, PageError, REVALIDATE};
use super::layout::{Layout, Ui, own_path};
use super::{Page, PageRequest};
use crate::http::{AppState, caller, language};
use crate::languages::{ENGLISH, Texts};
use specbound::negotiation::{self, Offer};
use specbound::{ApiError, Response};

/// The account page, where users begin.
pub const HOME: &str = "/platform/";

/// The way back from the sign-in page to a page behind a proxy.
pub const RETURN_PATH: &str = "/platform/return";

/// The second step of a sign-in.
pub const SECOND_FACTOR: &str = "/platform/second-factor";

const HTML: &str = "text/html; charset=utf-8";

const FACTORS: &str = "/platform/factors";

pub const LOGIN: &str = "/platform/login";

const REGISTER: &str = "/platform/register";

/// Other names of a page.
const REDIRECTS: [(&str, &str); 3] = [
    // Where InvenTree asks for the second factor.
    ("/accounts/authenticate/", SECOND_FACTOR),
    // Password managers look here (W3C, "A Well-Known URL for Changing Passwords").
    ("/.well-known/change-password", "/platform/#password"),
    ("/accounts/login/", LOGIN),
];

type RenderPage = fn(Layout<'_>) -> askama::Result<String>;

macro_rules! pages {
    ($($(#[doc = $doc:literal])* $name:ident: $path:expr => $template:literal,)+) => {
        $(
            #[derive(Template)]
            #[template(path = $template)]
            struct $name<'a> {
                page: Layout<'a>,
            }
        )+

        /// The path of each page, and its template.
        const PAGES: &[(&str, RenderPage)] = &[$(($path, |page| $name { page }.render())),+];
    };
}

// The paths are InvenTree's where it has one, and those of emailed links.
pages! {
    Account: HOME => "pages/account.html",
    Login: LOGIN => "pages/login.html",
    SecondStep: SECOND_FACTOR => "pages/second_factor.html",
    LeakedPassword: "/platform/leaked-password" => "pages/leaked_password.html",
    Factors: FACTORS => "pages/factors.html",
    Register: REGISTER => "pages/register.html",
    ResetPassword: "/platform/reset-password" => "pages/reset_password.html",
    SetPassword: "/platform/set-password" => "pages/set_password.html",
    ConfirmEmail: "/accounts/confirm-email/{key}/" => "pages/confirm_email.html",
}

/// The paths of all pages, and their other names.
pub fn paths() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(path, _)| *path).chain(REDIRECTS.iter().map(|(path, _)| *path))
}

/// # Errors
///
/// A text that a page names and English lacks: a mistake of this build.
pub fn pages(ui: &Arc<Ui>) -> Result<Vec<Box<dyn Page<AppState>>>, PageError> {
    let mut pages: Vec<Box<dyn Page<AppState>>> = Vec::new();
    for (path, render) in PAGES {
        let page = LocalizedPage::new(path, *render, ui);
        // A missing text is found at the start: other languages have every English one.
        page.content(ui.languages.get(ENGLISH))?;
        pages.push(Box::new(page));
    }
    pages.extend(ui.assets.pages());
    pages.extend(
        REDIRECTS
            .map(|(path, target)| Box::new(Redirect { path, target }) as Box<dyn Page<AppState>>),
    );
    Ok(pages)
}

/// A page that is the same for every user of one language.
struct LocalizedPage {
    path: &'static str,
    render: RenderPage,
    ui: Arc<Ui>,
    /// Rendered pages by language tag, filled on demand.
    made: Mutex<BTreeMap<String, Arc<Compressed>>>,
}

impl LocalizedPage {
    fn new(path: &'static str, render: RenderPage, ui: &Arc<Ui>) -> LocalizedPage {
        LocalizedPage { path, render, ui: Arc::clone(ui), made: Mutex::default() }
    }

    fn content(&self, texts: &Texts) -> Result<Arc<Compressed>, PageError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = made.get(&texts.tag) {
            return Ok(Arc::clone(found));
        }
        let html = (self.render)(self.ui.layout_in(texts, self.path))?;
        let headers = [
            (CONTENT_TYPE, HTML),
            (CONTENT_SECURITY_POLICY, POLICY),
            (CONTENT_LANGUAGE, texts.tag.as_str()),
        ];
        let content = Arc::new(Compressed::new(html, &headers)?);
        made.insert(texts.tag.clone(), Arc::clone(&content));
        Ok(content)
    }
}

#[async_trait::async_trait]
impl Page<AppState> for LocalizedPage {
    fn path(&self) -> &'static str {
        self.path
    }

    fn description(&self) -> &'static str {
        "A page of this server."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec![HTML]
    }

    async fn respond(
        &self,
        server: &AppState,
        PageRequest { request, .. }: PageRequest,
    ) -> Result<Response, ApiError> {
        if [LOGIN, REGISTER].contains(&self.path)
            && let Some(target) = target_of_signed_in(server, &request.headers, &request.uri).await
        {
            return redirect(&target);
        }
        let content = self.content(language::for_pages(&self.ui.languages, &request.headers));
        let content = content.map_err(|e| ApiError::internal(format!("page: {e}")))?;
        let mut response = content.respond(&request.headers, REVALIDATE);
        let vary = HeaderValue::from_static("origin, Accept-Language, Cookie, Accept-Encoding");
        response.headers_mut().insert(VARY, vary);
        Ok(response)
    }
}

/// Redirect target of a browser that is signed in already. `None` if it is not, or if the target is
/// a service behind forward authentication: if that did not receive the session, it would redirect
/// back here forever.
async fn target_of_signed_in(server: &AppState, headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let next =
        query.into_iter().find(|(name, _)| name == "next").map(|(_, next)| next.into_owned());
    let next = next.filter(|next| !next.is_empty() && own_path(next).is_ok());
    let next = next.unwrap_or_else(|| HOME.to_owned());
    let is_live = !next.starts_with(RETURN_PATH)
        && matches!(caller::find_session(server, headers).await, Ok(Some(_)));
    is_live.then_some(next)
}

/// Another name of a page.
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
        "Redirects to a page of this server."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["text/html"]
    }

    async fn respond(
        &self,
        _: &AppState,
        PageRequest { request, .. }: PageRequest,
    ) -> Result<Response, ApiError> {
        // The query of a link is preserved.
        match request.uri.query() {
            Some(query) => redirect(&format!("{}?{query}", self.target)),
            None => redirect(self.target),
        }
    }
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
