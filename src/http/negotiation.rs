//! Accept, `?format=` and Origin: what an answer may look like, and who may read it.

use http::header::{ACCEPT, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderMap, ORIGIN};
use http::{HeaderValue, StatusCode, Uri};

use super::Settings;
use super::error::ApiError;

/// Only JSON is produced.
///
/// # Errors
///
/// 406 when `Accept` leaves no room for it, 404 when `?format=` asks for another one. Both come before authentication.
pub fn require_json(headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
    let query = uri.query().unwrap_or_default();
    let format = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "format").last();
    if format.is_some_and(|(_, format)| format != "json") {
        return Err(ApiError::not_found());
    }
    let mut accepted = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok()).peekable();
    if accepted.peek().is_none() {
        return Ok(());
    }
    let takes_json = |range: &str| {
        let media = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(media.as_str(), "application/json" | "application/*" | "*/*" | "")
    };
    if accepted.flat_map(|value| value.split(',')).any(takes_json) {
        return Ok(());
    }
    Err(ApiError::detail(StatusCode::NOT_ACCEPTABLE, "Could not satisfy the request Accept header."))
}

/// Lets the scripts of an allowed origin read the answer, credentials included; all others get no header at all.
pub fn allow_origin(settings: &Settings, request: &HeaderMap, response: &mut HeaderMap) -> bool {
    let Some(origin) = request.get(ORIGIN) else { return false };
    if !settings.cors_origins.iter().any(|allowed| origin == allowed.as_str()) {
        return false;
    }
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    true
}
