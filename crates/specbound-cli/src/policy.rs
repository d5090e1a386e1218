//! The policy file: where it is, and `specbound accept`, which adds to it.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use specbound_contract::Day;
use specbound_contract::policy::{self, Policy};
use specbound_contract::report;

use crate::inputs::Documents;
use crate::{Failure, failed, notes, print, unusable};

/// The name of the policy file that is read without an option.
const POLICY_FILE: &str = "specbound.toml";

#[derive(Args)]
pub struct PolicyArgs {
    /// The policy file. Without this option `specbound.toml` is read, from the current folder or
    /// one above it in the repository.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// A policy and where it is from.
pub struct LoadedPolicy {
    pub policy: Policy,
    pub path: PathBuf,
    /// The folder that its paths start from.
    pub folder: PathBuf,
}

impl PolicyArgs {
    pub fn read(&self) -> Result<LoadedPolicy, Failure> {
        let path = match &self.policy {
            Some(path) => path.clone(),
            None => nearest(),
        };
        let named =
            |why: &dyn ToString| unusable(format!("{}: {}", path.display(), why.to_string()));
        let policy = match std::fs::read_to_string(&path) {
            Ok(text) => Policy::parse(&text).map_err(|e| named(&e))?,
            Err(e) if self.policy.is_none() && e.kind() == ErrorKind::NotFound => Policy::default(),
            Err(e) => return Err(named(&e)),
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(LoadedPolicy { policy, path, folder })
    }
}

/// The policy file of the current folder, or of the nearest one above it up to the top of the
/// repository.
fn nearest() -> PathBuf {
    let mut folder = PathBuf::new();
    loop {
        let path = folder.join(POLICY_FILE);
        if path.exists() {
            return path;
        }
        let is_top = folder.join(".git").exists();
        folder.push("..");
        let leads_up = folder.canonicalize().is_ok_and(|folder| folder.parent().is_some());
        if is_top || !leads_up {
            return POLICY_FILE.into();
        }
    }
}

/// Checks a day of the command line, and returns it as it was given.
pub fn parse_day(text: &str) -> Result<String, Failure> {
    Day::parse(text)
        .map(|_| text.to_owned())
        .ok_or_else(|| unusable("not a date of the form 2030-12-31"))
}

pub fn accept(
    documents: &Documents,
    policy: &PolicyArgs,
    reason: &str,
    until: Option<&str>,
    write: bool,
) -> Result<ExitCode, Failure> {
    let LoadedPolicy { policy, path, folder } = policy.read()?;
    let pair = documents.read(&policy, &folder)?;
    notes(&pair.notes);
    let compared = report::Comparison::new(pair.old, pair.new, &policy, Day::today());
    let text = policy::acceptances(compared.verdicts(), reason, until);
    if !write {
        return print(&text);
    }
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| failed(format!("{}: {e}", path.display())))?;
    Ok(ExitCode::SUCCESS)
}
