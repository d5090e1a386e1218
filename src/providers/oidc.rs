//! OpenID Connect provider, configured by its issuer URL (OpenID Connect Discovery 1.0).
//!
//! The issuer is verified in the provider's metadata, in its ID tokens and, if sent or announced,
//! in the callback (RFC 9207). Metadata and user info are read for the members in use; any other
//! member may have any shape.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::jwk::Jwk;
use reqwest::Url;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::code_flow::{self, ClientAuth};
use super::id_token::{self, Claims, Expected, IdTokenError};
use super::outgoing::Outgoing;
use super::{CallbackParams, Challenge, Client, ExternalIdentity, ProviderError, subject};

/// Lifetime of cached metadata and keys.
const METADATA_TTL_SECONDS: i64 = 600;
/// Minimum interval between refreshes for a token with an unknown key.
const MIN_REFRESH_SECONDS: i64 = 30;
/// Lifetime of a cached failure.
const FAILURE_TTL_SECONDS: i64 = 5;

const SCOPE: &str = "openid email profile";

/// The members in use of a provider's metadata, with its keys.
struct Metadata {
    authorization_endpoint: Url,
    token_endpoint: Url,
    userinfo_endpoint: Option<Url>,
    client_auth: ClientAuth,
    /// Whether each callback names its issuer (RFC 9207).
    is_iss_announced: bool,
    keys: Vec<Jwk>,
}

/// Cached metadata with its keys, or the failure to fetch it.
struct CachedMetadata {
    fetched_at: DateTime<Utc>,
    /// Time of the last attempt to refresh it, which may have failed.
    tried_at: DateTime<Utc>,
    result: Result<Arc<Metadata>, ProviderError>,
}

impl CachedMetadata {
    fn is_fresh(&self, now: DateTime<Utc>, max_age_seconds: i64) -> bool {
        match self.result {
            Ok(_) => self.is_good(now) && is_within(now, self.tried_at, max_age_seconds),
            Err(_) => is_within(now, self.tried_at, FAILURE_TTL_SECONDS),
        }
    }

    /// Whether it may be used, even if it could not be fetched anew.
    fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.result.is_ok() && is_within(now, self.fetched_at, METADATA_TTL_SECONDS)
    }
}

fn is_within(now: DateTime<Utc>, at: DateTime<Utc>, seconds: i64) -> bool {
    (now - at).abs() < Duration::seconds(seconds)
}

pub struct OpenId {
    client: Client,
    issuer: String,
    /// The lock is held while fetching, so that concurrent sign-ins share one request.
    cache: Mutex<Option<CachedMetadata>>,
}

impl OpenId {
    pub fn new(client: Client, issuer: &str) -> OpenId {
        OpenId { client, issuer: issuer.to_owned(), cache: Mutex::default() }
    }

    pub async fn authorization_url(
        &self,
        challenge: &Challenge,
        now: DateTime<Utc>,
    ) -> Result<String, ProviderError> {
        let metadata = self.metadata(now, METADATA_TTL_SECONDS).await?;
        let endpoint = &metadata.authorization_endpoint;
        let nonce = Some(challenge.nonce.as_str());
        Ok(code_flow::authorization_url(endpoint, &self.client, SCOPE, challenge, nonce))
    }

    pub async fn identify(
        &self,
        params: &CallbackParams,
        challenge: &Challenge,
        now: DateTime<Utc>,
    ) -> Result<ExternalIdentity, ProviderError> {
        let metadata = self.metadata(now, METADATA_TTL_SECONDS).await?;
        match &params.issuer {
            Some(issuer) if *issuer != self.issuer => {
                return Err(ProviderError::Untrusted("the callback has another issuer".to_owned()));
            }
            None if metadata.is_iss_announced => {
                return Err(ProviderError::Untrusted("the callback has no issuer".to_owned()));
            }
            _ => {}
        }
        let (endpoint, auth) = (&metadata.token_endpoint, metadata.client_auth);
        let tokens = code_flow::exchange(endpoint, &self.client, auth, params, challenge).await?;
        let id_token = tokens
            .id_token
            .as_deref()
            .ok_or_else(|| ProviderError::Untrusted("no ID token".to_owned()))?;
        let access_token = tokens.access_token.expose();
        let expected = Expected {
            issuer: &self.issuer,
            client_id: &self.client.id,
            trusted_audiences: &self.client.trusted_audiences,
            nonce: &challenge.nonce,
            access_token,
        };
        let claims = match id_token::verify(id_token, &metadata.keys, &expected, now) {
            Err(IdTokenError::UnknownKey) => {
                let newer = self.metadata(now, MIN_REFRESH_SECONDS).await?;
                id_token::verify(id_token, &newer.keys, &expected, now)?
            }
            verified => verified?,
        };
        let mut identity = self.identity(&claims)?;
        let lacks_groups = self.client.groups_claim.is_some()
            && identity.groups.as_ref().is_none_or(Vec::is_empty);
        if let Some(endpoint) = &metadata.userinfo_endpoint
            && (identity.email.is_none() || lacks_groups)
        {
            let more = self.user_info(endpoint, access_token, &identity.subject).await?;
            identity.add(more);
        }
        Ok(identity)
    }

    /// Claims that the ID token may leave out (OpenID Connect Core, 5.3).
    async fn user_info(
        &self,
        endpoint: &Url,
        access_token: &str,
        subject: &str,
    ) -> Result<ExternalIdentity, ProviderError> {
        let response = self.client.outgoing.get(endpoint, Some(access_token)).await?;
        let claims = Claims::new(response.json("user info")?);
        let more = self.identity(&claims)?;
        match more.subject == subject {
            true => Ok(more),
            false => Err(ProviderError::Untrusted("user info: sub is of another user".to_owned())),
        }
    }

    fn identity(&self, claims: &Claims) -> Result<ExternalIdentity, ProviderError> {
        let text = |name| claims.text(name).map(str::to_owned);
        Ok(ExternalIdentity {
            issuer: self.issuer.clone(),
            subject: subject(claims.text("sub").unwrap_or_default())?,
            email: text("email"),
            email_verified: claims.is_true("email_verified"),
            username: text("preferred_username"),
            first_name: text("given_name").unwrap_or_default(),
            last_name: text("family_name").unwrap_or_default(),
            groups: self.client.groups_claim.as_ref().map(|claim| claims.texts(claim)),
        })
    }

    /// The provider's metadata and keys, fetched if the cache is older than `max_age_seconds`.
    async fn metadata(
        &self,
        now: DateTime<Utc>,
        max_age_seconds: i64,
    ) -> Result<Arc<Metadata>, ProviderError> {
        let mut cache = self.cache.lock().await;
        if let Some(cached) = cache.as_ref().filter(|cached| cached.is_fresh(now, max_age_seconds))
        {
            return cached.result.clone();
        }
        // If the caller is cancelled, the next one fetches.
        let result = Metadata::fetch(&self.issuer, &self.client.outgoing).await.map(Arc::new);
        let known = cache.as_mut().filter(|cached| cached.is_good(now) && result.is_err());
        match known {
            // One token with an unknown key must not close the sign-in to all others.
            Some(known) => known.tried_at = now,
            None => {
                let result = result.clone();
                *cache = Some(CachedMetadata { fetched_at: now, tried_at: now, result });
            }
        }
        result
    }
}

impl Metadata {
    /// Reads the metadata and the key set (OpenID Connect Discovery, 4).
    async fn fetch(issuer: &str, outgoing: &Outgoing) -> Result<Metadata, ProviderError> {
        let unusable = |why: &str| ProviderError::Unusable(format!("provider metadata: {why}"));
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| unusable("the issuer is no URL"))?;
        let document = outgoing.get(&url, None).await?.json("provider metadata")?;
        if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(unusable("unexpected issuer"));
        }
        let endpoint = |name: &str| -> Result<Option<Url>, ProviderError> {
            let Some(text) = document.get(name).and_then(Value::as_str) else { return Ok(None) };
            match Url::parse(text) {
                Ok(url) if matches!(url.scheme(), "https" | "http") => Ok(Some(url)),
                _ => Err(unusable(&format!("{name} is no http or https URL"))),
            }
        };
        let required =
            |name: &str| endpoint(name)?.ok_or_else(|| unusable(&format!("{name} is missing")));
        let keys = outgoing.get(&required("jwks_uri")?, None).await?.json("key set")?;
        let methods =
            document.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
        // Basic is the default.
        let takes_basic = methods
            .is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"));
        Ok(Metadata {
            authorization_endpoint: required("authorization_endpoint")?,
            token_endpoint: required("token_endpoint")?,
            userinfo_endpoint: endpoint("userinfo_endpoint")?,
            client_auth: if takes_basic { ClientAuth::Basic } else { ClientAuth::RequestBody },
            is_iss_announced: document
                .get("authorization_response_iss_parameter_supported")
                .is_some_and(|value| *value == true),
            keys: key_set(keys),
        })
    }
}

/// The keys that can be read. One of a kind unknown here does not spoil the others.
fn key_set(mut set: Map<String, Value>) -> Vec<Jwk> {
    let keys = match set.remove("keys") {
        Some(Value::Array(keys)) => keys,
        _ => Vec::new(),
    };
    keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect()
}

impl ExternalIdentity {
    /// Adds the user info's claims to those of the ID token, which come first.
    fn add(&mut self, more: ExternalIdentity) {
        if self.email.is_none() {
            self.email = more.email;
            self.email_verified = more.email_verified;
        }
        if self.groups.as_ref().is_none_or(Vec::is_empty) {
            self.groups = more.groups;
        }
        self.username = self.username.take().or(more.username);
        if self.first_name.is_empty() {
            self.first_name = more.first_name;
        }
        if self.last_name.is_empty() {
            self.last_name = more.last_name;
        }
    }
}
