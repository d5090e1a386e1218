//! The generator supports OpenAPI, not one document only: another server's export is its document.
//! That the code of other documents compiles and serves is for the harness `corpus`.

use inventree_auth::contract;
use serde_json::json;
use specbound::export::{self, ServerInfo};

/// The example of the runtime, `crates/specbound/examples/library`, whose own test asks it.
#[test]
fn export_of_another_server_is_its_document() {
    let registered = library::api::api_mod::api_description::<library::Library>().unwrap();
    let source =
        contract::parse(include_str!("../../crates/specbound/examples/library/library.yaml"))
            .unwrap();
    let facts = ServerInfo {
        title: library::api::TITLE,
        version: library::api::VERSION,
        servers: json!([{"url": "https://library.example.com"}]),
        security_schemes: json!({
            "readerKey": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "branch": {"type": "apiKey", "in": "header", "name": "X-Branch"},
        }),
        guarantees: &[],
    };
    let export = export::document(&registered, library::api::OPERATIONS, &facts, &source).unwrap();
    let differences = contract::diff::diff(&source, &export);
    assert!(
        differences.is_empty(),
        "{}",
        contract::diff::to_text(&differences, contract::diff::DocumentNames::SOURCE_SERVER)
    );
}
