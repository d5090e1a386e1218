//! POST registration/, resend-email/ and verify-email/

use http::header::CONTENT_LANGUAGE;

use super::Context;
use super::client;
use super::language;
use super::origin;
use crate::api::{content, policy, types};
use crate::domain::operation::Operation;
use crate::domain::passwords::Password;
use crate::domain::{ValidationErrors, accounts, email_addresses, registration};
use specbound::ApiError;
use specbound::{Body, Call, Input, OptionalBody, Reply, Rules};

type AnyCaller = policy::BasicOrCookieOrTokenOrAnonymous;
type Register = Body<types::Register, content::JsonOrFormOrMultipart>;
type Resend = OptionalBody<types::ResendEmailVerification, content::JsonOrFormOrMultipart>;
type Verify = Body<types::VerifyEmail, content::JsonOrFormOrMultipart>;

pub async fn create(
    rqctx: Context,
    call: Call<AnyCaller, Register>,
) -> Result<Reply<201, types::Token>, ApiError> {
    let server = &rqctx.server.private;
    let grant = origin::grant(server, rqctx.request.headers());
    let (caller, input) = call.admit(&rqctx).await?;
    let op = client::operation(&rqctx, caller.as_ref());
    let accounts::LoginCredentials { token, session, device, .. } =
        register(&op, input, grant).await?;
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
    op: &Operation,
    input: Input<types::Register>,
    grant: accounts::Grant,
) -> Result<accounts::LoginCredentials, ApiError> {
    let also_required: &[&str] = if op.rules.needs_email() { &["email"] } else { &[] };
    let untrimmed: &[&str] = &["password1", "password2"];
    let checked = input.check(Rules { also_required, untrimmed, ..Rules::default() });
    let problems = registration::problems(
        op,
        checked.text("username"),
        checked.text("email"),
        [checked.text("password1"), checked.text("password2")],
    );
    let problems = problems.await?;
    let types::Register { username, email, password1, password2 } = checked.finish(problems)?;
    let registration = registration::Registration {
        username,
        email: email.unwrap_or_default(),
        password1: Password::new(password1),
        password2: Password::new(password2),
        grant,
    };
    Ok(registration::register(op, registration).await?)
}

pub async fn resend_email(
    rqctx: Context,
    call: Call<AnyCaller, Resend>,
) -> Result<Reply<201, types::RestAuthDetail>, ApiError> {
    let (caller, input) = call.admit(&rqctx).await?;
    let op = client::operation(&rqctx, caller.as_ref());
    // Optional in the document; without it, no email is sent.
    let checked = input.check(Rules { also_required: &["email"], ..Rules::default() });
    let types::ResendEmailVerification { email } = checked.finish(ValidationErrors::none())?;
    email_addresses::resend_confirmation(&op, &email.unwrap_or_default()).await?;
    Ok(ok(&rqctx))
}

pub async fn verify_email(
    rqctx: Context,
    call: Call<AnyCaller, Verify>,
) -> Result<Reply<200, types::RestAuthDetail>, ApiError> {
    let (caller, input) = call.admit(&rqctx).await?;
    let op = client::operation(&rqctx, caller.as_ref());
    let types::VerifyEmail { key } = input.read()?;
    email_addresses::confirm(&op, &key).await?;
    Ok(ok(&rqctx))
}

fn ok<const STATUS: u16>(rqctx: &Context) -> Reply<STATUS, types::RestAuthDetail> {
    let (detail, tag) = language::success(rqctx, "ok");
    Reply::new(types::RestAuthDetail { detail }).with_header(CONTENT_LANGUAGE, tag)
}
