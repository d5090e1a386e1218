//! The generator is about OpenAPI 3.0, not about one document: what it makes of others compiles, and serves.

#[path = "support/package.rs"]
mod package;

use std::io::Read;
use std::time::Instant;

use package::Package;
use specbound_codegen::{Generated, Settings, generate};

fn generated(document: &str) -> Generated {
    let settings = Settings { trait_name: "Api", runtime: "inventree_auth::http::typed" };
    generate(document, &settings).unwrap_or_else(|e| panic!("{e}"))
}

fn modules(generated: &Generated) -> String {
    let allow = "#[allow(dead_code, unused_imports, clippy::all)]";
    let Generated { server, client, .. } = generated;
    format!("{allow}\nmod api {{\n{server}\n}}\n\n{allow}\nmod client {{\n{client}\n}}\n\n")
}

/// Enums, lists, maps, schemas in schemas, several successes, documented failures, bytes, header parameters: a server
/// started from the generated trait does as the document says, asked by the generated client and by raw requests, and
/// its own export is the document.
#[test]
fn server_of_another_document_does_as_that_document_says() {
    let document = include_str!("../crates/specbound-codegen/tests/documents/library.yaml");
    let package = Package::new("library");
    let code = format!(
        "const DOCUMENT: &str = {document:?};\n{}{}",
        modules(&generated(document)),
        include_str!("documents/library.rs")
    );
    package.add("library", &code);
    let output = package.cargo(&["run", "--quiet", "--example", "library"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "the library is as its document says\n");
}

/// InvenTree's whole API, version 291: 648 operations, 372 schemas. `WHOLE_API` names the document, YAML or gzip.
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
