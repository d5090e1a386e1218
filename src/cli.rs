//! The command line: parse, run, and map a Result to an exit code.

mod backup;
mod copy;
mod demo;
mod import;
mod leaked_passwords;
mod manual;
mod migrate;
mod operators;
mod output;
mod print;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::branding::Pictures;
use crate::config::{self, Config};
use crate::contract::diff::DocumentNames;
use crate::contract::report::{self, FailOn, Format, Report};
use crate::contract::{self, ReadOptions};
use crate::domain::leaked_passwords::LeakedPasswords;
use crate::logging;
use crate::metrics;
use crate::secret::Secret;
use crate::server::{self, Dependencies};
use crate::store::Database;
use crate::text;
use crate::tls::LoadedCertificate;

/// InvenTree's authentication API, generated from its OpenAPI document.
#[derive(Parser)]
#[command(name = "inventree-auth", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (default command).
    Serve(Serve),
    /// Print, export and compare API documents.
    #[command(subcommand)]
    Spec(Spec),
    #[command(flatten)]
    Operators(operators::Command),
    /// Import accounts from another system.
    #[command(subcommand)]
    Import(import::Import),
    /// Back up the database, even while a server uses it.
    Backup(backup::Backup),
    /// Copy all data to another database of either engine, and compare each row.
    Copy(copy::Copy),
    /// Make a filter of leaked passwords from a file of Have I Been Pwned.
    LeakedPasswords(leaked_passwords::Make),
    /// Migrate the database to the current schema, as the server does at start; create it if
    /// missing.
    Migrate(migrate::Migrate),
    /// Print a configuration file: a systemd unit, a reverse proxy site or database grants.
    Print {
        #[arg(value_enum)]
        template: print::Template,
        /// Print a complete site with this service behind the server.
        #[arg(long = "for", value_enum)]
        service: Option<print::ProxiedService>,
    },
    /// Print a shell completion script.
    Completions(manual::Completions),
    /// Print the man page, or write the pages of all commands.
    Man(manual::ManualPages),
    /// Check the settings and the files that they name.
    CheckConfig {
        /// A YAML, TOML or .env file of settings.
        #[arg(long)]
        config: Option<PathBuf>,
        /// List every setting with its accepted values.
        #[arg(long)]
        list: bool,
    },
}

#[derive(Args, Default)]
struct Serve {
    /// Address and port to listen on.
    #[arg(long)]
    bind: Option<SocketAddr>,
    /// The SQLite file, created if missing, or postgresql://user@host/name.
    #[arg(long)]
    database: Option<String>,
    /// A YAML, TOML or .env file of settings.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Run a demo: temporary database, open registration, email on a page, sample accounts, a
    /// demo sign-in provider.
    #[arg(long, conflicts_with_all = ["database", "config"])]
    demo: bool,
    /// Let the demo listen for other machines, which can then read its email.
    #[arg(long, requires = "demo")]
    demo_remote: bool,
}

#[derive(Subcommand)]
enum Spec {
    /// Print the document this server was built from.
    Source {
        #[arg(long, value_enum, default_value = "auth")]
        document: WhichDocument,
    },
    /// Print the document of the registered API.
    Export {
        #[arg(long, value_enum, default_value = "yaml")]
        format: DocumentFormat,
        /// Keep only this request content type, for generators that do not support several.
        #[arg(long, value_name = "MEDIA_TYPE")]
        content_type: Option<String>,
        #[arg(long, value_enum, default_value = "auth")]
        document: WhichDocument,
    },
    /// Compare documents. Exits with 0 if they are equivalent (of two documents: if nothing breaks
    /// clients), 1 if not, 2 for unusable input.
    Diff {
        /// An OpenAPI 3 document to compare the server with, instead of the built-in one.
        #[arg(long)]
        source: Option<PathBuf>,
        /// With `--new`: compare two documents for changes that break clients. `-` is standard
        /// input.
        #[arg(long, requires = "new", conflicts_with = "source")]
        old: Option<PathBuf>,
        #[arg(long, value_enum, default_value = "auth", conflicts_with = "old")]
        document: WhichDocument,
        /// The new document, which clients of the old one will use.
        #[arg(long, requires = "old", conflicts_with = "source")]
        new: Option<PathBuf>,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        /// With `--old` and `--new`: exit with 1 for (potentially) breaking changes, the default,
        /// or for any change.
        #[arg(long, value_enum, requires = "old")]
        fail_on: Option<FailOn>,
    },
}

/// One of the documents of this server.
#[derive(Clone, Copy, ValueEnum)]
enum WhichDocument {
    /// The authentication API.
    Auth,
    /// The additional calls that InvenTree's clients make first.
    User,
}

impl WhichDocument {
    fn contract(self) -> &'static contract::Document {
        match self {
            WhichDocument::Auth => &contract::AUTH,
            WhichDocument::User => &contract::USER,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum DocumentFormat {
    Yaml,
    Json,
}

const DEFAULT_BIND: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8000);

/// Exit codes of `spec diff`. Other commands use 0 and 1, and clap 2 for usage errors.
const SAME: u8 = 0;
const DIFFERENT: u8 = 1;
const UNUSABLE: u8 = 2;

/// Runs the command given by the arguments of the process.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command.unwrap_or(Command::Serve(Serve::default())) {
        Command::Serve(serve) => run_serve(&serve).map(|()| ExitCode::SUCCESS),
        Command::Spec(spec) => run_spec(&spec).map(ExitCode::from),
        Command::Operators(command) => operators::run(&command).map(|()| ExitCode::SUCCESS),
        Command::Import(import) => import::run(&import).map(|()| ExitCode::SUCCESS),
        Command::Copy(copy) => copy::run(&copy).map(|()| ExitCode::SUCCESS),
        Command::Backup(backup) => backup::run(&backup).map(|()| ExitCode::SUCCESS),
        Command::LeakedPasswords(make) => leaked_passwords::run(&make).map(|()| ExitCode::SUCCESS),
        Command::Migrate(migrate) => migrate::run(&migrate).map(|()| ExitCode::SUCCESS),
        Command::Print { template, service } => {
            let text = template.text(service).map_err(failure);
            text.and_then(print).map(|()| ExitCode::SUCCESS)
        }
        Command::Completions(completions) => {
            manual::completions(&completions, Cli::command()).map(|()| ExitCode::SUCCESS)
        }
        Command::Man(pages) => manual::pages(&pages, Cli::command()).map(|()| ExitCode::SUCCESS),
        Command::CheckConfig { list: true, .. } => {
            print(&config::describe()).map(|()| ExitCode::SUCCESS)
        }
        Command::CheckConfig { config, .. } => {
            check_config(config.as_deref()).map(|()| ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|Failure { message, code }| {
        // The message may repeat an argument or a name from the database.
        eprintln!("inventree-auth: {}", text::lines(&message));
        ExitCode::from(code)
    })
}

struct Failure {
    message: String,
    code: u8,
}

fn failure(message: impl ToString) -> Failure {
    Failure { message: message.to_string(), code: 1 }
}

fn load(file: Option<&Path>) -> Result<Config, Failure> {
    Config::load(file, std::env::vars()).map_err(failure)
}

/// Checks the settings and the files that they name.
fn check_config(file: Option<&Path>) -> Result<(), Failure> {
    let config = load(file)?;
    config.tls.as_ref().map(LoadedCertificate::read).transpose().map_err(failure)?;
    server::providers(&config, &Dependencies::default()).map_err(failure)?;
    server::languages(&config).map_err(failure)?;
    Pictures::read(config.customize_dir.as_deref()).map_err(failure)?;
    let log = slog::Logger::root(slog::Discard, slog::o!());
    LeakedPasswords::open(&config.leaked_passwords, &log).map_err(failure)?;
    for warning in config.warnings() {
        eprintln!("inventree-auth: warning: {warning}");
    }
    print("Configuration OK.\n")
}

/// Parses a database argument. The settings supply the password and certificates that it leaves
/// out.
fn named_database(name: &str, config: &Config) -> Result<Database, Failure> {
    match name.parse().map_err(failure)? {
        Database::Postgres(server) => {
            let server = server.or_password(config.database_password.as_ref().map(Secret::expose));
            Ok(Database::Postgres(Box::new(
                server.or_root_certificates(config.database_roots.clone()),
            )))
        }
        file => Ok(file),
    }
}

fn run_serve(serve: &Serve) -> Result<(), Failure> {
    let mut config = load(serve.config.as_deref())?;
    if let Some(database) = &serve.database {
        config.database = named_database(database, &config)?;
    }
    let mut bind = serve.bind.unwrap_or(DEFAULT_BIND);
    let logging = metrics::Logging::default();
    let log = logging::logger(config.log_level, config.json_log, &logging);
    let prepare = || demo::prepare(&mut config, bind, serve.demo_remote);
    let demo = serve.demo.then(prepare).transpose()?;
    if let Some((address, _)) = &demo {
        bind = *address;
        if !bind.ip().is_loopback() {
            slog::warn!(log, "the demo is reachable from other machines, which can read its \
                email"; "address" => %bind);
        }
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failure)?;
    let dependencies = Dependencies { logging, ..Dependencies::default() };
    runtime.block_on(async {
        let running = server::start(&config, bind, &log, dependencies).await.map_err(failure)?;
        if demo.is_some() {
            demo::seed(running.app(), &config.rules.site_url).await?;
        }
        tokio::select! {
            ended = running.stopped() => return ended.map_err(failure),
            signal = shutdown_signal() => {
                slog::info!(log, "stopping"; "signal" => signal.map_err(failure)?);
            }
        }
        running.stop().await.map_err(failure)
    })
}

async fn shutdown_signal() -> std::io::Result<&'static str> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = terminate.recv() => Ok("SIGTERM"),
            _ = interrupt.recv() => Ok("SIGINT"),
        }
    }
    #[cfg(not(unix))]
    {
        tokio::signal::ctrl_c().await.map(|()| "Ctrl-C")
    }
}

fn run_spec(spec: &Spec) -> Result<u8, Failure> {
    match spec {
        Spec::Source { document } => print(document.contract().source)?,
        Spec::Export { format, content_type, document } => {
            let mut document = document.contract().export().map_err(failure)?;
            if let Some(media_type) = content_type {
                contract::keep_content_type(&mut document, media_type).map_err(failure)?;
            }
            print(&match format {
                DocumentFormat::Yaml => serde_yaml_ng::to_string(&document).map_err(failure)?,
                DocumentFormat::Json => pretty(&document)?,
            })?;
        }
        Spec::Diff { old: Some(old), new: Some(new), format, fail_on, .. } => {
            let (old, new) =
                report::read_documents(old, new, ReadOptions::default()).map_err(unusable)?;
            return conclude(&report::compatibility(
                old,
                new,
                *format,
                fail_on.unwrap_or(FailOn::Breaking),
            ));
        }
        Spec::Diff { source, format, document: which, .. } => {
            let document = match source {
                None => contract::parse(which.contract().source).map_err(unusable)?,
                Some(path) => {
                    report::read_document(path, ReadOptions::default()).map_err(unusable)?.value
                }
            };
            let server = which.contract().export().map_err(failure)?;
            return conclude(&report::difference(
                &document,
                &server,
                DocumentNames::SOURCE_SERVER,
                *format,
            ));
        }
    }
    Ok(SAME)
}

/// Prints a report and returns its exit code.
fn conclude(report: &Report) -> Result<u8, Failure> {
    print(&report.text)?;
    Ok(if report.failed { DIFFERENT } else { SAME })
}

fn unusable(message: impl ToString) -> Failure {
    Failure { message: message.to_string(), code: UNUSABLE }
}

fn pretty(value: &serde_json::Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(failure)
}

/// Unlike `print!`, does not panic if the reader has closed the pipe (`| head`).
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(failure(e)),
        _ => Ok(()),
    }
}
