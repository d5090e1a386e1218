//! The report of an import: its counts, or its conflicts. It must never show a password hash, a key
//! or a provider's data.

use std::collections::BTreeMap;
use std::fmt;

use super::super::django_hashes::UnusableHash;

/// Result of an import or a dry run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    pub accounts: ImportCount,
    pub email_addresses: ImportCount,
    pub tokens: ImportCount,
    pub social_accounts: ImportCount,
    pub totp_devices: ImportCount,
    pub recovery_codes: ImportCount,
    /// Static tokens of new accounts that no recovery code can be like.
    pub unusable_codes: u64,
    /// Memberships of groups.
    pub memberships: ImportCount,
    /// Addresses converted to lower case.
    pub lowered: u64,
    /// New accounts by password format.
    pub formats: BTreeMap<&'static str, u64>,
    /// New accounts whose name begins or ends with a blank, which no login can send.
    pub blank_names: Vec<(i64, String)>,
    /// New accounts whose password hash cannot be verified.
    pub locked: Vec<LockedAccount>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ImportCount {
    pub new: u64,
    /// Skipped because their account existed already, even if they have been deleted since.
    pub present: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedAccount {
    pub account_id: i64,
    pub username: String,
    pub why: UnusableHash,
}

/// Conflicts between the source and the database, or within the source: one sentence each, which
/// names both sides.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Conflicts {
    pub listed: Vec<String>,
    /// Further conflicts, not listed.
    pub more: u64,
}

pub(super) const MAX_LISTED: usize = 1000;

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for conflict in &self.listed {
            writeln!(f, "conflict: {conflict}")?;
        }
        if self.more > 0 {
            writeln!(f, "and {} more", self.more)?;
        }
        let count = self.listed.len() as u64 + self.more;
        write!(
            f,
            "{count} {}: nothing was imported",
            if count == 1 { "conflict" } else { "conflicts" }
        )
    }
}

impl Report {
    fn counts(&self) -> [(&'static str, ImportCount); 7] {
        [
            ("accounts", self.accounts),
            ("email addresses", self.email_addresses),
            ("API tokens", self.tokens),
            ("social accounts", self.social_accounts),
            ("TOTP devices", self.totp_devices),
            ("recovery codes", self.recovery_codes),
            ("group members", self.memberships),
        ]
    }

    pub fn is_noop(&self) -> bool {
        self.counts().iter().all(|(_, count)| count.new == 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, ImportCount { new, present }) in self.counts() {
            writeln!(f, "{name:<16} {new:>9} new {present:>9} existing")?;
        }
        if !self.formats.is_empty() {
            let formats: Vec<String> =
                self.formats.iter().map(|(name, count)| format!("{name} {count}")).collect();
            writeln!(f, "passwords of the new accounts: {}", formats.join(", "))?;
        }
        if self.lowered > 0 {
            writeln!(f, "{} addresses were converted to lower case", self.lowered)?;
        }
        if self.unusable_codes > 0 {
            writeln!(
                f,
                "{} static tokens were not imported: a recovery code has 8 to 16 letters and \
                 digits",
                self.unusable_codes
            )?;
        }
        for (account_id, username) in &self.blank_names {
            writeln!(
                f,
                "account {account_id} {username:?} cannot log in until it is renamed: its name \
                 begins or ends with a blank, which a login drops"
            )?;
        }
        for LockedAccount { account_id, username, why } in &self.locked {
            let why = match why {
                UnusableHash::Unknown => "its password hash has an unknown format",
                UnusableHash::TooCostly => "its password hash has excessive cost parameters",
            };
            writeln!(
                f,
                "account {account_id} {username:?} cannot log in until its password is reset: {why}"
            )?;
        }
        Ok(())
    }
}
