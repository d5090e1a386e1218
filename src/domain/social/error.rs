//! Why a sign-in through a provider failed. The texts are for the log; `http::error` has those of
//! users.

use crate::domain::{App, DomainError, ValidationErrors};
use crate::providers::{Provider, ProviderError};
use crate::store::StoreError;

/// Why a sign-in failed. Nothing was written except that the ticket was used.
#[derive(Debug, thiserror::Error)]
pub enum SocialError {
    #[error("sign-in through providers is disabled, or this one is not configured")]
    Disabled,
    /// The callback matches no sign-in of this browser, or is late or repeated.
    #[error("invalid sign-in state: {0}")]
    InvalidState(&'static str),
    /// The provider returned an error instead of a code (RFC 6749, 4.1.2.1).
    #[error("the provider ended the sign-in: {0}")]
    Declined(String),
    #[error("{name}: {error}")]
    Provider {
        /// The provider's display name, for the message to the user.
        name: String,
        error: ProviderError,
    },
    #[error("sign-up through a provider is closed")]
    SignUpClosed,
    #[error("another account has this address")]
    AddressTaken,
    #[error("linked to another account")]
    LinkedElsewhere,
    #[error("the account has the maximum number of links")]
    TooManyLinks,
    #[error("inactive account")]
    Inactive,
    #[error("the account must confirm its address first")]
    Unconfirmed,
    #[error("the session that started to connect has ended")]
    SessionOver,
    /// Validation errors of the sign-up form.
    #[error("{0}")]
    Form(ValidationErrors),
    #[error(transparent)]
    Domain(#[from] DomainError),
}

impl From<StoreError> for SocialError {
    fn from(error: StoreError) -> SocialError {
        SocialError::Domain(error.into())
    }
}

impl SocialError {
    /// Counts the error, and names the provider in it.
    pub(super) fn of(app: &App, provider: &Provider) -> impl Fn(ProviderError) -> SocialError {
        |error| {
            app.metrics.provider_failed(&provider.id, error.reason());
            SocialError::Provider { name: provider.name.clone(), error }
        }
    }
}
