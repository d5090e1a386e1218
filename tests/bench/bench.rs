//! How fast, beside what nothing can be faster than: one run, one table. `bench [--smoke]`, or `bench --peers`.
//!
//! Both sides of a ratio are loaded in turns, round by round, on one machine, and the middle ratio counts: a machine that
//! is busy for a while disturbs both. Nothing here judges a figure; an answer that is not the right one ends the run.

mod filling;
mod limits;
mod load;
mod peers;
mod process;
mod rows;
mod table;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    load::check_wrk()?;
    #[cfg(unix)]
    raise_open_files()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => rows::run(&rows::FULL),
        ["--smoke"] => rows::run(&rows::SMOKE),
        ["--peers"] => peers::run(),
        _ => Err("usage: bench [--smoke | --peers]".into()),
    }
}

/// For a thousand clients on either side; what is started here inherits it.
#[cfg(unix)]
fn raise_open_files() -> Result<(), Box<dyn Error>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}
