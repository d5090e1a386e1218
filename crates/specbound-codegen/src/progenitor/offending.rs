//! The item of a document that progenitor refuses: found by trying parts, since its errors name no
//! place.

use proc_macro2::TokenStream;
use serde_json::Value;

use crate::document::{Document, Operation};
use crate::given::Given;
use crate::{Error, quiet, read};

/// Runs progenitor on a normalised copy. Catches its panics, by which it refuses some input.
pub(super) fn generate(copy: &str) -> Result<TokenStream, Error> {
    let failed = |why: String| Error::Generator(why);
    quiet::catch_panic(|| {
        let spec: openapiv3::OpenAPI =
            serde_json::from_str(copy).map_err(|e| failed(e.to_string()))?;
        progenitor::Generator::new(&Given::settings())
            .generate_tokens(&spec)
            .map_err(|e| failed(e.to_string()))
    })
}

/// Whether progenitor takes a part of a document.
fn is_taken(copy: &Value) -> bool {
    generate(&copy.to_string()).is_ok_and(|tokens| syn::parse2::<syn::File>(tokens).is_ok())
}

pub(super) enum OffendingItem {
    /// By name.
    Schema(String),
    /// By pointer.
    Operation(String),
}

/// Finds the item that progenitor refuses, since its errors name no place: halves the schemas, then
/// the operations.
pub(super) fn find_offending_item(document: &Document, copy: &Value) -> Option<OffendingItem> {
    // Then no item is the cause.
    if !is_taken(&subset(copy, &[], &[])) {
        return None;
    }
    let schemas: Vec<&str> =
        copy["components"]["schemas"].as_object()?.keys().map(String::as_str).collect();
    let fails = |names: &[&str]| !is_taken(&subset(copy, &[], names));
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
        return Some(OffendingItem::Schema(smallest.to_owned()));
    }
    let operations: Vec<String> = document.requests().map(Operation::at).collect();
    let operations: Vec<&str> = operations.iter().map(String::as_str).collect();
    let fails_here = |all: &[&str]| !is_taken(&subset(copy, all, &[]));
    let operation = |at: &str| OffendingItem::Operation(at.to_owned());
    halve(&operations, &fails_here)
        .map(operation)
        .or_else(|| {
            last_needed(&schemas, &fails).map(|name| OffendingItem::Schema(name.to_owned()))
        })
        .or_else(|| last_needed(&operations, &fails_here).map(operation))
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

/// The last of the first items that fail together, where none fails alone.
fn last_needed<'a>(items: &[&'a str], fails: &dyn Fn(&[&str]) -> bool) -> Option<&'a str> {
    if !fails(items) {
        return None;
    }
    let (mut taken, mut failing) = (0, items.len());
    while taken + 1 < failing {
        let middle = taken + (failing - taken) / 2;
        if fails(&items[..middle]) { failing = middle } else { taken = middle }
    }
    items.get(failing.saturating_sub(1)).copied()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offending_item_is_the_last_one_needed_to_fail() {
        let items = ["a", "b", "c", "d", "e"];
        let fails = |some: &[&str]| ["b", "d"].iter().all(|needed| some.contains(needed));
        assert_eq!(halve(&items, &fails), None);
        assert_eq!(last_needed(&items, &fails), Some("d"));
        assert_eq!(last_needed(&items, &|_: &[&str]| false), None);
        let fails_alone = |some: &[&str]| some.contains(&"c");
        assert_eq!(halve(&items, &fails_alone), Some("c"));
    }
}
