//! GET providers/

use super::AppState;
use super::Context;
use super::pages::social;
use super::pagination::Page;
use crate::api::{params, policy, types};
use crate::providers::Provider;
use specbound::ApiError;
use specbound::{Call, NoBody, Query, Reply};

type List = Reply<200, types::PaginatedSocialProviderListResponseList>;

/// The document makes it a list, of which there is one.
pub async fn list(
    rqctx: Context,
    query: Query<params::AuthProvidersListQuery>,
    call: Call<policy::BasicOrCookieOrTokenOrAnonymous, NoBody>,
) -> Result<List, ApiError> {
    let server = &rqctx.server.private;
    call.admit(&rqctx).await?;
    let params::AuthProvidersListQuery { limit, offset } = query.read()?;
    let rules = &server.app.rules;
    let response = types::SocialProviderListResponse {
        sso_enabled: rules.sso_enabled,
        sso_registration: rules.sso_registration,
        mfa_required: rules.mfa_enforced,
        providers: server
            .app
            .providers
            .all()
            .iter()
            .map(|provider| shown(server, provider))
            .collect(),
        registration_enabled: rules.registration_enabled,
        password_forgotten_enabled: rules.password_forgotten_enabled,
    };
    let page = Page::new(limit, offset);
    let links = page.links(&server.settings, &rqctx.request, 1);
    Ok(Reply::new(types::PaginatedSocialProviderListResponseList {
        count: Some(1),
        next: links.next,
        previous: links.previous,
        results: page.of(vec![response]),
    }))
}

/// The document requires both URLs for each provider, even where `configured` or `sso_enabled` say
/// that they lead nowhere.
fn shown(server: &AppState, provider: &Provider) -> types::SocialProvider {
    let [login, connect] = social::login_and_connect_paths(&provider.id)
        .map(|path| format!("{}{path}", server.settings.site_url));
    types::SocialProvider {
        id: provider.id.clone(),
        name: provider.name.clone(),
        configured: provider.is_configured(),
        login,
        connect,
        display_name: provider.name.clone(),
    }
}
