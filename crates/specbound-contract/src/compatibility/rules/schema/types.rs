//! Types of values, and `null`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::canonical::{KEYWORDS_OF_TYPES, MAY_REFUSE_NULL};
use crate::compatibility::location::{Location, ValueForm};
use crate::compatibility::rules::{
    Rule, STILL_EXPECTED, STILL_TAKEN, by_direction, changed, different, narrower, wider,
};
use crate::quoting::{code, list};

pub(super) fn typed(location: &Location<'_>, old: Option<&Value>, new: Option<&Value>) -> Rule {
    let subject = &location.subject;
    match (old.and_then(Value::as_str), new.and_then(Value::as_str)) {
        (Some(before), Some(now)) => {
            let what = format!("{subject} is now of type {}, not {}", code(now), code(before));
            let only = |one: &str| BTreeSet::from([one.to_owned()]);
            let (before, now) = (only(before), only(now));
            by_types(what, &before, &now, location.written)
        }
        (None, Some(now)) if old.is_none() => {
            narrower(format!("{subject} is now of type {} only", code(now)))
        }
        (Some(before), None) if new.is_none() => {
            wider(format!("{subject} may now be of any type, not only {}", code(before)))
        }
        _ => match (types(old), types(new)) {
            (Some(before), Some(now)) => {
                let list = |types: &BTreeSet<String>| {
                    list(&types.iter().map(|one| code(one)).collect::<Vec<_>>(), 9)
                };
                let what =
                    format!("{subject} is now of type {} (before: {})", list(&now), list(&before));
                by_types(what, &before, &now, location.written)
            }
            (None, Some(_)) if old.is_none() => {
                narrower(format!("{subject} is now of certain types only"))
            }
            (Some(_), None) if new.is_none() => wider(format!("{subject} may now be of any type")),
            _ => changed(location),
        },
    }
}

pub(super) fn by_types(
    what: String,
    before: &BTreeSet<String>,
    now: &BTreeSet<String>,
    written: ValueForm,
) -> Rule {
    match (allows(now, before, written), allows(before, now, written)) {
        // The same values as text: which types are named decides.
        (true, true) if written != ValueForm::Typed => {
            by_types(what, before, now, ValueForm::Typed)
        }
        (true, true) => by_direction(what, STILL_TAKEN, STILL_EXPECTED),
        (true, false) => wider(what),
        (false, true) => narrower(what),
        (false, false) => different(what),
    }
}

pub(super) fn types(value: Option<&Value>) -> Option<BTreeSet<String>> {
    match value? {
        Value::String(one) => Some(BTreeSet::from([one.clone()])),
        Value::Array(many) => many.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// Whether each of the types `few` is one of `many`. An integer is a number, and any lone value is
/// a text where it is written as one.
pub(super) fn allows(many: &BTreeSet<String>, few: &BTreeSet<String>, written: ValueForm) -> bool {
    let is_text = |one: &str| {
        written != ValueForm::Typed
            && ["integer", "number", "boolean"].contains(&one)
            && many.contains("string")
    };
    few.iter().all(|one| {
        many.contains(one) || (one == "integer" && many.contains("number")) || is_text(one)
    })
}

pub(super) fn types_of(holder: &Option<&Value>) -> Option<BTreeSet<String>> {
    types(holder.as_deref().and_then(|holder| holder.get("type")))
}

/// Whether `null` is allowed on the side without `nullable`, because nothing limits the values
/// there.
pub(super) fn takes_null(location: &Location<'_>, removed: bool) -> bool {
    let holder = if removed { location.new_holder } else { location.old_holder };
    holder
        .is_some_and(|holder| MAY_REFUSE_NULL.iter().all(|keyword| holder.get(*keyword).is_none()))
}

/// Whether a lone value became a list of such values, in a query that writes both the same way.
pub(super) fn is_list_of_lone_value(location: &Location<'_>) -> bool {
    let (Some(old), Some(new)) = (location.old_holder, location.new_holder) else { return false };
    let (Some(items), Some(was), Some(is)) =
        (new.get("items"), types_of(&location.old_holder), types_of(&location.new_holder))
    else {
        return false;
    };
    let number = |keyword: &str| new.get(keyword).and_then(Value::as_u64);
    let takes_each =
        types(items.get("type")).is_none_or(|each| allows(&each, &was, location.written));
    let as_before = items.as_object().is_some_and(|items| {
        items.iter().all(|(key, value)| key == "type" || old.get(key) == Some(value))
    });
    location.written == ValueForm::TextOrList
        && is == BTreeSet::from(["array".to_owned()])
        && !was.contains("array")
        && !was.contains("object")
        && takes_each
        && as_before
        && number("minItems").is_none_or(|least| least <= 1)
        && number("maxItems").is_none_or(|most| most >= 1)
}

/// Whether a keyword limits values of a type that the schema allows on both sides. Otherwise the
/// change of the type, if any, is the only one.
pub fn limits_both(location: &Location<'_>) -> bool {
    let keyword = location.keyword.as_str();
    let Some((types, _)) =
        KEYWORDS_OF_TYPES.iter().find(|(_, keywords)| keywords.contains(&keyword))
    else {
        return true;
    };
    let allows = |holder: &Option<&Value>| {
        types_of(holder).is_none_or(|own| types.iter().any(|one| own.contains(*one)))
    };
    allows(&location.old_holder) && allows(&location.new_holder)
}
