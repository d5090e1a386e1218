//! Flattens schemas: merges the members of `allOf` where one schema can express the same, and lists
//! the alternatives of a schema, each with the keywords beside them.

use serde_json::{Map, Value, json};

use super::usage::resolve_aliases;
use crate::canonical::{KEYWORDS_OF_TYPES, allow_null, are_independent};

/// Most pairs of alternatives that are compared at one place.
pub(crate) const MAX_PAIRS: usize = 2_000;

/// Deepest nesting of `allOf` that is flattened.
pub(crate) const MAX_FLATTENED: usize = 12;

/// Most members of `allOf` that are merged into one schema.
pub(crate) const MAX_MEMBERS: usize = 100;

/// Deepest nesting of alternatives within alternatives.
pub(crate) const MAX_NESTED_ALTERNATIVES: usize = 2;

/// Whether no value matches both schemas: they have different types, or different values.
pub(crate) fn are_disjoint(one: &Value, other: &Value) -> bool {
    let types = |schema: &Value| match &schema["type"] {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(many) => many.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    let is_number = |name: &String| name == "number" || name == "integer";
    let nullable = |schema: &Value| schema.get("nullable").is_some();
    if nullable(one) && nullable(other) {
        return false;
    }
    if let (Some(one), Some(other)) = (types(one), types(other))
        && !one.iter().any(|own| {
            other.iter().any(|beside| own == beside || (is_number(own) && is_number(beside)))
        })
    {
        return true;
    }
    match (one["enum"].as_array(), other["enum"].as_array()) {
        (Some(one), Some(other)) => !one.iter().any(|value| other.contains(value)),
        _ => false,
    }
}

/// The alternatives of a schema, each with what the schema says beside them. Several types are
/// alternatives too. A schema without any is its only one.
pub(crate) fn alternatives(document: &Value, schema: &Value, depth: usize) -> Vec<Value> {
    let keywords: Vec<&str> =
        ["anyOf", "oneOf"].into_iter().filter(|keyword| schema.get(keyword).is_some()).collect();
    let bounded = schema.as_object().filter(|_| depth < MAX_NESTED_ALTERNATIVES);
    let ([keyword], Some(fields)) = (keywords.as_slice(), bounded) else {
        return of_each_type(schema);
    };
    let mut base = fields.clone();
    for beside in [*keyword, "discriminator"] {
        base.remove(beside);
    }
    let members = fields[*keyword].as_array().cloned().unwrap_or_default();
    let whole = members.into_iter().map(|member| {
        let mut whole = base.clone();
        let all = whole.entry("allOf").or_insert_with(|| json!([]));
        if let Value::Array(all) = all {
            all.push(member);
        }
        flatten(document, &Value::Object(whole))
    });
    // An alternative may have alternatives. One more than are compared shows that there are more.
    whole.flat_map(|one| alternatives(document, &one, depth + 1)).take(MAX_PAIRS + 1).collect()
}

/// The alternatives of a schema, where each value of an enumeration is one too.
pub(crate) fn alternatives_and_values(document: &Value, schema: &Value) -> Vec<Value> {
    let each = |one: Value| match &one["enum"] {
        Value::Array(values) => values
            .iter()
            .map(|value| {
                let mut alone = one.clone();
                alone["enum"] = json!([value]);
                alone
            })
            .collect(),
        _ => vec![one],
    };
    alternatives(document, schema, 0).into_iter().flat_map(each).take(MAX_PAIRS + 1).collect()
}

fn of_each_type(schema: &Value) -> Vec<Value> {
    let with_type = |name: &Value| {
        let mut one = schema.clone();
        one["type"] = name.clone();
        // Keywords that are about the other types.
        for (types, keywords) in KEYWORDS_OF_TYPES {
            let is_of = |name: &Value| types.iter().any(|own| name == own);
            let is_of_another = schema["type"].as_array().is_some_and(|all| all.iter().any(is_of));
            if let (true, false, Some(fields)) = (is_of_another, is_of(name), one.as_object_mut()) {
                keywords.iter().for_each(|keyword| drop(fields.remove(*keyword)));
            }
        }
        one
    };
    match &schema["type"] {
        Value::Array(types) if !types.is_empty() => types.iter().map(with_type).collect(),
        _ => vec![schema.clone()],
    }
}

/// Merges the members of `allOf` into the schema where the result is equivalent.
pub(crate) fn flatten(document: &Value, schema: &Value) -> Value {
    flatten_within(document, schema, 0, &mut MAX_MEMBERS.clone())
}

/// `left` is the number of members that may still be merged: members that share members multiply.
pub(crate) fn flatten_within(
    document: &Value,
    schema: &Value,
    depth: usize,
    left: &mut usize,
) -> Value {
    let target = resolve_aliases(document, schema);
    let bounded = depth < MAX_FLATTENED && *left > 0;
    let Some(Value::Object(fields)) = target.as_deref().filter(|_| bounded) else {
        return schema.clone();
    };
    let Some(Value::Array(members)) = fields.get("allOf") else {
        return Value::Object(fields.clone());
    };
    let mut merged = fields.clone();
    merged.remove("allOf");
    // Beside members alone it says that the whole may be null.
    let nullable = !merged.contains_key("type") && merged.remove("nullable").is_some();
    let mut rest = Vec::new();
    for member in members {
        *left = left.saturating_sub(1);
        let flat = flatten_within(document, member, depth + 1, left);
        match flat.as_object().and_then(|flat| merge(&merged, flat)) {
            Some(both) => merged = both,
            None => rest.push(member.clone()),
        }
    }
    if nullable && !rest.is_empty() {
        return Value::Object(fields.clone());
    }
    if !rest.is_empty() {
        merged.insert("allOf".to_owned(), rest.into());
    }
    if nullable {
        allow_null(&mut merged);
        merged.sort_keys();
    }
    Value::Object(merged)
}

/// One schema that is equivalent to both together. `None` if there is none.
pub(crate) fn merge(
    one: &Map<String, Value>,
    other: &Map<String, Value>,
) -> Option<Map<String, Value>> {
    if other.contains_key("$ref") || !are_independent(one, other) || !are_independent(other, one) {
        return None;
    }
    let mut merged = one.clone();
    for (keyword, value) in other {
        let Some(own) = merged.get(keyword) else {
            let refused = keyword == "nullable" && one.contains_key("type");
            if !refused {
                merged.insert(keyword.clone(), value.clone());
            }
            continue;
        };
        if own == value {
            continue;
        }
        let both = match (keyword.as_str(), own, value) {
            ("properties", Value::Object(own), Value::Object(others)) => {
                let mut all = own.clone();
                for (name, schema) in others {
                    let both = match all.get(name) {
                        Some(own) if own != schema => match (own.as_object(), schema.as_object()) {
                            (Some(one), Some(other))
                                if !one.contains_key("$ref") && !other.contains_key("$ref") =>
                            {
                                merge(one, other)
                                    .map_or_else(|| json!({"allOf": [own, schema]}), Value::Object)
                            }
                            _ => json!({"allOf": [own, schema]}),
                        },
                        _ => schema.clone(),
                    };
                    all.insert(name.clone(), both);
                }
                Value::Object(all)
            }
            ("required", Value::Array(own), Value::Array(others)) => {
                let mut all = own.clone();
                all.extend(others.iter().filter(|name| !own.contains(name)).cloned());
                all.sort_by_cached_key(Value::to_string);
                all.into()
            }
            ("type", Value::String(own), Value::String(value)) => {
                match (own.as_str(), value.as_str()) {
                    ("number", "integer") | ("integer", "number") => "integer".into(),
                    _ => return None,
                }
            }
            ("enum", Value::Array(own), Value::Array(others)) => {
                let common: Vec<Value> =
                    own.iter().filter(|value| others.contains(value)).cloned().collect();
                if common.is_empty() {
                    return None;
                }
                common.into()
            }
            ("maxLength" | "maxItems" | "maxProperties", ..) => smaller(own, value)?,
            ("minLength" | "minItems" | "minProperties", ..) => {
                let lower = smaller(own, value)?;
                if lower == *own { value.clone() } else { own.clone() }
            }
            ("title" | "deprecated" | "default", ..) => own.clone(),
            _ => return None,
        };
        merged.insert(keyword.clone(), both);
    }
    // `null` must be allowed by both.
    if one.contains_key("nullable")
        && !other.contains_key("nullable")
        && other.contains_key("type")
        && one.contains_key("type")
    {
        merged.remove("nullable");
    }
    Some(merged)
}

pub(crate) fn smaller(one: &Value, other: &Value) -> Option<Value> {
    let (first, second) = (one.as_f64()?, other.as_f64()?);
    Some(if first <= second { one.clone() } else { other.clone() })
}
