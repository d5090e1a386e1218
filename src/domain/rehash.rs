//! Rehashes an imported password with argon2id after a successful login, in the background.
//!
//! It must never delay the request that verified the password, nor overwrite a password that was
//! changed in the meantime.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::hashing::{Requester, is_django_hash, why_unusable};
use super::keys::digest;
use super::passwords::Password;
use super::{App, django_hashes};
use crate::store::{Account, StoreError};

/// Recent rehashes and warnings of this server.
#[derive(Default)]
pub struct Rehash {
    /// Account, old hash, new hash: requests in flight still hold the old one.
    remembered: Mutex<VecDeque<(i64, String, String)>>,
    warned: Mutex<HashSet<i64>>,
}

/// Rehashes to remember. A request that is still in flight after this many fails and must be
/// repeated.
const MAX_REMEMBERED: usize = 1024;

impl Rehash {
    /// Whether two hashes of this account, read at different times, are known to be of the same
    /// password.
    pub fn is_same(&self, account_id: i64, before: &str, now: &str) -> bool {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        before == now
            || remembered.iter().any(|(id, old, new)| {
                (*id, old.as_str(), new.as_str()) == (account_id, before, now)
            })
    }

    /// As [`Rehash::is_same`], where the former hash is known by its digest alone.
    pub fn is_same_as_digest(&self, account_id: i64, before: &[u8; 32], now: &str) -> bool {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        *before == digest(now)
            || remembered.iter().any(|(id, old, new)| {
                (*id, digest(old), new.as_str()) == (account_id, *before, now)
            })
    }

    /// Whether the hash of this account is too expensive to verify, which is reported once per
    /// account: the operator must set a new password.
    pub fn is_newly_too_costly(&self, account: &Account) -> bool {
        is_django_hash(&account.password)
            && why_unusable(&account.password) == Some(django_hashes::UnusableHash::TooCostly)
            && self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(account.id)
    }

    fn remember(&self, account_id: i64, old: String, new: String) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.truncate(MAX_REMEMBERED - 1);
        remembered.push_front((account_id, old, new));
    }
}

/// Starts to rehash the verified password in the background, if it needs it. If that fails (the
/// queue is full, the server stops), the next successful login tries again. Like any login it
/// invalidates outstanding reset links.
pub(super) fn start(app: &App, account: &Account, password: Password) {
    if !is_django_hash(&account.password) {
        return;
    }
    let (app, id, old) = (app.clone(), account.id, account.password.clone());
    tokio::spawn(async move {
        // Another login may have rehashed it already.
        let current = app.store.read(|r| r.account_find(id)).await;
        if !current.is_ok_and(|current: Option<Account>| {
            current.is_some_and(|current| current.password == old)
        }) {
            return;
        }
        let Ok(new) = app.hasher.hash(Requester::server(), password).await else { return };
        let (store, app) = (app.store.clone(), app);
        let write = store.write::<(), StoreError>(move |w| {
            if w.account_replace_password(id, &old, &new)? {
                // Before the commit: a request that reads the new hash must find the pair.
                app.rehash.remember(id, old.clone(), new.clone());
            }
            Ok(())
        });
        let _ = write.await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: i64, password: &str) -> Account {
        Account {
            id,
            username: String::new(),
            email: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            password: password.to_owned(),
            is_active: true,
            is_superuser: false,
            last_login: None,
            date_joined: chrono::DateTime::UNIX_EPOCH,
            confirm_by: None,
            language: String::new(),
        }
    }

    #[test]
    fn hash_that_is_too_expensive_is_reported_once_per_account() {
        let rehash = Rehash::default();
        let costly = "pbkdf2_sha256$1000000000$s$VTsM5G6Dzytw+Yj25lIizfE9LB85OTDednu1PGJ1Fv4=";
        assert!(rehash.is_newly_too_costly(&account(1, costly)));
        assert!(!rehash.is_newly_too_costly(&account(1, costly)));
        assert!(rehash.is_newly_too_costly(&account(2, costly)));
        let cheap = costly.replace("1000000000", "1");
        assert!(!rehash.is_newly_too_costly(&account(3, &cheap)));
        assert!(!rehash.is_newly_too_costly(&account(4, "!")));
    }

    #[test]
    fn rehashed_password_is_the_same_password() {
        let rehash = Rehash::default();
        rehash.remember(1, "old".to_owned(), "new".to_owned());
        assert!(rehash.is_same(1, "old", "new"));
        assert!(rehash.is_same(1, "old", "old"));
        assert!(!rehash.is_same(1, "new", "old"));
        assert!(!rehash.is_same(2, "old", "new"));
        for n in 0..MAX_REMEMBERED {
            rehash.remember(2, n.to_string(), String::new());
        }
        assert!(!rehash.is_same(1, "old", "new"), "what is remembered has an end");
    }
}
