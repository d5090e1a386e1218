//! Reads the files of a document, within its folder, and no more than a bounded size. A
//! [`FileReader`] says where they are.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;
use thiserror::Error;

use crate::source::{self, MAX_BYTES, MAX_MEMORY, PositionTree, SyntaxError};

/// How the files that a document refers to are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions {
    /// Whether references may lead out of the folder of the document.
    pub allow_outside: bool,
    /// Most memory for the values of a file, in bytes; 400 MB without it.
    pub memory: Option<usize>,
}

/// Where the files of a document are read from: a disk, a revision of a repository, a server.
pub trait FileReader {
    /// The one name of the file that a path leads to.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;

    /// The one name of the file that a reference in the file `from` leads to.
    ///
    /// # Errors
    ///
    /// If there is no such file, or it may not be read.
    fn follow(&self, from: &Path, reference: &str) -> io::Result<PathBuf> {
        self.canonical(&from.parent().unwrap_or(Path::new("")).join(reference))
    }

    /// Opens a file by its one name.
    ///
    /// # Errors
    ///
    /// As of any file.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>>;

    /// Whether references to URLs are followed.
    fn fetches(&self) -> bool {
        false
    }
}

/// Files on disk.
#[derive(Debug, Clone, Copy)]
pub struct Disk;

impl FileReader for Disk {
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        path.canonicalize()
    }

    fn follow(&self, from: &Path, reference: &str) -> io::Result<PathBuf> {
        let path = self.canonical(&from.parent().unwrap_or(Path::new("")).join(reference))?;
        // A pipe would be waited for.
        match path.is_file() {
            true => Ok(path),
            false => Err(io::Error::other("this is no file")),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(fs::File::open(path)?))
    }
}

/// Whether a path or a reference is a URL, which has no folder.
pub(crate) fn is_url(text: &str) -> bool {
    text.contains("://") || text.starts_with("urn:")
}

/// Why a file that a document refers to is not read.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is outside of the document's folder: --allow-outside permits that")]
    Outside,
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
}

/// Reads the files of one document.
pub(crate) struct Files {
    reader: Rc<dyn FileReader>,
    /// The folder of the document, as the reader names it.
    folder: PathBuf,
    /// Prefix of displayed file names: the folder as given.
    shown: String,
    options: ReadOptions,
    remaining: u64,
}

impl Files {
    /// For a document in this folder. `shown` is the prefix of displayed file names.
    pub fn new(
        reader: Rc<dyn FileReader>,
        folder: &Path,
        shown: &str,
        options: ReadOptions,
    ) -> Files {
        let (folder, shown) = (folder.to_owned(), shown.to_owned());
        Files { reader, folder, shown, options, remaining: MAX_BYTES }
    }

    /// For a text without a file.
    pub fn none() -> Files {
        Files::new(Rc::new(Disk), Path::new(""), "", ReadOptions::default())
    }

    /// Whether references to URLs are followed.
    pub fn fetches(&self) -> bool {
        self.reader.fetches()
    }

    /// The path of a reference in the file `from`.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`] and [`FileError::Outside`].
    pub fn locate(&self, from: &Path, reference: &str) -> Result<PathBuf, FileError> {
        let path = self.reader.follow(from, reference)?;
        let is_below = path.starts_with(&self.folder) || is_url(&path.to_string_lossy());
        match is_below || self.options.allow_outside {
            true => Ok(path),
            false => Err(FileError::Outside),
        }
    }

    /// Reads and parses a file.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`] and [`FileError::Syntax`].
    pub fn read(
        &mut self,
        path: &Path,
    ) -> Result<(String, Value, Option<PositionTree>), FileError> {
        let text = self.text(self.reader.open(path)?)?;
        let (value, marks) = source::read(&text, self.memory())?;
        Ok((text, value, marks))
    }

    /// Most memory for the values of a file.
    pub fn memory(&self) -> usize {
        self.options.memory.unwrap_or(MAX_MEMORY)
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
    pub fn display_name(&self, path: &Path) -> String {
        match path.strip_prefix(&self.folder) {
            Ok(rest) => format!("{}{}", self.shown, rest.display()),
            Err(_) => path.display().to_string(),
        }
    }
}
