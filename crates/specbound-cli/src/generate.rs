//! `specbound generate`: writes the generated code, or compares it with the files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use specbound_codegen::{Mode, Settings};

use crate::inputs::{self, Reading};
use crate::{Failure, unusable};

#[derive(Args)]
pub struct Generate {
    /// The OpenAPI 3 document, YAML or JSON; `-` is standard input.
    #[arg(required_unless_present = "document_option")]
    document: Option<PathBuf>,
    /// Where to write; created if missing.
    #[arg(required_unless_present = "output")]
    folder: Option<PathBuf>,
    /// The document, by option.
    #[arg(long = "document", id = "document_option", value_name = "FILE")]
    #[arg(conflicts_with_all = ["document", "folder"])]
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
    #[command(flatten)]
    reading: Reading,
}

pub fn write(generate: &Generate) -> Result<ExitCode, Failure> {
    let document = generate
        .document
        .as_ref()
        .or(generate.document_option.as_ref())
        .cloned()
        .unwrap_or_default();
    let folder = generate.folder.as_ref().or(generate.output.as_ref()).cloned().unwrap_or_default();
    let mut source = inputs::read(&document, &generate.reading)?.value;
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
    let failed = |path: &Path, e: std::io::Error| crate::failed(format!("{}: {e}", path.display()));
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
        return if stale.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(crate::failed(message)) };
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
