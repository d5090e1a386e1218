//! HTTP client for providers: TLS, public addresses only, with a timeout and a maximum response
//! size.
//!
//! A provider's metadata names its other endpoints, so every request is checked, not only the
//! first: metadata cannot direct requests at the internal network (OWASP SSRF). No redirect is
//! followed.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url};

use crate::network::Network;

/// Maximum response size. Real metadata has some kilobytes.
const MAX_BYTES: usize = 512 * 1024;

/// Special-purpose ranges (IANA registries), where no public provider can be.
const SPECIAL: [&str; 22] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    // Link-local, deprecated site-local, multicast.
    "fe80::/9",
];

/// The HTTP client; clones share its connections.
#[derive(Clone)]
pub struct Outgoing {
    client: Client,
    addresses: Arc<AddressPolicy>,
}

/// The addresses that may be contacted.
struct AddressPolicy {
    special: Vec<Network>,
    /// Special ranges that the operator allows.
    private: Vec<Network>,
}

/// Why a request failed.
#[derive(Debug)]
pub struct OutgoingError(pub String);

impl fmt::Display for OutgoingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OutgoingError {}

impl Outgoing {
    /// # Errors
    ///
    /// Why the HTTP client cannot be built.
    pub fn new(private: &[Network], timeout: Duration) -> Result<Outgoing, String> {
        let mut special = vec!["ff00::/8".parse()?];
        for range in SPECIAL {
            special.push(range.parse()?);
        }
        let addresses = Arc::new(AddressPolicy { special, private: private.to_vec() });
        let client = Client::builder()
            .user_agent(concat!("inventree-auth/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(timeout / 2)
            .timeout(timeout)
            .dns_resolver(Arc::new(PublicResolver(Arc::clone(&addresses))))
            .build()
            .map_err(|e| format!("cannot build the HTTP client: {e}"))?;
        Ok(Outgoing { client, addresses })
    }

    /// Checks a URL before its name is resolved.
    ///
    /// # Errors
    ///
    /// The reason, to follow the URL's name in a sentence.
    pub fn allows(&self, url: &str) -> Result<(), String> {
        let url = Url::parse(url).map_err(|e| format!("is not a URL: {e}"))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let address: Option<IpAddr> = host.parse().ok();
        if address.is_some_and(|address| !self.addresses.allow(address)) {
            return Err(format!(
                "is at {host}, which is not a public address: allow it in \
                 INVENTREE_SSO_PRIVATE_NETWORKS"
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("contains a username".to_owned());
        }
        // Plain HTTP must not leave the machine.
        let is_here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        match url.scheme() {
            "https" => Ok(()),
            "http" if is_here => Ok(()),
            _ => Err("must begin with https://".to_owned()),
        }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, OutgoingError> {
        let url = request.uri().to_string();
        // Errors omit the query.
        let place = url.split(['?', '#']).next().unwrap_or_default().to_owned();
        self.allows(&url).map_err(|why| OutgoingError(format!("{place} {why}")))?;
        let failed = |e: reqwest::Error| OutgoingError(format!("{place}: {}", cause(&e)));
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let mut response = self.client.execute(request).await.map_err(failed)?;
        let mut answer = http::Response::builder().status(response.status());
        if let Some(headers) = answer.headers_mut() {
            *headers = std::mem::take(response.headers_mut());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(OutgoingError(format!("{place}: more than {MAX_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        answer.body(body).map_err(|e| OutgoingError(format!("{place}: {e}")))
    }
}

impl<'c> AsyncHttpClient<'c> for Outgoing {
    type Error = OutgoingError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OutgoingError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// The innermost source; the outer errors only say that a request failed.
fn cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if error.is_timeout() { "no answer in time".to_owned() } else { deepest.to_string() }
}

impl AddressPolicy {
    fn allow(&self, address: IpAddr) -> bool {
        let within = |ranges: &[Network]| ranges.iter().any(|range| range.contains(address));
        !within(&self.special) || within(&self.private)
    }
}

/// DNS resolver that drops disallowed addresses. It runs when connecting, so DNS rebinding has no
/// effect.
struct PublicResolver(Arc<AddressPolicy>);

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|found| addresses.allow(found.ip())).collect();
            if allowed.is_empty() {
                let why = format!("{} has no public address", name.as_str());
                return Err(
                    Box::new(OutgoingError(why)) as Box<dyn std::error::Error + Send + Sync>
                );
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(private: &[&str]) -> Outgoing {
        let private: Vec<Network> = private.iter().map(|range| range.parse().unwrap()).collect();
        Outgoing::new(&private, Duration::from_secs(1)).unwrap()
    }

    #[test]
    fn private_addresses_are_not_asked_in_whatever_spelling() {
        let outgoing = outgoing(&[]);
        for url in [
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://192.168.0.1:8443/",
            "https://169.254.169.254/latest/meta-data/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://0.0.0.0/",
            "http://accounts.example.com/",
            "http://127.0.0.1.example.com/",
            "file:///etc/passwd",
            "ftp://example.com/",
            "https://admin@example.com/",
            "nonsense",
        ] {
            assert!(outgoing.allows(url).is_err(), "{url}");
        }
        for url in ["https://accounts.google.com", "https://8.8.8.8/", "https://[2606:4700::1111]/"]
        {
            assert_eq!(outgoing.allows(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn allowed_private_network_opens_itself_alone_and_plain_http_only_on_this_machine() {
        let outgoing = outgoing(&["10.0.0.0/8", "127.0.0.1"]);
        for url in ["https://10.9.8.7/realms/a", "http://127.0.0.1:9000", "http://localhost:9000"] {
            assert_eq!(outgoing.allows(url), Ok(()), "{url}");
        }
        for url in ["https://192.168.0.1/", "http://10.9.8.7/", "https://127.0.0.2/"] {
            assert!(outgoing.allows(url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn name_that_leads_to_a_private_address_is_not_followed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        let request = http::Request::builder().uri(&url).body(Vec::new()).unwrap();
        let refused = outgoing(&[]).send(request).await.unwrap_err();
        assert!(refused.0.contains("localhost has no public address"), "{refused}");
    }
}
