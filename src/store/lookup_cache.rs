//! Lookup cache, invalidated by any commit.
//!
//! Each commit, by any process, changes the header of the WAL index, which SQLite keeps in shared
//! memory. An entry stores the header that was current when it was read, and is valid only while
//! the header is unchanged; SQLite validates its page cache by the same rule (`walIndexTryHdr` in
//! wal.c). No explicit invalidation is needed: a revocation takes effect with the next request.
//!
//! Entries never expire by time, and reads of an open transaction are never cached.

use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use quick_cache::sync::Cache;
use rusqlite::{Connection, ffi};

use super::{Account, AccountFacts, Session, StoreError, Token};

/// Entries for tokens, and the same for sessions and for facts of accounts: 5 MB together, at about
/// 500 bytes per entry.
const MAX_ENTRIES: usize = 4096;

/// Cache for the lookups of nearly every request.
pub(super) struct LookupCache {
    header: SharedHeader,
    pub(super) tokens: Entries<(Token, Account)>,
    pub(super) sessions: Entries<(Session, Account)>,
    pub(super) facts: Entries<AccountFacts>,
}

/// Entries by the digest that was looked up.
pub(super) type Entries<T> = Cache<[u8; 32], Arc<Entry<T>>>;

/// A cached result, which may be that there is no record.
pub(super) struct Entry<T> {
    header: Header,
    value: Option<T>,
}

impl LookupCache {
    /// `None` without a WAL index, such as on a file system without shared memory: every lookup
    /// reads.
    ///
    /// # Errors
    ///
    /// If the connection cannot read.
    pub(super) fn new(connection: Connection) -> Result<Option<LookupCache>, StoreError> {
        let header = SharedHeader::of(connection)?;
        Ok(header.map(|header| LookupCache {
            header,
            tokens: Cache::new(MAX_ENTRIES),
            sessions: Cache::new(MAX_ENTRIES),
            facts: Cache::new(MAX_ENTRIES),
        }))
    }

    pub(super) fn find<T: Clone>(
        &self,
        entries: fn(&LookupCache) -> &Entries<T>,
        digest: &[u8; 32],
        read: impl FnOnce() -> Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let entries = entries(self);
        let before = self.header.read();
        if let Some(before) = before
            && let Some(entry) = entries.get(digest)
            && entry.header == before
        {
            return Ok(entry.value.clone());
        }
        let value = read()?;
        // After a concurrent commit, the result may be from before or after it.
        if let Some(header) = before
            && self.header.read() == before
        {
            entries.insert(*digest, Arc::new(Entry { header, value: value.clone() }));
        }
        Ok(value)
    }
}

/// `WalIndexHdr` of wal.c, 48 bytes: the change counter, the length of the log, the checksum of
/// its last frame and the salts of the log. Equal headers mean equal logs.
type Header = [u32; HEADER_WORDS];
const HEADER_WORDS: usize = 12;
/// The word whose first byte tells whether the header is initialised.
const IN_USE: usize = 3;
/// WALINDEX_PGSZ of wal.c: the unit in which the index is mapped.
const INDEX_PAGE: i32 = 32_768;

/// The header in shared memory.
struct SharedHeader {
    words: NonNull<AtomicU32>,
    /// Owns the mapping.
    _connection: Mutex<Connection>,
}

// SAFETY: `words` is only read, atomically, and stays mapped for as long as the connection beside
// it is open.
#[expect(unsafe_code, reason = "the write-ahead log's index is shared memory of SQLite")]
unsafe impl Send for SharedHeader {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "the write-ahead log's index is shared memory of SQLite")]
unsafe impl Sync for SharedHeader {}

impl SharedHeader {
    fn of(connection: Connection) -> Result<Option<SharedHeader>, StoreError> {
        // The first read opens the log and its index.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let words = map_index(&connection);
        Ok(words
            .map(|words| SharedHeader { words: words.cast(), _connection: Mutex::new(connection) }))
    }

    /// `None` during a commit, and if the index is not initialised.
    #[expect(unsafe_code, reason = "the write-ahead log's index is shared memory of SQLite")]
    fn read(&self) -> Option<Header> {
        // A commit writes the second copy, then the first. A reader that loads them in the
        // opposite order and finds them equal has a consistent header. Acquire loads keep that
        // order, and order the header before any decision based on it.
        let copy = |first: usize| -> Header {
            std::array::from_fn(|word| {
                // SAFETY: `map_index` mapped INDEX_PAGE bytes, of which the header's two copies
                // are the first 96.
                let word = unsafe { self.words.add(first + word).as_ref() };
                word.load(Ordering::Acquire)
            })
        };
        let header = copy(0);
        let is_whole = header == copy(HEADER_WORDS);
        let is_in_use = header[IN_USE].to_ne_bytes()[0] != 0;
        (is_whole && is_in_use).then_some(header)
    }
}

/// The first page of the index, which the connection has mapped already.
#[expect(unsafe_code, reason = "the write-ahead log's index is shared memory of SQLite")]
fn map_index(connection: &Connection) -> Option<NonNull<c_void>> {
    let mut file: *mut ffi::sqlite3_file = null_mut();
    let mut page: *mut c_void = null_mut();
    // SAFETY: the connection is open and used by this thread alone. SQLITE_FCNTL_FILE_POINTER
    // writes one pointer, to the open main database file; its methods live as long as the program.
    unsafe {
        let found = ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            (&raw mut file).cast(),
        );
        if found != ffi::SQLITE_OK {
            return None;
        }
        let methods = file.as_ref()?.pMethods.as_ref()?;
        // Shared memory requires version 2 of the methods.
        let map = methods.xShmMap.filter(|_| methods.iVersion >= 2)?;
        if map(file, 0, INDEX_PAGE, 0, &raw mut page) != ffi::SQLITE_OK {
            return None;
        }
    }
    NonNull::new(page)
}
