//! Converts documents between OpenAPI 3.0 and 3.1, and lists what is lost.
//!
//! Upgrades lose only keywords beside a `$ref`, which 3.0 ignores. Downgrades rewrite keywords that
//! 3.0 lacks if there is an equivalent, and drop them otherwise: the result accepts more values
//! than the original, never fewer.

use serde_json::{Map, Value, json};

use crate::canonical::{ObjectKind, is_method};
use crate::edit::edit;
use crate::quoting::code;

/// A version that documents are converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Target {
    /// OpenAPI 3.0.4.
    #[cfg_attr(feature = "clap", value(name = "3.0"))]
    V3_0,
    /// OpenAPI 3.1.1.
    #[cfg_attr(feature = "clap", value(name = "3.1"))]
    V3_1,
}

/// A converted document.
#[derive(Debug, Clone)]
pub struct Conversion {
    /// The document.
    pub document: Value,
    /// What the original says and the document does not.
    pub lost: Vec<Loss>,
}

/// A keyword that the target version does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// JSON pointer into the original.
    pub path: String,
    /// What is lost, in one line.
    pub message: String,
}

type Fields = Map<String, Value>;

/// Converts a self-contained document. One of the target version is returned as it is.
pub fn convert(document: &Value, target: Target) -> Conversion {
    let mut conversion = Conversion { document: document.clone(), lost: Vec::new() };
    let Conversion { document, lost } = &mut conversion;
    let version = document["openapi"].as_str().unwrap_or_default().to_owned();
    let is = |minor: &str| version == minor || version.starts_with(&format!("{minor}."));
    let to = match target {
        Target::V3_0 if is("3.0") => return conversion,
        Target::V3_1 if is("3.1") => return conversion,
        Target::V3_0 => "3.0.4",
        Target::V3_1 => "3.1.1",
    };
    edit(document, |kind, pointer, value| {
        if is("3.2") {
            remove_unsupported(kind, pointer, value, lost, unsupported_in_3_1);
        }
        match target {
            Target::V3_1 if is("3.0") => upgrade(kind, pointer, value, lost),
            Target::V3_1 => {}
            Target::V3_0 => downgrade(kind, pointer, value, lost),
        }
    });
    document["openapi"] = to.into();
    lost.sort_by(|a, b| a.path.cmp(&b.path));
    conversion
}

fn record_loss(lost: &mut Vec<Loss>, pointer: &str, message: impl Into<String>) {
    lost.push(Loss { path: pointer.to_owned(), message: message.into() });
}

/// Removes the keywords that a version does not have.
fn remove_unsupported(
    kind: ObjectKind,
    pointer: &str,
    value: &mut Value,
    lost: &mut Vec<Loss>,
    unknown: impl Fn(ObjectKind) -> &'static [&'static str],
) {
    let Some(fields) = value.as_object_mut() else { return };
    for keyword in unknown(kind) {
        if fields.remove(*keyword).is_some() {
            record_loss(lost, pointer, format!("{} is left out", code(keyword)));
        }
    }
}

fn unsupported_in_3_1(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::Document => &["$self"],
        ObjectKind::Server => &["name"],
        ObjectKind::PathItem => &["query", "additionalOperations"],
        ObjectKind::MediaType => &["itemSchema", "prefixEncoding", "itemEncoding"],
        ObjectKind::Encoding => &["encoding", "prefixEncoding", "itemEncoding"],
        ObjectKind::Components => &["mediaTypes"],
        ObjectKind::Response => &["summary"],
        ObjectKind::Discriminator => &["defaultMapping"],
        ObjectKind::Xml => &["nodeType"],
        ObjectKind::SecurityScheme => &["deprecated", "oauth2MetadataUrl"],
        ObjectKind::Flows => &["deviceAuthorization"],
        _ => &[],
    }
}

fn unsupported_in_3_0(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::Document => &["jsonSchemaDialect"],
        ObjectKind::Info => &["summary"],
        ObjectKind::Schema => &[
            "$anchor",
            "$comment",
            "$dynamicAnchor",
            "$id",
            "$schema",
            "$vocabulary",
            "contains",
            "contentEncoding",
            "contentMediaType",
            "contentSchema",
            "dependentRequired",
            "dependentSchemas",
            "else",
            "if",
            "maxContains",
            "minContains",
            "patternProperties",
            "prefixItems",
            "propertyNames",
            "then",
            "unevaluatedItems",
            "unevaluatedProperties",
        ],
        _ => &[],
    }
}

/// Members of a schema that describe it and restrict nothing.
fn is_annotation(keyword: &str) -> bool {
    let annotations = [
        "title",
        "description",
        "default",
        "example",
        "examples",
        "externalDocs",
        "deprecated",
        "readOnly",
        "writeOnly",
        "xml",
    ];
    annotations.contains(&keyword) || keyword.starts_with("x-")
}

fn upgrade(kind: ObjectKind, pointer: &str, value: &mut Value, lost: &mut Vec<Loss>) {
    if kind != ObjectKind::Schema {
        return;
    }
    let Some(fields) = value.as_object_mut() else { return };
    if fields.contains_key("$ref") {
        if fields.len() > 1 {
            record_loss(lost, pointer, "keywords beside `$ref`, which 3.0 ignores, are left out");
            fields.retain(|keyword, _| keyword == "$ref");
        }
        return;
    }
    for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        if fields.get(exclusive).is_some_and(Value::is_boolean)
            && fields.remove(exclusive) == Some(Value::Bool(true))
            && let Some(limit) = fields.remove(bound)
        {
            fields.insert(exclusive.to_owned(), limit);
        }
    }
    if let Some(example) = fields.remove("example") {
        fields.insert("examples".to_owned(), json!([example]));
    }
    if fields.remove("nullable") == Some(Value::Bool(true)) {
        accept_null(fields);
    }
}

/// Makes `null` a value of a schema of 3.1.
fn accept_null(fields: &mut Fields) {
    if let Some(Value::String(name)) = fields.get("type") {
        let types = json!([name, "null"]);
        fields.insert("type".to_owned(), types);
        return;
    }
    let (mut outer, mut inner) = (Fields::new(), Fields::new());
    for (keyword, value) in std::mem::take(fields) {
        let side = if is_annotation(&keyword) { &mut outer } else { &mut inner };
        side.insert(keyword, value);
    }
    // A schema that restricts nothing takes `null` already.
    if !inner.is_empty() {
        let lone = match inner.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
            Some([one]) if inner.len() == 1 => one.clone(),
            _ => Value::Object(inner),
        };
        outer.insert("anyOf".to_owned(), json!([lone, {"type": "null"}]));
    }
    *fields = outer;
}

fn downgrade(kind: ObjectKind, pointer: &str, value: &mut Value, lost: &mut Vec<Loss>) {
    match kind {
        ObjectKind::Schema => {
            let is_additional = pointer.ends_with("/additionalProperties")
                && !pointer.ends_with("/properties/additionalProperties");
            match value {
                Value::Bool(true) if !is_additional => *value = json!({}),
                Value::Bool(false) if !is_additional => *value = json!({"not": {}}),
                Value::Object(fields) => schema(fields, pointer, lost),
                _ => {}
            }
        }
        ObjectKind::Document => {
            if let Some(webhooks) = value.as_object_mut().and_then(|all| all.remove("webhooks")) {
                record_loss(lost, "/webhooks", "`webhooks` is kept as `x-webhooks`");
                value["x-webhooks"] = webhooks;
            }
            if !value["paths"].is_object() {
                value["paths"] = json!({});
            }
            // References to them are written out.
            if let Some(components) = value.get_mut("components").and_then(Value::as_object_mut) {
                components.remove("pathItems");
            }
            if let Some(license) = value.pointer_mut("/info/license").and_then(Value::as_object_mut)
                && license.remove("identifier").is_some()
            {
                record_loss(lost, "/info/license", "`identifier` is left out");
            }
        }
        ObjectKind::SecurityScheme if value["type"] == "mutualTLS" => {
            record_loss(lost, pointer, "3.0 has no `mutualTLS`; it is kept");
        }
        ObjectKind::PathItem => {
            for (method, operation) in value.as_object().into_iter().flatten() {
                if is_method(method) && operation.get("responses").is_none() {
                    record_loss(
                        lost,
                        pointer,
                        format!("{} has no responses, as 3.0 demands", code(method)),
                    );
                }
            }
        }
        _ => {}
    }
    remove_unsupported(kind, pointer, value, lost, unsupported_in_3_0);
}

fn schema(fields: &mut Fields, pointer: &str, lost: &mut Vec<Loss>) {
    if fields.len() > 1
        && let Some(reference) = fields.remove("$ref")
    {
        let mut members = vec![json!({"$ref": reference})];
        if let Some(Value::Array(own)) = fields.remove("allOf") {
            members.extend(own);
        }
        fields.insert("allOf".to_owned(), members.into());
    }
    if let Some(only) = fields.remove("const") {
        fields.insert("enum".to_owned(), json!([only]));
    }
    match fields.remove("examples") {
        Some(Value::Array(examples)) if !examples.is_empty() => {
            if examples.len() > 1 {
                record_loss(lost, pointer, "`examples` but the first are left out");
            }
            fields.entry("example").or_insert_with(|| examples[0].clone());
        }
        _ => {}
    }
    for (bound, exclusive, is_lower) in
        [("minimum", "exclusiveMinimum", true), ("maximum", "exclusiveMaximum", false)]
    {
        let Some(limit) = fields.get(exclusive).filter(|limit| limit.is_number()).cloned() else {
            continue;
        };
        fields.remove(exclusive);
        let other = fields.get(bound).and_then(Value::as_f64);
        let decides = other.is_none_or(|other| match limit.as_f64() {
            Some(limit) if is_lower => limit >= other,
            Some(limit) => limit <= other,
            None => false,
        });
        if decides {
            fields.insert(bound.to_owned(), limit);
            fields.insert(exclusive.to_owned(), true.into());
        }
    }
    types(fields);
    null_member(fields);
    let is = |fields: &Fields, keyword: &str, text: &str| {
        fields.get(keyword).and_then(Value::as_str) == Some(text)
    };
    if !fields.contains_key("format") && !fields.contains_key("contentSchema") {
        let media_type = "contentMediaType";
        if is(fields, "contentEncoding", "base64") && !fields.contains_key(media_type) {
            fields.remove("contentEncoding");
            fields.insert("format".to_owned(), "byte".into());
        } else if is(fields, media_type, "application/octet-stream")
            && !fields.contains_key("contentEncoding")
        {
            fields.remove(media_type);
            fields.insert("format".to_owned(), "binary".into());
        }
    }
    // A keyword has another meaning without the dropped keyword beside it.
    if fields.contains_key("patternProperties") && fields.remove("additionalProperties").is_some() {
        record_loss(lost, pointer, "`additionalProperties` is left out");
    }
    if fields.contains_key("prefixItems") && fields.remove("items").is_some() {
        record_loss(lost, pointer, "`items` is left out");
    }
    if is(fields, "type", "array") && !fields.contains_key("items") {
        fields.insert("items".to_owned(), json!({}));
    }
}

/// Types by the keywords of 3.0.
fn types(fields: &mut Fields) {
    let mut types = match fields.get("type") {
        Some(Value::Array(types)) => types.clone(),
        Some(Value::String(name)) if name == "null" => vec![json!("null")],
        _ => return,
    };
    fields.remove("type");
    let count = types.len();
    types.retain(|name| name != "null");
    let takes_null = types.len() < count;
    match types.as_slice() {
        [] => {
            fields.insert("enum".to_owned(), json!([null]));
        }
        [one] => {
            fields.insert("type".to_owned(), one.clone());
        }
        several => {
            let each = |name: &Value| match (name == "array", takes_null) {
                (true, true) => json!({"type": name, "items": {}, "nullable": true}),
                (true, false) => json!({"type": name, "items": {}}),
                (false, true) => json!({"type": name, "nullable": true}),
                (false, false) => json!({"type": name}),
            };
            let members: Vec<Value> = several.iter().map(each).collect();
            match fields.contains_key("anyOf") {
                false => drop(fields.insert("anyOf".to_owned(), members.into())),
                true => {
                    let all = fields.entry("allOf").or_insert_with(|| json!([]));
                    if let Value::Array(all) = all {
                        all.push(json!({"anyOf": members}));
                    }
                }
            }
            return;
        }
    }
    if takes_null && !types.is_empty() {
        fields.insert("nullable".to_owned(), true.into());
    }
}

/// An alternative `null` is `nullable`.
fn null_member(fields: &mut Fields) {
    for keyword in ["anyOf", "oneOf"] {
        let Some(Value::Array(members)) = fields.get(keyword) else { continue };
        let (null, rest): (Vec<Value>, Vec<Value>) =
            members.iter().cloned().partition(|member| *member == json!({"enum": [null]}));
        if null.len() != 1 || rest.is_empty() || fields.contains_key("type") {
            continue;
        }
        match rest.as_slice() {
            [_] if !fields.contains_key("allOf") => {
                fields.remove(keyword);
                fields.insert("allOf".to_owned(), rest.into());
            }
            _ => drop(fields.insert(keyword.to_owned(), rest.into())),
        }
        fields.insert("nullable".to_owned(), true.into());
        return;
    }
}

#[cfg(test)]
mod tests;
