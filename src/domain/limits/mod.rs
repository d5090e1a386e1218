//! Rate limits: leaky buckets per account, client and purpose.
//!
//! An attempt is reserved *before* it is made, so parallel attempts cannot exceed the limit, and
//! refunded if it succeeds: only failures fill a bucket. Buckets drain over time, so an account is
//! never locked permanently. A rejected attempt also fills the client's own bucket: clients that
//! ignore Retry-After wait longer and leave the shared buckets to others. (OWASP ASVS 5, V6.3; NIST
//! 800-63B, 3.2.2.)
//!
//! Many unknown clients together can fill an account's bucket. A client that has authenticated to
//! the account before ([`ClientTrust`]) then uses a separate bucket. Success never clears another
//! bucket.
//!
//! A single server counts in memory and saves changes every [`SAVE_INTERVAL`]. Several servers on
//! one database count in the database, so a client gains nothing by changing servers.

mod bucket;
mod memory;
mod shared;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::client::Client;
use super::keys::digest;
use super::{Clock, DomainError};
use crate::metrics;
use crate::store::{Store, StoreError};
use bucket::{KeyDigest, Limit, Refused};
use memory::{MAX_BUCKETS, Memory};

/// One client, one account name; also one known device, from any network.
const GUESSES_BY_CLIENT: Limit = Limit::own(10.0, 30.0);
/// One IPv6 site, one account name: a larger burst than for one client, at the same rate.
const GUESSES_BY_SITE: Limit = Limit::shared(30.0, 30.0);
/// All unknown clients, one account name: a burst of 100, then a rate that no single client or site
/// can use up.
const GUESSES_ON_ACCOUNT: Limit = Limit::shared(100.0, 20.0);
/// One client, all account names.
const GUESSES_OF_CLIENT: Limit = Limit::own(100.0, 3.0);
const GUESSES_OF_SITE: Limit = Limit::shared(300.0, 3.0);
/// All unknown clients, the second factor of one account. Each of them knows the password, so the
/// rate can be low: of a million codes three are good at a time.
const CODES_ON_ACCOUNT: Limit = Limit::shared(20.0, 300.0);
/// All known devices, the second factor of one account. A thief of the password may have signed in
/// from many browsers before the account had a second factor.
const CODES_OF_DEVICES: Limit = Limit::shared(30.0, 120.0);
/// One client, one purpose.
const REQUESTS_BY_CLIENT: Limit = Limit::own(60.0, 10.0);
const REQUESTS_BY_SITE: Limit = Limit::shared(180.0, 10.0);
/// Checks by one account whether a username or an address is taken.
const LOOKUPS_BY_ACCOUNT: Limit = Limit::own(30.0, 120.0);

/// Notices of one kind to the owner of one account.
const NOTICES_OF_A_KIND: Limit = Limit::shared(1.0, 60.0);

/// Interval between saves of the in-memory buckets. A crash loses at most this much.
pub const SAVE_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);

/// Rows per write transaction.
const BATCH: u16 = 500;

/// Why a request is limited. Each purpose is counted separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Registering, and checking whether a username or an address is taken.
    Registration,
    /// The same probe by a signed-in account: adding an address, changing the username.
    Lookup,
    /// Using the key of a confirmation email.
    ConfirmationKey,
    /// Using the key of a reset email.
    ResetKey,
    ResetMail,
    ConfirmationMail,
    /// Starting a sign-in at a provider.
    ProviderStart,
    /// The callback from a provider.
    ProviderReturn,
    /// A sign-in that begins with a passkey.
    Passkey,
    /// Estimating the strength of a password that is typed.
    Strength,
}

impl Purpose {
    /// Part of the bucket's key: a change resets the saved buckets.
    fn name(self) -> &'static str {
        match self {
            Purpose::Registration => "registration",
            Purpose::Lookup => "lookup",
            Purpose::ConfirmationKey => "confirmation-key",
            Purpose::ResetKey => "reset-key",
            Purpose::ResetMail => "reset-mail",
            Purpose::ConfirmationMail => "confirmation-mail",
            Purpose::ProviderStart => "provider-start",
            Purpose::ProviderReturn => "provider-return",
            Purpose::Passkey => "passkey",
            Purpose::Strength => "strength",
        }
    }
}

/// Why an email is sent. Each purpose has its own budget per address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailPurpose {
    /// A password reset link.
    Reset,
    /// A confirmation link.
    Confirmation,
    /// A security notice to the account's owner.
    Notice,
    /// A note about a sign-in from somewhere new.
    SignIn,
}

impl MailPurpose {
    fn name(self) -> &'static str {
        match self {
            MailPurpose::Reset => "reset",
            MailPurpose::Confirmation => "confirmation",
            MailPurpose::Notice => "notice",
            MailPurpose::SignIn => "sign-in",
        }
    }

    /// Budget of one address: two emails at once, then one every half hour, so at least one an
    /// hour.
    fn budget(self) -> Limit {
        match self {
            MailPurpose::Reset | MailPurpose::Confirmation => Limit::shared(2.0, 1800.0),
            MailPurpose::Notice | MailPurpose::SignIn => Limit::shared(5.0, 1200.0),
        }
    }

    /// The limited request behind the email. A notice has none.
    fn request(self) -> Option<Purpose> {
        match self {
            MailPurpose::Reset => Some(Purpose::ResetMail),
            MailPurpose::Confirmation => Some(Purpose::ConfirmationMail),
            MailPurpose::Notice | MailPurpose::SignIn => None,
        }
    }
}

/// Whether an email may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a spent budget means that no mail may be queued"]
pub enum MailBudget {
    /// The email is counted: queue it.
    Reserved,
    /// The budget is used up. Respond as if the email were sent, but queue none: earlier links are
    /// still valid.
    Spent,
}

/// How an account knows the client that attempts a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientTrust {
    Unknown,
    /// The network has authenticated to the account before.
    KnownNetwork,
    /// A browser with a valid device cookie of the account; the id is unique to that cookie.
    KnownDevice([u8; 12]),
}

/// Rate limits of one server, or of all servers on one database.
pub struct Limits {
    buckets: Buckets,
    clock: Arc<dyn Clock>,
    metrics: metrics::Throttled,
}

enum Buckets {
    /// Limits are disabled.
    Off,
    Own(Memory),
    Shared(Store),
}

/// A reserved attempt. It stays counted unless it is refunded.
#[must_use = "an attempt that succeeded must be refunded"]
pub struct Attempt(Vec<KeyDigest>);

impl Limits {
    /// `enabled` is INVENTREE_RATE_LIMITS.
    pub fn new(enabled: bool, store: &Store, clock: Arc<dyn Clock>) -> Limits {
        let buckets = match (enabled, store.is_shared()) {
            (false, _) => Buckets::Off,
            (true, false) => Buckets::Own(Memory::default()),
            (true, true) => Buckets::Shared(store.clone()),
        };
        Limits { buckets, clock, metrics: metrics::Throttled::default() }
    }

    /// Refused attempts.
    pub fn metrics(&self) -> &metrics::Throttled {
        &self.metrics
    }

    fn counted<T>(
        &self,
        purpose: &'static str,
        reserved: Result<T, DomainError>,
    ) -> Result<T, DomainError> {
        if matches!(reserved, Err(DomainError::Throttled { .. })) {
            self.metrics.count(purpose);
        }
        reserved
    }

    /// Reserves a login attempt; `account` is the folded name. `client_trust` is only polled if a
    /// bucket is full: a known client then has its own bucket.
    ///
    /// # Errors
    ///
    /// [`DomainError::Throttled`], the store's.
    pub async fn reserve_login(
        &self,
        account: &str,
        client: &Client,
        client_trust: impl Future<Output = Result<ClientTrust, DomainError>> + Send,
    ) -> Result<Attempt, DomainError> {
        let by_client = (digest(&format!("guess {} {account}", client.address)), GUESSES_BY_CLIENT);
        let mut wanted = vec![
            by_client,
            (digest(&format!("account {account}")), GUESSES_ON_ACCOUNT),
            (digest(&format!("client {}", client.address)), GUESSES_OF_CLIENT),
        ];
        if let Some(site) = client.site() {
            wanted.push((digest(&format!("guess {site} {account}")), GUESSES_BY_SITE));
            wanted.push((digest(&format!("client {site}")), GUESSES_OF_SITE));
        }
        let by_device =
            |id: &str| vec![(digest(&format!("device {id} {account}")), GUESSES_BY_CLIENT)];
        self.counted("login", self.reserve_guess(&wanted, by_device, client_trust).await)
    }

    /// Reserves an attempt at the second factor of an account, whose password was right. No bucket
    /// has a key that a typed name could have: strangers could fill it.
    ///
    /// # Errors
    ///
    /// As [`Limits::reserve_login`].
    pub async fn reserve_code(
        &self,
        account_id: i64,
        client: &Client,
        client_trust: impl Future<Output = Result<ClientTrust, DomainError>> + Send,
    ) -> Result<Attempt, DomainError> {
        let by = |who: &str| digest(&format!("code-of {who} {account_id}"));
        let mut wanted = vec![
            (by(&client.address), GUESSES_BY_CLIENT),
            (by("strangers"), CODES_ON_ACCOUNT),
            (digest(&format!("client {}", client.address)), GUESSES_OF_CLIENT),
        ];
        if let Some(site) = client.site() {
            wanted.push((by(&site), GUESSES_BY_SITE));
            wanted.push((digest(&format!("client {site}")), GUESSES_OF_SITE));
        }
        let by_device =
            |id: &str| vec![(by(id), GUESSES_BY_CLIENT), (by("devices"), CODES_OF_DEVICES)];
        // A correct password makes its network known, but sets no device cookie.
        let client_trust = async {
            Ok(match client_trust.await? {
                ClientTrust::KnownNetwork => ClientTrust::Unknown,
                other => other,
            })
        };
        self.counted("code", self.reserve_guess(&wanted, by_device, client_trust).await)
    }

    /// The first of `wanted` is the client's own bucket for the account. `by_device` has those of a
    /// known device.
    async fn reserve_guess(
        &self,
        wanted: &[(KeyDigest, Limit)],
        by_device: impl Fn(&str) -> Vec<(KeyDigest, Limit)>,
        client_trust: impl Future<Output = Result<ClientTrust, DomainError>> + Send,
    ) -> Result<Attempt, DomainError> {
        match self.reserve(wanted, Refused::Free).await {
            Err(DomainError::Throttled { .. }) => {}
            made => return made,
        }
        match client_trust.await? {
            ClientTrust::Unknown => self.reserve(wanted, Refused::Charged).await,
            ClientTrust::KnownNetwork => self.reserve(&wanted[..1], Refused::Charged).await,
            ClientTrust::KnownDevice(id) => {
                self.reserve(&by_device(&super::keys::hex(&id)), Refused::Charged).await
            }
        }
    }

    /// Reserves a request. Failures stay counted; refund a success unless it costs something too.
    ///
    /// # Errors
    ///
    /// [`DomainError::Throttled`], the store's.
    pub async fn reserve_request(
        &self,
        purpose: Purpose,
        client: &Client,
    ) -> Result<Attempt, DomainError> {
        let reserved = self.reserve(&requests(purpose, client), Refused::Charged).await;
        self.counted(purpose.name(), reserved)
    }

    /// Counts a lookup by a signed-in account that reveals whether a name or an address is taken.
    /// It is never refunded.
    ///
    /// # Errors
    ///
    /// [`DomainError::Throttled`], the store's.
    pub async fn reserve_lookup(
        &self,
        account_id: i64,
        client: &Client,
    ) -> Result<(), DomainError> {
        let mut wanted = vec![(digest(&format!("lookup {account_id}")), LOOKUPS_BY_ACCOUNT)];
        wanted.extend(requests(Purpose::Lookup, client));
        let reserved = self.reserve(&wanted, Refused::Charged).await.map(|_| ());
        self.counted(Purpose::Lookup.name(), reserved)
    }

    /// Reserves an email to `address`, given in its stored form. Budgets are separate per purpose,
    /// so strangers cannot use up that of another purpose, and each lets at least one email an hour
    /// through.
    ///
    /// # Errors
    ///
    /// [`DomainError::Throttled`] for a client that requests too many emails, to any address; the
    /// store's.
    pub async fn reserve_mail(
        &self,
        address: &str,
        purpose: MailPurpose,
        client: &Client,
    ) -> Result<MailBudget, DomainError> {
        if let Some(request) = purpose.request() {
            let _ = self.reserve_request(request, client).await?;
        }
        let budget = (digest(&format!("mail {} {address}", purpose.name())), purpose.budget());
        match self.reserve(&[budget], Refused::Free).await {
            Ok(_) => Ok(MailBudget::Reserved),
            Err(DomainError::Throttled { .. }) => Ok(MailBudget::Spent),
            Err(other) => Err(other),
        }
    }

    /// Whether the owner of an account is notified of an event: at most one of a kind per minute.
    ///
    /// # Errors
    ///
    /// Only the store's.
    pub async fn reserve_notice(&self, account_id: i64, event: &str) -> Result<bool, DomainError> {
        let kind = (digest(&format!("notice {event} {account_id}")), NOTICES_OF_A_KIND);
        match self.reserve(&[kind], Refused::Free).await {
            Ok(_) => Ok(true),
            Err(DomainError::Throttled { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Refunds a successful attempt. If the store fails, the attempt stays counted.
    pub async fn refund(&self, attempt: Attempt) {
        match &self.buckets {
            Buckets::Off => {}
            Buckets::Own(memory) => memory.refund(&attempt.0),
            Buckets::Shared(store) => {
                let _: Result<(), StoreError> = shared::refund(store, attempt.0).await;
            }
        }
    }

    /// Loads the buckets that were saved before a restart.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn load(&self, store: &Store) -> Result<(), StoreError> {
        let Buckets::Own(memory) = &self.buckets else { return Ok(()) };
        let (now, most) = (self.clock.now(), i64::try_from(MAX_BUCKETS).unwrap_or(i64::MAX));
        memory.load(&store.read(|r| r.attempts_list(now, most)).await?);
        Ok(())
    }

    /// Saves changed buckets in small transactions.
    ///
    /// # Errors
    ///
    /// The store's; the next call retries.
    pub async fn save(&self, store: &Store) -> Result<(), StoreError> {
        let Buckets::Own(memory) = &self.buckets else { return Ok(()) };
        loop {
            let (rows, is_more) = memory.take_changed(BATCH.into());
            if !rows.is_empty() {
                let written = rows.clone();
                let write =
                    store.write(move |w| written.iter().try_for_each(|row| w.attempts_upsert(row)));
                write.await.inspect_err(|_: &StoreError| memory.mark_changed(&rows))?;
            }
            if !is_more {
                return Ok(());
            }
        }
    }

    /// Deletes drained buckets. Called about once a minute.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn purge_expired(&self, store: &Store) -> Result<(), StoreError> {
        let now = self.clock.now();
        match &self.buckets {
            Buckets::Off => return Ok(()),
            Buckets::Own(memory) => memory.purge_expired(now),
            Buckets::Shared(_) => {}
        }
        while store.write(move |w| w.attempts_delete_empty(now, BATCH.into())).await?
            == usize::from(BATCH)
        {}
        Ok(())
    }

    async fn reserve(
        &self,
        wanted: &[(KeyDigest, Limit)],
        refused: Refused,
    ) -> Result<Attempt, DomainError> {
        let now: DateTime<Utc> = self.clock.now();
        let outcome = match &self.buckets {
            Buckets::Off => return Ok(Attempt(Vec::new())),
            Buckets::Own(memory) => memory.reserve(wanted, refused, now),
            Buckets::Shared(store) => shared::reserve_in(store, wanted, refused, now).await?,
        };
        match outcome {
            Ok(()) => Ok(Attempt(wanted.iter().map(|(key, _)| *key).collect())),
            Err(wait_seconds) => Err(DomainError::Throttled { wait_seconds }),
        }
    }
}

fn requests(purpose: Purpose, client: &Client) -> Vec<(KeyDigest, Limit)> {
    let key = |of: &str| digest(&format!("request {} {of}", purpose.name()));
    let by_site = client.site().map(|site| (key(&site), REQUESTS_BY_SITE));
    std::iter::once((key(&client.address), REQUESTS_BY_CLIENT)).chain(by_site).collect()
}
