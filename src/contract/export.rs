//! The document of what is registered: dropshot's own, completed from the handlers' signatures.
//!
//! From the signatures and the running code: paths, methods, operation ids, tags, parameters, bodies with all their
//! content types, statuses, schemas, security alternatives, security schemes. From the source, because no signature can
//! carry them: descriptions, `info`, `servers`, `externalDocs`, examples. None of those has a meaning that the gate
//! compares, but for `info.title`, `info.version` and the server URL, which name the document itself.
//!
//! It must never copy anything else from the source: a difference there would be a mistake that nobody sees.

use dropshot::{ApiDescription, ServerContext};
use serde_json::{Map, Value, json};

use super::{SOURCE, parse};
use crate::api::{OPERATIONS, TITLE, VERSION};
use crate::http::typed::{MARKER, Operation, SOURCE_SCHEMA};
use crate::http::{SESSION_COOKIE, TOKEN_HEADER, documented_api};

/// The document of this server.
///
/// # Errors
///
/// dropshot's words, when the registered API makes no document.
pub fn export() -> Result<Value, String> {
    let source = parse(SOURCE)?;
    export_of(&documented_api()?, OPERATIONS, (TITLE, VERSION), &security_schemes(), &source)
}

/// The document of any server whose trait was generated here: `operations` is the generated table, `identity` the
/// generated `TITLE` and `VERSION`, and `security_schemes` what the server really looks at.
///
/// # Errors
///
/// dropshot's words, when the registered API makes no document.
pub fn export_of<C: ServerContext>(
    api: &ApiDescription<C>,
    operations: &[Operation],
    identity: (&str, &str),
    security_schemes: &Value,
    source: &Value,
) -> Result<Value, String> {
    let (title, version) = identity;
    let mut generated = api.openapi(title, semver::Version::new(0, 0, 0)).json().map_err(|e| e.to_string())?;
    restore_schemas(&mut generated);
    let mut paths = Map::new();
    for (path, item) in generated["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let path = declared_path(path, operation, operations)?;
            let mut exported = complete(operation)?;
            borrow_descriptions(&mut exported, &source["paths"][&path][method]);
            let entry = paths.entry(path).or_insert_with(|| json!({}));
            entry[method] = exported;
        }
    }
    let schemas: Map<String, Value> = generated["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
        // The shape of dropshot's own errors, which such a server never sends.
        .filter(|(name, _)| *name != "Error" || !source["components"]["schemas"]["Error"].is_null())
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect();
    let mut security_schemes = security_schemes.clone();
    for (name, scheme) in security_schemes.as_object_mut().into_iter().flatten() {
        if let Some(description) = source["components"]["securitySchemes"][name].get("description") {
            scheme["description"] = description.clone();
        }
    }
    let mut info = source["info"].clone();
    info["title"] = json!(title);
    info["version"] = json!(version);
    let mut document = json!({
        "openapi": generated["openapi"],
        "info": info,
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": security_schemes },
    });
    for borrowed in ["servers", "externalDocs"] {
        if let Some(value) = source.get(borrowed) {
            document[borrowed] = value.clone();
        }
    }
    Ok(document)
}

/// What the types say of themselves goes where dropshot's document has a stand-in for it.
fn restore_schemas(value: &mut Value) {
    if let Some(schema) = value.get_mut(SOURCE_SCHEMA) {
        *value = schema.take();
        return;
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(restore_schemas),
        Value::Array(items) => items.iter_mut().for_each(restore_schemas),
        _ => {}
    }
}

/// dropshot's document drops the last slash; the trait's attribute, and the generated table beside it, have it.
fn declared_path(path: &str, operation: &Value, operations: &[Operation]) -> Result<String, String> {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let declared = operations.iter().find(|o| o.id == id).map(|o| o.path);
    match declared {
        Some(declared) if declared.trim_end_matches('/') == path.trim_end_matches('/') => Ok(declared.to_owned()),
        _ => Err(format!("{id} is registered at {path}, and declared at {}", declared.unwrap_or("no path"))),
    }
}

/// The one value of a marker, wherever dropshot's document holds it.
fn marked(marker: &Value) -> Option<Value> {
    serde_json::from_str(marker["schema"]["enum"][0].as_str()?).ok()
}

/// The marker parameter becomes what it stands for.
fn complete(operation: &Value) -> Result<Value, String> {
    let mut operation = operation.clone();
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let (markers, parameters): (Vec<Value>, Vec<Value>) = parameters.into_iter().partition(|p| p["name"] == MARKER);
    let says = markers.first().and_then(marked).ok_or("an operation without its markers")?;
    let members = operation.as_object_mut().ok_or("an operation that is no object")?;
    members.remove("parameters");
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
        if let Some(mut answers) = responses.values().find_map(|response| marked(&response["headers"][MARKER])) {
            restore_schemas(&mut answers);
            members.insert("responses".to_owned(), answers);
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
fn security_schemes() -> Value {
    json!({
        "basicAuth": { "type": "http", "scheme": "basic" },
        "cookieAuth": { "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE },
        "tokenAuth": { "type": "apiKey", "in": "header", "name": TOKEN_HEADER },
    })
}
