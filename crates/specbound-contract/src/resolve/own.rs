//! References that already lead to a component of the document and stay unchanged.

use std::collections::HashSet;

use serde_json::Value;

use super::{pure_reference, section};
use crate::canonical::{FieldShape, ObjectKind, field_shape};

impl<'a> ComponentNames<'a> {
    pub(super) fn of(root: &'a Value) -> ComponentNames<'a> {
        let sections = root["components"].as_object().into_iter().flatten();
        let entries = sections.flat_map(|(section, entries)| {
            let names = entries.as_object().into_iter().flatten();
            names.map(move |(name, _)| (section.as_str(), name.as_str()))
        });
        ComponentNames(entries.collect())
    }

    /// Whether a reference leads to a component of the document itself, and is spelled as it is in
    /// the result.
    pub(super) fn has(&self, reference: &str, section: &str) -> bool {
        component_name(reference, section).is_some_and(|name| self.0.contains(&(section, name)))
    }

    /// Whether all references of a document lead to its components already, as in most documents:
    /// then nothing is to be resolved, and the document is not copied.
    pub(super) fn is_self_contained(&self, shape: FieldShape, value: &Value) -> bool {
        match (shape, value) {
            (FieldShape::One(ObjectKind::Data), _) => true,
            (FieldShape::One(kind), Value::Object(fields)) => {
                let reference = fields.get("$ref").and_then(Value::as_str);
                let is_resolved = reference.is_none_or(|reference| {
                    section(kind).is_some_and(|section| self.has(reference, section))
                });
                is_resolved && fields.iter().all(|(key, value)| self.is_resolved(kind, key, value))
            }
            (
                FieldShape::List(kind) | FieldShape::Set(kind) | FieldShape::Bag(kind),
                Value::Array(items),
            ) => items.iter().all(|item| self.is_self_contained(FieldShape::One(kind), item)),
            (FieldShape::Parameters, Value::Array(items)) => {
                let shape = FieldShape::One(ObjectKind::Parameter);
                items.iter().all(|item| self.is_self_contained(shape, item))
            }
            (FieldShape::Map(kind), Value::Object(map)) => {
                map.values().all(|value| self.is_self_contained(FieldShape::One(kind), value))
            }
            _ => true,
        }
    }

    pub(super) fn is_resolved(&self, kind: ObjectKind, keyword: &str, value: &Value) -> bool {
        let mut entries = value.as_object().into_iter().flatten().map(|(_, entry)| entry);
        match (kind, keyword) {
            (ObjectKind::Document, "x-webhooks")
            | (ObjectKind::Schema, "$defs" | "definitions" | "$dynamicRef") => false,
            (ObjectKind::Discriminator, "mapping") => {
                entries.all(|target| target.as_str().is_some_and(|to| self.has(to, "schemas")))
            }
            (ObjectKind::Components, _) => {
                entries.all(|entry| pure_reference(entry).is_none())
                    && self.is_self_contained(field_shape(kind, keyword), value)
            }
            _ => self.is_self_contained(field_shape(kind, keyword), value),
        }
    }
}

/// The components of a document, each as `schemas/NAME`.
pub(super) struct ComponentNames<'a>(HashSet<(&'a str, &'a str)>);

/// The name in a reference to a component that is spelled without escapes.
pub(super) fn component_name<'r>(reference: &'r str, section: &str) -> Option<&'r str> {
    reference
        .strip_prefix("#/components/")
        .and_then(|rest| rest.strip_prefix(section)?.strip_prefix('/'))
        .filter(|name| !name.contains(['/', '~', '%']))
}

/// Whether a reference leads to a component of the document itself.
pub(super) fn is_own(root: &Value, reference: &str, section: &str) -> bool {
    component_name(reference, section)
        .is_some_and(|name| root["components"][section].get(name).is_some())
}
