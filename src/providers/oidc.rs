//! OpenID Connect provider, configured by its issuer URL (OpenID Connect Discovery 1.0).
//!
//! The issuer is verified in the provider's metadata, in its ID tokens and, if sent or announced,
//! in the callback (RFC 9207). Signature algorithms come from our own list: metadata that offers
//! `none` or a shared secret has no effect.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGrantType,
    CoreIdToken, CoreIdTokenClaims, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalProviderMetadata, AuthType, AuthenticationFlow,
    AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, TokenResponse,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::outgoing::OutgoingError;
use super::{CallbackParams, Challenge, Client, ExternalIdentity, ProviderError, subject};

/// Lifetime of cached metadata and keys.
const METADATA_TTL_SECONDS: i64 = 600;
/// Minimum interval between refreshes for a token with an unknown key.
const MIN_REFRESH_SECONDS: i64 = 30;
/// Lifetime of a cached failure.
const FAILURE_TTL_SECONDS: i64 = 5;
/// Tolerated clock skew.
const MAX_CLOCK_SKEW_SECONDS: i64 = 60;

/// Asymmetric algorithms only (RFC 8725, 3.1 and 3.2).
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Metadata defined by RFC 9207.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct IssuerInResponse {
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for IssuerInResponse {}

type Metadata = ProviderMetadata<
    IssuerInResponse,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Discovered = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Cached metadata with its keys, or the failure to fetch it.
struct CachedMetadata {
    fetched_at: DateTime<Utc>,
    result: Result<Arc<Metadata>, ProviderError>,
}

pub struct OpenId {
    client: Client,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    /// The lock is held while fetching, so that concurrent sign-ins share one request.
    cache: Mutex<Option<CachedMetadata>>,
}

impl OpenId {
    pub fn new(client: Client, issuer: &str) -> Result<OpenId, String> {
        let issuer = IssuerUrl::new(issuer.to_owned()).map_err(|e| format!("{issuer}: {e}"))?;
        let redirect = RedirectUrl::new(client.redirect.clone())
            .map_err(|e| format!("{}: {e}", client.redirect))?;
        Ok(OpenId { client, issuer, redirect, cache: Mutex::default() })
    }

    pub async fn authorization_url(
        &self,
        challenge: &Challenge,
        now: DateTime<Utc>,
    ) -> Result<String, ProviderError> {
        let metadata = self.metadata(now, METADATA_TTL_SECONDS).await?;
        let code_flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let state = CsrfToken::new(challenge.state.clone());
        let nonce = Nonce::new(challenge.nonce.clone());
        let verifier = PkceCodeVerifier::new(challenge.verifier.clone());
        let client = self.discovered(&metadata);
        let request = client
            .authorize_url(code_flow, || state, || nonce)
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        let (url, ..) = request.url();
        match url.scheme() {
            "https" | "http" => Ok(url.into()),
            other => Err(ProviderError::Untrusted(format!(
                "the authorization endpoint has the scheme {other}:"
            ))),
        }
    }

    pub async fn identify(
        &self,
        params: &CallbackParams,
        challenge: &Challenge,
        now: DateTime<Utc>,
    ) -> Result<ExternalIdentity, ProviderError> {
        let metadata = self.metadata(now, METADATA_TTL_SECONDS).await?;
        let is_iss_announced =
            metadata.additional_metadata().authorization_response_iss_parameter_supported;
        match &params.issuer {
            Some(issuer) if *issuer != *self.issuer.as_str() => {
                return Err(ProviderError::Untrusted("the callback has another issuer".to_owned()));
            }
            None if is_iss_announced => {
                return Err(ProviderError::Untrusted("the callback has no issuer".to_owned()));
            }
            _ => {}
        }
        let http = &self.client.outgoing;
        let client = self.discovered(&metadata);
        let exchange = client
            .exchange_code(AuthorizationCode::new(params.code.clone()))
            .map_err(|_| {
                ProviderError::Unreachable("provider metadata has no token endpoint".to_owned())
            })?
            .set_pkce_verifier(PkceCodeVerifier::new(challenge.verifier.clone()));
        let tokens = exchange.request_async(http).await.map_err(|e| exchange_failed(&e))?;
        let id_token =
            tokens.id_token().ok_or_else(|| ProviderError::Untrusted("no ID token".to_owned()))?;
        let claims =
            self.verified(id_token, tokens.access_token(), &metadata, challenge, now).await?;
        let mut identity = from_claims(&claims)?;
        if identity.email.is_none() && metadata.userinfo_endpoint().is_some() {
            let subject = Some(claims.subject().clone());
            let request = client.user_info(tokens.access_token().clone(), subject);
            let request = request.map_err(|e| ProviderError::Unreachable(e.to_string()))?;
            let more: Result<CoreUserInfoClaims, _> = request.request_async(http).await;
            let more = more
                .map_err(|e| ProviderError::Untrusted(format!("user info: {}", error_chain(&e))))?;
            identity.email = more.email().map(|email| email.as_str().to_owned());
            identity.email_verified = more.email_verified() == Some(true);
            identity.username = identity
                .username
                .or(more.preferred_username().map(|name| name.as_str().to_owned()));
            if let (true, Some(name)) =
                (identity.first_name.is_empty(), more.given_name().and_then(|n| n.get(None)))
            {
                identity.first_name = name.as_str().to_owned();
            }
            if let (true, Some(name)) =
                (identity.last_name.is_empty(), more.family_name().and_then(|n| n.get(None)))
            {
                identity.last_name = name.as_str().to_owned();
            }
        }
        Ok(identity)
    }

    /// Verifies signature, issuer, audience, times, nonce and `at_hash`, and returns the claims. On
    /// an unknown key the metadata is refreshed once.
    async fn verified(
        &self,
        token: &CoreIdToken,
        access_token: &AccessToken,
        metadata: &Arc<Metadata>,
        challenge: &Challenge,
        now: DateTime<Utc>,
    ) -> Result<CoreIdTokenClaims, ProviderError> {
        match self.check(token, access_token, metadata, challenge, now) {
            Err(IdTokenError::UnknownKey) => {
                let newer = self.metadata(now, MIN_REFRESH_SECONDS).await?;
                self.check(token, access_token, &newer, challenge, now)
                    .map_err(IdTokenError::into_provider_error)
            }
            checked => checked.map_err(IdTokenError::into_provider_error),
        }
    }

    fn check(
        &self,
        token: &CoreIdToken,
        access_token: &AccessToken,
        metadata: &Metadata,
        challenge: &Challenge,
        now: DateTime<Utc>,
    ) -> Result<CoreIdTokenClaims, IdTokenError> {
        let client = self.discovered(metadata);
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || now - Duration::seconds(MAX_CLOCK_SKEW_SECONDS))
            .set_issue_time_verifier_fn(move |issued| {
                match issued <= now + Duration::seconds(MAX_CLOCK_SKEW_SECONDS) {
                    true => Ok(()),
                    false => Err("issued in the future".to_owned()),
                }
            });
        let claims = token.claims(&verifier, &Nonce::new(challenge.nonce.clone()))?;
        if not_before(token)? > (now + Duration::seconds(MAX_CLOCK_SKEW_SECONDS)).timestamp() as f64
        {
            return Err(IdTokenError::Bad("not valid yet".to_owned()));
        }
        // With several audiences `azp` names the client (OpenID Connect Core, 3.1.3.7).
        if claims.authorized_party().is_some_and(|party| party.as_str() != self.client.id) {
            return Err(IdTokenError::Bad("issued to another client".to_owned()));
        }
        if let Some(expected) = claims.access_token_hash() {
            let bad = |e: String| IdTokenError::Bad(format!("at_hash: {e}"));
            let algorithm = token.signing_alg().map_err(|e| bad(e.to_string()))?;
            let key = token.signing_key(&verifier).map_err(|e| bad(e.to_string()))?;
            let actual = AccessTokenHash::from_token(access_token, algorithm, key)
                .map_err(|e| bad(e.to_string()))?;
            if actual != *expected {
                return Err(bad("does not match the access token".to_owned()));
            }
        }
        Ok(claims.clone())
    }

    fn discovered(&self, metadata: &Metadata) -> Discovered {
        let secret =
            self.client.secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let client_id = ClientId::new(self.client.id.clone());
        let client = CoreClient::from_provider_metadata(metadata.clone(), client_id, secret);
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes_basic = methods
            .is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let auth_type = if takes_basic { AuthType::BasicAuth } else { AuthType::RequestBody };
        client.set_redirect_uri(self.redirect.clone()).set_auth_type(auth_type)
    }

    /// The provider's metadata and keys, fetched if the cache is older than `max_age_seconds`.
    async fn metadata(
        &self,
        now: DateTime<Utc>,
        max_age_seconds: i64,
    ) -> Result<Arc<Metadata>, ProviderError> {
        let mut cache = self.cache.lock().await;
        if let Some(CachedMetadata { fetched_at, result }) = &*cache {
            let max_age = if result.is_ok() { max_age_seconds } else { FAILURE_TTL_SECONDS };
            if (now - *fetched_at).abs() < Duration::seconds(max_age) {
                return result.clone();
            }
        }
        let http = &self.client.outgoing;
        // If the caller is cancelled, the next one fetches.
        let result = Metadata::discover_async(self.issuer.clone(), http).await;
        let result = result.map(Arc::new).map_err(|e| {
            ProviderError::Unreachable(format!("provider metadata: {}", error_chain(&e)))
        });
        *cache = Some(CachedMetadata { fetched_at: now, result: result.clone() });
        result
    }
}

enum IdTokenError {
    UnknownKey,
    Bad(String),
}

impl IdTokenError {
    fn into_provider_error(self) -> ProviderError {
        match self {
            IdTokenError::UnknownKey => {
                ProviderError::Untrusted("ID token: signature by an unknown key".to_owned())
            }
            IdTokenError::Bad(why) => ProviderError::Untrusted(format!("ID token: {why}")),
        }
    }
}

impl From<ClaimsVerificationError> for IdTokenError {
    fn from(error: ClaimsVerificationError) -> IdTokenError {
        match error {
            ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            ) => IdTokenError::UnknownKey,
            other => IdTokenError::Bad(error_chain(&other)),
        }
    }
}

/// `nbf` of a verified token (RFC 7519, 4.1.5), which the library does not check.
fn not_before(token: &CoreIdToken) -> Result<f64, IdTokenError> {
    #[derive(Deserialize)]
    struct NotBefore {
        #[serde(default)]
        nbf: Option<f64>,
    }
    let bad = || IdTokenError::Bad("nbf is not a number".to_owned());
    let compact = token.to_string();
    let payload = compact
        .split('.')
        .nth(1)
        .and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok())
        .ok_or_else(bad)?;
    let claims: NotBefore = serde_json::from_slice(&payload).map_err(|_| bad())?;
    Ok(claims.nbf.unwrap_or(f64::NEG_INFINITY))
}

fn from_claims(claims: &CoreIdTokenClaims) -> Result<ExternalIdentity, ProviderError> {
    Ok(ExternalIdentity {
        subject: subject(claims.subject().as_str())?,
        email: claims.email().map(|email| email.as_str().to_owned()),
        email_verified: claims.email_verified() == Some(true),
        username: claims.preferred_username().map(|name| name.as_str().to_owned()),
        first_name: claims
            .given_name()
            .and_then(|name| name.get(None))
            .map(|n| n.to_string())
            .unwrap_or_default(),
        last_name: claims
            .family_name()
            .and_then(|name| name.get(None))
            .map(|n| n.to_string())
            .unwrap_or_default(),
    })
}

/// Converts the error of a token exchange. The text comes from the provider and contains no token.
pub(super) fn exchange_failed<T: openidconnect::ErrorResponse + 'static>(
    error: &RequestTokenError<OutgoingError, T>,
) -> ProviderError {
    match error {
        RequestTokenError::ServerResponse(response) => {
            ProviderError::Refused(one_line(&format!("{response:?}")))
        }
        RequestTokenError::Request(error) => ProviderError::Unreachable(error.to_string()),
        // The unparsed body may contain tokens.
        RequestTokenError::Parse(error, _) => {
            ProviderError::Unreachable(one_line(&format!("token endpoint: {error}")))
        }
        RequestTokenError::Other(why) => ProviderError::Unreachable(one_line(why)),
    }
}

/// An error with its sources, on one line.
pub(super) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    one_line(&text)
}

/// Untrusted text for the log: one line of bounded length.
fn one_line(text: &str) -> String {
    const MAX_CHARACTERS: usize = 300;
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARACTERS).collect()
}
