//! The limit for reads: a dropshot endpoint that answers a body of the size of GET user, with nothing behind it.

use dropshot::{ApiDescription, ConfigDropshot, HttpError, HttpResponseOk, RequestContext, ServerBuilder, endpoint};

#[derive(serde::Serialize, schemars::JsonSchema)]
struct User {
    pk: i64,
    username: &'static str,
    email: &'static str,
    first_name: &'static str,
    last_name: &'static str,
}

#[endpoint { method = GET, path = "/api/auth/user/" }]
async fn user(_: RequestContext<()>) -> Result<HttpResponseOk<User>, HttpError> {
    Ok(HttpResponseOk(User { pk: 1, username: "amy", email: "amy@example.com", first_name: "", last_name: "" }))
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let bind = std::env::args().nth(1).ok_or("usage: bare ADDRESS")?;
    let mut api = ApiDescription::new();
    api.register(user).map_err(|e| e.to_string())?;
    let config = ConfigDropshot { bind_address: bind.parse().map_err(|_| "no address")?, ..Default::default() };
    let log = slog::Logger::root(slog::Discard, slog::o!());
    ServerBuilder::new(api, (), log).config(config).start().map_err(|e| e.to_string())?.await
}
