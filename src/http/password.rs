//! POST password/change/, password/reset/ and password/reset/confirm/

use http::header::CONTENT_LANGUAGE;

use super::Context;
use super::client;
use super::language;
use super::signed_in::Credential;
use crate::api::{content, policy, types};
use crate::domain::passwords::Password;
use crate::domain::{ValidationErrors, accounts, resets};
use specbound::ApiError;
use specbound::body::FieldValue;
use specbound::{Body, Call, Reply, Rules};

type AnyCaller = policy::BasicOrCookieOrTokenOrAnonymous;
type Authenticated = policy::BasicOrCookieOrToken;
type Sent<T> = Body<T, content::JsonOrFormOrMultipart>;
type Detail = Reply<200, types::RestAuthDetail>;

const PASSWORDS: &[&str] = &["new_password1", "new_password2"];

pub async fn change(
    rqctx: Context,
    call: Call<Authenticated, Sent<types::PasswordChange>>,
) -> Result<Detail, ApiError> {
    let server = &rqctx.server.private;
    let (caller, input) = call.admit(&rqctx).await?;
    let op = client::operation(&rqctx, &caller);
    let checked = input.check(Rules { untrimmed: PASSWORDS, ..Rules::default() });
    let old = match checked.raw().get("old_password") {
        None | Some(FieldValue::Null) => None,
        // A value of another type is not a password.
        Some(_) => Some(checked.raw().text("old_password").unwrap_or_default()),
    };
    let old = old.map(Password::new);
    if old.is_none() {
        // A password that is sent is a proof itself.
        caller.require_recent_auth(server).await?;
    }
    let types::PasswordChange { new_password1, new_password2 } =
        checked.finish(ValidationErrors::none())?;
    let new = (Password::new(new_password1), Password::new(new_password2));
    let (keep, new_session) = match caller.credential {
        Credential::Token { id } => (Some(id), false),
        Credential::Basic => (None, false),
        Credential::Session { .. } => (None, true),
    };
    let renewed =
        accounts::change_password(&op, &caller.account, old, new, keep, new_session).await?;
    let jar = server.cookies();
    let cookies = renewed
        .iter()
        .flat_map(|renewed| [jar.session(&renewed.session), jar.device(&renewed.device)]);
    let cookies = cookies.collect::<Vec<_>>();
    Ok(detail(&rqctx, "New password has been saved.").with_cookies(cookies))
}

pub async fn reset(
    rqctx: Context,
    call: Call<AnyCaller, Sent<types::PasswordReset>>,
) -> Result<Detail, ApiError> {
    let (caller, input) = call.admit(&rqctx).await?;
    let op = client::operation(&rqctx, caller.as_ref());
    let types::PasswordReset { email } = input.read()?;
    resets::ask_for_reset(&op, &email, "").await?;
    Ok(detail(&rqctx, "Password reset e-mail has been sent."))
}

pub async fn reset_confirm(
    rqctx: Context,
    call: Call<AnyCaller, Sent<types::PasswordResetConfirm>>,
) -> Result<Detail, ApiError> {
    let server = &rqctx.server.private;
    let (caller, input) = call.admit(&rqctx).await?;
    let op = client::operation(&rqctx, caller.as_ref());
    let checked = input.check(Rules { untrimmed: PASSWORDS, ..Rules::default() });
    let types::PasswordResetConfirm { new_password1, new_password2, token, uid } =
        checked.finish(ValidationErrors::none())?;
    let new = (Password::new(new_password1), Password::new(new_password2));
    let device = resets::confirm_reset(&op, &uid, &token, new).await?;
    let cookies = server.cookies().logged_in(None, Some(&device));
    Ok(detail(&rqctx, "Password has been reset with the new password.").with_cookies(cookies))
}

fn detail(rqctx: &Context, english: &str) -> Detail {
    let (detail, tag) = language::success(rqctx, english);
    Reply::new(types::RestAuthDetail { detail }).with_header(CONTENT_LANGUAGE, tag)
}
