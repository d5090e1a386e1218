//! A location in both documents at once: its breadcrumbs, its parent object, and the operations
//! that use it.
//!
//! A location is reached by following a JSON pointer from another one, by the structure of the
//! canonical form.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use serde_json::Value;

use super::required::always_required;
use super::usage::{UsageIndex, has_flag, resolve_aliases};
use super::usage_set::Direction;
use super::usage_set::{Operations, UsageSet};
use crate::canonical::{FieldShape, ObjectKind, field_shape, is_method};
use crate::diff::join;
use crate::quoting::code;

/// Both documents in canonical form, with their usage indexes. `usage` holds the usage common to
/// both.
pub struct Documents<'a> {
    pub old: &'a Value,
    pub new: &'a Value,
    pub old_usage: UsageIndex,
    pub new_usage: UsageIndex,
    pub usage: UsageIndex,
    pub operations: Operations,
    /// The schemas of the new document that no request may leave out, once they are known.
    pub required: OnceCell<BTreeSet<String>>,
}

impl Documents<'_> {
    /// Whether only required properties and parameters refer to a schema.
    pub fn is_always_required(&self, schema: &str) -> bool {
        let pointer = join("/components/schemas", schema);
        self.required.get_or_init(|| always_required(self.new)).contains(&pointer)
    }
}

type MaybeValue<'a> = Option<&'a Value>;

#[derive(Clone, Copy, Debug)]
pub enum NodeKind {
    Object(ObjectKind),
    /// An object or array whose keys or elements are not keywords.
    Entries(FieldShape),
}

#[derive(Clone)]
pub struct Location<'a> {
    pub path: String,
    pub at: NodeKind,
    /// The OpenAPI object whose keyword led here, and that keyword.
    pub holder: ObjectKind,
    pub keyword: String,
    /// The name or element under that keyword.
    pub name: Option<String>,
    pub old: MaybeValue<'a>,
    pub new: MaybeValue<'a>,
    /// That object in each document.
    pub old_holder: MaybeValue<'a>,
    pub new_holder: MaybeValue<'a>,
    /// Each step for a reader; names from a document are quoted as code.
    pub breadcrumbs: Vec<String>,
    /// The subject of a message.
    pub subject: String,
    /// `POST /login/`, within an operation.
    pub operation: Option<String>,
    pub uses: UsageSet,
    /// `uses` without regard to `readOnly` and `writeOnly`.
    pub unhidden: UsageSet,
    /// Whether the new document requires this property or parameter.
    pub required: bool,
    /// Whether the path leads through a request or response: then an empty `uses` means that it is
    /// unused.
    pub directed: bool,
    /// In a callback the server sends the request and the client responds.
    pub flipped: bool,
    /// How the value of a parameter or header is written as text.
    pub written: ValueForm,
}

/// The form of a value in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueForm {
    /// With its type, as in JSON.
    Typed,
    /// As text: a number is its digits.
    Text,
    /// As text in a query, where a list is one `name=value` pair per item, so that a single value
    /// is a list of one.
    TextOrList,
}

impl<'a> Location<'a> {
    pub fn root(documents: &'a Documents<'a>) -> Location<'a> {
        Location {
            path: String::new(),
            at: NodeKind::Object(ObjectKind::Document),
            holder: ObjectKind::Document,
            keyword: String::new(),
            name: None,
            old: Some(documents.old),
            new: Some(documents.new),
            old_holder: None,
            new_holder: None,
            breadcrumbs: Vec::new(),
            subject: "the document".to_owned(),
            operation: None,
            uses: UsageSet::default(),
            unhidden: UsageSet::default(),
            required: false,
            directed: false,
            flipped: false,
            written: ValueForm::Typed,
        }
    }

    pub fn walk(&self, documents: &Documents<'_>, pointer: &str) -> Location<'a> {
        let mut location = self.clone();
        for step in pointer.split('/').skip(1) {
            location = location.step(documents, &step.replace("~1", "/").replace("~0", "~"));
        }
        location
    }

    /// The breadcrumbs as one text.
    pub fn breadcrumb_text(&self) -> String {
        if self.breadcrumbs.is_empty() {
            "document".to_owned()
        } else {
            self.breadcrumbs.join(", ")
        }
    }

    /// The path of the object whose keyword led here.
    pub fn holder_path(&self) -> String {
        // Data below the keyword adds further steps to the path.
        let keyword = join("", &self.keyword);
        let end = match &self.name {
            Some(name) => join(&keyword, name),
            None => keyword,
        };
        self.path.rfind(&end).map_or("", |at| &self.path[..at]).to_owned()
    }

    /// The usage of the content of this location. Under `not` fewer values are more; under `if`
    /// either direction may be narrower, and under `contains` if the items that match are limited.
    pub fn inner_uses(&self) -> UsageSet {
        let negated = self.holder == ObjectKind::Schema
            && match self.keyword.as_str() {
                "not" | "if" => true,
                "contains" => [self.old_holder, self.new_holder]
                    .into_iter()
                    .flatten()
                    .any(|holder| holder.get("maxContains").is_some()),
                _ => false,
            };
        if negated { self.uses.clone().negated() } else { self.uses.clone() }
    }

    fn step(mut self, documents: &Documents<'_>, key: &str) -> Location<'a> {
        self.uses = self.inner_uses();
        let path = join(&self.path, key);
        let flag = matches!(self.at, NodeKind::Object(ObjectKind::Schema))
            && ["readOnly", "writeOnly"].contains(&key);
        let property = matches!((self.at, self.holder), (NodeKind::Entries(_), ObjectKind::Schema))
            && self.keyword == "properties";
        let before = if flag { self.unhidden.clone() } else { self.uses.clone() };
        let mut location = match self.at {
            // Within data there are no keywords.
            NodeKind::Object(ObjectKind::Data) => {
                Location { old: child(&self.old, key), new: child(&self.new, key), ..self }
            }
            NodeKind::Object(kind) => {
                let location = Location {
                    at: match field_shape(kind, key) {
                        FieldShape::One(kind) => NodeKind::Object(kind),
                        FieldShape::Nothing => NodeKind::Object(ObjectKind::Data),
                        many => NodeKind::Entries(many),
                    },
                    holder: kind,
                    keyword: key.to_owned(),
                    name: None,
                    old: child(&self.old, key),
                    new: child(&self.new, key),
                    old_holder: self.old,
                    new_holder: self.new,
                    ..self
                };
                location.at_keyword(documents, &path)
            }
            NodeKind::Entries(many) => {
                let kind = match many {
                    FieldShape::List(kind)
                    | FieldShape::Set(kind)
                    | FieldShape::Bag(kind)
                    | FieldShape::Map(kind) => kind,
                    FieldShape::Parameters => ObjectKind::Parameter,
                    _ => ObjectKind::Data,
                };
                let location = Location {
                    at: NodeKind::Object(kind),
                    name: Some(key.to_owned()),
                    old: child(&self.old, key),
                    new: child(&self.new, key),
                    ..self
                };
                location.at_name(documents, key)
            }
        };
        location.path = path;
        if !matches!(location.at, NodeKind::Object(ObjectKind::Data)) {
            location.uses.extend(&documents.usage.at(&location.path));
        }
        if flag {
            location.uses.clone_from(&before);
        }
        if location.holder == ObjectKind::Components && location.name.is_some() {
            location.flipped |= location.is_component_of_callbacks();
        }
        let keyword_of_schema = location.holder == ObjectKind::Schema
            && location.name.is_none()
            && matches!(location.at, NodeKind::Object(ObjectKind::Data));
        location.unhidden = match () {
            () if property => before,
            () if keyword_of_schema => location.unhidden,
            () => location.uses.clone(),
        };
        location
    }

    fn at_keyword(mut self, documents: &Documents<'_>, path: &str) -> Self {
        let keyword = self.keyword.clone();
        match (self.holder, keyword.as_str()) {
            // The server sends the request of a webhook.
            (ObjectKind::Document, "webhooks") => self.flipped = true,
            (ObjectKind::Components, "callbacks") => self.flipped = true,
            (ObjectKind::Paths, _) => self.enter(code(&keyword), code(&keyword)),
            (ObjectKind::PathItem, method) if is_method(method) => {
                let address = path
                    .split('/')
                    .nth(2)
                    .unwrap_or_default()
                    .replace("~1", "/")
                    .replace("~0", "~");
                let operation = format!("{} {address}", method.to_uppercase());
                // Clients do not call the operation of a callback.
                let is_called = path.starts_with("/paths/") || path.starts_with("/webhooks/");
                if self.operation.is_none() && is_called {
                    self.breadcrumbs.pop();
                    self.operation = Some(operation.clone());
                    self.enter(code(&operation), code(&operation));
                } else {
                    self.enter(code(&method.to_uppercase()), "the callback".to_owned());
                }
            }
            (ObjectKind::Operation, "requestBody") => {
                self.direct(documents, Direction::Request);
                self.enter("request body".to_owned(), "the body".to_owned());
            }
            (ObjectKind::Operation, "parameters") => self.direct(documents, Direction::Request),
            (ObjectKind::Operation, "responses") => self.direct(documents, Direction::Response),
            (ObjectKind::Operation, "callbacks") => self.flipped = !self.flipped,
            (ObjectKind::Parameter | ObjectKind::Header, "schema") => {
                self.written = self.value_form_of_holder();
                self.required = self.new_holder.is_some_and(|holder| has_flag(holder, "required"));
            }
            (ObjectKind::Responses, status) => {
                self.enter(format!("response {}", code(status)), "the body".to_owned())
            }
            (ObjectKind::Schema, "items") => {
                self.enter("items".to_owned(), format!("an item of {}", self.subject))
            }
            (ObjectKind::Schema, "contains") => {
                self.enter(code("contains"), format!("an item of {}", self.subject))
            }
            (ObjectKind::Schema, "unevaluatedItems") => {
                self.enter(
                    "further items".to_owned(),
                    format!("a further item of {}", self.subject),
                );
            }
            (ObjectKind::Schema, "propertyNames") => {
                self.enter(
                    "names of members".to_owned(),
                    format!("a member's name of {}", self.subject),
                );
            }
            (ObjectKind::Schema, "contentSchema") => {
                self.enter(
                    "encoded content".to_owned(),
                    format!("the content of {}", self.subject),
                );
            }
            (ObjectKind::Schema, "additionalProperties" | "unevaluatedProperties") => {
                self.enter(
                    "further members".to_owned(),
                    format!("a further member of {}", self.subject),
                );
            }
            (ObjectKind::Schema, keyword @ ("not" | "if" | "then" | "else")) => {
                self.breadcrumbs.push(code(keyword))
            }
            (ObjectKind::Flows, flow) => {
                self.enter(format!("flow {}", code(flow)), self.subject.clone())
            }
            _ => {}
        }
        self
    }

    fn at_name(mut self, documents: &Documents<'_>, name: &str) -> Self {
        let quoted = code(name);
        match (self.holder, self.keyword.as_str()) {
            (ObjectKind::Schema, "properties") => {
                for direction in [Direction::Request, Direction::Response] {
                    let hidden = |side: &MaybeValue<'_>| {
                        side.as_ref()
                            .is_some_and(|schema| has_flag(schema, direction.hiding_keyword()))
                    };
                    if hidden(&self.old) || hidden(&self.new) {
                        self.uses = std::mem::take(&mut self.uses).without(direction);
                    }
                }
                let names = self.new_holder.and_then(|holder| holder.get("required")?.as_array());
                self.required =
                    names.is_some_and(|names| names.iter().any(|required| required == name));
                self.enter(format!("property {quoted}"), quoted);
            }
            (ObjectKind::Schema, "required") => {
                self.uses = self.uses_of_property(documents, name);
                self.enter(format!("property {quoted}"), quoted);
            }
            (ObjectKind::Schema, "patternProperties") => {
                self.enter(
                    format!("members that match {quoted}"),
                    format!("a member that matches {quoted}"),
                );
            }
            (ObjectKind::Schema, "prefixItems") => {
                self.enter(format!("item {quoted}"), format!("item {quoted} of {}", self.subject));
            }
            (ObjectKind::Schema, "dependentSchemas") => {
                self.breadcrumbs.push(format!("with property {quoted}"))
            }
            (ObjectKind::Document, "webhooks") => self.enter(format!("webhook {quoted}"), quoted),
            (ObjectKind::Schema, keyword @ ("allOf" | "anyOf" | "oneOf")) => {
                let keyword = code(keyword);
                self.enter(
                    format!("a member of {keyword}"),
                    format!("a member of {keyword} of {}", self.subject),
                );
            }
            (ObjectKind::Operation | ObjectKind::PathItem, "parameters") => {
                let (location, name) = name.split_once(':').unwrap_or(("", name));
                let location = if ["query", "path", "header", "cookie"].contains(&location) {
                    location
                } else {
                    "some"
                };
                self.enter(format!("{location} parameter {}", code(name)), code(name));
            }
            (ObjectKind::Operation, "callbacks") => {
                self.enter(format!("callback {quoted}"), quoted)
            }
            (_, "content") => self.enter(quoted, self.subject.clone()),
            (_, "headers") => self.enter(format!("header {quoted}"), quoted),
            (ObjectKind::Components, kind) => {
                if kind == "schemas" {
                    self.required = documents.is_always_required(name);
                }
                let kind = match kind {
                    "schemas" => "schema",
                    "responses" => "response",
                    "parameters" => "parameter",
                    "requestBodies" => "request body",
                    "headers" => "header",
                    "securitySchemes" => "security scheme",
                    "links" => "link",
                    "callbacks" => "callback",
                    _ => "component",
                };
                self.enter(format!("{kind} {quoted}"), quoted);
            }
            _ => {}
        }
        self
    }

    /// Whether only callbacks and webhooks use this component.
    fn is_component_of_callbacks(&self) -> bool {
        let (sent, read) = (self.uses.has(Direction::Request), self.uses.has(Direction::Response));
        match self.keyword.as_str() {
            "requestBodies" | "parameters" => read && !sent,
            "responses" | "headers" => sent && !read,
            _ => false,
        }
    }

    /// How the value of this parameter or header is written in both documents.
    fn value_form_of_holder(&self) -> ValueForm {
        let list = |holder: &MaybeValue<'_>| {
            holder.is_some_and(|holder| {
                holder["in"] == "query"
                    && ["style", "explode"].iter().all(|key| holder.get(*key).is_none())
            })
        };
        match list(&self.old_holder) && list(&self.new_holder) {
            true => ValueForm::TextOrList,
            false => ValueForm::Text,
        }
    }

    fn enter(&mut self, word: String, subject: String) {
        self.breadcrumbs.push(word);
        self.subject = subject;
    }

    fn direct(&mut self, documents: &Documents<'_>, direction: Direction) {
        let direction = direction.flipped_if(self.flipped);
        // A callback among the components.
        if self.operation.is_none() && self.flipped {
            self.uses = self.uses.in_direction(direction, false);
        }
        self.directed |= self.operation.is_some();
        if let Some(operation) =
            self.operation.as_deref().and_then(|operation| documents.operations.find(operation))
        {
            self.uses.extend(&UsageSet::one(operation, direction, false));
        }
    }

    /// The usage of one property of this schema.
    fn uses_of_property(&self, documents: &Documents<'_>, property: &str) -> UsageSet {
        let hidden = |direction: Direction| {
            let by = |document: &Value, holder: &MaybeValue<'_>| {
                let holder = holder.as_ref().and_then(|holder| resolve_aliases(document, holder));
                let schema =
                    holder.as_ref().and_then(|holder| holder.get("properties")?.get(property));
                schema.is_some_and(|schema| has_flag(schema, direction.hiding_keyword()))
            };
            by(documents.old, &self.old_holder) || by(documents.new, &self.new_holder)
        };
        let directions = [Direction::Request, Direction::Response]
            .into_iter()
            .filter(|direction| hidden(*direction));
        directions.fold(self.uses.clone(), UsageSet::without)
    }
}

/// The child with that key; in an array, the element with that name or index.
fn child<'a>(side: &MaybeValue<'a>, key: &str) -> MaybeValue<'a> {
    fn of<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
        match value {
            Value::Object(members) => members.get(key),
            Value::Array(items) => {
                // Writing each element as text costs more than reading the key once.
                let element = serde_json::from_str::<Value>(key).ok();
                let is_named = |item: &&Value| match item {
                    Value::String(text) => text == key,
                    other => element.as_ref() == Some(*other),
                };
                items.iter().find(is_named).or_else(|| items.get(key.parse::<usize>().ok()?))
            }
            _ => None,
        }
    }
    of((*side)?, key)
}
