//! The rows: schemas of more, of other and of the same values.

use serde_json::{Value, json};

use super::places::ValueForm::{self, Json, Text};

/// Each row: the rule, a schema, and one that allows fewer values.
pub(super) fn tighter() -> Vec<(&'static str, ValueForm, Value, Value)> {
    let text = |more: Value| with(json!({"type": "string"}), more);
    let number = |more: Value| with(json!({"type": "number"}), more);
    let integer = |more: Value| with(json!({"type": "integer"}), more);
    let list = |more: Value| with(json!({"type": "array"}), more);
    let object = |more: Value| with(json!({"type": "object"}), more);
    let named = |more: Value| {
        let names = json!({"a": {"type": "string"}, "b": {"type": "string"}});
        with(json!({"type": "object", "properties": names}), more)
    };
    vec![
        ("maxLength new", Text, text(json!({})), text(json!({"maxLength": 5}))),
        ("maxLength", Text, text(json!({"maxLength": 9})), text(json!({"maxLength": 5}))),
        ("minLength new", Text, text(json!({})), text(json!({"minLength": 5}))),
        ("minLength", Text, text(json!({"minLength": 5})), text(json!({"minLength": 9}))),
        ("pattern new", Text, text(json!({})), text(json!({"pattern": "^a"}))),
        ("enum new", Text, text(json!({})), text(json!({"enum": ["a", "b"]}))),
        ("enum", Text, text(json!({"enum": ["a", "b"]})), text(json!({"enum": ["a"]}))),
        ("const new", Text, text(json!({})), text(json!({"const": "a"}))),
        ("const of enum", Text, text(json!({"enum": ["a", "b"]})), text(json!({"const": "a"}))),
        ("format new", Text, text(json!({})), text(json!({"format": "uuid"}))),
        (
            "format int64",
            Text,
            integer(json!({"format": "int64"})),
            integer(json!({"format": "int32"})),
        ),
        (
            "format uint64",
            Text,
            integer(json!({"format": "uint64"})),
            integer(json!({"format": "uint32"})),
        ),
        (
            "format double",
            Text,
            number(json!({"format": "double"})),
            number(json!({"format": "float"})),
        ),
        ("minimum new", Text, number(json!({})), number(json!({"minimum": 1}))),
        ("minimum", Text, number(json!({"minimum": 1})), number(json!({"minimum": 2.5}))),
        ("maximum new", Text, number(json!({})), number(json!({"maximum": 1}))),
        ("maximum", Text, number(json!({"maximum": 2})), number(json!({"maximum": 1}))),
        ("exclusiveMinimum new", Text, number(json!({})), number(json!({"exclusiveMinimum": 1}))),
        (
            "exclusiveMinimum",
            Text,
            number(json!({"minimum": 1})),
            number(json!({"exclusiveMinimum": 1})),
        ),
        (
            "exclusiveMinimum moved",
            Text,
            number(json!({"exclusiveMinimum": 1})),
            number(json!({"exclusiveMinimum": 2})),
        ),
        ("exclusiveMaximum new", Text, number(json!({})), number(json!({"exclusiveMaximum": 1}))),
        (
            "exclusiveMaximum",
            Text,
            number(json!({"maximum": 1})),
            number(json!({"exclusiveMaximum": 1})),
        ),
        (
            "exclusiveMaximum moved",
            Text,
            number(json!({"exclusiveMaximum": 2})),
            number(json!({"exclusiveMaximum": 1})),
        ),
        ("multipleOf new", Text, integer(json!({})), integer(json!({"multipleOf": 2}))),
        ("multipleOf", Text, integer(json!({"multipleOf": 2})), integer(json!({"multipleOf": 4}))),
        ("number to integer", Text, number(json!({})), integer(json!({}))),
        ("not null", Json, json!({"type": ["string", "null"]}), text(json!({}))),
        ("nullable", Json, json!({"type": "string", "nullable": true}), text(json!({}))),
        ("one type of two", Json, json!({"type": ["string", "integer"]}), text(json!({}))),
        ("type new", Json, json!({}), text(json!({}))),
        ("maxItems new", Text, list(json!({})), list(json!({"maxItems": 5}))),
        ("maxItems", Text, list(json!({"maxItems": 5})), list(json!({"maxItems": 4}))),
        ("minItems new", Text, list(json!({})), list(json!({"minItems": 1}))),
        ("minItems", Text, list(json!({"minItems": 1})), list(json!({"minItems": 2}))),
        ("uniqueItems", Text, list(json!({})), list(json!({"uniqueItems": true}))),
        ("items new", Text, list(json!({})), list(json!({"items": {"type": "integer"}}))),
        ("items: false", Json, list(json!({})), list(json!({"items": false}))),
        (
            "prefixItems new",
            Json,
            list(json!({})),
            list(json!({"prefixItems": [{"type": "string"}]})),
        ),
        (
            "prefixItems longer",
            Json,
            list(json!({"prefixItems": [{"type": "string"}]})),
            list(json!({"prefixItems": [{"type": "string"}, {"type": "integer"}]})),
        ),
        (
            "prefixItems of a closed list",
            Json,
            list(json!({"prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false})),
            list(json!({"prefixItems": [{"type": "string"}], "items": false})),
        ),
        ("contains new", Json, list(json!({})), list(json!({"contains": {"type": "string"}}))),
        (
            "contains",
            Json,
            list(json!({"contains": {"type": "string"}})),
            list(json!({"contains": {"type": "string", "minLength": 2}})),
        ),
        (
            "minContains",
            Json,
            list(json!({"contains": {"type": "string"}})),
            list(json!({"contains": {"type": "string"}, "minContains": 2})),
        ),
        (
            "maxContains",
            Json,
            list(json!({"contains": {"type": "string"}, "maxContains": 4})),
            list(json!({"contains": {"type": "string"}, "maxContains": 2})),
        ),
        (
            "maxContains new",
            Json,
            list(json!({"contains": {"type": "string"}})),
            list(json!({"contains": {"type": "string"}, "maxContains": 2})),
        ),
        (
            "unevaluatedItems",
            Json,
            list(json!({"prefixItems": [{"type": "string"}]})),
            list(json!({"prefixItems": [{"type": "string"}], "unevaluatedItems": false})),
        ),
        ("required new", Json, named(json!({})), named(json!({"required": ["a"]}))),
        (
            "required",
            Json,
            named(json!({"required": ["a"]})),
            named(json!({"required": ["a", "b"]})),
        ),
        ("required unknown", Json, named(json!({})), named(json!({"required": ["z"]}))),
        (
            "additionalProperties",
            Json,
            named(json!({})),
            named(json!({"additionalProperties": false})),
        ),
        (
            "additionalProperties of a schema",
            Json,
            object(json!({})),
            object(json!({"additionalProperties": {"type": "string"}})),
        ),
        (
            "additionalProperties closed",
            Json,
            object(json!({"additionalProperties": {"type": "string"}})),
            object(json!({"additionalProperties": false})),
        ),
        ("maxProperties new", Json, object(json!({})), object(json!({"maxProperties": 5}))),
        (
            "maxProperties",
            Json,
            object(json!({"maxProperties": 5})),
            object(json!({"maxProperties": 4})),
        ),
        ("minProperties new", Json, object(json!({})), object(json!({"minProperties": 1}))),
        (
            "minProperties",
            Json,
            object(json!({"minProperties": 1})),
            object(json!({"minProperties": 2})),
        ),
        (
            "propertyNames new",
            Json,
            object(json!({})),
            object(json!({"propertyNames": {"maxLength": 3}})),
        ),
        (
            "propertyNames",
            Json,
            object(json!({"propertyNames": {"maxLength": 9}})),
            object(json!({"propertyNames": {"maxLength": 3}})),
        ),
        (
            "patternProperties new",
            Json,
            object(json!({})),
            object(json!({"patternProperties": {"^x": {"type": "string"}}})),
        ),
        (
            "patternProperties of a closed object",
            Json,
            object(json!({"patternProperties": {"^x": {}}, "additionalProperties": false})),
            object(json!({"additionalProperties": false})),
        ),
        (
            "dependentRequired new",
            Json,
            named(json!({})),
            named(json!({"dependentRequired": {"a": ["b"]}})),
        ),
        (
            "dependentRequired",
            Json,
            named(json!({"dependentRequired": {"a": ["b"]}})),
            named(json!({"dependentRequired": {"a": ["b", "c"]}})),
        ),
        (
            "dependentSchemas new",
            Json,
            named(json!({})),
            named(json!({"dependentSchemas": {"a": {"required": ["b"]}}})),
        ),
        (
            "unevaluatedProperties",
            Json,
            named(json!({})),
            named(json!({"unevaluatedProperties": false})),
        ),
        (
            "then new",
            Json,
            named(json!({})),
            named(json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}})),
        ),
        (
            "then",
            Json,
            named(json!({"if": {"required": ["a"]}, "then": {"minProperties": 2}})),
            named(json!({"if": {"required": ["a"]}, "then": {"minProperties": 3}})),
        ),
        (
            "else",
            Json,
            named(json!({"if": {"required": ["a"]}, "then": {"minProperties": 2}})),
            named(json!({
                "if": {"required": ["a"]},
                "then": {"minProperties": 2},
                "else": {"required": ["b"]},
            })),
        ),
        ("not new", Json, text(json!({})), text(json!({"not": {"const": "a"}}))),
        (
            "allOf new",
            Json,
            text(json!({})),
            text(json!({"allOf": [{"maxLength": 4}, {"pattern": "^a"}]})),
        ),
        (
            "allOf longer",
            Json,
            text(json!({"allOf": [{"pattern": "^a"}, {"pattern": "b$"}]})),
            text(json!({"allOf": [{"pattern": "^a"}, {"pattern": "b$"}, {"pattern": "c"}]})),
        ),
        (
            "anyOf shorter",
            Json,
            json!({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "object"}]}),
            json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ),
        (
            "oneOf shorter",
            Json,
            json!({"oneOf": [{"type": "string"}, {"type": "array"}, {"type": "object"}]}),
            json!({"oneOf": [{"type": "string"}, {"type": "array"}]}),
        ),
        (
            "one of oneOf",
            Json,
            json!({"oneOf": [{"type": "string"}, {"type": "array"}]}),
            text(json!({})),
        ),
        (
            "enum of oneOf",
            Json,
            json!({"oneOf": [{"const": "a"}, {"const": "b"}]}),
            json!({"oneOf": [{"const": "a"}]}),
        ),
        (
            "contentEncoding new",
            Json,
            text(json!({})),
            text(json!({"contentEncoding": "base64url"})),
        ),
        (
            "contentMediaType new",
            Json,
            text(json!({})),
            text(json!({"contentMediaType": "application/json"})),
        ),
        (
            "contentSchema new",
            Json,
            text(json!({"contentMediaType": "application/json"})),
            text(json!({
                "contentMediaType": "application/json", "contentSchema": {"type": "object"},
            })),
        ),
        (
            "definition",
            Json,
            json!({
                "$defs": {"x": {"$anchor": "x", "type": "string"}},
                "anyOf": [{"$ref": "#x"}, {"type": "object"}],
            }),
            json!({
                "$defs": {"x": {"$anchor": "x", "type": "string", "maxLength": 3}},
                "anyOf": [{"$ref": "#x"}, {"type": "object"}],
            }),
        ),
    ]
}

/// Each row: the rule, and two schemas of which each allows values that the other refuses.
pub(super) fn other() -> Vec<(&'static str, Value, Value)> {
    vec![
        ("type", json!({"type": "object"}), json!({"type": "array"})),
        ("type of text", json!({"type": "boolean"}), json!({"type": "integer"})),
        ("enum", json!({"enum": ["a", "b"]}), json!({"enum": ["a", "c"]})),
        ("const", json!({"const": "a"}), json!({"const": "b"})),
        (
            "format",
            json!({"type": "string", "format": "uuid"}),
            json!({"type": "string", "format": "date"}),
        ),
        (
            "pattern",
            json!({"type": "string", "pattern": "^a"}),
            json!({"type": "string", "pattern": "^b"}),
        ),
        (
            "multipleOf",
            json!({"type": "integer", "multipleOf": 2}),
            json!({"type": "integer", "multipleOf": 3}),
        ),
        (
            "contentEncoding",
            json!({"type": "string", "contentEncoding": "base64url"}),
            json!({"type": "string", "contentEncoding": "base16"}),
        ),
        (
            "contentMediaType",
            json!({"type": "string", "contentMediaType": "image/png"}),
            json!({"type": "string", "contentMediaType": "image/gif"}),
        ),
        (
            "if",
            json!({"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}}),
            json!({"type": "object", "if": {"required": ["c"]}, "then": {"required": ["b"]}}),
        ),
        (
            "not",
            json!({"type": "string", "not": {"const": "a"}}),
            json!({"type": "string", "not": {"const": "b"}}),
        ),
        (
            "xml",
            json!({"type": "string", "xml": {"name": "a"}}),
            json!({"type": "string", "xml": {"name": "b"}}),
        ),
    ]
}

/// Each row: the rule, and two schemas of one meaning.
pub(super) fn same() -> Vec<(&'static str, Value, Value)> {
    let text = |more: Value| with(json!({"type": "string"}), more);
    vec![
        ("title", text(json!({})), text(json!({"title": "T"}))),
        ("description", text(json!({"description": "a"})), text(json!({"description": "b"}))),
        ("example", text(json!({})), text(json!({"example": "a"}))),
        ("examples", text(json!({})), text(json!({"examples": ["a"]}))),
        ("$comment", text(json!({})), text(json!({"$comment": "a"}))),
        ("extension", text(json!({})), text(json!({"x-a": 1}))),
        ("externalDocs", text(json!({})), text(json!({"externalDocs": {"url": "https://a"}}))),
        ("deprecated", text(json!({})), text(json!({"deprecated": true}))),
        (
            "$schema",
            text(json!({})),
            text(json!({"$schema": "https://json-schema.org/draft/2020-12/schema"})),
        ),
        ("list of one type", text(json!({})), json!({"type": ["string"]})),
        (
            "order of types",
            json!({"type": ["string", "object"]}),
            json!({"type": ["object", "string"]}),
        ),
        ("order of enum", json!({"enum": ["a", "b"]}), json!({"enum": ["b", "a"]})),
        ("const", json!({"const": "a"}), json!({"enum": ["a"]})),
        ("minLength 0", text(json!({})), text(json!({"minLength": 0}))),
        ("pattern of all", text(json!({})), text(json!({"pattern": ".*"}))),
        (
            "bound of integers",
            json!({"type": "integer", "minimum": 1}),
            json!({"type": "integer", "exclusiveMinimum": 0}),
        ),
        ("oneOf one", text(json!({})), json!({"oneOf": [text(json!({}))]})),
        ("anyOf one", text(json!({})), json!({"anyOf": [text(json!({}))]})),
        ("allOf one", text(json!({})), json!({"allOf": [text(json!({}))]})),
        ("empty member of allOf", text(json!({})), text(json!({"allOf": [{"description": "d"}]}))),
        (
            "minContains 0",
            json!({"type": "array"}),
            json!({"type": "array", "contains": {"const": 1}, "minContains": 0}),
        ),
        (
            "if alone",
            json!({"type": "object"}),
            json!({"type": "object", "if": {"required": ["a"]}}),
        ),
        (
            "then alone",
            json!({"type": "object"}),
            json!({"type": "object", "then": {"required": ["a"]}}),
        ),
        (
            "additionalProperties: true",
            json!({"type": "object"}),
            json!({"type": "object", "additionalProperties": true}),
        ),
        ("items: true", json!({"type": "array"}), json!({"type": "array", "items": true})),
        (
            "null of anyOf",
            json!({"type": ["string", "null"]}),
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ),
        (
            "definition inline",
            json!({
                "$defs": {"x": {"$anchor": "x", "type": "string"}},
                "allOf": [{"$ref": "#x"}, {"maxLength": 3}],
            }),
            json!({"allOf": [{"type": "string"}, {"maxLength": 3}]}),
        ),
    ]
}

pub(super) fn with(mut schema: Value, more: Value) -> Value {
    schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    schema
}
