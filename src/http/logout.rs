//! GET and POST logout/

use http::Method;
use http::header::CONTENT_LANGUAGE;
use serde_json::json;

use super::Context;
use super::client;
use super::language;
use super::signed_in::{Credential, SignedIn};
use super::{cookies, origin};
use crate::api::policy;
use crate::domain::keys::digest;
use crate::domain::{sessions, tokens};
use specbound::ApiError;
use specbound::{Call, NoBody, Reply, UntypedJson};

type Request = Call<policy::BasicOrCookieOrTokenOrAnonymous, NoBody>;

pub async fn create(rqctx: Context, call: Request) -> Result<Reply<200, UntypedJson>, ApiError> {
    let caller = call.admit_unread(&rqctx)?;
    end(&rqctx, caller).await
}

/// A link on another site makes a browser send this with its session cookie: a session ends only
/// where the browser's own marks rule that out ([`origin::may_end_session`]). A token in the header
/// was put there on purpose. HEAD ends nothing.
pub async fn retrieve(rqctx: Context, call: Request) -> Result<Reply<200, UntypedJson>, ApiError> {
    let caller = call.admit_unread(&rqctx)?;
    let by_token =
        caller.as_ref().is_some_and(|s| matches!(s.credential, Credential::Token { .. }));
    let may_end =
        by_token || origin::may_end_session(&rqctx.server.private, rqctx.request.headers());
    if rqctx.request.method() == Method::HEAD || !may_end {
        return Ok(logged_out(&rqctx));
    }
    end(&rqctx, caller).await
}

async fn end(
    rqctx: &Context,
    caller: Option<SignedIn>,
) -> Result<Reply<200, UntypedJson>, ApiError> {
    let server = &rqctx.server.private;
    // All that the browser sent: it would be signed in by the next one otherwise.
    let sent: Vec<_> =
        cookies::sessions(rqctx.request.headers(), &server.settings.http.session_cookie)
            .map(digest)
            .collect();
    let op = client::operation(rqctx, caller.as_ref());
    match caller.map(|signed_in| (signed_in.account.id, signed_in.credential)) {
        Some((account, Credential::Token { id })) => {
            tokens::log_out(&op, account, id).await?;
            sessions::log_out(&op, sent.clone()).await?;
        }
        Some((_, Credential::Session { .. })) => sessions::log_out(&op, sent.clone()).await?,
        // A password given with each request opens nothing that could be closed.
        Some((_, Credential::Basic)) => return Ok(logged_out(rqctx)),
        None => {}
    }
    Ok(logged_out(rqctx).with_cookies((!sent.is_empty()).then(|| server.cookies().clear_session())))
}

fn logged_out(rqctx: &Context) -> Reply<200, UntypedJson> {
    let (detail, tag) = language::success(rqctx, "Successfully logged out.");
    Reply::new(UntypedJson::new(json!({ "detail": detail }))).with_header(CONTENT_LANGUAGE, tag)
}
