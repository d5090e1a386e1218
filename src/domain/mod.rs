//! The rules: who may register, what a password must be, which credentials open what, and for how long.
//!
//! It knows no HTTP (no status, no header, no cookie) and no SQL. Every rule that needs the time or a random number
//! takes it from [`Domain`], so that a test moves the clock instead of sleeping.
//!
//! Where its rules come from: behaviour of InvenTree v291 (Django's auth, allauth), its departures listed in SECURITY.md.

pub mod accounts;
pub mod administration;
pub mod audit;
pub mod client;
pub mod django_hashes;
pub mod email_addresses;
pub mod email_format;
pub mod hashing;
pub mod housekeeping;
pub mod import;
pub mod keys;
pub mod known_clients;
pub mod limits;
mod notices;
mod ownership;
pub mod passwords;
pub mod rehash;
pub mod resets;
pub mod sessions;
pub mod social;
pub mod tokens;
pub mod usernames;

use std::ops::Deref;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};

use crate::mail::{Message, Outbox};
use crate::providers::Providers;
use crate::store::{Account, Store, StoreError, Writer};
use hashing::{Hasher, HasherError};
use keys::SecretKey;

/// Everything a rule needs. One per server, shared by all requests; clones are cheap.
#[derive(Clone)]
pub struct Domain(Arc<Parts>);

/// What a [`Domain`] is made of.
pub struct Parts {
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
}

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Rules {
    /// INVENTREE_LOGIN_ENABLE_REG
    pub registration_enabled: bool,
    /// INVENTREE_LOGIN_MAIL_REQUIRED
    pub mail_required: bool,
    /// INVENTREE_LOGIN_ENFORCE_MFA
    pub mfa_enforced: bool,
    /// INVENTREE_LOGIN_SIGNUP_MAIL_RESTRICTION: `@example.com` or `example.com`; empty allows every domain.
    pub signup_domains: Vec<String>,
    /// INVENTREE_LOGIN_CONFIRM_FIRST: a new account opens nothing before its address is proved.
    pub confirm_first: bool,
    /// INVENTREE_LOGIN_ENABLE_PWD_FORGOT: shown by the provider list, resets work regardless.
    pub password_forgotten_enabled: bool,
    /// INVENTREE_LOGIN_ENABLE_SSO
    pub sso_enabled: bool,
    /// INVENTREE_LOGIN_ENABLE_SSO_REG
    pub sso_registration: bool,
    /// INVENTREE_LOGIN_SIGNUP_SSO_AUTO: a new account is made of what the provider says, without a form.
    pub sso_auto: bool,
    /// INVENTREE_LOGIN_CONFIRM_DAYS: how long a mailed confirmation key is good.
    pub confirm_days: i64,
    /// INVENTREE_MAX_EMAIL_ADDRESSES: rows of one account.
    pub max_email_addresses: i64,
    /// INVENTREE_AUDIT_DAYS: how long the audit trail is kept.
    pub audit_days: u64,
    /// INVENTREE_OLD_PASSWORD_REQUIRED
    pub old_password_required: bool,
    /// INVENTREE_SITE_URL, without its last slash: the base of every mailed link.
    pub site_url: String,
}

impl Rules {
    /// Whether an account that people make needs an address.
    pub fn needs_email(&self) -> bool {
        self.mail_required || self.confirm_first || !self.signup_domains.is_empty()
    }

    /// Until when the address of an account that is made at `now` must be proved, if it must be.
    pub fn confirm_by(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let must_be = self.confirm_first || !self.signup_domains.is_empty();
        must_be.then(|| now + Duration::days(self.confirm_days))
    }

    /// Whether an account may have this address as its primary one: of an approved domain, without regard to case.
    pub fn approves(&self, email: &str) -> bool {
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        let is_it = |entry: &String| entry.trim_start_matches('@').eq_ignore_ascii_case(domain);
        self.signup_domains.is_empty() || self.signup_domains.iter().any(is_it)
    }

    /// Whether an account waits for the proof of its address before anything opens it.
    pub fn holds_back(&self, account: &Account) -> bool {
        self.confirm_first && account.confirm_by.is_some()
    }

    /// Whether credentials of the account open it.
    pub fn opens(&self, account: &Account) -> bool {
        account.is_active && !self.holds_back(account)
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;
}

/// Where randomness comes from.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// The machine's own clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The operating system's generator, through a cryptographic one per thread.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        rand::RngCore::fill_bytes(&mut rand::rng(), bytes);
    }
}

impl Deref for Domain {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Domain {
    pub fn new(parts: Parts) -> Domain {
        Domain(Arc::new(parts))
    }

    /// A write whose closure needs the rules too.
    async fn write<T: Send + 'static>(
        &self,
        f: impl Fn(&Writer<'_>, &Domain) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let domain = self.clone();
        self.store.write(move |w| f(w, &domain)).await
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// Random text over a 36-letter alphabet, 5.17 bits a character.
    pub(crate) fn random_text<const N: usize>(&self) -> String {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let mut text = String::with_capacity(N);
        while text.len() < N {
            // Bytes from 252 on would favour the first four letters.
            let draws = self.random::<64>().into_iter().filter(|byte| *byte < 252).take(N - text.len());
            text.extend(draws.map(|byte| ALPHABET[usize::from(byte % 36)] as char));
        }
        text
    }

    /// The mail of a write, ready for the outbox table.
    pub(crate) fn seal(&self, message: &Message) -> Vec<u8> {
        self.outbox.seal(message, self.random())
    }
}

/// What is wrong with a request, in the words a person sees: by field, or in general.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Problems {
    pub fields: Vec<(&'static str, Vec<String>)>,
    pub general: Vec<String>,
}

impl Problems {
    pub fn none() -> Problems {
        Problems::default()
    }

    pub fn of(field: &'static str, message: impl Into<String>) -> Problems {
        Problems { fields: vec![(field, vec![message.into()])], general: Vec::new() }
    }

    pub fn general(message: impl Into<String>) -> Problems {
        Problems { fields: Vec::new(), general: vec![message.into()] }
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

/// Why an operation did not happen. Nothing was written in any of these cases.
#[derive(Debug)]
pub enum Refusal {
    /// The request itself is wrong.
    Invalid(Problems),
    /// The request is well-formed, and the rules forbid it: one sentence says why.
    Forbidden(&'static str),
    /// There is no such thing, or it belongs to somebody else.
    NotFound,
    /// A second factor is needed, and this API has no way to give one.
    MfaRequired,
    /// The session's owner must prove once more who they are.
    ReauthenticationNeeded,
    /// Too many attempts.
    Throttled { wait_seconds: u64 },
    /// The password queue is full.
    Busy,
    /// The store cannot write or read just now.
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        Refusal::Store(error)
    }
}

impl From<HasherError> for Refusal {
    fn from(error: HasherError) -> Refusal {
        match error {
            HasherError::Busy => Refusal::Busy,
            HasherError::Failed(why) => Refusal::Store(StoreError::Other(why)),
        }
    }
}

impl From<Problems> for Refusal {
    fn from(problems: Problems) -> Refusal {
        Refusal::Invalid(problems)
    }
}
