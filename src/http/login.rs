//! POST login/

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION, SET_COOKIE};
use serde_json::json;

use super::Context;
use super::client;
use super::origin;
use crate::api::{content, policy, types};
use crate::domain::accounts::{self, Grant, LoginCredentials};
use crate::domain::factors::sign_in::{self, SignIn};
use crate::domain::passwords::Password;
use crate::domain::tokens::TokenKey;
use crate::domain::{DomainError, ValidationErrors};
use specbound::ApiError;
use specbound::headers;
use specbound::{Body, Call, Input, Reply, Rules, UntypedJson};

type Request = Call<policy::BasicOrAnonymous, Body<types::Login, content::JsonOrFormOrMultipart>>;

/// Input of a login.
pub struct Credentials {
    pub username: String,
    pub password: Password,
    /// The undocumented field `mfa` was sent.
    asks_for_mfa: bool,
}

pub async fn create(rqctx: Context, call: Request) -> Result<Reply<200, UntypedJson>, ApiError> {
    let server = &rqctx.server.private;
    let grant = origin::grant(server, rqctx.request.headers());
    let (caller, input) = call.admit(&rqctx).await?;
    let op = client::operation(&rqctx, caller.as_ref());
    let Credentials { username, password, asks_for_mfa } = credentials(input)?;
    let is_browser = asks_for_mfa && grant != Grant::Token && !names_json(&rqctx);
    let step = match is_browser {
        true => sign_in::log_in(&op, &username, password, grant).await,
        false => {
            accounts::log_in(&op, &username, password, grant).await.map(SignIn::LoginCredentials)
        }
    };
    match step {
        Ok(SignIn::CodeNeeded(pending)) => Err(ApiError::empty(StatusCode::FOUND)
            .with_header(LOCATION, HeaderValue::from_static("/accounts/authenticate/"))
            .with_header(SET_COOKIE, server.cookies().pending(&pending))),
        Ok(SignIn::LoginCredentials(LoginCredentials { token, session, device, .. })) => {
            let key = UntypedJson::new(json!({ "key": token.as_ref().map(TokenKey::expose) }));
            Ok(Reply::new(key)
                .with_cookies(server.cookies().logged_in(session.as_ref(), device.as_ref())))
        }
        Err(DomainError::Invalid(_)) if asks_for_mfa => Err(mfa_refusal(&rqctx)),
        Err(refusal) => Err(refusal.into()),
    }
}

/// # Errors
///
/// 400 for a body without them.
pub fn credentials(input: Input<types::Login>) -> Result<Credentials, ApiError> {
    let checked = input.check(Rules {
        blank_allowed: &["email", "username"],
        untrimmed: &["password"],
        ..Rules::default()
    });
    let asks_for_mfa = checked.raw().is_truthy("mfa");
    // The address is looked at for its form alone: it is no login name.
    let types::Login { email: _, username, password } = checked.finish(ValidationErrors::none())?;
    let username = username.unwrap_or_default();
    if username.is_empty() {
        return Err(ValidationErrors::general("Must include \"username\" and \"password\".").into());
    }
    Ok(Credentials { username, password: Password::new(password), asks_for_mfa })
}

/// Whether the client names JSON in `Accept`: with the undocumented field `mfa`, another one is
/// taken for a browser that follows to the page of the second step.
fn names_json(rqctx: &Context) -> bool {
    let mut accepted = headers::text_elements(rqctx.request.headers(), ACCEPT);
    accepted.any(|range| range.contains("application/json"))
}

/// With the undocumented field `mfa`, the reference refuses bad credentials with 401 and an empty
/// page. Clients of that API get it too; a client that names JSON in `Accept` gets JSON.
fn mfa_refusal(rqctx: &Context) -> ApiError {
    if names_json(rqctx) {
        return ApiError::unauthorized(
            "Unable to log in with provided credentials.",
            "Basic realm=\"api\"",
        );
    }
    ApiError::empty(StatusCode::UNAUTHORIZED)
        .with_header(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
}
