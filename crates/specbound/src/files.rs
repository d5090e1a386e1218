//! Files of a form: in memory while they are small, otherwise in an unnamed temporary file, which
//! the operating system removes with its last handle.
//!
//! It never uses the name of a file as a path, and never holds more than twice [`PIECE_BYTES`] of a
//! form's files in memory, unless the handler calls [`File::bytes`].

use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::ApiError;
use crate::large_bodies::{DiskRoom, NoRoom, ReadPermit};
use crate::negotiation::closeness;

/// Bytes that are written to and read from a temporary file at a time. All files of a request
/// together hold as much in memory; the rest is on disk.
pub(crate) const PIECE_BYTES: usize = 65_536;

/// A member of a form that is a file, as the document declares it.
#[derive(Debug, Clone, Copy)]
pub struct FileRow {
    /// Its name.
    pub name: &'static str,
    /// `required`.
    pub required: bool,
    /// Whether it is an array of files.
    pub is_array: bool,
    /// `minItems`.
    pub min_items: Option<usize>,
    /// `maxItems`.
    pub max_items: Option<usize>,
    /// `maxLength`, in bytes.
    pub max_length: Option<u64>,
    /// The content types that it may have, which may be ranges. Empty for any.
    pub content_types: &'static [&'static str],
}

impl FileRow {
    /// Whether a file may have this content type.
    pub(crate) fn takes(&self, content_type: &str) -> bool {
        let takes = |range: &&str| closeness(range, content_type).is_some();
        self.content_types.is_empty() || self.content_types.iter().any(takes)
    }
}

/// A struct with a member for each file of a form.
pub trait FormFiles: Sized + Send + 'static {
    /// One row for each member.
    const ALL: &'static [FileRow];
    /// The struct. `None` if a required file is missing.
    fn take(sent: &mut SentFiles) -> Option<Self>;
}

/// The files of one form by name.
#[derive(Default)]
pub struct SentFiles(Vec<(&'static str, File)>);

impl SentFiles {
    pub(crate) fn push(&mut self, name: &'static str, file: File) {
        self.0.push((name, file));
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.0.iter().filter(|(known, _)| *known == name).count()
    }

    /// The first file of a name.
    pub fn one(&mut self, name: &str) -> Option<File> {
        let place = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(place).1)
    }

    /// All files of a name, in their order.
    pub fn list(&mut self, name: &str) -> Vec<File> {
        std::iter::from_fn(|| self.one(name)).collect()
    }
}

/// A file that a client sent in a form.
pub struct File {
    name: Option<String>,
    content_type: Option<String>,
    length: u64,
    content: Content,
}

enum Content {
    Memory(Bytes),
    /// From the first offset to before the second.
    Disk(Arc<Disk>, u64, u64),
}

/// The temporary file of one form: one, since the server has few file descriptors.
struct Disk {
    file: Mutex<std::fs::File>,
    /// Its share of the disk space that all forms may take.
    room: Mutex<Option<DiskRoom>>,
}

impl Disk {
    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)
    }

    /// A piece: [`PIECE_BYTES`], or less at the end.
    fn read(&self, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let length = to.saturating_sub(from).min(PIECE_BYTES as u64);
        let mut piece = vec![0; usize::try_from(length).unwrap_or(PIECE_BYTES)];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut piece)?;
        Ok(piece)
    }
}

impl std::fmt::Debug for File {
    /// Without its content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "File({} bytes)", self.length)
    }
}

impl File {
    /// The last segment of the name that the client gave, without control characters. For display
    /// only: never use it as a path.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// `Content-Type` of its part, as the client sent it.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The next bytes, 64 KiB at most; `None` at the end.
    ///
    /// # Errors
    ///
    /// 500 when the disk fails.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        match &mut self.content {
            Content::Memory(bytes) => {
                let bytes = std::mem::take(bytes);
                Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
            }
            Content::Disk(disk, from, to) => {
                let (disk, start, to) = (Arc::clone(disk), *from, *to);
                let piece = on_disk(move || disk.read(start, to)).await?;
                *from += piece.len() as u64;
                Ok(Some(Bytes::from(piece)).filter(|piece| !piece.is_empty()))
            }
        }
    }

    /// All of it, in memory.
    ///
    /// # Errors
    ///
    /// As [`File::chunk`].
    pub async fn bytes(mut self) -> Result<Vec<u8>, ApiError> {
        let mut all = Vec::with_capacity(usize::try_from(self.length).unwrap_or(0));
        while let Some(piece) = self.chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    /// Writes it to a new file. The path is the server's own, never the client's name. A file that
    /// cannot be written whole is removed.
    ///
    /// # Errors
    ///
    /// 500 when there is such a file already, or the disk fails; 503 when it is full.
    pub async fn save(self, path: impl Into<PathBuf>) -> Result<(), ApiError> {
        let (path, content) = (path.into(), self.content);
        on_disk(move || {
            let mut target = std::fs::File::create_new(&path)?;
            let written = content.write_to(&mut target);
            if written.is_err() {
                // The error that matters is the first one.
                let _ = std::fs::remove_file(&path);
            }
            written
        })
        .await
    }
}

impl Content {
    fn write_to(self, target: &mut std::fs::File) -> io::Result<()> {
        match self {
            Content::Memory(bytes) => target.write_all(&bytes),
            Content::Disk(disk, mut from, to) => {
                while from < to {
                    let piece = disk.read(from, to)?;
                    target.write_all(&piece)?;
                    from += piece.len() as u64;
                }
                Ok(())
            }
        }
    }
}

/// The files of one form while it is received.
pub(crate) struct Spool {
    /// Bytes that may still stay in memory.
    memory: usize,
    disk: Option<Arc<Disk>>,
    /// Bytes on disk.
    end: u64,
}

/// A file that is being received.
#[derive(Default)]
pub(crate) struct IncomingFile {
    buffer: Vec<u8>,
    /// Bytes that are on disk already. They end where the spool ends.
    on_disk: u64,
}

impl Spool {
    pub fn new() -> Spool {
        Spool { memory: PIECE_BYTES, disk: None, end: 0 }
    }

    /// Adds bytes to the file that is received.
    ///
    /// # Errors
    ///
    /// 503 when other forms have taken all room, 500 when the disk fails.
    pub async fn write(
        &mut self,
        file: &mut IncomingFile,
        mut piece: &[u8],
        permit: &ReadPermit,
    ) -> Result<(), ApiError> {
        while file.buffer.len() + piece.len() > PIECE_BYTES {
            let (now, later) = piece.split_at(PIECE_BYTES - file.buffer.len());
            file.buffer.extend_from_slice(now);
            self.flush(file, permit).await?;
            piece = later;
        }
        file.buffer.extend_from_slice(piece);
        Ok(())
    }

    async fn flush(
        &mut self,
        file: &mut IncomingFile,
        permit: &ReadPermit,
    ) -> Result<(), ApiError> {
        let disk = match &self.disk {
            Some(disk) => Arc::clone(disk),
            None => {
                let file = Mutex::new(on_disk(tempfile::tempfile).await?);
                let disk = Arc::new(Disk { file, room: Mutex::default() });
                Arc::clone(self.disk.insert(disk))
            }
        };
        let (at, mut buffer) = (self.end, std::mem::take(&mut file.buffer));
        permit.take_disk(
            buffer.len() as u64,
            &mut disk.room.lock().unwrap_or_else(PoisonError::into_inner),
        )?;
        file.on_disk += buffer.len() as u64;
        self.end += buffer.len() as u64;
        let written = on_disk(move || {
            disk.write(at, &buffer)?;
            buffer.clear();
            Ok(buffer)
        });
        file.buffer = written.await?;
        Ok(())
    }

    /// The file, in memory if it is small and there is room.
    ///
    /// # Errors
    ///
    /// As [`Spool::write`].
    pub async fn finish(
        &mut self,
        mut file: IncomingFile,
        name: Option<String>,
        content_type: Option<String>,
        permit: &ReadPermit,
    ) -> Result<File, ApiError> {
        let length = file.on_disk + file.buffer.len() as u64;
        if file.on_disk == 0 && file.buffer.len() <= self.memory {
            self.memory -= file.buffer.len();
            file.buffer.shrink_to_fit();
            let content = Content::Memory(file.buffer.into());
            return Ok(File { name, content_type, length, content });
        }
        self.flush(&mut file, permit).await?;
        let content = match &self.disk {
            Some(disk) => Content::Disk(Arc::clone(disk), self.end - length, self.end),
            None => Content::Memory(Bytes::new()),
        };
        Ok(File { name, content_type, length, content })
    }
}

/// Runs work on the disk away from the async workers.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(disk_error),
        Err(e) => Err(disk_error(io::Error::other(e))),
    }
}

/// 503 when the disk is full, which large files of clients can cause; otherwise 500.
fn disk_error(error: io::Error) -> ApiError {
    let message = format!("a file was not kept: {error}");
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            ApiError::from(NoRoom).with_internal(message)
        }
        _ => ApiError::internal(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn partially_written_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("saved");
        let file = |bytes: u64| {
            let mut spooled = tempfile::tempfile().unwrap();
            spooled.write_all(&vec![b'x'; PIECE_BYTES + 1]).unwrap();
            let disk = Disk { file: Mutex::new(spooled), room: Mutex::default() };
            let content = Content::Disk(Arc::new(disk), 0, bytes);
            File { name: None, content_type: None, length: bytes, content }
        };
        let cut_short = file(2 * PIECE_BYTES as u64).save(&path).await;
        assert_eq!(cut_short.unwrap_err().status(), 500);
        assert!(!path.exists());
        file(PIECE_BYTES as u64 + 1).save(&path).await.unwrap();
        // An existing file is never touched.
        assert_eq!(file(1).save(&path).await.unwrap_err().status(), 500);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), PIECE_BYTES as u64 + 1);
    }

    #[test]
    fn full_disk_is_503() {
        assert_eq!(disk_error(ErrorKind::StorageFull.into()).status(), 503);
        assert_eq!(disk_error(ErrorKind::NotFound.into()).status(), 500);
    }
}
