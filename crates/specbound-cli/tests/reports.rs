//! The reports of the binary: their schemas, colours, changelog and summary, and the policy's part
//! in them. `tests/report/run` validates SARIF and JUnit by their published schemas as well, and
//! opens the page in a browser.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const OLD: &str = "\
openapi: 3.0.3
info: {title: Pets, version: 1.2.0}
paths:
  /pets:
    get: {operationId: list, tags: [pets], responses: {'200': {description: ''}}}
    post:
      operationId: add
      tags: [pets, write]
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}
      responses: {'204': {description: ''}}
components:
  schemas:
    Pet: {type: object, properties: {name: {type: string, maxLength: 9}, age: {type: integer}}}
";

struct Folder(tempfile::TempDir);

impl Folder {
    /// One change of each kind: a breaking one, a new operation, something deprecated.
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        let new = OLD
            .replace("maxLength: 9", "maxLength: 5")
            .replace("operationId: list,", "operationId: list, deprecated: true,")
            .replace(
                "paths:\n",
                "paths:\n  /<&\">: {get: {responses: {'200': {description: ''}}}}\n",
            )
            .replace("age: {type: integer}", "age: {type: integer, pattern: a}");
        folder.write("old.yaml", OLD);
        folder.write("new.yaml", &new);
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn specbound(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_specbound"))
            .args(arguments)
            .current_dir(self.path())
            .env_remove("NO_COLOR")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Accepts the findings that are there.
    fn accept(&self, reason: &str) {
        let accept = ["accept", "old.yaml", "new.yaml", "--write", "--reason", reason];
        assert_eq!(self.specbound(&accept).0, Some(0));
    }

    fn report(&self, command: &str, more: &[&str]) -> String {
        let both = [command, "old.yaml", "new.yaml"];
        self.specbound(&[&both[..], more].concat()).1
    }

    fn json(&self, command: &str, format: &str) -> Value {
        serde_json::from_str(&self.report(command, &["--format", format])).unwrap()
    }
}

fn assert_valid(schema: &str, value: &Value) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, [""; 0], "{value:#}");
}

#[test]
fn json_reports_match_the_schemas_that_the_command_prints() {
    let folder = Folder::new();
    for command in ["breaking", "diff", "summary"] {
        let (code, schema, _) = folder.specbound(&["schema", command]);
        assert_eq!(code, Some(0));
        let report = folder.json(command, "json");
        assert_valid(&schema, &report);
        let parsed: Value = serde_json::from_str(&schema).unwrap();
        let validator = jsonschema::draft202012::new(&parsed).unwrap();
        for wrong in [json!({}), json!([{"path": 1}]), json!([{}])] {
            assert!(!validator.is_valid(&wrong), "{command}: {wrong}");
        }
    }
}

#[test]
fn sarif_has_all_required_members_and_no_unknown_ones() {
    let folder = Folder::new();
    folder.accept("agreed");
    let report = folder.json("breaking", "sarif");
    assert_valid(include_str!("sarif.json"), &report);
    let results = report["runs"][0]["results"].as_array().unwrap();
    let suppressed: Vec<&Value> =
        results.iter().filter(|result| result["suppressions"].is_array()).collect();
    assert!(!suppressed.is_empty() && suppressed.len() < results.len(), "{report:#}");
    assert_eq!(suppressed[0]["suppressions"][0]["justification"], "agreed");
}

#[test]
fn junit_counts_match_its_test_cases() {
    let folder = Folder::new();
    let count = |report: &str, name: &str| {
        let (_, rest) = report.split_once("<testsuite name=\"specbound\" ").unwrap();
        let (_, rest) = rest.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap().parse::<usize>().unwrap()
    };
    for accepted in [false, true] {
        if accepted {
            folder.accept("agreed & <signed>");
        }
        let report = folder.report("breaking", &["--format", "junit"]);
        for (name, element) in
            [("tests", "<testcase "), ("failures", "<failure "), ("skipped", "<skipped ")]
        {
            assert_eq!(count(&report, name), report.matches(element).count(), "{report}");
        }
        assert_eq!(count(&report, "skipped") > 0, accepted);
        assert!(report.contains("/&lt;&amp;&quot;&gt;") && !report.contains("/<&"), "{report}");
    }
}

#[test]
fn each_report_names_the_location_in_both_documents() {
    let folder = Folder::new();
    let report = |format: &str| folder.report("breaking", &["--format", format]);
    for format in ["text", "markdown", "html", "junit", "github"] {
        let report = report(format);
        assert!(report.contains("old.yaml:13:") || report.contains("line=13"), "{report}");
        assert!(report.contains("new.yaml:14:") || report.contains("line=14"), "{report}");
    }
    let sarif = folder.json("breaking", "sarif");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let line = |place: &Value| place["physicalLocation"]["region"]["startLine"].clone();
    assert!(results.iter().any(|result| {
        line(&result["locations"][0]) == 14 && line(&result["relatedLocations"][0]) == 13
    }));
    let climate = folder.json("breaking", "code-climate");
    assert!(climate.as_array().unwrap().iter().any(|issue| {
        issue["location"]["lines"]["begin"] == 14
            && issue["other_locations"][0]["lines"]["begin"] == 13
    }));
}

#[test]
fn colours_are_used_on_terminals_only() {
    let folder = Folder::new();
    assert!(!folder.report("breaking", &[]).contains('\x1b'));
    let coloured = folder.report("breaking", &["--color", "always"]);
    assert!(coloured.starts_with("\x1b[1;31mBREAKING\x1b[0m\n"), "{coloured}");
    // `script` gives the command a terminal.
    let on_terminal = |variable: &str| {
        let line = format!("{} breaking old.yaml new.yaml", env!("CARGO_BIN_EXE_specbound"));
        let output = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .current_dir(folder.path())
            .env("TERM", "xterm")
            .env("NO_COLOR", variable)
            .output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).contains("\x1b[1;31mBREAKING"))
    };
    // It is in the package bsdutils, which every Debian has.
    if let (Ok(plain), Ok(coloured)) = (on_terminal("1"), on_terminal("")) {
        assert_eq!((plain, coloured), (false, true));
    }
}

#[test]
fn changelog_includes_compatible_changes() {
    let folder = Folder::new();
    let text = folder.report("changelog", &["--format", "markdown"]);
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(
        headings,
        ["## `Pets 1.2.0`", "### Breaking", "### Added", "### Deprecated"],
        "{text}"
    );
    assert!(text.contains("`GET /<&\">`") || text.contains("`/<&\">` is new"), "{text}");
    let (code, text, _) = folder.specbound(&["changelog", "old.yaml", "new.yaml"]);
    assert_eq!(code, Some(0));
    assert!(text.starts_with("Pets 1.2.0\n\nBREAKING\n"), "{text}");
}

#[test]
fn the_summary_counts_operations_schemas_and_changes() {
    let folder = Folder::new();
    let report = folder.json("summary", "json");
    assert_eq!(report["operations"], json!({"added": 1, "removed": 0, "changed": 2}));
    assert_eq!(report["schemas"], json!({"added": 0, "removed": 0, "changed": 1}));
    assert_eq!(report["title"], "Pets 1.2.0");
    let text = folder.report("summary", &[]);
    assert!(text.contains("operations  1 added, 0 removed, 2 changed\n"), "{text}");
}

#[test]
fn a_policy_sets_severities_by_tag() {
    let folder = Folder::new();
    let both = ["breaking", "old.yaml", "new.yaml"];
    let with = |tag: &str| {
        folder.write(
            "specbound.toml",
            &format!("[[severity]]\ntag = '{tag}'\nlevel = 'compatible'\n"),
        );
        folder.specbound(&both).0
    };
    assert_eq!(with("write"), Some(0));
    assert_eq!(with("w*"), Some(0));
    assert_eq!(with("others"), Some(1));
}

#[test]
fn policy_can_require_a_version_bump() {
    let folder = Folder::new();
    let version = |old: &str, new: &str| {
        let text = std::fs::read_to_string(folder.path().join("new.yaml")).unwrap();
        folder.write(
            "new.yaml",
            &text.replace(&format!("version: {old}"), &format!("version: {new}")),
        );
        folder.report("breaking", &[])
    };
    assert!(!version("1.2.0", "1.3.0").contains("demand"));
    folder.write("specbound.toml", "[version]\nscheme = \"semver\"\n");
    let report = version("1.3.0", "1.3.0");
    assert!(
        report.contains("`info.version` is `1.3.0`, before `1.2.0`: the changes demand `2.0.0`")
    );
    assert!(!version("1.3.0", "2.0.0").contains("demand"));
    let (code, page, _) = folder.specbound(&["explain", "version-too-low"]);
    assert!(code == Some(0) && page.contains("info.version"), "{page}");
}

#[test]
fn stale_acceptance_is_reported_in_every_format() {
    let folder = Folder::new();
    folder
        .write("specbound.toml", "[[accept]]\nfingerprint = '0000000000000000'\nreason = 'old'\n");
    let told = "the acceptance of 0000000000000000 matches no finding: remove it";
    for format in ["text", "json", "markdown", "html", "sarif", "junit", "github", "code-climate"] {
        let both = ["breaking", "old.yaml", "new.yaml", "--format", format];
        let (_, report, notes) = folder.specbound(&both);
        assert!(report.contains(told) || notes.contains(told), "{format}: {report}{notes}");
    }
}
