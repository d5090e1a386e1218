//! A workshop: a server of `workshop.yaml`, whose operations return their input.

mod operations;

/// Generated from `workshop.yaml`.
#[allow(missing_docs, clippy::all)]
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

use std::error::Error;
use std::sync::Arc;

use specbound::connections::{self, Connections};
use specbound::{ApiError, Credentials, Host, HttpService};

/// A server without state.
pub struct Workshop;

impl Host for Workshop {
    type Caller = ();
    type Scheme = ();
    type Exchange = ();

    const SCHEMES: &'static [(&'static str, ())] = &[];

    async fn authenticate(
        &self,
        (): (),
        _: &mut Credentials<'_, Workshop>,
    ) -> Result<Option<()>, ApiError> {
        Ok(None)
    }

    fn combine(&self, (): (), (): ()) -> Result<(), ApiError> {
        Ok(())
    }

    fn begin(&self, _: &mut http::Request<dropshot::Body>) {}
}

/// Serves the workshop on a free port until the connections are stopped.
///
/// # Errors
///
/// When the document and this server do not fit together.
pub async fn start() -> Result<Connections, Box<dyn Error + Send + Sync>> {
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let api = api::api_mod::api_description::<Workshop>()?;
    let operations = api::OPERATIONS;
    let service =
        HttpService::start(Arc::new(Workshop), api, operations, Vec::new(), log.clone()).await?;
    let address = "127.0.0.1:0".parse()?;
    Ok(Connections::listen(address, connections::most(), None, Arc::new(service), log)?)
}
