//! Generates Rust code from an OpenAPI 3.0 document: data types, a server trait with one method per
//! operation, constraint tables for requests, and a typed client.
//!
//! A `build.rs` that writes both to `OUT_DIR` is one call, [`build`]. [`generate`] is the same from
//! text to text:
//!
//! ```no_run
//! use specbound_codegen::{Settings, generate};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = std::fs::read_to_string("openapi.yaml")?;
//! let generated = generate(&text, &Settings::default())?;
//! let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
//! std::fs::write(out.join("api.rs"), generated.server)?;
//! # Ok(())
//! # }
//! ```
//!
//! A document outside the supported subset is an
//! [`Error`] with a JSON pointer, never a panic. The README lists the subset.
//!
//! Items follow the order of the document if `serde_json`'s feature `preserve_order` is enabled in
//! the build, else the order of their names. The feature is left to the caller since Cargo unifies
//! it into everything that shares the build.
//!
//! # Architecture
//!
//! ```text
//! text ──► specbound-contract ──► lower/   any document in the subset, and what nothing enforces
//!    ┌──────────────────────────────┘
//! document ──► document.rs   operations, parameters, bodies, responses
//!    │           schema.rs     schemas: accepted keywords, constraints of requests
//!    │
//!    └───────► normalise.rs  a copy that progenitor accepts
//!                  └───────► types.rs       structs, their source schemas, constraint tables
//!                            client.rs      the typed client
//!                            server.rs      the server trait and the types in its signatures
//!                            parameters.rs  path, query and header parameters
//! ```

mod build;
mod client;
mod constraints;
mod document;
mod labels;
mod lower;
mod normalise;
mod parameters;
mod project;
mod quiet;
mod read;
mod redact;
mod routes;
mod schema;
mod server;
mod types;

pub use build::{Build, build};
pub use lower::Mode;
use proc_macro2::TokenStream;
pub use project::{Dependencies, File, Handler, Layout, Project};
use serde::Deserialize;
use serde_json::Value;

/// The code generated from one document.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The server's code: types, policies, parameters, constraint tables, the trait. Belongs into
    /// `OUT_DIR`.
    pub server: String,
    /// The typed client, a module of its own.
    pub client: String,
    /// The data types alone: they need `serde`, and for some formats `chrono` and `uuid`.
    pub types: String,
    /// The trait alone, to check in for reviewers. The server compiles its own copy.
    pub server_trait: String,
    /// The parts of the document that the code does not enforce or has no items for. They stand at
    /// the head of `server`.
    pub unenforced: Vec<Item>,
    /// A server project for the document.
    pub project: Project,
}

/// A place in a document, and a message about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// JSON pointer (RFC 6901).
    pub path: String,
    /// The reason for refusing it with the accepted alternative, or its effect.
    pub reason: String,
}

impl std::fmt::Display for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

/// Names in the generated code that the caller chooses.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Name of the trait, such as `AuthApi`.
    pub trait_name: &'a str,
    /// Path of the crate or module with `Call`, `Reply`, `Policy` and the other runtime types.
    pub runtime: &'a str,
}

/// A trait called `Api`, for the runtime `specbound`.
impl Default for Settings<'static> {
    fn default() -> Settings<'static> {
        Settings { trait_name: "Api", runtime: "::specbound" }
    }
}

/// Why no code can be generated from a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no OpenAPI document, or has a reference that leads nowhere.
    #[error("the document cannot be read: {0}")]
    Unreadable(String),
    /// The document uses something that the generated code would not enforce: every such place, one
    /// a line.
    #[error("{}", .0.iter().map(Item::to_string).collect::<Vec<_>>().join("\n"))]
    Unsupported(Vec<Item>),
    /// Generation failed behind the checks of this crate.
    #[error("code generation failed: {0}")]
    Generator(String),
}

/// Generates all code from the text of a document, YAML or JSON. A part that the code would not
/// enforce is refused.
///
/// # Errors
///
/// [`Error::Unreadable`] for text that is no document, [`Error::Unsupported`] for a document
/// outside the subset.
pub fn generate(text: &str, settings: &Settings<'_>) -> Result<Generated, Error> {
    let source = specbound_contract::parse(text).map_err(|e| Error::Unreadable(e.to_string()))?;
    generate_from(&source, settings, Mode::Strict)
}

/// Generates all code from a document whose references lead to its own components, as
/// `specbound_contract` reads it.
///
/// # Errors
///
/// [`Error::Unsupported`] with every part that is refused.
pub fn generate_from(
    source: &Value,
    settings: &Settings<'_>,
    mode: Mode,
) -> Result<Generated, Error> {
    let lower::Lowered { document: lowered, names, mut unenforced, refused } =
        lower::lower(source, mode);
    // A part that was refused may stand in the lowered document in a form that makes no sense.
    if !refused.is_empty() {
        return Err(Error::Unsupported(refused));
    }
    let mut document = document::Document::read(&lowered)?;
    document.find_originals(source, &lowered, &names);
    routes::assign(&mut document.operations, mode, &mut unenforced)?;
    let copy = normalise::normalise(lowered, &document);
    let (file, copy) = typed(copy, &document, mode, &mut unenforced)?;
    let mut file = redact::redact(types::always_serialize(file, &copy), &copy);
    client::order_statuses(&mut file);

    let server_trait = server::trait_tokens(&document, settings)?;
    let runtime: syn::Path =
        syn::parse_str(settings.runtime).map_err(|e| Error::Generator(e.to_string()))?;
    let mut tables = constraints::Tables::new(source, &runtime);
    let mut server = types::server_tokens(&file, &document, &mut tables)?;
    server.extend(server::support_tokens(&document, &mut tables));
    server.extend(tables.module());
    server.extend(server_trait.clone());
    let project = Project::new(&document, source, &file, settings)?;

    // Each goes before the next is made: together they are the peak of the memory.
    drop((copy, document));
    let client = client::text(&file);
    let types = types::text(file);
    Ok(Generated {
        server: format!("{}{}", not_enforced(&unenforced), format(server)?),
        client,
        types,
        server_trait: format!(
            "// Generated by specbound-codegen, for reading: the server compiles its own \
             copy.\n\n{}",
            format(server_trait)?
        ),
        unenforced,
        project,
    })
}

/// Reduces a document to the operations with one of these tags or operationIds, and to the schemas
/// that they need. Returns the names that no operation has.
pub fn keep_only(source: &mut Value, names: &[String]) -> Vec<String> {
    let mut found = std::collections::BTreeSet::new();
    let mut keeps = |operation: &Value| {
        let tags = operation["tags"].as_array().into_iter().flatten();
        let own = tags.chain([&operation["operationId"]]).filter_map(Value::as_str);
        let own: Vec<&String> =
            own.filter_map(|own| names.iter().find(|name| *name == own)).collect();
        found.extend(own.iter().map(|name| (*name).clone()));
        !own.is_empty()
    };
    if let Some(paths) = source.get_mut("paths").and_then(Value::as_object_mut) {
        for item in paths.values_mut().filter_map(Value::as_object_mut) {
            item.retain(|key, value| !document::METHODS.contains(&key.as_str()) || keeps(value));
        }
        paths.retain(|_, item| document::METHODS.iter().any(|method| item.get(*method).is_some()));
    }
    let mut pending = Vec::new();
    collect_components(&source["paths"], &mut pending);
    let mut needed = std::collections::BTreeSet::new();
    while let Some(pointer) = pending.pop() {
        if needed.insert(pointer.clone())
            && let Some(component) = source.pointer(&pointer)
        {
            collect_components(component, &mut pending);
        }
    }
    for (section, components) in
        source.get_mut("components").and_then(Value::as_object_mut).into_iter().flatten()
    {
        if section != "securitySchemes"
            && let Some(components) = components.as_object_mut()
        {
            components.retain(|name, _| {
                needed.contains(&format!("/components/{section}/{}", read::escape(name)))
            });
        }
    }
    names.iter().filter(|name| !found.contains(*name)).cloned().collect()
}

/// The pointers of the components that a part of the document refers to.
fn collect_components(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            found.extend(
                text.strip_prefix('#')
                    .filter(|at| at.starts_with("/components/"))
                    .map(str::to_owned),
            );
        }
        Value::Array(items) => items.iter().for_each(|item| collect_components(item, found)),
        Value::Object(members) => {
            members.values().for_each(|member| collect_components(member, found))
        }
        _ => {}
    }
}

/// The list at the head of the generated code.
fn not_enforced(items: &[Item]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let lines =
        items.iter().map(|item| format!("//   {}\n", item.to_string().replace(['\n', '\r'], " ")));
    format!(
        "// Parts of the document that this code does not enforce or has no items for:\n{}\n",
        lines.collect::<String>()
    )
}

/// progenitor's code, and the copy that it was made of. In lenient mode an item that progenitor
/// does not take is passed on as JSON, or left out of the client.
fn typed(
    mut copy: Value,
    document: &document::Document,
    mode: Mode,
    unenforced: &mut Vec<Item>,
) -> Result<(syn::File, Value), Error> {
    // progenitor makes nothing of them, and openapiv3 knows those of 3.0 alone.
    copy.get_mut("components")
        .and_then(Value::as_object_mut)
        .map(|components| components.remove("securitySchemes"));
    for _ in 0..MAX_UNTYPED {
        let why = match run_progenitor(&copy) {
            Ok(file) => return Ok((file, copy)),
            Err(why) => why,
        };
        let Some(offending) = find_offending_item(document, &copy) else {
            return Err(Error::Generator(why));
        };
        let (path, reason) = match &offending {
            Offending::Schema(name) => {
                let at = document
                    .schema(name)
                    .map_or_else(|| format!("/components/schemas/{name}"), |s| s.at.clone());
                copy["components"]["schemas"][name] = serde_json::json!({});
                (at, "progenitor does not take this, so its values are any JSON")
            }
            Offending::Operation(at) => {
                if let Some((path, method)) = at.rsplit_once('/')
                    && let Some(item) = copy.pointer_mut(path).and_then(Value::as_object_mut)
                {
                    item.remove(method);
                }
                (at.clone(), "progenitor does not take this, so it is left out of the client")
            }
        };
        let item = Item { path, reason: format!("{reason}: {why}") };
        if mode == Mode::Strict {
            return Err(Error::Unsupported(vec![item]));
        }
        unenforced.push(item);
    }
    Err(Error::Generator(format!("progenitor does not take {MAX_UNTYPED} items")))
}

/// Most items that are tried without a type.
const MAX_UNTYPED: usize = 40;

/// Runs progenitor on a normalised copy. Catches its panics, by which it refuses some input.
fn run_progenitor(copy: &Value) -> Result<syn::File, String> {
    let spec = openapiv3::OpenAPI::deserialize(copy).map_err(|e| e.to_string())?;
    let run = || {
        let tokens =
            progenitor::Generator::default().generate_tokens(&spec).map_err(|e| e.to_string())?;
        syn::parse2(tokens).map_err(|e| e.to_string())
    };
    quiet::catch(run)
}

enum Offending {
    /// By name.
    Schema(String),
    /// By pointer.
    Operation(String),
}

/// Finds the item that progenitor refuses, since its errors name no place: halves the schemas, then
/// the operations.
fn find_offending_item(document: &document::Document, copy: &Value) -> Option<Offending> {
    let schemas: Vec<&str> =
        copy["components"]["schemas"].as_object()?.keys().map(String::as_str).collect();
    let fails = |names: &[&str]| run_progenitor(&subset(copy, &[], names)).is_err();
    if let Some(found) = halve(&schemas, &fails) {
        // One that it refers to may be the cause.
        let closure = subset(copy, &[], &[found]);
        let inner = closure["components"]["schemas"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str());
        let mut inner: Vec<(usize, &str)> = inner
            .map(|name| {
                let size = subset(copy, &[], &[name])["components"]["schemas"]
                    .as_object()
                    .map_or(0, |all| all.len());
                (size, name)
            })
            .collect();
        inner.sort_unstable();
        let smallest =
            inner.into_iter().map(|(_, name)| name).find(|name| fails(&[name])).unwrap_or(found);
        return Some(Offending::Schema(smallest.to_owned()));
    }
    let operations: Vec<String> = document.operations.iter().map(document::Operation::at).collect();
    let operations: Vec<&str> = operations.iter().map(String::as_str).collect();
    let fails = |all: &[&str]| run_progenitor(&subset(copy, all, &[])).is_err();
    halve(&operations, &fails).map(|at| Offending::Operation(at.to_owned()))
}

/// One item of those that fail, if one fails alone.
fn halve<'a>(items: &[&'a str], fails: &dyn Fn(&[&str]) -> bool) -> Option<&'a str> {
    if items.is_empty() || !fails(items) {
        return None;
    }
    if let [only] = items {
        return Some(only);
    }
    let (first, second) = items.split_at(items.len() / 2);
    halve(first, fails).or_else(|| halve(second, fails))
}

/// The copy reduced to some operations, and to the schemas that they and `schemas` depend on.
fn subset(copy: &Value, operations: &[&str], schemas: &[&str]) -> Value {
    let mut subset =
        serde_json::json!({ "openapi": copy["openapi"], "info": copy["info"], "paths": {} });
    let mut pending: Vec<String> = schemas.iter().map(|name| (*name).to_owned()).collect();
    for operation in operations {
        if let (Some(kept), Some((path, method))) =
            (copy.pointer(operation), operation.rsplit_once('/'))
        {
            let path = path.trim_start_matches("/paths/").replace("~1", "/").replace("~0", "~");
            subset["paths"][path][method] = kept.clone();
            collect_references(kept, &mut pending);
        }
    }
    while let Some(name) = pending.pop() {
        let schema = &copy["components"]["schemas"][&name];
        if subset["components"]["schemas"].get(&name).is_none() && !schema.is_null() {
            subset["components"]["schemas"][&name] = schema.clone();
            collect_references(schema, &mut pending);
        }
    }
    subset
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.extend(read::component(text).map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        Value::Object(members) => {
            members.values().for_each(|member| collect_references(member, found))
        }
        _ => {}
    }
}

fn format(tokens: TokenStream) -> Result<String, Error> {
    let file = syn::parse2(tokens).map_err(|e| Error::Generator(e.to_string()))?;
    Ok(prettyplease::unparse(&file))
}

#[cfg(test)]
mod tests;
