//! The command `specbound`: compares OpenAPI documents and generates Rust code from one.
//!
//! Exit status: 0 for no finding, 1 for a finding or a failed write, 2 for unusable input or wrong
//! usage.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser};
use specbound_codegen::{Mode, Settings};
use specbound_contract::diff::Sides;
use specbound_contract::policy::{self, Policy};
use specbound_contract::report::{self, FailOn, Format, Report};
use specbound_contract::{Day, Document, ReadOptions, compatibility};

/// Compares OpenAPI documents of version 3.0 to 3.2, finds changes that break clients, and
/// generates Rust code.
#[derive(Parser)]
#[command(name = "specbound", version)]
enum Command {
    /// List every difference in meaning. Exit status 1 if there is one.
    Diff(Documents),
    /// Classify the changes by their effect on clients. Exit status 1 if one breaks clients or may
    /// break them.
    Breaking {
        #[command(flatten)]
        documents: Documents,
        #[command(flatten)]
        policy: PolicyArgs,
        /// Changes that make the exit status 1.
        #[arg(long, value_enum, default_value = "breaking")]
        fail_on: FailOn,
    },
    /// Accept the findings that are there now: prints entries for the policy file, or appends them
    /// to it.
    Accept {
        #[command(flatten)]
        documents: Documents,
        #[command(flatten)]
        policy: PolicyArgs,
        /// Why they are accepted.
        #[arg(long)]
        reason: String,
        /// The last day on which they are, such as 2030-12-31.
        #[arg(long, value_parser = day)]
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
    /// Write a document and the files that it refers to as one, in JSON.
    Bundle {
        /// The document; `-` is standard input.
        document: PathBuf,
        /// Follow references out of the document's folder.
        #[arg(long)]
        allow_outside: bool,
    },
    /// Generate server.rs, client.rs and server_trait.rs.
    Generate(Generate),
}

#[derive(Args)]
struct Documents {
    /// The document before the change; `-` is standard input.
    #[arg(required_unless_present = "old_option")]
    old: Option<PathBuf>,
    /// The document after the change; `-` is standard input.
    #[arg(required_unless_present = "new_option")]
    new: Option<PathBuf>,
    /// The document before the change, by option.
    #[arg(long = "old", id = "old_option", value_name = "FILE", conflicts_with_all = ["old", "new"], requires = "new_option")]
    old_option: Option<PathBuf>,
    /// The document after the change, by option.
    #[arg(long = "new", id = "new_option", value_name = "FILE", conflicts_with_all = ["old", "new"], requires = "old_option")]
    new_option: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Follow references out of the document's folder.
    #[arg(long)]
    allow_outside: bool,
}

impl Documents {
    fn read(&self) -> Result<(Document, Document), Failure> {
        let given = |by_place: &Option<PathBuf>, by_option: &Option<PathBuf>| {
            by_place.clone().or_else(|| by_option.clone()).unwrap_or_default()
        };
        let (old, new) = (given(&self.old, &self.old_option), given(&self.new, &self.new_option));
        let options = ReadOptions { allow_outside: self.allow_outside };
        report::read_documents(&old, &new, options).map_err(unusable)
    }
}

/// The name of the policy file that is read without an option.
const POLICY_FILE: &str = "specbound.toml";

#[derive(Args)]
struct PolicyArgs {
    /// The policy file. Without this option `specbound.toml` is read if it is there.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

impl PolicyArgs {
    fn path(&self) -> &Path {
        self.policy.as_deref().unwrap_or(Path::new(POLICY_FILE))
    }

    fn read(&self) -> Result<Policy, Failure> {
        let path = self.path();
        let named =
            |why: &dyn ToString| unusable(format!("{}: {}", path.display(), why.to_string()));
        match std::fs::read_to_string(path) {
            Ok(text) => Policy::parse(&text).map_err(|e| named(&e)),
            Err(e) if self.policy.is_none() && e.kind() == std::io::ErrorKind::NotFound => {
                Ok(Policy::default())
            }
            Err(e) => Err(named(&e)),
        }
    }
}

fn day(text: &str) -> Result<String, String> {
    Day::parse(text)
        .map(|_| text.to_owned())
        .ok_or_else(|| "not a date of the form 2030-12-31".to_owned())
}

fn accept(
    old: &Document,
    new: &Document,
    policy: &PolicyArgs,
    reason: &str,
    until: Option<&str>,
    write: bool,
) -> Result<ExitCode, Failure> {
    let outcome = policy.read()?.compare(old, new, Day::today());
    let text = policy::acceptances(&outcome.verdicts, reason, until);
    if !write {
        return conclude(&Report { text, failed: false });
    }
    let path = policy.path();
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| Failure { message: format!("{}: {e}", path.display()), code: FOUND })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Args)]
struct Generate {
    /// The OpenAPI 3 document, YAML or JSON; `-` is standard input.
    #[arg(required_unless_present = "document_option")]
    document: Option<PathBuf>,
    /// Where to write; created if missing.
    #[arg(required_unless_present = "output")]
    folder: Option<PathBuf>,
    /// The document, by option.
    #[arg(long = "document", id = "document_option", value_name = "FILE", conflicts_with_all = ["document", "folder"])]
    document_option: Option<PathBuf>,
    /// Where to write, by option.
    #[arg(long, value_name = "FOLDER", conflicts_with = "folder", requires = "document_option")]
    output: Option<PathBuf>,
    /// Name of the server trait.
    #[arg(long, default_value = "Api")]
    trait_name: String,
    /// Path of the module with the runtime types that the generated code uses.
    #[arg(long, value_name = "PATH", default_value = "::specbound")]
    runtime: String,
    /// Take what the generated code does not enforce, and list it at the head of server.rs.
    #[arg(long)]
    lenient: bool,
    /// Write nothing. Exit status 1 if a file is not what the document generates.
    #[arg(long)]
    check: bool,
    /// Only operations with this tag or operationId. Can be repeated.
    #[arg(long, value_name = "TAG|OPERATION")]
    only: Vec<String>,
    /// Only client.rs.
    #[arg(long, conflicts_with = "server_only")]
    client_only: bool,
    /// Only server.rs and server_trait.rs.
    #[arg(long)]
    server_only: bool,
    /// Only types.rs, the data types.
    #[arg(long, conflicts_with_all = ["client_only", "server_only"])]
    types_only: bool,
    /// Follow references out of the document's folder.
    #[arg(long)]
    allow_outside: bool,
}

const FOUND: u8 = 1;
const UNUSABLE: u8 = 2;

struct Failure {
    message: String,
    code: u8,
}

fn unusable(message: impl ToString) -> Failure {
    Failure { message: message.to_string(), code: UNUSABLE }
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Diff(documents) => documents.read().and_then(|(old, new)| {
            conclude(&report::difference(&old.value, &new.value, Sides::OLD_NEW, documents.format))
        }),
        Command::Breaking { documents, policy, fail_on } => {
            documents.read().and_then(|(old, new)| {
                let policy = policy.read()?;
                conclude(&report::gate(
                    &old,
                    &new,
                    &policy,
                    Day::today(),
                    documents.format,
                    fail_on,
                ))
            })
        }
        Command::Accept { documents, policy, reason, until, write } => documents
            .read()
            .and_then(|(old, new)| accept(&old, &new, &policy, &reason, until.as_deref(), write)),
        Command::Rules => {
            let lines = compatibility::rules_list()
                .into_iter()
                .map(|(id, about)| format!("{id}\n    {about}\n"));
            conclude(&Report { text: lines.collect(), failed: false })
        }
        Command::Explain { rule } => match compatibility::explain(&rule) {
            Some(text) => conclude(&Report { text, failed: false }),
            None => Err(unusable(format!("there is no rule {rule}; `specbound rules` lists them"))),
        },
        Command::Bundle { document, allow_outside } => {
            report::read_document(&document, ReadOptions { allow_outside })
                .map_err(unusable)
                .and_then(|document| {
                    conclude(&Report { text: format!("{:#}\n", document.value), failed: false })
                })
        }
        Command::Generate(generate) => write_generated(&generate),
    };
    result.unwrap_or_else(|Failure { message, code }| {
        eprintln!("specbound: {message}");
        ExitCode::from(code)
    })
}

/// Prints a report. Unlike `print!`, this does not panic when the reader has closed the pipe.
fn conclude(report: &Report) -> Result<ExitCode, Failure> {
    match std::io::stdout().write_all(report.text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure { message: format!("standard output: {e}"), code: FOUND })
        }
        _ => Ok(if report.failed { ExitCode::from(FOUND) } else { ExitCode::SUCCESS }),
    }
}

fn write_generated(generate: &Generate) -> Result<ExitCode, Failure> {
    let document = generate
        .document
        .as_ref()
        .or(generate.document_option.as_ref())
        .cloned()
        .unwrap_or_default();
    let folder = generate.folder.as_ref().or(generate.output.as_ref()).cloned().unwrap_or_default();
    let options = ReadOptions { allow_outside: generate.allow_outside };
    let mut source = report::read_document(&document, options).map_err(unusable)?.value;
    if !generate.only.is_empty() {
        let missing = specbound_codegen::keep_only(&mut source, &generate.only);
        if let Some(missing) = missing.first() {
            return Err(unusable(format!(
                "{}: no operation or tag is called `{missing}`",
                document.display()
            )));
        }
    }
    let settings = Settings { trait_name: &generate.trait_name, runtime: &generate.runtime };
    let mode = if generate.lenient { Mode::Lenient } else { Mode::Strict };
    let generated = specbound_codegen::generate_from(&source, &settings, mode)
        .map_err(|error| refused(&document, &error))?;
    let mut files = Vec::new();
    if generate.types_only {
        files.push(("types.rs", generated.types));
    }
    if !generate.client_only && !generate.types_only {
        files
            .extend([("server.rs", generated.server), ("server_trait.rs", generated.server_trait)]);
    }
    if !generate.server_only && !generate.types_only {
        files.push(("client.rs", generated.client));
    }
    let failed = |path: &Path, e: std::io::Error| Failure {
        message: format!("{}: {e}", path.display()),
        code: FOUND,
    };
    if generate.check {
        let is_stale = |(name, code): &&(&str, String)| {
            std::fs::read_to_string(folder.join(name)).ok().as_ref() != Some(code)
        };
        let stale: Vec<String> = files
            .iter()
            .filter(is_stale)
            .map(|(name, _)| folder.join(name).display().to_string())
            .collect();
        let message = format!("not what {} generates: {}", document.display(), stale.join(", "));
        return if stale.is_empty() {
            Ok(ExitCode::SUCCESS)
        } else {
            Err(Failure { message, code: FOUND })
        };
    }
    std::fs::create_dir_all(&folder).map_err(|e| failed(&folder, e))?;
    for (name, code) in files {
        let path = folder.join(name);
        std::fs::write(&path, code).map_err(|e| failed(&path, e))?;
    }
    if !generated.unenforced.is_empty() {
        let count = generated.unenforced.len();
        eprintln!(
            "specbound: {count} parts of the document are not enforced or left out; server.rs \
             lists them"
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Every refusal on a line of its own, with the document's name.
fn refused(document: &Path, error: &specbound_codegen::Error) -> Failure {
    let name = document.display();
    let specbound_codegen::Error::Unsupported(items) = error else {
        return unusable(format!("{name}: {error}"));
    };
    let lines: Vec<String> = items.iter().map(|item| format!("{name}: {item}")).collect();
    let hint = "--lenient takes what is only not enforced, and lists it in the generated code";
    unusable(format!("{}\n{} refusals; {hint}", lines.join("\nspecbound: "), lines.len()))
}
