//! Email addresses of accounts: verification and the primary address.
//!
//! Addresses are stored and compared in ASCII lower case only, so a Kelvin sign never matches a
//! `k`. Email goes to the stored address, never to the entered one. At most one account can have an
//! address verified.

use chrono::{DateTime, Utc};

use super::audit::{self, Event};
use super::keys::LinkState;
use super::limits::{MailBudget, MailPurpose, Purpose};
use super::operation::{Actor, Operation};
use super::{
    App, DomainError, ValidationErrors, keys, notices, owner_language, ownership,
    undeleted_addresses,
};
use crate::mail::Notice;
use crate::store::{Account, Conflict, EmailAddress, NewAccount, Reader, StoreError, Writer};

mod removal;
pub use removal::{Removal, remove};

/// Maximum number of accounts in one email: more at one address are an attack.
pub(super) const MAX_ACCOUNTS_IN_MAIL: usize = 20;

const ADDRESS_TAKEN: &str = "A user is already registered with this e-mail address.";
const VERIFIED_ELSEWHERE: &str = "Constraint “unique_verified_email” is violated.";

/// Failed rules for the address of a registration.
///
/// # Errors
///
/// Only the store's.
pub async fn registration_problems(app: &App, email: &str) -> Result<Vec<String>, StoreError> {
    let problems = domain_problems(app, email);
    if !problems.is_empty() {
        return Ok(problems);
    }
    let email = email.to_ascii_lowercase();
    let taken = app.store.read(|r| r.email_address_is_verified(&email)).await?;
    Ok(if taken { vec![ADDRESS_TAKEN.to_owned()] } else { Vec::new() })
}

/// Failed rules for the domain of an address.
pub(super) fn domain_problems(app: &App, email: &str) -> Vec<String> {
    match app.rules.approves_email(email) {
        true => Vec::new(),
        false => vec!["The provided email domain is not approved.".to_owned()],
    }
}

/// Creates the address row and the confirmation email of a new account. An address that another
/// account has added, unverified, does not become primary.
pub(super) fn insert_at_sign_up(
    w: &Writer<'_>,
    op: &Operation,
    account_id: i64,
    account: &NewAccount,
    budget: MailBudget,
    now: DateTime<Utc>,
) -> Result<(), DomainError> {
    let id = insert_first(w, account_id, account)?;
    let row = w.email_address_find(account_id, id)?.ok_or(DomainError::NotFound)?;
    let rows = [(&row, account.username.as_str())];
    queue_confirmations(w, op, &rows, &account.language, budget, now)
}

/// Creates the address row of a sign-up through a provider. Unless the provider has verified the
/// address, it must be confirmed by email.
pub(super) fn insert_from_provider(
    w: &Writer<'_>,
    op: &Operation,
    account_id: i64,
    account: &NewAccount,
    is_verified: bool,
    budget: MailBudget,
    now: DateTime<Utc>,
) -> Result<(), DomainError> {
    if !is_verified {
        return insert_at_sign_up(w, op, account_id, account, budget, now);
    }
    w.email_address_insert(account_id, &account.email, true, true).map_err(
        |error| match error {
            StoreError::Conflict(Conflict::VerifiedEmail) => {
                ValidationErrors::of("email", ADDRESS_TAKEN).into()
            }
            other => DomainError::Store(other),
        },
    )?;
    Ok(())
}

/// Creates the address row of a new account, unverified.
pub(super) fn insert_first(
    w: &Writer<'_>,
    account_id: i64,
    account: &NewAccount,
) -> Result<i64, DomainError> {
    if w.email_address_is_verified(&account.email)? {
        return Err(ValidationErrors::of("email", ADDRESS_TAKEN).into());
    }
    let first = !w.email_address_exists(&account.email)?;
    Ok(w.email_address_insert(account_id, &account.email, false, first)?)
}

/// The row of User.email. A missing one is created, as allauth does on a reset request: imported
/// accounts and the administrator from the settings may have none. The operator vouched for that
/// address, so it counts as proved. Call this before signing a link: the signature covers the rows.
pub(super) fn ensure_row(
    w: &Writer<'_>,
    account: &Account,
) -> Result<Option<EmailAddress>, StoreError> {
    if account.email.is_empty() {
        return Ok(None);
    }
    if w.email_address_find_by_email(account.id, &account.email)?.is_none() {
        let id = w.email_address_insert(account.id, &account.email, false, false)?;
        w.email_address_set_proved_otherwise(id)?;
    }
    w.email_address_find_by_email(account.id, &account.email)
}

/// Queues one email with a confirmation key for each row, all with the same address. If the budget
/// is used up, the same work is done and no email is sent.
fn queue_confirmations(
    w: &Writer<'_>,
    op: &Operation,
    rows: &[(&EmailAddress, &str)],
    language: &str,
    budget: MailBudget,
    now: DateTime<Utc>,
) -> Result<(), DomainError> {
    let to = rows.first().map(|(row, _)| row.email.as_str()).unwrap_or_default();
    let link = |(row, username): &(&EmailAddress, &'_ str)| {
        ((*username).to_owned(), keys::confirmation_key(&op.secret, row, now))
    };
    let links: Vec<(String, String)> = rows.iter().map(link).collect();
    let (days, request) = (op.rules.confirm_days, op.mail_request(now, language));
    let sealed = op.seal(&op.outbox.confirm_address(to, &links, days, &request));
    match budget {
        MailBudget::Reserved => op.outbox.queue(w, &sealed, now)?,
        MailBudget::Spent => op.outbox.queue_decoy(w, &sealed, now)?,
    }
    Ok(())
}

/// Rows per response: accounts from an earlier version may have any number.
pub const MAX_LISTED: i64 = 1000;

/// A page of the account's rows by id, and their total number.
///
/// # Errors
///
/// Only the store's.
pub async fn list(
    app: &App,
    account_id: i64,
    limit: Option<i64>,
    offset: i64,
) -> Result<(i64, Vec<EmailAddress>), DomainError> {
    let limit = limit.unwrap_or(MAX_LISTED).min(MAX_LISTED);
    let read = app.store.read(|r| {
        Ok::<_, DomainError>((
            r.email_address_count(account_id)?,
            r.email_address_list(account_id, Some(limit), offset)?,
        ))
    });
    read.await
}

/// Adds an unverified address to the caller's account, without sending email. The result reveals
/// whether another account has verified the address, so it is rate limited.
///
/// # Errors
///
/// [`DomainError::Invalid`] if the account has the address, or another account has verified it.
pub async fn add(
    op: &Operation,
    account_id: i64,
    email: &str,
) -> Result<EmailAddress, DomainError> {
    op.limits.reserve_lookup(account_id, &op.client).await?;
    let email = email.to_ascii_lowercase();
    let write = op.write(move |w, op| {
        if w.email_address_find_verified(&email)?.is_some_and(|row| row.account_id != account_id) {
            return Err(ValidationErrors::general(VERIFIED_ELSEWHERE).into());
        }
        let account = w.account_find(account_id)?.ok_or(DomainError::NotFound)?;
        if account.email != email {
            // An address that the operator set must stay the oldest row.
            ensure_row(w, &account)?;
        }
        let most = op.rules.max_email_addresses;
        let is_new = w.email_address_find_by_email(account_id, &email)?.is_none();
        if is_new && w.email_address_exists_beyond(account_id, most - 1)? {
            let message = format!("An account can have no more than {most} email addresses.");
            return Err(ValidationErrors::general(message).into());
        }
        let id =
            w.email_address_insert(account_id, &email, false, false).map_err(
                |error| match error {
                    StoreError::Conflict(Conflict::AccountEmail) => {
                        ValidationErrors::general("The fields user, email must make a unique set.")
                            .into()
                    }
                    other => DomainError::Store(other),
                },
            )?;
        audit::record(w, op, Event::AddressAdded, account_id, &email)?;
        w.email_address_find(account_id, id)?.ok_or(DomainError::NotFound)
    });
    write.await
}

/// Emails a confirmation key to one of the caller's addresses, unless it is verified.
///
/// # Errors
///
/// [`DomainError::NotFound`] for a row of another account.
pub async fn send_confirmation(
    op: &Operation,
    account: &Account,
    id: i64,
) -> Result<EmailAddress, DomainError> {
    let account_id = account.id;
    let found = op.store.read(|r| r.email_address_find(account_id, id)).await?;
    let row = found.ok_or(DomainError::NotFound)?;
    if row.verified {
        return Ok(row);
    }
    let budget = op.limits.reserve_mail(&row.email, MailPurpose::Confirmation, &op.client).await?;
    let (account, now, queued) = (account.clone(), op.now(), row.clone());
    op.write(move |w, op| {
        let rows = [(&queued, account.username.as_str())];
        queue_confirmations(w, op, &rows, &account.language, budget, now)
    })
    .await?;
    op.outbox.wake();
    Ok(row)
}

/// Sends one email with a confirmation key for each unverified row with this address: the newest
/// rows of active accounts.
///
/// # Errors
///
/// No error for an unknown address.
pub async fn resend_confirmation(op: &Operation, email: &str) -> Result<(), DomainError> {
    let email = email.to_ascii_lowercase();
    let budget = op.limits.reserve_mail(&email, MailPurpose::Confirmation, &op.client).await?;
    let now = op.now();
    op.write(move |w, op| {
        let (mut found, mut accounts) = (Vec::new(), Vec::new());
        for row in w.email_address_list_unverified_by_email(&email, MAX_ACCOUNTS_IN_MAIL)? {
            if let Some(account) =
                w.account_find(row.account_id)?.filter(|account| account.is_active)
            {
                found.push(row);
                accounts.push(account);
            }
        }
        if found.is_empty() {
            // The same work without an account.
            let row = EmailAddress {
                id: 0,
                account_id: 0,
                email: email.clone(),
                verified: false,
                primary: false,
                proved_otherwise: false,
            };
            return queue_confirmations(w, op, &[(&row, "nobody")], "", MailBudget::Spent, now);
        }
        let usernames = accounts.iter().map(|account| account.username.as_str());
        let rows: Vec<(&EmailAddress, &str)> = found.iter().zip(usernames).collect();
        let language = owner_language::of_any(&accounts);
        queue_confirmations(w, op, &rows, language, budget, now)
    })
    .await?;
    op.outbox.wake();
    Ok(())
}

/// Verifies the address of a confirmation key and makes it primary if the account has no primary
/// address. See [`ownership`] for the credentials that the first proof of the sign-up address
/// revokes. Addresses that were verified
/// before get a notice.
///
/// # Errors
///
/// [`DomainError::NotFound`] for a key that is forged, expired or used, if its row is gone,
/// verified, or verified by another account, or if its account is inactive.
pub async fn confirm(op: &Operation, key: &str) -> Result<(), DomainError> {
    let attempt = op.limits.reserve_request(Purpose::ConfirmationKey, &op.client).await?;
    let now = op.now();
    let (_, account) = op.store.read(|r| find_unconfirmed(r, op, key, now)).await?;
    let recipients = notices::recipients(op, &account, Event::AddressConfirmed).await?;
    let key = key.to_owned();
    let leftover = op
        .write(move |w, op| {
            let (row, account) = find_unconfirmed(w, op, &key, now)?;
            let by_owner = op.actor == Actor::Account(account.id);
            let leftover = ownership::before_confirmation(w, op, &account, &row, by_owner)?;
            w.email_address_set_verified(row.id).map_err(|error| match error {
                StoreError::Conflict(Conflict::VerifiedEmail) => DomainError::NotFound,
                other => DomainError::Store(other),
            })?;
            if op.rules.approves_email(&row.email) {
                w.account_clear_confirm_by(account.id)?;
                if w.email_address_find_primary(account.id)?.is_none() {
                    make_primary(w, &row)?;
                }
            }
            notices::queue(w, op, &recipients, &account, Notice::AddressAdded(&row.email))?;
            audit::record(w, op, Event::AddressConfirmed, account.id, &row.email)?;
            Ok(leftover)
        })
        .await?;
    undeleted_addresses::delete_remaining(op, leftover).await?;
    op.outbox.wake();
    op.limits.refund(attempt).await;
    Ok(())
}

/// The state of a confirmation key, which is not used up. A confirmed address is a success,
/// whenever its key was used.
///
/// # Errors
///
/// [`DomainError::Throttled`], the store's.
pub async fn confirmation_state(op: &Operation, key: &str) -> Result<LinkState, DomainError> {
    let attempt = op.limits.reserve_request(Purpose::ConfirmationKey, &op.client).await?;
    let now = op.now();
    let state = op.store.read(|r| match find_unconfirmed(r, op, key, now) {
        Ok(_) => Ok(LinkState::Good),
        Err(DomainError::NotFound) if is_confirmed(r, op, key, now)? => Ok(LinkState::Used),
        Err(DomainError::NotFound) => Ok(LinkState::Bad),
        Err(other) => Err(other),
    });
    let state = state.await?;
    if state != LinkState::Bad {
        op.limits.refund(attempt).await;
    }
    Ok(state)
}

/// Whether the key is one of this server, of any age, for an address that is verified.
fn is_confirmed(
    r: &Reader<'_>,
    app: &App,
    key: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let Some(id) = keys::read_confirmation_key(key) else { return Ok(false) };
    let row = r.email_address_find_by_id(id)?.filter(|row| row.verified);
    Ok(row.is_some_and(|row| keys::confirmation_key_is_good(&app.secret, key, &row, now, i64::MAX)))
}

/// Marks an address as verified, for an operator.
///
/// # Errors
///
/// [`DomainError::Forbidden`] if another account has verified it.
pub(super) async fn set_verified(op: &Operation, row: &EmailAddress) -> Result<(), DomainError> {
    let row = row.clone();
    let write = op.write(move |w, op| {
        w.email_address_set_verified(row.id).map_err(|error| match error {
            StoreError::Conflict(Conflict::VerifiedEmail) => {
                DomainError::Forbidden("Another account has confirmed this address.")
            }
            other => DomainError::Store(other),
        })?;
        audit::record(w, op, Event::AddressConfirmed, row.account_id, &row.email)?;
        Ok(())
    });
    write.await
}

/// The unverified row of a key, and its account.
fn find_unconfirmed(
    r: &Reader<'_>,
    app: &App,
    key: &str,
    now: DateTime<Utc>,
) -> Result<(EmailAddress, Account), DomainError> {
    let id = keys::read_confirmation_key(key).ok_or(DomainError::NotFound)?;
    let row =
        r.email_address_find_by_id(id)?.filter(|row| !row.verified).ok_or(DomainError::NotFound)?;
    if !keys::confirmation_key_is_good(&app.secret, key, &row, now, app.rules.confirm_days) {
        return Err(DomainError::NotFound);
    }
    let account = r
        .account_find(row.account_id)?
        .filter(|account| account.is_active)
        .ok_or(DomainError::NotFound)?;
    Ok((row, account))
}

/// Makes a verified address primary; User.email follows.
///
/// # Errors
///
/// [`DomainError::NotFound`] for a row of another account, [`DomainError::Forbidden`] for an
/// unverified one.
pub async fn set_primary(
    op: &Operation,
    account: &Account,
    id: i64,
) -> Result<EmailAddress, DomainError> {
    let recipients = notices::recipients(op, account, Event::AddressMadePrimary).await?;
    let account = account.clone();
    let write = op.write(move |w, op| {
        let account_id = account.id;
        let row = w.email_address_find(account_id, id)?.ok_or(DomainError::NotFound)?;
        if row.primary {
            return Ok(row);
        }
        if !row.verified {
            return Err(DomainError::Forbidden(
                "An unverified email address cannot become the primary one. Verify it first.",
            ));
        }
        if !op.rules.approves_email(&row.email) {
            return Err(DomainError::Forbidden(
                "Only an address of an approved domain can be the primary one.",
            ));
        }
        make_primary(w, &row)?;
        notices::queue(w, op, &recipients, &account, Notice::AddressMadePrimary(&row.email))?;
        audit::record(w, op, Event::AddressMadePrimary, account_id, &row.email)?;
        Ok(EmailAddress { primary: true, ..row })
    });
    let row = write.await?;
    op.outbox.wake();
    Ok(row)
}

fn make_primary(w: &Writer<'_>, row: &EmailAddress) -> Result<(), DomainError> {
    w.email_address_set_primary(row.account_id, row.id)?;
    w.account_set_email(row.account_id, &row.email)?;
    Ok(())
}
