//! Changes of what a schema is composed of, classified by content.
//!
//! `allOf` is flattened as far as its members can be written as one schema. Alternatives (`anyOf`,
//! `oneOf`) are compared as sets: requests stay valid if each old alternative is within a new one,
//! responses if each new one is within an old one. That two alternatives of a `oneOf` overlap is
//! detected for lone values only: most objects overlap.

mod subtypes;

use std::collections::BTreeSet;

use serde_json::Value;

use super::flat::{MAX_PAIRS, alternatives_and_values, are_disjoint, flatten};
use super::location::{Location, NodeKind};
use super::rules::Rule;
use super::usage_set::Direction;
use super::usage_set::UsageSet;
use super::witness::{MessageKind, Witness};
use super::{Audience, Classifier, Severity, Verdict, rules};
use crate::canonical::ObjectKind;
use crate::diff::{self, Difference};
pub(super) use subtypes::{discriminated_bases, subtype_rule};

const COMPOSITIONS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Deepest nesting of comparisons of schemas as sets of values.
const MAX_VALUE_SET_DEPTH: usize = 1;

impl Classifier<'_> {
    /// Classifies the differences of schemas that are composed in other ways. Returns the other
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

    /// Both sides of a schema, flattened. `None` unless both sides are schemas and flattening
    /// changes them.
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
        // Without a rest of `allOf` the content is all that there is.
        let is_whole = [&old, &new].iter().all(|one| one.get("allOf").is_none());
        let moved = differences.iter().any(|one| one.new.is_some())
            && differences.iter().any(|one| one.old.is_some());
        let (severity, by_alternatives) = match alternatives(&old) == alternatives(&new) {
            true => (self.compare_inline(location, &old, &new), None),
            false => {
                let rule = self.compare_alternatives(location, &old, &new);
                let whole = Difference { path: String::new(), old: None, new: None };
                // Within `not`, fewer values are more.
                let inside = Location { uses: location.inner_uses(), ..location.clone() };
                let judged = self.verdict(&inside, rule, whole);
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
                "{} is composed in another way: the effect is judged by its content.",
                location.subject
            );
            let verdict = match &by_alternatives {
                // The schema as a whole is judged, not each of its keywords.
                Some(judged) => Verdict { difference: full, ..judged.clone() },
                None if is_composition => {
                    let own = self.verdict(&at, rules::rule(&at, self.documents), full);
                    match (same_values, severity.max(own.severity)) {
                        (same, _) if moved && (same || is_whole) => self.verdict_at(
                            &at,
                            Severity::Compatible,
                            Audience::All,
                            message,
                            own.difference,
                        ),
                        // A member came or went that says what the others say: nothing took its
                        // place.
                        (true, _)
                            if location.uses.has(Direction::Request)
                                && self.names_properties(&own.difference) =>
                        {
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

    /// Whether added or removed members of a composition have properties.
    fn names_properties(&self, difference: &Difference) -> bool {
        let sides = [(self.documents.old, &difference.old), (self.documents.new, &difference.new)];
        sides.into_iter().any(|(document, side)| {
            let members = match side {
                Some(Value::Array(members)) => members.as_slice(),
                Some(member) => std::slice::from_ref(member),
                None => &[],
            };
            members.iter().any(|member| flatten(document, member).get("properties").is_some())
        })
    }

    /// Compares the sets of alternatives of two schemas, of which one has none or has them under
    /// another keyword.
    fn compare_alternatives(&mut self, location: &Location<'_>, old: &Value, new: &Value) -> Rule {
        if self.strict >= MAX_VALUE_SET_DEPTH {
            let what = format!("{} has other alternatives now", location.subject);
            return super::rules::different(what);
        }
        let (before, now) = (
            alternatives_and_values(self.documents.old, old),
            alternatives_and_values(self.documents.new, new),
        );
        let bounded = before.len() * now.len() <= MAX_PAIRS;
        // What matches two members of a `oneOf` is refused.
        let is_alone = |holder: &Value, all: &[Value], one: &Value, other: &Value| {
            let mut others = all.iter().filter(|beside| !std::ptr::eq(*beside, other));
            holder.get("oneOf").is_none() || others.all(|beside| are_disjoint(one, beside))
        };
        let mut each = |direction: Direction| {
            bounded
                && match direction {
                    Direction::Request => before.iter().all(|one| {
                        now.iter().any(|other| {
                            self.is_within(location, one, other, direction)
                                && is_alone(new, &now, one, other)
                        })
                    }),
                    Direction::Response => now.iter().all(|one| {
                        before.iter().any(|other| {
                            self.is_within(location, other, one, direction)
                                && is_alone(old, &before, one, other)
                        })
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

    /// Whether a change is compatible in each direction in which the schema is used, and adds or
    /// removes no property.
    fn has_same_values(&mut self, location: &Location<'_>, old: &Value, new: &Value) -> bool {
        let directions: BTreeSet<Direction> =
            location.uses.kinds().map(|(direction, _)| direction).collect();
        directions.into_iter().all(|direction| self.is_within(location, old, new, direction))
    }

    /// Whether a change from `old` to `new` is compatible in one direction, and adds or removes no
    /// property.
    fn is_within(
        &mut self,
        location: &Location<'_>,
        old: &Value,
        new: &Value,
        direction: Direction,
    ) -> bool {
        if old == new || self.trials == 0 {
            return old == new;
        }
        let (old, new) = (flatten(self.documents.old, old), flatten(self.documents.new, new));
        if old == new {
            return true;
        }
        // Within a comparison of sets, further sets are not compared: the answer errs towards
        // breaking.
        if self.strict >= MAX_VALUE_SET_DEPTH {
            return false;
        }
        self.trials -= 1;
        let uses = UsageSet::one(0, direction, false);
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

    /// An alternative of a `oneOf` that looks harmless, unless a value matches another one too.
    pub(super) fn with_overlap(&self, location: &Location<'_>, verdict: Verdict) -> Verdict {
        let is_member = location.holder == ObjectKind::Schema
            && location.keyword == "oneOf"
            && location.name.is_some();
        let is_judged = self.strict > 0
            || verdict.severity != Severity::Compatible
            || location.uses.is_negated();
        if !is_member || is_judged {
            return verdict;
        }
        let Some(witness) = self.witnesses.overlap(self.documents, location) else {
            return verdict;
        };
        let is_request = matches!(witness, Witness::Value { carrier: MessageKind::Request, .. });
        let (audience, when) = match is_request {
            true => (Audience::Senders, "now, and is refused"),
            false => (Audience::Readers, "no longer, and clients do not expect it"),
        };
        let message =
            format!("{} changed: a value matches several alternatives {when}.", location.subject);
        Verdict {
            severity: Severity::Breaking,
            audience,
            message,
            witness: Some(witness),
            ..verdict
        }
    }

    /// An alternative that is present on one side only: compatible if another one covers it.
    pub(super) fn classify_alternative(
        &mut self,
        location: &Location<'_>,
        own: Verdict,
    ) -> Verdict {
        if self.strict >= MAX_VALUE_SET_DEPTH {
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
        // Most objects overlap, so a removed alternative is reported even if another one covers it.
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

    /// Pairs added members of a composition with similar removed ones, if there are several of
    /// either.
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
                    && are_similar(before, now)
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

/// Objects with a property in common, or schemas of the same type.
fn are_similar(one: &Value, other: &Value) -> bool {
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
