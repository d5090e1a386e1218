//! Classifies the changes between two OpenAPI 3.0 documents by their effect on clients.
//!
//! Each smallest difference in meaning ([`crate::diff`]) gets exactly one [`Verdict`], so none is
//! passed over. A difference that only leads to other content (another reference, a whole list, a
//! path with a renamed variable) has the worst severity of the differences behind it, and each of
//! those gets its own verdict.
//!
//! - `usage`: resolves references and indexes which requests and responses use a schema.
//! - `location`: a place in both documents, with its breadcrumbs, its parent object and its users.
//! - `rules`: the effect of a change, by keyword.
//! - `quoting`, [`render`]: messages and reports.
//!
//! A change that no rule covers is [`Severity::Unclear`], which counts as breaking, never
//! compatible. Each change is classified alone: that a wider alternative of a `oneOf` overlaps with
//! another alternative is not detected.

pub(crate) mod composition;
pub(crate) mod location;
pub(crate) mod quoting;
pub mod render;
mod required;
mod rule_id;
mod rules;
pub(crate) mod usage;
mod uses;

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::canonical::{FieldShape, ObjectKind, canonical_pair, is_method};
use crate::diff::{self, Difference, join};
use crate::witness::{Witness, Witnesses};
use location::{Documents, Location, NodeKind};
use quoting::code;
use rules::Rule;
use usage::{Direction, UsageIndex, look_through, on_the_wire};
use uses::{Operations, Uses};

/// The effect of a change on clients, least severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Clients of the old document go on working.
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
    let (old, new) = canonical_pair(old, new, true);
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
    let mut verdicts = classifier.verdicts;
    verdicts.sort_by(|a, b| a.difference.path.cmp(&b.difference.path));
    verdicts
}

/// Whether any change breaks clients or may break them.
pub fn may_break(verdicts: &[Verdict]) -> bool {
    verdicts.iter().any(|verdict| verdict.severity != Severity::Compatible)
}

pub use crate::document::parse;
pub use rule_id::{explain, rules as rules_list};

pub(crate) fn lifecycle_rules() -> &'static [(&'static str, &'static str)] {
    rule_id::LIFECYCLE
}

pub(crate) use usage::on_the_wire as wire_path;

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
    /// runs: a cycle adds nothing of its own.
    compared_refs: HashMap<ReferencedPair, (Option<Severity>, String)>,
    depth: usize,
    /// Above 0 while schemas are compared as sets of values: a property that comes or goes is a
    /// difference then.
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
            let verdict = match pair_renames[index].filter(|_| may_be_renamed(&location)) {
                Some(counterpart) => self.renamed(from, location, full, &differences[counterpart]),
                None => self.classify_one(from, location, full, &difference.path),
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
                self.classify_heir(location, difference)
            }
            (None, Some(Value::Array(items))) | (Some(Value::Array(items)), None)
                if location.keyword == "prefixItems" && location.name.is_none() =>
            {
                let severity = self.classify_prefix(&location, &difference, items.len());
                let message = format!(
                    "{} has items with schemas of their own: each is judged by itself.",
                    location.subject
                );
                self.verdict_at(&location, severity, Audience::All, message, difference)
            }
            (old, new)
                if old.is_some() != new.is_some()
                    && location.holder == ObjectKind::Schema
                    && location.name.is_some()
                    && ["properties", "prefixItems"].contains(&location.keyword.as_str()) =>
            {
                self.classify_member(location, difference)
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

    /// A schema that is there on one side only. It may be a kind of another one by its name alone:
    /// one that extends a schema with a discriminator.
    fn classify_heir(&mut self, location: Location<'_>, difference: Difference) -> Verdict {
        let (document, schema) = match (&difference.old, &difference.new) {
            (Some(schema), _) => (self.documents.old, schema),
            (None, Some(schema)) => (self.documents.new, schema),
            (None, None) => {
                return self.verdict(&location, rules::rule(&location, self.documents), difference);
            }
        };
        let name = location.name.clone().unwrap_or_default();
        let bases = composition::discriminated_bases(document, schema);
        for base in bases {
            let mapping = document.pointer(&base).map(|base| &base["discriminator"]["mapping"]);
            let own = format!("#{}", location.path);
            let is_mapped = mapping
                .and_then(Value::as_object)
                .is_some_and(|all| all.values().any(|to| *to == own));
            let uses = self.documents.usage.at(&base);
            if !is_mapped && !uses.is_empty() {
                let rule = composition::heir(&name, &base, difference.old.is_none());
                return self.verdict(
                    &Location { uses, directed: true, ..location },
                    rule,
                    difference,
                );
            }
        }
        self.verdict(&location, rules::rule(&location, self.documents), difference)
    }

    /// Pairs the two differences of a rename: a path whose variables changed, or a member of a
    /// composition that replaced another. Returns the index of the counterpart for each difference.
    fn pair_renames(&self, differences: &[Difference]) -> Vec<Option<usize>> {
        let mut counterparts = vec![None; differences.len()];
        let mut sides: HashMap<String, (Vec<usize>, Vec<usize>)> = HashMap::new();
        for (index, difference) in differences.iter().enumerate() {
            let Some((parent, step)) = difference.path.rsplit_once('/') else {
                continue;
            };
            let group = match parent.rsplit('/').next() {
                Some("paths") if parent == "/paths" && step.contains('{') => on_the_wire(step),
                Some("allOf" | "anyOf" | "oneOf") => parent.to_owned(),
                _ => continue,
            };
            let (gone, come) = sides.entry(group).or_default();
            match (&difference.old, &difference.new) {
                (Some(_), None) => gone.push(index),
                (None, Some(_)) => come.push(index),
                _ => {}
            }
        }
        for (group, (gone, come)) in sides {
            let pairs = match (gone.as_slice(), come.as_slice()) {
                ([gone], [come]) => vec![(*gone, *come)],
                _ if group.ends_with("Of") => self.pair_members(differences, &gone, &come),
                _ => Vec::new(),
            };
            for (gone, come) in pairs {
                (counterparts[gone], counterparts[come]) = (Some(come), Some(gone));
            }
        }
        counterparts
    }

    /// Each element of a list of `prefixItems` that is there on one side only.
    fn classify_prefix(
        &mut self,
        location: &Location<'_>,
        difference: &Difference,
        length: usize,
    ) -> Severity {
        let element = |side: &Option<Value>, index: usize| {
            side.as_ref().and_then(|items| items.get(index)).cloned()
        };
        let differences = (0..length).map(|index| Difference {
            path: format!("/{index}"),
            old: element(&difference.old, index),
            new: element(&difference.new, index),
        });
        self.classify(location, differences.collect())
    }

    /// A property or an item that has a schema of its own on one side only. On the other side the
    /// schema of further members or items applies to it.
    fn classify_member(&mut self, location: Location<'_>, difference: Difference) -> Verdict {
        if self.strict > 0 {
            let message = format!("{} is there on one side only.", location.subject);
            return self.verdict_at(
                &location,
                Severity::Unclear,
                Audience::All,
                message,
                difference,
            );
        }
        let (own, holder) = match (&difference.old, &difference.new) {
            (None, Some(own)) => (own, &location.old_holder),
            (Some(own), _) => (own, &location.new_holder),
            (None, None) => {
                return self.verdict(&location, rules::rule(&location, self.documents), difference);
            }
        };
        let keyword =
            if location.keyword == "properties" { "additionalProperties" } else { "items" };
        let implied = holder.as_deref().and_then(|holder| match holder.get("patternProperties") {
            Some(_) if keyword == "additionalProperties" => None,
            _ => holder.get(keyword).cloned(),
        });
        let is_new = difference.old.is_none();
        let sides =
            |implied: Value| if is_new { (implied, own.clone()) } else { (own.clone(), implied) };
        if keyword == "additionalProperties" {
            let own =
                self.verdict(&location, rules::rule(&location, self.documents), difference.clone());
            // A property that is gone is judged by that alone.
            let Some((old, new)) =
                implied.filter(|implied| is_new && implied.is_object()).map(sides)
            else {
                return own;
            };
            let severity = self.compare_inline(&location, &old, &new);
            return match severity > own.severity {
                true => {
                    let message = format!(
                        "{} has a schema of its own, other than that of further members before: \
                         each change by that is \
                         judged by itself.",
                        location.subject
                    );
                    self.verdict_at(&location, severity, Audience::All, message, difference)
                }
                false => own,
            };
        }
        let implied = implied.unwrap_or_else(|| Value::Object(Map::new()));
        if implied.get("not").is_some_and(|not| not.as_object().is_some_and(Map::is_empty)) {
            return self.verdict(&location, rules::rule(&location, self.documents), difference);
        }
        let (old, new) = sides(implied);
        let severity = self.compare_inline(&location, &old, &new);
        let message = match is_new {
            true => format!(
                "{} has a schema of its own: each change by that is judged by itself.",
                location.subject
            ),
            false => format!(
                "{} has no schema of its own: each change by that is judged by itself.",
                location.subject
            ),
        };
        self.verdict_at(&location, severity, Audience::All, message, difference)
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

    /// Compares the targets of references as if they were written inline.
    fn compare_refs(&mut self, location: Location<'_>, difference: Difference) -> Verdict {
        let shown = |side: Option<&Value>| match side.map(|side| &side["$ref"]) {
            Some(Value::String(reference)) => {
                code(reference.rsplit('/').next().unwrap_or(reference))
            }
            _ => "a schema of its own".to_owned(),
        };
        let (old, new) = (shown(location.old), shown(location.new));
        let what = format!("{} now refers to {new}, before {old}", location.subject);
        let documents = self.documents;
        let old_side = location.old.and_then(|side| look_through(documents.old, side));
        let both = old_side.zip(location.new.and_then(|side| look_through(documents.new, side)));
        let (Some((old, new)), true) = (both, self.depth < MAX_REFERENCE_DEPTH) else {
            let message = format!(
                "{what}, and where that leads cannot be followed: this must be judged by hand."
            );
            return self.verdict_at(
                &location,
                Severity::Unclear,
                Audience::All,
                message,
                difference,
            );
        };
        let directions = location.uses_inside().kinds().collect();
        let key = (old.to_string(), new.to_string(), directions);
        if let Some((severity, place)) = self.compared_refs.get(&key) {
            let severity = severity.unwrap_or(Severity::Compatible);
            let message = match severity {
                Severity::Compatible => {
                    format!("{what}: nothing that clients sent or read breaks by it.")
                }
                _ => format!("{what}: what that changes is said at {place}."),
            };
            return self.verdict_at(&location, severity, Audience::All, message, difference);
        }
        if let Some(rule) = renamed_kind(&location) {
            return self.verdict(&location, rule, difference);
        }
        self.compared_refs.insert(key.clone(), (None, location.breadcrumb_text()));
        let same = old == new;
        let severity = self.compare_inline(&location, &old, &new);
        self.compared_refs.insert(key, (Some(severity), location.breadcrumb_text()));
        let message = match same {
            true => format!("{what}, which says the same: only generated code sees another name."),
            false => format!("{what}: each change by that is judged by itself."),
        };
        let audience = if same { Audience::GeneratedCode } else { Audience::All };
        self.verdict_at(&location, severity, audience, message, difference)
    }

    /// Classifies each entry of a map that was added or removed as a whole.
    fn classify_entries(
        &mut self,
        location: &Location<'_>,
        difference: &Difference,
        entries: &Map<String, Value>,
    ) -> Verdict {
        let side = |present: bool, value: &Value| present.then(|| value.clone());
        let entries = entries.iter().map(|(name, value)| Difference {
            path: join("", name),
            old: side(difference.old.is_some(), value),
            new: side(difference.new.is_some(), value),
        });
        let severity = self.classify(location, entries.collect());
        let now = if difference.new.is_some() { "new" } else { "gone" };
        let message = format!(
            "{} is {now} as a whole: each entry is judged by itself.",
            code(&location.keyword)
        );
        self.verdict_at(location, severity, Audience::All, message, difference.clone())
    }

    /// Classifies the changes in a renamed item once, at its old name.
    fn renamed(
        &mut self,
        from: &Location<'_>,
        location: Location<'_>,
        difference: Difference,
        counterpart: &Difference,
    ) -> Verdict {
        let other = from.walk(self.documents, &counterpart.path);
        let is_path = location.holder == ObjectKind::Paths;
        if difference.old.is_none() {
            let message = match is_path {
                true => format!(
                    "{} is {} with its variables renamed.",
                    code(&location.keyword),
                    code(&other.keyword)
                ),
                false => format!(
                    "{} is what was another one: what changed is said there.",
                    location.subject
                ),
            };
            return self.verdict_at(
                &location,
                Severity::Compatible,
                Audience::GeneratedCode,
                message,
                difference,
            );
        }
        if !is_path {
            let both = Location { new: other.new, ..location };
            return self.compare_refs(both, difference);
        }
        let new = other.new.map(|item| with_variables_of(item, &other.keyword, &location.keyword));
        let (same, severity) = match (location.old, &new) {
            (Some(old), Some(new)) => (old == new, self.compare_inline(&location, old, new)),
            _ => (true, Severity::Compatible),
        };
        let message = format!(
            "{} is now written {}: the addresses on the wire are the same, only generated code \
             names an argument by a \
             variable.{}",
            code(&location.keyword),
            code(&other.keyword),
            if same { "" } else { " What else changed there is judged by itself." }
        );
        self.verdict_at(&location, severity, Audience::GeneratedCode, message, difference)
    }
}

/// Whether the keys of an object here are names rather than keywords, so that each entry is
/// classified alone.
fn is_map(at: NodeKind) -> bool {
    matches!(
        at,
        NodeKind::Entries(FieldShape::Map(_) | FieldShape::Parameters)
            | NodeKind::Object(
                ObjectKind::Paths
                    | ObjectKind::Responses
                    | ObjectKind::Components
                    | ObjectKind::Flows
            )
    )
}

/// An alternative under a discriminator without a mapping for it is named by the values on the
/// wire: another name is another value.
fn renamed_kind(location: &Location<'_>) -> Option<Rule> {
    if location.holder != ObjectKind::Schema
        || !["anyOf", "oneOf"].contains(&location.keyword.as_str())
    {
        return None;
    }
    let reference =
        |side: &Option<&Value>| side.as_deref()?.get("$ref")?.as_str().map(str::to_owned);
    let is_mapped = |holder: &Option<&Value>, reference: &str| {
        let mapping = holder.as_deref().map(|holder| &holder["discriminator"]["mapping"]);
        mapping.and_then(Value::as_object).is_some_and(|all| all.values().any(|to| to == reference))
    };
    let has_discriminator = |holder: &Option<&Value>| {
        holder.as_deref().is_some_and(|holder| holder.get("discriminator").is_some())
    };
    let (old, new) = (reference(&location.old)?, reference(&location.new)?);
    let name = |reference: &str| code(reference.rsplit('/').next().unwrap_or(reference));
    let by_name = has_discriminator(&location.old_holder)
        && has_discriminator(&location.new_holder)
        && !(is_mapped(&location.old_holder, &old) && is_mapped(&location.new_holder, &new));
    (by_name && old != new).then(|| {
        rules::different(format!("the discriminator's value {} is now {}", name(&old), name(&new)))
    })
}

/// A property may be named `allOf`; only the location tells a name from a keyword.
fn may_be_renamed(location: &Location<'_>) -> bool {
    let member =
        location.name.is_some() && ["allOf", "anyOf", "oneOf"].contains(&location.keyword.as_str());
    location.holder == ObjectKind::Paths || (location.holder == ObjectKind::Schema && member)
}

/// A path item with its path variables renamed to those of another path.
fn with_variables_of(item: &Value, own: &str, other: &str) -> Value {
    let variables = |path: &str| -> Vec<String> {
        let after = path.split('{').skip(1);
        after.filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect()
    };
    let names: HashMap<String, String> =
        variables(own).iter().map(|name| format!("path:{name}")).zip(variables(other)).collect();
    let mut item = item.clone();
    let operations = item.as_object_mut().into_iter().flatten().filter(|(key, _)| is_method(key));
    for (_, operation) in operations {
        let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_object_mut)
        else {
            continue;
        };
        let renamed =
            std::mem::take(parameters).into_iter().map(|(key, mut parameter)| {
                match names.get(&key) {
                    None => (key, parameter),
                    Some(name) => {
                        if let Some(own) = parameter.get_mut("name") {
                            *own = name.as_str().into();
                        }
                        (format!("path:{name}"), parameter)
                    }
                }
            });
        *parameters = renamed.collect();
    }
    item
}

impl Classifier<'_> {
    fn verdict(&self, location: &Location<'_>, rule: Rule, difference: Difference) -> Verdict {
        let in_component =
            location.path.starts_with("/components/") && location.holder != ObjectKind::Components;
        match rule {
            Rule::Fixed { severity, message, .. } if in_component && location.uses.is_empty() => {
                let message = match severity {
                    Severity::Compatible => message,
                    _ => format!(
                        "{}; but no operation of both documents uses it.",
                        message.trim_end_matches('.')
                    ),
                };
                self.verdict_at(location, Severity::Compatible, Audience::None, message, difference)
            }
            Rule::Fixed { severity, audience, message } => {
                let own = matches!(location.holder, ObjectKind::Operation | ObjectKind::Document)
                    || (location.holder == ObjectKind::PathItem
                        && location.path.starts_with("/webhooks/"));
                match location.flipped && !own {
                    true => {
                        let message = format!(
                            "{message} This is in a callback or webhook, where the server sends: \
                             judge by hand."
                        );
                        self.verdict_at(
                            location,
                            severity.max(Severity::Unclear),
                            audience,
                            message,
                            difference,
                        )
                    }
                    false => self.verdict_at(location, severity, audience, message, difference),
                }
            }
            Rule::ByDirection { what, .. }
                if location.uses.is_empty() && !in_component && !location.directed =>
            {
                let message = format!("{what}: this must be judged by hand.");
                self.verdict_at(location, Severity::Unclear, Audience::All, message, difference)
            }
            Rule::ByDirection { what, .. } if location.uses.is_empty() => {
                let message =
                    format!("{what}: no request or response that both documents have carries it.");
                self.verdict_at(location, Severity::Compatible, Audience::None, message, difference)
            }
            Rule::ByDirection { what, .. } if location.uses.is_negated() => {
                let message = format!(
                    "{what}: it stands under `not` or `if`, where less is more: this must be \
                     judged by hand."
                );
                self.verdict_at(location, Severity::Unclear, Audience::All, message, difference)
            }
            Rule::ByDirection { what, sent, read } => {
                let directions: BTreeSet<Direction> =
                    location.uses.kinds().map(|(direction, _)| direction).collect();
                let effects = directions.iter().map(|direction| match direction {
                    Direction::Request => (sent, "requests", *direction),
                    Direction::Response => (read, "responses", *direction),
                });
                let effects: Vec<_> = effects.collect();
                let severity = effects
                    .iter()
                    .map(|((severity, _), ..)| *severity)
                    .max()
                    .unwrap_or(Severity::Unclear);
                let worst: Vec<_> =
                    effects.into_iter().filter(|((one, _), ..)| *one == severity).collect();
                let unreached = [Direction::Request, Direction::Response]
                    .into_iter()
                    .filter(|one| !worst.iter().any(|(_, _, direction)| direction == one));
                let uses = unreached.fold(location.uses.clone(), Uses::without);
                let (message, audience) = match worst.as_slice() {
                    [((_, why), carriers, direction)] => {
                        let audience = match direction {
                            Direction::Request => Audience::Senders,
                            Direction::Response => Audience::Readers,
                        };
                        (format!("{what} in {carriers}: {why}."), audience)
                    }
                    [((_, one), ..), ((_, other), ..), ..] if one != other => (
                        format!("{what} in requests and responses: {one}, and {other}."),
                        Audience::All,
                    ),
                    [((_, why), ..), ..] => {
                        (format!("{what} in requests and responses: {why}."), Audience::All)
                    }
                    [] => (what, Audience::All),
                };
                self.verdict_at(
                    &Location { uses, ..location.clone() },
                    severity,
                    audience,
                    message,
                    difference,
                )
            }
        }
    }

    fn verdict_at(
        &self,
        location: &Location<'_>,
        severity: Severity,
        audience: Audience,
        message: String,
        difference: Difference,
    ) -> Verdict {
        let used = location
            .uses
            .operations()
            .into_iter()
            .map(|number| self.documents.operations.name(number).to_owned());
        let operations: BTreeSet<String> = used.chain(location.operation.clone()).collect();
        let place = location.breadcrumb_text();
        let operations = operations.into_iter().collect();
        let rule = rule_id::rule_id(location, &difference);
        // Trials compare schemas that stand nowhere.
        let witness = match self.strict {
            0 => self.witnesses.find(self.documents, location, severity, audience),
            _ => None,
        };
        let location = place;
        Verdict { rule, severity, audience, location, operations, message, difference, witness }
    }
}

#[cfg(test)]
mod tests;
