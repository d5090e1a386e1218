//! dropshot's `RequestContext` of a handler, made without dropshot's server.
//!
//! dropshot creates its state only for a server that it runs, and passes it only to handlers; and
//! its `RequestContext`, all of whose fields are public, cannot be written as a struct expression
//! outside of dropshot. So a dropshot server is started on a free port, asked once for its state,
//! and stopped; and contexts are written field by field. Nothing else may be here, and none of it
//! is needed any more once dropshot takes an accepted connection (0.18.0 does not).

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::sync::Arc;

use dropshot::{
    ApiDescription, ApiEndpoint, ApiEndpointBodyContentType, ApiEndpointVersions, HttpError,
    HttpResponseUpdatedNoContent, RequestEndpointMetadata, RequestInfo, ServerBuilder,
};
use http::Method;
use slog::Logger;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::{Context, Host};

/// A closure, since the type of the state has no public name.
type ContextConstructor<H> = Box<dyn Fn(RequestInfo, String) -> Context<H> + Send + Sync>;

/// Makes contexts of one server.
pub struct RequestContextFactory<H: Host>(ContextConstructor<H>);

impl<H: Host> RequestContextFactory<H> {
    /// # Errors
    ///
    /// When this machine does not reach itself.
    pub async fn new(host: Arc<H>) -> io::Result<RequestContextFactory<H>> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<ContextConstructor<H>>(1);
        let show = move |shown: Context<H>| {
            let (state, log) = (shown.server, shown.log);
            #[expect(unsafe_code, reason = "dropshot has no constructor for its context")]
            let make: ContextConstructor<H> = Box::new(move |request, request_id| {
                // The route's data of a request; this server reads only its variables.
                let endpoint = RequestEndpointMetadata {
                    operation_id: String::new(),
                    variables: BTreeMap::new(),
                    body_content_type: ApiEndpointBodyContentType::default(),
                    request_body_max_bytes: None,
                };
                let mut made = MaybeUninit::<Context<H>>::uninit();
                let at = made.as_mut_ptr();
                // SAFETY: `at` is valid for writes of a context, and every byte of one belongs to
                // one of these fields, by the layout assertion below.
                unsafe {
                    (&raw mut (*at).server).write(Arc::clone(&state));
                    (&raw mut (*at).endpoint).write(endpoint);
                    (&raw mut (*at).request_id).write(request_id);
                    (&raw mut (*at).log).write(log.clone());
                    (&raw mut (*at).request).write(request);
                    made.assume_init()
                }
            });
            let _ = sender.try_send(make);
            async { Ok::<_, HttpError>(HttpResponseUpdatedNoContent()) }
        };
        let mut api = ApiDescription::new();
        let (id, versions) = ("contexts".to_owned(), ApiEndpointVersions::All);
        let endpoint = ApiEndpoint::new(id, show, Method::GET, "application/json", "/", versions);
        api.register(endpoint.visible(false)).map_err(io::Error::other)?;
        let builder = ServerBuilder::new(api, host, Logger::root(slog::Discard, slog::o!()));
        let server = builder.start().map_err(io::Error::other)?;
        let mut client = TcpStream::connect(server.local_addr()).await?;
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        let constructor = receiver.recv().await;
        constructor.map(RequestContextFactory).ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    pub fn make(&self, request: RequestInfo, request_id: String) -> Context<H> {
        (self.0)(request, request_id)
    }
}

/// Layout assertion: the fields fill a context without a gap. Another one would make it larger, and
/// this would not compile. The size does not depend on the host, which is behind an `Arc`.
const _: () = assert!(
    size_of::<dropshot::RequestContext<Arc<()>>>()
        == size_of::<Arc<()>>()
            + size_of::<RequestEndpointMetadata>()
            + size_of::<String>()
            + size_of::<Logger>()
            + size_of::<RequestInfo>()
);
