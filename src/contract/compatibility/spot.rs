//! A place in both documents at once: what it is called, what holds it, and whose requests or responses carry it.
//!
//! A place is found by walking a JSON pointer from another place, by the structure that the normal form has too.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use super::references::{Direction, Reach, Use, has_flag, look_through};
use super::words::code;
use crate::contract::canonical::{Kind, METHODS, Place, place};
use crate::contract::diff::{join, name};

/// Both documents in normal form, and who uses what in both.
pub struct Documents<'a> {
    pub old: &'a Value,
    pub new: &'a Value,
    pub old_reach: Reach,
    pub new_reach: Reach,
    pub reach: Reach,
}

type Side<'a> = Option<Cow<'a, Value>>;

#[derive(Clone, Copy, Debug)]
pub enum At {
    One(Kind),
    /// In an object or array whose keys or elements are not keywords.
    Many(Place),
}

#[derive(Clone)]
pub struct Spot<'a> {
    pub path: String,
    pub at: At,
    /// The object of OpenAPI whose keyword led here, and that keyword.
    pub holder: Kind,
    pub keyword: String,
    /// The name or element under that keyword.
    pub name: Option<String>,
    pub old: Side<'a>,
    pub new: Side<'a>,
    /// The holder itself.
    pub old_holder: Side<'a>,
    pub new_holder: Side<'a>,
    /// Steps in words, those of the document as code.
    pub words: Vec<String>,
    /// What a sentence speaks of.
    pub subject: String,
    /// `POST /login/`, within an operation.
    pub operation: Option<String>,
    pub uses: BTreeSet<Use>,
    /// `uses`, were this property neither `readOnly` nor `writeOnly`.
    pub unhidden: BTreeSet<Use>,
    /// Whether the new document requires this property.
    pub required: bool,
    /// Whether the walk went through a request or response, so that no uses mean that nothing carries this.
    pub directed: bool,
    /// In a callback the server sends and the client answers.
    pub flipped: bool,
}

impl<'a> Spot<'a> {
    pub fn root(documents: &Documents<'a>) -> Spot<'a> {
        Spot {
            path: String::new(),
            at: At::One(Kind::Document),
            holder: Kind::Document,
            keyword: String::new(),
            name: None,
            old: Some(Cow::Borrowed(documents.old)),
            new: Some(Cow::Borrowed(documents.new)),
            old_holder: None,
            new_holder: None,
            words: Vec::new(),
            subject: "the document".to_owned(),
            operation: None,
            uses: BTreeSet::new(),
            unhidden: BTreeSet::new(),
            required: false,
            directed: false,
            flipped: false,
        }
    }

    pub fn walk(&self, documents: &Documents<'a>, pointer: &str) -> Spot<'a> {
        let mut spot = self.clone();
        for step in pointer.split('/').skip(1) {
            spot = spot.step(documents, &step.replace("~1", "/").replace("~0", "~"));
        }
        spot
    }

    /// The place in words.
    pub fn place_in_words(&self) -> String {
        if self.words.is_empty() { "document".to_owned() } else { self.words.join(", ") }
    }

    /// Whose requests and responses carry what is in here, not what is here.
    pub fn uses_inside(&self) -> BTreeSet<Use> {
        let negated = self.holder == Kind::Schema && self.keyword == "not";
        self.uses.iter().cloned().map(|used| Use { negated: used.negated != negated, ..used }).collect()
    }

    fn step(mut self, documents: &Documents<'a>, key: &str) -> Spot<'a> {
        self.uses = self.uses_inside();
        let path = join(&self.path, key);
        let flag = matches!(self.at, At::One(Kind::Schema)) && ["readOnly", "writeOnly"].contains(&key);
        let property = matches!((self.at, self.holder), (At::Many(_), Kind::Schema)) && self.keyword == "properties";
        let before = if flag { self.unhidden.clone() } else { self.uses.clone() };
        let mut spot = match self.at {
            // Within data there are no keywords.
            At::One(Kind::Data) => Spot { old: child(&self.old, key), new: child(&self.new, key), ..self },
            At::One(kind) => {
                let spot = Spot {
                    at: match place(kind, key) {
                        Place::One(kind) => At::One(kind),
                        Place::Nothing => At::One(Kind::Data),
                        many => At::Many(many),
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
                spot.at_keyword(&path)
            }
            At::Many(many) => {
                let kind = match many {
                    Place::List(kind) | Place::Set(kind) | Place::Bag(kind) | Place::Map(kind) => kind,
                    Place::Parameters => Kind::Parameter,
                    _ => Kind::Data,
                };
                let spot = Spot {
                    at: At::One(kind),
                    name: Some(key.to_owned()),
                    old: child(&self.old, key),
                    new: child(&self.new, key),
                    ..self
                };
                spot.at_name(documents, key)
            }
        };
        spot.path = path;
        if !matches!(spot.at, At::One(Kind::Data)) {
            spot.uses.extend(documents.reach.at(&spot.path));
        }
        if flag {
            spot.uses.clone_from(&before);
        }
        spot.unhidden = if property { before } else { spot.uses.clone() };
        spot
    }

    fn at_keyword(mut self, path: &str) -> Self {
        let keyword = self.keyword.clone();
        match (self.holder, keyword.as_str()) {
            (Kind::Paths, _) => self.say(code(&keyword), code(&keyword)),
            (Kind::PathItem, method) if METHODS.contains(&method) => {
                let address = path.split('/').nth(2).unwrap_or_default().replace("~1", "/").replace("~0", "~");
                let operation = format!("{} {address}", method.to_uppercase());
                // A callback's operation is not the client's to call.
                if self.operation.is_none() {
                    self.words.pop();
                    self.operation = Some(operation.clone());
                    self.say(code(&operation), code(&operation));
                } else {
                    self.say(code(&method.to_uppercase()), "the callback".to_owned());
                }
            }
            (Kind::Operation, "requestBody") => {
                self.direct(Direction::Request);
                self.say("request body".to_owned(), "the body".to_owned());
            }
            (Kind::Operation, "parameters") => self.direct(Direction::Request),
            (Kind::Operation, "responses") => self.direct(Direction::Response),
            (Kind::Operation, "callbacks") => self.flipped = !self.flipped,
            (Kind::Responses, status) => self.say(format!("response {}", code(status)), "the body".to_owned()),
            (Kind::Schema, "items") => self.say("items".to_owned(), format!("an item of {}", self.subject)),
            (Kind::Schema, "additionalProperties") => {
                self.say("further members".to_owned(), format!("a further member of {}", self.subject));
            }
            (Kind::Schema, "not") => self.words.push(code("not")),
            (Kind::Flows, flow) => self.say(format!("flow {}", code(flow)), self.subject.clone()),
            _ => {}
        }
        self
    }

    fn at_name(mut self, documents: &Documents<'_>, name: &str) -> Self {
        let quoted = code(name);
        match (self.holder, self.keyword.as_str()) {
            (Kind::Schema, "properties") => {
                for direction in [Direction::Request, Direction::Response] {
                    let hidden =
                        |side: &Side<'_>| side.as_ref().is_some_and(|schema| has_flag(schema, direction.hides()));
                    if hidden(&self.old) || hidden(&self.new) {
                        self.uses.retain(|used| used.direction != direction);
                    }
                }
                let names = self.new_holder.as_deref().and_then(|holder| holder.get("required")?.as_array());
                self.required = names.is_some_and(|names| names.iter().any(|required| required == name));
                self.say(format!("property {quoted}"), quoted);
            }
            (Kind::Schema, "required") => {
                self.uses = self.uses_of_property(documents, name);
                self.say(format!("property {quoted}"), quoted);
            }
            (Kind::Schema, keyword @ ("allOf" | "anyOf" | "oneOf")) => {
                let keyword = code(keyword);
                self.say(format!("a member of {keyword}"), format!("a member of {keyword} of {}", self.subject));
            }
            (Kind::Operation | Kind::PathItem, "parameters") => {
                let (location, name) = name.split_once(':').unwrap_or(("", name));
                let location =
                    if ["query", "path", "header", "cookie"].contains(&location) { location } else { "some" };
                self.say(format!("{location} parameter {}", code(name)), code(name));
            }
            (Kind::Operation, "callbacks") => self.say(format!("callback {quoted}"), quoted),
            (_, "content") => self.say(quoted, self.subject.clone()),
            (_, "headers") => self.say(format!("header {quoted}"), quoted),
            (Kind::Components, kind) => {
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
                self.say(format!("{kind} {quoted}"), quoted);
            }
            _ => {}
        }
        self
    }

    fn say(&mut self, word: String, subject: String) {
        self.words.push(word);
        self.subject = subject;
    }

    fn direct(&mut self, direction: Direction) {
        let direction = direction.flipped_if(self.flipped);
        self.directed |= self.operation.is_some();
        let own =
            self.operation.iter().map(|operation| Use { operation: operation.clone(), direction, negated: false });
        self.uses.extend(own);
    }

    /// The uses of this schema that carry one of its properties.
    fn uses_of_property(&self, documents: &Documents<'_>, property: &str) -> BTreeSet<Use> {
        let hidden = |direction: Direction| {
            let by = |document: &Value, holder: &Side<'_>| {
                let holder = holder.as_ref().and_then(|holder| look_through(document, holder));
                let schema = holder.as_ref().and_then(|holder| holder.get("properties")?.get(property));
                schema.is_some_and(|schema| has_flag(schema, direction.hides()))
            };
            by(documents.old, &self.old_holder) || by(documents.new, &self.new_holder)
        };
        self.uses.iter().filter(|used| !hidden(used.direction)).cloned().collect()
    }
}

/// The child of that key; of an array, the element of that name or index.
fn child<'a>(side: &Side<'a>, key: &str) -> Side<'a> {
    fn of<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
        match value {
            Value::Object(members) => members.get(key),
            Value::Array(items) => {
                items.iter().find(|item| name(item) == key).or_else(|| items.get(key.parse::<usize>().ok()?))
            }
            _ => None,
        }
    }
    match side.as_ref()? {
        Cow::Borrowed(value) => of(value, key).map(Cow::Borrowed),
        Cow::Owned(value) => of(value, key).map(|child| Cow::Owned(child.clone())),
    }
}
