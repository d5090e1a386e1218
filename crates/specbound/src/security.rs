//! Enforces the security requirements of a document (OpenAPI, "Security Requirement Object").
//!
//! An operation lists alternatives; each is a set of schemes that must all hold, and the empty set
//! admits anonymous callers. The host's authenticators are tried in the host's order, and only
//! those whose scheme the operation names. A credential that is sent and wrong is an error even
//! where anonymous callers are admitted.

use crate::host::{Alternative, is_named};
use crate::operation::Security;
use crate::{ApiError, Credentials, Host};

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
    let mut proved: Vec<ProvedCaller<H>> = Vec::new();
    for (name, scheme) in H::SCHEMES.iter().filter(|(name, _)| is_named(security, name)) {
        let Some(caller) = host.authenticate(*scheme, credentials).await? else { continue };
        let this = ProvedCaller { name, scheme: *scheme, caller };
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
struct ProvedCaller<H: Host> {
    name: &'static str,
    scheme: H::Scheme,
    caller: H::Caller,
}

impl<H: Host> ProvedCaller<H> {
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
    proved: Vec<ProvedCaller<H>>,
    schemes: &[&str],
) -> Result<Option<H::Caller>, ApiError> {
    let mut callers =
        proved.into_iter().filter(|one| schemes.contains(&one.name)).map(|one| one.caller);
    let Some(first) = callers.next() else { return Ok(None) };
    callers.try_fold(first, |all, next| host.combine(all, next)).map(Some)
}
