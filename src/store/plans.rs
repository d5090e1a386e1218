//! Query plans: no statement of the writer may scan a table that strangers can grow.

use rusqlite::Connection;

use super::{accounts, email_addresses, migrations, sessions, tokens};

/// The steps of the plan of a statement, as SQLite reports them.
fn plan(sql: &str) -> Vec<String> {
    let connection = Connection::open_in_memory().unwrap();
    migrations::run(&connection).unwrap();
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let count = plan.parameter_count();
    let steps = plan
        .query_map(rusqlite::params_from_iter(vec![1; count]), |row| row.get::<_, String>(3))
        .unwrap();
    steps.map(Result::unwrap).collect()
}

/// Asserts that the index serves the statement, without sorts or full scans.
fn assert_served(sql: &str, index: &str) {
    let steps = plan(sql);
    assert!(steps.iter().any(|step| step.contains(index)), "{sql}: {steps:?}");
    assert!(
        !steps.iter().any(|step| step.starts_with("SCAN") && step != "SCAN CONSTANT ROW"),
        "{sql}: {steps:?}"
    );
    assert!(!steps.iter().any(|step| step.contains("B-TREE")), "{sql}: {steps:?}");
}

#[test]
fn address_queries_use_an_index_in_order() {
    assert_served(accounts::ACCOUNTS_BY_EMAIL, "accounts_email (email=?)");
    assert_served(accounts::ACCOUNT_BY_VERIFIED_EMAIL, "email_addresses_verified (email=?)");
    assert_served(accounts::UNCONFIRMED, "accounts_confirm_by");
    assert_served(accounts::WITHOUT_SKELETON, "accounts_username_skeleton (username_skeleton=?)");
    assert_served(email_addresses::LIST, "email_addresses_account (account_id=?)");
    assert_served(email_addresses::LIST_UNVERIFIED, "email_addresses_email (email=?)");
    assert_served(email_addresses::FIND_FIRST, "email_addresses_account (account_id=?)");
    assert_served(email_addresses::LAST_ID, "email_addresses_account (account_id=?)");
    assert_served(email_addresses::EXISTS_OTHER, "(account_id=?)");
    assert_served(
        email_addresses::EXISTS_VERIFIED,
        "email_addresses_account_verified (account_id=?)",
    );
    assert_served(email_addresses::EXISTS_BEYOND, "email_addresses_account (account_id=?)");
    assert_served(
        email_addresses::DELETE_OTHERS,
        "email_addresses_account (account_id=? AND id<?)",
    );
    assert_served(
        email_addresses::DELETE_UNPROVED,
        "email_addresses_account (account_id=? AND id<?)",
    );
    assert_served(sessions::DELETE_BEYOND, "sessions_account (account_id=?)");
    assert_served(tokens::DELETE_BEYOND, "tokens_account (account_id=?)");
}
