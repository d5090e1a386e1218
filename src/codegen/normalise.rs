//! The in-memory copy of the document that progenitor can take. One named function per rule, each with its reason.
//!
//! Nothing here changes the contract: what a rule takes out of the copy is emitted from the document itself, as a
//! constraint table, a source schema or a marker type.

use serde_json::{Map, Value};

/// All rules, in their order.
pub fn normalise(source: &Value) -> Value {
    let mut copy = source.clone();
    keep_json_content(&mut copy);
    drop_inner_titles(&mut copy);
    strip_string_constraints(&mut copy);
    synthesise_request_schemas(&mut copy);
    copy
}

/// progenitor panics on more than one request content type. They all carry one schema; JSON speaks for them.
pub fn keep_json_content(document: &mut Value) {
    for_each_operation(document, &mut |operation| {
        if let Some(content) = operation.get_mut("requestBody").and_then(|body| members(body, "content"))
            && content.contains_key("application/json")
        {
            content.retain(|media, _| media == "application/json");
        }
    });
}

/// A `title` inside a schema names a type: "Email address" collides with the component `EmailAddress`.
pub fn drop_inner_titles(document: &mut Value) {
    for_each_property(document, &mut |property| {
        property.remove("title");
    });
}

/// typify makes a newtype for each of these, which stops at the first bad field and knows `\w` as ASCII only.
/// The constraint table checks them instead, all at once.
pub fn strip_string_constraints(document: &mut Value) {
    for_each_property(document, &mut |property| {
        for keyword in ["maxLength", "minLength", "pattern"] {
            property.remove(keyword);
        }
    });
}

/// progenitor ignores `readOnly`: a request type gets a schema of its own, without the members no client may send.
pub fn synthesise_request_schemas(document: &mut Value) {
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut made = Map::new();
    for_each_operation(document, &mut |operation| {
        let Some(content) = operation.get_mut("requestBody").and_then(|body| members(body, "content")) else { return };
        for entry in content.values_mut() {
            let Some(reference) = entry["schema"]["$ref"].as_str() else { continue };
            let Some(name) = reference.strip_prefix("#/components/schemas/") else { continue };
            let Some(request) = schemas.get(name).and_then(without_read_only) else { continue };
            let name = request_name(name);
            entry["schema"]["$ref"] = Value::String(format!("#/components/schemas/{name}"));
            made.insert(name, request);
        }
    });
    if let Some(all) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        all.extend(made);
    }
}

/// Name of the schema a request of `schema` has, where that differs from the schema itself.
pub fn request_name(schema: &str) -> String {
    format!("{schema}Request")
}

/// The schema without its readOnly members; `None` when it has none.
pub fn without_read_only(schema: &Value) -> Option<Value> {
    let is_read_only = |property: &Value| property["readOnly"] == Value::Bool(true);
    let properties = schema["properties"].as_object()?;
    let hidden: Vec<String> = properties.iter().filter(|(_, p)| is_read_only(p)).map(|(n, _)| n.clone()).collect();
    if hidden.is_empty() {
        return None;
    }
    let mut request = schema.clone();
    if let Some(properties) = members(&mut request, "properties") {
        properties.retain(|name, _| !hidden.contains(name));
    }
    if let Some(required) = request.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !hidden.iter().any(|h| name == h));
    }
    Some(request)
}

/// Unlike indexing, this neither panics on what is no object nor inserts what is missing.
fn members<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    value.get_mut(key)?.as_object_mut()
}

fn for_each_operation(document: &mut Value, rule: &mut dyn FnMut(&mut Value)) {
    for item in members(document, "paths").into_iter().flat_map(|paths| paths.values_mut()) {
        for operation in item.as_object_mut().into_iter().flat_map(|i| i.values_mut()) {
            if operation.is_object() {
                rule(operation);
            }
        }
    }
}

/// Visits property schemas by their place, so that a property which is *named* `title` or `pattern` stays.
fn for_each_property(document: &mut Value, rule: &mut dyn FnMut(&mut Map<String, Value>)) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else { return };
    for schema in schemas.values_mut() {
        visit(schema, rule);
    }
}

fn visit(schema: &mut Value, rule: &mut dyn FnMut(&mut Map<String, Value>)) {
    for property in members(schema, "properties").into_iter().flat_map(|properties| properties.values_mut()) {
        if let Some(object) = property.as_object_mut() {
            rule(object);
        }
        visit(property, rule);
    }
    if let Some(items) = schema.get_mut("items").filter(|i| i.is_object()) {
        visit(items, rule);
    }
}
