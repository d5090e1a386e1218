//! The room that large bodies share: memory, turns of the parser, and disk.
//!
//! Of all requests together, so that no number of them takes more. A request without room is
//! answered with 503, and never waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::Request;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ApiError;
use crate::body::UploadLimits;

/// A body up to here is always read; longer ones share a [`LargeBodies`]. Few requests need as
/// much.
pub(crate) const SMALL_BODY_BYTES: usize = 65_536;
/// Bytes beyond [`SMALL_BODY_BYTES`] that a server holds at one time, of all requests together.
const LARGE_BODIES_BYTES: usize = 16 << 20;
/// The limits on large bodies of one server.
#[derive(Clone)]
pub struct LargeBodies {
    bytes: Arc<Semaphore>,
    /// Large bodies are parsed one after the other: together they never take more than one core
    /// from everything else.
    parser: Arc<Semaphore>,
    /// Bytes of files that may still be written, of all requests together.
    disk: Arc<AtomicU64>,
}

impl LargeBodies {
    /// With so many bytes of files on disk.
    pub fn new(disk_bytes: u64) -> LargeBodies {
        LargeBodies {
            bytes: Arc::new(Semaphore::new(LARGE_BODIES_BYTES)),
            parser: Arc::new(Semaphore::new(1)),
            disk: Arc::new(AtomicU64::new(disk_bytes)),
        }
    }
}

impl Default for LargeBodies {
    fn default() -> LargeBodies {
        LargeBodies::new(UploadLimits::DEFAULT.disk_bytes)
    }
}

/// Room on disk, given back when it is dropped. No semaphore: its permits do not count beyond
/// 4 GiB.
pub(crate) struct DiskRoom {
    left: Arc<AtomicU64>,
    bytes: u64,
}

impl Drop for DiskRoom {
    fn drop(&mut self) {
        self.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// The share of [`LargeBodies`] that a request holds until it is answered: the bytes of its body
/// live on in the fields of its handler.
#[derive(Clone, Default)]
pub struct ReadPermit {
    limits: LargeBodies,
    held: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl ReadPermit {
    /// Goes with the request to its [`crate::LazyBody`]; the room is given back when this one is
    /// dropped too. `None` for a request without a body.
    pub fn attach(
        request: &mut Request<dropshot::Body>,
        limits: &LargeBodies,
    ) -> Option<ReadPermit> {
        if request.body().is_end_stream() {
            return None;
        }
        let permit = ReadPermit { limits: limits.clone(), held: Arc::default() };
        request.extensions_mut().insert(permit.clone());
        Some(permit)
    }

    /// Room for `more` bytes in memory, after `before` of the same request.
    ///
    /// # Errors
    ///
    /// 503 when there is none.
    pub(crate) fn take_memory(&self, before: usize, more: usize) -> Result<(), NoRoom> {
        let large = (before + more).saturating_sub(before.max(SMALL_BODY_BYTES));
        if large == 0 {
            return Ok(());
        }
        let more = take(&self.limits.bytes, large)?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut held, more);
        Ok(())
    }

    /// Room on disk, added to that of `room`.
    ///
    /// # Errors
    ///
    /// 503 when there is none.
    pub(crate) fn take_disk(&self, bytes: u64, room: &mut Option<DiskRoom>) -> Result<(), NoRoom> {
        let left = &self.limits.disk;
        let taken =
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken.map_err(|_| NoRoom)?;
        room.get_or_insert_with(|| DiskRoom { left: Arc::clone(left), bytes: 0 }).bytes += bytes;
        Ok(())
    }

    /// Parses `length` bytes: few at once, many away from the async workers.
    ///
    /// # Errors
    ///
    /// 500 when `parse` panics.
    pub(crate) async fn parse<T: Send + 'static>(
        &self,
        length: usize,
        parse: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        if length <= SMALL_BODY_BYTES {
            return Ok(parse());
        }
        let turn = Arc::clone(&self.limits.parser).acquire_owned().await.ok();
        let parsing = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            parse()
        });
        parsing.await.map_err(|e| ApiError::internal(format!("a body was not parsed: {e}")))
    }
}

/// Other requests have taken all room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoRoom;

impl From<NoRoom> for ApiError {
    fn from(_: NoRoom) -> ApiError {
        ApiError::unavailable("The server is busy. Please try again.")
    }
}

fn take(room: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, NoRoom> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    Arc::clone(room).try_acquire_many_owned(bytes).map_err(|_| NoRoom)
}

fn add(held: &mut Option<OwnedSemaphorePermit>, more: OwnedSemaphorePermit) {
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn memory_and_disk_budgets_are_shared_and_released() {
        let limits = LargeBodies::default();
        let permit = || ReadPermit { limits: limits.clone(), held: Arc::default() };
        let (first, second) = (permit(), permit());
        first.take_memory(0, LARGE_BODIES_BYTES).unwrap();
        // The first bytes of a body take no room.
        second.take_memory(0, SMALL_BODY_BYTES).unwrap();
        second.take_memory(SMALL_BODY_BYTES, SMALL_BODY_BYTES).unwrap();
        assert!(second.take_memory(2 * SMALL_BODY_BYTES, 1).is_err());
        drop(first);
        second.take_memory(2 * SMALL_BODY_BYTES, 1).unwrap();
        let (disk, mut room) = (UploadLimits::DEFAULT.disk_bytes, None);
        second.take_disk(disk - 1, &mut room).unwrap();
        second.take_disk(1, &mut room).unwrap();
        assert!(second.take_disk(1, &mut None).is_err());
        drop(room);
        second.take_disk(disk, &mut None).unwrap();
    }

    #[test]
    fn disk_is_as_large_as_the_host_says() {
        let limits = LargeBodies::new(10 << 30);
        let permit = ReadPermit { limits, held: Arc::default() };
        let mut room = None;
        permit.take_disk(9 << 30, &mut room).unwrap();
        assert!(permit.take_disk(2 << 30, &mut room).is_err());
        permit.take_disk(1 << 30, &mut room).unwrap();
        drop(room);
        permit.take_disk(10 << 30, &mut None).unwrap();
    }

    #[tokio::test]
    async fn large_bodies_are_parsed_one_at_a_time() {
        let permit = ReadPermit::default();
        let turn = Arc::clone(&permit.limits.parser).acquire_owned().await.unwrap();
        assert!(permit.parse(SMALL_BODY_BYTES, || ()).now_or_never().is_some());
        let mut large = Box::pin(permit.parse(SMALL_BODY_BYTES + 1, || ()));
        assert!((&mut large).now_or_never().is_none());
        drop(turn);
        large.await.unwrap();
    }
}
