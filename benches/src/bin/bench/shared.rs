//! The table of servers on one PostgreSQL: one server against the limit of its pool, and three
//! against one.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use inventree_auth::domain::keys::digest;
use inventree_auth::store::{Database, Store};

use crate::limits::hashes_per_second;
use crate::load::{Clients, Expect, Load, Numbers, Request, run as load, start as start_load};
use crate::plan::{HASHERS, Plan, READERS, WRITERS};
use crate::requests::{PROVIDERS, by_token, log_in, rename};
use crate::servers::BINARY;
use crate::table::{Table, machine, median, number};
use benches::filling::{TOKENS_PER_ACCOUNT, fill, token_key};
use benches::process::Process;
use test_support::postgres::{Cluster, url};

type Outcome<T> = Result<T, Box<dyn Error>>;

const NODES: usize = 3;

struct Shared<'p> {
    plan: &'p Plan,
    table: Table,
    nodes: Vec<Process>,
}

pub fn run(plan: &Plan) -> Outcome<()> {
    let machine = machine();
    let cluster =
        Cluster::start(true).ok_or("PostgreSQL is not installed: apt-get install postgresql")?;
    let address = url(cluster.port, "postgres");
    let database: Database = address.parse()?;
    fill(&database, plan.few_accounts)?;
    let folder = tempfile::tempdir()?;
    let nodes: Result<Vec<_>, _> =
        (0..NODES).map(|n| serve(&address, &folder.path().join(format!("{n}.log")))).collect();
    let headings = &["what", "measured", "beside", "ratio", "promised", "p50, p99 ms", "PSS MiB"];
    let mut shared = Shared { plan, table: Table::new(headings), nodes: nodes? };
    let store = Store::open(&database)?;
    shared.who_am_i(&store)?;
    shared.logins()?;
    let tokens = Numbers::Any(plan.few_accounts * TOKENS_PER_ACCOUNT);
    let accounts = Numbers::Any(plan.few_accounts);
    shared.three_beside_one("who-am-i by token", &by_token(), tokens, READERS)?;
    shared.three_beside_one("login", &log_in(), accounts, HASHERS)?;
    shared.three_beside_one("PATCH user", &rename(), accounts, WRITERS)?;
    store.close();
    println!(
        "{machine}; PostgreSQL on the same machine, durable; medians of {} rounds of {} s, of 64 \
         clients at least 10 s\n",
        plan.rounds, plan.seconds
    );
    shared.table.print();
    Ok(())
}

fn serve(address: &str, log: &Path) -> Result<Process, String> {
    Process::start(PROVIDERS, log, |port| {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--bind", &format!("127.0.0.1:{port}"), "--database", address]);
        command.env("INVENTREE_LOGIN_ENABLE_REG", "true").env("INVENTREE_RATE_LIMITS", "off");
        command
            .env("INVENTREE_LOG_LEVEL", "warning")
            .env("INVENTREE_SECRET_KEY", "of no importance, and the same on all");
        command
    })
}

impl Shared<'_> {
    fn who_am_i(&mut self, store: &Store) -> Outcome<()> {
        let tokens = self.plan.few_accounts * TOKENS_PER_ACCOUNT;
        let (mut loads, mut limits) = (Vec::new(), Vec::new());
        let runtime = tokio::runtime::Runtime::new()?;
        for _ in 0..self.plan.rounds {
            loads.push(self.one_load(&by_token(), Numbers::Any(tokens), READERS)?);
            let duration = Duration::from_secs(self.plan.seconds.into());
            limits.push(runtime.block_on(selects_per_second(store, tokens, duration))?);
        }
        self.add_row(
            "who-am-i by token, one server",
            &loads,
            "the bare SELECT, same connections",
            &limits,
            "0.50",
        );
        Ok(())
    }

    fn logins(&mut self) -> Outcome<()> {
        let (mut loads, mut limits, mut crowded) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.plan.rounds {
            loads.push(self.one_load(&log_in(), Numbers::Any(self.plan.few_accounts), HASHERS)?);
            limits.push(hashes_per_second(1, Duration::from_secs(self.plan.seconds.into()))?);
            // Contention of three servers on one machine.
            crowded.push(hashes_per_second(NODES, Duration::from_secs(self.plan.seconds.into()))?);
        }
        self.add_row("login, one server", &loads, "argon2 alone, all cores", &limits, "");
        let ratio = median(crowded.iter().zip(&limits).map(|(crowded, limit)| crowded / limit));
        let reference = format!("a thread for each core: {}", number(median(limits)));
        let crowded = number(median(crowded));
        let cells = [
            "argon2 alone, three threads for each core",
            &crowded,
            &reference,
            &format!("{ratio:.2}"),
            "",
            "",
            "",
        ];
        self.table.add(cells.map(str::to_owned).to_vec());
        Ok(())
    }

    /// The same total number of clients, on one server and on three.
    fn three_beside_one(
        &mut self,
        what: &str,
        request: &Request,
        numbers: Numbers,
        clients: u32,
    ) -> Outcome<()> {
        let (mut three, mut one) = (Vec::new(), Vec::new());
        for _ in 0..self.plan.rounds {
            three.push(self.load(request, numbers, clients, NODES)?);
            one.push(self.load(request, numbers, clients, 1)?.per_second);
        }
        self.add_row(&format!("{what}, three servers"), &three, "one server", &one, "1.00");
        Ok(())
    }

    fn one_load(
        &self,
        request: &Request,
        numbers: Numbers,
        connections: u32,
    ) -> Result<Load, String> {
        let clients = Clients { connections, seconds: self.plan.seconds_for(connections) };
        load(self.nodes[0].port, std::slice::from_ref(request), numbers, clients, Expect::Success)
    }

    /// Spreads the load over several servers, with the same number of generators in either case.
    /// Returns the total rate and the latencies of the slowest.
    fn load(
        &self,
        request: &Request,
        numbers: Numbers,
        connections: u32,
        servers: usize,
    ) -> Outcome<Load> {
        let share = connections / u32::try_from(NODES)?;
        let clients = Clients { connections: share, seconds: self.plan.seconds_for(connections) };
        let requests = std::slice::from_ref(request);
        let under_way: Result<Vec<_>, _> = (self.nodes.iter().take(servers).cycle().take(NODES))
            .map(|node| start_load(node.port, requests, numbers, clients, Expect::Success))
            .collect();
        let loads: Result<Vec<Load>, _> =
            under_way?.into_iter().map(|load| load.finish()).collect();
        let together = loads?.into_iter().reduce(|all, load| Load {
            requests: all.requests + load.requests,
            per_second: all.per_second + load.per_second,
            p50_ms: all.p50_ms.max(load.p50_ms),
            p99_ms: all.p99_ms.max(load.p99_ms),
        });
        Ok(together.ok_or("no load")?)
    }

    fn add_row(
        &mut self,
        what: &str,
        loads: &[Load],
        reference: &str,
        limits: &[f64],
        promised: &str,
    ) {
        let ratio = median(loads.iter().zip(limits).map(|(load, limit)| load.per_second / limit));
        let middle = |figure: fn(&Load) -> f64| median(loads.iter().map(figure));
        self.table.add(vec![
            what.to_owned(),
            number(middle(|load| load.per_second)),
            format!("{reference}: {}", number(median(limits.iter().copied()))),
            format!("{ratio:.2}"),
            promised.to_owned(),
            format!("{:.2}, {:.2}", middle(|load| load.p50_ms), middle(|load| load.p99_ms)),
            format!("{:.1}", self.nodes[0].memory_mib()),
        ]);
    }
}

/// The prepared statement of who-am-i over the server's connections, with one task per client.
async fn selects_per_second(store: &Store, tokens: u32, duration: Duration) -> Outcome<f64> {
    let digests: Vec<[u8; 32]> =
        (1..=tokens).map(|number| digest(&token_key(&format!("{number:08}")))).collect();
    let (digests, next) = (Arc::new(digests), Arc::new(AtomicU32::new(0)));
    let started = Instant::now();
    let end = started + duration;
    let tasks: Vec<_> = (0..READERS)
        .map(|_| {
            let (store, digests, next) = (store.clone(), Arc::clone(&digests), Arc::clone(&next));
            tokio::spawn(async move {
                let mut done = 0_u64;
                while Instant::now() < end {
                    let number = next.fetch_add(1, Ordering::Relaxed) % tokens;
                    let found = store
                        .token_find(&digests[number as usize])
                        .await
                        .map_err(|e| e.to_string())?;
                    found.ok_or("a token that is not there")?;
                    done += 1;
                }
                Ok::<_, String>(done)
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    Ok(done as f64 / started.elapsed().as_secs_f64())
}
