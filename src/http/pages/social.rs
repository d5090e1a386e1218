//! Sign-in through a provider, for browsers: start page, callback and sign-up form.
//!
//! A GET shows a page and changes nothing; the POST of its form starts the sign-in. The provider's
//! redirect is the only GET with an effect: state, ticket and code are valid once, and a HEAD does
//! nothing. Every failure ends on a page with the next step. The pages need no JavaScript, and
//! exist for configured providers only.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use http::header::{CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use super::account::{self, HOME, LOGIN, SECOND_FACTOR};
use super::file::POLICY;
use super::layout::{Layout, Ui, html, own_path, render};
use super::{Page, PageRequest};
use crate::domain::ValidationErrors;
use crate::domain::operation::Operation;
use crate::domain::social::{
    self, Form, ProviderResponse, SignInOutcome, SignInPurpose, SocialError, Ticket,
};
use crate::http::caller;
use crate::http::signed_in::Credential;
use crate::http::{AppState, Settings, client};
use specbound::{ApiError, Response};
use specbound::{Credentials, LazyBody, authenticate};

const LOGIN_PATH: &str = "/api/auth/social/{provider}/login/";
const CONNECT_PATH: &str = "/api/auth/social/{provider}/connect/";
const CALLBACK_PATH: &str = "/accounts/{provider}/login/callback/";
const CONFIRM_FIRST_PATH: &str = "/platform/login?done=unconfirmed";
const SIGN_UP_PATH: &str = "/accounts/social/signup/";

/// Redirect target after a provider was connected.
const CONNECTED: &str = "/platform/?done=connect";
/// Query parameter of the callback: the request was redirected by a page of this site.
const SAME_SITE: &str = "own";

/// Empty without providers: their paths are then unknown ones.
pub fn pages(settings: &Settings, ui: &Arc<Ui>) -> Vec<Box<dyn Page<AppState>>> {
    if settings.providers.is_empty() {
        return Vec::new();
    }
    let page = |step| {
        let (providers, ui) = (settings.providers.clone(), Arc::clone(ui));
        Box::new(SocialPage { step, providers, ui }) as Box<dyn Page<AppState>>
    };
    [Step::Login, Step::Connect, Step::Callback, Step::SignUp].map(page).into()
}

/// The start pages of a provider, as `providers/` lists them: to sign in, and to connect.
pub fn login_and_connect_paths(id: &str) -> [String; 2] {
    [LOGIN_PATH, CONNECT_PATH].map(|path| path.replace("{provider}", id))
}

/// The page whose button starts the sign-in.
#[derive(Template)]
#[template(path = "pages/social_start.html")]
struct Start<'a> {
    page: Layout<'a>,
    title: &'a str,
    provider: &'a str,
    csrf: &'a str,
    next: &'a str,
}

/// A page that redirects by itself.
#[derive(Template)]
#[template(path = "pages/social_redirect.html")]
struct SocialRedirect<'a> {
    page: Layout<'a>,
    title: &'a str,
    url: &'a str,
    link: &'a str,
}

/// The form for a new account.
#[derive(Template)]
#[template(path = "pages/social_sign_up.html")]
struct SocialSignUp<'a> {
    page: Layout<'a>,
    provider: &'a str,
    csrf: &'a str,
    general: String,
    username: Field,
    email: Field,
}

struct Field {
    value: String,
    error: String,
}

#[derive(Template)]
#[template(path = "pages/social_failed.html")]
struct SocialFailed<'a> {
    page: Layout<'a>,
    reason: String,
    again: String,
}

struct SocialPage {
    step: Step,
    /// Ids.
    providers: Vec<String>,
    ui: Arc<Ui>,
}

/// A request without its body, and the layout of its page.
struct RequestHead<'a> {
    page: Layout<'a>,
    request: Parts,
    op: Operation,
    remote: SocketAddr,
    request_id: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Login,
    Connect,
    Callback,
    SignUp,
}

#[async_trait::async_trait]
impl Page<AppState> for SocialPage {
    fn path(&self) -> &'static str {
        match self.step {
            Step::Login => LOGIN_PATH,
            Step::Connect => CONNECT_PATH,
            Step::Callback => CALLBACK_PATH,
            Step::SignUp => SIGN_UP_PATH,
        }
    }

    fn takes(&self, value: &str) -> bool {
        self.providers.iter().any(|id| id == value)
    }

    fn description(&self) -> &'static str {
        "Signing in through a provider."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["text/html"]
    }

    fn methods(&self) -> &'static [&'static str] {
        if self.step == Step::Callback { &["GET"] } else { &["GET", "POST"] }
    }

    async fn respond(
        &self,
        server: &AppState,
        page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        let op = client::page_operation(server, &page_request);
        let PageRequest { request, body, remote, request_id, .. } = page_request;
        // Where the language form returns to: a callback works only once, a form needs no query.
        let path = if self.step == Step::Callback { "" } else { request.uri.path() };
        let path = path.to_owned();
        let page = self.ui.layout(&request.headers, &path);
        let head = RequestHead { page, request, op, remote, request_id };
        let is_post = head.request.method == Method::POST;
        let response = match (self.step, is_post) {
            (Step::Login | Step::Connect, false) => self.start_page(server, &head).await,
            (Step::Login | Step::Connect, true) => self.begin(server, &head, body).await,
            (Step::Callback, _) => self.finish(server, &head).await,
            (Step::SignUp, false) => sign_up_form(server, &head).await,
            (Step::SignUp, true) => sign_up(server, &head, body).await,
        };
        Ok(response.unwrap_or_else(|error| {
            let next = match self.step {
                Step::Login => query(&head, "next"),
                Step::Connect => None,
                Step::Callback | Step::SignUp => next_of_ticket(server, &head),
            };
            failed(page, error, next.as_deref())
        }))
    }
}

impl SocialPage {
    fn provider<'a>(&self, head: &'a RequestHead<'_>) -> &'a str {
        let around = self.path().split_once("{provider}");
        let path = head.request.uri.path();
        around
            .and_then(|(before, after)| path.strip_prefix(before)?.strip_suffix(after))
            .unwrap_or_default()
    }

    /// The page with the button.
    async fn start_page(
        &self,
        server: &AppState,
        head: &RequestHead<'_>,
    ) -> Result<Response, ApiError> {
        let provider =
            server.app.providers.find(self.provider(head)).ok_or_else(ApiError::not_found)?;
        let next = query(head, "next").unwrap_or_default();
        own_path(&next)?;
        let is_connect = self.step == Step::Connect;
        if is_connect && caller::find_session(server, &head.request.headers).await?.is_none() {
            return redirect(
                StatusCode::FOUND,
                &format!("{LOGIN}?next={}", self.path().replace("{provider}", &provider.id)),
            );
        }
        let (csrf, cookie) = server.cookies().csrf_for(&head.request.headers);
        let title = if is_connect { "social.connect" } else { "social.signin" };
        let (page, provider, csrf, next) = (head.page, &provider.name, &csrf, &next);
        let start = Start { page, title, provider, csrf, next };
        let mut response = render(StatusCode::OK, page, &start)?;
        response.headers_mut().append(SET_COOKIE, cookie);
        Ok(response)
    }

    /// Redirects the browser to the provider by a page: the policy `form-action` also holds for
    /// redirects of a form, and the provider's endpoint stands in its own document.
    async fn begin(
        &self,
        server: &AppState,
        head: &RequestHead<'_>,
        mut body: LazyBody,
    ) -> Result<Response, ApiError> {
        let purpose = match self.step {
            Step::Connect => {
                SignInPurpose::Connect { session: session_of(server, head, &mut body).await? }
            }
            _ => {
                caller::check_csrf(server, &head.request, &mut body).await?;
                SignInPurpose::SignIn
            }
        };
        let next = body.fields().await?.text("next").unwrap_or_default();
        own_path(&next)?;
        let next = match (next.is_empty(), self.step) {
            (false, _) => next,
            (true, Step::Connect) => CONNECTED.to_owned(),
            (true, _) => HOME.to_owned(),
        };
        let started = social::begin(&head.op, self.provider(head), purpose, next.clone()).await;
        let started = match started {
            Ok(started) => started,
            Err(failure) => {
                let next = (self.step == Step::Login).then_some(next.as_str());
                return Ok(failed(head.page, failure.into(), next));
            }
        };
        let (page, title, url) = (head.page, "social.leaving", &started.url);
        let leaving = SocialRedirect { page, title, url, link: "social.follow" };
        let mut response = render(StatusCode::OK, page, &leaving)?;
        response.headers_mut().append(SET_COOKIE, server.cookies().ticket(&started.ticket));
        Ok(response)
    }

    async fn finish(
        &self,
        server: &AppState,
        head: &RequestHead<'_>,
    ) -> Result<Response, ApiError> {
        if head.request.method == Method::HEAD {
            return Ok(html(StatusCode::OK, String::new()));
        }
        let ticket = server.cookies().find_ticket(&head.request.headers);
        let session =
            caller::find_session(server, &head.request.headers).await?.map(|(digest, _)| digest);
        if session.is_none() && needs_same_site_redirect(server, head, ticket.as_ref()) {
            return same_site_redirect(head);
        }
        let returned = ProviderResponse {
            state: query(head, "state"),
            code: query(head, "code"),
            issuer: query(head, "iss"),
            error: query(head, "error"),
        };
        let provider = self.provider(head);
        let finished = social::finish(&head.op, provider, ticket.as_ref(), returned, session);
        let mut response = match finished.await {
            // A form has a ticket of its own.
            Ok(finished @ SignInOutcome::Form { .. }) => {
                return done(server, StatusCode::FOUND, finished);
            }
            Ok(finished) => done(server, StatusCode::FOUND, finished)?,
            Err(failure) => {
                let next = next_of_ticket(server, head);
                failed(head.page, failure.into(), next.as_deref())
            }
        };
        // Without a ticket in this request, the ticket of another tab is kept.
        if ticket.is_some() {
            response.headers_mut().append(SET_COOKIE, server.cookies().clear_ticket());
        }
        Ok(response)
    }
}

/// The provider's redirect begins at another site, so that a Strict session cookie stays behind;
/// connecting needs it.
fn needs_same_site_redirect(
    server: &AppState,
    head: &RequestHead<'_>,
    ticket: Option<&Ticket>,
) -> bool {
    server.settings.http.cookie_same_site.eq_ignore_ascii_case("strict")
        && query(head, SAME_SITE).is_none()
        && social::is_to_connect(&server.app, ticket)
}

/// A page of this site that repeats the callback, so that the browser sends Strict cookies.
fn same_site_redirect(head: &RequestHead<'_>) -> Result<Response, ApiError> {
    let path = head.request.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = &format!("{path}&{SAME_SITE}=1");
    let (page, title) = (head.page, "social.returning");
    render(StatusCode::OK, page, &SocialRedirect { page, title, url, link: "social.return" })
}

async fn sign_up_form(server: &AppState, head: &RequestHead<'_>) -> Result<Response, ApiError> {
    let ticket = server.cookies().find_ticket(&head.request.headers);
    let (provider, form) = social::form(&server.app, ticket.as_ref()).await?;
    form_page(server, head, StatusCode::OK, &provider, &form, &ValidationErrors::none())
}

async fn sign_up(
    server: &AppState,
    head: &RequestHead<'_>,
    mut body: LazyBody,
) -> Result<Response, ApiError> {
    caller::check_csrf(server, &head.request, &mut body).await?;
    let fields = body.fields().await?;
    let text = |name| fields.text(name).unwrap_or_default();
    let form = Form { username: text("username"), email: text("email") };
    let ticket = server.cookies().find_ticket(&head.request.headers);
    match social::sign_up(&head.op, ticket.as_ref(), form.clone()).await {
        Ok(finished) => {
            let mut response = done(server, StatusCode::SEE_OTHER, finished)?;
            response.headers_mut().append(SET_COOKIE, server.cookies().clear_ticket());
            Ok(response)
        }
        Err(SocialError::Form(problems)) => {
            let (provider, _) = social::form(&server.app, ticket.as_ref()).await?;
            form_page(server, head, StatusCode::BAD_REQUEST, &provider, &form, &problems)
        }
        Err(failure) => Err(failure.into()),
    }
}

fn form_page(
    server: &AppState,
    head: &RequestHead<'_>,
    status: StatusCode,
    provider: &str,
    form: &Form,
    problems: &ValidationErrors,
) -> Result<Response, ApiError> {
    let (csrf, cookie) = server.cookies().csrf_for(&head.request.headers);
    let field = |name: &str, value: &str| {
        let of_field = problems.fields.iter().filter(|(field, _)| *field == name);
        let messages: Vec<String> = of_field.flat_map(|(_, messages)| messages).cloned().collect();
        Field { value: value.to_owned(), error: head.page.messages(&messages) }
    };
    let sign_up = SocialSignUp {
        page: head.page,
        provider,
        csrf: &csrf,
        general: head.page.messages(&problems.general),
        username: field("username", &form.username),
        email: field("email", &form.email),
    };
    let mut response = render(status, head.page, &sign_up)?;
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

fn done(
    server: &AppState,
    status: StatusCode,
    finished: SignInOutcome,
) -> Result<Response, ApiError> {
    let jar = server.cookies();
    let (target, cookies) = match finished {
        SignInOutcome::SignedIn { session, device, next } => {
            (next, jar.logged_in(Some(&session), Some(&device)))
        }
        SignInOutcome::CodeNeeded { pending, next } => {
            (format!("{SECOND_FACTOR}?next={}", escaped(&next)), vec![jar.pending(&pending)])
        }
        SignInOutcome::Connected { next } => (next, Vec::new()),
        SignInOutcome::Unconfirmed => (CONFIRM_FIRST_PATH.to_owned(), Vec::new()),
        SignInOutcome::Form { ticket, .. } => (SIGN_UP_PATH.to_owned(), vec![jar.ticket(&ticket)]),
    };
    let mut response = redirect(status, &target)?;
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

fn next_of_ticket(server: &AppState, head: &RequestHead<'_>) -> Option<String> {
    social::next(&server.app, server.cookies().find_ticket(&head.request.headers).as_ref())
}

/// The error message, with links to continue: the one to sign in leads on to `next`.
fn failed(page: Layout<'_>, error: ApiError, next: Option<&str>) -> Response {
    let content_language = page.content_language();
    let next = next.filter(|next| !next.is_empty() && own_path(next).is_ok());
    let again = match next {
        Some(next) => format!("{LOGIN}?next={}", escaped(next)),
        None => LOGIN.to_owned(),
    };
    let failed = SocialFailed { page, reason: page.messages(&error.messages()), again };
    match failed.render() {
        Ok(page) => {
            let mut response = error.into_page(page.into());
            let policy = HeaderValue::from_static(POLICY);
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
            response.headers_mut().insert(CONTENT_LANGUAGE, content_language);
            response
        }
        Err(_) => error.into_response(),
    }
}

fn redirect(status: StatusCode, target: &str) -> Result<Response, ApiError> {
    let mut response = account::redirect(target)?;
    *response.status_mut() = status;
    Ok(response)
}

/// A text for a query.
fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The first value of that name in the query.
fn query(head: &RequestHead<'_>, name: &str) -> Option<String> {
    let query = head.request.uri.query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The session of the request, which must have a CSRF token and recent authentication.
async fn session_of(
    server: &AppState,
    head: &RequestHead<'_>,
    body: &mut LazyBody,
) -> Result<[u8; 32], ApiError> {
    const COOKIE: &[&[&str]] = &[&["cookieAuth"]];
    let mut credentials = Credentials {
        host: server,
        head: &head.request,
        body,
        remote: head.remote,
        request_id: &head.request_id,
        security: COOKIE,
        scopes: &[],
    };
    let caller = authenticate(&mut credentials).await?.ok_or_else(ApiError::not_found)?;
    caller.require_recent_auth(server).await?;
    match caller.credential {
        Credential::Session { digest } => Ok(digest),
        Credential::Token { .. } | Credential::Basic => Err(ApiError::not_found()),
    }
}
