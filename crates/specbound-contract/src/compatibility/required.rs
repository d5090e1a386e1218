//! Schemas whose value every request must contain: their defaults never apply.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::usage::pointer;
use crate::canonical::{FieldShape, ObjectKind, field_shape};

/// The pointers to which only required properties and required parameters of operations refer.
pub fn always_required(document: &Value) -> BTreeSet<String> {
    let mut required = RequiredReferences::default();
    for section in ["paths", "webhooks"] {
        for item in document[section].as_object().into_iter().flat_map(|all| all.values()) {
            required.visit(ObjectKind::PathItem, item, false);
        }
    }
    while let Some((pointer, kind)) = required.waiting.pop() {
        if let Some(target) = document.pointer(&pointer) {
            required.visit(kind, target, false);
        }
    }
    let found = required.found.into_iter();
    found.filter(|(_, required)| *required).map(|(pointer, _)| pointer).collect()
}

/// References that operations reach, and whether each represents a required value.
#[derive(Default)]
struct RequiredReferences {
    found: BTreeMap<String, bool>,
    waiting: Vec<(String, ObjectKind)>,
}

impl RequiredReferences {
    fn visit(&mut self, kind: ObjectKind, value: &Value, required: bool) {
        let Value::Object(members) = value else { return };
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            let Some(pointer) = pointer(reference) else { return };
            let known = self.found.entry(pointer.clone().into_owned());
            if let Entry::Vacant(_) = known {
                self.waiting.push((pointer.into_owned(), kind));
            }
            *known.or_insert(true) &= required;
            return;
        }
        let names = members.get("required").and_then(Value::as_array);
        let is_listed = |name: &String| names.is_some_and(|all| all.iter().any(|one| one == name));
        for (keyword, value) in members {
            match (field_shape(kind, keyword), value) {
                (FieldShape::One(inner), value) => {
                    let required = kind == ObjectKind::Parameter
                        && members.get("required") == Some(&Value::Bool(true));
                    self.visit(inner, value, required);
                }
                (
                    FieldShape::List(kind) | FieldShape::Set(kind) | FieldShape::Bag(kind),
                    Value::Array(items),
                ) => items.iter().for_each(|item| self.visit(kind, item, false)),
                (FieldShape::Map(inner), Value::Object(map)) => {
                    for (name, value) in map {
                        let required = keyword == "properties" && is_listed(name);
                        self.visit(inner, value, required);
                    }
                }
                (FieldShape::Parameters, Value::Object(map)) => {
                    map.values().for_each(|one| self.visit(ObjectKind::Parameter, one, false));
                }
                _ => {}
            }
        }
    }
}
