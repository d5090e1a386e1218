//! Shared by the crash tests: the server that is killed, and clients that know the result of
//! each of their writes.

pub mod load_clients;
pub mod server;
