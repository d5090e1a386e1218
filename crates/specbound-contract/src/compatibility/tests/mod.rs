//! Verdicts of single changes. Documents to change, and their comparison, are here; the tests are
//! in the modules.

mod composed;
mod garbage;
mod keywords;
mod matrix;
mod operations;
mod parameters;
mod renames;

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
        '200':
          description: d
          content: {application/json: {schema: {$ref: '#/components/schemas/Both'}}}
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

fn rendered(verdicts: &[Verdict]) -> Vec<(Severity, &str)> {
    verdicts.iter().map(|verdict| (verdict.severity, verdict.message.as_str())).collect()
}

/// Each change alone, forwards: exactly one verdict with these words. `None` as words: see the
/// severity only.
fn check(cases: Vec<(Vec<Edit>, Severity, &str)>) {
    for (number, (edits, severity, message)) in cases.into_iter().enumerate() {
        let verdicts = compare(&document(), &edited(&edits));
        assert_eq!(rendered(&verdicts), [(severity, message)], "case {number}");
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
    operation.map(|operation| {
        let paths = json!({"/": {"post": operation}});
        json!({"openapi": version, "paths": paths, "components": {"schemas": all}})
    })
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

/// Every difference has exactly one verdict, and one made backwards swaps its sides.
fn check_pair(old: &Value, new: &Value, path: &str) {
    let differences = {
        let (old, new) = canonical_pair(old.clone(), new.clone(), true);
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
