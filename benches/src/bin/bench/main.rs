//! Benchmark against upper limits: one run, one table. `bench [--smoke | --reads]`, `bench
//! --peers`, `bench --against BINARY`, or `bench --postgresql [--smoke]`.
//!
//! Both sides of a ratio are loaded in turns on one machine, and the median ratio counts, so that
//! other load disturbs both alike. Figures are not judged; an unexpected response aborts the run.

mod against;
mod limits;
mod load;
mod peers;
mod plan;
mod requests;
mod rows;
mod servers;
mod shared;
mod table;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    load::check_wrk()?;
    #[cfg(unix)]
    raise_open_files()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => rows::run(&plan::FULL),
        ["--smoke"] => rows::run(&plan::SMOKE),
        ["--reads"] => rows::run_reads(&plan::FULL),
        ["--peers"] => peers::run(),
        ["--against", other] => against::run(&plan::FULL, other.as_ref()),
        ["--postgresql"] => shared::run(&plan::FULL),
        ["--postgresql", "--smoke"] => shared::run(&plan::SMOKE),
        _ => {
            let usage = "usage: bench [--smoke | --reads | --peers | --against BINARY | \
                         --postgresql [--smoke]]";
            Err(usage.into())
        }
    }
}

/// For a thousand clients on either side. Child processes inherit the limit.
#[cfg(unix)]
fn raise_open_files() -> Result<(), Box<dyn Error>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}
