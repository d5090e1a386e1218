//! SECURITY.md keeps its word: every test that it names exists and is run, and there are sixty promises and more.

use std::path::Path;

const SECURITY: &str = include_str!("../SECURITY.md");
const CI: &str = include_str!("../.ci/run");
const JUSTFILE: &str = include_str!("../justfile");

struct Row {
    /// The last `## ` before it.
    section: &'static str,
    cells: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    let (mut section, mut rows) = ("", Vec::new());
    for line in SECURITY.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        }
        let Some(line) = line.strip_prefix("| ").and_then(|line| line.strip_suffix('|')) else { continue };
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let is_heading = cells.last() == Some(&"test") || cells[0].starts_with("---");
        if !is_heading {
            rows.push(Row { section, cells });
        }
    }
    rows
}

/// What stands between backticks.
fn named(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

/// Why a test counts for nothing, if it does not.
fn fault(file: &str, function: &str) -> Option<String> {
    let Some(text) = read(file) else { return Some("there is no such file".to_owned()) };
    let is_it = |line: &str| line.trim_start().trim_start_matches("async ").starts_with(&format!("fn {function}("));
    let Some(at) = text.lines().position(is_it) else { return Some("there is no such test".to_owned()) };
    let before: Vec<&str> = text.lines().take(at).collect();
    let attributes = before.iter().rev().take_while(|line| line.trim_start().starts_with(['#', '/'])).copied();
    let attributes = attributes.collect::<Vec<_>>().join("\n");
    if function == "main" {
        // An example, which is run as a step.
        let example = Path::new(file).file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        return (!CI.contains(&format!("--example {example}"))).then(|| "CI does not run this example".to_owned());
    }
    if !attributes.contains("test]") && !attributes.contains("test(") {
        return Some("this is no test".to_owned());
    }
    let program = file.trim_start_matches("tests/").split(['/', '.']).next().unwrap_or_default();
    // Those on PostgreSQL run within the ordinary tests of a machine that has it, as CI's has.
    let is_on_postgresql = attributes.contains("cargo test --test postgresql") && CI.contains("\nstep postgresql ");
    let is_asked_for = is_on_postgresql || CI.contains(&format!("cargo test --test {program} -- --ignored"));
    (attributes.contains("#[ignore") && !is_asked_for).then(|| "nobody runs what is ignored".to_owned())
}

#[test]
fn every_test_that_a_promise_names_exists_and_is_run() {
    let mut faults = Vec::new();
    let mut tests = 0;
    for row in rows().iter().filter(|row| row.section == "Promises" || row.section.contains("RFC 9700")) {
        let [promise, source, test] = row.cells[..] else {
            faults.push(format!("three cells are a row: {:?}", row.cells));
            continue;
        };
        if source.is_empty() || (named(test).next().is_none() && row.section == "Promises") {
            faults.push(format!("`{promise}` has no source or no test"));
        }
        for name in named(test) {
            tests += 1;
            let why = match name.split_once("::") {
                Some((file, function)) => fault(file, function),
                // The page says so: these are all in one file.
                None if !name.contains('/') => fault("tests/social.rs", name),
                None if read(name).is_none() => Some("there is no such file".to_owned()),
                None => {
                    let is_run = CI.contains(name) || JUSTFILE.contains(name);
                    (!is_run).then(|| "neither CI nor a recipe runs it".to_owned())
                }
            };
            faults.extend(why.map(|why| format!("`{name}`: {why}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tests >= 60, "{tests}");
}

#[test]
fn there_are_sixty_promises_and_none_twice() {
    let rows = rows();
    let mut promises: Vec<&str> = rows.iter().filter(|row| row.section == "Promises").map(|row| row.cells[0]).collect();
    let all = promises.len();
    promises.sort_unstable();
    promises.dedup();
    assert_eq!(promises.len(), all);
    assert!(all >= 60, "{all}");
}

/// The table of departures names files.
#[test]
fn every_file_that_a_departure_names_exists() {
    let rows = rows();
    let departures: Vec<&Row> = rows.iter().filter(|row| row.section.starts_with("Deliberate differences")).collect();
    assert!(departures.len() >= 15, "{}", departures.len());
    for row in departures {
        let file = named(row.cells[row.cells.len() - 1]).next().unwrap();
        assert!(read(file).or_else(|| read(&format!("src/{file}"))).is_some(), "{file}");
    }
}

/// The judge is put to the test.
#[test]
fn a_test_that_is_missing_no_test_or_never_run_is_found_out() {
    assert!(fault("tests/limits.rs", "spellings_of_a_name_share_one_limit").is_none());
    assert!(fault("tests/limits.rs", "no_such_test").is_some());
    assert!(fault("tests/no_such_file.rs", "x").is_some());
    assert!(fault("tests/limits.rs", "assert_throttled").is_some(), "a helper is no test");
    assert!(fault("tests/import.rs", "a_whole_inventree_database_moves_in").is_some(), "ignored, and in no step");
    assert!(
        fault("tests/operators.rs", "password_is_asked_for_twice_at_a_terminal").is_none(),
        "ignored, and in a step"
    );
}
