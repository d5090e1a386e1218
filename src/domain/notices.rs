//! Security notices to an account's proved addresses: what changed or who signed in, when and from
//! where, without a login link.
//!
//! A notice must never block or reject the operation it reports: an address without budget gets
//! none, and neither does the second event of one kind within a minute.

use super::audit::Event;
use super::limits::ClientTrust;
use super::limits::{MailBudget, MailPurpose};
use super::operation::{Actor, Operation};
use super::{DomainError, known_clients, usernames};
use crate::mail::Notice;
use crate::store::{Account, EmailAddress, Writer};

/// Recipients per account: accounts from an earlier version may have any number of addresses.
const MAX_RECIPIENTS: usize = 20;

/// Addresses with budget, read and reserved before the write that queues the emails.
#[derive(Default)]
pub(super) struct Recipients {
    emails: Vec<String>,
    from_unknown_client: bool,
}

impl Recipients {
    pub(super) fn is_empty(&self) -> bool {
        self.emails.is_empty()
    }

    /// Whether the event is a sign-in by an unknown client, which causes a notice if notices are
    /// enabled.
    pub(super) fn is_from_unknown_client(&self) -> bool {
        self.from_unknown_client
    }
}

/// Whether the address is notified: a verified row, or a User.email without a row, which an
/// operator set.
fn is_notified(account: &Account, email: &str, row: Option<&EmailAddress>) -> bool {
    row.map_or(!email.is_empty() && account.email == email, EmailAddress::is_proved)
}

/// How the account knew the client before it authenticated; for [`of_sign_in`].
///
/// # Errors
///
/// Only the store's.
pub(super) async fn client_trust(
    op: &Operation,
    username: &str,
) -> Result<ClientTrust, DomainError> {
    known_clients::client_trust(op, &usernames::username_key(username.trim())).await
}

/// Recipients of a notice about a sign-in; none for a known client.
///
/// # Errors
///
/// Only the store's.
pub(super) async fn of_sign_in(
    op: &Operation,
    account: &Account,
    is_known: bool,
) -> Result<Recipients, DomainError> {
    let from_unknown_client = !is_known;
    let found = match from_unknown_client && op.rules.sign_in_notices {
        true => recipients(op, account, Event::Login).await?,
        false => Recipients::default(),
    };
    Ok(Recipients { from_unknown_client, ..found })
}

/// Notifies the owner of a request with the password from an unknown network, in the background: it
/// may not wait for a write. One that lacks the second factor is refused, and is none.
pub(super) fn start_of_request(op: &Operation, account: &Account) {
    let (op, account) = (op.clone(), account.clone());
    tokio::spawn(async move {
        let has_factor = op.store.read(|r| r.second_factor_exists(account.id)).await;
        if op.rules.mfa_enforced || has_factor.unwrap_or(true) {
            return;
        }
        let Ok(recipients) = of_sign_in(&op, &account, false).await else { return };
        if recipients.is_empty() {
            return;
        }
        let write = op.write(move |w, op| queue(w, op, &recipients, &account, Notice::SignIn));
        if write.await.is_ok() {
            op.outbox.wake();
        }
    });
}

/// The recipients of a notice.
///
/// # Errors
///
/// Only the store's.
pub(super) async fn recipients(
    op: &Operation,
    account: &Account,
    event: Event,
) -> Result<Recipients, DomainError> {
    if op.actor == Actor::Operator {
        // The commands run without the secret key that seals an email.
        return Ok(Recipients::default());
    }
    if !op.limits.reserve_notice(account.id, event.name()).await? {
        return Ok(Recipients::default());
    }
    // Strangers who have the password must not use up the budget of the other notices.
    let purpose = if event == Event::Login { MailPurpose::SignIn } else { MailPurpose::Notice };
    let read = op.store.read(|r| {
        let own = r.email_address_find_by_email(account.id, &account.email)?;
        Ok::<_, DomainError>((own, r.email_address_list(account.id, Some(100), 0)?))
    });
    let (own, rows) = read.await?;
    let without_row = Some(account.email.clone())
        .filter(|email| own.is_none() && is_notified(account, email, None));
    let proved = rows.into_iter().filter(EmailAddress::is_proved).map(|row| row.email);
    let mut recipients = Vec::new();
    for email in without_row.into_iter().chain(proved).take(MAX_RECIPIENTS) {
        if op.limits.reserve_mail(&email, purpose, &op.client).await? == MailBudget::Reserved {
            recipients.push(email);
        }
    }
    Ok(Recipients { emails: recipients, from_unknown_client: false })
}

/// Queues an email to each recipient that the account still has.
pub(super) fn queue(
    w: &Writer<'_>,
    op: &Operation,
    recipients: &Recipients,
    account: &Account,
    notice: Notice<'_>,
) -> Result<(), DomainError> {
    let now = op.now();
    // User.email may have changed within this write.
    let current = w.account_find(account.id)?.ok_or(DomainError::NotFound)?;
    for to in &recipients.emails {
        let row = w.email_address_find_by_email(account.id, to)?;
        if is_notified(&current, to, row.as_ref()) {
            let request = op.mail_request(now, &current.language);
            let mail = op.outbox.notice(to, &account.username, notice, &request);
            op.outbox.queue(w, &op.seal(&mail), now)?;
        }
    }
    Ok(())
}
