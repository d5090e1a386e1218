//! Reads the body of a request in pieces, and refuses one that arrives too slowly.
//!
//! With a limit for each piece alone, a client could hold its share of memory and disk for days by
//! sending one byte every few seconds. Only the time that is spent waiting for the client counts,
//! never that between two reads.

use std::time::Duration;

use http_body_util::BodyExt;
use thiserror::Error;
use tokio::time::Instant;

/// How long a body may keep the server waiting: a whole one that is read into memory, otherwise
/// each [`MIN_BYTES`] of it.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes that must arrive within [`BODY_TIMEOUT`], unless the body ends: 4 KiB a second.
const MIN_BYTES: usize = 30 * 4096;

/// Why no further piece of a body came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum ReadError {
    #[error("The request body did not arrive in time.")]
    Late,
    #[error("The request body could not be read.")]
    Broken,
}

/// A body that is being read.
pub(crate) struct BodyReader {
    body: dropshot::Body,
    /// Time spent waiting since the last [`MIN_BYTES`] arrived, and the bytes since then.
    waited: Duration,
    arrived: usize,
}

impl BodyReader {
    pub fn new(body: dropshot::Body) -> BodyReader {
        BodyReader { body, waited: Duration::ZERO, arrived: 0 }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`ReadError`]. Nothing can be read after it.
    pub async fn next(&mut self) -> Result<Option<bytes::Bytes>, ReadError> {
        let started = Instant::now();
        let left = BODY_TIMEOUT.saturating_sub(self.waited);
        let piece = tokio::time::timeout(left, next_piece(&mut self.body)).await;
        self.waited += started.elapsed();
        let piece = piece.unwrap_or(Err(ReadError::Late))?;
        self.arrived += piece.as_ref().map_or(0, bytes::Bytes::len);
        if self.arrived >= MIN_BYTES {
            (self.waited, self.arrived) = (Duration::ZERO, 0);
        }
        Ok(piece)
    }
}

/// The next piece of a body, however long it takes.
///
/// # Errors
///
/// [`ReadError::Broken`].
pub(crate) async fn next_piece(
    body: &mut dropshot::Body,
) -> Result<Option<bytes::Bytes>, ReadError> {
    loop {
        let Some(frame) = body.frame().await else { return Ok(None) };
        if let Ok(piece) = frame.map_err(|_| ReadError::Broken)?.into_data() {
            return Ok(Some(piece));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{StreamExt, stream};
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    /// A body of pieces, each after a pause.
    fn body(pieces: Vec<(usize, Duration)>) -> BodyReader {
        let pieces = stream::iter(pieces).then(|(length, pause)| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, Infallible>(Frame::data(bytes::Bytes::from(vec![b'x'; length])))
        });
        BodyReader::new(dropshot::Body::wrap(StreamBody::new(pieces)))
    }

    async fn read(mut body: BodyReader) -> Result<usize, ReadError> {
        let mut length = 0;
        while let Some(piece) = body.next().await? {
            length += piece.len();
        }
        Ok(length)
    }

    #[tokio::test(start_paused = true)]
    async fn trickling_body_is_refused_and_slow_one_is_accepted() {
        let second = Duration::from_secs(1);
        assert_eq!(read(body(vec![(1, 29 * second), (1, 2 * second)])).await, Err(ReadError::Late));
        // A fast start earns no time.
        let stalled = vec![(1 << 20, Duration::ZERO), (1, 29 * second), (1, 2 * second)];
        assert_eq!(read(body(stalled)).await, Err(ReadError::Late));
        let slow = vec![(MIN_BYTES, 29 * second); 10];
        assert_eq!(read(body(slow)).await, Ok(10 * MIN_BYTES));
    }

    #[tokio::test(start_paused = true)]
    async fn time_between_two_reads_does_not_count() {
        let mut body = body(vec![(1, Duration::from_secs(20)), (1, Duration::from_secs(5))]);
        assert_eq!(body.next().await.unwrap().unwrap().len(), 1);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(body.next().await.unwrap().unwrap().len(), 1);
        assert_eq!(body.next().await, Ok(None));
    }
}
