//! Mutations of valid inputs: bytes flipped, dropped or duplicated, and splices.
//!
//! An input with a new outcome joins the corpus, so that later inputs go deeper. Code coverage is
//! not measured, which would require a nightly compiler.

use std::collections::HashSet;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// Maximum size of the corpus, and of an input.
const MAX_CORPUS: usize = 2000;
const MAX_BYTES: usize = 4096;

/// Tokens of the parsers and edge cases.
const WORDS: &[&[u8]] = &[
    b"\0",
    b"\r\n",
    b"\n",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"%00",
    b"%",
    b"%ff",
    b"%2F",
    b"%2f",
    b"%2e",
    b"%25",
    b"+",
    b"&",
    b"=",
    b";",
    b",",
    b":",
    b"$",
    b"@",
    b".",
    b"..",
    b"/",
    b"//",
    b"--",
    b"-",
    b"{",
    b"}",
    b"[",
    b"]",
    b"[[[[[[[[",
    b"null",
    b"true",
    b"NaN",
    b"-0",
    b"0",
    b"-1",
    b"1e999",
    b"1e-999",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"4294967296",
    b"99999999999999999999999999",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xe2\x84\xaa",
    b"\xf0\x9f\x98\x80",
    b"\x7f",
    b" ",
    b"\t",
    b"''",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"\n---\n",
    b"!!str ",
    b"? ",
    b"- ",
    b"|\n",
    b"#",
];

pub struct Mutator {
    random: SmallRng,
    corpus: Vec<Vec<u8>>,
    seen: HashSet<u64>,
}

impl Mutator {
    /// The same seed and name give the same inputs.
    pub fn new(seed: u64, name: &str, corpus: Vec<Vec<u8>>) -> Mutator {
        let named = name
            .bytes()
            .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        Mutator { random: SmallRng::seed_from_u64(named), corpus, seen: HashSet::new() }
    }

    /// With up to `most` changes.
    pub fn next(&mut self, max_changes: u32) -> Vec<u8> {
        let input = self.corpus.choose(&mut self.random).cloned().unwrap_or_default();
        self.mutated(input, max_changes)
    }

    /// Like `next`, for a given input.
    pub fn mutated(&mut self, mut input: Vec<u8>, max_changes: u32) -> Vec<u8> {
        for _ in 0..self.random.random_range(1..=max_changes) {
            self.mutate(&mut input);
        }
        input.truncate(MAX_BYTES);
        input
    }

    /// One or two changes, without the limit of size.
    pub fn lightly_mutated(&mut self, mut input: Vec<u8>) -> Vec<u8> {
        for _ in 0..self.random.random_range(1..=2) {
            self.mutate(&mut input);
        }
        input
    }

    /// Keeps an input whose `outcome` is new.
    pub fn learn(&mut self, input: &[u8], outcome: u64) {
        if self.corpus.len() < MAX_CORPUS && self.seen.insert(outcome) {
            self.corpus.push(input.to_vec());
        }
    }

    pub fn outcomes(&self) -> usize {
        self.seen.len()
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let random = &mut self.random;
        let at = random.random_range(0..=input.len());
        let to = random.random_range(at..=input.len().min(at + 16));
        match random.random_range(0..10) {
            0 | 1 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
            2 if at < input.len() => input[at] = random.random(),
            3 => drop(input.drain(at..to)),
            4 => {
                let piece = input[at..to].repeat(random.random_range(1..8));
                drop(input.splice(at..at, piece));
            }
            5 => input.truncate(at),
            6 => {
                let other = self.corpus.choose(random).cloned().unwrap_or_default();
                let from = random.random_range(0..=other.len());
                let until = random.random_range(from..=other.len().min(from + 32));
                drop(input.splice(at..to, other[from..until].iter().copied()));
            }
            7 => input.insert(at, random.random()),
            // A percent-encoded byte: in a path, the same byte.
            8 if at < input.len() => {
                drop(input.splice(at..=at, format!("%{:02X}", input[at]).into_bytes()))
            }
            _ => {
                let word = WORDS.choose(random).copied().unwrap_or_default();
                let until = if random.random() { to } else { at };
                drop(input.splice(at..until, word.iter().copied()));
            }
        }
    }
}
