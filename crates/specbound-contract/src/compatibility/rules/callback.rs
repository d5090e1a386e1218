//! Rules for callbacks and webhooks. The server sends the request and the client responds, so the
//! directions are those of ordinary operations reversed.

use serde_json::Value;

use super::{Rule, added_or_removed, dereferenced, fixed, last_breadcrumb};
use crate::canonical::{ObjectKind, is_method};
use crate::compatibility::location::{Documents, Location};
use crate::compatibility::{Audience, Severity};
use crate::quoting::code;

use Severity::{Breaking, Compatible, Unclear};

/// The rule for a change in a callback or webhook, where it differs from that of an ordinary
/// operation.
pub fn rule(location: &Location<'_>, documents: &Documents<'_>) -> Option<Rule> {
    use ObjectKind::*;
    let what = last_breadcrumb(location);
    let rule = match (location.holder, location.keyword.as_str()) {
        (Callback, _) => added_or_removed(
            location,
            reads(
                Compatible,
                format!("{} is called now: no client responds to it yet.", named(location)),
            ),
            reads(
                Breaking,
                format!(
                    "{} is not called any more: clients that wait for it never receive it.",
                    named(location)
                ),
            ),
        ),
        (PathItem, method) if is_method(method) && !location.path.starts_with("/webhooks/") => {
            added_or_removed(
                location,
                reads(
                    Compatible,
                    format!("{} is new: no client responds to it yet.", location.subject),
                ),
                reads(
                    Breaking,
                    format!(
                        "{} is gone: clients that wait for it never receive it.",
                        location.subject
                    ),
                ),
            )
        }
        (Operation, "parameters") if location.name.is_some() => added_or_removed(
            location,
            reads(Compatible, format!("the server sends {what} now: clients may ignore it.")),
            reads(
                Breaking,
                format!("the server no longer sends {what}: clients that read it find it missing."),
            ),
        ),
        (Operation, "requestBody") => added_or_removed(
            location,
            reads(
                Compatible,
                "the server sends a body now: clients that expect none ignore it.".to_owned(),
            ),
            reads(
                Breaking,
                "the server sends no body any more: clients that read it find it missing."
                    .to_owned(),
            ),
        ),
        (Parameter, "required") => promised(location, &location.subject)?,
        (Body, "required") => promised(location, "a body")?,
        (Body, "content") => added_or_removed(
            location,
            reads(
                Breaking,
                format!("the server may send {what} now: clients that cannot read it fail."),
            ),
            reads(Compatible, format!("the server no longer sends {what}.")),
        ),
        (Responses, status) => response(location, status),
        (Response, "content") => added_or_removed(
            location,
            sends(Compatible, format!("clients may respond with {what} now.")),
            sends(
                Breaking,
                format!("clients may no longer respond with {what}: those that do are refused."),
            ),
        ),
        (Response, "headers") => {
            let required = location
                .new
                .is_some_and(|header| dereferenced(documents.new, header)["required"] == true);
            let come = match required {
                true => sends(
                    Breaking,
                    format!("{what} is required in the responses of clients: others are refused."),
                ),
                false => sends(Compatible, format!("clients may respond with {what} now.")),
            };
            let gone = sends(Compatible, format!("clients need no longer respond with {what}."));
            added_or_removed(location, come, gone)
        }
        (Header, "required") => match location.new {
            Some(Value::Bool(true)) => sends(
                Breaking,
                format!(
                    "header {} is now required in the responses of clients: others are refused.",
                    location.subject
                ),
            ),
            None => sends(
                Compatible,
                format!("clients may respond without header {} now.", location.subject),
            ),
            _ => return None,
        },
        _ => return None,
    };
    Some(rule)
}

/// The rule of an ordinary operation, in a callback or webhook: whether it holds there is not
/// known, unless it is about the operation itself.
pub fn unclear_in_callback(location: &Location<'_>, rule: Rule) -> Rule {
    let own = matches!(location.holder, ObjectKind::Operation | ObjectKind::Document)
        || (location.holder == ObjectKind::PathItem && location.path.starts_with("/webhooks/"))
        || location.holder == ObjectKind::Link
        || ["deprecated", "links"].contains(&location.keyword.as_str());
    match rule {
        Rule::Fixed { severity, audience, message }
            if !own && !matches!(audience, Audience::None | Audience::GeneratedCode) =>
        {
            fixed(
                severity.max(Unclear),
                audience,
                format!(
                    "{message} This is in a callback or webhook, where the server sends: judge by \
                     hand."
                ),
            )
        }
        rule => rule,
    }
}

fn reads(severity: Severity, message: String) -> Rule {
    fixed(severity, Audience::Readers, message)
}

fn sends(severity: Severity, message: String) -> Rule {
    fixed(severity, Audience::Senders, message)
}

fn named(location: &Location<'_>) -> String {
    code(&location.keyword)
}

/// Whether the server always sends a member.
fn promised(location: &Location<'_>, subject: &str) -> Option<Rule> {
    Some(match location.new {
        Some(Value::Bool(true)) => {
            reads(Compatible, format!("the server always sends {subject} now."))
        }
        None => reads(
            Breaking,
            format!("the server may leave out {subject} now: clients that rely on it fail."),
        ),
        _ => return None,
    })
}

/// A status with which clients respond.
fn response(location: &Location<'_>, status: &str) -> Rule {
    let failure = status.starts_with(['4', '5']);
    let gone = match failure {
        true => sends(
            Compatible,
            format!("status {} is no longer documented; it described a failure.", code(status)),
        ),
        false => sends(
            Breaking,
            format!(
                "status {} is no longer a response: clients that give it are taken for failed.",
                code(status)
            ),
        ),
    };
    let come = sends(Compatible, format!("clients may respond with status {} now.", code(status)));
    added_or_removed(location, come, gone)
}
