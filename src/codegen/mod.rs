//! From an OpenAPI 3.0 document to Rust: the types, the typed client, the server trait and the constraint tables.
//!
//! Used by `build.rs` and by tests, never by the running server. It reads a document and returns text; it never writes
//! a file, and a document outside its subset is an [`Error`] that names the place, never a panic.
//!
//! ```text
//! document ──► document.rs   operations, parameters, bodies, answers, as the document says them
//!    │           schema.rs     schemas: what is taken, what requests are checked against
//!    │
//!    └───────► normalise.rs  an in-memory copy that progenitor can take
//!                  └───────► types.rs    structs, their source schemas, constraint tables
//!                            client.rs   the typed client (generated/src/client.rs)
//!                            server.rs   the trait that the server implements, with all that its signatures name
//!                            parameters.rs  path, query and header parameters
//! ```

mod client;
pub mod document;
pub mod normalise;
mod parameters;
pub mod read;
pub mod schema;
mod server;
mod types;

use std::fmt;

use proc_macro2::TokenStream;
use serde_json::Value;

/// What is generated from one document.
pub struct Generated {
    /// The server's half: types, policies, parameters, constraint tables, the trait. Goes to `OUT_DIR`.
    pub server: String,
    /// The client's half, for `generated/src/client.rs`.
    pub client: String,
    /// The trait alone, for reviewers, for `generated/server_trait.rs`.
    pub server_trait: String,
}

/// Names that the generated code needs from outside of itself.
pub struct Settings<'a> {
    /// Name of the trait, such as `AuthApi`.
    pub trait_name: &'a str,
    /// Path of the module with `Call`, `Reply`, `Policy` and the rest, such as `crate::http::typed`.
    pub runtime: &'a str,
}

/// Why a document cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub enum Error {
    /// Not YAML, or not an object at all.
    Unreadable(String),
    /// Valid, perhaps, but outside the subset: where (a JSON pointer), and what would be taken instead.
    Unsupported { path: String, reason: String },
    /// A generator behind this one refused the normalised copy.
    Generator(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unreadable(why) => write!(f, "the document cannot be read: {why}"),
            Error::Unsupported { path, reason } => write!(f, "{path}: {reason}"),
            Error::Generator(why) => write!(f, "code generation failed: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// Generates everything from the text of a document (YAML, of which JSON is a part).
///
/// # Errors
///
/// [`Error::Unreadable`] for text that is no document, [`Error::Unsupported`] for what the subset leaves out.
pub fn generate(text: &str, settings: &Settings<'_>) -> Result<Generated, Error> {
    let mut source: Value = serde_yaml_ng::from_str(text).map_err(|e| Error::Unreadable(e.to_string()))?;
    read::bare_references(&mut source);
    let document = document::Document::read(&source)?;
    server::check_names(&document)?;
    let copy = normalise::normalise(&source, &document);
    let file = progenitors(&copy).map_err(|why| match to_blame(&document, &copy) {
        Some(path) => Error::Unsupported { path, reason: format!("progenitor does not take this: {why}") },
        None => Error::Generator(why),
    })?;
    let file = types::keep_what_json_must_show(file, &copy);

    let server_trait = server::trait_tokens(&document, settings)?;
    let mut server = types::server_tokens(&file, &document, settings)?;
    server.extend(server::support_tokens(&document, settings)?);
    server.extend(server_trait.clone());

    Ok(Generated {
        server: format(server)?,
        client: client::text(&file),
        server_trait: format!(
            "// Generated from spec/ by build.rs. For reading: the server compiles its own copy.\n\n{}",
            format(server_trait)?
        ),
    })
}

/// What progenitor makes of a normalised copy. It panics on some of what it does not take.
fn progenitors(copy: &Value) -> Result<syn::File, String> {
    let spec: openapiv3::OpenAPI = serde_json::from_value(copy.clone()).map_err(|e| e.to_string())?;
    let tokens = std::panic::catch_unwind(|| progenitor::Generator::default().generate_tokens(&spec));
    let tokens = tokens.map_err(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
        words.unwrap_or("it panicked").to_owned()
    })?;
    syn::parse2(tokens.map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}

/// The place that a generator without places in its errors cannot take, found by giving it one part after the other:
/// each schema, those that need the fewest others first, then each operation.
fn to_blame(document: &document::Document, copy: &Value) -> Option<String> {
    let fails = |part: &Value| progenitors(part).is_err();
    let schemas = document.schemas.iter().map(|schema| (part(copy, "", &[&schema.name]), &schema.at));
    let mut schemas: Vec<(Value, &String)> = schemas.collect();
    schemas.sort_by_key(|(part, _)| part["components"]["schemas"].as_object().map_or(0, serde_json::Map::len));
    let schema = schemas.into_iter().find(|(part, _)| fails(part)).map(|(_, at)| at.clone());
    let mut operations = document.operations.iter().map(document::Operation::at);
    schema.or_else(|| operations.find(|at| fails(&part(copy, at, &[]))))
}

/// The copy with at most one operation, and of the schemas those that it and `schemas` need.
fn part(copy: &Value, operation: &str, schemas: &[&str]) -> Value {
    let mut part = serde_json::json!({ "openapi": copy["openapi"], "info": copy["info"], "paths": {} });
    let mut ahead: Vec<String> = schemas.iter().map(|name| (*name).to_owned()).collect();
    if let (Some(kept), Some((path, method))) = (copy.pointer(operation), operation.rsplit_once('/')) {
        let path = path.trim_start_matches("/paths/").replace("~1", "/").replace("~0", "~");
        part["paths"][path][method] = kept.clone();
        referred_to(kept, &mut ahead);
    }
    while let Some(name) = ahead.pop() {
        let schema = &copy["components"]["schemas"][&name];
        if part["components"]["schemas"].get(&name).is_none() && !schema.is_null() {
            part["components"]["schemas"][&name] = schema.clone();
            referred_to(schema, &mut ahead);
        }
    }
    part
}

fn referred_to(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.extend(read::component(text).map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| referred_to(item, found)),
        Value::Object(members) => members.values().for_each(|member| referred_to(member, found)),
        _ => {}
    }
}

fn format(tokens: TokenStream) -> Result<String, Error> {
    let file = syn::parse2(tokens).map_err(|e| Error::Generator(e.to_string()))?;
    Ok(prettyplease::unparse(&file))
}
