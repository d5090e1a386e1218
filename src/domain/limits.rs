//! How often may somebody try? Leaky buckets, per account and per client.
//!
//! An attempt is reserved *before* it is made, so that parallel ones cannot pass the limit together, and given back when
//! it succeeded: only failures fill a bucket. A bucket empties by itself, so nobody is locked out for good; the bucket
//! that a victim shares with strangers is ten times wider than the one of a single client against one account.
//! Success elsewhere clears nothing. (OWASP ASVS 5, V6.3; NIST 800-63B, 5.2.2.)
//!
//! One server counts in memory. Several on one database count in it, together: a client gains nothing by asking another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};

use super::client::Client;
use super::keys::digest;
use super::{Clock, Refusal};
use crate::store::{Attempts, Reader, Store, StoreError, Writer};

/// How much a bucket holds, and how long one attempt takes to leak out.
#[derive(Debug, Clone, Copy)]
struct Size {
    attempts: f64,
    leak_seconds: f64,
}

/// One client against one account name.
const GUESSES_BY_CLIENT: Size = Size { attempts: 10.0, leak_seconds: 30.0 };
/// All clients against one account name.
const GUESSES_ON_ACCOUNT: Size = Size { attempts: 100.0, leak_seconds: 6.0 };
/// One client against all account names.
const GUESSES_OF_CLIENT: Size = Size { attempts: 100.0, leak_seconds: 3.0 };
/// Mails asked for to one address.
const MAILS_TO_ADDRESS: Size = Size { attempts: 5.0, leak_seconds: 600.0 };
/// Mails, registrations and key trials asked for by one client.
const ASKED_BY_CLIENT: Size = Size { attempts: 60.0, leak_seconds: 10.0 };

/// Buckets kept at most; beyond it the emptied ones go, and if none is empty, the fullest stay.
const MOST_BUCKETS: usize = 100_000;

/// What is counted, as its digest: a name of megabytes takes no more room than any other.
type Counted = [u8; 32];

/// The limits of one server, or of all on one database.
pub struct Limits {
    buckets: Buckets,
    clock: Arc<dyn Clock>,
}

enum Buckets {
    /// Nothing is counted.
    Off,
    Own(Mutex<HashMap<Counted, Bucket>>),
    Shared(Store),
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    at: DateTime<Utc>,
    size: Size,
}

impl Bucket {
    fn level(&self, now: DateTime<Utc>) -> f64 {
        // A clock that jumped back leaks nothing, and fills nothing.
        let elapsed = (now - self.at).num_milliseconds().max(0) as f64 / 1000.0;
        (self.level - elapsed / self.size.leak_seconds).max(0.0)
    }

    /// The same after a clock that jumped back: else nothing would leak until it has caught up.
    fn no_later_than(self, now: DateTime<Utc>) -> Bucket {
        Bucket { at: self.at.min(now), ..self }
    }

    /// With one attempt more.
    fn filled(&self, now: DateTime<Utc>) -> Bucket {
        Bucket { level: self.level(now) + 1.0, at: now, ..*self }
    }

    /// How long until there is room for one attempt more; zero or less when there is.
    fn wait_seconds(&self, now: DateTime<Utc>) -> f64 {
        (self.level(now) + 1.0 - self.size.attempts) * self.size.leak_seconds
    }

    fn stored(&self) -> (Attempts, DateTime<Utc>) {
        let lasts = (self.level * self.size.leak_seconds * 1000.0).ceil() as i64;
        let level = (self.level * MILLIONTHS).round() as i64;
        (Attempts { level, at: self.at }, self.at + Duration::milliseconds(lasts))
    }

    fn of_stored(stored: Option<Attempts>, size: Size, now: DateTime<Utc>) -> Bucket {
        let Attempts { level, at } = stored.unwrap_or(Attempts { level: 0, at: now });
        Bucket { level: level as f64 / MILLIONTHS, at, size }
    }
}

/// Of an attempt, as the store counts.
const MILLIONTHS: f64 = 1_000_000.0;

/// Clocks of several servers differ; one that is further ahead was wrong.
const CLOCKS_DIFFER: Duration = Duration::seconds(60);

/// Rows of one write.
const BATCH: u16 = 500;

/// An attempt under way. Dropped, it stays counted.
#[must_use = "an attempt that succeeded must be given back"]
pub struct Attempt(Vec<Counted>);

impl Limits {
    /// `enabled` is INVENTREE_RATE_LIMITS.
    pub fn new(enabled: bool, store: &Store, clock: Arc<dyn Clock>) -> Limits {
        let buckets = match (enabled, store.is_shared()) {
            (false, _) => Buckets::Off,
            (true, false) => Buckets::Own(Mutex::default()),
            (true, true) => Buckets::Shared(store.clone()),
        };
        Limits { buckets, clock }
    }

    /// A password is about to be tried: `account` is the folded name, `client` the network address.
    ///
    /// # Errors
    ///
    /// [`Refusal::Throttled`], the store's; nothing is counted then.
    pub async fn guess(&self, account: &str, client: &Client) -> Result<Attempt, Refusal> {
        self.reserve(&[
            (digest(&format!("guess {} {account}", client.address)), GUESSES_BY_CLIENT),
            (digest(&format!("account {account}")), GUESSES_ON_ACCOUNT),
            (digest(&format!("client {}", client.address)), GUESSES_OF_CLIENT),
        ])
        .await
    }

    /// A mail to `address` is asked for.
    ///
    /// # Errors
    ///
    /// [`Refusal::Throttled`], the store's; nothing is counted then.
    pub async fn mail(&self, address: &str, client: &Client) -> Result<(), Refusal> {
        let asked = [
            (digest(&format!("mail {address}")), MAILS_TO_ADDRESS),
            (digest(&format!("asked {}", client.address)), ASKED_BY_CLIENT),
        ];
        self.reserve(&asked).await.map(|_| ())
    }

    /// A key is tried, or an account asked for.
    ///
    /// # Errors
    ///
    /// [`Refusal::Throttled`], the store's; nothing is counted then.
    pub async fn ask(&self, client: &Client) -> Result<(), Refusal> {
        self.reserve(&[(digest(&format!("asked {}", client.address)), ASKED_BY_CLIENT)]).await.map(|_| ())
    }

    /// The attempt was a good one and does not count. Where the store cannot say so just now, it does.
    pub async fn give_back(&self, attempt: Attempt) {
        match &self.buckets {
            Buckets::Off => {}
            Buckets::Own(buckets) => {
                let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
                for key in attempt.0 {
                    if let Some(bucket) = buckets.get_mut(&key) {
                        bucket.level = (bucket.level - 1.0).max(0.0);
                    }
                }
            }
            Buckets::Shared(store) => {
                let lower =
                    move |w: &Writer<'_>| attempt.0.iter().try_for_each(|key| w.attempts_lower(key, MILLIONTHS as i64));
                let _: Result<(), StoreError> = store.write(lower).await;
            }
        }
    }

    /// Deletes what several servers count and what is empty by now; called about once a minute.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn forget_empty(&self) -> Result<(), StoreError> {
        let Buckets::Shared(store) = &self.buckets else { return Ok(()) };
        let now = self.clock.now();
        while store.write(move |w| w.attempts_delete_empty(now, BATCH.into())).await? == usize::from(BATCH) {}
        Ok(())
    }

    async fn reserve(&self, wanted: &[(Counted, Size)]) -> Result<Attempt, Refusal> {
        let now = self.clock.now();
        match &self.buckets {
            Buckets::Off => return Ok(Attempt(Vec::new())),
            Buckets::Own(buckets) => {
                reserve_in_memory(&mut buckets.lock().unwrap_or_else(PoisonError::into_inner), wanted, now)?;
            }
            Buckets::Shared(store) => {
                // Whoever is refused costs a read alone.
                let seen = store.read(|r| stored(r, wanted, now)).await?;
                if seen.iter().all(|bucket| bucket.at <= now + CLOCKS_DIFFER) {
                    room(&seen, now)?;
                }
                let wanted = wanted.to_vec();
                store.write(move |w| reserve_in_store(w, &wanted, now)).await??;
            }
        }
        Ok(Attempt(wanted.iter().map(|(key, _)| *key).collect()))
    }
}

/// # Errors
///
/// [`Refusal::Throttled`] unless each bucket has room for one attempt more.
fn room(buckets: &[Bucket], now: DateTime<Utc>) -> Result<(), Refusal> {
    let wait = buckets.iter().map(|bucket| bucket.wait_seconds(now)).fold(0.0, f64::max);
    if wait > 0.0 { Err(Refusal::Throttled { wait_seconds: wait.ceil() as u64 }) } else { Ok(()) }
}

fn reserve_in_memory(
    buckets: &mut HashMap<Counted, Bucket>,
    wanted: &[(Counted, Size)],
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let found = |(key, size): &(Counted, Size)| match buckets.get_mut(key) {
        Some(bucket) => {
            *bucket = bucket.no_later_than(now);
            *bucket
        }
        None => Bucket { level: 0.0, at: now, size: *size },
    };
    let found: Vec<Bucket> = wanted.iter().map(found).collect();
    room(&found, now)?;
    if buckets.len() + wanted.len() > MOST_BUCKETS {
        make_room(buckets, now);
    }
    buckets.extend(wanted.iter().zip(&found).map(|((key, _), bucket)| (*key, bucket.filled(now))));
    Ok(())
}

fn stored(r: &Reader<'_>, wanted: &[(Counted, Size)], now: DateTime<Utc>) -> Result<Vec<Bucket>, StoreError> {
    wanted.iter().map(|(key, size)| Ok(Bucket::of_stored(r.attempts_find(key)?, *size, now))).collect()
}

/// A refusal is no failure of the write: what a clock left ahead is put right all the same.
fn reserve_in_store(
    w: &Writer<'_>,
    wanted: &[(Counted, Size)],
    now: DateTime<Utc>,
) -> Result<Result<(), Refusal>, Refusal> {
    let found: Vec<Bucket> = stored(w, wanted, now)?.into_iter().map(|bucket| bucket.no_later_than(now)).collect();
    let room = room(&found, now);
    for ((key, _), bucket) in wanted.iter().zip(&found) {
        let bucket = if room.is_ok() { bucket.filled(now) } else { *bucket };
        let (attempts, empty_at) = bucket.stored();
        w.attempts_keep(key, attempts, empty_at)?;
    }
    Ok(room)
}

/// Forgets the emptied buckets, or the emptier half: an attacker's own stay, since they are the full ones.
fn make_room(buckets: &mut HashMap<Counted, Bucket>, now: DateTime<Utc>) {
    buckets.retain(|_, bucket| bucket.level(now) > 0.0);
    if buckets.len() * 10 > MOST_BUCKETS * 9 {
        let mut levels: Vec<f64> = buckets.values().map(|bucket| bucket.level(now) / bucket.size.attempts).collect();
        levels.sort_by(f64::total_cmp);
        let median = levels.get(levels.len() / 2).copied().unwrap_or(0.0);
        buckets.retain(|_, bucket| bucket.level(now) / bucket.size.attempts > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Mutex<DateTime<Utc>>);

    impl Clock for Fixed {
        fn now(&self) -> DateTime<Utc> {
            *self.0.lock().unwrap()
        }
    }

    fn at(address: &str) -> Client {
        Client { address: address.to_owned(), ..Client::default() }
    }

    fn limits() -> (Limits, Arc<Fixed>) {
        let clock = Arc::new(Fixed(Mutex::new(DateTime::UNIX_EPOCH)));
        (Limits { buckets: Buckets::Own(Mutex::default()), clock: clock.clone() }, clock)
    }

    #[tokio::test]
    async fn eleventh_guess_waits_and_time_opens_again() {
        let (limits, clock) = limits();
        for _ in 0..10 {
            let _ = limits.guess("amy", &at("192.0.2.1")).await.unwrap();
        }
        assert!(matches!(limits.guess("amy", &at("192.0.2.1")).await, Err(Refusal::Throttled { wait_seconds: 30 })));
        *clock.0.lock().unwrap() += chrono::Duration::seconds(30);
        assert!(limits.guess("amy", &at("192.0.2.1")).await.is_ok());
    }

    #[tokio::test]
    async fn stranger_does_not_lock_the_owner_out() {
        let (limits, _) = limits();
        while limits.guess("amy", &at("192.0.2.66")).await.is_ok() {}
        assert!(limits.guess("amy", &at("192.0.2.1")).await.is_ok());
    }

    #[tokio::test]
    async fn good_attempts_do_not_count_and_clear_nothing() {
        let (limits, _) = limits();
        for _ in 0..9 {
            let _ = limits.guess("amy", &at("192.0.2.1")).await.unwrap();
        }
        for _ in 0..50 {
            let attempt = limits.guess("amy", &at("192.0.2.1")).await.unwrap();
            limits.give_back(attempt).await;
        }
        let _ = limits.guess("amy", &at("192.0.2.1")).await.unwrap();
        assert!(limits.guess("amy", &at("192.0.2.1")).await.is_err());
    }

    #[tokio::test]
    async fn endless_names_are_told_apart_and_take_no_room() {
        let (limits, _) = limits();
        let long = "x".repeat(2_000_000);
        let names = [format!("{long}a"), format!("{long}b")];
        while limits.guess(&names[0], &at("192.0.2.1")).await.is_ok() {}
        assert!(limits.guess(&names[1], &at("192.0.2.1")).await.is_ok());
        let Buckets::Own(buckets) = &limits.buckets else { panic!("not in memory") };
        let buckets = buckets.lock().unwrap();
        let held: usize = buckets.keys().map(std::mem::size_of_val).sum();
        assert!(held < 1000, "{held} bytes");
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let (limits, _) = limits();
        for n in 0..MOST_BUCKETS {
            let _ = limits.guess(&format!("name{n}"), &at(&format!("client{n}"))).await;
        }
        let Buckets::Own(buckets) = &limits.buckets else { panic!("not in memory") };
        let kept = buckets.lock().unwrap().len();
        assert!(kept <= MOST_BUCKETS, "{kept}");
    }
}
