//! Recovery codes of an account, found by a keyed digest.
//!
//! This file never sees a code.

use super::values::params;
use super::{Reader, StoreError, Writer};

impl Reader<'_> {
    /// Number of codes that are still good.
    pub fn recovery_code_count(&self, account_id: i64) -> Result<i64, StoreError> {
        self.value("SELECT COUNT(*) FROM recovery_codes WHERE account_id = $1", params![account_id])
    }

    pub fn recovery_code_exists(
        &self,
        account_id: i64,
        digest: &[u8; 32],
    ) -> Result<bool, StoreError> {
        self.value(
            "SELECT EXISTS (SELECT 1 FROM recovery_codes WHERE account_id = $1 AND digest = $2)",
            params![account_id, digest],
        )
    }
}

impl Writer<'_> {
    pub fn recovery_code_insert(
        &self,
        account_id: i64,
        digest: &[u8; 32],
    ) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO recovery_codes (account_id, digest) VALUES ($1, $2)",
            params![account_id, digest],
        )?;
        Ok(())
    }

    /// Uses a code up; false if it was used before.
    pub fn recovery_code_use(
        &self,
        account_id: i64,
        digest: &[u8; 32],
    ) -> Result<bool, StoreError> {
        Ok(self.execute(
            "DELETE FROM recovery_codes WHERE account_id = $1 AND digest = $2",
            params![account_id, digest],
        )? > 0)
    }

    pub fn recovery_code_delete_all(&self, account_id: i64) -> Result<usize, StoreError> {
        self.execute("DELETE FROM recovery_codes WHERE account_id = $1", params![account_id])
    }
}
