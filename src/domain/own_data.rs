//! The data that an account's owner may see: its recent activity, and a copy of everything.
//!
//! It never contains a secret, a key or a digest.

use chrono::{DateTime, Days, Utc};

use super::factors::{self, Overview};
use super::{App, DomainError, groups, sessions, tokens};
use crate::store::{
    Account, AuditEntry, AuditFilter, EmailAddress, Session, SocialAccount, StoreError, Token,
};

/// How far back the activity reaches.
const ACTIVITY_DAYS: u64 = 90;

/// Entries of one list.
const MAX_ENTRIES: i64 = 1000;

/// The events of an account, newest first.
///
/// # Errors
///
/// Only the store's.
pub async fn activity(app: &App, account_id: i64) -> Result<Vec<AuditEntry>, DomainError> {
    let since = app.now().checked_sub_days(Days::new(ACTIVITY_DAYS));
    let filter = AuditFilter {
        account_id: Some(account_id),
        since: since.or(Some(DateTime::<Utc>::MIN_UTC)),
        ..AuditFilter::default()
    };
    Ok(app.store.read(|r| r.audit_list(&filter, Some(MAX_ENTRIES))).await?)
}

/// Everything about an account.
#[derive(Debug)]
pub struct OwnData {
    pub addresses: Vec<EmailAddress>,
    pub providers: Vec<SocialAccount>,
    pub groups: Vec<String>,
    pub sessions: Vec<Session>,
    pub tokens: Vec<Token>,
    pub factors: Overview,
    pub activity: Vec<AuditEntry>,
}

/// # Errors
///
/// Only the store's.
pub async fn export(app: &App, account: &Account) -> Result<OwnData, DomainError> {
    let id = account.id;
    let read = app.store.read(|r| {
        Ok::<_, StoreError>((
            r.email_address_list(id, Some(MAX_ENTRIES), 0)?,
            r.social_account_list(id, Some(MAX_ENTRIES), 0)?,
        ))
    });
    let (addresses, providers) = read.await?;
    Ok(OwnData {
        addresses,
        providers,
        groups: groups::of(app, id).await?,
        sessions: sessions::list(app, id).await?,
        tokens: tokens::list(app, id).await?,
        factors: factors::overview(app, id).await?,
        activity: activity(app, id).await?,
    })
}
