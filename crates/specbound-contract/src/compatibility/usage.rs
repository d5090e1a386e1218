//! Resolves references, and indexes which requests and responses use a location. Both work on canonical forms.
//!
//! Traversal terminates on cycles: each location is visited once per operation and direction. References are followed
//! from a worklist, so that a long chain needs no deep recursion.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::canonical::{FieldShape, ObjectKind, field_shape, is_method};
use crate::diff::join;

/// Longest chain of references and single-member `allOf`s; a longer one is taken for a cycle.
const MAX_REFERENCE_CHAIN: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    Request,
    Response,
}

impl Direction {
    pub fn flipped_if(self, flipped: bool) -> Direction {
        match (self, flipped) {
            (Direction::Request, true) => Direction::Response,
            (Direction::Response, true) => Direction::Request,
            (same, false) => same,
        }
    }

    /// The keyword that hides a property in this direction.
    pub fn hides(self) -> &'static str {
        match self {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        }
    }
}

/// The use of a location by one operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usage {
    /// `POST /login/`.
    pub operation: String,
    pub direction: Direction,
    /// Under a `not`, where a narrower schema allows more.
    pub negated: bool,
}

impl Usage {
    /// Equal for operations that differ only in the names of path variables.
    fn key(&self) -> (String, Direction, bool) {
        (on_the_wire(&self.operation), self.direction, self.negated)
    }
}

/// A path without the names of its variables, as on the wire.
pub fn on_the_wire(path: &str) -> String {
    let mut out = String::new();
    let mut in_variable = false;
    for c in path.chars() {
        match c {
            '{' => {
                out.push_str("{}");
                in_variable = true;
            }
            '}' => in_variable = false,
            _ if in_variable => {}
            c => out.push(c),
        }
    }
    out
}

/// The JSON pointer of a local reference.
fn pointer(reference: &str) -> Option<Cow<'_, str>> {
    Some(percent_decode_str(reference.strip_prefix('#')?).decode_utf8_lossy())
}

/// Resolves references and single-member `allOf`s, which are equivalent to references. `None` for references out of the
/// document, to a missing target, or in a cycle.
pub fn look_through<'a>(document: &'a Value, value: &'a Value) -> Option<Cow<'a, Value>> {
    let mut value = Cow::Borrowed(value);
    for _ in 0..MAX_REFERENCE_CHAIN {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            value = Cow::Borrowed(document.pointer(&pointer(reference)?)?);
            continue;
        }
        let Some([only]) = value.get("allOf").and_then(Value::as_array).map(Vec::as_slice) else {
            return Some(value);
        };
        let only = match only.get("$ref").and_then(Value::as_str) {
            Some(reference) => document.pointer(&pointer(reference)?)?.clone(),
            None => only.clone(),
        };
        let Value::Object(mut merged) = only else {
            return Some(value);
        };
        if merged.contains_key("$ref") {
            // Resolve the inner reference first, then merge the rest of this schema.
            let mut outer = value.into_owned();
            outer["allOf"] = json!([merged]);
            value = Cow::Owned(outer);
            continue;
        }
        let beside = value.as_object().into_iter().flatten().filter(|(key, _)| *key != "allOf");
        for (key, own) in beside {
            if merged.get(key).is_some_and(|inner| inner != own) {
                return Some(value);
            }
            merged.insert(key.clone(), own.clone());
        }
        value = Cow::Owned(Value::Object(merged));
    }
    None
}

/// Whether a schema itself is `readOnly` or `writeOnly`. A flag behind a reference does not count: a change of that flag
/// must be seen in both directions.
pub fn has_flag(schema: &Value, keyword: &str) -> bool {
    schema.get(keyword) == Some(&json!(true))
}

/// The usage of each location, by JSON pointer.
#[derive(Default)]
pub struct UsageIndex(BTreeMap<String, BTreeSet<Usage>>);

impl UsageIndex {
    pub fn of(document: &Value) -> UsageIndex {
        let mut usage = UsageIndex::default();
        // The server sends the request of a webhook.
        for (section, flipped) in [("paths", false), ("webhooks", true)] {
            for (path, item) in document[section].as_object().into_iter().flatten() {
                for (method, operation) in item.as_object().into_iter().flatten().filter(|(key, _)| is_method(key)) {
                    let name = format!("{} {path}", method.to_uppercase());
                    let visitor = Visitor { document, operation: name, usage: &mut usage.0, next: Vec::new() };
                    visitor.operation(operation, flipped);
                }
            }
        }
        usage
    }

    /// The usage common to both documents, by operation and direction. Other usage is added or removed as a whole, and
    /// reported there.
    pub fn both(&self, other: &UsageIndex) -> UsageIndex {
        let shared = self.0.iter().filter_map(|(pointer, uses)| {
            let theirs: BTreeSet<_> = other.0.get(pointer)?.iter().map(Usage::key).collect();
            Some((pointer.clone(), uses.iter().filter(|own| theirs.contains(&own.key())).cloned().collect()))
        });
        UsageIndex(shared.collect())
    }

    pub fn at(&self, pointer: &str) -> BTreeSet<Usage> {
        self.0.get(pointer).cloned().unwrap_or_default()
    }

    /// Whether a location or any below it is used.
    pub fn touches(&self, pointer: &str) -> bool {
        let below = format!("{pointer}/");
        self.0.contains_key(pointer)
            || self.0.range(below.clone()..).next().is_some_and(|(at, _)| at.starts_with(&below))
    }
}

#[derive(Clone, Copy)]
struct Context {
    kind: ObjectKind,
    direction: Direction,
    negated: bool,
    /// In a callback the server sends the request and the client responds.
    flipped: bool,
}

struct Visitor<'a> {
    document: &'a Value,
    operation: String,
    usage: &'a mut BTreeMap<String, BTreeSet<Usage>>,
    next: Vec<(String, Context)>,
}

impl Visitor<'_> {
    fn operation(mut self, operation: &Value, flipped: bool) {
        let start = Context { kind: ObjectKind::Operation, direction: Direction::Request, negated: false, flipped };
        self.value(start, operation);
        let mut visited = BTreeSet::new();
        while let Some((pointer, context)) = self.next.pop() {
            if !visited.insert((pointer.clone(), context.direction, context.negated, context.flipped)) {
                continue;
            }
            self.record(&pointer, context);
            let Some(target) = self.document.pointer(&pointer) else {
                continue;
            };
            self.value(context, target);
            if target.get("discriminator").is_some() {
                self.subtypes(&pointer, context);
            }
        }
    }

    fn record(&mut self, pointer: &str, context: Context) {
        let used = Usage { operation: self.operation.clone(), direction: context.direction, negated: context.negated };
        self.usage.entry(pointer.to_owned()).or_default().insert(used);
    }

    fn value(&mut self, context: Context, value: &Value) {
        let Value::Object(members) = value else {
            return;
        };
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            if let Some(pointer) = pointer(reference) {
                self.next.push((pointer.into_owned(), context));
            }
            return;
        }
        for (keyword, value) in members {
            let mut context = context;
            match (context.kind, keyword.as_str()) {
                (ObjectKind::Operation, "security") => self.schemes(value, context),
                (ObjectKind::Operation, "callbacks") => context.flipped = !context.flipped,
                (ObjectKind::Operation, "responses") => {
                    context.direction = Direction::Response.flipped_if(context.flipped)
                }
                (ObjectKind::Operation, _) => context.direction = Direction::Request.flipped_if(context.flipped),
                (ObjectKind::Schema, "not" | "if") => context.negated = !context.negated,
                (ObjectKind::Discriminator, "mapping") => self.mapped(value, context),
                _ => {}
            }
            let hidden =
                (context.kind == ObjectKind::Schema && keyword == "properties").then(|| context.direction.hides());
            match (field_shape(context.kind, keyword), value) {
                (FieldShape::One(kind), value) => self.value(Context { kind, ..context }, value),
                (FieldShape::List(kind) | FieldShape::Set(kind) | FieldShape::Bag(kind), Value::Array(items)) => {
                    items.iter().for_each(|item| self.value(Context { kind, ..context }, item));
                }
                (FieldShape::Map(kind), Value::Object(map)) => {
                    for value in map.values() {
                        if !hidden.is_some_and(|hidden| has_flag(value, hidden)) {
                            self.value(Context { kind, ..context }, value);
                        }
                    }
                }
                (FieldShape::Parameters, Value::Object(map)) => {
                    map.values()
                        .for_each(|value| self.value(Context { kind: ObjectKind::Parameter, ..context }, value));
                }
                _ => {}
            }
        }
    }

    fn schemes(&mut self, security: &Value, context: Context) {
        let names = security.as_array().into_iter().flatten().filter_map(Value::as_object).flat_map(|one| one.keys());
        for name in names {
            self.record(&join("/components/securitySchemes", name), context);
        }
    }

    /// Queues the schemas that a discriminator maps to, by reference or by bare name.
    fn mapped(&mut self, mapping: &Value, context: Context) {
        for target in mapping.as_object().into_iter().flat_map(|map| map.values()).filter_map(Value::as_str) {
            let pointer = pointer(target).map_or_else(|| join("/components/schemas", target), Cow::into_owned);
            self.next.push((pointer, Context { kind: ObjectKind::Schema, ..context }));
        }
    }

    /// Queues the subtypes of a schema with a discriminator.
    fn subtypes(&mut self, parent: &str, context: Context) {
        for (name, schema) in self.document["components"]["schemas"].as_object().into_iter().flatten() {
            let members = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
            let mut references = members.filter_map(|member| pointer(member.get("$ref")?.as_str()?));
            if references.any(|pointer| pointer == parent) {
                self.next.push((join("/components/schemas", name), context));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        serde_yaml_ng::from_str(
            r##"
paths:
  /a/{id}/:
    post:
      security: [{key: []}]
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Both'}}}}
      responses:
        '200': {content: {application/json: {schema: {items: {$ref: '#/components/schemas/Both'}}}}}
        '201': {$ref: '#/components/responses/Made'}
      callbacks:
        done:
          '{$request.body#/url}':
            post:
              requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Called'}}}}
components:
  responses:
    Made: {content: {application/json: {schema: {not: {$ref: '#/components/schemas/Not'}}}}}
  schemas:
    Both:
      allOf: [{$ref: '#/components/schemas/Both'}, {$ref: '#/components/schemas/Pet'}]
      properties:
        shown: {readOnly: true, allOf: [{$ref: '#/components/schemas/Shown'}]}
        secret: {writeOnly: true, allOf: [{$ref: '#/components/schemas/Secret'}]}
      additionalProperties: {oneOf: [{$ref: '#/components/schemas/Member'}]}
    Shown: {type: string}
    Secret: {type: string}
    Member: {anyOf: [{$ref: '#/components/schemas/Both'}]}
    Pet: {discriminator: {propertyName: kind, mapping: {dog: Dog}}}
    Dog: {type: object}
    Cat: {allOf: [{$ref: '#/components/schemas/Pet'}]}
    Not: {}
    Called: {}
    Unused: {$ref: '#/components/schemas/Unused'}
  securitySchemes: {key: {type: http}}
"##,
        )
        .unwrap()
    }

    fn uses(usage: &UsageIndex, name: &str) -> Vec<(Direction, bool)> {
        usage.at(name).iter().map(|used| (used.direction, used.negated)).collect()
    }

    #[test]
    fn each_schema_is_reached_in_the_directions_that_carry_it() {
        use Direction::*;
        let usage = UsageIndex::of(&document());
        for (schema, expected) in [
            ("Both", vec![(Request, false), (Response, false)]),
            ("Shown", vec![(Response, false)]),
            ("Secret", vec![(Request, false)]),
            ("Member", vec![(Request, false), (Response, false)]),
            ("Dog", vec![(Request, false), (Response, false)]),
            ("Cat", vec![(Request, false), (Response, false)]),
            ("Not", vec![(Response, true)]),
            ("Called", vec![(Response, false)]),
            ("Unused", vec![]),
        ] {
            assert_eq!(uses(&usage, &format!("/components/schemas/{schema}")), expected, "{schema}");
        }
        assert_eq!(uses(&usage, "/components/responses/Made"), [(Response, false)]);
        assert_eq!(uses(&usage, "/components/securitySchemes/key"), [(Request, false)]);
        assert!(usage.touches("/components/schemas") && !usage.touches("/components/schema"));
    }

    #[test]
    fn a_renamed_path_variable_is_the_same_operation() {
        let mut renamed = document();
        let item = renamed["paths"]["/a/{id}/"].take();
        renamed["paths"] = json!({"/a/{pk}/": item});
        let both = UsageIndex::of(&document()).both(&UsageIndex::of(&renamed));
        assert_eq!(uses(&both, "/components/schemas/Secret"), [(Direction::Request, false)]);
        renamed["paths"] = json!({});
        assert_eq!(
            uses(&UsageIndex::of(&document()).both(&UsageIndex::of(&renamed)), "/components/schemas/Secret"),
            []
        );
    }

    #[test]
    fn references_and_an_all_of_one_are_looked_through() {
        let document = json!({
            "a": {"$ref": "#/b"}, "b": {"allOf": [{"$ref": "#/c"}], "readOnly": true}, "c": {"$ref": "#/d%20e"},
            "d e": {"type": "string"},
            "two": {"allOf": [{"type": "string"}, {"maxLength": 1}]},
            "other": {"allOf": [{"type": "string"}], "type": "object"},
            "circle": {"$ref": "#/circle"}, "around": {"allOf": [{"$ref": "#/around"}], "nullable": true},
            "away": {"$ref": "other.yaml#/a"}, "nowhere": {"$ref": "#/x"},
        });
        let through = |name: &str| look_through(&document, &document[name]).map(Cow::into_owned);
        assert_eq!(through("a"), Some(json!({"type": "string", "readOnly": true})));
        assert_eq!(through("two").as_ref(), Some(&document["two"]));
        assert_eq!(through("other").as_ref(), Some(&document["other"]));
        assert_eq!([through("circle"), through("around"), through("away"), through("nowhere")], [const { None }; 4]);
    }

    #[test]
    fn a_chain_of_many_references_ends() {
        let link = |i: usize| (format!("S{i}"), json!({"items": {"$ref": format!("#/components/schemas/S{}", i + 1)}}));
        let schemas: serde_json::Map<String, Value> = (0..20_000).map(link).collect();
        let body = json!({"content": {"a/b": {"schema": {"$ref": "#/components/schemas/S0"}}}});
        let document = json!({"paths": {"/": {"get": {"requestBody": body}}}, "components": {"schemas": schemas}});
        assert_eq!(uses(&UsageIndex::of(&document), "/components/schemas/S19999"), [(Direction::Request, false)]);
    }
}
