//! Content types as the generated code has them.

use serde_json::{Map, Value};

use super::Lower;
use crate::openapi::{JSON, is_json_range, is_json_type};

/// Parts of schemas are looked at so deep.
const MAX_DEPTH: usize = 8;

impl Lower<'_> {
    /// A content type in lower case, without parameters. A range is JSON where its schema is an
    /// object or a list, and no other content type of `all` is JSON: springdoc and Kubernetes write
    /// `*/*` so.
    pub(super) fn base(&self, media: &str, entry: &Value, all: &Map<String, Value>) -> String {
        let base =
            |media: &str| media.split(';').next().unwrap_or(media).trim().to_ascii_lowercase();
        let own = base(media);
        let has_json = || {
            let mut others = all.keys().map(|media| base(media)).filter(|other| *other != own);
            others.any(|other| is_json_type(&other) || is_json_range(&other) && other < own)
        };
        match is_json_range(&own) && self.is_structure(&entry["schema"], 0) && !has_json() {
            true => JSON.to_owned(),
            false => own,
        }
    }

    /// Whether the values of a schema are objects or lists, which bytes are not.
    fn is_structure(&self, schema: &Value, depth: usize) -> bool {
        let schema = self.follow(schema, "schemas");
        let is_inner = |schema: &Value| depth < MAX_DEPTH && self.is_structure(schema, depth + 1);
        let parts = |keyword: &str| schema[keyword].as_array().into_iter().flatten();
        let is_kind = |kind: &Value| kind == "object" || kind == "array";
        let mut kinds = schema["type"].as_array().into_iter().flatten();
        let choices = || ["oneOf", "anyOf"].into_iter().flat_map(parts);
        is_kind(&schema["type"])
            || kinds.any(is_kind)
            || schema.get("properties").is_some()
            || parts("allOf").any(is_inner)
            || choices().next().is_some() && choices().all(is_inner)
    }
}
