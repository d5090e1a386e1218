//! The runtime's view of this server: its authenticators, its formats, and the conventions of the
//! reference.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_LANGUAGE,
    CONTENT_SECURITY_POLICY, COOKIE, HeaderMap, ORIGIN, REFERRER_POLICY, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use serde_json::json;
use specbound::{
    ApiError, Credentials, Formats, Host, PageRequest, Response, TextFormat, json_response,
};
use uuid::Uuid;

use super::caller::{self, ANY_SCHEME, Scheme, StaleSessionCheck};
use super::pages::{forward_auth, not_found};
use super::signed_in::SignedIn;
use super::{AppState, Context, language};
use crate::domain::email_format::is_email_address;
use crate::languages::ENGLISH;

/// The base of the documented paths. Reads below it only read.
const API: &str = "/api/";
/// `Cache-Control` of every response that is about one person, now: all but those of a page that
/// sets its own.
const NO_STORE: &str = "no-store";

/// The part of a request's head that its response needs; next to nothing for a program, which
/// sends neither cookies nor an origin.
pub struct Exchange {
    headers: HeaderMap,
    session: StaleSessionCheck,
}

impl Host for AppState {
    type Caller = SignedIn;
    type Scheme = Scheme;
    type Exchange = Exchange;

    const SCHEMES: &'static [(&'static str, Scheme)] = caller::SCHEMES;
    const FORMATS: &'static Formats = &Formats {
        // The types of dates and the rules of each field hold the others, as in the reference.
        holds: |format, text| format != TextFormat::Email || is_email_address(text),
        pattern_messages: &[(
            r"^[\w.@+-]+$",
            "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ \
             characters.",
        )],
        lenient_values: true,
    };
    /// As in the reference, an account without an address has an empty one.
    const RESPONSE_FORMATS: &'static Formats = &Formats {
        holds: |format, text| text.is_empty() || (Self::FORMATS.holds)(format, text),
        ..*Self::FORMATS
    };
    /// The reference, too, leads browsers to the page of the second step.
    const UNDOCUMENTED_RESPONSES: &'static [(&'static str, StatusCode)] =
        &[("auth_login_create", StatusCode::FOUND)];
    const BASE_PATH: &'static str = "/api/auth/";
    const LENIENT_PARAMETERS: bool = true;
    const CORS_HEADERS: &'static str = "accept, authorization, content-type, x-csrftoken";

    async fn authenticate(
        &self,
        scheme: Scheme,
        credentials: &mut Credentials<'_, AppState>,
    ) -> Result<Option<SignedIn>, ApiError> {
        caller::authenticate(scheme, credentials).await
    }

    /// No operation of the document asks for two schemes.
    fn combine(&self, first: SignedIn, second: SignedIn) -> Result<SignedIn, ApiError> {
        match first.account.id == second.account.id {
            true => Ok(first),
            false => Err(ApiError::forbidden("These credentials are of different accounts.")),
        }
    }

    fn challenge(&self, scheme: Scheme) -> Option<&'static str> {
        caller::challenge(scheme)
    }

    async fn authorize(
        &self,
        caller: &SignedIn,
        credentials: &Credentials<'_, AppState>,
    ) -> Result<(), ApiError> {
        caller::authorize(caller, credentials).await
    }

    fn begin(&self, request: &mut Request<dropshot::Body>) -> Exchange {
        Exchange {
            headers: retain_headers(request.headers()),
            session: StaleSessionCheck::request(request, &self.settings.http.session_cookie),
        }
    }

    /// Puts an error into the language of its client, and tells a browser to forget a session that
    /// is over.
    async fn finish(&self, exchange: &Exchange, response: &mut Response) {
        language::translate(&self.settings.languages, &exchange.headers, response);
        // A shared cache that stored the response would end the session of every client.
        let is_for_one =
            response.headers().get(CACHE_CONTROL).is_none_or(|value| value == NO_STORE);
        let is_told = response.headers().contains_key(SET_COOKIE);
        if is_for_one && !is_told && exchange.session.is_stale(self, &exchange.headers).await {
            response.headers_mut().append(SET_COOKIE, self.cookies().clear_session());
        }
    }

    fn decorate(&self, exchange: &Exchange, response: &mut HeaderMap) {
        if forward_auth::allows_request(response) {
            response.insert(CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
            return;
        }
        const DEFAULTS: [(HeaderName, &str); 4] = [
            (CONTENT_LANGUAGE, ENGLISH),
            (VARY, "origin, Accept-Language, Cookie"),
            (CACHE_CONTROL, NO_STORE),
            (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        ];
        const FIXED: [(HeaderName, &str); 4] = [
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "DENY"),
            (REFERRER_POLICY, "same-origin"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ];
        // One allocation instead of two.
        response.reserve(DEFAULTS.len() + FIXED.len() + 3);
        for (name, value) in DEFAULTS {
            response.entry(name).or_insert(HeaderValue::from_static(value));
        }
        for (name, value) in FIXED {
            response.insert(name, HeaderValue::from_static(value));
        }
        if self.settings.ends_tls {
            response
                .insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        if exchange.headers.contains_key(ORIGIN) {
            self.allow_origin(&exchange.headers, response);
        }
    }

    /// Credentials included; all other origins get no header at all.
    fn allow_origin(&self, request: &HeaderMap, response: &mut HeaderMap) -> bool {
        let Some(origin) = request.get(ORIGIN) else { return false };
        if !self.settings.http.cors_origins.iter().any(|allowed| origin == allowed.as_str()) {
            return false;
        }
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        true
    }

    async fn unknown_path(
        &self,
        rqctx: &Context,
        request: Request<dropshot::Body>,
    ) -> Result<Response, ApiError> {
        if let Some(redirect) = not_found::redirect_to_page(&request) {
            return Ok(redirect);
        }
        let PageRequest { request, .. } =
            PageRequest::admit(rqctx, request, ANY_SCHEME, &[]).await?;
        let Parts { method, headers, uri, .. } = &request;
        if let Some(page) = not_found::page(self, method, headers, uri) {
            return page;
        }
        let url = format!(
            "{}{}",
            self.settings.site_url,
            uri.path_and_query().map_or("/", |path| path.as_str())
        );
        // With spaces after `:` and `,`, like Python's json module.
        let body = format!("{{\"detail\": \"API endpoint not found\", \"url\": {}}}", json!(url));
        Ok(json_response(StatusCode::NOT_FOUND, body.into_bytes()))
    }

    /// A page may write when it is read.
    fn outlives_client(&self, method: &Method, path: &str) -> bool {
        let only_reads = path.starts_with(API) || forward_auth::is_decision(path);
        !(matches!(*method, Method::GET | Method::HEAD) && only_reads)
    }

    fn request_id(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.app.random()).into_uuid()
    }
}

fn retain_headers(request: &HeaderMap) -> HeaderMap {
    let mut retained = HeaderMap::new();
    for name in [ORIGIN, COOKIE].into_iter().chain(language::CHOICES) {
        for value in request.get_all(&name) {
            retained.append(&name, value.clone());
        }
    }
    retained
}
