//! A demo sign-in provider: an OpenID provider without passwords, for demonstrations. Only with
//! `serve --demo`.
//!
//! It signs in anyone without a password, so it must never be enabled elsewhere. This server
//! reaches it over HTTP, like a real provider, through the same checks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::account::redirect;
use super::file::PageError;
use super::layout::{Layout, Ui, render};
use super::{Page, PageRequest};
use crate::http::{AppState, Settings, origin};
use crate::providers::{ProviderSettings, callback_path};
use specbound::{ApiError, Response, json_response};

const ID: &str = "demo";
const CLIENT: &str = "demonstration";
const BASE: &str = "/platform/demo/provider";
/// Codes that no server redeemed.
const MAX_CODES: usize = 100;
const TOKEN_SECONDS: i64 = 300;

/// The people it knows: username, first and last name, address. The second has the address of the
/// sample account.
const PEOPLE: [(&str, &str, &str, &str); 2] = [
    ("robin", "Robin", "Example", "robin@example.com"),
    ("dana", "Dana", "Example", "demo@example.com"),
];

/// Its settings at a server of this URL.
pub fn settings(site_url: &str) -> ProviderSettings {
    ProviderSettings {
        id: ID.to_owned(),
        name: Some("Demo Provider".to_owned()),
        client_id: Some(CLIENT.to_owned()),
        client_secret: None,
        issuer: Some(format!("{site_url}{BASE}")),
        trusted_audiences: Vec::new(),
    }
}

/// An authorization that waits for its code.
struct LoginCredentials {
    person: usize,
    nonce: String,
    /// PKCE, S256.
    challenge: String,
}

struct Provider {
    ui: Arc<Ui>,
    key: Ed25519KeyPair,
    granted: Mutex<HashMap<String, LoginCredentials>>,
}

pub fn pages(server: &AppState) -> Result<Vec<Box<dyn Page<AppState>>>, PageError> {
    if server.settings.mailbox.is_none() {
        return Ok(Vec::new());
    }
    let seed = server.app.secret.derive("demo-provider");
    let key = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| PageError::Key)?;
    let provider =
        Arc::new(Provider { ui: Arc::clone(&server.ui), key, granted: Mutex::default() });
    let page =
        |step| Box::new(ProviderPage(step, Arc::clone(&provider))) as Box<dyn Page<AppState>>;
    Ok([
        ProviderEndpoint::Metadata,
        ProviderEndpoint::Keys,
        ProviderEndpoint::Authorize,
        ProviderEndpoint::Token,
    ]
    .map(page)
    .into())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ProviderEndpoint {
    Metadata,
    Keys,
    Authorize,
    Token,
}

struct ProviderPage(ProviderEndpoint, Arc<Provider>);

/// The page that asks who signs in.
#[derive(Template)]
#[template(path = "pages/demo_provider.html")]
struct DemoProviderPage<'a> {
    page: Layout<'a>,
    /// Username, shown name and address.
    people: Vec<(&'a str, String, &'a str)>,
    /// The parameters of the request, to be sent with the choice.
    query: Vec<(String, String)>,
}

#[async_trait::async_trait]
impl Page<AppState> for ProviderPage {
    fn path(&self) -> &'static str {
        match self.0 {
            ProviderEndpoint::Metadata => {
                "/platform/demo/provider/.well-known/openid-configuration"
            }
            ProviderEndpoint::Keys => "/platform/demo/provider/keys",
            ProviderEndpoint::Authorize => "/platform/demo/provider/authorize",
            ProviderEndpoint::Token => "/platform/demo/provider/token",
        }
    }

    fn description(&self) -> &'static str {
        "The demo provider of this demonstration."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec![if self.0 == ProviderEndpoint::Authorize { "text/html" } else { "application/json" }]
    }

    fn methods(&self) -> &'static [&'static str] {
        match self.0 {
            ProviderEndpoint::Metadata | ProviderEndpoint::Keys => &["GET"],
            ProviderEndpoint::Authorize => &["GET", "POST"],
            ProviderEndpoint::Token => &["POST"],
        }
    }

    async fn respond(
        &self,
        server: &AppState,
        page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        let ProviderPage(step, provider) = self;
        match step {
            ProviderEndpoint::Metadata => Ok(json_of(&metadata(&server.settings))),
            ProviderEndpoint::Keys => Ok(json_of(&json!({ "keys": [{
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": ID,
                "x": URL_SAFE_NO_PAD.encode(provider.key.public_key()),
            }] }))),
            ProviderEndpoint::Authorize if page_request.request.method == Method::POST => {
                provider.authorize(server, page_request).await
            }
            ProviderEndpoint::Authorize => provider.choice(server, &page_request),
            ProviderEndpoint::Token => provider.token(server, page_request).await,
        }
    }
}

fn issuer(settings: &Settings) -> String {
    format!("{}{BASE}", settings.site_url)
}

fn metadata(settings: &Settings) -> Value {
    let issuer = issuer(settings);
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    })
}

/// # Errors
///
/// 400 for a request that this server did not make.
fn check(server: &AppState, text: impl Fn(&str) -> String) -> Result<(), ApiError> {
    let redirect = format!("{}{}", server.settings.site_url, callback_path(ID));
    let is_ours = text("client_id") == CLIENT
        && text("redirect_uri") == redirect
        && text("response_type") == "code"
        && text("code_challenge_method") == "S256";
    is_ours.then_some(()).ok_or_else(|| ApiError::refused("Not a sign-in of this server.", ID))
}

fn pairs(uri: &Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

impl Provider {
    fn choice(&self, server: &AppState, page_request: &PageRequest) -> Result<Response, ApiError> {
        let query = pairs(&page_request.request.uri);
        let text = |name: &str| {
            query.iter().find(|(key, _)| key == name).map(|(_, v)| v.clone()).unwrap_or_default()
        };
        check(server, text)?;
        let page = self.ui.layout(&page_request.request.headers, "");
        let people = PEOPLE
            .iter()
            .map(|(username, first, last, email)| (*username, format!("{first} {last}"), *email));
        let choice = DemoProviderPage { page, people: people.collect(), query };
        render(StatusCode::OK, page, &choice)
    }

    async fn authorize(
        &self,
        server: &AppState,
        mut page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        if origin::initiator(server, &page_request.request.headers) == origin::Initiator::Foreign {
            return Err(ApiError::forbidden("This form is for pages of this site."));
        }
        let fields = page_request.body.fields().await?;
        let text = |name: &str| fields.text(name).unwrap_or_default();
        check(server, text)?;
        let person = PEOPLE.iter().position(|(username, ..)| *username == text("person"));
        let person = person.ok_or_else(|| ApiError::refused("Not a valid choice.", ID))?;
        let code = server.app.random_text::<32>();
        let granted =
            LoginCredentials { person, nonce: text("nonce"), challenge: text("code_challenge") };
        let mut waiting = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MAX_CODES {
            waiting.clear();
        }
        waiting.insert(code.clone(), granted);
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", &text("state"))
            .append_pair("iss", &issuer(&server.settings))
            .finish();
        let mut response = redirect(&format!("{}?{query}", text("redirect_uri")))?;
        *response.status_mut() = StatusCode::SEE_OTHER;
        Ok(response)
    }

    async fn token(
        &self,
        server: &AppState,
        mut page_request: PageRequest,
    ) -> Result<Response, ApiError> {
        let fields = page_request.body.fields().await?;
        let text = |name: &str| fields.text(name).unwrap_or_default();
        let mut waiting = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        let granted = waiting.remove(&text("code"));
        let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(text("code_verifier")));
        let granted = granted.filter(|granted| granted.challenge == proof);
        let Some(LoginCredentials { person, nonce, .. }) = granted else {
            let body = json!({ "error": "invalid_grant" });
            return Ok(json_response(StatusCode::BAD_REQUEST, body.to_string().into_bytes()));
        };
        let now = server.app.now().timestamp();
        let (username, first, last, email) = PEOPLE[person];
        let claims = json!({
            "iss": issuer(&server.settings), "aud": CLIENT, "sub": username, "nonce": nonce,
            "iat": now, "exp": now + TOKEN_SECONDS, "preferred_username": username,
            "given_name": first, "family_name": last, "email": email, "email_verified": true,
        });
        Ok(json_of(&json!({
            "access_token": server.app.random_text::<32>(),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "id_token": self.signed(&claims),
        })))
    }

    /// A JWT (RFC 7519).
    fn signed(&self, claims: &Value) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": ID });
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn json_of(body: &Value) -> Response {
    json_response(StatusCode::OK, body.to_string().into_bytes())
}
