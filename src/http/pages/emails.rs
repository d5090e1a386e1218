//! Email addresses of the account, for the account page.
//!
//! The documented removal takes the last confirmed address too, as the reference does. A page would
//! leave a person without a way back.

use http::StatusCode;

use super::{Page, PageRequest, id_in_path, session_owner};
use crate::domain::email_addresses::{self, Removal};
use crate::domain::sessions;
use crate::http::{AppState, client};
use specbound::{ApiError, Response, json_response};

pub struct Remove;

#[async_trait::async_trait]
impl Page<AppState> for Remove {
    fn path(&self) -> &'static str {
        "/platform/api/emails/{id}/remove/"
    }

    fn description(&self) -> &'static str {
        "Removes an email address of one's own account."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["application/json"]
    }

    fn methods(&self) -> &'static [&'static str] {
        &["POST"]
    }

    fn security(&self) -> &'static [&'static [&'static str]] {
        &[&["cookieAuth"]]
    }

    async fn respond(
        &self,
        server: &AppState,
        page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        let op = client::page_operation(server, &page_request);
        let (account, digest) = session_owner(&page_request)?;
        sessions::require_recent_auth(&op, &digest).await?;
        let id = id_in_path(self.path(), &page_request)?;
        email_addresses::remove(&op, &account, id, Removal::KeepsLastVerified).await?;
        Ok(json_response(StatusCode::OK, b"{}".to_vec()))
    }
}
