//! The in-memory copy of the document that progenitor can take. One named function per rule, each with its reason.
//!
//! Nothing here changes the contract: what a rule takes out of the copy is emitted from the document itself, as a
//! constraint table, a source schema or a marker type.

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

/// What a path item shares stands in its operations, so that the rules below have one place to look.
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

/// The server's types and the client's must have one name. A schema that stands inside an operation gets it here.
pub fn name_inline_schemas(copy: &mut Value, document: &Document) {
    for schema in document.schemas.iter().filter(|schema| schema.is_inline) {
        if let Some(place) = copy.pointer_mut(&schema.at) {
            *place = reference(&schema.name);
        }
        add_schema(copy, schema.name.clone(), schema.source.clone());
    }
}

/// progenitor panics on more than one request content type. They all carry one schema; JSON speaks for them.
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

/// typify makes a newtype for each of these, which stops at the first bad field and knows `\w` as ASCII only. The
/// constraint table and the readers of parameters check them instead, all at once. Where the table does not reach, in
/// the values of a map or a choice, the newtypes stay.
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

/// progenitor ignores `readOnly`: a request type gets a schema of its own, without the members no client may send.
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

/// progenitor knows one type for all successes of an operation, and one for all failures, and panics on more. Where all
/// are JSON they become one schema with a choice; else the client hands out the bytes as they came.
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

/// Unlike indexing, this neither panics on what is no object nor inserts what is missing.
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

/// Visits component schemas by their place, so that a property which is *named* `title` or `pattern` stays.
fn for_each_schema(copy: &mut Value, rule: &mut dyn FnMut(&mut Value)) {
    let schemas = copy.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    schemas.into_iter().flat_map(|schemas| schemas.values_mut()).for_each(rule);
}
