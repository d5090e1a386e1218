//! The runtime of servers that `specbound-codegen` generates from an OpenAPI document of version
//! 3.0, 3.1 or 3.2.
//!
//! The generated code is a trait with one method per operation. A server implements it, implements
//! [`Host`], and starts an [`HttpService`] with both:
//!
//! ```text
//! connections ─► HttpService     any path and method: negotiation, 404, 405, OPTIONS, headers,
//!   (hyper)        │             panics, the log line
//!                  ├─ security   the document's security requirements, by the host's
//!                  │             authenticators: 401, 403
//!                  ├─► dropshot's router ─► a method of the generated trait
//!                  │                          └─► Call::admit   the body: 415, 413, 408, 400;
//!                  │                                            then the constraints
//!                  └─► Page      paths outside the document
//! ```
//!
//! An operation's security is enforced before its method is called, and before the body is read. A
//! document with a scheme for which the host has no authenticator does not start. Errors have the
//! shapes of Django REST framework: `{"field": ["message"]}`, `{"non_field_errors": ["message"]}`
//! or `{"detail": "message"}`.
//!
//! The generated code names `::specbound`; everything that it needs is at the root of this crate.

#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used))]

mod admission;
mod authority;
mod bodies;
pub mod body;
mod body_reader;
mod call;
pub mod connections;
mod constraints;
mod direct;
mod dispatcher;
mod documented;
mod error;
mod events;
pub mod export;
pub mod fields;
mod files;
mod form;
mod formats;
mod framing;
pub mod headers;
mod host;
mod keywords;
mod large_bodies;
mod lazy_body;
mod markers;
pub mod metrics;
mod multipart;
pub mod negotiation;
mod operation;
mod page;
mod parameters;
mod patterns;
mod registration;
mod request_contexts;
mod responses;
mod routes;
mod security;
mod streams;
mod typed;

pub use admission::preferred;
pub use bodies::{Either, EitherBody, JsonBody, JsonInput, RawBody, Upload};
pub use call::{Body, Call, Checked, Input, NoBody, OptionalBody, RequestBody};
pub use constraints::{Constraints, Discriminator, Problem, SchemaRef, Type};
pub use dispatcher::{Document, HttpService};
pub use documented::DocumentedResponses;
pub use error::{ApiError, Response, json_response, response, reword};
pub use events::{Event, EventData, Events, InvalidEvent, TextData, last_event_id};
pub use export::{Enforced, RequestTables};
pub use fields::{FieldErrors, Kind, NON_FIELD, Property, Rules, text_fits};
pub use files::{File, FileRow, FormFiles, SentFiles};
pub use form::{CheckedForm, Form, FormBody, FormInput};
pub use formats::TextFormat;
pub use host::{Context, Credentials, Host};
pub use http::StatusCode;
pub use keywords::{Bound, Formats};
pub use lazy_body::LazyBody;
pub use markers::{MARKER, SOURCE_SCHEMA, source_schema};
pub use operation::{
    ContentTypes, FromCaller, HasConstraints, Operation, Policy, Scopes, Security,
};
pub use page::{Page, PageRequest};
pub use parameters::{
    Headers, Parameter, Parameters, Path, Query, RawParameters, Style, parameters_schema,
};
pub use registration::on_large_stack;
pub use responses::{
    Bytes, Content, ContentBody, HandlerResult, JsonAs, MediaType, NoHeaders, Outcome, RangeReply,
    RawResponse, Reply, ResponseHeaders, Responses, UntypedJson, header_list, responses_metadata,
};
pub use routes::StartError;
pub use security::authenticate;
pub use streams::ResponseBody;
pub use typed::TypedBody;
