//! Provider accounts linked to local accounts: signing in, signing up, connecting and
//! disconnecting.
//!
//! Identity is (provider, subject), never a name or an address, which users can change at a
//! provider. An address that the provider has not verified proves nothing. One that it has verified
//! does not sign in to an existing account: its owner signs in and connects the provider. The last
//! way to sign in to an account cannot be disconnected.
//!
//! Nothing is stored while the user is at the provider. The state of the flow is kept encrypted in
//! the browser ([`Ticket`]); only used tickets are recorded. (RFC 9700, 4.7 and 4.5; OpenID Connect
//! Core.)

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::audit::{self, Event};
use super::client::Client;
use super::email_format::is_email_address;
use super::factors::{self, Sealed};
use super::hashing::is_usable;
use super::known_clients::{self, DeviceCookie};
use super::limits::{self, MailBudget, MailPurpose};
use super::notices::{self, Recipients};
use super::sessions::{self, SessionId};
use super::{App, DomainError, ValidationErrors, email_addresses, keys, ownership, usernames};
use crate::mail::Attached;
use crate::providers::{CallbackParams, Challenge, ExternalIdentity, Provider, ProviderError};
use crate::store::{NewAccount, NewSocialAccount, Reader, SocialAccount, StoreError, Writer};

/// Lifetime of a ticket: the time at the provider, and again the time at the sign-up form.
pub const TICKET_SECONDS: i64 = 600;

/// Links per account: listing and disconnecting read them all.
const MAX_LINKS: i64 = 20;

/// Maximum length of `accounts.username`, `first_name` and `last_name`.
const MAX_NAME_CHARACTERS: usize = 150;

/// Encrypted state of a sign-in, kept in a cookie. The browser can neither read nor modify it.
#[derive(Clone)]
pub struct Ticket(String);

impl Ticket {
    pub fn new(text: &str) -> Ticket {
        Ticket(text.to_owned())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// The purpose of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    SignIn,
    /// Connects the provider to the account of this session.
    Connect {
        session: [u8; 32],
    },
}

/// A started sign-in.
#[derive(Debug)]
pub struct Started {
    pub ticket: Ticket,
    /// The authorization request.
    pub url: String,
}

/// Parameters of the provider's redirect (RFC 6749, 4.1.2).
#[derive(Default)]
pub struct Returned {
    pub state: Option<String>,
    pub code: Option<String>,
    pub issuer: Option<String>,
    pub error: Option<String>,
}

/// Outcome of a sign-in.
#[derive(Debug)]
pub enum Finished {
    SignedIn {
        session: SessionId,
        device: DeviceCookie,
        next: String,
    },
    /// The account has a second factor: nothing is signed in yet.
    CodeNeeded {
        pending: Sealed,
        next: String,
    },
    Connected {
        next: String,
    },
    /// The account was created and must confirm its address before it can be used.
    Unconfirmed,
    /// A new account needs more data than the provider's claims.
    Form {
        ticket: Ticket,
        form: Form,
    },
}

/// The sign-up form, filled in from the provider's claims.
#[derive(Debug, Clone, Default)]
pub struct Form {
    pub username: String,
    pub email: String,
}

/// Why a sign-in failed. Nothing was written except that the ticket was used.
#[derive(Debug, thiserror::Error)]
pub enum SocialError {
    #[error("sign-in through providers is disabled, or this one is not configured")]
    Disabled,
    /// The callback matches no sign-in of this browser, or is late or repeated.
    #[error("invalid sign-in state: {0}")]
    InvalidState(&'static str),
    /// The provider returned an error instead of a code (RFC 6749, 4.1.2.1).
    #[error("the provider ended the sign-in: {0}")]
    Declined(String),
    #[error("{name}: {error}")]
    Provider {
        /// The provider's display name, for the message to the user.
        name: String,
        error: ProviderError,
    },
    #[error("sign-up through a provider is closed")]
    SignUpClosed,
    #[error("another account has this address")]
    AddressTaken,
    #[error("linked to another account")]
    LinkedElsewhere,
    #[error("the account has the maximum number of links")]
    TooManyLinks,
    #[error("inactive account")]
    Inactive,
    #[error("the account must confirm its address first")]
    Unconfirmed,
    #[error("the session that started to connect has ended")]
    SessionOver,
    /// Validation errors of the sign-up form.
    #[error("{0}")]
    Form(ValidationErrors),
    #[error(transparent)]
    Domain(#[from] DomainError),
}

impl From<StoreError> for SocialError {
    fn from(error: StoreError) -> SocialError {
        SocialError::Domain(error.into())
    }
}

impl SocialError {
    fn of(provider: &Provider) -> impl Fn(ProviderError) -> SocialError {
        |error| SocialError::Provider { name: provider.name.clone(), error }
    }
}

/// The plaintext of a [`Ticket`].
#[derive(Clone, Serialize, Deserialize)]
struct Flow {
    /// Random; state, nonce and PKCE verifier are derived from it.
    root: [u8; 32],
    provider: String,
    purpose: Purpose,
    next: String,
    expires: DateTime<Utc>,
    /// The identity, once the provider has asserted it.
    identity: Option<ExternalIdentity>,
}

impl Flow {
    fn derive(&self, label: &str) -> [u8; 32] {
        keys::mac(&self.root, &[label.as_bytes()])
    }

    fn challenge(&self) -> Challenge {
        // 43 characters each, the minimum for a verifier (RFC 7636).
        let text = |label| URL_SAFE_NO_PAD.encode(self.derive(label));
        Challenge { state: text("state"), nonce: text("nonce"), verifier: text("verifier") }
    }

    fn seal(&self, app: &App) -> Ticket {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        Ticket(URL_SAFE_NO_PAD.encode(keys::seal(&app.secret, TICKET, &plain, app.random())))
    }

    fn open(app: &App, ticket: Option<&Ticket>) -> Result<Flow, SocialError> {
        let ticket = ticket.ok_or(SocialError::InvalidState("no ticket"))?;
        let sealed = URL_SAFE_NO_PAD
            .decode(&ticket.0)
            .map_err(|_| SocialError::InvalidState("malformed ticket"))?;
        let plain = keys::open(&app.secret, TICKET, &sealed)
            .ok_or(SocialError::InvalidState("ticket was not sealed by this server"))?;
        let flow: Flow = serde_json::from_slice(&plain)
            .map_err(|_| SocialError::InvalidState("ticket of another version"))?;
        if flow.expires <= app.now() {
            Err(SocialError::InvalidState("expired ticket"))
        } else {
            Ok(flow)
        }
    }

    /// A ticket is accepted once with a code and once with a form.
    fn consume(&self, w: &Writer<'_>, label: &str) -> Result<(), SocialError> {
        let is_first = w.ticket_consume(&self.derive(label), self.expires)?;
        if is_first { Ok(()) } else { Err(SocialError::InvalidState("ticket already used")) }
    }
}

const TICKET: &str = "sign-in-ticket";

/// Starts a sign-in; nothing is written. `next` is the final redirect.
///
/// # Errors
///
/// [`SocialError`]
pub async fn begin(
    app: &App,
    provider: &str,
    purpose: Purpose,
    next: String,
    client: &Client,
) -> Result<Started, SocialError> {
    let provider = enabled_provider(app, provider)?;
    let attempt = app.limits.reserve_request(limits::Purpose::ProviderStart, client).await?;
    let expires = app.now() + Duration::seconds(TICKET_SECONDS);
    let flow = Flow {
        root: app.random(),
        provider: provider.id.clone(),
        purpose,
        next,
        expires,
        identity: None,
    };
    let url = provider.authorization_url(&flow.challenge(), app.now()).await;
    let url = url.map_err(SocialError::of(provider))?;
    app.limits.refund(attempt).await;
    Ok(Started { ticket: flow.seal(app), url })
}

/// Whether a valid ticket is for connecting a provider.
pub fn is_to_connect(app: &App, ticket: Option<&Ticket>) -> bool {
    Flow::open(app, ticket).is_ok_and(|flow| matches!(flow.purpose, Purpose::Connect { .. }))
}

/// Completes a sign-in at the callback. `session` is the live session of the returning browser: a
/// provider is only connected to the account of the session that started it, in the same browser.
///
/// # Errors
///
/// [`SocialError`]
pub async fn finish(
    app: &App,
    provider: &str,
    ticket: Option<&Ticket>,
    returned: Returned,
    session: Option<[u8; 32]>,
    client: &Client,
) -> Result<Finished, SocialError> {
    let provider = enabled_provider(app, provider)?;
    let attempt = app.limits.reserve_request(limits::Purpose::ProviderReturn, client).await?;
    let flow = Flow::open(app, ticket)?;
    if flow.identity.is_some() || flow.provider != provider.id {
        return Err(SocialError::InvalidState("ticket for another provider"));
    }
    let challenge = flow.challenge();
    if !returned
        .state
        .is_some_and(|state| keys::equal(state.as_bytes(), challenge.state.as_bytes()))
    {
        return Err(SocialError::InvalidState("state mismatch"));
    }
    if let Purpose::Connect { session: started_by } = flow.purpose {
        match session {
            Some(session) if session == started_by => {}
            Some(_) => return Err(SocialError::InvalidState("session mismatch")),
            None => return Err(SocialError::SessionOver),
        }
    }
    if let Some(error) = returned.error {
        return Err(SocialError::Declined(error));
    }
    let code = returned.code.ok_or(SocialError::InvalidState("no code"))?;
    let used = flow.clone();
    app.store.write(move |w| used.consume(w, "code")).await?;
    let params = CallbackParams { code, issuer: returned.issuer };
    let identity = provider.identify(&params, &challenge, app.now()).await;
    let identity = normalised(identity.map_err(SocialError::of(provider))?);
    let budgets = EmailBudgets::reserve(app, &flow, &identity, client).await?;
    let within = app.clone();
    let client = client.clone();
    let finished = app.store.write(move |w| match &flow.purpose {
        Purpose::SignIn => {
            sign_in(w, &within, flow.clone(), identity.clone(), budgets.confirmation, &client)
        }
        Purpose::Connect { session } => {
            connect(w, &within, flow.clone(), &identity, session, &budgets.notice, &client)
        }
    });
    let finished = finished.await?;
    app.limits.refund(attempt).await;
    app.outbox.wake();
    Ok(finished)
}

/// The initial values of the sign-up form, and the provider's name.
///
/// # Errors
///
/// [`SocialError::InvalidState`] if the ticket has expired.
pub async fn form(app: &App, ticket: Option<&Ticket>) -> Result<(String, Form), SocialError> {
    let flow = Flow::open(app, ticket)?;
    let identity = flow.identity.ok_or(SocialError::InvalidState("ticket without an identity"))?;
    let provider = enabled_provider(app, &flow.provider)?;
    let username = app.store.read(|r| {
        free_username(&suggested_username(&identity, &provider.id), |name| {
            usernames::is_taken(r, name, None)
        })
    });
    let username = username.await?;
    Ok((provider.name.clone(), Form { username, email: identity.email.unwrap_or_default() }))
}

/// Creates the account that the form describes.
///
/// # Errors
///
/// [`SocialError::Form`] for invalid fields; the ticket stays valid.
pub async fn sign_up(
    app: &App,
    ticket: Option<&Ticket>,
    form: Form,
    client: &Client,
) -> Result<Finished, SocialError> {
    let flow = Flow::open(app, ticket)?;
    let identity =
        flow.identity.clone().ok_or(SocialError::InvalidState("ticket without an identity"))?;
    enabled_provider(app, &flow.provider)?;
    if !app.rules.sso_registration {
        // Checked first: validation reveals whether an account exists.
        return Err(SocialError::SignUpClosed);
    }
    let _ = app.limits.reserve_request(limits::Purpose::Registration, client).await?;
    let (username, email) =
        (form.username.trim().to_owned(), form.email.trim().to_ascii_lowercase());
    let problems = form_problems(app, &username, &email).await?;
    if !problems.is_empty() {
        return Err(SocialError::Form(problems));
    }
    let is_verified = identity.email_verified && identity.email.as_deref() == Some(email.as_str());
    let budget = match email.is_empty() || is_verified {
        true => MailBudget::Spent,
        false => app.limits.reserve_mail(&email, MailPurpose::Confirmation, client).await?,
    };
    let within = app.clone();
    let client = client.clone();
    let made = app.store.write(move |w| {
        flow.consume(w, "form")?;
        let address =
            Some(email.clone()).filter(|email| !email.is_empty()).map(|email| (email, is_verified));
        make_account(
            w,
            &within,
            flow.clone(),
            &identity,
            Registrant { username: username.clone(), address },
            budget,
            &client,
        )
    });
    let made = made.await?;
    app.outbox.wake();
    Ok(made)
}

/// A page of the account's links, and their total number.
pub async fn list(
    app: &App,
    account_id: i64,
    limit: Option<i64>,
    offset: i64,
) -> Result<(i64, Vec<SocialAccount>), DomainError> {
    let read = app.store.read(|r| {
        Ok::<_, DomainError>((
            r.social_account_count(account_id)?,
            r.social_account_list(account_id, limit, offset)?,
        ))
    });
    read.await
}

/// Removes a link.
///
/// # Errors
///
/// [`DomainError::NotFound`] for a link of another account, [`DomainError::Forbidden`] for the only way to
/// sign in.
pub async fn disconnect(
    app: &App,
    account_id: i64,
    id: i64,
    client: &Client,
) -> Result<(), DomainError> {
    let client = client.clone();
    app.write(move |w, app| {
        let link = w.social_account_find(account_id, id)?.ok_or(DomainError::NotFound)?;
        let account = w.account_find(account_id)?.ok_or(DomainError::NotFound)?;
        let links = w.social_account_list(account_id, None, 0)?;
        let opens = |other: &SocialAccount| {
            other.id != id && enabled_provider(app, &other.provider).is_ok()
        };
        if !is_usable(&account.password) && !links.iter().any(opens) {
            return Err(DomainError::Forbidden(
                "Your account has no password set up. Set a password before removing its only \
                     sign-in provider.",
            ));
        }
        w.social_account_delete(link.id)?;
        audit::record(w, app, Event::ProviderDisconnected, account_id, &client, &link.provider)?;
        Ok(())
    })
    .await
}

/// The provider, if it can be used to sign in.
fn enabled_provider<'a>(app: &'a App, id: &str) -> Result<&'a Provider, SocialError> {
    let provider = app.providers.find(id).ok_or(SocialError::Domain(DomainError::NotFound))?;
    if app.rules.sso_enabled && provider.is_configured() {
        Ok(provider)
    } else {
        Err(SocialError::Disabled)
    }
}

/// Budgets of the emails that a sign-in may send, reserved before its write.
struct EmailBudgets {
    confirmation: MailBudget,
    notice: Recipients,
}

impl EmailBudgets {
    async fn reserve(
        app: &App,
        flow: &Flow,
        identity: &ExternalIdentity,
        client: &Client,
    ) -> Result<EmailBudgets, SocialError> {
        let mut budgets =
            EmailBudgets { confirmation: MailBudget::Spent, notice: Recipients::default() };
        let find = |r: &Reader<'_>| r.social_account_find_by_uid(&flow.provider, &identity.subject);
        if app.store.read(find).await?.is_some() {
            return Ok(budgets);
        }
        match (&flow.purpose, &identity.email) {
            (Purpose::SignIn, Some(email)) if !identity.email_verified => {
                budgets.confirmation =
                    app.limits.reserve_mail(email, MailPurpose::Confirmation, client).await?;
            }
            (Purpose::SignIn, _) => {}
            (Purpose::Connect { session }, _) => {
                if let Some((_, account)) = app.store.session_find(session).await? {
                    budgets.notice = notices::recipients(app, &account, client).await?;
                }
            }
        }
        Ok(budgets)
    }
}

fn sign_in(
    w: &Writer<'_>,
    app: &App,
    flow: Flow,
    identity: ExternalIdentity,
    budget: MailBudget,
    client: &Client,
) -> Result<Finished, SocialError> {
    if let Some(link) = w.social_account_find_by_uid(&flow.provider, &identity.subject)? {
        let account = w.account_find(link.account_id)?.ok_or(DomainError::NotFound)?;
        if !account.is_active {
            return Err(SocialError::Inactive);
        }
        if app.rules.awaits_confirmation(&account) {
            return Err(SocialError::Unconfirmed);
        }
        let now = app.now();
        w.social_account_touch(link.id, now)?;
        if app.rules.mfa_after_sso && factors::sign_in::is_needed(w, app, &account, client)? {
            audit::record(w, app, Event::SecondFactorMissing, account.id, client, &flow.provider)?;
            let pending = factors::sign_in::pending(app, &account, &flow.provider, &flow.next);
            return Ok(Finished::CodeNeeded { pending, next: flow.next });
        }
        w.account_touch_login(account.id, now)?;
        let session = sessions::generate(app);
        sessions::insert(w, &session, account.id, client, app)?;
        audit::record(w, app, Event::Login, account.id, client, &flow.provider)?;
        let device = known_clients::renew(app, client, account.id, &account.password);
        return Ok(Finished::SignedIn { session, device, next: flow.next });
    }
    if !app.rules.sso_registration {
        return Err(SocialError::SignUpClosed);
    }
    if let Some(email) = &identity.email
        && w.email_address_is_verified(email)?
    {
        return Err(SocialError::AddressTaken);
    }
    let suggested = suggested_username(&identity, &flow.provider);
    let username = free_username(&suggested, |name| usernames::is_taken(w, name, None))?;
    let is_enough = match &identity.email {
        Some(email) => app.rules.approves(email),
        None => !app.rules.needs_email(),
    };
    if !app.rules.sso_auto || !is_enough {
        let form = Form { username, email: identity.email.clone().unwrap_or_default() };
        let flow = Flow { identity: Some(identity), ..flow };
        return Ok(Finished::Form { ticket: flow.seal(app), form });
    }
    let address = identity.email.clone().map(|email| (email, identity.email_verified));
    make_account(w, app, flow, &identity, Registrant { username, address }, budget, client)
}

/// Username of a new account, and its address with whether the provider has verified it.
struct Registrant {
    username: String,
    address: Option<(String, bool)>,
}

/// Creates account, address, link, session and, for an unverified address, the confirmation email
/// in one transaction.
fn make_account(
    w: &Writer<'_>,
    app: &App,
    flow: Flow,
    identity: &ExternalIdentity,
    new: Registrant,
    budget: MailBudget,
    client: &Client,
) -> Result<Finished, SocialError> {
    if !app.rules.sso_registration {
        return Err(SocialError::SignUpClosed);
    }
    let now = app.now();
    let Registrant { username, address } = new;
    let (email, is_verified) = address.unwrap_or_default();
    let account = NewAccount {
        username_key: usernames::username_key(&username),
        username_skeleton: usernames::username_skeleton(&username),
        username,
        email,
        first_name: identity.first_name.clone(),
        last_name: identity.last_name.clone(),
        password: ownership::unusable_password(app),
        is_superuser: false,
        date_joined: now,
        confirm_by: if is_verified { None } else { app.rules.confirm_by(now) },
    };
    let is_held_back = app.rules.confirm_first && account.confirm_by.is_some();
    let id = usernames::insert(w, &account).map_err(in_form)?;
    w.account_touch_login(id, now)?;
    if !account.email.is_empty() {
        let inserted =
            email_addresses::insert_from_provider(w, app, id, &account, is_verified, budget, now);
        inserted.map_err(|refusal| match refusal {
            DomainError::Invalid(_) => SocialError::AddressTaken,
            other => other.into(),
        })?;
    }
    insert_link(w, id, &flow.provider, &identity.subject, now)?;
    if is_held_back {
        audit::record(w, app, Event::Registered, id, client, &flow.provider)?;
        return Ok(Finished::Unconfirmed);
    }
    let session = sessions::generate(app);
    sessions::insert(w, &session, id, client, app)?;
    audit::record(w, app, Event::Registered, id, client, &flow.provider)?;
    let device = known_clients::renew(app, client, id, &account.password);
    Ok(Finished::SignedIn { session, device, next: flow.next })
}

fn connect(
    w: &Writer<'_>,
    app: &App,
    flow: Flow,
    identity: &ExternalIdentity,
    session: &[u8; 32],
    notice: &Recipients,
    client: &Client,
) -> Result<Finished, SocialError> {
    let now = app.now();
    let found = w.session_find(session)?;
    let (_, account) = found
        .filter(|(session, account)| sessions::is_live(session, now) && account.is_active)
        .ok_or(SocialError::SessionOver)?;
    match w.social_account_find_by_uid(&flow.provider, &identity.subject)? {
        Some(link) if link.account_id == account.id => w.social_account_touch(link.id, now)?,
        Some(_) => return Err(SocialError::LinkedElsewhere),
        None => {
            if w.social_account_count(account.id)? >= MAX_LINKS {
                return Err(SocialError::TooManyLinks);
            }
            insert_link(w, account.id, &flow.provider, &identity.subject, now)?;
            let provider = app
                .providers
                .find(&flow.provider)
                .map_or(&flow.provider, |provider| &provider.name);
            notices::queue(w, app, notice, &account, Attached::Provider(provider), client)?;
            audit::record(w, app, Event::ProviderConnected, account.id, client, &flow.provider)?;
        }
    }
    Ok(Finished::Connected { next: flow.next })
}

fn insert_link(
    w: &Writer<'_>,
    account_id: i64,
    provider: &str,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    w.social_account_insert(&NewSocialAccount {
        account_id,
        provider: provider.to_owned(),
        uid: subject.to_owned(),
        date_joined: now,
        // Other claims are not stored.
        extra_data: "{}".to_owned(),
    })?;
    Ok(())
}

fn in_form(refusal: DomainError) -> SocialError {
    match refusal {
        DomainError::Invalid(problems) => SocialError::Form(problems),
        other => other.into(),
    }
}

async fn form_problems(
    app: &App,
    username: &str,
    email: &str,
) -> Result<ValidationErrors, SocialError> {
    const BLANK: &str = "This field may not be blank.";
    let mut problems = ValidationErrors::none();
    if username.is_empty() {
        problems.add("username", vec![BLANK.to_owned()]);
    } else if username.chars().count() > MAX_NAME_CHARACTERS {
        let too_long =
            format!("Ensure this field has no more than {MAX_NAME_CHARACTERS} characters.");
        problems.add("username", vec![too_long]);
    } else {
        problems.add("username", usernames::username_problems(app, username).await?);
    }
    if !email.is_empty() && !is_email_address(email) {
        problems.add("email", vec!["Enter a valid email address.".to_owned()]);
    } else if !email.is_empty() {
        problems.add("email", email_addresses::registration_problems(app, email).await?);
    } else if app.rules.needs_email() {
        problems.add("email", vec![BLANK.to_owned()]);
    }
    Ok(problems)
}

/// Normalises claims to the limits of an account.
fn normalised(identity: ExternalIdentity) -> ExternalIdentity {
    let name = |text: String| {
        let printable: String = text.chars().filter(|c| !c.is_control()).collect();
        printable.trim().chars().take(MAX_NAME_CHARACTERS).collect::<String>()
    };
    let email = identity
        .email
        .map(|email| email.to_ascii_lowercase())
        .filter(|email| is_email_address(email));
    ExternalIdentity {
        subject: identity.subject,
        email_verified: identity.email_verified && email.is_some(),
        email,
        username: identity.username.map(name),
        first_name: name(identity.first_name),
        last_name: name(identity.last_name),
    }
}

/// Suggests a username from the claims, without the characters that a username cannot contain.
fn suggested_username(identity: &ExternalIdentity, provider: &str) -> String {
    let local = identity.email.as_deref().and_then(|email| email.split('@').next());
    let candidates = [identity.username.as_deref(), local, Some(provider)];
    let allowed = |suggestion: &str| -> String {
        suggestion
            .chars()
            .filter(|c| c.is_alphanumeric() || "@.+-_".contains(*c))
            .take(MAX_NAME_CHARACTERS - 10)
            .collect()
    };
    candidates
        .into_iter()
        .flatten()
        .map(allowed)
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "user".to_owned())
}

/// The suggested name, or the same with the lowest free number: amy, amy2, amy3.
fn free_username(
    suggestion: &str,
    is_taken: impl Fn(&str) -> Result<bool, StoreError>,
) -> Result<String, StoreError> {
    const MAX_NUMBER: u64 = 1 << 40;
    if !is_taken(suggestion)? {
        return Ok(suggestion.to_owned());
    }
    let is_taken = |number: u64| is_taken(&format!("{suggestion}{number}"));
    // Doubled up to a free number and halved back, so a popular name takes few lookups. With gaps
    // in between the number may not be the lowest.
    let (mut taken, mut free) = (1, 2);
    while is_taken(free)? {
        (taken, free) = (free, free * 2);
        if free > MAX_NUMBER {
            return Err(StoreError::Other(format!("no free name after {suggestion}")));
        }
    }
    while free - taken > 1 {
        let middle = taken + (free - taken) / 2;
        if is_taken(middle)? {
            taken = middle;
        } else {
            free = middle;
        }
    }
    Ok(format!("{suggestion}{free}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(username: Option<&str>, email: Option<&str>) -> ExternalIdentity {
        ExternalIdentity {
            subject: "1".to_owned(),
            email: email.map(str::to_owned),
            email_verified: true,
            username: username.map(str::to_owned),
            first_name: "A\u{7}my ".to_owned(),
            last_name: "x".repeat(400),
        }
    }

    #[test]
    fn what_a_provider_says_is_cut_to_what_an_account_holds() {
        let identity = normalised(identity(Some("amy\r\n"), Some("Amy@Example.COM")));
        assert_eq!((identity.first_name.as_str(), identity.last_name.len()), ("Amy", 150));
        assert_eq!(identity.email.as_deref(), Some("amy@example.com"));
        let bad = normalised(self::identity(None, Some("amy@example.com\r\nBcc: all@example.com")));
        assert!(bad.email.is_none() && !bad.email_verified);
    }

    #[test]
    fn user_name_follows_the_provider_as_far_as_it_is_one() {
        assert_eq!(suggested_username(&identity(Some("Amy <b>"), None), "google"), "Amyb");
        assert_eq!(
            suggested_username(&identity(Some("!!"), Some("amy@example.com")), "google"),
            "amy"
        );
        assert_eq!(suggested_username(&identity(None, None), "google"), "google");
    }

    #[test]
    fn taken_name_gets_the_next_number() {
        for last in [1, 2, 3, 4, 5, 6, 7, 50] {
            let lookups = std::cell::Cell::new(0);
            let is_taken = |name: &str| {
                lookups.set(lookups.get() + 1);
                let number = name.strip_prefix("Amy").unwrap();
                Ok(number.is_empty() || number.parse::<u64>().unwrap() <= last)
            };
            assert_eq!(free_username("Amy", is_taken).unwrap(), format!("Amy{}", last + 1));
            assert!(lookups.get() <= 14, "{}", lookups.get());
        }
        assert_eq!(free_username("bob", |_| Ok(false)).unwrap(), "bob");
        assert!(free_username("bob", |_| Ok(true)).is_err());
    }
}
