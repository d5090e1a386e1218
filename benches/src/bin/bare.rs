//! Upper limit for reads: bare dropshot endpoints whose bodies are as large as ours.

use dropshot::{
    ApiDescription, ConfigDropshot, HttpError, HttpResponseOk, RequestContext, ServerBuilder,
    endpoint,
};

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
    let email = "user00000001@example.com";
    Ok(HttpResponseOk(User {
        pk: 1,
        username: "user00000001",
        email,
        first_name: "Amy",
        last_name: "Example",
    }))
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Detail {
    detail: &'static str,
}

/// A success with a body as large as our errors, because dropshot's own errors are larger.
#[endpoint { method = GET, path = "/refused/" }]
async fn refused(_: RequestContext<()>) -> Result<HttpResponseOk<Detail>, HttpError> {
    Ok(HttpResponseOk(Detail { detail: "Invalid token." }))
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Providers {
    count: u32,
    next: Option<&'static str>,
    previous: Option<&'static str>,
    results: [Settings; 1],
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Settings {
    sso_enabled: bool,
    sso_registration: bool,
    mfa_required: bool,
    providers: [&'static str; 0],
    registration_enabled: bool,
    password_forgotten_enabled: bool,
}

#[endpoint { method = GET, path = "/api/auth/providers/" }]
async fn providers(_: RequestContext<()>) -> Result<HttpResponseOk<Providers>, HttpError> {
    let settings = Settings {
        sso_enabled: false,
        sso_registration: false,
        mfa_required: false,
        providers: [],
        registration_enabled: true,
        password_forgotten_enabled: true,
    };
    Ok(HttpResponseOk(Providers { count: 1, next: None, previous: None, results: [settings] }))
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let bind = std::env::args().nth(1).ok_or("usage: bare ADDRESS")?;
    let mut api = ApiDescription::new();
    api.register(user).map_err(|e| e.to_string())?;
    api.register(refused).map_err(|e| e.to_string())?;
    api.register(providers).map_err(|e| e.to_string())?;
    let config = ConfigDropshot {
        bind_address: bind.parse().map_err(|_| "no address")?,
        ..Default::default()
    };
    let log = slog::Logger::root(slog::Discard, slog::o!());
    ServerBuilder::new(api, (), log).config(config).start().map_err(|e| e.to_string())?.await
}
