//! The writer thread, with group commit.
//!
//! Queued closures share a transaction and so one fsync. Callers get their outcome once the
//! transaction is durable, and the failure of one closure never rolls back another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;

use super::engine::WritingConnection;
use super::{StoreError, Writer};
use crate::metrics::Writing;

pub(super) const QUEUE_LENGTH: usize = 4096;
const BATCH_LENGTH: usize = 256;

/// Maximum number of retries of a batch that the engine rolled back for an external reason.
const MAX_RETRIES: usize = 3;

/// A queued closure and its caller.
pub(super) trait Job: Send {
    /// Runs the closure and stores its outcome, replacing that of an earlier run. Returns whether
    /// to keep its writes.
    fn run(&mut self, writer: &Writer<'_>) -> bool;

    /// Sends the outcome to the caller, or the failure of the whole transaction.
    fn reply(self: Box<Self>, failure: Option<StoreError>);
}

struct QueuedJob<T, E, F> {
    work: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

pub(super) fn job<T, E, F>(work: F, reply: oneshot::Sender<Result<T, E>>) -> Box<dyn Job>
where
    F: Fn(&Writer<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    Box::new(QueuedJob { work, outcome: None, reply })
}

impl<T, E, F> Job for QueuedJob<T, E, F>
where
    F: Fn(&Writer<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, writer: &Writer<'_>) -> bool {
        // Unwind safe: partial writes are rolled back.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(writer)))
            .unwrap_or_else(|_| Err(StoreError::Other("a write panicked".to_owned()).into()));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn reply(self: Box<Self>, failure: Option<StoreError>) {
        let never_run =
            || Err(StoreError::Unavailable("the transaction was lost".to_owned()).into());
        let outcome = match failure {
            Some(error) => Err(error.into()),
            None => self.outcome.unwrap_or_else(never_run),
        };
        // The caller may no longer be waiting.
        let _ = self.reply.send(outcome);
    }
}

/// Completes the queued jobs and ends when dropped.
pub(super) struct WriterThread {
    queue: Mutex<Option<SyncSender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    metrics: Writing,
}

impl WriterThread {
    pub(super) fn start(connection: Box<dyn WritingConnection>) -> Result<Self, StoreError> {
        let (queue, jobs) = sync_channel(QUEUE_LENGTH);
        let metrics = Writing::default();
        let counted = metrics.clone();
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(&*connection, &jobs, &counted))
            .map_err(|error| StoreError::Other(format!("cannot start the writer: {error}")))?;
        Ok(WriterThread {
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
            metrics,
        })
    }

    pub(super) fn metrics(&self) -> &Writing {
        &self.metrics
    }

    pub(super) fn submit(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let queue = lock(&self.queue);
        let Some(queue) = queue.as_ref() else {
            return Err(StoreError::Unavailable("the store is closed".to_owned()));
        };
        self.metrics.waiting.inc();
        queue.try_send(job).map_err(|error| {
            self.metrics.waiting.dec();
            StoreError::Unavailable(match error {
                TrySendError::Full(_) => "too many writes are waiting".to_owned(),
                TrySendError::Disconnected(_) => "the writer stopped".to_owned(),
            })
        })
    }

    pub(super) fn close(&self) {
        lock(&self.queue).take();
        // Held while joining, so that a concurrent caller also returns after the last write.
        let mut thread = lock(&self.thread);
        if let Some(thread) = thread.take() {
            // A panic of the thread has dropped the replies, which tells the callers.
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(connection: &dyn WritingConnection, jobs: &Receiver<Box<dyn Job>>, metrics: &Writing) {
    while let Ok(first) = jobs.recv() {
        let started = Instant::now();
        let (length, outcome) = run_batch(connection, first, jobs.try_iter());
        let length = i64::try_from(length).unwrap_or(0);
        metrics.waiting.dec_by(length);
        if outcome.is_err() {
            metrics.failed.inc();
        }
        metrics.batch.observe(length as f64);
        metrics.seconds.observe(started.elapsed().as_secs_f64());
    }
    connection.checkpoint();
}

/// Runs `first` and the jobs queued by the time the transaction has begun; when several servers
/// write in turn, beginning may take a while. Returns the number of jobs. An error means that the
/// whole transaction was lost; its callers have been told.
fn run_batch(
    connection: &dyn WritingConnection,
    first: Box<dyn Job>,
    queued: impl Iterator<Item = Box<dyn Job>>,
) -> (usize, Result<(), StoreError>) {
    let begun = to_transaction_failure(connection.begin());
    let mut batch = vec![first];
    batch.extend(queued.take(BATCH_LENGTH - 1));
    let mut outcome = begun.and_then(|()| finish(connection, &mut batch));
    for _ in 0..MAX_RETRIES {
        if outcome.is_err() && connection.was_rolled_back() {
            outcome = to_transaction_failure(connection.begin())
                .and_then(|()| finish(connection, &mut batch));
        }
    }
    let length = batch.len();
    // After a failed commit, failed jobs get its error too: they may have failed because of a row
    // of another job, which has been rolled back.
    let failure = outcome.as_ref().err();
    for job in batch {
        job.reply(failure.cloned());
    }
    (length, outcome)
}

fn finish(
    connection: &dyn WritingConnection,
    batch: &mut [Box<dyn Job>],
) -> Result<(), StoreError> {
    let done = to_transaction_failure(match batch {
        [only] => run_alone(connection, &mut **only),
        several => run_in_savepoints(connection, several).and_then(|()| connection.commit()),
    });
    if done.is_err() && connection.is_in_transaction() {
        // If this fails too, begin() retries it.
        let _ = connection.rollback();
    }
    done
}

/// A single job needs no savepoint: its rollback affects no other job.
fn run_alone(connection: &dyn WritingConnection, job: &mut dyn Job) -> Result<(), StoreError> {
    let keep = run(connection, job)?;
    if keep { connection.commit() } else { connection.rollback() }
}

/// An error means that the whole transaction is lost. SQLite may roll it back by itself, as when
/// the disk is full; the savepoint is gone then too.
fn run_in_savepoints(
    connection: &dyn WritingConnection,
    jobs: &mut [Box<dyn Job>],
) -> Result<(), StoreError> {
    connection.run("SAVEPOINT job")?;
    let last = jobs.len() - 1;
    for (number, job) in jobs.iter_mut().enumerate() {
        if !run(connection, &mut **job)? {
            connection.run("ROLLBACK TO SAVEPOINT job")?;
        }
        if number < last {
            connection.next_savepoint()?;
        }
    }
    connection.run("RELEASE SAVEPOINT job")
}

/// Returns whether to keep the writes. An error means that the whole transaction is lost,
/// regardless of the closure's result.
fn run(connection: &dyn WritingConnection, job: &mut dyn Job) -> Result<bool, StoreError> {
    let keep = job.run(&Writer::new(connection));
    if connection.was_rolled_back() {
        return Err(StoreError::Unavailable("the transaction was undone".to_owned()));
    }
    Ok(keep)
}

/// Marks a failure of the whole transaction, which says nothing about the job of a caller.
fn to_transaction_failure(outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    outcome.map_err(StoreError::into_unavailable)
}

#[cfg(test)]
mod tests {
    use super::super::sqlite::prepare_writer;
    use super::super::tests::new_account;
    use super::super::{Conflict, Reader, migrations};
    use super::*;
    use rusqlite::{Connection, TransactionBehavior};
    use std::path::Path;
    use tempfile::TempDir;

    type Reply = oneshot::Receiver<Result<i64, StoreError>>;

    fn open(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        prepare_writer(&connection).unwrap();
        migrations::run(&connection).unwrap();
        connection
    }

    fn database() -> (TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("db"));
        (folder, connection)
    }

    fn queued(
        f: impl Fn(&Writer<'_>) -> Result<i64, StoreError> + Send + 'static,
    ) -> (Box<dyn Job>, Reply) {
        let (reply, outcome) = oneshot::channel();
        (job(f, reply), outcome)
    }

    fn insert(username: &'static str) -> (Box<dyn Job>, Reply) {
        queued(move |w| w.account_insert(&new_account(username)))
    }

    fn run_all(
        connection: &Connection,
        jobs: Vec<(Box<dyn Job>, Reply)>,
    ) -> Vec<Result<i64, StoreError>> {
        let (jobs, replies): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
        // The replies carry the same outcome.
        let mut jobs = jobs.into_iter();
        let _ = run_batch(connection, jobs.next().unwrap(), jobs);
        replies.into_iter().map(|mut reply| reply.try_recv().unwrap()).collect()
    }

    fn count(connection: &Connection) -> i64 {
        Reader::new(connection).account_count().unwrap()
    }

    #[test]
    fn failed_write_rolls_back_only_itself_within_a_batch() {
        let (_folder, connection) = database();
        let half_done = queued(|w| {
            w.account_insert(&new_account("half"))?;
            w.account_insert(&new_account("first"))
        });
        let outcomes = run_all(&connection, vec![insert("first"), half_done, insert("last")]);
        assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
        assert_eq!(outcomes[1], Err(StoreError::Conflict(Conflict::Username)));
        assert_eq!(count(&connection), 2);
    }

    #[test]
    fn panicking_write_rolls_back_only_itself_within_a_batch() {
        let (_folder, connection) = database();
        let panicking = queued(|w| {
            w.account_insert(&new_account("half"))?;
            panic!("as the test wants")
        });
        let outcomes = run_all(&connection, vec![insert("first"), panicking, insert("last")]);
        assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
        assert!(matches!(outcomes[1], Err(StoreError::Other(_))));
        assert_eq!(count(&connection), 2);
    }

    #[test]
    fn failed_commit_fails_the_whole_batch_and_the_next_one_works() {
        let (_folder, connection) = database();
        let breaks_commit = queued(|w| {
            w.execute("PRAGMA defer_foreign_keys = ON", &[])?;
            w.email_address_insert(404, "a@example.org", false, false)
        });
        let outcomes = run_all(&connection, vec![insert("first"), breaks_commit]);
        for outcome in outcomes {
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
        }
        assert_eq!(count(&connection), 0);
        assert!(run_all(&connection, vec![insert("first")])[0].is_ok());
    }

    #[test]
    fn transaction_rolled_back_by_the_engine_fails_the_whole_batch() {
        let (_folder, connection) = database();
        let rolls_back = queued(|w| {
            w.execute("ROLLBACK", &[])?;
            Ok(0)
        });
        let outcomes = run_all(&connection, vec![insert("first"), rolls_back, insert("last")]);
        for outcome in outcomes {
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
        }
        assert_eq!(count(&connection), 0);
        assert!(run_all(&connection, vec![insert("first")])[0].is_ok());
    }

    #[test]
    fn read_only_database_is_unavailable() {
        let (folder, connection) = database();
        drop(connection);
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(folder.path().join("db"), flags).unwrap();
        let outcomes = run_all(&connection, vec![insert("first"), insert("last")]);
        for outcome in outcomes {
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
        }
        assert_eq!(count(&connection), 0);
    }

    #[test]
    fn locked_database_is_unavailable() {
        let (folder, connection) = database();
        connection.busy_timeout(std::time::Duration::ZERO).unwrap();
        let mut other = open(&folder.path().join("db"));
        let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        let outcomes = run_all(&connection, vec![insert("first"), insert("last")]);
        for outcome in outcomes {
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
        }
        drop(lock);
        assert!(run_all(&connection, vec![insert("first")])[0].is_ok());
    }
}
