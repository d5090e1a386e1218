//! Files that pages load, and pages that are the same for every user: compressed once, at start.
//!
//! A page names an asset with a version that changes with its content, and with that of each asset
//! that it imports. So browsers keep an asset for good, and see a new binary at once. All assets
//! are in the binary.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};

use super::file::{Compressed, FOREVER, PageError, REVALIDATE};
use super::layout::POLICY;
use super::texts::Texts;
use super::{Page, PageRequest};
use crate::http::AppState;
use specbound::{ApiError, Response};

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! scripts {
    ($($name:literal),+ $(,)?) => {
        &[$((concat!("/platform/", $name), include_str!(concat!("assets/", $name)))),+]
    };
}

/// The modules of the scripts, each after those that it imports.
const SCRIPTS: &[(&str, &str)] = scripts![
    "texts.js",
    "request.js",
    "ui.js",
    "passkeys.js",
    "api.js",
    "list.js",
    "passwords.js",
    "tokens.js",
    "own-data.js",
    "sign-in.js",
    "factors.js",
    "account.js",
];

/// The assets of the account pages.
pub struct Assets(Vec<StaticFile>);

impl Assets {
    /// # Errors
    ///
    /// [`PageError`]: a mistake of this build.
    pub fn new(texts: &Texts) -> Result<Assets, PageError> {
        let mut assets = Assets(Vec::new());
        assets.add(Assets::texts_path(texts.language), SCRIPT, texts.script()?)?;
        for (path, script) in SCRIPTS {
            let script = assets.0.iter().fold((*script).to_owned(), |script, imported| {
                script
                    .replace(&format!("\"{}\"", imported.path), &format!("\"{}\"", imported.url()))
            });
            assets.add((*path).to_owned(), SCRIPT, script)?;
        }
        let style = include_str!("assets/style.css");
        assets.add("/platform/style.css".to_owned(), "text/css; charset=utf-8", style)?;
        Ok(assets)
    }

    fn add(
        &mut self,
        path: String,
        media_type: &'static str,
        content: impl Into<Bytes>,
    ) -> Result<(), PageError> {
        self.0.push(StaticFile::new(path.leak(), media_type, content)?);
        Ok(())
    }

    pub fn texts_path(language: &str) -> String {
        format!("/platform/texts/{language}.js")
    }

    /// The URL with its version, or the path itself if this is no asset.
    pub fn versioned(&self, path: &str) -> String {
        let found = self.0.iter().find(|asset| asset.path == path);
        found.map_or_else(|| path.to_owned(), StaticFile::url)
    }

    pub fn pages(&self) -> impl Iterator<Item = Box<dyn Page<AppState>>> {
        self.0.iter().map(|asset| Box::new(asset.clone()) as Box<dyn Page<AppState>>)
    }
}

/// A page, a style or a script: the same for every user.
#[derive(Clone)]
pub struct StaticFile {
    path: &'static str,
    media_type: &'static str,
    content: Arc<Compressed>,
}

impl StaticFile {
    /// # Errors
    ///
    /// [`PageError`]
    pub fn new(
        path: &'static str,
        media_type: &'static str,
        content: impl Into<Bytes>,
    ) -> Result<StaticFile, PageError> {
        let headers = [(CONTENT_TYPE, media_type), (CONTENT_SECURITY_POLICY, POLICY)];
        let content = Arc::new(Compressed::new(content, &headers)?);
        Ok(StaticFile { path, media_type, content })
    }

    fn url(&self) -> String {
        format!("{}?v={}", self.path, self.content.version())
    }
}

#[async_trait::async_trait]
impl Page<AppState> for StaticFile {
    fn path(&self) -> &'static str {
        self.path
    }

    fn description(&self) -> &'static str {
        "A page of this server, or a file that it loads."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec![self.media_type]
    }

    async fn answer(
        &self,
        _: &AppState,
        PageRequest { request, .. }: PageRequest,
    ) -> Result<Response, ApiError> {
        let version = request.uri.query().and_then(|query| query.strip_prefix("v="));
        let lifetime = if version == Some(self.content.version()) { FOREVER } else { REVALIDATE };
        let mut response = self.content.answer(&request.headers, lifetime);
        response.headers_mut().insert(VARY, HeaderValue::from_static("origin, Accept-Encoding"));
        Ok(response)
    }
}
