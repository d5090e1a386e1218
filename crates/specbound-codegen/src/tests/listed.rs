//! Parts that were once lost without a word: each is enforced, or listed with its place.

use super::*;

fn get(parameters: Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Listed", "version": "1"},
        "paths": {"/a/{level}": {"get": {
            "operationId": "a",
            "parameters": parameters,
            "responses": {"204": {"description": ""}},
        }}},
    })
}

fn listed(generated: &Generated) -> Vec<&str> {
    generated.unenforced.iter().map(|item| item.path.as_str()).collect()
}

#[test]
fn parameters_have_the_choices_of_numbers_and_booleans() {
    let parameters = json!([
        {"name": "level", "in": "path", "required": true,
            "schema": {"type": "number", "enum": [0.5, 2]}},
        {"name": "ratio", "in": "query", "schema": {"type": "number", "enum": [1.5]}},
        {"name": "sure", "in": "header", "schema": {"type": "boolean", "enum": [true]}},
        {"name": "text", "in": "query", "schema": {"type": "boolean", "enum": ["true"]}},
    ]);
    let generated = taken(&get(parameters));
    let server = dense(&generated.server);
    for reader in [
        "\"level\",|value:&f64|[0.5f64,2f64].contains(value)",
        "\"ratio\",|value:&f64|[1.5f64].contains(value)",
        "\"sure\",|value:&bool|[true].contains(value)",
        "choices:&[\"\\\"true\\\"\"]",
    ] {
        assert!(server.contains(reader), "{reader}: {server}");
    }
    assert!(dense(&generated.client).contains("ratio:Option<f64>"), "{}", generated.client);
}

#[test]
fn refusal_of_a_plain_parameter_says_what_is_allowed() {
    let many: Vec<u32> = (0..30).collect();
    let rows = [
        (
            json!({"type": "integer", "exclusiveMinimum": 1, "maximum": 9}),
            "an integer, more than 1, at most 9",
        ),
        (json!({"type": "number"}), "a number"),
        (json!({"type": "boolean"}), "true or false"),
        (json!({"type": "string", "format": "uuid"}), "a valid uuid"),
        (json!({"type": "string", "format": "unknown"}), "a text"),
        (
            json!({"type": "string", "minLength": 1, "maxLength": 2, "pattern": "^a"}),
            "a text, at least 1 character, at most 2 characters, matching ^a",
        ),
        (json!({"type": "string", "enum": ["red", "blue"]}), "one of red, blue"),
        (json!({"type": "array", "items": {"type": "integer"}}), "an integer"),
    ];
    let level = json!({"name": "level", "in": "path", "required": true, "schema": {}});
    for (schema, expected) in rows {
        let parameters = json!([level, {"name": "sent", "in": "query", "schema": schema}]);
        let server = dense(&taken(&get(parameters)).server);
        let end = format!(",{:?})", expected).replace(' ', "");
        assert!(server.contains(&end), "{end}: {server}");
    }
    let schema = json!({"type": "integer", "enum": many});
    let parameters = json!([level, {"name": "sent", "in": "query", "schema": schema}]);
    let server = taken(&get(parameters)).server;
    assert!(server.contains("18, 19 and others\""), "{server}");
}

#[test]
fn content_of_parameters_that_is_no_json_is_listed() {
    let content = json!({"text/csv": {"schema": {"type": "string", "maxLength": 3}}});
    let parameters = json!([{"name": "csv", "in": "query", "content": content}]);
    let generated = taken(&get(parameters));
    let at = "/paths/~1a~1{level}/get/parameters/0/content/text~1csv/schema";
    assert_eq!(listed(&generated), [at]);
    assert!(dense(&generated.server).contains("None,Some(3usize),None"), "{}", generated.server);
}

#[test]
fn content_types_that_differ_in_parameters_alone_are_listed() {
    let object = |name: &str| {
        let properties = json!({name: {"type": "string"}});
        json!({"schema": {"type": "object", "properties": properties}})
    };
    let content = json!({
        "application/json; v=1.0": object("a"),
        "application/json; v=2.0": object("b"),
        "application/json; charset=utf-8": object("a"),
    });
    let mut document = get(json!([]));
    let operation = "/paths/~1a~1{level}/get";
    put(
        &mut document,
        &format!("{operation}/responses/200"),
        json!({"description": "", "content": content}),
    );
    let second = |place: &str| format!("{operation}/{place}/content/application~1json; v=2.0");
    assert_eq!(listed(&taken(&document)), [second("responses/200")]);
    // A request is held against the first schema, so the second version is refused.
    put(&mut document, &format!("{operation}/requestBody"), json!({"content": content}));
    match refusal(&document) {
        Error::Unsupported(items) => assert_eq!(items[0].path, second("requestBody")),
        other => panic!("{other}"),
    }
    assert_eq!(listed(&leniently(&document)), [second("requestBody"), second("responses/200")]);
}

#[test]
fn schema_of_items_is_listed_where_no_items_are_read() {
    let mut document = get(json!([]));
    document["openapi"] = json!("3.2.0");
    let lines = json!({"application/x-ndjson": {"itemSchema": {"type": "integer"}}});
    let operation = "/paths/~1a~1{level}/get";
    put(
        &mut document,
        &format!("{operation}/responses/200"),
        json!({"description": "", "content": lines}),
    );
    put(&mut document, &format!("{operation}/requestBody"), json!({"content": lines}));
    let items =
        |place: &str| format!("{operation}/{place}/content/application~1x-ndjson/itemSchema");
    assert_eq!(listed(&taken(&document)), [items("requestBody"), items("responses/200")]);
}

#[test]
fn keywords_without_a_type_are_taken() {
    for (keyword, value) in [
        ("format", json!("int64")),
        ("minLength", json!(2)),
        ("pattern", json!("^a")),
        ("minimum", json!(2)),
        ("exclusiveMaximum", json!(2)),
        ("maxItems", json!(2)),
        ("required", json!(["a"])),
        ("items", json!(true)),
        ("enum", json!(["a", 1, null])),
        ("multipleOf", json!(2)),
        ("default", json!({"a": 1})),
    ] {
        let mut document = small();
        document["openapi"] = json!("3.1.0");
        put(&mut document, &format!("{THING}/properties/bare"), json!({keyword: value}));
        let server = taken(&document).server;
        assert!(dense(&server).contains("pubbare:"), "{keyword}");
        let mut document = small();
        document["openapi"] = json!("3.1.0");
        put(&mut document, "/components/schemas/Bare", json!({keyword: value}));
        put(
            &mut document,
            &format!("{THING}/properties/bare"),
            json!({"$ref": "#/components/schemas/Bare"}),
        );
        assert!(dense(&taken(&document).server).contains("pubbare:"), "{keyword}");
    }
}

#[test]
fn version_may_be_a_number() {
    for (version, text) in [(json!(1), "\"1\""), (json!(1.5), "\"1.5\"")] {
        let server = taken(&small_with("/info/version", version)).server;
        assert!(server.contains(&format!("pub const VERSION: &str = {text};")));
    }
}

#[test]
fn missing_title_and_version_are_empty_and_listed() {
    let mut document = small();
    document["info"] = json!({});
    let taken = taken(&document);
    assert!(taken.server.contains("pub const VERSION: &str = \"\";"));
    assert_eq!(listed(&taken), ["/info/title", "/info/version"]);
}

#[test]
fn names_that_generated_code_uses_belong_to_no_schema() {
    let mut document = small();
    for (name, schema) in [
        ("Ok", json!({"type": "string", "maxLength": 2})),
        ("String", json!({"type": "string", "enum": ["a", "b"]})),
    ] {
        put(&mut document, &format!("/components/schemas/{name}"), schema);
        put(
            &mut document,
            &format!("{THING}/properties/{name}"),
            json!({"$ref": format!("#/components/schemas/{name}")}),
        );
    }
    let server = dense(&taken(&document).server);
    for name in ["pubstructOkSchema(", "pubenumStringSchema{"] {
        assert!(server.contains(name), "{name}: {server}");
    }
}

/// A reader looks for the method, and the export keeps the document's name.
#[test]
fn operations_whose_names_are_changed_are_listed() {
    let mut document = small();
    put(&mut document, &format!("{GET}/operationId"), json!("self"));
    put(&mut document, &format!("{POST}/operationId"), json!("plain-update"));
    let generated = taken(&document);
    assert_eq!(
        listed(&generated),
        [format!("{POST}/operationId"), format!("{GET}/operationId")],
        "{:?}",
        generated.unenforced
    );
    assert!(generated.unenforced.iter().any(|item| item.reason.contains("`get_self`")));
}

#[test]
fn members_that_openapi_does_not_know_are_listed() {
    let mut document = small();
    let cases = [
        "/definitions".to_owned(),
        format!("{POST}/requestbody"),
        format!("{GET}/parameters/1/minimum"),
        format!("{GET}/responses/200/schema"),
    ];
    cases.iter().for_each(|at| put(&mut document, at, json!({"type": "string"})));
    assert_eq!(listed(&taken(&document)), [&cases[0], &cases[1], &cases[2], &cases[3]]);
}

/// dropshot decodes the path of a request before it looks for the route: the server did not start.
#[test]
fn paths_that_are_sent_encoded_have_a_route_of_their_own() {
    for path in ["/a b", "/\u{fc}", "/%20", "/a/../b"] {
        let mut document = small();
        let item =
            json!({"get": {"operationId": "odd", "responses": {"204": {"description": ""}}}});
        put(&mut document, &format!("/paths/{}", escape(path)), item);
        let server = dense(&taken(&document).server);
        assert!(server.contains("(\"odd\",\"/-operation/odd\")"), "{path}: {server}");
    }
}

#[test]
fn x_rust_name_chooses_the_names_of_schemas_and_operations() {
    let response = |name: &str| {
        let schema = json!({"$ref": format!("#/components/schemas/{name}")});
        json!({"200": {"description": "", "content": {"application/json": {"schema": schema}}}})
    };
    let object = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let mut named = object.clone();
    named["x-rust-name"] = json!("Ticket");
    let document = json!({
        "openapi": "3.0.3", "info": {"title": "", "version": ""},
        "paths": {
            "/a": {"get": {"operationId": "find", "responses": response("Ticket")}},
            "/b": {"get": {
                "operationId": "API_v1_tickets_find", "x-rust-name": "find",
                "responses": response("com.example.Ticket.v1"),
            }},
        },
        "components": {"schemas": {"Ticket": object, "com.example.Ticket.v1": named}},
    });
    let generated = generate_from(&document, &Settings::default(), Mode::Strict).unwrap();
    let server = dense(&generated.server_trait);
    assert!(server.contains("asyncfnfind("), "{server}");
    let (_, chosen) = server.split_once("asyncfnfind(").unwrap();
    let (chosen, _) = chosen.split_once(';').unwrap();
    assert!(chosen.contains("types::Ticket>"), "{chosen}");
    assert!(server.contains("asyncfnget_find(") || server.contains("asyncfnget_a("), "{server}");
    assert!(server.contains("types::Ticket2>"), "{server}");
    let listed: Vec<String> = generated.unenforced.iter().map(ToString::to_string).collect();
    let at = "/paths/~1b/get/operationId: `x-rust-name` names it `find`";
    assert!(listed.iter().any(|line| line == at), "{listed:?}");
}

#[test]
fn x_rust_name_that_cannot_be_had_is_listed() {
    let object = |name: Value| {
        json!({
            "type": "object", "properties": {"a": {"type": "string"}}, "x-rust-name": name,
        })
    };
    let mut document = get(json!([]));
    document["components"]["schemas"] = json!({
        "a": object(json!("Ticket")),
        "b": object(json!("Ticket")),
        "c": object(json!("not a name")),
        "d": object(json!(7)),
    });
    let listed = generate_from(&document, &Settings::default(), Mode::Strict).unwrap().unenforced;
    let lines: Vec<String> = listed.iter().map(ToString::to_string).collect();
    let at = |name: &str, given: &str| {
        format!(
            "/components/schemas/{name}/x-rust-name: `x-rust-name` cannot be had: the type is \
             `{given}`"
        )
    };
    assert_eq!(lines, [at("b", "Ticket2"), at("c", "NotAName"), at("d", "D")]);
}

#[test]
fn a_ring_of_references_is_the_only_refusal() {
    let ring = json!({"$ref": "#/components/parameters/Ring"});
    let mut document = get(json!([ring]));
    document["components"] = json!({"parameters": {"Ring": ring}});
    let refused = generate_from(&document, &Settings::default(), Mode::Strict).unwrap_err();
    let line = "/components/parameters/Ring: this reference leads back to itself, or through many \
                others";
    assert_eq!(refused.to_string(), line);
}

#[test]
fn choices_that_are_no_texts_are_listed() {
    let number = json!({"type": "string", "enum": [1, 2]});
    let document = get(json!([{"in": "query", "name": "verse", "schema": number}]));
    let listed = generate_from(&document, &Settings::default(), Mode::Strict).unwrap().unenforced;
    let lines: Vec<String> = listed.iter().map(ToString::to_string).collect();
    let at = lines.iter().filter(|line| line.contains("/parameters/0/schema/enum: choices that"));
    assert_eq!(at.count(), 1, "{lines:?}");
}
