//! What this server answers beside the document: the document itself, the page that shows it.
//!
//! A page is whatever people, browsers and operators need and the contract does not name: pages
//! that a mail's link opens, a health check. It is unpublished: `spec export` and `spec diff` never
//! see it, no generated client calls it. So nothing that a program needs to use the API may be a
//! page (that belongs in the document), and no page may stand at a documented path: the start fails
//! then.
//!
//! What a page gets from the runtime is said at [`Page`].

pub mod factors;
mod file;
mod holdings;
pub mod mailbox;
pub mod people;
mod reference;
mod schema;
mod sign_in;
pub mod social;

pub use specbound::Page;

use super::{AppState, Settings};
use crate::domain::client::Client;
use crate::http::client;

/// A request for a page of this server.
pub type PageRequest = specbound::PageRequest<AppState>;

fn client_of(server: &AppState, visit: &PageRequest) -> Client {
    client::read(&server.settings, &visit.request.headers, visit.remote)
}

/// # Errors
///
/// What a page found wrong with its own content: a mistake of this build.
pub fn all(settings: &Settings) -> Result<Vec<Box<dyn Page<AppState>>>, String> {
    let mut pages: Vec<Box<dyn Page<AppState>>> = vec![Box::new(schema::Schema::new()?)];
    pages.extend(reference::pages()?);
    pages.extend(people::pages(settings)?);
    pages.extend(holdings::pages());
    pages.extend(sign_in::pages());
    pages.extend(factors::pages());
    pages.extend(social::pages(settings));
    pages.extend(mailbox::pages(settings));
    Ok(pages)
}
