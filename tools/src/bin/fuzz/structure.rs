//! Mutations of a document's structure: parts replaced, moved, repeated, wrapped, nested and
//! renamed.

use rand::RngExt;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};

/// Keys with a meaning somewhere in a document.
const KEYWORDS: &[&str] = &[
    "$ref",
    "$defs",
    "$id",
    "$anchor",
    "$dynamicRef",
    "additionalProperties",
    "allOf",
    "anyOf",
    "callbacks",
    "components",
    "const",
    "contains",
    "content",
    "default",
    "deprecated",
    "description",
    "discriminator",
    "else",
    "encoding",
    "enum",
    "example",
    "examples",
    "exclusiveMinimum",
    "explode",
    "format",
    "get",
    "headers",
    "if",
    "in",
    "info",
    "items",
    "links",
    "mapping",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "multipleOf",
    "name",
    "not",
    "nullable",
    "oneOf",
    "openapi",
    "operationId",
    "options",
    "parameters",
    "pathItems",
    "paths",
    "pattern",
    "patternProperties",
    "post",
    "prefixItems",
    "properties",
    "propertyName",
    "propertyNames",
    "readOnly",
    "requestBody",
    "required",
    "responses",
    "schema",
    "schemas",
    "security",
    "securitySchemes",
    "servers",
    "style",
    "summary",
    "tags",
    "title",
    "trace",
    "type",
    "unevaluatedProperties",
    "uniqueItems",
    "webhooks",
    "writeOnly",
    "x-extra",
    "200",
    "404",
    "4XX",
    "default",
    "application/json",
    "text/plain",
    "multipart/form-data",
    "/",
    "/{a}",
    "/{a}{b}",
];

/// Words of `type`, `format` and `in`.
const WORDS: &[&str] = &[
    "array",
    "boolean",
    "integer",
    "null",
    "number",
    "object",
    "string",
    "uuid",
    "date",
    "date-time",
    "int32",
    "int64",
    "password",
    "binary",
    "byte",
    "email",
    "uri",
    "path",
    "query",
    "header",
    "cookie",
    "form",
    "deepObject",
    "spaceDelimited",
    "3.0.0",
    "3.1.0",
    "3.2.0",
];

pub struct StructureMutator<'a> {
    pub random: &'a mut SmallRng,
    pub corpus: &'a [Value],
}

impl StructureMutator<'_> {
    /// Makes some changes.
    pub fn mutate(&mut self, document: &mut Value) {
        for _ in 0..self.random.random_range(1..=4) {
            self.change(document);
        }
    }

    fn change(&mut self, document: &mut Value) {
        let Some(at) = self.place(document) else { return };
        let replacement = match self.random.random_range(0..10) {
            0 => garbage(self.random),
            1 | 2 => self.part(),
            3 => self.reference(document, &at),
            4 => {
                let word = WORDS.choose(self.random).copied().unwrap_or_default();
                json!(word)
            }
            5 => {
                let inner = document.pointer(&at).cloned().unwrap_or_default();
                self.wrapped(inner)
            }
            6 => {
                let mut inner = document.pointer(&at).cloned().unwrap_or_default();
                for _ in 0..self.random.random_range(1..60) {
                    inner = self.wrapped(inner);
                }
                inner
            }
            _ => return self.change_members(document, &at),
        };
        if let Some(place) = document.pointer_mut(&at) {
            *place = replacement;
        }
    }

    /// Adds, removes, renames or repeats a member or an item.
    fn change_members(&mut self, document: &mut Value, at: &str) {
        let part = self.part();
        let value = if self.random.random() { part } else { garbage(self.random) };
        let random = &mut *self.random;
        match document.pointer_mut(at) {
            Some(Value::Object(members)) => {
                let keys: Vec<String> = members.keys().cloned().collect();
                let key = keys.choose(random).cloned();
                let new = KEYWORDS.choose(random).copied().unwrap_or_default().to_owned();
                let renamed = |members: &mut Map<String, Value>, key: &String, new: String| {
                    let value = members.remove(key).unwrap_or_default();
                    members.insert(new, value);
                };
                match (random.random_range(0..5), key) {
                    (0, Some(key)) => drop(members.remove(&key)),
                    (1, Some(key)) => renamed(members, &key, new),
                    (2, Some(key)) => {
                        let odd = ["_", " ", "2", "/", "~", "%2F", "{x}", "é", "."];
                        let odd = odd.choose(random).copied().unwrap_or_default();
                        renamed(members, &key, format!("{key}{odd}"));
                    }
                    (3, Some(key)) => {
                        let copy = members.get(&key).cloned().unwrap_or_default();
                        members.insert(format!("{key}2"), copy);
                    }
                    _ => drop(members.insert(new, value)),
                }
            }
            Some(Value::Array(items)) => {
                let n = random.random_range(0..=items.len());
                match (random.random_range(0..3), items.get(n).cloned()) {
                    (0, Some(_)) => drop(items.remove(n)),
                    (1, Some(item)) => items.push(item),
                    _ => items.insert(n, value),
                }
            }
            Some(other) => *other = value,
            None => {}
        }
    }

    fn wrapped(&mut self, inner: Value) -> Value {
        let keywords =
            ["allOf", "oneOf", "anyOf", "not", "items", "additionalProperties", "properties", "if"];
        match keywords.choose(self.random).copied().unwrap_or_default() {
            list @ ("allOf" | "oneOf" | "anyOf") => json!({ list: [inner] }),
            "items" => json!({ "type": "array", "items": inner }),
            "properties" => json!({ "type": "object", "properties": { "a": inner } }),
            one => json!({ one: inner }),
        }
    }

    /// A reference to any part of the document, to itself too.
    fn reference(&mut self, document: &Value, at: &str) -> Value {
        let to = self.place(document).unwrap_or_default();
        let schemas = document["components"]["schemas"].as_object();
        let names: Vec<&String> = schemas.into_iter().flatten().map(|(name, _)| name).collect();
        let to = match (self.random.random_range(0..4), names.choose(self.random)) {
            (0, _) => to,
            (1, _) => at.to_owned(),
            (_, Some(name)) => format!("/components/schemas/{}", escape(name)),
            (_, None) => "/components/schemas/Missing".to_owned(),
        };
        json!({ "$ref": format!("#{to}") })
    }

    /// A part of any document.
    fn part(&mut self) -> Value {
        let other = self.corpus.choose(self.random);
        let at = other.and_then(|other| self.place(other));
        other.zip(at).and_then(|(other, at)| other.pointer(&at)).cloned().unwrap_or_default()
    }

    /// A pointer to any value but the document itself.
    fn place(&mut self, document: &Value) -> Option<String> {
        let mut all = Vec::new();
        places(document, "", &mut all);
        all.choose(self.random).cloned()
    }
}

fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut visit = |key: String, inner: &Value| {
        let at = format!("{at}/{key}");
        places(inner, &at, found);
        found.push(at);
    };
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, inner)| visit(escape(key), inner));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, inner)| visit(n.to_string(), inner));
        }
        _ => {}
    }
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// In blocks, with quoted scalars.
pub fn to_yaml(document: &Value) -> String {
    fn write(value: &Value, indent: usize, text: &mut String) {
        let margin = "  ".repeat(indent);
        match value {
            Value::Object(members) if !members.is_empty() => {
                for (key, value) in members {
                    text.push_str(&format!("\n{margin}{}:", Value::from(key.as_str())));
                    write(value, indent + 1, text);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for item in items {
                    text.push_str(&format!("\n{margin}-"));
                    write(item, indent + 1, text);
                }
            }
            scalar => text.push_str(&format!(" {scalar}")),
        }
    }
    let mut text = String::new();
    write(document, 0, &mut text);
    text.push('\n');
    text
}

/// Values that are often wrong.
fn garbage(random: &mut SmallRng) -> Value {
    let all = [
        json!(null),
        json!(true),
        json!(false),
        json!(-1),
        json!(7),
        json!(0.5),
        json!(1e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("x"),
        json!("a/b~c#{d}"),
        json!("\u{202e}\r\n\"\\"),
        json!("\u{1f980}"),
        json!("self"),
        json!("(?=a)["),
        json!([]),
        json!({}),
        json!([[]]),
        json!({"$ref": "#"}),
        json!({"type": "null"}),
        json!(["null", "string"]),
        json!({"": {}}),
    ];
    all.choose(random).cloned().unwrap_or_default()
}
