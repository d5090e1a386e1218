//! The audit trail: what was done to accounts, in the transaction that did it. Append-only by triggers of the schema.
//!
//! Must never hold a key, a password or the digest of one, nor a name that somebody typed and nobody has.

use chrono::{DateTime, Utc};

use super::values::{Row, Time, params, row_limit};
use super::{Reader, StoreError, Writer};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub event: String,
    /// Nobody's, such as a failed login to a name that nobody has.
    pub account_id: Option<i64>,
    /// As the account is called now.
    pub username: Option<String>,
    pub client: String,
    pub detail: String,
}

/// What is looked for; `None` is anything.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    pub account_id: Option<i64>,
    pub event: Option<String>,
    pub client: Option<String>,
    pub since: Option<DateTime<Utc>>,
}

macro_rules! select_where {
    ($whose:literal) => {
        concat!(
            "SELECT e.id, e.at, e.event, e.account_id, a.username, e.client, e.detail
             FROM audit e LEFT JOIN accounts a ON a.id = e.account_id
             WHERE ",
            $whose,
            " AND (CAST($2 AS TEXT) IS NULL OR e.event = $2) AND (CAST($3 AS TEXT) IS NULL OR e.client = $3)
               AND (CAST($4 AS BIGINT) IS NULL OR e.at >= $4)
             ORDER BY e.id DESC LIMIT $5"
        )
    };
}

fn record(row: &Row<'_>) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: row.get(0)?,
        at: row.get::<Time>(1)?.0,
        event: row.get(2)?,
        account_id: row.get(3)?,
        username: row.get(4)?,
        client: row.get(5)?,
        detail: row.get(6)?,
    })
}

impl Reader<'_> {
    /// The newest first.
    pub fn audit_list(&self, filter: &AuditFilter, limit: Option<i64>) -> Result<Vec<AuditEntry>, StoreError> {
        let AuditFilter { account_id, event, client, since } = filter;
        // An index serves only a condition that is always there.
        let sql = match account_id {
            Some(_) => select_where!("e.account_id = $1"),
            None => select_where!("CAST($1 AS BIGINT) IS NULL"),
        };
        self.list(
            sql,
            params![*account_id, event.as_deref(), client.as_deref(), since.map(Time), row_limit(limit)],
            record,
        )
    }

    pub fn audit_exists_before(&self, before: DateTime<Utc>) -> Result<bool, StoreError> {
        self.value("SELECT EXISTS (SELECT 1 FROM audit WHERE at < $1)", params![Time(before)])
    }
}

impl Writer<'_> {
    pub fn audit_insert(
        &self,
        at: DateTime<Utc>,
        event: &str,
        account_id: Option<i64>,
        client: &str,
        detail: &str,
    ) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO audit (at, event, account_id, client, detail) VALUES ($1, $2, $3, $4, $5)",
            params![Time(at), event, account_id, client, detail],
        )?;
        Ok(())
    }

    /// Deletes the oldest, at most `limit`, of those before `before`.
    pub fn audit_delete_before(&self, before: DateTime<Utc>, limit: i64) -> Result<usize, StoreError> {
        self.execute(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)",
            params![Time(before), limit],
        )
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::migrations;

    #[test]
    fn entries_of_one_account_are_found_by_its_index() {
        let connection = Connection::open_in_memory().unwrap();
        migrations::run(&connection).unwrap();
        let plan = concat!("EXPLAIN QUERY PLAN ", select_where!("e.account_id = $1"));
        let mut plan = connection.prepare(plan).unwrap();
        let steps = plan.query_map([1, 0, 0, 0, 10], |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        assert!(steps[0].starts_with("SEARCH e USING INDEX audit_account (account_id=?)"), "{steps:?}");
        // Nothing is sorted.
        assert!(!steps.iter().any(|step| step.contains("B-TREE")), "{steps:?}");
    }
}
