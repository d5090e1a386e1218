//! Rewrites a copy of the document so that progenitor accepts it. One function per rule, each with its reason.
//!
//! Nothing here changes the contract: the parts that a rule removes from the copy are generated from the document itself,
//! as a constraint table, a source schema or a marker type.

use heck::ToPascalCase;
use serde_json::{Map, Value, json};

use super::document::{Content, Document, JSON};
use super::read::{component, escape};
use super::schema::{for_each_inner_mut, without_read_only};

/// All rules, in their order.
pub fn normalise(source: &Value, document: &Document) -> Value {
    let mut copy = source.clone();
    inherit_parameters(&mut copy);
    name_inline_schemas(&mut copy, document);
    keep_json_content(&mut copy);
    drop_inner_titles(&mut copy);
    strip_constraints(&mut copy);
    synthesise_request_schemas(&mut copy, document);
    give_answers_one_type(&mut copy, document);
    copy
}

/// Moves the parameters of a path item into its operations, the one place where the rules below look.
pub fn inherit_parameters(copy: &mut Value) {
    for item in members(copy, "paths").into_iter().flat_map(|paths| paths.values_mut()).filter_map(Value::as_object_mut)
    {
        let Some(Value::Array(shared)) = item.remove("parameters") else { continue };
        for operation in item.values_mut().filter_map(Value::as_object_mut) {
            let own = operation.entry("parameters").or_insert_with(|| json!([]));
            if let Some(own) = own.as_array_mut() {
                let same = |one: &Value, other: &Value| one["in"] == other["in"] && one["name"] == other["name"];
                let inherited = shared.iter().filter(|shared| !own.iter().any(|own| same(own, shared)));
                let inherited: Vec<Value> = inherited.cloned().collect();
                own.extend(inherited);
            }
        }
    }
}

/// Names inline schemas, so that server and client use the same type name.
pub fn name_inline_schemas(copy: &mut Value, document: &Document) {
    for schema in document.schemas.iter().filter(|schema| schema.is_inline) {
        if let Some(location) = copy.pointer_mut(&schema.at) {
            *location = reference(&schema.name);
        }
        add_schema(copy, schema.name.clone(), schema.source.clone());
    }
}

/// Keeps JSON alone of several request content types, on which progenitor panics. They all have one schema.
pub fn keep_json_content(copy: &mut Value) {
    for_each_operation(copy, &mut |operation| {
        if let Some(content) = operation.get_mut("requestBody").and_then(|body| members(body, "content"))
            && content.contains_key(JSON)
        {
            content.retain(|media, _| media == JSON);
        }
    });
}

/// A `title` inside a schema names a type: "Email address" collides with the component `EmailAddress`.
pub fn drop_inner_titles(copy: &mut Value) {
    fn inside(schema: &mut Value) {
        for_each_inner_mut(schema, &mut |inner| {
            if let Some(inner) = inner.as_object_mut() {
                inner.remove("title");
            }
            inside(inner);
        });
    }
    for_each_schema(copy, &mut inside);
}

/// Removes constraints that the constraint table and the parameter readers check. typify makes a newtype for each, which
/// reports only the first bad field and takes `\w` for ASCII. In the values of a map or an alternative, which no table
/// covers, the newtypes stay.
pub fn strip_constraints(copy: &mut Value) {
    fn strip(schema: &mut Value) {
        if let Some(schema) = schema.as_object_mut() {
            schema.retain(|keyword, _| !CONSTRAINTS.contains(&keyword.as_str()));
        }
    }
    fn properties(schema: &mut Value) {
        for (_, property) in members(schema, "properties").into_iter().flatten() {
            strip(property);
            properties(property);
            if let Some(items) = property.get_mut("items").filter(|items| items["type"] != "array") {
                strip(items);
                properties(items);
            }
        }
    }
    for_each_schema(copy, &mut properties);
    for_each_operation(copy, &mut |operation| {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
        for schema in parameters.filter_map(|parameter| parameter.get_mut("schema")) {
            strip(schema);
            schema.get_mut("items").into_iter().for_each(strip);
        }
    });
}

const CONSTRAINTS: [&str; 9] = [
    "maxLength",
    "minLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
];

/// Adds request schemas without readOnly members, since progenitor ignores `readOnly`.
pub fn synthesise_request_schemas(copy: &mut Value, document: &Document) {
    // From the copy, where the rules before have done their work.
    for schema in document.trimmed_schemas() {
        if let Some(source) = copy.pointer(&format!("/components/schemas/{}", escape(&schema.name))) {
            let request = without_read_only(source, &|name| document.request_name(name));
            add_schema(copy, document.request_name(&schema.name), request);
        }
    }
    for_each_operation(copy, &mut |operation| {
        let Some(content) = operation.get_mut("requestBody").and_then(|body| members(body, "content")) else { return };
        for entry in content.values_mut() {
            let Some(name) = entry["schema"]["$ref"].as_str().and_then(component) else { continue };
            entry["schema"] = reference(&document.request_name(name));
        }
    });
}

/// Gives all successes of an operation one type, and all failures; progenitor panics on more. Where all are JSON the type
/// is a `oneOf`, else the client returns the raw bytes.
pub fn give_answers_one_type(copy: &mut Value, document: &Document) {
    for operation in &document.operations {
        let at = format!("{}/responses", operation.at());
        for (name, statuses) in [("Success", 200..300), ("Failure", 300..600)] {
            let answers = || operation.answers.iter().filter(|answer| statuses.contains(&answer.status));
            let mut contents: Vec<&Content> = answers().map(|answer| &answer.content).collect();
            contents.sort_unstable();
            contents.dedup();
            if contents.len() < 2 {
                continue;
            }
            let schemas: Option<Vec<Value>> = contents
                .iter()
                .map(|content| if let Content::Json(name) = content { Some(reference(name)) } else { None })
                .collect();
            let content = match schemas {
                Some(schemas) => {
                    let name = format!("{}{name}", operation.id.to_pascal_case());
                    add_schema(copy, name.clone(), json!({ "oneOf": schemas }));
                    json!({ JSON: { "schema": reference(&name) } })
                }
                None => json!({ "application/octet-stream": {} }),
            };
            for answer in answers() {
                if let Some(response) = copy.pointer_mut(&format!("{at}/{}", answer.status)) {
                    response["content"] = content.clone();
                }
            }
        }
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn add_schema(copy: &mut Value, name: String, schema: Value) {
    let Some(copy) = copy.as_object_mut() else { return };
    let components = copy.entry("components").or_insert_with(|| json!({}));
    let Some(components) = components.as_object_mut() else { return };
    if let Some(schemas) = components.entry("schemas").or_insert_with(|| json!({})).as_object_mut() {
        schemas.insert(name, schema);
    }
}

/// Unlike indexing, this neither panics on a value that is no object nor inserts a missing member.
fn members<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    value.get_mut(key)?.as_object_mut()
}

fn for_each_operation(copy: &mut Value, rule: &mut dyn FnMut(&mut Value)) {
    for item in members(copy, "paths").into_iter().flat_map(|paths| paths.values_mut()) {
        for operation in item.as_object_mut().into_iter().flat_map(|i| i.values_mut()) {
            if operation.is_object() {
                rule(operation);
            }
        }
    }
}

/// Visits component schemas by structure, so that a property *named* `title` or `pattern` is kept.
fn for_each_schema(copy: &mut Value, rule: &mut dyn FnMut(&mut Value)) {
    let schemas = copy.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    schemas.into_iter().flat_map(|schemas| schemas.values_mut()).for_each(rule);
}
