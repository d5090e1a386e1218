//! A witness of a verdict: a request that the old document allows and the new one refuses, or a
//! response that the new document allows and the old one does not.
//!
//! For a change of a schema it is a value, built from both schemas and checked against both. For a
//! change of an operation it is a description of a message. If none is found, the reason is given.
//! The search is bounded and never changes a verdict.

mod accept;
mod values;

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::{Value, json};

use crate::canonical::{ObjectKind, is_method};
use crate::compatibility::location::{Documents, Location, NodeKind};
use crate::compatibility::rules::limits_both;
use crate::compatibility::usage_set::Direction;
use crate::compatibility::{Audience, Severity};
use crate::quoting::code;
use accept::{PatternCache, Schemas};
use values::Pair;

/// Steps for one verdict.
const MAX_STEPS: usize = 20_000;

/// Steps for all verdicts of a comparison.
const MAX_TOTAL_STEPS: usize = 1_000_000;

/// Most members of a `oneOf` among which an overlap is looked for: each change looks at all.
const MAX_MEMBERS: usize = 20;

/// The message that carries a witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// A request: allowed by the old document, refused by the new one.
    Request,
    /// A response: allowed by the new document, not by the old one.
    Response,
}

/// What shows that a change breaks a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Witness {
    /// A value of the schema at a JSON pointer of the canonical form.
    Value {
        /// The message that carries it.
        carrier: MessageKind,
        /// The schema that one document has here and accepts it.
        schema: String,
        /// The value.
        value: Value,
    },
    /// A message in words; text from a document is between backticks.
    Message {
        /// The kind of message.
        carrier: MessageKind,
        /// The message.
        text: String,
    },
    /// There is none, for this reason.
    None(&'static str),
}

impl MessageKind {
    fn direction(self) -> Direction {
        match self {
            MessageKind::Request => Direction::Request,
            MessageKind::Response => Direction::Response,
        }
    }

    /// `request` or `response`.
    pub fn name(self) -> &'static str {
        match self {
            MessageKind::Request => "request",
            MessageKind::Response => "response",
        }
    }
}

impl Witness {
    /// For programs: which document accepts the message and which does not.
    pub fn to_json(&self) -> Value {
        let sides = |carrier: &MessageKind| match carrier {
            MessageKind::Request => {
                json!({"in": "request", "acceptedBy": "old", "refusedBy": "new"})
            }
            MessageKind::Response => {
                json!({"in": "response", "acceptedBy": "new", "refusedBy": "old"})
            }
        };
        match self {
            Witness::Value { carrier, schema, value } => {
                let mut all = sides(carrier);
                all["schema"] = schema.as_str().into();
                all["value"] = value.clone();
                all
            }
            Witness::Message { carrier, text } => {
                let mut all = sides(carrier);
                all["message"] = text.replace('`', "").into();
                all
            }
            Witness::None(reason) => json!({"none": reason}),
        }
    }

    /// For a reader, on one line. `None` if there is no witness.
    pub fn to_line(&self) -> Option<String> {
        let effect = |carrier: &MessageKind| match carrier {
            MessageKind::Request => "a request that is refused now",
            MessageKind::Response => "a response that was not allowed before",
        };
        match self {
            Witness::Value { carrier, value, .. } => {
                Some(format!("{}: {}", effect(carrier), code(&value.to_string())))
            }
            Witness::Message { carrier, text } => Some(format!("{}: {text}", effect(carrier))),
            Witness::None(_) => None,
        }
    }
}

/// Finds the witnesses of one comparison.
pub(crate) struct Witnesses {
    left: Cell<usize>,
    engine: PatternCache,
}

impl Witnesses {
    pub fn new() -> Witnesses {
        Witnesses { left: Cell::new(MAX_TOTAL_STEPS), engine: PatternCache::default() }
    }

    /// The witness of a verdict. `None` for a compatible one, which needs none.
    pub fn find(
        &self,
        documents: &Documents<'_>,
        location: &Location<'_>,
        severity: Severity,
        audience: Audience,
    ) -> Option<Witness> {
        if severity == Severity::Compatible {
            return None;
        }
        if let Some(witness) = message(location) {
            return Some(witness);
        }
        let Some(pairs) = schemas(location) else {
            return Some(Witness::None(other_reason(location)));
        };
        let carriers: &[MessageKind] = match audience {
            Audience::Senders => &[MessageKind::Request],
            Audience::Readers => &[MessageKind::Response],
            Audience::All => &[MessageKind::Request, MessageKind::Response],
            Audience::GeneratedCode | Audience::None => &[],
        };
        for carrier in carriers {
            for (schema, old, new) in &pairs {
                if self.left.get() == 0 {
                    let reason = "the changes are too many to make a value for each";
                    return Some(Witness::None(reason));
                }
                if let Some(value) = self.search(documents, *carrier, old, new) {
                    let (carrier, schema) = (*carrier, schema.clone());
                    return Some(Witness::Value { carrier, schema, value });
                }
            }
        }
        Some(Witness::None(schema_reason(location, severity)))
    }

    /// A value that a message of this kind may have in one document only.
    fn search(
        &self,
        documents: &Documents<'_>,
        carrier: MessageKind,
        old: &Value,
        new: &Value,
    ) -> Option<Value> {
        let steps = self.left.get().min(MAX_STEPS);
        self.engine.fuel.set(steps);
        let [old_side, new_side] = [documents.old, documents.new]
            .map(|document| self.schemas_of(document, carrier.direction()));
        let value = match carrier {
            MessageKind::Request => {
                Pair { accepting: old_side, refusing: new_side }.difference(old, new)
            }
            MessageKind::Response => {
                Pair { accepting: new_side, refusing: old_side }.difference(new, old)
            }
        };
        self.left.set(self.left.get() - (steps - self.engine.fuel.get()));
        value
    }

    fn schemas_of<'a>(&'a self, document: &'a Value, direction: Direction) -> Schemas<'a> {
        Schemas { document, direction, engine: &self.engine }
    }

    /// A lone value that one document refuses because it matches several members of a `oneOf`. An
    /// object with further members may match many, and is not looked for.
    pub fn overlap(&self, documents: &Documents<'_>, location: &Location<'_>) -> Option<Witness> {
        let (old, new) = (location.old_holder?, location.new_holder?);
        let count = |holder: &Value| holder["oneOf"].as_array().map_or(0, Vec::len);
        if count(old).max(count(new)) > MAX_MEMBERS {
            return None;
        }
        location.uses.kinds().find_map(|(direction, _)| {
            let (carrier, document, refusing) = match direction {
                Direction::Request => (MessageKind::Request, documents.new, new),
                Direction::Response => (MessageKind::Response, documents.old, old),
            };
            let value = self.search(documents, carrier, old, new)?;
            let side = self.schemas_of(document, direction);
            self.engine.fuel.set(MAX_STEPS);
            let members = refusing.get("oneOf")?.as_array()?;
            let matching =
                members.iter().filter(|member| side.accepts(member, &value) == Some(true));
            let is_lone = !value.is_object() && !value.is_array();
            let schema = location.holder_path();
            (is_lone && matching.count() > 1).then_some(Witness::Value { carrier, schema, value })
        })
    }
}

/// A schema in the old and in the new document, with its JSON pointer.
type SchemaPair<'a> = (String, Cow<'a, Value>, Cow<'a, Value>);

/// The schemas of both documents whose values a change affects.
fn schemas<'a>(location: &Location<'a>) -> Option<Vec<SchemaPair<'a>>> {
    let mut pairs = Vec::new();
    if matches!(location.at, NodeKind::Object(ObjectKind::Schema)) {
        let is_whole = location.holder != ObjectKind::Schema && location.keyword == "schema";
        let side = |side: Option<&'a Value>| match side {
            None if is_whole => Some(Cow::Owned(json!({}))),
            side => side.map(Cow::Borrowed),
        };
        let sides = side(location.old).zip(side(location.new));
        pairs.extend(sides.map(|(old, new)| (location.path.clone(), old, new)));
    }
    if location.holder == ObjectKind::Schema {
        let sides = location.old_holder.zip(location.new_holder);
        pairs
            .extend(sides.map(|(old, new)| {
                (location.holder_path(), Cow::Borrowed(old), Cow::Borrowed(new))
            }));
    }
    (!pairs.is_empty()).then_some(pairs)
}

/// The reason why a change of a schema has no witness.
fn schema_reason(location: &Location<'_>, severity: Severity) -> &'static str {
    match location.keyword.as_str() {
        "default" => "both documents allow the same values: leaving one out now means another",
        "discriminator" | "mapping" | "propertyName" => {
            "a discriminator says which schema applies, and no schema limits its values"
        }
        "xml" => "the values are the same, and are written differently",
        "properties" | "readOnly" | "writeOnly" => {
            "schemas that allow further members allow the same values: the server ignores or \
             refuses the member"
        }
        "contentMediaType" | "contentEncoding" | "contentSchema" => {
            "no schema limits the encoded content"
        }
        "format" => "the format annotates: no schema limits its values",
        "dependentRequired" | "dependentSchemas" | "patternProperties" | "prefixItems"
            if location.name.is_none() =>
        {
            "each entry is judged by itself"
        }
        _ if !limits_both(location) => {
            "the keyword limits no value of the type that the schema has"
        }
        _ if severity == Severity::Unclear => "the documents do not say which values are affected",
        _ => "no value was found that one schema accepts and the other refuses",
    }
}

/// The reason why a change outside of schemas has no witness.
fn other_reason(location: &Location<'_>) -> &'static str {
    match location.holder {
        ObjectKind::SecurityScheme | ObjectKind::Flows | ObjectKind::Flow => {
            "the change is in how a client gets its credentials"
        }
        ObjectKind::Parameter
        | ObjectKind::Header
        | ObjectKind::MediaType
        | ObjectKind::Encoding => "the values are the same, and are written differently",
        ObjectKind::Discriminator => {
            "a discriminator says which schema applies, and no schema limits its values"
        }
        _ => "the change is not in requests or responses themselves",
    }
}

/// The message that a change outside of schemas affects.
fn message(location: &Location<'_>) -> Option<Witness> {
    let request = |text: String| Some(Witness::Message { carrier: MessageKind::Request, text });
    let response = |text: String| Some(Witness::Message { carrier: MessageKind::Response, text });
    let operation = location.operation.as_deref().map_or("a request".to_owned(), code);
    let is_new = location.old.is_none();
    let name = location.name.as_deref().unwrap_or_default();
    match (location.holder, location.keyword.as_str()) {
        (ObjectKind::Paths, path) => {
            let methods = location.old?.as_object()?.keys().find(|key| is_method(key))?;
            request(code(&format!("{} {path}", methods.to_uppercase())))
        }
        (ObjectKind::PathItem, method) if is_method(method) => request(operation),
        (ObjectKind::Operation, "parameters") if location.name.is_some() => {
            let (place, name) = name.split_once(':').unwrap_or(("", name));
            let with = if is_new { "without" } else { "with" };
            request(format!("{operation} {with} {place} parameter {}", code(name)))
        }
        (ObjectKind::Parameter, "required") => {
            request(format!("{operation} without {}", location.subject))
        }
        (ObjectKind::Body, "required") => request(format!("{operation} without a body")),
        (ObjectKind::Operation, "requestBody") if is_new => {
            request(format!("{operation} without a body"))
        }
        (ObjectKind::Operation, "requestBody") => request(format!("{operation} with a body")),
        (ObjectKind::Body, "content") if location.name.is_some() => {
            request(format!("{operation} with a body of {}", code(name)))
        }
        (ObjectKind::Response, "content") if location.name.is_some() => {
            response(format!("one without a body of {}", code(name)))
        }
        (ObjectKind::Responses, status) if is_new => {
            response(format!("{operation} responded with status {}", code(status)))
        }
        (ObjectKind::Responses, _) => {
            response(format!("{operation} responded with another status"))
        }
        (ObjectKind::Response, "headers") | (ObjectKind::Header, "required") => {
            response(format!("one without header {}", location.subject))
        }
        (ObjectKind::Operation, "security") if location.name.is_some() => {
            let schemes: Vec<String> = location
                .old
                .and_then(Value::as_object)
                .map(|one| one.keys().map(|name| code(name)).collect())
                .unwrap_or_default();
            request(match schemes.as_slice() {
                [] => format!("{operation} without credentials"),
                schemes => format!("{operation} with {} alone", schemes.join(" and ")),
            })
        }
        (ObjectKind::Document | ObjectKind::PathItem | ObjectKind::Operation, "servers") => {
            let url = location.old?.get("url")?.as_str()?;
            request(format!("one to {}", code(url)))
        }
        (ObjectKind::Server, "url") => request(format!("one to {}", code(location.old?.as_str()?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
