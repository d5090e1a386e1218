//! Accounts at a provider that are linked to an account here.
//!
//! Identity is (provider, uid). The last way into an account is never taken away.

use super::hashing::is_usable;
use super::{Domain, Refusal};
use crate::store::SocialAccount;

/// A page of the account's links, and how many there are.
pub async fn list(
    domain: &Domain,
    account_id: i64,
    limit: Option<i64>,
    offset: i64,
) -> Result<(i64, Vec<SocialAccount>), Refusal> {
    let read = domain.store.read(|r| {
        Ok::<_, Refusal>((r.social_account_count(account_id)?, r.social_account_list(account_id, limit, offset)?))
    });
    read.await
}

/// Takes a link away.
///
/// # Errors
///
/// [`Refusal::NotFound`] for a link that is not the caller's, [`Refusal::Forbidden`] for the only way in.
pub async fn disconnect(domain: &Domain, account_id: i64, id: i64) -> Result<(), Refusal> {
    let write = domain.store.write(move |w| {
        let link = w.social_account_find(account_id, id)?.ok_or(Refusal::NotFound)?;
        let account = w.account_find(account_id)?.ok_or(Refusal::NotFound)?;
        if !is_usable(&account.password) && w.social_account_count(account_id)? == 1 {
            return Err(Refusal::Forbidden(
                "Your account has no password set up. Set a password before removing its only sign-in provider.",
            ));
        }
        w.social_account_delete(link.id)?;
        Ok(())
    });
    write.await
}
