//! Forgotten passwords: asking for a reset link, and using it.
//!
//! The answer to a request never tells who has an account. A link is good once, and its use proves the address that it
//! was mailed to.

use chrono::{DateTime, Utc};

use super::accounts::{new_password, replace_password};
use super::audit::{self, Event};
use super::client::Client;
use super::hashing::Requester;
use super::keys::{self, ResetState};
use super::limits::{MailBudget, MailPurpose, Purpose};
use super::passwords::Password;
use super::usernames::username_key;
use super::{Domain, Problems, Refusal, email_addresses, known_clients, ownership};
use crate::store::{Account, EmailAddress, Reader, StoreError};

/// Mails a reset link for every active account that `email` reaches, by User.email or a verified address row: one mail
/// for all of them.
///
/// # Errors
///
/// Never for an unknown address: the answer must not tell who has an account.
pub async fn ask_for_reset(domain: &Domain, email: &str, client: &Client) -> Result<(), Refusal> {
    let email = email.to_ascii_lowercase();
    let budget = domain.limits.reserve_mail(&email, MailPurpose::Reset, client).await?;
    let now = domain.now();
    let client = client.clone();
    // The same work whether or not an account is found.
    domain
        .write(move |w, domain| {
            let mut found = w.account_list_by_email(&email, email_addresses::MAX_ACCOUNTS_IN_MAIL)?;
            let is_sent = !found.is_empty() && budget == MailBudget::Reserved;
            if found.is_empty() {
                found.push(nobody(now));
            }
            let mut links = Vec::new();
            for account in &found {
                let own = email_addresses::ensure_row(w, account)?;
                // A link that was mailed elsewhere proves nothing of this address.
                let proves = own.filter(|row| row.email == email && !row.is_proved());
                let link =
                    with_state(w, account, proves.as_ref(), |state| keys::reset_token(&domain.secret, &state, now))?;
                links.push((account.username.clone(), link));
                let whose = Some(account.id).filter(|id| *id != NOBODY);
                audit::record(w, domain, Event::ResetAsked, whose, &client, "")?;
            }
            let sealed = domain.seal(&domain.outbox.password_reset(&email, &links));
            match is_sent {
                true => domain.outbox.queue(w, &sealed, now)?,
                false => domain.outbox.queue_nothing(w, &sealed, now)?,
            }
            Ok(())
        })
        .await?;
    domain.outbox.wake();
    Ok(())
}

/// No row has this id.
const NOBODY: i64 = 0;

/// Stands in where an address reaches no account, so that the same work is done.
fn nobody(now: DateTime<Utc>) -> Account {
    Account {
        id: NOBODY,
        username: "nobody".to_owned(),
        email: String::new(),
        first_name: String::new(),
        last_name: String::new(),
        password: String::new(),
        is_active: false,
        is_superuser: false,
        last_login: Some(now),
        date_joined: now,
        confirm_by: None,
    }
}

/// Sets the password that a mailed link allows; all sessions, tokens and unproved addresses of the account end. The first
/// proof of the sign-up address ends more: see [`ownership`].
///
/// # Errors
///
/// [`Refusal::Invalid`] under `uid`, `token` or `new_password2`, in this order; a failure does not use the link up.
pub async fn confirm_reset(
    domain: &Domain,
    uid: &str,
    token: &str,
    new: (Password, Password),
    client: &Client,
) -> Result<(), Refusal> {
    let attempt = domain.limits.reserve_request(Purpose::ResetKey, client).await?;
    let id = keys::read_reset_uid(uid).ok_or_else(|| Problems::of("uid", "Invalid value"))?;
    // The same work and the same words for an id that no account has.
    let account = domain.store.read(|r| r.account_find(id)).await?.unwrap_or_else(|| nobody(domain.now()));
    domain.store.read(|r| check(r, domain, token, &account)).await?;
    let password = new_password(&account, new)?;
    let requester = Requester::new(client, Some(&username_key(&account.username)));
    let hash = domain.hasher.hash(requester, password).await?;
    let (token, client) = (token.to_owned(), client.clone());
    let leftover = domain
        .write(move |w, domain| {
            let current = w.account_find(account.id)?.filter(|current| current.is_active).ok_or(Refusal::NotFound)?;
            // Another request may have used the link while this one was hashing.
            let proved = check(w, domain, &token, &current)?;
            replace_password(w, current.id, &hash)?;
            known_clients::start_again(w, domain, current.id, &client)?;
            audit::record(w, domain, Event::PasswordReset, current.id, &client, "")?;
            match proved {
                Some(row) => ownership::reset_used(w, domain, &row, &client),
                None => Ok(ownership::delete_unproved(w, &current)?),
            }
        })
        .await?;
    ownership::finish(domain, leftover).await?;
    domain.limits.refund(attempt).await;
    Ok(())
}

/// The row that a good link proves, if it is the first proof of it.
///
/// # Errors
///
/// [`Refusal::Invalid`] for a link that is not good, the same whatever is wrong with it; the store's.
fn check(r: &Reader<'_>, domain: &Domain, token: &str, account: &Account) -> Result<Option<EmailAddress>, Refusal> {
    let own = r.email_address_find_by_email(account.id, &account.email)?;
    let is_good = |proves: Option<&EmailAddress>| {
        with_state(r, account, proves, |state| keys::reset_token_is_good(&domain.secret, token, &state, domain.now()))
    };
    // Both are looked at, so that every account takes the same time.
    let (proves_own, proves_nothing) = (is_good(own.as_ref())?, is_good(None)?);
    match (account.is_active, proves_own, proves_nothing) {
        // The address may have been confirmed after the link was mailed: then nothing is proved for the first time.
        (true, true, _) => Ok(own.filter(|row| !row.is_proved())),
        (true, _, true) => Ok(None),
        _ => Err(Problems::of("token", "Invalid value").into()),
    }
}

fn with_state<T>(
    r: &Reader<'_>,
    account: &Account,
    proves: Option<&EmailAddress>,
    f: impl FnOnce(ResetState<'_>) -> T,
) -> Result<T, StoreError> {
    let most = i64::try_from(keys::MAX_SIGNED_ROWS).unwrap_or(i64::MAX);
    let rows = r.email_address_list(account.id, Some(most), 0)?;
    let last_row = r.email_address_last_id(account.id)?;
    Ok(f(ResetState { account, rows: &rows, last_row, proves: proves.map(|row| row.id) }))
}
