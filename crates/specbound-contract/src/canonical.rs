//! The canonical form of an OpenAPI document of version 3.0, 3.1 or 3.2. Documents with the same
//! meaning have equal canonical forms, regardless of their version; `schema` unifies the variants
//! of schemas.
//!
//! It drops annotations and stated defaults, writes inherited parameters and security into the
//! operations, and sorts sets. Unknown keywords are kept unchanged, so the worst outcome is a false
//! difference. It never fails: a document that is not OpenAPI is copied.
//!
//! The rules are safe because they follow the structure of OpenAPI: [`field_shape`] gives the shape
//! of each keyword of each object. `description` is an annotation only where it is a keyword. It is
//! an ordinary name in maps whose keys the author chooses: properties, schemas, paths, media types,
//! headers, scopes, mappings.
//!
//! The canonical form deviates from OpenAPI in three ways: each operation states its `security`,
//! `tags` and `parameters`; `parameters` is an object keyed by `in:name`; `scopes` is a list of
//! names.

mod headers;
mod schema;
mod structure;
mod types;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Number, Value, json};

pub(crate) use schema::{MAY_REFUSE_NULL, allow_null, are_independent, is_never, null_of_both};
use structure::is_default;
pub(crate) use structure::{FieldShape, ObjectKind, field_shape, is_method};
pub(crate) use types::KEYWORDS_OF_TYPES;

/// Brings a document to its canonical form.
pub fn canonical(document: &Value) -> Value {
    canonical_with(document.clone(), false)
}

/// With `deep`, schemas of the same meaning that one version spells in several ways are equal too.
pub(crate) fn canonical_with(document: Value, deep: bool) -> Value {
    let version = document["openapi"].as_str().unwrap_or_default();
    let ref_siblings = !version.is_empty() && version != "3.0" && !version.starts_with("3.0.");
    let security = document.get("security").cloned().unwrap_or_else(|| json!([]));
    let mut parameters = HashMap::new();
    parameter_references(&document, &document, &mut parameters);
    let visitor = Visitor { security, parameters, ref_siblings, deep };
    visitor.place(FieldShape::One(ObjectKind::Document), document)
}

/// The canonical forms of two documents, with one spelling for each header.
pub(crate) fn canonical_pair(old: Value, new: Value, deep: bool) -> (Value, Value) {
    let (mut old, mut new) = (canonical_with(old, deep), canonical_with(new, deep));
    headers::unify_spelling(&mut old, &mut new);
    (old, new)
}

/// Collects the `in:name` of each parameter that a list refers to.
fn parameter_references(document: &Value, value: &Value, found: &mut HashMap<String, String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Array(parameters)) = members.get("parameters") {
                for reference in parameters.iter().filter_map(|one| one.get("$ref")?.as_str()) {
                    let target =
                        reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
                    if let Some(key) = target.and_then(in_and_name) {
                        found.insert(reference.to_owned(), key);
                    }
                }
            }
            members.values().for_each(|value| parameter_references(document, value, found));
        }
        Value::Array(items) => {
            items.iter().for_each(|item| parameter_references(document, item, found));
        }
        _ => {}
    }
}

/// `in:name` of a parameter.
fn in_and_name(parameter: &Value) -> Option<String> {
    match (&parameter["in"], &parameter["name"]) {
        (Value::String(location), Value::String(name)) => Some(format!("{location}:{name}")),
        _ => None,
    }
}

/// Visits one document, which it changes in place.
struct Visitor {
    /// The security of operations that state none.
    security: Value,
    /// `in:name` of the parameters behind references.
    parameters: HashMap<String, String>,
    /// Whether the keywords beside a schema's `$ref` count: from 3.1 on.
    ref_siblings: bool,
    deep: bool,
}

impl Visitor {
    fn place(&self, place: FieldShape, value: Value) -> Value {
        match (place, value) {
            (FieldShape::One(kind), Value::Object(object)) => self.object(kind, object),
            (FieldShape::One(ObjectKind::Schema), Value::Bool(true)) => json!({}),
            (FieldShape::One(ObjectKind::Schema), Value::Bool(false)) => json!({ "not": {} }),
            (FieldShape::Map(ObjectKind::MediaType), Value::Object(map)) => self.media_types(map),
            (FieldShape::List(kind), Value::Array(items)) => self.items(kind, items).into(),
            (FieldShape::Set(kind), Value::Array(items)) => {
                let mut items = sorted(self.items(kind, items));
                items.dedup();
                items.into()
            }
            (FieldShape::Bag(kind), Value::Array(items)) => sorted(self.items(kind, items)).into(),
            (FieldShape::Map(kind), Value::Object(mut map)) => {
                for value in map.values_mut() {
                    *value = self.place(FieldShape::One(kind), value.take());
                }
                object(map)
            }
            (FieldShape::Parameters, Value::Array(items)) => self.keyed_parameters(items),
            (FieldShape::Names, Value::Object(map)) => {
                sorted(map.keys().map(|name| json!(name)).collect()).into()
            }
            (_, other) => data(other),
        }
    }

    fn items(&self, kind: ObjectKind, mut items: Vec<Value>) -> Vec<Value> {
        for item in &mut items {
            *item = self.place(FieldShape::One(kind), item.take());
        }
        items
    }

    /// Media types without regard to case, white space and the character set that is the default.
    fn media_types(&self, map: Map<String, Value>) -> Value {
        let mut keyed = Map::new();
        let stated: HashSet<String> = map.keys().cloned().collect();
        for (name, value) in map {
            let normal = media_type(&name);
            // Two spellings of one media type are both kept.
            let taken = keyed.contains_key(&normal) || (normal != name && stated.contains(&normal));
            let key = if taken { name } else { normal };
            keyed.insert(key, self.place(FieldShape::One(ObjectKind::MediaType), value));
        }
        object(keyed)
    }

    fn object(&self, kind: ObjectKind, mut fields: Map<String, Value>) -> Value {
        let reference = match fields.get("$ref") {
            Some(Value::String(reference)) => Some(reference),
            _ => None,
        };
        match (kind, reference) {
            (ObjectKind::Data, _) => data(Value::Object(fields)),
            (ObjectKind::PathItem, _) => self.fields(kind, self.path_item(fields)),
            // A lone reference, as most are.
            (_, Some(_)) if fields.len() == 1 => Value::Object(fields),
            (ObjectKind::Schema, Some(_)) if self.ref_siblings => {
                let reference = fields.remove("$ref").unwrap_or_default();
                let members = fields.entry("allOf").or_insert_with(|| json!([]));
                if let Value::Array(members) = members {
                    members.push(json!({ "$ref": reference }));
                }
                schema::normalize(self.fields(kind, fields), self.deep)
            }
            // A schema is called by its name without a mapping.
            (ObjectKind::Discriminator, _) => {
                if let Some(Value::Object(mapping)) = fields.get_mut("mapping") {
                    mapping.retain(|name, to| *to != format!("#/components/schemas/{name}"));
                }
                self.fields(kind, fields)
            }
            // OpenAPI 3.0 ignores the siblings of `$ref`.
            (_, Some(_)) => json!({ "$ref": fields.remove("$ref").unwrap_or_default() }),
            (ObjectKind::Schema, _) => schema::normalize(self.fields(kind, fields), self.deep),
            _ => self.fields(kind, fields),
        }
    }

    fn fields(&self, kind: ObjectKind, mut fields: Map<String, Value>) -> Value {
        fields.retain(|keyword, value| match field_shape(kind, keyword) {
            FieldShape::Nothing => false,
            place => {
                *value = self.place(place, value.take());
                !is_default(kind, keyword, value)
            }
        });
        drop_default_style(kind, &mut fields);
        // The schemes of HTTP have no case (RFC 9110, section 11.1).
        if let (ObjectKind::SecurityScheme, Some(Value::String(scheme))) =
            (kind, fields.get_mut("scheme"))
        {
            scheme.make_ascii_lowercase();
        }
        object(fields)
    }

    /// Writes inherited content into the operations of a path item. They also state empty lists, so
    /// that a first element is reported as that element.
    fn path_item(&self, mut item: Map<String, Value>) -> Map<String, Value> {
        let shared = match item.get("parameters") {
            Some(Value::Array(shared)) => shared.clone(),
            _ => Vec::new(),
        };
        // A reference may add operations that share them.
        if !shared.is_empty() && !item.contains_key("$ref") {
            item.remove("parameters");
        }
        // OpenAPI 3.2 lists other methods by themselves.
        if let Some(Value::Object(additional)) = item.get("additionalOperations")
            && additional.keys().all(|method| is_method(method) && !item.contains_key(method))
            && let Some(Value::Object(additional)) = item.remove("additionalOperations")
        {
            item.extend(additional);
        }
        for (keyword, operation) in &mut item {
            let Value::Object(operation) = operation else {
                continue;
            };
            if !is_method(keyword) {
                continue;
            }
            operation.entry("security").or_insert_with(|| self.security.clone());
            operation.entry("tags").or_insert_with(|| json!([]));
            let own = operation.entry("parameters").or_insert_with(|| json!([]));
            if let Value::Array(own) = own {
                let overridden: Vec<String> = own.iter().map(|p| self.parameter_key(p)).collect();
                let inherited =
                    shared.iter().filter(|p| !overridden.contains(&self.parameter_key(p)));
                own.extend(inherited.cloned());
            }
        }
        item
    }

    fn keyed_parameters(&self, items: Vec<Value>) -> Value {
        let mut keyed = Map::new();
        for parameter in self.items(ObjectKind::Parameter, items) {
            let mut key = self.parameter_key(&parameter);
            // Repeating a parameter is an error, but must not lose one here.
            while keyed.contains_key(&key) {
                key.push('\'');
            }
            keyed.insert(key, parameter);
        }
        object(keyed)
    }

    /// `in:name`, behind a reference if it resolves, else the parameter's own text.
    fn parameter_key(&self, parameter: &Value) -> String {
        let reference = parameter.get("$ref").and_then(Value::as_str);
        let key = match reference.and_then(|reference| self.parameters.get(reference)) {
            Some(key) => Some(key.clone()),
            None => in_and_name(parameter),
        };
        key.unwrap_or_else(|| parameter.to_string())
    }
}

/// `Application/JSON; charset=UTF-8` is `application/json`: UTF-8 is the default.
fn media_type(name: &str) -> String {
    let mut parts = name.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let parameters = parts.filter(|part| !part.is_empty()).map(|part| match part.split_once('=') {
        Some((key, value)) => format!("{}={value}", key.trim_end().to_ascii_lowercase()),
        None => part.to_owned(),
    });
    let is_default = |part: &String| {
        let unquoted = part.replace('"', "").to_ascii_lowercase();
        unquoted == "charset=utf-8"
    };
    let parameters: Vec<String> = parameters.filter(|part| !is_default(part)).collect();
    [vec![essence], parameters].concat().join("; ")
}

/// Drops `style` and `explode` where they are the default, which depends on the location and on
/// `style`.
fn drop_default_style(kind: ObjectKind, fields: &mut Map<String, Value>) {
    let default_style = match (kind, fields.get("in").and_then(Value::as_str)) {
        (ObjectKind::Parameter, Some("path" | "header")) | (ObjectKind::Header, _) => "simple",
        (ObjectKind::Parameter | ObjectKind::Encoding, _) => "form",
        _ => return,
    };
    let style = fields.get("style").cloned();
    let style = style.unwrap_or_else(|| json!(default_style));
    if fields.get("explode") == Some(&json!(style == json!("form"))) {
        fields.remove("explode");
    }
    if style == json!(default_style) {
        fields.remove("style");
    }
}

/// A value without keywords. Settles only the order of keys and the spelling of integers (1.0 for
/// 1).
fn data(value: Value) -> Value {
    match value {
        Value::Object(mut map) => {
            map.values_mut().for_each(|value| *value = data(value.take()));
            object(map)
        }
        Value::Array(mut items) => {
            items.iter_mut().for_each(|item| *item = data(item.take()));
            Value::Array(items)
        }
        Value::Number(number) => Value::Number(integer(&number).unwrap_or(number)),
        other => other,
    }
}

/// The integer equal to a floating-point number, where it is exact.
fn integer(number: &Number) -> Option<Number> {
    let exact = (1_u64 << 53) as f64;
    let float = number.as_f64().filter(|_| number.is_f64())?;
    (float.fract() == 0.0 && float.abs() <= exact).then(|| Number::from(float as i64))
}

/// An object with sorted keys, with or without `serde_json`'s `preserve_order`.
fn object(mut entries: Map<String, Value>) -> Value {
    entries.sort_keys();
    Value::Object(entries)
}

fn sorted(mut items: Vec<Value>) -> Vec<Value> {
    items.sort_by_cached_key(Value::to_string);
    items
}

#[cfg(test)]
mod tests;
