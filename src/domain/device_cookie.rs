//! The format of the device cookie, by which an account knows a browser. It authenticates no one:
//! see [`super::known_clients`].

use std::fmt;

/// One year. The cookie's entries become invalid with the password.
pub const DEVICE_COOKIE_SECONDS: i64 = 31_536_000;

/// Accounts in one cookie; the least recently used is dropped.
pub(super) const MAX_ENTRIES: usize = 4;

pub(super) const ID_BYTES: usize = 12;
pub(super) const MAC_BYTES: usize = 16;
pub(super) const ENTRY_BYTES: usize = ID_BYTES + MAC_BYTES;
/// Length in base64url.
const ENTRY_CHARACTERS: usize = 38;

/// The device cookie: one entry per account, a random id with a MAC over the id and the account's
/// password hash. It names no account, and cannot be matched to one without the server's key.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceCookie(String);

impl fmt::Debug for DeviceCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceCookie(…)")
    }
}

impl DeviceCookie {
    /// Parses a cookie value; `None` if the format is not ours.
    pub fn read(value: &str) -> Option<DeviceCookie> {
        let is_entry = |text: &str| {
            text.len() == ENTRY_CHARACTERS
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        let is_ours =
            value.len() <= MAX_ENTRIES * (ENTRY_CHARACTERS + 1) && value.split('.').all(is_entry);
        is_ours.then(|| DeviceCookie(value.to_owned()))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn of(entries: &[&str]) -> DeviceCookie {
        DeviceCookie(entries.join("."))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &str> {
        self.0.split('.').take(MAX_ENTRIES)
    }
}
