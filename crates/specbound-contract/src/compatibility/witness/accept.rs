//! Whether a schema in canonical form accepts a value. `None` if that is unknown.
//!
//! Formats of dates, addresses and integers are checked, other formats only annotate. What one
//! direction does not carry (`readOnly`, `writeOnly`) is not demanded there.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::compatibility::usage::{has_flag, pointer};
use crate::compatibility::usage_set::Direction;

/// Largest compiled pattern, in bytes.
const MAX_PATTERN_SIZE: usize = 1 << 18;

/// Deepest nesting of schemas that is followed.
const MAX_DEPTH: usize = 32;

/// Compiled patterns, and the steps that are left. Both are shared by all schemas of a search.
#[derive(Default)]
pub(super) struct PatternCache {
    patterns: RefCell<HashMap<String, Option<Regex>>>,
    pub fuel: Cell<usize>,
}

impl PatternCache {
    /// Takes steps. Returns whether there were as many.
    pub fn consume(&self, steps: usize) -> bool {
        let left = self.fuel.get().checked_sub(steps);
        self.fuel.set(left.unwrap_or(0));
        left.is_some()
    }

    fn matches(&self, pattern: &str, text: &str) -> Option<bool> {
        let mut patterns = self.patterns.borrow_mut();
        let compiled = patterns.entry(pattern.to_owned()).or_insert_with(|| {
            RegexBuilder::new(pattern).size_limit(MAX_PATTERN_SIZE).build().ok()
        });
        compiled.as_ref().map(|regex| regex.is_match(text))
    }
}

/// The schemas of one document in one direction.
#[derive(Clone, Copy)]
pub(super) struct Schemas<'a> {
    pub document: &'a Value,
    pub direction: Direction,
    pub engine: &'a PatternCache,
}

/// True if all are, false if one is not.
fn all(results: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = true;
    for result in results {
        match result {
            Some(false) => return Some(false),
            None => known = false,
            Some(true) => {}
        }
    }
    known.then_some(true)
}

fn not(result: Option<bool>) -> Option<bool> {
    result.map(|result| !result)
}

impl Schemas<'_> {
    pub fn accepts(&self, schema: &Value, value: &Value) -> Option<bool> {
        self.within(schema, value, 0)
    }

    fn within(&self, schema: &Value, value: &Value, depth: usize) -> Option<bool> {
        if depth > MAX_DEPTH || !self.engine.consume(1) {
            return None;
        }
        let fields = match schema {
            Value::Bool(all) => return Some(*all),
            Value::Object(fields) => fields,
            _ => return None,
        };
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
            let target = self.document.pointer(&pointer(reference)?)?;
            return self.within(target, value, depth + 1);
        }
        if value.is_null() && has_flag(schema, "nullable") && !fields.contains_key("type") {
            return Some(true);
        }
        all([
            self.check_value(schema, fields, value),
            self.check_composition(fields, value, depth),
            match value {
                Value::Number(number) => check_number(fields, number.as_f64()?),
                Value::String(text) => self.check_text(fields, text),
                Value::Array(items) => self.check_items(fields, items, depth),
                Value::Object(members) => self.check_members(fields, members, depth),
                _ => Some(true),
            },
        ])
    }

    fn check_value(
        &self,
        schema: &Value,
        fields: &Map<String, Value>,
        value: &Value,
    ) -> Option<bool> {
        let is_null = value.is_null() && has_flag(schema, "nullable");
        let typed = match fields.get("type") {
            None => true,
            Some(Value::String(name)) => is_null || is_of_type(name, value),
            Some(Value::Array(names)) => {
                let mut names = names.iter().filter_map(Value::as_str);
                is_null || names.any(|name| is_of_type(name, value))
            }
            Some(_) => return None,
        };
        let listed = match fields.get("enum") {
            None => true,
            Some(values) => values.as_array()?.iter().any(|one| equal(one, value)),
        };
        let constant = fields.get("const").is_none_or(|one| equal(one, value));
        Some(typed && listed && constant)
    }

    fn check_composition(
        &self,
        fields: &Map<String, Value>,
        value: &Value,
        depth: usize,
    ) -> Option<bool> {
        let members = |keyword: &str| fields.get(keyword).and_then(Value::as_array);
        let check = |schema: &Value| self.within(schema, value, depth + 1);
        if let Some(every) = members("allOf")
            && !all(every.iter().map(check))?
        {
            return Some(false);
        }
        if let Some(any) = members("anyOf")
            && !not(all(any.iter().map(|one| not(check(one)))))?
        {
            return Some(false);
        }
        if let Some(one) = members("oneOf") {
            let results: Vec<Option<bool>> = one.iter().map(check).collect();
            let count = results.iter().filter(|result| **result == Some(true)).count();
            match (count, results.contains(&None)) {
                (0 | 1, true) => return None,
                (1, false) => {}
                _ => return Some(false),
            }
        }
        if let Some(schema) = fields.get("not")
            && check(schema)?
        {
            return Some(false);
        }
        match fields.get("if") {
            None => Some(true),
            Some(condition) => {
                let branch = if check(condition)? { "then" } else { "else" };
                fields.get(branch).map_or(Some(true), check)
            }
        }
    }

    fn check_text(&self, fields: &Map<String, Value>, text: &str) -> Option<bool> {
        let length = text.chars().count() as f64;
        let limit = |keyword: &str| fields.get(keyword).and_then(Value::as_f64);
        let formatted = fields.get("format").and_then(Value::as_str);
        all([
            Some(limit("minLength").is_none_or(|least| length >= least)),
            Some(limit("maxLength").is_none_or(|most| length <= most)),
            Some(formatted.is_none_or(|format| is_formatted(format, text))),
            match fields.get("pattern") {
                None => Some(true),
                Some(pattern) => self.engine.matches(pattern.as_str()?, text),
            },
        ])
    }

    fn check_items(
        &self,
        fields: &Map<String, Value>,
        items: &[Value],
        depth: usize,
    ) -> Option<bool> {
        let limit = |keyword: &str| fields.get(keyword).and_then(Value::as_f64);
        let count = items.len() as f64;
        let prefix = fields.get("prefixItems").and_then(Value::as_array);
        let prefix = prefix.map_or(&[] as &[Value], Vec::as_slice);
        let each = items.iter().enumerate().map(|(index, item)| {
            match prefix.get(index).or_else(|| fields.get("items")) {
                Some(schema) => self.within(schema, item, depth + 1),
                None if fields.contains_key("unevaluatedItems") => None,
                None => Some(true),
            }
        });
        let repeated = items.iter().enumerate().any(|(index, item)| items[..index].contains(item));
        let contained = fields.get("contains").map(|schema| {
            items.iter().map(|item| self.within(schema, item, depth + 1)).collect::<Vec<_>>()
        });
        all([
            Some(limit("minItems").is_none_or(|least| count >= least)),
            Some(limit("maxItems").is_none_or(|most| count <= most)),
            Some(!repeated || fields.get("uniqueItems") != Some(&Value::Bool(true))),
            all(each),
            match contained {
                None => Some(true),
                Some(results) if results.contains(&None) => None,
                Some(results) => {
                    let count = results.iter().filter(|one| **one == Some(true)).count() as f64;
                    let least = limit("minContains").unwrap_or(1.0);
                    Some(count >= least && limit("maxContains").is_none_or(|most| count <= most))
                }
            },
        ])
    }

    fn check_members(
        &self,
        fields: &Map<String, Value>,
        members: &Map<String, Value>,
        depth: usize,
    ) -> Option<bool> {
        let limit = |keyword: &str| fields.get(keyword).and_then(Value::as_f64);
        let count = members.len() as f64;
        let value = Value::Object(members.clone());
        let each =
            members.iter().map(|(name, member)| self.check_member(fields, name, member, depth));
        let names = fields.get("propertyNames").map(|schema| {
            let names = members.keys().map(|name| Value::from(name.as_str()));
            all(names.map(|name| self.within(schema, &name, depth + 1)))
        });
        let listed = |names: &Value| {
            let mut names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
            names.all(|name| members.contains_key(name))
        };
        let dependent = fields.get("dependentRequired").and_then(Value::as_object);
        let mut dependent = dependent.into_iter().flatten();
        let schemas = fields.get("dependentSchemas").and_then(Value::as_object);
        let schemas = schemas.into_iter().flatten().filter(|(name, _)| members.contains_key(*name));
        all([
            Some(limit("minProperties").is_none_or(|least| count >= least)),
            Some(limit("maxProperties").is_none_or(|most| count <= most)),
            Some(self.required(fields).all(|name| members.contains_key(name))),
            Some(dependent.all(|(name, names)| !members.contains_key(name) || listed(names))),
            all(schemas.map(|(_, schema)| self.within(schema, &value, depth + 1))),
            names.unwrap_or(Some(true)),
            all(each),
            self.check_unevaluated(fields, members, depth),
        ])
    }

    fn check_member(
        &self,
        fields: &Map<String, Value>,
        name: &str,
        member: &Value,
        depth: usize,
    ) -> Option<bool> {
        let own = fields.get("properties").and_then(|all| all.get(name));
        let patterns = fields.get("patternProperties").and_then(Value::as_object);
        let mut results: Vec<Option<bool>> =
            own.iter().map(|schema| self.within(schema, member, depth + 1)).collect();
        for (pattern, schema) in patterns.into_iter().flatten() {
            match self.engine.matches(pattern, name) {
                Some(false) => {}
                Some(true) => results.push(self.within(schema, member, depth + 1)),
                None => results.push(None),
            }
        }
        match (results.is_empty(), fields.get("additionalProperties")) {
            (true, Some(schema)) => self.within(schema, member, depth + 1),
            _ => all(results),
        }
    }

    fn check_unevaluated(
        &self,
        fields: &Map<String, Value>,
        members: &Map<String, Value>,
        depth: usize,
    ) -> Option<bool> {
        let Some(schema) = fields.get("unevaluatedProperties") else { return Some(true) };
        let mut known = BTreeSet::new();
        let complete = self.evaluated(fields, members, &mut known, depth);
        let rest = members.iter().filter(|(name, _)| !known.contains(*name));
        let result = all(rest.map(|(_, member)| self.within(schema, member, depth + 1)));
        // More names may be evaluated than are known.
        if complete { result } else { result.filter(|accepted| *accepted) }
    }

    /// Collects the names that a schema evaluates. Returns whether there are no others.
    fn evaluated(
        &self,
        fields: &Map<String, Value>,
        members: &Map<String, Value>,
        known: &mut BTreeSet<String>,
        depth: usize,
    ) -> bool {
        if depth > MAX_DEPTH || fields.contains_key("additionalProperties") {
            known.extend(members.keys().cloned());
            return depth <= MAX_DEPTH;
        }
        let unknown = ["anyOf", "oneOf", "if", "dependentSchemas", "patternProperties"];
        let mut complete = !unknown.iter().any(|keyword| fields.contains_key(*keyword));
        let properties = fields.get("properties").and_then(Value::as_object);
        known.extend(properties.into_iter().flat_map(|all| all.keys().cloned()));
        let target = fields
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.document.pointer(&pointer(reference)?));
        let all = fields.get("allOf").and_then(Value::as_array);
        for member in all.into_iter().flatten().chain(target).filter_map(Value::as_object) {
            complete &= self.evaluated(member, members, known, depth + 1);
        }
        complete
    }

    /// The names that messages of this direction must have.
    pub fn required<'v>(&'v self, fields: &'v Map<String, Value>) -> impl Iterator<Item = &'v str> {
        let names = fields.get("required").and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).filter(|name| {
            let schema = fields.get("properties").and_then(|all| all.get(*name));
            schema.is_none_or(|schema| !has_flag(schema, self.direction.hiding_keyword()))
        })
    }
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// Numbers are equal whatever their spelling.
fn equal(one: &Value, other: &Value) -> bool {
    one == other || (one.is_number() && other.is_number() && one.as_f64() == other.as_f64())
}

fn check_number(fields: &Map<String, Value>, number: f64) -> Option<bool> {
    let flag = |keyword: &str| fields.get(keyword) == Some(&Value::Bool(true));
    let limit = |keyword: &str| fields.get(keyword).and_then(Value::as_f64);
    let above = |least: f64, exclusive: bool| number > least || (number == least && !exclusive);
    let below = |most: f64, exclusive: bool| number < most || (number == most && !exclusive);
    let range = fields.get("format").and_then(Value::as_str).and_then(integer_range);
    Some(
        limit("minimum").is_none_or(|least| above(least, flag("exclusiveMinimum")))
            && limit("maximum").is_none_or(|most| below(most, flag("exclusiveMaximum")))
            && limit("exclusiveMinimum").is_none_or(|least| above(least, true))
            && limit("exclusiveMaximum").is_none_or(|most| below(most, true))
            && range.is_none_or(|(least, most)| number >= least && number <= most)
            && limit("multipleOf").is_none_or(|step| {
                let times = number / step;
                (times - times.round()).abs() < 1e-9
            }),
    )
}

/// The values of a format of integers.
pub(super) fn integer_range(format: &str) -> Option<(f64, f64)> {
    let (signed, bits) = match format.strip_prefix("uint") {
        Some(bits) => (false, bits),
        None => (true, format.strip_prefix("int")?),
    };
    let bits: i32 = bits.parse().ok().filter(|bits| [8, 16, 32].contains(bits))?;
    Some(match signed {
        true => (-2_f64.powi(bits - 1), 2_f64.powi(bits - 1) - 1.0),
        false => (0.0, 2_f64.powi(bits) - 1.0),
    })
}

/// Whether a text has a format. Formats without a rule here annotate.
fn is_formatted(format: &str, text: &str) -> bool {
    let shape = |shape: &str| {
        text.chars().count() == shape.len()
            && text.chars().zip(shape.chars()).all(|(c, expected)| match expected {
                '0' => c.is_ascii_digit(),
                'x' => c.is_ascii_hexdigit(),
                other => c == other,
            })
    };
    match format {
        "date" => shape("0000-00-00") && crate::date::Day::parse(text).is_some(),
        "date-time" => {
            text.len() >= 20
                && text.is_char_boundary(10)
                && crate::date::Day::parse(&text[..10]).is_some()
                && text[10..].starts_with(['T', 't'])
                && (text.ends_with(['Z', 'z']) || text.contains('+'))
        }
        "uuid" => shape("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
        "email" => text.split_once('@').is_some_and(|(user, host)| {
            (1..=64).contains(&user.len())
                && !host.is_empty()
                && !host.contains('@')
                && !text.contains(' ')
        }),
        "uri" => text.split_once(':').is_some_and(|(scheme, rest)| {
            !rest.is_empty()
                && scheme.chars().all(|c| c.is_ascii_alphabetic())
                && !scheme.is_empty()
        }),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        _ => true,
    }
}
