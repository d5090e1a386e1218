//! A part of a document: the operations that a selection names, with what they refer to.
//!
//! Both sides of a comparison must be selected in the same way. A selection never changes what an
//! operation means.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::Document;
use crate::canonical::is_method;
use crate::diff::join;

/// Which operations of a document are compared, and under which paths. In patterns `*` stands for
/// any text. An empty list selects all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// Patterns of paths, and of the names of webhooks.
    pub paths: Vec<String>,
    /// Patterns of tags.
    pub tags: Vec<String>,
    /// Patterns of `operationId`, or of `POST /login/`.
    pub operations: Vec<String>,
    /// Prefixes that are removed from paths, before the patterns are applied.
    pub strip_prefixes: Vec<String>,
}

/// Why a document cannot be selected from.
#[derive(Debug, Error)]
pub enum SelectError {
    /// Two paths would become one.
    #[error("without their prefixes, two paths are called `{0}`")]
    SamePath(String),
}

impl Document {
    /// Keeps the operations of a selection, and the components that they refer to.
    ///
    /// # Errors
    ///
    /// [`SelectError`].
    pub fn select(&mut self, selection: &Selection) -> Result<(), SelectError> {
        self.strip_prefixes(&selection.strip_prefixes)?;
        let Selection { paths, tags, operations, .. } = selection;
        if [paths, tags, operations].into_iter().all(Vec::is_empty) {
            return Ok(());
        }
        for section in ["paths", "webhooks"] {
            let Some(items) = self.value[section].as_object_mut() else { continue };
            items.retain(|path, item| retain_selected(path, item, selection));
        }
        prune(&mut self.value);
        Ok(())
    }

    fn strip_prefixes(&mut self, prefixes: &[String]) -> Result<(), SelectError> {
        let Some(paths) = self.value["paths"].as_object_mut() else { return Ok(()) };
        let mut stripped = Map::new();
        for (path, item) in std::mem::take(paths) {
            let short = prefixes.iter().find_map(|prefix| without_prefix(&path, prefix));
            let name = short.unwrap_or(&path).to_owned();
            if short.is_some() {
                let origins = &mut self.resolved.origins;
                let (old, new) = (join("/paths", &path), join("/paths", &name));
                let origin = origins.remove(&old).unwrap_or((0, old));
                origins.insert(new, origin);
            }
            if stripped.insert(name.clone(), item).is_some() {
                return Err(SelectError::SamePath(name));
            }
        }
        *paths = stripped;
        Ok(())
    }
}

/// The path without a prefix of whole segments.
fn without_prefix<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    match path.strip_prefix(prefix.trim_end_matches('/'))? {
        "" => Some("/"),
        rest if rest.starts_with('/') && prefix.len() > 1 => Some(rest),
        _ => None,
    }
}

/// Removes the operations of a path item that are not selected. Returns whether any is left.
fn retain_selected(path: &str, item: &mut Value, selection: &Selection) -> bool {
    let any = |patterns: &[String], text: &str| patterns.iter().any(|all| matches(all, text));
    if !selection.paths.is_empty() && !any(&selection.paths, path) {
        return false;
    }
    let Some(members) = item.as_object_mut() else { return true };
    members.retain(|method, operation| {
        if !is_method(method) {
            return true;
        }
        let tags = operation["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let tagged = || tags.into_iter().any(|tag| any(&selection.tags, tag));
        let name = format!("{} {path}", method.to_uppercase());
        let id = operation["operationId"].as_str().unwrap_or_default();
        (selection.tags.is_empty() || tagged())
            && (selection.operations.is_empty()
                || any(&selection.operations, &name)
                || any(&selection.operations, id))
    });
    members.keys().any(|key| is_method(key))
}

/// Removes the components that no operation needs.
fn prune(document: &mut Value) {
    let mut needed = BTreeSet::new();
    let mut waiting = Vec::new();
    for (key, value) in document.as_object().into_iter().flatten() {
        if key != "components" {
            member(key, value, &mut waiting);
        }
    }
    loop {
        while let Some(pointer) = waiting.pop() {
            if needed.contains(&pointer) {
                continue;
            }
            if let Some(target) = document.pointer(&pointer) {
                references(target, &mut waiting);
            }
            needed.insert(pointer);
        }
        // A schema that extends a needed one with a discriminator is one of its kinds.
        for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
            let own = join("/components/schemas", name);
            let bases = schema["allOf"].as_array().into_iter().flatten();
            let mut bases = bases.filter_map(|base| base["$ref"].as_str()?.strip_prefix('#'));
            let is_kind = |base: &str| {
                needed.contains(base)
                    && document.pointer(base).is_some_and(|base| base["discriminator"].is_object())
            };
            if !needed.contains(&own) && bases.any(is_kind) {
                waiting.push(own);
            }
        }
        if waiting.is_empty() {
            break;
        }
    }
    for (section, entries) in document["components"].as_object_mut().into_iter().flatten() {
        let all = format!("/components/{section}");
        if let Value::Object(entries) = entries {
            entries.retain(|name, _| needed.contains(&join(&all, name)));
        }
    }
}

/// The components that a value refers to. More than those do no harm: a part that is not needed is
/// compared as well then.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| member(key, value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn member(key: &str, value: &Value, found: &mut Vec<String>) {
    match (key, value) {
        ("$ref", Value::String(reference)) => {
            found.extend(reference.strip_prefix('#').map(str::to_owned));
        }
        ("mapping", Value::Object(mapping)) => {
            let targets = mapping.values().filter_map(Value::as_str);
            found.extend(targets.map(|target| match target.strip_prefix('#') {
                Some(pointer) => pointer.to_owned(),
                None => join("/components/schemas", target),
            }));
        }
        ("security", Value::Array(alternatives)) => {
            let names = alternatives.iter().filter_map(Value::as_object).flatten();
            found.extend(names.map(|(name, _)| join("/components/securitySchemes", name)));
        }
        _ => {}
    }
    references(value, found);
}

/// Whether a text matches a pattern in which `*` stands for any text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
openapi: 3.0.3
security: [{key: []}]
paths:
  /v1/a:
    get: {operationId: one, tags: [first], responses: {'200': {$ref: '#/components/responses/A'}}}
    post: {operationId: two, responses: {}}
  /v1/b: {get: {responses: {'200': {$ref: '#/components/responses/B'}}}}
  /v10: {get: {responses: {}}}
components:
  securitySchemes: {key: {type: http}, other: {type: http}}
  responses: {A: {content: {a/b: {schema: {$ref: '#/components/schemas/Base'}}}}, B: {}}
  schemas:
    Base: {discriminator: {propertyName: kind}}
    Kind: {allOf: [{$ref: '#/components/schemas/Base'}, {$ref: '#/components/schemas/Part'}]}
    Part: {type: object}
    Unused: {allOf: [{$ref: '#/components/schemas/Part'}]}
";

    fn selected(change: impl FnOnce(&mut Selection)) -> Value {
        let mut selection = Selection::default();
        change(&mut selection);
        let mut document = Document::parse(TEXT).unwrap();
        document.select(&selection).unwrap();
        document.value
    }

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn only_the_selected_operations_are_kept() {
        let by_path = selected(|all| all.paths.push("/v1/*".to_owned()));
        assert_eq!(keys(&by_path["paths"]), ["/v1/a", "/v1/b"]);
        for pattern in ["two", "POST *"] {
            let one = selected(|all| all.operations.push(pattern.to_owned()));
            assert_eq!(keys(&one["paths"]), ["/v1/a"]);
            assert_eq!(keys(&one["paths"]["/v1/a"]), ["post"]);
        }
        let by_tag = selected(|all| all.tags.push("first".to_owned()));
        assert_eq!(keys(&by_tag["paths"]["/v1/a"]), ["get"]);
    }

    #[test]
    fn unused_components_are_removed() {
        let by_tag = selected(|all| all.tags.push("first".to_owned()));
        assert_eq!(keys(&by_tag["components"]["schemas"]), ["Base", "Kind", "Part"]);
        assert_eq!(keys(&by_tag["components"]["responses"]), ["A"]);
        assert_eq!(keys(&by_tag["components"]["securitySchemes"]), ["key"]);
    }

    #[test]
    fn prefixes_are_stripped_at_segment_boundaries_and_positions_kept() {
        let mut document = Document::parse(TEXT).unwrap();
        let strip = Selection { strip_prefixes: vec!["/v1/".to_owned()], ..Selection::default() };
        document.select(&strip).unwrap();
        assert_eq!(keys(&document.value["paths"]), ["/a", "/b", "/v10"]);
        assert_eq!(document.place("/paths/~1b/get").position.line, 7);
        assert_eq!(document.place("/paths/~1v10").position.line, 8);
    }

    #[test]
    fn colliding_paths_are_refused() {
        let text = "openapi: 3.0.3\npaths: {/v1/a: {}, /a: {}}";
        let strip = Selection { strip_prefixes: vec!["/v1".to_owned()], ..Selection::default() };
        let error = Document::parse(text).unwrap().select(&strip).unwrap_err();
        assert_eq!(error.to_string(), "without their prefixes, two paths are called `/a`");
    }
}
