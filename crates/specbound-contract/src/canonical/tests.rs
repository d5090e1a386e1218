use super::*;

fn operation(document: Value) -> Value {
    canonical(&document)["paths"]["/a/"]["get"].clone()
}

fn schema(schema: Value) -> Value {
    let document = json!({"components": {"schemas": {"A": schema}}});
    canonical(&document)["components"]["schemas"]["A"].clone()
}

#[test]
fn operation_inherits_the_security_of_the_document() {
    let with =
        |own: Value| operation(json!({"security": [{"k": []}], "paths": {"/a/": {"get": own}}}));
    assert_eq!(with(json!({}))["security"], json!([{"k": []}]));
    assert_eq!(with(json!({"security": []}))["security"], json!([]));
    assert_eq!(with(json!({"security": [{"b": []}, {}]}))["security"], json!([{"b": []}, {}]));
}

#[test]
fn order_and_repetition_of_security_are_ignored() {
    let one = json!([{"b": [], "a": ["y", "x", "y"]}, {}, {"c": []}, {}]);
    let document = json!({"paths": {"/a/": {"get": {"security": one}}}});
    let expected = json!([{"a": ["x", "y"], "b": []}, {"c": []}, {}]);
    assert_eq!(operation(document)["security"], expected);
}

#[test]
fn operation_inherits_parameters_that_it_does_not_override() {
    let document = json!({
        "components": {"parameters": {"Limit": {"in": "query", "name": "limit"}}},
        "paths": {"/a/": {
            "parameters": [
                {"in": "path", "name": "id", "required": true},
                {"in": "query", "name": "limit", "required": true},
            ],
            "get": {"parameters": [
                {"$ref": "#/components/parameters/Limit", "description": "ignored"},
                {"in": "header", "name": "id"},
            ]},
        }},
    });
    assert_eq!(canonical(&document)["paths"]["/a/"].get("parameters"), None);
    assert_eq!(
        operation(document)["parameters"],
        json!({
            "header:id": {"in": "header", "name": "id"},
            "path:id": {"in": "path", "name": "id", "required": true},
            "query:limit": {"$ref": "#/components/parameters/Limit"},
        })
    );
}

#[test]
fn no_parameter_is_lost() {
    let twice = json!([
        {"in": "query", "name": "a"}, {"in": "query", "name": "a", "required": true}, 7, {},
    ]);
    let document = json!({"paths": {"/a/": {"get": {"parameters": twice}}}});
    let parameters = operation(document)["parameters"].clone();
    assert_eq!(parameters.as_object().map(Map::len), Some(4));
}

#[test]
fn style_and_explode_are_dropped_only_where_they_are_the_default() {
    let parameter = |parameter: Value| {
        let document = json!({"components": {"parameters": {"A": parameter}}});
        canonical(&document)["components"]["parameters"]["A"].clone()
    };
    for location in ["query", "cookie"] {
        let plain = json!({"in": location});
        assert_eq!(parameter(json!({"in": location, "style": "form", "explode": true})), plain);
        assert_ne!(parameter(json!({"in": location, "explode": false})), plain);
    }
    for location in ["path", "header"] {
        let plain = json!({"in": location});
        assert_eq!(parameter(json!({"in": location, "style": "simple", "explode": false})), plain);
        assert_ne!(parameter(json!({"in": location, "explode": true})), plain);
    }
    let delimited = json!({"in": "query", "style": "pipeDelimited"});
    let stated = json!({"in": "query", "style": "pipeDelimited", "explode": false});
    assert_eq!(parameter(stated), delimited);
}

#[test]
fn annotations_are_dropped_but_properties_of_that_name_kept() {
    let names = json!({
        "description": {}, "summary": {}, "example": {}, "examples": {}, "externalDocs": {},
        "title": {}, "default": {}, "$ref": {"type": "string"}, "x-foo": {}, "required": {},
    });
    let mut annotated = names.clone();
    annotated["title"] = json!({"description": "d", "example": 1, "x-a": 1, "nullable": false});
    assert_eq!(
        schema(json!({"description": "d", "x-foo": 1, "properties": annotated})),
        json!({"properties": names})
    );
}

#[test]
fn example_data_is_unchanged() {
    let value = json!({"default": {"description": "d", "x-a": 1, "required": ["b", "a"]}});
    assert_eq!(schema(value.clone()), value);
    let mapping = json!({"x-a": "#/a", "description": "#/b"});
    let discriminator = json!({"discriminator": {"propertyName": "t", "mapping": mapping}});
    assert_eq!(schema(discriminator.clone()), discriminator);
}

#[test]
fn keywords_beside_a_reference_are_ignored() {
    assert_eq!(
        schema(json!({"$ref": "#/a", "nullable": true, "title": "t"})),
        json!({"$ref": "#/a"})
    );
}

#[test]
fn stated_defaults_are_removed() {
    let explicit = json!({
        "nullable": false, "readOnly": false, "writeOnly": false, "deprecated": false,
        "uniqueItems": false, "exclusiveMinimum": false, "exclusiveMaximum": false,
        "minLength": 0, "minItems": 0.0, "minProperties": 0, "required": [],
        "additionalProperties": {"description": "any"}, "properties": {},
    });
    assert_eq!(schema(explicit), json!({}));
    assert_eq!(schema(json!({"additionalProperties": true})), json!({}));
    let closed = json!({"additionalProperties": false});
    assert_eq!(schema(closed.clone()), closed);
}

#[test]
fn equal_numbers_have_one_form() {
    assert_eq!(schema(json!({"maximum": 1.0})), json!({"maximum": 1}));
    assert_eq!(schema(json!({"maximum": 1.5})), json!({"maximum": 1.5}));
    assert_eq!(schema(json!({"maximum": 1e300})), json!({"maximum": 1e300}));
}

#[test]
fn scope_descriptions_are_not_compared() {
    let scopes = json!({"w": "Write", "r": "Read"});
    let scheme =
        json!({"type": "oauth2", "description": "d", "flows": {"implicit": {"scopes": scopes}}});
    let document = json!({"components": {"securitySchemes": {"x-o": scheme}}});
    assert_eq!(
        canonical(&document)["components"]["securitySchemes"]["x-o"],
        json!({"type": "oauth2", "flows": {"implicit": {"scopes": ["r", "w"]}}})
    );
}

#[test]
fn repetition_matters_in_one_of_only() {
    let twice = json!([{"type": "string"}, {"type": "integer"}, {"type": "string"}]);
    let all = schema(json!({"allOf": twice, "oneOf": twice}));
    assert_eq!(all["allOf"].as_array().map(Vec::len), Some(2));
    assert_eq!(all["oneOf"].as_array().map(Vec::len), Some(3));
}

#[test]
fn canonical_form_of_a_non_document_is_a_copy() {
    for garbage in
        [json!(null), json!([1, "a"]), json!("a"), json!({"paths": [], "components": "c"})]
    {
        assert_eq!(canonical(&garbage), garbage);
    }
}
