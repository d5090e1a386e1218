//! Path items and operations: bodies, responses and security.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Checked, Lower, MAX_REFERENCES, component_name};
use crate::names::{OperationNames, RUST_NAME, Template, clean};
use crate::openapi::{FILES, FORMS, IS_JSON, JSON, METHODS, ORIGINAL, RAW, is_json_type};
use crate::read::escape;

const OF_OPERATION: [&str; 12] = [
    "tags",
    "summary",
    "description",
    "externalDocs",
    "operationId",
    "parameters",
    "requestBody",
    "responses",
    "callbacks",
    "deprecated",
    "security",
    "servers",
];

impl Lower<'_> {
    pub(super) fn path_item(
        &mut self,
        path: &str,
        item: &Map<String, Value>,
        template: &Template,
        ids: &mut OperationNames,
        at: &str,
    ) -> Map<String, Value> {
        let mut lowered = Map::new();
        let mut declared = BTreeSet::new();
        if let Some(parameters) = item.get("parameters") {
            let shared = self.parameters(parameters, template, &mut declared, at);
            lowered.insert("parameters".to_owned(), shared);
        }
        for (key, value) in item {
            let at = format!("{at}/{}", escape(key));
            match key.as_str() {
                method if METHODS.contains(&method) => {
                    let Some(id) = ids.get(path, method) else { continue };
                    let operation = self.operation(value, id, template, declared.clone(), &at);
                    lowered.insert(key.clone(), operation);
                }
                "trace" | "query" | "additionalOperations" => {
                    self.unenforced(&at, "dropshot has no such method: the operation is left out");
                }
                "servers" => self.note(&at, "the server is reached under its own address alone"),
                "parameters" | "summary" | "description" => {}
                extension if extension.starts_with("x-") => {}
                _ => self.refuse(&at, &format!("`{key}` is no member of a path item")),
            }
        }
        lowered
    }

    fn operation(
        &mut self,
        source: &Value,
        id: &str,
        template: &Template,
        mut declared: BTreeSet<String>,
        at: &str,
    ) -> Value {
        let Some(operation) = source.as_object() else { return source.clone() };
        self.note_unknown(operation, &OF_OPERATION, at);
        let mut lowered = Map::new();
        let written = operation.get("operationId").filter(|written| !written.is_string());
        lowered.insert("operationId".to_owned(), written.cloned().unwrap_or_else(|| json!(id)));
        if operation.get("operationId").and_then(Value::as_str).is_some_and(|own| own != id) {
            let reason = match operation.get(RUST_NAME).is_some_and(|chosen| chosen == id) {
                true => format!("`{RUST_NAME}` names it `{id}`"),
                false => format!("it names no method, or another one has it: this is `{id}`"),
            };
            self.note(&format!("{at}/operationId"), &reason);
        }
        for key in ["summary", "description"] {
            match operation.get(key) {
                Some(Value::String(text)) => lowered.insert(key.to_owned(), json!(clean(text))),
                Some(other) => lowered.insert(key.to_owned(), other.clone()),
                None => None,
            };
        }
        for key in ["tags", "deprecated"].into_iter().filter(|key| operation.contains_key(*key)) {
            lowered.insert(key.to_owned(), operation[key].clone());
        }
        for (key, reason) in [
            ("callbacks", "`Sender` sends callbacks: nothing checks that a handler asks it to"),
            ("servers", "the server is reached under its own address alone"),
        ] {
            let is_empty =
                |value: &Value| value.as_object().is_some_and(Map::is_empty) || value == &json!([]);
            if operation.get(key).is_some_and(|value| !is_empty(value)) {
                self.note(&format!("{at}/{key}"), reason);
            }
        }
        let mut parameters = match operation.get("parameters") {
            Some(parameters) => self.parameters(parameters, template, &mut declared, at),
            None => json!([]),
        };
        if let Some(parameters) = parameters.as_array_mut() {
            let missing = template.variables.iter().filter(|(_, new)| !declared.contains(new));
            let text = json!({ "type": "string" });
            parameters.extend(missing.map(
                |(_, new)| json!({ "in": "path", "name": new, "required": true, "schema": text }),
            ));
        }
        if parameters != json!([]) {
            lowered.insert("parameters".to_owned(), parameters);
        }
        if let Some(body) = operation.get("requestBody") {
            let body = self.body(body, &format!("{at}/requestBody"));
            lowered.extend(body.map(|body| ("requestBody".to_owned(), body)));
        }
        let responses = self.responses(
            operation.get("responses").unwrap_or(&json!({})),
            &format!("{at}/responses"),
        );
        lowered.insert("responses".to_owned(), responses);
        if let Some(requirements) = operation.get("security") {
            let requirements = self.security(requirements, &format!("{at}/security"));
            lowered.insert("security".to_owned(), requirements);
        }
        Value::Object(lowered)
    }

    fn body(&mut self, source: &Value, at: &str) -> Option<Value> {
        let body = self.follow(source, "requestBodies").clone();
        let content =
            body.as_object().and_then(|body| body.get("content")).and_then(Value::as_object);
        let Some(content) = content.filter(|content| !content.is_empty()) else {
            return Some(body);
        };
        let at = format!("{at}/content");
        let mut fields: Vec<(String, &String, &Value)> = Vec::new();
        let mut raw: Vec<String> = Vec::new();
        for (media, entry) in content {
            let name = self.base(media, entry, content);
            self.note_items(entry, &format!("{at}/{}", escape(media)));
            if !is_json_type(&name) && !FORMS.contains(&name.as_str()) {
                self.note_bytes(entry, &format!("{at}/{}", escape(media)));
                raw.push(name);
            } else if let Some((.., known)) = fields.iter().find(|(known, ..)| *known == name) {
                if known["schema"] != entry["schema"] {
                    let at = format!("{at}/{}", escape(media));
                    self.unenforced(&at, &same_type_twice(&name));
                }
            } else {
                fields.push((name, media, entry));
            }
        }
        let mut lowered_body = body.as_object().cloned().unwrap_or_default();
        lowered_body.retain(|key, _| key == "required");
        // The sort is stable: JSON speaks for all, else the first form does.
        fields.sort_by_key(|(name, ..)| (name != JSON, !is_json_type(name)));
        if let Some(place) = fields.iter().position(|(name, ..)| name == FORMS[1])
            && let (_, media, entry) = fields[place]
            && let Some(form) = self.file_form(entry, &format!("{at}/{}", escape(media)))
        {
            fields.remove(place);
            lowered_body.insert(FILES.to_owned(), form);
        }
        let Some((first_name, first, entry)) = fields.first() else {
            lowered_body.insert("content".to_owned(), json!({}));
            raw_content(raw, &mut lowered_body);
            return Some(Value::Object(lowered_body));
        };
        let is_json = is_json_type(first_name);
        if !entry.is_object() {
            self.refuse(&format!("{at}/{}/schema", escape(first)), "a schema is needed here");
            return None;
        }
        let schema = entry.get("schema").cloned().or_else(|| is_json.then(|| json!({})));
        let schema_at = format!("{at}/{}/schema", escape(first));
        // A form that says nothing of its members is bytes.
        let all_raw = |lower: &mut Self, mut raw: Vec<String>| {
            for (_, media, entry) in &fields {
                lower.note_bytes(entry, &format!("{at}/{}", escape(media)));
            }
            raw.extend(fields.iter().map(|(name, ..)| name.clone()));
            raw
        };
        let Some(schema) = schema else {
            lowered_body.insert("content".to_owned(), json!({}));
            let raw = all_raw(self, raw);
            raw_content(raw, &mut lowered_body);
            return Some(Value::Object(lowered_body));
        };
        if !schema.is_object() {
            return Some(body);
        }
        let of_content = self.tried(&schema);
        let with_members = self.with_members(&schema, &schema_at);
        let is_object = with_members.is_some();
        let lowered_schema = match with_members {
            Some(lowered) => lowered,
            None if is_json => {
                lowered_body.insert(IS_JSON.to_owned(), json!(true));
                self.schema(&schema, &schema_at, Checked::Row)
            }
            None => {
                lowered_body.insert("content".to_owned(), json!({}));
                let raw = all_raw(self, raw);
                raw_content(raw, &mut lowered_body);
                return Some(Value::Object(lowered_body));
            }
        };
        self.check_keywords(&schema, &schema_at);
        let mut lowered = Map::new();
        for (name, media, entry) in fields {
            let at = format!("{at}/{}", escape(media));
            if entry
                .get("encoding")
                .is_some_and(|encoding| encoding.as_object().is_none_or(|all| !all.is_empty()))
            {
                self.unenforced(
                    &format!("{at}/encoding"),
                    "the encoding of single fields is not checked",
                );
            }
            let own = entry.get("schema").cloned().unwrap_or_else(|| json!({}));
            if (is_object || is_json_type(&name)) && self.tried(&own) == of_content {
                lowered.insert(name, json!({ "schema": lowered_schema, ORIGINAL: schema }));
            } else {
                self.note(&at, "it is another schema than the first one: the handler reads bytes");
                raw.push(name);
            }
        }
        raw_content(raw, &mut lowered_body);
        lowered_body.insert("content".to_owned(), Value::Object(lowered));
        Some(Value::Object(lowered_body))
    }

    /// Lists the schema of a content that is bytes to the server.
    pub(super) fn note_bytes(&mut self, entry: &Value, at: &str) {
        let schema = self.follow(&entry["schema"], "schemas");
        let constraints = ["enum", "minLength", "maxLength", "pattern"];
        let is_free = schema.as_object().is_none_or(Map::is_empty)
            || schema["type"] == "string"
                && constraints.iter().all(|keyword| schema.get(*keyword).is_none());
        if !is_free {
            self.note(&format!("{at}/schema"), "it is bytes to the server: no schema is checked");
        }
    }

    /// Lists the schema of the items of a content that is no stream of events.
    pub(super) fn note_items(&mut self, entry: &Value, at: &str) {
        if entry.get("itemSchema").is_some() {
            let reason = "no items are read from this content: their schema is not checked";
            self.note(&format!("{at}/itemSchema"), reason);
        }
    }

    /// A schema lowered on trial: its findings are those of the schema in its own place.
    fn tried(&mut self, schema: &Value) -> Value {
        let (unenforced, refused) = (self.unenforced.len(), self.refused.len());
        let lowered = self.schema(schema, "", Checked::Row);
        self.unenforced.truncate(unenforced);
        self.refused.truncate(refused);
        lowered
    }

    /// The lowered schema, if it takes objects with members alone: the object, or a reference to
    /// the component that is.
    pub(super) fn with_members(&mut self, schema: &Value, at: &str) -> Option<Value> {
        let mut current = self.schema(schema, at, Checked::Row);
        for _ in 0..MAX_REFERENCES {
            let reference = match current["allOf"].as_array().map(Vec::as_slice) {
                Some([only]) => only.clone(),
                _ => current.clone(),
            };
            if reference.get("$ref").is_none() {
                let is_object = current["type"] == "object" || current.get("properties").is_some();
                return is_object.then_some(current);
            }
            let name = self.source_name(&reference);
            let target = self.source["components"]["schemas"].get(&name)?.clone();
            current = self.tried(&target);
            if current["type"] == "object" || current.get("properties").is_some() {
                return Some(reference);
            }
        }
        None
    }

    /// The document's name of a component that the result refers to.
    fn source_name(&self, lowered: &Value) -> String {
        let name = lowered["$ref"].as_str().and_then(component_name).unwrap_or_default();
        self.written.get(&name).cloned().unwrap_or(name)
    }
}

/// Parameters of a content type tell no two schemas apart.
pub(super) fn same_type_twice(media: &str) -> String {
    format!("`{media}` stands here with other parameters and another schema, which holds for all")
}

/// The content types whose bytes the handler reads.
fn raw_content(mut raw: Vec<String>, body: &mut Map<String, Value>) {
    raw.sort_unstable();
    raw.dedup();
    if !raw.is_empty() {
        body.insert(RAW.to_owned(), json!(raw));
    }
}
