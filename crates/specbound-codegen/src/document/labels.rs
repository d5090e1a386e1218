//! Names of the marker types: one for each combination of security schemes, each set of content
//! types of a request or a JSON response, and each media type of another response. Two with the
//! same name are distinguished by a number.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToPascalCase;
use quote::format_ident;

use super::{Content, Operation, Requirement};
use crate::names::{is_identifier, unique};
use crate::openapi::JSON;

/// The names of the marker types of one document.
#[derive(Default)]
pub struct Labels {
    policies: BTreeMap<Vec<Vec<Requirement>>, String>,
    contents: BTreeMap<Vec<String>, String>,
    media: BTreeMap<String, String>,
}

impl Labels {
    pub fn new(operations: &[Operation]) -> Labels {
        let policies = operations.iter().map(|operation| &*operation.security);
        let contents = operations
            .iter()
            .filter_map(|operation| operation.body.as_ref())
            .flat_map(|body| body.lists().cloned().collect::<Vec<_>>())
            .filter(|types| !types.is_empty());
        let responses = || operations.iter().flat_map(Operation::contents).flat_map(Content::parts);
        let contents = contents.chain(responses().filter_map(json_types).cloned());
        let media = responses().filter_map(|content| match content {
            Content::Bytes(media) => Some(media.clone()),
            _ => None,
        });
        Labels {
            policies: named(
                policies.collect::<BTreeSet<_>>().into_iter().cloned(),
                |alternatives| policy_label(alternatives),
            ),
            contents: named(contents, |types| content_label(types)),
            media: named(media, |media| media.to_pascal_case()),
        }
    }

    pub fn policy(&self, alternatives: &[Vec<Requirement>]) -> syn::Ident {
        ident(self.policies.get(alternatives))
    }

    pub fn content(&self, media_types: &[String]) -> syn::Ident {
        ident(self.contents.get(media_types))
    }

    pub fn media(&self, media: &str) -> syn::Ident {
        ident(self.media.get(media))
    }
}

/// The content types of a response that is not `application/json` alone.
pub fn json_types(content: &Content) -> Option<&Vec<String>> {
    match content {
        Content::Json(_, media) if *media != [JSON] => Some(media),
        _ => None,
    }
}

fn ident(name: Option<&String>) -> syn::Ident {
    format_ident!("{}", name.map_or("Unnamed", String::as_str))
}

/// In the order of the items, so that the document's order changes no name.
fn named<T: Ord>(
    items: impl Iterator<Item = T>,
    label: impl Fn(&T) -> String,
) -> BTreeMap<T, String> {
    let mut taken = BTreeSet::new();
    let items: BTreeSet<T> = items.collect();
    let name = |item: T| {
        let label: String = label(&item).chars().filter(char::is_ascii_alphanumeric).collect();
        let label = if is_identifier(&label) { label } else { format!("X{label}") };
        let name = unique(label, &mut taken);
        (item, name)
    };
    items.into_iter().map(name).collect()
}

/// `[[tokenAuth], [basicAuth], []]` becomes `TokenOrBasicOrAnonymous`, and `[[oauth]]` with the
/// scopes `read` and `write` becomes `OauthWithReadAndWrite`.
fn policy_label(alternatives: &[Vec<Requirement>]) -> String {
    let scheme = |requirement: &Requirement| {
        let scheme = requirement.scheme.trim_end_matches("Auth").to_pascal_case();
        // The last part of a scope that is a URL.
        let last = |scope: &String| scope.rsplit('/').next().unwrap_or(scope).to_pascal_case();
        let scopes: Vec<String> = requirement.scopes.iter().map(last).collect();
        if scopes.is_empty() { scheme } else { format!("{scheme}With{}", scopes.join("And")) }
    };
    let one = |schemes: &Vec<Requirement>| match schemes.as_slice() {
        [] => "Anonymous".to_owned(),
        several => several.iter().map(scheme).collect::<Vec<_>>().join("And"),
    };
    match alternatives {
        [] => "Anyone".to_owned(),
        several => several.iter().map(one).collect::<Vec<_>>().join("Or"),
    }
}

fn content_label(media_types: &[String]) -> String {
    let one = |media: &String| match media.as_str() {
        "application/json" => "Json".to_owned(),
        "application/x-www-form-urlencoded" => "Form".to_owned(),
        "multipart/form-data" => "Multipart".to_owned(),
        other => other.to_pascal_case(),
    };
    media_types.iter().map(one).collect::<Vec<_>>().join("Or")
}
