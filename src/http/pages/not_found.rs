//! Unknown paths: a page's path with a wrong trailing slash redirects to it, and a browser gets a
//! page with status 404.
//!
//! Does not apply below [`API`], where the documented 404 is sent.

use askama::Template;
use http::{HeaderMap, Method, Request, StatusCode, Uri};

use super::account::{self, HOME, is_browser, redirect};
use super::layout::{API, Layout, render};
use super::{mailbox, reference};
use crate::http::AppState;
use specbound::{ApiError, Response};

#[derive(Template)]
#[template(path = "pages/not_found.html")]
struct NotFoundPage<'a> {
    page: Layout<'a>,
}

/// Redirects reads of a page's path with missing or extra slashes, and browsers from `/` to the
/// account page. Programs get 404 for `/`, as from the reference.
pub fn redirect_to_page(request: &Request<dropshot::Body>) -> Option<Response> {
    let (uri, path) = (request.uri(), request.uri().path());
    if !matches!(*request.method(), Method::GET | Method::HEAD) || path.starts_with(API) {
        return None;
    }
    if path == "/" {
        return is_browser(request.headers(), uri).then(|| redirect(HOME).ok())?;
    }
    let segments: Vec<&str> = segments(path).collect();
    let mut pages = account::paths().chain([mailbox::LIST, reference::PATH]);
    let page = pages.find_map(|page| matching_path(page, &segments)).filter(|page| page != path)?;
    // The query of a link is preserved.
    let target = uri.query().map_or_else(|| page.clone(), |query| format!("{page}?{query}"));
    redirect(&target).ok()
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// The path of a page, if these segments match its template.
fn matching_path(page: &str, segments: &[&str]) -> Option<String> {
    let mut path = String::new();
    let mut sent = segments.iter();
    for own in self::segments(page) {
        let is_variable = own.starts_with('{');
        let sent = sent.next().filter(|sent| match is_variable {
            // Its value has no slash in it.
            true => !sent.to_ascii_lowercase().contains("%2f"),
            false => **sent == own,
        })?;
        path.push('/');
        path.push_str(sent);
    }
    if page.ends_with('/') {
        path.push('/');
    }
    sent.next().is_none().then_some(path)
}

/// The page for a browser that asked for a path outside the API. `None` for every other request.
///
/// # Errors
///
/// As [`render`].
pub fn page(
    server: &AppState,
    method: &Method,
    headers: &HeaderMap,
    uri: &Uri,
) -> Option<Result<Response, ApiError>> {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let is_shown = is_read && !uri.path().starts_with(API) && is_browser(headers, uri);
    is_shown.then(|| {
        let page = server.ui.layout(headers, uri.path());
        render(StatusCode::NOT_FOUND, page, &NotFoundPage { page })
    })
}
