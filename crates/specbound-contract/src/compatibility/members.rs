//! Members of schemas and entries of maps that exist on one side only.

use serde_json::{Map, Value};

use super::location::{Location, NodeKind};
use super::{Audience, Classifier, Severity, Verdict, composition, rules};
use crate::canonical::{FieldShape, ObjectKind};
use crate::diff::{Difference, join};
use crate::quoting::code;

impl<'a> Classifier<'a> {
    /// A schema that is present on one side only. Its name alone may make it a kind of another one:
    /// one that extends a schema with a discriminator.
    pub(super) fn classify_subtype(
        &mut self,
        location: Location<'_>,
        difference: Difference,
    ) -> Verdict {
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
                let rule = composition::subtype_rule(&name, &base, difference.old.is_none());
                return self.verdict(
                    &Location { uses, directed: true, ..location },
                    rule,
                    difference,
                );
            }
        }
        self.verdict(&location, rules::rule(&location, self.documents), difference)
    }

    /// Each element of a list of `prefixItems` that is present on one side only.
    pub(super) fn classify_prefix(
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

    /// A property or an item that has a schema on one side only. On the other side the
    /// schema of further members or items applies to it.
    pub(super) fn classify_member(
        &mut self,
        location: Location<'_>,
        difference: Difference,
    ) -> Verdict {
        if self.strict > 0 {
            let message = format!("{} is present on one side only.", location.subject);
            return self.verdict_at(
                &location,
                Severity::Unclear,
                Audience::All,
                message,
                difference,
            );
        }
        if location.keyword == "patternProperties" {
            return self.classify_pattern(location, difference);
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
            // For a removed property, only the removal is classified.
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

    /// Members with names of a pattern that has a schema on one side only. On the other side the
    /// schema of further members applies to them.
    fn classify_pattern(&mut self, location: Location<'_>, difference: Difference) -> Verdict {
        let own =
            self.verdict(&location, rules::rule(&location, self.documents), difference.clone());
        let is_new = difference.old.is_none();
        let there = if is_new { location.old_holder } else { location.new_holder };
        let further = there.and_then(|holder| holder.get("additionalProperties")).cloned();
        let (Some(further), Some(pattern)) =
            (further.filter(Value::is_object), difference.old.as_ref().or(difference.new.as_ref()))
        else {
            return own;
        };
        let severity = match is_new {
            true => self.compare_inline(&location, &further, pattern),
            false => self.compare_inline(&location, pattern, &further),
        };
        // The pattern limits properties too, which have schemas of their own.
        let has_properties = there.is_some_and(|holder| holder.get("properties").is_some());
        let severity = if has_properties { severity.max(own.severity) } else { severity };
        let message = format!(
            "{} has another schema than that of further members: each change by that is judged by \
             itself.",
            location.subject
        );
        self.verdict_at(&location, severity, Audience::All, message, difference)
    }

    /// A status or media type that is present on one side only. On the other side a range that it
    /// is in may apply to it.
    pub(super) fn classify_covered(
        &mut self,
        location: Location<'_>,
        difference: Difference,
    ) -> Verdict {
        let is_new = difference.old.is_none();
        let there = if is_new { &location.old_holder } else { &location.new_holder };
        let is_sent = (location.holder == ObjectKind::Body) != location.flipped;
        let Some((name, all)) = entries(&location, there) else {
            return self.verdict(&location, rules::rule(&location, self.documents), difference);
        };
        // What clients read is of a kind that they know.
        let is_narrower = !is_new
            && !is_sent
            && all
                .keys()
                .any(|one| ranges(one).iter().any(|range| range == name && range != "default"));
        if is_narrower {
            let message = format!("{} is gone, and others say what is left of it.", code(name));
            let (severity, audience) = (Severity::Compatible, Audience::Readers);
            return self.verdict_at(&location, severity, audience, message, difference);
        }
        let is_status = location.holder == ObjectKind::Responses;
        let found = covering(name, all).filter(|_| is_new || is_sent || is_status);
        let Some((range, covering)) = found else {
            return self.verdict(&location, rules::rule(&location, self.documents), difference);
        };
        let message = match is_new {
            true => format!(
                "{} is described by itself, before by {}: each change by that is judged by itself.",
                code(name),
                code(range)
            ),
            false => format!(
                "{} is described by {}, before by itself: each change by that is judged by itself.",
                code(name),
                code(range)
            ),
        };
        let covering = covering.clone();
        let own =
            self.verdict(&location, rules::rule(&location, self.documents), difference.clone());
        let severity = match (&difference.old, &difference.new) {
            (Some(old), _) => self.compare_inline(&location, old, &covering),
            (None, Some(new)) => self.compare_inline(&location, &covering, new),
            (None, None) => own.severity,
        };
        if severity == own.severity && severity == Severity::Compatible {
            return own;
        }
        self.verdict_at(&location, severity, Audience::All, message, difference)
    }

    /// Classifies each entry of a map that was added or removed as a whole.
    pub(super) fn classify_entries(
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
}

/// Whether an entry may describe what others do not: `4XX` and `default`, `text/*` and `*/*`.
pub(super) fn covers_others(location: &Location<'_>) -> bool {
    match (location.holder, location.keyword.as_str()) {
        (ObjectKind::Responses, _) => true,
        (ObjectKind::Body | ObjectKind::Response, "content") => location.name.is_some(),
        _ => false,
    }
}

/// The statuses or media types of one side, and that of this place.
fn entries<'v>(
    location: &'v Location<'_>,
    holder: &'v Option<&Value>,
) -> Option<(&'v str, &'v Map<String, Value>)> {
    let holder = holder.as_deref()?.as_object()?;
    match &location.name {
        None => Some((location.keyword.as_str(), holder)),
        Some(name) => Some((name.as_str(), holder.get("content")?.as_object()?)),
    }
}

/// The ranges that a status or media type is in, the narrowest first.
fn ranges(name: &str) -> Vec<String> {
    match (name.split_once('/'), name.get(..1)) {
        (Some((kind, _)), _) => vec![format!("{kind}/*"), "*/*".to_owned()],
        (None, Some(class)) => vec![format!("{class}XX"), "default".to_owned()],
        (None, None) => Vec::new(),
    }
}

/// The entry that describes a status or media type without one of its own.
fn covering<'v>(name: &str, all: &'v Map<String, Value>) -> Option<(&'v str, &'v Value)> {
    let is_success = |status: &str| status.starts_with(['1', '2', '3']);
    // Beside a success `default` describes the failures.
    let applies = |range: &str| {
        range != name
            && !(range == "default" && is_success(name) && all.keys().any(|one| is_success(one)))
    };
    let range = ranges(name).into_iter().find(|range| applies(range) && all.contains_key(range))?;
    all.get_key_value(&range).map(|(range, value)| (range.as_str(), value))
}

/// Whether the keys of an object here are names rather than keywords, so that each entry is
/// classified alone.
pub(super) fn is_map(at: NodeKind) -> bool {
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
