//! Which client is this? Its network address, for limits.
//!
//! X-Forwarded-For counts only from a trusted proxy, and only its last entry that is none: everything before it was
//! written by strangers. An IPv6 client is its /64, since it can draw addresses from all of it.

use std::net::{IpAddr, Ipv6Addr};

use dropshot::RequestInfo;
use http::HeaderMap;

use super::Settings;

/// What the browser calls itself; empty when it does not say.
pub fn user_agent(headers: &HeaderMap) -> String {
    let named = headers.get(http::header::USER_AGENT);
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
