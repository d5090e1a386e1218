//! Values of messages, and the JSON Schemas that they are checked by.

use futures::FutureExt;
use http::HeaderMap;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::{Direction, JSON, Reply, Request};

pub(super) fn json_of(reply: &Reply) -> Result<Value, String> {
    let content_type = header(reply, "content-type");
    if content_type != JSON {
        return Err(format!("the content type is {content_type:?}"));
    }
    serde_json::from_slice(reply.body).map_err(|e| format!("the reply is no JSON: {e}"))
}

pub(super) fn validate(validator: &Validator, value: &Value, what: &str) -> Result<(), String> {
    let faults: Vec<String> = validator
        .iter_errors(value)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{what} is not as documented: {}", faults.join("; ")))
    }
}

pub(super) fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Without parameters, in lower case.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("content-type")?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

pub(super) fn parts(request: &Request) -> Result<Vec<(String, String)>, String> {
    let value = request.headers["content-type"].to_str().map_err(|e| e.to_string())?;
    let boundary = multer::parse_boundary(value).map_err(|e| e.to_string())?;
    let whole =
        futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(request.body.clone()))]);
    let mut multipart = multer::Multipart::new(whole, boundary);
    let read = async {
        let mut pairs = Vec::new();
        while let Some(field) = multipart.next_field().await.map_err(|e| e.to_string())? {
            let name = field.name().unwrap_or_default().to_owned();
            pairs.push((name, field.text().await.map_err(|e| e.to_string())?));
        }
        Ok(pairs)
    };
    read.now_or_never().expect("everything is in memory")
}

/// Form values are texts: numbers and booleans are converted according to the schema.
pub(super) fn coerce(text: &str, schema: &Value) -> Value {
    let read = match schema["type"].as_str() {
        Some("integer" | "number") => text.parse().map(Value::Number).ok(),
        Some("boolean") => text.parse().map(Value::Bool).ok(),
        _ => None,
    };
    read.unwrap_or_else(|| json!(text))
}

pub(super) fn compile(schema: &Value) -> Validator {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft4)
        .should_validate_formats(true)
        .build(schema)
        .unwrap_or_else(|e| panic!("{e}: {schema}"))
}

/// Translates OpenAPI 3.0 to JSON Schema and inlines references. Responses may have no
/// undocumented members.
pub(super) fn translate(document: &Value, schema: &Value, direction: Direction) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{reference}"));
        return translate(document, target, direction);
    }
    let hidden = if direction == Direction::Request { "readOnly" } else { "writeOnly" };
    let is_hidden = |name: &str| schema["properties"][name][hidden] == true;
    let mut translated = Map::new();
    for (keyword, value) in members(schema) {
        let value = match keyword.as_str() {
            "properties" => {
                let shown = members(value).filter(|(name, _)| !is_hidden(name));
                shown
                    .map(|(name, inner)| (name.clone(), translate(document, inner, direction)))
                    .collect()
            }
            "items" => translate(document, value, direction),
            "required" => {
                let names = value.as_array().into_iter().flatten();
                let names: Vec<&Value> =
                    names.filter(|name| !is_hidden(name.as_str().unwrap())).collect();
                // Draft 4 requires at least one.
                if names.is_empty() {
                    continue;
                }
                json!(names)
            }
            "type" if schema["nullable"] == true => json!([value, "null"]),
            // The document's patterns come from Python, where `\w` matches the letters of every
            // script.
            "pattern" => json!(text(value).replace(r"\w", r"\p{L}\p{M}\p{N}_")),
            // As in the reference, an account without an address has an empty text in this
            // required member.
            "format"
                if direction == Direction::Reply
                    && value == "email"
                    && schema["readOnly"] == true =>
            {
                translated
                    .insert("anyOf".to_owned(), json!([{ "format": "email" }, { "maxLength": 0 }]));
                continue;
            }
            "type" | "format" | "maxLength" | "minLength" => value.clone(),
            "nullable" | "readOnly" | "writeOnly" | "title" | "description" | "example" => continue,
            other => panic!("{other} is not translated yet: {schema}"),
        };
        translated.insert(keyword.clone(), value);
    }
    if direction == Direction::Reply && schema["type"] == "object" {
        translated.insert("additionalProperties".to_owned(), json!(false));
    }
    Value::Object(translated)
}

pub(super) fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
