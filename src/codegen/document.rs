//! What the document says, read once, in the words the other generators need.
//!
//! It takes the document as published, before any normalising: constraints, content types and security come from here.
//! Whatever it does not understand is refused with its JSON pointer; nothing is dropped in silence.

use serde_json::{Map, Value};

use super::Error;

/// The whole document.
pub struct Document {
    pub title: String,
    pub version: String,
    pub operations: Vec<Operation>,
    pub schemas: Vec<Schema>,
}

/// One component schema, as the source has it.
pub struct Schema {
    pub name: String,
    pub source: Value,
    pub properties: Vec<Property>,
}

/// One property of an object schema, with what a request is checked against.
pub struct Property {
    pub name: String,
    pub kind: &'static str,
    pub required: bool,
    pub nullable: bool,
    pub read_only: bool,
    pub write_only: bool,
    pub is_array: bool,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub pattern: Option<String>,
}

pub struct Operation {
    pub id: String,
    /// Upper case.
    pub method: String,
    pub path: String,
    pub description: String,
    pub tags: Vec<String>,
    /// Alternatives, each a list of scheme names; the empty list is the anonymous one.
    pub security: Vec<Vec<String>>,
    pub path_parameters: Vec<Parameter>,
    pub query_parameters: Vec<Parameter>,
    pub body: Option<Body>,
    pub status: u16,
    /// Component name of the answer's schema; none for an answer without content.
    pub response: Option<String>,
}

pub struct Parameter {
    pub name: String,
    pub required: bool,
    pub description: Option<String>,
    pub schema: Value,
}

pub struct Body {
    /// Component name.
    pub schema: String,
    pub content_types: Vec<String>,
    pub required: bool,
}

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

impl Document {
    /// # Errors
    ///
    /// [`Error::Unsupported`] with the JSON pointer of the first thing outside the subset.
    pub fn read(source: &Value) -> Result<Document, Error> {
        let info = object(source, "info", "")?;
        let mut operations = Vec::new();
        for (path, item) in object(source, "paths", "")? {
            let at = format!("/paths/{}", escape(path));
            let item = item.as_object().ok_or_else(|| unsupported(&at, "a path item must be an object"))?;
            for (method, operation) in item {
                let at = format!("{at}/{method}");
                if !METHODS.contains(&method.as_str()) {
                    return Err(unsupported(&at, "only operations are taken inside a path item"));
                }
                operations.push(Operation::read(path, method, operation, source, &at)?);
            }
        }
        let mut schemas = Vec::new();
        if let Some(components) = source.as_object().map(|s| members(s, "components", "")).transpose()?.flatten() {
            for (name, schema) in members(components, "schemas", "/components")?.into_iter().flatten() {
                schemas.push(Schema::read(name, schema)?);
            }
        }
        Ok(Document {
            title: text(info, "title", "/info")?.unwrap_or_default(),
            version: text(info, "version", "/info")?.unwrap_or_default(),
            operations,
            schemas,
        })
    }

    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.schemas.iter().find(|s| s.name == name)
    }
}

impl Schema {
    fn read(name: &str, source: &Value) -> Result<Schema, Error> {
        let at = format!("/components/schemas/{}", escape(name));
        let object = source.as_object().ok_or_else(|| unsupported(&at, "a schema must be an object"))?;
        let mut properties = Vec::new();
        let required = strings(object, "required", &at)?;
        for (property, schema) in members(object, "properties", &at)?.into_iter().flatten() {
            let at = format!("{at}/properties/{}", escape(property));
            let schema = schema.as_object().ok_or_else(|| unsupported(&at, "a property must be a schema object"))?;
            let length = |key: &str| optional(schema, key, &at, "a length", Value::as_u64);
            properties.push(Property {
                name: property.clone(),
                kind: kind(schema),
                required: required.contains(property),
                nullable: flag(schema, "nullable", &at)?,
                read_only: flag(schema, "readOnly", &at)?,
                write_only: flag(schema, "writeOnly", &at)?,
                is_array: text(schema, "type", &at)?.as_deref() == Some("array"),
                min_length: length("minLength")?,
                max_length: length("maxLength")?,
                pattern: text(schema, "pattern", &at)?,
            });
        }
        Ok(Schema { name: name.to_owned(), source: source.clone(), properties })
    }
}

fn kind(schema: &Map<String, Value>) -> &'static str {
    let word = |key: &str| schema.get(key).and_then(Value::as_str).unwrap_or_default();
    match (word("type"), word("format")) {
        ("string", "email") => "Email",
        ("string", "uri") => "Uri",
        ("string", _) => "Text",
        ("integer", _) => "Integer",
        ("number", _) => "Number",
        ("boolean", _) => "Boolean",
        _ => "Any",
    }
}

impl Operation {
    fn read(path: &str, method: &str, source: &Value, document: &Value, at: &str) -> Result<Operation, Error> {
        let operation = source.as_object().ok_or_else(|| unsupported(at, "an operation must be an object"))?;
        let id = text(operation, "operationId", at)?
            .ok_or_else(|| unsupported(at, "an operationId is needed: it names the trait's method"))?;
        let (mut path_parameters, mut query_parameters) = (Vec::new(), Vec::new());
        for (n, parameter) in list(operation, "parameters", at)?.iter().enumerate() {
            let at = format!("{at}/parameters/{n}");
            let (place, parameter) = Parameter::read(parameter, &at)?;
            match place.as_str() {
                "path" => path_parameters.push(parameter),
                "query" => query_parameters.push(parameter),
                _ => return Err(unsupported(&at, "only path and query parameters are taken")),
            }
        }
        let (status, response) = success(operation, at)?;
        Ok(Operation {
            id,
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            description: text(operation, "description", at)?.unwrap_or_default(),
            tags: strings(operation, "tags", at)?,
            security: alternatives(operation, document, at)?,
            path_parameters,
            query_parameters,
            body: Body::read(operation, at)?,
            status,
            response,
        })
    }
}

impl Parameter {
    fn read(source: &Value, at: &str) -> Result<(String, Parameter), Error> {
        let parameter = source.as_object().ok_or_else(|| unsupported(at, "a parameter must be an object"))?;
        let name = text(parameter, "name", at)?.ok_or_else(|| unsupported(at, "a parameter needs a name"))?;
        let schema = parameter.get("schema").ok_or_else(|| unsupported(at, "a parameter needs a schema"))?;
        if !matches!(schema["type"].as_str(), Some("integer" | "string" | "boolean" | "number")) {
            return Err(unsupported(at, "a parameter must be an integer, a number, a string or a boolean"));
        }
        Ok((
            text(parameter, "in", at)?.unwrap_or_default(),
            Parameter {
                name,
                required: flag(parameter, "required", at)?,
                description: text(parameter, "description", at)?,
                schema: schema.clone(),
            },
        ))
    }
}

impl Body {
    fn read(operation: &Map<String, Value>, at: &str) -> Result<Option<Body>, Error> {
        let Some(body) = members(operation, "requestBody", at)? else { return Ok(None) };
        let required = flag(body, "required", &format!("{at}/requestBody"))?;
        let at = format!("{at}/requestBody/content");
        let content = body.get("content").and_then(Value::as_object);
        let content = content.ok_or_else(|| unsupported(&at, "a request body needs content"))?;
        let mut schemas = Vec::new();
        for (media, entry) in content {
            let at = format!("{at}/{}/schema", escape(media));
            schemas.push(reference(&entry["schema"], &at)?);
        }
        schemas.dedup();
        let [schema] = schemas.as_slice() else {
            return Err(unsupported(&at, "every content type of a request body must have the same schema"));
        };
        Ok(Some(Body { schema: schema.clone(), content_types: content.keys().cloned().collect(), required }))
    }
}

/// The one documented success: its status, and its schema's name.
fn success(operation: &Map<String, Value>, at: &str) -> Result<(u16, Option<String>), Error> {
    let at = format!("{at}/responses");
    let responses = operation.get("responses").and_then(Value::as_object);
    let mut found = responses.into_iter().flatten().filter(|(status, _)| status.starts_with('2'));
    let (Some((status, response)), None) = (found.next(), found.next()) else {
        return Err(unsupported(&at, "exactly one 2xx response is taken"));
    };
    let number = status.parse().ok().filter(|number| (200..300).contains(number));
    let number = number.ok_or_else(|| unsupported(&at, "a status must be a number, such as 200"))?;
    let at = format!("{at}/{status}");
    let response = response.as_object().filter(|response| !response.contains_key("$ref"));
    let response = response.ok_or_else(|| unsupported(&at, "a response must be an object, and no reference"))?;
    let Some(content) = members(response, "content", &at)? else { return Ok((number, None)) };
    let at = format!("{at}/content");
    let mut media = content.iter();
    let (Some((name, entry)), None) = (media.next(), media.next()) else {
        return Err(unsupported(&at, "a response has one content type"));
    };
    if name != "application/json" {
        return Err(unsupported(&at, "a response is application/json"));
    }
    Ok((number, Some(reference(&entry["schema"], &format!("{at}/application~1json/schema"))?)))
}

/// An operation's own, or else the document's. What is no list is refused: read as an empty one, it would let anyone in.
fn alternatives(operation: &Map<String, Value>, document: &Value, at: &str) -> Result<Vec<Vec<String>>, Error> {
    let (says, at) = match document.as_object() {
        Some(document) if !operation.contains_key("security") => (document, ""),
        _ => (operation, at),
    };
    let mut found = Vec::new();
    let security = list(says, "security", at)?;
    let at = format!("{at}/security");
    for alternative in security {
        let alternative =
            alternative.as_object().ok_or_else(|| unsupported(&at, "a security requirement must be an object"))?;
        for scheme in alternative.keys() {
            if document.pointer(&format!("/components/securitySchemes/{}", escape(scheme))).is_none() {
                return Err(unsupported(&at, &format!("`{scheme}` is no security scheme of this document")));
            }
        }
        found.push(alternative.keys().cloned().collect());
    }
    Ok(found)
}

fn reference(schema: &Value, at: &str) -> Result<String, Error> {
    schema["$ref"]
        .as_str()
        .and_then(|r| r.strip_prefix("#/components/schemas/"))
        .map(str::to_owned)
        .ok_or_else(|| unsupported(at, "a body's schema must be a reference to a component"))
}

fn object<'a>(source: &'a Value, key: &str, at: &str) -> Result<&'a Map<String, Value>, Error> {
    source[key].as_object().ok_or_else(|| unsupported(&format!("{at}/{key}"), "an object is needed here"))
}

/// What is not there is `None`; what is there and is something else is refused, not passed over.
fn optional<'a, T>(
    source: &'a Map<String, Value>,
    key: &str,
    at: &str,
    what: &str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>, Error> {
    let Some(value) = source.get(key) else { return Ok(None) };
    let refused = || unsupported(&format!("{at}/{}", escape(key)), &format!("{what} is needed here"));
    read(value).map(Some).ok_or_else(refused)
}

fn members<'a>(source: &'a Map<String, Value>, key: &str, at: &str) -> Result<Option<&'a Map<String, Value>>, Error> {
    optional(source, key, at, "an object", Value::as_object)
}

fn list<'a>(source: &'a Map<String, Value>, key: &str, at: &str) -> Result<&'a [Value], Error> {
    Ok(optional(source, key, at, "a list", Value::as_array)?.map(Vec::as_slice).unwrap_or_default())
}

fn text(source: &Map<String, Value>, key: &str, at: &str) -> Result<Option<String>, Error> {
    Ok(optional(source, key, at, "a text", Value::as_str)?.map(str::to_owned))
}

fn flag(source: &Map<String, Value>, key: &str, at: &str) -> Result<bool, Error> {
    Ok(optional(source, key, at, "true or false", Value::as_bool)?.unwrap_or(false))
}

fn strings(source: &Map<String, Value>, key: &str, at: &str) -> Result<Vec<String>, Error> {
    let all = |value: &Value| value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect();
    Ok(optional(source, key, at, "a list of texts", all)?.unwrap_or_default())
}

fn unsupported(path: &str, reason: &str) -> Error {
    Error::Unsupported { path: path.to_owned(), reason: reason.to_owned() }
}

/// RFC 6901: `~` and `/` inside one reference token.
pub fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}
