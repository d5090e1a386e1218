//! Documents of every kind are taken: what their parts become.

use super::*;

fn of(rest: Value) -> Value {
    let mut document =
        json!({"openapi": "3.0.3", "info": {"title": "Any", "version": "1"}, "paths": {}});
    for (key, value) in rest.as_object().unwrap() {
        document[key] = value.clone();
    }
    document
}

/// Paths that take `GET` and respond without content.
fn paths(paths: &[&str]) -> Value {
    let item = json!({"get": {"responses": {"200": {"description": ""}}}});
    let items = paths.iter().map(|path| ((*path).to_owned(), item.clone()));
    of(json!({"paths": items.collect::<serde_json::Map<_, _>>()}))
}

/// Each item of a module has a name of its own, and all of it is Rust.
fn assert_is_rust(generated: &Generated) {
    for text in [&generated.server, &generated.client] {
        let file = syn::parse_file(text).unwrap_or_else(|e| panic!("{e}"));
        for item in &file.items {
            if let syn::Item::Mod(module) = item
                && module.ident == "types"
            {
                let mut names = std::collections::BTreeSet::new();
                for item in module.content.iter().flat_map(|(_, items)| items) {
                    let name = match item {
                        syn::Item::Struct(item) => &item.ident,
                        syn::Item::Enum(item) => &item.ident,
                        _ => continue,
                    };
                    assert!(names.insert(name.to_string()), "two types are called `{name}`");
                }
            }
        }
    }
}

#[test]
fn references_to_every_kind_of_component_are_inlined() {
    let document = of(json!({
        "paths": {"/a/{id}": {
            "parameters": [{"$ref": "#/components/parameters/Id"}],
            "post": {
                "operationId": "a_create",
                "requestBody": {"$ref": "#/components/requestBodies/A"},
                "responses": {"200": {"$ref": "#/components/responses/A"}},
            },
        }},
        "components": {
            "parameters": {"Id": {
                "in": "path", "name": "id", "required": true,
                "schema": {"$ref": "#/components/schemas/Id"},
            }},
            "requestBodies": {"A": {
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}},
            }},
            "responses": {"A": {
                "description": "",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}},
            }},
            "schemas": {
                "Id": {"type": "integer", "minimum": 1},
                "A": {"type": "object", "properties": {"id": {"$ref": "#/components/schemas/Id"}}},
            },
        },
    }));
    let server = dense(&taken(&document).server);
    assert!(server.contains("pubid:i64") && server.contains("*value>=1i64"), "{server}");
    assert!(
        server.contains("OptionalBody<types::A,content::Json>")
            && server.contains("Outcome<200u16,types::A>")
    );
}

#[test]
fn schemas_of_3_1_are_converted_to_3_0() {
    let mut document = small();
    document["openapi"] = json!("3.1.0");
    let put_property = |document: &mut Value, name: &str, schema: Value| {
        put(document, &format!("{THING}/properties/{name}"), schema);
    };
    put_property(
        &mut document,
        "share",
        json!({"type": ["integer", "null"], "exclusiveMinimum": 0, "maximum": 9}),
    );
    put_property(&mut document, "kind", json!({"const": "book"}));
    put_property(&mut document, "either", json!({"type": ["string", "integer"]}));
    put_property(
        &mut document,
        "plain",
        json!({"anyOf": [{"$ref": "#/components/schemas/Plain"}, {"type": "null"}]}),
    );
    let generated = taken(&document);
    assert_is_rust(&generated);
    let server = dense(&generated.server);
    let row = |name: &str| row(&server, name);
    assert!(
        row("share").contains("nullable:true")
            && row("share").contains("value:0f64,exclusive:true")
    );
    let (plain, _) = server.split_once("Property::new(\"plain\",").unwrap();
    assert!(row("plain").ends_with("Kind::Object"), "{}", row("plain"));
    let constraints = plain.rsplit_once("nullable:true,members:Some(").unwrap().1;
    assert!(!constraints.contains("Property::new"), "{constraints}");
    assert!(server.contains("pubeither:::std::option::Option<ThingRequestEither>"), "{server}");
}

#[test]
fn all_of_becomes_one_object() {
    let short = json!({"type": "string", "maxLength": 3});
    let base = json!({"type": "object", "required": ["a"], "properties": {"a": short}});
    let mut document = small_with("/components/schemas/Base", base);
    let all = json!({"allOf": [
        {"$ref": "#/components/schemas/Base"},
        {"type": "object", "properties": {"b": {"type": "integer", "minimum": 2}}},
    ]});
    put(&mut document, "/components/schemas/Plain", all);
    let server = dense(&taken(&document).server);
    let table = server.split_once("HasConstraintsfortypes::Plain{").unwrap().1;
    let a = row(table, "a");
    assert!(a.contains("max_length:Some(3usize)") && a.contains("required:true"), "{a}");
    let b = row(table, "b");
    assert!(b.contains("minimum:Some"), "{b}");
}

/// Each of these once overflowed the stack or never ended.
#[test]
fn recursive_schemas_are_generated() {
    let refer = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let object = |name: String| json!({"type": "object", "properties": {name: {"type": "string"}}});
    let choices =
        |n: usize| json!({"oneOf": (0..4).map(|m| object(format!("p{n}{m}"))).collect::<Vec<_>>()});
    let schemas = [
        json!({"A": {"allOf": [refer("A")]}}),
        json!({"A": {"allOf": [refer("B")]}, "B": {"allOf": [refer("A"), {"type": "object"}]}}),
        json!({
            "A": {"allOf": [
                refer("B"),
                {"properties": {"x": {"allOf": [refer("A"), {"type": "object"}]}}},
            ]},
            "B": {"properties": {
                "y": {"allOf": [refer("A"), {"description": "", "properties": {}}]},
            }},
        }),
        json!({"A": {"oneOf": [refer("A"), {"type": "string"}]}}),
        json!({"A": {"type": "array", "items": refer("A")}}),
        json!({"A": {"type": "object", "additionalProperties": refer("A")}}),
        json!({"A": {"allOf": (0..8).map(choices).collect::<Vec<_>>()}}),
    ];
    for schemas in schemas {
        let content = json!({"application/json": {"schema": refer("A")}});
        let mut document = of(json!({"paths": {"/a": {"get": {
            "responses": {"200": {"description": "", "content": content}},
        }}}}));
        document["components"]["schemas"] = schemas;
        assert_is_rust(&leniently(&document));
    }
}

#[test]
fn range_responses_are_in_the_client_and_in_the_response_enum() {
    let schema = json!({"$ref": "#/components/schemas/Plain"});
    let failure = json!({"description": "", "content": {"application/json": {"schema": schema}}});
    for range in ["default", "4XX"] {
        let generated = taken(&small_with(&format!("{GET}/responses/{range}"), failure.clone()));
        let client = dense(&generated.client);
        assert!(
            client.contains("Result<ResponseValue<types::Page>,Error<types::Plain>>"),
            "{range}: {client}"
        );
        let responses = "-> HandlerResult<responses::ThingRetrieve>";
        assert!(generated.server_trait.contains(responses), "{range}");
        let (variant, min, max) =
            if range == "4XX" { ("Range4xx", 400, 499) } else { ("Default", 200, 599) };
        let reply = format!("{variant}(crate::runtime::RangeReply<{min}u16,{max}u16,super::types");
        assert!(dense(&generated.server).contains(&reply), "{range}");
    }
    // Alone, it is the success as well.
    let document = small_with(&format!("{GET}/responses"), json!({"default": failure}));
    let server = dense(&taken(&document).server);
    assert!(server.contains("Status200(crate::runtime::Reply<200u16,super::types::Plain>)"));
}

#[test]
fn operations_without_a_good_name_are_named_by_method_and_path() {
    let mut document = paths(&["/users/{id}/keys", "/b", "/c", "/d", "/e"]);
    for (path, id) in [("/b", "new"), ("/c", "7"), ("/d", "same"), ("/e", "same")] {
        document["paths"][path]["get"]["operationId"] = json!(id);
    }
    let generated = taken(&document);
    assert_is_rust(&generated);
    for name in ["get_users_id_keys", "get_new", "get_7", "same", "get_e"] {
        assert!(
            generated.server_trait.contains(&format!("async fn {name}(")),
            "{name}: {}",
            generated.server_trait
        );
    }
    // Something unrelated changes no name.
    document["paths"]["/a"] = document["paths"]["/c"].clone();
    document["paths"]["/a"]["get"]["operationId"] = json!("unrelated");
    assert!(taken(&document).server_trait.contains("async fn get_7("));
}

#[test]
fn names_become_distinct_rust_names() {
    let object = |names: &[&str]| {
        let properties: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
        json!({"type": "object", "properties": properties})
    };
    let mut document = small();
    for (name, schema) in [
        ("Self", object(&["a"])),
        ("7", object(&["a"])),
        ("foo_bar", object(&["a"])),
        ("FooBar", json!({"type": "object", "properties": {"baz": object(&["x"])}})),
        ("FooBarBaz", object(&["a"])),
        ("Foo.bar", object(&["a"])),
        ("Clash", object(&["name", "Name", "type", "type_", "", "\u{1f600}", "extra"])),
        ("Option", object(&["String", "Vec"])),
        ("ThingRequest", object(&["a"])),
        ("ThingCreateRequest", object(&["a"])),
        ("Choice", json!({"type": "string", "enum": ["a", "A", "", "<", ">"]})),
        ("Bidi", json!({"type": "string", "description": "a\rb\u{202e}c"})),
    ] {
        put(&mut document, &format!("/components/schemas/{name}"), schema.clone());
        put(
            &mut document,
            &format!("/components/schemas/Page/properties/{}", name.replace('.', "dot")),
            json!({"$ref": format!("#/components/schemas/{name}")}),
        );
    }
    for name in ["Limit", "7", "type", "body", "limit[]"] {
        let parameter =
            json!({"in": "query", "name": name, "schema": {"type": "string", "title": "Page"}});
        put(&mut document, &format!("{GET}/parameters/-"), parameter);
    }
    put(
        &mut document,
        "/components/securitySchemes/token",
        json!({"type": "http", "scheme": "bearer"}),
    );
    put(&mut document, "/paths/~1plain~1/put/security", json!([{"token": []}, {}]));
    let generated = taken(&document);
    assert_is_rust(&generated);
    assert!(!generated.server.contains('\u{202e}') && !generated.server.contains('\r'));
    for name in ["TokenOrAnonymous;", "TokenOrAnonymous2;", "limit2:", "_7:", "type_:"] {
        assert!(dense(&generated.server).contains(name), "{name}");
    }
}

#[test]
fn scopes_belong_to_their_alternatives() {
    let mut document = small();
    let url = "https://example.com/auth/files.read";
    let security = json!([{"tokenAuth": ["b", "a", "b"], "basicAuth": []}, {"tokenAuth": [url]}]);
    put(&mut document, &format!("{POST}/security"), security);
    let server = dense(&taken(&document).server).replace(",]", "]");
    let name = "BasicAndTokenWithAAndBOrTokenWithFilesRead";
    for part in [
        format!("Policyfor{name}"),
        "Security=&[&[\"basicAuth\",\"tokenAuth\"],&[\"tokenAuth\"]];".to_owned(),
        format!("Scopes=&[&[&[],&[\"a\",\"b\"]],&[&[\"{url}\"]]];"),
        ">::SCOPES".to_owned(),
    ] {
        assert!(server.contains(&part), "{part}");
    }
}

/// dropshot's router would panic at start; the table says where it holds them.
#[test]
fn paths_unsupported_by_dropshot_get_a_separate_route() {
    let all = [
        "/users/{id}",
        "/users/me",
        "/users/{user_id}/keys",
        "/files/{x}.json",
        "/jobs/{x}:cancel",
        "/a",
        "/a/",
    ];
    let server = dense(&taken(&paths(&all)).server);
    for route in [
        "(\"get_users_id\",\"/-operation/get_users_id/{id}\")",
        "(\"get_users_user_id_keys\",\"/-operation/get_users_user_id_keys/{user_id}\")",
        "(\"get_files_x_json\",\"/-operation/get_files_x_json/{x}\")",
        "(\"get_jobs_x_cancel\",\"/-operation/get_jobs_x_cancel/{x}\")",
    ] {
        assert!(server.contains(route), "{route}: {server}");
    }
    assert!(!server.contains("(\"get_users_me\",\"") && server.contains("path=\"/users/me\""));
    // A document whose paths dropshot can hold has no such table.
    assert!(!taken(&small()).server.contains("ROUTES"));
}

#[test]
fn responses_of_several_and_json_based_types_are_typed() {
    let text = json!({"schema": {"type": "string"}});
    let plain = json!({"schema": {"$ref": "#/components/schemas/Plain"}});
    for (content, says) in [
        (json!({"application/json": {}, "text/html": text}), "representations::ThingCreate201"),
        (json!({"*/*": text}), "Bytes<media::ApplicationOctetStream>"),
        (
            json!({"application/problem+json": plain}),
            "JsonAs<types::Plain,content::ApplicationProblemJson>",
        ),
        (
            json!({"application/json": plain, "application/hal+json": plain}),
            "JsonAs<types::Plain,content::JsonOrApplicationHalJson>",
        ),
        (
            json!({"application/json": plain, "application/hal+json": text}),
            "representations::ThingCreate201",
        ),
        (json!({"application/json; charset=utf-8": plain}), "types::Plain"),
    ] {
        let mut document = small_with(&format!("{POST}/responses/201/content"), content);
        document["paths"]["/things/"]["post"]["responses"].as_object_mut().unwrap().remove("400");
        let generated = taken(&document);
        assert_is_rust(&generated);
        let says = format!("->Outcome<201u16,{says}>;");
        let server_trait = dense(&generated.server_trait);
        assert!(server_trait.contains(&says), "{says}: {server_trait}");
    }
}

/// Content types with another schema are variants, and the client asks for the first one.
#[test]
fn content_types_with_separate_schemas_are_variants() {
    let content = json!({
        "application/hal+json": {"schema": {"$ref": "#/components/schemas/Page"}},
        "application/vnd.thing+json": {"schema": {"$ref": "#/components/schemas/Plain"}},
        "text/csv": {"schema": {"type": "string"}},
    });
    let generated = taken(&small_with(&format!("{GET}/responses/200/content"), content));
    let (server, client) = (dense(&generated.server), dense(&generated.client));
    for says in [
        "ApplicationHalJson(super::JsonAs<super::types::Page,super::content::ApplicationHalJson>),",
        "(super::JsonAs<super::types::Plain,super::content::ApplicationVndThingJson>),",
        "TextCsv(super::Bytes<super::media::TextCsv>),",
        r#"produces:&["application/hal+json","application/vnd.thing+json","text/csv"]"#,
        r#"("200",&[("application/hal+json",&response_constraints::C_PAGE),("#,
    ] {
        assert!(server.replace(",]", "]").contains(says), "{says}: {server}");
    }
    assert!(client.contains("Result<ResponseValue<types::Page>,"), "{client}");
    assert!(client.contains(r#""thing_retrieve","application/hal+json"#), "{client}");
}

#[test]
fn documented_response_headers_are_fields() {
    let integer = json!({"type": "integer"});
    let headers = json!({
        "Location": {"required": true, "schema": {"type": "string", "format": "uri"}},
        "X-Left": {"description": "Requests left.", "schema": integer},
        "Link": {"schema": {"type": "array", "items": {"type": "string", "maxLength": 9}}},
        "Content-Type": {"schema": {"type": "string"}},
        "Content-Length": {"schema": integer},
        "not a name": {"schema": integer},
    });
    let generated = taken(&small_with(&format!("{GET}/responses/200/headers"), headers));
    let server = dense(&generated.server);
    for says in [
        "Outcome<200u16,types::Page,headers::ThingRetrieve200>",
        "publocation:String,",
        "pubx_left:Option<i64>,",
        "publink:Option<Vec<String>>",
        "(\"location\",Some(self.location).map(|value|value.to_string())",
    ] {
        assert!(server.contains(says), "{says}: {server}");
    }
    let noted: Vec<&str> = generated.unenforced.iter().map(|item| item.path.as_str()).collect();
    for name in ["Location", "Link", "Content-Type", "Content-Length", "not a name"] {
        let at = format!("{GET}/responses/200/headers/{name}");
        assert!(noted.contains(&at.as_str()), "{at}: {noted:?}");
    }
    assert_eq!(noted.len(), 5, "{noted:?}");
}

/// Each schema refers to a hundred others, through requests: quadratic work would take minutes.
#[test]
fn dense_references_take_linear_time() {
    let refer = |n: usize| json!({"$ref": format!("#/components/schemas/S{}", n % 150)});
    let schema = |n: usize| {
        let properties: serde_json::Map<String, Value> = (0..60)
            .map(|m| (format!("p{m}"), json!({"type": "array", "items": refer(n * 7 + m)})))
            .collect();
        json!({"type": "object", "properties": properties})
    };
    let mut document = small();
    for n in 0..150 {
        put(&mut document, &format!("/components/schemas/S{n}"), schema(n));
    }
    put(&mut document, &format!("{THING}/properties/dense"), refer(0));
    let started = std::time::Instant::now();
    assert!(crate::document::Document::read(&document).is_ok());
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn name_in_path_and_query_is_declared_twice_to_dropshot() {
    let mut document = small();
    let query = json!({"in": "query", "name": "id", "schema": {"type": "string"}});
    let parameters = document.pointer_mut("/paths/~1things~1{id}~1/get/parameters");
    parameters.unwrap().as_array_mut().unwrap().push(query);
    let server = dense(&taken(&document).server);
    assert!(server.contains("(\"query:id\",false,"), "{server}");
}

#[test]
fn nullable_component_has_a_separate_inner_type() {
    let mut document = small();
    document["components"]["schemas"]["Parcel"] = json!({
        "type": "object", "title": "Parcel", "nullable": true,
        "properties": {"weight": {"type": "integer"}},
    });
    let client = taken(&document).client;
    assert_eq!(client.matches("pub struct Parcel").count(), 2);
    assert_eq!(client.matches("pub struct ParcelInner ").count(), 1);
    let choices = json!({"type": "string", "nullable": true, "enum": [null, "light"]});
    document["components"]["schemas"]["Parcel"] = choices;
    assert_is_rust(&taken(&document));
}

#[test]
fn form_with_a_list_is_sent_by_the_client() {
    let mut document = small();
    let form = json!({"type": "object", "properties": {
        "tags": {"type": "array", "items": {"type": "string"}}}});
    document["paths"]["/plain/"]["put"]["requestBody"]["content"] =
        json!({"application/x-www-form-urlencoded": {"schema": form}});
    let client = dense(&taken(&document).client);
    assert!(client.contains("target.form(&body);"), "{client}");
}

/// Each is refused in one line, or taken; and none takes long.
#[test]
fn hostile_documents_take_bounded_time() {
    let refer = |n: usize| json!({"$ref": format!("#/components/schemas/S{n}")});
    let schemas = |of: &dyn Fn(usize) -> Value, count: usize| {
        let mut document = small();
        for n in 0..count {
            document["components"]["schemas"][format!("S{n}")] = of(n);
        }
        let body = &mut document["paths"]["/plain/"]["put"]["requestBody"];
        body["content"]["application/json"]["schema"] = refer(0);
        document
    };
    let dense_all_of = |n: usize| match n {
        59 => json!({"type": "object"}),
        n => json!({"allOf": (n + 1..(n + 4).min(60)).map(refer).collect::<Vec<_>>()}),
    };
    let alternatives = |n: usize| {
        let others = (0..40).filter(|other| *other != n);
        json!({"anyOf": others.map(refer).collect::<Vec<_>>()})
    };
    let chain = |n: usize| json!({"type": "object", "properties": {"next": refer((n + 1) % 1500)}});
    let ring = |n: usize| refer((n + 1) % 300);
    let many = |_: usize| json!({"enum": (0..100_001).collect::<Vec<_>>()});
    let cases: [(&dyn Fn(usize) -> Value, usize); 5] =
        [(&dense_all_of, 60), (&alternatives, 40), (&chain, 1500), (&ring, 300), (&many, 1)];
    for (of, count) in cases {
        let document = schemas(of, count);
        let started = std::time::Instant::now();
        let outcome = generate_from(&document, &Settings::default(), Mode::Lenient);
        if let Err(error) = outcome {
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
        }
        assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
    }
}

#[test]
fn operation_with_the_method_options_is_sent_by_the_client() {
    let mut document = small();
    document["paths"]["/plain/"]["options"] =
        json!({"operationId": "ask", "responses": {"204": {"description": ""}}});
    let client = dense(&taken(&document).client);
    assert!(client.contains("Target::new(::reqwest::Method::OPTIONS,&self.baseurl)"), "{client}");
}
