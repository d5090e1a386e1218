//! The document of what is registered: dropshot's own, completed from the handlers' signatures.
//!
//! From the signatures and the running code: paths, methods, operation ids, tags, parameters, bodies with all their
//! content types, statuses, schemas as far as code carries them ([`super::carried`]), security alternatives, security
//! schemes, the server's default address. From the source, because no signature can carry them: descriptions, the rest
//! of `info`, `externalDocs`, examples. None of those has a meaning that the gate compares.
//!
//! It must never copy anything else from the source: a difference there would be a mistake that nobody sees.

use serde_json::{Map, Value, json};

use super::{SOURCE, carried, parse};
use crate::api::{OPERATIONS, TITLE, VERSION};
use crate::http::typed::MARKER;
use crate::http::{DEFAULT_SITE_URL, SESSION_COOKIE, TOKEN_HEADER, documented_api};

/// # Errors
///
/// dropshot's words, when the registered API makes no document.
pub fn export() -> Result<Value, String> {
    export_beside(&parse(SOURCE)?)
}

/// The same with the descriptions of another source: what a server with this code would export beside it.
///
/// # Errors
///
/// As [`export`].
pub fn export_beside(source: &Value) -> Result<Value, String> {
    let api = documented_api()?;
    let generated = api.openapi(TITLE, semver::Version::new(0, 0, 0)).json().map_err(|e| e.to_string())?;
    let mut paths = Map::new();
    for (path, item) in generated["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let path = declared_path(path, operation)?;
            let entry = paths.entry(path.clone()).or_insert_with(|| json!({}));
            let mut exported = complete(operation)?;
            borrow_descriptions(&mut exported, &source["paths"][&path][method]);
            entry[method] = exported;
        }
    }
    let paths = Value::Object(paths);
    let roles = carried::Roles::new(&paths, &generated["components"]["schemas"]);
    let schemas: Map<String, Value> = generated["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
        // The shape of dropshot's own errors, which this server never sends.
        .filter(|(name, _)| *name != "Error")
        .map(|(name, schema)| (name.clone(), carried::schema(name, schema, &roles)))
        .collect();
    let mut info = source["info"].clone();
    info["title"] = json!(TITLE);
    info["version"] = json!(VERSION);
    Ok(json!({
        "openapi": generated["openapi"],
        "info": info,
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": security_schemes(source) },
        "servers": [{ "url": DEFAULT_SITE_URL }],
        "externalDocs": source["externalDocs"],
    }))
}

/// dropshot's document drops the last slash; the trait's attribute, and the generated table beside it, have it.
fn declared_path(path: &str, operation: &Value) -> Result<String, String> {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let declared = OPERATIONS.iter().find(|o| o.id == id).map(|o| o.path);
    match declared {
        Some(declared) if declared.trim_end_matches('/') == path.trim_end_matches('/') => Ok(declared.to_owned()),
        _ => Err(format!("{id} is registered at {path}, and declared at {}", declared.unwrap_or("no path"))),
    }
}

/// The marker parameter becomes what it stands for.
fn complete(operation: &Value) -> Result<Value, String> {
    let mut operation = operation.clone();
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let (markers, mut parameters): (Vec<Value>, Vec<Value>) = parameters.into_iter().partition(|p| p["name"] == MARKER);
    let says = markers.first().and_then(|marker| marker["schema"]["enum"][0].as_str());
    let says: Value =
        says.and_then(|text| serde_json::from_str(text).ok()).ok_or("an operation without its markers")?;
    let members = operation.as_object_mut().ok_or("an operation that is no object")?;
    members.remove("parameters");
    parameters.iter_mut().for_each(|parameter| carried::parameter(&mut parameter["schema"]));
    if !parameters.is_empty() {
        members.insert("parameters".to_owned(), Value::Array(parameters));
    }
    let alternatives = says["security"].as_array().into_iter().flatten();
    let requirement = |schemes: &Value| -> Value {
        let names = schemes.as_array().into_iter().flatten().filter_map(Value::as_str);
        Value::Object(names.map(|name| (name.to_owned(), json!([]))).collect())
    };
    members.insert("security".to_owned(), alternatives.map(requirement).collect());
    if let Some(body) = members.get_mut("requestBody") {
        let schema = body["content"]["application/json"].clone();
        let media = says["mediaTypes"].as_array().into_iter().flatten().filter_map(Value::as_str);
        body["content"] = Value::Object(media.map(|media| (media.to_owned(), schema.clone())).collect());
        body["required"] = says["required"].clone();
    }
    if let Some(responses) = members.get_mut("responses").and_then(Value::as_object_mut) {
        // dropshot adds its own errors to every operation; the document names none.
        responses.retain(|status, _| !status.ends_with("XX"));
        for response in responses.values_mut().filter_map(Value::as_object_mut) {
            // Its way of saying that an answer has no schema.
            let undescribed = response.get("content").is_some_and(|content| content.get("*/*").is_some());
            if undescribed {
                response.remove("content");
            }
        }
    }
    Ok(operation)
}

fn borrow_descriptions(operation: &mut Value, source: &Value) {
    operation.as_object_mut().into_iter().for_each(|members| drop(members.remove("summary")));
    operation["description"] = source["description"].clone();
    let responses = operation["responses"].as_object_mut().into_iter().flatten();
    for (status, response) in responses {
        response["description"] = source["responses"][status]["description"].clone();
        if response["description"].is_null() {
            response["description"] = json!("");
        }
    }
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        let same = |p: &&Value| p["name"] == parameter["name"] && p["in"] == parameter["in"];
        let found = source["parameters"].as_array().into_iter().flatten().find(same);
        if let Some(description) = found.and_then(|p| p.get("description")) {
            parameter["description"] = description.clone();
        }
    }
}

/// What `http::caller` really looks at.
fn security_schemes(source: &Value) -> Value {
    let mut schemes = json!({
        "basicAuth": { "type": "http", "scheme": "basic" },
        "cookieAuth": { "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE },
        "tokenAuth": { "type": "apiKey", "in": "header", "name": TOKEN_HEADER },
    });
    for (name, scheme) in schemes.as_object_mut().into_iter().flatten() {
        if let Some(description) = source["components"]["securitySchemes"][name].get("description") {
            scheme["description"] = description.clone();
        }
    }
    schemes
}
