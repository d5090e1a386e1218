//! What is written down of what happens to accounts: who, what, from where and when.
//!
//! An entry is part of the transaction that it tells of: there is none for what did not happen, and nothing happens
//! without one. Repeats are counted on one row, and rows are bounded by [`BUDGET`], so that no flood fills the disk. A failed login changes nothing, so its entry is noted behind the answer; one to a name that nobody has
//! is an entry too, without the name, as people type passwords there. (OWASP ASVS 5, 16.3.)
//!
//! Must never be given a secret: a detail is an address, a provider, a name or the number of a row.

use chrono::{DateTime, Days, TimeDelta, Utc};

use super::Domain;
use super::client::Client;
use crate::store::{AuditBudget, NewAuditEntry, StoreError, Writer};

/// In place of a client's address, for what is done on the server's own command line.
pub const OPERATOR: &str = "operator";

/// The rows that entries may take: for each account and event (or event without account), at most 21 an hour by one
/// client and 201 an hour by all. What is beyond is counted on a row whose detail is `aggregated`.
const BUDGET: AuditBudget =
    AuditBudget { repeats: TimeDelta::minutes(1), window: TimeDelta::hours(1), per_client: 20, per_account: 200 };

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Event {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Event {
            pub const ALL: &'static [Event] = &[$(Event::$name,)+];

            /// As it is stored and shown.
            pub fn name(self) -> &'static str {
                match self {
                    $(Event::$name => $text,)+
                }
            }
        }
    };
}

events! {
    /// An account was made by its owner; detail: the provider, if one vouched.
    Registered = "registered",
    /// An account was made by the operator.
    Made = "made",
    /// Accounts came in from elsewhere, nobody's; detail: how many.
    Imported = "imported",
    /// Name and password, or a provider, opened a session; detail: the provider.
    Login = "login",
    /// A password was wrong, wherever one was asked for.
    LoginFailed = "login_failed",
    /// A right password came without the second factor that the account needs.
    SecondFactorMissing = "second_factor_missing",
    /// A session's owner gave the password again.
    Reauthenticated = "reauthenticated",
    /// A token or a session was ended by whoever used it; detail: which.
    Logout = "logout",
    /// The owner changed the password.
    PasswordChanged = "password_changed",
    /// A reset was asked for by somebody, for an address that reaches the account, or none.
    ResetAsked = "reset_asked",
    /// A mailed link set a new password.
    PasswordReset = "password_reset",
    /// The operator set a new password.
    PasswordSet = "password_set",
    /// Detail: the old name and the new one.
    UsernameChanged = "username_changed",
    /// Detail: the address.
    AddressAdded = "address_added",
    /// The sign-up address was proved, and what had been attached before ended; detail: the address, and how much.
    OwnershipProved = "ownership_proved",
    /// The sign-up address was not proved in time, and the account was closed.
    NotConfirmed = "not_confirmed",
    /// Detail: the address.
    AddressConfirmed = "address_confirmed",
    /// Detail: the address.
    AddressMadePrimary = "address_made_primary",
    /// Detail: the address.
    AddressRemoved = "address_removed",
    /// Ended by its owner, from elsewhere; detail: the number of its row.
    TokenEnded = "token_ended",
    /// Revoked by the operator; detail: the number of its row.
    TokenRevoked = "token_revoked",
    /// Ended from elsewhere; detail: the number of its row, or how many.
    SessionsEnded = "sessions_ended",
    /// Detail: the provider.
    ProviderConnected = "provider_connected",
    /// Detail: the provider.
    ProviderDisconnected = "provider_disconnected",
    /// The account was closed.
    Deactivated = "deactivated",
    /// The account was opened again.
    Activated = "activated",
    /// It is an administrator's now.
    AdminGiven = "admin_given",
    /// It is an administrator's no more.
    AdminTaken = "admin_taken",
    /// What was older than INVENTREE_AUDIT_DAYS was deleted, nobody's.
    AuditTrimmed = "audit_trimmed",
}

/// Writes an entry down with the change that it tells of; `None` is nobody's.
pub(super) fn record(
    w: &Writer<'_>,
    domain: &Domain,
    event: Event,
    account_id: impl Into<Option<i64>>,
    client: &Client,
    detail: &str,
) -> Result<(), StoreError> {
    let client = client.address.as_str();
    write(w, &NewAuditEntry { at: domain.now(), event: event.name(), account_id: account_id.into(), client, detail })
}

fn write(w: &Writer<'_>, entry: &NewAuditEntry<'_>) -> Result<(), StoreError> {
    // The operator owns the disk: each act has a row.
    if entry.client == OPERATOR { w.audit_insert(entry) } else { w.audit_record(entry, &BUDGET) }
}

/// A password was wrong. Nothing waits for it, whoever the account is, and what a full queue or disk loses is lost.
pub(super) fn note_failed_login(domain: &Domain, account_id: Option<i64>, client: &Client) {
    note(domain, Event::LoginFailed, account_id, client);
}

/// A password was right, and opened nothing.
pub(super) fn note_missing_factor(domain: &Domain, account_id: i64, client: &Client) {
    note(domain, Event::SecondFactorMissing, Some(account_id), client);
}

fn note(domain: &Domain, event: Event, account_id: Option<i64>, client: &Client) {
    let (at, client) = (domain.now(), client.address.clone());
    let event = event.name();
    domain.store.note(move |w| write(w, &NewAuditEntry { at, event, account_id, client: &client, detail: "" }));
}

/// Before when entries go.
pub(super) fn horizon(domain: &Domain) -> DateTime<Utc> {
    let days = Days::new(domain.rules.audit_days);
    domain.now().checked_sub_days(days).unwrap_or(DateTime::<Utc>::MIN_UTC)
}
