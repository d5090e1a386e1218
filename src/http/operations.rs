//! The one implementation of the generated trait: a table of operations, each with the file that
//! answers it.

use std::sync::Arc;

use super::Context;
use super::{AppState, emails, login, logout, password, providers, registration, social, user};
use crate::api::{AuthApi, content, params, policy, types};
use specbound::ApiError;
use specbound::{Body, Call, NoBody, OptionalBody, Outcome, Path, Query, Reply, UntypedJson};

/// The type that carries the implementation. It has no values: dropshot needs the type alone.
pub enum Implementation {}

type AnyCaller = policy::BasicOrCookieOrTokenOrAnonymous;
type Authenticated = policy::BasicOrCookieOrToken;
type Form<T> = Body<T, content::JsonOrFormOrMultipart>;
type OptionalForm<T> = OptionalBody<T, content::JsonOrFormOrMultipart>;

/// A failure is an answer too.
fn answer<const STATUS: u16, T>(result: Result<Reply<STATUS, T>, ApiError>) -> Outcome<STATUS, T> {
    Ok(result.unwrap_or_else(Reply::failed))
}

impl AuthApi for Implementation {
    type Context = Arc<AppState>;

    async fn auth_emails_list(
        rqctx: Context,
        query: Query<params::AuthEmailsListQuery>,
        call: Call<Authenticated, NoBody>,
    ) -> Outcome<200, types::PaginatedEmailAddressList> {
        answer(emails::list(rqctx, query, call).await)
    }

    async fn auth_emails_create(
        rqctx: Context,
        call: Call<Authenticated, Form<types::EmailAddressRequest>>,
    ) -> Outcome<201, types::EmailAddress> {
        answer(emails::create(rqctx, call).await)
    }

    async fn auth_emails_primary_create(
        rqctx: Context,
        path: Path<params::AuthEmailsPrimaryCreatePath>,
        call: Call<Authenticated, NoBody>,
    ) -> Outcome<200, types::EmailAddress> {
        answer(emails::primary(rqctx, path, call).await)
    }

    async fn auth_emails_remove_create(
        rqctx: Context,
        path: Path<params::AuthEmailsRemoveCreatePath>,
        call: Call<Authenticated, NoBody>,
    ) -> Outcome<200, types::EmailAddress> {
        answer(emails::remove(rqctx, path, call).await)
    }

    async fn auth_emails_verify_create(
        rqctx: Context,
        path: Path<params::AuthEmailsVerifyCreatePath>,
        call: Call<Authenticated, NoBody>,
    ) -> Outcome<200, types::EmailAddress> {
        answer(emails::verify(rqctx, path, call).await)
    }

    async fn auth_login_create(
        rqctx: Context,
        call: Call<policy::BasicOrAnonymous, Form<types::Login>>,
    ) -> Outcome<200, UntypedJson> {
        answer(login::create(rqctx, call).await)
    }

    async fn auth_logout_retrieve(
        rqctx: Context,
        call: Call<AnyCaller, NoBody>,
    ) -> Outcome<200, UntypedJson> {
        answer(logout::retrieve(rqctx, call).await)
    }

    async fn auth_logout_create(
        rqctx: Context,
        call: Call<AnyCaller, NoBody>,
    ) -> Outcome<200, UntypedJson> {
        answer(logout::create(rqctx, call).await)
    }

    async fn auth_password_change_create(
        rqctx: Context,
        call: Call<Authenticated, Form<types::PasswordChange>>,
    ) -> Outcome<200, types::RestAuthDetail> {
        answer(password::change(rqctx, call).await)
    }

    async fn auth_password_reset_create(
        rqctx: Context,
        call: Call<AnyCaller, Form<types::PasswordReset>>,
    ) -> Outcome<200, types::RestAuthDetail> {
        answer(password::reset(rqctx, call).await)
    }

    async fn auth_password_reset_confirm_create(
        rqctx: Context,
        call: Call<AnyCaller, Form<types::PasswordResetConfirm>>,
    ) -> Outcome<200, types::RestAuthDetail> {
        answer(password::reset_confirm(rqctx, call).await)
    }

    async fn auth_providers_list(
        rqctx: Context,
        query: Query<params::AuthProvidersListQuery>,
        call: Call<AnyCaller, NoBody>,
    ) -> Outcome<200, types::PaginatedSocialProviderListResponseList> {
        answer(providers::list(rqctx, query, call).await)
    }

    async fn auth_registration_create(
        rqctx: Context,
        call: Call<AnyCaller, Form<types::Register>>,
    ) -> Outcome<201, types::Token> {
        answer(registration::create(rqctx, call).await)
    }

    async fn auth_registration_resend_email_create(
        rqctx: Context,
        call: Call<AnyCaller, OptionalForm<types::ResendEmailVerification>>,
    ) -> Outcome<201, types::RestAuthDetail> {
        answer(registration::resend_email(rqctx, call).await)
    }

    async fn auth_registration_verify_email_create(
        rqctx: Context,
        call: Call<AnyCaller, Form<types::VerifyEmail>>,
    ) -> Outcome<200, types::RestAuthDetail> {
        answer(registration::verify_email(rqctx, call).await)
    }

    async fn auth_social_list(
        rqctx: Context,
        query: Query<params::AuthSocialListQuery>,
        call: Call<Authenticated, NoBody>,
    ) -> Outcome<200, types::PaginatedSocialAccountList> {
        answer(social::list(rqctx, query, call).await)
    }

    async fn auth_social_disconnect_create(
        rqctx: Context,
        path: Path<params::AuthSocialDisconnectCreatePath>,
        call: Call<Authenticated, OptionalForm<types::SocialConnect>>,
    ) -> Outcome<200, types::SocialConnect> {
        answer(social::disconnect(rqctx, path, call).await)
    }

    async fn auth_user_retrieve(
        rqctx: Context,
        call: Call<Authenticated, NoBody>,
    ) -> Outcome<200, types::UserDetails> {
        answer(user::retrieve(rqctx, call).await)
    }

    async fn auth_user_update(
        rqctx: Context,
        call: Call<Authenticated, Form<types::UserDetailsRequest>>,
    ) -> Outcome<200, types::UserDetails> {
        answer(user::update(rqctx, call).await)
    }

    async fn auth_user_partial_update(
        rqctx: Context,
        call: Call<Authenticated, OptionalForm<types::PatchedUserDetailsRequest>>,
    ) -> Outcome<200, types::UserDetails> {
        answer(user::partial_update(rqctx, call).await)
    }
}
