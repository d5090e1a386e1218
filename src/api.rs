//! What `build.rs` generated from `spec/`: types, policies, parameters, constraint tables, the trait. No logic.
#![allow(clippy::all, missing_docs)]

include!(concat!(env!("OUT_DIR"), "/api.rs"));
