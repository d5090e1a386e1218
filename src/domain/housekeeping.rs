//! What goes by itself when its time is over: sessions, and tokens that nobody needs to be told of any more.
//!
//! It deletes in small batches, each a write of its own, so that requests are never held up for long.

use chrono::{DateTime, Days, Duration, Utc};

use super::accounts::{Ended, end_all};
use super::audit::{self, Event};
use super::client::Client;
use super::{Domain, Refusal};

/// Rows of one write: some milliseconds.
const BATCH: u16 = 500;

/// Between two writes: another process does not queue for the database, it looks now and then whether it is free.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// A client with an expired token is told so for this long; then the token is as unknown as any other.
const DAYS_TOKENS_ARE_KEPT: u64 = 30;

/// Deletes what has expired.
///
/// # Errors
///
/// The store's; what was deleted before stays deleted.
pub async fn clear_expired(domain: &Domain) -> Result<Ended, Refusal> {
    let now = domain.now();
    let day = now.date_naive().checked_sub_days(Days::new(DAYS_TOKENS_ARE_KEPT)).unwrap_or_default();
    let mut ended = Ended { sessions: 0, tokens: 0 };
    loop {
        let write = domain.store.write(move |w| {
            let sessions = w.session_delete_expired(now, BATCH.into())?;
            let ended = Ended { sessions, tokens: w.token_delete_expired(day, BATCH.into())? };
            Ok::<_, Refusal>((ended, w.social_spent_delete_expired(now, BATCH.into())?))
        });
        let (batch, spent) = write.await?;
        ended.sessions += batch.sessions;
        ended.tokens += batch.tokens;
        if batch.sessions.max(batch.tokens).max(spent) < BATCH.into() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    close_unconfirmed(domain).await?;
    trim_audit(domain).await?;
    Ok(ended)
}

/// Closes accounts whose address was not proved in time, where only addresses of some domains may sign up: what was made
/// with an address that its maker does not hold must not stay open.
async fn close_unconfirmed(domain: &Domain) -> Result<(), Refusal> {
    if domain.rules.signup_domains.is_empty() {
        return Ok(());
    }
    loop {
        let now = domain.now();
        let write = domain.write(move |w, domain| {
            let unconfirmed = w.account_list_unconfirmed(now, BATCH.into())?;
            for id in &unconfirmed {
                w.account_set_active(*id, false)?;
                w.account_clear_confirm_by(*id)?;
                end_all(w, *id)?;
                audit::record(w, domain, Event::NotConfirmed, *id, &Client::operator(), "")?;
            }
            Ok(unconfirmed.len())
        });
        if write.await? < BATCH.into() {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Deletes what is too old of the audit trail, and says so in it.
async fn trim_audit(domain: &Domain) -> Result<(), Refusal> {
    let before = audit::horizon(domain);
    if !domain.store.read(|r| r.audit_exists_before(before)).await? {
        return Ok(());
    }
    let mut is_first = true;
    loop {
        let write = domain.write(move |w, domain| {
            if is_first && w.audit_exists_before(before)? {
                // Before it goes: what is deleted must be older than the newest entry by a month.
                let detail = format!("before {}", before.format("%Y-%m-%d"));
                audit::record(w, domain, Event::AuditTrimmed, None, &Client::operator(), &detail)?;
            }
            Ok(w.audit_delete_before(before, BATCH.into())?)
        });
        if write.await? < BATCH.into() {
            return Ok(());
        }
        is_first = false;
        tokio::time::sleep(PAUSE).await;
    }
}

/// When the next sweep is due: at once, and then a day after the last that succeeded.
pub struct Sweep {
    domain: Domain,
    due: DateTime<Utc>,
}

impl Sweep {
    pub fn new(domain: Domain) -> Sweep {
        Sweep { due: domain.now(), domain }
    }

    /// Sweeps if it is time to; asked every minute or so.
    ///
    /// # Errors
    ///
    /// The store's; the sweep stays due.
    pub async fn if_due(&mut self) -> Result<Option<Ended>, Refusal> {
        let now = self.domain.now();
        if now < self.due {
            return Ok(None);
        }
        let ended = clear_expired(&self.domain).await?;
        self.due = now + Duration::days(1);
        Ok(Some(ended))
    }
}
