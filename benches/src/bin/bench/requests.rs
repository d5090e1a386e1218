//! The requests that are measured.

use serde_json::json;

use crate::load::{NUMBER, Request};
use benches::filling::{PASSWORD, session_id, token_key, username};

pub const USER: &str = "/api/auth/user/";
const FORWARD_AUTH: &str = "/platform/auth/";
const LOGIN: &str = "/api/auth/login/";
pub const PROVIDERS: &str = "/api/auth/providers/";

pub fn by_token() -> Request {
    Request::get(USER).header(format!("Authorization: Token {}", token_key(NUMBER)))
}

/// A proxy's question about a request with a token.
pub fn forwarded_by_token() -> Request {
    forwarded(Request::get(FORWARD_AUTH))
        .header(format!("Authorization: Token {}", token_key(NUMBER)))
}

pub fn forwarded_by_session() -> Request {
    let request = forwarded(Request::get(FORWARD_AUTH));
    request.header(format!("Cookie: sessionid={}", session_id(NUMBER)))
}

fn forwarded(request: Request) -> Request {
    ["Method: GET", "Uri: /api/part/?limit=25", "Host: localhost:8000", "Proto: http"]
        .iter()
        .fold(request, |request, header| request.header(format!("X-Forwarded-{header}")))
}

pub fn by_session() -> Request {
    Request::get(USER).header(format!("Cookie: sessionid={}", session_id(NUMBER)))
}

/// Basic authentication for one account: base64 hides the name from the generator.
pub fn by_basic() -> Request {
    use base64::Engine;
    let pair = format!("{}:{PASSWORD}", username("00000001"));
    Request::get(USER).header(format!(
        "Authorization: Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    ))
}

pub fn by_bad_token() -> Request {
    Request::get(USER).header(format!("Authorization: Token no{}", token_key(NUMBER)))
}

pub fn log_in() -> Request {
    Request::post(LOGIN, &json!({ "username": username(NUMBER), "password": PASSWORD }))
}

pub fn register() -> Request {
    let (name, email) = (format!("new{NUMBER}"), format!("new{NUMBER}@example.org"));
    let body =
        json!({ "username": name, "email": email, "password1": PASSWORD, "password2": PASSWORD });
    Request::post("/api/auth/registration/", &body)
}

pub fn log_out() -> Request {
    Request::post("/api/auth/logout/", &json!({}))
        .header(format!("Authorization: Token {}", token_key(NUMBER)))
}

pub fn rename() -> Request {
    let request = Request::patch(USER, &json!({ "first_name": format!("N{NUMBER}") }));
    request.header(format!("Authorization: Token {}", token_key(NUMBER)))
}
