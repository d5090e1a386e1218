//! `Accept` and `?format=`: the form of a response.

use std::borrow::Cow;

use http::header::{ACCEPT, HeaderMap};
use http::{StatusCode, Uri};

use crate::{ApiError, headers as values};

/// Media ranges of `Accept` that are looked at. Browsers send less than ten.
const MAX_RANGES: usize = 256;

const JSON: &str = "application/json";

/// Whether a client accepts one of these media types; without any, or with JSON alone, JSON, which
/// `?format=` may name, and whose quality does not count, as in Django REST framework.
///
/// # Errors
///
/// 406 when `Accept` leaves no room for it, 404 when `?format=` names another format. Both come
/// before authentication.
pub fn require(headers: &HeaderMap, uri: &Uri, media_types: &[&str]) -> Result<(), ApiError> {
    if media_types.iter().any(|media_type| *media_type != JSON) {
        let best = best(headers, media_types.iter().copied());
        return best.map(drop).ok_or_else(not_acceptable);
    }
    if asked_format(uri).is_some_and(|format| format != "json") {
        return Err(ApiError::not_found());
    }
    let mut accepted = values::text_elements(headers, ACCEPT).peekable();
    if accepted.peek().is_none() {
        return Ok(());
    }
    let is_json = |range: Cow<'_, str>| {
        let media = range.split(';').next().unwrap_or_default().trim();
        closeness(media, JSON).is_some()
    };
    if accepted.take(MAX_RANGES).any(is_json) {
        return Ok(());
    }
    Err(not_acceptable())
}

/// The place of the media type that a client wants most: of the highest quality, then of the
/// closest range, then the first (RFC 9110, section 12.5.1). `None` if it accepts none.
pub(crate) fn best<'a>(
    headers: &HeaderMap,
    media_types: impl Iterator<Item = &'a str>,
) -> Option<usize> {
    let mut accepted: Vec<_> = values::text_elements(headers, ACCEPT).take(MAX_RANGES).collect();
    if accepted.is_empty() {
        accepted.push("*/*".into());
    }
    let liking = |media_type: &str| {
        let fits = |range: &Cow<'_, str>| {
            let (media, parameters) = range.split_once(';').unwrap_or((range, ""));
            Some((closeness(media.trim(), media_type)?, quality(parameters)))
        };
        let (closeness, quality) = accepted.iter().filter_map(fits).max_by(|a, b| a.0.cmp(&b.0))?;
        (quality > 0.0).then_some((quality, closeness))
    };
    let liked = media_types.enumerate().filter_map(|(place, media)| Some((liking(media)?, place)));
    let best = liked.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, place)| place)
}

/// `Accept` alone, for a response of several media types.
pub(crate) fn kept(headers: &HeaderMap, media_types: &[&str]) -> HeaderMap {
    let mut kept = HeaderMap::new();
    if media_types.len() > 1 {
        for value in headers.get_all(ACCEPT) {
            kept.append(ACCEPT, value.clone());
        }
    }
    kept
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
    let wanted = offers.iter().enumerate();
    let wanted = wanted.filter(|(_, o)| format.as_ref().is_none_or(|f| f == o.format));
    let wanted: Vec<(usize, &Offer)> = wanted.collect();
    if wanted.is_empty() {
        return Err(ApiError::not_found());
    }
    let best = best(headers, wanted.iter().map(|(_, offer)| offer.media_type));
    let place = best.and_then(|best| wanted.get(best)).map(|(place, _)| *place);
    place.ok_or_else(not_acceptable)
}

/// How closely a range names a media type: to the letter, by its kind, or with everything else.
/// Parameters of the media type do not count.
pub(crate) fn closeness(range: &str, media_type: &str) -> Option<u8> {
    let media_type = media_type.split(';').next().unwrap_or_default().trim_end();
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
