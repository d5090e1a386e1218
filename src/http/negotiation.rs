//! Accept, `?format=` and Origin: what an answer may look like, and who may read it.

use std::borrow::Cow;

use http::header::{ACCEPT, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderMap, ORIGIN};
use http::{HeaderValue, StatusCode, Uri};

use super::error::ApiError;
use super::{Settings, headers as values};

/// Media ranges of `Accept` that are looked at. Browsers send less than ten.
const MAX_RANGES: usize = 256;

/// Only JSON is produced.
///
/// # Errors
///
/// 406 when `Accept` leaves no room for it, 404 when `?format=` asks for another one. Both come before authentication.
pub fn require_json(headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
    if asked_format(uri).is_some_and(|format| format != "json") {
        return Err(ApiError::not_found());
    }
    let mut accepted = values::text_elements(headers, ACCEPT).peekable();
    if accepted.peek().is_none() {
        return Ok(());
    }
    let takes_json = |range: &str| {
        let media = range.split(';').next().unwrap_or_default().trim();
        closeness(media, "application/json").is_some()
    };
    if accepted.take(MAX_RANGES).any(|range| takes_json(&range)) {
        return Ok(());
    }
    Err(not_acceptable())
}

/// One form in which something can be had.
pub struct Offer {
    pub media_type: &'static str,
    /// Its name in `?format=`.
    pub format: &'static str,
}

/// Which offer a client wants most: of the highest quality, then of the closest range, then the first.
///
/// # Errors
///
/// 404 when `?format=` names none of them, 406 when `Accept` leaves room for none.
pub fn choose(headers: &HeaderMap, uri: &Uri, offers: &[Offer]) -> Result<usize, ApiError> {
    let format = asked_format(uri);
    let mut wanted =
        offers.iter().enumerate().filter(|(_, o)| format.as_ref().is_none_or(|f| f == o.format)).peekable();
    if wanted.peek().is_none() {
        return Err(ApiError::not_found());
    }
    let mut accepted: Vec<_> = values::text_elements(headers, ACCEPT).take(MAX_RANGES).collect();
    if accepted.is_empty() {
        accepted.push("*/*".into());
    }
    let liking = |offer: &Offer| {
        let fits = |range: &Cow<'_, str>| {
            let (media, parameters) = range.split_once(';').unwrap_or((range, ""));
            Some((closeness(media.trim(), offer.media_type)?, quality(parameters)))
        };
        let (closeness, quality) = accepted.iter().filter_map(fits).max_by(|a, b| a.0.cmp(&b.0))?;
        (quality > 0.0).then_some((quality, closeness))
    };
    let liked = wanted.filter_map(|(place, offer)| Some((liking(offer)?, place)));
    let best = liked.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, place)| place).ok_or_else(not_acceptable)
}

/// How closely a range names a media type: to the letter, by its kind, or with everything else.
fn closeness(range: &str, media_type: &str) -> Option<u8> {
    let kind = media_type.split('/').next().unwrap_or_default();
    match range {
        "*/*" | "" => Some(0),
        exact if exact.eq_ignore_ascii_case(media_type) => Some(2),
        range if range.strip_suffix("/*").is_some_and(|range| range.eq_ignore_ascii_case(kind)) => Some(1),
        _ => None,
    }
}

/// `q` among the parameters of a range; what is no number counts as not sent.
pub fn quality(parameters: &str) -> f32 {
    let pairs = parameters.split(';').filter_map(|pair| pair.split_once('='));
    let mut sent = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    sent.next().and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(1.0)
}

fn asked_format(uri: &Uri) -> Option<String> {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    query.filter(|(key, _)| key == "format").last().map(|(_, format)| format.into_owned())
}

fn not_acceptable() -> ApiError {
    ApiError::detail(StatusCode::NOT_ACCEPTABLE, "Could not satisfy the request Accept header.")
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
