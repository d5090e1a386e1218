//! Crash test: `kill -9` at random moments loses no acknowledged write and leaves no partial one.
//!
//! `crash BINARY ROUNDS [SEED]` runs the real server on a file, with a real SMTP server in this
//! process. In each round, many clients write concurrently, the server is killed at a random
//! moment and restarted on the same file, and the state expected by the clients is compared with
//! the file and with the API. Exits with 1 at the first difference. The seed fixes the clients'
//! actions and the time of the kill, but not the requests in flight then.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use test_support::smtp;
use tools::load_clients::{
    Client, Failure, PARTIAL_WRITE_CHECKS, REQUEST_TIMEOUT, Rows, State, Stats, read_back,
    reconcile,
};
use tools::server::Server;

const CLIENTS: usize = 16;

/// The settings of a server on a file in its own folder.
fn settings(smtp_port: u16) -> Vec<(&'static str, String)> {
    [vec![("DB_NAME", "auth.sqlite3".to_owned())], tools::server::settings(smtp_port)].concat()
}

struct File(Connection);

impl Rows for File {
    fn stored(&mut self, username: &str) -> Result<State, Failure> {
        let File(file) = self;
        let row = file
            .prepare_cached("SELECT id, first_name FROM accounts WHERE username = $1")?
            .query_row([username], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
            .optional()?;
        let Some((id, first_name)) = row else { return Ok(State::default()) };
        let tokens = file
            .prepare_cached("SELECT digest FROM tokens WHERE account_id = $1 AND NOT revoked")?
            .query_map([id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let sessions = file
            .prepare_cached("SELECT count(*) FROM sessions WHERE account_id = $1")?
            .query_row([id], |row| row.get::<_, i64>(0))?;
        let addresses = file
            .prepare_cached("SELECT email FROM email_addresses WHERE account_id = $1")?
            .query_map([id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let sessions = usize::try_from(sessions)?;
        Ok(State { exists: true, first_name, tokens, sessions, addresses })
    }
}

/// Checks the whole file.
fn check_file(file: &Connection) -> Result<(), Failure> {
    let verdict: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(format!("integrity_check: {verdict}").into());
    }
    // No account without its address or without a session; the foreign keys cover rows without an
    // account.
    let partial_writes = [
        ("foreign_key_check", "SELECT count(*) FROM pragma_foreign_key_check"),
        // Each login creates one token, and token ids are not reused.
        (
            "logins too many or too few in the audit trail",
            "SELECT abs((SELECT seq FROM sqlite_sequence WHERE name = 'tokens') -
             (SELECT COALESCE(sum(count), 0) FROM audit WHERE event IN ('registered', 'login')))
             WHERE EXISTS (SELECT 1 FROM accounts) UNION ALL SELECT 0 LIMIT 1",
        ),
    ];
    for (what, sql) in partial_writes.into_iter().chain(PARTIAL_WRITE_CHECKS) {
        let count: i64 = file.query_row(sql, [], |row| row.get(0))?;
        if count != 0 {
            return Err(format!("{what}: {count}").into());
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() {
    if let Err(failure) = run().await {
        eprintln!("crash: {failure}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(binary), Some(rounds)) = (arguments.next(), arguments.next()) else {
        return Err("usage: crash BINARY ROUNDS [SEED]".into());
    };
    let (binary, rounds) = (Path::new(&binary).canonicalize()?, rounds.parse::<usize>()?);
    let seed = arguments.next().map_or_else(|| Ok(rand::random()), |seed| seed.parse::<u64>())?;
    println!("seed {seed}, {rounds} rounds, {CLIENTS} clients");
    let mut rng = StdRng::seed_from_u64(seed);
    let sink = smtp::Sink::plain();
    let settings = settings(sink.settings().port);
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let database = folder.join("auth.sqlite3");
    let mut clients: Vec<Client> =
        (0..CLIENTS).map(|number| Client::new(number, &mut rng)).collect();
    let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
    let (mut stats, mut killed_at_start) = (Stats::default(), 0);
    let mut server = Server::start(&binary, folder, &settings)?;
    // They stop with the server.
    let never = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    for round in 1..=rounds {
        let tasks: Vec<_> = clients
            .drain(..)
            .map(|client| tokio::spawn(client.work(server.base.clone(), Arc::clone(&never))))
            .collect();
        tokio::time::sleep(Duration::from_micros(rng.random_range(20_000..1_200_000))).await;
        server.kill().map_err(|e| format!("round {round}: {e}"))?;
        for task in tasks {
            let (client, acknowledged) = task.await?.map_err(|e| format!("round {round}: {e}"))?;
            if let Some(output) = client.unavailable {
                return Err(format!("round {round}: {output}").into());
            }
            stats.acknowledged += acknowledged;
            clients.push(client);
        }
        let pending = clients
            .iter()
            .flat_map(|client| &client.accounts)
            .filter(|account| account.pending.is_some());
        stats.kills_in_mid_write += usize::from(pending.count() > 0);
        if rng.random_range(0..5) == 0 {
            // A second kill during recovery.
            let (mut child, log) = Server::spawn(&binary, folder, &settings)?;
            drop(log);
            tokio::time::sleep(Duration::from_micros(rng.random_range(0..60_000))).await;
            child.kill()?;
            child.wait()?;
            killed_at_start += 1;
        }
        server =
            Server::start(&binary, folder, &settings).map_err(|e| format!("round {round}: {e}"))?;
        let mut file =
            File(Connection::open_with_flags(&database, OpenFlags::SQLITE_OPEN_READ_ONLY)?);
        check_file(&file.0).map_err(|e| format!("round {round}: {e}"))?;
        for account in clients.iter_mut().flat_map(|client| &mut client.accounts) {
            // Those of earlier rounds too: they must not change any more.
            reconcile(&mut file, account, &mut stats).map_err(|e| format!("round {round}: {e}"))?;
            if account.is_touched {
                let read = read_back(&http, &server.base, account, &mut stats).await;
                read.map_err(|e| format!("round {round}: {e}"))?;
            }
        }
        for client in &mut clients {
            client.accounts.retain(|account| account.state.exists);
        }
        if round % 20 == 0 || round == rounds {
            println!(
                "round {round}: {} writes acknowledged, {} s",
                stats.acknowledged,
                started.elapsed().as_secs()
            );
        }
    }
    let promised = mails(&sink, &database, &clients).await?;
    server.kill()?;
    println!(
        "{rounds} rounds: {} writes acknowledged and none lost; {} accounts made; {} comparisons \
         with the file, {} responses \
         read back\n{} kills with writes under way, {} more while starting; of the writes without \
         a response {} were wholly \
         there, {} wholly absent\nintegrity_check ok and foreign_key_check empty each \
         time\n{promised} mails promised, all \
         arrived; {} deliveries",
        stats.acknowledged,
        clients.iter().map(|client| client.accounts.len()).sum::<usize>(),
        stats.checked,
        stats.read_back,
        stats.kills_in_mid_write,
        killed_at_start,
        stats.unacknowledged_there,
        stats.unacknowledged_absent,
        sink.delivered().len(),
    );
    Ok(())
}

/// Every promised email must arrive without a further request.
async fn mails(sink: &smtp::Sink, database: &Path, clients: &[Client]) -> Result<usize, Failure> {
    let file = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    while file.query_row("SELECT count(*) FROM outbox", [], |row| row.get::<_, i64>(0))? > 0 {
        if Instant::now() > deadline {
            return Err("mails still wait".into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for address in sink.recipients() {
        *arrived.entry(address).or_default() += 1;
    }
    let mut promised = 0;
    for account in clients.iter().flat_map(|client| &client.accounts) {
        let came = arrived.get(&account.address).copied().unwrap_or(0);
        if came < account.promised {
            return Err(format!(
                "{}: {} mails promised, {came} came",
                account.address, account.promised
            )
            .into());
        }
        promised += account.promised;
    }
    Ok(promised)
}
