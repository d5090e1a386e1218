//! Password reset: requesting a link and using it.
//!
//! The response to a request never reveals whether an account exists. A link works once, and using
//! it verifies the address that it was sent to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};

use super::accounts::{new_password, replace_password};
use super::audit::{self, Event};
use super::device_cookie::DeviceCookie;
use super::hashing::Requester;
use super::keys::{self, LinkState, ResetState};
use super::limits::{MailBudget, MailPurpose, Purpose};
use super::operation::Operation;
use super::passwords::Password;
use super::usernames::username_key;
use super::{
    App, DomainError, ValidationErrors, email_addresses, known_clients, notices, owner_language,
    ownership, undeleted_addresses,
};
use crate::mail::Notice;
use crate::store::{Account, EmailAddress, Reader, StoreError};

/// Sends one email with a reset link for each active account whose User.email or verified address
/// is `email`. The links lead on to `next`, a path of this site, or nowhere if it is empty.
///
/// # Errors
///
/// No error for an unknown address: the response must not reveal whether an account exists.
pub async fn ask_for_reset(op: &Operation, email: &str, next: &str) -> Result<(), DomainError> {
    let requested = request(op, email, next).await;
    count(op, &requested, "requested");
    requested
}

fn count<T>(op: &Operation, result: &Result<T, DomainError>, success: &'static str) {
    let outcome = result.as_ref().map_or_else(DomainError::outcome, |_| success);
    op.metrics.password_resets.count(outcome);
}

async fn request(op: &Operation, email: &str, next: &str) -> Result<(), DomainError> {
    let next = seal_next(op, next);
    let email = email.to_ascii_lowercase();
    let budget = op.limits.reserve_mail(&email, MailPurpose::Reset, &op.client).await?;
    let now = op.now();
    // The same work with or without an account.
    op.write(move |w, op| {
        let mut found = w.account_list_by_email(&email, email_addresses::MAX_ACCOUNTS_IN_MAIL)?;
        let is_sent = !found.is_empty() && budget == MailBudget::Reserved;
        if found.is_empty() {
            found.push(decoy_account(now));
        }
        let mut links = Vec::new();
        for account in &found {
            let own = email_addresses::ensure_row(w, account)?;
            // A link sent to another address verifies nothing.
            let proves = own.filter(|row| row.email == email && !row.is_proved());
            let link = with_state(w, account, proves.as_ref(), |state| {
                keys::reset_token(&op.secret, &state, now)
            })?;
            links.push((account.username.clone(), link));
            let whose = Some(account.id).filter(|id| *id != NO_ACCOUNT);
            audit::record(w, op, Event::ResetAsked, whose, "")?;
        }
        let language = owner_language::of_any(&found);
        let (days, request) = (keys::RESET_DAYS, op.mail_request(now, language));
        let sealed = op.seal(&op.outbox.password_reset(&email, &links, &next, days, &request));
        match is_sent {
            true => op.outbox.queue(w, &sealed, now)?,
            false => op.outbox.queue_decoy(w, &sealed, now)?,
        }
        Ok(())
    })
    .await?;
    op.outbox.wake();
    Ok(())
}

const NEXT: &str = "reset-next";

/// Encrypts the path to continue at, so that a link contains only paths that this server approved.
/// Empty if there is none.
fn seal_next(app: &App, next: &str) -> String {
    if next.is_empty() {
        return String::new();
    }
    URL_SAFE_NO_PAD.encode(keys::seal(&app.secret, NEXT, next.as_bytes(), app.random()))
}

/// Decrypts the path to continue at. `None` unless this server encrypted it.
pub fn open_next(app: &App, sealed: &str) -> Option<String> {
    let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    String::from_utf8(keys::open(&app.secret, NEXT, &sealed)?).ok()
}

/// No row has this id.
const NO_ACCOUNT: i64 = 0;

/// Stands in for a missing account, so that the same work is done.
fn decoy_account(now: DateTime<Utc>) -> Account {
    Account {
        id: NO_ACCOUNT,
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
        language: String::new(),
    }
}

/// Sets a new password with an emailed link. All sessions, tokens and unverified addresses of the
/// account end. The first proof of the sign-up address ends more: see [`ownership`]. The account
/// knows the browser from then on, because an attacker may share its network.
///
/// # Errors
///
/// [`DomainError::Invalid`] under `uid`, `token` or `new_password2`, in this order; a failure does
/// not consume the link.
pub async fn confirm_reset(
    op: &Operation,
    uid: &str,
    token: &str,
    new: (Password, Password),
) -> Result<DeviceCookie, DomainError> {
    let confirmed = set_password(op, uid, token, new).await;
    count(op, &confirmed, "success");
    confirmed
}

async fn set_password(
    op: &Operation,
    uid: &str,
    token: &str,
    new: (Password, Password),
) -> Result<DeviceCookie, DomainError> {
    let attempt = op.limits.reserve_request(Purpose::ResetKey, &op.client).await?;
    let id =
        keys::read_reset_uid(uid).ok_or_else(|| ValidationErrors::of("uid", "Invalid value"))?;
    // The same work and the same messages for an unknown id.
    let account =
        op.store.read(|r| r.account_find(id)).await?.unwrap_or_else(|| decoy_account(op.now()));
    op.store.read(|r| check(r, op, token, &account)).await?;
    let password = new_password(op, &account, new).await?;
    let requester = Requester::new(&op.client, Some(&username_key(&account.username)));
    let hash = op.hasher.hash(requester, password).await?;
    let token = token.to_owned();
    let recipients = notices::recipients(op, &account, Event::PasswordReset).await?;
    let (leftover, device) = op
        .write(move |w, op| {
            let current = w
                .account_find(account.id)?
                .filter(|current| current.is_active)
                .ok_or(DomainError::NotFound)?;
            // Another request may have used the link during hashing.
            let proved = check(w, op, &token, &current)?;
            replace_password(w, current.id, &hash)?;
            known_clients::forget_other_networks(w, op, current.id)?;
            audit::record(w, op, Event::PasswordReset, current.id, "")?;
            let leftover = match proved {
                Some(row) => ownership::after_reset(w, op, &row)?,
                None => undeleted_addresses::delete_unproved(w, &current)?,
            };
            // After the takeover, so that addresses that it removed get no notice.
            notices::queue(w, op, &recipients, &current, Notice::PasswordReset)?;
            Ok((leftover, known_clients::renew(op, current.id, &hash)))
        })
        .await?;
    undeleted_addresses::delete_remaining(op, leftover).await?;
    op.outbox.wake();
    op.limits.refund(attempt).await;
    Ok(device)
}

/// Whether a reset link is valid, without consuming it. A used link is invalid.
///
/// # Errors
///
/// [`DomainError::Throttled`], the store's.
pub async fn link_state(op: &Operation, uid: &str, token: &str) -> Result<LinkState, DomainError> {
    let attempt = op.limits.reserve_request(Purpose::ResetKey, &op.client).await?;
    let Some(id) = keys::read_reset_uid(uid) else { return Ok(LinkState::Bad) };
    let now = op.now();
    let found = op.store.read(|r| {
        // The same work for an unknown id.
        let account = r.account_find(id)?.unwrap_or_else(|| decoy_account(now));
        check(r, op, token, &account)
    });
    match found.await {
        Ok(_) => {
            op.limits.refund(attempt).await;
            Ok(LinkState::Good)
        }
        Err(DomainError::Invalid(_)) => Ok(LinkState::Bad),
        Err(other) => Err(other),
    }
}

/// The row that a valid link verifies, if it is the first proof of it.
///
/// # Errors
///
/// [`DomainError::Invalid`] for an invalid link, with the same message for every reason; the
/// store's.
fn check(
    r: &Reader<'_>,
    app: &App,
    token: &str,
    account: &Account,
) -> Result<Option<EmailAddress>, DomainError> {
    let own = r.email_address_find_by_email(account.id, &account.email)?;
    let is_good = |proves: Option<&EmailAddress>| {
        with_state(r, account, proves, |state| {
            keys::reset_token_is_good(&app.secret, token, &state, app.now())
        })
    };
    // Always both checks, so that every account takes the same time.
    let (proves_own, proves_nothing) = (is_good(own.as_ref())?, is_good(None)?);
    match (account.is_active, proves_own, proves_nothing) {
        // If the address was confirmed after the link was sent, the link is not its first proof.
        (true, true, _) => Ok(own.filter(|row| !row.is_proved())),
        (true, _, true) => Ok(None),
        _ => Err(ValidationErrors::of("token", "Invalid value").into()),
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
