//! Finds the schemas that rows and Rust types enforce without a table.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::formats;
use crate::given::RUST_TYPE;
use crate::read::{component, unescape};

/// Keywords that say nothing about a value, or that a row or a type holds in any place.
const ALWAYS: [&str; 17] = [
    "type",
    "nullable",
    "readOnly",
    "writeOnly",
    "title",
    "description",
    "summary",
    "default",
    "example",
    "examples",
    "deprecated",
    "externalDocs",
    "xml",
    "$comment",
    "contentMediaType",
    "contentEncoding",
    "contentSchema",
];

/// Keywords that a row of an object's members holds.
const ROW: [&str; 9] = [
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
];

/// Finds the schemas of requests that have no keyword that needs a table. Each component is looked
/// at once.
pub struct PlainSchemas<'a> {
    source: &'a Value,
    /// Whether the schemas are those of parameters, whose readers hold every format of a text.
    are_parameters: bool,
    /// Components that are checked, or being checked, with `is_row`.
    seen: BTreeSet<(String, bool)>,
    /// Components with such a keyword, at any depth.
    failed: BTreeSet<(String, bool)>,
}

impl<'a> PlainSchemas<'a> {
    pub fn new(source: &'a Value) -> PlainSchemas<'a> {
        let (seen, failed) = (BTreeSet::new(), BTreeSet::new());
        PlainSchemas { source, are_parameters: false, seen, failed }
    }

    /// As [`PlainSchemas::new`], for parameters.
    pub fn of_parameters(source: &'a Value) -> PlainSchemas<'a> {
        PlainSchemas { are_parameters: true, ..PlainSchemas::new(source) }
    }

    /// Whether a schema has no keyword that needs a table.
    pub fn is_plain(&mut self, schema: &Value) -> bool {
        let holds = self.holds(schema, true);
        if !holds {
            // They may be there for a component that failed.
            self.seen.clear();
        }
        holds
    }

    /// `is_row`: whether a row holds the bounds of this schema.
    fn holds(&mut self, schema: &Value, is_row: bool) -> bool {
        let Some(object) = schema.as_object() else { return schema == true };
        object.iter().all(|(keyword, value)| self.keyword(object, keyword, value, is_row))
    }

    fn keyword(
        &mut self,
        object: &Map<String, Value>,
        keyword: &str,
        value: &Value,
        is_row: bool,
    ) -> bool {
        match keyword {
            "type" => value
                .as_array()
                .is_none_or(|types| types.iter().filter(|kind| *kind != "null").count() < 2),
            "format" if formats::needs_table(value) => {
                let is_text = object.get("type").is_some_and(|kind| {
                    let mut types = kind.as_array().into_iter().flatten();
                    kind == "string" || types.any(|kind| kind == "string")
                });
                // A row has its choices, or its address.
                let is_held =
                    self.are_parameters || value == "email" && !object.contains_key("enum");
                is_row && is_text && is_held
            }
            "format" => true,
            // The type of the user holds what it likes.
            RUST_TYPE => self.are_parameters,
            known if ALWAYS.contains(&known) || known.starts_with("x-") => true,
            known if ROW.contains(&known) => is_row,
            "enum" => {
                object.get("type").is_none_or(|kind| kind == "string")
                    && value.as_array().is_some_and(|choices| choices.iter().all(Value::is_string))
            }
            "$ref" => {
                let Some(name) = value.as_str().and_then(component).map(unescape) else {
                    return false;
                };
                let target = &self.source["components"]["schemas"][&name];
                let component = (name, is_row);
                if self.failed.contains(&component) {
                    return false;
                }
                if !self.seen.insert(component.clone()) || self.holds(target, is_row) {
                    return true;
                }
                self.failed.insert(component);
                false
            }
            "items" => {
                let is_list = value["type"] == "array";
                self.holds(value, is_row && !is_list)
            }
            "properties" => value.as_object().is_some_and(|properties| {
                let mut sent = properties.values().filter(|property| property["readOnly"] != true);
                sent.all(|property| self.holds(property, is_row))
            }),
            "required" => value.as_array().is_none_or(|names| {
                let known = |name: &Value| {
                    name.as_str().is_some_and(|n| object["properties"].get(n).is_some())
                };
                object.get("properties").is_some() && names.iter().all(known)
            }),
            "additionalProperties" => value != false && self.holds(value, false),
            "allOf" => match value.as_array().map(Vec::as_slice) {
                Some([only]) => {
                    let shapes = ["properties", "required", "additionalProperties", "items"];
                    shapes.iter().all(|shape| !object.contains_key(*shape))
                        && self.holds(only, is_row)
                }
                _ => false,
            },
            "uniqueItems" => value != true,
            "minProperties" => value.as_f64() == Some(0.0),
            _ => false,
        }
    }
}
