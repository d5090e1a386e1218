//! POST login/

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use serde_json::json;

use super::error::ApiError;
use super::typed::{Body, Call, Context, Reply, Rules, Undescribed};
use crate::api::{content, policy, types};
use crate::domain::passwords::Password;
use crate::domain::{Problems, Refusal, accounts};

type Request = Call<policy::BasicOrAnonymous, Body<types::Login, content::JsonOrFormOrMultipart>>;

pub async fn create(rqctx: Context, call: Request) -> Result<Reply<200, Undescribed>, ApiError> {
    let server = &rqctx.server.private;
    let client = super::client::of(&server.settings, &rqctx.request);
    let (_, input) = call.admit(&rqctx).await?;
    let checked = input.check(Rules { blank_allowed: &["email", "username"], ..Rules::default() });
    let asks_for_mfa = checked.raw().is_truthy("mfa");
    // The address is looked at for its form alone: it is no login name.
    let types::Login { email: _, username, password } = checked.finish(Problems::none())?;
    let username = username.unwrap_or_default();
    if username.is_empty() {
        return Err(Problems::general("Must include \"username\" and \"password\".").into());
    }
    match accounts::log_in(&server.domain, &username, Password::new(password), &client).await {
        Ok(made) => {
            let key = Undescribed::new(json!({ "key": made.token.expose() }));
            Ok(Reply::new(key).with_cookies(server.cookies().logged_in(&made.session, &made.device)))
        }
        Err(Refusal::Invalid(_)) if asks_for_mfa => Err(mfa_refusal(&rqctx)),
        Err(refusal) => Err(refusal.into()),
    }
}

/// With the undocumented field `mfa`, the reference answers bad credentials with 401 and an empty page. Its clients of
/// then get that; whoever names JSON in Accept gets JSON.
fn mfa_refusal(rqctx: &Context) -> ApiError {
    let accept = rqctx.request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("application/json") {
        return ApiError::unauthorized("Unable to log in with provided credentials.", "Basic realm=\"api\"");
    }
    ApiError::empty(StatusCode::UNAUTHORIZED)
        .with_header(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))
}
