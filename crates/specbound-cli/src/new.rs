//! `specbound new`: makes a server project for a document.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use specbound_codegen::{Dependencies, File, Layout, Mode, Settings};

use crate::generate::{not_enforced, refused, write};
use crate::inputs::{self, ReadSettings};
use crate::{Failure, unusable};

#[derive(Args)]
pub struct New {
    /// The project's folder, whose last part names the package. It must not exist.
    name: PathBuf,
    /// The OpenAPI 3 document, YAML or JSON; `-` is standard input. The project gets a copy.
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    /// Accept parts that the generated code does not enforce.
    #[arg(long)]
    lenient: bool,
    /// A folder with the specbound crates, to use instead of crates.io.
    #[arg(long, value_name = "FOLDER")]
    crates: Option<PathBuf>,
    /// List every refused part, not only the first 20 with the same reason.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    reading: ReadSettings,
}

impl New {
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let name = self.name.file_name().unwrap_or_default().to_string_lossy();
        if !is_package_name(&name) {
            return Err(unusable(format!(
                "`{name}` is no name of a package: it starts with a letter, and has letters, \
                 digits, `-` and `_`"
            )));
        }
        if self.name.exists() {
            return Err(unusable(format!("{} exists already", self.name.display())));
        }
        let source = inputs::read(&self.document, &self.reading)?.value;
        let mode = if self.lenient { Mode::Lenient } else { Mode::Strict };
        let generated = specbound_codegen::generate_from(&source, &Settings::default(), mode)
            .map_err(|error| refused(&self.document, &error, mode, self.all))?;
        let crates = match &self.crates {
            Some(folder) => {
                let found = folder.canonicalize();
                Some(found.map_err(|e| unusable(format!("{}: {e}", folder.display())))?)
            }
            None => None,
        };
        let crates = crates.map(|folder| folder.to_string_lossy().into_owned());
        let document = copy(&self.document, &source);
        let layout = Layout {
            name: &name,
            document: &document.path,
            mode,
            dependencies: crates.as_deref().map_or(Dependencies::Registry, Dependencies::Folder),
        };
        let mut files = generated.project_files(&layout);
        files.push(document);
        write(&self.name, &files)?;
        let (operations, unenforced) =
            (generated.project.handlers.len(), generated.unenforced.len());
        eprintln!("specbound: {} has {operations} operations", self.name.display());
        if unenforced > 0 {
            eprintln!(
                "specbound: {}; `specbound generate` lists them at the head of server.rs",
                not_enforced(unenforced)
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A copy of the document; bundled if it has several files or comes from standard input.
fn copy(path: &Path, source: &serde_json::Value) -> File {
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    let text = std::fs::read_to_string(path).ok();
    match text.filter(|text| specbound_contract::parse(text).is_ok()) {
        Some(text) if is_json => File { path: "openapi.json".to_owned(), text },
        Some(text) => File { path: "openapi.yaml".to_owned(), text },
        None => File { path: "openapi.json".to_owned(), text: format!("{source:#}\n") },
    }
}

/// As cargo takes it, and no name of a crate that the project uses.
fn is_package_name(name: &str) -> bool {
    const RESERVED: [&str; 10] = [
        "specbound",
        "specbound-codegen",
        "specbound-contract",
        "slog",
        "tokio",
        "dropshot",
        "http",
        "serde",
        "test",
        "core",
    ];
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        && !RESERVED.contains(&name)
}
