//! A database of a given size, filled through the store. Each account has an address and two
//! tokens, every second one a session. Credentials are derived from their numbers, so that a load
//! generator can compute them.
//!
//! All accounts share a password hash, since verification costs the same.

use std::error::Error;

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use chrono::{Days, Duration, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use inventree_auth::domain::keys::digest;
use inventree_auth::store::{Commit, Database, NewAccount, StoreError, write_all_or_nothing};

pub const PASSWORD: &str = "Zebra-Quartz-77";

/// Accounts, tokens and sessions are numbered from 1.
pub fn username(number: &str) -> String {
    format!("user{number}")
}

pub fn token_key(number: &str) -> String {
    format!("inv-00000000000000000000000000000000{number}-20260101")
}

pub fn session_id(number: &str) -> String {
    format!("sessionsessionsessionses{number}")
}

pub const TOKENS_PER_ACCOUNT: u32 = 2;
pub const ACCOUNTS_PER_SESSION: u32 = 2;

/// # Errors
///
/// Errors of the store.
pub fn fill(database: &Database, accounts: u32) -> Result<(), Box<dyn Error>> {
    let (tokens, sessions) = (accounts * TOKENS_PER_ACCOUNT, accounts / ACCOUNTS_PER_SESSION);
    let password = Argon2::default()
        .hash_password(PASSWORD.as_bytes())
        .map_err(|e| e.to_string())?
        .to_string();
    let now = Utc::now();
    let expiry = now.date_naive() + Days::new(365);
    let bar = ProgressBar::new(u64::from(accounts + tokens + sessions));
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {human_pos}/{human_len} rows, {eta} left",
    )?);
    write_all_or_nothing(database, Commit::Yes, |w| -> Result<(), StoreError> {
        for number in 1..=accounts {
            let username = username(&eight(number));
            let email = format!("{username}@example.com");
            let account = NewAccount {
                username_key: username.clone(),
                username_skeleton: username.clone(),
                username,
                email: email.clone(),
                first_name: "Amy".to_owned(),
                last_name: "Example".to_owned(),
                password: password.clone(),
                is_superuser: false,
                date_joined: now,
                confirm_by: None,
                language: String::new(),
            };
            let id = w.account_insert(&account)?;
            w.email_address_insert(id, &email, true, true)?;
            bar.inc(1);
        }
        // In index order, so that the index is written sequentially.
        for (digest, number) in in_order(tokens, token_key) {
            let account = i64::from((number - 1) % accounts + 1);
            let id = w.token_insert(&digest, account, "", now, expiry)?;
            // Already used today, like most tokens in production.
            w.token_touch(id, now.date_naive())?;
            bar.inc(1);
        }
        for (digest, number) in in_order(sessions, session_id) {
            w.session_insert(
                &digest,
                i64::from(number),
                now,
                now + Duration::days(14),
                "bench",
                "",
            )?;
            bar.inc(1);
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    Ok(())
}

fn in_order(count: u32, secret: fn(&str) -> String) -> Vec<([u8; 32], u32)> {
    let mut rows: Vec<_> =
        (1..=count).map(|number| (digest(&secret(&eight(number))), number)).collect();
    rows.sort_unstable();
    rows
}

/// The load generator's format of numbers.
fn eight(number: u32) -> String {
    format!("{number:08}")
}
