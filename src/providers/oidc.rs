//! An OpenID provider, known by its issuer URL: everything else it says itself (OpenID Connect Discovery 1.0).
//!
//! The issuer is pinned in its document, in its ID tokens and, where it says so, in the browser's way back (RFC 9207).
//! Algorithms are ours to choose: a document that allows `none` or a shared secret changes nothing.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGrantType, CoreIdToken,
    CoreIdTokenClaims, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalProviderMetadata, AuthType, AuthenticationFlow, AuthorizationCode,
    ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl,
    RequestTokenError, Scope, SignatureVerificationError, TokenResponse,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::outgoing::OutgoingError;
use super::{Challenge, Client, Comeback, Fault, Person, subject};

/// How long a provider's document and keys are believed.
const KNOWN_SECONDS: i64 = 600;
/// A token with an unknown key asks for the keys again, but not more often than this.
const KEYS_SECONDS: i64 = 30;
/// After a failure nobody waits for the provider again before this.
const DOWN_SECONDS: i64 = 5;
/// Clocks differ.
const SKEW_SECONDS: i64 = 60;

/// Asymmetric ones alone (RFC 8725, 3.1 and 3.2).
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

/// What RFC 9207 adds to a provider's document.
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

type Discovered =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// A provider's document with its keys, and when it was asked for.
struct Known {
    at: DateTime<Utc>,
    said: Result<Arc<Metadata>, Fault>,
}

pub struct OpenId {
    client: Client,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    /// What the provider said last, and when. Whoever finds it old asks, and the others wait for that answer.
    known: Mutex<Option<Known>>,
}

impl OpenId {
    pub fn new(client: Client, issuer: &str) -> Result<OpenId, String> {
        let issuer = IssuerUrl::new(issuer.to_owned()).map_err(|e| format!("{issuer}: {e}"))?;
        let redirect = RedirectUrl::new(client.redirect.clone()).map_err(|e| format!("{}: {e}", client.redirect))?;
        Ok(OpenId { client, issuer, redirect, known: Mutex::default() })
    }

    pub async fn way_in(&self, challenge: &Challenge, now: DateTime<Utc>) -> Result<String, Fault> {
        let metadata = self.metadata(now, KNOWN_SECONDS).await?;
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
            other => Err(Fault::Untrusted(format!("its authorization endpoint begins with {other}:"))),
        }
    }

    pub async fn identify(&self, back: &Comeback, challenge: &Challenge, now: DateTime<Utc>) -> Result<Person, Fault> {
        let metadata = self.metadata(now, KNOWN_SECONDS).await?;
        let promised = metadata.additional_metadata().authorization_response_iss_parameter_supported;
        match &back.issuer {
            Some(issuer) if *issuer != *self.issuer.as_str() => {
                return Err(Fault::Untrusted("the answer is another issuer's".to_owned()));
            }
            None if promised => return Err(Fault::Untrusted("the answer names no issuer".to_owned())),
            _ => {}
        }
        let http = &self.client.outgoing;
        let client = self.discovered(&metadata);
        let exchange = client
            .exchange_code(AuthorizationCode::new(back.code.clone()))
            .map_err(|_| Fault::Unreachable("its document names no token endpoint".to_owned()))?
            .set_pkce_verifier(PkceCodeVerifier::new(challenge.verifier.clone()));
        let tokens = exchange.request_async(http).await.map_err(|e| refused(&e))?;
        let id_token = tokens.id_token().ok_or_else(|| Fault::Untrusted("no ID token".to_owned()))?;
        let claims = self.verified(id_token, tokens.access_token(), &metadata, challenge, now).await?;
        let mut person = from_claims(&claims)?;
        if person.email.is_none() && metadata.userinfo_endpoint().is_some() {
            let subject = Some(claims.subject().clone());
            let request = client.user_info(tokens.access_token().clone(), subject);
            let request = request.map_err(|e| Fault::Unreachable(e.to_string()))?;
            let more: Result<CoreUserInfoClaims, _> = request.request_async(http).await;
            let more = more.map_err(|e| Fault::Untrusted(format!("its user info: {}", shown(&e))))?;
            person.email = more.email().map(|email| email.as_str().to_owned());
            person.email_verified = more.email_verified() == Some(true);
            person.username = person.username.or(more.preferred_username().map(|name| name.as_str().to_owned()));
            if let (true, Some(name)) = (person.first_name.is_empty(), more.given_name().and_then(|n| n.get(None))) {
                person.first_name = name.as_str().to_owned();
            }
            if let (true, Some(name)) = (person.last_name.is_empty(), more.family_name().and_then(|n| n.get(None))) {
                person.last_name = name.as_str().to_owned();
            }
        }
        Ok(person)
    }

    /// The claims, once signature, issuer, audience, times, nonce and the access token's hash are good. A key that is
    /// not known may be new: the provider is asked once more.
    async fn verified(
        &self,
        token: &CoreIdToken,
        access_token: &AccessToken,
        metadata: &Arc<Metadata>,
        challenge: &Challenge,
        now: DateTime<Utc>,
    ) -> Result<CoreIdTokenClaims, Fault> {
        match self.check(token, access_token, metadata, challenge, now) {
            Err(Unverified::UnknownKey) => {
                let newer = self.metadata(now, KEYS_SECONDS).await?;
                self.check(token, access_token, &newer, challenge, now).map_err(Unverified::into_fault)
            }
            checked => checked.map_err(Unverified::into_fault),
        }
    }

    fn check(
        &self,
        token: &CoreIdToken,
        access_token: &AccessToken,
        metadata: &Metadata,
        challenge: &Challenge,
        now: DateTime<Utc>,
    ) -> Result<CoreIdTokenClaims, Unverified> {
        let client = self.discovered(metadata);
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || now - Duration::seconds(SKEW_SECONDS))
            .set_issue_time_verifier_fn(move |issued| match issued <= now + Duration::seconds(SKEW_SECONDS) {
                true => Ok(()),
                false => Err("issued in the future".to_owned()),
            });
        let claims = token.claims(&verifier, &Nonce::new(challenge.nonce.clone()))?;
        if not_before(token)? > (now + Duration::seconds(SKEW_SECONDS)).timestamp() as f64 {
            return Err(Unverified::Bad("it is not valid yet".to_owned()));
        }
        // With several audiences the token says whom it was made for (OpenID Connect Core, 3.1.3.7).
        if claims.authorized_party().is_some_and(|party| party.as_str() != self.client.id) {
            return Err(Unverified::Bad("it was made for another client".to_owned()));
        }
        if let Some(expected) = claims.access_token_hash() {
            let bad = |e: String| Unverified::Bad(format!("at_hash: {e}"));
            let algorithm = token.signing_alg().map_err(|e| bad(e.to_string()))?;
            let key = token.signing_key(&verifier).map_err(|e| bad(e.to_string()))?;
            let actual = AccessTokenHash::from_token(access_token, algorithm, key).map_err(|e| bad(e.to_string()))?;
            if actual != *expected {
                return Err(bad("another access token's".to_owned()));
            }
        }
        Ok(claims.clone())
    }

    fn discovered(&self, metadata: &Metadata) -> Discovered {
        let secret = self.client.secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let client_id = ClientId::new(self.client.id.clone());
        let client = CoreClient::from_provider_metadata(metadata.clone(), client_id, secret);
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes_basic = methods.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let auth_type = if takes_basic { AuthType::BasicAuth } else { AuthType::RequestBody };
        client.set_redirect_uri(self.redirect.clone()).set_auth_type(auth_type)
    }

    /// The provider's document and keys, asked for when what is known is older than `most_seconds`.
    async fn metadata(&self, now: DateTime<Utc>, most_seconds: i64) -> Result<Arc<Metadata>, Fault> {
        let mut known = self.known.lock().await;
        if let Some(Known { at, said }) = &*known {
            let most = if said.is_ok() { most_seconds } else { DOWN_SECONDS };
            if (now - *at).abs() < Duration::seconds(most) {
                return said.clone();
            }
        }
        let http = &self.client.outgoing;
        // Whoever waits may give up; then the next one asks.
        let said = Metadata::discover_async(self.issuer.clone(), http).await;
        let said = said.map(Arc::new).map_err(|e| Fault::Unreachable(format!("its document: {}", shown(&e))));
        *known = Some(Known { at: now, said: said.clone() });
        said
    }
}

enum Unverified {
    UnknownKey,
    Bad(String),
}

impl Unverified {
    fn into_fault(self) -> Fault {
        match self {
            Unverified::UnknownKey => Fault::Untrusted("ID token: signed with no key of the provider".to_owned()),
            Unverified::Bad(why) => Fault::Untrusted(format!("ID token: {why}")),
        }
    }
}

impl From<ClaimsVerificationError> for Unverified {
    fn from(error: ClaimsVerificationError) -> Unverified {
        match error {
            ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
                Unverified::UnknownKey
            }
            other => Unverified::Bad(shown(&other)),
        }
    }
}

/// `nbf` of a token whose signature is good (RFC 7519, 4.1.5): the library reads no such claim.
fn not_before(token: &CoreIdToken) -> Result<f64, Unverified> {
    #[derive(Deserialize)]
    struct NotBefore {
        #[serde(default)]
        nbf: Option<f64>,
    }
    let bad = || Unverified::Bad("its nbf is no time".to_owned());
    let compact = token.to_string();
    let payload = compact.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok()).ok_or_else(bad)?;
    let claims: NotBefore = serde_json::from_slice(&payload).map_err(|_| bad())?;
    Ok(claims.nbf.unwrap_or(f64::NEG_INFINITY))
}

fn from_claims(claims: &CoreIdTokenClaims) -> Result<Person, Fault> {
    Ok(Person {
        subject: subject(claims.subject().as_str())?,
        email: claims.email().map(|email| email.as_str().to_owned()),
        email_verified: claims.email_verified() == Some(true),
        username: claims.preferred_username().map(|name| name.as_str().to_owned()),
        first_name: claims.given_name().and_then(|name| name.get(None)).map(|n| n.to_string()).unwrap_or_default(),
        last_name: claims.family_name().and_then(|name| name.get(None)).map(|n| n.to_string()).unwrap_or_default(),
    })
}

/// What an exchange that failed says. Its words are the provider's, and hold no token.
pub(super) fn refused<T: openidconnect::ErrorResponse + 'static>(error: &RequestTokenError<OutgoingError, T>) -> Fault {
    match error {
        RequestTokenError::ServerResponse(response) => Fault::Refused(one_line(&format!("{response:?}"))),
        RequestTokenError::Request(error) => Fault::Unreachable(error.to_string()),
        // The body that was not understood may hold tokens.
        RequestTokenError::Parse(error, _) => Fault::Unreachable(one_line(&format!("its token endpoint: {error}"))),
        RequestTokenError::Other(why) => Fault::Unreachable(one_line(why)),
    }
}

/// An error with its causes, as one line.
pub(super) fn shown(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    one_line(&text)
}

/// Of a stranger's words a log takes one line, and not too long a one.
fn one_line(text: &str) -> String {
    const MOST_CHARACTERS: usize = 300;
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_CHARACTERS).collect()
}
