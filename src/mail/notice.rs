//! Security notices: one for each change of an account that its owner should know of.

/// A change of an account, or a sign-in, with the name of the part that it concerns.
#[derive(Debug, Clone, Copy)]
pub enum Notice<'a> {
    AddressAdded(&'a str),
    AddressRemoved(&'a str),
    AddressMadePrimary(&'a str),
    ProviderConnected(&'a str),
    ProviderDisconnected(&'a str),
    FactorAdded(&'a str),
    FactorRemoved(&'a str),
    PasskeyAdded(&'a str),
    PasskeyRemoved(&'a str),
    RecoveryCodeUsed,
    RecoveryCodesMade,
    TokenCreated(&'a str),
    /// To this name.
    UsernameChanged(&'a str),
    PasswordChanged,
    /// By an emailed link.
    PasswordReset,
    /// The account will be deleted on this day.
    Deletion(&'a str),
    /// By a browser or from a network that the account does not know.
    SignIn,
}

/// The texts of a notice, as keys below `mail/`.
pub(super) struct NoticeTexts<'a> {
    pub key: &'static str,
    pub name: Option<&'a str>,
    pub advice: &'static str,
}

impl<'a> Notice<'a> {
    pub(super) fn texts(self) -> NoticeTexts<'a> {
        let (key, name, advice) = match self {
            Notice::AddressAdded(email) => ("address_added", Some(email), "remove"),
            Notice::AddressRemoved(email) => ("address_removed", Some(email), "review"),
            Notice::AddressMadePrimary(email) => ("address_made_primary", Some(email), "review"),
            Notice::ProviderConnected(name) => ("provider_connected", Some(name), "remove"),
            Notice::ProviderDisconnected(name) => ("provider_disconnected", Some(name), "review"),
            Notice::FactorAdded(name) => ("factor_added", Some(name), "remove"),
            Notice::FactorRemoved(name) => ("factor_removed", Some(name), "review"),
            Notice::PasskeyAdded(name) => ("passkey_added", Some(name), "remove"),
            Notice::PasskeyRemoved(name) => ("passkey_removed", Some(name), "review"),
            Notice::RecoveryCodeUsed => ("recovery_code_used", None, "review"),
            Notice::RecoveryCodesMade => ("recovery_codes_made", None, "review"),
            Notice::TokenCreated(name) => ("token_created", Some(name), "revoke"),
            Notice::UsernameChanged(name) => ("username_changed", Some(name), "review"),
            Notice::PasswordChanged => ("password_changed", None, "reset"),
            Notice::PasswordReset => ("password_reset", None, "reset"),
            Notice::Deletion(day) => ("deletion", Some(day), "keep"),
            Notice::SignIn => ("sign_in", None, "review"),
        };
        NoticeTexts { key, name: name.filter(|name| !name.is_empty()), advice }
    }

    /// One of each kind.
    #[cfg(test)]
    pub(super) fn all(name: &'a str) -> [Notice<'a>; 17] {
        [
            Notice::AddressAdded(name),
            Notice::AddressRemoved(name),
            Notice::AddressMadePrimary(name),
            Notice::ProviderConnected(name),
            Notice::ProviderDisconnected(name),
            Notice::FactorAdded(name),
            Notice::FactorRemoved(name),
            Notice::PasskeyAdded(name),
            Notice::PasskeyRemoved(name),
            Notice::RecoveryCodeUsed,
            Notice::RecoveryCodesMade,
            Notice::TokenCreated(name),
            Notice::UsernameChanged(name),
            Notice::PasswordChanged,
            Notice::PasswordReset,
            Notice::Deletion(name),
            Notice::SignIn,
        ]
    }
}
