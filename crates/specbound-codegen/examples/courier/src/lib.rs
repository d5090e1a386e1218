//! The generated client and the senders of `courier.yaml`, which has each kind of credentials,
//! parameters, bodies, callbacks and webhooks, and the client of `depot.yaml`, which shares their
//! common code. The tests hold them against a server that records the requests.

/// The common code of all.
#[allow(clippy::all)]
mod support {
    include!(concat!(env!("OUT_DIR"), "/support.rs"));
}

/// Generated from `courier.yaml`.
#[allow(clippy::all)]
pub mod client {
    include!(concat!(env!("OUT_DIR"), "/courier_client.rs"));
}

/// The callbacks and webhooks, with the types of the client.
#[allow(clippy::all)]
pub mod senders {
    use super::client::types;
    include!(concat!(env!("OUT_DIR"), "/courier_senders.rs"));
}

/// Generated from `depot.yaml`.
#[allow(clippy::all)]
pub mod depot {
    include!(concat!(env!("OUT_DIR"), "/depot_client.rs"));
}
