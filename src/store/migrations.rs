//! Brings a database file up to the schema this program was built for.
//!
//! A step that has been released must never be edited: add the next one. Nothing here may touch
//! a database that a newer program has migrated.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::{StoreError, Writer};

/// Step n brings the schema from version n to n + 1.
const STEPS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
];
const LATEST: i64 = STEPS.len() as i64;

pub(super) fn run(connection: &mut Connection) -> Result<(), StoreError> {
    // One transaction for all steps: a half-migrated file can never be seen, and of two programs
    // that start at once the second finds nothing left to do.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    bring_up_to_date(&transaction)?;
    Ok(transaction.commit()?)
}

/// The same as part of a larger transaction.
pub(super) fn bring_up_to_date(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")?;
    let stored: Option<i64> =
        transaction.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).optional()?;
    let version = stored.unwrap_or(0);
    let Some(missing) = usize::try_from(version).ok().and_then(|v| STEPS.get(v..)) else {
        return Err(StoreError::Other(format!(
            "the database has schema version {version}, but this program knows versions up to \
             {LATEST} only: run the newer program"
        )));
    };
    for step in missing {
        transaction.execute_batch(step)?;
    }
    if !missing.is_empty() {
        transaction.execute_batch("DELETE FROM schema_version")?;
        transaction.execute("INSERT INTO schema_version (version) VALUES ($1)", [LATEST])?;
    }
    Ok(())
}

impl Writer<'_> {
    /// Writes what is there already: whether the disk takes it.
    pub fn write_nothing_new(&self) -> Result<(), StoreError> {
        self.execute("UPDATE schema_version SET version = version", [])?;
        Ok(())
    }
}

/// Whether the schema is up to date; `None` for a database that is not ours.
pub(super) fn is_latest(connection: &Connection) -> Result<Option<bool>, StoreError> {
    let known = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version')";
    if !connection.query_row(known, [], |row| row.get(0))? {
        return Ok(None);
    }
    let version: Option<i64> =
        connection.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).optional()?;
    Ok(version.map(|version| version == LATEST))
}

#[cfg(test)]
mod tests {
    use super::super::{Store, StoreError};
    use super::{LATEST, STEPS};
    use rusqlite::Connection;
    use std::path::Path;

    #[test]
    fn newer_schema_is_refused_in_one_line_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        Store::open(&path).unwrap().close();
        let newer = LATEST + 1;
        let file = Connection::open(&path).unwrap();
        file.execute("UPDATE schema_version SET version = $1", [newer]).unwrap();

        let Err(StoreError::Other(message)) = Store::open(&path) else {
            panic!("opened a newer schema");
        };

        assert!(message.contains(&format!("version {newer}")), "{message}");
        assert!(!message.contains('\n'), "{message}");
        let stored: i64 = file.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).unwrap();
        assert_eq!(stored, newer);
    }

    /// As a program of then left it: the steps up to its version, and a session.
    fn earlier(path: &Path, version: usize) -> Connection {
        let file = Connection::open(path).unwrap();
        file.execute_batch("CREATE TABLE schema_version (version INTEGER NOT NULL)").unwrap();
        for step in &STEPS[..version] {
            file.execute_batch(step).unwrap();
        }
        file.execute("INSERT INTO schema_version (version) VALUES ($1)", [version as i64]).unwrap();
        file.execute_batch(
            "INSERT INTO accounts (username, username_key, email, first_name, last_name, password, is_active,
                                   is_superuser, date_joined)
             VALUES ('amy', 'amy', '', '', '', '!', TRUE, FALSE, 0);
             INSERT INTO sessions (digest, account_id, created, expires) VALUES (x'00', 1, 0, 9);",
        )
        .unwrap();
        file
    }

    #[tokio::test]
    async fn each_earlier_database_is_brought_up_to_date_with_what_it_holds() {
        for version in 1..STEPS.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("db");
            let file = earlier(&path, version);
            let store = Store::open_existing(&path).unwrap();
            let sessions = store.read::<_, StoreError>(|r| r.session_list(1)).await.unwrap();
            assert_eq!(sessions.len(), 1, "from version {version}");
            store.close();
            let stored: i64 = file.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).unwrap();
            assert_eq!(stored, LATEST);
        }
    }

    #[test]
    fn a_newer_database_is_not_opened_by_a_command_either() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        Store::open(&path).unwrap().close();
        let file = Connection::open(&path).unwrap();
        file.execute("UPDATE schema_version SET version = $1", [LATEST + 1]).unwrap();
        assert!(Store::open_existing(&path).is_err());
        let stored: i64 = file.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).unwrap();
        assert_eq!(stored, LATEST + 1);
    }

    #[test]
    fn second_open_finds_nothing_to_migrate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let first = Store::open(&path).unwrap();
        let second = Store::open(&path).unwrap();
        first.close();
        second.close();
    }
}
