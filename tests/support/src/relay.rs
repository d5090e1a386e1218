//! A relay between the generated client, which has no hook, and the server. It checks their
//! traffic.
//!
//! Only for that client: tests of connections or timing must use the server directly.
//! [`lenient`](super::contract::lenient) has no effect here, and a typed client does not need it.
//! hyper's server is a dependency of dropshot.

use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// Checked when the test server is dropped, because the client could mistake the failure for the
/// error it expects.
pub type Faults = Arc<Mutex<Vec<String>>>;

/// Starts a relay, which stops with the runtime of the test, and returns its base URL.
pub fn start(http: reqwest::Client, server: String, faults: Faults) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            let (http, server, faults) = (http.clone(), server.clone(), Arc::clone(&faults));
            let pass = service_fn(move |request| {
                pass(http.clone(), server.clone(), Arc::clone(&faults), request)
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), pass));
        }
    });
    base
}

async fn pass(
    http: reqwest::Client,
    server: String,
    faults: Faults,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let mut headers = parts.headers;
    headers.remove("host");
    let onwards = http.request(parts.method, format!("{server}{}", parts.uri)).headers(headers);
    let onwards = onwards.body(body.collect().await.unwrap().to_bytes());
    let exchange = std::panic::AssertUnwindSafe(super::exchange(onwards)).catch_unwind().await;
    let mut response = hyper::Response::new(Full::default());
    match exchange {
        Ok(received) => {
            *response.status_mut() = received.status.try_into().unwrap();
            *response.headers_mut() = received.headers;
            *response.body_mut() = Full::new(received.body.into());
        }
        Err(panic) => {
            *response.status_mut() = hyper::StatusCode::BAD_GATEWAY;
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .unwrap_or_else(|| "the relay failed".to_owned());
            faults.lock().unwrap().push(text);
        }
    }
    Ok(response)
}
