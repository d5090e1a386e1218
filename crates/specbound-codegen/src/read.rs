//! Typed access to JSON members. A member of another type is an error with its JSON pointer. Knows
//! nothing of OpenAPI.

use serde_json::{Map, Value};

use super::{Error, Item};

pub fn object<'a>(source: &'a Value, key: &str, at: &str) -> Result<&'a Map<String, Value>, Error> {
    source[key]
        .as_object()
        .ok_or_else(|| unsupported(&format!("{at}/{key}"), "an object is needed here"))
}

/// A member if it is present.
pub fn optional<'a, T>(
    source: &'a Map<String, Value>,
    key: &str,
    at: &str,
    what: &str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>, Error> {
    let Some(value) = source.get(key) else { return Ok(None) };
    let refused =
        || unsupported(&format!("{at}/{}", escape(key)), &format!("{what} is needed here"));
    read(value).map(Some).ok_or_else(refused)
}

pub fn members<'a>(
    source: &'a Map<String, Value>,
    key: &str,
    at: &str,
) -> Result<Option<&'a Map<String, Value>>, Error> {
    optional(source, key, at, "an object", Value::as_object)
}

pub fn list<'a>(source: &'a Map<String, Value>, key: &str, at: &str) -> Result<&'a [Value], Error> {
    Ok(optional(source, key, at, "a list", Value::as_array)?.map(Vec::as_slice).unwrap_or_default())
}

pub fn text(source: &Map<String, Value>, key: &str, at: &str) -> Result<Option<String>, Error> {
    Ok(optional(source, key, at, "a text", Value::as_str)?.map(str::to_owned))
}

pub fn flag(source: &Map<String, Value>, key: &str, at: &str) -> Result<bool, Error> {
    Ok(optional(source, key, at, "true or false", Value::as_bool)?.unwrap_or(false))
}

pub fn strings(source: &Map<String, Value>, key: &str, at: &str) -> Result<Vec<String>, Error> {
    let all = |value: &Value| {
        value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    };
    Ok(optional(source, key, at, "a list of texts", all)?.unwrap_or_default())
}

/// Refuses keywords outside `taken`, except extensions (`x-…`) and keywords that state only a
/// default.
pub fn reject_unknown_keys(
    source: &Map<String, Value>,
    taken: &[&str],
    at: &str,
) -> Result<(), Error> {
    let refused = |(key, value): &(&String, &Value)| {
        !taken.contains(&key.as_str()) && !key.starts_with("x-") && !is_noop(key, value)
    };
    match source.iter().find(refused) {
        Some((key, _)) => Err(unsupported(
            &format!("{at}/{}", escape(key)),
            &format!("`{key}` is not supported here, only {}", taken.join(", ")),
        )),
        None => Ok(()),
    }
}

/// Whether a keyword states only a default, such as `deprecated: false` or empty `callbacks`.
fn is_noop(key: &str, value: &Value) -> bool {
    match (key, value) {
        // An empty schema under `not` excludes every value.
        ("not", _) => false,
        ("minProperties", number) => number.as_f64() == Some(0.0),
        (_, Value::Bool(false)) => true,
        (_, Value::Object(members)) => members.is_empty(),
        (_, Value::Array(items)) => items.is_empty(),
        _ => false,
    }
}

pub fn unsupported(path: &str, reason: &str) -> Error {
    Error::Unsupported(vec![Item::new(path, reason)])
}

/// Escapes one reference token of a JSON pointer (RFC 6901).
pub fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// The text of one reference token.
pub fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// The name in a reference to a component schema.
pub fn component(reference: &str) -> Option<&str> {
    reference.strip_prefix("#/components/schemas/")
}
