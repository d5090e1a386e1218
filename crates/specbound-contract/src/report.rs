//! Comparing two documents as a command line does: read both, compare, render the report, decide
//! the exit status.
//!
//! Shared by `specbound` and by servers that compare their export with their own document.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;
use thiserror::Error;

pub use crate::compatibility::render::Style;
use crate::compatibility::{self, Verdict, render};
use crate::diff::{self, DocumentNames};
use crate::files::{Disk, FileReader, Files};
use crate::policy::{Outcome, Policy};
use crate::quoting::code;
use crate::summary::Summary;
use crate::{Day, Document, ParseError, ReadOptions, changelog, formats, html};

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
    /// One page for a browser.
    Html,
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
    /// Lines for a reader that the report has no place for.
    pub notes: Vec<String>,
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
    match path == Path::new("-") {
        true => read_stdin(Rc::new(Disk), options),
        false => read_document_from(Rc::new(Disk), path, path, options),
    }
}

/// Reads a document from standard input. References are relative to the current folder. It may
/// refer to components that it does not have; see [`Document::complete`].
///
/// # Errors
///
/// As [`read_document`].
pub fn read_stdin(reader: Rc<dyn FileReader>, options: ReadOptions) -> Result<Document, ReadError> {
    let path = Path::new("-");
    let io = |source| ReadError::Io { path: path.to_owned(), source };
    let file = std::path::absolute("stdin").map_err(io)?;
    let folder = Path::new(".").canonicalize().map_err(io)?;
    let mut files = Files::new(reader, &folder, "", options);
    let text = files.text(std::io::stdin().lock()).map_err(io)?;
    let document = Document::from_text(&text, Some(&file), &mut files);
    document.map_err(|source| ReadError::Parse { path: path.to_owned(), source })
}

/// Reads the document at `path`, and the files that it refers to, by a reader. Reports and errors
/// name it `shown`. It may refer to components that it does not have; see [`Document::complete`].
///
/// # Errors
///
/// As [`read_document`].
pub fn read_document_from(
    reader: Rc<dyn FileReader>,
    path: &Path,
    shown: &Path,
    options: ReadOptions,
) -> Result<Document, ReadError> {
    let io = |source| ReadError::Io { path: shown.to_owned(), source };
    // A document that refers to itself by its name is one file, not two.
    let file = reader.canonical(path).map_err(io)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let name = shown.display().to_string();
    let prefix = name.strip_prefix("./").unwrap_or(&name);
    // The name of the file itself is that after the last `/`, or after the revision.
    let prefix = &prefix[..prefix.rfind(['/', ':']).map_or(0, |at| at + 1)];
    let mut files = Files::new(Rc::clone(&reader), folder, prefix, options);
    let text = reader.open(&file).and_then(|reader| files.text(reader)).map_err(io)?;
    let document = Document::from_text(&text, Some(&file), &mut files);
    document.map_err(|source| ReadError::Parse { path: shown.to_owned(), source })
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
    let new = read(path, options)?.complete_after(&old);
    let new = new.map_err(|source| ReadError::Parse { path: path.to_owned(), source })?;
    Ok((old, new))
}

/// Two documents, and what their differences mean for clients by a policy.
pub struct Comparison {
    old: Document,
    new: Document,
    outcome: Outcome,
}

impl Comparison {
    /// Compares two documents.
    pub fn new(mut old: Document, mut new: Document, policy: &Policy, today: Day) -> Comparison {
        let outcome = policy.compare(&mut old, &mut new, today);
        Comparison { old, new, outcome }
    }

    fn sides(&self) -> formats::DocumentPair<'_> {
        formats::DocumentPair { old: &self.old, new: &self.new }
    }

    /// The verdicts that count.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.outcome.verdicts
    }

    /// What the changes mean for clients. Fails as `fail_on` says; accepted findings do not count.
    pub fn report(&self, format: Format, style: Style, fail_on: FailOn) -> Report {
        let Outcome { verdicts, accepted, notes } = &self.outcome;
        let sides = self.sides();
        let places = |verdict: &Verdict| sides.places(verdict);
        let mut left = notes.clone();
        let text = match format {
            Format::Text => {
                left.clear();
                let accepted = match accepted.len() {
                    0 => String::new(),
                    count => format!("{count} accepted by the policy\n"),
                };
                let notes = notes.iter().map(|note| format!("note: {note}\n"));
                let text = render::text(verdicts, &places, style);
                format!("{text}{accepted}{}", notes.collect::<String>())
            }
            Format::Json => {
                let mut report = render::to_json(verdicts);
                for (entry, verdict) in report.as_array_mut().into_iter().flatten().zip(verdicts) {
                    entry["source"] = sides.source(verdict);
                }
                pretty(&report)
            }
            Format::Markdown => {
                left.clear();
                let accepted = accepted.iter().map(|(verdict, reason)| {
                    let at = render::markdown_item(verdict, &places);
                    format!("{} Accepted: {}\n", at.trim_end(), code(reason))
                });
                let accepted: String = accepted.collect();
                let accepted = match accepted.is_empty() {
                    true => accepted,
                    false => format!("\n#### Accepted by the policy\n\n{accepted}"),
                };
                let notes = notes.iter().map(|note| format!("\n> {note}\n")).collect::<String>();
                format!("{}{accepted}{notes}", render::markdown(verdicts, &places))
            }
            Format::Html => {
                left.clear();
                html::page(&self.outcome, sides)
            }
            Format::Sarif => pretty(&formats::sarif(&self.outcome, sides)),
            Format::Junit => formats::junit(&self.outcome, sides),
            Format::Github => {
                let notes = left.drain(..).map(|note| format!("::warning::{note}\n"));
                formats::github(verdicts, sides) + &notes.collect::<String>()
            }
            Format::CodeClimate => pretty(&formats::code_climate(verdicts, sides)),
        };
        Report { text, failed: fails(verdicts, fail_on), notes: left }
    }

    /// All changes, sorted as people read them: those that break clients, what is new, changed,
    /// deprecated and gone.
    pub fn changelog(&self, format: Format, style: Style) -> Report {
        let places = |verdict: &Verdict| self.sides().places(verdict);
        let (title, verdicts) = (formats::title(self.sides()), &self.outcome.verdicts);
        let text = match format {
            Format::Text => changelog::text(&title, verdicts, &places, style),
            Format::Markdown => changelog::markdown(&title, verdicts, &places),
            other => return self.report(other, style, FailOn::None),
        };
        Report { text, failed: false, notes: Vec::new() }
    }

    /// Counts of what changed.
    pub fn summary(&self, format: Format) -> Report {
        let summary = Summary::of(self.sides(), &self.outcome);
        let text = match format {
            Format::Json => pretty(&summary.json()),
            Format::Markdown => summary.markdown(),
            _ => summary.text(),
        };
        Report { text, failed: false, notes: Vec::new() }
    }
}

fn fails(verdicts: &[Verdict], fail_on: FailOn) -> bool {
    match fail_on {
        FailOn::Breaking => compatibility::may_break(verdicts),
        FailOn::Any => !verdicts.is_empty(),
        FailOn::None => false,
    }
}

/// Every difference in meaning. Fails when there is one.
pub fn difference(old: &Value, new: &Value, names: DocumentNames, format: Format) -> Report {
    let differences = diff::diff(old, new);
    let text = match format {
        Format::Text | Format::Github | Format::Junit | Format::Html => {
            diff::to_text(&differences, names)
        }
        Format::Json | Format::Sarif | Format::CodeClimate => {
            pretty(&diff::to_json(&differences, names))
        }
        Format::Markdown => format!("```text\n{}```\n", diff::to_text(&differences, names)),
    };
    Report { text, failed: !differences.is_empty(), notes: Vec::new() }
}

/// The effect of the changes from `old` to `new` on clients, without a policy. Fails as `fail_on`
/// says.
pub fn compatibility(old: Document, new: Document, format: Format, fail_on: FailOn) -> Report {
    let comparison = Comparison::new(old, new, &Policy::default(), Day::today());
    comparison.report(format, Style::Plain, fail_on)
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
        let fails = |old: &str, new: &str, fail_on: FailOn| {
            let (old, new) = (Document::parse(old).unwrap(), Document::parse(new).unwrap());
            compatibility(old, new, Format::Text, fail_on).failed
        };
        assert!(!fails(OLD, NEW, FailOn::Breaking));
        assert!(fails(OLD, NEW, FailOn::Any));
        assert!(fails(NEW, OLD, FailOn::Breaking));
        let (old, new) = (Document::parse(OLD).unwrap(), Document::parse(NEW).unwrap());
        assert!(difference(&old.value, &new.value, DocumentNames::OLD_NEW, Format::Text).failed);
        assert!(!difference(&old.value, &old.value, DocumentNames::OLD_NEW, Format::Text).failed);
    }

    #[test]
    fn removed_component_with_references_is_reported() {
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
        assert!(compatibility(old, new, Format::Text, FailOn::Breaking).failed);
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
