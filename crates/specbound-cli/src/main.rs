//! The command `specbound`: compares OpenAPI 3.0 documents and generates Rust code from one.
//!
//! Exit status: 0 for no finding, 1 for a finding or a failed write, 2 for unusable input or wrong usage.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser};
use specbound_codegen::Settings;
use specbound_contract::diff::Sides;
use specbound_contract::report::{self, FailOn, Format, Report};
use specbound_contract::{Document, ReadOptions};

/// Compares OpenAPI 3.0 documents, finds changes that break clients, and generates Rust code.
#[derive(Parser)]
#[command(name = "specbound", version)]
enum Command {
    /// List every difference in meaning. Exit status 1 if there is one.
    Diff(Documents),
    /// Classify the changes by their effect on clients. Exit status 1 if one breaks clients or may break them.
    Breaking {
        #[command(flatten)]
        documents: Documents,
        /// Changes that make the exit status 1.
        #[arg(long, value_enum, default_value = "breaking")]
        fail_on: FailOn,
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

#[derive(Args)]
struct Generate {
    /// The OpenAPI 3.0 document, YAML or JSON.
    document: PathBuf,
    /// Where to write; created if missing.
    folder: PathBuf,
    /// Name of the server trait.
    #[arg(long, default_value = "Api")]
    trait_name: String,
    /// Path of the module with the runtime types that the generated code uses.
    #[arg(long, value_name = "PATH", default_value = "inventree_auth::http::typed")]
    runtime: String,
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
        Command::Breaking { documents, fail_on } => documents
            .read()
            .and_then(|(old, new)| conclude(&report::compatibility(&old.value, &new.value, documents.format, fail_on))),
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
    let Generate { document, folder, trait_name, runtime } = generate;
    let unusable_document = |why: &dyn ToString| unusable(format!("{}: {}", document.display(), why.to_string()));
    let text = std::fs::read_to_string(document).map_err(|e| unusable_document(&e))?;
    let settings = Settings { trait_name, runtime };
    let generated = specbound_codegen::generate(&text, &settings).map_err(|e| unusable_document(&e))?;
    let failed = |path: &Path, e: std::io::Error| Failure { message: format!("{}: {e}", path.display()), code: FOUND };
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    for (name, code) in
        [("server.rs", generated.server), ("client.rs", generated.client), ("server_trait.rs", generated.server_trait)]
    {
        let path = folder.join(name);
        std::fs::write(&path, code).map_err(|e| failed(&path, e))?;
    }
    Ok(ExitCode::SUCCESS)
}
