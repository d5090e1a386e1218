//! Passkeys: WebAuthn credentials with user verification, as second factor and as the only one.
//!
//! A challenge is valid once, for five minutes, on every server: it is not stored until it is used.
//! Until then the page keeps it, encrypted with its purpose and account, and sends it back with the
//! response. [`webauthn`] verifies; here the result becomes a row or a [`MatchedProof`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::super::accounts::{self, Grant, LoginCredentials};
use super::super::audit::{self, Event};
use super::super::limits::Purpose;
use super::super::operation::Operation;
use super::super::sealed::Sealed;
use super::super::{App, DomainError, ValidationErrors, keys, notices};
use super::webauthn::{self, Refusal, Registration, RelyingParty};
use super::{MatchedProof, Proof, device_name, record_added, recovery, with_proof};
use crate::mail::Notice;
use crate::store::{Account, NewPasskey, Passkey};

const CHALLENGE: &str = "passkey-challenge";
const CHALLENGE_MINUTES: i64 = 5;
const MAX_PASSKEYS: usize = 20;

/// The ceremony that a challenge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ceremony {
    /// The owner adds a passkey.
    Add,
    /// A sign-in that begins with the passkey: the account is not known yet.
    SignIn,
    /// The account is known: the second step of a sign-in, or a reauthentication.
    Prove,
}

#[derive(Serialize, Deserialize)]
struct IssuedChallenge {
    purpose: Ceremony,
    account_id: Option<i64>,
    challenge: Vec<u8>,
    expires: DateTime<Utc>,
}

/// A challenge, and its encrypted form to send back.
#[derive(Debug)]
pub struct Challenge {
    /// In base64url, as all bytes here.
    pub challenge: String,
    pub state: Sealed,
    pub rp_id: String,
    /// Ids of credentials: those to use, or not to make again.
    pub credentials: Vec<String>,
}

/// For a new passkey.
#[derive(Debug)]
pub struct Creation {
    pub challenge: Challenge,
    /// Opaque: it identifies no person to a reader of the authenticator.
    pub user_handle: String,
    pub username: String,
}

/// A response to a challenge.
#[derive(Debug)]
pub struct Assertion {
    pub state: Sealed,
    pub response: webauthn::Response,
}

fn site(app: &App) -> Result<RelyingParty, DomainError> {
    RelyingParty::of_site(&app.rules.site_url).ok_or(DomainError::Forbidden(
        "This server has no domain name, which passkeys need. Use an authenticator app.",
    ))
}

/// The user handle: the same for all passkeys of an account, so that an authenticator replaces
/// none of another account.
fn user_handle(app: &App, account_id: i64) -> [u8; 32] {
    keys::mac(&app.secret.derive("passkey-user"), &[&account_id.to_be_bytes()])
}

fn issue(
    app: &App,
    purpose: Ceremony,
    account_id: Option<i64>,
    passkeys: &[Passkey],
) -> Result<Challenge, DomainError> {
    let site = site(app)?;
    let challenge = app.random::<{ webauthn::CHALLENGE_BYTES }>();
    let expires = app.now() + Duration::minutes(CHALLENGE_MINUTES);
    let issued = IssuedChallenge { purpose, account_id, challenge: challenge.to_vec(), expires };
    Ok(Challenge {
        challenge: URL_SAFE_NO_PAD.encode(challenge),
        state: Sealed::seal(app, CHALLENGE, &issued),
        rp_id: site.id,
        credentials: passkeys.iter().map(|p| URL_SAFE_NO_PAD.encode(&p.credential_id)).collect(),
    })
}

/// The challenge behind a state that was issued for this purpose and account.
fn issued(
    app: &App,
    state: &Sealed,
    purpose: Ceremony,
    account_id: Option<i64>,
) -> Result<IssuedChallenge, Refusal> {
    let issued: Option<IssuedChallenge> = state.open(app, CHALLENGE);
    issued
        .filter(|i| (i.purpose, i.account_id) == (purpose, account_id) && app.now() < i.expires)
        .ok_or(Refusal::Challenge)
}

/// The record that a challenge was used.
fn ticket(app: &App, issued: &IssuedChallenge) -> [u8; 32] {
    keys::mac(&app.secret.derive(CHALLENGE), &[&issued.challenge])
}

pub(super) fn refused() -> DomainError {
    ValidationErrors::general("This passkey was not accepted. Please try again.").into()
}

/// Starts to add a passkey; nothing is written.
///
/// # Errors
///
/// [`DomainError::Forbidden`] for a site without a domain name.
pub async fn begin(app: &App, account: &Account) -> Result<Creation, DomainError> {
    let passkeys = app.store.read(|r| r.passkey_list(account.id)).await?;
    Ok(Creation {
        challenge: issue(app, Ceremony::Add, Some(account.id), &passkeys)?,
        user_handle: URL_SAFE_NO_PAD.encode(user_handle(app, account.id)),
        username: account.username.clone(),
    })
}

/// Adds a passkey, in this session. The first factor of an account comes with recovery codes.
///
/// # Errors
///
/// [`DomainError::Invalid`] for a response that fails a check, which the audit trail names;
/// [`DomainError::Forbidden`] for one passkey too many.
pub async fn confirm(
    op: &Operation,
    account: &Account,
    state: &Sealed,
    name: &str,
    sent: Registration,
    session: [u8; 32],
) -> Result<Vec<String>, DomainError> {
    let (site, account_id, now) = (site(op)?, account.id, op.now());
    let name = device_name(name)?;
    let verified = issued(op, state, Ceremony::Add, Some(account_id)).and_then(|issued| {
        webauthn::verify_registration(&site, &issued.challenge, &sent).map(|new| (issued, new))
    });
    let (issued, credential) = match verified {
        Ok(verified) => verified,
        Err(why) => {
            audit::record_failed_factor(op, account_id, &format!("new passkey, {why}"));
            return Err(refused());
        }
    };
    let (once, expires) = (ticket(op, &issued), issued.expires);
    let new = NewPasskey {
        account_id,
        credential_id: sent.credential_id,
        public_key: credential.public_key,
        sign_count: credential.sign_count.into(),
        name,
        created: now,
    };
    let codes = recovery::generate(op);
    let recipients = notices::recipients(op, account, Event::FactorAdded).await?;
    let account = account.clone();
    let write = op.write(move |w, op| {
        if w.passkey_list(account_id)?.len() >= MAX_PASSKEYS {
            return Err(DomainError::Forbidden(
                "Your account has as many passkeys as it can have. Remove one first.",
            ));
        }
        let is_first = !w.second_factor_exists(account_id)?;
        if w.passkey_insert(&new)?.is_none() || !w.ticket_consume(&once, expires)? {
            return Err(ValidationErrors::general("This passkey was added already.").into());
        }
        notices::queue(w, op, &recipients, &account, Notice::PasskeyAdded(&new.name))?;
        let codes = is_first.then_some(&codes);
        record_added(w, op, account_id, &new.name, codes, Some(&session))
    });
    let codes = write.await?;
    op.outbox.wake();
    Ok(codes)
}

/// A challenge for a sign-in with a discoverable passkey of any account; `None` for a site without
/// a domain name.
pub fn discoverable_challenge(app: &App) -> Option<Challenge> {
    issue(app, Ceremony::SignIn, None, &[]).ok()
}

/// A challenge for the owner of this account; `None` if it has no passkey.
///
/// # Errors
///
/// Only the store's.
pub async fn account_challenge(
    app: &App,
    account_id: i64,
) -> Result<Option<Challenge>, DomainError> {
    let passkeys = app.store.read(|r| r.passkey_list(account_id)).await?;
    if passkeys.is_empty() {
        return Ok(None);
    }
    Ok(issue(app, Ceremony::Prove, Some(account_id), &passkeys).ok())
}

/// Signs in with a passkey alone, which is possession and, as its user was verified, knowledge or
/// biometrics: no second step follows.
///
/// # Errors
///
/// [`DomainError::Invalid`] alike for an unknown credential, an inactive account and a failed
/// check.
pub async fn sign_in(op: &Operation, sent: Assertion) -> Result<LoginCredentials, DomainError> {
    let signed_in = signed_in(op, sent).await;
    op.count_login(&signed_in);
    signed_in
}

async fn signed_in(op: &Operation, sent: Assertion) -> Result<LoginCredentials, DomainError> {
    let attempt = op.limits.reserve_request(Purpose::Passkey, &op.client).await?;
    let credential_id = &sent.response.credential_id;
    let owner = op.store.read(|r| {
        let passkey = r.passkey_find(credential_id)?;
        passkey.map_or(Ok(None), |passkey| r.account_find(passkey.account_id))
    });
    let owner: Option<Account> = owner.await?;
    let Some(account) = owner.filter(|account| op.rules.can_authenticate(account)) else {
        audit::record_failed_factor(op, None, &format!("passkey, {}", Refusal::Credential));
        return Err(refused());
    };
    let current = account.clone();
    let new = LoginCredentials::generate(op, Grant::Session);
    let client_trust = notices::client_trust(op, &account.username).await?;
    let recipients =
        notices::of_sign_in(op, &account, Grant::Session.is_known(client_trust)).await?;
    let proof = Proof::Passkey(sent);
    let granted = with_proof(op, &account, &proof, Ceremony::SignIn, move |w, op, found| {
        accounts::grant(w, op, &current, &new, found.name(), &recipients)
    })
    .await?;
    op.limits.refund(attempt).await;
    Ok(granted)
}

/// Verifies a response of one of the account's passkeys.
///
/// # Errors
///
/// Only the store's; a failed check is the inner error.
pub(super) async fn find(
    app: &App,
    account_id: i64,
    sent: &Assertion,
    purpose: Ceremony,
) -> Result<Result<MatchedProof, Refusal>, DomainError> {
    let of = (purpose != Ceremony::SignIn).then_some(account_id);
    let passkey = app.store.read(|r| r.passkey_find(&sent.response.credential_id)).await?;
    let passkey = passkey.filter(|passkey| passkey.account_id == account_id);
    Ok(verify(app, sent, purpose, of, account_id, passkey))
}

fn verify(
    app: &App,
    Assertion { state, response }: &Assertion,
    purpose: Ceremony,
    of: Option<i64>,
    account_id: i64,
    passkey: Option<Passkey>,
) -> Result<MatchedProof, Refusal> {
    let site = RelyingParty::of_site(&app.rules.site_url).ok_or(Refusal::RelyingParty)?;
    let issued = issued(app, state, purpose, of)?;
    let passkey = passkey.ok_or(Refusal::Credential)?;
    // A sign-in that begins with the passkey must name its user; later ones may.
    let handle = response.user_handle.as_slice();
    let is_left_out = handle.is_empty() && purpose != Ceremony::SignIn;
    if !is_left_out && !keys::equal(handle, &user_handle(app, account_id)) {
        return Err(Refusal::UserHandle);
    }
    let sent = webauthn::verify_response(&site, &issued.challenge, &passkey.public_key, response)?;
    let stored = u32::try_from(passkey.sign_count).unwrap_or(u32::MAX);
    if !webauthn::counts_up(stored, sent) {
        return Err(Refusal::Counter);
    }
    Ok(MatchedProof::Passkey {
        id: passkey.id,
        sign_count: sent.into(),
        ticket: ticket(app, &issued),
        expires: issued.expires,
    })
}
