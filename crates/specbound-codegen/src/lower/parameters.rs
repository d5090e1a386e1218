//! Parameters in path, query, headers and cookies: plain values and lists as they are, others as
//! text in the client with the way in which the server reads it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::schema::LIST_BOUNDS;
use super::{Checked, Lower, MAX_REFERENCES, Mode, component_name};
use crate::given::RUST_TYPE;
use crate::names::{Template, clean};
use crate::openapi::{WIRE, is_json_type};
use crate::read::escape;

/// Headers that OpenAPI takes from the content types and the security schemes, and not from
/// parameters.
const IGNORED_HEADERS: [&str; 3] = ["accept", "content-type", "authorization"];

const OF_PARAMETER: [&str; 14] = [
    "$ref",
    "name",
    "in",
    "description",
    "required",
    "deprecated",
    "allowEmptyValue",
    "style",
    "explode",
    "allowReserved",
    "schema",
    "example",
    "examples",
    "content",
];

impl Lower<'_> {
    pub(super) fn parameters(
        &mut self,
        list: &Value,
        template: &Template,
        declared: &mut BTreeSet<String>,
        at: &str,
    ) -> Value {
        let Some(list) = list.as_array() else { return list.clone() };
        let mut lowered: Vec<Value> = Vec::new();
        let mut taken = BTreeSet::new();
        for (n, source) in list.iter().enumerate() {
            let at = format!("{at}/parameters/{n}");
            let source = self.follow(source, "parameters").clone();
            let Some(parameter) = source.as_object() else {
                lowered.push(source);
                continue;
            };
            self.note_unknown(parameter, &OF_PARAMETER, &at);
            if let Some(parameter) = self.parameter(parameter, template, &at) {
                if !taken.insert((parameter["in"].to_string(), parameter["name"].to_string())) {
                    self.refuse(&at, "this parameter stands here twice");
                    continue;
                }
                if parameter["in"] == "path" {
                    declared.extend(parameter["name"].as_str().map(str::to_owned));
                }
                lowered.push(parameter);
            }
        }
        Value::Array(lowered)
    }

    fn parameter(
        &mut self,
        parameter: &Map<String, Value>,
        template: &Template,
        at: &str,
    ) -> Option<Value> {
        let mut lowered = Map::new();
        for key in ["name", "in", "required", "example"]
            .into_iter()
            .filter(|key| parameter.contains_key(*key))
        {
            lowered.insert(key.to_owned(), parameter[key].clone());
        }
        if let Some(description) = parameter.get("description") {
            let text = match description.as_str() {
                Some(text) if self.count_text(text) => json!(clean(text)),
                _ => description.clone(),
            };
            lowered.insert("description".to_owned(), text);
        }
        let (location, name) = (
            parameter.get("in").and_then(Value::as_str),
            parameter.get("name").and_then(Value::as_str),
        );
        let (Some(location), Some(name)) = (location, name) else {
            lowered.insert("schema".to_owned(), json!({ "type": "string" }));
            return Some(Value::Object(lowered));
        };
        match location {
            "path" => {
                let Some((_, new)) = template.variables.iter().find(|(old, _)| old == name) else {
                    self.note(at, "the path has no such variable");
                    return None;
                };
                lowered.insert("name".to_owned(), json!(new));
                if parameter.get("required").is_none_or(Value::is_boolean) {
                    lowered.insert("required".to_owned(), json!(true));
                }
            }
            "header" if IGNORED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) => {
                return None;
            }
            "header" | "cookie" if http_token(name) => {}
            "header" | "cookie" => {
                let reason = "this is no name of a header or a cookie: it is left out";
                self.unenforced(at, reason);
                return None;
            }
            "query" => {}
            _ => {
                self.unenforced(
                    at,
                    "this location of a parameter is not read: it is path, query, header or cookie",
                );
                return None;
            }
        }
        let (schema, wire) = self.parameter_schema(parameter, location, at)?;
        lowered.insert("schema".to_owned(), schema);
        lowered.extend(wire.map(|wire| (WIRE.to_owned(), wire)));
        Some(Value::Object(lowered))
    }

    /// A plain value, or in the query a list of them. Anything else is text in the client, with
    /// the way in which the server reads it.
    fn parameter_schema(
        &mut self,
        parameter: &Map<String, Value>,
        location: &str,
        at: &str,
    ) -> Option<(Value, Option<Value>)> {
        let is_query = matches!(location, "query" | "cookie");
        let usual = if is_query { "form" } else { "simple" };
        let style = parameter.get("style").and_then(Value::as_str).unwrap_or(usual);
        let explode = parameter.get("explode").and_then(Value::as_bool);
        let explode = explode.unwrap_or(matches!(style, "form" | "deepObject"));
        let content = parameter.get("content").and_then(Value::as_object);
        let place = at;
        let (source, style, at) = match (parameter.get("schema"), content) {
            (Some(source), _) => (source.clone(), style, format!("{at}/schema")),
            (None, Some(content)) => {
                let (media, entry) = content.iter().next()?;
                let is_json = is_json_type(
                    &media.split(';').next().unwrap_or(media).trim().to_ascii_lowercase(),
                );
                let source = entry.get("schema").cloned().unwrap_or_else(|| json!({}));
                let at = format!("{at}/content/{}/schema", escape(media));
                if !is_json {
                    self.note(&at, "the text of this parameter is read as without a content type");
                }
                (source, if is_json { "json" } else { usual }, at)
            }
            (None, None) => {
                self.refuse(at, "a parameter needs a schema");
                return None;
            }
        };
        if !source.is_object() {
            self.refuse(&at, "a schema must be an object");
            return None;
        }
        if !STYLES.contains(&style) {
            let reason = format!(
                "`{}` is no style that is read: it is {}",
                clean(style),
                STYLES[..STYLES.len() - 1].join(", ")
            );
            self.unenforced(&format!("{place}/style"), &reason);
            if self.mode == Mode::Lenient {
                self.note(&at, "the parameter is read as text: its schema is not enforced");
            }
            return Some((json!({ "type": "string" }), None));
        }
        self.check_keywords(&source, &at);
        // The reader of a plain parameter holds choices of its type.
        let mut beyond_choices = source.clone();
        if has_choices_of_type(&source) {
            beyond_choices.as_object_mut().map(|schema| schema.remove("enum"));
        }
        let is_usual = !matches!(style, "label" | "matrix" | "json");
        if is_usual && self.plain.is_plain(&beyond_choices) {
            let is_repeated = location == "query" && style == "form" && explode;
            match self.plain(&source, &at) {
                Some(schema) if schema["type"] != "array" => return Some((schema, None)),
                Some(mut list)
                    if is_repeated
                        && LIST_BOUNDS.iter().all(|bound| list.get(*bound).is_none()) =>
                {
                    let items = self.plain(&list["items"].take(), &format!("{at}/items"));
                    if let Some(items) = items.filter(|items| items["type"] != "array") {
                        return Some((json!({ "type": "array", "items": items }), None));
                    }
                }
                _ => {}
            }
        }
        let schema = self.schema(&source, &at, Checked::Row);
        let wire = json!({
            "style": style, "explode": explode, "original": source, "schema": schema,
        });
        Some((json!({ "type": "string" }), Some(wire)))
    }

    /// The lowered schema of a plain value or a list, with its references written out.
    fn plain(&mut self, source: &Value, at: &str) -> Option<Value> {
        let mut source = source.clone();
        for _ in 0..MAX_REFERENCES {
            let members = source["allOf"].as_array().map(Vec::as_slice);
            let next = match (source["$ref"].as_str(), members) {
                (Some(reference), _) => component_name(reference),
                (None, Some([only])) => only["$ref"].as_str().and_then(component_name),
                _ => None,
            };
            let Some(next) = next else { break };
            source = self.source["components"]["schemas"].get(&next)?.clone();
        }
        let mut schema = self.schema(&source, at, Checked::Row);
        // No type holds the choices of these: the reader of the parameter does.
        if matches!(schema["type"].as_str(), Some("number" | "boolean"))
            && let (Some(schema), Some(choices)) = (schema.as_object_mut(), source.get("enum"))
        {
            schema.insert("enum".to_owned(), choices.clone());
        }
        if schema.as_object_mut().is_some_and(|schema| schema.remove(RUST_TYPE).is_some()) {
            let reason = "a plain parameter has the type that its schema says";
            self.note(&format!("{at}/{RUST_TYPE}"), reason);
        }
        for _ in 0..MAX_REFERENCES {
            match schema["allOf"].as_array().map(Vec::as_slice) {
                Some([only]) => schema = only.clone(),
                _ => break,
            }
            if schema.get("$ref").is_some() {
                return self.plain(&schema, at);
            }
        }
        if schema.as_object().is_some_and(Map::is_empty) {
            return Some(json!({ "type": "string" }));
        }
        let is_plain = ["string", "integer", "number", "boolean", "array"]
            .iter()
            .any(|kind| schema["type"] == **kind);
        let members = schema.as_object_mut().filter(|_| is_plain)?;
        let left_out = [
            "title",
            "nullable",
            "readOnly",
            "writeOnly",
            "additionalProperties",
            "properties",
            "required",
        ];
        members.retain(|key, _| !left_out.contains(&key.as_str()));
        Some(schema)
    }
}

/// Whether the choices are values of a number or a boolean, where it is one.
fn has_choices_of_type(schema: &Value) -> bool {
    let is_of_type = match schema["type"].as_str() {
        Some("number") => Value::is_number,
        Some("boolean") => Value::is_boolean,
        _ => return true,
    };
    schema["enum"].as_array().into_iter().flatten().all(is_of_type)
}

/// Styles of parameters, and JSON by `content`.
const STYLES: [&str; 8] =
    ["form", "simple", "label", "matrix", "spaceDelimited", "pipeDelimited", "deepObject", "json"];

/// Whether a text can be the name of a header (RFC 9110, section 5.6.2).
fn http_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
