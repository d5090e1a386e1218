//! Upper limits: hashing alone, and one commit per write.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use inventree_auth::domain::hashing::Cost;
use rusqlite::Connection;

/// Hashes per second of the argon2 crate with the server's parameters and this number of threads
/// per core.
pub fn hashes_per_second(threads_per_core: usize, duration: Duration) -> Result<f64, String> {
    let Cost { memory_kib, passes, lanes } = Cost::PRODUCTION;
    let params = Params::new(memory_kib, passes, lanes, None).map_err(|e| e.to_string())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let cores = thread::available_parallelism().map_err(|e| e.to_string())?.get();
    per_second(threads_per_core * cores, duration, || {
        argon2.hash_password(b"Zebra-Quartz-77").map(|_| true).map_err(|e| e.to_string())
    })
}

/// Writes per second in transactions of their own: `clients` threads take turns on one connection,
/// with the server's durability. `sql` updates the row with the given number; the run ends when
/// all `rows` are used.
pub fn commits_per_second(
    database: &Path,
    sql: &str,
    clients: usize,
    rows: u32,
    duration: Duration,
) -> Result<f64, String> {
    let connection = Connection::open(database).map_err(|e| e.to_string())?;
    for (name, value) in [("journal_mode", "WAL"), ("synchronous", "FULL"), ("foreign_keys", "ON")]
    {
        connection.pragma_update(None, name, value).map_err(|e| e.to_string())?;
    }
    let connection = Mutex::new(connection);
    let next = AtomicU32::new(1);
    per_second(clients, duration, || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number > rows {
            return Ok(false);
        }
        let connection = connection.lock().map_err(|e| e.to_string())?;
        let mut statement = connection.prepare_cached(sql).map_err(|e| e.to_string())?;
        match statement.execute([number]) {
            Ok(1) => Ok(true),
            Ok(_) => Err(format!("no row {number}")),
            Err(e) => Err(e.to_string()),
        }
    })
}

/// `work` returns whether there was work left.
fn per_second(
    threads: usize,
    duration: Duration,
    work: impl Fn() -> Result<bool, String> + Sync,
) -> Result<f64, String> {
    let started = Instant::now();
    let (work, end) = (&work, started + duration);
    let done: Result<u64, String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(move || -> Result<u64, String> {
                    let mut done = 0;
                    while Instant::now() < end && work()? {
                        done += 1;
                    }
                    Ok(done)
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().map_err(|_| "a thread panicked".to_owned())?)
            .sum()
    });
    Ok(done? as f64 / started.elapsed().as_secs_f64())
}
