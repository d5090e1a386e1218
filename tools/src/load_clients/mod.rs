//! Load clients with accounts: their actions, and the expected state of the store and the API.

mod account;
mod verification;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

pub use account::{Account, Operation, Response, State};
pub use verification::{PARTIAL_WRITE_CHECKS, Rows, Stats, read_back, reconcile, same};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Timeout of a request, of a server start, and of the last emails.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);

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
                let Ok(response) = user.send().await else { break };
                if response.status() != 200 {
                    break;
                }
                let Ok(record) = response.json::<Value>().await else { break };
                account.id = record["pk"].as_i64();
            }
            let operation = account.next(&mut self.rng, self.acts);
            match account.send(&http, &base, &operation).await? {
                Response::Acknowledged(response) => account.acknowledge(&operation, &response)?,
                Response::Missing => {
                    account.pending = Some(operation);
                    break;
                }
                Response::Unavailable(output) => {
                    account.pending = Some(operation);
                    self.unavailable = Some(output);
                    break;
                }
                Response::NotSent => break,
            }
            acknowledged += 1;
        }
        Ok((self, acknowledged))
    }
}
