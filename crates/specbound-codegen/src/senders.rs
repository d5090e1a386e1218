//! Callbacks and webhooks: requests that the server sends. Each becomes an operation at a path of
//! its own beside those of the document, so that its types are made with theirs.
//!
//! They are never enforced on anyone: a document whose callbacks make no sense is taken without
//! them.

mod expression;

use std::collections::BTreeSet;

use heck::ToSnakeCase;
use serde_json::{Map, Value, json};

use super::Item;
use super::lower::{self, Mode};
use super::names::{is_identifier, unique};
use super::openapi::{METHODS, SENT};
use super::read::escape;
pub use expression::Template;

/// A request that the server sends.
pub struct Sent {
    /// Name of its method.
    pub id: String,
    /// Its JSON pointer.
    pub at: String,
    pub target: Target,
}

/// The URL of a request that the server sends.
pub enum Target {
    /// Of a webhook: the caller says it.
    Given,
    /// Of a callback: the exchange before it does.
    Found(Template),
}

/// Methods of `Sender` that no operation has the name of, and methods of a client.
const RESERVED: [&str; 14] = [
    "new",
    "target",
    "with_credentials",
    "clone",
    "fmt",
    "new_with_client",
    "baseurl",
    "api_version",
    "client",
    "inner",
    "pre",
    "post",
    "exec",
    "default",
];

/// The lowered document with the callbacks and webhooks of its source.
pub fn add(
    source: &Value,
    lowered: &Value,
    unenforced: &mut Vec<Item>,
) -> Option<(Value, Vec<Sent>)> {
    let mut found = Found { source, taken: taken(lowered), sent: Vec::new(), items: Map::new() };
    found.webhooks();
    found.callbacks(unenforced);
    if found.sent.is_empty() {
        return None;
    }
    let mut alone = source.as_object()?.clone();
    // What the server asks of its callers is not asked of it.
    ["webhooks", "security", "paths"].iter().for_each(|key| drop(alone.remove(*key)));
    alone.insert("paths".to_owned(), Value::Object(found.items));
    let mut alone = lower::lower(&Value::Object(alone), Mode::Lenient);
    if !alone.refused.is_empty() {
        return None;
    }
    let mut whole = lowered.clone();
    let paths = whole.get_mut("paths").and_then(Value::as_object_mut)?;
    for n in 0..found.sent.len() {
        let item = alone.document["paths"].get_mut(place(n))?.take();
        paths.insert(format!("{SENT}{n}"), item);
    }
    Some((whole, found.sent))
}

fn place(n: usize) -> String {
    format!("/{n}")
}

/// The names of the operations of the document.
fn taken(lowered: &Value) -> BTreeSet<String> {
    let items = lowered["paths"].as_object().into_iter().flat_map(Map::values);
    let operations = items.flat_map(|item| METHODS.iter().filter_map(|method| item.get(*method)));
    let ids = operations.filter_map(|operation| operation["operationId"].as_str());
    ids.map(ToSnakeCase::to_snake_case).chain(RESERVED.map(str::to_owned)).collect()
}

struct Found<'a> {
    source: &'a Value,
    taken: BTreeSet<String>,
    sent: Vec<Sent>,
    /// Path items.
    items: Map<String, Value>,
}

impl Found<'_> {
    /// The object behind a reference to a component.
    fn follow<'v>(&'v self, mut value: &'v Value) -> &'v Value {
        for _ in 0..8 {
            let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
            match pointer.and_then(|pointer| self.source.pointer(pointer)) {
                Some(found) => value = found,
                None => break,
            }
        }
        value
    }

    fn webhooks(&mut self) {
        let source = self.source;
        for (name, item) in source["webhooks"].as_object().into_iter().flatten() {
            let at = format!("/webhooks/{}", escape(name));
            let item = self.follow(item).clone();
            self.item(&item, name, &at, || Target::Given);
        }
    }

    fn callbacks(&mut self, unenforced: &mut Vec<Item>) {
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
                    let name = format!("{of} {name}");
                    let callback = self.follow(callback).clone();
                    let items = callback.as_object().into_iter().flatten();
                    for (text, item) in items.filter(|(text, _)| !text.starts_with("x-")) {
                        let at = format!("{at}/{}", escape(text));
                        let Some(template) = Template::read(text) else {
                            let reason =
                                "this is no URL with runtime expressions: no code sends it";
                            unenforced.push(Item::new(at, reason));
                            continue;
                        };
                        let item = self.follow(item).clone();
                        self.item(&item, &name, &at, || Target::Found(template.clone()));
                    }
                }
            }
        }
    }

    fn item(&mut self, item: &Value, name: &str, at: &str, target: impl Fn() -> Target) {
        let methods: Vec<&str> =
            METHODS.into_iter().filter(|method| item[*method].is_object()).collect();
        for method in &methods {
            let Some(mut operation) = item[*method].as_object().cloned() else { continue };
            let id = match operation.get("operationId").and_then(Value::as_str) {
                Some(id) => words(id),
                None if methods.len() > 1 => words(&format!("{name} {method}")),
                None => words(name),
            };
            let id =
                unique(if is_identifier(&id) { id } else { format!("send_{id}") }, &mut self.taken);
            operation.remove("callbacks");
            // Without its own, that of the document would hold.
            operation.entry("security").or_insert_with(|| json!([]));
            operation.insert("operationId".to_owned(), json!(id));
            let mut alone = Map::from_iter([((*method).to_owned(), Value::Object(operation))]);
            alone.extend(item.get("parameters").map(|all| ("parameters".to_owned(), all.clone())));
            self.items.insert(place(self.sent.len()), Value::Object(alone));
            let at = format!("{at}/{method}");
            self.sent.push(Sent { id, at, target: target() });
        }
    }
}

fn words(text: &str) -> String {
    let words = text.replace(|c: char| !c.is_ascii_alphanumeric(), " ");
    words.to_snake_case().trim_end_matches('_').to_owned()
}
