//! Errors of the store, independent of the engine.
//!
//! The modules of the engines map codes and messages to them. No message contains a bound value,
//! which may be a secret.

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A unique constraint is violated.
    #[error("conflict: {0:?}")]
    Conflict(Conflict),
    /// The database cannot serve at the moment; a retry may succeed.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// A defect or a damaged database; a retry does not help.
    #[error("store error: {0}")]
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

impl StoreError {
    /// Refuses the database of InvenTree itself, which is only imported from.
    pub(super) fn inventree_database(name: &dyn std::fmt::Display) -> StoreError {
        StoreError::Other(format!(
            "{name} is InvenTree's own database: import its accounts into one of this server with \
             `inventree-auth import inventree`"
        ))
    }

    /// For failures of the whole transaction, which say nothing about the job of a caller.
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
