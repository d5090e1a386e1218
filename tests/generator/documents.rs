//! The generator supports OpenAPI 3.0, not one document only: the code of other documents compiles
//! and serves.

use std::io::Read;
use std::time::Instant;

use inventree_auth::contract;
use serde_json::json;
use specbound_codegen::{Generated, Settings, generate};
use test_support::package::Package;

fn generated(document: &str) -> Generated {
    let settings = Settings::default();
    generate(document, &settings).unwrap_or_else(|e| panic!("{e}"))
}

fn modules(generated: &Generated) -> String {
    let allow = "#[allow(dead_code, unused_imports, clippy::all)]";
    let Generated { server, client, .. } = generated;
    format!("{allow}\nmod api {{\n{server}\n}}\n\n{allow}\nmod client {{\n{client}\n}}\n\n")
}

/// The example of the runtime, `crates/specbound/examples/library`, whose own test asks it.
#[test]
fn export_of_another_server_is_its_document() {
    let registered = library::api::api_mod::api_description::<library::Library>().unwrap();
    let source =
        contract::parse(include_str!("../../crates/specbound/examples/library/library.yaml"))
            .unwrap();
    let facts = contract::ServerInfo {
        title: library::api::TITLE,
        version: library::api::VERSION,
        servers: json!([{"url": "https://library.example.com"}]),
        security_schemes: json!({
            "readerKey": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "branch": {"type": "apiKey", "in": "header", "name": "X-Branch"},
        }),
        guarantees: &[],
    };
    let export =
        contract::export_of(&registered, library::api::OPERATIONS, &facts, &source).unwrap();
    let differences = contract::diff::diff(&source, &export);
    assert!(
        differences.is_empty(),
        "{}",
        contract::diff::to_text(&differences, contract::diff::Sides::SOURCE_SERVER)
    );
}

/// InvenTree's whole API, version 291: 648 operations, 372 schemas. `WHOLE_API` names the document,
/// YAML or gzip.
#[test]
#[ignore = "needs InvenTree's whole document: WHOLE_API=inventree-api-v291.yaml.gz"]
fn whole_api_of_inventree_generates_and_type_checks() {
    let path = std::env::var("WHOLE_API").expect("WHOLE_API names InvenTree's whole document");
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut document = String::new();
    if path.ends_with(".gz") {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut document).unwrap();
    } else {
        document = String::from_utf8(bytes).unwrap();
    }
    let started = Instant::now();
    let generated = generated(&document);
    let methods = generated.server_trait.matches("async fn ").count();
    println!("{methods} operations generated in {:.1?}", started.elapsed());
    assert_eq!(methods, 648);
    let package = Package::new("whole_api");
    package.add("whole_api", &format!("{}fn main() {{}}\n", modules(&generated)));
    let started = Instant::now();
    let output = package.cargo(&["check", "--quiet", "--example", "whole_api"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("type-checked in {:.1?}", started.elapsed());
}
