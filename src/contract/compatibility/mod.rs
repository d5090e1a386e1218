//! Which changes between two OpenAPI 3.0 documents break clients, and which do not.
//!
//! It stands on [`diff`]: each smallest difference in meaning gets exactly one [`Verdict`], so nothing can be passed
//! over. Where a difference is only a way to other content (another reference, a list as a whole, a path whose variable
//! has another name), the changes behind it get verdicts of their own besides, and it has the worst severity of theirs.
//!
//! - `references`: where references lead, and which requests and responses use a schema.
//! - `spot`: a place in both documents: its name in words, what holds it, who uses it.
//! - `rules`: what a change of each keyword means.
//! - `words`, [`report`]: how it is said.
//!
//! It must never call harmless what it does not understand: that is [`Severity::Unclear`], which counts as breaking. It
//! judges each change alone: a wider alternative of a `oneOf` may overlap with another one, which it does not see.

mod references;
pub mod report;
mod rules;
mod spot;
mod words;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::canonical::{Kind, METHODS, Place, canonical};
use super::diff::{self, Difference, join};
use references::{Direction, Reach, Use, look_through, on_the_wire};
use rules::Rule;
use spot::{At, Documents, Spot};
use words::code;

/// In the order of how bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Compatible,
    /// This cannot be judged from the documents; counts as breaking.
    Unclear,
    Breaking,
}

/// Whom a change reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// Clients that send requests.
    Senders,
    /// Clients that read responses.
    Readers,
    Everyone,
    /// Code that was generated from the document, when it is generated again.
    GeneratedCode,
    Nobody,
}

/// What one difference means.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub severity: Severity,
    pub concerns: Concern,
    /// In words; what comes from a document stands between backticks.
    pub place: String,
    /// The operations that are touched: `POST /login/`.
    pub operations: Vec<String>,
    /// What changed and what that does, in one sentence.
    pub message: String,
    /// `source` is the old side, `server` the new one.
    pub difference: Difference,
}

/// All verdicts, in path order.
pub fn compare(old: &Value, new: &Value) -> Vec<Verdict> {
    let (old, new) = (canonical(old), canonical(new));
    let (old_reach, new_reach) = (Reach::of(&old), Reach::of(&new));
    let reach = old_reach.both(&new_reach);
    let documents = Documents { old: &old, new: &new, old_reach, new_reach, reach };
    let mut judge = Judge { documents: &documents, behind: HashMap::new(), depth: 0, verdicts: Vec::new() };
    judge.all(&Spot::root(&documents), diff::between(&old, &new));
    let mut verdicts = judge.verdicts;
    verdicts.sort_by(|a, b| a.difference.path.cmp(&b.difference.path));
    verdicts
}

/// Whether a change breaks clients or may break them.
pub fn may_break(verdicts: &[Verdict]) -> bool {
    verdicts.iter().any(|verdict| verdict.severity != Severity::Compatible)
}

/// A document to compare, from its text.
///
/// # Errors
///
/// One line: why it is no YAML, or no OpenAPI 3.0.
pub fn parse(text: &str) -> Result<Value, String> {
    let document = super::from_yaml(text)?;
    if document["swagger"].is_string() || document["swagger"].is_number() {
        return Err("this is Swagger 2; only OpenAPI 3.0 is compared".to_owned());
    }
    super::check_document(&document)?;
    match document["openapi"].as_str() {
        Some(version) if version == "3.0" || version.starts_with("3.0.") => Ok(document),
        version => Err(format!(
            "this is OpenAPI {}; only 3.0 is compared, since other versions give the same keywords other meanings",
            code(version.unwrap_or_default())
        )),
    }
}

/// How deep references that changed may stand behind each other.
const DEEPEST: usize = 40;

/// A pair of schemas as they stand behind references, and the directions they were judged in.
type Behind = (String, String, BTreeSet<(Direction, bool)>);

struct Judge<'a> {
    documents: &'a Documents<'a>,
    /// What has been judged behind a reference, and where. No severity while it is: a circle adds nothing, and what it
    /// led back to has the severity of all.
    behind: HashMap<Behind, (Option<Severity>, String)>,
    depth: usize,
    verdicts: Vec<Verdict>,
}

impl<'a> Judge<'a> {
    /// Judges differences that are relative to a place. Returns the worst severity.
    fn all(&mut self, from: &Spot<'a>, differences: Vec<Difference>) -> Severity {
        let partners = partners(&differences);
        let mut worst = Severity::Compatible;
        for (index, difference) in differences.iter().enumerate() {
            let spot = from.walk(self.documents, &difference.path);
            let full = Difference { path: spot.path.clone(), ..difference.clone() };
            let verdict = match partners[index].filter(|_| may_have_partner(&spot)) {
                Some(partner) => self.renamed(from, spot, full, &differences[partner]),
                None => self.one(from, spot, full, &difference.path),
            };
            worst = worst.max(verdict.severity);
            self.verdicts.push(verdict);
        }
        worst
    }

    fn one(&mut self, from: &Spot<'a>, spot: Spot<'a>, difference: Difference, relative: &str) -> Verdict {
        let is_reference = |side: &Option<Value>| side.as_ref().is_some_and(|side| side["$ref"].is_string());
        let is_object = |side: &Option<Value>| side.as_ref().is_some_and(Value::is_object);
        match (&difference.source, &difference.server) {
            // Two references to different places.
            (Some(Value::String(_)), Some(Value::String(_)))
                if spot.keyword == "$ref" && spot.holder != Kind::PathItem && spot.name.is_none() =>
            {
                let place = relative.rsplit_once('/').map_or("", |(place, _)| place);
                let place = from.walk(self.documents, place);
                self.behind(place, difference)
            }
            // A reference in place of what was written out, or the reverse.
            (old, new)
                if (is_reference(old) || is_reference(new))
                    && is_object(old)
                    && is_object(new)
                    && !matches!(spot.at, At::One(Kind::Data)) =>
            {
                self.behind(spot, difference)
            }
            (None, Some(Value::Object(entries))) if is_map(spot.at) => self.each(&spot, &difference, entries),
            (Some(Value::Object(entries)), None) if is_map(spot.at) => self.each(&spot, &difference, entries),
            _ => verdict(&spot, rules::rule(&spot, self.documents), difference),
        }
    }

    /// What stands behind references, compared as if it were written there.
    fn behind(&mut self, spot: Spot<'a>, difference: Difference) -> Verdict {
        let shown = |side: Option<&Value>| match side.map(|side| &side["$ref"]) {
            Some(Value::String(reference)) => code(reference.rsplit('/').next().unwrap_or(reference)),
            _ => "a schema of its own".to_owned(),
        };
        let (old, new) = (shown(spot.old.as_deref()), shown(spot.new.as_deref()));
        let what = format!("{} now refers to {new}, before {old}", spot.subject);
        let sides = |document: &'a Value, side: &Option<Cow<'a, Value>>| {
            let side = side.as_deref()?;
            look_through(document, side).map(Cow::into_owned)
        };
        let documents = self.documents;
        let both = sides(documents.old, &spot.old).zip(sides(documents.new, &spot.new));
        let (Some((old, new)), true) = (both, self.depth < DEEPEST) else {
            let message = format!("{what}, and where that leads cannot be followed: this must be judged by hand.");
            return plain(&spot, Severity::Unclear, Concern::Everyone, message, difference);
        };
        let directions = spot.uses_inside().iter().map(|used| (used.direction, used.negated)).collect();
        let key = (old.to_string(), new.to_string(), directions);
        if let Some((severity, place)) = self.behind.get(&key) {
            let severity = severity.unwrap_or(Severity::Compatible);
            let message = match severity {
                Severity::Compatible => format!("{what}: nothing that clients sent or read breaks by it."),
                _ => format!("{what}: what that changes is said at {place}."),
            };
            return plain(&spot, severity, Concern::Everyone, message, difference);
        }
        self.behind.insert(key.clone(), (None, spot.place_in_words()));
        let inner = diff::between(&old, &new);
        let same = inner.is_empty();
        let inside = Spot { old: Some(Cow::Owned(old)), new: Some(Cow::Owned(new)), ..spot.clone() };
        self.depth += 1;
        let severity = self.all(&inside, inner);
        self.depth -= 1;
        self.behind.insert(key, (Some(severity), spot.place_in_words()));
        let message = match same {
            true => format!("{what}, which says the same: only generated code sees another name."),
            false => format!("{what}: each change by that is judged by itself."),
        };
        let concerns = if same { Concern::GeneratedCode } else { Concern::Everyone };
        plain(&spot, severity, concerns, message, difference)
    }

    /// A map that is new or gone as a whole: each of its entries is.
    fn each(&mut self, spot: &Spot<'a>, difference: &Difference, entries: &Map<String, Value>) -> Verdict {
        let side = |present: bool, value: &Value| present.then(|| value.clone());
        let entries = entries.iter().map(|(name, value)| Difference {
            path: join("", name),
            source: side(difference.source.is_some(), value),
            server: side(difference.server.is_some(), value),
        });
        let severity = self.all(spot, entries.collect());
        let now = if difference.server.is_some() { "new" } else { "gone" };
        let message = format!("{} is {now} as a whole: each entry is judged by itself.", code(&spot.keyword));
        plain(spot, severity, Concern::Everyone, message, difference.clone())
    }

    /// One thing under two names: what changed in it is judged once, at the old name.
    fn renamed(&mut self, from: &Spot<'a>, spot: Spot<'a>, difference: Difference, partner: &Difference) -> Verdict {
        let other = from.walk(self.documents, &partner.path);
        let is_path = spot.holder == Kind::Paths;
        if difference.source.is_none() {
            let message = match is_path {
                true => format!("{} is {} with its variables renamed.", code(&spot.keyword), code(&other.keyword)),
                false => format!("{} is what was another one: what changed is said there.", spot.subject),
            };
            return plain(&spot, Severity::Compatible, Concern::GeneratedCode, message, difference);
        }
        if !is_path {
            let both = Spot { new: other.new, ..spot };
            return self.behind(both, difference);
        }
        let new = other.new.as_deref().map(|item| with_variables_of(item, &other.keyword, &spot.keyword));
        let old = spot.old.clone().map(Cow::into_owned);
        let inner = match (&old, &new) {
            (Some(old), Some(new)) => diff::between(old, new),
            _ => Vec::new(),
        };
        let same = inner.is_empty();
        let inside = Spot { old: old.map(Cow::Owned), new: new.map(Cow::Owned), ..spot.clone() };
        let severity = self.all(&inside, inner);
        let message = format!(
            "{} is now written {}: the addresses on the wire are the same, only generated code names an argument by a \
             variable.{}",
            code(&spot.keyword),
            code(&other.keyword),
            if same { "" } else { " What else changed there is judged by itself." }
        );
        plain(&spot, severity, Concern::GeneratedCode, message, difference)
    }
}

/// Whether an object here has names instead of keywords, so that each entry can be judged alone.
fn is_map(at: At) -> bool {
    matches!(
        at,
        At::Many(Place::Map(_) | Place::Parameters)
            | At::One(Kind::Paths | Kind::Responses | Kind::Components | Kind::Flows)
    )
}

/// For each difference the index of the one that is its other half: the same path with other variables, or the one
/// member of a composition that came where one went.
fn partners(differences: &[Difference]) -> Vec<Option<usize>> {
    let mut partners = vec![None; differences.len()];
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
        match (&difference.source, &difference.server) {
            (Some(_), None) => gone.push(index),
            (None, Some(_)) => come.push(index),
            _ => {}
        }
    }
    for (gone, come) in sides.into_values() {
        if let ([gone], [come]) = (gone.as_slice(), come.as_slice()) {
            (partners[*gone], partners[*come]) = (Some(*come), Some(*gone));
        }
    }
    partners
}

/// A property may be called `allOf`: only the walk tells a name from a keyword.
fn may_have_partner(spot: &Spot<'_>) -> bool {
    let member = spot.name.is_some() && ["allOf", "anyOf", "oneOf"].contains(&spot.keyword.as_str());
    spot.holder == Kind::Paths || (spot.holder == Kind::Schema && member)
}

/// A path item with the names of its variables as another path has them.
fn with_variables_of(item: &Value, own: &str, other: &str) -> Value {
    let variables = |path: &str| -> Vec<String> {
        let after = path.split('{').skip(1);
        after.filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect()
    };
    let names: HashMap<String, String> =
        variables(own).iter().map(|name| format!("path:{name}")).zip(variables(other)).collect();
    let mut item = item.clone();
    let operations = item.as_object_mut().into_iter().flatten().filter(|(key, _)| METHODS.contains(&key.as_str()));
    for (_, operation) in operations {
        let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_object_mut) else {
            continue;
        };
        let renamed = std::mem::take(parameters).into_iter().map(|(key, mut parameter)| match names.get(&key) {
            None => (key, parameter),
            Some(name) => {
                if let Some(own) = parameter.get_mut("name") {
                    *own = name.as_str().into();
                }
                (format!("path:{name}"), parameter)
            }
        });
        *parameters = renamed.collect();
    }
    item
}

fn verdict(spot: &Spot<'_>, rule: Rule, difference: Difference) -> Verdict {
    let in_component = spot.path.starts_with("/components/") && spot.holder != Kind::Components;
    match rule {
        Rule::Plain { severity, message, .. } if in_component && spot.uses.is_empty() => {
            let message = match severity {
                Severity::Compatible => message,
                _ => format!("{}; but no operation of both documents uses it.", message.trim_end_matches('.')),
            };
            plain(spot, Severity::Compatible, Concern::Nobody, message, difference)
        }
        Rule::Plain { severity, concerns, message } => match spot.flipped && spot.holder != Kind::Operation {
            true => {
                let message = format!("{message} This is in a callback, where the server sends: judge by hand.");
                plain(spot, severity.max(Severity::Unclear), concerns, message, difference)
            }
            false => plain(spot, severity, concerns, message, difference),
        },
        Rule::Carried { what, .. } if spot.uses.is_empty() && !in_component && !spot.directed => {
            let message = format!("{what}: this must be judged by hand.");
            plain(spot, Severity::Unclear, Concern::Everyone, message, difference)
        }
        Rule::Carried { what, .. } if spot.uses.is_empty() => {
            let message = format!("{what}: no request or response that both documents have carries it.");
            plain(spot, Severity::Compatible, Concern::Nobody, message, difference)
        }
        Rule::Carried { what, .. } if spot.uses.iter().any(|used| used.negated) => {
            let message = format!("{what}: it stands under `not`, where less is more: this must be judged by hand.");
            plain(spot, Severity::Unclear, Concern::Everyone, message, difference)
        }
        Rule::Carried { what, sent, read } => {
            let directions: BTreeSet<Direction> = spot.uses.iter().map(|used| used.direction).collect();
            let effects = directions.iter().map(|direction| match direction {
                Direction::Request => (sent, "requests", *direction),
                Direction::Response => (read, "responses", *direction),
            });
            let effects: Vec<_> = effects.collect();
            let severity = effects.iter().map(|((severity, _), ..)| *severity).max().unwrap_or(Severity::Unclear);
            let worst: Vec<_> = effects.into_iter().filter(|((one, _), ..)| *one == severity).collect();
            let reached = |used: &&Use| worst.iter().any(|(_, _, direction)| *direction == used.direction);
            let uses = spot.uses.iter().filter(reached).cloned().collect();
            let (message, concerns) = match worst.as_slice() {
                [((_, why), carriers, direction)] => {
                    let concerns = match direction {
                        Direction::Request => Concern::Senders,
                        Direction::Response => Concern::Readers,
                    };
                    (format!("{what} in {carriers}: {why}."), concerns)
                }
                [((_, one), ..), ((_, other), ..), ..] if one != other => {
                    (format!("{what} in requests and responses: {one}, and {other}."), Concern::Everyone)
                }
                [((_, why), ..), ..] => (format!("{what} in requests and responses: {why}."), Concern::Everyone),
                [] => (what, Concern::Everyone),
            };
            plain(&Spot { uses, ..spot.clone() }, severity, concerns, message, difference)
        }
    }
}

fn plain(spot: &Spot<'_>, severity: Severity, concerns: Concern, message: String, difference: Difference) -> Verdict {
    let used = spot.uses.iter().map(|used| used.operation.clone());
    let operations: BTreeSet<String> = used.chain(spot.operation.clone()).collect();
    let place = spot.place_in_words();
    let operations = operations.into_iter().collect();
    Verdict { severity, concerns, place, operations, message, difference }
}

#[cfg(test)]
mod tests;
