//! Buckets of a single server: counted in memory, saved periodically.
//!
//! Saving must never block an attempt: it copies changed buckets under the lock and writes without
//! it.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::bucket::{Bucket, KeyDigest, Limit, Refused, reserve};
use crate::store::CountedAttempts;

/// Maximum number of buckets. Beyond it drained buckets are dropped, then the emptier half.
pub(super) const MAX_BUCKETS: usize = 100_000;

#[derive(Default)]
pub(super) struct Memory(Mutex<State>);

#[derive(Default)]
struct State {
    buckets: HashMap<KeyDigest, Bucket>,
    /// Changed since the last save.
    changed: HashSet<KeyDigest>,
    /// Buckets with a row in the database that may still count.
    saved: HashSet<KeyDigest>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reserve(
        &self,
        wanted: &[(KeyDigest, Limit)],
        refused: Refused,
        now: DateTime<Utc>,
    ) -> Result<(), u64> {
        let mut state = self.lock();
        let found = |(key, limit): &(KeyDigest, Limit)| match state.buckets.get(key) {
            Some(bucket) => Bucket { limit: *limit, ..bucket.no_later_than(now) },
            None => Bucket::empty(*limit, now),
        };
        let mut after: Vec<Bucket> = wanted.iter().map(found).collect();
        let outcome = reserve(&mut after, refused, now);
        if state.buckets.len() + wanted.len() > MAX_BUCKETS {
            state.make_room(now);
        }
        for ((key, _), after) in wanted.iter().zip(after) {
            let is_changed = match state.buckets.get(key) {
                // A timestamp in the future is corrected even if the attempt is rejected.
                Some(known) => *known != after,
                None => after.level > 0.0,
            };
            if is_changed {
                state.buckets.insert(*key, after);
                state.changed.insert(*key);
            }
        }
        outcome
    }

    pub(super) fn refund(&self, keys: &[KeyDigest]) {
        let mut state = self.lock();
        for key in keys {
            if let Some(bucket) = state.buckets.get_mut(key) {
                bucket.level = (bucket.level - 1.0).max(0.0);
                state.changed.insert(*key);
            }
        }
    }

    pub(super) fn purge_expired(&self, now: DateTime<Utc>) {
        let mut state = self.lock();
        let State { buckets, changed, saved } = &mut *state;
        buckets.retain(|key, bucket| bucket.level(now) > 0.0 || changed.contains(key));
        saved.retain(|key| buckets.contains_key(key));
    }

    /// Loads the buckets saved before this server started.
    pub(super) fn load(&self, rows: &[CountedAttempts]) {
        let mut state = self.lock();
        for row in rows.iter().take(MAX_BUCKETS) {
            state.buckets.entry(row.key_digest).or_insert_with(|| Bucket::of_saved(row));
            state.saved.insert(row.key_digest);
        }
    }

    /// Takes up to `limit` changed buckets, and whether there are more. A bucket that was drained
    /// by a refund before it was ever saved needs no row.
    pub(super) fn take_changed(&self, limit: usize) -> (Vec<CountedAttempts>, bool) {
        let mut state = self.lock();
        let State { buckets, changed, saved } = &mut *state;
        let keys: Vec<KeyDigest> = changed.iter().take(limit).copied().collect();
        let mut rows = Vec::new();
        for key in keys {
            changed.remove(&key);
            let Some(bucket) = buckets.get(&key) else { continue };
            if bucket.level > 0.0 || saved.contains(&key) {
                rows.push(bucket.stored(key));
            }
            if bucket.level > 0.0 {
                saved.insert(key)
            } else {
                saved.remove(&key)
            };
        }
        if changed.is_empty() {
            // Releases the memory of a flood.
            changed.shrink_to(1024);
        }
        (rows, !changed.is_empty())
    }

    /// Marks buckets as changed again after a failed write.
    pub(super) fn mark_changed(&self, rows: &[CountedAttempts]) {
        let mut state = self.lock();
        for row in rows {
            state.changed.insert(row.key_digest);
            // The outcome of the write is unknown, so a row may exist.
            state.saved.insert(row.key_digest);
        }
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> Vec<KeyDigest> {
        self.lock().buckets.keys().copied().collect()
    }
}

impl State {
    /// Drops drained buckets, then the emptier half: the fullest ones, an attacker's, stay.
    fn make_room(&mut self, now: DateTime<Utc>) {
        let State { buckets, saved, .. } = self;
        buckets.retain(|_, bucket| bucket.level(now) > 0.0);
        if buckets.len() * 10 > MAX_BUCKETS * 9 {
            let fullness = |bucket: &Bucket| bucket.level(now) / bucket.limit.burst;
            let mut levels: Vec<f64> = buckets.values().map(fullness).collect();
            levels.sort_by(f64::total_cmp);
            let median = levels.get(levels.len() / 2).copied().unwrap_or(0.0);
            buckets.retain(|_, bucket| fullness(bucket) > median);
        }
        saved.retain(|key| buckets.contains_key(key));
    }
}
