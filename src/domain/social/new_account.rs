//! The account of a new user of a provider: account, address, link and session in one transaction.

use super::claims::MAX_NAME_CHARACTERS;
use super::ticket::TicketState;
use super::{SignInOutcome, SocialError, links};
use crate::domain::audit::{self, Event};
use crate::domain::email_format::is_email_address;
use crate::domain::limits::MailBudget;
use crate::domain::operation::Operation;
use crate::domain::{
    App, DomainError, ValidationErrors, email_addresses, known_clients, ownership, sessions,
    usernames,
};
use crate::providers::ExternalIdentity;
use crate::store::{NewAccount, Writer};

/// Username of a new account, and its address with whether the provider has verified it.
pub(super) struct Registrant {
    pub username: String,
    pub address: Option<(String, bool)>,
}

/// Creates account, address, link, session and, for an unverified address, the confirmation email
/// in one transaction.
pub(super) fn make_account(
    w: &Writer<'_>,
    op: &Operation,
    flow: TicketState,
    identity: &ExternalIdentity,
    new: Registrant,
    budget: MailBudget,
) -> Result<SignInOutcome, SocialError> {
    if !op.rules.sso_registration {
        return Err(SocialError::SignUpClosed);
    }
    let now = op.now();
    let Registrant { username, address } = new;
    let (email, is_verified) = address.unwrap_or_default();
    let account = NewAccount {
        username_key: usernames::username_key(&username),
        username_skeleton: usernames::username_skeleton(&username),
        username,
        email,
        first_name: identity.first_name.clone(),
        last_name: identity.last_name.clone(),
        password: ownership::unusable_password(op),
        is_superuser: false,
        date_joined: now,
        confirm_by: if is_verified { None } else { op.rules.confirm_by(now) },
        language: op.client.language.clone(),
    };
    let is_held_back = op.rules.confirm_first && account.confirm_by.is_some();
    let id = usernames::insert(w, &account).map_err(to_form_error)?;
    w.account_touch_login(id, now)?;
    if !account.email.is_empty() {
        let inserted =
            email_addresses::insert_from_provider(w, op, id, &account, is_verified, budget, now);
        inserted.map_err(|refusal| match refusal {
            DomainError::Invalid(_) => SocialError::AddressTaken,
            other => other.into(),
        })?;
    }
    links::insert(w, op, id, &flow.provider, identity)?;
    if is_held_back {
        audit::record(w, op, Event::Registered, id, &flow.provider)?;
        return Ok(SignInOutcome::Unconfirmed);
    }
    let session = sessions::generate(op);
    sessions::insert(w, op, &session, id)?;
    audit::record(w, op, Event::Registered, id, &flow.provider)?;
    let device = known_clients::renew(op, id, &account.password);
    Ok(SignInOutcome::SignedIn { session, device, next: flow.next })
}

fn to_form_error(refusal: DomainError) -> SocialError {
    match refusal {
        DomainError::Invalid(problems) => SocialError::Form(problems),
        other => other.into(),
    }
}

pub(super) async fn form_problems(
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
