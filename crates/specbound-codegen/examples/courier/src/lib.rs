//! The generated client of `courier.yaml`, which has each kind of credentials. The tests hold it
//! against a server that records what arrives.

/// Generated from the document.
#[allow(clippy::all)]
pub mod client {
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}
