//! The servers that are measured, each in a process of its own.

use std::path::Path;
use std::process::Command;

use crate::requests::PROVIDERS;
use benches::process::Process;

/// The release build of this server.
pub const BINARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/inventree-auth");

/// Starts the release build on a database, without rate limits, since all clients share one
/// address.
pub fn serve(database: &Path) -> Result<Process, String> {
    serve_by(Path::new(BINARY), database)
}

/// Like `serve`, with another binary.
pub fn serve_by(binary: &Path, database: &Path) -> Result<Process, String> {
    let log = database.with_extension("log");
    Process::start(PROVIDERS, &log, |port| {
        let mut command = Command::new(binary);
        command.args(["serve", "--bind", &format!("127.0.0.1:{port}"), "--database"]).arg(database);
        command.env("INVENTREE_LOGIN_ENABLE_REG", "true").env("INVENTREE_RATE_LIMITS", "off");
        command.env("INVENTREE_LOG_LEVEL", "warning");
        command.env("INVENTREE_USE_X_FORWARDED_FOR", "true");
        command.env("INVENTREE_TRUSTED_PROXIES", "127.0.0.1");
        command
    })
}

/// Starts `bare`, which is built with the benchmark.
pub fn serve_bare(folder: &Path) -> Result<Process, String> {
    let bare = std::env::current_exe().map_err(|error| error.to_string())?.with_file_name("bare");
    Process::start(PROVIDERS, &folder.join("bare.log"), |port| {
        let mut command = Command::new(&bare);
        command.arg(format!("127.0.0.1:{port}"));
        command
    })
}
