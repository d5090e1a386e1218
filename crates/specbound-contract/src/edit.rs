//! Visits the objects of a document to change them.

use serde_json::Value;

use crate::canonical::{FieldShape, ObjectKind, field_shape};
use crate::diff::join;

/// Calls `edit` for each object of a document, the innermost first, with its kind and its JSON
/// pointer. A schema may also be a boolean. Data is left out.
pub(crate) fn edit(document: &mut Value, mut edit: impl FnMut(ObjectKind, &str, &mut Value)) {
    object(ObjectKind::Document, "", document, &mut edit);
}

type Edit<'e> = &'e mut dyn FnMut(ObjectKind, &str, &mut Value);

fn object(kind: ObjectKind, pointer: &str, value: &mut Value, edit: Edit<'_>) {
    if kind == ObjectKind::Data {
        return;
    }
    for (keyword, value) in value.as_object_mut().into_iter().flatten() {
        let pointer = join(pointer, keyword);
        match (field_shape(kind, keyword), value) {
            (FieldShape::One(kind), value) => object(kind, &pointer, value, edit),
            (FieldShape::Map(kind), Value::Object(entries)) => {
                for (name, entry) in entries {
                    object(kind, &join(&pointer, name), entry, edit);
                }
            }
            (
                FieldShape::List(kind) | FieldShape::Set(kind) | FieldShape::Bag(kind),
                Value::Array(items),
            ) => list(kind, &pointer, items, edit),
            (FieldShape::Parameters, Value::Array(items)) => {
                list(ObjectKind::Parameter, &pointer, items, edit);
            }
            _ => {}
        }
    }
    if value.is_object() || (kind == ObjectKind::Schema && value.is_boolean()) {
        edit(kind, pointer, value);
    }
}

fn list(kind: ObjectKind, pointer: &str, items: &mut [Value], edit: Edit<'_>) {
    for (index, item) in items.iter_mut().enumerate() {
        object(kind, &join(pointer, &index.to_string()), item, edit);
    }
}
