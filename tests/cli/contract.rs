//! `spec diff` as used in CI: the binary, documents on disk, exit codes.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::PROGRAM;

const SOURCE: &str = include_str!("../../spec/inventree-auth-v291.yaml");

fn spec(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).arg("spec").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// `spec diff --source` with an edited copy of the document: exit code and differences.
fn diff_after(edit: impl FnOnce(&mut Value)) -> (i32, Vec<Value>) {
    let mut copy: Value = serde_yaml_ng::from_str(SOURCE).unwrap();
    edit(&mut copy);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), copy.to_string()).unwrap();
    let output = spec(&["diff", "--format", "json", "--source", file.path().to_str().unwrap()]);
    let differences: Value = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), differences.as_array().unwrap().clone())
}

fn remove(document: &mut Value, pointer: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent).unwrap() {
        Value::Object(members) => assert!(members.remove(&key).is_some(), "{pointer}"),
        Value::Array(items) => drop(items.remove(key.parse().unwrap())),
        other => panic!("{pointer}: {other}"),
    }
}

fn set(document: &mut Value, pointer: &str, value: Value) {
    *document.pointer_mut(pointer).unwrap() = value;
}

#[test]
fn source_is_the_checked_in_document_byte_for_byte() {
    assert_eq!(text(&spec(&["source"]).stdout), SOURCE);
}

#[test]
fn server_implements_the_document() {
    let output = spec(&["diff"]);
    assert_eq!((text(&output.stdout).trim(), output.status.code()), ("no differences", Some(0)));
}

#[test]
fn second_document_is_exported_and_compared_like_the_first() {
    let second = include_str!("../../spec/inventree-user-v291.yaml");
    assert_eq!(text(&spec(&["source", "--document", "user"]).stdout), second);
    let output = spec(&["diff", "--document", "user"]);
    assert_eq!((text(&output.stdout).trim(), output.status.code()), ("no differences", Some(0)));
    let export = spec(&["export", "--document", "user", "--format", "json"]);
    let export: Value = serde_json::from_slice(&export.stdout).unwrap();
    let paths: Vec<&String> = export["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths.len(), 5, "{paths:?}");
    // The wrong document is found out.
    let other = spec(&["diff", "--document", "user", "--source", "spec/inventree-auth-v291.yaml"]);
    assert_eq!(other.status.code(), Some(1));
}

#[test]
fn both_formats_export_the_same_document() {
    let yaml: Value =
        serde_yaml_ng::from_slice(&spec(&["export", "--format", "yaml"]).stdout).unwrap();
    let json: Value =
        serde_json::from_slice(&spec(&["export", "--format", "json"]).stdout).unwrap();
    assert_eq!(yaml, json);
    assert_eq!(json["paths"].as_object().unwrap().len(), 16);
}

#[test]
fn descriptions_are_exported_verbatim() {
    let source: Value = serde_yaml_ng::from_str(SOURCE).unwrap();
    let export: Value =
        serde_json::from_slice(&spec(&["export", "--format", "json"]).stdout).unwrap();
    for (path, item) in source["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert_eq!(
                export["paths"][path][method]["description"], operation["description"],
                "{method} {path}"
            );
        }
    }
}

/// Removes a pointer; exactly the given place and value must be reported.
#[test]
fn single_removal_is_reported_alone() {
    let login = "/paths/~1api~1auth~1login~1/post";
    let cases = [
        ("/paths/~1api~1auth~1user~1/patch", "/paths/~1api~1auth~1user~1/patch"),
        (
            "/components/schemas/Register/properties/email",
            "/components/schemas/Register/properties/email",
        ),
        (
            "/components/schemas/UserDetails/properties/username/maxLength",
            "/components/schemas/UserDetails/properties/username/maxLength",
        ),
        (
            &format!("{login}/requestBody/content/multipart~1form-data"),
            &format!("{login}/requestBody/content/multipart~1form-data"),
        ),
        (&format!("{login}/security/1"), &format!("{login}/security/{{}}")),
        ("/components/schemas/Login/required/0", "/components/schemas/Login/required/password"),
        (
            "/components/schemas/PaginatedEmailAddressList/properties/next/nullable",
            "/components/schemas/PaginatedEmailAddressList/properties/next/nullable",
        ),
        (
            "/components/schemas/VerifyEmail/properties/key/writeOnly",
            "/components/schemas/VerifyEmail/properties/key/writeOnly",
        ),
        (
            "/components/schemas/RestAuthDetail/properties/detail/readOnly",
            "/components/schemas/RestAuthDetail/properties/detail/readOnly",
        ),
        (&format!("{login}/requestBody/required"), &format!("{login}/requestBody/required")),
        (
            "/components/securitySchemes/basicAuth/scheme",
            "/components/securitySchemes/basicAuth/scheme",
        ),
    ];
    for (taken, reported) in cases {
        let (code, differences) = diff_after(|document| remove(document, taken));
        assert_eq!(code, 1, "{taken}");
        let [only] = differences.as_slice() else { panic!("{taken}: {differences:#?}") };
        assert_eq!(only["path"], reported);
        assert!(only.get("source").is_none() && only.get("server").is_some(), "{only}");
    }
}

#[test]
fn changed_value_is_reported_with_both_sides() {
    let cases = [
        (
            "/paths/~1api~1auth~1user~1/get/operationId",
            json!("auth_user_retrieve"),
            json!("who_am_i"),
        ),
        ("/components/schemas/Register/properties/email/format", json!("email"), json!("uri")),
        (
            "/components/schemas/UserDetails/properties/username/pattern",
            json!(r"^[\w.@+-]+$"),
            json!(r"^\w+$"),
        ),
        ("/components/securitySchemes/cookieAuth/name", json!("sessionid"), json!("session")),
    ];
    for (pointer, server, changed) in cases {
        let (code, differences) = diff_after(|document| set(document, pointer, changed.clone()));
        assert_eq!(
            (code, differences),
            (1, vec![json!({ "path": pointer, "source": changed, "server": server })])
        );
    }
}

/// A rename is reported as a removal and an addition, each with its whole value.
#[test]
fn rename_is_one_removal_and_one_addition() {
    let rename = |parent: &'static str, from: &'static str, to: &'static str| {
        diff_after(move |document| {
            let members = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            let value = members.remove(from).unwrap();
            members.insert(to.to_owned(), value);
        })
    };
    let responses = "/paths/~1api~1auth~1login~1/post/responses";
    let tags = "/paths/~1api~1auth~1user~1/get/tags";
    for ((code, differences), of_the_server, of_the_source) in [
        (rename(responses, "200", "201"), format!("{responses}/200"), format!("{responses}/201")),
        (
            rename("/paths", "/api/auth/login/", "/api/auth/login"),
            "/paths/~1api~1auth~1login~1".to_owned(),
            "/paths/~1api~1auth~1login".to_owned(),
        ),
        (
            diff_after(|document| set(document, &format!("{tags}/0"), json!("user"))),
            format!("{tags}/auth"),
            format!("{tags}/user"),
        ),
    ] {
        assert_eq!((code, differences.len()), (1, 2), "{differences:#?}");
        let at = |path: &str| {
            differences.iter().find(|d| d["path"] == path).unwrap_or_else(|| panic!("{path}"))
        };
        let (gone, new) = (at(&of_the_server), at(&of_the_source));
        assert!(gone.get("source").is_none() && gone.get("server").is_some(), "{gone}");
        assert!(new.get("server").is_none() && new.get("source").is_some(), "{new}");
    }
}

#[test]
fn only_missing_parts_are_reported() {
    let path = "/paths/~1api~1auth~1login~1/get";
    let operation =
        json!({"operationId": "auth_login_retrieve", "responses": {"200": {"description": ""}}});
    let (code, differences) = diff_after(|document| {
        document["paths"]["/api/auth/login/"]["get"] = operation.clone();
    });
    let [only] = differences.as_slice() else { panic!("{differences:#?}") };
    assert_eq!((code, &only["path"]), (1, &json!(path)));
    assert!(
        only.get("server").is_none() && only["source"]["operationId"] == "auth_login_retrieve",
        "{only}"
    );
}

#[test]
fn text_report_names_the_path_and_both_values() {
    let path = "/components/schemas/Token/properties/key/maxLength";
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut copy: Value = serde_yaml_ng::from_str(SOURCE).unwrap();
    set(&mut copy, path, json!(99));
    std::fs::write(file.path(), serde_yaml_ng::to_string(&copy).unwrap()).unwrap();
    let output = spec(&["diff", "--source", file.path().to_str().unwrap()]);
    let expected = format!("{path}\n  source: 99\n  server: 100\n\n1 difference\n");
    assert_eq!((text(&output.stdout), output.status.code()), (expected, Some(1)));
}

#[test]
fn non_semantic_edits_are_no_differences() {
    for (code, differences) in [
        diff_after(|document| {
            set(document, "/paths/~1api~1auth~1login~1/post/description", json!("Anything."))
        }),
        diff_after(|document| {
            remove(
                document,
                "/components/schemas/PaginatedEmailAddressList/properties/next/example",
            )
        }),
        diff_after(|document| {
            set(
                document,
                "/components/schemas/Register/required",
                json!(["username", "password2", "password1"]),
            )
        }),
        diff_after(|document| {
            document["paths"]["/api/auth/logout/"]["post"]["security"]
                .as_array_mut()
                .unwrap()
                .reverse();
        }),
        diff_after(|document| {
            document["components"]["schemas"]["Login"]["properties"]["email"]["nullable"] =
                json!(false);
        }),
        diff_after(|document| {
            let operation = &mut document["paths"]["/api/auth/social/{id}/disconnect/"]["post"];
            operation["requestBody"]["required"] = json!(false);
        }),
    ] {
        assert_eq!((code, differences), (0, Vec::new()));
    }
}

#[test]
fn unusable_input_is_exit_2_and_one_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    for content in ["{", "- a\n- b\n", "a: 1\n", "\u{0}"] {
        std::fs::write(&path, content).unwrap();
        let output = spec(&["diff", "--source", &path]);
        assert_eq!(output.status.code(), Some(2), "{content:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{}", text(&output.stderr));
    }
    let output = spec(&["diff", "--source", "/no/such/file"]);
    assert_eq!((output.status.code(), text(&output.stderr).lines().count()), (Some(2), 1));
    assert!(text(&output.stderr).contains("/no/such/file") && output.stdout.is_empty());
}

#[test]
fn export_with_one_content_type_omits_only_the_others() {
    let source: Value = serde_yaml_ng::from_str(SOURCE).unwrap();
    let with_body = |operation: &Value| operation.get("requestBody").is_some();
    let operations = source["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values());
    let bodies = operations.filter(|operation| with_body(operation)).count();
    let export = spec(&["export", "--content-type", "application/json"]);
    assert_eq!(export.status.code(), Some(0));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &export.stdout).unwrap();
    let diff = spec(&["diff", "--format", "json", "--source", file.path().to_str().unwrap()]);
    let differences: Value = serde_json::from_slice(&diff.stdout).unwrap();
    let differences = differences.as_array().unwrap();
    assert_eq!(differences.len(), 2 * bodies);
    for difference in differences {
        let path = difference["path"].as_str().unwrap();
        assert!(path.contains("/requestBody/content/") && !path.contains("json"), "{path}");
        assert!(difference.get("source").is_none(), "{path}");
    }
}

#[test]
fn export_with_an_unsupported_content_type_is_refused() {
    let output = spec(&["export", "--content-type", "text/csv"]);
    assert_eq!((text(&output.stdout), output.status.code()), (String::new(), Some(1)));
    let printed = text(&output.stderr);
    assert!(
        printed.starts_with("inventree-auth: no text/csv in the request bodies of POST /api/auth/"),
        "{printed}"
    );
    assert_eq!(printed.lines().count(), 1);
}
