//! Addresses that end with a new password or a new owner, in batches: accounts from an earlier
//! version may have any number.

use super::App;
use crate::store::{Account, StoreError, Writer};

/// Rows per write transaction: some milliseconds.
const BATCH: u16 = 500;

/// Addresses still to be deleted, beyond the batch of one write.
#[derive(Debug, Clone, Copy)]
#[must_use = "the remaining rows must be deleted before the response"]
pub(super) struct UndeletedAddresses {
    pub account_id: i64,
    pub keep: i64,
    pub last: i64,
    pub unproved_alone: bool,
}

impl UndeletedAddresses {
    /// Deletes a batch; returns the remainder and how many rows were deleted.
    pub fn delete(self, w: &Writer<'_>) -> Result<(Option<UndeletedAddresses>, usize), StoreError> {
        let UndeletedAddresses { account_id, keep, last, unproved_alone } = self;
        let deleted = match unproved_alone {
            true => w.email_address_delete_unproved(account_id, keep, last, BATCH.into())?,
            false => w.email_address_delete_others(account_id, keep, last, BATCH.into())?,
        };
        Ok(((deleted == usize::from(BATCH)).then_some(self), deleted))
    }
}

/// Deletes added, unverified addresses, with a new password: a key emailed to one would give access
/// to the account again.
pub(super) fn delete_unproved(
    w: &Writer<'_>,
    account: &Account,
) -> Result<Option<UndeletedAddresses>, StoreError> {
    let keep = w.email_address_find_by_email(account.id, &account.email)?.map_or(0, |row| row.id);
    let last = w.email_address_last_id(account.id)?;
    let leftover = UndeletedAddresses { account_id: account.id, keep, last, unproved_alone: true };
    leftover.delete(w).map(|(left, _)| left)
}

/// Deletes the remaining batches.
///
/// # Errors
///
/// The store's.
pub(super) async fn delete_remaining(
    app: &App,
    leftover: Option<UndeletedAddresses>,
) -> Result<(), StoreError> {
    let mut leftover = leftover;
    while let Some(left) = leftover {
        leftover = app.store.write(move |w| left.delete(w).map(|(left, _)| left)).await?;
    }
    Ok(())
}
