//! Sign-in providers: exchange an authorization code for the user's identity.
//!
//! OpenID Connect (discovery, authorization code flow, PKCE with S256, ID token) and GitHub's OAuth
//! 2, following RFC 9700. Knows no accounts: `domain::social` decides the rights of an
//! [`ExternalIdentity`]. Provider tokens are not kept.

mod code_flow;
mod github;
mod id_token;
mod oidc;
mod outgoing;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::network::{InvalidNetwork, Network};
use crate::secret::Secret;
use github::GitHub;
use oidc::OpenId;
use outgoing::Outgoing;
pub use outgoing::UrlRejected;

/// Timeout of all requests to the provider in one step of a sign-in.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// Concurrent sign-ins per provider; more are rejected at once.
const MAX_WAITING: usize = 64;

/// Settings of a provider.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Lower-case letters, digits and `-`. Part of every path; identifies a user together with the
    /// subject.
    pub id: String,
    /// Display name; the preset's by default.
    pub name: Option<String>,
    /// None: listed, but not available for sign-in.
    pub client_id: Option<String>,
    /// None for a public client, protected by PKCE only.
    pub client_secret: Option<Secret>,
    /// The preset's by default; for GitHub, the URL of an Enterprise server.
    pub issuer: Option<String>,
    /// Clients that an ID token may be for as well.
    pub trusted_audiences: Vec<String>,
}

/// Settings that all providers share.
#[derive(Debug, Clone, Default)]
pub struct CommonSettings {
    /// Private address ranges where providers are allowed.
    pub private: Vec<Network>,
    /// A PEM file with root certificates, beside the public ones.
    pub root_certificates: Option<PathBuf>,
    /// The claim with the groups of a user.
    pub groups_claim: String,
    /// Ids of the providers whose groups are followed.
    pub group_providers: Vec<String>,
}

/// Presets: id, name, issuer.
const PRESETS: [(&str, &str, Option<&str>); 5] = [
    ("google", "Google", Some("https://accounts.google.com")),
    // The issuer contains the tenant: https://login.microsoftonline.com/<tenant>/v2.0.
    ("microsoft", "Microsoft", None),
    ("gitlab", "GitLab", Some("https://gitlab.com")),
    (GITHUB, "GitHub", Some("https://github.com")),
    ("keycloak", "Keycloak", None),
];

/// Not an OpenID provider.
const GITHUB: &str = "github";

/// The configured providers.
pub struct Providers {
    list: Vec<Provider>,
}

pub struct Provider {
    pub id: String,
    pub name: String,
    /// Empty for a provider that is not configured.
    pub issuer: String,
    protocol: Option<Protocol>,
    timeout: Duration,
    waiting: Semaphore,
}

enum Protocol {
    OpenId(Box<OpenId>),
    GitHub(Box<GitHub>),
}

/// A user's identity as the provider asserts it. Only issuer and subject identify: users can change
/// the other claims.
#[derive(Clone, Serialize, Deserialize)]
pub struct ExternalIdentity {
    pub issuer: String,
    /// Stable and never reassigned within one issuer (OpenID Connect Core, 2).
    pub subject: String,
    /// As the provider sent it.
    pub email: Option<String>,
    pub email_verified: bool,
    pub username: Option<String>,
    pub first_name: String,
    pub last_name: String,
    /// `None` if the provider sent no groups, or group sync is off.
    pub groups: Option<Vec<String>>,
}

impl fmt::Debug for ExternalIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalIdentity(…)")
    }
}

/// Binds a callback to its browser and its request. Single use.
pub struct Challenge {
    /// RFC 6749, 10.12.
    pub state: String,
    /// OpenID Connect Core, 3.1.2.1.
    pub nonce: String,
    /// RFC 7636, 4.1.
    pub verifier: String,
}

/// Parameters of the callback.
pub struct CallbackParams {
    pub code: String,
    /// RFC 9207.
    pub issuer: Option<String>,
}

/// Why the provider's response was not accepted. The text is for the log; it contains neither code
/// nor token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProviderError {
    /// Timed out, unreachable, or failed with a 5xx.
    #[error("{0}")]
    Unreachable(String),
    /// Its response cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// Rejected the code or this client.
    #[error("{0}")]
    Refused(String),
    /// The response failed verification.
    #[error("{0}")]
    Untrusted(String),
    /// Too many concurrent sign-ins.
    #[error("too many concurrent sign-ins")]
    Busy,
}

impl ProviderError {
    /// The kind, for the metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            ProviderError::Unreachable(_) => "unreachable",
            ProviderError::Unusable(_) => "unusable",
            ProviderError::Refused(_) => "refused",
            ProviderError::Untrusted(_) => "untrusted",
            ProviderError::Busy => "busy",
        }
    }
}

/// Why a provider cannot be set up: one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("the sign-in provider {0} requires an issuer URL")]
    MissingIssuer(String),
    #[error("the issuer of the sign-in provider {id} {reason}")]
    Issuer { id: String, reason: UrlRejected },
    #[error("{url}: {reason}")]
    Url { url: String, reason: String },
    #[error("cannot build the HTTP client: {0}")]
    HttpClient(reqwest::Error),
    #[error("INVENTREE_SSO_TLS_ROOTS: {path}: {reason}", path = path.display())]
    Roots { path: PathBuf, reason: String },
    #[error(transparent)]
    Network(#[from] InvalidNetwork),
}

impl Providers {
    /// # Errors
    ///
    /// [`SetupError`], which names the provider.
    pub fn new(
        settings: &[ProviderSettings],
        common: &CommonSettings,
        site_url: &str,
        timeout: Duration,
    ) -> Result<Providers, SetupError> {
        if settings.is_empty() {
            return Ok(Providers { list: Vec::new() });
        }
        let outgoing =
            Outgoing::new(&common.private, common.root_certificates.as_deref(), timeout)?;
        let list = settings
            .iter()
            .map(|settings| Provider::new(settings, common, &outgoing, site_url, timeout));
        Ok(Providers { list: list.collect::<Result<_, _>>()? })
    }

    pub fn all(&self) -> &[Provider] {
        &self.list
    }

    pub fn find(&self, id: &str) -> Option<&Provider> {
        self.list.iter().find(|provider| provider.id == id)
    }
}

impl Provider {
    fn new(
        settings: &ProviderSettings,
        common: &CommonSettings,
        outgoing: &Outgoing,
        site_url: &str,
        timeout: Duration,
    ) -> Result<Provider, SetupError> {
        let id = settings.id.clone();
        let preset = PRESETS.iter().find(|(preset, ..)| *preset == id);
        let name = settings.name.clone().or_else(|| preset.map(|(_, name, _)| (*name).to_owned()));
        let issuer = settings
            .issuer
            .clone()
            .or_else(|| preset.and_then(|(.., issuer)| issuer.map(str::to_owned)));
        let protocol = match &settings.client_id {
            None => None,
            Some(client_id) => {
                let issuer =
                    issuer.as_ref().ok_or_else(|| SetupError::MissingIssuer(id.clone()))?;
                outgoing
                    .allows(issuer)
                    .map_err(|reason| SetupError::Issuer { id: id.clone(), reason })?;
                let client = Client {
                    id: client_id.clone(),
                    secret: settings.client_secret.clone(),
                    redirect: format!("{site_url}{}", callback_path(&id)),
                    trusted_audiences: settings.trusted_audiences.clone(),
                    groups_claim: common
                        .group_providers
                        .contains(&id)
                        .then(|| common.groups_claim.clone()),
                    outgoing: outgoing.clone(),
                };
                Some(match id.as_str() {
                    GITHUB => Protocol::GitHub(Box::new(GitHub::new(client, issuer)?)),
                    _ => Protocol::OpenId(Box::new(OpenId::new(client, issuer))),
                })
            }
        };
        Ok(Provider {
            name: name.unwrap_or_else(|| id.clone()),
            id,
            issuer: issuer.filter(|_| protocol.is_some()).unwrap_or_default(),
            protocol,
            timeout,
            waiting: Semaphore::new(MAX_WAITING),
        })
    }

    /// Whether it can be used to sign in.
    pub fn is_configured(&self) -> bool {
        self.protocol.is_some()
    }

    /// The URL of the authorization request (RFC 6749, 4.1.1).
    ///
    /// # Errors
    ///
    /// [`ProviderError`]
    pub async fn authorization_url(
        &self,
        challenge: &Challenge,
        now: DateTime<Utc>,
    ) -> Result<String, ProviderError> {
        let exchange = async {
            match self.protocol()? {
                Protocol::OpenId(openid) => openid.authorization_url(challenge, now).await,
                Protocol::GitHub(github) => Ok(github.authorization_url(challenge)),
            }
        };
        self.with_timeout(exchange).await
    }

    /// The user's identity. The code is consumed, even on failure.
    ///
    /// # Errors
    ///
    /// [`ProviderError`]
    pub async fn identify(
        &self,
        params: &CallbackParams,
        challenge: &Challenge,
        now: DateTime<Utc>,
    ) -> Result<ExternalIdentity, ProviderError> {
        let exchange = async {
            match self.protocol()? {
                Protocol::OpenId(openid) => openid.identify(params, challenge, now).await,
                Protocol::GitHub(github) => github.identify(params, challenge).await,
            }
        };
        self.with_timeout(exchange).await
    }

    fn protocol(&self) -> Result<&Protocol, ProviderError> {
        self.protocol
            .as_ref()
            .ok_or_else(|| ProviderError::Refused("the provider is not configured".to_owned()))
    }

    async fn with_timeout<T>(
        &self,
        exchange: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| ProviderError::Busy)?;
        let response = tokio::time::timeout(self.timeout, exchange).await;
        response.unwrap_or_else(|_| {
            Err(ProviderError::Unreachable(format!("no response within {:?}", self.timeout)))
        })
    }
}

/// Path of the callback: the same as InvenTree's, so redirect URIs registered at providers stay
/// valid.
pub fn callback_path(id: &str) -> String {
    format!("/accounts/{id}/login/callback/")
}

/// This server as a client of the provider.
struct Client {
    id: String,
    secret: Option<Secret>,
    redirect: String,
    trusted_audiences: Vec<String>,
    groups_claim: Option<String>,
    outgoing: Outgoing,
}

/// Validates a subject: at most 255 characters (OpenID Connect Core, 2).
fn subject(text: &str) -> Result<String, ProviderError> {
    match text.len() {
        // PostgreSQL cannot store it.
        _ if text.contains('\0') => {
            Err(ProviderError::Untrusted("sub: a subject with a null character".to_owned()))
        }
        1..=255 => Ok(text.to_owned()),
        length => Err(ProviderError::Untrusted(format!("sub: a subject of {length} characters"))),
    }
}
