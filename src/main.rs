//! The binary: everything is in the library.

use std::process::ExitCode;

/// Half of a read's own time was the system's allocator; this one also gives memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    inventree_auth::cli::run()
}
