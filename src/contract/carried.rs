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

/// Keywords about values, which no Rust type shows.
const VALUES: [&str; 4] = ["maxLength", "minLength", "pattern", "format"];

/// What replies hold by the code that makes them: schema, property, keyword, value. No type carries it and no request is
/// checked for it, so it is said here by hand. Whoever changes a line changes that code.
const PROMISED: &[(&str, &str, &str, Promise)] = &[
    // http/pagination.rs: absolute links.
    ("PaginatedEmailAddressList", "next", "format", Word("uri")),
    ("PaginatedEmailAddressList", "previous", "format", Word("uri")),
    ("PaginatedSocialAccountList", "next", "format", Word("uri")),
    ("PaginatedSocialAccountList", "previous", "format", Word("uri")),
    ("PaginatedSocialProviderListResponseList", "next", "format", Word("uri")),
    ("PaginatedSocialProviderListResponseList", "previous", "format", Word("uri")),
    // Addresses are checked where they come in.
    ("PatchedUserDetails", "email", "format", Word("email")),
    ("UserDetails", "email", "format", Word("email")),
    // Columns of the reference, which rows are imported from.
    ("SocialAccount", "provider", "maxLength", Count(200)),
    ("SocialAccount", "uid", "maxLength", Count(191)),
    ("SocialProvider", "connect", "format", Word("uri")),
    ("SocialProvider", "login", "format", Word("uri")),
    // domain/tokens.rs
    ("Token", "key", "maxLength", Count(100)),
    ("Token", "key", "minLength", Count(50)),
];

#[derive(Clone, Copy)]
enum Promise {
    Word(&'static str),
    Count(u64),
}

use Promise::{Count, Word};

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
pub fn schema(name: &str, source: &Value, roles: &Roles) -> Value {
    let mut carried = source.clone();
    let Some(keywords) = carried.as_object_mut() else { return carried };
    keywords.retain(|keyword, _| is_note(keyword) || matches!(keyword.as_str(), "type" | "properties" | "required"));
    // A struct reads and writes an object, whether or not the document says so.
    if keywords.contains_key("properties") {
        keywords.insert("type".to_owned(), json!("object"));
    }
    for (property, said) in keywords.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if let Some(said) = said.as_object_mut() {
            keep(name, property, said, roles);
        }
    }
    carried
}

fn keep(schema: &str, property: &str, said: &mut Map<String, Value>, roles: &Roles) {
    let checked = roles.requested.contains(schema) && said.get("readOnly") != Some(&json!(true));
    let kind = said.get("type").cloned().unwrap_or_default();
    said.retain(|keyword, value| match keyword.as_str() {
        // Rust's types, serde's attributes, and the request types without readOnly members.
        "type" | "nullable" | "readOnly" | "items" | "$ref" => true,
        // A reply would have to leave it out.
        "writeOnly" => !roles.replied.contains(schema),
        "format" if kind == "integer" => value == "int64",
        "format" if matches!(value.as_str(), Some("date-time")) => true,
        // http/fields.rs, from the constraint table.
        "format" => checked && value == "email",
        "maxLength" | "minLength" | "pattern" => checked && kind == "string",
        note => is_note(note),
    });
    if let Some(items) = said.get_mut("items").and_then(Value::as_object_mut) {
        items.retain(|keyword, _| is_note(keyword) || matches!(keyword.as_str(), "type" | "$ref"));
    }
    if !checked {
        let promises = PROMISED.iter().filter(|(of, name, ..)| *of == schema && *name == property);
        for (_, _, keyword, promise) in promises {
            debug_assert!(VALUES.contains(keyword));
            let value = match promise {
                Word(word) => json!(word),
                Count(count) => json!(count),
            };
            said.insert((*keyword).to_owned(), value);
        }
    }
}

/// The schema of a parameter: it is parsed as its type, and nothing else is asked of it. Notes go as far as dropshot
/// passes them on.
pub fn parameter(source: &mut Value) {
    if let Some(said) = source.as_object_mut() {
        let is_integer = said.get("type") == Some(&json!("integer"));
        said.retain(|keyword, value| match keyword.as_str() {
            "type" => true,
            "format" => is_integer && value == "int64",
            note => is_note(note),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(name: &str, requested: bool, property: Value) -> Value {
        let one = |is: bool| is.then(|| name.to_owned()).into_iter().collect();
        let roles = Roles { requested: one(requested), replied: one(!requested) };
        let source = json!({"additionalProperties": false, "properties": {"key": property}});
        let all = schema(name, &source, &roles);
        assert_eq!((all.get("additionalProperties"), &all["type"]), (None, &json!("object")));
        all["properties"]["key"].clone()
    }

    #[test]
    fn request_states_what_the_constraint_table_checks_and_no_more() {
        let checked = json!({"type": "string", "format": "email", "maxLength": 9, "minLength": 1, "pattern": "^a"});
        assert_eq!(carried("A", true, checked.clone()), checked);
        let unchecked = json!({"type": "integer", "minimum": 1, "multipleOf": 2, "default": 4, "format": "int32"});
        assert_eq!(carried("A", true, unchecked), json!({"type": "integer"}));
        assert_eq!(carried("A", true, json!({"type": "string", "format": "uri"})), json!({"type": "string"}));
        let list = json!({"type": "array", "minItems": 1, "items": {"type": "string", "maxLength": 3}});
        assert_eq!(carried("A", true, list), json!({"type": "array", "items": {"type": "string"}}));
    }

    #[test]
    fn reply_states_what_is_promised_whatever_the_document_says() {
        let promised = json!({"type": "string", "minLength": 50, "maxLength": 100});
        let said = json!({"type": "string", "maxLength": 10, "pattern": "^a", "writeOnly": true});
        assert_eq!(carried("Token", false, said), promised);
        assert_eq!(carried("Token", false, json!({"type": "string"})), promised);
        let one_way = json!({"type": "string", "writeOnly": true});
        assert_eq!(carried("A", true, one_way.clone()), one_way);
    }

    #[test]
    fn parameter_states_its_type() {
        let mut said = json!({"type": "integer", "format": "int64", "minimum": 1, "default": 2, "description": "d"});
        parameter(&mut said);
        assert_eq!(said, json!({"type": "integer", "format": "int64", "description": "d"}));
    }
}
