//! Counters of requests and connections.
//!
//! Counting never waits and never fails. A label never holds client input: each set of
//! labels lives as long as the process.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Bounds of a histogram of durations: from the time of a read to that after which clients give up.
pub const SECONDS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Metrics of HTTP. Clones share their values.
#[derive(Clone, Debug)]
pub struct Http {
    requests: Family<Request, Counter>,
    seconds: Family<Operation, Histogram, fn() -> Histogram>,
    /// Requests without a response so far.
    pub in_flight: Gauge,
    /// Streamed responses that are being sent.
    pub streams: Gauge,
    streamed: Family<Stream, Counter>,
    /// Open connections.
    pub connections: Gauge,
    /// Connections closed to make room for new ones.
    pub connections_evicted: Counter,
}

/// One answered request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    operation: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

/// One streamed response that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stream {
    operation: &'static str,
    end: &'static str,
}

/// How a streamed response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// All of it was sent.
    Complete,
    /// Its producer failed.
    Failed,
    /// Its client went away.
    Gone,
    /// The server stopped, and ended it.
    Stopped,
}

impl Default for Http {
    fn default() -> Http {
        Http {
            requests: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            in_flight: Gauge::default(),
            streams: Gauge::default(),
            streamed: Family::default(),
            connections: Gauge::default(),
            connections_evicted: Counter::default(),
        }
    }
}

impl Http {
    /// Counts a response. `operation` is an operation's id, a page's path, or `-`.
    pub fn count_request(
        &self,
        operation: &'static str,
        method: &http::Method,
        status: u16,
        took: Duration,
    ) {
        let method = METHODS.into_iter().find(|known| method == known).unwrap_or("-");
        self.requests.get_or_create(&Request { operation, method, status }).inc();
        self.seconds.get_or_create(&Operation { operation }).observe(took.as_secs_f64());
    }

    /// Counts the end of a streamed response.
    pub(crate) fn streamed(&self, operation: &'static str, end: StreamEnd) {
        self.streams.dec();
        let end = match end {
            StreamEnd::Complete => "complete",
            StreamEnd::Failed => "failed",
            StreamEnd::Gone => "gone",
            StreamEnd::Stopped => "stopped",
        };
        self.streamed.get_or_create(&Stream { operation, end }).inc();
    }

    /// Registers all of them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_requests",
            "Requests by operation, method and status; `-` for unknown paths",
            self.requests.clone(),
        );
        let help = "Time from the head of a request to that of its response";
        registry.register_with_unit(
            "http_request_duration",
            help,
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests without a response so far",
            self.in_flight.clone(),
        );
        let help = "Streamed responses that are being sent";
        registry.register("http_streams_in_flight", help, self.streams.clone());
        let help = "Streamed responses by operation and end: complete, failed, gone or stopped";
        registry.register("http_streams", help, self.streamed.clone());
        registry.register("connections", "Open connections", self.connections.clone());
        let help = "Idle connections closed to make room for new ones";
        registry.register("connections_evicted", help, self.connections_evicted.clone());
    }
}

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
