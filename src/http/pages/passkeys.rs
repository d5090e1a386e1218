//! Passkeys of WebAuthn: sign-in with one alone, and adding one to one's own account.
//!
//! JSON for our own pages, and no part of the API's contract. Bytes are base64url without padding;
//! bytes in another form are none, and fail the check that reads them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::SET_COOKIE;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Page, PageRequest, id_in_path, session_owner};
use crate::domain::factors::passkey::{self, Assertion, Challenge, Creation};
use crate::domain::factors::{self, Kind, webauthn};
use crate::domain::sealed::Sealed;
use crate::domain::sessions;
use crate::http::caller;
use crate::http::{AppState, client};
use specbound::body::Fields;
use specbound::{ApiError, Response, json_response};

pub fn pages() -> Vec<Box<dyn Page<AppState>>> {
    [Endpoint::SignIn, Endpoint::Begin, Endpoint::Confirm, Endpoint::Remove]
        .map(|endpoint| Box::new(endpoint) as Box<dyn Page<AppState>>)
        .into()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    SignIn,
    Begin,
    Confirm,
    Remove,
}

#[async_trait::async_trait]
impl Page<AppState> for Endpoint {
    fn path(&self) -> &'static str {
        match self {
            Endpoint::SignIn => "/platform/api/passkey/",
            Endpoint::Begin => "/platform/api/factors/passkeys/",
            Endpoint::Confirm => "/platform/api/factors/passkeys/confirm/",
            Endpoint::Remove => "/platform/api/factors/passkeys/{id}/remove/",
        }
    }

    fn description(&self) -> &'static str {
        "Passkeys."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["application/json"]
    }

    fn methods(&self) -> &'static [&'static str] {
        match self {
            Endpoint::SignIn => &["GET", "POST"],
            _ => &["POST"],
        }
    }

    fn security(&self) -> &'static [&'static [&'static str]] {
        match self {
            Endpoint::SignIn => &[&[]],
            _ => &[&["cookieAuth"]],
        }
    }

    async fn respond(
        &self,
        server: &AppState,
        mut page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        if *self == Endpoint::SignIn {
            return sign_in(server, page_request).await;
        }
        let op = client::page_operation(server, &page_request);
        let (account, digest) = session_owner(&page_request)?;
        sessions::require_recent_auth(&op, &digest).await?;
        let body = match self {
            Endpoint::SignIn => json!({}),
            Endpoint::Begin => {
                let Creation { challenge, user_handle, username } =
                    passkey::begin(&op, &account).await?;
                let mut made = options(&challenge);
                made["user"] = json!({ "id": user_handle, "name": username });
                made["algorithms"] = json!(webauthn::ALGORITHMS);
                made
            }
            Endpoint::Confirm => {
                let fields = page_request.body.fields().await?;
                let text = |name| fields.text(name).unwrap_or_default();
                let sent = webauthn::Registration {
                    credential_id: bytes(&fields, "id"),
                    client_data: bytes(&fields, "client_data"),
                    authenticator_data: bytes(&fields, "authenticator_data"),
                };
                let (state, name) = (Sealed::new(&text("state")), text("name"));
                let codes = passkey::confirm(&op, &account, &state, &name, sent, digest).await?;
                json!({ "recovery_codes": codes })
            }
            Endpoint::Remove => {
                let id = id_in_path(self.path(), &page_request)?;
                factors::remove(&op, &account, Kind::Passkey, id).await?;
                json!({})
            }
        };
        Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
    }
}

/// GET: a challenge. POST: the response of a passkey, which signs its owner in.
async fn sign_in(server: &AppState, mut page_request: PageRequest) -> Result<Response, ApiError> {
    if page_request.request.method != Method::POST {
        let challenge = passkey::discoverable_challenge(&server.app);
        let body = challenge.as_ref().map_or_else(|| json!({}), options);
        return Ok(json_response(StatusCode::OK, body.to_string().into_bytes()));
    }
    let op = client::page_operation(server, &page_request);
    caller::check_csrf(server, &page_request.request, &mut page_request.body).await?;
    let sent = assertion(&page_request.body.fields().await?);
    let granted = passkey::sign_in(&op, sent).await?;
    let mut response = json_response(StatusCode::OK, b"{}".to_vec());
    for cookie in server.cookies().logged_in(granted.session.as_ref(), granted.device.as_ref()) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// A challenge as the pages' script reads it.
pub(super) fn options(challenge: &Challenge) -> Value {
    json!({
        "challenge": challenge.challenge,
        "state": challenge.state.expose(),
        "rp_id": challenge.rp_id,
        "credentials": challenge.credentials,
    })
}

/// The response of a passkey; without one each field is empty, and fails its check.
pub(super) fn assertion(fields: &Fields) -> Assertion {
    Assertion {
        state: Sealed::new(&fields.text("state").unwrap_or_default()),
        response: webauthn::Response {
            credential_id: bytes(fields, "id"),
            client_data: bytes(fields, "client_data"),
            authenticator_data: bytes(fields, "authenticator_data"),
            signature: bytes(fields, "signature"),
            user_handle: bytes(fields, "user_handle"),
        },
    }
}

fn bytes(fields: &Fields, name: &str) -> Vec<u8> {
    let text = fields.text(name).unwrap_or_default();
    URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
}
