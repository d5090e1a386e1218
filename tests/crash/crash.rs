//! Does a `kill -9` at any moment lose what was acknowledged, or leave half of what was not?
//!
//! `crash BINARY ROUNDS [SEED]`: the real server on a real file, its mails to a real SMTP server in here. In each round
//! many clients write at once, the server is killed at a random moment, started again on the same file, and all that the
//! clients know is compared with the file and with what the API answers. Exit code 1 with the first thing that differs.
//! The seed decides what clients do and when the server dies; the machine still decides what was under way then.

#[path = "../support/smtp.rs"]
mod smtp;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use inventree_auth::domain::keys::digest;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const CLIENTS: usize = 16;
const SAME_PASSWORD: &str = "Zebra-Quartz-77";
/// The server has so long to listen, and to send the last mails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the store must hold of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    exists: bool,
    first_name: String,
    tokens: BTreeSet<[u8; 32]>,
    sessions: usize,
    addresses: BTreeSet<String>,
}

/// One account as its client knows it.
#[derive(Clone, Debug)]
struct Person {
    username: String,
    address: String,
    password: String,
    state: State,
    /// Whose tokens are good.
    keys: Vec<String>,
    ended: Vec<String>,
    /// Once asked for.
    id: Option<i64>,
    address_ids: BTreeMap<String, i64>,
    /// Mails that acknowledged requests promised.
    promised: usize,
    /// Sent, and no answer read.
    pending: Option<Act>,
    is_touched: bool,
    password_touched: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Register,
    LogIn,
    LogOut(String),
    Rename(String),
    AddAddress(String),
    RemoveAddress(String),
    AskForReset,
    ChangePassword { by: String, new: String },
}

enum Answer {
    Acknowledged(Value),
    /// Sent, and then nothing, or half an answer.
    Missing,
    /// Never sent.
    NobodyThere,
}

impl Person {
    fn new(client: usize, number: u64) -> Person {
        Person {
            username: format!("client{client}n{number}"),
            address: format!("client{client}n{number}@example.com"),
            password: SAME_PASSWORD.to_owned(),
            state: State::default(),
            keys: Vec::new(),
            ended: Vec::new(),
            id: None,
            address_ids: BTreeMap::new(),
            promised: 0,
            pending: None,
            is_touched: true,
            password_touched: true,
        }
    }

    /// The next thing to do; every one of them writes.
    fn next(&self, rng: &mut StdRng, number: u64) -> Act {
        if !self.state.exists {
            return Act::Register;
        }
        let Some(key) = self.keys.first() else { return Act::LogIn };
        match rng.random_range(0..100) {
            0..30 => Act::Rename(format!("name {number}")),
            30..50 => Act::AddAddress(format!("other{number}-{}", self.address)),
            50..65 => match self.address_ids.keys().next() {
                Some(address) => Act::RemoveAddress(address.clone()),
                None => Act::Rename(format!("name {number}")),
            },
            65..90 => Act::AskForReset,
            90..94 => Act::LogIn,
            94..98 => Act::LogOut(self.keys.last().unwrap_or(key).clone()),
            _ => Act::ChangePassword { by: key.clone(), new: format!("Quartz-{number}-Zebra") },
        }
    }

    /// What the store holds once this is done. A key that nobody was told is not in it.
    fn apply(&mut self, act: &Act) {
        self.is_touched = true;
        match act {
            Act::Register => {
                self.state.exists = true;
                self.state.sessions += 1;
                self.state.addresses.insert(self.address.clone());
                self.promised += 1;
                self.password_touched = true;
            }
            Act::LogIn => self.state.sessions += 1,
            Act::LogOut(key) => {
                self.state.tokens.remove(&digest(key));
                self.keys.retain(|other| other != key);
                self.ended.push(key.clone());
            }
            Act::Rename(name) => self.state.first_name.clone_from(name),
            Act::AddAddress(address) => {
                self.state.addresses.insert(address.clone());
            }
            Act::RemoveAddress(address) => {
                self.state.addresses.remove(address);
                self.address_ids.remove(address);
            }
            Act::AskForReset => self.promised += 1,
            Act::ChangePassword { by, new } => {
                self.ended.extend(self.keys.iter().filter(|key| *key != by).cloned());
                self.keys.retain(|key| key == by);
                self.state.tokens = BTreeSet::from([digest(by)]);
                self.state.sessions = 0;
                self.password.clone_from(new);
                self.password_touched = true;
            }
        }
    }

    /// Sends it. Any answer but success is a failure: nothing here is refused.
    async fn send(&self, http: &reqwest::Client, base: &str, act: &Act) -> Result<Answer, Failure> {
        let token = format!("Token {}", self.keys.first().map_or("", String::as_str));
        let (method, path, token, body) = match act {
            Act::Register => {
                let (name, email, password) = (&self.username, &self.address, &self.password);
                let body = json!({ "username": name, "email": email, "password1": password, "password2": password });
                (Method::POST, "registration/".to_owned(), None, body)
            }
            Act::LogIn => {
                let body = json!({ "username": self.username, "password": self.password });
                (Method::POST, "login/".to_owned(), None, body)
            }
            Act::LogOut(key) => (Method::POST, "logout/".to_owned(), Some(format!("Token {key}")), json!({})),
            Act::Rename(name) => (Method::PATCH, "user/".to_owned(), Some(token), json!({ "first_name": name })),
            Act::AddAddress(address) => {
                (Method::POST, "emails/".to_owned(), Some(token), json!({ "email": address, "user": self.id }))
            }
            Act::RemoveAddress(address) => {
                let id = self.address_ids[address];
                (Method::POST, format!("emails/{id}/remove/"), Some(token), Value::Null)
            }
            Act::AskForReset => (Method::POST, "password/reset/".to_owned(), None, json!({ "email": self.address })),
            Act::ChangePassword { by, new } => {
                let body = json!({ "old_password": self.password, "new_password1": new, "new_password2": new });
                (Method::POST, "password/change/".to_owned(), Some(format!("Token {by}")), body)
            }
        };
        let mut request = http.request(method, format!("{base}/api/auth/{path}"));
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Ok(Answer::NobodyThere),
            Err(_) => return Ok(Answer::Missing),
        };
        let status = answer.status();
        let Ok(body) = answer.bytes().await else { return Ok(Answer::Missing) };
        if !status.is_success() {
            let said = String::from_utf8_lossy(&body);
            return Err(format!("{}: {act:?} was answered with {status}: {said}", self.username).into());
        }
        Ok(Answer::Acknowledged(serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// Takes an answer down.
    fn acknowledge(&mut self, act: &Act, answer: &Value) -> Result<(), Failure> {
        self.apply(act);
        match act {
            Act::Register | Act::LogIn => {
                let key = answer["key"].as_str().ok_or("a login without a key")?;
                self.state.tokens.insert(digest(key));
                self.keys.push(key.to_owned());
            }
            Act::AddAddress(address) => {
                let id = answer["pk"].as_i64().or(answer["id"].as_i64()).ok_or("an address without an id")?;
                self.address_ids.insert(address.clone(), id);
            }
            _ => {}
        }
        Ok(())
    }
}

struct Client {
    number: usize,
    rng: StdRng,
    /// The last one is at work; the others must stay as they are.
    people: Vec<Person>,
    acts: u64,
}

impl Client {
    /// Writes until the server is gone. Gives how many writes were acknowledged.
    async fn work(mut self, base: String) -> Result<(Client, usize), Failure> {
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        let mut acknowledged = 0;
        loop {
            self.acts += 1;
            if self.people.last().is_none_or(|person| person.state.exists && self.rng.random_range(0..15) == 0) {
                self.people.push(Person::new(self.number, self.acts));
            }
            let Some(person) = self.people.last_mut() else { continue };
            if let (None, Some(key)) = (person.id, person.keys.first()) {
                let user = http.get(format!("{base}/api/auth/user/")).header("authorization", format!("Token {key}"));
                let Ok(answer) = user.send().await else { return Ok((self, acknowledged)) };
                let Ok(record) = answer.json::<Value>().await else { return Ok((self, acknowledged)) };
                person.id = record["pk"].as_i64();
            }
            let act = person.next(&mut self.rng, self.acts);
            let answer = match person.send(&http, &base, &act).await? {
                Answer::Acknowledged(answer) => answer,
                Answer::Missing => {
                    person.pending = Some(act);
                    return Ok((self, acknowledged));
                }
                Answer::NobodyThere => return Ok((self, acknowledged)),
            };
            person.acknowledge(&act, &answer)?;
            acknowledged += 1;
        }
    }
}

struct Server {
    child: Child,
    base: String,
    log: Option<std::thread::JoinHandle<Vec<String>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn spawn(binary: &Path, folder: &Path, smtp_port: u16) -> Result<(Child, ChildStderr), Failure> {
        let mut command = Command::new(binary);
        command.args(["serve", "--bind", "127.0.0.1:0"]).current_dir(folder).stderr(Stdio::piped());
        command.envs([
            ("INVENTREE_DB_NAME", "auth.sqlite3"),
            ("INVENTREE_LOGIN_ENABLE_REG", "true"),
            ("INVENTREE_RATE_LIMITS", "off"),
            ("INVENTREE_JSON_LOG", "true"),
            ("INVENTREE_LOG_LEVEL", "info"),
            ("INVENTREE_EMAIL_HOST", "127.0.0.1"),
            ("INVENTREE_EMAIL_SENDER", smtp::SENDER),
        ]);
        let mut child = command.env("INVENTREE_EMAIL_PORT", smtp_port.to_string()).spawn()?;
        let log = child.stderr.take().ok_or("a server without a log")?;
        Ok((child, log))
    }

    fn start(binary: &Path, folder: &Path, smtp_port: u16) -> Result<Server, Failure> {
        let (child, log) = Server::spawn(binary, folder, smtp_port)?;
        let mut server = Server { child, base: String::new(), log: None };
        let mut lines = BufReader::new(log).lines();
        let mut before = Vec::new();
        for line in lines.by_ref() {
            let line = line?;
            let parsed: Value = serde_json::from_str(&line).unwrap_or_default();
            before.push(line);
            if parsed["msg"] == "listening" {
                let address = parsed["address"].as_str().ok_or("no address in the log")?;
                server.base = format!("http://{address}");
                // Read to its end: a full pipe would hold the server up.
                let alarming = |line: &String| line.contains("panicked") || line.contains("\"level\":50");
                let read = move || lines.map_while(Result::ok).filter(alarming).collect();
                server.log = Some(std::thread::spawn(read));
                return Ok(server);
            }
        }
        Err(format!("the server did not start: {}", before.join("\n")).into())
    }

    /// SIGKILL, at once. What its log said that it must not say.
    fn kill(mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        let alarming = self.log.take().map(std::thread::JoinHandle::join);
        match alarming {
            Some(Ok(lines)) if lines.is_empty() => Ok(()),
            Some(Ok(lines)) => Err(format!("the server's log: {}", lines.join("\n")).into()),
            _ => Err("the server's log could not be read".into()),
        }
    }
}

/// What the file holds of one account.
fn stored(file: &Connection, username: &str) -> Result<(State, i64), Failure> {
    let row = file
        .prepare_cached("SELECT id, first_name FROM accounts WHERE username = $1")?
        .query_row([username], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    let Some((id, first_name)) = row else { return Ok((State::default(), 0)) };
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
    Ok((State { exists: true, first_name, tokens, sessions, addresses }, id))
}

/// The whole file, whoever wrote it.
fn check_file(file: &Connection) -> Result<(), Failure> {
    let verdict: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(format!("integrity_check: {verdict}").into());
    }
    // No account without its address, no account that was never handed a session; rows of no account are foreign keys'.
    let halves = [
        ("foreign_key_check", "SELECT count(*) FROM pragma_foreign_key_check"),
        (
            "accounts without their address",
            "SELECT count(*) FROM accounts a WHERE a.email <> ''
             AND NOT EXISTS (SELECT 1 FROM email_addresses e WHERE e.account_id = a.id AND e.email = a.email)",
        ),
        ("accounts whose registration did not log in", "SELECT count(*) FROM accounts WHERE last_login IS NULL"),
        (
            "accounts that the audit trail does not know, or knows twice",
            "SELECT count(*) FROM accounts a WHERE 1 <>
             (SELECT count(*) FROM audit e WHERE e.account_id = a.id AND e.event = 'registered')",
        ),
        // Each of them hands out one token, and no number of a token comes twice.
        (
            "logins too many or too few in the audit trail",
            "SELECT abs((SELECT seq FROM sqlite_sequence WHERE name = 'tokens') -
             (SELECT count(*) FROM audit WHERE event IN ('registered', 'login')))
             WHERE EXISTS (SELECT 1 FROM accounts) UNION ALL SELECT 0 LIMIT 1",
        ),
    ];
    for (what, sql) in halves {
        let count: i64 = file.query_row(sql, [], |row| row.get(0))?;
        if count != 0 {
            return Err(format!("{what}: {count}").into());
        }
    }
    Ok(())
}

#[derive(Default)]
struct Tally {
    acknowledged: usize,
    checked: usize,
    kills_in_mid_write: usize,
    unacknowledged_there: usize,
    unacknowledged_absent: usize,
    killed_at_start: usize,
    read_back: usize,
}

/// Compares a person with the file; a pending act is settled by what is found: wholly there, or wholly absent.
fn settle(file: &Connection, person: &mut Person, tally: &mut Tally) -> Result<(), Failure> {
    let (found, _) = stored(file, &person.username)?;
    tally.checked += 1;
    let Some(act) = person.pending.take() else {
        return same(person, &found, &person.state);
    };
    person.is_touched = true;
    if found == person.state && !matches!(act, Act::ChangePassword { .. } | Act::AskForReset) {
        tally.unacknowledged_absent += 1;
        return Ok(());
    }
    if matches!(act, Act::AskForReset) {
        // All it writes is a mail that nobody was promised.
        return same(person, &found, &person.state);
    }
    if matches!(act, Act::ChangePassword { .. }) && found == person.state && found.sessions != 0 {
        // Its sessions would be gone. Without any, the password itself must tell: `read_back` tries both.
        tally.unacknowledged_absent += 1;
        person.password_touched = true;
        return Ok(());
    }
    let before = person.clone();
    person.apply(&act);
    if matches!(act, Act::Register | Act::LogIn) {
        // A key that nobody was told: exactly one.
        let unknown: Vec<_> = found.tokens.difference(&before.state.tokens).copied().collect();
        let [unknown] = unknown[..] else {
            return Err(format!("{}: {act:?} left {} unknown tokens", person.username, unknown.len()).into());
        };
        person.state.tokens.insert(unknown);
    }
    if matches!(act, Act::ChangePassword { .. }) && before.state == person.state {
        person.pending = Some(act);
        person.password.clone_from(&before.password);
        return same(person, &found, &person.state);
    }
    tally.unacknowledged_there += 1;
    same(person, &found, &person.state)
        .map_err(|e| format!("{act:?} was not acknowledged and is neither there nor absent: {e}").into())
}

fn same(person: &Person, found: &State, expected: &State) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    let short = |state: &State| {
        let tokens: Vec<_> = state.tokens.iter().map(|digest| format!("{:02x}{:02x}", digest[0], digest[1])).collect();
        let State { exists, first_name, sessions, addresses, .. } = state;
        format!("exists {exists}, {first_name:?}, {sessions} sessions, tokens {tokens:?}, addresses {addresses:?}")
    };
    Err(format!("{}: the file has {}; acknowledged was {}", person.username, short(found), short(expected)).into())
}

/// What the API says of a person whom the last round touched.
async fn read_back(http: &reqwest::Client, base: &str, person: &mut Person, tally: &mut Tally) -> Result<(), Failure> {
    let user = format!("{base}/api/auth/user/");
    if person.state.exists {
        for key in &person.keys {
            let answer = http.get(&user).header("authorization", format!("Token {key}")).send().await?;
            let status = answer.status().as_u16();
            let record: Value = answer.json().await?;
            if status != 200
                || record["username"] != person.username.as_str()
                || record["first_name"] != person.state.first_name.as_str()
            {
                return Err(format!("{}: a good token shows {status} {record}", person.username).into());
            }
            tally.read_back += 1;
        }
        if let Some(key) = person.keys.first() {
            let rows = http.get(format!("{base}/api/auth/emails/?limit=1000"));
            let rows: Value = rows.header("authorization", format!("Token {key}")).send().await?.json().await?;
            let rows = rows["results"].as_array().ok_or("no list of addresses")?;
            let shown: BTreeSet<String> =
                rows.iter().filter_map(|row| row["email"].as_str()).map(str::to_owned).collect();
            if shown != person.state.addresses {
                return Err(format!("{}: addresses {shown:?} are shown", person.username).into());
            }
            for row in rows {
                if let (Some(email), Some(id)) = (row["email"].as_str(), row["pk"].as_i64().or(row["id"].as_i64()))
                    && email != person.address
                {
                    person.address_ids.insert(email.to_owned(), id);
                }
            }
            tally.read_back += 1;
        }
        for key in &person.ended {
            let status = http.get(&user).header("authorization", format!("Token {key}")).send().await?.status();
            if status != 401 {
                return Err(format!("{}: an ended token opens: {status}", person.username).into());
            }
            tally.read_back += 1;
        }
        person.ended.clear();
    }
    if person.password_touched && person.state.exists {
        let mut passwords = vec![person.password.clone()];
        if let Some(Act::ChangePassword { new, .. }) = &person.pending {
            passwords.push(new.clone());
        }
        let mut opens = Vec::new();
        for password in passwords {
            let answer = http.get(&user).basic_auth(&person.username, Some(&password)).send().await?;
            if answer.status() == 200 {
                opens.push(password);
            }
        }
        let [password] = &opens[..] else {
            return Err(format!("{}: {} passwords open the account", person.username, opens.len()).into());
        };
        if person.pending.take().is_some() {
            let is_there = *password != person.password;
            tally.unacknowledged_there += usize::from(is_there);
            tally.unacknowledged_absent += usize::from(!is_there);
        }
        person.password.clone_from(password);
        tally.read_back += 1;
    }
    (person.is_touched, person.password_touched) = (false, false);
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
    let port = sink.settings().port;
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let database = folder.join("auth.sqlite3");
    let mut clients: Vec<Client> = (0..CLIENTS)
        .map(|number| Client { number, rng: StdRng::seed_from_u64(rng.random()), people: Vec::new(), acts: 0 })
        .collect();
    let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let mut tally = Tally::default();
    let mut server = Server::start(&binary, folder, port)?;
    let started = Instant::now();
    for round in 1..=rounds {
        let tasks: Vec<_> = clients.drain(..).map(|client| tokio::spawn(client.work(server.base.clone()))).collect();
        tokio::time::sleep(Duration::from_micros(rng.random_range(20_000..1_200_000))).await;
        server.kill().map_err(|e| format!("round {round}: {e}"))?;
        for task in tasks {
            let (client, acknowledged) = task.await?.map_err(|e| format!("round {round}: {e}"))?;
            tally.acknowledged += acknowledged;
            clients.push(client);
        }
        let pending = clients.iter().flat_map(|client| &client.people).filter(|person| person.pending.is_some());
        tally.kills_in_mid_write += usize::from(pending.count() > 0);
        if rng.random_range(0..5) == 0 {
            // A second time, while it recovers.
            let (mut child, log) = Server::spawn(&binary, folder, port)?;
            drop(log);
            tokio::time::sleep(Duration::from_micros(rng.random_range(0..60_000))).await;
            child.kill()?;
            child.wait()?;
            tally.killed_at_start += 1;
        }
        server = Server::start(&binary, folder, port).map_err(|e| format!("round {round}: {e}"))?;
        let file = Connection::open_with_flags(&database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        check_file(&file).map_err(|e| format!("round {round}: {e}"))?;
        for person in clients.iter_mut().flat_map(|client| &mut client.people) {
            // Those of earlier rounds too: nothing may happen to them any more.
            settle(&file, person, &mut tally).map_err(|e| format!("round {round}: {e}"))?;
            if person.is_touched {
                let read = read_back(&http, &server.base, person, &mut tally).await;
                read.map_err(|e| format!("round {round}: {e}"))?;
            }
        }
        for client in &mut clients {
            client.people.retain(|person| person.state.exists);
        }
        if round % 20 == 0 || round == rounds {
            println!("round {round}: {} writes acknowledged, {} s", tally.acknowledged, started.elapsed().as_secs());
        }
    }
    let promised = mails(&sink, &database, &clients).await?;
    server.kill()?;
    println!(
        "{rounds} rounds: {} writes acknowledged and none lost; {} accounts made; {} comparisons with the file, {} answers \
         read back\n{} kills with writes under way, {} more while starting; of the writes without an answer {} were wholly \
         there, {} wholly absent\nintegrity_check ok and foreign_key_check empty each time\n{promised} mails promised, all \
         arrived; {} deliveries",
        tally.acknowledged,
        clients.iter().map(|client| client.people.len()).sum::<usize>(),
        tally.checked,
        tally.read_back,
        tally.kills_in_mid_write,
        tally.killed_at_start,
        tally.unacknowledged_there,
        tally.unacknowledged_absent,
        sink.delivered().len(),
    );
    Ok(())
}

/// Every promised mail must come, with nobody asking again.
async fn mails(sink: &smtp::Sink, database: &Path, clients: &[Client]) -> Result<usize, Failure> {
    let file = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let deadline = Instant::now() + PATIENCE;
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
    for person in clients.iter().flat_map(|client| &client.people) {
        let came = arrived.get(&person.address).copied().unwrap_or(0);
        if came < person.promised {
            return Err(format!("{}: {} mails promised, {came} came", person.address, person.promised).into());
        }
        promised += person.promised;
    }
    Ok(promised)
}
