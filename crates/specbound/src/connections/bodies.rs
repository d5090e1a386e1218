//! Bodies of a connection: whether it is busy or idle while they are read and sent.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
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

    fn set_awaited(&mut self, is_awaited: bool) {
        match (self.is_awaited, is_awaited) {
            (false, true) => {
                self.connection.mark_idle();
                self.connection.busy.fetch_sub(1, Ordering::Relaxed);
            }
            (true, false) => {
                self.connection.busy.fetch_add(1, Ordering::Relaxed);
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
        self.set_awaited(frame.is_pending());
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
        self.set_awaited(false);
    }
}

/// Tracks a streamed response, and ends an endless one when the server stops.
pub(super) fn track(
    response: &mut Response,
    connection: &Arc<Connection>,
    mut stopped: watch::Receiver<()>,
) {
    let Some(streamed) = response.extensions().get::<Streamed>().cloned() else { return };
    let Streamed { ends_with_server, is_stopped } = streamed;
    let body = std::mem::replace(response.body_mut(), dropshot::Body::empty());
    let stopped = async move {
        match ends_with_server {
            // An error means that the `Connections` are dropped, which stops the server too.
            true => drop(stopped.changed().await),
            false => std::future::pending().await,
        }
    };
    *response.body_mut() = dropshot::Body::wrap(TrackedResponse {
        body,
        connection: Arc::clone(connection),
        is_endless: ends_with_server,
        is_stopped,
        work: None,
        stopped: Mutex::new(stopped.boxed()),
    });
}

/// A streamed response. While its next piece is made, its connection waits for this server, unless
/// it has no end; when the client does not take it, the connection keeps this server waiting.
struct TrackedResponse {
    body: dropshot::Body,
    connection: Arc<Connection>,
    is_endless: bool,
    is_stopped: Arc<AtomicBool>,
    work: Option<BusyGuard>,
    /// A mutex only because `dropshot::Body` must be `Sync`; it is never locked.
    stopped: Mutex<BoxFuture<'static, ()>>,
}

impl Body for TrackedResponse {
    type Data = Bytes;
    type Error = <dropshot::Body as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let stopped = this.stopped.get_mut().unwrap_or_else(PoisonError::into_inner);
        if stopped.poll_unpin(context).is_ready() {
            this.is_stopped.store(true, Ordering::Relaxed);
            // hyper does not ask again.
            return Poll::Ready(None);
        }
        let frame = Pin::new(&mut this.body).poll_frame(context);
        match frame.is_pending() {
            true if this.is_endless => {}
            true => drop(this.work.get_or_insert_with(|| BusyGuard::begin(&this.connection))),
            false if this.is_endless => this.connection.mark_idle(),
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
