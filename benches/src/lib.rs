//! Shared by the benchmarks: a filled database, servers under test, clients that flood them, and
//! raw requests.

pub mod filling;
pub mod flood;
pub mod process;
pub mod raw;
