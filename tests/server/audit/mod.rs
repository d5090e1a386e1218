//! The audit trail: recorded events, omitted ones, immutability, and the operator's queries.

mod entries;
mod integrity;

use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{Duration, Utc};
use inventree_auth::domain::audit::Event;
use inventree_auth::domain::housekeeping::CleanupJob;
use inventree_auth::store::{AuditEntry, AuditFilter, NewAuditEntry};
use serde_json::{Value, json};
use test_support::database::TestDatabase;
use test_support::{PASSWORD, TestServer, confirmation_key, reset_link};

use crate::PROGRAM;

const NEW: &str = "Quagga-Topaz-88";

/// All entries, oldest first.
async fn entries(server: &TestServer) -> Vec<AuditEntry> {
    server.flush_deferred().await;
    let mut all =
        server.app().store.read(|r| r.audit_list(&AuditFilter::default(), None)).await.unwrap();
    all.reverse();
    all
}

/// The events after the first `seen` entries: event, account, detail.
async fn since(server: &TestServer, seen: usize) -> Vec<(String, Option<i64>, String)> {
    entries(server)
        .await
        .into_iter()
        .skip(seen)
        .map(|e| (e.event, e.account_id, e.detail))
        .collect()
}

fn happened(event: Event, account: i64, detail: &str) -> (String, Option<i64>, String) {
    (event.name().to_owned(), Some(account), detail.to_owned())
}

fn operator(server: &TestServer, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).arg("--database").arg(server.database.argument()).output().unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}
