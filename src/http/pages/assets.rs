//! Files that pages load: the same for every user.
//!
//! A page names an asset with a version that changes with its content, and with that of each asset
//! that it imports. So browsers keep an asset for good, and see a new binary at once. All assets
//! are in the binary.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};
use http::{HeaderName, HeaderValue};

use super::file::{Compressed, FOREVER, POLICY, PageError, REVALIDATE};
use super::{Page, PageRequest};
use crate::branding::{Color, Picture, Pictures};
use crate::http::{AppState, Settings};
use specbound::{ApiError, Response};

const SCRIPT: &str = "text/javascript; charset=utf-8";

const STYLE: &str = include_str!("assets/style.css");

/// An SVG that is opened by itself is a document: one without scripts and without this origin.
const PICTURE: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// `--notice` of the style in its two schemes: of all grounds they leave the least contrast.
const GROUNDS: [Color; 2] = [Color([0xe7, 0xef, 0xfa]), Color([0x1d, 0x2c, 0x40])];

/// The style in the operator's colour: as it is where that is legible, or in a shade that is.
fn colored(color: Color) -> String {
    let [light, dark] = GROUNDS;
    let scheme = |accent: Color, on_accent: Color| {
        format!(":root {{ --accent: {accent}; --on-accent: {on_accent}; }}")
    };
    let light = scheme(color.legible_on(light, Color::BLACK), Color::WHITE);
    let dark = scheme(color.legible_on(dark, Color::WHITE), Color::BLACK);
    format!("{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n")
}

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
    "sessions.js",
    "tokens.js",
    "own-data.js",
    "sign-in.js",
    "emailed.js",
    "factors.js",
    "account.js",
];

/// The assets of the account pages.
pub struct Assets(Vec<StaticFile>);

impl Assets {
    /// # Errors
    ///
    /// [`PageError`]: a mistake of this build.
    pub fn new(settings: &Settings) -> Result<Assets, PageError> {
        let mut assets = Assets(Vec::new());
        for texts in settings.languages.all() {
            // It is no module: one that is chosen by the page's language could only be imported
            // late, after the page is shown.
            let script = format!("globalThis.texts = {};\n", texts.for_pages()?);
            let headers = [(CONTENT_TYPE, SCRIPT), (CONTENT_LANGUAGE, texts.tag.as_str())];
            let path = Assets::texts_path(&texts.tag).leak();
            assets.0.push(StaticFile::with_headers(path, SCRIPT, script, &headers, POLICY)?);
        }
        for (path, script) in SCRIPTS {
            let script = assets.0.iter().fold((*script).to_owned(), |script, imported| {
                script
                    .replace(&format!("\"{}\"", imported.path), &format!("\"{}\"", imported.url()))
            });
            assets.add((*path).to_owned(), SCRIPT, script)?;
        }
        let style = STYLE.to_owned() + &settings.branding.color.map(colored).unwrap_or_default();
        assets.add("/platform/style.css".to_owned(), "text/css; charset=utf-8", style)?;
        let Pictures { logo, icon } = &settings.pictures;
        for Picture { name, media_type, content } in logo.iter().chain(icon) {
            let path = Assets::picture_path(name).leak();
            let headers = [(CONTENT_TYPE, *media_type)];
            let content = content.clone();
            assets.0.push(StaticFile::with_headers(path, media_type, content, &headers, PICTURE)?);
        }
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

    pub fn picture_path(name: &str) -> String {
        format!("/platform/{name}")
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

/// A style or a script.
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
        let headers = [(CONTENT_TYPE, media_type)];
        StaticFile::with_headers(path, media_type, content, &headers, POLICY)
    }

    fn with_headers(
        path: &'static str,
        media_type: &'static str,
        content: impl Into<Bytes>,
        headers: &[(HeaderName, &str)],
        policy: &str,
    ) -> Result<StaticFile, PageError> {
        let policy = [(CONTENT_SECURITY_POLICY, policy)];
        let headers: Vec<_> = headers.iter().cloned().chain(policy).collect();
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
        "A file that the pages of this server load."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec![self.media_type]
    }

    async fn respond(
        &self,
        _: &AppState,
        PageRequest { request, .. }: PageRequest,
    ) -> Result<Response, ApiError> {
        let version = request.uri.query().and_then(|query| query.strip_prefix("v="));
        let lifetime = if version == Some(self.content.version()) { FOREVER } else { REVALIDATE };
        let mut response = self.content.respond(&request.headers, lifetime);
        response.headers_mut().insert(VARY, HeaderValue::from_static("origin, Accept-Encoding"));
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brand_color_is_legible_in_both_color_schemes() {
        let [light, dark] = GROUNDS.map(|ground| format!("--notice: {ground};"));
        let (first, second) = STYLE.split_once("prefers-color-scheme: dark").unwrap();
        assert!(first.contains(&light) && second.contains(&dark));
        assert_eq!(
            colored(Color([0xff, 0xff, 0x00])),
            ":root { --accent: #666600; --on-accent: #ffffff; }\n\
             @media (prefers-color-scheme: dark) \
             { :root { --accent: #ffff00; --on-accent: #000000; } }\n"
        );
    }
}
