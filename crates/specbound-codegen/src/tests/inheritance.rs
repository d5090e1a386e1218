//! Supertypes, subtypes and alternatives, as springdoc, NSwag and others write them: no member of a
//! value is lost, and the right alternative is read.

use super::*;

/// A document that reads and returns the schema `Any`.
fn of(version: &str, schemas: Value) -> Value {
    let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Any"}}});
    json!({
        "openapi": version,
        "info": {"title": "Inheritance", "version": "1"},
        "paths": {"/a": {"post": {
            "operationId": "a",
            "requestBody": {"required": true, "content": content},
            "responses": {"200": {"description": "", "content": content}},
        }}},
        "components": {"schemas": schemas},
    })
}

fn struct_of(server: &str, name: &str) -> String {
    let found = server.split_once(&format!("pubstruct{name}{{"));
    found.unwrap_or_else(|| panic!("{name}: {server}")).1.split_once('}').unwrap().0.to_owned()
}

const EXTRA: &str = "pubextra:::serde_json::Map<::std::string::String,::serde_json::Value>";

#[test]
fn members_of_alternatives_beside_own_members_have_a_place() {
    let shape = json!({
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"type": "string"}},
        "discriminator": {"propertyName": "kind"},
        "oneOf": [{"$ref": "#/components/schemas/Circle"}],
    });
    let circle = json!({"allOf": [
        {"$ref": "#/components/schemas/Any"},
        {"type": "object", "properties": {"radius": {"type": "number"}}},
    ]});
    let server = dense(&taken(&of("3.0.1", json!({"Any": shape, "Circle": circle}))).server);
    assert!(struct_of(&server, "Any").contains(EXTRA), "{server}");
    assert!(struct_of(&server, "Circle").contains("pubradius:"), "{server}");
}

#[test]
fn members_of_subtypes_have_a_place_in_their_supertype() {
    let pet = json!({
        "type": "object",
        "properties": {"kind": {"type": "string"}},
        "discriminator": {"propertyName": "kind"},
    });
    let cat = json!({"allOf": [
        {"$ref": "#/components/schemas/Any"},
        {"type": "object", "properties": {"lives": {"type": "integer"}}},
    ]});
    let server = dense(&taken(&of("3.0.1", json!({"Any": pet, "Cat": cat}))).server);
    assert!(struct_of(&server, "Any").contains(EXTRA), "{server}");
    let cat = struct_of(&server, "Cat");
    assert!(cat.contains("publives:") && !cat.contains("pubextra:"), "{server}");
}

#[test]
fn members_of_pattern_properties_have_a_place_beside_others() {
    let any = json!({
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "patternProperties": {"^x-": {"type": "string"}},
        "additionalProperties": false,
    });
    let server = dense(&taken(&of("3.1.0", json!({"Any": any}))).server);
    assert!(struct_of(&server, "Any").contains(EXTRA), "{server}");
}

/// The implementation of `Deserialize` for an enum, if it is not derived.
fn reader(server: &str, name: &str) -> Option<String> {
    let start = format!("impl<'de>::serde::Deserialize<'de>for{name}{{");
    Some(server.split_once(&start)?.1.split_once("noneofthealternatives").unwrap().0.to_owned())
}

#[test]
fn discriminator_chooses_the_type_that_is_read() {
    let member = |name: &str| {
        let kind = json!({"type": "string"});
        json!({"type": "object", "required": ["kind"], "properties": {"kind": kind, name: kind}})
    };
    let any = json!({
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/big.dog"}],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {"cat": "#/components/schemas/Cat", "Dog": "big.dog", "d": "big.dog"},
        },
    });
    let schemas = json!({"Any": any, "Cat": member("claws"), "big.dog": member("bark")});
    let mut document = of("3.0.1", schemas);
    let generated = taken(&document);
    let reader = reader(&dense(&generated.server), "Any").unwrap();
    assert!(reader.contains("value.get(\"kind\")"), "{reader}");
    assert!(
        reader.contains(
            "Some(\"cat\"|\"Cat\")=>{return::serde_json::from_value(value).map(Self::Cat)"
        ),
        "{reader}"
    );
    assert!(reader.contains("Some(\"Dog\"|\"d\"|\"big.dog\")"), "{reader}");
    assert!(dense(&generated.client).contains(&reader));
    // The types of requests have names of their own.
    let at = "/components/schemas/Cat/properties/id";
    put(&mut document, at, json!({"type": "integer", "readOnly": true}));
    let server = dense(&taken(&document).server);
    let requests = self::reader(&server, "AnyRequest").unwrap();
    assert!(
        requests.contains("value.get(\"kind\")") && requests.contains("CatRequest"),
        "{server}"
    );
    // Any other value means the default alternative.
    document["openapi"] = json!("3.2.0");
    put(
        &mut document,
        "/components/schemas/Any/discriminator/defaultMapping",
        json!("#/components/schemas/Cat"),
    );
    let server = dense(&taken(&document).server);
    assert!(!server.contains("discriminator:Some") && !server.contains("value.get(\"kind\")"));
}

#[test]
fn alternative_with_a_place_for_the_most_members_is_read() {
    let member = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}});
    let refer = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let any = json!({"oneOf": [refer("A"), refer("B"), {"type": "string"}]});
    let document = of("3.0.1", json!({"Any": any, "A": member("a"), "B": member("b")}));
    let reader = reader(&dense(&taken(&document).server), "Any").unwrap();
    assert!(
        reader.contains(
            "[(unknown(&[\"a\"]),0usize),(unknown(&[\"b\"]),1usize),(unknown(&[]),2usize),]"
        ),
        "{reader}"
    );
    // One object among others has no choice.
    let any = json!({"oneOf": [refer("A"), {"type": "string"}]});
    let document = of("3.0.1", json!({"Any": any, "A": member("a")}));
    assert_eq!(self::reader(&dense(&taken(&document).server), "Any"), None);
}

/// Both alternatives take both values of `method`: the discriminator alone tells them apart.
#[test]
fn calls_send_the_alternative_that_their_discriminator_names() {
    let kind = |required: &str| {
        json!({
            "type": "object", "required": ["method", required],
            "properties": {
                "method": { "type": "string", "enum": ["link", "code"] },
                required: { "type": "string" },
            },
        })
    };
    let refer = |name: &str| format!("#/components/schemas/{name}");
    let source = json!({
        "openapi": "3.0.3", "info": { "title": "", "version": "" },
        "paths": { "/a": { "post": {
            "operationId": "a",
            "requestBody": { "required": true, "content": { "application/json": {
                "schema": { "$ref": refer("Flow") }
            } } },
            "responses": { "204": { "description": "" } },
        } } },
        "components": { "schemas": {
            "Flow": {
                "oneOf": [{ "$ref": refer("WithLink") }, { "$ref": refer("Code") }],
                "discriminator": {
                    "propertyName": "method",
                    "mapping": { "link": refer("WithLink"), "code": refer("Code") },
                },
            },
            "WithLink": kind("email"),
            "Code": kind("no"),
        } },
    });
    let project = generate_from(&source, &Settings::default(), Mode::Strict).unwrap().project;
    let calls = dense(&project.calls);
    assert!(calls.contains(r#"{\"method\":\"code\",\"no\":\"x\"}"#), "{calls}");
}

/// As OpenAI writes it: no mapping, and each alternative has its own constant.
#[test]
fn constant_of_an_alternative_stands_for_it() {
    let member =
        |role: Value| json!({"type": "object", "required": ["role"], "properties": {"role": role}});
    let role = json!({"$ref": "#/components/schemas/Role"});
    let mut schemas = json!({
        "Any": {
            "oneOf": [{"$ref": "#/components/schemas/User"}, {"$ref": "#/components/schemas/Tool"}],
            "discriminator": {"propertyName": "role"},
        },
        "User": member(json!({"type": "string", "enum": ["user"]})),
        "Tool": {"allOf": [member(role), {"type": "object"}]},
        "Role": {"type": "string", "const": "tool"},
    });
    let server = dense(&taken(&of("3.1.0", schemas.clone())).server);
    let reader = reader(&server, "Any").unwrap();
    assert!(reader.contains("Some(\"user\"|\"User\")=>"), "{reader}");
    assert!(reader.contains("Some(\"tool\"|\"Tool\")=>"), "{reader}");
    assert!(server.contains("mapping:&[(\"user\",&constraints::C_USER),"), "{server}");
    // A value of both does not tell them apart.
    schemas["Role"]["const"] = json!("user");
    let server = dense(&taken(&of("3.1.0", schemas)).server);
    assert!(!server.contains("mapping:") && server.contains("one_of:"), "{server}");
}
