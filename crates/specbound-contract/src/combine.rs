//! Combines several documents that describe one API into a single document.
//!
//! `servers` and `security` of a document are moved into its operations where the documents differ.
//! A component whose name means something else in an earlier document is prefixed with the name of
//! its file. An operation that two documents describe is an error.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::Document;
use crate::canonical::is_method;
use crate::diff::join;
use crate::document::Sources;

/// Why documents cannot be combined.
#[derive(Debug, Error)]
pub enum CombineError {
    /// Two documents describe one operation.
    #[error("{first} and {second} both describe `{operation}`")]
    SameOperation {
        /// `POST /login/`.
        operation: String,
        /// The file of the earlier document.
        first: String,
        /// The file of the later document.
        second: String,
    },
    /// The same keyword has other meanings in other versions.
    #[error("{first} is OpenAPI {first_version} and {second} is OpenAPI {second_version}")]
    Versions {
        /// The file of the first document.
        first: String,
        /// Its version.
        first_version: String,
        /// The file of another document.
        second: String,
        /// Its version.
        second_version: String,
    },
}

impl Document {
    /// Combines documents, in their order. `None` without any.
    ///
    /// # Errors
    ///
    /// [`CombineError`].
    pub fn combine(documents: Vec<Document>) -> Result<Option<Document>, CombineError> {
        let mut documents = documents;
        for keyword in ["servers", "security"] {
            let same =
                documents.windows(2).all(|pair| pair[0].value[keyword] == pair[1].value[keyword]);
            if !same {
                documents
                    .iter_mut()
                    .for_each(|document| move_into_operations(&mut document.value, keyword));
            }
        }
        let mut documents = documents.into_iter();
        let Some(mut all) = documents.next() else { return Ok(None) };
        for document in documents {
            all.add(document)?;
        }
        Ok(Some(all))
    }

    fn file(&self, index: usize) -> String {
        self.resolved.files.get(index).map(|file| file.name.clone()).unwrap_or_default()
    }

    fn add(&mut self, mut other: Document) -> Result<(), CombineError> {
        let (first, second) = (self.file(0), other.file(0));
        let version =
            |document: &Document| document.value["openapi"].as_str().unwrap_or_default().to_owned();
        let (first_version, second_version) = (version(self), version(&other));
        if first_version.get(..3) != second_version.get(..3) {
            return Err(CombineError::Versions { first, first_version, second, second_version });
        }
        self.missing.append(&mut other.missing);
        let offset = self.resolved.files.len();
        let Sources { files, origins } = std::mem::take(&mut other.resolved);
        self.resolved.files.extend(files);
        let origin = |pointer: String| {
            let (file, pointer) = origins.get(&pointer).cloned().unwrap_or((0, pointer));
            (file + offset, pointer)
        };

        let renamed = self.rename(&mut other.value, &second);
        for section in ["paths", "webhooks"] {
            for (path, item) in entries(&mut other.value[section]) {
                let at = join(&format!("/{section}"), &path);
                let Some(all) = object(&mut self.value[section]) else { continue };
                let Some(Value::Object(known)) = all.get_mut(&path) else {
                    all.insert(path, item);
                    self.resolved.origins.insert(at.clone(), origin(at));
                    continue;
                };
                for (key, value) in entries_of(item) {
                    let own = join(&at, &key);
                    match known.get(&key) {
                        Some(same) if *same == value && !is_method(&key) => {}
                        Some(_) => {
                            let operation = format!("{} {path}", key.to_uppercase());
                            let (first, _) =
                                self.resolved.origins.get(&at).cloned().unwrap_or_default();
                            let first = self.resolved.files[first].name.clone();
                            return Err(CombineError::SameOperation { operation, first, second });
                        }
                        None => {
                            known.insert(key, value);
                            self.resolved.origins.insert(own.clone(), origin(own));
                        }
                    }
                }
            }
        }
        for (section, mut components) in entries(&mut other.value["components"]) {
            for (name, component) in entries(&mut components) {
                let all = format!("/components/{section}");
                let at = join(&all, &name);
                object(&mut self.value["components"]);
                let known = object(&mut self.value["components"][section.as_str()]);
                let Some(known) = known else { continue };
                if !known.contains_key(&name) {
                    let before = renamed.get(&at).unwrap_or(&at).clone();
                    known.insert(name, component);
                    self.resolved.origins.insert(at, origin(before));
                }
            }
        }
        Ok(())
    }

    /// Renames the components of another document whose names mean another thing here. Returns the
    /// old pointer of each new one.
    fn rename(&self, other: &mut Value, file: &str) -> BTreeMap<String, String> {
        let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.unwrap_or_default();
        let mut names = HashMap::new();
        for (section, components) in other["components"].as_object().into_iter().flatten() {
            let known = &self.value["components"][section];
            for (name, component) in components.as_object().into_iter().flatten() {
                if known.get(name).is_none_or(|known| known == component) {
                    continue;
                }
                let candidates = std::iter::once(format!("{stem}.{name}"))
                    .chain((2..).map(|number: u32| format!("{stem}.{name}.{number}")));
                let is_free =
                    |name: &String| known.get(name).is_none() && components.get(name).is_none();
                let new = candidates.into_iter().find(is_free).unwrap_or_default();
                names.insert((section.clone(), name.clone()), new);
            }
        }
        let pointer = |section: &str, name: &str| join(&format!("/components/{section}"), name);
        let renamed: HashMap<String, String> = names
            .iter()
            .map(|((section, old), new)| {
                (format!("#{}", pointer(section, old)), format!("#{}", pointer(section, new)))
            })
            .collect();
        if names.is_empty() {
            return BTreeMap::new();
        }
        rename_references(other, &renamed, &names);
        for (section, components) in other["components"].as_object_mut().into_iter().flatten() {
            let all = entries(components).into_iter().map(|(name, component)| {
                let new = names.get(&(section.clone(), name.clone())).cloned();
                (new.unwrap_or(name), component)
            });
            *components = Value::Object(all.collect());
        }
        names
            .into_iter()
            .map(|((section, old), new)| (pointer(&section, &new), pointer(&section, &old)))
            .collect()
    }
}

/// Writes what a document states for all operations into them.
fn move_into_operations(document: &mut Value, keyword: &str) {
    let Some(value) = document.as_object_mut().and_then(|document| document.remove(keyword)) else {
        return;
    };
    for (_, item) in document["paths"].as_object_mut().into_iter().flatten() {
        let Some(item) = item.as_object_mut() else { continue };
        if keyword == "servers" {
            item.entry(keyword).or_insert_with(|| value.clone());
            continue;
        }
        for (method, operation) in item {
            if let (true, Some(operation)) = (is_method(method), operation.as_object_mut()) {
                operation.entry(keyword).or_insert_with(|| value.clone());
            }
        }
    }
}

/// Updates references to renamed components.
fn rename_references(
    value: &mut Value,
    renamed: &HashMap<String, String>,
    names: &HashMap<(String, String), String>,
) {
    match value {
        Value::Object(members) => {
            for (key, value) in members.iter_mut() {
                match (key.as_str(), &mut *value) {
                    ("$ref", Value::String(reference)) => {
                        if let Some(new) = renamed.get(reference.as_str()) {
                            new.clone_into(reference);
                        }
                    }
                    ("mapping", Value::Object(mapping)) => {
                        for (_, target) in mapping {
                            let new = target.as_str().and_then(|target| renamed.get(target));
                            if let Some(new) = new.cloned() {
                                *target = new.into();
                            }
                        }
                    }
                    ("security", Value::Array(alternatives)) => {
                        for alternative in alternatives {
                            let new = |name: &str| {
                                names.get(&("securitySchemes".to_owned(), name.to_owned())).cloned()
                            };
                            let all = entries(alternative);
                            let all = all
                                .into_iter()
                                .map(|(name, scopes)| (new(&name).unwrap_or(name), scopes));
                            *alternative = Value::Object(all.collect());
                        }
                    }
                    _ => {}
                }
                rename_references(value, renamed, names);
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| rename_references(item, renamed, names))
        }
        _ => {}
    }
}

/// Takes the entries out of an object.
fn entries(value: &mut Value) -> Map<String, Value> {
    entries_of(value.take())
}

fn entries_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}

/// The members of an object, which is made where there is none.
fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn combined(texts: &[&str]) -> Result<Value, CombineError> {
        let all = texts.iter().map(|text| Document::parse(text).unwrap()).collect();
        Document::combine(all).map(|all| all.unwrap().value)
    }

    const PETS: &str = "\
openapi: 3.0.3
servers: [{url: /pets}]
security: [{key: []}]
paths:
  /a: {get: {responses: {'200': {content: {a/b: {schema: {$ref: '#/components/schemas/Error'}}}}}}}
components:
  securitySchemes: {key: {type: http}}
  schemas: {Error: {type: object}, Same: {type: string}}
";

    #[test]
    fn combined_operations_keep_their_meaning() {
        let other = PETS
            .replace("/a:", "/b:")
            .replace("/pets", "/people")
            .replace("Error: {type: object}", "Error: {type: integer}");
        let all = combined(&[PETS, &other]).unwrap();
        let schema = |path: &str| {
            all["paths"][path]["get"]["responses"]["200"]["content"]["a/b"]["schema"]["$ref"]
                .clone()
        };
        assert_eq!(schema("/a"), "#/components/schemas/Error");
        assert_eq!(schema("/b"), "#/components/schemas/.Error");
        assert_eq!(all["components"]["schemas"][".Error"], json!({"type": "integer"}));
        assert_eq!(all["components"]["schemas"].as_object().unwrap().len(), 3);
        assert_eq!(all["paths"]["/b"]["servers"], json!([{"url": "/people"}]));
        assert_eq!((&all["servers"], &all["security"]), (&json!(null), &json!([{"key": []}])));
    }

    #[test]
    fn operation_in_two_documents_is_refused() {
        let error = combined(&[PETS, PETS]).unwrap_err().to_string();
        assert!(error.contains("both describe `GET /a`"), "{error}");
        let post = "openapi: 3.0.3\npaths: {/a: {post: {responses: {}}}}";
        assert!(combined(&[PETS, post]).unwrap()["paths"]["/a"]["post"].is_object());
        let newer = "openapi: 3.1.0\npaths: {}";
        assert!(matches!(combined(&[PETS, newer]), Err(CombineError::Versions { .. })));
    }
}
