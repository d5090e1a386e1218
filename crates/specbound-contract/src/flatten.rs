//! Rewrites a document without `allOf`, where one schema can express the same.
//!
//! A member of `allOf` is merged into its schema keyword by keyword. A member that cannot be merged
//! exactly stays a member: one with a discriminator, whose name matters, one that is recursive, or
//! one that constrains the same keyword differently. Titles and descriptions of referenced schemas
//! are dropped.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::canonical::ObjectKind;
use crate::edit::edit;

type Fields = Map<String, Value>;

/// Keywords that restrict the same thing together: all of them come from one side.
const GROUPS: [&[&str]; 6] = [
    &["if", "then", "else"],
    &["contains", "minContains", "maxContains"],
    &["minimum", "exclusiveMinimum"],
    &["maximum", "exclusiveMaximum"],
    &["contentEncoding", "contentMediaType", "contentSchema"],
    &["prefixItems", "unevaluatedItems"],
];

/// Most referenced members that are merged. Schemas that all refer to each other would take longer
/// than any reader waits.
const MAX_MERGES: usize = 5_000;

/// Longest chain of components that is followed.
const MAX_CHAIN: usize = 64;

/// Merges the members of `allOf` of a self-contained document.
pub fn flatten(document: &Value) -> Value {
    let mut flattened = document.clone();
    let mut flattener = Flattener {
        document,
        done: BTreeMap::new(),
        active: Vec::new(),
        outermost: usize::MAX,
        merges: MAX_MERGES,
    };
    // The innermost first: what a schema is made of is flat already.
    edit(&mut flattened, |kind, pointer, value| {
        let is_component =
            pointer.strip_prefix("/components/schemas/").is_some_and(|name| !name.contains('/'));
        if kind != ObjectKind::Schema {
            return;
        }
        match is_component {
            true => *value = flattener.component(pointer),
            false => *value = flattener.merged(value),
        }
    });
    flattened
}

struct Flattener<'a> {
    document: &'a Value,
    /// Flat components by pointer.
    done: BTreeMap<String, Value>,
    /// The components that are being flattened, each within the one before.
    active: Vec<String>,
    /// The outermost of them that a component within refers back to.
    outermost: usize,
    /// The merges that are left.
    merges: usize,
}

impl Flattener<'_> {
    /// A component in its flat form.
    fn component(&mut self, pointer: &str) -> Value {
        if let Some(done) = self.done.get(pointer) {
            return done.clone();
        }
        let original = self.document.pointer(pointer).cloned().unwrap_or_default();
        let depth = self.active.len();
        let around = std::mem::replace(&mut self.outermost, usize::MAX);
        self.active.push(pointer.to_owned());
        let flat = self.schema(&original);
        self.active.pop();
        // Within a cycle a member may have been left that can be merged elsewhere.
        let is_within_cycle = self.outermost < depth;
        if !is_within_cycle {
            self.done.insert(pointer.to_owned(), flat.clone());
        }
        self.outermost = if is_within_cycle { around.min(self.outermost) } else { around };
        flat
    }

    /// A schema and the schemas in it.
    fn schema(&mut self, schema: &Value) -> Value {
        let mut holder = json!({"components": {"schemas": {"": schema}}});
        edit(&mut holder, |kind, _, value| {
            if kind == ObjectKind::Schema {
                *value = self.merged(value);
            }
        });
        holder["components"]["schemas"][""].take()
    }

    /// A schema whose inner schemas are flat, with the members of its `allOf` merged.
    fn merged(&mut self, schema: &Value) -> Value {
        let Value::Object(fields) = schema else { return schema.clone() };
        let Some(Value::Array(members)) = fields.get("allOf") else { return schema.clone() };
        if fields.contains_key("$ref") {
            return schema.clone();
        }
        let mut own = fields.clone();
        own.remove("allOf");
        let mut left = Vec::new();
        for member in members {
            let merged = self.content(member).and_then(|content| merge(&own, &content));
            match merged {
                Some(mut merged) => {
                    // What the member itself could not merge.
                    if let Some(Value::Array(inner)) = merged.remove("allOf") {
                        inner.into_iter().for_each(|one| add(&mut left, one));
                    }
                    own = merged;
                }
                None => add(&mut left, member.clone()),
            }
        }
        if !left.is_empty() {
            own.insert("allOf".to_owned(), left.into());
        }
        Value::Object(own)
    }

    /// The keywords of a member. `None` for one that must stay a member.
    fn content(&mut self, member: &Value) -> Option<Fields> {
        let fields = member.as_object()?;
        let Some(reference) = fields.get("$ref").and_then(Value::as_str) else {
            return Some(fields.clone());
        };
        let pointer = reference.strip_prefix('#')?;
        let is_component =
            pointer.strip_prefix("/components/schemas/").is_some_and(|name| !name.contains('/'));
        if fields.len() > 1 || !is_component {
            return None;
        }
        if let Some(at) = self.active.iter().position(|one| one == pointer) {
            self.outermost = self.outermost.min(at);
            return None;
        }
        if self.active.len() > MAX_CHAIN || self.merges == 0 {
            return None;
        }
        self.merges -= 1;
        let Value::Object(mut content) = self.component(pointer) else { return None };
        if content.contains_key("discriminator") || content.contains_key("$ref") {
            return None;
        }
        for keyword in ["title", "description", "example", "examples", "xml"] {
            content.remove(keyword);
        }
        Some(content)
    }
}

/// One schema that is exactly equivalent to both together. `None` if there is none.
fn merge(one: &Fields, other: &Fields) -> Option<Fields> {
    let has = |fields: &Fields, keyword: &str| fields.contains_key(keyword);
    for group in GROUPS {
        let of = |fields: &Fields| -> Vec<Option<Value>> {
            group.iter().map(|keyword| fields.get(*keyword).cloned()).collect()
        };
        let both = [one, other].iter().all(|side| group.iter().any(|keyword| has(side, keyword)));
        // Two plain bounds are one.
        let plain = [one, other].iter().all(|side| !has(side, group[1]));
        let is_bound = ["minimum", "maximum"].contains(&group[0]);
        if both && of(one) != of(other) && !(is_bound && plain) {
            return None;
        }
    }
    if one.get("nullable") != other.get("nullable") || !closes_alike(one, other) {
        return None;
    }
    let mut merged = one.clone();
    for (keyword, theirs) in other {
        let Some(ours) = one.get(keyword).filter(|ours| *ours != theirs) else {
            merged.insert(keyword.clone(), theirs.clone());
            continue;
        };
        merged.insert(keyword.clone(), merge_keyword(keyword, ours, theirs)?);
    }
    Some(merged)
}

/// The value of a keyword that both schemas have with different values.
fn merge_keyword(keyword: &str, ours: &Value, theirs: &Value) -> Option<Value> {
    if is_description(keyword) {
        return Some(ours.clone());
    }
    match keyword {
        "type" => types(ours, theirs),
        "enum" => {
            let theirs = theirs.as_array()?;
            let common: Vec<Value> =
                ours.as_array()?.iter().filter(|value| theirs.contains(value)).cloned().collect();
            (!common.is_empty()).then(|| common.into())
        }
        "required" => {
            let mut all = ours.as_array()?.clone();
            all.extend(theirs.as_array()?.iter().filter(|name| !contains(ours, name)).cloned());
            Some(all.into())
        }
        "allOf" => {
            let mut all = ours.as_array()?.clone();
            theirs.as_array()?.iter().for_each(|one| add(&mut all, one.clone()));
            Some(all.into())
        }
        "properties" => {
            let mut all = ours.as_object()?.clone();
            for (name, theirs) in theirs.as_object()? {
                let merged = match all.get(name) {
                    Some(ours) => intersection(ours, theirs),
                    None => theirs.clone(),
                };
                all.insert(name.clone(), merged);
            }
            Some(all.into())
        }
        "items" => Some(intersection(ours, theirs)),
        "readOnly" | "writeOnly" | "deprecated" | "uniqueItems" => Some(true.into()),
        "minimum" | "minLength" | "minItems" | "minProperties" => {
            Some(if ours.as_f64()? >= theirs.as_f64()? { ours } else { theirs }.clone())
        }
        "maximum" | "maxLength" | "maxItems" | "maxProperties" => {
            Some(if ours.as_f64()? <= theirs.as_f64()? { ours } else { theirs }.clone())
        }
        _ => None,
    }
}

/// Adds a member that is not there yet: two of them would say the same.
fn add(members: &mut Vec<Value>, member: Value) {
    if !members.contains(&member) {
        members.push(member);
    }
}

fn contains(ours: &Value, name: &Value) -> bool {
    ours.as_array().is_some_and(|ours| ours.contains(name))
}

/// A schema for the values that both schemas accept.
fn intersection(ours: &Value, theirs: &Value) -> Value {
    if ours == theirs {
        return ours.clone();
    }
    let merged = match (ours.as_object(), theirs.as_object()) {
        (Some(one), Some(other)) if !one.contains_key("$ref") && !other.contains_key("$ref") => {
            merge(one, other)
        }
        _ => None,
    };
    merged.map_or_else(|| json!({"allOf": [ours, theirs]}), Value::Object)
}

fn is_description(keyword: &str) -> bool {
    let known = ["title", "description", "example", "examples", "externalDocs", "xml", "default"];
    known.contains(&keyword) || keyword.starts_with("x-")
}

/// Whether the constraints of one schema on additional members affect no member of the other.
fn closes_alike(one: &Fields, other: &Fields) -> bool {
    const OPEN: [&str; 3] = ["additionalProperties", "patternProperties", "unevaluatedProperties"];
    let names = |fields: &Fields| -> Vec<String> {
        let properties = fields.get("properties").and_then(Value::as_object);
        properties.into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let closes = |fields: &Fields| {
        OPEN.iter().any(|keyword| {
            fields.get(*keyword).is_some_and(|value| *value != json!(true) && *value != json!({}))
        })
    };
    match (closes(one), closes(other)) {
        (false, false) => true,
        (true, false) => names(other).iter().all(|name| names(one).contains(name)),
        (false, true) => names(one).iter().all(|name| names(other).contains(name)),
        (true, true) => {
            OPEN.iter().all(|keyword| one.get(*keyword) == other.get(*keyword))
                && names(one) == names(other)
        }
    }
}

/// The types that both have.
fn types(ours: &Value, theirs: &Value) -> Option<Value> {
    let list = |types: &Value| match types {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let theirs = list(theirs);
    let has = |types: &[Value], name: &str| types.iter().any(|one| one == name);
    let common = list(ours).into_iter().filter_map(|name| match name.as_str() {
        Some(_) if theirs.contains(&name) => Some(name),
        Some("number") if has(&theirs, "integer") => Some(json!("integer")),
        Some("integer") if has(&theirs, "number") => Some(name),
        _ => None,
    });
    let mut common: Vec<Value> = common.collect();
    match common.len() {
        0 => None,
        1 => common.pop(),
        _ => Some(common.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
openapi: 3.0.3
paths:
  /a:
    post:
      requestBody: {content: {a/b: {schema: {$ref: '#/components/schemas/S'}}}}
      responses: {'200': {content: {a/b: {schema: {$ref: '#/components/schemas/S'}}}}}
components:
  schemas:
    Base: {title: Base, type: object, required: [id], properties: {id: {type: string}}}
    Kind: {type: object, discriminator: {propertyName: kind}}
    Tree:
      allOf:
      - $ref: '#/components/schemas/Base'
      - {properties: {next: {$ref: '#/components/schemas/Tree'}}}
    Loop: {allOf: [{$ref: '#/components/schemas/Loop'}]}
";

    /// The flat form of a schema beside others, which a comparison takes for the same.
    fn flat(schema: Value) -> Value {
        let mut document: Value = serde_yaml_ng::from_str(TEXT).unwrap();
        document["components"]["schemas"]["S"] = schema;
        let flat = flatten(&document);
        let verdicts = crate::compatibility::compare(&document, &flat);
        let worse = verdicts
            .iter()
            .filter(|verdict| verdict.severity != crate::compatibility::Severity::Compatible);
        let worse: Vec<&str> = worse.map(|verdict| verdict.message.as_str()).collect();
        assert_eq!(worse, [""; 0], "{flat:#}");
        flat["components"]["schemas"]["S"].clone()
    }

    const BASE: &str = "#/components/schemas/Base";

    #[test]
    fn all_of_members_are_merged() {
        assert_eq!(
            flat(json!({"title": "S", "allOf": [
                {"$ref": BASE},
                {
                    "required": ["name", "id"],
                    "properties": {"name": {"type": "string", "maxLength": 9}},
                },
                {"properties": {"name": {"maxLength": 5}}, "minProperties": 2},
            ]})),
            json!({
                "title": "S",
                "type": "object",
                "minProperties": 2,
                "required": ["id", "name"],
                "properties": {
                    "id": {"type": "string"},
                    "name": {"type": "string", "maxLength": 5},
                },
            })
        );
        let nested =
            json!({"properties": {"a": {"allOf": [{"type": "number"}, {"type": "integer"}]}}});
        assert_eq!(flat(nested), json!({"properties": {"a": {"type": "integer"}}}));
        let enums = json!({"allOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]});
        assert_eq!(flat(enums), json!({"enum": ["b"]}));
    }

    #[test]
    fn unmergeable_all_of_members_are_kept() {
        for stays in [
            json!({"allOf": [{"$ref": "#/components/schemas/Kind"}], "properties": {"a": {}}}),
            json!({
                "allOf": [{"$ref": BASE}],
                "properties": {"a": {}},
                "additionalProperties": false,
            }),
            json!({"allOf": [{"$ref": BASE}], "nullable": true}),
            json!({"allOf": [{"pattern": "^b"}], "pattern": "^a", "type": "string"}),
            json!({"allOf": [{"type": "string"}], "type": "integer"}),
        ] {
            assert_eq!(flat(stays.clone()), stays);
        }
    }

    #[test]
    fn recursive_schemas_terminate() {
        let tree = flat(json!({"allOf": [{"$ref": "#/components/schemas/Tree"}]}));
        assert_eq!(tree["properties"]["next"], json!({"$ref": "#/components/schemas/Tree"}));
        let looped = json!({"allOf": [{"$ref": "#/components/schemas/Loop"}]});
        assert_eq!(flat(looped)["allOf"][0], json!({"$ref": "#/components/schemas/Loop"}));
    }

    #[test]
    fn mutually_referring_schemas_take_bounded_time() {
        let schema = |number: usize, count: usize| {
            let others = (0..count).filter(|other| *other != number);
            let member = |other| json!({"$ref": format!("#/components/schemas/S{other}")});
            let members: Vec<Value> = others.map(member).collect();
            (format!("S{number}"), json!({"allOf": members}))
        };
        let dense: Fields = (0..12).map(|number| schema(number, 12)).collect();
        let chain = (0..5_000).map(|number| {
            let next = json!({"$ref": format!("#/components/schemas/S{}", number + 1)});
            (format!("S{number}"), json!({"allOf": [next, next]}))
        });
        for schemas in [dense, chain.collect()] {
            let count = schemas.len();
            let document = json!({"openapi": "3.0.3", "components": {"schemas": schemas}});
            let flat = flatten(&document);
            assert_eq!(flat["components"]["schemas"].as_object().map(Map::len), Some(count));
        }
    }
}
