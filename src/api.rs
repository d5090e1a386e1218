//! The document, and the code that `build.rs` generated from it: types, policies, parameters,
//! constraint tables, the trait. No logic.
#![allow(clippy::all, missing_docs)]

include!(concat!(env!("OUT_DIR"), "/api.rs"));

/// The second document: the calls that InvenTree's clients make first.
pub mod user {
    include!(concat!(env!("OUT_DIR"), "/user_api.rs"));

    /// The document this binary was built from, byte for byte.
    pub const SOURCE: &str = include_str!("../spec/inventree-user-v291.yaml");
}

/// The document this binary was built from, byte for byte.
pub const SOURCE: &str = include_str!("../spec/inventree-auth-v291.yaml");
