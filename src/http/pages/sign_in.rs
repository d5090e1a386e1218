//! Sign-in, registration and reauthentication for the pages: by a browser with its CSRF token
//! alone.
//!
//! Like the documented operations, except that they issue a session and no token, which no page
//! would show and no sign-out would revoke. JSON in the API's manner and its shape of errors.

use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use super::{Page, PageRequest, session_owner};
use crate::domain::accounts::{self, Grant};
use crate::domain::factors::passkey;
use crate::domain::factors::sign_in::{self, SignIn};
use crate::domain::passwords::Password;
use crate::domain::{ValidationErrors, factors, sessions};
use crate::http::caller;
use crate::http::login::{self, Credentials};
use crate::http::{AppState, client, registration};
use specbound::{ApiError, Response, json_response};
use specbound::{Host, Input};

pub fn pages() -> Vec<Box<dyn Page<AppState>>> {
    [Endpoint::Login, Endpoint::Register, Endpoint::Reauthenticate, Endpoint::Password]
        .map(|e| Box::new(e) as Box<dyn Page<AppState>>)
        .into()
}

#[derive(Clone, Copy)]
enum Endpoint {
    Login,
    Register,
    Reauthenticate,
    Password,
}

#[async_trait::async_trait]
impl Page<AppState> for Endpoint {
    fn path(&self) -> &'static str {
        match self {
            Endpoint::Login => "/platform/api/login/",
            Endpoint::Register => "/platform/api/register/",
            Endpoint::Reauthenticate => "/platform/api/reauthenticate/",
            Endpoint::Password => "/platform/api/password/",
        }
    }

    fn description(&self) -> &'static str {
        "Signing in at this server's own pages."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["application/json"]
    }

    fn methods(&self) -> &'static [&'static str] {
        match self {
            Endpoint::Login | Endpoint::Register | Endpoint::Password => &["POST"],
            Endpoint::Reauthenticate => &["GET", "POST"],
        }
    }

    fn security(&self) -> &'static [&'static [&'static str]] {
        match self {
            Endpoint::Login | Endpoint::Register => &[&[]],
            Endpoint::Reauthenticate | Endpoint::Password => &[&["cookieAuth"]],
        }
    }

    async fn respond(
        &self,
        server: &AppState,
        mut page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        let (status, granted) = match self {
            Endpoint::Password => return change_password(server, page_request).await,
            Endpoint::Reauthenticate => return reauthenticate(server, page_request).await,
            Endpoint::Login => {
                let op = client::page_operation(server, &page_request);
                caller::check_csrf(server, &page_request.request, &mut page_request.body).await?;
                let input = Input::new(page_request.body.fields().await?, AppState::FORMATS);
                let Credentials { username, password, .. } = login::credentials(input)?;
                let step = sign_in::sign_in(&op, &username, password);
                match step.await? {
                    SignIn::LoginCredentials(granted) => (StatusCode::OK, granted),
                    SignIn::CodeNeeded(pending) => {
                        let cookies = vec![server.cookies().pending(&pending)];
                        let body = json!({ "second_factor": true });
                        return Ok(with_cookies(StatusCode::OK, &body, cookies));
                    }
                }
            }
            Endpoint::Register => {
                let op = client::page_operation(server, &page_request);
                caller::check_csrf(server, &page_request.request, &mut page_request.body).await?;
                let input = Input::new(page_request.body.fields().await?, AppState::FORMATS);
                let granted = registration::register(&op, input, Grant::Session).await?;
                (StatusCode::CREATED, granted)
            }
        };
        let cookies = server.cookies().logged_in(granted.session.as_ref(), granted.device.as_ref());
        // A new account may have to confirm its address first.
        let body = match granted.session {
            Some(_) if granted.is_password_leaked => json!({ "leaked": true }),
            Some(_) => json!({}),
            None => json!({ "unconfirmed": true }),
        };
        Ok(with_cookies(status, &body, cookies))
    }
}

/// GET: whether the session's owner proved who they are lately, and can do so by a password, a
/// code or a passkey. POST: by this one.
async fn reauthenticate(
    server: &AppState,
    mut page_request: PageRequest,
) -> Result<Response, ApiError> {
    let (account, digest) = session_owner(&page_request)?;
    if page_request.request.method != Method::POST {
        let app = &server.app;
        let is_recent = sessions::is_recently_authenticated(app, &digest).await?;
        let overview = factors::overview(app, account.id).await?;
        let passkey = passkey::account_challenge(app, account.id).await?;
        let body = json!({
            "recent": is_recent,
            "password": accounts::has_password(&account),
            "code": !overview.factors.is_empty(),
            "passkey": passkey.as_ref().map(super::passkeys::options),
        });
        return Ok(with_cookies(StatusCode::OK, &body, Vec::new()));
    }
    let op = client::page_operation(server, &page_request);
    let fields = page_request.body.fields().await?;
    let sent = |name| fields.text(name).filter(|text| !text.is_empty());
    if sent("code").is_some() || sent("signature").is_some() {
        let proof = super::factors::proof(&fields)?;
        factors::reauthenticate(&op, &account, digest, &proof).await?;
    } else {
        let password = sent("password")
            .ok_or_else(|| ValidationErrors::of("password", "This field is required."))?;
        let password = Password::new(password);
        accounts::reauthenticate(&op, &account, digest, password).await?;
    }
    Ok(with_cookies(StatusCode::OK, &json!({}), Vec::new()))
}

/// Changes the password, or sets the first one of an account that has none. Here the current one is
/// always needed, also if INVENTREE_OLD_PASSWORD_REQUIRED is off for the API.
async fn change_password(
    server: &AppState,
    mut page_request: PageRequest,
) -> Result<Response, ApiError> {
    let op = client::page_operation(server, &page_request);
    let caller = page_request.caller.take().ok_or_else(ApiError::not_found)?;
    let account = &caller.account;
    let fields = page_request.body.fields().await?;
    let sent = |name| fields.text(name).filter(|text| !text.is_empty()).map(Password::new);
    let mut problems = ValidationErrors::none();
    let mut needed = |name: &'static str| {
        let found = sent(name);
        if found.is_none() {
            problems.add(name, vec!["This field is required.".to_owned()]);
        }
        found
    };
    let old = if accounts::has_password(account) { needed("old_password") } else { None };
    let (Some(first), Some(second), true) =
        (needed("new_password1"), needed("new_password2"), problems.is_empty())
    else {
        return Err(problems.into());
    };
    if old.is_none() {
        caller.require_recent_auth(server).await?;
    }
    let keep = None;
    let new = (first, second);
    let renewed = accounts::change_password(&op, account, old, new, keep, true).await?;
    let jar = server.cookies();
    let cookies = renewed
        .iter()
        .flat_map(|renewed| [jar.session(&renewed.session), jar.device(&renewed.device)]);
    Ok(with_cookies(StatusCode::OK, &json!({}), cookies.collect()))
}

fn with_cookies(status: StatusCode, body: &Value, cookies: Vec<HeaderValue>) -> Response {
    let mut response = json_response(status, body.to_string().into_bytes());
    for cookie in cookies {
        response.headers_mut().append(http::header::SET_COOKIE, cookie);
    }
    response
}
