//! Reloads a renewed TLS certificate while the server runs. An unusable pair never replaces
//! the one in use.

use std::sync::Arc;

use slog::{Logger, info, warn};
use specbound::connections::Connections;

use super::POLL_INTERVAL;
use crate::metrics;
use crate::tls::LoadedCertificate;

/// Reloads the TLS certificate when its files have changed or on SIGHUP.
pub(super) async fn reload_certificates(
    mut pair: Option<LoadedCertificate>,
    mut sighup: SighupListener,
    http: Arc<Connections>,
    metrics: metrics::Tls,
    log: Logger,
) {
    loop {
        let is_signalled = tokio::select! {
            () = sighup.recv() => true,
            () = tokio::time::sleep(POLL_INTERVAL) => false,
        };
        let Some(pair) = pair.as_mut().filter(|pair| is_signalled || pair.has_changed()) else {
            continue;
        };
        match pair.reload() {
            Ok(tls) => {
                http.renew_tls(tls);
                metrics.certificate_expiry.set(pair.expiry());
                info!(log, "TLS certificate reloaded");
            }
            Err(why) => {
                warn!(log, "TLS certificate reload failed, keeping the previous one"; "why" => %why)
            }
        }
    }
}

/// Receives SIGHUP, which no longer terminates the process. Windows has no such signal.
pub(super) struct SighupListener {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl SighupListener {
    pub(super) fn listen() -> SighupListener {
        SighupListener {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok(),
        }
    }

    async fn recv(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}
