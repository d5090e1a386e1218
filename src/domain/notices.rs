//! Mails that tell an account's proved addresses what was attached to it: what, when, from where, and no live link.
//!
//! Must never hold up or refuse what it tells of: an address that has had its share is not told.

use super::client::Client;
use super::limits::{MailBudget, MailPurpose};
use super::{Domain, Refusal};
use crate::mail::Attached;
use crate::store::{Account, EmailAddress, Writer};

/// Addresses of one account that are told: an account of an earlier version may have any number.
const MAX_RECIPIENTS: usize = 20;

/// The addresses that may be told now. Read and reserved before the write that queues the mails.
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

/// Queues a mail to each recipient that the account still has.
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
