//! Arguments and checks that the operators' commands share.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};
use specbound::body::Fields;
use specbound::fields::{self, Property, Rules};
use specbound::{HasConstraints, Host};

use crate::api::types;
use crate::cli::output::Format;
use crate::cli::{Failure, failure, load, named_database};
use crate::config::Config;
use crate::domain::operation::Operation;
use crate::domain::passwords::Password;
use crate::http::AppState;
use crate::server;
use crate::store::Store;

#[derive(Args)]
pub struct CommonArgs {
    /// The SQLite file, or postgresql://user@host/name.
    #[arg(long, global = true, value_name = "DATABASE")]
    database: Option<String>,
    /// A YAML, TOML or .env file of settings.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A table for people or JSON for programs.
    #[arg(long, global = true, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Args)]
pub struct PasswordSource {
    /// Read the password from this file instead of a prompt; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Args)]
pub struct LimitArg {
    /// Maximum number of rows.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// The operation of a command over an open database, which is closed on drop.
pub struct AdminContext {
    pub op: Operation,
}

impl AdminContext {
    pub fn open(config: &Config) -> Result<AdminContext, Failure> {
        AdminContext::new(config, Store::open_existing(&config.database).map_err(failure)?)
    }

    pub fn new(config: &Config, store: Store) -> Result<AdminContext, Failure> {
        let app = server::offline_app(config, &store).map_err(failure)?;
        Ok(AdminContext { op: Operation::of_operator(&app) })
    }
}

impl Drop for AdminContext {
    fn drop(&mut self) {
        self.op.store.close();
    }
}

impl CommonArgs {
    pub fn config(&self) -> Result<Config, Failure> {
        let mut config = load(self.config.as_deref())?;
        if let Some(database) = &self.database {
            config.database = named_database(database, &config)?;
        }
        Ok(config)
    }
}

impl LimitArg {
    pub fn limit(&self) -> i64 {
        self.limit.into()
    }

    /// The rows to show. The query asks for one more, which tells whether the output is truncated.
    pub fn take<T>(&self, mut rows: Vec<T>) -> Vec<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if rows.len() > limit {
            rows.truncate(limit);
            eprintln!("Output truncated at {limit}; use --limit to see more.");
        }
        rows
    }
}

impl PasswordSource {
    /// Validated by the document like a typed password, and kept as it is but for the line's end.
    pub fn read(&self) -> Result<Password, Failure> {
        let text = match &self.password_file {
            None => prompt_password()?,
            Some(path) => {
                let read = match path == Path::new("-") {
                    true => std::io::read_to_string(std::io::stdin()),
                    false => std::fs::read_to_string(path),
                };
                read.map_err(|e| failure(format!("{}: {e}", path.display())))?
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        validate(vec![("password", text.to_owned())])?;
        Ok(Password::new(text.to_owned()))
    }
}

/// Prompts twice, without echo.
fn prompt_password() -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(failure(
            "no terminal to prompt for a password: use --password-file FILE, or - for standard \
             input",
        ));
    }
    let prompt = |text: &str| {
        rpassword::prompt_password(text)
            .map_err(|e| failure(format!("cannot read the password: {e}")))
    };
    let (first, second) = (prompt("Password: ")?, prompt("Repeat password: ")?);
    match first == second {
        true => Ok(first),
        false => Err(failure("the passwords do not match")),
    }
}

/// Validates texts against the constraints of the document. Absent properties are not required.
pub fn validate(texts: Vec<(&'static str, String)>) -> Result<Map<String, Value>, Failure> {
    let password = types::Register::PROPERTIES.iter().find(|property| property.name == "password1");
    let password = password.map(|property| Property { name: "password", ..*property });
    // Only the first list has the pattern of the username.
    let known =
        types::UserDetailsRequest::PROPERTIES.iter().chain(types::Register::PROPERTIES).copied();
    let known = known.filter(|property| !property.read_only);
    let mut properties: Vec<Property> = Vec::new();
    for property in known.chain(password) {
        let is_new = !properties.iter().any(|other| other.name == property.name);
        if is_new && texts.iter().any(|(name, _)| *name == property.name) {
            properties.push(property);
        }
    }
    let (clean, errors) = fields::check(
        &properties,
        &texts.into_iter().collect::<Fields>(),
        Rules::default(),
        AppState::FORMATS,
    );
    match errors.is_empty() {
        true => Ok(clean),
        false => Err(failure(in_one_line(errors.iter()))),
    }
}

pub fn in_one_line<'a>(errors: impl Iterator<Item = (&'a str, &'a [String])>) -> String {
    errors
        .map(|(name, messages)| format!("{name}: {}", messages.join(" ")))
        .collect::<Vec<_>>()
        .join(" ")
}
