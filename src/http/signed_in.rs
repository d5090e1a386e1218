//! A caller who proved an account, and with which credential.

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

/// A caller who proved an account.
#[derive(Debug)]
pub struct SignedIn {
    pub account: Account,
    pub credential: Credential,
}

impl SignedIn {
    /// Step-up: a session proves who its owner is by a sign-in or password of the last minutes. A
    /// token or a password with the request is its own proof.
    ///
    /// # Errors
    ///
    /// 403 for a session whose last proof is older.
    pub async fn require_recent_auth(&self, server: &AppState) -> Result<(), ApiError> {
        match self.credential {
            Credential::Session { digest } => {
                Ok(sessions::require_recent_auth(&server.app, &digest).await?)
            }
            Credential::Token { .. } | Credential::Basic => Ok(()),
        }
    }
}
