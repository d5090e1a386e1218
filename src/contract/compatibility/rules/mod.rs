//! What a change at a place means for clients: one rule for each keyword of OpenAPI 3.0. Those of schemas are in
//! `schema`, those of servers and security in `access`.
//!
//! Most of a schema is about which values are allowed, and then the direction decides: fewer values break who sends
//! them, more values break who reads them. The rest says its severity itself. What no rule knows is
//! [`Severity::Unclear`], never harmless: a rule must not guess in favour of the change.

mod access;
mod schema;

use std::borrow::Cow;

use serde_json::Value;

use super::references::look_through;
use super::spot::{At, Documents, Spot};
use super::words::{code, list, value};
use super::{Concern, Severity};
use crate::contract::canonical::{Kind, METHODS, Place};

use Severity::{Breaking, Compatible, Unclear};

/// What changed, and what that does.
pub enum Rule {
    /// To whom depends on whether requests or responses carry it.
    Carried { what: String, sent: Effect, read: Effect },
    /// To the same people wherever it stands.
    Plain { severity: Severity, concerns: Concern, message: String },
}

pub type Effect = (Severity, &'static str);

const REFUSED: Effect = (Breaking, "clients that send anything else are refused");
const STILL_TAKEN: Effect = (Compatible, "what clients send is still taken");
const UNEXPECTED: Effect = (Breaking, "clients may read what they were told not to expect");
const STILL_EXPECTED: Effect = (Compatible, "clients read nothing new");

fn carried(what: String, sent: Effect, read: Effect) -> Rule {
    Rule::Carried { what, sent, read }
}

/// Fewer values are allowed.
fn narrower(what: String) -> Rule {
    carried(what, REFUSED, STILL_EXPECTED)
}

/// More values are allowed.
fn wider(what: String) -> Rule {
    carried(what, STILL_TAKEN, UNEXPECTED)
}

/// Some values are no longer allowed, and others are new.
fn different(what: String) -> Rule {
    carried(
        what,
        (Breaking, "clients that send what was right before are refused"),
        (Breaking, "clients read what they were told not to expect"),
    )
}

fn unclear(what: String) -> Rule {
    let why = "this must be judged by hand";
    carried(what, (Unclear, why), (Unclear, why))
}

fn plain(severity: Severity, concerns: Concern, message: String) -> Rule {
    Rule::Plain { severity, concerns, message }
}

/// Added or removed, said by hand.
fn comes_or_goes(spot: &Spot<'_>, come: Rule, gone: Rule) -> Rule {
    match (&spot.old, &spot.new) {
        (None, Some(_)) => come,
        (Some(_), None) => gone,
        _ => changed(spot),
    }
}

/// Nothing more is known than that it changed.
fn changed(spot: &Spot<'_>) -> Rule {
    let what = match &spot.name {
        Some(name) => format!("{} of {}", code(name), code(&spot.keyword)),
        None => code(&spot.keyword),
    };
    let what = format!("{what} changed from {} to {}", side(spot.old.as_deref()), side(spot.new.as_deref()));
    match spot.uses.is_empty() {
        true => plain(Unclear, Concern::Everyone, format!("{what}: this must be judged by hand.")),
        false => unclear(what),
    }
}

fn side(of: Option<&Value>) -> String {
    of.map_or_else(|| "nothing".to_owned(), value)
}

pub fn rule(spot: &Spot<'_>, documents: &Documents<'_>) -> Rule {
    use Kind::*;
    // A whole object or list that is another kind of value now: no keyword of it can be compared.
    let whole = !matches!(spot.at, At::One(Data | Schema) | At::Many(Place::Set(Data)));
    if whole && spot.old.is_some() && spot.new.is_some() {
        return changed(spot);
    }
    match (spot.holder, spot.keyword.as_str()) {
        (Document, "openapi" | "info") | (Info, _) => plain(
            Compatible,
            Concern::Nobody,
            format!("{} of the document changed: that only names the document.", code(&spot.keyword)),
        ),
        (Paths, path) => path_rule(spot, documents, path),
        (PathItem, method) if METHODS.contains(&method) => comes_or_goes(
            spot,
            plain(Compatible, Concern::Senders, format!("{} is new: no client knows it yet.", spot.subject)),
            plain(Breaking, Concern::Senders, format!("{} is gone: clients that call it are refused.", spot.subject)),
        ),
        (Operation, keyword) => operation(spot, documents, keyword),
        (Parameter, keyword) => parameter(spot, keyword),
        (Body, "required") => required_flag(spot, "a body", "send none"),
        (Body, "content") => comes_or_goes(
            spot,
            plain(Compatible, Concern::Senders, format!("{} is a new content type of requests.", last_word(spot))),
            plain(
                Breaking,
                Concern::Senders,
                format!(
                    "{} is no longer a content type of requests: clients that send it are refused.",
                    last_word(spot)
                ),
            ),
        ),
        (Responses, status) => response(spot, status),
        (Response, "content") => comes_or_goes(
            spot,
            plain(
                Compatible,
                Concern::Readers,
                match spot.old_holder.as_deref().is_some_and(|response| response.get("content").is_some()) {
                    true => format!(
                        "{} is a new content type of the response: clients get it when they ask.",
                        last_word(spot)
                    ),
                    false => format!(
                        "the response has a body now, as {}: clients that expect none pass over it.",
                        last_word(spot)
                    ),
                },
            ),
            plain(
                Breaking,
                Concern::Readers,
                format!("{} is no longer a content type of the response: clients that read it fail.", last_word(spot)),
            ),
        ),
        (Response, "headers") => comes_or_goes(
            spot,
            carried(format!("header {} is new", spot.subject), STILL_TAKEN, STILL_EXPECTED),
            carried(
                format!("header {} is gone", spot.subject),
                (Compatible, "clients need not send it"),
                (Breaking, "clients that read it find nothing"),
            ),
        ),
        (Response, "links") | (Link, _) => match (&spot.old, &spot.new) {
            (None, Some(_)) => {
                plain(Compatible, Concern::Readers, "a link is new: no client follows it yet.".to_owned())
            }
            _ => plain(
                Breaking,
                Concern::Readers,
                "a link is gone or leads elsewhere: clients that follow it fail.".to_owned(),
            ),
        },
        (Header, "required") => promised_header(spot),
        (Header, "deprecated") => deprecated(spot),
        (MediaType | Header, "schema") if spot.old.is_none() || spot.new.is_none() => schema_of_body(spot),
        (MediaType, "encoding") | (Encoding | Header, _) => {
            different(format!("{} of {} is written differently", code(&spot.keyword), spot.subject))
        }
        (Components, "securitySchemes") if spot.name.is_some() => access::scheme(spot, documents),
        (SecurityScheme | Flows | Flow, keyword) => access::scheme_part(spot, keyword),
        (Components, _) if spot.name.is_some() => component(spot, documents),
        (Document | Server | ServerVariable, _) if spot.path.contains("/servers") => access::servers(spot),
        (Schema, keyword) => schema::keyword(spot, keyword),
        (Discriminator, keyword) => schema::discriminator(spot, keyword),
        (Xml, _) => different(format!("{} is written differently in XML", spot.subject)),
        _ => changed(spot),
    }
}

fn last_word(spot: &Spot<'_>) -> String {
    spot.words.last().cloned().unwrap_or_default()
}

fn deprecated(spot: &Spot<'_>) -> Rule {
    let now = if spot.new.is_some() { "is deprecated now" } else { "is no longer deprecated" };
    plain(Compatible, Concern::Everyone, format!("{} {now}: it still works.", spot.subject))
}

fn path_rule(spot: &Spot<'_>, documents: &Documents<'_>, path: &str) -> Rule {
    let methods = |item: &Value| -> Vec<String> {
        let methods = item.as_object().into_iter().flat_map(|item| item.keys());
        methods.filter(|key| METHODS.contains(&key.as_str())).map(|method| code(&method.to_uppercase())).collect()
    };
    match (spot.old.as_deref(), spot.new.as_deref()) {
        (None, Some(item)) => {
            let message = match twin(documents.old, documents.new, path, item) {
                Some(old) => format!("{} is what was {}.", code(path), code(old)),
                None => format!("{} is new, with {}: no client knows it yet.", code(path), list(&methods(item), 9)),
            };
            plain(Compatible, Concern::Senders, message)
        }
        (Some(item), None) => {
            let now = twin(documents.new, documents.old, path, item);
            let slash = now.is_some_and(|now| now.trim_end_matches('/') == path.trim_end_matches('/'));
            let what = match now {
                Some(now) if slash => format!("{} is now {}, only the last slash differs", code(path), code(now)),
                Some(now) => format!("{} is now {}", code(path), code(now)),
                None => format!("{} is gone, with {}", code(path), list(&methods(item), 9)),
            };
            plain(Breaking, Concern::Senders, format!("{what}: clients that call it are refused or sent elsewhere."))
        }
        _ => changed(spot),
    }
}

/// The path that only `there` has and that holds the same, or differs by its last slash alone.
fn twin<'a>(there: &'a Value, here: &Value, path: &str, item: &Value) -> Option<&'a str> {
    let only_there = || {
        let paths = there["paths"].as_object().into_iter().flatten();
        paths.filter(|(other, _)| here["paths"].get(other).is_none())
    };
    let by_slash = only_there().find(|(other, _)| other.trim_end_matches('/') == path.trim_end_matches('/'));
    by_slash.or_else(|| only_there().find(|(_, other)| *other == item)).map(|(path, _)| path.as_str())
}

fn operation(spot: &Spot<'_>, documents: &Documents<'_>, keyword: &str) -> Rule {
    match keyword {
        "operationId" => plain(
            Breaking,
            Concern::GeneratedCode,
            format!(
                "the operation id is now {}, not {}: nothing changes on the wire, but generated clients name a \
                 function by it, and code that calls the old name does not compile.",
                side(spot.new.as_deref()),
                side(spot.old.as_deref())
            ),
        ),
        "tags" => {
            let tag = code(spot.name.as_deref().unwrap_or_default());
            let now = if spot.new.is_some() { "new" } else { "gone" };
            plain(
                Compatible,
                Concern::GeneratedCode,
                format!("tag {tag} is {now}: some generators sort operations into modules by tag, the wire has none."),
            )
        }
        "deprecated" => deprecated(spot),
        "parameters" if spot.name.is_some() => new_or_gone_parameter(spot, documents),
        "requestBody" => {
            let required = spot.new.as_deref().and_then(|body| through(documents.new, body).get("required").cloned());
            let come = match required == Some(Value::Bool(true)) {
                true => plain(
                    Breaking,
                    Concern::Senders,
                    "a request body is required now: clients that send none are refused.".to_owned(),
                ),
                false => plain(Compatible, Concern::Senders, "a request body may be sent now.".to_owned()),
            };
            let gone = plain(
                Breaking,
                Concern::Senders,
                "the request body is gone: clients that send one are refused or no longer heard.".to_owned(),
            );
            comes_or_goes(spot, come, gone)
        }
        "security" if spot.name.is_some() => access::security(spot, documents),
        "callbacks" => comes_or_goes(
            spot,
            plain(Compatible, Concern::Readers, "a callback is new: no client answers it yet.".to_owned()),
            plain(Breaking, Concern::Readers, "a callback is gone: clients that wait for it wait in vain.".to_owned()),
        ),
        "servers" => access::servers(spot),
        _ => changed(spot),
    }
}

fn through(document: &Value, value: &Value) -> Value {
    look_through(document, value).map_or(Value::Null, Cow::into_owned)
}

fn new_or_gone_parameter(spot: &Spot<'_>, documents: &Documents<'_>) -> Rule {
    let required = spot.new.as_deref().is_some_and(|new| through(documents.new, new)["required"] == true);
    let what = last_word(spot);
    let come = match required {
        true => plain(
            Breaking,
            Concern::Senders,
            format!("{what} is new and required: clients that do not send it are refused."),
        ),
        false => plain(Compatible, Concern::Senders, format!("{what} is new and may be left out.")),
    };
    let gone = plain(
        Breaking,
        Concern::Senders,
        format!("{what} is gone: clients that send it are refused or no longer heard."),
    );
    comes_or_goes(spot, come, gone)
}

fn parameter(spot: &Spot<'_>, keyword: &str) -> Rule {
    match keyword {
        "required" => required_flag(spot, &spot.subject, "do not send it"),
        "deprecated" => deprecated(spot),
        "allowEmptyValue" => comes_or_goes(
            spot,
            wider(format!("{} may be empty now", spot.subject)),
            narrower(format!("{} must not be empty now", spot.subject)),
        ),
        "schema" if spot.old.is_none() || spot.new.is_none() => schema_of_body(spot),
        "name" if spot.new_holder.as_deref().is_some_and(|holder| holder["in"] == "path") => plain(
            Compatible,
            Concern::GeneratedCode,
            "a path variable has another name: the wire has none, but generated code names an argument by it."
                .to_owned(),
        ),
        "name" | "in" | "style" | "explode" | "allowReserved" | "content" => different(format!(
            "{} is written differently: {} is now {} (before: {})",
            spot.subject,
            code(keyword),
            side(spot.new.as_deref()),
            side(spot.old.as_deref())
        )),
        _ => changed(spot),
    }
}

fn required_flag(spot: &Spot<'_>, subject: &str, omission: &str) -> Rule {
    match spot.new.as_deref() {
        Some(Value::Bool(true)) => plain(
            Breaking,
            Concern::Senders,
            format!("{subject} is now required in requests: clients that {omission} are refused."),
        ),
        None => plain(Compatible, Concern::Senders, format!("{subject} is no longer required in requests.")),
        _ => changed(spot),
    }
}

fn promised_header(spot: &Spot<'_>) -> Rule {
    match spot.new.is_some() {
        true => plain(Compatible, Concern::Readers, format!("header {} is always sent now.", spot.subject)),
        false => plain(
            Breaking,
            Concern::Readers,
            format!("header {} may now be missing: clients that rely on it fail.", spot.subject),
        ),
    }
}

fn schema_of_body(spot: &Spot<'_>) -> Rule {
    match spot.new.is_some() {
        true => narrower(format!("{} has a schema now, where anything was allowed", spot.subject)),
        false => carried(
            format!("{} has no schema any more", spot.subject),
            STILL_TAKEN,
            (Breaking, "clients that read it are promised nothing"),
        ),
    }
}

fn response(spot: &Spot<'_>, status: &str) -> Rule {
    let status_code = code(status);
    let failure = status.starts_with(['4', '5']);
    let come = match status {
        _ if failure => plain(
            Compatible,
            Concern::Readers,
            format!("status {status_code} is documented now: it says how a request fails."),
        ),
        "default" => plain(
            Compatible,
            Concern::Readers,
            "every other status is documented now, which said nothing before.".to_owned(),
        ),
        _ => plain(
            Breaking,
            Concern::Readers,
            format!("status {status_code} is new: clients that know only the statuses before do not expect it."),
        ),
    };
    let gone = match status {
        _ if failure => plain(
            Compatible,
            Concern::Readers,
            format!("status {status_code} is no longer documented: clients that handle it lose nothing."),
        ),
        "default" => plain(
            Unclear,
            Concern::Readers,
            "other statuses are no longer documented: whether clients still read them this must be judged by hand."
                .to_owned(),
        ),
        _ => plain(
            Breaking,
            Concern::Readers,
            format!("status {status_code} is gone: clients that wait for it take the answer for a failure."),
        ),
    };
    comes_or_goes(spot, come, gone)
}

fn component(spot: &Spot<'_>, documents: &Documents<'_>) -> Rule {
    let (reach, which) = match spot.new.is_some() {
        true => (&documents.old_reach, "old"),
        false => (&documents.new_reach, "new"),
    };
    let what = last_word(spot);
    let now = if spot.new.is_some() { "new" } else { "gone" };
    if reach.touches(&spot.path) {
        let message =
            format!("{what} is {now}, but the {which} document refers to it without having it: judge by hand.");
        return plain(Unclear, Concern::Everyone, message);
    }
    let message = match spot.new.is_some() {
        true => format!("{what} is new: where it is used is reported there."),
        false => format!("{what} is gone: where it was used is reported there. Generated code loses a type."),
    };
    plain(Compatible, Concern::GeneratedCode, message)
}
