//! A workshop: a server of `workshop.yaml`, whose operations return their input.

mod operations;
pub mod streams;

/// Generated from `workshop.yaml`.
#[allow(missing_docs, clippy::all)]
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

use std::error::Error;
use std::sync::Arc;

use specbound::body::{BodyLimits, UploadLimits};
use specbound::connections::{self, Connections, Service};
use specbound::{ApiError, Credentials, Formats, Host, HttpService, metrics};

/// The scopes that the caller's credentials name. Any token is good.
pub struct Caller(pub Vec<String>);

/// A security scheme.
#[derive(Clone, Copy)]
pub enum Scheme {
    /// A bearer token.
    Oauth,
    /// A header.
    Badge,
    /// A cookie, and a form field `csrf` with the same value.
    Desk,
}

/// A server without state.
pub struct Workshop;

impl Host for Workshop {
    type Caller = Caller;
    type Scheme = Scheme;
    type Exchange = ();

    const SCHEMES: &'static [(&'static str, Scheme)] =
        &[("oauth", Scheme::Oauth), ("desk", Scheme::Desk), ("badge", Scheme::Badge)];
    const FORMATS: &'static Formats = &Formats {
        // An address that can never get email (RFC 2606).
        holds: |format, text| format.holds(text) && !text.ends_with("@example.invalid"),
        ..Formats::DEFAULT
    };
    const BODY_LIMITS: &'static BodyLimits = &BodyLimits { bytes: 4096, values: 40, depth: 8 };
    const UPLOAD_LIMITS: &'static UploadLimits =
        &UploadLimits { files: 5, file_bytes: 6 << 20, bytes: 8 << 20, ..UploadLimits::DEFAULT };

    async fn authenticate(
        &self,
        scheme: Scheme,
        credentials: &mut Credentials<'_, Workshop>,
    ) -> Result<Option<Caller>, ApiError> {
        let (header, prefix) = match scheme {
            Scheme::Oauth => ("authorization", "Bearer "),
            Scheme::Badge => ("badge", ""),
            Scheme::Desk => ("cookie", "desk="),
        };
        let sent = credentials.head.headers.get(header).and_then(|value| value.to_str().ok());
        let scopes = sent.and_then(|sent| sent.strip_prefix(prefix));
        if let (Scheme::Desk, Some(desk)) = (scheme, scopes)
            && credentials.body.form_field("csrf").await.as_deref() != Some(desk)
        {
            return Ok(None);
        }
        Ok(scopes.map(|scopes| Caller(scopes.split(' ').map(str::to_owned).collect())))
    }

    fn combine(&self, first: Caller, _: Caller) -> Result<Caller, ApiError> {
        Ok(first)
    }

    fn has_scope(&self, _: Scheme, caller: &Caller, scope: &str) -> bool {
        caller.0.iter().any(|granted| granted == scope)
    }

    fn challenge(&self, scheme: Scheme) -> Option<&'static str> {
        match scheme {
            Scheme::Oauth => Some("Bearer realm=\"workshop\""),
            Scheme::Badge | Scheme::Desk => None,
        }
    }

    fn begin(&self, _: &mut http::Request<dropshot::Body>) {}
}

/// Serves the workshop on a free port until the connections are stopped.
///
/// # Errors
///
/// When the document and this server do not fit together.
pub async fn start() -> Result<Connections, Box<dyn Error + Send + Sync>> {
    Ok(start_counted().await?.0)
}

/// The same, and its metrics.
///
/// # Errors
///
/// As [`start`].
pub async fn start_counted() -> Result<(Connections, metrics::Http), Box<dyn Error + Send + Sync>> {
    start_with(connections::max_connections()).await
}

/// The same with at most so many connections.
///
/// # Errors
///
/// As [`start`].
pub async fn start_with(
    most: usize,
) -> Result<(Connections, metrics::Http), Box<dyn Error + Send + Sync>> {
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let api = api::api_mod::api_description::<Workshop>()?;
    let operations = api::OPERATIONS;
    let service =
        HttpService::start(Arc::new(Workshop), api, operations, Vec::new(), log.clone()).await?;
    #[cfg(debug_assertions)]
    let service = service.check_responses(api::RESPONSES);
    let address = "127.0.0.1:0".parse()?;
    let metrics = service.metrics().clone();
    Ok((Connections::listen(address, most, None, Arc::new(service), log)?, metrics))
}
