//! Values that are written as text, defaults that never apply, and what is read-only.

use super::*;

/// Two documents with a parameter, with a response header, or with a JSON body of this schema.
fn carriers(schema: &Value) -> [Value; 3] {
    let query = json!({"in": "query", "name": "q", "schema": schema});
    let header = json!({"200": {"headers": {"X-Count": {"schema": schema}}}});
    let body = json!({"content": {"application/json": {"schema": schema}}});
    [
        json!({"parameters": [query], "responses": {}}),
        json!({"responses": header}),
        json!({"requestBody": body, "responses": {}}),
    ]
    .map(|operation| json!({"openapi": "3.1.0", "paths": {"/": {"post": operation}}}))
}

fn severities(old: &Value, new: &Value) -> [Severity; 3] {
    let (old, new) = (carriers(old), carriers(new));
    [0, 1, 2].map(|carrier| {
        let verdicts = compare(&old[carrier], &new[carrier]);
        verdicts.iter().map(|verdict| verdict.severity).max().unwrap_or(Compatible)
    })
}

#[test]
fn numbers_are_strings_in_parameters_and_headers() {
    let (text, integer) = (json!({"type": "string"}), json!({"type": "integer"}));
    // query parameter, response header, JSON body
    assert_eq!(severities(&integer, &text), [Compatible, Breaking, Breaking]);
    assert_eq!(severities(&text, &integer), [Breaking, Compatible, Breaking]);
    let object = json!({"type": "object"});
    assert_eq!(severities(&object, &text), [Breaking; 3]);
}

#[test]
fn single_query_value_is_a_list_of_one() {
    let text = json!({"type": "string"});
    let list = |more: Value| {
        let mut list = json!({"type": "array", "items": text});
        list.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        list
    };
    assert_eq!(severities(&text, &list(json!({}))), [Compatible, Breaking, Breaking]);
    assert_eq!(severities(&text, &list(json!({"minItems": 2})))[0], Breaking);
    assert_eq!(severities(&text, &list(json!({"items": {"type": "integer"}})))[0], Breaking);
    let short = json!({"items": {"type": "string", "maxLength": 3}});
    assert_eq!(severities(&text, &list(short))[0], Breaking);
    assert_eq!(severities(&list(json!({})), &text)[0], Breaking);
}

#[test]
fn unconstrained_schema_allows_null() {
    let (any, object) = (json!({}), json!({"type": ["object", "null"]}));
    assert_eq!(severities(&object, &any), [Compatible, Breaking, Compatible]);
    let constant = json!({"enum": ["a"]});
    assert_eq!(
        severities(&json!({"enum": ["a"], "type": ["string", "null"]}), &constant)[2],
        Breaking
    );
}

#[test]
fn default_of_a_required_member_never_applies() {
    let document = |required: bool, default: &str, by_reference: bool| {
        let schema = json!({"type": "string", "default": default});
        let own =
            if by_reference { json!({"$ref": "#/components/schemas/S"}) } else { schema.clone() };
        let parameter = json!({"in": "query", "name": "q", "required": required, "schema": own});
        json!({"openapi": "3.0.3", "paths": {"/": {"get": {
            "parameters": [{"$ref": "#/components/parameters/Q"}], "responses": {},
        }}}, "components": {"parameters": {"Q": parameter}, "schemas": {"S": schema}}})
    };
    for by_reference in [false, true] {
        for (required, expected) in [(true, Compatible), (false, Breaking)] {
            let (old, new) =
                (document(required, "a", by_reference), document(required, "b", by_reference));
            let worst = compare(&old, &new).iter().map(|verdict| verdict.severity).max();
            assert_eq!(worst, Some(expected), "{required} {by_reference}");
        }
    }
}

#[test]
fn new_pattern_of_a_read_only_member_is_unclear() {
    let with = |more: Value| {
        let mut created = json!({"type": "string", "readOnly": true});
        created.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": "object", "properties": {"created": created}})
    };
    let worst = |more: Value| worst("3.0.3", &with(json!({})), &with(more), &json!({}));
    assert_eq!(worst(json!({"pattern": "^a"})), [Compatible, Compatible]);
    let both = |more: Value| {
        let content = json!({"content": {"a/b": {"schema": {"$ref": "#/components/schemas/It"}}}});
        json!({"openapi": "3.0.3", "paths": {"/": {"post": {
            "requestBody": content, "responses": {"200": content},
        }}}, "components": {"schemas": {"It": with(more)}}})
    };
    let severity = |more: Value| compare(&both(json!({})), &both(more))[0].severity;
    assert_eq!(severity(json!({"pattern": "^a"})), Unclear);
    assert_eq!(severity(json!({"maxLength": 5})), Compatible);
}

#[test]
fn type_changes_are_classified_as_listed() {
    let named = json!({"type": "string", "enum": ["a", "b"]});
    let types = json!({"oneOf": [{"type": "string"}, {"type": "integer"}]});
    assert_eq!(worst("3.1.0", &named, &types, &json!({})), [Unclear, Breaking]);
    let text = json!({"type": "string"});
    assert_eq!(worst("3.1.0", &named, &text, &json!({})), [Compatible, Breaking]);
}
