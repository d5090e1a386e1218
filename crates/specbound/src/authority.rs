//! The host that a request names (RFC 9112, 3.2; RFC 9113, 8.3.1): one, well-formed, and in
//! HTTP/1.0 perhaps none.
//!
//! It is never believed, as a link would be; but two of them, or none, are read in one way by a
//! proxy and in another one here.

use std::net::Ipv6Addr;

use http::header::HOST;
use http::{Request, StatusCode, Version};

use crate::ApiError;

/// # Errors
///
/// 400 for a request that names several hosts, none, or one that cannot be one.
pub fn check<B>(request: &Request<B>) -> Result<(), ApiError> {
    let refused = |why: &str| Err(ApiError::detail(StatusCode::BAD_REQUEST, why));
    let mut sent = request.headers().get_all(HOST).into_iter();
    // The authority of HTTP/2, and of a request target in absolute form.
    let authority = request.uri().authority();
    let is_named = match (request.version(), authority) {
        (Version::HTTP_09 | Version::HTTP_10, _) => true,
        (Version::HTTP_11, _) => false,
        (_, authority) => authority.is_some(),
    };
    match (sent.next(), sent.next()) {
        (None, _) if is_named => Ok(()),
        (None, _) => refused("The request has no Host header."),
        (Some(_), Some(_)) => refused("The request has more than one Host header."),
        (Some(host), None) if !is_host(host.as_bytes()) => refused("The Host header is invalid."),
        (Some(host), None) => match authority {
            Some(authority)
                if request.version() >= Version::HTTP_2 && host != authority.as_str() =>
            {
                refused("The Host header is not the request's authority.")
            }
            _ => Ok(()),
        },
    }
}

/// `uri-host [ ":" port ]` of RFC 3986; may be empty.
fn is_host(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let (is_name, port) = match value.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address.parse::<Ipv6Addr>().is_ok(), rest),
        None => {
            let (name, port) = value.split_at(value.find(':').unwrap_or(value.len()));
            let is_name =
                |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
            (name.bytes().all(is_name), port)
        }
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    is_name && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(version: Version, uri: &str, hosts: &[&str]) -> Result<(), StatusCode> {
        let mut request = Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        check(&request.body(()).unwrap()).map_err(|error| error.status())
    }

    #[test]
    fn exactly_one_host_is_required() {
        const BAD: Result<(), StatusCode> = Err(StatusCode::BAD_REQUEST);
        for (version, none, two) in [
            (Version::HTTP_10, Ok(()), BAD),
            (Version::HTTP_11, BAD, BAD),
            (Version::HTTP_2, BAD, BAD),
        ] {
            assert_eq!(status(version, "/", &[]), none, "{version:?}");
            assert_eq!(status(version, "/", &["x"]), Ok(()), "{version:?}");
            assert_eq!(status(version, "/", &["x", "x"]), two, "{version:?}");
        }
        assert_eq!(status(Version::HTTP_11, "http://x/", &[]), BAD);
        assert_eq!(
            status(Version::HTTP_11, "http://x/", &["y"]),
            Ok(()),
            "RFC 9112, 3.2.2: the target counts"
        );
        assert_eq!(status(Version::HTTP_2, "http://x/", &[]), Ok(()));
        assert_eq!(status(Version::HTTP_2, "http://x/", &["x"]), Ok(()));
        assert_eq!(status(Version::HTTP_2, "http://x/", &["y"]), BAD);
    }

    #[test]
    fn host_is_a_name_or_address_with_an_optional_port() {
        for good in [
            "",
            "x",
            "my_app:8000",
            "auth.example.com",
            "127.0.0.1:80",
            "[::1]",
            "[2001:db8::1]:443",
            "x:",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "x y", "x:y", "a@b", "x/", "x:1:2", "[::1", "::1", "[x]", "[::1]x", "x?", "x#",
            "http://x", "\u{e4}",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}
