//! Leaky buckets: capacity, leak rate and waiting time.

use chrono::{DateTime, Duration, Utc};

use crate::store::{Attempts, CountedAttempts};

/// Digest of a bucket's key: a key of any length takes the same memory.
pub(super) type KeyDigest = [u8; 32];

/// Capacity and leak rate of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limit {
    pub burst: f64,
    pub leak_seconds: f64,
    /// Only one client fills it, so its rejected attempts can be charged here. A rejection must
    /// never fill a shared bucket: a client could use up the attempts of others without making any.
    pub is_own: bool,
}

impl Limit {
    pub(super) const fn own(burst: f64, leak_seconds: f64) -> Limit {
        Limit { burst, leak_seconds, is_own: true }
    }

    pub(super) const fn shared(burst: f64, leak_seconds: f64) -> Limit {
        Limit { burst, leak_seconds, is_own: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    pub level: f64,
    pub at: DateTime<Utc>,
    pub limit: Limit,
}

/// Rejected attempts fill a bucket up to this multiple of its burst, which bounds the wait.
const MAX_OVERFILL: f64 = 2.0;

/// Stored levels are in millionths of an attempt.
pub(super) const LEVEL_SCALE: f64 = 1_000_000.0;

impl Bucket {
    pub(super) fn empty(limit: Limit, now: DateTime<Utc>) -> Bucket {
        Bucket { level: 0.0, at: now, limit }
    }

    pub(super) fn level(&self, now: DateTime<Utc>) -> f64 {
        // A clock that jumps back neither drains nor fills.
        let elapsed = (now - self.at).num_milliseconds().max(0) as f64 / 1000.0;
        (self.level - elapsed / self.limit.leak_seconds).max(0.0)
    }

    /// Corrects for a clock that jumped back: otherwise nothing drains until it has caught up.
    pub(super) fn no_later_than(self, now: DateTime<Utc>) -> Bucket {
        Bucket { at: self.at.min(now), ..self }
    }

    fn fill(&mut self, now: DateTime<Utc>) {
        *self = Bucket { level: self.level(now) + 1.0, at: now, ..*self };
    }

    /// Counts a rejected attempt.
    fn charge(&mut self, now: DateTime<Utc>) {
        if self.level(now) + 1.0 <= self.limit.burst * MAX_OVERFILL {
            self.fill(now);
        }
    }

    /// Seconds until one more attempt fits; zero or less if it fits now.
    fn wait_seconds(&self, now: DateTime<Utc>) -> f64 {
        (self.level(now) + 1.0 - self.limit.burst) * self.limit.leak_seconds
    }

    pub(super) fn stored(&self, key_digest: KeyDigest) -> CountedAttempts {
        let drain_time = (self.level * self.limit.leak_seconds * 1000.0).ceil() as i64;
        let level = (self.level * LEVEL_SCALE).round() as i64;
        let attempts = Attempts { level, at: self.at };
        CountedAttempts {
            key_digest,
            attempts,
            empty_at: self.at + Duration::milliseconds(drain_time),
        }
    }

    pub(super) fn of_stored(stored: Option<Attempts>, limit: Limit, now: DateTime<Utc>) -> Bucket {
        stored.map_or(Bucket::empty(limit, now), |Attempts { level, at }| Bucket {
            level: level as f64 / LEVEL_SCALE,
            at,
            limit,
        })
    }

    /// Restores a saved bucket. Its limit is unknown until the key is used again; until then it
    /// counts as full.
    pub(super) fn of_saved(saved: &CountedAttempts) -> Bucket {
        let level = saved.attempts.level.max(1) as f64 / LEVEL_SCALE;
        let drain_time =
            (saved.empty_at - saved.attempts.at).num_milliseconds().max(1) as f64 / 1000.0;
        Bucket { level, at: saved.attempts.at, limit: Limit::shared(level, drain_time / level) }
    }
}

/// Whether a rejected attempt is charged to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Free,
    /// Fills those of the client's own buckets that are full, or the first one if none is.
    Charged,
}

/// Reserves an attempt in all buckets or in none.
///
/// # Errors
///
/// The longest wait in seconds.
pub(super) fn reserve(
    buckets: &mut [Bucket],
    refused: Refused,
    now: DateTime<Utc>,
) -> Result<(), u64> {
    let longest = |buckets: &[Bucket]| {
        buckets.iter().map(|bucket| bucket.wait_seconds(now)).fold(0.0, f64::max)
    };
    if longest(buckets) <= 0.0 {
        buckets.iter_mut().for_each(|bucket| bucket.fill(now));
        return Ok(());
    }
    if refused == Refused::Charged {
        let pays = |bucket: &Bucket| bucket.limit.is_own && bucket.wait_seconds(now) > 0.0;
        match buckets.iter().any(pays) {
            true => buckets
                .iter_mut()
                .filter(|bucket| pays(bucket))
                .for_each(|bucket| bucket.charge(now)),
            false => buckets
                .iter_mut()
                .take(1)
                .filter(|bucket| bucket.limit.is_own)
                .for_each(|b| b.charge(now)),
        }
    }
    Err(longest(buckets).ceil() as u64)
}
