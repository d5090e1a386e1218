//! The site that a browser request comes from: Sec-Fetch-Site (Fetch Metadata), Origin and
//! Referer.
//!
//! Pages cannot set these headers, so a request marked as cross-site was made by another site.
//! Programs send none of them.

use std::net::IpAddr;

use http::header::{HOST, HeaderMap, ORIGIN, REFERER};
use http::uri::Authority;

use super::AppState;
use crate::domain::accounts::Grant;

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Who made a browser send a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initiator {
    /// A page of this site or of a trusted origin, or the person at the browser.
    Own,
    /// Another site, a sibling included: it can be an attacker's.
    Foreign,
    /// Not a browser, or one that sends no such header.
    Unmarked,
}

pub fn initiator(server: &AppState, headers: &HeaderMap) -> Initiator {
    let origin = headers.get(ORIGIN).map(|value| String::from_utf8_lossy(value.as_bytes()));
    if origin.as_ref().is_some_and(|origin| is_trusted(server, origin)) {
        return Initiator::Own;
    }
    match (headers.get(SEC_FETCH_SITE).map(|site| site.as_bytes()), origin) {
        (Some(b"same-origin" | b"none"), _) => Initiator::Own,
        (Some(_), _) => Initiator::Foreign,
        (None, Some(origin)) if is_own_origin(server, headers, &origin) => Initiator::Own,
        (None, Some(_)) => Initiator::Foreign,
        (None, None) => Initiator::Unmarked,
    }
}

/// The session of a login through the API: a cross-site request gets none (login CSRF).
pub fn grant(server: &AppState, headers: &HeaderMap) -> Grant {
    match initiator(server, headers) {
        Initiator::Foreign => Grant::Token,
        Initiator::Own | Initiator::Unmarked => Grant::TokenAndSession,
    }
}

/// Whether a GET may end the session that it was sent with: if `Sec-Fetch-Site` says same-origin or
/// user-initiated, or if it is absent where browsers would have sent it.
pub fn may_end_session(server: &AppState, headers: &HeaderMap) -> bool {
    match headers.get(SEC_FETCH_SITE) {
        Some(site) => matches!(site.as_bytes(), b"same-origin" | b"none"),
        None => {
            !names_foreign_origin(server, headers) && browsers_send_fetch_metadata(server, headers)
        }
    }
}

fn names_foreign_origin(server: &AppState, headers: &HeaderMap) -> bool {
    let text = |name| {
        headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let referer = text(REFERER).map(|url| origin_of(&url));
    [text(ORIGIN), referer]
        .into_iter()
        .flatten()
        .any(|origin| !is_own_origin(server, headers, &origin))
}

/// Browsers send Sec-Fetch-Site to potentially trustworthy URLs alone: https, and loopback hosts.
fn browsers_send_fetch_metadata(server: &AppState, headers: &HeaderMap) -> bool {
    server.settings.site_url.starts_with("https:") || is_loopback_host(headers)
}

/// The configured site, a trusted origin, or the host the client asked for.
pub fn is_own_origin(server: &AppState, headers: &HeaderMap, origin: &str) -> bool {
    let site = origin_of(&server.settings.site_url);
    let scheme = site.split_once("://").map_or("http", |(scheme, _)| scheme);
    // A Host beyond ASCII is no host, and equals no origin.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    origin == site
        || (!host.is_empty() && origin == format!("{scheme}://{host}"))
        || is_trusted(server, origin)
}

fn is_trusted(server: &AppState, origin: &str) -> bool {
    server.settings.http.trusted_origins.iter().any(|trusted| trusted == origin)
}

/// Scheme, host and port of a URL.
pub fn origin_of(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return String::new() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// Whether the client named this machine itself in `Host`: a name that no other site can point here
/// (DNS rebinding).
pub fn is_loopback_host(headers: &HeaderMap) -> bool {
    headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(names_loopback)
}

/// Loopback or an IP address: no DNS record can point either elsewhere.
pub fn is_fixed_host(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_address = host
        .parse::<Authority>()
        .is_ok_and(|authority| authority.host().trim_matches(['[', ']']).parse::<IpAddr>().is_ok());
    is_address || is_loopback_host(headers)
}

fn names_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().to_ascii_lowercase();
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&name);
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_loopback_names_are_fixed_hosts() {
        let is_fixed = |host: &'static str| {
            is_fixed_host(&HeaderMap::from_iter([(HOST, http::HeaderValue::from_static(host))]))
        };
        for host in ["localhost:8000", "192.0.2.7:8000", "192.0.2.7", "[2001:db8::1]:80"] {
            assert!(is_fixed(host), "{host}");
        }
        for host in ["", "example.com", "192.0.2.7.example.com", "[2001:db8::1"] {
            assert!(!is_fixed(host), "{host}");
        }
    }

    #[test]
    fn only_loopback_names_resolve_to_this_machine() {
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "demo.localhost",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]",
            "[::1]:8000",
        ] {
            assert!(names_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "notlocalhost",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "[::2]",
            "localhost@example.com",
        ] {
            assert!(!names_loopback(host), "{host}");
        }
    }
}
