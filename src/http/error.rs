//! The only place that turns a failure of the domain into a status and an error body.

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use specbound::{ApiError, FieldErrors, NON_FIELD};

use crate::domain::social::SocialError;
use crate::domain::{DomainError, ValidationErrors};
use crate::providers::ProviderError;
use crate::store::StoreError;

impl From<DomainError> for ApiError {
    fn from(refusal: DomainError) -> ApiError {
        match refusal {
            DomainError::Invalid(problems) => problems.into(),
            DomainError::Forbidden(why) => ApiError::detail(StatusCode::BAD_REQUEST, why),
            DomainError::NotFound => ApiError::not_found(),
            DomainError::MfaRequired => ApiError::forbidden("MFA required for this user"),
            DomainError::ReauthenticationNeeded => {
                let detail = "This needs a sign-in of the last ten minutes. Enter your password \
                    again, or sign in again.";
                // The error code of RFC 9470, so that scripts need not parse the message.
                let needed = "Session error=\"insufficient_user_authentication\", max_age=600";
                ApiError::forbidden(detail)
                    .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(needed))
            }
            DomainError::Throttled { wait_seconds } => {
                let unit = if wait_seconds == 1 { "second" } else { "seconds" };
                let detail =
                    format!("Request was throttled. Expected available in {wait_seconds} {unit}.");
                ApiError::detail(StatusCode::TOO_MANY_REQUESTS, &detail)
                    .with_header(RETRY_AFTER, wait_seconds.into())
            }
            DomainError::Busy => ApiError::unavailable("The server is busy. Please try again."),
            DomainError::Store(error) => error.into(),
        }
    }
}

impl From<SocialError> for ApiError {
    fn from(failure: SocialError) -> ApiError {
        let (status, detail, why) = match failure {
            SocialError::Domain(refusal) => return refusal.into(),
            SocialError::Form(problems) => return problems.into(),
            SocialError::Provider { error: ProviderError::Busy, .. } => {
                return ApiError::unavailable("This provider is busy. Please try again.");
            }
            SocialError::Disabled => (
                StatusCode::FORBIDDEN,
                "Sign-in through this provider is disabled.".to_owned(),
                "disabled".to_owned(),
            ),
            SocialError::InvalidState(why) => {
                let detail = "This sign-in was not started in this browser, took more than \
                    ten minutes, or was already used. Start again.";
                (
                    StatusCode::BAD_REQUEST,
                    detail.to_owned(),
                    format!("invalid sign-in state: {why}"),
                )
            }
            SocialError::Declined(error) => {
                let is_code = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
                let error: String = error.chars().filter(is_code).take(40).collect();
                let detail = format!(
                    "The provider ended the sign-in ({error}). Start again, or sign in another way."
                );
                (StatusCode::FORBIDDEN, detail, format!("the provider ended the sign-in: {error}"))
            }
            SocialError::Provider { name, error: ProviderError::Unreachable(why) } => {
                let detail = format!(
                    "{name} isn't responding. Try again in a moment, or sign in another way."
                );
                (StatusCode::BAD_GATEWAY, detail, format!("provider unreachable: {why}"))
            }
            SocialError::Provider { name, error: ProviderError::Unusable(why) } => {
                let detail = format!(
                    "{name} sent an invalid response. Try again in a moment, or sign in another \
                     way."
                );
                (StatusCode::BAD_GATEWAY, detail, format!("invalid provider response: {why}"))
            }
            SocialError::Provider { name, error: ProviderError::Refused(why) } => {
                let detail = format!("{name} rejected this sign-in. Start again.");
                (StatusCode::BAD_REQUEST, detail, format!("provider refused: {why}"))
            }
            SocialError::Provider { name, error: ProviderError::Untrusted(why) } => {
                let detail = format!(
                    "The response of {name} failed verification. Start again. If the problem \
                     persists, contact the administrator of this server."
                );
                (StatusCode::FORBIDDEN, detail, format!("provider not trusted: {why}"))
            }
            SocialError::SignUpClosed => {
                let detail = "This server does not create accounts through a provider. If you \
                    have an account, sign in to it and connect the provider there.";
                (
                    StatusCode::FORBIDDEN,
                    detail.to_owned(),
                    "sign-up through a provider is closed".to_owned(),
                )
            }
            SocialError::AddressTaken => {
                let detail = "An account with this email address already exists. Sign in to it \
                    and connect the provider there.";
                (
                    StatusCode::CONFLICT,
                    detail.to_owned(),
                    "the address of a new sign-in is taken".to_owned(),
                )
            }
            SocialError::LinkedElsewhere => {
                let detail = "Your account at the provider is already connected to another \
                    account here. Disconnect it there first.";
                (StatusCode::CONFLICT, detail.to_owned(), "linked to another account".to_owned())
            }
            SocialError::TooManyLinks => {
                let detail = "Your account is connected to the maximum number of providers. \
                    Disconnect one first.";
                (StatusCode::CONFLICT, detail.to_owned(), "too many links".to_owned())
            }
            SocialError::Inactive => (
                StatusCode::FORBIDDEN,
                "This account is inactive.".to_owned(),
                "inactive account".to_owned(),
            ),
            SocialError::Unconfirmed => {
                let detail =
                    "Confirm your email address first: open the link in the email sent to it.";
                (StatusCode::FORBIDDEN, detail.to_owned(), "unconfirmed address".to_owned())
            }
            SocialError::SessionOver => {
                let detail = "Your session has ended. Sign in, and connect the provider again.";
                (
                    StatusCode::FORBIDDEN,
                    detail.to_owned(),
                    "the session that started to connect has ended".to_owned(),
                )
            }
        };
        ApiError::detail(status, &detail).with_internal(why)
    }
}

impl From<ValidationErrors> for ApiError {
    fn from(problems: ValidationErrors) -> ApiError {
        ApiError::fields(&problems.into())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        match error {
            StoreError::Unavailable(why) => {
                ApiError::unavailable("The database is temporarily unavailable. Please try again.")
                    .with_internal(why)
            }
            // Conflicts are named and answered where they can happen; one that comes through is a
            // race that lost.
            StoreError::Conflict(conflict) => ApiError::unavailable(
                "The resource was changed by another request. Please try again.",
            )
            .with_internal(format!("unexpected conflict: {conflict:?}")),
            StoreError::Other(why) => ApiError::internal(why),
        }
    }
}

impl From<ValidationErrors> for FieldErrors {
    fn from(problems: ValidationErrors) -> FieldErrors {
        let mut errors = FieldErrors::default();
        for (field, messages) in problems.fields {
            errors.add(field, messages);
        }
        if !problems.general.is_empty() {
            errors.add(NON_FIELD, problems.general);
        }
        errors
    }
}
