//! Responses that are made while they are sent: pieces of bytes, and events.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use specbound::metrics;
use workshop::streams::{DROPPED, MADE, PIECE};

fn text(metrics: &metrics::Http) -> String {
    let (mut registry, mut text) = (Registry::default(), String::new());
    metrics.register(&mut registry);
    encode(&mut text, &registry).unwrap();
    text
}

/// Waits until the metrics have a line.
async fn metric(metrics: &metrics::Http, line: &str) {
    let seen = async {
        while !text(metrics).lines().any(|known| known == line) {
            tokio::task::yield_now().await;
        }
    };
    let seen = tokio::time::timeout(Duration::from_secs(20), seen).await;
    assert!(seen.is_ok(), "{line} is not in:\n{}", text(metrics));
}

#[tokio::test]
async fn chunks_are_streamed_with_and_without_a_length() {
    let (connections, metrics) = workshop::start_counted().await.unwrap();
    let base = format!("http://{}/streams", connections.address());
    let whole = reqwest::get(format!("{base}/whole")).await.unwrap();
    assert_eq!(whole.headers()["content-length"], "11");
    assert_eq!(whole.headers()["content-type"], "application/octet-stream");
    assert_eq!(whole.text().await.unwrap(), "onetwothree");
    let open = reqwest::get(format!("{base}/open")).await.unwrap();
    assert!(!open.headers().contains_key("content-length"));
    assert_eq!(open.text().await.unwrap(), "onetwothree");
    metric(&metrics, "http_streams_total{operation=\"stream\",end=\"complete\"} 2").await;
    metric(&metrics, "http_streams_in_flight 0").await;
    connections.stop().await.unwrap();
}

#[tokio::test]
async fn streams_that_fail_or_have_a_wrong_length_are_aborted() {
    let (connections, metrics) = workshop::start_counted().await.unwrap();
    for kind in ["short", "failed"] {
        let url = format!("http://{}/streams/{kind}", connections.address());
        // The head may be lost with the rest.
        let whole = match reqwest::get(url).await {
            Ok(response) => response.bytes().await,
            Err(error) => Err(error),
        };
        assert!(whole.is_err(), "{kind}");
    }
    metric(&metrics, "http_streams_total{operation=\"stream\",end=\"failed\"} 2").await;
    connections.stop().await.unwrap();
}

/// One test, since its counters are those of the process.
#[tokio::test]
async fn head_starts_no_producer_and_a_slow_or_lost_client_cancels_it() {
    let (connections, metrics) = workshop::start_counted().await.unwrap();
    let base = format!("http://{}", connections.address());
    let client = reqwest::Client::new();
    let response = client.head(format!("{base}/streams/endless")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(client.get(format!("{base}/word")).send().await.unwrap().status(), 405);
    assert_eq!(MADE.load(Ordering::Relaxed), 0);
    let dropped = tokio::time::timeout(Duration::from_secs(20), DROPPED.notified());
    dropped.await.unwrap();

    let response = client.get(format!("{base}/streams/endless")).send().await.unwrap();
    let mut pieces = response.bytes_stream();
    pieces.next().await.unwrap().unwrap();
    for _ in 0..500 {
        client.get(format!("{base}/word")).send().await.unwrap();
    }
    let made = MADE.load(Ordering::Relaxed) * PIECE;
    assert!(made < 32 << 20, "{made} bytes for a client that does not read");
    metric(&metrics, "http_streams_in_flight 1").await;
    drop(pieces);
    let dropped = tokio::time::timeout(Duration::from_secs(20), DROPPED.notified());
    dropped.await.unwrap();
    metric(&metrics, "http_streams_total{operation=\"stream\",end=\"gone\"} 1").await;
    metric(&metrics, "http_streams_in_flight 0").await;
    connections.stop().await.unwrap();
}

#[tokio::test]
async fn events_are_sent_immediately_and_end_with_the_server() {
    let (connections, metrics) = workshop::start_counted().await.unwrap();
    let url = format!("http://{}/ticks", connections.address());
    let response = reqwest::get(url).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut pieces = response.bytes_stream();
    let expected = "event: tick\nid: 1\ndata: {\"count\":1}\n\n\
                    event: tick\nid: 2\ndata: {\"count\":2}\n\n";
    let mut told = String::new();
    while told.len() < expected.len() {
        told.push_str(std::str::from_utf8(&pieces.next().await.unwrap().unwrap()).unwrap());
    }
    assert_eq!(told, expected);
    // The source has no end of its own.
    let stopped = tokio::time::timeout(Duration::from_secs(20), connections.stop());
    stopped.await.unwrap().unwrap();
    assert!(pieces.next().await.is_none());
    metric(&metrics, "http_streams_total{operation=\"ticks\",end=\"stopped\"} 1").await;
    metric(&metrics, "http_streams_in_flight 0").await;
}

#[cfg(debug_assertions)]
#[tokio::test]
async fn event_that_contradicts_the_document_breaks_the_response_off() {
    let (connections, metrics) = workshop::start_counted().await.unwrap();
    let url = format!("http://{}/ticks", connections.address());
    let request = reqwest::Client::new().get(url).header("last-event-id", "1000");
    // The head may be lost with the rest.
    let broken = match request.send().await {
        Ok(response) => response.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(broken);
    metric(&metrics, "http_streams_total{operation=\"ticks\",end=\"failed\"} 1").await;
    connections.stop().await.unwrap();
}

/// Clients of events connect again: they must not hold all slots.
#[tokio::test]
async fn endless_streams_are_evicted_for_other_clients() {
    let (connections, metrics) = workshop::start_with(2).await.unwrap();
    let base = format!("http://{}", connections.address());
    let mut open = Vec::new();
    for _ in 0..2 {
        let response = reqwest::get(format!("{base}/ticks")).await.unwrap();
        let mut pieces = response.bytes_stream();
        pieces.next().await.unwrap().unwrap();
        open.push(pieces);
    }
    let response = reqwest::get(format!("{base}/word")).await.unwrap();
    assert_eq!(response.status(), 405);
    metric(&metrics, "connections_evicted_total 1").await;
    metric(&metrics, "http_streams_in_flight 1").await;
    connections.stop().await.unwrap();
}

#[tokio::test]
async fn endless_streams_end_when_the_server_is_dropped() {
    let connections = workshop::start().await.unwrap();
    let url = format!("http://{}/ticks", connections.address());
    let mut pieces = reqwest::get(url).await.unwrap().bytes_stream();
    pieces.next().await.unwrap().unwrap();
    drop(connections);
    let end = async { while let Some(Ok(_)) = pieces.next().await {} };
    tokio::time::timeout(Duration::from_secs(10), end).await.unwrap();
}

#[tokio::test]
async fn events_resume_after_the_last_event_id() {
    let connections = workshop::start().await.unwrap();
    let url = format!("http://{}/ticks", connections.address());
    for (last, first) in [("1", "id: 2"), ("none", "id: 1")] {
        let request = reqwest::Client::new().get(&url).header("last-event-id", last);
        let mut pieces = request.send().await.unwrap().bytes_stream();
        let piece = pieces.next().await.unwrap().unwrap();
        let text = std::str::from_utf8(&piece).unwrap();
        assert_eq!(text.lines().nth(1), Some(first), "{last}");
    }
    connections.stop().await.unwrap();
}

#[tokio::test]
async fn multiline_text_is_one_event_and_accept_selects_the_type() {
    let connections = workshop::start().await.unwrap();
    let url = format!("http://{}/news", connections.address());
    let get = async |accept: &str| {
        let request = reqwest::Client::new().get(&url).header("accept", accept);
        request.send().await.unwrap().text().await.unwrap()
    };
    assert_eq!(get("text/event-stream").await, "data: first line\ndata: second line\n\n");
    assert_eq!(get("text/plain").await, "no news");
    connections.stop().await.unwrap();
}
