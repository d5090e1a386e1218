//! CONTRIBUTING.md: no line of Rust has more than 100 columns, and no file more than 500 lines.
//!
//! rustfmt wraps code at 100 columns, but not strings, comments and macros.

use std::path::{Path, PathBuf};

use crate::markdown::root;

const MAX_COLUMNS: usize = 100;
const MAX_LINES: usize = 500;

/// Files that may have more lines, each with the reason.
const TABLES: [(&str, &str); 1] = [(
    "crates/specbound-contract/src/compatibility/tests/operations/rows.rs",
    "one row for each change of an operation",
)];

/// Code that a program writes, and builds.
const NOT_WRITTEN_HERE: [&str; 2] = ["generated", "target"];

/// Every Rust file that is written by hand.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !NOT_WRITTEN_HERE.contains(&name.as_str()) {
                found.append(&mut files(&path));
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found
}

/// The faults of one file, each with the place.
fn faults(name: &str, text: &str, is_table: bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let columns = line.chars().count();
        if columns > MAX_COLUMNS {
            faults.push(format!("{name}:{number}: {columns} columns"));
        }
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !is_table {
        faults.push(format!("{name}: {lines} lines"));
    }
    faults
}

#[test]
fn lines_and_files_are_short() {
    let root = root();
    let mut found = Vec::new();
    let mut tables = TABLES.map(|(name, _)| name).to_vec();
    let files = files(&root);
    assert!(files.contains(&root.join("src/main.rs")) && files.contains(&root.join(file!())));
    for path in files {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        found.append(&mut faults(&name, &text, TABLES.iter().any(|(table, _)| *table == name)));
        if text.lines().count() > MAX_LINES {
            tables.retain(|table| *table != name);
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(tables.is_empty(), "need no exception any more: {tables:?}");
}

#[test]
fn long_lines_and_files_are_detected() {
    let widest = "ü".repeat(MAX_COLUMNS);
    let longest = "\n".repeat(MAX_LINES);
    assert_eq!(faults("a.rs", &widest, false), [""; 0]);
    assert_eq!(faults("a.rs", &longest, false), [""; 0]);
    assert_eq!(faults("a.rs", &format!("\n{widest}x\n"), false), ["a.rs:2: 101 columns"]);
    assert_eq!(faults("a.rs", &format!("{longest}\n"), false), ["a.rs: 501 lines"]);
    // A table may be long, not wide.
    let table = format!("{longest}{widest}x\n");
    assert_eq!(faults("a.rs", &table, true), ["a.rs:501: 101 columns"]);
}
