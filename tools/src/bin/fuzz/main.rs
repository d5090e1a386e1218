//! `fuzz EXECUTIONS [--requests N] [--sign-ins N] [--documents N] [--seed N] [--only NAME]
//! [--database DATABASE]`: mutated inputs for every parser, whole requests to a server in this
//! process, sign-ins through a provider with mutated responses, and documents for the generator.
//! Exits with 1 at the first panic or 5xx, with its input and seed.

mod documents;
mod mutation;
mod parsers;
mod providers;
mod requests;
mod structure;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Parser as _;
use inventree_auth::store::Database;
use mutation::Mutator;

/// Panics of this process, including caught ones.
static PANICS: AtomicU64 = AtomicU64::new(0);

#[derive(clap::Parser)]
struct Arguments {
    /// Executions per parser.
    executions: u64,
    /// Whole requests.
    #[arg(long, default_value_t = 0)]
    requests: u64,
    /// Sign-ins through a provider.
    #[arg(long, default_value_t = 0)]
    sign_ins: u64,
    /// Mutated documents, for the readers and the generator.
    #[arg(long, default_value_t = 0)]
    documents: u64,
    /// Repeats a run; by default the time of day.
    #[arg(long)]
    seed: Option<u64>,
    /// Only parsers whose name contains this text.
    #[arg(long, default_value = "")]
    only: String,
    /// The database of the server for whole requests, new or empty; by default a file.
    #[arg(long)]
    database: Option<Database>,
}

fn main() -> Result<(), String> {
    let arguments = Arguments::parse();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = arguments.seed.unwrap_or_else(now);
    println!("seed {seed}");
    std::panic::set_hook(Box::new(|info| {
        if PANICS.fetch_add(1, Ordering::Relaxed) < 10 {
            eprintln!("{info}");
        }
    }));

    let chosen: Vec<_> =
        parsers::ALL.iter().filter(|parser| parser.name.contains(&arguments.only)).collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(parser) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = fuzz(parser, arguments.executions, seed)
                        && let Ok(mut failures) = failures.lock()
                    {
                        failures.push(why);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_default();
    if !failures.is_empty() {
        return Err(failures.join("\n"));
    }

    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    if arguments.requests > 0 {
        let started = Instant::now();
        let statuses =
            runtime.block_on(requests::run(arguments.requests, seed, arguments.database))?;
        say("whole requests", arguments.requests, started, &statuses);
        let answered: u64 =
            statuses.iter().filter(|(status, _)| **status > 0).map(|(_, count)| count).sum();
        if answered * 2 < arguments.requests {
            return Err("less than half of the requests were answered".to_owned());
        }
    }
    if arguments.sign_ins > 0 {
        let started = Instant::now();
        let statuses = runtime.block_on(providers::run(arguments.sign_ins, seed))?;
        say("providers' responses", arguments.sign_ins, started, &statuses);
        // A redirect is a successful sign-in: some must remain valid.
        if [302, 502].iter().any(|status| !statuses.contains_key(status)) {
            return Err("not every kind of end was seen".to_owned());
        }
    }
    if arguments.documents > 0 {
        let started = Instant::now();
        let outcomes = documents::run(arguments.documents, seed)?;
        say("documents", arguments.documents, started, &outcomes);
        if ["generated", "refused", "unreadable"].iter().any(|kind| !outcomes.contains_key(kind)) {
            return Err("not every kind of end was seen".to_owned());
        }
    }
    match PANICS.load(Ordering::Relaxed) {
        0 => Ok(()),
        panics => Err(format!("{panics} panics")),
    }
}

/// Prints the counts by outcome; status 0 is no response, to an incomplete request.
fn say<K: Display>(what: &str, executions: u64, started: Instant, outcomes: &BTreeMap<K, u64>) {
    let output: Vec<String> =
        outcomes.iter().map(|(outcome, count)| format!("{outcome}: {count}")).collect();
    let took = started.elapsed().as_secs();
    println!("{what:36} {executions:>11} executions, {took:5} s, {}", output.join(", "));
}

fn fuzz(parser: &parsers::Parser, executions: u64, seed: u64) -> Result<(), String> {
    let started = Instant::now();
    let good = (parser.corpus)();
    let mut mutator = Mutator::new(seed, parser.name, good.clone());
    for n in 0..executions {
        // The valid inputs first, unchanged.
        let input = good
            .get(usize::try_from(n).unwrap_or(usize::MAX))
            .cloned()
            .unwrap_or_else(|| mutator.next(8));
        match catch_unwind(AssertUnwindSafe(|| (parser.run)(&input))) {
            Ok(outcome) => mutator.learn(&input, outcome),
            Err(_) => {
                let input = input.escape_ascii();
                return Err(format!(
                    "{}: panic at execution {n} of seed {seed}: {input}",
                    parser.name
                ));
            }
        }
    }
    let took = started.elapsed().as_secs();
    println!(
        "{:36} {executions:>11} executions, {took:5} s, {} outcomes",
        parser.name,
        mutator.outcomes()
    );
    Ok(())
}
