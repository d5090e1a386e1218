//! The document, and the code that `build.rs` generated from it: types, policies, parameters,
//! constraint tables, the trait. No logic.
#![allow(clippy::all, missing_docs)]

include!(concat!(env!("OUT_DIR"), "/api.rs"));

/// The document this binary was built from, byte for byte.
pub const SOURCE: &str = include_str!("../spec/inventree-auth-v291.yaml");
