//! Shared by the benchmarks: a filled database, servers under test, and clients that flood them.

pub mod filling;
pub mod flood;
pub mod process;
