//! The document of what is registered: dropshot's own, completed from the handlers' signatures.
//!
//! From the signatures and the running code: paths, methods, operation ids, tags, parameters, bodies with all their
//! content types, answers, schemas as far as code carries them ([`super::carried`]), security alternatives. From
//! [`Facts`], which a server states of itself: security schemes, its default address, what its replies keep. From the
//! source, because no signature can carry them: descriptions, the rest of `info`, `externalDocs`, examples. None of
//! those has a meaning that the gate compares.
//!
//! It must never copy anything else from the source: a difference there would be a mistake that nobody sees.

use dropshot::{ApiDescription, ServerContext};
use serde_json::{Map, Value, json};

use super::carried::{self, Promise};
use super::{SOURCE, parse};
use crate::api::{OPERATIONS, TITLE, VERSION};
use crate::http::typed::{MARKER, Operation, SOURCE_SCHEMA};
use crate::http::{DEFAULT_SITE_URL, SESSION_COOKIE, TOKEN_HEADER, documented_api};

/// What a server says of itself beside its signatures.
pub struct Facts<'a> {
    /// The generated `TITLE`.
    pub title: &'a str,
    /// The generated `VERSION`.
    pub version: &'a str,
    /// `servers`: its default address.
    pub servers: Value,
    /// `securitySchemes`: what it really looks at.
    pub security_schemes: Value,
    /// What its replies keep beyond their types.
    pub promises: &'a [Promise],
}

/// What replies hold by the code that makes them. No type carries it and no request is checked for it, so it is said
/// here by hand. Whoever changes a line changes that code.
pub const PROMISED: &[Promise] = &[
    // http/pagination.rs: absolute links.
    Promise::word("PaginatedEmailAddressList", "next", "format", "uri"),
    Promise::word("PaginatedEmailAddressList", "previous", "format", "uri"),
    Promise::word("PaginatedSocialAccountList", "next", "format", "uri"),
    Promise::word("PaginatedSocialAccountList", "previous", "format", "uri"),
    Promise::word("PaginatedSocialProviderListResponseList", "next", "format", "uri"),
    Promise::word("PaginatedSocialProviderListResponseList", "previous", "format", "uri"),
    // Addresses are checked where they come in.
    Promise::word("PatchedUserDetails", "email", "format", "email"),
    Promise::word("UserDetails", "email", "format", "email"),
    // Columns of the reference, which rows are imported from.
    Promise::count("SocialAccount", "provider", "maxLength", 200),
    Promise::count("SocialAccount", "uid", "maxLength", 191),
    Promise::word("SocialProvider", "connect", "format", "uri"),
    Promise::word("SocialProvider", "login", "format", "uri"),
    // domain/tokens.rs
    Promise::count("Token", "key", "maxLength", 100),
    Promise::count("Token", "key", "minLength", 50),
];

/// The document of this server.
///
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
    let facts = Facts {
        title: TITLE,
        version: VERSION,
        servers: json!([{ "url": DEFAULT_SITE_URL }]),
        // What `http::caller` looks at.
        security_schemes: json!({
            "basicAuth": { "type": "http", "scheme": "basic" },
            "cookieAuth": { "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE },
            "tokenAuth": { "type": "apiKey", "in": "header", "name": TOKEN_HEADER },
        }),
        promises: PROMISED,
    };
    export_of(&documented_api()?, OPERATIONS, &facts, source)
}

/// The document of any server whose trait was generated here; `operations` is the generated table.
///
/// # Errors
///
/// dropshot's words, when the registered API makes no document.
pub fn export_of<C: ServerContext>(
    api: &ApiDescription<C>,
    operations: &[Operation],
    facts: &Facts<'_>,
    source: &Value,
) -> Result<Value, String> {
    let mut generated = api.openapi(facts.title, semver::Version::new(0, 0, 0)).json().map_err(|e| e.to_string())?;
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
    let paths = Value::Object(paths);
    let roles = carried::Roles::new(&paths, &generated["components"]["schemas"]);
    let schemas: Map<String, Value> = generated["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
        // The shape of dropshot's own errors, which such a server never sends.
        .filter(|(name, _)| *name != "Error" || !source["components"]["schemas"]["Error"].is_null())
        .map(|(name, schema)| (name.clone(), carried::schema(name, schema, &roles, facts.promises)))
        .collect();
    let mut security_schemes = facts.security_schemes.clone();
    for (name, scheme) in security_schemes.as_object_mut().into_iter().flatten() {
        if let Some(description) = source["components"]["securitySchemes"][name].get("description") {
            scheme["description"] = description.clone();
        }
    }
    let mut info = source["info"].clone();
    info["title"] = json!(facts.title);
    info["version"] = json!(facts.version);
    let mut document = json!({
        "openapi": generated["openapi"],
        "info": info,
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": security_schemes },
        "servers": facts.servers,
    });
    if let Some(external) = source.get("externalDocs") {
        document["externalDocs"] = external.clone();
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
    let (markers, mut parameters): (Vec<Value>, Vec<Value>) = parameters.into_iter().partition(|p| p["name"] == MARKER);
    parameters.iter_mut().for_each(|parameter| carried::parameter(&mut parameter["schema"]));
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
        carried::inline(&mut body["content"], true);
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
    let answers = members.get_mut("responses").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
    for content in answers.filter_map(|answer| answer.get_mut("content")) {
        carried::inline(content, false);
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
