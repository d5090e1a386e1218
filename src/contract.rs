//! The contract of this server: the OpenAPI document that it exports, to be compared with the
//! source document.
//!
//! From signatures and running code: paths, methods, operation ids, tags, parameters, bodies with
//! all their content types, responses, schemas reduced to [`enforced`] keywords, security
//! alternatives. From [`ServerInfo`], which a server states itself: security schemes, its default
//! address, guarantees of its responses. From the source document, since no signature carries
//! them: descriptions, the rest of `info`, `externalDocs`, examples. None of those has a meaning
//! that the comparison sees.
//!
//! Nothing else may be copied from the source: a comparison would not find a difference there.

use std::sync::Arc;

use dropshot::{ApiDescription, ApiDescriptionBuildErrors, ServerContext};
use serde_json::{Map, Value, json};
use specbound::{MARKER, Operation, SOURCE_SCHEMA};
use specbound_contract::{ParseError, enforced::ResponseGuarantee};
pub use specbound_contract::{
    ReadOptions, compatibility, diff, enforced, keep_content_type, parse, report,
};
use thiserror::Error;

pub use crate::api::SOURCE;
use crate::api::{OPERATIONS, TITLE, VERSION, user};
use crate::http::{
    AppState, DEFAULT_SITE_URL, SESSION_COOKIE, TOKEN_HEADER, documented_api, documented_user_api,
};

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

/// Why the registered API yields no document.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The source document cannot be parsed.
    #[error(transparent)]
    Source(#[from] ParseError),
    /// dropshot refuses a route of the API.
    #[error(transparent)]
    Registration(#[from] dropshot::ApiDescriptionBuildErrors),
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

/// Keywords that hold in responses because of the code named beside them. A change of that code
/// must update its line.
pub const GUARANTEES: &[ResponseGuarantee] = &[
    // http/pagination.rs: absolute links.
    ResponseGuarantee::text("PaginatedEmailAddressList", "next", "format", "uri"),
    ResponseGuarantee::text("PaginatedEmailAddressList", "previous", "format", "uri"),
    ResponseGuarantee::text("PaginatedSocialAccountList", "next", "format", "uri"),
    ResponseGuarantee::text("PaginatedSocialAccountList", "previous", "format", "uri"),
    ResponseGuarantee::text("PaginatedSocialProviderListResponseList", "next", "format", "uri"),
    ResponseGuarantee::text("PaginatedSocialProviderListResponseList", "previous", "format", "uri"),
    // Checked when an address is stored.
    ResponseGuarantee::text("PatchedUserDetails", "email", "format", "email"),
    ResponseGuarantee::text("UserDetails", "email", "format", "email"),
    // Columns of the reference database, from which rows are imported.
    ResponseGuarantee::count("SocialAccount", "provider", "maxLength", 200),
    ResponseGuarantee::count("SocialAccount", "uid", "maxLength", 191),
    ResponseGuarantee::text("SocialProvider", "connect", "format", "uri"),
    ResponseGuarantee::text("SocialProvider", "login", "format", "uri"),
    // domain/tokens.rs
    ResponseGuarantee::count("Token", "key", "maxLength", 100),
    ResponseGuarantee::count("Token", "key", "minLength", 50),
];

/// A document that this server implements.
pub struct Document {
    /// The text it was built from.
    pub source: &'static str,
    title: &'static str,
    version: &'static str,
    operations: &'static [Operation],
    guarantees: &'static [ResponseGuarantee],
    api: fn() -> Result<ApiDescription<Arc<AppState>>, ApiDescriptionBuildErrors>,
}

/// The authentication API.
pub const AUTH: Document = Document {
    source: SOURCE,
    title: TITLE,
    version: VERSION,
    operations: OPERATIONS,
    guarantees: GUARANTEES,
    api: documented_api,
};

/// The calls beside it with which InvenTree's clients begin.
pub const USER: Document = Document {
    source: user::SOURCE,
    title: user::TITLE,
    version: user::VERSION,
    operations: user::OPERATIONS,
    guarantees: USER_GUARANTEES,
    api: documented_user_api,
};

impl Document {
    /// Exports the document of the registered API.
    ///
    /// # Errors
    ///
    /// [`ExportError`] if the registered API yields no document.
    pub fn export(&self) -> Result<Value, ExportError> {
        self.export_beside(&parse(self.source)?)
    }

    /// As [`Document::export`], with the descriptions of another source document.
    ///
    /// # Errors
    ///
    /// As [`Document::export`].
    pub fn export_beside(&self, source: &Value) -> Result<Value, ExportError> {
        let info = ServerInfo {
            title: self.title,
            version: self.version,
            servers: json!([{ "url": DEFAULT_SITE_URL }]),
            // The credentials that `http::caller` checks.
            security_schemes: json!({
                "basicAuth": { "type": "http", "scheme": "basic" },
                "cookieAuth": { "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE },
                "tokenAuth": { "type": "apiKey", "in": "header", "name": TOKEN_HEADER },
            }),
            guarantees: self.guarantees,
        };
        export_of(&(self.api)()?, self.operations, &info, source)
    }
}

/// Exports the document of this server.
///
/// # Errors
///
/// [`ExportError`] if the registered API yields no document.
pub fn export() -> Result<Value, ExportError> {
    AUTH.export()
}

/// As [`export`], with the descriptions of another source document.
///
/// # Errors
///
/// As [`export`].
pub fn export_beside(source: &Value) -> Result<Value, ExportError> {
    AUTH.export_beside(source)
}

/// Keywords of the second document, likewise.
pub const USER_GUARANTEES: &[ResponseGuarantee] = &[
    ResponseGuarantee::count("ApiToken", "name", "maxLength", 100),
    ResponseGuarantee::count("Group", "name", "maxLength", 150),
    ResponseGuarantee::text("MeUser", "email", "format", "email"),
    ResponseGuarantee::text("PaginatedApiTokenList", "next", "format", "uri"),
    ResponseGuarantee::text("PaginatedApiTokenList", "previous", "format", "uri"),
    ResponseGuarantee::count("Role", "username", "maxLength", 150),
    ResponseGuarantee::text("Role", "username", "pattern", r"^[\w.@+-]+$"),
];

/// Exports the document of any server with a generated trait; `operations` is the generated table.
///
/// # Errors
///
/// [`ExportError`] if the registered API yields no document.
pub fn export_of<C: ServerContext>(
    api: &ApiDescription<C>,
    operations: &[Operation],
    server: &ServerInfo<'_>,
    source: &Value,
) -> Result<Value, ExportError> {
    let mut generated = api.openapi(server.title, semver::Version::new(0, 0, 0)).json()?;
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
    let declared = operations.iter().find(|o| o.id == id).map(|o| o.path);
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
        if let Some(mut answers) =
            responses.values().find_map(|response| marked(&response["headers"][MARKER]))
        {
            restore_schemas(&mut answers);
            members.insert("responses".to_owned(), answers);
        }
    }
    let answers = members
        .get_mut("responses")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Map::values_mut);
    for content in answers.filter_map(|answer| answer.get_mut("content")) {
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
