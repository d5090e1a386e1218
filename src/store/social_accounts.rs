//! Links from accounts to sign-in providers.
//!
//! The provider's user data (`extra_data`) is stored as opaque text and hidden from `Debug`, as it
//! may contain the provider's tokens.

use std::fmt;

use chrono::{DateTime, Utc};

use super::record::{insert, record};
use super::values::{Time, params, row_limit};
use super::{Reader, StoreError, Writer};

record! {
    #[derive(Clone, PartialEq, Eq)]
    pub struct SocialAccount: link_columns with prefix "" {
        pub id: i64,
        pub account_id: i64,
        pub provider: String,
        pub uid: String,
        /// Empty if it is not known.
        pub issuer: String,
        pub last_login: DateTime<Utc>,
        pub date_joined: DateTime<Utc>,
        pub extra_data: String,
    }
}

#[derive(Clone)]
pub struct NewSocialAccount {
    pub account_id: i64,
    pub provider: String,
    pub uid: String,
    pub issuer: String,
    /// Also the time of the first login.
    pub date_joined: DateTime<Utc>,
    pub extra_data: String,
}

impl fmt::Debug for SocialAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocialAccount")
            .field("id", &self.id)
            .field("account_id", &self.account_id)
            .field("provider", &self.provider)
            .field("uid", &self.uid)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for NewSocialAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSocialAccount")
            .field("account_id", &self.account_id)
            .field("provider", &self.provider)
            .field("uid", &self.uid)
            .finish_non_exhaustive()
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", link_columns!(), " FROM social_accounts ", $rest)
    };
}

impl Reader<'_> {
    pub fn social_account_list(
        &self,
        account_id: i64,
        limit: Option<i64>,
        offset: i64,
    ) -> Result<Vec<SocialAccount>, StoreError> {
        self.list(
            select!("WHERE account_id = $1 ORDER BY id LIMIT $2 OFFSET $3"),
            params![account_id, row_limit(limit), offset],
            SocialAccount::read,
        )
    }

    pub fn social_account_count(&self, account_id: i64) -> Result<i64, StoreError> {
        self.value(
            "SELECT COUNT(*) FROM social_accounts WHERE account_id = $1",
            params![account_id],
        )
    }

    pub fn social_account_find(
        &self,
        account_id: i64,
        id: i64,
    ) -> Result<Option<SocialAccount>, StoreError> {
        self.find(
            select!("WHERE account_id = $1 AND id = $2"),
            params![account_id, id],
            SocialAccount::read,
        )
    }

    /// The first link to this subject at a provider, of any issuer.
    pub fn social_account_find_by_uid(
        &self,
        provider: &str,
        uid: &str,
    ) -> Result<Option<SocialAccount>, StoreError> {
        self.find(
            select!("WHERE provider = $1 AND uid = $2 ORDER BY id LIMIT 1"),
            params![provider, uid],
            SocialAccount::read,
        )
    }

    /// The link to an identity. An empty issuer finds a link whose issuer is not known.
    pub fn social_account_find_identity(
        &self,
        provider: &str,
        issuer: &str,
        uid: &str,
    ) -> Result<Option<SocialAccount>, StoreError> {
        self.find(
            select!("WHERE provider = $1 AND issuer = $2 AND uid = $3"),
            params![provider, issuer, uid],
            SocialAccount::read,
        )
    }

    /// The issuer with which this provider was first used.
    pub fn provider_issuer(&self, provider: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT issuer FROM provider_issuers WHERE provider = $1";
        self.find(sql, params![provider], |row| row.get(0))
    }
}

impl Writer<'_> {
    pub fn social_account_insert(&self, new: &NewSocialAccount) -> Result<i64, StoreError> {
        insert!(self.value into "social_accounts" {
            account_id: new.account_id,
            provider: &new.provider,
            uid: &new.uid,
            issuer: &new.issuer,
            last_login: Time(new.date_joined),
            date_joined: Time(new.date_joined),
            extra_data: &new.extra_data,
        } "RETURNING id")
    }

    pub fn social_account_set_issuer(&self, id: i64, issuer: &str) -> Result<(), StoreError> {
        self.execute("UPDATE social_accounts SET issuer = $1 WHERE id = $2", params![issuer, id])?;
        Ok(())
    }

    /// Records the first issuer of a provider; a later one changes nothing.
    pub fn provider_issuer_insert(&self, provider: &str, issuer: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO provider_issuers (provider, issuer) VALUES ($1, $2)
                   ON CONFLICT (provider) DO NOTHING";
        self.execute(sql, params![provider, issuer])?;
        Ok(())
    }

    pub fn social_account_touch(&self, id: i64, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.execute(
            "UPDATE social_accounts SET last_login = $1 WHERE id = $2",
            params![Time(at), id],
        )?;
        Ok(())
    }

    /// Records that a sign-in ticket was used; returns false if it was used before.
    pub fn ticket_consume(
        &self,
        digest: &[u8; 32],
        expires: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO used_tickets (digest, expires) VALUES ($1, $2) ON CONFLICT \
            (digest) DO NOTHING";
        Ok(self.execute(sql, params![digest, Time(expires)])? > 0)
    }

    /// Returns whether a ticket was used. Writers take turns, so it stays true until the commit.
    pub fn ticket_is_used(&self, digest: &[u8; 32]) -> Result<bool, StoreError> {
        self.value("SELECT EXISTS (SELECT 1 FROM used_tickets WHERE digest = $1)", params![digest])
    }

    /// Deletes the records of expired tickets, at most `limit`.
    pub fn ticket_delete_expired(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<usize, StoreError> {
        self.execute(
            "DELETE FROM used_tickets WHERE digest IN (
                 SELECT digest FROM used_tickets WHERE expires <= $1 ORDER BY expires LIMIT $2
             )",
            params![Time(now), limit],
        )
    }

    /// Deletes all links of the account and returns their number.
    pub fn social_account_delete_all(&self, account_id: i64) -> Result<usize, StoreError> {
        self.execute("DELETE FROM social_accounts WHERE account_id = $1", params![account_id])
    }

    pub fn social_account_delete(&self, id: i64) -> Result<bool, StoreError> {
        Ok(self.execute("DELETE FROM social_accounts WHERE id = $1", params![id])? > 0)
    }
}
