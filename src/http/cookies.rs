//! `sessionid`, `csrftoken` and their like: read from a request, set and cleared in an answer.

use http::{HeaderMap, HeaderValue};

use super::Server;
use crate::domain::known_clients::{DEVICE_COOKIE_SECONDS, DeviceCookie};
use crate::domain::sessions::{LIFETIME_SECONDS, SessionId};
use crate::domain::social::{TICKET_SECONDS, Ticket};

pub const SESSION_COOKIE: &str = "sessionid";
pub const CSRF_COOKIE: &str = "csrftoken";
/// Of somebody who is at a sign-in provider.
pub const TICKET_COOKIE: &str = "signin_ticket";
/// Of a browser that has signed in: strangers' guesses do not keep it out.
pub const DEVICE_COOKIE: &str = "device";

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

    /// The cookies of a fresh login.
    pub fn logged_in(&self, session: &SessionId, device: &DeviceCookie) -> Vec<HeaderValue> {
        vec![self.session(session), self.csrf(), self.device(device)]
    }

    /// Lax whatever the others are: no other site has a use for it.
    pub fn device(&self, device: &DeviceCookie) -> HeaderValue {
        let (name, value) = (DEVICE_COOKIE, device.expose());
        self.flagged(&format!("{name}={value}; HttpOnly; Max-Age={DEVICE_COOKIE_SECONDS}; Path=/; SameSite=Lax"))
    }

    pub fn session(&self, session: &SessionId) -> HeaderValue {
        self.cookie(&format!("{SESSION_COOKIE}={}; HttpOnly; Max-Age={LIFETIME_SECONDS}", session.expose()))
    }

    /// Tells the browser to forget a session that is over.
    pub fn clear_session(&self) -> HeaderValue {
        self.cookie(&format!("{SESSION_COOKIE}=; HttpOnly; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"))
    }

    fn csrf(&self) -> HeaderValue {
        self.csrf_of(&self.server.domain.random_text::<32>())
    }

    fn csrf_of(&self, token: &str) -> HeaderValue {
        self.cookie(&format!("{CSRF_COOKIE}={token}; Max-Age={CSRF_LIFETIME_SECONDS}"))
    }

    /// The token for a form, and the cookie that it is held against: the browser's own if that is a good one.
    pub fn csrf_for(&self, headers: &HeaderMap) -> (String, HeaderValue) {
        let is_good = |token: &&str| token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let own = find(headers, CSRF_COOKIE).filter(is_good).map(str::to_owned);
        let token = own.unwrap_or_else(|| self.server.domain.random_text::<32>());
        let cookie = self.csrf_of(&token);
        (token, cookie)
    }

    /// Lax whatever the others are: it must come back with a redirect from the provider.
    pub fn ticket(&self, ticket: &Ticket) -> HeaderValue {
        self.at_accounts(&format!("{TICKET_COOKIE}={}; Max-Age={TICKET_SECONDS}", ticket.expose()))
    }

    pub fn clear_ticket(&self) -> HeaderValue {
        self.at_accounts(&format!("{TICKET_COOKIE}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"))
    }

    fn at_accounts(&self, start: &str) -> HeaderValue {
        self.flagged(&format!("{start}; HttpOnly; Path=/accounts/; SameSite=Lax"))
    }

    fn cookie(&self, start: &str) -> HeaderValue {
        self.flagged(&format!("{start}; Path=/; SameSite={}", self.server.settings.cookie_same_site))
    }

    fn flagged(&self, start: &str) -> HeaderValue {
        let secure = if self.server.settings.session_cookie_secure { "; Secure" } else { "" };
        let text = format!("{start}{secure}");
        // All parts are ours and printable; an empty cookie is what the type system leaves over.
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}
