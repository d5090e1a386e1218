//! Changes of what a schema is composed of, classified by content.
//!
//! `allOf` is flattened as far as its members can be written as one schema. Alternatives (`anyOf`,
//! `oneOf`) are compared as sets: requests stay valid if each old alternative is within a new one,
//! responses if each new one is within an old one. That two alternatives of a `oneOf` overlap is
//! not detected.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::location::{Location, NodeKind};
use super::quoting::code;
use super::rules::Rule;
use super::usage::{Direction, look_through};
use super::uses::Uses;
use super::{Audience, Classifier, Severity, Verdict, rules};
use crate::canonical::ObjectKind;
use crate::diff::{self, Difference};

const COMPOSITIONS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Deepest nesting of `allOf` that is flattened.
const MAX_FLATTENED: usize = 12;

/// Most members of `allOf` that are merged into one schema.
const MAX_MEMBERS: usize = 100;

/// Deepest nesting of alternatives within alternatives.
const MAX_NESTED_ALTERNATIVES: usize = 2;

/// Deepest nesting of comparisons of schemas as sets of values.
const MAX_STRICT: usize = 1;

/// Most pairs of alternatives that are compared at one place.
const MAX_PAIRS: usize = 2_000;

impl Classifier<'_> {
    /// Classifies the differences of schemas that are composed otherwise. Returns the other
    /// differences, and the worst severity of those classified.
    pub(super) fn classify_compositions(
        &mut self,
        from: &Location<'_>,
        differences: Vec<Difference>,
    ) -> (Vec<Difference>, Severity) {
        let mut schemas: Vec<String> = differences
            .iter()
            .filter_map(|difference| composed(&difference.path))
            .map(str::to_owned)
            .collect();
        schemas.sort_by_key(|path| (path.len(), path.clone()));
        schemas.dedup();
        let (mut rest, mut worst) = (differences, Severity::Compatible);
        for schema in schemas {
            let below = format!("{schema}/");
            let is_below = |difference: &Difference| difference.path.starts_with(&below);
            if !rest.iter().any(is_below) {
                continue;
            }
            let location = from.walk(self.documents, &schema);
            let Some((old, new)) = self.flattened(&location) else { continue };
            // A discriminator is no part of the set of values.
            let discriminator = format!("{schema}/discriminator");
            let (own, others): (Vec<_>, Vec<_>) = rest
                .into_iter()
                .partition(|one| is_below(one) && !one.path.starts_with(&discriminator));
            rest = others;
            worst = worst.max(self.classify_composed(from, &location, own, old, new));
        }
        (rest, worst)
    }

    /// Both sides of a schema, flattened. `None` if it is no schema on both sides, or if nothing is
    /// gained.
    fn flattened(&self, location: &Location<'_>) -> Option<(Value, Value)> {
        if !matches!(location.at, NodeKind::Object(ObjectKind::Schema)) {
            return None;
        }
        let (old, new) = (location.old?, location.new?);
        let (flat_old, flat_new) =
            (flatten(self.documents.old, old), flatten(self.documents.new, new));
        if !flat_old.is_object() || !flat_new.is_object() {
            return None;
        }
        let alternatives =
            |schema: &Value| ["anyOf", "oneOf"].map(|keyword| schema.get(keyword).is_some());
        let gained = flat_old != *old || flat_new != *new || alternatives(old) != alternatives(new);
        gained.then_some((flat_old, flat_new))
    }

    fn classify_composed(
        &mut self,
        from: &Location<'_>,
        location: &Location<'_>,
        differences: Vec<Difference>,
        old: Value,
        new: Value,
    ) -> Severity {
        let alternatives =
            |schema: &Value| ["anyOf", "oneOf"].map(|keyword| schema.get(keyword).is_some());
        let first = self.verdicts.len();
        let same_values = old == new || self.has_same_values(location, &old, &new);
        let moved = differences.iter().any(|one| one.new.is_some())
            && differences.iter().any(|one| one.old.is_some());
        let (severity, by_alternatives) = match alternatives(&old) == alternatives(&new) {
            true => (self.compare_inline(location, &old, &new), None),
            false => {
                let rule = self.compare_alternatives(location, &old, &new);
                let whole = Difference { path: String::new(), old: None, new: None };
                let judged = self.verdict(location, rule, whole);
                (judged.severity, Some(judged))
            }
        };
        let judged: BTreeSet<String> =
            self.verdicts[first..].iter().map(|verdict| verdict.difference.path.clone()).collect();
        let mut worst = severity;
        for difference in differences {
            let at = from.walk(self.documents, &difference.path);
            let full = Difference { path: at.path.clone(), ..difference };
            if judged.contains(&full.path) {
                continue;
            }
            let is_composition = composed(&full.path).is_some();
            let message = format!(
                "{} is composed otherwise: what that changes is judged by its content.",
                location.subject
            );
            let verdict = match &by_alternatives {
                // The schema as a whole is judged, not each of its keywords.
                Some(judged) => Verdict { difference: full, ..judged.clone() },
                None if is_composition => {
                    let own = self.verdict(&at, rules::rule(&at, self.documents), full);
                    match (same_values, severity.max(own.severity)) {
                        (true, _) if moved => self.verdict_at(
                            &at,
                            Severity::Compatible,
                            Audience::All,
                            message,
                            own.difference,
                        ),
                        // A member came or went that says what the others say: nothing took its
                        // place.
                        (true, _) if location.uses.has(Direction::Request) => {
                            let message = format!(
                                "{} is composed of other schemas that describe the same values: \
                                 this must be judged by \
                                 hand.",
                                location.subject
                            );
                            self.verdict_at(
                                &at,
                                Severity::Unclear,
                                Audience::Senders,
                                message,
                                own.difference,
                            )
                        }
                        (true, _) => self.verdict_at(
                            &at,
                            Severity::Compatible,
                            Audience::All,
                            message,
                            own.difference,
                        ),
                        (false, worst) if worst == own.severity => own,
                        (false, worst) => {
                            self.verdict_at(&at, worst, Audience::All, message, own.difference)
                        }
                    }
                }
                None => self.verdict_at(&at, Severity::Compatible, Audience::None, message, full),
            };
            worst = worst.max(verdict.severity);
            self.verdicts.push(verdict);
        }
        worst
    }

    /// Compares the sets of alternatives of two schemas, of which one has none or has them under
    /// another keyword.
    fn compare_alternatives(&mut self, location: &Location<'_>, old: &Value, new: &Value) -> Rule {
        if self.strict >= MAX_STRICT {
            let what = format!("{} has other alternatives now", location.subject);
            return super::rules::different(what);
        }
        let (before, now) =
            (alternatives(self.documents.old, old, 0), alternatives(self.documents.new, new, 0));
        let bounded = before.len() * now.len() <= MAX_PAIRS;
        let exclusive = new.get("oneOf").is_some();
        let mut each = |direction: Direction| {
            bounded
                && match direction {
                    Direction::Request => {
                        // What matches two members of a `oneOf` is refused.
                        let is_alone = |one: &Value, other: &Value| {
                            !exclusive
                                || now
                                    .iter()
                                    .filter(|beside| *beside != other)
                                    .all(|beside| apart(one, beside))
                        };
                        before.iter().all(|one| {
                            now.iter().any(|other| {
                                self.is_within(location, one, other, direction)
                                    && is_alone(one, other)
                            })
                        })
                    }
                    Direction::Response => now.iter().all(|one| {
                        before.iter().any(|other| self.is_within(location, other, one, direction))
                    }),
                }
        };
        let sent = match each(Direction::Request) {
            true => (Severity::Compatible, "each of the old alternatives is within a new one"),
            false => (
                Severity::Breaking,
                "an old alternative is within none of the new ones, and clients that send it are \
                 refused",
            ),
        };
        let read = match each(Direction::Response) {
            true => (Severity::Compatible, "each of the new alternatives is within an old one"),
            false => (
                Severity::Breaking,
                "a new alternative is within none of the old ones, and clients do not expect it",
            ),
        };
        let what = format!("{} has other alternatives now", location.subject);
        Rule::ByDirection { what, sent, read }
    }

    /// Whether a change is compatible in each direction that counts, and no property comes or goes
    /// by it.
    fn has_same_values(&mut self, location: &Location<'_>, old: &Value, new: &Value) -> bool {
        let directions: BTreeSet<Direction> =
            location.uses.kinds().map(|(direction, _)| direction).collect();
        directions.into_iter().all(|direction| self.is_within(location, old, new, direction))
    }

    /// Whether a change from `old` to `new` is compatible in one direction, and no property comes
    /// or goes by it.
    fn is_within(
        &mut self,
        location: &Location<'_>,
        old: &Value,
        new: &Value,
        direction: Direction,
    ) -> bool {
        let (old, new) = (flatten(self.documents.old, old), flatten(self.documents.new, new));
        if old == new {
            return true;
        }
        // Within a comparison of sets, further sets are not compared: the answer errs towards
        // breaking.
        if self.strict >= MAX_STRICT || self.trials == 0 {
            return false;
        }
        self.trials -= 1;
        let uses = Uses::one(0, direction, false);
        let alone = Location {
            // No place of the documents: only the direction counts.
            path: "/-".to_owned(),
            unhidden: uses.clone(),
            uses,
            directed: true,
            ..location.clone()
        };
        let (refs, verdicts) = (std::mem::take(&mut self.compared_refs), self.verdicts.len());
        self.strict += 1;
        let severity = self.compare_inline(&alone, &old, &new);
        self.strict -= 1;
        self.verdicts.truncate(verdicts);
        self.compared_refs = refs;
        severity == Severity::Compatible
    }

    /// An alternative that is there on one side only: compatible if another one covers it.
    pub(super) fn classify_alternative(
        &mut self,
        location: &Location<'_>,
        own: Verdict,
    ) -> Verdict {
        if self.strict >= MAX_STRICT {
            return own;
        }
        let holders = (location.old_holder, location.new_holder);
        let (Some(old), Some(new)) = holders else { return own };
        if own.severity != Severity::Breaking
            || old.get("discriminator").or(new.get("discriminator")).is_some()
        {
            return own;
        }
        let members = |holder: &Value| {
            holder.get(&location.keyword).and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let (before, now) = (members(old), members(new));
        // Objects overlap more often than not: an alternative that is gone is reported although
        // another one covers it.
        let alone = location.old.or(location.new);
        let is_object = |document: &Value, schema: &Value| {
            flatten(document, schema).get("properties").is_some()
        };
        let object = alone.is_some_and(|one| {
            is_object(self.documents.old, one) || is_object(self.documents.new, one)
        });
        if object || before.len().max(now.len()) > MAX_PAIRS {
            return own;
        }
        let covered = match (location.old, location.new) {
            (Some(gone), None) => {
                now.iter().any(|other| self.is_within(location, gone, other, Direction::Request))
            }
            (None, Some(come)) => before
                .iter()
                .any(|other| self.is_within(location, other, come, Direction::Response)),
            _ => false,
        };
        match covered {
            true => {
                let message = format!(
                    "{}: another alternative covers it.",
                    own.message.split(" in re").next().unwrap_or("")
                );
                Verdict { severity: Severity::Compatible, message, witness: None, ..own }
            }
            false => own,
        }
    }

    /// Pairs the members of a composition that came with those that are gone and resemble them.
    /// More than one of either.
    pub(super) fn pair_members(
        &self,
        differences: &[Difference],
        gone: &[usize],
        come: &[usize],
    ) -> Vec<(usize, usize)> {
        if gone.len() * come.len() > MAX_PAIRS {
            return Vec::new();
        }
        let flat = |document: &Value, side: &Option<Value>| {
            side.as_ref().map(|side| flatten(document, side))
        };
        let old: Vec<_> =
            gone.iter().map(|one| flat(self.documents.old, &differences[*one].old)).collect();
        let new: Vec<_> =
            come.iter().map(|one| flat(self.documents.new, &differences[*one].new)).collect();
        let mut distances = Vec::new();
        for (row, before) in gone.iter().zip(&old) {
            for (column, now) in come.iter().zip(&new) {
                if let (Some(before), Some(now)) = (before, now)
                    && resemble(before, now)
                {
                    distances.push((diff::diff_canonical(before, now).len(), *row, *column));
                }
            }
        }
        distances.sort_unstable();
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for (_, row, column) in distances {
            if !pairs.iter().any(|(one, other)| *one == row || *other == column) {
                pairs.push((row, column));
            }
        }
        pairs
    }
}

/// Whether no value matches both schemas: they have different types, or different values.
fn apart(one: &Value, other: &Value) -> bool {
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

/// Objects with a property in common, or schemas of the same type.
fn resemble(one: &Value, other: &Value) -> bool {
    match (one["properties"].as_object(), other["properties"].as_object()) {
        (Some(one), Some(other)) => {
            one.keys().filter(|name| other.contains_key(*name)).count() * 2 >= one.len()
        }
        (None, None) => one.get("type") == other.get("type"),
        _ => false,
    }
}

/// The schema whose composition differs at this path.
fn composed(path: &str) -> Option<&str> {
    let (parent, last) = path.rsplit_once('/')?;
    if COMPOSITIONS.contains(&last) {
        return Some(parent);
    }
    let (schema, keyword) = parent.rsplit_once('/')?;
    COMPOSITIONS.contains(&keyword).then_some(schema)
}

/// The alternatives of a schema, each with what the schema says beside them. A schema without any
/// is its only one.
pub(crate) fn alternatives(document: &Value, schema: &Value, depth: usize) -> Vec<Value> {
    let keywords: Vec<&str> =
        ["anyOf", "oneOf"].into_iter().filter(|keyword| schema.get(keyword).is_some()).collect();
    let bounded = schema.as_object().filter(|_| depth < MAX_NESTED_ALTERNATIVES);
    let ([keyword], Some(fields)) = (keywords.as_slice(), bounded) else {
        return vec![schema.clone()];
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
    // An alternative may have alternatives.
    whole.flat_map(|one| alternatives(document, &one, depth + 1)).take(MAX_PAIRS).collect()
}

/// A schema with the members of its `allOf` merged into it, as far as that says the same.
pub(crate) fn flatten(document: &Value, schema: &Value) -> Value {
    flatten_within(document, schema, 0, &mut MAX_MEMBERS.clone())
}

/// `left` is the number of members that may still be merged: members that share members multiply.
fn flatten_within(document: &Value, schema: &Value, depth: usize, left: &mut usize) -> Value {
    let target = look_through(document, schema);
    let bounded = depth < MAX_FLATTENED && *left > 0;
    let Some(Value::Object(fields)) = target.as_deref().filter(|_| bounded) else {
        return schema.clone();
    };
    let Some(Value::Array(members)) = fields.get("allOf") else {
        return Value::Object(fields.clone());
    };
    let mut merged = fields.clone();
    merged.remove("allOf");
    let mut rest = Vec::new();
    for member in members {
        *left = left.saturating_sub(1);
        let flat = flatten_within(document, member, depth + 1, left);
        match flat.as_object().and_then(|flat| merge(&merged, flat)) {
            Some(both) => merged = both,
            None => rest.push(member.clone()),
        }
    }
    if !rest.is_empty() {
        merged.insert("allOf".to_owned(), rest.into());
    }
    Value::Object(merged)
}

/// One schema for two that both apply. `None` if none says the same.
fn merge(one: &Map<String, Value>, other: &Map<String, Value>) -> Option<Map<String, Value>> {
    // They apply to the members that their own schema does not know.
    let scoped =
        ["additionalProperties", "unevaluatedProperties", "unevaluatedItems", "patternProperties"];
    for (own, beside) in [(one, other), (other, one)] {
        let by_scope = scoped.iter().any(|keyword| own.contains_key(*keyword));
        if by_scope
            && (beside.contains_key("properties")
                || scoped.iter().any(|keyword| beside.contains_key(*keyword)))
        {
            return None;
        }
    }
    if other.contains_key("$ref") {
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

fn smaller(one: &Value, other: &Value) -> Option<Value> {
    let (first, second) = (one.as_f64()?, other.as_f64()?);
    Some(if first <= second { one.clone() } else { other.clone() })
}

/// The schemas with a discriminator that a schema extends by `allOf`, as JSON pointers.
pub(super) fn discriminated_bases(document: &Value, schema: &Value) -> Vec<String> {
    let (mut bases, mut waiting, mut seen) = (Vec::new(), vec![schema], BTreeSet::new());
    while let Some(schema) = waiting.pop() {
        let members = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
        let lone = schema.get("$ref").map(|_| schema);
        for member in members.chain(lone) {
            let reference = member
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| reference.strip_prefix('#'));
            let Some((pointer, base)) =
                reference.and_then(|pointer| Some((pointer, document.pointer(pointer)?)))
            else {
                continue;
            };
            if !seen.insert(pointer) {
                continue;
            }
            if base.get("discriminator").is_some() {
                bases.push(pointer.to_owned());
            }
            waiting.push(base);
        }
    }
    bases
}

/// The rule for a schema that is new or gone and is a kind of another one by its discriminator.
pub(super) fn heir(name: &str, base: &str, is_new: bool) -> Rule {
    let base = code(base.rsplit('/').next().unwrap_or(base));
    match is_new {
        true => super::rules::wider(format!("{} is a new kind of {base}", code(name))),
        false => super::rules::narrower(format!("{} is no longer a kind of {base}", code(name))),
    }
}
