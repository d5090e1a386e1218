//! Moves an imported password to argon2id once it has been proved, behind the answer.
//!
//! It must never hold up the request that proved the password, nor overwrite a password that was changed meanwhile.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use slog::{Logger, warn};

use super::hashing::{Requester, is_djangos, why_unusable};
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
/// (the queue is full, the server stops), the next good login tries again. A reset link that is under way becomes void,
/// as it does with every login.
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
        let Ok(new) = domain.hasher.hash(Requester::server(), password).await else { return };
        let (store, domain) = (domain.store.clone(), domain);
        let write = store.write::<(), StoreError>(move |w| {
            if w.account_replace_password(id, &old, &new)? {
                // Before the commit: whoever reads the new hash must find the pair.
                domain.rehash.remember(id, old.clone(), new.clone());
            }
            Ok(())
        });
        let _ = write.await;
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Lines(Arc<AtomicUsize>);

    impl slog::Drain for Lines {
        type Ok = ();
        type Err = slog::Never;

        fn log(&self, _: &slog::Record<'_>, _: &slog::OwnedKVList) -> Result<(), slog::Never> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

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
        }
    }

    #[test]
    fn an_absurd_hash_is_told_once_for_each_account() {
        let lines = Arc::new(AtomicUsize::new(0));
        let rehash = Rehash::new(Logger::root(Lines(Arc::clone(&lines)), slog::o!()));
        let absurd = "pbkdf2_sha256$1000000000$s$VTsM5G6Dzytw+Yj25lIizfE9LB85OTDednu1PGJ1Fv4=";
        for _ in 0..3 {
            rehash.tell_if_too_costly(&account(1, absurd));
        }
        rehash.tell_if_too_costly(&account(2, absurd));
        rehash.tell_if_too_costly(&account(3, &absurd.replace("1000000000", "1")));
        rehash.tell_if_too_costly(&account(4, "!"));
        assert_eq!(lines.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_moved_password_is_the_same_one_and_another_is_not() {
        let rehash = Rehash::new(Logger::root(slog::Discard, slog::o!()));
        rehash.remember(1, "old".to_owned(), "new".to_owned());
        assert!(rehash.is_same(1, "old", "new"));
        assert!(rehash.is_same(1, "old", "old"));
        assert!(!rehash.is_same(1, "new", "old"));
        assert!(!rehash.is_same(2, "old", "new"));
        for n in 0..MOST_MOVED {
            rehash.remember(2, n.to_string(), String::new());
        }
        assert!(!rehash.is_same(1, "old", "new"), "what is remembered has an end");
    }
}
