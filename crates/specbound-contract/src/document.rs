//! Reading a document from its text.

use serde_json::Value;
use thiserror::Error;

use crate::compatibility::quoting::code;

/// Why a text cannot be compared as an OpenAPI document. The message is one line or YAML's own.
#[derive(Debug, Error)]
pub enum ParseError {
    /// The text is not YAML, of which JSON is a part.
    #[error(transparent)]
    Yaml(#[from] serde_yaml_ng::Error),
    /// The members that every OpenAPI 3 document has are missing.
    #[error("this is no OpenAPI 3 document: `openapi` and `paths` are missing")]
    NotOpenApi,
    /// A predecessor of OpenAPI 3.
    #[error("this is Swagger 2; only OpenAPI 3.0 is compared")]
    Swagger2,
    /// A version whose keywords have other meanings.
    #[error(
        "this is OpenAPI {}; only 3.0 is compared, since other versions give the same keywords other meanings",
        code(.0)
    )]
    UnsupportedVersion(String),
}

/// Parses an OpenAPI 3 document of any minor version from YAML or JSON.
///
/// # Errors
///
/// [`ParseError::Yaml`] with the position, or [`ParseError::NotOpenApi`].
pub fn parse(text: &str) -> Result<Value, ParseError> {
    let document = from_yaml(text)?;
    require_openapi(&document)?;
    Ok(document)
}

/// Parses a document whose version [`crate::compatibility`] understands.
pub(crate) fn parse_3_0(text: &str) -> Result<Value, ParseError> {
    let document = from_yaml(text)?;
    if document["swagger"].is_string() || document["swagger"].is_number() {
        return Err(ParseError::Swagger2);
    }
    require_openapi(&document)?;
    match document["openapi"].as_str().unwrap_or_default() {
        version if version == "3.0" || version.starts_with("3.0.") => Ok(document),
        version => Err(ParseError::UnsupportedVersion(version.to_owned())),
    }
}

fn from_yaml(text: &str) -> Result<Value, serde_yaml_ng::Error> {
    // The YAML reader takes a byte order mark for a document of its own.
    serde_yaml_ng::from_str(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn require_openapi(document: &Value) -> Result<(), ParseError> {
    match document["openapi"].is_string() && document["paths"].is_object() {
        true => Ok(()),
        false => Err(ParseError::NotOpenApi),
    }
}
