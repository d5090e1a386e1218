//! Signed keys for emailed links; they are not stored.
//!
//! A confirmation key identifies an address row, a reset token the state of an account. Both are
//! HMAC-SHA256 under a key derived from INVENTREE_SECRET_KEY for one purpose (one label each), so a
//! database dump contains nothing that grants access. The formats are Django's, since links of v291
//! use them: `<row>:<time>:<signature>` and `uid=<base36>&token=<base36 time>-<32 hex>`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, Payload};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::store::{Account, EmailAddress};

/// Digest of the server's secret key. No Display; redacted in Debug output.
#[derive(Clone)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    pub fn new(bytes: &[u8]) -> SecretKey {
        SecretKey(Sha256::digest(bytes).into())
    }

    /// Derives a key for one purpose; it reveals nothing about the others.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        mac(&self.0, &[purpose.as_bytes()])
    }

    /// Identifies the key without revealing it.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.derive("fingerprint")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// Digest under which a random secret (token, session id) is stored. An unsalted hash is enough for
/// 128 bits or more.
pub fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

pub const NONCE_BYTES: usize = 24;

/// Encrypts under a key for one purpose. The nonce must be random: 24 bytes do not collide.
pub fn seal(secret: &SecretKey, purpose: &str, plain: &[u8], nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
    seal_for(secret, purpose, Payload { msg: plain, aad: &[] }, nonce)
}

/// Decrypts the output of [`seal`]; `None` if the key or purpose differs or the data was modified.
pub fn open(secret: &SecretKey, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    XChaCha20Poly1305::new(&secret.derive(purpose).into()).decrypt(nonce.into(), sealed).ok()
}

/// Encrypts a second factor's key, bound to its account: the ciphertext is useless in another
/// account's row.
pub fn seal_second_factor(
    secret: &SecretKey,
    account_id: i64,
    key: &[u8],
    nonce: [u8; NONCE_BYTES],
) -> Vec<u8> {
    seal_for(secret, "second-factor", Payload { msg: key, aad: &account_id.to_be_bytes() }, nonce)
}

/// Decrypts the output of [`seal_second_factor`] for the same account.
pub fn open_second_factor(secret: &SecretKey, account_id: i64, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload { msg: sealed, aad: &account_id.to_be_bytes() };
    XChaCha20Poly1305::new(&secret.derive("second-factor").into())
        .decrypt(nonce.into(), payload)
        .ok()
}

fn seal_for(
    secret: &SecretKey,
    purpose: &str,
    payload: Payload<'_, '_>,
    nonce: [u8; NONCE_BYTES],
) -> Vec<u8> {
    let cipher = XChaCha20Poly1305::new(&secret.derive(purpose).into());
    let mut sealed = nonce.to_vec();
    // Encryption only fails beyond 256 GiB.
    sealed.extend(cipher.encrypt(&nonce.into(), payload).unwrap_or_default());
    sealed
}

/// The state of an emailed link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    Good,
    /// It was good, and has done its work.
    Used,
    Bad,
}

impl LinkState {
    pub fn name(self) -> &'static str {
        match self {
            LinkState::Good => "good",
            LinkState::Used => "used",
            LinkState::Bad => "bad",
        }
    }
}

/// Signs the key of a confirmation email.
pub fn confirmation_key(secret: &SecretKey, address: &EmailAddress, now: DateTime<Utc>) -> String {
    let row = URL_SAFE_NO_PAD.encode(address.id.to_string());
    let time = base36(now.timestamp().unsigned_abs());
    let signature = URL_SAFE_NO_PAD.encode(confirmation_mac(secret, address, &time));
    format!("{row}:{time}:{signature}")
}

/// Row id of a confirmation key, unverified; see [`confirmation_key_is_good`].
pub fn read_confirmation_key(key: &str) -> Option<i64> {
    let (row, _) = key.split_once(':')?;
    String::from_utf8(URL_SAFE_NO_PAD.decode(row).ok()?).ok()?.parse().ok()
}

/// Whether the key was signed by this server for the row as it is now, at most `days` ago.
pub fn confirmation_key_is_good(
    secret: &SecretKey,
    key: &str,
    address: &EmailAddress,
    now: DateTime<Utc>,
    days: i64,
) -> bool {
    let mut parts = key.split(':');
    let (Some(_), Some(time), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
    let expected = confirmation_mac(secret, address, time);
    equal(&expected, &signature) && is_younger_than(time, now, days)
}

fn confirmation_mac(secret: &SecretKey, address: &EmailAddress, time: &str) -> [u8; 32] {
    let id = address.id.to_string();
    mac(
        &secret.derive("confirm-email"),
        &[id.as_bytes(), address.email.as_bytes(), time.as_bytes()],
    )
}

/// The state that a reset link signs. The link becomes invalid when the password, the last login,
/// the email address or the set of address rows changes.
pub struct ResetState<'a> {
    pub account: &'a Account,
    /// The oldest address rows, at most [`MAX_SIGNED_ROWS`].
    pub rows: &'a [EmailAddress],
    /// Id of the newest row, which reveals most changes beyond `rows`.
    pub last_row: i64,
    /// The row that using the link verifies: the unverified address to which it was sent.
    pub proves: Option<i64>,
}

/// Accounts from an earlier version may have any number of rows.
pub const MAX_SIGNED_ROWS: usize = 100;

/// `uid` and `token` of a reset link.
pub fn reset_token(
    secret: &SecretKey,
    state: &ResetState<'_>,
    now: DateTime<Utc>,
) -> (String, String) {
    let time = base36(now.timestamp().unsigned_abs());
    let signature = hex(&reset_mac(secret, state, &time)[..16]);
    (base36(state.account.id.unsigned_abs()), format!("{time}-{signature}"))
}

/// Account id of a reset link's `uid`.
pub fn read_reset_uid(uid: &str) -> Option<i64> {
    if uid.is_empty() || uid.len() > 13 || !uid.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    i64::from_str_radix(uid, 36).ok()
}

/// Django's PASSWORD_RESET_TIMEOUT.
pub const RESET_DAYS: i64 = 3;

/// Whether the token was signed by this server for the account as it is now, within [`RESET_DAYS`].
pub fn reset_token_is_good(
    secret: &SecretKey,
    token: &str,
    state: &ResetState<'_>,
    now: DateTime<Utc>,
) -> bool {
    let Some((time, signature)) = token.split_once('-') else { return false };
    let expected = hex(&reset_mac(secret, state, time)[..16]);
    equal(expected.as_bytes(), signature.as_bytes()) && is_younger_than(time, now, RESET_DAYS)
}

fn reset_mac(secret: &SecretKey, state: &ResetState<'_>, time: &str) -> [u8; 32] {
    let ResetState { account, rows, last_row, proves } = state;
    let id = account.id.to_string();
    let last_login =
        account.last_login.map(|at| at.timestamp_micros().to_string()).unwrap_or_default();
    let mut signed = String::new();
    for row in *rows {
        signed.push_str(&format!("{}={};", row.id, row.email));
    }
    if rows.len() >= MAX_SIGNED_ROWS {
        signed.push_str(&format!("{last_row};"));
    }
    if let Some(row) = proves {
        signed.push_str(&format!("proves {row};"));
    }
    let parts = [&id, &account.password, &last_login, &account.email, &signed, time];
    mac(&secret.derive("reset-password"), &parts.map(str::as_bytes))
}

fn is_younger_than(time: &str, now: DateTime<Utc>, days: i64) -> bool {
    let Ok(signed) = i64::from_str_radix(time, 36) else { return false };
    let age = now.timestamp().saturating_sub(signed);
    age <= days.saturating_mul(86_400)
}

/// HMAC-SHA256 over length-prefixed parts, so that no two lists of parts collide.
pub(super) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key of block size is used as is; shorter ones are zero-padded (RFC 2104).
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

pub(super) fn equal(a: &[u8], b: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(a, b).into()
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).unwrap_or_default();
        digits.extend(char::from_digit(digit, 36));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_second_factor_opens_for_its_account_only() {
        let (secret, other) = (SecretKey::new(b"one"), SecretKey::new(b"two"));
        let sealed = seal_second_factor(&secret, 7, b"00ff", [5; NONCE_BYTES]);
        let open = |secret: &SecretKey, account_id: i64| {
            let cipher = XChaCha20Poly1305::new(&secret.derive("second-factor").into());
            let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
            let payload = Payload { msg: sealed, aad: &account_id.to_be_bytes() };
            cipher.decrypt(nonce.into(), payload).ok()
        };
        assert_eq!(open(&secret, 7).as_deref(), Some(&b"00ff"[..]));
        assert_eq!(open(&secret, 8), None);
        assert_eq!(open(&other, 7), None);
    }
}
