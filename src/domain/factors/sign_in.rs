//! Sign-in in two steps: a password or provider, then a code.
//!
//! Nothing is signed in and nothing is stored between the two: the browser keeps the first proof
//! for [`PENDING_SECONDS`], encrypted ([`Sealed`]). It is void once the password has changed. A
//! browser that its owner chose to remember skips the second step, if the operator allows it, until
//! the password or the factors change.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::super::accounts::{self, Grant, LoginCredentials};
use super::super::audit;
use super::super::keys::digest;
use super::super::notices;
use super::super::operation::Operation;
use super::super::passwords::Password;
use super::super::sealed::Sealed;
use super::super::usernames;
use super::super::{App, DomainError};
use super::passkey::{self, Ceremony, Challenge};
use super::{Kind, Proof, overview, with_proof};
use crate::store::{Account, Reader, StoreError};

/// How long the first proof is held.
pub const PENDING_SECONDS: i64 = 300;
/// How long a browser is remembered.
pub const REMEMBERED_SECONDS: i64 = 30 * 86_400;

const PENDING: &str = "second-factor-pending";
const REMEMBERED: &str = "second-factor-remembered";

/// Outcome of the first step.
#[derive(Debug)]
pub enum SignIn {
    LoginCredentials(LoginCredentials),
    /// The first proof, for the browser to keep.
    CodeNeeded(Sealed),
}

/// A completed sign-in.
#[derive(Debug)]
pub struct SignedIn {
    pub granted: LoginCredentials,
    pub next: String,
    /// For a browser that its owner wants to be remembered.
    pub remembered: Option<Sealed>,
}

/// The data of the page for the second step.
#[derive(Debug)]
pub struct SecondStep {
    pub may_remember: bool,
    /// The account has a device that shows codes.
    pub has_device: bool,
    /// For one of the account's passkeys, if it has any.
    pub passkey: Option<Challenge>,
}

#[derive(Serialize, Deserialize)]
struct Pending {
    account_id: i64,
    /// Digest of the password's hash.
    password: [u8; 32],
    /// Empty for a password.
    provider: String,
    next: String,
    expires: DateTime<Utc>,
    #[serde(default)]
    is_password_leaked: bool,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Remembered {
    account_id: i64,
    password: [u8; 32],
    /// Ids of the TOTP devices, and of the passkeys.
    factors: Vec<i64>,
    #[serde(default)]
    passkeys: Vec<i64>,
    expires: DateTime<Utc>,
}

/// The first step at the pages, by password. `name` is a user name or a verified address.
///
/// # Errors
///
/// As [`accounts::log_in`].
pub async fn sign_in(
    op: &Operation,
    name: &str,
    password: Password,
) -> Result<SignIn, DomainError> {
    let step = async {
        let username = usernames::username_of(op, name).await?;
        first_step(op, &username, password).await
    };
    let step = step.await;
    match &step {
        Ok(SignIn::CodeNeeded(_)) => op.metrics.logins.count("second_factor_required"),
        other => op.count_login(other),
    }
    step
}

async fn first_step(
    op: &Operation,
    username: &str,
    password: Password,
) -> Result<SignIn, DomainError> {
    let client_trust = notices::client_trust(op, username).await?;
    let account = accounts::authenticated(op, username, password.clone()).await?;
    // Looked up for its owner alone: guesses cost no reads of the list.
    let is_password_leaked = op.leaked_passwords.contains(password.expose()).await;
    let is_needed = op.store.read(|r| is_needed(r, op, &account)).await?;
    if is_needed {
        // Recorded now: a stranger who has the password alone stops here.
        audit::record_missing_factor(op, account.id);
        return Ok(SignIn::CodeNeeded(pending(op, &account, "", "", is_password_leaked)));
    }
    let granted = accounts::issue_credentials(op, account, Grant::Session, client_trust).await?;
    Ok(SignIn::LoginCredentials(LoginCredentials { is_password_leaked, ..granted }))
}

/// The first step of a browser at the API's login, which leads on to the page of the second.
///
/// # Errors
///
/// As [`accounts::log_in`].
pub async fn log_in(
    op: &Operation,
    username: &str,
    password: Password,
    grant: Grant,
) -> Result<SignIn, DomainError> {
    let client_trust = notices::client_trust(op, username).await?;
    let account = accounts::authenticated(op, username, password).await?;
    if op.store.read(|r| r.second_factor_exists(account.id)).await? {
        audit::record_missing_factor(op, account.id);
        return Ok(SignIn::CodeNeeded(pending(op, &account, "", "", false)));
    }
    accounts::require_no_mfa(op, account.id).await?;
    Ok(SignIn::LoginCredentials(
        accounts::issue_credentials(op, account, grant, client_trust).await?,
    ))
}

/// Whether the account needs a second step in this browser.
pub(in super::super) fn is_needed(
    r: &Reader<'_>,
    op: &Operation,
    account: &Account,
) -> Result<bool, StoreError> {
    if !r.second_factor_exists(account.id)? {
        return Ok(false);
    }
    let now = op.now();
    let is_remembered = |sealed: &Sealed, (factors, passkeys): &(Vec<i64>, Vec<i64>)| {
        sealed.open::<Remembered>(op, REMEMBERED).is_some_and(|known| {
            let expected = Remembered {
                account_id: account.id,
                password: digest(&account.password),
                factors: factors.clone(),
                passkeys: passkeys.clone(),
                expires: known.expires,
            };
            known == expected && now < known.expires
        })
    };
    if !op.rules.mfa_remember || op.client.remembered.is_empty() {
        return Ok(true);
    }
    let factors = factor_ids(r, account.id)?;
    Ok(!op.client.remembered.iter().any(|sealed| is_remembered(sealed, &factors)))
}

fn factor_ids(r: &Reader<'_>, account_id: i64) -> Result<(Vec<i64>, Vec<i64>), StoreError> {
    let devices = r.totp_device_list(account_id)?.iter().map(|device| device.id).collect();
    let passkeys = r.passkey_list(account_id)?.iter().map(|passkey| passkey.id).collect();
    Ok((devices, passkeys))
}

/// The first proof of this account.
pub(in super::super) fn pending(
    app: &App,
    account: &Account,
    provider: &str,
    next: &str,
    is_password_leaked: bool,
) -> Sealed {
    let pending = Pending {
        account_id: account.id,
        password: digest(&account.password),
        provider: provider.to_owned(),
        next: next.to_owned(),
        expires: app.now() + Duration::seconds(PENDING_SECONDS),
        is_password_leaked,
    };
    Sealed::seal(app, PENDING, &pending)
}

/// Opens the first proof and finds its account.
async fn open(app: &App, sealed: Option<&Sealed>) -> Result<(Pending, Account), DomainError> {
    let pending: Option<Pending> = sealed.and_then(|sealed| sealed.open(app, PENDING));
    let pending = pending.filter(|pending| app.now() < pending.expires);
    let pending = pending.ok_or(DomainError::NotFound)?;
    let account = app.store.read(|r| r.account_find(pending.account_id)).await?;
    let is_same = |account: &Account| {
        app.rehash.is_same_as_digest(account.id, &pending.password, &account.password)
    };
    let account = account.filter(|account| app.rules.can_authenticate(account) && is_same(account));
    Ok((pending, account.ok_or(DomainError::NotFound)?))
}

/// # Errors
///
/// [`DomainError::NotFound`] without a valid first proof.
pub async fn second_step(app: &App, sealed: Option<&Sealed>) -> Result<SecondStep, DomainError> {
    let (_, account) = open(app, sealed).await?;
    let overview = overview(app, account.id).await?;
    Ok(SecondStep {
        may_remember: app.rules.mfa_remember,
        has_device: overview.has(Kind::Totp),
        passkey: passkey::account_challenge(app, account.id).await?,
    })
}

/// The second step.
///
/// # Errors
///
/// [`DomainError::NotFound`] without a valid first proof, [`DomainError::Invalid`] for a wrong
/// proof.
pub async fn finish(
    op: &Operation,
    sealed: Option<&Sealed>,
    proof: &Proof,
    remember: bool,
) -> Result<SignedIn, DomainError> {
    let (pending, account) = open(op, sealed).await?;
    let Pending { provider, next, is_password_leaked, .. } = pending;
    let current = account.clone();
    let new = LoginCredentials::generate(op, Grant::Session);
    let client_trust = notices::client_trust(op, &account.username).await?;
    let recipients =
        notices::of_sign_in(op, &account, Grant::Session.is_known(client_trust)).await?;
    let signed_in = with_proof(op, &account, proof, Ceremony::Prove, move |w, op, found| {
        let detail = match provider.as_str() {
            "" => found.name().to_owned(),
            provider => format!("{provider}, {}", found.name()),
        };
        let granted = accounts::grant(w, op, &current, &new, &detail, &recipients)?;
        let granted = LoginCredentials { is_password_leaked, ..granted };
        let remembered = match remember && op.rules.mfa_remember {
            false => None,
            true => {
                let (factors, passkeys) = factor_ids(w, current.id)?;
                Some(Remembered {
                    account_id: current.id,
                    password: digest(&current.password),
                    factors,
                    passkeys,
                    expires: op.now() + Duration::seconds(REMEMBERED_SECONDS),
                })
            }
        };
        let remembered = remembered.map(|state| Sealed::seal(op, REMEMBERED, &state));
        Ok(SignedIn { granted, next: next.clone(), remembered })
    })
    .await;
    op.count_login(&signed_in);
    signed_in
}
