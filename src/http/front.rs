//! The door: every request of every method and path comes in here, and every answer goes out.
//!
//! dropshot's own server answers unknown paths and methods by itself, takes a path with and without its last slash, and
//! offers no hook before or after a handler. So this door stands before dropshot's router with the documented API
//! ([`super::documented_api`]), and asks it; beside it stand the [`pages`]. What the reference does around its views is here, once: negotiation, 404, 405, OPTIONS, HEAD, headers, a
//! caught panic, the log line. No rule of an operation or a page may be here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use dropshot::RequestInfo;
use futures::FutureExt;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, COOKIE, HeaderMap, ORIGIN, REFERRER_POLICY,
    SET_COOKIE, STRICT_TRANSPORT_SECURITY, VARY,
};
use http::header::{X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::json;
use tokio_util::task::TaskTracker;

use super::caller::{ANY_SCHEME, FromIdentity, SessionOf, SignedIn, Visitor};
use super::connections::Answerer;
use super::contexts::Contexts;
use super::error::{ApiError, InternalMessage, json_response};
use super::lazy_body::{LazyBody, Room};
use super::pages::{self, Page, Visit, people};
use super::typed::{Context, Operation};
use super::{Server, Settings, caller, client, documented_api, host, negotiation};
use crate::api::OPERATIONS;
use crate::metrics;

pub type Answer = Response<dropshot::Body>;
type Answering = Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + Send>>;
/// `Cache-Control` of every answer that is about one person, now: all but those of a page that knows better.
const NO_STORE: &str = "no-store";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Below it reads only read.
const API: &str = "/api/";

/// Hands a request to dropshot's router. A closure, since that router's type has no public name.
type Dispatch = Box<dyn Fn(Context, Request<dropshot::Body>, &'static str, Method) -> Answering + Send + Sync>;

/// What is answered, by path.
pub struct Routes {
    literal: HashMap<&'static str, Resource>,
    /// Paths with a variable, by the texts around it.
    variable: Vec<((&'static str, &'static str), Resource)>,
    dispatch: Dispatch,
}

/// One path.
struct Resource {
    serves: Serves,
    allow: HeaderValue,
}

enum Serves {
    /// What the document says about it.
    Operations(Vec<&'static Operation>),
    Page(Box<dyn Page>),
}

impl Resource {
    fn new(serves: Serves) -> Result<Resource, String> {
        let mut allow: Vec<&str> = match &serves {
            Serves::Operations(operations) => operations.iter().map(|operation| operation.method).collect(),
            Serves::Page(page) => page.methods().to_vec(),
        };
        if allow.contains(&"GET") {
            allow.push("HEAD");
        }
        allow.push("OPTIONS");
        let allow = HeaderValue::from_str(&allow.join(", ")).map_err(|e| e.to_string())?;
        Ok(Resource { serves, allow })
    }

    /// What the log calls a request with this method, if it is one that comes through.
    fn name(&self, method: &Method) -> Option<&'static str> {
        let wanted = if method == Method::HEAD { "GET" } else { method.as_str() };
        match &self.serves {
            Serves::Operations(operations) => operations.iter().find(|o| o.method == wanted).map(|o| o.id),
            Serves::Page(page) => page.methods().contains(&wanted).then(|| page.path()),
        }
    }

    /// Whether its path can have this value for its variable.
    fn takes(&self, value: &str) -> bool {
        match &self.serves {
            Serves::Operations(_) => value.bytes().all(|byte| byte.is_ascii_digit()),
            Serves::Page(page) => !value.contains('/') && page.takes(value),
        }
    }

    fn negotiate(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
        match &self.serves {
            Serves::Operations(_) => negotiation::require_json(headers, uri),
            Serves::Page(page) => page.negotiate(headers, uri),
        }
    }

    /// Who may ask what a path takes.
    fn security(&self) -> &'static [&'static [&'static str]] {
        match &self.serves {
            Serves::Operations(operations) => operations.first().map(|o| o.security).unwrap_or_default(),
            Serves::Page(page) => page.security(),
        }
    }

    fn options(&self) -> Answer {
        let (path, description, renders, parses) = match &self.serves {
            Serves::Operations(operations) => {
                let first = operations.first();
                let parses = operations.iter().map(|o| o.parses).find(|parses| !parses.is_empty());
                let (path, description) = first.map(|o| (o.path, o.description)).unwrap_or_default();
                (path, description, vec!["application/json"], parses.unwrap_or_default())
            }
            Serves::Page(page) => (page.path(), page.description(), page.renders(), Default::default()),
        };
        let body = json!({
            "name": title(path),
            "description": description,
            "renders": renders,
            "parses": parses,
            "actions": {},
        });
        json_response(StatusCode::OK, body.to_string().into_bytes())
    }
}

impl Routes {
    /// # Errors
    ///
    /// dropshot's words for a route that it does not take, or a page at a path that is taken.
    pub fn build(settings: &Settings) -> Result<Routes, String> {
        let mut grouped: Vec<(&'static str, Vec<&'static Operation>)> = Vec::new();
        for operation in OPERATIONS {
            match grouped.iter_mut().find(|(path, _)| *path == operation.path) {
                Some((_, operations)) => operations.push(operation),
                None => grouped.push((operation.path, vec![operation])),
            }
        }
        let mut routes = Routes { literal: HashMap::new(), variable: Vec::new(), dispatch: dispatch()? };
        for (path, operations) in grouped {
            routes.add(path, Serves::Operations(operations))?;
        }
        for page in pages::all(settings)? {
            routes.add(page.path(), Serves::Page(page))?;
        }
        Ok(routes)
    }

    fn add(&mut self, path: &'static str, serves: Serves) -> Result<(), String> {
        let resource = Resource::new(serves)?;
        let around = path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?.1)));
        let is_taken = match around {
            Some(around) => {
                let is_taken = self.variable.iter().any(|(other, _)| *other == around);
                self.variable.push((around, resource));
                is_taken
            }
            None => self.literal.insert(path, resource).is_some(),
        };
        if is_taken { Err(format!("{path} is answered already")) } else { Ok(()) }
    }

    /// Exactly: no missing last slash, no doubled slash, no other case. A variable is an operation's id, digits alone,
    /// or one whole segment of a page's path.
    fn find(&self, path: &str) -> Option<&Resource> {
        self.literal.get(path).or_else(|| {
            let fits = |((before, after), resource): &&((&str, &str), Resource)| {
                let value = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                value.is_some_and(|value| !value.is_empty() && resource.takes(value))
            };
            self.variable.iter().find(fits).map(|(_, resource)| resource)
        })
    }
}

/// A request's path as it is matched; `None` for one with an encoded slash, which stands for no slash between segments,
/// and no segment here has one in it.
fn decoded(path: &str) -> Option<Cow<'_, str>> {
    let has_slash = path.as_bytes().windows(3).any(|escape| escape.eq_ignore_ascii_case(b"%2f"));
    (!has_slash).then(|| percent_decode_str(path).decode_utf8_lossy())
}

fn dispatch() -> Result<Dispatch, String> {
    let router = Arc::new(documented_api()?.into_router());
    // Found once: a path without a variable leads to the same handler every time, and needs nothing of the route.
    let mut handlers = HashMap::new();
    for operation in OPERATIONS.iter().filter(|operation| !operation.path.contains('{')) {
        let method = Method::from_bytes(operation.method.as_bytes()).map_err(|e| e.to_string())?;
        let found = router.lookup_route(&method, operation.path.into(), None).map_err(|e| format!("{e:?}"))?;
        handlers.insert(operation.id, found.handler);
    }
    let handlers = Arc::new(handlers);
    Ok(Box::new(move |mut rqctx, request, operation, method| {
        let (router, handlers) = (Arc::clone(&router), Arc::clone(&handlers));
        Box::pin(async move {
            let handler = match handlers.get(operation) {
                Some(handler) => Arc::clone(handler),
                None => {
                    // By the path that was matched here, whose variable is digits alone: the two cannot disagree.
                    let path = decoded(rqctx.request.uri().path()).unwrap_or_default();
                    let found = router.lookup_route(&method, path.as_ref().into(), None);
                    let found = found.map_err(|e| ApiError::internal(format!("documented, but not routed: {e}")))?;
                    rqctx.endpoint = found.endpoint;
                    found.handler
                }
            };
            let handled = handler.handle_request(rqctx, request).await;
            // Our handlers and extractors put every failure into their answer.
            handled.map_err(|_| ApiError::internal("dropshot failed on its own".to_owned()))
        })
    }))
}

/// Answers every request of a server.
pub struct Door {
    server: Arc<Server>,
    contexts: Contexts,
    /// What goes on when its client has gone.
    detached: TaskTracker,
}

impl Door {
    /// # Errors
    ///
    /// When dropshot's state cannot be made.
    pub async fn open(server: Arc<Server>) -> Result<Door, String> {
        let contexts = Contexts::of(Arc::clone(&server)).await?;
        Ok(Door { server, contexts, detached: TaskTracker::new() })
    }

    /// Returns when nothing goes on any more.
    pub async fn close(&self) {
        self.detached.close();
        self.detached.wait().await;
    }

    async fn answer_attached(&self, mut request: Request<dropshot::Body>, remote: SocketAddr) -> Answer {
        let started = Instant::now();
        let server = &*self.server;
        let _in_flight = InFlight::new(&server.metrics);
        let request_id = uuid::Builder::from_random_bytes(server.domain.random()).into_uuid().to_string();
        let (method, headers) = (request.method().clone(), kept(request.headers()));
        let resource = decoded(request.uri().path()).and_then(|path| server.routes.find(&path));
        let name = resource.and_then(|resource| resource.name(&method));
        let session = SessionOf::request(&mut request);
        let _room = Room::attach(&mut request);
        let rqctx = self.contexts.make(RequestInfo::new(&request, remote), request_id.clone());

        let whole = async {
            let answer = answer(server, rqctx, request, resource).await;
            let mut response = answer.unwrap_or_else(ApiError::into_response);
            // A cache that keeps an answer for all would end everybody's session with it.
            let is_for_one = response.headers().get(CACHE_CONTROL).is_none_or(|value| value == NO_STORE);
            let is_told = response.headers().contains_key(SET_COOKIE);
            if is_for_one && !is_told && session.is_dead(server, &headers).await {
                response.headers_mut().append(SET_COOKIE, server.cookies().clear_session());
            }
            response
        };
        let whole = AssertUnwindSafe(whole).catch_unwind().await;
        let mut response =
            whole.unwrap_or_else(|_| ApiError::internal("a handler panicked".to_owned()).into_response());
        decorate(server, &headers, resource, response.headers_mut());
        if let Ok(id) = HeaderValue::try_from(&request_id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        log(server, &request_id, &method, name, &remote, &response, started);
        response
    }
}

impl Answerer for Door {
    /// A write goes on when its client has gone: it would be half known otherwise.
    async fn answer(self: &Arc<Door>, request: Request<dropshot::Body>, remote: SocketAddr) -> Answer {
        let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if only_reads && request.uri().path().starts_with(API) {
            return self.answer_attached(request, remote).await;
        }
        let door = Arc::clone(self);
        let answering = self.detached.spawn(async move { door.answer_attached(request, remote).await });
        // It catches its own panics, and nobody aborts it.
        answering.await.unwrap_or_else(|e| ApiError::internal(e.to_string()).into_response())
    }

    fn metrics(&self) -> &metrics::Http {
        &self.server.metrics
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

/// What is asked of the request's head once it is answered; next to nothing for a machine, which sends neither.
fn kept(request: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [ORIGIN, COOKIE] {
        for value in request.get_all(&name) {
            kept.append(&name, value.clone());
        }
    }
    kept
}

async fn answer(
    server: &Server,
    rqctx: Context,
    request: Request<dropshot::Body>,
    resource: Option<&Resource>,
) -> Result<Answer, ApiError> {
    host::check(&request)?;
    let method = request.method().clone();
    if method == Method::OPTIONS && request.headers().contains_key("access-control-request-method") {
        return Ok(preflight(server, request.headers(), resource));
    }
    let Some(resource) = resource else { return Box::pin(unknown_path(server, &rqctx, request)).await };
    resource.negotiate(request.headers(), request.uri())?;
    let name = resource.name(&method);
    if let (Some(operation), Serves::Operations(_)) = (name, &resource.serves) {
        let routed = if method == Method::HEAD { Method::GET } else { method };
        return (server.routes.dispatch)(rqctx, request, operation, routed).await;
    }
    let visit = Box::pin(authenticate(server, &rqctx, request, resource.security())).await?;
    if let (Some(_), Serves::Page(page)) = (name, &resource.serves) {
        return page.answer(server, visit).await;
    }
    if method == Method::OPTIONS {
        return Ok(resource.options());
    }
    let detail = format!("Method \"{method}\" not allowed.");
    Err(ApiError::detail(StatusCode::METHOD_NOT_ALLOWED, &detail))
}

async fn unknown_path(server: &Server, rqctx: &Context, request: Request<dropshot::Body>) -> Result<Answer, ApiError> {
    if let Some(way) = people::way_home(&request) {
        return Ok(way);
    }
    let uri = request.uri().clone();
    authenticate(server, rqctx, request, ANY_SCHEME).await?;
    let url = format!("{}{}", server.settings.site_url, uri.path_and_query().map_or("/", |path| path.as_str()));
    // With blanks after `:` and `,`, as Python writes it.
    let body = format!("{{\"detail\": \"API endpoint not found\", \"url\": {}}}", json!(url));
    Ok(json_response(StatusCode::NOT_FOUND, body.into_bytes()))
}

async fn authenticate(
    server: &Server,
    rqctx: &Context,
    request: Request<dropshot::Body>,
    security: &[&[&str]],
) -> Result<Visit, ApiError> {
    let client = client::of(&server.settings, &rqctx.request);
    let (request, body) = request.into_parts();
    let mut body = LazyBody::new(&request, body);
    let identity = caller::identify(server, security, &request, &mut body, || client.clone()).await?;
    let caller = if security.iter().any(|schemes| schemes.is_empty()) {
        Visitor::from_identity(server, identity, security).await?.signed_in
    } else {
        Some(SignedIn::from_identity(server, identity, security).await?)
    };
    Ok(Visit { request, body, client, caller })
}

/// `/api/auth/password/reset/` is "Password Reset".
fn title(path: &str) -> String {
    let words = path.trim_start_matches("/api/auth/").split(['/', '-']).filter(|word| !word.starts_with('{'));
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    words.filter_map(capital).collect::<Vec<_>>().join(" ")
}

/// The browser asks whether a script of another origin may call. 200 and an empty body either way.
fn preflight(server: &Server, headers: &HeaderMap, resource: Option<&Resource>) -> Answer {
    let mut response = Response::new(dropshot::Body::empty());
    let granted = response.headers_mut();
    if negotiation::allow_origin(&server.settings, headers, granted) {
        if let Some(resource) = resource {
            granted.insert("access-control-allow-methods", resource.allow.clone());
        }
        let asked = "accept, authorization, content-type, x-csrftoken";
        granted.insert("access-control-allow-headers", HeaderValue::from_static(asked));
        granted.insert("access-control-max-age", HeaderValue::from_static("86400"));
    }
    response
}

fn decorate(server: &Server, request: &HeaderMap, resource: Option<&Resource>, response: &mut HeaderMap) {
    const DEFAULTS: [(HeaderName, &str); 3] = [
        (VARY, "origin, Accept-Language, Cookie"),
        (CACHE_CONTROL, NO_STORE),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    const FIXED: [(HeaderName, &str); 5] = [
        (CONTENT_LANGUAGE, "en"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    // At once, instead of twice on the way.
    response.reserve(DEFAULTS.len() + FIXED.len() + 3);
    for (name, value) in DEFAULTS {
        response.entry(name).or_insert(HeaderValue::from_static(value));
    }
    for (name, value) in FIXED {
        response.insert(name, HeaderValue::from_static(value));
    }
    if server.settings.ends_tls {
        response.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if let Some(resource) = resource {
        response.insert(ALLOW, resource.allow.clone());
    }
    if request.contains_key(ORIGIN) {
        negotiation::allow_origin(&server.settings, request, response);
    }
}

/// One line per request, and one more in each metric: the operation or page, never the path or the query as sent, since links carry live keys there.
fn log(
    server: &Server,
    request_id: &str,
    method: &Method,
    name: Option<&'static str>,
    remote: &SocketAddr,
    response: &Answer,
    started: Instant,
) {
    let operation = name.unwrap_or("-");
    let status = response.status().as_u16();
    let took = started.elapsed();
    server.metrics.answered(operation, method, status, took);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    match response.extensions().get::<InternalMessage>() {
        Some(InternalMessage(why)) if status < 500 => slog::warn!(server.log, "request refused"; "why" => why,
            "status" => status, "method" => method.as_str(), "operation" => operation, "remote" => %remote,
            "latency_us" => micros, "request_id" => request_id),
        Some(InternalMessage(why)) => slog::error!(server.log, "request failed"; "why" => why, "status" => status,
            "method" => method.as_str(), "operation" => operation, "remote" => %remote, "latency_us" => micros,
            "request_id" => request_id),
        None => slog::info!(server.log, "request"; "status" => status, "method" => method.as_str(),
            "operation" => operation, "remote" => %remote, "latency_us" => micros, "request_id" => request_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            site_url: String::new(),
            session_cookie_secure: false,
            cookie_same_site: String::new(),
            trusted_origins: Vec::new(),
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            mail_required: false,
            providers: Vec::new(),
            ends_tls: false,
            mailbox: None,
        }
    }

    /// A page at this path.
    struct At(&'static str);

    #[async_trait::async_trait]
    impl Page for At {
        fn path(&self) -> &'static str {
            self.0
        }

        fn description(&self) -> &'static str {
            "A page."
        }

        fn renders(&self) -> Vec<&'static str> {
            vec!["text/plain"]
        }

        async fn answer(&self, _: &Server, _: Visit) -> Result<Answer, ApiError> {
            Ok(Response::new(dropshot::Body::empty()))
        }
    }

    #[test]
    fn page_at_a_taken_path_stops_the_start() {
        let mut routes = Routes::build(&settings()).unwrap();
        for path in ["/api/auth/user/", "/api/auth/emails/{key}/verify/", "/api/schema/"] {
            let refused = routes.add(path, Serves::Page(Box::new(At(path))));
            assert_eq!(refused.unwrap_err(), format!("{path} is answered already"));
        }
    }

    #[test]
    fn encoded_slash_separates_no_segments() {
        assert_eq!(decoded("/api/auth/emails/%31/verify/").as_deref(), Some("/api/auth/emails/1/verify/"));
        assert_eq!(decoded("/api/auth/emails/%252F/").as_deref(), Some("/api/auth/emails/%2F/"));
        for path in ["/api/auth/emails%2F1%2Fverify/", "/api/auth/emails/1%2fverify/", "%2f"] {
            assert_eq!(decoded(path), None, "{path}");
        }
    }

    #[test]
    fn variable_of_a_page_is_one_segment() {
        let path = "/accounts/of-a-test/{key}/";
        let mut routes = Routes::build(&settings()).unwrap();
        routes.add(path, Serves::Page(Box::new(At(path)))).unwrap();
        let found = |path: &str| routes.find(path).and_then(|resource| resource.name(&Method::GET));
        assert_eq!(found("/accounts/of-a-test/MQ:1abc:x_y/"), Some(path));
        for other in ["/accounts/of-a-test//", "/accounts/of-a-test/a/b/", "/accounts/of-a-test/a"] {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
