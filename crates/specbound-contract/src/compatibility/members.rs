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
