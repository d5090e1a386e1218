//! Who calls: a token, a name with its password, a session with its CSRF token, or nobody.
//!
//! Tried in the order Token, Basic, session; the first that recognises the header decides, and a bad credential is 401
//! even on a public endpoint. Only schemes of the operation's own security alternatives are looked at (login: Basic).
//! Rules: DRF's authentication classes; CSRF after Django's middleware, by double submit with Origin and Referer.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::Method;
use http::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN, REFERER};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Server;
use super::cookies::{self, CSRF_COOKIE, SESSION_COOKIE};
use super::error::ApiError;
use super::lazy_body::LazyBody;
use crate::domain::client::Client;
use crate::domain::passwords::Password;
use crate::domain::tokens::TokenRefusal;
use crate::domain::{Refusal, accounts, sessions, tokens};
use crate::store::Account;

/// The header of tokenAuth and basicAuth.
pub const TOKEN_HEADER: &str = "Authorization";

/// Every scheme, with nobody welcome too: what Django's middleware does before it finds no view.
pub const ANY_SCHEME: &[&[&str]] = &[&["tokenAuth"], &["basicAuth"], &["cookieAuth"], &[]];

const CHALLENGE_TOKEN: &str = "Token";
const CHALLENGE_BASIC: &str = "Basic realm=\"api\"";

/// What was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    Token { id: i64 },
    Basic,
    Session { digest: [u8; 32] },
}

/// A caller who proved an account.
#[derive(Debug)]
pub struct SignedIn {
    pub account: Account,
    pub credential: Credential,
}

/// A caller of an operation that is open to all.
#[derive(Debug)]
pub struct Visitor {
    pub signed_in: Option<SignedIn>,
}

/// What [`identify`] found.
pub struct Identity(Option<SignedIn>);

/// Which callers an operation's policy lets through.
pub trait FromIdentity: Sized + Send {
    /// # Errors
    ///
    /// 401 for nobody where somebody is needed, 403 where a second factor would be.
    fn from_identity(
        server: &Server,
        identity: Identity,
        alternatives: &[&[&str]],
    ) -> impl Future<Output = Result<Self, ApiError>> + Send;
}

impl FromIdentity for Visitor {
    async fn from_identity(_: &Server, identity: Identity, _: &[&[&str]]) -> Result<Visitor, ApiError> {
        Ok(Visitor { signed_in: identity.0 })
    }
}

impl FromIdentity for SignedIn {
    async fn from_identity(
        server: &Server,
        identity: Identity,
        alternatives: &[&[&str]],
    ) -> Result<SignedIn, ApiError> {
        let missing = "Authentication credentials were not provided.";
        // Without a scheme that a header answers there is nothing to challenge for (DRF's SessionAuthentication): a
        // browser would ask its user for a password that opens nothing.
        let refusal = || match offers(alternatives, "tokenAuth") || offers(alternatives, "basicAuth") {
            true => ApiError::unauthorized(missing, challenge(alternatives)),
            false => ApiError::forbidden(missing),
        };
        let caller = identity.0.ok_or_else(refusal)?;
        match caller.credential {
            Credential::Basic => accounts::require_no_mfa(&server.domain, caller.account.id).await?,
            // These were handed out after whatever the rules asked for then; an enforced second factor asks again.
            _ if server.domain.rules.mfa_enforced => return Err(Refusal::MfaRequired.into()),
            _ => {}
        }
        Ok(caller)
    }
}

fn challenge(alternatives: &[&[&str]]) -> &'static str {
    if offers(alternatives, "tokenAuth") { CHALLENGE_TOKEN } else { CHALLENGE_BASIC }
}

fn offers(alternatives: &[&[&str]], scheme: &str) -> bool {
    alternatives.iter().any(|schemes| schemes.contains(&scheme))
}

/// Finds out who calls.
///
/// # Errors
///
/// 401 for a bad credential, 403 for a session without its CSRF token, 429 for too many wrong passwords.
pub async fn identify(
    server: &Server,
    alternatives: &[&[&str]],
    request: &http::request::Parts,
    body: &mut LazyBody,
    client: impl FnOnce() -> Client,
) -> Result<Identity, ApiError> {
    let unauthorized = |detail: &str| ApiError::unauthorized(detail, challenge(alternatives));
    let header = request.headers.get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
    let mut words = header.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let keyword = words.next().unwrap_or_default();

    if offers(alternatives, "tokenAuth") && keyword.eq_ignore_ascii_case(b"token") {
        let key = match (words.next(), words.next()) {
            (None, _) => return Err(unauthorized("Invalid token header. No credentials provided.")),
            (Some(_), Some(_)) => {
                return Err(unauthorized("Invalid token header. Token string should not contain spaces."));
            }
            (Some(key), None) => std::str::from_utf8(key).map_err(|_| {
                unauthorized("Invalid token header. Token string should not contain invalid characters.")
            })?,
        };
        return match tokens::authenticate(&server.domain, key).await {
            Ok((token, account)) => {
                Ok(Identity(Some(SignedIn { account, credential: Credential::Token { id: token.id } })))
            }
            Err(TokenRefusal::Unknown) => Err(unauthorized("Invalid token.")),
            Err(TokenRefusal::Revoked) => Err(unauthorized("Token has been revoked")),
            Err(TokenRefusal::Expired) => Err(unauthorized("Token has expired")),
            Err(TokenRefusal::Inactive) => Err(unauthorized("User inactive or deleted.")),
            Err(TokenRefusal::Store(error)) => Err(error.into()),
        };
    }

    if offers(alternatives, "basicAuth") && keyword.eq_ignore_ascii_case(b"basic") {
        let encoded = match (words.next(), words.next()) {
            (None, _) => return Err(unauthorized("Invalid basic header. No credentials provided.")),
            (Some(_), Some(_)) => {
                return Err(unauthorized("Invalid basic header. Credentials string should not contain spaces."));
            }
            (Some(encoded), None) => encoded,
        };
        let (username, password) = read_basic(encoded)
            .ok_or_else(|| unauthorized("Invalid basic header. Credentials not correctly base64 encoded."))?;
        // Boxed, as the other rare ways are: what they might need would be moved about with each request otherwise.
        let client = client();
        let check = accounts::check_password(&server.domain, &username, Password::new(password), &client);
        let opened = Box::pin(check).await?;
        let account = opened.ok_or_else(|| unauthorized("Invalid username/password."))?;
        return Ok(Identity(Some(SignedIn { account, credential: Credential::Basic })));
    }

    if offers(alternatives, "cookieAuth")
        && let Some(id) = cookies::find(&request.headers, SESSION_COOKIE)
        && let Some((digest, account)) = sessions::authenticate(&server.domain, id).await?
    {
        if let Some(Opened(opened)) = request.extensions.get() {
            opened.store(true, Ordering::Relaxed);
        }
        if !is_safe(&request.method) {
            Box::pin(check_csrf(server, request, body)).await?;
        }
        return Ok(Identity(Some(SignedIn { account, credential: Credential::Session { digest } })));
    }
    Ok(Identity(None))
}

/// What is known of a request's session, to tell a client to forget one that opens nothing.
pub enum SessionOf {
    /// There is no such cookie.
    None,
    /// A read: whether it was opened already.
    Read(Arc<AtomicBool>),
    /// Whatever else may end the session on its way.
    Other,
}

/// Goes with a request, for [`identify`] to note that it opened the session.
#[derive(Clone)]
struct Opened(Arc<AtomicBool>);

impl SessionOf {
    pub fn request<B>(request: &mut http::Request<B>) -> SessionOf {
        if cookies::find(request.headers(), SESSION_COOKIE).is_none() {
            return SessionOf::None;
        }
        if !is_safe(request.method()) {
            return SessionOf::Other;
        }
        let opened = Arc::new(AtomicBool::new(false));
        request.extensions_mut().insert(Opened(Arc::clone(&opened)));
        SessionOf::Read(opened)
    }

    /// Whether it opens nothing now, the request being answered.
    pub async fn is_dead(self, server: &Server, headers: &HeaderMap) -> bool {
        match (self, cookies::find(headers, SESSION_COOKIE)) {
            (SessionOf::None, _) | (_, None) => false,
            (SessionOf::Read(opened), _) if opened.load(Ordering::Relaxed) => false,
            (_, Some(id)) => matches!(sessions::authenticate(&server.domain, id).await, Ok(None)),
        }
    }
}

/// As Python's lenient base64: letters outside the alphabet do not count. Text is UTF-8, else latin-1; the password
/// begins behind the first colon.
pub fn read_basic(encoded: &[u8]) -> Option<(String, String)> {
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let letters: Vec<u8> = encoded.iter().copied().filter(known).collect();
    let lenient = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
    let decoded = GeneralPurpose::new(&STANDARD, lenient).decode(letters).ok()?;
    let text = match String::from_utf8(decoded) {
        Ok(text) => text,
        Err(error) => error.into_bytes().into_iter().map(char::from).collect(),
    };
    let (username, password) = text.split_once(':').unwrap_or((&text, ""));
    Some((username.to_owned(), password.to_owned()))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// # Errors
///
/// 403 for a request that no page of ours or of a trusted origin made.
pub async fn check_csrf(server: &Server, request: &http::request::Parts, body: &mut LazyBody) -> Result<(), ApiError> {
    let refuse = |reason: &str| ApiError::forbidden(&format!("CSRF Failed: {reason}"));
    let headers = &request.headers;
    if let Some(origin) = headers.get(ORIGIN) {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        if !is_own_origin(server, headers, &origin) {
            return Err(refuse(&format!("Origin checking failed - {origin} does not match any trusted origins.")));
        }
    } else if server.settings.site_url.starts_with("https:") {
        // Over plain http a Referer may be missing or stripped; over https its absence is a sign.
        let referer = headers.get(REFERER).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let referer = referer.ok_or_else(|| refuse("Referer checking failed - no Referer."))?;
        if !is_own_origin(server, headers, &origin_of(&referer)) {
            return Err(refuse(&format!("Referer checking failed - {referer} does not match any trusted origins.")));
        }
    }
    let cookie = cookies::find(headers, CSRF_COOKIE).ok_or_else(|| refuse("CSRF cookie not set."))?.to_owned();
    let (sent, place) = match headers.get("x-csrftoken").filter(|value| !value.is_empty()) {
        Some(value) => (String::from_utf8_lossy(value.as_bytes()).into_owned(), "the 'X-Csrftoken' HTTP header"),
        None if request.method == Method::POST => {
            let field = body.form_field("csrfmiddlewaretoken").await;
            (field.ok_or_else(|| refuse("CSRF token missing."))?, "POST")
        }
        None => return Err(refuse("CSRF token missing.")),
    };
    let cookie = unmask(&cookie).map_err(|fault| refuse(&format!("CSRF cookie {fault}")))?;
    let sent = unmask(&sent).map_err(|fault| refuse(&format!("CSRF token from {place} {fault}")))?;
    if bool::from(subtle::ConstantTimeEq::ct_eq(cookie.as_bytes(), sent.as_bytes())) {
        return Ok(());
    }
    Err(refuse(&format!("CSRF token from {place} incorrect.")))
}

/// The secret in a CSRF token: 32 letters or digits as they are, or 64 of which the first half masks the second.
///
/// # Errors
///
/// What is wrong with it, as the answer's words end.
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

/// The configured site, a trusted origin, or the host the client asked for.
fn is_own_origin(server: &Server, headers: &HeaderMap, origin: &str) -> bool {
    let settings = &server.settings;
    let site = origin_of(&settings.site_url);
    let scheme = site.split_once("://").map_or("http", |(scheme, _)| scheme);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    origin == site
        || (!host.is_empty() && origin == format!("{scheme}://{host}"))
        || settings.trusted_origins.iter().any(|trusted| trusted == origin)
}

/// Scheme, host and port of a URL.
pub fn origin_of(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return String::new() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// A GET that another site's page made. Browsers say so in Sec-Fetch-Site; older ones by a foreign Origin or Referer.
pub fn is_cross_site(server: &Server, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return !matches!(site.as_bytes(), b"same-origin" | b"same-site" | b"none");
    }
    [(ORIGIN, false), (REFERER, true)].into_iter().any(|(name, is_url)| {
        headers.get(name).is_some_and(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            let origin = if is_url { origin_of(&text) } else { text.into_owned() };
            !is_own_origin(server, headers, &origin)
        })
    })
}
