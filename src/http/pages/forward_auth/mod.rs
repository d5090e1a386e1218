//! Forward authentication: a reverse proxy asks about each request of a service behind it.
//!
//! The response is 200 with the caller's name in `Remote-*`, 401 for a program, 302 to the sign-in
//! page for a browser, or 403. Only a trusted proxy may ask, since it alone knows the original
//! request. Every response with a name has all four headers, so that a proxy that copies them
//! never leaves one of the client's own. Nothing here is cached or stored.

mod identity;
mod original;
mod return_redirect;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, HeaderMap, LOCATION};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use super::account::{self, RETURN_PATH};
use super::{Page, PageRequest};
use crate::http::caller::{self, ANY_SCHEME, SCHEMES};
use crate::http::cookies::{self, CSRF_COOKIE, MAX_SAME_NAME};
use crate::http::signed_in::{Credential, SignedIn};
use crate::http::{AppState, client};
use identity::{Identity, identity_response};
use original::{Original, ProxyStyle, untrusted_proxy};
use return_redirect::ReturnRedirect;
use specbound::{ApiError, Credentials, Response};

pub use identity::{Allow, allows_request};
pub use original::plain_host;

/// Caddy, Traefik, and other proxies that pass on a redirect.
const PATH: &str = "/platform/auth/";
/// nginx, whose `auth_request` takes no redirect: 401 with `Location`.
const NGINX_PATH: &str = "/platform/auth/nginx/";
/// Envoy, which appends the original path and keeps the method.
const ENVOY_PATH: &str = "/platform/auth/envoy/{*}";
const ENVOY_PREFIX: &str = "/platform/auth/envoy";

/// The longest way back, encoded: the sign-in pages take 500 bytes in all.
const MAX_RETURN_BYTES: usize = 460;

/// Settings of the operator.
#[derive(Debug, Clone, Default)]
pub struct ForwardAuth {
    /// Hosts whose requests are answered, in lower case, with their port if it is not the scheme's.
    pub hosts: Vec<String>,
    /// Paths that need no sign-in: all below one that ends in `/*`, or one path exactly.
    pub open_paths: Vec<String>,
    /// Who may pass: any of these.
    pub allow: Vec<Allow>,
}

impl ForwardAuth {
    /// A path with anything that a service could read as another path is never open.
    fn is_open(&self, path: &str) -> bool {
        let is_named = self.open_paths.iter().any(|open| match open.strip_suffix('*') {
            Some(folder) => path.starts_with(folder),
            None => path == open,
        });
        is_named
            && !path.contains(['%', '\\', ';', '#'])
            && !path.contains("//")
            && !path.split('/').any(|segment| matches!(segment, "." | ".."))
    }
}

pub fn pages() -> Vec<Box<dyn Page<AppState>>> {
    [Endpoint::Ask, Endpoint::Nginx, Endpoint::Envoy]
        .map(|endpoint| Box::new(endpoint) as Box<dyn Page<AppState>>)
        .into_iter()
        .chain([Box::new(ReturnRedirect) as Box<dyn Page<AppState>>])
        .collect()
}

/// Whether a request asks for a decision, which writes nothing.
pub fn is_decision(path: &str) -> bool {
    path.starts_with(PATH)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Ask,
    Nginx,
    Envoy,
}

#[async_trait::async_trait]
impl Page<AppState> for Endpoint {
    fn path(&self) -> &'static str {
        match self {
            Endpoint::Ask => PATH,
            Endpoint::Nginx => NGINX_PATH,
            Endpoint::Envoy => ENVOY_PATH,
        }
    }

    fn description(&self) -> &'static str {
        "Forward authentication for reverse proxies."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["application/json"]
    }

    fn takes_every_method(&self) -> bool {
        true
    }

    async fn respond(
        &self,
        server: &AppState,
        page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        let decided = self.decide(server, page_request).await;
        match (self, decided) {
            // nginx makes a 500 of any other refusal.
            (Endpoint::Nginx, Err(error))
                if error.status().is_client_error() && error.status() != UNAUTHORIZED =>
            {
                let mut response = error.into_response();
                *response.status_mut() = StatusCode::FORBIDDEN;
                Ok(response)
            }
            (_, decided) => decided,
        }
    }
}

const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;

impl Endpoint {
    async fn decide(
        self,
        server: &AppState,
        PageRequest { mut request, mut body, remote, request_id, .. }: PageRequest,
    ) -> Result<Response, ApiError> {
        if !client::is_trusted_proxy(&server.settings, remote) {
            return Err(untrusted_proxy());
        }
        let settings = &server.settings.http.forward_auth;
        let style = match self {
            Endpoint::Ask | Endpoint::Nginx => ProxyStyle::InHeaders,
            Endpoint::Envoy => ProxyStyle::AsItself { prefix: ENVOY_PREFIX },
        };
        // The origin of an unsafe request is checked below, since its host is not this one.
        let method = std::mem::replace(&mut request.method, Method::GET);
        let original = Original::read(style, &request, &method, &server.settings.site_url)?;
        if !settings.hosts.iter().any(|host| *host == original.host) {
            return Err(refused("This host is not served.", "its host is not of the settings"));
        }
        check_web_socket(server, &original, &request.headers)?;
        if settings.is_open(original.path()) {
            return Ok(identity_response(Identity::default()));
        }
        let mut credentials = Credentials {
            host: server,
            head: &request,
            body: &mut body,
            remote,
            security: ANY_SCHEME,
            scopes: &[],
            request_id: &request_id,
        };
        let Some(signed_in) = identify(&mut credentials).await? else {
            return Ok(self.unauthenticated(server, &original, &request, &credentials));
        };
        caller::authorize(&signed_in, &credentials).await?;
        if matches!(signed_in.credential, Credential::Session { .. }) && !original.is_safe() {
            check_origin(server, &original, &request.headers)?;
        }
        let identity = Identity::of(server, signed_in).await?;
        match settings.allow.iter().any(|allow| identity.is(allow)) {
            true => Ok(identity_response(identity)),
            false => Err(ApiError::forbidden("Your account may not use this service.")),
        }
    }

    /// A browser is led to the sign-in page and back.
    fn unauthenticated(
        self,
        server: &AppState,
        original: &Original<'_>,
        request: &Parts,
        credentials: &Credentials<'_, AppState>,
    ) -> Response {
        let mut response = credentials
            .unauthorized("Authentication credentials were not provided.")
            .into_response();
        if is_navigation(original, request)
            && let Ok(location) = HeaderValue::from_str(&sign_in_url(server, original))
        {
            response.headers_mut().insert(LOCATION, location);
            if self != Endpoint::Nginx {
                *response.status_mut() = StatusCode::FOUND;
            }
        }
        response
    }
}

/// The caller by the first scheme that finds credentials.
async fn identify(
    credentials: &mut Credentials<'_, AppState>,
) -> Result<Option<SignedIn>, ApiError> {
    for (_, scheme) in SCHEMES {
        let found = caller::authenticate(*scheme, credentials).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The person at a browser asks for a page, and not a script for data.
fn is_navigation(original: &Original<'_>, request: &Parts) -> bool {
    let is_page = match request.headers.get("sec-fetch-mode") {
        Some(mode) => mode.as_bytes() == b"navigate",
        None => true,
    };
    is_page
        && original.is_safe()
        && !request.headers.contains_key(AUTHORIZATION)
        && !original.is_web_socket
        && account::is_browser(&request.headers, &request.uri)
}

/// The sign-in page, which leads back through [`ReturnRedirect`].
fn sign_in_url(server: &AppState, original: &Original<'_>) -> String {
    let site = &server.settings.site_url;
    let encoded = URL_SAFE_NO_PAD.encode(original.url());
    let next = match encoded.len() <= MAX_RETURN_BYTES {
        true => encoded,
        // Too long to remember.
        false => URL_SAFE_NO_PAD.encode(format!("{}://{}/", original.scheme, original.host)),
    };
    format!("{site}/platform/login?next={RETURN_PATH}?to={next}")
}

fn refused(detail: &str, why: &str) -> ApiError {
    ApiError::forbidden(detail).with_internal(format!("forward authentication: {why}"))
}

/// CORS does not apply to WebSockets: without this check, a page of any site could open one with
/// its user's cookies and read it (RFC 6455, 10.2).
fn check_web_socket(
    server: &AppState,
    original: &Original<'_>,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    if !original.is_web_socket {
        return Ok(());
    }
    let is_own = original.is_own_origin(headers, &server.settings.http.trusted_origins);
    // A program has a token, which no browser adds.
    match is_own
        .unwrap_or(cookies::all(headers, &server.settings.http.session_cookie).next().is_none())
    {
        true => Ok(()),
        false => Err(refused("This WebSocket is another site's.", "WebSocket of another origin")),
    }
}

/// A session is a browser's: an unsafe request must be the service's own, by the marks that no page
/// can set, or have the CSRF token of the cookie.
fn check_origin(
    server: &AppState,
    original: &Original<'_>,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    let is_own = original.is_own_origin(headers, &server.settings.http.trusted_origins);
    match is_own.unwrap_or_else(|| has_csrf_token(headers)) {
        true => Ok(()),
        false => Err(refused(
            "CSRF Failed: Origin checking failed - the request is another site's.",
            "unsafe request of another origin",
        )),
    }
}

fn has_csrf_token(headers: &HeaderMap) -> bool {
    let Some(sent) = headers.get("x-csrftoken").and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let Ok(sent) = caller::unmask(sent) else { return false };
    let known = cookies::all(headers, CSRF_COOKIE).take(MAX_SAME_NAME);
    known
        .filter_map(|token| caller::unmask(token).ok())
        .any(|token| bool::from(subtle::ConstantTimeEq::ct_eq(token.as_bytes(), sent.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_paths_match_exactly_or_by_prefix() {
        let settings = ForwardAuth {
            open_paths: ["/static/*", "/robots.txt", "/api/"].map(str::to_owned).into(),
            ..ForwardAuth::default()
        };
        for open in ["/static/", "/static/a/b.css", "/robots.txt", "/api/"] {
            assert!(settings.is_open(open), "{open}");
        }
        for closed in [
            "/",
            "/static",
            "/api/part/",
            "/Static/",
            "/robots.txt/",
            "/static/../api/",
            "/static/%2e%2e/api/",
            "/static/..%2fapi/",
            "/static//api/",
            "/static/./a",
            "/static/..\\api",
            "/static/..;/api/",
            "/static/#/../api/",
            "/robots.txt#",
            "//static/",
        ] {
            assert!(!settings.is_open(closed), "{closed}");
        }
    }
}
