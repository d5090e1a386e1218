//! An authenticated caller and the credential that was verified.

use specbound::ApiError;

use super::AppState;
use crate::domain::sessions;
use crate::store::Account;

/// The credential that was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    Token { id: i64 },
    Basic,
    Session { digest: [u8; 32] },
}

/// An authenticated caller.
#[derive(Debug)]
pub struct SignedIn {
    pub account: Account,
    pub credential: Credential,
}

impl SignedIn {
    /// Step-up authentication: a session needs a sign-in or password check within the last minutes.
    /// A token or a password sent with the request needs none.
    ///
    /// # Errors
    ///
    /// 403 for a session whose last authentication is older.
    pub async fn require_recent_auth(&self, server: &AppState) -> Result<(), ApiError> {
        match self.credential {
            Credential::Session { digest } => {
                Ok(sessions::require_recent_auth(&server.app, &digest).await?)
            }
            Credential::Token { .. } | Credential::Basic => Ok(()),
        }
    }
}
