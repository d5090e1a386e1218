//! Reads the files of a document: from disk, within the folder of the document, and no more than a
//! bounded size.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::source::{self, MAX_BYTES};

/// How the files that a document refers to are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions {
    /// Whether references may lead out of the folder of the document.
    pub allow_outside: bool,
}

/// Reads the files of one document.
pub(crate) struct Files {
    /// The folder of the document, canonical.
    folder: PathBuf,
    /// The same folder as given, for names.
    shown: PathBuf,
    options: ReadOptions,
    remaining: u64,
}

impl Files {
    /// For a document in this folder.
    pub fn new(folder: &Path, options: ReadOptions) -> Files {
        let shown = folder.to_owned();
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        Files { folder, shown, options, remaining: MAX_BYTES }
    }

    /// The path of a reference in the file `from`.
    pub fn locate(&self, from: &Path, reference: &str) -> Result<PathBuf, String> {
        let reference = Path::new(reference);
        let joined = from.parent().unwrap_or(Path::new("")).join(reference);
        let path = joined.canonicalize().map_err(|error| error.to_string())?;
        match path.starts_with(&self.folder) || self.options.allow_outside {
            true => Ok(path),
            false => Err(
                "it lies outside of the document's folder, which must be allowed (--allow-outside)"
                    .to_owned(),
            ),
        }
    }

    /// Reads and parses a file.
    pub fn read(&mut self, path: &Path) -> Result<(String, Value), String> {
        let file = fs::File::open(path).map_err(|error| error.to_string())?;
        let text = self.text(file).map_err(|error| error.to_string())?;
        let value = source::read(&text).map_err(|error| error.to_string())?.value;
        Ok((text, value))
    }

    /// The text of a reader, if it is within the size that is left.
    pub fn text(&mut self, reader: impl Read) -> io::Result<String> {
        let mut text = String::new();
        let size = reader.take(self.remaining + 1).read_to_string(&mut text)? as u64;
        self.remaining = self.remaining.checked_sub(size).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("larger than {} MB", MAX_BYTES >> 20),
            )
        })?;
        Ok(text)
    }

    /// The name of a file for a reader: as given, where it is below the folder.
    pub fn shown(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.folder).map(|rest| self.shown.join(rest));
        let path = relative.unwrap_or_else(|_| path.to_owned());
        let normal: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
        normal.display().to_string()
    }
}
