//! An operation of the lowered document: parameters, body, responses and security, as the
//! generators use them. It holds data and never refuses anything.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value;

use crate::openapi::EVENTS;
use crate::read::escape;

pub struct Operation {
    pub id: String,
    /// Upper case.
    pub method: String,
    pub path: String,
    /// The path under which dropshot holds it: see [`super::routes`].
    pub route: String,
    /// Choices of path parameters by which it differs from another operation with its method and
    /// its path.
    pub choices: Vec<(String, Vec<String>)>,
    pub description: String,
    pub deprecated: bool,
    pub tags: Vec<String>,
    /// Security alternatives, each a list of schemes. The empty list is anonymous access.
    pub security: Rc<Vec<Vec<Requirement>>>,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    /// By status.
    pub responses: Vec<Response>,
    /// Responses by range or `default`.
    pub ranges: Vec<RangeResponse>,
}

/// A security scheme that a caller must satisfy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    pub scheme: String,
    /// In their order, each once.
    pub scopes: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ParameterLocation {
    Path,
    Query,
    Header,
}

#[derive(Clone)]
pub struct Parameter {
    pub name: String,
    pub location: ParameterLocation,
    pub required: bool,
    pub description: Option<String>,
    pub schema: Value,
    /// Name of its Rust field, unlike that of any other of the operation in this location.
    pub field: String,
    /// A cookie, which stands among the headers.
    pub is_cookie: bool,
    /// How it is read, if it is no plain value.
    pub wire: Option<EncodedParameter>,
}

/// A parameter that is no plain value.
#[derive(Clone)]
pub struct EncodedParameter {
    pub style: String,
    pub explode: bool,
    /// As the document has it.
    pub original: Value,
    pub schema: Value,
    /// Name of the schema, for the data type; a plain value has none.
    pub named: Option<String>,
}

pub struct Body {
    /// Name of the schema of the content types that are read.
    pub schema: Option<String>,
    /// Whether it is JSON of any kind, not an object with members.
    pub is_json: bool,
    pub content_types: Vec<String>,
    /// Content types whose bytes the handler reads.
    pub raw: Vec<String>,
    /// The multipart form, where it has files.
    pub files: Option<FileForm>,
    pub required: bool,
}

impl Body {
    /// Names of its schemas.
    pub fn schemas(&self) -> impl Iterator<Item = &String> {
        self.schema.iter().chain(self.files.as_ref().map(|form| &form.schema))
    }

    /// Its content types: those that are read into one type, the form with files, those of bytes.
    pub fn lists(&self) -> impl Iterator<Item = &Vec<String>> {
        let form = self.files.as_ref().map(|form| &form.content_types);
        std::iter::once(&self.content_types).chain(form).chain([&self.raw])
    }

    pub fn content_types(&self) -> impl Iterator<Item = &String> {
        self.lists().flatten()
    }

    /// Whether it has one type, into which the runtime reads all of it.
    pub fn has_one_type(&self) -> bool {
        self.raw.is_empty() && self.schema.is_some() != self.files.is_some()
    }
}

/// A `multipart/form-data` body with files.
pub struct FileForm {
    /// Name of the schema of the other members.
    pub schema: String,
    /// Its content type alone.
    pub content_types: Vec<String>,
    pub files: Vec<FileMember>,
}

/// A file of a form, or a list of files.
pub struct FileMember {
    pub name: String,
    /// Name of its Rust field, unlike that of any other of the form.
    pub field: String,
    pub required: bool,
    pub is_array: bool,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    /// In bytes.
    pub max_length: Option<u64>,
    pub content_types: Vec<String>,
}

pub struct Response {
    pub status: u16,
    pub content: Content,
    pub headers: Vec<ResponseHeader>,
}

/// Of a range such as `4XX`, or of `default`.
pub struct RangeResponse {
    pub range: String,
    pub content: Content,
    pub headers: Vec<ResponseHeader>,
}

/// A header of a response.
pub struct ResponseHeader {
    /// In lower case.
    pub name: String,
    /// Name of its Rust field, unlike that of any other of the response.
    pub field: String,
    pub required: bool,
    pub description: String,
    /// A plain type, or a list of one.
    pub schema: Value,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    Nothing,
    /// Name of the schema, and the content types, which are written in JSON.
    Json(String, Vec<String>),
    /// Bytes of this media type.
    Bytes(String),
    /// Server-sent events, with the name of their data's schema if that is JSON.
    Events(Option<String>),
    /// One of several, by `Accept`. The first is the usual one.
    OneOf(Vec<Content>),
}

impl Content {
    /// Itself, or those that `Accept` chooses from.
    pub fn parts(&self) -> &[Content] {
        match self {
            Content::OneOf(parts) => parts,
            one => std::slice::from_ref(one),
        }
    }

    /// Its content types, the usual one first.
    pub fn media_types(&self) -> Vec<&str> {
        match self {
            Content::Nothing => Vec::new(),
            Content::Json(_, media) => media.iter().map(String::as_str).collect(),
            Content::Bytes(media) => vec![media],
            Content::Events(_) => vec![EVENTS],
            Content::OneOf(parts) => parts.iter().flat_map(Content::media_types).collect(),
        }
    }
}

impl Operation {
    /// Its JSON pointer.
    pub fn at(&self) -> String {
        format!("/paths/{}/{}", escape(&self.path), self.method.to_ascii_lowercase())
    }

    pub fn parameters_in(&self, location: ParameterLocation) -> Vec<&Parameter> {
        self.parameters.iter().filter(|parameter| parameter.location == location).collect()
    }

    /// The contents of its responses.
    pub fn contents(&self) -> impl Iterator<Item = &Content> {
        let numbers = self.responses.iter().map(|response| &response.content);
        numbers.chain(self.ranges.iter().map(|response| &response.content))
    }

    /// The content types of its successes; of all responses, if no success has content.
    pub fn produced(&self) -> BTreeSet<&str> {
        let numbers =
            self.responses.iter().filter(|response| (200..400).contains(&response.status));
        let ranges = self.ranges.iter().filter(|response| response.range.starts_with(['2', '3']));
        let successes = numbers.map(|response| &response.content);
        let successes = successes.chain(ranges.map(|response| &response.content));
        let produced: BTreeSet<&str> = successes.flat_map(Content::media_types).collect();
        match produced.is_empty() {
            true => self.contents().flat_map(Content::media_types).collect(),
            false => produced,
        }
    }

    /// Names of the schemas of its body and its responses.
    pub fn schemas(&self) -> impl Iterator<Item = &String> {
        let responses =
            self.contents().flat_map(Content::parts).filter_map(|content| match content {
                Content::Json(schema, _) | Content::Events(Some(schema)) => Some(schema),
                _ => None,
            });
        self.body.iter().flat_map(Body::schemas).chain(responses)
    }
}
