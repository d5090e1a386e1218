//! Values of schemas, drawn and checked by a JSON Schema validator: the witnesses of verdicts, and
//! values that a harmless change must leave as they were.

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use specbound_contract::compatibility::Verdict;
use specbound_contract::convert::{Target, convert};
use specbound_contract::witness::{MessageKind, Witness};

/// The witnesses of a comparison, counted.
#[derive(Default)]
pub struct Confirmed {
    pub values: usize,
    pub messages: usize,
    /// Values at a place that cannot be found in both documents.
    pub elsewhere: usize,
    /// Why there is none.
    pub reasons: Vec<&'static str>,
    pub faults: Vec<String>,
}

/// Checks the witnesses of verdicts: each that is a value is accepted by one document and refused
/// by the other.
pub fn confirm(old: &Value, new: &Value, verdicts: &[Verdict]) -> Confirmed {
    let mut confirmed = Confirmed::default();
    let modern = |document: &Value| convert(document, Target::V3_1).document;
    let mut converted = None;
    for verdict in verdicts {
        let (carrier, schema, value) = match &verdict.witness {
            None => continue,
            Some(Witness::None(reason)) => {
                confirmed.reasons.push(reason);
                continue;
            }
            Some(Witness::Message { .. }) => {
                confirmed.messages += 1;
                continue;
            }
            Some(Witness::Value { carrier, schema, value }) => (*carrier, schema, value),
        };
        let (old, new) = converted.get_or_insert_with(|| (modern(old), modern(new)));
        let (Some(before), Some(now)) = (at(old, schema), at(new, schema)) else {
            confirmed.elsewhere += 1;
            continue;
        };
        let accepts = |document: &Value, schema: &Value| {
            Values::domain_of(document, schema, carrier).accepts(value)
        };
        let expected = (carrier == MessageKind::Request, carrier == MessageKind::Response);
        let found = (accepts(old, before), accepts(new, now));
        match found == expected {
            true => confirmed.values += 1,
            false => confirmed.faults.push(format!("{found:?} for {value}: {verdict:#?}")),
        }
    }
    confirmed
}

/// The step in a path for an element of a set.
fn name(element: &Value) -> String {
    element.as_str().map_or_else(|| element.to_string(), str::to_owned)
}

/// The schema at a pointer of the canonical form, through references and lists.
fn at<'v>(document: &'v Value, pointer: &str) -> Option<&'v Value> {
    let through = |mut value: &'v Value| {
        for _ in 0..32 {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { break };
            value = document.pointer(reference.strip_prefix('#')?)?;
        }
        Some(value)
    };
    let mut value = document;
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        value = match through(value)? {
            Value::Array(items) => {
                let is_named = |item: &&'v Value| {
                    let item = through(item).unwrap_or(*item);
                    let (location, own) = (item["in"].as_str(), item["name"].as_str());
                    location
                        .zip(own)
                        .is_some_and(|(location, own)| format!("{location}:{own}") == step)
                };
                let index = || items.get(step.parse::<usize>().ok()?);
                items.iter().find(|item| name(item) == step || is_named(item)).or_else(index)?
            }
            other => other.get(step.as_str())?,
        };
    }
    Some(value)
}

/// A schema of exact texts accepts few of the values that are drawn.
const MAX_DRAWS_PER_VALUE: usize = 20;

/// The values of one schema.
pub struct Values {
    schema: Value,
    components: Value,
    validator: Validator,
    random: u64,
}

impl Values {
    pub fn of(document: &Value, schema: &Value) -> Values {
        let components = json!({"schemas": document["components"]["schemas"]});
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": components,
        });
        let validator = jsonschema::options().should_validate_formats(true).build(&whole);
        let validator = validator.unwrap_or_else(|error| panic!("{schema}: {error}"));
        Values { schema: schema.clone(), components, validator, random: 7 }
    }

    /// As messages carry them: without the properties that are hidden there.
    pub fn domain_of(document: &Value, schema: &Value, carrier: MessageKind) -> Values {
        let hidden = match carrier {
            MessageKind::Request => "readOnly",
            MessageKind::Response => "writeOnly",
        };
        let schemas = shown(&document["components"]["schemas"], hidden);
        Values::of(&json!({"components": {"schemas": schemas}}), &shown(schema, hidden))
    }

    pub fn accepts(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// So many values that the schema accepts; fewer if most that are drawn are refused.
    pub fn draw(&mut self, count: usize) -> Vec<Value> {
        let schema = self.schema.clone();
        let mut drawn = Vec::new();
        for _ in 0..count * MAX_DRAWS_PER_VALUE {
            if drawn.len() == count {
                break;
            }
            let value = self.value(&schema, 0);
            drawn.extend(self.accepts(&value).then_some(value));
        }
        drawn
    }

    fn below(&mut self, limit: usize) -> usize {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % limit.max(1)
    }

    fn text(&mut self) -> String {
        let length = self.below(10);
        (0..length).map(|_| char::from(b"abxy-1"[self.below(6)])).collect()
    }

    /// A value that may meet a schema.
    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or_default();
            let target = self.components["schemas"][name].clone();
            return self.value(&target, depth + 1);
        }
        if let Some(only) = schema.get("const") {
            return only.clone();
        }
        if let Some(values) = schema["enum"].as_array().filter(|values| !values.is_empty()) {
            return values[self.below(values.len())].clone();
        }
        for keyword in ["anyOf", "oneOf", "allOf"] {
            if let Some(members) = schema[keyword].as_array().filter(|all| !all.is_empty())
                && schema.get("properties").is_none()
            {
                let member = members[self.below(members.len())].clone();
                return self.value(&member, depth + 1);
            }
        }
        let kind = match &schema["type"] {
            Value::String(one) => one.clone(),
            Value::Array(many) => many[self.below(many.len())].as_str().unwrap().to_owned(),
            _ => ["string", "integer", "object", "null", "boolean"][self.below(5)].to_owned(),
        };
        match kind.as_str() {
            "null" => Value::Null,
            "boolean" => (self.below(2) == 0).into(),
            "integer" => (self.below(24) as i64 - 8).into(),
            "number" => ((self.below(80) as f64 - 16.0) / 4.0).into(),
            "array" if depth < 4 => {
                let length = self.below(5);
                (0..length).map(|index| self.item(schema, index, depth)).collect()
            }
            "object" if depth < 4 => self.object(schema, depth),
            "array" => json!([]),
            "object" => json!({}),
            _ => self.text().into(),
        }
    }

    fn item(&mut self, schema: &Value, index: usize, depth: usize) -> Value {
        let own = schema["prefixItems"].get(index).cloned();
        let own = own.unwrap_or_else(|| match self.below(2) {
            0 => schema["contains"].clone(),
            _ if schema["items"].is_object() => schema["items"].clone(),
            _ => schema["unevaluatedItems"].clone(),
        });
        self.value(&own, depth + 1)
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut members = Map::new();
        for (name, property) in schema["properties"].as_object().cloned().into_iter().flatten() {
            if self.below(3) > 0 {
                members.insert(name, self.value(&property, depth + 1));
            }
        }
        if self.below(3) == 0 {
            let (name, value) = (self.text(), self.text());
            members.insert(name, value.into());
        }
        if self.below(4) == 0 {
            let name = format!("x-{}", self.text());
            members.insert(name, self.value(&json!({}), depth + 1));
        }
        Value::Object(members)
    }
}

/// A schema without the properties that are hidden by this keyword.
fn shown(schema: &Value, hidden: &str) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut fields: Map<String, Value> =
                fields.iter().map(|(key, value)| (key.clone(), shown(value, hidden))).collect();
            let properties = fields.get("properties").and_then(Value::as_object);
            let is_hidden = |value: &Value| value.get(hidden) == Some(&json!(true));
            let gone: Vec<String> = properties
                .into_iter()
                .flatten()
                .filter(|(_, value)| is_hidden(value))
                .map(|(name, _)| name.clone())
                .collect();
            // The validator knows formats of texts alone.
            if let Some("int32") = fields.get("format").and_then(Value::as_str) {
                let range = json!({"minimum": i32::MIN, "maximum": i32::MAX});
                let all = fields.entry("allOf").or_insert_with(|| json!([]));
                all.as_array_mut().unwrap().push(range);
            }
            for name in gone {
                if let Some(Value::Object(all)) = fields.get_mut("properties") {
                    all.remove(&name);
                }
                if let Some(Value::Array(required)) = fields.get_mut("required") {
                    required.retain(|one| *one != name.as_str());
                }
            }
            Value::Object(fields)
        }
        Value::Array(items) => items.iter().map(|item| shown(item, hidden)).collect(),
        other => other.clone(),
    }
}
