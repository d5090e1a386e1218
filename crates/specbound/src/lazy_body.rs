//! A request's body, read on demand: within a time, up to a size, and large ones only while there
//! is room for them and away from the async workers. [`crate::body`] parses it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroize;

use crate::ApiError;
use crate::body::{self, BodyError, BodyLimits, Fields, UploadLimits, json};
use crate::fields::as_json;
use crate::negotiation::closeness;

/// A body up to here is always read; longer ones share a [`LargeBodies`]. No request of this API
/// needs as much.
pub(crate) const SMALL_BODY_BYTES: usize = 65_536;
/// Bytes beyond [`SMALL_BODY_BYTES`] that a server holds at one time, of all requests together.
const LARGE_BODIES_BYTES: usize = 16 << 20;
/// Bytes of files that a server holds on disk at one time, of all requests together.
const DISK_BYTES: usize = 1 << 30;
/// A client that takes longer to send its body is gone, or means harm.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The limits on large bodies of one server.
#[derive(Clone)]
pub struct LargeBodies {
    bytes: Arc<Semaphore>,
    /// Large bodies are parsed one after the other: together they never take more than one core
    /// from everything else.
    parser: Arc<Semaphore>,
    disk: Arc<Semaphore>,
}

impl Default for LargeBodies {
    fn default() -> LargeBodies {
        LargeBodies {
            bytes: Arc::new(Semaphore::new(LARGE_BODIES_BYTES)),
            parser: Arc::new(Semaphore::new(1)),
            disk: Arc::new(Semaphore::new(DISK_BYTES)),
        }
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
    /// Goes with the request to its [`LazyBody`]; the room is given back when this one is dropped
    /// too. `None` for a request without a body.
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

    /// Room in memory for the fields of a form.
    ///
    /// # Errors
    ///
    /// 503 when there is none.
    pub(crate) fn take_memory(&self, bytes: usize) -> Result<(), ApiError> {
        if bytes == 0 { Ok(()) } else { self.grow(bytes).map_err(|_| busy()) }
    }

    /// Room on disk, added to that of `room`.
    ///
    /// # Errors
    ///
    /// 503 when there is none.
    pub(crate) fn take_disk(
        &self,
        bytes: usize,
        room: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<(), ApiError> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let more = Arc::clone(&self.limits.disk).try_acquire_many_owned(bytes);
        let more = more.map_err(|_| busy())?;
        match room {
            Some(room) => room.merge(more),
            None => *room = Some(more),
        }
        Ok(())
    }

    fn grow(&self, bytes: usize) -> Result<(), CollectError> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let more = Arc::clone(&self.limits.bytes).try_acquire_many_owned(bytes);
        let more = more.map_err(|_| CollectError::NoRoom)?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(held) => held.merge(more),
            None => *held = Some(more),
        }
        Ok(())
    }
}

/// A body that is read on demand, once.
pub struct LazyBody {
    content_type: Option<String>,
    declared_length: Option<usize>,
    unread: Option<dropshot::Body>,
    /// Read by [`LazyBody::form_field`], for [`LazyBody::fields`].
    parsed: Option<Result<Fields, BodyError>>,
    permit: Option<ReadPermit>,
    /// Bytes that were read.
    length: usize,
    /// Media types that are read as JSON too.
    also_json: &'static [&'static str],
    limits: &'static BodyLimits,
    uploads: &'static UploadLimits,
}

/// A form with files, unread.
pub(crate) struct UnreadForm {
    content_type: Option<String>,
    declared_length: Option<usize>,
    unread: Mutex<Option<dropshot::Body>>,
    pub permit: ReadPermit,
    pub limits: &'static BodyLimits,
    pub uploads: &'static UploadLimits,
}

impl UnreadForm {
    /// The boundary and the body, once; `None` for an empty body.
    ///
    /// # Errors
    ///
    /// 413 for a declared length beyond the limit, 400 without a good boundary.
    pub fn start(&self) -> Result<Option<(String, dropshot::Body)>, ApiError> {
        let max = self.uploads.bytes;
        if self.declared_length.is_some_and(|length| length as u64 > max) {
            return Err(too_large(max));
        }
        let body = self.unread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match body.filter(|body| !body.is_end_stream()) {
            Some(body) => {
                let content_type = self.content_type.as_deref().unwrap_or_default();
                Ok(Some((body::boundary(content_type)?, body)))
            }
            None => Ok(None),
        }
    }
}

impl LazyBody {
    /// The body of a request with this head.
    pub fn new(head: &Parts, body: dropshot::Body, limits: &'static BodyLimits) -> LazyBody {
        let text = |name| {
            head.headers
                .get(name)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        LazyBody {
            content_type: text(CONTENT_TYPE),
            declared_length: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            unread: Some(body),
            parsed: None,
            permit: head.extensions.get::<ReadPermit>().cloned(),
            length: 0,
            also_json: &[],
            limits,
            uploads: &UploadLimits::DEFAULT,
        }
    }

    /// With these limits for files.
    pub fn with_uploads(self, uploads: &'static UploadLimits) -> LazyBody {
        LazyBody { uploads, ..self }
    }

    /// The body as a form with files.
    ///
    /// # Errors
    ///
    /// 400 if [`LazyBody::form_field`] has read it: its files are gone.
    pub(crate) fn into_form(self) -> Result<UnreadForm, ApiError> {
        if self.parsed.is_some() {
            let detail = "A form with files needs its credentials in headers or cookies.";
            return Err(ApiError::detail(StatusCode::BAD_REQUEST, detail));
        }
        Ok(UnreadForm {
            content_type: self.content_type,
            declared_length: self.declared_length,
            unread: Mutex::new(self.unread),
            permit: self.permit.unwrap_or_default(),
            limits: self.limits,
            uploads: self.uploads,
        })
    }

    /// Media types that are read as JSON, such as `application/merge-patch+json`.
    pub(crate) fn also_json(&mut self, media_types: &'static [&'static str]) {
        self.also_json = media_types;
    }

    /// `Content-Type` as it was sent.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Whether its media type is one of these, which may be ranges.
    pub(crate) fn has_type(&self, media_types: &[&str]) -> bool {
        let sent = self.content_type.as_deref().unwrap_or_default();
        let sent = base(sent);
        media_types.iter().any(|media_type| closeness(base(media_type), sent).is_some())
    }

    /// # Errors
    ///
    /// 415 for a body whose media type is none of these.
    pub(crate) fn require_type(&mut self, media_types: &[&str]) -> Result<(), ApiError> {
        let is_empty = self.unread.as_ref().is_none_or(Body::is_end_stream);
        if is_empty || self.has_type(media_types) {
            return Ok(());
        }
        let sent = self.content_type.clone().unwrap_or_default();
        Err(BodyError::UnsupportedMediaType(sent).into())
    }

    /// The declared length, and the body if it was not read.
    pub(crate) fn into_unread(self) -> (Option<usize>, Option<dropshot::Body>) {
        (self.declared_length, self.unread)
    }

    /// A JSON value of any kind; `None` for an empty body.
    ///
    /// # Errors
    ///
    /// As [`LazyBody::fields`].
    pub(crate) async fn json(
        &mut self,
        media_types: &[&str],
    ) -> Result<Option<serde_json::Value>, ApiError> {
        self.require_type(media_types)?;
        let read = |bytes: &[u8], limits: &BodyLimits| {
            Ok(json::parse(bytes, limits).map(|value| as_json(&value))?)
        };
        self.whole(read).await
    }

    /// `read` of a body that is not empty.
    ///
    /// # Errors
    ///
    /// As [`LazyBody::fields`].
    pub(crate) async fn whole<T: Send + 'static>(
        &mut self,
        read: impl FnOnce(&[u8], &BodyLimits) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<Option<T>, ApiError> {
        let bytes = self.bytes().await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let limits = self.limits;
        let reading = move || {
            let value = read(&bytes, limits);
            zeroized(bytes);
            value
        };
        self.parsed(reading).await?.map(Some)
    }

    /// Whether it is JSON that nothing has read yet.
    pub(crate) fn is_unread_json(&self) -> bool {
        self.parsed.is_none() && self.is_json()
    }

    fn is_json(&self) -> bool {
        let sent = base(self.content_type.as_deref().unwrap_or_default());
        sent.eq_ignore_ascii_case("application/json")
            || (!self.also_json.is_empty()
                && sent.ends_with("+json")
                && self.has_type(self.also_json))
    }

    /// Its fields.
    ///
    /// # Errors
    ///
    /// 413, 408, 415, 400, and 503 when other large bodies have taken all the room.
    pub async fn fields(&mut self) -> Result<Fields, ApiError> {
        let parsed = match self.parsed.take() {
            Some(parsed) => parsed,
            None => self.parse().await?,
        };
        Ok(parsed?)
    }

    /// One field of a form; `None` for JSON and for a malformed body.
    pub async fn form_field(&mut self, name: &str) -> Option<String> {
        if self.parsed.is_none() {
            self.parsed = Some(self.parse().await.ok()?);
        }
        let fields = self.parsed.as_ref()?.as_ref().ok()?;
        if fields.is_form() { fields.text(name) } else { None }
    }

    async fn parse(&mut self) -> Result<Result<Fields, BodyError>, ApiError> {
        let bytes = self.bytes().await?;
        let content_type = match self.is_json() {
            true => Some("application/json".to_owned()),
            false => self.content_type.clone(),
        };
        let limits = self.limits;
        self.parsed(move || parse(content_type.as_deref(), bytes, limits)).await
    }

    /// Parses a small body at once, and a large one away from the async workers.
    async fn parsed<T: Send + 'static>(
        &self,
        parse: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        if self.length <= SMALL_BODY_BYTES {
            return Ok(parse());
        }
        let parser = self.permit.as_ref().map(|permit| Arc::clone(&permit.limits.parser));
        let turn = match parser {
            Some(parser) => parser.acquire_owned().await.ok(),
            None => None,
        };
        let parsing = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            parse()
        });
        parsing.await.map_err(|e| ApiError::internal(format!("a body was not parsed: {e}")))
    }

    async fn bytes(&mut self) -> Result<bytes::Bytes, ApiError> {
        let max = self.limits.bytes;
        let too_large = || too_large(max);
        if self.declared_length.is_some_and(|length| length > max) {
            return Err(too_large());
        }
        let Some(body) = self.unread.take() else { return Ok(bytes::Bytes::new()) };
        let collected =
            tokio::time::timeout(BODY_TIMEOUT, self.collect(body)).await.map_err(|_| late())?;
        match collected {
            Err(CollectError::TooLarge) => Err(too_large()),
            Err(CollectError::Broken) => Err(ApiError::detail(
                StatusCode::BAD_REQUEST,
                "The request body could not be read.",
            )),
            Err(CollectError::NoRoom) => Err(busy()),
            Ok(bytes) => {
                self.length = bytes.len();
                Ok(bytes)
            }
        }
    }

    async fn collect(&mut self, mut body: dropshot::Body) -> Result<bytes::Bytes, CollectError> {
        let mut collected = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| CollectError::Broken)?.into_data() else { continue };
            let before = collected.len();
            let length = before + data.len();
            if length > self.limits.bytes {
                return Err(CollectError::TooLarge);
            }
            let more = length.saturating_sub(before.max(SMALL_BODY_BYTES));
            if more > 0 {
                self.permit.get_or_insert_default().grow(more)?;
            }
            if collected.capacity() < length {
                // Doubled while it is small, so that a body of single bytes is not copied with
                // each; never far beyond the granted size.
                collected.reserve_exact(data.len().max(before.min(SMALL_BODY_BYTES)));
            }
            collected.extend_from_slice(&data);
        }
        Ok(collected.into())
    }
}

fn busy() -> ApiError {
    ApiError::unavailable("The server is busy. Please try again.")
}

pub(crate) fn late() -> ApiError {
    let detail = "The request body did not arrive in time.";
    ApiError::detail(StatusCode::REQUEST_TIMEOUT, detail)
}

pub(crate) fn too_large(max: impl std::fmt::Display) -> ApiError {
    let detail = format!("The request body is larger than {max} bytes.");
    ApiError::detail(StatusCode::PAYLOAD_TOO_LARGE, &detail)
}

/// A body can hold a password: its memory is overwritten once it is read.
fn parse(
    content_type: Option<&str>,
    bytes: bytes::Bytes,
    limits: &BodyLimits,
) -> Result<Fields, BodyError> {
    let parsed = body::parse(content_type, bytes.clone(), limits);
    zeroized(bytes);
    parsed
}

fn zeroized(bytes: bytes::Bytes) {
    if let Ok(mut read) = bytes.try_into_mut() {
        read.zeroize();
    }
}

/// A media type without its parameters.
fn base(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Why a body was not read.
enum CollectError {
    TooLarge,
    Broken,
    /// Other bodies have taken all there is.
    NoRoom,
}
