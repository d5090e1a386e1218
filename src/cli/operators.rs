//! Commands that manage accounts, tokens and sessions, with or without a running server.
//!
//! Names and addresses are validated by the constraints of the document, as in a registration; the
//! domain supplies the rules. A password comes from a prompt or a file, never from an argument,
//! which other users of the machine can read.

mod audit;
mod common;
mod factors;
mod groups;
mod ownership;

use clap::Subcommand;
use serde_json::Value;

use super::output::{self, AccountDetails, AccountRow, SessionRow, TokenRow};
use super::{Failure, failure, print};
use crate::domain::administration::{self, NewUser};
use crate::domain::leaked_passwords::LeakedPasswords;
use crate::domain::operation::Operation;
use crate::domain::revocation::Revoked;
use crate::domain::{DomainError, accounts, housekeeping, tokens, usernames};
use crate::store::{Account, Store};
use audit::AuditQuery;
pub use common::{AdminContext, CommonArgs, LimitArg};
use common::{PasswordSource, in_one_line, validate};
use ownership::AddressChange;

#[derive(Subcommand)]
pub enum Command {
    /// Manage accounts.
    User {
        #[command(flatten)]
        args: CommonArgs,
        #[command(subcommand)]
        action: User,
    },
    /// Manage API tokens. A key is shown only once, when it is created.
    Token {
        #[command(flatten)]
        args: CommonArgs,
        #[command(subcommand)]
        action: Token,
    },
    /// Show the audit trail, newest entries first.
    Audit {
        #[command(flatten)]
        args: CommonArgs,
        #[command(flatten)]
        query: AuditQuery,
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Manage groups of accounts. `user groups` changes the groups of an account.
    Group {
        #[command(flatten)]
        args: CommonArgs,
        #[command(subcommand)]
        action: groups::Group,
    },
    /// Manage browser sessions.
    #[command(visible_alias = "sessions")]
    Session {
        #[command(flatten)]
        args: CommonArgs,
        #[command(subcommand)]
        action: Session,
    },
}

#[derive(Subcommand)]
pub enum User {
    /// Create an account, and the database if missing.
    Add {
        name: String,
        #[arg(long, default_value = "")]
        email: String,
        #[arg(long, default_value = "")]
        first_name: String,
        #[arg(long, default_value = "")]
        last_name: String,
        /// Create as administrator.
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List accounts by name.
    List {
        /// Only accounts whose name or address contains this text.
        #[arg(long, default_value = "", hide_default_value = true)]
        search: String,
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Show one account with its addresses and links.
    Show { name: String },
    /// Deactivate an account and revoke its sessions and tokens.
    Deactivate { name: String },
    /// Reactivate an account. Revoked sessions and tokens stay revoked.
    Activate { name: String },
    /// Set the password of an account and revoke its sessions and tokens.
    SetPassword {
        name: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List the groups of an account, after adding it to some and removing it from others.
    Groups {
        name: String,
        /// Add the account to this group; may be repeated.
        #[arg(long, value_name = "GROUP")]
        add: Vec<String>,
        /// Remove the account from this group; may be repeated.
        #[arg(long, value_name = "GROUP")]
        remove: Vec<String>,
    },
    /// Delete an account and all its data immediately, except for the audit trail.
    Delete {
        name: String,
        /// Delete without confirmation.
        #[arg(long)]
        yes: bool,
    },
    /// Change the username of an account.
    Rename { name: String, new: String },
    /// Change the email addresses of an account.
    Address {
        name: String,
        #[arg(value_enum)]
        change: AddressChange,
        email: String,
    },
    /// List the second factors of an account.
    Factors { name: String },
    /// Remove all second factors of an account, such as after the loss of a device.
    ResetFactors { name: String },
    /// Make an account an administrator.
    MakeAdmin { name: String },
    /// Revoke the administrator rights of an account.
    RemoveAdmin { name: String },
}

#[derive(Subcommand)]
pub enum Token {
    /// List the tokens of an account, or of all accounts.
    List {
        name: Option<String>,
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Create a named token and print its key, which is shown only once. Logins do not replace it.
    Create {
        /// The account that the token authenticates.
        name: String,
        /// Its purpose, as shown to its owner.
        #[arg(long = "for", value_name = "TEXT")]
        label: String,
        /// Lifetime in days.
        #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=365))]
        days: u64,
    },
    /// Revoke a token; its requests are rejected with that reason.
    Revoke {
        /// The id, as listed.
        id: i64,
    },
}

#[derive(Subcommand)]
pub enum Session {
    /// List the sessions of an account, or of all accounts.
    List {
        name: Option<String>,
        #[command(flatten)]
        limit: LimitArg,
    },
    /// Revoke one session, or all sessions of an account. API tokens stay valid.
    End {
        /// The id, as listed.
        #[arg(required_unless_present = "user", conflicts_with = "user")]
        id: Option<i64>,
        /// All sessions of this account.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Delete expired sessions, and tokens a month after they expired. The server does this once a
    /// day.
    Clear,
}

/// Runs a command.
pub fn run(command: &Command) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failure)?;
    runtime.block_on(async {
        match command {
            Command::User { args, action } => user(args, action).await,
            Command::Token { args, action } => token(args, action).await,
            Command::Group { args, action } => groups::run(args, action).await,
            Command::Session { args, action } => session(args, action).await,
            Command::Audit { args, query, limit } => audit::print_trail(args, query, limit).await,
        }
    })
}

async fn user(args: &CommonArgs, action: &User) -> Result<(), Failure> {
    if let User::Add { name, email, first_name, last_name, admin, password } = action {
        let names = [
            ("username", name),
            ("email", email),
            ("first_name", first_name),
            ("last_name", last_name),
        ];
        return add(args, &names, *admin, password).await;
    }
    let context = AdminContext::open(&args.config()?)?;
    let op = &context.op;
    match action {
        User::Add { .. } => Ok(()),
        User::List { search, limit } => {
            // Folded like usernames. Addresses are stored in lower case.
            let part = usernames::username_key(search.trim());
            let found = op.store.read(|r| r.account_list(&part, Some(limit.limit() + 1))).await;
            let found = limit.take(found.map_err(to_failure)?);
            print(&output::list(
                args.format,
                &found.iter().map(AccountRow::new).collect::<Vec<_>>(),
            )?)
        }
        User::Show { name } => {
            let account = find(op, name).await?;
            print(&output::one(args.format, &details(op, &account).await?)?)
        }
        User::Deactivate { name } => {
            let account = find(op, name).await?;
            let ended = administration::deactivate(op, account.id).await.map_err(to_failure)?;
            print_result(
                args,
                &format!("{} is deactivated: {} revoked", account.username, summarize(ended)),
                ended,
            )
        }
        User::Activate { name } => {
            let account = find(op, name).await?;
            administration::activate(op, account.id).await.map_err(to_failure)?;
            print_account(args, op, account.id).await
        }
        User::SetPassword { name, password } => {
            let account = find(op, name).await?;
            let password = password.read()?;
            let ended =
                administration::set_password(op, &account, password).await.map_err(to_failure)?;
            print_result(
                args,
                &format!("{} has a new password: {} revoked", account.username, summarize(ended)),
                ended,
            )
        }
        User::Groups { name, add, remove } => groups::of_user(args, op, name, add, remove).await,
        User::Delete { name, yes } => ownership::delete(args, op, name, *yes).await,
        User::Rename { name, new } => ownership::rename(args, op, name, new).await,
        User::Address { name, change, email } => {
            ownership::address(args, op, name, *change, email).await
        }
        User::Factors { name } => factors::list(args, op, name).await,
        User::ResetFactors { name } => factors::reset(args, op, name).await,
        User::MakeAdmin { name } | User::RemoveAdmin { name } => {
            let account = find(op, name).await?;
            let is_superuser = matches!(action, User::MakeAdmin { .. });
            administration::set_superuser(op, account.id, is_superuser)
                .await
                .map_err(to_failure)?;
            print_account(args, op, account.id).await
        }
    }
}

/// Validates everything and reads the password before it creates a missing database.
async fn add(
    args: &CommonArgs,
    names: &[(&'static str, &String)],
    is_superuser: bool,
    source: &PasswordSource,
) -> Result<(), Failure> {
    let filled = names.iter().filter(|(name, text)| *name == "username" || !text.is_empty());
    let clean = validate(filled.map(|(name, text)| (*name, (*text).clone())).collect())?;
    let text = |name: &str| clean.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let config = args.config()?;
    let existing = match Store::exists(&config.database).map_err(failure)? {
        true => Some(AdminContext::open(&config)?),
        false => None,
    };
    if let Some(context) = &existing {
        // Report a taken name before prompting for a password.
        let taken = usernames::username_problems(&context.op, &text("username"))
            .await
            .map_err(to_failure)?;
        require_none("username", &taken)?;
    }
    let new = NewUser {
        username: text("username"),
        email: text("email"),
        first_name: text("first_name"),
        last_name: text("last_name"),
        password: source.read()?,
        is_superuser,
    };
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let leaked = LeakedPasswords::open(&config.leaked_passwords, &log).map_err(failure)?;
    require_none("password", &new.password_problems(&leaked).await)?;
    let context = match existing {
        Some(context) => context,
        None => AdminContext::new(&config, Store::open(&config.database).map_err(failure)?)?,
    };
    let account = administration::create(&context.op, new).await.map_err(to_failure)?;
    print_account(args, &context.op, account.id).await
}

async fn token(args: &CommonArgs, action: &Token) -> Result<(), Failure> {
    let context = AdminContext::open(&args.config()?)?;
    let op = &context.op;
    match action {
        Token::List { name, limit } => {
            let found = match name {
                Some(name) => {
                    let account = find(op, name).await?;
                    let tokens =
                        op.store.read(|r| r.token_list(account.id)).await.map_err(to_failure)?;
                    tokens.into_iter().map(|token| (token, account.username.clone())).collect()
                }
                None => {
                    let limit = Some(limit.limit() + 1);
                    op.store.read(|r| r.token_list_all(limit)).await.map_err(to_failure)?
                }
            };
            let today = op.now().date_naive();
            let rows: Vec<_> = limit
                .take(found)
                .into_iter()
                .map(|(token, of)| TokenRow::new(token, of, today))
                .collect();
            print(&output::list(args.format, &rows)?)
        }
        Token::Create { name, label, days } => {
            let account = find(op, name).await?;
            let made = tokens::create(op, &account, label, *days).await;
            let made = made.map_err(to_failure)?;
            let expiry = made.expiry.to_string();
            print(&output::token_key(args.format, made.id, made.key.expose(), &expiry)?)
        }
        Token::Revoke { id } => {
            administration::revoke_token(op, *id).await.map_err(|refusal| match refusal {
                DomainError::NotFound => failure(format!("token {id} not found")),
                other => to_failure(other),
            })?;
            print_result(
                args,
                &format!("token {id} is revoked"),
                Revoked { sessions: 0, tokens: 1 },
            )
        }
    }
}

async fn session(args: &CommonArgs, action: &Session) -> Result<(), Failure> {
    let context = AdminContext::open(&args.config()?)?;
    let op = &context.op;
    match action {
        Session::List { name, limit } => {
            let found = match name {
                Some(name) => {
                    let account = find(op, name).await?;
                    let sessions =
                        op.store.read(|r| r.session_list(account.id)).await.map_err(to_failure)?;
                    sessions
                        .into_iter()
                        .map(|session| (session, account.username.clone()))
                        .collect()
                }
                None => {
                    let limit = Some(limit.limit() + 1);
                    op.store.read(|r| r.session_list_all(limit)).await.map_err(to_failure)?
                }
            };
            let now = op.now();
            let rows: Vec<_> = limit
                .take(found)
                .into_iter()
                .map(|(row, of)| SessionRow::new(&row, of, now))
                .collect();
            print(&output::list(args.format, &rows)?)
        }
        Session::End { user: Some(name), .. } => {
            let account = find(op, name).await?;
            let sessions =
                administration::end_sessions(op, account.id).await.map_err(to_failure)?;
            let tokens = tokens::list(op, account.id).await.map_err(to_failure)?.len();
            let (name, sessions_ended) = (&account.username, number_of(sessions, "session"));
            let left = number_of(tokens, "API token");
            let message = format!(
                "{name} is signed out: {sessions_ended} revoked; still valid: {left} (`token list \
                 {name}`)"
            );
            print_result(args, &message, Revoked { sessions, tokens: 0 })
        }
        Session::End { id, .. } => {
            let id = id.unwrap_or_default();
            administration::end_session(op, id).await.map_err(|refusal| match refusal {
                DomainError::NotFound => failure(format!("session {id} not found")),
                other => to_failure(other),
            })?;
            print_result(
                args,
                &format!("session {id} is revoked"),
                Revoked { sessions: 1, tokens: 0 },
            )
        }
        Session::Clear => {
            let ended = housekeeping::clear_expired(op).await.map_err(to_failure)?;
            let sessions = number_of(ended.sessions, "expired session");
            let tokens = number_of(ended.tokens, "expired token");
            print_result(args, &format!("Deleted {sessions} and {tokens}."), ended)
        }
    }
}

fn require_none(name: &str, problems: &[String]) -> Result<(), Failure> {
    match problems.is_empty() {
        true => Ok(()),
        false => Err(failure(in_one_line([(name, problems)].into_iter()))),
    }
}

pub async fn find(op: &Operation, name: &str) -> Result<Account, Failure> {
    administration::find(op, name).await.map_err(|refusal| match refusal {
        DomainError::NotFound => failure(format!("user {name} not found")),
        other => to_failure(other),
    })
}

async fn details(op: &Operation, account: &Account) -> Result<AccountDetails, Failure> {
    let id = account.id;
    let read = op.store.read(|r| {
        Ok::<_, DomainError>(AccountDetails {
            account: AccountRow::new(account),
            has_password: accounts::has_password(account),
            mfa: r.second_factor_exists(id)?,
            addresses: r
                .email_address_list(id, None, 0)?
                .into_iter()
                .map(output::Address::new)
                .collect(),
            social_accounts: r
                .social_account_list(id, None, 0)?
                .into_iter()
                .map(output::Link::new)
                .collect(),
            groups: r.group_list_of(id)?,
            tokens: r.token_list(id)?.len(),
            sessions: r.session_list(id)?.len(),
        })
    });
    read.await.map_err(to_failure)
}

/// Prints the current state of the account.
pub async fn print_account(args: &CommonArgs, op: &Operation, id: i64) -> Result<(), Failure> {
    let account = op.store.read(|r| r.account_find(id)).await.map_err(to_failure)?;
    let account = account.ok_or_else(|| to_failure(DomainError::NotFound))?;
    print(&output::one(args.format, &details(op, &account).await?)?)
}

fn summarize(Revoked { sessions, tokens }: Revoked) -> String {
    format!("{} and {}", number_of(sessions, "session"), number_of(tokens, "token"))
}

fn number_of(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn print_result(args: &CommonArgs, sentence: &str, ended: Revoked) -> Result<(), Failure> {
    print(&output::ended(args.format, sentence, ended)?)
}

pub fn to_failure(refusal: impl Into<DomainError>) -> Failure {
    failure(refusal.into())
}
