//! Generates code for each document of a folder and prints a table:
//! `cargo run --example corpus -- FOLDER|FILE... [--refusals] [--write OUTPUT]
//! [--check|--test|--seen WORK] [--table FILE]`.
//!
//! Each document is taken strictly, or leniently, or refused; with its operations, the lines of the
//! server and the client, the time and, on Linux, the most memory. `--check` makes a project of
//! each document below WORK and type-checks server, client and tests; `--test` runs the tests,
//! which start the server and call each operation. Their projects share one target folder,
//! CARGO_TARGET_DIR or `target` below WORK. `--seen` reads the logs of an earlier `--test`.
//! `--table` writes rows of Markdown, with the commit whose tests ran.

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use specbound_codegen::{Dependencies, Error, Generated, Layout, Mode, Settings, generate_from};
use specbound_contract::{ReadOptions, report};

struct Arguments {
    paths: Vec<PathBuf>,
    shows_refusals: bool,
    output: Option<PathBuf>,
    /// The folder of the projects, and what cargo does with each.
    work: Option<(PathBuf, &'static str)>,
    table: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn StdError>> {
    let arguments = arguments()?;
    let (mut strict, mut lenient, mut refused, mut failed) = (0, 0, 0, 0);
    let mut documents_of = Vec::new();
    // Of an earlier run it is not known.
    let ran = arguments.work.as_ref().is_some_and(|(_, what)| *what == "test");
    let commit = if ran { commit() } else { String::new() };
    for path in &arguments.paths {
        documents_of.extend(documents(path)?);
    }
    let mut rows = TABLE.to_owned();
    for path in &documents_of {
        forget_peak_memory();
        let started = Instant::now();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let outcome = outcome(path);
        let (took, memory) = (started.elapsed().as_secs_f64(), peak_memory());
        let (verdict, lines) = match &outcome {
            Outcome::Taken(generated, Mode::Strict) => {
                strict += 1;
                (format!("taken, {} notes", generated.unenforced.len()), size(generated))
            }
            Outcome::Taken(generated, Mode::Lenient) => {
                lenient += 1;
                (format!("lenient, {} notes", generated.unenforced.len()), size(generated))
            }
            Outcome::Refused(lines) => {
                refused += 1;
                (format!("refused in {} places", lines.len()), String::new())
            }
        };
        println!("{name:32} {verdict:24} {lines:36} {took:>7.2} s  {memory:>5} MB");
        let mut tests = "".to_owned();
        match &outcome {
            Outcome::Taken(generated, mode) => {
                if let Some(output) = &arguments.output {
                    write(&output.join(&*name), generated)?;
                }
                if let Some((work, what)) = &arguments.work {
                    let log = runs(work, what, path, generated, *mode)?;
                    let no_tests = if *what == "seen" { "not seen" } else { "failed" };
                    failed += usize::from(log.is_none());
                    tests = log.map_or(no_tests.to_owned(), |passed| passed.to_string());
                }
            }
            Outcome::Refused(lines) => {
                let shown = if arguments.shows_refusals { lines.len() } else { 3 };
                lines.iter().take(shown).for_each(|line| println!("    {line}"));
            }
        }
        rows.push_str(&row(path, &outcome, (took, memory), (&tests, &commit))?);
    }
    if let Some(table) = &arguments.table {
        std::fs::write(table, rows)?;
    }
    println!("{strict} taken, {lenient} leniently, {refused} refused, {failed} of them failed");
    if failed > 0 { Err("a project failed".into()) } else { Ok(()) }
}

fn arguments() -> Result<Arguments, Box<dyn StdError>> {
    let usage = "usage: corpus FOLDER|FILE... [--refusals] [--write OUTPUT] \
                 [--check|--test|--seen WORK] [--table FILE]";
    let mut all = std::env::args().skip(1);
    let mut arguments = Arguments {
        paths: Vec::new(),
        shows_refusals: false,
        output: None,
        work: None,
        table: None,
    };
    while let Some(argument) = all.next() {
        match argument.as_str() {
            "--refusals" => arguments.shows_refusals = true,
            "--write" => arguments.output = Some(all.next().ok_or(usage)?.into()),
            "--check" => arguments.work = Some((all.next().ok_or(usage)?.into(), "check")),
            "--test" => arguments.work = Some((all.next().ok_or(usage)?.into(), "test")),
            "--seen" => arguments.work = Some((all.next().ok_or(usage)?.into(), "seen")),
            "--table" => arguments.table = Some(all.next().ok_or(usage)?.into()),
            path if !path.starts_with("--") => arguments.paths.push(path.into()),
            _ => return Err(usage.into()),
        }
    }
    if arguments.paths.is_empty() { Err(usage.into()) } else { Ok(arguments) }
}

fn documents(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(vec![folder.to_owned()]);
    }
    let mut documents: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    // Tools leave their own files there.
    documents.retain(|path| path.is_file());
    documents.sort();
    Ok(documents)
}

enum Outcome {
    Taken(Box<Generated>, Mode),
    Refused(Vec<String>),
}

fn outcome(path: &Path) -> Outcome {
    let source = match report::read_document(path, ReadOptions::default()) {
        Ok(document) => document.value,
        Err(why) => return Outcome::Refused(vec![why.to_string()]),
    };
    let generate = |mode| generate_from(&source, &Settings::default(), mode);
    match generate(Mode::Strict) {
        Ok(generated) => Outcome::Taken(Box::new(generated), Mode::Strict),
        Err(_) => match generate(Mode::Lenient) {
            Ok(generated) => Outcome::Taken(Box::new(generated), Mode::Lenient),
            Err(why) => Outcome::Refused(lines(&why)),
        },
    }
}

fn size(generated: &Generated) -> String {
    format!("{} operations, {} lines", generated.project.handlers.len(), code_lines(generated))
}

/// Of the server and the client in a project, which share the data types.
fn code_lines(generated: &Generated) -> usize {
    generated.server.lines().count() + generated.client_without_types().lines().count()
}

fn write(folder: &Path, generated: &Generated) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("server.rs"), &generated.server)?;
    std::fs::write(folder.join("client.rs"), &generated.client)
}

/// Makes a project and runs cargo on it. Its output stays beside it, in `cargo.log`. The number of
/// tests that passed; `None` if something failed.
fn runs(
    work: &Path,
    what: &str,
    document: &Path,
    generated: &Generated,
    mode: Mode,
) -> Result<Option<usize>, Box<dyn StdError>> {
    let stem = document.file_stem().unwrap_or_default().to_string_lossy();
    let name = stem.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let folder = work.join(&name);
    let passed = |log: &str| log.lines().filter(|line| line.ends_with("... ok")).count();
    if what == "seen" {
        let log = std::fs::read_to_string(folder.join("cargo.log")).unwrap_or_default();
        return Ok(log.contains("test result: ok").then(|| passed(&log)));
    }
    let file = document.file_name().unwrap_or_default().to_string_lossy();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let layout = Layout {
        name: &name,
        document: &file,
        mode,
        dependencies: Dependencies::Folder(&crates.to_string_lossy()),
    };
    for file in generated.project_files(&layout) {
        let path = folder.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        // An unchanged file need not be built again.
        if std::fs::read_to_string(&path).ok().as_ref() != Some(&file.text) {
            std::fs::write(path, file.text)?;
        }
    }
    std::fs::copy(document, folder.join(&*file))?;
    let started = Instant::now();
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let output = Command::new("cargo")
        .args([what, "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .args(if what == "check" { ["--all-targets"] } else { ["--test=operations"] })
        .env("CARGO_TARGET_DIR", target.unwrap_or_else(|| work.join("target").into()))
        .output()?;
    let log = [&output.stdout[..], &output.stderr].concat();
    let log = String::from_utf8_lossy(&log);
    std::fs::write(folder.join("cargo.log"), &*log)?;
    let passed = passed(&log);
    let took = started.elapsed().as_secs_f64();
    let verdict = if output.status.success() { "ok" } else { "FAILED" };
    println!("    {what} {verdict}, {passed} tests, {took:.0} s");
    let errors = log.lines().filter(|line| {
        line.starts_with("error") || line.contains("... FAILED") || line.starts_with("warning")
    });
    errors.take(5).for_each(|line| println!("      {line}"));
    Ok(output.status.success().then_some(passed))
}

fn lines(error: &Error) -> Vec<String> {
    error.to_string().lines().map(str::to_owned).collect()
}

const TABLE: &str = "\
| document | kB | taken | not enforced or left out | operations | lines | s | MB | \
tests passed | seen at |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

fn row(
    document: &Path,
    outcome: &Outcome,
    (took, memory): (f64, u64),
    (tests, commit): (&str, &str),
) -> std::io::Result<String> {
    let name = document.file_name().unwrap_or_default().to_string_lossy();
    let size = std::fs::metadata(document)?.len() / 1000;
    let (verdict, notes, operations, lines) = match outcome {
        Outcome::Taken(generated, mode) => {
            let lines = code_lines(generated);
            let verdict = if *mode == Mode::Strict { "as it is" } else { "`--lenient`" };
            (verdict, generated.unenforced.len(), generated.project.handlers.len(), lines)
        }
        Outcome::Refused(lines) => ("refused", lines.len(), 0, 0),
    };
    Ok(format!(
        "| `{name}` | {size} | {verdict} | {notes} | {operations} | {lines} | {took:.2} | {memory} \
         | {tests} | {commit} |\n"
    ))
}

/// The commit of the crates that the projects use; empty outside of a checkout.
fn commit() -> String {
    let mut command = Command::new("git");
    command.args(["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short", "HEAD"]);
    let output = command.output().ok().filter(|output| output.status.success());
    output.map_or_else(String::new, |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}

/// From here on the peak is counted anew.
fn forget_peak_memory() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// In megabytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok()
    });
    peak.unwrap_or(0) / 1024
}
