//! The [`Operation`] of a request, and its [`Client`]: network address, browser and cookies that
//! identify it.
//!
//! X-Forwarded-For counts only from a trusted proxy, and only its last entry that is not a trusted
//! proxy itself: clients can forge everything before it. An IPv6 client is its /64, since it can
//! use every address in it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;

use super::cookies::{self, DEVICE_COOKIE, MAX_SAME_NAME, REMEMBERED_COOKIE};
use super::signed_in::{Credential, SignedIn};
use super::{AppState, Context, PageRequest, Settings, language};
use crate::domain::client::Client;
use crate::domain::device_cookie::DeviceCookie;
use crate::domain::keys::digest;
use crate::domain::operation::{Actor, Operation, Revocable};
use crate::domain::sealed::Sealed;
use specbound::{Credentials, headers};

/// Longer ones are not ours.
const MAX_REMEMBERED_BYTES: usize = 2048;

/// The operation of a documented request, by its caller if it has one.
pub fn operation<'a>(rqctx: &Context, caller: impl Into<Option<&'a SignedIn>>) -> Operation {
    let (server, request) = (&rqctx.server.private, &rqctx.request);
    let client = read(&server.settings, request.headers(), request.remote_addr());
    let caller = caller.into();
    Operation::of_request(&server.app, actor(caller), client, &rqctx.request_id)
        .by(caller.and_then(revocable))
}

/// The operation of a request for a page.
pub fn page_operation(server: &AppState, request: &PageRequest) -> Operation {
    let client = read(&server.settings, &request.request.headers, request.remote);
    let caller = request.caller.as_ref();
    Operation::of_request(&server.app, actor(caller), client, &request.request_id)
        .by(caller.and_then(revocable))
}

/// The operation of a request whose credentials are being checked.
pub fn credentials_operation(credentials: &Credentials<'_, AppState>) -> Operation {
    let Credentials { host, head, remote, request_id, .. } = credentials;
    let client = read(&host.settings, &head.headers, *remote);
    Operation::of_request(&host.app, Actor::Anonymous, client, request_id)
}

fn actor(caller: Option<&SignedIn>) -> Actor {
    caller.map_or(Actor::Anonymous, |caller| Actor::Account(caller.account.id))
}

fn revocable(caller: &SignedIn) -> Option<Revocable> {
    match caller.credential {
        Credential::Session { digest } => Some(Revocable::Session(digest)),
        Credential::Token { id } => Some(Revocable::Token(id)),
        Credential::Basic => None,
    }
}

/// The client of a request with these headers, from this peer.
pub fn read(settings: &Settings, headers: &HeaderMap, remote: SocketAddr) -> Client {
    Client {
        address: address(settings, headers, remote),
        user_agent: user_agent(headers),
        language: language::requested(&settings.languages, headers),
        device: device(headers),
        remembered: remembered(headers),
        sessions: cookies::sessions(headers, &settings.http.session_cookie).map(digest).collect(),
    }
}

fn device(headers: &HeaderMap) -> Option<DeviceCookie> {
    cookies::all(headers, DEVICE_COOKIE).take(MAX_SAME_NAME).find_map(DeviceCookie::read)
}

fn remembered(headers: &HeaderMap) -> Vec<Sealed> {
    let sent = cookies::all(headers, REMEMBERED_COOKIE).take(MAX_SAME_NAME);
    sent.filter(|text| text.len() <= MAX_REMEMBERED_BYTES).map(Sealed::new).collect()
}

fn user_agent(headers: &HeaderMap) -> String {
    let named = headers.get(http::header::USER_AGENT);
    named.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// Whether the connection is from a proxy whose headers count.
pub fn is_trusted_proxy(settings: &Settings, remote: SocketAddr) -> bool {
    is_trusted(settings, remote.ip().to_canonical())
}

fn is_trusted(settings: &Settings, address: IpAddr) -> bool {
    settings.http.trusted_proxies.iter().any(|network| network.contains(address))
}

fn address(settings: &Settings, headers: &HeaderMap, remote: SocketAddr) -> String {
    let is_trusted = |address| is_trusted(settings, address);
    let mut client = remote.ip().to_canonical();
    if is_trusted(client) {
        let hops = headers::elements(headers, "x-forwarded-for").filter(|hop| !hop.is_empty());
        for hop in hops.rev() {
            // A malformed hop ends the walk at the last valid one: the client may have forged it.
            let Some(address) = host(hop) else { break };
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

/// An address as proxies write it: alone, with a port, or in brackets.
fn host(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?;
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    hop.parse().ok().or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_address_is_parsed_with_and_without_a_port() {
        for (hop, address) in [
            ("203.0.113.9", "203.0.113.9"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
        ] {
            assert_eq!(host(hop.as_bytes()), address.parse().ok(), "{hop}");
        }
        for hop in ["", "unknown", "203.0.113.9:", "203.0.113.9:port", "[203.0.113.9]x", "_hidden"]
        {
            assert_eq!(host(hop.as_bytes()), None, "{hop}");
        }
        assert_eq!(host(b"203.0.113.9\xff"), None);
    }
}
