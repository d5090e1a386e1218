//! Strength of a new password while it is typed, for the pages.
//!
//! The password is sent in the body, which is never logged, and is used for the estimate only.

use http::StatusCode;
use serde_json::json;

use super::{Page, PageRequest};
use crate::domain::passwords::{Password, UserAttributes};
use crate::domain::strength;
use crate::http::{AppState, caller, client};
use specbound::{ApiError, Response, json_response};

/// Longer than any name or address: likeness is compared word by word.
const MAX_ATTRIBUTE_CHARACTERS: usize = 254;

/// Also open to anonymous clients, for registration and password reset.
pub struct Endpoint;

#[async_trait::async_trait]
impl Page<AppState> for Endpoint {
    fn path(&self) -> &'static str {
        "/platform/api/strength/"
    }

    fn description(&self) -> &'static str {
        "Strength of a new password."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["application/json"]
    }

    fn methods(&self) -> &'static [&'static str] {
        &["POST"]
    }

    async fn respond(
        &self,
        server: &AppState,
        mut page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        let op = client::page_operation(server, &page_request);
        caller::check_csrf(server, &page_request.request, &mut page_request.body).await?;
        let fields = page_request.body.fields().await?;
        let text = |name| fields.text(name).unwrap_or_default();
        let attribute = |name| text(name).chars().take(MAX_ATTRIBUTE_CHARACTERS).collect();
        let [username, email, first_name, last_name]: [String; 4] =
            ["username", "email", "first_name", "last_name"].map(attribute);
        let about = UserAttributes {
            username: &username,
            email: &email,
            first_name: &first_name,
            last_name: &last_name,
        };
        let found = strength::of(&op, &Password::new(text("password")), &about).await?;
        let broken: Vec<_> = found.broken.iter().map(|broken| broken.rule()).collect();
        let body = json!({ "score": found.score, "broken": broken });
        Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
    }
}
