//! Groups: forward authentication allows them and passes their names to services.
//!
//! The operator makes groups and adds members. A provider's groups claim does so too, within the
//! map of the settings: a group that the map does not name is never given or taken by a provider
//! (InvenTree's SSO_GROUP_MAP).

use std::collections::{BTreeMap, BTreeSet};

use super::audit::{self, Event};
use super::operation::Operation;
use super::{App, DomainError, ValidationErrors};
use crate::store::{Account, Group, StoreError, Writer};

const MAX_NAME_CHARACTERS: usize = 150;

/// How groups follow the claims of a provider.
#[derive(Debug, Clone, Default)]
pub struct GroupSync {
    /// From the provider's name of a group to ours.
    pub map: BTreeMap<String, String>,
    /// A sign-in without the claim takes the group.
    pub removes: bool,
}

impl GroupSync {
    /// Our groups that these claimed ones stand for.
    pub fn mapped(&self, claimed: &[String]) -> Vec<String> {
        let mapped = claimed.iter().filter_map(|name| self.map.get(name)).cloned();
        mapped.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Whether a group can have this name: printable, on one line.
pub fn is_name(name: &str) -> bool {
    name == name.trim()
        && (1..=MAX_NAME_CHARACTERS).contains(&name.chars().count())
        && !name.chars().any(char::is_control)
}

/// Makes a group. Returns false if there is one of this name.
///
/// # Errors
///
/// [`DomainError::Invalid`] for a bad name.
pub async fn add(op: &Operation, name: &str) -> Result<bool, DomainError> {
    if !is_name(name) {
        let rule = format!("Enter a name of at most {MAX_NAME_CHARACTERS} printable characters.");
        return Err(ValidationErrors::of("name", rule).into());
    }
    let name = name.to_owned();
    let write = op.write(move |w, op| {
        let is_new = w.group_insert(&name)?;
        if is_new {
            audit::record(w, op, Event::GroupAdded, None, &name)?;
        }
        Ok(is_new)
    });
    write.await
}

/// Removes a group with its memberships.
///
/// # Errors
///
/// [`DomainError::NotFound`]
pub async fn remove(op: &Operation, name: &str) -> Result<(), DomainError> {
    let name = name.to_owned();
    let write = op.write(move |w, op| {
        let id = w.group_find(&name)?.ok_or(DomainError::NotFound)?;
        w.group_delete(id)?;
        Ok(audit::record(w, op, Event::GroupRemoved, None, &name)?)
    });
    write.await
}

/// All groups by name.
///
/// # Errors
///
/// Only the store's.
pub async fn list(app: &App) -> Result<Vec<Group>, DomainError> {
    Ok(app.store.read(|r| r.group_list()).await?)
}

/// The members of a group by name, at most `limit`.
///
/// # Errors
///
/// [`DomainError::NotFound`] for an unknown group.
pub async fn members(app: &App, name: &str, limit: i64) -> Result<Vec<Account>, DomainError> {
    let read = app.store.read(|r| {
        let id = r.group_find(name)?.ok_or(DomainError::NotFound)?;
        Ok::<_, DomainError>(r.group_members(id, Some(limit))?)
    });
    read.await
}

/// The names of an account's groups.
///
/// # Errors
///
/// Only the store's.
pub async fn of(app: &App, account_id: i64) -> Result<Vec<String>, DomainError> {
    Ok(app.store.read(|r| r.group_list_of(account_id)).await?)
}

/// The operator's change of an account's groups, all or nothing.
///
/// # Errors
///
/// [`DomainError::Invalid`] that names an unknown group.
pub async fn change(
    op: &Operation,
    account_id: i64,
    join: Vec<String>,
    leave: Vec<String>,
) -> Result<(), DomainError> {
    let write = op.write(move |w, op| {
        let find = |name: &String| {
            let unknown = || ValidationErrors::of("group", format!("group {name} not found"));
            w.group_find(name)?.ok_or_else(|| DomainError::from(unknown()))
        };
        for name in &join {
            if w.group_join(account_id, find(name)?)? {
                audit::record(w, op, Event::GroupJoined, account_id, name)?;
            }
        }
        for name in &leave {
            if w.group_leave(account_id, find(name)?)? {
                audit::record(w, op, Event::GroupLeft, account_id, name)?;
            }
        }
        Ok(())
    });
    write.await
}

/// Applies a provider's claim: `asserted` are the local groups that it maps to.
pub(super) fn sync(
    w: &Writer<'_>,
    op: &Operation,
    account_id: i64,
    asserted: &[String],
    provider: &str,
) -> Result<(), StoreError> {
    let Some(sync) = &op.rules.group_sync else { return Ok(()) };
    let current = w.group_list_of(account_id)?;
    for name in asserted.iter().filter(|name| !current.contains(name)) {
        if w.group_insert(name)? {
            audit::record(w, op, Event::GroupAdded, None, &detail(name, provider))?;
        }
        if let Some(id) = w.group_find(name)? {
            w.group_join(account_id, id)?;
            audit::record(w, op, Event::GroupJoined, account_id, &detail(name, provider))?;
        }
    }
    if !sync.removes {
        return Ok(());
    }
    let is_managed = |name: &&String| sync.map.values().any(|mapped| mapped == *name);
    for name in current.iter().filter(is_managed).filter(|name| !asserted.contains(name)) {
        if let Some(id) = w.group_find(name)? {
            w.group_leave(account_id, id)?;
            audit::record(w, op, Event::GroupLeft, account_id, &detail(name, provider))?;
        }
    }
    Ok(())
}

fn detail(name: &str, provider: &str) -> String {
    format!("{name}, {provider}")
}
