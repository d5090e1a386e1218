//! Content that does not change while the process runs: built once, shared by all responses, known
//! again by its ETag.

use std::io::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY,
    ETAG, HeaderMap, IF_NONE_MATCH,
};
use http::{HeaderName, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use crate::domain::keys::hex;
use specbound::{Response, headers, negotiation};

/// No inline code, no other origin, no frame; forms post here alone.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' \
    data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Keep it, and ask before each use.
pub const REVALIDATE: &str = "no-cache";
/// Keep it and never ask: for a URL that changes with its content.
pub const FOREVER: &str = "public, max-age=31536000, immutable";

/// A page that cannot be served: a mistake of this build.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("{text}: {reason}")]
    Header { text: String, reason: http::header::InvalidHeaderValue },
    #[error(transparent)]
    Compression(#[from] std::io::Error),
    #[error("texts: {0}")]
    Texts(#[from] serde_json::Error),
    #[error("the texts have no `{0}`")]
    MissingText(String),
    #[error("the key of the demo provider cannot be used")]
    Key,
    #[error("template: {0}")]
    Template(#[from] askama::Error),
}

pub struct File {
    content: Bytes,
    /// Digest of the content alone, so a strong validator.
    etag: HeaderValue,
    headers: HeaderMap,
}

impl File {
    /// # Errors
    ///
    /// [`PageError`]
    pub fn new(
        content: impl Into<Bytes>,
        headers: &[(HeaderName, &str)],
    ) -> Result<File, PageError> {
        let headers = headers.iter().map(|(name, text)| Ok((name.clone(), value(text)?)));
        File::with_headers(content.into(), headers.collect::<Result<_, PageError>>()?)
    }

    fn with_headers(content: Bytes, headers: HeaderMap) -> Result<File, PageError> {
        let etag = value(&format!("\"{}\"", hex(&Sha256::digest(&content)[..16])))?;
        Ok(File { content, etag, headers })
    }

    fn compressed(&self) -> Result<File, PageError> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let content = encoder.write_all(&self.content).and_then(|()| encoder.finish())?;
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        File::with_headers(content.into(), headers)
    }

    /// Changes with the content: for its URL.
    pub fn version(&self) -> &str {
        self.etag.to_str().unwrap_or_default().trim_matches('"')
    }

    /// 200 with the content, or 304 if the client has it cached.
    pub fn respond(&self, request: &HeaderMap, cache_control: &'static str) -> Response {
        let mut response = Response::new(dropshot::Body::empty());
        if self.is_known(request) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            // A browser updates the headers of its cached response from a 304.
            for name in [CONTENT_SECURITY_POLICY, CONTENT_LANGUAGE] {
                if let Some(value) = self.headers.get(&name) {
                    response.headers_mut().insert(name, value.clone());
                }
            }
        } else {
            *response.body_mut() = dropshot::Body::with_content(self.content.clone());
            *response.headers_mut() = self.headers.clone();
        }
        response.headers_mut().insert(ETAG, self.etag.clone());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(cache_control));
        response
    }

    /// Compared weakly, as RFC 9110 (13.1.2) wants it here: a proxy that compressed on the way
    /// marked the tag `W/`.
    fn is_known(&self, request: &HeaderMap) -> bool {
        let mut tags = headers::elements(request, IF_NONE_MATCH);
        tags.any(|tag| {
            tag == b"*" || self.etag.as_bytes() == tag.strip_prefix(b"W/").unwrap_or(tag)
        })
    }
}

fn value(text: &str) -> Result<HeaderValue, PageError> {
    let wrong = |reason| PageError::Header { text: text.to_owned(), reason };
    HeaderValue::from_str(text).map_err(wrong)
}

/// A file in two codings, each with its own ETag. Compressed on first use: most pages are never
/// requested in most languages.
pub struct Compressed {
    plain: File,
    gzip: OnceLock<Option<File>>,
}

impl Compressed {
    /// # Errors
    ///
    /// As [`File::new`].
    pub fn new(
        content: impl Into<Bytes>,
        headers: &[(HeaderName, &str)],
    ) -> Result<Compressed, PageError> {
        Ok(Compressed { plain: File::new(content, headers)?, gzip: OnceLock::new() })
    }

    /// `None` in case it cannot be compressed.
    fn gzip(&self) -> Option<&File> {
        self.gzip.get_or_init(|| self.plain.compressed().ok()).as_ref()
    }

    /// Changes with the content: for its URL.
    pub fn version(&self) -> &str {
        self.plain.version()
    }

    pub fn respond(&self, request: &HeaderMap, cache_control: &'static str) -> Response {
        // A client without the header may be curl in a terminal.
        let is_asked = request.contains_key(ACCEPT_ENCODING) && takes_gzip(request);
        let gzip = if is_asked { self.gzip() } else { None };
        gzip.unwrap_or(&self.plain).respond(request, cache_control)
    }
}

/// Without the header, a client accepts every coding (RFC 9110, 12.5.3).
pub fn takes_gzip(request: &HeaderMap) -> bool {
    let mut sent = headers::text_elements(request, ACCEPT_ENCODING).peekable();
    if sent.peek().is_none() {
        return true;
    }
    sent.any(|coding| {
        let (name, parameter) = coding.split_once(';').unwrap_or((&coding, ""));
        let name = name.trim().to_ascii_lowercase();
        matches!(name.as_str(), "gzip" | "x-gzip" | "*") && negotiation::quality(parameter) > 0.0
    })
}
