//! The binary, with documents on disk: output and exit status.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const OLD: &str = "\
openapi: 3.0.3
info: {title: Ping, version: '1'}
paths:
  /ping/:
    post:
      operationId: ping
      requestBody:
        content: {application/json: {schema: {$ref: '#/components/schemas/Ping'}}}
      responses: {'204': {description: ''}}
components:
  schemas:
    Ping: {type: object, properties: {text: {type: string, maxLength: 9}}}
";

struct Folder(tempfile::TempDir);

impl Folder {
    /// `old.yaml`, and `new.yaml` with one text replaced.
    fn with_change(from: &str, to: &str) -> Folder {
        let folder = tempfile::tempdir().unwrap();
        assert!(OLD.contains(from));
        std::fs::write(folder.path().join("old.yaml"), OLD).unwrap();
        std::fs::write(folder.path().join("new.yaml"), OLD.replacen(from, to, 1)).unwrap();
        Folder(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn specbound(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_specbound"));
        let Output { status, stdout, stderr } =
            command.args(arguments).current_dir(self.path()).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }
}

#[test]
fn diff_exits_1_for_any_difference_and_names_both_sides() {
    let folder = Folder::with_change("maxLength: 9", "maxLength: 20");
    let (code, report, _) = folder.specbound(&["diff", "old.yaml", "new.yaml"]);
    let expected = "\
/components/schemas/Ping/properties/text/maxLength
  old: 9
  new: 20

1 difference
";
    assert_eq!((code, report.as_str()), (Some(1), expected));
    let (code, report, _) = folder.specbound(&["diff", "old.yaml", "old.yaml"]);
    assert_eq!((code, report.as_str()), (Some(0), "no differences\n"));
    let (_, json, _) = folder.specbound(&["diff", "old.yaml", "new.yaml", "--format", "json"]);
    assert!(json.contains("\"old\": 9") && json.contains("\"new\": 20"), "{json}");
}

#[test]
fn breaking_exits_1_only_for_changes_that_break_clients() {
    let wider = Folder::with_change("maxLength: 9", "maxLength: 20");
    let both = ["breaking", "old.yaml", "new.yaml"];
    assert_eq!(wider.specbound(&both).0, Some(0));
    assert_eq!(wider.specbound(&[&both[..], &["--fail-on", "any"]].concat()).0, Some(1));
    let narrower = Folder::with_change("maxLength: 9", "maxLength: 5");
    let (code, report, _) = narrower.specbound(&both);
    assert_eq!(code, Some(1));
    assert!(
        report.starts_with("BREAKING\n  schema Ping, property text\n    used by POST /ping/\n"),
        "{report}"
    );
    let (_, comment, _) = narrower.specbound(&[&both[..], &["--format", "markdown"]].concat());
    assert!(comment.starts_with("### This change breaks clients\n"), "{comment}");
}

#[test]
fn document_can_be_read_from_standard_input() {
    let folder = Folder::with_change("maxLength: 9", "maxLength: 5");
    let mut child = Command::new(env!("CARGO_BIN_EXE_specbound"))
        .args(["breaking", "-", "new.yaml"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(OLD.as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(folder.specbound(&["diff", "-", "-"]).0, Some(2));
}

#[test]
fn unusable_input_exits_2_with_one_line_that_names_the_file() {
    let folder = Folder::with_change("3.0.3", "4.0.0");
    std::fs::write(folder.path().join("bad.yaml"), "{").unwrap();
    for arguments in [
        &["diff", "old.yaml", "bad.yaml"][..],
        &["diff", "old.yaml", "missing.yaml"],
        &["breaking", "old.yaml", "new.yaml"],
        &["generate", "new.yaml", "out"],
        &["generate", "missing.yaml", "out"],
    ] {
        let (code, output, error) = folder.specbound(arguments);
        assert_eq!(
            (code, output.as_str(), error.lines().count()),
            (Some(2), "", 1),
            "{arguments:?}: {error}"
        );
        let file = arguments.iter().rfind(|argument| argument.ends_with(".yaml")).unwrap();
        assert!(error.starts_with(&format!("specbound: {file}: ")), "{arguments:?}: {error}");
    }
    assert_eq!(folder.specbound(&["diff", "old.yaml"]).0, Some(2), "wrong usage");
    assert!(!folder.path().join("out").exists());
}

/// `old.yaml` and `new.yaml` read the same file `types.yaml`, which a folder of its own has in
/// another version.
#[test]
fn referenced_files_are_read_within_the_folder_of_the_document() {
    let folder = Folder::with_change("9", "9");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let document = OLD
        .replace("#/components/schemas/Ping", "types.yaml#/Ping")
        .replace("    Ping: {", "    Other: {");
    for (version, limit) in [("one", 9), ("two", 5)] {
        write(&format!("{version}/api.yaml"), &document);
        let types = "Ping: {type: object, properties: {text: {$ref: 'sub/text.json'}, more: {$ref: \
            '#/Ping'}}}";
        write(&format!("{version}/types.yaml"), types);
        let text = format!("{{\"type\": \"string\", \"maxLength\": {limit}}}");
        write(&format!("{version}/sub/text.json"), &text);
    }
    assert_eq!(folder.specbound(&["breaking", "one/api.yaml", "one/api.yaml"]).0, Some(0));
    let (code, report, error) = folder.specbound(&["breaking", "one/api.yaml", "two/api.yaml"]);
    assert_eq!(code, Some(1), "{error}");
    assert!(report.contains("at most `5` characters (before: `9`)"), "{report}");
    assert_eq!(
        folder.specbound(&["breaking", "--old", "one/api.yaml", "--new", "two/api.yaml"]).0,
        Some(1)
    );
    // A file inlined says the same.
    write(
        "inline.yaml",
        &OLD.replace("maxLength: 9}", "maxLength: 9}, more: {$ref: '#/components/schemas/Ping'}"),
    );
    let (code, report, error) = folder.specbound(&["breaking", "inline.yaml", "one/api.yaml"]);
    assert_eq!(code, Some(0), "{report}{error}");

    write("outside/api.yaml", &document.replace("types.yaml", "../one/types.yaml"));
    let (code, _, error) = folder.specbound(&["breaking", "old.yaml", "outside/api.yaml"]);
    assert_eq!((code, error.lines().count()), (Some(2), 1), "{error}");
    assert!(error.contains("--allow-outside") && error.contains("line 8"), "{error}");
    assert_eq!(
        folder.specbound(&["diff", "outside/api.yaml", "outside/api.yaml", "--allow-outside"]).0,
        Some(0)
    );
    write("one/types.yaml", "Pong: {}");
    assert_eq!(folder.specbound(&["breaking", "one/api.yaml", "two/api.yaml"]).0, Some(2));
}

#[test]
fn accepted_finding_fails_again_after_its_expiry() {
    let folder = Folder::with_change("maxLength: 9", "maxLength: 5");
    let both = ["breaking", "old.yaml", "new.yaml"];
    assert_eq!(folder.specbound(&both).0, Some(1));
    let accept = ["accept", "old.yaml", "new.yaml", "--reason", "agreed with \"all\"", "--until"];
    let (code, entry, _) = folder.specbound(&[&accept[..], &["2999-12-31"]].concat());
    assert_eq!(code, Some(0));
    assert!(
        entry.contains("# schema-max-length-changed: ") && entry.contains("reason = \"agreed with"),
        "{entry}"
    );
    assert_eq!(folder.specbound(&[&accept[..], &["2999-12-31", "--write"]].concat()).0, Some(0));
    let (code, report, _) = folder.specbound(&both);
    assert_eq!(code, Some(0), "{report}");
    assert!(report.ends_with("1 accepted by the policy\n"), "{report}");

    let policy = folder.path().join("specbound.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&policy, text.replace("2999", "2001")).unwrap();
    let (code, report, _) = folder.specbound(&both);
    assert_eq!(code, Some(1));
    assert!(
        report.contains("note: the acceptance of ") && report.contains(" ended on 2001-12-31\n"),
        "{report}"
    );
    let (code, report, _) = folder.specbound(&["breaking", "old.yaml", "old.yaml"]);
    assert_eq!(code, Some(0));
    assert!(report.contains("matches no finding"), "{report}");
}

#[test]
fn invalid_policy_file_is_refused() {
    let folder = Folder::with_change("operationId: ping", "operationId: pong");
    let both = ["breaking", "old.yaml", "new.yaml", "--policy", "p.toml"];
    assert_eq!(folder.specbound(&both[..3]).0, Some(0));
    let (code, _, error) = folder.specbound(&both);
    assert_eq!((code, error.starts_with("specbound: p.toml: ")), (Some(2), true), "{error}");
    let with = |text: &str| {
        std::fs::write(folder.path().join("p.toml"), text).unwrap();
        folder.specbound(&both)
    };
    let rule = "[[severity]]\nrule = \"operation-operation-id-*\"\nlevel = ";
    assert_eq!(with(&format!("{rule}\"breaking\"")).0, Some(1));
    assert_eq!(with(&format!("{rule}\"ignore\"")).1, "no changes of meaning\n");
    assert_eq!(with(&format!("{rule}\"breaking\"\noperation = \"GET *\"")).0, Some(0));
    assert_eq!(with(&format!("{rule}\"breaking\"\noperation = \"POST *\"")).0, Some(1));
    for wrong in
        ["severities = []", "[[accept]]\nfingerprint = 'a'\nreason = 'b'\nuntil = 'soon'", "a = ["]
    {
        let (code, _, error) = with(wrong);
        assert_eq!((code, error.lines().count()), (Some(2), 1), "{error}");
    }
}

#[test]
fn rules_are_listed_and_explained() {
    let folder = Folder::with_change("maxLength: 9", "maxLength: 5");
    let (code, rules, _) = folder.specbound(&["rules"]);
    assert!(code == Some(0) && rules.contains("\nschema-max-length-changed\n"), "{rules}");
    let (_, report, _) =
        folder.specbound(&["breaking", "old.yaml", "new.yaml", "--format", "json"]);
    assert!(report.contains("\"rule\": \"schema-max-length-changed\""), "{report}");
    let (code, page, _) = folder.specbound(&["explain", "schema-max-length-changed"]);
    assert!(code == Some(0) && page.starts_with("schema-max-length-changed\n"), "{page}");
    assert_eq!(folder.specbound(&["explain", "none"]).0, Some(2));
}

#[test]
fn machine_readable_reports_have_line_numbers() {
    let folder = Folder::with_change("maxLength: 9", "maxLength: 5");
    let report = |format: &str| {
        folder.specbound(&["breaking", "old.yaml", "new.yaml", "--format", format]).1
    };
    assert!(
        report("github").starts_with("::error file=new.yaml,line=12,col="),
        "{}",
        report("github")
    );
    assert!(report("junit").contains("new.yaml:12:") && report("junit").contains("failures=\"1\""));
    assert!(report("sarif").contains("\"startLine\": 12"), "{}", report("sarif"));
    assert!(report("code-climate").contains("\"begin\": 12"), "{}", report("code-climate"));
    assert!(report("json").contains("\"line\": 12"), "{}", report("json"));
}

#[test]
fn bundle_is_equivalent_to_its_files() {
    let folder = Folder::with_change("9", "9");
    std::fs::write(
        folder.path().join("types.yaml"),
        "Ping: {type: object, properties: {text: {maxLength: 9}}}",
    )
    .unwrap();
    let split = OLD.replace("#/components/schemas/Ping", "types.yaml#/Ping");
    std::fs::write(folder.path().join("split.yaml"), split).unwrap();
    let (code, bundle, _) = folder.specbound(&["bundle", "split.yaml"]);
    assert!(code == Some(0) && !bundle.contains("types.yaml"), "{bundle}");
    std::fs::write(folder.path().join("bundle.json"), bundle).unwrap();
    assert_eq!(folder.specbound(&["breaking", "split.yaml", "bundle.json"]).0, Some(0));
    assert_eq!(folder.specbound(&["diff", "split.yaml", "bundle.json"]).0, Some(0));
}

#[test]
fn flattened_document_is_equivalent_and_has_no_all_of() {
    let folder = Folder::with_change("9", "9");
    let composed = OLD.replace(
        "{type: object, properties: {text: {type: string, maxLength: 9}}}",
        "{allOf: [{type: object}, {properties: {text: {$ref: '#/components/schemas/T'}}}]}\n    T: \
         {allOf: [{type: string}, {maxLength: 9}]}",
    );
    std::fs::write(folder.path().join("composed.yaml"), composed).unwrap();
    let (code, flat, error) = folder.specbound(&["flatten", "composed.yaml"]);
    assert!(code == Some(0) && !flat.contains("allOf"), "{flat}{error}");
    std::fs::write(folder.path().join("flat.json"), flat).unwrap();
    assert_eq!(folder.specbound(&["breaking", "composed.yaml", "flat.json"]).0, Some(0));
    assert_eq!(folder.specbound(&["breaking", "flat.json", "composed.yaml"]).0, Some(0));
}

#[test]
fn converted_document_is_equivalent_and_losses_are_listed() {
    let folder = Folder::with_change("maxLength: 9", "maxLength: 9, nullable: true");
    let (code, newer, lost) = folder.specbound(&["convert", "new.yaml", "--to", "3.1"]);
    assert_eq!((code, lost.as_str()), (Some(0), ""));
    assert!(newer.contains("\"openapi\": \"3.1.1\"") && !newer.contains("nullable"), "{newer}");
    std::fs::write(folder.path().join("newer.json"), &newer).unwrap();
    let (code, older, _) = folder.specbound(&["convert", "newer.json", "--to", "3.0"]);
    std::fs::write(folder.path().join("older.json"), older).unwrap();
    assert_eq!(code, Some(0));
    for converted in ["newer.json", "older.json"] {
        let both = ["breaking", "new.yaml", converted, "--format", "json"];
        let (code, report, _) = folder.specbound(&both);
        assert_eq!((code, report.matches("\"rule\"").count()), (Some(0), 1), "{report}");
        assert!(report.contains("document-openapi-changed"), "{report}");
    }
    let more = newer.replace("\"maxLength\": 9", "\"maxLength\": 9, \"if\": {}, \"then\": {}");
    assert_ne!(more, newer);
    std::fs::write(folder.path().join("more.json"), more).unwrap();
    let convert = ["convert", "more.json", "--to", "3.0"];
    let (code, older, lost) = folder.specbound(&convert);
    assert_eq!((code, lost.lines().count()), (Some(0), 2), "{lost}");
    let line = "specbound: more.json: /components/schemas/Ping/properties/text: `if` is left out\n";
    assert!(lost.starts_with(line) && older.contains("maxLength"), "{lost}");
    let (code, older, _) = folder.specbound(&[&convert[..], &["--lossless"]].concat());
    assert_eq!((code, older.as_str()), (Some(1), ""));
}

#[test]
fn generate_writes_server_client_and_trait() {
    let folder = Folder::with_change("9", "9");
    let arguments = [
        "generate",
        "old.yaml",
        "src/api",
        "--trait-name",
        "PingApi",
        "--runtime",
        "crate::runtime",
    ];
    assert_eq!(folder.specbound(&arguments), (Some(0), String::new(), String::new()));
    let read =
        |name: &str| std::fs::read_to_string(folder.path().join("src/api").join(name)).unwrap();
    assert!(read("server.rs").contains("pub trait PingApi"));
    assert!(read("server_trait.rs").contains("use crate::runtime::"));
    assert!(read("client.rs").contains("pub async fn ping"));
}

const TWO: &str = "\
openapi: 3.0.3
info: {title: Two, version: '1'}
paths:
  /a: {get: {operationId: a, tags: [first], responses: {'200': {$ref: '#/components/responses/A'}}}}
  /b:
    post:
      operationId: b
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/B'}}}}
      responses: {'204': {description: ''}}
components:
  responses: {A: {description: '', content: {application/json: {schema: {$ref: \
  '#/components/schemas/A'}}}}}
  schemas:
    A: {type: object, properties: {a: {type: string}}}
    B: {type: object, properties: {b: {unevaluatedProperties: false}, c: {dependencies: {}}}}
";

#[test]
fn refusals_with_the_same_reason_are_summarised_unless_all_are_requested() {
    let folder = Folder::with_change("9", "9");
    let mut document = serde_json::json!({
        "openapi": "3.0.3", "info": {"title": "Many", "version": "1"}, "paths": {},
    });
    for n in 0..25 {
        let path = format!("/a{n}");
        document["paths"][path]["trace"] = serde_json::json!({"responses": {}});
    }
    std::fs::write(folder.path().join("many.json"), document.to_string()).unwrap();
    let lines = |more: &[&str]| {
        let (code, _, words) =
            folder.specbound(&[&["generate", "many.json", "out"], more].concat());
        assert_eq!(code, Some(2));
        words
    };
    let words = lines(&[]);
    assert_eq!(words.matches("many.json: /paths/~1a").count(), 20, "{words}");
    assert!(words.contains("many.json: 5 more (--all names them): "), "{words}");
    assert!(words.contains("25 refusals; --lenient takes"), "{words}");
    let words = lines(&["--all"]);
    assert_eq!(words.matches("many.json: /paths/~1a").count(), 25, "{words}");
    assert!(!words.contains("5 more"), "{words}");
}

#[test]
fn generate_names_each_refusal_on_a_line_and_lenient_lists_them() {
    let folder = Folder::with_change("9", "9");
    std::fs::write(folder.path().join("two.yaml"), TWO).unwrap();
    let (code, _, words) =
        folder.specbound(&["generate", "--document", "two.yaml", "--output", "out"]);
    assert_eq!(code, Some(2));
    for line in [
        "two.yaml: /components/schemas/B/properties/b/unevaluatedProperties: `unevaluatedP",
        "two.yaml: /components/schemas/B/properties/c/dependencies: `dependencies` is not enforced",
        "2 refusals; --lenient takes",
    ] {
        assert!(words.contains(line), "{line}: {words}");
    }
    assert!(!folder.path().join("out").exists());
    let (code, _, words) = folder.specbound(&["generate", "two.yaml", "out", "--lenient"]);
    assert_eq!(code, Some(0), "{words}");
    let server = std::fs::read_to_string(folder.path().join("out/server.rs")).unwrap();
    assert!(
        server.contains(
            "//   /components/schemas/B/properties/c/dependencies: `dependencies` is not enforced"
        ),
        "{server}"
    );
}

#[test]
fn one_refusal_is_counted_in_the_singular() {
    let folder = Folder::with_change("9", "9");
    let one = TWO.replace(", c: {dependencies: {}}", "");
    std::fs::write(folder.path().join("one.yaml"), one).unwrap();
    let (code, _, words) = folder.specbound(&["generate", "one.yaml", "out"]);
    assert_eq!(code, Some(2));
    assert!(words.contains("\n1 refusal; --lenient takes"), "{words}");
    let (_, _, words) = folder.specbound(&["generate", "one.yaml", "out", "--lenient"]);
    assert!(words.contains("1 part of the document is not enforced"), "{words}");
}

#[test]
fn generate_check_reports_stale_files_and_writes_nothing() {
    let folder = Folder::with_change("9", "9");
    let check = ["generate", "--document", "old.yaml", "--output", "api", "--check"];
    let (code, _, words) = folder.specbound(&check);
    assert_eq!(code, Some(1));
    assert!(words.contains("client.rs"), "{words}");
    assert!(!folder.path().join("api").exists());
    assert_eq!(folder.specbound(&["generate", "old.yaml", "api"]).0, Some(0));
    assert_eq!(folder.specbound(&check).0, Some(0));
    std::fs::write(folder.path().join("api/client.rs"), "").unwrap();
    assert_eq!(folder.specbound(&check).0, Some(1));
    assert_eq!(folder.specbound(&[&check[..], &["--server-only"]].concat()).0, Some(0));
}

#[test]
fn generate_types_only_writes_the_data_types() {
    let folder = Folder::with_change("9", "9");
    assert_eq!(folder.specbound(&["generate", "old.yaml", "api", "--types-only"]).0, Some(0));
    let files: Vec<_> = std::fs::read_dir(folder.path().join("api"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(files, ["types.rs"]);
    let types = std::fs::read_to_string(folder.path().join("api/types.rs")).unwrap();
    assert!(types.contains("pub struct Ping") && !types.contains("trait"), "{types}");
}

#[test]
fn generate_only_takes_a_tag_or_an_operation_with_its_schemas() {
    let folder = Folder::with_change("9", "9");
    std::fs::write(folder.path().join("two.yaml"), TWO).unwrap();
    for only in ["first", "a"] {
        let (code, _, words) = folder.specbound(&["generate", "two.yaml", only, "--only", only]);
        assert_eq!(code, Some(0), "{words}");
        let server = std::fs::read_to_string(folder.path().join(only).join("server.rs")).unwrap();
        assert!(
            server.contains("async fn a(")
                && !server.contains("async fn b(")
                && !server.contains("struct B ")
        );
    }
    let (code, _, words) = folder.specbound(&["generate", "two.yaml", "out", "--only", "nothing"]);
    assert_eq!(code, Some(2));
    assert!(words.contains("no operation or tag is called `nothing`"), "{words}");
}

#[test]
fn new_creates_a_project_and_overwrites_nothing() {
    let folder = Folder::with_change("9", "9");
    let (code, _, words) = folder.specbound(&["new", "pong", "--document", "old.yaml"]);
    assert_eq!((code, words.as_str()), (Some(0), "specbound: pong has 1 operations\n"));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("pong/openapi.yaml"), OLD);
    assert!(read("pong/Cargo.toml").contains("name = \"pong\""));
    assert!(read("pong/src/handlers/untagged.rs").contains("pub async fn ping("));
    let (code, _, words) = folder.specbound(&["new", "pong", "--document", "old.yaml"]);
    assert_eq!((code, words.as_str()), (Some(2), "specbound: pong exists already\n"));
    for name in ["0pong", "a b", "tokio", "."] {
        let (code, _, words) = folder.specbound(&["new", name, "--document", "old.yaml"]);
        assert!(code == Some(2) && words.contains("is no name of a package"), "{name}: {words}");
    }
}

#[test]
fn generate_handlers_adds_missing_handlers() {
    let folder = Folder::with_change(
        "components:",
        "  /pong/: {get: {operationId: pong, responses: {'204': {description: ''}}}}\ncomponents:",
    );
    assert_eq!(folder.specbound(&["new", "pong", "--document", "old.yaml"]).0, Some(0));
    let handlers = folder.path().join("pong/src/handlers/untagged.rs");
    let before = std::fs::read_to_string(&handlers).unwrap();
    let generate = ["generate", "new.yaml", "pong", "--handlers"];
    assert_eq!(folder.specbound(&[&generate[..], &["--check"]].concat()).0, Some(1));
    assert_eq!(folder.specbound(&generate).0, Some(0));
    let after = std::fs::read_to_string(&handlers).unwrap();
    assert!(after.starts_with(&before) && after.contains("pub async fn pong("), "{after}");
    assert_eq!(folder.specbound(&[&generate[..], &["--check"]].concat()).0, Some(0));
}
