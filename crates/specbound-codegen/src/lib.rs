//! Generates Rust code from an OpenAPI document of version 3.0 to 3.2: data types, a server trait
//! with one method per operation, constraint tables for requests, and a typed client.
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
//! text ──► specbound-contract ──► lower/   a document of the subset, and the unenforced parts
//!    ┌──────────────────────────────┘
//! document ──► document.rs   operations, parameters, bodies, responses
//!    │           schema.rs     schemas: accepted keywords, constraints of requests
//!    │
//!    └───────► normalise.rs  a copy that progenitor accepts
//!                  └───────► progenitor.rs  structs and the typed client
//!                            credentials.rs credentials of the client
//!                            senders.rs     callbacks and webhooks
//!                            support.rs     the code that clients have in common
//!                            types.rs       source schemas of structs, constraint tables
//!                            server.rs      the server trait and the types in its signatures
//!                            forms.rs       files of multipart forms
//!                            responses.rs     responses: closed sets, content types, headers
//!                            parameters.rs  path, query and header parameters
//! ```

#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used))]

mod build;
mod constraints;
mod credentials;
mod discriminator;
mod document;
mod enforced;
mod fields;
mod forms;
mod given;
mod lower;
mod names;
mod normalise;
mod openapi;
mod parameters;
mod patterns;
mod pieces;
mod progenitor;
mod project;
mod quiet;
mod read;
mod redact;
mod responses;
mod routes;
mod schema;
mod schemes;
mod senders;
mod server;
mod support;
mod types;

pub use build::{Build, build, build_all};
use constraints::Direction;
pub use lower::Mode;
use openapi::METHODS;
use pieces::format;
pub use project::{Dependencies, File, Handler, Layout, Project};
use serde_json::Value;

/// The code generated from one document.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The server's code: types, policies, parameters, constraint tables, the trait. Belongs into
    /// `OUT_DIR`.
    pub server: String,
    /// The typed client, a separate module.
    pub client: String,
    /// The callbacks and webhooks, which a server sends: a module that stands beside the module
    /// `types` of either. Empty if the document has none.
    pub senders: String,
    /// The trait alone, to check in for reviewers. The server compiles its own copy.
    pub server_trait: String,
    /// The parts of the document that the code does not enforce or has no items for. They stand at
    /// the head of `server`.
    pub unenforced: Vec<Item>,
    /// The document as it was read, in one piece: JSON.
    pub document: String,
    /// A server project for the document.
    pub project: Project,
    support: support::Support,
    /// Where `mod types` stands in `client`.
    types_in_client: std::ops::Range<usize>,
}

impl Generated {
    /// The data types alone: they need `serde`, `serde_json` for alternatives and JSON of any kind,
    /// and for some formats `chrono` and `uuid`.
    ///
    /// # Errors
    ///
    /// None that is known: the client has them.
    pub fn types(&self) -> Result<String, Error> {
        types::text(&self.client)
    }

    /// The client without its data types. It stands beside the module `types` of the server, with
    /// which it shares them.
    pub fn client_without_types(&self) -> String {
        let mut text = self.client.clone();
        text.replace_range(self.types_in_client.clone(), "");
        text
    }
}

/// The module that [`Settings::support`] names, for the clients of several documents in one crate.
///
/// # Errors
///
/// None that is known.
pub fn support<'a>(clients: impl IntoIterator<Item = &'a Generated>) -> Result<String, Error> {
    let needed = clients.into_iter().map(|generated| generated.support);
    needed.fold(support::Support::default(), support::Support::union).module()
}

/// A place in a document, and a message about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// JSON pointer (RFC 6901).
    pub path: String,
    /// The reason for refusing it with the accepted alternative, or its effect.
    pub reason: String,
    /// The generated code that lacks it.
    pub side: Side,
}

impl Item {
    pub(crate) fn new(path: impl Into<String>, reason: impl Into<String>) -> Item {
        Item { path: path.into(), reason: reason.into(), side: Side::Server }
    }

    /// A part that the server enforces and the client leaves out.
    pub(crate) fn of_client(path: impl Into<String>, reason: impl Into<String>) -> Item {
        Item { side: Side::Client, ..Item::new(path, reason) }
    }
}

/// One half of the generated code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The server, and the types that it shares with the client.
    Server,
    /// The client alone.
    Client,
}

impl std::fmt::Display for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.reason),
            path => write!(f, "{path}: {}", self.reason),
        }
    }
}

/// Names in the generated code that the caller chooses.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Name of the trait, such as `AuthApi`.
    pub trait_name: &'a str,
    /// Path of the crate or module with `Call`, `Reply`, `Policy` and the other runtime types.
    pub runtime: &'a str,
    /// Path of the module with the code that several clients share, such as `crate::support`;
    /// [`support`] writes it. `None`: each client has this code itself.
    pub support: Option<&'a str>,
    /// Crates whose types the generated code may use where a schema names one as typify reads it:
    /// `x-rust-type` with `crate`, `version` and `path`. Those of others are generated.
    pub crates: &'a [&'a str],
}

/// A trait called `Api`, for the runtime `specbound`.
impl Default for Settings<'static> {
    fn default() -> Settings<'static> {
        Settings { trait_name: "Api", runtime: "::specbound", support: None, crates: &[] }
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
    // Schemas that refer to one another are followed by recursion, in progenitor too. Memory that
    // is not touched costs nothing.
    let failed = |why: &str| Error::Generator(why.to_owned());
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || generate_all(source, settings, mode))
            .map_err(|e| failed(&e.to_string()))?
            .join()
            .map_err(|_| failed("the generator panicked"))?
    })
}

/// Enough for a chain of references through every schema of the largest document.
const STACK: usize = 1 << 30;

fn generate_all(source: &Value, settings: &Settings<'_>, mode: Mode) -> Result<Generated, Error> {
    let lower::Lowered { document: lowered, names, mut unenforced, refused } =
        lower::lower(source, mode, settings.crates);
    let lowered = match lowered {
        Some(lowered) if refused.is_empty() => lowered,
        Some(lowered) => return Err(Error::Unsupported(with_unreadable(refused, &lowered))),
        None => return Err(Error::Unsupported(refused)),
    };
    let (mut document, lowered, senders) =
        read_with_senders(source, lowered, settings, &mut unenforced)?;
    document.find_originals(source, &lowered, &names);
    routes::assign(&mut document.operations, mode, &mut unenforced)?;
    let copy = normalise::normalise(lowered, &document);
    // Each goes before the next is made: together they are the peak of the memory.
    let schemes = schemes::all(&document.operations, source);
    let path = |path: &str| -> Result<syn::Path, Error> {
        syn::parse_str(path).map_err(|e| Error::Generator(format!("`{path}` is no path: {e}")))
    };
    let support = settings.support.map(path).transpose()?;
    let parts = progenitor::Parts {
        document: &document,
        schemes: &schemes,
        schemes_of_senders: &schemes::all(&document.senders, source),
        senders: &senders,
        support: support.as_ref(),
    };
    let client = progenitor::client(copy, parts, mode, &mut unenforced)?;
    let runtime = path(settings.runtime)?;
    let mut tables = constraints::Tables::new(source, &runtime, Direction::Request);
    let mut server = not_enforced(&unenforced);
    server.push_str(client.types_text());
    types::companions(&document, &mut tables, &mut |tokens| {
        server.push_str(&format(tokens)?);
        Ok(())
    })?;
    server.push_str(&format(server::support_tokens(&document, &mut tables))?);
    server.push_str(&format(tables.module().unwrap_or_default())?);
    server.push_str(&format(enforced::tables(&document, source, &unenforced, &runtime))?);
    let server_trait = format(server::trait_tokens(&document, settings)?)?;
    server.push_str(&server_trait);
    let project = Project::new(&document, source, &unenforced, schemes, &client.methods, settings)?;
    Ok(Generated {
        document: source.to_string(),
        server,
        types_in_client: client.types.clone(),
        client: client.text,
        senders: client.senders,
        server_trait: format!(
            "// Generated by specbound-codegen, for reading: the server compiles its own \
             copy.\n\n{server_trait}",
        ),
        unenforced,
        project,
        support: client.support,
    })
}

/// The refusals, with those of other operations and schemas that are found when the lowered
/// document is read. A part that was refused may stand there in a form that makes no sense.
fn with_unreadable(mut refused: Vec<Item>, lowered: &Value) -> Vec<Item> {
    fn owner(path: &str) -> String {
        path.split('/').take(4).collect::<Vec<_>>().join("/")
    }
    if let Err(Error::Unsupported(more)) = document::Document::read(lowered) {
        let owners: std::collections::BTreeSet<String> =
            refused.iter().map(|item| owner(&item.path)).collect();
        refused.extend(more.into_iter().filter(|item| !owners.contains(&owner(&item.path))));
    }
    refused
}

/// Reads the document with its callbacks and webhooks, without those that cannot be read.
fn read_with_senders(
    source: &Value,
    lowered: Value,
    settings: &Settings<'_>,
    unenforced: &mut Vec<Item>,
) -> Result<(document::Document, Value, Vec<senders::Sent>), Error> {
    let added = senders::add(source, &lowered, settings.crates, unenforced);
    let Some((mut whole, mut sent)) = added else {
        return Ok((document::Document::read(&lowered)?, lowered, Vec::new()));
    };
    for _ in 0..MAX_UNREADABLE {
        let error = match document::Document::read(&whole) {
            Ok(document) => return Ok((document, whole, sent)),
            Err(Error::Unsupported(items)) => items,
            Err(error) => return Err(error),
        };
        let is_cause = |sent: &senders::Sent, item: &Item| {
            item.path.starts_with(&format!("/paths/{}/", read::escape(&sent.path())))
        };
        let (unreadable, kept): (Vec<_>, Vec<_>) =
            sent.into_iter().partition(|sent| error.iter().any(|item| is_cause(sent, item)));
        sent = kept;
        if unreadable.is_empty() {
            break;
        }
        for unread in unreadable {
            let cause = error.iter().find(|item| is_cause(&unread, item));
            let reason = cause.map(|item| item.reason.clone()).unwrap_or_default();
            if let Some(paths) = whole["paths"].as_object_mut() {
                paths.remove(&unread.path());
            }
            senders::leave_out(&mut vec![unread], unenforced, |_| Some(reason.clone()));
        }
    }
    senders::leave_out(&mut sent, unenforced, |_| {
        Some("too many others cannot be read".to_owned())
    });
    Ok((document::Document::read(&lowered)?, lowered, Vec::new()))
}

/// Most callbacks and webhooks that are left out one by one.
const MAX_UNREADABLE: usize = 40;

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
    for section in ["paths", "webhooks"] {
        let Some(paths) = source.get_mut(section).and_then(Value::as_object_mut) else { continue };
        for item in paths.values_mut().filter_map(Value::as_object_mut) {
            item.retain(|key, value| !METHODS.contains(&key.as_str()) || keeps(value));
        }
        paths.retain(|_, item| METHODS.iter().any(|method| item.get(*method).is_some()));
    }
    let mut pending = Vec::new();
    collect_components(&source["paths"], &mut pending);
    collect_components(&source["webhooks"], &mut pending);
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

#[cfg(test)]
mod tests;
