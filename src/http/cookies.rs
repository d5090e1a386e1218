//! Cookies such as `sessionid` and `csrftoken`: read from requests, set and cleared in responses.

use http::{HeaderMap, HeaderValue};

use super::AppState;
use crate::domain::device_cookie::{DEVICE_COOKIE_SECONDS, DeviceCookie};
use crate::domain::factors::sign_in::{PENDING_SECONDS, REMEMBERED_SECONDS};
use crate::domain::sealed::Sealed;
use crate::domain::sessions::{LIFETIME_SECONDS, SessionId};
use crate::domain::social::{TICKET_SECONDS, Ticket};

pub const SESSION_COOKIE: &str = "sessionid";
pub const CSRF_COOKIE: &str = "csrftoken";
/// The sign-in ticket of a browser that was redirected to a provider.
const TICKET_COOKIE: &str = "signin_ticket";
/// The same on https. The prefix keeps sibling hosts and plain http from setting it (RFC 6265bis,
/// 4.1.3.2).
const HOST_TICKET_COOKIE: &str = "__Host-signin_ticket";

/// Marks a browser that has signed in, so that password guessing does not lock it out.
pub const DEVICE_COOKIE: &str = "device";

/// Identifies a browser between the two steps of a sign-in; with the `__Host-` prefix on https.
const PENDING_COOKIE: &str = "second_factor";
const HOST_PENDING_COOKIE: &str = "__Host-second_factor";

/// Marks a browser that may skip the second factor.
pub const REMEMBERED_COOKIE: &str = "remembered";

/// The language chosen by the user. InvenTree on the same host reads the cookie of this name too.
pub const LANGUAGE_COOKIE: &str = "django_language";

/// Most cookies of one name that are tried: a sibling host or another path can set more.
pub const MAX_SAME_NAME: usize = 8;

/// Django's CSRF_COOKIE_AGE, one year of 52 weeks.
const CSRF_LIFETIME_SECONDS: i64 = 31_449_600;

/// Values of the cookies with this name, as sent. Other cookies and values that are not UTF-8 are
/// skipped: ours are ASCII.
pub fn all<'a, 'n>(
    headers: &'a HeaderMap,
    name: &'n str,
) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
    let lines = headers.get_all(http::header::COOKIE).into_iter().map(|line| line.as_bytes());
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
    let values =
        pairs.filter_map(move |pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    values
        .filter_map(|value| std::str::from_utf8(value).ok())
        .map(unquoted)
        .filter(|value| !value.is_empty())
}

/// Values of the session cookies of this name that are tried.
pub fn sessions<'a, 'n>(
    headers: &'a HeaderMap,
    name: &'n str,
) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
    all(headers, name).take(MAX_SAME_NAME)
}

fn unquoted(value: &str) -> &str {
    value.trim_matches('"')
}

/// Makes cookies with the operator's flags.
pub struct Jar<'a> {
    server: &'a AppState,
}

impl<'a> Jar<'a> {
    pub fn new(server: &'a AppState) -> Jar<'a> {
        Jar { server }
    }

    /// The cookies of a new login, if it opened a session.
    pub fn logged_in(
        &self,
        session: Option<&SessionId>,
        device: Option<&DeviceCookie>,
    ) -> Vec<HeaderValue> {
        let session = session.into_iter().flat_map(|session| [self.session(session), self.csrf()]);
        session.chain(device.map(|device| self.device(device))).collect()
    }

    /// Always Lax: no other site needs it.
    pub fn device(&self, device: &DeviceCookie) -> HeaderValue {
        let (name, value) = (DEVICE_COOKIE, device.expose());
        self.flagged(&format!(
            "{name}={value}; HttpOnly; Max-Age={DEVICE_COOKIE_SECONDS}; Path=/; SameSite=Lax"
        ))
    }

    pub fn session(&self, session: &SessionId) -> HeaderValue {
        self.cookie(&format!(
            "{}={}; HttpOnly; Max-Age={LIFETIME_SECONDS}",
            self.server.settings.http.session_cookie,
            session.expose()
        ))
    }

    /// Clears the cookie of an ended session.
    pub fn clear_session(&self) -> HeaderValue {
        self.cookie(&format!(
            "{}=; HttpOnly; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            self.server.settings.http.session_cookie
        ))
    }

    fn csrf(&self) -> HeaderValue {
        self.csrf_of(&self.server.app.random_text::<32>())
    }

    fn csrf_of(&self, token: &str) -> HeaderValue {
        self.cookie(&format!("{CSRF_COOKIE}={token}; Max-Age={CSRF_LIFETIME_SECONDS}"))
    }

    /// The token for a form, and the cookie that it is held against: the browser's own if that is a
    /// good one.
    pub fn csrf_for(&self, headers: &HeaderMap) -> (String, HeaderValue) {
        let is_good = |token: &&str| {
            token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let own = all(headers, CSRF_COOKIE).take(MAX_SAME_NAME).find(is_good).map(str::to_owned);
        let token = own.unwrap_or_else(|| self.server.app.random_text::<32>());
        let cookie = self.csrf_of(&token);
        (token, cookie)
    }

    pub fn ticket(&self, ticket: &Ticket) -> HeaderValue {
        self.scoped_ticket(&format!("{}; Max-Age={TICKET_SECONDS}", ticket.expose()))
    }

    pub fn clear_ticket(&self) -> HeaderValue {
        self.scoped_ticket("; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
    }

    /// The language chosen by the user. Page scripts set it too.
    pub fn language(&self, tag: &str) -> HeaderValue {
        self.flagged(&format!(
            "{LANGUAGE_COOKIE}={tag}; Max-Age={CSRF_LIFETIME_SECONDS}; Path=/; SameSite=Lax"
        ))
    }

    /// The ticket sent by the browser.
    pub fn find_ticket(&self, headers: &HeaderMap) -> Option<Ticket> {
        all(headers, self.ticket_cookie().0).next().map(Ticket::new)
    }

    /// Always Lax: it must be sent with a redirect from the provider.
    fn scoped_ticket(&self, value: &str) -> HeaderValue {
        let (name, path) = self.ticket_cookie();
        self.flagged(&format!("{name}={value}; HttpOnly; Path={path}; SameSite=Lax"))
    }

    /// Its name and path.
    fn ticket_cookie(&self) -> (&'static str, &'static str) {
        // A browser takes the prefix on Secure cookies of the whole host alone.
        match self.is_https() {
            true => (HOST_TICKET_COOKIE, "/"),
            false => (TICKET_COOKIE, "/accounts/"),
        }
    }

    /// The first proof of a sign-in that needs a second one.
    pub fn pending(&self, pending: &Sealed) -> HeaderValue {
        self.scoped_pending(&format!("{}; Max-Age={PENDING_SECONDS}", pending.expose()))
    }

    pub fn clear_pending(&self) -> HeaderValue {
        self.scoped_pending("; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
    }

    pub fn find_pending(&self, headers: &HeaderMap) -> Option<Sealed> {
        let name = if self.is_https() { HOST_PENDING_COOKIE } else { PENDING_COOKIE };
        all(headers, name).next().map(Sealed::new)
    }

    fn scoped_pending(&self, value: &str) -> HeaderValue {
        let (name, path) = match self.is_https() {
            true => (HOST_PENDING_COOKIE, "/"),
            false => (PENDING_COOKIE, "/platform/"),
        };
        self.flagged(&format!("{name}={value}; HttpOnly; Path={path}; SameSite=Lax"))
    }

    pub fn remembered(&self, remembered: &Sealed) -> HeaderValue {
        let (name, value) = (REMEMBERED_COOKIE, remembered.expose());
        self.flagged(&format!(
            "{name}={value}; HttpOnly; Max-Age={REMEMBERED_SECONDS}; Path=/; SameSite=Lax"
        ))
    }

    /// Whether a browser takes cookies with the prefix `__Host-`.
    fn is_https(&self) -> bool {
        let settings = &self.server.settings;
        settings.http.session_cookie_secure && settings.site_url.starts_with("https:")
    }

    fn cookie(&self, start: &str) -> HeaderValue {
        let settings = &self.server.settings;
        let domain =
            settings.http.cookie_domain.as_ref().map(|domain| format!("; Domain={domain}"));
        self.flagged(&format!(
            "{start}; Path=/; SameSite={}{}",
            settings.http.cookie_same_site,
            domain.unwrap_or_default()
        ))
    }

    fn flagged(&self, start: &str) -> HeaderValue {
        let secure = if self.server.settings.http.session_cookie_secure { "; Secure" } else { "" };
        let text = format!("{start}{secure}");
        // All parts are our own and printable; the empty cookie satisfies the type only.
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}
