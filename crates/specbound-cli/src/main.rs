//! The command `specbound`: compares OpenAPI documents and generates Rust code from one.
//!
//! Exit status: 0 for no finding, 1 for a finding or a failed write, 2 for unusable input or wrong
//! usage.

#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used))]

mod generate;
mod git;
mod inputs;
mod memory;
mod new;
mod policy;
mod terminal;
mod web;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use specbound_contract::compatibility;
use specbound_contract::convert::{Conversion, Target, convert};
use specbound_contract::diff::DocumentNames;
use specbound_contract::flatten::flatten;
use specbound_contract::report::{self, FailOn, Format, Report};

use generate::Generate;
use inputs::{Documents, ReadSettings};
use new::New;
use policy::PolicyArgs;
use terminal::ColorChoice;

/// Compares OpenAPI documents of version 3.0 to 3.2, finds changes that break clients, and
/// generates Rust code.
///
/// Without a command: `breaking`, of the document that specbound.toml names, since the current
/// branch left the main branch.
#[derive(Parser)]
#[command(name = "specbound", version)]
enum Command {
    /// List every difference in meaning. Exit status 1 if there is one.
    Diff {
        #[command(flatten)]
        documents: Documents,
        #[command(flatten)]
        policy: PolicyArgs,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Classify the changes by their effect on clients. Exit status 1 if one breaks clients or may
    /// break them.
    Breaking {
        #[command(flatten)]
        comparison: Comparison,
        /// Changes that make the exit status 1.
        #[arg(long, value_enum, default_value = "breaking")]
        fail_on: FailOn,
    },
    /// List all changes as release notes: breaking, new, changed, deprecated and removed.
    Changelog(Comparison),
    /// Count the changes.
    Summary(Comparison),
    /// Accept the current findings: print entries for the policy file, or append them to it.
    Accept {
        #[command(flatten)]
        documents: Documents,
        #[command(flatten)]
        policy: PolicyArgs,
        /// The reason of the acceptance.
        #[arg(long)]
        reason: String,
        /// The last day on which the findings are accepted, such as 2030-12-31.
        #[arg(long, value_parser = policy::parse_day)]
        until: Option<String>,
        /// Append to the policy file.
        #[arg(long)]
        write: bool,
    },
    /// List the rules of `breaking` by their identifiers.
    Rules,
    /// Explain a rule.
    Explain {
        /// Its identifier, such as `schema-max-length-changed`.
        rule: String,
    },
    /// Print the JSON schema of a report in JSON.
    Schema {
        #[arg(value_enum)]
        report: Schema,
    },
    /// Bundle a document and the files that it refers to into one JSON document.
    Bundle {
        /// The document; see `breaking`. A folder or a pattern of documents is joined.
        document: PathBuf,
        #[command(flatten)]
        reading: ReadSettings,
    },
    /// Bundle a document and merge the members of `allOf` where possible.
    Flatten {
        /// The document; see `bundle`.
        document: PathBuf,
        #[command(flatten)]
        reading: ReadSettings,
    },
    /// Convert a document to another version of OpenAPI. Lists losses on standard error.
    Convert {
        /// The document; see `bundle`.
        document: PathBuf,
        #[arg(long, value_enum, value_name = "VERSION")]
        to: Target,
        /// Write nothing if anything is lost, and exit with status 1.
        #[arg(long)]
        lossless: bool,
        #[command(flatten)]
        reading: ReadSettings,
    },
    /// Generate server.rs, client.rs and server_trait.rs.
    Generate(Generate),
    /// Create a server project from a document. It builds, serves and passes its tests at once.
    New(New),
}

#[derive(clap::Args)]
struct Comparison {
    #[command(flatten)]
    documents: Documents,
    #[command(flatten)]
    policy: PolicyArgs,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Whether a text has colours. `auto`: on a terminal, unless NO_COLOR is set.
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN")]
    color: ColorChoice,
}

/// The reports that have a schema.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Schema {
    Breaking,
    Diff,
    Summary,
}

const FOUND: u8 = 1;
const UNUSABLE: u8 = 2;

#[derive(Debug)]
struct Failure {
    message: String,
    code: u8,
    /// Whether there is no such document.
    is_missing: bool,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

fn unusable(message: impl ToString) -> Failure {
    Failure { message: message.to_string(), code: UNUSABLE, is_missing: false }
}

/// Output that cannot be written, or that differs from the expected one.
fn failed(message: impl ToString) -> Failure {
    Failure { message: message.to_string(), code: FOUND, is_missing: false }
}

fn main() -> ExitCode {
    let command = match std::env::args_os().len() {
        0 | 1 => Command::parse_from(["specbound", "breaking"]),
        _ => Command::parse(),
    };
    run(command).unwrap_or_else(|Failure { message, code, .. }| {
        eprintln!("specbound: {message}");
        ExitCode::from(code)
    })
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Diff { documents, policy, format } => {
            let policy = policy.read()?;
            let pair = documents.read(&policy.policy, &policy.folder)?;
            notes(&pair.notes);
            let (old, new) = (&pair.old.value, &pair.new.value);
            conclude(&report::difference(old, new, DocumentNames::OLD_NEW, format))
        }
        Command::Breaking { comparison, fail_on } => comparison
            .conclude(|compared, style| compared.report(comparison.format, style, fail_on)),
        Command::Changelog(comparison) => {
            comparison.conclude(|compared, style| compared.changelog(comparison.format, style))
        }
        Command::Summary(comparison) => {
            comparison.conclude(|compared, _| compared.summary(comparison.format))
        }
        Command::Accept { documents, policy, reason, until, write } => {
            policy::accept(&documents, &policy, &reason, until.as_deref(), write)
        }
        Command::Rules => {
            let lines = compatibility::rules_list()
                .into_iter()
                .map(|(id, about)| format!("{id}\n    {about}\n"));
            print(&lines.collect::<String>())
        }
        Command::Explain { rule } => match compatibility::explain(&rule) {
            Some(text) => print(&text),
            None => {
                Err(unusable(format!("unknown rule {rule}; `specbound rules` lists all rules")))
            }
        },
        Command::Schema { report } => print(match report {
            Schema::Breaking => include_str!("../schemas/breaking.json"),
            Schema::Diff => include_str!("../schemas/diff.json"),
            Schema::Summary => include_str!("../schemas/summary.json"),
        }),
        Command::Bundle { document, reading } => {
            print(&format!("{:#}\n", inputs::read(&document, &reading)?.value))
        }
        Command::Flatten { document, reading } => {
            let document = inputs::read(&document, &reading)?.value;
            print(&format!("{:#}\n", flatten(&document)))
        }
        Command::Convert { document, to, lossless, reading } => {
            let name = document.display().to_string();
            let Conversion { document, lost } =
                convert(&inputs::read(&document, &reading)?.value, to);
            for loss in &lost {
                eprintln!("specbound: {name}: {}: {}", loss.path, loss.message);
            }
            match lost.is_empty() || !lossless {
                true => print(&format!("{document:#}\n")),
                false => Ok(ExitCode::from(FOUND)),
            }
        }
        Command::Generate(generate) => generate.run(),
        Command::New(new) => new.run(),
    }
}

impl Comparison {
    fn conclude(
        &self,
        report: impl FnOnce(&report::Comparison, report::Style) -> Report,
    ) -> Result<ExitCode, Failure> {
        let policy = self.policy.read()?;
        let pair = self.documents.read(&policy.policy, &policy.folder)?;
        notes(&pair.notes);
        let today = specbound_contract::Day::today();
        let compared = report::Comparison::new(pair.old, pair.new, &policy.policy, today);
        // The process ends next: to free two large documents would only take time.
        let compared = std::mem::ManuallyDrop::new(compared);
        conclude(&report(&compared, self.color.style()))
    }
}

fn notes(notes: &[String]) {
    notes.iter().for_each(|note| eprintln!("specbound: note: {note}"));
}

fn conclude(report: &Report) -> Result<ExitCode, Failure> {
    let printed = print(&report.text)?;
    notes(&report.notes);
    Ok(if report.failed { ExitCode::from(FOUND) } else { printed })
}

/// Prints a text. Unlike `print!`, this does not panic when the reader has closed the pipe.
fn print(text: &str) -> Result<ExitCode, Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(failed(format!("standard output: {e}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
