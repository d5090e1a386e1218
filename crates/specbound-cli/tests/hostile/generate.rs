//! `specbound generate` and hostile documents: each ends in success or in one line, within 30 s of
//! processor time and 1 GB of memory.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Kilobytes of address space: 1 GB, and as much for the stack, which is reserved and not used.
const ADDRESS_SPACE: u32 = 1_000_000 + (1 << 20);

/// Seconds of processor time. A debug build is some ten times slower than the binary of a user.
const SECONDS: u32 = if cfg!(debug_assertions) { 120 } else { 30 };

/// A part of a size in debug builds.
const fn size(full: usize) -> usize {
    if cfg!(debug_assertions) { full / 10 } else { full }
}

/// A document with these paths and component schemas.
fn document(paths: &str, schemas: &str) -> String {
    format!(
        "openapi: 3.0.3\ninfo: {{title: T, version: '1'}}\npaths:\n{paths}\
         components:\n  schemas:\n{schemas}"
    )
}

/// An operation that takes a component.
fn takes(name: &str) -> String {
    format!(
        "  /{name}: {{post: {{requestBody: {{content: {{application/json: {{schema: {{$ref: \
         '#/components/schemas/{name}'}}}}}}}}, responses: {{'204': {{description: Taken}}}}}}}}\n"
    )
}

fn refer(n: usize) -> String {
    format!("{{$ref: '#/components/schemas/S{n}'}}")
}

fn joined(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(", ")
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "{}", line(n));
        text
    })
}

/// Generates from a document, and returns the error line; empty for success.
fn generate(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.yaml");
    std::fs::write(&file, text).unwrap();
    generate_file(&file)
}

/// The same from a file.
fn generate_file(file: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    // The limits of the shell hold on Linux.
    let limits = match cfg!(target_os = "linux") {
        true => format!("ulimit -v {ADDRESS_SPACE}; ulimit -t {SECONDS};"),
        false => String::new(),
    };
    let script = format!("{limits} exec \"$0\" generate --lenient \"$1\" \"$2\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_specbound")]).arg(file);
    let output = command.arg(folder.path().join("out")).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!error.contains("panicked"), "{error}");
    match output.status.code() {
        Some(0) => String::new(),
        Some(2) => {
            assert_eq!(error.lines().count(), 1, "{error}");
            assert!(error.starts_with("specbound: ") && error.len() < 500, "{error}");
            error
        }
        other => panic!("{other:?} ({}): {error}", output.status),
    }
}

#[track_caller]
fn assert_generated(text: &str) {
    assert_eq!(generate(text), "");
}

#[track_caller]
fn assert_refused(text: &str, reason: &str) {
    let line = generate(text);
    assert!(line.contains(reason), "{line}");
}

#[test]
fn ten_thousand_operations_are_generated() {
    let operation = |n: usize| {
        format!(
            "  /p{n}: {{get: {{operationId: op{n}, parameters: [{{in: query, name: q, schema: \
             {{type: string, maxLength: 3}}}}], responses: {{'200': {{description: D, content: \
             {{application/json: {{schema: {}}}}}}}}}}}}}",
            refer(n % 100)
        )
    };
    let schema =
        |n: usize| format!("    S{n}: {{type: object, properties: {{a: {{type: string}}}}}}");
    assert_generated(&document(&lines(size(10_000), operation), &lines(100, schema)));
}

#[test]
fn circular_and_chained_references_are_generated() {
    let count = size(20_000);
    let ring = |n: usize| format!("    S{n}: {}", refer((n + 1) % count));
    assert_generated(&document(&takes("S0"), &lines(count, ring)));
    // Each member of a ring of objects has a request type, since the last one is read-only.
    let objects = |n: usize| {
        let id = if n + 1 == count { ", id: {type: integer, readOnly: true}" } else { "" };
        format!("    S{n}: {{properties: {{next: {}{id}}}}}", refer((n + 1) % count))
    };
    assert_generated(&document(&takes("S0"), &lines(count, objects)));
    let plain = |n: usize| match n + 1 {
        last if last == count => format!("    S{n}: {{type: string, maxLength: 9}}"),
        next => format!("    S{n}: {{allOf: [{}], minLength: 1}}", refer(next)),
    };
    let properties = joined(count / 2, |n| format!("p{n}: {}", refer(0)));
    let schemas = lines(count, plain) + &format!("    All: {{properties: {{{properties}}}}}\n");
    assert_generated(&document(&takes("All"), &schemas));
    let parameters = lines(count, |n| {
        format!("    P{n}: {{$ref: '#/components/parameters/P{}'}}", (n + 1) % count)
    });
    let path = "  /p: {get: {parameters: [{$ref: '#/components/parameters/P0'}], responses: {}}}\n";
    let text = document(path, "    S: {}\n") + "  parameters:\n" + &parameters;
    assert_refused(&text, "leads back to itself, or through many others");
    let path = "  /p: {get: {responses: {'200': {$ref: '#/components/responses/R'}}}}\n";
    let ring = "  responses:\n    R: {$ref: '#/components/responses/R'}\n";
    assert_refused(&(document(path, "    S: {}\n") + ring), "/components/responses/R");
}

#[test]
fn recursive_and_multiplying_schemas_are_generated() {
    let cyclic = format!("    S0: {{allOf: [{}]}}\n", refer(0));
    assert_generated(&document(&takes("S0"), &cyclic));
    let kinds = ["string", "integer", "boolean", "number"];
    let one = |n: usize| {
        let object =
            |m: usize| format!("{{type: object, properties: {{p{n}{m}: {{type: {}}}}}}}", kinds[m]);
        format!("{{oneOf: [{}]}}", joined(4, object))
    };
    assert_generated(&document(
        &takes("S0"),
        &format!("    S0: {{allOf: [{}]}}\n", joined(8, one)),
    ));
}

#[test]
fn densely_connected_schemas_terminate() {
    let count = 600 / if cfg!(debug_assertions) { 4 } else { 1 };
    let property = |n: usize| format!("p{n}: {}", refer(n));
    let all = |_: usize| joined(count, property);
    let dense = |schema: &dyn Fn(usize) -> String| {
        generate(&document(&takes("S0"), &lines(count, |n| format!("    S{n}: {{{}}}", schema(n)))))
    };
    dense(&|n| format!("type: object, properties: {{{}}}", all(n)));
    dense(&|_| format!("allOf: [{}]", joined(count, refer)));
    dense(&|_| format!("oneOf: [{}]", joined(count, refer)));
}

#[test]
fn wide_schemas_and_operations_are_generated() {
    let count = size(20_000);
    let choices = joined(count, |n| format!("v{n}"));
    assert_generated(&document(
        &takes("S0"),
        &format!("    S0: {{type: string, enum: [{choices}]}}\n"),
    ));
    let members = joined(count, |n| format!("v{n}: {{type: string}}"));
    assert_generated(&document(&takes("S0"), &format!("    S0: {{properties: {{{members}}}}}\n")));
    let parameters =
        joined(count / 4, |n| format!("{{in: query, name: q{n}, schema: {{type: string}}}}"));
    let path = format!(
        "  /p: {{get: {{parameters: [{parameters}], responses: {{'204': {{description: D}}}}}}}}\n"
    );
    assert_generated(&document(&path, "    S0: {}\n"));
    // They all have one name in Rust.
    let alike = lines(count / 2, |n| {
        format!("    \"a{}\": {{type: string}}", "-".repeat(n % 50) + &"_".repeat(n / 50))
    });
    assert_generated(&document(&takes("a"), &alike));
}

#[test]
fn documents_at_the_size_limit_stay_within_the_memory_limit() {
    for (count, schema) in [
        (42_000, "type: object, properties: {a: {type: string}}"),
        (14_000, "type: string, enum: [a, b]"),
        (16_000, "type: string, minLength: 2"),
        (16_000, "type: object"),
    ] {
        let schemas = lines(size(count), |n| format!("    S{n}: {{{schema}}}"));
        assert_generated(&document("  {}\n", &schemas));
    }
}

#[test]
fn excessive_repetition_is_refused() {
    let schema = |n: usize| format!("    S{n}: {{properties: {{a: {{type: string}}}}}}");
    assert_refused(&document("  {}\n", &lines(60_000, schema)), "more than 85000 schemas");
    let operation = |n: usize| {
        format!(
            "  /p{n}: {{get: {{responses: {{'200': {{$ref: '#/components/responses/Long'}}}}}}}}"
        )
    };
    let long = format!("  responses:\n    Long: {{description: '{}'}}\n", "text ".repeat(50_000));
    let text = document(&lines(1_000, operation), "    S0: {}\n") + &long;
    assert_refused(&text, "64 MB of descriptions and examples");
}

#[test]
fn expensive_patterns_are_refused() {
    let schema = |n: usize| format!("    S{n}: {{type: string, pattern: '\\p{{L}}{{9{n:03}}}'}}");
    assert_refused(
        &document("  {}\n", &lines(size(1_000), schema)),
        "the patterns of the document",
    );
    let long = format!("    S: {{type: string, pattern: '{}'}}\n", "a|".repeat(6 << 20));
    assert_refused(&document("  {}\n", &long), "the patterns of the document");
    // Each compiles once.
    let schema = |n: usize| format!("    S{n}: {{type: string, pattern: '^\\w{{1,256}}$'}}");
    assert_generated(&document("  {}\n", &lines(size(10_000), schema)));
}

#[test]
fn megabyte_names_are_truncated_in_output() {
    let name = "n".repeat(1 << 20);
    let path = format!("  /p: {{{name}: {{responses: {{}}}}}}\n");
    assert_refused(&document(&path, "    S: {}\n"), "is no member of a path item");
}

/// A pipe would be waited for.
#[test]
#[cfg(unix)]
fn references_to_a_pipe_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("mkfifo").arg(folder.path().join("pipe.yaml")).status().unwrap();
    assert!(made.success());
    let file = folder.path().join("openapi.yaml");
    std::fs::write(&file, document("  /p: {$ref: 'pipe.yaml'}\n", "    S: {}\n")).unwrap();
    let line = generate_file(&file);
    assert!(line.contains("`pipe.yaml` cannot be resolved: this is no file"), "{line}");
}

#[test]
fn inputs_that_exhaust_the_parser_are_refused() {
    assert_refused(&"[".repeat(100_000), "nested deeper");
    let bomb = lines(60, |n| match n {
        0 => "x0: &a0 [x, x]".to_owned(),
        n => format!("x{n}: &a{n} [*a{0}, *a{0}]", n - 1),
    });
    assert_refused(&bomb, "aliases");
    let wide =
        format!("x0: &a [{}]\nx:\n{}", joined(2_000, |_| "a".to_owned()), "- *a\n".repeat(40_000));
    assert_refused(&wide, "aliases");
    assert_refused(&"# comments".repeat(10 << 20), "larger than 64 MB");
    let small = format!(
        "{{\"openapi\": \"3.0.3\", \"paths\": {{}}, \"x\": [0{}]}}",
        ", {\"a\":1}".repeat(6 << 20)
    );
    assert_refused(&small, "memory");
}
