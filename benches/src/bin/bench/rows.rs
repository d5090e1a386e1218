//! The tables of this server against its upper limits, and of a million accounts against a
//! thousand.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::limits::{commits_per_second, hashes_per_second};
use crate::load::{Clients, Expect, Load, Numbers, Request, run as load, start as start_load};
use crate::plan::{FLOODERS, HASHERS, Plan, READERS, WRITERS};
use crate::requests::{
    PROVIDERS, USER, by_bad_token, by_basic, by_session, by_token, forwarded_by_session,
    forwarded_by_token, log_in, log_out, register, rename,
};
use crate::servers::{serve, serve_bare};
use crate::table::{Table, machine, median, number};
use benches::filling::{ACCOUNTS_PER_SESSION, TOKENS_PER_ACCOUNT, fill};
use benches::flood::Flood;
use benches::process::Process;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A row of the table; empty cells are left blank.
struct Row<'t> {
    what: &'t str,
    ours: &'t str,
    reference: &'t str,
    ratio: &'t str,
    promised: &'t str,
}

impl<'t> Row<'t> {
    fn of(what: &'t str) -> Row<'t> {
        Row { what, ours: "", reference: "", ratio: "", promised: "" }
    }
}

struct Bench<'p> {
    plan: &'p Plan,
    table: Table,
}

pub fn run(plan: &Plan) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let mut bench = Bench::new(plan);
    let few = bench.few_accounts(folder.path())?;
    {
        let server = serve(&few)?;
        let bare = serve_bare(folder.path())?;
        bench.start_and_idle(&server);
        bench.reads(&server, &bare)?;
        bench.hashing(&server)?;
        bench.login_storm(&server)?;
        bench.flood(&server)?;
        bench.mixed(&server)?;
    }
    bench.writes(folder.path())?;
    bench.many_accounts(&few, folder.path())?;
    bench.print();
    Ok(())
}

/// Only the rows that read.
pub fn run_reads(plan: &Plan) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let mut bench = Bench::new(plan);
    let few = bench.few_accounts(folder.path())?;
    bench.reads(&serve(&few)?, &serve_bare(folder.path())?)?;
    bench.print();
    Ok(())
}

impl Bench<'_> {
    fn new(plan: &Plan) -> Bench<'_> {
        let headings =
            &["what", "this server", "beside", "ratio", "promised", "p50, p99 ms", "PSS MiB"];
        Bench { plan, table: Table::new(headings) }
    }

    fn few_accounts(&self, folder: &Path) -> Outcome<PathBuf> {
        let few = folder.join("few.sqlite3");
        fill(&few.as_path().into(), self.plan.few_accounts)?;
        Ok(few)
    }

    fn print(&self) {
        let Plan { rounds, seconds, .. } = self.plan;
        println!("{}; medians of {rounds} rounds of {seconds} s\n", machine());
        self.table.print();
    }

    fn start_and_idle(&mut self, server: &Process) {
        let millis = server.started_in.as_secs_f64() * 1000.0;
        self.add_row(
            Row {
                ours: &format!("{millis:.0} ms"),
                promised: "50 ms",
                ..Row::of("start to first reply")
            },
            None,
            server,
        );
        self.add_row(Row { promised: "20 MiB", ..Row::of("memory idle") }, None, server);
    }

    fn reads(&mut self, server: &Process, bare: &Process) -> Outcome<()> {
        let few = self.plan.few_accounts;
        let clients = Clients { connections: READERS, seconds: self.plan.seconds };
        let tokens = Numbers::Any(few * TOKENS_PER_ACCOUNT);
        let sessions = Numbers::Any(few / ACCOUNTS_PER_SESSION);
        let good = Expect::Success;
        let rows: [(&str, Request, Numbers, Expect, &str, &str); 4] = [
            ("who-am-i by token", by_token(), tokens, good, USER, "0.80"),
            ("who-am-i by session", by_session(), sessions, good, USER, "0.75"),
            ("bad token (401)", by_bad_token(), tokens, Expect::Unauthorized, "/refused/", "0.80"),
            ("providers", Request::get(PROVIDERS), tokens, good, PROVIDERS, ""),
        ];
        for (what, request, numbers, expect, path, promised) in rows {
            // The same request except for its path, so that both cost the load generator the same.
            let at_bare = [request.clone().at(path)];
            self.compare(
                (what, "bare dropshot", promised),
                server,
                || load(server.port, std::slice::from_ref(&request), numbers, clients, expect),
                || Ok(load(bare.port, &at_bare, numbers, clients, good)?.per_second),
            )?;
        }
        // Beside the same look-up on the same server.
        for (what, request, who_am_i, numbers) in [
            ("forward authentication by token", forwarded_by_token(), by_token(), tokens),
            ("forward authentication by session", forwarded_by_session(), by_session(), sessions),
        ] {
            let read = |request: &Request| {
                load(server.port, std::slice::from_ref(request), numbers, clients, good)
            };
            self.compare(
                (what, "who-am-i", "0.95"),
                server,
                || read(&request),
                || Ok(read(&who_am_i)?.per_second),
            )?;
        }
        Ok(())
    }

    fn hashing(&mut self, server: &Process) -> Outcome<()> {
        let seconds = self.plan.seconds_for(HASHERS);
        let clients = Clients { connections: HASHERS, seconds };
        let accounts = Numbers::Any(self.plan.few_accounts);
        let alone = || hashes_per_second(1, Duration::from_secs(self.plan.seconds.into()));
        let reference = "argon2 alone, all cores";
        self.compare(
            ("who-am-i by Basic", reference, ""),
            server,
            || load(server.port, &[by_basic()], accounts, clients, Expect::Success),
            alone,
        )?;
        self.compare(
            ("login", reference, "0.95"),
            server,
            || load(server.port, &[log_in()], accounts, clients, Expect::Success),
            alone,
        )?;
        let mut next = 1;
        self.compare(
            ("registration", reference, "0.90"),
            server,
            || {
                let made = load(
                    server.port,
                    &[register()],
                    Numbers::EachFrom(next),
                    clients,
                    Expect::Success,
                )?;
                // Requests in flight at the end create accounts too.
                next += u32::try_from(made.requests).unwrap_or(u32::MAX) + 2 * HASHERS;
                Ok(made)
            },
            alone,
        )
    }

    /// Who-am-i with and without many concurrent logins.
    fn login_storm(&mut self, server: &Process) -> Outcome<()> {
        let (few, seconds) = (self.plan.few_accounts, self.plan.seconds);
        let clients = Clients { connections: READERS, seconds };
        let request = [by_token()];
        let tokens = Numbers::Any(few * TOKENS_PER_ACCOUNT);
        let (mut calm, mut stormy) = (Vec::new(), Vec::new());
        for _ in 0..self.plan.rounds {
            calm.push(load(server.port, &request, tokens, clients, Expect::Success)?);
            let crowd = Clients { connections: HASHERS, seconds: seconds + 1 };
            let storm =
                start_load(server.port, &[log_in()], Numbers::Any(few), crowd, Expect::Success)?;
            std::thread::sleep(Duration::from_millis(500));
            stormy.push(load(server.port, &request, tokens, clients, Expect::Success)?);
            storm.finish()?;
        }
        let ratio = |figure: fn(&Load) -> f64| {
            median(stormy.iter().zip(&calm).map(|(a, b)| figure(a) / figure(b)))
        };
        let what = format!("who-am-i while {HASHERS} clients log in");
        let rate = median(stormy.iter().map(|l| l.per_second));
        let reference =
            format!("without them {}", number(median(calm.iter().map(|l| l.per_second))));
        let through = format!("{:.2}", ratio(|l| l.per_second));
        let row = Row {
            ours: &number(rate),
            reference: &reference,
            ratio: &through,
            promised: "0.40",
            ..Row::of(&what)
        };
        self.add_row(row, Some(&stormy), server);
        let p99 = |loads: &[Load]| format!("{:.1} ms", median(loads.iter().map(|l| l.p99_ms)));
        let (times, reference) =
            (format!("{:.1}", ratio(|l| l.p99_ms)), format!("without them {}", p99(&calm)));
        let ours = p99(&stormy);
        let row = Row {
            ours: &ours,
            reference: &reference,
            ratio: &times,
            promised: "at most 4",
            ..Row::of("its p99")
        };
        self.add_row(row, None, server);
        Ok(())
    }

    /// Who-am-i with and without clients that send bodies of the maximum size.
    fn flood(&mut self, server: &Process) -> Outcome<()> {
        let clients = Clients { connections: READERS, seconds: self.plan.seconds };
        let request = [by_token()];
        let tokens = Numbers::Any(self.plan.few_accounts * TOKENS_PER_ACCOUNT);
        let (mut calm, mut flooded) = (Vec::new(), Vec::new());
        for _ in 0..self.plan.rounds {
            calm.push(load(server.port, &request, tokens, clients, Expect::Success)?);
            let flood = Flood::start(server.port, FLOODERS);
            std::thread::sleep(Duration::from_millis(500));
            flooded.push(load(server.port, &request, tokens, clients, Expect::Success)?);
            flood.stop()?;
        }
        let p50 = |loads: &[Load]| format!("p50 {:.2} ms", median(loads.iter().map(|l| l.p50_ms)));
        let ratio =
            median(flooded.iter().zip(&calm).map(|(flooded, calm)| flooded.p50_ms / calm.p50_ms));
        let what = format!("who-am-i while {FLOODERS} clients send bodies of 2.5 MB");
        let (ours, reference, ratio) =
            (p50(&flooded), format!("without them {}", p50(&calm)), format!("{ratio:.2}"));
        let row = Row {
            ours: &ours,
            reference: &reference,
            ratio: &ratio,
            promised: "at most 2",
            ..Row::of(&what)
        };
        self.add_row(row, Some(&flooded), server);
        Ok(())
    }

    /// A thousand clients of all kinds, each kind at its own rate.
    fn mixed(&mut self, server: &Process) -> Outcome<()> {
        let few = self.plan.few_accounts;
        let seconds = self.plan.mixed_seconds;
        let sessions = Numbers::Any(few / ACCOUNTS_PER_SESSION);
        let reads = [
            by_token().weight(80),
            by_session().weight(10),
            by_bad_token().weight(5),
            Request::get(PROVIDERS).weight(5),
        ];
        let crowds = [
            (&reads[..], sessions, 900, Expect::Both),
            (&[log_in()][..], Numbers::Any(few), HASHERS, Expect::Success),
            (&[rename()][..], Numbers::Any(few), 36, Expect::Success),
        ];
        let under_way: Result<Vec<_>, String> = crowds
            .into_iter()
            .map(|(requests, numbers, connections, expect)| {
                start_load(server.port, requests, numbers, Clients { connections, seconds }, expect)
            })
            .collect();
        let loads: Result<Vec<Load>, String> =
            under_way?.into_iter().map(|load| load.finish()).collect();
        let loads = loads?;
        let names = ["900 read", "64 log in", "36 rename themselves"];
        for (name, load) in names.into_iter().zip(&loads) {
            let what = format!("1,000 mixed clients for {seconds} s: {name}");
            self.add_row(
                Row { ours: &number(load.per_second), ..Row::of(&what) },
                Some(&[*load]),
                server,
            );
        }
        Ok(())
    }

    fn writes(&mut self, folder: &Path) -> Outcome<()> {
        let clients = Clients { connections: WRITERS, seconds: self.plan.seconds };
        let accounts = self.plan.written_accounts;
        let rows: [(&str, Request, &str, u32); 2] = [
            (
                "logout",
                log_out(),
                "DELETE FROM tokens WHERE id = $1",
                accounts * TOKENS_PER_ACCOUNT,
            ),
            (
                "PATCH user",
                rename(),
                "UPDATE accounts SET first_name = 'N' || id WHERE id = $1",
                accounts,
            ),
        ];
        let [filled, ours, raw] =
            ["filled", "ours", "raw"].map(|name| folder.join(format!("{name}.sqlite3")));
        fill(&filled.as_path().into(), accounts)?;
        std::fs::copy(&filled, &ours)?;
        let server = serve(&ours)?;
        // PATCH first: it needs tokens, which logouts revoke.
        for (what, request, sql, rows) in rows.into_iter().rev() {
            let mut next = 1;
            self.compare(
                (what, "raw SQLite, a commit each", "5"),
                &server,
                || {
                    let numbers = match what {
                        "logout" => Numbers::EachFrom(next),
                        _ => Numbers::Any(accounts),
                    };
                    let done = load(
                        server.port,
                        std::slice::from_ref(&request),
                        numbers,
                        clients,
                        Expect::Success,
                    )?;
                    next += u32::try_from(done.requests).unwrap_or(u32::MAX) + 2 * WRITERS;
                    Ok(done)
                },
                || {
                    let duration = Duration::from_secs(self.plan.seconds.into());
                    std::fs::copy(&filled, &raw).map_err(|e| e.to_string())?;
                    commits_per_second(&raw, sql, WRITERS as usize, rows, duration)
                },
            )?;
        }
        Ok(())
    }

    /// A million accounts against a thousand.
    fn many_accounts(&mut self, few: &Path, folder: &Path) -> Outcome<()> {
        let many: PathBuf = folder.join("many.sqlite3");
        fill(&many.as_path().into(), self.plan.many_accounts)?;
        let (few, many) = (serve(few)?, serve(&many)?);
        let accounts = number(self.plan.many_accounts.into());
        let millis = many.started_in.as_secs_f64() * 1000.0;
        let what = format!("start to first reply with {accounts} accounts");
        self.add_row(
            Row { ours: &format!("{millis:.0} ms"), promised: "50 ms", ..Row::of(&what) },
            None,
            &many,
        );
        let size = |many: bool| if many { self.plan.many_accounts } else { self.plan.few_accounts };
        let seconds = self.plan.seconds;
        for (what, request, per_account, connections) in
            [("who-am-i by token", by_token(), TOKENS_PER_ACCOUNT, 8), ("login", log_in(), 1, 2)]
        {
            let (mut at_few, mut at_many) = (Vec::new(), Vec::new());
            for _ in 0..self.plan.rounds {
                for (server, is_many, loads) in
                    [(&few, false, &mut at_few), (&many, true, &mut at_many)]
                {
                    let numbers = Numbers::Any(size(is_many) * per_account);
                    let clients = Clients { connections, seconds };
                    loads.push(load(
                        server.port,
                        std::slice::from_ref(&request),
                        numbers,
                        clients,
                        Expect::Success,
                    )?);
                }
            }
            let p50 =
                |loads: &[Load]| format!("p50 {:.3} ms", median(loads.iter().map(|l| l.p50_ms)));
            let ratio = median(at_many.iter().zip(&at_few).map(|(a, b)| a.p50_ms / b.p50_ms));
            let what = format!("{what}, any of {accounts} accounts");
            let reference =
                format!("any of {}: {}", number(self.plan.few_accounts.into()), p50(&at_few));
            let ours = p50(&at_many);
            let ratio = format!("{ratio:.2}");
            let row = Row {
                ours: &ours,
                reference: &reference,
                ratio: &ratio,
                promised: "at most 1.15",
                ..Row::of(&what)
            };
            self.add_row(row, Some(&at_many), &many);
        }
        self.add_row(
            Row { promised: "96 MiB", ..Row::of(&format!("memory after the {accounts}")) },
            None,
            &many,
        );
        Ok(())
    }

    /// A rate against its limit, in turns.
    fn compare(
        &mut self,
        (what, reference, promised): (&str, &str, &str),
        server: &Process,
        mut ours: impl FnMut() -> Result<Load, String>,
        mut limit: impl FnMut() -> Result<f64, String>,
    ) -> Outcome<()> {
        let (mut loads, mut limits) = (Vec::new(), Vec::new());
        for _ in 0..self.plan.rounds {
            loads.push(ours()?);
            limits.push(limit()?);
        }
        let ratio = median(loads.iter().zip(&limits).map(|(load, limit)| load.per_second / limit));
        let rate = number(median(loads.iter().map(|load| load.per_second)));
        let reference = format!("{reference}: {}", number(median(limits)));
        let ratio = format!("{ratio:.2}");
        let row =
            Row { ours: &rate, reference: &reference, ratio: &ratio, promised, ..Row::of(what) };
        self.add_row(row, Some(&loads), server);
        Ok(())
    }

    /// Adds a row with latencies and memory.
    fn add_row(&mut self, row: Row<'_>, loads: Option<&[Load]>, server: &Process) {
        let times = loads.map(|loads| {
            let middle = |figure: fn(&Load) -> f64| median(loads.iter().map(figure));
            format!("{:.2}, {:.2}", middle(|l| l.p50_ms), middle(|l| l.p99_ms))
        });
        let memory = format!("{:.1}", server.memory_mib());
        let times = times.unwrap_or_default();
        let Row { what, ours, reference, ratio, promised } = row;
        self.table.add(
            [what, ours, reference, ratio, promised, &times, &memory].map(str::to_owned).to_vec(),
        );
    }
}
