//! A server project for a document: the parts that follow the document (`operations`, `calls`) and
//! those that are written once for a person to continue (`handlers`, the files of [`files`]).
//!
//! Nothing here may be needed by the generated API itself: a server written by hand has none of it.

mod calls;
mod files;
mod handlers;
mod sample;

pub use files::{Dependencies, File, Layout};
pub use handlers::Handler;

use std::collections::BTreeMap;

use serde_json::Value;

use super::constraints::PlainSchemas;
use super::document::Document;
use super::schemes::Scheme;
use super::{Error, Item, Settings};

/// The parts of a server project.
#[derive(Debug, Clone)]
pub struct Project {
    /// `impl Api for crate::Server`: each method calls the handler of its name.
    pub operations: String,
    /// One test for each operation of the client: it responds as documented, or 501.
    pub calls: String,
    /// One handler for each operation, returning 501.
    pub handlers: Vec<Handler>,
    /// The security schemes that operations name.
    schemes: Vec<Scheme>,
    title: String,
}

impl Project {
    /// `methods` are the client's.
    pub(crate) fn new(
        document: &Document,
        source: &Value,
        unenforced: &[Item],
        schemes: Vec<Scheme>,
        methods: &BTreeMap<String, Vec<(String, syn::Type)>>,
        settings: &Settings<'_>,
    ) -> Result<Project, Error> {
        Ok(Project {
            operations: handlers::operations(document, settings)?,
            calls: calls::text(
                document,
                methods,
                &schemes,
                &mut PlainSchemas::new(source),
                unenforced,
            )?,
            handlers: handlers::all(document)?,
            schemes,
            title: document.title.clone(),
        })
    }
}
