//! Changes of each keyword that OpenAPI 3.1 has beyond 3.0, in a document made of them: each is
//! reported at its place, and judged by the side that sends the values. A JSON Schema validator
//! confirms the values that the verdicts come with, and draws values that harmless changes must
//! leave as they were.

use std::collections::BTreeMap;

use inventree_auth::contract::diff::diff;
use serde_json::{Value, json};
use specbound_contract::compatibility::{Severity, Verdict, compare};
use specbound_contract::parse;

use super::mutations::{Step, edited};
use super::values::{Values, confirm};

/// The changed schema `It`, which refers to `Word`.
const SCHEMAS: &str = r##"
It:
  type: object
  properties:
    nullable: {type: [string, 'null'], maxLength: 9}
    types: {type: [string, integer]}
    constant: {const: fixed}
    above: {type: number, exclusiveMinimum: 1}
    below: {type: number, exclusiveMaximum: 9}
    defined:
      $defs: {word: {$anchor: word, type: string, maxLength: 5}}
      anyOf: [{$ref: '#word'}, {type: boolean}]
    tuple: {type: array, prefixItems: [{type: string}, {type: integer}], items: false}
    listed:
      {type: array, items: {type: string}, contains: {const: a}, minContains: 1, maxContains: 3}
    rest: {type: array, prefixItems: [{type: string}], unevaluatedItems: {type: integer}}
    choice:
      type: object
      properties: {kind: {type: string}, x: {type: string}, y: {type: string}}
      if: {properties: {kind: {const: a}}, required: [kind]}
      then: {required: [x]}
      else: {required: [y]}
    depends:
      type: object
      properties: {card: {type: string}, bill: {type: string}, name: {type: string}}
      dependentRequired: {card: [bill]}
      dependentSchemas: {name: {properties: {bill: {type: string, minLength: 2}}}}
    closed:
      type: object
      allOf: [{properties: {a: {type: string}}}, {minProperties: 1}]
      properties: {b: {type: string}}
      unevaluatedProperties: false
    named:
      type: object
      propertyNames: {maxLength: 8}
      patternProperties: {'^x-': {type: string}}
    encoded:
      type: string
      contentEncoding: base64url
      contentMediaType: application/json
      contentSchema: {type: object}
    sibling: {$ref: '#/components/schemas/Word', minLength: 2}
    never: {type: string, not: {const: no}}
    shown: {type: string, examples: [a, b], $comment: c}
    either: {oneOf: [{type: string}, {type: 'null'}]}
Word: {type: string, maxLength: 7}
Part: {type: object, properties: {it: {$ref: '#/components/schemas/It'}}}
"##;

/// A document whose schema clients send, read, or read in a webhook.
fn documents() -> [(&'static str, bool, Value); 3] {
    let schemas: Value = serde_yaml_ng::from_str(SCHEMAS).unwrap();
    let it = json!({"$ref": "#/components/schemas/It"});
    let content = json!({"application/json": {"schema": it}});
    let response = json!({"200": {"description": "d", "content": content}});
    let empty = json!({"204": {"description": "d"}});
    let body = json!({"required": true, "content": content});
    let send = json!({"post": {"requestBody": body, "responses": empty}});
    [
        (
            "sent",
            true,
            json!({
                "paths": {"/it": {"$ref": "#/components/pathItems/Send"}},
                "components": {"pathItems": {"Send": send}},
            }),
        ),
        ("read", false, json!({"paths": {"/it": {"get": {"responses": response}}}})),
        ("read in a webhook", false, json!({"webhooks": {"it": send}})),
    ]
    .map(|(name, sent, mut document)| {
        document["openapi"] = "3.1.0".into();
        document["info"] = json!({"title": "Modern", "version": "1", "summary": "s"});
        document["jsonSchemaDialect"] = "https://spec.openapis.org/oas/3.1/dialect/base".into();
        document["components"]["schemas"] = schemas.clone();
        (name, sent, document)
    })
}

/// The values that a schema allows after a change.
#[derive(Clone, Copy, PartialEq)]
enum After {
    Fewer,
    More,
    Other,
    Same,
}
use After::{Fewer, More, Other, Same};

/// A change: its kind, a place in `It`, the new value (`null` takes it away), the values after it.
type Change = (&'static str, &'static str, Value, After);

fn changes() -> Vec<Change> {
    vec![
        ("null removed from types", "nullable/type", json!("string"), Fewer),
        ("null added to types", "types/type", json!(["string", "integer", "null"]), More),
        ("type added to a list", "types/type", json!(["string", "integer", "boolean"]), More),
        ("type removed from a list", "types/type", json!(["string"]), Fewer),
        ("types reordered", "types/type", json!(["integer", "string"]), Same),
        ("const changed", "constant/const", json!("other"), Other),
        ("const removed", "constant/const", json!(null), More),
        ("const as enum", "constant", json!({"enum": ["fixed"]}), Same),
        ("const widened", "constant", json!({"enum": ["fixed", "more"]}), More),
        ("exclusiveMinimum raised", "above/exclusiveMinimum", json!(2), Fewer),
        ("exclusiveMinimum lowered", "above/exclusiveMinimum", json!(0), More),
        ("exclusiveMinimum removed", "above/exclusiveMinimum", json!(null), More),
        ("exclusiveMinimum made inclusive", "above", json!({"type": "number", "minimum": 1}), More),
        ("exclusiveMaximum lowered", "below/exclusiveMaximum", json!(8), Fewer),
        ("exclusiveMaximum raised", "below/exclusiveMaximum", json!(10), More),
        ("exclusiveMaximum removed", "below/exclusiveMaximum", json!(null), More),
        ("definition tightened", "defined/$defs/word/maxLength", json!(4), Fewer),
        ("definition loosened", "defined/$defs/word/maxLength", json!(6), More),
        ("definition unused", "defined/$defs/more", json!({"type": "integer"}), Same),
        (
            "prefixItems item tightened",
            "tuple/prefixItems/0",
            json!({"type": "string", "maxLength": 2}),
            Fewer,
        ),
        ("prefixItems item changed", "tuple/prefixItems/1", json!({"type": "boolean"}), Other),
        (
            "prefixItems item added",
            "tuple/prefixItems",
            json!([{"type": "string"}, {"type": "integer"}, {"type": "string"}]),
            More,
        ),
        ("prefixItems item removed", "tuple/prefixItems", json!([{"type": "string"}]), Fewer),
        ("items opened", "tuple/items", json!({"type": "string"}), More),
        ("contains changed", "listed/contains", json!({"const": "b"}), Other),
        ("contains tightened", "rest/contains", json!({"const": 1}), Fewer),
        ("minContains raised", "listed/minContains", json!(2), Fewer),
        ("minContains lowered", "listed/minContains", json!(0), More),
        ("minContains default", "listed/minContains", json!(null), Same),
        ("maxContains lowered", "listed/maxContains", json!(2), Fewer),
        ("maxContains raised", "listed/maxContains", json!(4), More),
        ("maxContains removed", "listed/maxContains", json!(null), More),
        (
            "unevaluatedItems tightened",
            "rest/unevaluatedItems",
            json!({"type": "integer", "minimum": 3}),
            Fewer,
        ),
        ("unevaluatedItems forbidden", "rest/unevaluatedItems", json!(false), Fewer),
        ("unevaluatedItems removed", "rest/unevaluatedItems", json!(null), More),
        (
            "if changed",
            "choice/if",
            json!({"properties": {"kind": {"const": "b"}}, "required": ["kind"]}),
            Other,
        ),
        ("then tightened", "choice/then", json!({"required": ["x", "y"]}), Fewer),
        ("then removed", "choice/then", json!(null), More),
        ("else tightened", "choice/else", json!({"required": ["x", "y"]}), Fewer),
        ("else removed", "choice/else", json!(null), More),
        (
            "dependentRequired longer",
            "depends/dependentRequired/card",
            json!(["bill", "name"]),
            Fewer,
        ),
        ("dependentRequired added", "depends/dependentRequired/name", json!(["card"]), Fewer),
        ("dependentRequired removed", "depends/dependentRequired/card", json!(null), More),
        (
            "dependentSchemas tightened",
            "depends/dependentSchemas/name/properties/bill/minLength",
            json!(3),
            Fewer,
        ),
        (
            "dependentSchemas loosened",
            "depends/dependentSchemas/name/properties/bill/minLength",
            json!(1),
            More,
        ),
        (
            "dependentSchemas added",
            "depends/dependentSchemas/card",
            json!({"required": ["name"]}),
            Fewer,
        ),
        ("dependentSchemas removed", "depends/dependentSchemas/name", json!(null), More),
        ("unevaluatedProperties opened", "closed/unevaluatedProperties", json!(null), More),
        (
            "unevaluatedProperties of a schema",
            "closed/unevaluatedProperties",
            json!({"type": "string"}),
            More,
        ),
        ("unevaluatedProperties forbidden", "depends/unevaluatedProperties", json!(false), Fewer),
        ("property of a closed object", "closed/properties/c", json!({"type": "string"}), More),
        ("propertyNames tightened", "named/propertyNames/maxLength", json!(4), Fewer),
        ("propertyNames loosened", "named/propertyNames/maxLength", json!(9), More),
        ("propertyNames removed", "named/propertyNames", json!(null), More),
        ("patternProperties tightened", "named/patternProperties/^x-/maxLength", json!(3), Fewer),
        (
            "patternProperties added",
            "named/patternProperties/^y-",
            json!({"type": "string"}),
            Fewer,
        ),
        ("patternProperties removed", "named/patternProperties/^x-", json!(null), More),
        ("contentEncoding changed", "encoded/contentEncoding", json!("base16"), Other),
        ("contentEncoding removed", "encoded/contentEncoding", json!(null), More),
        ("contentMediaType changed", "encoded/contentMediaType", json!("text/csv"), Other),
        ("contentSchema tightened", "encoded/contentSchema/required", json!(["a"]), Fewer),
        ("contentSchema removed", "encoded/contentSchema", json!(null), More),
        ("sibling of a reference tightened", "sibling/minLength", json!(3), Fewer),
        ("sibling of a reference loosened", "sibling/minLength", json!(1), More),
        ("sibling of a reference removed", "sibling/minLength", json!(null), More),
        ("sibling of a reference added", "sibling/pattern", json!("^a"), Fewer),
        ("annotation beside a reference", "sibling/description", json!("d"), Same),
        ("not changed", "never/not", json!({"const": "yes"}), Other),
        ("not removed", "never/not", json!(null), More),
        ("examples changed", "shown/examples", json!(["c"]), Same),
        ("comment changed", "shown/$comment", json!("d"), Same),
        ("null as an alternative", "either", json!({"type": ["string", "null"]}), Same),
        ("null no longer an alternative", "either", json!({"type": "string"}), Fewer),
        (
            "anyOf for oneOf",
            "either",
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
            Same,
        ),
        ("schema true", "anything", json!(true), Same),
    ]
}

/// The document after a change.
fn changed(document: &Value, place: &str, value: &Value) -> Value {
    let pointer = format!("/components/schemas/It/properties/{place}");
    let step = match value {
        Value::Null => Step::Take(pointer),
        value => Step::Put(pointer, value.clone()),
    };
    edited(document, &[step])
}

fn worst(verdicts: &[Verdict]) -> Severity {
    verdicts.iter().map(|verdict| verdict.severity).max().unwrap_or(Severity::Compatible)
}

#[test]
fn json_schema_keyword_changes_are_classified_at_their_path() {
    let mut faults = Vec::new();
    let mut by_kind: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut values, mut reasons, mut drawn) = (0, BTreeMap::<String, usize>::new(), 0);
    for (name, sent, document) in documents() {
        let old = parse(&document.to_string()).unwrap();
        for (kind, place, value, after) in changes() {
            let new = parse(&changed(&document, place, &value).to_string()).unwrap();
            let (differences, verdicts) = (diff(&old, &new), compare(&old, &new));
            let property = place.split('/').next().unwrap();
            let at = format!("/components/schemas/It/properties/{property}");
            // A new property is a difference although it allows the same values.
            let is_new = kind == "schema true";
            let silent = after == Same && !is_new;
            // Definitions are components of their own.
            let is_there = |path: &str| path.starts_with(&at) || path.contains("/schemas/word");
            if !silent && !differences.iter().any(|one| is_there(&one.path)) {
                faults.push(format!("{kind}, {name}: not reported at {at}: {differences:?}"));
            }
            let breaks = match after {
                Fewer => sent,
                More => !sent,
                Other => true,
                Same => false,
            };
            if breaks != (worst(&verdicts) != Severity::Compatible) {
                faults.push(format!("{kind}, {name}: should break: {breaks}: {verdicts:#?}"));
            }
            *by_kind.entry(kind).or_default() += 1;
            let confirmed = confirm(&old, &new, &verdicts);
            values += confirmed.values;
            faults.extend(confirmed.faults.iter().map(|fault| format!("{kind}, {name}: {fault}")));
            for reason in confirmed.reasons {
                *reasons.entry(format!("{reason} ({kind})")).or_default() += 1;
            }
            if !breaks && name != "read in a webhook" {
                let (accepting, refusing) = if sent { (&old, &new) } else { (&new, &old) };
                let schema = |document: &Value| {
                    document["components"]["schemas"]["It"]["properties"].get(property).cloned()
                };
                if let (Some(accepting_schema), Some(schema)) =
                    (schema(accepting), schema(refusing))
                {
                    let mut all = Values::of(accepting, &accepting_schema);
                    let other = Values::of(refusing, &schema);
                    for value in all.draw(1_000) {
                        drawn += 1;
                        if !other.accepts(&value) {
                            faults.push(format!("{kind}, {name}: {value} is refused now"));
                            break;
                        }
                    }
                }
            }
        }
    }
    println!("{} kinds, {values} values confirmed, {drawn} drawn; none where:", by_kind.len());
    reasons.iter().for_each(|(reason, count)| println!("{count:4}  {reason}"));
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
    assert!(values >= 100, "{values}");
}
