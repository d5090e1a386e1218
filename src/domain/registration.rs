//! Registration: the check of each field, then account, address and credentials in one transaction.
//!
//! With registration disabled, no result reveals whether an account exists.

use super::accounts::{Grant, LoginCredentials};
use super::audit::{self, Event};
use super::hashing::Requester;
use super::limits::{MailBudget, MailPurpose, Purpose};
use super::operation::Operation;
use super::passwords::{self, Password, UserAttributes};
use super::usernames::{
    self, username_form_problems, username_key, username_problems, username_skeleton,
};
use super::{DomainError, ValidationErrors, email_addresses, known_clients};
use crate::store::NewAccount;

pub struct Registration {
    pub username: String,
    /// As entered; empty for none.
    pub email: String,
    pub password1: Password,
    pub password2: Password,
    pub grant: Grant,
}

/// With a plain apostrophe, as in the reference; a password change has a typographic one.
const MISMATCH_PLAIN: &str = "The two password fields didn't match.";

/// Validates the fields of a registration one by one; a field that is absent or malformed is
/// `None`.
///
/// # Errors
///
/// [`DomainError::Throttled`], and the store's.
pub async fn problems(
    op: &Operation,
    username: Option<&str>,
    email: Option<&str>,
    passwords: [Option<&str>; 2],
) -> Result<ValidationErrors, DomainError> {
    let mut problems = ValidationErrors::none();
    if username.is_some() || email.is_some() {
        // The result reveals whether an account exists, so every check is counted.
        let reserved = op.limits.reserve_request(Purpose::Registration, &op.client).await;
        if let Err(refusal) = reserved.map(|_| ()) {
            op.metrics.registrations.count(refusal.outcome());
            return Err(refusal);
        }
    }
    // With registration disabled only the syntax is checked: the result must not reveal whether an
    // account exists.
    let is_open = op.rules.registration_enabled;
    if let Some(username) = username {
        let found = match is_open {
            true => username_problems(op, username).await?,
            false => username_form_problems(username),
        };
        problems.add("username", found);
    }
    if let Some(email) = email.filter(|email| !email.is_empty()) {
        let found = match is_open {
            true => email_addresses::registration_problems(op, email).await?,
            false => email_addresses::domain_problems(op, email),
        };
        problems.add("email", found);
    }
    let mut good = true;
    for (field, password) in ["password1", "password2"].into_iter().zip(passwords) {
        if let Some(too_long) = password.and_then(passwords::too_long) {
            problems.add(field, vec![too_long]);
            good = false;
        }
    }
    if let Some(password) = passwords[0].filter(|_| good) {
        // Similarity to the user is checked once all fields are valid.
        let about = UserAttributes::default();
        let found = passwords::problems(password, &about, &op.leaked_passwords).await;
        problems.add("password1", found);
    }
    if !problems.is_empty() {
        op.metrics.registrations.count("rejected");
    }
    Ok(problems)
}

/// Creates account, address row, confirmation email and first credentials in one transaction.
/// [`problems`] has counted the attempt.
///
/// # Errors
///
/// [`DomainError::Invalid`] for errors across fields; with registration disabled, after the check
/// of the passwords.
pub async fn register(
    op: &Operation,
    registration: Registration,
) -> Result<LoginCredentials, DomainError> {
    let registered = create(op, registration).await;
    count(op, &registered);
    registered
}

fn count<T>(op: &Operation, result: &Result<T, DomainError>) {
    let outcome = result.as_ref().map_or_else(DomainError::outcome, |_| "success");
    op.metrics.registrations.count(match outcome {
        "second_factor_required" => "rejected",
        outcome => outcome,
    });
}

async fn create(
    op: &Operation,
    registration: Registration,
) -> Result<LoginCredentials, DomainError> {
    let Registration { username, email, password1, password2, grant } = registration;
    let Some(password) = password1.entered_twice(&password2) else {
        return Err(ValidationErrors::general(MISMATCH_PLAIN).into());
    };
    if !op.rules.registration_enabled {
        return Err(ValidationErrors::general("Registration is disabled.").into());
    }
    let email = email.to_ascii_lowercase();
    let about =
        UserAttributes { username: &username, email: &email, first_name: "", last_name: "" };
    let likeness = passwords::problems(password.expose(), &about, &op.leaked_passwords).await;
    if !likeness.is_empty() {
        return Err(ValidationErrors { general: likeness, ..ValidationErrors::none() }.into());
    }
    if op.rules.mfa_enforced && grant != Grant::Session {
        // A new account has no second factor: its token would bypass the rule. A session of the
        // pages opens the set-up of a factor and nothing else.
        return Err(DomainError::MfaRequired);
    }
    let account = NewAccount {
        username_key: username_key(&username),
        username_skeleton: username_skeleton(&username),
        username,
        email,
        first_name: String::new(),
        last_name: String::new(),
        password: op.hasher.hash(Requester::new(&op.client, None), password).await?,
        is_superuser: false,
        date_joined: op.now(),
        confirm_by: op.rules.confirm_by(op.now()),
        language: op.client.language.clone(),
    };
    let now = op.now();
    let budget = match account.email.as_str() {
        "" => MailBudget::Spent,
        email => op.limits.reserve_mail(email, MailPurpose::Confirmation, &op.client).await?,
    };
    let is_held_back = op.rules.confirm_first && account.confirm_by.is_some();
    let granted =
        if is_held_back { LoginCredentials::none() } else { LoginCredentials::generate(op, grant) };
    let made = op
        .write(move |w, op| {
            let id = usernames::insert(w, &account)?;
            w.account_touch_login(id, now)?;
            if !account.email.is_empty() {
                email_addresses::insert_at_sign_up(w, op, id, &account, budget, now)?;
            }
            granted.insert(w, op, id)?;
            audit::record(w, op, Event::Registered, id, "")?;
            known_clients::forget_other_networks(w, op, id)?;
            Ok(granted.with_device_cookie(op, id, &account.password))
        })
        .await?;
    op.outbox.wake();
    Ok(made)
}
