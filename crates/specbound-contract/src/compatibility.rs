//! Classifies the changes between two OpenAPI documents by their effect on clients.
//!
//! Each smallest difference in meaning ([`crate::diff`]) gets exactly one [`Verdict`], so none is
//! passed over. A difference that only leads to other content (another reference, a whole list, a
//! path with a renamed variable) has the worst severity of the differences behind it, and each of
//! those gets its own verdict.
//!
//! - `usage`: resolves references and indexes which requests and responses use a schema.
//! - `location`: a place in both documents, with its breadcrumbs, its parent object and its users.
//! - `rules`: the effect of a change, by keyword.
//! - [`witness`]: an example that shows a breaking change.
//! - [`render`]: messages and reports.
//!
//! A change that no rule covers is [`Severity::Unclear`], which counts as breaking, never
//! compatible. Each change is classified alone: that an alternative of a `oneOf` behind a reference
//! widens and overlaps with another one is not detected.

mod composition;
mod flat;
pub(crate) mod location;
mod members;
mod prefix;
mod renamed;
pub mod render;
mod required;
mod rule_id;
mod rules;
pub(crate) mod usage;
pub(crate) mod usage_set;
mod verdict;
pub mod witness;

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::canonical::{ObjectKind, canonical_pair};
use crate::diff::{self, Difference};
use location::{Documents, Location, NodeKind};
use members::{covers_others, is_map};
use renamed::may_be_renamed;
use usage::UsageIndex;
use usage_set::{Direction, Operations};
use witness::{Witness, Witnesses};

/// The effect of a change on clients, least severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Clients of the old document keep working.
    Compatible,
    /// The documents do not say; counts as breaking.
    Unclear,
    /// Some client of the old document fails.
    Breaking,
}

/// The clients that a change affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Clients that send requests.
    Senders,
    /// Clients that read responses.
    Readers,
    /// Both of them.
    All,
    /// Code generated from the document, once it is regenerated.
    GeneratedCode,
    /// No client.
    None,
}

/// The effect of one difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The identifier of the rule, such as `schema-max-length-changed`.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// The clients that it affects.
    pub audience: Audience,
    /// Breadcrumbs to the place; text from a document is between backticks.
    pub location: String,
    /// The affected operations, such as `POST /login/`.
    pub operations: Vec<String>,
    /// The change and its effect, in one sentence.
    pub message: String,
    /// The difference itself.
    pub difference: Difference,
    /// What shows it, unless the change is compatible.
    pub witness: Option<Witness>,
}

/// Compares two parsed documents. Returns one verdict per difference, in path order.
pub fn compare(old: &Value, new: &Value) -> Vec<Verdict> {
    compare_owned(old.clone(), new.clone())
}

/// As [`compare`], without a copy of either document.
pub(crate) fn compare_owned(old: Value, new: Value) -> Vec<Verdict> {
    if old == new {
        return Vec::new();
    }
    let (mut old, new) = canonical_pair(old, new, true);
    let moved = prefix::align_paths(&mut old, &new);
    let mut operations = Operations::default();
    let (old_usage, new_usage) =
        (UsageIndex::of(&old, &mut operations), UsageIndex::of(&new, &mut operations));
    let usage = old_usage.both(&new_usage);
    let documents = Documents {
        old: &old,
        new: &new,
        old_usage,
        new_usage,
        usage,
        operations,
        required: OnceCell::new(),
    };
    let mut classifier = Classifier {
        documents: &documents,
        compared_refs: HashMap::new(),
        depth: 0,
        strict: 0,
        trials: MAX_TRIALS,
        witnesses: Witnesses::new(),
        verdicts: Vec::new(),
    };
    classifier.classify(&Location::root(&documents), diff::diff_canonical(&old, &new));
    if let Some(difference) = moved {
        let location = Location::root(&documents).walk(&documents, &difference.path);
        let message = "a part of the paths moved to the servers, or back: the addresses are the \
                       same."
            .to_owned();
        let (severity, audience) = (Severity::Compatible, Audience::Senders);
        let verdict = classifier.verdict_at(&location, severity, audience, message, difference);
        classifier.verdicts.push(verdict);
    }
    let mut verdicts = classifier.verdicts;
    verdicts.sort_by(|a, b| a.difference.path.cmp(&b.difference.path));
    verdicts
}

/// Whether any change breaks clients or may break them.
pub fn may_break(verdicts: &[Verdict]) -> bool {
    verdicts.iter().any(|verdict| verdict.severity != Severity::Compatible)
}

pub use rule_id::{explain, rules as rules_list};

pub(crate) fn lifecycle_rules() -> &'static [(&'static str, &'static str)] {
    rule_id::LIFECYCLE
}

pub(crate) use usage_set::wire_path;

/// The components of a canonical document that requests carry, as JSON pointers.
pub(crate) fn request_components(document: &Value) -> BTreeSet<String> {
    UsageIndex::of(document, &mut Operations::default()).of_direction(Direction::Request)
}

/// Most comparisons of schemas as sets of values.
const MAX_TRIALS: usize = 2_000;

/// Longest chain of changed references that is followed.
const MAX_REFERENCE_DEPTH: usize = 40;

/// Two schemas behind references, and the directions in which they were compared.
type ReferencedPair = (String, String, BTreeSet<(Direction, bool)>);

struct Classifier<'a> {
    documents: &'a Documents<'a>,
    /// Severity and place of each pair compared before. The severity is `None` while the comparison
    /// runs: a cycle adds nothing.
    compared_refs: HashMap<ReferencedPair, (Option<Severity>, String)>,
    depth: usize,
    /// Above 0 while schemas are compared as sets of values: then an added or removed property is a
    /// difference.
    strict: usize,
    /// The comparisons of schemas as sets of values that are left: without a bound they multiply.
    trials: usize,
    witnesses: Witnesses,
    verdicts: Vec<Verdict>,
}

impl<'a> Classifier<'a> {
    /// Classifies differences relative to a location. Returns the worst severity.
    fn classify(&mut self, from: &Location<'_>, differences: Vec<Difference>) -> Severity {
        let (differences, mut worst) = self.classify_compositions(from, differences);
        let pair_renames = self.pair_renames(&differences);
        for (index, difference) in differences.iter().enumerate() {
            let location = from.walk(self.documents, &difference.path);
            let full = Difference { path: location.path.clone(), ..difference.clone() };
            let is_counterpart = pair_renames[index].is_some() && difference.old.is_none();
            let may_overlap = !is_counterpart && difference.path.contains("/oneOf/");
            let alternative = may_overlap.then(|| location.clone());
            let verdict = match pair_renames[index].filter(|_| may_be_renamed(&location)) {
                Some(counterpart) => self.renamed(from, location, full, &differences[counterpart]),
                None => self.classify_one(from, location, full, &difference.path),
            };
            let verdict = match alternative {
                Some(location) => self.with_overlap(&location, verdict),
                None => verdict,
            };
            worst = worst.max(verdict.severity);
            self.verdicts.push(verdict);
        }
        worst
    }

    fn classify_one(
        &mut self,
        from: &Location<'_>,
        location: Location<'_>,
        difference: Difference,
        relative: &str,
    ) -> Verdict {
        let is_reference =
            |side: &Option<Value>| side.as_ref().is_some_and(|side| side["$ref"].is_string());
        let is_object = |side: &Option<Value>| side.as_ref().is_some_and(Value::is_object);
        match (&difference.old, &difference.new) {
            // Two references to different places.
            (Some(Value::String(_)), Some(Value::String(_)))
                if location.keyword == "$ref"
                    && location.holder != ObjectKind::PathItem
                    && location.name.is_none() =>
            {
                let place = relative.rsplit_once('/').map_or("", |(place, _)| place);
                let place = from.walk(self.documents, place);
                self.compare_refs(place, difference)
            }
            // A reference in place of an inline schema, or the reverse.
            (old, new)
                if (is_reference(old) || is_reference(new))
                    && is_object(old)
                    && is_object(new)
                    && !matches!(location.at, NodeKind::Object(ObjectKind::Data)) =>
            {
                self.compare_refs(location, difference)
            }
            (old, new)
                if old.is_some() != new.is_some()
                    && location.holder == ObjectKind::Schema
                    && location.name.is_some()
                    && ["anyOf", "oneOf"].contains(&location.keyword.as_str()) =>
            {
                let own =
                    self.verdict(&location, rules::rule(&location, self.documents), difference);
                self.classify_alternative(&location, own)
            }
            (old, new)
                if old.is_some() != new.is_some()
                    && location.holder == ObjectKind::Components
                    && location.keyword == "schemas"
                    && location.name.is_some() =>
            {
                self.classify_subtype(location, difference)
            }
            (None, Some(Value::Array(items))) | (Some(Value::Array(items)), None)
                if location.keyword == "prefixItems" && location.name.is_none() =>
            {
                let severity = self.classify_prefix(&location, &difference, items.len());
                let message = format!(
                    "{} has items with schemas of their own: each is classified separately.",
                    location.subject
                );
                self.verdict_at(&location, severity, Audience::All, message, difference)
            }
            (old, new)
                if old.is_some() != new.is_some()
                    && location.holder == ObjectKind::Schema
                    && location.name.is_some()
                    && ["properties", "patternProperties", "prefixItems"]
                        .contains(&location.keyword.as_str()) =>
            {
                self.classify_member(location, difference)
            }
            (old, new) if old.is_some() != new.is_some() && covers_others(&location) => {
                self.classify_covered(location, difference)
            }
            (None, Some(Value::Object(entries))) if is_map(location.at) => {
                self.classify_entries(&location, &difference, entries)
            }
            (Some(Value::Object(entries)), None) if is_map(location.at) => {
                self.classify_entries(&location, &difference, entries)
            }
            _ => self.verdict(&location, rules::rule(&location, self.documents), difference),
        }
    }

    /// Classifies the changes between two values at one location. Returns the worst severity.
    fn compare_inline(&mut self, location: &Location<'_>, old: &Value, new: &Value) -> Severity {
        if self.depth >= MAX_REFERENCE_DEPTH {
            return Severity::Unclear;
        }
        let inner = diff::diff_canonical(old, new);
        let inside = Location { old: Some(old), new: Some(new), ..location.clone() };
        self.depth += 1;
        let severity = self.classify(&inside, inner);
        self.depth -= 1;
        severity
    }
}

#[cfg(test)]
mod tests;
