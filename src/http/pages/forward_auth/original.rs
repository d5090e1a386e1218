//! The request that a proxy asks about: its method, address and origin.
//!
//! Every part is read once and from one place. A request that names a part twice, in two spellings
//! that differ or as a list, is refused: one of the two was written by the client.

use std::borrow::Cow;

use http::header::{HeaderMap, ORIGIN, REFERER};
use http::request::Parts;
use http::{Method, StatusCode};
use specbound::ApiError;

use crate::http::origin::origin_of;

/// How a proxy passes the original request on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyStyle {
    /// In `X-Forwarded-*` or `X-Original-*`.
    InHeaders,
    /// The request itself is the original one, with this prefix on its path.
    AsItself { prefix: &'static str },
}

/// The original request.
#[derive(Debug, PartialEq, Eq)]
pub struct Original<'r> {
    pub method: Method,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// In lower case, with the port unless it is the scheme's default.
    pub host: Cow<'r, str>,
    /// Path and query, as sent.
    pub uri: &'r str,
    /// Detected by any WebSocket header: some proxies do not forward `Upgrade`.
    pub is_web_socket: bool,
}

impl<'r> Original<'r> {
    /// `method` is that of the request of the proxy.
    ///
    /// # Errors
    ///
    /// 403 if the headers of the original request are missing or contradict each other.
    pub fn read(
        style: ProxyStyle,
        head: &'r Parts,
        method: &Method,
        site_url: &str,
    ) -> Result<Original<'r>, ApiError> {
        let stated = OriginalHeaders::read(&head.headers)?;
        let url = stated.url.map(|url| split(url).ok_or_else(ambiguous)).transpose()?;
        let (of_url, uri_of_url) = url.unzip();
        let (scheme_of_url, host_of_url) = of_url.unzip();
        let (method, uri) = match style {
            ProxyStyle::InHeaders => (
                stated.method.and_then(|text| Method::from_bytes(text.as_bytes()).ok()),
                same(stated.uri, uri_of_url)?,
            ),
            ProxyStyle::AsItself { prefix } => {
                let sent = head.uri.path_and_query().map_or("", |sent| sent.as_str());
                // Envoy appends the path as it is: `//` at its start is the client's.
                (Some(method.clone()), sent.strip_prefix(prefix))
            }
        };
        let uri =
            uri.filter(|uri| uri.starts_with('/') && uri.bytes().all(|b| b.is_ascii_graphic()));
        let scheme = same(stated.scheme, scheme_of_url)?;
        let scheme = scheme.unwrap_or_else(|| origin_scheme(site_url));
        let is = |names: [&str; 2]| names.iter().any(|name| scheme.eq_ignore_ascii_case(name));
        let scheme = match () {
            () if is(["https", "wss"]) => "https",
            () if is(["http", "ws"]) => "http",
            () => return Err(ambiguous()),
        };
        let host = match same(stated.host, host_of_url)? {
            Some(host) => Some(host),
            None => {
                stated.own_host.or_else(|| head.uri.authority().map(|authority| authority.as_str()))
            }
        };
        Ok(Original {
            method: method.ok_or_else(ambiguous)?,
            host: plain(scheme, host.ok_or_else(ambiguous)?),
            scheme,
            uri: uri.ok_or_else(ambiguous)?,
            is_web_socket: stated.is_web_socket,
        })
    }

    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.host, self.uri)
    }

    /// Without the query. `#` is part of it, as some services take it.
    pub fn path(&self) -> &str {
        self.uri.split_once('?').map_or(self.uri, |(path, _)| path)
    }

    pub fn is_safe(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
    }

    /// Whether a page of the same origin made the request, by `Sec-Fetch-Site`, `Origin` or
    /// `Referer`; `None` without any of them.
    pub fn is_own_origin(&self, headers: &HeaderMap, trusted: &[String]) -> Option<bool> {
        let text = |name| {
            headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let origin = text(ORIGIN);
        if origin.as_ref().is_some_and(|origin| trusted.contains(origin)) {
            return Some(true);
        }
        if let Some(site) = headers.get("sec-fetch-site") {
            return Some(matches!(site.as_bytes(), b"same-origin" | b"none"));
        }
        let named = origin.or_else(|| text(REFERER).map(|url| origin_of(&url)))?;
        Some(named == format!("{}://{}", self.scheme, self.host) || trusted.contains(&named))
    }
}

fn ambiguous() -> ApiError {
    ApiError::forbidden("The original request is missing or ambiguous.").with_internal(
        "forward authentication: no original method and URI, or one of them twice".to_owned(),
    )
}

/// Headers that tell of the original request, read in one pass over all headers.
#[derive(Default)]
struct OriginalHeaders<'h> {
    method: Option<&'h str>,
    scheme: Option<&'h str>,
    host: Option<&'h str>,
    uri: Option<&'h str>,
    url: Option<&'h str>,
    /// `Host` of the question.
    own_host: Option<&'h str>,
    is_web_socket: bool,
}

impl<'h> OriginalHeaders<'h> {
    /// # Errors
    ///
    /// 403 for two spellings of one name with different values, and for a list.
    fn read(headers: &'h HeaderMap) -> Result<OriginalHeaders<'h>, ApiError> {
        let mut stated = OriginalHeaders::default();
        for (name, value) in headers {
            let part = match name.as_str() {
                "x-forwarded-method" | "x-original-method" => &mut stated.method,
                "x-forwarded-proto" | "x-original-proto" => &mut stated.scheme,
                "x-forwarded-host" | "x-original-host" => &mut stated.host,
                "x-forwarded-uri" | "x-original-uri" => &mut stated.uri,
                "x-original-url" => &mut stated.url,
                "host" => &mut stated.own_host,
                "upgrade" => {
                    stated.is_web_socket |= value.as_bytes().eq_ignore_ascii_case(b"websocket");
                    continue;
                }
                "sec-fetch-mode" => {
                    stated.is_web_socket |= value.as_bytes() == b"websocket";
                    continue;
                }
                "sec-websocket-key" | "sec-websocket-version" => {
                    stated.is_web_socket = true;
                    continue;
                }
                _ => continue,
            };
            let text = value.to_str().map_err(|_| ambiguous())?.trim();
            if text.contains(',') && !text.starts_with('/') {
                return Err(ambiguous());
            }
            *part = same(*part, Some(text).filter(|text| !text.is_empty()))?;
        }
        Ok(stated)
    }
}

/// The one that is given; both, if they are the same.
fn same<'h>(first: Option<&'h str>, second: Option<&'h str>) -> Result<Option<&'h str>, ApiError> {
    match (first, second) {
        (Some(first), Some(second)) if first != second => Err(ambiguous()),
        (first, second) => Ok(first.or(second)),
    }
}

/// Scheme and host of a URL, and its path with the query.
fn split(url: &str) -> Option<((&str, &str), &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, uri) = rest.split_at(rest.find('/')?);
    Some(((scheme, host), uri))
}

fn origin_scheme(url: &str) -> &str {
    url.split_once("://").map_or("http", |(scheme, _)| scheme)
}

/// A host in lower case, without the scheme's own port.
pub fn plain_host(scheme: &str, host: &str) -> String {
    plain(scheme, host).into_owned()
}

fn plain<'h>(scheme: &str, host: &'h str) -> Cow<'h, str> {
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(own_port).unwrap_or(host);
    match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    }
}

/// # Errors
///
/// 403 for a connection that does not come from a proxy of the operator's.
pub fn untrusted_proxy() -> ApiError {
    ApiError::detail(StatusCode::FORBIDDEN, "Forward authentication is for trusted proxies.")
        .with_internal(
            "forward authentication: the connection is not from INVENTREE_TRUSTED_PROXIES"
                .to_owned(),
        )
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const SITE: &str = "https://auth.example.com";

    fn read(style: ProxyStyle, uri: &str, headers: &[(&str, &str)]) -> Option<Original<'static>> {
        let request = headers
            .iter()
            .fold(Request::get(uri), |request, (name, value)| request.header(*name, *value));
        let head = request.body(()).unwrap().into_parts().0;
        Original::read(style, &head, &head.method, SITE).ok().map(|read| Original {
            host: read.host.into_owned().into(),
            uri: read.uri.to_owned().leak(),
            ..read
        })
    }

    #[test]
    fn original_request_is_read_from_three_sets_of_headers() {
        let original = |host: &'static str, uri: &'static str| Original {
            method: Method::POST,
            scheme: "https",
            host: host.into(),
            uri,
            is_web_socket: false,
        };
        let forwarded = [
            ("host", "auth"),
            ("x-forwarded-method", "POST"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "Stock.example.com:443"),
            ("x-forwarded-uri", "/part/1/?q=a,b"),
        ];
        let expected = original("stock.example.com", "/part/1/?q=a,b");
        assert_eq!(read(ProxyStyle::InHeaders, "/platform/auth/", &forwarded), Some(expected));
        let ingress = [
            ("host", "auth"),
            ("x-original-method", "POST"),
            ("x-original-url", "https://stock.example.com:8443/part/"),
        ];
        let expected = original("stock.example.com:8443", "/part/");
        assert_eq!(read(ProxyStyle::InHeaders, "/platform/auth/", &ingress), Some(expected));
        let envoy = ProxyStyle::AsItself { prefix: "/platform/auth/envoy" };
        for uri in ["/part/?q=1", "//part/", "/"] {
            let sent = format!("/platform/auth/envoy{uri}");
            let found = read(envoy, &sent, &[("host", "auth.example.com")]).unwrap();
            assert_eq!((found.method, found.uri), (Method::GET, uri));
        }
    }

    #[test]
    fn ambiguous_or_missing_original_request_is_refused() {
        let good = [("host", "a"), ("x-forwarded-method", "GET"), ("x-forwarded-uri", "/")];
        assert!(read(ProxyStyle::InHeaders, "/", &good).is_some());
        for more in [
            ("x-forwarded-method", "POST"),
            ("x-original-method", "POST"),
            ("x-original-uri", "/static/"),
            ("x-original-url", "https://a/static/"),
            ("x-forwarded-host", "a, b"),
            ("x-forwarded-proto", "https,http"),
            ("x-forwarded-proto", "ftp"),
            ("x-original-url", "no URL"),
        ] {
            let all = [&good[..], &[more]].concat();
            assert_eq!(read(ProxyStyle::InHeaders, "/", &all), None, "{more:?}");
        }
        for left_out in 1..3 {
            let some: Vec<_> =
                good.iter().enumerate().filter(|(n, _)| *n != left_out).map(|(_, h)| *h).collect();
            assert_eq!(read(ProxyStyle::InHeaders, "/", &some), None);
        }
        for uri in ["part", "//a b", "/caf\u{e9}"] {
            let all = [good[0], good[1], ("x-forwarded-uri", uri)];
            assert_eq!(read(ProxyStyle::InHeaders, "/", &all), None, "{uri}");
        }
    }

    #[test]
    fn origin_comes_from_the_headers_of_the_browser() {
        let original = read(
            ProxyStyle::InHeaders,
            "/",
            &[
                ("host", "stock.example.com"),
                ("x-forwarded-method", "POST"),
                ("x-forwarded-uri", "/"),
            ],
        )
        .unwrap();
        let stated = |headers: &[(&'static str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            original.is_own_origin(&map, &["https://app.example.com".to_owned()])
        };
        assert_eq!(stated(&[]), None);
        assert_eq!(stated(&[("origin", "https://stock.example.com")]), Some(true));
        assert_eq!(stated(&[("origin", "https://app.example.com")]), Some(true));
        assert_eq!(stated(&[("origin", "http://stock.example.com")]), Some(false));
        assert_eq!(stated(&[("origin", "null")]), Some(false));
        assert_eq!(stated(&[("referer", "https://stock.example.com/part/")]), Some(true));
        assert_eq!(stated(&[("referer", "https://stock.example.com.evil.example/")]), Some(false));
        for (site, expected) in
            [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false)]
        {
            let marks = [("sec-fetch-site", site), ("origin", "https://stock.example.com")];
            assert_eq!(stated(&marks), Some(expected), "{site}");
        }
    }
}
