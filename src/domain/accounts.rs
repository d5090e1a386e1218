//! Accounts: login, the user's own record, password changes.
//!
//! Everything is validated before anything is written, and passwords are hashed before a
//! transaction begins. Checks that another request can invalidate are repeated inside the
//! transaction.

use super::audit::{self, Event};
use super::client::Client;
use super::hashing::{Requester, is_usable};
use super::known_clients::DeviceCookie;
use super::passwords::{self, Password, UserAttributes};
use super::sessions::{self, SessionId};
use super::tokens::{self, TokenKey};
use super::usernames::{username_key, username_skeleton};
use super::{App, DomainError, ValidationErrors, known_clients, rehash, usernames};
use crate::store::{Account, NewAccount, Reader, StoreError, Writer};

/// The credentials that a login returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    TokenAndSession,
    /// For a cross-site request from a browser.
    Token,
    /// For the account pages, which have no use for a token.
    Session,
}

/// Credentials issued by a login.
#[derive(Debug, Clone)]
pub struct Granted {
    pub token: Option<TokenKey>,
    pub session: Option<SessionId>,
    /// For a browser that keeps the session.
    pub device: Option<DeviceCookie>,
}

impl Granted {
    /// New credentials, not stored yet.
    pub(super) fn generate(app: &App, grant: Grant) -> Granted {
        Granted {
            token: (grant != Grant::Session).then(|| tokens::generate(app)),
            session: (grant != Grant::Token).then(|| sessions::generate(app)),
            device: None,
        }
    }

    /// For an account that must confirm its address first.
    pub(super) fn none() -> Granted {
        Granted { token: None, session: None, device: None }
    }

    pub(super) fn insert(
        &self,
        w: &Writer<'_>,
        account_id: i64,
        client: &Client,
        app: &App,
    ) -> Result<(), StoreError> {
        if let Some(token) = &self.token {
            tokens::insert(w, token, account_id, app)?;
        }
        if let Some(session) = &self.session {
            sessions::insert(w, session, account_id, client, app)?;
        }
        Ok(())
    }

    /// Adds the device cookie for a browser that keeps the session.
    pub(super) fn renewed(
        &self,
        app: &App,
        client: &Client,
        account_id: i64,
        password: &str,
    ) -> Granted {
        let device =
            self.session.as_ref().map(|_| known_clients::renew(app, client, account_id, password));
        Granted { device, ..self.clone() }
    }
}

/// With another apostrophe than at registration, as in the reference.
const MISMATCH_TYPOGRAPHIC: &str = "The two password fields didn’t match.";

/// Verifies username and password, and issues new credentials.
///
/// # Errors
///
/// [`DomainError::Invalid`] for bad credentials: the same for an unknown account, an inactive one and
/// one without a password.
pub async fn log_in(
    app: &App,
    username: &str,
    password: Password,
    grant: Grant,
    client: &Client,
) -> Result<Granted, DomainError> {
    let account = authenticated(app, username, password, client).await?;
    require_no_mfa(app, account.id, client).await?;
    open(app, account, grant, client).await
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
    app: &App,
    username: &str,
    password: Password,
    client: &Client,
) -> Result<Account, DomainError> {
    let account = check_password(app, username, password, client).await?;
    let account = account.ok_or_else(bad_credentials)?;
    if app.rules.awaits_confirmation(&account) {
        return Err(ValidationErrors::general("E-mail is not verified.").into());
    }
    Ok(account)
}

/// Issues credentials to an account that was authenticated.
///
/// # Errors
///
/// As [`grant`].
pub(super) async fn open(
    app: &App,
    account: Account,
    grant: Grant,
    client: &Client,
) -> Result<Granted, DomainError> {
    let (client, granted) = (client.clone(), Granted::generate(app, grant));
    app.write(move |w, app| self::grant(w, app, &account, &granted, &client, "")).await
}

/// Issues generated credentials to an account as it was authenticated. `detail` is for the audit
/// trail.
///
/// # Errors
///
/// [`DomainError::Invalid`] if the account was deactivated or its password changed since.
pub(super) fn grant(
    w: &Writer<'_>,
    app: &App,
    account: &Account,
    granted: &Granted,
    client: &Client,
    detail: &str,
) -> Result<Granted, DomainError> {
    let current = w.account_find(account.id)?;
    let same = |hash: &str| app.rehash.is_same(account.id, &account.password, hash);
    if !current.is_some_and(|current| app.rules.opens(&current) && same(&current.password)) {
        return Err(bad_credentials());
    }
    w.account_touch_login(account.id, app.now())?;
    granted.insert(w, account.id, client, app)?;
    audit::record(w, app, Event::Login, account.id, client, detail)?;
    Ok(granted.renewed(app, client, account.id, &account.password))
}

/// The active account with this name and password. An unknown name takes as long as a wrong
/// password. An imported password is then rehashed in the background.
///
/// # Errors
///
/// [`DomainError::Throttled`] before any lookup, [`DomainError::Busy`], the store's.
pub async fn check_password(
    app: &App,
    username: &str,
    password: Password,
    client: &Client,
) -> Result<Option<Account>, DomainError> {
    let key = username_key(username.trim());
    let standing = known_clients::standing(app, &key, client);
    let attempt = app.limits.reserve_login(&key, client, standing).await?;
    let (account, fits) = match try_password(app, &key, &password, client).await {
        Ok(tried) => tried,
        Err(refusal) => {
            // No password was verified, so no attempt is counted.
            app.limits.refund(attempt).await;
            return Err(refusal);
        }
    };
    let id = account.as_ref().map(|account| account.id);
    let opened = account.filter(|account| fits && account.is_active);
    match &opened {
        Some(account) => {
            app.limits.refund(attempt).await;
            known_clients::remember_network(app, account, client).await;
            rehash::start(app, account, password);
        }
        None => audit::note_failed_login(app, id, client),
    }
    Ok(opened)
}

/// The account with this name, and whether the password matches.
async fn try_password(
    app: &App,
    key: &str,
    password: &Password,
    client: &Client,
) -> Result<(Option<Account>, bool), DomainError> {
    let requester = Requester::new(client, Some(key));
    if app.hasher.is_busy(&requester) {
        // Checked before any expensive work.
        return Err(DomainError::Busy);
    }
    let account = app.store.read(|r| r.account_find_by_username_key(key)).await?;
    let stored = account.as_ref().map(|account| account.password.as_str());
    if let Some(account) = &account {
        app.rehash.warn_if_too_costly(account);
    }
    let fits = app.hasher.verify(requester, password.clone(), stored).await?;
    Ok((account, fits))
}

/// Rejects an account that needs a second factor, which this API cannot ask for. The password was
/// correct, so the rejection is recorded in the audit trail.
///
/// # Errors
///
/// [`DomainError::MfaRequired`]
pub async fn require_no_mfa(
    app: &App,
    account_id: i64,
    client: &Client,
) -> Result<(), DomainError> {
    if app.rules.mfa_enforced || app.store.read(|r| r.totp_device_exists(account_id)).await? {
        audit::note_missing_factor(app, account_id, client);
        return Err(DomainError::MfaRequired);
    }
    Ok(())
}

/// Reauthenticates a session by password, under the same limits as a login.
///
/// # Errors
///
/// [`DomainError::Invalid`] under `password` if it is wrong, [`DomainError::NotFound`] if the session has
/// ended in the meantime.
pub async fn reauthenticate(
    app: &App,
    account: &Account,
    session: [u8; 32],
    password: Password,
    client: &Client,
) -> Result<(), DomainError> {
    let opened = check_password(app, &account.username, password, client).await?;
    if opened.is_none_or(|opened| opened.id != account.id) {
        return Err(ValidationErrors::of(
            "password",
            "Your password was entered incorrectly. Please enter it again.",
        )
        .into());
    }
    let (id, client, now) = (account.id, client.clone(), app.now());
    app.write(move |w, app| {
        // A password change has ended this session.
        if !w.session_set_auth_time(&session, id, now)? {
            return Err(DomainError::NotFound);
        }
        audit::record(w, app, Event::Reauthenticated, id, &client, "")?;
        Ok(())
    })
    .await
}

/// Updates the user's own record; `None` leaves a field unchanged.
///
/// # Errors
///
/// [`DomainError::Invalid`] if another account has taken the name in the meantime.
pub async fn update(
    app: &App,
    account_id: i64,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    client: &Client,
) -> Result<Account, DomainError> {
    let client = client.clone();
    let write = app.write(move |w, app| {
        let mut account = w.account_find(account_id)?.ok_or(DomainError::NotFound)?;
        let before = account.username.clone();
        account.username = username.clone().unwrap_or(account.username);
        account.first_name = first_name.clone().unwrap_or(account.first_name);
        account.last_name = last_name.clone().unwrap_or(account.last_name);
        usernames::update(w, &account, account.username != before)?;
        if account.username != before {
            let names = format!("{before} -> {}", account.username);
            audit::record(w, app, Event::UsernameChanged, account.id, &client, &names)?;
        }
        Ok(account)
    });
    write.await
}

/// Tokens that survive a password change.
pub enum Commit {
    Nothing,
    /// The token in use.
    Token(i64),
}

/// New credentials of a browser after a password change.
#[derive(Debug)]
pub struct Renewed {
    pub session: SessionId,
    pub device: DeviceCookie,
}

/// Changes the password of the signed-in account and ends its sessions and its other tokens. With
/// `new_session`, the caller continues in a new session.
///
/// # Errors
///
/// [`DomainError::Invalid`]: all failed password rules are under `new_password2`, as in Django's form.
pub async fn change_password(
    app: &App,
    account: &Account,
    old_password: Option<Password>,
    new: (Password, Password),
    keep: Commit,
    new_session: bool,
    client: &Client,
) -> Result<Option<Renewed>, DomainError> {
    match old_password {
        Some(old) => {
            let opened = check_password(app, &account.username, old, client).await?;
            if opened.is_none_or(|opened| opened.id != account.id) {
                let wrong = "Your old password was entered incorrectly. Please enter it again.";
                return Err(ValidationErrors::of("old_password", wrong).into());
            }
        }
        None if app.rules.old_password_required => {
            return Err(ValidationErrors::of("old_password", "This field is required.").into());
        }
        None => {}
    }
    let password = new_password(account, new)?;
    let requester = Requester::new(client, Some(&username_key(&account.username)));
    let hash = app.hasher.hash(requester, password).await?;
    let (id, checked) = (account.id, account.password.clone());
    let session = new_session.then(|| sessions::generate(app));
    let client = client.clone();
    app.write(move |w, app| {
        let current = w.account_find(id)?.ok_or(DomainError::NotFound)?;
        if !app.rehash.is_same(id, &checked, &current.password) {
            return Err(DomainError::Forbidden(
                "The password was changed by another request. Please try again.",
            ));
        }
        w.account_set_password(id, &hash)?;
        w.session_delete_others(id, None)?;
        match keep {
            Commit::Nothing => w.token_delete_others(id, None)?,
            Commit::Token(token) => w.token_delete_others(id, Some(token))?,
        };
        known_clients::forget_other_networks(w, app, id, &client)?;
        audit::record(w, app, Event::PasswordChanged, id, &client, "")?;
        let Some(session) = session.clone() else { return Ok(None) };
        sessions::insert(w, &session, id, &client, app)?;
        Ok(Some(Renewed { session, device: known_clients::renew(app, &client, id, &hash) }))
    })
    .await
}

/// Numbers of ended sessions and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    pub sessions: usize,
    pub tokens: usize,
}

/// Sets the password and ends every session, token and known network.
pub(super) fn replace_password(w: &Writer<'_>, id: i64, hash: &str) -> Result<Revoked, StoreError> {
    w.account_set_password(id, hash)?;
    w.known_network_delete_all(id)?;
    end_all(w, id)
}

/// Ends all sessions and tokens of an account.
pub(super) fn end_all(w: &Writer<'_>, id: i64) -> Result<Revoked, StoreError> {
    Ok(Revoked {
        sessions: w.session_delete_others(id, None)?,
        tokens: w.token_delete_others(id, None)?,
    })
}

/// Creates the operator's account at start, unless the name is taken. It has no address row.
///
/// # Errors
///
/// The store's and the hasher's.
pub async fn ensure_superuser(
    app: &App,
    username: &str,
    email: &str,
    password: Password,
) -> Result<bool, DomainError> {
    let key = username_key(username);
    if app.store.read(|r: &Reader<'_>| r.account_find_by_username_key(&key)).await?.is_some() {
        return Ok(false);
    }
    let account = NewAccount {
        username: username.to_owned(),
        username_key: key,
        username_skeleton: username_skeleton(username),
        email: email.to_ascii_lowercase(),
        first_name: String::new(),
        last_name: String::new(),
        password: app.hasher.hash(Requester::server(), password).await?,
        is_superuser: true,
        date_joined: app.now(),
        confirm_by: None,
    };
    let write = app.write(move |w, app| {
        let id = w.account_insert(&account)?;
        audit::record(w, app, Event::Made, id, &Client::operator(), "")?;
        Ok(true)
    });
    write.await
}

/// The new password, if both fields match and all rules pass.
pub(super) fn new_password(
    account: &Account,
    (first, second): (Password, Password),
) -> Result<Password, DomainError> {
    if first.expose() != second.expose() {
        return Err(ValidationErrors::of("new_password2", MISMATCH_TYPOGRAPHIC).into());
    }
    let found = password_problems(account, &first);
    if found.is_empty() {
        return Ok(first);
    }
    let mut problems = ValidationErrors::none();
    problems.add("new_password2", found);
    Err(problems.into())
}

/// Failed rules of a new password for this account.
pub fn password_problems(account: &Account, password: &Password) -> Vec<String> {
    let about = UserAttributes {
        username: &account.username,
        email: &account.email,
        first_name: &account.first_name,
        last_name: &account.last_name,
    };
    passwords::problems(password.expose(), &about)
}

/// Whether the account has a usable password.
pub fn has_password(account: &Account) -> bool {
    is_usable(&account.password)
}
