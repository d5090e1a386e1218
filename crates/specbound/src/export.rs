//! The OpenAPI document that a server exports, to be compared with its source document.
//!
//! From signatures and running code: paths, methods, operation ids, tags, parameters, bodies with
//! all their content types, responses, schemas reduced to [`enforced`] keywords, security
//! alternatives. From [`ServerInfo`], which a server states itself: security schemes, its default
//! address, guarantees of its responses. From the source document, since no signature carries
//! them: descriptions, the rest of `info`, `externalDocs`, examples. None of those has a meaning
//! that the comparison sees.
//!
//! Nothing else may be copied from the source: a comparison would not find a difference there.

mod confirmed;
pub mod enforced;
mod location;
mod rows;
mod spelling;
mod tables;

use dropshot::{ApiDescription, ServerContext};
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::Operation;
use crate::markers::{MARKER, SOURCE_SCHEMA};
pub use confirmed::{Enforced, RequestTables, confirmed};
pub use enforced::ResponseGuarantee;

/// The part of an exported document that a server states itself.
pub struct ServerInfo<'a> {
    /// The generated `TITLE`.
    pub title: &'a str,
    /// The generated `VERSION`.
    pub version: &'a str,
    /// `servers`: the default address.
    pub servers: Value,
    /// `securitySchemes`: the credentials that the server checks.
    pub security_schemes: Value,
    /// Keywords that its responses guarantee beyond their types.
    pub guarantees: &'a [ResponseGuarantee],
}

/// Why a registered API yields no document.
#[derive(Debug, Error)]
pub enum ExportError {
    /// dropshot's document is not JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// An operation is registered at another path than the generated table states.
    #[error("{id} is registered at {registered}, and declared at {}", declared.unwrap_or("no \
        path"))]
    WrongPath {
        /// The operation id.
        id: String,
        /// The registered path.
        registered: String,
        /// The path in the generated table, if the id is there.
        declared: Option<&'static str>,
    },
    /// An operation lacks the marker parameter of the generated trait, or is no object.
    #[error("an operation without its markers")]
    MissingMarker,
}

/// Exports the document of any server with a generated trait; `operations` is the generated table.
///
/// # Errors
///
/// [`ExportError`] if the registered API yields no document.
pub fn document<C: ServerContext>(
    api: &ApiDescription<C>,
    operations: &[Operation],
    server: &ServerInfo<'_>,
    source: &Value,
) -> Result<Value, ExportError> {
    let generated = described(api)?;
    let mut paths = Map::new();
    for (path, method, mut exported) in operations_of(&generated, operations)? {
        borrow_descriptions(&mut exported, &source["paths"][&path][&method]);
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method] = exported;
    }
    let paths = Value::Object(paths);
    let roles = enforced::SchemaRoles::new(&paths, &generated["components"]["schemas"]);
    let schemas: Map<String, Value> = generated["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
        // dropshot's own error type, which such a server never sends.
        .filter(|(name, _)| *name != "Error" || !source["components"]["schemas"]["Error"].is_null())
        .map(|(name, schema)| {
            (name.clone(), enforced::schema(name, schema, &roles, server.guarantees))
        })
        .collect();
    let mut security_schemes = server.security_schemes.clone();
    for (name, scheme) in security_schemes.as_object_mut().into_iter().flatten() {
        if let Some(description) = source["components"]["securitySchemes"][name].get("description")
        {
            scheme["description"] = description.clone();
        }
    }
    let mut info = source["info"].clone();
    info["title"] = json!(server.title);
    info["version"] = json!(server.version);
    let mut document = json!({
        "openapi": generated["openapi"],
        "info": info,
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": security_schemes },
        "servers": server.servers,
    });
    if let Some(external) = source.get("externalDocs") {
        document["externalDocs"] = external.clone();
    }
    Ok(document)
}

/// Each operation as it is registered: its route, its method in lower case, and its own document.
fn registered<C: ServerContext>(
    api: &ApiDescription<C>,
    operations: &[Operation],
) -> Result<Vec<(String, String, Value)>, ExportError> {
    operations_of(&described(api)?, operations)
}

/// dropshot's document, with the schemas of the source document.
fn described<C: ServerContext>(api: &ApiDescription<C>) -> Result<Value, ExportError> {
    let mut generated = api.openapi("", semver::Version::new(0, 0, 0)).json()?;
    restore_schemas(&mut generated);
    Ok(generated)
}

fn operations_of(
    generated: &Value,
    operations: &[Operation],
) -> Result<Vec<(String, String, Value)>, ExportError> {
    let mut all = Vec::new();
    for (path, item) in generated["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let path = declared_path(path, operation, operations)?;
            all.push((path, method.clone(), complete(operation)?));
        }
    }
    Ok(all)
}

/// Replaces dropshot's placeholders by the schemas of the source document, which the types carry.
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

/// The path in the generated table. dropshot's document drops the trailing slash.
fn declared_path(
    path: &str,
    operation: &Value,
    operations: &[Operation],
) -> Result<String, ExportError> {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let declared = operations.iter().find(|o| o.id == id).map(|o| o.route);
    match declared {
        Some(declared) if declared.trim_end_matches('/') == path.trim_end_matches('/') => {
            Ok(declared.to_owned())
        }
        _ => {
            Err(ExportError::WrongPath { id: id.to_owned(), registered: path.to_owned(), declared })
        }
    }
}

/// Decodes the value of a marker.
fn marked(marker: &Value) -> Option<Value> {
    serde_json::from_str(marker["schema"]["enum"][0].as_str()?).ok()
}

/// Replaces the marker parameter by the security, content types and responses that it encodes.
fn complete(operation: &Value) -> Result<Value, ExportError> {
    let mut operation = operation.clone();
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let (markers, mut parameters): (Vec<Value>, Vec<Value>) =
        parameters.into_iter().partition(|p| p["name"] == MARKER);
    for parameter in &mut parameters {
        // Members that dropshot's document cannot hold.
        let beside = parameter["schema"].as_object_mut();
        let beside = beside.and_then(|schema| schema.remove("x-contract-parameter"));
        if let (Some(Value::Object(beside)), Some(parameter)) = (beside, parameter.as_object_mut())
        {
            if beside.contains_key("content") {
                parameter.remove("schema");
            }
            parameter.extend(beside);
        }
        if parameter.get("schema").is_some() {
            enforced::parameter(&mut parameter["schema"]);
        }
    }
    let says = markers.first().and_then(marked).ok_or(ExportError::MissingMarker)?;
    let members = operation.as_object_mut().ok_or(ExportError::MissingMarker)?;
    members.remove("parameters");
    if !parameters.is_empty() {
        members.insert("parameters".to_owned(), Value::Array(parameters));
    }
    let alternatives = says["security"].as_array().into_iter().flatten().enumerate();
    let requirement = |(n, schemes): (usize, &Value)| -> Value {
        let names = schemes.as_array().into_iter().flatten().filter_map(Value::as_str);
        let scopes = |(m, name): (usize, &str)| match &says["scopes"][n][m] {
            Value::Null => (name.to_owned(), json!([])),
            scopes => (name.to_owned(), scopes.clone()),
        };
        Value::Object(names.enumerate().map(scopes).collect())
    };
    members.insert("security".to_owned(), alternatives.map(requirement).collect());
    // dropshot knows no body that is bytes of other types.
    if says["mediaTypes"].as_array().is_some_and(|media| !media.is_empty()) {
        let bytes = json!({ "schema": { "type": "string", "format": "binary" } });
        let bytes = json!({ "content": { "application/json": bytes } });
        members.entry("requestBody").or_insert(bytes);
    }
    if let Some(body) = members.get_mut("requestBody") {
        let schema = body["content"]["application/json"].clone();
        let media = says["mediaTypes"].as_array().into_iter().flatten().filter_map(Value::as_str);
        body["content"] =
            Value::Object(media.map(|media| (media.to_owned(), schema.clone())).collect());
        body["required"] = says["required"].clone();
        enforced::content(&mut body["content"], true);
    }
    if let Some(responses) = members.get_mut("responses").and_then(Value::as_object_mut) {
        // dropshot adds its own errors to every operation.
        responses.retain(|status, _| !status.ends_with("XX"));
        for response in responses.values_mut().filter_map(Value::as_object_mut) {
            // dropshot's notation for a response without a schema.
            let undescribed =
                response.get("content").is_some_and(|content| content.get("*/*").is_some());
            if undescribed {
                response.remove("content");
            }
        }
        if let Some(mut responses) =
            responses.values().find_map(|response| marked(&response["headers"][MARKER]))
        {
            restore_schemas(&mut responses);
            members.insert("responses".to_owned(), responses);
        }
    }
    let responses = members
        .get_mut("responses")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Map::values_mut);
    for content in responses.filter_map(|response| response.get_mut("content")) {
        enforced::content(content, false);
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
    for parameter in
        operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten()
    {
        let same = |p: &&Value| p["name"] == parameter["name"] && p["in"] == parameter["in"];
        let found = source["parameters"].as_array().into_iter().flatten().find(same);
        if let Some(description) = found.and_then(|p| p.get("description")) {
            parameter["description"] = description.clone();
        }
    }
}
