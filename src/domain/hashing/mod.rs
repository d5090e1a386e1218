//! Password hashing (argon2id) on dedicated threads.
//!
//! A hash takes tens of milliseconds of CPU and 19 MiB: never on an async thread, never inside a
//! transaction, at most one per core at a time. The queue in front is bounded and fair to networks
//! and accounts ([`fair_queue`]). Clients that fill it get [`HasherError::Busy`] instead of
//! waiting. Imported Django hashes are verified here too ([`super::django_hashes`]). Parameters:
//! OWASP Password Storage Cheat Sheet, argon2id with m=19456 KiB, t=2, p=1.

mod fair_queue;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::oneshot;

use super::django_hashes::{self, DjangoHash, UnusableHash};
use super::passwords::Password;
use crate::metrics::Hashing;
use fair_queue::FairQueue;
pub use fair_queue::Requester;

/// Cost parameters of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Cost {
    /// OWASP's recommendation, used by every server.
    pub const PRODUCTION: Cost = Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
    /// For tests of other things.
    pub const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HasherError {
    #[error("the queue of password hashes is full")]
    Busy,
    #[error("password hashing failed: {0}")]
    Failed(String),
}

/// Queue capacity per thread: about two seconds of work.
const QUEUE_PER_THREAD: usize = 64;

/// `nice` steps by which hashing threads yield to others. Reads need not wait for a hash while many
/// log in, and a flood of reads still leaves each thread a quarter of a core.
const LOWER_PRIORITY: i32 = 5;

/// An idle thread frees its memory after this time.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Called with `None` if the job is evicted.
type Job = Box<dyn FnOnce(Option<&mut HashWorker>) + Send>;

/// State shared between the hashing threads and their callers.
struct Queue {
    state: Mutex<State>,
    /// Notified for each job, and on shutdown.
    changed: Condvar,
}

struct State {
    jobs: FairQueue<Job>,
    is_closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops the threads when the last [`Hasher`] is dropped.
struct Handle(Arc<Queue>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

/// Prefix of an unusable password, as in Django.
pub const UNUSABLE_PREFIX: char = '!';

#[derive(Clone)]
pub struct Hasher {
    queue: Arc<Handle>,
    /// Verified in place of a missing or unusable hash, so that unknown accounts take as long as
    /// known ones.
    dummy: Arc<str>,
    metrics: Hashing,
}

impl Hasher {
    /// Starts one thread per core.
    ///
    /// # Errors
    ///
    /// [`HasherError::Failed`] if the cost is outside argon2's range or a thread cannot be started.
    pub fn start(cost: Cost) -> Result<Hasher, HasherError> {
        let failed = |e: &dyn std::fmt::Display| HasherError::Failed(e.to_string());
        let params =
            Params::new(cost.memory_kib, cost.passes, cost.lanes, None).map_err(|e| failed(&e))?;
        let worker = HashWorker {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            memory: Vec::new(),
        };
        let dummy = worker.dummy_hash().map_err(|e| failed(&e))?;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let jobs = FairQueue::new(QUEUE_PER_THREAD * threads);
        let queue =
            Queue { state: Mutex::new(State { jobs, is_closed: false }), changed: Condvar::new() };
        let queue = Arc::new(Handle(Arc::new(queue)));
        #[cfg(target_env = "gnu")]
        return_large_allocations();
        for number in 0..threads {
            let (queue, worker) = (Arc::clone(&queue.0), worker.clone());
            let thread = thread::Builder::new().name(format!("argon2-{number}"));
            thread.spawn(move || work(&queue, worker)).map_err(|e| failed(&e))?;
        }
        Ok(Hasher { queue, dummy: dummy.into(), metrics: Hashing::default() })
    }

    pub fn metrics(&self) -> &Hashing {
        &self.metrics
    }

    /// Whether a job of this requester would be rejected as [`HasherError::Busy`] now.
    pub fn is_busy(&self, requester: &Requester) -> bool {
        !self.queue.0.lock().jobs.has_room(requester)
    }

    /// Hashes the password with a fresh salt, to a PHC string.
    ///
    /// # Errors
    ///
    /// [`HasherError::Busy`] if the queue is full of jobs with the same or a higher priority.
    pub async fn hash(
        &self,
        requester: Requester,
        password: Password,
    ) -> Result<String, HasherError> {
        let password = password.composed();
        let hashed = self.run(requester, move |worker| worker.hash(password.expose().as_bytes()));
        hashed.await?.map_err(|e| HasherError::Failed(e.to_string()))
    }

    /// Returns the form of the password that matches. A stored hash of `None` (no such account) and
    /// an unusable hash cost the same and never match.
    ///
    /// That cost is argon2id's. An imported account takes the time of its own hash until its first
    /// successful login (600,000 rounds of PBKDF2: twice as long with SHA instructions, several
    /// times without), so until then timing reveals that it exists. Equalising would slow every
    /// unknown name down to the most expensive import, permanently.
    ///
    /// # Errors
    ///
    /// [`HasherError::Busy`] if the queue is full of jobs with the same or a higher priority.
    pub async fn verify(
        &self,
        requester: Requester,
        password: Password,
        stored: Option<&str>,
    ) -> Result<Option<Password>, HasherError> {
        let usable = stored.filter(|hash| why_unusable(hash).is_none());
        let known = usable.is_some();
        let hash = usable.unwrap_or(&self.dummy).to_owned();
        self.run(requester, move |worker| {
            let fits = |password: &Password| {
                let password = password.expose().as_bytes();
                if is_django_hash(&hash) {
                    DjangoHash::read(&hash).is_ok_and(|hash| hash.verify(password))
                } else {
                    django_hashes::read_argon2(&hash)
                        .is_ok_and(|hash| worker.verify(password, &hash))
                }
            };
            // An unknown account costs as much: no form matches its dummy hash.
            password.forms().into_iter().find(fits).filter(|_| known)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        requester: Requester,
        work: impl FnOnce(&mut HashWorker) -> T + Send + 'static,
    ) -> Result<T, HasherError> {
        let (reply, result) = oneshot::channel();
        let metrics = self.metrics.clone();
        let job: Job = Box::new(move |worker| {
            metrics.waiting.dec();
            let Some(worker) = worker else {
                metrics.rejected.inc();
                let _ = reply.send(Err(HasherError::Busy));
                return;
            };
            let started = Instant::now();
            let done = work(worker);
            metrics.seconds.observe(started.elapsed().as_secs_f64());
            // The receiver may be gone.
            let _ = reply.send(Ok(done));
        });
        self.metrics.waiting.inc();
        let pushed = self.queue.0.lock().jobs.push(requester, job);
        self.queue.0.changed.notify_one();
        if let Ok(Some(rejected)) | Err(rejected) = pushed {
            rejected(None);
        }
        result.await.map_err(|_| HasherError::Failed("a hashing thread ended".to_owned()))?
    }
}

/// Whether any password can match: false for Django's `!…` and for an empty hash.
pub fn is_usable(hash: &str) -> bool {
    !hash.is_empty() && !hash.starts_with(UNUSABLE_PREFIX)
}

/// Whether a usable hash is in Django's format and should be replaced. Our own hashes are PHC
/// strings.
pub fn is_django_hash(hash: &str) -> bool {
    is_usable(hash) && !hash.starts_with('$')
}

/// Why no password can match this hash; `None` if one can.
pub fn why_unusable(hash: &str) -> Option<UnusableHash> {
    match is_django_hash(hash) {
        true => DjangoHash::read(hash).err(),
        false => django_hashes::read_argon2(hash).err(),
    }
}

fn work(queue: &Queue, mut worker: HashWorker) {
    // Lowers this thread only, which needs Linux. On failure hashing competes with reads.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(LOWER_PRIORITY);
    while let Some(job) = next_job(queue, &mut worker) {
        job(Some(&mut worker));
    }
}

/// Waits for a job; `None` on shutdown.
fn next_job(queue: &Queue, worker: &mut HashWorker) -> Option<Job> {
    let mut state = queue.lock();
    loop {
        // Callers keep the queue open while they wait, so no caller is left for the remaining jobs.
        if state.is_closed {
            return None;
        }
        if let Some(job) = state.jobs.pop() {
            return Some(job);
        }
        if worker.memory.is_empty() {
            state = queue.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        } else {
            let (locked, wait) = queue
                .changed
                .wait_timeout(state, IDLE_TIMEOUT)
                .unwrap_or_else(PoisonError::into_inner);
            state = locked;
            if wait.timed_out() {
                worker.memory = Vec::new();
            }
        }
    }
}

/// Makes the allocator return a hash's memory to the system. By default glibc raises its threshold
/// after the first large free and keeps such memory.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "a setting of the C library's allocator")]
fn return_large_allocations() {
    const LARGE: libc::c_int = 1 << 20;
    // SAFETY: mallopt accepts any value for this parameter, and any thread may call it at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// State of a hashing thread. It reuses the memory of a hash if the next one comes within
/// [`IDLE_TIMEOUT`]: mapping 19 MiB of fresh pages costs time with each hash.
#[derive(Clone)]
struct HashWorker {
    argon2: Argon2<'static>,
    memory: Vec<Block>,
}

impl HashWorker {
    fn hash(&mut self, password: &[u8]) -> Result<String, argon2::password_hash::Error> {
        let (argon2, salt) = (self.argon2.clone(), Salt::generate());
        let output = self.output(&argon2, password, &salt, Params::DEFAULT_OUTPUT_LEN)?;
        self.phc(salt, output)
    }

    /// A hash that no password matches. Only the cost of verifying it matters.
    fn dummy_hash(&self) -> Result<String, argon2::password_hash::Error> {
        self.phc(Salt::new(&[0; 16])?, Output::new(&[0; Params::DEFAULT_OUTPUT_LEN])?)
    }

    fn phc(&self, salt: Salt, output: Output) -> Result<String, argon2::password_hash::Error> {
        Ok(PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(self.argon2.params())?,
            salt: Some(salt),
            hash: Some(output),
        }
        .to_string())
    }

    /// Verifies any argon2 hash with its own parameters.
    fn verify(&mut self, password: &[u8], stored: &PasswordHash) -> bool {
        let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else { return false };
        let algorithm = Algorithm::try_from(stored.algorithm.as_str());
        let version = stored.version.map_or(Ok(Version::V0x13), Version::try_from);
        let (Ok(algorithm), Ok(version), Ok(params)) =
            (algorithm, version, Params::try_from(stored))
        else {
            return false;
        };
        let argon2 = Argon2::new(algorithm, version, params);
        // Outputs are compared in constant time.
        self.output(&argon2, password, salt, expected.len()).is_ok_and(|output| output == *expected)
    }

    fn output(
        &mut self,
        argon2: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
        length: usize,
    ) -> Result<Output, argon2::password_hash::Error> {
        let (own, needed) = (self.argon2.params().block_count(), argon2.params().block_count());
        // An imported hash may need more memory; it is freed after use.
        let mut larger = Vec::new();
        let memory = if needed > own { &mut larger } else { &mut self.memory };
        memory.resize(own.max(needed), Block::new());
        let mut output = [0; Output::MAX_LENGTH];
        let output = output.get_mut(..length).ok_or(argon2::password_hash::Error::OutputSize)?;
        argon2.hash_password_into_with_memory(password, salt, output, &mut memory[..needed])?;
        Ok(Output::new(output)?)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::domain::client::Client;

    #[test]
    fn production_parameters_follow_owasp() {
        assert_eq!(Cost::PRODUCTION, Cost { memory_kib: 19_456, passes: 2, lanes: 1 });
    }

    #[tokio::test]
    async fn production_hash_carries_its_parameters_and_verifies() {
        let hasher = Hasher::start(Cost::PRODUCTION).unwrap();
        let hash = hasher
            .hash(Requester::server(), Password::new("Zebra-Quartz-77".into()))
            .await
            .unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(
            hasher
                .verify(Requester::server(), Password::new("Zebra-Quartz-77".into()), Some(&hash))
                .await
                .unwrap()
                .is_some()
        );
        assert!(
            hasher
                .verify(Requester::server(), Password::new("Zebra-Quartz-78".into()), Some(&hash))
                .await
                .unwrap()
                .is_none()
        );
    }

    #[tokio::test]
    async fn unknown_and_unusable_accounts_never_verify() {
        let hasher = Hasher::start(Cost::CHEAP).unwrap();
        for stored in [None, Some("!unusable"), Some(""), Some("garbage")] {
            let password = Password::new("no account has this password".into());
            assert!(
                hasher.verify(Requester::server(), password, stored).await.unwrap().is_none(),
                "{stored:?}"
            );
        }
    }

    /// Compared with the crate's own API, which allocates for each hash.
    #[test]
    fn reused_memory_does_not_change_a_hash() {
        use argon2::password_hash::PasswordVerifier;
        let argon2 = |memory, passes, length| {
            let params = Params::new(memory, passes, 1, length).unwrap();
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        };
        let mut worker = HashWorker { argon2: argon2(64, 2, None), memory: Vec::new() };
        for other in [argon2(256, 1, Some(16)), argon2(16, 3, Some(64)), argon2(64, 2, None)] {
            let theirs = argon2::PasswordHasher::hash_password(&other, b"theirs").unwrap();
            assert!(worker.verify(b"theirs", &theirs));
            assert!(!worker.verify(b"their", &theirs));
            let ours = worker.hash(b"ours").unwrap();
            assert_ne!(ours, worker.hash(b"ours").unwrap(), "one salt for two");
            let ours = PasswordHash::new(&ours).unwrap();
            assert!(worker.argon2.verify_password(b"ours", &ours).is_ok());
            assert!(worker.verify(b"ours", &ours));
            assert_eq!(worker.memory.len(), 64, "of one hash, however large others are");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn hashing_has_lower_priority_than_reads() {
        let own = rustix::process::getpriority_process(None).unwrap();
        let hasher = Hasher::start(Cost::CHEAP).unwrap();
        let its = hasher
            .run(Requester::server(), |_| rustix::process::getpriority_process(None).unwrap())
            .await
            .unwrap();
        assert_eq!(its, (own + LOWER_PRIORITY).min(19));
        assert_eq!(
            rustix::process::getpriority_process(None).unwrap(),
            own,
            "the others stay as they are"
        );
    }

    #[tokio::test]
    async fn full_queue_refuses_instead_of_waiting() {
        let hasher = Hasher::start(Cost::PRODUCTION).unwrap();
        let waiting =
            (0..2000).map(|_| hasher.verify(Requester::server(), Password::new("x".into()), None));
        let results = futures::future::join_all(waiting).await;
        assert!(results.contains(&Err(HasherError::Busy)));
    }

    /// A flood from one network delays only itself: a job of another network is among the next.
    #[tokio::test]
    async fn flood_from_one_network_delays_only_that_network() {
        let hasher = Hasher::start(Cost::PRODUCTION).unwrap();
        let of = |address: &str, account: &str| {
            let client = Client { address: address.to_owned(), ..Client::default() };
            hasher.verify(Requester::new(&client, Some(account)), Password::new("x".into()), None)
        };
        let names: Vec<String> = (0..2000).map(|n| format!("name{}", n % 20)).collect();
        let flood = futures::future::join_all(names.iter().map(|name| of("192.0.2.1", name)));
        let amy = of("198.51.100.1", "amy");
        let (flood, amy) = (Box::pin(flood), Box::pin(amy));
        match futures::future::select(
            flood,
            async {
                futures::future::ready(()).await;
                amy.await
            }
            .boxed(),
        )
        .await
        {
            futures::future::Either::Right((verified, _)) => assert_eq!(verified, Ok(None)),
            futures::future::Either::Left(_) => panic!("the flood came first"),
        }
    }
}
