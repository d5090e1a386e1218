//! The requests that are measured.

use serde_json::json;

use crate::load::{Ask, NUMBER};
use benches::filling::{PASSWORD, session_id, token_key, username};

pub const USER: &str = "/api/auth/user/";
const FORWARD_AUTH: &str = "/platform/auth/";
const LOGIN: &str = "/api/auth/login/";
pub const PROVIDERS: &str = "/api/auth/providers/";

pub fn by_token() -> Ask {
    Ask::get(USER).header(format!("Authorization: Token {}", token_key(NUMBER)))
}

/// A proxy's question about a request with a token.
pub fn forwarded_by_token() -> Ask {
    forwarded(Ask::get(FORWARD_AUTH)).header(format!("Authorization: Token {}", token_key(NUMBER)))
}

pub fn forwarded_by_session() -> Ask {
    let ask = forwarded(Ask::get(FORWARD_AUTH));
    ask.header(format!("Cookie: sessionid={}", session_id(NUMBER)))
}

fn forwarded(ask: Ask) -> Ask {
    ["Method: GET", "Uri: /api/part/?limit=25", "Host: localhost:8000", "Proto: http"]
        .iter()
        .fold(ask, |ask, header| ask.header(format!("X-Forwarded-{header}")))
}

pub fn by_session() -> Ask {
    Ask::get(USER).header(format!("Cookie: sessionid={}", session_id(NUMBER)))
}

/// Basic authentication for one account: base64 hides the name from the generator.
pub fn by_basic() -> Ask {
    use base64::Engine;
    let pair = format!("{}:{PASSWORD}", username("00000001"));
    Ask::get(USER).header(format!(
        "Authorization: Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    ))
}

pub fn by_bad_token() -> Ask {
    Ask::get(USER).header(format!("Authorization: Token no{}", token_key(NUMBER)))
}

pub fn log_in() -> Ask {
    Ask::post(LOGIN, &json!({ "username": username(NUMBER), "password": PASSWORD }))
}

pub fn register() -> Ask {
    let (name, email) = (format!("new{NUMBER}"), format!("new{NUMBER}@example.org"));
    let body =
        json!({ "username": name, "email": email, "password1": PASSWORD, "password2": PASSWORD });
    Ask::post("/api/auth/registration/", &body)
}

pub fn log_out() -> Ask {
    Ask::post("/api/auth/logout/", &json!({}))
        .header(format!("Authorization: Token {}", token_key(NUMBER)))
}

pub fn rename() -> Ask {
    let ask = Ask::patch(USER, &json!({ "first_name": format!("N{NUMBER}") }));
    ask.header(format!("Authorization: Token {}", token_key(NUMBER)))
}
