//! Where the credentials of a security scheme stand in a request.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::Document;

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
    Authorization(&'static str),
    Header(String),
    Query(String),
    Cookie(String),
    /// Outside of the request, or undefined.
    Unsupported,
}

/// The schemes that operations name, in the order of their names.
pub fn all(document: &Document, source: &Value) -> Vec<Scheme> {
    let named = document.operations.iter().flat_map(|o| o.security.iter().flatten());
    let named: BTreeSet<&String> = named.map(|requirement| &requirement.scheme).collect();
    let schemes = &source["components"]["securitySchemes"];
    named
        .into_iter()
        .map(|name| Scheme { name: name.clone(), location: location(&schemes[name]) })
        .collect()
}

fn location(scheme: &Value) -> CredentialLocation {
    let text = |key: &str| scheme[key].as_str().unwrap_or_default();
    let is_basic = text("scheme").eq_ignore_ascii_case("basic");
    match (text("type"), text("in")) {
        ("http", _) if is_basic => CredentialLocation::Authorization("Basic"),
        ("http" | "oauth2" | "openIdConnect", _) => CredentialLocation::Authorization("Bearer"),
        ("apiKey", "header") => CredentialLocation::Header(text("name").to_ascii_lowercase()),
        ("apiKey", "query") => CredentialLocation::Query(text("name").to_owned()),
        ("apiKey", "cookie") => CredentialLocation::Cookie(text("name").to_owned()),
        _ => CredentialLocation::Unsupported,
    }
}

impl Scheme {
    /// The header that carries the key in a test, if a header does.
    pub fn header(&self, key: &str) -> Option<(String, String)> {
        match &self.location {
            CredentialLocation::Authorization(word) => {
                Some(("authorization".to_owned(), format!("{word} {key}")))
            }
            CredentialLocation::Header(name) => Some((name.clone(), key.to_owned())),
            CredentialLocation::Cookie(name) => {
                Some(("cookie".to_owned(), format!("{name}={key}")))
            }
            CredentialLocation::Query(_) | CredentialLocation::Unsupported => None,
        }
    }
}
