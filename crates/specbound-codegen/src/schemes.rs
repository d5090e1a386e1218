//! The security schemes, and where their credentials stand in a request.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::Operation;
use crate::read::unescape;

/// A security scheme of the document.
#[derive(Debug, Clone)]
pub struct Scheme {
    pub name: String,
    pub location: CredentialLocation,
}

/// The location of the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialLocation {
    /// `Authorization`, after this word.
    Authorization(String),
    /// In lower case.
    Header(String),
    Query(String),
    Cookie(String),
    /// The certificate of the connection.
    Certificate,
    /// Undefined, or under a name that no request can hold.
    Unsupported,
}

/// The schemes that operations name, in the order of their names.
pub fn all(operations: &[Operation], source: &Value) -> Vec<Scheme> {
    let named = operations.iter().flat_map(|operation| operation.security.iter().flatten());
    let named: BTreeSet<&String> = named.map(|requirement| &requirement.scheme).collect();
    let schemes = &source["components"]["securitySchemes"];
    named
        .into_iter()
        .map(|name| Scheme {
            name: name.clone(),
            location: location(defined(&schemes[name], schemes)),
        })
        .collect()
}

/// Follows references from one scheme to another.
fn defined<'a>(mut scheme: &'a Value, schemes: &'a Value) -> &'a Value {
    for _ in 0..8 {
        let name = scheme["$ref"].as_str();
        match name.and_then(|name| name.strip_prefix("#/components/securitySchemes/")) {
            Some(name) => scheme = &schemes[unescape(name)],
            None => break,
        }
    }
    scheme
}

fn location(scheme: &Value) -> CredentialLocation {
    let text = |key: &str| scheme[key].as_str().unwrap_or_default();
    let is_named = is_token(text("name"));
    match (text("type"), text("in")) {
        ("http", _) if text("scheme").eq_ignore_ascii_case("basic") => authorization("Basic"),
        ("http", _) if text("scheme").eq_ignore_ascii_case("bearer") => authorization("Bearer"),
        ("http", _) if is_token(text("scheme")) => authorization(text("scheme")),
        ("oauth2" | "openIdConnect", _) => authorization("Bearer"),
        ("apiKey", "header") if is_named => {
            CredentialLocation::Header(text("name").to_ascii_lowercase())
        }
        ("apiKey", "query") if !text("name").is_empty() => {
            CredentialLocation::Query(text("name").to_owned())
        }
        ("apiKey", "cookie") if is_named => CredentialLocation::Cookie(text("name").to_owned()),
        ("mutualTLS", _) => CredentialLocation::Certificate,
        _ => CredentialLocation::Unsupported,
    }
}

fn authorization(word: &str) -> CredentialLocation {
    CredentialLocation::Authorization(word.to_owned())
}

/// Whether a text can be the name of a header or a cookie (RFC 9110, section 5.6.2).
pub fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
