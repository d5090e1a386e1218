//! API tokens, found by the digest of their key.
//!
//! This file never sees the key, and leaves revocation and expiry to the caller, who has the
//! clock.

use chrono::{DateTime, NaiveDate, Utc};

use super::accounts::account_columns;
use super::postgres::pipelined::ByDigest;
use super::record::{Columns, insert, record};
use super::values::{Day, Time, params, row_limit};
use super::{Account, Reader, Store, StoreError, Writer};

record! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Token: token_columns with prefix "t." {
        pub id: i64,
        pub account_id: i64,
        pub name: String,
        pub created: DateTime<Utc>,
        pub expiry: NaiveDate,
        pub revoked: bool,
        pub last_seen: Option<NaiveDate>,
    }
}

pub(super) const DELETE_BEYOND: &str = "DELETE FROM tokens WHERE id IN (
    SELECT id FROM tokens WHERE account_id = $1 AND name = '' ORDER BY id DESC
    LIMIT $2 OFFSET $3)";

static FIND: ByDigest<(Token, Account)> = ByDigest {
    sql: concat!(
        "SELECT ",
        account_columns!(),
        ", ",
        token_columns!(),
        " FROM tokens t JOIN accounts a ON a.id = t.account_id WHERE t.digest = $1"
    ),
    record: |row| {
        let mut columns = Columns::of(row);
        let account = Account::next(&mut columns)?;
        Ok((Token::next(&mut columns)?, account))
    },
};

impl Store {
    /// Finds a token and its account: the lookup of every API request.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub async fn token_find(
        &self,
        digest: &[u8; 32],
    ) -> Result<Option<(Token, Account)>, StoreError> {
        self.find_by_digest(&FIND, |cache| &cache.tokens, digest).await
    }
}

impl Reader<'_> {
    pub fn token_find(&self, digest: &[u8; 32]) -> Result<Option<(Token, Account)>, StoreError> {
        self.find(FIND.sql, params![digest], FIND.record)
    }

    /// The account of a token that is not revoked.
    pub fn token_owner(&self, id: i64) -> Result<Option<Account>, StoreError> {
        self.find(
            concat!(
                "SELECT ",
                account_columns!(),
                " FROM accounts a JOIN tokens t ON a.id = t.account_id
                 WHERE t.id = $1 AND NOT t.revoked"
            ),
            params![id],
            Account::read,
        )
    }

    pub fn token_list(&self, account_id: i64) -> Result<Vec<Token>, StoreError> {
        self.list(
            concat!(
                "SELECT ",
                token_columns!(),
                " FROM tokens t WHERE t.account_id = $1 ORDER BY t.id"
            ),
            params![account_id],
            Token::read,
        )
    }

    /// Tokens of all accounts with the username of the owner.
    pub fn token_list_all(&self, limit: Option<i64>) -> Result<Vec<(Token, String)>, StoreError> {
        self.list(
            concat!(
                "SELECT a.username, ",
                token_columns!(),
                " FROM tokens t JOIN accounts a ON a.id = t.account_id ORDER BY t.id LIMIT $1"
            ),
            params![row_limit(limit)],
            |row| {
                let mut columns = Columns::of(row);
                let username = columns.next()?;
                Ok((Token::next(&mut columns)?, username))
            },
        )
    }
}

impl Writer<'_> {
    pub fn token_insert(
        &self,
        digest: &[u8; 32],
        account_id: i64,
        name: &str,
        created: DateTime<Utc>,
        expiry: NaiveDate,
    ) -> Result<i64, StoreError> {
        insert!(self.value into "tokens" {
            digest: digest,
            account_id: account_id,
            name: name,
            created: Time(created),
            expiry: Day(expiry),
        } "RETURNING id")
    }

    pub fn token_delete(&self, id: i64) -> Result<bool, StoreError> {
        Ok(self.execute("DELETE FROM tokens WHERE id = $1", params![id])? > 0)
    }

    /// Deletes a token only if it belongs to the account.
    pub fn token_delete_own(&self, account_id: i64, id: i64) -> Result<bool, StoreError> {
        Ok(self.execute(
            "DELETE FROM tokens WHERE account_id = $1 AND id = $2",
            params![account_id, id],
        )? > 0)
    }

    /// Deletes the tokens of the account, except the one to keep.
    pub fn token_delete_others(
        &self,
        account_id: i64,
        keep_id: Option<i64>,
    ) -> Result<usize, StoreError> {
        self.execute(
            "DELETE FROM tokens WHERE account_id = $1 AND id IS DISTINCT FROM $2",
            params![account_id, keep_id],
        )
    }

    /// Deletes the oldest unnamed tokens of the account beyond the newest `keep`, at most
    /// `limit`.
    pub fn token_delete_beyond(
        &self,
        account_id: i64,
        keep: i64,
        limit: i64,
    ) -> Result<usize, StoreError> {
        self.execute(DELETE_BEYOND, params![account_id, limit, keep])
    }

    pub fn token_touch(&self, id: i64, day: NaiveDate) -> Result<(), StoreError> {
        self.execute("UPDATE tokens SET last_seen = $1 WHERE id = $2", params![Day(day), id])?;
        Ok(())
    }

    /// Revokes a token and returns the id of its account.
    pub fn token_revoke(&self, id: i64) -> Result<Option<i64>, StoreError> {
        self.find(
            "UPDATE tokens SET revoked = TRUE WHERE id = $1 RETURNING account_id",
            params![id],
            |row| row.get(0),
        )
    }

    /// Deletes tokens whose last valid day is before `day`, the earliest expired first, at most
    /// `limit`.
    pub fn token_delete_expired(&self, day: NaiveDate, limit: i64) -> Result<usize, StoreError> {
        self.execute(
            "DELETE FROM tokens WHERE id IN (
                 SELECT id FROM tokens WHERE expiry < $1 ORDER BY expiry LIMIT $2
             )",
            params![Day(day), limit],
        )
    }
}
