//! The coverage table: the cells of the document that the tests have reached.
//!
//! ```text
//! rm -rf target/tmp/contract-coverage; cargo test; cargo run -p tools --bin coverage
//! ```
//!
//! It reads the records of all test processes and runs nothing itself. It exits with 1 if a
//! documented success was not reached, unless it is listed in `uncovered.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use test_support::contract::{self, Cell, DOCUMENT};

fn main() -> ExitCode {
    let (Some(folder), None) = (folder(), std::env::args().nth(2)) else {
        eprintln!("usage: coverage [FOLDER]");
        return ExitCode::from(2);
    };
    match visited(&folder) {
        Ok(visited) => report(&visited),
        Err(why) => {
            eprintln!("{}: {why}: run the tests first", folder.display());
            ExitCode::from(2)
        }
    }
}

/// The argument, or the folder where cargo tests write: `tmp` in the target folder.
fn folder() -> Option<PathBuf> {
    let given = std::env::args().nth(1).map(PathBuf::from);
    given.or_else(|| {
        Some(std::env::current_exe().ok()?.ancestors().nth(2)?.join("tmp/contract-coverage"))
    })
}

fn visited(folder: &Path) -> Result<BTreeSet<Cell>, String> {
    let mut cells = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(|e| e.to_string())? {
        let text = std::fs::read_to_string(entry.map_err(|e| e.to_string())?.path())
            .map_err(|e| e.to_string())?;
        for line in text.lines() {
            cells.insert(line.parse()?);
        }
    }
    Ok(cells)
}

/// The last two columns of the table.
#[derive(Default)]
struct Row {
    /// `None` for an undocumented content type, or if a required body is missing.
    successes: Vec<String>,
    refusals: Vec<String>,
}

fn report(visited: &BTreeSet<Cell>) -> ExitCode {
    let documented = DOCUMENT.cells();
    let mut rows: BTreeMap<_, Row> = BTreeMap::new();
    for cell in documented.union(visited) {
        let row = rows.entry((&cell.operation, &cell.content_type, &cell.security)).or_default();
        match (visited.contains(cell), cell.status < 400) {
            (true, true) => row.successes.push(cell.status.to_string()),
            (true, false) => row.refusals.push(cell.status.to_string()),
            (false, _) => row.successes.push(format!("**no {}**", cell.status)),
        }
    }
    println!(
        "| operation | content type | security | success | refusals seen |\n| --- | --- | --- | \
         --- | --- |"
    );
    for ((operation, content_type, security), Row { successes, refusals }) in rows {
        println!(
            "| {operation} | {content_type} | {security} | {} | {} |",
            successes.join(" "),
            refusals.join(" ")
        );
    }
    let excepted = contract::uncovered();
    let missing: Vec<&Cell> =
        documented.difference(visited).filter(|cell| !excepted.contains(*cell)).collect();
    let seen = documented.intersection(visited).count();
    println!(
        "\n{seen} of {} documented successes visited; {} excepted",
        documented.len(),
        excepted.len()
    );
    missing.iter().for_each(|cell| println!("not visited: {cell}"));
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
