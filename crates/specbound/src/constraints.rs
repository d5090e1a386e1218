//! Values against the keywords of a schema, as generated tables of [`Constraints`].
//!
//! It checks what the rows of [`crate::fields`] and the Rust types do not: alternatives, maps,
//! lists within lists, `not`, `uniqueItems` and others. Every problem is found, with the path to
//! its value. A discriminator chooses its alternative without a try of the others. The work is
//! bounded, since alternatives within each other may multiply.

mod check;
mod report;
mod values;

use serde_json::Value;

use crate::formats::TextFormat;
use crate::keywords::{Bound, Formats};
pub use report::Problem;
pub(crate) use values::canonical;

/// A schema that another one refers to.
pub type SchemaRef = &'static Constraints;

/// Types of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number without a fraction.
    Integer,
    /// Any number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Type {
    fn is_of(self, value: &Value) -> bool {
        match (self, value) {
            (Type::Null, Value::Null)
            | (Type::Boolean, Value::Bool(_))
            | (Type::Number, Value::Number(_))
            | (Type::String, Value::String(_))
            | (Type::Array, Value::Array(_))
            | (Type::Object, Value::Object(_)) => true,
            (Type::Integer, Value::Number(number)) => {
                !number.is_f64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            _ => false,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Type::Null => "Must be null.",
            Type::Boolean => "Must be a valid boolean.",
            Type::Integer => "A valid integer is required.",
            Type::Number => "A valid number is required.",
            Type::String => "Not a valid string.",
            Type::Array => "Expected a list of items.",
            Type::Object => "Expected a dictionary.",
        }
    }
}

/// Which alternative a member names.
#[derive(Debug, Clone, Copy)]
pub struct Discriminator {
    /// Name of the member.
    pub property: &'static str,
    /// Alternatives by the member's value.
    pub mapping: &'static [(&'static str, SchemaRef)],
}

/// The keywords of a schema, each in the meaning of JSON Schema. [`Constraints::ANY`] has none.
#[derive(Debug, Clone, Copy)]
pub struct Constraints {
    /// `$ref`.
    pub refers: Option<SchemaRef>,
    /// `type`; empty for any.
    pub types: &'static [Type],
    /// `nullable`: null is a value whatever the other keywords say.
    pub nullable: bool,
    /// The schema `false`.
    pub never: bool,
    /// `enum` and `const`: JSON texts.
    pub choices: &'static [&'static str],
    /// `format`, where it is one of text.
    pub format: Option<TextFormat>,
    /// `minLength`.
    pub min_length: Option<usize>,
    /// `maxLength`.
    pub max_length: Option<usize>,
    /// `pattern`.
    pub pattern: Option<&'static str>,
    /// `minimum`.
    pub minimum: Option<Bound>,
    /// `maximum`.
    pub maximum: Option<Bound>,
    /// `multipleOf`.
    pub multiple_of: Option<f64>,
    /// `prefixItems`.
    pub prefix_items: &'static [SchemaRef],
    /// `items`.
    pub items: Option<SchemaRef>,
    /// `minItems`.
    pub min_items: Option<usize>,
    /// `maxItems`.
    pub max_items: Option<usize>,
    /// `uniqueItems`.
    pub unique_items: bool,
    /// `contains`, `minContains` and `maxContains`.
    pub contains: Option<(SchemaRef, usize, Option<usize>)>,
    /// `properties`.
    pub properties: &'static [(&'static str, SchemaRef)],
    /// `patternProperties`.
    pub pattern_properties: &'static [(&'static str, SchemaRef)],
    /// `additionalProperties`.
    pub additional_properties: Option<SchemaRef>,
    /// `propertyNames`.
    pub property_names: Option<SchemaRef>,
    /// `required`.
    pub required: &'static [&'static str],
    /// `dependentRequired`.
    pub dependent_required: &'static [(&'static str, &'static [&'static str])],
    /// `dependentSchemas`.
    pub dependent_schemas: &'static [(&'static str, SchemaRef)],
    /// `minProperties`.
    pub min_properties: Option<usize>,
    /// `maxProperties`.
    pub max_properties: Option<usize>,
    /// `allOf`.
    pub all_of: &'static [SchemaRef],
    /// `anyOf`.
    pub any_of: &'static [SchemaRef],
    /// `oneOf`.
    pub one_of: &'static [SchemaRef],
    /// `not`.
    pub not: Option<SchemaRef>,
    /// `if`, `then` and `else`.
    pub condition: Option<(SchemaRef, Option<SchemaRef>, Option<SchemaRef>)>,
    /// `discriminator`.
    pub discriminator: Option<Discriminator>,
}

impl Constraints {
    /// The schema of any value.
    pub const ANY: Constraints = Constraints {
        refers: None,
        types: &[],
        nullable: false,
        never: false,
        choices: &[],
        format: None,
        min_length: None,
        max_length: None,
        pattern: None,
        minimum: None,
        maximum: None,
        multiple_of: None,
        prefix_items: &[],
        items: None,
        min_items: None,
        max_items: None,
        unique_items: false,
        contains: None,
        properties: &[],
        pattern_properties: &[],
        additional_properties: None,
        property_names: None,
        required: &[],
        dependent_required: &[],
        dependent_schemas: &[],
        min_properties: None,
        max_properties: None,
        all_of: &[],
        any_of: &[],
        one_of: &[],
        not: None,
        condition: None,
        discriminator: None,
    };

    /// Every problem of a value.
    pub fn problems(&'static self, value: &Value, formats: &Formats) -> Vec<Problem> {
        check::problems(self, value, formats)
    }

    /// The types that a value may have, with those of the schemas that this one refers to.
    pub(crate) fn possible_types(&'static self) -> Vec<Type> {
        let mut found = Vec::new();
        let mut ahead = vec![self];
        let mut seen: Vec<SchemaRef> = Vec::new();
        while let Some(next) = ahead.pop() {
            if seen.iter().any(|known| std::ptr::eq(*known, next)) {
                continue;
            }
            seen.push(next);
            found.extend(next.types);
            if next.nullable {
                found.push(Type::Null);
            }
            ahead.extend(next.refers);
            ahead.extend(next.all_of.iter().chain(next.any_of).chain(next.one_of));
        }
        found
    }

    /// The schema of a member, through references.
    pub(crate) fn member(&'static self, name: &str) -> Option<SchemaRef> {
        self.inner(&|schema| {
            let own = schema.properties.iter().find(|(known, _)| *known == name);
            own.map(|(_, schema)| *schema).or(schema.additional_properties)
        })
    }

    /// The schema of an item, through references.
    pub(crate) fn item(&'static self) -> Option<SchemaRef> {
        self.inner(&|schema| schema.items)
    }

    fn inner(&'static self, of: &dyn Fn(SchemaRef) -> Option<SchemaRef>) -> Option<SchemaRef> {
        let mut ahead = vec![self];
        // More are a circle of references.
        for _ in 0..64 {
            let next = ahead.pop()?;
            if let Some(found) = of(next) {
                return Some(found);
            }
            ahead.extend(next.any_of.iter().chain(next.one_of).chain(next.all_of).rev());
            ahead.extend(next.refers);
        }
        None
    }
}

#[cfg(test)]
mod tests;
