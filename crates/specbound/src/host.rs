//! The runtime's view of a server.

use std::future::Future;

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Method, Request, StatusCode};
use uuid::Uuid;

use crate::body::BodyLimits;
use crate::fields::Formats;
use crate::security::Credentials;
use crate::{ApiError, Context, Response};

/// A server: its state, its authenticators, and its manners.
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
    /// String formats of request fields.
    const FORMATS: &'static Formats = &Formats::DEFAULT;
    /// Limits of JSON bodies and forms.
    const BODY_LIMITS: &'static BodyLimits = &BodyLimits::DEFAULT;
    /// As [`Host::FORMATS`], for answers that are held against the document.
    const FORMATS_OF_ANSWERS: &'static Formats = Self::FORMATS;
    /// By operation, statuses of answers that its document does not name. They are not held against
    /// it.
    const UNDOCUMENTED_ANSWERS: &'static [(&'static str, StatusCode)] = &[];
    /// The part of each path that the name in an answer to OPTIONS leaves out.
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
    /// operation answers 403.
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

    /// Whether scripts of the request's origin may read the response (CORS). Sets the headers that
    /// say so.
    fn allow_origin(&self, _request: &HeaderMap, _response: &mut HeaderMap) -> bool {
        false
    }

    /// Answers a path that is neither documented nor a page's.
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

    /// Whether a request is finished when its client has gone: by default all but reads, since the
    /// outcome of a write would be unknown otherwise.
    fn outlives_client(&self, method: &Method, _path: &str) -> bool {
        !matches!(*method, Method::GET | Method::HEAD)
    }

    /// The id of a request, for its log line and `X-Request-ID`.
    fn request_id(&self) -> Uuid {
        Uuid::new_v4()
    }
}
