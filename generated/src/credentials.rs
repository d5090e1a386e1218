//! How a client shows who it is: the document's three security schemes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};

use crate::{Client, user_client};

/// One of the document's security alternatives. Debug shows no secret.
#[derive(Clone)]
pub enum Credentials {
    Anonymous,
    /// tokenAuth: the key of a registration, `inv-…`.
    Token(String),
    /// basicAuth: the user name, not the email address.
    Basic {
        username: String,
        password: String,
    },
    /// cookieAuth: the cookies of a login, and the CSRF token that writing needs.
    Session {
        session_id: String,
        csrf_token: String,
    },
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Credentials::Anonymous => "Anonymous",
            Credentials::Token(_) => "Token(…)",
            Credentials::Basic { .. } => "Basic(…)",
            Credentials::Session { .. } => "Session(…)",
        })
    }
}

impl Credentials {
    /// The session that a login or a registration opened, from the headers of its response.
    pub fn from_cookies(headers: &HeaderMap) -> Option<Credentials> {
        let cookie = |name: &str| {
            headers.get_all(SET_COOKIE).iter().find_map(|line| {
                let (key, rest) = line.to_str().ok()?.split_once('=')?;
                (key == name).then(|| rest.split(';').next().unwrap_or_default().to_owned())
            })
        };
        Some(Credentials::Session {
            session_id: cookie("sessionid")?,
            csrf_token: cookie("csrftoken")?,
        })
    }

    fn headers(&self) -> Result<HeaderMap, reqwest::header::InvalidHeaderValue> {
        let mut headers = HeaderMap::new();
        let mut add = |name: HeaderName, text: String| {
            let mut value = HeaderValue::from_str(&text)?;
            value.set_sensitive(true);
            headers.insert(name, value);
            Ok(())
        };
        match self {
            Credentials::Anonymous => {}
            Credentials::Token(key) => add(AUTHORIZATION, format!("Token {key}"))?,
            Credentials::Basic { username, password } => {
                add(
                    AUTHORIZATION,
                    format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))),
                )?;
            }
            Credentials::Session { session_id, csrf_token } => {
                add(COOKIE, format!("sessionid={session_id}; csrftoken={csrf_token}"))?;
                add(HeaderName::from_static("x-csrftoken"), csrf_token.clone())?;
            }
        }
        Ok(headers)
    }
}

/// A client for the server at `base_url` that shows `credentials` with every request.
///
/// # Errors
///
/// For credentials that no header can carry, or when no HTTP client can be built.
pub fn connect(
    base_url: &str,
    credentials: &Credentials,
) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    connect_with(reqwest::Client::builder(), base_url, credentials)
}

/// The same on an HTTP client of one's own: time-outs, proxies, certificates.
///
/// # Errors
///
/// As [`connect`].
pub fn connect_with(
    builder: reqwest::ClientBuilder,
    base_url: &str,
    credentials: &Credentials,
) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    let client = builder.default_headers(credentials.headers()?).build()?;
    Ok(Client::new_with_client(base_url.trim_end_matches('/'), client))
}

/// A client of the calls with which InvenTree's own clients begin.
///
/// # Errors
///
/// As [`connect`].
pub fn connect_user(
    base_url: &str,
    credentials: &Credentials,
) -> Result<user_client::Client, Box<dyn std::error::Error + Send + Sync>> {
    let client = reqwest::Client::builder().default_headers(credentials.headers()?).build()?;
    Ok(user_client::Client::new_with_client(base_url.trim_end_matches('/'), client))
}
