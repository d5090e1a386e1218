//! The documents of a comparison: files, folders and patterns, revisions of git, URLs, standard
//! input.

use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;
use globset::{GlobBuilder, GlobMatcher};
use specbound_contract::policy::Policy;
use specbound_contract::report::{self, ReadError};
use specbound_contract::select::Selection;
use specbound_contract::{Disk, Document, FileReader, ParseError, ReadOptions};

use crate::git::{self, Revision};
use crate::memory;
use crate::web::{self, HttpReader};
use crate::{Failure, unusable};

/// Names of the document that is compared without arguments.
const DEFAULT_NAMES: [&str; 3] = ["openapi.yaml", "openapi.yml", "openapi.json"];

/// Most files that a folder or a pattern may name.
const MAX_FILES: usize = 10_000;

/// How files are read.
#[derive(Args, Clone)]
pub struct ReadSettings {
    /// Follow references out of the document's folder.
    #[arg(long)]
    pub allow_outside: bool,
    /// Fetch documents and references that are URLs.
    #[arg(long)]
    pub fetch: bool,
    /// Memory limit for the parsed values of one document, in MB; the process needs more in total.
    /// At most a quarter of the available memory is used.
    #[arg(long, value_name = "MB", default_value_t = 400)]
    pub max_memory: usize,
}

#[derive(Args)]
pub struct Documents {
    /// The old document: a file, a folder, a glob, `REVISION:PATH` of git, a URL, or `-` for
    /// standard input. Without documents, the merge base with the main branch is compared.
    old: Option<PathBuf>,
    /// The new document.
    #[arg(requires = "old")]
    new: Option<PathBuf>,
    /// The old document, as an option.
    #[arg(long = "old", id = "old_option", value_name = "DOCUMENT", requires = "new_option")]
    #[arg(conflicts_with_all = ["old", "new"])]
    old_option: Option<PathBuf>,
    /// The new document, as an option.
    #[arg(long = "new", id = "new_option", value_name = "DOCUMENT", requires = "old_option")]
    #[arg(conflicts_with_all = ["old", "new"])]
    new_option: Option<PathBuf>,
    /// Without documents, the branch to compare with.
    #[arg(long, value_name = "BRANCH", conflicts_with_all = ["old", "old_option"])]
    base: Option<String>,
    #[command(flatten)]
    reading: ReadSettings,
    /// Only paths that match, such as `/users*`. Can be repeated, like the options below.
    #[arg(long = "path", value_name = "PATTERN")]
    paths: Vec<String>,
    /// Only operations with a tag that matches.
    #[arg(long = "tag", value_name = "PATTERN")]
    tags: Vec<String>,
    /// Only operations whose operationId matches, or `POST /path`.
    #[arg(long = "operation", value_name = "PATTERN")]
    operations: Vec<String>,
    /// Strip this prefix from the paths of both sides.
    #[arg(long = "strip-prefix", value_name = "PREFIX")]
    strip_prefixes: Vec<String>,
}

/// Both sides of a comparison.
pub struct DocumentPair {
    pub old: Document,
    pub new: Document,
    /// Plain text.
    pub notes: Vec<String>,
}

impl Documents {
    /// Reads both documents; without arguments, those that the policy names. `folder` is the folder
    /// of the policy.
    pub fn read(&self, policy: &Policy, folder: &Path) -> Result<DocumentPair, Failure> {
        let old = self.old.as_ref().or(self.old_option.as_ref());
        let new = self.new.as_ref().or(self.new_option.as_ref());
        let mut pair = match (old, new) {
            (Some(old), Some(new)) => {
                if old == new && old == Path::new("-") {
                    return Err(unusable(ReadError::BothStdin));
                }
                let (old, path) = (read(old, &self.reading)?, new);
                let new = complete_with_old(path, read_incomplete(path, &self.reading)?, &old)?;
                DocumentPair { old, new, notes: Vec::new() }
            }
            (Some(_), None) => return Err(unusable("the document after the change is missing")),
            _ => self.since_merge_base(policy, folder)?,
        };
        let given = |own: &Vec<String>, policy: &Vec<String>| match own.is_empty() {
            true => policy.clone(),
            false => own.clone(),
        };
        let selection = Selection {
            paths: given(&self.paths, &policy.select.paths),
            tags: given(&self.tags, &policy.select.tags),
            operations: given(&self.operations, &policy.select.operations),
            strip_prefixes: given(&self.strip_prefixes, &policy.select.strip_prefixes),
        };
        for document in [&mut pair.old, &mut pair.new] {
            document.select(&selection).map_err(unusable)?;
        }
        Ok(pair)
    }

    /// The document in the working tree, and the one at the merge base with the main branch.
    fn since_merge_base(&self, policy: &Policy, folder: &Path) -> Result<DocumentPair, Failure> {
        let usual = || {
            let there = |name: &&str| folder.join(name).exists();
            DEFAULT_NAMES.into_iter().find(there).map(str::to_owned)
        };
        let Some(document) = policy.document.clone().or_else(usual) else {
            let message = "name two documents, or one as `document` in specbound.toml";
            return Err(unusable(message));
        };
        let base = match self.base.clone().or_else(|| policy.base.clone()) {
            Some(base) => base,
            None => git::main_branch().map_err(unusable)?,
        };
        let commit = git::merge_base(&base).map_err(unusable)?;
        let path = folder.join(&document);
        let new = read_incomplete(&path, &self.reading)?;
        // The path below the top of the repository, as the revision has it.
        let top = git::toplevel().and_then(|top| top.canonicalize()).map_err(unusable)?;
        let absolute = Path::new(".").join(folder).canonicalize().map_err(unusable)?;
        let below = absolute.strip_prefix(&top).map_err(unusable)?.join(&document);
        let short = &commit[..commit.len().min(12)];
        let old = read(Path::new(&format!("{short}:{}", below.display())), &self.reading);
        match old {
            Ok(old) => {
                let new = complete_with_old(&path, new, &old)?;
                Ok(DocumentPair { old, new, notes: Vec::new() })
            }
            // A document that is new breaks no client.
            Err(failure) if failure.is_missing => {
                let new = complete(&path, new)?;
                let notes = vec![format!("{document} is not in {base} yet: all of it is new")];
                let mut empty = new.value.clone();
                for member in ["paths", "webhooks", "components"] {
                    empty[member] = serde_json::json!({});
                }
                if let Some(info) = empty["info"].as_object_mut() {
                    info.insert("version".to_owned(), "0.0.0".into());
                }
                let old = Document::parse(&empty.to_string()).map_err(unusable)?;
                Ok(DocumentPair { old, new, notes })
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Reads one document, or several as one.
pub fn read(path: &Path, reading: &ReadSettings) -> Result<Document, Failure> {
    complete(path, read_incomplete(path, reading)?)
}

fn complete(path: &Path, document: Document) -> Result<Document, Failure> {
    document.complete().map_err(|source| failure(ReadError::Parse { path: path.into(), source }))
}

/// The new document, which may refer to components that only the old one has.
fn complete_with_old(path: &Path, document: Document, old: &Document) -> Result<Document, Failure> {
    let document = document.complete_after(old);
    document.map_err(|source| failure(ReadError::Parse { path: path.into(), source }))
}

/// Reads one document, or several as one, which may have unresolved references to components.
fn read_incomplete(path: &Path, reading: &ReadSettings) -> Result<Document, Failure> {
    let options = ReadOptions {
        allow_outside: reading.allow_outside,
        memory: Some(memory::for_each_document(reading.max_memory)),
    };
    let reader = |other: Rc<dyn FileReader>| match reading.fetch {
        true => Rc::new(HttpReader::new(other)),
        false => other,
    };
    if path == Path::new("-") {
        return report::read_stdin(reader(Rc::new(Disk)), options).map_err(failure);
    }
    if web::url(path).is_some() {
        if !reading.fetch {
            let message = format!("{}: URLs are fetched only with --fetch", path.display());
            return Err(unusable(message));
        }
        let reader = reader(Rc::new(Disk));
        return report::read_document_from(reader, path, path, options).map_err(failure);
    }
    let source = InputSource::of(path)?;
    let files: Rc<dyn FileReader> = match &source {
        InputSource::Disk(_) => Rc::new(Disk),
        InputSource::Revision(revision, ..) => Rc::new(revision.clone()),
    };
    let files = reader(files);
    let one = |file: &Path| {
        report::read_document_from(Rc::clone(&files), file, &source.display_path(file), options)
    };
    let Some(all) = source.expand().map_err(unusable)? else {
        return one(source.path()).map_err(failure);
    };
    let mut documents = Vec::new();
    for file in all {
        match one(&file) {
            Ok(document) => documents.push(document),
            // Other files, such as those that documents refer to.
            Err(ReadError::Parse { source: ParseError::NotOpenApi, .. }) => {}
            Err(error) => return Err(failure(error)),
        }
    }
    let combined = Document::combine(documents).map_err(unusable)?;
    combined.ok_or_else(|| Failure {
        is_missing: true,
        ..unusable(format!("{}: no OpenAPI 3 document found", path.display()))
    })
}

fn failure(error: ReadError) -> Failure {
    let is_missing =
        matches!(&error, ReadError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound);
    Failure { is_missing, ..unusable(error) }
}

/// Where a document is.
enum InputSource {
    Disk(PathBuf),
    /// The revision, its name as given, and the path below the top of the repository.
    Revision(Revision, String, PathBuf),
}

impl InputSource {
    fn of(path: &Path) -> Result<InputSource, Failure> {
        let text = path.to_str().unwrap_or_default();
        match text.split_once(':') {
            // One letter is a drive.
            Some((name, rest)) if name.len() > 1 && !path.exists() => {
                let revision = Revision::find(name)
                    .map_err(|error| unusable(format!("{}: {error}", path.display())))?;
                let rest = revision.path(rest);
                Ok(InputSource::Revision(revision, name.to_owned(), rest))
            }
            _ => Ok(InputSource::Disk(path.to_owned())),
        }
    }

    fn path(&self) -> &Path {
        match self {
            InputSource::Disk(path) | InputSource::Revision(_, _, path) => path,
        }
    }

    /// The name of a file in reports.
    fn display_path(&self, file: &Path) -> PathBuf {
        match self {
            InputSource::Disk(_) => file.to_owned(),
            InputSource::Revision(_, name, _) => format!("{name}:{}", file.display()).into(),
        }
    }

    /// The files of a folder or a pattern. `None` for one file.
    fn expand(&self) -> io::Result<Option<Vec<PathBuf>>> {
        let path = self.path();
        let is_folder = match self {
            InputSource::Disk(path) => path.is_dir(),
            InputSource::Revision(revision, ..) => revision.is_folder(path),
        };
        let text = path.to_string_lossy().into_owned();
        let (folder, matcher) = match text.find(['*', '?', '[', '{']) {
            _ if is_folder => (path.to_owned(), None),
            Some(_) if self.exists() => return Ok(None),
            Some(at) => {
                let folder = text[..at].rfind('/').map_or("", |end| &text[..=end]);
                (PathBuf::from(folder), Some(matcher(&text)?))
            }
            None => return Ok(None),
        };
        let mut files = match self {
            InputSource::Disk(_) => walk(&folder)?,
            InputSource::Revision(revision, ..) => revision.files(&folder)?,
        };
        files.retain(|file| match &matcher {
            Some(matcher) => matcher.is_match(file.strip_prefix(".").unwrap_or(file)),
            None => is_document(file),
        });
        // The order of one side must be that of the other.
        files.sort();
        Ok(Some(files))
    }

    fn exists(&self) -> bool {
        match self {
            InputSource::Disk(path) => path.exists(),
            InputSource::Revision(revision, _, path) => revision.canonical(path).is_ok(),
        }
    }
}

fn matcher(pattern: &str) -> io::Result<GlobMatcher> {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(io::Error::other)
}

fn is_document(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| ["yaml", "yml", "json"].contains(&extension))
}

/// All files below a folder but hidden ones. Links to folders are not followed.
fn walk(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let is_current = folder.as_os_str().is_empty();
        let opened = if is_current { Path::new(".") } else { &folder };
        for entry in std::fs::read_dir(opened)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            let path = folder.join(name);
            match entry.file_type()?.is_dir() {
                true => waiting.push(path),
                false => files.push(path),
            }
            if files.len() > MAX_FILES {
                return Err(io::Error::other(format!("more than {MAX_FILES} files")));
            }
        }
    }
    Ok(files)
}
