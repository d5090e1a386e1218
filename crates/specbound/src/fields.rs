//! Fields against the document's constraints: every fault of every field at once, in the order of
//! declaration.
//!
//! It knows single fields only. Rules that need a second field, the store or the caller (equal
//! passwords, free user names, the owner of an id) are for the domain. It must never stop at the
//! first fault, nor use other messages than DRF.
//!
//! Where its rules come from: DRF 3.14 `fields.py` and `relations.py`, the validators of Django
//! 4.2, and for the constraints themselves the document, as generated tables of [`Property`].

mod errors;
mod values;

use serde_json::{Map, Value};

use crate::body::{FieldValue, Fields};
use crate::constraints::SchemaRef;
use crate::keywords::{Bound, Formats};
use crate::patterns::matches_pattern;
pub use errors::{FieldErrors, NON_FIELD};
pub(crate) use values::{as_json, is_python_space};
use values::{fault, value_of};

/// A text that is longer than this and than its property allows is refused for its length alone: to
/// look for other faults takes time. Also the limit of a text where the document sets none, for a
/// host that reads values leniently; otherwise that of the body alone.
pub(crate) const MAX_TEXT_BYTES: usize = 65_536;

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
    /// An object, whose members have a separate table.
    Object,
    /// Left to the Rust type.
    Any,
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

impl Property {
    /// A row without constraints.
    pub const fn new(name: &'static str, kind: Kind) -> Property {
        Property {
            name,
            kind,
            required: false,
            nullable: false,
            max_length: None,
            min_length: None,
            pattern: None,
            minimum: None,
            maximum: None,
            read_only: false,
            write_only: false,
            is_array: false,
            min_items: None,
            max_items: None,
            members: None,
        }
    }
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
    /// Text fields that keep the blanks around them, such as passwords.
    pub untrimmed: &'a [&'static str],
    /// Integers that are row ids, for which DRF has separate messages.
    pub row_ids: &'a [&'static str],
}

/// The constraints of one object.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    /// One for each property.
    pub rows: &'static [Property],
    /// The whole schema, if the rows do not say all of it.
    pub schema: Option<SchemaRef>,
}

/// The fields that `properties` names, beside the errors of the others. Absent fields stay absent.
/// With [`Formats::lenient_values`] they are cleaned: text trimmed, numbers in text fields as text,
/// ids as integers, words for true and false as booleans.
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
    let reported: Vec<String> = errors.iter().map(|(field, _)| field.to_owned()).collect();
    let whole = match reported.is_empty() || formats.lenient_values || fields.is_form() {
        true => Value::Object(clean),
        // As it was sent: a member with a bad value is a member.
        false => Value::Object(as_sent(table.rows, fields)),
    };
    for problem in schema.problems(&whole, formats) {
        let is_known = |field: &String| errors.iter().any(|(known, _)| known == field);
        let is_missing = problem.path.is_empty() && problem.message == MISSING;
        match &problem.field {
            Some(_) if is_missing && rules.partial => {}
            // The row has told what is wrong.
            Some(field) if reported.contains(field) => {}
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

/// The members of an object but those that are read-only.
fn as_sent(rows: &[Property], fields: &Fields) -> Map<String, Value> {
    let is_ignored = |name: &str| rows.iter().any(|row| row.read_only && row.name == name);
    let sent = fields.iter().filter(|(name, _)| !is_ignored(name));
    sent.map(|(name, value)| (name.to_owned(), as_json(value))).collect()
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
            untrimmed: rules.untrimmed.contains(&property.name),
            row_id: rules.row_ids.contains(&property.name),
            is_form: fields.is_form(),
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

pub(crate) const MISSING: &str = "This field is required.";

/// The rules of a host and an operation for one field.
#[derive(Clone, Copy)]
struct FieldRules<'a> {
    formats: &'a Formats,
    blank_allowed: bool,
    untrimmed: bool,
    row_id: bool,
    /// All values are text.
    is_form: bool,
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

#[cfg(test)]
mod tests;
