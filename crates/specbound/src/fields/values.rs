//! One value against the row of its property, and its clean form. The messages are those of DRF's
//! fields.

use serde_json::Value;

use super::{FieldRules, Kind, MAX_TEXT_BYTES, Property, Rules, check_rows};
use crate::body::json::MAX_INTEGER_DIGITS;
use crate::body::{FieldValue, Fields};
use crate::formats::TextFormat;
use crate::patterns::matches_pattern;

pub(super) type Checked<T> = Result<T, Vec<String>>;

pub(super) fn fault<T>(message: impl Into<String>) -> Checked<T> {
    Err(vec![message.into()])
}

pub(super) fn value_of(
    property: &Property,
    value: &FieldValue,
    says: FieldRules<'_>,
) -> Checked<Value> {
    match value {
        FieldValue::Null if property.nullable || property.kind == Kind::Any => Ok(Value::Null),
        FieldValue::Null => fault("This field may not be null."),
        FieldValue::List(items) if property.is_array => {
            if let Some(min) = property.min_items.filter(|min| items.len() < *min) {
                return fault(format!("Ensure this field has at least {min} elements."));
            }
            if let Some(max) = property.max_items.filter(|max| items.len() > *max) {
                return fault(format!("Ensure this field has no more than {max} elements."));
            }
            items
                .iter()
                .map(|item| item_of(property, item, says))
                .collect::<Checked<_>>()
                .map(Value::Array)
        }
        other if property.is_array => {
            fault(format!("Expected a list of items but got type \"{}\".", other.python_type()))
        }
        item => item_of(property, item, says),
    }
}

fn item_of(property: &Property, value: &FieldValue, says: FieldRules<'_>) -> Checked<Value> {
    match property.kind {
        Kind::Text | Kind::Email | Kind::Uri => text(property, value, says).map(Value::String),
        Kind::Integer if says.row_id => id(value).map(Value::from),
        Kind::Integer => integer(value, says).map_or_else(
            || fault("A valid integer is required."),
            |known| bounded(property, known as f64, known),
        ),
        Kind::Boolean => boolean(value, says)
            .map_or_else(|| fault("Must be a valid boolean."), |known| Ok(Value::Bool(known))),
        Kind::Number => number(value, says).map_or_else(
            || fault("A valid number is required."),
            |known| bounded(property, known, known),
        ),
        Kind::Object => object(property, value, says),
        Kind::Any => match as_json(value) {
            Value::Number(known) => {
                bounded(property, known.as_f64().unwrap_or(f64::NAN), Value::Number(known))
            }
            other => Ok(other),
        },
    }
}

/// The members of an object against their own table. An error of one begins with its name.
fn object(property: &Property, value: &FieldValue, says: FieldRules<'_>) -> Checked<Value> {
    let FieldValue::Object(members) = value else {
        return fault(format!(
            "Invalid data. Expected a dictionary, but got {}.",
            value.python_type()
        ));
    };
    let table = property.members.map(|members| members()).unwrap_or_default();
    let fields = Fields::json(members.clone());
    let (clean, errors) =
        check_rows(table, &fields, Rules::default(), says.formats, says.keeps_others);
    if errors.is_empty() {
        return Ok(Value::Object(clean));
    }
    let named = |(name, messages): (String, Vec<String>)| {
        messages.into_iter().map(move |m| format!("{name}: {m}"))
    };
    Err(errors.0.into_iter().flat_map(named).collect())
}

/// `clean`, when the number it stands for keeps the limits.
fn bounded(property: &Property, number: f64, clean: impl Into<Value>) -> Checked<Value> {
    let faults = [
        property.minimum.filter(|b| b.is_above(number)).map(|b| b.minimum_message()),
        property.maximum.filter(|b| b.is_below(number)).map(|b| b.maximum_message()),
    ];
    let faults: Vec<String> = faults.into_iter().flatten().collect();
    if faults.is_empty() { Ok(clean.into()) } else { Err(faults) }
}

impl FieldRules<'_> {
    fn is_lenient(self) -> bool {
        self.formats.lenient_values
    }

    /// Whether a text may stand for a number or a boolean.
    fn reads_text(self) -> bool {
        self.is_lenient() || self.is_form
    }
}

fn integer(value: &FieldValue, says: FieldRules<'_>) -> Option<i64> {
    match value {
        FieldValue::Integer(text) => text.parse().ok(),
        FieldValue::Text(text) if says.reads_text() => {
            text.trim_matches(is_python_space).parse().ok()
        }
        // JSON Schema: 1.0 is an integer.
        FieldValue::Float(text) if !says.is_lenient() => {
            let whole = text.strip_suffix(".0").unwrap_or_default();
            whole.parse().ok()
        }
        _ => None,
    }
}

fn text(property: &Property, value: &FieldValue, says: FieldRules<'_>) -> Checked<String> {
    let is_email = property.kind == Kind::Email;
    const BAD_EMAIL: &str = "Enter a valid email address.";
    let text = match value {
        FieldValue::Text(text) => text,
        FieldValue::Integer(text) | FieldValue::Float(text) if says.is_lenient() => text,
        _ => return fault(if is_email { BAD_EMAIL } else { "Not a valid string." }),
    };
    let trimmed = text.trim_matches(is_python_space);
    if says.is_lenient() && trimmed.is_empty() {
        return if says.blank_allowed {
            Ok(String::new())
        } else {
            fault("This field may not be blank.")
        };
    }
    let text = if says.untrimmed || !says.is_lenient() { text } else { trimmed };
    let length = text.chars().count();
    let too_long = |max: usize| format!("Ensure this field has no more than {max} characters.");
    let max = property.max_length.or(says.is_lenient().then_some(MAX_TEXT_BYTES));
    if let Some(max) = max.filter(|max| text.len() > MAX_TEXT_BYTES && length > *max) {
        return fault(too_long(max));
    }
    // All violations are reported. A model's own validators, here the pattern, run before those of
    // the field.
    let faults = [
        property
            .pattern
            .filter(|pattern| !matches_pattern(pattern, text))
            .map(|pattern| says.formats.pattern_message(pattern)),
        property.max_length.filter(|max| length > *max).map(too_long),
        property
            .min_length
            .filter(|min| length < *min)
            .map(|min| format!("Ensure this field has at least {min} characters.")),
        (says.is_lenient() && text.contains('\0'))
            .then(|| "Null characters are not allowed.".to_owned()),
        (is_email && !(says.formats.holds)(TextFormat::Email, text)).then(|| BAD_EMAIL.to_owned()),
    ];
    let faults: Vec<String> = faults.into_iter().flatten().collect();
    if faults.is_empty() { Ok(text.to_owned()) } else { Err(faults) }
}

fn id(value: &FieldValue) -> Checked<i64> {
    let text = match value {
        FieldValue::Text(text) if text.is_empty() => return fault("This field may not be null."),
        FieldValue::Text(text) => text.trim_matches(is_python_space),
        FieldValue::Integer(text) => text,
        _ => "",
    };
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Python reads no longer number from a text either.
    let is_number = (1..=MAX_INTEGER_DIGITS).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return fault(format!(
            "Incorrect type. Expected pk value, received {}.",
            value.python_type()
        ));
    }
    // A number no row can have is a row that does not exist.
    text.parse().or_else(|_| fault(format!("Invalid pk \"{text}\" - object does not exist.")))
}

fn boolean(value: &FieldValue, says: FieldRules<'_>) -> Option<bool> {
    match value {
        FieldValue::Bool(known) => Some(*known),
        FieldValue::Integer(text) | FieldValue::Float(text) if says.is_lenient() => {
            match text.as_str() {
                "1" | "1.0" => Some(true),
                "0" | "0.0" | "-0.0" => Some(false),
                _ => None,
            }
        }
        FieldValue::Text(text) if says.reads_text() => match text.as_str() {
            "t" | "T" | "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on"
            | "On" | "ON" | "1" => Some(true),
            "f" | "F" | "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off"
            | "Off" | "OFF" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn number(value: &FieldValue, says: FieldRules<'_>) -> Option<f64> {
    let number = match value {
        FieldValue::Bool(known) if says.is_lenient() => f64::from(u8::from(*known)),
        FieldValue::Text(text) if says.reads_text() => text.trim().parse().ok()?,
        FieldValue::Integer(text) | FieldValue::Float(text) => text.parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// The value unchanged, but for numbers too large for any Rust integer, which stay text.
pub(crate) fn as_json(value: &FieldValue) -> Value {
    match value {
        FieldValue::Null | FieldValue::File => Value::Null,
        FieldValue::Bool(known) => Value::Bool(*known),
        FieldValue::Integer(text) => match (text.parse::<i64>(), text.parse::<u64>()) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => Value::from(text.as_str()),
        },
        FieldValue::Float(text) => {
            text.parse::<f64>().map_or_else(|_| Value::from(text.as_str()), Value::from)
        }
        FieldValue::Text(text) => Value::from(text.as_str()),
        FieldValue::List(items) => items.iter().map(as_json).collect(),
        FieldValue::Object(values) => {
            values.iter().map(|(name, value)| (name.to_owned(), as_json(value))).collect()
        }
    }
}

/// The characters that Python's `str.strip` removes: Unicode white space and the four ASCII
/// separators.
pub(crate) fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}
