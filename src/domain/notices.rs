//! Security notices to an account's verified addresses: which address, provider, second factor or
//! token was added or removed, when and from where, without a login link.
//!
//! A notice must never block or reject the operation it reports: an address without budget gets
//! none.

use super::DomainError;
use super::limits::{MailBudget, MailPurpose};
use super::operation::{Actor, Operation};
use crate::mail::Attached;
use crate::store::{Account, EmailAddress, Writer};

/// Recipients per account: accounts from an earlier version may have any number of addresses.
const MAX_RECIPIENTS: usize = 20;

/// Addresses with budget, read and reserved before the write that queues the emails.
#[derive(Default)]
pub(super) struct Recipients(Vec<String>);

/// Whether the address is told: a proved row, or User.email without one, which the operator gave.
fn is_told(account: &Account, email: &str, row: Option<&EmailAddress>) -> bool {
    row.map_or(!email.is_empty() && account.email == email, EmailAddress::is_proved)
}

/// # Errors
///
/// Only the store's.
pub(super) async fn recipients(
    op: &Operation,
    account: &Account,
) -> Result<Recipients, DomainError> {
    if op.actor == Actor::Operator {
        // The commands run without the secret key that seals an email.
        return Ok(Recipients::default());
    }
    let read = op.store.read(|r| {
        let own = r.email_address_find_by_email(account.id, &account.email)?;
        Ok::<_, DomainError>((own, r.email_address_list(account.id, Some(100), 0)?))
    });
    let (own, rows) = read.await?;
    let without_row =
        Some(account.email.clone()).filter(|email| own.is_none() && is_told(account, email, None));
    let proved = rows.into_iter().filter(EmailAddress::is_proved).map(|row| row.email);
    let mut recipients = Vec::new();
    for email in without_row.into_iter().chain(proved).take(MAX_RECIPIENTS) {
        if op.limits.reserve_mail(&email, MailPurpose::Notice, &op.client).await?
            == MailBudget::Reserved
        {
            recipients.push(email);
        }
    }
    Ok(Recipients(recipients))
}

/// Queues an email to each recipient that the account still has.
pub(super) fn queue(
    w: &Writer<'_>,
    op: &Operation,
    Recipients(recipients): &Recipients,
    account: &Account,
    attached: Attached<'_>,
) -> Result<(), DomainError> {
    let now = op.now();
    // User.email may have changed within this write.
    let current = w.account_find(account.id)?.ok_or(DomainError::NotFound)?;
    for to in recipients {
        let row = w.email_address_find_by_email(account.id, to)?;
        if is_told(&current, to, row.as_ref()) {
            let mail = op.outbox.notice(
                to,
                &account.username,
                attached,
                now,
                &op.client.address,
                &op.client.user_agent,
            );
            op.outbox.queue(w, &op.seal(&mail), now)?;
        }
    }
    Ok(())
}
