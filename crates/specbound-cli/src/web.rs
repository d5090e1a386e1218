//! Documents behind URLs, which are fetched only if the caller allows it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use specbound_contract::FileReader;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};
use url::Url;

/// Longest time for one document.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads URLs, and leaves other paths to another reader.
pub struct HttpReader {
    agent: Agent,
    other: Rc<dyn FileReader>,
}

impl HttpReader {
    /// With a reader for what is no URL.
    pub fn new(other: Rc<dyn FileReader>) -> HttpReader {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::WebPki)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(TIMEOUT))
            .max_redirects(5)
            .user_agent(concat!("specbound/", env!("CARGO_PKG_VERSION")))
            .build();
        HttpReader { agent: config.into(), other }
    }
}

/// The URL that a path stands for.
pub fn url(path: &Path) -> Option<Url> {
    let url = Url::parse(path.to_str()?).ok()?;
    ["http", "https"].contains(&url.scheme()).then_some(url)
}

impl FileReader for HttpReader {
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        match url(path) {
            Some(url) => Ok(url.as_str().into()),
            None => self.other.canonical(path),
        }
    }

    fn follow(&self, from: &Path, reference: &str) -> io::Result<PathBuf> {
        // A document on a server cannot refer to files of this machine.
        let target = match (url(from), url(Path::new(reference))) {
            (Some(from), _) => from.join(reference).ok(),
            (None, Some(target)) => Some(target),
            (None, None) => return self.other.follow(from, reference),
        };
        let target = target.filter(|url| ["http", "https"].contains(&url.scheme()));
        let mut target =
            target.ok_or_else(|| io::Error::other("that is no URL of http or https"))?;
        target.set_fragment(None);
        Ok(target.as_str().into())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let Some(url) = url(path) else { return self.other.open(path) };
        let response = self.agent.get(url.as_str()).call().map_err(io::Error::other)?;
        Ok(Box::new(response.into_body().into_reader()))
    }

    fn fetches(&self) -> bool {
        true
    }
}
