//! Bodies of a connection: who waits for whom while they are read and sent.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::watch;

use super::{BusyGuard, Connection};
use crate::Response;
use crate::streams::Streamed;

/// A request's body. While a part of it is awaited, its connection keeps this server waiting.
pub(super) struct TrackedBody {
    body: Incoming,
    connection: Arc<Connection>,
    is_awaited: bool,
}

impl TrackedBody {
    /// The body of a request that this server works on.
    pub fn new(body: Incoming, connection: &Arc<Connection>) -> TrackedBody {
        TrackedBody { body, connection: Arc::clone(connection), is_awaited: false }
    }

    fn keep(&mut self, is_awaited: bool) {
        match (self.is_awaited, is_awaited) {
            (false, true) => {
                self.connection.wait();
                self.connection.working.fetch_sub(1, Ordering::Relaxed);
            }
            (true, false) => {
                self.connection.working.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        self.is_awaited = is_awaited;
    }
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.keep(frame.is_pending());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        self.keep(false);
    }
}

/// Follows a streamed answer, and ends it with the server if it has no end of its own.
pub(super) fn track(
    answer: &mut Response,
    connection: &Arc<Connection>,
    mut stopped: watch::Receiver<()>,
) {
    let Some(Streamed { ends_with_server }) = answer.extensions().get::<Streamed>().copied() else {
        return;
    };
    let body = std::mem::replace(answer.body_mut(), dropshot::Body::empty());
    let stopped = async move {
        if !ends_with_server || stopped.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    *answer.body_mut() = dropshot::Body::wrap(TrackedAnswer {
        body,
        connection: Arc::clone(connection),
        work: None,
        stopped: Mutex::new(stopped.boxed()),
    });
}

/// A streamed answer. While its next piece is made, its connection waits for this server; when the
/// client does not take it, the connection keeps this server waiting.
struct TrackedAnswer {
    body: dropshot::Body,
    connection: Arc<Connection>,
    work: Option<BusyGuard>,
    /// Only so that it can be shared; it is never locked.
    stopped: Mutex<BoxFuture<'static, ()>>,
}

impl Body for TrackedAnswer {
    type Data = Bytes;
    type Error = <dropshot::Body as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let stopped = this.stopped.get_mut().unwrap_or_else(PoisonError::into_inner);
        if stopped.poll_unpin(context).is_ready() {
            // hyper does not ask again.
            return Poll::Ready(None);
        }
        let frame = Pin::new(&mut this.body).poll_frame(context);
        match frame.is_pending() {
            true if this.work.is_none() => this.work = Some(BusyGuard::begin(&this.connection)),
            true => {}
            false => this.work = None,
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
