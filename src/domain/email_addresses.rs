//! Address rows: which addresses an account has, which are proved, which one is its primary.
//!
//! Addresses are stored and compared in ASCII lower case only: a Kelvin sign never passes for a `k`. A mail goes to the
//! stored address, never to what was typed. One owner at most can hold an address verified.

use chrono::{DateTime, Utc};

use super::audit::{self, Event};
use super::client::Client;
use super::limits::{MailBudget, MailPurpose, Purpose};
use super::{Domain, Problems, Refusal, keys};
use crate::store::{Account, Conflict, EmailAddress, NewAccount, StoreError, Writer};

const TAKEN: &str = "A user is already registered with this e-mail address.";
const VERIFIED_ELSEWHERE: &str = "Constraint “unique_verified_email” is violated.";

/// What is wrong with the address of a registration.
///
/// # Errors
///
/// Only the store's.
pub async fn registration_problems(domain: &Domain, email: &str) -> Result<Vec<String>, StoreError> {
    let problems = domain_problems(domain, email);
    if !problems.is_empty() {
        return Ok(problems);
    }
    let email = email.to_ascii_lowercase();
    let taken = domain.store.read(|r| r.email_address_is_verified(&email)).await?;
    Ok(if taken { vec![TAKEN.to_owned()] } else { Vec::new() })
}

/// What is wrong with the domain of an address, whoever has it.
pub(super) fn domain_problems(domain: &Domain, email: &str) -> Vec<String> {
    match domain_is_approved(&domain.rules.signup_domains, email) {
        true => Vec::new(),
        false => vec!["The provided email domain is not approved.".to_owned()],
    }
}

/// As the reference compares it: with regard to case, the `@` in front being optional.
pub(super) fn domain_is_approved(approved: &[String], email: &str) -> bool {
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
    approved.is_empty() || approved.iter().any(|entry| entry.trim_start_matches('@') == domain)
}

/// The row and the confirmation mail of a new account. An address that somebody else added before, unproved, does not
/// become primary.
pub(super) fn insert_at_sign_up(
    w: &Writer<'_>,
    domain: &Domain,
    account_id: i64,
    account: &NewAccount,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let id = insert_first(w, account_id, account)?;
    let row = w.email_address_find(account_id, id)?.ok_or(Refusal::NotFound)?;
    queue_confirmation(w, domain, &row, &account.username, now)
}

/// The row of an account that a sign-in provider vouches for; what the provider has not proved, a mail must.
pub(super) fn insert_from_provider(
    w: &Writer<'_>,
    domain: &Domain,
    account_id: i64,
    account: &NewAccount,
    is_verified: bool,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    if !is_verified {
        return insert_at_sign_up(w, domain, account_id, account, now);
    }
    w.email_address_insert(account_id, &account.email, true, true).map_err(|error| match error {
        StoreError::Conflict(Conflict::VerifiedEmail) => Problems::of("email", TAKEN).into(),
        other => Refusal::Store(other),
    })?;
    Ok(())
}

/// The row of a new account, unproved.
pub(super) fn insert_first(w: &Writer<'_>, account_id: i64, account: &NewAccount) -> Result<i64, Refusal> {
    if w.email_address_is_verified(&account.email)? {
        return Err(Problems::of("email", TAKEN).into());
    }
    let first = w.email_address_list_for_email(&account.email)?.is_empty();
    Ok(w.email_address_insert(account_id, &account.email, false, first)?)
}

/// A row for User.email where it has none, as allauth makes one when a reset is asked for: the administrator of the
/// settings has none. The link's signature covers the rows, so this comes before it.
pub(super) fn ensure_row(w: &Writer<'_>, account: &Account) -> Result<(), StoreError> {
    let rows = w.email_address_list(account.id, None, 0)?;
    if !account.email.is_empty() && !rows.iter().any(|row| row.email == account.email) {
        w.email_address_insert(account.id, &account.email, false, false)?;
    }
    Ok(())
}

fn queue_confirmation(
    w: &Writer<'_>,
    domain: &Domain,
    row: &EmailAddress,
    username: &str,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    domain.outbox.queue(w, &confirmation(domain, row, username, now), now)?;
    Ok(())
}

/// The confirmation mail of a row, sealed.
fn confirmation(domain: &Domain, row: &EmailAddress, username: &str, now: DateTime<Utc>) -> Vec<u8> {
    let key = keys::confirmation_key(&domain.secret, row, now);
    domain.seal(&domain.outbox.confirm_address(&row.email, username, &key))
}

/// A page of the account's rows by id, and how many there are.
///
/// # Errors
///
/// Only the store's.
pub async fn list(
    domain: &Domain,
    account_id: i64,
    limit: Option<i64>,
    offset: i64,
) -> Result<(i64, Vec<EmailAddress>), Refusal> {
    let read = domain.store.read(|r| {
        Ok::<_, Refusal>((r.email_address_count(account_id)?, r.email_address_list(account_id, limit, offset)?))
    });
    read.await
}

/// Adds an unproved address to the caller's own account; no mail before it is asked for. What is said of it tells who
/// proved it, and so is limited.
///
/// # Errors
///
/// [`Refusal::Invalid`] for an address that is there already, or proved by somebody else.
pub async fn add(domain: &Domain, account_id: i64, email: &str, client: &Client) -> Result<EmailAddress, Refusal> {
    domain.limits.reserve_lookup(account_id, client).await?;
    let (email, client) = (email.to_ascii_lowercase(), client.clone());
    let write = domain.write(move |w, domain| {
        if w.email_address_list_for_email(&email)?.iter().any(|row| row.verified && row.account_id != account_id) {
            return Err(Problems::general(VERIFIED_ELSEWHERE).into());
        }
        let id = w.email_address_insert(account_id, &email, false, false).map_err(|error| match error {
            StoreError::Conflict(Conflict::AccountEmail) => {
                Problems::general("The fields user, email must make a unique set.").into()
            }
            other => Refusal::Store(other),
        })?;
        audit::record(w, domain, Event::AddressAdded, account_id, &client, &email)?;
        w.email_address_find(account_id, id)?.ok_or(Refusal::NotFound)
    });
    write.await
}

/// Mails a confirmation key to an unproved address of the caller; a proved one gets nothing.
///
/// # Errors
///
/// [`Refusal::NotFound`] for a row that is not the caller's.
pub async fn send_confirmation(
    domain: &Domain,
    account: &Account,
    id: i64,
    client: &Client,
) -> Result<EmailAddress, Refusal> {
    let account_id = account.id;
    let found = domain.store.read(|r| r.email_address_find(account_id, id)).await?;
    let row = found.ok_or(Refusal::NotFound)?;
    if row.verified {
        return Ok(row);
    }
    if domain.limits.reserve_mail(&row.email, MailPurpose::Confirmation, client).await? == MailBudget::Spent {
        return Ok(row);
    }
    let (username, now, queued) = (account.username.clone(), domain.now(), row.clone());
    domain.write(move |w, domain| queue_confirmation(w, domain, &queued, &username, now)).await?;
    domain.outbox.wake();
    Ok(row)
}

/// Mails a confirmation key to every unproved row with this address, exactly as stored.
///
/// # Errors
///
/// Never for an unknown address.
pub async fn resend_confirmation(domain: &Domain, email: &str, client: &Client) -> Result<(), Refusal> {
    let email = email.to_ascii_lowercase();
    let budget = domain.limits.reserve_mail(&email, MailPurpose::Confirmation, client).await?;
    let now = domain.now();
    domain
        .write(move |w, domain| {
            let mut nobody = true;
            for row in w.email_address_list_unverified_by_email(&email)? {
                let account = w.account_find(row.account_id)?;
                if let Some(account) = account.filter(|a| a.is_active && budget == MailBudget::Reserved) {
                    nobody = false;
                    queue_confirmation(w, domain, &row, &account.username, now)?;
                }
            }
            if nobody {
                // The same work where there is nobody to mail.
                let row = EmailAddress { id: 0, account_id: 0, email: email.clone(), verified: false, primary: false };
                domain.outbox.queue_nothing(w, &confirmation(domain, &row, "nobody", now), now)?;
            }
            Ok(())
        })
        .await?;
    domain.outbox.wake();
    Ok(())
}

/// Takes a mailed key: the row is proved, and primary if the account has no primary address.
///
/// # Errors
///
/// [`Refusal::NotFound`] for a key that is forged, too old or used, or whose row is gone, proved, or proved elsewhere.
pub async fn confirm(domain: &Domain, key: &str, client: &Client) -> Result<(), Refusal> {
    let attempt = domain.limits.reserve_request(Purpose::ConfirmationKey, client).await?;
    let id = keys::read_confirmation_key(key).ok_or(Refusal::NotFound)?;
    let (key, client, now) = (key.to_owned(), client.clone(), domain.now());
    domain
        .write(move |w, domain| {
            let row = w.email_address_find_by_id(id)?.filter(|row| !row.verified).ok_or(Refusal::NotFound)?;
            if !keys::confirmation_key_is_good(&domain.secret, &key, &row, now, domain.rules.confirm_days) {
                return Err(Refusal::NotFound);
            }
            w.email_address_set_verified(row.id).map_err(|error| match error {
                StoreError::Conflict(Conflict::VerifiedEmail) => Refusal::NotFound,
                other => Refusal::Store(other),
            })?;
            if w.email_address_find_primary(row.account_id)?.is_none() {
                make_primary(w, &row)?;
            }
            audit::record(w, domain, Event::AddressConfirmed, row.account_id, &client, &row.email)?;
            Ok::<_, Refusal>(())
        })
        .await?;
    domain.limits.refund(attempt).await;
    Ok(())
}

/// Makes a proved address the account's primary one; User.email follows.
///
/// # Errors
///
/// [`Refusal::NotFound`] for a row that is not the caller's, [`Refusal::Forbidden`] for an unproved one.
pub async fn set_primary(domain: &Domain, account_id: i64, id: i64, client: &Client) -> Result<EmailAddress, Refusal> {
    let client = client.clone();
    let write = domain.write(move |w, domain| {
        let row = w.email_address_find(account_id, id)?.ok_or(Refusal::NotFound)?;
        if row.primary {
            return Ok(row);
        }
        if !row.verified {
            return Err(Refusal::Forbidden(
                "An unverified email address cannot become the primary one. Verify it first.",
            ));
        }
        make_primary(w, &row)?;
        audit::record(w, domain, Event::AddressMadePrimary, account_id, &client, &row.email)?;
        Ok(EmailAddress { primary: true, ..row })
    });
    write.await
}

fn make_primary(w: &Writer<'_>, row: &EmailAddress) -> Result<(), Refusal> {
    w.email_address_set_primary(row.account_id, row.id)?;
    w.account_set_email(row.account_id, &row.email)?;
    Ok(())
}

/// Takes a row away and answers with it as it was. With the last row goes User.email.
///
/// # Errors
///
/// [`Refusal::NotFound`] for a row that is not the caller's, [`Refusal::Forbidden`] for the primary one among several.
pub async fn remove(domain: &Domain, account_id: i64, id: i64, client: &Client) -> Result<EmailAddress, Refusal> {
    let client = client.clone();
    let write = domain.write(move |w, domain| {
        let row = w.email_address_find(account_id, id)?.ok_or(Refusal::NotFound)?;
        if row.primary && w.email_address_count(account_id)? > 1 {
            return Err(Refusal::Forbidden(
                "The primary email address cannot be removed while there are others. Make another one primary first.",
            ));
        }
        w.email_address_delete(row.id)?;
        if row.primary {
            w.account_set_email(account_id, "")?;
        }
        audit::record(w, domain, Event::AddressRemoved, account_id, &client, &row.email)?;
        Ok(row)
    });
    write.await
}
