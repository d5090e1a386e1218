//! Rules for the parts of forms: how each property of a multipart or form body is written.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Rule, changed, different, fixed, narrower, wider};
use crate::canonical::ObjectKind;
use crate::compatibility::flat::{alternatives, flatten};
use crate::compatibility::location::{Documents, Location};
use crate::compatibility::{Audience, Severity};
use crate::quoting::code;

/// The rule for a change of `encoding`, or within it.
pub fn rule(location: &Location<'_>, documents: &Documents<'_>) -> Rule {
    if let (ObjectKind::MediaType, "encoding", Some(property)) =
        (location.holder, location.keyword.as_str(), location.name.as_deref())
    {
        return of_property(location, documents, property);
    }
    match (location.holder, location.keyword.as_str(), location.old, location.new) {
        (ObjectKind::Encoding, "contentType", Some(old), Some(new)) => types(location, old, new),
        (ObjectKind::Encoding, "headers", None, Some(_)) => fixed(
            Severity::Compatible,
            Audience::Senders,
            format!("a header of {} may be sent now.", location.subject),
        ),
        _ => different(format!(
            "{} of {} is written differently",
            code(&location.keyword),
            location.subject
        )),
    }
}

/// The rule for an added or removed entry. If its property is added or removed too, only that is
/// reported.
fn of_property(location: &Location<'_>, documents: &Documents<'_>, property: &str) -> Rule {
    let has = |document: &Value, holder: &Option<&Value>| {
        let schema = holder.as_deref().and_then(|media_type| media_type.get("schema"));
        schema.is_some_and(|schema| has_property(document, schema, property))
    };
    let before = has(documents.old, &location.old_holder);
    let now = has(documents.new, &location.new_holder);
    let told = |word: &str| {
        let message = format!("{} is {word}, and is written as it says.", code(property));
        fixed(Severity::Compatible, Audience::All, message)
    };
    match (location.old, location.new) {
        (None, Some(_)) if !before => told("new"),
        (Some(_), None) if !now => told("gone"),
        (Some(_), Some(_)) => changed(location),
        _ => different(format!("{} is written differently", code(property))),
    }
}

fn has_property(document: &Value, schema: &Value, property: &str) -> bool {
    let flat = flatten(document, schema);
    alternatives(document, &flat, 0)
        .iter()
        .any(|one| one.get("properties").is_some_and(|all| all.get(property).is_some()))
}

/// A list of media types, of which a part has one.
fn types(location: &Location<'_>, old: &Value, new: &Value) -> Rule {
    let list = |value: &Value| -> BTreeSet<String> {
        let text = value.as_str().unwrap_or_default().to_ascii_lowercase();
        text.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
    };
    let covers = |all: &BTreeSet<String>, one: &String| {
        let main = one.split('/').next().unwrap_or_default();
        all.contains(one) || all.contains("*/*") || all.contains(&format!("{main}/*"))
    };
    let (before, now) = (list(old), list(new));
    let what = format!(
        "the content type of {} is now {} (before: {})",
        location.subject,
        super::value(new),
        super::value(old)
    );
    let all =
        (before.iter().all(|one| covers(&now, one)), now.iter().all(|one| covers(&before, one)));
    match all {
        (true, false) => wider(what),
        (false, true) => narrower(what),
        _ => different(what),
    }
}
