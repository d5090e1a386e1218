//! Each part of an operation, added, removed and changed: called by clients, and called by the
//! server in a callback and in a webhook, where the sides are turned round.

mod rows;

use super::*;
use crate::compatibility;
use rows::{DOCUMENTS, ROWS, Row, Whole};

/// Documents with the parts of an operation at each place: called by clients, and by the server.
fn documents(parts: &str) -> [Vec<Value>; 2] {
    let operation: Value = serde_yaml_ng::from_str(parts).unwrap();
    let calls = |operation: &Value| {
        let called = json!({"{$request.body#/url}": {"post": operation}});
        json!({"post": {"responses": {"200": {"description": "d"}}, "callbacks": {"c": called}}})
    };
    let component = json!({"c": {"{$request.body#/url}": {"post": operation}}});
    let refers = json!({"post": {
        "responses": {"200": {"description": "d"}},
        "callbacks": {"c": {"$ref": "#/components/callbacks/c"}},
    }});
    let all = [
        vec![
            json!({"paths": {"/a": {"post": operation}}}),
            json!({"paths": {"/a": {"$ref": "#/components/pathItems/A"}},
                "components": {"pathItems": {"A": {"post": operation}}}}),
        ],
        vec![
            json!({"paths": {"/a": calls(&operation)}}),
            json!({"paths": {}, "webhooks": {"w": {"post": operation}}}),
            json!({"paths": {"/a": refers}, "components": {"callbacks": component}}),
        ],
    ];
    all.map(|documents| {
        let parsed = documents.into_iter().map(|mut document| {
            document["openapi"] = "3.1.0".into();
            crate::parse(&document.to_string()).unwrap()
        });
        parsed.collect()
    })
}

/// Whether any change breaks clients, or may, with the messages.
fn breaks(old: &Value, new: &Value) -> (bool, String) {
    let verdicts = compare(old, new);
    let rendered: Vec<String> = verdicts
        .iter()
        .map(|verdict| format!("{:?} {}: {}", verdict.severity, verdict.location, verdict.message))
        .collect();
    (compatibility::may_break(&verdicts), rendered.join("\n    "))
}

#[test]
fn operation_changes_are_classified_by_audience() {
    let mut wrong = Vec::new();
    for Row(name, left, right, calling, called) in ROWS {
        let (left, right) = (documents(left), documents(right));
        for ((left, right), expected) in left.iter().zip(&right).zip([calling, called]) {
            for (place, (left, right)) in left.iter().zip(right).enumerate() {
                for ((old, new), expected) in [(left, right), (right, left)].iter().zip(expected) {
                    let (found, rendered) = breaks(old, new);
                    if found != *expected {
                        wrong.push(format!(
                            "{name}, place {place}: {expected} {old}\n    {rendered}"
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

const OK: &str = "{responses: {'200': {description: d}}}";

const KEYS: &str = "{securitySchemes: {key: {type: apiKey, in: header, name: X}, basic: {type: \
    http, scheme: basic}, oauth: {type: oauth2, flows: {clientCredentials: {tokenUrl: \
    'https://a', scopes: {a: d, b: d}}}}}}";

#[test]
fn every_part_of_a_document_is_classified() {
    let document = |text: &str| {
        let text = text.replace("OK", OK).replace("KEYS", KEYS);
        crate::parse(&format!("openapi: 3.1.0\n{text}")).unwrap()
    };
    let mut wrong = Vec::new();
    for Whole(name, left, right, expected) in DOCUMENTS {
        let (left, right) = (document(left), document(right));
        for ((old, new), expected) in [(&left, &right), (&right, &left)].iter().zip(expected) {
            let (found, rendered) = breaks(old, new);
            if found != *expected {
                wrong.push(format!("{name}: {expected} {old}\n    {rendered}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn ranges_describe_what_has_no_description_of_its_own() {
    let text = "{description: d, content: {a/b: {schema: {type: string}}}}";
    let number = "{description: d, content: {a/b: {schema: {type: integer}}}}";
    let statuses = |all: &[(&str, &str)]| {
        let all: Vec<String> = all.iter().map(|(key, one)| format!("{key}: {one}")).collect();
        format!("responses: {{{}}}", all.join(", "))
    };
    let sent = |content: &str| {
        format!("requestBody: {{content: {{{content}}}}}\nresponses: {{'200': {{description: d}}}}")
    };
    let read =
        |content: &str| format!("responses: {{'200': {{description: d, content: {{{content}}}}}}}");
    let (any, one) = ("'*/*': {schema: {type: string}}", "a/b: {schema: {type: string}}");
    let (kind, other) = ("'a/*': {schema: {type: string}}", "a/b: {schema: {type: integer}}");
    let beside = |one: &str| format!("{any}, {one}");
    // The change from the left to the right breaks clients, and then the change back.
    let rows = [
        (statuses(&[("4XX", text)]), statuses(&[("4XX", text), ("'404'", text)]), [false, false]),
        (statuses(&[("4XX", text)]), statuses(&[("4XX", text), ("'404'", number)]), [true, true]),
        (statuses(&[("default", text)]), statuses(&[("'404'", number)]), [true, true]),
        (
            statuses(&[("'200'", text), ("default", number)]),
            statuses(&[("'200'", text), ("'404'", text), ("default", number)]),
            [true, true],
        ),
        (statuses(&[("2XX", text)]), statuses(&[("'200'", text)]), [false, true]),
        (statuses(&[("2XX", text)]), statuses(&[("'200'", number)]), [true, true]),
        (
            statuses(&[("default", text)]),
            statuses(&[("default", text), ("'200'", text)]),
            [false, false],
        ),
        (
            statuses(&[("'200'", text), ("default", text)]),
            statuses(&[("'200'", text), ("'201'", text), ("default", text)]),
            [true, true],
        ),
        (sent(one), sent(any), [false, true]),
        (sent(one), sent(kind), [false, true]),
        (sent(other), sent(kind), [true, true]),
        (sent(any), sent(&beside(one)), [false, false]),
        (sent(any), sent(&beside(other)), [true, true]),
        (read(any), read(one), [false, true]),
        (read(any), read(other), [true, true]),
        (read(any), read(kind), [false, true]),
        (read(&beside(one)), read(one), [false, false]),
    ];
    for (left, right, expected) in rows {
        let ([left, ..], [right, ..]) = (&documents(&left)[0][..], &documents(&right)[0][..])
        else {
            panic!("{left}");
        };
        for ((old, new), expected) in [(left, right), (right, left)].iter().zip(expected) {
            let (found, rendered) = breaks(old, new);
            assert_eq!(found, expected, "{old} to {new}\n    {rendered}");
        }
    }
}
