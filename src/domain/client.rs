//! The client behind a request, as far as the rules need to know it.
//!
//! Built once per request by the HTTP layer and passed down by reference. Must never hold a credential in clear.

use std::net::Ipv6Addr;

use super::audit::OPERATOR;
use super::known_clients::DeviceCookie;

/// The client that makes a request.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Network address, an IPv6 client as its /64: its key in every limit, and its name in the audit trail.
    pub address: String,
    /// The User-Agent header; empty when it was not sent.
    pub user_agent: String,
    /// The accounts that a browser signed in to, if it says so; nothing is proved before [`known_clients::standing`].
    ///
    /// [`known_clients::standing`]: super::known_clients::standing
    pub device: Option<DeviceCookie>,
}

impl Client {
    /// The operator, at the server's own command line.
    pub fn operator() -> Client {
        Client { address: OPERATOR.to_owned(), ..Client::default() }
    }

    /// The /48 around an IPv6 client: one customer of a network often has so much.
    pub fn site(&self) -> Option<String> {
        let prefix: Ipv6Addr = self.address.strip_suffix("/64")?.parse().ok()?;
        Some(format!("{}/48", Ipv6Addr::from_bits(prefix.to_bits() & (u128::MAX << 80))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn site_is_the_48_around_an_ipv6_client_alone() {
        let at = |address: &str| Client { address: address.to_owned(), ..Client::default() };
        assert_eq!(at("2001:db8:1:2::/64").site().as_deref(), Some("2001:db8:1::/48"));
        assert_eq!(at("203.0.113.9").site(), None);
        assert_eq!(Client::operator().site(), None);
    }
}
