//! Limits of values: numbers, lengths and counts, formats.

use std::cmp::Ordering;

use serde_json::Value;

use crate::compatibility::location::Location;
use crate::compatibility::rules::{Rule, changed, different, narrower, side, wider};
use crate::quoting::{code, value};

/// Limits: keyword, phrase, and whether a larger limit allows more.
pub(super) const LIMITS: [(&str, &str, bool); 10] = [
    ("maxContains", "have at most {} items that match `contains`", true),
    ("minContains", "have at least {} items that match `contains`", false),
    ("maxLength", "have at most {} characters", true),
    ("minLength", "have at least {} characters", false),
    ("maximum", "be at most {}", true),
    ("minimum", "be at least {}", false),
    ("maxItems", "have at most {} items", true),
    ("minItems", "have at least {} items", false),
    ("maxProperties", "have at most {} members", true),
    ("minProperties", "have at least {} members", false),
];

/// The old and the new bound of a number, each with whether it is exclusive. `None` unless both
/// documents have one.
pub(super) fn both_bounds(location: &Location<'_>) -> Option<[(f64, bool); 2]> {
    let (bound, exclusive) = match location.keyword.as_str() {
        "minimum" | "exclusiveMinimum" => ("minimum", "exclusiveMinimum"),
        "maximum" | "exclusiveMaximum" => ("maximum", "exclusiveMaximum"),
        _ => return None,
    };
    let of = |holder: &Option<&Value>| {
        let holder = holder.as_deref()?;
        Some((holder.get(bound)?.as_f64()?, holder.get(exclusive) == Some(&Value::Bool(true))))
    };
    Some([of(&location.old_holder)?, of(&location.new_holder)?])
}

/// A bound that moved, or became exclusive or inclusive.
pub(super) fn bound(location: &Location<'_>) -> Rule {
    let Some([(before, was_exclusive), (now, is_exclusive)]) = both_bounds(location) else {
        return changed(location);
    };
    let upper = location.keyword.ends_with("aximum");
    let phrase = |bound: f64, exclusive: bool| match (upper, exclusive) {
        (true, false) => format!("at most `{bound}`"),
        (true, true) => format!("less than `{bound}`"),
        (false, false) => format!("at least `{bound}`"),
        (false, true) => format!("more than `{bound}`"),
    };
    let what = format!(
        "{} must now be {} (before: {})",
        location.subject,
        phrase(now, is_exclusive),
        phrase(before, was_exclusive)
    );
    // By how much is allowed above a lower bound, or below an upper one.
    let order = now.total_cmp(&before);
    match if upper { order } else { order.reverse() }.then(was_exclusive.cmp(&is_exclusive)) {
        Ordering::Greater => wider(what),
        Ordering::Less => narrower(what),
        Ordering::Equal => changed(location),
    }
}

pub(super) fn limit(location: &Location<'_>, phrase: &str, more_allows_more: bool) -> Rule {
    if let Some([(_, was), (_, is)]) = both_bounds(location)
        && (was || is)
    {
        return bound(location);
    }
    let subject = &location.subject;
    let with = |limit: &Value| phrase.replace("{}", &value(limit));
    // Without the keyword it is one.
    let implied = (location.keyword == "minContains").then(|| Value::from(1));
    let or_implied = |side: Option<&Value>| side.cloned().or_else(|| implied.clone());
    match (or_implied(location.old).as_ref(), or_implied(location.new).as_ref()) {
        (None, Some(new)) if new.is_number() => {
            narrower(format!("{subject} must now {}, where there was no limit,", with(new)))
        }
        (Some(old), None) if old.is_number() => {
            wider(format!("{subject} need no longer {}", with(old)))
        }
        (Some(old), Some(new)) => match old.as_f64().zip(new.as_f64()) {
            Some((before, now)) if before != now => {
                let what = format!("{subject} must now {} (before: {})", with(new), value(old));
                if (now > before) == more_allows_more { wider(what) } else { narrower(what) }
            }
            _ => changed(location),
        },
        _ => changed(location),
    }
}

pub(super) fn formatted(location: &Location<'_>, old: Option<&Value>, new: Option<&Value>) -> Rule {
    let subject = &location.subject;
    match (old.and_then(Value::as_str), new.and_then(Value::as_str)) {
        (Some(before), Some(now)) => {
            let what =
                format!("the format of {subject} is now {}, not {}", code(now), code(before));
            match (before, now) {
                ("int8" | "int16" | "int32" | "uint8" | "uint16" | "uint32", "int64")
                | ("int8" | "int16" | "uint8" | "uint16", "int32")
                | ("uint8" | "uint16" | "uint32", "uint64")
                | ("uint8" | "uint16", "uint32")
                | ("float", "double") => wider(what),
                ("int64", "int8" | "int16" | "int32" | "uint8" | "uint16" | "uint32")
                | ("int32", "int8" | "int16" | "uint8" | "uint16")
                | ("uint64", "uint8" | "uint16" | "uint32")
                | ("uint32", "uint8" | "uint16")
                | ("double", "float") => narrower(what),
                _ => different(what),
            }
        }
        (None, Some(now)) if old.is_none() => {
            narrower(format!("{subject} is now in format {} only", code(now)))
        }
        (Some(before), None) if new.is_none() => {
            wider(format!("{subject} may now be in any format, not only {}", code(before)))
        }
        _ => changed(location),
    }
}

pub(super) fn multiple(location: &Location<'_>, old: Option<&Value>, new: Option<&Value>) -> Rule {
    let what =
        format!("{} is now a multiple of {}, before of {}", location.subject, side(new), side(old));
    match (old, new, old.and_then(Value::as_f64).zip(new.and_then(Value::as_f64))) {
        (None, Some(_), _) => narrower(what),
        (Some(_), None, _) => wider(what),
        (.., Some((before, now))) if is_multiple(now, before) => narrower(what),
        (.., Some((before, now))) if is_multiple(before, now) => wider(what),
        _ => different(what),
    }
}

/// Whether a number is a multiple of another, both as they are written: 0.3 is one of 0.1.
fn is_multiple(number: f64, of: f64) -> bool {
    let times = number / of;
    times.is_finite() && (times - times.round()).abs() <= times.abs() * f64::EPSILON * 4.0
}
