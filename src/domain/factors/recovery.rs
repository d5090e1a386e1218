//! Recovery codes: ten for the day that a device is lost. Each is shown once and works once.
//!
//! A code has 51 bits, too few for a plain digest: the stored one is an HMAC under a key derived
//! from the secret key.

use std::ops::RangeInclusive;

use super::super::audit::{self, Event};
use super::super::keys::{self, SecretKey};
use super::super::operation::Operation;
use super::super::{App, DomainError, notices};
use crate::mail::Notice;
use crate::store::{Account, StoreError, Writer};

const CODES: usize = 10;
const CHARACTERS: usize = 10;
/// Lengths of stored codes: those of InvenTree have eight characters, or as many as an operator
/// chose.
const STORED_CHARACTERS: RangeInclusive<usize> = 8..=16;

/// New codes, not stored yet, as they are shown: two groups of five.
pub(super) fn generate(app: &App) -> Vec<String> {
    let code = || {
        let text = app.random_text::<CHARACTERS>();
        let (first, second) = text.split_at(CHARACTERS / 2);
        format!("{first}-{second}")
    };
    std::iter::repeat_with(code).take(CODES).collect()
}

/// The stored digest of a code, without its blanks and hyphens; `None` if it is no code.
pub(in super::super) fn digest(
    secret: &SecretKey,
    account_id: i64,
    code: &str,
) -> Option<[u8; 32]> {
    let mut code: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    code.make_ascii_lowercase();
    let is_code = STORED_CHARACTERS.contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then(|| {
        let key = secret.derive("recovery-code");
        keys::mac(&key, &[&account_id.to_be_bytes(), code.as_bytes()])
    })
}

/// Stores these codes in place of the former ones.
pub(super) fn replace(
    w: &Writer<'_>,
    app: &App,
    account_id: i64,
    codes: &[String],
) -> Result<(), StoreError> {
    w.recovery_code_delete_all(account_id)?;
    for code in codes {
        if let Some(digest) = digest(&app.secret, account_id, code) {
            w.recovery_code_insert(account_id, &digest)?;
        }
    }
    Ok(())
}

/// Makes new codes; the former ones are void.
///
/// # Errors
///
/// [`DomainError::Forbidden`] for an account without a second factor.
pub async fn renew(op: &Operation, account: &Account) -> Result<Vec<String>, DomainError> {
    let codes = generate(op);
    let recipients = notices::recipients(op, account, Event::RecoveryCodesMade).await?;
    let account = account.clone();
    let write = op.write(move |w, op| {
        let account_id = account.id;
        if !w.second_factor_exists(account_id)? {
            return Err(DomainError::Forbidden("Set up a second factor first."));
        }
        replace(w, op, account_id, &codes)?;
        notices::queue(w, op, &recipients, &account, Notice::RecoveryCodesMade)?;
        audit::record(w, op, Event::RecoveryCodesMade, account_id, "")?;
        Ok(codes.clone())
    });
    let codes = write.await?;
    op.outbox.wake();
    Ok(codes)
}
