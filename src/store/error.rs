//! What can go wrong in the store, in words that name no engine.
//!
//! Each engine's file makes them of that engine's codes and texts. None may ever put a bound value into a message: values
//! may be secrets.

use std::fmt;

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

impl From<r2d2::Error> for StoreError {
    fn from(error: r2d2::Error) -> Self {
        StoreError::Unavailable(error.to_string())
    }
}
