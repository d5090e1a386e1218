//! The admin server: `/healthz`, `/readyz` and `/metrics` on a separate address, disabled by
//! default.
//!
//! It has no authentication, and its responses contain no personal data: no usernames, addresses
//! or requested paths. It responds within [`WRITE_TIMEOUT`] even if the database hangs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use slog::Logger;
use specbound::connections::{Connections, Service};
use specbound::metrics::Http;
use tokio::task::AbortHandle;

use crate::domain::App;
use crate::metrics::{self, SampledGauges};
use crate::store::StoreError;

/// Monitors time out after some seconds, load balancers sooner.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// There are few monitors. Connections are closed as those of the API are: after an idle timeout,
/// and the longest idle first if all slots are taken.
const MAX_CONNECTIONS: usize = 64;
/// Room for some hundred registrations.
const MIN_FREE_BYTES: u64 = 1 << 20;
const PLAIN: &str = "text/plain; charset=utf-8";
/// OpenMetrics 1.0, which Prometheus accepts besides its own format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The state that the checks and metrics sample.
pub struct State {
    pub app: App,
    /// `None` unless it is an SQLite file.
    pub database: Option<PathBuf>,
    pub http: Http,
    pub logging: metrics::Logging,
    /// `None` unless this server terminates TLS.
    pub tls: Option<metrics::Tls>,
    /// Finished once the outbox worker has stopped.
    pub outbox: AbortHandle,
}

struct AdminServer {
    state: State,
    gauges: SampledGauges,
    registry: Registry,
    /// Connection metrics of this server, which are not exported.
    own_metrics: Http,
}

/// # Errors
///
/// The address cannot be bound.
pub fn listen(bind: SocketAddr, state: State, log: Logger) -> std::io::Result<Connections> {
    let gauges = SampledGauges::default();
    let State { app, http, logging, tls, .. } = &state;
    let registry = metrics::registry(metrics::Sources {
        http,
        hashing: app.hasher.metrics(),
        writing: app.store.metrics(),
        mail: app.outbox.metrics(),
        logging,
        accounts: &app.metrics,
        throttled: app.limits.metrics(),
        gauges: &gauges,
        tls: tls.as_ref(),
        has_file: state.database.is_some(),
    });
    let server = AdminServer { state, gauges, registry, own_metrics: Http::default() };
    Connections::listen(bind, MAX_CONNECTIONS, None, Arc::new(server), log)
}

impl Service for AdminServer {
    async fn respond(
        self: &Arc<AdminServer>,
        request: Request<dropshot::Body>,
        _: SocketAddr,
    ) -> Response<dropshot::Body> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/healthz" | "/readyz" | "/metrics" if !is_read => {
                let mut refused = response(
                    StatusCode::METHOD_NOT_ALLOWED,
                    PLAIN,
                    "method not allowed\n".to_owned(),
                );
                refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                refused
            }
            // Liveness: the process responds.
            "/healthz" => response(StatusCode::OK, PLAIN, "ok\n".to_owned()),
            "/readyz" => self.readiness().await,
            "/metrics" => self.show_metrics().await,
            _ => response(StatusCode::NOT_FOUND, PLAIN, "not found\n".to_owned()),
        }
    }

    fn metrics(&self) -> &Http {
        &self.own_metrics
    }
}

fn response(
    status: StatusCode,
    media_type: &'static str,
    body: String,
) -> Response<dropshot::Body> {
    let mut response = Response::new(dropshot::Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl AdminServer {
    /// Readiness: 200, or 503 with the failed checks.
    async fn readiness(&self) -> Response<dropshot::Body> {
        let failed_checks = self.failed_checks().await;
        if failed_checks.is_empty() {
            return response(StatusCode::OK, PLAIN, "ready\n".to_owned());
        }
        let lines: String =
            failed_checks.into_iter().map(|check| format!("not ready: {check}\n")).collect();
        response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, lines)
    }

    async fn show_metrics(&self) -> Response<dropshot::Body> {
        self.sample().await;
        let mut shown = String::new();
        match text::encode(&mut shown, &self.registry) {
            Ok(()) => response(StatusCode::OK, OPEN_METRICS, shown),
            Err(_) => response(
                StatusCode::INTERNAL_SERVER_ERROR,
                PLAIN,
                "the metrics cannot be encoded\n".to_owned(),
            ),
        }
    }

    /// Runs every check anew: a read, and a transaction that writes without changes. Such a
    /// transaction needs less disk space than any other, so free space is checked too.
    async fn failed_checks(&self) -> Vec<&'static str> {
        let store = &self.state.app.store;
        let mut failed_checks = Vec::new();
        if store.read(|r| r.account_exists_any()).await.is_err() {
            failed_checks.push("the database cannot be read");
        }
        let written = tokio::time::timeout(WRITE_TIMEOUT, store.write(|w| w.probe_writable()));
        if !matches!(written.await, Ok(Ok(()))) {
            failed_checks.push("the database cannot be written");
        }
        if self
            .state
            .database
            .as_deref()
            .and_then(free_bytes)
            .is_some_and(|free| free < MIN_FREE_BYTES)
        {
            failed_checks.push("the disk is full");
        }
        if self.state.outbox.is_finished() {
            failed_checks.push("the outbox worker has stopped");
        }
        failed_checks
    }

    /// A gauge that cannot be sampled keeps its value.
    async fn sample(&self) {
        let State { app, database, .. } = &self.state;
        let outbox =
            app.store.read(|r| Ok::<_, StoreError>((r.outbox_count()?, r.outbox_oldest()?)));
        if let Ok((waiting, oldest)) = outbox.await {
            let age = oldest.map_or(0, |oldest| (app.now() - oldest).num_seconds());
            self.gauges.mails_waiting.set(waiting);
            self.gauges.oldest_mail_seconds.set(age.max(0));
        }
        let Some(database) = database else { return };
        let mut log = database.clone().into_os_string();
        log.push("-wal");
        self.gauges.database_bytes.set(size(database));
        self.gauges.log_bytes.set(size(Path::new(&log)));
        if let Some(free) = free_bytes(database) {
            self.gauges.free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
        }
    }
}

/// Disk space available to this process; `None` if unknown.
fn free_bytes(file: &Path) -> Option<u64> {
    #[cfg(unix)]
    return rustix::fs::statvfs(file)
        .ok()
        .map(|system| system.f_bavail.saturating_mul(system.f_frsize));
    #[cfg(not(unix))]
    {
        let _ = file;
        None
    }
}

fn size(file: &Path) -> i64 {
    std::fs::metadata(file).ok().and_then(|file| i64::try_from(file.len()).ok()).unwrap_or(0)
}
