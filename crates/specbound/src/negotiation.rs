//! `Accept` and `?format=`: the form of an answer.

use std::borrow::Cow;

use http::header::{ACCEPT, HeaderMap};
use http::{StatusCode, Uri};

use crate::{ApiError, headers as values};

/// Media ranges of `Accept` that are looked at. Browsers send less than ten.
const MAX_RANGES: usize = 256;

const JSON: &str = "application/json";

/// Whether a client accepts one of these media types; without any, or with JSON alone, JSON, which
/// `?format=` may name.
///
/// # Errors
///
/// 406 when `Accept` leaves no room for it, 404 when `?format=` names another format. Both come
/// before authentication.
pub fn require(headers: &HeaderMap, uri: &Uri, media_types: &[&str]) -> Result<(), ApiError> {
    let is_json = media_types.iter().all(|media_type| *media_type == JSON);
    let media_types = if media_types.is_empty() { &[JSON] } else { media_types };
    if is_json && asked_format(uri).is_some_and(|format| format != "json") {
        return Err(ApiError::not_found());
    }
    let mut accepted = values::text_elements(headers, ACCEPT).peekable();
    if accepted.peek().is_none() {
        return Ok(());
    }
    let is_produced = |range: &str| {
        let media = range.split(';').next().unwrap_or_default().trim();
        media_types.iter().any(|media_type| closeness(media, media_type).is_some())
    };
    if accepted.take(MAX_RANGES).any(|range| is_produced(&range)) {
        return Ok(());
    }
    Err(not_acceptable())
}

/// One form in which something can be had.
pub struct Offer {
    /// As in `Content-Type`.
    pub media_type: &'static str,
    /// Its name in `?format=`.
    pub format: &'static str,
}

/// Which offer a client wants most: of the highest quality, then of the closest range, then the
/// first.
///
/// # Errors
///
/// 404 when `?format=` names none of them, 406 when `Accept` leaves room for none.
pub fn choose(headers: &HeaderMap, uri: &Uri, offers: &[Offer]) -> Result<usize, ApiError> {
    let format = asked_format(uri);
    let mut wanted = offers
        .iter()
        .enumerate()
        .filter(|(_, o)| format.as_ref().is_none_or(|f| f == o.format))
        .peekable();
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
pub(crate) fn closeness(range: &str, media_type: &str) -> Option<u8> {
    let kind = media_type.split('/').next().unwrap_or_default();
    match range {
        "*/*" | "" => Some(0),
        exact if exact.eq_ignore_ascii_case(media_type) => Some(2),
        range if range.strip_suffix("/*").is_some_and(|range| range.eq_ignore_ascii_case(kind)) => {
            Some(1)
        }
        _ => None,
    }
}

/// `q` among the parameters of a range; an invalid number counts as not sent.
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
