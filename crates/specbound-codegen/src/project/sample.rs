//! A small valid value of a schema.

mod pattern;

use std::cell::Cell;

use serde_json::{Map, Value, json};

use crate::discriminator::Choice;
use crate::document::Document;
use crate::read::component;
use crate::types::type_name;

/// Most schemas within each other.
const MAX_DEPTH: usize = 24;

/// Most schemas that one value is made of.
const MAX_STEPS: usize = 2_000;

/// Who writes the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// Without members that are read only.
    Client,
    Server,
}

/// A value of a schema, with its required members alone.
pub fn of(schema: &Value, document: &Document, writer: Writer) -> Value {
    Sampler { document, writer, left: Cell::new(MAX_STEPS) }.sample(schema, 0)
}

/// The same of a parameter or a body that is there: it has no null.
pub fn of_argument(schema: &Value, document: &Document) -> Value {
    let mut schema = schema;
    for _ in 0..MAX_DEPTH {
        let name = schema["$ref"].as_str().and_then(component);
        let Some(found) = name.and_then(|name| document.schema(name)) else { break };
        schema = &found.source;
    }
    let mut schema = schema.clone();
    if let Some(keywords) = schema.as_object_mut() {
        keywords.remove("nullable");
    }
    of(&schema, document, Writer::Client)
}

struct Sampler<'a> {
    document: &'a Document,
    writer: Writer,
    /// Schemas that may still be looked at: alternatives within each other multiply.
    left: Cell<usize>,
}

impl Sampler<'_> {
    fn sample(&self, schema: &Value, depth: usize) -> Value {
        self.left.set(self.left.get().saturating_sub(1));
        if depth > MAX_DEPTH || self.left.get() == 0 || schema["nullable"] == true {
            return Value::Null;
        }
        if let Some(name) = schema["$ref"].as_str().and_then(component) {
            let found = self.document.schema(name);
            return found.map_or(Value::Null, |found| self.sample(&found.source, depth + 1));
        }
        let mut choices = schema["enum"].as_array().into_iter().flatten();
        if let Some(choice) = choices.find(|choice| !choice.is_null()) {
            return choice.clone();
        }
        if let Some([only]) = schema["allOf"].as_array().map(Vec::as_slice) {
            return self.sample(only, depth + 1);
        }
        for keyword in ["oneOf", "anyOf"] {
            let alternatives = schema[keyword].as_array().map(Vec::as_slice).unwrap_or_default();
            let choice = self.discriminator(alternatives);
            // The shortest one, since the first can lead back here.
            let samples = alternatives.iter().enumerate().map(|(n, alternative)| {
                let mut value = self.sample(alternative, depth + 1);
                if let Some(choice) = choice {
                    choice.name(n, &mut value);
                }
                value
            });
            if let Some(value) = samples.min_by_key(|value| value.to_string().len()) {
                return value;
            }
        }
        match schema["type"].as_str() {
            Some("string") => json!(text(schema)),
            Some("integer") => json!(number(schema, 1.0) as i64),
            Some("number") => json!(number(schema, 0.0)),
            Some("boolean") => json!(true),
            Some("array") => {
                let count = schema["minItems"].as_u64().unwrap_or(0).min(8);
                let mut items: Vec<Value> =
                    (0..count).map(|_| self.sample(&schema["items"], depth + 1)).collect();
                // In a form an empty list is a missing one.
                if count == 0 && schema["maxItems"] != 0 {
                    let item = self.sample(&schema["items"], depth + 1);
                    let is_plain = item.is_string() || item.is_number() || item.is_boolean();
                    items.extend(Some(item).filter(|_| is_plain));
                }
                Value::Array(items)
            }
            Some("object") => {
                let required = schema["required"].as_array().into_iter().flatten();
                let members = required.filter_map(Value::as_str).filter_map(|name| {
                    let member = &schema["properties"][name];
                    let is_left_out = self.writer == Writer::Client && member["readOnly"] == true;
                    (!is_left_out).then(|| (name.to_owned(), self.sample(member, depth + 1)))
                });
                Value::Object(members.collect::<Map<_, _>>())
            }
            _ => json!({}),
        }
    }

    fn discriminator(&self, alternatives: &[Value]) -> Option<&Choice> {
        let name = |one: &Value| Some(type_name(one["$ref"].as_str().and_then(component)?));
        let names: Option<Vec<_>> = alternatives.iter().map(name).collect();
        let names = names?.iter().map(ToString::to_string).collect();
        self.document.discriminators.of(&names)
    }
}

fn text(schema: &Value) -> String {
    let known = match schema["format"].as_str() {
        Some("date") => "2030-01-31",
        Some("date-time") => "2030-01-31T00:00:00Z",
        Some("uuid") => "123e4567-e89b-12d3-a456-426614174000",
        Some("ip" | "ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("date-time-local") => "2030-01-31T00:00:00",
        Some("time") => "00:00:00Z",
        Some("time-local") => "00:00:00",
        Some("duration") => "PT1S",
        Some("email" | "idn-email") => "ada@example.com",
        Some("uri" | "iri") => "https://example.com/",
        Some("byte" | "base64url") => "eHh4",
        Some("json-pointer") => "/x",
        Some("relative-json-pointer") => "0",
        _ => "x",
    };
    let length = |keyword: &str| schema[keyword].as_u64().map(|length| length as usize);
    let min = length("minLength").unwrap_or(0).min(1_000);
    let max = length("maxLength").unwrap_or(usize::MAX);
    let text = match schema["pattern"].as_str() {
        Some(pattern) => pattern::text(pattern, min.max(1).min(max), max),
        None => None,
    };
    let padded = format!("{known}{}", "x".repeat(min.saturating_sub(known.len())));
    text.unwrap_or_else(|| if known == "x" && max == 0 { String::new() } else { padded })
}

/// A number within the bounds, 1 if possible; `step` is 1 for whole numbers.
fn number(schema: &Value, step: f64) -> f64 {
    let bound = |keyword: &str, exclusive: &str, towards: f64| {
        let bound = schema[keyword].as_f64()?;
        let inside = if step > 0.0 { step } else { bound.abs().max(1.0) * 1e-6 };
        Some(if schema[exclusive] == true { bound + towards * inside } else { bound })
    };
    let min = bound("minimum", "exclusiveMinimum", 1.0).unwrap_or(f64::NEG_INFINITY);
    let max = bound("maximum", "exclusiveMaximum", -1.0).unwrap_or(1e9);
    let (min, max) = if step > 0.0 { (min.ceil(), max.floor()) } else { (min, max) };
    1f64.max(min).min(max)
}
