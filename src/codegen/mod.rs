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
    let source: Value = serde_yaml_ng::from_str(text).map_err(|e| Error::Unreadable(e.to_string()))?;
    let document = document::Document::read(&source)?;
    server::check_names(&document)?;
    let copy = normalise::normalise(&source, &document);
    let spec: openapiv3::OpenAPI =
        serde_json::from_value(copy.clone()).map_err(|e| Error::Unreadable(e.to_string()))?;
    // progenitor panics on much of what it does not take.
    let tokens = std::panic::catch_unwind(|| progenitor::Generator::default().generate_tokens(&spec));
    let tokens = tokens.map_err(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
        Error::Generator(words.unwrap_or("progenitor panicked").to_owned())
    })?;
    let tokens = tokens.map_err(|e| Error::Generator(e.to_string()))?;
    let file = syn::parse2::<syn::File>(tokens).map_err(|e| Error::Generator(e.to_string()))?;
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

fn format(tokens: TokenStream) -> Result<String, Error> {
    let file = syn::parse2(tokens).map_err(|e| Error::Generator(e.to_string()))?;
    Ok(prettyplease::unparse(&file))
}
