//! Rewrites a copy of the document so that progenitor accepts it. One function per rule, each with
//! its reason.
//!
//! Nothing here changes the contract: the parts that a rule removes from the copy are generated
//! from the document itself, as a constraint table, a source schema or a marker type.

mod responses;

use std::collections::{BTreeSet, HashSet};

use heck::ToSnakeCase;
use serde_json::{Map, Value, json};

pub use responses::{
    give_responses_one_type, keep_one_content_of_responses, spell_out_default_responses,
};

use super::document::Document;
use super::fields::Fields;
use super::given::Given;
use super::names::{type_name, unique};
use super::openapi::{FORMS, JSON, is_json_type};
use super::read::{component, escape};
use super::schema::{for_each_inner_mut, without_read_only};

/// The copy, and what stands in it under other names.
pub struct Normalised {
    pub copy: Value,
    pub fields: Fields,
    pub given: Given,
}

/// All rules, in their order.
pub fn normalise(mut copy: Value, document: &Document) -> Normalised {
    inherit_parameters(&mut copy);
    take_cookies_for_headers(&mut copy);
    name_inline_schemas(&mut copy, document);
    keep_json_content(&mut copy);
    keep_one_content_of_responses(&mut copy);
    drop_inner_titles(&mut copy);
    strip_constraints(&mut copy);
    synthesise_request_schemas(&mut copy, document);
    spell_out_default_responses(&mut copy);
    give_responses_one_type(&mut copy, document);
    leave_out_clashing_parameters(&mut copy);
    leave_out_what_typify_cannot_hold(&mut copy);
    let given = Given::hide(&mut copy);
    split_nullable_components(&mut copy);
    let fields = Fields::hide(&mut copy);
    name_clashing_inner_types(&mut copy, document);
    Normalised { copy, fields, given }
}

/// Makes headers of cookie parameters, which progenitor does not know: it names their types.
pub fn take_cookies_for_headers(copy: &mut Value) {
    for_each_operation(copy, &mut |operation| {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        let cookies = parameters.into_iter().flatten().filter(|one| one["in"] == "cookie");
        cookies.for_each(|parameter| parameter["in"] = json!("header"));
    });
}

/// Removes parameters whose arguments in the client would have the name of another one, or of the
/// body. The client gives such an operation arguments of its own.
pub fn leave_out_clashing_parameters(copy: &mut Value) {
    for_each_operation(copy, &mut |operation| {
        let mut taken: HashSet<String> = HashSet::new();
        if operation.get("requestBody").is_some() {
            taken.insert("body".to_owned());
        }
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        let Some(parameters) = parameters else { return };
        let name = |parameter: &Value| {
            parameter["name"].as_str().map(ToSnakeCase::to_snake_case).unwrap_or_default()
        };
        // progenitor needs those of the path, and the required ones are the better known.
        let mut order: Vec<usize> = (0..parameters.len()).collect();
        order.sort_by_key(|n| (parameters[*n]["in"] != "path", parameters[*n]["required"] != true));
        let is_path = |n: usize| parameters[n]["in"] == "path";
        let kept: HashSet<usize> = order
            .into_iter()
            .filter(|n| taken.insert(name(&parameters[*n])) || is_path(*n))
            .collect();
        let mut n = 0;
        parameters.retain(|_| {
            n += 1;
            kept.contains(&(n - 1))
        });
    });
}

/// Rewrites schemas for which typify's code would not compile or has no type.
pub fn leave_out_what_typify_cannot_hold(copy: &mut Value) {
    fn rewrite(schema: &mut Value) {
        for_each_inner_mut(schema, &mut rewrite);
        let Some(schema) = schema.as_object_mut() else { return };
        // A newtype with a pattern needs the crate `regress`.
        schema.remove("pattern");
        // typify refuses the format of any other type, where it says nothing.
        if !["string", "integer", "number"]
            .iter()
            .any(|one| schema.get("type") == Some(&json!(one)))
        {
            schema.remove("format");
        }
        // Without a type, a bound makes none.
        if ["type", "$ref", "allOf", "oneOf", "anyOf", "enum"]
            .iter()
            .all(|k| !schema.contains_key(*k))
        {
            schema.retain(|keyword, _| !CONSTRAINTS.contains(&keyword.as_str()));
        }
        // Bounds beyond `i64` stay in the table.
        for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")]
        {
            let is_kept = schema
                .get(bound)
                .is_some_and(|value| value.as_i64().is_some() || schema["type"] != "integer");
            if !is_kept {
                schema.remove(bound);
                schema.remove(exclusive);
            }
        }
        // Its struct for `anyOf` has all alternatives flattened, which serde reads from objects
        // alone.
        if let Some(alternatives) = schema.remove("anyOf") {
            schema.insert("oneOf".to_owned(), alternatives);
        }
        let known = |name: &Value| {
            let properties = schema.get("properties").and_then(Value::as_object);
            name.as_str().is_some_and(|name| properties.is_some_and(|all| all.contains_key(name)))
        };
        if let Some(required) = schema.get("required").and_then(Value::as_array).cloned() {
            let required: Vec<Value> = required.into_iter().filter(known).collect();
            schema.insert("required".to_owned(), Value::Array(required));
        }
    }
    for_each_schema(copy, &mut rewrite);
    for_each_operation(copy, &mut |operation| {
        let parameters =
            operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
        parameters.filter_map(|parameter| parameter.get_mut("schema")).for_each(rewrite);
    });
}

/// Makes a component of the value of a nullable one. typify gives both the name of the `title`, or
/// of the component itself.
pub fn split_nullable_components(copy: &mut Value) {
    let schemas = copy.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    let Some(schemas) = schemas else { return };
    let mut taken: BTreeSet<String> = schemas.keys().map(|name| type_name(name)).collect();
    let mut added: Vec<(String, Value)> = Vec::new();
    for (name, schema) in schemas.iter_mut() {
        let has_type = schema["nullable"] == true
            && (schema["type"] == "object"
                || ["oneOf", "enum"].iter().any(|keyword| schema.get(*keyword).is_some()));
        let Some(value) = schema.as_object_mut().filter(|_| has_type) else { continue };
        value.remove("nullable");
        value.remove("title");
        // Else the value is nullable still.
        if let Some(choices) = value.get_mut("enum").and_then(Value::as_array_mut)
            && !choices.iter().all(Value::is_null)
        {
            choices.retain(|choice| !choice.is_null());
        }
        let inner = unique(format!("{}Inner", type_name(name)), &mut taken);
        added.push((inner.clone(), std::mem::take(schema)));
        *schema = json!({ "nullable": true, "allOf": [reference(&inner)] });
    }
    schemas.extend(added);
}

/// Makes a component of each inner schema whose Rust type would have the name of another one.
/// typify names an inner type after the path to it, and writes two items where `Foo.bar` stands
/// beside `FooBar`.
pub fn name_clashing_inner_types(copy: &mut Value, document: &Document) {
    let schemas = copy.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    let Some(schemas) = schemas else { return };
    let mut taken: BTreeSet<String> = schemas.keys().map(|name| type_name(name)).collect();
    for operation in document.requests() {
        let choices =
            operation.parameters.iter().map(|p| type_name(&format!("{}-{}", operation.id, p.name)));
        taken.extend(choices.flat_map(|name| [format!("{name}Item"), name]));
    }
    let mut added: Vec<(String, Value)> = Vec::new();
    for (name, schema) in schemas.iter_mut() {
        name_inner(&type_name(name), schema, &mut taken, &mut added);
    }
    schemas.extend(added);
}

fn name_inner(
    name: &str,
    schema: &mut Value,
    taken: &mut BTreeSet<String>,
    added: &mut Vec<(String, Value)>,
) {
    let mut inner = |name: String, schema: &mut Value| {
        let name = type_name(&name);
        let has_type = (schema["type"] == "object" && schema.get("properties").is_some())
            || schema.get("enum").is_some()
            || ["oneOf", "minLength", "maxLength"]
                .iter()
                .any(|keyword| schema.get(*keyword).is_some());
        let clashes = has_type && taken.contains(&name);
        let name = if has_type { unique(name, taken) } else { name };
        name_inner(&name, schema, taken, added);
        if clashes {
            let nullable = schema.as_object_mut().and_then(|schema| schema.remove("nullable"));
            added.push((name.clone(), std::mem::take(schema)));
            *schema = match nullable {
                Some(nullable) => json!({ "nullable": nullable, "allOf": [reference(&name)] }),
                None => reference(&name),
            };
        }
    };
    for (property, schema) in members(schema, "properties").into_iter().flatten() {
        inner(format!("{name}-{property}"), schema);
    }
    if let Some(items) = schema.get_mut("items") {
        inner(format!("{name}-item"), items);
    }
    if let Some(values) = schema.get_mut("additionalProperties").filter(|values| values.is_object())
    {
        inner(format!("{name}-value"), values);
    }
    for (n, member) in
        schema.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten().enumerate()
    {
        inner(format!("{name}-variant{n}"), member);
    }
}

/// Moves the parameters of a path item into its operations, the one place where the rules below
/// look.
pub fn inherit_parameters(copy: &mut Value) {
    for item in members(copy, "paths")
        .into_iter()
        .flat_map(|paths| paths.values_mut())
        .filter_map(Value::as_object_mut)
    {
        let Some(Value::Array(shared)) = item.remove("parameters") else { continue };
        for operation in item.values_mut().filter_map(Value::as_object_mut) {
            let own = operation.entry("parameters").or_insert_with(|| json!([]));
            if let Some(own) = own.as_array_mut() {
                let same = |one: &Value, other: &Value| {
                    one["in"] == other["in"] && one["name"] == other["name"]
                };
                let inherited =
                    shared.iter().filter(|shared| !own.iter().any(|own| same(own, shared)));
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

/// Keeps JSON alone of several request content types, on which progenitor panics, or else the form.
/// They all have one schema. progenitor writes no multipart: where that stands alone, the client
/// sends no body.
pub fn keep_json_content(copy: &mut Value) {
    for_each_operation(copy, &mut |operation| {
        let Some(content) =
            operation.get_mut("requestBody").and_then(|body| members(body, "content"))
        else {
            return;
        };
        // The client sends every type that is written in JSON as JSON.
        let json = content.keys().find(|media| is_json_type(media)).cloned();
        if let Some(entry) = json.and_then(|json| content.remove(&json)) {
            content.insert(JSON.to_owned(), entry);
        }
        let kept = [JSON, FORMS[0]].into_iter().find(|media| content.contains_key(*media));
        match kept {
            Some(kept) => content.retain(|media, _| media == kept),
            None => drop(
                operation.as_object_mut().and_then(|operation| operation.remove("requestBody")),
            ),
        }
    });
}

/// A `title` inside a schema names a type: "Email address" collides with the component
/// `EmailAddress`.
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

/// Removes constraints that the constraint table and the parameter readers check. typify makes a
/// newtype for each, which reports only the first bad field and takes `\w` for ASCII. In the values
/// of a map or an alternative, which no table covers, the newtypes stay.
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
            if let Some(items) = property.get_mut("items").filter(|items| items["type"] != "array")
            {
                strip(items);
                properties(items);
            }
        }
    }
    for_each_schema(copy, &mut properties);
    for_each_operation(copy, &mut |operation| {
        let parameters =
            operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
        for schema in parameters.filter_map(|parameter| parameter.get_mut("schema")) {
            strip(schema);
            // typify has no type for choices of these.
            if matches!(schema["type"].as_str(), Some("number" | "boolean")) {
                schema.as_object_mut().map(|schema| schema.remove("enum"));
            }
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
        if let Some(source) = copy.pointer(&format!("/components/schemas/{}", escape(&schema.name)))
        {
            let request = without_read_only(source, &|name| document.request_name(name));
            add_schema(copy, document.request_name(&schema.name), request);
        }
    }
    for_each_operation(copy, &mut |operation| {
        let Some(content) =
            operation.get_mut("requestBody").and_then(|body| members(body, "content"))
        else {
            return;
        };
        for entry in content.values_mut() {
            let Some(name) = entry["schema"]["$ref"].as_str().and_then(component) else { continue };
            entry["schema"] = reference(&document.request_name(name));
        }
    });
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn add_schema(copy: &mut Value, name: String, schema: Value) {
    let Some(copy) = copy.as_object_mut() else { return };
    let components = copy.entry("components").or_insert_with(|| json!({}));
    let Some(components) = components.as_object_mut() else { return };
    if let Some(schemas) = components.entry("schemas").or_insert_with(|| json!({})).as_object_mut()
    {
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
