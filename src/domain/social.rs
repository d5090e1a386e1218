//! Provider accounts linked to local accounts: signing in, signing up, connecting and
//! disconnecting.
//!
//! Identity is (provider, issuer, subject), never a name or an address, which users can change at a
//! provider. An address that the provider has not verified proves nothing. One that it has verified
//! does not sign in to an existing account: its owner signs in and connects the provider. The last
//! way to sign in to an account cannot be disconnected.
//!
//! Nothing is stored while the user is at the provider. The state of the flow is kept encrypted in
//! the browser ([`Ticket`]); only used tickets are recorded. (RFC 9700, 4.7 and 4.5; OpenID Connect
//! Core.)

mod claims;
mod error;
mod links;
mod new_account;
mod ticket;

use chrono::Duration;

use super::accounts::Grant;
use super::audit::{self, Event};
use super::device_cookie::DeviceCookie;
use super::factors;
use super::hashing::is_usable;
use super::known_clients;
use super::limits::{self, MailBudget, MailPurpose};
use super::notices::{self, Recipients};
use super::operation::Operation;
use super::sealed::Sealed;
use super::sessions::{self, SessionId};
use super::{App, DomainError, account_deletion, keys, owner_language, usernames};
use crate::mail::Notice;
use crate::providers::{CallbackParams, ExternalIdentity, Provider};
use crate::store::{Account, Reader, SocialAccount, Writer};
use claims::{free_username, normalised, suggested_username};
pub use error::SocialError;
pub use links::record_issuers;
use new_account::{Registrant, form_problems, make_account};
use ticket::TicketState;
pub use ticket::{SignInPurpose, TICKET_SECONDS, Ticket};

/// Links per account: listing and disconnecting read them all.
const MAX_LINKS: i64 = 20;

/// A started sign-in.
#[derive(Debug)]
pub struct StartedSignIn {
    pub ticket: Ticket,
    /// The authorization request.
    pub url: String,
}

/// Parameters of the provider's redirect (RFC 6749, 4.1.2).
#[derive(Default)]
pub struct ProviderResponse {
    pub state: Option<String>,
    pub code: Option<String>,
    pub issuer: Option<String>,
    pub error: Option<String>,
}

/// Outcome of a sign-in.
#[derive(Debug)]
pub enum SignInOutcome {
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

/// Starts a sign-in; nothing is written. `next` is the final redirect.
///
/// # Errors
///
/// [`SocialError`]
pub async fn begin(
    op: &Operation,
    provider: &str,
    purpose: SignInPurpose,
    next: String,
) -> Result<StartedSignIn, SocialError> {
    let provider = enabled_provider(op, provider)?;
    let attempt = op.limits.reserve_request(limits::Purpose::ProviderStart, &op.client).await?;
    let expires = op.now() + Duration::seconds(TICKET_SECONDS);
    let flow = TicketState {
        root: op.random(),
        provider: provider.id.clone(),
        purpose,
        next,
        expires,
        identity: None,
    };
    let url = provider.authorization_url(&flow.challenge(), op.now()).await;
    let url = url.map_err(SocialError::of(op, provider))?;
    op.limits.refund(attempt).await;
    Ok(StartedSignIn { ticket: flow.seal(op), url })
}

/// The `next` path of a ticket, even of an expired one.
pub fn next(app: &App, ticket: Option<&Ticket>) -> Option<String> {
    let flow = TicketState::unseal(app, ticket).ok()?;
    (flow.purpose == SignInPurpose::SignIn).then_some(flow.next)
}

/// Whether a valid ticket is for connecting a provider.
pub fn is_to_connect(app: &App, ticket: Option<&Ticket>) -> bool {
    TicketState::open(app, ticket)
        .is_ok_and(|flow| matches!(flow.purpose, SignInPurpose::Connect { .. }))
}

/// Completes a sign-in at the callback. `session` is the live session of the returning browser: a
/// provider is only connected to the account of the session that started it, in the same browser.
///
/// # Errors
///
/// [`SocialError`]
pub async fn finish(
    op: &Operation,
    provider: &str,
    ticket: Option<&Ticket>,
    returned: ProviderResponse,
    session: Option<[u8; 32]>,
) -> Result<SignInOutcome, SocialError> {
    let provider = enabled_provider(op, provider)?;
    let attempt = op.limits.reserve_request(limits::Purpose::ProviderReturn, &op.client).await?;
    let flow = TicketState::open(op, ticket)?;
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
    if let SignInPurpose::Connect { session: started_by } = flow.purpose {
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
    op.store.write(move |w| used.consume(w, "code")).await?;
    let params = CallbackParams { code, issuer: returned.issuer };
    let identity = provider.identify(&params, &challenge, op.now()).await;
    let identity =
        normalised(identity.map_err(SocialError::of(op, provider))?, op.rules.group_sync.as_ref());
    let budgets = EmailBudgets::reserve(op, &flow, &identity).await?;
    let finished = op.write_as(move |w, op| match &flow.purpose {
        SignInPurpose::SignIn => sign_in(w, op, flow.clone(), identity.clone(), &budgets),
        SignInPurpose::Connect { session } => {
            connect(w, op, flow.clone(), &identity, session, &budgets.notice)
        }
    });
    let finished = finished.await?;
    match finished {
        SignInOutcome::SignedIn { .. } => op.metrics.logins.count("success"),
        SignInOutcome::CodeNeeded { .. } => op.metrics.logins.count("second_factor_required"),
        SignInOutcome::Connected { .. }
        | SignInOutcome::Unconfirmed
        | SignInOutcome::Form { .. } => {}
    }
    op.limits.refund(attempt).await;
    op.outbox.wake();
    Ok(finished)
}

/// The initial values of the sign-up form, and the provider's name.
///
/// # Errors
///
/// [`SocialError::InvalidState`] if the ticket has expired.
pub async fn form(app: &App, ticket: Option<&Ticket>) -> Result<(String, Form), SocialError> {
    let flow = TicketState::open(app, ticket)?;
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
    op: &Operation,
    ticket: Option<&Ticket>,
    form: Form,
) -> Result<SignInOutcome, SocialError> {
    let flow = TicketState::open(op, ticket)?;
    let identity =
        flow.identity.clone().ok_or(SocialError::InvalidState("ticket without an identity"))?;
    enabled_provider(op, &flow.provider)?;
    if !op.rules.sso_registration {
        // Checked first: validation reveals whether an account exists.
        return Err(SocialError::SignUpClosed);
    }
    let _ = op.limits.reserve_request(limits::Purpose::Registration, &op.client).await?;
    let (username, email) =
        (form.username.trim().to_owned(), form.email.trim().to_ascii_lowercase());
    let problems = form_problems(op, &username, &email).await?;
    if !problems.is_empty() {
        return Err(SocialError::Form(problems));
    }
    let is_verified = identity.email_verified && identity.email.as_deref() == Some(email.as_str());
    let budget = match email.is_empty() || is_verified {
        true => MailBudget::Spent,
        false => op.limits.reserve_mail(&email, MailPurpose::Confirmation, &op.client).await?,
    };
    let made = op.write_as(move |w, op| {
        flow.consume(w, "form")?;
        let address =
            Some(email.clone()).filter(|email| !email.is_empty()).map(|email| (email, is_verified));
        make_account(
            w,
            op,
            flow.clone(),
            &identity,
            Registrant { username: username.clone(), address },
            budget,
        )
    });
    let made = made.await?;
    op.metrics.registrations.count("success");
    op.outbox.wake();
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
/// [`DomainError::NotFound`] for a link of another account, [`DomainError::Forbidden`] for the only
/// way to sign in.
pub async fn disconnect(op: &Operation, account: &Account, id: i64) -> Result<(), DomainError> {
    let recipients = notices::recipients(op, account, Event::ProviderDisconnected).await?;
    let account_id = account.id;
    let write = op.write(move |w, op| {
        let link = w.social_account_find(account_id, id)?.ok_or(DomainError::NotFound)?;
        let account = w.account_find(account_id)?.ok_or(DomainError::NotFound)?;
        let links = w.social_account_list(account_id, None, 0)?;
        let opens =
            |other: &SocialAccount| other.id != id && enabled_provider(op, &other.provider).is_ok();
        let has_other_way = is_usable(&account.password)
            || links.iter().any(opens)
            || !w.passkey_list(account_id)?.is_empty();
        if !has_other_way {
            return Err(DomainError::Forbidden(
                "Your account has no password set up. Set a password before removing its only \
                     sign-in provider.",
            ));
        }
        w.social_account_delete(link.id)?;
        let provider =
            op.providers.find(&link.provider).map_or(&link.provider, |provider| &provider.name);
        notices::queue(w, op, &recipients, &account, Notice::ProviderDisconnected(provider))?;
        audit::record(w, op, Event::ProviderDisconnected, account_id, &link.provider)?;
        Ok(())
    });
    write.await?;
    op.outbox.wake();
    Ok(())
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
        op: &Operation,
        flow: &TicketState,
        identity: &ExternalIdentity,
    ) -> Result<EmailBudgets, SocialError> {
        let mut budgets =
            EmailBudgets { confirmation: MailBudget::Spent, notice: Recipients::default() };
        let find = |r: &Reader<'_>| links::find(r, &flow.provider, identity);
        if let Some(link) = op.store.read(find).await? {
            let account = op.store.read(|r| r.account_find(link.account_id)).await?;
            if let (Some(account), SignInPurpose::SignIn) = (account, &flow.purpose) {
                budgets.notice = of_sign_in(op, &account).await?;
            }
            return Ok(budgets);
        }
        match (&flow.purpose, &identity.email) {
            (SignInPurpose::SignIn, Some(email)) if !identity.email_verified => {
                budgets.confirmation =
                    op.limits.reserve_mail(email, MailPurpose::Confirmation, &op.client).await?;
            }
            (SignInPurpose::SignIn, _) => {}
            (SignInPurpose::Connect { session }, _) => {
                if let Some((_, account)) = op.store.session_find(session).await? {
                    budgets.notice =
                        notices::recipients(op, &account, Event::ProviderConnected).await?;
                }
            }
        }
        Ok(budgets)
    }
}

/// Recipients of the note about a sign-in; a second step that follows has its own.
async fn of_sign_in(op: &Operation, account: &Account) -> Result<Recipients, DomainError> {
    if op.rules.mfa_after_sso
        && op.store.read(|r| factors::sign_in::is_needed(r, op, account)).await?
    {
        return Ok(Recipients::default());
    }
    let client_trust = notices::client_trust(op, &account.username).await?;
    notices::of_sign_in(op, account, Grant::Session.is_known(client_trust)).await
}

fn sign_in(
    w: &Writer<'_>,
    op: &Operation,
    flow: TicketState,
    identity: ExternalIdentity,
    budgets: &EmailBudgets,
) -> Result<SignInOutcome, SocialError> {
    if let Some(link) = links::find(w, &flow.provider, &identity)? {
        let account = w.account_find(link.account_id)?.ok_or(DomainError::NotFound)?;
        if !account.is_active {
            return Err(SocialError::Inactive);
        }
        if op.rules.awaits_confirmation(&account) {
            return Err(SocialError::Unconfirmed);
        }
        let now = op.now();
        links::touch(w, op, &link, &identity)?;
        if op.rules.mfa_after_sso && factors::sign_in::is_needed(w, op, &account)? {
            audit::record(w, op, Event::SecondFactorMissing, account.id, &flow.provider)?;
            let (provider, next) = (&flow.provider, &flow.next);
            let pending = factors::sign_in::pending(op, &account, provider, next, false);
            return Ok(SignInOutcome::CodeNeeded { pending, next: flow.next });
        }
        w.account_touch_login(account.id, now)?;
        account_deletion::cancel(w, op, account.id)?;
        let session = sessions::generate(op);
        sessions::insert(w, op, &session, account.id)?;
        notices::queue(w, op, &budgets.notice, &account, Notice::SignIn)?;
        owner_language::of_sign_in(w, op, &account, &budgets.notice)?;
        audit::record(w, op, Event::Login, account.id, &flow.provider)?;
        let device = known_clients::renew(op, account.id, &account.password);
        return Ok(SignInOutcome::SignedIn { session, device, next: flow.next });
    }
    if !op.rules.sso_registration {
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
        Some(email) => op.rules.approves_email(email),
        None => !op.rules.needs_email(),
    };
    if !op.rules.sso_auto || !is_enough {
        let form = Form { username, email: identity.email.clone().unwrap_or_default() };
        let flow = TicketState { identity: Some(identity), ..flow };
        return Ok(SignInOutcome::Form { ticket: flow.seal(op), form });
    }
    let address = identity.email.clone().map(|email| (email, identity.email_verified));
    make_account(w, op, flow, &identity, Registrant { username, address }, budgets.confirmation)
}

fn connect(
    w: &Writer<'_>,
    op: &Operation,
    flow: TicketState,
    identity: &ExternalIdentity,
    session: &[u8; 32],
    notice: &Recipients,
) -> Result<SignInOutcome, SocialError> {
    let now = op.now();
    let found = w.session_find(session)?;
    let (_, account) = found
        .filter(|(session, account)| sessions::is_live(session, now) && account.is_active)
        .ok_or(SocialError::SessionOver)?;
    match links::find(w, &flow.provider, identity)? {
        Some(link) if link.account_id == account.id => links::touch(w, op, &link, identity)?,
        Some(_) => return Err(SocialError::LinkedElsewhere),
        None => {
            if w.social_account_count(account.id)? >= MAX_LINKS {
                return Err(SocialError::TooManyLinks);
            }
            links::insert(w, op, account.id, &flow.provider, identity)?;
            let provider =
                op.providers.find(&flow.provider).map_or(&flow.provider, |provider| &provider.name);
            notices::queue(w, op, notice, &account, Notice::ProviderConnected(provider))?;
            audit::record(w, op, Event::ProviderConnected, account.id, &flow.provider)?;
        }
    }
    Ok(SignInOutcome::Connected { next: flow.next })
}
