//! The commands of the binary: output, exit codes and files on disk.

mod backup;
mod compatibility;
mod contract;
mod copy;
mod import;
mod leaked_passwords;
mod manual;
mod operators;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_inventree-auth");
