//! Schemas: the accepted keywords, the constraints of requests, and the members that requests leave
//! out.
//!
//! Invariant: each constraint on a request is enforced by a Rust type, by a row of an object's
//! members, or by the constraint table of the whole schema.

use serde_json::{Map, Value};

use super::Error;
use super::patterns::is_regular;
use super::read::{
    component, escape, flag, members, optional, reject_unknown_keys, strings, text, unsupported,
};

/// One schema, as the source has it.
pub struct Schema {
    pub name: String,
    /// Its JSON pointer.
    pub at: String,
    pub source: Value,
    /// The schema as it was before lowering.
    pub original: Option<Value>,
    /// Whether it is inline in an operation, without a name in the document.
    pub is_inline: bool,
    /// The constraints of the schema itself, for properties that refer to it.
    pub own: Property,
    pub properties: Vec<Property>,
}

/// A property of an object schema, with the constraints on a request. For a list, those of its
/// items.
#[derive(Clone)]
pub struct Property {
    pub name: String,
    pub kind: Kind,
    pub required: bool,
    pub nullable: bool,
    pub read_only: bool,
    pub write_only: bool,
    pub is_array: bool,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub pattern: Option<String>,
    pub minimum: Option<Bound>,
    pub maximum: Option<Bound>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
}

#[derive(Clone, Copy)]
pub struct Bound {
    pub value: f64,
    pub exclusive: bool,
}

#[derive(Clone)]
pub enum Kind {
    Text,
    Email,
    Uri,
    Integer,
    Number,
    Boolean,
    /// Another schema, whose table applies.
    Named(String),
    /// An object that declares members.
    Members(Vec<Property>),
    /// Checked by the Rust type alone.
    Any,
}

const ANNOTATIONS: [&str; 6] =
    ["title", "description", "example", "default", "deprecated", "externalDocs"];
pub const KEYWORDS: [&str; 23] = [
    "type",
    "format",
    "nullable",
    "readOnly",
    "writeOnly",
    "enum",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "additionalProperties",
    "allOf",
    "oneOf",
    "anyOf",
    "$ref",
];

impl Schema {
    /// # Errors
    ///
    /// [`Error::Unsupported`] with the pointer of the first keyword that is not taken, or has no
    /// meaning as it stands.
    pub fn read(name: &str, source: &Value, at: String) -> Result<Schema, Error> {
        check(source, &at)?;
        let properties = Property::all(source, &at)?;
        let own = Property::read(name, source, false, &at)?;
        Ok(Schema {
            name: name.to_owned(),
            at,
            source: source.clone(),
            original: None,
            is_inline: false,
            own,
            properties,
        })
    }

    /// Whether its values are objects with the members that it names.
    pub fn is_object(&self) -> bool {
        self.source["type"] == "object" || self.source.get("properties").is_some()
    }
}

/// Names of the components that a schema refers to, at any depth. Follows the structure, so that a
/// property *named* `$ref` is not taken for a reference.
pub fn references(schema: &Value) -> Vec<String> {
    let mut found: Vec<String> = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(component)
        .map(str::to_owned)
        .into_iter()
        .collect();
    for_each_inner(schema, &mut |inner| found.extend(references(inner)));
    found
}

/// Visits the direct subschemas.
pub fn for_each_inner(schema: &Value, visit: &mut dyn FnMut(&Value)) {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .for_each(|(_, inner)| visit(inner));
    for keyword in ["allOf", "oneOf", "anyOf"] {
        schema.get(keyword).and_then(Value::as_array).into_iter().flatten().for_each(&mut *visit);
    }
    for keyword in ["items", "additionalProperties"] {
        schema.get(keyword).filter(|inner| inner.is_object()).into_iter().for_each(&mut *visit);
    }
}

/// As [`for_each_inner`], mutably.
pub fn for_each_inner_mut(schema: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    let Some(schema) = schema.as_object_mut() else { return };
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                properties.values_mut().for_each(&mut *visit)
            }
            ("allOf" | "oneOf" | "anyOf", Value::Array(members)) => {
                members.iter_mut().for_each(&mut *visit)
            }
            ("items" | "additionalProperties", inner @ Value::Object(_)) => visit(inner),
            _ => {}
        }
    }
}

impl Property {
    /// The properties of an object schema.
    fn all(source: &Value, at: &str) -> Result<Vec<Property>, Error> {
        let object =
            source.as_object().ok_or_else(|| unsupported(at, "a schema must be an object"))?;
        Property::all_of(object, at)
    }

    fn all_of(object: &Map<String, Value>, at: &str) -> Result<Vec<Property>, Error> {
        let required = strings(object, "required", at)?;
        let properties = members(object, "properties", at)?.into_iter().flatten();
        let read = |(name, schema): (&String, &Value)| {
            let at = format!("{at}/properties/{}", escape(name));
            Property::read(name, schema, required.contains(name), &at)
        };
        let mut all = properties.map(read).collect::<Result<Vec<_>, _>>()?;
        all.shrink_to_fit();
        Ok(all)
    }

    fn read(name: &str, source: &Value, required: bool, at: &str) -> Result<Property, Error> {
        let schema = source
            .as_object()
            .ok_or_else(|| unsupported(at, "a property must be a schema object"))?;
        let is_array = schema.get("type").is_some_and(|word| word == "array");
        let item =
            schema.get("items").and_then(Value::as_object).filter(|_| is_array).unwrap_or(schema);
        let item_at = if is_array { format!("{at}/items") } else { at.to_owned() };
        let number =
            |of: &Map<String, Value>, key: &str, at: &str| optional(of, key, at, "a length", whole);
        let length = |key: &str| number(item, key, &item_at);
        let bound = |key: &str, exclusive: &str| {
            let value = optional(item, key, &item_at, "a number", Value::as_f64)?;
            let exclusive = flag(item, exclusive, &item_at)?;
            Ok::<_, Error>(value.map(|value| Bound { value, exclusive }))
        };
        Ok(Property {
            name: name.to_owned(),
            kind: kind(item, &item_at)?,
            required,
            nullable: flag(schema, "nullable", at)?,
            read_only: flag(schema, "readOnly", at)?,
            write_only: flag(schema, "writeOnly", at)?,
            is_array,
            min_length: length("minLength")?,
            max_length: length("maxLength")?,
            pattern: text(item, "pattern", &item_at)?,
            minimum: bound("minimum", "exclusiveMinimum")?,
            maximum: bound("maximum", "exclusiveMaximum")?,
            min_items: number(schema, "minItems", at)?,
            max_items: number(schema, "maxItems", at)?,
        })
    }
}

/// A count. 128.0 equals 128.
pub fn whole(value: &Value) -> Option<u64> {
    let exact = |number: f64| {
        (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
    };
    value.as_u64().or_else(|| exact(value.as_f64()?))
}

fn kind(schema: &Map<String, Value>, at: &str) -> Result<Kind, Error> {
    let word = |key: &str| schema.get(key).and_then(Value::as_str).unwrap_or_default();
    if let Some(name) = refers_to(schema) {
        return Ok(Kind::Named(name.to_owned()));
    }
    if schema.contains_key("enum") {
        return Ok(Kind::Any);
    }
    Ok(match (word("type"), word("format")) {
        ("string", "email") => Kind::Email,
        ("string", "uri") => Kind::Uri,
        ("string", _) => Kind::Text,
        ("integer", _) => Kind::Integer,
        ("number", _) => Kind::Number,
        ("boolean", _) => Kind::Boolean,
        _ if schema.contains_key("properties") => Kind::Members(Property::all_of(schema, at)?),
        _ => Kind::Any,
    })
}

/// The component that a schema refers to by `$ref`, or by an `allOf` with one member, which
/// drf-spectacular and others write to put keywords beside a reference.
fn refers_to(schema: &Map<String, Value>) -> Option<&str> {
    match (schema.get("$ref"), schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice)) {
        (Some(reference), _) => component(reference.as_str()?),
        (None, Some([only])) => component(only.get("$ref")?.as_str()?),
        _ => None,
    }
}

/// Refuses unsupported keywords at any depth.
fn check(source: &Value, at: &str) -> Result<(), Error> {
    let schema = source.as_object().ok_or_else(|| unsupported(at, "a schema must be an object"))?;
    reject_unknown_keys(schema, &[&KEYWORDS[..], &ANNOTATIONS].concat(), at)?;
    let kind = text(schema, "type", at)?;
    if let Some(kind) = &kind
        && !["string", "integer", "number", "boolean", "array", "object"].contains(&kind.as_str())
    {
        return Err(unsupported(
            &format!("{at}/type"),
            &format!("`{kind}` is no type of OpenAPI 3.0"),
        ));
    }
    if kind.as_deref() == Some("array") && !schema.contains_key("items") {
        return Err(unsupported(at, "an array needs `items`"));
    }
    if let Some(reference) = text(schema, "$ref", at)?
        && component(&reference).is_none()
    {
        return Err(unsupported(&format!("{at}/$ref"), "only component schemas are referred to"));
    }
    let choices = optional(schema, "enum", at, "a list with something in it", |value| {
        value.as_array().filter(|choices| !choices.is_empty())
    })?;
    if choices
        .is_some_and(|choices| choices.iter().any(|choice| choice.is_array() || choice.is_object()))
    {
        return Err(unsupported(
            &format!("{at}/enum"),
            "only texts, numbers, true, false and null are choices",
        ));
    }
    check_pattern(schema, at)?;
    for (name, inner) in members(schema, "properties", at)?.into_iter().flatten() {
        let at = format!("{at}/properties/{}", escape(name));
        check(inner, &at)?;
    }
    for keyword in ["allOf", "oneOf", "anyOf"] {
        let members = optional(schema, keyword, at, "a list with something in it", |value| {
            value.as_array().filter(|members| !members.is_empty())
        })?;
        for (n, inner) in members.into_iter().flatten().enumerate() {
            check(inner, &format!("{at}/{keyword}/{n}"))?;
        }
    }
    for keyword in ["items", "additionalProperties"] {
        match schema.get(keyword) {
            Some(Value::Bool(true)) if keyword == "additionalProperties" => {}
            Some(Value::Bool(false)) if keyword == "additionalProperties" => {
                return Err(unsupported(
                    &format!("{at}/{keyword}"),
                    "`false` is not taken: members that a schema does not name are ignored, not \
                     refused",
                ));
            }
            Some(inner) => check(inner, &format!("{at}/{keyword}"))?,
            None => {}
        }
    }
    Ok(())
}

/// Refuses a pattern that does not compile, which would match nothing.
fn check_pattern(schema: &Map<String, Value>, at: &str) -> Result<(), Error> {
    let Some(pattern) = text(schema, "pattern", at)? else { return Ok(()) };
    match is_regular(&pattern) {
        true => Ok(()),
        false => Err(unsupported(&format!("{at}/pattern"), "this is no regular expression")),
    }
}

/// Checks the schema of a parameter: one plain value, or with `lists` a list of them.
///
/// # Errors
///
/// [`Error::Unsupported`] with `at`, or the pointer of the keyword.
pub fn check_parameter(source: &Value, lists: bool, at: &str) -> Result<(), Error> {
    let refused =
        || unsupported(at, "a parameter must be an integer, a number, a string or a boolean");
    let schema = source.as_object().ok_or_else(refused)?;
    match schema.get("type").and_then(Value::as_str) {
        Some("integer" | "string" | "boolean" | "number") => {}
        Some("array")
            if lists && schema.get("items").is_some_and(|items| items["type"] != "array") =>
        {
            let taken =
                ["type", "items", "title", "description", "example", "default", "deprecated"];
            reject_unknown_keys(schema, &taken, &format!("{at}/schema"))?;
            return check_parameter(&schema["items"], false, at);
        }
        _ => return Err(refused()),
    }
    let taken =
        ["type", "format", "enum", "minLength", "maxLength", "pattern", "minimum", "maximum"];
    let taken = [&taken[..], &["exclusiveMinimum", "exclusiveMaximum"], &ANNOTATIONS].concat();
    reject_unknown_keys(schema, &taken, &format!("{at}/schema"))?;
    check(source, &format!("{at}/schema"))
}

// --- requests ---

/// The schema of a request: without readOnly members at any depth, and with `renamed` applied to
/// the components that it refers to.
pub fn without_read_only(schema: &Value, renamed: &dyn Fn(&str) -> String) -> Value {
    let mut request = schema.clone();
    if let Some(reference) = request.get("$ref").and_then(Value::as_str).and_then(component) {
        request["$ref"] = Value::String(format!("#/components/schemas/{}", renamed(reference)));
        return request;
    }
    let mut hidden = Vec::new();
    if let Some(properties) = request.get_mut("properties").and_then(Value::as_object_mut) {
        hidden.extend(
            properties.iter().filter(|(_, p)| is_read_only(p)).map(|(name, _)| name.clone()),
        );
        properties.retain(|name, _| !hidden.contains(name));
    }
    if let Some(required) = request.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !hidden.iter().any(|h| name == h));
    }
    for_each_inner_mut(&mut request, &mut |inner| *inner = without_read_only(inner, renamed));
    request
}

fn is_read_only(property: &Value) -> bool {
    property.get("readOnly") == Some(&Value::Bool(true))
}
