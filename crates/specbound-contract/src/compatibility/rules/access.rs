//! Rules for servers, security requirements and security schemes.

use serde_json::Value;

use super::{Rule, changed, fixed, side};
use crate::canonical::ObjectKind;
use crate::compatibility::location::{Documents, Location};
use crate::compatibility::{Audience, Severity};
use crate::quoting::{code, list, value};

use Severity::{Breaking, Compatible, Unclear};

pub fn security(location: &Location<'_>, documents: &Documents<'_>) -> Rule {
    let alternatives = |holder: &Option<&Value>| -> Vec<Value> {
        let list =
            holder.as_deref().and_then(|operation| operation.get("security")?.as_array().cloned());
        list.unwrap_or_default()
    };
    let (old, new) = (alternatives(&location.old_holder), alternatives(&location.new_holder));
    let anonymous =
        |alternative: &Value| alternative.as_object().is_some_and(serde_json::Map::is_empty);
    match (location.old, location.new) {
        (None, Some(added)) => match old.is_empty() && !new.iter().any(anonymous) {
            true => fixed(
                Breaking,
                Audience::Senders,
                format!(
                    "it was open to all and now asks for {}: clients without credentials are \
                     refused.",
                    named(added)
                ),
            ),
            false => fixed(
                Compatible,
                Audience::Senders,
                format!("{} is accepted now, beside what was.", named(added)),
            ),
        },
        (Some(_), None) if new.is_empty() => fixed(
            Compatible,
            Audience::Senders,
            "no credentials are asked for any more.".to_owned(),
        ),
        (Some(removed), None) if anonymous(removed) => fixed(
            Breaking,
            Audience::Senders,
            "credentials are required now: clients that send none are refused.".to_owned(),
        ),
        (Some(removed), None) => {
            let before = keys(documents.old, removed);
            let covers = |candidate: &Value| {
                let now = keys(documents.new, candidate);
                !now.is_empty()
                    && now.iter().all(|(scheme, scopes)| {
                        before.iter().any(|(known, had)| {
                            known == scheme && scopes.iter().all(|scope| had.contains(scope))
                        })
                    })
            };
            match new.iter().find(|candidate| covers(candidate)) {
                Some(now) => fixed(
                    Compatible,
                    Audience::Senders,
                    format!(
                        "{} is no longer named, but who has it also meets {}.",
                        named(removed),
                        named(now)
                    ),
                ),
                None => fixed(
                    Breaking,
                    Audience::Senders,
                    format!(
                        "{} is no longer accepted: clients that authenticate by it are refused.",
                        named(removed)
                    ),
                ),
            }
        }
        _ => changed(location),
    }
}

/// The schemes of an alternative, each as its definition and the required scopes.
fn keys(document: &Value, alternative: &Value) -> Vec<(Value, Vec<Value>)> {
    let one = |(name, scopes): (&String, &Value)| {
        let scheme = document["components"]["securitySchemes"].get(name).cloned();
        (
            scheme.unwrap_or_else(|| name.as_str().into()),
            scopes.as_array().cloned().unwrap_or_default(),
        )
    };
    alternative.as_object().into_iter().flatten().map(one).collect()
}

fn named(alternative: &Value) -> String {
    let one = |(name, scopes): (&String, &Value)| match scopes.as_array().map(Vec::as_slice) {
        None | Some([]) => code(name),
        Some(scopes) => {
            format!("{} ({})", code(name), list(&scopes.iter().map(value).collect::<Vec<_>>(), 9))
        }
    };
    let schemes: Vec<String> = alternative.as_object().into_iter().flatten().map(one).collect();
    if schemes.is_empty() { "no credentials".to_owned() } else { schemes.join(" with ") }
}

pub fn scheme(location: &Location<'_>, documents: &Documents<'_>) -> Rule {
    match (location.new.is_some(), documents.new_usage.is_used(&location.path)) {
        (true, _) => fixed(
            Compatible,
            Audience::None,
            format!("security scheme {} is new.", location.subject),
        ),
        (false, false) => fixed(
            Compatible,
            Audience::None,
            format!("security scheme {} is gone, and no operation names it.", location.subject),
        ),
        (false, true) => fixed(
            Breaking,
            Audience::Senders,
            format!(
                "security scheme {} is gone, yet operations still require it.",
                location.subject
            ),
        ),
    }
}

pub fn scheme_part(location: &Location<'_>, keyword: &str) -> Rule {
    let what = format!("{} of security scheme {}", code(keyword), location.subject);
    if location.uses.is_empty() {
        return fixed(
            Compatible,
            Audience::None,
            format!("{what} changed: no operation of both documents asks for it."),
        );
    }
    let hint = matches!(keyword, "bearerFormat" | "refreshUrl");
    let added = location.old.is_none();
    match (keyword, added) {
        _ if hint => fixed(Compatible, Audience::Senders, format!("{what} changed: it is a hint.")),
        ("scopes", true) => fixed(Compatible, Audience::Senders, "a scope is new.".to_owned()),
        ("scopes", false) => {
            let scope = code(location.name.as_deref().unwrap_or_default());
            fixed(
                Breaking,
                Audience::Senders,
                format!("scope {scope} is gone: clients that ask for it are refused."),
            )
        }
        (_, true) if location.holder == ObjectKind::Flows => {
            fixed(Compatible, Audience::Senders, format!("flow {} is new.", code(keyword)))
        }
        _ => fixed(
            Breaking,
            Audience::Senders,
            format!(
                "{what} is now {} (before: {}): clients that authenticate the old way are refused.",
                side(location.new),
                side(location.old)
            ),
        ),
    }
}

pub fn servers(location: &Location<'_>) -> Rule {
    let urls = |side: &Option<&Value>| -> Vec<Value> {
        let list = side.as_deref().and_then(|holder| holder.get("servers")?.as_array().cloned());
        list.unwrap_or_default().iter().map(|server| server["url"].clone()).collect()
    };
    // The list is added or removed, or a server in it is.
    if location.keyword == "servers" {
        let (old, new) = (urls(&location.old_holder), urls(&location.new_holder));
        return match (location.old, location.new, &location.name) {
            (None, Some(server), Some(_)) => fixed(
                Compatible,
                Audience::Senders,
                format!("server {} is new.", value(&server["url"])),
            ),
            (Some(server), None, Some(_)) if new.contains(&server["url"]) => fixed(
                Compatible,
                Audience::Senders,
                format!("server {} has another place in the list.", value(&server["url"])),
            ),
            (Some(server), None, Some(_)) => fixed(
                Breaking,
                Audience::Senders,
                format!("server {} is gone: clients that call it fail.", value(&server["url"])),
            ),
            _ => {
                let all = |urls: &[Value]| match urls {
                    [] => "none".to_owned(),
                    urls => list(&urls.iter().map(value).collect::<Vec<_>>(), 9),
                };
                let message = format!(
                    "the servers are now {} (before: {}): this must be judged by hand.",
                    all(&new),
                    all(&old)
                );
                fixed(Unclear, Audience::Senders, message)
            }
        };
    }
    match (location.holder, location.keyword.as_str()) {
        (ObjectKind::Server, "url") => fixed(
            Breaking,
            Audience::Senders,
            format!(
                "the server is now {} (before: {}): clients that call the old one fail.",
                side(location.new),
                side(location.old)
            ),
        ),
        (ObjectKind::ServerVariable, "enum")
            if location.old.is_none() && location.name.is_some() =>
        {
            fixed(
                Compatible,
                Audience::Senders,
                "a server variable takes one more value.".to_owned(),
            )
        }
        _ => fixed(
            Breaking,
            Audience::Senders,
            format!(
                "{} of a server's address changed: clients that call the old one fail.",
                code(&location.keyword)
            ),
        ),
    }
}
