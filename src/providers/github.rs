//! GitHub and GitHub Enterprise: OAuth 2 with PKCE, then the user from its API. GitHub is not an
//! OpenID provider.

use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::code_flow::{self, ClientAuth};
use super::{
    CallbackParams, Challenge, Client, ExternalIdentity, ProviderError, SetupError, subject,
};

const SCOPE: &str = "read:user user:email";

pub struct GitHub {
    client: Client,
    authorization_endpoint: Url,
    token_endpoint: Url,
    api: String,
    issuer: String,
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
    pub fn new(client: Client, issuer: &str) -> Result<GitHub, SetupError> {
        let server = issuer.trim_end_matches('/');
        let api = match server {
            "https://github.com" => "https://api.github.com".to_owned(),
            enterprise => format!("{enterprise}/api/v3"),
        };
        let endpoint = |path: &str| {
            Url::parse(&format!("{server}{path}"))
                .map_err(|e| SetupError::Url { url: server.to_owned(), reason: e.to_string() })
        };
        Ok(GitHub {
            authorization_endpoint: endpoint("/login/oauth/authorize")?,
            token_endpoint: endpoint("/login/oauth/access_token")?,
            client,
            api,
            issuer: issuer.to_owned(),
        })
    }

    pub fn authorization_url(&self, challenge: &Challenge) -> String {
        let endpoint = &self.authorization_endpoint;
        code_flow::authorization_url(endpoint, &self.client, SCOPE, challenge, None)
    }

    pub async fn identify(
        &self,
        params: &CallbackParams,
        challenge: &Challenge,
    ) -> Result<ExternalIdentity, ProviderError> {
        let (endpoint, auth) = (&self.token_endpoint, ClientAuth::RequestBody);
        let tokens = code_flow::exchange(endpoint, &self.client, auth, params, challenge).await?;
        let token = tokens.access_token.expose();
        let user: User = self.get("/user", token).await?;
        let emails: Vec<Email> = self.get("/user/emails", token).await?;
        let primary = emails.into_iter().find(|email| email.primary);
        let (first_name, last_name) = match user.name.as_deref().unwrap_or_default().split_once(' ')
        {
            Some((first, last)) => (first.to_owned(), last.to_owned()),
            None => (user.name.clone().unwrap_or_default(), String::new()),
        };
        Ok(ExternalIdentity {
            issuer: self.issuer.clone(),
            subject: subject(&user.id.to_string())?,
            email_verified: primary.as_ref().is_some_and(|email| email.verified),
            email: primary.map(|email| email.email),
            username: Some(user.login),
            first_name,
            last_name,
            groups: None,
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, token: &str) -> Result<T, ProviderError> {
        let unusable = |why: String| ProviderError::Unusable(format!("{path}: {why}"));
        let url =
            Url::parse(&format!("{}{path}", self.api)).map_err(|e| unusable(e.to_string()))?;
        let response = self.client.outgoing.get(&url, Some(token)).await?;
        response.require_success(path)?;
        serde_json::from_slice(&response.body).map_err(|e| unusable(e.to_string()))
    }
}
