//! Audit trail: events of an account, by whom, from where and when.
//!
//! An entry is written in the transaction of the event it records: neither exists without the
//! other. Repeats are counted on one row, and rows are bounded by [`BUDGET`], so a flood cannot
//! fill the disk. A failed login changes nothing, so its entry is deferred until after the
//! response. A failed login to an unknown name is recorded without the name, as people type
//! passwords there. (OWASP ASVS 5, 16.3.)
//!
//! A detail must never contain a secret: it is an address, a provider, a name or a row id.

use chrono::{DateTime, Days, TimeDelta, Utc};

use super::App;
use super::operation::{Actor, Operation};
use crate::store::{AuditBudget, NewAuditEntry, StoreError, Writer};

/// Bounds on rows: for each account and event (or event without account) at most 21 an hour by one
/// client and 201 an hour by all. Further entries are counted on a row with the detail
/// `aggregated`.
const BUDGET: AuditBudget = AuditBudget {
    repeats: TimeDelta::minutes(1),
    window: TimeDelta::hours(1),
    per_client: 20,
    per_account: 200,
};

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// An audited event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Event {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Event {
            pub const ALL: &'static [Event] = &[$(Event::$name,)+];

            /// The stored and displayed name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Event::$name => $text,)+
                }
            }
        }
    };
}

events! {
    /// The owner registered; detail: the provider, if one vouched.
    Registered = "registered",
    /// The operator created the account.
    Made = "made",
    /// Accounts were imported; no account; detail: how many.
    Imported = "imported",
    /// A login with password or provider; detail: the provider, the second factor.
    Login = "login",
    /// A wrong password, at login or elsewhere.
    LoginFailed = "login_failed",
    /// A correct password without the required second factor.
    SecondFactorMissing = "second_factor_missing",
    /// A wrong code of a second factor after a correct password, or a passkey that was refused;
    /// detail: the check that it failed.
    SecondFactorFailed = "second_factor_failed",
    /// A session authenticated again; detail: the second factor, if it did not give its password.
    Reauthenticated = "reauthenticated",
    /// A token or a session was ended by its user; detail: which one.
    Logout = "logout",
    /// The owner changed the password.
    PasswordChanged = "password_changed",
    /// A reset was requested; no account if the address reaches none.
    ResetAsked = "reset_asked",
    /// A reset link set a new password.
    PasswordReset = "password_reset",
    /// The operator set a new password.
    PasswordSet = "password_set",
    /// Detail: the old name and the new one.
    UsernameChanged = "username_changed",
    /// Detail: the address.
    AddressAdded = "address_added",
    /// The sign-up address was verified and earlier credentials were revoked; detail: the address
    /// and the counts.
    OwnershipProved = "ownership_proved",
    /// The account was deactivated because its sign-up address was not confirmed in time.
    NotConfirmed = "not_confirmed",
    /// Detail: the address.
    AddressConfirmed = "address_confirmed",
    /// Detail: the address.
    AddressMadePrimary = "address_made_primary",
    /// Detail: the address.
    AddressRemoved = "address_removed",
    /// A named token was made; detail: the row id and the name.
    TokenMade = "token_made",
    /// Ended by its owner, not by the token's user; detail: the row id, or how many.
    TokenEnded = "token_ended",
    /// Revoked by the operator; detail: the row id.
    TokenRevoked = "token_revoked",
    /// Ended from elsewhere; detail: the row id, or how many.
    SessionsEnded = "sessions_ended",
    /// Detail: the provider.
    ProviderConnected = "provider_connected",
    /// Detail: the provider.
    ProviderDisconnected = "provider_disconnected",
    /// A second factor was added; detail: its name.
    FactorAdded = "factor_added",
    /// A second factor was removed; detail: its name.
    FactorRemoved = "factor_removed",
    /// The operator removed all second factors; detail: how many.
    FactorsReset = "factors_reset",
    /// New recovery codes were made.
    RecoveryCodesMade = "recovery_codes_made",
    /// A recovery code was used.
    RecoveryCodeUsed = "recovery_code_used",
    /// A group was made; no account; detail: its name, and the provider that claimed it.
    GroupAdded = "group_added",
    /// A group was removed; no account; detail: its name.
    GroupRemoved = "group_removed",
    /// The account became a member of a group; detail: its name, and the provider.
    GroupJoined = "group_joined",
    /// The account left a group; detail: its name, and the provider.
    GroupLeft = "group_left",
    /// The account was deactivated.
    Deactivated = "deactivated",
    /// The account was reactivated.
    Activated = "activated",
    /// The owner asked to delete the account; detail: the day that it is due.
    DeletionRequested = "deletion_asked",
    /// A sign-in cancelled the deletion.
    DeletionCancelled = "deletion_taken_back",
    /// The account and all that it owned were deleted; detail: by its owner, if not by the
    /// operator.
    Deleted = "deleted",
    /// Administrator rights were granted.
    AdminGiven = "admin_given",
    /// Administrator rights were revoked.
    AdminTaken = "admin_taken",
    /// Entries older than INVENTREE_AUDIT_DAYS were deleted; no account.
    AuditTrimmed = "audit_trimmed",
}

/// Records an event in the transaction that causes it; `None` if it concerns no account.
pub(super) fn record(
    w: &Writer<'_>,
    op: &Operation,
    event: Event,
    account_id: impl Into<Option<i64>>,
    detail: &str,
) -> Result<(), StoreError> {
    write(w, op, op.now(), event, account_id.into(), detail)
}

fn write(
    w: &Writer<'_>,
    op: &Operation,
    at: DateTime<Utc>,
    event: Event,
    account_id: Option<i64>,
    detail: &str,
) -> Result<(), StoreError> {
    let client = &op.client.address;
    let entry = NewAuditEntry { at, event: event.name(), account_id, client, detail };
    match op.actor {
        // The operator owns the disk, so each of their actions gets its own row.
        Actor::Operator => w.audit_insert(&entry),
        _ => w.audit_record(&entry, &BUDGET),
    }
}

/// Records a wrong password after the response, so that timing reveals nothing about the account.
/// The entry is lost if the queue or the disk is full.
pub(super) fn record_failed_login(op: &Operation, account_id: Option<i64>) {
    record_deferred(op, Event::LoginFailed, account_id, "");
}

/// Records a correct password without its second factor.
pub(super) fn record_missing_factor(op: &Operation, account_id: i64) {
    record_deferred(op, Event::SecondFactorMissing, Some(account_id), "");
}

/// Records a wrong code, or the check that a passkey failed.
pub(super) fn record_failed_factor(
    op: &Operation,
    account_id: impl Into<Option<i64>>,
    detail: &str,
) {
    record_deferred(op, Event::SecondFactorFailed, account_id.into(), detail);
}

fn record_deferred(op: &Operation, event: Event, account_id: Option<i64>, detail: &str) {
    let (at, by, detail) = (op.now(), op.clone(), detail.to_owned());
    op.store.write_deferred(move |w| write(w, &by, at, event, account_id, &detail));
}

/// Entries before this time are deleted.
pub(super) fn retention_cutoff(app: &App) -> DateTime<Utc> {
    let days = Days::new(app.rules.audit_days);
    app.now().checked_sub_days(days).unwrap_or(DateTime::<Utc>::MIN_UTC)
}
