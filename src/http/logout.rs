//! GET and POST logout/

use http::Method;
use serde_json::json;

use super::caller::{self, Credential, Visitor};
use super::cookies::{self, SESSION_COOKIE};
use super::error::ApiError;
use super::typed::{Call, Context, NoBody, Reply, Undescribed};
use crate::api::policy;
use crate::domain::keys::digest;
use crate::domain::{sessions, tokens};

type Request = Call<policy::BasicOrCookieOrTokenOrAnonymous, NoBody>;

pub async fn create(rqctx: Context, call: Request) -> Result<Reply<200, Undescribed>, ApiError> {
    let visitor = call.admit_unread(&rqctx).await?;
    end(&rqctx, visitor).await
}

/// A link on another site can make a browser send this with its session cookie: that ends nothing. A token in the
/// header was put there on purpose. HEAD is for looking only.
pub async fn retrieve(rqctx: Context, call: Request) -> Result<Reply<200, Undescribed>, ApiError> {
    let visitor = call.admit_unread(&rqctx).await?;
    let by_token = visitor.signed_in.as_ref().is_some_and(|s| matches!(s.credential, Credential::Token { .. }));
    let cross_site = caller::is_cross_site(&rqctx.server.private, rqctx.request.headers());
    if rqctx.request.method() == Method::HEAD || (cross_site && !by_token) {
        return Ok(logged_out());
    }
    end(&rqctx, visitor).await
}

async fn end(rqctx: &Context, visitor: Visitor) -> Result<Reply<200, Undescribed>, ApiError> {
    let server = &rqctx.server.private;
    let sent = cookies::find(rqctx.request.headers(), SESSION_COOKIE);
    let client = super::client::of(&server.settings, &rqctx.request);
    match visitor.signed_in.map(|signed_in| (signed_in.account.id, signed_in.credential)) {
        Some((account, Credential::Token { id })) => {
            tokens::log_out(&server.domain, account, id, &client).await?;
            if let Some(session) = sent {
                sessions::log_out(&server.domain, digest(session), &client).await?;
            }
        }
        Some((_, Credential::Session { digest })) => sessions::log_out(&server.domain, digest, &client).await?,
        // A password given with each request opens nothing that could be closed.
        Some((_, Credential::Basic)) => return Ok(logged_out()),
        None => {}
    }
    Ok(logged_out().with_cookies(sent.map(|_| server.cookies().clear_session())))
}

fn logged_out() -> Reply<200, Undescribed> {
    Reply::new(Undescribed::new(json!({ "detail": "Successfully logged out." })))
}
