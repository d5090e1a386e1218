//! The generated client and the senders of `courier.yaml`, which has each kind of credentials,
//! parameters, bodies, callbacks and webhooks. The tests hold them against a server that records
//! what arrives.

/// Generated from the document.
#[allow(clippy::all)]
pub mod client {
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

/// The callbacks and webhooks, with the types of the client.
#[allow(clippy::all)]
pub mod senders {
    use super::client::types;
    include!(concat!(env!("OUT_DIR"), "/senders.rs"));
}
