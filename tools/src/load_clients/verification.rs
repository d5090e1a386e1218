//! Acknowledged and lost writes against the rows of the store and the responses of the API.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Failure;
use super::account::{Account, Operation, State};

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
        && (found.sessions != 0 || found.addresses.len() > 1)
    {
        // Its sessions and added addresses would be gone. Without any, the password must tell:
        // `read_back` tries both.
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
            let response =
                http.get(&user).header("authorization", format!("Token {key}")).send().await?;
            let status = response.status().as_u16();
            let record: Value = response.json().await?;
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
            let response =
                http.get(&user).basic_auth(&account.username, Some(&password)).send().await?;
            if response.status() == 200 {
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
