//! The Rust names that a document chooses for the members of its schemas.

use serde_json::{Map, Value, json};

use super::Lower;
use crate::fields::Chosen;
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
}
