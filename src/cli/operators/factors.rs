//! Second factors of an account: to look at, and to remove for an owner who has lost them.

use super::{CommonArgs, find, to_failure};
use crate::cli::Failure;
use crate::cli::output::{self, FactorRow};
use crate::cli::print;
use crate::domain::factors;
use crate::domain::operation::Operation;

/// Lists the factors of an account, with the number of recovery codes that are still good.
pub async fn list(args: &CommonArgs, op: &Operation, name: &str) -> Result<(), Failure> {
    let account = find(op, name).await?;
    let overview = factors::overview(op, account.id).await.map_err(to_failure)?;
    let mut rows: Vec<_> = overview.factors.iter().map(FactorRow::device).collect();
    if overview.recovery_codes > 0 {
        rows.push(FactorRow::recovery_codes(overview.recovery_codes));
    }
    print(&output::list(args.format, &rows)?)
}

/// Removes all factors: the account opens with its password, or under
/// INVENTREE_LOGIN_ENFORCE_MFA leads to the set-up of a new one.
pub async fn reset(args: &CommonArgs, op: &Operation, name: &str) -> Result<(), Failure> {
    let account = find(op, name).await?;
    let removed = factors::reset(op, account.id).await.map_err(to_failure)?;
    let sentence = match removed {
        1 => format!("1 second factor of {} is removed", account.username),
        _ => format!("{removed} second factors of {} are removed", account.username),
    };
    print(&output::removed(args.format, &sentence, removed)?)
}
