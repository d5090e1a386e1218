//! Forms with files: the members of a `multipart/form-data` body that are files, and the form
//! without them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::schema::is_annotation;
use super::{Lower, MAX_REFERENCES};
use crate::fields::identifier;
use crate::names::RUST_NAME;
use crate::openapi::ORIGINAL;
use crate::read::escape;

/// Members of schemas within `allOf` are looked at so deep.
const MAX_DEPTH: usize = 8;

impl Lower<'_> {
    /// A form with files, in the shape that [`crate::document`] reads. `None` for a form without.
    pub(super) fn file_form(&mut self, entry: &Value, at: &str) -> Option<Value> {
        let schema = entry.get("schema")?;
        let (mut files, mut required) = (Map::new(), BTreeSet::new());
        let rest = self.without_files(schema, &mut files, &mut required, 0)?;
        // Every form is an object; the export must not say so where the document does not.
        let mut object = rest.clone();
        if object.get("type").is_none() {
            object["type"] = json!("object");
        }
        let lowered = self.with_members(&object, &format!("{at}/schema"))?;
        self.check_keywords(schema, &format!("{at}/schema"));
        let encoding = entry.get("encoding").and_then(Value::as_object);
        for (name, encoding) in encoding.into_iter().flatten() {
            let place = format!("{at}/encoding/{}", escape(name));
            let mut keywords = encoding.as_object().into_iter().flatten();
            let file = files.get_mut(name);
            let is_enforced =
                keywords.all(|(key, _)| key == "contentType" || key.starts_with("x-"));
            if file.is_none() || !is_enforced {
                let reason =
                    "of the encoding of single fields the content type of files is checked";
                self.unenforced(&place, reason);
            }
            if let (Some(file), Some(types)) = (file, encoding["contentType"].as_str()) {
                let types = types.split(',').map(|one| one.trim().to_ascii_lowercase());
                let types: Vec<String> = types.filter(|one| !one.is_empty()).collect();
                file["contentTypes"] = json!(types);
            }
        }
        let rows = files.into_iter().map(|(name, mut file)| {
            file["required"] = json!(required.contains(&name));
            file["name"] = json!(name);
            file
        });
        let rows: Vec<Value> = rows.collect();
        Some(json!({ "schema": lowered, ORIGINAL: rest, "files": rows }))
    }

    /// A schema without the members that are files, which go to `files`. `None` if it has none.
    fn without_files(
        &self,
        schema: &Value,
        files: &mut Map<String, Value>,
        required: &mut BTreeSet<String>,
        depth: usize,
    ) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut rest = self.follow(schema, "schemas").as_object()?.clone();
        let mut has_files = false;
        if let Some(Value::Object(properties)) = rest.get_mut("properties") {
            properties.retain(|name, member| {
                let file = self.file(member).filter(|_| member["readOnly"] != true);
                let is_file = file.is_some();
                files.extend(file.map(|file| (name.clone(), file)));
                has_files |= is_file;
                !is_file
            });
        }
        for part in rest.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(without) = self.without_files(part, files, required, depth + 1) {
                *part = without;
                has_files = true;
            }
        }
        if let Some(Value::Array(names)) = rest.get_mut("required") {
            required.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
            names.retain(|name| name.as_str().is_none_or(|name| !files.contains_key(name)));
            if names.is_empty() {
                rest.remove("required");
            }
        }
        has_files.then_some(Value::Object(rest))
    }

    /// The row of a member that is a file or a list of files.
    fn file(&self, member: &Value) -> Option<Value> {
        let field = member[RUST_NAME].as_str().and_then(identifier);
        let member = self.followed(member);
        let is_array = member["type"] == "array";
        let file = if is_array { self.followed(member.get("items")?) } else { member };
        let is_text = file.get("type").is_none_or(|kind| kind == "string");
        let is_content = |key: &str| !self.is_3_0 && file.get(key).is_some_and(Value::is_string);
        let is_anything = !self.is_3_0
            && file.as_object().is_some_and(|all| all.keys().all(|keyword| is_annotation(keyword)));
        let is_file = is_text
            && (file["format"] == "binary"
                || is_content("contentMediaType")
                || is_content("contentEncoding")
                || is_anything);
        is_file.then(|| {
            let types: Vec<String> = file["contentMediaType"]
                .as_str()
                .filter(|_| !self.is_3_0 && file.get("contentEncoding").is_none())
                .map(str::to_ascii_lowercase)
                .into_iter()
                .collect();
            let bound = |schema: &Value, key: &str| schema[key].as_u64();
            json!({
                "field": field,
                "isArray": is_array,
                "minItems": bound(member, "minItems").filter(|_| is_array),
                "maxItems": bound(member, "maxItems").filter(|_| is_array),
                "maxLength": bound(file, "maxLength"),
                "contentTypes": types,
            })
        })
    }

    /// A schema behind references, and behind `allOf` with one member.
    fn followed<'v>(&'v self, schema: &'v Value) -> &'v Value {
        let mut schema = self.follow(schema, "schemas");
        for _ in 0..MAX_REFERENCES {
            match schema["allOf"].as_array().map(Vec::as_slice) {
                Some([only]) => schema = self.follow(only, "schemas"),
                _ => break,
            }
        }
        schema
    }
}
