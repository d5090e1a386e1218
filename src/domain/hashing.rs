//! Passwords to argon2id and back, on threads of their own.
//!
//! argon2 takes tens of milliseconds of a core and 19 MiB: never on an async thread, never inside a transaction, at most
//! one per core at once. The queue in front is bounded, and a full one is an answer ([`HasherError::Busy`]), not a wait.
//! A hash of Django's, which an import brought, is verified here too ([`super::django_hashes`]).
//! Parameters: OWASP Password Storage Cheat Sheet, argon2id with m=19456 KiB, t=2, p=1.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::oneshot;

use super::django_hashes::{self, DjangoHash, Unusable};
use super::passwords::Password;
use crate::metrics::Hashing;

/// Cost of one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Cost {
    /// What a server uses.
    pub const PRODUCTION: Cost = Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
    /// For tests that are about something else.
    pub const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };
}

#[derive(Debug, PartialEq, Eq)]
pub enum HasherError {
    /// As many wait already as may.
    Busy,
    Failed(String),
}

/// How many may wait for a thread, per thread: about two seconds of work.
const QUEUE_PER_THREAD: usize = 64;

type Job = Box<dyn FnOnce(&Argon2<'static>) + Send>;

/// Marks an account that no password opens, as Django does.
pub const UNUSABLE_PREFIX: char = '!';

#[derive(Clone)]
pub struct Hasher {
    queue: SyncSender<Job>,
    /// Verified in place of a missing or unusable hash, so that an unknown account takes as long as a known one.
    dummy: Arc<str>,
    metrics: Hashing,
}

impl Hasher {
    /// Starts one thread per core.
    ///
    /// # Errors
    ///
    /// [`HasherError::Failed`] when the cost is outside argon2's range or no thread can be started.
    pub fn start(cost: Cost) -> Result<Hasher, HasherError> {
        let failed = |e: &dyn std::fmt::Display| HasherError::Failed(e.to_string());
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None).map_err(|e| failed(&e))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = argon2.hash_password(b"no account has this password").map_err(|e| failed(&e))?.to_string();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (queue, jobs) = sync_channel::<Job>(QUEUE_PER_THREAD * threads);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads {
            let (jobs, argon2) = (Arc::clone(&jobs), argon2.clone());
            let thread = thread::Builder::new().name(format!("argon2-{number}"));
            thread.spawn(move || work(&jobs, &argon2)).map_err(|e| failed(&e))?;
        }
        Ok(Hasher { queue, dummy: dummy.into(), metrics: Hashing::default() })
    }

    pub fn metrics(&self) -> &Hashing {
        &self.metrics
    }

    /// A PHC string with a fresh salt.
    ///
    /// # Errors
    ///
    /// [`HasherError::Busy`] when the queue is full.
    pub async fn hash(&self, password: Password) -> Result<String, HasherError> {
        self.run(move |argon2| {
            let hashed = argon2.hash_password(password.expose().as_bytes());
            hashed.map(|hash| hash.to_string()).map_err(|e| HasherError::Failed(e.to_string()))
        })
        .await?
    }

    /// Whether the password fits; `None` (no such account) and a hash that cannot be tried cost the same and never fit.
    ///
    /// That cost is argon2id's. An imported account takes the time of its own hash until its first good login (600 000
    /// rounds of pbkdf2: twice as long where the processor knows SHA, several times where not), so that until then its
    /// existence can be told by a clock. Equalising would make every wrong name as slow as the slowest import, for good.
    ///
    /// # Errors
    ///
    /// [`HasherError::Busy`] when the queue is full.
    pub async fn verify(&self, password: Password, stored: Option<&str>) -> Result<bool, HasherError> {
        let usable = stored.filter(|hash| why_unusable(hash).is_none());
        let known = usable.is_some();
        let hash = usable.unwrap_or(&self.dummy).to_owned();
        self.run(move |argon2| {
            let password = password.expose().as_bytes();
            let fits = if is_djangos(&hash) {
                DjangoHash::read(&hash).is_ok_and(|hash| hash.verify(password))
            } else {
                django_hashes::read_argon2(&hash).is_ok_and(|hash| argon2.verify_password(password, &hash).is_ok())
            };
            fits && known
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, HasherError> {
        let (answer, result) = oneshot::channel();
        let metrics = self.metrics.clone();
        let job: Job = Box::new(move |argon2| {
            metrics.waiting.dec();
            let started = Instant::now();
            let done = work(argon2);
            metrics.seconds.observe(started.elapsed().as_secs_f64());
            // Whoever asked may have gone; the work is done all the same.
            let _ = answer.send(done);
        });
        self.metrics.waiting.inc();
        self.queue.try_send(job).map_err(|e| {
            self.metrics.waiting.dec();
            match e {
                TrySendError::Full(_) => {
                    self.metrics.turned_away.inc();
                    HasherError::Busy
                }
                TrySendError::Disconnected(_) => HasherError::Failed("the hashing threads have ended".to_owned()),
            }
        })?;
        result.await.map_err(|_| HasherError::Failed("a hashing thread ended".to_owned()))
    }
}

/// False for Django's `!…` and for an empty hash: no password opens such an account.
pub fn is_usable(hash: &str) -> bool {
    !hash.is_empty() && !hash.starts_with(UNUSABLE_PREFIX)
}

/// Whether a usable hash came from elsewhere and is to be replaced by one of our own: ours are PHC strings.
pub fn is_djangos(hash: &str) -> bool {
    is_usable(hash) && !hash.starts_with('$')
}

/// Why no password can open this; `None` when one may.
pub fn why_unusable(hash: &str) -> Option<Unusable> {
    match is_djangos(hash) {
        true => DjangoHash::read(hash).err(),
        false => django_hashes::read_argon2(hash).err(),
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, argon2: &Argon2<'static>) {
    loop {
        // The lock covers the waiting only; the job itself runs without it.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(argon2),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_parameters_are_owasps() {
        assert_eq!(Cost::PRODUCTION, Cost { memory_kib: 19_456, passes: 2, lanes: 1 });
    }

    #[tokio::test]
    async fn production_hash_carries_its_parameters_and_verifies() {
        let hasher = Hasher::start(Cost::PRODUCTION).unwrap();
        let hash = hasher.hash(Password::new("Zebra-Quartz-77".into())).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.verify(Password::new("Zebra-Quartz-77".into()), Some(&hash)).await.unwrap());
        assert!(!hasher.verify(Password::new("Zebra-Quartz-78".into()), Some(&hash)).await.unwrap());
    }

    #[tokio::test]
    async fn unknown_and_unusable_accounts_never_verify() {
        let hasher = Hasher::start(Cost::CHEAP).unwrap();
        for stored in [None, Some("!unusable"), Some(""), Some("garbage")] {
            let password = Password::new("no account has this password".into());
            assert!(!hasher.verify(password, stored).await.unwrap(), "{stored:?}");
        }
    }

    #[tokio::test]
    async fn full_queue_answers_busy_instead_of_waiting() {
        let hasher = Hasher::start(Cost::PRODUCTION).unwrap();
        let waiting = (0..2000).map(|_| hasher.verify(Password::new("x".into()), None));
        let results = futures::future::join_all(waiting).await;
        assert!(results.contains(&Err(HasherError::Busy)));
    }
}
