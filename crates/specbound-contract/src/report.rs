//! Comparing two documents as a command line does: read both, compare, render the report, decide
//! the exit status.
//!
//! Shared by `specbound` and by servers that compare what they export with their own document.

use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;

use crate::compatibility::Verdict;
use crate::compatibility::{self, render};
use crate::diff::{self, Sides};
use crate::files::Files;
use crate::formats;
use crate::policy::{Outcome, Policy};
use crate::{Day, Document, ParseError, ReadOptions};

/// How a report is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Format {
    /// For a terminal.
    Text,
    /// For programs.
    Json,
    /// For a review comment.
    Markdown,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, for a list of tests.
    Junit,
    /// Annotations of GitHub Actions.
    Github,
    /// Code Climate, for GitLab.
    CodeClimate,
}

/// Which changes fail a compatibility report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum FailOn {
    /// Changes that break clients or may break them.
    Breaking,
    /// Any change of meaning.
    Any,
    /// No change.
    None,
}

/// A rendered report and the decision that it supports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The report, ending in a line break.
    pub text: String,
    /// Whether the comparison failed: exit status 1.
    pub failed: bool,
}

/// Why a document could not be read. The message is one line that names the file: exit status 2.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file or standard input could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path as given.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The text is not a document that can be compared.
    #[error("{}: {}", path.display(), source.to_string().replace('\n', " "))]
    Parse {
        /// The path as given.
        path: PathBuf,
        /// The reason.
        source: ParseError,
    },
    /// Both documents were to come from standard input.
    #[error("only one document can be standard input")]
    BothStdin,
}

/// Reads a document from a file, or from standard input for `-`, with the files that it refers to.
///
/// # Errors
///
/// [`ReadError::Io`] or [`ReadError::Parse`], each with the path.
pub fn read_document(path: &Path, options: ReadOptions) -> Result<Document, ReadError> {
    read(path, options)?
        .complete()
        .map_err(|source| ReadError::Parse { path: path.to_owned(), source })
}

/// A document that may refer to components that it does not have.
fn read(path: &Path, options: ReadOptions) -> Result<Document, ReadError> {
    let io = |source| ReadError::Io { path: path.to_owned(), source };
    // References in standard input are relative to the current folder.
    let file = if path == Path::new("-") { Path::new("stdin") } else { path };
    let mut files = Files::new(file.parent().unwrap_or(Path::new("")), options);
    let text = match path == Path::new("-") {
        true => files.text(std::io::stdin().lock()),
        false => std::fs::File::open(path).and_then(|file| files.text(file)),
    };
    // A document that refers to itself by its name is one file, not two.
    let file = file.canonicalize().or_else(|_| std::path::absolute(file)).map_err(io)?;
    let document = Document::from_text(&text.map_err(io)?, Some(&file), &mut files);
    document.map_err(|source| ReadError::Parse { path: path.to_owned(), source })
}

/// Reads the old and the new document of a comparison.
///
/// # Errors
///
/// As [`read_document`], and [`ReadError::BothStdin`].
pub fn read_documents(
    old: &Path,
    new: &Path,
    options: ReadOptions,
) -> Result<(Document, Document), ReadError> {
    if old == Path::new("-") && new == Path::new("-") {
        return Err(ReadError::BothStdin);
    }
    let (old, path) = (read_document(old, options)?, new);
    let new = read(path, options)?.complete_beside(&old);
    let new = new.map_err(|source| ReadError::Parse { path: path.to_owned(), source })?;
    Ok((old, new))
}

/// What the changes mean for clients, by a policy. Fails as `fail_on` says; accepted findings do
/// not count.
pub fn gate(
    old: &Document,
    new: &Document,
    policy: &Policy,
    today: Day,
    format: Format,
    fail_on: FailOn,
) -> Report {
    let Outcome { verdicts, accepted, notes } = policy.compare(old, new, today);
    let sides = formats::Sides { old, new };
    let text = match format {
        Format::Text => {
            let accepted = match accepted.len() {
                0 => String::new(),
                count => format!("{count} accepted by the policy\n"),
            };
            let notes = notes.iter().map(|note| format!("note: {note}\n")).collect::<String>();
            format!("{}{accepted}{notes}", render::to_text(&verdicts))
        }
        Format::Json => {
            let mut report = render::to_json(&verdicts);
            for (entry, verdict) in report.as_array_mut().into_iter().flatten().zip(&verdicts) {
                entry["source"] = sides.source(verdict);
            }
            pretty(&report)
        }
        Format::Markdown => {
            let notes = notes.iter().map(|note| format!("\n> {note}\n")).collect::<String>();
            format!("{}{notes}", render::to_markdown(&verdicts))
        }
        Format::Sarif => pretty(&formats::sarif(&verdicts, sides)),
        Format::Junit => formats::junit(&verdicts, sides),
        Format::Github => formats::github(&verdicts, sides),
        Format::CodeClimate => pretty(&formats::code_climate(&verdicts, sides)),
    };
    Report { text, failed: fails(&verdicts, fail_on) }
}

fn fails(verdicts: &[Verdict], fail_on: FailOn) -> bool {
    match fail_on {
        FailOn::Breaking => compatibility::may_break(verdicts),
        FailOn::Any => !verdicts.is_empty(),
        FailOn::None => false,
    }
}

/// Every difference in meaning. Fails when there is one.
pub fn difference(old: &Value, new: &Value, sides: Sides, format: Format) -> Report {
    let differences = diff::diff(old, new);
    let text = match format {
        Format::Text | Format::Github | Format::Junit => diff::to_text(&differences, sides),
        Format::Json | Format::Sarif | Format::CodeClimate => {
            pretty(&diff::to_json(&differences, sides))
        }
        Format::Markdown => format!("```text\n{}```\n", diff::to_text(&differences, sides)),
    };
    Report { text, failed: !differences.is_empty() }
}

/// What the changes from `old` to `new` mean for clients, without a policy. Fails as `fail_on`
/// says.
pub fn compatibility(old: &Document, new: &Document, format: Format, fail_on: FailOn) -> Report {
    gate(old, new, &Policy::default(), Day::today(), format, fail_on)
}

/// Indented JSON, ending in a line break.
fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "openapi: 3.0.3\npaths: {/a: {get: {responses: {}}}}";
    const NEW: &str = "openapi: 3.0.3\npaths: {/a: {get: {responses: {}}, post: {responses: {}}}}";

    #[test]
    fn added_operation_fails_only_on_any_change() {
        let (old, new) = (Document::parse(OLD).unwrap(), Document::parse(NEW).unwrap());
        assert!(!compatibility(&old, &new, Format::Text, FailOn::Breaking).failed);
        assert!(compatibility(&old, &new, Format::Text, FailOn::Any).failed);
        assert!(compatibility(&new, &old, Format::Text, FailOn::Breaking).failed);
        assert!(difference(&old.value, &new.value, Sides::OLD_NEW, Format::Text).failed);
        assert!(!difference(&old.value, &old.value, Sides::OLD_NEW, Format::Text).failed);
    }

    #[test]
    fn a_component_that_is_gone_but_still_referred_to_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, schemas: &str| {
            let path = folder.path().join(name);
            let get = "{get: {responses: {'200': {content: {a/b: {schema: {$ref: \
                '#/components/schemas/A'}}}}}}}";
            let text = format!("openapi: 3.0.3\npaths: {{/a: {get}}}\ncomponents: {schemas}");
            std::fs::write(&path, text).unwrap();
            path
        };
        let (with, without) = (path("with", "{schemas: {A: {}}}"), path("without", "{}"));
        let (old, new) = read_documents(&with, &without, ReadOptions::default()).unwrap();
        assert!(compatibility(&old, &new, Format::Text, FailOn::Breaking).failed);
        // Neither document has it: nothing can be compared.
        for old in [&with, &without] {
            let error = read_documents(&without, old, ReadOptions::default()).unwrap_err();
            assert!(error.to_string().contains("`#/components/schemas/A` cannot be resolved"));
        }
    }

    #[test]
    fn read_error_is_one_line_that_names_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a: [\nb").unwrap();
        let error = read_document(file.path(), ReadOptions::default()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: ", file.path().display())), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        let missing =
            read_document(Path::new("/no/such/file"), ReadOptions::default()).unwrap_err();
        assert!(matches!(missing, ReadError::Io { .. }), "{missing}");
        let stdin = Path::new("-");
        assert!(matches!(
            read_documents(stdin, stdin, ReadOptions::default()),
            Err(ReadError::BothStdin)
        ));
    }
}
