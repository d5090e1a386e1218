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
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);
const SAME_PASSWORD: &str = "Zebra-Quartz-77";
/// Below the server's limit of 20 for an account, which a long-lived one would meet.
const MAX_ADDRESSES: usize = 12;

/// Row counts that must be zero: accounts are never partially written.
pub const PARTIAL_WRITE_CHECKS: [(&str, &str); 3] = [
    (
        "accounts without their address",
        "SELECT count(*) FROM accounts a WHERE a.email <> ''
             AND NOT EXISTS (SELECT 1 FROM email_addresses e WHERE e.account_id = a.id AND e.email \
             = a.email)",
    ),
    (
        "accounts whose registration did not log in",
        "SELECT count(*) FROM accounts WHERE last_login \
        IS NULL",
    ),
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
pub struct Account {
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
    pub pending: Option<Operation>,
    pub is_touched: bool,
    pub password_touched: bool,
}

#[derive(Clone, Debug)]
pub enum Operation {
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
    NotSent,
}

impl Account {
    pub fn new(client: usize, number: u64) -> Account {
        Account {
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
    pub fn next(&self, rng: &mut StdRng, number: u64) -> Operation {
        if !self.state.exists {
            return Operation::Register;
        }
        let Some(key) = self.keys.first() else { return Operation::LogIn };
        match rng.random_range(0..100) {
            0..30 => Operation::Rename(format!("name {number}")),
            30..50 if self.state.addresses.len() < MAX_ADDRESSES => {
                Operation::AddAddress(format!("other{number}-{}", self.address))
            }
            30..65 => match self.address_ids.keys().next() {
                Some(address) => Operation::RemoveAddress(address.clone()),
                None => Operation::Rename(format!("name {number}")),
            },
            65..90 => Operation::AskForReset,
            90..94 => Operation::LogIn,
            94..98 => Operation::LogOut(self.keys.last().unwrap_or(key).clone()),
            _ => {
                Operation::ChangePassword { by: key.clone(), new: format!("Quartz-{number}-Zebra") }
            }
        }
    }

    /// The expected state after the action, without a token whose response was lost.
    pub fn apply(&mut self, operation: &Operation) {
        self.is_touched = true;
        match operation {
            Operation::Register => {
                self.state.exists = true;
                self.state.sessions += 1;
                self.state.addresses.insert(self.address.clone());
                self.promised += 1;
                self.password_touched = true;
            }
            Operation::LogIn => self.state.sessions += 1,
            Operation::LogOut(key) => {
                self.state.tokens.remove(&digest(key));
                self.keys.retain(|other| other != key);
                self.ended.push(key.clone());
            }
            Operation::Rename(name) => self.state.first_name.clone_from(name),
            Operation::AddAddress(address) => {
                self.state.addresses.insert(address.clone());
            }
            Operation::RemoveAddress(address) => {
                self.state.addresses.remove(address);
                self.address_ids.remove(address);
            }
            Operation::AskForReset => self.promised += 1,
            Operation::ChangePassword { by, new } => {
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
    pub async fn send(
        &self,
        http: &reqwest::Client,
        base: &str,
        operation: &Operation,
    ) -> Result<Answer, Failure> {
        let token = format!("Token {}", self.keys.first().map_or("", String::as_str));
        let (method, path, token, body) = match operation {
            Operation::Register => {
                let (name, email, password) = (&self.username, &self.address, &self.password);
                let body = json!({
                    "username": name, "email": email, "password1": password, "password2": password,
                });
                (Method::POST, "registration/".to_owned(), None, body)
            }
            Operation::LogIn => {
                let body = json!({ "username": self.username, "password": self.password });
                (Method::POST, "login/".to_owned(), None, body)
            }
            Operation::LogOut(key) => {
                (Method::POST, "logout/".to_owned(), Some(format!("Token {key}")), json!({}))
            }
            Operation::Rename(name) => {
                (Method::PATCH, "user/".to_owned(), Some(token), json!({ "first_name": name }))
            }
            Operation::AddAddress(address) => (
                Method::POST,
                "emails/".to_owned(),
                Some(token),
                json!({ "email": address, "user": self.id }),
            ),
            Operation::RemoveAddress(address) => {
                let id = self.address_ids[address];
                (Method::POST, format!("emails/{id}/remove/"), Some(token), Value::Null)
            }
            Operation::AskForReset => {
                (Method::POST, "password/reset/".to_owned(), None, json!({ "email": self.address }))
            }
            Operation::ChangePassword { by, new } => {
                let body = json!({
                    "old_password": self.password, "new_password1": new, "new_password2": new,
                });
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
            Err(error) if error.is_connect() => return Ok(Answer::NotSent),
            Err(_) => return Ok(Answer::Missing),
        };
        let status = answer.status();
        let Ok(body) = answer.bytes().await else { return Ok(Answer::Missing) };
        let said = String::from_utf8_lossy(&body);
        if status == 503 {
            return Ok(Answer::Unavailable(format!(
                "{}: {operation:?} was answered with {status}: {said}",
                self.username
            )));
        }
        if !status.is_success() {
            return Err(format!(
                "{}: {operation:?} was answered with {status}: {said}",
                self.username
            )
            .into());
        }
        Ok(Answer::Acknowledged(serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// Records a response.
    pub fn acknowledge(&mut self, operation: &Operation, answer: &Value) -> Result<(), Failure> {
        self.apply(operation);
        match operation {
            Operation::Register | Operation::LogIn => {
                let key = answer["key"].as_str().ok_or("a login without a key")?;
                self.state.tokens.insert(digest(key));
                self.keys.push(key.to_owned());
            }
            Operation::AddAddress(address) => {
                let id = answer["pk"]
                    .as_i64()
                    .or(answer["id"].as_i64())
                    .ok_or("an address without an id")?;
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
    pub accounts: Vec<Account>,
    pub number: usize,
    pub acts: u64,
    /// The last error while the database was unavailable.
    pub unavailable: Option<String>,
}

impl Client {
    pub fn new(number: usize, rng: &mut StdRng) -> Client {
        let rng = StdRng::seed_from_u64(rng.random());
        Client { rng, accounts: Vec::new(), number, acts: 0, unavailable: None }
    }

    /// Writes until stopped or a response is missing. Returns the number of acknowledged writes.
    pub async fn work(
        mut self,
        base: String,
        stop: Arc<AtomicBool>,
    ) -> Result<(Client, usize), Failure> {
        let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
        let mut acknowledged = 0;
        while !stop.load(Ordering::SeqCst) {
            self.acts += 1;
            if self
                .accounts
                .last()
                .is_none_or(|account| account.state.exists && self.rng.random_range(0..15) == 0)
            {
                self.accounts.push(Account::new(self.number, self.acts));
            }
            let Some(account) = self.accounts.last_mut() else { continue };
            if let (None, Some(key)) = (account.id, account.keys.first()) {
                let user = http
                    .get(format!("{base}/api/auth/user/"))
                    .header("authorization", format!("Token {key}"));
                let Ok(answer) = user.send().await else { break };
                if answer.status() != 200 {
                    break;
                }
                let Ok(record) = answer.json::<Value>().await else { break };
                account.id = record["pk"].as_i64();
            }
            let operation = account.next(&mut self.rng, self.acts);
            match account.send(&http, &base, &operation).await? {
                Answer::Acknowledged(answer) => account.acknowledge(&operation, &answer)?,
                Answer::Missing => {
                    account.pending = Some(operation);
                    break;
                }
                Answer::Unavailable(said) => {
                    account.pending = Some(operation);
                    self.unavailable = Some(said);
                    break;
                }
                Answer::NotSent => break,
            }
            acknowledged += 1;
        }
        Ok((self, acknowledged))
    }
}

#[derive(Default)]
pub struct Stats {
    pub acknowledged: usize,
    pub checked: usize,
    pub kills_in_mid_write: usize,
    pub unacknowledged_there: usize,
    pub unacknowledged_absent: usize,
    pub read_back: usize,
}

/// Compares an account with its rows. A pending action must be complete or absent.
pub fn reconcile(
    rows: &mut impl Rows,
    account: &mut Account,
    stats: &mut Stats,
) -> Result<(), Failure> {
    let found = rows.stored(&account.username)?;
    stats.checked += 1;
    let Some(operation) = account.pending.take() else {
        return same(account, &found, &account.state);
    };
    account.is_touched = true;
    if found == account.state
        && !matches!(operation, Operation::ChangePassword { .. } | Operation::AskForReset)
    {
        stats.unacknowledged_absent += 1;
        return Ok(());
    }
    if matches!(operation, Operation::AskForReset) {
        // It only queues an email, which was not promised.
        return same(account, &found, &account.state);
    }
    if matches!(operation, Operation::ChangePassword { .. })
        && found == account.state
        && found.sessions != 0
    {
        // Its sessions would be revoked. Without sessions, the password must tell: `read_back`
        // tries both.
        stats.unacknowledged_absent += 1;
        account.password_touched = true;
        return Ok(());
    }
    let before = account.clone();
    account.apply(&operation);
    if matches!(operation, Operation::Register | Operation::LogIn) {
        // A token whose response was lost: exactly one.
        let unknown: Vec<_> = found.tokens.difference(&before.state.tokens).copied().collect();
        let [unknown] = unknown[..] else {
            return Err(format!(
                "{}: {operation:?} left {} unknown tokens",
                account.username,
                unknown.len()
            )
            .into());
        };
        account.state.tokens.insert(unknown);
    }
    if matches!(operation, Operation::ChangePassword { .. }) && before.state == account.state {
        account.pending = Some(operation);
        account.password.clone_from(&before.password);
        return same(account, &found, &account.state);
    }
    stats.unacknowledged_there += 1;
    same(account, &found, &account.state).map_err(|e| {
        format!("{operation:?} was not acknowledged and is neither there nor absent: {e}").into()
    })
}

pub fn same(account: &Account, found: &State, expected: &State) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    let short = |state: &State| {
        let tokens: Vec<_> = state
            .tokens
            .iter()
            .map(|digest| format!("{:02x}{:02x}", digest[0], digest[1]))
            .collect();
        let State { exists, first_name, sessions, addresses, .. } = state;
        format!(
            "exists {exists}, {first_name:?}, {sessions} sessions, tokens {tokens:?}, addresses \
             {addresses:?}"
        )
    };
    Err(format!(
        "{}: the rows have {}; acknowledged was {}",
        account.username,
        short(found),
        short(expected)
    )
    .into())
}

/// Checks an account of the last round through the API.
pub async fn read_back(
    http: &reqwest::Client,
    base: &str,
    account: &mut Account,
    stats: &mut Stats,
) -> Result<(), Failure> {
    let user = format!("{base}/api/auth/user/");
    if account.state.exists {
        for key in &account.keys {
            let answer =
                http.get(&user).header("authorization", format!("Token {key}")).send().await?;
            let status = answer.status().as_u16();
            let record: Value = answer.json().await?;
            if status != 200
                || record["username"] != account.username.as_str()
                || record["first_name"] != account.state.first_name.as_str()
            {
                return Err(
                    format!("{}: a good token shows {status} {record}", account.username).into()
                );
            }
            stats.read_back += 1;
        }
        if let Some(key) = account.keys.first() {
            let rows = http.get(format!("{base}/api/auth/emails/?limit=1000"));
            let rows: Value =
                rows.header("authorization", format!("Token {key}")).send().await?.json().await?;
            let rows = rows["results"].as_array().ok_or("no list of addresses")?;
            let shown: BTreeSet<String> =
                rows.iter().filter_map(|row| row["email"].as_str()).map(str::to_owned).collect();
            if shown != account.state.addresses {
                return Err(format!("{}: addresses {shown:?} are shown", account.username).into());
            }
            for row in rows {
                if let (Some(email), Some(id)) =
                    (row["email"].as_str(), row["pk"].as_i64().or(row["id"].as_i64()))
                    && email != account.address
                {
                    account.address_ids.insert(email.to_owned(), id);
                }
            }
            stats.read_back += 1;
        }
        for key in &account.ended {
            let status = http
                .get(&user)
                .header("authorization", format!("Token {key}"))
                .send()
                .await?
                .status();
            if status != 401 {
                return Err(format!("{}: an ended token opens: {status}", account.username).into());
            }
            stats.read_back += 1;
        }
        account.ended.clear();
    }
    if account.password_touched && account.state.exists {
        let mut passwords = vec![account.password.clone()];
        if let Some(Operation::ChangePassword { new, .. }) = &account.pending {
            passwords.push(new.clone());
        }
        let mut opens = Vec::new();
        for password in passwords {
            let answer =
                http.get(&user).basic_auth(&account.username, Some(&password)).send().await?;
            if answer.status() == 200 {
                opens.push(password);
            }
        }
        let [password] = &opens[..] else {
            return Err(format!(
                "{}: {} passwords open the account",
                account.username,
                opens.len()
            )
            .into());
        };
        if account.pending.take().is_some() {
            let is_there = *password != account.password;
            stats.unacknowledged_there += usize::from(is_there);
            stats.unacknowledged_absent += usize::from(!is_there);
        }
        account.password.clone_from(password);
        stats.read_back += 1;
    }
    (account.is_touched, account.password_touched) = (false, false);
    Ok(())
}
