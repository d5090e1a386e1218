//! Paths outside the document: the document itself, its reference page, the account pages.
//!
//! A page serves people, browsers and operators, and is not part of the contract: `spec export` and
//! `spec diff` ignore it, and generated clients do not call it. So a page must never provide
//! anything that a program needs to use the API (that belongs in the document), and a page at a
//! documented path stops the start.
//!
//! [`Page`] documents the services of the runtime.

pub mod account;
mod assets;
pub mod demo_provider;
mod emails;
pub mod factors;
mod file;
pub mod forward_auth;
mod language;
mod layout;
mod links;
pub mod mailbox;
pub mod not_found;
mod own_data;
mod passkeys;
mod reference;
mod schema;
mod sessions_and_tokens;
mod sign_in;
pub mod social;
mod strength;

use std::sync::Arc;

pub use file::PageError;
pub use layout::Ui;
pub use specbound::Page;

use super::signed_in::{Credential, SignedIn};
use super::{AppState, PageRequest};
use crate::domain::DomainError;
use crate::store::Account;
use specbound::ApiError;

/// The owner of the session that opened a page, and the session's digest: for pages whose
/// `security` is the cookie alone.
fn session_owner(page_request: &PageRequest) -> Result<(Account, [u8; 32]), ApiError> {
    match &page_request.caller {
        Some(SignedIn { account, credential: Credential::Session { digest } }) => {
            Ok((account.clone(), *digest))
        }
        _ => Err(ApiError::not_found()),
    }
}

/// The number in place of `{id}`.
///
/// # Errors
///
/// [`DomainError::NotFound`] for one that is too long for a row.
fn id_in_path(template: &str, page_request: &PageRequest) -> Result<i64, DomainError> {
    let path = page_request.request.uri.path();
    let id = template
        .split_once("{id}")
        .and_then(|(before, after)| path.strip_prefix(before)?.strip_suffix(after)?.parse().ok());
    id.ok_or(DomainError::NotFound)
}

/// # Errors
///
/// [`PageError`]
pub fn all(server: &AppState) -> Result<Vec<Box<dyn Page<AppState>>>, PageError> {
    let AppState { settings, ui, .. } = server;
    let mut pages: Vec<Box<dyn Page<AppState>>> = schema::pages()?;
    pages.extend(reference::pages()?);
    pages.extend(account::pages(ui)?);
    pages.extend(sessions_and_tokens::pages());
    pages.extend(sign_in::pages());
    pages.extend(factors::pages());
    pages.extend(forward_auth::pages());
    pages.extend(passkeys::pages());
    pages.extend(own_data::pages());
    pages.extend(links::pages());
    pages.push(Box::new(emails::Remove));
    pages.push(Box::new(strength::Endpoint));
    pages.push(Box::new(language::LanguageChoice(Arc::clone(&ui.languages))));
    pages.extend(social::pages(settings, ui));
    pages.extend(mailbox::pages(settings, ui));
    pages.extend(demo_provider::pages(server)?);
    Ok(pages)
}
