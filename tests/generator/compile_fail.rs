//! Code that disagrees with its document does not compile: one implementation against small
//! documents, each with one change. The cases are written at run time, since each contains the
//! code generated from its document.

use test_support::package::Package;

const DOCUMENT: &str = include_str!("compile_fail/small.yaml");
const IMPLEMENTATION: &str = include_str!("compile_fail/implementation.rs");

/// A change of the document, and the compiler error that it causes in the unchanged
/// implementation.
const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "handler_taken_away",
        "HANDLER",
        "",
        "not all trait items implemented, missing: `ping_create`",
    ),
    ("other_status", "'200':", "'201':", "expected `201`, found `200`"),
    ("required_property_added", "PROPERTY", "", "missing field `nickname`"),
    ("required_property_not_taken", "PROPERTY", "", "pattern does not mention field `nickname`"),
    ("property_renamed", "PROPERTY RENAMED", "", "field named `word`"),
    ("content_type_removed", "CONTENT", "", "JsonOrMultipart"),
    ("security_alternative_removed", "      - {}\n", "", "TokenOrAnonymous"),
    ("body_no_longer_required", "        required: true\n", "", "expected `OptionalBody<"),
    ("content_type_of_an_response_added", "RESPONSE TYPE", "", "Reply<200, PingCreate200>"),
    ("required_header_left_out", "HEADER", "", "PingCreate200: Default"),
    ("operation_added", "OPERATION", "", "missing: `pong_retrieve`"),
    (
        "other_operation_id",
        "ping_create",
        "ping_send",
        "method `ping_create` is not a member of trait",
    ),
];

fn changed(from: &str, to: &str) -> (String, String) {
    let body = "          multipart/form-data:\n            schema:\n              $ref: \
        '#/components/schemas/Ping'\n";
    let (mut document, mut implementation) = (DOCUMENT.to_owned(), IMPLEMENTATION.to_owned());
    match from {
        "HANDLER" => {
            let start = implementation.find("    async fn ping_create").unwrap();
            let end = implementation.find("fn echo").unwrap();
            implementation.replace_range(start..end, "}\n\n");
        }
        "PROPERTY" => {
            let new = "        word:\n          type: string\n        nickname:\n          type: \
                string\n      required:\n      - nickname\n";
            document = document.replacen(
                "        word:\n          type: string\n      required:\n",
                new,
                1,
            );
        }
        "PROPERTY RENAMED" => {
            let old = "        word:\n          type: string\n      required:\n      - word\n";
            document = document.replacen(old, &old.replace("word", "words"), 1);
        }
        "RESPONSE TYPE" => {
            let csv =
                "            text/csv:\n              schema:\n                type: string\n";
            document = document.replacen("          description: ''\n", csv, 1);
            document
                .insert_str(document.find("components:").unwrap(), "          description: ''\n");
        }
        "HEADER" => {
            let header = "          description: ''\n          headers:\n            Location:\n\
                \x20             required: true\n              schema:\n\
                \x20               type: string\n";
            document = document.replacen("          description: ''\n", header, 1);
            let (old, new) = ("<200, types::Pong>", "<200, types::Pong, headers::PingCreate200>");
            implementation = implementation.replacen(old, new, 1);
        }
        "CONTENT" => document = document.replacen(body, "", 1),
        "OPERATION" => {
            let get = "    get:\n      operationId: pong_retrieve\n      responses:\n        \
                '200':\n          description: ''\n    post:";
            document = document.replacen("    post:", get, 1);
        }
        _ => document = document.replacen(from, to, 1),
    }
    assert!(document != DOCUMENT || implementation != IMPLEMENTATION, "{from} changed nothing");
    (document, implementation)
}

fn add_case(package: &Package, name: &str, document: &str, implementation: &str) {
    let settings = specbound_codegen::Settings { trait_name: "SmallApi", ..Default::default() };
    let generated = specbound_codegen::generate(document, &settings).unwrap();
    package.add(
        name,
        &format!("#[allow(dead_code)]\nmod api {{\n{}\n}}\n\n{implementation}", generated.server),
    );
}

/// Runs `cargo build --examples` on a package of cases. Maps each case to its compiler messages.
#[test]
fn code_that_contradicts_the_document_does_not_compile() {
    let package = Package::new("compile_fail");
    add_case(&package, "unchanged", DOCUMENT, IMPLEMENTATION);
    for (name, from, to, _) in CASES {
        let (document, implementation) = changed(from, to);
        add_case(&package, name, &document, &implementation);
    }
    let output =
        package.cargo(&["build", "--examples", "--keep-going", "--message-format", "short"]);
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    let of = |name: &str| -> Vec<&str> {
        printed
            .lines()
            .filter(|line| line.contains(&format!("examples/{name}.rs:")) && line.contains("error"))
            .collect()
    };
    assert!(
        printed.contains("could not compile `compile_fail`"),
        "the compiler did not get to the cases:\n{printed}"
    );
    assert!(
        of("unchanged").is_empty(),
        "the unchanged implementation must compile: {:#?}",
        of("unchanged")
    );
    assert!(!printed.contains("(example \"unchanged\")"), "{printed}");
    let silent: Vec<String> = CASES
        .iter()
        .filter(|(name, _, _, says)| !of(name).iter().any(|line| line.contains(says)))
        .map(|(name, _, _, says)| format!("{name} must say {says:?}, and says {:#?}", of(name)))
        .collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}
