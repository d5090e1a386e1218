//! Server projects: the handlers, the calls of the tests, and what a later document adds.

use super::*;
use crate::{Dependencies, File, Layout};

const TICKETS: &str = include_str!("../../../../tests/new_project/tickets.yaml");
const LATER: &str = include_str!("../../../../tests/new_project/later.yaml");

fn generated(text: &str) -> Generated {
    generate(text, &Settings::default()).unwrap()
}

fn text_of<'a>(files: &'a [File], path: &str) -> &'a str {
    &files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path}")).text
}

#[test]
fn project_has_a_file_of_handlers_for_each_tag() {
    let layout = Layout {
        name: "the-tickets",
        document: "openapi.yaml",
        mode: Mode::Strict,
        dependencies: Dependencies::Folder("/crates"),
    };
    let files = generated(TICKETS).project_files(&layout);
    assert!(text_of(&files, "src/handlers/tickets.rs").contains("pub async fn open_ticket("));
    assert!(text_of(&files, "src/handlers/reports.rs").contains("pub async fn newest_ticket("));
    assert!(text_of(&files, "src/handlers/untagged.rs").contains("pub async fn get_health("));
    let manifest = text_of(&files, "Cargo.toml");
    assert!(manifest.contains("specbound = { path = \"/crates/specbound\" }"), "{manifest}");
    assert!(manifest.contains("\nuuid = ") && manifest.contains("\nchrono = "), "{manifest}");
    let server = text_of(&files, "src/server.rs");
    assert!(server.contains("(\"machine\", Scheme::Header(\"x-key\")),"), "{server}");
    assert!(server.contains("(\"person\", Scheme::Authorization(\"Bearer\")),"), "{server}");
    assert!(text_of(&files, "src/main.rs").contains("use the_tickets::"));
    assert!(files.iter().all(|file| !file.text.contains("{{")), "a placeholder is left");
}

/// The signatures of handlers name them, and their files use the prelude alone.
#[test]
fn prelude_of_a_project_has_every_type_of_a_signature() {
    let layout = Layout {
        name: "the-tickets",
        document: "openapi.yaml",
        mode: Mode::Strict,
        dependencies: Dependencies::Folder("/crates"),
    };
    let files = generated(TICKETS).project_files(&layout);
    let lib = text_of(&files, "src/lib.rs");
    let prelude = lib.split_once("pub mod prelude {").unwrap().1.split_once("};").unwrap().0;
    let names: Vec<&str> =
        prelude.split(|c: char| !c.is_alphanumeric()).filter(|name| !name.is_empty()).collect();
    let generated = generated(TICKETS);
    let signatures = generated.server_trait.split_once("specbound::{").unwrap().1;
    let signatures = signatures.split_once('}').unwrap().0;
    for name in signatures.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let is_of_trait = ["HandlerResult", "Outcome"].contains(&name);
        assert!(is_of_trait || names.contains(&name), "{name} is missing: {names:?}");
    }
}

#[test]
fn handler_stub_returns_the_documented_error() {
    let handlers = generated(TICKETS).project.handlers;
    let code = |name: &str| &handlers.iter().find(|handler| handler.name == name).unwrap().code;
    let documented = r#"not_implemented_as("{\"code\":100,\"message\":\"x\"}")"#;
    assert!(code("open_ticket").contains(documented), "{}", code("open_ticket"));
    assert!(code("list_tickets").contains("not_implemented(\"list_tickets\")"));
}

#[test]
fn regeneration_adds_handlers_and_keeps_existing_code() {
    let first = generated(TICKETS).project.missing_handlers(&[]);
    let mut written = first.clone();
    let reports = written.iter_mut().find(|file| file.path == "src/handlers/reports.rs").unwrap();
    reports.text.push_str("\n// Written by hand.\n");
    let reports = reports.text.clone();
    assert_eq!(generated(TICKETS).project.missing_handlers(&written), []);

    let added = generated(&format!("{TICKETS}{LATER}")).project.missing_handlers(&written);
    let paths: Vec<&str> = added.iter().map(|file| file.path.as_str()).collect();
    let expected = ["src/handlers/comments.rs", "src/handlers/reports.rs", "src/handlers/mod.rs"];
    assert_eq!(paths, expected);
    let later = text_of(&added, "src/handlers/reports.rs");
    assert!(later.starts_with(&reports), "{later}");
    assert!(later[reports.len()..].contains("fn oldest_ticket("), "{later}");
    let list = text_of(&added, "src/handlers/mod.rs");
    assert!(list.starts_with(text_of(&first, "src/handlers/mod.rs")), "{list}");
}

#[test]
fn calls_have_credentials_and_required_arguments() {
    let calls = generated(TICKETS).project.calls;
    assert_eq!(calls.matches("#[tokio::test]").count(), 6, "{calls}");
    let person = r#"client::Credentials::new().machine("dGVzdGVyOm9mLXRoaXMtYXBp").connect("#;
    assert!(dense(&calls).contains(person), "{calls}");
    assert!(calls.contains("client::Client::new(super::address("), "{calls}");
    assert!(
        calls.contains(r#"client.open_ticket(&super::value("{\"title\":\"xxx\"}"))"#),
        "{calls}"
    );
    assert!(calls.contains(r#"client.list_tickets(super::value("1"), None)"#), "{calls}");
}

#[test]
fn credentials_are_sent_whatever_the_case_of_an_operation_id() {
    let source = json!({
        "openapi": "3.0.3", "info": { "title": "", "version": "" },
        "paths": { "/a": { "get": {
            "operationId": "listAdmins", "security": [{ "key": [] }],
            "responses": { "204": { "description": "" } },
        } } },
        "components": { "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } } },
    });
    let client = generate_from(&source, &Settings::default(), Mode::Strict).unwrap().client;
    let client = dense(&client);
    assert!(client.contains(r#"self.send_target(target,"list_admins","#), "{client}");
    assert!(client.contains(r#""list_admins"=>&[&["key"]],"#), "{client}");
}

/// Else the key of the caller and another text would be sent under one name.
#[test]
fn calls_send_the_key_in_a_parameter_of_its_name() {
    let text = json!({ "type": "string" });
    let parameter =
        |name: &str| json!({ "in": "query", "name": name, "required": true, "schema": text });
    let source = json!({
        "openapi": "3.0.3", "info": { "title": "", "version": "" },
        "paths": { "/a": { "get": {
            "operationId": "a", "security": [{ "app": [] }],
            "parameters": [parameter("app_key"), parameter("other")],
            "responses": { "204": { "description": "" } },
        } } },
        "components": { "securitySchemes": {
            "app": { "type": "apiKey", "in": "query", "name": "app_key" },
        } },
    });
    let generated = generate_from(&source, &Settings::default(), Mode::Strict).unwrap();
    let calls = generated.project.calls;
    assert!(calls.contains(r#"client.a("dGVzdGVyOm9mLXRoaXMtYXBp", "x")"#), "{calls}");
}

#[test]
fn client_matches_a_status_before_its_range() {
    let source = json!({
        "openapi": "3.0.3", "info": { "title": "", "version": "" },
        "paths": { "/a": { "get": { "operationId": "a", "responses": {
            "200": { "description": "" }, "404": { "description": "" },
            "default": { "description": "" },
        } } } },
    });
    let client = generate_from(&source, &Settings::default(), Mode::Strict).unwrap().client;
    let at = |text: &str| client.find(text).unwrap_or_else(|| panic!("{text}: {client}"));
    assert!(at("404u16 =>") < at("400u16..=499u16 =>"));
}

#[test]
fn client_can_share_the_types_of_the_server() {
    let generated = generated(TICKETS);
    let types = "#[allow(dead_code, non_camel_case_types)]";
    let (before, rest) = generated.client.split_once(types).unwrap();
    let after = rest.split_once("\n}\n").unwrap().1;
    assert_eq!(generated.client_without_types(), format!("{before}{after}"));
    assert!(generated.server.contains(types));
    assert!(generated.client_without_types().contains("types::"));
}

#[test]
fn only_what_requests_reach_has_rows_and_rows_have_only_constraints() {
    let source = json!({
        "openapi": "3.0.3", "info": { "title": "", "version": "" },
        "paths": { "/a": { "post": {
            "requestBody": { "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/Sent" }
            } } },
            "responses": { "200": { "description": "", "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/Response" }
            } } } },
        } } },
        "components": { "schemas": {
            "Sent": { "type": "object", "required": ["inner"], "properties": {
                "inner": { "$ref": "#/components/schemas/Alias" },
                "note": { "type": "string", "maxLength": 3 },
                "flag": { "type": "boolean" },
            } },
            "Alias": { "$ref": "#/components/schemas/Inner" },
            "Inner": { "type": "object", "properties": { "depth": { "type": "integer" } } },
            "Response": { "type": "object", "properties": { "id": { "type": "integer" } } },
        } },
    });
    let server = generate_from(&source, &Settings::default(), Mode::Strict).unwrap().server;
    let rows = |name: &str| server.contains(&format!("HasConstraints for types::{name} "));
    assert!(rows("Sent") && rows("Inner") && !rows("Response"), "{server}");
    let server = dense(&server);
    let note = r#"Property{max_length:Some(3usize),..::specbound::Property::new("note","#;
    assert!(server.contains(note), "{server}");
    let flag = r#"::specbound::Property::new("flag",::specbound::Kind::Boolean),"#;
    assert!(server.contains(flag), "{server}");
    assert!(server.contains("required:true,members:Some(||<types::Inner"), "{server}");
}

/// An alternative elsewhere is checked by its table.
#[test]
fn rows_have_the_bounds_of_a_component_that_is_an_alternative_too() {
    let body = |name: &str| {
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        json!({ "post": {
            "requestBody": { "content": { "application/json": { "schema": schema } } },
            "responses": { "204": { "description": "" } },
        } })
    };
    let member = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let source = json!({
        "openapi": "3.0.3", "info": { "title": "", "version": "" },
        "paths": { "/route": body("Route"), "/either": body("Either") },
        "components": { "schemas": {
            "Route": { "type": "object", "properties": {
                "net": member("Net"), "link": member("Link"),
            } },
            "Either": { "type": "object", "properties": {
                "net": { "oneOf": [member("Net"), member("Link")] },
            } },
            "Net": { "type": "string", "pattern": "^[0-9./]+$" },
            "Link": { "type": "integer", "minimum": 7 },
        } },
    });
    let server = generate_from(&source, &Settings::default(), Mode::Strict).unwrap().server;
    let server = dense(&server);
    let (_, rows) = server.split_once("HasConstraintsfortypes::Route{").unwrap();
    let (rows, _) = rows.split_once("];}").unwrap();
    let bound = "minimum:Some(::specbound::Bound{value:7f64,exclusive:false";
    for limit in [r#"pattern:Some("^[0-9./]+$"),..::specbound::Property::new("net""#, bound] {
        assert!(rows.contains(limit), "{limit}: {rows}");
    }
    assert!(server.contains("one_of:&[&constraints::C_NET,&constraints::C_LINK"), "{server}");
}

/// FastAPI's header without a default that may be a list or null.
#[test]
fn calls_send_no_null_for_a_required_parameter() {
    let list = json!({"type": "array", "items": {"type": "string"}});
    let source = json!({
        "openapi": "3.1.0", "info": { "title": "", "version": "" },
        "paths": { "/a": { "get": {
            "operationId": "a",
            "parameters": [{
                "in": "header", "name": "tags", "required": true,
                "schema": { "anyOf": [list, { "type": "null" }] },
            }],
            "responses": { "204": { "description": "" } },
        } } },
    });
    let project = generate_from(&source, &Settings::default(), Mode::Strict).unwrap().project;
    let calls = dense(&project.calls);
    assert!(!calls.contains("null") && calls.contains(r#"[\"x\"]"#), "{calls}");
}

/// A client that changes one member with PATCH must not clear the others.
#[test]
fn requests_leave_out_members_that_are_not_set() {
    let member = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let content = |name: &str| json!({ "application/json": { "schema": member(name) } });
    let members = json!({
        "due": { "type": "string", "nullable": true },
        "tags": { "type": "array", "items": { "type": "string" } },
    });
    let source = json!({
        "openapi": "3.0.3", "info": { "title": "", "version": "" },
        "paths": { "/a": { "patch": {
            "requestBody": { "required": true, "content": content("Change") },
            "responses": { "200": { "description": "", "content": content("Shown") } },
        } } },
        "components": { "schemas": {
            "Change": { "type": "object", "properties": { "inner": member("Inner") } },
            "Inner": { "type": "object", "properties": members },
            "Shown": { "type": "object", "properties": members },
        } },
    });
    let generated = generate_from(&source, &Settings::default(), Mode::Strict).unwrap();
    for code in [&generated.server, &generated.client] {
        let code = dense(code);
        let members = |name: &str| {
            let (_, rest) = code.split_once(&format!("pubstruct{name}{{")).unwrap();
            rest.split_once('}').unwrap().0.to_owned()
        };
        assert_eq!(members("Inner").matches("skip_serializing_if").count(), 2, "{code}");
        assert!(!members("Shown").contains("skip_serializing_if"), "{code}");
    }
}

#[test]
fn calls_send_a_body_though_its_schema_is_nullable() {
    let source = json!({
        "openapi": "3.0.3", "info": { "title": "", "version": "" },
        "paths": { "/a": { "post": {
            "requestBody": { "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/Company" }
            } } },
            "responses": { "204": { "description": "" } },
        } } },
        "components": { "schemas": {
            "Company": { "type": "object", "nullable": true, "required": ["name"], "properties": {
                "name": { "type": "string" },
            } },
        } },
    });
    let project = generate_from(&source, &Settings::default(), Mode::Strict).unwrap().project;
    let calls = dense(&project.calls);
    assert!(!calls.contains("null") && calls.contains(r#"{\"name\":\"x\"}"#), "{calls}");
}
