//! The effect of a change on clients: one rule per keyword of OpenAPI. `schema` holds the rules
//! for schemas, `access` those for servers and security, `callback` those for requests that the
//! server sends, `encoding` those for the parts of forms.
//!
//! Most schema keywords restrict the allowed values, and the direction decides: allowing fewer
//! values breaks clients that send them, allowing more breaks clients that read them. Other rules
//! state their severity. A change that no rule covers is [`Severity::Unclear`]: a rule must not
//! guess in favour of a change.

mod access;
mod callback;
mod encoding;
mod operation;
mod response;
mod schema;

use std::borrow::Cow;

use serde_json::Value;

use super::location::{Documents, Location, NodeKind};
use super::usage::resolve_aliases;
use super::{Audience, Severity};
use crate::canonical::{FieldShape, ObjectKind, is_method};
use crate::quoting::{code, value};

use Severity::{Breaking, Compatible, Unclear};
use operation::{operation, parameter, path_rule, required_flag, webhook};
use response::{promised_header, response};
pub use schema::limits_both;

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
const UNEXPECTED: Effect = (Breaking, "clients may receive values that the old document ruled out");
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
        (Breaking, "clients receive values that the old document ruled out"),
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

/// The effect of the change at a place.
pub fn rule(location: &Location<'_>, documents: &Documents<'_>) -> Rule {
    // The object or list became another type of value: its keywords cannot be compared.
    let whole = !matches!(
        location.at,
        NodeKind::Object(ObjectKind::Data | ObjectKind::Schema)
            | NodeKind::Entries(FieldShape::Set(ObjectKind::Data))
    );
    if whole && location.old.is_some() && location.new.is_some() {
        return changed(location);
    }
    match location.flipped {
        true => callback::rule(location, documents).unwrap_or_else(|| {
            callback::unclear_in_callback(location, of_keyword(location, documents))
        }),
        false => of_keyword(location, documents),
    }
}

fn of_keyword(location: &Location<'_>, documents: &Documents<'_>) -> Rule {
    use ObjectKind::*;
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
        (Parameter, keyword) => parameter(location, documents, keyword),
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
                (Breaking, "clients that read it find it missing"),
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
                "a link is gone or has another target: clients that follow it fail.".to_owned(),
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
        (MediaType, "encoding" | "prefixEncoding" | "itemEncoding") | (Encoding, _) => {
            encoding::rule(location, documents)
        }
        (Header, keyword) => {
            different(format!("{} of {} is written differently", code(keyword), location.subject))
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
        (Discriminator, keyword) => schema::discriminator(location, documents, keyword),
        (Xml, _) => different(format!("{} is written differently in XML", location.subject)),
        _ => changed(location),
    }
}

fn last_breadcrumb(location: &Location<'_>) -> String {
    location.breadcrumbs.last().cloned().unwrap_or_default()
}

fn deprecated(location: &Location<'_>) -> Rule {
    let now = if location.new.is_some() { "is deprecated now" } else { "is no longer deprecated" };
    fixed(Compatible, Audience::All, format!("{} {now}: it still works.", location.subject))
}

fn dereferenced(document: &Value, value: &Value) -> Value {
    resolve_aliases(document, value).map_or(Value::Null, Cow::into_owned)
}

fn schema_of_body(location: &Location<'_>) -> Rule {
    match location.new.is_some() {
        true => {
            narrower(format!("{} has a schema now, where anything was allowed", location.subject))
        }
        false => by_direction(
            format!("{} has no schema any more", location.subject),
            STILL_TAKEN,
            (Breaking, "clients that read it lose the guarantee"),
        ),
    }
}

fn component(location: &Location<'_>, documents: &Documents<'_>) -> Rule {
    let (usage, which) = match location.new.is_some() {
        true => (&documents.old_usage, "old"),
        false => (&documents.new_usage, "new"),
    };
    let what = last_breadcrumb(location);
    let now = if location.new.is_some() { "new" } else { "gone" };
    if usage.is_used(&location.path) {
        let message = format!(
            "{what} is {now}, but the {which} document refers to it without having it: judge by \
             hand."
        );
        return fixed(Unclear, Audience::All, message);
    }
    let message = match location.new.is_some() {
        true => format!("{what} is new; its uses are reported separately."),
        false => format!(
            "{what} is gone; its uses are reported separately. Generated code loses a type."
        ),
    };
    fixed(Compatible, Audience::GeneratedCode, message)
}
