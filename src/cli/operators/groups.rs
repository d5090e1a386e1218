//! Groups of accounts, and their members.

use clap::Subcommand;

use super::{AdminContext, CommonArgs, LimitArg, find, to_failure};
use crate::cli::output::{self, AccountRow, GroupRow};
use crate::cli::{Failure, failure, print};
use crate::domain::operation::Operation;
use crate::domain::{App, DomainError, groups};

#[derive(Subcommand)]
pub enum Group {
    /// Create a group.
    Add { name: String },
    /// Delete a group and its memberships. The accounts are kept.
    Remove { name: String },
    /// List all groups with the number of their members.
    List,
    /// List the members of a group by name.
    Members {
        name: String,
        #[command(flatten)]
        limit: LimitArg,
    },
}

pub async fn run(args: &CommonArgs, action: &Group) -> Result<(), Failure> {
    let context = AdminContext::open(&args.config()?)?;
    let op = &context.op;
    match action {
        Group::Add { name } => match groups::add(op, name).await.map_err(to_failure)? {
            true => print_all(args, op).await,
            false => Err(failure(format!("group {name} already exists"))),
        },
        Group::Remove { name } => {
            groups::remove(op, name).await.map_err(unknown(name))?;
            print_all(args, op).await
        }
        Group::List => print_all(args, op).await,
        Group::Members { name, limit } => {
            let found = groups::members(op, name, limit.limit() + 1).await;
            let found = limit.take(found.map_err(unknown(name))?);
            let rows: Vec<_> = found.iter().map(AccountRow::new).collect();
            print(&output::list(args.format, &rows)?)
        }
    }
}

/// Changes the groups of an account, and prints them.
pub async fn of_user(
    args: &CommonArgs,
    op: &Operation,
    name: &str,
    add: &[String],
    remove: &[String],
) -> Result<(), Failure> {
    let account = find(op, name).await?;
    if !add.is_empty() || !remove.is_empty() {
        let changed = groups::change(op, account.id, add.to_vec(), remove.to_vec()).await;
        changed.map_err(to_failure)?;
    }
    let names = groups::of(op, account.id).await.map_err(to_failure)?;
    print(&output::names(args.format, &names)?)
}

async fn print_all(args: &CommonArgs, app: &App) -> Result<(), Failure> {
    let found = groups::list(app).await.map_err(to_failure)?;
    print(&output::list(args.format, &found.iter().map(GroupRow::new).collect::<Vec<_>>())?)
}

fn unknown(name: &str) -> impl FnOnce(DomainError) -> Failure {
    move |refusal| match refusal {
        DomainError::NotFound => failure(format!("group {name} not found")),
        other => to_failure(other),
    }
}
