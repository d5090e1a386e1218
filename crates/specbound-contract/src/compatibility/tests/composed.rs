//! Schemas that are composed in other ways, and keywords of JSON Schema.

use super::*;

#[test]
fn compositions_are_compared_by_content() {
    let more = json!({
        "Base": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
        "Same": {"properties": {"a": {"type": "string"}}},
        "Long": {"type": "string", "maxLength": 9},
        "Short": {"type": "string", "maxLength": 5},
    });
    let to = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let properties = json!({"a": {"type": "string"}, "b": {}});
    let whole = json!({"type": "object", "required": ["a"], "properties": properties});
    let extended = json!({"type": "object", "allOf": [to("Base")], "properties": {"b": {}}});
    let both = json!({"allOf": [to("Base"), {"properties": {"b": {}}}]});
    for (old, new, expected) in [
        // Properties that move to a base, or are written out.
        (&whole, &extended, [Compatible, Compatible]),
        (&extended, &both, [Compatible, Compatible]),
        (&both, &whole, [Compatible, Compatible]),
        (
            &whole,
            &json!({"allOf": [to("Base")], "properties": {"b": {"type": "string"}}}),
            [Breaking, Compatible],
        ),
        // A member that is gone takes its properties with it. One that says what others say is a
        // matter of judgement.
        (
            &json!({"allOf": [to("Base"), to("Same")], "title": "t"}),
            &json!({"allOf": [to("Base")], "title": "t"}),
            [Unclear, Compatible],
        ),
        (
            &json!({"allOf": [to("Base"), {"properties": {"b": {}}}]}),
            &to("Base"),
            [Breaking, Breaking],
        ),
        // Alternatives that contain the old type, or the reverse.
        (
            &json!({"type": "string"}),
            &json!({"oneOf": [{"type": "string"}, {"type": "object"}]}),
            [Compatible, Breaking],
        ),
        (
            &json!({"oneOf": [{"type": "string"}, {"type": "object"}]}),
            &json!({"type": "string"}),
            [Breaking, Compatible],
        ),
        (&to("Short"), &json!({"anyOf": [to("Long"), {"type": "object"}]}), [Compatible, Breaking]),
        (&to("Long"), &json!({"anyOf": [to("Short"), {"type": "object"}]}), [Breaking, Breaking]),
        (
            &json!({"anyOf": [to("Long"), to("Short")]}),
            &json!({"anyOf": [to("Long")]}),
            [Compatible, Compatible],
        ),
        (
            &json!({"anyOf": [to("Long")]}),
            &json!({"anyOf": [to("Long"), to("Short")]}),
            [Compatible, Compatible],
        ),
        // What matches two members of a `oneOf` is refused.
        (
            &json!({"type": "object", "required": ["a", "b"]}),
            &json!({"oneOf": [
                {"type": "object", "required": ["a"]}, {"type": "object", "required": ["b"]},
            ]}),
            [Breaking, Breaking],
        ),
        // Members are paired although several changed.
        (
            &json!({"oneOf": [
                {"type": "string", "maxLength": 5}, {"type": "integer", "maximum": 5},
            ]}),
            &json!({"oneOf": [
                {"type": "string", "maxLength": 6}, {"type": "integer", "maximum": 6},
            ]}),
            [Compatible, Breaking],
        ),
        (&json!({"oneOf": [to("Long")]}), &to("Long"), [Compatible, Compatible]),
    ] {
        assert_eq!(worst("3.0.3", old, new, &more), expected, "{old} and {new}");
    }
}

#[test]
fn json_schema_keywords_break_in_one_direction() {
    for (old, new, sent, read) in [
        (json!({"type": ["string", "integer"]}), json!({"type": "string"}), Breaking, Compatible),
        (
            json!({"type": ["string", "integer"]}),
            json!({"type": ["boolean", "integer"]}),
            Breaking,
            Breaking,
        ),
        (
            json!({"type": ["integer", "string"]}),
            json!({"type": ["number", "string"]}),
            Compatible,
            Breaking,
        ),
        (json!({"type": ["string", "null"]}), json!({"type": "string"}), Breaking, Compatible),
        (json!({"const": 1}), json!({"enum": [1, 2]}), Compatible, Breaking),
        (json!({"exclusiveMinimum": 4.5}), json!({"minimum": 4.5}), Compatible, Breaking),
        (json!({"exclusiveMaximum": 4.5}), json!({"maximum": 4.25}), Breaking, Compatible),
        (json!({}), json!({"contains": {"type": "string"}}), Breaking, Compatible),
        (
            json!({"contains": {}, "minContains": 2}),
            json!({"contains": {}, "minContains": 3}),
            Breaking,
            Compatible,
        ),
        (
            json!({"contains": {}, "maxContains": 2}),
            json!({"contains": {}, "maxContains": 3}),
            Compatible,
            Breaking,
        ),
        (
            json!({"propertyNames": {"maxLength": 3}}),
            json!({"propertyNames": {"maxLength": 4}}),
            Compatible,
            Breaking,
        ),
        (json!({}), json!({"dependentRequired": {"a": ["b"]}}), Breaking, Compatible),
        (
            json!({"dependentRequired": {"a": ["b", "c"]}}),
            json!({"dependentRequired": {"a": ["c"]}}),
            Compatible,
            Breaking,
        ),
        (json!({"dependentSchemas": {"a": {"required": ["b"]}}}), json!({}), Compatible, Breaking),
        (
            json!({}),
            json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}}),
            Breaking,
            Compatible,
        ),
        (
            json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}}),
            json!({"if": {"required": ["a", "c"]}, "then": {"required": ["b"]}}),
            Unclear,
            Unclear,
        ),
        (json!({}), json!({"patternProperties": {"^x": {"type": "string"}}}), Breaking, Compatible),
        (
            json!({"additionalProperties": false}),
            json!({"additionalProperties": false, "patternProperties": {"^x": {}}}),
            Compatible,
            Breaking,
        ),
        (json!({}), json!({"unevaluatedProperties": false}), Breaking, Compatible),
        (json!({"prefixItems": [{"type": "string"}]}), json!({}), Compatible, Breaking),
        (
            json!({"items": false, "prefixItems": [{}]}),
            json!({"items": false, "prefixItems": [{}, {"type": "string"}]}),
            Compatible,
            Breaking,
        ),
        (
            json!({"items": {"type": "string"}, "prefixItems": [{"type": "integer"}]}),
            json!({"items": {"type": "string"}}),
            Breaking,
            Breaking,
        ),
        (
            json!({"contentMediaType": "a/b"}),
            json!({"contentMediaType": "c/d"}),
            Breaking,
            Breaking,
        ),
        (
            json!({"additionalProperties": {"type": "integer"}}),
            json!({
                "additionalProperties": {"type": "integer"},
                "properties": {"a": {"type": "string"}},
            }),
            Breaking,
            Breaking,
        ),
    ] {
        assert_eq!(worst("3.1.0", &old, &new, &json!({})), [sent, read], "{old} and {new}");
    }
}

#[test]
fn subtypes_are_matched_by_discriminator() {
    let kind = json!({"kind": {"type": "string"}});
    let pet = json!({"discriminator": {"propertyName": "kind"}, "properties": kind});
    let base = json!({"$ref": "#/components/schemas/It"});
    let heir = |more: &str| json!({"allOf": [base], "properties": {more: {}}});
    let of = |schemas_of: &Value| {
        let mut all = schemas("3.0.3", &pet, schemas_of);
        all.each_mut().map(std::mem::take)
    };
    let (one, two) =
        (of(&json!({"Cat": heir("a")})), of(&json!({"Cat": heir("a"), "Dog": heir("b")})));
    let severities = |old: &[Value; 2], new: &[Value; 2]| {
        [0, 1].map(|side| {
            compare(&old[side], &new[side]).iter().map(|verdict| verdict.severity).max().unwrap()
        })
    };
    assert_eq!(severities(&one, &two), [Compatible, Breaking]);
    assert_eq!(severities(&two, &one), [Breaking, Compatible]);
    assert_eq!(severities(&one, &of(&json!({"Kitty": heir("a")}))), [Breaking, Breaking]);

    // Alternatives under a discriminator are named by it too.
    let union = |name: &str| {
        let to = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let schema = json!({
            "oneOf": [to(name), to("Dog")], "discriminator": {"propertyName": "kind"},
        });
        let kind = json!({"type": "object", "properties": {"kind": {"type": "string"}}});
        schemas("3.0.3", &schema, &json!({name: kind, "Dog": kind}))
    };
    assert_eq!(severities(&union("Cat"), &union("Kitty")), [Breaking, Breaking]);
}

#[test]
fn header_names_and_media_types_are_case_insensitive() {
    let document = |header: &str, media_type: &str| {
        json!({"openapi": "3.0.3", "paths": {"/": {"get": {
            "parameters": [{"in": "header", "name": header, "schema": {}}],
            "responses": {"200": {
                "headers": {header: {"schema": {}}}, "content": {media_type: {}},
            }},
        }}}})
    };
    let one = document("X-Count", "application/json");
    assert_eq!(compare(&one, &document("x-count", "Application/JSON; charset=\"UTF-8\"")), []);
    assert_ne!(compare(&one, &document("x-count", "application/json; charset=latin1")), []);
}

#[test]
fn header_names_compare_case_insensitively() {
    let get = |header: &str| {
        let headers = json!({header: {"$ref": "#/components/headers/link"}});
        json!({"get": {"responses": {"200": {"headers": headers}}}})
    };
    let document = json!({
        "openapi": "3.0.3",
        "paths": {"/a": get("Link"), "/b": get("link"), "/c": get("LINK")},
        "components": {"headers": {"link": {"schema": {"type": "string"}}}},
    });
    assert_eq!(compare(&document, &document), []);
}

#[test]
fn webhook_requests_are_sent_by_the_server() {
    let document = |schema: Value| {
        let body = json!({"content": {"a/b": {"schema": schema}}});
        let call = json!({"post": {"requestBody": body, "responses": {}}});
        json!({"openapi": "3.1.0", "webhooks": {"made": call}})
    };
    let severity = |old: &Value, new: &Value| {
        compare(old, new).iter().map(|verdict| verdict.severity).max().unwrap_or(Compatible)
    };
    let (short, long) = (document(json!({"maxLength": 5})), document(json!({"maxLength": 9})));
    assert_eq!(severity(&short, &long), Breaking);
    assert_eq!(severity(&long, &short), Compatible);
    let none = json!({"openapi": "3.1.0", "webhooks": {}});
    assert_eq!(severity(&none, &short), Compatible);
    assert_eq!(severity(&short, &none), Breaking);
}

#[test]
fn recursive_compositions_terminate() {
    let to = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let layers = 24;
    let mut more = json!({});
    // Two ways from each layer to the next: 2^24 paths.
    for layer in 0..layers {
        let next = to(&format!("L{}", layer + 1));
        more[format!("A{layer}")] =
            json!({"allOf": [next], "properties": {format!("a{layer}"): {}}});
        more[format!("B{layer}")] =
            json!({"allOf": [next], "properties": {format!("b{layer}"): {}}});
        more[format!("L{layer}")] =
            json!({"allOf": [to(&format!("A{layer}")), to(&format!("B{layer}"))]});
    }
    more[format!("L{layers}")] = json!({"type": "object"});
    for old in [
        json!({"allOf": [to("It"), {"type": "object"}]}),
        json!({"allOf": [to("It"), {"type": "string"}], "oneOf": [to("It"), {"type": "string"}]}),
        json!({"oneOf": [to("It"), {"anyOf": [to("It"), {"type": "string"}]}]}),
        json!({"allOf": [to("L0"), {"maxProperties": 3}]}),
    ] {
        for new in
            [json!({"type": "string"}), json!({"anyOf": [to("It"), {"type": "integer"}]}), to("L1")]
        {
            worst("3.0.3", &old, &new, &more);
            worst("3.0.3", &new, &old, &more);
        }
    }
}

#[test]
fn compositions_of_other_values_are_not_taken_for_the_same() {
    let text = json!({"type": "string", "maxLength": 4});
    let closed = json!({"type": "object", "properties": {"a": {}}, "additionalProperties": false});
    let blind = json!({"allOf": [{"type": "object", "properties": {"a": {}}}],
        "additionalProperties": false});
    let contains = |length: u64, most: &str| json!({"contains": {"maxLength": length}, most: 1});
    let rows = [
        // `null` beside an enumeration, and among types whose enumeration has none.
        (
            json!({"oneOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}),
            json!({"type": ["string", "null"], "enum": ["a"]}),
            [Breaking, Compatible],
            [Compatible, Breaking],
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "null"}], "not": {"type": "null"}}),
            json!({"anyOf": [{"type": "string"}, {"type": "null"}], "not": {"maxLength": 1}}),
            [Unclear, Unclear],
            [Unclear, Unclear],
        ),
        // A type refuses `null`, whatever a member of `allOf` allows.
        (
            text.clone(),
            json!({"maxLength": 4, "type": "string", "allOf": [{"type": ["string", "null"]}]}),
            [Compatible, Compatible],
            [Compatible, Compatible],
        ),
        // Within `not` one more alternative allows less.
        (
            json!({"not": text}),
            json!({"not": {"anyOf": [text, {"type": "boolean"}]}}),
            [Unclear, Unclear],
            [Unclear, Unclear],
        ),
        // Under `if` neither direction is narrower, not even under `not`.
        (
            json!({"if": {"not": {"maxLength": 3}}, "then": {"minLength": 9}}),
            json!({"if": {"not": {"maxLength": 4}}, "then": {"minLength": 9}}),
            [Unclear, Unclear],
            [Unclear, Unclear],
        ),
        // What matched two members was refused.
        (
            json!({"oneOf": [text, {"type": "string", "maxLength": 4, "pattern": "^x"}]}),
            json!({"oneOf": [text]}),
            [Compatible, Breaking],
            [Breaking, Compatible],
        ),
        (
            json!({"oneOf": [text, text]}),
            text.clone(),
            [Compatible, Breaking],
            [Breaking, Compatible],
        ),
        (
            json!({"oneOf": [{"type": "integer"}, {"type": "string"}]}),
            json!({"oneOf": [{"type": "integer"}, {"type": "string"}, {"minimum": 3}]}),
            [Breaking, Breaking],
            [Breaking, Breaking],
        ),
        (
            json!({"oneOf": [{"type": "string", "maxLength": 3}, {"minLength": 9}]}),
            json!({"oneOf": [{"type": "string", "maxLength": 9}, {"minLength": 9}]}),
            [Breaking, Breaking],
            [Breaking, Breaking],
        ),
        (
            json!({"oneOf": [{"type": "null"}, {"maxLength": 3}]}),
            json!({"oneOf": [{"maxLength": 3}]}),
            [Breaking, Breaking],
            [Breaking, Breaking],
        ),
        // The schema of further members applies to names that no pattern names.
        (
            json!({"patternProperties": {"^x": {"type": "string"}},
                "additionalProperties": {"type": "integer"}}),
            json!({"additionalProperties": {"type": "integer"}}),
            [Breaking, Breaking],
            [Breaking, Breaking],
        ),
        (
            json!({"patternProperties": {"^x": {"type": "string"}},
                "additionalProperties": {"type": ["string", "integer"]}}),
            json!({"additionalProperties": {"type": ["string", "integer"]}}),
            [Compatible, Breaking],
            [Breaking, Compatible],
        ),
        (
            json!({"multipleOf": 0.1}),
            json!({"multipleOf": 0.3}),
            [Breaking, Compatible],
            [Compatible, Breaking],
        ),
        (
            json!({"multipleOf": 0.1}),
            json!({"multipleOf": 0.25}),
            [Breaking, Breaking],
            [Breaking, Breaking],
        ),
        // Further members are those that the same schema does not name.
        (blind, closed, [Breaking, Breaking], [Breaking, Breaking]),
        // One more item that matches may be one too many.
        (
            contains(3, "maxContains"),
            contains(4, "maxContains"),
            [Unclear, Unclear],
            [Unclear, Unclear],
        ),
        (
            contains(3, "minContains"),
            contains(4, "minContains"),
            [Compatible, Breaking],
            [Breaking, Compatible],
        ),
    ];
    for (old, new, there, back) in rows {
        assert_eq!(worst("3.1.0", &old, &new, &json!({})), there, "{old} to {new}");
        assert_eq!(worst("3.1.0", &new, &old, &json!({})), back, "{new} to {old}");
    }
}

#[test]
fn spellings_of_the_same_types_are_compatible() {
    for (old, new) in [
        (
            json!({"type": "integer", "exclusiveMaximum": 5}),
            json!({"type": ["integer"], "exclusiveMaximum": 5}),
        ),
        (
            json!({"type": ["integer", "string"]}),
            json!({"anyOf": [{"type": "string", "title": "Text"}, {"type": "integer"}]}),
        ),
        (
            json!({"type": "string", "enum": ["a", "b"]}),
            json!({"type": "string", "oneOf": [{"const": "a", "title": "A"}, {"const": "b"}]}),
        ),
        (
            json!({"type": ["integer", "string"], "maxLength": 4}),
            json!({"oneOf": [{"type": "integer"}, {"type": "string", "maxLength": 4}]}),
        ),
    ] {
        for (old, new) in [(&old, &new), (&new, &old)] {
            assert_eq!(worst("3.1.0", old, new, &json!({})), [Compatible; 2], "{old} to {new}");
        }
    }
}

#[test]
fn kind_may_have_another_name_for_the_same_schema() {
    let document = |target: &str, schema: Value| {
        let reference = format!("#/components/schemas/{target}");
        let schema = json!({"properties": {"t": schema}, "required": ["t"]});
        schemas(
            "3.1.0",
            &json!({"oneOf": [{"$ref": reference}],
                "discriminator": {"propertyName": "t", "mapping": {"cat": reference}}}),
            &json!({target: schema}),
        )
    };
    let text = json!({"type": "string"});
    for (new, expected) in [(&text, false), (&json!({"type": "integer"}), true)] {
        let (old, new) = (document("Cat", text.clone()), document("Tom", new.clone()));
        for (old, new) in old.iter().zip(&new) {
            assert_eq!(may_break(&compare(old, new)), expected, "{old} to {new}");
        }
    }
}

#[test]
fn bound_of_another_type_is_reported_unless_the_type_changes() {
    let text = |more: Value| merged(json!({"type": "string"}), more);
    let rows = [
        (text(json!({"maximum": 9})), text(json!({"maximum": 5})), [Breaking, Compatible]),
        (
            json!({"type": "array", "properties": {"a": {}}}),
            json!({"type": "array", "properties": {"a": {}}, "required": ["a"]}),
            [Breaking, Compatible],
        ),
        (json!({"type": "integer", "maximum": 5}), text(json!({})), [Breaking, Breaking]),
    ];
    for (old, new, expected) in rows {
        assert_eq!(worst("3.1.0", &old, &new, &json!({})), expected, "{old} to {new}");
    }
}

fn merged(mut schema: Value, more: Value) -> Value {
    schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    schema
}
