//! Callbacks and webhooks: requests that the server sends. Each becomes an operation at a path of
//! its own beside those of the document, so that its types are made with theirs.
//!
//! They are enforced on no request: a document is taken without those of its callbacks and webhooks
//! that make no sense, and each of these is listed.

mod expression;

use std::collections::BTreeMap;

use heck::ToSnakeCase;
use serde_json::{Map, Value, json};

use super::Item;
use super::lower::{self, Mode};
use super::names::{RESERVED_METHODS, TakenNames, is_identifier};
use super::openapi::{METHODS, SENT};
use super::read::{escape, unescape};
pub use expression::Template;

/// A request that the server sends.
pub struct Sent {
    /// Name of its method.
    pub id: String,
    /// Its JSON pointer.
    pub at: String,
    /// Its path in a document of all of them.
    place: String,
    pub target: Target,
}

impl Sent {
    /// Its path beside those of the document.
    pub fn path(&self) -> String {
        format!("{SENT}{}", self.place.trim_start_matches('/'))
    }
}

/// The URL of a request that the server sends.
pub enum Target {
    /// Of a webhook: an argument.
    Given,
    /// Of a callback: made of values of the exchange before it.
    Found(Template),
}

/// Most references that are followed in a row.
const MAX_REFERENCES: usize = 8;

/// Methods of `Sender` alone that no operation has the name of.
const RESERVED: [&str; 8] = [
    "target",
    "whole",
    "with_credentials",
    "with_timeout",
    "with_max_response_bytes",
    "clone",
    "fmt",
    "default",
];

/// Most requests that the server sends, counted where a callback of several operations is: each
/// becomes a method. Tests make few.
const MAX_SENDERS: usize = if cfg!(test) { 20 } else { 5_000 };

/// Most documents that are tried, each without the requests that the one before could not hold.
const MAX_TRIED: usize = 4;

/// The lowered document with the callbacks and webhooks of its source. One that makes no sense is
/// listed and left out.
pub fn add(
    source: &Value,
    lowered: &Value,
    crates: &[&str],
    unenforced: &mut Vec<Item>,
) -> Option<(Value, Vec<Sent>)> {
    let mut found =
        Found { source, taken: taken(lowered), sent: Vec::new(), items: Map::new(), unenforced };
    found.webhooks();
    found.callbacks();
    let Found { mut sent, items, unenforced, .. } = found;
    let mut alone = source.as_object()?.clone();
    // What the server asks of its callers is not asked of it.
    ["webhooks", "security"].iter().for_each(|key| drop(alone.remove(*key)));
    alone.insert("paths".to_owned(), Value::Object(items));
    let mut alone = Value::Object(alone);
    for _ in 0..MAX_TRIED {
        if sent.is_empty() {
            return None;
        }
        let read = lower::lower(&alone, Mode::Lenient, crates);
        let Some(place) = read.refused.first().map(|item| place_of(&item.path)) else {
            return Some((whole(lowered, read.document?, &sent)?, sent));
        };
        let reasons = read.refused.iter().map(|item| (place_of(&item.path), &item.reason));
        let reasons: BTreeMap<Option<String>, &String> = reasons.collect();
        if place.is_none() {
            break;
        }
        leave_out(&mut sent, unenforced, |sent| {
            reasons.get(&Some(sent.place.clone())).map(|reason| (*reason).clone())
        });
        if let Some(paths) = alone["paths"].as_object_mut() {
            paths.retain(|place, _| sent.iter().any(|sent| sent.place == *place));
        }
    }
    leave_out(&mut sent, unenforced, |_| Some("they cannot be read together".to_owned()));
    None
}

/// The path of the request in which a place lies.
fn place_of(pointer: &str) -> Option<String> {
    let path = pointer.strip_prefix("/paths/")?;
    Some(unescape(path.split('/').next().unwrap_or_default()))
}

/// Lists and removes those with a reason against them.
pub fn leave_out(
    sent: &mut Vec<Sent>,
    unenforced: &mut Vec<Item>,
    reason: impl Fn(&Sent) -> Option<String>,
) {
    sent.retain(|sent| {
        let reason = reason(sent);
        let item = |reason| format!("no code sends this, since it cannot be read: {reason}");
        let is_kept = reason.is_none();
        unenforced.extend(reason.map(|reason| Item::of_client(&sent.at, item(reason))));
        is_kept
    });
}

/// The document with the paths of both.
fn whole(lowered: &Value, mut alone: Value, sent: &[Sent]) -> Option<Value> {
    let mut whole = lowered.clone();
    let paths = whole.get_mut("paths").and_then(Value::as_object_mut)?;
    for sent in sent {
        let item = alone["paths"].get_mut(&sent.place)?.take();
        paths.insert(sent.path(), item);
    }
    Some(whole)
}

/// The names of the operations of the document.
fn taken(lowered: &Value) -> TakenNames {
    let items = lowered["paths"].as_object().into_iter().flat_map(Map::values);
    let operations = items.flat_map(|item| METHODS.iter().filter_map(|method| item.get(*method)));
    let ids = operations.filter_map(|operation| operation["operationId"].as_str());
    let reserved = RESERVED_METHODS.into_iter().chain(RESERVED).map(str::to_owned);
    let mut taken = TakenNames::default();
    let names = ids.map(ToSnakeCase::to_snake_case).chain(reserved);
    for name in names {
        taken.take(&name);
    }
    taken
}

struct Found<'a> {
    source: &'a Value,
    taken: TakenNames,
    sent: Vec<Sent>,
    /// Path items.
    items: Map<String, Value>,
    unenforced: &'a mut Vec<Item>,
}

impl<'a> Found<'a> {
    /// The object behind a reference to a component. Anything else is listed.
    fn object(&mut self, mut value: &'a Value, at: &str) -> Option<&'a Map<String, Value>> {
        for _ in 0..MAX_REFERENCES {
            let Some(reference) = value["$ref"].as_str() else { break };
            let found = reference.strip_prefix('#').and_then(|at| self.source.pointer(at));
            value = found.unwrap_or(&Value::Null);
        }
        let object = value.as_object().filter(|object| !object.contains_key("$ref"));
        if object.is_none() {
            self.note(at, "no code sends this: an object or a reference to one is needed here");
        }
        object
    }

    fn note(&mut self, at: &str, reason: &str) {
        self.unenforced.push(Item::of_client(at, reason));
    }

    fn webhooks(&mut self) {
        let source = self.source;
        for (name, item) in source["webhooks"].as_object().into_iter().flatten() {
            let at = format!("/webhooks/{}", escape(name));
            if let Some(item) = self.object(item, &at) {
                self.item(item, name, &at, || Target::Given);
            }
        }
    }

    fn callbacks(&mut self) {
        let source = self.source;
        for (path, item) in source["paths"].as_object().into_iter().flatten() {
            for (method, operation) in
                METHODS.iter().filter_map(|method| Some((method, item.get(*method)?)))
            {
                let of = match operation["operationId"].as_str() {
                    Some(id) => id.to_owned(),
                    None => format!("{method} {path}"),
                };
                for (name, callback) in operation["callbacks"].as_object().into_iter().flatten() {
                    let at = format!("/paths/{}/{method}/callbacks/{}", escape(path), escape(name));
                    self.callback(callback, &format!("{of} {name}"), &at);
                }
            }
        }
    }

    fn callback(&mut self, callback: &'a Value, name: &str, at: &str) {
        let items = self.object(callback, at).into_iter().flatten();
        for (text, item) in items.filter(|(text, _)| !text.starts_with("x-")) {
            let at = format!("{at}/{}", escape(text));
            let Some(template) = Template::read(text) else {
                self.note(&at, "this is no URL with runtime expressions: no code sends it");
                continue;
            };
            if let Some(item) = self.object(item, &at) {
                self.item(item, name, &at, || Target::Found(template.clone()));
            }
        }
    }

    fn item(
        &mut self,
        item: &Map<String, Value>,
        name: &str,
        at: &str,
        target: impl Fn() -> Target,
    ) {
        let left_out = ["trace", "query", "additionalOperations"];
        for method in left_out.iter().filter(|method| item.contains_key(**method)) {
            self.note(&format!("{at}/{method}"), "no code sends this method");
        }
        let methods: Vec<&str> =
            METHODS.into_iter().filter(|method| item.contains_key(*method)).collect();
        for method in &methods {
            let at = format!("{at}/{method}");
            let Some(mut operation) = item[*method].as_object().cloned() else {
                self.note(&at, "no code sends this: an operation is an object");
                continue;
            };
            if self.sent.len() >= MAX_SENDERS {
                let reason = format!(
                    "no code sends this: the document has more than {MAX_SENDERS} callbacks and \
                     webhooks, counted in each operation that has one"
                );
                self.note(&at, &reason);
                return;
            }
            let id = match operation.get("operationId").and_then(Value::as_str) {
                Some(id) => words(id),
                None if methods.len() > 1 => words(&format!("{name} {method}")),
                None => words(name),
            };
            let id = self.taken.unique(if is_identifier(&id) { id } else { format!("send_{id}") });
            if operation.remove("callbacks").is_some_and(|all| all != json!({})) {
                self.note(&format!("{at}/callbacks"), "no code sends the callbacks of a callback");
            }
            // Without its own, that of the document would hold.
            operation.entry("security").or_insert_with(|| json!([]));
            operation.insert("operationId".to_owned(), json!(id));
            let mut alone = Map::from_iter([((*method).to_owned(), Value::Object(operation))]);
            alone.extend(item.get("parameters").map(|all| ("parameters".to_owned(), all.clone())));
            let place = format!("/{}", self.sent.len());
            self.items.insert(place.clone(), Value::Object(alone));
            self.sent.push(Sent { id, at, place, target: target() });
        }
    }
}

fn words(text: &str) -> String {
    let words = text.replace(|c: char| !c.is_ascii_alphanumeric(), " ");
    words.to_snake_case().trim_end_matches('_').to_owned()
}
