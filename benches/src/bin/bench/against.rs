//! Compares this build with another one of this server, each on a file of its own: the cost or
//! benefit of a change. Requests per second depend on the load generator and on other programs of
//! the machine; the processor time that the server spends on a request hardly does.

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::load::{Clients, Expect, Load, Numbers, Request, run as load};
use crate::plan::{HASHERS, Plan, READERS, WRITERS};
use crate::requests::{by_bad_token, by_session, by_token, log_in, rename};
use crate::servers::{BINARY, serve_by};
use crate::table::{Table, machine, median, number};
use benches::filling::{TOKENS_PER_ACCOUNT, fill};
use benches::process::Process;

pub fn run(plan: &Plan, other: &Path) -> Result<(), Box<dyn Error>> {
    let machine = machine();
    let folder = tempfile::tempdir()?;
    let [ours, theirs] =
        ["ours", "theirs"].map(|name| folder.path().join(format!("{name}.sqlite3")));
    // Each schema is created by its own program.
    let sides: [(&Path, &PathBuf); 2] = [(Path::new(BINARY), &ours), (other, &theirs)];
    fill(&ours.as_path().into(), plan.few_accounts)?;
    // The older schema: the newer program fills the rows, and the version is reset.
    std::fs::copy(&ours, &theirs)?;
    downgrade_schema(&theirs, other)?;
    let servers: Result<Vec<Process>, String> =
        sides.iter().map(|(binary, file)| serve_by(binary, file)).collect();
    let servers = servers?;
    let mut table = Table::new(&[
        "what",
        "this build",
        "the other",
        "ratio",
        "µs of CPU",
        "the other",
        "ratio",
        "p50, p99 ms",
    ]);
    let (accounts, tokens) = (plan.few_accounts, plan.few_accounts * TOKENS_PER_ACCOUNT);
    let rows: [(&str, Request, u32, u32, Expect); 5] = [
        ("who-am-i by token", by_token(), tokens, READERS, Expect::Success),
        ("who-am-i by session", by_session(), accounts / 2, READERS, Expect::Success),
        ("bad token (401)", by_bad_token(), tokens, READERS, Expect::Unauthorized),
        ("login", log_in(), accounts, HASHERS, Expect::Success),
        ("PATCH user", rename(), accounts, WRITERS, Expect::Success),
    ];
    for (what, request, last, connections, expect) in rows {
        let clients = Clients { connections, seconds: plan.seconds };
        let mut loads: [Vec<Load>; 2] = [Vec::new(), Vec::new()];
        let mut costs: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
        for round in 0..plan.rounds {
            // The sides take turns to go first, because the second run finds a warmer machine.
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for side in order {
                let (server, request) = (&servers[side], std::slice::from_ref(&request));
                let cpu = || server.cpu_seconds().ok_or("no processor time in /proc");
                let before = cpu()?;
                let load = load(server.port, request, Numbers::Any(last), clients, expect)?;
                costs[side].push((cpu()? - before) * 1e6 / load.requests as f64);
                loads[side].push(load);
            }
        }
        let [ours, theirs] = &loads;
        let rate = |loads: &[Load]| number(median(loads.iter().map(|load| load.per_second)));
        let ratio = median(
            ours.iter().zip(theirs).map(|(ours, theirs)| ours.per_second / theirs.per_second),
        );
        let middle = |figure: fn(&Load) -> f64| median(ours.iter().map(figure));
        let times = format!("{:.2}, {:.2}", middle(|load| load.p50_ms), middle(|load| load.p99_ms));
        let [own, other] = costs.map(median);
        table.add(vec![
            what.to_owned(),
            rate(ours),
            rate(theirs),
            format!("{ratio:.2}"),
            format!("{own:.1}"),
            format!("{other:.1}"),
            format!("{:.2}", other / own),
            times,
        ]);
    }
    println!("{machine}; medians of {} rounds of {} s\n", plan.rounds, plan.seconds);
    table.print();
    Ok(())
}

/// Resets the schema version to that of the other program, provided that only tables were added
/// since.
fn downgrade_schema(file: &Path, other: &Path) -> Result<(), Box<dyn Error>> {
    let new = tempfile::tempdir()?;
    let own = new.path().join("own.sqlite3");
    drop(serve_by(other, &own)?);
    let version: i64 = rusqlite::Connection::open(&own)?.query_row(
        "SELECT version FROM schema_version",
        [],
        |r| r.get(0),
    )?;
    rusqlite::Connection::open(file)?
        .execute("UPDATE schema_version SET version = $1", [version])?;
    Ok(())
}
