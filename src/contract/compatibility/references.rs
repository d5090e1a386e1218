//! Where references lead, and which requests and responses use what stands there.
//!
//! Both work on normal forms. A walk must end whatever refers to what: each place is visited once for an operation and
//! a direction, and references are followed from a list, so that a long chain of them is no deep recursion.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::contract::canonical::{Kind, METHODS, Place, place};
use crate::contract::diff::join;

/// How many references and `allOf`s of one may stand behind each other; more is taken for a circle.
const LONGEST_CHAIN: usize = 64;

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

    /// The keyword that keeps a property out of this direction.
    pub fn hides(self) -> &'static str {
        match self {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        }
    }
}

/// One operation's use of a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// `POST /login/`.
    pub operation: String,
    pub direction: Direction,
    /// Under a `not`, where narrower is wider.
    pub negated: bool,
}

impl Use {
    /// The same for an operation whose path variables have other names.
    fn key(&self) -> (String, Direction, bool) {
        (on_the_wire(&self.operation), self.direction, self.negated)
    }
}

/// A path without the names of its variables: what a server sees.
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

/// The pointer of a reference into its own document.
fn pointer(reference: &str) -> Option<Cow<'_, str>> {
    Some(percent_decode_str(reference.strip_prefix('#')?).decode_utf8_lossy())
}

/// What stands behind a reference, or behind an `allOf` of one, which says the same in more words. `None` when it leads
/// out of the document, nowhere, or in a circle.
pub fn look_through<'a>(document: &'a Value, value: &'a Value) -> Option<Cow<'a, Value>> {
    let mut value = Cow::Borrowed(value);
    for _ in 0..LONGEST_CHAIN {
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
            // One step at a time: the inner reference first, the rest of this schema when it is followed.
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

/// Whether a schema itself says that it is `readOnly` or `writeOnly`. Saying so behind a reference does not hide what
/// refers to it: when that flag changes, it must still be seen as part of both directions.
pub fn has_flag(schema: &Value, keyword: &str) -> bool {
    schema.get(keyword) == Some(&json!(true))
}

/// By JSON pointer, who uses what stands there.
#[derive(Default)]
pub struct Reach(BTreeMap<String, BTreeSet<Use>>);

impl Reach {
    pub fn of(document: &Value) -> Reach {
        let mut reach = Reach::default();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if METHODS.contains(&method.as_str()) {
                    let name = format!("{} {path}", method.to_uppercase());
                    Walk { document, operation: name, reach: &mut reach.0, next: Vec::new() }.operation(operation);
                }
            }
        }
        reach
    }

    /// What the same operation uses in the same direction in both documents: a change elsewhere is new or gone for
    /// everybody, and is reported where it is new or gone.
    pub fn both(&self, other: &Reach) -> Reach {
        let shared = self.0.iter().filter_map(|(pointer, uses)| {
            let theirs: BTreeSet<_> = other.0.get(pointer)?.iter().map(Use::key).collect();
            Some((pointer.clone(), uses.iter().filter(|own| theirs.contains(&own.key())).cloned().collect()))
        });
        Reach(shared.collect())
    }

    pub fn at(&self, pointer: &str) -> BTreeSet<Use> {
        self.0.get(pointer).cloned().unwrap_or_default()
    }

    /// Whether anything at a pointer or below it is used.
    pub fn touches(&self, pointer: &str) -> bool {
        let below = format!("{pointer}/");
        self.0.contains_key(pointer)
            || self.0.range(below.clone()..).next().is_some_and(|(at, _)| at.starts_with(&below))
    }
}

#[derive(Clone, Copy)]
struct Way {
    kind: Kind,
    direction: Direction,
    negated: bool,
    /// In a callback the server sends and the client answers.
    flipped: bool,
}

struct Walk<'a> {
    document: &'a Value,
    operation: String,
    reach: &'a mut BTreeMap<String, BTreeSet<Use>>,
    next: Vec<(String, Way)>,
}

impl Walk<'_> {
    fn operation(mut self, operation: &Value) {
        let start = Way { kind: Kind::Operation, direction: Direction::Request, negated: false, flipped: false };
        self.value(start, operation);
        let mut visited = BTreeSet::new();
        while let Some((pointer, way)) = self.next.pop() {
            if !visited.insert((pointer.clone(), way.direction, way.negated, way.flipped)) {
                continue;
            }
            self.record(&pointer, way);
            let Some(target) = self.document.pointer(&pointer) else {
                continue;
            };
            self.value(way, target);
            if target.get("discriminator").is_some() {
                self.heirs(&pointer, way);
            }
        }
    }

    fn record(&mut self, pointer: &str, way: Way) {
        let used = Use { operation: self.operation.clone(), direction: way.direction, negated: way.negated };
        self.reach.entry(pointer.to_owned()).or_default().insert(used);
    }

    fn value(&mut self, way: Way, value: &Value) {
        let Value::Object(members) = value else {
            return;
        };
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            if let Some(pointer) = pointer(reference) {
                self.next.push((pointer.into_owned(), way));
            }
            return;
        }
        for (keyword, value) in members {
            let mut way = way;
            match (way.kind, keyword.as_str()) {
                (Kind::Operation, "security") => self.schemes(value, way),
                (Kind::Operation, "callbacks") => way.flipped = !way.flipped,
                (Kind::Operation, "responses") => way.direction = Direction::Response.flipped_if(way.flipped),
                (Kind::Operation, _) => way.direction = Direction::Request.flipped_if(way.flipped),
                (Kind::Schema, "not") => way.negated = !way.negated,
                (Kind::Discriminator, "mapping") => self.mapped(value, way),
                _ => {}
            }
            let hidden = (way.kind == Kind::Schema && keyword == "properties").then(|| way.direction.hides());
            match (place(way.kind, keyword), value) {
                (Place::One(kind), value) => self.value(Way { kind, ..way }, value),
                (Place::List(kind) | Place::Set(kind) | Place::Bag(kind), Value::Array(items)) => {
                    items.iter().for_each(|item| self.value(Way { kind, ..way }, item));
                }
                (Place::Map(kind), Value::Object(map)) => {
                    for value in map.values() {
                        if !hidden.is_some_and(|hidden| has_flag(value, hidden)) {
                            self.value(Way { kind, ..way }, value);
                        }
                    }
                }
                (Place::Parameters, Value::Object(map)) => {
                    map.values().for_each(|value| self.value(Way { kind: Kind::Parameter, ..way }, value));
                }
                _ => {}
            }
        }
    }

    fn schemes(&mut self, security: &Value, way: Way) {
        let names = security.as_array().into_iter().flatten().filter_map(Value::as_object).flat_map(|one| one.keys());
        for name in names {
            self.record(&join("/components/securitySchemes", name), way);
        }
    }

    /// The schemas that a discriminator names, by reference or by bare name.
    fn mapped(&mut self, mapping: &Value, way: Way) {
        for target in mapping.as_object().into_iter().flat_map(|map| map.values()).filter_map(Value::as_str) {
            let pointer = pointer(target).map_or_else(|| join("/components/schemas", target), Cow::into_owned);
            self.next.push((pointer, Way { kind: Kind::Schema, ..way }));
        }
    }

    /// A schema with a discriminator may stand for each that is built on it.
    fn heirs(&mut self, parent: &str, way: Way) {
        for (name, schema) in self.document["components"]["schemas"].as_object().into_iter().flatten() {
            let members = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
            let mut references = members.filter_map(|member| pointer(member.get("$ref")?.as_str()?));
            if references.any(|pointer| pointer == parent) {
                self.next.push((join("/components/schemas", name), way));
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

    fn uses(reach: &Reach, name: &str) -> Vec<(Direction, bool)> {
        reach.at(name).iter().map(|used| (used.direction, used.negated)).collect()
    }

    #[test]
    fn each_schema_is_reached_in_the_directions_that_carry_it() {
        use Direction::*;
        let reach = Reach::of(&document());
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
            assert_eq!(uses(&reach, &format!("/components/schemas/{schema}")), expected, "{schema}");
        }
        assert_eq!(uses(&reach, "/components/responses/Made"), [(Response, false)]);
        assert_eq!(uses(&reach, "/components/securitySchemes/key"), [(Request, false)]);
        assert!(reach.touches("/components/schemas") && !reach.touches("/components/schema"));
    }

    #[test]
    fn a_renamed_path_variable_is_the_same_operation() {
        let mut renamed = document();
        let item = renamed["paths"]["/a/{id}/"].take();
        renamed["paths"] = json!({"/a/{pk}/": item});
        let both = Reach::of(&document()).both(&Reach::of(&renamed));
        assert_eq!(uses(&both, "/components/schemas/Secret"), [(Direction::Request, false)]);
        renamed["paths"] = json!({});
        assert_eq!(uses(&Reach::of(&document()).both(&Reach::of(&renamed)), "/components/schemas/Secret"), []);
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
        assert_eq!(uses(&Reach::of(&document), "/components/schemas/S19999"), [(Direction::Request, false)]);
    }
}
