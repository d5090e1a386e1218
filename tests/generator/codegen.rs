//! The checked-in client and trait match the generator's output.

use serde_json::{Map, Value, json};
use specbound::TextFormat;
use specbound_codegen::{Settings, generate, support};

const SOURCE: &str = include_str!("../../spec/inventree-auth-v291.yaml");
const USER_SOURCE: &str = include_str!("../../spec/inventree-user-v291.yaml");

/// build.rs enforces this too. Both depend on the order of keys, which `serde_json` keeps only
/// with `preserve_order`.
#[test]
fn checked_in_files_match_the_document() {
    let fresh = |source, trait_name| {
        let support = Some("crate::support");
        generate(source, &Settings { trait_name, support, ..Default::default() }).unwrap()
    };
    let (auth, user) = (fresh(SOURCE, "AuthApi"), fresh(USER_SOURCE, "UserApi"));
    let support = support([&auth, &user]).unwrap();
    let checked_in = [
        (&support, include_str!("../../generated/src/support.rs")),
        (&auth.client, include_str!("../../generated/src/client.rs")),
        (&auth.server_trait, include_str!("../../generated/server_trait.rs")),
        (&user.client, include_str!("../../generated/src/user_client.rs")),
        (&user.server_trait, include_str!("../../generated/user_trait.rs")),
    ];
    let keeps_order = json!({"b": 1, "a": 2}).to_string().starts_with("{\"b\"");
    for (fresh, checked_in) in checked_in {
        // Without `preserve_order`, the same lines come in another order.
        assert!(
            !keeps_order || fresh == checked_in,
            "generated/ is stale: REFRESH_GENERATED=1 cargo build"
        );
        assert!(
            sorted(fresh) == sorted(checked_in),
            "generated/ is stale: REFRESH_GENERATED=1 cargo build"
        );
    }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// The body of a response 501 is held against the document too.
#[test]
fn a_handler_without_code_returns_texts_of_their_formats() {
    let member = |format: &TextFormat| {
        (format.name().to_owned(), json!({"type": "string", "format": format.name()}))
    };
    let members: Map<String, Value> = TextFormat::ALL.iter().map(member).collect();
    let names: Vec<&str> = TextFormat::ALL.iter().map(|format| format.name()).collect();
    let schema = json!({"type": "object", "properties": members, "required": names});
    let response = json!({"description": "", "content": {"application/json": {"schema": schema}}});
    let document = json!({
        "openapi": "3.0.3", "info": {"title": "", "version": ""},
        "paths": {"/a": {"get": {"operationId": "a", "responses": {"default": response}}}},
    });
    let project = generate(&document.to_string(), &Settings::default()).unwrap().project;
    let code = &project.handlers[0].code;
    let (_, call) = code.split_once("not_implemented_as(").unwrap();
    let literal = &call[call.find('"').unwrap() + 1..call.rfind('"').unwrap()];
    let body: Value = serde_json::from_str(&literal.replace('\\', "")).unwrap();
    for format in TextFormat::ALL {
        let text = body[format.name()].as_str().unwrap();
        assert!(format.holds(text), "{}: {text}", format.name());
    }
}
