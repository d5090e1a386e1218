//! How clients find the server and are let in: servers, security, security schemes.

use std::borrow::Cow;

use serde_json::Value;

use super::super::spot::{Documents, Spot};
use super::super::words::{code, list, value};
use super::super::{Concern, Severity};
use super::{Rule, changed, plain, side};
use crate::contract::canonical::Kind;

use Severity::{Breaking, Compatible, Unclear};

pub fn security(spot: &Spot<'_>, documents: &Documents<'_>) -> Rule {
    let alternatives = |holder: &Option<Cow<'_, Value>>| -> Vec<Value> {
        let list = holder.as_deref().and_then(|operation| operation.get("security")?.as_array().cloned());
        list.unwrap_or_default()
    };
    let (old, new) = (alternatives(&spot.old_holder), alternatives(&spot.new_holder));
    let anonymous = |alternative: &Value| alternative.as_object().is_some_and(serde_json::Map::is_empty);
    match (spot.old.as_deref(), spot.new.as_deref()) {
        (None, Some(added)) => match old.is_empty() && !new.iter().any(anonymous) {
            true => plain(
                Breaking,
                Concern::Senders,
                format!(
                    "it was open to all and now asks for {}: clients without credentials are refused.",
                    named(added)
                ),
            ),
            false => plain(Compatible, Concern::Senders, format!("{} is accepted now, beside what was.", named(added))),
        },
        (Some(_), None) if new.is_empty() => {
            plain(Compatible, Concern::Senders, "no credentials are asked for any more.".to_owned())
        }
        (Some(removed), None) if anonymous(removed) => plain(
            Breaking,
            Concern::Senders,
            "credentials are required now: clients that send none are refused.".to_owned(),
        ),
        (Some(removed), None) => {
            let before = keys(documents.old, removed);
            let covers = |candidate: &Value| {
                let now = keys(documents.new, candidate);
                !now.is_empty()
                    && now.iter().all(|(scheme, scopes)| {
                        before
                            .iter()
                            .any(|(known, had)| known == scheme && scopes.iter().all(|scope| had.contains(scope)))
                    })
            };
            match new.iter().find(|candidate| covers(candidate)) {
                Some(now) => plain(
                    Compatible,
                    Concern::Senders,
                    format!("{} is no longer named, but who has it also meets {}.", named(removed), named(now)),
                ),
                None => plain(
                    Breaking,
                    Concern::Senders,
                    format!("{} is no longer accepted: clients that authenticate by it are refused.", named(removed)),
                ),
            }
        }
        _ => changed(spot),
    }
}

/// The schemes of an alternative, each by its definition, with the scopes asked for.
fn keys(document: &Value, alternative: &Value) -> Vec<(Value, Vec<Value>)> {
    let one = |(name, scopes): (&String, &Value)| {
        let scheme = document["components"]["securitySchemes"].get(name).cloned();
        (scheme.unwrap_or_else(|| name.as_str().into()), scopes.as_array().cloned().unwrap_or_default())
    };
    alternative.as_object().into_iter().flatten().map(one).collect()
}

fn named(alternative: &Value) -> String {
    let one = |(name, scopes): (&String, &Value)| match scopes.as_array().map(Vec::as_slice) {
        None | Some([]) => code(name),
        Some(scopes) => format!("{} ({})", code(name), list(&scopes.iter().map(value).collect::<Vec<_>>(), 9)),
    };
    let schemes: Vec<String> = alternative.as_object().into_iter().flatten().map(one).collect();
    if schemes.is_empty() { "no credentials".to_owned() } else { schemes.join(" with ") }
}

pub fn scheme(spot: &Spot<'_>, documents: &Documents<'_>) -> Rule {
    match (spot.new.is_some(), documents.new_reach.touches(&spot.path)) {
        (true, _) => plain(Compatible, Concern::Nobody, format!("security scheme {} is new.", spot.subject)),
        (false, false) => plain(
            Compatible,
            Concern::Nobody,
            format!("security scheme {} is gone, and no operation names it.", spot.subject),
        ),
        (false, true) => plain(
            Breaking,
            Concern::Senders,
            format!("security scheme {} is gone, yet operations still ask for it.", spot.subject),
        ),
    }
}

pub fn scheme_part(spot: &Spot<'_>, keyword: &str) -> Rule {
    let what = format!("{} of security scheme {}", code(keyword), spot.subject);
    if spot.uses.is_empty() {
        return plain(
            Compatible,
            Concern::Nobody,
            format!("{what} changed: no operation of both documents asks for it."),
        );
    }
    let hint = matches!(keyword, "bearerFormat" | "refreshUrl");
    let added = spot.old.is_none();
    match (keyword, added) {
        _ if hint => plain(Compatible, Concern::Senders, format!("{what} changed: it is a hint.")),
        ("scopes", true) => plain(Compatible, Concern::Senders, "a scope is new.".to_owned()),
        ("scopes", false) => {
            let scope = code(spot.name.as_deref().unwrap_or_default());
            plain(Breaking, Concern::Senders, format!("scope {scope} is gone: clients that ask for it are refused."))
        }
        (_, true) if spot.holder == Kind::Flows => {
            plain(Compatible, Concern::Senders, format!("flow {} is new.", code(keyword)))
        }
        _ => plain(
            Breaking,
            Concern::Senders,
            format!(
                "{what} is now {} (before: {}): clients that authenticate the old way are refused.",
                side(spot.new.as_deref()),
                side(spot.old.as_deref())
            ),
        ),
    }
}

pub fn servers(spot: &Spot<'_>) -> Rule {
    let urls = |side: &Option<Cow<'_, Value>>| -> Vec<Value> {
        let list = side.as_deref().and_then(|holder| holder.get("servers")?.as_array().cloned());
        list.unwrap_or_default().iter().map(|server| server["url"].clone()).collect()
    };
    // The list itself comes or goes, or a server in it does.
    if spot.keyword == "servers" {
        let (old, new) = (urls(&spot.old_holder), urls(&spot.new_holder));
        return match (spot.old.as_deref(), spot.new.as_deref(), &spot.name) {
            (None, Some(server), Some(_)) => {
                plain(Compatible, Concern::Senders, format!("server {} is new.", value(&server["url"])))
            }
            (Some(server), None, Some(_)) if new.contains(&server["url"]) => plain(
                Compatible,
                Concern::Senders,
                format!("server {} has another place in the list.", value(&server["url"])),
            ),
            (Some(server), None, Some(_)) => plain(
                Breaking,
                Concern::Senders,
                format!("server {} is gone: clients that call it fail.", value(&server["url"])),
            ),
            _ => {
                let all = |urls: &[Value]| match urls {
                    [] => "none".to_owned(),
                    urls => list(&urls.iter().map(value).collect::<Vec<_>>(), 9),
                };
                let message =
                    format!("the servers are now {} (before: {}): this must be judged by hand.", all(&new), all(&old));
                plain(Unclear, Concern::Senders, message)
            }
        };
    }
    match (spot.holder, spot.keyword.as_str()) {
        (Kind::Server, "url") => plain(
            Breaking,
            Concern::Senders,
            format!(
                "the server is now {} (before: {}): clients that call the old one fail.",
                side(spot.new.as_deref()),
                side(spot.old.as_deref())
            ),
        ),
        (Kind::ServerVariable, "enum") if spot.old.is_none() && spot.name.is_some() => {
            plain(Compatible, Concern::Senders, "a server variable takes one more value.".to_owned())
        }
        _ => plain(
            Breaking,
            Concern::Senders,
            format!("{} of a server's address changed: clients that call the old one fail.", code(&spot.keyword)),
        ),
    }
}
