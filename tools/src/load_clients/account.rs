//! An account as its client knows it, and the actions on it.

use std::collections::{BTreeMap, BTreeSet};

use inventree_auth::domain::keys::digest;
use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::{Value, json};

use super::Failure;

const SAME_PASSWORD: &str = "Zebra-Quartz-77";
/// Below the server's limit of 20 for an account, which a long-lived one would meet.
const MAX_ADDRESSES: usize = 12;

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

pub enum Response {
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
                // Added addresses are never verified here, and end with the old password.
                self.state.addresses.retain(|address| *address == self.address);
                self.address_ids.clear();
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
    ) -> Result<Response, Failure> {
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
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Ok(Response::NotSent),
            Err(_) => return Ok(Response::Missing),
        };
        let status = response.status();
        let Ok(body) = response.bytes().await else { return Ok(Response::Missing) };
        let output = String::from_utf8_lossy(&body);
        if status == 503 {
            return Ok(Response::Unavailable(format!(
                "{}: {operation:?} was answered with {status}: {output}",
                self.username
            )));
        }
        if !status.is_success() {
            return Err(format!(
                "{}: {operation:?} was answered with {status}: {output}",
                self.username
            )
            .into());
        }
        Ok(Response::Acknowledged(serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// Records a response.
    pub fn acknowledge(&mut self, operation: &Operation, response: &Value) -> Result<(), Failure> {
        self.apply(operation);
        match operation {
            Operation::Register | Operation::LogIn => {
                let key = response["key"].as_str().ok_or("a login without a key")?;
                self.state.tokens.insert(digest(key));
                self.keys.push(key.to_owned());
            }
            Operation::AddAddress(address) => {
                let id = response["pk"]
                    .as_i64()
                    .or(response["id"].as_i64())
                    .ok_or("an address without an id")?;
                self.address_ids.insert(address.clone(), id);
            }
            _ => {}
        }
        Ok(())
    }
}
