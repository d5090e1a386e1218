//! `spec diff --old A --new B` as used in CI: the binary, documents on disk, exit codes, three
//! formats.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::PROGRAM;

const SOURCE: &str = include_str!("../../spec/inventree-auth-v291.yaml");

fn spec_diff(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(["spec", "diff"]).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn file(content: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    file
}

fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

/// The checked-in document with an edit.
fn edited(edit: impl FnOnce(&mut Value)) -> NamedTempFile {
    let mut copy: Value = serde_yaml_ng::from_str(SOURCE).unwrap();
    edit(&mut copy);
    file(&serde_yaml_ng::to_string(&copy).unwrap())
}

fn with_nickname(required: bool) -> NamedTempFile {
    edited(|document| {
        let register = &mut document["components"]["schemas"]["Register"];
        register["properties"]["nickname"] = json!({"type": "string"});
        if required {
            register["required"].as_array_mut().unwrap().push(json!("nickname"));
        }
    })
}

#[test]
fn compatible_changes_exit_0_and_breaking_ones_1() {
    let old = file(SOURCE);
    let reworded = edited(|document| document["info"]["description"] = json!("Other words."));
    let (optional, required) = (with_nickname(false), with_nickname(true));
    for (new, by_default, on_any) in
        [(&old, 0, 0), (&reworded, 0, 0), (&optional, 0, 1), (&required, 1, 1)]
    {
        let both = ["--old", path(&old), "--new", path(new)];
        assert_eq!(spec_diff(&both).status.code(), Some(by_default));
        for (fail_on, code) in [("breaking", by_default), ("any", on_any)] {
            let output = spec_diff(&[&both[..], &["--fail-on", fail_on]].concat());
            assert_eq!(output.status.code(), Some(code), "{fail_on}: {}", text(&output.stdout));
        }
    }
}

/// A text report without the lines that say where a change is.
fn without_places(report: &str, old: &NamedTempFile, new: &NamedTempFile) -> String {
    let begin = format!("    {}:", path(new));
    let before = format!(", before {}:", path(old));
    let (places, rest): (Vec<&str>, Vec<&str>) =
        report.lines().partition(|line| line.starts_with(&begin));
    assert!(places.iter().all(|line| line.contains(&before)), "{report}");
    assert_eq!(places.len(), rest.iter().filter(|line| line.starts_with("  schema ")).count());
    rest.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn text_report_has_breaking_changes_first_and_counts_last() {
    let (old, new) = (file(SOURCE), with_nickname(true));
    let output = spec_diff(&["--old", path(&old), "--new", path(&new)]);
    let expected = "\
BREAKING
  schema Register, property nickname
    used by POST /api/auth/registration/
    `nickname` is now required in requests: clients that do not send it are refused.
    shown by a request that is refused now: \
{\"password1\":\"\",\"password2\":\"\",\"username\":\"a\"}

COMPATIBLE
  schema Register, property nickname
    used by POST /api/auth/registration/
    `nickname` is new in requests: clients need not send it, unless it is also reported as required.

2 changes: 1 breaking, 0 unclear, 1 compatible
";
    assert_eq!(without_places(&text(&output.stdout), &old, &new), expected);
    let same = spec_diff(&["--old", path(&old), "--new", path(&old)]);
    assert_eq!(text(&same.stdout), "no changes of meaning\n");
}

#[test]
fn json_is_a_list_of_objects_with_stable_keys() {
    let (old, new) = (file(SOURCE), with_nickname(true));
    let output = spec_diff(&["--old", path(&old), "--new", path(&new), "--format", "json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let required =
        found.as_array().unwrap().iter().find(|one| one["severity"] == "breaking").unwrap();
    let mut required = required.as_object().unwrap().clone();
    let fingerprint = required.remove("fingerprint").unwrap();
    assert!(fingerprint.as_str().unwrap().len() == 16, "{fingerprint}");
    let source = required.remove("source").unwrap();
    for (side, document) in [("old", &old), ("new", &new)] {
        assert_eq!(source[side]["file"], path(document), "{source}");
        assert!(
            source[side]["line"].as_u64() > Some(1) && source[side]["column"].is_u64(),
            "{source}"
        );
    }
    assert_eq!(
        Value::Object(required),
        json!({
            "severity": "breaking",
            "rule": "schema-required-added",
            "concerns": ["senders"],
            "place": "schema Register, property nickname",
            "operations": ["POST /api/auth/registration/"],
            "message": "`nickname` is now required in requests: clients that do not send it are \
             refused.",
            "path": "/components/schemas/Register/required/nickname",
            "new": "nickname",
            "witness": {
                "in": "request",
                "schema": "/components/schemas/Register",
                "value": { "username": "a", "password1": "", "password2": "" },
                "acceptedBy": "old",
                "refusedBy": "new",
            },
        })
    );
    assert_eq!((found.as_array().unwrap().len(), output.status.code()), (2, Some(1)));
}

#[test]
fn markdown_has_the_verdict_as_heading_and_folds_long_compatible_lists() {
    let (old, new) = (file(SOURCE), with_nickname(true));
    let output = spec_diff(&["--old", path(&old), "--new", path(&new), "--format", "markdown"]);
    let expected = "\
### This change breaks clients

2 changes: 1 breaking, 0 unclear, 1 compatible

#### Breaking

- **schema `Register`, property `nickname`** (used by `POST /api/auth/registration/`): `nickname` \
is now required in \
requests: clients that do not send it are refused. Shown by a request that is refused now: \
`{\"password1\":\"\",\"password2\":\"\",\"username\":\"a\"}`.

#### Compatible

- **schema `Register`, property `nickname`** (used by `POST /api/auth/registration/`): `nickname` \
is new in requests: \
clients need not send it, unless it is also reported as required.
";
    let places = |line: &str| line.split(" <sub>").next().unwrap_or_default().to_owned() + "\n";
    let comment = text(&output.stdout);
    assert!(comment.contains(&format!(" <sub>`{}:", path(&new))), "{comment}");
    assert_eq!(comment.lines().map(places).collect::<String>(), expected);
    let many = edited(|document| {
        for name in ["A", "B", "C", "D", "E", "F"] {
            document["components"]["schemas"][name] = json!({"type": "object"});
        }
    });
    let output = spec_diff(&["--old", path(&old), "--new", path(&many), "--format", "markdown"]);
    let comment = text(&output.stdout);
    assert!(comment.starts_with("### This change breaks no client\n"));
    assert!(
        comment.contains("\n<details>\n<summary>Compatible (6)</summary>\n\n- **schema `A`**"),
        "{comment}"
    );
    assert!(comment.ends_with("\n\n</details>\n"));
}

#[test]
fn document_cannot_inject_html_or_mentions_into_a_review() {
    let evil = "`</details><img src=x>\n@everyone | [a](http://b)";
    let (old, new) =
        (file(SOURCE), edited(|document| document["components"]["schemas"][evil] = json!({})));
    let output = spec_diff(&["--old", path(&old), "--new", path(&new), "--format", "markdown"]);
    let comment = text(&output.stdout);
    let line = comment.lines().find(|line| line.contains("details")).unwrap();
    assert!(
        line.starts_with("- **schema `'</details><img src=x>\\u{a}@everyone | [a](http://b)`**: "),
        "{line}"
    );
}

#[test]
fn spec_breaking_reads_standard_input() {
    let new = with_nickname(true);
    let mut child = Command::new(PROGRAM)
        .args(["spec", "diff", "--old", "-", "--new", path(&new)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(SOURCE.as_bytes()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
    assert_eq!(spec_diff(&["--old", "-", "--new", "-"]).status.code(), Some(2));
}

#[test]
fn unusable_input_is_exit_2_and_one_line_that_names_the_file() {
    let good = file(SOURCE);
    let aliases = (1..9).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, i| {
        let before = i - 1;
        text + &format!(
            "a{i}: &a{i} [*a{before}, *a{before}, *a{before}, *a{before}, *a{before}, *a{before}, \
             *a{before}]\n"
        )
    });
    for (content, says) in [
        ("{", ""),
        ("- a\n- b\n", "not an OpenAPI 3 document"),
        ("a: 1\n", "not an OpenAPI 3 document"),
        ("\u{0}", ""),
        ("swagger: '2.0'\npaths: {}\n", "Swagger 2"),
        ("openapi: 4.0.0\npaths: {}\n", "OpenAPI `4.0.0`; only 3.0, 3.1 and 3.2 are supported"),
        (&("[".repeat(100_000)), ""),
        (&aliases, ""),
    ] {
        let bad = file(content);
        for both in [
            ["--old", path(&bad), "--new", path(&good)],
            ["--old", path(&good), "--new", path(&bad)],
        ] {
            let output = spec_diff(&both);
            let printed = text(&output.stderr);
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{printed}");
            assert_eq!(printed.lines().count(), 1, "{printed}");
            assert!(printed.contains(path(&bad)) && printed.contains(says), "{printed}");
        }
    }
    let output = spec_diff(&["--old", "/no/such/file", "--new", path(&good)]);
    assert_eq!((output.status.code(), text(&output.stderr).lines().count()), (Some(2), 1));
}

#[test]
fn one_document_without_a_counterpart_is_a_usage_error() {
    let good = file(SOURCE);
    for wrong in [
        &["--old", path(&good)][..],
        &["--new", path(&good)],
        &["--old", path(&good), "--new", path(&good), "--source", path(&good)],
        &["--fail-on", "any"],
    ] {
        let output = spec_diff(wrong);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{wrong:?}");
    }
}

/// Statuses are often written without quotation marks, which makes them numbers in YAML.
#[test]
fn statuses_without_quotation_marks_are_read() {
    let with = |status: &str| {
        file(&format!(
            "openapi: 3.0.3\npaths: {{/a: {{get: {{responses: {{{status}: {{description: \
             d}}}}}}}}}}\n"
        ))
    };
    let output = spec_diff(&[
        "--old",
        path(&with("200")),
        "--new",
        path(&with("'200'")),
        "--fail-on",
        "any",
    ]);
    assert_eq!(
        (text(&output.stdout).as_str(), output.status.code()),
        ("no changes of meaning\n", Some(0))
    );
}

/// Two hundred operations with a cycle of two hundred schemas, all renamed, so that every
/// reference changes.
#[test]
fn mutually_recursive_schemas_terminate() {
    let document = |suffix: &str| {
        let schema =
            |i: usize| json!({"$ref": format!("#/components/schemas/S{}{suffix}", i % 200)});
        let mut document = json!({"openapi": "3.0.3", "paths": {}, "components": {"schemas": {}}});
        for i in 0..200 {
            document["components"]["schemas"][format!("S{i}{suffix}")] = json!({
                "properties": {
                    "a": schema(i + 1),
                    "b": {"items": schema(i * 7 + 3)},
                    "c": {"oneOf": [schema(i), {"type": "string"}]},
                },
            });
            document["paths"][format!("/{i}")] = json!({
                "get": {
                    "responses": {
                        "200": {"content": {"application/json": {"schema": schema(i)}}},
                    },
                },
            });
        }
        file(&document.to_string())
    };
    let output = spec_diff(&["--old", path(&document("")), "--new", path(&document("V2"))]);
    let printed = text(&output.stdout);
    assert!(printed.lines().last().unwrap().contains(" changes: "), "{printed}");
}

#[test]
fn spec_breaking_supports_markdown() {
    let output = spec_diff(&["--format", "markdown"]);
    assert_eq!(
        (text(&output.stdout).as_str(), output.status.code()),
        ("```text\nno differences\n```\n", Some(0))
    );
}
