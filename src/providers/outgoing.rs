//! HTTP client for providers: TLS, public addresses only, with a timeout and a maximum response
//! size.
//!
//! A provider's metadata names its other endpoints, so every request is checked, not only the
//! first: metadata cannot direct requests at the internal network (OWASP SSRF). No redirect is
//! followed.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Certificate, Client, RequestBuilder, StatusCode, Url};
use serde_json::{Map, Value};

use super::{ProviderError, SetupError};
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

/// A provider's response of any status.
pub struct Response {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

impl Response {
    /// # Errors
    ///
    /// [`ProviderError`] for a status that is no success.
    pub fn require_success(&self, what: &str) -> Result<(), ProviderError> {
        match self.status {
            status if status.is_success() => Ok(()),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(ProviderError::Unreachable(format!("{what}: status {}", status.as_u16())))
            }
            status => Err(ProviderError::Unusable(format!("{what}: status {}", status.as_u16()))),
        }
    }

    /// The body of a success, as a JSON object.
    ///
    /// # Errors
    ///
    /// [`ProviderError`]
    pub fn json(&self, what: &str) -> Result<Map<String, Value>, ProviderError> {
        self.require_success(what)?;
        serde_json::from_slice(&self.body)
            .map_err(|_| ProviderError::Unusable(format!("{what}: not a JSON object")))
    }
}

/// Why a URL is not requested, to follow the URL's name in a sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlRejected(String);

/// # Errors
///
/// [`SetupError::Roots`] for a file that cannot be read or has no certificate.
fn read_roots(path: &Path) -> Result<Vec<Certificate>, SetupError> {
    let failed = |reason: String| SetupError::Roots { path: path.to_owned(), reason };
    let pem = std::fs::read(path).map_err(|e| failed(e.to_string()))?;
    let roots = Certificate::from_pem_bundle(&pem)
        .map_err(|_| failed("not a PEM file with certificates".to_owned()))?;
    match roots.is_empty() {
        true => Err(failed("there is no certificate in it".to_owned())),
        false => Ok(roots),
    }
}

impl Outgoing {
    /// # Errors
    ///
    /// The HTTP client cannot be built.
    pub fn new(
        private: &[Network],
        root_certificates: Option<&Path>,
        timeout: Duration,
    ) -> Result<Outgoing, SetupError> {
        let mut special = vec!["ff00::/8".parse()?];
        for range in SPECIAL {
            special.push(range.parse()?);
        }
        let addresses = Arc::new(AddressPolicy { special, private: private.to_vec() });
        let mut client = Client::builder();
        for root in root_certificates.map(read_roots).transpose()?.unwrap_or_default() {
            client = client.add_root_certificate(root);
        }
        let client = client
            .user_agent(concat!("inventree-auth/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(timeout / 2)
            .timeout(timeout)
            .dns_resolver(Arc::new(PublicResolver(Arc::clone(&addresses))))
            .build()
            .map_err(SetupError::HttpClient)?;
        Ok(Outgoing { client, addresses })
    }

    /// Checks a URL before its name is resolved.
    ///
    /// # Errors
    ///
    /// [`UrlRejected`]
    pub fn allows(&self, url: &str) -> Result<(), UrlRejected> {
        let url = Url::parse(url).map_err(|e| UrlRejected(format!("is not a URL: {e}")))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let address: Option<IpAddr> = host.parse().ok();
        if address.is_some_and(|address| !self.addresses.allow(address)) {
            return Err(UrlRejected(format!(
                "is at {host}, which is not a public address: allow it in \
                 INVENTREE_SSO_PRIVATE_NETWORKS"
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlRejected("contains a username".to_owned()));
        }
        // Plain HTTP must not leave the machine.
        let is_here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        match url.scheme() {
            "https" => Ok(()),
            "http" if is_here => Ok(()),
            _ => Err(UrlRejected("must begin with https://".to_owned())),
        }
    }

    /// # Errors
    ///
    /// [`ProviderError`] if there is no response.
    pub async fn get(&self, url: &Url, bearer: Option<&str>) -> Result<Response, ProviderError> {
        let mut request = self.client.get(url.clone());
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        self.send(url, request).await
    }

    /// Posts a form, with the client's credentials encoded for RFC 6749, 2.3.1.
    ///
    /// # Errors
    ///
    /// [`ProviderError`] if there is no response.
    pub async fn post_form(
        &self,
        url: &Url,
        basic: Option<(&str, &str)>,
        form: &[(&str, &str)],
    ) -> Result<Response, ProviderError> {
        let encoded =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        if let Some((id, secret)) = basic {
            request = request.basic_auth(encoded(id), Some(encoded(secret)));
        }
        self.send(url, request).await
    }

    async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Response, ProviderError> {
        // Errors omit the query.
        let place = url.as_str().split(['?', '#']).next().unwrap_or_default();
        self.allows(url.as_str())
            .map_err(|why| ProviderError::Unusable(format!("{place} {why}")))?;
        let failed = |e: reqwest::Error| {
            ProviderError::Unreachable(one_line(&format!("{place}: {}", cause(&e))))
        };
        let request = request.header(ACCEPT, "application/json");
        let mut response = request.send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BYTES {
                let why = format!("{place}: more than {MAX_BYTES} bytes");
                return Err(ProviderError::Unusable(why));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status: response.status(), body })
    }
}

/// Untrusted text for the log: one line of bounded length.
pub fn one_line(text: &str) -> String {
    const MAX_CHARACTERS: usize = 300;
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARACTERS).collect()
}

/// The innermost source; the outer errors only say that a request failed.
fn cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if error.is_timeout() { "no response in time".to_owned() } else { deepest.to_string() }
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
                return Err(why.into());
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
        Outgoing::new(&private, None, Duration::from_secs(1)).unwrap()
    }

    #[test]
    fn private_addresses_are_refused_in_every_notation() {
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
    fn allowed_private_network_permits_no_other_and_plain_http_on_loopback_only() {
        let outgoing = outgoing(&["10.0.0.0/8", "127.0.0.1"]);
        for url in ["https://10.9.8.7/realms/a", "http://127.0.0.1:9000", "http://localhost:9000"] {
            assert_eq!(outgoing.allows(url), Ok(()), "{url}");
        }
        for url in ["https://192.168.0.1/", "http://10.9.8.7/", "https://127.0.0.2/"] {
            assert!(outgoing.allows(url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn name_that_resolves_to_a_private_address_is_refused() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        let refused = outgoing(&[]).get(&url.parse().unwrap(), None).await.map(drop).unwrap_err();
        let ProviderError::Unreachable(why) = refused else { panic!("{refused:?}") };
        assert!(why.contains("localhost has no public address"), "{why}");
    }
}
