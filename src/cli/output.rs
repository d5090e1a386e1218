//! Output of the operators' commands: tables for people, JSON with fixed keys for programs.
//!
//! Every member is listed here, so that a new column of the store, such as a hash, is never
//! printed by accident.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use clap::ValueEnum;
use serde::Serialize;

use super::{Failure, failure};
use crate::domain::factors::Factor;
use crate::domain::revocation::Revoked;
use crate::domain::{sessions, tokens};
use crate::store::{Account, AuditEntry, EmailAddress, Group, Session, SocialAccount, Token};
use crate::text;

#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    Table,
    Json,
}

/// A row of a table.
pub trait Row: Serialize {
    const HEADINGS: &'static [&'static str];

    fn cells(&self) -> Vec<String>;
}

#[derive(Serialize)]
pub struct AccountRow {
    id: i64,
    username: String,
    email: String,
    first_name: String,
    last_name: String,
    active: bool,
    admin: bool,
    last_login: Option<String>,
    date_joined: String,
}

impl AccountRow {
    pub fn new(account: &Account) -> AccountRow {
        AccountRow {
            id: account.id,
            username: account.username.clone(),
            email: account.email.clone(),
            first_name: account.first_name.clone(),
            last_name: account.last_name.clone(),
            active: account.is_active,
            admin: account.is_superuser,
            last_login: account.last_login.map(time),
            date_joined: time(account.date_joined),
        }
    }
}

impl Row for AccountRow {
    const HEADINGS: &'static [&'static str] =
        &["ID", "USERNAME", "EMAIL", "NAME", "ACTIVE", "ADMIN", "LAST LOGIN"];

    fn cells(&self) -> Vec<String> {
        let name = format!("{} {}", self.first_name, self.last_name).trim().to_owned();
        let login = self.last_login.clone().unwrap_or_default();
        let id = self.id.to_string();
        vec![
            id,
            self.username.clone(),
            self.email.clone(),
            name,
            yes(self.active),
            yes(self.admin),
            login,
        ]
    }
}

#[derive(Serialize)]
pub struct AccountDetails {
    #[serde(flatten)]
    pub account: AccountRow,
    pub has_password: bool,
    /// The account has a confirmed second factor.
    pub mfa: bool,
    pub addresses: Vec<Address>,
    pub social_accounts: Vec<Link>,
    pub groups: Vec<String>,
    pub tokens: usize,
    pub sessions: usize,
}

#[derive(Serialize)]
pub struct Address {
    email: String,
    verified: bool,
    primary: bool,
}

impl Address {
    pub fn new(row: EmailAddress) -> Address {
        Address { email: row.email, verified: row.verified, primary: row.primary }
    }
}

#[derive(Serialize)]
pub struct Link {
    provider: String,
    uid: String,
}

impl Link {
    pub fn new(row: SocialAccount) -> Link {
        Link { provider: row.provider, uid: row.uid }
    }
}

#[derive(Serialize)]
pub struct TokenRow {
    id: i64,
    username: String,
    name: String,
    created: String,
    /// The last valid day.
    expiry: String,
    last_seen: Option<String>,
    state: &'static str,
}

impl TokenRow {
    pub fn new(token: Token, username: String, today: NaiveDate) -> TokenRow {
        let state = match tokens::state(&token, today) {
            tokens::State::Live => "live",
            tokens::State::Revoked => "revoked",
            tokens::State::Expired => "expired",
        };
        TokenRow {
            id: token.id,
            username,
            name: token.name,
            created: time(token.created),
            expiry: token.expiry.to_string(),
            last_seen: token.last_seen.map(|day| day.to_string()),
            state,
        }
    }
}

impl Row for TokenRow {
    const HEADINGS: &'static [&'static str] =
        &["ID", "USERNAME", "NAME", "CREATED", "EXPIRY", "LAST SEEN", "STATE"];

    fn cells(&self) -> Vec<String> {
        let (id, seen) = (self.id.to_string(), self.last_seen.clone().unwrap_or_default());
        let [username, name, created, expiry] =
            [&self.username, &self.name, &self.created, &self.expiry].map(String::clone);
        vec![id, username, name, created, expiry, seen, self.state.to_owned()]
    }
}

#[derive(Serialize)]
pub struct GroupRow {
    name: String,
    members: i64,
}

impl GroupRow {
    pub fn new(group: &Group) -> GroupRow {
        GroupRow { name: group.name.clone(), members: group.members }
    }
}

impl Row for GroupRow {
    const HEADINGS: &'static [&'static str] = &["NAME", "MEMBERS"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.members.to_string()]
    }
}

/// A second factor; the recovery codes are one row together.
#[derive(Serialize)]
pub struct FactorRow {
    id: Option<i64>,
    kind: &'static str,
    name: String,
    created: Option<String>,
    last_used: Option<String>,
}

impl FactorRow {
    pub fn device(factor: &Factor) -> FactorRow {
        FactorRow {
            id: Some(factor.id),
            kind: factor.kind.name(),
            name: factor.name.clone(),
            created: Some(time(factor.created)),
            last_used: factor.last_used.map(time),
        }
    }

    pub fn recovery_codes(left: i64) -> FactorRow {
        let name = format!("{left} left");
        FactorRow { id: None, kind: "recovery codes", name, created: None, last_used: None }
    }
}

impl Row for FactorRow {
    const HEADINGS: &'static [&'static str] = &["ID", "KIND", "NAME", "CREATED", "LAST USED"];

    fn cells(&self) -> Vec<String> {
        let FactorRow { id, kind, name, created, last_used } = self;
        let id = id.map(|id| id.to_string()).unwrap_or_default();
        let [created, last_used] = [created, last_used].map(|at| at.clone().unwrap_or_default());
        vec![id, (*kind).to_owned(), name.clone(), created, last_used]
    }
}

#[derive(Serialize)]
pub struct SessionRow {
    id: i64,
    username: String,
    created: String,
    expires: String,
    state: &'static str,
    user_agent: String,
}

impl SessionRow {
    pub fn new(session: &Session, username: String, now: DateTime<Utc>) -> SessionRow {
        let state = if sessions::is_live(session, now) { "live" } else { "expired" };
        let [created, expires] = [session.created, session.expires].map(time);
        SessionRow {
            id: session.id,
            username,
            created,
            expires,
            state,
            user_agent: session.user_agent.clone(),
        }
    }
}

impl Row for SessionRow {
    const HEADINGS: &'static [&'static str] =
        &["ID", "USERNAME", "CREATED", "EXPIRES", "STATE", "BROWSER"];

    fn cells(&self) -> Vec<String> {
        let SessionRow { id, username, created, expires, state, user_agent } = self;
        let [username, created, expires, user_agent] =
            [username, created, expires, user_agent].map(String::clone);
        vec![id.to_string(), username, created, expires, (*state).to_owned(), user_agent]
    }
}

#[derive(Serialize)]
pub struct AuditRow {
    id: i64,
    at: String,
    event: String,
    account_id: Option<i64>,
    username: Option<String>,
    client: String,
    detail: String,
    count: i64,
    last_at: String,
}

impl AuditRow {
    pub fn new(entry: AuditEntry) -> AuditRow {
        let AuditEntry { id, at, event, account_id, username, client, detail, count, last_at } =
            entry;
        AuditRow {
            id,
            at: time(at),
            event,
            account_id,
            username,
            client,
            detail,
            count,
            last_at: time(last_at),
        }
    }
}

impl Row for AuditRow {
    const HEADINGS: &'static [&'static str] =
        &["TIME", "EVENT", "COUNT", "USERNAME", "CLIENT", "DETAIL"];

    fn cells(&self) -> Vec<String> {
        let AuditRow { id: _, at, event, account_id, username, client, detail, count, last_at: _ } =
            self;
        // The id identifies a deleted account.
        let who =
            username.clone().or_else(|| account_id.map(|id| format!("#{id}"))).unwrap_or_default();
        vec![at.clone(), event.clone(), count.to_string(), who, client.clone(), detail.clone()]
    }
}

/// Formats rows.
pub fn list<R: Row>(format: Format, rows: &[R]) -> Result<String, Failure> {
    match format {
        Format::Json => json(&rows),
        Format::Table => {
            let headings = R::HEADINGS.iter().map(|heading| (*heading).to_owned()).collect();
            Ok(aligned(std::iter::once(headings).chain(rows.iter().map(Row::cells)).collect()))
        }
    }
}

/// Formats one account, one member per line.
pub fn one(format: Format, details: &AccountDetails) -> Result<String, Failure> {
    let AccountDetails {
        account,
        has_password,
        mfa,
        addresses,
        social_accounts,
        groups,
        tokens,
        sessions,
    } = details;
    if let Format::Json = format {
        return json(details);
    }
    let mut lines = vec![
        ("id", account.id.to_string()),
        ("username", account.username.clone()),
        ("email", account.email.clone()),
        ("first name", account.first_name.clone()),
        ("last name", account.last_name.clone()),
        ("active", yes(account.active)),
        ("admin", yes(account.admin)),
        ("last login", account.last_login.clone().unwrap_or_else(|| "never".to_owned())),
        ("joined", account.date_joined.clone()),
        ("password", if *has_password { "set" } else { "none" }.to_owned()),
        ("second factor", yes(*mfa)),
        ("tokens", tokens.to_string()),
        ("sessions", sessions.to_string()),
    ];
    for Address { email, verified, primary } in addresses {
        let verified = if *verified { "verified" } else { "unverified" };
        lines.push((
            "address",
            format!("{email} ({verified}{})", if *primary { ", primary" } else { "" }),
        ));
    }
    for Link { provider, uid } in social_accounts {
        lines.push(("social account", format!("{provider} {uid}")));
    }
    lines.extend(groups.iter().map(|group| ("group", group.clone())));
    Ok(aligned(lines.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect()))
}

/// Formats the result of a command: a sentence, or the numbers of revoked sessions and tokens.
pub fn ended(
    format: Format,
    sentence: &str,
    Revoked { sessions, tokens }: Revoked,
) -> Result<String, Failure> {
    match format {
        Format::Json => json(&serde_json::json!({ "sessions": sessions, "tokens": tokens })),
        Format::Table => Ok(text::one_line(sentence) + "\n"),
    }
}

/// Formats names, one per line.
pub fn names(format: Format, names: &[String]) -> Result<String, Failure> {
    match format {
        Format::Json => json(&names),
        Format::Table => Ok(names.iter().map(|name| text::one_line(name) + "\n").collect()),
    }
}

/// Formats the result of a command that removed rows.
pub fn removed(format: Format, sentence: &str, removed: usize) -> Result<String, Failure> {
    match format {
        Format::Json => json(&serde_json::json!({ "removed": removed })),
        Format::Table => Ok(text::one_line(sentence) + "\n"),
    }
}

/// Formats a new token: for a table the key alone, so that a script can take it.
pub fn token_key(format: Format, id: i64, key: &str, expiry: &str) -> Result<String, Failure> {
    match format {
        Format::Json => json(&serde_json::json!({ "id": id, "key": key, "expiry": expiry })),
        Format::Table => Ok(format!("{key}\n")),
    }
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map(|pretty| text::json(&pretty) + "\n").map_err(failure)
}

/// Aligns columns, two blanks apart.
fn aligned(rows: Vec<Vec<String>>) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| text::one_line(cell)).collect()).collect();
    let mut widths = vec![0; rows.iter().map(Vec::len).max().unwrap_or(0)];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn yes(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}
