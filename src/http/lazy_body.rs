//! A request's body, read when somebody needs it: within a time, up to a size, and only as many large ones at once as
//! there is room for. What it means is for [`super::body`].

use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::body::{self, Fields};
use super::error::ApiError;
use crate::domain::Refusal;

/// Django's DATA_UPLOAD_MAX_MEMORY_SIZE.
const MOST_BODY_BYTES: usize = 2_621_440;
/// A body up to here is always read; what is longer shares [`LARGE_BODIES`]. No request of this API needs as much.
const SMALL_BODY_BYTES: usize = 65_536;
/// Bytes beyond [`SMALL_BODY_BYTES`] that this process holds at one time, of all bodies together.
static LARGE_BODIES: Semaphore = Semaphore::const_new(16 << 20);
/// A client that takes longer to send its body is gone, or means harm.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// A body that is read when somebody needs it, once.
pub struct LazyBody {
    content_type: Option<String>,
    declared_length: Option<usize>,
    unread: Option<dropshot::Body>,
    read: Option<bytes::Bytes>,
    /// What it holds of [`LARGE_BODIES`].
    room: Option<SemaphorePermit<'static>>,
}

impl LazyBody {
    pub fn new(headers: &HeaderMap, body: dropshot::Body) -> LazyBody {
        let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        LazyBody {
            content_type: text(CONTENT_TYPE),
            declared_length: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            unread: Some(body),
            read: None,
            room: None,
        }
    }

    /// # Errors
    ///
    /// 413, 408, 415, 400, and 503 when other large bodies have taken all the room.
    pub async fn fields(&mut self) -> Result<Fields, ApiError> {
        let bytes = self.bytes().await?;
        Ok(body::parse(self.content_type.as_deref(), bytes).await?)
    }

    /// One field of a form; nothing for JSON and for whatever cannot be read.
    pub async fn form_field(&mut self, name: &str) -> Option<String> {
        let fields = self.fields().await.ok()?;
        if fields.is_form() { fields.text(name) } else { None }
    }

    async fn bytes(&mut self) -> Result<bytes::Bytes, ApiError> {
        if let Some(bytes) = &self.read {
            return Ok(bytes.clone());
        }
        let too_large = || {
            let detail = format!("The request body is larger than {MOST_BODY_BYTES} bytes.");
            ApiError::detail(StatusCode::PAYLOAD_TOO_LARGE, &detail)
        };
        if self.declared_length.is_some_and(|length| length > MOST_BODY_BYTES) {
            return Err(too_large());
        }
        let Some(body) = self.unread.take() else { return Ok(bytes::Bytes::new()) };
        let late = || ApiError::detail(StatusCode::REQUEST_TIMEOUT, "The request body did not arrive in time.");
        let collected = tokio::time::timeout(BODY_PATIENCE, self.collect(body)).await.map_err(|_| late())?;
        match collected {
            Err(Uncollected::TooLarge) => Err(too_large()),
            Err(Uncollected::Broken) => {
                Err(ApiError::detail(StatusCode::BAD_REQUEST, "The request body could not be read."))
            }
            Err(Uncollected::NoRoom) => Err(Refusal::Busy.into()),
            Ok(bytes) => {
                self.read = Some(bytes.clone());
                Ok(bytes)
            }
        }
    }

    async fn collect(&mut self, mut body: dropshot::Body) -> Result<bytes::Bytes, Uncollected> {
        let mut collected = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Uncollected::Broken)?.into_data() else { continue };
            let before = collected.len();
            let length = before + data.len();
            if length > MOST_BODY_BYTES {
                return Err(Uncollected::TooLarge);
            }
            let more = length.saturating_sub(before.max(SMALL_BODY_BYTES));
            if more > 0 {
                let more = u32::try_from(more).unwrap_or(u32::MAX);
                let room = LARGE_BODIES.try_acquire_many(more).map_err(|_| Uncollected::NoRoom)?;
                match &mut self.room {
                    Some(had) => had.merge(room),
                    had => *had = Some(room),
                }
            }
            if collected.capacity() < length {
                // Doubled while it is small, so that a body of single bytes is not copied with each; never far beyond
                // what has been granted.
                collected.reserve_exact(data.len().max(before.min(SMALL_BODY_BYTES)));
            }
            collected.extend_from_slice(&data);
        }
        Ok(collected.into())
    }
}

/// Why a body was not read.
enum Uncollected {
    TooLarge,
    Broken,
    /// Other bodies have taken all there is.
    NoRoom,
}
