//! `/api/schema/` and `/api/schema/user/`: the documents that this server was built from, byte for
//! byte, or the same as JSON.
//!
//! After drf-spectacular's view in the reference: its media types, `?format=`, file name, and a 401
//! for a bad credential although anonymous requests are allowed. Its `?lang=` and `?version=` have
//! no meaning here. JSON goes out without a charset, as everywhere on this server. It is the
//! checked-in document, never the exported one: that these two mean the same is for `spec diff` to
//! say, and a document that is made anew would hide the difference.

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, VARY};
use http::{HeaderValue, Uri};

use super::file::{File, PageError, REVALIDATE};
use super::{Page, PageRequest};
use crate::api::{self, user};
use crate::http::AppState;
use crate::http::caller::ANY_SCHEME;
use specbound::negotiation::{self, Offer};
use specbound::{ApiError, Response};

/// A document, and the same as `build.rs` turned it into JSON: the same keys in the same order.
struct Document {
    path: &'static str,
    title: &'static str,
    version: &'static str,
    yaml: &'static str,
    json: &'static str,
}

const AUTH: Document = Document {
    path: "/api/schema/",
    title: api::TITLE,
    version: api::VERSION,
    yaml: api::SOURCE,
    json: include_str!(concat!(env!("OUT_DIR"), "/document.json")),
};

/// The second document: the calls that InvenTree's clients make first.
const USER: Document = Document {
    path: "/api/schema/user/",
    title: user::TITLE,
    version: user::VERSION,
    yaml: user::SOURCE,
    json: include_str!(concat!(env!("OUT_DIR"), "/user_document.json")),
};

/// The first one is the default.
const OFFERS: &[Offer] = &[
    Offer { media_type: "application/vnd.oai.openapi", format: "yaml" },
    Offer { media_type: "application/yaml", format: "yaml" },
    Offer { media_type: "application/vnd.oai.openapi+json", format: "json" },
    Offer { media_type: "application/json", format: "json" },
];

/// # Errors
///
/// A title that fits into no header.
pub fn pages() -> Result<Vec<Box<dyn Page<AppState>>>, PageError> {
    [AUTH, USER]
        .map(|document| Ok(Box::new(Schema::new(&document)?) as Box<dyn Page<AppState>>))
        .into_iter()
        .collect()
}

struct Schema {
    path: &'static str,
    /// One for each offer.
    files: Vec<File>,
}

impl Schema {
    /// # Errors
    ///
    /// A title that fits into no header.
    fn new(document: &Document) -> Result<Schema, PageError> {
        let Document { path, title, version, yaml, json } = *document;
        let file = |offer: &Offer| {
            let (content, parameter) = match offer.format {
                "json" => (json, ""),
                _ => (yaml, "; charset=utf-8"),
            };
            let media_type = format!("{}{parameter}", offer.media_type);
            let disposition = format!("inline; filename=\"{title} ({version}).{}\"", offer.format);
            File::new(content, &[(CONTENT_TYPE, &media_type), (CONTENT_DISPOSITION, &disposition)])
        };
        Ok(Schema { path, files: OFFERS.iter().map(file).collect::<Result<_, _>>()? })
    }
}

#[async_trait::async_trait]
impl Page<AppState> for Schema {
    fn path(&self) -> &'static str {
        self.path
    }

    fn description(&self) -> &'static str {
        "OpenApi3 schema for this API. Format can be selected via content negotiation."
    }

    fn renders(&self) -> Vec<&'static str> {
        OFFERS.iter().map(|offer| offer.media_type).collect()
    }

    fn security(&self) -> &'static [&'static [&'static str]] {
        ANY_SCHEME
    }

    fn negotiate(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
        negotiation::choose(headers, uri, OFFERS).map(|_| ())
    }

    async fn respond(
        &self,
        _: &AppState,
        PageRequest { request, .. }: PageRequest,
    ) -> Result<Response, ApiError> {
        let chosen = negotiation::choose(&request.headers, &request.uri, OFFERS)?;
        let file = self.files.get(chosen).ok_or_else(ApiError::not_found)?;
        let mut response = file.respond(&request.headers, REVALIDATE);
        response
            .headers_mut()
            .insert(VARY, HeaderValue::from_static("Accept, origin, Accept-Language, Cookie"));
        Ok(response)
    }
}
