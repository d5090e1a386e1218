//! Load clients with accounts: their actions, and the expected state of the store and the API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use inventree_auth::domain::keys::digest;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Timeout of a request, of a server start, and of the last emails.
pub const PATIENCE: Duration = Duration::from_secs(90);
const SAME_PASSWORD: &str = "Zebra-Quartz-77";

/// Row counts that must be zero: accounts are never partially written.
pub const HALVES: [(&str, &str); 3] = [
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
];

/// Queries on the server's rows, over a separate connection.
pub trait Rows {
    /// The state of one account; the default if it does not exist.
    fn stored(&mut self, username: &str) -> Result<State, Failure>;
}

/// The rows of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub exists: bool,
    pub first_name: String,
    pub tokens: BTreeSet<[u8; 32]>,
    pub sessions: usize,
    pub addresses: BTreeSet<String>,
}

/// An account as its client knows it.
#[derive(Clone, Debug)]
pub struct Person {
    pub username: String,
    pub address: String,
    pub password: String,
    pub state: State,
    /// Valid tokens.
    pub keys: Vec<String>,
    pub ended: Vec<String>,
    /// Known after the first request for it.
    pub id: Option<i64>,
    pub address_ids: BTreeMap<String, i64>,
    /// Number of emails promised by acknowledged requests.
    pub promised: usize,
    /// Sent, but without a response.
    pub pending: Option<Act>,
    pub is_touched: bool,
    pub password_touched: bool,
}

#[derive(Clone, Debug)]
pub enum Act {
    Register,
    LogIn,
    LogOut(String),
    Rename(String),
    AddAddress(String),
    RemoveAddress(String),
    AskForReset,
    ChangePassword { by: String, new: String },
}

pub enum Answer {
    Acknowledged(Value),
    /// Sent, but the response is missing or incomplete.
    Missing,
    /// The database is unavailable: the outcome is unknown.
    Unavailable(String),
    /// Connection refused, so not sent.
    NobodyThere,
}

impl Person {
    pub fn new(client: usize, number: u64) -> Person {
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

    /// The next action; all of them write.
    pub fn next(&self, rng: &mut StdRng, number: u64) -> Act {
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

    /// The expected state after the action, without a token whose response was lost.
    pub fn apply(&mut self, act: &Act) {
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

    /// Sends the action. Any response but success is a failure: no action is rejected.
    pub async fn send(&self, http: &reqwest::Client, base: &str, act: &Act) -> Result<Answer, Failure> {
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
        let said = String::from_utf8_lossy(&body);
        if status == 503 {
            return Ok(Answer::Unavailable(format!("{}: {act:?} was answered with {status}: {said}", self.username)));
        }
        if !status.is_success() {
            return Err(format!("{}: {act:?} was answered with {status}: {said}", self.username).into());
        }
        Ok(Answer::Acknowledged(serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// Records a response.
    pub fn acknowledge(&mut self, act: &Act, answer: &Value) -> Result<(), Failure> {
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

/// A client that works on one account after the other.
pub struct Client {
    pub rng: StdRng,
    /// The last one is in use; the others must not change.
    pub people: Vec<Person>,
    pub number: usize,
    pub acts: u64,
    /// The last error while the database was unavailable.
    pub unavailable: Option<String>,
}

impl Client {
    pub fn new(number: usize, rng: &mut StdRng) -> Client {
        let rng = StdRng::seed_from_u64(rng.random());
        Client { rng, people: Vec::new(), number, acts: 0, unavailable: None }
    }

    /// Writes until stopped or a response is missing. Returns the number of acknowledged writes.
    pub async fn work(mut self, base: String, stop: Arc<AtomicBool>) -> Result<(Client, usize), Failure> {
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        let mut acknowledged = 0;
        while !stop.load(Ordering::SeqCst) {
            self.acts += 1;
            if self.people.last().is_none_or(|person| person.state.exists && self.rng.random_range(0..15) == 0) {
                self.people.push(Person::new(self.number, self.acts));
            }
            let Some(person) = self.people.last_mut() else { continue };
            if let (None, Some(key)) = (person.id, person.keys.first()) {
                let user = http.get(format!("{base}/api/auth/user/")).header("authorization", format!("Token {key}"));
                let Ok(answer) = user.send().await else { break };
                if answer.status() != 200 {
                    break;
                }
                let Ok(record) = answer.json::<Value>().await else { break };
                person.id = record["pk"].as_i64();
            }
            let act = person.next(&mut self.rng, self.acts);
            match person.send(&http, &base, &act).await? {
                Answer::Acknowledged(answer) => person.acknowledge(&act, &answer)?,
                Answer::Missing => {
                    person.pending = Some(act);
                    break;
                }
                Answer::Unavailable(said) => {
                    person.pending = Some(act);
                    self.unavailable = Some(said);
                    break;
                }
                Answer::NobodyThere => break,
            }
            acknowledged += 1;
        }
        Ok((self, acknowledged))
    }
}

#[derive(Default)]
pub struct Tally {
    pub acknowledged: usize,
    pub checked: usize,
    pub kills_in_mid_write: usize,
    pub unacknowledged_there: usize,
    pub unacknowledged_absent: usize,
    pub read_back: usize,
}

/// Compares an account with its rows. A pending action must be complete or absent.
pub fn settle(rows: &mut impl Rows, person: &mut Person, tally: &mut Tally) -> Result<(), Failure> {
    let found = rows.stored(&person.username)?;
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
        // It only queues an email, which was not promised.
        return same(person, &found, &person.state);
    }
    if matches!(act, Act::ChangePassword { .. }) && found == person.state && found.sessions != 0 {
        // Its sessions would be revoked. Without sessions, the password must tell: `read_back`
        // tries both.
        tally.unacknowledged_absent += 1;
        person.password_touched = true;
        return Ok(());
    }
    let before = person.clone();
    person.apply(&act);
    if matches!(act, Act::Register | Act::LogIn) {
        // A token whose response was lost: exactly one.
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

pub fn same(person: &Person, found: &State, expected: &State) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    let short = |state: &State| {
        let tokens: Vec<_> = state.tokens.iter().map(|digest| format!("{:02x}{:02x}", digest[0], digest[1])).collect();
        let State { exists, first_name, sessions, addresses, .. } = state;
        format!("exists {exists}, {first_name:?}, {sessions} sessions, tokens {tokens:?}, addresses {addresses:?}")
    };
    Err(format!("{}: the rows have {}; acknowledged was {}", person.username, short(found), short(expected)).into())
}

/// Checks an account of the last round through the API.
pub async fn read_back(
    http: &reqwest::Client,
    base: &str,
    person: &mut Person,
    tally: &mut Tally,
) -> Result<(), Failure> {
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
