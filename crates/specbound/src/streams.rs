//! Bodies of responses: whole, or in pieces that a handler makes while they are sent.
//!
//! A piece is asked for when the client has taken the one before it, so a slow client slows its
//! producer down; when the client goes away, the stream is dropped. Nothing here makes a piece, or
//! starts a stream for HEAD.

use std::error::Error;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use hyper::body::{Body, Frame, SizeHint};
use slog::Logger;
use thiserror::Error as ThisError;

use crate::metrics::{self, StreamEnd};
use crate::{Response, error};

type BoxError = Box<dyn Error + Send + Sync>;

/// The body of a response.
pub struct ResponseBody(Source);

enum Source {
    Whole(Bytes),
    Stream(Pieces, Streamed),
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> ResponseBody {
        ResponseBody(Source::Whole(bytes))
    }
}

impl From<Vec<u8>> for ResponseBody {
    fn from(bytes: Vec<u8>) -> ResponseBody {
        Bytes::from(bytes).into()
    }
}

/// Marks a response whose body is made while it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Streamed {
    /// Whether it is endless, and so ends when the server stops.
    pub ends_with_server: bool,
    /// Whether the server has ended it. The connection tells this to the [`Observer`], whose body
    /// is not asked to its end then.
    pub is_stopped: Arc<AtomicBool>,
}

impl Streamed {
    fn new(ends_with_server: bool) -> Streamed {
        Streamed { ends_with_server, is_stopped: Arc::default() }
    }
}

impl ResponseBody {
    /// A body of pieces. With a length it has `Content-Length`, and other pieces than that break
    /// it off.
    pub fn stream<S, E>(length: Option<u64>, pieces: S) -> ResponseBody
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        ResponseBody(Source::Stream(Pieces::new(length, pieces), Streamed::new(false)))
    }

    /// The same without an end: it ends when the server stops.
    pub(crate) fn endless<S>(pieces: S) -> ResponseBody
    where
        S: Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
    {
        ResponseBody(Source::Stream(Pieces::new(None, pieces), Streamed::new(true)))
    }

    pub(crate) fn into_response(
        self,
        status: http::StatusCode,
        media_type: &'static str,
    ) -> Response {
        let (pieces, streamed) = match self.0 {
            Source::Whole(bytes) => return error::response(status, media_type, bytes),
            Source::Stream(pieces, streamed) => (pieces, streamed),
        };
        let length = pieces.left;
        let mut response = error::response(status, media_type, Bytes::new());
        *response.body_mut() = dropshot::Body::wrap(pieces);
        if let Some(length) = length {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        response.extensions_mut().insert(streamed);
        response
    }
}

/// Why a stream of pieces was broken off.
#[derive(Debug, ThisError)]
enum Broken {
    #[error("the pieces of a response are longer than its length")]
    TooLong,
    #[error("the pieces of a response end before its length")]
    TooShort,
}

/// A body of pieces.
struct Pieces {
    /// A mutex only because `dropshot::Body` must be `Sync`; it is never locked.
    stream: Mutex<Option<BoxStream<'static, Result<Bytes, BoxError>>>>,
    /// Bytes to come, if that is known.
    left: Option<u64>,
}

impl Pieces {
    fn new<S, E>(left: Option<u64>, pieces: S) -> Pieces
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        Pieces { stream: Mutex::new(Some(pieces.map_err(Into::into).boxed())), left }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let slot = this.stream.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(stream) = slot else { return Poll::Ready(None) };
        let Poll::Ready(piece) = stream.poll_next_unpin(context) else { return Poll::Pending };
        let length = piece.as_ref().and_then(|piece| piece.as_ref().ok()).map(|p| p.len() as u64);
        let piece = match (piece, length, &mut this.left) {
            (Some(Ok(_)), Some(length), Some(left)) if length > *left => {
                Some(Err(Broken::TooLong.into()))
            }
            (Some(Ok(piece)), Some(length), Some(left)) => {
                *left -= length;
                Some(Ok(piece))
            }
            (None, _, Some(1..)) => Some(Err(Broken::TooShort.into())),
            (piece, ..) => piece,
        };
        if !matches!(piece, Some(Ok(_))) {
            *slot = None;
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Counts and logs the end of a streamed response, or leaves it unstarted for HEAD.
pub(crate) fn observe(response: &mut Response, is_head: bool, end: impl FnOnce() -> Observer) {
    let Some(Streamed { is_stopped, .. }) = response.extensions().get::<Streamed>().cloned() else {
        return;
    };
    let body = std::mem::replace(response.body_mut(), dropshot::Body::empty());
    *response.body_mut() = match is_head {
        true => dropshot::Body::wrap(Unstarted(body.size_hint())),
        false => {
            let observer = end();
            observer.metrics.streams.inc();
            dropshot::Body::wrap(Observed { body, observer, is_stopped, end: StreamEnd::Gone })
        }
    };
}

/// Where the end of a streamed response is reported.
pub(crate) struct Observer {
    pub metrics: metrics::Http,
    pub log: Logger,
    pub operation: &'static str,
    pub request_id: String,
}

struct Observed {
    body: dropshot::Body,
    observer: Observer,
    is_stopped: Arc<AtomicBool>,
    end: StreamEnd,
}

impl Body for Observed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            return Poll::Pending;
        };
        match &frame {
            Some(Ok(_)) => {}
            None => self.end = StreamEnd::Complete,
            Some(Err(error)) => {
                self.end = StreamEnd::Failed;
                let Observer { log, operation, request_id, .. } = &self.observer;
                slog::error!(log, "response broken off"; "why" => %error, "operation" => operation,
                    "request_id" => request_id);
            }
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        // With a length, the end is not asked for.
        if self.end == StreamEnd::Gone && self.body.size_hint().exact() == Some(0) {
            self.end = StreamEnd::Complete;
        }
        if self.end == StreamEnd::Gone && self.is_stopped.load(Ordering::Relaxed) {
            self.end = StreamEnd::Stopped;
        }
        self.observer.metrics.streamed(self.observer.operation, self.end);
    }
}

/// The body of a response to HEAD, which is never sent.
struct Unstarted(SizeHint);

impl Body for Unstarted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        self.0
    }
}
