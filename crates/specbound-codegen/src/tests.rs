//! The generated code. The modules have the normalising rules, and refusals with their pointers.

use crate::document::Document;
use crate::read::escape;
use crate::{Error, Generated, Mode, Settings, generate, generate_from};
use serde_json::{Value, json};

mod any_document;
mod events;
mod forms;
mod garbage;
mod given;
mod inheritance;
mod listed;
mod media;
mod members;
mod normalised;
mod project;
mod refusals;
mod senders;

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
    let settings =
        Settings { trait_name: "SmallApi", runtime: "crate::runtime", ..Settings::default() };
    generate(&document.to_string(), &settings)
}

/// The result of strict mode.
fn taken(document: &Value) -> Generated {
    generated(document).unwrap_or_else(|e| panic!("{e}"))
}

/// The result of lenient mode.
fn leniently(document: &Value) -> Generated {
    let settings =
        Settings { trait_name: "SmallApi", runtime: "crate::runtime", ..Settings::default() };
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
fn nullable_members_and_empty_lists_are_serialized() {
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
fn read_only_fields_are_in_response_types_only() {
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

/// The row of a member without members of its own, in dense code.
fn row<'a>(code: &'a str, name: &str) -> &'a str {
    let end = format!("Property::new(\"{name}\",");
    let (before, after) = code.split_once(&end).unwrap_or_else(|| panic!("{name}: {code}"));
    let is_path = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == ':');
    let constraints = before.rsplit_once("..").filter(|(_, path)| is_path(path));
    let start = constraints.and_then(|(text, _)| text.rfind("Property{")).unwrap_or(before.len());
    let kind = after.find(')').unwrap();
    &code[start..before.len() + end.len() + kind]
}

#[test]
fn signatures_have_policy_content_types_requiredness_and_status() {
    let server_trait = dense(&generated(&small()).unwrap().server_trait);
    for signature in [
        "asyncfnthing_create(rqctx:RequestContext<Self::Context>,\
         call:Call<policy::TokenOrAnonymous,\
         Body<types::ThingRequest,content::JsonOrFormOrMultipart>>)\
         ->HandlerResult<responses::ThingCreate>;",
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

/// An operation with several documented responses has a closed set of them.
#[test]
fn every_documented_response_is_a_variant() {
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
fn constraints_missing_from_types_are_in_the_table() {
    let server = dense(&generated(&small()).unwrap().server);
    let table = server.split_once("HasConstraintsfortypes::ThingRequest{").unwrap().1;
    let title = row(table, "title");
    for says in ["required:true", "max_length:Some(9usize)", "min_length:Some(1usize)"] {
        assert!(title.contains(says), "{says}: {title}");
    }
    assert!(!title.contains("pattern:"), "{title}");
    assert!(row(table, "pattern").contains("pattern:Some(\"^a+$\")"));
    assert!(row(table, "id").contains("read_only:true"));
}

/// Its pattern was in no row, as soon as it was an alternative or the value of a map too.
#[test]
fn row_of_a_member_has_the_pattern_of_a_component_that_is_also_an_alternative() {
    let flake = json!({"type": "string", "pattern": "^[1-9]+$", "format": "snowflake"});
    let named = json!({"$ref": "#/components/schemas/Flake"});
    let either = json!({"oneOf": [named, {"type": "integer"}]});
    let by_key = json!({"type": "object", "additionalProperties": named});
    for other in [either, by_key] {
        let mut document = small();
        put(&mut document, "/components/schemas/Flake", flake.clone());
        put(&mut document, &format!("{THING}/properties/owner"), named.clone());
        put(&mut document, &format!("{THING}/properties/other"), other);
        let server = dense(&generated(&document).unwrap().server);
        let (_, rows) = server.split_once("HasConstraintsfortypes::ThingRequest{").unwrap();
        let row = row(rows, "owner");
        assert!(row.contains("pattern:Some(\"^[1-9]+$\")"), "{row}");
    }
}

#[test]
fn operation_without_security_inherits_it_from_the_document() {
    let document = small_with("/security", json!([{ "basicAuth": [] }]));
    let server_trait = dense(&generated(&document).unwrap().server_trait);
    assert!(server_trait.contains("call:Call<policy::Basic,NoBody>"), "{server_trait}");
    assert!(
        server_trait.contains("call:Call<policy::TokenOrAnonymous,"),
        "its own counts more: {server_trait}"
    );
}

/// Its rows alone hold them: neither a table nor a type does.
#[test]
fn single_alternative_has_the_bounds_of_its_parent() {
    let thing = json!({"$ref": "#/components/schemas/Thing"});
    for alternatives in [json!([thing]), json!([thing, {"type": "null"}])] {
        let mut document = small();
        document["openapi"] = json!("3.1.0");
        let list = json!({"type": "array", "items": {"type": "string"}, "maxItems": 2});
        put(&mut document, &format!("{THING}/properties/parts"), list);
        let body = json!({"application/json": {"schema": {"oneOf": alternatives}}});
        put(&mut document, &format!("{POST}/requestBody/content"), body);
        let server = dense(&generated(&document).unwrap().server);
        let row = row(&server, "parts");
        assert!(row.contains("max_items:Some(2"), "{row}");
    }
}
