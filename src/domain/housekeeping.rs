//! Periodic cleanup of expired sessions, tokens and audit entries.
//!
//! Deletes in small batches, each its own transaction, so that requests are never blocked for long.

use chrono::{DateTime, Days, Duration, Utc};

use super::audit::{self, Event};
use super::operation::Operation;
use super::revocation::{Revoked, revoke_all};
use super::{App, DomainError, account_deletion};

/// Rows per write transaction: some milliseconds.
const BATCH: u16 = 500;

/// Pause between two transactions. Other processes poll for the database lock instead of queueing,
/// so they need gaps.
const BATCH_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// Retention of expired tokens: until then the response says that a token has expired, afterwards
/// that it is unknown.
const EXPIRED_TOKEN_RETENTION_DAYS: u64 = 30;

/// Deletes expired rows, closes unconfirmed accounts, deletes those whose owner
/// asked for it, and trims the audit trail.
///
/// # Errors
///
/// The store's; earlier batches stay deleted.
pub async fn clear_expired(app: &App) -> Result<Revoked, DomainError> {
    let now = app.now();
    let day = now
        .date_naive()
        .checked_sub_days(Days::new(EXPIRED_TOKEN_RETENTION_DAYS))
        .unwrap_or_default();
    let mut ended = Revoked { sessions: 0, tokens: 0 };
    loop {
        let write = app.store.write(move |w| {
            let sessions = w.session_delete_expired(now, BATCH.into())?;
            let ended = Revoked { sessions, tokens: w.token_delete_expired(day, BATCH.into())? };
            Ok::<_, DomainError>((ended, w.ticket_delete_expired(now, BATCH.into())?))
        });
        let (batch, spent) = write.await?;
        ended.sessions += batch.sessions;
        ended.tokens += batch.tokens;
        if batch.sessions.max(batch.tokens).max(spent) < BATCH.into() {
            break;
        }
        tokio::time::sleep(BATCH_PAUSE).await;
    }
    close_unconfirmed(app).await?;
    while account_deletion::delete_due(&Operation::of_operator(app)).await? {
        tokio::time::sleep(BATCH_PAUSE).await;
    }
    trim_audit(app).await?;
    Ok(ended)
}

/// With a sign-up domain restriction, deactivates accounts whose address was not confirmed in time:
/// their owner may not hold an address of an approved domain.
async fn close_unconfirmed(app: &App) -> Result<(), DomainError> {
    if app.rules.signup_domains.is_empty() {
        return Ok(());
    }
    let op = Operation::of_operator(app);
    loop {
        let now = op.now();
        let write = op.write(move |w, op| {
            let unconfirmed = w.account_list_unconfirmed(now, BATCH.into())?;
            for id in &unconfirmed {
                w.account_set_active(*id, false)?;
                w.account_clear_confirm_by(*id)?;
                revoke_all(w, *id)?;
                audit::record(w, op, Event::NotConfirmed, *id, "")?;
            }
            Ok(unconfirmed.len())
        });
        if write.await? < BATCH.into() {
            return Ok(());
        }
        tokio::time::sleep(BATCH_PAUSE).await;
    }
}

/// Deletes audit entries past retention, and records that.
async fn trim_audit(app: &App) -> Result<(), DomainError> {
    let before = audit::retention_cutoff(app);
    if !app.store.read(|r| r.audit_exists_before(before)).await? {
        return Ok(());
    }
    let op = Operation::of_operator(app);
    let mut is_first = true;
    loop {
        let write = op.write(move |w, op| {
            if is_first && w.audit_exists_before(before)? {
                // Recorded before the deletion: the triggers only allow deleting entries a month
                // older than the newest one.
                let detail = format!("before {}", before.format("%Y-%m-%d"));
                audit::record(w, op, Event::AuditTrimmed, None, &detail)?;
            }
            Ok(w.audit_delete_before(before, BATCH.into())?)
        });
        if write.await? < BATCH.into() {
            return Ok(());
        }
        is_first = false;
        tokio::time::sleep(BATCH_PAUSE).await;
    }
}

/// Runs the cleanup at start, and then a day after each success.
pub struct CleanupJob {
    app: App,
    due: DateTime<Utc>,
}

impl CleanupJob {
    pub fn new(app: App) -> CleanupJob {
        CleanupJob { due: app.now(), app }
    }

    /// Runs the cleanup if it is due. Called about once a minute.
    ///
    /// # Errors
    ///
    /// The store's; the cleanup stays due.
    pub async fn run_if_due(&mut self) -> Result<Option<Revoked>, DomainError> {
        let now = self.app.now();
        if now < self.due {
            return Ok(None);
        }
        let ended = clear_expired(&self.app).await?;
        self.due = now + Duration::days(1);
        Ok(Some(ended))
    }
}
