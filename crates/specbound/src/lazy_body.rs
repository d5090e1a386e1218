//! A request's body, read on demand: within a time, up to a size, and large ones only while there
//! is room for them and away from the async workers. [`crate::body`] parses it.
//!
//! A field that authentication looks up (CSRF) takes nothing from the handler: all that was read is
//! kept, and read again.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::{BodyStream, Full, StreamBody};
use hyper::body::{Body, Frame};
use zeroize::Zeroize;

use crate::ApiError;
use crate::body::{self, BodyError, BodyLimits, Fields, UploadLimits, json};
use crate::body_reader::{BODY_TIMEOUT, BodyReader, ReadError, next_piece};
use crate::fields::as_json;
use crate::large_bodies::{NoRoom, ReadPermit, SMALL_BODY_BYTES};
use crate::negotiation::closeness;

/// A body that is read on demand, once.
pub struct LazyBody {
    content_type: Option<String>,
    declared_length: Option<usize>,
    content: Content,
    /// `None` for a request without a body.
    permit: Option<ReadPermit>,
    /// Media types that are read as JSON too.
    also_json: &'static [&'static str],
    limits: &'static BodyLimits,
    uploads: &'static UploadLimits,
}

/// The state of a body.
enum Content {
    /// Its beginning, which was read, and the rest.
    Unread { start: Vec<u8>, rest: dropshot::Body },
    /// All of it, or nothing once it is taken.
    Read(Bytes),
    /// A body that cannot be read. It never passes for an empty one.
    Failed(CollectError),
}

impl Content {
    fn is_empty(&self) -> bool {
        match self {
            Content::Unread { start, rest } => start.is_empty() && rest.is_end_stream(),
            Content::Read(bytes) => bytes.is_empty(),
            Content::Failed(_) => false,
        }
    }

    /// As a body that nothing has been read of; `None` for an empty one.
    fn into_body(self) -> Result<Option<dropshot::Body>, CollectError> {
        if self.is_empty() {
            return Ok(None);
        }
        match self {
            Content::Unread { start, rest } if start.is_empty() => Ok(Some(rest)),
            Content::Unread { start, rest } => {
                let start = stream::iter([Ok(Frame::data(Bytes::from(start)))]);
                let whole = start.chain(BodyStream::new(rest));
                Ok(Some(dropshot::Body::wrap(StreamBody::new(whole))))
            }
            Content::Read(bytes) => Ok(Some(dropshot::Body::wrap(Full::new(bytes)))),
            Content::Failed(why) => Err(why),
        }
    }
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
    pub fn start(&self) -> Result<Option<(String, BodyReader)>, ApiError> {
        let max = self.uploads.bytes;
        if self.declared_length.is_some_and(|length| length as u64 > max) {
            return Err(too_large(max));
        }
        let body = self.unread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(body) = body else { return Ok(None) };
        let content_type = self.content_type.as_deref().unwrap_or_default();
        Ok(Some((body::boundary(content_type)?, BodyReader::new(body))))
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
            content: Content::Unread { start: Vec::new(), rest: body },
            permit: head.extensions.get::<ReadPermit>().cloned(),
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
    /// 408 or 400 for a body that broke off while [`LazyBody::form_field`] read it.
    pub(crate) fn into_form(self) -> Result<UnreadForm, ApiError> {
        Ok(UnreadForm {
            content_type: self.content_type,
            declared_length: self.declared_length,
            unread: Mutex::new(self.content.into_body()?),
            permit: self.permit.unwrap_or_default(),
            limits: self.limits,
            uploads: self.uploads,
        })
    }

    /// Media types that are read as JSON, such as `application/merge-patch+json`.
    pub(crate) fn also_json(&mut self, media_types: &'static [&'static str]) {
        self.also_json = media_types;
    }

    /// Whether no body was sent. A form without fields has no bytes.
    pub(crate) fn is_missing(&self) -> bool {
        let is_form =
            self.content_type().is_some_and(|sent| base(sent).eq_ignore_ascii_case(body::FORM));
        self.content.is_empty() && !is_form
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
        if self.content.is_empty() || self.has_type(media_types) {
            return Ok(());
        }
        let sent = self.content_type.clone().unwrap_or_default();
        Err(BodyError::UnsupportedMediaType(sent).into())
    }

    /// The declared length, and the body; `None` for an empty one.
    ///
    /// # Errors
    ///
    /// As [`LazyBody::into_form`].
    pub(crate) fn into_unread(self) -> Result<(Option<usize>, Option<BodyReader>), ApiError> {
        let body = self.content.into_body()?;
        Ok((self.declared_length, body.map(BodyReader::new)))
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
        let (length, limits) = (bytes.len(), self.limits);
        let reading = move || {
            let value = read(&bytes, limits);
            zeroized(bytes);
            value
        };
        self.permit.get_or_insert_default().parse(length, reading).await?.map(Some)
    }

    pub(crate) fn is_json(&self) -> bool {
        let sent = base(self.content_type.as_deref().unwrap_or_default());
        sent.eq_ignore_ascii_case("application/json")
            || (!self.also_json.is_empty()
                && (sent.ends_with("+json") || sent.eq_ignore_ascii_case("text/json"))
                && self.has_type(self.also_json))
    }

    /// Its fields.
    ///
    /// # Errors
    ///
    /// 413, 408, 415, 400, and 503 when other large bodies have taken all the room.
    pub async fn fields(&mut self) -> Result<Fields, ApiError> {
        let bytes = self.bytes().await?;
        let content_type = match self.is_json() {
            true => Some("application/json".to_owned()),
            false => self.content_type.clone(),
        };
        let (length, limits) = (bytes.len(), self.limits);
        let parsing = move || parse(content_type.as_deref(), bytes, limits);
        Ok(self.permit.get_or_insert_default().parse(length, parsing).await??)
    }

    /// One field of a form; `None` for any other body, and for a malformed one. Of a form with
    /// files no more is read than up to the end of that field, and never more than
    /// [`BodyLimits::bytes`], so the field must stand before large files.
    ///
    /// The body stays whole for the handler.
    pub async fn form_field(&mut self, name: &str) -> Option<String> {
        match base(self.content_type.as_deref()?).to_ascii_lowercase().as_str() {
            "multipart/form-data" => self.multipart_field(name).await,
            body::FORM => {
                let bytes = self.bytes().await.ok()?;
                self.content = Content::Read(bytes.clone());
                let fields = self.fields().await;
                self.content = Content::Read(bytes);
                fields.ok()?.text(name)
            }
            _ => None,
        }
    }

    async fn multipart_field(&mut self, name: &str) -> Option<String> {
        let boundary = body::boundary(self.content_type.as_deref()?).ok()?;
        let Content::Unread { start, rest } = &mut self.content else { return None };
        let first = Ok(Bytes::copy_from_slice(start));
        let (limits, permit) = (self.limits, &*self.permit.get_or_insert_default());
        let more = stream::unfold((start, rest, true), move |(start, rest, has_room)| async move {
            // The parser takes all that is ready at once: one piece at a time. It also errs if the
            // end comes together with the first piece.
            tokio::task::yield_now().await;
            if !has_room || start.len() > limits.bytes {
                return None;
            }
            let piece = match next_piece(rest).await {
                Ok(piece) => piece?,
                Err(why) => return Some((Err(why), (start, rest, false))),
            };
            // A piece that was read is kept, even if it is the last one.
            let has_room = permit.take_memory(start.len(), piece.len()).is_ok();
            start.extend_from_slice(&piece);
            Some((Ok(piece), (start, rest, has_room)))
        });
        let pieces = stream::iter([first]).chain(more);
        let found = body::multipart_field(pieces, boundary, name, limits.values);
        match tokio::time::timeout(BODY_TIMEOUT, found).await.unwrap_or(Err(ReadError::Late)) {
            Ok(found) => found,
            Err(why) => {
                self.content = Content::Failed(CollectError::Read(why));
                None
            }
        }
    }

    async fn bytes(&mut self) -> Result<Bytes, ApiError> {
        let max = self.limits.bytes;
        if self.declared_length.is_some_and(|length| length > max) {
            return Err(too_large(max));
        }
        let content = std::mem::replace(&mut self.content, Content::Read(Bytes::new()));
        let collected = match content {
            Content::Unread { start, rest } => {
                let permit = self.permit.get_or_insert_default();
                let collecting = collect(start, rest, max, permit);
                let collected = tokio::time::timeout(BODY_TIMEOUT, collecting).await;
                collected.unwrap_or(Err(CollectError::Read(ReadError::Late)))
            }
            Content::Read(bytes) => Ok(bytes),
            Content::Failed(why) => Err(why),
        };
        collected.map_err(|why| {
            self.content = Content::Failed(why);
            why.into()
        })
    }
}

async fn collect(
    start: Vec<u8>,
    mut rest: dropshot::Body,
    max: usize,
    permit: &ReadPermit,
) -> Result<Bytes, CollectError> {
    let mut collected = start;
    loop {
        if collected.len() > max {
            return Err(CollectError::TooLarge(max));
        }
        let Some(piece) = next_piece(&mut rest).await? else { return Ok(collected.into()) };
        let before = collected.len();
        let length = before + piece.len();
        if length > max {
            return Err(CollectError::TooLarge(max));
        }
        permit.take_memory(before, piece.len())?;
        if collected.capacity() < length {
            // Doubled while it is small, so that a body of single bytes is not copied with each;
            // never far beyond the granted size.
            collected.reserve_exact(piece.len().max(before.min(SMALL_BODY_BYTES)));
        }
        collected.extend_from_slice(&piece);
    }
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
#[derive(Debug, Clone, Copy)]
enum CollectError {
    TooLarge(usize),
    Read(ReadError),
    NoRoom(NoRoom),
}

impl From<ReadError> for CollectError {
    fn from(why: ReadError) -> CollectError {
        CollectError::Read(why)
    }
}

impl From<NoRoom> for CollectError {
    fn from(why: NoRoom) -> CollectError {
        CollectError::NoRoom(why)
    }
}

impl From<CollectError> for ApiError {
    fn from(why: CollectError) -> ApiError {
        match why {
            CollectError::TooLarge(max) => too_large(max),
            CollectError::Read(why) => why.into(),
            CollectError::NoRoom(why) => why.into(),
        }
    }
}
