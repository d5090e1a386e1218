//! Responses: their content types and their headers.

use heck::ToPascalCase;
use serde_json::{Map, Value, json};

use super::operation::same_type_twice;
use super::{Checked, Lower};
use crate::constraints::formats::is_checked;
use crate::names::clean;
use crate::openapi::{EVENT_DATA, EVENTS, ORIGINAL, is_json_type};
use crate::read::escape;

/// Headers that HTTP and the runtime write. OpenAPI ignores a `Content-Type` among the headers.
const OF_HTTP: [&str; 6] =
    ["content-type", "content-length", "transfer-encoding", "connection", "trailer", "upgrade"];

impl Lower<'_> {
    pub(super) fn responses(&mut self, source: &Value, at: &str) -> Value {
        let Some(responses) = source.as_object() else { return source.clone() };
        let mut lowered = Map::new();
        for (status, response) in responses.iter().filter(|(status, _)| !status.starts_with("x-")) {
            let at = format!("{at}/{status}");
            if status.len() == 3 && status.starts_with('1') {
                self.note(&at, "an interim response is the server's own");
                continue;
            }
            let response = self.follow(response, "responses").clone();
            lowered.insert(
                status.to_ascii_uppercase().replace("DEFAULT", "default"),
                self.response(&response, &at),
            );
        }
        let is_success = |status: &str| status.starts_with('2') || status.starts_with('3');
        if !lowered.keys().any(|status| status.parse::<u16>().is_ok() && is_success(status)) {
            // The handler returns 200, which the range or the default stands for.
            let general =
                ["2XX", "default"].into_iter().find(|status| lowered.contains_key(*status));
            if let Some(general) = general {
                let success = lowered[general].clone();
                lowered.insert("200".to_owned(), success);
            } else if !lowered.keys().any(|status| status.parse::<u16>().is_ok()) {
                self.note(at, "no success is documented: the handler returns 200 without content");
                lowered.insert("200".to_owned(), json!({ "description": "" }));
            }
        }
        Value::Object(lowered)
    }

    fn response(&mut self, response: &Value, at: &str) -> Value {
        let Some(response) = response.as_object() else { return response.clone() };
        let known = ["$ref", "summary", "description", "headers", "content", "links"];
        self.note_unknown(response, &known, at);
        let mut lowered = Map::new();
        let description = response.get("description").and_then(Value::as_str).unwrap_or_default();
        let description =
            if self.count_text(description) { clean(description) } else { String::new() };
        lowered.insert("description".to_owned(), json!(description));
        if response.get("links").and_then(Value::as_object).is_some_and(|all| !all.is_empty()) {
            self.note(&format!("{at}/links"), "no code is made of links");
        }
        let headers = self.headers(response.get("headers"), &format!("{at}/headers"));
        if !headers.is_empty() {
            lowered.insert("headers".to_owned(), Value::Object(headers));
        }
        match response.get("content") {
            Some(Value::Object(content)) if content.is_empty() => {}
            Some(Value::Object(content)) => {
                let content = self.contents(content, &format!("{at}/content"));
                lowered.insert("content".to_owned(), Value::Object(content));
            }
            Some(other) => drop(lowered.insert("content".to_owned(), other.clone())),
            None => {}
        }
        Value::Object(lowered)
    }

    /// JSON types with their schemas, and others as bytes.
    fn contents(&mut self, content: &Map<String, Value>, at: &str) -> Map<String, Value> {
        let mut lowered = Map::new();
        for (media, entry) in content {
            let at = format!("{at}/{}", escape(media));
            let base = self.base(media, entry, content);
            let original = entry.get("schema").filter(|schema| schema.is_object());
            let original = original.cloned().unwrap_or_else(|| json!({}));
            if base == EVENTS {
                let mut content = json!({ "schema": { "type": "string" }, ORIGINAL: original });
                if let Some(data) = self.event_data(entry, &at) {
                    content[EVENT_DATA] = data;
                }
                lowered.entry(base).or_insert(content);
                continue;
            }
            self.note_items(entry, &at);
            let (media, schema) = if is_json_type(&base) {
                let schema = entry.get("schema").cloned().unwrap_or_else(|| json!({}));
                (base, self.schema(&schema, &format!("{at}/schema"), Checked::Never))
            } else {
                self.note_bytes(entry, &at);
                let bytes = json!({ "type": "string", "format": "binary" });
                if media.contains('*') || media.to_pascal_case().is_empty() {
                    ("application/octet-stream".to_owned(), bytes)
                } else {
                    let schema = entry.get("schema").filter(|schema| schema["type"] == "string");
                    let format = schema.map(|schema| &schema["format"]);
                    let kept = format.filter(|format| format.is_string());
                    let kept = kept.map(|format| json!({ "type": "string", "format": format }));
                    (media.clone(), kept.unwrap_or_else(|| json!({ "type": "string" })))
                }
            };
            match lowered.get(&media) {
                Some(known) if known["schema"] != schema => {
                    self.note(&at, &same_type_twice(&media));
                }
                Some(_) => {}
                None => {
                    let entry = json!({ "schema": schema, ORIGINAL: original });
                    lowered.insert(media, entry);
                }
            }
        }
        lowered
    }

    /// The schema of the data of events; `None` for text. In 3.2 `itemSchema` is that of a whole
    /// event, and elsewhere the schema of the response is that of the data.
    fn event_data(&mut self, entry: &Value, at: &str) -> Option<Value> {
        let is_item = entry.get("itemSchema").is_some();
        let key = if is_item { "itemSchema" } else { "schema" };
        let mut schema = entry.get(key)?;
        if is_item || self.follow(schema, "schemas")["type"] == "array" {
            let part = if is_item { "/properties/data" } else { "/items" };
            let Some(found) = self.follow(schema, "schemas").pointer(part) else {
                self.note(&format!("{at}/{key}"), "the data of these events is text of any kind");
                return None;
            };
            schema = found;
            let content = self.follow(schema, "schemas").get("contentSchema");
            schema = content.filter(|_| is_item).unwrap_or(schema);
        }
        let resolved = self.follow(schema, "schemas");
        let is_anything = resolved.as_object().is_none_or(Map::is_empty);
        if is_anything || resolved["type"] == "string" {
            self.note_bytes(entry, at);
            return None;
        }
        let (schema, at) = (schema.clone(), format!("{at}/{key}"));
        self.note(&at, "the data of events is held by its type alone");
        Some(self.schema(&schema, &at, Checked::Never))
    }

    /// Each header with `required` and `schema`, which is a plain type or a list of one.
    fn headers(&mut self, source: Option<&Value>, at: &str) -> Map<String, Value> {
        let mut lowered: Map<String, Value> = Map::new();
        for (name, header) in source.and_then(Value::as_object).into_iter().flatten() {
            let at = format!("{at}/{}", escape(name));
            let name = name.to_ascii_lowercase();
            if OF_HTTP.contains(&name.as_str()) {
                self.note(&at, "HTTP itself has this header: the handler does not write it");
                continue;
            }
            if !is_token(&name) {
                self.note(&at, "this is no name of a header: it is left out");
                continue;
            }
            let header = self.follow(header, "headers").clone();
            let mut schema = self.follow(&header["schema"], "schemas").clone();
            if let Some(schema) = schema.as_object_mut() {
                self.rewrite_types(schema);
            }
            let (kind, is_whole) = plain_header(&schema);
            let kind = kind.unwrap_or_else(|| json!({ "type": "string" }));
            if !is_whole || header.get("content").is_some() {
                self.note(
                    &at,
                    "the value of this header of a response is checked by its type alone",
                );
            }
            let description = header.get("description").and_then(Value::as_str).unwrap_or_default();
            let header = json!({
                "required": header["required"] == true,
                "description": clean(description),
                "schema": kind,
            });
            lowered.entry(name).or_insert(header);
        }
        lowered
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(is_of_token)
}

/// The type of a header, if it is plain or a list of plain values; and whether that is all that the
/// schema says.
fn plain_header(schema: &Value) -> (Option<Value>, bool) {
    let hints = ["type", "items", "description", "title", "example", "examples"];
    let hints = [&hints[..], &["default", "deprecated", "nullable"]].concat();
    let is_hint = |(key, value): (&String, &Value)| match key.as_str() {
        "format" => !is_checked(value),
        key => hints.contains(&key) || key.starts_with("x-"),
    };
    let is_whole = schema.as_object().is_none_or(|keywords| keywords.iter().all(is_hint));
    let is_plain = |kind: &Value| {
        ["string", "integer", "number", "boolean"].iter().any(|plain| kind["type"] == **plain)
    };
    if is_plain(schema) {
        return (Some(json!({ "type": schema["type"] })), is_whole);
    }
    let (items, items_are_whole) = match &schema["items"] {
        Value::Null => (Some(json!({ "type": "string" })), true),
        items => plain_header(items),
    };
    match items.filter(|items| schema["type"] == "array" && is_plain(items)) {
        Some(items) => {
            (Some(json!({ "type": "array", "items": items })), is_whole && items_are_whole)
        }
        None => (None, schema.as_object().is_none_or(Map::is_empty)),
    }
}
