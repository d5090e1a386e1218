//! Crash test of three servers on one PostgreSQL: `kill -9` of a server or of the database loses
//! no acknowledged write, duplicates no email and does not block the other servers.
//!
//! `nodes BINARY ROUNDS [SEED [database]]`: in each round many clients write to all three servers,
//! and one server or the database is killed at a random moment and restarted (with `database`,
//! only the latter). The other servers must respond to reads and writes within two seconds of the
//! kill, or of the restart of the database, and show each other's acknowledged writes. Then the
//! state expected by the clients is compared with the rows and with the API. Exits with 1 at the
//! first difference.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use test_support::postgres::Cluster;
use test_support::smtp;
use tools::load_clients::{
    Client, Failure, PARTIAL_WRITE_CHECKS, REQUEST_TIMEOUT, Rows, State, Stats, read_back,
    reconcile,
};
use tools::server::Server;

const NODES: usize = 3;
const CLIENTS: usize = 18;
/// Maximum interruption of the other servers.
const MAX_INTERRUPTION: Duration = Duration::from_secs(2);
const DATABASE: &str = "postgres";

/// Writes to one server and reads from the next, continuously.
#[derive(Clone)]
struct Probe {
    token: String,
    count: u64,
}

/// Start of the last write and read that succeeded.
type LastGood = Arc<Mutex<Option<Instant>>>;

impl Probe {
    /// Runs until stopped. A response may be missing, but never wrong.
    async fn run(
        mut self,
        writes_to: String,
        reads_at: String,
        last_good: LastGood,
        stop: Arc<AtomicBool>,
    ) -> Result<Probe, Failure> {
        let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
        let authorization = format!("Token {}", self.token);
        while !stop.load(Ordering::SeqCst) {
            let begun = Instant::now();
            self.count += 1;
            let name = format!("name {}", self.count);
            let write = http
                .patch(format!("{writes_to}/api/auth/user/"))
                .json(&json!({ "first_name": name }));
            let written = write.header("authorization", &authorization).send().await;
            let is_written = written.as_ref().is_ok_and(|response| response.status() == 200);
            if let Ok(response) = written
                && ![200, 503].contains(&response.status().as_u16())
            {
                return Err(
                    format!("a probe's write was answered with {}", response.status()).into()
                );
            }
            let read = http
                .get(format!("{reads_at}/api/auth/user/"))
                .header("authorization", &authorization)
                .send()
                .await;
            let Ok(response) = read else {
                // The server it reads from is down; the write alone tells about the other.
                if is_written {
                    *last_good.lock().map_err(|e| e.to_string())? = Some(begun);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let status = response.status();
            let record: Value = response.json().await.unwrap_or_default();
            match (status.as_u16(), is_written) {
                (200, true) if record["first_name"] == name.as_str() => {
                    *last_good.lock().map_err(|e| e.to_string())? = Some(begun);
                }
                (200, true) => {
                    return Err(format!(
                        "{name} was acknowledged, and the next server shows {record}"
                    )
                    .into());
                }
                (200 | 503, _) => tokio::time::sleep(Duration::from_millis(10)).await,
                (other, _) => {
                    return Err(format!("a probe's read was answered with {other}").into());
                }
            }
        }
        Ok(self)
    }
}

struct DatabaseRows(postgres::Client);

impl Rows for DatabaseRows {
    fn stored(&mut self, username: &str) -> Result<State, Failure> {
        let row = self
            .0
            .query_opt("SELECT id, first_name FROM accounts WHERE username = $1", &[&username])?;
        let Some(row) = row else { return Ok(State::default()) };
        let id: i64 = row.get(0);
        let digests = self
            .0
            .query("SELECT digest FROM tokens WHERE account_id = $1 AND NOT revoked", &[&id])?;
        let tokens: Result<_, _> =
            digests.iter().map(|row| row.get::<_, &[u8]>(0).try_into()).collect();
        let sessions: i64 =
            self.0.query_one("SELECT COUNT(*) FROM sessions WHERE account_id = $1", &[&id])?.get(0);
        let addresses =
            self.0.query("SELECT email FROM email_addresses WHERE account_id = $1", &[&id])?;
        Ok(State {
            exists: true,
            first_name: row.get(1),
            tokens: tokens?,
            sessions: usize::try_from(sessions)?,
            addresses: addresses.iter().map(|row| row.get(0)).collect(),
        })
    }
}

impl DatabaseRows {
    fn open(port: u16) -> Result<DatabaseRows, Failure> {
        Ok(DatabaseRows(postgres::Client::connect(
            &test_support::postgres::url(port, DATABASE),
            postgres::NoTls,
        )?))
    }

    fn number(&mut self, sql: &str) -> Result<i64, Failure> {
        Ok(self.0.query_one(sql, &[])?.get(0))
    }

    /// Checks all rows.
    fn check(&mut self) -> Result<(), Failure> {
        let own = [(
            "tokens handed out that the audit trail does not know",
            "SELECT GREATEST(0, (SELECT COUNT(*) FROM tokens) -
                 (SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM audit WHERE event IN \
                 ('registered', 'login')))",
        )];
        for (what, sql) in own.into_iter().chain(PARTIAL_WRITE_CHECKS) {
            let count = self.number(sql)?;
            if count != 0 {
                return Err(format!("{what}: {count}").into());
            }
        }
        Ok(())
    }
}

fn main() {
    let Some(cluster) = Cluster::start(true) else {
        eprintln!("nodes: PostgreSQL is not installed");
        std::process::exit(1);
    };
    if let Err(failure) = run(cluster) {
        eprintln!("nodes: {failure}");
        std::process::exit(1);
    }
}

fn run(mut cluster: Cluster) -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(binary), Some(rounds)) = (arguments.next(), arguments.next()) else {
        return Err("usage: nodes BINARY ROUNDS [SEED [database]]".into());
    };
    let (binary, rounds) = (Path::new(&binary).canonicalize()?, rounds.parse::<usize>()?);
    let seed = arguments.next().map_or_else(|| Ok(rand::random()), |seed| seed.parse::<u64>())?;
    let database_alone = arguments.next().is_some_and(|word| word == "database");
    println!("seed {seed}, {rounds} rounds, {NODES} servers, {CLIENTS} clients");
    let mut rng = StdRng::seed_from_u64(seed);
    let runtime = tokio::runtime::Runtime::new()?;
    let within = runtime.enter();
    let sink = smtp::Sink::plain();
    drop(within);
    let folder = tempfile::tempdir()?;
    let mut settings = tools::server::settings(sink.settings().port);
    settings.extend([
        ("DB_ENGINE", "postgresql".to_owned()),
        ("DB_HOST", "127.0.0.1".to_owned()),
        ("DB_PORT", cluster.port.to_string()),
        ("DB_USER", test_support::postgres::USER.to_owned()),
        ("DB_NAME", DATABASE.to_owned()),
        ("SECRET_KEY", "the same on every server, and of no importance".to_owned()),
    ]);
    let start = || Server::start(&binary, folder.path(), &settings);
    let mut servers: Vec<Option<Server>> =
        (0..NODES).map(|_| start().map(Some)).collect::<Result<_, _>>()?;
    let mut probes = Vec::new();
    for number in 0..NODES {
        probes.push(runtime.block_on(probe(&base(&servers, number)?, number))?);
    }
    let mut clients: Vec<Client> =
        (0..CLIENTS).map(|number| Client::new(number, &mut rng)).collect();
    let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
    let mut stats = Stats::default();
    let (mut killed_servers, mut killed_databases, mut longest) = (0, 0, [Duration::ZERO; 2]);
    let started = Instant::now();
    for round in 1..=rounds {
        let at = |failure: Failure| -> Failure { format!("round {round}: {failure}").into() };
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for client in clients.drain(..) {
            tasks.push(
                runtime.spawn(client.work(base(&servers, client_of(&tasks))?, Arc::clone(&stop))),
            );
        }
        let good: Vec<LastGood> = (0..NODES).map(|_| LastGood::default()).collect();
        let mut probing = Vec::new();
        for (number, probe) in probes.drain(..).enumerate() {
            let (writes_to, reads_at) =
                (base(&servers, number)?, base(&servers, (number + 1) % NODES)?);
            let run = probe.run(writes_to, reads_at, Arc::clone(&good[number]), Arc::clone(&stop));
            probing.push(runtime.spawn(run));
        }
        std::thread::sleep(Duration::from_micros(rng.random_range(20_000..1_200_000)));
        let victim =
            (!database_alone && rng.random_range(0..2) == 0).then(|| rng.random_range(0..NODES));
        let begun = match victim {
            Some(number) => {
                let begun = Instant::now();
                servers[number].take().ok_or("no server")?.kill().map_err(at)?;
                killed_servers += 1;
                begun
            }
            None => {
                cluster.kill();
                std::thread::sleep(Duration::from_micros(rng.random_range(0..300_000)));
                cluster.run();
                killed_databases += 1;
                Instant::now()
            }
        };
        // Each of the other servers, since then.
        for number in (0..NODES).filter(|number| Some(*number) != victim) {
            loop {
                if good[number].lock().map_err(|e| e.to_string())?.is_some_and(|last| last >= begun)
                {
                    break;
                }
                if begun.elapsed() > MAX_INTERRUPTION {
                    return Err(at(format!(
                        "server {number} does not go on within {MAX_INTERRUPTION:?}"
                    )
                    .into()));
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            let longest = &mut longest[usize::from(victim.is_none())];
            *longest = begun.elapsed().max(*longest);
        }
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::SeqCst);
        for task in tasks {
            let (mut client, acknowledged) = runtime.block_on(task)?.map_err(at)?;
            if let (Some(output), Some(_)) = (client.unavailable.take(), victim) {
                return Err(at(format!("with the database there: {output}").into()));
            }
            stats.acknowledged += acknowledged;
            clients.push(client);
        }
        for probe in probing {
            probes.push(runtime.block_on(probe)?.map_err(at)?);
        }
        if let Some(number) = victim {
            servers[number] = Some(start().map_err(at)?);
        }
        let mut beside = DatabaseRows::open(cluster.port)?;
        beside.check().map_err(at)?;
        let pending = clients
            .iter()
            .flat_map(|client| &client.accounts)
            .filter(|account| account.pending.is_some());
        stats.kills_in_mid_write += usize::from(pending.count() > 0);
        for account in clients.iter_mut().flat_map(|client| &mut client.accounts) {
            reconcile(&mut beside, account, &mut stats).map_err(at)?;
            if account.is_touched {
                // At any server, regardless of the one that wrote.
                let base = base(&servers, rng.random_range(0..NODES))?;
                runtime.block_on(read_back(&http, &base, account, &mut stats)).map_err(at)?;
            }
        }
        for client in &mut clients {
            client.accounts.retain(|account| account.state.exists);
        }
        if round % 10 == 0 || round == rounds {
            println!(
                "round {round}: {} writes acknowledged, {} s",
                stats.acknowledged,
                started.elapsed().as_secs()
            );
        }
    }
    let (promised, written, delivered) = mails(&sink, cluster.port, &clients)?;
    for server in servers.into_iter().flatten() {
        server.kill()?;
    }
    let twice = delivered - written;
    println!(
        "{rounds} rounds: {} writes acknowledged and none lost; {} comparisons with the rows, {} \
         responses read back\n\
         {killed_servers} servers killed, the others went on within {:.0} ms; {killed_databases} \
         databases killed, all went on \
         within {:.0} ms of its return\n{} kills with writes under way; of the writes without an \
         response {} were wholly there, {} \
         wholly absent\n{promised} mails promised to those who got a response, all arrived; \
         {written} committed, {delivered} \
         delivered, {twice} of them twice",
        stats.acknowledged,
        stats.checked,
        stats.read_back,
        longest[0].as_secs_f64() * 1000.0,
        longest[1].as_secs_f64() * 1000.0,
        stats.kills_in_mid_write,
        stats.unacknowledged_there,
        stats.unacknowledged_absent,
    );
    // At most the one that was being sent when its server was killed.
    if twice > killed_servers {
        return Err(
            format!("{twice} mails came twice, {killed_servers} servers were killed").into()
        );
    }
    Ok(())
}

/// Assigns clients to servers in turn.
fn client_of<T>(before: &[T]) -> usize {
    before.len() % NODES
}

fn base(servers: &[Option<Server>], number: usize) -> Result<String, Failure> {
    Ok(servers[number].as_ref().ok_or("a server that is down")?.base.clone())
}

async fn probe(base: &str, number: usize) -> Result<Probe, Failure> {
    let password = "Zebra-Quartz-77";
    let body = json!({
        "username": format!("probe{number}"), "password1": password, "password2": password,
    });
    let response = reqwest::Client::new()
        .post(format!("{base}/api/auth/registration/"))
        .json(&body)
        .send()
        .await?;
    let response: Value = response.json().await?;
    Ok(Probe {
        token: response["key"].as_str().ok_or("a probe without a token")?.to_owned(),
        count: 0,
    })
}

/// Every promised email must arrive without a further request. Returns the numbers of promised,
/// committed and delivered ones.
fn mails(
    sink: &smtp::Sink,
    port: u16,
    clients: &[Client],
) -> Result<(usize, usize, usize), Failure> {
    let mut beside = DatabaseRows::open(port)?;
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    while beside.number("SELECT COUNT(*) FROM outbox")? > 0 {
        if Instant::now() > deadline {
            return Err("mails still wait".into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    let recipients = sink.recipients();
    for address in &recipients {
        *arrived.entry(address.clone()).or_default() += 1;
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
    // Registrations with an address and reset requests, each in one transaction with its email.
    let written = beside.number(
        "SELECT CAST(COALESCE(SUM(e.count), 0) AS BIGINT) FROM audit e JOIN accounts a ON a.id = \
         e.account_id
         WHERE a.email <> '' AND e.event IN ('registered', 'reset_asked')",
    )?;
    let written = usize::try_from(written)?;
    if recipients.len() < written {
        return Err(format!("{written} mails were committed, {} came", recipients.len()).into());
    }
    Ok((promised, written, recipients.len()))
}
