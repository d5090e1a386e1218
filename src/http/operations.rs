//! The one implementation of the generated trait: a table of operations, each with the file that
//! handles it.

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

/// A failure is a response too.
fn outcome<const STATUS: u16, T>(result: Result<Reply<STATUS, T>, ApiError>) -> Outcome<STATUS, T> {
    Ok(result.unwrap_or_else(Reply::failed))
}

impl AuthApi for Implementation {
    type Context = Arc<AppState>;

    async fn auth_emails_list(
        rqctx: Context,
        query: Query<params::AuthEmailsListQuery>,
        call: Call<Authenticated, NoBody>,
    ) -> Outcome<200, types::PaginatedEmailAddressList> {
        outcome(emails::list(rqctx, query, call).await)
    }

    async fn auth_emails_create(
        rqctx: Context,
        call: Call<Authenticated, Form<types::EmailAddressRequest>>,
    ) -> Outcome<201, types::EmailAddress> {
        outcome(emails::create(rqctx, call).await)
    }

    async fn auth_emails_primary_create(
        rqctx: Context,
        path: Path<params::AuthEmailsPrimaryCreatePath>,
        call: Call<Authenticated, NoBody>,
    ) -> Outcome<200, types::EmailAddress> {
        outcome(emails::primary(rqctx, path, call).await)
    }

    async fn auth_emails_remove_create(
        rqctx: Context,
        path: Path<params::AuthEmailsRemoveCreatePath>,
        call: Call<Authenticated, NoBody>,
    ) -> Outcome<200, types::EmailAddress> {
        outcome(emails::remove(rqctx, path, call).await)
    }

    async fn auth_emails_verify_create(
        rqctx: Context,
        path: Path<params::AuthEmailsVerifyCreatePath>,
        call: Call<Authenticated, NoBody>,
    ) -> Outcome<200, types::EmailAddress> {
        outcome(emails::verify(rqctx, path, call).await)
    }

    async fn auth_login_create(
        rqctx: Context,
        call: Call<policy::BasicOrAnonymous, Form<types::Login>>,
    ) -> Outcome<200, UntypedJson> {
        outcome(login::create(rqctx, call).await)
    }

    async fn auth_logout_retrieve(
        rqctx: Context,
        call: Call<AnyCaller, NoBody>,
    ) -> Outcome<200, UntypedJson> {
        outcome(logout::retrieve(rqctx, call).await)
    }

    async fn auth_logout_create(
        rqctx: Context,
        call: Call<AnyCaller, NoBody>,
    ) -> Outcome<200, UntypedJson> {
        outcome(logout::create(rqctx, call).await)
    }

    async fn auth_password_change_create(
        rqctx: Context,
        call: Call<Authenticated, Form<types::PasswordChange>>,
    ) -> Outcome<200, types::RestAuthDetail> {
        outcome(password::change(rqctx, call).await)
    }

    async fn auth_password_reset_create(
        rqctx: Context,
        call: Call<AnyCaller, Form<types::PasswordReset>>,
    ) -> Outcome<200, types::RestAuthDetail> {
        outcome(password::reset(rqctx, call).await)
    }

    async fn auth_password_reset_confirm_create(
        rqctx: Context,
        call: Call<AnyCaller, Form<types::PasswordResetConfirm>>,
    ) -> Outcome<200, types::RestAuthDetail> {
        outcome(password::reset_confirm(rqctx, call).await)
    }

    async fn auth_providers_list(
        rqctx: Context,
        query: Query<params::AuthProvidersListQuery>,
        call: Call<AnyCaller, NoBody>,
    ) -> Outcome<200, types::PaginatedSocialProviderListResponseList> {
        outcome(providers::list(rqctx, query, call).await)
    }

    async fn auth_registration_create(
        rqctx: Context,
        call: Call<AnyCaller, Form<types::Register>>,
    ) -> Outcome<201, types::Token> {
        outcome(registration::create(rqctx, call).await)
    }

    async fn auth_registration_resend_email_create(
        rqctx: Context,
        call: Call<AnyCaller, OptionalForm<types::ResendEmailVerification>>,
    ) -> Outcome<201, types::RestAuthDetail> {
        outcome(registration::resend_email(rqctx, call).await)
    }

    async fn auth_registration_verify_email_create(
        rqctx: Context,
        call: Call<AnyCaller, Form<types::VerifyEmail>>,
    ) -> Outcome<200, types::RestAuthDetail> {
        outcome(registration::verify_email(rqctx, call).await)
    }

    async fn auth_social_list(
        rqctx: Context,
        query: Query<params::AuthSocialListQuery>,
        call: Call<Authenticated, NoBody>,
    ) -> Outcome<200, types::PaginatedSocialAccountList> {
        outcome(social::list(rqctx, query, call).await)
    }

    async fn auth_social_disconnect_create(
        rqctx: Context,
        path: Path<params::AuthSocialDisconnectCreatePath>,
        call: Call<Authenticated, OptionalForm<types::SocialConnect>>,
    ) -> Outcome<200, types::SocialConnect> {
        outcome(social::disconnect(rqctx, path, call).await)
    }

    async fn auth_user_retrieve(
        rqctx: Context,
        call: Call<Authenticated, NoBody>,
    ) -> Outcome<200, types::UserDetails> {
        outcome(user::retrieve(rqctx, call).await)
    }

    async fn auth_user_update(
        rqctx: Context,
        call: Call<Authenticated, Form<types::UserDetailsRequest>>,
    ) -> Outcome<200, types::UserDetails> {
        outcome(user::update(rqctx, call).await)
    }

    async fn auth_user_partial_update(
        rqctx: Context,
        call: Call<Authenticated, OptionalForm<types::PatchedUserDetailsRequest>>,
    ) -> Outcome<200, types::UserDetails> {
        outcome(user::partial_update(rqctx, call).await)
    }
}
