//! The name, the addresses and the end of an account, by the operator.

use clap::ValueEnum;

use super::{CommonArgs, find, print_account, to_failure};
use crate::cli::output;
use crate::cli::{Failure, failure, print};
use crate::domain::administration::{self, Address};
use crate::domain::operation::Operation;

/// A change of an account's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AddressChange {
    /// Add the address, unverified.
    Add,
    /// Mark the address as verified, without an email.
    Prove,
    /// Make the address the primary one.
    Primary,
    /// Remove the address.
    Remove,
}

impl From<AddressChange> for Address {
    fn from(change: AddressChange) -> Address {
        match change {
            AddressChange::Add => Address::Add,
            AddressChange::Prove => Address::Prove,
            AddressChange::Primary => Address::Primary,
            AddressChange::Remove => Address::Remove,
        }
    }
}

/// Deletes an account permanently.
pub async fn delete(
    args: &CommonArgs,
    op: &Operation,
    name: &str,
    is_sure: bool,
) -> Result<(), Failure> {
    let account = find(op, name).await?;
    if !is_sure {
        let name = &account.username;
        return Err(failure(format!("this deletes {name} permanently: confirm with --yes")));
    }
    administration::delete(op, account.id).await.map_err(to_failure)?;
    print(&output::removed(args.format, &format!("{} is deleted", account.username), 1)?)
}

pub async fn rename(
    args: &CommonArgs,
    op: &Operation,
    name: &str,
    new: &str,
) -> Result<(), Failure> {
    let account = find(op, name).await?;
    administration::rename(op, &account, new).await.map_err(to_failure)?;
    print_account(args, op, account.id).await
}

pub async fn address(
    args: &CommonArgs,
    op: &Operation,
    name: &str,
    change: AddressChange,
    email: &str,
) -> Result<(), Failure> {
    let account = find(op, name).await?;
    administration::set_address(op, &account, change.into(), email).await.map_err(to_failure)?;
    print_account(args, op, account.id).await
}
