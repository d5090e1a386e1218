//! Removal of an email address, and the addresses that stay.

use super::MAX_LISTED;
use crate::domain::audit::{self, Event};
use crate::domain::operation::Operation;
use crate::domain::{App, DomainError, notices};
use crate::mail::Notice;
use crate::store::{Account, EmailAddress, StoreError, Writer};

/// Which addresses a removal must leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// As in the reference: the last address can be removed too.
    Any,
    KeepsLastVerified,
}

/// Removes a row and returns it. Removing the row of User.email clears User.email, primary or not:
/// an address without a row counts as vouched for by the operator ([`ensure_row`]), so a later
/// proof of it would revoke nothing.
///
/// # Errors
///
/// [`DomainError::NotFound`] for a row of another account, [`DomainError::Forbidden`] for the
/// primary one while there are others, and for one that must stay.
pub async fn remove(
    op: &Operation,
    account: &Account,
    id: i64,
    removal: Removal,
) -> Result<EmailAddress, DomainError> {
    let recipients = notices::recipients(op, account, Event::AddressRemoved).await?;
    let owner = account.clone();
    let write = op.write(move |w, op| {
        let account_id = owner.id;
        let row = w.email_address_find(account_id, id)?.ok_or(DomainError::NotFound)?;
        if row.primary && w.email_address_exists_other(account_id, row.id)? {
            return Err(DomainError::Forbidden(
                "The primary email address cannot be removed while there are others. Make another \
                 one primary first.",
            ));
        }
        if removal == Removal::KeepsLastVerified && is_last_verified(w, &row)? {
            return Err(DomainError::Forbidden("The last confirmed address cannot be removed."));
        }
        if is_last_approved(w, op, &row)? {
            return Err(DomainError::Forbidden(
                "The last address of an approved domain cannot be \
                removed.",
            ));
        }
        // First, so that the removed address is notified too.
        notices::queue(w, op, &recipients, &owner, Notice::AddressRemoved(&row.email))?;
        w.email_address_delete(row.id)?;
        let account = w.account_find(account_id)?.ok_or(DomainError::NotFound)?;
        if account.email == row.email {
            w.account_set_email(account_id, "")?;
        }
        audit::record(w, op, Event::AddressRemoved, account_id, &row.email)?;
        Ok(row)
    });
    let row = write.await?;
    op.outbox.wake();
    Ok(row)
}

fn is_last_verified(w: &Writer<'_>, row: &EmailAddress) -> Result<bool, StoreError> {
    let rows = w.email_address_list(row.account_id, Some(MAX_LISTED), 0)?;
    Ok(row.verified && !rows.iter().any(|other| other.verified && other.id != row.id))
}

/// Whether removing the row leaves the account without an address of an approved domain, or without
/// a verified one.
fn is_last_approved(w: &Writer<'_>, app: &App, row: &EmailAddress) -> Result<bool, StoreError> {
    if app.rules.signup_domains.is_empty() || !app.rules.approves_email(&row.email) {
        return Ok(false);
    }
    let rows = w.email_address_list(row.account_id, Some(MAX_LISTED), 0)?;
    let replaces = |other: &EmailAddress| {
        other.id != row.id
            && app.rules.approves_email(&other.email)
            && (other.is_proved() || !row.is_proved())
    };
    Ok(!rows.iter().any(replaces))
}
