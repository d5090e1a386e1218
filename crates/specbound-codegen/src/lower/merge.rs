//! `allOf` as one object with the members of all its parts, and a place for members of other
//! schemas.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value, json};

use super::{Lower, component_name};
use crate::given::RUST_TYPE;

impl Lower<'_> {
    /// An object with the members of all parts of `allOf`.
    pub(super) fn merged(
        &mut self,
        mut object: Map<String, Value>,
        seen: &mut BTreeSet<String>,
    ) -> Map<String, Value> {
        let mut ahead = match object.remove("allOf") {
            Some(Value::Array(all)) => all,
            _ => return object,
        };
        ahead.reverse();
        while let Some(mut part) = ahead.pop() {
            if !self.count_schema() {
                break;
            }
            if let Some(name) = part["$ref"].as_str().and_then(component_name) {
                // A schema that was merged already adds nothing, even if it refers to itself.
                if seen.insert(name.clone()) {
                    ahead.push(self.source["components"]["schemas"][&name].clone());
                }
                continue;
            }
            let Some(part) = part.as_object_mut() else { continue };
            if let Some(Value::Array(mut inner)) = part.remove("allOf") {
                inner.reverse();
                ahead.push(Value::Object(std::mem::take(part)));
                ahead.extend(inner);
                continue;
            }
            self.rewrite_types(part);
            for (keyword, value) in std::mem::take(part) {
                self.merge_keyword(&mut object, keyword, value);
            }
        }
        object
    }

    fn merge_keyword(&self, object: &mut Map<String, Value>, keyword: String, value: Value) {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                let known = object.entry("properties").or_insert_with(|| json!({}));
                let Some(known) = known.as_object_mut() else { return };
                for (name, property) in properties {
                    match known.get(&name) {
                        Some(other) if *other == property => {}
                        // The later schema refines the one before, like an extension of a base.
                        Some(_) => drop(known.insert(name, property)),
                        None => drop(known.insert(name, property)),
                    }
                }
            }
            ("required", Value::Array(names)) => {
                if let Some(known) =
                    object.entry("required").or_insert_with(|| json!([])).as_array_mut()
                {
                    let mut seen: HashSet<Value> = known.iter().cloned().collect();
                    known.extend(names.into_iter().filter(|name| seen.insert(name.clone())));
                }
            }
            ("oneOf" | "anyOf", value) => {
                if object.contains_key("oneOf") || object.contains_key("anyOf") {
                    object.insert("additionalProperties".to_owned(), json!({}));
                } else {
                    object.insert(keyword, value);
                }
            }
            (
                RUST_TYPE | "nullable" | "title" | "description" | "readOnly" | "writeOnly"
                | "default",
                _,
            ) => {}
            (_, value) => drop(object.entry(keyword).or_insert(value)),
        }
    }
}

/// Gives an object a place for members beside its own, where schemas that extend it have them, or
/// keywords that no type is made of. They stand in the values, and would be lost.
pub(super) fn keep_other_members(object: &mut Map<String, Value>) {
    let is_extended = object.contains_key("discriminator")
        && !["oneOf", "anyOf"].iter().any(|keyword| object.contains_key(*keyword));
    let of_keywords = || {
        let inner = ["then", "else"].iter().filter_map(|keyword| object.get(*keyword));
        let dependent = object.get("dependentSchemas").and_then(Value::as_object);
        let mut inner = inner.chain(dependent.into_iter().flat_map(Map::values));
        object.contains_key("patternProperties")
            || inner.any(|schema| schema.get("properties").is_some())
    };
    if object.contains_key("properties")
        && object.get("additionalProperties").is_none_or(Value::is_boolean)
        && (is_extended || of_keywords())
    {
        object.insert("additionalProperties".to_owned(), json!({}));
    }
}
