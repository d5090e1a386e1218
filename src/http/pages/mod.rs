//! What this server answers beside the document: the document itself, the page that shows it.
//!
//! A page is whatever people, browsers and operators need and the contract does not name: pages that a mail's link
//! opens, a health check. It is unpublished: `spec export` and `spec diff` never see it, no generated client calls it.
//! So nothing that a program needs to use the API may be a page (that belongs in the document), and no page may stand at
//! a documented path: the start fails then.
//!
//! A page gets what every path gets from the door (`front.rs`): exact paths, 405 and OPTIONS with `Allow`, HEAD, the
//! security headers, a caught panic, one log line. It brings its own content type, and its own `Cache-Control` and
//! `Vary` when "no-store" is not what it means. Failures are [`ApiError`]s, in the API's shape.

mod file;
mod holdings;
pub mod mailbox;
pub mod people;
mod reference;
mod schema;
mod sign_in;
pub mod social;

use http::header::HeaderMap;
use http::request::Parts;
use http::{Response, Uri};

use super::caller::SignedIn;
use super::error::ApiError;
use super::lazy_body::LazyBody;
use super::{Server, Settings};
use crate::domain::client::Client;

/// A request for a page, by whoever its security let through.
pub struct Visit {
    pub request: Parts,
    pub body: LazyBody,
    pub client: Client,
    pub caller: Option<SignedIn>,
}

/// One path outside the document.
#[async_trait::async_trait]
pub trait Page: Send + Sync {
    /// To the letter, but for one `{variable}`, which stands for one segment. The log line carries it as it is here.
    fn path(&self) -> &'static str;

    /// Whether its variable can stand for this, which has no slash in it.
    fn takes(&self, _: &str) -> bool {
        true
    }

    /// One sentence for OPTIONS.
    fn description(&self) -> &'static str;

    /// Media types for OPTIONS.
    fn renders(&self) -> Vec<&'static str>;

    /// HEAD comes with GET, and OPTIONS by itself.
    fn methods(&self) -> &'static [&'static str] {
        &["GET"]
    }

    /// Who may come, as an operation's security: nobody's credentials are looked at, unless a page says so.
    fn security(&self) -> &'static [&'static [&'static str]] {
        &[&[]]
    }

    /// Before authentication and for every method.
    ///
    /// # Errors
    ///
    /// 406 or 404 when the client cannot be given what it takes.
    fn negotiate(&self, _: &HeaderMap, _: &Uri) -> Result<(), ApiError> {
        Ok(())
    }

    /// Called for its methods alone, HEAD included: the body that a HEAD leads to is not sent.
    async fn answer(&self, server: &Server, visit: Visit) -> Result<Response<dropshot::Body>, ApiError>;
}

/// # Errors
///
/// What a page found wrong with its own content: a mistake of this build.
pub fn all(settings: &Settings) -> Result<Vec<Box<dyn Page>>, String> {
    let mut pages: Vec<Box<dyn Page>> = vec![Box::new(schema::Schema::new()?)];
    pages.extend(reference::pages()?);
    pages.extend(people::pages(settings)?);
    pages.extend(holdings::pages());
    pages.extend(sign_in::pages());
    pages.extend(social::pages(settings));
    pages.extend(mailbox::pages(settings));
    Ok(pages)
}
