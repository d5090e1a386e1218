//! The language of a request: the choice of the person, or else of the browser.

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

use super::cookies;
use crate::languages::{Languages, Texts};
use specbound::headers;

/// The choice of the person. Django's name, so that InvenTree on the same host follows it too.
pub const LANGUAGE_COOKIE: &str = "django_language";

/// The language of pages, and of emails that a request causes.
pub fn of_person<'a>(languages: &'a Languages, request: &HeaderMap) -> &'a Texts {
    let chosen = cookies::all(request, LANGUAGE_COOKIE).next();
    languages.choose(chosen, headers::text_elements(request, ACCEPT_LANGUAGE))
}
