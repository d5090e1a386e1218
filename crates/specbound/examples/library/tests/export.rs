//! The export of a server with generated code: it equals its document, and a changed document is a
//! difference.

use library::{Library, api};
use serde_json::{Value, json};
use specbound::export::confirmed;
use specbound_contract::{diff, parse};

fn source() -> Value {
    parse(include_str!("../library.yaml")).unwrap()
}

/// The differences between a document and the export of this server beside it.
fn differences(document: &Value) -> Vec<diff::Difference> {
    let registered = api::api_mod::api_description::<Library>().unwrap();
    let export = confirmed(&registered, api::OPERATIONS, &api::ENFORCED, document).unwrap();
    diff::diff(document, &export)
}

#[test]
fn export_equals_the_document() {
    let found = differences(&source());
    assert!(found.is_empty(), "{}", diff::to_text(&found, diff::DocumentNames::SOURCE_SERVER));
}

#[test]
fn unknown_json_schema_keyword_is_no_difference() {
    let mut document = source();
    let member = &mut document["components"]["schemas"]["Author"]["properties"]["id"];
    member["optional"] = json!(true);
    assert_eq!(differences(&document), []);
}

#[test]
fn single_alternative_is_no_difference() {
    let mut document = source();
    let body = &mut document["paths"]["/shelves/{shelf}/books/"]["put"]["requestBody"];
    let schema = &mut body["content"]["application/json"]["schema"];
    *schema = json!({"oneOf": [schema.take()]});
    assert_eq!(differences(&document), []);
}

/// Pointers of the values without parts, but for those that constrain nothing.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    const HINTS: [&str; 6] =
        ["/description", "/example", "/default", "/format", "/readOnly", "/writeOnly"];
    if HINTS.iter().any(|hint| at.ends_with(hint)) {
        return;
    }
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                leaves(member, &format!("{at}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{n}"), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

fn changed(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!(!value),
        Value::Number(number) => json!(number.as_f64().unwrap() + 1.0),
        Value::String(text) => json!(format!("{text}x")),
        other => other.clone(),
    }
}

/// As if the document had changed after the code was generated.
#[test]
fn changed_document_differs_from_the_export() {
    let source = source();
    let mut all = Vec::new();
    leaves(&source["paths"], "/paths", &mut all);
    leaves(&source["components"]["schemas"], "/components/schemas", &mut all);
    assert!(all.len() > 100, "{} leaves", all.len());
    let mut unseen = Vec::new();
    for at in &all {
        let mut document = source.clone();
        let leaf = document.pointer_mut(at).unwrap();
        *leaf = changed(leaf);
        if diff::diff(&source, &document).is_empty() {
            continue;
        }
        if differences(&document).is_empty() {
            unseen.push(at.as_str());
        }
    }
    assert_eq!(unseen, [""; 0]);
}
