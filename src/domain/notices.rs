//! Security notices to an account's verified addresses: which address or provider was added, when
//! and from where, without a login link.
//!
//! A notice must never block or reject the operation it reports: an address without budget gets
//! none.

use super::client::Client;
use super::limits::{MailBudget, MailPurpose};
use super::{Domain, Refusal};
use crate::mail::Attached;
use crate::store::{Account, EmailAddress, Writer};

/// Recipients per account: accounts from an earlier version may have any number of addresses.
const MAX_RECIPIENTS: usize = 20;

/// Addresses with budget, read and reserved before the write that queues the emails.
#[derive(Default)]
pub(super) struct Recipients(Vec<String>);

/// # Errors
///
/// Only the store's.
pub(super) async fn recipients(domain: &Domain, account_id: i64, client: &Client) -> Result<Recipients, Refusal> {
    let rows = domain.store.read(|r| r.email_address_list(account_id, Some(100), 0)).await?;
    let mut recipients = Vec::new();
    for row in rows.into_iter().filter(EmailAddress::is_proved).take(MAX_RECIPIENTS) {
        if domain.limits.reserve_mail(&row.email, MailPurpose::Notice, client).await? == MailBudget::Reserved {
            recipients.push(row.email);
        }
    }
    Ok(Recipients(recipients))
}

/// Queues an email to each recipient that the account still has.
pub(super) fn queue(
    w: &Writer<'_>,
    domain: &Domain,
    Recipients(recipients): &Recipients,
    account: &Account,
    attached: Attached<'_>,
    client: &Client,
) -> Result<(), Refusal> {
    let now = domain.now();
    for to in recipients {
        let row = w.email_address_find_by_email(account.id, to)?;
        if row.is_some_and(|row| row.is_proved()) {
            let mail = domain.outbox.notice(to, &account.username, attached, now, &client.address, &client.user_agent);
            domain.outbox.queue(w, &domain.seal(&mail), now)?;
        }
    }
    Ok(())
}
