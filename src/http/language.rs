//! The language of a request: chosen by the user, or else by the browser.

use std::cell::LazyCell;

use http::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Context, cookies};
use crate::languages::{ENGLISH, Languages, Texts};
use specbound::{Response, headers};

/// The language of pages.
pub fn for_pages<'a>(languages: &'a Languages, request: &HeaderMap) -> &'a Texts {
    let chosen = cookies::all(request, cookies::LANGUAGE_COOKIE).next();
    languages.choose(chosen, headers::text_elements(request, ACCEPT_LANGUAGE))
}

/// The tag of the language that a client asks for; empty if it asks for none of this server.
pub fn requested(languages: &Languages, request: &HeaderMap) -> String {
    let chosen = cookies::all(request, cookies::LANGUAGE_COOKIE).next();
    let accepted = headers::text_elements(request, ACCEPT_LANGUAGE);
    languages.requested(chosen, accepted).map(|texts| texts.tag.clone()).unwrap_or_default()
}

/// The language of a program's messages: a cookie is of the person at the pages.
fn for_api<'a>(languages: &'a Languages, request: &HeaderMap) -> &'a Texts {
    languages.choose(None, headers::text_elements(request, ACCEPT_LANGUAGE))
}

/// A message of a success in the language of the request, and the tag of that language.
pub fn success(rqctx: &Context, english: &str) -> (String, HeaderValue) {
    let english_tag = HeaderValue::from_static(ENGLISH);
    let headers = rqctx.request.headers();
    if !headers.contains_key(ACCEPT_LANGUAGE) {
        return (english.to_owned(), english_tag);
    }
    let texts = for_api(&rqctx.server.private.settings.languages, headers);
    match (texts.message(english), HeaderValue::from_str(&texts.tag)) {
        (Some(text), Ok(tag)) => (text, tag),
        _ => (english.to_owned(), english_tag),
    }
}

/// Headers of a request that choose the language of its error.
pub const CHOICES: [HeaderName; 2] = [ACCEPT_LANGUAGE, PREFER];

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Sent by the scripts of the pages, which show messages to people.
const FOR_PEOPLE: &str = "wording=people";

/// Puts the messages of an error into the language of the request, and names that. A message that
/// the language lacks stays English.
pub fn translate(languages: &Languages, request: &HeaderMap, response: &mut Response) {
    let is_for_people = headers::elements(request, PREFER).any(|p| p == FOR_PEOPLE.as_bytes());
    if !is_for_people && !request.contains_key(ACCEPT_LANGUAGE) {
        return;
    }
    // Most responses are no errors and choose no language.
    let texts = LazyCell::new(|| for_api(languages, request));
    let (mut translated, mut kept) = (false, false);
    specbound::reword(response, |english| {
        let found =
            if is_for_people { texts.page_message(english) } else { texts.message(english) };
        translated |= found.is_some();
        kept |= found.is_none();
        found
    });
    let tags = match (translated, kept) {
        (false, _) => return,
        (true, false) => texts.tag.clone(),
        (true, true) => format!("{}, {ENGLISH}", texts.tag),
    };
    if let (Ok(value), false) = (HeaderValue::from_str(&tags), texts.tag == ENGLISH) {
        response.headers_mut().insert(CONTENT_LANGUAGE, value);
    }
}
