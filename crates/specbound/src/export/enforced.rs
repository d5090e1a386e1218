//! The schema keywords that a generated server enforces. An export states no other keyword.
//!
//! Generated types carry the document's own schemas, so an export made of them alone would agree
//! with every document: one that closes an object or bounds a number would look enforced although
//! no code checks it. Every keyword that is not listed here is therefore removed from the export,
//! and the comparison reports it as absent on the server until code enforces it and a line is added
//! here.
//!
//! Nothing in this module may read the source document.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::formats::TextFormat;

/// A keyword of one response property that holds because of the code that produces the value.
///
/// No type carries it and no request is checked for it, so a server states it by hand.
#[derive(Debug)]
pub struct ResponseGuarantee {
    schema: &'static str,
    property: &'static str,
    keyword: &'static str,
    value: Expected,
}

#[derive(Debug)]
enum Expected {
    Text(&'static str),
    Count(u64),
}

impl ResponseGuarantee {
    /// A keyword with a text, such as `format`.
    pub const fn text(
        schema: &'static str,
        property: &'static str,
        keyword: &'static str,
        value: &'static str,
    ) -> ResponseGuarantee {
        ResponseGuarantee { schema, property, keyword, value: Expected::Text(value) }
    }

    /// A keyword with a count, such as `maxLength`.
    pub const fn count(
        schema: &'static str,
        property: &'static str,
        keyword: &'static str,
        value: u64,
    ) -> ResponseGuarantee {
        ResponseGuarantee { schema, property, keyword, value: Expected::Count(value) }
    }
}

/// The schemas that requests and responses use, directly or through other schemas.
#[derive(Debug)]
pub struct SchemaRoles {
    requested: BTreeSet<String>,
    replied: BTreeSet<String>,
}

impl SchemaRoles {
    /// Collects them from the `paths` of a document and its component schemas.
    pub fn new(paths: &Value, schemas: &Value) -> SchemaRoles {
        let mut roles = SchemaRoles { requested: BTreeSet::new(), replied: BTreeSet::new() };
        for operation in
            paths.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_object)
        {
            for operation in operation.values() {
                collect_references(&operation["requestBody"], schemas, &mut roles.requested);
                collect_references(&operation["responses"], schemas, &mut roles.replied);
            }
        }
        roles
    }
}

fn collect_references(value: &Value, schemas: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str);
            if let Some(name) =
                target.and_then(|target| target.strip_prefix("#/components/schemas/"))
                && found.insert(name.to_owned())
            {
                collect_references(&schemas[name], schemas, found);
            }
            members.values().for_each(|value| collect_references(value, schemas, found));
        }
        Value::Array(items) => {
            items.iter().for_each(|item| collect_references(item, schemas, found))
        }
        _ => {}
    }
}

/// An annotation states nothing about a value.
fn is_annotation(keyword: &str) -> bool {
    matches!(keyword, "title" | "description" | "example" | "externalDocs" | "deprecated")
        || keyword.starts_with("x-")
}

/// A component schema reduced to the enforced keywords, with the guarantees of the server.
pub fn schema(
    name: &str,
    source: &Value,
    roles: &SchemaRoles,
    guarantees: &[ResponseGuarantee],
) -> Value {
    let mut enforced = source.clone();
    let (requested, replied) = (roles.requested.contains(name), roles.replied.contains(name));
    retain_enforced(&mut enforced, requested, replied);
    for guarantee in guarantees.iter().filter(|guarantee| guarantee.schema == name) {
        let declared = &source["properties"][guarantee.property];
        let is_checked = requested && declared["readOnly"] != json!(true);
        if let Some(keywords) =
            enforced.get_mut("properties").and_then(|all| all.get_mut(guarantee.property))
            && !is_checked
        {
            keywords[guarantee.keyword] = match guarantee.value {
                Expected::Text(word) => json!(word),
                Expected::Count(count) => json!(count),
            };
        }
    }
    enforced
}

/// Reduces the inline schemas in the `content` of a request or a response.
pub fn content(content: &mut Value, requested: bool) {
    for entry in content.as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Some(schema) = entry.get_mut("schema") {
            retain_enforced(schema, requested, !requested);
        }
    }
}

fn retain_enforced(schema: &mut Value, requested: bool, replied: bool) {
    let Some(keywords) = schema.as_object_mut() else { return };
    let kind = keywords.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let binary = !requested && keywords.get("format").is_some_and(|format| format == "binary");
    keywords.retain(|keyword, value| match keyword.as_str() {
        // Rust's types, serde's attributes, and request types without readOnly members.
        "type" | "nullable" | "readOnly" | "required" | "properties" | "items" | "$ref" => true,
        "enum" | "allOf" | "oneOf" | "anyOf" => true,
        // A type ignores unknown members; it does not refuse them.
        "additionalProperties" => *value != json!(false),
        // A response would have to leave the property out.
        "writeOnly" => !replied,
        "format" if is_a_rust_type(&kind, value) => true,
        "format" => match (kind.as_str(), value.as_str().unwrap_or_default()) {
            // The constraint table of the request.
            ("string", "email") => requested,
            // The bytes of a response.
            ("string", "binary") => binary,
            _ => false,
        },
        // The constraint table of the request; elsewhere the types, or the generator refuses the
        // document.
        "maxLength" | "minLength" | "pattern" => requested && kind == "string",
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "minItems"
        | "maxItems" => requested,
        other => is_annotation(other),
    });
    // A struct is an object and a Vec a list, whether or not the document says so.
    for (keyword, kind) in [("properties", "object"), ("items", "array")] {
        if keywords.contains_key(keyword) {
            keywords.insert("type".to_owned(), json!(kind));
        }
    }
    for (keyword, value) in keywords {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for property in properties.values_mut() {
                    let read_only = property["readOnly"] == json!(true);
                    retain_enforced(property, requested && !read_only, replied);
                }
            }
            ("items" | "additionalProperties", inner) => retain_enforced(inner, requested, replied),
            ("allOf" | "oneOf" | "anyOf", Value::Array(members)) => {
                members.iter_mut().for_each(|member| retain_enforced(member, requested, replied));
            }
            _ => {}
        }
    }
}

/// A format that holds because a Rust type parses and serializes it.
fn is_a_rust_type(kind: &str, format: &Value) -> bool {
    matches!(
        (kind, format.as_str().unwrap_or_default()),
        ("integer", "int64") | ("number", "double") | ("string", "date" | "date-time" | "uuid")
    )
}

/// Reduces the schema of a parameter to the keywords that its generated reader checks. It applies
/// no default.
pub fn parameter(source: &mut Value) {
    let Some(keywords) = source.as_object_mut() else { return };
    let kind = keywords.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    keywords.retain(|keyword, value| match keyword.as_str() {
        "type" | "items" | "enum" => true,
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
            kind == "integer" || kind == "number"
        }
        "maxLength" | "minLength" | "pattern" => kind == "string",
        "format" => is_a_rust_type(&kind, value) || TextFormat::named(value).is_some(),
        other => is_annotation(other),
    });
    if let Some(items) = keywords.get_mut("items") {
        parameter(items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enforced(name: &str, requested: bool, property: Value) -> Value {
        let one = |is: bool| is.then(|| name.to_owned()).into_iter().collect();
        let roles = SchemaRoles { requested: one(requested), replied: one(!requested) };
        let source = json!({"additionalProperties": false, "properties": {"key": property}});
        let guarantees = [
            ResponseGuarantee::count("Token", "key", "minLength", 50),
            ResponseGuarantee::text("Token", "key", "format", "uri"),
        ];
        let all = schema(name, &source, &roles, &guarantees);
        assert_eq!((all.get("additionalProperties"), &all["type"]), (None, &json!("object")));
        all["properties"]["key"].clone()
    }

    #[test]
    fn request_states_only_keywords_of_the_constraint_table() {
        let checked = json!({
            "type": "string", "format": "email", "maxLength": 9, "minLength": 1, "pattern": "^a",
        });
        assert_eq!(enforced("A", true, checked.clone()), checked);
        let number =
            json!({"type": "integer", "minimum": 1, "exclusiveMinimum": true, "format": "int64"});
        assert_eq!(enforced("A", true, number.clone()), number);
        let unchecked =
            json!({"type": "integer", "multipleOf": 2, "default": 4, "format": "int32"});
        assert_eq!(enforced("A", true, unchecked), json!({"type": "integer"}));
        assert_eq!(
            enforced("A", true, json!({"type": "string", "format": "uri"})),
            json!({"type": "string"})
        );
        let list =
            json!({"type": "array", "minItems": 1, "items": {"type": "string", "maxLength": 3}});
        assert_eq!(enforced("A", true, list.clone()), list);
        assert_eq!(
            enforced("A", true, json!({"type": "string", "maxLength": 9, "readOnly": true})),
            json!({"type": "string", "readOnly": true})
        );
    }

    #[test]
    fn response_states_the_guarantees_and_nothing_else_of_the_document() {
        let promised = json!({"type": "string", "minLength": 50, "format": "uri"});
        let said = json!({"type": "string", "maxLength": 10, "pattern": "^a", "writeOnly": true});
        assert_eq!(enforced("Token", false, said), promised);
        assert_eq!(enforced("Token", false, json!({"type": "string"})), promised);
        let bounded =
            json!({"type": "array", "maxItems": 1, "items": {"type": "integer", "minimum": 1}});
        assert_eq!(
            enforced("A", false, bounded),
            json!({"type": "array", "items": {"type": "integer"}})
        );
    }

    #[test]
    fn parameter_states_only_keywords_that_its_reader_checks() {
        let mut said = json!({
            "type": "integer", "format": "int64", "minimum": 1, "default": 2, "description": "d",
        });
        parameter(&mut said);
        assert_eq!(
            said,
            json!({"type": "integer", "format": "int64", "minimum": 1, "description": "d"})
        );
        let mut said =
            json!({"type": "array", "items": {"type": "string", "format": "html", "enum": ["a"]}});
        parameter(&mut said);
        assert_eq!(said, json!({"type": "array", "items": {"type": "string", "enum": ["a"]}}));
        let held = json!({"type": "string", "format": "uri"});
        let mut said = held.clone();
        parameter(&mut said);
        assert_eq!(said, held);
    }
}
