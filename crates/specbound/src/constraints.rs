//! Values against the keywords of a schema, as generated tables of [`Constraints`].
//!
//! It checks what the rows of [`crate::fields`] and the Rust types do not: alternatives, maps,
//! lists within lists, `not`, `uniqueItems` and others. Every problem is found, with the path to
//! its value. A discriminator chooses its alternative without a try of the others. The work is
//! bounded, since alternatives within each other may multiply.

mod report;
mod values;

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::fields::{Bound, Formats};
use crate::patterns::matches_pattern;
pub use report::Problem;
use report::{Paths, Step};
use values::{canonical, is_multiple};

/// A schema that another one refers to.
pub type Sub = &'static Constraints;

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
    pub mapping: &'static [(&'static str, Sub)],
}

/// The keywords of a schema, each in the meaning of JSON Schema. [`Constraints::ANY`] has none.
#[derive(Debug, Clone, Copy)]
pub struct Constraints {
    /// `$ref`.
    pub refers: Option<Sub>,
    /// `type`; empty for any.
    pub types: &'static [Type],
    /// `nullable`: null is a value whatever the other keywords say.
    pub nullable: bool,
    /// The schema `false`.
    pub never: bool,
    /// `enum` and `const`: JSON texts.
    pub choices: &'static [&'static str],
    /// `format: email`.
    pub is_email: bool,
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
    pub prefix_items: &'static [Sub],
    /// `items`.
    pub items: Option<Sub>,
    /// `minItems`.
    pub min_items: Option<usize>,
    /// `maxItems`.
    pub max_items: Option<usize>,
    /// `uniqueItems`.
    pub unique_items: bool,
    /// `contains`, `minContains` and `maxContains`.
    pub contains: Option<(Sub, usize, Option<usize>)>,
    /// `properties`.
    pub properties: &'static [(&'static str, Sub)],
    /// `patternProperties`.
    pub pattern_properties: &'static [(&'static str, Sub)],
    /// `additionalProperties`.
    pub additional_properties: Option<Sub>,
    /// `propertyNames`.
    pub property_names: Option<Sub>,
    /// `required`.
    pub required: &'static [&'static str],
    /// `dependentRequired`.
    pub dependent_required: &'static [(&'static str, &'static [&'static str])],
    /// `dependentSchemas`.
    pub dependent_schemas: &'static [(&'static str, Sub)],
    /// `minProperties`.
    pub min_properties: Option<usize>,
    /// `maxProperties`.
    pub max_properties: Option<usize>,
    /// `allOf`.
    pub all_of: &'static [Sub],
    /// `anyOf`.
    pub any_of: &'static [Sub],
    /// `oneOf`.
    pub one_of: &'static [Sub],
    /// `not`.
    pub not: Option<Sub>,
    /// `if`, `then` and `else`.
    pub condition: Option<(Sub, Option<Sub>, Option<Sub>)>,
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
        is_email: false,
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
        let paths = Paths::default();
        let mut check = Check { formats, steps_left: MAX_STEPS, depth: 0, paths };
        check.schema(self, value);
        if check.steps_left == 0 {
            return vec![Problem::at_root("The value takes too long to check.")];
        }
        check.paths.into_problems()
    }

    /// The types that a value may have, with those of the schemas that this one refers to.
    pub(crate) fn possible_types(&'static self) -> Vec<Type> {
        let mut found = Vec::new();
        let mut ahead = vec![self];
        let mut seen: Vec<Sub> = Vec::new();
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
    pub(crate) fn member(&'static self, name: &str) -> Option<Sub> {
        self.inner(&|schema| {
            let own = schema.properties.iter().find(|(known, _)| *known == name);
            own.map(|(_, schema)| *schema).or(schema.additional_properties)
        })
    }

    /// The schema of an item, through references.
    pub(crate) fn item(&'static self) -> Option<Sub> {
        self.inner(&|schema| schema.items)
    }

    fn inner(&'static self, of: &dyn Fn(Sub) -> Option<Sub>) -> Option<Sub> {
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

/// Schemas that are held against values for one request.
const MAX_STEPS: usize = 200_000;
/// Schemas within each other: alternatives may lead back to themselves.
const MAX_DEPTH: usize = 512;

struct Check<'a> {
    formats: &'a Formats,
    steps_left: usize,
    depth: usize,
    paths: Paths,
}

impl Check<'_> {
    fn schema(&mut self, schema: Sub, value: &Value) {
        if self.depth == MAX_DEPTH {
            self.steps_left = 0;
        }
        if self.steps_left == 0 {
            return;
        }
        self.steps_left -= 1;
        self.depth += 1;
        self.keywords(schema, value);
        self.depth -= 1;
    }

    fn keywords(&mut self, schema: Sub, value: &Value) {
        if schema.nullable && value.is_null() {
            return;
        }
        if schema.never {
            return self.paths.add("This value is not allowed.");
        }
        if let Some(target) = schema.refers {
            self.schema(target, value);
        }
        if !schema.types.is_empty() && !schema.types.iter().any(|kind| kind.is_of(value)) {
            return self.paths.add(match (value, schema.types) {
                (Value::Null, _) => "This field may not be null.",
                (_, [only]) => only.message(),
                _ => "Not a valid type.",
            });
        }
        if !schema.choices.is_empty() && !schema.choices.contains(&canonical(value).as_str()) {
            self.paths.add("Not a valid choice.");
        }
        match value {
            Value::String(text) => self.text(schema, text),
            Value::Number(number) => self.number(schema, number),
            Value::Array(items) => self.array(schema, items),
            Value::Object(members) => self.object(schema, members),
            Value::Null | Value::Bool(_) => {}
        }
        self.combined(schema, value);
    }

    fn text(&mut self, schema: Sub, text: &str) {
        if schema.min_length.is_some() || schema.max_length.is_some() {
            let length = text.chars().count();
            if let Some(max) = schema.max_length.filter(|max| length > *max) {
                self.paths.add(format!("Ensure this field has no more than {max} characters."));
            }
            if let Some(min) = schema.min_length.filter(|min| length < *min) {
                self.paths.add(format!("Ensure this field has at least {min} characters."));
            }
        }
        if let Some(pattern) = schema.pattern.filter(|pattern| !matches_pattern(pattern, text)) {
            self.paths.add(self.formats.pattern_message(pattern));
        }
        if schema.is_email && !(self.formats.is_email)(text) {
            self.paths.add("Enter a valid email address.");
        }
    }

    fn number(&mut self, schema: Sub, number: &serde_json::Number) {
        let value = number.as_f64().unwrap_or(f64::NAN);
        if let Some(bound) = schema.minimum.filter(|bound| bound.is_above(value)) {
            self.paths.add(bound.minimum_message());
        }
        if let Some(bound) = schema.maximum.filter(|bound| bound.is_below(value)) {
            self.paths.add(bound.maximum_message());
        }
        if let Some(step) = schema.multiple_of.filter(|step| !is_multiple(number, *step)) {
            self.paths.add(format!("Ensure this value is a multiple of {step}."));
        }
    }

    fn array(&mut self, schema: Sub, items: &[Value]) {
        if let Some(min) = schema.min_items.filter(|min| items.len() < *min) {
            self.paths.add(format!("Ensure this field has at least {min} elements."));
        }
        if let Some(max) = schema.max_items.filter(|max| items.len() > *max) {
            self.paths.add(format!("Ensure this field has no more than {max} elements."));
        }
        if schema.unique_items {
            let mut seen = HashSet::new();
            if !items.iter().all(|item| seen.insert(canonical(item))) {
                self.paths.add("Ensure the elements of this field are unique.");
            }
        }
        for (n, item) in items.iter().enumerate() {
            if let Some(of_item) = schema.prefix_items.get(n).copied().or(schema.items) {
                self.at(Step::Item(n), of_item, item);
            }
        }
        if let Some((wanted, min, max)) = schema.contains {
            let count = items.iter().filter(|item| self.holds(wanted, item)).count();
            if count < min {
                self.paths.add(format!("Ensure at least {min} elements are of the kind wanted."));
            }
            if let Some(max) = max.filter(|max| count > *max) {
                self.paths.add(format!("Ensure at most {max} elements are of the kind wanted."));
            }
        }
    }

    fn object(&mut self, schema: Sub, members: &Map<String, Value>) {
        for name in schema.required.iter().filter(|name| !members.contains_key(**name)) {
            self.paths.add_at(Step::Member(name), "This field is required.");
        }
        if let Some(min) = schema.min_properties.filter(|min| members.len() < *min) {
            self.paths.add(format!("Ensure this field has at least {min} members."));
        }
        if let Some(max) = schema.max_properties.filter(|max| members.len() > *max) {
            self.paths.add(format!("Ensure this field has no more than {max} members."));
        }
        let is_plain = schema.pattern_properties.is_empty()
            && schema.additional_properties.is_none()
            && schema.property_names.is_none();
        for (name, of_member) in schema.properties.iter().filter(|_| is_plain) {
            if let Some(value) = members.get(*name) {
                self.at(Step::Member(name), of_member, value);
            }
        }
        for (name, value) in members.iter().filter(|_| !is_plain) {
            self.member(schema, name, value);
        }
        for (name, others) in schema.dependent_required {
            let missing = others.iter().filter(|other| !members.contains_key(**other));
            for other in missing.filter(|_| members.contains_key(*name)) {
                self.paths.add_at(Step::Member(other), "This field is required.");
            }
        }
    }

    /// A member of an object whose schema says something about other members than those it names.
    fn member(&mut self, schema: Sub, name: &str, value: &Value) {
        let mut is_named = false;
        if let Some((_, own)) = schema.properties.iter().find(|(known, _)| *known == name) {
            is_named = true;
            self.at(Step::Member(name), own, value);
        }
        for (pattern, of_member) in schema.pattern_properties {
            if matches_pattern(pattern, name) {
                is_named = true;
                self.at(Step::Member(name), of_member, value);
            }
        }
        match schema.additional_properties.filter(|_| !is_named) {
            Some(others) if others.never => {
                self.paths.add_at(Step::Member(name), "This field is not allowed.");
            }
            Some(others) => self.at(Step::Member(name), others, value),
            None => {}
        }
        if let Some(names) = schema.property_names {
            let name = Value::from(name);
            if !self.holds(names, &name) {
                let Value::String(name) = &name else { return };
                self.paths.add_at(Step::Member(name), "This name is not allowed.");
            }
        }
    }

    fn combined(&mut self, schema: Sub, value: &Value) {
        for part in schema.all_of {
            self.schema(part, value);
        }
        if let Some(unwanted) = schema.not
            && self.holds(unwanted, value)
        {
            self.paths.add("This value is not allowed.");
        }
        if let Some((condition, then, otherwise)) = schema.condition {
            let next = if self.holds(condition, value) { then } else { otherwise };
            next.into_iter().for_each(|next| self.schema(next, value));
        }
        if let Value::Object(members) = value {
            for (name, dependent) in schema.dependent_schemas {
                if members.contains_key(*name) {
                    self.schema(dependent, value);
                }
            }
        }
        if let Some(discriminator) = schema.discriminator {
            return self.discriminated(discriminator, value);
        }
        self.alternatives(schema.any_of, value, false);
        self.alternatives(schema.one_of, value, true);
    }

    fn discriminated(&mut self, discriminator: Discriminator, value: &Value) {
        let name = discriminator.property;
        let Value::Object(members) = value else {
            return self.paths.add(Type::Object.message());
        };
        let Some(kind) = members.get(name) else {
            return self.paths.add_at(Step::Member(name), "This field is required.");
        };
        let mut mapping = discriminator.mapping.iter();
        match mapping.find(|(known, _)| kind.as_str() == Some(known)) {
            Some((_, chosen)) => self.schema(chosen, value),
            None => self.paths.add_at(Step::Member(name), "Not a valid choice."),
        }
    }

    /// The problems of the alternative that takes the type of the value, if only one does.
    fn alternatives(&mut self, all: &[Sub], value: &Value, only_one: bool) {
        if all.is_empty() {
            return;
        }
        let count = all.iter().filter(|one| self.holds(one, value)).count();
        if count == 1 || (count > 1 && !only_one) || self.steps_left == 0 {
            return;
        }
        if count > 1 {
            return self.paths.add("This value matches more than one alternative.");
        }
        let takes = |one: &&Sub| {
            let types = one.possible_types();
            types.is_empty() || types.iter().any(|kind| kind.is_of(value))
        };
        let mut likely = all.iter().filter(takes);
        match (likely.next(), likely.next()) {
            (Some(only), None) => self.schema(only, value),
            _ => self.paths.add("This value matches no alternative."),
        }
    }

    fn holds(&mut self, schema: Sub, value: &Value) -> bool {
        let outer = std::mem::take(&mut self.paths);
        self.schema(schema, value);
        std::mem::replace(&mut self.paths, outer).is_empty()
    }

    fn at(&mut self, step: Step<'_>, schema: Sub, value: &Value) {
        let before = self.paths.enter(step);
        self.schema(schema, value);
        self.paths.leave(before);
    }
}

#[cfg(test)]
mod tests;
