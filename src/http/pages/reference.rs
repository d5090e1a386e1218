//! `/api-doc/`, as in the reference: interactive documentation of the API, rendered by Swagger UI.
//!
//! Every asset is compiled into the binary and served from here: the shell, our style, the script
//! that starts Swagger UI, and Swagger UI's script and style, which `build.rs` takes from the crate
//! `utoipa-swagger-ui-vendored`. The Content-Security-Policy allows exactly these: no inline script
//! or style, no other origin, no frame. Do not use features of Swagger UI that need more.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};
use http::{HeaderValue, StatusCode};

use super::file::{FOREVER, File, PageError, REVALIDATE, takes_gzip};
use super::{Page, PageRequest};
use crate::http::AppState;
use specbound::{ApiError, Response};

const SHELL: &str = include_str!("assets/reference.html");
const SCRIPT: &str = include_str!("assets/reference.js");
const STYLE: &str = include_str!("assets/reference.css");
const SWAGGER_UI_SCRIPT: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"));
const SWAGGER_UI_STYLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"));

pub const PATH: &str = "/api-doc/";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// One file of the page, the page itself among them.
struct ReferenceFile {
    path: &'static str,
    media_type: &'static str,
    is_gzip: bool,
    file: File,
}

/// # Errors
///
/// A file's own, which no build has.
pub fn pages() -> Result<Vec<Box<dyn Page<AppState>>>, PageError> {
    let (script, style) = ("text/javascript; charset=utf-8", "text/css; charset=utf-8");
    let assets = [
        ReferenceFile::plain("/api-doc/reference.js", script, SCRIPT)?,
        ReferenceFile::plain("/api-doc/reference.css", style, STYLE)?,
        ReferenceFile::gzip("/api-doc/swagger-ui-bundle.js", script, SWAGGER_UI_SCRIPT)?,
        ReferenceFile::gzip("/api-doc/swagger-ui.css", style, SWAGGER_UI_STYLE)?,
    ];
    // A browser keeps each asset for good under its version, so a new binary is seen at once.
    let versioned = |shell: String, asset: &ReferenceFile| {
        shell.replace(
            &format!("\"{}\"", asset.path),
            &format!("\"{}?v={}\"", asset.path, asset.file.version()),
        )
    };
    let shell = assets.iter().fold(SHELL.to_owned(), versioned);
    let shell = ReferenceFile::plain(PATH, "text/html; charset=utf-8", shell)?;
    Ok(assets
        .into_iter()
        .chain([shell])
        .map(|piece| Box::new(piece) as Box<dyn Page<AppState>>)
        .collect())
}

impl ReferenceFile {
    fn plain(
        path: &'static str,
        media_type: &'static str,
        content: impl Into<Bytes>,
    ) -> Result<ReferenceFile, PageError> {
        let file =
            File::new(content, &[(CONTENT_TYPE, media_type), (CONTENT_SECURITY_POLICY, POLICY)])?;
        Ok(ReferenceFile { path, media_type, is_gzip: false, file })
    }

    fn gzip(
        path: &'static str,
        media_type: &'static str,
        content: &'static [u8],
    ) -> Result<ReferenceFile, PageError> {
        let headers = [
            (CONTENT_TYPE, media_type),
            (CONTENT_ENCODING, "gzip"),
            (CONTENT_SECURITY_POLICY, POLICY),
        ];
        Ok(ReferenceFile { path, media_type, is_gzip: true, file: File::new(content, &headers)? })
    }
}

#[async_trait::async_trait]
impl Page<AppState> for ReferenceFile {
    fn path(&self) -> &'static str {
        self.path
    }

    fn description(&self) -> &'static str {
        "The reference of this API, for people."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec![self.media_type]
    }

    async fn respond(
        &self,
        _: &AppState,
        PageRequest { request, .. }: PageRequest,
    ) -> Result<Response, ApiError> {
        if self.is_gzip && !takes_gzip(&request.headers) {
            let detail = "This file is sent as gzip only.";
            return Err(ApiError::detail(StatusCode::NOT_ACCEPTABLE, detail));
        }
        let version = request.uri.query().and_then(|query| query.strip_prefix("v="));
        let lifetime = if version == Some(self.file.version()) { FOREVER } else { REVALIDATE };
        let mut response = self.file.respond(&request.headers, lifetime);
        // The same for every user.
        response.headers_mut().insert(VARY, HeaderValue::from_static("origin, Accept-Encoding"));
        Ok(response)
    }
}
