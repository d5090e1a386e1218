//! One change, exactly one severity and exactly these words; and mechanically made changes, which
//! all get a verdict.

use serde_json::json;

use super::Severity::{Breaking, Compatible, Unclear};
use super::*;

const DOCUMENT: &str = r##"
openapi: 3.0.3
info: {title: API, version: '1'}
servers: [{url: 'http://a'}, {url: 'http://b'}]
paths:
  /send/:
    post:
      operationId: send
      tags: [one]
      security: [{key: []}, {basic: []}, {}]
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Sent'}}
          text/plain: {schema: {type: string}}
      responses:
        '204': {description: none}
  /read/{id}/:
    get:
      operationId: read
      parameters:
      - {in: path, name: id, required: true, schema: {type: integer}}
      - {in: query, name: limit, schema: {type: integer, minimum: 1}}
      responses:
        '200':
          description: d
          headers: {X-Count: {required: true, schema: {type: integer}}}
          content:
            application/json: {schema: {$ref: '#/components/schemas/Read'}}
            text/plain: {}
        '404': {description: d}
        default: {description: d}
  /both/:
    put:
      operationId: both
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Both'}}}}
      responses:
        '200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/Both'}}}}
components:
  schemas:
    Sent: &fields
      type: object
      required: [name]
      properties:
        name: {type: string, maxLength: 10, pattern: ^a}
        kind: {type: string, enum: [a, b], default: a}
        size: {type: integer, format: int32, minimum: 1, multipleOf: 4, nullable: true}
        list: {type: array, items: {type: string}, maxItems: 3}
        one: {oneOf: [{$ref: '#/components/schemas/Cat'}, {type: string}]}
        shown: {type: string, readOnly: true}
        secret: {type: string, writeOnly: true}
        map: {type: object, additionalProperties: {type: string}}
        closed: {type: object, additionalProperties: false}
        barred: {not: {maxLength: 3}}
    Read: *fields
    Both: *fields
    Unused: {type: object, required: [a], properties: {a: {type: string}}}
    Cat: {type: object, properties: {name: {type: string}}}
    Tom: {type: object, properties: {name: {type: string}}}
    Dog: {type: object, properties: {name: {type: string}, bark: {type: string}}, required: [bark]}
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    basic: {type: http, scheme: basic}
"##;

fn document() -> Value {
    serde_yaml_ng::from_str(DOCUMENT).unwrap()
}

enum Edit {
    Set(&'static str, Value),
    Remove(&'static str),
    Rename(&'static str, &'static str),
}
use Edit::{Remove, Rename, Set};

/// `@Sent` is the schema, `/properties` written `.`: `@Sent.name/maxLength`.
fn full(path: &str) -> String {
    match path.strip_prefix('@') {
        Some(path) => format!("/components/schemas/{}", path.replace('.', "/properties/")),
        None => path.to_owned(),
    }
}

fn take(document: &mut Value, path: &str) -> Value {
    let (parent, key) = path.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    match document.pointer_mut(parent).unwrap() {
        Value::Object(map) => map.remove(&key).unwrap(),
        Value::Array(items) => items.remove(key.parse().unwrap()),
        _ => panic!("no such place: {path}"),
    }
}

fn put(document: &mut Value, path: &str, value: Value) {
    let (parent, key) = path.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    match document.pointer_mut(parent).unwrap_or_else(|| panic!("{path}")) {
        Value::Object(map) => drop(map.insert(key, value)),
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        _ => panic!("no such place: {path}"),
    }
}

fn edited(edits: &[Edit]) -> Value {
    let mut document = document();
    for edit in edits {
        match edit {
            Set(path, value) => put(&mut document, &full(path), value.clone()),
            Remove(path) => drop(take(&mut document, &full(path))),
            Rename(from, to) => {
                let value = take(&mut document, &full(from));
                put(&mut document, &full(to), value);
            }
        }
    }
    document
}

fn said(verdicts: &[Verdict]) -> Vec<(Severity, &str)> {
    verdicts.iter().map(|verdict| (verdict.severity, verdict.message.as_str())).collect()
}

/// Each change alone, forwards: exactly one verdict with these words. `None` as words: see the
/// severity only.
fn check(cases: Vec<(Vec<Edit>, Severity, &str)>) {
    for (number, (edits, severity, message)) in cases.into_iter().enumerate() {
        let verdicts = compare(&document(), &edited(&edits));
        assert_eq!(said(&verdicts), [(severity, message)], "case {number}");
    }
}

#[test]
fn a_change_of_a_schema_breaks_in_one_direction_and_not_in_the_other() {
    // keyword, new value (null: removed), severity when sent, when read, what breaks in both
    let cases = [
        ("name/maxLength", json!(5), Breaking, Compatible),
        ("name/maxLength", json!(20), Compatible, Breaking),
        ("name/maxLength", json!(null), Compatible, Breaking),
        ("name/minLength", json!(5), Breaking, Compatible),
        ("name/pattern", json!("^b"), Unclear, Unclear),
        ("name/pattern", json!(null), Compatible, Breaking),
        ("kind/pattern", json!("^b"), Breaking, Compatible),
        ("name/type", json!("integer"), Breaking, Breaking),
        ("name/type", json!(null), Compatible, Breaking),
        ("size/type", json!("number"), Compatible, Breaking),
        ("name/format", json!("email"), Breaking, Compatible),
        ("size/format", json!("int64"), Compatible, Breaking),
        ("size/format", json!("uuid"), Breaking, Breaking),
        ("size/format", json!(null), Compatible, Breaking),
        ("size/minimum", json!(0), Compatible, Breaking),
        ("size/minimum", json!(2), Breaking, Compatible),
        ("size/maximum", json!(2), Breaking, Compatible),
        ("size/exclusiveMinimum", json!(true), Breaking, Compatible),
        ("size/multipleOf", json!(8), Breaking, Compatible),
        ("size/multipleOf", json!(2), Compatible, Breaking),
        ("size/multipleOf", json!(3), Breaking, Breaking),
        ("size/nullable", json!(null), Breaking, Compatible),
        ("name/nullable", json!(true), Compatible, Breaking),
        ("kind/enum", json!(["a"]), Breaking, Compatible),
        ("kind/enum", json!(["a", "b", "c"]), Compatible, Breaking),
        ("kind/enum", json!(null), Compatible, Breaking),
        ("name/enum", json!(["a"]), Breaking, Compatible),
        ("kind/default", json!("b"), Breaking, Compatible),
        ("kind/default", json!(null), Breaking, Compatible),
        ("size/default", json!(4), Unclear, Compatible),
        // It is required: no default applies.
        ("name/default", json!("b"), Compatible, Compatible),
        ("list/maxItems", json!(2), Breaking, Compatible),
        ("list/minItems", json!(2), Breaking, Compatible),
        ("list/uniqueItems", json!(true), Breaking, Compatible),
        ("list/items", json!(null), Compatible, Breaking),
        ("list/items/maxLength", json!(2), Breaking, Compatible),
        ("map/additionalProperties", json!(false), Breaking, Compatible),
        ("map/additionalProperties", json!(null), Compatible, Breaking),
        ("map/additionalProperties/maxLength", json!(1), Breaking, Compatible),
        ("closed/additionalProperties", json!(null), Compatible, Breaking),
        ("closed/additionalProperties", json!({"type": "string"}), Compatible, Breaking),
        ("closed/properties", json!({"a": {}}), Compatible, Breaking),
        ("name/allOf", json!([{"maxLength": 1}, {"minLength": 1}]), Breaking, Compatible),
        ("name/not", json!({"maxLength": 1}), Breaking, Compatible),
        ("barred/not/maxLength", json!(2), Unclear, Unclear),
        ("one/oneOf", json!([{"type": "string"}]), Breaking, Compatible),
        (
            "one/oneOf",
            json!([{"type": "string"}, {"$ref": "#/components/schemas/Cat"}, {"type": "integer"}]),
            Compatible,
            Breaking,
        ),
        ("one/anyOf", json!([{"type": "string"}]), Breaking, Compatible),
        ("one/discriminator", json!({"propertyName": "a"}), Breaking, Compatible),
        ("name/xml", json!({"name": "n"}), Breaking, Breaking),
        ("name/title", json!("Name"), Compatible, Compatible),
        ("name/deprecated", json!(true), Compatible, Compatible),
        ("name/readOnly", json!(true), Breaking, Compatible),
        ("name/writeOnly", json!(true), Compatible, Breaking),
        ("shown/readOnly", json!(null), Compatible, Compatible),
        ("secret/writeOnly", json!(null), Compatible, Compatible),
        ("shown/maxLength", json!(1), Compatible, Compatible),
        ("shown/type", json!(null), Compatible, Breaking),
        ("secret/type", json!(null), Compatible, Compatible),
        ("secret/maxLength", json!(1), Breaking, Compatible),
        ("new", json!({}), Compatible, Compatible),
        ("name", json!(null), Breaking, Breaking),
        ("shown", json!(null), Compatible, Breaking),
        ("secret", json!(null), Breaking, Compatible),
        ("name/maxLength", json!("many"), Unclear, Unclear),
        ("name/unknown", json!(1), Unclear, Unclear),
    ];
    for (place, value, sent, read) in cases {
        for (schema, severity) in
            [("Sent", sent), ("Read", read), ("Both", sent.max(read)), ("Unused", Compatible)]
        {
            let mut old = document();
            old["components"]["schemas"]["Unused"] = old["components"]["schemas"]["Sent"].clone();
            let mut new = old.clone();
            let path = format!("/components/schemas/{schema}/properties/{place}");
            match &value {
                Value::Null => drop(take(&mut new, &path)),
                value => put(&mut new, &path, value.clone()),
            }
            let verdicts = compare(&old, &new);
            assert!(!verdicts.is_empty());
            for verdict in &verdicts {
                assert_eq!(
                    verdict.severity, severity,
                    "{schema} {place} {value}: {}",
                    verdict.message
                );
            }
        }
    }
}

#[test]
fn each_change_of_a_property_is_said_in_words() {
    check(vec![
        (
            vec![Set("@Sent/required", json!(["name", "kind"]))],
            Breaking,
            "`kind` is now required in requests: clients that do not send it are refused.",
        ),
        (
            vec![Set("@Read/required", json!(["name", "kind"]))],
            Compatible,
            "`kind` is now required in responses: clients always find it.",
        ),
        (
            vec![Set("@Both/required", json!(["name", "shown"]))],
            Compatible,
            "`shown` is now required in responses: clients always find it.",
        ),
        (
            vec![Remove("@Both/required")],
            Breaking,
            "`name` is no longer required in responses: clients that rely on it may find it \
             missing.",
        ),
        (
            vec![Remove("@Both.name")],
            Breaking,
            "`name` is gone in requests and responses: requests that include it may be rejected or \
             ignored, and clients \
             that read it find nothing.",
        ),
        (
            vec![Set("@Sent.name/maxLength", json!(5))],
            Breaking,
            "`name` must now have at most `5` characters (before: `10`) in requests: clients that \
             send anything else are refused.",
        ),
        (
            vec![Set("@Read.kind/enum", json!(["a", "b", "c"]))],
            Breaking,
            "`c` is a new value of `kind` in responses: clients that know only the values before \
             do not expect it.",
        ),
        (
            vec![Set("@Unused/required", json!([]))],
            Compatible,
            "`a` is no longer required: no request or response that both documents have carries \
             it.",
        ),
    ]);
}

#[test]
fn each_change_of_an_operation_is_said_in_words() {
    let cat = || json!({"$ref": "#/components/schemas/Cat"});
    check(vec![
        (
            vec![Remove("/paths/~1send~1")],
            Breaking,
            "`/send/` is gone, with `POST`: clients that call it are refused or sent elsewhere.",
        ),
        (
            vec![Set("/paths/~1new", json!({"get": {"responses": {}}}))],
            Compatible,
            "`/new` is new, with `GET`: no client knows it yet.",
        ),
        (
            vec![Remove("/paths/~1send~1/post")],
            Breaking,
            "`POST /send/` is gone: clients that call it are refused.",
        ),
        (
            vec![Set("/paths/~1send~1/get", json!({"responses": {}}))],
            Compatible,
            "`GET /send/` is new: no client knows it yet.",
        ),
        (
            vec![Set("/paths/~1send~1/post/operationId", json!("post"))],
            Breaking,
            "the operation id is now `post`, not `send`: nothing changes on the wire, but \
             generated clients name a \
             function by it, and code that calls the old name does not compile.",
        ),
        (
            vec![Set("/paths/~1send~1/post/tags/-", json!("two"))],
            Compatible,
            "tag `two` is new: some generators sort operations into modules by tag, the wire has \
             none.",
        ),
        (
            vec![Set("/paths/~1send~1/post/deprecated", json!(true))],
            Compatible,
            "`POST /send/` is deprecated now: it still works.",
        ),
        (
            vec![Remove("/paths/~1read~1{id}~1/get/parameters/1")],
            Breaking,
            "query parameter `limit` is gone: requests that include it may be rejected or ignored.",
        ),
        (
            vec![Set(
                "/paths/~1read~1{id}~1/get/parameters/-",
                json!({"in": "query", "name": "q"}),
            )],
            Compatible,
            "query parameter `q` is new and may be left out.",
        ),
        (
            vec![Set(
                "/paths/~1read~1{id}~1/get/parameters/-",
                json!({"in": "header", "name": "q", "required": true}),
            )],
            Breaking,
            "header parameter `q` is new and required: clients that do not send it are refused.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/parameters/1/required", json!(true))],
            Breaking,
            "`limit` is now required in requests: clients that do not send it are refused.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/parameters/1/style", json!("pipeDelimited"))],
            Breaking,
            "`limit` is written differently: `style` is now `pipeDelimited` (before: nothing) in \
             requests: clients that \
             send what was right before are refused.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/parameters/1/schema/minimum", json!(0))],
            Compatible,
            "`limit` must now be at least `0` (before: `1`) in requests: what clients send is \
             still taken.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/parameters/0/schema/type", json!("string"))],
            Breaking,
            "`id` is now of type `string`, not `integer` in requests: clients that send what was \
             right before are refused.",
        ),
        (
            vec![Remove("/paths/~1send~1/post/requestBody")],
            Breaking,
            "the request body is gone: requests that include one may be rejected or ignored.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/requestBody", json!({"content": {}}))],
            Compatible,
            "a request body may be sent now.",
        ),
        (
            vec![Set(
                "/paths/~1read~1{id}~1/get/requestBody",
                json!({"required": true, "content": {}}),
            )],
            Breaking,
            "a request body is required now: clients that send none are refused.",
        ),
        (
            vec![Set("/paths/~1both~1/put/requestBody/required", json!(true))],
            Breaking,
            "a body is now required in requests: clients that send none are refused.",
        ),
        (
            vec![Remove("/paths/~1send~1/post/requestBody/required")],
            Compatible,
            "a body is no longer required in requests.",
        ),
        (
            vec![Remove("/paths/~1send~1/post/requestBody/content/text~1plain")],
            Breaking,
            "`text/plain` is no longer a content type of requests: clients that send it are \
             refused.",
        ),
        (
            vec![Set("/paths/~1send~1/post/requestBody/content/a~1b", json!({}))],
            Compatible,
            "`a/b` is a new content type of requests.",
        ),
        (
            vec![Remove("/paths/~1read~1{id}~1/get/responses/200/content/text~1plain")],
            Breaking,
            "`text/plain` is no longer a content type of the response: clients that read it fail.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/responses/200/content/a~1b", json!({}))],
            Compatible,
            "`a/b` is a new content type of the response: clients get it when they ask.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/responses/200/content/text~1plain/schema", cat())],
            Compatible,
            "the body has a schema now, where anything was allowed in responses: clients read \
             nothing new.",
        ),
        (
            vec![Remove(
                "/paths/~1read~1{id}~1/get/responses/200/content/application~1json/schema",
            )],
            Breaking,
            "the body has no schema any more in responses: clients that read it are promised \
             nothing.",
        ),
        (
            vec![Set("/paths/~1send~1/post/responses/201", json!({"description": "d"}))],
            Breaking,
            "status `201` is new: clients that know only the statuses before do not expect it.",
        ),
        (
            vec![Remove("/paths/~1send~1/post/responses/204")],
            Breaking,
            "status `204` is gone: clients that wait for it take the answer for a failure.",
        ),
        (
            vec![Set("/paths/~1send~1/post/responses/400", json!({"description": "d"}))],
            Compatible,
            "status `400` is documented now: it says how a request fails.",
        ),
        (
            vec![Remove("/paths/~1read~1{id}~1/get/responses/404")],
            Compatible,
            "status `404` is no longer documented: clients that handle it lose nothing.",
        ),
        (
            vec![Remove("/paths/~1read~1{id}~1/get/responses/200/headers/X-Count/required")],
            Breaking,
            "header `X-Count` may now be missing: clients that rely on it fail.",
        ),
        (
            vec![Set("/paths/~1read~1{id}~1/get/responses/200/headers/X-New", json!({}))],
            Compatible,
            "header `X-New` is new in responses: clients read nothing new.",
        ),
        (
            vec![Remove("/paths/~1send~1/post/security/1")],
            Breaking,
            "`basic` is no longer accepted: clients that authenticate by it are refused.",
        ),
        (
            vec![Remove("/paths/~1send~1/post/security/2")],
            Breaking,
            "credentials are required now: clients that send none are refused.",
        ),
        (
            vec![Set("/paths/~1both~1/put/security", json!([{"key": []}]))],
            Breaking,
            "it was open to all and now asks for `key`: clients without credentials are refused.",
        ),
        (
            vec![Set("/paths/~1send~1/post/security/-", json!({"key": [], "basic": []}))],
            Compatible,
            "`basic` with `key` is accepted now, beside what was.",
        ),
        (
            vec![Set("/components/securitySchemes/key/name", json!("X-Other"))],
            Breaking,
            "`name` of security scheme `key` is now `X-Other` (before: `X-Key`): clients that \
             authenticate the old way are \
             refused.",
        ),
        (vec![Set("/servers/-", json!({"url": "c"}))], Compatible, "server `c` is new."),
        (
            vec![Remove("/servers/1")],
            Breaking,
            "server `http://b` is gone: clients that call it fail.",
        ),
        (
            vec![Set("/info/version", json!("2"))],
            Compatible,
            "`version` of the document changed: that only names the document.",
        ),
        (
            vec![Remove("@Unused")],
            Compatible,
            "schema `Unused` is gone: where it was used is reported there. Generated code loses a \
             type.",
        ),
        (
            vec![Remove("@Cat")],
            Unclear,
            "schema `Cat` is gone, but the new document refers to it without having it: judge by \
             hand.",
        ),
    ]);
}

#[test]
fn a_renamed_path_variable_is_harmless_and_what_changed_besides_is_judged() {
    let renamed = |item: &mut Value| item["get"]["parameters"][0]["name"] = json!("pk");
    let mut new = document();
    let mut item = new["paths"]["/read/{id}/"].take();
    renamed(&mut item);
    take(&mut new, "/paths/~1read~1{id}~1");
    new["paths"]["/read/{pk}/"] = item;
    let verdicts = compare(&document(), &new);
    assert_eq!(
        said(&verdicts),
        [
            (
                Compatible,
                "`/read/{id}/` is now written `/read/{pk}/`: the addresses on the wire are the \
                 same, only generated \
                 code names an argument by a variable."
            ),
            (Compatible, "`/read/{pk}/` is `/read/{id}/` with its variables renamed."),
        ]
    );
    new["paths"]["/read/{pk}/"]["get"]["parameters"][1]["required"] = json!(true);
    new["components"]["schemas"]["Read"]["required"] = json!([]);
    let verdicts = compare(&document(), &new);
    let breaking: Vec<_> = verdicts.iter().filter(|verdict| verdict.severity == Breaking).collect();
    assert_eq!(verdicts.len(), 4);
    assert_eq!(
        breaking.iter().map(|verdict| verdict.location.as_str()).collect::<Vec<_>>(),
        [
            "schema `Read`, property `name`",
            "`/read/{id}/`",
            "`GET /read/{id}/`, query parameter `limit`"
        ]
    );
}

/// What has a counterpart under another name: each difference has its one verdict there too.
#[test]
fn renamed_things_are_passed_over_in_neither_direction() {
    let cat = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let edits = [
        vec![Rename("/paths/~1read~1{id}~1", "/paths/~1read~1{pk}~1")],
        vec![
            Rename("/paths/~1read~1{id}~1", "/paths/~1read~1{pk}~1"),
            Remove("@Read.name"),
            Remove("@Cat.name"),
        ],
        vec![Rename("/paths/~1send~1", "/paths/~1send"), Remove("@Sent.name")],
        vec![
            Rename("@Cat", "@Kitten"),
            Set("@Sent.one/oneOf/0", cat("Kitten")),
            Set("@Read.one/oneOf/0", cat("Dog")),
        ],
        vec![Rename("@Sent", "@Other")],
        vec![
            Set("@Sent.one", cat("Cat")),
            Set("@Read.one", json!({"allOf": [cat("Tom")], "readOnly": true})),
        ],
        vec![Remove("/components"), Set("/paths", json!({}))],
    ];
    for (number, edits) in edits.iter().enumerate() {
        check_pair(&document(), &edited(edits), &format!("case {number}"));
    }
}

#[test]
fn a_renamed_path_says_where_it_went() {
    for (from, to, message) in [
        (
            "/paths/~1send~1",
            "/paths/~1send",
            "`/send/` is now `/send`, only the last slash differs: clients that call it are \
             refused or sent elsewhere.",
        ),
        (
            "/paths/~1send~1",
            "/paths/~1x",
            "`/send/` is now `/x`: clients that call it are refused or sent elsewhere.",
        ),
    ] {
        let verdicts = compare(&document(), &edited(&[Rename(from, to)]));
        let both = said(&verdicts);
        assert!(both.contains(&(Breaking, message)), "{both:?}");
        assert_eq!(
            (both.len(), both.iter().filter(|(severity, _)| *severity == Compatible).count()),
            (2, 1)
        );
    }
}

#[test]
fn a_reference_is_judged_by_what_stands_behind_it() {
    let item = |schema: &str| {
        Set("@Sent.list/items", json!({"$ref": format!("#/components/schemas/{schema}")}))
    };
    let from = edited(&[item("Cat")]);
    let verdicts = compare(&from, &edited(&[item("Tom")]));
    assert_eq!(
        said(&verdicts),
        [(
            Compatible,
            "an item of `list` now refers to `Tom`, before `Cat`, which says the same: only \
             generated code sees another name."
        )]
    );
    let verdicts = compare(&from, &edited(&[item("Dog")]));
    let severities: Vec<_> = verdicts
        .iter()
        .map(|verdict| (verdict.difference.path.as_str(), verdict.severity))
        .collect();
    let at = "/components/schemas/Sent/properties/list/items";
    let [property, reference, required] =
        ["properties/bark", "$ref", "required/bark"].map(|end| format!("{at}/{end}"));
    assert_eq!(
        severities,
        [
            (reference.as_str(), Breaking),
            (property.as_str(), Compatible),
            (required.as_str(), Breaking)
        ]
    );
    let written_out = edited(&[Set(
        "@Sent.list/items",
        json!({"type": "object", "properties": {"name": {"type": "string"}}}),
    )]);
    let wrapped = edited(&[Set(
        "@Sent.list/items",
        json!({"allOf": [{"$ref": "#/components/schemas/Cat"}]}),
    )]);
    assert_eq!(compare(&from, &wrapped), []);
    for (old, new) in [(&from, &written_out), (&written_out, &from)] {
        let verdicts = compare(old, new);
        assert_eq!((verdicts.len(), verdicts[0].severity), (1, Compatible), "{verdicts:#?}");
    }
    let verdicts =
        compare(&from, &edited(&[Set("@Sent.list/items", json!({"$ref": "other.yaml#/A"}))]));
    assert_eq!(verdicts[0].severity, Unclear);
}

#[test]
fn references_that_go_in_circles_end() {
    let circle = |name: &str| {
        json!({"openapi": "3.0.3",
        "paths": {"/": {"get": {"responses": {"200": {"content": {"a/b": {"schema": {"$ref": format!("#/components/schemas/{name}")}}}}}}}},
        "components": {"schemas": {
            name: {"properties": {"next": {"$ref": format!("#/components/schemas/{name}")}, "other": {"$ref": "#/components/schemas/Loop"}}},
            "Loop": {"$ref": "#/components/schemas/Loop"},
        }}})
    };
    let verdicts = compare(&circle("A"), &circle("B"));
    assert!(verdicts.iter().all(|verdict| verdict.severity == Compatible), "{verdicts:#?}");
}

#[test]
fn a_name_that_looks_like_a_keyword_is_a_name() {
    for name in ["allOf", "$ref", "not", "readOnly", "required", "properties", "items"] {
        let with = |property: Value| {
            let mut document = document();
            document["components"]["schemas"]["Sent"]["properties"][name] = property;
            document
        };
        let verdicts = compare(&with(json!({"type": "string"})), &with(json!({"format": "email"})));
        let severities: Vec<_> = verdicts.iter().map(|verdict| verdict.severity).collect();
        assert_eq!(severities, [Breaking, Compatible], "{name}: {verdicts:#?}");
        assert_eq!(verdicts[0].location, format!("schema `Sent`, property `{name}`"));
        let data = |value: Value| with(json!({"default": value}));
        let verdicts = compare(
            &data(json!({"$ref": "#/components/schemas/Cat"})),
            &data(json!({"type": "object"})),
        );
        assert_eq!((verdicts.len(), verdicts[0].severity), (1, Breaking), "{name}: {verdicts:#?}");
    }
}

#[test]
fn a_security_scheme_under_another_name_is_harmless() {
    let new = edited(&[
        Rename("/components/securitySchemes/basic", "/components/securitySchemes/password"),
        Set("/paths/~1send~1/post/security/1", json!({"password": []})),
    ]);
    let verdicts = compare(&document(), &new);
    assert_eq!((verdicts.len(), may_break(&verdicts)), (4, false), "{verdicts:#?}");
}

#[test]
fn place_and_operations_are_named() {
    let verdicts = compare(&document(), &edited(&[Set("@Both.name/maxLength", json!(5))]));
    let [only] = verdicts.as_slice() else { panic!("{verdicts:#?}") };
    assert_eq!(only.location, "schema `Both`, property `name`");
    assert_eq!(only.operations, ["PUT /both/"]);
    assert_eq!(only.audience, Audience::Senders);
    let text = render::to_text(&verdicts);
    assert_eq!(
        text,
        "BREAKING\n  schema Both, property name\n    used by PUT /both/\n    `name` must now have \
         at most `5` \
         characters (before: `10`) in requests: clients that send anything else are refused.\n\n1 \
         change: 1 breaking, 0 unclear, 0 compatible\n"
    );
}

/// Our own words have none of the signs by which a document could take a report over.
#[test]
fn nothing_in_a_document_can_break_a_review_comment() {
    let evil = "`</details>\n\n# <img src=x> | @everyone [a](http://b) \u{202e}";
    let mut new = document();
    new["paths"][format!("/{evil}")] = json!({"get": {"operationId": evil, "responses": {}}});
    let sent = &mut new["components"]["schemas"]["Sent"];
    sent["properties"][evil] = json!({"type": evil});
    sent["properties"]["name"]["type"] = json!(evil);
    sent["required"] = json!([evil]);
    sent["properties"]["kind"]["enum"] = json!([evil]);
    new["components"]["schemas"][evil] = json!({});
    new["paths"]["/send/"]["post"]["security"] = json!([{evil: [evil]}]);
    new["paths"]["/send/"]["post"][evil] = json!(evil);
    let verdicts = compare(&document(), &new);
    assert!(verdicts.len() > 8);
    let markdown = render::to_markdown(&verdicts);
    for line in markdown.lines() {
        let ours: String = line.split('`').step_by(2).collect();
        assert_eq!(line.matches('`').count() % 2, 0, "{line}");
        assert!(
            ["<details>", "</details>"].contains(&line)
                || line.starts_with("<summary>")
                || !ours.contains(['<', '@', '[', '|']),
            "{line}"
        );
    }
    assert!(!markdown.contains('\u{202e}') && !render::to_text(&verdicts).contains('\u{202e}'));
}

fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| places(value, &join(path, key), found))
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, value)| places(value, &join(path, &i.to_string()), found));
        }
        _ => {}
    }
    found.push(path.to_owned());
}

/// Every difference has exactly one verdict, and one made backwards swaps its sides.
fn check_pair(old: &Value, new: &Value, path: &str) {
    let differences = {
        let (old, new) = canonical_pair(old, new, true);
        diff::diff_canonical(&old, &new)
    };
    let verdicts = compare(old, new);
    for difference in &differences {
        let same = verdicts.iter().filter(|verdict| verdict.difference == *difference).count();
        assert_eq!(same, 1, "{path}: {difference:?}\n{verdicts:#?}");
    }
    assert_eq!(differences.is_empty(), verdicts.is_empty(), "{path}");
    let back = compare(new, old);
    for difference in differences {
        let swapped =
            Difference { path: difference.path, old: difference.new, new: difference.old };
        assert!(back.iter().any(|verdict| verdict.difference == swapped), "{path}: {swapped:?}");
    }
    for verdicts in [&verdicts, &back] {
        for text in [render::to_text(verdicts), render::to_markdown(verdicts)] {
            assert_eq!(text.matches('`').count() % 2, 0, "{path}");
        }
        render::to_json(verdicts);
    }
}

/// Each place of both documents removed, and replaced by a value of another kind.
#[test]
fn every_difference_has_exactly_one_verdict() {
    let source: Value =
        serde_yaml_ng::from_str(include_str!("../../tests/documents/other.yaml")).unwrap();
    let garbage = [
        json!(null),
        json!(true),
        json!(7),
        json!("s"),
        json!([{}, "a", []]),
        json!({"": [{"$ref": "#"}]}),
        json!({"$ref": "#/components/schemas/Cat"}),
    ];
    // Of the larger one each seventh place: it has many that are alike.
    for (source, step) in [(document(), 1), (source, 7)] {
        assert_eq!(compare(&source, &source), []);
        let mut all = Vec::new();
        places(&source, "", &mut all);
        all.retain(|path| !path.is_empty());
        for (index, path) in all.iter().enumerate().step_by(step) {
            let (parent, key) = path.rsplit_once('/').unwrap();
            let mut removed = source.clone();
            match removed.pointer_mut(parent).unwrap() {
                Value::Object(map) => drop(map.remove(&key.replace("~1", "/").replace("~0", "~"))),
                Value::Array(items) => drop(items.remove(key.parse().unwrap())),
                _ => panic!("{path}"),
            }
            check_pair(&source, &removed, path);
            let mut replaced = source.clone();
            *replaced.pointer_mut(path).unwrap() = garbage[index % garbage.len()].clone();
            check_pair(&source, &replaced, path);
        }
    }
}

/// Two documents whose only schema is sent, or read.
fn schemas(version: &str, schema: &Value, more: &Value) -> [Value; 2] {
    let content = json!({"a/b": {"schema": {"$ref": "#/components/schemas/It"}}});
    let mut all = more.clone();
    all["It"] = schema.clone();
    let operation = [
        json!({"requestBody": {"content": content}}),
        json!({"responses": {"200": {"content": content}}}),
    ];
    operation.map(
        |operation| json!({"openapi": version, "paths": {"/": {"post": operation}}, "components": {"schemas": all}}),
    )
}

/// The worst severity of a change when the schema is sent, and when it is read.
fn worst(version: &str, old: &Value, new: &Value, more: &Value) -> [Severity; 2] {
    let (old, new) = (schemas(version, old, more), schemas(version, new, more));
    [0, 1].map(|direction| {
        let verdicts = compare(&old[direction], &new[direction]);
        let severity = verdicts
            .iter()
            .filter(|verdict| verdict.location != "document")
            .map(|verdict| verdict.severity);
        severity.max().unwrap_or(Compatible)
    })
}

#[test]
fn compositions_are_judged_by_content() {
    let more = json!({
        "Base": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
        "Same": {"properties": {"a": {"type": "string"}}},
        "Long": {"type": "string", "maxLength": 9},
        "Short": {"type": "string", "maxLength": 5},
    });
    let to = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let whole = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {}}});
    let extended = json!({"type": "object", "allOf": [to("Base")], "properties": {"b": {}}});
    let both = json!({"allOf": [to("Base"), {"properties": {"b": {}}}]});
    for (old, new, expected) in [
        // Properties that move to a base, or are written out.
        (&whole, &extended, [Compatible, Compatible]),
        (&extended, &both, [Compatible, Compatible]),
        (&both, &whole, [Compatible, Compatible]),
        (
            &whole,
            &json!({"allOf": [to("Base")], "properties": {"b": {"type": "string"}}}),
            [Breaking, Compatible],
        ),
        // A member that is gone takes its properties with it. One that says what others say is a
        // matter of judgement.
        (
            &json!({"allOf": [to("Base"), to("Same")], "title": "t"}),
            &json!({"allOf": [to("Base")], "title": "t"}),
            [Unclear, Compatible],
        ),
        (
            &json!({"allOf": [to("Base"), {"properties": {"b": {}}}]}),
            &to("Base"),
            [Breaking, Breaking],
        ),
        // Alternatives that contain the old type, or the reverse.
        (
            &json!({"type": "string"}),
            &json!({"oneOf": [{"type": "string"}, {"type": "object"}]}),
            [Compatible, Breaking],
        ),
        (
            &json!({"oneOf": [{"type": "string"}, {"type": "object"}]}),
            &json!({"type": "string"}),
            [Breaking, Compatible],
        ),
        (&to("Short"), &json!({"anyOf": [to("Long"), {"type": "object"}]}), [Compatible, Breaking]),
        (&to("Long"), &json!({"anyOf": [to("Short"), {"type": "object"}]}), [Breaking, Breaking]),
        (
            &json!({"anyOf": [to("Long"), to("Short")]}),
            &json!({"anyOf": [to("Long")]}),
            [Compatible, Compatible],
        ),
        (
            &json!({"anyOf": [to("Long")]}),
            &json!({"anyOf": [to("Long"), to("Short")]}),
            [Compatible, Compatible],
        ),
        // What matches two members of a `oneOf` is refused.
        (
            &json!({"type": "object", "required": ["a", "b"]}),
            &json!({"oneOf": [{"type": "object", "required": ["a"]}, {"type": "object", "required": ["b"]}]}),
            [Breaking, Breaking],
        ),
        // Members are paired although several changed.
        (
            &json!({"oneOf": [{"type": "string", "maxLength": 5}, {"type": "integer", "maximum": 5}]}),
            &json!({"oneOf": [{"type": "string", "maxLength": 6}, {"type": "integer", "maximum": 6}]}),
            [Compatible, Breaking],
        ),
        (&json!({"oneOf": [to("Long")]}), &to("Long"), [Compatible, Compatible]),
    ] {
        assert_eq!(worst("3.0.3", old, new, &more), expected, "{old} and {new}");
    }
}

#[test]
fn keywords_of_json_schema_break_in_one_direction() {
    for (old, new, sent, read) in [
        (json!({"type": ["string", "integer"]}), json!({"type": "string"}), Breaking, Compatible),
        (
            json!({"type": ["string", "integer"]}),
            json!({"type": ["boolean", "integer"]}),
            Breaking,
            Breaking,
        ),
        (
            json!({"type": ["integer", "string"]}),
            json!({"type": ["number", "string"]}),
            Compatible,
            Breaking,
        ),
        (json!({"type": ["string", "null"]}), json!({"type": "string"}), Breaking, Compatible),
        (json!({"const": 1}), json!({"enum": [1, 2]}), Compatible, Breaking),
        (json!({"exclusiveMinimum": 4.5}), json!({"minimum": 4.5}), Compatible, Breaking),
        (json!({"exclusiveMaximum": 4.5}), json!({"maximum": 4.25}), Breaking, Compatible),
        (json!({}), json!({"contains": {"type": "string"}}), Breaking, Compatible),
        (
            json!({"contains": {}, "minContains": 2}),
            json!({"contains": {}, "minContains": 3}),
            Breaking,
            Compatible,
        ),
        (
            json!({"contains": {}, "maxContains": 2}),
            json!({"contains": {}, "maxContains": 3}),
            Compatible,
            Breaking,
        ),
        (
            json!({"propertyNames": {"maxLength": 3}}),
            json!({"propertyNames": {"maxLength": 4}}),
            Compatible,
            Breaking,
        ),
        (json!({}), json!({"dependentRequired": {"a": ["b"]}}), Breaking, Compatible),
        (
            json!({"dependentRequired": {"a": ["b", "c"]}}),
            json!({"dependentRequired": {"a": ["c"]}}),
            Compatible,
            Breaking,
        ),
        (json!({"dependentSchemas": {"a": {"required": ["b"]}}}), json!({}), Compatible, Breaking),
        (
            json!({}),
            json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}}),
            Breaking,
            Compatible,
        ),
        (
            json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}}),
            json!({"if": {"required": ["a", "c"]}, "then": {"required": ["b"]}}),
            Unclear,
            Unclear,
        ),
        (json!({}), json!({"patternProperties": {"^x": {"type": "string"}}}), Breaking, Compatible),
        (
            json!({"additionalProperties": false}),
            json!({"additionalProperties": false, "patternProperties": {"^x": {}}}),
            Compatible,
            Breaking,
        ),
        (json!({}), json!({"unevaluatedProperties": false}), Breaking, Compatible),
        (json!({"prefixItems": [{"type": "string"}]}), json!({}), Compatible, Breaking),
        (
            json!({"items": false, "prefixItems": [{}]}),
            json!({"items": false, "prefixItems": [{}, {"type": "string"}]}),
            Compatible,
            Breaking,
        ),
        (
            json!({"items": {"type": "string"}, "prefixItems": [{"type": "integer"}]}),
            json!({"items": {"type": "string"}}),
            Breaking,
            Breaking,
        ),
        (
            json!({"contentMediaType": "a/b"}),
            json!({"contentMediaType": "c/d"}),
            Breaking,
            Breaking,
        ),
        (
            json!({"additionalProperties": {"type": "integer"}}),
            json!({"additionalProperties": {"type": "integer"}, "properties": {"a": {"type": "string"}}}),
            Breaking,
            Breaking,
        ),
    ] {
        assert_eq!(worst("3.1.0", &old, &new, &json!({})), [sent, read], "{old} and {new}");
    }
}

#[test]
fn kinds_of_a_schema_are_named_by_its_discriminator() {
    let pet = json!({"discriminator": {"propertyName": "kind"}, "properties": {"kind": {"type": "string"}}});
    let heir = |more: &str| json!({"allOf": [{"$ref": "#/components/schemas/It"}], "properties": {more: {}}});
    let of = |schemas_of: &Value| {
        let mut all = schemas("3.0.3", &pet, schemas_of);
        all.each_mut().map(std::mem::take)
    };
    let (one, two) =
        (of(&json!({"Cat": heir("a")})), of(&json!({"Cat": heir("a"), "Dog": heir("b")})));
    let severities = |old: &[Value; 2], new: &[Value; 2]| {
        [0, 1].map(|side| {
            compare(&old[side], &new[side]).iter().map(|verdict| verdict.severity).max().unwrap()
        })
    };
    assert_eq!(severities(&one, &two), [Compatible, Breaking]);
    assert_eq!(severities(&two, &one), [Breaking, Compatible]);
    assert_eq!(severities(&one, &of(&json!({"Kitty": heir("a")}))), [Breaking, Breaking]);

    // Alternatives under a discriminator are named by it too.
    let union = |name: &str| {
        let schema = json!({"oneOf": [{"$ref": format!("#/components/schemas/{name}")}, {"$ref": "#/components/schemas/Dog"}],
            "discriminator": {"propertyName": "kind"}});
        let kind = json!({"type": "object", "properties": {"kind": {"type": "string"}}});
        schemas("3.0.3", &schema, &json!({name: kind, "Dog": kind}))
    };
    assert_eq!(severities(&union("Cat"), &union("Kitty")), [Breaking, Breaking]);
}

#[test]
fn header_names_and_media_types_have_no_case() {
    let document = |header: &str, media_type: &str| {
        json!({"openapi": "3.0.3", "paths": {"/": {"get": {
            "parameters": [{"in": "header", "name": header, "schema": {}}],
            "responses": {"200": {"headers": {header: {"schema": {}}}, "content": {media_type: {}}}},
        }}}})
    };
    let one = document("X-Count", "application/json");
    assert_eq!(compare(&one, &document("x-count", "Application/JSON; charset=\"UTF-8\"")), []);
    assert_ne!(compare(&one, &document("x-count", "application/json; charset=latin1")), []);
}

#[test]
fn webhooks_are_called_by_the_server() {
    let document = |schema: Value| {
        let body = json!({"content": {"a/b": {"schema": schema}}});
        json!({"openapi": "3.1.0", "webhooks": {"made": {"post": {"requestBody": body, "responses": {}}}}})
    };
    let severity = |old: &Value, new: &Value| {
        compare(old, new).iter().map(|verdict| verdict.severity).max().unwrap_or(Compatible)
    };
    let (short, long) = (document(json!({"maxLength": 5})), document(json!({"maxLength": 9})));
    assert_eq!(severity(&short, &long), Breaking);
    assert_eq!(severity(&long, &short), Compatible);
    let none = json!({"openapi": "3.1.0", "webhooks": {}});
    assert_eq!(severity(&none, &short), Compatible);
    assert_eq!(severity(&short, &none), Breaking);
}

#[test]
fn compositions_that_contain_themselves_end() {
    let to = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let layers = 24;
    let mut more = json!({});
    // Two ways from each layer to the next: 2^24 paths.
    for layer in 0..layers {
        let next = to(&format!("L{}", layer + 1));
        more[format!("A{layer}")] =
            json!({"allOf": [next], "properties": {format!("a{layer}"): {}}});
        more[format!("B{layer}")] =
            json!({"allOf": [next], "properties": {format!("b{layer}"): {}}});
        more[format!("L{layer}")] =
            json!({"allOf": [to(&format!("A{layer}")), to(&format!("B{layer}"))]});
    }
    more[format!("L{layers}")] = json!({"type": "object"});
    for old in [
        json!({"allOf": [to("It"), {"type": "object"}]}),
        json!({"allOf": [to("It"), {"type": "string"}], "oneOf": [to("It"), {"type": "string"}]}),
        json!({"oneOf": [to("It"), {"anyOf": [to("It"), {"type": "string"}]}]}),
        json!({"allOf": [to("L0"), {"maxProperties": 3}]}),
    ] {
        for new in
            [json!({"type": "string"}), json!({"anyOf": [to("It"), {"type": "integer"}]}), to("L1")]
        {
            worst("3.0.3", &old, &new, &more);
            worst("3.0.3", &new, &old, &more);
        }
    }
}
