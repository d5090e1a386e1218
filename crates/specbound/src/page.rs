//! Pages: paths outside the document.
//!
//! A page is unpublished: no export, comparison or generated client knows it. So nothing that a
//! program needs to use the API may be a page, and no page may stand at a documented path: the
//! start fails then.
//!
//! A page has the services of every path: exact paths, 405 and OPTIONS with `Allow`, HEAD,
//! security, a caught panic, one log line. It has its own content type, and its own
//! `Cache-Control` and `Vary` where the host's are not right.

use std::net::SocketAddr;

use http::header::HeaderMap;
use http::request::Parts;
use http::{Request, Uri};

use crate::operation::{Scopes, Security};
use crate::security::authenticate;
use crate::{ApiError, Context, Credentials, Host, LazyBody, Response};

/// A request whose caller is authenticated, and whose body is unread.
pub struct PageRequest<H: Host> {
    /// The head.
    pub request: Parts,
    /// The body.
    pub body: LazyBody,
    /// The peer of the connection.
    pub remote: SocketAddr,
    /// Its id, as in the response and the log line.
    pub request_id: String,
    /// The caller, if there is one.
    pub caller: Option<H::Caller>,
}

impl<H: Host> PageRequest<H> {
    /// Authenticates a request.
    ///
    /// # Errors
    ///
    /// As [`authenticate`].
    pub async fn admit(
        rqctx: &Context<H>,
        request: Request<dropshot::Body>,
        security: Security,
        scopes: Scopes,
    ) -> Result<PageRequest<H>, ApiError> {
        let remote = rqctx.request.remote_addr();
        let (request, body) = request.into_parts();
        let mut body = LazyBody::new(&request, body, H::BODY_LIMITS).with_uploads(H::UPLOAD_LIMITS);
        let host = &*rqctx.server.private;
        let request_id = rqctx.request_id.clone();
        let mut credentials = Credentials {
            host,
            head: &request,
            body: &mut body,
            remote,
            request_id: &request_id,
            security,
            scopes,
        };
        let caller = authenticate(&mut credentials).await?;
        Ok(PageRequest { request, body, remote, request_id, caller })
    }
}

/// One path outside the document.
#[async_trait::async_trait]
pub trait Page<H: Host>: Send + Sync {
    /// Its exact path, with at most one `{variable}`, which stands for one segment. A last segment
    /// `{*}` stands for the rest of any path, as it is sent; exact paths come first. The log line
    /// names the page by it.
    fn path(&self) -> &'static str;

    /// Whether its variable can have this value, which has no slash in it.
    fn takes(&self, _: &str) -> bool {
        true
    }

    /// One sentence for OPTIONS.
    fn description(&self) -> &'static str;

    /// Media types for OPTIONS.
    fn renders(&self) -> Vec<&'static str>;

    /// HEAD comes with GET, and OPTIONS with all.
    fn methods(&self) -> &'static [&'static str] {
        &["GET"]
    }

    /// Whether every request comes to [`Page::respond`], whatever its method: OPTIONS and
    /// preflights too, which are answered for the page otherwise.
    fn takes_every_method(&self) -> bool {
        false
    }

    /// Its security, like an operation's. By default no credentials are looked at.
    fn security(&self) -> Security {
        &[&[]]
    }

    /// Called before authentication, for every method.
    ///
    /// # Errors
    ///
    /// 406 or 404 when the page has no form that the client accepts.
    fn negotiate(&self, _: &HeaderMap, _: &Uri) -> Result<(), ApiError> {
        Ok(())
    }

    /// Called for its methods alone, HEAD included, whose body is not sent.
    async fn respond(&self, host: &H, request: PageRequest<H>) -> Result<Response, ApiError>;
}
