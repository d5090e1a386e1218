//! How often may a client try? Leaky buckets, per account, client and purpose.
//!
//! An attempt is reserved *before* it is made, so that parallel ones cannot pass the limit together, and refunded when
//! it succeeded: only failures fill a bucket. A bucket empties by itself, so nobody is locked out for good. A refused
//! try fills its client's own bucket further: clients that do not wait as they are told wait longer, and leave the
//! buckets that they share to others. (OWASP ASVS 5, V6.3; NIST 800-63B, 3.2.2.)
//!
//! Strangers can fill the bucket of an account, whatever each of them waits. A client that proved itself to the account
//! before ([`Standing`]) then has a bucket of its own. Success elsewhere clears nothing.
//!
//! One server counts in memory and saves what has changed every [`SAVE_INTERVAL`]; several on one database count in it,
//! together: a client gains nothing by asking another.

mod bucket;
mod memory;
mod shared;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::client::Client;
use super::keys::digest;
use super::{Clock, Refusal};
use crate::store::{Store, StoreError};
use bucket::{KeyDigest, Limit, Refused};
use memory::{MAX_BUCKETS, Memory};

/// One client against one account name; also one known device, apart from its network.
const GUESSES_BY_CLIENT: Limit = Limit::own(10.0, 30.0);
/// All clients of one IPv6 site against one account name: more than one of them, but no faster.
const GUESSES_BY_SITE: Limit = Limit::shared(30.0, 30.0);
/// All strangers against one account name: a hundred, then slowly, yet faster than one client or site can go on.
const GUESSES_ON_ACCOUNT: Limit = Limit::shared(100.0, 20.0);
/// One client against all account names.
const GUESSES_OF_CLIENT: Limit = Limit::own(100.0, 3.0);
const GUESSES_OF_SITE: Limit = Limit::shared(300.0, 3.0);
/// One client's requests for one purpose.
const REQUESTS_BY_CLIENT: Limit = Limit::own(60.0, 10.0);
const REQUESTS_BY_SITE: Limit = Limit::shared(180.0, 10.0);
/// One account's questions whether a name or an address is taken.
const LOOKUPS_BY_ACCOUNT: Limit = Limit::own(30.0, 120.0);

/// How often a server that counts in memory saves what has changed; so much is lost at most when it is killed.
pub const SAVE_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);

/// Rows of one write.
const BATCH: u16 = 500;

/// Why a client asks for something that an account or the server pays for. Each is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Making an account, and learning whether a name or an address is taken.
    Registration,
    /// The same of a signed-in account: adding an address, taking another name.
    Lookup,
    /// A key that a confirmation mail carries.
    ConfirmationKey,
    /// A key that a reset mail carries.
    ResetKey,
    ResetMail,
    ConfirmationMail,
    /// On the way to a sign-in provider.
    ProviderStart,
    /// On the way back from it.
    ProviderReturn,
}

impl Purpose {
    /// Part of what is counted: it must stay the same, or what was counted is forgotten.
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
        }
    }
}

/// Why a mail is sent. Each has a budget of its own for each address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailPurpose {
    /// A link that sets a new password.
    Reset,
    /// A link that proves an address.
    Confirmation,
    /// What happened to an account, told to its owner.
    Notice,
}

impl MailPurpose {
    fn name(self) -> &'static str {
        match self {
            MailPurpose::Reset => "reset",
            MailPurpose::Confirmation => "confirmation",
            MailPurpose::Notice => "notice",
        }
    }

    /// Mails to one address: two at once, then one each half hour, and so never fewer than one an hour.
    fn budget(self) -> Limit {
        match self {
            MailPurpose::Reset | MailPurpose::Confirmation => Limit::shared(2.0, 1800.0),
            MailPurpose::Notice => Limit::shared(5.0, 1200.0),
        }
    }

    /// What its client asked for; a notice is asked for by nobody.
    fn request(self) -> Option<Purpose> {
        match self {
            MailPurpose::Reset => Some(Purpose::ResetMail),
            MailPurpose::Confirmation => Some(Purpose::ConfirmationMail),
            MailPurpose::Notice => None,
        }
    }
}

/// Whether a mail may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a spent budget means that no mail may be queued"]
pub enum MailBudget {
    /// It is counted: queue the mail.
    Reserved,
    /// The address has had its share. Answer as if the mail were sent, and queue none: the last ones still hold.
    Spent,
}

/// How an account knows the client that tries a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Stranger,
    /// Its network has given the account's password before.
    KnownNetwork,
    /// It is a browser that signed in to the account before; the id is its own.
    KnownDevice([u8; 12]),
}

/// The limits of one server, or of all on one database.
pub struct Limits {
    buckets: Buckets,
    clock: Arc<dyn Clock>,
}

enum Buckets {
    /// Nothing is counted.
    Off,
    Own(Memory),
    Shared(Store),
}

/// An attempt under way. Dropped, it stays counted.
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
        Limits { buckets, clock }
    }

    /// A password is about to be tried: `account` is the folded name. Where strangers leave no room, `standing` is
    /// found out: a known client has room of its own.
    ///
    /// # Errors
    ///
    /// [`Refusal::Throttled`], the store's.
    pub async fn reserve_login(
        &self,
        account: &str,
        client: &Client,
        standing: impl Future<Output = Result<Standing, Refusal>> + Send,
    ) -> Result<Attempt, Refusal> {
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
        match self.reserve(&wanted, Refused::Free).await {
            Err(Refusal::Throttled { .. }) => {}
            made => return made,
        }
        match standing.await? {
            Standing::Stranger => self.reserve(&wanted, Refused::Charged).await,
            Standing::KnownNetwork => self.reserve(&[by_client], Refused::Charged).await,
            Standing::KnownDevice(id) => {
                let by_device = digest(&format!("device {} {account}", super::keys::hex(&id)));
                self.reserve(&[(by_device, GUESSES_BY_CLIENT)], Refused::Charged).await
            }
        }
    }

    /// A client asks for something. What fails stays counted; refund what succeeded, unless its success costs too.
    ///
    /// # Errors
    ///
    /// [`Refusal::Throttled`], the store's.
    pub async fn reserve_request(&self, purpose: Purpose, client: &Client) -> Result<Attempt, Refusal> {
        self.reserve(&requests(purpose, client), Refused::Charged).await
    }

    /// A signed-in account asks for a name or an address, and learns whether it is taken: counted either way.
    ///
    /// # Errors
    ///
    /// [`Refusal::Throttled`], the store's.
    pub async fn reserve_lookup(&self, account_id: i64, client: &Client) -> Result<(), Refusal> {
        let mut wanted = vec![(digest(&format!("lookup {account_id}")), LOOKUPS_BY_ACCOUNT)];
        wanted.extend(requests(Purpose::Lookup, client));
        self.reserve(&wanted, Refused::Charged).await.map(|_| ())
    }

    /// A mail to `address`, in its stored form, is wanted. Strangers cannot use up what another purpose has, and each
    /// purpose's budget lets a mail leave at least once an hour.
    ///
    /// # Errors
    ///
    /// [`Refusal::Throttled`] for a client that asks for too many mails, whoever gets them; the store's.
    pub async fn reserve_mail(
        &self,
        address: &str,
        purpose: MailPurpose,
        client: &Client,
    ) -> Result<MailBudget, Refusal> {
        if let Some(request) = purpose.request() {
            let _ = self.reserve_request(request, client).await?;
        }
        let budget = (digest(&format!("mail {} {address}", purpose.name())), purpose.budget());
        match self.reserve(&[budget], Refused::Free).await {
            Ok(_) => Ok(MailBudget::Reserved),
            Err(Refusal::Throttled { .. }) => Ok(MailBudget::Spent),
            Err(other) => Err(other),
        }
    }

    /// The attempt was a good one and does not count. Where the store cannot say so just now, it does.
    pub async fn refund(&self, attempt: Attempt) {
        match &self.buckets {
            Buckets::Off => {}
            Buckets::Own(memory) => memory.refund(&attempt.0),
            Buckets::Shared(store) => {
                let _: Result<(), StoreError> = shared::refund(store, attempt.0).await;
            }
        }
    }

    /// Takes in what this server counted before it was started again.
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

    /// Saves what has changed since the last time, in small writes that hold nobody up.
    ///
    /// # Errors
    ///
    /// The store's; the next call tries again.
    pub async fn save(&self, store: &Store) -> Result<(), StoreError> {
        let Buckets::Own(memory) = &self.buckets else { return Ok(()) };
        loop {
            let (rows, is_more) = memory.take_changed(BATCH.into());
            if !rows.is_empty() {
                let written = rows.clone();
                let write = store.write(move |w| written.iter().try_for_each(|row| w.attempts_keep(row)));
                write.await.inspect_err(|_: &StoreError| memory.put_back(&rows))?;
            }
            if !is_more {
                return Ok(());
            }
        }
    }

    /// Deletes what is counted and empty by now; called about once a minute.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn purge_expired(&self, store: &Store) -> Result<(), StoreError> {
        let now = self.clock.now();
        match &self.buckets {
            Buckets::Off => return Ok(()),
            Buckets::Own(memory) => memory.forget_empty(now),
            Buckets::Shared(_) => {}
        }
        while store.write(move |w| w.attempts_delete_empty(now, BATCH.into())).await? == usize::from(BATCH) {}
        Ok(())
    }

    async fn reserve(&self, wanted: &[(KeyDigest, Limit)], refused: Refused) -> Result<Attempt, Refusal> {
        let now: DateTime<Utc> = self.clock.now();
        let outcome = match &self.buckets {
            Buckets::Off => return Ok(Attempt(Vec::new())),
            Buckets::Own(memory) => memory.reserve(wanted, refused, now),
            Buckets::Shared(store) => shared::reserve_in(store, wanted, refused, now).await?,
        };
        match outcome {
            Ok(()) => Ok(Attempt(wanted.iter().map(|(key, _)| *key).collect())),
            Err(wait_seconds) => Err(Refusal::Throttled { wait_seconds }),
        }
    }
}

fn requests(purpose: Purpose, client: &Client) -> Vec<(KeyDigest, Limit)> {
    let key = |of: &str| digest(&format!("request {} {of}", purpose.name()));
    let by_site = client.site().map(|site| (key(&site), REQUESTS_BY_SITE));
    std::iter::once((key(&client.address), REQUESTS_BY_CLIENT)).chain(by_site).collect()
}
