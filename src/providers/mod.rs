//! Sign-in providers: from a browser that comes back with a code to whom its provider says it is.
//!
//! OpenID Connect (discovery, authorization code flow, PKCE with S256, ID token) and GitHub's OAuth 2, after RFC 9700. It
//! knows no account and no rule: what a [`Person`] may do is `domain::social`'s. It keeps none of a provider's tokens.

mod github;
mod oidc;
mod outgoing;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::network::Network;
use crate::secret::Secret;
use github::GitHub;
use oidc::OpenId;
use outgoing::Outgoing;

/// How long a provider may take for all that one step of a sign-in asks of it.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Sign-ins that may wait for one provider at a time; more are turned away at once.
const MOST_WAITING: usize = 64;

/// A provider as the operator names it.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// In lower case: letters, digits, `-`. In every path, and with the subject the identity of a person.
    pub id: String,
    /// What people call it; the preset's unless it is set.
    pub name: Option<String>,
    /// None: it is listed, and nobody can sign in through it.
    pub client_id: Option<String>,
    /// None for a public client, which PKCE alone protects.
    pub client_secret: Option<Secret>,
    /// The preset's unless it is set; for GitHub the URL of an Enterprise server.
    pub issuer: Option<String>,
}

/// What is known of a provider beforehand: id, name, issuer.
const PRESETS: [(&str, &str, Option<&str>); 5] = [
    ("google", "Google", Some("https://accounts.google.com")),
    // Its issuer names the tenant, https://login.microsoftonline.com/<tenant>/v2.0: there is none for all.
    ("microsoft", "Microsoft", None),
    ("gitlab", "GitLab", Some("https://gitlab.com")),
    (GITHUB, "GitHub", Some("https://github.com")),
    ("keycloak", "Keycloak", None),
];

/// No OpenID provider.
const GITHUB: &str = "github";

/// All providers of a server.
pub struct Providers {
    list: Vec<Provider>,
}

pub struct Provider {
    pub id: String,
    pub name: String,
    speaks: Option<Speaks>,
    patience: Duration,
    waiting: Semaphore,
}

enum Speaks {
    OpenId(Box<OpenId>),
    GitHub(Box<GitHub>),
}

/// Whom a provider says somebody is. Only the subject is an identity: the rest is what the provider lets people change.
#[derive(Clone, Serialize, Deserialize)]
pub struct Person {
    /// Stable and never given to somebody else, within one provider (OpenID Connect Core, 2).
    pub subject: String,
    /// As the provider wrote it.
    pub email: Option<String>,
    pub email_verified: bool,
    pub username: Option<String>,
    pub first_name: String,
    pub last_name: String,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(…)")
    }
}

/// What ties an answer to the browser and the request it belongs to. One use.
pub struct Challenge {
    /// RFC 6749, 10.12.
    pub state: String,
    /// OpenID Connect Core, 3.1.2.1.
    pub nonce: String,
    /// RFC 7636, 4.1.
    pub verifier: String,
}

/// What a browser brings back.
pub struct Comeback {
    pub code: String,
    /// RFC 9207.
    pub issuer: Option<String>,
}

/// Why a provider's word is not taken. The text is for the log, and holds neither code nor token.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Too slow, down, or not understood.
    Unreachable(String),
    /// It does not take the code, or this server for its client.
    Refused(String),
    /// Its answer fails a check.
    Untrusted(String),
    /// Too many wait for it.
    Busy,
}

impl Providers {
    /// `private` are the ranges of private addresses where providers may stand.
    ///
    /// # Errors
    ///
    /// One line that names the provider and what it takes.
    pub fn new(
        settings: &[ProviderSettings],
        private: &[Network],
        site_url: &str,
        patience: Duration,
    ) -> Result<Providers, String> {
        if settings.is_empty() {
            return Ok(Providers { list: Vec::new() });
        }
        let outgoing = Outgoing::new(private, patience)?;
        let list = settings.iter().map(|settings| Provider::new(settings, &outgoing, site_url, patience));
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
        outgoing: &Outgoing,
        site_url: &str,
        patience: Duration,
    ) -> Result<Provider, String> {
        let id = settings.id.clone();
        let preset = PRESETS.iter().find(|(preset, ..)| *preset == id);
        let name = settings.name.clone().or_else(|| preset.map(|(_, name, _)| (*name).to_owned()));
        let issuer = settings.issuer.clone().or_else(|| preset.and_then(|(.., issuer)| issuer.map(str::to_owned)));
        let speaks = match &settings.client_id {
            None => None,
            Some(client_id) => {
                let issuer = issuer.ok_or_else(|| format!("the sign-in provider {id} needs its issuer URL"))?;
                outgoing.allows(&issuer).map_err(|why| format!("the issuer of the sign-in provider {id} {why}"))?;
                let client = Client {
                    id: client_id.clone(),
                    secret: settings.client_secret.clone(),
                    redirect: format!("{site_url}{}", callback_path(&id)),
                    outgoing: outgoing.clone(),
                };
                Some(match id.as_str() {
                    GITHUB => Speaks::GitHub(Box::new(GitHub::new(client, &issuer)?)),
                    _ => Speaks::OpenId(Box::new(OpenId::new(client, &issuer)?)),
                })
            }
        };
        Ok(Provider {
            name: name.unwrap_or_else(|| id.clone()),
            id,
            speaks,
            patience,
            waiting: Semaphore::new(MOST_WAITING),
        })
    }

    /// Whether somebody can sign in through it.
    pub fn is_configured(&self) -> bool {
        self.speaks.is_some()
    }

    /// Where the browser is sent: the authorization request (RFC 6749, 4.1.1).
    ///
    /// # Errors
    ///
    /// [`Fault`]
    pub async fn way_in(&self, challenge: &Challenge, now: DateTime<Utc>) -> Result<String, Fault> {
        let asks = async {
            match self.speaks()? {
                Speaks::OpenId(openid) => openid.way_in(challenge, now).await,
                Speaks::GitHub(github) => github.way_in(challenge),
            }
        };
        self.in_time(asks).await
    }

    /// Who came back. The code is used up, whatever is answered.
    ///
    /// # Errors
    ///
    /// [`Fault`]
    pub async fn identify(&self, back: &Comeback, challenge: &Challenge, now: DateTime<Utc>) -> Result<Person, Fault> {
        let asks = async {
            match self.speaks()? {
                Speaks::OpenId(openid) => openid.identify(back, challenge, now).await,
                Speaks::GitHub(github) => github.identify(back, challenge).await,
            }
        };
        self.in_time(asks).await
    }

    fn speaks(&self) -> Result<&Speaks, Fault> {
        self.speaks.as_ref().ok_or_else(|| Fault::Refused("it is not configured".to_owned()))
    }

    async fn in_time<T>(&self, asks: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Fault::Busy)?;
        let answer = tokio::time::timeout(self.patience, asks).await;
        answer.unwrap_or_else(|_| Err(Fault::Unreachable(format!("no answer within {:?}", self.patience))))
    }
}

/// Where a provider sends the browser back to: InvenTree's path, so that what is registered there stays good.
pub fn callback_path(id: &str) -> String {
    format!("/accounts/{id}/login/callback/")
}

/// What this server is to a provider.
struct Client {
    id: String,
    secret: Option<Secret>,
    redirect: String,
    outgoing: Outgoing,
}

/// The longest subject: 255 in OpenID Connect Core, 2.
fn subject(text: &str) -> Result<String, Fault> {
    match text.len() {
        // Not every database's text can hold it.
        _ if text.contains('\0') => Err(Fault::Untrusted("a subject with a null character".to_owned())),
        1..=255 => Ok(text.to_owned()),
        length => Err(Fault::Untrusted(format!("a subject of {length} characters"))),
    }
}
