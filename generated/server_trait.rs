// Generated from spec/ by build.rs. For reading: the server compiles its own copy.

use dropshot::RequestContext;
#[allow(unused_imports)]
use crate::http::typed::{
    Answering, Body, Bytes, Call, Headers, NoBody, OptionalBody, Outcome, Path, Query,
    Undescribed,
};
///InvenTree API 291: one method per operation.
#[dropshot::api_description]
pub trait AuthApi {
    type Context;
    /// GET /api/auth/emails/
    ///
    /// List of registered email addresses for current users.
    #[endpoint{method = GET,
    path = "/api/auth/emails/",
    operation_id = "auth_emails_list",
    tags = ["auth"]}]
    async fn auth_emails_list(
        rqctx: RequestContext<Self::Context>,
        query: Query<params::AuthEmailsListQuery>,
        call: Call<policy::BasicOrCookieOrToken, NoBody>,
    ) -> Outcome<200u16, types::PaginatedEmailAddressList>;
    /// POST /api/auth/emails/
    ///
    /// List of registered email addresses for current users.
    #[endpoint{method = POST,
    path = "/api/auth/emails/",
    operation_id = "auth_emails_create",
    tags = ["auth"]}]
    async fn auth_emails_create(
        rqctx: RequestContext<Self::Context>,
        call: Call<
            policy::BasicOrCookieOrToken,
            Body<types::EmailAddressRequest, content::JsonOrFormOrMultipart>,
        >,
    ) -> Outcome<201u16, types::EmailAddress>;
    /// POST /api/auth/emails/{id}/primary/
    ///
    /// Filter item, run action and return data.
    #[endpoint{method = POST,
    path = "/api/auth/emails/{id}/primary/",
    operation_id = "auth_emails_primary_create",
    tags = ["auth"]}]
    async fn auth_emails_primary_create(
        rqctx: RequestContext<Self::Context>,
        path: Path<params::AuthEmailsPrimaryCreatePath>,
        call: Call<policy::BasicOrCookieOrToken, NoBody>,
    ) -> Outcome<200u16, types::EmailAddress>;
    /// POST /api/auth/emails/{id}/remove/
    ///
    /// Filter item, run action and return data.
    #[endpoint{method = POST,
    path = "/api/auth/emails/{id}/remove/",
    operation_id = "auth_emails_remove_create",
    tags = ["auth"]}]
    async fn auth_emails_remove_create(
        rqctx: RequestContext<Self::Context>,
        path: Path<params::AuthEmailsRemoveCreatePath>,
        call: Call<policy::BasicOrCookieOrToken, NoBody>,
    ) -> Outcome<200u16, types::EmailAddress>;
    /// POST /api/auth/emails/{id}/verify/
    ///
    /// Filter item, run action and return data.
    #[endpoint{method = POST,
    path = "/api/auth/emails/{id}/verify/",
    operation_id = "auth_emails_verify_create",
    tags = ["auth"]}]
    async fn auth_emails_verify_create(
        rqctx: RequestContext<Self::Context>,
        path: Path<params::AuthEmailsVerifyCreatePath>,
        call: Call<policy::BasicOrCookieOrToken, NoBody>,
    ) -> Outcome<200u16, types::EmailAddress>;
    /// POST /api/auth/login/
    ///
    /// API view for logging in via API.
    #[endpoint{method = POST,
    path = "/api/auth/login/",
    operation_id = "auth_login_create",
    tags = ["auth"]}]
    async fn auth_login_create(
        rqctx: RequestContext<Self::Context>,
        call: Call<
            policy::BasicOrAnonymous,
            Body<types::Login, content::JsonOrFormOrMultipart>,
        >,
    ) -> Outcome<200u16, Undescribed>;
    /// GET /api/auth/logout/
    ///
    /// API view for logging out via API.
    #[endpoint{method = GET,
    path = "/api/auth/logout/",
    operation_id = "auth_logout_retrieve",
    tags = ["auth"]}]
    async fn auth_logout_retrieve(
        rqctx: RequestContext<Self::Context>,
        call: Call<policy::BasicOrCookieOrTokenOrAnonymous, NoBody>,
    ) -> Outcome<200u16, Undescribed>;
    /// POST /api/auth/logout/
    ///
    /// Logout the current user.
    ///
    /// Deletes user token associated with request.
    #[endpoint{method = POST,
    path = "/api/auth/logout/",
    operation_id = "auth_logout_create",
    tags = ["auth"]}]
    async fn auth_logout_create(
        rqctx: RequestContext<Self::Context>,
        call: Call<policy::BasicOrCookieOrTokenOrAnonymous, NoBody>,
    ) -> Outcome<200u16, Undescribed>;
    /// POST /api/auth/password/change/
    ///
    /// Calls Django Auth SetPasswordForm save method.
    ///
    /// Accepts the following POST parameters: new_password1, new_password2
    /// Returns the success/fail message.
    #[endpoint{method = POST,
    path = "/api/auth/password/change/",
    operation_id = "auth_password_change_create",
    tags = ["auth"]}]
    async fn auth_password_change_create(
        rqctx: RequestContext<Self::Context>,
        call: Call<
            policy::BasicOrCookieOrToken,
            Body<types::PasswordChange, content::JsonOrFormOrMultipart>,
        >,
    ) -> Outcome<200u16, types::RestAuthDetail>;
    /// POST /api/auth/password/reset/
    ///
    /// Calls Django Auth PasswordResetForm save method.
    ///
    /// Accepts the following POST parameters: email
    /// Returns the success/fail message.
    #[endpoint{method = POST,
    path = "/api/auth/password/reset/",
    operation_id = "auth_password_reset_create",
    tags = ["auth"]}]
    async fn auth_password_reset_create(
        rqctx: RequestContext<Self::Context>,
        call: Call<
            policy::BasicOrCookieOrTokenOrAnonymous,
            Body<types::PasswordReset, content::JsonOrFormOrMultipart>,
        >,
    ) -> Outcome<200u16, types::RestAuthDetail>;
    /// POST /api/auth/password/reset/confirm/
    ///
    /// Password reset e-mail link is confirmed, therefore
    /// this resets the user's password.
    ///
    /// Accepts the following POST parameters: token, uid,
    /// new_password1, new_password2
    /// Returns the success/fail message.
    #[endpoint{method = POST,
    path = "/api/auth/password/reset/confirm/",
    operation_id = "auth_password_reset_confirm_create",
    tags = ["auth"]}]
    async fn auth_password_reset_confirm_create(
        rqctx: RequestContext<Self::Context>,
        call: Call<
            policy::BasicOrCookieOrTokenOrAnonymous,
            Body<types::PasswordResetConfirm, content::JsonOrFormOrMultipart>,
        >,
    ) -> Outcome<200u16, types::RestAuthDetail>;
    /// GET /api/auth/providers/
    ///
    /// Get the list of providers.
    #[endpoint{method = GET,
    path = "/api/auth/providers/",
    operation_id = "auth_providers_list",
    tags = ["auth"]}]
    async fn auth_providers_list(
        rqctx: RequestContext<Self::Context>,
        query: Query<params::AuthProvidersListQuery>,
        call: Call<policy::BasicOrCookieOrTokenOrAnonymous, NoBody>,
    ) -> Outcome<200u16, types::PaginatedSocialProviderListResponseList>;
    /// POST /api/auth/registration/
    ///
    /// Registers a new user.
    ///
    /// Accepts the following POST parameters: username, email, password1, password2.
    #[endpoint{method = POST,
    path = "/api/auth/registration/",
    operation_id = "auth_registration_create",
    tags = ["auth"]}]
    async fn auth_registration_create(
        rqctx: RequestContext<Self::Context>,
        call: Call<
            policy::BasicOrCookieOrTokenOrAnonymous,
            Body<types::Register, content::JsonOrFormOrMultipart>,
        >,
    ) -> Outcome<201u16, types::Token>;
    /// POST /api/auth/registration/resend-email/
    ///
    /// Resends another email to an unverified email.
    ///
    /// Accepts the following POST parameter: email.
    #[endpoint{method = POST,
    path = "/api/auth/registration/resend-email/",
    operation_id = "auth_registration_resend_email_create",
    tags = ["auth"]}]
    async fn auth_registration_resend_email_create(
        rqctx: RequestContext<Self::Context>,
        call: Call<
            policy::BasicOrCookieOrTokenOrAnonymous,
            OptionalBody<types::ResendEmailVerification, content::JsonOrFormOrMultipart>,
        >,
    ) -> Outcome<201u16, types::RestAuthDetail>;
    /// POST /api/auth/registration/verify-email/
    ///
    /// Verifies the email associated with the provided key.
    ///
    /// Accepts the following POST parameter: key.
    #[endpoint{method = POST,
    path = "/api/auth/registration/verify-email/",
    operation_id = "auth_registration_verify_email_create",
    tags = ["auth"]}]
    async fn auth_registration_verify_email_create(
        rqctx: RequestContext<Self::Context>,
        call: Call<
            policy::BasicOrCookieOrTokenOrAnonymous,
            Body<types::VerifyEmail, content::JsonOrFormOrMultipart>,
        >,
    ) -> Outcome<200u16, types::RestAuthDetail>;
    /// GET /api/auth/social/
    ///
    /// List SocialAccounts for the currently logged in user
    #[endpoint{method = GET,
    path = "/api/auth/social/",
    operation_id = "auth_social_list",
    tags = ["auth"]}]
    async fn auth_social_list(
        rqctx: RequestContext<Self::Context>,
        query: Query<params::AuthSocialListQuery>,
        call: Call<policy::BasicOrCookieOrToken, NoBody>,
    ) -> Outcome<200u16, types::PaginatedSocialAccountList>;
    /// POST /api/auth/social/{id}/disconnect/
    ///
    /// Disconnect SocialAccount from remote service for
    /// the currently logged in user
    #[endpoint{method = POST,
    path = "/api/auth/social/{id}/disconnect/",
    operation_id = "auth_social_disconnect_create",
    tags = ["auth"]}]
    async fn auth_social_disconnect_create(
        rqctx: RequestContext<Self::Context>,
        path: Path<params::AuthSocialDisconnectCreatePath>,
        call: Call<
            policy::BasicOrCookieOrToken,
            OptionalBody<types::SocialConnect, content::JsonOrFormOrMultipart>,
        >,
    ) -> Outcome<200u16, types::SocialConnect>;
    /// GET /api/auth/user/
    ///
    /// Reads and updates UserModel fields
    /// Accepts GET, PUT, PATCH methods.
    ///
    /// Default accepted fields: username, first_name, last_name
    /// Default display fields: pk, username, email, first_name, last_name
    /// Read-only fields: pk, email
    ///
    /// Returns UserModel fields.
    #[endpoint{method = GET,
    path = "/api/auth/user/",
    operation_id = "auth_user_retrieve",
    tags = ["auth"]}]
    async fn auth_user_retrieve(
        rqctx: RequestContext<Self::Context>,
        call: Call<policy::BasicOrCookieOrToken, NoBody>,
    ) -> Outcome<200u16, types::UserDetails>;
    /// PUT /api/auth/user/
    ///
    /// Reads and updates UserModel fields
    /// Accepts GET, PUT, PATCH methods.
    ///
    /// Default accepted fields: username, first_name, last_name
    /// Default display fields: pk, username, email, first_name, last_name
    /// Read-only fields: pk, email
    ///
    /// Returns UserModel fields.
    #[endpoint{method = PUT,
    path = "/api/auth/user/",
    operation_id = "auth_user_update",
    tags = ["auth"]}]
    async fn auth_user_update(
        rqctx: RequestContext<Self::Context>,
        call: Call<
            policy::BasicOrCookieOrToken,
            Body<types::UserDetailsRequest, content::JsonOrFormOrMultipart>,
        >,
    ) -> Outcome<200u16, types::UserDetails>;
    /// PATCH /api/auth/user/
    ///
    /// Reads and updates UserModel fields
    /// Accepts GET, PUT, PATCH methods.
    ///
    /// Default accepted fields: username, first_name, last_name
    /// Default display fields: pk, username, email, first_name, last_name
    /// Read-only fields: pk, email
    ///
    /// Returns UserModel fields.
    #[endpoint{method = PATCH,
    path = "/api/auth/user/",
    operation_id = "auth_user_partial_update",
    tags = ["auth"]}]
    async fn auth_user_partial_update(
        rqctx: RequestContext<Self::Context>,
        call: Call<
            policy::BasicOrCookieOrToken,
            OptionalBody<
                types::PatchedUserDetailsRequest,
                content::JsonOrFormOrMultipart,
            >,
        >,
    ) -> Outcome<200u16, types::UserDetails>;
}
