//! `sessionid` and `csrftoken`: read from a request, set and cleared in an answer.

use http::{HeaderMap, HeaderValue};

use super::Server;
use crate::domain::sessions::{LIFETIME_SECONDS, SessionId};

pub const SESSION_COOKIE: &str = "sessionid";
pub const CSRF_COOKIE: &str = "csrftoken";

/// Django's CSRF_COOKIE_AGE, one year of 52 weeks.
const CSRF_LIFETIME_SECONDS: i64 = 31_449_600;

/// Value of a cookie, if the client sent one; of several with one name the first counts.
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(http::header::COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim_matches('"'))
        .filter(|value| !value.is_empty())
}

/// Makes cookies with the operator's flags.
pub struct Jar<'a> {
    server: &'a Server,
}

impl<'a> Jar<'a> {
    pub fn new(server: &'a Server) -> Jar<'a> {
        Jar { server }
    }

    /// Both cookies of a fresh login.
    pub fn logged_in(&self, session: &SessionId) -> Vec<HeaderValue> {
        vec![self.session(session), self.csrf()]
    }

    pub fn session(&self, session: &SessionId) -> HeaderValue {
        self.cookie(&format!("{SESSION_COOKIE}={}; HttpOnly; Max-Age={LIFETIME_SECONDS}", session.expose()))
    }

    /// Tells the browser to forget a session that is over.
    pub fn clear_session(&self) -> HeaderValue {
        self.cookie(&format!("{SESSION_COOKIE}=; HttpOnly; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"))
    }

    fn csrf(&self) -> HeaderValue {
        let token = self.server.domain.random_text::<32>();
        self.cookie(&format!("{CSRF_COOKIE}={token}; Max-Age={CSRF_LIFETIME_SECONDS}"))
    }

    fn cookie(&self, start: &str) -> HeaderValue {
        let settings = &self.server.settings;
        let secure = if settings.session_cookie_secure { "; Secure" } else { "" };
        let text = format!("{start}; Path=/; SameSite={}{secure}", settings.cookie_same_site);
        // All parts are ours and printable; an empty cookie is what the type system leaves over.
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}
