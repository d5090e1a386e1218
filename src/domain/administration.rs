//! Account administration from the command line: no authentication, no rate limits.
//!
//! The rules are those of registration and reset. Nothing here signs or sends anything, so the
//! commands run without the server's secret key.

use super::accounts;
use super::audit::{self, Event};
use super::hashing::Requester;
use super::leaked_passwords::LeakedPasswords;
use super::operation::Operation;
use super::passwords::{self, Password, UserAttributes};
use super::revocation::{Revoked, revoke_all};
use super::{
    App, DomainError, ValidationErrors, email_addresses, email_format, sessions,
    undeleted_addresses, usernames,
};
use crate::store::{Account, NewAccount};

/// A new account.
pub struct NewUser {
    pub username: String,
    /// Empty for none.
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub password: Password,
    pub is_superuser: bool,
}

impl NewUser {
    /// Failed password rules; needs no store.
    pub async fn password_problems(&self, leaked: &LeakedPasswords) -> Vec<String> {
        let about = UserAttributes {
            username: &self.username,
            email: &self.email,
            first_name: &self.first_name,
            last_name: &self.last_name,
        };
        passwords::problems(self.password.expose(), &about, leaked).await
    }
}

/// Creates an account and its address row. The operator vouches for the address, so no email is
/// sent.
///
/// # Errors
///
/// [`DomainError::Invalid`] for a name or an address that is taken, and for a weak password.
pub async fn create(op: &Operation, new: NewUser) -> Result<Account, DomainError> {
    let new = NewUser { email: new.email.to_ascii_lowercase(), ..new };
    let mut problems = ValidationErrors::none();
    problems.add("username", usernames::username_problems(op, &new.username).await?);
    problems.add("password", new.password_problems(&op.leaked_passwords).await);
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let account = NewAccount {
        username_key: usernames::username_key(&new.username),
        username_skeleton: usernames::username_skeleton(&new.username),
        username: new.username,
        email: new.email,
        first_name: new.first_name,
        last_name: new.last_name,
        password: op.hasher.hash(Requester::server(), new.password).await?,
        is_superuser: new.is_superuser,
        date_joined: op.now(),
        confirm_by: None,
        language: String::new(),
    };
    let write = op.write(move |w, op| {
        let id = usernames::insert(w, &account)?;
        if !account.email.is_empty() {
            let row = email_addresses::insert_first(w, id, &account)?;
            // The operator vouches for it.
            w.email_address_set_proved_otherwise(row)?;
        }
        audit::record(w, op, Event::Made, id, "")?;
        w.account_find(id)?.ok_or(DomainError::NotFound)
    });
    write.await
}

/// The account with this name, in any case.
///
/// # Errors
///
/// [`DomainError::NotFound`]
pub async fn find(app: &App, username: &str) -> Result<Account, DomainError> {
    let key = usernames::username_key(username.trim());
    app.store.read(|r| r.account_find_by_username_key(&key)).await?.ok_or(DomainError::NotFound)
}

/// Deactivates the account and ends all its sessions and tokens.
///
/// # Errors
///
/// Only the store's.
pub async fn deactivate(op: &Operation, account_id: i64) -> Result<Revoked, DomainError> {
    let write = op.write(move |w, op| {
        w.account_set_active(account_id, false)?;
        audit::record(w, op, Event::Deactivated, account_id, "")?;
        Ok(revoke_all(w, account_id)?)
    });
    write.await
}

/// Reactivates the account. Its former sessions and tokens stay revoked.
///
/// # Errors
///
/// Only the store's.
pub async fn activate(op: &Operation, account_id: i64) -> Result<(), DomainError> {
    let write = op.write(move |w, op| {
        w.account_set_active(account_id, true)?;
        Ok(audit::record(w, op, Event::Activated, account_id, "")?)
    });
    write.await
}

/// # Errors
///
/// Only the store's.
pub async fn set_superuser(
    op: &Operation,
    account_id: i64,
    is_superuser: bool,
) -> Result<(), DomainError> {
    let write = op.write(move |w, op| {
        w.account_set_superuser(account_id, is_superuser)?;
        let event = if is_superuser { Event::AdminGiven } else { Event::AdminTaken };
        Ok(audit::record(w, op, event, account_id, "")?)
    });
    write.await
}

/// Sets a password and ends all sessions and tokens of the account, as a reset does.
///
/// # Errors
///
/// [`DomainError::Invalid`] with all failed password rules.
pub async fn set_password(
    op: &Operation,
    account: &Account,
    password: Password,
) -> Result<Revoked, DomainError> {
    let mut problems = ValidationErrors::none();
    problems.add("password", accounts::password_problems(op, account, &password).await);
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let (id, hash) = (account.id, op.hasher.hash(Requester::server(), password).await?);
    let write = op.write(move |w, op| {
        let current = w.account_find(id)?.ok_or(DomainError::NotFound)?;
        let leftover = undeleted_addresses::delete_unproved(w, &current)?;
        audit::record(w, op, Event::PasswordSet, id, "")?;
        Ok((accounts::replace_password(w, id, &hash)?, leftover))
    });
    let (revoked, leftover) = write.await?;
    undeleted_addresses::delete_remaining(op, leftover).await?;
    Ok(revoked)
}

/// Deletes an account and all that it owns. The audit trail keeps its entries.
///
/// # Errors
///
/// Only the store's.
pub async fn delete(op: &Operation, account_id: i64) -> Result<(), DomainError> {
    let write = op.write(move |w, op| {
        w.account_delete(account_id)?;
        Ok(audit::record(w, op, Event::Deleted, account_id, "")?)
    });
    write.await
}

/// Creates the operator's account at start, unless the name is taken. It has no address row.
///
/// # Errors
///
/// The store's and the hasher's.
pub async fn ensure_superuser(
    op: &Operation,
    username: &str,
    email: &str,
    password: Password,
) -> Result<bool, DomainError> {
    let key = usernames::username_key(username);
    if op.store.read(|r| r.account_find_by_username_key(&key)).await?.is_some() {
        return Ok(false);
    }
    let account = NewAccount {
        username: username.to_owned(),
        username_key: key,
        username_skeleton: usernames::username_skeleton(username),
        email: email.to_ascii_lowercase(),
        first_name: String::new(),
        last_name: String::new(),
        password: op.hasher.hash(Requester::server(), password).await?,
        is_superuser: true,
        date_joined: op.now(),
        confirm_by: None,
        language: String::new(),
    };
    let write = op.write(move |w, op| {
        let id = w.account_insert(&account)?;
        audit::record(w, op, Event::Made, id, "")?;
        Ok(true)
    });
    write.await
}

/// Changes the username.
///
/// # Errors
///
/// [`DomainError::Invalid`] for a name that is taken or has other characters.
pub async fn rename(op: &Operation, account: &Account, name: &str) -> Result<Account, DomainError> {
    let mut problems = ValidationErrors::none();
    problems.add("username", usernames::username_form_problems(name));
    if !problems.is_empty() {
        return Err(problems.into());
    }
    accounts::update(op, account, Some(name.to_owned()), None, None).await
}

/// A change of an account's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// Not confirmed.
    Add,
    /// Counts as confirmed: the operator vouches for it.
    Prove,
    Primary,
    Remove,
}

/// # Errors
///
/// [`DomainError::NotFound`] for an address that the account does not have, and as the owner's own
/// operations.
pub async fn set_address(
    op: &Operation,
    account: &Account,
    change: Address,
    email: &str,
) -> Result<(), DomainError> {
    let (id, email) = (account.id, email.trim().to_ascii_lowercase());
    if change == Address::Add {
        if !email_format::is_email_address(&email) {
            return Err(ValidationErrors::of("email", "Enter a valid email address.").into());
        }
        return email_addresses::add(op, id, &email).await.map(|_| ());
    }
    let row = op.store.read(|r| r.email_address_find_by_email(id, &email)).await?;
    let row = row.ok_or(DomainError::NotFound)?;
    match change {
        Address::Primary => email_addresses::set_primary(op, account, row.id).await.map(|_| ()),
        Address::Remove => {
            email_addresses::remove(op, account, row.id, email_addresses::Removal::Any)
                .await
                .map(|_| ())
        }
        Address::Add | Address::Prove => email_addresses::set_verified(op, &row).await,
    }
}

/// Revokes one token; its next request is rejected with that reason.
///
/// # Errors
///
/// [`DomainError::NotFound`]
pub async fn revoke_token(op: &Operation, id: i64) -> Result<(), DomainError> {
    let write = op.write(move |w, op| {
        let of = w.token_revoke(id)?.ok_or(DomainError::NotFound)?;
        Ok(audit::record(w, op, Event::TokenRevoked, of, &format!("token {id}"))?)
    });
    write.await
}

/// Ends one session.
///
/// # Errors
///
/// [`DomainError::NotFound`]
pub async fn end_session(op: &Operation, id: i64) -> Result<(), DomainError> {
    let write = op.write(move |w, op| {
        let of = w.session_delete_by_id(id)?.ok_or(DomainError::NotFound)?;
        Ok(audit::record(w, op, Event::SessionsEnded, of, &format!("session {id}"))?)
    });
    write.await
}

/// Ends all sessions of an account, but not its tokens.
///
/// # Errors
///
/// Only the store's.
pub async fn end_sessions(op: &Operation, account_id: i64) -> Result<usize, DomainError> {
    let write = op.write(move |w, op| {
        let ended = w.session_delete_others(account_id, None)?;
        if ended > 0 {
            let detail = sessions::summarize(ended);
            audit::record(w, op, Event::SessionsEnded, account_id, &detail)?;
        }
        Ok(ended)
    });
    write.await
}
