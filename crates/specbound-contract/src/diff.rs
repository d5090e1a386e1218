//! The differences in meaning between two OpenAPI documents.
//!
//! Both are brought to their canonical form first, so only meaning is compared. Each smallest place
//! that differs is one [`Difference`]. Invariant: no inequality is passed over. Where no rule below
//! finds a smaller place, the whole value is reported; an empty list therefore means that the
//! canonical forms are equal.
//!
//! An element of a set (`required`, `security`, …) differs by its value, not by its position, and
//! its path ends in the element: `/…/security/{"basicAuth":[]}`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::canonical::canonical_pair;

/// One place where the documents differ. `None` means absent on that side.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// JSON pointer (RFC 6901) into the canonical form.
    pub path: String,
    /// The value in the first document.
    pub old: Option<Value>,
    /// The value in the second document.
    pub new: Option<Value>,
}

/// How a report names the two documents.
#[derive(Debug, Clone, Copy)]
pub struct Sides {
    /// The first document.
    pub old: &'static str,
    /// The second document.
    pub new: &'static str,
}

impl Sides {
    /// Two versions of one document.
    pub const OLD_NEW: Sides = Sides { old: "old", new: "new" };
    /// A document, and the export of a server built from it.
    pub const SOURCE_SERVER: Sides = Sides { old: "source", new: "server" };
}

/// Keywords whose arrays are sets in the canonical form.
const SETS: [&str; 8] =
    ["required", "tags", "security", "enum", "allOf", "anyOf", "oneOf", "scopes"];

/// Longest value shown in the text report, in characters.
const MAX_SHOWN_CHARS: usize = 120;

/// All differences in meaning, in path order.
pub fn diff(old: &Value, new: &Value) -> Vec<Difference> {
    let (old, new) = canonical_pair(old, new, false);
    diff_canonical(&old, &new)
}

/// As [`diff`], for values in canonical form: whole documents, or the same place in both.
pub(crate) fn diff_canonical(old: &Value, new: &Value) -> Vec<Difference> {
    let mut collector = Collector::default();
    collector.compare("", "", Some(old), Some(new));
    collector.0.sort_by(|a, b| a.path.cmp(&b.path));
    collector.0
}

/// A text report: one block per difference, then the count. Long values are shortened.
pub fn to_text(differences: &[Difference], sides: Sides) -> String {
    let blocks = differences.iter().map(|difference| {
        let path = printable(&difference.path);
        let (old, new) = (shown(difference.old.as_ref()), shown(difference.new.as_ref()));
        format!("{path}\n  {}: {old}\n  {}: {new}\n\n", sides.old, sides.new)
    });
    let count = match differences.len() {
        0 => "no differences\n".to_owned(),
        1 => "1 difference\n".to_owned(),
        count => format!("{count} differences\n"),
    };
    blocks.chain([count]).collect()
}

/// A JSON report: a list of objects with `path` and the two sides, in full. An absent side has no
/// key, since `null` is a value.
pub fn to_json(differences: &[Difference], sides: Sides) -> Value {
    let entry = |difference: &Difference| {
        let members = [
            ("path", Some(json!(difference.path))),
            (sides.old, difference.old.clone()),
            (sides.new, difference.new.clone()),
        ];
        let present = |(key, value): (&str, Option<Value>)| Some((key.to_owned(), value?));
        Value::Object(members.into_iter().filter_map(present).collect())
    };
    differences.iter().map(entry).collect()
}

#[derive(Default)]
struct Collector(Vec<Difference>);

impl Collector {
    /// `key` is the last step of `path`, unescaped.
    fn compare(&mut self, path: &str, key: &str, old: Option<&Value>, new: Option<&Value>) {
        if old == new {
            return;
        }
        match (old, new) {
            (Some(Value::Object(old)), Some(Value::Object(new)))
                if is_reference(old) == is_reference(new) =>
            {
                let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
                for key in keys {
                    self.compare(&join(path, key), key, old.get(key), new.get(key));
                }
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) if SETS.contains(&key) => {
                self.sets(path, old, new);
            }
            // No `required` is an empty one; no `enum` is not.
            (Some(Value::Array(only)), None) if key == "required" && !only.is_empty() => {
                self.sets(path, only, &[]);
            }
            (None, Some(Value::Array(only))) if key == "required" && !only.is_empty() => {
                self.sets(path, &[], only);
            }
            // The types of a schema are one constraint.
            (Some(Value::Array(old)), Some(Value::Array(new))) if key != "type" => {
                for index in 0..old.len().max(new.len()) {
                    let path = join(path, &index.to_string());
                    self.compare(&path, "", old.get(index), new.get(index));
                }
            }
            _ => self.add(path.to_owned(), old, new),
        }
    }

    fn sets(&mut self, path: &str, old: &[Value], new: &[Value]) {
        let before = self.0.len();
        for element in old.iter().filter(|element| !new.contains(element)) {
            self.add(join(path, &name(element)), Some(element), None);
        }
        for element in new.iter().filter(|element| !old.contains(element)) {
            self.add(join(path, &name(element)), None, Some(element));
        }
        // The same elements, yet unequal: data under the name of a set, or a repetition that
        // matters.
        if self.0.len() == before {
            self.add(path.to_owned(), Some(&json!(old)), Some(&json!(new)));
        }
    }

    fn add(&mut self, path: String, old: Option<&Value>, new: Option<&Value>) {
        self.0.push(Difference { path, old: old.cloned(), new: new.cloned() });
    }
}

/// A reference that gives way to something written out, or the reverse, is one change and not one
/// for each keyword.
pub(crate) fn is_reference(object: &Map<String, Value>) -> bool {
    object.get("$ref").is_some_and(Value::is_string)
}

pub(crate) fn join(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The step in a path for an element of a set.
pub(crate) fn name(element: &Value) -> String {
    match element {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "absent".to_owned();
    };
    let text = value.to_string();
    if text.chars().count() <= MAX_SHOWN_CHARS {
        return printable(&text);
    }
    let start: String = text.chars().take(MAX_SHOWN_CHARS - 1).collect();
    printable(&start) + "…"
}

/// A document's own text must not break the lines apart nor talk to the terminal.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
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
        email: {type: string, format: email, title: Email, maxLength: 10, minLength: 1, pattern: ^a$, nullable: true, example: a}
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
    fn each_change_of_meaning_is_reported_where_it_is() {
        let operation = json!({"operationId": "new", "responses": {}});
        let changes: Vec<(Vec<Edit>, &[&str])> = vec![
            // operations and paths
            (vec![Remove("@me")], &["@me"]),
            (vec![Set("/paths/~1me~1{id}/put", operation.clone())], &["/paths/~1me~1{id}/put"]),
            (vec![Rename("@login", "/paths/~1login~1/put")], &["@login", "/paths/~1login~1/put"]),
            (vec![Set("@login/operationId", json!("other"))], &["@login/operationId"]),
            (vec![Set("@login/deprecated", json!(true))], &["@login/deprecated"]),
            (vec![Remove("/paths/~1login~1")], &["/paths/~1login~1"]),
            (vec![Set("/paths/~1new", json!({"get": operation}))], &["/paths/~1new"]),
            (
                vec![Rename("/paths/~1login~1", "/paths/~1login")],
                &["/paths/~1login", "/paths/~1login~1"],
            ),
            (vec![Remove("@login/tags/1")], &["@login/tags/user"]),
            (vec![Set("@login/tags/-", json!("more"))], &["@login/tags/more"]),
            (vec![Remove("@me/tags")], &["@me/tags/auth"]),
            // parameters
            (vec![Remove("@me/parameters/0")], &["@me/parameters/query:limit"]),
            (
                vec![Set("@me/parameters/-", json!({"in": "query", "name": "q"}))],
                &["@me/parameters/query:q"],
            ),
            (
                vec![Set("@login/parameters", json!([{"in": "query", "name": "q"}]))],
                &["@login/parameters/query:q"],
            ),
            (
                vec![Set("@me/parameters/0/name", json!("q"))],
                &["@me/parameters/query:limit", "@me/parameters/query:q"],
            ),
            (
                vec![Set("@me/parameters/0/required", json!(true))],
                &["@me/parameters/query:limit/required"],
            ),
            (
                vec![Set("@me/parameters/0/explode", json!(false))],
                &["@me/parameters/query:limit/explode"],
            ),
            (
                vec![Set("@me/parameters/0/schema/type", json!("string"))],
                &["@me/parameters/query:limit/schema/type"],
            ),
            (
                vec![Set("/paths/~1me~1{id}/parameters/0/schema/type", json!("string"))],
                &[
                    "/paths/~1me~1{id}/delete/parameters/path:id/schema/type",
                    "@me/parameters/path:id/schema/type",
                ],
            ),
            // bodies and responses
            (vec![Remove("@login/requestBody")], &["@login/requestBody"]),
            (vec![Remove("@login/requestBody/required")], &["@login/requestBody/required"]),
            (
                vec![Remove("@login/requestBody/content/multipart~1form-data")],
                &["@login/requestBody/content/multipart~1form-data"],
            ),
            (
                vec![Set("@login/requestBody/content/text~1plain", json!({}))],
                &["@login/requestBody/content/text~1plain"],
            ),
            (
                vec![Rename(
                    "@login/requestBody/content/multipart~1form-data",
                    "@login/requestBody/content/x-a~1b",
                )],
                &[
                    "@login/requestBody/content/multipart~1form-data",
                    "@login/requestBody/content/x-a~1b",
                ],
            ),
            (
                vec![Set(
                    "@login/requestBody/content/application~1json/schema/$ref",
                    json!("#/components/schemas/Other"),
                )],
                &["@login/requestBody/content/application~1json/schema/$ref"],
            ),
            (vec![Remove("@login/responses/200")], &["@login/responses/200"]),
            (vec![Remove("@login/responses/204")], &["@login/responses/204"]),
            (
                vec![Set("@login/responses/400", json!({"description": "d"}))],
                &["@login/responses/400"],
            ),
            (vec![Remove("@me/responses/default")], &["@me/responses/default"]),
            (
                vec![Rename("@login/responses/204", "@login/responses/205")],
                &["@login/responses/204", "@login/responses/205"],
            ),
            (vec![Remove("@login/responses/200/content")], &["@login/responses/200/content"]),
            (
                vec![Set(
                    "@login/responses/204/content",
                    json!({"application/json": {"schema": {}}}),
                )],
                &["@login/responses/204/content"],
            ),
            (
                vec![Remove("@login/responses/200/content/application~1json/schema")],
                &["@login/responses/200/content/application~1json/schema"],
            ),
            (
                vec![Remove("@login/responses/200/headers/description")],
                &["@login/responses/200/headers"],
            ),
            // security
            (vec![Remove("@login/security/1")], &[r#"@login/security/{"basicAuth":[]}"#]),
            (vec![Remove("@login/security/2")], &["@login/security/{}"]),
            (vec![Set("@login/security/-", json!({"k": []}))], &[r#"@login/security/{"k":[]}"#]),
            (vec![Set("@me/security", json!([{"k": []}]))], &[r#"@me/security/{"k":[]}"#]),
            (vec![Set("/security", json!([{"k": []}]))], &[r#"@me/security/{"k":[]}"#]),
            (
                vec![Set("@login/security/1", json!({"basicAuth": ["scope"]}))],
                &[
                    r#"@login/security/{"basicAuth":["scope"]}"#,
                    r#"@login/security/{"basicAuth":[]}"#,
                ],
            ),
            (
                vec![Remove("/components/securitySchemes/basicAuth")],
                &["/components/securitySchemes/basicAuth"],
            ),
            (
                vec![Set("/components/securitySchemes/x-new", json!({"type": "http"}))],
                &["/components/securitySchemes/x-new"],
            ),
            (
                vec![Rename(
                    "/components/securitySchemes/basicAuth",
                    "/components/securitySchemes/b",
                )],
                &["/components/securitySchemes/b", "/components/securitySchemes/basicAuth"],
            ),
            (
                vec![Set("/components/securitySchemes/tokenAuth/name", json!("X-Token"))],
                &["/components/securitySchemes/tokenAuth/name"],
            ),
            (
                vec![Set("/components/securitySchemes/basicAuth/scheme", json!("bearer"))],
                &["/components/securitySchemes/basicAuth/scheme"],
            ),
            // schemas
            (vec![Remove("/components/schemas/Other")], &["/components/schemas/Other"]),
            (
                vec![Rename("/components/schemas/Other", "/components/schemas/description")],
                &["/components/schemas/Other", "/components/schemas/description"],
            ),
            (vec![Remove("@schema/required/1")], &["@schema/required/password"]),
            (vec![Set("@schema/required/-", json!("id"))], &["@schema/required/id"]),
            (
                vec![Remove("/components/schemas/Only/required")],
                &["/components/schemas/Only/required/a"],
            ),
            (vec![Set("@schema/properties/new", json!({}))], &["@schema/properties/new"]),
            (vec![Remove("@schema/properties/id")], &["@schema/properties/id"]),
            (
                vec![Rename("@schema/properties/id", "@schema/properties/pk")],
                &["@schema/properties/id", "@schema/properties/pk"],
            ),
            (
                vec![Remove("@schema/properties/email/nullable")],
                &["@schema/properties/email/nullable"],
            ),
            (
                vec![Set("@schema/properties/kind/nullable", json!(true))],
                &["@schema/properties/kind/nullable"],
            ),
            (vec![Remove("@schema/properties/id/readOnly")], &["@schema/properties/id/readOnly"]),
            (
                vec![Set("@schema/properties/kind/readOnly", json!(true))],
                &["@schema/properties/kind/readOnly"],
            ),
            (
                vec![Set("@schema/properties/password/writeOnly", json!(false))],
                &["@schema/properties/password/writeOnly"],
            ),
            (
                vec![Set("@schema/properties/kind/writeOnly", json!(true))],
                &["@schema/properties/kind/writeOnly"],
            ),
            (
                vec![Set("@schema/properties/id/type", json!("number"))],
                &["@schema/properties/id/type"],
            ),
            (
                vec![Set("@schema/properties/email/format", json!("uri"))],
                &["@schema/properties/email/format"],
            ),
            (vec![Remove("@schema/properties/email/format")], &["@schema/properties/email/format"]),
            (
                vec![Set("@schema/properties/email/maxLength", json!(11))],
                &["@schema/properties/email/maxLength"],
            ),
            (
                vec![Remove("@schema/properties/email/minLength")],
                &["@schema/properties/email/minLength"],
            ),
            (
                vec![Set("@schema/properties/email/pattern", json!("^b$"))],
                &["@schema/properties/email/pattern"],
            ),
            (vec![Remove("@schema/properties/email/title")], &["@schema/properties/email/title"]),
            (
                vec![Set("@schema/properties/password/default", json!("y"))],
                &["@schema/properties/password/default"],
            ),
            (vec![Remove("@schema/properties/kind/enum/1")], &["@schema/properties/kind/enum/b"]),
            (
                vec![Set("@schema/properties/kind/enum/-", json!(null))],
                &["@schema/properties/kind/enum/null"],
            ),
            (vec![Remove("@schema/properties/kind/enum")], &["@schema/properties/kind/enum"]),
            (
                vec![Set("@schema/properties/list/items/type", json!("integer"))],
                &["@schema/properties/list/items/type"],
            ),
            (
                vec![Set("@schema/properties/other/$ref", json!("#/components/schemas/Login"))],
                &["@schema/properties/other/$ref"],
            ),
            (
                vec![Set("@schema/properties/other", json!({"type": "object", "required": ["a"]}))],
                &["@schema/properties/other"],
            ),
            (vec![Remove("@schema/properties/both/allOf/1")], &["@schema/properties/both"]),
            (
                vec![Set("@schema/additionalProperties", json!(false))],
                &["@schema/additionalProperties"],
            ),
            (
                vec![Set("@schema/discriminator", json!({"propertyName": "kind"}))],
                &["@schema/discriminator"],
            ),
            (vec![Set("@schema/not", json!({}))], &["@schema/not"]),
            // properties with the names of annotations
            (vec![Remove("@schema/properties/description")], &["@schema/properties/description"]),
            (vec![Remove("@schema/properties/example")], &["@schema/properties/example"]),
            (vec![Remove("@schema/properties/title")], &["@schema/properties/title"]),
            (vec![Remove("@schema/properties/default")], &["@schema/properties/default"]),
            (vec![Remove("@schema/properties/x-foo")], &["@schema/properties/x-foo"]),
            // the document
            (vec![Set("/info/title", json!("Other"))], &["/info/title"]),
            (vec![Set("/info/version", json!("2"))], &["/info/version"]),
            (vec![Set("/servers/0/url", json!("http://b"))], &["/servers/0/url"]),
            (vec![Set("/servers/-", json!({"url": "/b"}))], &["/servers/1"]),
        ];
        let source = document();
        for (number, (edits, expected)) in changes.into_iter().enumerate() {
            let expected: Vec<String> = expected.iter().map(|path| full(path)).collect();
            let server = edited(edits);
            let forth = diff(&source, &server);
            assert_eq!(paths(&forth), expected, "change {number}");
            let back = diff(&server, &source);
            assert_eq!(paths(&back), expected, "change {number}, reversed");
            for (forth, back) in forth.iter().zip(&back) {
                assert_eq!((&forth.old, &forth.new), (&back.new, &back.old));
                assert_ne!(forth.old, forth.new);
            }
        }
    }

    #[test]
    fn an_edit_without_meaning_is_not_reported() {
        let edits = vec![
            // annotations
            vec![
                Set("/info/description", json!("new")),
                Remove("/info/license"),
                Set("/info/x-a", json!(1)),
            ],
            vec![Remove("/externalDocs"), Remove("/tags"), Set("/x-a", json!({}))],
            vec![Set("/servers/0/description", json!("new"))],
            vec![Set("@login/description", json!("new")), Set("@login/summary", json!("new"))],
            vec![Set("@login/externalDocs", json!({"url": "u"})), Set("@login/x-a", json!([]))],
            vec![
                Set("@login/responses/204/description", json!("new")),
                Set("@login/responses/x-a", json!({})),
            ],
            vec![Set("/paths/x-a", json!({})), Set("/paths/~1login~1/summary", json!("new"))],
            vec![Remove("@login/requestBody/content/application~1json/example")],
            vec![Set("@login/requestBody/content/application~1json/examples", json!({"a": {}}))],
            vec![Set("@login/requestBody/description", json!("new"))],
            vec![
                Set("@me/parameters/0/description", json!("new")),
                Set("@me/parameters/0/example", json!(1)),
            ],
            vec![Remove("@schema/description"), Remove("@schema/properties/email/example")],
            vec![
                Set("@schema/properties/title/description", json!("d")),
                Set("@schema/x-a", json!(1)),
            ],
            vec![Set("@schema/properties/other/description", json!("beside a reference"))],
            vec![Remove("/components/securitySchemes/tokenAuth/description")],
            vec![Set("/components/examples", json!({"a": {"value": 1}}))],
            // order
            vec![Set("@schema/required", json!(["password", "email"]))],
            vec![Set("@schema/properties/kind/enum", json!(["c", "a", "b"]))],
            vec![Set(
                "@schema/properties/both/allOf",
                json!([{"type": "object"}, {"$ref": "#/components/schemas/Other"}]),
            )],
            vec![Set("@login/tags", json!(["user", "auth"]))],
            vec![Set("@login/security", json!([{}, {"basicAuth": []}, {"tokenAuth": []}]))],
            vec![Rename("@me/parameters/0", "@me/parameters/-")],
            // defaults
            vec![
                Remove("@me/parameters/0/required"),
                Set("@me/parameters/1/required", json!(false)),
            ],
            vec![
                Set("@me/parameters/0/style", json!("form")),
                Set("@me/parameters/0/explode", json!(true)),
            ],
            vec![
                Set("@me/parameters/0/allowReserved", json!(false)),
                Set("@me/deprecated", json!(false)),
            ],
            vec![Set("@me/security", json!([])), Set("@login/parameters", json!([]))],
            vec![
                Set("@schema/properties/kind/nullable", json!(false)),
                Set("@schema/minProperties", json!(0)),
            ],
            vec![
                Set("@schema/additionalProperties", json!({})),
                Set("/components/schemas/Other/required", json!([])),
            ],
            vec![Set("@schema/properties/id/maximum", json!(9.0))],
            vec![Set("@schema/properties/id/exclusiveMaximum", json!(false))],
            // inheritance
            vec![Rename("@login/security", "/security"), Set("@me/security", json!([]))],
            vec![
                Set(
                    "@me/parameters/-",
                    json!({"in": "path", "name": "id", "required": true, "schema": {"type": "integer"}}),
                ),
                Set(
                    "/paths/~1me~1{id}/delete/parameters",
                    json!([{"in": "path", "name": "id", "required": true, "schema": {"type": "integer"}}]),
                ),
                Remove("/paths/~1me~1{id}/parameters"),
            ],
        ];
        for (number, edits) in edits.into_iter().enumerate() {
            let found = diff(&document(), &edited(edits));
            assert_eq!(found, [], "edit {number}");
        }
    }

    #[test]
    fn data_under_the_name_of_a_set_keeps_its_order() {
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
    fn the_text_shows_path_and_both_sides_and_shortens_long_values() {
        assert_eq!(to_text(&[], Sides::SOURCE_SERVER), "no differences\n");
        let found = diff(&document(), &edited(vec![Set("@login/operationId", json!("other"))]));
        assert_eq!(
            to_text(&found, Sides::SOURCE_SERVER),
            "/paths/~1login~1/post/operationId\n  source: \"login\"\n  server: \"other\"\n\n1 \
             difference\n"
        );
        let found = diff(&document(), &edited(vec![Remove("@login"), Remove("@me")]));
        let text = to_text(&found, Sides::SOURCE_SERVER);
        assert!(text.contains("…\n  server: absent\n"));
        assert!(text.ends_with("\n2 differences\n"));
        assert!(
            text.lines().all(|line| line.chars().count() <= MAX_SHOWN_CHARS + "  source: ".len())
        );
    }

    #[test]
    fn a_key_cannot_break_the_text_apart() {
        let found = diff(&json!({"a\n\u{1b}[2J": 1}), &json!({}));
        assert!(
            to_text(&found, Sides::SOURCE_SERVER).starts_with("/a\\n\\u{1b}[2J\n  source: 1\n")
        );
    }

    #[test]
    fn the_json_has_values_in_full_and_no_key_for_an_absent_side() {
        let found = diff(&json!({"a": null, "b": ["c"]}), &json!({"b": ["d"]}));
        assert_eq!(
            to_json(&found, Sides::SOURCE_SERVER),
            json!([{"path": "/a", "source": null}, {"path": "/b/0", "source": "c", "server": "d"}])
        );
    }

    /// Every place of a document replaced by every kind of value: something is reported, and
    /// nothing panics.
    #[test]
    fn garbage_is_compared_like_anything_else() {
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
                to_text(&found, Sides::SOURCE_SERVER);
                to_json(&found, Sides::SOURCE_SERVER);
            }
        }
    }
}
