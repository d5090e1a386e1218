//! Rules for paths, operations, parameters and bodies of requests.

use serde_json::Value;

use super::Severity::{Breaking, Compatible};
use super::{
    Rule, access, added_or_removed, changed, deprecated, dereferenced, different, fixed,
    last_breadcrumb, narrower, schema_of_body, side, wider,
};
use crate::canonical::is_method;
use crate::compatibility::Audience;
use crate::compatibility::location::{Documents, Location};
use crate::quoting::{code, list};

/// The server calls a webhook, and clients respond.
pub(super) fn webhook(location: &Location<'_>) -> Rule {
    let what = last_breadcrumb(location);
    added_or_removed(
        location,
        fixed(
            Compatible,
            Audience::Readers,
            format!("{what} is new: no client responds to it yet."),
        ),
        fixed(
            Breaking,
            Audience::Readers,
            format!("{what} is gone: clients that wait for it never receive it."),
        ),
    )
}

pub(super) fn path_rule(location: &Location<'_>, documents: &Documents<'_>, path: &str) -> Rule {
    let methods = |item: &Value| -> Vec<String> {
        let methods = item.as_object().into_iter().flat_map(|item| item.keys());
        methods.filter(|key| is_method(key)).map(|method| code(&method.to_uppercase())).collect()
    };
    match (location.old, location.new) {
        (None, Some(item)) => {
            let message = match renamed_path(documents.old, documents.new, path, item) {
                Some(old) => format!("{} is the new path of {}.", code(path), code(old)),
                None => format!(
                    "{} is new, with {}: no client knows it yet.",
                    code(path),
                    list(&methods(item), 9)
                ),
            };
            fixed(Compatible, Audience::Senders, message)
        }
        (Some(item), None) => {
            let now = renamed_path(documents.new, documents.old, path, item);
            let slash =
                now.is_some_and(|now| now.trim_end_matches('/') == path.trim_end_matches('/'));
            let what = match now {
                Some(now) if slash => {
                    format!("{} is now {}, only the last slash differs", code(path), code(now))
                }
                Some(now) => format!("{} is now {}", code(path), code(now)),
                None => format!("{} is gone, with {}", code(path), list(&methods(item), 9)),
            };
            fixed(
                Breaking,
                Audience::Senders,
                format!("{what}: requests to it are refused or redirected."),
            )
        }
        _ => changed(location),
    }
}

/// A path in `there` alone with the same content, or that differs only in the trailing slash.
pub(super) fn renamed_path<'a>(
    there: &'a Value,
    here: &Value,
    path: &str,
    item: &Value,
) -> Option<&'a str> {
    let only_there = || {
        let paths = there["paths"].as_object().into_iter().flatten();
        paths.filter(|(other, _)| here["paths"].get(other).is_none())
    };
    let by_slash =
        only_there().find(|(other, _)| other.trim_end_matches('/') == path.trim_end_matches('/'));
    by_slash
        .or_else(|| only_there().find(|(_, other)| *other == item))
        .map(|(path, _)| path.as_str())
}

pub(super) fn operation(location: &Location<'_>, documents: &Documents<'_>, keyword: &str) -> Rule {
    match keyword {
        // It is not on the wire. Teams with generated clients can raise the severity by policy.
        "operationId" => fixed(
            Compatible,
            Audience::GeneratedCode,
            format!(
                "the operation id is now {}, not {}: nothing changes on the wire, but generated \
                 clients may name a function by it.",
                side(location.new),
                side(location.old)
            ),
        ),
        "tags" => {
            let tag = code(location.name.as_deref().unwrap_or_default());
            let now = if location.new.is_some() { "new" } else { "gone" };
            fixed(
                Compatible,
                Audience::GeneratedCode,
                format!(
                    "tag {tag} is {now}: some generators sort operations into modules by tag, the \
                     wire has none."
                ),
            )
        }
        "deprecated" => deprecated(location),
        "parameters" if location.name.is_some() => new_or_gone_parameter(location, documents),
        "requestBody" => {
            let required = location
                .new
                .and_then(|body| dereferenced(documents.new, body).get("required").cloned());
            let come = match required == Some(Value::Bool(true)) {
                true => fixed(
                    Breaking,
                    Audience::Senders,
                    "a request body is required now: clients that send none are refused."
                        .to_owned(),
                ),
                false => fixed(
                    Compatible,
                    Audience::Senders,
                    "a request body may be sent now.".to_owned(),
                ),
            };
            let gone = fixed(
                Breaking,
                Audience::Senders,
                "the request body is gone: requests that include one may be rejected or ignored."
                    .to_owned(),
            );
            added_or_removed(location, come, gone)
        }
        "security" if location.name.is_some() => access::security(location, documents),
        "callbacks" => added_or_removed(
            location,
            fixed(
                Compatible,
                Audience::Readers,
                "a callback is new: no client responds to it yet.".to_owned(),
            ),
            fixed(
                Breaking,
                Audience::Readers,
                "a callback is gone: clients that wait for it never receive it.".to_owned(),
            ),
        ),
        "servers" => access::servers(location),
        _ => changed(location),
    }
}

pub(super) fn new_or_gone_parameter(location: &Location<'_>, documents: &Documents<'_>) -> Rule {
    let required =
        location.new.is_some_and(|new| dereferenced(documents.new, new)["required"] == true);
    let what = last_breadcrumb(location);
    let come = match required {
        true => fixed(
            Breaking,
            Audience::Senders,
            format!("{what} is new and required: clients that do not send it are refused."),
        ),
        false => {
            fixed(Compatible, Audience::Senders, format!("{what} is new and may be left out."))
        }
    };
    let gone = fixed(
        Breaking,
        Audience::Senders,
        format!("{what} is gone: requests that include it may be rejected or ignored."),
    );
    added_or_removed(location, come, gone)
}

pub(super) fn parameter(location: &Location<'_>, documents: &Documents<'_>, keyword: &str) -> Rule {
    match keyword {
        "explode" if holds_lone_values(location, documents) => fixed(
            Compatible,
            Audience::GeneratedCode,
            format!(
                "`explode` of {} is now {}: a lone value is written as before.",
                location.subject,
                side(location.new)
            ),
        ),
        "required" => required_flag(location, &location.subject, "do not send it"),
        "deprecated" => deprecated(location),
        "allowEmptyValue" => added_or_removed(
            location,
            wider(format!("{} may be empty now", location.subject)),
            narrower(format!("{} must not be empty now", location.subject)),
        ),
        "schema" if location.old.is_none() || location.new.is_none() => schema_of_body(location),
        "name" if location.new_holder.is_some_and(|holder| holder["in"] == "path") => fixed(
            Compatible,
            Audience::GeneratedCode,
            "a path variable has another name: the wire has none, but generated code names an \
             argument by it."
                .to_owned(),
        ),
        "name" | "in" | "style" | "explode" | "allowReserved" | "content" => different(format!(
            "{} is written differently: {} is now {} (before: {})",
            location.subject,
            code(keyword),
            side(location.new),
            side(location.old)
        )),
        _ => changed(location),
    }
}

/// Whether the values of a parameter are neither lists nor objects on both sides.
fn holds_lone_values(location: &Location<'_>, documents: &Documents<'_>) -> bool {
    let sides = [(documents.old, location.old_holder), (documents.new, location.new_holder)];
    sides.into_iter().all(|(document, holder)| {
        let schema = holder.and_then(|holder| holder.get("schema"));
        let schema = schema.map(|schema| dereferenced(document, schema));
        schema.is_some_and(|schema| {
            ["string", "integer", "number", "boolean"].iter().any(|one| schema["type"] == *one)
        })
    })
}

pub(super) fn required_flag(location: &Location<'_>, subject: &str, omission: &str) -> Rule {
    match location.new {
        Some(Value::Bool(true)) => fixed(
            Breaking,
            Audience::Senders,
            format!("{subject} is now required in requests: clients that {omission} are refused."),
        ),
        None => fixed(
            Compatible,
            Audience::Senders,
            format!("{subject} is no longer required in requests."),
        ),
        _ => changed(location),
    }
}
