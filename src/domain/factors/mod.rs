//! Second factors of an account: TOTP devices, passkeys, and recovery codes for the day that a
//! device is lost.
//!
//! A code is checked only after the password (or provider) was verified, so that nothing reveals
//! which factor an account has. A matching code is consumed in the transaction of the operation, so
//! that it is valid once, on all servers. Wrong codes are counted like wrong passwords.
//! Secrets are encrypted at rest under a key derived from the secret key, recovery codes stored as
//! keyed digests.

pub mod passkey;
pub mod recovery;
pub mod sign_in;
pub mod totp;
pub mod webauthn;

use chrono::{DateTime, Utc};

use super::audit::{self, Event};
use super::notices::{self, Recipients};
use super::operation::Operation;
use super::{App, DomainError, ValidationErrors, accounts, known_clients, sessions, usernames};
use crate::mail::Notice;
use crate::store::{Account, Passkey, StoreError, TotpFactor, Writer};
use passkey::{Assertion, Ceremony};

const MAX_NAME_CHARACTERS: usize = 64;

/// The kinds of factors that an account can have several of. Ids are unique within a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Totp,
    Passkey,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Totp => "totp",
            Kind::Passkey => "passkey",
        }
    }
}

/// A factor as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    pub kind: Kind,
    pub id: i64,
    pub name: String,
    pub created: DateTime<Utc>,
    pub last_used: Option<DateTime<Utc>>,
}

impl From<TotpFactor> for Factor {
    fn from(device: TotpFactor) -> Factor {
        let TotpFactor { id, name, created, last_used, .. } = device;
        Factor { kind: Kind::Totp, id, name, created, last_used }
    }
}

impl From<Passkey> for Factor {
    fn from(passkey: Passkey) -> Factor {
        let Passkey { id, name, created, last_used, .. } = passkey;
        Factor { kind: Kind::Passkey, id, name, created, last_used }
    }
}

/// The factors of an account, and the number of its recovery codes that are still good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    pub factors: Vec<Factor>,
    pub recovery_codes: i64,
}

impl Overview {
    pub fn has(&self, kind: Kind) -> bool {
        self.factors.iter().any(|factor| factor.kind == kind)
    }
}

/// A proof by a second factor, as it was sent. No `Debug`.
pub enum Proof {
    /// A TOTP code or a recovery code.
    Code(String),
    Passkey(Assertion),
}

/// A proof that matches. It is accepted once it has been consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MatchedProof {
    Totp { device: i64, step: i64 },
    RecoveryCode { digest: [u8; 32] },
    Passkey { id: i64, sign_count: i64, ticket: [u8; 32], expires: DateTime<Utc> },
}

impl MatchedProof {
    /// The audit trail's word for it.
    fn name(self) -> &'static str {
        match self {
            MatchedProof::Totp { .. } => "totp",
            MatchedProof::RecoveryCode { .. } => "recovery code",
            MatchedProof::Passkey { .. } => "passkey",
        }
    }

    /// False if another request was faster; then nothing is written.
    fn consume(self, w: &Writer<'_>, app: &App, account_id: i64) -> Result<bool, StoreError> {
        match self {
            MatchedProof::Totp { device, step } => {
                w.totp_device_use_step(account_id, device, step, app.now())
            }
            MatchedProof::RecoveryCode { digest } => w.recovery_code_use(account_id, &digest),
            MatchedProof::Passkey { id, sign_count, ticket, expires } => Ok(!w
                .ticket_is_used(&ticket)?
                && w.passkey_use(account_id, id, sign_count, app.now())?
                && w.ticket_consume(&ticket, expires)?),
        }
    }
}

/// # Errors
///
/// Only the store's.
pub async fn overview(app: &App, account_id: i64) -> Result<Overview, DomainError> {
    let read = app.store.read(|r| {
        Ok::<_, StoreError>(Overview {
            factors: {
                let devices = r.totp_device_list(account_id)?.into_iter().map(Factor::from);
                let passkeys = r.passkey_list(account_id)?.into_iter().map(Factor::from);
                devices.chain(passkeys).collect()
            },
            recovery_codes: r.recovery_code_count(account_id)?,
        })
    });
    Ok(read.await?)
}

/// Under INVENTREE_LOGIN_ENFORCE_MFA: rejects tokens and sessions of an account that has no second
/// factor yet. Sessions of one that has were opened with it, or set it up ([`record_added`]).
///
/// # Errors
///
/// [`DomainError::MfaRequired`], the store's.
pub async fn require_one_if_enforced(app: &App, account_id: i64) -> Result<(), DomainError> {
    let is_missing =
        app.rules.mfa_enforced && !app.store.read(|r| r.second_factor_exists(account_id)).await?;
    if is_missing { Err(DomainError::MfaRequired) } else { Ok(()) }
}

/// Removes a factor; with the last one the recovery codes go too.
///
/// # Errors
///
/// [`DomainError::NotFound`] if the account has no such factor, [`DomainError::Forbidden`] for the
/// last one where the operator enforces one.
pub async fn remove(
    op: &Operation,
    account: &Account,
    kind: Kind,
    id: i64,
) -> Result<(), DomainError> {
    let recipients = notices::recipients(op, account, Event::FactorRemoved).await?;
    let account = account.clone();
    let write = op.write(move |w, op| {
        let account_id = account.id;
        let name = match kind {
            Kind::Totp => w.totp_device_delete_own(account_id, id)?,
            Kind::Passkey => w.passkey_delete_own(account_id, id)?,
        };
        let name = name.ok_or(DomainError::NotFound)?;
        if kind == Kind::Passkey && !is_reachable(w, &account)? {
            return Err(DomainError::Forbidden(
                "This passkey is the only way into your account. Set a password first.",
            ));
        }
        if !w.second_factor_exists(account_id)? {
            if op.rules.mfa_enforced {
                return Err(DomainError::Forbidden(
                    "This server requires a second factor. Set up another one before you remove \
                     this one.",
                ));
            }
            w.recovery_code_delete_all(account_id)?;
        }
        let gone = match kind {
            Kind::Totp => Notice::FactorRemoved(&name),
            Kind::Passkey => Notice::PasskeyRemoved(&name),
        };
        notices::queue(w, op, &recipients, &account, gone)?;
        audit::record(w, op, Event::FactorRemoved, account_id, &name)?;
        Ok(())
    });
    write.await?;
    op.outbox.wake();
    Ok(())
}

/// Whether the account can still be signed in to: by a password, a provider or a passkey.
pub(super) fn is_reachable(w: &Writer<'_>, account: &Account) -> Result<bool, StoreError> {
    Ok(accounts::has_password(account)
        || w.social_account_count(account.id)? > 0
        || !w.passkey_list(account.id)?.is_empty())
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
    Ok(w.totp_device_delete_all(account_id)? + w.passkey_delete_all(account_id)?)
}

/// Proves a session's owner again by a second factor (step-up).
///
/// # Errors
///
/// [`DomainError::Invalid`] if it is wrong, [`DomainError::NotFound`] if the session
/// has ended in the meantime.
pub async fn reauthenticate(
    op: &Operation,
    account: &Account,
    session: [u8; 32],
    proof: &Proof,
) -> Result<(), DomainError> {
    let (id, now) = (account.id, op.now());
    with_proof(op, account, proof, Ceremony::Prove, move |w, op, found| {
        if !w.session_set_auth_time(&session, id, now)? {
            return Err(DomainError::NotFound);
        }
        audit::record(w, op, Event::Reauthenticated, id, found.name())?;
        Ok(())
    })
    .await
}

/// Checks a proof, and runs `then` in the transaction that uses it up.
///
/// # Errors
///
/// [`DomainError::Invalid`], [`DomainError::Throttled`], those of `then`.
async fn with_proof<T: Send + 'static>(
    op: &Operation,
    account: &Account,
    proof: &Proof,
    purpose: Ceremony,
    then: impl Fn(&Writer<'_>, &Operation, MatchedProof) -> Result<T, DomainError> + Send + 'static,
) -> Result<T, DomainError> {
    let key = usernames::username_key(&account.username);
    let client_trust = known_clients::client_trust(op, &key);
    let attempt = op.limits.reserve_code(account.id, &op.client, client_trust).await?;
    let id = account.id;
    let found = match find(op, id, proof, purpose).await {
        Ok(found) => found,
        Err(error) => {
            op.limits.refund(attempt).await;
            return Err(error);
        }
    };
    let recipients = match found {
        Ok(MatchedProof::RecoveryCode { .. }) => {
            notices::recipients(op, account, Event::RecoveryCodeUsed).await?
        }
        _ => Recipients::default(),
    };
    let owner = account.clone();
    let why = match &found {
        Err(why) => why.clone(),
        Ok(MatchedProof::Passkey { .. }) => "passkey, used before".to_owned(),
        Ok(_) => String::new(),
    };
    let done = match found {
        Err(_) => Ok(None),
        Ok(found) => {
            let write = op.write(move |w, op| {
                if !found.consume(w, op, id)? {
                    return Ok(None);
                }
                if matches!(found, MatchedProof::RecoveryCode { .. }) {
                    let used = Notice::RecoveryCodeUsed;
                    notices::queue(w, op, &recipients, &owner, used)?;
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
            audit::record_failed_factor(op, id, &why);
            Err(match proof {
                Proof::Code(_) => {
                    let wrong = "This code is wrong, too old, or was used before.";
                    ValidationErrors::of("code", wrong).into()
                }
                Proof::Passkey(_) => passkey::refused(),
            })
        }
        Err(error) => {
            op.limits.refund(attempt).await;
            Err(error)
        }
    }
}

/// The match of a proof, or for the audit trail why there is none.
async fn find(
    app: &App,
    account_id: i64,
    proof: &Proof,
    purpose: Ceremony,
) -> Result<Result<MatchedProof, String>, DomainError> {
    match proof {
        Proof::Code(code) => Ok(find_code(app, account_id, code).await?.ok_or_else(String::new)),
        Proof::Passkey(sent) => {
            let found = passkey::find(app, account_id, sent, purpose).await?;
            Ok(found.map_err(|why| format!("passkey, {why}")))
        }
    }
}

/// The name of a factor, as its owner typed it.
fn device_name(name: &str) -> Result<String, ValidationErrors> {
    let name: String = name.trim().chars().filter(|c| !c.is_control()).collect();
    if name.chars().count() > MAX_NAME_CHARACTERS {
        let too_long =
            format!("Ensure this field has no more than {MAX_NAME_CHARACTERS} characters.");
        return Err(ValidationErrors::of("name", too_long));
    }
    Ok(name)
}

/// Records a new factor. The first one comes with recovery codes, which are stored and returned,
/// and ends all sessions but the one that added it: they were opened without it.
fn record_added(
    w: &Writer<'_>,
    op: &Operation,
    account_id: i64,
    name: &str,
    codes: Option<&Vec<String>>,
    session: Option<&[u8; 32]>,
) -> Result<Vec<String>, DomainError> {
    audit::record(w, op, Event::FactorAdded, account_id, name)?;
    if let Some(codes) = codes {
        recovery::replace(w, op, account_id, codes)?;
        let ended = w.session_delete_others(account_id, session)?;
        if ended > 0 {
            audit::record(w, op, Event::SessionsEnded, account_id, &sessions::summarize(ended))?;
        }
    }
    Ok(codes.cloned().unwrap_or_default())
}

/// The code of a device, or a recovery code.
async fn find_code(
    app: &App,
    account_id: i64,
    code: &str,
) -> Result<Option<MatchedProof>, DomainError> {
    let code: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    if code.len() != totp::DIGITS || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        let Some(digest) = recovery::digest(&app.secret, account_id, &code) else {
            return Ok(None);
        };
        let is_known = app.store.read(|r| r.recovery_code_exists(account_id, &digest)).await?;
        return Ok(is_known.then_some(MatchedProof::RecoveryCode { digest }));
    }
    let devices = app.store.read(|r| r.totp_device_list(account_id)).await?;
    let now = app.now().timestamp();
    Ok(devices.iter().find_map(|device| {
        let secret = totp::open(app, account_id, &device.sealed_secret)?;
        Some(MatchedProof::Totp {
            device: device.id,
            step: totp::matching_step(&secret, now, &code)?,
        })
    }))
}
