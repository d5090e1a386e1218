//! Connections: accepts and counts them, and closes idle ones.
//!
//! dropshot's own loop never closes a connection that is silent from its first byte on or in the
//! middle of a TLS handshake, and takes as many as come: a few thousand of them, which cost a
//! attacker nothing, make the service unavailable. This loop replaces it. hyper speaks HTTP, rustls
//! TLS; the meaning of a request is for a [`Service`], such as [`crate::HttpService`].
//!
//! The rule: a connection either waits for this server, or this server waits for it (for its
//! handshake, for a request, for the rest of a body, or for it to take a response). A connection
//! that keeps the server waiting is closed after [`IDLE_TIMEOUT`], or earlier, the longest-idle one
//! first, when all slots are taken. So silent connections never keep clients out, and a connection
//! that waits for this server is never closed. A response without an end (server-sent events)
//! counts as idle between its pieces: its client connects again, and must not hold a slot for ever.

mod bodies;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Request;
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use slog::{Logger, warn};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_rustls::TlsAcceptor;

use crate::framing::StrictFraming;
use crate::{Response, metrics};
use bodies::TrackedBody;

/// Longer than the minute for which proxies keep an unused connection, so that it is theirs to
/// close.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// The same once the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// A connection takes some 10 kB, up to 40 with a head that never ends.
const MAX_CONNECTIONS: usize = 4096;
/// Of the file descriptors: for the database (two to each of at most 64 readers), mail servers,
/// sign-in providers and the operator's address.
const RESERVED: usize = 512;
/// Connections that are closing and still open.
const MAX_CLOSING: usize = 32;
/// Listen backlog: a burst of clients must not be refused.
const BACKLOG: u32 = 1024;
/// Of a request's head. hyper returns 431 for a longer one.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Requests at a time on one connection of HTTP/2. A browser asks for a page's few files at once.
const MAX_STREAMS: u32 = 32;
/// Requests at a time on all connections, before those that keep this server waiting are closed.
const MAX_REQUESTS: i64 = 4096;

/// Handles the requests of a listener.
pub trait Service: Send + Sync + 'static {
    /// Responds to one request of the peer `remote`.
    fn respond(
        self: &Arc<Self>,
        request: Request<dropshot::Body>,
        remote: SocketAddr,
    ) -> impl Future<Output = Response> + Send;

    /// Where its connections are counted.
    fn metrics(&self) -> &metrics::Http;
}

/// A listening server.
pub struct Connections {
    address: SocketAddr,
    tls: watch::Sender<Option<TlsAcceptor>>,
    stop: watch::Sender<()>,
    loop_: JoinHandle<()>,
}

impl Connections {
    /// Binds the address, for `most` connections at one time. With `tls`, nothing else is spoken
    /// there.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn listen<S: Service>(
        bind: SocketAddr,
        most: usize,
        tls: Option<Arc<rustls::ServerConfig>>,
        service: Arc<S>,
        log: Logger,
    ) -> std::io::Result<Connections> {
        let socket = if bind.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A server that has just stopped leaves connections behind that keep the port for a minute.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(bind)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let (tls, acceptor) = watch::channel(tls.map(TlsAcceptor::from));
        let (stop, stopped) = watch::channel(());
        let open = ConnectionTable::new(most, service.metrics().clone(), log);
        let loop_ = tokio::spawn(serve(listener, acceptor, stopped, service, open));
        Ok(Connections { address, tls, stop, loop_ })
    }

    /// The address that is bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For every handshake from now on.
    pub fn renew_tls(&self, tls: Arc<rustls::ServerConfig>) {
        self.tls.send_replace(Some(TlsAcceptor::from(tls)));
    }

    /// Takes no more connections, and returns when those that are open have their responses.
    ///
    /// # Errors
    ///
    /// [`ConnectionsError::Panicked`].
    pub async fn stop(self) -> Result<(), ConnectionsError> {
        self.stop.send_replace(());
        Ok(self.loop_.await?)
    }

    /// Completes if the loop stops unexpectedly.
    ///
    /// # Errors
    ///
    /// Always.
    pub async fn stopped(&self) -> Result<(), ConnectionsError> {
        // The loop holds the other side for as long as it runs.
        self.tls.closed().await;
        Err(ConnectionsError::Ended)
    }
}

/// Why a server stopped without [`Connections::stop`].
#[derive(Debug, Error)]
pub enum ConnectionsError {
    /// The loop that accepts connections has ended.
    #[error("connections are no longer accepted")]
    Ended,
    /// The loop that accepts connections has panicked.
    #[error("the loop that accepts connections failed: {0}")]
    Panicked(#[from] JoinError),
}

/// How many connections of the API can be open: as many file descriptors as the system gives, as
/// far as they are needed.
pub fn max_connections() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let wanted = (MAX_CONNECTIONS + RESERVED) as u64;
        let granted = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
        let mut current = limit.current.unwrap_or(wanted);
        if current < granted {
            let raised = rustix::process::Rlimit { current: Some(granted), maximum: limit.maximum };
            if setrlimit(Resource::Nofile, raised).is_ok() {
                current = granted;
            }
        }
        let current = usize::try_from(current).unwrap_or(usize::MAX);
        // With next to none, half of them.
        MAX_CONNECTIONS.min(current.saturating_sub(RESERVED).max(current / 2))
    }
    #[cfg(not(unix))]
    MAX_CONNECTIONS
}

async fn serve<S: Service>(
    listener: TcpListener,
    tls: watch::Receiver<Option<TlsAcceptor>>,
    mut stopped: watch::Receiver<()>,
    service: Arc<S>,
    open: Arc<ConnectionTable>,
) {
    let graceful = GracefulShutdown::new();
    let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let http = Arc::new(http());
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, remote)) => {
                    let Some(slot) = open.take_slot().await else { continue };
                    let client = Client {
                        remote,
                        open: Arc::clone(&open),
                        connection: Arc::clone(&slot.connection),
                        http: Arc::clone(&http),
                        service: Arc::clone(&service),
                        watcher: graceful.watcher(),
                        stopped: stopped.clone(),
                    };
                    let acceptor = tls.borrow().clone();
                    tokio::spawn(async move {
                        tokio::select! {
                            () = slot.connection.closed.notified() => {}
                            () = client.accept(stream, acceptor) => {}
                        }
                    });
                }
                // Of one connection that is gone already.
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::ConnectionRefused
                            | ErrorKind::ConnectionAborted
                            | ErrorKind::ConnectionReset
                            | ErrorKind::Interrupted
                    ) => {}
                Err(e) => {
                    // Out of file descriptors, as a rule.
                    warn!(open.log, "failed to accept a connection"; "why" => %e);
                    open.evict_longest_idle();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            _ = sweep.tick() => open.close_older(IDLE_TIMEOUT),
            // By `Connections::stop`, or because the `Connections` are dropped.
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    let mut ending = std::pin::pin!(graceful.shutdown());
    loop {
        tokio::select! {
            () = &mut ending => return,
            _ = sweep.tick() => open.close_older(SHUTDOWN_TIMEOUT),
        }
    }
}

fn http() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    // Heads are timed by the sweep, together with all else that is waited for.
    http.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HEAD_BYTES);
    let most_head = u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(most_head);
    http
}

/// The parts of one connection.
struct Client<S> {
    remote: SocketAddr,
    open: Arc<ConnectionTable>,
    connection: Arc<Connection>,
    http: Arc<Builder<TokioExecutor>>,
    service: Arc<S>,
    watcher: Watcher,
    stopped: watch::Receiver<()>,
}

impl<S: Service> Client<S> {
    async fn accept(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // Responses are written whole: there is nothing to wait for.
        let _ = stream.set_nodelay(true);
        match tls {
            None => self.serve(stream).await,
            // After a failed handshake rustls has sent an alert.
            Some(acceptor) => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    self.serve(stream).await;
                }
            }
        }
    }

    async fn serve<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: T) {
        let Client { remote, open, connection, http, service, watcher, stopped } = self;
        let respond = service_fn(move |request: Request<Incoming>| {
            let work = BusyGuard::begin(&connection);
            let service = Arc::clone(&service);
            let stopped = stopped.clone();
            // A connection of HTTP/2 brings many requests, and can keep this server waiting with
            // each. Those that do not are few: each queue that they wait in is bounded.
            if service.metrics().in_flight.get() >= MAX_REQUESTS {
                open.evict_longest_idle();
            }
            async move {
                let request = request.map(|body| match body.is_end_stream() {
                    true => dropshot::Body::empty(),
                    false => dropshot::Body::wrap(TrackedBody::new(body, &work.0)),
                });
                let mut response: Response = service.respond(request, remote).await;
                bodies::track(&mut response, &work.0, stopped);
                drop(work);
                Ok::<_, Infallible>(response)
            }
        });
        let connection =
            http.serve_connection(TokioIo::new(StrictFraming::new(stream)), respond).into_owned();
        // The cause of the end concerns the client only.
        let _ = watcher.watch(connection).await;
    }
}

/// All connections that are open.
struct ConnectionTable {
    most: usize,
    started: Instant,
    next: AtomicU64,
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    metrics: metrics::Http,
    log: Logger,
}

/// One of them.
struct Connection {
    /// When [`ConnectionTable`] was made.
    started: Instant,
    /// Its requests and pieces of responses that this server is working on.
    busy: AtomicU32,
    /// Since when there are none, in milliseconds.
    idle_since: AtomicU64,
    is_closing: AtomicBool,
    closed: Notify,
}

/// A place among the open connections, given back when it is dropped.
struct ConnectionSlot {
    open: Arc<ConnectionTable>,
    id: u64,
    connection: Arc<Connection>,
}

impl ConnectionTable {
    fn new(most: usize, metrics: metrics::Http, log: Logger) -> Arc<ConnectionTable> {
        Arc::new(ConnectionTable {
            most,
            started: Instant::now(),
            next: AtomicU64::new(0),
            connections: Mutex::default(),
            metrics,
            log,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` when all are taken, and this server has work for each.
    async fn take_slot(self: &Arc<ConnectionTable>) -> Option<ConnectionSlot> {
        if self.lock().len() >= self.most && !self.evict_longest_idle() {
            return None;
        }
        // A closing connection keeps its file descriptor for a moment.
        while self.lock().len() >= self.most + MAX_CLOSING {
            tokio::task::yield_now().await;
        }
        let connection = Arc::new(Connection {
            started: self.started,
            busy: AtomicU32::new(0),
            idle_since: AtomicU64::new(0),
            is_closing: AtomicBool::new(false),
            closed: Notify::new(),
        });
        connection.mark_idle();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(id, Arc::clone(&connection));
        self.metrics.connections.inc();
        Some(ConnectionSlot { open: Arc::clone(self), id, connection })
    }

    /// Closes the connection that has kept this server waiting for the longest time, if any does.
    fn evict_longest_idle(&self) -> bool {
        let connections = self.lock();
        let waiting = connections.values().filter(|connection| connection.is_idle());
        let longest =
            waiting.min_by_key(|connection| connection.idle_since.load(Ordering::Relaxed));
        longest.inspect(|connection| connection.close()).is_some_and(|_| {
            self.metrics.connections_evicted.inc();
            true
        })
    }

    fn close_older(&self, patience: Duration) {
        for connection in self.lock().values().filter(|connection| connection.is_idle()) {
            let since = Duration::from_millis(connection.idle_since.load(Ordering::Relaxed));
            if self.started.elapsed().saturating_sub(since) >= patience {
                connection.close();
            }
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.open.lock().remove(&self.id);
        self.open.metrics.connections.dec();
    }
}

impl Connection {
    fn mark_idle(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.idle_since.store(now, Ordering::Relaxed);
    }

    fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0 && !self.is_closing.load(Ordering::Relaxed)
    }

    fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.closed.notify_one();
    }
}

/// Marks the connection as busy until it is dropped.
struct BusyGuard(Arc<Connection>);

impl BusyGuard {
    fn begin(connection: &Arc<Connection>) -> BusyGuard {
        connection.busy.fetch_add(1, Ordering::Relaxed);
        BusyGuard(Arc::clone(connection))
    }
}

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.mark_idle();
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
