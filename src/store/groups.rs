//! Groups and their members, and the facts about an account that are sent on with its name.
//!
//! Names are compared exactly, as InvenTree does. This file checks none: the caller does.

use super::postgres::pipelined::ByKey;
use super::record::record;
use super::values::{params, row_limit};
use super::{Account, Reader, Store, StoreError, Writer, accounts};

record! {
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Group: group_columns with prefix "g." {
        pub id: i64,
        pub name: String,
        pub members: i64 = "COUNT(m.id)",
    }
}

/// Facts of an account beyond its row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFacts {
    /// The account's address is verified.
    pub is_email_verified: bool,
    /// In alphabetical order.
    pub groups: Vec<String>,
}

/// Between the names of an aggregated list. No name contains a line break.
const SEPARATOR: char = '\n';

static FACTS: ByKey<AccountFacts> = ByKey {
    sql: "SELECT EXISTS (SELECT 1 FROM email_addresses e
                         WHERE e.account_id = a.id AND e.email = a.email AND e.verified),
                 (SELECT string_agg(g.name, '
') FROM group_members m JOIN groups g ON g.id = m.group_id WHERE m.account_id = a.id)
          FROM accounts a WHERE a.id = $1",
    record: |row| {
        let names: Option<String> = row.get(1)?;
        let mut groups: Vec<String> =
            names.iter().flat_map(|names| names.split(SEPARATOR)).map(str::to_owned).collect();
        groups.sort_unstable();
        Ok(AccountFacts { is_email_verified: row.get(0)?, groups })
    },
};

/// The key of an account's facts in the lookup cache.
fn cache_key(account_id: i64) -> [u8; 32] {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&account_id.to_le_bytes());
    key
}

impl Store {
    /// The facts of an account, as cheap as its look-up; none for a deleted account.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub async fn account_facts(&self, account_id: i64) -> Result<AccountFacts, StoreError> {
        self.find_by_key(&FACTS, |cache| &cache.facts, cache_key(account_id), account_id)
            .await
            .map(Option::unwrap_or_default)
    }
}

impl Reader<'_> {
    pub fn group_find(&self, name: &str) -> Result<Option<i64>, StoreError> {
        self.find("SELECT id FROM groups WHERE name = $1", params![name], |row| row.get(0))
    }

    /// All groups by name, with the number of their members.
    pub fn group_list(&self) -> Result<Vec<Group>, StoreError> {
        self.list(
            concat!(
                "SELECT ",
                group_columns!(),
                " FROM groups g LEFT JOIN group_members m ON m.group_id = g.id
                  GROUP BY g.id, g.name ORDER BY g.name"
            ),
            &[],
            Group::read,
        )
    }

    /// Ids and names of an account's groups, by id.
    pub fn group_rows_of(&self, account_id: i64) -> Result<Vec<(i64, String)>, StoreError> {
        self.list(
            "SELECT g.id, g.name FROM group_members m JOIN groups g ON g.id = m.group_id
             WHERE m.account_id = $1 ORDER BY g.id",
            params![account_id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// The names of an account's groups, in alphabetical order.
    pub fn group_list_of(&self, account_id: i64) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<String> = self.list(
            "SELECT g.name FROM group_members m JOIN groups g ON g.id = m.group_id
             WHERE m.account_id = $1",
            params![account_id],
            |row| row.get(0),
        )?;
        names.sort_unstable();
        Ok(names)
    }

    /// The group's members by name.
    pub fn group_members(
        &self,
        group_id: i64,
        limit: Option<i64>,
    ) -> Result<Vec<Account>, StoreError> {
        self.list(
            concat!(
                "SELECT ",
                accounts::account_columns!(),
                " FROM group_members m JOIN accounts a ON a.id = m.account_id
                  WHERE m.group_id = $1 ORDER BY a.username_key LIMIT $2"
            ),
            params![group_id, row_limit(limit)],
            Account::read,
        )
    }
}

impl Writer<'_> {
    /// Returns whether there was none of this name.
    pub fn group_insert(&self, name: &str) -> Result<bool, StoreError> {
        let sql = "INSERT INTO groups (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
        Ok(self.execute(sql, params![name])? > 0)
    }

    /// Returns whether the group existed. Its memberships go with it.
    pub fn group_delete(&self, id: i64) -> Result<bool, StoreError> {
        self.execute("DELETE FROM group_members WHERE group_id = $1", params![id])?;
        Ok(self.execute("DELETE FROM groups WHERE id = $1", params![id])? > 0)
    }

    /// Returns whether the account was no member.
    pub fn group_join(&self, account_id: i64, group_id: i64) -> Result<bool, StoreError> {
        let sql = "INSERT INTO group_members (account_id, group_id) VALUES ($1, $2)
                   ON CONFLICT (account_id, group_id) DO NOTHING";
        Ok(self.execute(sql, params![account_id, group_id])? > 0)
    }

    /// Returns whether the account was a member.
    pub fn group_leave(&self, account_id: i64, group_id: i64) -> Result<bool, StoreError> {
        let sql = "DELETE FROM group_members WHERE account_id = $1 AND group_id = $2";
        Ok(self.execute(sql, params![account_id, group_id])? > 0)
    }
}
