mod meaning;

use super::*;

const DOCUMENT: &str = r##"
openapi: 3.0.3
info: {title: API, version: '1', description: d, license: {name: MIT}}
servers: [{url: 'http://localhost', description: d}]
externalDocs: {url: 'http://docs'}
tags: [{name: auth, description: d}]
paths:
  /login/:
    post:
      operationId: login
      description: d
      tags: [auth, user]
      security: [{tokenAuth: []}, {basicAuth: []}, {}]
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Login'}, example: {email: a}}
          multipart/form-data: {schema: {$ref: '#/components/schemas/Login'}}
      responses:
        '200':
          description: d
          headers: {description: {description: d, schema: {type: string}}}
          content: {application/json: {schema: {$ref: '#/components/schemas/Login'}}}
        '204': {description: none}
  /me/{id}:
    parameters:
    - {in: path, name: id, required: true, schema: {type: integer}}
    get:
      operationId: me
      tags: [auth]
      parameters:
      - {in: query, name: limit, required: false, description: d, schema: {type: integer}}
      - {in: query, name: offset, schema: {type: integer, default: 1}}
      responses: {default: {description: d}}
    delete:
      operationId: me_delete
      tags: [auth]
      security: [{tokenAuth: []}]
      responses: {'204': {description: d}}
components:
  schemas:
    Login:
      type: object
      description: d
      required: [email, password]
      properties:
        email:
          {type: string, format: email, title: Email, maxLength: 10, minLength: 1, pattern: ^a$,
           nullable: true, example: a}
        password: {type: string, writeOnly: true, default: x}
        id: {type: integer, readOnly: true, maximum: 9}
        kind: {enum: [a, b, c], type: string}
        list: {type: array, items: {type: string}}
        other: {$ref: '#/components/schemas/Other'}
        both: {allOf: [{$ref: '#/components/schemas/Other'}, {type: object}]}
        description: {type: string}
        example: {type: string}
        title: {type: string}
        default: {type: string}
        x-foo: {type: string}
    Only: {type: object, required: [a]}
    Other: {type: object, additionalProperties: false}
  securitySchemes:
    tokenAuth: {type: apiKey, in: header, name: Authorization, description: d}
    basicAuth: {type: http, scheme: basic}
"##;

const LOGIN: &str = "/paths/~1login~1/post";
const ME: &str = "/paths/~1me~1{id}/get";
const SCHEMA: &str = "/components/schemas/Login";

/// One step of an edit, at `@login`, `@me` or `@schema`.
enum Edit {
    Set(&'static str, Value),
    Remove(&'static str),
    Rename(&'static str, &'static str),
}
use Edit::*;

fn full(path: &str) -> String {
    path.replace("@login", LOGIN).replace("@me", ME).replace("@schema", SCHEMA)
}

fn document() -> Value {
    serde_yaml_ng::from_str(DOCUMENT).unwrap()
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
    match document.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.insert(key, value)),
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        _ => panic!("no such place: {path}"),
    }
}

fn edited(edits: Vec<Edit>) -> Value {
    let mut document = document();
    for edit in edits {
        match edit {
            Set(path, value) => put(&mut document, &full(path), value),
            Remove(path) => drop(take(&mut document, &full(path))),
            Rename(from, to) => {
                let value = take(&mut document, &full(from));
                put(&mut document, &full(to), value);
            }
        }
    }
    document
}

fn paths(differences: &[Difference]) -> Vec<&str> {
    differences.iter().map(|d| d.path.as_str()).collect()
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({}), |inner, _| json!({"items": inner, "properties": [inner]}))
}

#[test]
fn example_data_named_like_a_set_keeps_its_order() {
    let with = |value: Value| json!({"components": {"schemas": {"A": {"default": value}}}});
    let cases = [
        (json!({"tags": ["a", "b"]}), json!({"tags": ["b", "a"]})),
        (json!({"tags": []}), json!({})),
        (json!({"required": []}), json!({})),
    ];
    for (source, server) in cases {
        let found = diff(&with(source.clone()), &with(server.clone()));
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].old, &found[0].new), (&first(source), &first(server)));
    }
}

fn first(object: Value) -> Option<Value> {
    object.as_object().and_then(|object| object.values().next().cloned())
}

#[test]
fn text_report_has_path_and_both_values_and_truncates_long_ones() {
    assert_eq!(to_text(&[], DocumentNames::SOURCE_SERVER), "no differences\n");
    let found = diff(&document(), &edited(vec![Set("@login/operationId", json!("other"))]));
    assert_eq!(
        to_text(&found, DocumentNames::SOURCE_SERVER),
        "/paths/~1login~1/post/operationId\n  source: \"login\"\n  server: \"other\"\n\n1 \
         difference\n"
    );
    let found = diff(&document(), &edited(vec![Remove("@login"), Remove("@me")]));
    let text = to_text(&found, DocumentNames::SOURCE_SERVER);
    assert!(text.contains("…\n  server: absent\n"));
    assert!(text.ends_with("\n2 differences\n"));
    assert!(text.lines().all(|line| line.chars().count() <= MAX_SHOWN_CHARS + "  source: ".len()));
}

#[test]
fn hostile_key_stays_on_one_line() {
    let found = diff(&json!({"a\n\u{1b}[2J": 1}), &json!({}));
    assert!(
        to_text(&found, DocumentNames::SOURCE_SERVER).starts_with("/a\\n\\u{1b}[2J\n  source: 1\n")
    );
}

#[test]
fn json_report_has_full_values_and_omits_absent_sides() {
    let found = diff(&json!({"a": null, "b": ["c"]}), &json!({"b": ["d"]}));
    assert_eq!(
        to_json(&found, DocumentNames::SOURCE_SERVER),
        json!([{"path": "/a", "source": null}, {"path": "/b/0", "source": "c", "server": "d"}])
    );
}

/// Every place of a document replaced by every kind of value: something is reported, and
/// nothing panics.
#[test]
fn comparing_garbage_never_panics() {
    fn places(value: &Value, path: String, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| places(value, join(&path, key), found))
            }
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(i, value)| places(value, join(&path, &i.to_string()), found));
            }
            _ => {}
        }
        found.push(path);
    }
    let source = document();
    let mut all = Vec::new();
    places(&source, String::new(), &mut all);
    let garbage = [
        json!(null),
        json!(true),
        json!(-1.5),
        json!("s"),
        json!([[], {}, null, "a"]),
        json!({"": [{}]}),
        nested(4),
    ];
    for path in &all {
        for value in &garbage {
            let mut server = source.clone();
            *server.pointer_mut(path).unwrap() = value.clone();
            let found = diff(&source, &server);
            assert_eq!(
                found.is_empty(),
                crate::canonical(&source) == crate::canonical(&server),
                "{path}"
            );
            to_text(&found, DocumentNames::SOURCE_SERVER);
            to_json(&found, DocumentNames::SOURCE_SERVER);
        }
    }
}
