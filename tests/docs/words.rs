//! Plain words: the frequency of clauses that begin with `what`, and of indefinite pronouns.
//!
//! # Definitions
//!
//! - *Prose* of a Markdown document: its text without code blocks, texts in backticks, link
//!   targets and HTML comments. Headings and table cells count. Prose of Rust code: comments on
//!   lines of their own (`//`, `///`, `//!`), read as Markdown.
//! - A *word* is a run of letters, digits, apostrophes and hyphens with at least one letter.
//! - A *nominal* `what` is the word `what` or `whatever` in a sentence that is not a question. A
//!   sentence ends at `.`, `!`, `?`, `:`, `;`, `|` or a blank line; it is a question if it ends at
//!   `?`.
//! - An *indefinite* is one of [`INDEFINITES`], also with `'s`.
//!
//! The limits apply to each thousand words of all documents together, of the comments of the code,
//! and of the comments of the tests. `cargo test --test docs words -- --nocapture` prints the
//! figures.

use std::path::Path;

use crate::markdown::{documents, root, without_code};

const MAX_WHAT: f64 = 1.5;
const MAX_INDEFINITE: f64 = 0.1;
const INDEFINITES: [&str; 7] =
    ["nobody", "somebody", "everybody", "anybody", "someone", "everyone", "whoever"];

#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Count {
    words: usize,
    what: usize,
    indefinite: usize,
}

impl Count {
    fn add(self, other: Count) -> Count {
        Count {
            words: self.words + other.words,
            what: self.what + other.what,
            indefinite: self.indefinite + other.indefinite,
        }
    }

    fn per_thousand(self, count: usize) -> f64 {
        count as f64 * 1000.0 / self.words.max(1) as f64
    }

    fn what_per_thousand(self) -> f64 {
        self.per_thousand(self.what)
    }

    fn indefinite_per_thousand(self) -> f64 {
        self.per_thousand(self.indefinite)
    }

    fn print(self, name: &str) {
        println!(
            "{name}: {} words; nominal what {} ({:.2} in 1,000); indefinite {} ({:.2} in 1,000)",
            self.words,
            self.what,
            self.what_per_thousand(),
            self.indefinite,
            self.indefinite_per_thousand()
        );
    }
}

/// Counts Markdown.
fn count(markdown: &str) -> Count {
    let prose = without_link_targets(&without_html_comments(&without_code(markdown)));
    let prose = prose.replace("\n\n", "|").replace('’', "'");
    let mut total = Count::default();
    for sentence in prose.split_inclusive(['.', '!', '?', ':', ';', '|']) {
        let is_question = sentence.ends_with('?');
        let words =
            sentence.split(|letter: char| !(letter.is_alphanumeric() || "'-".contains(letter)));
        for word in words.filter(|word| word.contains(char::is_alphabetic)) {
            let word = word.trim_matches(['\'', '-']).to_lowercase();
            let word = word.strip_suffix("'s").unwrap_or(&word);
            total.words += 1;
            total.what += usize::from(!is_question && ["what", "whatever"].contains(&word));
            total.indefinite += usize::from(INDEFINITES.contains(&word));
        }
    }
    total
}

fn without_html_comments(text: &str) -> String {
    let mut parts = text.split("<!--");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + part.split_once("-->").map_or("", |(_, after)| after))
}

fn without_link_targets(text: &str) -> String {
    let mut parts = text.split("](");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + " " + part.split_once(')').map_or("", |(_, after)| after))
}

/// The comments of Rust code as Markdown: one paragraph for each run of comment lines.
fn comments(code: &str) -> String {
    let mut text = String::new();
    for line in code.lines() {
        match line.trim_start().strip_prefix("//") {
            Some(comment) => {
                let comment = comment.trim_start_matches(['/', '!']);
                text.push_str(comment.strip_prefix(' ').unwrap_or(comment));
                text.push('\n');
            }
            None if !text.ends_with("\n\n") => text.push_str("\n\n"),
            None => {}
        }
    }
    text
}

fn rust_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir()
            && !["target", "generated", "node_modules"].contains(&name.as_str())
            && !name.starts_with('.')
        {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn documents_use_plain_words() {
    let counts: Vec<(String, Count)> =
        documents().into_iter().map(|document| (document.path, count(&document.text))).collect();
    let total = counts.iter().fold(Count::default(), |total, (_, count)| total.add(*count));
    for (path, count) in counts.iter().filter(|(_, count)| count.what + count.indefinite > 0) {
        count.print(path);
    }
    total.print("all documents");
    assert!(total.words > 5_000, "{total:?}");
    assert!(total.what_per_thousand() <= MAX_WHAT, "{total:?}");
    assert!(total.indefinite_per_thousand() <= MAX_INDEFINITE, "{total:?}");
}

#[test]
fn comments_use_plain_words() {
    let mut files = Vec::new();
    rust_files(&root(), &mut files);
    let of = |is_test: bool| {
        let chosen = files.iter().filter(|path| {
            path.strip_prefix(root()).is_ok_and(|path| {
                ["tests", "benches", "tools"]
                    .iter()
                    .any(|folder| path.components().any(|part| part.as_os_str() == *folder))
            }) == is_test
        });
        let counts = chosen.map(|path| count(&comments(&std::fs::read_to_string(path).unwrap())));
        counts.fold(Count::default(), Count::add)
    };
    let (code, tests) = (of(false), of(true));
    code.print("comments of the code");
    tests.print("comments of the tests");
    assert!(code.words > 5_000 && tests.words > 1_000, "{code:?} {tests:?}");
    for count in [code, tests] {
        assert!(count.what_per_thousand() <= MAX_WHAT, "{count:?}");
        assert!(count.indefinite_per_thousand() <= MAX_INDEFINITE, "{count:?}");
    }
}

#[test]
fn nominal_what_and_indefinites_are_counted_and_questions_are_not() {
    let of = |text: &str| {
        let count = count(text);
        (count.words, count.what, count.indefinite)
    };
    assert_eq!(of("It does what it says. What is it? Whatever."), (9, 2, 0));
    assert_eq!(
        of("Nobody's key, somebody\nelse’s `what` and [what](what.md) <!-- what -->"),
        (6, 1, 2)
    );
    assert_eq!(of("| what | x |\n\n```\nwhat\n```\n# What it is\n"), (5, 2, 0));
    assert_eq!(comments("//! a\n//! b\nfn what() {} // what\n    /// c\n"), "a\nb\n\n\nc\n");
    assert_eq!(of(&comments("//! what\nlet what = 1;\n// nobody")), (2, 1, 1));
}
