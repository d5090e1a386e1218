//! Reads the document once, into the types that the generators work on.
//!
//! It reads the lowered document of [`super::lower`], before [`super::normalise`]: constraints,
//! content types and security come from here. An item that it does not understand is refused with
//! its JSON pointer; nothing is dropped. [`operation`] holds the parts of an operation,
//! [`super::schema`] the keywords of a schema.

mod labels;
mod operation;
mod operations;
mod parameters;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use heck::ToPascalCase;
use serde_json::{Value, json};

use super::discriminator::Discriminators;
use super::names::{type_name, unique};
use super::openapi::{METHODS, ORIGINAL, SENT};
use super::read::{escape, members, object, reject_unknown_keys, text, unsupported};
use super::schema::{self, Schema, without_read_only};
use super::{Error, Item};
use labels::Labels;
pub use labels::json_types;
pub use operation::{
    Body, Content, EncodedParameter, FileForm, FileMember, Operation, Parameter, ParameterLocation,
    RangeResponse, Requirement, Response, ResponseHeader,
};
use operations::Reader;
use parameters::parameters;

/// The whole document.
pub struct Document {
    pub title: String,
    pub version: String,
    pub operations: Vec<Operation>,
    /// Callbacks and webhooks, which the server sends.
    pub senders: Vec<Operation>,
    /// Component schemas in their order, then those inline in an operation, under a generated name.
    pub schemas: Vec<Schema>,
    /// Names of the marker types.
    pub names: Labels,
    /// Positions in `schemas`.
    by_name: HashMap<String, usize>,
    /// The schemas with readOnly members, by name, and the names of their separate request types.
    trimmed: BTreeMap<String, String>,
    pub discriminators: Discriminators,
}

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
        let mut reader = Reader::new(source);
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
        let (senders, operations): (Vec<Operation>, Vec<Operation>) =
            operations.into_iter().partition(|operation| operation.path.starts_with(SENT));
        let mut document = Document {
            senders,
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
            discriminators: Discriminators::default(),
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
        // The others have tables where these refer to them.
        let used: HashSet<&String> = self.operations.iter().flat_map(Operation::schemas).collect();
        for schema in self.schemas.iter_mut().filter(|schema| used.contains(&schema.name)) {
            let entry = schema.at.strip_suffix("/schema").and_then(|at| lowered.pointer(at));
            let original = if schema.is_inline {
                entry.and_then(|entry| entry.get(ORIGINAL)).cloned()
            } else {
                let old = by_new.get(&schema.name).copied().unwrap_or(&schema.name);
                let reference = format!("#/components/schemas/{}", escape(old));
                source["components"]["schemas"].get(old).map(|_| json!({ "$ref": reference }))
            };
            schema.original = original;
        }
        self.discriminators = Discriminators::new(source, names, &|name| self.request_name(name));
    }

    /// Those that a client sends, and those that the server does.
    pub fn requests(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().chain(&self.senders)
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
        let mut trimmed = BTreeSet::new();
        // By schema, those that refer to it.
        let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut ahead: Vec<String> =
            self.operations.iter().flat_map(|o| &o.body).flat_map(Body::schemas).cloned().collect();
        while let Some(name) = ahead.pop() {
            if !reached.insert(name.clone()) {
                continue;
            }
            let Some((schema, request)) = self.schema(&name).zip(request(&name)) else { continue };
            if request != schema.source {
                trimmed.insert(name.clone());
            }
            for next in schema::references(&request) {
                users.entry(next.clone()).or_default().push(name.clone());
                ahead.extend(Some(next).filter(|next| !reached.contains(next)));
            }
        }
        let mut ahead: Vec<String> = trimmed.iter().cloned().collect();
        while let Some(name) = ahead.pop() {
            let users = users.remove(&name).into_iter().flatten();
            ahead.extend(users.filter(|user| trimmed.insert(user.clone())));
        }
        trimmed
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
        for operation in self.requests() {
            if let Some(name) = operation.schemas().find(|name| self.schema(name).is_none()) {
                return missing(name, &operation.at());
            }
            if let Some(body) = &operation.body
                && !body.is_json
                && body
                    .schemas()
                    .filter_map(|name| self.schema(name))
                    .any(|schema| !schema.is_object())
            {
                return Err(unsupported(
                    &format!("{}/requestBody", operation.at()),
                    "a request body must be an object",
                ));
            }
        }
        Ok(())
    }
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
