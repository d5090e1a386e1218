//! Methods, media types, extension keys and small questions that several modules of the generator
//! share. It never reads a document.

use serde_json::{Value, json};

/// The methods of a path item.
pub const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
/// Extension of a lowered parameter: how it is read, unless it is a plain value.
pub const WIRE: &str = "x-wire";
/// Extension beside a lowered schema: the schema before it was lowered.
pub const ORIGINAL: &str = "x-original-schema";
/// Extension of a lowered body: the content types whose bytes the handler reads.
pub const RAW: &str = "x-raw";
/// Extension of a lowered body: any JSON value is accepted.
pub const IS_JSON: &str = "x-json";
/// Extension of a lowered body: a form with files, its schema without them.
pub const FILES: &str = "x-files";
/// Beginning of the path at which a callback or a webhook stands in the lowered document, behind
/// most others. No path of a document has a `#`.
pub const SENT: &str = "/~#";
/// Extension of a lowered content of events: the schema of their data, if it is JSON.
pub const EVENT_DATA: &str = "x-event-data";
/// Extension of a lowered object: the Rust fields that the document chooses, by member.
pub const FIELDS: &str = "x-fields";
/// Server-sent events.
pub const EVENTS: &str = "text/event-stream";
pub const JSON: &str = "application/json";
/// The form content types of request bodies.
pub const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];

/// Whether an alternative is null alone.
pub fn is_null(schema: &Value) -> bool {
    schema["type"] == "null" || schema["type"] == json!(["null"]) || schema["enum"] == json!([null])
}

/// Whether a media type is JSON, as WHATWG's MIME Sniffing says it.
pub fn is_json_type(media: &str) -> bool {
    media == JSON || media == "text/json" || media.ends_with("+json")
}

/// Whether a media range takes JSON among others.
pub fn is_json_range(media: &str) -> bool {
    media == "*/*" || media == "application/*"
}
