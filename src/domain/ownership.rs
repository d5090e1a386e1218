//! Account ownership: an account belongs to the holder of the address it was registered with.
//!
//! An attacker can register another person's address, attach a second way to sign in (an address of
//! their own, a provider), and wait for the holder to take the account up ("pre-hijacking"). So the
//! first proof of the sign-up address by email takes the account over: all credentials attached
//! before are revoked. Nothing is revoked if the confirming request is signed in to the account,
//! since its holder attached them, or if only the sign-up's own credentials exist. Confirming an
//! address that was added later revokes nothing: the owner added it, and a stolen session must not
//! turn such an address against the owner.
//!
//! The sign-up address is the account's oldest row. (Sudhodanan and Paverd, "Pre-hijacked
//! accounts", USENIX Security 2022.)

use super::audit::{self, Event};
use super::hashing::{UNUSABLE_PREFIX, is_usable};
use super::operation::Operation;
use super::revocation::revoke_all;
use super::undeleted_addresses::UndeletedAddresses;
use super::{App, DomainError, factors};
use crate::store::{Account, EmailAddress, Reader, StoreError, Writer};

/// An unusable password.
pub(super) fn unusable_password(app: &App) -> String {
    // Django's prefix; the random rest makes each one unique.
    format!("{UNUSABLE_PREFIX}{}", app.random_text::<40>())
}

/// Called before a confirmation key verifies `row`. `by_owner`: the request is signed in to the
/// account.
pub(super) fn before_confirmation(
    w: &Writer<'_>,
    op: &Operation,
    account: &Account,
    row: &EmailAddress,
    by_owner: bool,
) -> Result<Option<UndeletedAddresses>, DomainError> {
    if by_owner || row.is_proved() || !is_sign_up_address(w, row)? || !is_contested(w, account)? {
        return Ok(None);
    }
    // The password is not the holder's either: with it, the attacker could attach everything again.
    w.account_set_password(account.id, &unusable_password(op))?;
    // Nor may User.email be an address that ends: a reset would be mailed to it.
    w.account_set_email(account.id, &row.email)?;
    take_over(w, op, row)
}

/// Called after a reset link sent to `row` has set a password.
pub(super) fn after_reset(
    w: &Writer<'_>,
    op: &Operation,
    row: &EmailAddress,
) -> Result<Option<UndeletedAddresses>, DomainError> {
    w.email_address_set_proved_otherwise(row.id)?;
    if op.rules.approves_email(&row.email) {
        w.account_clear_confirm_by(row.account_id)?;
    }
    if is_sign_up_address(w, row)? {
        return take_over(w, op, row);
    }
    Ok(None)
}

fn is_sign_up_address(r: &Reader<'_>, row: &EmailAddress) -> Result<bool, StoreError> {
    Ok(r.email_address_find_first(row.account_id)?.is_some_and(|first| first.id == row.id))
}

/// Whether the account has more credentials than it was registered with: a password or one provider
/// link.
fn is_contested(r: &Reader<'_>, account: &Account) -> Result<bool, StoreError> {
    let own_links = if is_usable(&account.password) { 0 } else { 1 };
    let links = r.social_account_list(account.id, Some(own_links + 1), 0)?;
    Ok(i64::try_from(links.len()).unwrap_or(i64::MAX) > own_links
        || r.email_address_exists_verified(account.id)?
        || r.second_factor_exists(account.id)?)
}

fn take_over(
    w: &Writer<'_>,
    op: &Operation,
    row: &EmailAddress,
) -> Result<Option<UndeletedAddresses>, DomainError> {
    let id = row.account_id;
    let last = w.email_address_last_id(id)?;
    let (leftover, addresses) =
        UndeletedAddresses { account_id: id, keep: row.id, last, unproved_alone: false }
            .delete(w)?;
    let links = w.social_account_delete_all(id)?;
    let factors = factors::delete_all(w, id)?;
    let ended = revoke_all(w, id)?;
    let detail = format!(
        "{}: ended {addresses} addresses, {links} providers, {factors} second factors, {} \
         sessions, {} tokens",
        row.email, ended.sessions, ended.tokens
    );
    audit::record(w, op, Event::OwnershipProved, id, &detail)?;
    Ok(leftover)
}
