//! Rules for schemas: allowed values, and properties that appear or disappear.

mod limits;
mod types;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Rule, STILL_EXPECTED, STILL_TAKEN, UNEXPECTED, by_direction, changed, deprecated, different,
    fixed, narrower, side, unclear, wider,
};
use crate::canonical::ObjectKind;
use crate::canonical::is_never;
use crate::compatibility::location::{Documents, Location, NodeKind, ValueForm};
use crate::compatibility::usage::{has_flag, resolve_aliases};
use crate::compatibility::usage_set::Direction;
use crate::compatibility::{Audience, Severity};
use crate::quoting::{code, value};

use Severity::{Breaking, Compatible, Unclear};
use limits::{LIMITS, both_bounds, bound, formatted, limit, multiple};
pub use types::limits_both;
use types::{is_list_of_lone_value, takes_null, typed, types_of};

pub fn discriminator(location: &Location<'_>, documents: &Documents<'_>, keyword: &str) -> Rule {
    let target = |document: &Value, to: &Value| {
        let reference = json!({ "$ref": to });
        resolve_aliases(document, &reference).map(Cow::into_owned)
    };
    match (keyword, &location.name, &location.old, &location.new) {
        ("mapping", Some(name), Some(old), Some(new))
            if target(documents.old, old).is_some()
                && target(documents.old, old) == target(documents.new, new) =>
        {
            fixed(
                Compatible,
                Audience::GeneratedCode,
                format!(
                    "{} of {} is another schema with the same content: only generated code sees \
                     another name.",
                    code(name),
                    location.subject
                ),
            )
        }
        ("mapping", Some(name), None, Some(_)) => {
            wider(format!("{} is a new kind of {}", code(name), location.subject))
        }
        ("mapping", Some(name), Some(_), None) => {
            narrower(format!("{} is no longer a kind of {}", code(name), location.subject))
        }
        _ => different(format!(
            "{} that tells the kinds of {} apart is now {} (before: {})",
            code(keyword),
            location.subject,
            side(location.new),
            side(location.old)
        )),
    }
}

pub fn keyword(location: &Location<'_>, keyword: &str) -> Rule {
    let subject = &location.subject;
    // A bound of another type than the schema's is compared all the same: the type is probably the
    // mistake. Only the change of a type explains why its bounds come or go.
    if location.written == ValueForm::Typed
        && !limits_both(location)
        && types_of(&location.old_holder) != types_of(&location.new_holder)
    {
        let what = format!("{} limits no value of the types of {subject}", code(keyword));
        return by_direction(what, STILL_TAKEN, STILL_EXPECTED);
    }
    if let Some((_, phrase, more_allows_more)) = LIMITS.into_iter().find(|limit| limit.0 == keyword)
    {
        return limit(location, phrase, more_allows_more);
    }
    if let Some(rule) = impossible_schema(location) {
        return rule;
    }
    match (keyword, location.old, location.new) {
        ("properties", old, new) if location.name.is_some() && old.is_some() != new.is_some() => {
            property(location)
        }
        ("required", None, Some(_)) if location.name.is_some() => by_direction(
            format!("{subject} is now required"),
            (Breaking, "clients that do not send it are refused"),
            (Compatible, "clients always find it"),
        ),
        ("required", Some(_), None) if location.name.is_some() => by_direction(
            format!("{subject} is no longer required"),
            (Compatible, "clients that send it are still served"),
            (Breaking, "clients that rely on it may find it missing"),
        ),
        ("readOnly" | "writeOnly", _, _) => hidden(location, keyword),
        // `null` is a value like any other where nothing limits the values.
        ("nullable", old, new)
            if old.is_some() != new.is_some() && (takes_null(location, old.is_some())) =>
        {
            by_direction(format!("{subject} may be null, as before"), STILL_TAKEN, STILL_EXPECTED)
        }
        ("nullable", None, Some(Value::Bool(true))) => by_direction(
            format!("{subject} may now be null"),
            STILL_TAKEN,
            (Breaking, "clients that do not expect null fail"),
        ),
        ("nullable", Some(Value::Bool(true)), None) => by_direction(
            format!("{subject} may no longer be null"),
            (Breaking, "clients that send null are refused"),
            STILL_EXPECTED,
        ),
        ("title", ..) => fixed(
            Compatible,
            Audience::GeneratedCode,
            format!(
                "the title of {subject} changed: some generators name a type by it, the wire has \
                 none."
            ),
        ),
        ("deprecated", ..) => deprecated(location),
        ("default", old, new) => default_value(location, old, new),
        ("type", ..) if is_list_of_lone_value(location) => {
            wider(format!("{subject} may now be a list, and a lone value is a list of one"))
        }
        ("items", None, Some(_)) if is_list_of_lone_value(location) => {
            wider(format!("{subject} may now be a list of what it was"))
        }
        ("type", old, new) => typed(location, old, new),
        ("exclusiveMinimum" | "exclusiveMaximum", ..) if both_bounds(location).is_some() => {
            bound(location)
        }
        ("format", old, new) => formatted(location, old, new),
        ("multipleOf", old, new) => multiple(location, old, new),
        // A client may send back a value that it read: only its shape is at risk, since the server
        // chose the value.
        ("pattern", _, Some(_)) if is_read_only_in_requests(location) => fixed(
            Unclear,
            Audience::Senders,
            format!(
                "{subject} is now limited by `pattern`: it is read-only, but a server that checks \
                 it refuses clients that send back what they read before."
            ),
        ),
        ("enum", Some(_), None)
            if location.name.is_none()
                && types_of(&location.old_holder) != types_of(&location.new_holder) =>
        {
            by_direction(
                format!("{subject} is of another type and no longer one of certain values"),
                (Unclear, "whether the previous values keep their meaning is not stated"),
                UNEXPECTED,
            )
        }
        ("pattern", Some(_), Some(_)) => unclear(format!(
            "the pattern of {subject} is now {} (before: {})",
            side(location.new),
            side(location.old)
        )),
        ("enum", None, Some(one)) if location.name.is_some() => by_direction(
            format!("{} is a new value of {subject}", value(one)),
            STILL_TAKEN,
            (Breaking, "clients that know only the values before do not expect it"),
        ),
        ("enum", Some(one), None) if location.name.is_some() => by_direction(
            format!("{} is no longer a value of {subject}", value(one)),
            (Breaking, "clients that send it are refused"),
            STILL_EXPECTED,
        ),
        ("additionalProperties" | "unevaluatedProperties" | "unevaluatedItems", old, new) => {
            further_members(location, old, new)
        }
        ("patternProperties", None, Some(_)) if is_closed(&location.old_holder) => {
            wider(format!("{subject} may be present now"))
        }
        ("patternProperties", Some(_), None) if is_closed(&location.new_holder) => {
            narrower(format!("{subject} must be absent now"))
        }
        // The schema of other items allowed none.
        ("prefixItems", None, Some(_)) => wider(format!("{subject} may be present now")),
        ("prefixItems", Some(_), None) => narrower(format!("{subject} must be absent now")),
        ("patternProperties" | "dependentSchemas", None, Some(_)) => {
            narrower(format!("{subject} must meet one more schema"))
        }
        ("patternProperties" | "dependentSchemas", Some(_), None) => {
            wider(format!("{subject} need no longer meet one of its schemas"))
        }
        ("dependentRequired", ..) => dependent(location),
        ("contentMediaType" | "contentEncoding", Some(old), Some(new)) => different(format!(
            "the content of {subject} is now {} (before: {})",
            value(new),
            value(old)
        )),
        ("allOf", None, Some(_)) => narrower(format!("{subject} must meet one more schema")),
        ("allOf", Some(_), None) => {
            wider(format!("{subject} need no longer meet one of its schemas"))
        }
        ("anyOf" | "oneOf", None, Some(_)) if location.name.is_some() => {
            wider(format!("{subject} is one more alternative"))
        }
        ("anyOf" | "oneOf", Some(_), None) if location.name.is_some() => {
            narrower(format!("{subject} is no longer an alternative"))
        }
        (
            "pattern" | "enum" | "uniqueItems" | "exclusiveMinimum" | "exclusiveMaximum" | "items"
            | "not" | "anyOf" | "oneOf" | "discriminator" | "contains" | "propertyNames" | "if"
            | "then" | "else" | "contentSchema" | "contentMediaType" | "contentEncoding" | "const",
            old,
            new,
        ) => match (old.is_some(), new.is_some()) {
            (false, true) => narrower(format!("{subject} is now limited by {}", code(keyword))),
            (true, false) => wider(format!("{subject} is no longer limited by {}", code(keyword))),
            _ => changed(location),
        },
        ("xml", ..) => different(format!("{subject} is written differently in XML")),
        _ => changed(location),
    }
}

/// A schema that no value meets gives way to another one, or the reverse.
fn impossible_schema(location: &Location<'_>) -> Option<Rule> {
    let is_schema = matches!(location.at, NodeKind::Object(ObjectKind::Schema));
    if !is_schema || ["not", "if"].contains(&location.keyword.as_str()) {
        return None;
    }
    let nothing = |side: Option<&Value>| side?.as_object().map(is_never);
    let subject = &location.subject;
    match (nothing(location.old)?, nothing(location.new)?) {
        (true, false) => Some(wider(format!("{subject} may be present now"))),
        (false, true) => Some(narrower(format!("{subject} must be absent now"))),
        _ => None,
    }
}

fn is_closed(holder: &Option<&Value>) -> bool {
    let closing = ["additionalProperties", "unevaluatedProperties"];
    holder.as_deref().is_some_and(|schema| {
        closing.iter().any(|keyword| schema.get(*keyword) == Some(&Value::Bool(false)))
    })
}

/// The names that a property demands beside it.
fn dependent(location: &Location<'_>) -> Rule {
    let names = |holder: &Option<&Value>| -> BTreeSet<String> {
        let names = holder.as_deref().zip(location.name.as_ref()).and_then(|(holder, name)| {
            holder.get("dependentRequired")?.get(name)?.as_array().cloned()
        });
        names.unwrap_or_default().iter().map(crate::diff::name).collect()
    };
    let (old, new) = (names(&location.old_holder), names(&location.new_holder));
    let what = format!(
        "the members that are required with {} changed",
        code(location.name.as_deref().unwrap_or(""))
    );
    match (old.is_subset(&new), new.is_subset(&old)) {
        (true, false) => narrower(what),
        (false, true) => wider(what),
        _ => different(what),
    }
}

fn property(location: &Location<'_>) -> Rule {
    let subject = &location.subject;
    match location.new.is_some() {
        true => by_direction(
            format!("{subject} is new"),
            (Compatible, "clients need not send it, unless it is also reported as required"),
            match is_closed(&location.old_holder) {
                true => (
                    Breaking,
                    "the schema allowed no other members, and clients that hold to that refuse it",
                ),
                false => (Compatible, "clients that don't know it ignore it"),
            },
        ),
        false => by_direction(
            format!("{subject} is gone"),
            match is_closed(&location.new_holder) {
                true => (
                    Breaking,
                    "the schema allows no other members, and clients that send it are refused",
                ),
                false => (Breaking, "requests that include it may be rejected or ignored"),
            },
            (Breaking, "clients that read it find it missing"),
        ),
    }
}

/// A property enters or leaves one direction; the flag has no effect in the other.
fn hidden(location: &Location<'_>, keyword: &str) -> Rule {
    let subject = &location.subject;
    let unseen = (Compatible, "nothing changes there");
    match (keyword, location.new.is_some()) {
        ("readOnly", true) => by_direction(
            format!("{subject} is now read-only"),
            (Breaking, "requests that include it may be rejected or ignored"),
            unseen,
        ),
        ("readOnly", false) => by_direction(
            format!("{subject} is no longer read-only"),
            match location.required {
                true => (Breaking, "it is required, and clients that do not send it are refused"),
                false => (Compatible, "clients need not send it"),
            },
            unseen,
        ),
        ("writeOnly", true) => by_direction(
            format!("{subject} is now write-only"),
            unseen,
            (Breaking, "clients that read it find it missing"),
        ),
        _ if location.required => by_direction(
            format!("{subject} is no longer write-only"),
            unseen,
            (Unclear, "it is required, so responses now show what was kept from them"),
        ),
        _ => by_direction(
            format!("{subject} is no longer write-only"),
            unseen,
            (Compatible, "clients that don't know it ignore it"),
        ),
    }
}

fn default_value(location: &Location<'_>, old: Option<&Value>, new: Option<&Value>) -> Rule {
    let subject = &location.subject;
    let unread = (Compatible, "a default only describes the value of an omitted member");
    match (old, new) {
        _ if location.required => fixed(
            Compatible,
            Audience::None,
            format!(
                "the default of {subject} is now {}: it is required, so no default applies.",
                side(new)
            ),
        ),
        (None, Some(new)) => by_direction(
            format!("{subject} has the default {} now", value(new)),
            (Unclear, "which value applied to omitted members before is not stated"),
            unread,
        ),
        _ => by_direction(
            format!("the default of {subject} is now {} (before: {})", side(new), side(old)),
            (Breaking, "clients that do not send it get something else"),
            unread,
        ),
    }
}

/// Whether requests carry a schema of which both documents say that only responses do.
fn is_read_only_in_requests(location: &Location<'_>) -> bool {
    let read_only = |holder: &Option<&Value>| {
        holder.as_deref().is_some_and(|holder| has_flag(holder, "readOnly"))
    };
    read_only(&location.old_holder)
        && read_only(&location.new_holder)
        && location.unhidden.has(Direction::Request)
}

/// `additionalProperties`: absent allows anything, a schema allows some, `false` allows nothing.
fn further_members(location: &Location<'_>, old: Option<&Value>, new: Option<&Value>) -> Rule {
    let subject = &location.subject;
    let closed = |side: Option<&Value>| side == Some(&Value::Bool(false));
    match (old, new) {
        (_, new) if closed(new) => by_direction(
            format!("{subject} is no longer allowed"),
            (Breaking, "clients that send one are refused"),
            STILL_EXPECTED,
        ),
        (old, _) if closed(old) => by_direction(
            format!("{subject} is now allowed"),
            STILL_TAKEN,
            (
                Breaking,
                "the schema allowed no other members, and clients that hold to that refuse one",
            ),
        ),
        (None, Some(Value::Object(_))) => narrower(format!("{subject} must now meet a schema")),
        (Some(Value::Object(_)), None) => wider(format!("{subject} may now be anything")),
        _ => changed(location),
    }
}
