//! Deletion of an account by its owner: all sessions end at once, and the account is deleted after
//! a grace period of a week.
//!
//! A sign-in within that week cancels the deletion. The audit trail keeps its entries under the
//! account's id, which is never reused; the name is deleted with the account.

use chrono::{DateTime, Duration, Utc};

use super::audit::{self, Event};
use super::operation::Operation;
use super::revocation::revoke_all;
use super::{DomainError, notices};
use crate::mail::Notice;
use crate::store::{Account, StoreError, Writer};

/// Between the request and the deletion.
const GRACE_DAYS: i64 = 7;

/// Accounts that one transaction deletes, each with all that it owns.
const BATCH: u16 = 20;

/// Signs the account out everywhere and schedules its deletion. Returns when it is due.
///
/// # Errors
///
/// Only the store's.
pub async fn request(op: &Operation, account: &Account) -> Result<DateTime<Utc>, DomainError> {
    let recipients = notices::recipients(op, account, Event::DeletionRequested).await?;
    let (due, account) = (op.now() + Duration::days(GRACE_DAYS), account.clone());
    let write = op.write(move |w, op| {
        w.deletion_insert(account.id, due)?;
        revoke_all(w, account.id)?;
        let day = due.format("%Y-%m-%d").to_string();
        notices::queue(w, op, &recipients, &account, Notice::Deletion(&day))?;
        audit::record(w, op, Event::DeletionRequested, account.id, &day)?;
        Ok(due)
    });
    let due = write.await?;
    op.outbox.wake();
    Ok(due)
}

/// Cancels a pending deletion, called at a sign-in.
pub(super) fn cancel(w: &Writer<'_>, op: &Operation, account_id: i64) -> Result<(), StoreError> {
    if w.deletion_remove(account_id)? {
        audit::record(w, op, Event::DeletionCancelled, account_id, "")?;
    }
    Ok(())
}

/// Deletes accounts that are due, a batch each transaction. Returns whether more may be due.
pub(super) async fn delete_due(op: &Operation) -> Result<bool, DomainError> {
    let now = op.now();
    let write = op.write(move |w, op| {
        let due = w.deletion_list_due(now, BATCH.into())?;
        for id in &due {
            w.account_delete(*id)?;
            audit::record(w, op, Event::Deleted, *id, "by its owner")?;
        }
        Ok(due.len())
    });
    Ok(write.await? >= BATCH.into())
}
