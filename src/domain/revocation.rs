//! Ends the sessions and tokens of an account.

use crate::store::{StoreError, Writer};

/// Numbers of ended sessions and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    pub sessions: usize,
    pub tokens: usize,
}

/// Ends all sessions and tokens of an account.
pub(super) fn revoke_all(w: &Writer<'_>, id: i64) -> Result<Revoked, StoreError> {
    Ok(Revoked {
        sessions: w.session_delete_others(id, None)?,
        tokens: w.token_delete_others(id, None)?,
    })
}
