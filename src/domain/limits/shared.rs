//! Buckets of several servers, counted in their shared database.

use chrono::{DateTime, Duration, Utc};

use super::bucket::{Bucket, KeyDigest, LEVEL_SCALE, Limit, Refused, reserve};
use crate::store::{Reader, Store, StoreError, Writer};

/// Tolerated difference between servers' clocks; a timestamp further ahead is corrected.
const MAX_CLOCK_SKEW: Duration = Duration::seconds(60);

/// Reserved, or the seconds to wait.
type Outcome = Result<(), u64>;

pub(super) async fn reserve_in(
    store: &Store,
    wanted: &[(KeyDigest, Limit)],
    refused: Refused,
    now: DateTime<Utc>,
) -> Result<Outcome, StoreError> {
    // A rejection that changes no bucket needs no write.
    let seen = store.read(|r| stored(r, wanted, now)).await?;
    if seen.iter().all(|bucket| bucket.at <= now + MAX_CLOCK_SKEW) {
        let mut after: Vec<Bucket> = seen.iter().map(|bucket| bucket.no_later_than(now)).collect();
        let before = after.clone();
        let outcome = reserve(&mut after, refused, now);
        if outcome.is_err() && after == before {
            return Ok(outcome);
        }
    }
    let wanted = wanted.to_vec();
    store.write(move |w| reserve_within(w, &wanted, refused, now)).await
}

pub(super) async fn refund(store: &Store, keys: Vec<KeyDigest>) -> Result<(), StoreError> {
    store
        .write(move |w| keys.iter().try_for_each(|key| w.attempts_lower(key, LEVEL_SCALE as i64)))
        .await
}

fn stored(
    r: &Reader<'_>,
    wanted: &[(KeyDigest, Limit)],
    now: DateTime<Utc>,
) -> Result<Vec<Bucket>, StoreError> {
    wanted
        .iter()
        .map(|(key, limit)| Ok(Bucket::of_stored(r.attempts_find(key)?, *limit, now)))
        .collect()
}

/// Rejecting is no failure of the write: charges and corrected timestamps are written in either
/// case.
fn reserve_within(
    w: &Writer<'_>,
    wanted: &[(KeyDigest, Limit)],
    refused: Refused,
    now: DateTime<Utc>,
) -> Result<Outcome, StoreError> {
    let seen = stored(w, wanted, now)?;
    let mut after: Vec<Bucket> = seen.iter().map(|bucket| bucket.no_later_than(now)).collect();
    let outcome = reserve(&mut after, refused, now);
    for ((key, _), (before, after)) in wanted.iter().zip(seen.iter().zip(after)) {
        if after != *before {
            w.attempts_upsert(&after.stored(*key))?;
        }
    }
    Ok(outcome)
}
