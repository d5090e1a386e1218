//! Second factors: the second step of a sign-in, and managing the factors of an account.
//!
//! JSON for our own pages, with the API's conventions and error format, but not part of its
//! contract. The second step requires a CSRF token and the cookie of the first step; everything
//! else requires a session, and every change recent authentication. A secret or recovery code is
//! only in the response that creates it.

use chrono::{DateTime, SecondsFormat, Utc};
use http::header::SET_COOKIE;
use http::{Method, StatusCode};
use qrcode::QrCode;
use qrcode::render::svg;
use serde_json::{Value, json};

use super::passkeys;
use super::{Page, PageRequest, id_in_path, session_owner};
use crate::domain::factors::{self, Factor, Kind, Proof, recovery, sign_in, totp};
use crate::domain::sealed::Sealed;
use crate::domain::{ValidationErrors, sessions};
use crate::http::caller;
use crate::http::{AppState, client};
use specbound::body::Fields;
use specbound::{ApiError, Response, json_response};

pub fn pages() -> Vec<Box<dyn Page<AppState>>> {
    [
        Endpoint::SecondStep,
        Endpoint::Factors,
        Endpoint::BeginTotp,
        Endpoint::ConfirmTotp,
        Endpoint::Remove,
        Endpoint::RenewRecoveryCodes,
    ]
    .map(|endpoint| Box::new(endpoint) as Box<dyn Page<AppState>>)
    .into()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    SecondStep,
    Factors,
    BeginTotp,
    ConfirmTotp,
    Remove,
    RenewRecoveryCodes,
}

#[async_trait::async_trait]
impl Page<AppState> for Endpoint {
    fn path(&self) -> &'static str {
        match self {
            Endpoint::SecondStep => "/platform/api/second-factor/",
            Endpoint::Factors => "/platform/api/factors/",
            Endpoint::BeginTotp => "/platform/api/factors/totp/",
            Endpoint::ConfirmTotp => "/platform/api/factors/totp/confirm/",
            Endpoint::Remove => "/platform/api/factors/{id}/remove/",
            Endpoint::RenewRecoveryCodes => "/platform/api/recovery-codes/",
        }
    }

    fn description(&self) -> &'static str {
        "Second factors of one's own account."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["application/json"]
    }

    fn methods(&self) -> &'static [&'static str] {
        match self {
            Endpoint::SecondStep => &["GET", "POST"],
            Endpoint::Factors => &["GET"],
            _ => &["POST"],
        }
    }

    fn security(&self) -> &'static [&'static [&'static str]] {
        match self {
            Endpoint::SecondStep => &[&[]],
            _ => &[&["cookieAuth"]],
        }
    }

    async fn respond(
        &self,
        server: &AppState,
        mut page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        if *self == Endpoint::SecondStep {
            return second_step(server, page_request).await;
        }
        let op = client::page_operation(server, &page_request);
        let (account, digest) = session_owner(&page_request)?;
        if *self != Endpoint::Factors {
            sessions::require_recent_auth(&op, &digest).await?;
        }
        let body = match self {
            Endpoint::SecondStep => json!({}),
            Endpoint::Factors => {
                let overview = factors::overview(&op, account.id).await?;
                let of = |kind| overview.factors.iter().filter(move |f| f.kind == kind);
                json!({
                    "factors": of(Kind::Totp).map(factor_row).collect::<Vec<_>>(),
                    "passkeys": of(Kind::Passkey).map(factor_row).collect::<Vec<_>>(),
                    "recovery_codes": overview.recovery_codes,
                    "required": op.rules.mfa_enforced,
                })
            }
            Endpoint::BeginTotp => {
                let totp::Setup { secret, uri, setup } = totp::begin(&op, &account);
                json!({ "secret": secret, "uri": uri, "qr": qr(&uri)?, "setup": setup.expose() })
            }
            Endpoint::ConfirmTotp => {
                let fields = page_request.body.fields().await?;
                let text = |name| fields.text(name).unwrap_or_default();
                let setup = Sealed::new(&text("setup"));
                let (name, code) = (text("name"), text("code"));
                let session = Some(digest);
                let codes = totp::confirm(&op, &account, &setup, &name, &code, session).await?;
                json!({ "recovery_codes": codes })
            }
            Endpoint::Remove => {
                let id = id_in_path(self.path(), &page_request)?;
                factors::remove(&op, &account, Kind::Totp, id).await?;
                json!({})
            }
            Endpoint::RenewRecoveryCodes => {
                json!({ "recovery_codes": recovery::renew(&op, &account).await? })
            }
        };
        Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
    }
}

/// GET: the data of the page. POST: a code or the response of a passkey.
async fn second_step(
    server: &AppState,
    mut page_request: PageRequest,
) -> Result<Response, ApiError> {
    let (app, jar) = (&server.app, server.cookies());
    let pending = jar.find_pending(&page_request.request.headers);
    if page_request.request.method != Method::POST {
        let step = sign_in::second_step(app, pending.as_ref()).await?;
        let body = json!({
            "remember": step.may_remember,
            "device": step.has_device,
            "passkey": step.passkey.as_ref().map(passkeys::options),
        });
        return Ok(json_response(StatusCode::OK, body.to_string().into_bytes()));
    }
    let op = client::page_operation(server, &page_request);
    caller::check_csrf(server, &page_request.request, &mut page_request.body).await?;
    let fields = page_request.body.fields().await?;
    let proof = proof(&fields)?;
    let remember = fields.text("remember").is_some_and(|text| !text.is_empty());
    let done = sign_in::finish(&op, pending.as_ref(), &proof, remember).await?;
    let granted = done.granted;
    let body = json!({ "next": done.next, "leaked": granted.is_password_leaked });
    let mut response = json_response(StatusCode::OK, body.to_string().into_bytes());
    let cookies = jar
        .logged_in(granted.session.as_ref(), granted.device.as_ref())
        .into_iter()
        .chain([jar.clear_pending()])
        .chain(done.remembered.map(|remembered| jar.remembered(&remembered)));
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The second factor that was sent: a code, or else the response of a passkey.
///
/// # Errors
///
/// 400 for neither.
pub(super) fn proof(fields: &Fields) -> Result<Proof, ApiError> {
    let sent = |name| fields.text(name).filter(|text| !text.trim().is_empty());
    match (sent("code"), sent("signature")) {
        (Some(code), _) => Ok(Proof::Code(code)),
        (None, Some(_)) => Ok(Proof::Passkey(passkeys::assertion(fields))),
        (None, None) => Err(ValidationErrors::of("code", "This field is required.").into()),
    }
}

fn factor_row(factor: &Factor) -> Value {
    json!({
        "id": factor.id,
        "name": factor.name,
        "created": time(factor.created),
        "last_used": factor.last_used.map(time),
    })
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A QR code as SVG, black on white in dark pages too.
fn qr(text: &str) -> Result<String, ApiError> {
    let code = QrCode::new(text).map_err(|e| ApiError::internal(format!("QR code: {e}")))?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(200, 200).build())
}
