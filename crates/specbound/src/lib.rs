//! The runtime of servers that are generated from an OpenAPI 3.0 document by `specbound-codegen`.
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
//!                  └─► Page      what stands beside the document
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

mod answers;
mod authority;
mod bodies;
pub mod body;
mod call;
pub mod connections;
mod constraints;
mod direct;
mod dispatcher;
mod documented;
mod error;
pub mod export;
pub mod fields;
mod framing;
pub mod headers;
mod host;
mod json;
mod lazy_body;
pub mod metrics;
pub mod negotiation;
mod page;
mod parameters;
mod patterns;
mod request_contexts;
mod routes;
mod security;
mod typed;

pub use answers::{
    AnswerHeaders, Answers, Bytes, Content, ContentBytes, JsonAs, MediaType, NoHeaders, RangeReply,
    Reply, UntypedJson, answers_metadata, header_list,
};
pub use bodies::{Either, EitherBody, JsonBody, JsonInput, RawBody, Upload};
pub use call::{
    Body, Call, Checked, ContentTypes, Context, HandlerResult, HasConstraints, Input, MARKER,
    NoBody, Operation, OptionalBody, Outcome, Policy, RawResponse, RequestBody, SOURCE_SCHEMA,
    preferred, source_schema,
};
pub use constraints::{Constraints, Discriminator, Problem, SchemaRef, Type};
pub use dispatcher::{Document, HttpService, StartError};
pub use documented::DocumentedAnswers;
pub use error::{ApiError, NON_FIELD, Response, json_response, response, reword};
pub use export::{Enforced, RequestTables};
pub use fields::{Bound, FieldErrors, Formats, Kind, Property, Rules, text_fits};
pub use host::Host;
pub use http::StatusCode;
pub use lazy_body::LazyBody;
pub use page::{Page, PageRequest};
pub use parameters::{Headers, Parameter, Parameters, Path, Query, Sent, Style, parameters_schema};
pub use security::{Credentials, FromCaller, Scopes, Security, authenticate};
pub use typed::TypedBody;
