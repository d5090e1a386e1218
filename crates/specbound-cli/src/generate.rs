//! `specbound generate`: writes the generated code, or compares it with the files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use specbound_codegen::{File, Generated, Item, Mode, Settings};

use crate::inputs::{self, ReadSettings};
use crate::{Failure, failed, unusable};

#[derive(Args)]
pub struct Generate {
    /// The OpenAPI 3 document, YAML or JSON; `-` is standard input.
    #[arg(required_unless_present = "document_option")]
    document: Option<PathBuf>,
    /// The output folder; created if missing.
    #[arg(required_unless_present = "output")]
    folder: Option<PathBuf>,
    /// The document, as an option.
    #[arg(long = "document", id = "document_option", value_name = "FILE")]
    #[arg(conflicts_with_all = ["document", "folder"])]
    document_option: Option<PathBuf>,
    /// The output folder, as an option.
    #[arg(long, value_name = "FOLDER", conflicts_with = "folder", requires = "document_option")]
    output: Option<PathBuf>,
    /// Name of the server trait.
    #[arg(long, default_value = "Api")]
    trait_name: String,
    /// Path of the module with the runtime types that the generated code uses.
    #[arg(long, value_name = "PATH", default_value = "::specbound")]
    runtime: String,
    /// Accept parts that the generated code does not enforce, and list them at the head of
    /// server.rs.
    #[arg(long)]
    lenient: bool,
    /// Write nothing, and exit with status 1 if a file is out of date.
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
    /// Only append a handler that returns 501 for each operation without one in src/handlers;
    /// existing code is not changed.
    #[arg(long, conflicts_with_all = ["client_only", "server_only", "types_only"])]
    handlers: bool,
    /// List every refused part, not only the first 20 with the same reason.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    reading: ReadSettings,
}

impl Generate {
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let given = |by_place: &Option<PathBuf>, by_option: &Option<PathBuf>| {
            by_place.clone().or_else(|| by_option.clone()).unwrap_or_default()
        };
        let document = given(&self.document, &self.document_option);
        let folder = given(&self.folder, &self.output);
        let mut source = inputs::read(&document, &self.reading)?.value;
        if !self.only.is_empty() {
            let missing = specbound_codegen::keep_only(&mut source, &self.only);
            if let Some(missing) = missing.first() {
                return Err(unusable(format!(
                    "{}: no operation or tag is called `{missing}`",
                    document.display()
                )));
            }
        }
        let settings = Settings {
            trait_name: &self.trait_name,
            runtime: &self.runtime,
            ..Settings::default()
        };
        let mode = if self.lenient { Mode::Lenient } else { Mode::Strict };
        let generated = specbound_codegen::generate_from(&source, &settings, mode)
            .map_err(|error| refused(&document, &error, mode, self.all))?;
        let unenforced = generated.unenforced.len();
        let files = self.files(&folder, generated)?;
        if self.check {
            return check(&document, &folder, &files);
        }
        write(&folder, &files)?;
        if unenforced > 0 && !self.handlers {
            eprintln!("specbound: {}; server.rs lists them", not_enforced(unenforced));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn files(&self, folder: &Path, generated: Generated) -> Result<Vec<File>, Failure> {
        let file = |path: &str, text| File { path: path.to_owned(), text };
        if self.handlers {
            return Ok(generated.project.missing_handlers(&known_handlers(folder)?));
        }
        if self.types_only {
            return Ok(vec![file(
                "types.rs",
                generated.types().map_err(|e| failed(e.to_string()))?,
            )]);
        }
        let mut files = Vec::new();
        if !self.client_only {
            files.extend([
                file("server.rs", generated.server),
                file("server_trait.rs", generated.server_trait),
            ]);
            if !generated.senders.is_empty() {
                files.push(file("senders.rs", generated.senders));
            }
        }
        if !self.server_only {
            files.push(file("client.rs", generated.client));
        }
        Ok(files)
    }
}

/// The summary line for this number of parts.
pub fn not_enforced(parts: usize) -> String {
    match parts {
        1 => "1 part of the document is not enforced or left out".to_owned(),
        parts => format!("{parts} parts of the document are not enforced or left out"),
    }
}

/// The files in `src/handlers`.
fn known_handlers(folder: &Path) -> Result<Vec<File>, Failure> {
    let handlers = folder.join("src/handlers");
    let failed = |e| io_failure(&handlers, &e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&handlers).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).map_err(failed)?;
            files.push(File { path: format!("src/handlers/{name}"), text });
        }
    }
    Ok(files)
}

fn check(document: &Path, folder: &Path, files: &[File]) -> Result<ExitCode, Failure> {
    let is_stale = |file: &&File| {
        std::fs::read_to_string(folder.join(&file.path)).ok().as_ref() != Some(&file.text)
    };
    let stale: Vec<String> = files
        .iter()
        .filter(is_stale)
        .map(|file| folder.join(&file.path).display().to_string())
        .collect();
    let message = format!("not what {} generates: {}", document.display(), stale.join(", "));
    if stale.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(failed(message)) }
}

/// Writes files below a folder, which is created if missing.
pub fn write(folder: &Path, files: &[File]) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|e| io_failure(folder, &e))?;
    for file in files {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|e| io_failure(parent, &e))?;
        std::fs::write(&path, &file.text).map_err(|e| io_failure(&path, &e))?;
    }
    Ok(())
}

fn io_failure(path: &Path, error: &std::io::Error) -> Failure {
    failed(format!("{}: {error}", path.display()))
}

/// Maximum number of refusals listed per reason without `--all`.
const MAX_LISTED_PER_REASON: usize = 20;

/// One line per refusal, with the document's name; beyond a limit per reason, their number.
pub fn refused(
    document: &Path,
    error: &specbound_codegen::Error,
    mode: Mode,
    names_all: bool,
) -> Failure {
    let name = document.display();
    let specbound_codegen::Error::Unsupported(items) = error else {
        return unusable(format!("{name}: {error}"));
    };
    let max = if names_all { usize::MAX } else { MAX_LISTED_PER_REASON };
    let lines: Vec<String> =
        limit_by_reason(items, max).iter().map(|line| format!("{name}: {line}")).collect();
    let message = lines.join("\nspecbound: ");
    match mode {
        Mode::Lenient => unusable(message),
        Mode::Strict => unusable(format!(
            "{message}\n{} {}; --lenient takes a part that is only not enforced, and lists it in \
             the generated code",
            items.len(),
            if items.len() == 1 { "refusal" } else { "refusals" }
        )),
    }
}

/// One line per item, but for each reason at most `most` items and the number of the others.
fn limit_by_reason(items: &[Item], max: usize) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lines = Vec::new();
    for item in items {
        let count = counts.entry(&item.reason).or_default();
        *count += 1;
        if *count <= max {
            lines.push(truncate_middle(&item.to_string()));
        }
    }
    for (reason, count) in counts.iter().filter(|(_, count)| **count > max) {
        let line = format!("{} more (--all names them): {reason}", count - max);
        lines.push(truncate_middle(&line));
    }
    lines
}

/// Removes the middle of a very long line.
fn truncate_middle(line: &str) -> String {
    let count = line.chars().count();
    if count <= 2 * MAX_SIDE_CHARS {
        return line.to_owned();
    }
    let head: String = line.chars().take(MAX_SIDE_CHARS).collect();
    let tail: String = line.chars().skip(count - MAX_SIDE_CHARS).collect();
    format!("{head}…{tail}")
}

/// Characters kept at each end of a long line.
const MAX_SIDE_CHARS: usize = 200;
