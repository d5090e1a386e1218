//! Browser sessions: a random id in a cookie, its digest in the store, an idle and an absolute
//! timeout.
//!
//! An unknown id never creates a session, and each login generates a new id (no session fixation).

use chrono::{DateTime, Duration, Utc};

use super::audit::{self, Event};
use super::keys::digest;
use super::operation::Operation;
use super::{App, DomainError};
use crate::store::{Account, Session, StoreError, Writer};

/// A plaintext session id on its way into a cookie. No Display; redacted in Debug output.
#[derive(Clone)]
pub struct SessionId(String);

impl SessionId {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionId(…)")
    }
}

/// Django's SESSION_COOKIE_AGE, two weeks: the absolute timeout, which use does not extend.
pub const LIFETIME_SECONDS: i64 = 1_209_600;

/// Idle timeout.
const IDLE_DAYS: i64 = 7;

/// How long an authentication counts as recent (step-up).
const RECENT_AUTH_SECONDS: i64 = 600;

/// Real browsers send 80 to 180 characters.
const MAX_AGENT_CHARACTERS: usize = 200;

/// Sessions per account; a new one replaces the oldest.
pub const MAX_SESSIONS: i64 = 100;

/// Excess rows that one login deletes: accounts from an earlier version may have too many.
const DELETED_AT_ONCE: i64 = 100;

/// A new id, not stored yet: 32 letters and digits, 165 bits.
pub(super) fn generate(app: &App) -> SessionId {
    SessionId(app.random_text::<32>())
}

/// Stores the digest of a generated id, in place of the sessions that the client sent.
pub(super) fn insert(
    w: &Writer<'_>,
    op: &Operation,
    id: &SessionId,
    account_id: i64,
) -> Result<(), StoreError> {
    let user_agent: String = op
        .client
        .user_agent
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_AGENT_CHARACTERS)
        .collect();
    let now = op.now();
    for former in &op.client.sessions {
        w.session_delete(former)?;
    }
    w.session_insert(
        &digest(id.expose()),
        account_id,
        now,
        now + Duration::days(IDLE_DAYS),
        &user_agent,
        &op.client.address,
    )?;
    w.session_delete_beyond(account_id, MAX_SESSIONS, DELETED_AT_ONCE)?;
    Ok(())
}

/// The account of a session cookie; `None` if the session is unknown or expired, or the account
/// inactive.
///
/// # Errors
///
/// Only the store's.
pub async fn authenticate(app: &App, id: &str) -> Result<Option<([u8; 32], Account)>, StoreError> {
    let digest = digest(id);
    let found = app.store.session_find(&digest).await?;
    let now = app.now();
    let live = found
        .filter(|(session, account)| is_live(session, now) && app.rules.can_authenticate(account));
    let Some((session, account)) = live else { return Ok(None) };
    let absolute = session.created + Duration::seconds(LIFETIME_SECONDS);
    let end = absolute.min(now + Duration::days(IDLE_DAYS));
    // At most once an hour, and once more when the absolute timeout is near.
    let is_seen = now - session.last_seen < Duration::hours(1);
    if !is_seen || (end == absolute && session.expires < end) {
        app.store.touch(move |w| w.session_touch(session.id, end, now));
    }
    Ok(Some((digest, account)))
}

/// Whether the session has not expired. The account is not checked.
pub fn is_live(session: &Session, now: DateTime<Utc>) -> bool {
    now < session.expires
}

/// The account's live sessions, the last used first.
///
/// # Errors
///
/// Only the store's.
pub async fn list(app: &App, account_id: i64) -> Result<Vec<Session>, DomainError> {
    let mut sessions = app.store.read(|r| r.session_list(account_id)).await?;
    let now = app.now();
    sessions.retain(|session| is_live(session, now));
    sessions.sort_by_key(|session| std::cmp::Reverse((session.last_seen, session.id)));
    Ok(sessions)
}

/// The session with this digest.
///
/// # Errors
///
/// [`DomainError::NotFound`] if it has ended in the meantime.
pub async fn current(app: &App, digest: &[u8; 32]) -> Result<Session, DomainError> {
    let found = app.store.session_find(digest).await?;
    found.map(|(session, _)| session).ok_or(DomainError::NotFound)
}

/// Whether the session authenticated within the last ten minutes.
///
/// # Errors
///
/// Only the store's.
pub async fn is_recently_authenticated(app: &App, digest: &[u8; 32]) -> Result<bool, StoreError> {
    let found = app.store.session_find(digest).await?;
    let recent = Duration::seconds(RECENT_AUTH_SECONDS);
    Ok(found.is_some_and(|(session, _)| app.now() - session.auth_time <= recent))
}

/// # Errors
///
/// [`DomainError::ReauthenticationNeeded`], the store's.
pub async fn require_recent_auth(app: &App, digest: &[u8; 32]) -> Result<(), DomainError> {
    let is_recent = is_recently_authenticated(app, digest).await?;
    if is_recent { Ok(()) } else { Err(DomainError::ReauthenticationNeeded) }
}

/// Ends one of the account's sessions by row id.
///
/// # Errors
///
/// [`DomainError::NotFound`] if the account has no such session.
pub async fn end_own(op: &Operation, account_id: i64, id: i64) -> Result<(), DomainError> {
    let write = op.write(move |w, op| {
        if !w.session_delete_own(account_id, id)? {
            return Err(DomainError::NotFound);
        }
        audit::record(w, op, Event::SessionsEnded, account_id, &format!("session {id}"))?;
        Ok(())
    });
    write.await
}

/// Ends all of the account's sessions except this one.
///
/// # Errors
///
/// Only the store's.
pub async fn end_others(
    op: &Operation,
    account_id: i64,
    keep: [u8; 32],
) -> Result<usize, DomainError> {
    let write = op.write(move |w, op| {
        let ended = w.session_delete_others(account_id, Some(&keep))?;
        if ended > 0 {
            audit::record(w, op, Event::SessionsEnded, account_id, &summarize(ended))?;
        }
        Ok(ended)
    });
    write.await
}

pub(super) fn summarize(ended: usize) -> String {
    format!("{ended} session{}", if ended == 1 { "" } else { "s" })
}

/// Ends the sessions of a browser that logs out. They may have ended already.
///
/// # Errors
///
/// Only the store's.
pub async fn log_out(op: &Operation, digests: Vec<[u8; 32]>) -> Result<(), DomainError> {
    if digests.is_empty() {
        return Ok(());
    }
    let write = op.write_late(move |w, op| {
        for digest in &digests {
            if let Some((session, account)) = w.session_find(digest)? {
                w.session_delete(digest)?;
                audit::record(
                    w,
                    op,
                    Event::Logout,
                    account.id,
                    &format!("session {}", session.id),
                )?;
            }
        }
        Ok(())
    });
    write.await
}
