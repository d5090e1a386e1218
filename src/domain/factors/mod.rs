//! Second factors of an account: TOTP devices, and recovery codes for the day that a device is
//! lost.
//!
//! A code is checked only after the password (or provider) was verified, so that nothing reveals
//! which factor an account has. A matching code is consumed in the transaction of the operation, so
//! that it is valid once, on all servers. Wrong codes are counted like wrong passwords.
//! Secrets are encrypted at rest under a key derived from the secret key, recovery codes stored as
//! keyed digests.

pub mod recovery;
pub mod sign_in;
pub mod totp;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::audit::{self, Event};
use super::notices::{self, Recipients};
use super::operation::Operation;
use super::{App, DomainError, ValidationErrors, keys, known_clients, usernames};
use crate::mail::Attached;
use crate::store::{Account, StoreError, TotpFactor, Writer};

/// State that the browser keeps for the server, encrypted: it can neither read nor modify it.
#[derive(Clone)]
pub struct Sealed(String);

impl Sealed {
    pub fn new(text: &str) -> Sealed {
        Sealed(text.to_owned())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    fn seal(app: &App, purpose: &str, state: &impl Serialize) -> Sealed {
        let plain = serde_json::to_vec(state).unwrap_or_default();
        Sealed(URL_SAFE_NO_PAD.encode(keys::seal(&app.secret, purpose, &plain, app.random())))
    }

    fn open<T: DeserializeOwned>(&self, app: &App, purpose: &str) -> Option<T> {
        let sealed = URL_SAFE_NO_PAD.decode(&self.0).ok()?;
        serde_json::from_slice(&keys::open(&app.secret, purpose, &sealed)?).ok()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

/// A factor as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    pub id: i64,
    pub name: String,
    pub created: DateTime<Utc>,
    pub last_used: Option<DateTime<Utc>>,
}

impl From<TotpFactor> for Factor {
    fn from(device: TotpFactor) -> Factor {
        let TotpFactor { id, name, created, last_used, .. } = device;
        Factor { id, name, created, last_used }
    }
}

/// The factors of an account, and the number of its recovery codes that are still good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    pub factors: Vec<Factor>,
    pub recovery_codes: i64,
}

/// A code that matches. It counts once it is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Totp { device: i64, step: i64 },
    RecoveryCode { digest: [u8; 32] },
}

impl Match {
    /// The audit trail's word for it.
    fn name(self) -> &'static str {
        match self {
            Match::Totp { .. } => "totp",
            Match::RecoveryCode { .. } => "recovery code",
        }
    }

    /// False if another request was faster.
    fn use_up(self, w: &Writer<'_>, app: &App, account_id: i64) -> Result<bool, StoreError> {
        match self {
            Match::Totp { device, step } => {
                w.totp_device_use_step(account_id, device, step, app.now())
            }
            Match::RecoveryCode { digest } => w.recovery_code_use(account_id, &digest),
        }
    }
}

/// # Errors
///
/// Only the store's.
pub async fn overview(app: &App, account_id: i64) -> Result<Overview, DomainError> {
    let read = app.store.read(|r| {
        Ok::<_, StoreError>(Overview {
            factors: r.totp_device_list(account_id)?.into_iter().map(Factor::from).collect(),
            recovery_codes: r.recovery_code_count(account_id)?,
        })
    });
    Ok(read.await?)
}

/// Under INVENTREE_LOGIN_ENFORCE_MFA: rejects tokens and sessions of an account that has no second
/// factor yet. Sessions of one that has were opened with it, or set it up.
///
/// # Errors
///
/// [`DomainError::MfaRequired`], the store's.
pub async fn require_one_if_enforced(app: &App, account_id: i64) -> Result<(), DomainError> {
    let is_missing =
        app.rules.mfa_enforced && !app.store.read(|r| r.totp_device_exists(account_id)).await?;
    if is_missing { Err(DomainError::MfaRequired) } else { Ok(()) }
}

/// Removes a factor; with the last one the recovery codes go too.
///
/// # Errors
///
/// [`DomainError::NotFound`] if the account has no such factor, [`DomainError::Forbidden`] for the
/// last one where the operator enforces one.
pub async fn remove(op: &Operation, account: &Account, id: i64) -> Result<(), DomainError> {
    let told = notices::recipients(op, account).await?;
    let account = account.clone();
    let write = op.write(move |w, op| {
        let account_id = account.id;
        let name = w.totp_device_delete_own(account_id, id)?.ok_or(DomainError::NotFound)?;
        if !w.totp_device_exists(account_id)? {
            if op.rules.mfa_enforced {
                return Err(DomainError::Forbidden(
                    "This server requires a second factor. Set up another one before you remove \
                     this one.",
                ));
            }
            w.recovery_code_delete_all(account_id)?;
        }
        notices::queue(w, op, &told, &account, Attached::FactorGone(&name))?;
        audit::record(w, op, Event::FactorRemoved, account_id, &name)?;
        Ok(())
    });
    write.await?;
    op.outbox.wake();
    Ok(())
}

/// Removes all factors of an account, for an operator. Returns their number.
///
/// # Errors
///
/// Only the store's.
pub async fn reset(op: &Operation, account_id: i64) -> Result<usize, DomainError> {
    let write = op.write(move |w, op| {
        let removed = delete_all(w, account_id)?;
        let detail = format!("{removed} second factor{}", if removed == 1 { "" } else { "s" });
        audit::record(w, op, Event::FactorsReset, account_id, &detail)?;
        Ok(removed)
    });
    write.await
}

/// Deletes all second factors of an account and returns their number.
///
/// # Errors
///
/// Only the store's.
pub(super) fn delete_all(w: &Writer<'_>, account_id: i64) -> Result<usize, StoreError> {
    w.recovery_code_delete_all(account_id)?;
    w.totp_device_delete_all(account_id)
}

/// Proves a session's owner again by a code (step-up).
///
/// # Errors
///
/// [`DomainError::Invalid`] under `code` if it is wrong, [`DomainError::NotFound`] if the session
/// has ended in the meantime.
pub async fn reauthenticate(
    op: &Operation,
    account: &Account,
    session: [u8; 32],
    code: &str,
) -> Result<(), DomainError> {
    let (id, now) = (account.id, op.now());
    with_code(op, account, code, move |w, op, found| {
        if !w.session_set_auth_time(&session, id, now)? {
            return Err(DomainError::NotFound);
        }
        audit::record(w, op, Event::Reauthenticated, id, found.name())?;
        Ok(())
    })
    .await
}

/// Checks a code, and runs `then` in the transaction that uses it up.
///
/// # Errors
///
/// [`DomainError::Invalid`] under `code`, [`DomainError::Throttled`], those of `then`.
async fn with_code<T: Send + 'static>(
    op: &Operation,
    account: &Account,
    code: &str,
    then: impl Fn(&Writer<'_>, &Operation, Match) -> Result<T, DomainError> + Send + 'static,
) -> Result<T, DomainError> {
    let key = usernames::username_key(&account.username);
    let standing = known_clients::standing(op, &key);
    let attempt = op.limits.reserve_code(account.id, &op.client, standing).await?;
    let id = account.id;
    let found = match find(op, id, code).await {
        Ok(found) => found,
        Err(error) => {
            op.limits.refund(attempt).await;
            return Err(error);
        }
    };
    let told = match found {
        Some(Match::RecoveryCode { .. }) => notices::recipients(op, account).await?,
        _ => Recipients::default(),
    };
    let owner = account.clone();
    let done = match found {
        None => Ok(None),
        Some(found) => {
            let write = op.write(move |w, op| {
                if !found.use_up(w, op, id)? {
                    return Ok(None);
                }
                if matches!(found, Match::RecoveryCode { .. }) {
                    let used = Attached::RecoveryCodeUsed;
                    notices::queue(w, op, &told, &owner, used)?;
                    audit::record(w, op, Event::RecoveryCodeUsed, id, "")?;
                }
                then(w, op, found).map(Some)
            });
            write.await
        }
    };
    match done {
        Ok(Some(done)) => {
            op.limits.refund(attempt).await;
            op.outbox.wake();
            Ok(done)
        }
        Ok(None) => {
            audit::note_failed_factor(op, id);
            let wrong = "This code is wrong, too old, or was used before.";
            Err(ValidationErrors::of("code", wrong).into())
        }
        Err(error) => {
            op.limits.refund(attempt).await;
            Err(error)
        }
    }
}

/// The code of a device, or a recovery code.
async fn find(app: &App, account_id: i64, code: &str) -> Result<Option<Match>, DomainError> {
    let code: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    if code.len() != totp::DIGITS || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        let Some(digest) = recovery::digest(app, account_id, &code) else { return Ok(None) };
        let is_known = app.store.read(|r| r.recovery_code_exists(account_id, &digest)).await?;
        return Ok(is_known.then_some(Match::RecoveryCode { digest }));
    }
    let devices = app.store.read(|r| r.totp_device_list(account_id)).await?;
    let now = app.now().timestamp();
    Ok(devices.iter().find_map(|device| {
        let secret = totp::open(app, account_id, &device.sealed_secret)?;
        Some(Match::Totp { device: device.id, step: totp::matching_step(&secret, now, &code)? })
    }))
}
