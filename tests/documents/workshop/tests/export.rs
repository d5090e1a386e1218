//! The export of the workshop: it equals its document, and a changed form with files is a
//! difference.

use serde_json::{Value, json};
use specbound::export::confirmed;
use specbound_contract::{diff, parse};
use workshop::{Workshop, api};

fn source() -> Value {
    parse(include_str!("../workshop.yaml")).unwrap()
}

/// The differences between a document and the export of this server beside it.
fn differences(document: &Value) -> Vec<diff::Difference> {
    let registered = api::api_mod::api_description::<Workshop>().unwrap();
    let export = confirmed(&registered, api::OPERATIONS, &api::ENFORCED, document).unwrap();
    diff::diff(document, &export)
}

#[test]
fn export_equals_the_document() {
    let found = differences(&source());
    assert!(found.is_empty(), "{}", diff::to_text(&found, diff::DocumentNames::SOURCE_SERVER));
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
fn changed_form_with_files_differs_from_the_export() {
    let source = source();
    let mut all = Vec::new();
    for path in ["/paths/~1plans/post/requestBody", "/paths/~1photos/post/requestBody"] {
        leaves(source.pointer(path).unwrap(), path, &mut all);
    }
    for schema in ["/components/schemas/Plan", "/components/schemas/Note"] {
        leaves(source.pointer(schema).unwrap(), schema, &mut all);
    }
    // Keywords of other types constrain nothing.
    all.retain(|at| !at.contains("/place/m") && !at.ends_with("/place/pattern"));
    assert!(all.len() > 20, "{} leaves", all.len());
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
