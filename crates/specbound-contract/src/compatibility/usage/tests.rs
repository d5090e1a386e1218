use super::*;

fn document() -> Value {
    serde_yaml_ng::from_str(
        r##"
paths:
  /a/{id}/:
    post:
      security: [{key: []}]
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Both'}}}}
      responses:
        '200': {content: {application/json: {schema: {items: {$ref: '#/components/schemas/Both'}}}}}
        '201': {$ref: '#/components/responses/Made'}
      callbacks:
        done:
          '{$request.body#/url}':
            post:
              requestBody:
                content: {application/json: {schema: {$ref: '#/components/schemas/Called'}}}
components:
  responses:
    Made: {content: {application/json: {schema: {not: {$ref: '#/components/schemas/Not'}}}}}
  schemas:
    Both:
      allOf: [{$ref: '#/components/schemas/Both'}, {$ref: '#/components/schemas/Pet'}]
      properties:
        shown: {readOnly: true, allOf: [{$ref: '#/components/schemas/Shown'}]}
        secret: {writeOnly: true, allOf: [{$ref: '#/components/schemas/Secret'}]}
      additionalProperties: {oneOf: [{$ref: '#/components/schemas/Member'}]}
    Shown: {type: string}
    Secret: {type: string}
    Member: {anyOf: [{$ref: '#/components/schemas/Both'}]}
    Pet: {discriminator: {propertyName: kind, mapping: {dog: Dog}}}
    Dog: {type: object}
    Cat: {allOf: [{$ref: '#/components/schemas/Pet'}]}
    Not: {}
    Called: {}
    Unused: {$ref: '#/components/schemas/Unused'}
  securitySchemes: {key: {type: http}}
"##,
    )
    .unwrap()
}

fn uses(usage: &UsageIndex, name: &str) -> Vec<(Direction, bool)> {
    usage.at(name).kinds().collect()
}

#[test]
fn schema_is_used_in_the_directions_that_send_it() {
    use Direction::*;
    let usage = UsageIndex::of(&document(), &mut Operations::default());
    for (schema, expected) in [
        ("Both", vec![(Request, false), (Response, false)]),
        ("Shown", vec![(Response, false)]),
        ("Secret", vec![(Request, false)]),
        ("Member", vec![(Request, false), (Response, false)]),
        ("Dog", vec![(Request, false), (Response, false)]),
        ("Cat", vec![(Request, false), (Response, false)]),
        ("Not", vec![(Response, true)]),
        ("Called", vec![(Response, false)]),
        ("Unused", vec![]),
    ] {
        assert_eq!(uses(&usage, &format!("/components/schemas/{schema}")), expected, "{schema}");
    }
    assert_eq!(uses(&usage, "/components/responses/Made"), [(Response, false)]);
    assert_eq!(uses(&usage, "/components/securitySchemes/key"), [(Request, false)]);
    assert!(usage.is_used("/components/schemas") && !usage.is_used("/components/schema"));
}

#[test]
fn renamed_path_variable_is_the_same_operation() {
    let mut renamed = document();
    let item = renamed["paths"]["/a/{id}/"].take();
    renamed["paths"] = json!({"/a/{pk}/": item});
    let mut operations = Operations::default();
    let old = UsageIndex::of(&document(), &mut operations);
    let both = old.both(&UsageIndex::of(&renamed, &mut operations));
    assert_eq!(uses(&both, "/components/schemas/Secret"), [(Direction::Request, false)]);
    renamed["paths"] = json!({});
    let none = old.both(&UsageIndex::of(&renamed, &mut operations));
    assert_eq!(uses(&none, "/components/schemas/Secret"), []);
}

#[test]
fn references_and_single_all_of_are_dereferenced() {
    let document = json!({
        "a": {"$ref": "#/b"}, "b": {"allOf": [{"$ref": "#/c"}], "readOnly": true},
        "c": {"$ref": "#/d%20e"},
        "d e": {"type": "string"},
        "two": {"allOf": [{"type": "string"}, {"maxLength": 1}]},
        "other": {"allOf": [{"type": "string"}], "type": "object"},
        "circle": {"$ref": "#/circle"},
        "around": {"allOf": [{"$ref": "#/around"}], "nullable": true},
        "away": {"$ref": "other.yaml#/a"}, "nowhere": {"$ref": "#/x"},
    });
    let through = |name: &str| resolve_aliases(&document, &document[name]).map(Cow::into_owned);
    assert_eq!(through("a"), Some(json!({"type": "string", "readOnly": true})));
    assert_eq!(through("two").as_ref(), Some(&document["two"]));
    assert_eq!(through("other").as_ref(), Some(&document["other"]));
    assert_eq!(
        [through("circle"), through("around"), through("away"), through("nowhere")],
        [const { None }; 4]
    );
}

#[test]
fn long_reference_chain_terminates() {
    let link = |i: usize| {
        (format!("S{i}"), json!({"items": {"$ref": format!("#/components/schemas/S{}", i + 1)}}))
    };
    let schemas: serde_json::Map<String, Value> = (0..20_000).map(link).collect();
    let body = json!({"content": {"a/b": {"schema": {"$ref": "#/components/schemas/S0"}}}});
    let document =
        json!({"paths": {"/": {"get": {"requestBody": body}}}, "components": {"schemas": schemas}});
    assert_eq!(
        uses(&UsageIndex::of(&document, &mut Operations::default()), "/components/schemas/S19999"),
        [(Direction::Request, false)]
    );
}
