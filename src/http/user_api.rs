//! The calls outside of `/api/auth/` that InvenTree's own clients make first: server information,
//! the caller, roles, tokens.
//!
//! They have a document of their own, `spec/inventree-user-v291.yaml`, transcribed from InvenTree's
//! full API. This server has no roles; behind a reverse proxy, InvenTree serves its own.

use std::sync::Arc;

use chrono::NaiveDate;
use http::{Method, StatusCode};
use serde_json::json;
use specbound::{ApiError, Call, NoBody, Outcome, Query, Reply, UntypedJson};

use super::pagination::Page;
use super::signed_in::{Credential, SignedIn};
use super::{AppState, Context, Implementation, client, origin};
use crate::api::user::{UserApi, params, policy, types};
use crate::domain::tokens::{self, State};
use crate::store::Token;

type Authenticated = Call<policy::BasicOrCookieOrToken, NoBody>;

/// The version of the document, as clients parse it.
const API_VERSION: i64 = 291;

impl UserApi for Implementation {
    type Context = Arc<AppState>;

    async fn root_retrieve(
        rqctx: Context,
        call: Call<policy::BasicOrCookieOrTokenOrAnonymous, NoBody>,
    ) -> Outcome<200, types::InfoApi> {
        Ok(info(rqctx, call).await.unwrap_or_else(Reply::failed))
    }

    async fn user_me_retrieve(rqctx: Context, call: Authenticated) -> Outcome<200, types::MeUser> {
        Ok(me(rqctx, call).await.unwrap_or_else(Reply::failed))
    }

    async fn user_roles_retrieve(rqctx: Context, call: Authenticated) -> Outcome<200, types::Role> {
        Ok(roles(rqctx, call).await.unwrap_or_else(Reply::failed))
    }

    async fn user_token_retrieve(rqctx: Context, call: Authenticated) -> Outcome<200, UntypedJson> {
        Ok(issue(rqctx, call).await.unwrap_or_else(Reply::failed))
    }

    async fn user_tokens_list(
        rqctx: Context,
        query: Query<params::UserTokensListQuery>,
        call: Authenticated,
    ) -> Outcome<200, types::PaginatedApiTokenList> {
        Ok(list(rqctx, query, call).await.unwrap_or_else(Reply::failed))
    }
}

/// Clients refuse a server of another name. Details of the machine are left blank, as InvenTree
/// does for unauthenticated requests.
async fn info(
    rqctx: Context,
    call: Call<policy::BasicOrCookieOrTokenOrAnonymous, NoBody>,
) -> Result<Reply<200, types::InfoApi>, ApiError> {
    call.admit(&rqctx).await?;
    Ok(Reply::new(types::InfoApi {
        server: "InvenTree".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance: "inventree-auth".to_owned(),
        api_version: API_VERSION,
        worker_running: false,
        worker_count: 0,
        worker_pending_tasks: 0,
        plugins_enabled: false,
        plugins_install_disabled: true,
        active_plugins: json!([]),
        email_configured: rqctx.server.private.settings.email_configured,
        debug_mode: false,
        docker_mode: false,
        default_locale: types::DefaultLocaleEnum::En,
        system_health: true,
        database: String::new(),
        platform: String::new(),
        installer: String::new(),
        target: String::new(),
        django_admin: String::new(),
    }))
}

async fn me(rqctx: Context, call: Authenticated) -> Result<Reply<200, types::MeUser>, ApiError> {
    let (SignedIn { account, .. }, ()) = call.admit(&rqctx).await?;
    let store = &rqctx.server.private.app.store;
    let groups = store.read(|r| r.group_rows_of(account.id)).await?;
    Ok(Reply::new(types::MeUser {
        pk: account.id,
        username: account.username,
        first_name: account.first_name,
        last_name: account.last_name,
        email: account.email,
        groups: groups.into_iter().map(|(pk, name)| types::Group { pk, name }).collect(),
        is_staff: account.is_superuser,
        is_superuser: account.is_superuser,
        is_active: account.is_active,
    }))
}

async fn roles(rqctx: Context, call: Authenticated) -> Result<Reply<200, types::Role>, ApiError> {
    let (SignedIn { account, .. }, ()) = call.admit(&rqctx).await?;
    Ok(Reply::new(types::Role {
        user: account.id,
        username: account.username,
        roles: Default::default(),
        permissions: Default::default(),
        is_staff: Some(account.is_superuser),
        is_superuser: Some(account.is_superuser),
    }))
}

/// A GET that creates a token. A session is accepted only if the browser states that no other site
/// made the request. A token cannot create another one, which would outlive its revocation. HEAD
/// returns no key, so it neither creates nor replaces a token.
async fn issue(rqctx: Context, call: Authenticated) -> Result<Reply<200, UntypedJson>, ApiError> {
    let server = &rqctx.server.private;
    let (caller, ()) = call.admit(&rqctx).await?;
    match caller.credential {
        Credential::Basic => {}
        Credential::Token { .. } => {
            let detail = "A token makes no other token. Use your password.";
            return Err(ApiError::detail(StatusCode::FORBIDDEN, detail));
        }
        Credential::Session { .. } => {
            if !origin::may_end_session(server, rqctx.request.headers()) {
                return Err(ApiError::forbidden("CSRF Failed: the request is another site's."));
            }
            caller.require_recent_auth(server).await?;
        }
    }
    if rqctx.request.method() == Method::HEAD {
        return Ok(Reply::new(UntypedJson::new(json!({}))));
    }
    let query = rqctx.request.uri().query().unwrap_or_default();
    let name = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "name");
    let name = name.map(|(_, name)| name.into_owned()).unwrap_or_default();
    let op = client::operation(&rqctx, &caller);
    let issued = tokens::issue(&op, &caller.account, &name).await?;
    Ok(Reply::new(UntypedJson::new(json!({
        "token": issued.key.expose(),
        "name": issued.name,
        "expiry": issued.expiry.to_string(),
    }))))
}

async fn list(
    rqctx: Context,
    query: Query<params::UserTokensListQuery>,
    call: Authenticated,
) -> Result<Reply<200, types::PaginatedApiTokenList>, ApiError> {
    let server = &rqctx.server.private;
    let (caller, ()) = call.admit(&rqctx).await?;
    let params::UserTokensListQuery { limit, offset } = query.read()?;
    let all = tokens::list(&server.app, caller.account.id).await?;
    let today = server.app.now().date_naive();
    let count = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let page = Page::new(limit, offset);
    let links = page.links(&server.settings, &rqctx.request, count);
    let rows = page.of(all).into_iter().map(|token| row(token, caller.credential, today));
    Ok(Reply::new(types::PaginatedApiTokenList {
        count: Some(count),
        next: links.next,
        previous: links.previous,
        results: rows.collect(),
    }))
}

/// Without the key, of which only a digest is stored.
fn row(token: Token, by: Credential, today: NaiveDate) -> types::ApiToken {
    types::ApiToken {
        active: (tokens::state(&token, today) == State::Live).to_string(),
        created: token.created,
        expiry: Some(token.expiry),
        in_use: by == Credential::Token { id: token.id },
        id: token.id,
        last_seen: token.last_seen,
        name: Some(token.name),
        revoked: Some(token.revoked),
        token: "inv-********".to_owned(),
        user: token.account_id,
    }
}
