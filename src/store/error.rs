//! What can go wrong in the store, in words that name no engine.
//!
//! The one place that reads an engine's error codes and texts. It must never put a bound value
//! into a message: values may be secrets.

use std::fmt;

use rusqlite::ErrorCode;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Another row already holds what must be unique.
    Conflict(Conflict),
    /// The database cannot serve now; the same call may succeed later.
    Unavailable(String),
    /// A defect or a damaged database; trying again will not help.
    Other(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    Username,
    /// The account already has this address.
    AccountEmail,
    /// The address is verified, here or on another account.
    VerifiedEmail,
    /// The account already has a primary address.
    PrimaryEmail,
    Token,
    Session,
    SocialAccount,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Conflict(conflict) => write!(f, "conflict: {conflict:?}"),
            StoreError::Unavailable(why) => write!(f, "store unavailable: {why}"),
            StoreError::Other(why) => write!(f, "store error: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// For failures of the transaction itself, which say nothing about the caller's own work.
    pub(super) fn into_unavailable(self) -> StoreError {
        match self {
            StoreError::Other(why) => StoreError::Unavailable(why),
            StoreError::Conflict(_) => StoreError::Unavailable(self.to_string()),
            StoreError::Unavailable(_) => self,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if let rusqlite::Error::SqliteFailure(failure, text) = &error {
            if let Some(conflict) = text.as_deref().and_then(conflict) {
                return StoreError::Conflict(conflict);
            }
            if is_passing(failure.code) {
                return StoreError::Unavailable(error.to_string());
            }
        }
        StoreError::Other(error.to_string())
    }
}

impl From<r2d2::Error> for StoreError {
    fn from(error: r2d2::Error) -> Self {
        StoreError::Unavailable(error.to_string())
    }
}

fn is_passing(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::FileLockingProtocolFailed
    )
}

/// SQLite names the columns of a violated unique index, not the index; each index in
/// `migrations/` therefore covers a list of columns of its own. The comments give the index
/// names, which is what an engine that does name them would report.
fn conflict(text: &str) -> Option<Conflict> {
    match text.strip_prefix("UNIQUE constraint failed: ")? {
        // accounts_username_key
        "accounts.username_key" => Some(Conflict::Username),
        // email_addresses_account_email
        "email_addresses.account_id, email_addresses.email" => Some(Conflict::AccountEmail),
        // email_addresses_verified
        "email_addresses.email" => Some(Conflict::VerifiedEmail),
        // email_addresses_primary
        "email_addresses.account_id" => Some(Conflict::PrimaryEmail),
        // sessions_digest
        "sessions.digest" => Some(Conflict::Session),
        // tokens_digest
        "tokens.digest" => Some(Conflict::Token),
        // social_accounts_provider_uid
        "social_accounts.provider, social_accounts.uid" => Some(Conflict::SocialAccount),
        _ => None,
    }
}
