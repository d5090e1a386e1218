//! How often may somebody try? Leaky buckets, per account and per client.
//!
//! An attempt is reserved *before* it is made, so that parallel ones cannot pass the limit together, and given back when
//! it succeeded: only failures fill a bucket. A bucket empties by itself, so nobody is locked out for good; the bucket
//! that a victim shares with strangers is ten times wider than the one of a single client against one account.
//! Success elsewhere clears nothing. (OWASP ASVS 5, V6.3; NIST 800-63B, 5.2.2.)

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::keys::digest;
use super::{Clock, Refusal};

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

/// The limits of one server.
pub struct Limits {
    buckets: Option<Mutex<HashMap<Counted, Bucket>>>,
    clock: Arc<dyn Clock>,
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
}

/// An attempt under way. Dropped, it stays counted.
#[must_use = "an attempt that succeeded must be given back"]
pub struct Attempt(Vec<Counted>);

impl Limits {
    /// `enabled` is INVENTREE_RATE_LIMITS.
    pub fn new(enabled: bool, clock: Arc<dyn Clock>) -> Limits {
        Limits { buckets: enabled.then(Mutex::default), clock }
    }

    /// A password is about to be tried: `account` is the folded name, `client` the network address.
    ///
    /// # Errors
    ///
    /// [`Refusal::Throttled`]; nothing is counted then.
    pub fn guess(&self, account: &str, client: &str) -> Result<Attempt, Refusal> {
        self.reserve(&[
            (digest(&format!("guess {client} {account}")), GUESSES_BY_CLIENT),
            (digest(&format!("account {account}")), GUESSES_ON_ACCOUNT),
            (digest(&format!("client {client}")), GUESSES_OF_CLIENT),
        ])
    }

    /// A mail to `address` is asked for.
    ///
    /// # Errors
    ///
    /// [`Refusal::Throttled`]; nothing is counted then.
    pub fn mail(&self, address: &str, client: &str) -> Result<(), Refusal> {
        let asked = [
            (digest(&format!("mail {address}")), MAILS_TO_ADDRESS),
            (digest(&format!("asked {client}")), ASKED_BY_CLIENT),
        ];
        self.reserve(&asked).map(|_| ())
    }

    /// A key is tried, or an account asked for.
    ///
    /// # Errors
    ///
    /// [`Refusal::Throttled`]; nothing is counted then.
    pub fn ask(&self, client: &str) -> Result<(), Refusal> {
        self.reserve(&[(digest(&format!("asked {client}")), ASKED_BY_CLIENT)]).map(|_| ())
    }

    /// The attempt was a good one and does not count.
    pub fn give_back(&self, attempt: Attempt) {
        let Some(buckets) = &self.buckets else { return };
        let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        for key in attempt.0 {
            if let Some(bucket) = buckets.get_mut(&key) {
                bucket.level = (bucket.level - 1.0).max(0.0);
            }
        }
    }

    fn reserve(&self, wanted: &[(Counted, Size)]) -> Result<Attempt, Refusal> {
        let Some(buckets) = &self.buckets else { return Ok(Attempt(Vec::new())) };
        let now = self.clock.now();
        let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wait = 0.0_f64;
        for (key, size) in wanted {
            let level = buckets.get_mut(key).map_or(0.0, |bucket| {
                // A clock that jumped back: else nothing would leak until it has caught up.
                bucket.at = bucket.at.min(now);
                bucket.level(now)
            });
            wait = wait.max((level + 1.0 - size.attempts) * size.leak_seconds);
        }
        if wait > 0.0 {
            return Err(Refusal::Throttled { wait_seconds: wait.ceil() as u64 });
        }
        if buckets.len() + wanted.len() > MOST_BUCKETS {
            make_room(&mut buckets, now);
        }
        for (key, size) in wanted {
            let level = buckets.get(key).map_or(0.0, |bucket| bucket.level(now));
            buckets.insert(*key, Bucket { level: level + 1.0, at: now, size: *size });
        }
        Ok(Attempt(wanted.iter().map(|(key, _)| *key).collect()))
    }
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

    fn limits() -> (Limits, Arc<Fixed>) {
        let clock = Arc::new(Fixed(Mutex::new(DateTime::UNIX_EPOCH)));
        (Limits::new(true, clock.clone()), clock)
    }

    #[test]
    fn eleventh_guess_waits_and_time_opens_again() {
        let (limits, clock) = limits();
        for _ in 0..10 {
            let _ = limits.guess("amy", "192.0.2.1").unwrap();
        }
        assert!(matches!(limits.guess("amy", "192.0.2.1"), Err(Refusal::Throttled { wait_seconds: 30 })));
        *clock.0.lock().unwrap() += chrono::Duration::seconds(30);
        assert!(limits.guess("amy", "192.0.2.1").is_ok());
    }

    #[test]
    fn stranger_does_not_lock_the_owner_out() {
        let (limits, _) = limits();
        while limits.guess("amy", "192.0.2.66").is_ok() {}
        assert!(limits.guess("amy", "192.0.2.1").is_ok());
    }

    #[test]
    fn good_attempts_do_not_count_and_clear_nothing() {
        let (limits, _) = limits();
        for _ in 0..9 {
            let _ = limits.guess("amy", "192.0.2.1").unwrap();
        }
        for _ in 0..50 {
            let attempt = limits.guess("amy", "192.0.2.1").unwrap();
            limits.give_back(attempt);
        }
        let _ = limits.guess("amy", "192.0.2.1").unwrap();
        assert!(limits.guess("amy", "192.0.2.1").is_err());
    }

    #[test]
    fn endless_names_are_told_apart_and_take_no_room() {
        let (limits, _) = limits();
        let long = "x".repeat(2_000_000);
        let names = [format!("{long}a"), format!("{long}b")];
        while limits.guess(&names[0], "192.0.2.1").is_ok() {}
        assert!(limits.guess(&names[1], "192.0.2.1").is_ok());
        let buckets = limits.buckets.as_ref().unwrap().lock().unwrap();
        let held: usize = buckets.keys().map(std::mem::size_of_val).sum();
        assert!(held < 1000, "{held} bytes");
    }

    #[test]
    fn memory_is_bounded() {
        let (limits, _) = limits();
        for n in 0..MOST_BUCKETS {
            let _ = limits.guess(&format!("name{n}"), &format!("client{n}"));
        }
        let kept = limits.buckets.as_ref().unwrap().lock().unwrap().len();
        assert!(kept <= MOST_BUCKETS, "{kept}");
    }
}
