//! Account rules: registration, credentials, sessions, tokens, email addresses and sign-in
//! providers.
//!
//! Knows no HTTP (status, header, cookie) and no SQL. Time and randomness come from [`App`], so
//! tests inject them.
//!
//! The rules follow InvenTree v291 (Django's auth, allauth). docs/differences.md lists the
//! differences.

pub mod account_deletion;
pub mod accounts;
pub mod administration;
pub mod audit;
pub mod client;
pub mod device_cookie;
pub mod django_hashes;
pub mod email_addresses;
pub mod email_format;
pub mod factors;
pub mod groups;
pub mod hashing;
pub mod housekeeping;
pub mod import;
pub mod keys;
pub mod known_clients;
pub mod leaked_passwords;
pub mod limits;
mod notices;
pub mod operation;
pub mod own_data;
pub mod owner_language;
mod ownership;
pub mod passwords;
pub mod registration;
pub mod rehash;
pub mod resets;
pub mod revocation;
pub mod sealed;
pub mod sessions;
pub mod social;
pub mod strength;
pub mod tokens;
mod undeleted_addresses;
pub mod usernames;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use slog::Logger;

use crate::mail::{Message, Outbox};
use crate::metrics;
use crate::providers::Providers;
use crate::store::{Account, Store, StoreError};
use hashing::{Hasher, HasherError};
use keys::SecretKey;
use leaked_passwords::LeakedPasswords;

/// The services that the rules need. One per server, shared by all requests; clones are cheap.
#[derive(Clone)]
pub struct App(Arc<Services>);

/// The parts of an [`App`].
pub struct Services {
    pub log: Logger,
    pub metrics: metrics::Accounts,
    pub store: Store,
    pub hasher: Hasher,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub secret: SecretKey,
    pub outbox: Outbox,
    pub rules: Rules,
    pub limits: limits::Limits,
    pub rehash: rehash::Rehash,
    pub providers: Providers,
    pub leaked_passwords: LeakedPasswords,
}

/// Settings that the operator chooses.
#[derive(Debug, Clone)]
pub struct Rules {
    /// INVENTREE_LOGIN_ENABLE_REG
    pub registration_enabled: bool,
    /// INVENTREE_LOGIN_MAIL_REQUIRED
    pub mail_required: bool,
    /// INVENTREE_LOGIN_ENFORCE_MFA
    pub mfa_enforced: bool,
    /// INVENTREE_LOGIN_MFA_REMEMBER: a browser can be remembered, and skips the second step for 30
    /// days.
    pub mfa_remember: bool,
    /// INVENTREE_LOGIN_MFA_AFTER_SSO: a sign-in through a provider needs the second factor too.
    pub mfa_after_sso: bool,
    /// INVENTREE_LOGIN_NOTICES: a sign-in by a new browser or from a new network sends an email.
    pub sign_in_notices: bool,
    /// INVENTREE_LOGIN_SIGNUP_MAIL_RESTRICTION: `@example.com` or `example.com`; empty allows all.
    pub signup_domains: Vec<String>,
    /// INVENTREE_LOGIN_CONFIRM_FIRST: a new account cannot be used before its address is confirmed.
    pub confirm_first: bool,
    /// INVENTREE_LOGIN_ENABLE_PWD_FORGOT: shown in the provider list only; resets work regardless.
    pub password_forgotten_enabled: bool,
    /// INVENTREE_LOGIN_ENABLE_SSO
    pub sso_enabled: bool,
    /// INVENTREE_LOGIN_ENABLE_SSO_REG
    pub sso_registration: bool,
    /// INVENTREE_LOGIN_SIGNUP_SSO_AUTO: creates a new account from the provider's claims, without a
    /// form.
    pub sso_auto: bool,
    /// INVENTREE_LOGIN_ENABLE_SSO_GROUP_SYNC: groups follow the claims of providers.
    pub group_sync: Option<groups::GroupSync>,
    /// INVENTREE_LOGIN_CONFIRM_DAYS: lifetime of an emailed confirmation key.
    pub confirm_days: i64,
    /// INVENTREE_MAX_EMAIL_ADDRESSES: limit for one account.
    pub max_email_addresses: i64,
    /// INVENTREE_AUDIT_DAYS: retention of audit entries.
    pub audit_days: u64,
    /// INVENTREE_OLD_PASSWORD_REQUIRED
    pub old_password_required: bool,
    /// INVENTREE_SITE_URL without a trailing slash: the base of every emailed link.
    pub site_url: String,
}

impl Rules {
    /// Whether a new account must have an email address.
    pub fn needs_email(&self) -> bool {
        self.mail_required || self.confirm_first || !self.signup_domains.is_empty()
    }

    /// The deadline to confirm the address of an account created at `now`, if there is one.
    pub fn confirm_by(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let is_required = self.confirm_first || !self.signup_domains.is_empty();
        is_required.then(|| now + Duration::days(self.confirm_days))
    }

    /// Whether the address can be primary: its domain is approved, ignoring case.
    pub fn approves_email(&self, email: &str) -> bool {
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        let matches = |entry: &String| entry.trim_start_matches('@').eq_ignore_ascii_case(domain);
        self.signup_domains.is_empty() || self.signup_domains.iter().any(matches)
    }

    /// Whether the account must confirm its address before it can be used.
    pub fn awaits_confirmation(&self, account: &Account) -> bool {
        self.confirm_first && account.confirm_by.is_some()
    }

    /// Whether the account can authenticate.
    pub fn can_authenticate(&self, account: &Account) -> bool {
        account.is_active && !self.awaits_confirmation(account)
    }
}

/// Source of the current time.
pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;
}

/// Source of random bytes.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// The system clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A CSPRNG per thread, seeded by the operating system.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        rand::Rng::fill_bytes(&mut rand::rng(), bytes);
    }
}

impl Deref for App {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.0
    }
}

impl App {
    pub fn new(parts: Services) -> App {
        App(Arc::new(parts))
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// Random letters and digits: 36 characters, 5.17 bits each.
    pub(crate) fn random_text<const N: usize>(&self) -> String {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let mut text = String::with_capacity(N);
        while text.len() < N {
            // Rejection sampling: bytes from 252 on would bias the result towards the first four
            // letters.
            let unbiased =
                self.random::<64>().into_iter().filter(|byte| *byte < 252).take(N - text.len());
            text.extend(unbiased.map(|byte| ALPHABET[usize::from(byte % 36)] as char));
        }
        text
    }

    /// Encrypts a message for the outbox table.
    pub(crate) fn seal(&self, message: &Message) -> Vec<u8> {
        self.outbox.seal(message, self.random())
    }
}

/// Validation errors as they are shown to the user, by field or for the whole request.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ValidationErrors {
    pub fields: Vec<(&'static str, Vec<String>)>,
    pub general: Vec<String>,
}

impl ValidationErrors {
    pub fn none() -> ValidationErrors {
        ValidationErrors::default()
    }

    pub fn of(field: &'static str, message: impl Into<String>) -> ValidationErrors {
        ValidationErrors { fields: vec![(field, vec![message.into()])], general: Vec::new() }
    }

    pub fn general(message: impl Into<String>) -> ValidationErrors {
        ValidationErrors { fields: Vec::new(), general: vec![message.into()] }
    }

    pub fn add(&mut self, field: &'static str, messages: Vec<String>) {
        if !messages.is_empty() {
            self.fields.push((field, messages));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.general.is_empty()
    }
}

/// In one line: each field with its messages, then the general ones.
impl fmt::Display for ValidationErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields =
            self.fields.iter().map(|(name, messages)| format!("{name}: {}", messages.join(" ")));
        let all: Vec<String> = fields.chain(self.general.iter().cloned()).collect();
        f.write_str(&all.join(" "))
    }
}

/// Why an operation was rejected. Nothing was written. The texts are for operators and the log;
/// `http::error` has those of clients.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// The request is invalid.
    #[error("{0}")]
    Invalid(ValidationErrors),
    /// The request is valid but not allowed. The sentence gives the reason.
    #[error("{0}")]
    Forbidden(&'static str),
    /// No such resource, or it belongs to another account.
    #[error("not found")]
    NotFound,
    /// A second factor is required, which this API cannot ask for.
    #[error("a second factor is required")]
    MfaRequired,
    /// The session must reauthenticate first.
    #[error("a recent login is required")]
    ReauthenticationNeeded,
    /// Rate limit exceeded.
    #[error("rate limit exceeded, try again in {wait_seconds} seconds")]
    Throttled { wait_seconds: u64 },
    /// The hashing queue is full.
    #[error("the server is busy")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DomainError {
    /// The `outcome` of an operation that ends so, for the metrics.
    fn outcome(&self) -> &'static str {
        match self {
            DomainError::Invalid(_)
            | DomainError::Forbidden(_)
            | DomainError::NotFound
            | DomainError::ReauthenticationNeeded => "rejected",
            DomainError::MfaRequired => "second_factor_required",
            DomainError::Throttled { .. } => "throttled",
            DomainError::Busy | DomainError::Store(_) => "failed",
        }
    }
}

impl From<HasherError> for DomainError {
    fn from(error: HasherError) -> DomainError {
        match error {
            HasherError::Busy => DomainError::Busy,
            HasherError::Failed(why) => DomainError::Store(StoreError::Other(why)),
        }
    }
}

impl From<ValidationErrors> for DomainError {
    fn from(problems: ValidationErrors) -> DomainError {
        DomainError::Invalid(problems)
    }
}
