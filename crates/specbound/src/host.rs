//! The runtime's view of a server.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use dropshot::RequestContext;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode};
use uuid::Uuid;

use crate::body::{BodyLimits, UploadLimits};
use crate::keywords::Formats;
use crate::operation::{Scopes, Security};
use crate::{ApiError, LazyBody, Response};

/// dropshot's context of a request to the server `H`.
pub type Context<H> = RequestContext<Arc<H>>;

/// A server: its state, its authenticators, and its conventions.
pub trait Host: Send + Sync + Sized + 'static {
    /// An authenticated caller.
    type Caller: Send + Sync + 'static;
    /// A security scheme, usually an enum.
    type Scheme: Copy + Send + Sync + 'static;
    /// The state that [`Host::begin`] keeps of a request for its response.
    type Exchange: Send + Sync + 'static;

    /// The schemes that [`Host::authenticate`] knows, by their names in the document, in the order
    /// in which they are tried.
    const SCHEMES: &'static [(&'static str, Self::Scheme)];
    /// String formats of requests: of bodies and of parameters.
    const FORMATS: &'static Formats = &Formats::DEFAULT;
    /// Limits of JSON bodies and forms.
    const BODY_LIMITS: &'static BodyLimits = &BodyLimits::DEFAULT;
    /// Limits of forms with files.
    const UPLOAD_LIMITS: &'static UploadLimits = &UploadLimits::DEFAULT;
    /// As [`Host::FORMATS`], for responses that are held against the document.
    const RESPONSE_FORMATS: &'static Formats = Self::FORMATS;
    /// By operation, statuses of responses that its document does not name. They are not held
    /// against it.
    const UNDOCUMENTED_RESPONSES: &'static [(&'static str, StatusCode)] = &[];
    /// The part of each path that the name in a response to OPTIONS leaves out.
    const BASE_PATH: &'static str = "/";
    /// Whether a plain query or header parameter that is not of its type or out of its bounds
    /// counts as not sent, as in Django; otherwise it is answered with 400.
    const LENIENT_PARAMETERS: bool = false;
    /// Whether errors have the shape of RFC 9457, `application/problem+json`, and not that of
    /// Django REST framework.
    const PROBLEM_JSON: bool = false;
    /// Request headers that scripts of an allowed origin may send.
    const CORS_HEADERS: &'static str = "accept, authorization, content-type";

    /// Authenticates a request by one scheme. `None` if it carries no credentials of this scheme.
    ///
    /// # Errors
    ///
    /// For credentials that are sent and wrong: [`Credentials::unauthorized`], as a rule.
    fn authenticate(
        &self,
        scheme: Self::Scheme,
        credentials: &mut Credentials<'_, Self>,
    ) -> impl Future<Output = Result<Option<Self::Caller>, ApiError>> + Send;

    /// The caller of a request that satisfies two schemes of one alternative.
    ///
    /// # Errors
    ///
    /// When they are not the same caller's.
    fn combine(&self, first: Self::Caller, second: Self::Caller) -> Result<Self::Caller, ApiError>;

    /// Whether a caller, authenticated by a scheme, was granted a scope (OAuth 2, OpenID Connect)
    /// or a role (OpenAPI 3.1) that the operation requires. By default none is granted, and such an
    /// operation returns 403.
    fn has_scope(&self, _: Self::Scheme, _: &Self::Caller, _scope: &str) -> bool {
        false
    }

    /// `WWW-Authenticate` for a scheme. A scheme without a challenge is answered with 403 instead
    /// of 401.
    fn challenge(&self, _: Self::Scheme) -> Option<&'static str> {
        None
    }

    /// Checks a caller whom an operation requires.
    ///
    /// # Errors
    ///
    /// 403, as a rule.
    fn authorize(
        &self,
        _: &Self::Caller,
        _: &Credentials<'_, Self>,
    ) -> impl Future<Output = Result<(), ApiError>> + Send {
        async { Ok(()) }
    }

    /// Called with each request, before anything is decided about it.
    fn begin(&self, request: &mut Request<dropshot::Body>) -> Self::Exchange;

    /// Called with each response of a handler or page that did not panic.
    fn finish(&self, _: &Self::Exchange, _: &mut Response) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Sets the headers that every response has, that of a panic included. By default a response is
    /// not cached, sniffed or framed.
    fn decorate(&self, _: &Self::Exchange, headers: &mut HeaderMap) {
        let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }

    /// Whether scripts of the request's origin may read the response (CORS). Sets the CORS headers.
    fn allow_origin(&self, _request: &HeaderMap, _response: &mut HeaderMap) -> bool {
        false
    }

    /// Responds to a path that is neither documented nor a page's.
    ///
    /// # Errors
    ///
    /// 404 by default.
    fn unknown_path(
        &self,
        _: &Context<Self>,
        _: Request<dropshot::Body>,
    ) -> impl Future<Output = Result<Response, ApiError>> + Send {
        async { Err(ApiError::not_found()) }
    }

    /// Whether a request runs to completion after its client disconnects: by default all but reads,
    /// since the outcome of a write would be unknown otherwise.
    fn outlives_client(&self, method: &Method, _path: &str) -> bool {
        !matches!(*method, Method::GET | Method::HEAD)
    }

    /// The id of a request, for its log line and `X-Request-ID`.
    fn request_id(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// An alternative, and the scopes of each of its schemes.
pub(crate) type Alternative = (&'static [&'static str], &'static [&'static [&'static str]]);

/// A request whose credentials are being checked.
pub struct Credentials<'a, H> {
    /// The server that authenticates.
    pub host: &'a H,
    /// The request's head.
    pub head: &'a Parts,
    /// The request's body, unread. A scheme that needs a form field (CSRF) reads it.
    pub body: &'a mut LazyBody,
    /// The peer of the connection.
    pub remote: SocketAddr,
    /// The id of the request, as in its log line.
    pub request_id: &'a str,
    /// The requirement of the operation or page.
    pub security: Security,
    /// The scopes that the requirement names.
    pub scopes: Scopes,
}

impl<H: Host> Credentials<'_, H> {
    /// 401 with the challenge of the first scheme that has one, or 403 if none has: a 401 requires
    /// a challenge.
    pub fn unauthorized(&self, detail: &str) -> ApiError {
        let offered = H::SCHEMES.iter().filter(|(name, _)| is_named(self.security, name));
        match offered.filter_map(|(_, scheme)| self.host.challenge(*scheme)).next() {
            Some(challenge) => ApiError::unauthorized(detail, challenge),
            None => ApiError::detail(StatusCode::FORBIDDEN, detail),
        }
    }

    pub(crate) fn alternatives(&self) -> impl Iterator<Item = Alternative> + use<H> {
        let scopes = self.scopes;
        let with_scopes = move |(n, schemes): (usize, &&'static [&'static str])| {
            (*schemes, scopes.get(n).copied().unwrap_or_default())
        };
        self.security.iter().enumerate().map(with_scopes)
    }

    /// 403 for a caller without a scope (RFC 6750, section 3.1). The challenge is for schemes with
    /// bearer tokens alone.
    pub(crate) fn insufficient_scope(&self, scheme: H::Scheme, scopes: &[&str]) -> ApiError {
        let scopes = scopes.join(" ");
        let error = ApiError::forbidden(&format!("A scope is missing: {scopes}"));
        let challenge = self.host.challenge(scheme).unwrap_or_default();
        let Some(rest) = challenge.strip_prefix("Bearer") else { return error };
        let comma = if rest.trim().is_empty() { " " } else { ", " };
        let names = scope_attribute(&scopes);
        let challenge = format!("{challenge}{comma}error=\"insufficient_scope\"{names}");
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => error.with_header(WWW_AUTHENTICATE, challenge),
            Err(_) => error,
        }
    }
}

/// The attribute `scope`, unless a name has a quote or another character that it cannot have, not
/// even escaped (RFC 6750, section 3).
fn scope_attribute(scopes: &str) -> String {
    let is_allowed = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    match scopes.bytes().all(is_allowed) {
        true => format!(", scope=\"{scopes}\""),
        false => String::new(),
    }
}

/// Whether an alternative requires this scheme.
pub(crate) fn is_named(security: Security, scheme: &str) -> bool {
    security.iter().any(|alternative| alternative.contains(&scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_omits_scopes_that_its_syntax_cannot_express() {
        assert_eq!(scope_attribute("keys:read admin"), ", scope=\"keys:read admin\"");
        for scopes in ["a \"b\"", r"a\b", "größe", "a\nb"] {
            assert_eq!(scope_attribute(scopes), "", "{scopes}");
        }
    }
}
