//! API tokens: `inv-<40 hex>-<creation date>`, valid for a year, stored as a digest only.
//!
//! A key is shown once, in the response to the login that created it. Revocation and expiry are
//! checked in the store on every request.

use chrono::{Days, NaiveDate};

use super::audit::{self, Event};
use super::keys::{digest, hex};
use super::operation::Operation;
use super::{App, DomainError, ValidationErrors, notices};
use crate::mail::Notice;
use crate::store::{Account, StoreError, Token, Writer};

/// A plaintext token on its way to its client. No Display; redacted in Debug output.
#[derive(Clone)]
pub struct TokenKey(String);

impl TokenKey {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

/// InvenTree's token lifetime. A token is still valid on its expiry date.
const LIFETIME_DAYS: u64 = 365;

/// Unnamed tokens per account; a login replaces the oldest.
pub const MAX_TOKENS: i64 = 1000;

/// Named tokens per account; another one is refused.
const MAX_NAMED_TOKENS: usize = 100;

const MAX_NAME_CHARACTERS: usize = 100;

/// Excess rows that one login deletes: accounts from an earlier version may have too many.
const DELETED_AT_ONCE: i64 = 100;

/// Why a token was rejected.
#[derive(Debug)]
pub enum TokenRefusal {
    Unknown,
    Revoked,
    Expired,
    Inactive,
    Store(StoreError),
}

impl From<StoreError> for TokenRefusal {
    fn from(error: StoreError) -> TokenRefusal {
        TokenRefusal::Store(error)
    }
}

/// State of a token, regardless of its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Live,
    Revoked,
    Expired,
}

pub fn state(token: &Token, today: NaiveDate) -> State {
    match token {
        token if token.revoked => State::Revoked,
        token if today > token.expiry => State::Expired,
        _ => State::Live,
    }
}

/// A new token, not stored yet: 160 random bits.
pub(super) fn generate(app: &App) -> TokenKey {
    let day = app.now().format("%Y%m%d");
    TokenKey(format!("inv-{}-{day}", hex(&app.random::<20>())))
}

/// A token that its owner or the operator made for a program.
#[derive(Debug)]
pub struct NamedToken {
    pub id: i64,
    pub key: TokenKey,
    pub expiry: NaiveDate,
    /// Empty for the token of a login.
    pub name: String,
}

/// Makes a named token, which no login replaces.
///
/// # Errors
///
/// [`DomainError::Invalid`] for a bad name or lifetime, [`DomainError::Forbidden`] for one too
/// many.
pub async fn create(
    op: &Operation,
    account: &Account,
    name: &str,
    days: u64,
) -> Result<NamedToken, DomainError> {
    let name = sanitized_name(name);
    let mut problems = ValidationErrors::none();
    if name.is_empty() {
        problems.add("name", vec!["This field may not be blank.".to_owned()]);
    } else if name.chars().count() > MAX_NAME_CHARACTERS {
        let too_long =
            format!("Ensure this field has no more than {MAX_NAME_CHARACTERS} characters.");
        problems.add("name", vec![too_long]);
    }
    if !(1..=LIFETIME_DAYS).contains(&days) {
        let range = format!("Ensure this value is between 1 and {LIFETIME_DAYS}.");
        problems.add("days", vec![range]);
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    create_and_notify(op, account, name, days, false).await
}

/// Makes a token for a program that gives it a name, in place of the one of that name that it has
/// lost: no key is shown twice. Without a name, it is like the token of a login.
///
/// # Errors
///
/// [`DomainError::Forbidden`] for one named token too many.
pub async fn issue(
    op: &Operation,
    account: &Account,
    name: &str,
) -> Result<NamedToken, DomainError> {
    let name = sanitized_name(name).chars().take(MAX_NAME_CHARACTERS).collect();
    create_and_notify(op, account, name, LIFETIME_DAYS, true).await
}

fn sanitized_name(name: &str) -> String {
    name.trim().chars().filter(|c| !c.is_control()).collect()
}

async fn create_and_notify(
    op: &Operation,
    account: &Account,
    name: String,
    days: u64,
    replaces: bool,
) -> Result<NamedToken, DomainError> {
    let now = op.now();
    let expiry = now.date_naive().checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX);
    let recipients = notices::recipients(op, account, Event::TokenMade).await?;
    let (key, account) = (generate(op), account.clone());
    let write = op.write(move |w, op| {
        let account_id = account.id;
        let mut named = w.token_list(account_id)?;
        named.retain(|token| !token.name.is_empty());
        if replaces {
            for former in named.extract_if(.., |token| token.name == name) {
                w.token_delete_own(account_id, former.id)?;
            }
        }
        if !name.is_empty() && named.len() >= MAX_NAMED_TOKENS {
            return Err(DomainError::Forbidden(
                "Your account has as many named tokens as it can have. Revoke one first.",
            ));
        }
        let id = w.token_insert(&digest(key.expose()), account_id, &name, now, expiry)?;
        notices::queue(w, op, &recipients, &account, Notice::TokenCreated(&name))?;
        audit::record(w, op, Event::TokenMade, account_id, &format!("token {id}, {name}"))?;
        if name.is_empty() {
            w.token_delete_beyond(account_id, MAX_TOKENS, DELETED_AT_ONCE)?;
        }
        Ok(NamedToken { id, key: key.clone(), expiry, name: name.clone() })
    });
    let made = write.await?;
    op.outbox.wake();
    Ok(made)
}

/// Ends all of the account's tokens.
///
/// # Errors
///
/// Only the store's.
pub async fn end_all(op: &Operation, account_id: i64) -> Result<usize, DomainError> {
    let write = op.write(move |w, op| {
        let ended = w.token_delete_others(account_id, None)?;
        if ended > 0 {
            let detail = format!("{ended} token{}", if ended == 1 { "" } else { "s" });
            audit::record(w, op, Event::TokenEnded, account_id, &detail)?;
        }
        Ok(ended)
    });
    write.await
}

/// Stores the digest of a generated token.
pub(super) fn insert(
    w: &Writer<'_>,
    app: &App,
    key: &TokenKey,
    account_id: i64,
) -> Result<i64, StoreError> {
    let now = app.now();
    let today = now.date_naive();
    let expiry = today.checked_add_days(Days::new(LIFETIME_DAYS)).unwrap_or(NaiveDate::MAX);
    let id = w.token_insert(&digest(key.expose()), account_id, "", now, expiry)?;
    w.token_delete_beyond(account_id, MAX_TOKENS, DELETED_AT_ONCE)?;
    Ok(id)
}

/// The token and its account, if the token is valid today.
///
/// # Errors
///
/// [`TokenRefusal`]; clients see the reason.
pub async fn authenticate(app: &App, key: &str) -> Result<(Token, Account), TokenRefusal> {
    let digest = digest(key);
    let found = app.store.token_find(&digest).await?;
    let (token, account) = found.ok_or(TokenRefusal::Unknown)?;
    let today = app.now().date_naive();
    match state(&token, today) {
        State::Revoked => return Err(TokenRefusal::Revoked),
        State::Expired => return Err(TokenRefusal::Expired),
        State::Live => {}
    }
    if !app.rules.can_authenticate(&account) {
        return Err(TokenRefusal::Inactive);
    }
    if token.last_seen != Some(today) {
        // At most once a day.
        let id = token.id;
        app.store.touch(move |w| w.token_touch(id, today));
    }
    Ok((token, account))
}

/// The account's live tokens, newest first.
///
/// # Errors
///
/// Only the store's.
pub async fn list(app: &App, account_id: i64) -> Result<Vec<Token>, DomainError> {
    let mut tokens = app.store.read(|r| r.token_list(account_id)).await?;
    let today = app.now().date_naive();
    tokens.retain(|token| state(token, today) == State::Live);
    tokens.reverse();
    Ok(tokens)
}

/// Ends one of the account's tokens.
///
/// # Errors
///
/// [`DomainError::NotFound`] if the account has no such token.
pub async fn end_own(op: &Operation, account_id: i64, id: i64) -> Result<(), DomainError> {
    let is_ended = op.write(move |w, op| delete(w, op, Event::TokenEnded, account_id, id)).await?;
    if is_ended { Ok(()) } else { Err(DomainError::NotFound) }
}

/// Ends the token of a client that logs out. It may have ended already.
///
/// # Errors
///
/// Only the store's.
pub async fn log_out(op: &Operation, account_id: i64, id: i64) -> Result<(), DomainError> {
    op.write_late(move |w, op| delete(w, op, Event::Logout, account_id, id)).await.map(|_| ())
}

fn delete(
    w: &Writer<'_>,
    op: &Operation,
    event: Event,
    account_id: i64,
    id: i64,
) -> Result<bool, DomainError> {
    let is_ended = w.token_delete_own(account_id, id)?;
    if is_ended {
        audit::record(w, op, event, account_id, &format!("token {id}"))?;
    }
    Ok(is_ended)
}
