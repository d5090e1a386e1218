//! Which client is this? Its network address, for limits.
//!
//! X-Forwarded-For counts only from a trusted proxy, and only its last entry that is none: everything before it was
//! written by strangers. An IPv6 client is its /64, since it can draw addresses from all of it.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use dropshot::RequestInfo;

use super::Settings;

/// An address range, `192.0.2.0/24` or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        // What the two differ in lies behind the prefix; one of each kind have nothing in common.
        let behind = |length: u32| length - u32::from(self.prefix);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(v4), IpAddr::V4(other)) => {
                (v4.to_bits() ^ other.to_bits()).checked_shr(behind(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(v6), IpAddr::V6(other)) => {
                (v6.to_bits() ^ other.to_bits()).checked_shr(behind(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Network, String> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let wrong = || format!("`{text}` is no address or range, such as 192.0.2.7 or 10.0.0.0/8");
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let address = address.to_canonical();
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), |p| p.trim().parse()).map_err(|_| wrong())?;
        if prefix > longest {
            return Err(wrong());
        }
        Ok(Network { address, prefix })
    }
}

/// What the browser calls itself; empty when it does not say.
pub fn user_agent(request: &RequestInfo) -> String {
    let named = request.headers().get(http::header::USER_AGENT);
    named.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// Name of the client in every limit.
pub fn address(settings: &Settings, request: &RequestInfo) -> String {
    let is_trusted = |address: IpAddr| settings.trusted_proxies.iter().any(|network| network.contains(address));
    let mut client = request.remote_addr().ip().to_canonical();
    if is_trusted(client) {
        let forwarded = request.headers().get_all("x-forwarded-for").into_iter().filter_map(|v| v.to_str().ok());
        let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
        for hop in hops.into_iter().rev() {
            let Ok(address) = hop.parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !is_trusted(client) {
                break;
            }
        }
    }
    match client {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("{}/64", Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_their_addresses_only() {
        let network: Network = "10.0.0.0/8".parse().unwrap();
        assert!(network.contains("10.255.0.1".parse().unwrap()));
        assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!network.contains("11.0.0.1".parse().unwrap()));
        assert!(!network.contains("::1".parse().unwrap()));
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()));
        let single: Network = "::1".parse().unwrap();
        assert!(single.contains("::1".parse().unwrap()));
        assert!(!single.contains("::2".parse().unwrap()));
        assert!(!single.contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn nonsense_is_refused_in_one_sentence() {
        for text in ["", "10.0.0.0/33", "::/129", "proxy", "10.0.0.0/x"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
