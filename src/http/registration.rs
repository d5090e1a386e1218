//! POST registration/, resend-email/ and verify-email/

use super::Context;
use super::{AppState, origin};
use crate::api::{content, policy, types};
use crate::domain::client::Client;
use crate::domain::passwords::Password;
use crate::domain::{ValidationErrors, accounts, email_addresses, registration};
use specbound::ApiError;
use specbound::{Body, Call, Input, OptionalBody, Reply, Rules};

type Anyone = policy::BasicOrCookieOrTokenOrAnonymous;
type Register = Body<types::Register, content::JsonOrFormOrMultipart>;
type Resend = OptionalBody<types::ResendEmailVerification, content::JsonOrFormOrMultipart>;
type Verify = Body<types::VerifyEmail, content::JsonOrFormOrMultipart>;

pub async fn create(
    rqctx: Context,
    call: Call<Anyone, Register>,
) -> Result<Reply<201, types::Token>, ApiError> {
    let server = &rqctx.server.private;
    let client = super::client::of(&server.settings, &rqctx.request);
    let grant = origin::grant(server, rqctx.request.headers());
    let (_, input) = call.admit(&rqctx).await?;
    let accounts::Granted { token, session, device } =
        register(server, input, grant, client).await?;
    let token = types::Token { key: token.map(|key| key.expose().to_owned()) };
    Ok(Reply::new(token)
        .with_cookies(server.cookies().logged_in(session.as_ref(), device.as_ref())))
}

/// Also for the pages.
///
/// # Errors
///
/// 400 with every bad field, and the domain's.
pub async fn register(
    server: &AppState,
    input: Input<types::Register>,
    grant: accounts::Grant,
    client: Client,
) -> Result<accounts::Granted, ApiError> {
    let also_required: &[&str] = if server.app.rules.needs_email() { &["email"] } else { &[] };
    let checked = input.check(Rules { also_required, ..Rules::default() });
    let problems = registration::problems(
        &server.app,
        checked.text("username"),
        checked.text("email"),
        [checked.text("password1"), checked.text("password2")],
        &client,
    );
    let problems = problems.await?;
    let types::Register { username, email, password1, password2 } = checked.finish(problems)?;
    let registration = registration::Registration {
        username,
        email: email.unwrap_or_default(),
        password1: Password::new(password1),
        password2: Password::new(password2),
        grant,
        client,
    };
    Ok(registration::register(&server.app, registration).await?)
}

pub async fn resend_email(
    rqctx: Context,
    call: Call<Anyone, Resend>,
) -> Result<Reply<201, types::RestAuthDetail>, ApiError> {
    let server = &rqctx.server.private;
    let client = super::client::of(&server.settings, &rqctx.request);
    let (_, input) = call.admit(&rqctx).await?;
    // Optional in the document; without it, no email is sent.
    let checked = input.check(Rules { also_required: &["email"], ..Rules::default() });
    let types::ResendEmailVerification { email } = checked.finish(ValidationErrors::none())?;
    email_addresses::resend_confirmation(&server.app, &email.unwrap_or_default(), &client).await?;
    Ok(Reply::new(types::RestAuthDetail { detail: "ok".to_owned() }))
}

pub async fn verify_email(
    rqctx: Context,
    call: Call<Anyone, Verify>,
) -> Result<Reply<200, types::RestAuthDetail>, ApiError> {
    let server = &rqctx.server.private;
    let client = super::client::of(&server.settings, &rqctx.request);
    let (caller, input) = call.admit(&rqctx).await?;
    let types::VerifyEmail { key } = input.read()?;
    let caller = caller.map(|caller| caller.account.id);
    email_addresses::confirm(&server.app, &key, caller, &client).await?;
    Ok(Reply::new(types::RestAuthDetail { detail: "ok".to_owned() }))
}
