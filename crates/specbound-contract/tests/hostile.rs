//! Documents made to exhaust a reader end in one line, or are compared.

use std::path::Path;

use specbound_contract::ReadOptions;
use specbound_contract::compatibility::{Severity, compare};
use specbound_contract::parse;
use specbound_contract::report::read_document;

/// The error of a file with this content. One line.
fn error(fill: impl FnOnce(&Path)) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fill(file.path());
    let error = read_document(file.path(), ReadOptions::default()).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn file_of_100_megabytes_is_refused() {
    let error = error(|path| {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_len(100 << 20).unwrap();
    });
    assert!(error.contains("larger than"), "{error}");
}

#[test]
fn deep_nesting_and_exponential_aliases_are_refused() {
    let deep = error(|path| std::fs::write(path, "[".repeat(1 << 20)).unwrap());
    assert!(deep.contains("nested deeper"), "{deep}");
    let bomb: String = std::iter::once("a0: &a0 [x, x]\n".to_owned())
        .chain((1..60).map(|i| format!("a{i}: &a{i} [*a{0}, *a{0}]\n", i - 1)))
        .collect();
    let bomb = error(|path| std::fs::write(path, bomb).unwrap());
    assert!(bomb.contains("aliases"), "{bomb}");
}

/// A document with these schemas, of which the first is sent.
fn document(first: &str, schemas: &str) -> String {
    format!(
        "openapi: 3.1.0\npaths: {{/a: {{post: {{responses: {{}}, requestBody: {{content: \
         {{a/b: {{schema: {{$ref: '#/components/schemas/{first}'}}}}}}}}}}}}}}\n\
         components:\n  schemas:\n{schemas}"
    )
}

#[test]
fn mutually_referring_schemas_are_compared() {
    let count = 60;
    let schemas = |more: &str| -> String {
        let schema = |i: usize| {
            let to = |j: usize| format!("p{j}: {{$ref: '#/components/schemas/S{j}'}}");
            let properties: Vec<String> = (0..count).map(to).collect();
            let more = if i == 7 { more } else { "" };
            format!("    S{i}: {{type: object{more}, properties: {{{}}}}}\n", properties.join(", "))
        };
        (0..count).map(schema).collect()
    };
    let old = parse(&document("S0", &schemas(""))).unwrap();
    let new = parse(&document("S0", &schemas(", required: [p1]"))).unwrap();
    let verdicts = compare(&old, &new);
    assert_eq!(verdicts.len(), 1);
    assert_eq!(verdicts[0].severity, Severity::Breaking);
}

#[test]
fn nested_patterns_and_limits_make_no_large_witness() {
    let schema = |limits: &str| format!("    A: {{{limits}}}\n");
    for limits in [
        "type: string, pattern: '((a{900}){900}){900}'",
        "type: string, minLength: 4000000000",
        "type: array, minItems: 4000000000, items: {type: string}",
        "type: object, minProperties: 4000000000",
        "type: array, minItems: 900, items: {type: array, minItems: 900, items: {type: array, \
         minItems: 900}}",
    ] {
        let old = parse(&document("A", &schema("type: [string, array, object]"))).unwrap();
        let new = parse(&document("A", &schema(limits))).unwrap();
        for (old, new) in [(&old, &new), (&new, &old)] {
            for verdict in compare(old, new) {
                let shown = verdict.witness.map_or(0, |shown| shown.to_json().to_string().len());
                assert!(shown < 1 << 20, "{limits}: {shown} bytes");
            }
        }
    }
}
