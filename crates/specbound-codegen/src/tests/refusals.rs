//! Parts of a document that are refused: each by its pointer, all of them at once.

use super::*;

fn assert_refused_at(document: &Value, pointer: &str) {
    match refusal(document) {
        Error::Unsupported(items) => {
            assert!(items.iter().any(|item| item.path == pointer), "{pointer}: {items:?}");
            assert!(items.iter().all(|item| !item.reason.is_empty()));
        }
        other => panic!("{pointer}: {other}"),
    }
}

/// Each is refused, and in lenient mode listed in the generated code.
#[test]
fn unenforced_parts_are_refused_or_listed() {
    let get = |rest: &str| format!("{GET}{rest}");
    let post = |rest: &str| format!("{POST}{rest}");
    let thing = |rest: &str| format!("{THING}/properties/{rest}");
    let cases = [
        // parameters
        (get("/parameters/1/in"), json!("body"), get("/parameters/1")),
        (get("/parameters/1/style"), json!("unknown"), get("/parameters/1/style")),
        // requests
        (
            post("/requestBody/content/multipart~1form-data/encoding"),
            json!({"a": {}}),
            post("/requestBody/content/multipart~1form-data/encoding"),
        ),
        // security
        (post("/security/-"), json!({"magicAuth": []}), post("/security/2/magicAuth")),
        // elsewhere
        (
            "/paths/~1things~1/trace".to_owned(),
            json!({"responses": {}}),
            "/paths/~1things~1/trace".to_owned(),
        ),
        // schemas of a request, at any depth
        (thing("title/type"), json!("file"), thing("title/type")),
        (thing("title/unevaluatedItems"), json!(false), thing("title/unevaluatedItems")),
        (thing("title/maxlength"), json!(3), thing("title/maxlength")),
        (thing("pattern/pattern"), json!("("), thing("pattern/pattern")),
        // where no type and no row is made of them
        (thing("title/not"), json!({"pattern": "("}), thing("title/not/pattern")),
        (
            thing("title/if"),
            json!({"allOf": [{}, {"not": {"pattern": "("}}]}),
            thing("title/if/allOf/1/not/pattern"),
        ),
        (
            thing("title/allOf"),
            json!([{"pattern": "a"}, {"pattern": "("}]),
            thing("title/allOf/1/pattern"),
        ),
        (
            thing("inner/patternProperties"),
            json!({"a": {}, "(/": {}}),
            thing("inner/patternProperties/(~1"),
        ),
        (thing("title/not"), json!({"maxlength": 1}), thing("title/not/maxlength")),
        (
            thing("title/not"),
            json!({"unevaluatedProperties": false}),
            thing("title/not/unevaluatedProperties"),
        ),
        (
            format!("{GET}/parameters/1/schema"),
            json!({"type": "object", "propertyNames": {"pattern": "("}}),
            format!("{GET}/parameters/1/schema/propertyNames/pattern"),
        ),
    ];
    for (edit, value, pointer) in cases {
        let document = small_with(&edit, value);
        assert_refused_at(&document, &pointer);
        let lenient = leniently(&document);
        assert!(
            lenient.unenforced.iter().any(|item| item.path == pointer),
            "{pointer}: {:?}",
            lenient.unenforced
        );
        assert!(
            lenient.server.starts_with("// Parts of the document that this code does not enforce")
        );
        assert!(lenient.server.contains(&format!("//   {pointer}: ")), "{pointer}");
    }
}

/// What no row and no type enforces is in the table of the whole schema, at any depth.
#[test]
fn keywords_of_nested_schemas_are_in_the_constraint_table() {
    let thing = |rest: &str| format!("{THING}/properties/{rest}");
    let rows = dense(&generated(&small()).unwrap().server);
    assert!(!rows.contains("constSCHEMA") && !rows.contains("modconstraints"));
    for (edit, value, says) in [
        (thing("title/not"), json!({}), "not:Some(&crate::runtime::Constraints{..crate"),
        (thing("title/multipleOf"), json!(2), "multiple_of:Some(2f64)"),
        (thing("title/enum"), json!([{"b": 1.0, "a": [true]}]), r#"choices:&["{\"a\":[true],"#),
        (thing("inner/additionalProperties"), json!(false), "never:true"),
        (thing("inner/required"), json!(["unknown"]), r#"required:&["unknown"]"#),
        (
            thing("more"),
            json!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}}),
            "minimum:Some(crate::runtime::Bound{value:1f64,exclusive:false",
        ),
        (
            thing("more"),
            json!({"oneOf": [{"type": "string"}, {"type": "integer", "maximum": 1}]}),
            "maximum:Some(crate::runtime::Bound{value:1f64,exclusive:false",
        ),
        (
            thing("more"),
            json!({"type": "array", "items": {"type": "array", "items": {}, "maxItems": 1}}),
            "max_items:Some(1usize)",
        ),
        (thing("more"), json!({"type": "array", "uniqueItems": true}), "unique_items:true"),
    ] {
        let server = dense(&generated(&small_with(&edit, value)).unwrap().server);
        let table = server.split_once("pubmodconstraints{").unwrap().1;
        assert!(table.contains(says), "{edit}: {says}\n{table}");
        let request = server.split_once("HasConstraintsfortypes::ThingRequest{").unwrap().1;
        let request = request.split_once("HasConstraintsfor").map_or(request, |(own, _)| own);
        assert!(request.contains("constSCHEMA:Option<"), "{edit}");
    }
}

/// Through a reference, from where nothing else leads to the component.
#[test]
fn patterns_of_components_under_not_are_refused() {
    let name = json!({"type": "string", "pattern": "("});
    let mut source = small_with("/components/schemas/Name", name);
    assert!(generated(&source).is_ok());
    let not = json!({"$ref": "#/components/schemas/Name"});
    put(&mut source, &format!("{THING}/properties/title/not"), not);
    assert_refused_at(&source, "/components/schemas/Name/pattern");
    let only_in_responses = json!({"not": {"pattern": "("}});
    let page = "/components/schemas/Page/properties/count/allOf";
    assert!(generated(&small_with(page, json!([only_in_responses]))).is_ok());
}

/// A table would leave them out.
#[test]
fn keywords_with_values_of_a_wrong_type_are_refused() {
    for (keyword, value) in [
        ("not", json!(7)),
        ("if", json!([])),
        ("multipleOf", json!(0)),
        ("uniqueItems", json!("yes")),
        ("minProperties", json!(-1)),
        ("prefixItems", json!([7])),
        ("dependentRequired", json!({"a": "b"})),
        ("dependentSchemas", json!([])),
        ("patternProperties", json!({"a": 7})),
        ("contains", json!("x")),
    ] {
        let pointer = format!("{THING}/properties/inner/{keyword}");
        assert_refused_at(&small_with(&pointer, value), &pointer);
    }
    for (keyword, value) in
        [("minimum", json!("1")), ("enum", json!([])), ("type", json!(1)), ("pattern", json!(1))]
    {
        let pointer = format!("{THING}/properties/inner/not");
        let document = small_with(&pointer, json!({ keyword: value }));
        assert_refused_at(&document, &format!("{pointer}/{keyword}"));
        let lenient = generate_from(&document, &Settings::default(), Mode::Lenient);
        assert!(lenient.is_err(), "{keyword}");
    }
}

/// `true` and `false` are schemas too.
#[test]
fn contains_may_be_true_or_false() {
    let list = json!({"type": "array", "items": {}, "contains": false});
    let server = generated(&small_with(&format!("{THING}/properties/more"), list)).unwrap().server;
    assert!(dense(&server).contains("contains:Some((&crate::runtime::Constraints{never:true"));
}

#[test]
fn discriminator_resolves_components_by_name_and_by_mapping() {
    let mut source = small_with(
        &format!("{THING}/properties/pet"),
        json!({
            "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
            "discriminator": {
                "propertyName": "kind",
                "mapping": {"puppy": "#/components/schemas/Dog"},
            },
        }),
    );
    for name in ["Cat", "Dog"] {
        let pet = json!({"type": "object", "properties": {"kind": {"type": "string"}}});
        put(&mut source, &format!("/components/schemas/{name}"), pet);
    }
    let server = dense(&generated(&source).unwrap().server);
    let mapping = r#"mapping:&[("puppy",&constraints::C_DOG),("Cat",&constraints::C_CAT),"#;
    assert!(server.contains(mapping), "{server}");
}

/// The server writes responses, so a keyword that only responses have is not refused.
#[test]
fn unenforced_keywords_are_accepted_in_responses() {
    for (keyword, value) in [("maxlength", json!(2)), ("pattern", json!("("))] {
        let document =
            small_with(&format!("/components/schemas/Page/properties/count/{keyword}"), value);
        assert!(
            generated(&document).is_ok_and(|generated| generated.unenforced.is_empty()),
            "{keyword}"
        );
    }
    // Through a reference too, and only in a request.
    let mut source =
        small_with("/components/schemas/Name", json!({"type": "string", "pattern": "("}));
    let map =
        json!({"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Name"}});
    put(&mut source, "/components/schemas/Page/properties/more", map.clone());
    assert!(generated(&source).is_ok());
    put(&mut source, &format!("{THING}/properties/more"), map);
    assert_refused_at(&source, "/components/schemas/Name/pattern");
}

#[test]
fn all_refusals_are_reported_at_once() {
    let mut document = small_with(&format!("{THING}/properties/title/pattern"), json!("("));
    put(&mut document, &format!("{THING}/properties/pattern/maxlength"), json!(2));
    put(&mut document, &format!("{GET}/parameters/1/in"), json!("body"));
    let words = refusal(&document).to_string();
    let lines: Vec<&str> = words.lines().collect();
    assert_eq!(lines.len(), 3, "{words}");
    assert!(
        lines.iter().any(|line| line.starts_with(&format!("{THING}/properties/title/pattern: "))),
        "{words}"
    );
}

#[test]
fn invalid_parts_are_refused_in_lenient_mode_too() {
    let thing = |rest: &str| format!("{THING}/properties/{rest}");
    for (edit, value, pointer) in [
        (thing("title/oneOf"), json!([]), thing("title/oneOf")),
        (thing("title/enum"), json!([]), thing("title/enum")),
        (
            format!("{GET}/parameters/-"),
            small().pointer(&format!("{GET}/parameters/1")).unwrap().clone(),
            format!("{GET}/parameters/2"),
        ),
        ("/paths/~1things~1/unknown".to_owned(), json!({}), "/paths/~1things~1/unknown".to_owned()),
    ] {
        let document = small_with(&edit, value);
        assert_refused_at(&document, &pointer);
        let source = specbound_contract::parse(&document.to_string()).unwrap();
        let settings = Settings { trait_name: "A", runtime: "b", ..Settings::default() };
        assert!(generate_from(&source, &settings, Mode::Lenient).is_err(), "{pointer}");
    }
}

/// Two operations that match the same requests: no order of routes makes both of them reachable.
#[test]
fn ambiguous_paths_are_refused() {
    let document = json!({"openapi": "3.0.3", "info": {"title": "a", "version": "1"}, "paths": {
        "/a/{x}": {"get": {"responses": {"200": {"description": ""}}}},
        "/a/{y}": {"get": {"responses": {"200": {"description": ""}}}},
    }});
    assert_refused_at(&document, "/paths/~1a~1{y}/get");
}

/// Read as "nothing", most of these would take something away in silence; `security` would let
/// anyone in.
#[test]
fn values_of_a_wrong_type_are_refused_with_their_pointer() {
    let cases = [
        ("/info", "/info"),
        ("/info/title", "/info/title"),
        ("/info/version", "/info/version"),
        ("/paths/~1things~1", "/paths/~1things~1"),
        (POST, POST),
        ("POST/operationId", "POST/operationId"),
        ("POST/description", "POST/description"),
        ("POST/security", "POST/security"),
        ("/security", "/security"),
        ("POST/requestBody", "POST/requestBody"),
        ("POST/requestBody/required", "POST/requestBody/required"),
        ("POST/requestBody/content", "POST/requestBody/content"),
        (
            "POST/requestBody/content/application~1json",
            "POST/requestBody/content/application~1json/schema",
        ),
        ("POST/responses", "POST/responses"),
        ("POST/responses/201", "POST/responses/201"),
        ("POST/responses/201/content", "POST/responses/201/content"),
        ("GET/parameters", "GET/parameters"),
        ("GET/parameters/0", "GET/parameters/0"),
        ("GET/parameters/0/name", "GET/parameters/0/name"),
        ("GET/parameters/0/in", "GET/parameters/0/in"),
        ("GET/parameters/0/required", "GET/parameters/0/required"),
        ("GET/parameters/0/schema", "GET/parameters/0/schema"),
        ("GET/tags", "GET/tags"),
        ("GET/tags/0", "GET/tags"),
        ("THING/required", "THING/required"),
        ("THING/properties", "THING/properties"),
        ("THING/properties/title", "THING/properties/title"),
        ("THING/properties/title/type", "THING/properties/title/type"),
        ("THING/properties/title/maxLength", "THING/properties/title/maxLength"),
        ("THING/properties/title/minLength", "THING/properties/title/minLength"),
        ("THING/properties/title/pattern", "THING/properties/title/pattern"),
        ("THING/properties/title/nullable", "THING/properties/title/nullable"),
        ("THING/properties/title/readOnly", "THING/properties/title/readOnly"),
        ("THING/properties/title/writeOnly", "THING/properties/title/writeOnly"),
    ];
    let mut missed = Vec::new();
    let full =
        |short: &str| short.replace("POST", POST).replace("GET", GET).replace("THING", THING);
    for (edit, pointer) in cases {
        // A list with something wrong in it is refused by the pointer of the item.
        let lists = [json!(null), json!(-1), json!({})];
        for garbage in if edit.ends_with("/parameters") {
            lists
        } else {
            [json!(null), json!(-1), json!([[]])]
        } {
            let mut document = small();
            // Its scheme would be missed first.
            if edit.starts_with("/components") {
                put(&mut document, &format!("{POST}/security"), json!([]));
            }
            put(&mut document, &full(edit), garbage.clone());
            match generated(&document) {
                Err(Error::Unsupported(items))
                    if items.iter().any(|item| item.path == full(pointer)) => {}
                Err(other) => missed.push(format!("{edit} = {garbage}: {other}")),
                Ok(_) => missed.push(format!("{edit} = {garbage} was taken")),
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    assert_refused_at(
        &small_with(&format!("{POST}/security/0"), json!("tokenAuth")),
        &format!("{POST}/security"),
    );
}

#[test]
fn non_document_is_refused() {
    let texts = [
        "{",
        "a: [",
        "a: b: c",
        "\u{0}",
        "*nowhere",
        "",
        "- a\n- b\n",
        "7",
        "null",
        "[]",
        "a: 1",
        "{}",
    ];
    let more =
        ["openapi: 3.0.3", "openapi: 4.0.0\npaths: {}", "swagger: '2.0'\npaths: {}", "a: 1\na: 2"];
    for text in texts.into_iter().chain(more) {
        let refused =
            generate(text, &Settings { trait_name: "A", runtime: "b", ..Settings::default() })
                .err();
        assert!(matches!(refused, Some(Error::Unreadable(_))), "{text:?}: {refused:?}");
    }
}

#[test]
fn dangling_reference_is_refused() {
    let nothing = json!({"$ref": "#/components/schemas/Nowhere"});
    let response = format!("{GET}/responses/200/content/application~1json/schema");
    assert!(
        refusal(&small_with(&response, nothing))
            .to_string()
            .contains("#/components/schemas/Nowhere")
    );
}

/// A plain value behind a reference, a list's items and members of members have their limits in the
/// table.
#[test]
fn referenced_and_inline_constraints_are_in_the_table() {
    let mut source =
        small_with("/components/schemas/Percent", json!({"type": "integer", "maximum": 100}));
    put(
        &mut source,
        &format!("{THING}/properties/share"),
        json!({"$ref": "#/components/schemas/Percent"}),
    );
    let words =
        json!({"type": "array", "items": {"type": "string", "maxLength": 7}, "maxItems": 2});
    put(&mut source, &format!("{THING}/properties/words"), words);
    let server = dense(&generated(&source).unwrap().server);
    let table = server.split_once("HasConstraintsfortypes::ThingRequest{").unwrap().1;
    let row = |name: &str| row(table, name);
    assert!(
        row("share").contains("Kind::Integer")
            && row("share").contains("value:100f64,exclusive:false")
    );
    for says in ["Kind::Text", "max_length:Some(7usize)", "is_array:true", "max_items:Some(2usize)"]
    {
        assert!(row("words").contains(says), "{says}: {}", row("words"));
    }
    assert!(
        row("maxLength").contains("max_length:Some(3usize)"),
        "a member of `inner`: {}",
        row("maxLength")
    );
}

#[test]
fn refusals_of_every_kind_are_told_at_once() {
    let mut document = small();
    put(&mut document, &format!("{THING}/properties/title/maxlength"), json!(3));
    put(&mut document, &format!("{GET}/deprecated"), json!("yes"));
    let pointer = |path: &str| {
        let item = json!({"get": {"responses": {"200": {"description": ""}}}});
        (format!("/paths/{}", escape(path)), item)
    };
    match refusal(&document) {
        Error::Unsupported(items) => {
            let paths: Vec<&str> = items.iter().map(|item| item.path.as_str()).collect();
            let title = format!("{THING}/properties/title/maxlength");
            assert_eq!(paths, [title, format!("{GET}/deprecated")]);
        }
        other => panic!("{other}"),
    }
    let mut document = small();
    for (at, item) in ["/a/{x}", "/a/{y}", "/b/{x}{y}", "/c/{x}", "/c/{y}"].map(pointer) {
        put(&mut document, &at, item);
    }
    match refusal(&document) {
        Error::Unsupported(items) => assert_eq!(items.len(), 3, "{items:?}"),
        other => panic!("{other}"),
    }
}

#[test]
fn patterns_beyond_the_limit_are_refused_where_the_longest_stands() {
    let mut document = small();
    put(&mut document, &format!("{THING}/properties/pattern/pattern"), json!("^a$"));
    put(&mut document, &format!("{THING}/properties/title/pattern"), json!("^.{1,2097152}"));
    assert_refused_at(&document, &format!("{THING}/properties/title/pattern"));
}
