//! Attacks on the running server. Each test is a promise of docs/security-promises.md.
//!
//! Promises about a single operation are tested with the operation.

mod bodies;
mod browsers;
mod enumeration;
mod guessing;
mod input;
mod mail;
mod ownership;
mod sessions_and_tokens;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use inventree_auth::store::StoreError;
use test_support::TestServer;

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{username}:{password}")))
}

async fn pk(server: &TestServer, token: &str) -> i64 {
    server.get("user/", &[("authorization", token)]).await.json()["pk"].as_i64().unwrap()
}

async fn deactivate(server: &TestServer, id: i64) {
    server
        .app()
        .store
        .write::<_, StoreError>(move |w| w.account_set_active(id, false))
        .await
        .unwrap();
}

/// An account without a password, as created by a sign-in provider.
async fn take_password(server: &TestServer, id: i64) {
    server
        .app()
        .store
        .write::<_, StoreError>(move |w| w.account_set_password(id, "!none"))
        .await
        .unwrap();
}
