//! Time-based one-time passwords: RFC 6238 with HMAC-SHA-1, six digits and steps of 30 seconds, as
//! every authenticator app has it and django-otp makes it.
//!
//! A secret is shown once, during setup, and becomes active when its owner enters a first code.
//! Until then it is not stored: the page keeps it, encrypted, and sends it back.

use chrono::{DateTime, Duration, Utc};
use data_encoding::{BASE32_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use zeroize::Zeroizing;

use super::super::audit::Event;
use super::super::operation::Operation;
use super::super::sealed::Sealed;
use super::super::{App, DomainError, ValidationErrors, keys, notices};
use super::{device_name, record_added, recovery};
use crate::mail::Notice;
use crate::store::Account;

pub const DIGITS: usize = 6;
const STEP_SECONDS: i64 = 30;
/// Steps before and after the current one that are accepted.
const WINDOW: i64 = 1;
/// As long as the digest, as RFC 4226 (4) recommends.
const SECRET_BYTES: usize = 20;
const SETUP: &str = "totp-setup";
const SETUP_MINUTES: i64 = 15;
const MAX_DEVICES: usize = 10;

/// A new secret for its owner's authenticator app. No `Debug`.
pub struct Setup {
    /// In base32, to type.
    pub secret: String,
    /// For a QR code.
    pub uri: String,
    /// To send back with a code.
    pub setup: Sealed,
}

#[derive(Serialize, Deserialize)]
struct Pending {
    account_id: i64,
    secret: Vec<u8>,
    expires: DateTime<Utc>,
}

/// The code of a time step (RFC 4226, 5.3).
pub fn code(secret: &[u8], step: i64, digits: usize) -> String {
    let Ok(mut hmac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    hmac.update(&step.to_be_bytes());
    let digest = hmac.finalize().into_bytes();
    let offset = usize::from(digest[digest.len() - 1] & 0xf);
    let chosen = digest.iter().skip(offset).take(4);
    let number = chosen.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte)) & 0x7fff_ffff;
    let modulus = 10_u32.pow(u32::try_from(digits).unwrap_or(9).min(9));
    format!("{:0digits$}", number % modulus)
}

/// The time step whose code this is. Every step of the window is compared, in constant time.
pub(super) fn matching_step(secret: &[u8], now: i64, sent: &str) -> Option<i64> {
    let current = now.div_euclid(STEP_SECONDS);
    let steps = (current - WINDOW)..=(current + WINDOW);
    let matches = |step: &i64| keys::equal(code(secret, *step, DIGITS).as_bytes(), sent.as_bytes());
    // The newest: an older one that happens to have the same code would be good again.
    steps.filter(matches).fold(None, |_, step| Some(step))
}

/// The secret of a device. It is stored in hexadecimal, as django-otp stores it.
pub(super) fn open(app: &App, account_id: i64, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let hex = Zeroizing::new(keys::open_second_factor(&app.secret, account_id, sealed)?);
    HEXLOWER_PERMISSIVE.decode(&hex).ok().map(Zeroizing::new)
}

/// Starts to set up a device; nothing is written.
pub fn begin(app: &App, account: &Account) -> Setup {
    let secret = app.random::<SECRET_BYTES>();
    let expires = app.now() + Duration::minutes(SETUP_MINUTES);
    let pending = Pending { account_id: account.id, secret: secret.to_vec(), expires };
    let secret = BASE32_NOPAD.encode(&secret);
    let host = app.rules.site_url.split_once("://").map_or("", |(_, host)| host);
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (issuer, name) = (encoded(host), encoded(&account.username));
    let uri = format!("otpauth://totp/{issuer}:{name}?secret={secret}&issuer={issuer}");
    Setup { secret, uri, setup: Sealed::seal(app, SETUP, &pending) }
}

/// Adds the device if its owner enters a valid code, which is thereby consumed. The first factor of
/// an account comes with recovery codes. `session` adds it.
///
/// # Errors
///
/// [`DomainError::Invalid`] for a wrong code; the same secret can be tried again.
pub async fn confirm(
    op: &Operation,
    account: &Account,
    setup: &Sealed,
    name: &str,
    sent: &str,
    session: Option<[u8; 32]>,
) -> Result<Vec<String>, DomainError> {
    let (now, account_id) = (op.now(), account.id);
    let pending: Option<Pending> = setup.open(op, SETUP);
    let Some(pending) = pending.filter(|p| p.account_id == account_id && now < p.expires) else {
        return Err(ValidationErrors::general("This took too long. Start again.").into());
    };
    let name = device_name(name)?;
    let sent: String = sent.chars().filter(|c| !c.is_whitespace()).collect();
    let Some(step) = matching_step(&pending.secret, now.timestamp(), &sent) else {
        let wrong = "This code does not match. Check the time of your device.";
        return Err(ValidationErrors::of("code", wrong).into());
    };
    let hex = HEXLOWER.encode(&pending.secret);
    let sealed = keys::seal_second_factor(&op.secret, account_id, hex.as_bytes(), op.random());
    let once = keys::mac(&op.secret.derive(SETUP), &[&pending.secret]);
    let codes = recovery::generate(op);
    let recipients = notices::recipients(op, account, Event::FactorAdded).await?;
    let account = account.clone();
    let write = op.write(move |w, op| {
        // The same secret twice would make each code good twice.
        if !w.ticket_consume(&once, pending.expires)? {
            return Err(ValidationErrors::general("This device was added already.").into());
        }
        if w.totp_device_list(account_id)?.len() >= MAX_DEVICES {
            return Err(DomainError::Forbidden(
                "Your account has as many devices as it can have. Remove one first.",
            ));
        }
        let is_first = !w.second_factor_exists(account_id)?;
        let id = w.totp_device_insert(account_id, &name, true, &sealed, now)?;
        w.totp_device_use_step(account_id, id, step, now)?;
        notices::queue(w, op, &recipients, &account, Notice::FactorAdded(&name))?;
        record_added(w, op, account_id, &name, is_first.then_some(&codes), session.as_ref())
    });
    let codes = write.await?;
    op.outbox.wake();
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, for SHA-1.
    #[test]
    fn codes_are_those_of_rfc_6238() {
        let secret = b"12345678901234567890";
        for (time, expected) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(secret, time / STEP_SECONDS, 8), expected, "at {time}");
        }
    }

    /// RFC 4226, appendix D.
    #[test]
    fn codes_are_those_of_rfc_4226() {
        let codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922"];
        for (step, expected) in (0..).zip(codes) {
            assert_eq!(code(b"12345678901234567890", step, DIGITS), expected);
        }
    }

    #[test]
    fn totp_accepts_one_step_of_clock_drift() {
        let (secret, now) = (b"12345678901234567890", 1_111_111_111);
        let current = now / STEP_SECONDS;
        for (step, found) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let step = current + step;
            let expected = found.then_some(step);
            assert_eq!(matching_step(secret, now, &code(secret, step, DIGITS)), expected);
        }
        assert_eq!(matching_step(secret, now, ""), None);
    }
}
