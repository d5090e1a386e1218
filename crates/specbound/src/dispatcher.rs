//! The dispatcher: every request of every method and path comes in here, and every response goes
//! out.
//!
//! dropshot's own server responds to unknown paths and methods by itself, takes a path with and
//! without its last slash, and offers no hook before or after a handler. So this service routes by
//! itself and asks the handlers that dropshot holds, by operation; beside them stand the pages.
//! Negotiation, 404, 405, OPTIONS, HEAD, security, headers, caught panics and the log line are
//! here, once. No rule of an operation or a page may be here.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use dropshot::{ApiDescription, RequestInfo};
use futures::FutureExt;
use http::header::{ALLOW, HeaderMap};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use slog::Logger;
use tokio_util::task::TaskTracker;

use crate::admission::with_admitted;
use crate::connections::Service;
use crate::documented::{self, DocumentedResponses};
use crate::error::{InternalMessage, into_problem};
use crate::large_bodies::{LargeBodies, ReadPermit};
use crate::request_contexts::RequestContextFactory;
use crate::routes::{Resource, RouteMatch, Routes, StartError, variables};
use crate::streams::{self, Observer};
use crate::{
    ApiError, Context, Host, Operation, Page, PageRequest, Response, authority, metrics,
    negotiation,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The generated API of one document.
pub struct Document<H: Host> {
    /// From its `api_description`.
    pub api: ApiDescription<Arc<H>>,
    /// Its table `OPERATIONS`.
    pub operations: &'static [Operation],
}

type BoxResponseFuture = Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send>>;

/// Authenticates a request and hands it to the operation's handler, with the values of the
/// variables in its path. A closure, since the type of dropshot's handlers has no public name.
type Dispatch<H> = Box<
    dyn Fn(
            Context<H>,
            Request<dropshot::Body>,
            &'static Operation,
            Vec<String>,
        ) -> BoxResponseFuture
        + Send
        + Sync,
>;

/// Handles every request of a server.
pub struct HttpService<H: Host> {
    host: Arc<H>,
    routes: Routes<H>,
    dispatch: Dispatch<H>,
    contexts: RequestContextFactory<H>,
    /// In debug builds, as a rule: see [`HttpService::check_responses`].
    documented: Vec<DocumentedResponses>,
    metrics: metrics::Http,
    large_bodies: LargeBodies,
    log: Logger,
    /// Requests that go on when their client has gone.
    detached: TaskTracker,
}

impl<H: Host> HttpService<H> {
    /// A service of the generated API: `api` from its `api_description`, `operations` its table
    /// `OPERATIONS`.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the API, the pages and the host do not fit together.
    pub async fn start(
        host: Arc<H>,
        api: ApiDescription<Arc<H>>,
        operations: &'static [Operation],
        pages: Vec<Box<dyn Page<H>>>,
        log: Logger,
    ) -> Result<HttpService<H>, StartError> {
        HttpService::start_documents(host, vec![Document { api, operations }], pages, log).await
    }

    /// A service of several documents.
    ///
    /// # Errors
    ///
    /// As [`HttpService::start`], and [`StartError::TakenId`].
    pub async fn start_documents(
        host: Arc<H>,
        documents: Vec<Document<H>>,
        pages: Vec<Box<dyn Page<H>>>,
        log: Logger,
    ) -> Result<HttpService<H>, StartError> {
        let operations = documents.iter().flat_map(|document| document.operations);
        let routes = Routes::build(operations, pages)?;
        let dispatch = dispatch(documents)?;
        let contexts =
            RequestContextFactory::new(Arc::clone(&host)).await.map_err(StartError::State)?;
        let metrics = metrics::Http::default();
        Ok(HttpService {
            host,
            routes,
            dispatch,
            contexts,
            documented: Vec::new(),
            metrics,
            large_bodies: LargeBodies::new(H::UPLOAD_LIMITS.disk_bytes),
            log,
            detached: TaskTracker::new(),
        })
    }

    /// Holds the responses of handlers against the document: one that contradicts it is logged, and
    /// answered with 500 in its place. It takes time and memory, so it is for debug builds and
    /// tests. The generated table is `RESPONSES`; each document has its own.
    pub fn check_responses(mut self, documented: DocumentedResponses) -> HttpService<H> {
        self.documented.push(documented);
        self
    }

    /// Returns when no request is being answered any more.
    pub async fn close(&self) {
        self.detached.close();
        self.detached.wait().await;
    }

    async fn handle(&self, mut request: Request<dropshot::Body>, remote: SocketAddr) -> Response {
        let started = Instant::now();
        let host = &*self.host;
        let _in_flight = InFlight::new(&self.metrics);
        let request_id = host.request_id().to_string();
        let method = request.method().clone();
        let found = self.routes.find(request.uri().path());
        let name = found.as_ref().and_then(|found| found.name(&method));
        let resource = found.as_ref().map(|found| found.resource);
        let exchange = host.begin(&mut request);
        let _permit = ReadPermit::attach(&mut request, &self.large_bodies);
        let rqctx = self.contexts.make(RequestInfo::new(&request, remote), request_id.clone());

        let whole = async {
            let outcome = self.outcome(rqctx, request, found).await;
            let mut response = outcome.unwrap_or_else(ApiError::into_response);
            host.finish(&exchange, &mut response).await;
            response
        };
        let whole = AssertUnwindSafe(whole).catch_unwind().await;
        let mut response = whole.unwrap_or_else(|_| {
            ApiError::internal("a handler panicked".to_owned()).into_response()
        });
        if H::PROBLEM_JSON {
            into_problem(&mut response);
        }
        let headers = response.headers_mut();
        host.decorate(&exchange, headers);
        if let Some(resource) = resource {
            headers.insert(ALLOW, resource.allow.clone());
        }
        if let Ok(id) = HeaderValue::try_from(&request_id) {
            headers.insert(REQUEST_ID, id);
        }
        self.log(&request_id, &method, name, &remote, &response, started);
        streams::observe(&mut response, method == Method::HEAD, || Observer {
            metrics: self.metrics.clone(),
            log: self.log.clone(),
            operation: name.unwrap_or("-"),
            request_id,
        });
        response
    }

    async fn outcome(
        &self,
        rqctx: Context<H>,
        request: Request<dropshot::Body>,
        found: Option<RouteMatch<'_, H>>,
    ) -> Result<Response, ApiError> {
        authority::check(&request)?;
        let method = request.method().clone();
        let every = found.as_ref().and_then(|found| found.resource.page_of_every_method());
        if let Some(page) = every {
            let admitted =
                Box::pin(PageRequest::admit(&rqctx, request, page.security(), &[])).await?;
            return page.respond(&self.host, admitted).await;
        }
        if method == Method::OPTIONS
            && request.headers().contains_key("access-control-request-method")
        {
            let resource = found.map(|found| found.resource);
            return Ok(preflight(&*self.host, request.headers(), resource));
        }
        let Some(found) = found else {
            return Box::pin(self.host.unknown_path(&rqctx, request)).await;
        };
        let operation = found.operation(&method);
        let RouteMatch { resource, values } = found;
        resource.negotiate(operation, request.headers(), request.uri())?;
        if let Some(operation) = operation {
            let outcome = (self.dispatch)(rqctx, request, operation, values).await;
            if self.documented.is_empty() {
                return outcome;
            }
            let response = outcome.unwrap_or_else(ApiError::into_response);
            if H::UNDOCUMENTED_RESPONSES.contains(&(operation.id, response.status())) {
                return Ok(response);
            }
            let formats = H::RESPONSE_FORMATS;
            return Ok(documented::checked(&self.documented, operation.id, response, formats));
        }
        let admitted =
            Box::pin(PageRequest::admit(&rqctx, request, resource.security(), &[])).await?;
        if let Some(page) = resource.page(&method) {
            return page.respond(&self.host, admitted).await;
        }
        if method == Method::OPTIONS {
            return Ok(resource.options());
        }
        let detail = format!("Method \"{method}\" not allowed.");
        Err(ApiError::detail(StatusCode::METHOD_NOT_ALLOWED, &detail))
    }

    /// One line per request, and one more in each metric: the operation or page, never the path or
    /// the query as sent, since links carry live keys there.
    fn log(
        &self,
        request_id: &str,
        method: &Method,
        name: Option<&'static str>,
        remote: &SocketAddr,
        response: &Response,
        started: Instant,
    ) {
        let operation = name.unwrap_or("-");
        let status = response.status().as_u16();
        let took = started.elapsed();
        self.metrics.count_request(operation, method, status, took);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        match response.extensions().get::<InternalMessage>() {
            Some(InternalMessage(why)) if status < 500 => {
                slog::warn!(self.log, "request refused"; "why" => why,
                "status" => status, "method" => method.as_str(), "operation" => operation,
                "remote" => %remote, "latency_us" => micros, "request_id" => request_id)
            }
            Some(InternalMessage(why)) => {
                slog::error!(self.log, "request failed"; "why" => why, "status" => status,
                "method" => method.as_str(), "operation" => operation, "remote" => %remote,
                "latency_us" => micros, "request_id" => request_id)
            }
            None => {
                slog::info!(self.log, "request"; "status" => status, "method" => method.as_str(),
                "operation" => operation, "remote" => %remote, "latency_us" => micros,
                "request_id" => request_id)
            }
        }
    }
}

fn dispatch<H: Host>(documents: Vec<Document<H>>) -> Result<Dispatch<H>, StartError> {
    let mut handlers = HashMap::new();
    for Document { api, operations } in documents {
        let router = api.into_router();
        for operation in operations {
            let found =
                router.lookup_route(&method_of(operation), route(operation).as_str().into(), None);
            let found = found.ok().filter(|found| found.endpoint.operation_id == operation.id);
            let found = found.ok_or(StartError::NotRouted(operation.id))?;
            if handlers.insert(operation.id, found.handler).is_some() {
                return Err(StartError::TakenId(operation.id));
            }
        }
    }
    let handlers = Arc::new(handlers);
    Ok(Box::new(move |rqctx, request, operation, values| {
        let handlers = Arc::clone(&handlers);
        Box::pin(async move {
            let PageRequest { request, body, caller, .. } =
                PageRequest::admit(&rqctx, request, operation.security, operation.scopes).await?;
            let handler = handlers.get(operation.id).ok_or_else(ApiError::not_found)?;
            let accept = negotiation::kept(&request.headers, operation.produces);
            let request = Request::from_parts(request, dropshot::Body::empty());
            let handled = handler.handle_request(rqctx, request);
            let variables = variables(operation.path).zip(values).collect();
            let handled = with_admitted::<H, _>(caller, body, variables, accept, handled).await;
            // Our handlers and extractors put every failure into their response.
            handled.map_err(|_| ApiError::internal("dropshot failed on its own".to_owned()))
        })
    }))
}

/// A path that leads dropshot's router to the handler of an operation.
fn route(operation: &Operation) -> String {
    let of = |segment: &'static str| if segment.starts_with('{') { "1" } else { segment };
    operation.route.split('/').map(of).collect::<Vec<_>>().join("/")
}

/// The method of an operation's route, GET for HEAD as well.
fn method_of(operation: &Operation) -> Method {
    Method::from_bytes(operation.method.as_bytes()).unwrap_or(Method::GET)
}

/// The browser asks whether a script of another origin may call. 200 and an empty body either way.
fn preflight<H: Host>(host: &H, headers: &HeaderMap, resource: Option<&Resource<H>>) -> Response {
    let mut response = Response::new(dropshot::Body::empty());
    let granted = response.headers_mut();
    if host.allow_origin(headers, granted) {
        if let Some(resource) = resource {
            granted.insert("access-control-allow-methods", resource.allow.clone());
        }
        granted.insert("access-control-allow-headers", HeaderValue::from_static(H::CORS_HEADERS));
        granted.insert("access-control-max-age", HeaderValue::from_static("86400"));
    }
    response
}

impl<H: Host> Service for HttpService<H> {
    async fn respond(
        self: &Arc<HttpService<H>>,
        request: Request<dropshot::Body>,
        remote: SocketAddr,
    ) -> Response {
        if !self.host.outlives_client(request.method(), request.uri().path()) {
            return self.handle(request, remote).await;
        }
        let service = Arc::clone(self);
        let responding = self.detached.spawn(async move { service.handle(request, remote).await });
        // It catches its own panics, and nothing aborts it.
        responding.await.unwrap_or_else(|e| ApiError::internal(e.to_string()).into_response())
    }

    fn metrics(&self) -> &metrics::Http {
        &self.metrics
    }
}

/// Counts a request for as long as it lives.
struct InFlight<'a>(&'a metrics::Http);

impl InFlight<'_> {
    fn new(metrics: &metrics::Http) -> InFlight<'_> {
        metrics.in_flight.inc();
        InFlight(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}
