//! Content that stays the same while the process runs: made once, shared by all answers, known again by its ETag.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG, HeaderMap, IF_NONE_MATCH};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::domain::keys::hex;

/// Keep it, and ask before each use.
pub const REVALIDATE: &str = "no-cache";
/// Keep it and never ask: for a URL that changes with its content.
pub const FOREVER: &str = "public, max-age=31536000, immutable";

pub struct File {
    content: Bytes,
    /// Of the content alone, so a strong one.
    etag: HeaderValue,
    headers: HeaderMap,
}

impl File {
    /// # Errors
    ///
    /// A header value that is none.
    pub fn new(content: impl Into<Bytes>, headers: &[(HeaderName, &str)]) -> Result<File, String> {
        let content = content.into();
        let value = |text: &str| HeaderValue::from_str(text).map_err(|e| format!("{text}: {e}"));
        let etag = value(&format!("\"{}\"", hex(&Sha256::digest(&content)[..16])))?;
        let headers = headers.iter().map(|(name, text)| Ok((name.clone(), value(text)?)));
        Ok(File { etag, headers: headers.collect::<Result<_, String>>()?, content })
    }

    /// Changes with the content: for its URL.
    pub fn version(&self) -> &str {
        self.etag.to_str().unwrap_or_default().trim_matches('"')
    }

    /// 200 with all of it, or 304 for a client that has it.
    pub fn answer(&self, request: &HeaderMap, cache_control: &'static str) -> Response<dropshot::Body> {
        let mut response = Response::new(dropshot::Body::empty());
        if self.is_known(request) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            *response.body_mut() = dropshot::Body::with_content(self.content.clone());
            *response.headers_mut() = self.headers.clone();
        }
        response.headers_mut().insert(ETAG, self.etag.clone());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
        response
    }

    /// Compared weakly, as RFC 9110 (13.1.2) wants it here: a proxy that compressed on the way marked the tag `W/`.
    fn is_known(&self, request: &HeaderMap) -> bool {
        let sent = request.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
        let mut tags = sent.flat_map(|value| value.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || self.etag == tag.trim_start_matches("W/"))
    }
}
