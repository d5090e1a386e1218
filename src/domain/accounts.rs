//! Accounts: login, the user's own record, password changes.
//!
//! Everything is validated before anything is written, and passwords are hashed before a
//! transaction begins. Checks that another request can invalidate are repeated inside the
//! transaction.

use slog::warn;

use super::audit::{self, Event};
use super::device_cookie::DeviceCookie;
use super::hashing::{Requester, is_usable};
use super::limits::ClientTrust;
use super::notices::{self, Recipients};
use super::operation::Operation;
use super::passwords::{self, Password, UserAttributes};
use super::revocation::{Revoked, revoke_all};
use super::sessions::{self, SessionId};
use super::tokens::{self, TokenKey};
use super::usernames::username_key;
use super::{
    App, DomainError, ValidationErrors, account_deletion, known_clients, owner_language, rehash,
    undeleted_addresses, usernames,
};
use crate::mail::Notice;
use crate::store::{Account, StoreError, Writer};

/// The credentials that a login returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    TokenAndSession,
    /// For a cross-site request from a browser.
    Token,
    /// For the account pages, which have no use for a token.
    Session,
}

impl Grant {
    /// Whether the account knows the client: a browser by its device cookie, a program also by its
    /// network.
    pub(super) fn is_known(self, client_trust: ClientTrust) -> bool {
        match client_trust {
            ClientTrust::KnownDevice(_) => true,
            ClientTrust::KnownNetwork => self != Grant::Session,
            ClientTrust::Unknown => false,
        }
    }
}

/// Credentials issued by a login.
#[derive(Debug, Clone)]
pub struct LoginCredentials {
    pub token: Option<TokenKey>,
    pub session: Option<SessionId>,
    /// For a browser that keeps the session.
    pub device: Option<DeviceCookie>,
    /// The password that opened the account is in a list of leaked passwords.
    pub is_password_leaked: bool,
}

impl LoginCredentials {
    /// New credentials, not stored yet.
    pub(super) fn generate(app: &App, grant: Grant) -> LoginCredentials {
        LoginCredentials {
            token: (grant != Grant::Session).then(|| tokens::generate(app)),
            session: (grant != Grant::Token).then(|| sessions::generate(app)),
            device: None,
            is_password_leaked: false,
        }
    }

    /// For an account that must confirm its address first.
    pub(super) fn none() -> LoginCredentials {
        LoginCredentials { token: None, session: None, device: None, is_password_leaked: false }
    }

    pub(super) fn insert(
        &self,
        w: &Writer<'_>,
        op: &Operation,
        account_id: i64,
    ) -> Result<(), StoreError> {
        if let Some(token) = &self.token {
            tokens::insert(w, op, token, account_id)?;
        }
        if let Some(session) = &self.session {
            sessions::insert(w, op, session, account_id)?;
        }
        Ok(())
    }

    /// Adds the device cookie for a browser that keeps the session.
    pub(super) fn with_device_cookie(
        &self,
        op: &Operation,
        account_id: i64,
        password: &str,
    ) -> LoginCredentials {
        let device = self.session.as_ref().map(|_| known_clients::renew(op, account_id, password));
        LoginCredentials { device, ..self.clone() }
    }
}

/// With a typographic apostrophe, as in the reference; registration has a plain one.
const MISMATCH_TYPOGRAPHIC: &str = "The two password fields didn’t match.";

/// Verifies username and password, and issues new credentials.
///
/// # Errors
///
/// [`DomainError::Invalid`] for bad credentials: the same for an unknown account, an inactive one
/// and one without a password.
pub async fn log_in(
    op: &Operation,
    username: &str,
    password: Password,
    grant: Grant,
) -> Result<LoginCredentials, DomainError> {
    let logged_in = async {
        let client_trust = notices::client_trust(op, username).await?;
        let account = authenticated(op, username, password).await?;
        require_no_mfa(op, account.id).await?;
        issue_credentials(op, account, grant, client_trust).await
    };
    let logged_in = logged_in.await;
    op.count_login(&logged_in);
    logged_in
}

fn bad_credentials() -> DomainError {
    ValidationErrors::general("Unable to log in with provided credentials.").into()
}

/// The account that can log in with this name and password.
///
/// # Errors
///
/// As [`log_in`].
pub(super) async fn authenticated(
    op: &Operation,
    username: &str,
    password: Password,
) -> Result<Account, DomainError> {
    let account = check_password(op, username, password).await?;
    let account = account.ok_or_else(bad_credentials)?;
    if op.rules.awaits_confirmation(&account) {
        return Err(ValidationErrors::general("E-mail is not verified.").into());
    }
    Ok(account)
}

/// Issues credentials to an account that was authenticated. `client_trust` says how it knew the
/// client before.
///
/// # Errors
///
/// As [`grant`].
pub(super) async fn issue_credentials(
    op: &Operation,
    account: Account,
    grant: Grant,
    client_trust: ClientTrust,
) -> Result<LoginCredentials, DomainError> {
    let granted = LoginCredentials::generate(op, grant);
    let recipients = notices::of_sign_in(op, &account, grant.is_known(client_trust)).await?;
    let is_told = !recipients.is_empty();
    let granted =
        op.write(move |w, op| self::grant(w, op, &account, &granted, "", &recipients)).await?;
    if is_told {
        op.outbox.wake();
    }
    Ok(granted)
}

/// Issues generated credentials to an account as it was authenticated. `detail` is for the audit
/// trail.
///
/// # Errors
///
/// [`DomainError::Invalid`] if the account was deactivated or its password changed since.
pub(super) fn grant(
    w: &Writer<'_>,
    op: &Operation,
    account: &Account,
    granted: &LoginCredentials,
    detail: &str,
    recipients: &Recipients,
) -> Result<LoginCredentials, DomainError> {
    let same = |hash: &str| op.rehash.is_same(account.id, &account.password, hash);
    let current = w.account_find(account.id)?;
    let current = current.filter(|now| op.rules.can_authenticate(now) && same(&now.password));
    let current = current.ok_or_else(bad_credentials)?;
    w.account_touch_login(account.id, op.now())?;
    account_deletion::cancel(w, op, account.id)?;
    granted.insert(w, op, account.id)?;
    notices::queue(w, op, recipients, account, Notice::SignIn)?;
    owner_language::of_sign_in(w, op, &current, recipients)?;
    audit::record(w, op, Event::Login, account.id, detail)?;
    Ok(granted.with_device_cookie(op, account.id, &account.password))
}

/// The account of a request that sends name and password. The owner is told of an unknown network,
/// as of a login from there: from now on the account knows it.
///
/// # Errors
///
/// As [`check_password`].
pub async fn check_request(
    op: &Operation,
    username: &str,
    password: Password,
) -> Result<Option<Account>, DomainError> {
    let client_trust = notices::client_trust(op, username).await?;
    let account = check_password(op, username, password).await?;
    let account = account.filter(|account| op.rules.can_authenticate(account));
    if let Some(account) = account.as_ref().filter(|_| !Grant::Token.is_known(client_trust)) {
        notices::start_of_request(op, account);
    }
    Ok(account)
}

/// The active account with this name and password. An unknown name takes as long as a wrong
/// password. An imported password is then rehashed in the background.
///
/// # Errors
///
/// [`DomainError::Throttled`] before any lookup, [`DomainError::Busy`], the store's.
async fn check_password(
    op: &Operation,
    username: &str,
    password: Password,
) -> Result<Option<Account>, DomainError> {
    let key = username_key(username.trim());
    let client_trust = known_clients::client_trust(op, &key);
    let attempt = op.limits.reserve_login(&key, &op.client, client_trust).await?;
    let (account, matching) = match try_password(op, &key, password).await {
        Ok(tried) => tried,
        Err(refusal) => {
            // No password was verified, so no attempt is counted.
            op.limits.refund(attempt).await;
            return Err(refusal);
        }
    };
    let id = account.as_ref().map(|account| account.id);
    let Some((account, password)) = account.filter(|found| found.is_active).zip(matching) else {
        audit::record_failed_login(op, id);
        return Ok(None);
    };
    op.limits.refund(attempt).await;
    known_clients::remember_network(op, &account).await;
    rehash::start(op, &account, password);
    Ok(Some(account))
}

/// The account with this name, and the form of the password that matches its hash.
async fn try_password(
    op: &Operation,
    key: &str,
    password: Password,
) -> Result<(Option<Account>, Option<Password>), DomainError> {
    let requester = Requester::new(&op.client, Some(key));
    if op.hasher.is_busy(&requester) {
        // Checked before any expensive work.
        return Err(DomainError::Busy);
    }
    let account = op.store.read(|r| r.account_find_by_username_key(key)).await?;
    let stored = account.as_ref().map(|account| account.password.as_str());
    if let Some(account) = account.as_ref().filter(|found| op.rehash.is_newly_too_costly(found)) {
        warn!(op.log(), "a password hash has absurd cost parameters and matches no \
            password"; "account" => account.id);
    }
    let matching = op.hasher.verify(requester, password, stored).await?;
    Ok((account, matching))
}

/// Rejects an account that needs a second factor, which this API cannot ask for. The password was
/// correct, so the rejection is recorded in the audit trail.
///
/// # Errors
///
/// [`DomainError::MfaRequired`]
pub async fn require_no_mfa(op: &Operation, account_id: i64) -> Result<(), DomainError> {
    if op.rules.mfa_enforced || op.store.read(|r| r.second_factor_exists(account_id)).await? {
        audit::record_missing_factor(op, account_id);
        return Err(DomainError::MfaRequired);
    }
    Ok(())
}

/// Reauthenticates a session by password, under the same limits as a login.
///
/// # Errors
///
/// [`DomainError::Invalid`] under `password` if it is wrong, [`DomainError::NotFound`] if the
/// session has ended in the meantime.
pub async fn reauthenticate(
    op: &Operation,
    account: &Account,
    session: [u8; 32],
    password: Password,
) -> Result<(), DomainError> {
    let opened = check_password(op, &account.username, password).await?;
    if opened.is_none_or(|opened| opened.id != account.id) {
        return Err(ValidationErrors::of(
            "password",
            "Your password was entered incorrectly. Please enter it again.",
        )
        .into());
    }
    let (id, now) = (account.id, op.now());
    op.write(move |w, op| {
        // A password change has ended this session.
        if !w.session_set_auth_time(&session, id, now)? {
            return Err(DomainError::NotFound);
        }
        audit::record(w, op, Event::Reauthenticated, id, "")?;
        Ok(())
    })
    .await
}

/// Embeddings, overrides and isolates of the bidirectional algorithm: a name with one reorders the
/// text after it. Right-to-left scripts do not need them.
fn reorders_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Updates the user's own record; `None` leaves a field unchanged.
///
/// # Errors
///
/// [`DomainError::Invalid`] if another account has taken the name in the meantime.
pub async fn update(
    op: &Operation,
    account: &Account,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
) -> Result<Account, DomainError> {
    for (field, name) in [("first_name", &first_name), ("last_name", &last_name)] {
        if name.as_ref().is_some_and(|name| name.contains(reorders_text)) {
            let wrong = "Characters that change the direction of text are not allowed.";
            return Err(ValidationErrors::of(field, wrong).into());
        }
    }
    let recipients = match username.as_ref().is_some_and(|name| *name != account.username) {
        true => notices::recipients(op, account, Event::UsernameChanged).await?,
        false => Recipients::default(),
    };
    let account_id = account.id;
    let write = op.write(move |w, op| {
        let mut account = w.account_find(account_id)?.ok_or(DomainError::NotFound)?;
        let before = account.username.clone();
        account.username = username.clone().unwrap_or(account.username);
        account.first_name = first_name.clone().unwrap_or(account.first_name);
        account.last_name = last_name.clone().unwrap_or(account.last_name);
        usernames::update(w, &account, account.username != before)?;
        if account.username != before {
            let names = format!("{before} -> {}", account.username);
            let changed = Notice::UsernameChanged(&account.username);
            let former = Account { username: before, ..account.clone() };
            notices::queue(w, op, &recipients, &former, changed)?;
            audit::record(w, op, Event::UsernameChanged, account.id, &names)?;
        }
        Ok(account)
    });
    let account = write.await?;
    op.outbox.wake();
    Ok(account)
}

/// New credentials of a browser after a password change.
#[derive(Debug)]
pub struct RenewedCredentials {
    pub session: SessionId,
    pub device: DeviceCookie,
}

/// Changes the password of the signed-in account. Ends its sessions, its tokens but `kept_token`,
/// and unverified addresses, which a thief may have added. With `new_session`, the caller continues
/// in a new session.
///
/// # Errors
///
/// [`DomainError::Invalid`]: all failed password rules are under `new_password2`, as in Django's
/// form.
pub async fn change_password(
    op: &Operation,
    account: &Account,
    old_password: Option<Password>,
    new: (Password, Password),
    kept_token: Option<i64>,
    new_session: bool,
) -> Result<Option<RenewedCredentials>, DomainError> {
    match old_password {
        Some(old) => {
            let opened = check_password(op, &account.username, old).await?;
            if opened.is_none_or(|opened| opened.id != account.id) {
                let wrong = "Your old password was entered incorrectly. Please enter it again.";
                return Err(ValidationErrors::of("old_password", wrong).into());
            }
        }
        // An account without a password has none to prove.
        None if op.rules.old_password_required && has_password(account) => {
            return Err(ValidationErrors::of("old_password", "This field is required.").into());
        }
        None => {}
    }
    let password = new_password(op, account, new).await?;
    let requester = Requester::new(&op.client, Some(&username_key(&account.username)));
    let hash = op.hasher.hash(requester, password).await?;
    let (id, checked) = (account.id, account.password.clone());
    let session = new_session.then(|| sessions::generate(op));
    let recipients = notices::recipients(op, account, Event::PasswordChanged).await?;
    let write = op.write(move |w, op| {
        let current = w.account_find(id)?.ok_or(DomainError::NotFound)?;
        if !op.rehash.is_same(id, &checked, &current.password) {
            return Err(DomainError::Forbidden(
                "The password was changed by another request. Please try again.",
            ));
        }
        w.account_set_password(id, &hash)?;
        w.session_delete_others(id, None)?;
        w.token_delete_others(id, kept_token)?;
        let leftover = undeleted_addresses::delete_unproved(w, &current)?;
        known_clients::forget_other_networks(w, op, id)?;
        notices::queue(w, op, &recipients, &current, Notice::PasswordChanged)?;
        audit::record(w, op, Event::PasswordChanged, id, "")?;
        let Some(session) = session.clone() else { return Ok((None, leftover)) };
        sessions::insert(w, op, &session, id)?;
        let device = known_clients::renew(op, id, &hash);
        Ok((Some(RenewedCredentials { session, device }), leftover))
    });
    let (renewed, leftover) = write.await?;
    undeleted_addresses::delete_remaining(op, leftover).await?;
    op.outbox.wake();
    Ok(renewed)
}

/// Sets the password and ends every session, token and known network.
pub(super) fn replace_password(w: &Writer<'_>, id: i64, hash: &str) -> Result<Revoked, StoreError> {
    w.account_set_password(id, hash)?;
    w.known_network_delete_all(id)?;
    revoke_all(w, id)
}

/// The new password, if both fields match and all rules pass.
pub(super) async fn new_password(
    app: &App,
    account: &Account,
    (first, second): (Password, Password),
) -> Result<Password, DomainError> {
    let Some(password) = first.entered_twice(&second) else {
        return Err(ValidationErrors::of("new_password2", MISMATCH_TYPOGRAPHIC).into());
    };
    let found = password_problems(app, account, &password).await;
    if found.is_empty() {
        return Ok(password);
    }
    let mut problems = ValidationErrors::none();
    problems.add("new_password2", found);
    Err(problems.into())
}

/// Failed rules of a new password for this account.
pub async fn password_problems(app: &App, account: &Account, password: &Password) -> Vec<String> {
    let about = UserAttributes {
        username: &account.username,
        email: &account.email,
        first_name: &account.first_name,
        last_name: &account.last_name,
    };
    passwords::problems(password.expose(), &about, &app.leaked_passwords).await
}

/// Whether the account has a usable password.
pub fn has_password(account: &Account) -> bool {
    is_usable(&account.password)
}
