//! A library that lends nothing, in memory: a server of `library.yaml`.
//!
//! The document says which paths, methods, parameters, bodies, statuses and credentials there are.
//! `build.rs` generates the module [`api`] from it, and specbound enforces it. The rest is here:
//! [`books`], [`fee`], and authentication.

// `library.yaml` names a type of this crate, in the client of the tests too.
extern crate self as library;

mod books;
pub mod fee;

/// Generated from `library.yaml`.
#[allow(missing_docs, clippy::all)]
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use specbound::connections::{self, Connections};
use specbound::{ApiError, Credentials, Host, HttpService, Page};

/// The books by number, each with its shelf.
#[derive(Default)]
pub struct Library(Mutex<BTreeMap<i64, (String, api::types::Book)>>);

/// The security schemes of the document.
#[derive(Clone, Copy)]
pub enum Scheme {
    ReaderKey,
    Branch,
}

/// The keys that a request proved.
#[derive(Default)]
pub struct Reader {
    pub key: Option<String>,
    pub branch: Option<String>,
}

impl Host for Library {
    type Caller = Reader;
    type Scheme = Scheme;
    type Exchange = ();

    const SCHEMES: &'static [(&'static str, Scheme)] =
        &[("readerKey", Scheme::ReaderKey), ("branch", Scheme::Branch)];
    const LENIENT_PARAMETERS: bool = true;

    async fn authenticate(
        &self,
        scheme: Scheme,
        credentials: &mut Credentials<'_, Library>,
    ) -> Result<Option<Reader>, ApiError> {
        let sent = |name: &str| {
            let value = credentials.head.headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        match scheme {
            // A real library would look the keys up.
            Scheme::ReaderKey => match sent("x-key") {
                Some(key) if key != "k" => Err(credentials.unauthorized("Unknown key.")),
                key => Ok(key.map(|key| Reader { key: Some(key), ..Reader::default() })),
            },
            Scheme::Branch => match sent("x-branch") {
                Some(branch) if branch != "b" => Err(credentials.unauthorized("Unknown branch.")),
                branch => {
                    Ok(branch.map(|branch| Reader { branch: Some(branch), ..Reader::default() }))
                }
            },
        }
    }

    fn combine(&self, first: Reader, second: Reader) -> Result<Reader, ApiError> {
        Ok(Reader { key: first.key.or(second.key), branch: first.branch.or(second.branch) })
    }

    fn begin(&self, _: &mut http::Request<dropshot::Body>) {}
}

/// Serves the library, with these pages beside it, until the connections are stopped.
///
/// # Errors
///
/// When the document and this server do not fit together, or the address is taken.
pub async fn start(
    address: SocketAddr,
    pages: Vec<Box<dyn Page<Library>>>,
) -> Result<Connections, Box<dyn Error + Send + Sync>> {
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let api = api::api_mod::api_description::<Library>()?;
    let library = Arc::new(Library::default());
    let service = HttpService::start(library, api, api::OPERATIONS, pages, log.clone()).await?;
    // A response that contradicts the document is logged and becomes 500.
    #[cfg(debug_assertions)]
    let service = service.check_responses(api::RESPONSES);
    Ok(Connections::listen(address, connections::max_connections(), None, Arc::new(service), log)?)
}
