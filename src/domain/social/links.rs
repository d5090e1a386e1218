//! The links between accounts and identities, with the issuer of each. A link is found by provider,
//! issuer and subject, never by a name or an address.

use super::super::operation::Operation;
use super::super::{App, groups};
use crate::providers::ExternalIdentity;
use crate::store::{NewSocialAccount, Reader, SocialAccount, StoreError, Writer};

/// Records the issuer of each provider when it is first used, which links without an issuer are of:
/// those of earlier versions, and imported ones.
///
/// # Errors
///
/// Only the store's.
pub async fn record_issuers(app: &App) -> Result<(), StoreError> {
    let used = app.providers.all().iter().filter(|provider| provider.is_configured());
    for provider in used {
        let (id, issuer) = (provider.id.clone(), provider.issuer.clone());
        if app.store.read(|r| r.provider_issuer(&id)).await?.is_none() {
            app.store.write(move |w| w.provider_issuer_insert(&id, &issuer)).await?;
        }
    }
    Ok(())
}

/// The link of an identity. One without an issuer is of the provider's first issuer and no other,
/// so that a changed issuer never opens the accounts of the former one.
pub(super) fn find(
    r: &Reader<'_>,
    provider: &str,
    identity: &ExternalIdentity,
) -> Result<Option<SocialAccount>, StoreError> {
    let ExternalIdentity { issuer, subject, .. } = identity;
    if let Some(link) = r.social_account_find_identity(provider, issuer, subject)? {
        return Ok(Some(link));
    }
    match r.provider_issuer(provider)? {
        Some(first) if first == *issuer => r.social_account_find_identity(provider, "", subject),
        _ => Ok(None),
    }
}

/// Notes a sign-in: its time, the issuer if the link has none yet, and the claimed groups.
pub(super) fn touch(
    w: &Writer<'_>,
    op: &Operation,
    link: &SocialAccount,
    identity: &ExternalIdentity,
) -> Result<(), StoreError> {
    w.social_account_touch(link.id, op.now())?;
    if link.issuer.is_empty() {
        w.social_account_set_issuer(link.id, &identity.issuer)?;
    }
    sync_groups(w, op, link.account_id, &link.provider, identity)
}

pub(super) fn insert(
    w: &Writer<'_>,
    op: &Operation,
    account_id: i64,
    provider: &str,
    identity: &ExternalIdentity,
) -> Result<(), StoreError> {
    w.social_account_insert(&NewSocialAccount {
        account_id,
        provider: provider.to_owned(),
        uid: identity.subject.clone(),
        issuer: identity.issuer.clone(),
        date_joined: op.now(),
        // Other claims are not stored.
        extra_data: "{}".to_owned(),
    })?;
    sync_groups(w, op, account_id, provider, identity)
}

fn sync_groups(
    w: &Writer<'_>,
    op: &Operation,
    account_id: i64,
    provider: &str,
    identity: &ExternalIdentity,
) -> Result<(), StoreError> {
    match &identity.groups {
        Some(asserted) => groups::sync(w, op, account_id, asserted, provider),
        None => Ok(()),
    }
}
