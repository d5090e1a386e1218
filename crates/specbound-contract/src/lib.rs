//! Compares OpenAPI documents of version 3.0, 3.1 and 3.2 by meaning, and classifies which changes
//! break clients.
//!
//! - [`canonical`]: the canonical form. Documents with the same meaning have equal canonical forms.
//! - [`diff`]: the smallest differences between two documents.
//! - [`compatibility`]: one verdict per difference: compatible, unclear or breaking, for which
//!   clients, and why.
//! - [`witness`]: a request or response that shows the effect of a change.
//! - [`report`]: both results in the formats that people and programs read, with the exit decision
//!   of a command line.
//! - [`policy`]: the severities and acceptances of a team.
//! - [`select`], [`combine`]: a part of a document, and one document of many.
//! - [`flatten`], [`convert`]: a document without `allOf`, or in another version.
//! - [`enforced`]: which schema keywords a generated server enforces, for the document that it
//!   exports.
//! - [`keep_content_type`]: a reduced copy for client generators that cannot read several content
//!   types.
//!
//! It depends on no HTTP server and performs no I/O beyond a [`FileReader`] and standard input.
//!
//! ```
//! use specbound_contract::compatibility::{self, Severity};
//! use specbound_contract::parse;
//!
//! let old = parse("openapi: 3.0.3\npaths: {/ping: {get: {}}, /pong: {}}")?;
//! let new = parse("openapi: 3.0.3\npaths: {/pong: {}}")?;
//! let verdicts = compatibility::compare(&old, &new);
//! assert_eq!(verdicts[0].severity, Severity::Breaking);
//! assert_eq!(verdicts[0].location, "`/ping`");
//! # Ok::<(), specbound_contract::ParseError>(())
//! ```

#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used))]

mod canonical;
mod changelog;
pub mod combine;
pub mod compatibility;
pub mod convert;
mod date;
pub mod diff;
mod document;
mod edit;
mod files;
pub mod flatten;
mod formats;
mod html;
mod lifecycle;
pub mod policy;
mod quoting;
pub mod report;
mod resolve;
pub mod select;
mod simplify;
mod source;
mod summary;
mod version;

pub use canonical::canonical;
pub use compatibility::witness;
pub use date::Day;
pub use document::{Document, ParseError, SourcePlace, parse};
pub use files::{Disk, FileReader, ReadOptions};
pub use simplify::{MissingContentType, keep_content_type};
pub use source::{Position, SyntaxError};
