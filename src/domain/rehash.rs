//! Moves an imported password to argon2id once it has been proved, behind the answer.
//!
//! It must never hold up the request that proved the password, nor overwrite a password that was changed meanwhile.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use slog::{Logger, warn};

use super::hashing::{is_djangos, why_unusable};
use super::passwords::Password;
use super::{Domain, django_hashes};
use crate::store::{Account, StoreError};

/// What this server has moved lately, and what it has complained about.
pub struct Rehash {
    log: Logger,
    /// Account, old hash, new hash: requests that were under way still hold the old one.
    moved: Mutex<VecDeque<(i64, String, String)>>,
    told: Mutex<HashSet<i64>>,
}

/// A request that is under way when this many others have moved is told to try again.
const MOST_MOVED: usize = 1024;

impl Rehash {
    pub fn new(log: Logger) -> Rehash {
        Rehash { log, moved: Mutex::default(), told: Mutex::default() }
    }

    /// Whether two hashes of this account, read at different times, are of one password as far as is known here.
    pub fn is_same(&self, account_id: i64, before: &str, now: &str) -> bool {
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        before == now
            || moved.iter().any(|(id, old, new)| (*id, old.as_str(), new.as_str()) == (account_id, before, now))
    }

    /// Says once for each account that its hash is too costly to be tried: the operator has to set a new password.
    pub fn tell_if_too_costly(&self, account: &Account) {
        if is_djangos(&account.password)
            && why_unusable(&account.password) == Some(django_hashes::Unusable::TooCostly)
            && self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(account.id)
        {
            warn!(self.log, "a password hash has absurd cost parameters and matches no password"; "account" => account.id);
        }
    }

    fn remember(&self, account_id: i64, old: String, new: String) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.truncate(MOST_MOVED - 1);
        moved.push_front((account_id, old, new));
    }
}

/// Starts moving this account's proved password, if it needs it, and returns at once. When it does not come to pass
/// (the queue is full, the server stops), the next good login tries again.
pub(super) fn start(domain: &Domain, account: &Account, password: Password) {
    if !is_djangos(&account.password) {
        return;
    }
    let (domain, id, old) = (domain.clone(), account.id, account.password.clone());
    tokio::spawn(async move {
        // Of several logins at once, the first has done it.
        let current = domain.store.read(|r| r.account_find(id)).await;
        if !current.is_ok_and(|current: Option<Account>| current.is_some_and(|current| current.password == old)) {
            return;
        }
        let Ok(new) = domain.hasher.hash(password).await else { return };
        let (store, domain) = (domain.store.clone(), domain);
        let write = store.write::<(), StoreError>(move |w| {
            if w.account_replace_password(id, &old, &new)? {
                // Before the commit: whoever reads the new hash must find the pair.
                domain.rehash.remember(id, old, new);
            }
            Ok(())
        });
        let _ = write.await;
    });
}
