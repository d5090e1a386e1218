//! GET social/ and POST social/{id}/disconnect/

use super::Context;
use super::client;
use super::pagination::Page;
use crate::api::{content, params, policy, types};
use crate::domain::social;
use specbound::ApiError;
use specbound::{Call, NoBody, OptionalBody, Path, Query, Reply};

type Authenticated = policy::BasicOrCookieOrToken;
type Disconnect = OptionalBody<types::SocialConnect, content::JsonOrFormOrMultipart>;

pub async fn list(
    rqctx: Context,
    query: Query<params::AuthSocialListQuery>,
    call: Call<Authenticated, NoBody>,
) -> Result<Reply<200, types::PaginatedSocialAccountList>, ApiError> {
    let server = &rqctx.server.private;
    let (caller, ()) = call.admit(&rqctx).await?;
    let params::AuthSocialListQuery { limit, offset } = query.read()?;
    let page = Page::new(limit, offset);
    let (count, rows) =
        social::list(&server.app, caller.account.id, page.limit, page.offset).await?;
    let links = page.links(&server.settings, &rqctx.request, count);
    let results = rows.into_iter().map(|row| types::SocialAccount {
        id: row.id,
        provider: row.provider,
        uid: row.uid,
        last_login: row.last_login,
        date_joined: row.date_joined,
    });
    Ok(Reply::new(types::PaginatedSocialAccountList {
        count: Some(count),
        next: links.next,
        previous: links.previous,
        results: results.collect(),
    }))
}

/// Nothing of the body is needed, so none of it is read.
pub async fn disconnect(
    rqctx: Context,
    path: Path<params::AuthSocialDisconnectCreatePath>,
    call: Call<Authenticated, Disconnect>,
) -> Result<Reply<200, types::SocialConnect>, ApiError> {
    let caller = call.admit_unread(&rqctx)?;
    caller.require_recent_auth(&rqctx.server.private).await?;
    let op = client::operation(&rqctx, &caller);
    let params::AuthSocialDisconnectCreatePath { id } = path.read()?;
    social::disconnect(&op, &caller.account, id).await?;
    Ok(Reply::new(types::SocialConnect { access_token: None, code: None, id_token: None }))
}
