//! The choice of a language at the foot of each page. It works without scripts, and the account of
//! a person who is signed in keeps it for emails.

use std::sync::Arc;

use http::StatusCode;
use http::header::SET_COOKIE;

use super::account::{HOME, redirect};
use super::layout::own_path;
use super::{Page, PageRequest};
use crate::domain::owner_language;
use crate::http::{AppState, caller, client, origin};
use crate::languages::Languages;
use specbound::{ApiError, Response};

/// Where the form posts to.
pub const PATH: &str = "/platform/language";

pub struct LanguageChoice(pub Arc<Languages>);

#[async_trait::async_trait]
impl Page<AppState> for LanguageChoice {
    fn path(&self) -> &'static str {
        PATH
    }

    fn description(&self) -> &'static str {
        "Sets the language of the pages."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["text/html"]
    }

    fn methods(&self) -> &'static [&'static str] {
        &["POST"]
    }

    async fn respond(
        &self,
        server: &AppState,
        page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        let op = client::page_operation(server, &page_request);
        let PageRequest { request, mut body, .. } = page_request;
        if origin::initiator(server, &request.headers) == origin::Initiator::Foreign {
            return Err(ApiError::forbidden("This form is for pages of this site."));
        }
        let fields = body.fields().await?;
        let text = |name| fields.text(name).unwrap_or_default();
        let (wanted, next) = (text("language"), text("next"));
        own_path(&next)?;
        let known = self.0.all().iter().find(|texts| texts.tag == wanted);
        let texts = known.ok_or_else(|| ApiError::refused("Not a valid choice.", "language"))?;
        if let Some((_, account)) = caller::find_session(server, &request.headers).await? {
            owner_language::choose(&op, &account, &texts.tag).await?;
        }
        let mut response = redirect(if next.is_empty() { HOME } else { &next })?;
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().append(SET_COOKIE, server.cookies().language(&texts.tag));
        Ok(response)
    }
}
