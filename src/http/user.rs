//! GET, PUT and PATCH user/

use super::Context;
use super::client;
use super::signed_in::SignedIn;
use crate::api::{content, policy, types};
use crate::domain::{ValidationErrors, accounts, usernames};
use crate::store::Account;
use specbound::ApiError;
use specbound::{Body, Call, Checked, HasConstraints, NoBody, OptionalBody, Reply, Rules};

type Authenticated = policy::BasicOrCookieOrToken;
type Put = Body<types::UserDetailsRequest, content::JsonOrFormOrMultipart>;
type Patch = OptionalBody<types::PatchedUserDetailsRequest, content::JsonOrFormOrMultipart>;
type Record = Reply<200, types::UserDetails>;

const RULES: Rules<'_> = Rules {
    partial: false,
    also_required: &[],
    blank_allowed: &["first_name", "last_name"],
    untrimmed: &[],
    row_ids: &[],
};
/// A name may stay as it is, but never become empty: a form's `username=` is a blank name, not one
/// left out.
const PATCH_RULES: Rules<'_> = Rules { partial: true, also_required: &["username"], ..RULES };

pub async fn retrieve(
    rqctx: Context,
    call: Call<Authenticated, NoBody>,
) -> Result<Record, ApiError> {
    let (caller, ()) = call.admit(&rqctx).await?;
    Ok(record(caller.account))
}

pub async fn update(rqctx: Context, call: Call<Authenticated, Put>) -> Result<Record, ApiError> {
    let (caller, input) = call.admit(&rqctx).await?;
    let checked = input.check(RULES);
    let problems = username_problems(&rqctx, &caller, &checked).await?;
    let types::UserDetailsRequest { username, first_name, last_name } = checked.finish(problems)?;
    save(&rqctx, caller, Some(username), first_name, last_name).await
}

pub async fn partial_update(
    rqctx: Context,
    call: Call<Authenticated, Patch>,
) -> Result<Record, ApiError> {
    let (caller, input) = call.admit(&rqctx).await?;
    let checked = input.check(PATCH_RULES);
    let problems = username_problems(&rqctx, &caller, &checked).await?;
    let types::PatchedUserDetailsRequest { username, first_name, last_name } =
        checked.finish(problems)?;
    save(&rqctx, caller, username, first_name, last_name).await
}

async fn username_problems<T: HasConstraints + serde::de::DeserializeOwned>(
    rqctx: &Context,
    caller: &SignedIn,
    checked: &Checked<T>,
) -> Result<ValidationErrors, ApiError> {
    let mut problems = ValidationErrors::none();
    if let Some(username) = checked.text("username") {
        let op = client::operation(rqctx, caller);
        let found = usernames::new_username_problems(&op, username, &caller.account);
        problems.add("username", found.await?);
    }
    Ok(problems)
}

async fn save(
    rqctx: &Context,
    caller: SignedIn,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
) -> Result<Record, ApiError> {
    let op = client::operation(rqctx, &caller);
    let saved = accounts::update(&op, &caller.account, username, first_name, last_name);
    Ok(record(saved.await?))
}

fn record(account: Account) -> Record {
    Reply::new(types::UserDetails {
        pk: account.id,
        username: account.username,
        email: account.email,
        first_name: Some(account.first_name),
        last_name: Some(account.last_name),
    })
}
