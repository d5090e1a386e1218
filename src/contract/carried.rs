//! Which keywords of a schema the server makes true. The export states nothing else.
//!
//! The generated schemas are the document's own words, so that an export made of them alone would agree with any
//! document: one that closes an object or bounds a number would look served while no code closes or bounds anything.
//! What is not named here is therefore taken out of the export, and the gate reports it as absent on the server, until
//! code carries it and a line here says so.
//!
//! It must never look at the source document.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// A keyword about the values of one property, which the code that makes replies holds.
pub struct Promise {
    schema: &'static str,
    property: &'static str,
    keyword: &'static str,
    value: Kept,
}

enum Kept {
    Word(&'static str),
    Count(u64),
}

impl Promise {
    pub const fn word(
        schema: &'static str,
        property: &'static str,
        keyword: &'static str,
        value: &'static str,
    ) -> Promise {
        Promise { schema, property, keyword, value: Kept::Word(value) }
    }

    pub const fn count(schema: &'static str, property: &'static str, keyword: &'static str, value: u64) -> Promise {
        Promise { schema, property, keyword, value: Kept::Count(value) }
    }
}

/// Which schemas stand in requests, and which in replies, directly or behind another.
pub struct Roles {
    requested: BTreeSet<String>,
    replied: BTreeSet<String>,
}

impl Roles {
    /// From the operations that are registered, and the schemas that they refer to.
    pub fn new(paths: &Value, schemas: &Value) -> Roles {
        let mut roles = Roles { requested: BTreeSet::new(), replied: BTreeSet::new() };
        for operation in paths.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_object) {
            for operation in operation.values() {
                reach(&operation["requestBody"], schemas, &mut roles.requested);
                reach(&operation["responses"], schemas, &mut roles.replied);
            }
        }
        roles
    }
}

fn reach(value: &Value, schemas: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str);
            if let Some(name) = target.and_then(|target| target.strip_prefix("#/components/schemas/"))
                && found.insert(name.to_owned())
            {
                reach(&schemas[name], schemas, found);
            }
            members.values().for_each(|value| reach(value, schemas, found));
        }
        Value::Array(items) => items.iter().for_each(|item| reach(item, schemas, found)),
        _ => {}
    }
}

/// Says nothing about a value, for people and generators alone.
fn is_note(keyword: &str) -> bool {
    matches!(keyword, "title" | "description" | "example" | "externalDocs" | "deprecated") || keyword.starts_with("x-")
}

/// One component schema, as far as it is carried.
pub fn schema(name: &str, source: &Value, roles: &Roles, promises: &[Promise]) -> Value {
    let mut carried = source.clone();
    let (requested, replied) = (roles.requested.contains(name), roles.replied.contains(name));
    keep(&mut carried, requested, replied);
    for promise in promises.iter().filter(|promise| promise.schema == name) {
        let said = &source["properties"][promise.property];
        let is_checked = requested && said["readOnly"] != json!(true);
        if let Some(said) = carried.get_mut("properties").and_then(|all| all.get_mut(promise.property))
            && !is_checked
        {
            said[promise.keyword] = match promise.value {
                Kept::Word(word) => json!(word),
                Kept::Count(count) => json!(count),
            };
        }
    }
    carried
}

/// The schemas that stand inline in the `content` of a request or an answer.
pub fn inline(content: &mut Value, requested: bool) {
    for entry in content.as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Some(schema) = entry.get_mut("schema") {
            keep(schema, requested, !requested);
        }
    }
}

fn keep(schema: &mut Value, requested: bool, replied: bool) {
    let Some(said) = schema.as_object_mut() else { return };
    let kind = said.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let binary = !requested && said.get("format").is_some_and(|format| format == "binary");
    said.retain(|keyword, value| match keyword.as_str() {
        // Rust's types, serde's attributes, and the request types without readOnly members.
        "type" | "nullable" | "readOnly" | "required" | "properties" | "items" | "$ref" => true,
        "enum" | "allOf" | "oneOf" | "anyOf" => true,
        // A type ignores what it does not name; it does not refuse it.
        "additionalProperties" => *value != json!(false),
        // A reply would have to leave it out.
        "writeOnly" => !replied,
        "format" if is_a_rust_type(&kind, value) => true,
        "format" => match (kind.as_str(), value.as_str().unwrap_or_default()) {
            // http/fields.rs, from the constraint table.
            ("string", "email") => requested,
            // Bytes of an answer.
            ("string", "binary") => binary,
            _ => false,
        },
        // http/fields.rs, from the constraint table; beyond its reach the types, or the generator refuses.
        "maxLength" | "minLength" | "pattern" => requested && kind == "string",
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "minItems" | "maxItems" => requested,
        note => is_note(note),
    });
    // A struct is an object and a Vec a list, whether or not the document says so.
    for (keyword, kind) in [("properties", "object"), ("items", "array")] {
        if said.contains_key(keyword) {
            said.insert("type".to_owned(), json!(kind));
        }
    }
    for (keyword, value) in said {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for property in properties.values_mut() {
                    let read_only = property["readOnly"] == json!(true);
                    keep(property, requested && !read_only, replied);
                }
            }
            ("items" | "additionalProperties", inner) => keep(inner, requested, replied),
            ("allOf" | "oneOf" | "anyOf", Value::Array(members)) => {
                members.iter_mut().for_each(|member| keep(member, requested, replied));
            }
            _ => {}
        }
    }
}

/// A format that a value has because it is read into its type, or written from it.
fn is_a_rust_type(kind: &str, format: &Value) -> bool {
    matches!(
        (kind, format.as_str().unwrap_or_default()),
        ("integer", "int64") | ("number", "double") | ("string", "date" | "date-time" | "uuid")
    )
}

/// The schema of a parameter, as its generated reader holds a value against it. A default is nobody's.
pub fn parameter(source: &mut Value) {
    let Some(said) = source.as_object_mut() else { return };
    let kind = said.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    said.retain(|keyword, value| match keyword.as_str() {
        "type" | "items" | "enum" => true,
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => kind == "integer" || kind == "number",
        "maxLength" | "minLength" | "pattern" => kind == "string",
        "format" => is_a_rust_type(&kind, value),
        note => is_note(note),
    });
    if let Some(items) = said.get_mut("items") {
        parameter(items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(name: &str, requested: bool, property: Value) -> Value {
        let one = |is: bool| is.then(|| name.to_owned()).into_iter().collect();
        let roles = Roles { requested: one(requested), replied: one(!requested) };
        let source = json!({"additionalProperties": false, "properties": {"key": property}});
        let promises =
            [Promise::count("Token", "key", "minLength", 50), Promise::word("Token", "key", "format", "uri")];
        let all = schema(name, &source, &roles, &promises);
        assert_eq!((all.get("additionalProperties"), &all["type"]), (None, &json!("object")));
        all["properties"]["key"].clone()
    }

    #[test]
    fn request_states_what_the_constraint_table_checks_and_no_more() {
        let checked = json!({"type": "string", "format": "email", "maxLength": 9, "minLength": 1, "pattern": "^a"});
        assert_eq!(carried("A", true, checked.clone()), checked);
        let number = json!({"type": "integer", "minimum": 1, "exclusiveMinimum": true, "format": "int64"});
        assert_eq!(carried("A", true, number.clone()), number);
        let unchecked = json!({"type": "integer", "multipleOf": 2, "default": 4, "format": "int32"});
        assert_eq!(carried("A", true, unchecked), json!({"type": "integer"}));
        assert_eq!(carried("A", true, json!({"type": "string", "format": "uri"})), json!({"type": "string"}));
        let list = json!({"type": "array", "minItems": 1, "items": {"type": "string", "maxLength": 3}});
        assert_eq!(carried("A", true, list.clone()), list);
        assert_eq!(
            carried("A", true, json!({"type": "string", "maxLength": 9, "readOnly": true})),
            json!({"type": "string", "readOnly": true})
        );
    }

    #[test]
    fn reply_states_what_is_promised_whatever_the_document_says() {
        let promised = json!({"type": "string", "minLength": 50, "format": "uri"});
        let said = json!({"type": "string", "maxLength": 10, "pattern": "^a", "writeOnly": true});
        assert_eq!(carried("Token", false, said), promised);
        assert_eq!(carried("Token", false, json!({"type": "string"})), promised);
        let bounded = json!({"type": "array", "maxItems": 1, "items": {"type": "integer", "minimum": 1}});
        assert_eq!(carried("A", false, bounded), json!({"type": "array", "items": {"type": "integer"}}));
    }

    #[test]
    fn parameter_states_what_its_reader_checks() {
        let mut said = json!({"type": "integer", "format": "int64", "minimum": 1, "default": 2, "description": "d"});
        parameter(&mut said);
        assert_eq!(said, json!({"type": "integer", "format": "int64", "minimum": 1, "description": "d"}));
        let mut said = json!({"type": "array", "items": {"type": "string", "format": "uri", "enum": ["a"]}});
        parameter(&mut said);
        assert_eq!(said, json!({"type": "array", "items": {"type": "string", "enum": ["a"]}}));
    }
}
