//! The language of an account's owner, for emails caused by another user's request.
//!
//! A stranger who signs in must not change it: the notice of that, and every later one, is for the
//! owner.

use super::DomainError;
use super::notices::Recipients;
use super::operation::Operation;
use crate::store::{Account, StoreError, Writer};

/// Remembers the language of a client that signs in, if it names one.
pub(super) fn of_sign_in(
    w: &Writer<'_>,
    op: &Operation,
    account: &Account,
    notice: &Recipients,
) -> Result<(), StoreError> {
    let language = &op.client.language;
    let may_change = account.language.is_empty() || !notice.is_from_unknown_client();
    if language.is_empty() || *language == account.language || !may_change {
        return Ok(());
    }
    w.account_set_language(account.id, language)
}

/// Remembers the language that the owner chose.
///
/// # Errors
///
/// Only the store's.
pub async fn choose(op: &Operation, account: &Account, language: &str) -> Result<(), DomainError> {
    if account.language == language {
        return Ok(());
    }
    let (id, language) = (account.id, language.to_owned());
    op.write(move |w, _| Ok(w.account_set_language(id, &language)?)).await
}

/// The language of an email to all these accounts.
pub(super) fn of_any(accounts: &[Account]) -> &str {
    let mut all = accounts.iter().map(|account| account.language.as_str());
    all.find(|language| !language.is_empty()).unwrap_or_default()
}
