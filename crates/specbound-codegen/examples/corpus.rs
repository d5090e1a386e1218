//! Generates code for each document of a folder and prints a table:
//! `cargo run --example corpus -- FOLDER [--refusals] [--write OUTPUT]`.
//!
//! Each document is taken strictly, or leniently, or refused; with the time and, on Linux, the most
//! memory used so far.

use std::path::{Path, PathBuf};
use std::time::Instant;

use specbound_codegen::{Error, Generated, Mode, Settings, generate_from};
use specbound_contract::{ReadOptions, report};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().ok_or("usage: corpus FOLDER [--refusals] [--write OUTPUT]")?;
    let shows_refusals = arguments.iter().any(|argument| argument == "--refusals");
    let output = arguments
        .iter()
        .position(|argument| argument == "--write")
        .and_then(|n| arguments.get(n + 1));
    let mut documents: Vec<PathBuf> = match Path::new(folder).is_dir() {
        true => std::fs::read_dir(folder)?
            .map(|entry| entry.map(|e| e.path()))
            .collect::<Result<_, _>>()?,
        false => vec![folder.into()],
    };
    documents.sort();
    let (mut strict, mut lenient, mut refused) = (0, 0, 0);
    for path in &documents {
        let started = Instant::now();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (verdict, details) = match read(path) {
            Err(why) => {
                refused += 1;
                ("unreadable".to_owned(), vec![why])
            }
            Ok(source) => match (generate(&source, Mode::Strict), generate(&source, Mode::Lenient))
            {
                (Ok(generated), _) => {
                    strict += 1;
                    write(output, &name, &generated)?;
                    (format!("taken, {} notes", generated.unenforced.len()), Vec::new())
                }
                (Err(why), Ok(generated)) => {
                    lenient += 1;
                    write(output, &name, &generated)?;
                    (format!("lenient, {} notes", generated.unenforced.len()), lines(&why))
                }
                (_, Err(why)) => {
                    refused += 1;
                    let details = lines(&why);
                    (format!("refused in {} places", details.len()), details)
                }
            },
        };
        println!(
            "{name:32} {verdict:28} {:>7.2} s  {:>5} MB",
            started.elapsed().as_secs_f64(),
            peak_memory()
        );
        let shown = if shows_refusals {
            details.len()
        } else if verdict.starts_with("refused") {
            3
        } else {
            0
        };
        let shown = if verdict == "unreadable" { 1 } else { shown };
        details.iter().take(shown).for_each(|line| println!("    {line}"));
    }
    println!(
        "{} documents: {strict} taken, {lenient} leniently, {refused} refused",
        documents.len()
    );
    Ok(())
}

fn read(path: &Path) -> Result<serde_json::Value, String> {
    report::read_document(path, ReadOptions::default())
        .map(|document| document.value)
        .map_err(|e| e.to_string())
}

fn generate(source: &serde_json::Value, mode: Mode) -> Result<Generated, Error> {
    generate_from(source, &Settings::default(), mode)
}

fn write(output: Option<&String>, name: &str, generated: &Generated) -> std::io::Result<()> {
    let Some(output) = output else { return Ok(()) };
    let folder = Path::new(output).join(name);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("server.rs"), &generated.server)?;
    std::fs::write(folder.join("client.rs"), &generated.client)
}

fn lines(error: &Error) -> Vec<String> {
    error.to_string().lines().map(str::to_owned).collect()
}

/// In megabytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok()
    });
    peak.unwrap_or(0) / 1024
}
