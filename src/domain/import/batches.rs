//! Rows in batches: all of a batch at once, or one by one if the engine has no faster way, an
//! account is known already, or a row is refused. The rules for one row decide then.

use super::super::usernames::{username_key, username_skeleton};
use super::{Import, ImportError, RecoveryCode};
use crate::store::{Account, EmailAddress, NamedAccount, SocialAccount, Token, TotpDevice};

/// Rows that are written at once.
const BATCH: usize = 5000;

/// Reads all rows and writes them in batches, in their order, with `progress` for each.
pub(super) fn in_batches<T>(
    read: impl FnOnce(&mut dyn FnMut(T) -> Result<(), ImportError>) -> Result<(), ImportError>,
    mut write: impl FnMut(Vec<T>) -> Result<(), ImportError>,
    progress: &mut impl FnMut(),
) -> Result<(), ImportError> {
    let mut rows = Vec::new();
    read(&mut |row| {
        progress();
        rows.push(row);
        if rows.len() < BATCH { Ok(()) } else { write(std::mem::take(&mut rows)) }
    })?;
    write(rows)
}

impl Import<'_> {
    pub(super) fn accounts(&mut self, rows: Vec<Account>) -> Result<(), ImportError> {
        let mut rows: Vec<NamedAccount> = rows
            .into_iter()
            .map(|account| NamedAccount {
                username_key: username_key(&account.username),
                username_skeleton: username_skeleton(&account.username),
                account,
            })
            .collect();
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
        let (first, last) = (first.account.id, last.account.id);
        if first > 0 && !(self.has_accounts && self.w.import_knows_accounts(first, last)?) {
            for row in &mut rows {
                row.account.email = self.lower(std::mem::take(&mut row.account.email));
            }
            if self.w.import_accounts(&rows)? {
                rows.into_iter().for_each(|row| self.imported(row.account));
                return Ok(());
            }
        }
        rows.into_iter().try_for_each(|row| self.account(row))
    }

    fn are_new(&self, mut accounts: impl Iterator<Item = i64>) -> bool {
        accounts.all(|id| self.is_new(id))
    }

    pub(super) fn email_addresses(
        &mut self,
        mut rows: Vec<EmailAddress>,
    ) -> Result<(), ImportError> {
        if self.are_new(rows.iter().map(|address| address.account_id)) {
            for address in &mut rows {
                address.email = self.lower(std::mem::take(&mut address.email));
            }
            if self.w.import_email_addresses(&rows)? {
                self.report.email_addresses.new += rows.len() as u64;
                return Ok(());
            }
        }
        rows.into_iter().try_for_each(|address| self.email_address(address))
    }

    pub(super) fn social_accounts(&mut self, rows: &[SocialAccount]) -> Result<(), ImportError> {
        if !self.has_accounts
            && self.are_new(rows.iter().map(|link| link.account_id))
            && self.w.import_social_accounts(rows)?
        {
            self.report.social_accounts.new += rows.len() as u64;
            return Ok(());
        }
        rows.iter().try_for_each(|link| self.social_account(link))
    }

    pub(super) fn tokens(&mut self, rows: &[(Token, [u8; 32])]) -> Result<(), ImportError> {
        if self.are_new(rows.iter().map(|(token, _)| token.account_id))
            && self.w.import_tokens(rows)?
        {
            self.report.tokens.new += rows.len() as u64;
            return Ok(());
        }
        rows.iter().try_for_each(|row| self.token(row))
    }

    pub(super) fn totp_devices(
        &mut self,
        rows: &[(TotpDevice, Vec<u8>)],
    ) -> Result<(), ImportError> {
        if self.are_new(rows.iter().map(|(device, _)| device.account_id))
            && self.w.import_totp_devices(rows)?
        {
            self.report.totp_devices.new += rows.len() as u64;
            return Ok(());
        }
        rows.iter().try_for_each(|row| self.totp_device(row))
    }

    pub(super) fn recovery_codes(&mut self, rows: &[RecoveryCode]) -> Result<(), ImportError> {
        if self.are_new(rows.iter().map(|code| code.account_id)) {
            let usable = rows.iter().filter_map(|code| Some((code.account_id, code.digest?)));
            let usable: Vec<(i64, [u8; 32])> = usable.collect();
            if usable.len() == rows.len() && self.w.import_recovery_codes(&usable)? {
                self.report.recovery_codes.new += rows.len() as u64;
                return Ok(());
            }
        }
        rows.iter().try_for_each(|code| self.recovery_code(code))
    }

    pub(super) fn memberships(&mut self, rows: &[(i64, String)]) -> Result<(), ImportError> {
        if self.are_new(rows.iter().map(|(account_id, _)| *account_id)) {
            let mut ids = Vec::new();
            for (account_id, name) in rows {
                if let Some(group) = self.group(name)? {
                    ids.push((*account_id, group));
                }
            }
            if ids.len() == rows.len() && self.w.import_memberships(&ids)? {
                self.report.memberships.new += rows.len() as u64;
                return Ok(());
            }
        }
        rows.iter().try_for_each(|(account_id, name)| self.membership(*account_id, name))
    }
}
