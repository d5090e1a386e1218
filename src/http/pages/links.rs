//! Emailed links, for the pages: requesting one, and checking one before anything is typed.
//!
//! A link to a new password keeps where the person was going. Looking uses nothing up. It says no
//! more than using the link would, to those who have it, and shares its rate limit.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::layout::own_path;
use super::{Page, PageRequest};
use crate::api::types;
use crate::domain::{email_addresses, resets};
use crate::http::{AppState, caller, client};
use specbound::{ApiError, Host, Input, Response, json_response};

pub fn pages() -> [Box<dyn Page<AppState>>; 2] {
    [Box::new(Endpoint::Confirm), Box::new(Endpoint::Reset)]
}

enum Endpoint {
    Confirm,
    Reset,
}

#[async_trait::async_trait]
impl Page<AppState> for Endpoint {
    fn path(&self) -> &'static str {
        match self {
            Endpoint::Confirm => "/platform/api/links/confirm/",
            Endpoint::Reset => "/platform/api/links/reset/",
        }
    }

    fn description(&self) -> &'static str {
        "Whether an emailed link is still good, and a link to a new password."
    }

    fn methods(&self) -> &'static [&'static str] {
        match self {
            Endpoint::Confirm => &["GET"],
            Endpoint::Reset => &["GET", "POST"],
        }
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["application/json"]
    }

    async fn respond(
        &self,
        server: &AppState,
        page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        if page_request.request.method == Method::POST {
            return ask(server, page_request).await;
        }
        let op = client::page_operation(server, &page_request);
        let query = page_request.request.uri.query().unwrap_or_default();
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, _)| key == name).map_or_else(String::new, |(_, value)| value.into())
        };
        let (state, next) = match self {
            Endpoint::Confirm => {
                (email_addresses::confirmation_state(&op, &value("key")).await?, None)
            }
            Endpoint::Reset => {
                let state = resets::link_state(&op, &value("uid"), &value("token")).await?;
                (state, resets::open_next(&op, &value("next")))
            }
        };
        let next = next.filter(|next| own_path(next).is_ok());
        Ok(ok(&json!({ "state": state.name(), "next": next })))
    }
}

/// Sends a link to a new password, which leads back to where the person was going.
async fn ask(server: &AppState, mut page_request: PageRequest) -> Result<Response, ApiError> {
    let op = client::page_operation(server, &page_request);
    caller::check_csrf(server, &page_request.request, &mut page_request.body).await?;
    let fields = page_request.body.fields().await?;
    let next = fields.text("next").unwrap_or_default();
    own_path(&next)?;
    let input = Input::<types::PasswordReset>::new(fields, AppState::FORMATS);
    let types::PasswordReset { email } = input.read()?;
    resets::ask_for_reset(&op, &email, &next).await?;
    Ok(ok(&json!({})))
}

fn ok(body: &Value) -> Response {
    json_response(StatusCode::OK, body.to_string().into_bytes())
}
