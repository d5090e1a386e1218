//! The contract gate: what this server offers, and how that differs from a document.
//!
//! `spec source` is the checked-in document, `spec export` what is registered, `spec diff` the difference in meaning;
//! `spec diff --old A --new B` says of any two documents which changes between them break clients.
//! The gate is only as good as the export is independent: see [`export`] for what may come from the source.

pub mod canonical;
pub mod carried;
pub mod compatibility;
pub mod diff;
mod export;
mod simplify;

use serde_json::Value;

pub use crate::api::SOURCE;
pub use export::{Facts, PROMISED, export, export_beside, export_of};
pub use simplify::keep_content_type;

/// A document from its text: YAML, of which JSON is a part.
///
/// # Errors
///
/// Where the text stops being YAML, or that it is no OpenAPI document.
pub fn parse(text: &str) -> Result<Value, String> {
    let document = from_yaml(text)?;
    check_document(&document)?;
    Ok(document)
}

fn from_yaml(text: &str) -> Result<Value, String> {
    // What some editors write in front says nothing; the YAML reader takes it for a document of its own.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_yaml_ng::from_str(text).map_err(|e| e.to_string())
}

fn check_document(document: &Value) -> Result<(), String> {
    if !document["openapi"].is_string() || !document["paths"].is_object() {
        return Err("this is no OpenAPI 3 document: `openapi` and `paths` are missing".to_owned());
    }
    Ok(())
}
