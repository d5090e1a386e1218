use super::*;
use crate::compatibility::{self, Severity};

fn document(version: &str, schema: &Value) -> Value {
    let content = json!({"a/b": {"schema": schema}});
    let operation = json!({
        "requestBody": {"content": content},
        "responses": {"200": {"description": "", "content": content}},
    });
    json!({
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "paths": {"/a": {"post": operation}},
        "components": {"schemas": {"R": {"type": "object"}}},
    })
}

fn converted(version: &str, schema: &Value, target: Target) -> (Value, Vec<String>) {
    let all = convert(&document(version, schema), target);
    let pointer = "/paths/~1a/post/requestBody/content/a~1b/schema";
    let lost = all.lost.iter().filter(|loss| loss.path.starts_with(pointer));
    let lost = lost.map(|loss| loss.message.clone()).collect();
    (all.document.pointer(pointer).unwrap().clone(), lost)
}

#[test]
fn schemas_convert_from_3_0_to_3_1_and_back() {
    let reference = json!({"$ref": "#/components/schemas/R"});
    for (old, new) in [
        (json!({"type": "string", "nullable": true}), json!({"type": ["string", "null"]})),
        (
            json!({"type": "number", "minimum": 1, "exclusiveMinimum": true}),
            json!({"type": "number", "exclusiveMinimum": 1}),
        ),
        (json!({"type": "string", "example": "a"}), json!({"type": "string", "examples": ["a"]})),
        (
            json!({"allOf": [reference], "nullable": true, "description": "d"}),
            json!({"anyOf": [reference, {"type": "null"}], "description": "d"}),
        ),
        (
            json!({"type": "object", "additionalProperties": false}),
            json!({"type": "object", "additionalProperties": false}),
        ),
    ] {
        assert_eq!(converted("3.0.3", &old, Target::V3_1), (new.clone(), vec![]));
        assert_eq!(converted("3.1.0", &new, Target::V3_0), (old.clone(), vec![]));
        let three = document("3.0.3", &old);
        let converted = convert(&three, Target::V3_1).document;
        let differences = crate::diff::diff(&three, &converted);
        let paths: Vec<&str> = differences.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["/openapi"], "{old}");
    }
}

#[test]
fn keywords_that_openapi_3_0_supports_are_converted() {
    for (new, old) in [
        (json!({"const": "a"}), json!({"enum": ["a"]})),
        (
            json!({"type": ["string", "integer"]}),
            json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ),
        (json!({"items": true, "type": "array"}), json!({"items": {}, "type": "array"})),
        (json!({"not": false}), json!({"not": {"not": {}}})),
        (
            json!({"$ref": "#/components/schemas/R", "description": "d"}),
            json!({"allOf": [{"$ref": "#/components/schemas/R"}], "description": "d"}),
        ),
        (
            json!({"type": "string", "contentEncoding": "base64"}),
            json!({"type": "string", "format": "byte"}),
        ),
        (json!({"minimum": 5, "exclusiveMinimum": 1}), json!({"minimum": 5})),
    ] {
        assert_eq!(converted("3.1.0", &new, Target::V3_0), (old, vec![]), "{new}");
        let original = document("3.1.0", &new);
        let verdicts =
            compatibility::compare(&original, &convert(&original, Target::V3_0).document);
        let worst = verdicts.iter().map(|verdict| verdict.severity).max();
        assert!(worst.is_none_or(|worst| worst == Severity::Compatible), "{new}: {verdicts:?}");
    }
}

#[test]
fn null_type_is_an_enum_in_3_0() {
    let (old, lost) = converted("3.1.0", &json!({"type": "null"}), Target::V3_0);
    assert_eq!((old, lost), (json!({"enum": [null]}), vec![]));
}

#[test]
fn keywords_that_openapi_3_0_lacks_are_dropped_and_listed() {
    let new = json!({
        "type": "object",
        "patternProperties": {"^a": {}},
        "additionalProperties": false,
        "if": {"required": ["a"]},
        "then": {"required": ["b"]},
        "examples": [{}, {}],
    });
    let (old, lost) = converted("3.1.0", &new, Target::V3_0);
    assert_eq!(old, json!({"type": "object", "example": {}}));
    assert_eq!(
        lost,
        [
            "`examples` but the first are left out",
            "`additionalProperties` is left out",
            "`if` is left out",
            "`patternProperties` is left out",
            "`then` is left out"
        ]
    );
    let (old, lost) = converted(
        "3.0.3",
        &json!({"$ref": "#/components/schemas/R", "nullable": true}),
        Target::V3_1,
    );
    assert_eq!(old, json!({"$ref": "#/components/schemas/R"}));
    assert_eq!(lost.len(), 1);
}

#[test]
fn document_of_the_target_version_is_unchanged() {
    let same = document("3.1.0", &json!({"const": 1}));
    assert_eq!(convert(&same, Target::V3_1).document, same);
    let hooks = json!({"openapi": "3.2.0", "webhooks": {"a": {}}, "$self": "b"});
    let down = convert(&hooks, Target::V3_0);
    assert_eq!(down.document, json!({"openapi": "3.0.4", "paths": {}, "x-webhooks": {"a": {}}}));
    assert_eq!(down.lost.len(), 2);
}
