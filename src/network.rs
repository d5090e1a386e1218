//! CIDR ranges: trusted proxies, and private networks where sign-in providers are allowed.

use std::net::IpAddr;
use std::str::FromStr;

/// A CIDR range, `192.0.2.0/24`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        // Equal prefixes differ only in the low bits. IPv4 and IPv6 never match.
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

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an address or range, such as 192.0.2.7 or 10.0.0.0/8")]
pub struct InvalidNetwork(String);

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Network, InvalidNetwork> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let wrong = || InvalidNetwork(text.to_owned());
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
    fn invalid_input_fails_with_one_line() {
        for text in ["", "10.0.0.0/33", "::/129", "proxy", "10.0.0.0/x"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
