//! Witnesses and compatible verdicts, confirmed by a JSON Schema validator.

use serde_json::Map;

use super::*;
use crate::canonical::KEYWORDS_OF_TYPES;
use crate::canonical::canonical_pair;
use crate::compatibility::{Verdict, compare};
use crate::diff;

/// A canonical schema as JSON Schema 2020-12, as messages of a direction are checked.
fn json_schema(schema: &Value, direction: Direction) -> Value {
    let Value::Object(fields) = schema else { return schema.clone() };
    let convert = |schema: &Value| json_schema(schema, direction);
    let map = |value: &Value| -> Value {
        let entries = value.as_object().into_iter().flatten();
        Value::Object(entries.map(|(name, one)| (name.clone(), convert(one))).collect())
    };
    let is_hidden = |name: &str| {
        let property = fields.get("properties").and_then(|all| all.get(name));
        property.is_some_and(|one| one.get(direction.hiding_keyword()) == Some(&json!(true)))
    };
    let mut out = Map::new();
    for (keyword, value) in fields {
        let converted = match keyword.as_str() {
            "discriminator" | "xml" | "nullable" | "title" | "deprecated" | "default" => continue,
            "exclusiveMinimum" | "exclusiveMaximum" if *value == json!(true) => {
                let bound = keyword.replace("exclusiveM", "m");
                fields.get(&bound).cloned().unwrap()
            }
            "required" => {
                let names = value.as_array().unwrap().iter();
                names.filter(|name| !is_hidden(name.as_str().unwrap())).cloned().collect()
            }
            "properties" => {
                let mut all = map(value);
                all.as_object_mut().unwrap().retain(|name, _| !is_hidden(name));
                all
            }
            "patternProperties" | "dependentSchemas" => map(value),
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                value.as_array().unwrap().iter().map(convert).collect()
            }
            "not"
            | "items"
            | "additionalProperties"
            | "contains"
            | "propertyNames"
            | "if"
            | "then"
            | "else"
            | "unevaluatedProperties"
            | "unevaluatedItems" => convert(value),
            "format" => match value.as_str().and_then(accept::integer_range) {
                Some((least, most)) => {
                    let range = json!({"type": "number", "minimum": least, "maximum": most});
                    let other = json!({"not": {"type": "number"}});
                    let old = out.remove("allOf");
                    let mut all = vec![json!({"anyOf": [range, other]})];
                    all.extend(old.and_then(|old| old.as_array().cloned()).unwrap_or_default());
                    out.insert("allOf".to_owned(), all.into());
                    continue;
                }
                None => value.clone(),
            },
            _ => value.clone(),
        };
        out.insert(keyword.clone(), converted);
    }
    if fields.get("nullable") == Some(&json!(true)) {
        match out.get("type").cloned() {
            None => return json!({"anyOf": [{"type": "null"}, out]}),
            Some(Value::Array(mut types)) => {
                types.push("null".into());
                out.insert("type".to_owned(), types.into());
            }
            Some(one) => drop(out.insert("type".to_owned(), json!([one, "null"]))),
        }
    }
    Value::Object(out)
}

/// Whether the validator accepts a value for a schema of a document.
fn validates(document: &Value, schema: &Value, direction: Direction, value: &Value) -> bool {
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    let schemas = schemas.map(|(name, one)| (name.clone(), json_schema(one, direction)));
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "allOf": [json_schema(schema, direction)],
        "components": {"schemas": schemas.collect::<Map<_, _>>()},
    });
    let validator = jsonschema::options().should_validate_formats(true).build(&whole);
    validator.unwrap_or_else(|error| panic!("{whole}: {error}")).is_valid(value)
}

/// The schema at a pointer of the canonical form, through references.
fn at<'v>(document: &'v Value, pointer: &str) -> Option<&'v Value> {
    let mut value = document;
    for step in pointer.split('/').skip(1) {
        while let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            value = document.pointer(reference.strip_prefix('#')?)?;
        }
        let step = step.replace("~1", "/").replace("~0", "~");
        value = match value {
            Value::Array(items) => items
                .iter()
                .find(|item| diff::name(item) == step)
                .or_else(|| items.get(step.parse::<usize>().ok()?))?,
            other => other.get(step.as_str())?,
        };
    }
    Some(value)
}

/// Checks each witness that is a value. Returns how many there are.
fn confirm(old: &Value, new: &Value, verdicts: &[Verdict]) -> usize {
    let (old, new) = canonical_pair(old.clone(), new.clone(), true);
    let mut confirmed = 0;
    for verdict in verdicts {
        let is_compatible = verdict.severity == Severity::Compatible;
        assert_eq!(is_compatible, verdict.witness.is_none(), "{verdict:#?}");
        let Some(Witness::Value { carrier, schema, value }) = &verdict.witness else { continue };
        let direction = carrier.direction();
        let (Some(before), Some(now)) = (at(&old, schema), at(&new, schema)) else { continue };
        let (before, now) =
            (validates(&old, before, direction, value), validates(&new, now, direction, value));
        let expected = match carrier {
            MessageKind::Request => (true, false),
            MessageKind::Response => (false, true),
        };
        assert_eq!((before, now), expected, "{verdict:#?}");
        confirmed += 1;
    }
    confirmed
}

/// A document whose only schema is sent and read.
fn document(schema: &Value) -> Value {
    let content = json!({"a/b": {"schema": {"$ref": "#/components/schemas/It"}}});
    json!({
        "openapi": "3.1.0",
        "paths": {"/": {"post": {
            "requestBody": {"content": content}, "responses": {"200": {"content": content}},
        }}},
        "components": {"schemas": {"It": schema, "Other": {"type": "string", "minLength": 1}}},
    })
}

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn pick<'v, T>(&mut self, all: &'v [T]) -> &'v T {
        &all[self.below(all.len())]
    }

    fn schema(&mut self, depth: usize) -> Value {
        let kinds = if depth > 2 { 5 } else { 9 };
        let mut schema = match self.below(kinds) {
            0 => json!({"type": "string"}),
            1 => json!({"type": "integer"}),
            2 => json!({"type": "number"}),
            3 => json!({"enum": ["a", "b", "c", 1]}),
            4 => json!({"type": ["string", "null"]}),
            5 => json!({"type": "array", "items": self.schema(depth + 1)}),
            6 => json!({"anyOf": [self.schema(depth + 1), {"type": "boolean"}]}),
            7 => json!({"$ref": "#/components/schemas/Other"}),
            _ => json!({
                "type": "object",
                "required": ["a"],
                "properties": {
                    "a": self.schema(depth + 1), "b": self.schema(depth + 1),
                    "c": {"type": "string", "readOnly": true},
                },
            }),
        };
        if schema.get("$ref").is_none() && self.below(3) == 0 {
            self.limit(&mut schema);
        }
        schema
    }

    /// Sets or removes a keyword.
    fn limit(&mut self, schema: &mut Value) {
        let keywords = [
            ("maxLength", json!(3)),
            ("maxLength", json!(8)),
            ("minLength", json!(2)),
            ("pattern", json!("^[a-c]+$")),
            ("maximum", json!(7)),
            ("minimum", json!(-2)),
            ("multipleOf", json!(3)),
            ("format", json!("int32")),
            ("maxItems", json!(2)),
            ("minItems", json!(1)),
            ("uniqueItems", json!(true)),
            ("contains", json!({"type": "string"})),
            ("prefixItems", json!([{"type": "boolean"}])),
            ("maxProperties", json!(1)),
            ("minProperties", json!(2)),
            ("additionalProperties", json!(false)),
            ("required", json!(["a", "b"])),
            ("required", json!([])),
            ("dependentRequired", json!({"a": ["b"]})),
            ("propertyNames", json!({"maxLength": 1})),
            ("patternProperties", json!({"^x": {"type": "integer"}})),
            ("if", json!({"required": ["b"]})),
            ("not", json!({"required": ["z"]})),
            ("type", json!("string")),
            ("type", json!("number")),
            ("type", json!(["integer", "string"])),
            ("enum", json!(["a", "b"])),
        ];
        let types = schema["type"].clone();
        let applies = |keyword: &str| {
            let of_objects = ["if", "not"].contains(&keyword) && types != "object";
            if of_objects || (keyword == "format" && types != "integer") {
                return false;
            }
            let of = KEYWORDS_OF_TYPES.iter().find(|(_, keywords)| keywords.contains(&keyword));
            of.is_none_or(|(names, _)| {
                names.iter().any(|name| {
                    types == *name || types.to_string().contains(&format!("\"{name}\""))
                })
            })
        };
        let fitting: Vec<_> = keywords.iter().filter(|(keyword, _)| applies(keyword)).collect();
        let (keyword, value) = *self.pick(&fitting);
        match schema.get(*keyword) == Some(value) {
            true => drop(schema.as_object_mut().unwrap().remove(*keyword)),
            false => schema[*keyword] = value.clone(),
        }
        if *keyword == "if" {
            schema["then"] = json!({"required": ["c"]});
        }
    }

    /// The schema with one keyword changed somewhere.
    fn changed(&mut self, schema: &Value) -> Value {
        let mut changed = schema.clone();
        let mut places = vec![String::new()];
        for place in ["/properties/a", "/properties/b", "/items", "/anyOf/0"] {
            if changed.pointer(place).is_some_and(|one| one.get("$ref").is_none()) {
                places.push(place.to_owned());
            }
        }
        let place = self.pick(&places).clone();
        if changed.get("$ref").is_none() {
            self.limit(changed.pointer_mut(&place).unwrap());
        }
        changed
    }
}

#[test]
fn witness_is_accepted_by_one_document_and_refused_by_the_other() {
    let mut random = Random(7);
    let (mut confirmed, mut breaking) = (0, 0);
    for _ in 0..400 {
        let old = random.schema(0);
        let new = random.changed(&old);
        let (old, new) = (document(&old), document(&new));
        let verdicts = compare(&old, &new);
        breaking += verdicts.iter().filter(|one| one.severity == Severity::Breaking).count();
        confirmed += confirm(&old, &new, &verdicts);
    }
    println!("{confirmed} of {breaking} breaking changes have a value");
    assert!(confirmed * 10 >= breaking * 8, "{confirmed} of {breaking}");
}

/// A value as a client would send it: members that the schema names, each there or not.
fn instance(
    schemas: &Schemas<'_>,
    schema: &Value,
    random: &mut Random,
    depth: usize,
) -> Option<Value> {
    schemas.engine.fuel.set(100_000);
    let flat = crate::compatibility::flat::flatten(schemas.document, schema);
    let properties = flat.get("properties").and_then(Value::as_object);
    if let (Some(properties), true) = (properties, depth < 4 && random.below(8) > 0) {
        let mut object = Map::new();
        for (name, property) in properties {
            let is_hidden = property.get(schemas.direction.hiding_keyword()).is_some();
            if !is_hidden && random.below(3) > 0 {
                object.insert(name.clone(), instance(schemas, property, random, depth + 1)?);
            }
        }
        return Some(Value::Object(object));
    }
    if let (Some(items), true) = (flat.get("items"), random.below(8) > 0) {
        let items = (0..random.below(4)).map(|_| instance(schemas, items, random, depth + 1));
        return items.collect::<Option<Vec<Value>>>().map(Value::Array);
    }
    match (flat.get("enum").is_none(), flat["type"].as_str()) {
        (true, Some("integer")) => return Some((random.below(60) as i64 - 20).into()),
        (true, Some("number")) => return Some((random.below(200) as f64 / 4.0 - 10.0).into()),
        (true, Some("string")) if random.below(4) > 0 => {
            let text = (0..random.below(10)).map(|_| *random.pick(&['a', 'b', 'c', 'z', '0']));
            return Some(text.collect::<String>().into());
        }
        _ => {}
    }
    let pair = Pair { accepting: *schemas, refusing: *schemas };
    let candidates = pair.candidates(&flat, &flat, depth);
    (!candidates.is_empty()).then(|| random.pick(&candidates).clone())
}

#[test]
fn compatible_changes_accept_a_thousand_random_values() {
    let mut random = Random(11);
    let (mut pairs, mut values) = (0, 0);
    let engine = PatternCache::default();
    while pairs < 40 {
        let old = random.schema(0);
        // Other schemas have too few values.
        if old["type"] != "object" && old["type"] != "array" {
            continue;
        }
        let new = random.changed(&old);
        let (old, new) = (document(&old), document(&new));
        let verdicts = compare(&old, &new);
        let (old, new) = canonical_pair(old, new, true);
        for (direction, audience) in
            [(Direction::Request, Audience::Readers), (Direction::Response, Audience::Senders)]
        {
            let harmless = |verdict: &Verdict| {
                verdict.severity == Severity::Compatible || verdict.audience == audience
            };
            if verdicts.is_empty() || !verdicts.iter().all(harmless) {
                continue;
            }
            pairs += 1;
            let (accepting, refusing) = match direction {
                Direction::Request => (&old, &new),
                Direction::Response => (&new, &old),
            };
            let of = |document: &Value| document["components"]["schemas"]["It"].clone();
            let (schema, other) = (of(accepting), of(refusing));
            let schemas = Schemas { document: accepting, direction, engine: &engine };
            let mut checked = Map::new();
            for _ in 0..1_000 {
                let value = instance(&schemas, &schema, &mut random, 0);
                let Some(value) = value.filter(|one| !checked.contains_key(&one.to_string()))
                else {
                    continue;
                };
                if validates(accepting, &schema, direction, &value) {
                    values += 1;
                    assert!(
                        validates(refusing, &other, direction, &value),
                        "{value}: {schema} and {other}\n{verdicts:#?}"
                    );
                }
                checked.insert(value.to_string(), true.into());
            }
        }
    }
    println!("{values} values of {pairs} pairs");
    assert!(values >= 1_000, "{values}");
}
