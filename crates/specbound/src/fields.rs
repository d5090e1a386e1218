//! Fields against the document's constraints: every fault of every field at once, in the order of
//! declaration.
//!
//! It knows single fields only. Rules that need a second field, the store or the caller (equal
//! passwords, free user names, the owner of an id) are for the domain. It must never stop at the first
//! fault, nor answer in other words than DRF.
//!
//! Where its rules come from: DRF 3.14 `fields.py` and `relations.py`, the validators of Django
//! 4.2, and for the constraints themselves the document, as generated tables of [`Property`].

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use crate::body::{FieldValue, Fields};
use crate::constraints::Sub;
use crate::error::NON_FIELD;
use crate::json::MAX_INTEGER_DIGITS;
use crate::patterns::matches_pattern;

/// A text that is longer than this and than its property allows is refused for its length alone: to
/// look for other faults takes time. Also the limit of a text where the document sets none.
const MAX_TEXT_BYTES: usize = 65_536;

/// String formats and messages that a host adds to the keywords of a document.
#[derive(Debug, Clone, Copy)]
pub struct Formats {
    /// `format: email`.
    pub is_email: fn(&str) -> bool,
    /// Messages for patterns, by the pattern as the document has it.
    pub pattern_messages: &'static [(&'static str, &'static str)],
}

impl Formats {
    /// An email address is text around one `@`, without blanks; patterns have one message.
    pub const DEFAULT: Formats = Formats { is_email: has_address_form, pattern_messages: &[] };

    pub(crate) fn pattern_message(&self, pattern: &str) -> String {
        let known = self.pattern_messages.iter().find(|(known, _)| *known == pattern);
        known
            .map_or("This value does not match the required pattern.", |(_, message)| message)
            .to_owned()
    }
}

fn has_address_form(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && !part.contains('@') && !part.contains(char::is_whitespace);
    text.split_once('@').is_some_and(|(local, domain)| is_part(local) && is_part(domain))
}

/// Kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A string with `format: email`.
    Email,
    /// Checked as text: no request carries one.
    Uri,
    /// `type: integer`.
    Integer,
    /// `type: boolean`.
    Boolean,
    /// `type: number`.
    Number,
    /// Its members have a table of their own.
    Object,
    /// Left to the Rust type.
    Any,
}

/// A limit that a number keeps.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The limit.
    pub value: f64,
    /// The limit itself is beyond it.
    pub exclusive: bool,
}

impl Bound {
    /// As a minimum: whether it is above a number.
    pub(crate) fn is_above(&self, number: f64) -> bool {
        number < self.value || (self.exclusive && number <= self.value)
    }

    /// As a maximum: whether it is below a number.
    pub(crate) fn is_below(&self, number: f64) -> bool {
        number > self.value || (self.exclusive && number >= self.value)
    }

    pub(crate) fn minimum_message(&self) -> String {
        let equal = if self.exclusive { "" } else { " or equal to" };
        format!("Ensure this value is greater than{equal} {}.", self.value)
    }

    pub(crate) fn maximum_message(&self) -> String {
        let equal = if self.exclusive { "" } else { " or equal to" };
        format!("Ensure this value is less than{equal} {}.", self.value)
    }
}

/// One field as the document declares it.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Its kind, or that of its items.
    pub kind: Kind,
    /// `required`.
    pub required: bool,
    /// `nullable`.
    pub nullable: bool,
    /// `maxLength`.
    pub max_length: Option<usize>,
    /// `minLength`.
    pub min_length: Option<usize>,
    /// `pattern`.
    pub pattern: Option<&'static str>,
    /// `minimum`.
    pub minimum: Option<Bound>,
    /// `maximum`.
    pub maximum: Option<Bound>,
    /// `readOnly`.
    pub read_only: bool,
    /// `writeOnly`.
    pub write_only: bool,
    /// Whether it is an array.
    pub is_array: bool,
    /// `minItems`.
    pub min_items: Option<usize>,
    /// `maxItems`.
    pub max_items: Option<usize>,
    /// The table of an object's members. A function, since schemas may contain themselves.
    pub members: Option<fn() -> &'static [Property]>,
}

/// Deviations of one operation from the declared constraints.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules<'a> {
    /// PATCH: nothing is required.
    pub partial: bool,
    /// Fields that the operation requires beyond the document.
    pub also_required: &'a [&'static str],
    /// Text fields that may be "".
    pub blank_allowed: &'a [&'static str],
    /// Integers that are ids of rows, which DRF refuses in words of their own.
    pub row_ids: &'a [&'static str],
}

/// Messages by field, in the order they were found; serialises as `{"field": ["message"]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<(String, Vec<String>)>);

impl FieldErrors {
    /// One message that belongs to no single field.
    pub fn general(message: impl Into<String>) -> FieldErrors {
        FieldErrors(vec![(NON_FIELD.to_owned(), vec![message.into()])])
    }

    /// Adds to the errors of `field`, so that no name is written twice.
    pub fn add(&mut self, field: &str, messages: Vec<String>) {
        match self.0.iter_mut().find(|(name, _)| name == field) {
            Some((_, known)) => known.extend(messages),
            None => self.0.push((field.to_owned(), messages)),
        }
    }

    /// Adds all of `found`.
    pub fn extend(&mut self, found: FieldErrors) {
        for (field, messages) in found.0 {
            self.add(&field, messages);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each field with its errors.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, messages)| (name.as_str(), messages.as_slice()))
    }

    /// Declaration order; undeclared names (`non_field_errors`) come last, in the order they were
    /// found.
    pub fn sort_by(&mut self, properties: &[Property]) {
        let place =
            |name: &String| properties.iter().position(|p| p.name == name).unwrap_or(usize::MAX);
        self.0.sort_by_key(|(name, _)| place(name));
    }
}

impl Serialize for FieldErrors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, messages) in &self.0 {
            map.serialize_entry(name, messages)?;
        }
        map.end()
    }
}

/// The constraints of one object.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    /// One for each property.
    pub rows: &'static [Property],
    /// The whole schema, if the rows do not say all of it.
    pub schema: Option<Sub>,
}

/// The fields that `properties` names, cleaned: text trimmed, numbers in text fields as text, ids
/// as integers, words for true and false as booleans; beside them the errors of the others.
/// Absent fields stay absent.
pub fn check(
    properties: &[Property],
    fields: &Fields,
    rules: Rules<'_>,
    formats: &Formats,
) -> (Map<String, Value>, FieldErrors) {
    check_rows(properties, fields, rules, formats, false)
}

/// As [`check`], and against the whole schema if there is one. Fields without a row are kept then.
pub(crate) fn check_table(
    table: Table,
    fields: &Fields,
    rules: Rules<'_>,
    formats: &Formats,
) -> (Map<String, Value>, FieldErrors) {
    let keeps_others = table.schema.is_some();
    let (mut clean, mut errors) = check_rows(table.rows, fields, rules, formats, keeps_others);
    let Some(schema) = table.schema else { return (clean, errors) };
    let whole = Value::Object(clean);
    for problem in schema.problems(&whole, formats) {
        let is_known = |field: &String| errors.0.iter().any(|(known, _)| known == field);
        let is_missing = problem.path.is_empty() && problem.message == MISSING;
        match &problem.field {
            Some(_) if is_missing && rules.partial => {}
            // The row has told what is wrong.
            Some(field) if is_known(field) && whole.get(field).is_none() => {}
            Some(field) => errors.add(field, vec![problem.text()]),
            None => errors.add(NON_FIELD, vec![problem.text()]),
        }
    }
    clean = match whole {
        Value::Object(clean) => clean,
        _ => Map::new(),
    };
    (clean, errors)
}

fn check_rows(
    properties: &[Property],
    fields: &Fields,
    rules: Rules<'_>,
    formats: &Formats,
    keeps_others: bool,
) -> (Map<String, Value>, FieldErrors) {
    let mut clean = Map::new();
    let mut errors = FieldErrors::default();
    for property in properties.iter().filter(|property| !property.read_only) {
        let required = property.required || rules.also_required.contains(&property.name);
        let says = FieldRules {
            formats,
            blank_allowed: rules.blank_allowed.contains(&property.name),
            row_id: rules.row_ids.contains(&property.name),
            keeps_others,
        };
        let checked = match sent(property, fields, required, says.blank_allowed) {
            Some(value) if property.is_array && fields.is_form() && value != &FieldValue::Null => {
                value_of(property, &FieldValue::List(fields.items(property.name)), says)
            }
            Some(value) => value_of(property, value, says),
            None if required && !rules.partial => fault(MISSING),
            None => continue,
        };
        match checked {
            Ok(value) => drop(clean.insert(property.name.to_owned(), value)),
            Err(messages) => errors.add(property.name, messages),
        }
    }
    if keeps_others {
        let is_named = |name: &str| properties.iter().any(|property| property.name == name);
        for (name, value) in fields.iter().filter(|(name, _)| !is_named(name)) {
            clean.insert(name.to_owned(), as_json(value));
        }
    }
    (clean, errors)
}

const MISSING: &str = "This field is required.";

/// The rules of an operation for one field.
#[derive(Clone, Copy)]
struct FieldRules<'a> {
    formats: &'a Formats,
    blank_allowed: bool,
    row_id: bool,
    /// Whether members without a row stay.
    keeps_others: bool,
}

/// The value sent for a field. Forms send "" for an empty field, which stands for null or for
/// nothing.
fn sent<'a>(
    property: &Property,
    fields: &'a Fields,
    required: bool,
    blank_allowed: bool,
) -> Option<&'a FieldValue> {
    let value = fields.get(property.name)?;
    let unfilled = fields.is_form()
        && !blank_allowed
        && matches!(value, FieldValue::Text(text) if text.is_empty());
    match value {
        _ if unfilled && property.nullable => Some(&FieldValue::Null),
        _ if unfilled && !required => None,
        value => Some(value),
    }
}

type Checked<T> = Result<T, Vec<String>>;

fn fault<T>(message: impl Into<String>) -> Checked<T> {
    Err(vec![message.into()])
}

fn value_of(property: &Property, value: &FieldValue, says: FieldRules<'_>) -> Checked<Value> {
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
        Kind::Integer => integer(value).map_or_else(
            || fault("A valid integer is required."),
            |known| bounded(property, known as f64, known),
        ),
        Kind::Boolean => boolean(value)
            .map_or_else(|| fault("Must be a valid boolean."), |known| Ok(Value::Bool(known))),
        Kind::Number => number(value).map_or_else(
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

fn integer(value: &FieldValue) -> Option<i64> {
    let (FieldValue::Text(text) | FieldValue::Integer(text)) = value else { return None };
    text.trim_matches(is_python_space).parse().ok()
}

fn text(property: &Property, value: &FieldValue, says: FieldRules<'_>) -> Checked<String> {
    let is_email = property.kind == Kind::Email;
    const BAD_EMAIL: &str = "Enter a valid email address.";
    let text = match value {
        FieldValue::Text(text) | FieldValue::Integer(text) | FieldValue::Float(text) => {
            text.trim_matches(is_python_space)
        }
        _ => return fault(if is_email { BAD_EMAIL } else { "Not a valid string." }),
    };
    if text.is_empty() {
        return if says.blank_allowed {
            Ok(String::new())
        } else {
            fault("This field may not be blank.")
        };
    }
    let length = text.chars().count();
    let too_long = |max: usize| format!("Ensure this field has no more than {max} characters.");
    let max = property.max_length.unwrap_or(MAX_TEXT_BYTES);
    if text.len() > MAX_TEXT_BYTES && length > max {
        return fault(too_long(max));
    }
    // All that are broken are told. A model's own validators, here the pattern, run before those of
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
        text.contains('\0').then(|| "Null characters are not allowed.".to_owned()),
        (is_email && !(says.formats.is_email)(text)).then(|| BAD_EMAIL.to_owned()),
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

fn boolean(value: &FieldValue) -> Option<bool> {
    match value {
        FieldValue::Bool(known) => Some(*known),
        FieldValue::Integer(text) | FieldValue::Float(text) => match text.as_str() {
            "1" | "1.0" => Some(true),
            "0" | "0.0" | "-0.0" => Some(false),
            _ => None,
        },
        FieldValue::Text(text) => match text.as_str() {
            "t" | "T" | "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on"
            | "On" | "ON" | "1" => Some(true),
            "f" | "F" | "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off"
            | "Off" | "OFF" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn number(value: &FieldValue) -> Option<f64> {
    let number = match value {
        FieldValue::Bool(known) => f64::from(u8::from(*known)),
        FieldValue::Text(text) | FieldValue::Integer(text) | FieldValue::Float(text) => {
            text.trim().parse().ok()?
        }
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

/// Whether a text keeps the limits of a parameter.
pub fn text_fits(
    text: &str,
    min: Option<usize>,
    max: Option<usize>,
    pattern: Option<&'static str>,
) -> bool {
    let length = text.chars().count();
    min.is_none_or(|min| length >= min)
        && max.is_none_or(|max| length <= max)
        && pattern.is_none_or(|pattern| matches_pattern(pattern, text))
}

/// The characters that Python's `str.strip` removes: Unicode white space and the four ASCII
/// separators.
fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

#[cfg(test)]
mod tests;
