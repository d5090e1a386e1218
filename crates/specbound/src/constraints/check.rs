//! A value against a table, keyword by keyword, in a bounded number of steps.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::report::{Paths, Problem, Step};
use super::values::{canonical, is_multiple};
use super::{Constraints, Discriminator, SchemaRef, Type};
use crate::keywords::Formats;
use crate::patterns::matches_pattern;

/// Schemas that are held against values for one request.
const MAX_STEPS: usize = 200_000;
/// Schemas within each other: alternatives may lead back to themselves.
const MAX_DEPTH: usize = 512;

/// Every problem of a value.
pub(super) fn problems(schema: SchemaRef, value: &Value, formats: &Formats) -> Vec<Problem> {
    let paths = Paths::default();
    let mut check = Check { formats, steps_left: MAX_STEPS, depth: 0, paths, active: Vec::new() };
    check.schema(schema, value);
    if check.steps_left == 0 {
        return vec![Problem::at_root("The value takes too long to check.")];
    }
    check.paths.into_problems()
}

struct Check<'a> {
    formats: &'a Formats,
    steps_left: usize,
    depth: usize,
    paths: Paths,
    /// The schemas that may lead back to themselves, each with the value that it is held against.
    active: Vec<(*const Constraints, *const Value)>,
}

impl Check<'_> {
    fn schema(&mut self, schema: SchemaRef, value: &Value) {
        if self.depth == MAX_DEPTH {
            self.steps_left = 0;
        }
        if self.steps_left == 0 {
            return;
        }
        // A subtype refers to its supertype, whose discriminator leads back to the subtype: what is
        // being checked already is not checked again.
        let place = (std::ptr::from_ref(schema), std::ptr::from_ref(value));
        let may_return = schema.refers.is_some() || !schema.all_of.is_empty() || {
            schema.discriminator.is_some() || !schema.any_of.is_empty() || !schema.one_of.is_empty()
        };
        if may_return && self.active.contains(&place) {
            return;
        }
        self.steps_left -= 1;
        self.depth += 1;
        if may_return {
            self.active.push(place);
        }
        self.keywords(schema, value);
        if may_return {
            self.active.pop();
        }
        self.depth -= 1;
    }

    fn keywords(&mut self, schema: SchemaRef, value: &Value) {
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

    fn text(&mut self, schema: SchemaRef, text: &str) {
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
        if let Some(format) = schema.format.filter(|format| !(self.formats.holds)(*format, text)) {
            self.paths.add(format.message());
        }
    }

    fn number(&mut self, schema: SchemaRef, number: &serde_json::Number) {
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

    fn array(&mut self, schema: SchemaRef, items: &[Value]) {
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

    fn object(&mut self, schema: SchemaRef, members: &Map<String, Value>) {
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
    fn member(&mut self, schema: SchemaRef, name: &str, value: &Value) {
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

    fn combined(&mut self, schema: SchemaRef, value: &Value) {
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
    fn alternatives(&mut self, all: &[SchemaRef], value: &Value, only_one: bool) {
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
        let takes = |one: &&SchemaRef| {
            let types = one.possible_types();
            types.is_empty() || types.iter().any(|kind| kind.is_of(value))
        };
        let mut likely = all.iter().filter(takes);
        match (likely.next(), likely.next()) {
            (Some(only), None) => self.schema(only, value),
            _ => self.paths.add("This value matches no alternative."),
        }
    }

    fn holds(&mut self, schema: SchemaRef, value: &Value) -> bool {
        let outer = std::mem::take(&mut self.paths);
        self.schema(schema, value);
        std::mem::replace(&mut self.paths, outer).is_empty()
    }

    fn at(&mut self, step: Step<'_>, schema: SchemaRef, value: &Value) {
        let before = self.paths.enter(step);
        self.schema(schema, value);
        self.paths.leave(before);
    }
}
