//! GitHub and GitHub Enterprise: OAuth 2 with PKCE, then the user from its API. GitHub is not an
//! OpenID provider.

use openidconnect::http::header::{ACCEPT, AUTHORIZATION};
use openidconnect::{AsyncHttpClient, HttpResponse, OAuth2TokenResponse};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::oidc::{error_chain, exchange_failed};
use super::{CallbackParams, Challenge, Client, ExternalIdentity, ProviderError, subject};

use oauth2::basic::BasicClient;
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenUrl,
};

type Configured =
    BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

pub struct GitHub {
    client: Client,
    oauth2: Configured,
    api: String,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Email {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    pub fn new(client: Client, server: &str) -> Result<GitHub, String> {
        let server = server.trim_end_matches('/');
        let api = match server {
            "https://github.com" => "https://api.github.com".to_owned(),
            enterprise => format!("{enterprise}/api/v3"),
        };
        let wrong = |e: oauth2::url::ParseError| format!("{server}: {e}");
        let mut oauth2 = BasicClient::new(ClientId::new(client.id.clone()))
            .set_auth_uri(AuthUrl::new(format!("{server}/login/oauth/authorize")).map_err(wrong)?)
            .set_token_uri(
                TokenUrl::new(format!("{server}/login/oauth/access_token")).map_err(wrong)?,
            )
            .set_redirect_uri(RedirectUrl::new(client.redirect.clone()).map_err(wrong)?)
            .set_auth_type(AuthType::RequestBody);
        if let Some(secret) = &client.secret {
            oauth2 = oauth2.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
        }
        Ok(GitHub { client, oauth2, api })
    }

    pub fn authorization_url(&self, challenge: &Challenge) -> Result<String, ProviderError> {
        let verifier = PkceCodeVerifier::new(challenge.verifier.clone());
        let request = self
            .oauth2
            .authorize_url(|| CsrfToken::new(challenge.state.clone()))
            .add_scope(Scope::new("read:user".to_owned()))
            .add_scope(Scope::new("user:email".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        Ok(request.url().0.into())
    }

    pub async fn identify(
        &self,
        params: &CallbackParams,
        challenge: &Challenge,
    ) -> Result<ExternalIdentity, ProviderError> {
        let http = &self.client.outgoing;
        let exchange = self
            .oauth2
            .exchange_code(AuthorizationCode::new(params.code.clone()))
            .set_pkce_verifier(PkceCodeVerifier::new(challenge.verifier.clone()));
        let tokens = exchange.request_async(http).await.map_err(|e| exchange_failed(&e))?;
        let token = tokens.access_token().secret();
        let user: User = self.get("/user", token).await?;
        let emails: Vec<Email> = self.get("/user/emails", token).await?;
        let primary = emails.into_iter().find(|email| email.primary);
        let (first_name, last_name) = match user.name.as_deref().unwrap_or_default().split_once(' ')
        {
            Some((first, last)) => (first.to_owned(), last.to_owned()),
            None => (user.name.clone().unwrap_or_default(), String::new()),
        };
        Ok(ExternalIdentity {
            subject: subject(&user.id.to_string())?,
            email_verified: primary.as_ref().is_some_and(|email| email.verified),
            email: primary.map(|email| email.email),
            username: Some(user.login),
            first_name,
            last_name,
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, token: &str) -> Result<T, ProviderError> {
        let request = http::Request::builder()
            .uri(format!("{}{path}", self.api))
            .header(ACCEPT, "application/vnd.github+json")
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Vec::new())
            .map_err(|e| ProviderError::Unreachable(e.to_string()))?;
        let answer: HttpResponse = self
            .client
            .outgoing
            .call(request)
            .await
            .map_err(|e| ProviderError::Unreachable(e.to_string()))?;
        if !answer.status().is_success() {
            return Err(ProviderError::Unreachable(format!("{path}: {}", answer.status())));
        }
        serde_json::from_slice(answer.body())
            .map_err(|e| ProviderError::Unreachable(format!("{path}: {}", error_chain(&e))))
    }
}
