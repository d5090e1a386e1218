//! The caller of a request that may pass, as the response's headers.
//!
//! Every header is printable ASCII, and no two names have one value.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use specbound::{ApiError, Response};

use crate::http::AppState;
use crate::http::signed_in::SignedIn;

/// Those of an identity, `Cache-Control`, `Allow` and the request id.
const RESPONSE_HEADERS: usize = 7;

const USER: HeaderName = HeaderName::from_static("remote-user");
const EMAIL: HeaderName = HeaderName::from_static("remote-email");
const NAME: HeaderName = HeaderName::from_static("remote-name");
const GROUPS: HeaderName = HeaderName::from_static("remote-groups");

/// Whether a response lets a request pass. Only the proxy reads it, so it has none of the headers
/// that are for browsers.
pub fn allows_request(response: &HeaderMap) -> bool {
    response.contains_key(USER)
}

/// Who may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    Everyone,
    Superusers,
    Group(String),
}

/// The facts about an account that are sent on to a service.
#[derive(Default)]
pub struct Identity {
    username: String,
    /// Verified, or empty.
    email: String,
    name: String,
    groups: Vec<String>,
    is_superuser: bool,
}

impl Identity {
    /// # Errors
    ///
    /// The store's.
    pub async fn of(
        server: &AppState,
        SignedIn { account, .. }: SignedIn,
    ) -> Result<Identity, ApiError> {
        let facts = server.app.store.account_facts(account.id).await?;
        let name = match (account.first_name.is_empty(), account.last_name.is_empty()) {
            (true, true) => String::new(),
            (false, true) => account.first_name,
            (true, false) => account.last_name,
            (false, false) => format!("{} {}", account.first_name, account.last_name),
        };
        Ok(Identity {
            username: account.username,
            email: if facts.is_email_verified { account.email } else { String::new() },
            name,
            groups: facts.groups,
            is_superuser: account.is_superuser,
        })
    }

    pub fn is(&self, allow: &Allow) -> bool {
        match allow {
            Allow::Everyone => true,
            Allow::Superusers => self.is_superuser,
            Allow::Group(group) => self.groups.contains(group),
        }
    }
}

pub fn identity_response(identity: Identity) -> Response {
    let mut response = Response::new(dropshot::Body::empty());
    let mut headers = HeaderMap::with_capacity(RESPONSE_HEADERS);
    headers.insert(USER, header_value(identity.username));
    headers.insert(EMAIL, header_value(identity.email));
    headers.insert(NAME, header_value(identity.name));
    let groups: Vec<Cow<'_, str>> =
        identity.groups.iter().map(|name| encoded_in_list(name)).collect();
    headers.insert(GROUPS, header_value_of(groups.join(",")));
    *response.headers_mut() = headers;
    response
}

/// A percent sign itself is encoded, so that no two names have one value.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');
const ENCODED_IN_LIST: &AsciiSet = &ENCODED.add(b',');

/// Printable ASCII as it is; all else percent-encoded UTF-8, and blanks at the ends.
fn encoded<'t>(text: &'t str, set: &'static AsciiSet) -> Cow<'t, str> {
    let is_edged = text.starts_with(' ') || text.ends_with(' ');
    let encoded: Cow<'t, str> = utf8_percent_encode(text, set).into();
    if !is_edged {
        return encoded;
    }
    let inner = encoded.trim_matches(' ');
    let start = encoded.len() - encoded.trim_start_matches(' ').len();
    let end = encoded.len() - start - inner.len();
    Cow::Owned(format!("{}{inner}{}", "%20".repeat(start), "%20".repeat(end)))
}

fn encoded_in_list(name: &str) -> Cow<'_, str> {
    encoded(name, ENCODED_IN_LIST)
}

fn header_value(text: String) -> HeaderValue {
    match encoded(&text, ENCODED) {
        Cow::Owned(encoded) => header_value_of(encoded),
        Cow::Borrowed(_) => header_value_of(text),
    }
}

/// Every encoded text is one. It is moved, not copied.
fn header_value_of(text: String) -> HeaderValue {
    const NONE: HeaderValue = HeaderValue::from_static("");
    if text.is_empty() { NONE } else { HeaderValue::try_from(text).unwrap_or(NONE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_printable_ascii_and_unambiguous() {
        for (text, expected) in [
            ("amy", "amy"),
            ("amy b@example.com", "amy b@example.com"),
            ("\u{c4}my", "%C3%84my"),
            ("%C3%84my", "%25C3%2584my"),
            ("a\r\nRemote-User: admin", "a%0D%0ARemote-User: admin"),
            ("\u{7f}\0", "%7F%00"),
            (" amy  ", "%20amy%20%20"),
            ("  ", "%20%20"),
            ("a,b", "a,b"),
            ("", ""),
        ] {
            assert_eq!(header_value(text.to_owned()), expected, "{text:?}");
        }
        assert_eq!(encoded_in_list("a,b"), "a%2Cb");
    }
}
