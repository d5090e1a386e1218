//! Enforces the security requirements of a document (OpenAPI 3.0, "Security Requirement Object").
//!
//! An operation lists alternatives; each is a set of schemes that must all hold, and the empty set
//! admits anonymous callers. The host's authenticators are tried in the host's order, and only
//! those whose scheme the operation names. A credential that is sent and wrong is an error even
//! where anonymous callers are admitted.

use std::net::SocketAddr;

use http::StatusCode;
use http::request::Parts;

use crate::{ApiError, Host, LazyBody};

/// Security alternatives of an operation, as the document lists them.
pub type Security = &'static [&'static [&'static str]];

/// Where the credentials of a request are found.
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
}

impl<H: Host> Credentials<'_, H> {
    /// 401 with the challenge of the first scheme that has one, or 403 if no scheme has: there is
    /// nothing that a client could send in answer to a challenge then.
    pub fn unauthorized(&self, detail: &str) -> ApiError {
        let offered = H::SCHEMES.iter().filter(|(name, _)| is_named(self.security, name));
        match offered.filter_map(|(_, scheme)| self.host.challenge(*scheme)).next() {
            Some(challenge) => ApiError::unauthorized(detail, challenge),
            None => ApiError::detail(StatusCode::FORBIDDEN, detail),
        }
    }
}

fn is_named(security: Security, scheme: &str) -> bool {
    security.iter().any(|alternative| alternative.contains(&scheme))
}

fn admits_anonymous(security: Security) -> bool {
    security.is_empty() || security.iter().any(|alternative| alternative.is_empty())
}

/// The scheme in `security` for which `H` has no authenticator.
pub(crate) fn unknown_scheme<H: Host>(security: Security) -> Option<&'static str> {
    let mut named = security.iter().flat_map(|alternative| alternative.iter().copied());
    named.find(|scheme| !H::SCHEMES.iter().any(|(known, _)| known == scheme))
}

/// The caller of a request; `None` for an anonymous one where `credentials.security` admits it.
///
/// # Errors
///
/// Those of the host's authenticators, 401 or 403 for missing credentials, and those of
/// [`Host::authorize`].
pub async fn authenticate<H: Host>(
    credentials: &mut Credentials<'_, H>,
) -> Result<Option<H::Caller>, ApiError> {
    let caller = identify(credentials).await?;
    if admits_anonymous(credentials.security) {
        return Ok(caller);
    }
    let missing = || credentials.unauthorized("Authentication credentials were not provided.");
    let caller = caller.ok_or_else(missing)?;
    credentials.host.authorize(&caller, credentials).await?;
    Ok(Some(caller))
}

/// The caller by the first alternative that holds. One scheme alone decides at once.
async fn identify<H: Host>(
    credentials: &mut Credentials<'_, H>,
) -> Result<Option<H::Caller>, ApiError> {
    let (host, security) = (credentials.host, credentials.security);
    let mut proved = Vec::new();
    for (name, scheme) in H::SCHEMES.iter().filter(|(name, _)| is_named(security, name)) {
        let Some(caller) = host.authenticate(*scheme, credentials).await? else { continue };
        if security.iter().any(|alternative| *alternative == [*name]) {
            return Ok(Some(caller));
        }
        proved.push((*name, caller));
    }
    let is_proved = |scheme: &&str| proved.iter().any(|(name, _)| name == scheme);
    let holds =
        |alternative: &&&[&str]| !alternative.is_empty() && alternative.iter().all(is_proved);
    let Some(alternative) = security.iter().find(holds) else { return Ok(None) };
    let mut callers =
        proved.into_iter().filter(|(name, _)| alternative.contains(name)).map(|(_, caller)| caller);
    let Some(first) = callers.next() else { return Ok(None) };
    callers.try_fold(first, |all, next| host.combine(all, next)).map(Some)
}

/// How a generated policy hands a caller to the operation: `C` where credentials are required, else
/// `Option<C>`.
pub trait FromCaller<C>: Sized {
    /// `None` if the operation requires a caller and there is none.
    fn from_caller(caller: Option<C>) -> Option<Self>;
}

impl<C> FromCaller<C> for C {
    fn from_caller(caller: Option<C>) -> Option<C> {
        caller
    }
}

impl<C> FromCaller<C> for Option<C> {
    fn from_caller(caller: Option<C>) -> Option<Option<C>> {
        Some(caller)
    }
}
