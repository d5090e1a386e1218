//! Request authentication: token, Basic, session with CSRF token, or anonymous.
//!
//! Tried in the order Token, Basic, session; the first that recognises the header decides, and a
//! bad credential is 401 even on a public endpoint. Only schemes of the operation's own security
//! alternatives are looked at (login: Basic). Rules: DRF's authentication classes; CSRF after
//! Django's middleware, by double submit with Origin and Referer.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::Method;
use http::header::{AUTHORIZATION, HeaderMap, ORIGIN, REFERER};
use http::request::Parts;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

use super::cookies::{self, CSRF_COOKIE, MAX_SAME_NAME};
use super::origin::{Initiator, initiator, is_own_origin, origin_of};
use super::signed_in::{Credential, SignedIn};
use super::{AppState, client};
use crate::domain::passwords::Password;
use crate::domain::tokens::TokenRefusal;
use crate::domain::{accounts, factors, sessions, tokens};
use crate::store::{Account, StoreError};
use specbound::{ApiError, Credentials, LazyBody, Security};

/// The header of tokenAuth and basicAuth.
pub const TOKEN_HEADER: &str = "Authorization";

/// Every scheme, or anonymous: as Django's middleware does before it finds no view.
pub const ANY_SCHEME: Security = &[&["tokenAuth"], &["basicAuth"], &["cookieAuth"], &[]];

/// The security schemes of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Token,
    Basic,
    Cookie,
}

pub const SCHEMES: &[(&str, Scheme)] =
    &[("tokenAuth", Scheme::Token), ("basicAuth", Scheme::Basic), ("cookieAuth", Scheme::Cookie)];

/// `WWW-Authenticate`. None for a session: a browser would prompt for a password that is not
/// accepted.
pub fn challenge(scheme: Scheme) -> Option<&'static str> {
    match scheme {
        Scheme::Token => Some("Token"),
        Scheme::Basic => Some("Basic realm=\"api\""),
        Scheme::Cookie => None,
    }
}

/// # Errors
///
/// 403 where a second factor would be needed.
pub async fn authorize(
    caller: &SignedIn,
    credentials: &Credentials<'_, AppState>,
) -> Result<(), ApiError> {
    let server = credentials.host;
    match caller.credential {
        Credential::Basic => {
            let op = client::credentials_operation(credentials);
            Ok(Box::pin(accounts::require_no_mfa(&op, caller.account.id)).await?)
        }
        // These may be older than the rule.
        _ if server.app.rules.mfa_enforced
            && !is_open_without_factor(credentials.head.uri.path()) =>
        {
            let id = caller.account.id;
            Ok(Box::pin(factors::require_one_if_enforced(&server.app, id)).await?)
        }
        _ => Ok(()),
    }
}

/// Pages and operations open to a session without a second factor where the operator enforces one:
/// the setup of a factor, and the sign-out.
fn is_open_without_factor(path: &str) -> bool {
    const OPEN: [&str; 7] = [
        "/platform/api/factors/",
        "/platform/api/factors/totp/",
        "/platform/api/factors/totp/confirm/",
        "/platform/api/factors/passkeys/",
        "/platform/api/factors/passkeys/confirm/",
        "/platform/api/reauthenticate/",
        "/api/auth/logout/",
    ];
    OPEN.contains(&path)
}

/// The caller by one scheme, if the request has a credential for it.
///
/// # Errors
///
/// 401 for a bad credential, 403 for a session without its CSRF token, 429 for too many wrong
/// passwords.
pub async fn authenticate(
    scheme: Scheme,
    credentials: &mut Credentials<'_, AppState>,
) -> Result<Option<SignedIn>, ApiError> {
    let found = match scheme {
        Scheme::Token => match authorization(credentials.head, "token") {
            Some(words) => Some(by_token(credentials, words).await?),
            None => None,
        },
        // Boxed, like the other rare schemes: their state would be moved with each request
        // otherwise.
        Scheme::Basic => match authorization(credentials.head, "basic") {
            Some(words) => Some(Box::pin(by_password(credentials, words)).await?),
            None => None,
        },
        Scheme::Cookie => by_session(credentials).await?,
    };
    Ok(found.map(|(account, credential)| SignedIn { account, credential }))
}

/// The words of `Authorization`, when the first of them is this.
fn authorization<'a>(
    head: &'a Parts,
    keyword: &str,
) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
    let header = head.headers.get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
    let mut words = header.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    words.next().filter(|first| first.eq_ignore_ascii_case(keyword.as_bytes())).map(|_| words)
}

async fn by_token(
    credentials: &Credentials<'_, AppState>,
    mut words: impl Iterator<Item = &[u8]>,
) -> Result<(Account, Credential), ApiError> {
    let unauthorized = |detail: &str| credentials.unauthorized(detail);
    let key = match (words.next(), words.next()) {
        (None, _) => return Err(unauthorized("Invalid token header. No credentials provided.")),
        (Some(_), Some(_)) => {
            return Err(unauthorized(
                "Invalid token header. Token string should not contain spaces.",
            ));
        }
        (Some(key), None) => std::str::from_utf8(key).map_err(|_| {
            unauthorized(
                "Invalid token header. Token string should not contain invalid characters.",
            )
        })?,
    };
    match tokens::authenticate(&credentials.host.app, key).await {
        Ok((token, account)) => Ok((account, Credential::Token { id: token.id })),
        Err(TokenRefusal::Unknown) => Err(unauthorized("Invalid token.")),
        Err(TokenRefusal::Revoked) => Err(unauthorized("Token has been revoked")),
        Err(TokenRefusal::Expired) => Err(unauthorized("Token has expired")),
        Err(TokenRefusal::Inactive) => Err(unauthorized("User inactive or deleted.")),
        Err(TokenRefusal::Store(error)) => Err(error.into()),
    }
}

async fn by_password(
    credentials: &Credentials<'_, AppState>,
    mut words: impl Iterator<Item = &[u8]>,
) -> Result<(Account, Credential), ApiError> {
    let unauthorized = |detail: &str| credentials.unauthorized(detail);
    let encoded = match (words.next(), words.next()) {
        (None, _) => return Err(unauthorized("Invalid basic header. No credentials provided.")),
        (Some(_), Some(_)) => {
            return Err(unauthorized(
                "Invalid basic header. Credentials string should not contain spaces.",
            ));
        }
        (Some(encoded), None) => encoded,
    };
    let (username, password) = read_basic(encoded).ok_or_else(|| {
        unauthorized("Invalid basic header. Credentials not correctly base64 encoded.")
    })?;
    let op = client::credentials_operation(credentials);
    let account = accounts::check_request(&op, &username, Password::new(password)).await?;
    let account = account.ok_or_else(|| unauthorized("Invalid username/password."))?;
    Ok((account, Credential::Basic))
}

async fn by_session(
    credentials: &mut Credentials<'_, AppState>,
) -> Result<Option<(Account, Credential)>, ApiError> {
    let (server, head) = (credentials.host, credentials.head);
    let Some((digest, account)) = find_session(server, &head.headers).await? else {
        return Ok(None);
    };
    if let Some(SessionVerified(opened)) = head.extensions.get() {
        opened.store(true, Ordering::Relaxed);
    }
    if !is_safe(&head.method) {
        Box::pin(check_csrf(server, head, credentials.body)).await?;
    }
    Ok(Some((account, Credential::Session { digest })))
}

/// The session that a request's cookies open: the first live one of those sent.
///
/// # Errors
///
/// The store's.
pub async fn find_session(
    server: &AppState,
    headers: &HeaderMap,
) -> Result<Option<([u8; 32], Account)>, StoreError> {
    for id in cookies::sessions(headers, &server.settings.http.session_cookie) {
        let found = sessions::authenticate(&server.app, id).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The state of a request's session, to clear the cookie of an invalid one.
pub enum StaleSessionCheck {
    /// There is no such cookie.
    None,
    /// A read: whether it was opened already.
    Read(Arc<AtomicBool>),
    /// A write, which may end the session.
    Other,
}

/// Set by [`authenticate`] once the session of the request is verified.
#[derive(Clone)]
struct SessionVerified(Arc<AtomicBool>);

impl StaleSessionCheck {
    pub fn request<B>(request: &mut http::Request<B>, cookie: &str) -> StaleSessionCheck {
        if cookies::sessions(request.headers(), cookie).next().is_none() {
            return StaleSessionCheck::None;
        }
        if !is_safe(request.method()) {
            return StaleSessionCheck::Other;
        }
        let opened = Arc::new(AtomicBool::new(false));
        request.extensions_mut().insert(SessionVerified(Arc::clone(&opened)));
        StaleSessionCheck::Read(opened)
    }

    /// Whether none of those sent opens anything now, once the request is handled. Of more than are
    /// tried, ours may be the next.
    pub async fn is_stale(&self, server: &AppState, headers: &HeaderMap) -> bool {
        match self {
            StaleSessionCheck::None => false,
            StaleSessionCheck::Read(opened) if opened.load(Ordering::Relaxed) => false,
            _ if has_untried(server, headers) => false,
            _ => matches!(find_session(server, headers).await, Ok(None)),
        }
    }
}

/// Whether more sessions were sent than are tried.
fn has_untried(server: &AppState, headers: &HeaderMap) -> bool {
    cookies::all(headers, &server.settings.http.session_cookie).nth(MAX_SAME_NAME).is_some()
}

/// As Python's lenient base64: letters outside the alphabet do not count. Text is UTF-8, else
/// latin-1; the password begins behind the first colon.
pub fn read_basic(encoded: &[u8]) -> Option<(String, String)> {
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let letters: Zeroizing<Vec<u8>> =
        Zeroizing::new(encoded.iter().copied().filter(known).collect());
    let lenient = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
    let decoded = Zeroizing::new(GeneralPurpose::new(&STANDARD, lenient).decode(&*letters).ok()?);
    let text = Zeroizing::new(match std::str::from_utf8(&decoded) {
        Ok(text) => text.to_owned(),
        Err(_) => decoded.iter().copied().map(char::from).collect(),
    });
    let (username, password) = text.split_once(':').unwrap_or((&text, ""));
    Some((username.to_owned(), password.to_owned()))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// # Errors
///
/// 403 for a request from neither our pages nor a trusted origin.
pub async fn check_csrf(
    server: &AppState,
    request: &http::request::Parts,
    body: &mut LazyBody,
) -> Result<(), ApiError> {
    let refuse = |reason: &str| ApiError::forbidden(&format!("CSRF Failed: {reason}"));
    let headers = &request.headers;
    let origin = headers.get(ORIGIN);
    if origin.is_none() && initiator(server, headers) == Initiator::Foreign {
        return Err(refuse("Origin checking failed - the request is another site's."));
    }
    if let Some(origin) = origin {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        if !is_own_origin(server, headers, &origin) {
            return Err(refuse(&format!(
                "Origin checking failed - {origin} does not match any trusted origins."
            )));
        }
    } else if server.settings.site_url.starts_with("https:") {
        // Over plain http a Referer may be missing or stripped; over https its absence is a sign.
        let referer = headers
            .get(REFERER)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let referer = referer.ok_or_else(|| refuse("Referer checking failed - no Referer."))?;
        if !is_own_origin(server, headers, &origin_of(&referer)) {
            return Err(refuse(&format!(
                "Referer checking failed - {referer} does not match any trusted origins."
            )));
        }
    }
    let secrets: Vec<_> =
        cookies::all(headers, CSRF_COOKIE).take(MAX_SAME_NAME).map(unmask).collect();
    let first = secrets.first().ok_or_else(|| refuse("CSRF cookie not set."))?;
    let (sent, place) = match headers.get("x-csrftoken").filter(|value| !value.is_empty()) {
        Some(value) => (
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
            "the 'X-Csrftoken' HTTP header",
        ),
        None if request.method == Method::POST => {
            let field = body.form_field("csrfmiddlewaretoken").await;
            (field.ok_or_else(|| refuse("CSRF token missing."))?, "POST")
        }
        None => return Err(refuse("CSRF token missing.")),
    };
    if let (Err(fault), true) = (first, secrets.iter().all(Result::is_err)) {
        return Err(refuse(&format!("CSRF cookie {fault}")));
    }
    let sent =
        unmask(&sent).map_err(|fault| refuse(&format!("CSRF token from {place} {fault}")))?;
    let is_same = |secret: &String| {
        bool::from(subtle::ConstantTimeEq::ct_eq(secret.as_bytes(), sent.as_bytes()))
    };
    if secrets.iter().flatten().any(is_same) {
        return Ok(());
    }
    Err(refuse(&format!("CSRF token from {place} incorrect.")))
}

/// The secret in a CSRF token: 32 letters or digits as they are, or 64 of which the first half
/// masks the second.
///
/// # Errors
///
/// The reason, as the end of the response's sentence.
pub fn unmask(token: &str) -> Result<String, &'static str> {
    const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let place = |byte: u8| ALPHABET.iter().position(|letter| *letter == byte);
    if token.len() != 32 && token.len() != 64 {
        return Err("has incorrect length.");
    }
    let places: Option<Vec<usize>> = token.bytes().map(place).collect();
    let places = places.ok_or("has invalid characters.")?;
    if places.len() == 32 {
        return Ok(token.to_owned());
    }
    let (mask, masked) = places.split_at(32);
    Ok(masked.iter().zip(mask).map(|(m, k)| ALPHABET[(m + 62 - k) % 62] as char).collect())
}
