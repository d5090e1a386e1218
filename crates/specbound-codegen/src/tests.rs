//! The normalising rules, the generated code, and refusals with their JSON pointers.

use crate::document::Document;
use crate::normalise::{
    drop_inner_titles, give_answers_one_type, keep_json_content, name_inline_schemas, normalise,
    strip_constraints, synthesise_request_schemas,
};
use crate::read::escape;
use crate::{Error, Generated, Item, Mode, Settings, generate, generate_from};
use serde_json::{Value, json};

mod any_document;
mod garbage;
mod project;
mod refusals;

const SOURCE: &str = include_str!("../../specbound/examples/library/library.yaml");

/// It has properties that are *named* like the keywords which the rules take away.
const SMALL: &str = r"
openapi: 3.0.3
info: {title: Small, version: '1'}
paths:
  /things/{id}/:
    get:
      operationId: thing_retrieve
      description: One thing.
      tags: [thing]
      parameters:
      - {in: path, name: id, required: true, schema: {type: integer}}
      - {in: query, name: limit, description: How many., schema: {type: integer}}
      responses:
        '200':
          description: ''
          content: {application/json: {schema: {$ref: '#/components/schemas/Page'}}}
  /things/:
    post:
      operationId: thing_create
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Thing'}}
          application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Thing'}}
          multipart/form-data: {schema: {$ref: '#/components/schemas/Thing'}}
      security: [{tokenAuth: []}, {}]
      responses:
        '201':
          description: ''
          content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
        '400': {description: ''}
  /plain/:
    put:
      operationId: plain_update
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Plain'}}}}
      responses: {'200': {description: ''}}
components:
  schemas:
    Thing:
      type: object
      required: [id, title]
      properties:
        id: {type: integer, readOnly: true}
        title: {type: string, title: The Plain, maxLength: 9, minLength: 1}
        pattern: {type: string, pattern: ^a+$}
        inner: {type: object, properties: {maxLength: {type: string, title: Thing, maxLength: 3}}}
    Plain:
      type: object
      title: Plain
      required: [word]
      properties:
        word: {type: string}
        key: {type: string, writeOnly: true}
    Page:
      type: object
      properties:
        count: {type: integer}
        next: {type: string, nullable: true}
        nextPage: {type: string, nullable: true}
        type: {type: string, nullable: true}
        results: {type: array, items: {$ref: '#/components/schemas/Thing'}}
  securitySchemes:
    tokenAuth: {type: apiKey, in: header, name: Authorization}
    basicAuth: {type: http, scheme: basic}
";

const GET: &str = "/paths/~1things~1{id}~1/get";
const POST: &str = "/paths/~1things~1/post";
const THING: &str = "/components/schemas/Thing";

fn parsed(text: &str) -> Value {
    serde_yaml_ng::from_str(text).unwrap()
}

fn read(source: &Value) -> Document {
    Document::read(source).unwrap_or_else(|e| panic!("{e}"))
}

fn small() -> Value {
    parsed(SMALL)
}

/// `small` with one value put in, at the end of an existing object or list, or in place of another.
fn small_with(pointer: &str, value: Value) -> Value {
    let mut document = small();
    put(&mut document, pointer, value);
    document
}

fn put(document: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent).unwrap() {
        Value::Object(members) => drop(members.insert(key, value)),
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => panic!("{pointer}: {other}"),
    }
}

fn small_without(pointer: &str) -> Value {
    let mut document = small();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    assert!(parent.remove(&key.replace("~1", "/")).is_some(), "{pointer}");
    document
}

fn generated(document: &Value) -> Result<Generated, Error> {
    let settings = Settings { trait_name: "SmallApi", runtime: "crate::runtime" };
    generate(&document.to_string(), &settings)
}

/// The result of lenient mode.
fn leniently(document: &Value) -> Generated {
    let settings = Settings { trait_name: "SmallApi", runtime: "crate::runtime" };
    let source = specbound_contract::parse(&document.to_string()).unwrap_or_else(|e| panic!("{e}"));
    generate_from(&source, &settings, Mode::Lenient).unwrap_or_else(|e| panic!("{e}: {document}"))
}

fn refusal(document: &Value) -> Error {
    generated(document).err().unwrap_or_else(|| panic!("this was not refused: {document}"))
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

// --- normalising ---

#[test]
fn json_speaks_for_every_content_type_of_a_request() {
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
fn multipart_alone_is_read_by_the_server_and_listed() {
    let mut document = small_without(&format!("{POST}/requestBody/content/application~1json"));
    let content =
        document["paths"]["/things/"]["post"]["requestBody"]["content"].as_object_mut().unwrap();
    content.remove("application/x-www-form-urlencoded");
    let generated = generated(&document).unwrap();
    assert!(generated.server_trait.contains("content::Multipart"));
    assert!(
        generated.unenforced.iter().any(|item| item.path == format!("{POST}/requestBody/content"))
    );
}

#[test]
fn titles_of_properties_go_and_a_property_named_title_stays() {
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
fn constraints_go_where_the_table_has_them_and_properties_of_those_names_stay() {
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
    let copy = normalise(source.clone(), &read(&source));
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
    let copy = normalise(source.clone(), &read(&source));
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
fn schema_inside_an_operation_gets_a_name() {
    let answer = format!("{GET}/responses/200/content/application~1json/schema");
    let inline = json!({"type": "array", "items": {"$ref": "#/components/schemas/Thing"}});
    let source = small_with(&answer, inline.clone());
    let mut copy = source.clone();
    name_inline_schemas(&mut copy, &read(&source));
    assert_eq!(
        copy.pointer(&answer).unwrap()["$ref"],
        "#/components/schemas/ThingRetrieveAnswer200"
    );
    assert_eq!(copy["components"]["schemas"]["ThingRetrieveAnswer200"], inline);
}

#[test]
fn answers_of_several_types_become_one_for_the_client() {
    let answers = |rest: Value| {
        let mut source = small_with(&format!("{POST}/responses/200"), rest);
        put(&mut source, &format!("{POST}/responses/400"), json!({"description": ""}));
        let mut copy = source.clone();
        give_answers_one_type(&mut copy, &read(&source));
        copy
    };
    let plain = json!({"$ref": "#/components/schemas/Plain"});
    let both_json =
        answers(json!({"description": "", "content": {"application/json": {"schema": plain}}}));
    let choice = &both_json["components"]["schemas"]["ThingCreateSuccess"]["oneOf"];
    assert_eq!(
        choice,
        &json!([{"$ref": "#/components/schemas/Plain"}, {"$ref": "#/components/schemas/Thing"}])
    );
    for status in ["200", "201"] {
        let response = &both_json["paths"]["/things/"]["post"]["responses"][status];
        let answer = &response["content"]["application/json"];
        assert_eq!(answer["schema"]["$ref"], "#/components/schemas/ThingCreateSuccess");
    }
    // One of them has no content: there is no schema for both, and the client hands out the bytes.
    let one_empty = answers(json!({"description": ""}));
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
fn normalising_leaves_the_source_alone_and_does_not_change_its_own_result() {
    let source = parsed(SOURCE);
    let before = source.clone();
    let copy = normalise(source.clone(), &read(&source));
    assert_eq!(source, before);
    assert_ne!(copy, source);
    assert!(!copy.to_string().contains("maxLength"));
    // A second time it only finds requests that have their schema already.
    assert_eq!(normalise(copy.clone(), &read(&copy)), copy);
}

// --- the output ---

/// The attributes of each field of a struct in `mod types`.
fn fields(server: &str, name: &str) -> Vec<(String, String)> {
    let file = syn::parse_file(server).unwrap();
    let types = file.items.iter().find_map(|item| match item {
        syn::Item::Mod(module) if module.ident == "types" => module.content.as_ref(),
        _ => None,
    });
    let found = types.unwrap().1.iter().find_map(|item| match item {
        syn::Item::Struct(item) if item.ident == name => Some(item),
        _ => None,
    });
    let text = |attribute: &syn::Attribute| quote::quote!(#attribute).to_string();
    let one = |field: &syn::Field| {
        let serde = field.attrs.iter().filter(|a| a.path().is_ident("serde"));
        (field.ident.as_ref().unwrap().to_string(), serde.map(text).collect())
    };
    found.unwrap().fields.iter().map(one).collect()
}

#[test]
fn nullable_members_and_lists_are_written_even_when_they_are_empty() {
    let generated = generated(&small()).unwrap();
    for text in [&generated.server, &generated.client] {
        let fields = fields_of_page(text);
        let says = |name: &str| &fields.iter().find(|(field, _)| field == name).unwrap().1;
        assert!(
            says("count").contains("skip_serializing_if"),
            "an optional member is left out: {fields:?}"
        );
        for shown in ["next", "next_page", "type_", "results"] {
            assert!(!says(shown).contains("skip_serializing_if"), "{shown}: {}", says(shown));
            assert!(says(shown).contains("default"), "{shown}: {}", says(shown));
        }
        // Their names in the JSON stay the document's.
        assert!(
            says("next_page").contains("\"nextPage\"") && says("type_").contains("\"type\""),
            "{fields:?}"
        );
    }
}

fn fields_of_page(text: &str) -> Vec<(String, String)> {
    fields(text, "Page")
}

#[test]
fn request_type_has_no_read_only_field_and_its_answer_has() {
    let server = generated(&small()).unwrap().server;
    let names = |name: &str| -> Vec<String> {
        fields(&server, name).into_iter().map(|(name, _)| name).collect()
    };
    assert!(names("Thing").contains(&"id".to_owned()));
    assert!(!names("ThingRequest").contains(&"id".to_owned()));
}

/// The text without white space and line breaks of formatting.
fn dense(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .replace(",)", ")")
        .replace(",>", ">")
}

#[test]
fn signatures_say_policy_content_types_requiredness_and_status() {
    let server_trait = dense(&generated(&small()).unwrap().server_trait);
    for signature in [
        "asyncfnthing_create(rqctx:RequestContext<Self::Context>,\
         call:Call<policy::TokenOrAnonymous,\
         Body<types::ThingRequest,content::JsonOrFormOrMultipart>>)\
         ->HandlerResult<answers::ThingCreate>;",
        "asyncfnthing_retrieve(rqctx:RequestContext<Self::Context>,\
         path:Path<params::ThingRetrievePath>,\
         query:Query<params::ThingRetrieveQuery>,call:Call<policy::Anyone,NoBody>)\
         ->Outcome<200u16,types::Page>;",
        "asyncfnplain_update(rqctx:RequestContext<Self::Context>,call:Call<policy::Anyone,\
         OptionalBody<types::Plain,content::Json>>)->Outcome<200u16,UntypedJson>;",
    ] {
        assert!(server_trait.contains(signature), "{signature}\nis not in\n{server_trait}");
    }
}

/// An operation with several documented answers has a closed set of them.
#[test]
fn every_documented_answer_is_in_the_set() {
    let server = dense(&generated(&small()).unwrap().server);
    let set = server.split_once("pubenumThingCreate{").unwrap().1.split_once('}').unwrap().0;
    let reply = "crate::runtime::Reply<";
    let expected = format!(
        "Status201({reply}201u16,super::types::Thing>),\
         Status400({reply}400u16,super::UntypedJson>),"
    );
    assert_eq!(set, expected);
}

#[test]
fn constraints_that_the_types_lost_are_in_the_table() {
    let server = dense(&generated(&small()).unwrap().server);
    let table = server.split_once("HasConstraintsfortypes::ThingRequest{").unwrap().1;
    let row = |name: &str| {
        let row = table.split_once(&format!("Property{{name:\"{name}\",")).unwrap().1;
        row.split_once('}').unwrap().0.to_owned()
    };
    let title = row("title");
    for says in
        ["required:true", "max_length:Some(9usize)", "min_length:Some(1usize)", "pattern:None"]
    {
        assert!(title.contains(says), "{says}: {title}");
    }
    assert!(row("pattern").contains("pattern:Some(\"^a+$\")"));
    assert!(row("id").contains("read_only:true"));
}

#[test]
fn operation_without_security_inherits_the_documents() {
    let document = small_with("/security", json!([{ "basicAuth": [] }]));
    let server_trait = dense(&generated(&document).unwrap().server_trait);
    assert!(server_trait.contains("call:Call<policy::Basic,NoBody>"), "{server_trait}");
    assert!(
        server_trait.contains("call:Call<policy::TokenOrAnonymous,"),
        "its own counts more: {server_trait}"
    );
}

// --- garbage ---
