//! The client of a request, as the rules see it.
//!
//! Part of an [`Operation`](super::operation::Operation). Must never hold a plaintext
//! credential.

use std::net::Ipv6Addr;

use super::device_cookie::DeviceCookie;
use super::sealed::Sealed;

/// The client that makes a request.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Network address; an IPv6 client is its /64. The key of every limit, and the client's name in
    /// the audit trail.
    pub address: String,
    /// The User-Agent header; empty if absent.
    pub user_agent: String,
    /// The tag of the language that it asks for; empty if it asks for none.
    pub language: String,
    /// The device cookie, unverified; see [`known_clients::client_trust`].
    ///
    /// [`known_clients::client_trust`]: super::known_clients::client_trust
    pub device: Option<DeviceCookie>,
    /// Marks of a browser that skips the second step, unverified; see [`factors::sign_in`].
    ///
    /// [`factors::sign_in`]: super::factors::sign_in
    pub remembered: Vec<Sealed>,
    /// Digests of the sessions that a browser sent: a new one takes their place.
    pub sessions: Vec<[u8; 32]>,
}

impl Client {
    /// The /48 of an IPv6 client: networks often assign this much to one customer.
    pub fn site(&self) -> Option<String> {
        let prefix: Ipv6Addr = self.address.strip_suffix("/64")?.parse().ok()?;
        Some(format!("{}/48", Ipv6Addr::from_bits(prefix.to_bits() & (u128::MAX << 80))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn site_of_an_ipv6_client_is_its_48() {
        let at = |address: &str| Client { address: address.to_owned(), ..Client::default() };
        assert_eq!(at("2001:db8:1:2::/64").site().as_deref(), Some("2001:db8:1::/48"));
        assert_eq!(at("203.0.113.9").site(), None);
        assert_eq!(Client::default().site(), None);
    }
}
