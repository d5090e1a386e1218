//! Enforces the security requirements of a document (OpenAPI 3.0, "Security Requirement Object").
//!
//! An operation lists alternatives; each is a set of schemes that must all hold, and the empty set
//! admits anonymous callers. The host's authenticators are tried in the host's order, and only
//! those whose scheme the operation names. A credential that is sent and wrong is an error even
//! where anonymous callers are admitted.

use std::net::SocketAddr;

use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::{ApiError, Host, LazyBody};

/// Security alternatives of an operation, as the document lists them.
pub type Security = &'static [&'static [&'static str]];

/// Scopes of an operation: for each of its [`Security`] alternatives a list for each scheme. Empty
/// where no alternative has scopes.
pub type Scopes = &'static [&'static [&'static [&'static str]]];

/// An alternative, and the scopes of each of its schemes.
type Alternative = (&'static [&'static str], &'static [&'static [&'static str]]);

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
    /// The scopes that the requirement names.
    pub scopes: Scopes,
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

    fn alternatives(&self) -> impl Iterator<Item = Alternative> + use<H> {
        let scopes = self.scopes;
        let with_scopes = move |(n, schemes): (usize, &&'static [&'static str])| {
            (*schemes, scopes.get(n).copied().unwrap_or_default())
        };
        self.security.iter().enumerate().map(with_scopes)
    }

    /// 403 for a caller without a scope (RFC 6750, section 3.1). The challenge is for schemes with
    /// bearer tokens alone.
    fn insufficient_scope(&self, scheme: H::Scheme, scopes: &[&str]) -> ApiError {
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
    let mut proved: Vec<Proved<H>> = Vec::new();
    for (name, scheme) in H::SCHEMES.iter().filter(|(name, _)| is_named(security, name)) {
        let Some(caller) = host.authenticate(*scheme, credentials).await? else { continue };
        let this = Proved { name, scheme: *scheme, caller };
        let decides = |(schemes, scopes): Alternative| {
            schemes == [*name] && this.missing_scope(host, scopes.first()).is_none()
        };
        if credentials.alternatives().any(decides) {
            return Ok(Some(this.caller));
        }
        proved.push(this);
    }
    let mut insufficient = None;
    for (schemes, scopes) in credentials.alternatives().filter(|(schemes, _)| !schemes.is_empty()) {
        let all = schemes.iter().map(|scheme| proved.iter().find(|one| one.name == *scheme));
        let Some(all) = all.collect::<Option<Vec<_>>>() else { continue };
        let mut all = all.into_iter().enumerate();
        match all.find_map(|(n, one)| one.missing_scope(host, scopes.get(n))) {
            Some(missing) => drop(insufficient.get_or_insert(missing)),
            None => return combined(host, proved, schemes),
        }
    }
    match insufficient {
        Some((scheme, scopes)) if !admits_anonymous(security) => {
            Err(credentials.insufficient_scope(scheme, scopes))
        }
        _ => Ok(None),
    }
}

/// A caller by one scheme.
struct Proved<H: Host> {
    name: &'static str,
    scheme: H::Scheme,
    caller: H::Caller,
}

impl<H: Host> Proved<H> {
    /// The scopes, if the caller has not all of them.
    fn missing_scope<'s>(
        &self,
        host: &H,
        scopes: Option<&&'s [&'static str]>,
    ) -> Option<(H::Scheme, &'s [&'static str])> {
        let scopes = scopes.copied().unwrap_or_default();
        let has_all = scopes.iter().all(|scope| host.has_scope(self.scheme, &self.caller, scope));
        (!has_all).then_some((self.scheme, scopes))
    }
}

/// The one caller of all schemes of an alternative.
fn combined<H: Host>(
    host: &H,
    proved: Vec<Proved<H>>,
    schemes: &[&str],
) -> Result<Option<H::Caller>, ApiError> {
    let mut callers =
        proved.into_iter().filter(|one| schemes.contains(&one.name)).map(|one| one.caller);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_leaves_out_scopes_that_its_syntax_cannot_name() {
        assert_eq!(scope_attribute("keys:read admin"), ", scope=\"keys:read admin\"");
        for scopes in ["a \"b\"", r"a\b", "größe", "a\nb"] {
            assert_eq!(scope_attribute(scopes), "", "{scopes}");
        }
    }
}
