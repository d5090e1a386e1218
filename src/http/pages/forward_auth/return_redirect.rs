//! The way back from the sign-in page.
//!
//! It leads to a host of the settings, and to no other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use specbound::{ApiError, Response};

use super::super::account::{self, HOME, RETURN_PATH};
use super::super::{Page, PageRequest};
use crate::http::AppState;

/// Leads a browser that has signed in back to a host of the settings, and to no other.
pub struct ReturnRedirect;

#[async_trait::async_trait]
impl Page<AppState> for ReturnRedirect {
    fn path(&self) -> &'static str {
        RETURN_PATH
    }

    fn description(&self) -> &'static str {
        "The way back from the sign-in page."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["text/html"]
    }

    async fn respond(
        &self,
        server: &AppState,
        PageRequest { request, .. }: PageRequest,
    ) -> Result<Response, ApiError> {
        let encoded = request.uri.query().and_then(|query| query.strip_prefix("to="));
        account::redirect(
            encoded.and_then(|encoded| return_url(server, encoded)).as_deref().unwrap_or(HOME),
        )
    }
}

/// A URL at one of the hosts; with https where the site has it.
fn return_url(server: &AppState, encoded: &str) -> Option<String> {
    let url = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()?;
    let (scheme, rest) = url.split_once("://")?;
    let is_secure = scheme == "https" || !server.settings.site_url.starts_with("https:");
    let (host, path) = rest.split_at(rest.find('/')?);
    let is_own = server.settings.http.forward_auth.hosts.iter().any(|known| known == host);
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (matches!(scheme, "http" | "https") && is_secure && is_own && is_plain).then_some(url)
}
