//! Runs the server's tests on PostgreSQL: the same programs, with a database server in the
//! environment.
//!
//! Arguments are passed on, as in `cargo test --test postgresql -- racing`. Without PostgreSQL it
//! prints the number of tests left out of each program. The PostgreSQL server runs in a temporary
//! directory and stops with this program.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use test_support::postgres::{Cluster, DATA, PORT};

/// Programs that never open a database, or always an SQLite file.
const WITHOUT_DATABASE: &[&str] = &["docs", "generator", "mutation", "postgresql"];

/// Tests of SQLite files, their directory or their locks, which do not apply to PostgreSQL.
const OF_FILES: &[(&str, &[&str])] = &[
    (
        "server",
        &[
            "asvs::server_writes_only_its_database",
            "connections::idle_clients_are_evicted_for_new_ones",
            "failure::no_write_needs_a_temporary_file",
            "mailbox_page_exists_in_the_demo_only",
            "schema::",
            "tls::",
        ],
    ),
    (
        "cli",
        &[
            "backup::",
            "compatibility::",
            "contract::",
            "manual::",
            "operators::refusals::foreign_file_is_refused_and_unchanged",
            "operators::administrators::missing_secret_key_file",
            // Ignored, and need more than PostgreSQL.
            "import::servers::million_accounts",
            "import::dumps::mariadb_dump_imports",
            "import::sources::inventree_database_is_imported",
            "operators::administrators::terminal_prompt_asks_for_the_password_twice",
        ],
    ),
    (
        "inventree_auth",
        &["database_file_is_readable_by_its_owner_only", "missing_folder_is_an_error"],
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let programs = test_programs();
    for (name, path) in &programs {
        assert_skipped_tests_exist(name, path);
    }
    let Some(cluster) = Cluster::start(false) else {
        let counted: Vec<(&str, usize)> =
            programs.iter().map(|(name, path)| (name.as_str(), count(name, path))).collect();
        let all: usize = counted.iter().map(|(_, count)| count).sum();
        let of: Vec<String> =
            counted.iter().map(|(name, count)| format!("{name} {count}")).collect();
        println!("\nPostgreSQL is not installed: {all} tests are left out ({})\n", of.join(", "));
        return ExitCode::SUCCESS;
    };
    let mut failed = Vec::new();
    for (name, path) in &programs {
        println!("\nOn PostgreSQL: {name}");
        let mut run = Command::new(path);
        run.args(&arguments)
            .args(chosen(name))
            .args(skipped(name).iter().flat_map(|test| ["--skip", test]));
        run.env(PORT, cluster.port.to_string()).env(DATA, cluster.data());
        if !run.status().expect("the program runs").success() {
            failed.push(name.as_str());
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nFailed on PostgreSQL: {}\n", failed.join(", "));
    ExitCode::FAILURE
}

/// Tests that require PostgreSQL are ignored elsewhere.
fn chosen(program: &str) -> &'static [&'static str] {
    if ["cli", "inventree_auth", "server"].contains(&program) {
        &["--include-ignored"]
    } else {
        &[]
    }
}

fn skipped(program: &str) -> &'static [&'static str] {
    OF_FILES.iter().find(|(name, _)| *name == program).map_or(&[], |(_, tests)| tests)
}

/// A test that was renamed would run on PostgreSQL, where it does not apply.
fn assert_skipped_tests_exist(name: &str, path: &PathBuf) {
    let tests = list(path, &[]);
    for skipped in skipped(name) {
        assert!(tests.iter().any(|test| test.contains(skipped)), "{name} has no test {skipped}");
    }
}

fn count(name: &str, path: &PathBuf) -> usize {
    let skipped = skipped(name).iter().flat_map(|test| ["--skip", test]);
    list(path, &chosen(name).iter().copied().chain(skipped).collect::<Vec<_>>()).len()
}

/// The tests of a program.
fn list(path: &PathBuf, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(path).arg("--list").args(arguments).output();
    let output = String::from_utf8(output.expect("the program runs").stdout).expect("text");
    output.lines().filter_map(|line| line.strip_suffix(": test").map(str::to_owned)).collect()
}

/// The programs of all files in tests/ that may open a database, and the unit tests of the
/// library.
fn test_programs() -> Vec<(String, PathBuf)> {
    let mut wanted: BTreeSet<String> = std::fs::read_dir("tests")
        .expect("the package's folder")
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_program =
                path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").exists();
            is_program.then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
        })
        .collect();
    wanted.retain(|name| !WITHOUT_DATABASE.contains(&name.as_str()));
    let mut build = Command::new(env!("CARGO"));
    build.args(["test", "--workspace", "--no-run", "--message-format=json", "--lib"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    build.args(wanted.iter().flat_map(|name| ["--test", name]));
    let built = build.stderr(std::process::Stdio::inherit()).output().expect("cargo runs");
    assert!(built.status.success(), "the tests cannot be built");
    let messages = String::from_utf8(built.stdout).expect("JSON");
    let programs: Vec<(String, PathBuf)> = messages
        .lines()
        .filter_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let name = message["target"]["name"].as_str()?;
            let is_wanted = name == "inventree_auth" || wanted.contains(name);
            (is_wanted && message["profile"]["test"] == true)
                .then(|| Some((name.to_owned(), message["executable"].as_str()?.into())))?
        })
        .collect();
    assert_eq!(programs.len(), wanted.len() + 1, "{programs:?}");
    programs
}
