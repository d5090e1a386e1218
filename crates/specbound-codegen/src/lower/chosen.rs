//! The choices of a document for its Rust code: fields of members, and types of schemas.

use serde_json::{Map, Value, json};

use super::{Checked, Lower};
use crate::fields::Chosen;
use crate::given::{RUST_TYPE, is_path};
use crate::names::RUST_NAME;
use crate::openapi::FIELDS;
use crate::read::escape;

impl Lower<'_> {
    /// Keeps the fields that the members of an object choose, and lists those that cannot be had.
    pub(super) fn chosen_fields(
        &mut self,
        object: &mut Map<String, Value>,
        properties: &Map<String, Value>,
        at: &str,
    ) {
        let chosen = Chosen::of(properties);
        for (member, reason) in chosen.refused {
            self.note(&format!("{at}/properties/{}/{RUST_NAME}", escape(&member)), &reason);
        }
        object.remove(FIELDS);
        if !chosen.fields.is_empty() {
            object.insert(FIELDS.to_owned(), json!(chosen.fields));
        }
    }

    pub(super) fn schema(&mut self, source: &Value, at: &str, checked: Checked) -> Value {
        let mut lowered = self.own_schema(source, at, checked);
        if let Some(written) = source.get(RUST_TYPE)
            && let Some(given) = self.given(written, &format!("{at}/{RUST_TYPE}"), checked)
        {
            if lowered.get("$ref").is_some() {
                lowered = json!({ "allOf": [lowered] });
            }
            lowered[RUST_TYPE] = given;
        }
        lowered
    }

    /// The type that a schema gives: a path, or as typify reads it. typify uses only crates that it
    /// is told, so that the documents of Oxide need none of theirs.
    fn given(&mut self, written: &Value, at: &str, checked: Checked) -> Option<Value> {
        let path = match written {
            Value::String(path) => Some(path),
            Value::Object(says) => {
                let name = says.get("crate").and_then(Value::as_str);
                if name.is_some_and(|name| !self.crates.contains(&name)) {
                    return None;
                }
                let start = name.map(|name| format!("{}::", name.replace('-', "_")));
                let path = match says.get("path") {
                    Some(Value::String(path)) => Some(path),
                    _ => None,
                };
                path.zip(start)
                    .filter(|(path, start)| path.starts_with(start))
                    .map(|(path, _)| path)
            }
            _ => None,
        };
        let Some(path) = path.filter(|path| is_path(path)) else {
            self.refuse(at, "the path of a Rust type is needed here, such as `my_types::Money`");
            return None;
        };
        let mut parameters = Vec::new();
        for (n, parameter) in written["parameters"].as_array().into_iter().flatten().enumerate() {
            parameters.push(self.schema(parameter, &format!("{at}/parameters/{n}"), checked));
        }
        Some(json!({ "path": path, "parameters": parameters }))
    }
}
