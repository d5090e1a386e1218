//! One's own account as a whole: activity, a copy of all data, deletion.
//!
//! JSON for our own pages, and no part of the API's contract: session cookie and CSRF token only.
//! The copy and the deletion need a recent proof of the owner.

use chrono::{DateTime, SecondsFormat, Utc};
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, HeaderValue, SET_COOKIE};
use serde_json::{Value, json};

use super::{Page, PageRequest, session_owner};
use crate::domain::{account_deletion, own_data, sessions};
use crate::http::{AppState, client, language};
use crate::store::{Account, AuditEntry};
use specbound::{ApiError, Response, json_response};

pub fn pages() -> Vec<Box<dyn Page<AppState>>> {
    [Endpoint::Activity, Endpoint::Export, Endpoint::Delete]
        .map(|endpoint| Box::new(endpoint) as Box<dyn Page<AppState>>)
        .into()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Activity,
    Export,
    Delete,
}

#[async_trait::async_trait]
impl Page<AppState> for Endpoint {
    fn path(&self) -> &'static str {
        match self {
            Endpoint::Activity => "/platform/api/activity/",
            Endpoint::Export => "/platform/api/export/",
            Endpoint::Delete => "/platform/api/delete/",
        }
    }

    fn description(&self) -> &'static str {
        "One's own account as a whole."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["application/json"]
    }

    fn methods(&self) -> &'static [&'static str] {
        match self {
            Endpoint::Activity | Endpoint::Export => &["GET"],
            Endpoint::Delete => &["POST"],
        }
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
        let headers = page_request.request.headers;
        if *self != Endpoint::Activity {
            sessions::require_recent_auth(&op, &digest).await?;
        }
        let body = match self {
            Endpoint::Activity => {
                let entries = own_data::activity(&op, account.id).await?;
                let texts = language::for_pages(&server.settings.languages, &headers);
                let row = |entry| {
                    let mut row = activity_row(entry);
                    row["detail"] = json!(texts.detail(&entry.detail));
                    row
                };
                entries.iter().map(row).collect()
            }
            Endpoint::Export => exported(&account, &own_data::export(&op, &account).await?),
            Endpoint::Delete => {
                json!({ "due": time(account_deletion::request(&op, &account).await?) })
            }
        };
        let mut response = json_response(StatusCode::OK, body.to_string().into_bytes());
        match self {
            Endpoint::Activity => {}
            Endpoint::Export => {
                let name = HeaderValue::from_static("attachment; filename=\"account.json\"");
                response.headers_mut().insert(CONTENT_DISPOSITION, name);
            }
            Endpoint::Delete => {
                response.headers_mut().append(SET_COOKIE, server.cookies().clear_session());
            }
        }
        Ok(response)
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn activity_row(entry: &AuditEntry) -> Value {
    json!({
        "at": time(entry.at),
        "last_at": time(entry.last_at),
        "count": entry.count,
        "event": entry.event,
        "client": entry.client,
        "detail": entry.detail,
    })
}

fn exported(account: &Account, data: &own_data::OwnData) -> Value {
    let factor = |factor: &crate::domain::factors::Factor| {
        json!({
            "kind": factor.kind.name(),
            "name": factor.name,
            "created": time(factor.created),
            "last_used": factor.last_used.map(time),
        })
    };
    json!({
        "account": {
            "id": account.id,
            "username": account.username,
            "email": account.email,
            "first_name": account.first_name,
            "last_name": account.last_name,
            "language": account.language,
            "date_joined": time(account.date_joined),
            "last_login": account.last_login.map(time),
            "is_administrator": account.is_superuser,
        },
        "addresses": data.addresses.iter().map(|row| json!({
            "email": row.email, "verified": row.verified, "primary": row.primary,
        })).collect::<Vec<_>>(),
        "providers": data.providers.iter().map(|row| json!({
            "provider": row.provider, "uid": row.uid,
        })).collect::<Vec<_>>(),
        "groups": data.groups,
        "sessions": data.sessions.iter().map(|row| json!({
            "created": time(row.created), "expires": time(row.expires),
            "client": row.client, "user_agent": row.user_agent,
        })).collect::<Vec<_>>(),
        "tokens": data.tokens.iter().map(|row| json!({
            "name": row.name, "created": time(row.created), "expires": row.expiry.to_string(),
            "last_seen": row.last_seen.map(|day| day.to_string()),
        })).collect::<Vec<_>>(),
        "factors": data.factors.factors.iter().map(factor).collect::<Vec<_>>(),
        "recovery_codes": data.factors.recovery_codes,
        "activity": data.activity.iter().map(activity_row).collect::<Vec<_>>(),
    })
}
