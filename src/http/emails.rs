//! GET and POST emails/, POST emails/{id}/verify/, primary/ and remove/

use super::Context;
use super::client;
use super::pagination::Page;
use crate::api::{content, params, policy, types};
use crate::domain::ValidationErrors;
use crate::domain::email_addresses::{self, Removal};
use crate::store::EmailAddress;
use specbound::ApiError;
use specbound::{Body, Call, NoBody, Path, Query, Reply, Rules};

type Authenticated = policy::BasicOrCookieOrToken;
type Add = Body<types::EmailAddressRequest, content::JsonOrFormOrMultipart>;

pub async fn list(
    rqctx: Context,
    query: Query<params::AuthEmailsListQuery>,
    call: Call<Authenticated, NoBody>,
) -> Result<Reply<200, types::PaginatedEmailAddressList>, ApiError> {
    let server = &rqctx.server.private;
    let (caller, ()) = call.admit(&rqctx).await?;
    let params::AuthEmailsListQuery { limit, offset } = query.read()?;
    let page = Page::new(limit, offset);
    let (count, rows) =
        email_addresses::list(&server.app, caller.account.id, page.limit, page.offset).await?;
    let links = page.at_most(email_addresses::MAX_LISTED, count).links(
        &server.settings,
        &rqctx.request,
        count,
    );
    Ok(Reply::new(types::PaginatedEmailAddressList {
        count: Some(count),
        next: links.next,
        previous: links.previous,
        results: rows.into_iter().map(row).collect(),
    }))
}

/// The server sets `verified` and `primary`; `user` must be the caller.
pub async fn create(
    rqctx: Context,
    call: Call<Authenticated, Add>,
) -> Result<Reply<201, types::EmailAddress>, ApiError> {
    let server = &rqctx.server.private;
    let (caller, input) = call.admit(&rqctx).await?;
    let op = client::operation(&rqctx, &caller);
    caller.require_recent_auth(server).await?;
    let checked = input.sanitized()?.check(Rules { row_ids: &["user"], ..Rules::default() });
    let mut problems = ValidationErrors::none();
    if let Some(user) = checked.number("user").filter(|user| *user != caller.account.id) {
        problems.add("user", vec![format!("Invalid pk \"{user}\" - object does not exist.")]);
    }
    let types::EmailAddressRequest { email, primary: _, user: _, verified: _ } =
        checked.finish(problems)?;
    let added = email_addresses::add(&op, caller.account.id, &email).await?;
    Ok(Reply::new(row(added)))
}

pub async fn verify(
    rqctx: Context,
    path: Path<params::AuthEmailsVerifyCreatePath>,
    call: Call<Authenticated, NoBody>,
) -> Result<Reply<200, types::EmailAddress>, ApiError> {
    let caller = call.admit_unread(&rqctx)?;
    let op = client::operation(&rqctx, &caller);
    let params::AuthEmailsVerifyCreatePath { id } = path.read()?;
    Ok(Reply::new(row(email_addresses::send_confirmation(&op, &caller.account, id).await?)))
}

pub async fn primary(
    rqctx: Context,
    path: Path<params::AuthEmailsPrimaryCreatePath>,
    call: Call<Authenticated, NoBody>,
) -> Result<Reply<200, types::EmailAddress>, ApiError> {
    let caller = call.admit_unread(&rqctx)?;
    caller.require_recent_auth(&rqctx.server.private).await?;
    let op = client::operation(&rqctx, &caller);
    let params::AuthEmailsPrimaryCreatePath { id } = path.read()?;
    Ok(Reply::new(row(email_addresses::set_primary(&op, &caller.account, id).await?)))
}

pub async fn remove(
    rqctx: Context,
    path: Path<params::AuthEmailsRemoveCreatePath>,
    call: Call<Authenticated, NoBody>,
) -> Result<Reply<200, types::EmailAddress>, ApiError> {
    let caller = call.admit_unread(&rqctx)?;
    caller.require_recent_auth(&rqctx.server.private).await?;
    let op = client::operation(&rqctx, &caller);
    let params::AuthEmailsRemoveCreatePath { id } = path.read()?;
    Ok(Reply::new(row(email_addresses::remove(&op, &caller.account, id, Removal::Any).await?)))
}

fn row(row: EmailAddress) -> types::EmailAddress {
    types::EmailAddress {
        id: row.id,
        email: row.email,
        verified: Some(row.verified),
        primary: Some(row.primary),
        user: row.account_id,
    }
}
