//! Import of accounts and their data from an InvenTree database.
//!
//! One transaction; existing data is never modified. An account from an earlier import is left as
//! it is now, with its addresses, links and tokens, so that a revoked token does not come back. No
//! message contains a password hash, a key or a provider's data.

mod batches;
mod report;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::audit::Event;
use super::django_hashes::DjangoHash;
use super::factors::recovery;
use super::groups;
use super::hashing::{is_usable, why_unusable};
use super::keys::{self, SecretKey};
use super::operation::OPERATOR;
use crate::store::{
    self, Account, Commit, Conflict, Database, EmailAddress, InvenTree, NamedAccount,
    NewAuditEntry, Reader, SocialAccount, SourceError, StoreError, Token, TotpDevice, Writer,
};
use batches::in_batches;
use report::MAX_LISTED;
pub use report::{Conflicts, ImportCount, LockedAccount, Report};

/// Why an import failed. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("{0}")]
    Conflicts(Conflicts),
    #[error("{}", operator_text(.0))]
    Store(#[from] StoreError),
    /// No secret key to encrypt second factors.
    #[error(transparent)]
    Secret(Box<dyn std::error::Error + Send + Sync>),
}

/// Without the prefix of the log.
fn operator_text(error: &StoreError) -> String {
    match error {
        StoreError::Other(why) | StoreError::Unavailable(why) => why.clone(),
        error => error.to_string(),
    }
}

/// Imports `source` into the database. `secret` is only called if there is a second factor to
/// encrypt, `progress` for each row.
///
/// # Errors
///
/// [`ImportError`]; nothing was written.
pub fn run<E: std::error::Error + Send + Sync + 'static>(
    source: &InvenTree,
    database: &Database,
    commit: Commit,
    secret: impl FnOnce(&Reader<'_>) -> Result<SecretKey, E>,
    mut nonce: impl FnMut() -> [u8; keys::NONCE_BYTES],
    mut progress: impl FnMut(),
    now: DateTime<Utc>,
) -> Result<Report, ImportError> {
    store::write_all_or_nothing(database, commit, |w| {
        let mut import = Import { has_accounts: w.account_exists_any()?, ..Import::new(w) };
        in_batches(|each| source.accounts(each), |rows| import.accounts(rows), &mut progress)?;
        in_batches(
            |each| source.email_addresses(each),
            |rows| import.email_addresses(rows),
            &mut progress,
        )?;
        in_batches(
            |each| source.social_accounts(each),
            |rows| import.social_accounts(&rows),
            &mut progress,
        )?;
        in_batches(
            |each| source.tokens(|token, key| each((token, keys::digest(key)))),
            |rows| import.tokens(&rows),
            &mut progress,
        )?;
        in_batches(
            |each| source.memberships(|account_id, name| each((account_id, name.to_owned()))),
            |rows| import.memberships(&rows),
            &mut || (),
        )?;
        if import.conflicts.listed.is_empty() && source.has_second_factors()? {
            // Last, since `secret` may create the key.
            let secret = secret(w).map_err(|error| ImportError::Secret(error.into()))?;
            w.secret_key_insert(&secret.fingerprint(), now)?;
            let mut seal = |device: TotpDevice| {
                let (id, key) = (device.account_id, device.key.as_bytes());
                let sealed = keys::seal_second_factor(&secret, id, key, nonce());
                (device, sealed)
            };
            in_batches(
                |each| source.totp_devices(|device| each(seal(device))),
                |rows| import.totp_devices(&rows),
                &mut progress,
            )?;
            in_batches(
                |each| {
                    source.static_tokens(|id, account_id, code| {
                        let digest = recovery::digest(&secret, account_id, code);
                        each(RecoveryCode { id, account_id, digest })
                    })
                },
                |rows| import.recovery_codes(&rows),
                &mut || (),
            )?;
        }
        if import.conflicts.listed.is_empty() {
            if !import.report.is_noop() {
                let detail = format!("{} accounts", import.report.accounts.new);
                let event = Event::Imported.name();
                w.audit_insert(&NewAuditEntry {
                    at: now,
                    event,
                    account_id: None,
                    client: OPERATOR,
                    detail: &detail,
                })?;
            }
            Ok(import.report)
        } else {
            Err(ImportError::Conflicts(import.conflicts))
        }
    })
}

/// An import in progress. Ids are collected in sorted order; a million take 8 MB.
struct Import<'w> {
    w: &'w Writer<'w>,
    has_accounts: bool,
    new: Vec<i64>,
    /// Existing or rejected accounts.
    left: Vec<i64>,
    /// Ids of groups by name.
    groups: BTreeMap<String, i64>,
    report: Report,
    conflicts: Conflicts,
}

/// A static token of InvenTree.
struct RecoveryCode {
    id: i64,
    account_id: i64,
    /// `None` if no code here can be like it.
    digest: Option<[u8; 32]>,
}

/// The import status of a row's account.
enum AccountStatus {
    New,
    Left,
    Missing,
}

impl<'w> Import<'w> {
    fn new(w: &'w Writer<'w>) -> Import<'w> {
        Import {
            w,
            has_accounts: false,
            new: Vec::new(),
            left: Vec::new(),
            groups: BTreeMap::new(),
            report: Report::default(),
            conflicts: Conflicts::default(),
        }
    }

    fn account(&mut self, mut row: NamedAccount) -> Result<(), ImportError> {
        let account = &mut row.account;
        let id = account.id;
        if id <= 0 {
            self.conflict(format!(
                "account {:?} has the id {id} in InvenTree; ids must be positive",
                account.username
            ));
            self.left.push(id);
            return Ok(());
        }
        if self.has_accounts
            && let Some(here) = self.w.account_find(id)?
        {
            self.left.push(id);
            // `date_joined` never changes, so it identifies an account of the same source.
            if here.date_joined == account.date_joined {
                self.report.accounts.present += 1;
            } else {
                let (theirs, ours) = (&account.username, &here.username);
                self.conflict(format!(
                    "account {id} is {theirs:?} in InvenTree and {ours:?} in the database"
                ));
            }
            return Ok(());
        }
        account.email = self.lower(std::mem::take(&mut account.email));
        match self.w.import_account(&row) {
            Ok(()) => self.imported(row.account),
            Err(StoreError::Conflict(Conflict::Username)) => {
                let holder = self.w.account_find_by_username_key(&row.username_key)?;
                let holder = holder
                    .map(|holder| self.named(holder.id, &holder.username))
                    .unwrap_or_default();
                self.conflict(format!(
                    "username {:?} of account {id} in InvenTree is taken by {holder}",
                    row.account.username
                ));
                self.left.push(id);
            }
            Err(other) => return Err(other.into()),
        }
        Ok(())
    }

    fn imported(&mut self, account: Account) {
        self.new.push(account.id);
        self.report.accounts.new += 1;
        if account.username.trim() != account.username {
            self.report.blank_names.push((account.id, account.username.clone()));
        }
        self.count_password(account);
    }

    fn count_password(&mut self, account: Account) {
        let format = if is_usable(&account.password) {
            DjangoHash::read(&account.password).map_or("not usable", |hash| hash.name())
        } else {
            "none"
        };
        *self.report.formats.entry(format).or_default() += 1;
        if is_usable(&account.password)
            && let Some(why) = why_unusable(&account.password)
        {
            self.report.locked.push(LockedAccount {
                account_id: account.id,
                username: account.username,
                why,
            });
        }
    }

    fn email_address(&mut self, mut address: EmailAddress) -> Result<(), ImportError> {
        match self.owner("account_emailaddress", address.id, address.account_id) {
            AccountStatus::New => {}
            AccountStatus::Left => {
                self.report.email_addresses.present += 1;
                return Ok(());
            }
            AccountStatus::Missing => return Ok(()),
        }
        address.email = self.lower(address.email);
        let EmailAddress { email, account_id, .. } = &address;
        match self.w.import_email_address(&address) {
            Ok(()) => self.report.email_addresses.new += 1,
            Err(StoreError::Conflict(Conflict::VerifiedEmail)) => {
                let holder = self.w.email_address_find_verified(email)?.map(|row| row.account_id);
                let (this, other) = (
                    self.account_named(*account_id)?,
                    self.account_named(holder.unwrap_or_default())?,
                );
                self.conflict(format!(
                    "address {email:?} is verified for two accounts: {this} and {other}"
                ));
            }
            Err(StoreError::Conflict(Conflict::AccountEmail)) => {
                let this = self.account_named(*account_id)?;
                self.conflict(format!("{this} has the address {email:?} twice, in different case"));
            }
            Err(StoreError::Conflict(Conflict::PrimaryEmail)) => {
                let first =
                    self.w.email_address_find_primary(*account_id)?.map(|first| first.email);
                let (this, first) = (self.account_named(*account_id)?, first.unwrap_or_default());
                self.conflict(format!("{this} has two primary addresses: {email:?} and {first:?}"));
            }
            Err(other) => return Err(other.into()),
        }
        Ok(())
    }

    fn social_account(&mut self, link: &SocialAccount) -> Result<(), ImportError> {
        match self.owner("socialaccount_socialaccount", link.id, link.account_id) {
            AccountStatus::Left => self.report.social_accounts.present += 1,
            AccountStatus::Missing => {}
            AccountStatus::New => match self.insert_link(link) {
                Ok(()) => self.report.social_accounts.new += 1,
                Err(StoreError::Conflict(Conflict::SocialAccount)) => {
                    let holder = self.w.social_account_find_by_uid(&link.provider, &link.uid)?;
                    let this = self.account_named(link.account_id)?;
                    let other = self.account_named(holder.map_or(0, |holder| holder.account_id))?;
                    let (uid, provider) = (&link.uid, &link.provider);
                    self.conflict(format!(
                        "{uid:?} at {provider:?} is linked to two accounts: {this} and {other}"
                    ));
                }
                Err(other) => return Err(other.into()),
            },
        }
        Ok(())
    }

    /// A link here has its issuer, which InvenTree does not name: the subject alone decides.
    fn insert_link(&self, link: &SocialAccount) -> Result<(), StoreError> {
        let holder = match self.has_accounts {
            true => self.w.social_account_find_by_uid(&link.provider, &link.uid)?,
            false => None,
        };
        match holder {
            Some(_) => Err(StoreError::Conflict(Conflict::SocialAccount)),
            None => self.w.import_social_account(link),
        }
    }

    fn token(&mut self, row: &(Token, [u8; 32])) -> Result<(), ImportError> {
        let (token, digest) = row;
        match self.owner("users_apitoken", token.id, token.account_id) {
            AccountStatus::Left => self.report.tokens.present += 1,
            AccountStatus::Missing => {}
            AccountStatus::New => match self.w.import_token(row) {
                Ok(()) => self.report.tokens.new += 1,
                Err(StoreError::Conflict(Conflict::Token)) => {
                    let holder = self.w.token_find(digest)?.map_or(0, |(_, account)| account.id);
                    let (this, other) =
                        (self.account_named(token.account_id)?, self.account_named(holder)?);
                    let id = token.id;
                    self.conflict(format!(
                        "the API token in row {id} belongs to two accounts: {this} and {other}"
                    ));
                }
                Err(other) => return Err(other.into()),
            },
        }
        Ok(())
    }

    /// The group of this name, made if it is missing; `None` if no group can have it.
    fn group(&mut self, name: &str) -> Result<Option<i64>, StoreError> {
        let printable: String = name.chars().filter(|c| !c.is_control()).collect();
        let name = printable.trim();
        if !groups::is_name(name) {
            return Ok(None);
        }
        if let Some(id) = self.groups.get(name) {
            return Ok(Some(*id));
        }
        self.w.group_insert(name)?;
        let id = self.w.group_find(name)?;
        self.groups.extend(id.map(|id| (name.to_owned(), id)));
        Ok(id)
    }

    /// Groups are known by their names: one that is here already gets InvenTree's members too.
    fn membership(&mut self, account_id: i64, name: &str) -> Result<(), ImportError> {
        match self.owner("auth_user_groups", account_id, account_id) {
            AccountStatus::Left => self.report.memberships.present += 1,
            AccountStatus::Missing => {}
            AccountStatus::New => {
                let Some(group) = self.group(name)? else {
                    self.conflict(format!(
                        "a group of account {account_id} in InvenTree has no name that a group \
                         here can have"
                    ));
                    return Ok(());
                };
                self.w.group_join(account_id, group)?;
                self.report.memberships.new += 1;
            }
        }
        Ok(())
    }

    fn totp_device(&mut self, row: &(TotpDevice, Vec<u8>)) -> Result<(), ImportError> {
        let (device, _) = row;
        match self.owner("otp_totp_totpdevice", device.id, device.account_id) {
            AccountStatus::Left => self.report.totp_devices.present += 1,
            AccountStatus::Missing => {}
            AccountStatus::New => {
                self.w.import_totp_device(row)?;
                self.report.totp_devices.new += 1;
            }
        }
        Ok(())
    }

    fn recovery_code(&mut self, code: &RecoveryCode) -> Result<(), ImportError> {
        match self.owner("otp_static_statictoken", code.id, code.account_id) {
            AccountStatus::Left => self.report.recovery_codes.present += 1,
            AccountStatus::Missing => {}
            AccountStatus::New => match code.digest {
                Some(digest) => {
                    self.w.recovery_code_insert(code.account_id, &digest)?;
                    self.report.recovery_codes.new += 1;
                }
                None => self.report.unusable_codes += 1,
            },
        }
        Ok(())
    }

    fn is_new(&self, account_id: i64) -> bool {
        self.new.binary_search(&account_id).is_ok()
    }

    fn owner(&mut self, table: &str, row: i64, account_id: i64) -> AccountStatus {
        if self.is_new(account_id) {
            return AccountStatus::New;
        }
        if self.left.binary_search(&account_id).is_ok() {
            return AccountStatus::Left;
        }
        self.conflict(format!(
            "table {table}, row {row}: its account {account_id} is not in InvenTree"
        ));
        AccountStatus::Missing
    }

    /// Addresses are stored in lower case.
    fn lower(&mut self, email: String) -> String {
        if !email.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return email;
        }
        self.report.lowered += 1;
        email.to_ascii_lowercase()
    }

    fn account_named(&self, id: i64) -> Result<String, StoreError> {
        let account = self.w.account_find(id)?;
        Ok(self.named(id, account.as_ref().map_or("", |account| &account.username)))
    }

    fn named(&self, id: i64, username: &str) -> String {
        let place = if self.is_new(id) { "InvenTree" } else { "the database" };
        format!("account {id} {username:?} in {place}")
    }

    fn conflict(&mut self, text: String) {
        if self.conflicts.listed.len() < MAX_LISTED {
            self.conflicts.listed.push(text);
        } else {
            self.conflicts.more += 1;
        }
    }
}
