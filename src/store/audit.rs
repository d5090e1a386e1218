//! The audit trail, written in the transaction of the event.
//!
//! Triggers in the schema make it append-only, except for the counter of repeats. It never holds a
//! key, a password or a digest of one, nor a login name that belongs to no account.

use chrono::{DateTime, TimeDelta, Utc};

use super::record::{insert, record};
use super::values::{Time, params, row_limit};
use super::{Reader, StoreError, Writer};

record! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AuditEntry: entry_columns with prefix "e." {
        pub id: i64,
        pub at: DateTime<Utc>,
        pub event: String,
        /// `None` for an event without an account, such as a failed login to an unknown name.
        pub account_id: Option<i64>,
        /// The current username of the account.
        pub username: Option<String> = "a.username",
        pub client: String,
        pub detail: String,
        /// How many times the event occurred.
        pub count: i64,
        /// When it last occurred.
        pub last_at: DateTime<Utc> = "COALESCE(e.last_at, e.at)",
    }
}

/// A new entry.
#[derive(Clone, Copy, Debug)]
pub struct NewAuditEntry<'a> {
    pub at: DateTime<Utc>,
    pub event: &'a str,
    pub account_id: Option<i64>,
    pub client: &'a str,
    pub detail: &'a str,
}

/// The number of rows that entries of one account and event may take.
#[derive(Clone, Copy, Debug)]
pub struct AuditBudget {
    /// A repeat within this time of its row increments the counter of the row.
    pub repeats: TimeDelta,
    /// The period over which rows are counted; a trigger limits it to an hour.
    pub window: TimeDelta,
    /// Maximum number of rows for one client. Further entries share a row without details.
    pub per_client: i64,
    /// Maximum number of rows for all clients. Further entries share a row without the client.
    pub per_account: i64,
}

/// A filter for the trail; `None` matches everything.
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
            "SELECT ",
            entry_columns!(),
            " FROM audit e LEFT JOIN accounts a ON a.id = e.account_id
             WHERE ",
            $whose,
            " AND (CAST($2 AS TEXT) IS NULL OR e.event = $2) AND (CAST($3 AS TEXT) IS NULL OR \
             e.client = $3)
               AND (CAST($4 AS BIGINT) IS NULL OR COALESCE(e.last_at, e.at) >= $4)
             ORDER BY e.id DESC LIMIT $5"
        )
    };
}

/// Counts an entry on the row that it repeats, or else on the row that aggregates entries beyond
/// the budget.
macro_rules! count_repeat {
    ($whose:literal) => {
        concat!(
            "UPDATE audit SET count = count + 1, last_at = CASE WHEN last_at > $1 THEN last_at \
             ELSE $1 END
             WHERE id = COALESCE(
                 (SELECT id FROM audit WHERE ",
            $whose,
            " AND event = $3 AND client = $4 AND detail = $5 AND at > $6 AND at <= $1
                  ORDER BY at DESC LIMIT 1),
                 (SELECT id FROM audit WHERE ",
            $whose,
            " AND event = $3 AND client IN ($4, '') AND detail = 'aggregated' AND at > $7 AND at \
             <= $1
                  ORDER BY client DESC, at DESC LIMIT 1))"
        )
    };
}

/// Inserts a row with as many details as the budget permits.
macro_rules! insert_within_budget {
    ($whose:literal) => {
        concat!(
            "INSERT INTO audit (at, event, account_id, client, detail)
             SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS BIGINT),
                    CASE WHEN total >= $4 THEN '' ELSE CAST($5 AS TEXT) END,
                    CASE WHEN total >= $4 OR own >= $6 THEN 'aggregated' ELSE CAST($7 AS TEXT) END
             FROM (SELECT COUNT(*) AS total, COALESCE(SUM(CASE WHEN client = $5 THEN 1 ELSE 0 \
             END), 0) AS own
                   FROM (SELECT client FROM audit WHERE ",
            $whose,
            " AND event = $2 AND at > $8 LIMIT $4) AS recent) AS seen"
        )
    };
}

impl Reader<'_> {
    /// Newest first.
    pub fn audit_list(
        &self,
        filter: &AuditFilter,
        limit: Option<i64>,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let AuditFilter { account_id, event, client, since } = filter;
        // An index serves only a condition that is present in every plan.
        let sql = match account_id {
            Some(_) => select_where!("e.account_id = $1"),
            None => select_where!("CAST($1 AS BIGINT) IS NULL"),
        };
        self.list(
            sql,
            params![
                *account_id,
                event.as_deref(),
                client.as_deref(),
                since.map(Time),
                row_limit(limit)
            ],
            AuditEntry::read,
        )
    }

    pub fn audit_exists_before(&self, before: DateTime<Utc>) -> Result<bool, StoreError> {
        self.value("SELECT EXISTS (SELECT 1 FROM audit WHERE at < $1)", params![Time(before)])
    }
}

impl Writer<'_> {
    /// Inserts an entry as a separate row.
    pub fn audit_insert(&self, entry: &NewAuditEntry<'_>) -> Result<(), StoreError> {
        let NewAuditEntry { at, event, account_id, client, detail } = *entry;
        insert!(self.execute into "audit" {
            at: Time(at),
            event: event,
            account_id: account_id,
            client: client,
            detail: detail,
        } "")?;
        Ok(())
    }

    /// Inserts an entry within a budget. A repeat, or an entry beyond the budget, increments the
    /// counter of an existing row.
    pub fn audit_record(
        &self,
        entry: &NewAuditEntry<'_>,
        budget: &AuditBudget,
    ) -> Result<(), StoreError> {
        let NewAuditEntry { at, event, account_id, client, detail } = *entry;
        let (count, insert) = match account_id {
            Some(_) => (count_repeat!("account_id = $2"), insert_within_budget!("account_id = $3")),
            None => (
                count_repeat!("account_id IS NULL AND CAST($2 AS BIGINT) IS NULL"),
                insert_within_budget!("account_id IS NULL"),
            ),
        };
        let AuditBudget { repeats, window, per_client, per_account } = *budget;
        let before = |span: TimeDelta| at.checked_sub_signed(span).unwrap_or(at);
        let (repeats, window) = (before(repeats), before(window));
        let key = params![Time(at), account_id, event, client, detail, Time(repeats), Time(window)];
        if self.execute(count, key)? == 0 {
            let row = params![
                Time(at),
                event,
                account_id,
                per_account,
                client,
                per_client,
                detail,
                Time(window)
            ];
            self.execute(insert, row)?;
        }
        Ok(())
    }

    /// Deletes the oldest entries from before `before`, at most `limit`.
    pub fn audit_delete_before(
        &self,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<usize, StoreError> {
        self.execute(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT \
             $2)",
            params![Time(before), limit],
        )
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::migrations;

    /// The steps of the plan of a statement. All parameters get the same value.
    fn plan(statement: &str, parameters: usize) -> Vec<String> {
        let connection = Connection::open_in_memory().unwrap();
        migrations::run(&connection).unwrap();
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let parameters = rusqlite::params_from_iter(vec![1; parameters]);
        let steps = plan.query_map(parameters, |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect()
    }

    #[test]
    fn audit_entries_of_an_account_use_an_index() {
        let steps = plan(select_where!("e.account_id = $1"), 5);
        assert!(
            steps[0].starts_with("SEARCH e USING INDEX audit_account (account_id=?)"),
            "{steps:?}"
        );
        // No sort.
        assert!(!steps.iter().any(|step| step.contains("B-TREE")), "{steps:?}");
    }

    #[test]
    fn audit_budget_queries_use_indexes() {
        for (statement, parameters) in [
            (count_repeat!("account_id = $2"), 7),
            (count_repeat!("account_id IS NULL AND CAST($2 AS BIGINT) IS NULL"), 7),
            (insert_within_budget!("account_id = $3"), 8),
            (insert_within_budget!("account_id IS NULL"), 8),
        ] {
            let steps = plan(statement, parameters);
            let mut on_audit = steps.iter().filter(|step| step.contains("audit")).peekable();
            assert!(on_audit.peek().is_some(), "{steps:?}");
            let indexed = [
                "USING INDEX audit_recent (account_id=? AND event=? AND at>",
                "INTEGER PRIMARY KEY (rowid=?)",
            ];
            assert!(
                on_audit.all(|step| indexed.iter().any(|index| step.contains(index))),
                "{steps:?}"
            );
        }
    }
}
