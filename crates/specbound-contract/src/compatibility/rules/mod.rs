//! The effect of a change on clients: one rule per keyword of OpenAPI 3.0. `schema` holds the rules
//! for schemas, `access` those for servers and security.
//!
//! Most schema keywords restrict the allowed values, and the direction decides: allowing fewer
//! values breaks clients that send them, allowing more breaks clients that read them. Other rules
//! state their severity. A change that no rule covers is [`Severity::Unclear`]: a rule must not
//! guess in favour of a change.

mod access;
mod schema;

use std::borrow::Cow;

use serde_json::Value;

use super::location::{Documents, Location, NodeKind};
use super::quoting::{code, list, value};
use super::usage::look_through;
use super::{Audience, Severity};
use crate::canonical::{FieldShape, ObjectKind, is_method};

use Severity::{Breaking, Compatible, Unclear};

/// A change and its effect.
pub enum Rule {
    /// The effect depends on whether requests or responses contain it.
    ByDirection { what: String, sent: Effect, read: Effect },
    /// The effect is the same everywhere.
    Fixed { severity: Severity, audience: Audience, message: String },
}

pub type Effect = (Severity, &'static str);

const REFUSED: Effect = (Breaking, "clients that send anything else are refused");
const STILL_TAKEN: Effect = (Compatible, "what clients send is still taken");
const UNEXPECTED: Effect = (Breaking, "clients may read what they were told not to expect");
const STILL_EXPECTED: Effect = (Compatible, "clients read nothing new");

fn by_direction(what: String, sent: Effect, read: Effect) -> Rule {
    Rule::ByDirection { what, sent, read }
}

/// Fewer values are allowed.
pub fn narrower(what: String) -> Rule {
    by_direction(what, REFUSED, STILL_EXPECTED)
}

/// More values are allowed.
pub fn wider(what: String) -> Rule {
    by_direction(what, STILL_TAKEN, UNEXPECTED)
}

/// Some values are no longer allowed, and others are new.
pub fn different(what: String) -> Rule {
    by_direction(
        what,
        (Breaking, "clients that send what was right before are refused"),
        (Breaking, "clients read what they were told not to expect"),
    )
}

fn unclear(what: String) -> Rule {
    let why = "this must be judged by hand";
    by_direction(what, (Unclear, why), (Unclear, why))
}

fn fixed(severity: Severity, audience: Audience, message: String) -> Rule {
    Rule::Fixed { severity, audience, message }
}

/// One rule for an addition, another for a removal.
fn added_or_removed(location: &Location<'_>, come: Rule, gone: Rule) -> Rule {
    match (&location.old, &location.new) {
        (None, Some(_)) => come,
        (Some(_), None) => gone,
        _ => changed(location),
    }
}

/// A change without a known effect.
fn changed(location: &Location<'_>) -> Rule {
    let what = match &location.name {
        Some(name) => format!("{} of {}", code(name), code(&location.keyword)),
        None => code(&location.keyword),
    };
    let what = format!("{what} changed from {} to {}", side(location.old), side(location.new));
    match location.uses.is_empty() {
        true => fixed(Unclear, Audience::All, format!("{what}: this must be judged by hand.")),
        false => unclear(what),
    }
}

fn side(of: Option<&Value>) -> String {
    of.map_or_else(|| "nothing".to_owned(), value)
}

pub fn rule(location: &Location<'_>, documents: &Documents<'_>) -> Rule {
    use ObjectKind::*;
    // The object or list became another type of value: its keywords cannot be compared.
    let whole = !matches!(
        location.at,
        NodeKind::Object(Data | Schema) | NodeKind::Entries(FieldShape::Set(Data))
    );
    if whole && location.old.is_some() && location.new.is_some() {
        return changed(location);
    }
    match (location.holder, location.keyword.as_str()) {
        (Document, "openapi" | "info") | (Info, _) => fixed(
            Compatible,
            Audience::None,
            format!(
                "{} of the document changed: that only names the document.",
                code(&location.keyword)
            ),
        ),
        (Paths, path) => path_rule(location, documents, path),
        (Document, "webhooks") if location.name.is_some() => webhook(location),
        (PathItem, method) if is_method(method) && location.path.starts_with("/webhooks/") => {
            webhook(location)
        }
        (PathItem, method) if is_method(method) => added_or_removed(
            location,
            fixed(
                Compatible,
                Audience::Senders,
                format!("{} is new: no client knows it yet.", location.subject),
            ),
            fixed(
                Breaking,
                Audience::Senders,
                format!("{} is gone: clients that call it are refused.", location.subject),
            ),
        ),
        (Operation, keyword) => operation(location, documents, keyword),
        (Parameter, keyword) => parameter(location, keyword),
        (Body, "required") => required_flag(location, "a body", "send none"),
        (Body, "content") => added_or_removed(
            location,
            fixed(
                Compatible,
                Audience::Senders,
                format!("{} is a new content type of requests.", last_breadcrumb(location)),
            ),
            fixed(
                Breaking,
                Audience::Senders,
                format!(
                    "{} is no longer a content type of requests: clients that send it are refused.",
                    last_breadcrumb(location)
                ),
            ),
        ),
        (Responses, status) => response(location, status),
        (Response, "content") => added_or_removed(
            location,
            fixed(
                Compatible,
                Audience::Readers,
                match location.old_holder.is_some_and(|response| response.get("content").is_some())
                {
                    true => format!(
                        "{} is a new content type of the response: clients get it when they ask.",
                        last_breadcrumb(location)
                    ),
                    false => format!(
                        "the response has a body now, as {}: clients that expect none ignore it.",
                        last_breadcrumb(location)
                    ),
                },
            ),
            fixed(
                Breaking,
                Audience::Readers,
                format!(
                    "{} is no longer a content type of the response: clients that read it fail.",
                    last_breadcrumb(location)
                ),
            ),
        ),
        (Response, "headers") => added_or_removed(
            location,
            by_direction(
                format!("header {} is new", location.subject),
                STILL_TAKEN,
                STILL_EXPECTED,
            ),
            by_direction(
                format!("header {} is gone", location.subject),
                (Compatible, "clients need not send it"),
                (Breaking, "clients that read it find nothing"),
            ),
        ),
        (Response, "links") | (Link, _) => match (&location.old, &location.new) {
            (None, Some(_)) => fixed(
                Compatible,
                Audience::Readers,
                "a link is new: no client follows it yet.".to_owned(),
            ),
            _ => fixed(
                Breaking,
                Audience::Readers,
                "a link is gone or leads elsewhere: clients that follow it fail.".to_owned(),
            ),
        },
        (Header, "required") => promised_header(location),
        (Header, "deprecated") => deprecated(location),
        (MediaType | Header, "schema") if location.old.is_none() || location.new.is_none() => {
            schema_of_body(location)
        }
        (MediaType, "itemSchema") if location.old.is_none() || location.new.is_none() => {
            schema_of_body(location)
        }
        (MediaType, "encoding" | "prefixEncoding" | "itemEncoding") | (Encoding | Header, _) => {
            different(format!(
                "{} of {} is written differently",
                code(&location.keyword),
                location.subject
            ))
        }
        (Components, "securitySchemes") if location.name.is_some() => {
            access::scheme(location, documents)
        }
        (SecurityScheme | Flows | Flow, keyword) => access::scheme_part(location, keyword),
        (Components, _) if location.name.is_some() => component(location, documents),
        (Document | Server | ServerVariable, _) if location.path.contains("/servers") => {
            access::servers(location)
        }
        (Schema, keyword) => schema::keyword(location, keyword),
        (Discriminator, keyword) => schema::discriminator(location, keyword),
        (Xml, _) => different(format!("{} is written differently in XML", location.subject)),
        _ => changed(location),
    }
}

/// The server calls a webhook, and clients answer.
fn webhook(location: &Location<'_>) -> Rule {
    let what = last_breadcrumb(location);
    added_or_removed(
        location,
        fixed(Compatible, Audience::Readers, format!("{what} is new: no client answers it yet.")),
        fixed(
            Breaking,
            Audience::Readers,
            format!("{what} is gone: clients that wait for it wait in vain."),
        ),
    )
}

fn last_breadcrumb(location: &Location<'_>) -> String {
    location.breadcrumbs.last().cloned().unwrap_or_default()
}

fn deprecated(location: &Location<'_>) -> Rule {
    let now = if location.new.is_some() { "is deprecated now" } else { "is no longer deprecated" };
    fixed(Compatible, Audience::All, format!("{} {now}: it still works.", location.subject))
}

fn path_rule(location: &Location<'_>, documents: &Documents<'_>, path: &str) -> Rule {
    let methods = |item: &Value| -> Vec<String> {
        let methods = item.as_object().into_iter().flat_map(|item| item.keys());
        methods.filter(|key| is_method(key)).map(|method| code(&method.to_uppercase())).collect()
    };
    match (location.old, location.new) {
        (None, Some(item)) => {
            let message = match twin(documents.old, documents.new, path, item) {
                Some(old) => format!("{} is what was {}.", code(path), code(old)),
                None => format!(
                    "{} is new, with {}: no client knows it yet.",
                    code(path),
                    list(&methods(item), 9)
                ),
            };
            fixed(Compatible, Audience::Senders, message)
        }
        (Some(item), None) => {
            let now = twin(documents.new, documents.old, path, item);
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
                format!("{what}: clients that call it are refused or sent elsewhere."),
            )
        }
        _ => changed(location),
    }
}

/// A path in `there` alone with the same content, or that differs only in the trailing slash.
fn twin<'a>(there: &'a Value, here: &Value, path: &str, item: &Value) -> Option<&'a str> {
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

fn operation(location: &Location<'_>, documents: &Documents<'_>, keyword: &str) -> Rule {
    match keyword {
        // The wire has none. A team whose clients generate code says so in its policy.
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
            let required =
                location.new.and_then(|body| through(documents.new, body).get("required").cloned());
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
                "a callback is new: no client answers it yet.".to_owned(),
            ),
            fixed(
                Breaking,
                Audience::Readers,
                "a callback is gone: clients that wait for it wait in vain.".to_owned(),
            ),
        ),
        "servers" => access::servers(location),
        _ => changed(location),
    }
}

fn through(document: &Value, value: &Value) -> Value {
    look_through(document, value).map_or(Value::Null, Cow::into_owned)
}

fn new_or_gone_parameter(location: &Location<'_>, documents: &Documents<'_>) -> Rule {
    let required = location.new.is_some_and(|new| through(documents.new, new)["required"] == true);
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

fn parameter(location: &Location<'_>, keyword: &str) -> Rule {
    match keyword {
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

fn required_flag(location: &Location<'_>, subject: &str, omission: &str) -> Rule {
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

fn promised_header(location: &Location<'_>) -> Rule {
    match location.new.is_some() {
        true => fixed(
            Compatible,
            Audience::Readers,
            format!("header {} is always sent now.", location.subject),
        ),
        false => fixed(
            Breaking,
            Audience::Readers,
            format!(
                "header {} may now be missing: clients that rely on it fail.",
                location.subject
            ),
        ),
    }
}

fn schema_of_body(location: &Location<'_>) -> Rule {
    match location.new.is_some() {
        true => {
            narrower(format!("{} has a schema now, where anything was allowed", location.subject))
        }
        false => by_direction(
            format!("{} has no schema any more", location.subject),
            STILL_TAKEN,
            (Breaking, "clients that read it are promised nothing"),
        ),
    }
}

fn response(location: &Location<'_>, status: &str) -> Rule {
    let status_code = code(status);
    let failure = status.starts_with(['4', '5']);
    let come = match status {
        _ if failure => fixed(
            Compatible,
            Audience::Readers,
            format!("status {status_code} is documented now: it says how a request fails."),
        ),
        "default" => fixed(
            Compatible,
            Audience::Readers,
            "every other status is documented now, which said nothing before.".to_owned(),
        ),
        _ => fixed(
            Breaking,
            Audience::Readers,
            format!(
                "status {status_code} is new: clients that know only the statuses before do not \
                 expect it."
            ),
        ),
    };
    let gone = match status {
        _ if failure => fixed(
            Compatible,
            Audience::Readers,
            format!("status {status_code} is no longer documented: clients that handle it lose \
                nothing."),
        ),
        "default" => fixed(
            Unclear,
            Audience::Readers,
            "other statuses are no longer documented: whether clients still read them this must be \
             judged by hand."
                .to_owned(),
        ),
        _ => fixed(
            Breaking,
            Audience::Readers,
            format!("status {status_code} is gone: clients that wait for it take the answer for a \
                failure."),
        ),
    };
    added_or_removed(location, come, gone)
}

fn component(location: &Location<'_>, documents: &Documents<'_>) -> Rule {
    let (usage, which) = match location.new.is_some() {
        true => (&documents.old_usage, "old"),
        false => (&documents.new_usage, "new"),
    };
    let what = last_breadcrumb(location);
    let now = if location.new.is_some() { "new" } else { "gone" };
    if usage.touches(&location.path) {
        let message = format!(
            "{what} is {now}, but the {which} document refers to it without having it: judge by \
             hand."
        );
        return fixed(Unclear, Audience::All, message);
    }
    let message = match location.new.is_some() {
        true => format!("{what} is new: where it is used is reported there."),
        false => format!(
            "{what} is gone: where it was used is reported there. Generated code loses a type."
        ),
    };
    fixed(Compatible, Audience::GeneratedCode, message)
}
