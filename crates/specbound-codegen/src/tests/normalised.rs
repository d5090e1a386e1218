//! The normalising rules.

use serde_json::{Value, json};

use super::{
    GET, POST, SOURCE, THING, generated, keys, parsed, put, read, small, small_with, small_without,
};
use crate::normalise::{
    drop_inner_titles, give_responses_one_type, keep_json_content, name_inline_schemas, normalise,
    strip_constraints, synthesise_request_schemas,
};

#[test]
fn json_schema_represents_every_request_content_type() {
    let (before, mut copy) = (small(), small());
    keep_json_content(&mut copy);
    assert_eq!(
        keys(&copy["paths"]["/things/"]["post"]["requestBody"]["content"]),
        ["application/json"]
    );
    // Nothing else has changed.
    copy["paths"]["/things/"]["post"]["requestBody"] =
        before["paths"]["/things/"]["post"]["requestBody"].clone();
    assert_eq!(copy, before);
}

#[test]
fn request_without_json_is_a_form_in_the_client() {
    let before = small_without(&format!("{POST}/requestBody/content/application~1json"));
    let mut copy = before.clone();
    keep_json_content(&mut copy);
    let body = &copy["paths"]["/things/"]["post"]["requestBody"];
    assert_eq!(keys(&body["content"]), ["application/x-www-form-urlencoded"]);
    // The server takes all of them.
    assert!(generated(&before).unwrap().server_trait.contains("content::FormOrMultipart"));
}

/// progenitor writes no multipart, and would refuse the whole document.
#[test]
fn multipart_only_body_is_parsed_by_the_server_and_sent_by_the_client() {
    let mut document = small_without(&format!("{POST}/requestBody/content/application~1json"));
    let content =
        document["paths"]["/things/"]["post"]["requestBody"]["content"].as_object_mut().unwrap();
    content.remove("application/x-www-form-urlencoded");
    let generated = generated(&document).unwrap();
    assert!(generated.server_trait.contains("content::Multipart"));
    assert!(generated.unenforced.is_empty(), "{:?}", generated.unenforced);
    assert!(
        generated.client.contains("body: Option<multipart::ThingCreateForm>")
            || generated.client.contains("body: multipart::ThingCreateForm")
    );
}

#[test]
fn property_titles_are_dropped_but_a_property_named_title_kept() {
    let (mut expected, mut copy) = (small(), small());
    drop_inner_titles(&mut copy);
    let properties = &mut expected["components"]["schemas"]["Thing"]["properties"];
    properties["title"].as_object_mut().unwrap().remove("title");
    properties["inner"]["properties"]["maxLength"].as_object_mut().unwrap().remove("title");
    assert_eq!(copy, expected);
    assert_eq!(copy["components"]["schemas"]["Plain"]["title"], "Plain");
    assert_eq!(copy["info"]["title"], "Small");
}

#[test]
fn constraints_in_the_table_are_removed_from_types() {
    let limit = format!("{GET}/parameters/1/schema");
    let source = small_with(&limit, json!({"type": "integer", "minimum": 1, "maximum": 9}));
    let (mut expected, mut copy) = (source.clone(), source);
    strip_constraints(&mut copy);
    put(&mut expected, &limit, json!({"type": "integer"}));
    let properties = &mut expected["components"]["schemas"]["Thing"]["properties"];
    properties["title"] = json!({"type": "string", "title": "The Plain"});
    properties["pattern"] = json!({"type": "string"});
    properties["inner"]["properties"]["maxLength"] = json!({"type": "string", "title": "Thing"});
    assert_eq!(copy, expected);
}

#[test]
fn request_schema_has_no_read_only_members() {
    let (before, mut copy) = (small(), small());
    synthesise_request_schemas(&mut copy, &read(&before));
    let schemas = &copy["components"]["schemas"];
    assert_eq!(keys(schemas), ["Page", "Plain", "Thing", "ThingRequest"]);
    assert_eq!(keys(&schemas["ThingRequest"]["properties"]), ["inner", "pattern", "title"]);
    assert_eq!(schemas["ThingRequest"]["required"], json!(["title"]));
    // Every content type refers to it; references of responses are unchanged.
    for (media, entry) in
        copy["paths"]["/things/"]["post"]["requestBody"]["content"].as_object().unwrap()
    {
        assert_eq!(entry["schema"]["$ref"], "#/components/schemas/ThingRequest", "{media}");
    }
    assert_eq!(schemas["Thing"], before["components"]["schemas"]["Thing"]);
    assert_eq!(
        copy["paths"]["/things/"]["post"]["responses"],
        before["paths"]["/things/"]["post"]["responses"]
    );
    // A schema with nothing to hide, writeOnly or not, is its own request.
    assert_eq!(copy["paths"]["/plain/"], before["paths"]["/plain/"]);
    assert_eq!(schemas["Plain"], before["components"]["schemas"]["Plain"]);
}

#[test]
fn operations_inherit_the_parameters_of_their_path() {
    let shared = json!([
        {"in": "query", "name": "limit", "schema": {"type": "string"}},
        {"in": "header", "name": "X-A", "schema": {"type": "string"}},
    ]);
    let source = small_with("/paths/~1things~1{id}~1/parameters", shared);
    let operation = read(&source)
        .operations
        .into_iter()
        .find(|operation| operation.id == "thing_retrieve")
        .unwrap();
    let names: Vec<&str> =
        operation.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(names, ["id", "limit", "X-A"]);
    assert_eq!(
        operation.parameters[1].schema,
        json!({"type": "integer"}),
        "the operation's parameter overrides the path's"
    );
    let copy = normalise(source.clone(), &read(&source)).copy;
    assert!(copy.pointer("/paths/~1things~1{id}~1/parameters").is_none());
    let parameters = copy.pointer(&format!("{GET}/parameters")).unwrap().as_array().unwrap().len();
    assert_eq!(parameters, 3);
}

/// A part without meaning must not change a name that handlers use.
#[test]
fn order_and_repetition_change_no_signature() {
    let mut document = small_with(&format!("{POST}/security"), json!([{}, {"tokenAuth": []}, {}]));
    let content = small()["paths"]["/things/"]["post"]["requestBody"]["content"].clone();
    let reversed: serde_json::Map<String, Value> =
        content.as_object().unwrap().clone().into_iter().rev().collect();
    put(&mut document, &format!("{POST}/requestBody/content"), Value::Object(reversed));
    put(&mut document, &format!("{THING}/properties/title/maxLength"), json!(9.0));
    let reference = json!({"$ref": "#/components/schemas/Thing", "readOnly": true});
    put(&mut document, "/components/schemas/Page/properties/results/items", reference.clone());
    put(&mut document, &format!("{POST}/requestBody/content/application~1json/schema"), reference);
    let (before, after) = (generated(&small()).unwrap(), generated(&document).unwrap());
    assert_eq!(before.server_trait, after.server_trait);
}

/// A request that carries another schema leaves out that one's members as well, however far away,
/// and around a circle.
#[test]
fn request_schema_omits_read_only_members_of_references() {
    let node = json!({"type": "object", "properties": {
        "id": {"type": "integer", "readOnly": true},
        "parent": {"$ref": "#/components/schemas/Node"},
        "things": {"type": "array", "items": {"$ref": "#/components/schemas/Wrapper"}},
        "owner": {"allOf": [{"$ref": "#/components/schemas/Plain"}], "readOnly": true},
    }});
    let mut source = small_with("/components/schemas/Node", node);
    put(
        &mut source,
        "/components/schemas/Wrapper",
        json!({"type": "object", "properties": {"thing": {"$ref": "#/components/schemas/Thing"}}}),
    );
    let body = "/paths/~1plain~1/put/requestBody/content/application~1json/schema";
    put(&mut source, body, json!({"$ref": "#/components/schemas/Node"}));
    let copy = normalise(source.clone(), &read(&source)).copy;
    let schemas = &copy["components"]["schemas"];
    assert_eq!(copy.pointer(body).unwrap()["$ref"], "#/components/schemas/NodeRequest");
    let request = &schemas["NodeRequest"]["properties"];
    assert_eq!(keys(request), ["parent", "things"]);
    assert_eq!(request["parent"]["$ref"], "#/components/schemas/NodeRequest");
    assert_eq!(request["things"]["items"]["$ref"], "#/components/schemas/WrapperRequest");
    assert_eq!(
        schemas["WrapperRequest"]["properties"]["thing"]["$ref"],
        "#/components/schemas/ThingRequest"
    );
    assert_eq!(schemas["Node"], source["components"]["schemas"]["Node"]);
    assert!(
        schemas.get("PlainRequest").is_none() && schemas.get("PageRequest").is_none(),
        "they hide nothing"
    );
}

#[test]
fn inline_schema_gets_a_name() {
    let response = format!("{GET}/responses/200/content/application~1json/schema");
    let inline = json!({"type": "array", "items": {"$ref": "#/components/schemas/Thing"}});
    let source = small_with(&response, inline.clone());
    let mut copy = source.clone();
    name_inline_schemas(&mut copy, &read(&source));
    assert_eq!(
        copy.pointer(&response).unwrap()["$ref"],
        "#/components/schemas/ThingRetrieveResponse200"
    );
    assert_eq!(copy["components"]["schemas"]["ThingRetrieveResponse200"], inline);
}

#[test]
fn responses_of_several_types_become_one_for_the_client() {
    let responses = |rest: Value| {
        let mut source = small_with(&format!("{POST}/responses/200"), rest);
        put(&mut source, &format!("{POST}/responses/400"), json!({"description": ""}));
        let mut copy = source.clone();
        give_responses_one_type(&mut copy, &read(&source));
        copy
    };
    let plain = json!({"$ref": "#/components/schemas/Plain"});
    let both_json =
        responses(json!({"description": "", "content": {"application/json": {"schema": plain}}}));
    let choice = &both_json["components"]["schemas"]["ThingCreateSuccess"]["oneOf"];
    assert_eq!(
        choice,
        &json!([{"$ref": "#/components/schemas/Plain"}, {"$ref": "#/components/schemas/Thing"}])
    );
    for status in ["200", "201"] {
        let response = &both_json["paths"]["/things/"]["post"]["responses"][status];
        let json = &response["content"]["application/json"];
        assert_eq!(json["schema"]["$ref"], "#/components/schemas/ThingCreateSuccess");
    }
    // One of them has no content: there is no schema for both, and the client hands out the bytes.
    let one_empty = responses(json!({"description": ""}));
    for status in ["200", "201"] {
        let content = &one_empty["paths"]["/things/"]["post"]["responses"][status]["content"];
        assert_eq!(content, &json!({"application/octet-stream": {}}));
    }
    assert!(
        one_empty["paths"]["/things/"]["post"]["responses"]["400"].get("content").is_none(),
        "one kind is no choice"
    );
}

#[test]
fn normalising_is_idempotent_and_keeps_the_source() {
    let source = parsed(SOURCE);
    let before = source.clone();
    let copy = normalise(source.clone(), &read(&source)).copy;
    assert_eq!(source, before);
    assert_ne!(copy, source);
    assert!(!copy.to_string().contains("maxLength"));
    // A second time it only finds requests that have their schema already.
    assert_eq!(normalise(copy.clone(), &read(&copy)).copy, copy);
}

// --- the output ---

/// `format` says something of texts and numbers; elsewhere it is an annotation.
#[test]
fn format_of_another_type_is_ignored() {
    let mut document = small();
    let alive = json!({"type": "boolean", "format": "boolean"});
    document["components"]["schemas"]["Thing"]["properties"]["alive"] = alive.clone();
    let urls = json!({"type": "array", "format": "urls", "items": {"type": "string"}});
    document["components"]["schemas"]["Thing"]["properties"]["urls"] = urls;
    let parameters = document.pointer_mut(&format!("{GET}/parameters")).unwrap();
    let parameter = json!({"in": "query", "name": "alive", "schema": alive});
    parameters.as_array_mut().unwrap().push(parameter);
    let generated = generated(&document).unwrap();
    assert!(generated.client.contains("pub alive: ::std::option::Option<bool>"));
    assert!(generated.unenforced.is_empty(), "{:?}", generated.unenforced);
}

/// typify begins the name of the variant of `2C` with `X`.
#[test]
fn choices_with_one_variant_between_them_are_texts() {
    let mut document = small();
    let units = json!({"type": "string", "enum": ["2C", "X2C"]});
    document["components"]["schemas"]["Thing"]["properties"]["unit"] = units;
    let generated = generated(&document).unwrap();
    assert!(generated.client.contains("pub unit: ::std::option::Option<::std::string::String>"));
    assert!(generated.server.contains("^(?:2C|X2C)$"));
}
