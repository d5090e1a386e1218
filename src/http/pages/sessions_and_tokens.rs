//! Sessions and tokens of the account, for the account page: list and revoke.
//!
//! JSON for our own pages, with the API's shape of errors, and not part of its contract: session
//! cookie and CSRF token only. A key is only in the response that creates it, a digest in none.
//! Another account's row is 404, like a missing one.

use chrono::{DateTime, SecondsFormat, Utc};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Page, PageRequest, id_in_path, session_owner};
use crate::domain::{sessions, tokens};
use crate::http::{AppState, client, language};
use crate::languages::{Texts, browser};
use crate::store::{Session, Token};
use specbound::{ApiError, Response, json_response};

pub fn pages() -> Vec<Box<dyn Page<AppState>>> {
    [
        Endpoint::Sessions,
        Endpoint::EndSession,
        Endpoint::EndOtherSessions,
        Endpoint::Tokens,
        Endpoint::RevokeToken,
        Endpoint::RevokeAllTokens,
    ]
    .map(|endpoint| Box::new(endpoint) as Box<dyn Page<AppState>>)
    .into()
}

#[derive(Clone, Copy)]
enum Endpoint {
    Sessions,
    EndSession,
    EndOtherSessions,
    Tokens,
    RevokeToken,
    RevokeAllTokens,
}

#[async_trait::async_trait]
impl Page<AppState> for Endpoint {
    fn path(&self) -> &'static str {
        match self {
            Endpoint::Sessions => "/platform/api/sessions/",
            Endpoint::EndSession => "/platform/api/sessions/{id}/end/",
            Endpoint::EndOtherSessions => "/platform/api/sessions/end-others/",
            Endpoint::Tokens => "/platform/api/tokens/",
            Endpoint::RevokeAllTokens => "/platform/api/tokens/revoke-all/",
            Endpoint::RevokeToken => "/platform/api/tokens/{id}/revoke/",
        }
    }

    fn description(&self) -> &'static str {
        "Sessions and tokens of one's own account."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["application/json"]
    }

    fn methods(&self) -> &'static [&'static str] {
        match self {
            Endpoint::Sessions => &["GET"],
            Endpoint::Tokens => &["GET", "POST"],
            Endpoint::EndSession
            | Endpoint::EndOtherSessions
            | Endpoint::RevokeToken
            | Endpoint::RevokeAllTokens => &["POST"],
        }
    }

    fn security(&self) -> &'static [&'static [&'static str]] {
        &[&["cookieAuth"]]
    }

    async fn respond(
        &self,
        server: &AppState,
        mut page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        let op = client::page_operation(server, &page_request);
        let (owner, digest) = session_owner(&page_request)?;
        let account = owner.id;
        let id = || id_in_path(self.path(), &page_request);
        let mut is_over = false;
        let body = match self {
            Endpoint::Sessions => {
                let current = sessions::current(&op, &digest).await?.id;
                let mut sessions = sessions::list(&op, account).await?;
                // The one that asks comes first.
                sessions.sort_by_key(|session| session.id != current);
                let languages = &server.settings.languages;
                let texts = language::for_pages(languages, &page_request.request.headers);
                sessions.iter().map(|session| session_row(session, current, texts)).collect()
            }
            Endpoint::Tokens if page_request.request.method == Method::POST => {
                sessions::require_recent_auth(&op, &digest).await?;
                let fields = page_request.body.fields().await?;
                let text = |name| fields.text(name).unwrap_or_default();
                // Anything that is no number is out of range.
                let days = text("days").parse().unwrap_or_default();
                let made = tokens::create(&op, &owner, &text("name"), days).await?;
                json!({
                    "id": made.id,
                    "key": made.key.expose(),
                    "expires": made.expiry.to_string(),
                })
            }
            Endpoint::RevokeAllTokens => {
                json!({ "ended": tokens::end_all(&op, account).await? })
            }
            Endpoint::Tokens => tokens::list(&op, account).await?.iter().map(token_row).collect(),
            Endpoint::EndSession => {
                let id = id()?;
                is_over = sessions::current(&op, &digest).await?.id == id;
                sessions::end_own(&op, account, id).await?;
                json!({})
            }
            Endpoint::EndOtherSessions => {
                json!({ "ended": sessions::end_others(&op, account, digest).await? })
            }
            Endpoint::RevokeToken => {
                tokens::end_own(&op, account, id()?).await?;
                json!({})
            }
        };
        let mut response = json_response(StatusCode::OK, body.to_string().into_bytes());
        if is_over {
            response
                .headers_mut()
                .append(http::header::SET_COOKIE, server.cookies().clear_session());
        }
        Ok(response)
    }
}

fn session_row(session: &Session, current: i64, texts: &Texts) -> Value {
    json!({
        "id": session.id,
        "current": session.id == current,
        "created": time(session.created),
        "expires": time(session.expires),
        "browser": browser::name(texts, &session.user_agent),
        "user_agent": session.user_agent,
        "client": session.client,
        "last_seen": (session.last_seen > DateTime::UNIX_EPOCH).then(|| time(session.last_seen)),
    })
}

/// As the API writes a time.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn token_row(token: &Token) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "created": time(token.created),
        "expires": token.expiry.to_string(),
        "last_seen": token.last_seen.map(|day| day.to_string()),
    })
}
