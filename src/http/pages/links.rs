//! Emailed links, looked at: whether one is still good, before anything is typed.
//!
//! Looking uses nothing up. It says no more than using the link would, to those who have it, and
//! shares its rate limit.

use http::StatusCode;
use serde_json::json;

use super::{Page, PageRequest};
use crate::domain::{email_addresses, resets};
use crate::http::{AppState, client};
use specbound::{ApiError, Response, json_response};

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
        "Whether an emailed link is still good."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["application/json"]
    }

    async fn answer(&self, server: &AppState, visit: PageRequest) -> Result<Response, ApiError> {
        let op = client::page_operation(server, &visit);
        let query = visit.request.uri.query().unwrap_or_default();
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, _)| key == name).map_or_else(String::new, |(_, value)| value.into())
        };
        let state = match self {
            Endpoint::Confirm => email_addresses::look_at_key(&op, &value("key")).await?,
            Endpoint::Reset => resets::look_at(&op, &value("uid"), &value("token")).await?,
        };
        let body = json!({ "state": state.name() });
        Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
    }
}
