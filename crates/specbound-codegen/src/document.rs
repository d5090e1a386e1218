//! Reads the document once, into the types that the generators work on.
//!
//! It reads the lowered document of [`super::lower`], before [`super::normalise`]: constraints,
//! content types and security come from here. An item that it does not understand is refused with
//! its JSON pointer; nothing is dropped.
//!
//! # The subset of OpenAPI 3.0
//!
//! - Paths with operations and parameters that these share, each operation with an `operationId`;
//!   tags, `deprecated`, and security by scheme, without scopes.
//! - Path, query and header parameters: an integer, a number, a text or a boolean, with `enum` and
//!   bounds; a query parameter also a list of them, repeated (`a=1&a=2`).
//! - A request body as JSON, as a form, as multipart, or several of them with one schema, which is
//!   an object.
//! - Answers by number, by range and `default`, at least one by number: no content, JSON, or bytes
//!   of any other type.
//! - Component schemas, and the keywords of [`super::schema`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use heck::ToPascalCase;
use serde_json::{Map, Value, json};

use super::labels::Labels;
use super::lower::{type_name, unique};
use super::parameters::field_name;
use super::read::{
    component, escape, flag, list, members, object, optional, reject_unknown_keys, strings, text,
    unsupported,
};
use super::schema::{self, Schema, without_read_only};
use super::{Error, Item};

/// The whole document.
pub struct Document {
    pub title: String,
    pub version: String,
    pub operations: Vec<Operation>,
    /// Component schemas in their order, then those inline in an operation, under a generated name.
    pub schemas: Vec<Schema>,
    /// Names of the marker types.
    pub names: Labels,
    /// Positions in `schemas`.
    by_name: HashMap<String, usize>,
    /// The schemas with readOnly members, by name, and the names of their separate request types.
    trimmed: BTreeMap<String, String>,
}

pub struct Operation {
    pub id: String,
    /// Upper case.
    pub method: String,
    pub path: String,
    /// The path under which dropshot holds it: see [`super::routes`].
    pub route: String,
    /// Choices of path parameters by which it differs from another operation with its method and
    /// its path.
    pub choices: Vec<(String, Vec<String>)>,
    pub description: String,
    pub deprecated: bool,
    pub tags: Vec<String>,
    /// Security alternatives, each a list of scheme names. The empty list is anonymous access.
    pub security: Vec<Vec<String>>,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    /// By status.
    pub answers: Vec<Answer>,
    /// Answers by range or `default`, by their key.
    pub ranges: Vec<(String, Content)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ParameterLocation {
    Path,
    Query,
    Header,
}

#[derive(Clone)]
pub struct Parameter {
    pub name: String,
    pub location: ParameterLocation,
    pub required: bool,
    pub description: Option<String>,
    pub schema: Value,
    /// Name of its Rust field, unlike that of any other of the operation in this location.
    pub field: String,
    /// A cookie, which stands among the headers.
    pub is_cookie: bool,
    /// How it is read, if it is no plain value.
    pub wire: Option<Wire>,
}

/// A parameter that is no plain value.
#[derive(Clone)]
pub struct Wire {
    pub style: String,
    pub explode: bool,
    /// As the document has it.
    pub original: Value,
    pub schema: Value,
    /// Name of the schema, for the data type; a plain value has none.
    pub named: Option<String>,
}

pub struct Body {
    /// Name of the schema of the content types that are read.
    pub schema: Option<String>,
    /// Whether it is JSON of any kind, not an object with members.
    pub is_json: bool,
    pub content_types: Vec<String>,
    /// Content types whose bytes the handler reads.
    pub raw: Vec<String>,
    pub required: bool,
}

pub struct Answer {
    pub status: u16,
    pub content: Content,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    Nothing,
    /// Name of the schema.
    Json(String),
    /// Bytes of this media type.
    Bytes(String),
}

pub const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
/// Key of the way in which a parameter is read that is no plain value.
pub const WIRE: &str = "x-wire";
/// Key of a schema before it was lowered, beside the lowered one.
pub const ORIGINAL: &str = "x-original-schema";
/// Key of the content types of a body whose bytes the handler reads.
pub const RAW: &str = "x-raw";
/// Key of a body that is JSON of any kind.
pub const IS_JSON: &str = "x-json";
pub const JSON: &str = "application/json";
/// Content types of request bodies beside JSON.
pub const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];

impl Document {
    /// # Errors
    ///
    /// [`Error::Unsupported`] with the JSON pointers of everything outside the subset, one for each
    /// operation and schema.
    pub fn read(source: &Value) -> Result<Document, Error> {
        let top =
            source.as_object().ok_or_else(|| unsupported("", "a document must be an object"))?;
        reject_unknown_keys(
            top,
            &[
                "openapi",
                "info",
                "paths",
                "components",
                "servers",
                "security",
                "tags",
                "externalDocs",
            ],
            "",
        )?;
        if !text(top, "openapi", "")?.is_some_and(|version| version.starts_with("3.0.")) {
            return Err(unsupported("/openapi", "only OpenAPI 3.0 is taken, such as 3.0.3"));
        }
        let info = object(source, "info", "")?;
        let mut reader = Reader { source, inline: Vec::new(), taken: component_type_names(source) };
        let mut operations = Vec::new();
        let mut refused = Vec::new();
        for (path, item) in object(source, "paths", "")? {
            let at = format!("/paths/{}", escape(path));
            let item = item
                .as_object()
                .ok_or_else(|| unsupported(&at, "a path item must be an object"))?;
            reject_unknown_keys(
                item,
                &[&METHODS[..], &["parameters", "summary", "description"]].concat(),
                &at,
            )?;
            let inherited = parameters(item, &at)?;
            for (method, operation) in
                item.iter().filter(|(method, _)| METHODS.contains(&method.as_str()))
            {
                let operation = reader.operation(
                    path,
                    method,
                    operation,
                    &inherited,
                    &format!("{at}/{method}"),
                );
                operations.extend(collected(operation, &mut refused)?);
            }
        }
        let mut schemas = Vec::new();
        if let Some(components) = members(top, "components", "")? {
            reject_unknown_keys(
                components,
                &["schemas", "securitySchemes", "examples"],
                "/components",
            )?;
            for (name, schema) in
                members(components, "schemas", "/components")?.into_iter().flatten()
            {
                let schema =
                    Schema::read(name, schema, format!("/components/schemas/{}", escape(name)));
                schemas.extend(collected(schema, &mut refused)?);
            }
        }
        for inline in std::mem::take(&mut reader.inline) {
            schemas.push(Schema { is_inline: true, ..inline });
        }
        if !refused.is_empty() {
            return Err(Error::Unsupported(refused));
        }
        let mut document = Document {
            title: text(info, "title", "/info")?.unwrap_or_default(),
            version: text(info, "version", "/info")?.unwrap_or_default(),
            names: Labels::new(&operations),
            operations,
            by_name: schemas
                .iter()
                .enumerate()
                .map(|(n, schema)| (schema.name.clone(), n))
                .collect(),
            schemas,
            trimmed: BTreeMap::new(),
        };
        document.check_references()?;
        let mut taken = reader.taken;
        let request = |name: String| {
            let request = unique(type_name(&format!("{name}Request")), &mut taken);
            // The usual name is kept as it is written.
            let usual = format!("{name}Request");
            (name, if usual.to_pascal_case() == request { usual } else { request })
        };
        document.trimmed = document.find_trimmed().into_iter().map(request).collect();
        Ok(document)
    }

    /// Gives each schema the one that it was lowered from.
    pub fn find_originals(
        &mut self,
        source: &Value,
        lowered: &Value,
        names: &BTreeMap<String, String>,
    ) {
        let by_new: HashMap<&String, &String> = names.iter().map(|(old, new)| (new, old)).collect();
        for schema in &mut self.schemas {
            let beside = schema.at.strip_suffix("/schema").and_then(|at| lowered.pointer(at));
            let original = if schema.is_inline {
                beside.and_then(|entry| entry.get(ORIGINAL)).cloned()
            } else {
                let old = by_new.get(&schema.name).copied().unwrap_or(&schema.name);
                let reference = format!("#/components/schemas/{}", escape(old));
                source["components"]["schemas"].get(old).map(|_| json!({ "$ref": reference }))
            };
            schema.original = original;
        }
    }

    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.schemas.get(*self.by_name.get(name)?)
    }

    /// Name of the request type of `schema`.
    pub fn request_name(&self, schema: &str) -> String {
        self.trimmed.get(schema).map_or(schema, String::as_str).to_owned()
    }

    /// The schemas with a separate request type.
    pub fn trimmed_schemas(&self) -> impl Iterator<Item = &Schema> {
        self.schemas.iter().filter(|schema| self.trimmed.contains_key(&schema.name))
    }

    /// Of the schemas that requests use: those with readOnly members, and those that refer to such
    /// a schema.
    fn find_trimmed(&self) -> BTreeSet<String> {
        let same = |name: &str| name.to_owned();
        let request =
            |name: &str| self.schema(name).map(|schema| without_read_only(&schema.source, &same));
        let mut reached = BTreeSet::new();
        let mut ahead: Vec<String> =
            self.operations.iter().filter_map(|o| o.body.as_ref()?.schema.clone()).collect();
        while let Some(name) = ahead.pop() {
            if reached.contains(&name) {
                continue;
            }
            ahead.extend(
                request(&name)
                    .iter()
                    .flat_map(schema::references)
                    .filter(|next| !reached.contains(next)),
            );
            reached.insert(name);
        }
        let mut trimmed = BTreeSet::new();
        loop {
            let changes = |name: &&String| {
                let Some((schema, request)) = self.schema(name).zip(request(name)) else {
                    return false;
                };
                request != schema.source
                    || schema::references(&request).iter().any(|next| trimmed.contains(next))
            };
            let more: Vec<String> = reached
                .iter()
                .filter(|name| !trimmed.contains(*name))
                .filter(changes)
                .cloned()
                .collect();
            if more.is_empty() {
                return trimmed;
            }
            trimmed.extend(more);
        }
    }

    fn check_references(&self) -> Result<(), Error> {
        let missing = |name: &str, by: &str| {
            let path = format!("/components/schemas/{}", escape(name));
            Err(unsupported(&path, &format!("{by} refers to it, and it is missing")))
        };
        for schema in &self.schemas {
            if let Some(name) = schema::references(&schema.source)
                .into_iter()
                .find(|name| self.schema(name).is_none())
            {
                return missing(&name, &schema.at);
            }
        }
        for operation in &self.operations {
            if let Some(name) = operation.schemas().find(|name| self.schema(name).is_none()) {
                return missing(name, &operation.at());
            }
            if let Some(body) = &operation.body
                && !body.is_json
                && body
                    .schema
                    .as_ref()
                    .and_then(|name| self.schema(name))
                    .is_some_and(|schema| !schema.is_object())
            {
                return Err(unsupported(
                    &format!("{}/requestBody", operation.at()),
                    "a request body must be an object",
                ));
            }
        }
        let mut seen = Vec::new();
        for body in self.operations.iter().filter_map(|operation| operation.body.as_ref()) {
            if let Some(found) = body.schema.as_ref().and_then(|name| self.schema(name)) {
                schema::check_bounds(
                    &found.source,
                    &found.at,
                    true,
                    &|name| self.schema(name),
                    &mut seen,
                )?;
            }
        }
        Ok(())
    }
}

impl Operation {
    /// Its JSON pointer.
    pub fn at(&self) -> String {
        format!("/paths/{}/{}", escape(&self.path), self.method.to_ascii_lowercase())
    }

    pub fn parameters_in(&self, location: ParameterLocation) -> Vec<&Parameter> {
        self.parameters.iter().filter(|parameter| parameter.location == location).collect()
    }

    /// The contents of its answers.
    pub fn contents(&self) -> impl Iterator<Item = &Content> {
        let numbers = self.answers.iter().map(|answer| &answer.content);
        numbers.chain(self.ranges.iter().map(|(_, content)| content))
    }

    /// Names of the schemas of its body and its responses.
    pub fn schemas(&self) -> impl Iterator<Item = &String> {
        let answers = self.contents().filter_map(|content| match content {
            Content::Json(schema) => Some(schema),
            _ => None,
        });
        self.body.iter().filter_map(|body| body.schema.as_ref()).chain(answers)
    }
}

struct Reader<'a> {
    source: &'a Value,
    inline: Vec<Schema>,
    /// Names of Rust types.
    taken: BTreeSet<String>,
}

/// The value, or `None` with its refusals in `refused`.
fn collected<T>(result: Result<T, Error>, refused: &mut Vec<Item>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Unsupported(items)) => {
            refused.extend(items);
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

fn component_type_names(source: &Value) -> BTreeSet<String> {
    let schemas = source.pointer("/components/schemas").and_then(Value::as_object);
    schemas.into_iter().flatten().map(|(name, _)| name.to_pascal_case()).collect()
}

impl Reader<'_> {
    fn operation(
        &mut self,
        path: &str,
        method: &str,
        source: &Value,
        inherited: &[Parameter],
        at: &str,
    ) -> Result<Operation, Error> {
        let operation =
            source.as_object().ok_or_else(|| unsupported(at, "an operation must be an object"))?;
        let id = text(operation, "operationId", at)?.ok_or_else(|| {
            unsupported(at, "an operationId is needed: it names the trait's method")
        })?;
        let taken = [
            "operationId",
            "summary",
            "description",
            "tags",
            "deprecated",
            "parameters",
            "requestBody",
        ];
        reject_unknown_keys(
            operation,
            &[&taken[..], &["responses", "security", "externalDocs"]].concat(),
            at,
        )?;
        let mut own = parameters(operation, at)?;
        let overridden = |inherited: &&Parameter| own.iter().any(|own| own.is_same(inherited));
        let inherited: Vec<Parameter> =
            inherited.iter().filter(|p| !overridden(p)).cloned().collect();
        own.extend(inherited);
        for parameter in &mut own {
            let Some(wire) = parameter.wire.as_mut().filter(|w| !has_plain_type(&w.schema)) else {
                continue;
            };
            let schema = match wire.schema["allOf"].as_array().map(Vec::as_slice) {
                Some([only]) => only.clone(),
                _ => wire.schema.clone(),
            };
            let name = format!("{id}_{}", parameter.name);
            wire.named = Some(self.named(&schema, &name, format!("{at}/x-{name}/schema"))?);
        }
        for location in
            [ParameterLocation::Path, ParameterLocation::Query, ParameterLocation::Header]
        {
            let mut taken = BTreeSet::new();
            for parameter in own.iter_mut().filter(|parameter| parameter.location == location) {
                parameter.field = unique(std::mem::take(&mut parameter.field), &mut taken);
            }
        }
        Ok(Operation {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            route: path.to_owned(),
            choices: Vec::new(),
            description: text(operation, "description", at)?.unwrap_or_default(),
            deprecated: flag(operation, "deprecated", at)?,
            tags: strings(operation, "tags", at)?
                .into_iter()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            security: alternatives(operation, self.source, at)?,
            parameters: own,
            body: self.body(operation, &id, at)?,
            answers: self.answers(operation, &id, at)?,
            ranges: self.ranges(operation, &id, at)?,
            id,
        })
    }

    fn body(
        &mut self,
        operation: &Map<String, Value>,
        id: &str,
        at: &str,
    ) -> Result<Option<Body>, Error> {
        let Some(body) = members(operation, "requestBody", at)? else { return Ok(None) };
        let required = flag(body, "required", &format!("{at}/requestBody"))?;
        let at = format!("{at}/requestBody/content");
        let raw = strings(body, RAW, &at)?;
        let is_json = body.get(IS_JSON).is_some();
        if !raw.is_empty() && body["content"].as_object().is_some_and(Map::is_empty) {
            let content_types = Vec::new();
            return Ok(Some(Body { schema: None, is_json, content_types, raw, required }));
        }
        let content =
            body.get("content").and_then(Value::as_object).filter(|content| !content.is_empty());
        let content = content.ok_or_else(|| unsupported(&at, "a request body needs content"))?;
        let mut schemas: Vec<&Value> = content.values().map(|entry| &entry["schema"]).collect();
        for (media, entry) in content {
            let at = format!("{at}/{}", escape(media));
            self.media_type(entry, &at)?;
            if !is_json && !is_json_type(media) && !FORMS.contains(&media.as_str()) {
                return Err(unsupported(
                    &at,
                    &format!("a request body is {JSON}, {}", FORMS.join(" or ")),
                ));
            }
        }
        schemas.dedup();
        let (Some(schema), None) = (schemas.first(), schemas.get(1)) else {
            return Err(unsupported(
                &at,
                "every content type of a request body must have the same schema",
            ));
        };
        // The content type that progenitor's copy keeps.
        let media = if let Some(json) = content.keys().find(|media| is_json_type(media)) {
            json
        } else {
            content.keys().next().map_or(JSON, String::as_str)
        };
        let at = format!("{at}/{}/schema", escape(media));
        let schema = self.named(schema, &format!("{id}_request"), at)?;
        let mut content_types: Vec<String> = content.keys().cloned().collect();
        content_types.sort_by_key(|media| (!is_json_type(media), media.clone()));
        Ok(Some(Body { schema: Some(schema), is_json, content_types, raw, required }))
    }

    fn answers(
        &mut self,
        operation: &Map<String, Value>,
        id: &str,
        at: &str,
    ) -> Result<Vec<Answer>, Error> {
        let at = format!("{at}/responses");
        let responses = operation.get("responses").and_then(Value::as_object);
        let mut answers = Vec::new();
        for (status, response) in
            responses.into_iter().flatten().filter(|(status, _)| !is_range(status))
        {
            let at = format!("{at}/{status}");
            let number = status.parse().ok().filter(|number| (200..600).contains(number));
            let status =
                number.ok_or_else(|| unsupported(&at, "a status must be a number, such as 200"))?;
            let response = response.as_object().filter(|response| !response.contains_key("$ref"));
            let response = response.ok_or_else(|| {
                unsupported(&at, "a response must be an object, and no reference")
            })?;
            reject_unknown_keys(response, &["description", "content"], &at)?;
            let content = members(response, "content", &at)?;
            answers.push(Answer {
                status,
                content: self.content(content, &format!("{id}_answer_{status}"), &at)?,
            });
        }
        answers.sort_by_key(|answer| answer.status);
        if answers.is_empty() {
            return Err(unsupported(&at, "an answer is needed, such as 200"));
        }
        Ok(answers)
    }

    fn ranges(
        &mut self,
        operation: &Map<String, Value>,
        id: &str,
        at: &str,
    ) -> Result<Vec<(String, Content)>, Error> {
        let responses = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
        let read = |(status, response): (&String, &Value)| {
            let at = format!("{at}/responses/{status}");
            let response = response
                .as_object()
                .ok_or_else(|| unsupported(&at, "a response must be an object"))?;
            let content = members(response, "content", &at)?;
            Ok((status.clone(), self.content(content, &format!("{id}_answer_{status}"), &at)?))
        };
        responses.filter(|(status, _)| is_range(status)).map(read).collect()
    }

    fn content(
        &mut self,
        content: Option<&Map<String, Value>>,
        name: &str,
        at: &str,
    ) -> Result<Content, Error> {
        let Some(content) = content.filter(|content| !content.is_empty()) else {
            return Ok(Content::Nothing);
        };
        let at = format!("{at}/content");
        let mut media = content.iter();
        let (Some((media_type, entry)), None) = (media.next(), media.next()) else {
            return Err(unsupported(&at, "a response has one content type"));
        };
        let at = format!("{at}/{}", escape(media_type));
        self.media_type(entry, &at)?;
        let schema = &entry["schema"];
        if media_type == JSON {
            return Ok(Content::Json(self.named(schema, name, format!("{at}/schema"))?));
        }
        let is_bytes = schema["type"] == "string"
            && schema.as_object().is_some_and(|s| !s.contains_key("enum"));
        if !is_bytes || media_type.contains('*') {
            let reason =
                "an answer that is no JSON has one media type, and a schema of type string";
            return Err(unsupported(&at, reason));
        }
        Ok(Content::Bytes(media_type.clone()))
    }

    fn media_type(&self, entry: &Value, at: &str) -> Result<(), Error> {
        let none = Map::new();
        reject_unknown_keys(
            entry.as_object().unwrap_or(&none),
            &["schema", "example", "examples"],
            at,
        )?;
        match entry.get("schema") {
            Some(schema) if schema.is_object() => Ok(()),
            _ => Err(unsupported(&format!("{at}/schema"), "a schema is needed here")),
        }
    }

    /// The component that `schema` refers to, or a generated name for an inline schema.
    fn named(&mut self, schema: &Value, name: &str, at: String) -> Result<String, Error> {
        if let Some(reference) = schema.get("$ref") {
            let name = reference.as_str().and_then(component);
            return name
                .map(str::to_owned)
                .ok_or_else(|| unsupported(&at, "only component schemas are referred to"));
        }
        let usual = name.to_pascal_case();
        let free = unique(type_name(name), &mut self.taken);
        let name = if free == usual.to_pascal_case() { usual } else { free };
        self.inline.push(Schema::read(&name, schema, at)?);
        Ok(name)
    }
}

/// JSON, or a type that is written in it.
pub fn is_json_type(media: &str) -> bool {
    media == JSON || media.ends_with("+json")
}

/// Whether a key of `responses` stands for several statuses.
fn is_range(status: &str) -> bool {
    status == "default"
        || (status.len() == 3 && status.ends_with("XX") && status.starts_with(['2', '3', '4', '5']))
}

/// The parameters of an operation or a path item.
fn parameters(source: &Map<String, Value>, at: &str) -> Result<Vec<Parameter>, Error> {
    let parameters = list(source, "parameters", at)?.iter().enumerate();
    parameters.map(|(n, source)| parameter(source, &format!("{at}/parameters/{n}"))).collect()
}

impl Parameter {
    /// A parameter of the operation overrides the same one of the path item.
    fn is_same(&self, other: &Parameter) -> bool {
        self.location == other.location
            && self.is_cookie == other.is_cookie
            && self.name == other.name
    }
}

fn parameter(source: &Value, at: &str) -> Result<Parameter, Error> {
    let parameter =
        source.as_object().ok_or_else(|| unsupported(at, "a parameter must be an object"))?;
    let name =
        text(parameter, "name", at)?.ok_or_else(|| unsupported(at, "a parameter needs a name"))?;
    let schema =
        parameter.get("schema").ok_or_else(|| unsupported(at, "a parameter needs a schema"))?;
    let taken = [
        "name",
        "in",
        "required",
        "description",
        "schema",
        "example",
        "examples",
        "style",
        "explode",
    ];
    reject_unknown_keys(parameter, &[&taken[..], &["deprecated"]].concat(), at)?;
    let location = match text(parameter, "in", at)?.as_deref() {
        Some("path") => ParameterLocation::Path,
        Some("query") => ParameterLocation::Query,
        Some("header" | "cookie") => ParameterLocation::Header,
        _ => return Err(unsupported(at, "a parameter is in path, query, header or cookie")),
    };
    let style = text(parameter, "style", at)?;
    let explode = optional(parameter, "explode", at, "true or false", Value::as_bool)?;
    let (usual_style, usual_explode) =
        if location == ParameterLocation::Query { ("form", true) } else { ("simple", false) };
    if style.is_some_and(|style| style != usual_style)
        || explode.is_some_and(|explode| explode != usual_explode)
    {
        return Err(unsupported(
            at,
            &format!("only the style `{usual_style}` with explode={usual_explode} is taken"),
        ));
    }
    let required = flag(parameter, "required", at)?;
    if location == ParameterLocation::Path && !required {
        return Err(unsupported(at, "a path parameter is required"));
    }
    schema::check_parameter(schema, location == ParameterLocation::Query, at)?;
    Ok(Parameter {
        field: field_name(&name),
        name,
        location,
        required,
        description: text(parameter, "description", at)?,
        schema: schema.clone(),
        is_cookie: parameter["in"] == "cookie",
        wire: parameter.get(WIRE).map(|wire| Wire {
            style: wire["style"].as_str().unwrap_or_default().to_owned(),
            explode: wire["explode"] == true,
            original: wire["original"].clone(),
            schema: wire["schema"].clone(),
            named: None,
        }),
    })
}

/// Whether the values of a parameter's schema have a plain Rust type.
fn has_plain_type(schema: &Value) -> bool {
    let is_scalar = |schema: &Value| {
        ["string", "integer", "number", "boolean"].iter().any(|kind| schema["type"] == **kind)
            && schema["nullable"] != true
    };
    is_scalar(schema) || (schema["type"] == "array" && is_scalar(&schema["items"]))
}

/// The security of an operation, else of the document. A value that is no list is refused: read as
/// an empty list it would grant anonymous access.
fn alternatives(
    operation: &Map<String, Value>,
    document: &Value,
    at: &str,
) -> Result<Vec<Vec<String>>, Error> {
    let (says, at) = match document.as_object() {
        Some(document) if !operation.contains_key("security") => (document, ""),
        _ => (operation, at),
    };
    let mut found: Vec<Vec<String>> = Vec::new();
    let security = list(says, "security", at)?;
    let at = format!("{at}/security");
    for alternative in security {
        let alternative = alternative
            .as_object()
            .ok_or_else(|| unsupported(&at, "a security requirement must be an object"))?;
        for (scheme, scopes) in alternative {
            if document
                .pointer(&format!("/components/securitySchemes/{}", escape(scheme)))
                .is_none()
            {
                return Err(unsupported(
                    &at,
                    &format!("`{scheme}` is no security scheme of this document"),
                ));
            }
            if scopes.as_array().is_none_or(|scopes| !scopes.is_empty()) {
                return Err(unsupported(
                    &at,
                    &format!("`{scheme}` must have an empty list: scopes are not taken"),
                ));
            }
        }
        found.push(alternative.keys().cloned().collect());
    }
    // Order and repetition mean nothing, so they must not change a generated name. Anonymous access
    // comes last.
    found.iter_mut().for_each(|schemes| schemes.sort_unstable());
    found.sort_by_key(|schemes| (schemes.is_empty(), schemes.clone()));
    found.dedup();
    Ok(found)
}
