//! The client behind a request, as far as the rules need to know it.
//!
//! Built once per request by the HTTP layer and passed down by reference. Must never hold a credential in clear.

use super::audit::OPERATOR;

/// The client that makes a request.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Network address, an IPv6 client as its /64: its key in every limit, and its name in the audit trail.
    pub address: String,
    /// The User-Agent header; empty when it was not sent.
    pub user_agent: String,
}

impl Client {
    /// The operator, at the server's own command line.
    pub fn operator() -> Client {
        Client { address: OPERATOR.to_owned(), user_agent: String::new() }
    }
}
