//! Sign-in through a provider, for browsers: start page, callback and sign-up form.
//!
//! A GET shows a page and changes nothing; the POST of its form starts the sign-in. The provider's
//! redirect is the only GET with an effect: state, ticket and code are valid once, and a HEAD does
//! nothing. Every failure ends on a page with the next step. The pages need no JavaScript, and
//! exist for configured providers only.

use std::net::SocketAddr;

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use super::people::{self, HOME, POLICY, SECOND_FACTOR, escaped, shell};
use super::{Page, PageRequest};
use crate::domain::ValidationErrors;
use crate::domain::operation::Operation;
use crate::domain::social::{self, Finished, Form, Purpose, Returned, SocialError, Ticket};
use crate::http::caller::{self, Credential};
use crate::http::{AppState, Settings, client};
use specbound::{ApiError, Response};
use specbound::{Credentials, LazyBody, authenticate};

const LOGIN_PATH: &str = "/api/auth/social/{provider}/login/";
const CONNECT_PATH: &str = "/api/auth/social/{provider}/connect/";
const CALLBACK_PATH: &str = "/accounts/{provider}/login/callback/";
const CONFIRM_FIRST_PATH: &str = "/platform/login?done=unconfirmed";
const SIGN_UP_PATH: &str = "/accounts/social/signup/";

/// Where a browser goes that connected a provider.
const CONNECTED: &str = "/platform/?done=connect";
const MOST_NEXT_BYTES: usize = 500;
/// In the query of the way back: it comes from a page of this site.
const OWN_HOP: &str = "own";

/// None without providers: the paths are as unknown then as any other.
pub fn pages(settings: &Settings) -> Vec<Box<dyn Page<AppState>>> {
    if settings.providers.is_empty() {
        return Vec::new();
    }
    let page = |what| {
        Box::new(SocialPage { what, providers: settings.providers.clone() })
            as Box<dyn Page<AppState>>
    };
    [What::Login, What::Connect, What::Callback, What::SignUp].map(page).into()
}

/// Where a provider is asked from, as `providers/` lists it: to sign in, and to connect.
pub fn ways(id: &str) -> [String; 2] {
    [LOGIN_PATH, CONNECT_PATH].map(|path| path.replace("{provider}", id))
}

struct SocialPage {
    what: What,
    /// Ids.
    providers: Vec<String>,
}

/// A visit without its body.
struct RequestHead {
    request: Parts,
    op: Operation,
    remote: SocketAddr,
    request_id: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Login,
    Connect,
    Callback,
    SignUp,
}

type Answer = Response;

#[async_trait::async_trait]
impl Page<AppState> for SocialPage {
    fn path(&self) -> &'static str {
        match self.what {
            What::Login => LOGIN_PATH,
            What::Connect => CONNECT_PATH,
            What::Callback => CALLBACK_PATH,
            What::SignUp => SIGN_UP_PATH,
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
        if self.what == What::Callback { &["GET"] } else { &["GET", "POST"] }
    }

    async fn answer(&self, server: &AppState, visit: PageRequest) -> Result<Answer, ApiError> {
        let op = client::page_operation(server, &visit);
        let PageRequest { request, body, remote, request_id, .. } = visit;
        let visit = RequestHead { request, op, remote, request_id };
        let is_post = visit.request.method == Method::POST;
        let answer = match (self.what, is_post) {
            (What::Login | What::Connect, false) => self.door(server, &visit).await,
            (What::Login | What::Connect, true) => self.begin(server, &visit, body).await,
            (What::Callback, _) => self.finish(server, &visit).await,
            (What::SignUp, false) => sign_up_form(server, &visit).await,
            (What::SignUp, true) => sign_up(server, &visit, body).await,
        };
        Ok(answer.unwrap_or_else(|error| failed(server, error)))
    }
}

impl SocialPage {
    fn provider<'a>(&self, visit: &'a RequestHead) -> &'a str {
        let around = self.path().split_once("{provider}");
        let path = visit.request.uri.path();
        around
            .and_then(|(before, after)| path.strip_prefix(before)?.strip_suffix(after))
            .unwrap_or_default()
    }

    /// The page with the button.
    async fn door(&self, server: &AppState, visit: &RequestHead) -> Result<Answer, ApiError> {
        let provider =
            server.app.providers.find(self.provider(visit)).ok_or_else(ApiError::not_found)?;
        let next = query(visit, "next").unwrap_or_default();
        own_path(&next)?;
        let is_connect = self.what == What::Connect;
        if is_connect && caller::find_session(server, &visit.request.headers).await?.is_none() {
            return redirect(
                StatusCode::FOUND,
                &format!(
                    "/platform/login?next={}",
                    self.path().replace("{provider}", &provider.id)
                ),
            );
        }
        let (csrf, cookie) = server.cookies().csrf_for(&visit.request.headers);
        let title = if is_connect { "social.connect" } else { "social.signin" };
        let name = escaped(&provider.name);
        let body = format!(
            "<main id=\"content\" class=\"card\"><h1>{{{{{title}}}}} {name}</h1>\
             <form method=\"post\">{}{}<button class=\"primary\">{{{{social.continue}}}} \
             {name}</button></form>\
             <nav class=\"links\"><a href=\"{HOME}\">{{{{social.back}}}}</a></nav></main>",
            hidden("csrfmiddlewaretoken", &csrf),
            hidden("next", &next),
        );
        let mut answer = html(StatusCode::OK, shell(title, "", &body, &server.settings));
        answer.headers_mut().append(SET_COOKIE, cookie);
        Ok(answer)
    }

    /// Sends the browser to the provider: by a page, since a policy for forms holds for where they
    /// are redirected too, and where a provider is asked stands in its own document.
    async fn begin(
        &self,
        server: &AppState,
        visit: &RequestHead,
        mut body: LazyBody,
    ) -> Result<Answer, ApiError> {
        let purpose = match self.what {
            What::Connect => {
                Purpose::Connect { session: session_of(server, visit, &mut body).await? }
            }
            _ => {
                caller::check_csrf(server, &visit.request, &mut body).await?;
                Purpose::SignIn
            }
        };
        let next = body.fields().await?.text("next").unwrap_or_default();
        own_path(&next)?;
        let next = match (next.is_empty(), self.what) {
            (false, _) => next,
            (true, What::Connect) => CONNECTED.to_owned(),
            (true, _) => HOME.to_owned(),
        };
        let begun = social::begin(&visit.op, self.provider(visit), purpose, next).await?;
        let url = escaped(&begun.url);
        let head = format!("<meta http-equiv=\"refresh\" content=\"0; url={url}\">");
        let page = format!(
            "<main id=\"content\" class=\"card\"><h1>{{{{social.leaving}}}}</h1>\
             <p><a href=\"{url}\" rel=\"noreferrer\">{{{{social.follow}}}}</a></p></main>"
        );
        let mut answer =
            html(StatusCode::OK, shell("social.leaving", &head, &page, &server.settings));
        answer.headers_mut().append(SET_COOKIE, server.cookies().ticket(&begun.ticket));
        Ok(answer)
    }

    async fn finish(&self, server: &AppState, visit: &RequestHead) -> Result<Answer, ApiError> {
        if visit.request.method == Method::HEAD {
            return Ok(html(StatusCode::OK, String::new()));
        }
        let ticket = server.cookies().find_ticket(&visit.request.headers);
        let session =
            caller::find_session(server, &visit.request.headers).await?.map(|(digest, _)| digest);
        if session.is_none() && needs_own_hop(server, visit, ticket.as_ref()) {
            return Ok(own_hop(server, visit));
        }
        let returned = Returned {
            state: query(visit, "state"),
            code: query(visit, "code"),
            issuer: query(visit, "iss"),
            error: query(visit, "error"),
        };
        let provider = self.provider(visit);
        let finished = social::finish(&visit.op, provider, ticket.as_ref(), returned, session);
        let mut answer = match finished.await {
            // A form has a ticket of its own.
            Ok(finished @ Finished::Form { .. }) => {
                return done(server, StatusCode::FOUND, finished);
            }
            Ok(finished) => done(server, StatusCode::FOUND, finished)?,
            Err(failure) => failed(server, failure.into()),
        };
        // Without a ticket in this request, the ticket of another tab is kept.
        if ticket.is_some() {
            answer.headers_mut().append(SET_COOKIE, server.cookies().clear_ticket());
        }
        Ok(answer)
    }
}

/// The provider's redirect begins at another site, so that a Strict session cookie stays behind;
/// connecting needs it.
fn needs_own_hop(server: &AppState, visit: &RequestHead, ticket: Option<&Ticket>) -> bool {
    server.settings.cookie_same_site.eq_ignore_ascii_case("strict")
        && query(visit, OWN_HOP).is_none()
        && social::is_to_connect(&server.app, ticket)
}

/// A page that asks for the same once more, as a page of this site.
fn own_hop(server: &AppState, visit: &RequestHead) -> Answer {
    let path = visit.request.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = escaped(&format!("{path}&{OWN_HOP}=1"));
    let head = format!("<meta http-equiv=\"refresh\" content=\"0; url={url}\">");
    let page = format!(
        "<main id=\"content\" class=\"card\"><h1>{{{{social.returning}}}}</h1>\
         <p><a href=\"{url}\">{{{{social.return}}}}</a></p></main>"
    );
    html(StatusCode::OK, shell("social.returning", &head, &page, &server.settings))
}

async fn sign_up_form(server: &AppState, visit: &RequestHead) -> Result<Answer, ApiError> {
    let ticket = server.cookies().find_ticket(&visit.request.headers);
    let (provider, form) = social::form(&server.app, ticket.as_ref()).await?;
    Ok(form_page(server, visit, StatusCode::OK, &provider, &form, &ValidationErrors::none()))
}

async fn sign_up(
    server: &AppState,
    visit: &RequestHead,
    mut body: LazyBody,
) -> Result<Answer, ApiError> {
    caller::check_csrf(server, &visit.request, &mut body).await?;
    let fields = body.fields().await?;
    let text = |name| fields.text(name).unwrap_or_default();
    let form = Form { username: text("username"), email: text("email") };
    let ticket = server.cookies().find_ticket(&visit.request.headers);
    match social::sign_up(&visit.op, ticket.as_ref(), form.clone()).await {
        Ok(finished) => {
            let mut answer = done(server, StatusCode::SEE_OTHER, finished)?;
            answer.headers_mut().append(SET_COOKIE, server.cookies().clear_ticket());
            Ok(answer)
        }
        Err(SocialError::Form(problems)) => {
            let (provider, _) = social::form(&server.app, ticket.as_ref()).await?;
            Ok(form_page(server, visit, StatusCode::BAD_REQUEST, &provider, &form, &problems))
        }
        Err(failure) => Err(failure.into()),
    }
}

fn form_page(
    server: &AppState,
    visit: &RequestHead,
    status: StatusCode,
    provider: &str,
    form: &Form,
    problems: &ValidationErrors,
) -> Answer {
    let (csrf, cookie) = server.cookies().csrf_for(&visit.request.headers);
    let said = |name: &str| {
        let of_field = problems
            .fields
            .iter()
            .filter(|(field, _)| *field == name)
            .flat_map(|(_, messages)| messages);
        escaped(&of_field.cloned().collect::<Vec<_>>().join("\n"))
    };
    let field = |name: &str, kind: &str, value: &str, hint: &str| {
        let (value, error) = (escaped(value), said(name));
        let invalid = if error.is_empty() { "" } else { " aria-invalid=\"true\"" };
        format!(
            "<div class=\"field\"><label for=\"{name}\">{{{{field.{name}}}}} {hint}</label>\
             <input id=\"{name}\" name=\"{name}\" {kind} value=\"{value}\" \
             aria-describedby=\"{name}-error\"{invalid}>\
             <p class=\"error\" id=\"{name}-error\">{error}</p></div>"
        )
    };
    let (needed, optional) = match server.settings.mail_required {
        true => ("type=\"email\" autocomplete=\"email\" required", ""),
        false => (
            "type=\"email\" autocomplete=\"email\"",
            "<span class=\"hint\">({{field.optional}})</span>",
        ),
    };
    let body = format!(
        "<main id=\"content\" class=\"card\"><h1>{{{{social.new}}}}</h1><p \
         class=\"hint\">{{{{social.known}}}} {}.</p>\
         <p class=\"summary bad\" role=\"alert\">{}</p><form method=\"post\" novalidate>{}{}{}\
         <button class=\"primary\">{{{{register.submit}}}}</button></form></main>",
        escaped(provider),
        escaped(&problems.general.join("\n")),
        hidden("csrfmiddlewaretoken", &csrf),
        field(
            "username",
            "autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" required",
            &form.username,
            ""
        ),
        field("email", needed, &form.email, optional),
    );
    let mut answer = html(status, shell("social.new", "", &body, &server.settings));
    answer.headers_mut().append(SET_COOKIE, cookie);
    answer
}

fn done(server: &AppState, status: StatusCode, finished: Finished) -> Result<Answer, ApiError> {
    let jar = server.cookies();
    let (target, cookies) = match finished {
        Finished::SignedIn { session, device, next } => {
            (next, jar.logged_in(Some(&session), Some(&device)))
        }
        Finished::CodeNeeded { pending, next } => {
            let query = form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>();
            (format!("{SECOND_FACTOR}?next={query}"), vec![jar.pending(&pending)])
        }
        Finished::Connected { next } => (next, Vec::new()),
        Finished::Unconfirmed => (CONFIRM_FIRST_PATH.to_owned(), Vec::new()),
        Finished::Form { ticket, .. } => (SIGN_UP_PATH.to_owned(), vec![jar.ticket(&ticket)]),
    };
    let mut answer = redirect(status, &target)?;
    for cookie in cookies {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// The error message, with links to continue.
fn failed(server: &AppState, error: ApiError) -> Answer {
    let body = format!(
        "<main id=\"content\" class=\"card\"><h1>{{{{social.failed}}}}</h1>\
         <p class=\"summary bad\" role=\"alert\">{}</p>\
         <nav class=\"links\"><a href=\"/platform/login\">{{{{social.again}}}}</a>\
         <a href=\"{HOME}\">{{{{social.back}}}}</a></nav></main>",
        escaped(&error.messages().join("\n")),
    );
    let page = shell("social.failed", "", &body, &server.settings);
    let mut answer = error.into_page(page.into());
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    answer
}

fn html(status: StatusCode, page: String) -> Answer {
    let mut answer = Response::new(dropshot::Body::from(page));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    answer
}

fn redirect(status: StatusCode, target: &str) -> Result<Answer, ApiError> {
    let mut answer = people::redirect(target)?;
    *answer.status_mut() = status;
    Ok(answer)
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value))
}

/// The first value of that name in the query.
fn query(visit: &RequestHead, name: &str) -> Option<String> {
    let query = visit.request.uri.query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// A path of this site or nothing. Browsers read `//host`, `/\host` and their encodings as other
/// sites.
fn own_path(next: &str) -> Result<(), ApiError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./?=&".contains(&byte);
    let is_own = next.starts_with('/') && !next.starts_with("//") && next.bytes().all(is_plain);
    match next.is_empty() || (is_own && next.len() <= MOST_NEXT_BYTES) {
        true => Ok(()),
        false => {
            Err(ApiError::refused("`next` must be a path of this site.", "next to another site"))
        }
    }
}

/// The session that asks, with its CSRF token and a recent proof of its owner.
async fn session_of(
    server: &AppState,
    visit: &RequestHead,
    body: &mut LazyBody,
) -> Result<[u8; 32], ApiError> {
    const COOKIE: &[&[&str]] = &[&["cookieAuth"]];
    let mut credentials = Credentials {
        host: server,
        head: &visit.request,
        body,
        remote: visit.remote,
        request_id: &visit.request_id,
        security: COOKIE,
    };
    let caller = authenticate(&mut credentials).await?.ok_or_else(ApiError::not_found)?;
    caller.require_recent_auth(server).await?;
    match caller.credential {
        Credential::Session { digest } => Ok(digest),
        Credential::Token { .. } | Credential::Basic => Err(ApiError::not_found()),
    }
}
