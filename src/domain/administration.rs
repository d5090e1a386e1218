//! What the operator does to accounts from the command line: no credentials are asked for, and no limit counts.
//!
//! The rules are those of registration and of reset. Nothing here signs or mails anything: the commands run without the
//! server's secret key.

use super::accounts::{self, Ended};
use super::passwords::{self, Password, Similar};
use super::{Domain, Problems, Refusal, email_addresses};
use crate::store::{Account, NewAccount};

/// An account as the operator wants it.
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
    /// What can be said without the store.
    pub fn password_problems(&self) -> Vec<String> {
        let about = Similar {
            username: &self.username,
            email: &self.email,
            first_name: &self.first_name,
            last_name: &self.last_name,
        };
        passwords::problems(self.password.expose(), &about)
    }
}

/// Makes an account with its address row, unproved, and without a mail: the owner asks for one when it is needed.
///
/// # Errors
///
/// [`Refusal::Invalid`] for a name or an address that is taken, and for the password.
pub async fn create(domain: &Domain, new: NewUser) -> Result<Account, Refusal> {
    let new = NewUser { email: new.email.to_ascii_lowercase(), ..new };
    let mut problems = Problems::none();
    problems.add("username", accounts::username_problems(domain, &new.username, None).await?);
    problems.add("password", new.password_problems());
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let account = NewAccount {
        username_key: accounts::username_key(&new.username),
        username: new.username,
        email: new.email,
        first_name: new.first_name,
        last_name: new.last_name,
        password: domain.hasher.hash(new.password).await?,
        is_superuser: new.is_superuser,
        date_joined: domain.now(),
    };
    let write = domain.store.write(move |w| {
        let id = w.account_insert(&account).map_err(accounts::name_conflict)?;
        if !account.email.is_empty() {
            email_addresses::insert_first(w, id, &account)?;
        }
        w.account_find(id)?.ok_or(Refusal::NotFound)
    });
    write.await
}

/// The account of this name, in whatever case.
///
/// # Errors
///
/// [`Refusal::NotFound`]
pub async fn find(domain: &Domain, username: &str) -> Result<Account, Refusal> {
    let key = accounts::username_key(username.trim());
    domain.store.read(|r| r.account_find_by_username_key(&key)).await?.ok_or(Refusal::NotFound)
}

/// Closes the account and ends all its sessions and tokens.
///
/// # Errors
///
/// Only the store's.
pub async fn deactivate(domain: &Domain, account_id: i64) -> Result<Ended, Refusal> {
    let write = domain.store.write(move |w| {
        w.account_set_active(account_id, false)?;
        Ok(accounts::end_all(w, account_id)?)
    });
    write.await
}

/// Opens the account again. What ended stays ended.
///
/// # Errors
///
/// Only the store's.
pub async fn activate(domain: &Domain, account_id: i64) -> Result<(), Refusal> {
    domain.store.write(move |w| Ok(w.account_set_active(account_id, true)?)).await
}

/// # Errors
///
/// Only the store's.
pub async fn set_superuser(domain: &Domain, account_id: i64, is_superuser: bool) -> Result<(), Refusal> {
    domain.store.write(move |w| Ok(w.account_set_superuser(account_id, is_superuser)?)).await
}

/// Sets a password; all sessions and tokens of the account end, as with a reset.
///
/// # Errors
///
/// [`Refusal::Invalid`] with every message of the password rules.
pub async fn set_password(domain: &Domain, account: &Account, password: Password) -> Result<Ended, Refusal> {
    let mut problems = Problems::none();
    problems.add("password", accounts::password_problems(account, &password));
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let (id, hash) = (account.id, domain.hasher.hash(password).await?);
    domain.store.write(move |w| Ok(accounts::replace_password(w, id, &hash)?)).await
}

/// Revokes one token: whoever uses it is told so.
///
/// # Errors
///
/// [`Refusal::NotFound`]
pub async fn revoke_token(domain: &Domain, id: i64) -> Result<(), Refusal> {
    let write = domain.store.write(move |w| match w.token_revoke(id)? {
        true => Ok(()),
        false => Err(Refusal::NotFound),
    });
    write.await
}

/// Ends one session.
///
/// # Errors
///
/// [`Refusal::NotFound`]
pub async fn end_session(domain: &Domain, id: i64) -> Result<(), Refusal> {
    let write = domain.store.write(move |w| match w.session_delete_by_id(id)? {
        true => Ok(()),
        false => Err(Refusal::NotFound),
    });
    write.await
}

/// Ends all sessions of an account; its tokens stay.
///
/// # Errors
///
/// Only the store's.
pub async fn end_sessions(domain: &Domain, account_id: i64) -> Result<usize, Refusal> {
    domain.store.write(move |w| Ok(w.session_delete_others(account_id, None)?)).await
}
