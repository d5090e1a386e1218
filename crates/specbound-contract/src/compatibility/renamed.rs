//! Renamed components and paths, and the targets of references.

use std::collections::HashMap;

use serde_json::Value;

use super::location::Location;
use super::rules::Rule;
use super::usage::resolve_aliases;
use super::usage_set::wire_path;
use super::{Audience, Classifier, MAX_REFERENCE_DEPTH, Severity, Verdict, rules};
use crate::canonical::{ObjectKind, is_method};
use crate::diff::Difference;
use crate::quoting::code;

impl<'a> Classifier<'a> {
    /// Pairs the two differences of a rename: a path whose variables changed, or a member of a
    /// composition that replaced another. Returns the index of the counterpart for each difference.
    pub(super) fn pair_renames(&self, differences: &[Difference]) -> Vec<Option<usize>> {
        let mut counterparts = vec![None; differences.len()];
        let mut sides: HashMap<String, (Vec<usize>, Vec<usize>)> = HashMap::new();
        for (index, difference) in differences.iter().enumerate() {
            let Some((parent, step)) = difference.path.rsplit_once('/') else {
                continue;
            };
            let group = match parent.rsplit('/').next() {
                Some("paths") if parent == "/paths" && step.contains('{') => wire_path(step),
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

    /// Compares the targets of references as if they were written inline.
    pub(super) fn compare_refs(
        &mut self,
        location: Location<'_>,
        difference: Difference,
    ) -> Verdict {
        let shown = |side: Option<&Value>| match side.map(|side| &side["$ref"]) {
            Some(Value::String(reference)) => {
                code(reference.rsplit('/').next().unwrap_or(reference))
            }
            _ => "a schema of its own".to_owned(),
        };
        let (old, new) = (shown(location.old), shown(location.new));
        let what = format!("{} now refers to {new}, before {old}", location.subject);
        let documents = self.documents;
        let old_side = location.old.and_then(|side| resolve_aliases(documents.old, side));
        let both = old_side.zip(location.new.and_then(|side| resolve_aliases(documents.new, side)));
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
        let directions = location.inner_uses().kinds().collect();
        let key = (old.to_string(), new.to_string(), directions);
        if let Some((severity, place)) = self.compared_refs.get(&key) {
            let severity = severity.unwrap_or(Severity::Compatible);
            let message = match severity {
                Severity::Compatible => {
                    format!("{what}: nothing that clients send or read breaks.")
                }
                _ => format!("{what}: the effect is reported at {place}."),
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
            true => {
                format!("{what}, with the same content: only generated code sees another name.")
            }
            false => format!("{what}: each change by that is judged by itself."),
        };
        let audience = if same { Audience::GeneratedCode } else { Audience::All };
        self.verdict_at(&location, severity, audience, message, difference)
    }

    /// Classifies the changes in a renamed item once, at its old name.
    pub(super) fn renamed(
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
                    "{} replaces another one, where its changes are listed.",
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
            if same { "" } else { " Other changes there are reported separately." }
        );
        self.verdict_at(&location, severity, Audience::GeneratedCode, message, difference)
    }
}

/// The name of an alternative under a discriminator without a mapping is a value on the wire, so
/// renaming it changes that value.
pub(super) fn renamed_kind(location: &Location<'_>) -> Option<Rule> {
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
pub(super) fn may_be_renamed(location: &Location<'_>) -> bool {
    let member =
        location.name.is_some() && ["allOf", "anyOf", "oneOf"].contains(&location.keyword.as_str());
    location.holder == ObjectKind::Paths || (location.holder == ObjectKind::Schema && member)
}

/// A path item with its path variables renamed to those of another path.
pub(super) fn with_variables_of(item: &Value, own: &str, other: &str) -> Value {
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
