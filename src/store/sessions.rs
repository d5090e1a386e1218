//! Browser sessions, found by the digest of their key.
//!
//! This file never sees the key, and leaves expiry to the caller, who has the clock.

use chrono::{DateTime, Utc};

use super::accounts::account_columns;
use super::postgres::pipelined::ByDigest;
use super::record::{Columns, insert, record};
use super::values::{Time, params, row_limit};
use super::{Account, Reader, Store, StoreError, Writer};

record! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Session: session_columns with prefix "s." {
        pub id: i64,
        pub account_id: i64,
        pub created: DateTime<Utc>,
        pub expires: DateTime<Utc>,
        /// The User-Agent of the login: untrusted text.
        pub user_agent: String,
        /// When the owner last authenticated.
        pub auth_time: DateTime<Utc>,
        /// The network address that it was opened from; empty in sessions of before.
        pub client: String,
        /// About when it was last used.
        pub last_seen: DateTime<Utc>,
    }
}

pub(super) const DELETE_BEYOND: &str = "DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE account_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3)";

static FIND: ByDigest<(Session, Account)> = ByDigest {
    sql: concat!(
        "SELECT ",
        account_columns!(),
        ", ",
        session_columns!(),
        " FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE s.digest = $1"
    ),
    record: |row| {
        let mut columns = Columns::of(row);
        let account = Account::next(&mut columns)?;
        Ok((Session::next(&mut columns)?, account))
    },
};

impl Store {
    /// Finds a session and its account: the lookup of every browser request.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub async fn session_find(
        &self,
        digest: &[u8; 32],
    ) -> Result<Option<(Session, Account)>, StoreError> {
        self.find_by_digest(&FIND, |cache| &cache.sessions, digest).await
    }
}

impl Reader<'_> {
    pub fn session_find(
        &self,
        digest: &[u8; 32],
    ) -> Result<Option<(Session, Account)>, StoreError> {
        self.find(FIND.sql, params![digest], FIND.record)
    }

    pub fn session_list(&self, account_id: i64) -> Result<Vec<Session>, StoreError> {
        self.list(
            concat!(
                "SELECT ",
                session_columns!(),
                " FROM sessions s WHERE s.account_id = $1 ORDER BY s.id"
            ),
            params![account_id],
            Session::read,
        )
    }

    /// Sessions of all accounts with the username of the owner.
    pub fn session_list_all(
        &self,
        limit: Option<i64>,
    ) -> Result<Vec<(Session, String)>, StoreError> {
        self.list(
            concat!(
                "SELECT a.username, ",
                session_columns!(),
                " FROM sessions s JOIN accounts a ON a.id = s.account_id ORDER BY s.id LIMIT $1"
            ),
            params![row_limit(limit)],
            |row| {
                let mut columns = Columns::of(row);
                let username = columns.next()?;
                Ok((Session::next(&mut columns)?, username))
            },
        )
    }
}

impl Writer<'_> {
    /// Inserts a session. Creating one requires authentication, so `auth_time` is `created`.
    pub fn session_insert(
        &self,
        digest: &[u8; 32],
        account_id: i64,
        created: DateTime<Utc>,
        expires: DateTime<Utc>,
        user_agent: &str,
        client: &str,
    ) -> Result<i64, StoreError> {
        insert!(self.value into "sessions" {
            digest: digest,
            account_id: account_id,
            created: Time(created),
            expires: Time(expires),
            user_agent: user_agent,
            auth_time: Time(created),
            client: client,
            last_seen: Time(created),
        } "RETURNING id")
    }

    pub fn session_touch(
        &self,
        id: i64,
        expires: DateTime<Utc>,
        last_seen: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.execute(
            "UPDATE sessions SET expires = $1, last_seen = $2 WHERE id = $3",
            params![Time(expires), Time(last_seen), id],
        )?;
        Ok(())
    }

    /// Returns whether the account has this session.
    pub fn session_set_auth_time(
        &self,
        digest: &[u8; 32],
        account_id: i64,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let set = self.execute(
            "UPDATE sessions SET auth_time = $1 WHERE digest = $2 AND account_id = $3",
            params![Time(at), digest, account_id],
        )?;
        Ok(set > 0)
    }

    pub fn session_delete(&self, digest: &[u8; 32]) -> Result<bool, StoreError> {
        let deleted = self.execute("DELETE FROM sessions WHERE digest = $1", params![digest])?;
        Ok(deleted > 0)
    }

    /// Deletes a session by id, for callers that have no key. Returns the id of its account.
    pub fn session_delete_by_id(&self, id: i64) -> Result<Option<i64>, StoreError> {
        self.find("DELETE FROM sessions WHERE id = $1 RETURNING account_id", params![id], |row| {
            row.get(0)
        })
    }

    /// Deletes a session only if it belongs to the account.
    pub fn session_delete_own(&self, account_id: i64, id: i64) -> Result<bool, StoreError> {
        Ok(self.execute(
            "DELETE FROM sessions WHERE account_id = $1 AND id = $2",
            params![account_id, id],
        )? > 0)
    }

    /// Deletes the sessions of the account, except the one to keep.
    pub fn session_delete_others(
        &self,
        account_id: i64,
        keep: Option<&[u8; 32]>,
    ) -> Result<usize, StoreError> {
        self.execute(
            "DELETE FROM sessions WHERE account_id = $1 AND digest IS DISTINCT FROM $2",
            params![account_id, keep],
        )
    }

    /// Deletes the oldest sessions of the account beyond the newest `keep`, at most `limit`.
    pub fn session_delete_beyond(
        &self,
        account_id: i64,
        keep: i64,
        limit: i64,
    ) -> Result<usize, StoreError> {
        self.execute(DELETE_BEYOND, params![account_id, limit, keep])
    }

    /// Deletes expired sessions, the earliest expired first, at most `limit`, so that a cleanup
    /// does not block other writes.
    pub fn session_delete_expired(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<usize, StoreError> {
        self.execute(
            "DELETE FROM sessions WHERE id IN (
                 SELECT id FROM sessions WHERE expires <= $1 ORDER BY expires LIMIT $2
             )",
            params![Time(now), limit],
        )
    }
}
